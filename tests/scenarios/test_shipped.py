"""Every scenario that is shipped passes, and is what `roomsim check` calls valid."""

from __future__ import annotations

from pathlib import Path

import pytest

from endpoint.runtime.field_faults import ROWS
from scenarios.runner.commands import run_app
from scenarios.runner.model import Scenario
from tests.scenarios.stories import SCENARIOS, identity, passes_whole, plays_alone, shipped

STORIES = shipped()


OF_ROWS = {row.scenario for row in ROWS.values()}
"""Files that `test_fault_rows` plays."""


def is_played_here(scenario: Scenario) -> bool:
    return plays_alone(scenario) and Path(scenario.file).relative_to(SCENARIOS).as_posix() not in OF_ROWS


@pytest.mark.parametrize("scenario", list(filter(is_played_here, STORIES)), ids=identity)
def test_shipped_scenario_passes(scenario: Scenario) -> None:
    assert passes_whole(scenario)


def test_shipped_scenarios_are_the_ones_that_the_project_promises() -> None:
    promised = {
        "morning.yaml", "activation/activation.yaml", "activation/wrong_code.yaml", "activation/expired_code.yaml",
        "activation/used_code.yaml", "activation/tls_proxy_certificates.yaml", "discovery/discovery_210_44.yaml",
        "discovery/udp_blocked.yaml", "mercury/mercury_reset_catch_up.yaml", "identity/token_revoked.yaml",
        "identity/device_deleted.yaml", "identity/restart_without_code.yaml",
    }  # fmt: skip
    assert promised <= {identity(scenario).partition(".yaml")[0] + ".yaml" for scenario in STORIES}


def test_check_finds_every_shipped_scenario_valid(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(["check", str(SCENARIOS)]) == 0
    files = {scenario.file for scenario in STORIES}
    assert capsys.readouterr().out == f"{len(STORIES)} scenario(s) in {len(files)} file(s) are valid\n"
