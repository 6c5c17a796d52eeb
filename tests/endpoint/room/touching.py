"""A room to touch: real tree, real commands, the node table as judge, and a clock that is moved by hand."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from endpoint.device.defaults import configuration_defaults
from endpoint.room.ports import RoomWorld
from endpoint.runtime.chance import Chance
from endpoint.runtime.clock import Clock
from endpoint.runtime.devicelog import DeviceLog
from endpoint.runtime.errors import StorageError
from endpoint.runtime.faults import Faults
from endpoint.runtime.net import NameTable, Net
from endpoint.runtime.trace import Trace
from endpoint.runtime.world import World
from endpoint.wire.xapi.calls import INTERNAL, Caller, Owner
from endpoint.wire.xapi.errors import CommandFailed
from endpoint.wire.xapi.jsonform import typed
from endpoint.wire.xapi.leaves import Fields, flatten
from endpoint.wire.xapi.nodes import Value, nodes
from endpoint.wire.xapi.paths import Path, parse_path, words
from endpoint.wire.xapi.query import query_of_text
from endpoint.xapi.commands import Commands
from endpoint.xapi.feedback import Feedback, Notice
from endpoint.xapi.tree import Changes, Tree

BEGIN = datetime(2026, 3, 2, 8, 50, tzinfo=UTC)


class _Alarm:
    def __init__(self, callback: Callable[..., object], args: tuple[object, ...]) -> None:
        self.callback: Callable[..., object] | None = callback
        self.args = args

    def cancel(self) -> None:
        self.callback = None


class HandTime:
    """Time that passes when it is told to."""

    start = BEGIN

    def __init__(self) -> None:
        self._now = 0.0
        self._heap: list[tuple[float, int, _Alarm]] = []
        self._order = itertools.count()

    def time(self) -> float:
        return self._now

    def call_at(self, when_s: float, callback: Callable[..., object], *args: object) -> _Alarm:
        alarm = _Alarm(callback, args)
        heapq.heappush(self._heap, (when_s, next(self._order), alarm))
        return alarm

    @property
    def waiting(self) -> int:
        """Timers that are set and not cancelled."""
        return sum(alarm.callback is not None for _, _, alarm in self._heap)

    def pass_by(self, seconds: float) -> None:
        """Let time pass, firing what is due on the way."""
        target = self._now + seconds
        while self._heap and self._heap[0][0] <= target:
            when, _, alarm = heapq.heappop(self._heap)
            self._now = max(self._now, when)
            if alarm.callback is not None:
                alarm.callback(*alarm.args)
        self._now = target


class Touched:
    """One room; what it shows, raises and keeps is recorded, and held against the node table."""

    def __init__(self, start: Mapping[str, Value] | None = None) -> None:
        self.time = HandTime()
        clock = Clock(self.time)
        trace = Trace(clock)
        faults = Faults(clock, trace)
        who = "device:room"
        log = DeviceLog(who, clock, trace, pid=1)
        world = World(who, clock, Chance(5).actor(who), Net(who, clock, NameTable(), faults), trace, faults, log)
        self.status = Tree({parse_path(path): value for path, value in (start or {}).items()})
        self.settings = Tree(configuration_defaults())
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.changes: list[Changes] = []
        self.notices: list[Notice] = []
        self.kept: list[Any] = []
        self.is_disk_full = False
        self.status.listen((), self._changed)
        self._feedback = Feedback(self.status, self.settings, nodes())
        self.room = RoomWorld(world, self.status, self.settings, self._raised)
        self._commands = Commands(nodes())

    def listen(self, expression: str) -> None:
        """Register for feedback, as a client does."""
        self._feedback.subscribe(query_of_text(expression), INTERNAL, self.notices.append)

    def store(self, state: Any) -> None:
        """Keep a state, if there is room for it."""
        if self.is_disk_full:
            raise StorageError("device.json: cannot be written: No space left on device; the state before is kept")
        self.kept.append(state)

    def own(self, *owners: Owner) -> None:
        """Let owners carry their commands out."""
        self._commands.provide(owners)

    def call(self, command: str, body: str | None = None, caller: Caller = INTERNAL, /, **arguments: Any) -> Any:
        """Call a command as a door does; return its result as the websocket shows it. `Option_1` stands for `Option.1`."""
        named = {name.replace("Option_", "Option."): value for name, value in arguments.items()}
        outcome = self._commands.call(self._commands.prepare(parse_path(command), named, body, caller))
        if isinstance(outcome, Awaitable):
            outcome = asyncio.run(_awaited(outcome))
        return typed(flatten(outcome or {}))

    def refused(self, command: str, body: str | None = None, /, **arguments: Any) -> str:
        """Call a command that fails and leaves everything as it was; return the reason."""
        before = self.snapshot()
        try:
            answer = self.call(command, body, **arguments)
        except CommandFailed as error:
            assert self.snapshot() == before, "a command that fails changes nothing"
            return str(error)
        raise AssertionError(f"{command} did not fail: {answer}")

    def snapshot(self) -> tuple[Any, ...]:
        """What a client could see."""
        events = [event for event in self.events if event[0] != "Macros Log"]
        return dict(self.status), events, list(self.kept)

    def told(self) -> list[tuple[str, dict[str, Any]]]:
        """Return the events since this was last asked."""
        events = list(self.events)
        self.events.clear()
        return events

    def below(self, prefix: str) -> dict[str, Value]:
        """Return the leaves of a subtree by the rest of their paths."""
        root = parse_path(prefix)
        return {words(path[len(root) :]): value for path, value in self.status.below(root)}

    def set(self, path: str, value: Value) -> None:
        """Set a configuration."""
        self.settings.put(parse_path(path), value)

    def _changed(self, changes: Changes) -> None:
        self.changes.append(changes)
        assert problems((words(path), value) for path, value in changes.items() if value is not None) == []

    def _raised(self, event: str, fields: Fields) -> None:
        """Record an event, and hold it against the node table."""
        node = nodes().event(parse_path(event))
        assert node is not None, f"no event {event}"
        assert node.path == event
        given = {name: value for name, value in fields.items() if value is not None}
        known = {field.name: field for field in node.fields}
        assert set(given) <= set(known), f"{event}: {set(given) - set(known)}"
        missing = {name for name, field in known.items() if not field.optional} - set(given)
        assert not missing, f"{event}: {missing}"
        for name, value in given.items():
            assert known[name].space.accept(value) == value
        self._feedback.raise_event(event, fields)
        self.events.append((event, given))


async def _awaited(outcome: Awaitable[Any]) -> Any:
    return await outcome


def problems(leaves: Iterable[tuple[str, Value]]) -> list[str]:
    """Say what is wrong with status leaves: not in the table, not in its spelling, or a value that they cannot have."""
    found = []
    for text, value in leaves:
        path: Path = parse_path(text)
        node = nodes().find("Status", path)
        if node is None:
            found.append(f"{text}: not in the node table")
            continue
        accepted = node.space.accept(value)
        if accepted != value or type(accepted) is not type(value):
            found.append(f"{text}: {value!r} is stored as {accepted!r}")
    return found


def ghosts(changes: Changes) -> set[Path]:
    """Return the leaves that a group of changes removed."""
    return {path for path, value in changes.items() if value is None}


__all__ = ["BEGIN", "HandTime", "Touched", "ghosts", "problems"]
