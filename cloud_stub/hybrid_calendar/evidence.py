"""What mailboxes and the Hybrid Calendar service know of an invitation, as evidence for "why is there no Join button?".

Looking changes nothing: no fault is asked whether it bites, and nothing is read that the service has not read. Source:
protocol/calendar-and-obtp.md 7, 8, 15.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from cloud_stub.hybrid_calendar.horizons import SLIDING_MONTHS as SLIDING
from cloud_stub.hybrid_calendar.horizons import STORE_AHEAD, Reach, add_months, is_stored, next_job
from cloud_stub.hybrid_calendar.invitation import Invitation
from cloud_stub.hybrid_calendar.join_details import details_of, without_block
from cloud_stub.hybrid_calendar.mailboxes.store import MailboxStore
from cloud_stub.hybrid_calendar.mapping import digest, instance_key, meeting_id, series_id
from cloud_stub.hybrid_calendar.meeting_services import TEAMS
from cloud_stub.hybrid_calendar.reading import Reading, read_invitation
from cloud_stub.hybrid_calendar.service import HybridCalendar
from cloud_stub.hybrid_calendar.settings import Settings, missing_step
from cloud_stub.hybrid_calendar.site import personal_site
from cloud_stub.platform.context import Platform
from cloud_stub.platform.errors import CloudError
from cloud_stub.platform.mailbox_records import (
    Answer,
    Automation,
    CalendarSubscription,
    EventKind,
    MailboxEvent,
    MailboxKind,
    RoomDecision,
)
from cloud_stub.platform.records import HybridEvent, SiteMeeting, User, UserKind, Workspace
from endpoint.wire import why_evidence as ev
from endpoint.wire.meeting import JOIN_FIELDS
from endpoint.wire.why_causes import NO_INTEROP

AHEAD: Final = timedelta(days=400)
"""How far ahead the instances of a series are looked for."""
BEHIND: Final = timedelta(days=7)
DAYS_MAX: Final = 4_000
"""Daily jobs that are counted until a far meeting is taken up."""
RESPONSES: Final = {
    Answer.ACCEPTED: "accepted", Answer.DECLINED: "declined", Answer.TENTATIVE: "tentative", Answer.ORGANIZER: "accepted",
}  # fmt: skip
DECISIONS: Final = {"accept": "accepted", "decline": "declined", "tentative": "tentative"}


@dataclass(frozen=True, slots=True)
class Found:
    """An invitation that somebody asks about: one instance, as its organizer has it."""

    event: MailboxEvent

    @property
    def uid(self) -> str:
        """The uid of the invitation."""
        return self.event.uid

    @property
    def meeting_id(self) -> str:
        """The id that the meeting has for devices."""
        return meeting_id(self.event.uid, instance_key(self.event))


class Invitations:
    """Finds invitations, and collects what is known of them."""

    def __init__(
        self, platform: Platform, mailboxes: MailboxStore, service: HybridCalendar, settings: Settings
    ) -> None:
        self._platform = platform
        self._mailboxes = mailboxes
        self._service = service
        self._settings = settings

    # -- finding ----------------------------------------------------------------------------------------------------------------------

    def find(self, wanted: str, at: datetime, series: str = "") -> list[Found]:
        """Return the invitations of an id (of the meeting, the event, or iCalUId) or a subject; of a series the instance that is next.

        Args:
            series: series id of the meeting where that is known: it says where to look.
        """
        own = [event for event in self._own() if not series or series_id(event.uid) == series]
        for event in own:
            if wanted == meeting_id(event.uid, "") and event.kind is not EventKind.MASTER:
                return [Found(event)]
        for event in own:
            if wanted in (event.uid, event.id, series_id(event.uid)):
                return [self._next(event, at)]
        named = [event for event in own if event.subject.casefold() == wanted.casefold()]
        if named:
            return [self._next(event, at) for event in sorted(named, key=lambda one: (one.start, one.id))]
        for event in own:
            if event.kind is EventKind.MASTER:
                for one in self._instances(event, at):
                    if wanted == meeting_id(one.uid, instance_key(one)):
                        return [Found(one)]
        return []

    def between(self, user: User, first: datetime, last: datetime) -> list[Found]:
        """Return what invites the room of a device, or a room that no workspace has, between two instants."""
        workspace = self._platform.store[Workspace].get(user.workspace_id)
        taken = {one.calendar_key for one in self._platform.store[Workspace] if one.calendar_key}
        mine = workspace.calendar_key if workspace is not None else ""
        found = []
        for event in self._own():
            rooms = _rooms(event)
            if any(address == mine or address not in taken for address in rooms):
                series = event.kind is EventKind.MASTER
                found += [
                    one
                    for one in (self._instances(event, first) if series else [event])
                    if one.end > first and one.start < last
                ]
        return [Found(one) for one in sorted(found, key=lambda one: (one.start, one.id))]

    def _own(self) -> Iterator[MailboxEvent]:
        """Yield what organizers have on their calendars: single events and masters."""
        for mailbox in self._mailboxes.mailboxes():
            for event in self._mailboxes.events(mailbox.address):
                if event.is_organizer:
                    yield event

    def _instances(self, master: MailboxEvent, at: datetime) -> list[MailboxEvent]:
        return self._mailboxes.instances(master.mailbox, master.id, at - BEHIND, at + AHEAD)

    def _next(self, event: MailboxEvent, at: datetime) -> Found:
        """Return the instance of a series that is not over, the last one where all are."""
        if event.kind is not EventKind.MASTER:
            return Found(event)
        found = self._instances(event, at)
        return Found(next((one for one in found if one.end > at), found[-1] if found else event))

    # -- evidence ---------------------------------------------------------------------------------------------------------------------

    def evidence(self, found: Found, user: User, base: ev.CloudEvidence) -> ev.CloudEvidence:
        """Add to the evidence about a device what is known of an invitation."""
        record = self._platform.store[HybridEvent].get(found.uid)
        workspace = self._platform.store[Workspace].get(user.workspace_id)
        rooms = _rooms(found.event)
        mine = workspace.calendar_key if workspace is not None else ""
        address = mine if mine in rooms else rooms[0] if rooms else ""
        decision = self._decision(address, found.uid)
        copy = self._copy(address, found)
        given = read_invitation(_invitation(found.event, record), self._settings.rules)
        return replace(
            base,
            source="mailbox",
            missing=None,
            organizer=self._organizer(found.event),
            event=self._event(found, record, copy, given),
            room=self._room(address, found, decision, copy) if address else None,
            subscription=self._subscription(found, record, address),
            horizon=self._horizon(found, record),
            reading=self._reading(found, record, copy, given),
            workspace=self._workspace(workspace) if workspace is not None else base.workspace,
            keys=base.keys,
            lead_s=self._settings.now.lead_minutes * 60,
        )

    def copies(self, found: Found) -> tuple[str, ...]:
        """Return what the trace may call an invitation: its uid, and the ids of its copies."""
        record = self._platform.store[HybridEvent].get(found.uid)
        ids = [event_id for events in record.copies.values() for event_id in events] if record is not None else []
        return found.uid, found.meeting_id, *ids

    def _organizer(self, event: MailboxEvent) -> ev.Organizer:
        address = event.organizer.address
        mailbox = self._mailboxes.mailbox(address)
        person = next(
            (one for one in self._platform.store[User].where("email", address) if one.kind is UserKind.PERSON), None
        )
        site = personal_site(person, self._settings.now) if person is not None else None
        return ev.Organizer(
            name=event.organizer.name or None,
            address=address,
            is_external=mailbox.kind is MailboxKind.EXTERNAL,
            is_enabled=person is not None and person.hybrid_calendar,
            has_personal_room=person.has_personal_room if person is not None else None,
            site=site or "",
        )

    def _event(
        self, found: Found, record: HybridEvent | None, copy: MailboxEvent | None, given: Reading
    ) -> ev.PlatformEvent:
        event = found.event
        read = copy if record is not None and record.copy_read == "room" else event
        where = given.source or ("location" if given.keyword is not None else None)
        return ev.PlatformEvent(
            platform="microsoft",
            id=event.id,
            subject=event.subject,
            start=event.start,
            end=event.end,
            invited=_rooms(event),
            address_in=where,
            copy_read=record.copy_read or None if record is not None else None,
            has_body=bool(without_block(read.body).strip()) if read is not None else None,
            is_cancelled=event.is_cancelled or (event.original_start or event.start) in event.cancelled,
        )

    def _decision(self, address: str, uid: str) -> RoomDecision | None:
        try:
            made = self._mailboxes.decisions(address, uid)
        except CloudError:
            return None
        return made[-1] if made else None

    def _copy(self, address: str, found: Found) -> MailboxEvent | None:
        """Return the room's copy of an instance."""
        try:
            near = self._mailboxes.occurrences(
                address, found.event.start - timedelta(days=1), found.event.end + timedelta(days=1)
            )
        except CloudError:
            return None
        key = instance_key(found.event)
        return next((one for one in near if one.uid == found.uid and instance_key(one) == key), None)

    def _room(
        self, address: str, found: Found, decision: RoomDecision | None, copy: MailboxEvent | None
    ) -> ev.RoomMailbox:
        try:
            mailbox = self._mailboxes.mailbox(address)
        except CloudError:
            return ev.RoomMailbox(address=address)
        settings, event = mailbox.processing, found.event
        response = RESPONSES.get(copy.answer, "none") if copy is not None else None
        reason = decision.reason if decision is not None else ""
        if decision is not None and (copy is None or response == "none"):
            is_out = (event.original_start or event.start) in decision.instances
            response = "declined" if is_out else DECISIONS.get(decision.action, "none")
            reason = "conflict" if is_out else reason
        automation = mailbox.automation
        if reason == "forced" and response in ("none", "tentative"):
            automation = Automation.NONE
        return ev.RoomMailbox(
            address=address,
            response=response,
            reason=reason or None,
            detail=(decision.detail or None) if decision is not None else None,
            decided_at=decision.at if decision is not None else None,
            conflict_with=self._conflict(address, found) if reason == "conflict" else None,
            automate_processing=automation.value,
            processes_external=settings.process_external_meeting_messages,
            deletes_comments=settings.delete_comments or self._lost_body(found, copy),
            booking_window_days=settings.booking_window_in_days,
            maximum_duration_minutes=settings.maximum_duration_in_minutes,
        )

    def _lost_body(self, found: Found, copy: MailboxEvent | None) -> bool:
        return copy is not None and not copy.body.strip() and bool(without_block(found.event.body).strip())

    def _conflict(self, address: str, found: Found) -> str | None:
        event = found.event
        others = [one for one in self._mailboxes.occurrences(address, event.start, event.end) if one.uid != event.uid]
        if not others:
            return None
        other = self._mailboxes.organizers_copy(others[0].uid) or others[0]
        hidden = other.sensitivity != "normal"
        return f"{'a private meeting' if hidden else other.subject or 'a meeting without a subject'} at {others[0].start:%H:%MZ}"

    def _has_missed(self, record: HybridEvent, address: str) -> bool:
        """Say whether an invitation says something else, or the room has a copy, that the service has not seen."""
        event = self._service.chain.source(record)
        if event is None or address not in record.copies:
            return True
        return f"{record.copy_read}/{digest(event, _invitation(event, record).location)}" != record.seen

    def _subscription(self, found: Found, record: HybridEvent | None, address: str) -> ev.Subscription:
        watched = set(self._service.watched)
        mailboxes = [one for one in dict.fromkeys((address, found.event.organizer.address)) if one in watched]
        if not mailboxes:
            return ev.Subscription(state="unwatched")
        table, now = self._platform.store[CalendarSubscription], self._platform.now()
        for mailbox in mailboxes:
            mine = [one for one in table.where("mailbox", mailbox) if not one.url]
            live = [one for one in mine if one.expires > now and not one.is_removed]
            last = max(live or mine, key=lambda one: one.expires, default=None)
            since = self._service.unheard.get(mailbox)
            if since is None and not live and last is not None:
                since = last.expires
            if since is not None:
                return ev.Subscription(
                    id=last.id if last is not None else None, state="expired", expires=last.expires if last is not None else None,
                    missed_since=since, missed=record is None or self._has_missed(record, address),
                )  # fmt: skip
        ours = next((one for one in table.where("mailbox", mailboxes[0]) if not one.url), None)
        if ours is None:
            return ev.Subscription(state="missing")
        return ev.Subscription(
            id=ours.id, state="active", validated_at=ours.created, expires=ours.expires, missed=False
        )

    def _horizon(self, found: Found, record: HybridEvent | None) -> ev.Horizon | None:
        now, event = self._platform.now(), found.event
        if record is None:
            return None
        if record.reach == Reach.UNLICENSED:
            return ev.Horizon(layer="")
        if record.reach != Reach.NOW:
            return ev.Horizon(layer="pickup", limit=add_months(now, SLIDING), comes=_picked_up(event.start, now))
        if event.start > now and not is_stored(event.start, event.end, now):
            return ev.Horizon(layer="store", limit=now + STORE_AHEAD, comes=_job_from(event.start - STORE_AHEAD, now))
        return ev.Horizon(layer="")

    def _reading(
        self, found: Found, record: HybridEvent | None, copy: MailboxEvent | None, given: Reading
    ) -> ev.Reading | None:
        if record is not None and record.reach == Reach.UNLICENSED:
            return ev.Reading(service=TEAMS.name, diagnostics=(NO_INTEROP,), join_fields=())
        if record is None or not record.seen or record.reach != Reach.NOW:
            return None
        fields = self._join_fields(found, record, copy)
        word = given.keyword.written if given.keyword is not None else None
        return ev.Reading(
            keyword=word, action=record.action or None, service=given.service or None, source=given.source,
            why=record.why or None, diagnostics=record.diagnostics, join_fields=fields,
        )  # fmt: skip

    def _join_fields(self, found: Found, record: HybridEvent, copy: MailboxEvent | None) -> tuple[str, ...]:
        """Return the names of the join fields that come of what was read, as far as they have been made."""
        made = self._platform.store[SiteMeeting].get(record.details.get(record.action, ""))
        join: Mapping[str, str] = {}
        if record.action and made is not None:
            join = details_of(made).join
        elif not record.action:
            read = found.event if record.copy_read == "organizer" else copy
            if read is not None:
                join = read_invitation(_invitation(read, record, without_keyword=True), self._settings.rules).join
        return tuple(name for name in JOIN_FIELDS if join.get(name))

    def _workspace(self, workspace: Workspace) -> ev.Workspace:
        step = missing_step(self._settings.now, workspace)
        return ev.Workspace(
            id=workspace.id, name=workspace.name, calendar=workspace.calendar, address=workspace.calendar_email,
            missing_step=step.todo if step is not None else "",
        )  # fmt: skip


def _rooms(event: MailboxEvent) -> tuple[str, ...]:
    return tuple(one.address for one in event.attendees if one.type == "resource")


def _invitation(event: MailboxEvent, record: HybridEvent | None, *, without_keyword: bool = False) -> Invitation:
    """Return an invitation as its writer left it, without what the service has written into it."""
    location = event.location
    if record is not None and record.written_location and location == record.written_location:
        location = record.base_location
    if without_keyword:
        location = " ".join(word for word in location.split() if not word.startswith("@"))
    return Invitation(event.subject, location, without_block(event.body), event.body_type == "html", event.uid)


def _job_from(instant: datetime, now: datetime) -> datetime:
    """Return the first daily job that is not before an instant."""
    job = next_job(now)
    days = max(0, -((job - instant) // timedelta(days=1)))
    return job + timedelta(days=days)


def _picked_up(start: datetime, now: datetime) -> datetime | None:
    """Return the daily job that takes a far meeting up."""
    job = next_job(now)
    for _ in range(DAYS_MAX):
        if start < add_months(job, SLIDING):
            return job
        job += timedelta(days=1)
    return None
