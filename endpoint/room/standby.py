"""Standby: when the device goes to sleep, and what wakes it.

Source: protocol/xapi-nodes.md 4.24, 5.20, 6.18, 7.10 (words documented). The way between the words, the count-down and its seconds, and
that motion wakes by half, are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Final

from endpoint.room.ports import RoomWorld
from endpoint.room.quiet import never, nothing
from endpoint.runtime.clock import Timer
from endpoint.runtime.statetable import Machine, Next, Table
from endpoint.wire.xapi.calls import Invocation, Method
from endpoint.wire.xapi.errors import CommandFailed
from endpoint.wire.xapi.nodes import Value
from endpoint.wire.xapi.paths import Path

COUNT_DOWN_S: Final = (30, 20, 10, 5, 4, 3, 2, 1)
"""Seconds before standby at which SecondsToStandby is raised; with the first the device enters standby."""
HALFWAKE_S: Final = 60.0
"""How long a device that nobody touches stays half awake."""
_EARLY_S: Final = 1e-3  # a timer may fire this much before its instant: clocks round

START: Final[Mapping[str, Value]] = {
    "Standby Level": "None",
    "Standby State": "Off",
}

STATE: Final[Path] = ("Standby", "State")
LEVEL: Final[Path] = ("Standby", "Level")
SYSTEM: Final[Path] = ("SystemUnit", "State", "System")

CONTROL: Final[Path] = ("Standby", "Control")
DELAY: Final[Path] = ("Standby", "Delay")
NETWORKED: Final[Path] = ("Standby", "Level", "Networked", "Mode")
ON_MEETING: Final[Path] = ("Standby", "WakeupAtMeetingStart")
ON_MOTION: Final[Path] = ("Standby", "WakeupOnMotionDetection")


class State(Enum):
    """The literals of xStatus Standby State."""

    OFF = "Off"
    ENTERING = "EnteringStandby"
    STANDBY = "Standby"
    HALFWAKE = "Halfwake"


class Idle:
    """Nobody has touched the device for the delay, but for the count-down."""


class Ended:
    """The count-down, or the half-wake, is over."""


class Slept:
    """Somebody said Standby Activate."""


class Roused:
    """Somebody said Standby Halfwake."""


@dataclass(frozen=True, slots=True)
class Woken:
    """Somebody touched the device, or something is to be shown; `why` goes to the trace."""

    why: str = ""


class Moved:
    """Somebody moved in the room."""


class Postponed:
    """The delay begins anew, or is another one."""


class Wait:
    """Let the delay run."""


class CountDown:
    """Count the last seconds down."""


class Doze:
    """Let the half-wake run."""


class Rest:
    """Wait for nothing."""


TABLE: Final = Table(
    "standby",
    State.OFF,
    {
        (State.OFF, Idle): Next(State.ENTERING, CountDown()),
        (State.OFF, Slept): Next(State.STANDBY, Rest()),
        (State.OFF, Roused): Next(State.HALFWAKE, Doze()),
        (State.OFF, Woken): Next(State.OFF, Wait()),
        (State.OFF, Moved): Next(State.OFF, Wait()),
        (State.OFF, Postponed): Next(State.OFF, Wait()),
        (State.ENTERING, Ended): Next(State.STANDBY, Rest()),
        (State.ENTERING, Slept): Next(State.STANDBY, Rest()),
        (State.ENTERING, Roused): Next(State.HALFWAKE, Doze()),
        (State.ENTERING, Woken): Next(State.OFF, Wait()),
        (State.ENTERING, Moved): Next(State.OFF, Wait()),
        (State.ENTERING, Postponed): Next(State.OFF, Wait()),
        (State.STANDBY, Slept): Next(State.STANDBY),
        (State.STANDBY, Roused): Next(State.HALFWAKE, Doze()),
        (State.STANDBY, Woken): Next(State.OFF, Wait()),
        (State.STANDBY, Moved): Next(State.HALFWAKE, Doze()),
        (State.STANDBY, Postponed): Next(State.STANDBY),
        (State.HALFWAKE, Ended): Next(State.STANDBY, Rest()),
        (State.HALFWAKE, Slept): Next(State.STANDBY, Rest()),
        (State.HALFWAKE, Roused): Next(State.HALFWAKE, Doze()),
        (State.HALFWAKE, Woken): Next(State.OFF, Wait()),
        (State.HALFWAKE, Moved): Next(State.HALFWAKE, Doze()),
        (State.HALFWAKE, Postponed): Next(State.HALFWAKE, Doze()),
    },
)


class Standby:
    """Sleep of one device. It has one timer at most; none while it sleeps, while standby is switched off, or before `start`."""

    __slots__ = (
        "_due_s", "_fires_s", "_is_on", "_machine", "_next_s", "_room", "_seconds", "_timer",
        "before_sleep", "in_call", "in_use", "on_change",
    )  # fmt: skip

    def __init__(self, room: RoomWorld) -> None:
        self._room = room
        self._machine = Machine(TABLE, self._changed)
        self._is_on = False
        self._timer: Timer | None = None
        self._fires_s = 0.0
        """When the timer fires: at `_next_s`, or before it and then once more."""
        self._next_s = 0.0
        self._due_s = 0.0
        """Second at which the delay is over, or was."""
        self._seconds: tuple[int, ...] = ()
        """What is left of the count-down."""
        self.in_call: Callable[[], bool] = never
        """Says whether there is a call: then there is no standby, not even when asked for."""
        self.in_use: Callable[[], bool] = never
        """Says whether something is shown for which the device stays awake by itself: a share."""
        self.before_sleep: Callable[[], object] = nothing
        self.on_change: Callable[[], object] = nothing
        room.settings.listen(("Standby",), self._configured)

    @property
    def state(self) -> State:
        """The present state."""
        return self._machine.state

    def is_asleep(self) -> bool:
        """Say whether the device is in standby, not half awake either."""
        return self._machine.state is State.STANDBY

    def start(self) -> None:
        """Begin to wait for nobody: the device is up."""
        self._is_on = True
        self._due_s = 0.0
        self._woken(Postponed())

    def stop(self) -> None:
        """Wait for nothing any more: the device goes down."""
        self._is_on = False
        self._rest()

    def activity(self) -> None:
        """Take note that somebody touched the device."""
        self._woken(Woken("activity"))

    def wake(self, why: str) -> None:
        """Wake the device because of a call, a cable, a meeting."""
        self._woken(Woken(why))

    def motion(self) -> None:
        """Take note that somebody moves in the room; configuration WakeupOnMotionDetection says whether that counts."""
        if self._room.settings.get(ON_MOTION) != "Off":
            self._woken(Moved())

    def meeting_starts(self) -> None:
        """Take note that a meeting starts; configuration WakeupAtMeetingStart says whether that wakes."""
        if self._room.settings.get(ON_MEETING) != "Off":
            self._woken(Woken("meeting"))

    # commands

    def _activate(self, call: Invocation) -> None:
        self._may_sleep()
        self._feed(Slept())

    def _deactivate(self, call: Invocation) -> None:
        self._woken(Woken("command"))

    def _halfwake(self, call: Invocation) -> None:
        self._may_sleep()
        self._feed(Roused())

    def _reset(self, call: Invocation) -> None:
        minutes = call.number("Delay")
        self._due_s = self._now() + (self._delay_s() if minutes is None else minutes * 60.0)
        self._feed(Postponed())

    # inside

    def _may_sleep(self) -> None:
        if self.in_call():
            raise CommandFailed("No standby in a call")

    def _now(self) -> float:
        return self._room.world.clock.time()

    def _delay_s(self) -> float:
        return int(self._room.settings.get(DELAY) or 1) * 60.0

    def _configured(self, changes: Mapping[Path, Value | None]) -> None:
        if CONTROL in changes or DELAY in changes:
            self._due_s = self._now() + self._delay_s()
            self._feed(Postponed())
        if NETWORKED in changes:
            self._room.status.put(LEVEL, self._level())

    def _woken(self, event: object) -> None:
        # never sooner than a longer delay that ResetTimer asked for
        self._due_s = max(self._due_s, self._now() + self._delay_s())
        self._feed(event)

    def _feed(self, event: object) -> None:
        for effect in self._machine.feed(event):
            match effect:
                case Wait():
                    self._wait_until(self._due_s - COUNT_DOWN_S[0])
                case CountDown():
                    self._seconds = COUNT_DOWN_S
                    self._count()
                case Doze():
                    self._wait_until(self._now() + HALFWAKE_S)
                case _:
                    self._rest()

    def _changed(self, machine: str, before: State, event: object, after: State) -> None:
        world, status = self._room.world, self._room.status
        data = {"machine": machine, "from": before.value, "event": type(event).__name__, "to": after.value}
        if isinstance(event, Woken):
            data["why"] = event.why
        world.trace.event(world.who, "machine", data=data)
        if after is State.STANDBY:
            self.before_sleep()
        with status.group():
            status.put(STATE, after.value)
            status.put(LEVEL, self._level())
            system = status.get(SYSTEM)
            if after is State.STANDBY and system == "Initialized":
                status.put(SYSTEM, "Sleeping")
            elif after is not State.STANDBY and system == "Sleeping":
                status.put(SYSTEM, "Initialized")
        self.on_change()

    def _level(self) -> str:
        if not self.is_asleep():
            return "None"
        return "DisplayOff" if self._room.settings.get(NETWORKED) == "Off" else "Networked"

    # the timer

    def _wait_until(self, when_s: float) -> None:
        if not self._is_on or self._room.settings.get(CONTROL) == "Off":
            self._rest()
            return
        self._next_s = when_s
        if self._timer is not None:
            if self._fires_s <= when_s:
                return  # it fires first and then sees that there is more to wait: a touch costs no timer
            self._timer.cancel()
        self._fires_s = when_s
        self._timer = self._room.world.clock.call_later(when_s - self._now(), self._fired)

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fired(self) -> None:
        self._timer = None
        if self._next_s > self._now() + _EARLY_S:
            self._wait_until(self._next_s)
        elif self.in_call() or self.in_use():
            self._woken(Woken("in use"))
        elif self.state is State.OFF:
            self._feed(Idle())
        elif self.state is State.ENTERING:
            self._count()
        else:
            self._feed(Ended())

    def _count(self) -> None:
        """Tell how many seconds are left, and wait for the next number."""
        if not self._seconds:
            self._feed(Ended())
            return
        seconds, *rest = self._seconds
        self._seconds = tuple(rest)
        self._wait_until(self._due_s - (rest[0] if rest else 0))
        self._room.raise_event("Standby SecondsToStandby", {"NameNotUsed": seconds})

    COMMANDS: ClassVar[Mapping[str, Method]] = {
        "Standby Activate": _activate,
        "Standby Deactivate": _deactivate,
        "Standby Halfwake": _halfwake,
        "Standby ResetTimer": _reset,
    }
