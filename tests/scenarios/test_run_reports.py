"""What `roomsim run` reports beside its verdicts: times of steps, labels, annotations, the smallest failing seed, one case of many."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from scenarios.runner.player import Failure
from scenarios.runner.problems import Place
from scenarios.runner.resolve import named
from scenarios.runner.run import Outcome
from scenarios.runner.suite import Play, Verdict, shaky
from scenarios.runner.verdict_files import as_github, as_junit
from tests.scenarios.command_line import ROOMSIM, Ran
from tests.scenarios.stories import play

TIMED = """\
name: Two waits
cases: [{ name: short one, vars: { last: 5s } }, { name: long, vars: { last: 1h } }]
setup: [{ note: before }]
steps:
  - advance: 2s
  - repeat: { times: 2, every: 1m, steps: [{ note: again }] }
  - { note: only in wire, modes: [wire] }
  - name: The last wait
    advance: "${vars.last}"
    expect: { mercury: closed }
"""
FAILS = """\
name: Draws a server
device: { at: online }
cloud: { media: { servers: 3 } }
steps:
  - fault: { on: stun, do: silent, target: { servers: 1, pick: seeded }, id: one }
  - discover: clusters
    expect: { discovery: { silent: 0 }, within: 1m }
"""


@pytest.fixture
def timed(tmp_path: Path) -> Path:
    file = tmp_path / "timed.yaml"
    file.write_text(TIMED)
    return file


def test_each_step_has_its_times_on_both_clocks(timed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = timed.with_name("verdicts.json")
    ran = Ran(capsys, "run", timed, "--case", "long", "--json", report, "--times")
    assert ran.code == 0
    (run,) = json.loads(report.read_text())["runs"]
    told = [(step["step"], step["result"], step["began_s"], step["scenario_s"]) for step in run["steps"]]
    assert told == [
        ("setup 1", "passed", 0, 0),
        ("1", "passed", 0, 2),
        ("2.1", "passed", 2, 0),
        ("2.1", "passed", 62, 0),
        ("2", "passed", 2, 60),
        ("3", "skipped", 62, 0),
        ("4", "passed", 62, 3600),
    ]
    assert {(step["file"], step["line"]) for step in run["steps"][-1:]} == {(str(timed), 8)}
    assert all(step["took_s"] >= 0 for step in run["steps"])
    assert sum(step["took_s"] for step in run["steps"]) <= 2 * run["took_s"]
    assert re.search(r"^  4 +62\.000s +3600\.000s +\d+\.\dms  The last wait$", ran.out, re.MULTILINE)


def test_the_step_that_fails_has_its_times_too(timed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    timed.write_text(
        TIMED.replace("mercury: closed }", "mercury: open, within: 7s }").replace('advance: "$', 'note: "$')
    )
    report, junit = timed.with_name("verdicts.json"), timed.with_name("junit.xml")
    assert Ran(capsys, "run", timed, "--case", "long", "--json", report, "--junit", junit).code == 1
    last = json.loads(report.read_text())["runs"][0]["steps"][-1]
    assert (last["step"], last["result"], round(last["scenario_s"], 3)) == ("4", "failed", 7)
    (shown,) = (str(one.text) for one in ET.parse(junit).getroot().iter("system-out"))
    assert re.search(r"^  4 .* The last wait  failed$", shown, re.MULTILINE)
    (failure,) = ET.parse(junit).getroot().iter("failure")
    assert failure.attrib["message"].startswith("expected mercury = open within 7s")


def test_one_case_of_a_file(timed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ran = Ran(capsys, "run", timed, "--case", "short one")
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "1 passed, 0 failed")
    assert "Two waits [short one]" in ran.out
    ran = Ran(capsys, "run", timed, "--case", "shortest")
    assert (ran.code, ran.err) == (4, "nothing selected: no scenario has the case shortest; nearest: short one\n")
    timed.write_text(f"tags: [slow]\n{TIMED}")
    ran = Ran(capsys, "run", timed, "--tag", "slow", "--case", "lnog")
    assert ran.err == "nothing selected: no scenario has the tag slow and the case lnog; nearest: long\n"


def test_replay_of_a_case_names_the_case(timed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    timed.write_text(TIMED.replace("mercury: closed", "mercury: open"))
    ran = Ran(capsys, "run", timed, "--case", "short one")
    (replay,) = re.findall(r"replay    roomsim (.*)", ran.out)
    assert shlex.split(replay) == [
        "run",
        str(timed),
        "--case",
        "short one",
        "--seed",
        "0",
        "--until-step",
        "4",
        "--repl",
    ]


def test_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("name: x\ndevice: { at: online }\nsteps: [{ note: x }]\n")
    assert "  label     wdm: observed\n" in Ran(capsys, "run", file, "--labels").out
    assert "  label " not in Ran(capsys, "run", file).out


def test_coverage_says_which_services_and_states_were_met(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, report = tmp_path / "x.yaml", tmp_path / "v.json"
    file.write_text("name: x\ndevice: { at: online }\nsteps: [{ refresh: wdm }]\n")
    Ran(capsys, "run", file, "--json", report)
    (run,) = json.loads(report.read_text())["runs"]
    assert run["coverage"]["services"]["wdm"] == 2, "registered and refreshed"
    assert {"Unregistered", "Registered"} <= set(run["coverage"]["lifecycles"]["registration"])


# several seeds


def test_smallest_failing_seed_and_the_one_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, report = tmp_path / "x.yaml", tmp_path / "v.json"
    file.write_text(FAILS)
    ran = Ran(capsys, "run", file, "--seed", 3, "--seeds", 2, "--json", report)
    assert ran.code == 1
    assert "Draws a server: 2 of 2 seeds fail, the smallest is 3\n" in ran.out
    (command,) = re.findall(r"smallest is 3\n  replay    roomsim (.*)", ran.out)
    assert shlex.split(command) == ["run", str(file), "--seed", "3"]
    (row,) = json.loads(report.read_text())["smallest_failing_seeds"]
    assert row == {
        "file": str(file), "case": None, "name": "Draws a server", "runs": 2, "failed": 2, "seed": 3, "command": f"roomsim {command}",
    }  # fmt: skip
    assert Ran(capsys, *shlex.split(command)).code == 1


def verdict(seed: int, result: str, case: str | None = None) -> Verdict:
    """Return a verdict of a scenario."""
    return Verdict(Play("a/x.yaml", case, "x", seed), "virtual", result)  # type: ignore[arg-type]  # one of the results


def test_the_smallest_is_found_for_each_case_and_only_among_several() -> None:
    rows = shaky(
        [
            verdict(9, "failed", "one"),
            verdict(10, "passed", "one"),
            verdict(2, "error", "two"),
            verdict(1, "passed", "two"),
            verdict(0, "failed", "alone"),
            verdict(0, "passed", "three"),
            verdict(1, "xfailed", "three"),
        ]
    )
    assert [(row.smallest.play.case, row.smallest.play.seed, row.failed, row.runs) for row in rows] == [
        ("one", 9, 1, 2),
        ("two", 2, 1, 2),
    ]


def test_junit_tells_seeds_apart() -> None:
    names = [
        case.attrib["name"]
        for case in ET.fromstring(as_junit([verdict(1, "passed"), verdict(2, "passed")])).iter("testcase")
    ]
    assert names == ["x.yaml::x[seed 1]", "x.yaml::x[seed 2]"]


# GitHub, and files that cannot be used


def test_github_annotations(timed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    timed.write_text(TIMED.replace("mercury: closed", "mercury: open"))
    ran = Ran(capsys, "run", timed, "--github")
    found = [line for line in ran.out.splitlines() if line.startswith("::")]
    assert len(found) == 2
    head, _, message = found[0][2:].partition("::")
    assert head == f"error file={timed},line=10,col=13,title=expectation%3A Two waits [short one] (seed 0)"
    assert message.startswith("FAIL ")
    assert "%0A  expected  mercury = open" in message
    assert "::" not in Ran(capsys, "run", timed, "--case", "long").out.replace("::error", "")


def test_annotations_escape_what_would_end_them() -> None:
    failure = Failure("verb", Place("a,b:c.yaml", 3, 4), "1", "100%\r\nsure :: yes")
    (line,) = as_github([Verdict(Play("a", None, "x", 0), "virtual", "failed", failures=(failure,))])
    assert line == "::error file=a%2Cb%3Ac.yaml,line=3,col=4,title=verb%3A x (seed 0)::100%25%0D%0Asure :: yes"
    (line,) = as_github([Verdict(Play("a", None, "x", 0), "virtual", "skipped", "not here")])
    assert line == "::notice file=a,line=1,col=1,title=x%3A skipped::not here"
    (line,) = as_github([Verdict(Play("a", None, "x", 0), "virtual", "error", "the stage could not be set")])
    assert line == "::error file=a,line=1,col=1,title=error%3A x (seed 0)::the stage could not be set"


def test_files_that_cannot_be_used_are_in_every_report(timed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    timed.write_text("name: x\nsteps:\n  - activat: x\n  - advance: 30\n")
    junit, report = timed.with_name("junit.xml"), timed.with_name("v.json")
    ran = Ran(capsys, "run", timed, "--junit", junit, "--json", report, "--github")
    assert ran.code == 2
    assert len(ran.err.splitlines()) == 2
    (error,) = ET.parse(junit).getroot().iter("error")
    assert error.attrib["type"] == "load"
    assert "unknown verb or key `activat`; nearest: `activate`" in str(error.text)
    assert error.attrib["message"] == "2 mistakes in the file"
    (run,) = json.loads(report.read_text())["runs"]
    assert [(one["kind"], one["line"], one["column"]) for one in run["failures"]] == [("load", 3, 5), ("load", 4, 14)]
    assert [line.partition(",title")[0] for line in ran.out.splitlines()] == [
        f"::error file={timed},line=3,col=5",
        f"::error file={timed},line=4,col=14",
    ]


def test_progress_is_drawn_on_a_terminal(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("name: x\nsteps: [{ note: a, expect: { mercury: open, within: 1s } }]\n")
    command = [*ROOMSIM, "run", str(file), "--seeds", "3", "-j", "2"]
    plain = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, stdout=theirs, stderr=theirs, env={**plain, "TERM": "xterm"})
    os.close(theirs)
    drawn = b""
    while b"0 passed, 3 failed" not in drawn:
        drawn += os.read(ours, 65_536)
    process.wait(timeout=60)
    os.close(ours)
    assert process.returncode == 1
    assert re.search(rb"3/3\x1b\[0m 3 failed", drawn), "all of them, and how many failed"


# what a report says by itself


def rows(outcome: Outcome, name: str) -> list[str]:
    """Return the lines of a name in the only report."""
    (report,) = outcome.reports
    return [line[12:] for line in report.splitlines() if line.startswith(f"  {name:<8}  ")]


BUTTON = "expect: { screen: { join button: { visible: true } }, within: 2m }"
MEETING = "cloud.meeting.create: { id: m, title: Standup, starts: +1m, lasts: 15m"


@pytest.mark.parametrize(
    ("at", "did", "told"),
    [
        ("online", f"{MEETING} }}", "No Join button: none of the five join fields is there.  [no_join_field]"),
        ("online", "note: none", "the cloud has no meeting for this device within a day"),
        ("factory", "note: none", "room is not activated, so the cloud knows no account of it"),
        (
            "online",
            "cloud.meeting.create: { id: m, starts: +1h, lasts: 15m, join: { callURI: 1@zoomcrc.com } }",
            "The Join button comes at 08:55:00Z, in 53 min.",
        ),
    ],
)
def test_a_report_says_why_there_is_no_join_button(at: str, did: str, told: str) -> None:
    outcome = play(f"device: {{ at: {at} }}\nsteps:\n  - {did}\n    {BUTTON}\n")
    assert outcome.result == "failed"
    assert rows(outcome, "why") == [told]


def test_of_several_meetings_the_first_is_named_whose_button_is_missing() -> None:
    good = "cloud.meeting.create: { id: n, title: Later, starts: +50m, lasts: 15m, join: { callURI: 1@zoomcrc.com } }"
    outcome = play(f"device: {{ at: online }}\nsteps:\n  - {good}\n  - {MEETING} }}\n    {BUTTON}\n")
    assert rows(outcome, "why") == ["Standup: No Join button: none of the five join fields is there.  [no_join_field]"]


@pytest.mark.parametrize(
    "expected",
    [
        "screen: { banner: { visible: true } }",
        "screen: { join button: { title: Other } }",  # it is there
    ],
)
def test_a_report_does_not_say_why_unasked(expected: str) -> None:
    made = f"{MEETING}, join: {{ callURI: 1@zoomcrc.com }} }}"
    outcome = play(f"device: {{ at: online }}\nsteps:\n  - {made}\n    expect: {{ {expected}, within: 2m }}\n")
    assert outcome.result == "failed"
    assert rows(outcome, "why") == []


def test_a_report_shows_what_references_stand_for() -> None:
    text = f"""\
name: Not the same
device: {{ at: online }}
steps:
  - {MEETING} }}
    save: {{ mine: id }}
  - advance: 10s
    expect: {{ bookings: [{{ MeetingId: {{ not: "${{saved.mine}}" }} }}], xconfig: {{ SystemUnit Name: "${{device.name}}!" }} }}
"""
    outcome = play(text)
    mine = next(event.data["id"] for event in outcome.trace.events if event.kind == "calendar.stored")  # type: ignore[union-attr]
    assert (
        rows(outcome, "nearest")[0] == f'bookings[0].MeetingId: got "{mine}", expected not ${{saved.mine}} ("{mine}")'
    )
    assert '= ${device.name}! ("room!")' in rows(outcome, "expected")[1]


def test_a_report_shows_no_secret_behind_a_reference() -> None:
    outcome = play("""\
name: A code
steps:
  - cloud.code.create: { id: one }
  - note: x
    expect: { xconfig: { SystemUnit Name: "${saved.one}" } }
""")
    (report,) = outcome.reports
    assert "${saved.one}" in report
    assert "${saved.one} (" not in report


def test_a_refusal_names_things_as_the_scenario_does() -> None:
    outcome = play("""\
name: Nobody can join it
device: { at: online }
steps:
  - cloud.meeting.create: { id: standup, title: Standup, starts: +1h, lasts: 15m }
  - cloud.participant: { meeting: standup, who: Ana Smith, do: join }
""")
    assert outcome.kinds == ["verb"]
    (told,) = rows(outcome, "kind")
    assert re.search(r"there is no meeting standup \('[0-9a-f-]{36}'\): give its number", told), told


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no call 1234-abcd here", "no call ring (1234-abcd) here"),
        ("'1234-abcd' and 1234-abcd", "ring ('1234-abcd') and ring (1234-abcd)"),
        ("1234-abcde, x1234-abcd", "1234-abcde, x1234-abcd"),
        ("1234-abcd-2", "later (1234-abcd-2)"),
        ("one is short", "one is short"),
    ],
)
def test_only_whole_ids_are_named(text: str, shown: str) -> None:
    assert named(text, {"ring": "1234-abcd", "later": "1234-abcd-2", "short": "one"}) == shown
