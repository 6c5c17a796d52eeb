"""aiohttp on our network: every connection it opens goes through `Net`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

from endpoint.runtime.errors import Unreachable
from endpoint.runtime.net import Net
from endpoint.runtime.tls import UNVERIFIED, TlsClient

if TYPE_CHECKING:
    from aiohttp.client import ClientTimeout
    from aiohttp.client_reqrep import ClientRequest
    from aiohttp.tracing import Trace as AiohttpTrace


CONNECTIONS_MAX = 1_000
"""Connections of one connector; further requests wait for one."""

service: ContextVar[str] = ContextVar("service", default="")
"""The cloud service that the running request is for; faults aim at it. Never sent."""
direct: ContextVar[bool] = ContextVar("direct", default=False)
"""The running request takes no proxy."""
on_proxy_answer: ContextVar[Callable[[int], object] | None] = ContextVar("on_proxy_answer", default=None)
"""Told the status with which a proxy refuses the running request."""


@contextmanager
def request(of: str, *, is_direct: bool, on_answer: Callable[[int], object] | None) -> Iterator[None]:
    """Say within a block what the running request is; one that is made meanwhile, for a script say, leaves nothing behind."""
    tokens = service.set(of), direct.set(is_direct), on_proxy_answer.set(on_answer)
    try:
        yield
    finally:
        service.reset(tokens[0])
        direct.reset(tokens[1])
        on_proxy_answer.reset(tokens[2])


class NetConnectionError(aiohttp.ClientError):
    """Carries our own error through aiohttp."""

    def __init__(self, reason: Unreachable) -> None:
        self.reason = reason
        super().__init__(str(reason))


class NetConnector(aiohttp.BaseConnector):
    """Open aiohttp's connections on a `Net`.

    A request with `ssl=False` is not verified; every other one is verified against `anchors()`, asked for at each new connection.
    """

    def __init__(self, net: Net, anchors: Callable[[], TlsClient]) -> None:
        super().__init__(keepalive_timeout=None, limit=CONNECTIONS_MAX)  # aiohttp would measure idleness in real time
        self._net = net
        self._anchors = anchors

    async def _create_connection(
        self, req: ClientRequest, traces: list[AiohttpTrace], timeout: ClientTimeout
    ) -> ResponseHandler:
        tls = None
        if req.is_ssl():
            tls = UNVERIFIED if req.ssl is False else self._anchors()
        host, port = req.url.raw_host or "", req.url.port or 0
        try:
            _, protocol = await self._net.connect(
                self._factory, host, port, tls=tls, service=service.get(), proxied=not direct.get()
            )
        except Unreachable as error:
            raise NetConnectionError(error) from None
        if not isinstance(protocol, ResponseHandler):  # aiohttp's own factory made it
            raise TypeError(f"unexpected protocol {type(protocol).__name__}")
        return protocol


def no_timeout() -> Any:
    """Return aiohttp's timeout with everything off: deadlines run on our clock, not on aiohttp's."""
    return aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)
