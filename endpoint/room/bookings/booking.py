"""One booking of the room: made of a meeting of the calendar, pushed over the xAPI, or made at the device.

Source: protocol/calendar-and-obtp.md 5.4, 6.7, 11.3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Final
from urllib.parse import urlsplit

from endpoint.wire.clear_meeting import ClearMeeting

CLOUD_BUFFER_S: Final = 300
"""StartTimeBuffer of cloud bookings."""
CALL_RATE: Final = 6_000
"""Of a booking that does not say otherwise, in kbit/s."""
DIAL_ORDER: Final = ("meetingJoinURI", "webexURI", "spaceURI", "callURI", "meetingJoinURL")
"""Of these join fields the first one that is present is dialled (protocol 6.7)."""
PLATFORMS: Final[Mapping[str, str]] = {
    "WEBEX": "Webex",
    "TEAMS": "Webex",
    "MSTEAMS": "MicrosoftTeams",
    "ZOOM": "Zoom",
    "GOOGLE": "GoogleMeet",
}
"""`meetingJoinType` -> MeetingPlatform (protocol 5.4); TEAMS goes with Webex spaces, the last two were never observed."""
ACCEPTED: Final = ("", "ACCEPTED")
TENTATIVE: Final = ("TENTATIVE", "NO_RESPONSE", "UNKNOWN_RESPONSE")
_HOSTS: Final = (
    ("Zoom", re.compile(r"(.+\.)?(zoomcrc\.com|zoom\.us|zoomgov\.com|zmau\.us)")),
    ("GoogleMeet", re.compile(r"meet\.google\.com")),
    ("MicrosoftTeams", re.compile(r"teams\.(microsoft|live)\.com")),
)
"""Hosts that tell a platform, whatever type the service gives."""


class Source(Enum):
    """Where a booking comes from."""

    CLOUD = "cloud"
    PUSHED = "pushed"
    ADHOC = "adhoc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """A booking as the room knows it. Times are UTC; a text that cannot be read is None, one that is not there is empty.

    Attributes:
        number: the Meeting number, given by the store; never reused while the device runs.
        id: `webex-<number>` unless it was pushed with another one.
        title: None while it cannot be read; `unreadable_title` is shown then.
        addresses: what can be dialled, the first choice first: join fields by their names, `Number` of pushed and ad hoc bookings.
        protocol: that of a pushed or ad hoc booking; empty where the address decides.
        response: what the room has answered: ACCEPTED, TENTATIVE ...; empty where nobody says.
        booked_from_device: it was asked for at this device, also if the calendar has brought it meanwhile.
    """

    source: Source
    starts: datetime
    ends: datetime
    number: int = 0
    id: str = ""
    meeting_id: str = ""
    start_buffer_s: int = CLOUD_BUFFER_S
    end_buffer_s: int = 0
    title: str | None = ""
    unreadable_title: str = ""
    agenda: str = ""
    is_private: bool = False
    is_all_day: bool = False
    organizer_name: str | None = ""
    organizer_email: str | None = ""
    organizer_id: str = ""
    platform: str = "None"
    addresses: Mapping[str, str | None] = field(default_factory=dict)
    protocol: str = ""
    call_type: str = "Video"
    call_rate: int = CALL_RATE
    encryption: str = "BestEffort"
    meta_info: str = ""
    webex_url: str | None = ""
    webex_number: str | None = ""
    webex_password: str | None = field(default="", repr=False)
    webex_host_key: str | None = field(default="", repr=False)
    response: str = ""
    is_recurring: bool = False
    booked_from_device: bool = False

    @property
    def is_joinable(self) -> bool:
        """Tell whether there is something to join, readable or not: the gate of the button."""
        return bool(self.addresses)

    @property
    def address(self) -> tuple[str, str] | None:
        """Return what would be dialled and the field that it stands in: the first one that can be read; None if none can."""
        for name, text in self.addresses.items():
            if text:
                return name, text
        return None

    @property
    def is_tentative(self) -> bool:
        """Tell whether the room has not accepted (yet)."""
        return self.response in TENTATIVE

    @property
    def minutes(self) -> int:
        """The length that was booked, in whole minutes."""
        return int((self.ends - self.starts) / timedelta(minutes=1))

    @property
    def order(self) -> tuple[datetime, int]:
        """What bookings are sorted by: start, then Meeting number."""
        return self.starts, self.number

    def is_running(self, now: datetime) -> bool:
        """Tell whether the booking has begun and not ended."""
        return self.starts <= now < self.ends


def of_meeting(meeting: ClearMeeting, unreadable_title: str = "") -> Booking:
    """Make a booking of a meeting of the calendar; the store gives it number and id."""
    addresses = {name: meeting.join_fields[name] for name in DIAL_ORDER if name in meeting.join_fields}
    return Booking(
        source=Source.CLOUD,
        starts=meeting.starts,
        ends=meeting.ends,
        meeting_id=meeting.id,
        title=meeting.title,
        unreadable_title=unreadable_title,
        is_private=meeting.is_private,
        is_all_day=meeting.is_all_day,
        organizer_name=meeting.organizer_name,
        organizer_email=meeting.organizer_email,
        organizer_id=meeting.organizer_id,
        platform=platform_of(addresses, meeting.join_type),
        addresses=addresses,
        webex_url=meeting.webex_url,
        webex_number=meeting.meeting_number,
        webex_password=meeting.password,
        webex_host_key=meeting.host_key,
        response=meeting.response,
        is_recurring=meeting.is_recurring,
    )


def platform_of(addresses: Mapping[str, str | None], join_type: str = "") -> str:
    """Return the MeetingPlatform: what a host tells, then what the service says, then Webex for its own fields; None for nothing."""
    if not addresses:
        return "None"
    for text in addresses.values():
        told = host_platform(text or "")
        if told:
            return told
    kind = PLATFORMS.get(join_type.upper())
    if kind is not None:
        return kind
    return "Webex" if "webexURI" in addresses or "spaceURI" in addresses else "Other"


def host_platform(address: str) -> str:
    """Return the platform that the host of an address or a link tells; empty if none."""
    host = host_of(address)
    return next((name for name, pattern in _HOSTS if pattern.fullmatch(host)), "")


def host_of(address: str) -> str:
    """Return the host of a link or an address, folded; empty if there is none."""
    if "://" in address:
        try:
            return (urlsplit(address).hostname or "").casefold()
        except ValueError:
            return ""
    return address.rpartition("@")[2].partition(";")[0].partition(":")[0].casefold() if "@" in address else ""
