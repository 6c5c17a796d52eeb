"""Comparing two histories: the first place where they part, with what led there on both sides.

Histories are compared in canonical order (time, actor, the actor's own order). Where times are passed over there is no such order of
different actors: each actor's events are compared by themselves then, and the first actor to differ is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from endpoint.runtime.trace import Event, canonical
from scenarios.runner.history.drawing import clean, told
from scenarios.runner.history.reader import History
from scenarios.runner.history.rules import Difference, Ignoring
from scenarios.runner.matchers import show

LOOK_AHEAD_MAX: Final = 500
"""How far an event is looked for on the other side, to tell a missing one from a changed one."""
BEFORE_SHOWN: Final = 3
CAUSES_SHOWN_MAX: Final = 8
DIFFERENCES_SHOWN_MAX: Final = 12


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first place where two histories part.

    Attributes:
        before: equal events before it, as the left side has them.
        left, right: the events there; None where a side has no more.
        differences: between the two events.
        note: what the rest of the other side tells of it.
        equal: events that were equal until here.
    """

    left: Event | None
    right: Event | None
    before: tuple[Event, ...]
    differences: tuple[Difference, ...]
    note: str
    equal: int


def compare(left: History, right: History, rules: Ignoring) -> Divergence | None:
    """Return where two histories part first, None when they are equal under the rules."""
    found = _compared(left, right, rules, by_place=False)
    if found is None and not rules.names:
        return _compared(left, right, rules, by_place=True)
    return found


def _compared(left: History, right: History, rules: Ignoring, *, by_place: bool) -> Divergence | None:
    found: list[Divergence] = []
    for one, other in _sequences(left, right, rules):
        divergence = _first(_Side(one, left, by_place), _Side(other, right, by_place), rules)
        if divergence is not None:
            found.append(divergence)
    return min(found, key=_when, default=None)


class _Side:
    """The events of one side in the order in which they are compared.

    Args:
        by_place: compare where a cause stands; else only what it was, so that a missing event does not change all that follow.
    """

    def __init__(self, events: Sequence[Event], history: History, by_place: bool) -> None:
        self.events = events
        self._history = history
        self._places = {event.n: place for place, event in enumerate(events)} if by_place else None

    def fields(self, event: Event, rules: Ignoring) -> dict[str, Any]:
        """Return what is compared of an event."""
        found = _substance(event)
        if not rules.has_times:
            found |= {"t": event.t, "at": event.at}
            if "logs" not in rules.names:
                found["cause"] = self._cause(event)
        if "steps" not in rules.names:
            found["step"] = event.step
        if "labels" not in rules.names:
            found["label"] = event.label
        return found

    def _cause(self, event: Event) -> object:
        if event.cause is None:
            return None
        if self._places is not None:
            return self._places.get(event.cause)
        cause = self._history.by_n.get(event.cause)
        return None if cause is None else f"{cause.kind} of {cause.who}"


def _substance(event: Event) -> dict[str, Any]:
    return {"who": event.who, "kind": event.kind, "peer": event.peer, "id": event.id, "data": event.data}


def _when(divergence: Divergence) -> tuple[int, int]:
    event = divergence.left or divergence.right
    assert event is not None, "a divergence has an event on one side"
    return event.t, event.n


def _sequences(left: History, right: History, rules: Ignoring) -> Iterator[tuple[list[Event], list[Event]]]:
    sides = [[event for event in canonical(side.events) if not _is_passed_over(event, rules)] for side in (left, right)]
    if not rules.has_times:
        yield sides[0], sides[1]
        return
    for who in sorted({event.who for side in sides for event in side}):
        one, other = (
            [event for event in sorted(side, key=lambda event: event.n) if event.who == who] for side in sides
        )
        yield one, other


def _is_passed_over(event: Event, rules: Ignoring) -> bool:
    return event.kind == "log" and "logs" in rules.names


def _first(left: _Side, right: _Side, rules: Ignoring) -> Divergence | None:
    for at in range(max(len(left.events), len(right.events))):
        one = left.events[at] if at < len(left.events) else None
        other = right.events[at] if at < len(right.events) else None
        before = tuple(left.events[max(0, at - BEFORE_SHOWN) : at])
        if one is None or other is None:
            count = max(len(left.events), len(right.events)) - at
            note = f"only the {'right' if one is None else 'left'} side goes on, with {_events(count)}"
            return Divergence(one, other, before, (), note, at)
        differences = tuple(rules.differences(left.fields(one, rules), right.fields(other, rules)))
        if differences:
            rest = left.events[at : at + LOOK_AHEAD_MAX], right.events[at : at + LOOK_AHEAD_MAX]
            return Divergence(one, other, before, differences, _ahead(*rest, rules), at)
    return None


def _ahead(left: Sequence[Event], right: Sequence[Event], rules: Ignoring) -> str:
    """Say whether the event of one side comes later on the other."""

    def alike(one: Event, other: Event) -> bool:
        return next(rules.differences(_substance(one), _substance(other), pairs=False), None) is None

    if alike(left[0], right[0]):
        return ""
    for nth in range(1, LOOK_AHEAD_MAX):
        if nth < len(right) and alike(left[0], right[nth]):
            return f"the right side has {_events(nth)} more here: #{left[0].n} of the left is #{right[nth].n} there"
        if nth < len(left) and alike(left[nth], right[0]):
            return f"the left side has {_events(nth)} more here: #{right[0].n} of the right is #{left[nth].n} there"
    return ""


def _events(count: int) -> str:
    return "one event" if count == 1 else f"{count} events"


def headers(left: History, right: History) -> Iterator[str]:
    """Yield how the headers differ."""
    rows = {
        "scenario": (left.header.scenario, right.header.scenario),
        "file of the scenario": (left.header.sha256[:16], right.header.sha256[:16]),
        "seed": (left.header.seed, right.header.seed),
        "mode": (f"{left.header.mode}/{left.header.network}", f"{right.header.mode}/{right.header.network}"),
        "start": (left.header.start, right.header.start),
        "format": (left.header.version, right.header.version),
    }
    versions = sorted({*left.header.versions, *right.header.versions})
    rows |= {name: (left.header.versions.get(name, "-"), right.header.versions.get(name, "-")) for name in versions}
    for name, (one, other) in rows.items():
        if one != other:
            yield f"{name}: {clean(str(one))} | {clean(str(other))}"


def report(left: History, right: History, divergence: Divergence) -> Iterator[str]:
    """Yield the lines that tell where two histories part."""
    yield f"equal for {_events(divergence.equal)}, then they part"
    for equal in divergence.before:
        yield f"    {clean(told(equal))}"
    sides = (("left ", left, divergence.left), ("right", right, divergence.right))
    for name, _, event in sides:
        yield f"  {name}  {'(no more events)' if event is None else clean(told(event))}"
    for difference in divergence.differences[:DIFFERENCES_SHOWN_MAX]:
        yield f"    {clean(difference.path)}: {clean(show(difference.left))} | {clean(show(difference.right))}"
    more = len(divergence.differences) - DIFFERENCES_SHOWN_MAX
    if more > 0:
        yield f"    and {more} more"
    if divergence.note:
        yield f"  {divergence.note}"
    for name, side, event in sides:
        chain = [] if event is None else list(side.causes(event.n))[:CAUSES_SHOWN_MAX]
        if chain:
            yield f"  what led there, {name.strip()}:"
        for cause in reversed(chain):
            yield f"    {clean(told(cause))}"
