"""What can be done with calls that there are. Source: protocol/xapi.md 8.1, 8.4, xapi-nodes.md 4.7, 6.6, 7.6."""

from __future__ import annotations

from typing import Any

import pytest
from calling import ADA, REMOTE, SELF, Calling

from endpoint.room.calls.screen import QUESTIONS, UNMUTE, WRONG
from endpoint.wire.callcontrol import Action, Control, Member
from endpoint.wire.xapi.errors import BadArguments, CommandFailed

BEN = Member(id="ben", name="Ben", uri="ben@room.example", status="waiting")
LIST = "Conference ParticipantList"


def hosting(**more: Any) -> tuple[Calling, int]:
    """A room that hosts a meeting with Ada and Ben."""
    room = Calling()
    call_id = room.dialled()
    room.conference(call_id, members=(SELF, ADA, BEN), is_moderator=True, **more)
    room.told()
    return room, call_id


@pytest.mark.parametrize(
    ("command", "arguments", "control"),
    [
        ("Conference MuteAll", {"AudioMute": "On"}, Control(Action.MUTE_ALL)),
        ("Conference MuteAll", {"AudioMute": "Off"}, Control(Action.MUTE_ALL, on=False)),
        ("Conference HardMute", {"HardMute": "On"}, Control(Action.HARD_MUTE)),
        ("Conference Lock", {"CallId": 2, "Lock": "Off"}, Control(Action.LOCK, on=False)),
        ("Conference AdmitAll", {}, Control(Action.ADMIT_ALL)),
        ("Conference EndMeeting", {"CallId": 2}, Control(Action.END)),
        ("Conference TransferHostAndLeave", {}, Control(Action.HAND_OVER)),
        ("Conference Hand Raise", {}, Control(Action.HAND)),
        ("Conference Hand Lower", {}, Control(Action.HAND, on=False)),
        ("Conference Recording Start", {}, Control(Action.RECORD, value="start")),
        ("Conference Recording Pause", {}, Control(Action.RECORD, value="pause")),
        ("Conference Recording Resume", {}, Control(Action.RECORD, value="resume")),
        ("Conference Recording Stop", {}, Control(Action.RECORD, on=False, value="stop")),
        ("Conference Participant Add", {"Number": "cy@example.com"}, Control(Action.ADD, value="cy@example.com")),
        (
            "Conference Participant Mute",
            {"CallId": 2, "ParticipantId": "ada", "AudioMute": "On"},
            Control(Action.MUTE, participant_id="ada"),
        ),
        (
            "Conference Participant Admit",
            {"CallId": 2, "ParticipantId": "ben"},
            Control(Action.ADMIT, participant_id="ben"),
        ),
        (
            "Conference Participant Disconnect",
            {"CallId": 2, "ParticipantId": "ada"},
            Control(Action.EXPEL, participant_id="ada"),
        ),
        (
            "Conference Participant MoveToLobby",
            {"CallId": 2, "ParticipantId": "ada"},
            Control(Action.TO_LOBBY, participant_id="ada"),
        ),
        (
            "Conference Participant LowerHand",
            {"CallId": 2, "ParticipantId": "ada"},
            Control(Action.HAND, on=False, participant_id="ada"),
        ),
        (
            "Conference Participant TransferRole",
            {"CallId": 2, "ParticipantId": "ada", "ParticipantRole": "Cohost", "State": "True"},
            Control(Action.ROLE, participant_id="ada", value="Cohost"),
        ),
    ],
)
def test_a_wish_about_the_conference_reaches_the_cloud(
    command: str, arguments: dict[str, Any], control: Control
) -> None:
    room, call_id = hosting()
    room.call(command, **arguments)
    assert room.line.said[-1] == ("control", call_id, control)
    room.line.at_once = "the meeting does not let the device do that"
    with pytest.raises(CommandFailed, match="does not let the device"):
        room.call(command, **arguments)


def test_a_participant_that_is_not_there_cannot_be_muted() -> None:
    room, _ = hosting()
    with pytest.raises(CommandFailed, match="has no participant 'cy'"):
        room.call("Conference Participant Mute", CallId=2, ParticipantId="cy", AudioMute="On")


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("Call Accept", {}),
        ("Call Reject", {}),
        ("Call Disconnect", {}),
        ("Call Hold", {}),
        ("Call Resume", {}),
        ("Call Join", {}),
        ("Call DTMFSend", {"DTMFString": "1"}),
        ("Call Ignore", {"CallId": 9}),
        ("Call Disconnect", {"CallId": 9}),
        ("Conference Hand Raise", {}),
        ("Conference Call AuthenticationResponse", {"ParticipantRole": "Guest"}),
        ("Conference ParticipantList Search", {}),
    ],
)
def test_without_a_call_nothing_can_be_done(command: str, arguments: dict[str, Any]) -> None:
    room = Calling()
    before = room.snapshot()
    with pytest.raises(CommandFailed, match=r"There is no(thing|  *call)"):
        room.call(command, **arguments)
    assert room.snapshot() == before


@pytest.mark.parametrize(
    ("command", "arguments", "why"),
    [
        ("Call Accept", {"CallId": 2}, "does not ring: it is Connected"),
        ("Call Reject", {"CallId": 2}, "does not ring"),
        ("Call Ignore", {"CallId": 2}, "does not ring"),
        ("Call Resume", {"CallId": 2}, "is not on hold: it is Connected"),
        ("Call Hold", {"CallId": 3}, "is not connected: it is Ringing"),
        ("Call DTMFSend", {"CallId": 3, "DTMFString": "1"}, "is not connected"),
        ("Call Join", {"CallId": [2, 3]}, "is not connected: it is Ringing"),
        ("Call Join", {"CallId": 2}, "two calls have to be connected"),
        ("Conference Lock", {"CallId": 3, "Lock": "On"}, "is not connected"),
        ("Conference ParticipantList Search", {"CallId": 3}, "has no participants yet"),
        ("Conference Call AuthenticationResponse", {"CallId": 2, "ParticipantRole": "Host"}, "does not ask for a PIN"),
        ("Call Hold", {"CallId": 7}, "There is no call 7; there is 2, 3"),
    ],
)
def test_a_call_in_another_state_refuses(command: str, arguments: dict[str, Any], why: str) -> None:
    room = Calling()
    room.dialled()
    room.rung()
    with pytest.raises(CommandFailed, match=why):
        room.call(command, **arguments)


def test_tones_go_out_and_come_in() -> None:
    room = Calling()
    call_id = room.dialled()
    room.call("Call DTMFSend", DTMFString="12#*d")
    assert room.line.said[-1] == ("dtmf", call_id, "12#*D")
    room.told()
    room.calls.dtmf_received(call_id, "5")
    assert room.told() == [("DTMFReceive", {"CallId": call_id, "DTMFString": "5"})]
    with pytest.raises(BadArguments, match="tones are 0 to 9"):
        room.call("Call DTMFSend", DTMFString="1 2")


def test_disconnect_ends_the_active_call_and_else_what_is_there() -> None:
    room = Calling()
    held = room.dialled()
    active = room.dialled("ada@example.com", meeting=False)
    ringing = room.rung()
    ended = []
    for _ in range(3):
        room.line.said.clear()
        room.call("Call Disconnect")
        what, call_id = room.line.said[0][:2]
        ended.append((what, call_id))
        room.calls.ended(call_id, REMOTE)
    assert ended == [("leave", active), ("leave", held), ("decline", ringing)]


# PIN


def test_a_pin_is_asked_entered_wrong_and_entered_again() -> None:
    room = Calling()
    room.call("Dial", Number="1234@site.webex.test")
    room.calls.asked(2, "HostPinOrGuest")
    request = ("Conference", "Call", 2, "AuthenticationRequest")
    assert room.status.get(request) == "HostPinOrGuest"
    assert room.calls.screen()["prompt"]["text"] == QUESTIONS["HostPinOrGuest"]
    room.told()
    room.call("Conference Call AuthenticationResponse", ParticipantRole="Host", Pin="4711")
    entered = {"CallId": 2, "AuthenticatingPin": "True", "NumDigitsEntered": 4, "ParticipantRole": "Host"}
    assert room.told() == [("Conference Call AuthenticationResponse PinEntered", entered)]
    what, call_id, role, pin = room.line.said[-1]
    assert (what, call_id, role, pin.reveal()) == ("authenticate", 2, "Host", "4711")
    assert room.status.get(request) == "None"
    room.calls.asked(2, "HostPinOrGuest", is_wrong=True)
    assert room.told() == [("Conference Call AuthenticationResponse PinError", {"CallId": 2})]
    assert room.calls.screen()["prompt"]["text"].startswith(WRONG)
    room.call("Conference Call AuthenticationResponse", ParticipantRole="Guest")
    assert room.line.said[-1] == ("authenticate", 2, "Guest", None)
    room.connect(2)
    assert not room.calls.screen()["prompt"]["visible"]
    assert "4711" not in "".join(event.as_json() for event in room.room.world.trace.events) + "".join(room.lines())


def test_a_wrong_pin_is_no_failure_of_the_command_and_is_asked_for_again() -> None:
    room = Calling()
    room.call("Dial", Number="1234@site.webex.test")
    room.calls.asked(2, "HostPinOrGuest")
    room.line.at_once = None
    room.call("Conference Call AuthenticationResponse", ParticipantRole="Host", Pin="1")
    room.calls.asked(2, "HostPinOrGuest", is_wrong=True)
    room.reply("The PIN was wrong")
    assert room.failures == []
    assert room.status.get(("Conference", "Call", 2, "AuthenticationRequest")) == "HostPinOrGuest"
    assert [name for name, _ in room.told()].count("Conference Call AuthenticationResponse PinError") == 1


def test_an_answer_that_does_not_get_through_is_asked_for_again() -> None:
    room = Calling()
    room.call("Dial", Number="1234@site.webex.test")
    room.calls.asked(2, "GuestPin")
    room.line.at_once = "the cloud does not answer"
    with pytest.raises(CommandFailed, match="does not answer"):
        room.call("Conference Call AuthenticationResponse", ParticipantRole="Guest", Pin="1")
    assert room.status.get(("Conference", "Call", 2, "AuthenticationRequest")) == "GuestPin"


# participants


def test_the_list_is_told_once_whole_and_then_by_what_changes() -> None:
    room = Calling()
    call_id = room.dialled()
    room.told()
    room.conference(call_id, members=(SELF, ADA))
    muted = Member(id="ada", name="Ada", uri="ada@room.example", is_host=True, audio_muted=True)
    room.conference(call_id, members=(SELF, muted, BEN))
    room.conference(call_id, members=(SELF, BEN))
    room.conference(call_id, members=(SELF, BEN), is_syncing=True)
    told = [(name.removeprefix(LIST + " "), fields.get("ParticipantId")) for name, fields in room.told()]
    assert told == [
        ("NewList", None),
        ("ParticipantAdded", "me"),
        ("ParticipantAdded", "ada"),
        ("ParticipantUpdated", "ada"),
        ("ParticipantAdded", "ben"),
        ("ParticipantDeleted", "ada"),
    ]
    assert room.status.get(("Conference", "Call", call_id, "Capabilities", "ParticipantList")) == "Syncing"
    room.calls.ended(call_id, REMOTE)
    assert [name for name, _ in room.told()][1] == f"{LIST} ListCleared"


def test_a_search_finds_names_and_addresses() -> None:
    room, _ = hosting()
    found = room.call(f"{LIST} Search", SearchString="BEN@")
    assert [one["ParticipantId"] for one in found["Participant"]] == ["ben"]
    assert found["Participant"][0]["Status"] == "waiting"
    assert found["ParticipantSelf"] == "me"
    assert found["ResultInfo"] == {"Limit": 1000, "Offset": 0, "TotalRows": 1}
    page = room.call(f"{LIST} Search", Offset=1, Limit=1)
    assert [one["ParticipantId"] for one in page["Participant"]] == ["ada"]


def test_a_host_can_more_than_a_guest() -> None:
    room, call_id = hosting()
    root = f"Conference Call {call_id} Capabilities"
    host = room.below(root)
    room.conference(call_id, members=(SELF, ADA), locked=True, recording="Recording")
    guest = room.below(root)
    changed = {name: (host[name], guest[name]) for name in host if host[name] != guest[name]}
    assert changed == {
        "AdmitFromLobby": ("Available", "Unavailable"),
        "EndMeeting": ("Available", "Unavailable"),
        "HardMute": ("Enabled", "Disabled"),
        "IsModerator": ("True", "False"),
        "LockControl": ("Lock", "Unavailable"),
        "MoveToLobby": ("Available", "Unavailable"),
        "MuteAll": ("Enabled", "Disabled"),
        "ParticipantDisconnect": ("Available", "Unavailable"),
        "ParticipantMute": ("Available", "Unavailable"),
        "Recording Start": ("Available", "Unavailable"),
    }
    assert room.status.get(("Conference", "Call", call_id, "Locked")) == "On"
    assert room.status.get(("Conference", "Call", call_id, "Recording")) == "Recording"
    room.conference(call_id, members=(SELF, ADA), locked=True, recording="Recording", is_moderator=True)
    assert room.status.get(("Conference", "Call", call_id, "Capabilities", "LockControl")) == "Unlock"
    assert room.status.get(("Conference", "Call", call_id, "Capabilities", "Recording", "Stop")) == "Available"


def test_a_hand_goes_up_and_down() -> None:
    room = Calling()
    call_id = room.dialled()
    path = ("Conference", "Call", call_id, "RaiseHand")
    seen = [room.status.get(path)]
    for hand in (True, False):
        room.conference(call_id, hand=hand)
        seen.append(room.status.get(path))
    assert seen == ["Inactive", "Raised", "Lowered"]


def test_the_far_end_puts_on_hold() -> None:
    room = Calling()
    call_id = room.dialled("ada@example.com", meeting=False)
    room.conference(call_id, held=True)
    assert room.status.get(("Call", call_id, "PlacedOnHold")) == "True"
    assert room.status_of(call_id) == "Connected"


def test_a_layout_of_the_call_is_chosen() -> None:
    room = Calling()
    call_id = room.dialled()
    room.conference(call_id, layouts=("Grid", "Stage"))
    room.call("Video Layout SetLayout", LayoutName="stage")
    assert room.line.said[-1] == ("control", call_id, Control(Action.LAYOUT, value="Stage"))
    with pytest.raises(CommandFailed, match="there are Grid, Stage"):
        room.call("Video Layout SetLayout", LayoutName="Focus")
    room.calls.ended(call_id, REMOTE)
    assert room.below("Video Layout CurrentLayouts AvailableLayouts") == {}


# microphones


def test_a_mute_here_is_told_to_the_call() -> None:
    room = Calling()
    call_id = room.dialled()
    room.call("Audio Microphones Mute")
    room.call("Audio Microphones Unmute")
    assert room.line.said[-2:] == [("mute", call_id, True), ("mute", call_id, False)]
    room.conference(call_id, is_muted=True)
    assert room.status.get(("Conference", "Call", call_id, "MicrophonesMuted")) == "True"


def test_somebody_else_mutes_the_room_and_only_the_room_unmutes_it() -> None:
    room = Calling()
    call_id = room.dialled()
    before = list(room.line.said)
    room.conference(call_id, is_muted=True)
    assert room.status.get(("Audio", "Microphones", "Mute")) == "On"
    room.conference(call_id, is_muted=False)
    assert room.status.get(("Audio", "Microphones", "Mute")) == "On"
    assert room.calls.screen()["prompt"]["text"] == UNMUTE
    assert room.line.said == before
    room.call("Audio Microphones Unmute")
    assert not room.calls.screen()["prompt"]["visible"]
    assert room.line.said[-1] == ("mute", call_id, False)


def test_a_hard_mute_cannot_be_ended_in_the_room() -> None:
    room = Calling()
    call_id = room.dialled()
    room.conference(call_id, is_muted=True, hard_muted=True)
    assert room.status.get(("Conference", "Call", call_id, "Capabilities", "SelfMute")) == "Unavailable"
    for command in ("Unmute", "ToggleMute"):
        assert room.refused(f"Audio Microphones {command}") == "Only the host of the meeting can unmute the microphones"
    room.calls.ended(call_id, REMOTE)
    assert room.status.get(("Audio", "Microphones", "Mute")) == "Off"


def test_an_old_word_of_the_cloud_does_not_undo_what_was_just_wished() -> None:
    room = Calling()
    call_id = room.dialled()
    room.line.at_once = None
    room.call("Audio Microphones Mute")
    room.call("Audio Microphones Unmute")
    room.conference(call_id, is_muted=True)  # of the first wish
    assert room.status.get(("Audio", "Microphones", "Mute")) == "Off"
    room.reply()
    room.reply("not allowed")
    assert room.status.get(("Audio", "Microphones", "Mute")) == "On"


def test_a_call_back_from_hold_learns_how_the_microphones_are_now() -> None:
    room = Calling()
    first = room.dialled()
    room.call("Audio Microphones Mute")
    room.conference(first, is_muted=True)
    second = room.dialled("ada@example.com", meeting=False)
    room.call("Audio Microphones Unmute")
    assert room.line.said[-1] == ("mute", second, False)
    room.call("Call Resume", CallId=first)
    assert room.line.said[-1] == ("mute", first, False)
    room.conference(first)
    room.call("Call Resume", CallId=second)
    room.conference(first, is_muted=True, hard_muted=True)
    room.call("Call Resume", CallId=first)
    assert room.status.get(("Audio", "Microphones", "Mute")) == "On"


def test_a_meeting_that_mutes_who_comes_mutes_the_room() -> None:
    room = Calling()
    room.call("Dial", Number="1234@site.webex.test")
    room.conference(2, is_muted=True)
    room.connect(2)
    assert room.status.get(("Audio", "Microphones", "Mute")) == "On"
    assert [said for said in room.line.said if said[0] == "mute"] == []


def test_microphones_stay_muted_after_a_call_where_that_is_configured() -> None:
    room = Calling({"Conference MicUnmuteOnDisconnect Mode": "Off"})
    call_id = room.dialled()
    room.call("Audio Microphones Mute")
    room.calls.ended(call_id, REMOTE)
    assert room.status.get(("Audio", "Microphones", "Mute")) == "On"


# presentation


def sharing(room: Calling) -> tuple[Any, Any]:
    """Return what the tree says of the floor."""
    root = ("Conference", "Presentation")
    return room.status.get((*root, "Mode")), room.status.get((*root, "CallId"))


def test_a_share_goes_into_the_call_and_ends() -> None:
    room = Calling()
    room.senses.video.plug(2, 1920, 1080)
    call_id = room.dialled()
    room.told()
    room.call("Presentation Start")
    assert room.line.said[-1] == ("share", call_id, True)
    assert sharing(room) == ("Sending", call_id)
    assert room.status.get(("Webex", "Services", "UserPresence", "Status")) == "Presenting"
    room.call("Presentation Stop")
    assert room.line.said[-1] == ("share", call_id, False)
    assert sharing(room) == ("Off", None)
    names = {"CallId": call_id, "ConferenceId": 1, "LocalInstance": 1, "Mode": "Sending", "Cause": "userRequested"}
    assert room.told() == [("PresentationStarted", {**names, "LocalSource": 2}), ("PresentationStopped", names)]


def test_a_share_that_is_not_granted_ends() -> None:
    room = Calling()
    room.senses.video.plug(2, 1920, 1080)
    room.dialled()
    room.told()
    room.line.at_once = "somebody else shares"
    room.call("Presentation Start")
    assert sharing(room) == ("Off", None)
    assert not room.senses.presentation.is_sharing()
    assert [(name, fields["Cause"]) for name, fields in room.told()] == [("PresentationStopped", "floorDenied")]


def test_a_share_is_told_when_it_is_granted_and_given_back_when_nobody_wants_it_any_more() -> None:
    room = Calling()
    room.senses.video.plug(2, 1920, 1080)
    call_id = room.dialled()
    room.told()
    room.line.at_once = None
    room.call("Presentation Start")
    assert (sharing(room), room.told()) == (("Off", None), [])
    room.reply()
    assert (sharing(room), [name for name, _ in room.told()]) == (("Sending", call_id), ["PresentationStarted"])
    room.call("Presentation Stop")
    room.reply(what="share")
    room.told()
    room.call("Presentation Start")
    room.call("Presentation Stop")
    assert room.told() == []
    room.reply(what="share")
    assert room.line.said[-1] == ("share", call_id, False)
    assert sharing(room) == ("Off", None)


def test_somebody_else_shares_and_takes_the_floor() -> None:
    room = Calling()
    room.senses.video.plug(2, 1920, 1080)
    call_id = room.dialled()
    room.call("Presentation Start")
    room.conference(call_id, members=(SELF, ADA), shared_by="me")
    assert sharing(room) == ("Sending", call_id)
    room.told()
    room.conference(call_id, members=(SELF, ADA), shared_by="ada")
    assert sharing(room) == ("Receiving", call_id)
    assert not room.senses.presentation.is_sharing()
    causes = [(fields["Mode"], fields["Cause"]) for name, fields in room.told() if name.startswith("Presentation")]
    assert causes == [("Sending", "remoteNormal"), ("Receiving", "startReceiving")]
    room.conference(call_id, members=(SELF, ADA))
    assert sharing(room) == ("Off", None)


def test_a_share_ends_with_its_call_and_when_that_is_held() -> None:
    room = Calling()
    room.senses.video.plug(2, 1920, 1080)
    call_id = room.dialled()
    room.call("Presentation Start")
    room.call("Call Hold")
    assert sharing(room) == ("Off", None)
    assert room.line.said[-1] == ("share", call_id, False)  # the call goes on, and nobody shares in it
    room.call("Call Resume")
    room.call("Presentation Start")
    room.calls.ended(call_id, REMOTE)
    assert room.line.said[-1] == ("share", call_id, True)
    assert sharing(room) == ("Off", None)
    assert not room.senses.presentation.is_sharing()


def test_who_shares_already_when_the_device_comes_is_seen() -> None:
    room = Calling()
    room.call("Dial", Number="1234@site.webex.test")
    room.conference(2, members=(SELF, ADA), shared_by="ada")
    assert sharing(room) == ("Off", None)
    room.connect(2)
    assert sharing(room) == ("Receiving", 2)


def test_a_hold_under_way_refuses_another_one() -> None:
    room = Calling()
    call_id = room.dialled()
    room.line.at_once = None
    room.call("Call Hold")
    with pytest.raises(CommandFailed, match="being put on hold"):
        room.call("Call Hold")
    room.reply()
    assert room.status_of(call_id) == "OnHold"


def test_a_call_that_ends_while_it_is_being_held_stays_over() -> None:
    room = Calling()
    call_id = room.dialled()
    room.line.at_once = None
    room.call("Call Hold")
    room.calls.ended(call_id, REMOTE)
    room.reply()
    assert room.calls.calls == ()
    assert room.below("Call") == {}
