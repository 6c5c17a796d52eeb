"""What bookings need of the device around them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, tzinfo

from endpoint.room.bookings.booking import Booking
from endpoint.room.bookings.dialling import Builder, Dial, dial_of
from endpoint.room.bookings.marks import LEAD_S
from endpoint.room.quiet import never, nothing
from endpoint.wire.xapi.releases import Release


def _nobody(dial: Dial, by: str) -> None:
    """Make no call."""


def _complain_to_nobody(kind: str, holds: bool, references: dict[str, str]) -> None:
    """Tell nobody."""


@dataclass(slots=True)
class Around:
    """The ports of the bookings of one device, plugged in by it.

    Attributes:
        release: of the simulated software.
        lead_s: how long before the start the button comes; a setting of the organization.
        auto_lead_s: how long before the start the device joins by itself; None where it does not.
        zone: of the room.
        is_caught_up: says whether the calendar is known: a meeting that comes from then on was made meanwhile.
        in_call: says whether somebody here is in a call, or makes one.
        wake: wakes the device out of standby; takes why.
        meeting_starts: a meeting starts, which may wake the device.
        builder: makes of a booking what is dialled.
        dial: makes a call; takes what asked for it: button, auto.
        complain: raises or clears a diagnostics message, with its references.
        unreadable_title: what stands for a title that cannot be read.
    """

    release: Release
    lead_s: Callable[[], int] = lambda: LEAD_S
    auto_lead_s: Callable[[], int | None] = lambda: None
    zone: Callable[[], tzinfo] = lambda: UTC
    is_caught_up: Callable[[], bool] = never
    in_call: Callable[[], bool] = never
    wake: Callable[[str], object] = nothing
    meeting_starts: Callable[[], object] = nothing
    builder: Callable[[Booking], Builder] = lambda booking: dial_of
    dial: Callable[[Dial, str], object] = _nobody
    complain: Callable[[str, bool, dict[str, str]], object] = _complain_to_nobody
    unreadable_title: str = ""
