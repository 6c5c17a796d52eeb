"""How far ahead meetings are seen: what the service picks up, and what the store of the calendar service holds.

Pure. Months are calendar months from the instant of the check. Only a platform with a pick-up window (Office 365) makes a far meeting wait.
The other two horizons belong to the mailbox (BookingWindowInDays) and to the device (a day to either side).

Source: protocol/calendar-and-obtp.md 7.3; 5 to 6 months and the store's window documented, the hour of the daily job ours.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

AT_ONCE_MONTHS: Final = 5
"""A meeting that starts before this is picked up when it is notified."""
SLIDING_MONTHS: Final = 6
"""A meeting that starts before this is picked up by the daily job."""
STORE_BEHIND: Final = timedelta(days=7)
STORE_AHEAD: Final = timedelta(days=31)
DAY: Final = timedelta(days=1)


class Reach(StrEnum):
    """What becomes of a meeting that starts at some instant."""

    NOW = "now"
    DAILY = "daily"
    LATER = "later"
    UNLICENSED = "unlicensed"
    """It is near enough, and passed over: the organization has no licence to join such meetings."""


def add_months(instant: datetime, months: int) -> datetime:
    """Return the same day and time so many calendar months on; the last day of the month where it has no such day."""
    at = instant.year * 12 + instant.month - 1 + months
    year, month = divmod(at, 12)
    return instant.replace(year=year, month=month + 1, day=min(instant.day, monthrange(year, month + 1)[1]))


def reach(start: datetime, now: datetime, *, has_window: bool) -> Reach:
    """Say whether a meeting is picked up at once, by the next daily job, or not before later ones.

    Args:
        start, now: aware.
        has_window: the platform is one that makes far meetings wait.
    """
    now = now.astimezone(UTC)
    if not has_window or start < add_months(now, AT_ONCE_MONTHS):
        return Reach.NOW
    return Reach.DAILY if start < add_months(now, SLIDING_MONTHS) else Reach.LATER


def store_window(now: datetime) -> tuple[datetime, datetime]:
    """Return the first and the last instant that the calendar service's store spans."""
    return now - STORE_BEHIND, now + STORE_AHEAD


def is_stored(start: datetime, end: datetime, now: datetime) -> bool:
    """Say whether the store holds a meeting: it ended less than 7 days ago and starts within 31 days."""
    first, last = store_window(now)
    return end > first and start <= last


def next_job(now: datetime) -> datetime:
    """Return the instant of the next daily job: 00:00 UTC, later than now."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + DAY
