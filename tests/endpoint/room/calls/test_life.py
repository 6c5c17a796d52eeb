"""Calls from their number to their end, as clients see them. Source: protocol/xapi.md 2.4, 8.2 to 8.5, xapi-nodes.md 3.3."""

from __future__ import annotations

from typing import Any

import pytest
from calling import ADA, REMOTE, SELF, UUID, Calling

from endpoint.room.calls.endings import SENTENCES
from endpoint.room.calls.screen import LOBBY, POPUP_S
from endpoint.wire.callcontrol import Conference, End, Leads, Media, Refusal, Step
from endpoint.wire.xapi.errors import CommandFailed
from endpoint.wire.xapi.paths import words

ALL_LEAVES = {
    "AnswerState", "CallType", "CallbackNumber", "DeviceType", "Direction", "DisplayName", "Duration", "Encryption Type", "HoldReason",
    "Ice", "PlacedOnHold", "Protocol", "ReceiveCallRate", "RemoteNumber", "Status", "TransmitCallRate",
}  # fmt: skip
NOT_FOUND = "CallError (startOutgoingForWebexMeeting, unexpected, MeetingNotFound, response 404/404006)"


def test_an_outgoing_call_is_told_in_the_documented_order() -> None:
    room = Calling()
    room.listen("Status")
    room.listen("Event")
    answer = room.call("Dial", Number="1234@site.webex.test")
    assert answer == {"CallId": 2, "ConferenceId": 1}
    room.calls.stepped(2, Step.CONNECTING)
    room.connect(2)
    room.call("Call Disconnect")
    room.calls.ended(2, End(cause_type="LocalDisconnect", cause_value=1))
    told: list[str] = []
    for notice in room.notices:
        if notice.event is not None:
            told.append(words(notice.event[1:]))
        else:
            told.append(" + ".join(sorted({words(path[1:3]) for path, _ in notice.leaves})))
    assert told == [
        "OutgoingCallIndication",
        "Call 2",
        "SystemUnit State",
        "Call 2",
        "Call 2",
        "CallSuccessful",
        "SystemUnit State",
        "Conference Call",
        "RemoteAccess Availability",
        "Audio MicrophonesMuteStatus",
        "Audio Microphones",
        "Video Layout",
        "RoomAnalytics PeopleCount",
        "UserInterface LedControl",
        "RoomAnalytics RoomInUse",
        "Cameras SpeakerTrack",
        "Cameras Camera",
        "Webex Services",
        "ICE Call",
        "Call 2",
        "CallDisconnect",
        "Call 2",
        "Conference Call",
        "ICE Call",
        "SystemUnit State",
        "RemoteAccess Availability",
        "Audio MicrophonesMuteStatus",
        "Audio Microphones",
        "Video Layout",
        "RoomAnalytics PeopleCount",
        "UserInterface LedControl",
        "RoomAnalytics RoomInUse",
        "Cameras SpeakerTrack",
        "Cameras Camera",
        "Webex Services",
        "CallHistory Updated",
    ]


def test_every_leaf_of_a_call_is_there_from_the_beginning() -> None:
    room = Calling()
    room.call("Dial", Number="1234@site.webex.test")
    shown = room.below("Call 2")
    assert set(shown) == ALL_LEAVES
    assert shown["Status"] == "Dialling"
    assert shown["CallbackNumber"] == "spark:1234@site.webex.test"
    assert room.below("Conference Call") == {}
    room.connect(2, title="Stand-up", invite_link="https://site.webex.test/meet/1234")
    shown = room.below("Call 2")
    assert (shown["Status"], shown["AnswerState"], shown["RemoteNumber"]) == ("Connected", "Answered", UUID)
    assert (shown["DisplayName"], shown["DeviceType"], shown["Ice"]) == ("Stand-up", "MCU", "Passed")
    assert (shown["Encryption Type"], shown["ReceiveCallRate"]) == ("AES-256-GCM", 6000)
    conference = room.below("Conference Call 2")
    assert conference["Webex MeetingInviteLink"] == "https://site.webex.test/meet/1234"
    assert conference["MeetingPlatform"] == "Webex"
    assert conference["Capabilities IsModerator"] == "False"
    assert len(conference) == 16 + 20
    assert room.below("ICE Call 2")["MediaLine 1 Local Transport"] == "UDP"


def test_the_duration_counts_without_being_told() -> None:
    room = Calling()
    call_id = room.dialled()
    room.changes.clear()
    room.time.pass_by(65.0)
    assert room.status.get(("Call", call_id, "Duration")) == 65
    assert all("Duration" not in words(path) for changes in room.changes for path in changes)
    room.told()
    room.calls.ended(call_id, REMOTE)
    told = dict(room.told())
    assert told["CallDisconnect"]["Duration"] == 65
    assert room.below("Call") == room.below("Conference Call") == room.below("ICE Call") == {}


def test_the_event_of_the_end_has_every_field() -> None:
    room = Calling()
    room.senses.analytics.people(2)
    call_id = room.dialled("Ada@Example.com", meeting=False, DisplayName="Ada", BookingId="webex-7")
    room.time.pass_by(10.0)
    room.senses.analytics.people(4)
    room.time.pass_by(10.0)
    room.told()
    room.calls.ended(call_id, REMOTE)
    assert dict(room.told())["CallDisconnect"] == {
        "CallId": 2, "CallRate": 20000, "CallType": "Video", "CauseCode": 0, "CauseOrigin": "Spark", "CauseString": "",
        "CauseType": "RemoteDisconnect", "CauseValue": 0, "DisplayName": "Ada", "Duration": 20, "Encryption": "AES-256-GCM",
        "OrigCallDirection": "Outgoing", "PeopleCountAverage": 3, "Protocol": "Spark", "RemoteURI": "spark:Ada@Example.com",
        "RequestedURI": "Ada@Example.com",
    }  # fmt: skip
    assert room.joined == ["webex-7"]


def test_a_meeting_that_is_not_found_leaves_its_cause_everywhere() -> None:
    room = Calling()
    room.call("Webex Join", Number="123 456 7890")
    assert room.line.said[-1][2].leads is Leads.MEETING
    room.told()
    end = End(
        cause_type="OtherRemote", cause_string=NOT_FOUND, screen="The meeting number is not valid", correlation_id=UUID
    )
    room.calls.ended(2, end)
    assert dict(room.told())["CallDisconnect"]["CauseString"] == NOT_FOUND
    entry = room.history.entries[0]
    assert (entry.disconnect_cause, entry.disconnect_cause_type) == (NOT_FOUND, "OtherRemote")
    assert (entry.occurrence, entry.call_rate, entry.protocol) == ("Placed", 20000, "Spark")
    assert entry.correlation_id == UUID
    assert entry.callback_number == "spark:1234567890@webex.com"
    uri = "remoteURI=spark:1234567890@webex.com"
    local = f"error('{NOT_FOUND}') 'OtherRemote'"
    assert room.lines()[-3:] == [
        f"MainEvents I: CallDisconnectIndicated(p=2) {uri} cause=[{local}]",
        "MainEvents I: ParticipantLeftConference(c=1,p=2)",
        f"MainEvents I: CallDisconnected(p=2) {uri} causeToLocal=[{local}] causeToRemote=[normal('') 'LocalDisconnect']",
    ]
    assert room.calls.screen()["prompt"]["text"] == "The meeting number is not valid"
    room.time.pass_by(POPUP_S)
    assert not room.calls.screen()["prompt"]["visible"]


@pytest.mark.parametrize("cause", sorted(SENTENCES))
def test_the_screen_says_why_a_call_has_failed(cause: str) -> None:
    room = Calling()
    room.call("Dial", Number="ada@example.com")
    room.calls.ended(2, End(cause_type=cause))
    assert room.calls.screen()["prompt"]["text"] == SENTENCES[cause]
    assert room.history.entries[0].occurrence == ("NoAnswer" if cause == "RemoteNoAnswer" else "Placed")


def test_numbers_are_never_used_again() -> None:
    room = Calling()
    numbers = []
    for _ in range(3):
        numbers.append(room.call("Dial", Number="ada@example.com")["CallId"])
        room.calls.ended(numbers[-1], REMOTE)
    numbers.append(room.rung())
    assert numbers == [2, 3, 4, 5]


def test_an_incoming_call_rings_and_is_answered() -> None:
    room = Calling()
    room.senses.standby.start()
    room.call("Standby Activate")
    room.told()
    assert room.ring() == 2
    assert room.told() == [
        ("IncomingCallIndication", {"CallId": 2, "RemoteURI": "spark:ada@room.example", "DisplayNameValue": "Ada"})
    ]
    assert room.status.get(("Standby", "State")) == "Off"
    shown = room.below("Call 2")
    assert (shown["Status"], shown["Direction"], shown["RemoteNumber"]) == ("Ringing", "Incoming", UUID)
    assert room.counters() == (0, 1, 0)
    assert room.calls.screen()["incoming"]["title"] == "Ada"
    room.call("Call Accept")
    assert room.line.said == [("answer", 2)]
    assert room.status_of(2) == "Connecting"
    room.connect(2, meeting=False)
    room.calls.ended(2, REMOTE)
    assert room.history.entries[0].occurrence == "Received"


@pytest.mark.parametrize(
    ("end", "occurrence"),
    [
        (End(cause_type="OtherRemote", elsewhere=True), "AnsweredElsewhere"),
        (End(cause_type="LocalReject", cause_string="Rejected elsewhere"), "Rejected"),
        (End(cause_type="RemoteDisconnect"), "Missed"),
    ],
)
def test_a_call_that_is_taken_elsewhere_or_given_up_stops_ringing(end: End, occurrence: str) -> None:
    room = Calling()
    room.rung()
    room.calls.ended(2, end)
    assert room.history.entries[0].occurrence == occurrence
    assert room.counters() == (0, 0, 0)
    assert not room.calls.screen()["prompt"]["visible"]


def test_a_rejected_call_is_refused_everywhere() -> None:
    room = Calling()
    room.rung()
    room.told()
    room.call("Call Reject")
    assert room.line.said == [("decline", 2, Refusal.BUSY)]
    assert [name for name, _ in room.told()] == ["CallDisconnect", "CallHistory Updated"]
    assert room.history.entries[0].occurrence == "Rejected"
    room.calls.ended(2, REMOTE)  # what call control tells as well
    assert len(room.history.entries) == 1


def test_an_ignored_call_rings_on_elsewhere() -> None:
    room = Calling()
    room.rung()
    room.call("Call Ignore", CallId=2)
    assert room.line.said == []
    assert (room.status_of(2), room.status.get(("Call", 2, "AnswerState"))) == ("Ringing", "Ignored")
    assert not room.calls.screen()["incoming"]["visible"]
    room.calls.ended(2, End(cause_type="OtherRemote", elsewhere=True))
    assert room.history.entries[0].occurrence == "AnsweredElsewhere"


def test_nobody_rings_while_the_room_does_not_want_to_be_disturbed() -> None:
    room = Calling()
    room.call("Conference DoNotDisturb Activate", Timeout=1)
    assert room.status.get(("Webex", "Services", "UserPresence", "Status")) == "DoNotDisturb"
    assert room.ring() is Refusal.DND
    room.time.pass_by(60.0)
    assert room.ring() == 2


def test_a_device_with_all_its_calls_is_busy() -> None:
    room = Calling()
    for _ in range(5):
        room.rung()
    assert room.ring() is Refusal.BUSY
    with pytest.raises(CommandFailed, match="5 calls already"):
        room.call("Dial", Number="ada@example.com")


def test_a_call_is_answered_by_itself_after_a_while() -> None:
    room = Calling({
        "Conference AutoAnswer Mode": "On", "Conference AutoAnswer Delay": 5, "Conference AutoAnswer Mute": "On",
    })  # fmt: skip
    room.rung()
    room.time.pass_by(4.0)
    assert room.line.said == []
    room.time.pass_by(1.0)
    assert room.line.said == [("answer", 2)]
    assert room.status.get(("Call", 2, "AnswerState")) == "Autoanswered"
    assert room.status.get(("Audio", "Microphones", "Mute")) == "On"
    room.connect(2)
    assert ("mute", 2, True) in room.line.said


def test_a_call_that_was_rejected_is_not_answered_by_itself() -> None:
    room = Calling({"Conference AutoAnswer Mode": "On", "Conference AutoAnswer Delay": 5})
    room.rung()
    room.call("Call Reject")
    room.time.pass_by(10.0)
    assert [said[0] for said in room.line.said] == ["decline"]


def test_a_second_call_holds_the_first() -> None:
    room = Calling()
    first = room.dialled()
    second = room.rung()
    room.call("Call Accept")
    room.connect(second, meeting=False)
    assert (room.status_of(first), room.status_of(second)) == ("OnHold", "Connected")
    assert room.status.get(("Call", first, "PlacedOnHold")) == "True"
    assert room.counters() == (1, 0, 1)
    room.call("Call Resume", CallId=first)
    assert (room.status_of(first), room.status_of(second)) == ("Connected", "OnHold")
    room.call("Call Disconnect", CallId=first)
    room.calls.ended(first, REMOTE)
    assert room.counters() == (0, 0, 1)
    assert room.status.get(("SystemUnit", "State", "System")) == "InCall"
    room.calls.ended(second, REMOTE)
    assert room.status.get(("SystemUnit", "State", "System")) == "Initialized"


def test_two_calls_become_one() -> None:
    room = Calling()
    first = room.dialled()
    second = room.dialled("ada@example.com", meeting=False)
    room.call("Call Join", CallId=[first, second])
    assert room.line.said[-1] == ("join", first, second)
    room.calls.joined(first, [second])
    room.calls.ended(second, End(cause_type="OtherLocal", cause_string="MOVED"))
    assert [call.id for call in room.calls.calls] == [first]
    assert not room.calls.screen()["prompt"]["visible"]


def test_a_hold_that_the_cloud_refuses_changes_nothing() -> None:
    room = Calling()
    call_id = room.dialled()
    room.line.at_once = "no hold here"
    with pytest.raises(CommandFailed, match="no hold here"):
        room.call("Call Hold", CallId=call_id)
    assert room.status_of(call_id) == "Connected"


def test_a_call_that_is_lost_is_kept_for_a_while() -> None:
    room = Calling()
    call_id = room.dialled()
    room.calls.preserved(call_id, True)
    assert (room.status_of(call_id), room.counters()) == ("Preserved", (1, 0, 0))
    room.calls.preserved(call_id, False)
    assert room.status_of(call_id) == "Connected"
    room.call("Call Hold", Reason="Transfer")
    assert room.status.get(("Call", call_id, "HoldReason")) == "Transfer"
    room.calls.preserved(call_id, True)
    room.calls.preserved(call_id, False)
    assert room.status_of(call_id) == "OnHold"


def test_the_lobby_is_seen_and_left() -> None:
    room = Calling()
    room.call("Dial", Number="1234@site.webex.test")
    room.calls.stepped(2, Step.LOBBY)
    assert room.calls.screen()["prompt"]["text"] == LOBBY
    assert (room.status_of(2), room.counters()) == ("Connecting", (0, 1, 0))
    room.connect(2)
    assert not room.calls.screen()["prompt"]["visible"]


def test_a_call_that_is_hung_up_is_not_connected_any_more() -> None:
    room = Calling()
    room.call("Dial", Number="1234@site.webex.test")
    room.call("Call Disconnect")
    room.call("Call Disconnect")
    assert room.line.said[-1] == ("leave", 2)
    room.told()
    room.connect(2)
    room.calls.stepped(2, Step.LOBBY)
    room.calls.changed(2, Conference(members=(SELF, ADA)))
    assert room.status_of(2) == "Disconnecting"
    assert room.counters() == (0, 1, 0)
    assert "CallSuccessful" not in dict(room.told())
    room.calls.ended(2, End(cause_type="LocalDisconnect", cause_value=1))
    assert room.counters() == (0, 0, 0)


def test_there_is_no_standby_in_a_call_and_a_call_keeps_the_room_awake() -> None:
    room = Calling({"Standby Delay": 1})
    call_id = room.dialled()
    with pytest.raises(CommandFailed, match="No standby in a call"):
        room.call("Standby Activate")
    room.time.pass_by(600.0)
    assert room.status.get(("Standby", "State")) == "Off"
    room.calls.ended(call_id, REMOTE)
    room.time.pass_by(600.0)
    assert room.status.get(("Standby", "State")) == "Standby"


def test_presence_says_what_kind_of_call_it_is() -> None:
    room = Calling()
    path = ("Webex", "Services", "UserPresence", "Status")
    meeting = room.dialled()
    assert room.status.get(path) == "Meeting"
    room.calls.ended(meeting, REMOTE)
    assert room.status.get(path) == "Unknown"
    room.dialled("ada@example.com", meeting=False)
    assert room.status.get(path) == "Call"


def test_another_path_of_the_media_is_shown() -> None:
    room = Calling()
    call_id = room.dialled()
    node = {"local_ip": "192.0.2.10:50000", "remote_ip": "198.51.100.7:443", "xtls_host": "node.media.test"}
    room.calls.media_changed(call_id, Media(path="xTls", negotiation_ms=120, **node))
    assert room.below(f"ICE Call {call_id}") == {
        "MediaPath": "198.51.100.7:443",
        "NegotiationTime": 120,
        "Result": "Passed",
        "MediaLine 1 Local Candidate": "host",
        "MediaLine 1 Local IP": "192.0.2.10:50000",
        "MediaLine 1 Local Transport": "TLS",
        "MediaLine 1 Remote Candidate": "host",
        "MediaLine 1 Remote IP": "198.51.100.7:443",
        "MediaLine 1 Remote XtlsFqdnHost": "node.media.test",
    }
    room.calls.media_changed(call_id, Media(ice="Failed"))
    assert room.status.get(("Call", call_id, "Ice")) == "Failed"
    assert room.below(f"ICE Call {call_id}") == {"MediaPath": "", "NegotiationTime": 0, "Result": "Failed"}


def test_a_full_disk_ends_a_call_all_the_same() -> None:
    room = Calling()
    call_id = room.dialled()
    room.is_disk_full = True
    room.calls.ended(call_id, REMOTE)
    assert room.calls.calls == ()
    assert "is not in the history" in room.lines()[-1]


@pytest.mark.parametrize("call_id", [0, 1, 99])
def test_what_is_told_of_an_unknown_call_is_ignored(call_id: int) -> None:
    room = Calling()
    before = room.snapshot()
    room.connect(call_id)
    room.calls.stepped(call_id, Step.ALERTING)
    room.calls.asked(call_id, "GuestPin", is_wrong=True)
    room.conference(call_id, locked=True)
    room.calls.media_changed(call_id, Media())
    room.calls.preserved(call_id, True)
    room.calls.dtmf_received(call_id, "1")
    room.calls.joined(call_id, [call_id])
    room.calls.ended(call_id, REMOTE)
    assert room.snapshot() == before


def test_testers_see_a_call_as_it_is() -> None:
    room = Calling()
    call_id = room.dialled()
    room.conference(call_id, members=(SELF, ADA), locked=True, recording="Recording")
    shown: dict[str, Any] = room.calls.shown()[0]
    assert (shown["id"], shown["status"], shown["locked"], shown["recording"]) == (2, "Connected", True, "Recording")
    assert [one["role"] for one in shown["roster"]] == ["attendee", "host"]
