"""Events as Graph writes and reads them: pure.

Members that the stub does not know are ignored, as are `@odata` ones. Times leave in the zone that `Prefer: outlook.timezone` asks for, UTC
otherwise; those of all-day events are dates and read the same in every zone. Source: protocol/calendar-and-obtp.md 12.3, 13.2.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import date, datetime
from html.parser import HTMLParser
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from cloud_stub.hybrid_calendar.mailboxes.drafts import all_day_in
from cloud_stub.hybrid_calendar.mailboxes.errors import InvalidEvent
from cloud_stub.hybrid_calendar.mailboxes.zones import UTC_ZONE, iana, to_wall, windows
from cloud_stub.platform.mailbox_records import Answer, Attendee, MailboxEvent, Recurrence
from endpoint.runtime.clock import iso_seconds

PREVIEW_CHARS: Final = 255
NEVER: Final = "0001-01-01T00:00:00Z"


class _Camel(msgspec.Struct, kw_only=True, rename="camel"):
    """Base of what comes in: unknown members are ignored."""


class _EmailAddress(_Camel):
    address: str | None = None
    name: str | None = None


class _AttendeeIn(_Camel):
    email_address: _EmailAddress
    type: str | None = None


class _DateTimeZone(_Camel):
    date_time: str
    time_zone: str | None = None


class _Body(_Camel):
    content_type: str | None = None
    content: str | None = None


class _Location(_Camel):
    display_name: str | None = None


class _Pattern(_Camel):
    type: str
    interval: int = 1
    days_of_week: list[str] | None = None
    day_of_month: int | None = None
    month: int | None = None
    index: str | None = None
    first_day_of_week: str | None = None


class _Range(_Camel):
    type: str
    start_date: str | None = None
    end_date: str | None = None
    number_of_occurrences: int | None = None
    recurrence_time_zone: str | None = None


class _RecurrenceIn(_Camel):
    pattern: _Pattern
    range: _Range


class _Property(_Camel):
    id: str
    value: str


class EventIn(_Camel):
    """An event as a client sends it, whole or in part; what it does not send is UNSET."""

    subject: str | UnsetType | None = UNSET
    body: _Body | UnsetType | None = UNSET
    location: _Location | UnsetType | None = UNSET
    start: _DateTimeZone | UnsetType = UNSET
    end: _DateTimeZone | UnsetType = UNSET
    is_all_day: bool | UnsetType | None = UNSET
    sensitivity: str | UnsetType | None = UNSET
    show_as: str | UnsetType | None = UNSET
    attendees: list[_AttendeeIn] | UnsetType | None = UNSET
    recurrence: _RecurrenceIn | UnsetType | None = UNSET
    single_value_extended_properties: list[_Property] | UnsetType | None = UNSET
    importance: str | UnsetType | None = UNSET
    categories: list[str] | UnsetType | None = UNSET
    is_reminder_on: bool | UnsetType | None = UNSET
    reminder_minutes_before_start: int | UnsetType | None = UNSET
    allow_new_time_proposals: bool | UnsetType | None = UNSET
    response_requested: bool | UnsetType | None = UNSET
    hide_attendees: bool | UnsetType | None = UNSET
    transaction_id: str | UnsetType | None = UNSET


_PLAIN: Final[Mapping[str, Any]] = {"subject": "", "is_all_day": False, "sensitivity": "normal", "show_as": "busy"}
"""Members that are kept as they come, and what null stands for."""
_EXTRA: Final[Mapping[str, Any]] = {
    "importance": "normal", "categories": [], "is_reminder_on": True, "reminder_minutes_before_start": 15,
    "allow_new_time_proposals": True, "response_requested": True, "hide_attendees": False, "transaction_id": None,
}  # fmt: skip
"""Members that nothing of ours reads: they come back as they came, or with these values."""
_WIRE: Final = dict(zip(EventIn.__struct_fields__, EventIn.__struct_encode_fields__, strict=True))


def read_fields(given: EventIn, before: MailboxEvent | None = None) -> dict[str, Any]:
    """Return the fields of an event that a client has sent, in our words.

    Raises:
        InvalidEvent: a text that is no time, an unknown zone, a recurrence that is none.
    """
    fields: dict[str, Any] = {}
    for name, default in _PLAIN.items():
        value = getattr(given, name)
        if value is not UNSET:
            fields[name] = default if value is None else value
    if given.body is not UNSET:
        body = given.body or _Body()
        fields |= {"body": body.content or "", "body_type": (body.content_type or "text").lower()}
    if given.location is not UNSET:
        fields["location"] = (given.location.display_name or "") if given.location is not None else ""
    for name, zone in (("start", "zone"), ("end", "end_zone")):
        point = getattr(given, name)
        if point is not UNSET:
            fields |= {name: read_time(point.date_time, name), zone: iana(point.time_zone or "UTC")}
    if given.attendees is not UNSET:
        fields["attendees"] = tuple(_attendee(one) for one in given.attendees or ())
    if given.recurrence is not UNSET:
        fields["recurrence"] = _recurrence(given.recurrence) if given.recurrence is not None else None
    if given.single_value_extended_properties is not UNSET:
        known = before.properties if before is not None else {}
        sent = {one.id: one.value for one in given.single_value_extended_properties or ()}
        fields["properties"] = {**known, **sent}
    extra = {name: getattr(given, name) for name in _EXTRA if getattr(given, name) is not UNSET}
    if extra:
        fields["extra"] = {
            **(before.extra if before is not None else {}),
            **{_WIRE[name]: value for name, value in extra.items()},
        }
    return fields


def read_time(text: str, member: str) -> datetime:
    """Read a time with or without an offset.

    Raises:
        InvalidEvent: it is none.
    """
    try:
        at = datetime.fromisoformat(text)
        at.utctimetuple()
    except (ValueError, OverflowError):
        raise InvalidEvent(
            f"{member}: {text[:40]!r} is no time; write 2026-03-02T09:00:00", "ErrorInvalidParameter"
        ) from None
    return at


def _attendee(given: _AttendeeIn) -> Attendee:
    email = given.email_address
    return Attendee(address=email.address or "", name=email.name or "", type=given.type or "required")


def _recurrence(given: _RecurrenceIn) -> Recurrence:
    pattern, limits = given.pattern, given.range
    ends, count = None, 0
    match limits.type:
        case "endDate":
            ends = _date(limits.end_date, "recurrence.range.endDate")
        case "numbered":
            count = limits.number_of_occurrences or 0
            if count < 1:
                raise InvalidEvent(
                    "recurrence.range.numberOfOccurrences is at least 1", "ErrorPropertyValidationFailure"
                )
        case "noEnd":
            pass
        case _:
            raise InvalidEvent("recurrence.range.type is endDate, noEnd or numbered", "ErrorPropertyValidationFailure")
    return Recurrence(
        type=pattern.type, interval=pattern.interval, days=tuple(day.lower() for day in dict.fromkeys(pattern.days_of_week or ())),
        first_day=(pattern.first_day_of_week or "sunday").lower(), day_of_month=pattern.day_of_month or 0,
        index=(pattern.index or "first").lower(), month=pattern.month or 0, ends=ends, count=count,
    )  # fmt: skip


def _date(text: str | None, member: str) -> date:
    try:
        return date.fromisoformat(text or "")
    except ValueError:
        raise InvalidEvent(f"{member} is a date, 2026-03-31", "ErrorPropertyValidationFailure") from None


# -- out ----------------------------------------------------------------------------------------------------------------------------------


def event_json(
    event: MailboxEvent, zone_name: str = "UTC", *, show: Callable[[str], bool] | None = None
) -> dict[str, Any]:
    """Write an event.

    Args:
        zone_name: the zone of its times, as the client named it.
        show: which extended properties, by id; None: none of them.
    """
    zone = iana(zone_name)
    written: dict[str, Any] = {
        "@odata.etag": etag(event), "id": event.id, "createdDateTime": iso_seconds(event.created),
        "lastModifiedDateTime": iso_seconds(event.modified), "changeKey": change_key(event), "iCalUId": event.uid,
        "originalStartTimeZone": windows(event.zone),
        "originalEndTimeZone": windows(event.end_zone or event.zone), "hasAttachments": event.has_attachments, "subject": event.subject,
        "bodyPreview": preview(event.body, event.body_type), "sensitivity": event.sensitivity, "isAllDay": event.is_all_day,
        "isCancelled": event.is_cancelled, "isOrganizer": event.is_organizer, "showAs": event.show_as, "type": event.kind.value,
        "seriesMasterId": event.series_id or None, "isOnlineMeeting": False, "onlineMeetingProvider": "unknown", "onlineMeeting": None,
        "isDraft": False, "responseStatus": _status(event.answer, event.answered),
        "body": {"contentType": event.body_type, "content": event.body}, "location": _location(event.location),
        "locations": [_location(event.location)] if event.location else [], "attendees": [_attendee_json(one) for one in event.attendees],
        "organizer": {"emailAddress": {"name": event.organizer.name, "address": event.organizer.address}},
        "recurrence": recurrence_json(event),
        **times_json(event, zone, zone_name),
    }  # fmt: skip
    written |= {_WIRE[name]: event.extra.get(_WIRE[name], default) for name, default in _EXTRA.items()}
    if event.original_start is not None and event.series_id:
        written["originalStart"] = iso_seconds(event.original_start)
    if show is not None:
        shown = [{"id": name, "value": value} for name, value in event.properties.items() if show(name)]
        if shown:
            written["singleValueExtendedProperties"] = shown
    return written


def times_json(event: MailboxEvent, zone: str, zone_name: str) -> dict[str, Any]:
    """Write start and end in a zone; an all-day event keeps its dates."""
    if event.is_all_day:
        dates = all_day_in(event, UTC_ZONE)
        walls = (dates["wall_start"], dates["wall_end"])
    else:
        walls = (to_wall(event.start, zone), to_wall(event.end, zone))
    return {
        name: {"dateTime": f"{wall:%Y-%m-%dT%H:%M:%S}.0000000", "timeZone": zone_name}
        for name, wall in zip(("start", "end"), walls, strict=True)
    }


def recurrence_json(event: MailboxEvent) -> dict[str, Any] | None:
    """Write pattern and range of a master."""
    rule = event.recurrence
    if rule is None:
        return None
    first = event.wall_start or to_wall(event.start, event.zone)
    kind = "numbered" if rule.count else "endDate" if rule.ends is not None else "noEnd"
    pattern = {
        "type": rule.type, "interval": rule.interval, "month": rule.month, "dayOfMonth": rule.day_of_month, "daysOfWeek": list(rule.days),
        "firstDayOfWeek": rule.first_day, "index": rule.index,
    }  # fmt: skip
    limits = {
        "type": kind, "startDate": first.date().isoformat(), "endDate": (rule.ends or date.min).isoformat(),
        "recurrenceTimeZone": windows(event.zone), "numberOfOccurrences": rule.count,
    }  # fmt: skip
    return {"pattern": pattern, "range": limits}


def etag(event: MailboxEvent) -> str:
    """Return the ETag of an event as it is now."""
    return f'W/"{change_key(event)}"'


def change_key(event: MailboxEvent) -> str:
    """Return the changeKey of an event: it changes with the event, and differs between two instances of a series."""
    return base64.b64encode(f"{event.revision}:{event.id[-16:]}".encode()).decode()


def preview(body: str, body_type: str) -> str:
    """Return the first characters of a body, without markup."""
    if body_type != "html":
        return body[:PREVIEW_CHARS]
    reader = _Text()
    reader.feed(body)
    return " ".join("".join(reader.found).split())[:PREVIEW_CHARS]


class _Text(HTMLParser):
    """Collects the text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self._hidden += tag in ("style", "script", "head")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("style", "script", "head") and self._hidden > 0

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.found.append(data)


def _status(answer: Answer, at: datetime | None) -> dict[str, str]:
    return {"response": answer.value, "time": iso_seconds(at) if at is not None else NEVER}


def _location(name: str) -> dict[str, Any]:
    return {
        "displayName": name,
        "locationType": "default",
        "uniqueId": name,
        "uniqueIdType": "private" if name else "unknown",
    }


def _attendee_json(attendee: Attendee) -> dict[str, Any]:
    return {
        "type": attendee.type, "status": _status(attendee.answer, attendee.answered),
        "emailAddress": {"name": attendee.name or attendee.address, "address": attendee.address},
    }  # fmt: skip


MEMBERS: Final = frozenset(
    {
        "id", "createdDateTime", "lastModifiedDateTime", "changeKey", "iCalUId", "originalStartTimeZone", "originalEndTimeZone",
        "hasAttachments", "subject", "bodyPreview", "sensitivity", "isAllDay", "isCancelled", "isOrganizer", "showAs", "type",
        "seriesMasterId", "isOnlineMeeting", "onlineMeetingProvider", "onlineMeeting", "isDraft", "responseStatus", "body", "location",
        "locations", "attendees", "organizer", "recurrence", "start", "end", "originalStart", "singleValueExtendedProperties",
        *(_WIRE[name] for name in _EXTRA),
    }
)  # fmt: skip
"""What may be asked for with $select."""
