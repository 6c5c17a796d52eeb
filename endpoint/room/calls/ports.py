"""What calls need of the device around them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from endpoint.room.bookings.booking import Booking
from endpoint.room.bookings.dialling import Dial, dial_of
from endpoint.room.callentry import Entry
from endpoint.room.quiet import never, nothing
from endpoint.room.senses import Senses


def _no_booking(booking_id: str) -> Booking | None:
    """Know no booking."""
    return None


@dataclass(slots=True)
class CallsAround:
    """The ports of the calls of one device, plugged in by it.

    Attributes:
        senses: what hears and sees, which calls wake, mute and use.
        start: runs a coroutine in the background; takes it and a name.
        is_registered: says whether the cloud knows the device: nobody else makes calls.
        keep: takes a call that is over into the history; raises CommandFailed when it cannot be stored.
        find_booking: finds a booking by its id.
        dial_of: returns what joining a booking dials; raises NotJoinable, JoinFieldsUnreadable.
        joined: told the id of a booking whose call is connected.
    """

    senses: Senses
    start: Callable[[Coroutine[Any, Any, None], str], object]
    is_registered: Callable[[], bool] = never
    keep: Callable[[Entry], object] = nothing
    find_booking: Callable[[str], Booking | None] = _no_booking
    dial_of: Callable[[Booking], Dial] = dial_of
    joined: Callable[[str], object] = nothing
