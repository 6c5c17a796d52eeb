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


class _Ports:
    """What the calls of the room ask the device for; the bookings and the check-in are made after them."""

    __slots__ = ("_device",)

    def __init__(self, device: Device) -> None:
        self._device = device

    def is_registered(self) -> bool:
        """Say whether the cloud knows the device."""
        return self._device.registration.device is not None

    def find_booking(self, booking_id: str) -> Booking | None:
        """Find a booking by its id."""
        return self._device.local.bookings.store.find(booking_id)

    def dial_of(self, booking: Booking) -> Dial:
        """Return what joining a booking dials."""
        return dial_of(booking, str(self._device.configuration.get(PRIORITY) or "Auto"))

    def joined(self, booking_id: str) -> None:
        """Take note that the call of a booking is connected."""
        self._device.local.check_in.joined(booking_id)


def around(device: Device, senses: Senses, history: CallHistory) -> CallsAround:
    """Return the ports of the calls of one boot of a device."""
    ports = _Ports(device)
    return CallsAround(
        senses,
        device.tasks.start,
        is_registered=ports.is_registered,
        keep=history.add,
        find_booking=ports.find_booking,
        dial_of=ports.dial_of,
        joined=ports.joined,
    )
