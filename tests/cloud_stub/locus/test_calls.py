"""Calls of two: how it rings, who answers, who refuses, who gives up, and what everybody hears of it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from callers import Caller, caller, member, told
from cloud_world import World, started

from cloud_stub.platform.context import CloudSettings
from cloud_stub.services.locus import timers
from endpoint.runtime.virtual import run
from endpoint.wire.locus.sequence import Advice


def states(locus: dict[str, Any]) -> dict[str, str]:
    """Return the states of participants by name."""
    return {one["person"]["name"]: one["state"] for one in locus["participants"]}


async def ringing(world: World) -> tuple[Caller, Caller]:
    """Let Ada call Bob, whose client says that it rings."""
    ada, bob = await caller(world, "Ada"), await caller(world, "Bob")
    assert (await ada.call("bob@room.example")).status == 200
    await asyncio.sleep(0.05)
    assert (await bob.put(f"{bob.locus['url']}/participant/alert")).status == 200
    await asyncio.sleep(0.05)
    return ada, bob


def test_it_rings_at_every_client_of_the_called_and_one_answers() -> None:
    async def story(world: World) -> None:
        ada, bob = await caller(world, "Ada"), await caller(world, "Bob")
        other = await caller(world, user_id=bob.user_id)
        made = await ada.call("sip:BOB@room.example")
        url = made.json["locus"]["url"]
        await asyncio.sleep(0.05)
        for client in (bob, other):
            assert client.kinds == ["locus.participant_joined"]
            me = client.locus["self"]
            assert (me["state"], me["alertType"], me["devices"]) == ("IDLE", {"action": "FULL"}, [])
            assert client.locus["host"]["name"] == "Ada"
            assert me["callbackInfo"]["callbackAddress"] == "ada@room.example"
            assert (await client.put(f"{url}/participant/alert")).status == 200
        await asyncio.sleep(0.05)
        assert states(ada.locus) == {"Ada": "JOINED", "Bob": "NOTIFIED"}
        answered = await bob.join(url)
        assert answered.status == 200
        await asyncio.sleep(0.05)
        assert answered.json["locus"]["self"]["devices"][0]["url"] == bob.device_url
        assert len(answered.json["mediaConnections"]) == len(answered.json["locus"]["self"]["devices"])
        for client in (ada, bob, other):
            assert states(client.locus) == {"Ada": "JOINED", "Bob": "JOINED"}
            assert client.locus["sequence"] == answered.json["locus"]["sequence"]
        mine = {one["url"]: one for one in other.locus["self"]["devices"]}
        assert other.locus["self"]["devices"][0]["url"] == other.device_url, "one's own device comes first"
        assert (mine[other.device_url]["state"], mine[other.device_url]["reason"]) == ("LEFT", "ANSWERED_ELSEWHERE")
        late = await other.join(url)
        assert (late.status, late.json["errorCode"]) == (409, 2409005)
        assert (await bob.leave(bob.locus)).status == 200
        await asyncio.sleep(0.05)
        assert [c.locus["fullState"]["state"] for c in (ada, bob, other)] == ["INACTIVE"] * 3
        assert Advice.WAIT not in ada.advice + bob.advice + other.advice
        assert Advice.FETCH not in ada.advice + bob.advice + other.advice

    told(story)


@pytest.mark.parametrize("reason", ["BUSY", "DND", "UNKNOWN"])
def test_a_call_that_is_declined_is_over_for_both(reason: str) -> None:
    async def story(world: World) -> None:
        ada, bob = await ringing(world)
        reply = await bob.put(f"{bob.locus['url']}/participant/decline", reason=reason)
        assert reply.status == 200
        await asyncio.sleep(0.05)
        for client in (ada, bob):
            assert client.kinds[-1] == "locus.participant_declined"
            assert client.locus["fullState"]["state"] == "INACTIVE"
            assert (member(client.locus, "Bob")["state"], member(client.locus, "Bob")["reason"]) == ("DECLINED", reason)
        again = await bob.put(f"{bob.locus['url']}/participant/decline")
        assert again.status == 409
        assert (await bob.join(bob.locus["url"])).json["errorCode"] == 2403004

    told(story)


def test_a_caller_gives_up_and_the_called_stays_not_taken() -> None:
    async def story(world: World) -> None:
        ada, bob = await ringing(world)
        await ada.leave(ada.locus)
        await asyncio.sleep(0.05)
        assert bob.locus["fullState"]["state"] == "INACTIVE"
        assert states(bob.locus) == {"Bob": "NOTIFIED", "Ada": "LEFT"}
        assert bob.locus["self"]["alertType"]["action"] == "NONE"

    told(story)


def test_nobody_answers_within_the_time_that_it_rings() -> None:
    async def story(world: World) -> None:
        ada, bob = await ringing(world)
        await asyncio.sleep(28)
        assert ada.locus["fullState"]["state"] == "ACTIVE"
        await asyncio.sleep(3)
        assert ada.locus["fullState"]["state"] == "INACTIVE"
        assert member(ada.locus, "Bob")["reason"] == "UNANSWERED"
        assert bob.locus["self"]["state"] == "LEFT"

    told(story, CloudSettings(locus_ring_s=30))


@pytest.mark.parametrize("correlation_id", ["c", "c" * 500])
def test_the_same_request_again_makes_no_second_call(correlation_id: str) -> None:
    async def story(world: World) -> None:
        ada = await caller(world)
        body = ada.own(
            correlationId=correlation_id,
            invitee={"address": "someone@elsewhere.example"},
            localMedias=[{"localSdp": '{"type":"SDP","sdp":"v=0"}'}],
        )
        first, second = [await ada.ask("POST", "/loci/call", body) for _ in range(2)]
        assert second.json["locus"]["url"] == first.json["locus"]["url"]
        assert second.json["mediaConnections"]
        assert world.cloud.use_cases.query("calls.count") == 1

    told(story)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"invitee": {"address": "2999999999"}}, 404, 404006),
        ({"invitee": {"address": "29 999-99999"}}, 404, 404006),
        ({"invitee": {"address": "2999999999@webex.com"}}, 404, 404006),
        ({"invitee": {"address": "nobody@roomsim.webex.test"}}, 404, 404006),
        ({"invitee": {"address": "wbxmn:2999999999"}}, 404, 404006),
        ({"invitee": {"address": "https://roomsim.webex.test/meet/nobody"}}, 404, 404006),
        ({"invitee": {"address": "no address at all"}}, 400, 2400025),
        ({"invitee": {"address": "ada@room.example"}}, 403, 2403007),
        ({"device": {"url": "http://127.0.0.1/wdm/api/v1/devices/none"}}, 400, None),
        ({"localMedias": [{"localSdp": "no json"}]}, 400, None),
        ({"sequence": {"entries": [2, 1], "rangeStart": 0, "rangeEnd": 0}}, 400, None),
    ],
)
def test_calls_that_cannot_be_made_say_why(body: dict[str, Any], status: int, code: int | None) -> None:
    async def story(world: World) -> None:
        ada = await caller(world)
        whole = {**ada.own(correlationId="c", invitee={"address": "someone@elsewhere.example"}), **body}
        reply = await ada.ask("POST", "/loci/call", whole)
        assert (reply.status, reply.json.get("errorCode")) == (status, code), reply.raw
        assert reply.json["message"]
        if code == 404006:
            assert reply.json | {"code": 404006, "message": "Cannot find the data"} == reply.json
            assert reply.json["trackingId"]
        assert world.cloud.calls.list() == []

    told(story)


def test_only_who_is_in_a_call_sees_it() -> None:
    async def story(world: World) -> None:
        ada, eve = await caller(world, "Ada"), await caller(world, "Eve")
        url = (await ada.call("someone@elsewhere.example")).json["locus"]["url"]
        for method, path in (("GET", ""), ("GET", "/sync?since=1")):
            assert (await eve.ask(method, url + path)).status == 404
        assert (await eve.join(url)).status == 404
        assert (await eve.put(f"{url}/participant/decline")).status == 404
        assert (await eve.ask("GET", "/loci")).json["loci"] == []
        await asyncio.sleep(0.05)
        assert eve.events == []

    told(story)


def test_hold_mute_and_tones_reach_the_other_one() -> None:
    async def story(world: World) -> None:
        shown: list[str] = []
        world.trace.subscribe(lambda event: shown.append(event.as_json()))
        ada, bob = await ringing(world)
        await bob.join(bob.locus["url"])
        own = bob.locus["self"]["url"]
        assert (await bob.put(f"{own}/hold", held=True)).status == 200
        await asyncio.sleep(0.05)
        seen = member(ada.locus, "Bob")
        assert (seen["held"], seen["status"]["audioStatus"]) == (True, "INACTIVE")
        await bob.put(f"{own}/hold", held=False)
        muted = [{"localSdp": '{"audioMuted": true, "videoMuted": false}', "mediaId": "m"}]
        assert (await bob.put(f"{own}/media", localMedias=muted)).status == 200
        await asyncio.sleep(0.05)
        seen = member(ada.locus, "Bob")
        assert (seen["held"], seen["controls"]["audio"]["muted"], seen["status"]["audioStatus"]) == (
            False,
            True,
            "RECVONLY",
        )
        sent = await ada.ask("POST", f"{ada.locus['self']['url']}/sendDtmf", ada.own(dtmf={"tones": "12#"}))
        await asyncio.sleep(0.05)
        assert (sent.status, bob.events[-1]["eventType"], bob.events[-1]["message"]) == (
            200, "locus.message.dtmf", {"tones": "12#"},
        )  # fmt: skip
        assert not [line for line in shown if '12#"' in line]
        bad = await ada.ask("POST", f"{ada.locus['self']['url']}/sendDtmf", ada.own(dtmf={"tones": "x"}))
        assert bad.status == 400

    told(story)


def test_a_device_that_is_gone_is_taken_out_of_its_calls() -> None:
    async def story(world: World) -> None:
        ada, bob = await ringing(world)
        await bob.join(bob.locus["url"])
        await bob.ws.close()
        await asyncio.sleep(55)
        assert ada.locus["fullState"]["state"] == "ACTIVE"
        await asyncio.sleep(10)
        seen = member(ada.locus, "Bob")
        assert (seen["state"], seen["reason"], seen["devices"][0]["reason"]) == ("LEFT", "INACTIVE", "INACTIVE")
        assert ada.locus["fullState"]["state"] == "INACTIVE"

    told(story)


def test_a_device_that_comes_back_in_time_stays_in() -> None:
    async def story(world: World) -> None:
        ada, bob = await ringing(world)
        await bob.join(bob.locus["url"])
        await bob.ws.close()
        await asyncio.sleep(50)
        registered = await world.ask("GET", bob.device_url, token=bob.token)
        bob.ws = await world.socket(bob.token, registered.json["webSocketUrl"])
        await asyncio.sleep(100)
        assert ada.locus["fullState"]["state"] == "ACTIVE"

    told(story)


def test_a_registration_that_is_deleted_leaves_at_once() -> None:
    async def story(world: World) -> None:
        ada, bob = await ringing(world)
        await bob.join(bob.locus["url"])
        await world.ask("DELETE", bob.device_url, token=bob.token)
        await asyncio.sleep(0.1)
        assert states(ada.locus) == {"Ada": "LEFT", "Bob": "LEFT"}

    told(story)


def test_two_calls_are_made_one() -> None:
    async def story(world: World) -> None:
        ada, bob, cyd = [await caller(world, name) for name in ("Ada", "Bob", "Cyd")]
        urls = []
        for other in (bob, cyd):
            urls.append((await ada.call(other.user_id)).json["locus"]["url"])
            await asyncio.sleep(0.05)
            await other.join(urls[-1])
        await asyncio.sleep(0.05)
        reply = await ada.put(f"{urls[0]}/merge", locusUrls=[urls[1]])
        assert reply.status == 200, reply.raw
        await asyncio.sleep(0.05)
        for client in (ada, bob, cyd):
            joined = client.views[urls[0]]
            assert states(joined) == {"Ada": "JOINED", "Bob": "JOINED", "Cyd": "JOINED"}
            assert (joined["fullState"]["type"], joined["replaces"]) == ("MEETING", [{"locusUrl": urls[1]}])
        old = cyd.views[urls[1]]
        assert (old["fullState"]["state"], old["self"]["state"], old["self"]["reason"]) == ("INACTIVE", "LEFT", "MOVED")
        refused = await ada.put(f"{urls[0]}/merge", locusUrls=[urls[1]])
        assert refused.status == 409

    told(story)


def test_a_stop_ends_calls_and_leaves_no_timer() -> None:
    async def story(world: World) -> None:
        await ringing(world)
        board = world.cloud.switchboard
        assert len(board.book.timers) > 0
        board.stop()
        assert len(board.book.timers) == 0

    told(story)


def test_who_is_called_acts_for_nobody_else() -> None:
    async def story(world: World) -> None:
        ada, bob = await ringing(world)
        theirs = member(bob.locus, "Ada")["url"]
        for _ in range(2):
            for path, more in (
                ("media", {"localMedias": [{"localSdp": '{"audioMuted": true}'}]}),
                ("hold", {"held": True}),
                ("leave", {}),
            ):
                if path != "leave" or bob.locus["self"]["state"] != "JOINED":
                    refused = await bob.put(f"{theirs}/{path}", **more)
                    assert refused.status == (403 if bob.locus["self"]["state"] == "JOINED" else 409), refused.raw
            tones = await bob.ask("POST", f"{theirs}/sendDtmf", bob.own(dtmf={"tones": "1"}))
            assert tones.status in (403, 409)
            await bob.join(bob.locus["url"])
        await asyncio.sleep(0.05)
        assert states(ada.locus) == {"Ada": "JOINED", "Bob": "JOINED"}
        assert [one["controls"]["audio"]["muted"] for one in ada.locus["participants"]] == [False, False]
        assert [one["held"] for one in ada.locus["participants"]] == [False, False]

    told(story)


def test_who_has_left_a_call_is_found_again_when_it_becomes_part_of_another() -> None:
    async def story(world: World) -> None:
        ada, bob, cyd = [await caller(world, name) for name in ("Ada", "Bob", "Cyd")]
        first = (await ada.call(None)).json["locus"]["url"]
        for other in (bob, cyd):
            await other.join(first)
        await bob.leave(bob.views[first])
        second = (await ada.call(bob.user_id)).json["locus"]["url"]
        await asyncio.sleep(0.05)
        await bob.join(second)
        refused = await cyd.put(f"{first}/merge", locusUrls=[second])
        assert (refused.status, refused.json["errorCode"]) == (423, 2423007)
        merged = await ada.put(f"{first}/merge", locusUrls=[second, second])
        assert merged.status == 200, merged.raw
        await asyncio.sleep(0.05)
        assert states(cyd.views[first]) == {"Ada": "JOINED", "Bob": "JOINED", "Cyd": "JOINED"}
        assert len(cyd.views[first]["participants"]) == 3
        assert (await bob.leave(bob.views[first])).status == 200

    told(story)


def test_clients_that_are_in_no_call_leave_no_timer() -> None:
    async def story(world: World) -> None:
        ada, bob = await ringing(world)
        running = world.cloud.switchboard.book.timers
        before = len(running)
        cyd = await caller(world, "Cyd")
        await cyd.ws.close()
        await asyncio.sleep(0.1)
        assert len(running) == before
        await bob.ws.close()
        await asyncio.sleep(0.1)
        assert len(running) == before + 1
        assert ada.locus["fullState"]["state"] == "ACTIVE"

    told(story)


def test_changes_are_told_when_no_more_timers_can_run(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(world: World) -> None:
        ada, bob = await ringing(world)
        monkeypatch.setattr(timers, "TIMERS_MAX", 0)
        assert (await bob.join(bob.locus["url"])).status == 200
        await asyncio.sleep(0.05)
        assert states(ada.locus) == {"Ada": "JOINED", "Bob": "JOINED"}

    told(story)


def test_a_restart_of_the_cloud_ends_calls_and_gives_no_name_twice(tmp_path: Path) -> None:
    async def main() -> None:
        async with started(state_dir=tmp_path) as world:
            ada = await caller(world)
            before = (await ada.call(None)).json["locus"]
            path = before["url"].removeprefix(world.base)
            device = ada.device_url.removeprefix(world.base)
            await ada.ws.close()
        async with started(state_dir=tmp_path) as world:
            assert world.cloud.use_cases.query("calls.count") == 0
            ada.world, ada.device_url = world, world.base + device
            assert (await ada.ask("GET", "/loci")).json["loci"] == []
            for method, url in (("GET", path), ("GET", f"{path}/sync?since=1"), ("POST", f"{path}/participant")):
                gone = await world.ask(method, url, None if method == "GET" else ada.own(), token=ada.token)
                assert (gone.status, gone.json["errorCode"]) == (404, 2404001), gone.raw
            again = await ada.call(None)
            assert again.status == 200, again.raw
            after = again.json["locus"]
            assert after["url"].rpartition("/")[2] != before["url"].rpartition("/")[2]

    run(main)


def test_a_meeting_that_is_dialled_while_it_rings_rings_nowhere_any_more() -> None:
    async def story(world: World) -> None:
        ada, bob = await caller(world, "Ada"), await caller(world, "Bob")
        other = await caller(world, user_id=bob.user_id)
        made = (await ada.call(None)).json["locus"]
        url, address = made["url"], made["self"]["callbackInfo"]["callbackAddress"]
        wish = ada.own(invitees=[{"address": "bob@room.example"}])
        assert (await ada.ask("POST", f"{url}/participants", wish)).status == 200
        await asyncio.sleep(0.05)
        for client in (bob, other):
            assert (await client.put(f"{url}/participant/alert")).status == 200
        assert (await bob.call(address)).json["locus"]["url"] == url
        await asyncio.sleep(0.05)
        mine = {one["url"]: one for one in other.locus["self"]["devices"]}[other.device_url]
        assert (mine["state"], mine["reason"]) == ("LEFT", "ANSWERED_ELSEWHERE")
        await bob.leave(bob.views[url])
        await asyncio.sleep(0.05)
        assert states(ada.locus) == {"Ada": "JOINED", "Bob": "LEFT"}

    told(story)
