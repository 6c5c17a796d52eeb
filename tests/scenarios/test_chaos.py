"""Trouble that the seed draws: the verb, the menu it draws from, and swarms over whole scenarios."""

from __future__ import annotations

from textwrap import indent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.runtime.chance import Chance
from endpoint.runtime.vocabulary import FAULTS
from scenarios.runner.chaos.menu import LEFT_OUT, MENU, SWARM_MENU, SWARMED, served
from scenarios.runner.chaos.plan import Trouble, draw, draw_plan, written
from scenarios.runner.chaos.swarm import Swarmed, play_plan, smallest, swarm, swarm_plan
from scenarios.runner.fault_actions import spec_of
from scenarios.runner.loader import load
from scenarios.runner.problems import ScenarioError
from tests.scenarios.stories import SCENARIOS, play, story

ONLINE = """
    device: { at: online }
    steps:
      - cloud.meeting.create: { id: m, starts: +1h, lasts: 15m }
      - advance: 20m
"""
SHORT = "device: { at: online }\nsteps: [{ advance: 1m }]"
FATAL = Trouble(100.0, {"on": "mercury", "do": "close", "code": 4000})


def test_every_fault_is_on_the_menu_or_left_out_with_a_reason() -> None:
    for layer, actions in FAULTS.items():
        for do in actions:
            found = (do in MENU.get(layer, {}), do in SWARMED.get(layer, {}), f"{layer}.{do}" in LEFT_OUT)
            assert sum(found) == 1, f"{layer}.{do}"
    known = {*FAULTS, *(f"{layer}.{do}" for layer, actions in FAULTS.items() for do in actions)}
    assert set(LEFT_OUT) <= known
    assert {f"{layer}.{do}" for layer, dishes in SWARM_MENU.items() for do in dishes} <= known


@given(seed=st.integers(0, 2**32), troubles=st.integers(1, 20))
def test_what_is_drawn_is_what_a_scenario_may_write(seed: int, troubles: int) -> None:
    plan = draw_plan(
        Chance(seed).actor("x").stream("plan"), SWARM_MENU, tuple(SWARM_MENU), length_s=600, troubles=troubles
    )
    for number, trouble in enumerate(plan):
        spec = spec_of(trouble, f"fault-{number}")
        assert (spec.on, spec.do) == (trouble.spec["on"], trouble.spec["do"])
        assert spec.optional
    assert [one.at_s for one in plan] == sorted(one.at_s for one in plan)
    story("steps:\n" + indent(written(plan), "  "))  # pasted into a file, it is valid


def test_what_a_stage_has_not_is_not_drawn() -> None:
    bare = served(MENU, has_proxy=False, has_inspector=False)
    full = served(MENU, has_proxy=True, has_inspector=True)
    assert set(full) - set(bare) == {"proxy"}
    for menu, expected in ((bare, {"untrusted"}), (full, {"trusted", "untrusted"})):
        plan = draw_plan(Chance(1).actor("x").stream("plan"), menu, ["tls"], length_s=600, troubles=400)
        assert {one.spec["ca"] for one in plan if one.spec["do"] == "intercept"} == expected


def test_every_fault_of_the_menu_can_be_had_on_a_stage_that_has_all() -> None:
    stream = Chance(1).actor("x").stream("plan")
    dishes = [(layer, do, dish) for layer, found in SWARM_MENU.items() for do, dish in found.items()]
    plan = [draw(stream, {layer: {do: dish}}, [layer], 3600.0) for layer, do, dish in dishes]
    scenario = story("cloud: { tls: { trust_list: 1 }, proxy: {} }\n" + SHORT)
    for first in range(0, len(plan), 50):
        outcome = play_plan(scenario, 1, plan[first : first + 50])
        assert outcome.result == "passed", outcome.reports


def test_a_plan_that_cannot_be_had_is_none_that_held() -> None:
    trouble = Trouble(1.0, {"on": "tls", "do": "intercept", "ca": "trusted"})
    outcome = play_plan(story(SHORT), 1, [trouble])
    assert outcome.kinds == ["invariant"]
    assert "the plan was refused: devices trust nobody who inspects TLS" in outcome.reports[0]


def test_chaos_breaks_things_and_ends_by_itself() -> None:
    outcome = play("""
        device: { at: online }
        steps:
          - chaos: { on: [mercury, http, dns], every: 30s, for: 10m }
          - advance: 10m
            expect: { trace: { kind: fault.bit, times: { ge: 1 } } }
          - advance: 40m
            expect: { well: true }
            never: { trace: { kind: fault.bit } }
    """)
    assert outcome.result == "passed", outcome.reports


def test_chaos_is_healed_by_its_name_and_by_all() -> None:
    for name in ("storm", "all"):
        outcome = play(f"""
            device: {{ at: online }}
            steps:
              - chaos: {{ id: storm, on: [link], every: 2m, for: 1h }}
              - advance: 1m
              - heal: {name}
              - advance: 1h
                never: {{ trace: {{ kind: fault.armed }} }}
        """)
        assert outcome.result == "passed", outcome.reports


def test_the_same_seed_draws_the_same_chaos_and_another_seed_another() -> None:
    text = """
        device: { at: online }
        steps:
          - chaos: { on: [mercury, stun, tcp], every: 30s, for: 10m }
          - advance: 15m
    """
    first, again, other = play(text), play(text), play(text, seed=5)
    assert first.hash == again.hash != other.hash


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("on: [mercuri], every: 1s, for: 10s", r"nothing is drawn on `mercuri`.*mercury"),
        ("on: [link], every: 1s, for: 10m", "at most 50 faults"),
        ("on: [], every: 1s, for: 10s", "at least 1"),
    ],
)
def test_chaos_that_cannot_be_drawn_is_refused(words: str, told: str) -> None:
    with pytest.raises(ScenarioError, match=told):
        story(f"steps: [{{ chaos: {{ {words} }} }}]")


# swarms


def test_a_plan_follows_from_seed_and_scenario_alone() -> None:
    (first,), (other,) = load(SCENARIOS / "mercury/mercury_reset_catch_up.yaml"), load(SCENARIOS / "xapi/panel.yaml")
    assert swarm_plan(first, 3, 600.0) == swarm_plan(first, 3, 600.0)
    assert swarm_plan(first, 3, 600.0) != swarm_plan(first, 4, 600.0)
    assert swarm_plan(first, 3, 600.0) != swarm_plan(other, 3, 600.0)


def test_a_swarm_notices_a_device_that_does_not_come_back() -> None:
    """Closed with 4000, a device stays away until somebody asks it to connect: no fault of the menu, so it must be found."""
    scenario = story(ONLINE)
    outcome = play_plan(scenario, 1, [FATAL])
    assert outcome.result == "failed"
    assert outcome.kinds == ["liveness"]
    assert "Mercury is replaced" in outcome.reports[0]


def test_a_plan_that_fails_is_made_as_small_as_can_be() -> None:
    scenario = story(ONLINE)
    noise = draw_plan(Chance(1).actor("x").stream("y"), MENU, ["stun", "udp"], length_s=300, troubles=4)
    found = swarm(scenario, 1)
    assert found.is_good
    plan = (*noise, FATAL)
    small = smallest(Swarmed(scenario, 1, plan, play_plan(scenario, 1, plan)))
    assert small.plan == (FATAL,)
    assert not small.is_good


def test_a_status_that_lies_is_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("endpoint.device.bindings.show_webex", lambda device, now: None)
    outcome = play_plan(story(ONLINE), 1, ())
    assert outcome.kinds == ["invariant"]
    assert "Webex Status shows" in outcome.reports[0]
