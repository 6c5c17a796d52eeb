"""One connection to an HTTP door, below its requests: how many there may be, and what is said to bytes that are no HTTP.

aiohttp answers those in its own name, and tells the process's log of each: anybody who can reach the door could fill that.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

from aiohttp import web

from endpoint.xapi.http.answers import Answer, plain

CONNECTIONS_MAX: Final = 200
"""Connections of one door; one more is answered 503. Sessions have limits of their own, and far smaller ones."""
IDLE_S_MAX: Final = 75.0
"""How long a connection may be there before the head of its request is."""
LINGERING_S_MAX: Final = 1.0
"""How long the rest of a body that nobody wants is taken in, so that its sender reads the answer."""
REASON_CHARS_MAX: Final = 200
_BUSY: Final = b"HTTP/1.1 503 Service Unavailable\r\nServer: nginx\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

Serve = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Respond = Callable[[Answer], web.StreamResponse]


class Line(web.RequestHandler):
    """A connection that refuses what is no HTTP as the door does everything else."""

    __slots__ = ("_respond",)

    def __init__(self, server: web.Server, respond: Respond) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # what aiohttp's own Server passes for none
            logger=_silent,
            keepalive_timeout=IDLE_S_MAX,
            lingering_time=LINGERING_S_MAX,
            auto_decompress=False,  # no client compresses, and a small body could become a huge one
        )
        self._respond = respond

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what could not be parsed; errors of the device are no matter of this layer."""
        if request.writer.output_size > 0:
            raise ConnectionError("An answer has begun already")
        known = status if status in _STATUSES else 400
        why = (message or "").partition("\n")[0][:REASON_CHARS_MAX]
        return self._respond(plain(known, why if why.isprintable() else ""))


class Busy(asyncio.Protocol):
    """A connection that is one too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say so, and hang up."""
        assert isinstance(transport, asyncio.WriteTransport), "a connection"
        transport.write(_BUSY)
        transport.close()


_STATUSES: Final = frozenset(status.value for status in HTTPStatus)
_silent: Final = logging.getLogger("roomsim.http.lines")
_silent.propagate = False
_silent.addHandler(logging.NullHandler())
