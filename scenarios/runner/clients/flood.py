"""A client that sends far more than it should: many questions at once, or many connections, every second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from endpoint.runtime.errors import Unreachable
from endpoint.runtime.net import Net
from endpoint.runtime.tls import UNVERIFIED

if TYPE_CHECKING:
    from scenarios.runner.clients.kept import KeptClient

What = Literal["requests", "connections"]
REQUESTS: Final = 100
CONNECTIONS: Final = 25
EVERY_S: Final = 1.0
"""What comes at once, and how often."""
CONNECTIONS_MAX: Final = 1_000
"""Connections that one flood keeps."""
_HEAD_BYTES: Final = 64


@dataclass
class Tally:
    """What came of a flood: what was sent, what of it the device answered or took, and what it refused or hung up on."""

    sent: int = 0
    answered: int = 0
    refused: int = 0
    kept: list[Callable[[], object]] = field(default_factory=list)
    """What ends the connections that are kept."""

    def count(self, answer: asyncio.Future[Any]) -> None:
        """Count an answer when it has come, or the news that none will."""
        if answer.cancelled() or answer.exception() is not None:
            self.refused += 1
        else:
            self.answered += 1

    def take_back(self, answer: asyncio.Future[str]) -> None:
        """Count as refused what was taken at first: the device has hung up on it."""
        self.answered -= 1
        self.refused += 1


async def flood(client: KeptClient, what: What, tally: Tally) -> None:
    """Send, again and again, until the client's connection has ended."""
    while client.is_open:
        if what == "requests":
            await client.ask_much(REQUESTS, tally)
        else:
            for _ in range(CONNECTIONS):
                if len(tally.kept) < CONNECTIONS_MAX:
                    await client.connect_once_more(tally)
        await client.stage.clock.sleep(EVERY_S)


class _Caller(asyncio.Protocol):
    """A connection that asks at most one thing, looks at the status of the answer, and stays."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._head = b""
        self.answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport), "a stream"
        if self._request:
            transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._head = (self._head + data)[:_HEAD_BYTES]
        words = self._head.split(b" ", 2)
        if len(words) > 2 and not self.answered.done():
            self.answered.set_result(words[1].decode(errors="replace"))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.answered.done():
            self.answered.set_result("")


async def call(net: Net, address: str, request: bytes, accepted: str, tally: Tally) -> None:
    """Open a connection to an HTTPS door and keep it.

    Args:
        request: what is said first, nothing for a connection that only stands there.
        accepted: the status that says the device has taken it; `""`: it is taken when nothing is said.
    """
    host, _, port = address.rpartition("//")[2].partition("/")[0].rpartition(":")
    tally.sent += 1
    try:
        transport, caller = await net.connect(lambda: _Caller(request), host.strip("[]"), int(port), tls=UNVERIFIED)
    except Unreachable:
        tally.refused += 1
        return
    if not accepted:
        caller.answered.add_done_callback(tally.take_back)
    elif await caller.answered != accepted:
        tally.refused += 1
        transport.abort()
        return
    tally.answered += 1
    tally.kept.append(transport.abort)
