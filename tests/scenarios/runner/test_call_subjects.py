from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from scenarios.runner.checks import StepChecks

from .histories import FakeView, checks_of

STEP = "  - note: x\n    expect: "


def verdict(checks: StepChecks) -> str:
    return checks.verb_done(0).state


def told(*names: str) -> list[Mapping[str, object]]:
    return [{"name": name, "canProceed": True} for name in names]


@pytest.mark.parametrize(
    ("wanted", "is_met"),
    [
        ("[client.call.initiated]", True),
        ("[client.call.initiated, client.ice.end]", True),
        ("[client.ice.start, client.ice.end, client.call.leave]", True),
        ("[client.ice.end, client.ice.start]", False),
        ("[client.ice.end, client.ice.end]", False),
        ("[{ name: client.ice.end, canProceed: true }]", True),
        ("[{ name: client.ice.end, canProceed: false }]", False),
        ("[client.call.aborted]", False),
    ],
)
def test_metrics_come_in_order_with_others_between(wanted: str, is_met: bool) -> None:
    view = FakeView()
    checks = checks_of(f"{STEP}{{ metrics: {wanted}, within: 5s }}\n", view)
    view.told = told("client.call.initiated", "client.ice.start", "client.ice.end", "client.call.leave")
    assert (verdict(checks) == "met") == is_met


def test_metrics_of_earlier_steps_do_not_count() -> None:
    view = FakeView(told=told("client.call.initiated"))
    checks = checks_of(f"{STEP}{{ metrics: [client.call.initiated], within: 5s }}\n", view)
    assert verdict(checks) == "pending"
    view.told = told("client.call.initiated", "client.call.initiated")
    assert verdict(checks) == "met"


def test_missing_event_is_named_with_what_came() -> None:
    view = FakeView()
    checks = checks_of(f"{STEP}{{ metrics: [client.ice.start, client.ice.end], within: 0s }}\n", view)
    view.told = told("client.ice.start")
    checks.verb_done(0)
    finding = checks.poll(1).finding
    assert finding is not None
    assert 'got ["client.ice.start"]' in finding.unmet[0].nearest
    assert "client.ice.end" in finding.unmet[0].nearest


@pytest.mark.parametrize(
    ("wanted", "is_met"),
    [
        ("calls: { count: 1 }", True),
        ("calls: [{ call: 1, status: Connected }]", True),
        ("calls: [{ roster: { has: { name: Ada, muted: true } } }]", True),
        ("calls: [{ roster: { each: { muted: false } } }]", False),
        ("history: [{ OccurrenceType: Missed }]", True),
        ("history: { count: 0 }", False),
    ],
)
def test_calls_and_history_are_lists(wanted: str, is_met: bool) -> None:
    call: dict[str, Any] = {"call": 1, "id": 2, "status": "Connected", "roster": [{"name": "Ada", "muted": True}]}
    view = FakeView(held=[call], calls_before=[{"OccurrenceType": "Missed"}])
    assert (verdict(checks_of(f"{STEP}{{ {wanted}, within: 5s }}\n", view)) == "met") == is_met
