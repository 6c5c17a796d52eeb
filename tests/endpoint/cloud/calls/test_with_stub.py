"""Calls between the real call control and the real cloud."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cloud_stub.platform.context import CloudSettings
from endpoint.cloud.calls.control import CallControl
from endpoint.runtime.faults import Fault
from endpoint.wire.callcontrol import Action, Control, Leads, Refusal
from endpoint.wire.secret import Secret
from tests.endpoint.cloud.calls.ground import Ear, dial
from tests.endpoint.cloud.stubbed import START, Stubbed
from tests.endpoint.cloud.stubbed import play as play_stubbed


class Both:
    """Device and cloud, and a room that writes down what it is told."""

    def __init__(self, stage: Stubbed) -> None:
        self.stage = stage
        self.ear = Ear()
        self.calls = stage.cloud.calls
        account = stage.device.identity.account
        assert account is not None
        self.user_id = account.user_id

    @property
    def line(self) -> CallControl:
        return self.stage.device.calls

    async def settle(self, seconds: float = 5.0) -> None:
        await self.stage.clock.sleep(seconds)

    def cause(self, call_id: int) -> tuple[str, str]:
        (end,) = self.ear.ends[call_id]
        return end.cause_type, end.cause_string

    def roster(self, call: str) -> dict[str, str]:
        return {one["name"]: one["state"] for one in self.calls.query("call", [call])["roster"]}

    def nobody_is_left(self) -> bool:
        mine = [one for call in self.calls.list() for one in call["roster"] if one["userId"] == self.user_id]
        return not any(one["devices"] for one in mine)

    async def place(self, call_id: int, address: str, leads: Leads = Leads.SIP, **members: Any) -> None:
        self.line.place(call_id, dial(address, leads, **members))
        await self.settle()


def play(story: Callable[[Both], Awaitable[None]], **settings: Any) -> None:
    """Play a story; afterwards every call that the room knew has ended once, and none is left in the cloud."""

    async def stubbed(stage: Stubbed) -> None:
        await stage.online()
        both = Both(stage)
        both.line.around.room = both.ear
        await story(both)
        await stage.device.shut_down()
        known = {about[1] for about in both.ear.heard if len(about) > 1 and isinstance(about[1], int)}
        assert {call_id: len(ends) for call_id, ends in both.ear.ends.items()} == dict.fromkeys(known, 1)
        assert both.nobody_is_left()

    play_stubbed(stubbed, **settings)


def test_a_far_end_behind_the_gateway() -> None:
    async def story(both: Both) -> None:
        await both.place(2, "ada@far.example")
        assert both.ear.words[-1] == "established", (both.ear.heard, both.stage.log[-20:])
        assert both.stage.lines("Wx2Call") == ["Wx2Call I: media path p=2 udp"]
        both.line.leave(2)
        await both.settle()
        assert both.cause(2) == ("LocalDisconnect", "")
        assert both.nobody_is_left()

    play(story)


@pytest.mark.parametrize(
    ("behaviour", "kind", "code"),
    [("busy", "RemoteBusy", 486), ("reject", "RemoteRejected", 603), ("not_found", "UnknownRemoteSite", 404)],
)
def test_a_far_end_that_does_not_want(behaviour: str, kind: str, code: int) -> None:
    async def story(both: Both) -> None:
        both.calls.peer("ada@far.example", behaviour)
        await both.place(2, "ada@far.example")
        (end,) = both.ear.ends[2]
        assert (end.cause_type, end.cause_code) == (kind, code)
        assert both.nobody_is_left()

    play(story)


def test_a_number_that_nobody_has() -> None:
    async def story(both: Both) -> None:
        await both.place(2, "999999999", Leads.MEETING)
        told = "startOutgoingForWebexMeeting, unexpected, MeetingNotFound, response 404/404006"
        assert both.cause(2) == ("OtherRemote", f"CallError ({told})")

    play(story)


def test_somebody_calls_and_is_answered() -> None:
    async def story(both: Both) -> None:
        call = both.calls.ring("ada@far.example", both.user_id, display_name="Ada")
        await both.settle(1)
        assert both.ear.words == ["ring"]
        assert both.ear.rung[0].display_name == "Ada"
        assert "NOTIFIED" in both.roster(call).values()
        both.line.answer(51)
        await both.settle()
        assert both.ear.words[-1] == "established", both.stage.log[-20:]
        both.calls.person(call, "Ada", "mute")
        await both.settle(1)
        assert both.ear.conference is not None
        assert [one.audio_muted for one in both.ear.conference.members if one.name == "Ada"] == [True]
        both.calls.person(call, "Ada", "leave")
        await both.settle(1)
        assert both.cause(51)[0] == "RemoteDisconnect"

    play(story)


@pytest.mark.parametrize("how", ["cancel", "elsewhere", "unanswered", "declined"])
def test_somebody_calls_and_is_not_answered(how: str) -> None:
    async def story(both: Both) -> None:
        members: dict[str, Any] = {"cancel": {"cancel_after_s": 3}, "elsewhere": {"elsewhere_after_s": 3}}.get(how, {})
        both.calls.ring("ada@far.example", both.user_id, **members)
        await both.settle(1)
        if how == "declined":
            both.line.decline(51, Refusal.BUSY)
        await both.settle(70)
        (end,) = both.ear.ends[51]
        assert end.elsewhere is (how == "elsewhere")
        kinds = {
            "cancel": "RemoteDisconnect",
            "elsewhere": "OtherRemote",
            "unanswered": "OtherRemote",
            "declined": "LocalBusy",
        }
        assert end.cause_type == kinds[how]
        assert both.ear.words.count("ring") == 1

    play(story)


def test_an_instant_meeting_with_everything_in_it() -> None:
    async def story(both: Both) -> None:
        await both.place(2, "", Leads.INSTANT)
        assert both.ear.words[-1] == "established", (both.ear.heard, both.stage.log[-20:])
        (row,) = both.calls.list()
        call = row["id"]
        both.calls.person(call, "bob", "join", name="Bob")
        await both.settle(1)
        assert both.ear.conference is not None
        bob = next(one.id for one in both.ear.conference.members if one.name == "Bob")
        line = both.line
        assert await line.mute(2, True) == ""
        assert await line.mute(2, False) == ""
        assert await line.share(2, True) == ""
        await both.settle(1)
        mine = next(one.id for one in both.ear.conference.members if one.is_self)
        assert both.ear.conference.shared_by == mine
        assert await line.share(2, False) == ""
        assert await line.hold(2, True) == ""
        assert await line.hold(2, False) == ""
        assert await line.dtmf(2, "12#") == ""
        for control in (
            Control(Action.LOCK), Control(Action.LOCK, on=False), Control(Action.MUTE, participant_id=bob),
            Control(Action.HAND), Control(Action.HAND, on=False), Control(Action.MUTE_ALL), Control(Action.HARD_MUTE),
            Control(Action.RECORD, value="start"), Control(Action.RECORD, value="pause"), Control(Action.RECORD, value="stop"),
            Control(Action.TO_LOBBY, participant_id=bob), Control(Action.ADMIT, participant_id=bob), Control(Action.ADMIT_ALL),
            Control(Action.ROLE, participant_id=bob, value="Cohost"), Control(Action.LAYOUT, value="Prominent"),
            Control(Action.ADD, value="eve@far.example"), Control(Action.EXPEL, participant_id=bob),
        ):  # fmt: skip
            assert (control, await line.control(2, control)) == (control, "")
        await both.settle(1)
        assert await line.control(2, Control(Action.END)) == ""
        await both.settle(1)
        assert both.cause(2)[0] == "LocalDisconnect"
        assert not [line for line in both.stage.log if "not understood" in line or "sequence gap" in line]

    play(story)


def test_two_calls_become_one() -> None:
    async def story(both: Both) -> None:
        await both.place(2, "ada@far.example")
        assert await both.line.hold(2, True) == ""
        await both.place(3, "bob@far.example")
        assert both.ear.words.count("established") == 2
        assert await both.line.join([3, 2]) == ""
        await both.settle(1)
        assert both.ear.words[-2:] == ["joined", "ended LocalDisconnect"]
        assert both.ear.conference is not None
        assert len(both.ear.conference.members) == 3
        assert list(both.line.calls) == [3]
        both.line.leave(3)
        await both.settle(1)

    play(story)


def _meeting(both: Both, number: str = "123456789", **settings: Any) -> str:
    both.stage.use.meeting_create("Weekly", START, 240, meeting_number=number, push="none")
    both.calls.meeting_set(number, **settings)
    return number


def test_a_lobby() -> None:
    async def story(both: Both) -> None:
        number = _meeting(both, lobby=True)
        await both.place(3, number, Leads.MEETING)
        assert both.ear.words[-1] == "lobby"
        await both.settle(600)
        assert both.ear.words[-1] == "lobby"
        both.calls.admit(number)
        await both.settle()
        assert both.ear.words[-1] == "established"
        me = next(one.id for one in both.line.calls[3].locus.participants if one.person.name == "Lab")  # type: ignore[union-attr]
        both.calls.lobby(number, me)
        await both.settle()
        assert both.ear.words[-1] == "lobby"
        both.calls.admit(number)
        await both.settle()
        assert both.ear.words[-1] == "established"
        both.calls.drop(number, me)
        await both.settle()
        assert both.cause(3)[0] == "RemoteDisconnect"

    play(story)


def test_pins() -> None:
    async def story(both: Both) -> None:
        number = _meeting(both, pin="4711")
        await both.place(4, number, Leads.MEETING)
        assert both.ear.words[-1] == "asked HostPinOrGuest"
        assert await both.line.authenticate(4, "Host", Secret("pin", "1")) == "The PIN was wrong"
        assert await both.line.authenticate(4, "Host", Secret("pin", "4711")) == ""
        await both.settle()
        assert both.ear.words[-1] == "established"
        assert both.ear.conference is not None
        assert both.ear.conference.is_moderator
        both.line.leave(4)
        await both.settle()
        both.calls.meeting_set(number, guest_pin="12")
        await both.place(5, number, Leads.MEETING, role="Guest", pin=Secret("pin", "12"))
        assert both.ear.words[-1] == "established"
        assert "4711" not in "".join(both.stage.log)

    play(story)


@pytest.mark.parametrize(
    ("settings", "word"), [({"locked": True}, "MeetingLocked"), ({"capacity": 1}, "JoinedParticipantsExceeded")]
)
def test_a_meeting_that_takes_nobody(settings: dict[str, Any], word: str) -> None:
    async def story(both: Both) -> None:
        number = _meeting(both, **settings)
        both.calls.person(number, "bob", "join", name="Bob")
        await both.place(2, number, Leads.MEETING)
        assert word in both.cause(2)[1]

    play(story)


def test_the_same_meeting_once_more_is_told_that_the_room_is_in_it() -> None:
    async def story(both: Both) -> None:
        number = _meeting(both)
        await both.place(2, number, Leads.MEETING)
        both.line.leave(2)
        await both.place(3, number, Leads.MEETING)
        await both.place(4, number, Leads.MEETING)
        assert both.cause(4) == ("OtherLocal", "In the meeting already")
        assert list(both.line.calls) == [3]
        assert not both.nobody_is_left()

    play(story)


def test_a_meeting_that_moves_takes_the_device_with_it() -> None:
    async def story(both: Both) -> None:
        number, other = _meeting(both), _meeting(both, "987654321")
        await both.place(2, number, Leads.MEETING)
        before = both.line.calls[2].url
        both.calls.meeting_set(number, moved_to=other)
        await both.settle()
        assert both.line.calls[2].url != before
        assert both.ear.words[-1] == "established"
        both.calls.person(other, "bob", "join", name="Bob")
        await both.settle()
        assert both.ear.conference is not None
        assert "Bob" in [one.name for one in both.ear.conference.members]
        both.calls.end(other)
        await both.settle()
        assert both.cause(2)[0] == "RemoteDisconnect"

    play(story)


@pytest.mark.parametrize("form", ["auto", "full", "delta"])
def test_the_form_of_events_makes_no_difference(form: str) -> None:
    async def story(both: Both) -> None:
        call = both.calls.ring("ada@far.example", both.user_id, display_name="Ada")
        await both.settle(1)
        both.line.answer(51)
        await both.settle()
        assert both.ear.words == ["ring", "established"]
        both.calls.person(call, "Ada", "hold")
        await both.settle(1)
        assert both.ear.conference is not None
        assert both.ear.conference.held
        both.calls.person(call, "Ada", "dtmf", value="42#")
        await both.settle(1)
        assert both.ear.words[-1] == "dtmf 42#"

    play(story, cloud_settings=CloudSettings(locus_events=form))


@pytest.mark.parametrize("seconds", [5, 50, 100, 300])
def test_a_network_that_is_gone_for_a_while(seconds: int) -> None:
    async def story(both: Both) -> None:
        await both.place(2, "ada@far.example")
        here = {"device": both.stage.device.who}
        both.stage.faults.arm(Fault("gone", "link", "down", here))
        both.stage.faults.strike(Fault("cut", "tcp", "reset", here))
        await both.settle(seconds)
        assert ("preserved True" in both.ear.words) is (seconds >= 50)
        both.stage.faults.heal("gone")
        both.stage.device.network_changed()
        await both.settle(120)
        if 2 in both.line.calls:
            assert "ended" not in str(both.ear.words)
            assert both.ear.words[-1] in ("preserved False", "established", "media")
        else:
            assert both.cause(2)[0] in ("OtherLocal", "OtherRemote", "RemoteDisconnect")
        assert (2 in both.line.calls) is (seconds < 60), both.ear.heard

    play(story)
