"""The meeting as the calendar service knows it (the DTO).

Members that are encrypted stay the text they came as; whether a join field is there is tested on that text.

Source: protocol/calendar-and-obtp.md 6.3 to 6.6 and 6.9.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

import msgspec

from endpoint.wire.codec import convert
from endpoint.wire.conventions import format_instant, parse_instant
from endpoint.wire.errors import RemoteProtocolError

DURATION_MINUTES_MAX: Final = 366 * 24 * 60  # an invented bound


class _Message(msgspec.Struct, kw_only=True, frozen=True, rename="camel", omit_defaults=True):
    """A message in which absent and null members read the same."""


class JoinInfo(_Message, kw_only=True, frozen=True):
    """The member `meetingJoinInfo`. Its number, password and host key are ours: where the service tells them is not published."""

    meeting_join_uri: str | None = msgspec.field(default=None, name="meetingJoinURI")
    meeting_join_url: str | None = msgspec.field(default=None, name="meetingJoinURL")
    meeting_join_type: str | None = None
    meeting_number: str | None = None
    meeting_password: str | None = None
    host_key: str | None = None


class EncryptedPerson(_Message, kw_only=True, frozen=True):
    """Organizer or participant. `type` is PERSON or ROOM, `participant_type` REQUIRED or OPTIONAL."""

    id: str | None = None
    type: str | None = None
    response_type: str | None = None
    participant_type: str | None = None
    org_id: str | None = None
    encrypted_email_address: str | None = None
    encrypted_name: str | None = None


class Link(_Message, kw_only=True, frozen=True):
    """A member of `links`; `rel` `self` is the event's own URL."""

    href: str
    rel: str | None = None


class Meeting(_Message, kw_only=True, frozen=True):
    """A meeting as the calendar service sends it (the DTO); unknown members are kept by `Received` only.

    `start` is an ISO instant, absent in what only names a meeting. `encrypted_...`, the URIs and the URLs of the meeting are compact JWE
    or clear text. `is_all_day` and `response_type`, what the room has answered, are ours.
    """

    id: Annotated[str, msgspec.Meta(min_length=1)]
    series_id: str | None = None
    start: str | None = None
    duration_minutes: int | float | None = None
    is_recurring: bool | None = None
    is_all_day: bool | None = None
    response_type: str | None = None
    has_attachments: bool | None = None
    organizer: str | None = None
    encryption_key_url: str | None = None
    encrypted_subject: str | None = None
    encrypted_location: str | None = None
    encrypted_notes: str | None = None
    meeting_join_type: str | None = None
    meeting_join_info: JoinInfo | None = None
    webex_uri: str | None = msgspec.field(default=None, name="webexURI")
    webex_url: str | None = msgspec.field(default=None, name="webexURL")
    space_uri: str | None = msgspec.field(default=None, name="spaceURI")
    space_url: str | None = msgspec.field(default=None, name="spaceURL")
    space_meet_url: str | None = msgspec.field(default=None, name="spaceMeetURL")
    call_uri: str | None = msgspec.field(default=None, name="callURI")
    conversation_id: str | None = None
    encrypted_organizer: EncryptedPerson | None = None
    encrypted_participants: tuple[EncryptedPerson, ...] | None = None
    participants_url: str | None = None
    notes_url: str | None = None
    links: tuple[Link, ...] | None = None
    resource_url: str | None = None
    meeting_sensitivity: str | None = None
    is_deleted: bool | None = None
    last_modified: str | None = None

    @property
    def starts(self) -> datetime:
        """Return the start as UTC; RemoteProtocolError if there is none."""
        return parse_instant(self.start or "", "meeting.start")

    @property
    def ends(self) -> datetime:
        """Return start plus duration, the start where there is none; RemoteProtocolError if no calendar has that instant."""
        minutes = self.duration_minutes or 0
        if not 0 <= minutes <= DURATION_MINUTES_MAX:
            raise RemoteProtocolError("meeting.durationMinutes", f"0..{DURATION_MINUTES_MAX}")
        try:
            return self.starts + timedelta(minutes=minutes)
        except OverflowError:
            raise RemoteProtocolError("meeting.start", "an instant before the year 9999") from None

    @property
    def join_type(self) -> str:
        """Return `WEBEX`, `TEAMS` ..., wherever the service put it; empty if it did not."""
        return self.meeting_join_type or (self.meeting_join_info and self.meeting_join_info.meeting_join_type) or ""

    @property
    def self_url(self) -> str:
        """Return the event's own URL; empty if it is not told."""
        named = next((link.href for link in self.links or () if link.rel == "self"), "")
        return named or self.resource_url or ""

    def join_fields(self) -> dict[str, str]:
        """Return the five fields of the button gate that are present, in the order of the log line."""
        info = self.meeting_join_info or JoinInfo()
        fields = {
            "meetingJoinURI": info.meeting_join_uri,
            "meetingJoinURL": info.meeting_join_url,
            "webexURI": self.webex_uri,
            "spaceURI": self.space_uri,
            "callURI": self.call_uri,
        }
        return {name: value for name, value in fields.items() if value}

    @property
    def is_joinable(self) -> bool:
        """Tell whether the button shows: at least one of the five join fields is present."""
        return bool(self.join_fields())

    def is_within(self, start: datetime, end: datetime) -> bool:
        """Tell whether the meeting ends after `start` and starts before `end`."""
        return self.ends > start and self.starts < end

    def minimal(self) -> Meeting:
        """Return what a minimal event carries of the meeting: id, series, start and links."""
        return Meeting(id=self.id, series_id=self.series_id, start=self.start, links=self.links)

    def compacted(self) -> Meeting:
        """Return the meeting as `compact=true` answers it: without notes and participants."""
        return msgspec.structs.replace(self, encrypted_notes=None, encrypted_participants=None)


JOIN_FIELDS: Final = ("meetingJoinURI", "meetingJoinURL", "webexURI", "spaceURI", "callURI")


def log_values(meeting: Meeting) -> dict[str, str]:
    """Return what the lines "Inserting new meeting" and "Updating meeting" print, in their order; absent members are empty."""
    present = meeting.join_fields()
    return {
        "organizer": meeting.organizer or "",
        "start": format_instant(meeting.starts),
        "id": meeting.id,
        "meetingJoinType": meeting.join_type,
        **{name: "true" if name in present else "false" for name in JOIN_FIELDS},
    }


def is_cipher_text(text: str) -> bool:
    """Tell whether a member is a compact JWE: five parts at dots, beginning with `eyJ`. Anything else is clear text."""
    return text.startswith("eyJ") and text.count(".") == 4


@dataclass(frozen=True, slots=True)
class Received:
    """A meeting that came from the service, and all members that it came with."""

    meeting: Meeting
    members: Mapping[str, Any] = field(default_factory=dict, repr=False)


def read_meeting(members: object, where: str = "meeting") -> Received:
    """Read a whole meeting out of decoded JSON.

    Raises:
        RemoteProtocolError: no id or start, a member of a wrong type, or times that no calendar has.
    """
    known = convert(members, dict[str, Any], where)
    meeting = convert(known, Meeting, where)
    try:
        _ = meeting.ends
    except RemoteProtocolError as error:
        raise RemoteProtocolError(where + error.where.removeprefix("meeting"), error.rule) from None
    return Received(meeting, known)
