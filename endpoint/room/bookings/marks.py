"""The instants of a booking at which something happens, and the order of those that fall on one instant.

Source: protocol/calendar-and-obtp.md 10.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from enum import IntEnum
from typing import Final, NamedTuple

from endpoint.room.bookings.booking import Booking, Source

LEADS_S: Final = (0, 300, 600, 900)
LEAD_S: Final = 300
"""How long before the start the button comes, unless the organization has set another lead."""
REMAINING_S: Final = (300, 240, 180, 120, 60)


class Rank(IntEnum):
    """What comes first of what is due at one instant."""

    END = 0
    END_BUFFER = 1
    START_BUFFER = 2
    BUTTON = 3
    AUTO_JOIN = 4
    START = 5
    REMAINING = 6
    SCREEN = 7
    """No mark of a booking: something on the screen changes."""


class Mark(NamedTuple):
    """Something that is due; `seconds` are those that are left, of REMAINING."""

    at: datetime
    rank: Rank
    seconds: int = 0


@dataclass(frozen=True, slots=True)
class Rules:
    """What settings and the organization say about when bookings are shown and joined.

    Attributes:
        lead_s: how long before the start the button comes.
        auto_lead_s: how long before the start the device joins by itself; None: it does not.
        zone: of the room: what a day is.
    """

    lead_s: int = LEAD_S
    auto_lead_s: int | None = None
    early_join: bool = False
    shows_non_joinable: bool = True
    shows_tentative: bool = True
    shows_all_day: bool = True
    shows_title: bool = True
    shows_organizer: bool = True
    reminder_everywhere: bool = False
    zone: tzinfo = UTC

    def lead_of(self, booking: Booking) -> timedelta:
        """How long before its start a booking can be joined: pushed ones tell it themselves."""
        return timedelta(seconds=booking.start_buffer_s if booking.source is Source.PUSHED else self.lead_s)

    def shows(self, booking: Booking) -> bool:
        """Tell whether a booking is on the screen at all."""
        return (
            (self.shows_non_joinable or booking.is_joinable)
            and (self.shows_tentative or not booking.is_tentative)
            and (self.shows_all_day or not booking.is_all_day)
        )

    def can_join(self, booking: Booking, now: datetime) -> bool:
        """Tell whether the booking has a Join button now: the button function of protocol 10.1."""
        return self.reminds(booking, now) or (
            self.early_join
            and booking.is_joinable
            and self.shows(booking)
            and now < booking.ends
            and self.day(booking.starts) == self.day(now)
        )

    def reminds(self, booking: Booking, now: datetime) -> bool:
        """Tell whether it is time for the reminder: from the lead on, whatever EarlyJoin says, until the end."""
        return (
            booking.is_joinable
            and self.shows(booking)
            and before(booking.starts, self.lead_of(booking)) <= now < booking.ends
        )

    def day(self, instant: datetime) -> object:
        """Return the day of an instant in the room's zone."""
        return self.local(instant).date()

    def local(self, instant: datetime) -> datetime:
        """Return an instant as clocks in the room show it; as UTC where no calendar goes so far."""
        try:
            return instant.astimezone(self.zone)
        except OverflowError:
            return instant

    def next_midnight(self, now: datetime) -> datetime:
        """Return when the room's next day begins."""
        return midnight(now, self.zone, 1)


def before(instant: datetime, by: timedelta) -> datetime:
    """Return an instant before another one; the first of all where no calendar goes further."""
    try:
        return instant - by
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)


def after(instant: datetime, by: timedelta) -> datetime:
    """Return an instant after another one; the last of all where no calendar goes further."""
    try:
        return instant + by
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def midnight(now: datetime, zone: tzinfo, offset: int) -> datetime:
    """Return when a day of the room begins, today plus `offset`, as UTC.

    Where the clock steps over midnight the day begins with the step; where midnight comes twice, with the first one.
    """
    try:
        day = now.astimezone(zone).date() + timedelta(days=offset)
        return datetime.combine(day, time(), zone).astimezone(UTC)
    except OverflowError:  # behind the last day that a calendar has
        return datetime.max.replace(tzinfo=UTC)


def marks(booking: Booking, rules: Rules) -> Iterator[Mark]:
    """Iterate over all that is due in the life of a booking, in no order."""
    starts, ends = booking.starts, booking.ends
    if booking.start_buffer_s > 0:
        yield Mark(before(starts, timedelta(seconds=booking.start_buffer_s)), Rank.START_BUFFER)
    yield Mark(before(starts, rules.lead_of(booking)), Rank.BUTTON)
    if rules.auto_lead_s is not None:
        yield Mark(before(starts, timedelta(seconds=rules.auto_lead_s)), Rank.AUTO_JOIN)
    yield Mark(starts, Rank.START)
    for seconds in REMAINING_S:
        left = before(ends, timedelta(seconds=seconds))
        if left >= starts:
            yield Mark(left, Rank.REMAINING, seconds)
    yield Mark(ends, Rank.END)
    if booking.end_buffer_s > 0:
        yield Mark(after(ends, timedelta(seconds=booking.end_buffer_s)), Rank.END_BUFFER)


def next_mark(booking: Booking, rules: Rules, done: tuple[datetime, int]) -> Mark | None:
    """Return what is due next after an instant and a rank; None when all is over."""
    return min((mark for mark in marks(booking, rules) if mark[:2] > done), default=None)
