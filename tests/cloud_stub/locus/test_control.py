"""Calls over the control API: each route does what its use case does."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from callers import caller, told
from cloud_world import World

CONTROL = "/roomsim/control/v1"


def test_everything_that_scripts_can_do_is_there() -> None:
    async def story(world: World) -> None:
        async def do(method: str, path: str, body: Any = None, status: int = 200) -> Any:
            reply = await world.admin(method, CONTROL + path, body)
            assert reply.status == status, (path, reply.raw)
            return reply.json if reply.raw else None

        ada = await caller(world)
        rung = await do("POST", "/calls", {"caller": "ben@acme.example", "userId": ada.user_id, "displayName": "Ben"})
        call = rung["id"]
        assert (rung["state"], [one["state"] for one in rung["roster"]]) == ("ACTIVE", ["JOINED", "IDLE"])
        await asyncio.sleep(0.05)
        await ada.join(ada.locus["url"])
        assert [one["id"] for one in (await do("GET", "/calls"))["items"]] == [call]
        assert (await do("GET", f"/calls/{call}"))["clients"] == 1
        changed = await do(
            "PATCH", f"/calls/{call}", {"locked": True, "recording": "start", "hardMute": True, "mute": "Ben"}
        )
        assert (changed["locked"], changed["recording"], changed["hardMuted"]) == (True, "on", True)
        await do("POST", f"/calls/{call}/drop", {"participant": "Ben", "reason": "FORCED"}, 204)
        await asyncio.sleep(0.05)
        assert ada.locus["fullState"]["state"] == "INACTIVE"

        await do("PUT", "/peers/desk@sip.example", {"behaves": "no_answer"})
        await ada.call("desk@sip.example")
        await do("POST", "/calls/desk@sip.example/answer", {"afterSeconds": 0.5}, 204)
        await asyncio.sleep(1)
        assert (await do("GET", "/peers"))["items"][0] | {"state": "in_meeting", "calls": 1} == (
            await do("GET", "/peers")
        )["items"][0]
        await do("POST", "/calls/desk@sip.example/end", None, 204)
        await do("POST", "/calls/desk@sip.example/decline", {"reason": "busy"}, 204)
        zoom = await do("PUT", "/peers/81234567890.5@zoomcrc.com", {"behaves": "answer", "passcode": "5"})
        assert zoom == {"address": "81234567890@zoomcrc.com"}

        number = world.cloud.hybrid.site.one_time("Review", None, "roomsim.webex.test").number
        settings = {
            "meeting": number,
            "lobby": True,
            "capacity": 9,
            "guestPin": "",
            "openForGuests": True,
            "muteOnEntry": True,
        }
        await do("POST", "/conferences", settings, 204)
        joined = await do("POST", "/people-in-calls", {"call": number, "who": "Ana", "do": "join", "role": "host"})
        assert joined["participant"]
        await ada.call(number)
        assert await do("POST", f"/calls/{number}/admit") == {"admitted": 1}
        await do("POST", f"/calls/{number}/lobby", {"participant": ada.user_id}, 204)
        assert await do("POST", f"/calls/{number}/admit", {"participant": ada.user_id}) == {"admitted": 1}
        await asyncio.sleep(0.05)
        assert ada.locus["self"]["controls"]["audio"]["muted"] is True, "whoever is not host comes in muted"
        await do("POST", f"/calls/{number}/drop", None, 204)
        assert (await do("GET", "/state?path=calls.count"))["value"] == 1

    told(story)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/calls", {"caller": "x"}, 400),
        ("POST", "/calls", {"caller": "x@y.example", "userId": "nobody"}, 404),
        ("POST", "/calls", {"caller": "x@y.example", "userId": "nobody", "colour": 1}, 400),
        ("GET", "/calls/none", None, 404),
        ("GET", "/calls/locked", None, 404),
        ("PATCH", "/calls/x@elsewhere.example", {"locked": True, "recording": "rewind"}, 400),
        ("POST", "/people-in-calls", {"call": "x@elsewhere.example", "who": " ", "do": "join"}, 400),
        ("POST", "/calls/none/end", None, 404),
        ("POST", "/calls/none/answer", {"after": 1}, 400),
        ("PUT", "/peers/x@y.example", {"behaves": "sleep"}, 400),
        ("POST", "/conferences", {"meeting": "none"}, 404),
        ("POST", "/people-in-calls", {"call": "none", "who": "Ana", "do": "join"}, 404),
        ("POST", "/people-in-calls", {"call": "none", "who": "Ana", "do": "join", "role": "hots"}, 400),
    ],
)
def test_mistakes_are_refused(method: str, path: str, body: Any, status: int) -> None:
    async def story(world: World) -> None:
        ada = await caller(world)
        await ada.call("x@elsewhere.example")
        before = await world.admin("GET", f"{CONTROL}/calls")
        reply = await world.admin(method, CONTROL + path, body)
        assert reply.status == status, reply.raw
        assert (await world.admin("GET", f"{CONTROL}/calls")).json == before.json
        assert reply.json["message"]

    told(story)
