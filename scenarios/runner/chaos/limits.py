"""What there may be of a run at most: tasks, timers, streams, bytes that wait, and things that anybody holds."""

from __future__ import annotations

import asyncio
import gc
from collections import deque
from collections.abc import Iterator, Sequence
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, ModuleType
from typing import Final, NamedTuple

from endpoint.runtime.memory import HIGH_WATER
from endpoint.runtime.trace import Event, Trace
from endpoint.runtime.virtual import VirtualLoop

TASKS_PER_DEVICE: Final = 60
"""Tasks that one device and its side of the cloud may have running; 20 are usual."""
TASKS_OF_THE_CLOUD: Final = 400
"""Tasks that a cloud with its media nodes may have beside them."""
STREAMS_PER_DEVICE: Final = 200
"""Streams that one device may have open at once, to the cloud, to media nodes and to who talks with it; 12 are usual."""
TIMERS_PER_DEVICE: Final = 400
"""Timers that may be planned for one device and its side of the cloud; 80 are usual."""
UNREAD_MAX: Final = HIGH_WATER + 4 * 1024 * 1024
"""Bytes that may wait at one end of a stream: what flow control allows, and one body of the largest size beyond it."""
HELD_MAX: Final = 5_000
"""Things that one list, table or queue without a bound of its own may hold; a table of 600 nodes of the xAPI is usual."""
LOOK_AFTER: Final = 2_000
"""Events after which it is worth looking again at everything that is held: nothing grows without any."""
_LEAVES: Final = (str, bytes, int, float, type(None), type, ModuleType, CodeType, BuiltinFunctionType, Event, Trace)
"""Where a walk through all that a run holds does not go on; the history has a bound of its own."""

_CONTAINERS: Final = (dict, list, set, tuple, deque, CellType)


class Meter:
    """Measures at every event of a history what is open and what is planned, for streams come and go within one step."""

    def __init__(self, devices: int) -> None:
        self.devices = max(1, devices)
        self.streams = 0
        """The most ends of streams that were open at once; each stream has two."""

    def look(self) -> None:
        """Look at the network."""
        loop = asyncio.get_running_loop()
        if isinstance(loop, VirtualLoop):
            self.streams = max(self.streams, len(loop.network.streams))

    def violations(self) -> Iterator[str]:
        """Yield what is more than it may be, or was so since the beginning."""
        loop = asyncio.get_running_loop()
        if not isinstance(loop, VirtualLoop):
            return
        unread = max((end.waiting for end in loop.network.streams), default=0)
        timers, streams, tasks = len(loop.timers()), self.streams // 2, len(asyncio.all_tasks())
        for found, allowed, what in (
            (tasks, TASKS_OF_THE_CLOUD + TASKS_PER_DEVICE * self.devices, "tasks are running"),
            (streams, STREAMS_PER_DEVICE * self.devices, "streams were open at once"),
            (timers, TIMERS_PER_DEVICE * self.devices, "timers are planned"),
            (unread, UNREAD_MAX, "bytes wait at one end of a stream"),
        ):
            if found > allowed:
                yield f"{found} {what}; {allowed} are allowed"


def overfull(roots: object) -> Iterator[str]:
    """Yield the lists, tables and queues that hold more than HELD_MAX and have no bound of their own, wherever a run keeps them.

    Args:
        roots: where the walk begins; it goes on through all that these refer to, tasks and timers of a loop included.
    """
    seen: set[int] = set()
    todo = [_Found(roots)]
    while todo:
        found = todo.pop()
        thing = found.thing
        if id(thing) in seen or isinstance(thing, _LEAVES):
            continue
        seen.add(id(thing))
        held = _held(thing)
        if held > HELD_MAX:
            yield f"{found.name} holds {held} things and has no bound; {HELD_MAX} are allowed"
        todo.extend(_Found(one, found) for one in _inside(thing))


def _inside(thing: object) -> Sequence[object]:
    """Return what a thing refers to: of a function not the module that it stands in, of a queue not what it is made of."""
    if isinstance(thing, FunctionType):
        return thing.__closure__ or ()
    return () if isinstance(thing, asyncio.Queue) else gc.get_referents(thing)


class _Found(NamedTuple):
    """Something that was come to on a walk, and what refers to it."""

    thing: object
    holder: _Found | None = None

    @property
    def name(self) -> str:
        """Whose it is: `Mercury._outbox`, of the nearest holder that has attributes."""
        before, below, above = self, self, self.holder
        while above is not None and isinstance(above.thing, _CONTAINERS):
            before, below, above = below, above, above.holder
        if above is None:
            return type(self.thing).__name__
        whose = above.thing
        if below.thing is getattr(whose, "__dict__", None):
            below = before
        names = [*getattr(whose, "__dict__", ()), *(slot for one in type(whose).__mro__ for slot in _slots(one))]
        name = next((name for name in names if getattr(whose, name, None) is below.thing), "")
        return f"{type(whose).__name__}.{name}" if name else type(whose).__name__


def _slots(kind: type) -> Sequence[str]:
    slots: str | Sequence[str] = kind.__dict__.get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _held(thing: object) -> int:
    """Return how many things a container holds that may grow without end, 0 for anything else."""
    if isinstance(thing, asyncio.Queue):
        return thing.qsize() if thing.maxsize == 0 else 0
    if isinstance(thing, deque):
        return len(thing) if thing.maxlen is None else 0
    return len(thing) if isinstance(thing, (dict, list, set)) else 0
