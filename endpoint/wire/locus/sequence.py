"""The numbering of a locus: which of two views of it is newer, and what to do with one that came.

A sequence names the changes that a view has seen: single numbers, and below them a range of which all are seen. Two views that each have
seen something the other has not are out of step, and one of them has to be fetched.

Source: protocol/cloud-services.md 9.4, 9.5, vectors 18.12.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from endpoint.wire.errors import RemoteProtocolError

NUMBER_MAX: Final = 2**53 - 1
"""What a service may hand out: clients in JavaScript round what is above. Numbers that are read may be greater; 9.4, I."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """What a view of a locus has seen; `entries` ascend, a range of 0/0 is none, and lies below the entries."""

    entries: tuple[int, ...] = ()
    range_start: int = 0
    range_end: int = 0

    @property
    def is_empty(self) -> bool:
        """Tell whether it names nothing: such a view says nothing about its age."""
        return not (self.entries or self.range_start or self.range_end)

    @property
    def last(self) -> int:
        """Return the newest number; 0 if there is none."""
        return self.entries[-1] if self.entries else self.range_end

    @property
    def first(self) -> int:
        """Return the oldest number; 0 if there is none."""
        return self.range_start or (self.entries[0] if self.entries else 0)

    def as_wire(self) -> dict[str, Any]:
        """Return the JSON form; the range is always there, because clients ignore a locus without it."""
        return {"entries": list(self.entries), "rangeStart": self.range_start, "rangeEnd": self.range_end}

    def advanced(self, number: int, entries_max: int) -> Sequence:
        """Return the sequence after one more change; beyond `entries_max` the oldest entries become part of the range."""
        entries = (*self.entries, max(number, self.last + 1))
        if len(entries) <= entries_max:
            return Sequence(entries, self.range_start, self.range_end)
        gone, kept = entries[:-entries_max], entries[-entries_max:]
        return Sequence(kept, self.range_start or gone[0], gone[-1])


NONE: Final = Sequence()


def parse_sequence(raw: object, where: str = "sequence") -> Sequence:
    """Read a sequence; null and absent are the empty one.

    Raises:
        RemoteProtocolError: a member is missing or no whole number from 0, entries do not ascend, or the range ends above them. That it
            ends among them breaks a rule of 9.4, but the vectors of the SDK have it, and the order is well defined.
    """
    if raw is None:
        return NONE
    if not isinstance(raw, Mapping):
        raise RemoteProtocolError(where, "an object with entries, rangeStart and rangeEnd")
    entries, start, end = raw.get("entries"), raw.get("rangeStart"), raw.get("rangeEnd")
    if not isinstance(entries, (list, tuple)):
        raise RemoteProtocolError(f"{where}.entries", "a list of numbers")
    if type(start) is not int or start < 0:
        raise RemoteProtocolError(f"{where}.rangeStart", "a whole number from 0")
    if type(end) is not int or end < start:
        raise RemoteProtocolError(f"{where}.rangeEnd", "a whole number from rangeStart")
    before = -1
    for entry in entries:
        if type(entry) is not int or entry <= before:
            raise RemoteProtocolError(f"{where}.entries", "whole numbers from 0 that ascend")
        before = entry
    if entries and end > entries[-1]:
        raise RemoteProtocolError(f"{where}.rangeEnd", "not above the entries")
    return Sequence(tuple(entries), start, end)


class Order(Enum):
    """How the current view stands to the one that came."""

    EQUAL = "EQUAL"
    GREATER_THAN = "GREATER_THAN"
    LESS_THAN = "LESS_THAN"
    DESYNC = "DESYNC"
    """Each has seen what the other has not."""


def compare(current: Sequence, incoming: Sequence) -> Order:
    """Tell how `current` stands to `incoming`; GREATER_THAN means that the current one is newer.

    Source: protocol/cloud-services.md 9.5, the rules in their order.
    """
    if current == incoming:
        return Order.EQUAL
    current_low, current_high = current.first, current.last
    incoming_low, incoming_high = incoming.first, incoming.last
    if current_low > incoming_high:
        return Order.GREATER_THAN
    if current_high < incoming_low:
        return Order.LESS_THAN
    only_current = _unseen(current, incoming)
    only_incoming = _unseen(incoming, current)
    if not only_current and not only_incoming:
        mine, theirs = current.range_end - current_low, incoming.range_end - incoming_low
        return Order.EQUAL if mine == theirs else Order.GREATER_THAN if mine > theirs else Order.LESS_THAN
    if not only_incoming:
        return Order.GREATER_THAN
    if not only_current:
        return Order.LESS_THAN
    if (
        not (current.range_end or incoming.range_end)
        or any(incoming_low < number < incoming_high for number in only_current)
        or any(current_low < number < current_high for number in only_incoming)
    ):
        return Order.DESYNC
    return Order.GREATER_THAN if only_current[0] > only_incoming[0] else Order.LESS_THAN


def _unseen(sequence: Sequence, other: Sequence) -> list[int]:
    """Return what `other` has not seen of the entries, ascending."""
    seen, start, end = other.entries, other.range_start, other.range_end
    known = frozenset(seen) if len(seen) > 8 else seen
    if not (start or end):
        return [number for number in sequence.entries if number not in known]
    return [number for number in sequence.entries if number not in known and not start <= number <= end]


class Advice(Enum):
    """What to do with a view that came."""

    USE_INCOMING = "use_incoming"
    """Take it: a full one replaces, a delta is merged."""
    USE_CURRENT = "use_current"
    """Drop it: nothing new."""
    WAIT = "wait"
    """A delta came too early: keep it until what is between has come."""
    FETCH = "fetch"
    """Out of step, or too big to be sent: ask the service."""
    URL_CHANGED = "url_changed"
    """The locus has moved: ask the service."""


_FULL: Final = {
    Order.EQUAL: Advice.USE_CURRENT,
    Order.GREATER_THAN: Advice.USE_CURRENT,
    Order.LESS_THAN: Advice.USE_INCOMING,
    Order.DESYNC: Advice.FETCH,
}


def advise_full(current: Sequence, incoming: Sequence) -> Advice:
    """Tell what to do with a full view."""
    if current.is_empty or incoming.is_empty:
        return Advice.USE_INCOMING
    return _FULL[compare(current, incoming)]


def advise_delta(current: Sequence, base: Sequence, incoming: Sequence, *, same_url: bool = True) -> Advice:
    """Tell what to do with a delta that leads from `base` to `incoming`; `same_url` is false when it names another locus URL."""
    if current.is_empty or incoming.is_empty:
        return Advice.USE_INCOMING
    order = compare(current, incoming)
    if order is not Order.LESS_THAN:
        return _FULL[order]
    if not same_url:
        return Advice.URL_CHANGED
    order = compare(current, base)
    if order is Order.DESYNC:
        return Advice.FETCH
    if order is not Order.LESS_THAN:
        return Advice.USE_INCOMING
    return Advice.FETCH if compare(base, incoming) is Order.EQUAL else Advice.WAIT
