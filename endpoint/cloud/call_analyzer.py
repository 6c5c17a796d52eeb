"""Call Analyzer: what happens in a call, told to the log at once and to the metrics service in batches.

A call has one `CallEvents`, which knows its identifiers and tells each event; the batches are those of all calls of the device. A device
without calls holds nothing here but the empty object. Nothing is sent without a registration: the anonymous service, which
`Webex Privacy AllowUsageDataLogging` allows, is another one and is not used.

Source: protocol/activation-and-media.md section 12, lines L13 and L14; protocol/cloud-services.md 11.1 (batches), 11.2 (envelope).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from endpoint.cloud.catalog import ServiceCatalog
from endpoint.cloud.http import Call
from endpoint.cloud.identity import Identity
from endpoint.cloud.profile import Profile
from endpoint.runtime.clock import Timer, iso_ms
from endpoint.runtime.errors import EndpointError, Unreachable
from endpoint.runtime.tasks import Tasks
from endpoint.runtime.world import World
from endpoint.wire.client_metrics import (
    METRICS_PATH,
    ClientError,
    EventName,
    MediaStats,
    MediaType,
    Told,
    Trigger,
    body,
    origin,
)
from endpoint.wire.wdm import Device

DEBOUNCE_S: Final = 0.5
WAIT_MAX_S: Final = 1.5
"""From the first event of a batch to its sending, however many follow."""
BATCH_MAX: Final = 50
QUEUE_MAX: Final = 500
"""Events that wait while the metrics service cannot be reached; the oldest leave."""
RETRIES_S: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Waits before a batch is sent again that met no network; the last one holds for the rest."""
RETRIES_MAX: Final = 12
QUALITY_S: Final = 60.0


class CallAnalyzer:
    """Tell of the calls of one device.

    Args:
        registration: gives the registration of the moment; None: events go to the log only.
        address: gives the device's own address, which is sent without its last part.
    """

    __slots__ = (
        "_address", "_catalog", "_first_s", "_identity", "_profile", "_queue", "_registration", "_sending", "_tasks", "_timer", "dropped",
        "world",
    )  # fmt: skip

    def __init__(
        self,
        world: World,
        identity: Identity,
        catalog: ServiceCatalog,
        tasks: Tasks,
        profile: Profile,
        *,
        registration: Callable[[], Device | None],
        address: Callable[[], str] = lambda: "",
    ) -> None:
        self.world = world
        self._identity = identity
        self._catalog = catalog
        self._tasks = tasks
        self._profile = profile
        self._registration = registration
        self._address = address
        self._queue: deque[Told] | None = None
        self._first_s = 0.0
        self._timer: Timer | None = None
        self._sending: asyncio.Task[None] | None = None
        self.dropped = 0
        """Events that were never delivered."""

    def begin(self, correlation_id: str, number: int = 0) -> CallEvents:
        """Begin to tell of a call; `number` is what the log calls it by (`p=2`)."""
        return CallEvents(self, correlation_id, number)

    def stop(self) -> None:
        """Forget what has not been sent; the device goes off."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._queue = None

    # -- batches --

    def identifiers(self, known: Mapping[str, str]) -> dict[str, str] | None:
        """Complete the identifiers of an event; None while the device is not registered."""
        registration = self._registration()
        if registration is None:
            return None
        found = {"userId": registration.user_id, "deviceId": registration.url, "orgId": registration.org_id}
        return {**known, **found, "locusUrl": known.get("locusUrl") or self._catalog.catalog.url("locus") or ""}

    def take(self, told: Told) -> None:
        """Put an event into the next batch."""
        queue = self._queue
        if queue is None:
            queue = self._queue = deque()
        now_s = self.world.clock.time()
        if not queue:
            self._first_s = now_s
        if len(queue) >= QUEUE_MAX:
            queue.popleft()
            self._drop(1, "the queue is full")
        queue.append(told)
        if self._sending is None:
            self._plan(0.0 if len(queue) >= BATCH_MAX else min(DEBOUNCE_S, self._first_s + WAIT_MAX_S - now_s))

    def _plan(self, wait_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.world.clock.call_later(wait_s, self._due)

    def _due(self) -> None:
        self._timer = None
        if self._sending is None and self._queue:
            self._sending = self._tasks.start(self._send_all(), "call diagnostics")

    async def _send_all(self) -> None:
        try:
            while True:
                queue = self._queue or deque()
                batch = [queue.popleft() for _ in range(min(len(queue), BATCH_MAX))]
                await self._send(batch)
                if len(queue) < BATCH_MAX:
                    break
        finally:
            self._sending = None
        if self._queue:
            self._plan(min(DEBOUNCE_S, self._first_s + WAIT_MAX_S - self.world.clock.time()))
        else:
            self._queue = None

    async def _send(self, batch: Sequence[Told]) -> None:
        """Deliver a batch or drop it: an answer settles it whatever it says, and only a network that fails is tried again."""
        for tries in range(RETRIES_MAX):
            if self._registration() is None:
                self._drop(len(batch), "not registered")
                return
            try:
                answer = await self._identity.send(self._call(batch))
            except Unreachable as error:
                reason = error.reason
            except EndpointError as error:
                self._drop(len(batch), str(error))
                return
            else:
                if not answer.ok:
                    self._drop(len(batch), f"answered {answer.status}")
                return
            if tries + 1 < RETRIES_MAX:
                await self.world.clock.sleep(RETRIES_S[min(tries, len(RETRIES_S) - 1)])
        self._drop(len(batch), reason)

    def _call(self, batch: Sequence[Told]) -> Call:
        who = origin(software=self._profile.software, model=self._profile.product.model, address=self._address())
        sent = body(batch, who, iso_ms(self.world.clock.now()))
        url = self._catalog.url("metrics") + METRICS_PATH
        return Call("POST", url, "metrics", sent, shown={"metrics": [told.name for told in batch]})

    def _drop(self, count: int, why: str) -> None:
        self.dropped += count
        self.world.trace.event(self.world.who, "drop", data={"what": "call diagnostics", "count": count, "why": why})


class CallEvents:
    """Tell of one call.

    The order of section 12 is that in which the methods are called: `tell` for each step of signalling, `media_started` once the media
    flows, `tell("client.call.leave")` and `media_stopped` at the end.
    """

    __slots__ = ("_analyzer", "_draws", "_known", "_number", "_quality", "_streams", "_timer")

    def __init__(self, analyzer: CallAnalyzer, correlation_id: str, number: int) -> None:
        self._analyzer = analyzer
        self._number = number
        self._known = {"correlationId": correlation_id}
        self._draws = analyzer.world.chance.stream("call diagnostics", correlation_id)
        self._streams: tuple[MediaType, ...] = ()
        self._quality: Callable[[], MediaStats | None] = lambda: None
        self._timer: Timer | None = None

    def locus(self, url: str, locus_id: str = "", started: str = "") -> None:
        """Take note of the Locus of the call; `started` is its `fullState.lastActive`."""
        self._known |= {"locusUrl": url, "locusId": locus_id or url.rpartition("/")[2], "locusStartTime": started}

    def tell(
        self,
        name: EventName,
        *,
        media_type: MediaType = "",
        trigger: Trigger = "",
        error: ClientError | None = None,
        join_times: Mapping[str, int] | None = None,
        tracking_id: str = "",
        quality: MediaStats | None = None,
    ) -> None:
        """Tell an event: one line in the log, then the next batch.

        Args:
            error: why a step failed.
            join_times: durations in milliseconds, as in 11.3.
            tracking_id: of the request that the event is about.
        """
        world = self._analyzer.world
        if name == "client.media.rx.stop" and error is not None:
            about = f"p={self._number}) name=client.media.rx.stop mediaType={media_type} error={error.name}"
            world.log.line("Wx2Call", "3", f"wx2_call::diagnosticEvent({about}")
        else:
            world.log.line("Wx2", "6", f"Diagnostic event: {name}")
        known = {**self._known, "trackingId": tracking_id}
        identifiers = self._analyzer.identifiers(known)
        if identifiers is None:
            return
        told = Told(
            event_id=self._draws.uuid(),
            name=name,
            triggered=iso_ms(world.clock.now()),
            identifiers=identifiers,
            media_type=media_type,
            trigger=trigger,
            error=error,
            join_times=join_times or {},
            quality=quality,
        )
        self._analyzer.take(told)

    # -- media --

    def media_started(self, streams: Sequence[MediaType], quality: Callable[[], MediaStats | None]) -> None:
        """Tell that the media flows, and from now on every minute how well.

        Args:
            streams: `audio`, and `video` unless there is none.
            quality: gives the figures of the moment.
        """
        self._cancel()
        self._streams, self._quality = tuple(streams), quality
        self.tell("client.media-engine.ready")
        for stream in self._streams:
            self.tell("client.media.tx.start", media_type=stream)
        for stream in self._streams:
            self.tell("client.media.rx.start", media_type=stream)
            self.tell("client.media.render.start", media_type=stream)
        self._timer = self._analyzer.world.clock.call_later(QUALITY_S, self._minute)

    def _minute(self) -> None:
        self._tell_quality()
        self._timer = self._analyzer.world.clock.call_later(QUALITY_S, self._minute)

    def _tell_quality(self) -> None:
        self.tell("client.mediaquality.event", quality=self._quality())

    def media_stopped(self) -> None:
        """Tell that the media has ended, and how well it was; nothing if none had begun."""
        streams, self._streams = self._streams, ()
        self._cancel()
        for stream in streams:
            self.tell("client.media.tx.stop", media_type=stream)
        for stream in streams:
            self.tell("client.media.render.stop", media_type=stream)
        if streams:
            self._tell_quality()

    def end(self) -> None:
        """Plan nothing any more; the call is over."""
        self._streams = ()
        self._cancel()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
