"""Calls at the control door: what it shows, and what people do by it."""

from __future__ import annotations

import asyncio

import pytest
from device_room import Room, play

from endpoint.wire.callcontrol import Incoming

ADA = Incoming(remote_uri="spark:ada@acme.example", remote_number="ada", display_name="Ada Adams", correlation_id="c-1")


async def rung(room: Room) -> int:
    """Bring the device online and let somebody call; returns what the device calls the call."""
    assert room.cloud is not None
    await room.online()
    account = room.device.identity.account
    assert account is not None
    room.cloud.calls.ring("ada@acme.example", account.user_id, display_name="Ada Adams")
    await until(room, "Ringing")
    return int((await room.get("/calls"))["items"][0]["id"])


async def until(room: Room, *states: str) -> None:
    """Wait until the calls are in these states."""
    for _ in range(100):
        if tuple(call["status"] for call in (await room.get("/calls"))["items"]) == states:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(await room.get("/calls"))


def test_without_calls_there_is_nothing_to_see_and_nothing_to_do() -> None:
    async def scene(room: Room) -> None:
        assert await room.get("/calls") == {"items": []}
        assert await room.get("/history") == {"items": []}
        screen = await room.get("/screen")
        assert [screen[name]["visible"] for name in ("callBar", "incoming", "prompt")] == [False, False, False]
        reply = await room.act("ignore")
        assert (reply.status, reply.code) == (409, "no_call")
        reply = await room.act("hangup")
        assert (reply.status, reply.code) == (422, "command_failed")

    play(scene)


@pytest.mark.parametrize("call", ["first", "-1", "65535", "1.5", 99999])
def test_what_is_no_id_of_a_call_is_refused(call: object) -> None:
    async def scene(room: Room) -> None:
        reply = await room.act("answer", call=call)
        assert (reply.status, reply.code) == (422, "bad_call")

    play(scene)


def test_a_call_rings_is_shown_and_taken() -> None:
    async def scene(room: Room) -> None:
        number = await rung(room)
        assert (await room.get("/screen"))["incoming"]["title"] == "Ada Adams"
        assert (await room.act("answer", call=str(number))).json["result"] == {"call": number}
        await until(room, "Connected")
        assert (await room.get("/screen"))["callBar"]["visible"]
        shown = (await room.get("/evidence"))["calls"][0]
        assert (shown["roster"][-1]["status"], shown["displayName"], shown["answerState"]) == (
            "connected",
            "Ada Adams",
            "Answered",
        )
        assert "durationSeconds" in shown
        assert (await room.act("hold")).status == 200
        await until(room, "OnHold")
        assert (await room.act("resume")).status == 200
        await until(room, "Connected")
        assert (await room.act("hangup", call=number)).status == 200
        await until(room)
        [entry] = (await room.get("/history"))["items"]
        assert (entry["OccurrenceType"], entry["DisconnectCauseType"]) == ("Received", "LocalDisconnect")

    play(scene, cloud=True)


@pytest.mark.parametrize(("action", "left"), [("decline", ()), ("ignore", ("Ringing",))])
def test_a_call_is_not_taken(action: str, left: tuple[str, ...]) -> None:
    async def scene(room: Room) -> None:
        await rung(room)
        assert (await room.act(action)).status == 200
        await until(room, *left)
        assert (await room.get("/screen"))["incoming"]["visible"] is False

    play(scene, cloud=True)


def test_dialling_answers_before_the_call_is_set_up() -> None:
    async def scene(room: Room) -> None:
        reply = await room.act("dial", number="ada@sip.example")
        assert (reply.status, reply.code) == (422, "command_failed")
        assert "not registered" in reply.json["message"]
        reply = await room.act("dial", number="ada@sip.example", protocol="h323")
        assert reply.status == 400
        await room.online()
        assert (await room.act("dial", number="ada@sip.example", protocol="spark")).json["result"]["call"] == 2
        await until(room, "Connected")

    play(scene, cloud=True)
