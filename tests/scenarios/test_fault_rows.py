"""The fault table: every row that is built has its switch, its scenario, log lines that exist, and a way back to being well."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from endpoint.runtime.field_faults import ROWS, SWITCHES
from endpoint.runtime.field_faults.row import Row
from endpoint.runtime.trace import Event
from endpoint.xapi.diagnostics import KINDS
from scenarios.runner import fault_verbs
from scenarios.runner.loader import load
from scenarios.runner.model import Scenario, Step
from scenarios.runner.problems import ScenarioError
from tests.scenarios.stories import passes_whole, story
from tests.tools import log_lines

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
BUILT = [row for row in ROWS.values() if row.is_built]
PENDING = [row for row in ROWS.values() if not row.is_built]
MARKS = {row.mark for row in (*log_lines.OBSERVED, *log_lines.OURS)}

LEVELS: Final = {"C": "Critical", "E": "Error", "W": "Warning", "I": "Info"}
OTHER_SWITCH: Final[Mapping[str, tuple[set[str], set[str]]]] = {
    "proxy.host_blocked": (set(), {"WebexLyraConnectivity"}),  # of another host
}
"""Lines and messages of a row that its scenario does not show, as another switch makes them, which the row names."""


def scenarios(row: Row) -> list[Scenario]:
    return load(SCENARIOS / row.scenario)


def steps(scenario: Scenario) -> Iterator[Step]:
    """All steps of a scenario, with those inside others."""
    waiting = list(scenario.steps)
    while waiting:
        step = waiting.pop(0)
        yield step
        waiting += [*step.meanwhile, *getattr(step.args, "steps", ())]


def test_the_table_has_58_rows_in_their_order() -> None:
    assert [row.number for row in ROWS.values()] == list(range(1, 59))


@pytest.mark.parametrize("row", BUILT, ids=lambda row: row.id)
def test_a_row_that_is_built_is_switched_on_by_its_scenario(row: Row) -> None:
    assert row.plan
    for scenario in scenarios(row):
        specs = [
            spec.row for step in steps(scenario) if isinstance(step.args, fault_verbs.Fault) for spec in step.args.plan
        ]
        assert {switch.id for switch in row.switches} & set(specs)


@pytest.mark.parametrize("row", BUILT, ids=lambda row: row.id)
def test_every_variant_of_a_row_is_switched_on_by_its_scenario(row: Row) -> None:
    specs = {
        spec.row
        for scenario in scenarios(row)
        for step in steps(scenario)
        if isinstance(step.args, fault_verbs.Fault)
        for spec in step.args.plan
    }
    assert {switch.id for switch in row.switches} <= specs


def test_names_of_switches_are_told_apart() -> None:
    assert len(SWITCHES) == sum(len(row.switches) for row in ROWS.values())
    assert not any(re.fullmatch(r".*\.[0-9]{1,3}", name) for name in SWITCHES)  # those are parts


@pytest.mark.parametrize("row", [row for row in BUILT if row.recovers_s is not None], ids=lambda row: row.id)
def test_a_scenario_demands_a_device_that_is_well_in_the_time_of_the_row(row: Row) -> None:
    for scenario in scenarios(row):
        demands = [
            expectation
            for step in steps(scenario)
            for expectation in step.expect
            if any(getattr(condition, "title", "") == "well" for condition in expectation.conditions)
        ]
        assert demands
        assert row.recovers_s is not None
        assert all((demand.within_s or 1.0) <= row.recovers_s for demand in demands)


@pytest.mark.parametrize("row", BUILT, ids=lambda row: row.id)
def test_log_lines_of_a_row_are_written_by_the_device(row: Row) -> None:
    named = set(re.findall(r"\b[LRT][0-9]{2}\b", row.log))
    assert named <= MARKS


@pytest.mark.parametrize("row", BUILT, ids=lambda row: row.id)
def test_the_scenario_of_a_row_passes_and_shows_the_lines_and_messages_that_the_row_names(row: Row) -> None:
    marks, levels = marks_of(row.log), set(re.findall(r"\b([A-Z]\w+) ([CEWI])\b", row.shown))
    wanted = {(kind, LEVELS[level]) for kind, level in levels if kind in KINDS}
    for scenario in scenarios(row):
        events = passes_whole(scenario)
        marks -= {mark for event in events if event.kind == "log" for mark in marks if wrote(mark, event.data)}
        wanted -= messages(events)
    assert (marks, {kind for kind, _ in wanted}) == (OTHER_SWITCH.get(row.id, (set(), set())))


def marks_of(text: str) -> set[str]:
    """The lines that a text names by their marks; `T05-T07` are three."""
    found = set()
    for letter, first, last in re.findall(r"\b([LRT])([0-9]{2})(?:-[LRT]([0-9]{2}))?\b", text):
        found |= {f"{letter}{number:02d}" for number in range(int(first), int(last or first) + 1)}
    return found


def wrote(mark: str, line: Mapping[str, Any]) -> bool:
    """Say whether a line of a log has this mark."""
    rows = [row for row in (*log_lines.OBSERVED, *log_lines.OURS) if row.mark == mark]
    return any(row.module == line["module"] and row.pattern.search(str(line["text"])) for row in rows)


def messages(events: Iterable[Event]) -> set[tuple[str, str]]:
    """The diagnostics messages that were shown: type and level."""
    shown: dict[tuple[str, str], dict[str, str]] = {}
    found = set()
    for event in events:
        path = str(event.data.get("path", "")) if event.kind == "xapi.status" else ""
        match = re.fullmatch(r"Diagnostics Message ([0-9]+) (Type|Level)", path)
        if match is not None:
            leaves = shown.setdefault((event.who, match[1]), {})
            leaves[match[2]] = str(event.data["value"])
            found.add((leaves.get("Type", ""), leaves.get("Level", "")))
    return found


@pytest.mark.parametrize("row", PENDING, ids=lambda row: row.id)
def test_a_row_that_is_pending_is_refused_with_its_reason(row: Row) -> None:
    assert not row.plan
    assert not row.scenario
    with pytest.raises(ScenarioError) as failure:
        story(f"steps: [{{ fault: {row.id} }}]")
    assert row.pending in str(failure.value)


def test_an_unknown_row_names_the_nearest() -> None:
    with pytest.raises(ScenarioError, match=r"no row `dns.nxdomian`.*dns.nxdomain"):
        story("steps: [{ fault: dns.nxdomian }]")
