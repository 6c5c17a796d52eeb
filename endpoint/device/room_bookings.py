"""The bookings of a device joined to its other parts: the organization's lead, standby, diagnostics, and who makes calls."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from endpoint.room.bookings.booking import Booking
from endpoint.room.bookings.checkin import CheckIn
from endpoint.room.bookings.desk import BookingDesk
from endpoint.room.bookings.dialling import Builder, Dial, dial_of, faulty_dial_of
from endpoint.room.bookings.marks import LEAD_S, LEADS_S
from endpoint.room.bookings.ports import Around
from endpoint.room.bookings.room import RoomBookings
from endpoint.room.ports import RoomWorld
from endpoint.wire.xapi.errors import CommandFailed
from endpoint.wire.xapi.releases import release_of

if TYPE_CHECKING:
    from endpoint.device.device import Device
    from endpoint.room.senses import Senses

LEAD_TOGGLE: Final = "roomsim-obtp-lead-minutes"
"""Developer toggle that carries the organization's lead time; ours: how the real cloud tells it is not published."""

UNREADABLE_TITLES: Final = {"empty": "", "generic": "Meeting"}
"""What stands for the title of a meeting whose key does not come (protocol/activation-and-media.md section 16, row 47)."""


def make(device: Device, room: RoomWorld) -> RoomBookings:
    """Make the bookings of one boot of a device."""
    return RoomBookings(
        room,
        Around(
            release=release_of(device.profile.software),
            lead_s=lambda: lead_s(device),
            auto_lead_s=lambda: device.settings.auto_join.lead_s if device.settings.auto_join.enabled else None,
            zone=lambda: device.zone,
            is_caught_up=lambda: device.calendar.caught_up,
            in_call=lambda: device.local.calls.is_engaged(),  # noqa: PLW0108  the calls are made later
            wake=lambda why: device.local.senses.standby.wake(why),  # noqa: PLW0108  the senses are made later
            meeting_starts=lambda: device.local.senses.standby.meeting_starts(),  # noqa: PLW0108  the senses are made later
            builder=lambda booking: builder(device, booking),
            dial=lambda dial, by: _joined(device, dial, by),
            complain=device.diagnostics.put,
            unreadable_title=UNREADABLE_TITLES[device.settings.kms_down_title],
        ),
    )


def make_desk(device: Device, room: RoomWorld, bookings: RoomBookings) -> BookingDesk:
    """Make what takes bookings at the device; a device with an account has the calendar of its room behind it."""
    return BookingDesk(
        room,
        bookings,
        lambda: device.room_calendar if device.is_activated else None,
        device.tasks.start,
    )


def make_check_in(
    device: Device, room: RoomWorld, bookings: RoomBookings, desk: BookingDesk, senses: Senses
) -> CheckIn:
    """Make the check-in, and let it see what happens in the room."""
    check_in = CheckIn(room, bookings, desk, senses.presentation.is_sharing, device.tasks.start)
    for what in (("RoomAnalytics", "PeopleCount"), ("Conference", "Presentation"), ("SystemUnit", "State")):
        device.status.listen(what, lambda changes: check_in.look())
    return check_in


def lead_s(device: Device) -> int:
    """Return the organization's lead time: 0, 5, 10 or 15 minutes; what is none of these is as if it were not set."""
    registration = device.registration.device
    told = registration.features.get("developer", LEAD_TOGGLE) if registration is not None else None
    seconds = told * 60 if isinstance(told, int) and not isinstance(told, bool) else None
    return seconds if seconds in LEADS_S else LEAD_S


def builder(device: Device, booking: Booking) -> Builder:
    """Return what makes a call of a booking: the right builder, or that of the Zoom case while the fault `sip_button` bites."""
    world = device.world
    fault = world.faults.hit("calendar", step="press", meeting=booking.meeting_id, device=device.who)
    return dial_of if fault is None or fault.do != "sip_button" else faulty_dial_of


def _joined(device: Device, dial: Dial, by: str) -> None:
    dial_out(device, dial, by)
    device.local.check_in.joined(dial.booking_id)


def dial_out(device: Device, dial: Dial, by: str) -> None:
    """Join a booking. One that cannot be called has been told on the screen, in the log and as CallFailed."""
    with suppress(CommandFailed):
        device.local.joining.join(dial, by)
