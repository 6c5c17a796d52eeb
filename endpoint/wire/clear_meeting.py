"""A meeting with its texts read, as far as the keys allow: what the room is told of a meeting.

Source: protocol/calendar-and-obtp.md 6.3, 6.7 and 6.9.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from endpoint.wire.meeting import JoinInfo, Meeting, is_cipher_text

Opener = Callable[[str], str | None]
"""Takes a compact JWE; returns its text, None where it cannot be read (yet)."""


@dataclass(frozen=True, slots=True)
class ClearMeeting:
    """What a device knows of a meeting. A text that the meeting has and that cannot be read is None; one that it does not have is empty.

    Attributes:
        starts, ends: UTC.
        join_fields: those of the five fields of the button gate that are present, in the order of the log line.
        response: what the room has answered: ACCEPTED, TENTATIVE ...; empty where the service does not say.
    """

    id: str
    series_id: str
    starts: datetime
    ends: datetime
    title: str | None = ""
    location: str | None = ""
    organizer_id: str = ""
    organizer_name: str | None = ""
    organizer_email: str | None = ""
    join_type: str = ""
    join_fields: Mapping[str, str | None] = field(default_factory=dict)
    webex_url: str | None = ""
    meeting_number: str | None = ""
    password: str | None = field(default="", repr=False)
    host_key: str | None = field(default="", repr=False)
    is_private: bool = False
    is_all_day: bool = False
    is_recurring: bool = False
    response: str = ""

    @property
    def is_joinable(self) -> bool:
        """Tell whether the button shows: one of the five join fields is present, readable or not."""
        return bool(self.join_fields)


def read_texts(meeting: Meeting, opener: Opener) -> ClearMeeting:
    """Read what can be read of a meeting as it came; a member that is no JWE is taken for clear text.

    Raises:
        RemoteProtocolError: times that no calendar has.
    """

    def text(member: str | None) -> str | None:
        if not member:
            return ""
        return opener(member) if is_cipher_text(member) else member

    info, person = meeting.meeting_join_info or JoinInfo(), meeting.encrypted_organizer
    return ClearMeeting(
        id=meeting.id,
        series_id=meeting.series_id or "",
        starts=meeting.starts,
        ends=meeting.ends,
        title=text(meeting.encrypted_subject),
        location=text(meeting.encrypted_location),
        organizer_id=meeting.organizer or "",
        organizer_name=text(person.encrypted_name if person else None),
        organizer_email=text(person.encrypted_email_address if person else None),
        join_type=meeting.join_type,
        join_fields={name: text(value) for name, value in meeting.join_fields().items()},
        webex_url=text(meeting.webex_url),
        meeting_number=text(info.meeting_number),
        password=text(info.meeting_password),
        host_key=text(info.host_key),
        is_private=(meeting.meeting_sensitivity or "").casefold() == "private",
        is_all_day=bool(meeting.is_all_day),
        is_recurring=bool(meeting.is_recurring),
        response=meeting.response_type or "",
    )
