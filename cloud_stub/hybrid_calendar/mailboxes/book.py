"""The events of every mailbox, by id and by time."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from cloud_stub.hybrid_calendar.mailboxes.errors import UnknownEvent
from cloud_stub.hybrid_calendar.mailboxes.series import Series, Slot, occurrence, overlaps, parse_instance_id
from cloud_stub.platform.mailbox_records import EventKind, MailboxEvent
from cloud_stub.platform.store import Store


class _Index:
    """The events of one mailbox by time: single ones and exceptions in order of start, masters with their instances."""

    def __init__(self) -> None:
        self.times: list[tuple[datetime, str]] = []
        self.masters: dict[str, Series] = {}
        self.exceptions: dict[str, dict[datetime, str]] = {}
        self.longest = timedelta(0)

    def add(self, event: MailboxEvent) -> None:
        if event.kind is EventKind.MASTER:
            self.masters[event.id] = Series(event)
            return
        insort(self.times, (event.start, event.id))
        self.longest = max(self.longest, event.length)
        if event.kind is EventKind.EXCEPTION and event.original_start is not None:
            self.exceptions.setdefault(event.series_id, {})[event.original_start] = event.id

    def remove(self, event: MailboxEvent) -> None:
        if self.masters.pop(event.id, None) is not None:
            return
        at = bisect_left(self.times, (event.start, event.id))
        if at < len(self.times) and self.times[at] == (event.start, event.id):
            del self.times[at]
        if event.kind is EventKind.EXCEPTION and event.original_start is not None:
            self.exceptions.get(event.series_id, {}).pop(event.original_start, None)


class Book:
    """Events of all mailboxes. Every write goes through it, so that the index by time is always right."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._table = store[MailboxEvent]
        self._indexes: dict[str, _Index] = {}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Let the writes of the block happen together or not at all."""
        try:
            with self._store.transaction():
                yield
        except BaseException:
            self._indexes.clear()  # they are made anew from what the tables hold
            raise

    # -- writing ----------------------------------------------------------------------------------------------------------------------

    def put(self, event: MailboxEvent) -> MailboxEvent:
        """Add an event or replace it.

        Raises:
            BoundHit: the table is full.
        """
        index = self._index(event.mailbox)
        before = self._table.get(event.id)
        self._table.put(event)
        if before is not None:
            if before.kind is event.kind is EventKind.MASTER and _rule(before) == _rule(event):
                return event  # its instances are where they were
            index.remove(before)
        index.add(event)
        return event

    def drop(self, event_id: str) -> MailboxEvent | None:
        """Remove an event."""
        event = self._table.drop(event_id)
        if event is not None:
            self._index(event.mailbox).remove(event)
        return event

    # -- reading ----------------------------------------------------------------------------------------------------------------------

    def kept(self, mailbox: str) -> list[MailboxEvent]:
        """Return what is kept of a mailbox: single events, masters, exceptions."""
        return self._table.where("mailbox", mailbox)

    def meeting(self, mailbox: str, uid: str) -> list[MailboxEvent]:
        """Return what a mailbox keeps of a meeting."""
        return [event for event in self._table.where("uid", uid) if event.mailbox == mailbox]

    def copies(self, uid: str) -> list[MailboxEvent]:
        """Return what all mailboxes keep of a meeting."""
        return self._table.where("uid", uid)

    def exceptions(self, master: MailboxEvent) -> list[MailboxEvent]:
        """Return the instances of a series that differ from it."""
        return self._table.where("series_id", master.id)

    def get(self, mailbox: str, event_id: str) -> MailboxEvent:
        """Return an event, also an instance of a series.

        Raises:
            UnknownEvent: the mailbox has none of that id.
        """
        event = self._table.get(event_id) or self._instance(event_id)
        if event is None or event.mailbox != mailbox:
            raise UnknownEvent
        return event

    def _instance(self, event_id: str) -> MailboxEvent | None:
        named = parse_instance_id(event_id)
        master = self._table.get(named[0]) if named is not None else None
        if named is None or master is None or master.kind is not EventKind.MASTER:
            return None
        slot = self._index(master.mailbox).masters[master.id].at(named[1])
        return occurrence(master, slot) if slot is not None and _has(master, slot[0]) else None

    def series(self, master: MailboxEvent) -> Series:
        """Return where the rule of a kept master puts its instances."""
        return self._index(master.mailbox).masters[master.id]

    def instances(self, master: MailboxEvent, start: datetime, end: datetime) -> list[MailboxEvent]:
        """Return the instances of a series that overlap `[start, end)`, moved ones where they are now, in order of start."""
        own = self._index(master.mailbox).exceptions.get(master.id, {})
        found = [
            occurrence(master, slot)
            for slot in self.series(master).between(start, end)
            if slot[0] not in own and _has(master, slot[0])
        ]
        for event_id in own.values():
            event = self._table.get(event_id)
            if event is not None and overlaps(event.start, event.end, start, end):
                found.append(event)
        return sorted(found, key=_order)

    def occurrences(self, mailbox: str, start: datetime, end: datetime) -> list[MailboxEvent]:
        """Return what overlaps `[start, end)`, series as their instances, in order of start."""
        return sorted(self._overlapping(mailbox, start, end), key=_order)

    def _overlapping(self, mailbox: str, start: datetime, end: datetime) -> Iterator[MailboxEvent]:
        index = self._index(mailbox)
        yield from self._kept_overlapping(index, start, end)
        for master, slot in self._slots(index, start, end):
            yield occurrence(master, slot)

    def _kept_overlapping(self, index: _Index, start: datetime, end: datetime) -> Iterator[MailboxEvent]:
        for at in range(_from(index, start), len(index.times)):
            if index.times[at][0] >= end:
                break
            event = self._table.get(index.times[at][1])
            assert event is not None, "the index follows the table"
            if overlaps(event.start, event.end, start, end):
                yield event

    def _slots(self, index: _Index, start: datetime, end: datetime) -> Iterator[tuple[MailboxEvent, Slot]]:
        """Return where rules put instances that do not differ from their series."""
        for master_id, series in index.masters.items():
            slots = series.between(start, end)
            first = next(slots, None)
            if first is None:
                continue
            master = self._table.get(master_id)
            assert master is not None, "the index follows the table"
            own = index.exceptions.get(master_id, {})
            for slot in (first, *slots):
                if slot[0] not in own and _has(master, slot[0]):
                    yield master, slot

    def is_busy(self, mailbox: str, start: datetime, end: datetime, uid: str = "", key: datetime | None = None) -> bool:
        """Say whether something that is not free overlaps `[start, end)`; back to back does not.

        Args:
            uid: of the meeting that is looked at, which never is in its own way.
            key: original start of the instance that is looked at: the others of its series may be in its way.
        """
        index = self._index(mailbox)
        for event in self._kept_overlapping(index, start, end):
            if _blocks(event) and (event.uid != uid or (key is not None and event.original_start != key)):
                return True
        for master, slot in self._slots(index, start, end):
            if (
                _blocks(master)
                and slot[0] not in master.cancelled
                and (master.uid != uid or (key is not None and slot[0] != key))
            ):
                return True
        return False

    def _index(self, mailbox: str) -> _Index:
        index = self._indexes.get(mailbox)
        if index is None:
            index = self._indexes[mailbox] = _Index()
            for event in self._table.where("mailbox", mailbox):
                index.add(event)
        return index


def _from(index: _Index, start: datetime) -> int:
    try:
        earliest = start - index.longest
    except OverflowError:
        return 0
    return bisect_left(index.times, (earliest, ""))


def _blocks(event: MailboxEvent) -> bool:
    return event.show_as != "free" and not event.is_cancelled


def _order(event: MailboxEvent) -> tuple[datetime, str]:
    return event.start, event.id


def _rule(master: MailboxEvent) -> tuple[object, ...]:
    return master.recurrence, master.wall_start, master.wall_end, master.start, master.end, master.zone


def _has(master: MailboxEvent, original: datetime) -> bool:
    """Say whether an instance that the rule gives is on the calendar."""
    if original in master.absent or (master.until is not None and original > master.until):
        return False
    return original not in master.cancelled or master.shows_cancelled
