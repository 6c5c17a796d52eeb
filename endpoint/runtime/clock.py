"""Time: durations, timers and wall clocks.

One `TimeSource` per process gives the seconds since its start and fires timers; it is real, virtual, accelerated or stepped.
Each actor has a `Clock` on it: the same durations, and a wall time of its own that can be wrong.
Only this package asks the machine for the time.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time as machine_time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
STANDS_STILL_PPM = -1_000_000
CANCELLED_MAX = 100
"""Cancelled timers that stepped time carries along before it looks whether to clear them out."""
SETTLE_TURNS = 20
"""Turns of the loop between two timers of a jump: enough for an exchange over loopback."""


class Timer(Protocol):
    """A callback that has not fired yet."""

    def cancel(self) -> None:
        """Forget the callback; harmless after it has fired."""


class TimeSource(Protocol):
    """Seconds since the start of the run, and callbacks at given seconds."""

    start: datetime
    """Wall time at second 0, aware UTC."""

    def time(self) -> float:
        """Return the seconds since the start of the run, never falling."""
        ...

    def call_at(self, when_s: float, callback: Callable[..., object], *args: object) -> Timer:
        """Call back at second `when_s`, at once when that has passed."""
        ...


def machine_now() -> datetime:
    """Return the machine's own wall time, for runs in real time only."""
    return datetime.fromtimestamp(machine_time.time(), UTC)


def cpu_seconds() -> float:
    """Return the processor time that this process has used; for benchmarks and nothing else."""
    return machine_time.process_time()


def real_seconds() -> float:
    """Return a monotonic reading of real time; for benchmarks, progress on long work and the bound on real waiting."""
    return machine_time.perf_counter()


class LoopTime:
    """Take time and timers straight from the event loop: real on a real loop, virtual on the virtual one."""

    def __init__(self, loop: asyncio.AbstractEventLoop, start: datetime | None = None) -> None:
        self._loop = loop
        self._origin = loop.time()
        self.start = start or machine_now()

    def time(self) -> float:
        """Return the seconds since this source was made."""
        return self._loop.time() - self._origin

    def call_at(self, when_s: float, callback: Callable[..., object], *args: object) -> Timer:
        """Call back when the loop reaches second `when_s`."""
        return self._loop.call_at(self._origin + when_s, callback, *args)


class ScaledTime:
    """Let the seconds of the run pass `factor` times as fast as real ones (mode accelerated)."""

    def __init__(self, loop: asyncio.AbstractEventLoop, factor: float, start: datetime | None = None) -> None:
        if not 0 < factor <= 1000:
            raise ValueError("the factor of accelerated time is above 0 and at most 1000")
        self._loop = loop
        self._origin = loop.time()
        self.factor = factor
        self.start = start or machine_now()

    def time(self) -> float:
        """Return the accelerated seconds since this source was made."""
        return (self._loop.time() - self._origin) * self.factor

    def call_at(self, when_s: float, callback: Callable[..., object], *args: object) -> Timer:
        """Call back at accelerated second `when_s`."""
        return self._loop.call_at(self._origin + when_s / self.factor, callback, *args)


class _SteppedTimer:
    """A callback of stepped time; it runs in the context in which it was planned, as asyncio's own do."""

    __slots__ = ("_source", "args", "callback", "context", "when_us")

    def __init__(
        self, source: SteppedTime, when_us: int, callback: Callable[..., object], args: tuple[object, ...]
    ) -> None:
        self._source = source
        self.when_us = when_us
        self.callback: Callable[..., object] | None = callback
        self.args = args
        self.context = copy_context()

    def cancel(self) -> None:
        if self.callback is not None:
            self.callback, self.args = None, ()
            self._source.count_cancelled()

    def run(self, loop: asyncio.AbstractEventLoop) -> None:
        callback, args = self.callback, self.args
        self.callback, self.args = None, ()
        try:
            if callback is not None:
                self.context.run(callback, *args)
        except Exception as error:
            loop.call_exception_handler({"message": f"Exception in timer {callback!r}", "exception": error})


class SteppedTime:
    """Let time stand still, or pass at the real rate, and jump only when told (mode stepped).

    `advance` walks from timer to timer, so that what a timer starts can finish before the next one fires.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, *, frozen: bool = True, start: datetime | None = None) -> None:
        self._loop = loop
        self._frozen = frozen
        self._origin = loop.time()
        self._jumped_us = 0
        self._heap: list[tuple[int, int, _SteppedTimer]] = []
        self._cancelled = 0
        self._order = itertools.count()
        self._wake: asyncio.TimerHandle | None = None
        self._watchers: list[asyncio.Future[None]] = []
        self.start = start or machine_now()

    @property
    def is_frozen(self) -> bool:
        """Say whether time stands still between jumps."""
        return self._frozen

    @property
    def jumped_s(self) -> float:
        """Seconds that `advance` has added; whoever follows this source in another process jumps as far."""
        return self._jumped_us / 1e6

    async def moved(self, beyond_s: float, wait_s: float) -> None:
        """Wait until a jump is over that went beyond `jumped_s == beyond_s`, at the longest `wait_s` real seconds."""
        if self.jumped_s > beyond_s:
            return
        watcher: asyncio.Future[None] = self._loop.create_future()
        self._watchers.append(watcher)
        limit = self._loop.call_later(max(0.0, wait_s), _release, watcher)
        try:
            await watcher
        finally:
            limit.cancel()
            if watcher in self._watchers:
                self._watchers.remove(watcher)

    def time(self) -> float:
        """Return what was jumped, plus what has really passed unless frozen."""
        return self._jumped_us / 1e6 + (0.0 if self._frozen else self._loop.time() - self._origin)

    def _now_us(self) -> int:
        return round(self.time() * 1e6)

    def call_at(self, when_s: float, callback: Callable[..., object], *args: object) -> Timer:
        """Call back when a jump, or real time, reaches second `when_s`."""
        timer = _SteppedTimer(self, round(when_s * 1e6), callback, args)
        heapq.heappush(self._heap, (timer.when_us, next(self._order), timer))
        if self._heap[0][2] is timer:
            self._arm()
        return timer

    def count_cancelled(self) -> None:
        """Take note of a cancelled timer; while time stands still nothing else would ever remove it."""
        self._cancelled += 1
        if self._cancelled > CANCELLED_MAX and self._cancelled * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].callback is not None]
            heapq.heapify(self._heap)
            self._cancelled = 0

    def _due(self, horizon_us: int) -> _SteppedTimer | None:
        while self._heap and self._heap[0][0] <= horizon_us:
            timer = heapq.heappop(self._heap)[2]
            if timer.callback is not None:
                return timer
            self._cancelled = max(0, self._cancelled - 1)
        return None

    def _arm(self) -> None:
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        if self._heap:
            wait_s = (self._heap[0][0] - self._now_us()) / 1e6
            if wait_s <= 0 or not self._frozen:
                self._wake = self._loop.call_later(max(0.0, wait_s), self._fire)

    def _fire(self) -> None:
        self._wake = None
        timer = self._due(self._now_us())
        if timer is not None:
            timer.run(self._loop)
        self._arm()

    async def advance(self, seconds: float, settle: Callable[[], Awaitable[object]] | None = None) -> None:
        """Jump `seconds` ahead, firing every timer on the way at its own second.

        Args:
            seconds: 0 or more.
            settle: awaited first and after each timer, until nothing is in flight; without it the loop gets SETTLE_TURNS turns.
        """
        if seconds < 0:
            raise ValueError("time never goes back; give 0 or more seconds")
        settle = settle or _turns
        await settle()
        target_us = self._now_us() + round(seconds * 1e6)
        while (timer := self._due(target_us)) is not None:
            self._jumped_us += max(0, timer.when_us - self._now_us())
            timer.run(self._loop)
            await settle()
        self._jumped_us += max(0, target_us - self._now_us())
        self._arm()
        watchers, self._watchers = self._watchers, []
        for watcher in watchers:
            _release(watcher)


async def _turns() -> None:
    for _ in range(SETTLE_TURNS):
        await asyncio.sleep(0)


class Clock:
    """One actor's clock: the run's durations and timers, and a wall time that may be off."""

    __slots__ = ("_drift", "_watchers", "began_us", "source")

    def __init__(self, source: TimeSource, skew: timedelta = timedelta(0)) -> None:
        self.source = source
        self.began_us = (source.start + skew - EPOCH) // MICROSECOND
        """Wall time at second 0, in microseconds since 1970, had it always run at the right rate since it was last set."""
        self._drift: tuple[int, int] | None = None
        self._watchers: tuple[Callable[[], object], ...] = ()

    def time(self) -> float:
        """Return the seconds since the start of the run; durations are differences of this."""
        return self.source.time()

    def now(self) -> datetime:
        """Return this actor's wall time, aware UTC, in whole microseconds."""
        return EPOCH + timedelta(microseconds=self.wall_us(round(self.source.time() * 1e6)))

    def wall_us(self, elapsed_us: int) -> int:
        """Return the wall time, in microseconds since 1970, so many after the start of the run; not before the last change."""
        if self._drift is None:
            return self.began_us + elapsed_us
        since_us, ppm = self._drift
        return self.began_us + elapsed_us + (elapsed_us - since_us) * ppm // 1_000_000

    def run_at(self, ppm: int) -> None:
        """Let this actor's wall time gain so many parts per million from now on; 0 is the right rate, -1,000,000 stands still.

        Raises:
            ValueError: it would run backwards.
        """
        if ppm < STANDS_STILL_PPM:
            raise ValueError("a clock that runs slow stands still at most")
        elapsed_us = round(self.source.time() * 1e6)
        self.began_us = self.wall_us(elapsed_us) - elapsed_us
        self._drift = (elapsed_us, ppm) if ppm else None
        self._tell()

    def set_wall(self, instant: datetime) -> None:
        """Set this actor's wall time. Durations and timers do not move."""
        self.jump_wall(instant - self.now())

    def watch(self, watcher: Callable[[], object]) -> Callable[[], None]:
        """Tell `watcher` whenever the wall time is set, jumps or changes its rate, until what is returned is called."""
        self._watchers += (watcher,)

        def end() -> None:
            self._watchers = tuple(known for known in self._watchers if known is not watcher)

        return end

    def jump_wall(self, by: timedelta) -> None:
        """Move this actor's wall time only."""
        self.began_us += by // MICROSECOND
        self._tell()

    def _tell(self) -> None:
        for watcher in self._watchers:
            watcher()

    def call_later(self, delay_s: float, callback: Callable[..., object], *args: object) -> Timer:
        """Call back `delay_s` seconds from now."""
        return self.source.call_at(self.source.time() + max(0.0, delay_s), callback, *args)

    async def sleep(self, delay_s: float) -> None:
        """Wait `delay_s` seconds of this clock."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        timer = self.call_later(delay_s, _release, future)
        try:
            await future
        finally:
            timer.cancel()

    @asynccontextmanager
    async def timeout(self, delay_s: float | None) -> AsyncIterator[None]:
        """Raise TimeoutError in the block once `delay_s` seconds of this clock have passed; None = never."""
        if delay_s is None:
            yield
            return
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(None) as scope:
            timer = self.call_later(delay_s, lambda: scope.reschedule(loop.time()))
            try:
                yield
            finally:
                timer.cancel()


def _release(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def iso_ms(instant: datetime) -> str:
    """Print an instant as the cloud does: `2022-04-26T13:15:00.000Z`."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def iso_seconds(instant: datetime) -> str:
    """Print an instant as the xAPI does: `2022-04-26T13:15:00Z`."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_iso(text: str) -> datetime:
    """Read an ISO 8601 instant with a zone.

    Raises:
        ValueError: not ISO 8601, no zone is given, or it is outside the calendar in UTC.
    """
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} has no zone; write 2026-03-02T08:50:00Z")
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text!r} is outside the years 1 to 9999") from None
