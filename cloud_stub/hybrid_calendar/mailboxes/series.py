"""The instances of a series: where its rule puts them, and what each looks like."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

import msgspec

from cloud_stub.hybrid_calendar.mailboxes.recurrence import walls
from cloud_stub.hybrid_calendar.mailboxes.zones import span, to_wall
from cloud_stub.platform.mailbox_records import Answer, Attendee, EventKind, MailboxEvent

INSTANCES_MAX: Final = 20_000
"""Instances that a series has: a daily one ends after 54 years, as if its rule said so."""
Slot: TypeAlias = tuple[datetime, datetime, datetime]
"""Where a rule puts an instance: start, end, and start on the wall clock."""
_STAMP: Final = "%Y%m%dT%H%M%SZ"


class Series:
    """Where the rule of a master puts its instances; worked out as far as was asked."""

    __slots__ = ("_keys", "_length", "_starts", "_walls", "_zone", "longest")

    def __init__(self, master: MailboxEvent) -> None:
        assert master.recurrence is not None, "a master has a rule"
        self._zone = master.zone
        first = master.wall_start or to_wall(master.start, master.zone)
        self._length = (master.wall_end or to_wall(master.end, master.zone)) - first
        self._walls: Iterator[datetime] | None = walls(master.recurrence, first)
        self._starts: list[Slot] = []
        self._keys: list[datetime] = []
        self.longest = self._length + timedelta(hours=2)
        """No instance lasts longer, whatever the clock does meanwhile."""

    def until(self, end: datetime) -> list[Slot]:
        """Work out every instance that starts before an instant, and a few more; each as start, end, wall start."""
        while self._walls is not None and (not self._starts or self._starts[-1][0] < end):
            wall = next(self._walls, None)
            if wall is None or len(self._starts) >= INSTANCES_MAX:
                self._walls = None
                break
            start, stop = span(wall, self._length, self._zone)
            self._starts.append((start, stop, wall))
            self._keys.append(start)
        return self._starts

    def between(self, start: datetime, end: datetime) -> Iterator[Slot]:
        """Return the instances that overlap `[start, end)`."""
        starts = self.until(end)
        for at in range(bisect_left(self._keys, start - self.longest), len(starts)):
            slot = starts[at]
            if slot[0] >= end:
                return
            if overlaps(slot[0], slot[1], start, end):
                yield slot

    def at(self, original: datetime) -> Slot | None:
        """Return the instance that the rule puts at an instant, or None."""
        starts = self.until(original + timedelta(seconds=1))
        at = bisect_left(self._keys, original)
        return starts[at] if at < len(starts) and starts[at][0] == original else None

    @property
    def wall_length(self) -> timedelta:
        """How long an instance lasts on the wall clock."""
        return self._length


def overlaps(start: datetime, end: datetime, begin: datetime, stop: datetime) -> bool:
    """Say whether `[start, end)` meets `[begin, stop)`; what has no length counts where it begins."""
    return start < stop and (end > begin or (start == end and start >= begin))


def is_endless(event: MailboxEvent) -> bool:
    """Say whether a master's rule never ends."""
    return event.recurrence is not None and not event.recurrence.count and event.recurrence.ends is None


def instance_id(master_id: str, original: datetime) -> str:
    """Return the id of an instance: that of its master and where the rule puts it."""
    return f"{master_id}.{original:{_STAMP}}"


def parse_instance_id(event_id: str) -> tuple[str, datetime] | None:
    """Return master's id and original start of an instance's id, None if it is not one."""
    master_id, dot, stamp = event_id.rpartition(".")
    if not dot or len(stamp) != 16:
        return None
    try:
        return master_id, datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def key_of(original: datetime) -> str:
    """Return the key of an instance in `instance_answers`."""
    return f"{original:{_STAMP}}"


def occurrence(master: MailboxEvent, slot: Slot) -> MailboxEvent:
    """Make the instance that a rule puts somewhere."""
    start, end, wall = slot
    first = master.wall_start or to_wall(master.start, master.zone)
    answers = master.instance_answers.get(key_of(start), {})
    own = answers.get(master.mailbox)
    is_cancelled = master.is_cancelled or start in master.cancelled
    return msgspec.structs.replace(
        master,
        id=instance_id(master.id, start),
        kind=EventKind.OCCURRENCE,
        start=start,
        end=end,
        wall_start=wall,
        wall_end=wall + ((master.wall_end or first) - first),
        recurrence=None,
        series_id=master.id,
        original_start=start,
        original_day=wall.date(),
        attendees=tuple(_answered(one, answers) for one in master.attendees) if answers else master.attendees,
        answer=own if own is not None else master.answer,
        is_cancelled=is_cancelled,
        show_as="free" if is_cancelled else master.show_as,
        cancelled=(),
        absent=(),
        until=None,
        instance_answers={},
    )


def _answered(attendee: Attendee, answers: dict[str, Answer]) -> Attendee:
    answer = answers.get(attendee.address)
    return attendee if answer is None else msgspec.structs.replace(attendee, answer=answer)
