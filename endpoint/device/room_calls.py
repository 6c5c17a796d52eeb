"""The calls of a device joined to its other parts: bookings, check-in, history, and the registration without which nobody calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from endpoint.room.bookings.booking import Booking
from endpoint.room.bookings.button import PRIORITY
from endpoint.room.bookings.dialling import Dial, dial_of
from endpoint.room.calls.ports import CallsAround

if TYPE_CHECKING:
    from endpoint.device.device import Device
    from endpoint.room.callhistory import CallHistory
    from endpoint.room.senses import Senses


def around(device: Device, senses: Senses, history: CallHistory) -> CallsAround:
    """Return the ports of the calls of one boot of a device."""
    return CallsAround(
        senses,
        device.tasks.start,
        is_registered=lambda: device.registration.device is not None,
        keep=history.add,
        find_booking=lambda booking_id: device.local.bookings.store.find(booking_id),  # noqa: PLW0108  the bookings are made later
        dial_of=lambda booking: _dial_of(device, booking),
        joined=lambda booking_id: device.local.check_in.joined(booking_id),  # noqa: PLW0108  the check-in is made later
    )


def _dial_of(device: Device, booking: Booking) -> Dial:
    return dial_of(booking, str(device.configuration.get(PRIORITY) or "Auto"))
