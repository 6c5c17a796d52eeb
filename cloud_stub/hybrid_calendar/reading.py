"""What the cloud reads in an invitation: a keyword, or an address that a device can dial, and why that one.

Source: protocol/calendar-and-obtp.md 4 and 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from cloud_stub.hybrid_calendar.invitation import Invitation
from cloud_stub.hybrid_calendar.keywords import Keyword, KeywordRules, find_keyword

Source = Literal["location", "body"]
Protocol = Literal["Spark", "WebRTC"]

DEFAULT_RULES = KeywordRules()


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read.

    Attributes:
        dial: what a device dials: an address without a scheme, or the URL of a browser meeting (`WebRTC`). None: nothing to dial, or (with a
            keyword) nothing yet.
        service: whose meeting it is, for people: `Webex`, `Microsoft Teams`, `SIP` ...; empty where nothing was found.
        platform: the `MeetingPlatform` of a booking: MicrosoftTeams, GoogleMeet, Zoom, Webex, Other, None.
        join_type: the `meetingJoinType` of the DTO; empty where there is nothing to join.
        join: the join members of the DTO, in clear; empty where the button must not show.
        link: the meeting's link, also where it is of no use to a device.
        meeting_number, passcode: where the text has them.
        pattern: key of the row of the pattern table that made the dial string.
        diagnostics: keys of what was odd: `keyword_suffix_unknown`, `address_malformed` ...
        why: one sentence for people.
    """

    keyword: Keyword | None = None
    dial: str | None = None
    protocol: Protocol | None = None
    service: str = ""
    platform: str = "None"
    source: Source | None = None
    join_type: str = ""
    join: Mapping[str, str] = field(default_factory=dict)
    link: str = ""
    meeting_number: str = ""
    passcode: str = field(default="", repr=False)
    pattern: str = ""
    diagnostics: tuple[str, ...] = ()
    why: str = ""


def read_invitation(invitation: Invitation, rules: KeywordRules = DEFAULT_RULES) -> Reading:
    """Read an invitation; never raises."""
    keyword = find_keyword(invitation.location, rules)
    return Reading(keyword, source="location" if keyword else None, why="Nothing to dial was found.")
