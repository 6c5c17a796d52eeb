"""`roomsim why`, and the subject `why` of scenarios."""

from __future__ import annotations

import json
import re
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest

from endpoint.runtime.clock import machine_now
from endpoint.wire.why_causes import CAUSE, CAUSES
from scenarios.runner.commands import run_app
from scenarios.runner.loader import load
from scenarios.runner.problems import ScenarioError
from scenarios.runner.run import run_scenario
from tests.scenarios.command_line import CloudProcess, eventually
from tests.scenarios.stories import SCENARIOS, play, story


class Ran:
    """What one call of the command did."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *arguments: object) -> None:
        self.code = run_app(["why", *map(str, arguments)])
        captured = capsys.readouterr()
        self.out, self.err = captured.out, captured.err


def test_a_device_and_its_cloud_as_processes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    room, cloud_file = tmp_path / "device.json", tmp_path / "cloud.json"
    with CloudProcess(tmp_path) as cloud, cloud.device(tmp_path, "--code", cloud.new_code("Huddle")) as device:
        device.until("calendar catch-up")
        good = made(cloud, "Design review", 60)
        bad = made(cloud, "No address", 120, join={})
        eventually(lambda: len(asked(capsys, room, good)["meeting"].get("joinFields", ())), 1)

        ran = Ran(capsys, "--meeting", "design review", room, cloud_file)
        assert (ran.code, ran.err) == (0, "")
        assert "The Join button comes at " in ran.out
        assert "✓ Meeting reaches the device     in the device's store since" in ran.out
        assert "not asked" not in ran.out

        ran = Ran(capsys, "--meeting", bad, cloud_file, room)
        assert ran.code == 1
        assert "No Join button: none of the five join fields is there." in ran.out

        ran = Ran(capsys, room, cloud_file)
        assert ran.code == 1
        table, explained = ran.out.split("-" * 80)
        assert [line[0] for line in table.splitlines()[1:3]] == ["✓", "✗"]
        assert "No address" in explained
        assert "Design review" not in explained

        for at in ("+56m", (machine_now().astimezone(UTC) + timedelta(minutes=56)).isoformat()):
            assert "The Join button shows since" in Ran(capsys, "--meeting", good, "--at", at, room, cloud_file).out
        assert "The meeting is over" in Ran(capsys, "--meeting", good, "--at", "+3h", room, cloud_file).out

        body = json.loads(Ran(capsys, "--meeting", bad, "--json", room, cloud_file).out)
        (item,) = body["items"]
        assert (body["isGood"], item["report"]["cause"]) == (False, "no_join_field")
        assert (item["cloud"]["meetingId"], item["device"]["meetingId"]) == (bad, bad)

        ran = Ran(capsys, "--meeting", good, cloud_file)
        assert ran.code == 1
        assert "The device was not asked: give its ready file too." in ran.out
        ran = Ran(capsys, "--meeting", good, room)
        assert ran.code == 0
        assert "The cloud was not asked: give its ready file too." in ran.out
        ran = Ran(capsys, "--meeting", "Nonsense", room, cloud_file)
        assert ran.code == 1
        assert "No Join button: neither side knows such a meeting." in ran.out
        ran = Ran(capsys, "--at", "2031-01-01T00:00:00Z", room, cloud_file)
        assert (ran.code, ran.out) == (4, "no meeting in the next 24 hours; name one with --meeting\n")
        ran = Ran(capsys, "--at", "noon", room)
        assert (ran.code, ran.err) == (2, "--at noon: write 2026-03-02T08:55:00Z, 08:55Z, +10m or -1h\n")
        ran = Ran(capsys, "--device", "Attic", cloud_file)
        assert (ran.code, ran.err) == (2, "there is no device Attic; there are Huddle\n")

        kept = room.read_text()
        device.end()
        room.write_text(kept)
        ran = Ran(capsys, "--meeting", good, room, cloud_file)
        assert ran.code == 1
        assert ran.err.startswith(f"{room}: the control door does not answer at ")
        assert ran.err.endswith("; the device is left out\n")
        assert "The device was not asked" in ran.out
    ran = Ran(capsys, "--meeting", good, room, cloud_file)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)


def made(cloud: CloudProcess, title: str, minutes: int, **fields: Any) -> str:
    start = (machine_now().astimezone(UTC) + timedelta(minutes=minutes)).isoformat(timespec="seconds")
    body = {"title": title, "start": start, "durationMinutes": 30, "join": {"webexURI": "1@site.example"}, **fields}
    return str(cloud.ask("POST", f"{cloud.ready['control']}/meetings", body)["id"])


def asked(capsys: pytest.CaptureFixture[str], room: Path, meeting: str) -> Any:
    ran = Ran(capsys, "--json", "--meeting", meeting, room)
    return {"meeting": {}, **json.loads(ran.out)["items"][0]["device"]}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file or directory; is it running?"),
        ("[]", "is no ready file"),
        ("not json", "is no ready file"),
        ("{}", "has no control door"),
        (
            '{"control": "http://rooms.example:9", "control_token": "x"}',
            "room.json: http://rooms.example:9 is not on this machine, and the control door of a device always is",
        ),
        (
            '{"control": "http://127.0.0.1:9", "control_token": "x"}',
            "room.json: the control door does not answer at http://127.0.0.1:9; is it running? (",
        ),
    ],
)
def test_files_that_lead_nowhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, words: str
) -> None:
    file = tmp_path / "room.json"
    if content is not None:
        file.write_text(content)
    ran = Ran(capsys, file)
    assert (ran.code, ran.out) == (2, "")
    assert words in ran.err
    assert ran.err.count("\n") == 1


def test_nothing_given_and_too_much_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ran = Ran(capsys)
    assert ran.code == 2
    assert ran.err.startswith(
        "give the ready file of a device, of its cloud, or better of both: roomsim why room.json cloud.json"
    )
    file = tmp_path / "room.json"
    file.write_text('{"control": "http://127.0.0.1:9", "control_token": "x"}')
    ran = Ran(capsys, file, file)
    assert (ran.code, ran.err) == (2, f"{file}: one device at a time; a file of one was given before\n")
    ran = Ran(capsys, "--device", "Attic", file)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "--device Attic: the ready file of a device says already which one; leave either out\n"


# scenarios

MEETING = "cloud.meeting.create: { id: review, title: Review, starts: +10m, lasts: 30m }"


def test_an_expectation_that_holds() -> None:
    outcome = play(f"""
        device: {{ at: online }}
        steps:
          - {MEETING}
            expect: {{ why: {{ review: no_join_field }}, within: 5s }}
          - disconnect: mercury
            expect: {{ why: {{ Review: {{ not: ok }}, nothing of the kind: unknown }} }}
          - restart: device
            expect: {{ why: {{ review: {{ any: [device_not_registered, no_join_field] }} }}, within: 5s }}
    """)
    assert outcome.result == "passed", outcome.reports


def test_a_failure_shows_the_whole_answer() -> None:
    outcome = play(f"""
        device: {{ at: online }}
        steps:
          - {MEETING}
            expect: {{ why: {{ review: room_declined }}, within: 5s }}
    """)
    assert (outcome.result, outcome.kinds) == ("failed", ["expectation"])
    report = outcome.reports[0]
    assert "expected  why review = room_declined" in report
    assert 'nearest   why review: got "no_join_field"' in report
    assert "    ✗ No Join button: none of the five join fields is there.\n" in report
    assert f"    1. {CAUSE['no_join_field'].title}  [no_join_field]\n" in report
    assert "do this:" in report


def test_what_the_cloud_refuses_is_told_in_its_words() -> None:
    outcome = play("""
        device: { at: online }
        steps:
          - cloud.invite: { id: review, organizer: "", starts: +6m, lasts: 30m }
    """)
    assert (outcome.result, outcome.kinds) == ("failed", ["verb"])
    assert "nobody can be called ''" in outcome.reports[0]


def test_words_that_are_no_causes() -> None:
    with pytest.raises(ScenarioError) as caught:
        story("steps:\n  - note: x\n    expect: { why: { review: room_declind } }")
    (problem,) = caught.value.problems
    assert "`room_declind` is no cause: a cause is ok, unknown, or a key of docs/reference/why.md" in str(problem)
    assert "room_declined" in str(problem)


# one scenario a cause


@pytest.mark.parametrize("key", [cause.key for cause in CAUSES if not cause.needs])
def test_every_cause_has_a_scenario_that_names_it_and_nothing_else(key: str) -> None:
    (scenario,) = load(SCENARIOS / "why" / f"{key}.yaml")
    assert re.search(rf"why: \{{[^}}]*: \[{key}\]", Path(scenario.file).read_text(encoding="utf-8"))
    outcome = run_scenario(scenario)
    assert outcome.result == "passed", "\n\n".join([outcome.reason, *outcome.reports])


def test_causes_that_need_what_is_not_built_have_their_place() -> None:
    prepared = {cause.key: cause.needs for cause in CAUSES if cause.needs}
    assert prepared.keys() == {
        "google_acl", "google_domain_not_verified", "tnef_off", "tms_unmapped", "tms_unlicensed", "xe_missing", "tms_link_failed",
        "tms_no_bridge", "tms_defective",
    }  # fmt: skip
