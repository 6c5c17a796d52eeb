"""`roomsim replay`: the recorded cloud to a device, the recorded device to a cloud."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scenarios.runner.commands import run_app
from scenarios.runner.recording.har_read import read_har
from scenarios.runner.recording.play import play
from scenarios.runner.recording.rules import Rules
from tests.scenarios.recording.recordings import har_of, recorded

DAY = "day"


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A device of a fresh stub, two minutes long."""
    folder = tmp_path_factory.mktemp("recorded") / DAY
    assert run_app(["record", str(folder), "--for", "2m"]) == 0
    return folder


def changed(folder: Path, into: Path, change: Callable[[list[dict[str, Any]]], object]) -> Path:
    """Copy a recording and change its entries."""
    shutil.copytree(folder, into)
    har = har_of(folder)
    change(har["log"]["entries"])
    (into / "session.har").write_text(json.dumps(har), encoding="utf-8")
    return into


def entry_of(entries: list[dict[str, Any]], path: str) -> dict[str, Any]:
    """Return the first entry of a path."""
    return next(entry for entry in entries if entry["request"]["url"].partition("?")[0].endswith(path))


def test_what_a_device_measured_need_not_be_as_recorded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(["record", str(tmp_path / "day"), "--for", "2h"]) == 0
    sent = [entry["request"] for entry in har_of(tmp_path / "day")["log"]["entries"]]
    assert any("latencyInMilliseconds" in one.get("postData", {}).get("text", "") for one in sent), (
        "clusters are measured again"
    )
    assert run_app(["replay", str(tmp_path / "day"), "--strict", "--seed", "7"]) == 0, capsys.readouterr().out


def test_a_device_with_other_ids_is_activated_by_a_recorded_cloud(
    day: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_app(["replay", str(day), "--strict", "--seed", "77"]) == 0
    assert capsys.readouterr().out == (
        "12 requests, 0 not in the recording, 0 recorded ones not asked for\ndevice: Webex Status Registered; bookings: none\n"
    )


def test_the_code_of_the_replay_is_what_activates(day: Path) -> None:
    recording, _ = read_har(day / "session.har")
    code = recording.activation_id + "12345678"
    assert play(recording, rules=Rules(), is_strict=True, code=code).is_online
    other = ("0" if code[0] != "0" else "1") + code[1:]
    assert play(
        recording, rules=Rules(), is_strict=True, code=other
    ).is_online  # the code is the replay's own, both halves


def test_sealed_titles_are_read_with_keys_that_were_made_anew() -> None:
    recording, _ = read_har(recorded("calendar/join_button") / "session.har")
    played = play(recording, rules=Rules(), is_strict=False, seed=4)
    assert played.status == {"Webex Status": "Registered", "Bookings": ["Design review"], "Calls": 1}
    assert any("Found plaintext title" in line for line in played.log)


def test_frames_come_at_their_times() -> None:
    recording, _ = read_har(recorded("calendar/join_button") / "session.har")
    [frame] = [one for one in recording.messages if "calendar.meeting.create" in one.text]
    played = play(recording, rules=Rules(), is_strict=False)
    assert played.trace is not None
    [stored] = [event for event in played.trace.events if event.kind == "calendar.stored"]
    assert stored.t == frame.t_us


def test_a_request_that_was_not_recorded_is_explained_field_by_field(
    day: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def rename(entries: list[dict[str, Any]]) -> None:
        entry = entry_of(entries, "/wdm/api/v1/devices")
        body = json.loads(entry["request"]["postData"]["text"])
        entry["request"]["postData"]["text"] = json.dumps({**body, "deviceType": "DESK_PHONE"})

    folder = changed(day, tmp_path / "other", rename)
    assert run_app(["replay", str(folder), "--strict"]) == 1
    out = capsys.readouterr().out
    assert "POST wdm-a.wbx2.test/wdm/api/v1/devices: not recorded so; nearest is request 8" in out
    assert "  body.deviceType recorded 'DESK_PHONE'   asked 'TP_ENDPOINT'   <<<" in out
    assert run_app(["replay", str(folder)]) == 0  # lenient: the address is enough


def test_a_device_asks_an_equal_cloud_and_nothing_differs(day: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(["replay", str(day), "--against", "stub", "--seed", "99"]) == 0
    assert capsys.readouterr().out == "13 requests compared, 0 with differences\n"


def test_an_answer_that_differs_is_a_difference(day: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def change(entries: list[dict[str, Any]]) -> None:
        entry_of(entries, "/v1/region")["response"]["content"]["text"] = json.dumps({"countryCode": "NO"})

    folder = changed(day, tmp_path / "other", change)
    assert run_app(["replay", str(folder), "--against", "stub"]) == 1
    out = capsys.readouterr().out
    assert "@@ request 1  GET ds.wbx2.test/v1/region\n" in out
    assert "- countryCode: 'NO'\n+ countryCode: 'US'\n" in out
    assert "13 requests compared, 1 with differences" in out
    more = [
        option
        for name in ("countryCode", "regionCode", "clientRegion", "clientAddress", "timezone")
        for option in ("--ignore", name)
    ]
    assert run_app(["replay", str(folder), "--against", "stub", *more]) == 0


def test_rules_can_be_printed_widened_and_narrowed(day: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(["replay", "--rules", "--compare", "ids", "--ignore", "etag"]) == 0
    out = capsys.readouterr().out
    assert "compare  ids " in out
    assert "ignore   times " in out
    assert "ignore   member   etag" in out
    assert run_app(["replay", str(day), "--against", "stub", "--seed", "98", "--compare", "ids"]) == 1
    assert run_app(["replay", "--rules", "--compare", "idz"]) == 2
    assert "'idz' is no rule; there are ids, times, secrets" in capsys.readouterr().err


def test_the_device_of_a_run_is_the_same_against_the_same_cloud() -> None:
    assert run_app(["replay", str(recorded("activation/activation")), "--against", "stub"]) == 0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["replay"], "name a recording"),
        (["replay", "no/such"], "cannot be read"),
        (["record", "x", "--cloud", "https://127.0.0.1:1"], "--cloud needs --code"),
        (["record", "x", "--code", "1234567890123456"], "say which with --cloud"),
        (["record", "x", "--keylog", "keys"], "a virtual run has no packets"),
        (["record", "x", "--for", "3"], "--for"),
        (["record", "x", "--for", "3s", "--scenario", "a.yaml"], "--for: a scenario lasts as long as it lasts"),
        (["record", "x", "--mode", "wire"], "--mode goes with --scenario"),
        (["record", "x", "--ca", "ca.pem"], "--ca goes with --cloud"),
        (["replay", "x", "--serve", "--against", "stub"], "--serve and --against are played one at a time"),
        (["replay", "x", "--import", "a.har"], "--import names the file that is read"),
        (["replay", "x", "--against", "stub", "--ca", "ca.pem"], "--ca is of the cloud of --against URL"),
    ],
)
def test_a_wrong_use_is_told_in_a_line(arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(arguments) == 2
    assert text in capsys.readouterr().err
