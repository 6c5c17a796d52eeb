"""Parts of scenarios, and steps of one instant: how they are read, and what becomes of them in a run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scenarios.runner import loader, parts
from scenarios.runner.loader import load, load_all, load_case
from scenarios.runner.model import Scenario
from scenarios.runner.problems import ScenarioError
from scenarios.runner.run import run_scenario
from scenarios.runner.values import Template
from scenarios.runner.world_verbs import Advance, Note
from tests.scenarios.stories import play

PAUSE = """\
part: Time passes
required: [who]
vars: { pause: 1m }
steps:
  - advance: ${vars.pause}
  - note: ${vars.who} waited ${vars.pause} in ${device.name}
  - cloud.code.create: fresh
"""


def write(folder: Path, steps: str, part: str = PAUSE, head: str = "") -> Path:
    (folder / "parts").mkdir(exist_ok=True)
    (folder / "parts" / "pause.yaml").write_text(part)
    file = folder / "story.yaml"
    file.write_text(f"name: x\n{head}steps:\n{steps}")
    return file


def one(file: Path) -> Scenario:
    (scenario,) = load(file)
    return scenario


def notes(scenario: Scenario) -> list[str]:
    outcome = run_scenario(scenario)
    assert outcome.result == "passed", outcome.reports
    assert outcome.trace is not None
    return [str(event.data["text"]) for event in outcome.trace.events if event.kind == "note"]


# reading


def test_values_of_a_part_are_its_defaults_and_what_is_given(tmp_path: Path) -> None:
    steps = """\
  - use: { file: parts/pause.yaml, with: { who: Ann } }
  - use: { file: parts/pause.yaml, with: { who: Ben, pause: 5s } }
"""
    first, second = one(write(tmp_path, steps)).steps
    assert [step.args.by for step in (first.inner[0], second.inner[0]) if isinstance(step.args, Advance)] == [60.0, 5.0]
    assert [step.number for step in first.inner] == ["1.1", "1.2", "1.3"]
    assert [place.line for place in second.inner[0].uses] == [4]
    assert first.title == "use: parts/pause.yaml"


def test_value_that_only_the_run_knows_goes_through_a_part(tmp_path: Path) -> None:
    steps = '  - use: { file: parts/pause.yaml, with: { who: "device ${device.id}" } }\n'
    note = one(write(tmp_path, steps)).steps[0].inner[1].args
    assert isinstance(note, Note)
    assert isinstance(note.text, Template)
    assert [str(getattr(part, "name", part)) for part in note.text.parts] == [
        "device ", "device.id", " waited ", "1m", " in ", "device.name",
    ]  # fmt: skip


def test_names_that_a_part_makes_are_known_after_it(tmp_path: Path) -> None:
    steps = "  - use: { file: parts/pause.yaml, with: { who: Ann } }\n  - activate: ${saved.fresh}\n"
    assert len(one(write(tmp_path, steps)).steps) == 2


def test_device_of_use_goes_for_steps_that_name_none(tmp_path: Path) -> None:
    head = "devices: { blue: {}, green: {} }\n"
    steps = "  - use: parts/pause.yaml\n    device: green\n"
    part = "part: a\nsteps: [ { restart: device }, { restart: device, device: blue } ]\n"
    (use,) = one(write(tmp_path, steps, part, head)).steps
    assert [step.device for step in use.inner] == ["green", "blue"]


def test_path_is_relative_to_the_file_it_stands_in(tmp_path: Path) -> None:
    (tmp_path / "common").mkdir()
    (tmp_path / "common" / "hello.yaml").write_text("part: b\nsteps: [ { note: hello } ]")
    file = write(tmp_path, "  - use: parts/pause.yaml\n", "part: a\nsteps: [ { use: ../common/hello.yaml } ]\n")
    assert notes(one(file)) == ["hello"]


def test_digest_tells_of_a_changed_part(tmp_path: Path) -> None:
    steps = "  - use: { file: parts/pause.yaml, with: { who: Ann } }\n"
    first = one(write(tmp_path, steps)).sha256
    assert first == one(write(tmp_path, steps)).sha256 != one(write(tmp_path, steps, PAUSE + "# more\n")).sha256


def test_what_was_read_is_taken_again_until_a_byte_of_its_files_changes(tmp_path: Path) -> None:
    head, steps = (
        'vars: { who: "" }\ncases: [ { name: a, vars: { who: Ann } }, { name: b } ]\n',
        "  - use: parts/middle.yaml\n",
    )
    file = write(tmp_path, steps, "part: a\nsteps: [ { note: one } ]\n", head)
    (tmp_path / "parts" / "middle.yaml").write_text("part: b\nsteps: [ { use: pause.yaml } ]\n")
    first = load(file)
    assert [load_case(str(file), name) for name in ("a", "b")] == first
    assert all(load_case(str(file), one.case) is one for one in first)
    (tmp_path / "parts" / "pause.yaml").write_text("part: a\nsteps: [ { note: two } ]\n")
    assert notes(load_case(str(file), "a")) == ["two"]
    (tmp_path / "parts" / "middle.yaml").write_text("part: b\nsteps: [ { note: three } ]\n")
    assert notes(load_case(str(file), "a")) == ["three"]
    write(tmp_path, "  - note: four ${vars.who}\n", head=head)
    assert notes(load_case(str(file), "a")) == ["four Ann"]
    file.unlink()
    with pytest.raises(ScenarioError, match="there is no such file"):
        load_case(str(file), "a")


def test_files_are_the_scenario_and_its_parts_even_those_that_only_use_others(tmp_path: Path) -> None:
    file = write(tmp_path, "  - use: parts/middle.yaml\n", "part: a\nsteps: [ { note: one } ]\n")
    (tmp_path / "parts" / "middle.yaml").write_text("part: b\nsteps: [ { use: pause.yaml } ]\n")
    assert one(file).files == {str(file), *(str(tmp_path / "parts" / name) for name in ("middle.yaml", "pause.yaml"))}


def test_what_is_kept_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "KEPT_MAX", 2)
    files = []
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        files.append(write(tmp_path / name, "  - note: hello\n"))
    found = [one(file) for file in files]
    assert [load_case(str(files[at]), None) is found[at] for at in (1, 2, 0)] == [True, True, False]
    assert len(loader._kept) == 2


def test_parts_of_a_directory_are_no_scenarios_and_their_heads_are_read(tmp_path: Path) -> None:
    write(tmp_path, "  - note: hello\n")
    assert [Path(scenario.file).name for scenario in load_all([tmp_path])] == ["story.yaml"]
    write(tmp_path, "  - note: hello\n", PAUSE.replace("required", "requires"))
    with pytest.raises(ScenarioError, match=r"pause.yaml:2:1: unknown key `requires`; nearest: `required`"):
        load_all([tmp_path])


def test_parts_are_bounded_in_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "USES_MAX", 3)
    steps = "  - use: { file: parts/pause.yaml, with: { who: Ann } }\n"
    assert len(one(write(tmp_path, 3 * steps)).steps) == 3
    with pytest.raises(ScenarioError, match="at most 3 parts"):
        load(write(tmp_path, 4 * steps))


part_names = st.sampled_from(["a.yaml", "b.yaml", "parts/c.yaml", "../x.yaml", "a.txt", "", "/dev/zero", "\x00.yaml"])
part_bodies = st.one_of(
    st.builds("part: p\nrequired: [{}]\nsteps:\n  - use: {{ file: '{}', with: {{ {}: 1 }} }}\n".format,
              st.sampled_from(["", "k"]), st.sampled_from(["b.yaml", "a.yaml", "parts/c.yaml", "../a.yaml"]), st.sampled_from("kl")),
    st.just("part: q\nsteps: [ { note: '${vars.k}' } ]\n"),
    st.text("part: \n[]{}-as", max_size=20),
)  # fmt: skip


def is_loaded_or_explained(story: Path) -> bool:
    try:
        return bool(load(story))
    except ScenarioError as error:
        return all(problem.line >= 1 and problem.column >= 1 and problem.message for problem in error.problems)


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(part_names, st.lists(part_bodies, min_size=3, max_size=3))
def test_any_parts_give_scenarios_or_placed_problems(tmp_path: Path, name: str, bodies: list[str]) -> None:
    (tmp_path / "parts").mkdir(exist_ok=True)
    for file, body in zip(("a.yaml", "b.yaml", "parts/c.yaml"), bodies, strict=True):
        (tmp_path / file).write_text(body)
    story = tmp_path / "x.yaml"
    story.write_text(
        f"name: x\nsteps: [ {{ use: {{ file: {name!r}, with: {{ k: 1 }} }} }} ]".replace("\\x00", "\\\\x00")
    )
    assert is_loaded_or_explained(story)


# running


def test_steps_of_a_part_are_played_in_its_place(tmp_path: Path) -> None:
    steps = "  - use: { file: parts/pause.yaml, with: { who: Ann } }\n  - note: after\n"
    assert notes(one(write(tmp_path, steps))) == ["Ann waited 1m in room", "after"]


def test_failure_in_a_part_names_both_files(tmp_path: Path) -> None:
    part = "part: a\nsteps:\n  - note: hello\n    expect: { mercury: open, within: 5s }\n"
    file = write(tmp_path, "  - use: parts/pause.yaml\n", part)
    (report,) = run_scenario(one(file)).reports
    assert report.startswith(f"FAIL {tmp_path}/parts/pause.yaml:3:5  step 1.1  note: hello\n")
    assert f"  used at   {file}:3:10\n" in report
    assert f"roomsim run {file} --seed 0 --until-step 1" in report


def test_names_of_a_part_that_is_skipped_are_empty(tmp_path: Path) -> None:
    steps = (
        "  - use: { file: parts/pause.yaml, with: { who: Ann } }\n    modes: [wire]\n  - note: got <${saved.fresh}>\n"
    )
    assert notes(one(write(tmp_path, steps))) == ["got <>"]


TOGETHER = """
steps:
  - together:
      - advance: 3s
      - note: at once
        expect: {{ log: "no such line", within: {within} }}
      - advance: 1s
  - note: after
"""


def test_steps_of_one_instant_are_begun_together_and_all_are_waited_for() -> None:
    outcome = play("steps: [ { together: [ { advance: 3s }, { note: a }, { advance: 1s } ] }, { note: after } ]")
    assert outcome.result == "passed"
    assert outcome.trace is not None
    begun = {event.data["step"]: event.t for event in outcome.trace.events if event.kind == "step.start"}
    ended = {event.data["step"]: event.t for event in outcome.trace.events if event.kind == "step.end"}
    assert begun["1.1"] == begun["1.2"] == begun["1.3"] == begun["1"]
    assert [ended[step] - begun["1"] for step in ("1.1", "1.2", "1.3", "1")] == [3_000_000, 0, 1_000_000, 3_000_000]
    assert begun["2"] == ended["1"]


def test_step_that_fails_breaks_off_the_others_of_its_instant() -> None:
    outcome = play("timeout: 1h" + TOGETHER.format(within="2s"))
    assert outcome.kinds == ["expectation"]
    assert re.match(r"FAIL x.yaml:\d+:9  step 1.2  note: at once", outcome.reports[0])
    assert outcome.scenario_s == pytest.approx(2, abs=0.01)
    assert outcome.trace is not None
    assert [event.data["step"] for event in outcome.trace.events if event.kind == "step.end"] == ["1.3"]
