"""The bookings of a room on a clock that is moved by hand, and a record of all that is told."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, cast

from endpoint.device.defaults import configuration_defaults
from endpoint.room.bookings.booking import Booking, Source
from endpoint.room.bookings.dialling import Dial
from endpoint.room.bookings.ports import Around
from endpoint.room.bookings.room import START, RoomBookings
from endpoint.room.ports import RoomWorld
from endpoint.runtime.chance import Chance
from endpoint.runtime.clock import Clock, Timer
from endpoint.runtime.devicelog import DeviceLog
from endpoint.runtime.faults import Faults
from endpoint.runtime.net import Net
from endpoint.runtime.trace import Trace
from endpoint.runtime.world import World
from endpoint.wire.clear_meeting import ClearMeeting
from endpoint.wire.xapi.leaves import Fields
from endpoint.wire.xapi.nodes import nodes
from endpoint.wire.xapi.paths import parse_path
from endpoint.wire.xapi.releases import NEWEST
from endpoint.xapi.tree import Tree

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
JOIN = {"meetingJoinURI": "1234@site.webex.test"}


class ManualTime:
    """Seconds that pass when told, timer by timer."""

    def __init__(self, start: datetime = NOW) -> None:
        self.start = start
        self.now_s = 0.0
        self.heap: list[tuple[float, int, _Waiting]] = []
        self.order = itertools.count()
        self.made = 0

    def time(self) -> float:
        """Return the seconds that have passed."""
        return self.now_s

    def call_at(self, when_s: float, callback: Callable[..., object], *args: object) -> Timer:
        """Plan a callback."""
        self.made += 1
        timer = _Waiting(callback, args)
        heapq.heappush(self.heap, (when_s, next(self.order), timer))
        return timer

    @property
    def waiting(self) -> int:
        """How many timers wait."""
        return sum(not timer.is_cancelled for _, _, timer in self.heap)

    def advance(self, by: timedelta) -> None:
        """Let time pass."""
        target = self.now_s + by.total_seconds()
        while self.heap and self.heap[0][0] <= target + 1e-9:
            when_s, _, timer = heapq.heappop(self.heap)
            if not timer.is_cancelled:
                self.now_s = max(self.now_s, when_s)
                timer.callback(*timer.args)
        self.now_s = max(self.now_s, target)


class _Waiting:
    def __init__(self, callback: Callable[..., object], args: tuple[object, ...]) -> None:
        self.callback, self.args, self.is_cancelled = callback, args, False

    def cancel(self) -> None:
        self.is_cancelled = True


class Diary:
    """The bookings of one room."""

    def __init__(
        self,
        *,
        lead_s: int = 300,
        auto_lead_s: int | None = None,
        settings: dict[str, str] | None = None,
        starts: bool = True,
    ) -> None:
        self.time = ManualTime()
        self.clock = Clock(self.time)
        self.trace = Trace(self.clock)
        self.log = DeviceLog("device:room", self.clock, self.trace, pid=1)
        world = World(
            "device:room", self.clock, Chance(1).actor("device:room"), cast(Net, None), self.trace, Faults(self.clock, self.trace), self.log
        )  # fmt: skip
        self.status = Tree({parse_path(path): value for path, value in START.items()})
        self.settings = Tree(configuration_defaults())
        for path, value in (settings or {}).items():
            self.set(path, value)
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.dialled: list[tuple[Dial, str]] = []
        self.woken: list[str] = []
        self.complaints: dict[str, dict[str, str]] = {}
        self.lead_s = lead_s
        self.zone: tzinfo = UTC
        self.calls = False
        self.caught_up = True
        self.around = Around(
            release=NEWEST,
            lead_s=lambda: self.lead_s,
            auto_lead_s=lambda: auto_lead_s,
            zone=lambda: self.zone,
            is_caught_up=lambda: self.caught_up,
            in_call=lambda: self.calls,
            wake=self.woken.append,
            dial=lambda dial, by: self.dialled.append((dial, by)),
            complain=self._complain,
        )
        self.bookings = RoomBookings(RoomWorld(world, self.status, self.settings, self._raise), self.around)
        if starts:
            self.bookings.start()

    def _raise(self, event: str, fields: Fields) -> None:
        node = nodes().event(parse_path(event))
        assert node is not None, event
        known = {field.name: field for field in node.fields}
        assert set(fields) <= set(known), (event, fields)
        for name, value in fields.items():
            assert known[name].space.accept(value) == value, (event, name, value)
        self.told.append((event.removeprefix("Bookings "), dict(fields)))

    def _complain(self, kind: str, holds: bool, references: dict[str, str]) -> None:
        if holds:
            self.complaints[kind] = references
        else:
            self.complaints.pop(kind, None)

    def set(self, path: str, value: str) -> None:
        """Set a configuration."""
        node = nodes().find("Configuration", parse_path(path))
        assert node is not None, path
        assert node.space.accept(value) == value, (path, value)
        self.settings.put(parse_path(path), value)

    def get(self, path: str) -> str:
        """Return a status of bookings."""
        return str(self.status.get(parse_path(f"Bookings {path}")))

    @property
    def now(self) -> datetime:
        """What the room's clock says."""
        return self.clock.now()

    def advance(self, **by: float) -> list[tuple[str, dict[str, Any]]]:
        """Let time pass; returns what was told meanwhile."""
        self.tell()
        self.time.advance(timedelta(**by))
        return self.tell()

    def tell(self) -> list[tuple[str, dict[str, Any]]]:
        """Return what was told since the last look."""
        told, self.told = self.told, []
        return told

    def events(self) -> list[str]:
        """Return the names of what was told since the last look."""
        return [event for event, _ in self.tell()]

    def meeting(self, name: str = "a", at: float = 60, minutes: float = 30, **fields: Any) -> ClearMeeting:
        """Return a meeting that starts so many minutes after eight."""
        starts = NOW + at * MINUTE
        return ClearMeeting(
            name, name, starts, starts + minutes * MINUTE, **{"title": name.title(), "join_fields": JOIN, "join_type": "WEBEX", **fields}
        )  # fmt: skip

    def create(self, name: str = "a", at: float = 60, minutes: float = 30, **fields: Any) -> Booking:
        """Let the calendar bring a meeting."""
        self.bookings.meeting_created(self.meeting(name, at, minutes, **fields))
        return self.booking(name)

    def update(self, name: str = "a", at: float = 60, minutes: float = 30, **fields: Any) -> Booking:
        """Let the calendar change a meeting."""
        self.bookings.meeting_updated(self.meeting(name, at, minutes, **fields))
        return self.booking(name)

    def booking(self, name: str = "a") -> Booking:
        """Return the booking of a meeting."""
        found = self.bookings.store.find(meeting_id=name)
        assert found is not None
        return found

    @property
    def joinable(self) -> list[str]:
        """The meetings with a Join button."""
        return [booking.meeting_id or booking.id for booking in self.bookings.button.screen.joinable]

    @property
    def reminded(self) -> list[str]:
        """The meetings of the reminder."""
        return [booking.meeting_id or booking.id for booking in self.bookings.button.screen.reminded]


def pushed(booking_id: str = "p1", at: float = 60, minutes: float = 30, **fields: Any) -> Booking:
    """Return a booking to be pushed."""
    starts = NOW + at * MINUTE
    given = {
        "title": booking_id,
        "addresses": {"Number": "9@meet.test"},
        "protocol": "SIP",
        "platform": "Other",
        **fields,
    }
    return Booking(source=Source.PUSHED, id=booking_id, starts=starts, ends=starts + minutes * MINUTE, **given)
