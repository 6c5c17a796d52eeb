"""What can be done to calendars from outside: mailboxes, people, invitations, settings. `cloud.hybrid` in Python.

People and rooms are named by address, or by a name from which the address in the organization's domain follows: `Ana Smith` is
`ana.smith@room.example`. Whoever has an address of another domain belongs to another organization, unless there is a mailbox already.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from cloud_stub.hybrid_calendar.join_details import details_of
from cloud_stub.hybrid_calendar.mailboxes.drafts import Draft
from cloud_stub.hybrid_calendar.mailboxes.errors import UnknownEvent
from cloud_stub.hybrid_calendar.mailboxes.recurrence import from_rrule
from cloud_stub.hybrid_calendar.mailboxes.store import MailboxStore
from cloud_stub.hybrid_calendar.mailboxes.zones import iana
from cloud_stub.hybrid_calendar.mapping import instance_key, meeting_id, series_id
from cloud_stub.hybrid_calendar.platforms.platform import CalendarPlatform
from cloud_stub.hybrid_calendar.service import HybridCalendar
from cloud_stub.hybrid_calendar.settings import Imported, Settings, Step, import_users, setup_steps
from cloud_stub.hybrid_calendar.site import SCHEDULED, SPACE, Site
from cloud_stub.platform.context import Platform
from cloud_stub.platform.directory import Directory, found
from cloud_stub.platform.errors import BadRequest, CloudError, NotFound
from cloud_stub.platform.looking import pick
from cloud_stub.platform.mailbox_records import Attendee, Automation, Mailbox, MailboxEvent, MailboxKind, RoomDecision
from cloud_stub.platform.records import HybridEvent, HybridSettings, Meeting, User, UserKind, Workspace
from cloud_stub.services.calendar import EARLIEST, Calendar, check_push, check_times

DOMAIN: Final = "room.example"
"""The domain of the organization's addresses."""
ACCEPTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "auto": {"automate_processing": Automation.AUTO_ACCEPT, "all_book_in_policy": True},
    "decline": {"automate_processing": Automation.AUTO_ACCEPT, "all_book_in_policy": False},
    "never": {"automate_processing": Automation.AUTO_UPDATE, "all_book_in_policy": True},
}
"""What a mailbox does with requests: decides, declines them all, or leaves them to a person."""
RULES: Final = {"daily": "FREQ=DAILY", "weekly": "FREQ=WEEKLY", "monthly": "FREQ=MONTHLY"}
LEAD_TOGGLE: Final = "roomsim-obtp-lead-minutes"
"""Developer toggle that carries the lead of the button to devices; ours: how the real cloud tells it is not published."""
INSTANCES_AHEAD: Final = timedelta(days=3650)
"""How far ahead an instance is looked for."""
ALL_DAY: Final = timedelta(days=1)


@dataclass(slots=True)
class HybridUseCases:
    """The verbs of the Hybrid Calendar."""

    platform: Platform
    directory: Directory
    mailboxes: MailboxStore
    calendars: CalendarPlatform
    service: HybridCalendar
    settings_of: Settings
    site: Site
    calendar: Calendar
    set_toggle: Callable[[str, int], object]
    """Sets a developer toggle for every device."""

    # -- settings, rooms, people ------------------------------------------------------------------------------------------------------

    def settings(self, **fields: Any) -> HybridSettings:
        """Change settings of the organization, if any are given, and return them; see `Settings.change`."""
        if not fields:
            return self.settings_of.now
        changed = self.settings_of.change(**fields)
        if "lead_minutes" in fields:
            self.platform.settings.developer_toggles[LEAD_TOGGLE] = changed.lead_minutes
            self.set_toggle(LEAD_TOGGLE, changed.lead_minutes)
        self.service.settings_changed()
        return changed

    def steps(self, workspace_id: str, organizer: str = "") -> tuple[Step, ...]:
        """Return the steps of the setup as they stand for a workspace, and for a person's Personal Room (O06)."""
        person = self._person(address_of(organizer)) if organizer else None
        return setup_steps(self.settings_of.now, self.directory.workspace(workspace_id), person)

    def workspace_calendar(self, workspace_id: str, kind: str = "microsoft", address: str = "") -> Workspace:
        """Switch the calendar of a workspace: google, microsoft or none, and the address of its room mailbox (O07).

        Raises:
            NotFound: there is no such workspace (O08).
            BadRequest: another kind, or no address.
        """
        workspace = self.directory.workspace(workspace_id)
        if kind not in ("none", "google", "microsoft"):
            raise BadRequest("the calendar of a workspace is none, google or microsoft")
        if kind != "none" and (address.count("@") != 1 or not all(address.split("@"))):
            raise BadRequest(f"a {kind} calendar has the address of the room mailbox")
        email = "" if kind == "none" else address
        changed = self.platform.store[Workspace].change(
            workspace.id, calendar=kind, calendar_email=email, calendar_key=email.casefold()
        )
        self.service.workspace_changed(changed)
        return changed

    def calendar_entered(self, workspace: Workspace) -> None:
        """Take note of a calendar that an administrator has entered at a workspace; a new address gets its room mailbox."""
        if workspace.calendar == "microsoft" and self._mailbox(workspace.calendar_key) is None:
            self.mailboxes.create_mailbox(workspace.calendar_key, workspace.name, kind=MailboxKind.ROOM)
        self.service.workspace_changed(workspace)

    def room(self, workspace_id: str, address: str = "") -> Mailbox:
        """Give a workspace a room mailbox, made if there is none of the address, and enter it at the workspace's calendar."""
        workspace = self.directory.workspace(workspace_id)
        address = (address or workspace.calendar_email or self._free_address(workspace)).lower()
        known = self._mailbox(address)
        mailbox = known or self.mailboxes.create_mailbox(address, workspace.name, kind=MailboxKind.ROOM)
        if workspace.calendar == "none" or workspace.calendar_key != address:
            self.workspace_calendar(workspace.id, "microsoft", address)
        else:
            self.service.watch()
        return mailbox

    def _free_address(self, workspace: Workspace) -> str:
        address, n = address_of(workspace.name), 1
        while self._mailbox(address) is not None:
            n += 1
            front, _, domain = address_of(workspace.name).partition("@")
            address = f"{front}{n}@{domain}"
        return address

    def mailbox(
        self, address: str, *, accept: str | None = None, processing: Mapping[str, Any] | None = None, **fields: Any
    ) -> Mailbox:
        """Change a mailbox.

        Args:
            accept: auto, decline (everything) or never (leave it to a person).
            processing: further settings by their names, `booking_window_in_days`.
            fields: `name`, `zone`, `locale`, and settings of processing.

        Raises:
            CalendarError: there is none, or a value that it cannot have.
        """
        given = {**(processing or {}), **fields}
        if accept is not None:
            if accept not in ACCEPTS:
                raise BadRequest(f"a mailbox accepts {', '.join(ACCEPTS)}")
            given |= ACCEPTS[accept]
        return self.mailboxes.configure(address_of(address), **given)

    def person(
        self,
        who: str,
        *,
        enabled: bool | None = None,
        personal_room: bool | None = None,
        preferred_site: str | None = None,
        external: bool | None = None,
        zone: str | None = None,
        locale: str | None = None,
    ) -> Mailbox:
        """Return the mailbox of a person, made with an account if there is none, after changing what is given.

        Args:
            who: an address or a name.
            enabled: the service works for the person's calendar.
            personal_room: the person has a Personal Room; `preferred_site` ties it (O10).
            external: of another organization; by default whoever has an address of another domain.
        """
        address = address_of(who)
        mailbox = self._mailbox(address)
        is_new = mailbox is None
        if mailbox is None:
            is_far = external if external is not None else not address.endswith(f"@{DOMAIN}")
            kind = MailboxKind.EXTERNAL if is_far else MailboxKind.USER
            name = who if "@" not in who else ""
            mailbox = self.mailboxes.create_mailbox(address, name, kind=kind)
        if zone is not None or locale is not None:
            mailbox = self.mailboxes.configure(address, zone=zone, locale=locale)
        if mailbox.kind is not MailboxKind.USER:
            if enabled or personal_room or preferred_site:
                raise BadRequest(f"{address} is no person of the organization")
            return mailbox
        known = self._person(address)
        user = known or self.directory.create_person(mailbox.name, address)
        given = {"hybrid_calendar": enabled, "has_personal_room": personal_room, "preferred_site": preferred_site}
        changed = {name: value for name, value in given.items() if value is not None}
        if preferred_site and preferred_site not in self.settings_of.now.sites:
            raise BadRequest(f"{preferred_site} is no site; there are {', '.join(self.settings_of.now.sites)}")
        if changed:
            self.service.people_changed([self.platform.store[User].change(user.id, **changed)])
        elif known is None or is_new:
            self.service.watch()
        return mailbox

    def users_import(self, text: str) -> Imported:
        """Take over people from a CSV file, with `preferredWebExSite` (O12)."""
        came = import_users(text, self.platform, self.directory, self.settings_of.now)
        people = (user for user in self.platform.store[User] if user.kind is UserKind.PERSON and user.preferred_site)
        self.service.people_changed(people)
        return came

    # -- invitations ------------------------------------------------------------------------------------------------------------------

    def invite(
        self,
        organizer: str,
        start: datetime,
        minutes: int,
        *,
        subject: str = "",
        location: str = "",
        body: str = "",
        is_html: bool = False,
        rooms: Sequence[str] = (),
        attendees: Sequence[str] = (),
        recurrence: str = "",
        zone: str = "UTC",
        is_private: bool = False,
        is_all_day: bool = False,
    ) -> MailboxEvent:
        """Schedule a meeting in an organizer's mailbox and invite rooms and people.

        Args:
            organizer: address or name; a mailbox is made if there is none.
            start: aware.
            rooms: ids of workspaces, or addresses of room mailboxes.
            attendees: addresses or names of people.
            recurrence: an RRULE value, or daily, weekly, monthly.
            zone: in which a series repeats and an all-day meeting has its midnight.

        Raises:
            CloudError: there is no such room, or times and rules that no meeting has; nothing is scheduled then.
        """
        check_times(start, minutes)
        invited = [Attendee(address=self.room_address(room), type="resource") for room in rooms]
        whose = self.person(organizer)
        invited += [Attendee(address=self.person(who).address) for who in attendees]
        zone = iana(zone)
        begins, length = start.astimezone(ZoneInfo(zone)).replace(tzinfo=None), timedelta(minutes=minutes)
        if is_all_day:
            begins = begins.replace(hour=0, minute=0, second=0, microsecond=0)
            length = max(ALL_DAY, timedelta(days=-(-minutes // (24 * 60))))
        rule = from_rrule(RULES.get(recurrence, recurrence), begins, zone) if recurrence else None
        draft = Draft(
            start=begins if rule is not None or is_all_day else start.astimezone(UTC),
            end=begins + length if rule is not None or is_all_day else start.astimezone(UTC) + length,
            zone=zone,
            subject=subject,
            body=body,
            body_type="html" if is_html else "text",
            location=location,
            is_all_day=is_all_day,
            sensitivity="private" if is_private else "normal",
            attendees=tuple(invited),
            recurrence=rule,
        )
        return self.mailboxes.create(whose.address, draft)

    def invitation_update(self, uid: str, *, instance: date | None = None, **changes: Any) -> MailboxEvent:
        """Change an invitation as its organizer, or one instance of a series.

        Args:
            instance: the day on which the rule puts it.
            changes: `subject`, `location`, `body`, `start`, `minutes`, `rooms`, `attendees`, `is_private`.
        """
        event = self._own(uid, instance)
        fields = {name: value for name, value in changes.items() if value is not None}
        known = {"subject", "location", "body", "start", "minutes", "rooms", "attendees", "is_private"}
        if set(fields) - known:
            raise BadRequest(
                f"an invitation has no {', '.join(sorted(set(fields) - known))}; there are {', '.join(sorted(known))}"
            )
        changed: dict[str, Any] = {name: fields[name] for name in ("subject", "location", "body") if name in fields}
        if "is_private" in fields:
            changed["sensitivity"] = "private" if fields["is_private"] else "normal"
        if "start" in fields or "minutes" in fields:
            begins = fields.get("start", event.start)
            length = timedelta(minutes=fields["minutes"]) if "minutes" in fields else event.length
            check_times(begins, length // timedelta(minutes=1))
            changed |= {"start": begins, "end": begins + length}
        if "rooms" in fields or "attendees" in fields:
            changed["attendees"] = self._invited(event, fields.get("rooms"), fields.get("attendees"))
        if not changed:
            raise BadRequest("an update changes something")
        return self.mailboxes.update(event.mailbox, event.id, **changed)

    def _invited(
        self, event: MailboxEvent, rooms: Sequence[str] | None, people: Sequence[str] | None
    ) -> tuple[Attendee, ...]:
        """Return who is invited, where rooms or people are others from here on."""
        were = {True: [], False: []}  # type: dict[bool, list[Attendee]]
        for one in event.attendees:
            were[one.type == "resource"].append(one)
        if rooms is not None:
            were[True] = [Attendee(address=self.room_address(room), type="resource") for room in rooms]
        if people is not None:
            were[False] = [Attendee(address=self.person(who).address) for who in people]
        return (*were[True], *were[False])

    def invitation_cancel(self, uid: str, *, instance: date | None = None, comment: str = "") -> None:
        """Cancel an invitation as its organizer, or one instance of a series."""
        event = self._own(uid, instance)
        self.mailboxes.cancel(event.mailbox, event.id, comment)

    def invitations(self) -> list[HybridEvent]:
        """Return what the service knows of every invitation."""
        return list(self.platform.store[HybridEvent])

    def meetings_of(self, uid: str) -> list[Meeting]:
        """Return the meetings that an invitation has become, in order of start."""
        meetings = self.platform.store[Meeting].where("series_id", series_id(uid))
        return sorted(meetings, key=lambda meeting: (meeting.start, meeting.id))

    def decisions(self, room: str, uid: str = "") -> list[RoomDecision]:
        """Return what a room decided about requests."""
        return self.mailboxes.decisions(self.room_address(room), uid)

    def query(self, subject: str, rest: list[str]) -> Any:
        """Return what a path of the state leads to: `mailbox.responses` of the room made last, `mailbox.<workspace>.responses`.

        Raises:
            NotFound: it leads nowhere; the text says what would have been right.
        """
        rooms = {one.id: one for one in self.platform.store[Workspace] if one.calendar_email}
        if rest and rest[0] in rooms:
            return pick(f"{subject}.{rest[0]}", self._responses(rooms[rest[0]]), rest[1:])
        if len(rest) > 1:
            raise NotFound(f"no workspace {rest[0]!r} has a mailbox; there are {', '.join(rooms) or 'none'}")
        shown = self._responses(list(rooms.values())[-1]) if rooms else {"address": "", "responses": []}
        return pick(subject, {**shown, "count": len(rooms)}, rest)

    def _responses(self, room: Workspace) -> dict[str, Any]:
        mailbox = self._mailbox(room.calendar_email)
        made = self.mailboxes.decisions(mailbox.address) if mailbox is not None else []
        return {"address": room.calendar_email, "responses": [one.action for one in made]}

    def meeting_id(self, uid: str, instance: date | None = None) -> str:
        """Return the id that the meeting of an invitation, or of one instance, has for devices."""
        return meeting_id(uid, instance.isoformat() if instance is not None else "")

    def _own(self, uid: str, instance: date | None) -> MailboxEvent:
        """Return the organizer's copy, or an instance of it by its day."""
        event = found(self.mailboxes.organizers_copy(uid), "invitation")
        if instance is None:
            return event
        if not EARLIEST.date() < instance < (self.platform.now() + INSTANCES_AHEAD).date():
            raise UnknownEvent(f"the series has no instance on {instance}")
        zone = ZoneInfo(event.zone)
        midnight = datetime(instance.year, instance.month, instance.day, tzinfo=zone)
        first, last = midnight - timedelta(days=370), midnight + timedelta(days=370)
        for one in self.mailboxes.instances(event.mailbox, event.id, first.astimezone(UTC), last.astimezone(UTC)):
            if instance_key(one) == instance.isoformat():
                return one
        raise UnknownEvent(f"the series has no instance on {instance}")

    # -- meetings without a mailbox ---------------------------------------------------------------------------------------------------

    def webex_meeting(
        self,
        title: str,
        start: datetime,
        minutes: int,
        *,
        workspace_ids: Sequence[str],
        organizer: str = "",
        kind: str = SCHEDULED,
        name: str = "",
        people: Sequence[str] = (),
        push: str = "full",
    ) -> Meeting:
        """Schedule a meeting on the Webex site, or in a space, with no mailbox behind it (6.8).

        Args:
            kind: scheduled or space.
            name: the caller's own name for it; makes the id repeatable.
            push: full, minimal or none.

        Raises:
            BadRequest: times that no meeting has, another kind, or another word as `push`; nothing is scheduled then.
            NotFound: one of the workspaces is not there.
        """
        check_push(push)
        check_times(start, minutes)
        if kind not in (SCHEDULED, SPACE):
            raise BadRequest(f"a meeting without a mailbox is {SCHEDULED} on the site, or of a {SPACE}")
        rooms = [self.directory.workspace(workspace_id) for workspace_id in workspace_ids]
        user = self._person(self.person(organizer).address) if organizer else None
        owner = user or next((one for one in self.platform.store[User] if one.kind is UserKind.PERSON), None)
        site = self.settings_of.now.sites[0]
        if kind == SPACE:
            members = [address_of(one) for one in people] + ([owner.email] if owner is not None else [])
            made = self.site.space(title, owner, members, site)
        else:
            made = self.site.one_time(title, owner, site, kind=SCHEDULED)
        details = details_of(made)
        machines = [user for room in rooms for user in self.platform.store[User].where("workspace_id", room.id)]
        made_id = self.platform.new_id("meeting", name or title)
        meeting = Meeting(
            id=made_id,
            series_id=made_id,
            title=title,
            start=start,
            duration_minutes=minutes,
            organizer_id=owner.id if owner is not None else "",
            organizer_name=owner.name if owner is not None else "",
            organizer_email=owner.email if owner is not None else "",
            modified=self.platform.now(),
            user_ids=tuple(user.id for user in machines),
            join=dict(details.join),
            meeting_join_type=details.join_type,
            meeting_number=details.number,
            password=details.password,
            host_key=details.host_key,
        )
        self.calendar.publish(meeting, push=push)
        return meeting

    # -- names ------------------------------------------------------------------------------------------------------------------------

    def room_address(self, room: str) -> str:
        """Return the address of a room mailbox, given it or the id of a workspace.

        Raises:
            NotFound: there is no such workspace.
            BadRequest: the workspace has no calendar.
        """
        if "@" in room:
            return room
        workspace = found(self.platform.store[Workspace].get(room), "workspace")
        if not workspace.calendar_email:
            raise BadRequest(f"{workspace.name} has no calendar: give it a room mailbox first")
        return workspace.calendar_email

    def _mailbox(self, address: str) -> Mailbox | None:
        try:
            return self.mailboxes.mailbox(address)
        except CloudError:
            return None

    def _person(self, address: str) -> User | None:
        users = self.platform.store[User].where("email", address)
        return next((user for user in users if user.kind is UserKind.PERSON), None)


def address_of(who: str) -> str:
    """Return an address, given one or a name in the organization.

    Raises:
        NotFound: nothing of it can be part of an address.
    """
    if "@" in who:
        return who.strip().lower()
    front = re.sub(r"[^a-z0-9]+", ".", who.casefold()).strip(".")
    if not front:
        raise NotFound(f"nobody can be called {who!r}")
    return f"{front}@{DOMAIN}"
