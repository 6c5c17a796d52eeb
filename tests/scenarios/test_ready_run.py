"""Scenarios with clients from outside: `roomsim run --mode wire --ready-file`, over real sockets and in real time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from scenarios.runner.commands import run_app
from tests.scenarios.command_line import PATIENCE_S, Process, eventually, is_private
from tests.scenarios.stories import SCENARIOS, play

STORY = SCENARIOS / "calendar" / "graph_client.yaml"
EVENTS = "/v1.0/users/ana.smith@room.example/events"


class Organizer:
    """A client of Graph that follows the ready file of a run, without any library of ours or theirs."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def at_step(self, number: int) -> dict[str, Any]:
        """Wait until a step is played; return the ready file."""
        eventually(lambda: self.file.exists() and json.loads(self.file.read_text())["step"] >= number, True)
        return json.loads(self.file.read_text())  # type: ignore[no-any-return]  # one object

    def ask(self, method: str, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        """Ask Graph."""
        url = json.loads(self.file.read_text())["http"] + path
        headers = {"Content-Type": "application/json"}
        with urlopen(Request(url, json.dumps(body).encode(), headers, method=method), timeout=PATIENCE_S) as answer:
            text = answer.read()
        return json.loads(text) if text else {}

    def create(self) -> str:
        """Invite the room to a meeting that begins in four minutes."""
        room = {"emailAddress": {"address": "room@room.example"}, "type": "resource"}
        event = {"subject": "Design review", "location": {"displayName": "@webex"}, "attendees": [room], **span(4)}
        return str(self.ask("POST", EVENTS, event)["id"])

    def play(self) -> None:
        """Create, move and cancel, each in its step."""
        self.at_step(2)
        event = self.create()
        self.at_step(4)
        self.ask("PATCH", f"{EVENTS}/{event}", span(64))
        self.at_step(5)
        self.ask("POST", f"{EVENTS}/{event}/cancel", {"comment": "off"})


def span(minutes: int) -> dict[str, object]:
    """Return the half hour that begins in so many minutes."""
    start = datetime.now(UTC) + timedelta(minutes=minutes)  # noqa: TID251  the client's own clock
    ends = {"start": start, "end": start + timedelta(minutes=30)}
    return {name: {"dateTime": f"{at:%Y-%m-%dT%H:%M:%S}", "timeZone": "UTC"} for name, at in ends.items()}


def test_meeting_of_a_client_becomes_a_button(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.write_text("left by somebody else")
    with Process("run", "--mode", "wire", "--ready-file", file, STORY) as run:
        client = Organizer(file)
        eventually(lambda: file.exists() and file.read_text().startswith("{"), True)
        client.play()
        assert run.end(None) == 0, run.output
    assert "1 passed, 0 failed" in run.output
    assert not file.exists()


def test_changing_one_expected_value_makes_it_fail(tmp_path: Path) -> None:
    file, mutant = tmp_path / "run.json", tmp_path / "mutant.yaml"
    mutant.write_text(
        STORY.read_text().replace("Duration: 30 } }\n      bookings", "Duration: 31 } }\n      bookings", 1)
    )
    with Process("run", "--mode", "wire", "--ready-file", file, mutant) as run:
        client = Organizer(file)
        client.at_step(2)
        client.create()
        assert run.end(None) == 1, run.output
    assert "Duration: got 30, expected is 31" in run.output
    assert f"--mode wire --ready-file {file} --until-step 2" in run.output
    assert not file.exists()


def test_ready_file_opens_cloud_and_devices(tmp_path: Path) -> None:
    file, seen = tmp_path / "run.json", []

    def look(event: object) -> None:
        if file.exists():
            seen.append((is_private(file), json.loads(file.read_text())))

    outcome = play(
        "device: { at: online }\nsetup: [{ note: before }]\nsteps: [{ note: one }, { note: two }]",
        mode="wire",
        ready_file=file,
        watch=look,
    )
    assert outcome.result == "passed", outcome.reports
    private, contents = {how for how, _ in seen}, [content for _, content in seen]
    assert private == {True}
    assert contents[0]["step"] == 1
    assert contents[-1]["step"] == 2
    assert set(contents[-1]) == {"http", "https", "ca", "org_id", "control", "admin_token", "devices", "step"}
    assert set(contents[-1]["devices"]["room"]) == {"ssh", "https", "ws", "username", "password"}
    assert not file.exists()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--ready-file", "f"], "clients come in over real sockets: --mode wire"),
        (["--ready-file", "f", "--mode", "wire", "--seeds", "2"], "one file, but 2 runs were selected"),
    ],
)
def test_wrong_use(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(["run", str(STORY), *arguments]) == 2
    assert capsys.readouterr().err.startswith(f"roomsim run: Invalid value for --ready-file: {complaint}")


def test_file_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "missing" / "run.json"
    assert run_app(["run", str(STORY), "--mode", "wire", "--ready-file", str(file)]) == 2
    assert capsys.readouterr().err == f"{file}: cannot be written: No such file or directory\n"


def test_without_a_ready_file_nobody_would_come(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(["run", str(STORY)]) == 0
    shown = capsys.readouterr().out
    assert "needs client, a program from outside" in shown
    assert shown.endswith("0 passed, 0 failed, 1 skipped\n")
