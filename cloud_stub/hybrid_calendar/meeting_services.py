"""The meeting services that invitations speak of, and what a booking calls them.

Source: protocol/calendar-and-obtp.md 5.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Confidence = Literal["O", "D", "I", "R"]
"""How sure a row of a table is: observed, documented, inferred, ours."""
Needs = Literal["", "webex_number", "zoom_number", "passcode"]
"""What has to be looked for in the text around an address."""


@dataclass(frozen=True, slots=True)
class Service:
    """Whose meeting it is.

    Attributes:
        platform: `MeetingPlatform` of a booking.
        join_type: `meetingJoinType` of the DTO.
        takes_interop: whether a bare SIP address beside its link is its video address.
    """

    name: str
    platform: str = "Other"
    join_type: str = "OTHER"
    takes_interop: bool = False


WEBEX: Final = Service("Webex", "Webex", "WEBEX")
SPACE: Final = Service("Webex space", "Webex", "TEAMS")
TEAMS: Final = Service("Microsoft Teams", "MicrosoftTeams", "MSTEAMS", takes_interop=True)
MEET: Final = Service("Google Meet", "GoogleMeet", "OTHER", takes_interop=True)
ZOOM: Final = Service("Zoom", "Zoom")
BLUEJEANS: Final = Service("BlueJeans")
LIFESIZE: Final = Service("Lifesize")
STARLEAF: Final = Service("StarLeaf", takes_interop=True)
PEXIP: Final = Service("Pexip")
CMS: Final = Service("Cisco Meeting Server")
GOTO: Final = Service("GoTo Meeting", takes_interop=True)
RINGCENTRAL: Final = Service("RingCentral", takes_interop=True)
CHIME: Final = Service("Amazon Chime", takes_interop=True)
SIP: Final = Service("SIP")
CARRIERS: Final = (SIP, PEXIP)
"""Services whose addresses may lead into the meeting of another one that stands beside them."""
