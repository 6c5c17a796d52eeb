"""What calendar platforms know: mailboxes, the events in them, who watches them, what rooms decided.

Times of an event are aware UTC and come with the zone that they were given in; a series repeats at the wall time of that zone.
Source: protocol/calendar-and-obtp.md 8, 12, 13.2.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec

from cloud_stub.platform.records import Record, TableSpec


class MailboxKind(StrEnum):
    """Whose a mailbox is. An external one stands for an organizer of another organization: no platform of ours knows it."""

    USER = "user"
    ROOM = "room"
    EXTERNAL = "external"


class Answer(StrEnum):
    """What an attendee has answered, in the words of Graph."""

    NONE = "none"
    NOT_RESPONDED = "notResponded"
    ORGANIZER = "organizer"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    TENTATIVE = "tentativelyAccepted"


class EventKind(StrEnum):
    """What an event is to its series, in the words of Graph."""

    SINGLE = "singleInstance"
    OCCURRENCE = "occurrence"
    EXCEPTION = "exception"
    MASTER = "seriesMaster"


class Automation(StrEnum):
    """AutomateProcessing: what a mailbox does with a request by itself."""

    NONE = "None"
    AUTO_UPDATE = "AutoUpdate"
    AUTO_ACCEPT = "AutoAccept"


class Processing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="pascal"):
    """How a mailbox processes requests, settings and defaults of Set-CalendarProcessing. Source: 8.2.

    `automate_processing` None is the default of the mailbox's kind: AutoAccept for rooms, AutoUpdate for people. Without
    `all_book_in_policy` nobody may book by an invitation alone.
    """

    automate_processing: Automation | None = None
    all_book_in_policy: bool = True
    booking_window_in_days: int = 180
    enforce_scheduling_horizon: bool = True
    maximum_duration_in_minutes: int = 1440
    allow_conflicts: bool = False
    maximum_conflict_instances: int = 0
    conflict_percentage_allowed: int = 0
    delete_comments: bool = True
    delete_subject: bool = True
    add_organizer_to_subject: bool = True
    delete_attachments: bool = True
    remove_private_property: bool = True
    process_external_meeting_messages: bool = False
    remove_canceled_meetings: bool = False


class Person(msgspec.Struct, frozen=True):
    """Somebody by address, lower case, and display name."""

    address: str
    name: str = ""


class Attendee(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody who is invited; `type` is required, optional or resource."""

    address: str
    name: str = ""
    type: str = "required"
    answer: Answer = Answer.NONE
    answered: datetime | None = None


class Recurrence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a series repeats: pattern and range of Graph. Days of week are Graph's words, `monday`.

    Attributes:
        type: daily, weekly, absoluteMonthly, relativeMonthly, absoluteYearly, relativeYearly.
        index: first, second, third, fourth, last; of relative patterns.
        ends: day of the last possible instance, in the zone of the series; None with no count either: it never ends.
        count: number of instances.
    """

    type: str
    interval: int = 1
    days: tuple[str, ...] = ()
    first_day: str = "sunday"
    day_of_month: int = 0
    index: str = "first"
    month: int = 0
    ends: date | None = None
    count: int = 0


class Mailbox(Record, kw_only=True, frozen=True):
    """A mailbox by its address, lower case. `zone` is an IANA name."""

    SHOWN = ("id", "kind", "name", "zone", "locale", "processing", "created")

    kind: MailboxKind
    name: str
    created: datetime
    zone: str = "Etc/UTC"
    locale: str = "en-US"
    processing: Processing = Processing()

    @property
    def address(self) -> str:
        """Its address."""
        return self.id

    @property
    def automation(self) -> Automation:
        """What it does with a request by itself."""
        by_kind = Automation.AUTO_ACCEPT if self.kind is MailboxKind.ROOM else Automation.AUTO_UPDATE
        return self.processing.automate_processing or by_kind


class MailboxEvent(Record, kw_only=True, frozen=True):
    """An event in one mailbox: a single meeting, the master of a series, or an instance that differs from its series.

    Instances that do not differ are not kept; the store makes them (kind `occurrence`) when they are asked for, under ids that stay the
    same when they come to differ.

    Attributes:
        uid: iCalUId, shared by all copies of a meeting and by all its instances.
        is_organizer: this is the copy that the others follow.
        start, end: of a master those of its first instance.
        wall_start, wall_end: the same on the wall clock of `zone`, naive, as they were meant: the hour that a clock change leaves out, too.
        zone: IANA name; a series repeats at the wall time of it, an all-day event lasts from midnight to midnight in it.
        answer: what this mailbox itself has answered.
        series_id: of an instance its master's id.
        original_start: of an instance where the rule puts it, also after it was moved.
        original_day: of an instance the day of that in the zone of the series, which a moved one need not be in any more.
        changed: of an exception, what is its own; the rest follows the master.
        cancelled, absent: of a master the original starts of instances that were cancelled, or that this mailbox alone does not have.
        until: of a room's master: no instance starts later, the room accepted only so far.
        shows_cancelled: cancelled instances stay visible, marked.
        instance_answers: of a master, by original start, then address: answers for one instance only.
        properties: extended properties by id.
        extra: further members of the platform, kept as they came.
        revision: grows with every change.
    """

    SHOWN = (
        "id", "mailbox", "uid", "kind", "is_organizer", "organizer", "subject", "location", "start", "end", "zone", "is_all_day",
        "sensitivity", "show_as", "attendees", "answer", "is_cancelled", "recurrence", "series_id", "original_start", "cancelled", "absent",
        "until", "revision", "created", "modified",
    )  # fmt: skip

    mailbox: str
    uid: str
    kind: EventKind
    organizer: Person
    start: datetime
    end: datetime
    created: datetime
    modified: datetime
    is_organizer: bool = False
    subject: str = ""
    body: str = ""
    body_type: str = "text"
    location: str = ""
    wall_start: datetime | None = None
    wall_end: datetime | None = None
    zone: str = "Etc/UTC"
    end_zone: str = ""
    is_all_day: bool = False
    sensitivity: str = "normal"
    show_as: str = "busy"
    attendees: tuple[Attendee, ...] = ()
    answer: Answer = Answer.NONE
    answered: datetime | None = None
    is_cancelled: bool = False
    recurrence: Recurrence | None = None
    series_id: str = ""
    original_start: datetime | None = None
    original_day: date | None = None
    changed: tuple[str, ...] = ()
    cancelled: tuple[datetime, ...] = ()
    absent: tuple[datetime, ...] = ()
    until: datetime | None = None
    shows_cancelled: bool = False
    instance_answers: dict[str, dict[str, Answer]] = msgspec.field(default_factory=dict)
    properties: dict[str, str] = msgspec.field(default_factory=dict)
    extra: dict[str, Any] = msgspec.field(default_factory=dict)
    has_attachments: bool = False
    revision: int = 1

    @property
    def length(self) -> timedelta:
        """How long it lasts."""
        return self.end - self.start

    def attendee(self, address: str) -> Attendee | None:
        """Return the attendee of an address, None if it is not invited."""
        address = address.lower()
        return next((one for one in self.attendees if one.address == address), None)


class RoomDecision(Record, kw_only=True, frozen=True):
    """What a mailbox did last with the request of a meeting, by mailbox and uid.

    Attributes:
        action: accept, decline, tentative, ignore, or none for a request that nobody has processed.
        reason: policy, window, horizon, duration, conflict, external, automation, forced, person; empty for a plain accept.
        detail: a sentence.
        instances: original starts of a series that were declined although the series was accepted.
    """

    SHOWN = ("mailbox", "uid", "organizer", "start", "action", "reason", "detail", "instances", "at")

    mailbox: str
    uid: str
    organizer: str
    start: datetime
    action: str
    at: datetime
    reason: str = ""
    detail: str = ""
    instances: tuple[datetime, ...] = ()


class CalendarSubscription(Record, kw_only=True, frozen=True):
    """Somebody who is told of changes in a mailbox. Without `url` it is a service of this process, which `watch` serves."""

    SHOWN = ("id", "mailbox", "changes", "resource", "expires", "created", "is_removed")

    mailbox: str
    expires: datetime
    created: datetime
    changes: tuple[str, ...] = ("created", "updated", "deleted")
    resource: str = ""
    url: str = ""
    lifecycle_url: str = ""
    client_state: str = ""
    is_removed: bool = False
    missed: int = 0


MAILBOX_TABLES: dict[type[Record], TableSpec] = {
    Mailbox: TableSpec("mailboxes", 20_000),
    MailboxEvent: TableSpec("mailbox_events", 200_000, ("mailbox", "uid", "series_id")),
    RoomDecision: TableSpec("room_decisions", 50_000, ("mailbox", "uid")),
    CalendarSubscription: TableSpec("calendar_subscriptions", 20_000, ("mailbox",)),
}
"""The tables of the calendar platforms."""
