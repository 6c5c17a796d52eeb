"""What the control door shows of a device, and how configuration and clock are set by it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from device_room import Room, play

from endpoint.device.control_views import skew_s
from endpoint.runtime.clock import Clock, Timer
from endpoint.wire.xapi.terminal import status_lines

# -- what it shows --------------------------------------------------------------------------------------------------------------------


def test_status_of_a_device_out_of_the_box() -> None:
    async def scene(room: Room) -> None:
        status = await room.get("/status")
        assert status["device"]["serial"] == room.device.profile.serial
        assert (status["isUp"], status["boots"], status["isActivated"]) == (True, 1, False)
        assert (status["account"], status["registration"]["deviceId"]) == (None, None)
        assert status["webexStatus"] == "Stopped"
        assert status["diagnostics"] == {"WebexActivationRequired": "Warning"}
        assert status["pid"] == room.device.world.log.pid

    play(scene)


def test_status_of_a_device_that_is_online() -> None:
    async def scene(room: Room) -> None:
        await room.online()
        status = await room.get("/status")
        assert room.cloud is not None
        assert status["account"]["orgId"] == room.cloud.org_id
        assert status["account"]["accessTokenExpires"] > "2026-03-02T08:50"
        assert (status["isOnline"], status["webexStatus"], status["mercury"]["state"]) == (True, "Registered", "open")
        assert status["registration"]["state"] == "Registered"
        assert status["registration"]["deviceId"]
        assert status["calendar"] == {"isCaughtUp": True, "meetings": 0, "joinable": 0}
        assert status["discovery"]["status"] == "Completed"
        assert status["gdsIsHealthy"] is True

    play(scene, cloud=True)


@pytest.mark.parametrize("path", ["Webex Status", "webex status", "/Webex/Status/", "Webex.Status", "Webex/Status"])
def test_status_leaves_below_a_path(path: str) -> None:
    async def scene(room: Room) -> None:
        assert await room.get(f"/xstatus?path={path}") == {"Webex Status": "Stopped"}

    play(scene)


def test_all_status_leaves() -> None:
    async def scene(room: Room) -> None:
        leaves = await room.get("/xstatus")
        assert leaves["SystemUnit State System"] == "Initialized"
        assert leaves["Diagnostics Message 1 Type"] == "WebexActivationRequired"

    play(scene)


def test_status_leaves_as_a_terminal_prints_them() -> None:
    async def scene(room: Room) -> None:
        reply = await room.ask("GET", "/xstatus?path=Diagnostics Message 1&format=terminal")
        assert reply.headers["Content-Type"].startswith("text/plain")
        leaves = room.device.status.below(("Diagnostics", "Message", 1))
        assert reply.text.splitlines() == [*status_lines(leaves), "** end"]
        assert reply.text.startswith("*s Diagnostics Message 1 Description: ")

    play(scene)


def test_a_status_that_is_known_and_not_there_has_no_leaves() -> None:
    async def scene(room: Room) -> None:
        assert await room.get("/xstatus?path=Webex DeveloperId") == {}

    play(scene)


def test_a_status_that_is_none_is_answered_with_what_goes_on_from_there() -> None:
    async def scene(room: Room) -> None:
        reply = await room.ask("GET", "/xstatus?path=Webex Sttus")
        assert (reply.status, reply.code) == (404, "unknown_node")
        assert "Status" in reply.json["expected"]

    play(scene)


@pytest.mark.parametrize(
    ("query", "code"), [("path=a b!", "bad_path"), ("format=xml", "bad_field"), ("path=" + "a " * 30, "bad_path")]
)
def test_a_question_about_status_that_makes_no_sense_is_refused(query: str, code: str) -> None:
    async def scene(room: Room) -> None:
        reply = await room.ask("GET", f"/xstatus?{query}")
        assert (reply.status, reply.code) == (400, code)
        assert reply.json["expected"]

    play(scene)


def test_log_lines_are_numbered_and_go_on_over_a_restart() -> None:
    async def scene(room: Room) -> None:
        first = await room.get("/log")
        assert first["lines"] == list(room.device.world.log.lines)
        assert (first["since"], first["last"], first["dropped"]) == (0, len(first["lines"]), 0)
        assert (await room.act("restart")).status == 200
        later = await room.get(f"/log?since={first['last']}")
        assert later["lines"] == list(room.device.world.log.lines)
        assert f"[{first['lines'][0].split('[')[1][:4]}]" not in later["lines"][0]  # a new process
        assert await room.get(f"/log?since={later['last']}") == {**later, "since": later["last"], "lines": []}
        assert (await room.get("/log?since=1000000"))["lines"] == []

    play(scene)


def test_log_lines_page_by_page_are_all_of_them() -> None:
    async def scene(room: Room) -> None:
        await room.act("restart")
        whole = (await room.get("/log"))["lines"]
        since, paged = 0, []
        while True:
            page = await room.get(f"/log?since={since}&lines=3")
            if not page["lines"]:
                break
            since = page["last"]
            paged += page["lines"]
        assert paged == whole
        assert (await room.get("/log?lines=2"))["lines"] == whole[-2:]

    play(scene)


def test_log_lines_that_were_pushed_out_are_counted() -> None:
    async def scene(room: Room) -> None:
        for _ in range(4):
            await room.act("restart")
        page = await room.get("/log?since=0")
        assert len(page["lines"]) == 5
        assert page["dropped"] == page["since"] == page["last"] - 5 > 0

    play(scene, log_lines=5)


@pytest.mark.parametrize("query", ["since=-1", "since=x", "lines=0", "lines=10001", "lines=1.5"])
def test_numbers_of_lines_that_make_no_sense_are_refused(query: str) -> None:
    async def scene(room: Room) -> None:
        reply = await room.ask("GET", f"/log?{query}")
        assert (reply.status, reply.code) == (400, "bad_field")

    play(scene)


def test_the_history_comes_as_json_lines_and_can_be_followed() -> None:
    async def scene(room: Room) -> None:
        reply = await room.ask("GET", "/trace?since=0&limit=10000")
        assert reply.headers["Content-Type"].startswith("application/jsonl")
        assert reply.headers["Roomsim-Dropped"] == "0"
        events = [json.loads(line) for line in reply.text.splitlines()]
        assert [event["n"] for event in events] == list(range(1, len(room.trace.events) + 1))
        await room.act("boot")  # refused, and so no event
        await room.act("restart")
        reply = await room.ask("GET", f"/trace?since={events[-1]['n']}&kind=control.")
        kinds = [json.loads(line)["kind"] for line in reply.text.splitlines()]
        assert kinds == ["control.action", "control.ended"]

    play(scene)


def test_the_history_without_since_is_its_end() -> None:
    async def scene(room: Room) -> None:
        reply = await room.ask("GET", "/trace?limit=3&kind=log")
        numbers = [json.loads(line)["n"] for line in reply.text.splitlines()]
        assert numbers == [event.n for event in room.trace.events if event.kind == "log"][-3:]

    play(scene)


def test_meetings_are_shown_without_what_leads_into_them() -> None:
    async def scene(room: Room) -> None:
        await room.online()
        assert await room.get("/meetings") == {"items": []}
        room.device.calendar.on_event(
            {
                "eventType": "calendar.meeting.create",
                "calendarMeetingExternal": {
                    "id": "standup",
                    "start": "2026-03-02T09:00:00.000Z",
                    "durationMinutes": 30,
                    "encryptedSubject": "Daily at eleven",
                    "webexURI": "very-private@meet.test",
                    "meetingJoinInfo": {"meetingJoinURL": "https://meet.test/j.php?MTID=very-private"},
                },
            }
        )
        (meeting,) = (await room.get("/meetings"))["items"]
        assert (meeting["id"], meeting["start"]) == ("standup", "2026-03-02T09:00:00.000Z")
        assert meeting["end"] == "2026-03-02T09:30:00.000Z"
        assert meeting["isJoinable"] is True
        assert [name for name, there in meeting["joinFields"].items() if there] == ["meetingJoinURL", "webexURI"]
        assert "private" not in room.heard[-1]
        assert "Daily" not in room.heard[-1]
        assert (await room.get("/status"))["calendar"] == {"isCaughtUp": True, "meetings": 1, "joinable": 1}

    play(scene, cloud=True)


def test_evidence_is_one_bundle_of_all_of_it() -> None:
    async def scene(room: Room) -> None:
        await room.online()
        bundle = await room.get("/evidence")
        assert bundle["evidence"] == 1
        assert bundle["status"] == await room.get("/status")
        assert bundle["xstatus"] == await room.get("/xstatus")
        assert bundle["xconfiguration"] == await room.get("/xconfiguration")
        assert bundle["log"]["lines"] == (await room.get("/log"))["lines"]
        assert bundle["state"]["trust"]["service"] == 1
        assert bundle["state"]["boots"] == 1
        assert bundle["trace"]["events"][-1] == json.loads(room.trace.events[-1].as_json())
        assert bundle["actions"][0]["action"] == "activate"

    play(scene, cloud=True)


# -- configuration --------------------------------------------------------------------------------------------------------------------


def test_configurations_are_set_in_canonical_spelling_and_kept() -> None:
    async def scene(room: Room) -> None:
        reply = await room.ask("PUT", "/xconfiguration", {"systemunit/name": "Huddle 1", "audio defaultVOLUME": "70"})
        assert reply.json == {"SystemUnit Name": "Huddle 1", "Audio DefaultVolume": 70}
        leaves = await room.get("/xconfiguration")
        assert (leaves["SystemUnit Name"], leaves["Audio DefaultVolume"]) == ("Huddle 1", 70)
        assert not {"systemunit name", "audio defaultVOLUME"} & set(leaves)
        await room.act("restart")
        assert (await room.get("/xconfiguration"))["SystemUnit Name"] == "Huddle 1"

    play(scene)


@pytest.mark.parametrize(
    ("path", "value", "code", "expected"),
    [
        ("SystemUnit Nme", "x", "unknown_node", "Name"),
        ("SystemUnit", "x", "unknown_node", "Name"),
        ("Standby Control", "Maybe", "bad_value", "On"),
        ("Standby Control", True, "bad_value", None),
        ("Audio DefaultVolume", 101, "bad_value", None),
        ("Audio DefaultVolume", 1.5, "bad_value", None),
        ("SystemUnit Name", None, "bad_value", None),
        ("SystemUnit Name", "x" * 51, "bad_value", None),
        ("SystemUnit Name", ["x"], "bad_value", None),
        ("Spark ServiceOverrides U2CBaseUrl", "u2c.test", "bad_value", None),
        ("", "x", "bad_path", "Webex Status"),
    ],
)
def test_of_configurations_with_one_wrong_none_is_set(
    path: str, value: object, code: str, expected: str | None
) -> None:
    async def scene(room: Room) -> None:
        reply = await room.ask("PUT", "/xconfiguration", {"Audio DefaultVolume": 7, path: value})
        assert (reply.status, reply.code) == (400 if code == "bad_path" else 422, code)
        assert expected is None or expected in reply.json["expected"]
        assert (await room.get("/xconfiguration"))["Audio DefaultVolume"] == 50

    play(scene)


def test_no_configurations_are_refused() -> None:
    async def scene(room: Room) -> None:
        assert (await room.ask("PUT", "/xconfiguration", {})).code == "nothing_to_set"

    play(scene)


def test_a_password_can_be_set_and_is_never_shown() -> None:
    async def scene(room: Room) -> None:
        path = "NetworkServices HTTP Proxy Password"
        reply = await room.ask("PUT", "/xconfiguration", {path: "hunter2secret"})
        assert reply.json == {path: ""}
        assert room.device.configuration.get(("NetworkServices", "HTTP", "Proxy", "Password")) == "hunter2secret"
        for where in ("/xconfiguration", "/evidence"):
            await room.get(where)
        await room.ask("GET", "/trace")
        assert not any("hunter2" in text for text in room.heard)

    play(scene)


# -- clock ----------------------------------------------------------------------------------------------------------------------------


def test_the_clock_of_a_run_that_is_not_stepped_cannot_be_advanced() -> None:
    async def scene(room: Room) -> None:
        assert (await room.get("/clock"))["mode"] == "virtual"
        reply = await room.ask("POST", "/clock", {"advance": "1m"})
        assert (reply.status, reply.code) == (409, "not_stepped")
        assert "virtual" in reply.json["message"]

    play(scene)


@pytest.mark.parametrize(
    ("by", "seconds"), [(90, 90.0), (0.25, 0.25), ("1m", 60.0), ("1d2h3m4s5ms", 93_784.005), ("250ms", 0.25), (0, 0.0)]
)
def test_stepped_time_goes_on_by_what_it_is_told(by: object, seconds: float) -> None:
    async def scene(room: Room) -> None:
        fired: list[float] = []
        clock = room.device.world.clock
        clock.call_later(seconds / 2, lambda: fired.append(clock.time()))
        assert await room.get("/clock") == {
            "mode": "stepped", "seconds": 0.0, "now": "2026-03-02T08:50:00.000Z", "skewSeconds": 0.0
        }  # fmt: skip
        assert (await room.ask("POST", "/clock", {"advance": by})).json["seconds"] == seconds
        assert fired == [pytest.approx(seconds / 2)]
        assert room.trace.events[-1].kind == "clock.advanced"

    play(scene, stepped=True, boots=False)


@pytest.mark.parametrize(
    ("skew", "now"), [("-3m", "08:47:00"), ("+1h", "09:50:00"), (-60, "08:49:00"), ("0s", "08:50:00")]
)
def test_the_wall_clock_is_put_wrong_by_exactly_so_much(skew: object, now: str) -> None:
    async def scene(room: Room) -> None:
        for _ in range(2):  # a distance, not a step
            reply = await room.ask("POST", "/clock", {"skew": skew})
            assert reply.json["now"] == f"2026-03-02T{now}.000Z"
        assert reply.json["seconds"] == room.device.world.clock.time()
        assert room.trace.events[-1].kind == "clock.skewed"

    play(scene)


class Hasty:
    """Time that passes between any two looks, as it does on a machine."""

    start = datetime(2026, 3, 2, 8, 50, tzinfo=UTC)

    def __init__(self) -> None:
        self.looks = 0

    def time(self) -> float:
        self.looks += 1
        return self.looks * 0.25

    def call_at(self, when_s: float, callback: Callable[..., object], *args: object) -> Timer:
        raise AssertionError("nobody waits")


def test_how_wrong_the_clock_is_does_not_hang_on_when_one_looks() -> None:
    clock = Clock(Hasty(), skew=timedelta(minutes=-3))
    assert skew_s(clock) == -180.0
    clock.jump_wall(timedelta(seconds=-skew_s(clock)))
    assert skew_s(clock) == 0.0


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "bad_clock"),
        ({"advance": 1, "skew": 1}, 422, "bad_clock"),
        ({"advance": "-1m"}, 422, "bad_duration"),
        ({"advance": -1}, 422, "bad_duration"),
        ({"advance": ""}, 422, "bad_duration"),
        ({"advance": "1 m"}, 422, "bad_duration"),
        ({"advance": "1h1d"}, 422, "bad_duration"),
        ({"advance": "367d"}, 422, "bad_duration"),
        ({"skew": "--3m"}, 422, "bad_duration"),
        ({"skew": 1e300}, 422, "bad_duration"),
        ({"advance": None}, 422, "bad_clock"),
        ({"advance": [1]}, 400, "bad_field"),
        ({"jump": "1m"}, 400, "unknown_field"),
    ],
)
def test_a_clock_that_makes_no_sense_is_refused(body: object, status: int, code: str) -> None:
    async def scene(room: Room) -> None:
        reply = await room.ask("POST", "/clock", body)
        assert (reply.status, reply.code) == (status, code)
        assert room.device.world.clock.time() == 0.0

    play(scene, stepped=True, boots=False)
