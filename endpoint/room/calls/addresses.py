"""What people dial, and where it leads: Webex meetings, personal rooms, people, Zoom, the gateway; WebRTC meetings, which are not dialled.

Source: protocol/activation-and-media.md section 5 (the rule of the optimized experience and its expression), calendar-and-obtp.md 5.2,
5.3, 9.2, xapi.md 8.1. What tells a person from the gateway, and the sentences, are ours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from endpoint.room.bookings.booking import host_of, host_platform
from endpoint.wire.callcontrol import Leads
from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.zoom import ZoomAddress, read_zoom, with_menu_off

ADDRESS_CHARS_MAX: Final = 255
SCHEMES: Final = ("spark", "sip", "sips", "h323", "tel")
OPTIMIZED: Final = re.compile(
    r"^(?:spark:|sips?:)?[^@\s]+@(?:(?:[a-z0-9-]+\.)*webex\.(?:com|test)|meet\.ciscospark\.com)$", re.IGNORECASE
)
"""Addresses of Webex meetings, whole string; `webex.test` are the meeting domains of the stub."""
_PEOPLE: Final = re.compile(r"(.+\.)?(rooms?|calls?)\.(webex\.(com|test)|ciscospark\.com|test)", re.IGNORECASE)
"""Hosts under which the cloud has people and devices, not meetings."""
_WEBEX_LINK: Final = re.compile(r"(.+\.)?webex\.(com|test)", re.IGNORECASE)
_MEETING_NUMBER: Final = re.compile(r"\d{9,12}")
_DIGITS: Final = re.compile(r"\+?\d+")
_SEPARATORS: Final = re.compile(r"[\s().-]+")
_USER: Final = re.compile(r"[^\s@\"<>]{1,200}")
_LABEL: Final = re.compile(r"[^\s@\"<>./:;]+(\.[^\s@\"<>./:;]+)+")
_CVI: Final = re.compile(r"m\.webex\.com", re.IGNORECASE)
_ZOOM_LINK: Final = re.compile(r"/(?:j|w|wc/join)/(\d{9,12})(?:/|$)")
_PLATFORMS: Final = {"MicrosoftTeams": "MSTeams", "GoogleMeet": "GoogleMeet", "Zoom": "Zoom", "Webex": "Webex"}


class NotDialable(LocalProtocolError):
    """Nobody can be called at the address; the text says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where an address leads.

    Attributes:
        address: what the cloud is asked for, without scheme.
        platform: as in `Conference Call[n] MeetingPlatform`.
    """

    address: str
    leads: Leads
    platform: str = "Unknown"


def platform_word(platform: str) -> str:
    """Return the word of `Conference Call[n] MeetingPlatform` for the platform of a booking."""
    return _PLATFORMS.get(platform, "Unknown")


def target_of(number: str, *, zoom_domain: str = "", hides_zoom_menu: bool = False) -> Target:
    """Tell where a dialled text leads.

    Args:
        zoom_domain: `Zoom DefaultDomain`; its addresses are Zoom's as those of the known hosts are.
        hides_zoom_menu: `Zoom EnhancedCallControls`: the option 504 is added to an address at Zoom that has no options.

    Raises:
        NotDialable: it is no address, or one of a WebRTC meeting.
    """
    text = number.strip()
    if not text:
        raise NotDialable("there is nothing to dial; give an address like user@example.com, or a meeting number")
    if len(text.encode()) > ADDRESS_CHARS_MAX:
        raise NotDialable(f"the address has {len(text.encode())} bytes; at most {ADDRESS_CHARS_MAX} are dialled")
    if "://" in text:
        return _linked(text, zoom_domain, hides_zoom_menu)
    address = bare(text)
    if "@" not in address:
        return _numbered(address)
    user, _, host = address.partition("@")
    if not _USER.fullmatch(user) or not _LABEL.fullmatch(host):
        raise NotDialable(f"{text[:80]!r} is no address; it has to be like user@example.com")
    if is_zoom(address, zoom_domain):
        return _zoom(address, hides_zoom_menu)
    return Target(address, *_led(text, user, host))


def bare(text: str) -> str:
    """Return an address without its scheme (`spark:`, `sip:`, `sips:`, `h323:`, `tel:`) and without parameters."""
    scheme, colon, rest = text.partition(":")
    address = rest if colon and scheme.casefold() in SCHEMES else text
    user, at, host = address.partition("@")
    return f"{user}@{host.partition(';')[0].partition('?')[0]}" if at else user.partition(";")[0]


def is_zoom(address: str, zoom_domain: str = "") -> bool:
    """Say whether an address is at Zoom."""
    return host_platform(address) == "Zoom" or (bool(zoom_domain) and host_of(address) == zoom_domain.casefold())


def webrtc_platform(text: str) -> str:
    """Return the platform of a link that only a WebRTC client can join: MicrosoftTeams, GoogleMeet; else empty."""
    platform = host_platform(text) if "://" in text else ""
    return platform if platform in ("MicrosoftTeams", "GoogleMeet") else ""


def no_webrtc(platform: str) -> NotDialable:
    """Say that a meeting cannot be joined."""
    name = {"MicrosoftTeams": "Microsoft Teams", "MSTeams": "Microsoft Teams", "GoogleMeet": "Google Meet"}.get(
        platform, "WebRTC"
    )
    return NotDialable(
        f"{name} meetings over WebRTC cannot be dialled here: roomsim has no browser engine; give a video address (SIP, CVI)"
    )


def _numbered(text: str) -> Target:
    digits = _SEPARATORS.sub("", text)
    if _MEETING_NUMBER.fullmatch(digits):
        return Target(digits, Leads.MEETING, "Webex")
    if _DIGITS.fullmatch(digits):
        return Target(digits, Leads.PERSON)
    raise NotDialable(f"{text[:80]!r} is no address; it has to be like user@example.com, or a number")


def _led(text: str, user: str, host: str) -> tuple[Leads, str]:
    if _PEOPLE.fullmatch(host):
        return Leads.PERSON, "Unknown"
    if _CVI.fullmatch(host):
        return Leads.MEETING, "MSTeams"
    if OPTIMIZED.fullmatch(f"{user}@{host}"):
        return (Leads.MEETING if user.isdecimal() else Leads.PERSONAL_ROOM), "Webex"
    if user.isdecimal() or text.casefold().startswith(("sip:", "sips:", "h323:")):
        return Leads.SIP, "Unknown"
    return Leads.PERSON, "Unknown"


def _linked(link: str, zoom_domain: str, hides_zoom_menu: bool) -> Target:
    if webrtc := webrtc_platform(link):
        raise no_webrtc(webrtc)
    host = host_of(link)
    if _WEBEX_LINK.fullmatch(host):
        is_personal = urlsplit(link).path.startswith("/meet/")
        return Target(link, Leads.PERSONAL_ROOM if is_personal else Leads.MEETING, "Webex")
    found = _ZOOM_LINK.search(urlsplit(link).path) if host_platform(link) == "Zoom" else None
    if found is not None:
        return _zoom(f"{found[1]}@{zoom_domain or ZoomAddress('').domain}", hides_zoom_menu)
    raise NotDialable(
        f"the link to {host[:80] or 'nowhere'!r} is none of a meeting that can be dialled; give its video address"
    )


def _zoom(address: str, hides_menu: bool) -> Target:
    if hides_menu:
        try:
            address = str(with_menu_off(read_zoom(address)))
        except LocalProtocolError:  # not of the grammar: Zoom itself says what is wrong with it
            return Target(address, Leads.SIP, "Zoom")
    return Target(address, Leads.SIP, "Zoom")
