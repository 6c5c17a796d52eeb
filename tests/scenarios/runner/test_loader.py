from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.runner.cloud_verbs import MeetingCreate
from scenarios.runner.conditions import EventCondition, StateCondition
from scenarios.runner.loader import load, load_all, load_bytes
from scenarios.runner.model import Scenario
from scenarios.runner.problems import ScenarioError
from scenarios.runner.verbs import VERBS
from scenarios.runner.world_verbs import Advance, Repeat, Wait

HERE = Path(__file__).parents[3] / "scenarios"


def one(text: str) -> Scenario:
    (scenario,) = load_bytes(text.encode(), "x.yaml")
    return scenario


def advance(by: str) -> Advance:
    return Advance.model_validate({"by": by})


def test_defaults_are_those_of_the_language() -> None:
    scenario = one("name: x\nsteps: [ { note: hello } ]")
    assert list(scenario.devices) == ["room"]
    assert (scenario.head.seed, scenario.head.language, scenario.head.modes) == (0, 1, ())
    assert scenario.head.clock.start.isoformat() == "2026-01-05T08:00:00+00:00"
    assert scenario.head.cloud.domain == "wbx2.test"
    assert scenario.head.cloud.strict
    assert scenario.head.checks == ("strict", "secrets", "bounds")
    assert scenario.devices["room"].bring_up == "auto"
    assert scenario.head.timeout == 86_400.0


def test_cases_make_one_scenario_each_with_their_own_values() -> None:
    text = """
name: x
vars: { by: 1m, note: general }
cases: [ { name: short }, { name: long, vars: { by: 2h } } ]
steps:
  - advance: ${vars.by}
  - note: ${case.name}, ${vars.note}
"""
    found = load_bytes(text.encode(), "x.yaml")
    assert [scenario.name for scenario in found] == ["x [short]", "x [long]"]
    assert [scenario.steps[0].args for scenario in found] == [advance("1m"), advance("2h")]
    assert getattr(found[1].steps[1].args, "text") == "long, general"  # noqa: B009  the field of a note


def test_problem_in_every_case_is_reported_once() -> None:
    text = "name: x\ncases: [ { name: a }, { name: b } ]\nsteps: [ { advance: 5 } ]"
    with pytest.raises(ScenarioError) as caught:
        load_bytes(text.encode(), "x.yaml")
    assert len(caught.value.problems) == 1


def test_steps_are_numbered_and_titled() -> None:
    text = """
name: x
steps:
  - note: hello
  - name: Round and round
    repeat: { times: 2, steps: [ { note: inner }, { cloud.meeting.create: { id: a, starts: +1m, lasts: 1m } } ] }
  - cloud.meeting.update: { id: a, lasts: 2m }
    meanwhile: [ { note: at once } ]
"""
    scenario = one(text)
    assert [step.title for step in scenario.steps] == ["note: hello", "Round and round", "cloud.meeting.update: a"]
    repeat = scenario.steps[1].args
    assert isinstance(repeat, Repeat)
    assert [inner.number for inner in repeat.steps] == ["2.1", "2.2"]
    assert isinstance(repeat.steps[1].args, MeetingCreate)
    assert [inner.number for inner in scenario.steps[2].meanwhile] == ["3.1"]


def test_needs_are_those_of_the_file_and_of_its_verbs() -> None:
    text = """
name: x
needs: [udp]
steps:
  - repeat: { times: 2, steps: [ { advance: 1m } ] }
  - note: hello
    meanwhile: [ { cloud.code.create: a } ]
"""
    assert one(text).needs == {"udp", "time", "stub"}


def test_wait_has_its_own_deadline() -> None:
    scenario = one("name: x\nsteps: [ { wait: { mercury: open } }, { wait: { mercury: open, within: 1m } } ]")
    waits = [step.args for step in scenario.steps if isinstance(step.args, Wait)]
    assert [wait.until.within_s for wait in waits] == [30.0, 60.0]


def test_expectations_know_where_they_are_written() -> None:
    text = """name: x
steps:
  - note: hello
    expect:
      - xstatus: { Webex Status: Registered }
      - request: { GET: /a }
        within: 5s
"""
    first, second = one(text).steps[0].expect
    (state,), (event,) = first.conditions, second.conditions
    assert isinstance(state, StateCondition)
    assert isinstance(event, EventCondition)
    assert (str(state), state.place.line, state.place.column) == ("Webex Status = Registered", 5, 20)
    assert (str(event), event.place.line, second.within_s) == ("request GET /a", 6, 5.0)


def test_devices_have_names() -> None:
    scenario = one("name: x\ndevices: { a: {}, b: { product: Desk Pro } }\nsteps: [ { restart: device, device: b } ]")
    assert scenario.steps[0].device == "b"
    assert scenario.devices["b"].product == "Desk Pro"


def test_setup_and_finally_are_steps() -> None:
    text = "name: x\nsetup: [ { cloud.code.create: a } ]\nsteps: [ { activate: '${saved.a}' } ]\nfinally: [ { heal: all } ]"
    scenario = one(text)
    assert [len(steps) for steps in (scenario.setup, scenario.steps, scenario.finally_)] == [1, 1, 1]


def test_result_of_a_step_can_be_saved() -> None:
    text = "name: x\nsteps:\n  - sync: calendar\n    save: { id: items.0.id }\n  - note: got ${saved.id}\n"
    assert one(text).steps[0].save == (("id", "items.0.id"),)


def test_names_are_unique_in_a_directory(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text("name: same\nsteps: [ { note: hello } ]")
    with pytest.raises(ScenarioError, match="the name `same` is taken by"):
        load_all([tmp_path])


def test_problems_of_all_files_are_reported_together(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("name: a\nsteps: [ { advance: 5 } ]")
    (tmp_path / "b.yaml").write_text("name: b\nstep: []")
    with pytest.raises(ScenarioError) as caught:
        load_all([tmp_path, tmp_path / "c.yaml"])
    assert [Path(problem.file).name for problem in caught.value.problems] == ["a.yaml", "b.yaml", "b.yaml", "c.yaml"]


def test_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="there is no such file"):
        load(tmp_path / "absent.yaml")


def test_digest_is_that_of_the_bytes() -> None:
    text = "name: x\nsteps: [ { note: hello } ]"
    assert one(text).sha256 == one(text).sha256 != one(text + "\n").sha256


def test_shipped_scenarios_load() -> None:
    names = {Path(scenario.file).stem for scenario in load_all([HERE])}
    assert names >= {
        "activation", "wrong_code", "expired_code", "used_code", "tls_proxy_certificates", "discovery_210_44", "udp_blocked",
        "mercury_reset_catch_up", "token_revoked", "device_deleted", "restart_without_code", "morning",
    }  # fmt: skip


def is_loaded_or_explained(data: bytes) -> bool:
    try:
        return bool(load_bytes(data, "x.yaml")) or b"part" in data  # a part holds no scenario
    except ScenarioError as error:
        return bool(error.problems) and all(one.line >= 1 and one.column >= 1 and one.message for one in error.problems)


words = st.sampled_from(
    [*VERBS, "name", "steps", "expect", "never", "xstatus", "request", "within", "vars", "cases", "cloud", "device", "${vars.x}", "log",
     "${cloud.code}", "mercury", "5s", "x", "id", "times", "after", "meanwhile", "on", "do", "http", "error", "Webex Status", "is", "any"]
)  # fmt: skip
scalars = words | st.integers(-5, 5) | st.booleans() | st.none() | st.text("a${}.\u00e6 ", max_size=6)
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4),
    max_leaves=15,
)


@settings(deadline=None)
@given(st.dictionaries(words, trees, max_size=5), st.lists(st.dictionaries(words, trees, max_size=3), max_size=3))
def test_any_tree_gives_scenarios_or_placed_problems(head: dict[str, object], steps: list[object]) -> None:
    data = json.dumps({"name": "x", **head, "steps": steps}).encode()
    assert is_loaded_or_explained(data)


shipped = [file.read_bytes() for file in sorted(HERE.rglob("*.yaml"))]


@settings(deadline=None, max_examples=150)
@given(
    st.sampled_from(shipped),
    st.integers(0, 3000),
    st.integers(0, 12),
    st.binary(max_size=4) | st.text("{}[]:-$ \n'\"5", max_size=4),
)
def test_damaged_scenarios_give_placed_problems(data: bytes, at: int, cut: int, put: bytes | str) -> None:
    at %= len(data)
    patch = put if isinstance(put, bytes) else put.encode()
    assert is_loaded_or_explained(data[:at] + patch + data[at + cut :])
