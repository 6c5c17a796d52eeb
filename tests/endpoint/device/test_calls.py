"""Calls of a whole device against the stub cloud: what only both sides together show."""

from __future__ import annotations

from typing import Any

from endpoint.wire.xapi.calls import INTERNAL
from tests.endpoint.cloud.stubbed import Stubbed, play

MEETING = "24680246802@example.webex.test"


async def command(stage: Stubbed, path: str, **arguments: object) -> Any:
    commands = stage.device.xapi.commands
    outcome = commands.call(commands.prepare(tuple(path.split(" ")), arguments, "", INTERNAL))
    return await outcome if hasattr(outcome, "__await__") else outcome


def disconnects(stage: Stubbed) -> list[tuple[int, str, str]]:
    told = [event.data for event in stage.trace.events if event.kind == "xapi.event"]
    fields = [one["fields"] for one in told if one["event"] == "CallDisconnect"]
    return [(one["CallId"], one["CauseType"], one["CauseString"]) for one in fields]


def test_a_call_that_people_reject_is_told_as_rejected_not_as_busy() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        account = stage.device.identity.account
        assert account is not None
        stage.cloud.calls.ring("ada@far.example", account.user_id, display_name="Ada")
        await stage.clock.sleep(1.0)
        await command(stage, "Call Reject")
        await stage.clock.sleep(1.0)
        assert disconnects(stage) == [(2, "LocalReject", "")]
        assert [(one.occurrence, one.disconnect_cause_type) for one in stage.device.local.call_history.entries] == [
            ("Rejected", "LocalReject")
        ]

    play(story)


def test_the_key_of_a_host_is_seen_nowhere_but_in_the_request() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        key = "778899"
        await command(stage, "Zoom Join", MeetingID="81234567890", MeetingPasscode="112233", HostKey=key)
        await stage.clock.sleep(5.0)
        (call,) = stage.device.local.calls.shown()
        assert (call["status"], call["number"]) == ("Connected", "81234567890.112233@zoomcrc.com")
        await command(stage, "Call Disconnect")
        await stage.clock.sleep(5.0)
        assert not [event.as_json() for event in stage.trace.events if key in event.as_json()]
        assert not [line for line in stage.log if key in line]
        assert key not in repr(stage.device.local.call_history.entries)

    play(story)


def test_a_meeting_that_is_dialled_again_stays_with_the_call_that_has_it() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        stage.use.meeting_create("Round", stage.clock.now(), 30, join={"meetingJoinURI": MEETING})
        await command(stage, "Dial", Number=MEETING)
        await stage.clock.sleep(2.0)
        await command(stage, "Dial", Number=MEETING)
        await command(stage, "Dial", Number=MEETING)
        await command(stage, "Call Disconnect", CallId=4)
        await stage.clock.sleep(5.0)
        ends = disconnects(stage)
        assert (3, "OtherLocal", "In the meeting already") in ends
        assert [number for number, *_ in ends] == [4, 3]
        assert [(call["id"], call["status"]) for call in stage.device.local.calls.shown()] == [(2, "OnHold")]
        await command(stage, "Call Resume", CallId=2)
        assert [(call["id"], call["status"]) for call in stage.device.local.calls.shown()] == [(2, "Connected")]
        (locus,) = stage.cloud.calls.list()
        assert [one["state"] for one in locus["roster"]] == ["JOINED"]
        stage.cloud.calls.end(locus["id"])
        await stage.clock.sleep(1.0)
        assert stage.device.local.calls.shown() == []

    play(story)


def test_a_held_call_that_was_in_the_lobby_meanwhile_is_taken_back_on_both_sides() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        stage.use.meeting_create("Round", stage.clock.now(), 30, join={"meetingJoinURI": MEETING})
        calls = stage.cloud.calls
        calls.person(MEETING, "Ana", "join", role="host")
        await command(stage, "Dial", Number=MEETING)
        await stage.clock.sleep(2.0)
        await command(stage, "Call Hold", CallId=2)
        calls.lobby(MEETING, "Lab")
        await stage.clock.sleep(2.0)
        calls.admit(MEETING)
        await stage.clock.sleep(2.0)
        await command(stage, "Call Resume", CallId=2)
        await stage.clock.sleep(1.0)
        assert [call["status"] for call in stage.device.local.calls.shown()] == ["Connected"]
        (locus,) = calls.list()
        assert [one["held"] for one in locus["roster"]] == [False, False]

    play(story)
