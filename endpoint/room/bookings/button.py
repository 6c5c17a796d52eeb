"""The Join button and the reminder: which bookings have them at this moment, and what a press does.

Source: protocol/calendar-and-obtp.md 10.1, 10.2, 6.9.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from endpoint.room.bookings.booking import Booking
from endpoint.room.bookings.dialling import JoinFieldsUnreadable, NotJoinable
from endpoint.room.bookings.marks import Rules, after
from endpoint.room.bookings.ports import Around
from endpoint.room.bookings.screen import Screen
from endpoint.room.bookings.store import BookingStore
from endpoint.room.bookings.timeline import Timeline
from endpoint.room.ports import RoomWorld
from endpoint.wire.xapi.paths import Path

PRIORITY: Final[Path] = ("Bookings", "ProtocolPriority")
LONGEST_LEAD_S: Final = 900
_EARLY_S: Final = 1e-3  # instants of snoozes are counted in milliseconds


class JoinButton:
    """The button of one device."""

    __slots__ = (
        "_answered",
        "_around",
        "_joined",
        "_room",
        "_rules",
        "_snoozed",
        "_store",
        "_timeline",
        "_written",
        "screen",
    )

    def __init__(
        self, room: RoomWorld, store: BookingStore, timeline: Timeline, around: Around, rules: Callable[[], Rules]
    ) -> None:
        self._room = room
        self._store = store
        self._timeline = timeline
        self._around = around
        self._rules = rules
        self._snoozed: dict[int, float] = {}
        """Second of the clock until which the reminder of a booking is off, by Meeting number."""
        self._joined: dict[int, datetime] = {}
        """Start of a booking when it was joined by itself, by Meeting number: once for each start."""
        self._answered: dict[int, datetime] = {}
        """Start of a booking when somebody pressed Join: the reminder has been answered."""
        self.screen = Screen()
        self._written: object = None

    # what is shown

    def refresh(self) -> None:
        """Look what is on the screen now, and tell the history when that is something else."""
        room, rules, now = self._room, self._rules(), self._room.world.clock.now()
        self._end_snoozes(now)
        near = self._candidates(rules, now)
        self.screen = Screen(
            tuple(booking for booking in near if rules.can_join(booking, now)),
            tuple(booking for booking in near if rules.reminds(booking, now) and not self._is_off(booking)),
        )
        if rules.early_join and len(self._store):
            self._timeline.wake(rules.next_midnight(now))
        shown = self.screen.shown(rules)
        if shown != self._written and not (self._written is None and not self.screen.joinable):
            self._written = shown
            room.world.trace.event(room.world.who, "screen", data=shown)

    def _candidates(self, rules: Rules, now: datetime) -> list[Booking]:
        """Return what runs or starts soon enough to be shown, by start and Meeting number."""
        horizon = after(now, timedelta(seconds=max(rules.lead_s, LONGEST_LEAD_S, self._store.longest_buffer_s)))
        if rules.early_join:
            horizon = max(horizon, rules.next_midnight(now))
        return [*self._timeline.running, *self._store.starting(now, horizon)]

    def _is_off(self, booking: Booking) -> bool:
        """Tell whether the reminder of a booking is snoozed, or was answered by joining."""
        return booking.number in self._snoozed or self._answered.get(booking.number) == booking.starts

    def _end_snoozes(self, now: datetime) -> None:
        """Forget the snoozes that are over, and look again when the others are."""
        now_s = self._room.world.clock.time()
        self._snoozed = {number: until_s for number, until_s in self._snoozed.items() if until_s > now_s + _EARLY_S}
        for until_s in self._snoozed.values():
            at = after(now, timedelta(seconds=until_s - now_s + _EARLY_S / 2))
            self._timeline.wake(at.replace(microsecond=at.microsecond // 1000 * 1000))  # the same one each time

    def forget(self, number: int) -> None:
        """Forget what was remembered of a booking that is gone."""
        self._snoozed.pop(number, None)
        self._joined.pop(number, None)
        self._answered.pop(number, None)

    def clear(self) -> None:
        """Show nothing: the device goes off."""
        self._snoozed.clear()
        self._joined.clear()
        self._answered.clear()
        self.screen = Screen()
        self._written = None

    # what people do

    def snooze(self, booking: Booking, seconds: int) -> None:
        """Take the reminder of a booking off the screen for a while."""
        self._snoozed[booking.number] = self._room.world.clock.time() + seconds
        self._timeline.look()

    def press(self, booking: Booking | None = None) -> Booking:
        """Press the button: of the one shown, or of a booking in the list; returns the booking that is joined.

        Raises:
            NotJoinable: there is no button to press.
            JoinFieldsUnreadable: what would be dialled cannot be read.
        """
        pressed = booking or (self.screen.joinable[0] if self.screen.joinable else None)
        if pressed is None:
            raise NotJoinable("there is no Join button on the screen")
        if pressed not in self.screen.joinable:
            raise NotJoinable(f"booking {pressed.id} has no Join button now")
        self._dial(pressed, "button")
        self._answered[pressed.number] = pressed.starts
        self._timeline.look()
        return pressed

    def auto_join(self, booking: Booking) -> None:
        """Join by itself, once for each start, what the room has accepted and can join, unless somebody has; not while there is a call."""
        joined = (self._joined.get(booking.number), self._answered.get(booking.number))
        if booking.starts in joined or booking.is_tentative or not booking.is_joinable:
            return
        self._joined[booking.number] = booking.starts
        if self._around.in_call():
            self._around.complain("AutoJoinSkipped", True, {"booking": booking.id, "reason": "a call is active"})
            self._room.world.log.line("MainEvents", "W", f"Automatic join of {booking.id} skipped: a call is active")
            return
        self._around.complain("AutoJoinSkipped", False, {})
        self._around.wake("auto join")
        try:
            self._dial(booking, "auto")
        except JoinFieldsUnreadable:  # told by a diagnostics message
            return

    def _dial(self, booking: Booking, by: str) -> None:
        priority = str(self._room.settings.get(PRIORITY) or "Auto")
        try:
            dial = self._around.builder(booking)(booking, priority)
        except JoinFieldsUnreadable:
            self._room.world.log.line("MainEvents", "W", f"Join of {booking.id} failed: join fields unreadable")
            self._around.complain(
                "join_fields_unreadable", True, {"booking": booking.id, "meeting": booking.meeting_id}
            )
            raise
        self._around.complain("join_fields_unreadable", False, {})
        self._around.dial(dial, by)
