"""Judging an old history again, by a scenario as it stands now: without a device, a cloud, or time that passes.

Each step is followed as the run followed it, over the events from its start on. Where the run went on before the deadline of an
expectation that is not met, what came later counts against it, and is no proof for it: a later step may have brought it about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import partial
from typing import Any, Final

from pydantic import BaseModel

from endpoint.runtime.trace import Event
from scenarios.runner.checks import Finding, StepChecks, Verdict
from scenarios.runner.conditions import (
    MICROSECONDS,
    Condition,
    EventCondition,
    Expectation,
    Never,
    StateCondition,
    View,
)
from scenarios.runner.failure import FailureReport, render
from scenarios.runner.fault_verbs import FaultSpec
from scenarios.runner.history.counting import faults
from scenarios.runner.history.drawing import clean
from scenarios.runner.history.oldview import HistoryView, NotTold
from scenarios.runner.history.reader import History
from scenarios.runner.ladder import picture
from scenarios.runner.model import Scenario, Step
from scenarios.runner.player import Failure, labels_of
from scenarios.runner.problems import Place
from scenarios.runner.seen import NotSeen, Remembered, Telling
from scenarios.runner.values import Template
from scenarios.runner.watches import Moment, Scene, Unmet
from scenarios.runner.whole_run import CHECKS
from scenarios.runner.world_verbs import Wait

BROKEN: Final = (KeyError, TypeError, ValueError, AttributeError, IndexError)
"""What reading the data of an event may raise when it is not of the form that this version writes."""
_NOT_OURS: Final = "the data of its events is not of the form that this version knows"
_AFTER_THE_STEP: Final = (
    "it came true only after the step of that run had ended, and a later step may have brought it about"
)


@dataclass
class Judgement:
    """What came of judging a history.

    Attributes:
        unjudged: what could not be judged (step, reason).
        judged: how many conditions could.
        open: steps that failed in that run, with the kind of that failure, of which something could not be judged now.
    """

    failures: list[Failure] = field(default_factory=list)
    unjudged: list[tuple[str, str]] = field(default_factory=list)
    judged: int = 0
    open: list[tuple[str, str]] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Say whether nothing was judged that lets the history pass: not what failed in that run, or nothing at all."""
        return not self.failures and bool(self.open or not self.judged)


@dataclass(frozen=True, slots=True)
class _Played:
    """A step as the history has it: the place of its start among the events, and of its end (that of the last event without one).

    `over` is the event that ends it, None without one.
    """

    name: str
    start: int
    end: int
    acted: Moment | None
    failed: str
    over: Event | None


def judge(scenario: Scenario, history: History) -> Judgement:
    """Judge a history by a scenario."""
    return _Judge(scenario, history).run()


class _Judge:
    def __init__(self, scenario: Scenario, history: History) -> None:
        self._scenario = scenario
        self._history = history
        self._events = history.events
        self._labels: dict[str, Moment] = {}
        self._remembered = Remembered(None)
        self._out = Judgement()

    def run(self) -> Judgement:
        """Judge step by step, then what only the whole history can tell."""
        steps = dict(_steps(self._scenario))
        view = HistoryView()
        view.begin(self._events)
        at, seen, failed = 0, set(), {}
        for played in _played(self._events):
            seen.add(played.name)
            if played.over is not None and played.over.kind == "step.failed":
                failed[played.name] = played.failed or "failed"
            step = steps.get(played.name)
            if step is None:
                self._leave(played.name, "the scenario has no such step now")
                continue
            try:
                while at <= played.start:
                    view.take(self._events[at])
                    at += 1
                self._step(step, played, view)
            except BROKEN:
                self._leave(played.name, _NOT_OURS)
        skipped = {str(event.data.get("step")) for event in self._events if event.kind == "step.skipped"}
        for name in steps:
            if name not in seen:
                self._leave(name, "that run skipped it" if name in skipped else "that run did not come to it")
        self._whole()
        left = {name for name, _ in self._out.unjudged}
        self._out.open = [(name, kind) for name, kind in failed.items() if name in left]
        return self._out

    def _leave(self, name: str, reason: str) -> None:
        if (name, reason) not in self._out.unjudged:
            self._out.unjudged.append((name, reason))

    def _step(self, step: Step, played: _Played, view: HistoryView) -> None:
        first = self._events[played.start]
        start = Moment(first.n, first.t)
        self._remembered = Remembered(played.over)
        if step.label:
            self._labels[step.label] = start
        if played.failed == "verb":
            note = f"the verb was refused in that run; `roomsim trace show {self._history.file} --why {self._events[played.end].n}`"
            self._fail(step, played, Finding("verb", step.place, self._events[played.end].t, note=note))
            return
        acted = played.acted or _acted_without_word(step, played, self._events)
        if isinstance(step.args, Wait):
            self._judged(step, played, view, ((step.args.until,), ()), start)
        self._judged(step, played, view, (step.expect, ()), acted)
        never = tuple(one for one in (step.never, self._scenario.never) if one is not None)
        self._judged(step, played, view, ((), never), acted)

    def _judged(
        self,
        step: Step,
        played: _Played,
        view: HistoryView,
        wanted: tuple[tuple[Expectation, ...], tuple[Never, ...]],
        acted: Moment | None,
    ) -> None:
        """Judge expectations, or what must never be; add the failure, and what could not be judged."""
        own = view.fork()
        expect, never = (tuple(self._tellable(one, played.name, step.device, own) for one in part) for part in wanted)
        count = sum(len(one.conditions) for one in (*expect, *never))
        is_short = any(
            len(one.conditions) < len(whole.conditions) for one, whole in zip(expect, wanted[0], strict=True)
        )
        if not count:
            return
        first = self._events[played.start]
        machine_of = partial(own.machine_of, step.device)
        scene = Scene(own, step.device, partial(_resolved, self._remembered), dict(self._labels), machine_of)
        try:
            checks = StepChecks(expect, never, Moment(first.n, first.t), scene, takes_s=step.args.takes_s)
            verdict, is_late = _Following(self._events, played, acted, own, checks).verdict()
        except (NotTold, NotSeen) as reason:
            self._leave(played.name, str(reason))
            return
        if own.untold and verdict.state != "pending" and not is_late:
            self._leave(played.name, "; ".join(sorted(own.untold)))
        elif (
            verdict.finding is not None
            and acted is None
            and not played.failed
            and _needs_its_end(expect, verdict.finding)
        ):
            self._leave(
                played.name, "this history does not say when the verb was done, and what is expected counts from there"
            )
        elif verdict.finding is not None and is_short and (len(expect) > 1 or verdict.finding.kind == "early"):
            self._leave(played.name, "when it came true depends on what could not be judged")
        elif verdict.finding is not None and not (is_late and never):
            self._out.judged += count
            self._fail(step, played, verdict.finding)
        elif is_late and expect:
            ended = "the history ends before its window does"
            self._leave(played.name, _AFTER_THE_STEP if verdict.state == "met" else ended)
        else:
            self._out.judged += count

    def _tellable(self, one: Any, name: str, device: str, view: HistoryView) -> Any:
        """Leave out the conditions that a history cannot tell, and say so; read the others from what events or the run told."""
        kept: list[Condition] = []
        for condition in one.conditions:
            try:
                for reference in _templates(condition):
                    _resolved(self._remembered, reference)
                if isinstance(condition, StateCondition):
                    read = partial(_told, condition, self._remembered)
                    condition = replace(condition, read=read, matcher=Telling(condition.matcher), explain=None)
                    if not self._remembered.has(condition):
                        condition.read(view, device)
                kept.append(condition)
            except NotTold as reason:
                self._leave(name, f"{_short(condition)}: {reason}")
        view.untold.clear()
        return replace(one, conditions=tuple(kept))

    def _whole(self) -> None:
        scenario = self._scenario
        if not scenario.steps:
            return
        place = scenario.steps[-1].place
        for name in scenario.head.checks:
            if name == "strict" and not scenario.head.cloud.strict:
                continue
            try:
                findings = list(CHECKS[name](self._events, place))
            except BROKEN:
                self._leave(f"check {name}", _NOT_OURS)
                continue
            self._out.judged += 1
            for finding in findings:
                self._report(scenario.steps[-1], "", scenario.name, finding, 0)
        for finding in _unused(scenario, self._history, place):
            self._report(scenario.steps[-1], "", scenario.name, finding, 0)

    # what is wrong

    def _fail(self, step: Step, played: _Played, finding: Finding) -> None:
        self._report(step, played.name, step.title, finding, played.start)

    def _report(self, step: Step, name: str, title: str, finding: Finding, start: int) -> None:
        header = self._history.header
        began = self._events[start].t if self._events else 0
        events = [event for event in self._events[start:] if event.t <= finding.at] if name else []
        report = FailureReport(
            place=step.place,
            step=name or "-",
            title=title,
            finding=finding,
            start=header.start,
            began=began,
            ended=finding.at,
            seed=header.seed,
            mode=f"{header.mode}/{header.network}",
            trace_file=self._history.file,
            ladder=tuple(picture(events, began)) if events else (),
            labels=labels_of(events),
            replay=f"roomsim trace show {self._history.file}" + (f" --step {name}" if name.isdigit() else ""),
        )
        text = "\n".join(map(clean, render(report).split("\n")))
        self._out.failures.append(Failure(finding.kind, finding.place, name or "-", text))


class _Following:
    """Shows a step's checks the events, lets time pass between them, and says when the verb was done."""

    def __init__(
        self, events: Sequence[Event], played: _Played, acted: Moment | None, view: HistoryView, checks: StepChecks
    ) -> None:
        self._events = events
        self._played = played
        self._acted = acted
        self._view = view
        self._checks = checks
        self._verdict = Verdict("pending")

    def verdict(self) -> tuple[Verdict, bool]:
        """Return the verdict, and whether it fell after the step of that run had ended."""
        events, played = self._events, self._played
        if self._is_decided(lambda: self._checks.poll(events[played.start].t)):
            return self._verdict, False
        for place in range(played.start + 1, len(events)):
            event = events[place]
            is_late = place > played.end
            if self._passes_to(event, is_end=place == played.end):
                return self._verdict, is_late
            self._view.take(event)
            if self._is_decided(partial(self._checks.feed, event)):
                return self._verdict, is_late
        last = events[-1].t
        if self._is_decided(lambda: self._checks.verb_done(last)) or self._is_decided(
            lambda: self._checks.deadlock(last)
        ):
            return self._verdict, True
        return self._verdict, True

    def _passes_to(self, event: Event, *, is_end: bool) -> bool:
        """Let time pass up to an event; says whether that decided."""
        acted = self._acted
        if self._checks.acted is None and (is_end or (acted is not None and event.n > acted.n)):
            at = event.t if acted is None else acted.t
            if self._wakes(at) or self._is_decided(lambda: self._checks.verb_done(at)):
                return True
        if self._wakes(event.t) or (is_end and self._is_decided(lambda: self._checks.poll(event.t))):
            return True
        if is_end and self._view.untold:  # the run saw more than its history tells
            raise NotTold("; ".join(sorted(self._view.untold)))
        return False

    def _wakes(self, until: int) -> bool:
        before = -1
        while (at := self._checks.wake_at()) is not None and before < at <= until:
            before = self._view.now_us = at
            if self._is_decided(partial(self._checks.poll, at)):
                return True
        return False

    def _is_decided(self, ask: Callable[[], Verdict]) -> bool:
        self._view.untold.clear()
        self._verdict = ask()
        return self._verdict.state != "pending"


def _acted_without_word(step: Step, played: _Played, events: Sequence[Event]) -> Moment | None:
    """Say when the verb was done, for histories of format 1.0, which do not: after its own time, else at the end of the step."""
    if step.args.takes_s <= 0:
        return None
    at = events[played.start].t + round(step.args.takes_s * MICROSECONDS)
    before = [event.n for event in events[played.start : played.end] if event.t <= at]
    return Moment(before[-1], at)


def _played(events: Sequence[Event]) -> Iterator[_Played]:
    """Yield the steps in the order in which they began; one that ran several times comes as often."""
    ends: dict[int, int] = {}
    open_: dict[str, list[int]] = {}
    for place, event in enumerate(events):
        name = str(event.data.get("step"))
        if event.kind == "step.start":
            open_.setdefault(name, []).append(place)
        elif event.kind in ("step.end", "step.failed") and open_.get(name):
            ends[open_[name].pop()] = place
    for place, event in enumerate(events):
        if event.kind != "step.start":
            continue
        end = ends.get(place, len(events) - 1)
        last = events[end]
        n, t = last.data.get("acted"), last.data.get("acted_us")
        acted = Moment(n, t) if place in ends and isinstance(n, int) and isinstance(t, int) else None
        failed = str(last.data.get("kind", "")) if place in ends and last.kind == "step.failed" else ""
        over = last if place in ends else None
        yield _Played(str(event.data.get("step")), place, end, acted, failed, over)


def _steps(scenario: Scenario) -> Iterator[tuple[str, Step]]:
    """Yield all steps by the names that a history has for them."""
    for part, steps in (("setup ", scenario.setup), ("", scenario.steps), ("finally ", scenario.finally_)):
        for step in _with_inner(steps):
            yield f"{part}{step.number}", step


def _with_inner(steps: Sequence[Step]) -> Iterator[Step]:
    for step in steps:
        yield step
        for value in step.args.__dict__.values():
            if isinstance(value, tuple) and value and isinstance(value[0], Step):
                yield from _with_inner(value)


def _needs_its_end(expect: Sequence[Expectation], finding: Finding) -> bool:
    """Say whether a failure may only come from not knowing when the verb was done: states count from there, windows end after it."""
    conditions = [condition for one in expect for condition in one.conditions]
    if any(isinstance(condition, StateCondition) for condition in conditions):
        return True
    counts = any(isinstance(condition, EventCondition) and condition.times is not None for condition in conditions)
    return counts and finding.kind == "expectation"


def _templates(value: object) -> Iterator[Template]:
    """Find the references in a condition."""
    if isinstance(value, Template):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _templates(item)
    elif isinstance(value, dict):
        yield from _templates([*value.values()])
    elif is_dataclass(value) and not isinstance(value, (type, Place)):
        for one in fields(value):
            yield from _templates(getattr(value, one.name))


def _resolved(remembered: Remembered, template: Template) -> object:
    try:
        return remembered.given(template)
    except NotSeen as reason:
        raise NotTold(str(reason)) from None


def _told(condition: StateCondition, remembered: Remembered, view: View, device: str) -> object:
    """Read a state from the events of a history, else from what the run saw of it.

    Raises:
        NotTold: neither has it.
    """
    assert isinstance(view, HistoryView), "who judges a history looks at one"
    before = set(view.untold)
    try:
        value, why_not = condition.read(view, device), None
    except NotTold as reason:
        value, why_not = None, reason
    if why_not is None and view.untold == before:
        return value
    try:
        seen = remembered.value(condition, view.moment)
    except NotSeen:
        if why_not is not None:
            raise why_not from None
        return value
    view.untold.intersection_update(before)
    return seen


def _short(condition: Condition) -> str:
    return condition.title if isinstance(condition, StateCondition) else str(condition)


def _unused(scenario: Scenario, history: History, place: Place) -> Iterator[Finding]:
    """Object to faults that were healed without having bitten, unless they are optional."""
    specs = list(_specs([step.args for _, step in _steps(scenario)]))
    optional = {spec.id for spec in specs if spec.optional}
    healed = {str(event.data.get("id")): event for event in history.events if event.kind == "fault.healed"}
    for row in faults(history.events):
        event = healed.get(row["id"])
        is_named = any(spec.id == row["id"] for spec in specs)
        if event is None or event.data.get("used") != 0 or row["id"] in optional or (None in optional and not is_named):
            continue
        unmet = Unmet(
            f"fault {row['id']} to bite", place, "armed, never used; nothing it aims at happened", "", row["n"]
        )
        yield Finding("fault_unused", place, event.t, (unmet,))


def _specs(value: object) -> Iterator[FaultSpec]:
    if isinstance(value, FaultSpec):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _specs(item)
    elif isinstance(value, BaseModel):
        yield from _specs([*value.__dict__.values()])
