"""What the organizer's copy means for one invitee: pure. Two projections, before and after a change, give the messages between.

The organizer's records of a meeting are one single event or master, and the exceptions of it. An invitee may be invited to the whole
meeting, or to some of its instances only; the latter are single events to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import msgspec

from cloud_stub.hybrid_calendar.mailboxes.drafts import CONTENT_FIELDS, SERIES_FIELDS
from cloud_stub.platform.mailbox_records import EventKind, MailboxEvent

Key: TypeAlias = datetime | None
"""None for the meeting as a whole, else the original start of an instance."""
View: TypeAlias = Mapping[Key, MailboxEvent]


@dataclass(frozen=True, slots=True)
class Message:
    """What an invitee is sent: an event as the organizer has it, or a cancellation.

    `is_new_time`: it has to be answered anew, because it is new or says when.
    """

    key: Key
    event: MailboxEvent
    is_cancel: bool = False
    is_new_time: bool = True
    is_update: bool = False


def project(records: Sequence[MailboxEvent], address: str) -> View:
    """Return what an invitee of an address is to see: the meeting under None, instances that differ under their original start."""
    root = next((record for record in records if record.kind is not EventKind.EXCEPTION), None)
    if root is None:
        return {}
    exceptions = {record.original_start: record for record in records if record.kind is EventKind.EXCEPTION}
    seen = {key: record for key, record in exceptions.items() if record.attendee(address) is not None}
    if root.attendee(address) is None:
        return {
            key: msgspec.structs.replace(record, kind=EventKind.SINGLE, series_id="", changed=())
            for key, record in seen.items()
        }
    hidden = (key for key in exceptions if key is not None and key not in seen)
    cancelled = tuple(sorted({*root.cancelled, *hidden}))
    return {None: msgspec.structs.replace(root, cancelled=cancelled), **seen}


def messages(before: View, after: View) -> list[Message]:
    """Return what has to be sent so that an invitee who saw `before` sees `after`."""
    sent: list[Message] = []
    was, now = before.get(None), after.get(None)
    if was is not None and now is None:
        sent.append(Message(None, was, is_cancel=True))
        before = {}
    if now is not None and (was is None or _says_when(was) != _says_when(now)):
        return [*sent, Message(None, now, is_update=was is not None)]
    if was is not None and now is not None:
        if _content(was) != _content(now):
            sent.append(Message(None, now, is_new_time=False, is_update=True))
        gone = [key for key in now.cancelled if key not in was.cancelled]
        sent += [Message(key, before.get(key, was), is_cancel=True) for key in gone]
    else:
        sent += [Message(key, before[key], is_cancel=True) for key in before if key is not None and key not in after]
    for key, event in after.items():
        old = before.get(key)
        if key is not None and (old is None or _content(old) != _content(event)):
            moved = old is None or _says_when(old) != _says_when(event)
            if old is None and was is not None and event.changed and not SERIES_FIELDS & set(event.changed):
                moved = key in was.cancelled
            sent.append(Message(key, event, is_new_time=moved, is_update=old is not None or now is not None))
    return sent


def _says_when(event: MailboxEvent) -> tuple[object, ...]:
    return event.start, event.end, event.zone, event.is_all_day, event.recurrence


def _content(event: MailboxEvent) -> tuple[object, ...]:
    listed = tuple((one.address, one.name, one.type) for one in event.attendees)  # answers of others are no news
    return (listed, *(getattr(event, name) for name in CONTENT_FIELDS if name != "attendees"))
