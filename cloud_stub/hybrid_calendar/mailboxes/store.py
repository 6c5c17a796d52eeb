"""The mailboxes of the stub's organization: what people, rooms, platforms and use cases do with events.

Every method that changes something does it in one transaction, with all that follows from it (copies, decisions, answers), and tells
`watch`ers when it is done. Addresses may come in any case. Source: protocol/calendar-and-obtp.md 8, 12, 13.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

import msgspec

from cloud_stub.hybrid_calendar.mailboxes.book import Book
from cloud_stub.hybrid_calendar.mailboxes.delivery import WHO, Delivery
from cloud_stub.hybrid_calendar.mailboxes.drafts import SERIES_FIELDS, Draft, kind_of, settled
from cloud_stub.hybrid_calendar.mailboxes.errors import InvalidEvent, UnknownMailbox
from cloud_stub.hybrid_calendar.mailboxes.feed import Change, ChangeKind, Feed, Listener
from cloud_stub.hybrid_calendar.mailboxes.zones import UTC_ZONE, iana
from cloud_stub.platform.context import Platform
from cloud_stub.platform.errors import BoundHit
from cloud_stub.platform.mailbox_records import (
    Answer,
    Attendee,
    CalendarSubscription,
    EventKind,
    Mailbox,
    MailboxEvent,
    MailboxKind,
    Person,
    Processing,
    RoomDecision,
)

EVENTS_PER_MAILBOX_MAX: Final = 5_000
"""Single events, masters and exceptions in a mailbox, from which on its owner books nothing new; invitations still come in, as far as the
table of all mailboxes has room."""


class MailboxStore:
    """All mailboxes and their events."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._mailboxes = platform.store[Mailbox]
        self._book = Book(platform.store)
        self._delivery = Delivery(platform, self._book)
        self._feed = Feed()

    def watch(self, listener: Listener) -> Callable[[], None]:
        """Tell every later change in any mailbox; returns what ends that. Platforms listen here; services listen to platforms."""
        return self._feed.watch(listener)

    # -- mailboxes --------------------------------------------------------------------------------------------------------------------

    def create_mailbox(
        self,
        address: str,
        name: str = "",
        *,
        kind: MailboxKind = MailboxKind.ROOM,
        zone: str = UTC_ZONE,
        locale: str = "en-US",
        processing: Processing | None = None,
    ) -> Mailbox:
        """Create a mailbox.

        Args:
            zone: Windows or IANA name.

        Raises:
            InvalidEvent: no address, one that is taken, or an unknown zone.
        """
        address = address.strip().lower()
        if address.count("@") != 1 or len(address) > 320:
            raise InvalidEvent(f"{address[:100]!r} is no address; write room@contoso.test")
        if address in self._mailboxes:
            raise InvalidEvent(f"there is a mailbox {address} already")
        return self._mailboxes.put(
            Mailbox(
                id=address, kind=kind, name=name or address.partition("@")[0], created=self._platform.now(), zone=iana(zone), locale=locale,
                processing=processing or Processing(),
            )
        )  # fmt: skip

    def mailbox(self, address: str) -> Mailbox:
        """Return a mailbox.

        Raises:
            UnknownMailbox: nobody has that address.
        """
        mailbox = self._mailboxes.get(address.strip().lower())
        if mailbox is None:
            raise UnknownMailbox(address)
        return mailbox

    def mailboxes(self) -> list[Mailbox]:
        """Return all mailboxes."""
        return list(self._mailboxes)

    def configure(
        self,
        address: str,
        *,
        name: str | None = None,
        zone: str | None = None,
        locale: str | None = None,
        **processing: Any,
    ) -> Mailbox:
        """Change a mailbox; further words are settings of `Processing`, `delete_comments=False`.

        Raises:
            InvalidEvent: no such setting, or a value that it cannot have.
        """
        mailbox = self.mailbox(address)
        given: dict[str, Any] = {"name": name, "zone": iana(zone) if zone else None, "locale": locale}
        changed = {key: value for key, value in given.items() if value is not None}
        if processing:
            changed["processing"] = changed_processing(mailbox.processing, processing)
        return self._mailboxes.change(mailbox.id, **changed) if changed else mailbox

    def delete_mailbox(self, address: str) -> None:
        """Delete a mailbox with its events; nobody is told."""
        mailbox = self.mailbox(address)
        with self._book.transaction():
            for event in self._book.kept(mailbox.address):
                self._book.drop(event.id)
            for one in self._platform.store[CalendarSubscription].where("mailbox", mailbox.address):
                self._platform.store[CalendarSubscription].drop(one.id)
            self._mailboxes.drop(mailbox.id)

    # -- reading ----------------------------------------------------------------------------------------------------------------------

    def event(self, address: str, event_id: str) -> MailboxEvent:
        """Return an event, also a master or one instance of a series.

        Raises:
            UnknownMailbox, UnknownEvent: no such address, no such event in it.
        """
        return self._book.get(self.mailbox(address).address, event_id)

    def events(self, address: str) -> list[MailboxEvent]:
        """Return single events and masters, in order of start."""
        kept = self._book.kept(self.mailbox(address).address)
        return sorted((one for one in kept if one.kind is not EventKind.EXCEPTION), key=lambda one: (one.start, one.id))

    def occurrences(self, address: str, start: datetime, end: datetime) -> list[MailboxEvent]:
        """Return what overlaps `[start, end)`, series as their instances, in order of start."""
        return self._book.occurrences(self.mailbox(address).address, start, end)

    def instances(self, address: str, event_id: str, start: datetime, end: datetime) -> list[MailboxEvent]:
        """Return the instances of a series that overlap `[start, end)`.

        Raises:
            InvalidEvent: the event is no series.
        """
        master = self.event(address, event_id)
        if master.kind is not EventKind.MASTER:
            raise InvalidEvent("only a seriesMaster has instances", "ErrorInvalidRequest")
        return self._book.instances(master, start, end)

    def copies(self, uid: str) -> list[MailboxEvent]:
        """Return what all mailboxes keep of a meeting: the organizer's copy and those of invitees."""
        return self._book.copies(uid)

    def organizers_copy(self, uid: str) -> MailboxEvent | None:
        """Return the copy that the others follow: single event or master; None if there is none any more."""
        kept = (one for one in self._book.copies(uid) if one.is_organizer and one.kind is not EventKind.EXCEPTION)
        return next(kept, None)

    def decisions(self, address: str, uid: str = "") -> list[RoomDecision]:
        """Return what a mailbox decided about requests, in the order of it; with a uid about that meeting and its instances only."""
        made = self._platform.store[RoomDecision].where("mailbox", self.mailbox(address).address)
        return [one for one in made if not uid or one.uid == uid]

    # -- the organizer ----------------------------------------------------------------------------------------------------------------

    def create(self, address: str, draft: Draft) -> MailboxEvent:
        """Put an event on a calendar and invite its attendees; the mailbox is the organizer's.

        Raises:
            UnknownMailbox, InvalidEvent, BoundHit: nothing is changed then.
        """
        mailbox = self.mailbox(address)
        if len(self._book.kept(mailbox.address)) >= EVENTS_PER_MAILBOX_MAX:
            raise BoundHit(f"events of {mailbox.address}", EVENTS_PER_MAILBOX_MAX)
        fields = settled({name: getattr(draft, name) for name in draft.__struct_fields__})
        now = self._platform.now()
        with self._changing() as delivery:
            event = MailboxEvent(
                id=delivery.new_event_id(mailbox.address), mailbox=mailbox.address,
                uid="040000008200E00074C5B7101A82E00800000000" + self._platform.new_id("iCalUId", mailbox.address).replace("-", "").upper(),
                kind=kind_of(draft.recurrence), organizer=Person(mailbox.address, mailbox.name), is_organizer=True, answer=Answer.ORGANIZER,
                created=now, modified=now, revision=0, **fields,
            )  # fmt: skip
            event = delivery.write(self._named(event), ChangeKind.CREATED)
            delivery.send([], [event])
        return self._book.get(mailbox.address, event.id)

    def update(self, address: str, event_id: str, **changes: Any) -> MailboxEvent:
        """Change fields of an event, `subject`, `body`, `start`; of an organizer's copy the invitees are told.

        An instance of a series that is changed differs from then on. A change of a master's times makes all its instances anew; other
        changes reach every instance that has not its own. On an invitee's copy only that copy changes.

        Raises:
            UnknownMailbox, UnknownEvent, InvalidEvent: nothing is changed then.
        """
        event = self.event(address, event_id)
        if not event.is_organizer and "attendees" in changes:
            raise InvalidEvent("only the organizer changes attendees", "ErrorAccessDenied")
        if event.kind in (EventKind.OCCURRENCE, EventKind.EXCEPTION) and changes.get("recurrence") is not None:
            raise InvalidEvent("an instance has no recurrence; change its seriesMaster")
        fields = settled(changes, event)
        with self._changing() as delivery:
            before = self._book.meeting(event.mailbox, event.uid) if event.is_organizer else []
            self._change(event, fields, frozenset(changes))
            if event.is_organizer:
                delivery.send(before, self._book.meeting(event.mailbox, event.uid))
        return self._book.get(event.mailbox, event_id)

    def _change(self, event: MailboxEvent, fields: dict[str, Any], named: frozenset[str]) -> None:
        delivery = self._delivery
        changed = msgspec.structs.replace(event, **fields)
        if SERIES_FIELDS & named and _when(changed) != _when(event):
            changed = _unanswered(changed)
        if event.kind is EventKind.OCCURRENCE:
            changed = msgspec.structs.replace(changed, kind=EventKind.EXCEPTION, changed=tuple(sorted(fields)))
        elif event.kind is EventKind.EXCEPTION:
            changed = msgspec.structs.replace(changed, changed=tuple(sorted({*event.changed, *fields})))
        elif event.kind is EventKind.MASTER:
            changed = self._change_series(event, changed, fields)
        else:
            changed = msgspec.structs.replace(changed, kind=kind_of(changed.recurrence))
        delivery.write(self._named(changed), ChangeKind.UPDATED)

    def _change_series(self, event: MailboxEvent, changed: MailboxEvent, fields: Mapping[str, Any]) -> MailboxEvent:
        """Let a change of a master reach its instances. The running one is no exception. Source: 12.1."""
        exceptions = self._book.exceptions(event)
        if _when(changed) != _when(event):
            for one in exceptions:
                self._book.drop(one.id)
            return msgspec.structs.replace(
                changed, kind=kind_of(changed.recurrence), cancelled=(), absent=(), until=None, instance_answers={}
            )
        for one in exceptions:
            theirs = {
                name: value for name, value in fields.items() if name not in one.changed and name not in SERIES_FIELDS
            }
            if theirs:
                self._book.put(self._named(msgspec.structs.replace(one, **theirs)))
        return changed

    def cancel(self, address: str, event_id: str, comment: str = "") -> None:
        """Cancel a meeting, or one instance of it, as its organizer: invitees get a cancellation, the organizer's copy goes.

        Raises:
            InvalidEvent: the mailbox is not the organizer's.
        """
        event = self.event(address, event_id)
        if not event.is_organizer:
            raise InvalidEvent("You need to be an organizer to cancel a meeting.", "ErrorAccessDenied")
        self._platform.trace.event(
            WHO, "mailbox.cancel", id=event.uid, data={"mailbox": event.mailbox, "has_comment": bool(comment)}
        )
        with self._changing() as delivery:
            before = self._book.meeting(event.mailbox, event.uid)
            self._take_out(event)
            delivery.send(before, self._book.meeting(event.mailbox, event.uid))

    def delete(self, address: str, event_id: str) -> None:
        """Delete an event: the organizer cancels with it, an invitee only loses the own copy and tells nobody."""
        event = self.event(address, event_id)
        if event.is_organizer:
            self.cancel(address, event_id)
            return
        with self._changing() as delivery:
            if event.kind in (EventKind.OCCURRENCE, EventKind.EXCEPTION):
                delivery.leave_out(self._book.get(event.mailbox, event.series_id), _original(event))
            else:
                delivery.remove(event)

    def _take_out(self, event: MailboxEvent) -> None:
        if event.kind not in (EventKind.OCCURRENCE, EventKind.EXCEPTION):
            self._delivery.remove(event)
            return
        master = self._book.get(event.mailbox, event.series_id)
        self._book.drop(event.id)
        cancelled = tuple(sorted({*master.cancelled, _original(event)}))
        self._book.put(msgspec.structs.replace(master, cancelled=cancelled))
        self._delivery.note(event, ChangeKind.DELETED)

    # -- the invitee ------------------------------------------------------------------------------------------------------------------

    def respond(self, address: str, event_id: str, answer: Answer, comment: str = "", *, tells: bool = True) -> None:
        """Answer an invitation, or one instance of it; what is declined leaves the calendar.

        Args:
            tells: the organizer gets the answer.

        Raises:
            InvalidEvent: the mailbox is the organizer's, or that is no answer.
        """
        event = self.event(address, event_id)
        if answer not in (Answer.ACCEPTED, Answer.DECLINED, Answer.TENTATIVE):
            raise InvalidEvent("an answer is accepted, declined or tentativelyAccepted")
        if event.is_organizer:
            raise InvalidEvent(
                "You can't respond to this meeting because you're the meeting organizer.", "ErrorInvalidRequest"
            )
        if event.is_cancelled:
            raise InvalidEvent("The meeting was cancelled.", "ErrorInvalidRequest")
        key = event.original_start
        with self._changing() as delivery:
            said = "a person" + (", with a comment" if comment else "")
            action = {Answer.ACCEPTED: "accept", Answer.DECLINED: "decline"}.get(answer, "tentative")
            delivery.record_decision(event.mailbox, event, action, "person", f"Answered by {said}.", key)
            self._answer(event, answer)
            if tells:
                delivery.reply(event.organizer.address, event.uid, event.mailbox, answer, key)

    def _answer(self, event: MailboxEvent, answer: Answer) -> None:
        delivery, now = self._delivery, self._platform.now()
        is_instance = event.kind in (EventKind.OCCURRENCE, EventKind.EXCEPTION)
        if answer is Answer.DECLINED:
            if is_instance:
                delivery.leave_out(self._book.get(event.mailbox, event.series_id), _original(event))
            else:
                delivery.remove(event)
            return
        show_as = event.show_as if event.show_as == "free" else "busy" if answer is Answer.ACCEPTED else "tentative"
        answered = msgspec.structs.replace(event, answer=answer, answered=now, show_as=show_as)
        if event.kind is EventKind.OCCURRENCE:
            answered = msgspec.structs.replace(answered, kind=EventKind.EXCEPTION)
        if event.kind is EventKind.MASTER:
            for one in self._book.exceptions(event):
                self._book.put(msgspec.structs.replace(one, answer=answer, answered=now, show_as=show_as))
        delivery.write(answered, ChangeKind.UPDATED)

    # -- together ---------------------------------------------------------------------------------------------------------------------

    @contextmanager
    def _changing(self) -> Iterator[Delivery]:
        """Do what the block does in one transaction, then tell it."""
        delivery = self._delivery
        try:
            with self._book.transaction():
                yield delivery
        except BaseException:
            delivery.changes.clear()
            raise
        changes: list[Change] = [*delivery.changes]
        delivery.changes.clear()
        self._feed.tell(changes)

    def _named(self, event: MailboxEvent) -> MailboxEvent:
        """Give attendees without a name that of their mailbox."""
        if all(one.name for one in event.attendees):
            return event
        return msgspec.structs.replace(event, attendees=tuple(self._known(one) for one in event.attendees))

    def _known(self, attendee: Attendee) -> Attendee:
        mailbox = self._mailboxes.get(attendee.address)
        if attendee.name or mailbox is None:
            return attendee
        return msgspec.structs.replace(attendee, name=mailbox.name)


def changed_processing(settings: Processing, changes: Mapping[str, Any]) -> Processing:
    """Return settings with changes; InvalidEvent names a setting or value that there is not."""
    strange = sorted(set(changes) - set(Processing.__struct_fields__))
    if strange:
        raise InvalidEvent(f"{', '.join(strange)} is no setting; there are {', '.join(Processing.__struct_fields__)}")
    named = {_wire_name(name): value for name, value in changes.items()}
    try:
        changed = msgspec.convert({**msgspec.to_builtins(settings), **msgspec.to_builtins(named)}, Processing)
    except msgspec.ValidationError as error:
        raise InvalidEvent(f"processing: {error}") from None
    if not 0 <= changed.booking_window_in_days <= 1080 or not 0 <= changed.conflict_percentage_allowed <= 100:
        raise InvalidEvent("BookingWindowInDays is 0 to 1080, ConflictPercentageAllowed 0 to 100")
    if changed.maximum_duration_in_minutes < 0 or changed.maximum_conflict_instances < 0:
        raise InvalidEvent("MaximumDurationInMinutes and MaximumConflictInstances are not below 0")
    return changed


def _wire_name(field: str) -> str:
    fields: Sequence[str] = Processing.__struct_fields__
    return Processing.__struct_encode_fields__[fields.index(field)]


def _when(event: MailboxEvent) -> tuple[object, ...]:
    return event.wall_start, event.wall_end, event.start, event.end, event.zone, event.is_all_day, event.recurrence


def _unanswered(event: MailboxEvent) -> MailboxEvent:
    """Forget the answers of invitees: a new time is a new question."""
    attendees = tuple(msgspec.structs.replace(one, answer=Answer.NONE, answered=None) for one in event.attendees)
    return msgspec.structs.replace(event, attendees=attendees)


def _original(event: MailboxEvent) -> datetime:
    assert event.original_start is not None, "an instance has an original start"
    return event.original_start
