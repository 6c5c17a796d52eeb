"""The calendar service: catch-up and single events over HTTP, changes over Mercury. The meetings themselves are in `meeting`.

Source: protocol/calendar-and-obtp.md 6.1 and 6.2, protocol/activation-and-media.md 8.5.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import msgspec

from endpoint.wire.codec import convert, decode
from endpoint.wire.conventions import format_instant, parse_instant
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.meeting import Meeting, Received, read_meeting

EVENTS_PATH: Final = "/calendarEvents"  # below the calendar base
CATCH_UP_REACH: Final = timedelta(hours=24)  # to either side of now; protocol/calendar-and-obtp.md 6.2, O
PAGE_SIZE: Final = 50  # 6.2, O
PAGES_MAX: Final = 40  # 6.2, R
MAX_RANGE: Final = range(1, 201)  # of `max`, 6.2, R

TRACKING_PREFIX: Final = "ccc"  # calendar notifications: ccc_<uuid>, O

CREATE: Final = "calendar.meeting.create"
UPDATE: Final = "calendar.meeting.update"
DELETE: Final = "calendar.meeting.delete"
CREATE_MINIMAL: Final = "calendar.meeting.create.minimal"
UPDATE_MINIMAL: Final = "calendar.meeting.update.minimal"
FREE_BUSY: Final = "calendar.free_busy"  # nothing for a device
MEETING_EVENTS: Final = frozenset({CREATE, UPDATE, DELETE, CREATE_MINIMAL, UPDATE_MINIMAL})
MINIMAL_EVENTS: Final = frozenset({CREATE_MINIMAL, UPDATE_MINIMAL})  # to be followed by one GET of the event
MEETING_MEMBER: Final = "calendarMeetingExternal"  # of the event's data


# ---- queries -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time, both ends aware; a meeting lies in it when it ends after `start` and starts before `end`."""

    start: datetime
    end: datetime

    @classmethod
    def around(cls, now: datetime) -> Window:
        """Return the window of a catch-up at `now`: 24 hours to either side."""
        return cls(now - CATCH_UP_REACH, now + CATCH_UP_REACH)


def catch_up_query(window: Window, offset: int = 0) -> str:
    """Build the query of one page, its members in the order of the slides and nothing escaped in it."""
    start, end = format_instant(window.start), format_instant(window.end)
    return f"max={PAGE_SIZE}&offset={offset}&fromDate={start}&toDate={end}&compact=true"


def next_offset(offset: int, received: int) -> int | None:
    """Return the offset of the next page after one of `received` items; None after a short page and after the last one allowed."""
    following = offset + PAGE_SIZE
    return following if received >= PAGE_SIZE and following < PAGE_SIZE * PAGES_MAX else None


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What a client asks of the list; all members are optional. `compact` leaves out notes and participants."""

    window: Window
    limit: int | None = None
    offset: int = 0
    compact: bool = False

    def page(self, meetings: Iterable[Meeting]) -> list[Meeting]:
        """Return the asked-for page of the meetings in the window, ordered by start, then id."""
        found = sorted(
            (m for m in meetings if m.is_within(self.window.start, self.window.end)), key=lambda m: (m.starts, m.id)
        )
        return found[self.offset : None if self.limit is None else self.offset + self.limit]


EVER: Final = Window(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
_FLAGS: Final = {"": False, "false": False, "true": True}


def parse_list_query(query: Mapping[str, str]) -> ListQuery:
    """Read the query of the event list.

    Raises:
        RemoteProtocolError: `max` outside 1..200, a bad offset, date or flag: the answer is 400.
    """
    limit, offset = query.get("max"), _natural(query.get("offset", "0"), "offset")
    if limit is not None and _natural(limit, "max") not in MAX_RANGE:
        raise RemoteProtocolError("max", f"{MAX_RANGE.start}..{MAX_RANGE.stop - 1}")
    compact = _FLAGS.get(query.get("compact", "").lower())
    if compact is None:
        raise RemoteProtocolError("compact", "true or false")
    window = Window(
        parse_instant(query["fromDate"], "fromDate") if "fromDate" in query else EVER.start,
        parse_instant(query["toDate"], "toDate") if "toDate" in query else EVER.end,
    )
    return ListQuery(window, None if limit is None else int(limit), offset, compact)


def _natural(text: str, where: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise RemoteProtocolError(where, "a whole number, 0 or more")
    return int(text)


def event_path(meeting_id: str) -> str:
    """Return the path of one event: base64 of its id's text, URL-safe and without padding.

    For a UUID the standard alphabet gives the same 48 characters.
    """
    return f"{EVENTS_PATH}/{base64.urlsafe_b64encode(meeting_id.encode()).decode().rstrip('=')}"


def parse_event_path(segment: str) -> str:
    """Read the id out of the last segment of an event's path: standard or URL-safe alphabet, padded or not.

    Raises:
        RemoteProtocolError: no base64 of any kind, or no text in UTF-8 in it.
    """
    found = re.fullmatch(r"(?P<text>(?:[A-Za-z0-9+/]+|[A-Za-z0-9_-]+))(?P<padding>={0,2})", segment)
    if found and (not found["padding"] or len(segment) % 4 == 0) and len(found["text"]) % 4 != 1:
        text = found["text"].translate(str.maketrans("-_", "+/"))
        try:
            return base64.b64decode(text + "=" * (-len(text) % 4)).decode()
        except UnicodeDecodeError:
            pass
    raise RemoteProtocolError("event id", "base64 of the id")


# ---- answers and events ---------------------------------------------------------------------------------------------


def parse_meeting(body: bytes) -> Received:
    """Read the answer to the GET of one event; errors as in `read_meeting`."""
    return read_meeting(decode(body, dict[str, Any], "meeting"))


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the list. An item that cannot be read does not take the others with it.

    Attributes:
        count: items on the page, readable or not: what paging goes by.
        rejected: why items were left out, in their order.
    """

    meetings: tuple[Received, ...]
    count: int
    rejected: tuple[RemoteProtocolError, ...] = ()


class _Items(msgspec.Struct):
    items: list[Any]


def parse_page(body: bytes) -> Page:
    """Read the answer of the list.

    Raises:
        RemoteProtocolError: no list of items; a bad item is only noted.
    """
    items = decode(body, _Items, "calendarEvents").items
    meetings: list[Received] = []
    rejected: list[RemoteProtocolError] = []
    for i, item in enumerate(items):
        try:
            meetings.append(read_meeting(item, f"calendarEvents.items[{i}]"))
        except RemoteProtocolError as error:
            rejected.append(error)
    return Page(tuple(meetings), len(items), tuple(rejected))


class _Named(msgspec.Struct):
    id: Annotated[str, msgspec.Meta(min_length=1)]


@dataclass(frozen=True, slots=True)
class MeetingEvent:
    """A pushed change. `received` is None where only the id counts: in a delete, and in a minimal event, which a GET has to follow."""

    event_type: str
    meeting_id: str
    received: Received | None = None

    @property
    def is_minimal(self) -> bool:
        """Tell whether the meeting has to be fetched."""
        return self.event_type in MINIMAL_EVENTS


def parse_meeting_event(data: Mapping[str, Any]) -> MeetingEvent:
    """Read the `data` of one of `MEETING_EVENTS`.

    Raises:
        RemoteProtocolError: another event type, no meeting in it, or one that `read_meeting` refuses.
    """
    event_type = data.get("eventType")
    if not isinstance(event_type, str) or event_type not in MEETING_EVENTS:
        raise RemoteProtocolError("data.eventType", "a calendar.meeting event")
    where, members = f"data.{MEETING_MEMBER}", data.get(MEETING_MEMBER)
    meeting_id = convert(members, _Named, where).id
    if event_type == DELETE or event_type in MINIMAL_EVENTS:
        return MeetingEvent(event_type, meeting_id)
    return MeetingEvent(event_type, meeting_id, read_meeting(members, where))


def meeting_event_data(event_type: str, meeting: Meeting) -> dict[str, Any]:
    """Build the `data` of a meeting event; a minimal one gets a minimal meeting."""
    sent = meeting.minimal() if event_type in MINIMAL_EVENTS else meeting
    return {"eventType": event_type, MEETING_MEMBER: msgspec.to_builtins(sent)}
