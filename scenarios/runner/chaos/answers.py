"""What came of a plan, as text that leaves the process that played it: for people, and as JSON."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from scenarios.runner.values import show_duration

ANSWERS_VERSION: Final = "1.0"
"""Of the JSON form."""


@dataclass(frozen=True, slots=True)
class Task:
    """One plan to play."""

    file: str
    case: str | None
    name: str
    seed: int

    @property
    def command(self) -> str:
        """The one command that plays it again."""
        case = f" --case {shlex.quote(self.case)}" if self.case else ""
        return f"roomsim swarm {shlex.quote(self.file)}{case} --seed {self.seed}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it.

    Attributes:
        reports: the failure reports.
        plan: the smallest plan that breaks a rule, as a step of a scenario; empty when every rule held, or when none is needed.
        faults: how many the seed drew.
        bites: how often they bit, in the run that is told of.
        excused: devices of which nobody demanded that they are well at the end: the story leaves them disconnected by itself.
        is_internal: it shows a defect of roomsim.
    """

    task: Task
    result: str
    reason: str = ""
    reports: tuple[str, ...] = ()
    plan: str = ""
    faults: int = 0
    bites: int = 0
    scenario_s: float = 0.0
    excused: tuple[str, ...] = ()
    is_internal: bool = False

    @property
    def is_good(self) -> bool:
        """Say whether every rule held."""
        return self.result in ("passed", "skipped")


def lines(answer: Answer) -> Iterator[str]:
    """Tell people of an answer: one line when every rule held, otherwise all that is needed to look into it."""
    task = answer.task
    if answer.is_good:
        word = "HELD" if answer.result == "passed" else "SKIP"
        yield f"{word}  {task.file}  seed {task.seed}  {task.name}  ({answer.reason or _measured(answer)})"
        return
    yield f"BROKE {task.file}  seed {task.seed}  {task.name}{f'  ({answer.reason})' if answer.reason else ''}"
    yield from answer.reports
    if answer.plan:
        yield "  the smallest plan that does it, as the first step of the scenario:"
        yield from (f"    {line}" for line in answer.plan.splitlines())
    elif answer.faults:
        yield "  it does so without any fault, with this seed"
    if answer.excused:
        yield f"  {_excuse(answer)}"
    yield f"  again     {task.command}"


def _measured(answer: Answer) -> str:
    told = [counted(answer.faults, "fault"), counted(answer.bites, "bite"), show_duration(round(answer.scenario_s))]
    return ", ".join([*told, _excuse(answer)] if answer.excused else told)


def _excuse(answer: Answer) -> str:
    verb = "is" if len(answer.excused) == 1 else "are"
    return f"{', '.join(answer.excused)} {verb} excused, unwell without any fault"


def counted(number: int, what: str) -> str:
    """Say how many: `1 plan`, `2 plans`."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def in_short(answers: Sequence[Answer]) -> str:
    """Count answers in one line."""
    failed = sum(not answer.is_good for answer in answers)
    skipped = sum(answer.result == "skipped" for answer in answers)
    excused = sum(bool(answer.excused) for answer in answers)
    bites = sum(answer.bites for answer in answers)
    words = [f"{counted(len(answers) - failed - skipped, 'plan')} held", f"{failed} broke a rule", f"{skipped} skipped"]
    if excused:
        words.append(f"{excused} with devices excused")
    return f"{', '.join(words)}; faults bit {counted(bites, 'time')}"


def as_json(answers: Sequence[Answer]) -> bytes:
    """Return the answers as one JSON object; its members are only added to, and are listed in docs/reference/reports.md."""
    content = {
        "roomsim_swarm": ANSWERS_VERSION,
        "counts": {
            "held": sum(answer.result == "passed" for answer in answers),
            "broke": sum(not answer.is_good for answer in answers),
            "skipped": sum(answer.result == "skipped" for answer in answers),
        },
        "plans": [_plan(answer) for answer in answers],
    }
    return json.dumps(content, indent=2).encode() + b"\n"


def _plan(answer: Answer) -> dict[str, Any]:
    task = answer.task
    return {
        "file": task.file, "name": task.name, "case": task.case, "seed": task.seed,
        "result": answer.result, "reason": answer.reason, "reports": list(answer.reports), "smallest_plan": answer.plan,
        "faults": answer.faults, "bites": answer.bites, "excused": list(answer.excused),
        "scenario_s": round(answer.scenario_s, 6), "command": task.command,
    }  # fmt: skip
