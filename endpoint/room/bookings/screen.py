"""What people see of the bookings: the Join button, the reminder, the list of the day.

Source: protocol/calendar-and-obtp.md 10.1, 10.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from endpoint.room.bookings.booking import Booking
from endpoint.room.bookings.marks import Rules
from endpoint.runtime.clock import iso_seconds

SCHEDULED: Final = "Scheduled meeting"
"""The title of what is private, or hidden."""
ROWS_MAX: Final = 200
"""Bookings that the list on the screen shows."""


@dataclass(frozen=True, slots=True)
class Screen:
    """The bookings as they are on the screen.

    Attributes:
        joinable: what has a Join button, the first one first: that is the one that a press takes.
        reminded: what the reminder tells of, the first one first.
    """

    joinable: tuple[Booking, ...] = ()
    reminded: tuple[Booking, ...] = ()

    def shown(self, rules: Rules) -> dict[str, dict[str, Any]]:
        """Return the elements by name."""
        first = self.joinable[0] if self.joinable else None
        told = self.reminded[0] if self.reminded else None
        return {
            "join button": {
                "visible": first is not None,
                "enabled": first is not None,
                "title": shown_title(first, rules) if first else "",
                "text": "Join" if first else "",
                "booking": first.id if first else "",
            },
            "reminder": {
                "visible": told is not None,
                "title": shown_title(told, rules) if told else "",
                "text": f"Starts at {local_time(told, rules)}" if told else "",
                "enabled": told is not None,
                "booking": told.id if told else "",
                "place": ("All" if rules.reminder_everywhere else "ControllerOnly") if told else "",
            },
        }


def listed(bookings: list[Booking], rules: Rules, now: datetime) -> list[dict[str, Any]]:
    """Return the list on the screen: what has not ended, as far as settings let it be seen."""
    shown = [booking for booking in bookings if rules.shows(booking) and now < booking.ends]
    return [
        {
            "booking": booking.id,
            "title": shown_title(booking, rules),
            "organizer": shown_organizer(booking, rules),
            "start": iso_seconds(booking.starts),
            "end": iso_seconds(booking.ends),
            "local": local_time(booking, rules),
            "allDay": booking.is_all_day,
            "join": rules.can_join(booking, now),
        }
        for booking in shown[:ROWS_MAX]
    ]


def shown_title(booking: Booking, rules: Rules) -> str:
    """Return the title as it may be seen on the screen."""
    return listed_title(booking) if rules.shows_title else SCHEDULED


def listed_title(booking: Booking) -> str:
    """Return the title as the xAPI tells it: not that of a private meeting, nor one that cannot be read."""
    readable = booking.unreadable_title if booking.title is None else booking.title
    return SCHEDULED if booking.is_private else readable


def shown_organizer(booking: Booking, rules: Rules) -> str:
    """Return the organizer's name as it may be seen on the screen."""
    return (booking.organizer_name or "") if rules.shows_organizer else ""


def local_time(booking: Booking, rules: Rules) -> str:
    """Return the start as a clock in the room shows it."""
    return rules.local(booking.starts).strftime("%H:%M")
