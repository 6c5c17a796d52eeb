"""Far ends by script: what they do when they are called, who calls a device, and people without a client."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from callers import Caller, caller, member, told
from cloud_world import START, World

from cloud_stub.platform.errors import CloudError

FAR = "reception@sip.example"


async def dialled(world: World, address: str = FAR) -> Caller:
    """Let Ada dial an address."""
    ada = await caller(world)
    reply = await ada.call(address)
    assert reply.status == 200, reply.raw
    return ada


def other(one: Caller) -> dict[str, Any]:
    """Return the far end as somebody sees it."""
    mine = one.locus["self"]["url"]
    return next(far for far in one.locus["participants"] if far["url"] != mine)


BEHAVIOURS = [
    # what, after how long, state, reason, gatewayCause
    ("answer", 1.0, "JOINED", None, None),
    ("prompt", 1.0, "JOINED", None, None),
    ("busy", 1.0, "DECLINED", "BUSY", (486, "Busy Here", "RemoteBusy", "SIP", 17)),
    ("reject", 1.0, "DECLINED", "REMOTE", (603, "Decline", "RemoteRejected", "SIP", 21)),
    ("not_found", 1.0, "DECLINED", "NOT_FOUND", (404, "Not Found", "UnknownRemoteSite", "SIP", 1)),
    ("ssl", 2.0, "DECLINED", "UNREACHABLE", (38, "SSL connection rejected", "SslRejected", "Internal", 38)),
    ("no_answer", 60.0, "LEFT", "UNANSWERED", (480, "Temporarily Unavailable", "RemoteNoAnswer", "SIP", 19)),
]


@pytest.mark.parametrize(("behaves", "after_s", "state", "reason", "cause"), BEHAVIOURS)
def test_a_far_end_behaves_as_it_is_laid_down(
    behaves: str, after_s: float, state: str, reason: str | None, cause: tuple[Any, ...] | None
) -> None:
    async def story(world: World) -> None:
        world.cloud.calls.peer(FAR, behaves)
        ada = await dialled(world, f"sip:{FAR.upper()}")
        await asyncio.sleep(after_s - 0.1)
        assert other(ada)["state"] in ("IDLE", "NOTIFIED")
        await asyncio.sleep(0.2)
        far = other(ada)
        assert (far["state"], far.get("reason")) == (state, reason)
        if cause is None:
            assert "gatewayCause" not in far
            assert far["devices"][0]["deviceType"] == "SIP"
            return
        assert tuple(far["gatewayCause"][name] for name in ("code", "text", "type", "origin", "value")) == cause
        assert ada.locus["fullState"]["state"] == "INACTIVE"

    told(story)


@pytest.mark.parametrize(
    ("do", "state", "reason"),
    [("busy", "DECLINED", "BUSY"), ("rejected", "DECLINED", "REMOTE"), ("no_answer", "LEFT", "UNANSWERED")],
)
@pytest.mark.parametrize("address", [FAR, "bob@room.example"])
def test_faults_make_a_far_end_behave(do: str, state: str, reason: str, address: str) -> None:
    async def story(world: World) -> None:
        await caller(world, "Bob")
        world.cloud.use_cases.fault("f", "locus", do, count=1)
        ada = await dialled(world, address)
        await asyncio.sleep(61)
        assert (other(ada)["state"], other(ada)["reason"]) == (state, reason)
        assert ("gatewayCause" in other(ada)) is (address == FAR)

    told(story)


def test_a_far_end_is_told_what_to_do_while_it_is_called() -> None:
    async def story(world: World) -> None:
        do = world.cloud.calls
        do.peer(FAR, "no_answer")
        ada = await dialled(world)
        await asyncio.sleep(5)
        assert other(ada)["state"] == "NOTIFIED"
        assert world.cloud.use_cases.query(f"peer.{FAR}.state") == "ringing"
        do.answer(FAR, 1.0)
        await asyncio.sleep(1.1)
        assert other(ada)["state"] == "JOINED"
        with pytest.raises(CloudError):
            do.decline(ada.locus["url"].rpartition("/")[2])
        do.person(FAR, FAR, "leave")
        await asyncio.sleep(0.1)
        assert ada.locus["fullState"]["state"] == "INACTIVE"
        assert world.cloud.use_cases.query(f"peer.{FAR}.state") == "ended"
        do.decline(FAR, "reject")
        ada = await dialled_again(ada)
        await asyncio.sleep(0.1)
        assert other(ada)["reason"] == "REMOTE"
        assert world.cloud.use_cases.query(f"peer.{FAR}") == {
            "address": FAR, "state": "refused", "prompts": 0, "calls": 2, "behaves": "reject",
        }  # fmt: skip

    told(story)


async def dialled_again(ada: Caller) -> Caller:
    ada.views.clear()
    assert (await ada.call(FAR)).status == 200
    return ada


def test_a_prompt_takes_tones_over_the_wire() -> None:
    async def story(world: World) -> None:
        world.cloud.calls.peer(FAR, "prompt", meeting_id="98 765", passcode="2468")
        ada = await dialled(world)
        await asyncio.sleep(1.1)
        for tones, state, prompts in (
            ("98765#", "prompt", 2),
            ("1#", "prompt", 3),
            ("24", "prompt", 3),
            ("68#", "in_meeting", 3),
        ):
            sent = await ada.ask("POST", f"{ada.locus['self']['url']}/sendDtmf", ada.own(dtmf={"tones": tones}))
            assert sent.status == 200
            query = world.cloud.use_cases.query
            assert (query(f"peer.{FAR}.state"), query(f"peer.{FAR}.prompts")) == (state, prompts)

    told(story)


@pytest.mark.parametrize(
    ("address", "is_lost", "state"),
    [
        ("81234567890.112233@zoomcrc.com", False, "in_meeting"),
        ("81234567890.112233.504@zoomcrc.com", False, "in_meeting"),
        ("81234567890@zoomcrc.com", False, "prompt"),
        ("81234567890.112233@zoomcrc.com", True, "prompt"),
        ("sip:81234567890.112233@zoomcrc.com;transport=tls", False, "refused"),
    ],
)
def test_zoom_knows_the_passcode_that_was_sent_in_an_invitation(address: str, is_lost: bool, state: str) -> None:
    async def story(world: World) -> None:
        world.cloud.use_cases.meeting_create(
            "Sales", START, 30, push="none", join={"callURI": "81234567890.112233@zoomcrc.com"}
        )
        if is_lost:
            world.cloud.use_cases.fault("f", "locus", "lost_passcode")
        ada = await dialled(world, address)
        await asyncio.sleep(2.5)
        query = world.cloud.use_cases.query
        assert query("peer.81234567890@zoomcrc.com.state") == state
        assert query("peer.81234567890.112233@zoomcrc.com.prompts") == (1 if state == "prompt" else 0)
        assert other(ada)["type"] == "MEETING_BRIDGE"

    told(story)


def test_somebody_calls_and_is_answered() -> None:
    async def story(world: World) -> None:
        ada = await caller(world)
        call = world.cloud.calls.ring("ben.bo@acme.example", ada.user_id, name="ring", display_name="Ben Bo")
        await asyncio.sleep(0.05)
        assert (ada.locus["self"]["alertType"]["action"], ada.locus["host"]["name"]) == ("FULL", "Ben Bo")
        assert ada.locus["self"]["callbackInfo"]["callbackAddress"] == "ben.bo@acme.example"
        assert (await ada.join(ada.locus["url"])).status == 200
        world.cloud.calls.mute(call, "Ben Bo")
        await asyncio.sleep(0.05)
        assert other(ada)["controls"]["audio"]["muted"] is True
        world.cloud.calls.person(call, "ben bo", "leave")
        await asyncio.sleep(0.05)
        assert (other(ada)["state"], ada.locus["fullState"]["state"]) == ("LEFT", "INACTIVE")

    told(story)


@pytest.mark.parametrize(
    ("fields", "fault", "after_s", "state", "mine"),
    [
        ({"cancel_after_s": 5.0}, "", 5.0, "INACTIVE", "IDLE"),
        ({"elsewhere_after_s": 5.0}, "", 5.0, "ACTIVE", "JOINED"),
        ({}, "elsewhere", 1.0, "ACTIVE", "JOINED"),
        ({}, "", 60.0, "INACTIVE", "LEFT"),
    ],
)
def test_a_call_that_is_not_taken(fields: dict[str, Any], fault: str, after_s: float, state: str, mine: str) -> None:
    async def story(world: World) -> None:
        ada = await caller(world)
        if fault:
            world.cloud.use_cases.fault("f", "locus", fault)
        world.cloud.calls.ring("Ben Bo", "ada@room.example", **fields)
        await asyncio.sleep(after_s - 0.5)
        assert ada.locus["self"]["state"] == "IDLE"
        await asyncio.sleep(1)
        assert (ada.locus["fullState"]["state"], ada.locus["self"]["state"]) == (state, mine)
        if mine == "JOINED":
            assert ada.device_url not in [one["url"] for one in ada.locus["self"]["devices"]]
            await asyncio.sleep(15)
            assert world.cloud.use_cases.query("calls.count") == 0, "a call between far ends does not go on for ever"

    told(story)


def test_a_meeting_calls() -> None:
    async def story(world: World) -> None:
        ada = await caller(world)
        call = world.cloud.calls.ring("Ben Bo", ada.user_id, is_meeting=True, display_name="Stand-up")
        await asyncio.sleep(0.05)
        assert (ada.locus["fullState"]["type"], ada.locus["info"]["topic"]) == ("MEETING", "Stand-up")
        assert (await ada.join(ada.locus["url"])).json["locus"]["self"]["state"] == "JOINED"
        world.cloud.calls.end(call)
        await asyncio.sleep(0.05)
        assert ada.locus["self"]["reason"] == "MEETING_ENDED"

    told(story)


def test_people_meet_before_a_device_comes() -> None:
    async def story(world: World) -> None:
        do = world.cloud.calls
        number = world.cloud.hybrid.site.one_time("Review", None, "roomsim.webex.test").number
        ana = do.person(number, "Ana Smith", "join", role="host")
        ada = await caller(world)
        await ada.call(number)
        do.person(number, "Ana Smith", "share")
        do.person(number, ana, "raise_hand")
        await asyncio.sleep(0.05)
        seen = member(ada.locus, "Ana Smith")
        assert (seen["moderator"], seen["controls"]["hand"]["raised"]) == (True, True)
        assert ada.locus["mediaShares"][0]["floor"]["beneficiary"]["id"] == ana
        do.hard_mute(number)
        do.lock(number)
        do.record(number, "start")
        do.record(number, "pause")
        await asyncio.sleep(0.05)
        assert ada.locus["self"]["controls"]["audio"]["disallowUnmute"] is True
        assert (ada.locus["controls"]["lock"]["locked"], ada.locus["controls"]["record"]["paused"]) == (True, True)
        do.mute(number, ada.user_id, False)
        await asyncio.sleep(0.05)
        assert ada.locus["self"]["controls"]["audio"]["requestedToUnmute"] is True
        do.lobby(number, ada.user_id)
        await asyncio.sleep(0.05)
        assert ada.locus["self"]["state"] == "IDLE"
        assert do.admit(number) == 1
        do.person(number, ana, "dtmf", value="1#")
        await asyncio.sleep(0.05)
        assert [event["message"] for event in ada.events if "message" in event] == [{"tones": "1#"}]
        do.drop(number)
        await asyncio.sleep(0.05)
        assert (ada.locus["self"]["state"], ada.locus["self"]["reason"]) == ("LEFT", "FORCED")
        shown = do.list()[0]
        assert (shown["state"], shown["clients"], len(shown["roster"])) == ("ACTIVE", 0, 2)

    told(story)


def test_the_fault_ended_ends_what_it_is_aimed_at() -> None:
    async def story(world: World) -> None:
        ada = await dialled(world)
        await asyncio.sleep(2)
        use = world.cloud.use_cases
        assert use.fault("a", "locus", "ended", target={"call": "none"}).used == 0
        assert ada.locus["fullState"]["state"] == "ACTIVE"
        assert use.fault("b", "locus", "ended", target={"address": FAR}).used == 1
        await asyncio.sleep(0.05)
        assert ada.locus["fullState"]["state"] == "INACTIVE"

    told(story)


MISTAKES: list[tuple[str, tuple[Any, ...], dict[str, Any], str]] = [
    ("ring", ("x@y.example", "nobody"), {}, "user"),
    ("ring", ("ada@room.example", "ada@room.example"), {}, "himself"),
    ("answer", ("none",), {}, "no call"),
    ("decline", (FAR, "later"), {}, "busy"),
    ("peer", (FAR, "sleep"), {}, "answer, busy"),
    ("peer", ("", "answer"), {}, "address"),
    ("peer", (FAR, "answer", -1.0), {}, "0 or more"),
    ("meeting_set", ("2999999999",), {"locked": True}, "no meeting"),
    ("person", ("none", "Ana", "mute"), {}, "no call"),
    ("person", (FAR, "Ana", "sing"), {}, "join, leave"),
    ("person", (FAR, "Ana", "mute"), {}, "Ada"),
    ("person", (FAR, FAR, "dtmf"), {}, "tones"),
    ("person", (FAR, FAR, "dtmf"), {"value": "open sesame"}, "tones"),
    ("person", (FAR, FAR, "share"), {}, "IDLE"),
    ("person", (FAR, FAR, "hold"), {}, "IDLE"),
    ("person", (FAR, FAR, "dtmf"), {"value": "1"}, "IDLE"),
    ("ring", ("x@y.example", "ada@room.example"), {"cancel_after_s": -1.0}, "0 to"),
    ("ring", ("x@y.example", "ada@room.example"), {"elsewhere_after_s": float("nan")}, "0 to"),
    ("answer", (FAR, float("inf")), {}, "0 to"),
    ("admit", (FAR, "Ada"), {}, "lobby"),
    ("record", (FAR, "rewind"), {}, "start"),
    ("end", ("none",), {}, "no call"),
]


@pytest.mark.parametrize(("verb", "args", "options", "text"), MISTAKES)
def test_mistakes_say_what_would_be_right(verb: str, args: tuple[Any, ...], options: dict[str, Any], text: str) -> None:
    async def story(world: World) -> None:
        await dialled(world)
        with pytest.raises(CloudError) as refused:
            getattr(world.cloud.calls, verb)(*args, **options)
        assert text in refused.value.text
        assert "\n" not in refused.value.text
        assert world.cloud.use_cases.query("calls.count") == 1, "nothing has begun"

    told(story)


def test_state_is_asked_for_by_paths() -> None:
    async def story(world: World) -> None:
        query = world.cloud.use_cases.query
        assert query("calls") == {"count": 0, "ids": []}
        with pytest.raises(CloudError):
            query("call.state")
        ada = await dialled(world)
        call = ada.locus["url"].rpartition("/")[2]
        assert query("calls.count") == 1
        assert (query("call.state"), query(f"call.{call}.state"), query(f"call.{FAR}.state")) == ("ACTIVE",) * 3
        assert [one["name"] for one in query(f"call.{call}.roster")] == ["Ada", FAR]
        for wrong in (
            "call.none.state",
            f"call.{call}.colour",
            f"peer.{FAR}.colour",
            "peer.x@y.example.state",
            "calls.colour",
        ):
            with pytest.raises(CloudError):
                query(wrong)
        text = repr(query(f"call.{call}"))
        assert "sdp" not in text.casefold()

    told(story)
