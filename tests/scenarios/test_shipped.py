"""Every scenario that is shipped passes, and is what `roomsim check` calls valid."""

from __future__ import annotations

import pytest

from scenarios.runner.commands import run_app
from scenarios.runner.model import Scenario
from scenarios.runner.run import run_scenario
from scenarios.runner.whole_run import CHECKS
from tests.scenarios.stories import SCENARIOS, identity, plays_alone, shipped
from tests.tools.trace_kinds import untold

STORIES = shipped()


@pytest.mark.parametrize("scenario", list(filter(plays_alone, STORIES)), ids=identity)
def test_shipped_scenario_passes(scenario: Scenario) -> None:
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
