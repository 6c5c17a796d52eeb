"""The bookings of one device put together: who brings them, what is told of them, what is on the screen.

Every change goes through `RoomBookings`: meetings of the calendar by the listener's methods, all others by `add`, `change`, `remove` and
`replace_pushed`. Source: protocol/calendar-and-obtp.md 6.5, 6.6, 10.1, 10.2, 11.4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from endpoint.room.bookings import screen
from endpoint.room.bookings.booking import Booking, Source, of_meeting
from endpoint.room.bookings.button import JoinButton
from endpoint.room.bookings.fields import Gaps, fields
from endpoint.room.bookings.marks import Rules
from endpoint.room.bookings.ports import Around
from endpoint.room.bookings.store import BOOKINGS_MAX, PUSHED_MAX, BookingStore
from endpoint.room.bookings.timeline import Timeline
from endpoint.room.bookings.timeline_table import State, Tell, TellRemaining
from endpoint.room.ports import RoomWorld
from endpoint.runtime.clock import iso_seconds
from endpoint.runtime.errors import LimitExceeded
from endpoint.wire.clear_meeting import ClearMeeting
from endpoint.wire.xapi.leaves import Fields
from endpoint.wire.xapi.nodes import Value
from endpoint.wire.xapi.paths import Path

START: Final[Mapping[str, Value]] = MappingProxyType(
    {
        "Bookings Availability Status": "Free",
        "Bookings Availability TimeStamp": "",
        "Bookings Current Id": "",
    }
)
CURRENT: Final[Path] = ("Bookings", "Current", "Id")
AVAILABILITY: Final[Path] = ("Bookings", "Availability")
VISIBILITY: Final[Path] = ("UserInterface", "Bookings", "Visibility")
DELETED: Final = "Deleted"
DECLINED: Final = "DECLINED"
"""What the room has answered to a meeting that is not its own any more."""


class Replaced(NamedTuple):
    """A replacement of the pushed bookings: when, by how many, and what is not on the list since."""

    at: datetime
    bookings: int
    gone: tuple[Booking, ...]


class RoomBookings:
    """All bookings of one device, for one boot. Implements the calendar's MeetingListener."""

    __slots__ = (
        "_end_watch",
        "_has_started",
        "_is_on",
        "_kept_rules",
        "_room",
        "around",
        "awaited",
        "button",
        "cause_of",
        "on_settled",
        "replaced",
        "store",
        "timeline",
    )

    def __init__(self, room: RoomWorld, around: Around) -> None:
        self._room = room
        self.around = around
        self._is_on = False
        self._has_started = False
        self._end_watch = _nothing
        self._kept_rules: Rules | None = None
        self.awaited: Callable[[ClearMeeting], Booking | None] = lambda meeting: None
        """Returns the booking that was asked for at this device and that a new meeting is the answer to."""
        self.cause_of: Callable[[Booking], str] = lambda booking: DELETED
        """Returns why the calendar has dropped a booking, where this device has asked for that."""
        self.on_settled: Callable[[], object] = _nothing
        """Told when something may be due: bookings have changed, begun or ended, or the clock asked for."""
        self.replaced: Replaced | None = None
        """What was last put in the place of the pushed bookings."""
        self.store = BookingStore()
        self.timeline = Timeline(room.world.clock, self, self.rules)
        self.button = JoinButton(room, self.store, self.timeline, around, self.rules)
        room.settings.listen(VISIBILITY, lambda changes: self.rules_changed())
        room.settings.listen(("Time", "Zone"), lambda changes: self.rules_changed())

    # power

    def start(self, *, is_restart: bool = False) -> None:
        """Begin to watch the clock: the device is up. After a restart whoever books from outside has to look again."""
        self._is_on = True
        self._end_watch = self._room.world.clock.watch(self.timeline.replace_all)
        self.timeline.start()
        if is_restart:
            self.sync_required()

    def stop(self) -> None:
        """Watch nothing any more: the device goes down."""
        self._is_on = False
        self._end_watch()
        self.timeline.stop()
        self.button.clear()

    # rules

    def rules(self) -> Rules:
        """Return what settings and the organization say at present."""
        if self._kept_rules is None:
            self._kept_rules = self._read_rules()
        return self._kept_rules

    def rules_changed(self) -> None:
        """Take note that a setting, the organization's lead or the zone is another one."""
        before, self._kept_rules = self._kept_rules, None
        if before is not None and before != self.rules():
            self.timeline.replace_all()

    def _read_rules(self) -> Rules:
        def is_auto(name: str) -> bool:
            return self._room.settings.get((*VISIBILITY, name)) != "Hidden"

        around = self.around
        return Rules(
            lead_s=around.lead_s(),
            auto_lead_s=around.auto_lead_s(),
            early_join=self._room.settings.get((*VISIBILITY, "EarlyJoin")) == "Auto",
            shows_non_joinable=is_auto("NonJoinableMeetings"),
            shows_tentative=is_auto("TentativeMeetings"),
            shows_all_day=is_auto("AllDayMeetings"),
            shows_title=is_auto("Title"),
            shows_organizer=is_auto("Organizer"),
            reminder_everywhere=self._room.settings.get((*VISIBILITY, "MeetingReminder")) == "All",
            zone=around.zone(),
        )

    # meetings of the calendar (MeetingListener)

    def meeting_created(self, meeting: ClearMeeting) -> None:
        """Make a booking of a meeting; one that was asked for at this device and has waited for it becomes that meeting."""
        known = self.store.find(meeting_id=meeting.id)
        if known is None and meeting.response == DECLINED:
            return
        known = known or self.awaited(meeting)
        if known is not None:
            self._meeting_is(known, meeting)
            return
        try:
            booking = self.store.add(of_meeting(meeting, self.around.unreadable_title))
        except LimitExceeded as error:
            self._dropped(error)
            return
        log = self._room.world.log
        log.line("Wx2", "5", "MeetingsControl::on_calendar_event_created")
        log.line("Wx2", "5", f"Creating new Meeting (id={booking.number})")
        log.line("Wx2", "5", f"Attaching CalendarEvent (id={meeting.id}) to Meeting (id={booking.number})")
        self._added(booking, tells_created=self.around.is_caught_up())

    def meeting_updated(self, meeting: ClearMeeting) -> None:
        """Let the booking of a meeting be as the meeting is now."""
        known = self.store.find(meeting_id=meeting.id)
        if known is None:
            self.meeting_created(meeting)
            return
        self._meeting_is(known, meeting)

    def _meeting_is(self, known: Booking, meeting: ClearMeeting) -> None:
        """Let a booking be as its meeting is; what the room has declined is no booking of it."""
        if meeting.response == DECLINED:
            self.meeting_deleted(meeting.id)
            return
        self.change(
            replace(
                of_meeting(meeting, self.around.unreadable_title),
                number=known.number,
                id=known.id,
                booked_from_device=known.booked_from_device,
            )
        )

    def meeting_deleted(self, meeting_id: str) -> None:
        """Drop the booking of a meeting."""
        booking = self.store.find(meeting_id=meeting_id)
        if booking is None:
            return
        self._room.world.log.line("Wx2", "5", "MeetingsControl::on_calendar_event_deleted")
        self._detach(booking)
        self.remove(booking.number, self.cause_of(booking))
        self._log_left()

    def meeting_over(self, meeting_id: str) -> None:
        """Take the booking of a meeting that is long over off the list: `Deleted` is told of what somebody has deleted."""
        booking = self.store.find(meeting_id=meeting_id)
        if booking is not None:
            self._detach(booking)
            self.withdraw([booking.number])
            self._log_left()

    def _detach(self, booking: Booking) -> None:
        log = self._room.world.log
        log.line("Wx2", "5", f"Detaching CalendarEvent (id={booking.meeting_id}) from Meeting (id={booking.number})")
        log.line("Wx2", "5", f"Removing Meeting (id={booking.number})")

    def _log_left(self) -> None:
        left = self.store.count(Source.CLOUD)
        self._room.world.log.line("Wx2", "I", f"Wx2MeetingsHandlerImpl::meetings_updated: num meetings={left}")

    def meetings_forgotten(self) -> None:
        """Drop all bookings of the calendar: the account is gone, or the device goes off."""
        gone = [booking for booking in self.store if booking.source is Source.CLOUD]
        with self.timeline.together():
            for booking in gone:
                self._forget(booking)
        if gone:
            self.tell("Updated")

    # changes, whoever makes them

    def add(self, booking: Booking, request_uuid: str = "") -> Booking:
        """Take a new booking; returns it with its number and id.

        Args:
            request_uuid: of the request that it answers, which is told by BookingCreated.

        Raises:
            LimitExceeded: the device has too many.
            ValueError: its id, or its meeting, has a booking already.
        """
        added = self.store.add(booking)
        self._added(added, tells_created=bool(request_uuid), request_uuid=request_uuid)
        return added

    def change(self, booking: Booking) -> None:
        """Put a booking in the place of the one with its number, and tell it; nothing is told of what is the same.

        Raises:
            KeyError: no booking has the number.
        """
        known = self.store.get(booking.number)
        if known == booking:
            return
        before = self.store.change(booking)
        has_moved = (before.starts, before.ends) != (booking.starts, booking.ends)
        self.tell("Updated")
        if has_moved:
            times: Fields = {"StartTime": iso_seconds(booking.starts), "Duration": booking.minutes}
            self.tell("BookingMoved", {**names(booking), **times})
        self._trace("booking.changed", booking, moved=has_moved)
        self.timeline.put(booking)

    def remove(self, number: int, cause: str = DELETED) -> Booking | None:
        """Drop a booking, and tell why; returns it, None if there is none of that number."""
        booking = self.store.get(number)
        if booking is None:
            return None
        now = self._room.world.clock.now()
        self._forget(booking)
        self.tell("Updated")
        freed = booking.ends - max(now, booking.starts)
        self.tell(
            "Deleted",
            {
                **names(booking),
                "Cause": cause,
                **_times(booking),
                "MinutesFreed": max(0, int(freed.total_seconds() // 60)),
                "OrganizerId": booking.organizer_id,
                "TimeStamp": iso_seconds(now),
            },
        )
        self._trace("booking.removed", booking, cause=cause)
        return booking

    def withdraw(self, numbers: Iterable[int]) -> None:
        """Take bookings off the list without telling each: what the calendar refused, what is long over, a list that is emptied."""
        gone = [booking for number in numbers if (booking := self.store.get(number)) is not None]
        with self.timeline.together():
            for booking in gone:
                self._forget(booking)
                self._trace("booking.removed", booking, cause="")
        if gone:
            self.tell("Updated")

    def replace_pushed(self, bookings: Iterable[Booking]) -> list[Booking]:
        """Put a list in the place of all pushed bookings; one with a known id keeps its Meeting number. `Updated` is raised once.

        Raises:
            LimitExceeded: there are more than PUSHED_MAX, or too many in all; nothing is changed.
            ValueError: an id or a meeting comes twice, or belongs to a booking that was not pushed; nothing is changed.
        """
        pushed = list(bookings)
        known = {booking.id: booking for booking in self.store if booking.source is Source.PUSHED}
        others = [booking for booking in self.store if booking.source is not Source.PUSHED]
        _check_pushed(pushed, others)
        wanted = {booking.id for booking in pushed}
        gone = tuple(booking for booking_id, booking in known.items() if booking_id not in wanted)
        with self.timeline.together():
            for booking in gone:
                self._forget(booking)
                self._trace("booking.removed", booking, cause="")
            for booking in pushed:
                if booking.id in known:
                    self.store.change(replace(booking, number=known[booking.id].number))
            for booking in pushed:  # after the others, which may have had their meetings until now
                if booking.id not in known:
                    self.store.add(booking)
            stored = [found for booking in pushed if (found := self.store.find(booking.id)) is not None]
            for booking in stored:
                self._trace_pushed(known.get(booking.id), booking)
                self.timeline.put(booking)
        self.replaced = Replaced(self._room.world.clock.now(), len(pushed), gone)
        self.tell("Updated")
        return stored

    def _trace_pushed(self, before: Booking | None, booking: Booking) -> None:
        if before is None:
            self._trace("booking.added", booking, source=booking.source.value)
        elif before != booking:
            has_moved = (before.starts, before.ends) != (booking.starts, booking.ends)
            self._trace("booking.changed", booking, moved=has_moved)

    def _added(self, booking: Booking, *, tells_created: bool, request_uuid: str = "") -> None:
        self.tell("Updated")
        if tells_created:
            self.tell_created(booking, request_uuid)
        self._trace("booking.added", booking, source=booking.source.value)
        self.timeline.put(booking)

    def tell_created(self, booking: Booking, request_uuid: str = "") -> None:
        """Raise BookingCreated."""
        told: dict[str, Any] = {
            **({"BookingRequestUUID": request_uuid} if request_uuid else {}),
            "Id": booking.id,
            "MeetingId": booking.meeting_id,
            "Title": screen.listed_title(booking),
            "StartTime": iso_seconds(booking.starts),
            "Duration": booking.minutes,
            "OrganizerEmail": booking.organizer_email or "",
            "OrganizerId": booking.organizer_id,
            "OrganizerName": booking.organizer_name or "",
        }
        self.tell("BookingCreated", {name: value for name, value in told.items() if value or name in _ALWAYS})

    def _forget(self, booking: Booking) -> None:
        self.store.remove(booking.number)
        self.button.forget(booking.number)
        self.timeline.drop(booking.number)

    def _dropped(self, error: LimitExceeded) -> None:
        world = self._room.world
        world.log.line("MainEvents", "W", f"booking dropped: {error}")
        world.trace.event(world.who, "drop", data={"what": "booking", "bound": error.limit})

    # what is due (Watcher)

    def effect(self, booking: Booking, effect: object) -> None:
        """Carry out an effect of the table."""
        match effect:
            case TellRemaining(seconds):
                self.tell("TimeRemaining", {**names(booking), "Seconds": seconds})
            case Tell("End"):
                self.tell("End", {**names(booking), **_times(booking)})
            case Tell(event):
                if event == "Start":
                    self.around.meeting_starts()
                self.tell(event, names(booking))

    def machine_changed(self, booking: Booking, before: State, event: object, after: State) -> None:
        """Write to the history where a booking stands."""
        world = self._room.world
        data = {
            "machine": "booking",
            "booking": booking.id,
            "from": before.value,
            "event": type(event).__name__,
            "to": after.value,
        }
        world.trace.event(world.who, "machine", data=data)

    def auto_join_due(self, booking: Booking) -> None:
        """Join by itself."""
        self.button.auto_join(booking)

    def settled(self) -> None:
        """Show what is so now: current booking, availability, screen."""
        status, now = self._room.status, self._room.world.clock.now()
        current = self.timeline.current
        state, stamp = self.availability(now)
        with status.group():
            status.put(CURRENT, current.id if current else "")
            status.put((*AVAILABILITY, "Status"), state)
            status.put((*AVAILABILITY, "TimeStamp"), stamp)
        self.button.refresh()
        self.on_settled()

    def availability(self, now: datetime) -> tuple[str, str]:
        """Return `Bookings Availability` Status and TimeStamp."""
        current = self.timeline.current
        if current is not None:
            return "BookedUntil", iso_seconds(current.ends)
        following = self.store.first_after(now)
        return ("FreeUntil", iso_seconds(following.starts)) if following else ("Free", "")

    # events

    def tell(self, event: str, told: Fields = MappingProxyType({})) -> None:
        """Raise `Bookings <event>`, while the device is up."""
        if self._is_on:
            self._room.raise_event(f"Bookings {event}", told)

    def sync_required(self) -> None:
        """Tell whoever books from outside that the list may be another one: after a restart, or after the network was lost."""
        self.tell("SyncRequired")

    def _trace(self, kind: str, booking: Booking, **more: Any) -> None:
        world = self._room.world
        data = {"booking": booking.id, "meeting": booking.meeting_id, "start": iso_seconds(booking.starts), **more}
        world.trace.event(world.who, kind, data=data)

    # views

    def fields_of(self, bookings: Iterable[Booking]) -> list[dict[str, Any]]:
        """Return bookings as `Bookings List` tells them."""
        gaps = Gaps(self.store)
        return [fields(booking, gaps.extension(booking), self.around.release) for booking in bookings]

    def screen(self) -> dict[str, dict[str, Any]]:
        """Return the elements of the screen that bookings have: `join button`, `reminder`."""
        return self.button.screen.shown(self.rules())

    def rows(self) -> list[dict[str, Any]]:
        """Return the list on the screen."""
        return screen.listed(list(self.store), self.rules(), self._room.world.clock.now())


_ALWAYS: Final = ("Id", "MeetingId", "Title", "StartTime", "Duration")


def _nothing() -> None:
    """Do nothing."""


def _check_pushed(pushed: list[Booking], others: list[Booking]) -> None:
    if len(pushed) > PUSHED_MAX:
        raise LimitExceeded("pushed bookings", PUSHED_MAX)
    if len(pushed) + len(others) > BOOKINGS_MAX:
        raise LimitExceeded("bookings of one device", BOOKINGS_MAX)
    ids = {booking.id for booking in others}
    meetings = {booking.meeting_id for booking in others}
    for booking in pushed:
        if not booking.id or booking.id in ids:
            raise ValueError(f"{booking.id or 'nothing'} is the id of more than one booking")
        if booking.meeting_id and booking.meeting_id in meetings:
            raise ValueError(f"{booking.meeting_id} is the meeting of more than one booking")
        ids.add(booking.id)
        meetings.add(booking.meeting_id)


def names(booking: Booking) -> dict[str, Any]:
    """Return how events name a booking."""
    return {"Id": booking.id, **({"MeetingId": booking.meeting_id} if booking.meeting_id else {})}


def _times(booking: Booking) -> dict[str, Any]:
    return {
        "StartTime": iso_seconds(booking.starts),
        "EndTime": iso_seconds(booking.ends),
        "ScheduledDuration": booking.minutes,
    }
