"""`roomsim run --record`: what stands in the three files, and what must not."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft6Validator
from referencing import Registry
from referencing.jsonschema import DRAFT6

from scenarios.runner.commands import run_app
from scenarios.runner.recording.secretcheck import find_secrets
from tests.scenarios.recording.recordings import SHIPPED, har_of, recorded

SCHEMAS = json.loads((Path(__file__).parents[2] / "data" / "har" / "schema.json").read_text(encoding="utf-8"))
STORIES = ["calendar/join_button", "activation/activation", "mercury/mercury_reset_catch_up", "calls/pin"]


def har_problems(har: Any) -> list[str]:
    """Hold a HAR file against the published schema."""
    registry: Any = Registry().with_resources(
        [(f"{schema['$id']}", DRAFT6.create_resource(schema)) for schema in SCHEMAS.values()]
    )
    checker = Draft6Validator(SCHEMAS["har.json"], registry=registry)
    return [f"{error.json_path}: {error.message}" for error in checker.iter_errors(har)]


@pytest.mark.parametrize("name", STORIES)
def test_a_har_file_is_what_the_published_schema_asks_for(name: str) -> None:
    assert har_problems(har_of(recorded(name))) == []


def test_the_schema_notices_what_is_no_har_file() -> None:
    har = har_of(recorded("activation/activation"))
    del har["log"]["entries"][0]["response"]["status"]
    assert har_problems(har) == ["$.log.entries[0].response: 'status' is a required property"]


def test_requests_and_websocket_messages_are_where_browsers_look_for_them() -> None:
    entries = har_of(recorded("calendar/join_button"))["log"]["entries"]
    [socket] = [entry for entry in entries if entry.get("_resourceType") == "websocket"]
    assert socket["request"]["url"].startswith("wss://mercury")
    assert socket["response"]["status"] == 101
    first, second = socket["_webSocketMessages"][:2]
    assert (first["type"], second["type"]) == ("send", "receive")
    assert first["opcode"] == 1
    assert json.loads(first["data"])["data"]["token"] == "Bearer <access_token#1>"
    assert json.loads(second["data"])["data"]["eventType"] == "mercury.buffer_state"
    asked = [(entry["request"]["method"], entry["request"]["url"].partition("?")[0]) for entry in entries]
    assert ("POST", "https://wdm-a.wbx2.test/wdm/api/v1/devices") in asked


def test_times_are_those_of_the_scenario() -> None:
    entries = har_of(recorded("calendar/join_button"))["log"]["entries"]
    starts = [entry["startedDateTime"] for entry in entries]
    assert starts[0] == "2026-03-02T08:49:00.000Z"
    assert starts == sorted(starts)
    [socket] = [entry for entry in entries if "_webSocketMessages" in entry]
    assert socket["_webSocketMessages"][0]["time"] == 1772441340.0


def test_sealed_members_are_told_without_their_secrets() -> None:
    entries = har_of(recorded("activation/activation"))["log"]["entries"]
    opened = [entry["_roomsim"]["opened"] for entry in entries if "opened" in entry["_roomsim"]]
    names = {name for one in opened for name in one}
    assert {"oauthData", "serviceData", "registerData", "configData"} <= names
    [service] = [one["serviceData"] for one in opened if "serviceData" in one]
    assert service["token"]["access_token"] == "<access_token#1>"
    assert re.fullmatch(r"<refresh_token#\d+>", service["token"]["refresh_token"])
    assert service["services"]["u2c"].startswith("https://")


@pytest.mark.parametrize("name", STORIES)
def test_the_same_secret_has_the_same_number_in_trace_and_har(name: str) -> None:
    folder = recorded(name)
    trace = (folder / "trace.jsonl").read_text(encoding="utf-8")
    assert '"token":"<access_token#1>"' in trace
    har = (folder / "session.har").read_text(encoding="utf-8")
    assert "Bearer <access_token#1>" in har


@pytest.mark.parametrize("name", STORIES)
def test_nothing_secret_is_written(name: str) -> None:
    folder = recorded(name)
    for file in folder.iterdir():
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"Bearer [^<]", text)
        assert "PRIVATE KEY" not in text
    for line in (folder / "trace.jsonl").read_text(encoding="utf-8").splitlines():
        assert find_secrets(json.loads(line)) == []


@pytest.mark.parametrize(
    "name",
    [
        "calendar/join_button",
        "calendar/catch_up",
        "activation/activation",
        "mercury/mercury_reset_catch_up",
        "calls/zoom_obtp_sip",
        "calls/join_from_the_button",
    ],
)
def test_a_skeleton_runs_as_it_is(name: str) -> None:
    assert run_app(["run", str(recorded(name) / "skeleton.yaml")]) == 0


def steps_of(folder: Path) -> list[dict[str, Any]]:
    """Return the steps of a skeleton."""
    found: list[dict[str, Any]] = yaml.safe_load((folder / "skeleton.yaml").read_text(encoding="utf-8"))["steps"]
    return found


def test_meetings_that_only_a_catch_up_brought_are_made_before_it() -> None:
    made, asked = steps_of(recorded("calendar/catch_up"))[1:3]
    assert made["cloud.meeting.create"]["title"] == "Not announced"
    assert made["cloud.meeting.create"]["push"] == "none"
    assert asked == {"sync": "calendar"}


@pytest.mark.parametrize(
    "fault", ["kms, do: error, status: 500, count: 1", "kms, do: lost_answer", "kms, do: wrong_key, count: 1"]
)
def test_faults_of_the_key_service_are_told_so_that_the_skeleton_runs(fault: str, tmp_path: Path) -> None:
    story = f"""\
name: The key service stutters
device: {{ at: online }}
steps:
  - fault: {{ on: {fault} }}
  - cloud.meeting.create: {{ id: one, title: One, starts: +1h, lasts: 30m }}
    expect: {{ bookings: [{{ Title: One }}], within: 1m }}
  - advance: 5s
"""
    (tmp_path / "story.yaml").write_text(story, encoding="utf-8")
    assert run_app(["run", str(tmp_path / "story.yaml"), "--record", str(tmp_path / "rec")]) == 0
    bad, made, *_ = steps_of(tmp_path / "rec")
    assert (bad["fault"]["on"], made["cloud.meeting.create"]["title"]) == ("kms", "One")
    assert run_app(["run", str(tmp_path / "rec" / "skeleton.yaml")]) == 0


def test_a_skeleton_tells_what_was_done_and_what_followed() -> None:
    text = (recorded("calendar/join_button") / "skeleton.yaml").read_text(encoding="utf-8")
    assert "cloud.meeting.create: { id: meeting_1, title: Design review" in text
    assert "- advance: 20m\n" in text
    assert '- press: join button\n    expect: { xstatus: { "Call[*] Status": Connected' in text
    assert "#   1 x event locus.participant_joined of the cloud" in text


@pytest.mark.parametrize(
    ("did", "wanted"),
    [
        ("", []),
        ("  - cloud.meeting.create: { id: one, title: One, starts: +1h, lasts: 30m }\n", ["cloud.meeting.create"]),
    ],
)
@pytest.mark.parametrize("ending", ["", "\n    expect: { xstatus: { Audio Volume: 3 } }"])
def test_the_time_that_passes_at_the_end_is_kept(tmp_path: Path, did: str, wanted: list[str], ending: str) -> None:
    story = f"name: It lasts\ndevice: {{ at: online }}\nsteps:\n{did}  - advance: 10m{ending}\n"
    (tmp_path / "story.yaml").write_text(story, encoding="utf-8")
    assert run_app(["run", str(tmp_path / "story.yaml"), "--record", str(tmp_path / "rec")]) == bool(ending)
    text = (tmp_path / "rec" / "skeleton.yaml").read_text(encoding="utf-8")
    steps = steps_of(tmp_path / "rec")
    assert "device: { at: online }" in text
    assert [next(iter(step)) for step in steps] == [*wanted, "advance"]
    assert steps[-1]["advance"] == ("10m1s" if ending else "10m")  # what failed was waited for


def test_a_live_recording_lasts_as_long_as_it_did(tmp_path: Path) -> None:
    assert run_app(["record", str(tmp_path / "rec"), "--for", "95s"]) == 0
    assert steps_of(tmp_path / "rec")[-1]["advance"] == "1m35s"


def test_starts_of_meetings_are_told_from_their_step(tmp_path: Path) -> None:
    story = """\
name: Moved
device: { at: online }
steps:
  - advance: 10s
  - cloud.meeting.create: { id: one, title: One, starts: +1h, lasts: 30m }
  - advance: 20s
  - cloud.meeting.update: { id: one, starts: +2h }
  - cloud.meeting.create: { id: two, title: Two, starts: -5m, lasts: 30m }
    expect: { bookings: [{ Title: Two }, { Title: One }] }
"""
    (tmp_path / "story.yaml").write_text(story, encoding="utf-8")
    assert run_app(["run", str(tmp_path / "story.yaml"), "--record", str(tmp_path / "rec")]) == 0
    told = [value for step in steps_of(tmp_path / "rec") for value in step.values() if isinstance(value, dict)]
    assert [value["starts"] for value in told if "starts" in value] == ["+1h", "+2h", "-5m"]
    skeleton = tmp_path / "rec" / "skeleton.yaml"
    later = re.sub(r"start: \S+", "start: 2027-06-01T23:50:00Z", skeleton.read_text(encoding="utf-8"), count=1)
    skeleton.write_text(later, encoding="utf-8")
    assert run_app(["run", str(skeleton)]) == 0


def test_passwords_and_host_keys_of_meetings_are_in_no_trace() -> None:
    text = (recorded("calls/pin") / "trace.jsonl").read_text(encoding="utf-8")
    shown = re.findall(r'"(?:meetingPassword|hostKey)":"([^"]*)"', text)
    assert shown
    assert all(re.fullmatch(r"<pin#\d+>", value) for value in shown)


def test_recording_changes_nothing_of_the_run(tmp_path: Path) -> None:
    story = str(SHIPPED / "activation" / "activation.yaml")
    plain, beside = tmp_path / "plain.jsonl", tmp_path / "beside.jsonl"
    assert run_app(["run", story, "--trace", str(plain)]) == 0
    assert run_app(["run", story, "--trace", str(beside), "--record", str(tmp_path / "rec")]) == 0
    assert plain.read_bytes() == beside.read_bytes()


def test_one_recording_is_of_one_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(["run", str(SHIPPED / "activation"), "--record", str(tmp_path / "rec")]) == 2
    assert "one recording, but 8 runs were selected" in capsys.readouterr().err
    assert not (tmp_path / "rec").exists()
