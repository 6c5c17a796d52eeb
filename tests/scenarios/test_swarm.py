"""The fixed budget of swarms: a share of the shipped scenarios, each under one plan of its own; `make swarm` plays many more."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from textwrap import dedent

import pytest

from scenarios.runner.chaos import command as command_module
from scenarios.runner.chaos import swarm as swarm_module
from scenarios.runner.chaos.answers import Answer, Task
from scenarios.runner.chaos.command import SwarmCommand, play, tasks
from scenarios.runner.chaos.menu import MENU, Dish
from scenarios.runner.chaos.plan import Trouble
from scenarios.runner.model import Scenario
from tests.scenarios.command_line import Ran
from tests.scenarios.stories import SCENARIOS, shipped, story

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
    monkeypatch.setattr(swarm_module, "SWARM_MENU", {"mercury": MENU["mercury"]})
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
    assert ran.out.count("room is excused, unwell without any fault)") == 3
    assert "3 with devices excused" in ran.out


def test_what_came_of_each_plan_is_written_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, told = tmp_path / "off.yaml", tmp_path / "told.json"
    file.write_text("name: Off\ndevice: { at: online }\nsteps: [{ advance: 1m }, { disconnect: mercury }]\n")
    assert Ran(capsys, "swarm", file, "--seed", 4, "--json", told).code == 0
    content = json.loads(told.read_text())
    assert content["counts"] == {"held": 1, "broke": 0, "skipped": 0}
    (plan,) = content["plans"]
    assert (plan["seed"], plan["result"], plan["excused"]) == (4, "passed", ["room"])
    assert plan["command"] == f"roomsim swarm {file} --seed 4"
    assert Ran(capsys, "swarm", file, "--json", tmp_path / "no" / "folder.json").code == 2


def test_one_is_told_as_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swarm_module, "TROUBLES_MAX", 1)
    monkeypatch.setattr(swarm_module, "SWARM_MENU", {"mercury": {"reset": Dish()}})
    file = tmp_path / "one.yaml"
    file.write_text("name: One\ndevice: { at: online }\nsteps: [{ advance: 10m }]\n")
    out = Ran(capsys, "swarm", file).out
    assert "(1 fault, 1 bite, 11m)" in out
    assert "1 plan held, 0 broke a rule, 0 skipped; faults bit 1 time\n" in out


class _Terminal(io.StringIO):
    """Looks like a terminal."""

    def isatty(self) -> bool:
        return True


def _held(task: Task) -> Answer:
    return Answer(task, "passed" if task.seed != 2 else "failed", "left behind: a stream of Nobody")


@pytest.mark.parametrize(("screen", "shows"), [(io.StringIO(), False), (_Terminal(), True)])
def test_a_terminal_shows_how_far_a_swarm_is(screen: io.StringIO, shows: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(command_module, "play", _held)
    SwarmCommand(screen, is_quiet=True).run([Task("x.yaml", None, "x", seed) for seed in range(4)], 1)
    assert ("4/4" in screen.getvalue()) == shows


def test_a_quiet_swarm_without_a_terminal_says_now_and_then_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    clock_s = iter(range(0, 10_000, 200))
    monkeypatch.setattr(command_module, "real_seconds", lambda: float(next(clock_s)))
    monkeypatch.setattr(command_module, "play", _held)
    log = io.StringIO()
    SwarmCommand(log, is_quiet=True).run([Task("x.yaml", None, "x", seed) for seed in range(7)], 1)
    assert [line for line in log.getvalue().splitlines() if "played" in line] == [
        "2 of 7 plans played, 0 broke a rule", "4 of 7 plans played, 1 broke a rule", "6 of 7 plans played, 1 broke a rule",
    ]  # fmt: skip


def test_a_story_is_played_once_without_trouble_however_many_plans(monkeypatch: pytest.MonkeyPatch) -> None:
    calm: list[int] = []
    real = swarm_module._play

    def counted(scenario: Scenario, seed: int, plan: Sequence[Trouble], excused: frozenset[str]) -> object:
        calm.append(len(plan))
        return real(scenario, seed, plan, excused)

    monkeypatch.setattr(swarm_module, "_play", counted)
    scenario = story("name: played once\ndevice: { at: online }\nsteps: [{ advance: 1m }]")
    for seed in (1, 2, 3):
        assert swarm_module.swarm(scenario, seed).is_good
    assert calm.count(0) == 1
    assert len(calm) == 4


def test_what_breaks_a_rule_without_any_fault_is_told_as_such(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "shaky.yaml"
    file.write_text("name: Shaky\ndevice: { at: online }\nsteps: [{ advance: 1m }]\n")
    assert Ran(capsys, "swarm", file).code == 0  # now it is known how it goes without a plan
    monkeypatch.setattr(swarm_module, "leftovers", lambda: ["a stream of Nobody"])
    out = Ran(capsys, "swarm", file).out
    assert "it does so without any fault, with this seed" in out
    assert "smallest plan" not in out


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
