"""A room to test in: the two trees, a clock, and a record of everything that is told, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeAlias

from endpoint.device.defaults import configuration_defaults
from endpoint.room.cameras import Preset
from endpoint.room.ports import RoomWorld
from endpoint.room.room_presets import RoomPreset
from endpoint.room.senses import START, Senses
from endpoint.runtime.chance import Chance
from endpoint.runtime.clock import LoopTime, Timer
from endpoint.runtime.devicelog import DeviceLog
from endpoint.runtime.virtual import run
from endpoint.runtime.world import World
from endpoint.wire.xapi.calls import Caller
from endpoint.wire.xapi.errors import XapiError
from endpoint.wire.xapi.leaves import Fields
from endpoint.wire.xapi.nodes import Value, nodes
from endpoint.wire.xapi.paths import Path, parse_path, words
from endpoint.xapi.commands import Commands
from endpoint.xapi.tree import Changes, Defaults, Tree, known
from tests.endpoint.runtime.ground import Ground

BOOTED: Mapping[str, Value] = {"SystemUnit State System": "Initialized"}
STATUS_DEFAULTS = Defaults({parse_path(path): value for path, value in {**BOOTED, **START}.items()})

Told: TypeAlias = tuple[str, dict[str, Any]]
"""`("status", {path: value})` for a group of changes, None for what is gone; `("Audio Volume AlreadyAtLimit", fields)` for an event."""


class MovingTree(Tree):
    """A tree whose computed leaves can become plain ones again: what the motor asks of its screen."""

    def still(self, path: Path) -> None:
        """End the computing of a leaf."""
        self._live.pop(known(path)[0], None)

    def _value(self, path: Path) -> Value | None:
        return self._live[path]() if path in self._live else super()._value(path)


class CountingTime(LoopTime):
    """Loop time that knows which timers have neither fired nor been cancelled."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.waiting: set[_Counted] = set()
        self.made = 0
        self.late_s = 0.0
        """How much later it is than the loop has noticed: a machine that is busy fires timers late."""

    def time(self) -> float:
        return super().time() + self.late_s

    def call_at(self, when_s: float, callback: Callable[..., object], *args: object) -> Timer:
        self.made += 1
        timer = _Counted(self, callback, args)
        timer.timer = super().call_at(when_s, timer.fire)
        self.waiting.add(timer)
        return timer


class _Counted:
    timer: Timer

    def __init__(self, source: CountingTime, callback: Callable[..., object], args: tuple[object, ...]) -> None:
        self.source, self.callback, self.args = source, callback, args

    def cancel(self) -> None:
        self.source.waiting.discard(self)
        self.timer.cancel()

    def fire(self) -> None:
        self.source.waiting.discard(self)
        self.callback(*self.args)


class Room:
    """One device's room, as the device would join it."""

    def __init__(
        self,
        configuration: Mapping[str, Value] | None = None,
        *,
        presets: Iterable[Preset] = (),
        kept_presets: Iterable[RoomPreset] = (),
        moving: bool = True,
    ) -> None:
        ground = Ground()
        self.failures = ground.failures
        self.clock = ground.clock
        self.time = CountingTime(ground.loop)
        ground.clock.source = self.time
        log = DeviceLog("device:room", ground.clock, ground.trace, pid=1)
        chance = Chance(1).actor("device:room")
        world = World("device:room", ground.clock, chance, ground.net, ground.trace, ground.faults, log)
        self.trace = ground.trace
        self.status = MovingTree(STATUS_DEFAULTS) if moving else Tree(STATUS_DEFAULTS)
        self.settings = Tree(configuration_defaults())
        self.told: list[Told] = []
        self.calls: set[int] = set()
        for path, value in (configuration or {}).items():
            self.set(path, value)
        self.senses = Senses(RoomWorld(world, self.status, self.settings, self._raise), presets, kept_presets)
        self.senses.use_calls(lambda: bool(self.calls))
        if isinstance(self.status, MovingTree):
            self.senses.cameras.motor.still = self.status.still
        self.commands = Commands(nodes())
        self.commands.provide(self.senses.owners)
        self.status.listen((), self._changed)

    def _raise(self, event: str, fields: Fields) -> None:
        node = nodes().event(parse_path(event))
        assert node is not None, event
        assert set(fields) == {field.name for field in node.fields}, event
        for field in node.fields:
            assert field.space.accept(fields[field.name]) == fields[field.name]
        self.told.append((event, dict(fields)))

    def _changed(self, changes: Changes) -> None:
        for path, value in changes.items():
            if value is not None:
                fits(path, value)
        self.told.append(("status", {words(path): value for path, value in changes.items()}))

    def get(self, path: str) -> Value | None:
        """Return a status leaf."""
        return self.status.get(parse_path(path))

    def set(self, path: str, value: Value) -> None:
        """Set a configuration to a value of its space."""
        node = nodes().find("Configuration", parse_path(path))
        if node is not None:
            assert node.space.accept(value) == value
        self.settings.put(parse_path(path), value)

    def do(self, command: str, roles: str = "A", /, **arguments: Any) -> Any:
        """Carry a command out as a door does."""
        caller = Caller("tester", frozenset(roles))
        prepared = self.commands.prepare(tuple(command.split(" ")), arguments, None, caller)
        return self.commands.call(prepared)

    def tell(self) -> list[Told]:
        """Return what was told since the last look."""
        told, self.told = self.told, []
        return told

    @property
    def timers(self) -> list[str]:
        """Return who waits, by the name of what would be called."""
        return sorted(str(getattr(timer.callback, "__qualname__", timer.callback)) for timer in self.time.waiting)


def fits(path: Path, value: Value) -> None:
    """Check that a status leaf is in the table, and its value in its space."""
    node = nodes().find("Status", path)
    assert node is not None, words(path)
    assert node.space.accept(value) == value, words(path)
    assert type(value) is (int if node.space.kind == "integer" else str), words(path)


def play(
    story: Callable[[Room], Awaitable[None] | None], configuration: Mapping[str, Value] | None = None, **kept: Any
) -> None:
    """Run a story in a room of its own, on virtual time; a defect in a timer fails it."""

    async def body() -> None:
        room = Room(configuration, **kept)
        awaited = story(room)
        if awaited is not None:
            await awaited
        assert room.failures == []

    run(body)


def refused(room: Room, command: str, /, **arguments: Any) -> str:
    """Return the Reason of a command that fails and changes nothing."""
    before, told = dict(room.status), len(room.told)
    try:
        room.do(command, **arguments)
    except XapiError as error:
        assert dict(room.status) == before
        assert len(room.told) == told
        return str(error)
    raise AssertionError(f"{command} was carried out")
