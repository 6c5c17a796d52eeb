"""Changes that devices and clients make to meetings, carried out where the meeting lives.

A meeting that came out of a mailbox is changed there, and comes back as an event like every other change (7.1); so does one that is booked
by somebody who has a mailbox. Everything else is changed in the calendar service itself, by the editor that this one stands before.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from msgspec.structs import replace

from cloud_stub.hybrid_calendar.mailboxes.drafts import Draft
from cloud_stub.hybrid_calendar.mailboxes.store import MailboxStore
from cloud_stub.hybrid_calendar.mapping import instance_key, meeting_id, series_id
from cloud_stub.hybrid_calendar.service import HybridCalendar
from cloud_stub.platform.context import Platform
from cloud_stub.platform.errors import CloudError, Conflict, Forbidden, NotFound
from cloud_stub.platform.mailbox_records import Answer, Attendee, EventKind, MailboxEvent, MailboxKind
from cloud_stub.platform.records import HybridEvent, Meeting, User, Workspace

ANSWERS: Final = {"ACCEPTED": Answer.ACCEPTED, "DECLINED": Answer.DECLINED, "TENTATIVE": Answer.TENTATIVE}

REQUEST: Final = "transactionId"
"""Member of an event by which a request that is sent twice is known, as in Graph."""


class Direct(Protocol):
    """Who carries out what no mailbox has to do with."""

    def create(self, meeting: Meeting) -> Meeting: ...

    def change(self, meeting: Meeting, fields: dict[str, Any]) -> Meeting: ...

    def delete(self, meeting: Meeting) -> None: ...

    def respond(self, meeting: Meeting, user_id: str, response: str, comment: str) -> Meeting: ...


class MailboxEditor:
    """Edits meetings in mailboxes where they have one."""

    def __init__(self, platform: Platform, mailboxes: MailboxStore, service: HybridCalendar, direct: Direct) -> None:
        self._platform = platform
        self._mailboxes = mailboxes
        self._service = service
        self._direct = direct
        self._meetings = platform.store[Meeting]

    def create(self, meeting: Meeting) -> Meeting:
        """Book in the mailbox of whoever asks.

        Raises:
            Conflict: the room is not free.
        """
        address = self._address(meeting.organizer_id)
        if address is None or address not in self._service.watched:
            return self._direct.create(meeting)
        end = meeting.start + timedelta(minutes=meeting.duration_minutes)
        around = self._mailboxes.occurrences(address, meeting.start, max(end, meeting.start + timedelta(minutes=1)))
        known = next((one for one in around if one.extra.get(REQUEST) == meeting.id), None)
        if known is not None:  # asked for once more: the answer was lost
            return self._delivered(known.uid, "", meeting)
        if self._mailboxes.mailbox(address).kind is MailboxKind.ROOM:
            self._check_free(address, meeting.start, end)
        others = (self._address(user_id) for user_id in meeting.user_ids if user_id != meeting.organizer_id)
        invited = dict.fromkeys(other for other in others if other is not None and other != address)
        draft = Draft(
            start=meeting.start,
            end=end,
            subject=meeting.title,
            body=meeting.notes,
            location=meeting.location,
            attendees=tuple(Attendee(address=other) for other in invited),
            extra={REQUEST: meeting.id},
        )
        event = self._mailboxes.create(address, draft)
        return self._delivered(event.uid, "", meeting)

    def change(self, meeting: Meeting, fields: dict[str, Any]) -> Meeting:
        """Change title, place, text and times at the organizer's copy.

        Raises:
            Conflict: the room is not free at that time.
        """
        record = self._record(meeting)
        if record is None:
            return self._direct.change(meeting, fields)
        event = self._copy(record, meeting, record.organizer)
        if not event.is_organizer:
            raise Forbidden("Only its organizer changes a meeting.")
        names = {"title": "subject", "notes": "body", "location": "location"}
        changes: dict[str, Any] = {names[name]: value for name, value in fields.items() if name in names}
        if "start" in fields or "duration_minutes" in fields:
            start = fields.get("start", meeting.start)
            end = start + timedelta(minutes=fields.get("duration_minutes", meeting.duration_minutes))
            if self._mailboxes.mailbox(event.mailbox).kind is MailboxKind.ROOM:
                self._check_free(event.mailbox, start, end, besides=event.uid)
            changes |= {"start": start, "end": end}
        if changes:
            self._mailboxes.update(event.mailbox, event.id, **changes)
        return self._delivered(record.id, instance_key(event), meeting)

    def delete(self, meeting: Meeting) -> None:
        """Cancel at the organizer's copy."""
        record = self._record(meeting)
        if record is None:
            self._direct.delete(meeting)
            return
        event = self._copy(record, meeting, record.organizer)
        self._mailboxes.cancel(event.mailbox, event.id)
        self._service.deliver_now(record.id)

    def respond(self, meeting: Meeting, user_id: str, response: str, comment: str) -> Meeting:
        """Answer from the mailbox of whoever asks: a room that declines loses the meeting."""
        record, address = self._record(meeting), self._address(user_id)
        if record is None or address is None or response not in ANSWERS:
            return self._direct.respond(meeting, user_id, response, comment)
        event = self._copy(record, meeting, address)
        self._mailboxes.respond(event.mailbox, event.id, ANSWERS[response], comment)
        told = replace(meeting, responses={**meeting.responses, user_id: response})
        return self._delivered(record.id, instance_key(event), told)

    # -- inside -----------------------------------------------------------------------------------------------------------------------

    def _delivered(self, uid: str, key: str, otherwise: Meeting) -> Meeting:
        """Return the meeting that an invitation has become; what was given where it has become none."""
        self._service.deliver_now(uid)
        return self._meetings.get(meeting_id(uid, key)) or replace(
            otherwise, id=meeting_id(uid, key), series_id=series_id(uid)
        )

    def _record(self, meeting: Meeting) -> HybridEvent | None:
        return self._service.invitation_of(meeting.series_id)

    def _copy(self, record: HybridEvent, meeting: Meeting, address: str) -> MailboxEvent:
        """Return the event of a meeting in a mailbox, of a series the instance.

        Raises:
            NotFound: the mailbox has none.
        """
        for event_id in record.copies.get(address.casefold(), ()):
            try:
                event = self._mailboxes.event(address, event_id)
            except CloudError:
                continue
            if event.kind is not EventKind.MASTER:
                return event
            around = timedelta(minutes=max(1, meeting.duration_minutes))
            for one in self._mailboxes.instances(address, event.id, meeting.start - around, meeting.start + around):
                if meeting_id(record.id, instance_key(one)) == meeting.id:
                    return one
        raise NotFound("the mailbox has no such meeting")

    def _check_free(self, address: str, start: datetime, end: datetime, *, besides: str = "") -> None:
        for one in self._mailboxes.occurrences(address, start, end):
            if one.uid != besides and one.show_as != "free" and not one.is_cancelled:
                raise Conflict("The room is not free at that time.")

    def _address(self, user_id: str) -> str | None:
        """Return the mailbox of a user: a person's own, a device's the one of its room."""
        user: User | None = self._platform.store[User].get(user_id)
        room = (
            self._platform.store[Workspace].get(user.workspace_id) if user is not None and user.workspace_id else None
        )
        address = room.calendar_key if room is not None else user.email.casefold() if user is not None else ""
        try:
            return self._mailboxes.mailbox(address).address if address else None
        except CloudError:
            return None
