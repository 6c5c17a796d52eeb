"""Scenarios written by tests: their text, and what comes of running it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from textwrap import dedent
from typing import Any

from endpoint.runtime.trace import Event
from scenarios.runner.loader import load, load_bytes
from scenarios.runner.model import Scenario
from scenarios.runner.run import Outcome, RunOptions, run_scenario
from scenarios.runner.whole_run import CHECKS
from tests.tools.trace_kinds import untold

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
ONLINE = "device: { at: online }\nsteps:\n"
"""The head of a story of one device that is online; its steps follow, indented by two."""


def story(text: str) -> Scenario:
    """Read a scenario of one case; without a name it gets one."""
    text = dedent(text)
    (scenario,) = load_bytes((text if "name:" in text.split("steps:")[0] else f"name: test\n{text}").encode(), "x.yaml")
    return scenario


def play(text: str, *, seed: int | None = None, mode: str = "virtual", **options: Any) -> Outcome:
    """Run a scenario, with the options that `RunOptions` knows."""
    return run_scenario(story(text), RunOptions(**options), seed=seed, mode=mode)


def passes(text: str) -> Outcome:
    """Run a scenario that has to pass."""
    outcome = play(text)
    assert outcome.result == "passed", "\n\n".join([outcome.reason, *outcome.reports])
    return outcome


def fails(text: str, kind: str, *parts: str) -> Outcome:
    """Run a scenario that has to fail for one reason, and say why."""
    outcome = play(text)
    assert (outcome.result, outcome.kinds) == ("failed", [kind]), "\n\n".join([outcome.reason, *outcome.reports])
    assert [part for part in parts if part not in outcome.reports[0]] == [], outcome.reports[0]
    return outcome


@cache
def shipped() -> tuple[Scenario, ...]:
    """Return every scenario that is shipped, in the order of files and cases; they are read once."""
    return tuple(scenario for file in sorted(SCENARIOS.rglob("*.yaml")) for scenario in load(file))


def passes_whole(scenario: Scenario) -> list[Event]:
    """Run a shipped scenario and demand that it passes, whole, with a history that is as it should be; returns that history."""
    outcome = run_scenario(scenario)
    assert outcome.result == "passed", "\n\n".join([outcome.reason, *outcome.reports])
    assert outcome.skipped_steps == []
    assert outcome.steps_done == len(scenario.steps)
    assert outcome.trace is not None
    events, place = list(outcome.trace.events), scenario.steps[-1].place
    assert {
        one for event in events for one in untold(event.kind, event.data)
    } == set()  # see tests/tools/trace_kinds.py
    assert [finding for check in CHECKS.values() for finding in check(events, place)] == []
    return events


def plays_alone(scenario: Scenario) -> bool:
    """Say whether a scenario needs no client from outside; `test_ready_run` plays those that do."""
    return "client" not in scenario.needs


def identity(scenario: Scenario) -> str:
    """Name a shipped scenario for pytest: file and case."""
    file = Path(scenario.file).relative_to(SCENARIOS).as_posix()
    return file if scenario.case is None else f"{file}-{scenario.case.replace(' ', '_')}"
