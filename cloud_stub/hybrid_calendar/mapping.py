"""From an event of a mailbox, and how it is joined, to a meeting of the calendar service. Pure.

A device never sees a rule: instances of a series are meetings of their own with a common series id (protocol 12.1). An instance is known
by the day on which its rule puts it, in the zone of the series, so that it keeps its id when it or the whole series moves to another hour.
"""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import NAMESPACE_URL, uuid5
from zoneinfo import ZoneInfo

from cloud_stub.hybrid_calendar.join_details import JoinDetails, without_block
from cloud_stub.platform.mailbox_records import Answer, EventKind, MailboxEvent, Person
from cloud_stub.platform.records import Meeting, User

RESPONSES: Final[Mapping[Answer, str]] = {
    Answer.NONE: "NO_RESPONSE",
    Answer.NOT_RESPONDED: "NO_RESPONSE",
    Answer.ORGANIZER: "ACCEPTED",
    Answer.ACCEPTED: "ACCEPTED",
    Answer.DECLINED: "DECLINED",
    Answer.TENTATIVE: "TENTATIVE",
}
"""Words of the DTO for answers; ACCEPTED, DECLINED and TENTATIVE are ours (6.3)."""
NO_JOIN: Final = JoinDetails(join_type="", join={})
_TAG: Final = re.compile(r"<[^<>]*>")
_SPACE: Final = re.compile(r"\s+")


def instance_key(event: MailboxEvent) -> str:
    """Return what tells an instance from others of its series: a day; empty for a single meeting."""
    if event.original_start is None:
        return ""
    day = event.original_day or event.original_start.astimezone(ZoneInfo(event.zone)).date()
    return day.isoformat()


def series_id(uid: str) -> str:
    """Return the series id of all meetings that come of an invitation."""
    return str(uuid5(NAMESPACE_URL, f"roomsim:{uid}"))


def meeting_id(uid: str, key: str) -> str:
    """Return the id of the meeting that comes of an instance; that of a single meeting is its series id."""
    return str(uuid5(NAMESPACE_URL, f"roomsim:{uid}/{key}")) if key else series_id(uid)


def is_delivered(answer: Answer, *, tentative: bool) -> bool:
    """Say whether a room of this answer gets the meeting: accepted and own ones do, tentative ones where that is switched on (8.4)."""
    return answer in (Answer.ACCEPTED, Answer.ORGANIZER) or (tentative and answer is Answer.TENTATIVE)


def digest(event: MailboxEvent, location: str) -> str:
    """Digest what the writer of an event says; what the service wrote into it, and who answered what, is left out."""
    body = without_block(event.body)
    text = html.unescape(_TAG.sub(" ", body)) if event.body_type == "html" else body
    invited = sorted(one.address for one in event.attendees)
    parts = (
        event.subject, location, _SPACE.sub(" ", text).strip(), invited, event.start.isoformat(), event.end.isoformat(), event.zone,
        event.is_all_day, event.sensitivity, repr(event.recurrence), event.is_cancelled, event.cancelled,
    )  # fmt: skip
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def matching(occurrence: MailboxEvent, others: Iterable[MailboxEvent]) -> MailboxEvent | None:
    """Return the same instance in another copy of the meeting: by its day, else by its start; None if that copy has none."""
    found = list(others)
    key = instance_key(occurrence)
    same = [one for one in found if instance_key(one) == key]
    return next(iter(same), None) or next((one for one in found if one.start == occurrence.start), None)


def to_meeting(
    occurrence: MailboxEvent,
    content: MailboxEvent,
    details: JoinDetails,
    organizer: User | None,
    *,
    now: datetime,
    responses: Mapping[str, str],
) -> Meeting:
    """Make the meeting of one instance.

    Args:
        occurrence: says when; it is the room's.
        content: the copy that is read (8.5): title, place, text.
        responses: by user id; those are the users whose calendars have it.
    """
    whose: Person = content.organizer
    is_part = occurrence.series_id != "" or content.kind is not EventKind.SINGLE
    return Meeting(
        id=meeting_id(occurrence.uid, instance_key(occurrence)),
        series_id=series_id(occurrence.uid),
        title=content.subject,
        start=occurrence.start,
        duration_minutes=(occurrence.end - occurrence.start) // timedelta(minutes=1),
        organizer_id=organizer.id if organizer is not None else str(uuid5(NAMESPACE_URL, f"mailto:{whose.address}")),
        organizer_name=whose.name or (organizer.name if organizer is not None else whose.address),
        organizer_email=whose.address,
        modified=now,
        user_ids=tuple(responses),
        location=content.location,
        notes=content.body,
        join=dict(details.join),
        meeting_join_type=details.join_type,
        meeting_number=details.number,
        password=details.password,
        host_key=details.host_key,
        is_recurring=is_part,
        is_private=content.sensitivity in ("private", "confidential"),
        is_all_day=occurrence.is_all_day,
        responses=dict(responses),
    )
