"""Bookings List and Get. Source: protocol/xapi.md 7.1, 7.2; calendar-and-obtp.md 11.2, 11.3."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from endpoint.room.bookings.booking import Booking
from endpoint.runtime.clock import iso_seconds
from endpoint.wire.xapi.calls import Invocation, Method
from endpoint.wire.xapi.errors import BadArguments, CommandFailed
from endpoint.wire.xapi.leaves import Fields

if TYPE_CHECKING:
    from endpoint.device.device import Device


class BookingCommands:
    """The commands on the bookings of one device."""

    __slots__ = ("_device",)

    def __init__(self, device: Device) -> None:
        self._device = device

    def _is_asked_for(self, booking: Booking, call: Invocation, now: datetime) -> bool:
        kind = call.text("ScheduleType")
        if kind == "Current" and not booking.is_running(now):
            return False
        if kind == "Upcoming" and booking.starts <= now:
            return False
        days, offset = call.number("Days"), call.number("DayOffset") or 0
        if days is None and "DayOffset" not in call.given:
            return True
        midnight = now.astimezone(self._device.zone).replace(hour=0, minute=0, second=0, microsecond=0)
        first = midnight + timedelta(days=offset)
        return booking.ends > first and (days is None or booking.starts < first + timedelta(days=days))

    def _list(self, call: Invocation) -> Fields:
        device, now = self._device, self._device.world.clock.now()
        bookings = device.local.bookings
        found = [booking for booking in bookings.store if self._is_asked_for(booking, call, now)]
        offset, limit = call.number("Offset") or 0, call.number("Limit")
        page = found[offset : None if limit is None else offset + limit]
        return {
            "ResultInfo": {"TotalRows": len(found), "LastUpdated": iso_seconds(now)},
            "Booking": bookings.fields_of(page),
        }

    def _get(self, call: Invocation) -> Fields:
        wanted, meeting_id = call.text("Id"), call.text("MeetingId")
        if bool(wanted) == bool(meeting_id):
            raise BadArguments({"Id": "give either Id or MeetingId"})
        bookings = self._device.local.bookings
        booking = bookings.store.find(wanted, meeting_id)
        if booking is None:
            raise CommandFailed("Booking not found")
        return {"Booking": bookings.fields_of([booking])[0]}

    COMMANDS: ClassVar[Mapping[str, Method]] = {"Bookings List": _list, "Bookings Get": _get}
