"""Bookings made, changed and given up at the device.

With a calendar behind the device each change is asked for and told when the calendar has answered; without one it is done at once.
What can be dialled of a meeting of the calendar is never changed here. Source: protocol/calendar-and-obtp.md 10.2, 11.2, 11.4; xapi.md 7.4.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from endpoint.room.bookings.booking import Booking, Source, platform_of
from endpoint.room.bookings.edits import DECLINE, TIMEOUT, CalendarEdits, EditRefused
from endpoint.room.bookings.fields import Gaps
from endpoint.room.bookings.marks import after
from endpoint.room.bookings.room import DELETED, RoomBookings, names
from endpoint.room.ports import RoomWorld
from endpoint.runtime.chance import Stream
from endpoint.runtime.clock import iso_seconds
from endpoint.runtime.errors import LimitExceeded
from endpoint.wire.clear_meeting import ClearMeeting
from endpoint.wire.xapi.errors import CommandFailed
from endpoint.wire.xapi.nodes import Value
from endpoint.wire.xapi.paths import Path

REQUESTS_MAX: Final = 16
"""Bookings that wait for the calendar's answer at once."""
ANSWER_S: Final = 60
"""How long the calendar is waited for, unless `AdhocBooking BookingTimeout` says otherwise."""
AHEAD_GRACE: Final = timedelta(minutes=1)
"""A start so little ahead is no booking ahead: clocks differ (ours)."""
TITLE: Final = "Ad hoc meeting"
DIAL_DATA: Final = ("Number", "Protocol", "MeetingPlatform", "OrganizerEmail", "OrganizerId", "OrganizerName")

_AD_HOC: Final[Path] = ("Bookings", "AdhocBooking")
_ENABLED: Final[Path] = (*_AD_HOC, "Enabled")
_AHEAD: Final[Path] = (*_AD_HOC, "BookAhead", "Enabled")
_TIMEOUT: Final[Path] = (*_AD_HOC, "BookingTimeout")
_HOURS: Final[Path] = ("Bookings", "MaxDuration")
_DEFAULT_TITLE: Final[Path] = ("UserInterface", "Bookings", "AdhocBooking", "DefaultTitle")
_USES_DEFAULT: Final[Path] = ("UserInterface", "Bookings", "AdhocBooking", "UseDefaultTitle")

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What somebody wants to have booked, or changed: None, or an empty text of a new booking, is what was not said."""

    title: str | None = None
    starts: datetime | None = None
    minutes: int | None = None
    number: str | None = None
    protocol: str | None = None
    platform: str | None = None
    organizer_name: str | None = None
    organizer_email: str | None = None
    organizer_id: str | None = None
    request_uuid: str = ""

    @property
    def has_dial_data(self) -> bool:
        """Tell whether it says what to dial, or whose the booking is."""
        told = (self.number, self.protocol, self.platform, self.organizer_name, self.organizer_email, self.organizer_id)
        return any(value is not None for value in told)


class BookingDesk:
    """Takes the wishes of the people and programs at one device.

    Args:
        calendar: returns the calendar behind the device; None where it has none of its own.
        start: runs a coroutine in the background.
    """

    __slots__ = ("_bookings", "_calendar", "_causes", "_draws", "_pending", "_room", "_start")

    def __init__(
        self,
        room: RoomWorld,
        bookings: RoomBookings,
        calendar: Callable[[], CalendarEdits | None],
        start: Callable[[Coroutine[Any, Any, None], str], object],
    ) -> None:
        self._room = room
        self._bookings = bookings
        self._calendar = calendar
        self._start = start
        self._draws: Stream | None = None
        self._pending: dict[str, int] = {}
        """Meeting number of each provisional booking, by the UUID of its request."""
        self._causes: dict[int, str] = {}
        """Why this device has asked for the end of a booking, by Meeting number."""
        bookings.awaited = self._awaited
        bookings.cause_of = lambda booking: self._causes.pop(booking.number, DELETED)

    # bookings that are made

    def book(self, order: Order) -> None:
        """Book the room: BookingRequested, then BookingCreated or BookingFailed.

        Raises:
            CommandFailed: it is not allowed here, makes no sense, or there are too many bookings or requests; nothing is told then.
        """
        if self._setting(_ENABLED) == "False":
            raise CommandFailed("Ad hoc bookings are off: Bookings AdhocBooking Enabled is False")
        now = self._room.world.clock.now().replace(microsecond=0)
        starts, minutes = order.starts or now, order.minutes or 0
        ends = self._ends(starts, timedelta(minutes=minutes), now)
        if starts > now + AHEAD_GRACE and self._setting(_AHEAD) == "False":
            raise CommandFailed("Bookings ahead are off: Bookings AdhocBooking BookAhead Enabled is False")
        uuid = order.request_uuid or self._uuid()
        if uuid in self._pending:
            raise CommandFailed("A request with this BookingRequestUUID is under way")
        if len(self._pending) >= REQUESTS_MAX:
            raise CommandFailed(f"{REQUESTS_MAX} requests are under way; wait for the answer to one of them")
        try:
            self._bookings.store.refuse_full()
        except LimitExceeded as error:
            raise CommandFailed(str(error)) from None
        booking = self._made(order, starts, ends)
        told = {"Title": booking.title, "StartTime": iso_seconds(starts), "Duration": minutes}
        self._bookings.tell("BookingRequested", {"BookingRequestUUID": uuid, **told})
        if self._in_the_way(starts, ends):
            self._failed("BookingFailed", DECLINE, BookingRequestUUID=uuid)
            return
        self._reserve(uuid, booking)

    def _uuid(self) -> str:
        if self._draws is None:
            self._draws = self._room.world.chance.stream("bookings at the device")
        return self._draws.uuid()

    def _made(self, order: Order, starts: datetime, ends: datetime) -> Booking:
        addresses = {"Number": order.number} if order.number else {}
        return Booking(
            source=Source.ADHOC,
            starts=starts,
            ends=ends,
            title=self._title(order.title or ""),
            organizer_name=order.organizer_name or "",
            organizer_email=order.organizer_email or "",
            organizer_id=order.organizer_id or "",
            platform=order.platform or platform_of(addresses),
            addresses=addresses,
            protocol=order.protocol or "",
            booked_from_device=True,
        )

    def _title(self, given: str) -> str:
        if given and self._setting(_USES_DEFAULT) != "True":
            return given
        return str(self._setting(_DEFAULT_TITLE) or TITLE)

    def _reserve(self, uuid: str, booking: Booking) -> None:
        """Put the booking on the list: for good where there is no calendar to be asked, else until it has answered."""
        calendar = self._calendar()
        if calendar is None:
            booking = replace(booking, meeting_id=self._uuid())
        added = self._bookings.add(booking, uuid if calendar is None else "")
        if calendar is None:
            return
        self._pending[uuid] = added.number
        self._start(self._create(calendar, uuid, added), "booking request")

    async def _create(self, calendar: CalendarEdits, uuid: str, booking: Booking) -> None:
        try:
            made = calendar.create(booking.title or "", booking.starts, booking.minutes, uuid)
            meeting_id = await self._answer(made)
        except EditRefused as refused:
            if not self._is_another(booking.number):
                self._bookings.withdraw([booking.number])
            self._failed("BookingFailed", refused.cause, BookingRequestUUID=uuid)
        else:
            await self._confirmed(calendar, uuid, booking, meeting_id)
        finally:
            self._pending.pop(uuid, None)
        self._bookings.on_settled()

    def _is_another(self, number: int, meeting_id: str = "") -> bool:
        """Tell whether a meeting of the same time that nobody asked for here has taken the place of a provisional booking; it keeps it."""
        found = self._bookings.store.get(number)
        if found is None or found.meeting_id in ("", meeting_id):
            return False
        self._bookings.change(replace(found, booked_from_device=False))
        self._bookings.tell_created(found)
        return True

    async def _confirmed(self, calendar: CalendarEdits, uuid: str, booking: Booking, meeting_id: str) -> None:
        """Let the provisional booking be the meeting, which may have been pushed already."""
        store, number = self._bookings.store, booking.number
        mine, pushed = store.get(number), store.find(meeting_id=meeting_id)
        if mine is None:  # given up meanwhile
            await self._give_up(calendar, meeting_id)
            return
        if self._is_another(number, meeting_id):
            if pushed is None:
                made = replace(booking, source=Source.CLOUD, id="", meeting_id=meeting_id)
                with suppress(LimitExceeded):  # then it is dropped when the calendar brings it, which is told
                    self._bookings.add(made, uuid)
                return
            self._bookings.change(replace(pushed, booked_from_device=True))
        elif pushed is not None and pushed.number != number:
            self._bookings.withdraw([number])
            self._bookings.change(replace(pushed, booked_from_device=True))
        elif not mine.meeting_id:
            self._bookings.change(replace(mine, source=Source.CLOUD, meeting_id=meeting_id))
        found = store.find(meeting_id=meeting_id)
        if found is not None:
            self._bookings.tell_created(found, uuid)

    async def _give_up(self, calendar: CalendarEdits, meeting_id: str) -> None:
        try:
            await self._answer(calendar.delete(meeting_id))
        except EditRefused as refused:
            text = f"Meeting {meeting_id} could not be given up: {refused.cause}"
            self._room.world.log.line("MainEvents", "W", text)

    def _awaited(self, meeting: ClearMeeting) -> Booking | None:
        """Return the provisional booking that a meeting answers: one of the same time."""
        for number in self._pending.values():
            booking = self._bookings.store.get(number)
            if booking is None or booking.meeting_id:
                continue
            if (booking.starts, booking.ends) == (meeting.starts, meeting.ends):
                return booking
        return None

    def is_pending(self, booking: Booking) -> bool:
        """Tell whether a booking still waits for the calendar."""
        is_provisional = booking.source is Source.ADHOC and not booking.meeting_id
        return is_provisional or booking.number in self._pending.values()

    # bookings that are changed

    def edit(self, booking: Booking, order: Order) -> None:
        """Change a booking: EditRequested, then BookingMoved (or only Updated), or EditFailed.

        Raises:
            CommandFailed: it makes no sense, or would change what a meeting of the calendar dials.
        """
        self._refuse_pending(booking)
        if order.has_dial_data and booking.source is Source.CLOUD:
            raise CommandFailed(
                f"{', '.join(DIAL_DATA[:3])} and Organizer of a booking of the calendar cannot be changed here"
            )
        now = self._room.world.clock.now()
        starts = order.starts or booking.starts
        length = booking.ends - booking.starts if order.minutes is None else timedelta(minutes=order.minutes)
        ends = self._ends(starts, length, now)
        self._bookings.tell("EditRequested", {"MeetingId": booking.meeting_id})
        if (starts, ends) != (booking.starts, booking.ends) and self._in_the_way(starts, ends, booking):
            self._failed("EditFailed", DECLINE, MeetingId=booking.meeting_id)
            return
        calendar = self._calendar() if booking.source is Source.CLOUD else None
        if calendar is None:
            self._bookings.change(_edited(booking, order, starts, ends))
            return
        wanted = calendar.change(
            booking.meeting_id, title=order.title, starts=order.starts, minutes=_minutes(booking, order)
        )
        self._start(self._change(wanted, "EditFailed", {"MeetingId": booking.meeting_id}), "booking edit")

    def extend(self, booking: Booking, minutes: int) -> None:
        """Let a booking end later: ExtensionRequested, then BookingMoved, or ExtensionFailed.

        Raises:
            CommandFailed: it is over, waits for the calendar, or would last longer than bookings may.
        """
        self._refuse_pending(booking)
        now = self._room.world.clock.now()
        if booking.ends <= now:
            raise CommandFailed("The booking is over")
        whole = booking.minutes + minutes
        ends = self._ends(booking.starts, timedelta(minutes=whole), now)
        told: dict[str, Any] = {**names(booking), "OriginalMeetingId": booking.meeting_id}
        self._bookings.tell("ExtensionRequested", {**told, "NewEndTime": iso_seconds(ends), "Duration": minutes})
        failure = {"OriginalMeetingId": booking.meeting_id, "ExtensionStart": iso_seconds(booking.ends)}
        if not self.extension(booking) or self._in_the_way(booking.ends, ends, booking):
            self._failed("ExtensionFailed", DECLINE, **failure)
            return
        calendar = self._calendar() if booking.source is Source.CLOUD else None
        if calendar is None:
            self._bookings.change(replace(booking, ends=ends))
            return
        wanted = calendar.change(booking.meeting_id, minutes=whole)
        self._start(self._change(wanted, "ExtensionFailed", failure), "booking extension")

    def extension(self, booking: Booking) -> int:
        """Return MaximumMeetingExtension of a booking, in minutes."""
        return Gaps(self._bookings.store).extension(booking)

    async def _change(self, wanted: Awaitable[None], event: str, told: dict[str, Any]) -> None:
        try:
            await self._answer(wanted)
        except EditRefused as refused:
            self._failed(event, refused.cause, **told)

    # bookings that are given up

    async def delete(self, booking: Booking, cause: str = DELETED) -> None:
        """Give a booking up; where a calendar has it, Deleted comes when that has agreed.

        Raises:
            CommandFailed: the calendar did not agree.
        """
        calendar = self._calendar() if booking.source is Source.CLOUD else None
        if calendar is None:
            self._bookings.remove(booking.number, cause)
            return
        await self._end(booking, calendar.delete(booking.meeting_id), cause, "deleted")

    async def release(self, booking: Booking, cause: str) -> None:
        """Give the room free before a booking ends: its own meeting is deleted, somebody's invitation declined; errors as `delete`."""
        calendar = self._calendar() if booking.source is Source.CLOUD else None
        if calendar is None or booking.booked_from_device:
            await self.delete(booking, cause)
            return
        declined = calendar.respond(booking.meeting_id, "Decline", f"The room was released: {cause}")
        await self._end(booking, declined, cause, "released")

    async def respond(self, booking: Booking, answer: str, comment: str) -> None:
        """Answer for the room; what is declined is no booking of the room any more. Errors as `delete`."""
        calendar = self._calendar() if booking.source is Source.CLOUD else None
        if calendar is None:
            if answer == "Decline":
                self._bookings.remove(booking.number)
            return
        await self._end(booking, calendar.respond(booking.meeting_id, answer, comment), DELETED, "answered")

    async def _end(self, booking: Booking, wanted: Awaitable[None], cause: str, done: str) -> None:
        """Ask for the end of a booking; the calendar, which tells of it, is told why (Deleted has a Cause)."""
        kept = {number: why for number, why in self._causes.items() if number in self._bookings.store}
        self._causes = {**kept, booking.number: cause}
        try:
            await self._answer(wanted)
        except EditRefused as refused:
            self._causes.pop(booking.number, None)
            raise CommandFailed(f"The booking was not {done}: {refused.cause}") from None
        finally:
            if booking.number not in self._bookings.store:
                self._causes.pop(booking.number, None)

    def clear(self) -> None:
        """Empty the list of what the device has by itself: pushed and ad hoc bookings; those of the calendar stay."""
        self._bookings.withdraw([one.number for one in self._bookings.store if one.source is not Source.CLOUD])

    # inside

    async def _answer(self, wanted: Awaitable[T]) -> T:
        """Wait for the calendar, as long as it may take."""
        seconds = self._setting(_TIMEOUT)
        try:
            async with self._room.world.clock.timeout(seconds if isinstance(seconds, int) else ANSWER_S):
                return await wanted
        except TimeoutError:
            raise EditRefused(TIMEOUT) from None

    def _refuse_pending(self, booking: Booking) -> None:
        if self.is_pending(booking):
            raise CommandFailed("The calendar has not answered yet: wait for BookingCreated")

    def _ends(self, starts: datetime, length: timedelta, now: datetime) -> datetime:
        hours = self._setting(_HOURS)
        if isinstance(hours, int) and timedelta() < timedelta(hours=hours) < length:
            raise CommandFailed(f"A booking lasts at most {hours} hours: Bookings MaxDuration")
        ends = after(starts, length)
        if ends <= now:
            raise CommandFailed("The booking would be over already")
        return ends

    def _in_the_way(self, starts: datetime, ends: datetime, but: Booking | None = None) -> bool:
        """Tell whether another booking has the room at some time between two instants."""
        mine = but.number if but is not None else 0
        return any(
            booking.starts < ends and booking.ends > starts and booking.number != mine
            for booking in self._bookings.store
        )

    def _failed(self, event: str, cause: str, **told: str) -> None:
        self._bookings.tell(event, {**told, "FailureCause": cause})
        self._room.world.log.line("MainEvents", "W", f"Bookings {event}: {cause}")

    def _setting(self, path: Path) -> Value | None:
        """Return a configuration; None where the software has none of it."""
        return self._room.settings.get(path)


def _minutes(booking: Booking, order: Order) -> int | None:
    return order.minutes if order.minutes != booking.minutes else None


def _edited(booking: Booking, order: Order, starts: datetime, ends: datetime) -> Booking:
    """Return a booking of the device's own as an order wants it."""
    number = order.number
    addresses = booking.addresses if number is None else {"Number": number} if number else {}
    platform = order.platform or (platform_of(addresses) if number is not None else booking.platform)

    def told(new: str | None, old: T) -> str | T:
        return old if new is None else new

    return replace(
        booking,
        starts=starts,
        ends=ends,
        title=told(order.title, booking.title),
        addresses=addresses,
        platform=platform,
        protocol=order.protocol or booking.protocol,
        organizer_name=told(order.organizer_name, booking.organizer_name),
        organizer_email=told(order.organizer_email, booking.organizer_email),
        organizer_id=told(order.organizer_id, booking.organizer_id),
    )
