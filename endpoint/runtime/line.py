"""One direction of one stream over a network that is not perfect.

A stream loses nothing and keeps its order: what a packet loses is time. Bytes arrive after latency and jitter, behind what a slow link has
still to send, and after the repetitions of packets that were lost. While a path swallows packets they are repeated at growing distances, as
a TCP sender does (RFC 6298), until they pass or the sender gives up; so both ends may hold a connection that nothing passes any more.
"""

from __future__ import annotations

import asyncio
import errno
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from endpoint.runtime.clock import Clock, Timer
from endpoint.runtime.quality import MTU, TCP_HEADERS, TLS_OVERHEAD, Quality
from endpoint.runtime.way import Pipes, Way

RTO_MIN_S: Final = 0.2
RTO_SYN_S: Final = 1.0
RTO_MAX_S: Final = 60.0
"""Distances between repetitions: the first one, that of a connection that is being made, and the longest (RFC 6298)."""
GIVE_UP_S: Final = 924.6
"""A sender whose repetitions went unanswered for so long gives the connection up (Linux, tcp_retries2 = 15)."""
REPETITIONS_MAX: Final = 15
"""Repetitions of one packet that a share of loss can draw."""
PACKETS_DRAWN_MAX: Final = 1_000
"""Packets of one write whose loss is drawn; what comes behind them arrives with them."""
FAST_AFTER: Final = 3
"""Packets behind a lost one that let its sender know within a round trip (RFC 5681)."""


class _Parcel(NamedTuple):
    size: int
    deliver: Callable[[], object]


class Line:
    """One direction of one stream.

    Args:
        way: what the path is like; looked at whenever something is about to pass.
        is_sealed: whether what passes is sealed by TLS, which makes packets larger.
        on_gone: told why when the sender has given up, or was reset on the way.
    """

    __slots__ = (
        "_clock", "_flying", "_is_sealed", "_last_s", "_on_gone", "_pipes", "_retry", "_rto_s", "_stalled_s", "_waiting", "_way",
        "in_flight",
    )  # fmt: skip

    def __init__(
        self, clock: Clock, way: Way, pipes: Pipes, *, is_sealed: bool, on_gone: Callable[[Exception], object]
    ) -> None:
        self._clock = clock
        self._way = way
        self._pipes = pipes
        self._is_sealed = is_sealed
        self._on_gone = on_gone
        self._waiting: deque[_Parcel] = deque()
        self._flying: deque[tuple[_Parcel, Timer]] = deque()
        self._last_s = 0.0
        self._retry: Timer | None = None
        self._rto_s = 0.0
        self._stalled_s: float | None = None
        self.in_flight = 0
        """Bytes that are on their way or wait for it."""

    @property
    def is_empty(self) -> bool:
        """Say whether nothing is on its way."""
        return not self._waiting and not self._flying

    def push(self, size: int, deliver: Callable[[], object]) -> None:
        """Send so many bytes; `deliver` is called when they arrive, behind all that was sent before."""
        if self._way.touch():
            self.drop()
            self._on_gone(ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"))
            return
        if self.is_empty and self._way.is_clear:
            deliver()
            return
        self._waiting.append(_Parcel(size, deliver))
        self.in_flight += size
        if self._retry is None:
            self._send()

    async def passes(self, size: int, rto_s: float = 0.0) -> None:
        """Wait until so many bytes have arrived; `rto_s` is the least distance of repetitions."""
        arrived: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._rto_s = rto_s
        self.push(size, lambda: None if arrived.done() else arrived.set_result(None))
        await arrived

    def drop(self) -> None:
        """Forget what is on its way."""
        for _, arrival in self._flying:
            arrival.cancel()
        self._waiting.clear()
        self._flying.clear()
        self.in_flight = 0
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    def flush(self) -> None:
        """Let everything arrive now, in its order."""
        parcels = [*(parcel for parcel, _ in self._flying), *self._waiting]
        self.drop()
        for parcel in parcels:
            parcel.deliver()

    def _send(self) -> None:
        """Send what waits, up to the first packet that does not pass."""
        self._retry = None
        now_s = self._clock.time()
        while self._waiting:
            found = self._way.look()
            if self._way.swallows(self._packet(self._waiting[0].size, found)):
                self._stall(found, now_s)
                return
            parcel = self._waiting.popleft()
            self._last_s = max(self._last_s, now_s if found is None else self._arrival(parcel.size, found, now_s))
            self._stalled_s, self._rto_s = None, 0.0
            self._flying.append((parcel, self._clock.call_later(self._last_s - now_s, self._arrive)))

    def _stall(self, found: Quality | None, now_s: float) -> None:
        if self._stalled_s is None:
            self._stalled_s = now_s
            self._rto_s = max(self._rto_s, RTO_MIN_S, 2 * found.latency_s if found is not None else 0.0)
        elif now_s - self._stalled_s >= GIVE_UP_S:
            self.drop()
            self._on_gone(TimeoutError(errno.ETIMEDOUT, "Connection timed out"))
            return
        else:
            self._rto_s = min(2 * self._rto_s, RTO_MAX_S)
        self._retry = self._clock.call_later(self._rto_s, self._send)

    def _packet(self, size: int, found: Quality | None) -> int:
        """Return the bytes of the first packet that a write makes."""
        sealed = size + TCP_HEADERS + (TLS_OVERHEAD if self._is_sealed and size else 0)
        return min(sealed, MTU if found is None else found.mtu)

    def _arrival(self, size: int, found: Quality, now_s: float) -> float:
        """Return when the last byte of a write arrives."""
        packets = max(1, -(-size // (found.mtu - TCP_HEADERS)))
        through_s = self._pipes.through(found.rates, size + packets * TCP_HEADERS, now_s)
        return through_s + self._way.travel_s(found) + self._repetitions_s(packets, found)

    def _repetitions_s(self, packets: int, found: Quality) -> float:
        """Draw how much later a write arrives because packets of it were lost."""
        if not found.loss:
            return 0.0
        worst_s, round_trip_s = 0.0, 2 * found.latency_s
        for left in range(min(packets, PACKETS_DRAWN_MAX) - 1, -1, -1):
            late_s, rto_s, tries = 0.0, max(self._rto_s, RTO_MIN_S, 2 * round_trip_s), 0
            while tries < REPETITIONS_MAX and self._way.loses(found):
                is_fast = tries == 0 and left >= FAST_AFTER
                late_s += round_trip_s if is_fast else rto_s
                rto_s = rto_s if is_fast else min(2 * rto_s, RTO_MAX_S)
                tries += 1
            worst_s = max(worst_s, late_s)
        return worst_s

    def _arrive(self) -> None:
        parcel, _ = self._flying.popleft()
        self.in_flight -= parcel.size
        parcel.deliver()
