"""Check-in: who has booked the room shows that somebody came, or the room is free for others.

Nothing here has a timer of its own: the time line of the bookings is asked to wake when a window ends. Source:
protocol/calendar-and-obtp.md 10.3 (documented; that people and sharing count from the start on, and not before, is ours).
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, Final

from endpoint.room.bookings.booking import Booking
from endpoint.room.bookings.desk import BookingDesk
from endpoint.room.bookings.marks import after, before
from endpoint.room.bookings.room import RoomBookings, names
from endpoint.room.ports import RoomWorld
from endpoint.runtime.clock import iso_seconds
from endpoint.wire.xapi.errors import CommandFailed
from endpoint.wire.xapi.nodes import Value
from endpoint.wire.xapi.paths import Path

NO_SHOW: Final = "NoShow"
CHECKED_OUT: Final = "ManualCheckOut"
WINDOW_MINUTES: Final = 10
AUTO_HOURS: Final = 8

ROOT: Final[Path] = ("Bookings", "CheckIn")
_PEOPLE: Final[Path] = ("RoomAnalytics", "PeopleCount", "Current")


class CheckIn:
    """The check-in of one device.

    Args:
        is_sharing: says whether somebody shows something from the room.
        start: runs a coroutine in the background.
    """

    __slots__ = ("_bookings", "_desk", "_done", "_is_sharing", "_room", "_start", "_waiting")

    def __init__(
        self,
        room: RoomWorld,
        bookings: RoomBookings,
        desk: BookingDesk,
        is_sharing: Callable[[], bool],
        start: Callable[[Coroutine[Any, Any, None], str], object],
    ) -> None:
        self._room = room
        self._bookings = bookings
        self._desk = desk
        self._is_sharing = is_sharing
        self._start = start
        self._done: dict[int, datetime] = {}
        """Start of a booking for which nothing is left to be seen, by Meeting number."""
        self._waiting: dict[int, datetime] = {}
        """Start of a booking whose window is open, by Meeting number."""
        bookings.on_settled = self.look
        room.settings.listen(ROOT, lambda changes: self.look())

    # what the room is told

    def check_in(self, booking: Booking) -> None:
        """Say that somebody came.

        Raises:
            CommandFailed: check-in is off, it was done, or it is too early or too late.
        """
        self._refuse_off()
        now = self._room.world.clock.now()
        opens = before(booking.starts, timedelta(seconds=self._bookings.rules().lead_s))
        closes = min(self._deadline(booking), booking.ends)
        if self._done.get(booking.number) == booking.starts:
            raise CommandFailed("The booking is checked in already")
        if not opens <= now < closes:
            raise CommandFailed(f"Check-in is open from {iso_seconds(opens)} to {iso_seconds(closes)}")
        self._checked_in(booking)

    async def check_out(self, booking: Booking) -> None:
        """Give the room free before the booking ends.

        Raises:
            CommandFailed: it does not run, or the calendar did not agree.
        """
        if not booking.is_running(self._room.world.clock.now()):
            raise CommandFailed("The booking does not run now")
        await self._desk.release(booking, CHECKED_OUT)

    def joined(self, booking_id: str) -> None:
        """Take note that a booking is joined, which shows that somebody came."""
        booking = self._bookings.store.find(booking_id) if booking_id else None
        is_new = booking is not None and self._done.get(booking.number) != booking.starts
        if booking is not None and is_new and self.is_on and self._room.world.clock.now() < booking.ends:
            self._checked_in(booking)

    # what the room sees

    @property
    def is_on(self) -> bool:
        """Whether bookings have to be checked in."""
        return self._room.settings.get((*ROOT, "Enabled")) == "True"

    def look(self) -> None:
        """See whether somebody has come for what runs now, and give free what nobody came for."""
        if not self.is_on:
            self._waiting.clear()
            return
        store = self._bookings.store
        for seen in (self._done, self._waiting):
            for number in [number for number, starts in seen.items() if not _is_still(store.get(number), starts)]:
                del seen[number]
        for booking in self._bookings.timeline.running:
            if booking.number not in self._done and booking.number in store and not self._desk.is_pending(booking):
                self._see(booking)

    def _see(self, booking: Booking) -> None:
        now, deadline = self._room.world.clock.now(), self._deadline(booking)
        if self._comes_by_itself(booking):
            self._checked_in(booking)
        elif now < deadline:
            self._waiting[booking.number] = booking.starts
            self._bookings.timeline.wake(deadline)
        else:
            self._done[booking.number] = booking.starts
            if self._waiting.pop(booking.number, None) is not None:  # else nobody was looking while the window was open
                self._start(self._release(booking), "no show")

    def _comes_by_itself(self, booking: Booking) -> bool:
        hours = self._number("AutoCheckInDuration", AUTO_HOURS)
        people = self._room.status.get(_PEOPLE)
        return (
            booking.booked_from_device
            or booking.minutes >= hours * 60
            or self._bookings.around.in_call()
            or self._is_sharing()
            or (isinstance(people, int) and people >= 1)
        )

    async def _release(self, booking: Booking) -> None:
        self._room.world.log.line("MainEvents", "I", f"Nobody came for {booking.id}: the room is released")
        try:
            await self._desk.release(booking, NO_SHOW)
        except CommandFailed as error:
            self._room.world.log.line("MainEvents", "W", f"Room not released from {booking.id}: {error}")

    # inside

    def _checked_in(self, booking: Booking) -> None:
        self._done[booking.number] = booking.starts
        self._waiting.pop(booking.number, None)
        offset = int((self._room.world.clock.now() - booking.starts) / timedelta(minutes=1))
        times = {"StartTime": iso_seconds(booking.starts), "EndTime": iso_seconds(booking.ends)}
        self._bookings.tell("CheckedIn", {**names(booking), **times, "MinuteOffset": offset})

    def _refuse_off(self) -> None:
        if not self.is_on:
            raise CommandFailed("Check-in is off: Bookings CheckIn Enabled is False")

    def _deadline(self, booking: Booking) -> datetime:
        return after(booking.starts, timedelta(minutes=self._number("WindowDuration", WINDOW_MINUTES)))

    def _number(self, name: str, otherwise: int) -> int:
        """Return a setting of check-in; what is documented where the software has none."""
        value: Value | None = self._room.settings.get((*ROOT, name))
        return int(value) if value is not None else otherwise


def _is_still(booking: Booking | None, starts: datetime) -> bool:
    return booking is not None and booking.starts == starts
