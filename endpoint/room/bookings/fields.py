"""What `Bookings List` and `Bookings Get` say of a booking. Source: protocol/calendar-and-obtp.md 6.7, 11.3."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from endpoint.room.bookings.booking import Booking, Source
from endpoint.room.bookings.dialling import bare, protocol_of
from endpoint.room.bookings.marks import after
from endpoint.room.bookings.screen import listed_title
from endpoint.runtime.clock import iso_seconds
from endpoint.wire.xapi.releases import Release

EXTENSION_MINUTES: Final = 30
NEWER: Final[Release] = (11, 14)
"""From here on MeetingPlatform, Cancellable and BookedFromDevice are told; which release began with them is not known (ours)."""
ALL_DAY: Final[Release] = (11, 23)
"""From here on Time IsAllDay is told: the release that can hide what lasts all day (ours)."""


class Gaps:
    """When the room is free, of bookings in order of their start."""

    __slots__ = ("_ends", "_starts")

    def __init__(self, bookings: Iterable[Booking]) -> None:
        self._starts: list[datetime] = []
        self._ends: list[datetime] = []
        """The latest end of all bookings up to here."""
        for booking in bookings:
            self._starts.append(booking.starts)
            self._ends.append(max(booking.ends, self._ends[-1]) if self._ends else booking.ends)

    def extension(self, booking: Booking) -> int:
        """Return how many minutes a booking could go on: 30 if the room is free so long after its end, else 0."""
        count = bisect_left(self._starts, after(booking.ends, timedelta(minutes=EXTENSION_MINUTES)))
        is_free = count == 0 or self._ends[count - 1] <= booking.ends
        return EXTENSION_MINUTES if is_free else 0


def fields(booking: Booking, extension: int, release: Release) -> dict[str, Any]:
    """Return a booking as the answer has it.

    Args:
        extension: minutes for which it could go on.
        release: of the simulated software; older ones tell less.
    """
    times: dict[str, Any] = {
        "StartTime": iso_seconds(booking.starts),
        "StartTimeBuffer": booking.start_buffer_s,
        "EndTime": iso_seconds(booking.ends),
        "EndTimeBuffer": booking.end_buffer_s,
    }
    if release >= ALL_DAY:
        times["IsAllDay"] = str(booking.is_all_day)
    newer = {
        "MeetingPlatform": booking.platform,
        "Cancellable": str(booking.source is Source.ADHOC or booking.booked_from_device),
        "BookedFromDevice": str(booking.booked_from_device),
    }
    return {
        "Id": booking.id,
        "MeetingId": booking.meeting_id,
        "Title": listed_title(booking),
        "Agenda": booking.agenda,
        "Privacy": "Private" if booking.is_private else "Public",
        "Organizer": organizer(booking),
        "Time": times,
        "MaximumMeetingExtension": extension,
        "MeetingExtensionAvailability": "",
        "BookingStatus": "OK",
        "BookingStatusMessage": "",
        **(newer if release >= NEWER else {}),
        "Webex": webex(booking),
        "Encryption": booking.encryption,
        "Role": "Master",
        "Recording": "Disabled",
        "DialInfo": {"Calls": {"Call": calls(booking)}, "ConnectMode": "OBTP" if booking.is_joinable else "Manual"},
    }


def organizer(booking: Booking) -> dict[str, str]:
    """Return the organizer; the last word of the name is the last name."""
    first, _, last = (booking.organizer_name or "").strip().rpartition(" ")
    return {
        "FirstName": first.strip(),
        "LastName": last,
        "Email": booking.organizer_email or "",
        "Id": booking.organizer_id,
    }


def webex(booking: Booking) -> dict[str, str]:
    """Return the Webex block: told as far as it is known, of a Webex meeting with a number."""
    is_webex = booking.platform == "Webex" and booking.address is not None
    return {
        "Enabled": str(is_webex),
        "Url": (booking.webex_url or "") if is_webex else "",
        "MeetingNumber": (booking.webex_number or "") if is_webex else "",
        "Password": (booking.webex_password or "") if is_webex else "",
        "HostKey": (booking.webex_host_key or "") if is_webex else "",
    }


def calls(booking: Booking) -> list[dict[str, Any]]:
    """Return what can be dialled: one call, none where there is nothing, or nothing that can be read."""
    found = booking.address
    if found is None:
        return []
    protocol = booking.protocol if booking.protocol not in ("", "None") else protocol_of(booking, found[1])
    return [
        {"Number": bare(found[1]), "Protocol": protocol, "CallRate": booking.call_rate, "CallType": booking.call_type}
    ]
