"""Playing the steps of a scenario one after the other, each judged by its history.

Source: scenario-style.md sections 4, 8 and 10.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Literal, NamedTuple

from cloud_stub.platform.errors import CloudError
from endpoint.runtime.clock import real_seconds
from endpoint.runtime.errors import EndpointError
from endpoint.runtime.trace import Event
from endpoint.wire.errors import WireError
from scenarios.runner import actions, call_actions, cloud_actions, fault_actions, hybrid_actions, xapi_actions
from scenarios.runner.checks import Finding, StepChecks
from scenarios.runner.conditions import MICROSECONDS, EventCondition, Expectation
from scenarios.runner.failure import FailureReport, render
from scenarios.runner.holdings import write_calls, write_holdings
from scenarios.runner.ladder import picture
from scenarios.runner.model import Step
from scenarios.runner.problems import Place
from scenarios.runner.resolve import lookup, named, pick, resolved
from scenarios.runner.seen import Seen, with_values
from scenarios.runner.stage import Acting, Stage
from scenarios.runner.stepwork import StepFailed, StepWork
from scenarios.runner.timers import next_timer
from scenarios.runner.values import Template
from scenarios.runner.verbs import perform
from scenarios.runner.view import StageView
from scenarios.runner.watches import Moment, Scene
from scenarios.runner.whole_run import CHECKS, unused_faults
from scenarios.runner.why_stage import in_short

ACTIONS: Final = (actions, xapi_actions, call_actions, cloud_actions, hybrid_actions, fault_actions)
"""The modules whose import gives the verbs something to do."""

JOIN_BUTTON: Final = "screen join button"
"""The state of which a report says the cause."""
Part = Literal["setup", "steps", "finally"]
REFUSALS: Final = (EndpointError, WireError, CloudError, ValueError, TimeoutError)
"""What a verb may raise; anything else is a defect."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run failed, once: kind, place in the file, step, and the report."""

    kind: str
    place: Place
    step: str
    report: str


@dataclass(frozen=True, slots=True)
class Timing:
    """One step that was played, or skipped: when it began on the scenario's clock, and how long it took there and in real seconds.

    A step with steps of its own comes after them and spans them.
    """

    step: str
    title: str
    place: Place
    result: Literal["passed", "failed", "skipped"]
    began_s: float
    scenario_s: float
    took_s: float


TIMINGS_MAX: Final = 10_000
"""Steps of one run whose times are kept; those after them are played all the same."""


_seen: ContextVar[Seen | None] = ContextVar("seen", default=None)
"""What the step of the running verb sees."""


class Stop(Exception):
    """A step failed: what is left of its list is not run."""


class _Current(NamedTuple):
    """The step that is running, for whoever has to stop it."""

    step: Step
    start: Moment


class Player:
    """Plays the lists of one scenario on a stage.

    Args:
        until_step: the last step to play, counted from 1; 0 plays the set-up only, None plays all.
        trace_file: named in reports.
    """

    def __init__(self, stage: Stage, *, until_step: int | None = None, trace_file: str = "") -> None:
        self._stage = stage
        self._until_step = until_step
        self._trace_file = trace_file
        self._labels: dict[str, Moment] = {}
        self._view = StageView(stage)
        self._part: Part = "setup"
        self._current: _Current | None = None
        self.steps_done = 0
        """Steps of the main list that passed or were skipped."""
        self.story_s = 0.0
        """Virtual seconds from the first step of the main list to the end of the last one that was done."""
        self.skipped: list[tuple[str, str]] = []
        """Step and reason."""
        self.failures: list[Failure] = []
        self.timings: list[Timing] = []
        stage.play = self._inner
        stage.play_together = self._at_once
        stage.until = self._until

    @property
    def is_cut_short(self) -> bool:
        """Say whether `until_step` left out steps."""
        return self._until_step is not None and self._until_step < len(self._stage.scenario.steps)

    async def play(self, part: Part) -> None:
        """Run one of the lists of the scenario.

        Raises:
            Stop: a step failed; why is in `failures`.
        """
        scenario = self._stage.scenario
        self._part = part
        began_s = self._stage.clock.time()
        lists = {"setup": scenario.setup, "steps": scenario.steps[: self._until_step], "finally": scenario.finally_}
        for number, step in enumerate(lists[part], 1):
            self._stage.trace.step = number if part == "steps" else None
            await self._one(step)
            if part == "steps":
                self.steps_done += 1
                self.story_s = self._stage.clock.time() - began_s
        self._stage.trace.step = None

    async def _inner(self, steps: tuple[Step, ...]) -> None:
        """Run the steps of a verb that has some."""
        outer = self._current
        for step in steps:
            await self._one(step)
        self._current = outer

    async def _at_once(self, steps: tuple[Step, ...]) -> None:
        """Run steps of one instant side by side, begun in their order; when one fails the others are broken off."""
        outer = self._current
        tasks = [asyncio.get_running_loop().create_task(self._one(step)) for step in steps]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._current = outer

    async def _one(self, step: Step) -> None:
        reason = self._why_not(step)
        began_us, began_real_s = self._stage.now_us, real_seconds()
        result: Literal["passed", "failed", "skipped"] = "skipped" if reason else "failed"
        try:
            if reason:
                self._skip(step, reason)
            else:
                await self._play(step)
                result = "passed"
        finally:
            if len(self.timings) < TIMINGS_MAX:
                scenario_s, took_s = (self._stage.now_us - began_us) / MICROSECONDS, real_seconds() - began_real_s
                timing = Timing(
                    self._named(step), step.title, step.place, result, began_us / MICROSECONDS, scenario_s, took_s
                )
                self.timings.append(timing)

    def _skip(self, step: Step, reason: str) -> None:
        self.skipped.append((self._named(step), reason))
        for name in _saved_by(step):
            self._stage.saved.setdefault(name, "")
        self._stage.trace.event("runner", "step.skipped", data={"step": self._named(step), "reason": reason})

    def _why_not(self, step: Step) -> str:
        stage = self._stage
        if step.modes and stage.mode not in step.modes:
            return f"only for {', '.join(step.modes)}"
        if stage.mode != "virtual" and "time" in step.args.needs and step.args.takes_s > stage.max_wait_s:
            return f"takes longer than --max-wait {stage.max_wait_s:g}s of real time"
        return step.args.why_not(stage.mode)

    def _named(self, step: Step) -> str:
        return step.number if self._part == "steps" else f"{self._part} {step.number}"

    async def _play(self, step: Step) -> None:
        stage = self._stage
        data = {"step": self._named(step), "title": step.title, "label": step.label or ""}
        start = Moment(stage.trace.event("runner", "step.start", data=data), stage.now_us)
        self._current = _Current(step, start)
        if step.label:
            self._labels[step.label] = start
        never = tuple(one for one in (step.never, stage.scenario.never) if one is not None)
        seen = self._sees()
        checks = StepChecks(step.expect, never, start, self._scene(step.device, seen), takes_s=step.args.takes_s)
        work = [self._perform(one, step, seen) for one in (step, *step.meanwhile)]
        verdict, result = await StepWork(stage, checks, step.place).follow(work)
        if verdict.finding is not None:
            self._fail(step, start, verdict.finding, {**_acted(checks), **seen.data()})
        for name, path in step.save:
            try:
                stage.saved[name] = pick(result, checks.matched, path)
            except KeyError:
                why = f"nothing at `{path}` to save, neither in the result of the verb nor in what matched"
                self._fail(
                    step, start, Finding("verb", step.place, stage.now_us, note=why), {**_acted(checks), **seen.data()}
                )
        stage.trace.event("runner", "step.end", data={"step": self._named(step), **_acted(checks), **seen.data()})

    def _sees(self) -> Seen:
        return Seen(lambda: Moment(self._stage.trace.last, self._stage.now_us))

    def _scene(self, device: str, seen: Seen) -> Scene:
        find = lookup(self._stage, device)

        def resolve(template: Template) -> object:
            value = template.resolve(find)
            seen.reference(template, value)
            return value

        machine_of = partial(self._stage.calls.machine, device)
        return Scene(self._view, device, resolve, dict(self._labels), machine_of, saw=seen.state)

    async def _perform(self, step: Step, whole: Step, seen: Seen) -> object:
        """Do the verb of a step; `whole` is the step that says what must follow, `seen` keeps what a wait inside the verb sees."""
        _seen.set(seen)
        is_expected = bool(whole.expect) or whole.never is not None
        with self._stage.acts(Acting(step.device, is_expected, "result" in _events_of(whole))):
            try:
                return await perform(self._stage, resolved(step.args, lookup(self._stage, step.device)))
            except REFUSALS as error:
                why = named(_refusal(error), self._stage.ids)
                raise StepFailed(Finding("verb", step.place, self._stage.now_us, note=why)) from error

    async def _until(self, expectation: Expectation) -> dict[str, object]:
        """Wait for an expectation of the acting device, tracked like a step's; return the data of the event that matched last.

        Raises:
            StepFailed: it did not come true in time.
        """
        stage = self._stage
        start = Moment(stage.trace.events[-1].n, stage.now_us)
        checks = StepChecks((expectation,), (), start, self._scene(stage.acting, _seen.get() or self._sees()))
        verdict, _ = await StepWork(stage, checks, expectation.place).follow(())
        if verdict.finding is not None:
            raise StepFailed(verdict.finding)
        return dict(checks.matched[-1].data) if checks.matched else {}

    # what went wrong

    def _fail(self, step: Step, start: Moment, finding: Finding, told: Mapping[str, object]) -> None:
        data = {"step": self._named(step), "kind": finding.kind, **told}
        self._stage.trace.event("runner", "step.failed", data=data)
        self._report(step, start, with_values(finding, told))
        raise Stop

    def out_of_time(self, note: str) -> None:
        """Take note that the run was stopped in the middle of a step."""
        step, start = self._current or (self._stage.scenario.steps[0], Moment(0, 0))
        waited_us = self._stage.now_us - start.t
        self._report(step, start, Finding("bound", step.place, self._stage.now_us, waited_us=waited_us, note=note))

    def conclude(self) -> None:
        """Judge what only the whole run can tell: traffic that nobody expected, faults that never bit.

        Raises:
            Stop: there was something.
        """
        findings = list(self._whole_run())
        for finding in findings:
            step, start, number = self._where(finding)
            unmet = tuple(replace(one, place=step.place) for one in finding.unmet)
            placed = replace(finding, place=step.place, unmet=unmet)
            self._report(step, start, placed, is_of_a_step=bool(number), number=number)
        if findings:
            raise Stop

    def _where(self, finding: Finding) -> tuple[Step, Moment, int]:
        """Return the step in which something happened that the whole run is judged by, its start and number; else the last one."""
        events, steps = self._stage.trace.events, self._stage.scenario.steps
        at = next((one.event for one in finding.unmet if one.event is not None), 0)
        number = next((event.step for event in events if event.n == at), None)
        if number is None or number > len(steps):
            return steps[-1], Moment(0, 0), 0
        begun = (one for one in events if one.kind == "step.start" and one.data.get("step") == str(number))
        start = next((Moment(one.n, one.t) for one in begun), Moment(0, 0))
        return steps[number - 1], start, number

    def _whole_run(self) -> Iterator[Finding]:
        stage, scenario = self._stage, self._stage.scenario
        if "bookings_equal" in scenario.head.checks:
            write_holdings(stage)
        if "calls_balanced" in scenario.head.checks:
            write_calls(stage)
        place, events = scenario.steps[-1].place, list(stage.trace.events)
        for name in scenario.head.checks:
            if name != "strict" or scenario.head.cloud.strict:
                yield from CHECKS[name](events, place)
        if not self.is_cut_short:
            yield from unused_faults(stage.injected, place, stage.now_us)

    @property
    def began(self) -> Moment:
        """When the step began that was played last."""
        return self._current.start if self._current is not None else Moment(0, 0)

    def defects(self) -> None:
        """Report what tasks of device and cloud left behind: none of it belongs to the story."""
        place = self._stage.scenario.steps[-1].place
        for error in self._stage.defects:
            note = f"a defect of roomsim, please report it: {error!r}"
            finding = Finding("internal", place, self._stage.now_us, note=note)
            self._report(self._stage.scenario.steps[-1], Moment(0, 0), finding, is_of_a_step=False)
        self._stage.defects.clear()

    def _report(
        self, step: Step, start: Moment, finding: Finding, *, is_of_a_step: bool = True, number: int = 0
    ) -> None:
        """Write down a failure; `number` is the step of one that was found after the story."""
        stage, name = self._stage, str(number) if number else self._named(step)
        events = [event for event in stage.trace.events if event.n >= start.n and number in (0, event.step)]
        report = FailureReport(
            place=step.place,
            uses=step.uses,
            step=name,
            title=step.title if is_of_a_step else stage.scenario.name,
            finding=finding,
            start=stage.clock.source.start,
            began=start.t,
            ended=events[-1].t if number else stage.now_us,
            seed=stage.seed,
            mode=f"{stage.mode}/{'memory' if stage.mode == 'virtual' else 'loopback'}",
            trace_file=self._trace_file,
            states=self._states(step.device),
            next_timer=next_timer(asyncio.get_running_loop()),
            ladder=tuple(picture(events, start.t)),
            labels=labels_of(events),
            why=self._why(step.device, finding),
            replay=self._replay(number or (self.steps_done + 1 if is_of_a_step and self._part == "steps" else 0)),
        )
        self.failures.append(Failure(finding.kind, finding.place, name, render(report)))

    def _why(self, device: str, finding: Finding) -> str:
        """Say why there is no Join button, where one was expected."""
        asked = any(one.of == JOIN_BUTTON for one in finding.unmet) and finding.kind != "never"
        return in_short(self._stage, device) if asked else ""

    def _replay(self, until_step: int) -> str:
        stage = self._stage
        mode = "" if stage.mode == "virtual" else f" --mode {stage.mode}"
        if stage.ready_file is not None:
            mode += f" --ready-file {shlex.quote(str(stage.ready_file))}"
        until = f" --until-step {until_step}" if until_step else ""
        repl = " --repl" if stage.mode == "virtual" else ""
        return replay_command(stage.scenario.file, stage.scenario.case, stage.seed, mode + until + repl)

    def _states(self, name: str) -> str:
        device = self._stage.devices.get(name)
        if device is None:
            return ""
        states = (
            f"Mercury={device.mercury.state.value}",
            f"Registration={device.registration.state.value}",
            f"Webex={device.webex.status.value}",
            *(f"Call[{one['id']}]={one['status']}" for one in device.local.calls.shown()),
        )
        return f"device: {' '.join(states)}"


def _acted(checks: StepChecks) -> dict[str, int]:
    """Say for those who judge the step again when its verb was done: states count from there."""
    return {} if checks.acted is None else {"acted": checks.acted.n, "acted_us": checks.acted.t}


def replay_command(file: str, case: str | None, seed: int, options: str = "") -> str:
    """Return the one command that does a run again."""
    only = "" if case is None else f" --case {shlex.quote(case)}"
    return f"roomsim run {shlex.quote(file)}{only} --seed {seed}{options}"


def _refusal(error: Exception) -> str:
    """Say why a verb was refused: of an answer of the cloud its sentence, too."""
    if isinstance(error, CloudError):
        return " ".join(filter(None, (str(error.status), error.code, error.text)))
    return str(error) or type(error).__name__


def _saved_by(step: Step) -> Iterator[str]:
    """Return the names that a step would save, and those inside it."""
    yield from (name for name, _ in step.save)
    yield from (one.name for one in step.args.defines() if one.kind == "saved")
    for inner in (*step.meanwhile, *step.inner):
        yield from _saved_by(inner)


def _events_of(step: Step) -> set[str]:
    """Return the event subjects of which a step says something."""
    expectations = (*step.expect, *(() if step.never is None else (step.never,)))
    conditions = (condition for one in expectations for condition in one.conditions)
    return {condition.subject for condition in conditions if isinstance(condition, EventCondition)}


def labels_of(events: list[Event]) -> tuple[str, ...]:
    """Say what the answers in a history rest on; media nodes are one line, there may be hundreds."""
    found: dict[str, set[str]] = {}
    for event in events:
        if event.label:
            who = "media nodes" if event.who.startswith("node:") else event.who.removeprefix("cloud:")
            found.setdefault(who, set()).add(event.label)
    return tuple(f"{who}: {', '.join(sorted(labels))}" for who, labels in sorted(found.items()))
