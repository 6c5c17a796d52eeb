"""From which software version on a device has an event or a status of bookings.

Source: protocol/calendar-and-obtp.md 11.1 (documented; a row names the first schema that lists the node).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SINCE: Final[Mapping[str, str]] = {
    "Status Bookings Availability": "10.19.4",
    "Event Bookings BookingRequested": "10.19.4",
    "Event Bookings End": "10.19.4",
    "Event Bookings EndTimeBuffer": "10.19.4",
    "Event Bookings ExtensionRequested": "10.19.4",
    "Event Bookings NotificationSnoozed": "10.19.4",
    "Event Bookings Start": "10.19.4",
    "Event Bookings StartTimeBuffer": "10.19.4",
    "Event Bookings TimeRemaining": "10.19.4",
    "Event Bookings Updated": "10.19.4",
    "Event Bookings Deleted": "11.14.4",
    "Event Bookings EditRequested": "11.18.1",
    "Event Bookings CheckedIn": "11.19.1",
    "Event Bookings BookingCreated": "11.23.1",
    "Event Bookings BookingFailed": "11.23.1",
    "Event Bookings ExtensionFailed": "11.23.1",
    "Event Bookings BookingMoved": "11.24.1",
    "Event Bookings SyncRequired": "11.24.1",
    "Event Bookings EditFailed": "26.1.1",
}
"""Whatever is not here is in all versions that are simulated."""


def has(software: tuple[int, ...], node: str) -> bool:
    """Say whether a software version has a node; what the version leaves open (`26.4`) is taken for the newest."""
    since = SINCE.get(node)
    return since is None or is_since(software, since)


def is_since(software: tuple[int, ...], since: str) -> bool:
    """Say whether a software version is at least another one, as far as it is told."""
    wanted = tuple(map(int, since.split(".")))
    return software[: len(wanted)] >= wanted[: len(software)]
