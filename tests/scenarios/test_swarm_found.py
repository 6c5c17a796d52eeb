"""Plans that a swarm has found and made small: each broke a rule once, and holds since then."""

from __future__ import annotations

from typing import Any

import pytest

from scenarios.runner.chaos.plan import Trouble
from scenarios.runner.chaos.swarm import play_plan
from tests.scenarios.stories import story

DAY = """
    device: { at: online }
    steps:
      - cloud.meeting.create: { id: m, starts: +1h, lasts: 15m }
      - advance: 20m
"""
FOUND: dict[str, list[tuple[float, dict[str, Any]]]] = {
    "a token that lacks its scopes is not kept for good": [
        (30.0, {"on": "token", "do": "wrong_scope", "for": "293s"}),
        (33.0, {"on": "token", "do": "revoke", "target": {"kind": "access"}}),
        (34.0, {"on": "mercury", "do": "reset"}),
    ],
    "a registration that is lost and refused is asked for again": [
        (33.0, {"on": "http", "do": "error", "status": 404, "count": 4}),
        (34.0, {"on": "mercury", "do": "reset"}),
    ],
}


@pytest.mark.parametrize("name", FOUND)
def test_plan_holds_that_once_broke_a_rule(name: str) -> None:
    outcome = play_plan(story(DAY), 1, [Trouble(at_s, spec) for at_s, spec in FOUND[name]])
    assert outcome.result == "passed", "\n".join([outcome.reason, *outcome.reports])
