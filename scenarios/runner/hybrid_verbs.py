"""Verbs of calendars: invitations, mailboxes, people, what the organization has set; the long way of a meeting to a room.

Source: protocol/calendar-and-obtp.md 4, 6.8, 7, 8. All call the use cases of the hybrid calendar.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from cloud_stub.platform.mailbox_records import Processing
from scenarios.runner.fields import Duration, Flag, KnownText, Lead, Moment, Name, Text, Toggle, Zone, wrong
from scenarios.runner.problems import nearest
from scenarios.runner.validation import Objection, Strict
from scenarios.runner.verbs import Capability, Defined, Used, Verb, declare

_STUB: frozenset[Capability] = frozenset({"stub"})
ROOMS_MAX = 50
PEOPLE_MAX = 100
DAY_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_Rooms = Annotated[tuple[KnownText, ...], Field(max_length=ROOMS_MAX, strict=False)]
_People = Annotated[tuple[Text, ...], Field(max_length=PEOPLE_MAX, strict=False)]


def _day(text: str) -> str:
    try:
        if re.fullmatch(DAY_PATTERN[1:-1], text):
            return date.fromisoformat(text).isoformat()
    except ValueError:
        pass
    raise wrong(f'`{text}` is no day; write one such as "2026-03-24"')


Day = Annotated[str, AfterValidator(_day), WithJsonSchema({"type": "string", "pattern": DAY_PATTERN})]
"""The day on which the rule of a series puts an instance, in the zone of the series."""
Action = Literal["personal_room", "space", "onetime", "none"]


def _rooms_used(rooms: tuple[str, ...] | None) -> Iterable[Used]:
    """Name the devices whose rooms are meant; what has an @ is an address."""
    for index, name in enumerate(rooms or ()):
        if "@" not in name:
            yield Used("device", name, ("rooms", index))


class MailboxSettings(Strict):
    """How room mailboxes process requests; the defaults are those of Exchange."""

    area: ClassVar[str] = "mailbox"
    accept: Literal["auto", "decline", "never"] | None = None
    delete_comments: Flag | None = None
    booking_window: Annotated[int, Field(ge=0, le=1080)] | None = None
    """Days ahead that can be booked."""
    allow_conflicts: Flag | None = None
    private: Literal["kept", "removed"] | None = None
    """Whether private meetings stay private."""
    external: Flag | None = None
    """Whether organizers of other organizations are answered."""
    settings: dict[str, Toggle] = Field(default_factory=dict)
    """Further settings of Set-CalendarProcessing, in small letters: `maximum_duration_in_minutes`."""

    def processing(self) -> dict[str, Any]:
        """Return the settings by the names of the mailbox store."""
        private = None if self.private is None else self.private == "removed"
        named = {
            "delete_comments": self.delete_comments,
            "booking_window_in_days": self.booking_window,
            "allow_conflicts": self.allow_conflicts,
            "remove_private_property": private,
            "process_external_meeting_messages": self.external,
        }
        return {**{name: value for name, value in named.items() if value is not None}, **self.settings}

    def objections(self) -> Iterable[Objection]:
        """Object to settings that no mailbox has."""
        for name in self.settings:
            if name not in Processing.__struct_fields__:
                near = nearest(name, Processing.__struct_fields__)
                yield Objection(("settings", name), f"a mailbox has no setting `{name}`", near, at_key=True)


@declare
class Invite(Verb):
    """Schedule a meeting in an organizer's calendar and invite rooms to it: by default the room of the step's device."""

    verb = "cloud.invite"
    needs = _STUB
    done = "sent; room, service and device go on from there"
    id: Name
    starts: Moment
    lasts: Duration
    organizer: Text = "Ana Smith"
    subject: Text | None = None
    location: Text = ""
    body: Text = ""
    html: Flag = False
    rooms: _Rooms | None = None
    attendees: _People = ()
    recurrence: KnownText = ""
    zone: Zone | None = None
    private: Flag = False
    all_day: Flag = False

    def defines(self) -> Iterable[Defined]:
        """Make the invitation known."""
        yield Defined("invitation", self.id, ("id",))

    def uses(self) -> Iterable[Used]:
        """Refer to the devices whose rooms are invited."""
        yield from _rooms_used(self.rooms)


@declare
class InviteUpdate(Verb):
    """Change an invitation, or one instance of a series, as its organizer."""

    verb = "cloud.invite.update"
    needs = _STUB
    done = "sent; room, service and device go on from there"
    id: Name
    instance: Day | None = None
    starts: Moment | None = None
    lasts: Duration | None = None
    subject: Text | None = None
    location: Text | None = None
    body: Text | None = None
    rooms: _Rooms | None = None
    attendees: _People | None = None
    private: Flag | None = None

    def objections(self) -> Iterable[Objection]:
        """Object to an update that changes nothing."""
        names = ("starts", "lasts", "subject", "location", "body", "rooms", "attendees", "private")
        if all(getattr(self, name) is None for name in names):
            yield Objection((), f"write what changes: {', '.join(names)}")

    def uses(self) -> Iterable[Used]:
        """Refer to the invitation, and to the devices whose rooms are invited."""
        yield Used("invitation", self.id, ("id",))
        yield from _rooms_used(self.rooms)


@declare
class InviteCancel(Verb):
    """Cancel an invitation, or one instance of a series, as its organizer."""

    verb = "cloud.invite.cancel"
    short = "id"
    needs = _STUB
    done = "sent; room, service and device go on from there"
    id: Name
    instance: Day | None = None

    def uses(self) -> Iterable[Used]:
        """Refer to the invitation."""
        yield Used("invitation", self.id, ("id",))


@declare
class SetMailbox(MailboxSettings, Verb):
    """Change the mailbox of the room of the step's device, or which one stands at its workspace."""

    verb = "cloud.mailbox"
    area = "cloud.mailbox"
    needs = _STUB
    done = "it holds for the next request"
    address: Text | None = None
    """The address at the workspace's calendar from here on; a mailbox is not made for it."""
    calendar: Literal["microsoft", "google", "none"] | None = None

    def objections(self) -> Iterable[Objection]:
        """Object to a change of nothing, and to an address of no calendar."""
        yield from super().objections()
        if all(getattr(self, name) in (None, {}) for name in type(self).model_fields):
            yield Objection((), f"write what changes: {', '.join(type(self).model_fields)}")
        if self.calendar == "none" and self.address is not None:
            yield Objection(("address",), "a workspace without a calendar has no address", at_key=True)


@declare
class SetPlatform(Verb):
    """Change what the organization has set for its hybrid calendar."""

    verb = "cloud.platform"
    acts_on_device = False
    needs = _STUB
    done = "it holds for the next invitation"
    provisioned: Flag | None = None
    """Whether the organization has Hybrid Calendar at all."""
    webex: Action | None = None
    meet: Action | None = None
    lead: Lead | None = None
    """How long before the start the Join button comes: 0m, 5m, 10m or 15m."""
    managed_site: Flag | None = None
    """Whether the site is managed in Control Hub, which ties the Personal Rooms of its users."""
    language: Literal["de", "en", "fr", "nb"] | None = None
    header: KnownText | None = None
    footer: KnownText | None = None
    phone_lines: Flag | None = None
    minimal: Literal["auto", "always", "never"] | None = None
    minimal_bytes: Annotated[int, Field(ge=256, le=1024 * 1024 - 1)] | None = None
    tentative: Flag | None = None
    """Whether rooms that have answered tentatively get their meetings."""
    join_takes: Duration | None = None
    """How long the site takes to make join details."""

    def objections(self) -> Iterable[Objection]:
        """Object to a change of nothing."""
        if all(getattr(self, name) is None for name in type(self).model_fields):
            yield Objection((), f"write what changes: {', '.join(type(self).model_fields)}")


@declare
class SetPerson(Verb):
    """Make a person of the organization, or change one: for whom the service works, and who has a Personal Room."""

    verb = "cloud.person"
    short = "who"
    acts_on_device = False
    needs = _STUB
    done = "it holds for the next invitation; those that waited for a Personal Room are taken up again"
    who: Text
    enabled: Flag | None = None
    personal_room: Flag | None = None
    preferred_site: KnownText | None = None


@declare
class WebexMeeting(Verb):
    """Schedule a meeting on the Webex site, or in a space, with no mailbox behind it."""

    verb = "webex_meeting"
    needs = _STUB
    done = "stored and pushed"
    id: Name
    starts: Moment
    lasts: Duration
    title: Text | None = None
    organizer: Text = ""
    kind: Literal["scheduled", "space"] = "scheduled"
    push: Literal["full", "minimal", "none"] = "full"
