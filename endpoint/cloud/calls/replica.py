"""The device's view of one locus, kept up to date from events, answers and syncs.

No I/O and no time: what came goes in, effects come out, and the caller carries out the requests and the timer and tells what became of
them. At most one request and one timer are under way at a time. Nothing here raises: what cannot be read changes nothing.

Source: protocol/cloud-services.md 9.5.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from endpoint.cloud.calls import replica_table as table
from endpoint.cloud.calls.replica_table import State
from endpoint.runtime.statetable import Machine
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.locus.dto import Delta, Locus, parse_delta, parse_locus
from endpoint.wire.locus.merge import merge
from endpoint.wire.locus.sequence import (
    NONE,
    Advice,
    Order,
    Sequence,
    advise_delta,
    advise_full,
    compare,
    parse_sequence,
)

QUEUE_MAX: Final = 5
"""Deltas that may wait for what is between; with one more the service is asked. 9.5, D"""
PAUSED_MAX: Final = 50
"""Deltas that are kept while the service is asked; with one more it is asked again afterwards. R"""
WAIT_S: Final = (10.0, 15.0)
"""Shortest and longest wait for what is between; to be drawn. 9.5, D"""


@dataclass(frozen=True, slots=True)
class Changed:
    """There is another view; `before` is None for the first one. Several steps may have become one."""

    before: Locus | None
    after: Locus


@dataclass(frozen=True, slots=True)
class Sync:
    """GET the URL, and tell it with `synced`: None for 204 and for an empty body; or with `failed`."""

    url: str


@dataclass(frozen=True, slots=True)
class Fetch:
    """GET the URL, the whole locus, and tell it with `fetched` or `failed`."""

    url: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Draw a time from the bounds, in seconds, and tell with `waited` that it is over."""

    at_least_s: float
    at_most_s: float


@dataclass(frozen=True, slots=True)
class StopWaiting:
    """Stop the timer of `Wait`."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Something came that cannot be read; it was passed over."""

    error: RemoteProtocolError


@dataclass(frozen=True, slots=True)
class Dropped:
    """A delta was dropped because too many wait; what it tells is asked for later."""

    bound: int


@dataclass(frozen=True, slots=True)
class Lost:
    """The service could not be asked: nothing is known of the locus any more (LOCUS_DTO_SYNC_FAILED)."""


Effect: TypeAlias = Changed | Sync | Fetch | Wait | StopWaiting | Refused | Dropped | Lost

_PAUSED: Final = frozenset({State.SYNCING, State.FETCHING, State.LOST})


class Replica:
    """A view of one locus.

    Attributes:
        locus: the view, None before the first one.
        raw: the same with all members that came; not to be changed.
        dropped: how many deltas were dropped so far.
    """

    __slots__ = ("_effects", "_machine", "_moved_to", "_queue", "_url", "_wanted", "dropped", "locus", "raw")

    def __init__(self, url: str, on_change: Callable[[str, State, object, State], object] | None = None) -> None:
        """Begin without a view.

        Args:
            url: of the locus, to be fetched when a delta comes first; empty if it is not known. The view brings its own.
            on_change: told name, state, event and next state of each step of the lifecycle, for the history.
        """
        self.locus: Locus | None = None
        self.raw: Mapping[str, Any] = {}
        self.dropped = 0
        self._url = url
        self._machine = Machine(table.TABLE, on_change)
        self._queue: list[Delta] = []
        self._wanted = NONE
        self._moved_to = ""
        self._effects: list[Effect] = []

    @property
    def state(self) -> State:
        """Return where the view stands."""
        return self._machine.state

    @property
    def url(self) -> str:
        """Return the URL of the locus."""
        return self.locus.url if self.locus is not None else self._url

    @property
    def sequence(self) -> Sequence:
        """Return what the view has seen: it goes with every request."""
        return self.locus.sequence if self.locus is not None else NONE

    @property
    def is_syncing(self) -> bool:
        """Tell whether the service is being asked for what was missed."""
        return self.state in (State.SYNCING, State.FETCHING)

    @property
    def is_lost(self) -> bool:
        """Tell whether the service could not be asked for what was missed: nothing but a whole locus is taken."""
        return self.state is State.LOST

    # ---- what came unasked ----

    def take(self, raw: Mapping[str, Any]) -> tuple[Effect, ...]:
        """Take a locus out of an event or an answer: a delta if it has a `baseSequence`, else whole."""
        return self.take_full(raw) if raw.get("baseSequence") is None else self.take_delta(raw)

    def take_full(self, raw: Mapping[str, Any]) -> tuple[Effect, ...]:
        """Take a whole locus."""
        before = self.locus
        try:
            sequence = parse_sequence(raw.get("sequence"), "locus.sequence")
            advice = advise_full(self.sequence, sequence)
            if advice is Advice.USE_CURRENT:
                return self._confirmed(sequence)
            locus = parse_locus(raw)
        except RemoteProtocolError as error:
            return (Refused(error),)
        if advice is Advice.FETCH:
            self._expect(sequence)
            self._feed(table.OutOfStep())
        else:
            self._replace(locus, raw)
            if self.state is State.LOST:
                self._feed(table.Answered())
            self._drain()
        return self._told(before)

    def take_delta(self, raw: Mapping[str, Any]) -> tuple[Effect, ...]:
        """Take what changed of the locus; of one that is lost nothing is taken but the whole."""
        before = self.locus
        if self.state is State.LOST:
            return ()
        try:
            delta = parse_delta(raw)
        except RemoteProtocolError as error:
            return (Refused(error),)
        if before is not None and not self._queue and self._machine.state is State.FOLLOWING:
            advice = self._advise(before, delta)
            if advice is Advice.USE_INCOMING:
                return (Changed(before, self._merge(before, delta)),)
            if advice is Advice.USE_CURRENT:
                return ()
        self._url = self._url or delta.url
        if not self.url:
            return (Refused(RemoteProtocolError("locus.url", "present in a delta of a locus that is not known")),)
        self._keep(delta)
        if before is None:
            self._feed(table.OutOfStep())
        else:
            self._drain()
        return self._told(before)

    # ---- what was asked for ----

    def synced(self, raw: Mapping[str, Any] | None) -> tuple[Effect, ...]:
        """Take the answer to a `Sync`: a delta, a whole locus, or nothing new."""
        before = self.locus
        if self.state is not State.SYNCING:
            return self.take(raw) if raw else ()
        try:
            told_all = self._take_answer(raw) if raw else True
        except RemoteProtocolError as error:
            self._effects.append(Refused(error))
            told_all = False
        self._catch_up()
        if told_all and self._has_all:
            self._feed(table.Answered())
            self._settle()
        else:
            self._feed(table.Incomplete())
        return self._told(before)

    def fetched(self, raw: Mapping[str, Any]) -> tuple[Effect, ...]:
        """Take the answer to a `Fetch`."""
        before = self.locus
        if self.state is not State.FETCHING:
            return self.take(raw) if raw else ()
        try:
            self._take_whole(raw)
        except RemoteProtocolError as error:
            self._effects.append(Refused(error))
            self._feed(table.Failed())
        else:
            self._moved_to = ""
            self._catch_up()
            self._feed(table.Answered())
            if self._has_all:
                self._settle()
            else:
                self._feed(table.Behind())
        return self._told(before)

    def failed(self) -> tuple[Effect, ...]:
        """Take note that the request that is under way will not be answered."""
        if self.is_syncing:
            self._feed(table.Failed())
        return self._told(self.locus)

    def waited(self) -> tuple[Effect, ...]:
        """Take note that the time of `Wait` is over."""
        if self.state is State.WAITING:
            self._expect(self._queue[-1].sequence)
        self._feed(table.WaitOver())
        return self._told(self.locus)

    def resync(self) -> tuple[Effect, ...]:
        """Ask the service, because events may have been lost without a trace; without a URL there is nobody to ask."""
        if not self.url:
            return ()
        self._feed(table.OutOfStep() if self.locus is None else table.Behind())
        return self._told(self.locus)

    # ---- inside ----

    def _advise(self, locus: Locus, delta: Delta) -> Advice:
        return advise_delta(locus.sequence, delta.base, delta.sequence, same_url=delta.url in ("", locus.url))

    @property
    def _has_all(self) -> bool:
        """Tell whether the view has what is known to have happened; what waits in the queue is known by itself."""
        if self._moved_to and self._moved_to != self.url:
            return False
        if self._wanted.is_empty:
            return True
        return compare(self.sequence, self._wanted) in (Order.EQUAL, Order.GREATER_THAN)

    def _expect(self, sequence: Sequence) -> None:
        """Take note that the locus has come so far."""
        if self._wanted.is_empty or compare(self._wanted, sequence) in (Order.LESS_THAN, Order.DESYNC):
            self._wanted = sequence

    def _confirmed(self, sequence: Sequence) -> tuple[Effect, ...]:
        """Take note of a whole locus that says nothing new: one that was lost is found, if it is the same."""
        if self.state is State.LOST and compare(self.sequence, sequence) is Order.EQUAL:
            self._feed(table.Answered())
        return self._told(self.locus)

    def _replace(self, locus: Locus, raw: Mapping[str, Any]) -> None:
        self.locus, self.raw = locus, raw

    def _merge(self, locus: Locus, delta: Delta) -> Locus:
        merged = locus.merged(delta)
        self.locus, self.raw = merged, merge(self.raw, delta.raw)
        return merged

    def _keep(self, delta: Delta) -> None:
        """Put a delta into the queue, at its place; the same one only once."""
        if any(kept.sequence == delta.sequence and kept.base == delta.base for kept in self._queue):
            return
        if len(self._queue) >= PAUSED_MAX:
            self._expect(delta.sequence)
            self.dropped += 1
            self._effects.append(Dropped(PAUSED_MAX))
            return
        insort(self._queue, delta, key=_place)

    def _catch_up(self) -> Advice | None:
        """Take from the queue what can be taken; returns what to do with the first that cannot, None if nothing is left."""
        while self._queue and self.locus is not None:
            advice = self._advise(self.locus, self._queue[0])
            if advice is Advice.USE_INCOMING:
                self._merge(self.locus, self._queue[0])
            elif advice is not Advice.USE_CURRENT:
                return advice
            del self._queue[0]
        return None

    def _drain(self) -> None:
        """Take from the queue what can be taken; wait or ask for what is missing. Nothing is done while the service is asked."""
        if self.state in _PAUSED:
            return
        advice = self._catch_up()
        if advice is None:
            self._feed(table.Unblocked())
        elif advice is not Advice.WAIT:
            stuck = self._queue.pop(0)
            self._expect(stuck.sequence)
            self._moved_to = stuck.url if advice is Advice.URL_CHANGED else ""
            self._feed(table.Behind())
        elif len(self._queue) > QUEUE_MAX:
            self._expect(self._queue[-1].sequence)
            self._feed(table.Behind())
        else:
            self._feed(table.Blocked())

    def _settle(self) -> None:
        self._wanted, self._moved_to = NONE, ""
        self._drain()

    def _take_answer(self, raw: Mapping[str, Any]) -> bool:
        """Take what a sync brought; returns whether it fits."""
        if self.locus is None or raw.get("baseSequence") is None:
            self._take_whole(raw)
            return True
        delta = parse_delta(raw)
        advice = self._advise(self.locus, delta)
        if advice is Advice.USE_CURRENT:
            return True
        if advice is not Advice.USE_INCOMING or compare(self.sequence, delta.base) is Order.GREATER_THAN:
            return False  # the view has moved on since it asked: what was changed and changed back may not be in the answer
        self._merge(self.locus, delta)
        return True

    def _take_whole(self, raw: Mapping[str, Any]) -> None:
        """Take a whole locus that was asked for: out of step, the service is right."""
        locus = parse_locus(raw)
        if locus.base_sequence is not None:
            raise RemoteProtocolError("locus.baseSequence", "absent in a whole locus")
        if advise_full(self.sequence, locus.sequence) is not Advice.USE_CURRENT or locus.url == self._moved_to:
            self._replace(locus, raw)

    def _feed(self, event: object) -> None:
        for effect in self._machine.feed(event):
            match effect:
                case table.StartWait():
                    self._effects.append(Wait(*WAIT_S))
                case table.StopWait():
                    self._effects.append(StopWaiting())
                case table.AskSync():
                    if self.locus is not None and self.locus.sync_url:
                        self._effects.append(Sync(self.locus.sync_url))
                    else:
                        self._feed(table.Failed())
                case table.AskFetch():
                    self._wanted = NONE
                    self._effects.append(Fetch(self._moved_to or self.url))
                case table.GiveUp():
                    self._queue.clear()
                    self._wanted, self._moved_to = NONE, ""
                    self._effects.append(Lost())

    def _told(self, before: Locus | None) -> tuple[Effect, ...]:
        """Return what has to be done, the change first."""
        effects, self._effects = self._effects, []
        if self.locus is not None and self.locus is not before:
            effects.insert(0, Changed(before, self.locus))
        return tuple(effects)


def _place(delta: Delta) -> tuple[int, int]:
    return delta.base.last, delta.base.range_end
