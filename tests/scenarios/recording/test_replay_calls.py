"""Calls in a replay: session descriptions are made anew, and what somebody did to the device is done again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from endpoint.runtime.trace import Event
from scenarios.runner.commands import run_app
from scenarios.runner.recording.har_read import read_har
from scenarios.runner.recording.model import Recording
from scenarios.runner.recording.play import Played, play
from scenarios.runner.recording.rules import Rules
from tests.scenarios.recording.recordings import recorded

BUTTON = "calls/join_from_the_button"


def recording_of(name: str) -> Recording:
    """Return what was recorded of a shipped scenario."""
    return read_har(recorded(name) / "session.har")[0]


def reached(events: list[Event]) -> list[tuple[int, str]]:
    """Return the states that calls came to, with the millisecond."""
    calls = [event for event in events if event.kind == "machine" and event.data["machine"] == "call"]
    return [(event.t // 1000, str(event.data["to"])) for event in calls]


def then(name: str) -> list[tuple[int, str]]:
    """Return the same of the recorded run."""
    lines = (recorded(name) / "trace.jsonl").read_text(encoding="utf-8").splitlines()[1:]
    calls = [
        found for found in map(json.loads, lines) if found["kind"] == "machine" and found["data"]["machine"] == "call"
    ]
    return [(found["t"] // 1000, found["data"]["to"]) for found in calls]


def now(played: Played) -> list[tuple[int, str]]:
    """Return the same of a replay."""
    assert played.trace is not None
    return reached(list(played.trace.events))


@pytest.mark.parametrize("name", [BUTTON, "calls/far_end", "calls/incoming_answered"])
@pytest.mark.parametrize(("is_strict", "seed"), [(False, None), (True, 77)], ids=["lenient", "strict, other ids"])
def test_calls_go_through_the_states_that_they_went_through(name: str, is_strict: bool, seed: int | None) -> None:
    played = play(recording_of(name), rules=Rules(), is_strict=is_strict, seed=seed)
    assert played.is_good, (played.problems, played.near_misses)
    assert played.missed == []
    assert (now(played), "connected" in dict(map(reversed, now(played)))) == (then(name), True)


def test_media_find_their_way_to_a_node_of_the_replay() -> None:
    played = play(recording_of(BUTTON), rules=Rules(), is_strict=True, seed=5)
    assert played.trace is not None
    [path] = [event.data for event in played.trace.events if event.kind == "media.path"]
    assert (path["ice"], path["path"]) == ("Passed", "udp")
    assert not any("sdp" in note for note in played.notes)


def test_the_command_tells_how_many_calls_were_connected(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(["replay", str(recorded(BUTTON)), "--strict"]) == 0
    assert capsys.readouterr().out.endswith(
        "device: Webex Status Registered; bookings: Design review; calls connected: 1\n"
    )


def test_what_cannot_be_done_again_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    har = json.loads((recorded(BUTTON) / "session.har").read_text(encoding="utf-8"))
    device = har["log"]["_roomsim"]["presses"][0]["device"]
    har["log"]["_roomsim"]["presses"][0]["t"] = 0
    har["log"]["_roomsim"]["presses"] = [{"t_us": 1, "device": device, "meeting": "none"}]
    har["log"]["_roomsim"]["commands"] = [
        {"t_us": 2, "device": device, "path": "Call Disconnect"},
        {"t_us": 3, "device": device, "path": "Conference Call AuthenticationResponse", "hidden": ["Pin"]},
        {"t_us": 4, "device": "device:other", "path": "Dial"},
    ]
    (tmp_path / "session.har").write_text(json.dumps(har), encoding="utf-8")
    assert run_app(["replay", str(tmp_path)]) == 0
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith("not done again")] == [
        "not done again: the Join button, 0.000 s into the recording: there is no Join button on the screen",
        "not done again: xCommand Call Disconnect, 0.000 s into the recording: There is no call to end",
        "not done again: xCommand Conference Call AuthenticationResponse was not given again: Pin is secret",
    ]


def test_events_of_a_call_that_nobody_makes_are_told_all_the_same() -> None:
    recording = recording_of(BUTTON)
    recording.presses.clear()
    recording.commands.clear()
    played = play(recording, rules=Rules(), is_strict=False)
    assert played.trace is not None
    came = [
        event.t
        for event in played.trace.events
        if event.kind == "ws.recv" and str(event.data.get("eventType")).startswith("locus.")
    ]
    [first, *_] = [event.t_us for event in recording.messages if '"eventType":"locus.' in event.text]
    assert came
    assert came[0] >= first + 10_000_000  # they wait for the request that they followed, and not for ever
