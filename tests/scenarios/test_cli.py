"""The command line: its exit codes, what it prints, and the files that it writes."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import signal
import subprocess
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from endpoint.runtime.trace import TRACE_VERSION
from scenarios.runner import commands
from scenarios.runner.run import Outcome, run_scenario
from tests.scenarios.command_line import PATIENCE_S, ROOMSIM, Ran
from tests.scenarios.stories import SCENARIOS

PASSING = "name: Good morning\ntags: [short, other]\nsteps: [{ note: hello }]\n"
FAILING = """\
name: Waits in vain
tags: [other]
device: { at: online }
steps:
  - note: nothing yet
  - name: Nobody moves the meeting
    refresh: wdm
    expect:
      request: { PUT: /wdm/api/v1/devices/*, status: 204 }
      mercury: open
      within: 5s
"""
ENDLESS = "name: Years pass\ndevice: { at: online }\ntimeout: 366d\nsteps: [{ advance: 300d }, { advance: 300d }]\n"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "good.yaml").write_text(PASSING)
    (tmp_path / "bad.yaml").write_text(FAILING)
    return tmp_path


# run: verdicts and exit codes


def test_good_scenario_exits_with_0(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ran = Ran(capsys, "run", files / "good.yaml")
    assert (ran.code, ran.err) == (0, "")
    assert re.fullmatch(
        r"PASS  \S+good\.yaml  Good morning  \(seed 0  0\.0s in \d+\.\d\ds\)\n1 passed, 0 failed\n", ran.out
    )


def test_failed_scenario_exits_with_1_and_says_everything(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ran = Ran(capsys, "run", files / "bad.yaml")
    assert ran.code == 1
    report = ran.out
    assert f"FAIL {files}/bad.yaml:6:5  step 2  Nobody moves the meeting" in report
    assert re.search(r"expected  request PUT /wdm/api/v1/devices/\* status 204  within 5s +bad\.yaml:9:7", report)
    assert re.search(
        r"nearest   PUT /wdm/api/v1/devices/[0-9a-f-]+ -> 200 at \+0\.000s: .*got 200, expected is 204 +<<< status",
        report,
    )
    assert "met       mercury = open" in report
    assert "waiting   5.000s of 5s; device: Mercury=open Registration=Registered Webex=Registered" in report
    assert re.search(r"PUT devices/… +-+> +200 +#\d+", report)
    assert re.search(r"labels    .*wdm: observed", report)
    assert f"replay    roomsim run {files}/bad.yaml --seed 0 --until-step 2" in report
    assert report.endswith("0 passed, 1 failed\n")


def test_replay_of_the_report_shows_the_same_failure(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = Ran(capsys, "run", files / "bad.yaml", "--seed", 5)
    (replay,) = re.findall(r"replay    roomsim (.*)", first.out)
    again = Ran(capsys, *shlex.split(replay.removesuffix(" --repl")))
    assert again.code == 1
    assert re.sub(r"in \d+\.\d+s", "", again.out) == re.sub(r"in \d+\.\d+s", "", first.out)


def test_until_step_ends_before_the_failure(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert Ran(capsys, "run", files / "bad.yaml", "--until-step", 1).code == 0


@pytest.mark.parametrize(
    ("file", "told"),
    [("bad.yaml", "{files}/bad.yaml has 2 steps, not 3"), ("", "the longest, {files}/bad.yaml, has 2 steps, not 3")],
)
def test_a_last_step_that_there_is_not_is_refused(
    files: Path, capsys: pytest.CaptureFixture[str], file: str, told: str
) -> None:
    ran = Ran(capsys, "run", files / file, "--until-step", 3)
    assert (ran.code, ran.out) == (2, "")
    assert f"--until-step: {told.format(files=files)}" in ran.err.replace("'", "")


def test_several_files_one_bad_one(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ran = Ran(capsys, "run", files)
    assert (ran.code, ran.out.splitlines()[-1]) == (1, "1 passed, 1 failed")


def test_tags_select(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert Ran(capsys, "run", files, "--tag", "short").out.splitlines()[-1] == "1 passed, 0 failed"
    assert Ran(capsys, "run", files, "--tag", "short", "--tag", "other").out.splitlines()[-1] == "1 passed, 1 failed"


def test_nothing_selected_exits_with_4(files: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    ran = Ran(capsys, "run", files, "--tag", "missing")
    assert (ran.code, ran.out, ran.err) == (4, "", "nothing selected: no scenario has the tag missing\n")
    ran = Ran(capsys, "run", files, "--tag", "shrt")
    assert (ran.code, ran.err) == (4, "nothing selected: no scenario has the tag shrt; nearest: short\n")
    ran = Ran(capsys, "swarm", files, "--tag", "shrt")
    assert (ran.code, ran.err) == (4, "nothing selected: no scenario has the tag shrt; nearest: short\n")
    (tmp_path / "empty").mkdir()
    assert Ran(capsys, "run", tmp_path / "empty").code == 4
    assert Ran(capsys, "check", tmp_path / "empty").code == 4


def test_seeds_count_up(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ran = Ran(capsys, "run", files / "good.yaml", "--seed", 40, "--seeds", 3)
    assert re.findall(r"seed (\d+)", ran.out) == ["40", "41", "42"]
    assert ran.out.splitlines()[-1] == "3 passed, 0 failed"


def test_jobs_give_the_same_verdicts_in_the_same_order(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("run", files, SCENARIOS / "activation/activation.yaml", "--seeds", 2)
    one, two = Ran(capsys, *arguments), Ran(capsys, *arguments, "-j", 2)
    assert (one.code, two.code) == (1, 1)
    assert re.sub(r"in \d+\.\d+s", "", one.out) == re.sub(r"in \d+\.\d+s", "", two.out)


def test_skipped_expected_and_unexpected(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (files / "good.yaml").write_text(PASSING + "xfail: { reason: we know }\n")
    ran = Ran(capsys, "run", files / "good.yaml")
    assert (ran.code, ran.out.splitlines()[-1]) == (1, "0 passed, 1 failed")
    assert "XPASS" in ran.out
    assert "we know" in ran.out
    (files / "good.yaml").write_text(PASSING + "needs: [raw]\n")
    ran = Ran(capsys, "run", files / "good.yaml")
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "0 passed, 0 failed, 1 skipped")
    assert "needs raw, which this version does not have" in ran.out


def test_ladder_is_drawn_while_it_runs(capsys: pytest.CaptureFixture[str]) -> None:
    ran = Ran(capsys, "run", SCENARIOS / "activation/activation.yaml", "--ladder")
    assert "-- step 1  The administrator's code is typed in" in ran.out
    assert re.search(r"POST challenges +-+> +200", ran.out)


# run: mistakes


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name: x\nsteps:\n  - activat: x\n", "{file}:3:5: unknown verb or key `activat`; nearest: `activate`"),
        (
            "name: x\nsteps:\n  - note: x\n    expect: { xstatus: { Webex Staus: Registered } }\n",
            "{file}:4:26: `Webex Staus` is no xStatus path of Room Kit Pro ce26.4; nearest: `Webex Status`",
        ),
        ("name: x\nsteps:\n  - advance: 30\n", "{file}:3:14: a duration needs a unit: write 30s"),
        (
            "name: x\nsteps:\n  - fault: { on: mercury, do: rest }\n",
            "{file}:3:31: `rest` is nothing that mercury can do",
        ),
        ("name: x\nsteps:\n  - {\n", "{file}:4:1: "),
        ("name: x\nsteps:\n  - press: hold\n", "{file}:3:12: not built yet: `hold`"),
    ],
)
def test_mistake_in_a_file_is_placed_and_the_right_word_is_suggested(
    text: str, complaint: str, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = files / "typo.yaml"
    file.write_text(text)
    for command in ("run", "check"):
        ran = Ran(capsys, command, file)
        assert (ran.code, ran.out) == (2, "")
        expected = complaint.replace("{file}", str(file)).replace("Room Kit Pro", "")
        shown = ran.err.replace("Room Bar", "").replace("Room Kit Pro", "")
        assert shown.startswith(expected.split(" is no xStatus")[0]), ran.err
        assert "Traceback" not in ran.err


def test_mistakes_of_all_files_are_told_at_once(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (files / "one.yaml").write_text("name: a\nsteps: [{ activat: x }]\n")
    (files / "two.yaml").write_text("name: b\nsteps: [{ discver: x }]\n")
    ran = Ran(capsys, "check", files)
    assert ran.code == 2
    assert len(ran.err.splitlines()) == 2


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["run", "nowhere.yaml"], "nowhere.yaml:1:1: there is no such file"),
        (["check", "nowhere"], "nowhere:1:1: there is no such file"),
        (["run"], "roomsim run: Missing argument 'PATH...'"),
        (["rum"], "roomsim: No such command 'rum'"),
        (["run", "x", "--sede", "1"], "roomsim run: No such option: --sede"),
        (["run", "x", "--seeds", "0"], "roomsim run: Invalid value for '--seeds'"),
        (["run", str(SCENARIOS), "--mode", "fast"], "roomsim run: Invalid value for --mode: mode is virtual or wire"),
        (["run", str(SCENARIOS), "--trace", "t.jsonl"], "roomsim run: Invalid value for --trace: one trace, but "),
    ],
)
def test_wrong_use_exits_with_2_and_one_line(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = Ran(capsys, *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(complaint), ran.err
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize("option", ["--junit", "--json", "--trace"])
def test_file_that_cannot_be_written_exits_with_2(option: str, files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ran = Ran(capsys, "run", files / "good.yaml", option, files / "missing" / "report")
    assert (ran.code, ran.err) == (2, f"{files}/missing/report: cannot be written: No such file or directory\n")


def test_defect_of_ours_exits_with_3_and_does_not_hide_the_others(
    files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(scenario: object, *options: object, **more: object) -> Outcome:
        if "Waits" in scenario.name:  # type: ignore[attr-defined]  # a scenario
            raise ZeroDivisionError("our fault")
        return run_scenario(scenario, *options, **more)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr("scenarios.runner.suite.run_scenario", broken)
    ran = Ran(capsys, "run", files)
    assert (ran.code, ran.out.splitlines()[-1]) == (3, "1 passed, 1 failed")
    assert "a defect of roomsim, please report it: ZeroDivisionError('our fault')" in ran.out
    monkeypatch.setattr(commands, "_load", broken)
    ran = Ran(capsys, "check", files)
    assert ran.code == 3
    assert "This is a defect of roomsim. Please report it" in ran.err


# run: files


def test_junit_report(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (files / "skipped.yaml").write_text("name: Later\nneeds: [raw]\nsteps: [{ note: x }]\n")
    (files / "wrong.yaml").write_text("name: Wrong\nsetup: [{ connect: mercury }]\nsteps: [{ note: x }]\n")
    report, trace = files / "junit.xml", files / "t.jsonl"
    Ran(capsys, "run", files, "--junit", report)
    root = ET.parse(report).getroot()
    assert root.tag == "testsuites"
    (suite,) = root
    counts = {"tests": "4", "failures": "1", "errors": "1", "skipped": "1"}
    assert {key: suite.attrib[key] for key in counts} == counts
    cases = {case.attrib["name"]: case for case in suite}
    assert list(cases) == [
        "bad.yaml::Waits in vain",
        "good.yaml::Good morning",
        "skipped.yaml::Later",
        "wrong.yaml::Wrong",
    ]
    bad = cases["bad.yaml::Waits in vain"]
    failure, shown = bad.find("failure"), bad.find("system-out")
    assert failure is not None
    assert failure.attrib["type"] == "expectation"
    assert shown is not None
    assert "replay    roomsim run" in str(shown.text)
    properties = {one.attrib["name"]: one.attrib["value"] for one in bad.iter("property")}
    assert (properties["seed"], properties["mode"], len(properties["trace_hash"])) == ("0", "virtual", 64)
    error, skipped = cases["wrong.yaml::Wrong"].find("error"), cases["skipped.yaml::Later"].find("skipped")
    assert error is not None
    assert error.attrib["type"] == "verb"
    assert skipped is not None
    assert "needs raw" in skipped.attrib["message"]
    Ran(capsys, "run", files / "good.yaml", "--junit", report, "--trace", trace)
    assert f'name="trace_file" value="{trace}"' in report.read_text()


def test_junit_report_holds_whatever_a_peer_sends(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (files / "bad.yaml").write_text(
        'name: "\\u0001 is a sign"\nsteps: [{ note: "\\u0002 and \\ufffe", expect: { mercury: open, within: 1s } }]\n'
    )
    ran = Ran(capsys, "run", files / "bad.yaml", "--junit", files / "junit.xml")
    assert ran.code == 1
    assert ET.parse(files / "junit.xml").getroot().tag == "testsuites"


def test_json_report(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = files / "verdicts.json"
    Ran(capsys, "run", files, "--json", report)
    content = json.loads(report.read_text())
    assert content["roomsim_verdicts"] == "1.1"
    assert content["counts"] == {"passed": 1, "failed": 1, "error": 0, "skipped": 0, "xfailed": 0, "xpassed": 0}
    bad, good = content["runs"]
    assert set(bad) == set(good) == {
        "file", "name", "case", "seed", "mode", "result", "reason", "failures", "trace_hash", "trace_file", "took_s", "scenario_s",
        "steps", "skipped_steps", "labels", "coverage",
    }  # fmt: skip
    (failure,) = bad["failures"]
    assert {key: failure[key] for key in ("kind", "step", "file", "line", "column")} == {
        "kind": "expectation", "step": "2", "file": str(files / "bad.yaml"), "line": 9, "column": 7,
    }  # fmt: skip
    assert failure["report"].startswith("FAIL ")
    assert (good["result"], good["failures"], len(good["trace_hash"])) == ("passed", [], 64)


def test_trace_file_has_a_header_and_events(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = files / "morning.jsonl"
    ran = Ran(capsys, "run", files / "bad.yaml", "--trace", trace)
    assert f"trace {trace}" in ran.out
    header, *events = map(json.loads, trace.read_text().splitlines())
    assert header["roomsim_trace"] == TRACE_VERSION
    assert {key: header[key] for key in ("scenario", "seed", "mode", "network")} == {
        "scenario": "Waits in vain", "seed": 0, "mode": "virtual", "network": "memory",
    }  # fmt: skip
    assert len(header["sha256"]) == 64
    assert datetime.fromisoformat(header["start"]).isoformat() == "2026-01-05T07:59:00+00:00"
    assert {"roomsim", "aiohttp", "websockets", "cryptography", "srp"} <= set(header["versions"])
    order = ["n", "t", "at", "who", "kind", "peer", "id", "cause", "step", "data", "label"]
    for number, event in enumerate(events, 1):
        assert list(event) == [key for key in order if key in event]
        assert event["n"] == number
    numbers = {event["n"] for event in events}
    assert all(event["cause"] in numbers for event in events if "cause" in event)
    asked, answered = (
        next(event for event in events if event["kind"] == kind and event["who"] == "cloud:wdm")
        for kind in ("http.request", "http.response")
    )
    assert asked["id"] == answered["id"]


# the other commands


def test_check_counts_what_is_valid(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ran = Ran(capsys, "check", files)
    assert (ran.code, ran.out, ran.err) == (0, "2 scenario(s) in 2 file(s) are valid\n", "")


def test_schema_is_the_file_that_is_shipped(capsys: pytest.CaptureFixture[str]) -> None:
    ran = Ran(capsys, "schema")
    assert (ran.code, ran.out) == (0, (SCENARIOS / "scenario.v1.schema.json").read_text())


def test_demo_plays_the_morning_and_shows_what_a_tester_looks_at(capsys: pytest.CaptureFixture[str]) -> None:
    ran = Ran(capsys, "demo")
    assert ran.code == 0
    for line in (
        "*s Webex Status: Registered",
        "*s Provisioning Status: Provisioned",
        '*s Experimental CalliopeDiscovery Status: "Completed"',
        '*s Experimental CalliopeDiscovery Best 1 Transport: "udp"',
        "*s Conference SelectedCallProtocol: Spark",
    ):
        assert line in ran.out
    assert re.search(r"PASS  1\d steps, 1\.\d minutes of a morning in \d+\.\d\d s   trace [0-9a-f]{16}", ran.out)
    assert ran.err == ""


@pytest.mark.parametrize(
    "command", ["", "run", "check", "schema", "demo", "cloud", "cloud serve", "endpoint", "endpoint run"]
)
def test_help_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    ran = Ran(capsys, *command.split(), "--help")
    assert ran.code == 0
    assert f"Example: roomsim {command}".rstrip() in " ".join(ran.out.split())
    assert "\x1b" not in ran.out


@pytest.mark.parametrize("command", [[], ["cloud"], ["endpoint"], ["trace"]])
def test_summaries_of_commands_are_whole(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert "...\n" not in Ran(capsys, *command, "--help").out.partition("Commands:")[2]


@pytest.mark.parametrize("command", [[], ["cloud"], ["endpoint"]])
def test_command_without_more_says_what_there_is(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    ran = Ran(capsys, *command)
    assert ran.code == 2
    assert "Usage: roomsim" in ran.out + ran.err


# processes: signals, pipes and terminals


def start(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
    command = [*ROOMSIM, *(str(argument) for argument in arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)  # type: ignore[call-overload,no-any-return]  # as given


def test_interrupted_run_exits_with_130(tmp_path: Path) -> None:
    (tmp_path / "endless.yaml").write_text(ENDLESS)
    process = start("run", tmp_path / "endless.yaml", "--ladder", env={**os.environ, "PYTHONUNBUFFERED": "1"})
    assert process.stdout is not None
    assert any(b"step 1" in line for line in process.stdout)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, err) == (130, b"")


def test_interrupted_run_on_several_processes_ends_them_all(tmp_path: Path) -> None:
    (tmp_path / "endless.yaml").write_text(ENDLESS)
    (tmp_path / "good.yaml").write_text(PASSING)
    process = start(
        "run", tmp_path / "good.yaml", tmp_path / "endless.yaml", "-j", 2, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith(b"PASS")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE_S)  # the pipe closes when the last of them is gone
    assert process.returncode == 130


def test_output_into_a_pipe_that_closes_is_no_failure() -> None:
    process = start("schema")
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, err) == (0, b"")


def test_colours_are_for_terminals_only(files: Path) -> None:
    plain = {
        name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE")
    }
    piped = start("run", files, env=plain)
    out, _ = piped.communicate(timeout=PATIENCE_S)
    assert b"\x1b" not in out
    assert "…".encode() in out or b"PASS" in out
    ours, theirs = pty.openpty()
    terminal = subprocess.Popen(
        [*ROOMSIM, "run", str(files)], stdout=theirs, stderr=theirs, env={**plain, "TERM": "xterm"}
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        shown += part
    os.close(ours)
    assert terminal.wait(timeout=PATIENCE_S) == 1
    assert b"\x1b[" in shown
    drawn = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", shown)  # a bar of progress is drawn between the lines
    for line in re.sub(rb"in \d+\.\d+s", b"", out).splitlines():
        assert line.split(b"  (seed")[0] in drawn


def test_terminal_without_our_signs_still_shows_everything(files: Path) -> None:
    process = start("run", files / "bad.yaml", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, err) == (1, b"")
    assert b"PUT devices/\\u2026" in out
