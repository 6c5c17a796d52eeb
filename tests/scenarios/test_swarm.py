"""The fixed budget of swarms: a share of the shipped scenarios, each under one plan of its own; `make swarm` plays many more."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from scenarios.runner.chaos import swarm as swarm_module
from scenarios.runner.chaos.command import play, tasks
from scenarios.runner.chaos.menu import MENU, Dish
from tests.scenarios.command_line import Ran
from tests.scenarios.stories import SCENARIOS, shipped

EVERY = 8
"""One of so many scenarios is played."""
BUDGET = [task for number, task in enumerate(tasks(shipped(), seed=1, seeds=1)) if number % EVERY == 0]


@pytest.mark.parametrize("task", BUDGET, ids=lambda task: f"{Path(task.file).stem}-{task.case or ''}")
def test_rules_hold_under_a_plan(task: object) -> None:
    answer = play(task)  # type: ignore[arg-type]  # made by `tasks`
    assert answer.is_good, "\n".join([answer.reason, *answer.reports, answer.plan])


def test_faults_of_the_budget_do_bite() -> None:
    answers = [play(task) for task in BUDGET[:4]]
    assert sum(answer.bites for answer in answers) > 0


# the command


def test_command_tells_each_plan_and_counts(capsys: pytest.CaptureFixture[str]) -> None:
    ran = Ran(capsys, "swarm", SCENARIOS / "mercury", "--seed", 3, "--seeds", 2)
    assert ran.code == 0
    held = [line for line in ran.out.splitlines() if line.startswith("HELD")]
    assert len(held) == 2
    assert "seed 3" in held[0]
    assert "seed 4" in held[1]
    assert "2 plans held, 0 broke a rule, 0 skipped" in ran.out


def test_processes_give_the_same_answers(capsys: pytest.CaptureFixture[str]) -> None:
    alone = Ran(capsys, "swarm", SCENARIOS / "mercury", "--seeds", 2)
    beside = Ran(capsys, "swarm", SCENARIOS / "mercury", "--seeds", 2, "-j", 2)
    assert alone.out == beside.out


def test_a_plan_that_breaks_a_rule_is_shown_small_and_repeatable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MENU["mercury"], "replaced", Dish(1000))  # after that one a device stays away
    monkeypatch.setattr(swarm_module, "MENU", {"mercury": MENU["mercury"]})
    file = tmp_path / "away.yaml"
    file.write_text("name: Nothing\ndevice: { at: online }\nsteps: [{ advance: 10m }]\n")
    ran = Ran(capsys, "swarm", file)
    assert ran.code == 1
    assert "liveness: not well 33m20s after everything has healed; room: Mercury is replaced" in ran.out
    assert ran.out.count("- { on:") == 1
    assert f"roomsim swarm {file} --seed 1" in ran.out


def test_a_device_that_the_story_disconnects_is_excused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "off.yaml"
    file.write_text("name: Off\ndevice: { at: online }\nsteps: [{ advance: 10m }, { disconnect: mercury }]\n")
    ran = Ran(capsys, "swarm", file, "--seeds", 3)
    assert "3 plans held" in ran.out


def test_nothing_selected(capsys: pytest.CaptureFixture[str]) -> None:
    ran = Ran(capsys, "swarm", SCENARIOS, "--tag", "no_such_tag")
    assert ran.code == 4


CASES = """
    name: Two of them
    cases:
      - { name: the first one, vars: { wait: 5m } }
      - { name: the second one, vars: { wait: 10m } }
    device: { at: online }
    steps: [{ advance: "${vars.wait}" }]
"""


def test_one_case_of_a_file_is_repeated_by_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swarm_module, "leftovers", lambda: ["a stream of Nobody"])
    file = tmp_path / "two of them.yaml"
    file.write_text(dedent(CASES))
    ran = Ran(capsys, "swarm", file, "--case", "the second one", "--seed", 7)
    assert "left behind: a stream of Nobody" in ran.out
    assert f"again     roomsim swarm '{file}' --case 'the second one' --seed 7\n" in ran.out
    assert "0 plans held, 1 broke a rule" in ran.out
