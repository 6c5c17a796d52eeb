"""Bookings that somebody pushes to a device: the body of `Bookings Put`, and the document of `/bookingsputxml`.

Either is the whole list. The first thing that is wrong refuses all of it, in one sentence. What the XML form has besides the JSON form,
such as `EndTime` for `Duration`, is taken in both (ours). Source: protocol/calendar-and-obtp.md 11.5, 14.7.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

import msgspec

from endpoint.wire.codec import decode
from endpoint.wire.conventions import parse_instant
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.xapi.xmlinput import Element

BOOKINGS_MAX: Final = 1_000
"""Bookings of one list."""
MINUTES_MAX: Final = 366 * 24 * 60
BUFFER_S_MAX: Final = 24 * 3600
ID_CHARS_MAX: Final = 128
TEXT_CHARS_MAX: Final = 1_024
LONG_CHARS_MAX: Final = 16_384
CALL_RATE_MAX: Final = 20_000

PROTOCOLS: Final = ("SIP", "H323", "ISDN", "IP", "Spark", "WebRTC", "None")
PLATFORMS: Final = ("MicrosoftTeams", "GoogleMeet", "Zoom", "Webex", "Other", "None")
PRIVACY: Final = ("Public", "Private")
CALL_TYPES: Final = ("Video", "Audio")
ENCRYPTIONS: Final = ("BestEffort", "On", "Off")
ALL: Final = "Bookings"

_NUMBERS: Final = ("Duration", "StartTimeBuffer", "EndTimeBuffer", "CallRate")
_Text = Annotated[str, msgspec.Meta(max_length=TEXT_CHARS_MAX)]
_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=ID_CHARS_MAX)]
_Buffer = Annotated[int, msgspec.Meta(ge=0, le=BUFFER_S_MAX)]


@dataclass(frozen=True, slots=True)
class PushedBooking:
    """One booking of the list. Times are UTC; texts that did not come are empty.

    Attributes:
        protocol, platform, call_type, encryption: words of this module's tables, in their spelling; `platform` empty where none came.
    """

    id: str
    title: str
    number: str
    protocol: str
    organizer_name: str
    starts: datetime
    ends: datetime
    start_buffer_s: int = 0
    end_buffer_s: int = 0
    organizer_email: str = ""
    organizer_id: str = ""
    meeting_id: str = ""
    agenda: str = ""
    is_private: bool = False
    platform: str = ""
    meta_info: str = ""
    call_type: str = "Video"
    call_rate: int = 0
    encryption: str = "BestEffort"


class _Member(msgspec.Struct, kw_only=True, frozen=True, rename="pascal"):
    """Names as they are written; unknown ones are passed over."""


class _Organizer(_Member, kw_only=True, frozen=True):
    name: _Text
    email: _Text = ""
    id: _Text = ""


class _Time(_Member, kw_only=True, frozen=True):
    start_time: _Text
    duration: Annotated[int, msgspec.Meta(ge=1, le=MINUTES_MAX)] | None = None
    end_time: _Text = ""
    start_time_buffer: _Buffer = 0
    end_time_buffer: _Buffer = 0


class _Booking(_Member, kw_only=True, frozen=True):
    id: _Id
    title: _Text
    number: _Text
    protocol: _Text
    organizer: _Organizer
    time: _Time
    meeting_id: Annotated[str, msgspec.Meta(max_length=ID_CHARS_MAX)] = ""
    agenda: Annotated[str, msgspec.Meta(max_length=LONG_CHARS_MAX)] = ""
    privacy: _Text = ""
    meeting_platform: _Text = ""
    meta_info: Annotated[str, msgspec.Meta(max_length=LONG_CHARS_MAX)] = ""
    call_type: _Text = ""
    call_rate: Annotated[int, msgspec.Meta(ge=0, le=CALL_RATE_MAX)] = 0
    encryption: _Text = ""


class _Body(_Member, kw_only=True, frozen=True):
    bookings: Annotated[tuple[_Booking, ...], msgspec.Meta(max_length=BOOKINGS_MAX)]


def read_bookings(body: str) -> tuple[PushedBooking, ...]:
    """Read the body of `Bookings Put`: `{"Bookings": [{"Id": "1", ...}]}`; an empty list takes all pushed bookings away.

    Raises:
        RemoteProtocolError: no JSON, something required is missing, a value is not one that it can have, or an id comes twice.
    """
    if not body.strip():
        raise RemoteProtocolError("body", 'lines of JSON, {"Bookings": [...]}', "nothing")
    try:
        found = decode(body, _Body)
    except UnicodeEncodeError:
        raise RemoteProtocolError("body", "JSON in UTF-8 (half a character)") from None
    read: dict[str, PushedBooking] = {}
    meetings: set[str] = set()
    for index, one in enumerate(found.bookings):
        booking = _booking(one, f"body.{ALL}[{index}]")
        if booking.id in read:
            raise RemoteProtocolError(f"body.{ALL}[{index}].Id", "another id for each booking", _shown(booking.id))
        if booking.meeting_id and booking.meeting_id in meetings:
            raise RemoteProtocolError(
                f"body.{ALL}[{index}].MeetingId", "another meeting for each booking", _shown(booking.meeting_id)
            )
        read[booking.id] = booking
        meetings.add(booking.meeting_id)
    return tuple(read.values())


def _booking(one: _Booking, where: str) -> PushedBooking:
    starts = parse_instant(one.time.start_time, f"{where}.Time.StartTime")
    platform = one.meeting_platform
    return PushedBooking(
        id=one.id,
        title=one.title,
        number=one.number.strip(),
        protocol=_word(one.protocol, PROTOCOLS, f"{where}.Protocol"),
        organizer_name=one.organizer.name,
        starts=starts,
        ends=_end(one.time, starts, f"{where}.Time"),
        start_buffer_s=one.time.start_time_buffer,
        end_buffer_s=one.time.end_time_buffer,
        organizer_email=one.organizer.email,
        organizer_id=one.organizer.id,
        meeting_id=one.meeting_id,
        agenda=one.agenda,
        is_private=_word(one.privacy or "Public", PRIVACY, f"{where}.Privacy") == "Private",
        platform=_word(platform, PLATFORMS, f"{where}.MeetingPlatform") if platform else "",
        meta_info=one.meta_info,
        call_type=_word(one.call_type or "Video", CALL_TYPES, f"{where}.CallType"),
        call_rate=one.call_rate,
        encryption=_word(one.encryption or "BestEffort", ENCRYPTIONS, f"{where}.Encryption"),
    )


def _end(time: _Time, starts: datetime, where: str) -> datetime:
    """Return the end, of the duration or else of what an XML document tells."""
    if time.duration is None:
        if not time.end_time:
            raise RemoteProtocolError(where, "Object missing required field `Duration`")
        ends = parse_instant(time.end_time, f"{where}.EndTime")
        if not timedelta() < ends - starts <= timedelta(minutes=MINUTES_MAX):
            raise RemoteProtocolError(f"{where}.EndTime", f"after StartTime, by at most {MINUTES_MAX} minutes")
        return ends
    try:
        return starts + timedelta(minutes=time.duration)
    except OverflowError:
        raise RemoteProtocolError(f"{where}.StartTime", "an instant before the year 9999") from None


def _word(text: str, words: Sequence[str], where: str) -> str:
    folded = text.strip().casefold()
    for word in words:
        if word.casefold() == folded:
            return word
    raise RemoteProtocolError(where, f"one of {', '.join(words)}", _shown(text))


def _shown(text: str) -> str:
    return repr(text[:40])


# ---- the document --------------------------------------------------------------------------------------------------


def body_of(root: Element) -> dict[str, Any]:
    """Return a `<Bookings>` document as the body of `Bookings Put`, to be read by `read_bookings`.

    What hangs deeper in the document, number and protocol of the first call, stands where Put has it; a booking without a call has the
    protocol None. Numbers that are none stay text, and are refused when the body is read.

    Raises:
        RemoteProtocolError: the root is another.
    """
    if root.name != ALL:
        raise RemoteProtocolError("root", ALL, root.name[:40])
    return {ALL: [_members(child) for child in root.children if child.name == "Booking"]}


def _members(element: Element) -> dict[str, Any]:
    found = _leaves(element)
    call = _below(element, "DialInfo", "Calls", "Call")
    told = _leaves(call) if call is not None else {}
    defaults = {"Number": "", "Protocol": "None"}
    for name in ("Number", "Protocol", "CallType", "CallRate"):
        value = found.get(name) or told.get(name) or defaults.get(name)
        if value is not None:
            found[name] = value
    person, time = element.child("Organizer"), element.child("Time")
    found["Organizer"] = _organizer(_leaves(person) if person is not None else {})
    found["Time"] = _leaves(time) if time is not None else {}
    return found


def _organizer(leaves: dict[str, Any]) -> dict[str, Any]:
    names = (leaves.pop("FirstName", ""), leaves.pop("LastName", ""))
    return {"Name": " ".join(name for name in names if isinstance(name, str) and name), **leaves}


def _leaves(element: Element) -> dict[str, Any]:
    """Return the leaves of an element; of several with one name the first."""
    found: dict[str, Any] = {}
    for child in element.children:
        if not child.children:
            found.setdefault(child.name, _value(child))
    return found


def _value(leaf: Element) -> str | int:
    text = leaf.text.strip()
    is_number = leaf.name in _NUMBERS and text.isascii() and text.isdecimal()
    return int(text[:10]) if is_number else text


def _below(element: Element, *names: str) -> Element | None:
    found: Element | None = element
    for name in names:
        found = found.child(name) if found is not None else None
    return found
