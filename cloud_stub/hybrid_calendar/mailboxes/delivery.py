"""The way of a meeting from its organizer to the invitees, and of their answers back.

The organizer's copy leads: after each change of it every invitee is sent what is new to it (`projection`), mailboxes that process requests
by themselves decide (`processing`), and answers are written on the organizer's copy. Source: protocol/calendar-and-obtp.md 8, 13.2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from cloud_stub.hybrid_calendar.mailboxes.book import Book
from cloud_stub.hybrid_calendar.mailboxes.drafts import CONTENT_FIELDS, SERIES_FIELDS, all_day_in, kind_of
from cloud_stub.hybrid_calendar.mailboxes.feed import Change, ChangeKind
from cloud_stub.hybrid_calendar.mailboxes.processing import (
    Action,
    Decision,
    Request,
    Slot,
    content_for,
    process_request,
    window_end,
)
from cloud_stub.hybrid_calendar.mailboxes.projection import Key, Message, View, messages, project
from cloud_stub.hybrid_calendar.mailboxes.series import Series, instance_id, is_endless, key_of
from cloud_stub.platform.context import Platform
from cloud_stub.platform.mailbox_records import (
    Answer,
    Automation,
    EventKind,
    Mailbox,
    MailboxEvent,
    MailboxKind,
    RoomDecision,
)

WHO: Final = "cloud:mailboxes"
CANCELLED: Final = "Canceled: "
DECISIONS_TABLE: Final = "room decisions"
ANSWERS: Final[Mapping[Action, Answer]] = {
    Action.ACCEPT: Answer.ACCEPTED,
    Action.DECLINE: Answer.DECLINED,
    Action.TENTATIVE: Answer.NOT_RESPONDED,
}


class Delivery:
    """Carries requests, cancellations and answers between mailboxes, in the transaction of whoever calls."""

    def __init__(self, platform: Platform, book: Book) -> None:
        self._platform = platform
        self._book = book
        self._mailboxes = platform.store[Mailbox]
        self._decisions = platform.store[RoomDecision]
        self.changes: list[Change] = []
        """What changed since they were last taken."""
        self.dropped = 0
        """Decisions that were forgotten because the table of them was full."""

    # -- writing, and saying so -------------------------------------------------------------------------------------------------------

    def write(self, event: MailboxEvent, kind: ChangeKind) -> MailboxEvent:
        """Keep an event and note the change."""
        event = msgspec.structs.replace(event, modified=self._platform.now(), revision=event.revision + 1)
        self._book.put(event)
        self.note(event, kind)
        return event

    def remove(self, event: MailboxEvent) -> None:
        """Drop an event, of a series with its exceptions, and note the change."""
        if event.kind is EventKind.MASTER:
            for one in self._book.exceptions(event):
                self._book.drop(one.id)
        self._book.drop(event.id)
        self.note(event, ChangeKind.DELETED)

    def note(self, event: MailboxEvent, kind: ChangeKind) -> None:
        """Note a change of an event that need not be kept: an instance."""
        self.changes.append(Change(event.mailbox, event.id, kind, event.uid, event.series_id))

    # -- out --------------------------------------------------------------------------------------------------------------------------

    def send(self, before: Sequence[MailboxEvent], after: Sequence[MailboxEvent]) -> None:
        """Send invitees what is new between two states of the organizer's copy."""
        known = [*before, *after]
        if not known:
            return
        organizer = known[0].mailbox
        addresses = dict.fromkeys(one.address for event in known for one in event.attendees)
        for address in addresses:
            mailbox = self._mailboxes.get(address)
            if address == organizer or mailbox is None or mailbox.kind is MailboxKind.EXTERNAL:
                continue
            view = project(after, address)
            for message in messages(project(before, address), view):
                self._deliver(mailbox, message, view)

    def _deliver(self, mailbox: Mailbox, message: Message, view: View) -> None:
        event = message.event
        sort = "cancel" if message.is_cancel else "update" if message.is_update else "create"
        data = {"mailbox": mailbox.address, "organizer": event.organizer.address, "uid": event.uid, "request": sort}
        data |= {"instance": key_of(message.key)} if message.key is not None else {}
        self._platform.trace.event(WHO, "mailbox.request", id=event.uid, data=data)
        if message.is_cancel:
            self._cancel(mailbox, message)
        elif message.is_new_time or self._is_unanswered(mailbox, message):
            self._decide(mailbox, message, view)
        else:
            self._rewrite(mailbox, message)

    def _is_unanswered(self, mailbox: Mailbox, message: Message) -> bool:
        """Say whether an update is looked at like a new request: by a mailbox that has no copy of it, having declined."""
        return self._copy(mailbox, message.event.uid, message.key) is None and (
            message.key is None or self._copy(mailbox, message.event.uid, None) is None
        )

    # -- in: decisions ----------------------------------------------------------------------------------------------------------------

    def _decide(self, mailbox: Mailbox, message: Message, view: View) -> None:
        decision = self._decision(mailbox, message, view)
        self._remember(mailbox, message.event, decision, message.key)
        event, key = message.event, message.key
        match decision.action:
            case Action.ACCEPT | Action.TENTATIVE:
                self._put_copy(mailbox, message, decision, view)
            case Action.DECLINE:
                self._take_off(mailbox, event.uid, key)
            case _:
                return
        if decision.action in (Action.ACCEPT, Action.DECLINE):
            self.reply(event.organizer.address, event.uid, mailbox.address, ANSWERS[decision.action], key)
            for original in decision.declined:
                self.reply(event.organizer.address, event.uid, mailbox.address, Answer.DECLINED, original)

    def _decision(self, mailbox: Mailbox, message: Message, view: View) -> Decision:
        platform, event = self._platform, message.event
        fault = platform.faults.hit("mailbox", step="decision", mailbox=mailbox.address, kind=mailbox.kind.value)
        if fault is not None and fault.do == "never":
            return Decision(Action.NONE, "forced", "A fault: the mailbox never answers.")
        if fault is not None and fault.do == "decline":
            return Decision(Action.DECLINE, "forced", "A fault: the mailbox declines everything.")
        now = platform.now()
        request = self._request(mailbox, event, view, window_end(mailbox.processing, now, mailbox.zone))

        def busy(start: datetime, end: datetime) -> bool:
            return self._book.is_busy(mailbox.address, start, end, event.uid, message.key)

        return process_request(request, mailbox.processing, mailbox.automation, busy, now, mailbox.zone)

    def _request(self, mailbox: Mailbox, event: MailboxEvent, view: View, end: datetime) -> Request:
        organizer = self._mailboxes.get(event.organizer.address)
        is_external = organizer is None or organizer.kind is MailboxKind.EXTERNAL
        wall = (event.wall_start or event.start, event.wall_end or event.end)
        nominal = wall[1] - wall[0] if event.is_all_day or event.kind is EventKind.MASTER else event.length
        if event.kind is not EventKind.MASTER:
            local = msgspec.structs.replace(event, **_times_in(event, mailbox.zone))
            return Request([(local.start, local.end)], local.start, nominal, is_external=is_external)
        series = Series(event)
        rows = series.until(end)
        last = None if is_endless(event) else rows[-1][0]
        gone = {*event.cancelled, *(key for key in view if key is not None)}
        slots: list[Slot] = [
            (start, stop) for start, stop, _ in rows if start not in gone and (last is not None or start < end)
        ]
        slots += [(one.start, one.end) for key, one in view.items() if key is not None]
        return Request(sorted(slots), last, nominal, is_series=True, is_external=is_external)

    def _remember(self, mailbox: Mailbox, event: MailboxEvent, decision: Decision, key: Key) -> None:
        """Keep a decision for whoever asks why, and trace it."""
        self.record_decision(
            mailbox.address, event, str(decision.action), decision.reason, decision.detail, key, decision.declined
        )

    def record_decision(
        self,
        mailbox: str,
        event: MailboxEvent,
        action: str,
        reason: str,
        detail: str,
        key: Key,
        instances: tuple[datetime, ...] = (),
    ) -> None:
        """Keep what a mailbox, or a person for it, did with a request; the oldest decision leaves when there are too many."""
        part = f"/{key_of(key)}" if key is not None else ""
        record = RoomDecision(
            id=f"{mailbox}/{event.uid}{part}", mailbox=mailbox, uid=event.uid, organizer=event.organizer.address, start=event.start,
            action=action, reason=reason, detail=detail, instances=instances, at=self._platform.now(),
        )  # fmt: skip
        table = self._decisions
        if record.id not in table and len(table) >= table.limit:
            oldest = table.first()
            assert oldest is not None, "a full table has a first row"
            table.drop(oldest.id)
            self.dropped += 1
        table.put(record)
        data: dict[str, Any] = {"mailbox": mailbox, "uid": event.uid, "action": action}
        data |= {name: value for name, value in (("reason", reason), ("detail", detail)) if value}
        data |= {"instance": key_of(key)} if key is not None else {}
        data |= {"declined": [key_of(one) for one in instances]} if instances else {}
        self._platform.trace.event(WHO, "mailbox.decision", id=event.uid, data=data)

    # -- in: copies -------------------------------------------------------------------------------------------------------------------

    def _copy(self, mailbox: Mailbox, uid: str, key: Key) -> MailboxEvent | None:
        """Return a mailbox's copy of a meeting, or of the one instance of it that it keeps by itself."""
        kept = self._book.meeting(mailbox.address, uid)
        if key is None:
            return next(
                (one for one in kept if one.kind is not EventKind.EXCEPTION and one.original_start is None), None
            )
        return next((one for one in kept if one.original_start == key), None)

    def _put_copy(self, mailbox: Mailbox, message: Message, decision: Decision, view: View) -> None:
        """Write the copy of a meeting that is on the calendar from here on: accepted, or waiting for an answer."""
        event, key = message.event, message.key
        if key is None:
            for lone in self._book.meeting(mailbox.address, event.uid):
                if (
                    lone.original_start is not None
                ):  # instances that it knew alone, or as they were before the series moved
                    self._book.drop(lone.id)
                    if lone.kind is EventKind.SINGLE:
                        self.note(lone, ChangeKind.DELETED)
        root = self._copy(mailbox, event.uid, None)
        answer = ANSWERS[decision.action]
        show_as = "tentative" if decision.action is Action.TENTATIVE and event.show_as != "free" else event.show_as
        fields = {
            **self._content(mailbox, event),
            "answer": answer,
            "answered": self._platform.now(),
            "show_as": show_as,
        }
        if key is None:
            fields |= {
                "kind": kind_of(event.recurrence), "recurrence": event.recurrence, "cancelled": event.cancelled,
                "absent": decision.declined,
                "until": decision.until, "instance_answers": {}, "is_cancelled": False,
                "shows_cancelled": not mailbox.processing.remove_canceled_meetings,
            }  # fmt: skip
            copy = self._write_copy(mailbox, event, root, fields)
            for original, one in view.items():
                if original is not None and original not in decision.declined:
                    self._put_instance(mailbox, copy, original, one, answer, quiet=True)
        elif root is not None and root.kind is EventKind.MASTER:
            self._put_instance(mailbox, root, key, event, answer)
        else:
            fields |= {"kind": EventKind.SINGLE, "original_start": key, "original_day": event.original_day}
            self._write_copy(mailbox, event, self._copy(mailbox, event.uid, key), fields)

    def _write_copy(
        self, mailbox: Mailbox, event: MailboxEvent, before: MailboxEvent | None, fields: dict[str, Any]
    ) -> MailboxEvent:
        if before is not None:
            return self.write(msgspec.structs.replace(before, **fields), ChangeKind.UPDATED)
        now = self._platform.now()
        made = MailboxEvent(
            id=self.new_event_id(mailbox.address), mailbox=mailbox.address, uid=event.uid, organizer=event.organizer, created=now,
            modified=now, revision=0, **fields,
        )  # fmt: skip
        return self.write(made, ChangeKind.CREATED)

    def _put_instance(
        self,
        mailbox: Mailbox,
        master: MailboxEvent,
        key: datetime,
        event: MailboxEvent,
        answer: Answer,
        *,
        quiet: bool = False,
    ) -> None:
        """Write an instance of a copied series that differs from it."""
        was_hidden = key in master.absent or key in master.cancelled
        if was_hidden:
            rest = {name: tuple(one for one in getattr(master, name) if one != key) for name in ("absent", "cancelled")}
            master = msgspec.structs.replace(master, **rest)
            self._book.put(master)
        fields = {**self._content(mailbox, event), "answer": answer, "changed": event.changed, "is_cancelled": False}
        before = next((one for one in self._book.exceptions(master) if one.original_start == key), None)
        exception = msgspec.structs.replace(
            before or master,
            id=instance_id(master.id, key), kind=EventKind.EXCEPTION, series_id=master.id, original_start=key,
            original_day=event.original_day, recurrence=None, cancelled=(), absent=(), until=None, instance_answers={}, **fields,
        )  # fmt: skip
        if quiet:
            self._book.put(exception)
        else:
            self.write(exception, ChangeKind.CREATED if was_hidden else ChangeKind.UPDATED)

    def _rewrite(self, mailbox: Mailbox, message: Message) -> None:
        """Take over texts and the like; what was answered stays."""
        event, key = message.event, message.key
        root = self._copy(mailbox, event.uid, None)
        before = self._copy(mailbox, event.uid, key)
        if before is None and key is not None and root is not None and root.kind is EventKind.MASTER:
            if key not in root.absent:
                self._put_instance(mailbox, root, key, event, root.answer)
            return
        if before is None:
            return
        fields = self._content(mailbox, event)
        if before.answer is Answer.NOT_RESPONDED and event.show_as != "free":
            fields["show_as"] = "tentative"
        if before.kind is EventKind.EXCEPTION:
            fields["changed"] = event.changed
        if before.kind is EventKind.MASTER:
            self._rewrite_instances(before, fields)
        self.write(msgspec.structs.replace(before, **fields), ChangeKind.UPDATED)

    def _rewrite_instances(self, master: MailboxEvent, fields: Mapping[str, Any]) -> None:
        """Let new texts of a series reach its instances, also those that differ only in what was answered."""
        for one in self._book.exceptions(master):
            theirs = {
                name: value
                for name, value in fields.items()
                if name not in SERIES_FIELDS and name not in (*one.changed, "show_as")
            }
            self._book.put(msgspec.structs.replace(one, **theirs))

    def _content(self, mailbox: Mailbox, event: MailboxEvent) -> dict[str, Any]:
        """Return what a copy takes over, as the mailbox writes it."""
        fields = {name: getattr(event, name) for name in CONTENT_FIELDS}
        fields |= _times_in(event, mailbox.zone)
        fields["attendees"] = tuple(
            msgspec.structs.replace(one, answer=Answer.NONE, answered=None) for one in event.attendees
        )
        if mailbox.automation is Automation.AUTO_ACCEPT:
            settings = mailbox.processing
            if self._platform.faults.hit("mailbox", step="content", mailbox=mailbox.address) is not None:
                settings = msgspec.structs.replace(settings, delete_comments=True)
            fields |= content_for(event, settings)
        return fields

    # -- in: cancellations ------------------------------------------------------------------------------------------------------------

    def _cancel(self, mailbox: Mailbox, message: Message) -> None:
        """Take a meeting, or an instance, off the calendar: gone, or left there marked. Source: 8.2 RemoveCanceledMeetings."""
        key, uid = message.key, message.event.uid
        root, copy = self._copy(mailbox, uid, None), self._copy(mailbox, uid, key)
        if key is not None and root is not None and root.kind is EventKind.MASTER:
            self._cancel_instance(root, key)
        elif copy is None:
            return
        elif mailbox.processing.remove_canceled_meetings:
            self.remove(copy)
        else:
            for one in self._book.exceptions(copy) if copy.kind is EventKind.MASTER else ():
                self._book.put(self._marked(one))
            self.write(self._marked(copy), ChangeKind.UPDATED)

    def _cancel_instance(self, master: MailboxEvent, key: datetime) -> None:
        if key in master.absent:
            return
        self._book.drop(instance_id(master.id, key))
        master = msgspec.structs.replace(master, cancelled=tuple(sorted({*master.cancelled, key})))
        self._book.put(master)
        kind = ChangeKind.UPDATED if master.shows_cancelled else ChangeKind.DELETED
        self.changes.append(Change(master.mailbox, instance_id(master.id, key), kind, master.uid, master.id))

    @staticmethod
    def _marked(event: MailboxEvent) -> MailboxEvent:
        subject = event.subject if event.subject.startswith(CANCELLED) else CANCELLED + event.subject
        return msgspec.structs.replace(event, is_cancelled=True, show_as="free", subject=subject)

    def _take_off(self, mailbox: Mailbox, uid: str, key: Key) -> None:
        """Remove what was declined from a calendar."""
        if key is None:
            for one in self._book.meeting(mailbox.address, uid):
                if one.kind is not EventKind.EXCEPTION:
                    self.remove(one)
            return
        root, copy = self._copy(mailbox, uid, None), self._copy(mailbox, uid, key)
        if root is not None and root.kind is EventKind.MASTER:
            self.leave_out(root, key)
        elif copy is not None:
            self.remove(copy)

    def leave_out(self, master: MailboxEvent, key: datetime) -> None:
        """Take one instance of a series off one calendar, and note that it is gone."""
        self._book.drop(instance_id(master.id, key))
        self._book.put(msgspec.structs.replace(master, absent=tuple(sorted({*master.absent, key}))))
        self.changes.append(
            Change(master.mailbox, instance_id(master.id, key), ChangeKind.DELETED, master.uid, master.id)
        )

    # -- back -------------------------------------------------------------------------------------------------------------------------

    def reply(self, organizer: str, uid: str, address: str, answer: Answer, key: Key) -> None:
        """Write an answer on the organizer's copy."""
        data = {"organizer": organizer, "attendee": address, "uid": uid, "answer": answer.value}
        data |= {"instance": key_of(key)} if key is not None else {}
        self._platform.trace.event(WHO, "mailbox.answer", id=uid, data=data)
        records = self._book.meeting(organizer, uid)
        root = next((one for one in records if one.kind is not EventKind.EXCEPTION), None)
        if root is None or not root.is_organizer:
            return
        if key is None:
            for one in records:
                told = self._answered(one, address, answer)
                if one is root:
                    told = _without_instances_of(told, address)
                if told is not one:
                    self._write_if(one is root, told)
            return
        exception = next((one for one in records if one.original_start == key), None)
        if exception is not None:
            self.write(self._answered(exception, address, answer), ChangeKind.UPDATED)
        elif root.kind is EventKind.MASTER:
            answers = {**root.instance_answers}
            answers[key_of(key)] = {**answers.get(key_of(key), {}), address: answer}
            self._book.put(msgspec.structs.replace(root, instance_answers=answers))
            self.changes.append(Change(organizer, instance_id(root.id, key), ChangeKind.UPDATED, uid, root.id))

    def _write_if(self, is_told: bool, event: MailboxEvent) -> None:
        if is_told:
            self.write(event, ChangeKind.UPDATED)
        else:
            self._book.put(event)

    def _answered(self, event: MailboxEvent, address: str, answer: Answer) -> MailboxEvent:
        if event.attendee(address) is None:
            return event
        now = self._platform.now()
        attendees = tuple(
            msgspec.structs.replace(one, answer=answer, answered=now) if one.address == address else one
            for one in event.attendees
        )
        return msgspec.structs.replace(event, attendees=attendees)

    def new_event_id(self, mailbox: str) -> str:
        """Draw the id of the next event of a mailbox."""
        return "AAMk" + self._platform.new_id("mailbox event", mailbox).replace("-", "")


def _times_in(event: MailboxEvent, zone: str) -> dict[str, Any]:
    """Return the times of an event that differ in a mailbox of another zone: a single day lasts from midnight to midnight there.

    The days of a series stay where its organizer has them: their originalStart is the same everywhere.
    """
    is_day = event.is_all_day and event.kind is EventKind.SINGLE and event.original_start is None
    return all_day_in(event, zone) if is_day else {}


def _without_instances_of(event: MailboxEvent, address: str) -> MailboxEvent:
    """Forget what somebody answered for single instances: the answer for the series is newer."""
    if not any(address in answers for answers in event.instance_answers.values()):
        return event
    kept = {
        key: {one: answer for one, answer in answers.items() if one != address}
        for key, answers in event.instance_answers.items()
    }
    return msgspec.structs.replace(event, instance_answers={key: answers for key, answers in kept.items() if answers})
