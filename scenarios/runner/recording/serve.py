"""The doors of a recorded cloud: HTTP and websockets, on real sockets or in memory.

Frames go out at their recorded distance from the opening of the socket; pings and questions to the key service are answered when they come.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import msgspec
from aiohttp import WSMsgType, web

from endpoint.cloud.bases import DEFAULT_DOMAINS
from endpoint.runtime.clock import Clock, Timer
from endpoint.runtime.net import Listener, NameTable, Net
from endpoint.runtime.net import reset as reset_stream
from endpoint.runtime.tls import Authority
from endpoint.wire import conventions
from endpoint.wire.conventions import DEFAULT_PORTS, format_http_date
from endpoint.wire.mercury_close import NOT_AUTHORIZED
from scenarios.runner.recording.cloud import RecordedCloud, Said
from scenarios.runner.recording.matching import Asked
from scenarios.runner.recording.model import Recording, Socket

BODY_BYTES_MAX: Final = 1024 * 1024
AUTHORIZATION_S: Final = 30.0
SOCKETS_MAX: Final = 1_000
ABNORMAL: Final = 1006
HELD_S: Final = 10.0
"""So long a frame waits for the request that it came of."""
OURS: Final = "/roomsim/"
"""Below this a device of ours asks for the simulation; no cloud of the field has it."""


def names_of(recording: Recording) -> list[str]:
    """Return every host name of a recording, and those of this machine."""
    urls = [one.url for one in recording.exchanges] + [one.url for one in recording.sockets]
    hosts = {conventions.authority(url).rpartition(":")[0].strip("[]") for url in urls if conventions.is_url(url)}
    wild = {f"*.{domain}" for domain in DEFAULT_DOMAINS}
    return [
        "localhost",
        "127.0.0.1",
        *sorted(hosts - {"localhost", "127.0.0.1"}),
        *sorted(wild),
        *sorted(DEFAULT_DOMAINS),
    ]


class Doors:
    """Serve a recorded cloud."""

    def __init__(self, cloud: RecordedCloud, clock: Clock, authority: Authority) -> None:
        self._cloud = cloud
        self._clock = clock
        self._tls: ssl.SSLContext = authority.server_context(names_of(cloud.recording))
        self.nodes: Callable[[], list[dict[str, str | int]]] | None = None
        """Says where media nodes really are, for devices of ours in processes of their own."""
        self._server = web.Server(self._serve, access_log=None)
        self._lines: list[_Line] = []
        self._listeners: dict[str, Listener] = {}

    async def open(self, net: Net, names: NameTable, *, https: tuple[str, int], http: tuple[str, int] | None) -> None:
        """Open the doors; every host of the recording leads to them from here on.

        Raises:
            OSError: an address is in use or not ours.
        """
        self._listeners["https"] = await net.listen(self._server, *https, tls=self._tls)
        if http is not None:
            self._listeners["http"] = await net.listen(self._server, *http)
        for scheme, listener in self._listeners.items():
            for name in names_of(self._cloud.recording):
                if not name.startswith("*"):
                    names.publish_domain(name, DEFAULT_PORTS[scheme], listener.host, listener.port)

    async def close(self) -> None:
        """Close doors and connections."""
        for line in self._lines:
            line.stop()
        for listener in self._listeners.values():
            listener.close()
        await self._server.shutdown(timeout=1.0)
        for listener in self._listeners.values():
            await listener.wait_closed()

    def url(self, scheme: str) -> str | None:
        """Return the base URL of a door, None if it is not open."""
        listener = self._listeners.get(scheme)
        return f"{scheme}://{listener.host}:{listener.port}" if listener is not None else None

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path.startswith(OURS):
            found = self.nodes() if self.nodes is not None and request.path == f"{OURS}names" else None
            return web.Response(status=404) if found is None else web.json_response({"names": found})
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._websocket(request)
        body = await self._read(request)
        if body is None:
            return web.Response(status=413)
        host = request.headers.get("Host", "").rpartition(":")
        name = host[0] if host[2].isdecimal() and host[0] else request.headers.get("Host", "")
        text, mime = body.decode("utf-8", "replace"), request.headers.get("Content-Type", "")
        asked = Asked(request.method, name.strip("[]"), request.path, request.rel_url.query_string, text, mime)
        reply, answers = self._cloud.answer(asked, request.headers, body)
        if reply.cuts:
            if request.transport is not None:
                reset_stream(request.transport)
            return web.Response(status=500)  # to nobody
        if answers:
            self._clock.call_later(0.0, self._push, answers)
        self._clock.call_later(0.0, self._go_on)
        response = web.Response(status=reply.status, body=reply.body)
        for header, value in [*reply.headers, ("Date", format_http_date(self._cloud.now()))]:
            response.headers[header] = value
        return response

    async def _read(self, request: web.BaseRequest) -> bytes | None:
        chunks, size = [], 0
        while chunk := await request.content.readany():
            size += len(chunk)
            if size > BODY_BYTES_MAX:
                return None
            chunks.append(chunk)
        return b"".join(chunks)

    def _push(self, answers: list[str]) -> None:
        for line in self._lines:
            if line.is_authorized and not line.ws.closed:
                line.answered(answers)

    def _go_on(self) -> None:
        for line in self._lines:
            line.go_on()

    async def _websocket(self, request: web.BaseRequest) -> web.StreamResponse:
        recorded = self._cloud.connect()
        if recorded is None or len(self._lines) >= SOCKETS_MAX:
            return web.Response(status=404)
        ws = web.WebSocketResponse(autoping=True, compress=False)
        await ws.prepare(request)
        line = _Line(ws, self._cloud, self._clock, recorded, request.transport)
        self._lines.append(line)
        try:
            async for message in ws:
                if message.type is WSMsgType.TEXT:
                    line.take(message.data)
        finally:
            line.stop()
            self._lines.remove(line)
        return ws


class _Line:
    """One websocket of a replay."""

    def __init__(
        self, ws: web.WebSocketResponse, cloud: RecordedCloud, clock: Clock, recorded: Socket, transport: Any
    ) -> None:
        self.ws = ws
        self.is_authorized = False
        self._cloud = cloud
        self._clock = clock
        self._recorded = recorded
        self._transport = transport
        self._timers: list[Timer] = []
        self._due: deque[Said] = deque()
        self._patience: Timer | None = None
        self._sequence = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, text: str) -> None:
        """Take a message of the device: its authorization, a ping; acks need nothing."""
        try:
            frame = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        kind = frame.get("type") if isinstance(frame, dict) else None
        if kind == "ping":
            self._send({"id": str(frame.get("id", "")), "type": "pong"})
        elif kind == "authorization" and not self.is_authorized:
            if not self._cloud.admits(self._recorded, frame):
                self._end(NOT_AUTHORIZED, "the token is not of this replay")
                return
            self.is_authorized = True
            for said in self._cloud.says(self._recorded):
                self._timers.append(self._clock.call_later(said.after_s, self._say, said))
            ends = self._cloud.ends(self._recorded)
            if ends is not None:
                self._timers.append(self._clock.call_later(ends[0], self._end, ends[1], ends[2]))

    def answered(self, answers: list[str]) -> None:
        """Bring answers of the key service."""
        self._send(self._cloud.event_of(answers, self._sequence + 1))

    def go_on(self) -> None:
        """Say what is due, in its order, up to what came of a request that nobody has made yet."""
        while self._due and not self._cloud.is_held(self._due[0]):
            self._send(self._cloud.frame(self._due.popleft()))
            self._be_patient(False)
        if self._due and self._patience is None:
            self._be_patient(True)

    def _be_patient(self, waits: bool) -> None:
        if self._patience is not None:
            self._patience.cancel()
        self._patience = self._clock.call_later(HELD_S, self._give_up) if waits else None

    def _give_up(self) -> None:
        self._patience = None
        self._cloud.give_up(self._due[0])
        self.go_on()

    def stop(self) -> None:
        """Say nothing any more."""
        self._due.clear()
        self._be_patient(False)
        for timer in self._timers:
            timer.cancel()
        for task in self._tasks:
            task.cancel()

    def _say(self, said: Said) -> None:
        self._due.append(said)
        self.go_on()

    def _send(self, frame: dict[str, Any]) -> None:
        self._sequence += 1
        frame |= {
            "sequenceNumber": self._sequence,
            "wsWriteTimestamp": round(self._cloud.now().timestamp() * 1000),
        }
        self._start(self.ws.send_frame(msgspec.json.encode(frame), WSMsgType.TEXT))

    def _end(self, code: int, reason: str) -> None:
        if code == ABNORMAL or not 1000 <= code < 5000:
            reset_stream(self._transport)
        else:
            self._start(self.ws.close(code=code, message=reason.encode()))

    def _start(self, work: Any) -> None:
        async def do() -> None:
            with suppress(ConnectionError):
                await work

        task = asyncio.get_running_loop().create_task(do())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
