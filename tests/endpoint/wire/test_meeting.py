from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.codec import encode
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.meeting import JOIN_FIELDS, JoinInfo, Link, Meeting, is_cipher_text, log_values, read_meeting
from tests.endpoint.wire.nearly import json_values, nearly

ID = "6103501f-3650-6ae0-bf76-b661a74ceba3"
SELF = "https://calendar-a.wbx2.test/calendar/api/v1/calendarEvents/NjEwMzUwMWYtMzY1MC02YWUwLWJmNzYtYjY2MWE3NGNlYmEz"
ORGANIZER = "d3701784-bbe3-41ff-afc6-b14086d26d4f"

# protocol/calendar-and-obtp.md 6.4
DTO: dict[str, Any] = {
    "id": ID,
    "seriesId": ID,
    "start": "2022-04-26T13:15:00.000Z",
    "durationMinutes": 30,
    "isRecurring": False,
    "organizer": ORGANIZER,
    "encryptionKeyUrl": "kms://kms.stub.test/keys/3599f0c0-0000-4000-8000-000000000001",
    "encryptedSubject": "eyJ...",
    "encryptedLocation": "eyJ...",
    "meetingJoinType": "WEBEX",
    "meetingJoinInfo": {"meetingJoinURI": "eyJ...", "meetingJoinURL": "eyJ..."},
    "webexURI": "eyJ...",
    "webexURL": "eyJ...",
    "callURI": "eyJ...",
    "encryptedOrganizer": {"encryptedEmailAddress": "eyJ...", "encryptedName": "eyJ..."},
    "encryptedParticipants": [
        {
            "id": "...",
            "type": "ROOM",
            "responseType": "ACCEPTED",
            "participantType": "REQUIRED",
            "orgId": "...",
            "encryptedEmailAddress": "eyJ...",
            "encryptedName": "eyJ...",
        }
    ],
    "links": [{"href": SELF, "rel": "self"}],
}
# protocol/cloud-services.md 18.9
SDK_DTO: dict[str, Any] = {
    "id": "AAMk-1",
    "seriesId": "series-1",
    "start": "2026-11-20T18:24:24Z",
    "durationMinutes": 30,
    "organizer": "c0ffee00-1111-4222-8333-444455556666",
    "isRecurring": False,
    "encryptionKeyUrl": "kms://kms.stub.test/keys/3599",
    "encryptedSubject": "eyJlbmMiOiJBMjU2R0NNIiwiYWxnIjoiZGlyIn0..a.b.c",
    "encryptedNotes": "eyJ",
    "webexURI": "eyJ",
    "spaceURI": "eyJ",
    "spaceURL": "eyJ",
    "spaceMeetURL": "eyJ",
    "meetingJoinInfo": {"meetingJoinURI": "eyJ", "meetingJoinURL": "eyJ", "meetingJoinType": "WEBEX"},
    "encryptedOrganizer": {"id": "c0ff", "encryptedEmailAddress": "eyJ", "encryptedName": "eyJ"},
    "links": [{"href": "http://127.0.0.1:8080/calendar/api/v1/calendarEvents/QUFNay0x", "rel": "self"}],
}


@pytest.mark.parametrize("dto", [DTO, SDK_DTO])
def test_the_worked_examples_are_read_and_rebuilt(dto: dict[str, Any]) -> None:
    received = read_meeting(dto)
    assert json.loads(encode(received.meeting)) == dto
    assert received.members == dto


def test_unknown_members_are_kept_beside_the_known_ones() -> None:
    received = read_meeting({**DTO, "zone": {"a": 1}, "meetingJoinInfo": {"meetingJoinURI": "x", "pin": "1"}})
    assert received.members["zone"] == {"a": 1}
    assert received.members["meetingJoinInfo"]["pin"] == "1"


def test_null_reads_as_absent() -> None:
    meeting = read_meeting(
        {"id": "1", "start": DTO["start"], "meetingJoinInfo": None, "webexURI": None, "links": None}
    ).meeting
    assert (meeting.is_joinable, meeting.self_url, meeting.join_type) == (False, "", "")


# ---- times ----


def test_a_meeting_ends_its_duration_after_its_start() -> None:
    meeting = read_meeting(DTO).meeting
    assert meeting.starts == datetime(2022, 4, 26, 13, 15, tzinfo=UTC)
    assert meeting.ends - meeting.starts == timedelta(minutes=30)
    instant = Meeting(id="1", start=DTO["start"])
    assert instant.ends == instant.starts


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"id": ""}, "meeting.id"),
        ({"id": 5}, "meeting.id"),
        ({"start": None}, "meeting.start"),
        ({"start": "noon"}, "meeting.start"),
        ({"start": "2022-04-26T13:15:00"}, "meeting.start"),
        ({"start": "9999-12-31T23:59:00Z"}, "meeting.start"),
        ({"durationMinutes": -1}, "meeting.durationMinutes"),
        ({"durationMinutes": 10**9}, "meeting.durationMinutes"),
        ({"durationMinutes": "30"}, "meeting.durationMinutes"),
        ({"webexURI": 5}, "meeting.webexURI"),
        ({"meetingJoinInfo": {"meetingJoinURI": 5}}, "meeting.meetingJoinInfo.meetingJoinURI"),
    ],
)
def test_unusable_meetings_name_the_member(changes: dict[str, object], where: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        read_meeting({**DTO, **changes})
    assert caught.value.where == where


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("13:00", "14:00", True),
        ("13:20", "13:25", True),
        ("13:44", "15:00", True),
        ("13:45", "15:00", False),  # it ends as the window opens
        ("12:00", "13:16", True),
        ("12:00", "13:15", False),  # it starts as the window closes
    ],
)
def test_is_within(start: str, end: str, expected: bool) -> None:
    day = "2022-04-26T{}:00+00:00"
    window = (datetime.fromisoformat(day.format(start)), datetime.fromisoformat(day.format(end)))
    assert read_meeting(DTO).meeting.is_within(*window) is expected


# ---- join fields ----


def _with_joins(present: tuple[bool, ...], text: str = "eyJ...") -> Meeting:
    values = [text if there else None for there in present]
    return Meeting(
        id="1",
        start=DTO["start"],
        meeting_join_info=JoinInfo(meeting_join_uri=values[0], meeting_join_url=values[1]),
        webex_uri=values[2],
        space_uri=values[3],
        call_uri=values[4],
    )


@pytest.mark.parametrize("present", list(product([False, True], repeat=5)))
def test_all_but_the_empty_one_of_the_32_combinations_are_joinable(present: tuple[bool, ...]) -> None:
    meeting = _with_joins(present)
    assert meeting.is_joinable is any(present)
    assert list(meeting.join_fields()) == [name for name, there in zip(JOIN_FIELDS, present, strict=True) if there]
    assert [log_values(meeting)[name] for name in JOIN_FIELDS] == ["true" if there else "false" for there in present]


def test_an_empty_text_is_not_present_and_other_urls_do_not_count() -> None:
    assert not _with_joins((True,) * 5, text="").is_joinable
    assert not Meeting(id="1", webex_url="eyJ", space_url="eyJ", space_meet_url="eyJ").is_joinable


@pytest.mark.parametrize(
    ("top", "nested", "expected"),
    [("TEAMS", "WEBEX", "TEAMS"), (None, "WEBEX", "WEBEX"), ("TEAMS", None, "TEAMS"), (None, None, "")],
)
def test_the_join_type_may_stand_in_two_places(top: str | None, nested: str | None, expected: str) -> None:
    assert (
        Meeting(id="1", meeting_join_type=top, meeting_join_info=JoinInfo(meeting_join_type=nested)).join_type
        == expected
    )


def test_the_values_of_the_log_line_in_their_order() -> None:
    assert list(log_values(read_meeting({**DTO, "start": "2022-04-26T13:15:00Z"}).meeting).items()) == [
        ("organizer", ORGANIZER),
        ("start", "2022-04-26T13:15:00.000Z"),
        ("id", ID),
        ("meetingJoinType", "WEBEX"),
        ("meetingJoinURI", "true"),
        ("meetingJoinURL", "true"),
        ("webexURI", "true"),
        ("spaceURI", "false"),
        ("callURI", "true"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("eyJlbmMiOiJBMjU2R0NNIiwiYWxnIjoiZGlyIn0..xhd0NbjiSFxmYb72.4M7eDeuSCCTAG4g.bVWofLdbSINswVcZdbYVCw", True),
        ("eyJhbGciOiJSUzI1NiJ9.e30.c2ln", False),
        ("sip:25@webex.test", False),
        ("a.b.c.d.e", False),
        ("", False),
    ],
)
def test_is_cipher_text(text: str, expected: bool) -> None:
    assert is_cipher_text(text) is expected


# ---- other views ----


def test_a_minimal_meeting_and_a_compact_one() -> None:
    meeting = read_meeting({**DTO, "encryptedNotes": "eyJ"}).meeting
    assert set(json.loads(encode(meeting.minimal()))) == {"id", "seriesId", "start", "links"}
    compact = json.loads(encode(meeting.compacted()))
    assert set(DTO) - set(compact) == {"encryptedParticipants"}
    assert "encryptedNotes" not in compact


def test_the_own_url_comes_from_the_links_then_from_the_resource_url() -> None:
    other = Link(href="http://x.test", rel="alternate")
    assert read_meeting(DTO).meeting.self_url == SELF
    assert Meeting(id="1", links=(other,), resource_url="http://r.test").self_url == "http://r.test"


texts = st.none() | st.text()
meetings = st.builds(
    Meeting,
    id=st.text(min_size=1),
    start=st.datetimes(timezones=st.just(UTC), max_value=datetime.fromisoformat("9000-01-01")).map(datetime.isoformat),
    duration_minutes=st.none() | st.integers(0, 10_000) | st.floats(0, 10_000),
    is_recurring=st.none() | st.booleans(),
    organizer=texts,
    encrypted_subject=texts,
    meeting_join_info=st.none() | st.builds(JoinInfo, meeting_join_uri=texts, meeting_join_type=texts),
    webex_uri=texts,
    links=st.none() | st.lists(st.builds(Link, href=st.text(), rel=texts), max_size=2).map(tuple),
)


@given(meetings)
def test_meetings_round_trip(meeting: Meeting) -> None:
    assert read_meeting(json.loads(encode(meeting))).meeting == meeting
    assert meeting.is_within(meeting.starts - timedelta(seconds=1), meeting.ends + timedelta(seconds=1))


@given(nearly(DTO) | nearly(SDK_DTO) | json_values)
def test_anything_is_a_meeting_or_refused(members: Any) -> None:
    try:
        received = read_meeting(members)
    except RemoteProtocolError:
        return
    meeting = received.meeting
    assert received.members == members
    assert meeting.ends >= meeting.starts
    assert log_values(meeting)["id"] == members["id"]
    assert set(meeting.join_fields()) <= {*members, *(members.get("meetingJoinInfo") or {})}
    assert read_meeting(json.loads(encode(meeting))).meeting == meeting


@given(nearly(DTO), st.text().filter(lambda name: name not in DTO), json_values)
def test_an_unknown_member_changes_no_known_one(members: Any, name: str, value: object) -> None:
    try:
        known = read_meeting(members).meeting
    except RemoteProtocolError:
        return
    assert read_meeting({**members, f"x-{name}": value}).meeting == known
