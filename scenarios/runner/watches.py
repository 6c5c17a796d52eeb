"""Following one condition through a run: what has matched, what came nearest, whether it can still come true."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from endpoint.runtime.trace import Event
from scenarios.runner.conditions import (
    MICROSECONDS,
    Anchor,
    Condition,
    EventCondition,
    Fields,
    MachineOf,
    MeterCondition,
    OrderCondition,
    StateCondition,
    View,
    is_machine,
    state_word,
)
from scenarios.runner.matchers import Literal, Matcher, Mismatches, Subject, show
from scenarios.runner.problems import Place
from scenarios.runner.values import Template

OPEN_REQUESTS_MAX = 1_000
"""Requests without an answer that a watch remembers; the oldest is forgotten."""
MISMATCHES_SHOWN_MAX = 3


class Moment(NamedTuple):
    """A point in the history: ordinal of the event, and microseconds since the start."""

    n: int
    t: int


class Scene(NamedTuple):
    """What conditions are judged against: the present state, the device, what references stand for, earlier labels, names of machines.

    `began` is the start of the step, for what is measured from there. `saw` is told each state that is read.
    """

    view: View
    device: str
    resolve: Callable[[Template], object]
    labels: Mapping[str, Moment] = {}
    machine_of: MachineOf = str
    began: Moment | None = None
    saw: Callable[[StateCondition, object], object] = lambda condition, value: None


@dataclass(frozen=True, slots=True)
class Unmet:
    """A condition that did not come true: what it was, where it is written, what came nearest and in what that differs, more about it.

    `of` names the state that it is about, as in what a step has seen.
    """

    text: str
    place: Place
    nearest: str
    mark: str = ""
    event: int | None = None
    detail: tuple[str, ...] = ()
    of: str = ""


class Watch(Protocol):
    """One condition that is being followed."""

    is_state: bool
    """Whether it is read from the present state, not from events."""
    is_deferred: bool
    """Whether only the end of the window can decide it, such as `times: 0`."""

    def feed(self, event: Event) -> bool:
        """Take one more event; says whether it matched."""
        ...

    def holds(self) -> bool:
        """Say whether the condition is satisfied as things are."""
        ...

    def is_violated(self) -> bool:
        """Say whether it can never be satisfied again."""
        ...

    def wake_at(self) -> int | None:
        """Return the next instant at which it may come to hold without an event; None when it does not."""
        ...

    def unmet(self) -> Unmet:
        """Explain why it does not hold."""
        ...

    def met(self) -> str:
        """Say in a few words what holds, and since when."""
        ...


def watch(condition: Condition, start: Moment, scene: Scene) -> Watch:
    """Start to follow a condition."""
    if isinstance(condition, StateCondition):
        return StateWatch(condition, scene)
    if isinstance(condition, MeterCondition):
        return MeterWatch(condition, scene)
    if isinstance(condition, OrderCondition):
        return OrderWatch(condition, start, scene)
    return EventWatch(condition, start, scene)


def offset(at: int, start: int) -> str:
    """Print an instant relative to the start of the step: `+1.200s`."""
    return f"{(at - start) / MICROSECONDS:+.3f}s"


class StateWatch:
    """Follows a state."""

    is_state = True
    is_deferred = False

    def __init__(self, condition: StateCondition, scene: Scene) -> None:
        self._condition = condition
        self._scene = scene
        self._before = condition.read(scene.view, scene.device)
        scene.saw(condition, self._before)

    def feed(self, event: Event) -> bool:
        """States are read, not fed."""
        return False

    def _check(self) -> tuple[object, Mismatches]:
        value = self._condition.read(self._scene.view, self._scene.device)
        self._scene.saw(self._condition, value)
        subject = Subject(value, self._condition.title, self._scene.resolve, self._before)
        return value, self._condition.matcher.check(subject)

    def holds(self) -> bool:
        """Read the state and compare."""
        return not self._check()[1]

    def is_violated(self) -> bool:
        """A state can always change again."""
        return False

    def wake_at(self) -> int | None:
        """Wait for events only."""
        return None

    def unmet(self) -> Unmet:
        """Name what is there instead."""
        mismatches, condition = self._check()[1], self._condition
        detail = condition.explain(self._scene.view, self._scene.device) if condition.explain is not None else ()
        nearest = _together(mismatches) or str(condition)
        return Unmet(str(condition), condition.place, nearest, detail=detail, of=condition.of)

    def met(self) -> str:
        """Name the state."""
        value = self._check()[0]
        shown = value if isinstance(value, str) else show(value)
        return f"{self._condition.title} = {shown}"


class MeterWatch:
    """Follows something that is measured."""

    is_state = True
    is_deferred = False

    def __init__(self, condition: MeterCondition, scene: Scene) -> None:
        self._condition = condition
        self._scene = scene
        self._meter = condition.make(scene.device, scene.resolve)
        for event in scene.view.past():
            if scene.began is None or event.n <= scene.began.n:
                self._meter.look_back(event)
            else:
                self._meter.take(event)

    def feed(self, event: Event) -> bool:
        """Show an event to the meter."""
        self._meter.take(event)
        return False

    def _check(self) -> tuple[object, Mismatches]:
        value = self._meter.value(self._scene.view.now())
        return value, self._condition.matcher.check(Subject(value, self._condition.title, self._scene.resolve))

    def holds(self) -> bool:
        """Read the meter and compare."""
        return not self._check()[1]

    def is_violated(self) -> bool:
        """A measure can always change again."""
        return False

    def wake_at(self) -> int | None:
        """Return when the measure comes to matter by itself."""
        return self._meter.changes_at(self._scene.view.now())

    def unmet(self) -> Unmet:
        """Say what was measured instead."""
        condition = self._condition
        return Unmet(str(condition), condition.place, _together(self._check()[1]) or str(condition))

    def met(self) -> str:
        """Say what was measured."""
        return f"{self._condition.title} = {show(self._check()[0])}"


def _together(mismatches: Mismatches) -> str:
    text = "; ".join(str(mismatch) for mismatch in mismatches[:MISMATCHES_SHOWN_MAX])
    more = len(mismatches) - MISMATCHES_SHOWN_MAX
    return f"{text}; and {more} more" if more > 0 else text


class _Near(NamedTuple):
    """The candidate with the fewest differences so far; among equals the closest, the first of them."""

    rank: tuple[int, int]
    at: Moment
    shown: str
    mismatches: Mismatches
    anchor: Anchor | None


class EventWatch:
    """Follows an event condition: counts what matches, remembers what nearly did."""

    is_state = False

    def __init__(self, condition: EventCondition, start: Moment, scene: Scene) -> None:
        self._condition = condition
        self._scene = scene
        self._start = start
        self._count = 0
        self._was_right = False
        self._near: _Near | None = None
        self._open: dict[str | int, tuple[Event, dict[str, object]]] = {}
        self._anchors = {
            anchor: _passed(anchor, start, scene)
            for anchor in (condition.after, condition.before)
            if anchor is not None
        }
        self._last: Moment | None = None
        self.is_deferred = self._count_is_right()

    def feed(self, event: Event) -> bool:
        """Take an event; a request whose answer matters is judged when that comes."""
        for anchor, passed in self._anchors.items():
            if passed is None and anchor.is_at(event, self._scene.device, self._scene.machine_of):
                self._anchors[anchor] = Moment(event.n, event.t)
        fields = self._condition.select(event, self._scene.device)
        if fields is None:
            return False
        if self._condition.joined:
            return self._join(event, fields)
        return self._judge(event, fields)

    def _join(self, event: Event, fields: Fields) -> bool:
        """Put a request and its answer together: they share an id, or the answer is caused by the request."""
        if event.kind == "http.request" and "status" not in fields:
            self._open[event.id or event.n] = (event, dict(fields))
            if len(self._open) > OPEN_REQUESTS_MAX:
                del self._open[next(iter(self._open))]
            return False
        if event.kind == "http.request":
            return self._judge(event, fields)
        for key in (event.id, event.cause):
            if key is not None and key in self._open:
                request, asked = self._open.pop(key)
                return self._judge(request, {**asked, "status": fields.get("status")})
        return False

    def _judge(self, event: Event, fields: Fields) -> bool:
        mismatches = self._condition.matcher.check(Subject(fields, "", self._scene.resolve))
        wrong_side = self._wrong_side()
        if not mismatches and wrong_side is None:
            self._count += 1
            self._last = Moment(event.n, event.t)
            self._was_right = self._was_right or self._count_is_right()
            return True
        if self._condition.is_kin(fields):
            rank = (len(mismatches) + (wrong_side is not None), -self._condition.closeness(fields))
            if self._near is None or rank < self._near.rank:
                shown = self._condition.show(fields)
                self._near = _Near(rank, Moment(event.n, event.t), shown, mismatches, wrong_side)
        return False

    def _wrong_side(self) -> Anchor | None:
        """Return the anchor that the present moment is on the wrong side of."""
        after, before = self._condition.after, self._condition.before
        if after is not None and self._anchors[after] is None:
            return after
        if before is not None and self._anchors[before] is not None:
            return before
        return None

    def _count_is_right(self) -> bool:
        times: Matcher | None = self._condition.times
        if times is None:
            return self._count >= 1
        return not times.check(Subject(self._count, "times", self._scene.resolve))

    def holds(self) -> bool:
        """Say whether it has happened as often as wanted."""
        return self._count_is_right()

    def is_violated(self) -> bool:
        """Say whether it has happened too often."""
        if self._count_is_right():
            return False
        times = self._condition.times
        exact = times.expected if isinstance(times, Literal) else None
        return self._was_right or self.is_deferred or (isinstance(exact, int) and self._count > exact)

    def wake_at(self) -> int | None:
        """Wait for events only."""
        return None

    def unmet(self) -> Unmet:
        """Name the nearest event, or what there was too much of, or that there was nothing of the kind."""
        condition = self._condition
        if self._count and self._last is not None:
            often = "once" if self._count == 1 else f"{self._count} times"
            nearest = f"it happened {often}, last at {offset(self._last.t, self._start.t)}"
            return Unmet(str(condition), condition.place, nearest, "times", self._last.n)
        near = self._near
        if near is None:
            return Unmet(str(condition), condition.place, condition.none)
        text = f"{near.shown} at {offset(near.at.t, self._start.t)}"
        mark = "order" if near.anchor is not None else ""
        if near.anchor is not None:
            text += f": {self._side(near)}"
        if near.mismatches:
            text += f": {_together(near.mismatches)}"
            mark = ", ".join(mismatch.path for mismatch in near.mismatches[:MISMATCHES_SHOWN_MAX])
        return Unmet(str(condition), condition.place, text, mark, near.at.n)

    def _side(self, near: _Near) -> str:
        assert near.anchor is not None, "asked only for a candidate on the wrong side"
        passed = self._anchors[near.anchor]
        if passed is None:
            return f"{near.anchor.text} never came"
        word = "BEFORE" if near.at.n < passed.n else "AFTER"
        apart = abs(near.at.t - passed.t) / MICROSECONDS
        return f"{apart:.3f}s {word} {near.anchor.text} ({offset(passed.t, self._start.t)})"

    def met(self) -> str:
        """Name the event and when it last came."""
        when = f" ({offset(self._last.t, self._start.t)})" if self._last is not None else ""
        return f"{self._condition.subject} {self._condition.title}{when}"


def _passed(anchor: Anchor, start: Moment, scene: Scene) -> Moment | None:
    if anchor.kind == "start":
        return start
    return scene.labels.get(anchor.name) if anchor.kind == "label" else None


class OrderWatch:
    """Follows a lifecycle through states that have to come in order."""

    is_state = False
    is_deferred = False

    def __init__(self, condition: OrderCondition, start: Moment, scene: Scene) -> None:
        self._condition = condition
        self._start = start
        self._scene = scene
        self._seen: list[tuple[str, int]] = []
        self._next = 0
        self._is_off = False

    def feed(self, event: Event) -> bool:
        """Take a transition of the lifecycle; states that mean the same word count once."""
        machine = self._scene.machine_of(self._condition.machine)
        if not is_machine(event, self._scene.device, machine):
            return False
        word = state_word(self._condition.machine, event.data.get("to"))
        if self._seen and self._seen[-1][0] == word:
            return False
        self._seen.append((word, event.t))
        del self._seen[:-100]
        if self.holds():
            return False
        if word == self._condition.states[self._next]:
            self._next += 1
            return True
        self._is_off = self._condition.is_exact
        return False

    def holds(self) -> bool:
        """Say whether all states have come."""
        return self._next == len(self._condition.states)

    def is_violated(self) -> bool:
        """Say whether another state came between, when none may."""
        return self._is_off and not self.holds()

    def wake_at(self) -> int | None:
        """Wait for events only."""
        return None

    def unmet(self) -> Unmet:
        """Name the states that came, and the one that is waited for."""
        condition = self._condition
        came = ", ".join(f"{word} ({offset(at, self._start.t)})" for word, at in self._seen[-6:])
        waited = condition.states[min(self._next, len(condition.states) - 1)]
        nearest = f"{came}; then {waited} did not come" if came else f"{condition.machine} did not change"
        return Unmet(str(condition), condition.place, nearest, waited)

    def met(self) -> str:
        """Name the states and when the last one came."""
        last = next(at for word, at in reversed(self._seen) if word == self._condition.states[-1])
        return f"{self._condition.machine} {', '.join(self._condition.states)} ({offset(last, self._start.t)})"
