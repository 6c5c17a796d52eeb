"""The fault table: every row that is built has its switch, its scenario, log lines that exist, and a way back to being well."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from endpoint.runtime.field_faults import ROWS
from endpoint.runtime.field_faults.row import Row
from scenarios.runner import fault_verbs
from scenarios.runner.loader import load
from scenarios.runner.model import Scenario, Step
from scenarios.runner.problems import ScenarioError
from tests.scenarios.stories import story
from tests.tools import log_lines

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
BUILT = [row for row in ROWS.values() if row.is_built]
PENDING = [row for row in ROWS.values() if not row.is_built]
MARKS = {row.mark for row in (*log_lines.OBSERVED, *log_lines.OURS)}


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
        assert row.id in specs


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
