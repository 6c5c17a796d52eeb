"""Free and busy of several mailboxes, getSchedule of Graph. Source: protocol/calendar-and-obtp.md 13.2."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cloud_stub.hybrid_calendar.mailboxes.errors import InvalidEvent, UnknownMailbox
from cloud_stub.hybrid_calendar.mailboxes.store import MailboxStore
from cloud_stub.hybrid_calendar.mailboxes.zones import iana, to_utc
from cloud_stub.hybrid_calendar.platforms.graph_json import read_time, times_json
from cloud_stub.platform.mailbox_records import MailboxEvent, MailboxKind

SCHEDULES_MAX: Final = 20
WINDOW_MAX: Final = timedelta(days=62)
INTERVAL_DEFAULT: Final = 30
INTERVALS: Final = (5, 1440)
DIGITS: Final[Mapping[str, int]] = {"free": 0, "tentative": 1, "busy": 2, "oof": 3, "workingElsewhere": 4}


def schedule_json(mailboxes: MailboxStore, asked: Mapping[str, Any], zone_name: str) -> list[dict[str, Any]]:
    """Write the answer of getSchedule.

    Args:
        asked: members of the request, names in lower case.

    Raises:
        InvalidEvent: the text names the member.
    """
    schedules = asked.get("schedules")
    is_list = isinstance(schedules, list) and all(isinstance(one, str) for one in schedules)
    if not is_list or not schedules or len(schedules) > SCHEDULES_MAX:
        raise InvalidEvent(f"Schedules is a list of 1 to {SCHEDULES_MAX} addresses", "ErrorInvalidParameter")
    start, end = read_window(asked)
    minutes = asked.get("availabilityviewinterval")
    minutes = INTERVAL_DEFAULT if minutes is None else minutes
    if not isinstance(minutes, int) or isinstance(minutes, bool) or not INTERVALS[0] <= minutes <= INTERVALS[1]:
        raise InvalidEvent(
            f"AvailabilityViewInterval is {INTERVALS[0]} to {INTERVALS[1]} minutes", "ErrorInvalidParameter"
        )
    return [_one(mailboxes, address, start, end, timedelta(minutes=minutes), zone_name) for address in schedules]


def read_window(asked: Mapping[str, Any]) -> tuple[datetime, datetime]:
    """Return the window that is asked for; InvalidEvent if it is none."""
    start, end = _point(asked, "starttime", "StartTime"), _point(asked, "endtime", "EndTime")
    if not timedelta(0) < end - start <= WINDOW_MAX:
        raise InvalidEvent(f"EndTime is after StartTime, by at most {WINDOW_MAX.days} days", "ErrorInvalidParameter")
    return start, end


def _one(
    mailboxes: MailboxStore, address: str, start: datetime, end: datetime, step: timedelta, zone_name: str
) -> dict[str, Any]:
    try:
        mailbox = mailboxes.mailbox(address)
        if mailbox.kind is MailboxKind.EXTERNAL:
            raise UnknownMailbox(address)
    except UnknownMailbox:
        error = {"message": "The mailbox was not found.", "responseCode": "ErrorMailRecipientNotFound"}
        return {"scheduleId": address, "availabilityView": "", "scheduleItems": [], "error": error}
    events = [one for one in mailboxes.occurrences(mailbox.address, start, end) if not one.is_cancelled]
    zone = iana(zone_name)
    items = [
        {"status": one.show_as, "isPrivate": one.sensitivity == "private", **times_json(one, zone, zone_name)}
        for one in events
    ]
    return {"scheduleId": address, "availabilityView": availability(events, start, end, step), "scheduleItems": items}


def availability(events: list[MailboxEvent], start: datetime, end: datetime, step: timedelta) -> str:
    """Return one digit for each step of a window: the most that any event in it says, busy over tentative over free."""
    count = -(-(end - start) // step)
    digits = [0] * count
    for event in events:
        digit = DIGITS.get(event.show_as, 2)
        first = max(0, (event.start - start) // step)
        last = min(count, -(-(event.end - start) // step))
        for at in range(first, last):
            digits[at] = max(digits[at], digit) if digit != 4 else digits[at] or digit
    return "".join(map(str, digits))


def _point(asked: Mapping[str, Any], name: str, shown: str) -> datetime:
    given = asked.get(name)
    given = (
        {key.lower(): value for key, value in given.items() if isinstance(key, str)} if isinstance(given, dict) else {}
    )
    text, zone = given.get("datetime"), given.get("timezone") or "UTC"
    if not isinstance(text, str) or not isinstance(zone, str):
        raise InvalidEvent(f"{shown} is an object with dateTime and timeZone", "ErrorInvalidParameter")
    at = read_time(text, shown)
    return to_utc(at, iana(zone)) if at.tzinfo is None else at.astimezone(UTC)
