"""The bookings of one device: their numbers, ids and order. Nothing here knows time.

Source: protocol/calendar-and-obtp.md 6.5.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Final

from endpoint.room.bookings.booking import Booking, Source
from endpoint.runtime.errors import LimitExceeded

BOOKINGS_MAX: Final = 6_000
"""Bookings of one device; the calendar stores 5,000 meetings at most."""
PUSHED_MAX: Final = 1_000


class BookingStore:
    """All bookings, found by number, id and meeting, and in order of start and number. A number is never given twice."""

    __slots__ = ("_by_id", "_by_meeting", "_by_number", "_last", "_order", "longest_buffer_s")

    def __init__(self) -> None:
        self._by_number: dict[int, Booking] = {}
        self._by_id: dict[str, int] = {}
        self._by_meeting: dict[str, int] = {}
        self._order: list[tuple[datetime, int]] = []
        self._last = 0
        self.longest_buffer_s = 0
        """The longest start buffer that a booking ever had: none can be joined, by its buffer, sooner than that before its start."""

    def __len__(self) -> int:
        return len(self._by_number)

    def __iter__(self) -> Iterator[Booking]:
        """Iterate by start, then Meeting number."""
        return (self._by_number[number] for _, number in tuple(self._order))

    def __contains__(self, number: int) -> bool:
        return number in self._by_number

    def get(self, number: int) -> Booking | None:
        """Return the booking of a Meeting number."""
        return self._by_number.get(number)

    def find(self, booking_id: str = "", meeting_id: str = "") -> Booking | None:
        """Return the booking of an id, or of a meeting."""
        number = self._by_id.get(booking_id) if booking_id else self._by_meeting.get(meeting_id)
        return None if number is None else self._by_number[number]

    def count(self, source: Source) -> int:
        """Return how many bookings come from there."""
        return sum(booking.source is source for booking in self._by_number.values())

    def first_after(self, instant: datetime) -> Booking | None:
        """Return the first booking that starts after an instant."""
        at = bisect_right(self._order, (instant, 2**62))
        return self._by_number[self._order[at][1]] if at < len(self._order) else None

    def starting(self, after: datetime, until: datetime) -> Iterator[Booking]:
        """Iterate over what starts after an instant and not after another one."""
        first = bisect_right(self._order, (after, 2**62))
        last = bisect_right(self._order, (until, 2**62))
        return (self._by_number[number] for _, number in self._order[first:last])

    def add(self, booking: Booking) -> Booking:
        """Take a new booking, with the next Meeting number; without an id it gets `webex-<number>`.

        Raises:
            LimitExceeded: there are BOOKINGS_MAX already.
            ValueError: the id or the meeting has a booking.
        """
        self.refuse_full()
        number = self._last + 1
        added = replace(booking, number=number, id=booking.id or self._free_id(number))
        if added.id in self._by_id:
            raise ValueError(f"there is a booking {added.id} already")
        if added.meeting_id and added.meeting_id in self._by_meeting:
            raise ValueError(f"meeting {added.meeting_id} has a booking already")
        self._last = number
        self._put(added)
        return added

    def refuse_full(self) -> None:
        """Raise LimitExceeded if one booking more is too many."""
        if len(self._by_number) >= BOOKINGS_MAX:
            raise LimitExceeded("bookings of one device", BOOKINGS_MAX)

    def _free_id(self, number: int) -> str:
        found = f"webex-{number}"
        while found in self._by_id:  # somebody has pushed a booking of this name
            found += "-1"
        return found

    def change(self, booking: Booking) -> Booking:
        """Put a booking in the place of the one with its number; returns that one.

        Raises:
            KeyError: no booking has the number.
        """
        before = self.remove(booking.number)
        if before is None:
            raise KeyError(booking.number)
        self._put(booking)
        return before

    def _put(self, booking: Booking) -> None:
        self._by_number[booking.number] = booking
        self._by_id[booking.id] = booking.number
        if booking.meeting_id:
            self._by_meeting[booking.meeting_id] = booking.number
        insort(self._order, booking.order)
        self.longest_buffer_s = max(self.longest_buffer_s, booking.start_buffer_s)

    def remove(self, number: int) -> Booking | None:
        """Drop a booking; returns it, None if there was none."""
        booking = self._by_number.pop(number, None)
        if booking is None:
            return None
        del self._by_id[booking.id]
        if self._by_meeting.get(booking.meeting_id) == number:  # else a change has given the meeting to another booking
            del self._by_meeting[booking.meeting_id]
        del self._order[bisect_left(self._order, booking.order)]
        return booking
