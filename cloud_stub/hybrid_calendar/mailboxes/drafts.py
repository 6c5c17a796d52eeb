"""What makes an event, and what may be changed in it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from cloud_stub.hybrid_calendar.mailboxes.errors import InvalidEvent
from cloud_stub.hybrid_calendar.mailboxes.recurrence import check, walls
from cloud_stub.hybrid_calendar.mailboxes.zones import UTC_ZONE, iana, span, to_utc, to_wall
from cloud_stub.platform.mailbox_records import Answer, Attendee, EventKind, MailboxEvent, Recurrence

ATTENDEES_MAX: Final = 500
"""Invitees of one meeting, as in Exchange Online."""
SUBJECT_CHARS_MAX: Final = 255
BODY_CHARS_MAX: Final = 1_000_000
TEXT_CHARS_MAX: Final = 4_096
SERIES_FIELDS: Final = frozenset(
    {"start", "end", "wall_start", "wall_end", "zone", "end_zone", "is_all_day", "recurrence"}
)
"""Fields that say when; a series whose times change forgets what was changed in single instances."""
CONTENT_FIELDS: Final = (
    "subject", "body", "body_type", "location", "start", "end", "wall_start", "wall_end", "zone", "end_zone", "is_all_day", "sensitivity",
    "show_as", "attendees", "properties", "extra", "has_attachments",
)  # fmt: skip
"""Fields that travel from the organizer's copy to those of the invitees."""
CHANGEABLE: Final = frozenset({*CONTENT_FIELDS, "recurrence"} - {"wall_start", "wall_end"})
SERIES_FROM_YEAR: Final = 2000
"""An older series would use up its instances before today (`series.INSTANCES_MAX`)."""
_WORDS: Final[Mapping[str, frozenset[str]]] = {
    "body_type": frozenset({"text", "html"}),
    "sensitivity": frozenset({"normal", "personal", "private", "confidential"}),
    "show_as": frozenset({"free", "tentative", "busy", "oof", "workingElsewhere", "unknown"}),
}
_TYPES: Final = frozenset({"required", "optional", "resource"})


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """An event that is to be made.

    Attributes:
        start, end: aware instants, or naive wall times in `zone` (and `end_zone`).
        zone: Windows or IANA name; of a series the zone whose wall time repeats.
    """

    start: datetime
    end: datetime
    zone: str = UTC_ZONE
    end_zone: str = ""
    subject: str = ""
    body: str = ""
    body_type: str = "text"
    location: str = ""
    is_all_day: bool = False
    sensitivity: str = "normal"
    show_as: str = "busy"
    attendees: tuple[Attendee, ...] = ()
    recurrence: Recurrence | None = None
    properties: dict[str, str] = {}
    extra: dict[str, Any] = {}
    has_attachments: bool = False


def invited(*addresses: str, type: str = "required") -> tuple[Attendee, ...]:  # noqa: A002  the platform's own word
    """Make attendees of addresses."""
    return tuple(Attendee(address=address.lower(), type=type) for address in addresses)


def settled(fields: Mapping[str, Any], before: MailboxEvent | None = None) -> dict[str, Any]:
    """Return fields of an event as they are kept: zones by IANA name, instants in UTC, addresses in lower case.

    Args:
        fields: of a `Draft`, or those that change in `before`.

    Raises:
        InvalidEvent: they do not make an event; the text says what would be right.
    """
    strange = sorted(set(fields) - CHANGEABLE)
    if strange:
        raise InvalidEvent(f"{', '.join(strange)} cannot be changed; {', '.join(sorted(CHANGEABLE))} can")
    kept = dict(fields)
    _check_texts(kept)
    if "attendees" in kept:
        kept["attendees"] = _attendees(kept["attendees"], before)
    if SERIES_FIELDS & kept.keys():
        kept |= _times(kept, before)
    return kept


def _check_texts(fields: Mapping[str, Any]) -> None:
    for name, words in _WORDS.items():
        if name in fields and fields[name] not in words:
            raise InvalidEvent(f"{name} is one of {', '.join(sorted(words))}")
    for name, limit in (("subject", SUBJECT_CHARS_MAX), ("body", BODY_CHARS_MAX), ("location", TEXT_CHARS_MAX)):
        if len(fields.get(name, "")) > limit:
            raise InvalidEvent(f"{name} has at most {limit} characters")


def _attendees(given: tuple[Attendee, ...], before: MailboxEvent | None) -> tuple[Attendee, ...]:
    """Clean a list of attendees: each once, with the answer that was given before."""
    if len(given) > ATTENDEES_MAX:
        raise InvalidEvent(f"a meeting has at most {ATTENDEES_MAX} attendees")
    clean: dict[str, Attendee] = {}
    for one in given:
        address = one.address.strip().lower()
        if "@" not in address or len(address) > 320:
            raise InvalidEvent(
                f"{one.address[:100]!r} is no address; write room@contoso.test", "ErrorInvalidRecipients"
            )
        if one.type not in _TYPES:
            raise InvalidEvent("an attendee is required, optional or resource")
        known = before.attendee(address) if before is not None else None
        answer, answered = (known.answer, known.answered) if known is not None else (Answer.NONE, None)
        clean[address] = msgspec.structs.replace(one, address=address, answer=answer, answered=answered)
    return tuple(clean.values())


def _times(fields: Mapping[str, Any], before: MailboxEvent | None) -> dict[str, Any]:
    zone = iana(fields["zone"]) if "zone" in fields else (before.zone if before is not None else UTC_ZONE)
    end_zone = iana(fields["end_zone"]) if fields.get("end_zone") else zone
    wall_start, start = _point(fields, "start", zone, before)
    if before is not None and "end" not in fields and "start" in fields:  # who moves only the start moves the meeting
        length = _wall(before, "end", before.zone) - _wall(before, "start", before.zone)
        start, end = span(wall_start, length, zone)
        wall_end = wall_start + length
    else:
        wall_end, end = _point(fields, "end", end_zone, before)
        wall_end = wall_end if end_zone == zone else to_wall(end, zone)
    if end < start:
        raise InvalidEvent("the end is before the start", "ErrorCalendarEndDateIsEarlierThanStartDate")
    if fields.get("is_all_day", before is not None and before.is_all_day):
        _check_all_day(wall_start, wall_end)
    recurrence = fields.get("recurrence", before.recurrence if before is not None else None)
    if recurrence is not None:
        if wall_start.year < SERIES_FROM_YEAR:
            raise InvalidEvent(f"a series starts in {SERIES_FROM_YEAR} or later", "ErrorPropertyValidationFailure")
        check(recurrence, wall_start)
        length = wall_end - wall_start
        wall_start = next(walls(recurrence, wall_start))
        wall_end = wall_start + length
        start, end = span(wall_start, length, zone)
    return {
        "start": start, "end": end, "wall_start": wall_start, "wall_end": wall_end, "zone": zone,
        "end_zone": "" if end_zone == zone else end_zone,
    }  # fmt: skip


def _point(fields: Mapping[str, Any], name: str, zone: str, before: MailboxEvent | None) -> tuple[datetime, datetime]:
    """Return start or end as wall time of a zone and as instant, in whole seconds."""
    if name not in fields:
        if before is None:
            raise InvalidEvent(f"an event needs its {name}")
        return _wall(before, name, zone), getattr(before, name)
    given: datetime = fields[name].replace(microsecond=0)
    if given.tzinfo is None:
        return given, to_utc(given, zone)
    return to_wall(given, zone), given.astimezone(UTC)


def _wall(event: MailboxEvent, name: str, zone: str) -> datetime:
    """Return start or end of an event on the wall clock of a zone; as it was meant, if it was meant there."""
    meant: datetime | None = getattr(event, f"wall_{name}")
    return meant if meant is not None and zone == event.zone else to_wall(getattr(event, name), zone)


def _check_all_day(start: datetime, end: datetime) -> None:
    at_midnight = start.time() == end.time() == datetime.min.time()
    if not at_midnight or end - start < timedelta(days=1):
        raise InvalidEvent(
            "an all-day event lasts from midnight to a later midnight, of one zone", "ErrorInvalidPropertyAllDay"
        )


def all_day_in(event: MailboxEvent, zone: str) -> dict[str, Any]:
    """Return the times of an all-day event in another zone: the same dates there. Source: 12.2."""
    wall_start, wall_end = _wall(event, "start", event.zone), _wall(event, "end", event.zone)
    start, end = to_utc(wall_start, zone), to_utc(wall_end, zone)
    return {"start": start, "end": end, "wall_start": wall_start, "wall_end": wall_end, "zone": zone, "end_zone": ""}


def kind_of(recurrence: Recurrence | None) -> EventKind:
    """Return what an event with or without a rule is."""
    return EventKind.MASTER if recurrence is not None else EventKind.SINGLE
