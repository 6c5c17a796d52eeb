"""The Join button: the gate, what settings hide, what is dialled, the reminder, automatic join."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.room.bookings.booking import DIAL_ORDER, Booking, Source, host_of, of_meeting, platform_of
from endpoint.room.bookings.dialling import Dial, JoinFieldsUnreadable, NotJoinable, dial_of, faulty_dial_of
from endpoint.wire.meeting import JOIN_FIELDS
from tests.endpoint.room.bookings.diary import MINUTE, NOW, Diary, pushed

VISIBILITY = "UserInterface Bookings Visibility"
TEAMS = "https://teams.microsoft.com/l/meetup-join/1"
FIELDS = [fields for count in range(6) for fields in itertools.combinations(JOIN_FIELDS, count)]


@pytest.mark.parametrize("readable", [True, False])
def test_the_gate_over_all_32_combinations(readable: bool) -> None:
    assert len(FIELDS) == 32
    for present in FIELDS:
        diary = Diary()
        booking = diary.create("a", 3, join_fields={name: f"{name}@a.test" if readable else None for name in present})
        assert diary.joinable == (["a"] if present else [])
        assert booking.is_joinable is bool(present)
        [listed] = diary.bookings.fields_of([booking])
        assert listed["DialInfo"]["ConnectMode"] == ("OBTP" if present else "Manual")
        first = next((name for name in DIAL_ORDER if name in present), None)
        numbers = [call["Number"] for call in listed["DialInfo"]["Calls"]["Call"]]
        assert numbers == ([f"{first}@a.test"] if first and readable else [])


@pytest.mark.parametrize("lead", [0, 300, 600, 900])
def test_the_lead_is_exact(lead: int) -> None:
    diary = Diary(lead_s=lead)
    diary.create("a", 60)
    diary.advance(seconds=3600 - lead - 0.001)
    assert (diary.joinable, diary.reminded) == ([], [])
    diary.advance(seconds=0.001)
    assert (diary.joinable, diary.reminded) == (["a"], ["a"])


def test_another_lead_holds_at_once() -> None:
    diary = Diary()
    diary.create("a", 12)
    assert diary.joinable == []
    diary.lead_s = 900
    diary.bookings.rules_changed()
    assert diary.joinable == ["a"]


def test_pushed_bookings_tell_their_own_lead() -> None:
    diary = Diary()
    diary.bookings.replace_pushed([pushed("p", 60, start_buffer_s=1800)])
    diary.advance(minutes=30)
    assert diary.joinable == ["p"]


@pytest.mark.parametrize(
    ("setting", "fields", "is_shown"),
    [
        ("TentativeMeetings", {"response": "TENTATIVE"}, True),
        ("TentativeMeetings", {"response": "NO_RESPONSE"}, True),
        ("TentativeMeetings", {"response": "ACCEPTED"}, False),
        ("AllDayMeetings", {"is_all_day": True}, True),
        ("AllDayMeetings", {}, False),
        ("NonJoinableMeetings", {"join_fields": {}}, True),
        ("NonJoinableMeetings", {}, False),
    ],
)
def test_what_is_hidden_is_listed_all_the_same(setting: str, fields: dict[str, Any], is_shown: bool) -> None:
    diary = Diary()
    diary.create("a", 3, **fields)
    assert len(diary.bookings.rows()) == 1
    diary.set(f"{VISIBILITY} {setting}", "Hidden")
    is_gone = is_shown
    assert len(diary.bookings.rows()) == (0 if is_gone else 1)
    assert diary.joinable == ([] if is_gone or not fields.get("join_fields", True) else ["a"])
    assert len(diary.bookings.store) == 1


@pytest.mark.parametrize(
    ("fields", "settings", "title", "organizer"),
    [
        ({}, {}, "A", "Ann Example"),
        ({"is_private": True}, {}, "Scheduled meeting", "Ann Example"),
        ({}, {f"{VISIBILITY} Title": "Hidden"}, "Scheduled meeting", "Ann Example"),
        ({}, {f"{VISIBILITY} Organizer": "Hidden"}, "A", ""),
        ({"title": None, "organizer_name": None}, {}, "", ""),
    ],
)
def test_titles_and_organizers(fields: dict[str, Any], settings: dict[str, str], title: str, organizer: str) -> None:
    diary = Diary(settings=settings)
    diary.create("a", 3, **{"organizer_name": "Ann Example", **fields})
    [row] = diary.bookings.rows()
    assert (row["title"], row["organizer"]) == (title, organizer)
    assert diary.bookings.screen()["join button"]["title"] == title


@pytest.mark.parametrize(("value", "place"), [("All", "All"), ("ControllerOnly", "ControllerOnly")])
def test_where_the_reminder_is(value: str, place: str) -> None:
    diary = Diary(settings={f"{VISIBILITY} MeetingReminder": value})
    diary.create("a", 3)
    assert diary.bookings.screen()["reminder"]["place"] == place


def test_a_snoozed_reminder_comes_back() -> None:
    diary = Diary()
    booking = diary.create("a", 3, 30)
    diary.bookings.button.snooze(booking, 300)
    assert (diary.joinable, diary.reminded) == (["a"], [])
    diary.advance(seconds=299)
    assert diary.reminded == []
    diary.advance(seconds=1)
    assert diary.reminded == ["a"]
    diary.bookings.button.snooze(booking, 3600)
    diary.advance(minutes=60)
    assert diary.reminded == [], "it is over"


def test_a_snooze_is_one_instant_however_often_it_is_looked_at() -> None:
    diary = Diary()
    diary.bookings.button.snooze(diary.create("a", 3, 30), 1_000)
    for number in range(200):
        diary.advance(microseconds=12_347)
        diary.update("a", 3, 30, title=str(number))
    assert len(diary.bookings.timeline._heap) < 10


def test_a_press_dials_and_answers_the_reminder() -> None:
    diary = Diary()
    diary.create("a", 3)
    assert diary.bookings.button.press().meeting_id == "a"
    assert diary.dialled == [(Dial("1234@site.webex.test", "Spark", "webex-1", "a", "A", "Webex"), "button")]
    assert (diary.joinable, diary.reminded) == (["a"], [])


def test_there_is_nothing_to_press_before_its_time() -> None:
    diary = Diary()
    booking = diary.create("a", 60)
    for wanted in (None, booking):
        with pytest.raises(NotJoinable):
            diary.bookings.button.press(wanted)
    assert diary.dialled == []


def test_what_cannot_be_read_cannot_be_joined() -> None:
    diary = Diary()
    diary.create("a", 3, join_fields={"meetingJoinURI": None, "callURI": None})
    with pytest.raises(JoinFieldsUnreadable):
        diary.bookings.button.press()
    assert diary.complaints == {"join_fields_unreadable": {"booking": "webex-1", "meeting": "a"}}
    diary.update("a", 3)
    diary.bookings.button.press()
    assert diary.complaints == {}


@pytest.mark.parametrize(
    ("join", "priority", "number", "protocol"),
    [
        ({"meetingJoinURI": "1@a.test", "callURI": "2@a.test"}, "Auto", "1@a.test", "Spark"),
        ({"callURI": "sip:2@a.test"}, "Auto", "2@a.test", "Spark"),
        ({"callURI": "SIPS:2@a.test"}, "Auto", "2@a.test", "Spark"),
        ({"callURI": "sip:2;x=1@a.test;transport=tls?subject=3@b.test"}, "Auto", "2;x=1@a.test", "Spark"),
        ({"callURI": "2@a.test;transport=tls"}, "Auto", "2@a.test", "Spark"),
        ({"webexURI": "3@a.test", "spaceURI": "4@a.test"}, "WebRTC", "3@a.test", "Spark"),
        ({"meetingJoinURL": TEAMS}, "Auto", TEAMS, "WebRTC"),
        ({"callURI": "1.x@m.webex.com", "meetingJoinURL": TEAMS}, "Auto", "1.x@m.webex.com", "Spark"),
        ({"callURI": "1.x@m.webex.com", "meetingJoinURL": TEAMS}, "WebRTC", TEAMS, "WebRTC"),
        (
            {"meetingJoinURL": "https://meet.google.com/a-b-c"},
            "Auto",
            "https://meet.google.com/a-b-c",
            "WebRTC",
        ),
        ({"meetingJoinURL": "https://site.webex.test/j/1"}, "WebRTC", "https://site.webex.test/j/1", "Spark"),
        ({"meetingJoinURI": None, "callURI": "2@a.test"}, "Auto", "2@a.test", "Spark"),
    ],
)
def test_what_is_dialled(join: dict[str, str | None], priority: str, number: str, protocol: str) -> None:
    diary = Diary(settings={"Bookings ProtocolPriority": priority})
    diary.create("a", 3, join_fields=join, join_type="OTHER")
    diary.bookings.button.press()
    [(dial, _)] = diary.dialled
    assert (dial.number, dial.protocol) == (number, protocol)


@pytest.mark.parametrize(
    ("address", "number", "protocol"),
    [
        ("81234567890.112233@zoomcrc.com", "sip:81234567890.112233@zoomcrc.com;transport=tls", "SIP"),
        ("1@zmau.us", "sip:1@zmau.us;transport=tls", "SIP"),
        ("1@site.webex.test", "1@site.webex.test", "Spark"),
        ("1@zoomcrc.com.evil.test", "1@zoomcrc.com.evil.test", "Spark"),
        (TEAMS, TEAMS, "WebRTC"),
    ],
)
def test_the_faulty_builder_spoils_zoom_only(address: str, number: str, protocol: str) -> None:
    booking = Booking(source=Source.CLOUD, starts=NOW, ends=NOW + MINUTE, addresses={"callURI": address})
    dial = faulty_dial_of(booking)
    assert (dial.number, dial.protocol) == (number, protocol)
    assert dial_of(booking).protocol != "SIP"


@given(st.text(max_size=60))
def test_any_text_can_be_an_address(text: str) -> None:
    booking = Booking(source=Source.CLOUD, starts=NOW, ends=NOW, addresses={"callURI": text})
    assert host_of(text) == host_of(text).casefold()
    assert platform_of(booking.addresses) in ("Zoom", "GoogleMeet", "MicrosoftTeams", "Other")
    for build in (dial_of, faulty_dial_of):
        try:
            assert build(booking).protocol in ("Spark", "WebRTC", "SIP")
        except JoinFieldsUnreadable:
            assert text == ""


class TestAutoJoin:
    """The policy: once for each start, a minute before."""

    def test_it_wakes_and_dials_once(self) -> None:
        diary = Diary(auto_lead_s=60)
        diary.create("a", 10)
        diary.advance(minutes=8, seconds=59)
        assert diary.dialled == []
        diary.advance(seconds=1)
        assert [by for _, by in diary.dialled] == ["auto"]
        assert diary.woken == ["auto join"]
        diary.update("a", 10, title="Other")
        diary.advance(minutes=5)
        assert len(diary.dialled) == 1

    def test_what_somebody_has_joined_is_not_joined_again(self) -> None:
        diary = Diary(auto_lead_s=60)
        diary.create("a", 10)
        diary.advance(minutes=6)
        diary.bookings.button.press()
        diary.advance(minutes=4)
        assert [by for _, by in diary.dialled] == ["button"]
        diary.update("a", 20)
        diary.advance(minutes=10)
        assert [by for _, by in diary.dialled] == ["button", "auto"], "a move arms it again"

    def test_a_move_arms_it_again(self) -> None:
        diary = Diary(auto_lead_s=60)
        diary.create("a", 10)
        diary.advance(minutes=9)
        diary.update("a", 20)
        diary.advance(minutes=10)
        assert len(diary.dialled) == 2

    @pytest.mark.parametrize(("at", "dials"), [(1, 1), (0.5, 1), (0, 0), (-1, 0)])
    def test_what_is_learned_late(self, at: float, dials: int) -> None:
        diary = Diary(auto_lead_s=60)
        diary.create("a", at)
        diary.advance(minutes=5)
        assert len(diary.dialled) == dials

    @pytest.mark.parametrize("fields", [{"response": "TENTATIVE"}, {"response": "NO_RESPONSE"}, {"join_fields": {}}])
    def test_it_needs_what_is_accepted_and_joinable(self, fields: dict[str, Any]) -> None:
        diary = Diary(auto_lead_s=60)
        diary.create("a", 1, **fields)
        diary.advance(seconds=30)
        assert diary.dialled == []
        diary.update("a", 1)
        assert len(diary.dialled) == 1, "accepted within the last minute"

    def test_a_call_comes_first(self) -> None:
        diary = Diary(auto_lead_s=60)
        diary.calls = True
        diary.create("a", 10)
        diary.advance(minutes=9)
        assert diary.dialled == []
        assert diary.complaints == {"AutoJoinSkipped": {"booking": "webex-1", "reason": "a call is active"}}
        diary.calls = False
        diary.advance(seconds=30)
        assert diary.dialled == []
        diary.create("b", 20)
        diary.advance(minutes=10)
        assert (len(diary.dialled), diary.complaints) == (1, {})

    def test_unreadable_fields_are_told(self) -> None:
        diary = Diary(auto_lead_s=60)
        diary.create("a", 1, join_fields={"callURI": None})
        assert diary.dialled == []
        assert "join_fields_unreadable" in diary.complaints


def test_platforms() -> None:
    diary = Diary()
    told = {
        kind: of_meeting(replace(diary.meeting(), join_type=kind)).platform
        for kind in ("WEBEX", "TEAMS", "MSTEAMS", "OTHER", "")
    }
    assert told == {"WEBEX": "Webex", "TEAMS": "Webex", "MSTEAMS": "MicrosoftTeams", "OTHER": "Other", "": "Other"}
    assert of_meeting(diary.meeting(join_fields={})).platform == "None"
    assert of_meeting(diary.meeting(join_fields={"spaceURI": "x"}, join_type="")).platform == "Webex"
