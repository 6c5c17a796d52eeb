"""Actions by the control door: done, refused, left running, cut off."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from device_room import Room, play

from endpoint.cloud.activation import ActivationRefused
from endpoint.wire.clear_meeting import ClearMeeting


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "unknown_action"),
        ({"action": 1}, 400, "unknown_action"),
        ({"action": "reboot"}, 400, "unknown_action"),
        ({"action": "activate"}, 400, "bad_field"),
        ({"action": "activate", "code": 1234567890123456}, 400, "bad_field"),
        ({"action": "activate", "code": "1234-5678-9012-345"}, 422, "code.malformed"),
        ({"action": "activate", "code": "1234567890123456", "security": "max"}, 400, "bad_field"),
        ({"action": "activate", "code": "1234567890123456"}, 422, "unreachable"),
        ({"action": "register"}, 409, "not_activated"),
        ({"action": "connect"}, 409, "not_activated"),
        ({"action": "disconnect"}, 409, "not_activated"),
        ({"action": "discover"}, 409, "not_activated"),
        ({"action": "discover", "schedule": "slow"}, 400, "bad_field"),
        ({"action": "sync"}, 409, "not_activated"),
        ({"action": "sync", "what": "calendar"}, 400, "unknown_field"),
        ({"action": "refresh"}, 400, "bad_field"),
        ({"action": "refresh", "service": "all"}, 400, "bad_field"),
        ({"action": "refresh", "service": "token"}, 409, "not_activated"),
        ({"action": "boot"}, 409, "is_up"),
    ],
)
def test_an_action_that_cannot_be_is_refused(body: object, status: int, code: str) -> None:
    async def scene(room: Room) -> None:
        reply = await room.ask("POST", "/actions", body)
        assert (reply.status, reply.code) == (status, code), reply.text
        assert not room.device.is_activated

    play(scene)


def test_the_right_words_stand_beside_a_wrong_one() -> None:
    async def scene(room: Room) -> None:
        reply = await room.act("refresh", service="all")
        assert reply.json["expected"] == ["wdm", "token", "catalog", "trust"]
        reply = await room.act("reboot")
        assert {"boot", "restart"} <= set(reply.json["expected"])
        reply = await room.act("sync", what="calendar")
        assert reply.json["expected"] == ["action", "wait"]

    play(scene)


def test_an_action_that_the_cloud_refuses_has_the_code_of_the_cloud() -> None:
    async def scene(room: Room) -> None:
        reply = await room.act("activate", code="1234567890123456")
        assert (reply.status, reply.code, reply.json["id"]) == (422, "code.unknown", 1)
        failed = await room.get("/actions/1")
        assert (failed["state"], failed["error"]["code"]) == ("failed", "code.unknown")

    play(scene, cloud=True)


def test_the_whole_way_by_hand() -> None:
    async def scene(room: Room) -> None:
        assert (await room.act("activate", code=room.new_code().reveal())).json["result"] == {"isActivated": True}
        assert (await room.act("activate", code="1234567890123456")).code == "activated"
        assert (await room.act("connect")).code == "not_activated"  # it is not registered yet
        assert (await room.act("refresh", service="wdm")).code == "not_registered"
        registered = (await room.act("register")).json["result"]
        assert registered["deviceId"] == (await room.get("/status"))["registration"]["deviceId"]
        assert (await room.act("connect")).json["result"] == {"mercury": "open"}
        assert (await room.act("discover", schedule="rfc")).json["result"]["asked"] == 0
        assert (await room.act("sync")).json["result"] == {"events": 0}
        for service in ("wdm", "token", "catalog", "trust"):
            assert (await room.act("refresh", service=service)).status == 200, service
        assert (await room.act("disconnect")).json["result"] == {"mercury": "off"}
        assert (await room.act("restart")).json["result"] == {"boots": 2}
        states = [(run["id"], run["state"]) for run in (await room.get("/actions"))["items"]]
        assert states[0] == (len(states), "done")

    play(scene, cloud=True, bring_up="manual")


def test_the_power_can_be_cut_and_comes_back() -> None:
    async def scene(room: Room) -> None:
        assert (await room.act("crash")).json["result"] == {"boots": 1}
        assert (await room.get("/status"))["isUp"] is False
        for action in ("crash", "shutdown", "restart", "sync"):
            reply = await room.act(action)
            assert (reply.status, reply.code) == (409, "is_off")
        assert (await room.act("boot")).json["result"] == {"boots": 2}
        assert (await room.get("/xstatus?path=SystemUnit LastShutdownReason")) == {
            "SystemUnit LastShutdownReason": "Unknown"
        }

    play(scene)


def test_a_device_that_was_shut_down_comes_online_again_after_a_boot() -> None:
    async def scene(room: Room) -> None:
        await room.online()
        assert (await room.act("shutdown")).json["result"] == {"boots": 1}
        assert (await room.act("discover")).code == "is_off"
        assert (await room.act("boot")).json["result"] == {"boots": 2}
        async with room.device.world.clock.timeout(60):
            await room.device.until_online()
        status = await room.get("/status")
        assert (status["isOnline"], status["account"]["workspaceId"] != "") == (True, True)
        leaves = await room.get("/xstatus?path=SystemUnit LastShutdownReason")
        assert leaves == {"SystemUnit LastShutdownReason": "Shutdown"}

    play(scene, cloud=True)


def test_an_activation_that_somebody_else_began_is_a_conflict() -> None:
    async def scene(room: Room) -> None:
        await room.ask("POST", "/faults", {"on": "tcp", "do": "silent"})
        theirs = asyncio.ensure_future(room.device.activate("1234567890123456"))
        await room.device.world.clock.sleep(1)
        reply = await room.act("activate", code="1234567890123456")
        assert (reply.status, reply.code) == (409, "conflict")
        await room.act("crash")
        with pytest.raises(ActivationRefused, match="cancelled"):
            await theirs

    play(scene)


def test_an_action_need_not_be_waited_for() -> None:
    async def scene(room: Room) -> None:
        reply = await room.act("activate", code=room.new_code().reveal(), wait=False)
        assert (reply.status, reply.json) == (202, {"id": 1, "action": "activate", "state": "running"})
        again = await room.act("activate", code="1234567890123456")
        assert (again.status, again.code) == (409, "busy")
        async with room.device.world.clock.timeout(60):
            await room.device.until_online()
        assert (await room.get("/actions/1"))["state"] == "done"

    play(scene, cloud=True)


def test_an_action_that_takes_too_long_is_left_running() -> None:
    async def scene(room: Room) -> None:
        await room.act("activate", code=room.new_code().reveal())
        await room.act("register")
        await room.ask("POST", "/faults", {"on": "tcp", "do": "refuse", "target": {"service": "mercury"}, "id": "deaf"})
        reply = await room.act("connect")
        assert (reply.status, reply.json["state"]) == (202, "running")
        await room.ask("DELETE", "/faults/deaf")
        async with room.device.world.clock.timeout(100):
            await room.device.mercury.until_open()
        assert (await room.get(f"/actions/{reply.json['id']}"))["state"] == "done"

    play(scene, cloud=True, bring_up="manual")


def test_a_power_cut_ends_what_runs() -> None:
    async def scene(room: Room) -> None:
        await room.ask("POST", "/faults", {"on": "tcp", "do": "silent"})
        waiting = asyncio.ensure_future(room.act("activate", code=room.new_code().reveal()))
        await room.device.world.clock.sleep(1)
        assert (await room.act("crash")).status == 200
        reply = await waiting
        assert (reply.status, reply.code) == (409, "cancelled")
        assert (await room.get("/actions/1"))["state"] == "cancelled"
        assert not (await room.get("/status"))["isActivated"]

    play(scene, cloud=True)


def test_an_action_cut_off_before_it_began_is_not_taken_for_running() -> None:
    async def scene(room: Room) -> None:
        first, second = await asyncio.gather(
            room.act("activate", code="1234567890123456", wait=False), room.act("crash")
        )
        assert (first.status, second.status) == (202, 200)
        assert (await room.get("/actions/1"))["state"] == "cancelled"

    play(scene)


@pytest.mark.parametrize("run", ["0", "2", "x", "-1", "9" * 40])
def test_an_action_that_nobody_asked_for_is_not_found(run: str) -> None:
    async def scene(room: Room) -> None:
        reply = await room.ask("GET", f"/actions/{run}")
        assert (reply.status, reply.code) == (404, "unknown_action")

    play(scene)


def test_actions_are_forgotten_in_order() -> None:
    async def scene(room: Room) -> None:
        for _ in range(103):
            await room.act("activate", code="1")
        kept = [run["id"] for run in (await room.get("/actions"))["items"]]
        assert kept == list(range(103, 3, -1))

    play(scene)


def test_the_door_ends_what_runs_when_it_is_shut() -> None:
    async def scene(room: Room) -> None:
        await room.ask("POST", "/faults", {"on": "tcp", "do": "silent"})
        await room.act("activate", code="1234567890123456", wait=False)
        await room.door.stop()
        await room.door.stop()
        assert room.trace.events[-1].data["state"] == "cancelled"

    play(scene)


def test_join_is_pressed_where_there_is_a_button() -> None:
    async def scene(room: Room) -> None:
        assert (await room.act("join")).code == "not_joinable"
        reply = await room.act("join", booking="webex-7")
        assert (reply.status, reply.code) == (404, "unknown_booking")
        room.device.local.bookings.meeting_created(
            ClearMeeting(
                "m",
                "m",
                room.device.world.clock.now(),
                room.device.world.clock.now() + timedelta(hours=1),
                join_fields={"callURI": "1@meet.test"},
            )
        )
        assert (await room.act("join", booking="webex-1")).json["result"] == {"booking": "webex-1", "meetingId": "m"}
        [booking] = (await room.get("/bookings"))["items"]
        assert (booking["state"], booking["hasJoinButton"], booking["joinFields"]) == ("Running", True, ["callURI"])
        screen = await room.get("/screen")
        assert screen["joinButton"]["booking"] == "webex-1"
        assert screen["nextChange"] is not None

    play(scene)
