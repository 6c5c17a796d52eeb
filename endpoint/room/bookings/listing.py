"""Which bookings a list asks for, by day, by time and by whose they are.

Days are those of the room: from one local midnight to the next, also where a day has 23 or 25 hours. Source:
protocol/calendar-and-obtp.md 11.2, 12.3 (documented; the day arithmetic is inferred).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo

from endpoint.room.bookings.booking import Booking
from endpoint.room.bookings.marks import midnight


@dataclass(frozen=True, slots=True)
class Asked:
    """What a list asks for; without anything all bookings, past, present and future.

    Attributes:
        day_offset: days from today to the first day; None: the list has no first day unless it has a number of them.
        days: how many; None: without end.
        schedule: `Current` or `Upcoming`; empty: both, and what is over.
        account: `Shared`, `Personal`, `SharedAndPersonal`; a room's bookings are shared.
    """

    day_offset: int | None = None
    days: int | None = None
    schedule: str = ""
    account: str = ""


def select(bookings: Iterable[Booking], asked: Asked, now: datetime, zone: tzinfo) -> list[Booking]:
    """Return the bookings that are asked for, in the order in which they come."""
    if asked.account == "Personal":
        return []
    begins, ends = _stretch(asked, now, zone)
    return [
        booking
        for booking in bookings
        if (begins is None or booking.ends > begins or booking.starts >= begins)  # also what has no length
        and (ends is None or booking.starts < ends)
        and _is_scheduled(booking, asked.schedule, now)
    ]


def page(found: list[Booking], offset: int, limit: int | None) -> list[Booking]:
    """Return the asked-for part of what was found."""
    return found[offset : None if limit is None else offset + limit]


def _stretch(asked: Asked, now: datetime, zone: tzinfo) -> tuple[datetime | None, datetime | None]:
    if asked.day_offset is None and asked.days is None:
        return None, None
    first = asked.day_offset or 0
    ends = None if asked.days is None else midnight(now, zone, first + asked.days)
    return midnight(now, zone, first), ends


def _is_scheduled(booking: Booking, schedule: str, now: datetime) -> bool:
    if schedule == "Current":
        return booking.is_running(now)
    return schedule != "Upcoming" or booking.starts > now
