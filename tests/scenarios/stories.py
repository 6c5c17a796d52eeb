"""Scenarios written by tests: their text, and what comes of running it."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

from scenarios.runner.loader import load, load_bytes
from scenarios.runner.model import Scenario
from scenarios.runner.run import Outcome, RunOptions, run_scenario

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"


def story(text: str) -> Scenario:
    """Read a scenario of one case; without a name it gets one."""
    text = dedent(text)
    (scenario,) = load_bytes((text if "name:" in text.split("steps:")[0] else f"name: test\n{text}").encode(), "x.yaml")
    return scenario


def play(text: str, *, seed: int | None = None, mode: str = "virtual", **options: Any) -> Outcome:
    """Run a scenario, with the options that `RunOptions` knows."""
    return run_scenario(story(text), RunOptions(**options), seed=seed, mode=mode)


def shipped() -> list[Scenario]:
    """Return every scenario that is shipped, in the order of files and cases."""
    return [scenario for file in sorted(SCENARIOS.rglob("*.yaml")) for scenario in load(file)]


def plays_alone(scenario: Scenario) -> bool:
    """Say whether a scenario needs no client from outside; `test_ready_run` plays those that do."""
    return "client" not in scenario.needs


def identity(scenario: Scenario) -> str:
    """Name a shipped scenario for pytest: file and case."""
    file = Path(scenario.file).relative_to(SCENARIOS).as_posix()
    return file if scenario.case is None else f"{file}-{scenario.case.replace(' ', '_')}"
