"""Bookings that are pushed: what a body and a document say, and in which words they are refused."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire import bookings_put
from endpoint.wire.bookings_put import BOOKINGS_MAX, PushedBooking, body_of, read_bookings
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.xapi import xmlinput

BOOKING: dict[str, Any] = {
    "Id": "1", "Title": "Weekly", "Number": "1234@meet.test", "Protocol": "SIP", "Organizer": {"Name": "Ann Example"},
    "Time": {"StartTime": "2026-11-20T18:30:00Z", "Duration": 30, "StartTimeBuffer": 300, "EndTimeBuffer": 0},
}  # fmt: skip
READ = PushedBooking(
    id="1", title="Weekly", number="1234@meet.test", protocol="SIP", organizer_name="Ann Example",
    starts=datetime(2026, 11, 20, 18, 30, tzinfo=UTC), ends=datetime(2026, 11, 20, 19, 0, tzinfo=UTC), start_buffer_s=300,
)  # fmt: skip
DOCUMENT = """<?xml version="1.0"?>
<Bookings item="1" status="OK">
  <Booking item="1">
    <Id item="1">1</Id> <Title item="1">Weekly</Title> <Agenda item="1"/> <Privacy item="1">Public</Privacy>
    <Organizer item="1"><FirstName item="1">Ann</FirstName><LastName item="1">Example</LastName><Email item="1"/></Organizer>
    <Time item="1"><StartTime item="1">2026-11-20T18:30:00Z</StartTime><StartTimeBuffer item="1">300</StartTimeBuffer>
      <EndTime item="1">2026-11-20T19:00:00Z</EndTime><EndTimeBuffer item="1">0</EndTimeBuffer></Time>
    <MaximumMeetingExtension item="1">5</MaximumMeetingExtension>
    <BookingStatus item="1">OK</BookingStatus> <BookingStatusMessage item="1"/>
    <Webex item="1"><Enabled item="1">False</Enabled></Webex>
    <Encryption item="1">BestEffort</Encryption> <Role item="1">Master</Role> <Recording item="1">Disabled</Recording>
    <DialInfo item="1"><Calls item="1"><Call item="1"><Number item="1">1234@meet.test</Number><Protocol item="1">SIP</Protocol>
      <CallRate item="1">6000</CallRate><CallType item="1">Video</CallType></Call></Calls>
      <ConnectMode item="1">OBTP</ConnectMode></DialInfo>
  </Booking>
</Bookings>
"""
"""As public clients send it: protocol/calendar-and-obtp.md 14.7."""


def body(*bookings: Any) -> str:
    return json.dumps({"Bookings": list(bookings)})


def without(*path: str) -> dict[str, Any]:
    """Return the booking without a member."""
    found = deepcopy(BOOKING)
    inner = found
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return found


def changed(value: Any, *path: str) -> dict[str, Any]:
    """Return the booking with another member."""
    found = deepcopy(BOOKING)
    inner = found
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return found


def document(text: str) -> str:
    return json.dumps(body_of(xmlinput.read(text.encode())))


def test_the_example_of_the_documentation() -> None:
    assert read_bookings(body(BOOKING)) == (READ,)
    assert read_bookings('{"Bookings": []}') == ()


def test_everything_that_can_be_told() -> None:
    whole = {
        **BOOKING, "MeetingId": "m-1", "Agenda": "one\ntwo", "Privacy": "private", "MeetingPlatform": "zoom", "MetaInfo": "x",
        "CallType": "Audio", "Encryption": "On", "Protocol": "webrtc", "Organizer": {"Name": "Ann", "Email": "a@b.test", "Id": "u-1"},
        "Unknown": {"is": ["passed", "over"]},
    }  # fmt: skip
    [found] = read_bookings(body(whole))
    assert (found.meeting_id, found.agenda, found.is_private, found.platform) == ("m-1", "one\ntwo", True, "Zoom")
    assert (found.meta_info, found.call_type, found.encryption, found.protocol) == ("x", "Audio", "On", "WebRTC")
    assert (found.organizer_name, found.organizer_email, found.organizer_id) == ("Ann", "a@b.test", "u-1")


def test_a_start_in_another_zone_is_the_same_instant() -> None:
    [found] = read_bookings(body(changed("2026-11-20T19:30:00+01:00", "Time", "StartTime")))
    assert found == READ


@pytest.mark.parametrize(
    "path",
    [("Id",), ("Title",), ("Number",), ("Protocol",), ("Organizer",), ("Organizer", "Name"), ("Time",), ("Time", "StartTime"),
     ("Time", "Duration")],
)  # fmt: skip
def test_what_is_required_is_named_when_it_is_missing(path: tuple[str, ...]) -> None:
    with pytest.raises(RemoteProtocolError, match=rf"Bookings\[0\].*missing required field `{path[-1]}`"):
        read_bookings(body(without(*path)))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "body: lines of JSON"),
        ("  \n", "body: lines of JSON"),
        ("<Bookings/>", "body: JSON in UTF-8"),
        ("[]", "Expected `object`"),
        ("{}", "missing required field `Bookings`"),
        ('{"Bookings": {}}', r"body.Bookings: Expected `array`"),
        (body(1), r"body.Bookings\[\.*"),
        (body(changed(7, "Id")), "Expected `str`"),
        (body(changed("", "Id")), "length >= 1"),
        (body(changed("x" * 200, "Id")), "length <= 128"),
        (body(changed("Skype", "Protocol")), r"Bookings\[0\].Protocol: one of SIP, H323, .*None, got 'Skype'"),
        (body(changed("Meet", "MeetingPlatform")), "MeetingPlatform: one of MicrosoftTeams"),
        (body(changed("Secret", "Privacy")), "Privacy: one of Public, Private"),
        (body(changed("Tele", "CallType")), "CallType: one of Video, Audio"),
        (body(changed("Perhaps", "Encryption")), "Encryption: one of BestEffort, On, Off"),
        (body(changed("tomorrow", "Time", "StartTime")), "Time.StartTime: an ISO 8601 instant with a zone"),
        (body(changed("2026-11-20T18:30:00", "Time", "StartTime")), "Time.StartTime: an ISO 8601 instant with a zone"),
        (body(changed("9999-12-31T23:59:00Z", "Time", "StartTime")), "before the year 9999"),
        (body(changed(0, "Time", "Duration")), ">= 1"),
        (body(changed("30", "Time", "Duration")), "Expected `int"),
        (body(changed(-1, "Time", "StartTimeBuffer")), ">= 0"),
        (body(changed(90_000, "Time", "EndTimeBuffer")), "<= 86400"),
        (body(BOOKING, BOOKING), r"Bookings\[1\].Id: another id for each booking, got '1'"),
        (body({**BOOKING, "MeetingId": "m"}, {**BOOKING, "Id": "2", "MeetingId": "m"}), r"Bookings\[1\].MeetingId: another"),
        (body(*[BOOKING] * (BOOKINGS_MAX + 1)), "length <= 1000"),
        ('{"Bookings": [], "x": "\ud800"}', "half a character"),
    ],
)  # fmt: skip
def test_everything_else_is_refused_in_one_sentence(text: str, why: str) -> None:
    with pytest.raises(RemoteProtocolError, match=why) as refused:
        read_bookings(text)
    assert "\n" not in str(refused.value)


def test_the_document_of_public_clients_says_the_same() -> None:
    [found] = read_bookings(document(DOCUMENT))
    assert found == PushedBooking(**{**_members(READ), "call_rate": 6000})


def _members(booking: PushedBooking) -> dict[str, Any]:
    return {name: getattr(booking, name) for name in PushedBooking.__dataclass_fields__}


def test_a_document_can_have_bookings_without_a_call() -> None:
    plain = DOCUMENT[: DOCUMENT.index("<DialInfo")] + "</Booking></Bookings>"
    [found] = read_bookings(document(plain))
    assert (found.number, found.protocol) == ("", "None")
    assert read_bookings(document("<Bookings/>")) == ()


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("<Id item=\"1\">1</Id>", "", "missing required field `Id`"),
        ("19:00:00Z", "18:00:00Z", "Time.EndTime: after StartTime"),
        ("19:00:00Z", "late", "Time.EndTime: an ISO 8601 instant"),
        ("<StartTimeBuffer item=\"1\">300", "<StartTimeBuffer item=\"1\">five", "StartTimeBuffer"),
        ("<Title item=\"1\">Weekly</Title>", "<Title><b>Weekly</b></Title>", "missing required field `Title`"),
        ("<Bookings item=\"1\" status=\"OK\">", "<Calendar>", "root: Bookings, got Calendar"),
    ],
)  # fmt: skip
def test_a_document_is_refused_like_a_body(old: str, new: str, why: str) -> None:
    assert old in DOCUMENT
    text = DOCUMENT.replace(old, new)
    if new == "<Calendar>":
        text = text.replace("</Bookings>", "</Calendar>")
    with pytest.raises(RemoteProtocolError, match=why):
        read_bookings(document(text))


# ---- anything ------------------------------------------------------------------------------------------------------

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
_TIME = st.fixed_dictionaries(
    {"StartTime": st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat) | _JSON},
    optional={"Duration": st.integers(-5, 600_000) | _JSON, "EndTime": _JSON, "StartTimeBuffer": _JSON},
)
_ALMOST = st.fixed_dictionaries(
    {
        "Id": st.text(max_size=4) | _JSON,
        "Title": st.text(max_size=4) | _JSON,
        "Number": st.text(max_size=4) | _JSON,
        "Protocol": st.sampled_from(bookings_put.PROTOCOLS) | _JSON,
        "Organizer": st.fixed_dictionaries({"Name": st.text(max_size=4)}) | _JSON,
        "Time": _TIME | _JSON,
    },
    optional=dict.fromkeys(("MeetingId", "Agenda", "Privacy", "MeetingPlatform", "CallType", "CallRate"), _JSON),
)


def _is_sound(found: tuple[PushedBooking, ...]) -> None:
    assert len({booking.id for booking in found}) == len(found) <= BOOKINGS_MAX
    for booking in found:
        assert booking.id
        assert booking.starts < booking.ends
        assert booking.starts.tzinfo is UTC
        assert booking.protocol in bookings_put.PROTOCOLS


@given(st.text(max_size=80) | st.lists(_ALMOST | _JSON, max_size=3).map(body) | _JSON.map(json.dumps))
def test_any_text_is_a_list_of_bookings_or_a_rule(text: str) -> None:
    try:
        found = read_bookings(text)
    except RemoteProtocolError as error:
        assert error.where.startswith("body")  # noqa: PT017  either is right
    else:
        _is_sound(found)


_ODD = st.sampled_from(
    ["<Booking>", "</Booking>", "<Id>1</Id>", "<Title>t</Title>", "<Organizer>", "</Organizer>", "<FirstName>a</FirstName>",
     "<Time>", "</Time>", "<StartTime>2026-01-01T00:00:00Z</StartTime>", "<Duration>9</Duration>", "<Duration>x</Duration>",
     "<EndTime/>", "<DialInfo>", "</DialInfo>", "<Calls>", "</Calls>", "<Call>", "</Call>", "<Number>5</Number>",
     "<Protocol>SIP</Protocol>", "<", "&amp;", "x"]
)  # fmt: skip


def _mostly(right: str, *others: str) -> st.SearchStrategy[str]:
    return st.sampled_from([right] * 5 + ["", *others])


_NEARLY = st.tuples(
    st.just("<Booking>"),
    st.integers(1, 3).map("<Id>{}</Id>".format),
    _mostly("<Title>t</Title>", "<Title/>"),
    _mostly("<Time><StartTime>2026-01-01T00:00:00Z</StartTime><Duration>9</Duration></Time>",
            "<Time><StartTime>2026-01-01T00:00:00Z</StartTime><EndTime>2026-01-01T00:00:00Z</EndTime></Time>",
            "<Time><StartTime>x</StartTime></Time>"),
    _mostly("<DialInfo><Calls><Call><Number>5</Number><Protocol>SIP</Protocol></Call></Calls></DialInfo>",
            "<DialInfo><Calls><Call><Protocol>x</Protocol></Call></Calls></DialInfo>", "<DialInfo/>"),
    st.just("</Booking>"),
).map("".join)  # fmt: skip


@given(st.lists(_ODD, max_size=30).map("".join) | st.lists(_NEARLY, max_size=3).map("".join))
def test_any_document_is_a_list_of_bookings_or_a_rule(inside: str) -> None:
    try:
        found = read_bookings(document(f"<Bookings>{inside}</Bookings>"))
    except RemoteProtocolError:
        return
    _is_sound(found)
