"""What a press of the Join button dials. Two builders: the right one, and the one of the Zoom fault mode.

Source: protocol/calendar-and-obtp.md 5.2, 6.7, 6.9, 9.5.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from endpoint.room.bookings.booking import Booking, host_platform
from endpoint.runtime.errors import EndpointError

WEBRTC_PLATFORMS: Final = ("MicrosoftTeams", "GoogleMeet")


@dataclass(frozen=True, slots=True)
class Dial:
    """A call to be made.

    Attributes:
        protocol: Spark or WebRTC; SIP in the Zoom fault mode.
    """

    number: str
    protocol: str
    booking_id: str = ""
    meeting_id: str = ""
    title: str = ""
    platform: str = ""


class NotJoinable(EndpointError):
    """There is nothing to dial in the booking."""


class JoinFieldsUnreadable(EndpointError):
    """There is something to dial, and none of it can be read: the key is missing."""


Builder: TypeAlias = Callable[[Booking, str], Dial]
"""Takes a booking and `Bookings ProtocolPriority`; raises NotJoinable, JoinFieldsUnreadable."""


def dial_of(booking: Booking, priority: str = "Auto") -> Dial:
    """Return what joining a booking dials.

    Args:
        priority: `Bookings ProtocolPriority`: Auto takes an address before a link, WebRTC the link of a Teams or Meet meeting.

    Raises:
        NotJoinable: nothing to dial is in it.
        JoinFieldsUnreadable: what is in it cannot be read.
    """
    if not booking.is_joinable:
        raise NotJoinable(f"booking {booking.id} has nothing to join")
    found = booking.address
    if found is None:
        raise JoinFieldsUnreadable(f"what booking {booking.id} joins cannot be read")
    text = found[1]
    if priority == "WebRTC" and booking.platform in WEBRTC_PLATFORMS:
        text = next((one for one in booking.addresses.values() if one and _is_webrtc(one)), text)
    return Dial(
        bare(text),
        protocol_of(booking, text),
        booking.id,
        booking.meeting_id,
        booking.title or "",
        booking.platform,
    )


def protocol_of(booking: Booking, text: str) -> str:
    """Return the protocol in which a text of a booking is dialled by a cloud device: WebRTC for Teams and Meet links, else Spark."""
    return "WebRTC" if booking.protocol == "WebRTC" or _is_webrtc(text) else "Spark"


def bare(text: str) -> str:
    """Return an address without its scheme `sip:` or `sips:` and without parameters of the URI; a link stays as it is."""
    scheme, colon, rest = text.partition(":")
    address = rest if colon and scheme.casefold() in ("sip", "sips") else text
    if "://" in address or "@" not in address:
        return address
    user, _, host = address.partition("@")
    return f"{user}@{host.partition(';')[0].partition('?')[0]}"


def faulty_dial_of(booking: Booking, priority: str = "Auto") -> Dial:
    """Return what the Zoom fault mode dials: an address at Zoom goes out as SIP over TLS, everything else is right.

    Raises:
        as `dial_of`.
    """
    right = dial_of(booking, priority)
    if right.protocol == "WebRTC" or "://" in right.number or host_platform(right.number) != "Zoom":
        return right
    return replace(right, number=f"sip:{right.number};transport=tls", protocol="SIP")


def _is_webrtc(text: str) -> bool:
    return "://" in text and host_platform(text) in WEBRTC_PLATFORMS
