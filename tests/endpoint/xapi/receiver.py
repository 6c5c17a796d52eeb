"""A web server in the room: takes note of what it is asked, and answers what a test wants."""

from __future__ import annotations

import asyncio
import json
import ssl
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from endpoint.runtime.net import Listener
from tests.endpoint.xapi.ground import XapiGround

HOST = "room.test"


@dataclass
class Heard:
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at_s: float

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


class Receiver:
    """Answers as HOST, on a port of its own."""

    def __init__(self, ground: XapiGround, tls: ssl.SSLContext | None = None) -> None:
        self._ground = ground
        self._tls = tls
        self.heard: list[Heard] = []
        self.status = 200
        self.text: str | bytes = ""
        self.headers: dict[str, str] = {}
        self.late_s = 0.0
        self.at_once = 0
        """The most requests that were open at the same time."""
        self._open = 0
        self._arrivals: asyncio.Queue[None] = asyncio.Queue()

    async def __aenter__(self) -> Receiver:
        self._server = web.Server(self._answer)
        self._listener: Listener = await self._ground.net.listen(self._server, tls=self._tls)
        self.port = 443 if self._tls else 80
        self._ground.net.publish(HOST, self.port, self._listener.host, self._listener.port)
        self.url = f"http{'s' if self._tls else ''}://{HOST}/in"
        self.loopback = f"http{'s' if self._tls else ''}://127.0.0.1:{self._listener.port}/in"
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._listener.close()
        await self._server.shutdown()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self._open += 1
        self.at_once = max(self.at_once, self._open)
        try:
            body = await request.read()
            headers = dict(request.headers)
            self.heard.append(Heard(request.method, request.path_qs, headers, body, self._ground.clock.time()))
            self._arrivals.put_nowait(None)
            if self.late_s:
                await self._ground.clock.sleep(self.late_s)
        finally:
            self._open -= 1
        body = self.text.encode() if isinstance(self.text, str) else self.text
        return web.Response(status=self.status, body=body, headers=self.headers)

    async def until(self, count: int) -> None:
        """Wait until so many requests have arrived, and have been answered."""
        await self.arrival(count)
        await self.quiet()

    async def arrival(self, count: int) -> None:
        """Wait until so many requests have arrived."""
        while len(self.heard) < count:
            await self._arrivals.get()

    async def quiet(self) -> None:
        """Let what is on its way arrive."""
        await self._ground.clock.sleep(1)
