"""The trace: one ordered history of both sides.

Device, cloud, faults and clock append to it; expectations, reports, replay and pages read it. An event holds no secret: a value that
has a `secret_kind` is written as `<kind#n>`, the same number for the same value within a run, and there is no switch that shows it.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

import msgspec

from endpoint.runtime.clock import EPOCH, Clock, iso_ms

TRACE_VERSION = "1.2"
EVENTS_MAX = 1_000_000
"""Events kept; older ones are dropped and counted in `Trace.dropped`."""
SECRETS_MAX = 100_000
"""Secret values that are remembered by their number; one that was forgotten gets a new number when it comes again."""

_cause: ContextVar[int | None] = ContextVar("cause", default=None)
_PLAIN = frozenset({str, int, bool, type(None)})


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the history.

    `n` ordinal, `t` integer microseconds since the start, `at` wall time of `who`, `id` shared by the two sides of one message, `cause`
    the ordinal that led here.
    """

    n: int
    t: int
    at: str
    who: str
    kind: str
    peer: str | None
    id: str | None
    cause: int | None
    step: int | None
    data: Mapping[str, Any]
    label: str | None

    def as_json(self) -> str:
        """Print the event as one line of JSON, keys in their fixed order, absent ones left out."""
        fields = {
            "n": self.n, "t": self.t, "at": self.at, "who": self.who, "kind": self.kind, "peer": self.peer, "id": self.id,
            "cause": self.cause, "step": self.step, "data": self.data or None, "label": self.label,
        }  # fmt: skip
        return _encode({key: value for key, value in fields.items() if value is not None}).decode()


class Trace:
    """An append-only history with readers."""

    def __init__(self, clock: Clock, *, events_max: int = EVENTS_MAX) -> None:
        self._clock = clock
        self._clocks: dict[str, Clock] = {}
        self._readers: dict[int, Callable[[Event], object]] = {}
        self._reader_numbers = itertools.count()
        self._secrets: dict[tuple[str, object], int] = {}
        self._secret_counts: dict[str, int] = {}
        self._unshown: deque[Event] = deque()
        self._next = 1
        self._second, self._second_text = -1, ""
        self.events: deque[Event] = deque(maxlen=events_max)
        self.step: int | None = None
        """The scenario step that is running, stamped on every event."""

    @property
    def start(self) -> datetime:
        """Wall time at microsecond 0."""
        return self._clock.source.start

    @property
    def last(self) -> int:
        """Ordinal of the last event, 0 before the first."""
        return self._next - 1

    @property
    def dropped(self) -> int:
        """Events that the bound has pushed out."""
        return self._next - 1 - len(self.events)

    def use_clock(self, who: str, clock: Clock) -> None:
        """Stamp the events of an actor (`device:room`) with its own wall clock."""
        self._clocks[who] = clock

    def subscribe(self, reader: Callable[[Event], object]) -> Callable[[], None]:
        """Show every later event to `reader`; returns what ends that."""
        number = next(self._reader_numbers)
        self._readers[number] = reader

        def end() -> None:
            self._readers.pop(number, None)

        return end

    def event(
        self,
        who: str,
        kind: str,
        *,
        peer: str | None = None,
        id: str | None = None,  # noqa: A002  the trace format's own word
        cause: int | None = None,
        data: Mapping[str, Any] | None = None,
        label: str | None = None,
    ) -> int:
        """Append one event and return its ordinal.

        Raises:
            TypeError: `data` holds something that has no place in a trace, bytes for one.
        """
        clock = self._clocks.get(who, self._clock)
        t = round(self._clock.time() * 1e6)
        event = Event(
            n=self._next,
            t=t,
            at=self._stamp(clock.wall_us(t)),
            who=who,
            kind=kind,
            peer=peer,
            id=id,
            cause=cause if cause is not None else _cause.get(),
            step=self.step,
            data=self._redacted(data) if data else {},
            label=label,
        )
        self._next += 1
        self.events.append(event)
        if self._readers:
            self._show(event)
        return event.n

    def _stamp(self, wall_us: int) -> str:
        """Print an instant as `iso_ms` does; a run stamps many events of one second."""
        second, microsecond = divmod(wall_us, 1_000_000)
        if second != self._second:
            self._second, self._second_text = second, iso_ms(EPOCH + timedelta(seconds=second))[:-4]
        return f"{self._second_text}{microsecond // 1000:03d}Z"

    def _show(self, event: Event) -> None:
        """Show an event to every reader; what a reader appends is shown after it, so that all see one order."""
        self._unshown.append(event)
        if len(self._unshown) > 1:
            return
        try:
            while self._unshown:
                for number, reader in tuple(self._readers.items()):
                    if number in self._readers:
                        reader(self._unshown[0])
                self._unshown.popleft()
        finally:
            self._unshown.clear()

    def led_to_by(self, n: int | None) -> None:
        """Let what the running task does from here on be caused by event `n`."""
        _cause.set(n)

    def shown(self, value: Any) -> Any:
        """Return a value as an event would show it; errors as in `event`."""
        return self._redacted(value)

    def _redacted(self, value: Any) -> Any:
        if type(value) in _PLAIN:
            return value
        if isinstance(value, Mapping):
            return {str(key): item if type(item) in _PLAIN else self._redacted(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._redacted(item) for item in value]
        kind = getattr(value, "secret_kind", None)
        if kind is not None:
            return f"<{kind}#{self._number(kind, value)}>"
        if isinstance(value, float):  # a trace holds no floats: they print differently from machine to machine
            return int(value) if value.is_integer() else f"{value:.6f}".rstrip("0").rstrip(".")
        if isinstance(value, datetime):
            return iso_ms(value)
        if isinstance(value, Enum):
            return self._redacted(value.value)
        if isinstance(value, (str, int)):
            return value
        raise TypeError(f"a trace holds no {type(value).__name__}")

    def _number(self, kind: str, value: object) -> int:
        number = self._secrets.get((kind, value))
        if number is None:
            number = self._secret_counts[kind] = self._secret_counts.get(kind, 0) + 1
            if len(self._secrets) >= SECRETS_MAX:
                del self._secrets[next(iter(self._secrets))]
            self._secrets[kind, value] = number
        return number

    def hidden(self) -> list[tuple[str, object]]:
        """Return what the history has a number for in the place of the value: kind and value, the first one first."""
        return list(self._secrets)

    def forget_secrets(self, kind: str) -> None:
        """Stop numbering the values of a kind; for long runs, when an account is gone."""
        for key in [key for key in self._secrets if key[0] == kind]:
            del self._secrets[key]


class NullTrace(Trace):
    """A trace that keeps nothing and shows nobody anything: for fleets."""

    def event(self, who: str, kind: str, **_: Any) -> int:
        """Count the event and forget it."""
        self._next += 1
        return self._next - 1


def canonical(events: Iterable[Event]) -> list[Event]:
    """Put events in canonical order: by time, then by actor, then as the actor did them."""
    return sorted(events, key=lambda event: (event.t, event.who, event.n))


def trace_hash(events: Iterable[Event]) -> str:
    """Return the SHA-256 of a history in canonical order, independent of how actors at one instant were interleaved."""
    ordered = canonical(events)
    place = {event.n: position for position, event in enumerate(ordered)}
    digest = hashlib.sha256()
    for event in ordered:
        cause = None if event.cause is None else place.get(event.cause)
        row = [
            event.t,
            event.at,
            event.who,
            event.kind,
            event.peer,
            event.id,
            cause,
            event.step,
            event.data,
            event.label,
        ]
        digest.update(_encode(row, _SORTED))
        digest.update(b"\n")
    return digest.hexdigest()


def header(*, scenario: str, sha256: str, seed: int, mode: str, start: datetime, versions: Mapping[str, str]) -> str:
    """Return the first line of a trace file."""
    return _encode(
        {
            "roomsim_trace": TRACE_VERSION,
            "scenario": scenario,
            "sha256": sha256,
            "seed": seed,
            "mode": mode,
            "network": "memory" if mode == "virtual" else "loopback",
            "start": iso_ms(start),
            "versions": dict(versions),
        }
    ).decode()


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_SORTED = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _encode(value: object, encoder: json.JSONEncoder = _ENCODER) -> bytes:
    # Half a surrogate pair, from a header of a broken peer, is not UTF-8; as `\\ud800` it is still the same JSON.
    return encoder.encode(value).encode("utf-8", "backslashreplace")
