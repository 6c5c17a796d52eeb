"""From mailboxes to the calendar service: what devices and people are to have of an invitation, and the difference to what they have.

A room gets what its mailbox has accepted within the store's window; title, place and text come from the copy that is read (8.5). What is
published is always worked out from the mailboxes, so that events that come twice, late or in another order change nothing.

Source: protocol/calendar-and-obtp.md 7.1 step 9, 7.2, 8.4, 8.5.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from cloud_stub.hybrid_calendar.horizons import is_stored, store_window
from cloud_stub.hybrid_calendar.join_details import JoinDetails
from cloud_stub.hybrid_calendar.mapping import RESPONSES, instance_key, is_delivered, matching, series_id, to_meeting
from cloud_stub.hybrid_calendar.platforms.platform import CalendarPlatform
from cloud_stub.hybrid_calendar.settings import Settings, is_served
from cloud_stub.platform.context import Platform
from cloud_stub.platform.errors import CloudError
from cloud_stub.platform.mailbox_records import Answer, EventKind, MailboxEvent
from cloud_stub.platform.records import Device, HybridEvent, HybridSettings, Meeting, User, UserKind, Workspace
from cloud_stub.platform.routes import Label
from cloud_stub.services.calendar import Calendar
from endpoint.wire.why_causes import has_hybrid_calendar

WHO: Final = "cloud:hybrid"
Joins = Callable[[HybridEvent, MailboxEvent], JoinDetails]
"""How an event is joined, as far as is known yet."""


@dataclass(slots=True)
class _Instance:
    """An instance that somebody has: when it is, what it says, and what users have answered."""

    occurrence: MailboxEvent
    content: MailboxEvent
    responses: dict[str, str]


class Delivery:
    """Publishes and withdraws the meetings of invitations."""

    def __init__(
        self, platform: Platform, calendars: CalendarPlatform, settings: Settings, calendar: Calendar, joins: Joins
    ) -> None:
        self._platform = platform
        self._calendars = calendars
        self._settings = settings
        self._calendar = calendar
        self._joins = joins
        self._meetings = platform.store[Meeting]

    def deliver(self, record: HybridEvent, *, push: bool = True) -> int:
        """Make calendars equal to what the mailboxes say of an invitation; returns how many meetings changed."""
        settings = self._settings.now
        wanted = self._wanted(record, settings) if settings.provisioned else {}
        changed = 0
        for meeting in wanted.values():
            how = self._form(meeting, settings) if push else "none"
            events = self._calendar.publish(meeting, push=how)
            if events:
                changed += 1
                self._trace(meeting, events)
        for meeting in self._meetings.where("series_id", series_id(record.id)):
            if meeting.id not in wanted:
                is_over = meeting.start + timedelta(minutes=meeting.duration_minutes) <= self._platform.now()
                self._calendar.withdraw(meeting.id, push="full" if push and not is_over else "none")
                self._trace(meeting, ("calendar.meeting.delete",))
                changed += 1
        return changed

    def _form(self, meeting: Meeting, settings: HybridSettings) -> str:
        """Say whether devices are told all of a meeting or get a notice only (7.2)."""
        if settings.minimal != "auto":
            return "minimal" if settings.minimal == "always" else "full"
        return "minimal" if self._calendar.size(meeting) > settings.minimal_bytes else "full"

    def _trace(self, meeting: Meeting, events: tuple[str, ...]) -> None:
        data: dict[str, Any] = {"meeting": meeting.id, "events": list(events), "join": sorted(meeting.join)}
        self._platform.trace.event(WHO, "cal.dto", data=data, label=Label.OURS)

    # -- what is wanted ---------------------------------------------------------------------------------------------------------------

    def _wanted(self, record: HybridEvent, settings: HybridSettings) -> dict[str, Meeting]:
        now = self._platform.now()
        first, last = store_window(now)
        read = self._in(record.organizer, record, first, last) if record.copy_read == "organizer" else []
        found: dict[str, _Instance] = {}
        for mailbox in record.copies:
            rooms = self._rooms(mailbox)
            for event in self._in(mailbox, record, first, last) if rooms else ():
                if is_delivered(event.answer, tentative=settings.deliver_tentative):
                    content = matching(event, read) or event
                    one = found.setdefault(instance_key(event), _Instance(event, content, {}))
                    one.responses |= {
                        user.id: RESPONSES[event.answer] for room in rooms for user in self._machines(room)
                    }
        if not found:
            return {}
        person = self._person(record.organizer)
        organizer = person or self._machine(record.organizer)
        meetings: dict[str, Meeting] = {}
        for one in found.values():
            if not is_stored(one.occurrence.start, one.occurrence.end, now):
                continue
            one.responses |= self._people(one.content, person)
            details = self._joins(record, one.content)
            meeting = to_meeting(one.occurrence, one.content, details, organizer, now=now, responses=one.responses)
            meetings[meeting.id] = meeting
        return meetings

    def _rooms(self, address: str) -> list[Workspace]:
        """Return the workspaces of an address: it is that of the invited mailbox, but for the case of letters (O09).

        Those whose calendar is on another platform have nothing to do with mailboxes of this one.
        """
        found = self._platform.store[Workspace].where("calendar_key", address.casefold())
        settings = self._settings.now
        return [workspace for workspace in found if is_served(settings, workspace)]

    def _in(self, mailbox: str, record: HybridEvent, first: datetime, last: datetime) -> list[MailboxEvent]:
        """Return what a mailbox has of an invitation: single meetings, and what a series has in the window."""
        found: list[MailboxEvent] = []
        for event_id in record.copies.get(mailbox, ()):
            with suppress(CloudError):  # the mailbox has it no more
                event = self._calendars.event(mailbox, event_id)
                if event.kind is not EventKind.MASTER:
                    found.append(event)
                    continue
                found += self._calendars.instances(mailbox, event_id, first, last + timedelta(microseconds=1))
        return sorted((one for one in found if not one.is_cancelled), key=lambda one: (one.start, one.id))

    def _machines(self, workspace: Workspace) -> list[User]:
        """Return the accounts of a workspace's devices, as far as their models have Hybrid Calendar (H05, H13)."""
        users = self._platform.store[User].where("workspace_id", workspace.id)
        return [user for user in users if user.kind is UserKind.MACHINE and self._is_fit(user)]

    def _is_fit(self, user: User) -> bool:
        devices = self._platform.store[Device].where("user_id", user.id)
        return all(has_hybrid_calendar(device.model) for device in devices)

    def _machine(self, address: str) -> User | None:
        """Return the device of a room that has booked itself; of several the first; they share the calendar."""
        return next((user for room in self._rooms(address) for user in self._machines(room)), None)

    def _people(self, content: MailboxEvent, organizer: User | None) -> dict[str, str]:
        """Return the people of the organization who have the meeting in their Webex calendars too."""
        answers = {organizer.id: "ACCEPTED"} if organizer is not None and organizer.hybrid_calendar else {}
        for one in content.attendees:
            person = self._person(one.address)
            if person is not None and person.hybrid_calendar and one.answer is not Answer.DECLINED:
                answers.setdefault(person.id, RESPONSES[one.answer])
        return answers

    def _person(self, address: str) -> User | None:
        users = self._platform.store[User].where("email", address)
        return next((user for user in users if user.kind is UserKind.PERSON), None)
