"""The commands on bookings: what they take, whom they let, and which part of the room carries them out.

Source: protocol/calendar-and-obtp.md 10.2, 10.3, 11.2, 11.5; xapi.md 7.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Final

from endpoint.room.bookings.booking import CALL_RATE, Booking, Source, platform_of
from endpoint.room.bookings.desk import Order
from endpoint.room.bookings.listing import Asked, page, select
from endpoint.room.bookings.room import names
from endpoint.runtime.clock import iso_seconds
from endpoint.runtime.errors import LimitExceeded
from endpoint.wire.bookings_put import PushedBooking, read_bookings
from endpoint.wire.conventions import parse_instant
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.xapi.calls import Invocation, Method
from endpoint.wire.xapi.errors import BadArguments, CommandFailed
from endpoint.wire.xapi.leaves import Fields

if TYPE_CHECKING:
    from endpoint.device.device import Device
    from endpoint.room.bookings.room import RoomBookings

NOT_FOUND: Final = "Booking not found"
INSIDE: Final = frozenset({"panel", "internal"})
"""Doors of those who are in the room; who asks over another one is outside (ours)."""
ORDERED: Final[Mapping[str, str]] = {
    "Title": "title",
    "Number": "number",
    "Protocol": "protocol",
    "MeetingPlatform": "platform",
    "OrganizerName": "organizer_name",
    "OrganizerEmail": "organizer_email",
    "OrganizerId": "organizer_id",
}


class BookingCommands:
    """The commands on the bookings of one device."""

    __slots__ = ("_device",)

    def __init__(self, device: Device) -> None:
        self._device = device

    @property
    def _bookings(self) -> RoomBookings:
        return self._device.local.bookings

    def _setting(self, name: str, otherwise: str) -> str:
        """Return a setting below `Bookings`; what holds where the software has none."""
        value = self._device.configuration.get(("Bookings", name))
        return otherwise if value is None else str(value)

    # what is there

    def _list(self, call: Invocation) -> Fields:
        device, now = self._device, self._device.world.clock.now()
        asked = Asked(
            day_offset=call.number("DayOffset") if "DayOffset" in call.given else None,
            days=call.number("Days"),
            schedule=call.text("ScheduleType"),
            account=call.text("AccountType"),
        )
        found = select(self._bookings.store, asked, now, device.zone)
        shown = page(found, call.number("Offset") or 0, call.number("Limit"))
        return {
            "ResultInfo": {"TotalRows": len(found), "LastUpdated": iso_seconds(now)},
            "Booking": self._bookings.fields_of(shown),
        }

    def _get(self, call: Invocation) -> Fields:
        return {"Booking": self._bookings.fields_of([self._found(call)])[0]}

    def _found(self, call: Invocation) -> Booking:
        """Return the booking that a call names by one of its ids."""
        wanted, meeting_id = call.text("Id"), call.text("MeetingId")
        if bool(wanted) == bool(meeting_id):
            raise BadArguments({"Id": "give either Id or MeetingId"})
        booking = self._bookings.store.find(wanted, meeting_id)
        if booking is None:
            raise CommandFailed(NOT_FOUND)
        return booking

    # what is made and changed at the device

    def _book(self, call: Invocation) -> None:
        self._device.local.desk.book(_order(call))

    def _edit(self, call: Invocation) -> None:
        order = _order(call)
        if order == Order():
            raise BadArguments({"Title": "nothing to change; give one of Title, StartTime, Duration"})
        self._device.local.desk.edit(self._found(call), order)

    def _extend(self, call: Invocation) -> None:
        self._device.local.desk.extend(self._found(call), call.number("Duration") or 0)

    async def _delete(self, call: Invocation) -> None:
        await self._device.local.desk.delete(self._found(call))

    def _clear(self, call: Invocation) -> None:
        self._device.local.desk.clear()

    async def _respond(self, call: Invocation) -> None:
        booking = self._bookings.store.find(meeting_id=call.text("MeetingId"))
        if booking is None:
            raise CommandFailed(NOT_FOUND)
        answer = call.text("Type")
        if answer == "Decline":
            self._refuse_decline(booking, call)
        await self._device.local.desk.respond(booking, answer, call.text("Comment"))

    def _refuse_decline(self, booking: Booking, call: Invocation) -> None:
        """Refuse what settings do not let be declined, or not by this caller."""
        allowed = self._setting("AllowDecline", "All")
        if allowed == "None":
            raise CommandFailed("Declining is off: Bookings AllowDecline is None")
        if allowed == "InsideOnly" and call.caller.door not in INSIDE:
            raise CommandFailed("Only who is in the room can decline: Bookings AllowDecline is InsideOnly")
        is_ad_hoc = booking.source is Source.ADHOC or booking.booked_from_device
        if not is_ad_hoc and self._setting("DeclinableBookingType", "All") == "AdhocOnly":
            raise CommandFailed("Only ad hoc bookings can be declined: Bookings DeclinableBookingType is AdhocOnly")

    def _put(self, call: Invocation) -> None:
        try:
            pushed = [_pushed(booking) for booking in read_bookings(call.body)]
        except RemoteProtocolError as error:
            raise CommandFailed(str(error)) from None  # with a Reason at every door, which argument errors have not
        try:
            self._bookings.replace_pushed(pushed)
        except (LimitExceeded, ValueError) as error:
            raise CommandFailed(str(error)) from None

    # reminders and check-in

    def _snooze(self, call: Invocation) -> None:
        button = self._bookings.button
        reminded = button.screen.reminded
        if call.text("Id") or call.text("MeetingId"):
            booking = self._found(call)
            if booking not in reminded:
                raise CommandFailed("The reminder of this booking is not shown")
        elif reminded:
            booking = reminded[0]
        else:
            raise CommandFailed("No reminder is shown")
        button.snooze(booking, call.number("SecondsToSnooze") or 0)
        self._bookings.tell("NotificationSnoozed", names(booking))

    def _check_in(self, call: Invocation) -> None:
        self._device.local.check_in.check_in(self._found(call))

    async def _check_out(self, call: Invocation) -> None:
        await self._device.local.check_in.check_out(self._found(call))

    COMMANDS: ClassVar[Mapping[str, Method]] = {
        "Bookings Book": _book,
        "Bookings CheckIn": _check_in,
        "Bookings CheckOut": _check_out,
        "Bookings Clear": _clear,
        "Bookings Delete": _delete,
        "Bookings Edit": _edit,
        "Bookings Extend": _extend,
        "Bookings Get": _get,
        "Bookings List": _list,
        "Bookings NotificationSnooze": _snooze,
        "Bookings Put": _put,
        "Bookings Respond": _respond,
    }


def _order(call: Invocation) -> Order:
    """Return what a call of Book or Edit wants; what was not written stays open."""
    texts = {member: call.text(name) for name, member in ORDERED.items() if name in call.given}
    return Order(
        starts=_instant(call.text("StartTime")) if call.text("StartTime") else None,
        minutes=call.number("Duration"),
        request_uuid=call.text("BookingRequestUUID"),
        **texts,
    )


def _instant(text: str) -> datetime:
    try:
        return parse_instant(text, "StartTime")
    except RemoteProtocolError as error:
        raise BadArguments({"StartTime": f"{error.rule}, such as 2026-11-20T18:30:00Z"}) from None


def _pushed(told: PushedBooking) -> Booking:
    """Make a booking of what somebody has pushed."""
    addresses = {"Number": told.number} if told.number else {}
    return Booking(
        source=Source.PUSHED,
        starts=told.starts,
        ends=told.ends,
        id=told.id,
        meeting_id=told.meeting_id,
        start_buffer_s=told.start_buffer_s,
        end_buffer_s=told.end_buffer_s,
        title=told.title,
        agenda=told.agenda,
        is_private=told.is_private,
        organizer_name=told.organizer_name,
        organizer_email=told.organizer_email,
        organizer_id=told.organizer_id,
        platform=told.platform or platform_of(addresses),
        addresses=addresses,
        protocol=told.protocol,
        call_type=told.call_type,
        call_rate=told.call_rate or CALL_RATE,
        encryption=told.encryption,
        meta_info=told.meta_info,
    )
