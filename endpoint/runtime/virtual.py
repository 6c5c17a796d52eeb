"""The virtual event loop: time jumps to the next timer as soon as nothing is left to do.

Libraries run on it unchanged, because they know time and network only through their loop. Streams, datagrams and listeners live in
memory (`runtime.memory`); real sockets, threads and subprocesses have no place here, virtual time would outrun them. Timers of one
microsecond fire in the order in which they were set, whatever else is planned.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import selectors
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import Any, TypeVar, TypeVarTuple

from endpoint.runtime.errors import Deadlock, NotSimulated
from endpoint.runtime.memory import MemoryNetwork

GARBAGE_AFTER = 50_000
"""Allocations between two looks for garbage: a run makes many small objects that live long; looking every 700 takes a tenth of its time."""

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class _JumpingSelector(selectors.SelectSelector):
    """Never waits: where the loop would sleep, its clock jumps instead."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            self.loop.nothing_left()
        elif timeout > 0:
            self.loop.jump(timeout)
        return []


class _When(float):
    """The instant of a timer, with its place among those of the same instant: asyncio's heap keeps no order there."""

    __slots__ = ("order",)
    order: int

    def __lt__(self, other: object) -> bool:
        if isinstance(other, _When) and self == other:
            return self.order < other.order
        return super().__lt__(other)  # type: ignore[operator]  # another float, as asyncio compares them


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose seconds are integers of microseconds, and pass only when nothing else can happen."""

    def __init__(self) -> None:
        self._now_us = 0
        selector = _JumpingSelector()
        super().__init__(selector)
        selector.loop = self
        self._clock_resolution = 0.5e-6  # below a microsecond: no timer fires before its own
        self._order = itertools.count()
        self.network = MemoryNetwork(self)
        self.on_idle: Callable[[], bool] | None = None
        """Asked when nothing is scheduled any more; True when it made something happen."""

    def time(self) -> float:
        return self._now_us / 1e6

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        instant = _When(round(when * 1e6) / 1e6)
        if (
            instant <= self.time() < when
        ):  # whoever finds that it is too early, and tries again, must not meet the same instant
            instant = _When((self._now_us + 1) / 1e6)
        instant.order = next(self._order)
        return super().call_at(instant, callback, *args, context=context)

    def timers(self) -> list[asyncio.TimerHandle]:
        """Return what is planned and has not happened yet, the next one first."""
        planned: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined]  # asyncio tells it nowhere else
        return sorted(timer for timer in planned if not timer.cancelled())

    def jump(self, seconds: float) -> None:
        """Let time pass."""
        self._now_us += max(1, round(seconds * 1e6))

    def nothing_left(self) -> None:
        """Deal with a loop that would wait for ever.

        Raises:
            Deadlock: nobody can make anything happen.
        """
        if self.on_idle is None or not self.on_idle():
            raise Deadlock("nothing is scheduled and somebody still waits: virtual time has nowhere to go")

    async def create_connection(self, protocol_factory: Any, host: Any = None, port: Any = None, **options: Any) -> Any:
        tls = options.get("ssl")
        name = options.get("server_hostname") or (host if tls else None)
        if tls is True:
            tls = ssl.create_default_context()
        return await self.network.connect(protocol_factory, host, port, tls, name)

    async def create_server(self, protocol_factory: Any, host: Any = None, port: Any = None, **options: Any) -> Any:
        return self.network.listen(protocol_factory, host or "127.0.0.1", port or 0, options.get("ssl"))

    async def create_datagram_endpoint(
        self, protocol_factory: Any, local_addr: Any = None, remote_addr: Any = None, **options: Any
    ) -> Any:
        return self.network.bind(protocol_factory, local_addr, remote_addr)

    async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> list[Any]:
        if host not in ("127.0.0.1", "localhost"):
            raise socket.gaierror(socket.EAI_NONAME, f"{host!r} is no name on the virtual loop")
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", int(port or 0)))]

    async def sock_connect(self, sock: Any, address: Any) -> None:
        raise NotSimulated(f"a real connection to {address}", "the virtual loop has no sockets; open it through Net")

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]  # typed as callers use it
        """Run the function here and now: a thread would be outrun by virtual time."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future


def run(main: Callable[[], Awaitable[T]]) -> T:
    """Run a coroutine function on a virtual loop of its own and return its result.

    Raises:
        Deadlock: it waits for something that nothing is left to bring about.
    """

    async def body() -> T:
        return await main()

    thresholds = gc.get_threshold()
    gc.set_threshold(GARBAGE_AFTER, *thresholds[1:])
    try:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            return runner.run(body())
    finally:
        gc.set_threshold(*thresholds)
