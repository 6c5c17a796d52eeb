"""The pytest plugin, as it comes with the wheel: pytest processes of their own that know nothing of this tree."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

STORIES = {
    "scenarios/good.yaml": "name: Good morning\ntags: [short]\nsteps: [{ note: hello }]\n",
    "scenarios/cases.yaml": (
        "name: Two of a kind\ncases: [{ name: one, vars: { x: 1s } }, { name: two, vars: { x: 2s } }]\n"
        'steps: [{ advance: "${vars.x}" }]\n'
    ),
    "scenarios/sub/bad.yaml": (
        "name: Waits in vain\ntags: [slow, skip]\nsteps:\n  - note: nothing yet\n"
        "  - note: and now\n    expect: { mercury: open, within: 5s }\n"
    ),
    "scenarios/broken.yaml": "name: Cannot begin\nsetup: [{ connect: mercury }]\nsteps: [{ note: x }]\n",
    "scenarios/later.yaml": "name: Later\nneeds: [raw]\nsteps: [{ note: x }]\n",
    "scenarios/known.yaml": (
        "name: Known\nxfail: { reason: we know }\nsteps: [{ note: x, expect: { mercury: open, within: 1s } }]\n"
    ),
    "scenarios/mended.yaml": "name: Mended\nxfail: { reason: we knew }\nsteps: [{ note: x }]\n",
    "elsewhere/any.scenario.yaml": "name: Anywhere\nsteps: [{ note: x }]\n",
    "elsewhere/settings.yaml": "no: scenario\n",
}


class Tried:
    """What one call of pytest did in a folder."""

    def __init__(self, wheel: Path, folder: Path, *arguments: str) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV"))}
        done = subprocess.run(
            [sys.executable, "-P", "-m", "pytest", "-p", "no:cacheprovider", *arguments],
            cwd=folder,
            env={**environment, "PYTHONPATH": str(wheel), "NO_COLOR": "1", "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        self.code, self.out = done.returncode, done.stdout + done.stderr
        self.verdicts = dict(
            re.findall(r"^(\S.*::.*?) (PASSED|FAILED|ERROR|SKIPPED|XFAIL)\b", done.stdout, re.MULTILINE)
        )


def project(folder: Path, files: dict[str, str]) -> Path:
    for name, text in {"pytest.ini": "[pytest]\naddopts = --strict-markers\n", **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_scenarios_are_tests(wheel: Path, tmp_path: Path) -> None:
    project(tmp_path, STORIES)
    ran = Tried(wheel, tmp_path, "-v", "--junitxml=junit.xml", "--roomsim-traces=traces")
    assert ran.verdicts == {
        "elsewhere/any.scenario.yaml::Anywhere": "PASSED",
        "scenarios/broken.yaml::Cannot begin": "ERROR",
        "scenarios/cases.yaml::Two of a kind[one]": "PASSED",
        "scenarios/cases.yaml::Two of a kind[two]": "PASSED",
        "scenarios/good.yaml::Good morning": "PASSED",
        "scenarios/known.yaml::Known": "XFAIL",
        "scenarios/later.yaml::Later": "SKIPPED",
        "scenarios/mended.yaml::Mended": "FAILED",
        "scenarios/sub/bad.yaml::Waits in vain": "FAILED",
    }, ran.out
    assert ran.code == 1
    assert "Traceback" not in ran.out
    assert "FAIL scenarios/sub/bad.yaml:5:5  step 2  note: and now" in ran.out
    assert re.search(r"expected  mercury = open  within 5s +bad\.yaml:6:15", ran.out)
    assert "replay    roomsim run scenarios/sub/bad.yaml --seed 0 --until-step 2 --repl" in ran.out
    assert "FAILED scenarios/sub/bad.yaml::Waits in vain - expected mercury = open within 5s" in ran.out
    assert "XPASS scenarios/mended.yaml:3:9  it passed, and `xfail` says that it would not: we knew" in ran.out
    cases = {case.attrib["name"]: case for case in ET.parse(tmp_path / "junit.xml").getroot().iter("testcase")}
    properties = {one.attrib["name"]: one.attrib["value"] for one in cases["Waits in vain"].iter("property")}
    assert (properties["seed"], properties["mode"], len(properties["trace_hash"])) == ("0", "virtual", 64)
    assert properties["trace_file"] in ran.out
    assert (tmp_path / properties["trace_file"]).read_text().startswith('{"roomsim_trace":')
    assert len(list((tmp_path / "traces").iterdir())) == 3, "of those that did not pass"
    assert cases["Cannot begin"].find("error") is not None


def test_a_client_that_hangs_up_is_no_traceback(wheel: Path, tmp_path: Path) -> None:
    text = (
        "name: x\ndevice: { at: online }\nsteps:\n  - fault: { on: mercury, do: reset }\n"
        "    never: { diagnostics: { WebexNotificationConnectivity: Error } }\n"
    )
    project(tmp_path, {"scenarios/x.yaml": text})
    ran = Tried(wheel, tmp_path)
    assert "kind      never" in ran.out
    assert "Captured log" not in ran.out


def test_one_of_them_by_its_id_its_tag_and_its_seeds(wheel: Path, tmp_path: Path) -> None:
    project(tmp_path, STORIES)
    ran = Tried(wheel, tmp_path, "-v", "scenarios/cases.yaml::Two of a kind[two]")
    assert list(ran.verdicts) == ["scenarios/cases.yaml::Two of a kind[two]"], ran.out
    ran = Tried(wheel, tmp_path, "-v", "-m", "short", "--roomsim-seed", "7", "--roomsim-seeds", "3", "-n2")
    assert sorted(re.findall(r"PASSED (\S+::.*?) *$", ran.out, re.MULTILINE)) == [
        f"scenarios/good.yaml::Good morning[seed {seed}]" for seed in (7, 8, 9)
    ], ran.out
    ran = Tried(wheel, tmp_path, "-q", "-m", "roomsim", "--co", "-o", "roomsim_scenarios=elsewhere/more scenarios/sub")
    assert sorted(line for line in ran.out.splitlines() if "::" in line) == [
        "elsewhere/any.scenario.yaml::Anywhere",
        "scenarios/sub/bad.yaml::Waits in vain",
    ]


def test_mistakes_are_told_when_tests_are_collected(wheel: Path, tmp_path: Path) -> None:
    project(tmp_path, {"scenarios/typo.yaml": "name: x\nsteps:\n  - activat: x\n  - advance: 30\n"})
    ran = Tried(wheel, tmp_path)
    assert ran.code == 2
    assert "scenarios/typo.yaml:3:5: unknown verb or key `activat`; nearest: `activate`" in ran.out
    assert "scenarios/typo.yaml:4:14: a duration needs a unit: write 30s" in ran.out
    assert "Traceback" not in ran.out
    assert Tried(wheel, tmp_path, "--roomsim-seeds", "0").code == 4


def test_a_whole_scenario_is_judged_as_the_command_line_judges_it(wheel: Path, tmp_path: Path) -> None:
    text = "name: x\ndevice: { at: online }\nsteps:\n  - refresh: wdm\n    expect: { xstatus: { Webex Status: Stopped }, within: 2s }\n"
    project(tmp_path, {"scenarios/x.yaml": text})
    under_pytest = Tried(wheel, tmp_path).out
    run = subprocess.run(
        [sys.executable, "-P", "-m", "scenarios.runner.cli", "run", "scenarios/x.yaml"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(wheel)}, capture_output=True, text=True, check=False,
    ).stdout  # fmt: skip
    report = run[run.index("FAIL scenarios/x.yaml:4") : run.index("\n0 passed")]
    assert report in under_pytest


PYTHON = '''
from datetime import timedelta

import pytest

from endpoint.wire.xapi.errors import XapiError
from scenarios.runner.pytest_stage import Stuck

online = pytest.mark.roomsim(device={"at": "online"}, seed=7, vars={"lasts": "15m"})


@online
def test_time_stands_still_between_calls(stage, device, cloud, clock, trace):
    began = clock.now()
    assert device.xstatus("Webex Status") == "Registered"
    assert device.xcommand("Audio Volume Set", Level=41) == {}
    assert device.xstatus("Audio Volume") == 41
    assert device.xconfig("Audio DefaultVolume", 30) == 30
    assert device.xstatus("Call 1 Status") is None
    assert cloud.query("device.status") == "connected"
    assert clock.now() == began
    clock.advance("1h")
    stage.advance(timedelta(minutes=30))
    assert clock.now() - began == timedelta(minutes=90)
    assert trace.find("http.request", "cloud:wdm", method="POST")


@online
def test_feedback_and_steps(stage, device):
    told = device.feedback("Status/Audio/Volume")
    muted = device.feedback("Status/Audio/VolumeMute")
    for level in (10, 20):
        device.xcommand("Audio Volume Set", Level=level)
    device.xcommand("Audio Volume Mute")
    assert told == [("Status Audio Volume", 10), ("Status Audio Volume", 20)]
    assert muted == [("Status Audio VolumeMute", "On")]
    stage.play([{"volume": 33, "expect": {"xstatus": {"Audio Volume": 33}}}])
    stage.play("""
        - cloud.meeting.create: { id: x, title: Stand-up, starts: "${vars.starts}", lasts: "${vars.lasts}" }
          expect: { bookings: { count: 1 }, within: 2s }
        - advance: 1m
    """, starts="+30m")
    with pytest.raises(ValueError, match="nearest: Status"):
        device.xstatus("Webex Staus")
    with pytest.raises(ValueError, match="leaves"):
        device.xstatus("Webex")
    with pytest.raises(XapiError):
        device.xcommand("Audio Volume Set", Level=1000)
    with pytest.raises(ValueError, match="nearest: Volume"):
        device.xcommand("Audio Volum Set", Level=10)
    with pytest.raises(ValueError, match="nearest: Audio"):
        device.feedback("Status/Adio")
    with pytest.raises(ValueError, match="begins with Status"):
        device.feedback("Audio/Volume")
    with pytest.raises(pytest.fail.Exception, match="expected  Audio Volume = 7"):
        stage.play("- note: x\\n  expect: { xstatus: { Audio Volume: 7 } }")
    for path in ("Status", "/Event/UserInterface", "Status/Call[1]/Status"):
        assert device.feedback(path) == []


def test_nothing_is_left_to_happen(stage):
    import asyncio

    with pytest.raises(Stuck):
        stage.run(asyncio.Event().wait())
    assert stage.do(lambda x: x + 1, 1) == 2
'''
FAILING = '''
import pytest


@pytest.mark.roomsim(device={"at": "online"})
def test_steps_fail_where_they_stand(stage):
    stage.advance("1m")
    stage.play("""
        - note: first
        - refresh: wdm
          expect: { xstatus: { Webex Status: Stopped }, within: 2s }
    """)


@pytest.mark.roomsim(device={"at": "online"})
def test_asserts_show_both_sides(device, stage):
    stage.play("- refresh: wdm")
    assert device.xstatus("Webex Status") == "Stopped"


@pytest.mark.roomsim(device={"at": "onlin"})
def test_head_is_wrong(stage):
    pass


@pytest.mark.roomsim(device={"at": "online"})
def test_steps_are_wrong(stage):
    stage.play("""
        - advanc: 1m
    """)


def test_fault_never_bites(stage):
    stage.play("- fault: { on: http, do: error, target: { service: wdm }, id: unused }")
'''


def test_python_tests_have_a_stage(wheel: Path, tmp_path: Path) -> None:
    project(tmp_path, {"test_room.py": PYTHON})
    ran = Tried(wheel, tmp_path, "-v")
    assert (ran.code, set(ran.verdicts.values()), len(ran.verdicts)) == (0, {"PASSED"}, 3), ran.out


def test_python_tests_fail_with_reports(wheel: Path, tmp_path: Path) -> None:
    project(tmp_path, {"test_room.py": FAILING})
    ran = Tried(wheel, tmp_path, "-v", "--roomsim-seed", "5")
    assert ran.code == 1
    lines = FAILING.splitlines()
    place = next(number for number, line in enumerate(lines, 1) if "refresh: wdm" in line)
    assert f"FAIL test_room.py:{place}:11  step 2  refresh: wdm" in ran.out, ran.out
    assert re.search(rf"expected  Webex Status = Stopped  within 2s +test_room\.py:{place + 1}:32", ran.out)
    assert "replay    pytest test_room.py::test_steps_fail_where_they_stand --roomsim-seed 5" in ran.out
    both = ran.out.partition("test_asserts_show_both_sides ____")[2].partition("____ ")[0]
    assert "assert 'Registered' == 'Stopped'" in both
    assert re.search(r"PUT devices/… +-+> +200", both)
    assert "replay    pytest test_room.py::test_asserts_show_both_sides --roomsim-seed 5" in both
    assert re.search(r"test_room\.py:\d+:\d+: .*onlin", ran.out)
    wrong = next(number for number, line in enumerate(lines, 1) if "advanc:" in line)
    assert f"test_room.py:{wrong}:11: unknown verb or key `advanc`; nearest: `advance`" in ran.out
    assert "fault unused to bite" in ran.out
    assert ran.verdicts["test_room.py::test_head_is_wrong"] == "ERROR"
    assert len(re.findall(r"^ERROR ", ran.out, re.MULTILINE)) == 2, "the wrong head, and the fault"
    assert "During handling" not in ran.out
    assert "asyncio" not in ran.out
    assert ran.out.count("advanc`; nearest") == 2, "once, and in the summary"


def test_python_tests_take_seeds(wheel: Path, tmp_path: Path) -> None:
    project(tmp_path, {"test_x.py": "def test_x(stage):\n    assert stage.raw.seed in (3, 4)\n"})
    ran = Tried(wheel, tmp_path, "-v", "--roomsim-seed", "3", "--roomsim-seeds", "2")
    assert ran.verdicts == {"test_x.py::test_x[seed 3]": "PASSED", "test_x.py::test_x[seed 4]": "PASSED"}
