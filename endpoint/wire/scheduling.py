"""What clients send to make, change and answer meetings, and to ask who is free.

Source: protocol/cloud-services.md 6.1, documented. The members of a request are published only in part: `start`, `end`, `durationMinutes`,
`location` and `requestId` are ours, and so is the answer to an invitation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec

SYNC_PATH: Final = "/sync"
"""Below the list for a new meeting, below one event for a change of it."""
RESPOND_PATH: Final = "/respond"
FREE_BUSY_PATH: Final = "/freebusy"
SCHEDULER_PATH: Final = "/schedulerData"
FREE_BUSY: Final = "calendar.free_busy"
FREE_BUSY_MEMBER: Final = "calendarFreeBusyScheduleResponse"
ANSWERS: Final = ("ACCEPTED", "TENTATIVE", "DECLINED")


class _Message(msgspec.Struct, kw_only=True, frozen=True, rename="camel", omit_defaults=True):
    pass


class Attendee(_Message, frozen=True):
    """Who is invited; both members are JWE or clear text."""

    display_name: str | None = None
    email: str | None = None


class EventRequest(_Message, frozen=True):
    """A new meeting, or what is to change of one. `subject`, `notes`, `location` and `webex_options` are JWE or clear text.

    `request_id` is the same where a new meeting is asked for once more.
    """

    encryption_key_url: str | None = None
    subject: str | None = None
    notes: str | None = None
    location: str | None = None
    webex_options: str | None = None
    attendees: list[Attendee] | None = None
    start: str | None = None
    end: str | None = None
    duration_minutes: Annotated[int, msgspec.Meta(ge=0)] | None = None
    request_id: Annotated[str, msgspec.Meta(max_length=200)] | None = None


class EventReply(_Message, frozen=True):
    """What a new or changed meeting is called from now on."""

    meeting_id: Annotated[str, msgspec.Meta(min_length=1)]
    global_meeting_id: str | None = None


class RespondRequest(_Message, frozen=True):
    """A user's answer to an invitation, one of `ANSWERS`."""

    response: str
    comment: str | None = None


class FreeBusyRequest(_Message, frozen=True):
    """Who is to be looked at: sealed addresses with their key, or user ids."""

    request_id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    start: str
    end: str
    emails: list[str] | None = None
    user_ids: list[str] | None = None
    encryption_key_url: str | None = None


def free_busy_data(request_id: str, key_url: str | None, items: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Build the `data` of the event that answers who is free."""
    answer: dict[str, Any] = {"requestId": request_id, "calendarFreeBusyItems": list(items)}
    if key_url is not None:
        answer["encryptionKeyUrl"] = key_url
    return {"eventType": FREE_BUSY, FREE_BUSY_MEMBER: answer}
