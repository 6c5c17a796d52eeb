"""The way of one invitation through the service: fetched, checked, read, joined, patched.

Each step leaves its hop in the trace: `kms.key`, `cal.encrypt`, `cal.validate`, `cal.space`, `cal.map`, `cal.join`, `cal.patch`.
What the service writes into an invitation comes back as one more change; it knows its own edit and writes no second time (`cal.own_edit`).

Source: protocol/calendar-and-obtp.md 7.1 and 7.2, order documented; names of hops ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace as with_fields
from typing import Any, Final

from msgspec.structs import replace

from cloud_stub.hybrid_calendar.horizons import Reach, reach, store_window
from cloud_stub.hybrid_calendar.invitation import Invitation
from cloud_stub.hybrid_calendar.join_details import (
    JoinDetails,
    block_lines,
    details_of,
    holds,
    with_block,
    without_block,
)
from cloud_stub.hybrid_calendar.mailboxes.errors import InvalidEvent
from cloud_stub.hybrid_calendar.mapping import NO_JOIN, digest, instance_key, meeting_id, series_id
from cloud_stub.hybrid_calendar.meeting_services import TEAMS
from cloud_stub.hybrid_calendar.platforms.platform import CalendarPlatform
from cloud_stub.hybrid_calendar.reading import Reading, read_invitation
from cloud_stub.hybrid_calendar.settings import Settings
from cloud_stub.hybrid_calendar.site import PERSONAL_ROOM, SPACE, Site, personal_site
from cloud_stub.platform.context import Platform
from cloud_stub.platform.errors import CloudError
from cloud_stub.platform.mailbox_records import EventKind, MailboxEvent, MailboxKind
from cloud_stub.platform.records import HybridEvent, HybridSettings, SiteMeeting, User, UserKind
from cloud_stub.platform.routes import Label
from cloud_stub.services.calendar import Calendar

WHO: Final = "cloud:hybrid"
SITE_ACTIONS: Final = ("personal_room", "space", "onetime")
"""Keyword actions for which the Webex site makes something to join."""
SIP_PROPERTY: Final = "String {00020329-0000-0000-C000-000000000046} Name TMS:ExternalConferenceData"
"""The extended property that holds the SIP address beside the join text (7.2, H17)."""
SEPARATOR: Final = "; "
REWRITTEN: Final = "block_rewritten"
"""Diagnostic: a platform that does not keep what was written into an invitation."""
REFUSED: Final = "block_refused"
"""Diagnostic: a platform that does not take what was to be written: the invitation would be too long."""


class Chain:
    """Reads invitations and gives them their join details.

    Args:
        due: called with the uid of an invitation whose meetings have to be delivered anew.
    """

    def __init__(
        self,
        platform: Platform,
        calendars: CalendarPlatform,
        settings: Settings,
        site: Site,
        calendar: Calendar,
        due: Callable[[str], None],
    ) -> None:
        self._platform = platform
        self._calendars = calendars
        self._settings = settings
        self._site = site
        self._calendar = calendar
        self._due = due
        self._events = platform.store[HybridEvent]

    # -- the way ----------------------------------------------------------------------------------------------------------------------

    def walk(self, uid: str, *, notified: str = "", is_daily: bool = False) -> None:
        """Take an invitation as far as it gets now.

        Args:
            notified: mailbox whose change led here.
            is_daily: the daily job asks, which reaches a month farther (7.3).
        """
        record = self._events.get(uid)
        if record is None:
            return
        event = self.source(record)
        if event is None or event.is_cancelled:
            self._due(uid)
            return
        settings, organizer = self._settings.now, self.organizer(record)
        is_mine = organizer is not None and event.is_organizer
        record = self._located(record, event, "organizer" if is_mine else "room")
        said = f"{record.copy_read}/{digest(event, self._own_location(record, event.location))}"
        if said == record.seen and record.reach == Reach.NOW:
            if notified == event.mailbox and record.lines and self._is_written(record, event):
                self._hop("cal.own_edit", uid, {"mailbox": event.mailbox, "event": event.id})
                self._due(uid)
                return
        elif self._waits(record, event, said, is_daily=is_daily):
            return
        elif settings.provisioned:
            record = self._check(record, event, said, organizer)
        self._events.put(record)
        self._join(record, event, organizer if is_mine else None, settings)
        self._due(uid)

    def _waits(self, record: HybridEvent, event: MailboxEvent, said: str, *, is_daily: bool) -> bool:
        """Say whether a meeting is too far away to be picked up, or passed over, and keep that."""
        start = self._next(event).start
        how = reach(start, self._platform.now(), has_window=self._calendars.has_pickup_window)
        faults = self._platform.faults
        if faults.hit("hybrid", step="pick_up", mailbox=event.mailbox) is not None:
            how = Reach.LATER
        elif self._lacks_interop(record, event):
            how = Reach.UNLICENSED
        is_taken = how is Reach.NOW or (is_daily and how is Reach.DAILY)
        if is_taken or (record.reach == Reach.NOW and record.seen):  # what was picked up once is not put back
            return False
        self._events.put(replace(record, reach=how.value, start=start, seen=said))
        self._hop("cal.wait", record.id, {"start": start.isoformat(), "reach": how.value})
        return True

    def _lacks_interop(self, record: HybridEvent, event: MailboxEvent) -> bool:
        """Say whether a Teams meeting is passed over, because a fault took the licence to join such meetings."""
        faults = self._platform.faults
        if not any((fault.on, fault.do) == ("hybrid", "no_interop") for fault in faults.armed):
            return False
        is_teams = self.read(record, event, is_mine=record.copy_read == "organizer").join_type == TEAMS.join_type
        return is_teams and faults.hit("hybrid", step="interop", mailbox=event.mailbox) is not None

    def _next(self, event: MailboxEvent) -> MailboxEvent:
        """Return the instance of a series that is running or comes next in the store's window; the event itself where there is none."""
        if event.kind is not EventKind.MASTER:
            return event
        now = self._platform.now()
        return next(iter(self._calendars.instances(event.mailbox, event.id, now, store_window(now)[1])), event)

    def _check(self, record: HybridEvent, event: MailboxEvent, said: str, organizer: User | None) -> HybridEvent:
        """Check who invites whom to what, and read how it is joined."""
        reading = self.read(record, event, is_mine=record.copy_read == "organizer")
        keyword = reading.keyword
        action = keyword.action if keyword is not None else ""
        diagnostics = list(reading.diagnostics)
        if action == PERSONAL_ROOM and organizer is not None and personal_site(organizer, self._settings.now) is None:
            diagnostics.append("no_personal_room")
        self._seal(event)
        rooms = [one.address for one in event.attendees if self._is_room(one.address)]
        data = {
            "organizer": record.organizer, "copy": record.copy_read, "rooms": rooms, "action": action or None, "dial": reading.dial,
            "diagnostics": diagnostics, "why": reading.why,
        }  # fmt: skip
        self._hop("cal.validate", record.id, data)
        return replace(
            record,
            seen=said,
            reach=Reach.NOW.value,
            start=event.start,
            action=action,
            diagnostics=tuple(diagnostics),
            why=reading.why,
        )

    def _seal(self, event: MailboxEvent) -> None:
        """Ask for the key of the meeting, and seal what it says: nothing leaves in clear (7.1 step 3).

        The key of a series is that of its next instance: each instance is a meeting of its own to devices.
        """
        made_id = meeting_id(event.uid, instance_key(self._next(event)))
        key_url = self._calendar.key_url(made_id)
        self._hop("kms.key", event.uid, {"meeting": made_id, "key": key_url})
        texts = [name for name in ("subject", "location", "body") if getattr(event, name)]
        sealed = [self._calendar.seal_for(made_id, getattr(event, name)) for name in texts]
        data = {"meeting": made_id, "key": key_url, "texts": texts, "chars": sum(map(len, sealed))}
        self._hop("cal.encrypt", event.uid, data)

    # -- what is read -----------------------------------------------------------------------------------------------------------------

    def source(self, record: HybridEvent) -> MailboxEvent | None:
        """Return the copy that is read: the organizer's if the organizer is enabled for the service, else a room's (8.5)."""
        order = [record.organizer] if self.organizer(record) is not None else []
        order += [mailbox for mailbox in record.copies if mailbox != record.organizer]
        for mailbox in order:
            for event_id in record.copies.get(mailbox, ()):
                try:
                    return self._calendars.event(mailbox, event_id)
                except CloudError:
                    continue
        return None

    def organizer(self, record: HybridEvent) -> User | None:
        """Return the organizer as a person whom the service works for; None for everybody else."""
        users = self._platform.store[User].where("email", record.organizer)
        person = next((user for user in users if user.kind is UserKind.PERSON), None)
        return person if person is not None and person.hybrid_calendar else None

    def read(self, record: HybridEvent, event: MailboxEvent, *, is_mine: bool) -> Reading:
        """Read an event as its writer left it. A keyword acts only for an organizer whom the service works for (8.5)."""
        location = self._own_location(record, event.location)
        given = Invitation(event.subject, location, without_block(event.body), event.body_type == "html", event.uid)
        reading = read_invitation(given, self._settings.rules)
        keyword = reading.keyword
        if keyword is None:
            return reading
        is_unknown = self._platform.faults.hit("hybrid", step="keyword", mailbox=event.mailbox) is not None
        if is_mine and not is_unknown:
            return reading
        without = Invitation(
            given.subject, location.replace(keyword.written, " "), given.body, given.is_html, given.uid
        )
        again = read_invitation(without, self._settings.rules)
        problem = "keyword_unknown" if is_unknown else "organizer_not_enabled"
        return with_fields(again, diagnostics=(*again.diagnostics, problem))

    def joins(self, record: HybridEvent, content: MailboxEvent) -> JoinDetails:
        """Return how an event, or one instance, is joined, as far as is known yet."""
        reading = self.read(record, content, is_mine=record.copy_read == "organizer")
        keyword = reading.keyword
        if keyword is not None and keyword.action in SITE_ACTIONS:
            made = self._made(record, keyword.action)
            return details_of(made) if made is not None else NO_JOIN
        return JoinDetails(
            join_type=reading.join_type,
            join=dict(reading.join),
            number=reading.meeting_number,
            password=reading.passcode,
        )

    def _made(self, record: HybridEvent, action: str) -> SiteMeeting | None:
        return self._platform.store[SiteMeeting].get(record.details.get(action, ""))

    # -- what is written --------------------------------------------------------------------------------------------------------------

    def _join(self, record: HybridEvent, event: MailboxEvent, organizer: User | None, settings: HybridSettings) -> None:
        """Fetch join details where a keyword asks for them, and write them into the invitation."""
        if organizer is None or not settings.provisioned:
            return
        if record.action not in SITE_ACTIONS:
            if record.lines:
                self._take_back(record, event)
            return
        if self._made(record, record.action) is not None:
            self._patch(record, event, organizer, settings)
        elif settings.join_delay_s > 0:
            self._platform.later.call(settings.join_delay_s, self._fetch_join, record.id)
        else:
            self._fetch_join(record.id)

    def _fetch_join(self, uid: str) -> None:
        record = self._events.get(uid)
        organizer = self.organizer(record) if record is not None else None
        event = self.source(record) if record is not None else None
        if record is None or organizer is None or event is None or event.is_cancelled:
            return
        made = self._made(record, record.action) or self._allot(record, event, organizer)
        if made is None:
            return
        record = self._events.change(uid, details={**record.details, record.action: made.id})
        self._hop("cal.map", uid, {"series": series_id(uid), "space": made.space_id or None, "number": made.number})
        self._hop("cal.join", uid, {"action": record.action, "sip": made.sip, "url": made.url})
        self._patch(record, event, organizer, self._settings.now)
        self._due(uid)

    def _allot(self, record: HybridEvent, event: MailboxEvent, organizer: User) -> SiteMeeting | None:
        settings = self._settings.now
        if record.action == PERSONAL_ROOM:
            return self._site.personal_room(organizer, settings)
        site = personal_site(organizer, settings) or settings.sites[0]
        if record.action == SPACE:
            people = [one.address for one in event.attendees if not self._is_room(one.address)]
            made = self._site.space(event.subject, organizer, [record.organizer, *people], site)
            self._hop("cal.space", record.id, {"space": made.space_id, "title": made.title})
            return made
        return self._site.one_time(event.subject, organizer, site)

    def _patch(self, record: HybridEvent, event: MailboxEvent, organizer: User, settings: HybridSettings) -> None:
        """Write the block and the link into the organizer's copy, unless they stand there."""
        made = self._made(record, record.action)
        assert made is not None, "only what was made is written"
        details, is_html = details_of(made), event.body_type == "html"
        lines = tuple(block_lines(details, settings, self._language(event.mailbox)))
        base = self._own_location(record, event.location)
        location = f"{base}{SEPARATOR}{details.url}"
        if event.location == location and holds(event.body, list(lines), is_html=is_html):
            return
        has_failed = REWRITTEN in record.diagnostics or REFUSED in record.diagnostics
        if has_failed and (record.lines, record.written_location) == (lines, location):
            return  # the platform keeps it in another form, or not at all: writing it again would go on for ever
        self._events.change(record.id, lines=lines, base_location=base, written_location=location)
        self._hop("cal.patch", record.id, {"mailbox": event.mailbox, "event": event.id, "location": location})
        body = with_block(event.body, list(lines), is_html=is_html)
        try:
            patched = self._calendars.patch(
                event.mailbox, event.id, body=body, location=location, properties={SIP_PROPERTY: details.sip}
            )
        except InvalidEvent:
            self._events.change(record.id, diagnostics=(*record.diagnostics, REFUSED))
            return
        if patched.location != location or not holds(patched.body, list(lines), is_html=patched.body_type == "html"):
            self._events.change(record.id, diagnostics=(*record.diagnostics, REWRITTEN))

    def _take_back(self, record: HybridEvent, event: MailboxEvent) -> None:
        """Take block and link out of an invitation whose writer has taken the keyword away."""
        self._events.change(record.id, lines=(), base_location="", written_location="")
        self._hop("cal.patch", record.id, {"mailbox": event.mailbox, "event": event.id, "location": event.location})
        base = self._own_location(record, event.location)
        self._calendars.patch(event.mailbox, event.id, body=without_block(event.body), location=base)

    def _own_location(self, record: HybridEvent, location: str) -> str:
        """Return a location without the link that the service added."""
        added = record.written_location.removeprefix(record.base_location)
        return location.removesuffix(added) if added else location

    def _is_written(self, record: HybridEvent, event: MailboxEvent) -> bool:
        is_html = event.body_type == "html"
        return event.location == record.written_location and holds(event.body, list(record.lines), is_html=is_html)

    def _located(self, record: HybridEvent, event: MailboxEvent, copy_read: str) -> HybridEvent:
        return record if record.copy_read == copy_read else replace(record, copy_read=copy_read)

    def _language(self, mailbox: str) -> str:
        try:
            return self._calendars.mailbox(mailbox).locale.partition("-")[0]
        except CloudError:
            return ""

    def _is_room(self, address: str) -> bool:
        try:
            return self._calendars.mailbox(address).kind is MailboxKind.ROOM
        except CloudError:
            return False

    def _hop(self, kind: str, uid: str, data: dict[str, Any]) -> None:
        label = Label.OURS if kind in ("cal.wait", "cal.own_edit") else Label.DOCUMENTED
        self._platform.trace.event(WHO, kind, id=uid, data=data, label=label)
