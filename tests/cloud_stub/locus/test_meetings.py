"""Meetings: who gets in, as what, by way of the lobby or not at all; and what hosts do there."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from callers import Caller, caller, member, told
from cloud_world import World

from cloud_stub.platform.errors import CloudError
from cloud_stub.services.locus.admission import MeetingSettings, admission
from cloud_stub.services.locus.state import Locus
from endpoint.runtime.clock import parse_iso
from endpoint.wire.locus.requests import JoinRequest
from endpoint.wire.secret import Pin

NUMBER = "2000000001"
PIN = Pin("1111")
GUEST = Pin("2222")


def settings(**fields: Any) -> MeetingSettings:
    return MeetingSettings(**fields)


def join(**fields: Any) -> JoinRequest:
    return JoinRequest(**fields)


LOCUS = Locus(
    id="l", created=parse_iso("2026-03-02T08:00:00Z"), last_active=parse_iso("2026-03-02T08:00:00Z"), is_meeting=True
)

ADMISSIONS: list[tuple[MeetingSettings, JoinRequest, bool, str, str]] = [
    # settings, request, is owner, host key -> how, or which refusal
    (settings(), join(), False, "", "guest"),
    (settings(), join(), True, "", "host"),
    (settings(), join(pin=Pin("77")), False, "77", "host"),
    (settings(), join(moderator=True, pin=Pin("77")), False, "77", "host"),
    (settings(), join(moderator=True), False, "", "423 2423005"),
    (settings(), join(role="Panelist"), False, "", "panelist"),
    (settings(pin=PIN), join(), False, "", "423 2423005"),
    (settings(pin=PIN), join(), True, "", "host"),
    (settings(pin=PIN), join(moderator=True), False, "", "423 2423005"),
    (settings(pin=PIN), join(moderator=True, pin=PIN), False, "", "host"),
    (settings(pin=PIN), join(pin=PIN), False, "", "host"),
    (settings(pin=PIN), join(moderator=True, pin=GUEST), False, "", "423 2423005"),
    (settings(pin=PIN), join(moderator=False), False, "", "guest"),
    (settings(pin=PIN), join(role="Guest"), False, "", "guest"),
    (settings(pin=PIN, guest_pin=GUEST), join(), False, "", "423 2423006"),
    (settings(pin=PIN, guest_pin=GUEST), join(moderator=False), False, "", "423 2423006"),
    (settings(pin=PIN, guest_pin=GUEST), join(moderator=False, pin=GUEST), False, "", "guest"),
    (settings(pin=PIN, guest_pin=GUEST), join(pin=GUEST), False, "", "guest"),
    (settings(pin=PIN, guest_pin=GUEST), join(role="Panelist", pin=GUEST), False, "", "panelist"),
    (settings(pin=PIN, guest_pin=GUEST), join(pin=PIN), False, "", "host"),
    (settings(pin=PIN, guest_pin=GUEST), join(moderator=True, pin=GUEST), False, "", "423 2423006"),
    (settings(pin=PIN, guest_pin=GUEST), join(pin=Pin("9")), False, "", "423 2423006"),
    (settings(locked=True), join(), False, "", "423 2423003"),
    (settings(locked=True), join(), True, "", "host"),
    (settings(locked=True, lobby=True), join(), False, "", "423 2423003"),
    (settings(lobby=True), join(), False, "", "waits"),
    (settings(lobby=True), join(), True, "", "host"),
    (settings(open_for_guests=False), join(), False, "", "waits"),
    (settings(open_for_guests=False), join(), True, "", "host"),
]


@pytest.mark.parametrize(("rules", "request_", "is_owner", "host_key", "how"), ADMISSIONS)
def test_admission(rules: MeetingSettings, request_: JoinRequest, is_owner: bool, host_key: str, how: str) -> None:
    if how.startswith("4"):
        with pytest.raises(CloudError) as refused:
            admission(rules, LOCUS, request_, is_owner=is_owner, host_key=host_key)
        assert f"{refused.value.status} {refused.value.code}" == how
        return
    allowed = admission(rules, LOCUS, request_, is_owner=is_owner, host_key=host_key)
    named = (
        "waits" if allowed.waits else {"MODERATOR": "host", "PANELIST": "panelist"}.get("".join(allowed.roles), "guest")
    )
    assert named == how


def scheduled(world: World, owner: str = "Olga", **fields: Any) -> str:
    """Schedule a meeting of the site; returns its number."""
    user = world.cloud.use_cases.user_create(owner, f"{owner.lower()}@room.example")
    number = world.cloud.hybrid.site.one_time("Review", user, "roomsim.webex.test").number
    if fields:
        world.cloud.calls.meeting_set(number, **fields)
    return number


async def host(world: World, number: str) -> Caller:
    """Let the owner of a meeting join it."""
    owner = world.cloud.switchboard.addresses.user("olga@room.example")
    assert owner is not None
    one = await caller(world, user_id=owner.id)
    assert (await one.call(number)).status == 200
    await asyncio.sleep(0.05)
    return one


def test_a_meeting_begins_with_the_first_and_ends_with_the_last() -> None:
    async def story(world: World) -> None:
        number = scheduled(world)
        ada, bob = await caller(world, "Ada"), await caller(world, "Bob")
        first, second = await ada.call(number), await bob.call(f"{number}@webex.com")
        assert first.json["locus"]["url"] == second.json["locus"]["url"]
        locus = second.json["locus"]
        assert locus["info"] | {"webExMeetingId": number, "webExMeetingName": "Review", "isPmr": False} == locus["info"]
        assert (locus["fullState"]["type"], locus["fullState"]["count"]) == ("MEETING", 2)
        await ada.leave(first.json["locus"])
        await asyncio.sleep(0.05)
        assert bob.locus["fullState"]["state"] == "ACTIVE"
        await bob.leave(bob.locus)
        assert world.cloud.use_cases.query("calls.count") == 0
        again = await ada.call(number)
        assert again.json["locus"]["url"] != locus["url"]

    told(story)


def test_who_waits_in_the_lobby_sees_only_himself_until_he_is_let_in() -> None:
    async def story(world: World) -> None:
        number = scheduled(world, lobby=True)
        ada = await caller(world, "Ada")
        waiting = await ada.call(number)
        me = waiting.json["locus"]["self"]
        assert (waiting.status, me["state"], me["devices"][0]["intent"]) == (200, "IDLE", {"type": "WAIT"})
        olga = await host(world, number)
        await asyncio.sleep(0.05)
        assert [one["person"]["name"] for one in ada.locus["participants"]] == ["Ada"]
        assert member(olga.locus, "Ada")["devices"][0]["intent"] == {"type": "WAIT"}
        alive = await ada.ask("GET", me["devices"][0]["keepAliveUrl"])
        assert (alive.status, alive.json["self"]["state"]) == (200, "IDLE")
        url, wish = f"{olga.locus['url']}/participant/{me['id']}/controls", {"lobby": {"admit": True}}
        refused = await ada.ask("PATCH", url, ada.own(**wish))
        assert refused.status == 409
        assert (await olga.ask("PATCH", url, olga.own(**wish))).status == 200
        await asyncio.sleep(0.05)
        assert ada.locus["self"]["state"] == "JOINED"
        assert "intent" not in ada.locus["self"]["devices"][0]
        assert {one["person"]["name"] for one in ada.locus["participants"]} == {"Ada", "Olga"}
        assert (await olga.ask("PATCH", url, olga.own(lobby={"admit": False}))).status == 200
        await asyncio.sleep(0.05)
        assert (ada.locus["self"]["state"], ada.locus["self"]["devices"][0]["intent"]) == ("IDLE", {"type": "WAIT"})
        assert [one["person"]["name"] for one in ada.locus["participants"]] == ["Ada"]
        everybody = olga.own(admit={"participantIds": "all"})
        assert (await olga.ask("PUT", f"{olga.locus['url']}/controls", everybody)).status == 200
        await asyncio.sleep(0.05)
        assert ada.locus["self"]["state"] == "JOINED"

    told(story)


def test_who_does_not_ask_does_not_wait_for_ever() -> None:
    async def story(world: World) -> None:
        number = scheduled(world, lobby=True)
        ada, bob = await caller(world, "Ada"), await caller(world, "Bob")
        await host(world, number)
        for one in (ada, bob):
            await one.call(number)
        for _ in range(3):
            await asyncio.sleep(224)
            assert (await ada.ask("GET", ada.locus["self"]["devices"][0]["keepAliveUrl"])).status == 200
        assert ada.locus["self"]["state"] == "IDLE"
        assert (bob.locus["self"]["state"], bob.locus["self"]["reason"]) == ("LEFT", "LOBBY_EXPIRED")

    told(story)


def test_guests_wait_for_a_host() -> None:
    async def story(world: World) -> None:
        number = scheduled(world, open_for_guests=False)
        ada = await caller(world, "Ada")
        assert (await ada.call(number)).json["locus"]["self"]["state"] == "IDLE"
        await host(world, number)
        await asyncio.sleep(0.05)
        assert ada.locus["self"]["state"] == "JOINED"

    told(story)


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"locked": True}, 423, 2423003),
        ({"capacity": 1}, 403, 2403018),
        ({"pin": "1111"}, 423, 2423005),
        ({"pin": "1111", "guest_pin": "2222"}, 423, 2423006),
    ],
)
def test_a_meeting_refuses_with_a_code_and_stays_as_it_was(fields: dict[str, Any], status: int, code: int) -> None:
    async def story(world: World) -> None:
        number = scheduled(world, **fields)
        ada = await caller(world, "Ada")
        olga = await host(world, number)
        before = olga.locus
        refused = await ada.call(number)
        assert (refused.status, refused.json["errorCode"], refused.json["code"]) == (status, code, code)
        assert refused.json["message"]
        await asyncio.sleep(0.05)
        assert olga.locus == before
        world.cloud.calls.meeting_set(number, locked=False, capacity=0, pin="", guest_pin="")
        assert (await ada.call(number)).status == 200

    told(story)


@pytest.mark.parametrize(
    ("do", "status", "code"),
    [("locked", 423, 2423003), ("full", 403, 2403018), ("pin", 423, 2423005), ("not_found", 404, 404006)],
)
def test_faults_refuse_as_often_as_they_are_to(do: str, status: int, code: int) -> None:
    async def story(world: World) -> None:
        number = scheduled(world)
        ada = await caller(world, "Ada")
        world.cloud.use_cases.fault("f", "locus", do, count=1)
        refused = await ada.call(number)
        assert (refused.status, refused.json["errorCode"]) == (status, code)
        assert world.cloud.calls.list() == []
        assert (await ada.call(number)).status == 200

    told(story)


def test_the_fault_of_a_lobby_lets_one_wait() -> None:
    async def story(world: World) -> None:
        number = scheduled(world)
        world.cloud.use_cases.fault("f", "locus", "lobby", count=1)
        ada = await caller(world, "Ada")
        assert (await ada.call(number)).json["locus"]["self"]["state"] == "IDLE"
        assert world.cloud.calls.admit(number) == 1
        await asyncio.sleep(0.05)
        assert ada.locus["self"]["state"] == "JOINED"

    told(story)


def test_a_meeting_that_has_moved_redirects_and_takes_everybody_along() -> None:
    async def story(world: World) -> None:
        number = scheduled(world)
        other = world.cloud.hybrid.site.one_time("Elsewhere", None, "roomsim.webex.test").number
        ada, bob = await caller(world, "Ada"), await caller(world, "Bob")
        old = (await ada.call(number)).json["locus"]["url"]
        world.cloud.calls.meeting_set(number, moved_to=other)
        await asyncio.sleep(0.05)
        left = ada.views[old]
        assert (left["self"]["state"], left["self"]["reason"], left["fullState"]["active"]) == ("LEFT", "MOVED", False)
        new = next(view for url, view in ada.views.items() if url != old)
        assert (new["self"]["state"], new["replaces"]) == ("JOINED", [{"locusUrl": old}])
        moved = await bob.call(number)
        assert (moved.status, moved.json["errorCode"]) == (200, 2000002)
        followed = await bob.ask(
            "POST", moved.json["location"], bob.own(invitee={"address": number}, correlationId="x")
        )
        assert followed.json["locus"]["url"] == new["url"]

    told(story)


def test_what_hosts_do_others_may_not() -> None:
    async def story(world: World) -> None:
        number = scheduled(world)
        olga = await host(world, number)
        ada = await caller(world, "Ada")
        await ada.call(number)
        await asyncio.sleep(0.05)
        url, mine = ada.locus["url"], ada.locus["self"]["url"]
        theirs = member(ada.locus, "Olga")["url"]
        for method, path, body in [
            ("PATCH", f"{url}/controls", {"lock": {"locked": True}}),
            ("PATCH", f"{url}/controls", {"record": {"recording": True}}),
            ("PATCH", f"{url}/controls", {"audio": {"muted": True}}),
            ("PATCH", f"{url}/controls", {"disallowUnmute": {"enabled": True}}),
            ("PATCH", f"{theirs}/controls", {"audio": {"muted": True}}),
            ("PATCH", f"{mine}/controls", {"role": {"roles": [{"type": "COHOST", "hasRole": True}]}}),
            ("PUT", f"{theirs}/leave", {}),
            ("POST", f"{url}/end", {}),
            ("POST", f"{url}/participants", {"invitees": [{"address": "x@elsewhere.example"}]}),
        ]:
            refused = await ada.ask(method, path, ada.own(**body))
            assert (refused.status, refused.json["errorCode"]) == (423, 2423007), (path, refused.raw)
        changes: list[tuple[str, str, dict[str, Any]]] = [
            ("PATCH", f"{url}/controls", {"lock": {"locked": True}}),
            ("PATCH", f"{url}/controls", {"record": {"recording": True}}),
            ("PATCH", f"{url}/controls", {"record": {"recording": True, "paused": True}}),
            ("PATCH", f"{url}/controls", {"disallowUnmute": {"enabled": True}}),
            ("PATCH", f"{mine}/controls", {"hand": {"raised": False}}),
        ]
        for method, path, body in changes:
            assert (await olga.ask(method, path, olga.own(**body))).status == 200
        await asyncio.sleep(0.05)
        controls, me = ada.locus["controls"], ada.locus["self"]
        assert (controls["lock"]["locked"], ada.locus["fullState"]["locked"]) == (True, True)
        assert (controls["record"]["recording"], controls["record"]["paused"]) == (True, True)
        assert (me["controls"]["audio"]["muted"], me["controls"]["audio"]["disallowUnmute"]) == (True, True)
        loud = await ada.put(f"{mine}/media", localMedias=[{"localSdp": '{"audioMuted": false}'}])
        assert loud.status == 403
        cohost = olga.own(role={"roles": [{"type": "COHOST", "hasRole": True}]})
        assert (await olga.ask("PATCH", f"{mine}/controls", cohost)).status == 200
        loud = await ada.put(f"{mine}/media", localMedias=[{"localSdp": '{"audioMuted": false}'}])
        assert loud.status == 200
        assert (await ada.ask("PUT", f"{theirs}/leave", ada.own())).status == 200
        await asyncio.sleep(0.05)
        assert (olga.locus["self"]["state"], olga.locus["self"]["reason"]) == ("LEFT", "FORCED")
        assert (await ada.ask("POST", f"{url}/end", ada.own())).status == 200
        await asyncio.sleep(0.05)
        assert (ada.locus["fullState"]["state"], ada.locus["self"]["reason"]) == ("INACTIVE", "MEETING_ENDED")

    told(story)


def test_the_floor_has_one_holder() -> None:
    async def story(world: World) -> None:
        number = scheduled(world)
        olga = await host(world, number)
        ada = await caller(world, "Ada")
        await ada.call(number)
        await asyncio.sleep(0.05)

        def wish(one: Caller, disposition: str) -> dict[str, Any]:
            who = {"url": one.locus["self"]["url"], "devices": [{"url": one.device_url}]}
            return {"floor": {"disposition": disposition, "beneficiary": who}}

        share = ada.locus["mediaShares"][0]["url"]
        assert (await ada.ask("PUT", share, wish(ada, "GRANTED"))).status == 200
        await asyncio.sleep(0.05)
        floor = olga.locus["mediaShares"][0]["floor"]
        assert (floor["disposition"], floor["beneficiary"]["url"]) == ("GRANTED", ada.locus["self"]["url"])
        first = floor["shareInstanceId"]
        assert (await olga.ask("PUT", share, wish(olga, "GRANTED"))).status == 200
        assert (await ada.ask("PUT", share, wish(ada, "RELEASED"))).status == 200
        await asyncio.sleep(0.05)
        floor = ada.locus["mediaShares"][0]["floor"]
        assert floor["beneficiary"]["id"] == olga.locus["self"]["id"], "what is not held is not given back"
        assert floor["shareInstanceId"] != first
        await olga.leave(olga.locus)
        await asyncio.sleep(0.05)
        assert ada.locus["mediaShares"][0]["floor"]["disposition"] == "RELEASED"
        assert (await ada.ask("PUT", share, wish(ada, "PERHAPS"))).status == 400

    told(story)


def test_somebody_is_called_into_a_call() -> None:
    async def story(world: World) -> None:
        ada, bob = await caller(world, "Ada"), await caller(world, "Bob")
        url = (await ada.call("someone@elsewhere.example")).json["locus"]["url"]
        await asyncio.sleep(2)
        wanted = [{"address": "bob@room.example"}, {"address": "other@elsewhere.example"}]
        assert (await ada.ask("POST", f"{url}/participants", ada.own(invitees=wanted))).status == 200
        await asyncio.sleep(2)
        assert bob.locus["self"]["alertType"]["action"] == "FULL"
        assert (await bob.join(url)).status == 200
        await asyncio.sleep(0.05)
        assert {one["state"] for one in ada.locus["participants"]} == {"JOINED"}
        assert (len(ada.locus["participants"]), ada.locus["fullState"]["type"]) == (4, "MEETING")
        nobody = await ada.ask("POST", f"{url}/participants", ada.own(invitees=[{"address": "2999999999"}]))
        assert (nobody.status, nobody.json["errorCode"]) == (404, 404006)

    told(story)


def test_somebody_who_comes_back_is_the_same_participant() -> None:
    async def story(world: World) -> None:
        number = scheduled(world)
        olga = await host(world, number)
        ada = await caller(world, "Ada")
        first = (await ada.call(number)).json["locus"]["self"]["id"]
        await ada.leave(ada.locus)
        await asyncio.sleep(0.05)
        assert member(olga.locus, "Ada")["state"] == "LEFT"
        again = await ada.join(ada.locus["url"])
        assert again.json["locus"]["self"]["id"] == first
        await asyncio.sleep(0.05)
        assert (member(olga.locus, "Ada")["state"], ada.locus["self"]["state"]) == ("JOINED", "JOINED")
        assert ada.locus == (await ada.ask("GET", ada.locus["url"])).json

    told(story)


def test_who_is_in_is_not_asked_again_what_those_are_who_come() -> None:
    async def story(world: World) -> None:
        number = scheduled(world)
        ada = await caller(world, "Ada")
        first = await ada.call(number)
        other = await caller(world, user_id=ada.user_id)
        world.cloud.calls.meeting_set(number, locked=True, capacity=1, lobby=True, guest_pin="2222")
        for one in (ada, other):
            again = await one.join(first.json["locus"]["url"])
            assert (again.status, again.json["locus"]["self"]["state"]) == (200, "JOINED"), again.raw
        refused = await ada.join(first.json["locus"]["url"], moderator=True, pin="9")
        assert (refused.status, refused.json["errorCode"]) == (423, 2423006)

    told(story)


def test_the_pin_of_the_host_ends_the_wait_in_the_lobby() -> None:
    async def story(world: World) -> None:
        number = scheduled(world, open_for_guests=False)
        ada = await caller(world, "Ada")
        url = (await ada.call(number)).json["locus"]["url"]
        world.cloud.calls.meeting_set(number, pin="1111")
        wrong = await ada.join(url, moderator=True, pin="9")
        assert (wrong.status, wrong.json["errorCode"]) == (423, 2423005)
        assert (await ada.join(url)).json["locus"]["self"]["state"] == "IDLE"
        me = (await ada.join(url, moderator=True, pin="1111")).json["locus"]["self"]
        assert (me["state"], me["moderator"]) == ("JOINED", True)

    told(story)


def test_an_instant_meeting_has_an_address_and_settings_of_its_own() -> None:
    async def story(world: World) -> None:
        ada, bob = await caller(world, "Ada"), await caller(world, "Bob")
        locus = (await ada.call(None)).json["locus"]
        address, call = locus["self"]["callbackInfo"]["callbackAddress"], locus["url"].rpartition("/")[2]
        world.cloud.calls.meeting_set(call, guest_pin="2222")
        refused = await bob.call(f"sip:{address}")
        assert (refused.status, refused.json["errorCode"]) == (423, 2423006)
        joined = await bob.call(f"sip:{address}", pin="2222")
        assert joined.json["locus"]["url"] == locus["url"]
        world.cloud.calls.end(call)
        gone = await bob.call(address)
        assert (gone.status, gone.json["errorCode"]) == (404, 404006)

    told(story)


def test_who_has_left_is_host_no_more_and_a_call_in_is_all_or_nothing() -> None:
    async def story(world: World) -> None:
        number = scheduled(world)
        olga = await host(world, number)
        ada = await caller(world, "Ada")
        await ada.call(number)
        await asyncio.sleep(0.05)
        url, theirs = olga.locus["url"], member(olga.locus, "Ada")["url"]
        for invitees in (["x@elsewhere.example", "2999999999"], ["x@elsewhere.example", "ada@room.example"]):
            wish = olga.own(invitees=[{"address": one} for one in invitees])
            refused = await olga.ask("POST", f"{url}/participants", wish)
            assert refused.status in (404, 409)
        await asyncio.sleep(0.05)
        assert len(ada.locus["participants"]) == 2
        refused = await ada.ask("PUT", f"{url}/controls", ada.own(admit={"participantIds": "all"}))
        assert (refused.status, refused.json["errorCode"]) == (423, 2423007)
        await olga.leave(olga.locus)
        refused = await olga.ask("PUT", f"{theirs}/leave", olga.own())
        assert (refused.status, refused.json["errorCode"]) == (409, 2409005)

    told(story)


def test_a_meeting_that_is_over_takes_nobody_in_by_script_and_moves_to_no_meeting_but_another() -> None:
    async def story(world: World) -> None:
        number = scheduled(world)
        olga = await host(world, number)
        use, call = world.cloud.calls, olga.locus["url"].rpartition("/")[2]
        with pytest.raises(CloudError, match="another"):
            use.meeting_set(number, moved_to=f"{number}@webex.com", locked=True)
        assert use.query("call", [call])["locked"] is False
        use.end(call)
        with pytest.raises(CloudError, match="over"):
            use.person(call, "Ben", "join")
        assert use.query("call", [call])["state"] == "INACTIVE"
        assert [one["state"] for one in use.query("call", [call])["roster"]] == ["LEFT"]

    told(story)


def test_who_was_taken_out_does_not_see_who_stays() -> None:
    async def story(world: World) -> None:
        number = scheduled(world)
        olga = await host(world, number)
        ada, bob = await caller(world, "Ada"), await caller(world, "Bob")
        await ada.call(number)
        await asyncio.sleep(0.05)
        url, seen = ada.locus["url"], ada.locus["syncUrl"]
        assert len(ada.locus["participants"]) == 2
        await olga.ask("PUT", f"{member(olga.locus, 'Ada')['url']}/leave", olga.own())
        await asyncio.sleep(0.05)
        assert [one["state"] for one in ada.locus["participants"]] == ["LEFT"]
        heard = len(ada.events)
        await bob.call(number)
        await asyncio.sleep(0.05)
        assert len(ada.events) == heard
        for where in (url, seen):
            assert "Bob" not in (await ada.ask("GET", where)).raw.decode()
        assert (await ada.ask("GET", "/loci")).json["loci"] == []
        assert len(bob.locus["participants"]) == 3

    told(story)
