"""The shell on the frozen stage of a run: lines from a pipe, and from a terminal."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scenarios.runner.commands import run_app

FAILS = """\
name: Nobody moves the meeting
device: { at: online }
steps:
  - cloud.meeting.create: { id: review, title: Design review, starts: +6m, lasts: 30m }
  - refresh: wdm
    expect: { request: { PUT: /wdm/api/v1/devices/*, status: 204 }, within: 5s }
finally: [{ note: tidied up }]
"""
PASSES = "name: x\ndevice: { at: online }\nsteps: [{ advance: 1m }, { note: b }]\n"


class Ran:
    """What one call of the command line did, with these lines on standard input."""

    def __init__(self, lines: str, capsys: pytest.CaptureFixture[str], *arguments: object) -> None:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(sys, "stdin", io.StringIO(lines))
            self.code = run_app([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        self.out, self.err = captured.out, captured.err
        self.shell = self.out.partition("Ctrl-D goes on\n")[2].partition("-- the run goes on")[0]


@pytest.fixture
def failing(tmp_path: Path) -> Path:
    file = tmp_path / "failing.yaml"
    file.write_text(FAILS)
    return file


def test_shell_opens_where_the_run_fails_and_both_sides_can_be_asked(
    failing: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = "xStatus Webex Status\n:clock\n:cloud device.status\n:why\n:trace 1 http.response\n"
    ran = Ran(lines, capsys, "run", failing, "--repl-on-failure")
    assert (ran.code, ran.err) == (1, "")
    opened = ran.out.index("-- the stage stands still at 08:00:05.000, 65.000 s of the run\n")
    assert ran.out.index("expected  request PUT") < opened < ran.out.index("FAIL  "), "the report comes first"
    assert ran.out.count("expected  request PUT") == 1, "and once"
    answers = ran.shell.splitlines()
    assert answers[:4] == [
        "*s Webex Status: Registered",
        "** end",
        "frozen time, 65.000 s of the run; the device has 2026-01-05T08:00:05.000Z",
        '"connected"',
    ]
    assert any("none of the five join fields is there" in line for line in answers)
    assert re.search(r"65\.000  cloud:\w+ +http\.response|60\.000  \S+ +http\.response", answers[-1])
    assert ran.out.endswith("0 passed, 1 failed\n")


def test_time_passes_when_it_is_told_to(failing: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ran = Ran(":clock\n:advance 2m\n:clock\n:trace 3 booking\n", capsys, "run", failing, "--repl-on-failure")
    assert [line.split(" of the run")[0] for line in ran.shell.splitlines()[:3]] == [
        "frozen time, 65.000 s",
        "frozen time, 185.000 s",
        "frozen time, 185.000 s",
    ]
    assert "(seed 0  185.0s in" in ran.out


def test_commands_change_the_device_and_are_answered_before_what_they_cause(
    failing: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = "xFeedback Register /Status/Audio/Volume\nxCommand Audio Volume Set Level: 41\nxStatus Audio Volume\n"
    ran = Ran(lines, capsys, "run", failing, "--repl-on-failure")
    assert ran.shell.splitlines() == [
        "OK",
        "*r VolumeSetResult (status=OK):",
        "** end",
        "*s Audio Volume: 41",
        "** end",
        "*s Audio Volume: 41",
        "** end",
    ]


def test_faults_bite_the_stage_and_never_the_shell(failing: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = ":fault link down\n:fault mercury reset\n:advance 1m\nxStatus Webex Status\n:status\n"
    lines += ":heal all\n:advance 5m\nxStatus Webex Status\n"
    ran = Ran(lines, capsys, "run", failing, "--repl-on-failure")
    states = re.findall(r"\*s Webex Status: (\w+)", ran.shell)
    assert states == ["Error", "Registered"], ran.shell + ran.err


def test_ladder_report_and_words_that_are_not_known(failing: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = ":ladder\n:ladder 1\n:ladder 9\n:report\n:ladr\n:cloud nowhere\n:help\n:quit\nxStatus Webex\n"
    ran = Ran(lines, capsys, "run", failing, "--repl-on-failure")
    first, second, *_ = ran.shell.split("            device                                      cloud\n")[1:]
    assert "PUT devices/" in first
    assert "calendar.meeting.create" not in first, "since the step that failed"
    assert "calendar.meeting.create" in second, "since the first step"
    assert ran.shell.count("expected  request PUT") == 1
    assert ran.err.splitlines() == [
        "no step '9' has begun",
        "there is no :ladr; nearest: :ladder",
        "there is no 'nowhere' in the cloud's state; there are " + ran.err.splitlines()[2].partition("there are ")[2],
    ]
    assert ":why [MEETING]" in ran.shell
    assert "*s Webex Status" not in ran.shell, ":quit ends it"


def test_several_devices(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "two.yaml"
    file.write_text(
        "name: x\ndevices: { room: { at: online }, desk: { bring_up: manual } }\nsteps: [{ note: a, device: room }]\n"
    )
    lines = "xStatus Webex Status\n:device desk\nxStatus Webex Status\n:device attic\n:device\n"
    ran = Ran(lines, capsys, "run", file, "--repl")
    assert re.findall(r"\*s Webex Status: (\w+)", ran.shell)[0] == "Registered"
    assert re.findall(r"\*s Webex Status: (\w+)", ran.shell)[1] != "Registered"
    assert ran.err == "no device is named attic; there are room, desk\n"
    assert ran.shell.splitlines()[-2:] == ["room", "desk  <--"]


def test_repl_opens_at_the_end_or_after_a_step_and_looking_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, report = tmp_path / "x.yaml", tmp_path / "v.json"
    file.write_text(PASSES)
    hashes = []
    for options in ([], ["--repl"], ["--repl", "--until-step", "1"], ["--until-step", "1"]):
        ran = Ran("xStatus Webex\n:cloud device\n:status\n", capsys, "run", file, "--json", report, *options)
        assert ran.code == 0
        assert ("stands still at 08:01:00.000" in ran.out) == ("--repl" in options)
        hashes.append(json.loads(report.read_text())["runs"][0]["trace_hash"])
    assert hashes[0] == hashes[1] != hashes[2] == hashes[3]


def test_on_failure_opens_only_on_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.yaml").write_text(PASSES)
    (tmp_path / "b.yaml").write_text(FAILS)
    ran = Ran("", capsys, "run", tmp_path, "--repl-on-failure")
    assert ran.out.count("the stage stands still") == 1
    assert ran.out.endswith("1 passed, 1 failed\n")


def test_a_command_that_nothing_answers_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("name: x\nsteps: [{ note: a }]\n")
    ran = Ran(":do activate code=1234567890123456\n:clock\n", capsys, "run", file, "--repl")
    assert ran.code == 0
    assert "frozen time" in ran.shell


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--repl", "--mode", "wire"], "Invalid value for --repl: only in mode virtual does time stand still"),
        (
            ["--repl-on-failure", "-j", "2"],
            "Invalid value for --repl-on-failure: a shell has one terminal: leave out -j",
        ),
        (["--repl", "--seeds", "2"], "Invalid value for --repl: one shell, but 2 runs were selected"),
        (["--repl", "--watch"], "Invalid value for --repl: a shell would wait, and so would the files: choose one"),
    ],
)
def test_where_no_shell_can_be(
    options: list[str], complaint: str, failing: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = Ran("", capsys, "run", failing, *options)
    assert (ran.code, ran.out) == (2, "")
    assert complaint in ran.err


class Terminal:
    """A run at a terminal: keys in, what is shown out."""

    def __init__(self, *arguments: object, state: Path) -> None:
        self._ours, theirs = pty.openpty()
        environment = {**os.environ, "TERM": "xterm", "XDG_STATE_HOME": str(state), "PROMPT_TOOLKIT_NO_CPR": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "scenarios.runner.cli", *map(str, arguments)],
            stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)

    def until(self, wanted: bytes, seconds: int = 60) -> bytes:
        """Return what is shown until there is something; it must come."""
        shown = b""
        while wanted not in shown:
            readable, _, _ = select.select([self._ours], [], [], seconds)
            assert readable, f"{wanted!r} is not in {shown!r}"
            shown += os.read(self._ours, 65_536)
        return shown

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._ours, keys)

    def close(self) -> None:
        """End it, whatever it does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        os.close(self._ours)


def test_at_a_terminal_lines_are_typed_and_completed(failing: Path) -> None:
    terminal = Terminal("run", failing, "--repl-on-failure", state=failing.parent)
    try:
        terminal.until(b"room>")
        terminal.type(b"xStatus Webex Sta")
        terminal.until(b"Disabled/Error")
        terminal.type(b"\t")
        terminal.until(b"tus")
        terminal.type(b"\r")
        terminal.until(b"\x1b[36m Registered")
        terminal.until(b"room>")
        terminal.type(b"garbage\x03")
        terminal.until(b"room>")
        terminal.type(b":advance 1m\r")
        terminal.until(b"125.000 s of the run")
        terminal.until(b"room>")
        terminal.type(b"\x04")
        terminal.until(b"0 passed, 1 failed")
        assert terminal.process.wait(timeout=60) == 1
    finally:
        terminal.close()
