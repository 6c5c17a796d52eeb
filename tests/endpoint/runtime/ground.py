"""A small world for tests of the runtime: one clock, one trace, one network, and protocols that keep what they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from endpoint.runtime.clock import Clock, LoopTime
from endpoint.runtime.faults import Faults
from endpoint.runtime.net import Listener, NameTable, Net
from endpoint.runtime.tls import Authority
from endpoint.runtime.trace import Trace

START = datetime(2026, 3, 2, 8, 50, tzinfo=UTC)
AUTHORITY = Authority("root of the runtime tests")
"""One for all tests: keys take their time."""


class Ground:
    """What the actors of one run share. Made inside the running loop."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.clock = Clock(LoopTime(self.loop, START))
        self.trace = Trace(self.clock)
        self.faults = Faults(self.clock, self.trace)
        self.names = NameTable()
        self.net = Net("device:room", self.clock, self.names, self.faults)
        self.listeners: list[Listener] = []
        self.failures: list[dict[str, Any]] = []
        """What would have been logged as an unhandled error."""
        self.loop.set_exception_handler(lambda _, context: self.failures.append(context))


class Ear(asyncio.Protocol):
    """Keeps everything that a transport tells, in order: `made`, bytes, `eof`, `paused`, `resumed`, `lost` and what with."""

    def __init__(self, *, keeps_open: bool = False) -> None:
        self.heard: list[Any] = []
        self.transport: Any = None
        self.lost_with: BaseException | None = None
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._keeps_open = keeps_open

    @property
    def data(self) -> bytes:
        """Everything received."""
        return b"".join(item for item in self.heard if isinstance(item, bytes))

    @property
    def notes(self) -> list[str]:
        """Everything told but the data."""
        return [item for item in self.heard if isinstance(item, str)]

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.heard.append("made")

    def data_received(self, data: bytes) -> None:
        self.heard.append(data)

    def eof_received(self) -> bool:
        self.heard.append("eof")
        return self._keeps_open

    def pause_writing(self) -> None:
        self.heard.append("paused")

    def resume_writing(self) -> None:
        self.heard.append("resumed")

    def connection_lost(self, exc: Exception | None) -> None:
        self.heard.append("lost")
        self.lost_with = exc
        self.closed.set_result(None)


class Echo(Ear):
    """Sends back what it receives."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.transport.write(data)


async def until(holds: Callable[[], bool], turns: int = 1_000) -> None:
    """Give the loop turns until something holds; for loops whose input comes from a kernel, which takes no time of ours."""
    for _ in range(turns):
        if holds():
            return
        await asyncio.sleep(0)
    raise AssertionError(f"does not hold after {turns} turns of the loop")
