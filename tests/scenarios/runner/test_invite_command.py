"""`roomsim invite`: what it prints and how it ends."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cloud_stub.hybrid_calendar.keywords import KeywordRules
from scenarios.runner import invite_command
from scenarios.runner.commands import run_app
from scenarios.runner.invite_command import InviteCommand
from tests.cloud_stub.hybrid_calendar.corpus import cases

ICS = """BEGIN:VCALENDAR\r
METHOD:REQUEST\r
BEGIN:VEVENT\r
SUMMARY:Weekly\r
LOCATION:Room 5\r
DESCRIPTION:Join from a room:\\nsip:weekly@video.exa\r
 mple\\n\\nhttps://meet.google.com/abc-defg-hij\r
END:VEVENT\r
END:VCALENDAR\r
"""


def answers(*lines: Any, rules: KeywordRules | None = None) -> tuple[int, list[dict[str, Any]]]:
    """Give lines to `--jsonl`; return the exit code and what was answered."""
    out = io.StringIO()
    raw = b"".join(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines)
    code = InviteCommand(rules or KeywordRules(), out).jsonl(io.BytesIO(raw))
    return code, [json.loads(line) for line in out.getvalue().splitlines()]


def test_lines_are_answered_one_by_one() -> None:
    code, found = answers(
        {
            "subject": "x",
            "location": "sip:board@video.example",
            "body": "<p>https://teams.microsoft.com/meet/2123?p=a</p>",
        },
        {"location": "@webex"},
        {"body": None, "other": 1},
        {"ics": ICS},
    )
    assert code == 0
    assert [one["dial"] for one in found] == ["board@video.example", None, None, "weekly@video.example"]
    assert found[0] == {
        "dial": "board@video.example",
        "protocol": "Spark",
        "service": "SIP",
        "source": "location",
        "why": "Location holds the SIP address board@video.example, which wins over the Microsoft Teams link in the body.",
        "keyword": None,
        "diagnostics": [],
    }
    assert found[1]["keyword"] == "@webex"
    assert (found[2]["service"], found[2]["source"], found[2]["protocol"]) == (None, None, None)


@pytest.mark.parametrize(
    "line",
    [
        b"{\n",
        b"[]\n",
        b"1\n",
        b'{"body": 1}\n',
        b'{"ics": "x"}\n',
        b"\xff\xfe\n",
        b'{"body": "\xff\n',
        b"[" * 100_000 + b"\n",
    ],
)
def test_a_bad_line_is_answered_with_an_error_and_the_next_goes_on(line: bytes) -> None:
    code, found = answers(line, b"\n", {"body": "sip:a@b.example"})
    assert code == 0
    assert list(found[0]) == ["error"]
    assert found[0]["error"].startswith("line 1: ")
    assert found[1]["dial"] == "a@b.example"


@pytest.mark.parametrize(
    "line",
    [
        b'{"body": "\\ud800 sip:a@b.example"}\n',
        b'{"subject": "\\udc00\\ud800", "body": "sip:a@b.example \xff\xfe"}\r\n',
        b'\xef\xbb\xbf{"body": "sip:a@b.example"}\n',
    ],
)
def test_a_line_with_broken_signs_is_read_without_them(line: bytes) -> None:
    code, found = answers(line)
    assert (code, found[0]["dial"]) == (0, "a@b.example")


def test_a_line_that_is_too_long_is_never_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invite_command, "LINE_MAX", 100)
    code, found = answers({"body": "x" * 1000}, {"body": "sip:a@b.example"})
    assert (code, found[0], found[1]["dial"]) == (0, {"error": "line 1: longer than 100 bytes"}, "a@b.example")


def test_exit_codes_of_lines() -> None:
    assert answers({"body": "hello"})[0] == 1
    assert answers()[0] == 1
    assert answers(b"{\n")[0] == 2
    assert answers({"location": "@meet"})[0] == 0


def test_several_events_give_the_first_that_can_be_joined() -> None:
    event = ICS.split("METHOD:REQUEST\r\n")[1].removesuffix("END:VCALENDAR\r\n")
    bare = "BEGIN:VEVENT\r\nSUMMARY:Lunch\r\nEND:VEVENT\r\n"
    code, found = answers({"ics": f"BEGIN:VCALENDAR\r\n{bare}{event}END:VCALENDAR\r\n"})
    assert (code, found[0]["dial"]) == (0, "weekly@video.example")


def test_the_corpus_is_answered_alike() -> None:
    every = [case for _, case in cases()]
    _, found = answers(
        *(
            {"ics": case.ics}
            if case.ics is not None
            else {"subject": case.subject, "location": case.location, "body": case.invitation.body}
            for case in every
        )
    )
    assert [one["dial"] for one in found] == [case.dial for case in every]


def test_answers_come_while_the_input_is_open() -> None:
    command = [sys.executable, "-m", "scenarios.runner.cli", "invite", "--jsonl"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number in (1, 2):
            process.stdin.write(b'{"body": "sip:%d@video.example"}\n' % number)
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["dial"] == f"{number}@video.example"
        process.stdin.close()
    assert process.returncode == 0


# files


def test_files_are_told_apart_by_their_content(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mail = f"Subject: Hi\r\nMIME-Version: 1.0\r\nContent-Type: text/calendar\r\n\r\n{ICS}"
    contents = {
        "a": ICS,
        "b": "<p>Dial <b>sip:b@video.example</b></p>",
        "c": "Location: sip:c@video.example\n\nhello",
        "d": mail,
    }
    files = []
    for name, content in contents.items():
        files.append(tmp_path / name)
        files[-1].write_bytes(content.encode())
    assert run_app(["invite", "--json", *map(str, files)]) == 0
    found = json.loads(capsys.readouterr().out)["invitations"]
    assert [one["dial"] for one in found] == [f"{name}@video.example" for name in ("weekly", "b", "c", "weekly")]
    assert [one["source"] for one in found] == ["body", "body", "location", "body"]
    assert found[0]["subject"] == "Weekly"
    assert [one["chosen"] for one in found[0]["candidates"]] == [True, False]


def test_people_see_the_chosen_line_and_why_the_others_lost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "weekly.ics"
    file.write_text(ICS)
    assert run_app(["invite", str(file)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{file}: Weekly",
        "  dial   weekly@video.example   (SIP, Spark, from the body)",
        "  why    The body holds the SIP address weekly@video.example, which wins over the Google Meet link beside it.",
        "> Body       sip:weekly@video.example",
        "  Body       https://meet.google.com/abc-defg-hij",
        "             lost: an address with sip: comes first",
    ]


def test_terminals_get_no_control_signs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "x.txt"
    file.write_text("Subject: \x1b[2J\x07\n\nsip:a@b.example \x1b[31m\x9b")
    assert run_app(["invite", str(file)]) == 0
    assert not any(ord(sign) < 32 and sign != "\n" for sign in capsys.readouterr().out)


def test_nothing_to_dial_is_a_no(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "x.txt"
    file.write_text("Lunch with ada@northwind.example")
    assert run_app(["invite", str(file)]) == 1
    assert "nothing to dial" in capsys.readouterr().out


def test_keywords_can_be_set_and_a_location_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "x.txt"
    file.write_text("hello")
    assert run_app(["invite", "--json", "--location", "@meet", "--meet", "onetime", str(file)]) == 0
    found = json.loads(capsys.readouterr().out)["invitations"][0]
    assert (found["keyword"], found["action"], found["join_type"]) == ("@meet", "onetime", "WEBEX")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nowhere.ics"], "nowhere.ics: cannot be read: No such file or directory"),
        (["."], ".: cannot be read: Is a directory"),
        (["{empty}"], "the file is empty; an invitation is text, HTML, a mail, or a calendar (.ics)"),
        (["{broken}"], "the calendar ends too early: END:VCALENDAR is missing"),
        (["{binary}"], "the file is no text; an invitation is text, HTML, a mail, or a calendar (.ics)"),
        (["{lines}"], "holds invitations as JSON; give it as lines: roomsim invite --jsonl < FILE"),
        (["{long}"], "the file is too long: at most 8388608 bytes are read"),
        (["--webex", "tms", "{empty}"], "@webex cannot be set to tms; it can be personal_room, space, onetime, none"),
        (["--jsonl", "{empty}"], "--jsonl reads standard input; it takes neither files nor --json"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(
    arguments: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    contents = {
        "empty": b"",
        "broken": b"BEGIN:VCALENDAR\nBEGIN:VEVENT\n",
        "binary": b"PK\0\1",
        "lines": b'{"location": "@webex"}\n{"location": "@meet"}\n',
        "long": b"x " * (5 * 1024 * 1024),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    named = [argument.format(**{name: tmp_path / name for name in contents}) for argument in arguments]
    assert run_app(["invite", *named]) == 2
    shown = capsys.readouterr().err
    assert shown.rstrip().endswith(complaint)
    assert shown.count("\n") == 1
