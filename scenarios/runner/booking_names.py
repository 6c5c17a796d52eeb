"""Bookings of a device by the names that a scenario has for them."""

from __future__ import annotations

from endpoint.device.device import Device
from endpoint.room.bookings.booking import Booking
from scenarios.runner.stage import Stage


def named_booking(stage: Stage, device: Device, name: str) -> Booking:
    """Return the booking of a name: an id, a meeting's id, or what the scenario calls the meeting.

    Raises:
        ValueError: there is none.
    """
    store = device.local.bookings.store
    booking = store.find(name) or store.find(meeting_id=stage.ids.get(name, name))
    if booking is None:
        raise ValueError(f"there is no booking {name} on the device")
    return booking
