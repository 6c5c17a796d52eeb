"""One CONNECT: the bytes on a fresh connection to a proxy, and what became of them (RFC 9110 9.3.6)."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from endpoint.runtime.errors import Unreachable
from endpoint.runtime.net import CONNECT_TIMEOUT_S
from endpoint.runtime.world import World
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.proxyauth import ProxyAuthorization
from endpoint.wire.tunnel import ProxyAddress, Reply, ReplyReader, connect_request

SERVICE: Final = "proxy"
"""Name of the way to the proxy, for faults aimed at it."""
ANSWER_PATIENCE_S: Final = CONNECT_TIMEOUT_S + 5.0
"""Longer than a proxy looks for a host: its own answer is heard, and it does not count as gone (ours)."""


class ProxyDown(Unreachable):
    """The proxy is not there, or does not answer as one."""

    def __init__(self, host: str) -> None:
        super().__init__("proxy", host, "proxy unreachable")


class _Exchange(asyncio.Protocol):
    """Asks, and reads the head of the answer; then it reads no further."""

    def __init__(self, request: bytes, reply: asyncio.Future[Reply]) -> None:
        self._request = request
        self._reply = reply
        self._reader = ReplyReader()
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if self._reply.done():
            return
        try:
            reply = self._reader.feed(data)
        except RemoteProtocolError as error:
            self._reply.set_exception(error)
            return
        if reply is not None:
            self._transport.pause_reading()
            self._reply.set_result(reply)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._reply.done():
            self._reply.set_exception(ConnectionResetError("the proxy hung up"))


async def ask(
    world: World, proxy: ProxyAddress, host: str, port: int, authorization: ProxyAuthorization | None
) -> tuple[Reply, Any]:
    """Ask a proxy for a tunnel; returns its answer, and the paused stream where it is open.

    Raises:
        ProxyDown: nobody answered, or with something that is no answer.
    """
    reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
    exchange = _Exchange(connect_request(host, port, authorization), reply)
    transport: Any = None
    is_kept = False
    try:
        transport, _ = await world.net.connect(lambda: exchange, proxy.host, proxy.port, service=SERVICE)
        async with world.clock.timeout(ANSWER_PATIENCE_S):
            answer = await reply
        if answer.is_open and answer.rest:
            raise ProxyDown(host)  # nobody has said anything yet that could be answered
        is_kept = answer.is_open
        return answer, transport if is_kept else None
    except (Unreachable, OSError, RemoteProtocolError):
        raise ProxyDown(host) from None
    finally:
        if not reply.cancel() and not reply.cancelled():
            reply.exception()  # taken note of, should nobody have waited for it
        if transport is not None and not is_kept:
            transport.abort()
