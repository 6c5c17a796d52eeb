"""`roomsim swarm`: scenarios under plans of faults, and what broke."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from typing import Final, TextIO

from rich.console import Console

from endpoint.runtime.clock import real_seconds
from scenarios.runner.bar import Bar
from scenarios.runner.chaos.answers import Answer, Task, counted, in_short, lines
from scenarios.runner.chaos.plan import written
from scenarios.runner.chaos.swarm import Swarmed, smallest, swarm
from scenarios.runner.failure import highlight
from scenarios.runner.loader import load_case
from scenarios.runner.model import Scenario
from scenarios.runner.processes import in_processes

OUTSIDE: Final = "client"
"""What a scenario must not need: nobody from outside is there."""
STATE_EVERY_S: Final = 300.0
"""Real seconds after which a quiet swarm says how far it is, where no bar shows it: the log of a night must not look dead."""


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
        task, outcome.result, outcome.reason, tuple(outcome.reports), plan, faults, bites, outcome.scenario_s,
        tuple(sorted(found.excused)), is_internal,
    )  # fmt: skip


class SwarmCommand:
    """Plays plans and prints what came of each.

    Args:
        is_quiet: print what broke and the count; now and then how far it is, where the stream is no terminal.
    """

    def __init__(self, stream: TextIO, *, is_quiet: bool = False) -> None:
        self._console = Console(file=stream, highlight=False, soft_wrap=True)
        self._is_quiet = is_quiet
        self._done = self._broke = 0
        self._told_s = real_seconds()

    def run(self, work: list[Task], jobs: int) -> list[Answer]:
        """Play all; answers come in order."""
        answers = []
        bar = Bar(self._console, len(work), bad="broke a rule")

        def done(answer: Answer) -> None:
            bar.done(is_good=answer.is_good)
            self._count(answer, len(work))

        try:
            for answer in in_processes(play, work, jobs, done=done):
                answers.append(answer)
                if not answer.is_good or not self._is_quiet:
                    self._console.print(highlight("\n".join(lines(answer))))
        finally:
            bar.over()
        self._console.print(in_short(answers), markup=False)
        return answers

    def _count(self, answer: Answer, total: int) -> None:
        """Take note of an answer, and say how far it is when nothing has been said for long."""
        self._done += 1
        self._broke += not answer.is_good
        now_s = real_seconds()
        if not self._is_quiet or self._console.is_terminal or now_s - self._told_s < STATE_EVERY_S:
            return
        self._told_s = now_s
        self._console.print(
            f"{self._done} of {counted(total, 'plan')} played, {self._broke} broke a rule", markup=False
        )
