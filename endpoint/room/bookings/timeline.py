"""The clock of all bookings of one device: one timer, for whatever is due next; none while nothing is due.

Source: protocol/calendar-and-obtp.md 10.1.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final, Protocol

from endpoint.room.bookings.booking import Booking
from endpoint.room.bookings.marks import Mark, Rank, Rules, before, next_mark
from endpoint.room.bookings.timeline_table import TABLE, Left, State, place
from endpoint.runtime.clock import Clock, Timer
from endpoint.runtime.statetable import Machine

STALE_MAX: Final = 64
"""Entries of the heap whose booking has moved or gone; more than these and than there are bookings, and it is cleared out."""


class Watcher(Protocol):
    """Who is told what is due."""

    def effect(self, booking: Booking, effect: object) -> None:
        """Carry out an effect of the table."""

    def machine_changed(self, booking: Booking, before: State, event: object, after: State) -> None:
        """Take note that a booking stands somewhere else."""

    def auto_join_due(self, booking: Booking) -> None:
        """Take note that it is time to join by itself, and that the booking has not begun."""

    def settled(self) -> None:
        """Take note that all that was due is done, or that bookings have changed."""


class _Entry:
    """A booking on the time line. `turn` tells its heap entry from those that it has left behind; `due` is what that one is about."""

    __slots__ = ("booking", "due", "machine", "turn")

    def __init__(self, booking: Booking) -> None:
        self.booking = booking
        self.machine: Machine[State] = Machine(TABLE)
        self.turn = 0
        self.due: Mark | None = None


class Timeline:
    """Tell in order what is due."""

    __slots__ = (
        "_clock", "_entries", "_fires", "_heap", "_is_firing", "_is_held", "_is_on", "_rules", "_running", "_timer", "_turns", "_wakes",
        "_watcher",
    )  # fmt: skip

    def __init__(self, clock: Clock, watcher: Watcher, rules: Callable[[], Rules]) -> None:
        self._clock = clock
        self._watcher = watcher
        self._rules = rules
        self._entries: dict[int, _Entry] = {}
        self._heap: list[tuple[datetime, int, int, int, int]] = []
        """Instant, rank, Meeting number, seconds, turn."""
        self._running: dict[int, Booking] = {}
        self._wakes: set[datetime] = set()
        self._turns = 0
        self._timer: Timer | None = None
        self._fires: datetime | None = None
        self._is_on = False
        self._is_firing = False
        self._is_held = False

    # what others ask

    @property
    def running(self) -> list[Booking]:
        """The bookings that have begun and not ended, by start and Meeting number."""
        return sorted(self._running.values(), key=lambda booking: booking.order)

    @property
    def current(self) -> Booking | None:
        """The booking of `Bookings Current Id`: of those that run the one that began first, then the lower Meeting number."""
        return min(self._running.values(), key=lambda booking: booking.order, default=None)

    def state(self, number: int) -> State | None:
        """Return where a booking stands."""
        entry = self._entries.get(number)
        return None if entry is None else entry.machine.state

    @property
    def waits_until(self) -> datetime | None:
        """When the timer fires; None while there is none."""
        return self._fires

    # power

    def start(self) -> None:
        """Begin to watch the clock: the device is up."""
        self._is_on = True
        self.replace_all()

    def stop(self) -> None:
        """Watch the clock no more, and forget all bookings."""
        self._is_on = False
        self._cancel()
        self._entries.clear()
        self._running.clear()
        self._heap.clear()
        self._wakes.clear()

    # changes

    def put(self, booking: Booking) -> None:
        """Take a booking that is new or has changed, and tell what follows at once."""
        entry = self._entries.get(booking.number)
        if entry is None:
            entry = self._entries[booking.number] = _Entry(booking)
        entry.booking = booking
        if booking.number in self._running:
            self._running[booking.number] = booking
        if self._is_on:
            self._place(entry, self._clock.now())
            self._settle()

    def drop(self, number: int) -> None:
        """Forget a booking; nothing is told of it any more."""
        if self._entries.pop(number, None) is not None:
            self._running.pop(number, None)
            if self._is_on:
                self._settle()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make what is changed in the block one change: what follows is settled once, at its end; blocks inside it join it."""
        if self._is_held:
            yield
            return
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
            if self._is_on:
                self._settle()

    def replace_all(self) -> None:
        """Place every booking anew: the clock has jumped, or other rules hold."""
        if not self._is_on:
            return
        self._cancel()  # it waits for an instant of a clock that may be another one now
        self._heap.clear()
        self._wakes.clear()
        now = self._clock.now()
        ends_first = sorted(self._entries.values(), key=lambda entry: (entry.booking.ends > now, entry.booking.order))
        for entry in ends_first:
            if self._entries.get(entry.booking.number) is entry:  # whoever was told may have dropped it
                self._place(entry, now)
        self._settle()

    def look(self) -> None:
        """Look at the screen now: something on it was pressed or put off."""
        if self._is_on:
            self._settle()

    def wake(self, at: datetime) -> None:
        """Look at the screen at an instant, whatever becomes of bookings."""
        if self._is_on and at not in self._wakes:
            self._wakes.add(at)
            heapq.heappush(self._heap, (at, Rank.SCREEN, 0, 0, 0))
            self._arm()

    # inside

    def _place(self, entry: _Entry, now: datetime) -> None:
        """Put a booking where the clock is now, and plan what is due after."""
        booking, was_running = entry.booking, entry.machine.state is State.RUNNING
        began = not was_running and booking.is_running(now)
        is_owed = entry.due is not None and entry.due[:2] == (now, Rank.REMAINING)  # at this instant, and not told yet
        self._plan(entry, (now, Rank.START if began or is_owed else Rank.SCREEN))
        self._feed(entry, place(booking, now))
        lead_s = self._rules().auto_lead_s
        is_due = lead_s is not None and before(booking.starts, timedelta(seconds=lead_s)) <= now < booking.starts
        if (
            is_due and entry.booking is booking and self._entries.get(booking.number) is entry
        ):  # still, after what was told
            self._watcher.auto_join_due(booking)

    def _plan(self, entry: _Entry, done: tuple[datetime, int]) -> None:
        self._turns += 1
        entry.turn = self._turns
        entry.due = mark = next_mark(entry.booking, self._rules(), done)
        if mark is not None:
            heapq.heappush(self._heap, (mark.at, mark.rank, entry.booking.number, mark.seconds, entry.turn))

    def _feed(self, entry: _Entry, event: object) -> None:
        machine, booking = entry.machine, entry.booking
        was = machine.state
        effects = machine.feed(event)
        if machine.state is State.RUNNING:
            self._running[booking.number] = booking
        else:
            self._running.pop(booking.number, None)
        if machine.state is not was:
            self._watcher.machine_changed(booking, was, event, machine.state)
        for effect in effects:
            self._watcher.effect(booking, effect)

    def _settle(self) -> None:
        """Let be shown what is so now; of all bookings, also of those whose timer fires at this very instant."""
        if not self._is_firing and not self._is_held:
            self._do_due()
            self._watcher.settled()
        self._arm()

    # the timer

    def _due(self, now: datetime) -> Iterator[tuple[_Entry | None, Mark]]:
        """Yield what is due, in order, with its booking; what is planned meanwhile finds its place."""
        while self._heap and self._heap[0][0] <= now:
            at, rank, number, seconds, turn = heapq.heappop(self._heap)
            entry = self._entries.get(number)
            if rank == Rank.SCREEN:
                self._wakes.discard(at)
                yield None, Mark(at, Rank.SCREEN)
            elif entry is not None and entry.turn == turn:
                yield entry, Mark(at, Rank(rank), seconds)

    def _fired(self) -> None:
        self._timer = self._fires = None
        try:
            if self._do_due():
                self._watcher.settled()
        finally:
            self._arm()

    def _do_due(self) -> bool:
        """Take what is due; returns whether something was."""
        self._is_firing = True
        did_something = False
        try:
            for entry, mark in self._due(self._clock.now()):
                did_something = True
                if entry is not None:
                    self._take(entry, mark)
        finally:
            self._is_firing = False
        return did_something

    def _take(self, entry: _Entry, mark: Mark) -> None:
        booking = entry.booking
        self._plan(entry, mark[:2])
        match mark.rank:
            case Rank.REMAINING:
                self._feed(entry, Left(mark.seconds))
            case Rank.AUTO_JOIN:
                if self._clock.now() < booking.starts:
                    self._watcher.auto_join_due(booking)
            case Rank.BUTTON:
                pass  # the screen is looked at when all that is due is done
            case _:
                self._feed(entry, place(booking, mark.at))

    def _arm(self) -> None:
        """Let the timer fire when the next thing is due."""
        if self._is_firing or self._is_held or not self._is_on:
            return
        if len(self._heap) > STALE_MAX + 2 * len(self._entries):
            self._clear_out()
        while self._heap and self._is_stale(self._heap[0]):
            heapq.heappop(self._heap)
        if not self._heap:
            self._cancel()
            return
        due = self._heap[0][0]
        if self._timer is not None and self._fires == due:
            return
        self._cancel()
        wait_s = self._clock.until_s(due)
        self._fires = due
        self._timer = self._clock.call_later(wait_s, self._fired)

    def _is_stale(self, entry: tuple[datetime, int, int, int, int]) -> bool:
        _, rank, number, _, turn = entry
        known = self._entries.get(number)
        return rank != Rank.SCREEN and (known is None or known.turn != turn)

    def _clear_out(self) -> None:
        self._heap = [entry for entry in self._heap if not self._is_stale(entry)]
        heapq.heapify(self._heap)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._fires = None
