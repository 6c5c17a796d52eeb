"""`roomsim swarm`: scenarios under plans of faults, and what broke."""

from __future__ import annotations

import shlex
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TextIO

from scenarios.runner.chaos.plan import written
from scenarios.runner.chaos.swarm import Swarmed, smallest, swarm
from scenarios.runner.loader import load_case
from scenarios.runner.model import Scenario
from scenarios.runner.processes import in_processes
from scenarios.runner.values import show_duration

OUTSIDE: Final = "client"
"""What a scenario must not need: nobody from outside is there."""


@dataclass(frozen=True, slots=True)
class Task:
    """One plan to play."""

    file: str
    case: str | None
    name: str
    seed: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it, as text that leaves the process."""

    task: Task
    result: str
    reason: str = ""
    reports: tuple[str, ...] = ()
    plan: str = ""
    faults: int = 0
    bites: int = 0
    scenario_s: float = 0.0
    is_internal: bool = False

    @property
    def is_good(self) -> bool:
        """Say whether every rule held."""
        return self.result in ("passed", "skipped")


def tasks(scenarios: Iterable[Scenario], *, seed: int, seeds: int) -> list[Task]:
    """Return the plans to play: for each seed every scenario that plays alone, so that a run that is cut short has seen all of them."""
    found = [one for one in scenarios if OUTSIDE not in one.needs]
    return [Task(one.file, one.case, one.name, seed + more) for more in range(seeds) for one in found]


def play(task: Task) -> Answer:
    """Play one plan, and make it small if it breaks a rule."""
    scenario = load_case(task.file, task.case)
    try:
        found = swarm(scenario, task.seed)
        faults = len(found.plan)
        if not found.is_good:
            found = smallest(found)
    except Exception:
        return Answer(
            task, "error", "a defect of roomsim, please report it", (traceback.format_exc(),), is_internal=True
        )
    return _answer(task, found, faults)


def _answer(task: Task, found: Swarmed, faults: int) -> Answer:
    outcome = found.outcome
    events = outcome.trace.events if outcome.trace is not None else ()
    bites = sum(event.kind in ("fault.bit", "fault.struck") for event in events)
    plan = written(found.plan) if found.plan and not found.is_good else ""
    is_internal = "internal" in outcome.kinds
    return Answer(
        task, outcome.result, outcome.reason, tuple(outcome.reports), plan, faults, bites, outcome.scenario_s, is_internal
    )  # fmt: skip


class SwarmCommand:
    """Plays plans and prints what came of each."""

    def __init__(self, stream: TextIO, *, is_quiet: bool = False) -> None:
        self._stream = stream
        self._is_quiet = is_quiet

    def run(self, work: list[Task], jobs: int) -> list[Answer]:
        """Play all; answers come in order."""
        answers = []
        for answer in in_processes(play, work, jobs):
            answers.append(answer)
            if not answer.is_good or not self._is_quiet:
                self._print("\n".join(_lines(answer)))
        failed = [answer for answer in answers if not answer.is_good]
        skipped = sum(answer.result == "skipped" for answer in answers)
        bites = sum(answer.bites for answer in answers)
        self._print(
            f"{len(answers) - len(failed) - skipped} plans held, {len(failed)} broke a rule, {skipped} skipped;"
            f" faults bit {bites} times"
        )
        return answers

    def _print(self, text: str) -> None:
        self._stream.write(text + "\n")
        self._stream.flush()


def _lines(answer: Answer) -> Iterator[str]:
    task = answer.task
    if answer.is_good:
        word = "HELD" if answer.result == "passed" else "SKIP"
        why = (
            answer.reason or f"{answer.faults} faults, {answer.bites} bites, {show_duration(round(answer.scenario_s))}"
        )
        yield f"{word}  {task.file}  seed {task.seed}  {task.name}  ({why})"
        return
    yield f"BROKE {task.file}  seed {task.seed}  {task.name}{f'  ({answer.reason})' if answer.reason else ''}"
    yield from answer.reports
    if answer.plan:
        yield "  the smallest plan that does it, as the first step of the scenario:"
        yield from (f"    {line}" for line in answer.plan.splitlines())
    case = f" --case {shlex.quote(task.case)}" if task.case else ""
    yield f"  again     roomsim swarm {shlex.quote(task.file)}{case} --seed {task.seed}"
