"""One HTTP port of the device: the xAPI websocket at `/ws`, the XML API, and HTTP sessions.

The headers are those that devices send. Source: protocol/xapi.md 3.1, 3.2, 5.1.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from email.utils import format_datetime
from functools import partial
from typing import Final, TypeAlias

from aiohttp import WSCloseCode, web

from endpoint.runtime.net import Listener
from endpoint.runtime.tasks import Tasks
from endpoint.runtime.world import World
from endpoint.wire.xapi.calls import Caller
from endpoint.wire.xapi.xmlinput import DOCUMENT_BYTES_MAX
from endpoint.xapi.access import Xapi
from endpoint.xapi.http import login
from endpoint.xapi.http.answers import Answer, plain
from endpoint.xapi.http.cookies import Cookies, set_cookie, token_of
from endpoint.xapi.http.login import Users
from endpoint.xapi.http.ports import Facts, Schema, Sessions
from endpoint.xapi.http.rpc import RpcSession
from endpoint.xapi.http.websocket import CLOSING_S_MAX, MESSAGE_BYTES_MAX, Outbox, converse
from endpoint.xapi.http.xmlapi import XmlApi
from endpoint.xapi.sessions import Session, TooManySessions

KEEP_ALIVE_S: Final = 75.0
CLOSE_REASON_BYTES_MAX: Final = 120
CHALLENGE: Final = 'Basic realm="CISCO-Endpoint"'
TOUCH_EVERY_S: Final = 1.0
"""How exactly the inactivity of a websocket is known."""
WEBSOCKET_PATHS: Final = frozenset({"/ws", "/ws/"})
HEADERS: Final[Mapping[str, str]] = {
    "Server": "nginx",
    "Cache-Control": "no-store, max-age=0",
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'self'",
    "Referrer-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=0",
    "X-Content-Type-Options": "nosniff",
}
"""Observed but for the policy's text, which is ours."""


class HttpDoor:
    """The websocket and the XML API of one boot of a device, on one port.

    Args:
        schema: the documents of the node table: the module `endpoint.wire.xapi.documents`.
        tls: makes it the HTTPS door.
    """

    def __init__(
        self,
        world: World,
        xapi: Xapi,
        users: Users,
        sessions: Sessions,
        facts: Facts,
        schema: Schema,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._world = world
        self._xapi = xapi
        self._users = users
        self._sessions = sessions
        self._facts = facts
        self._schema = schema
        self._tls = tls
        self._tasks = Tasks()
        self._cookies = Cookies(sessions, world.chance.stream("http session", "https" if tls else "http"))
        self._xml = XmlApi(xapi, facts, schema, self._defect)
        self._sockets: dict[int, web.WebSocketResponse[bool]] = {}
        self._server: web.Server | None = None
        self._listener: Listener | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Open the door; port 0 takes a free one.

        Raises:
            OSError: the address is in use or not ours.
        """
        assert self._server is None, "the door is shut"
        server = web.Server(self._serve, access_log=None, keepalive_timeout=KEEP_ALIVE_S)
        self._listener = await self._world.net.listen(server, host, port, tls=self._tls)
        self._server = server

    @property
    def is_open(self) -> bool:
        """Say whether somebody can connect."""
        return self._listener is not None

    @property
    def host(self) -> str:
        """Where it listens."""
        assert self._listener is not None, "the door is open"
        return str(self._listener.host)

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._listener is not None, "the door is open"
        return int(self._listener.port)

    async def stop(self) -> None:
        """Shut the door: websockets are closed, sessions and running commands ended. Harmless when it is shut."""
        listener, self._listener = self._listener, None
        server, self._server = self._server, None
        if listener is None or server is None:
            return
        listener.close()
        self._cookies.end_all()
        closing = (_hang_up(ws, WSCloseCode.GOING_AWAY, "Service stopped") for ws in tuple(self._sockets.values()))
        await asyncio.gather(*closing)
        await server.shutdown(timeout=CLOSING_S_MAX)
        await self._tasks.cancel()
        await listener.wait_closed()

    # requests

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path in WEBSOCKET_PATHS:
            answer = await self._upgrade(request)
        else:
            answer = await self._answer(request)
        return answer if isinstance(answer, web.StreamResponse) else self._response(answer)

    def _headers(self) -> dict[str, str]:
        return {**HEADERS, "Date": format_datetime(self._world.clock.now().astimezone(UTC), usegmt=True)}

    def _response(self, answer: Answer) -> web.Response:
        response = web.Response(status=answer.status, headers={**self._headers(), **answer.headers})
        if answer.media:
            response.body = answer.body.encode()
            response.headers["Content-Type"] = f"{answer.media}; charset=UTF-8"
        response.force_close()
        return response

    # the XML API

    async def _answer(self, request: web.BaseRequest) -> Answer:
        route = _ROUTES.get(request.path)
        if route is None:
            return plain(404)
        methods, handle = route
        if request.method not in methods:
            return plain(405, f"Only {' and '.join(methods)}", {"Allow": ", ".join(methods)})
        if not self._facts.is_ready:
            return plain(502, "The device is starting")
        if not self._facts.serves(secure=self._tls is not None, websocket=False):
            return plain(403, "NetworkServices HTTP Mode does not let this scheme be used")
        if handle is None:
            return plain(200, "The xAPI of this device: /ws, /getxml, /putxml, /status.xml")
        asked = await self._asked(request)
        if asked is None:
            return plain(401, "Wrong user name or passphrase", {"WWW-Authenticate": CHALLENGE})
        body = await _body(request)
        if body is None:
            return plain(413, f"A body has at most {DOCUMENT_BYTES_MAX} bytes")
        return await handle(self, asked, body)

    async def _asked(self, request: web.BaseRequest) -> _Asked | None:
        token = token_of(request.headers.get("Cookie", ""))
        caller = self._cookies.caller(token, self._world.clock.now())
        if caller is not None:
            return _Asked(request, caller, token)
        given = login.basic(request.headers.get("Authorization", ""))
        caller = await login.caller_of(self._users, [given], origin=request.remote or "", door="http")
        return None if caller is None else _Asked(request, caller)

    async def _status(self, asked: _Asked, body: bytes) -> Answer:
        return self._xml.document(asked.request.path.strip("/").removesuffix(".xml"), asked.caller)

    async def _getxml(self, asked: _Asked, body: bytes) -> Answer:
        return self._xml.location(asked.request.query.get("location"), asked.caller)

    async def _putxml(self, asked: _Asked, body: bytes) -> Answer:
        return await self._xml.put(body, asked.media, asked.charset, asked.caller)

    async def _bookings(self, asked: _Asked, body: bytes) -> Answer:
        return await self._xml.put_bookings(body, asked.media, asked.charset, asked.caller)

    async def _begin(self, asked: _Asked, body: bytes) -> Answer:
        if asked.token:
            return Answer(204)
        try:
            token = self._cookies.begin(asked.caller)
        except TooManySessions:
            return plain(503, "Too many sessions; end one with /xmlapi/session/end")
        return Answer(204, headers={"Set-Cookie": set_cookie(token, secure=self._tls is not None)})

    async def _end(self, asked: _Asked, body: bytes) -> Answer:
        return Answer(204 if self._cookies.end(asked.token) else 200)

    # the websocket

    async def _upgrade(self, request: web.BaseRequest) -> web.StreamResponse | Answer:
        """Open a websocket and serve it to its end; every refusal comes before the first frame."""
        secure = self._tls is not None
        if not self._facts.is_ready:
            return plain(502, "The device is starting")
        if not self._facts.serves(secure=secure, websocket=False):
            return plain(401, "HTTP is not enabled on this scheme")
        if not self._facts.serves(secure=secure, websocket=True):
            return plain(404, "NetworkServices Websocket is Off")
        subprotocol = login.offered(request.headers.get("Sec-WebSocket-Protocol", ""))
        logins = [login.basic(request.headers.get("Authorization", "")), login.subprotocol(subprotocol)]
        origin = request.remote or ""
        caller = await login.caller_of(self._users, logins, origin=origin, door="websocket")
        if caller is None:
            return plain(403, "Wrong user name or passphrase")
        ws: web.WebSocketResponse[bool] = web.WebSocketResponse(
            timeout=CLOSING_S_MAX,
            protocols=(subprotocol,),
            compress=False,
            max_msg_size=MESSAGE_BYTES_MAX,
            decode_text=False,
        )
        ws.headers.update(self._headers())
        if not ws.can_prepare(request):
            return plain(400, "A websocket is opened here: GET with Upgrade: websocket")
        try:
            session = self._sessions.open(caller, partial(self._end_websocket, ws))
        except TooManySessions:
            return plain(503, "Too many sessions")
        try:
            await ws.prepare(request)
            await self._converse(ws, request, session)
        finally:
            session.end()
        return ws

    async def _converse(self, ws: web.WebSocketResponse[bool], request: web.BaseRequest, session: Session) -> None:
        caller, clock = session.caller, self._world.clock

        def overflow(waiting: int) -> None:
            why = f"{waiting} messages wait for it"
            self._world.log.line("Xapi", "W", f"websocket of {caller.user} from {caller.origin} dropped: {why}")
            if request.transport is not None:
                request.transport.abort()  # it does not read: it would not read a close either

        outbox = Outbox(ws, self._tasks, overflow)
        rpc = RpcSession(
            self._xapi, self._schema, caller, send=outbox.put, start=self._tasks.start, defect=self._defect
        )
        untouched_until = clock.time() + TOUCH_EVERY_S

        def receive(message: bytes) -> None:
            nonlocal untouched_until
            if clock.time() > untouched_until:
                untouched_until = clock.time() + TOUCH_EVERY_S
                session.touch(clock.now())
            rpc.receive(message)

        self._sockets[id(ws)] = ws
        try:
            await converse(ws, outbox, receive)
        finally:
            self._sockets.pop(id(ws), None)
            rpc.close()

    def _end_websocket(self, ws: web.WebSocketResponse[bool], why: str) -> None:
        if self._server is not None and ws.prepared:
            self._tasks.start(_hang_up(ws, WSCloseCode.OK, why), "websocket close")

    def _defect(self, what: str, error: BaseException) -> None:
        """Tell of a defect of ours that a client has been told of as an internal error."""
        self._world.log.line("Xapi", "E", f"{what} failed: {type(error).__name__}")
        context = {"message": f"{what} failed", "exception": error}
        asyncio.get_running_loop().call_exception_handler(context)


async def _hang_up(ws: web.WebSocketResponse[bool], code: int, why: str) -> None:
    with suppress(ConnectionError):
        await ws.close(code=code, message=why.encode()[:CLOSE_REASON_BYTES_MAX])


async def _body(request: web.BaseRequest) -> bytes | None:
    """Read a body; None when it is too large."""
    chunks: list[bytes] = []
    size = 0
    while chunk := await request.content.readany():
        size += len(chunk)
        if size > DOCUMENT_BYTES_MAX:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request and who asks; `token` when a session says so."""

    request: web.BaseRequest
    caller: Caller
    token: str = ""

    @property
    def media(self) -> str:
        """The media type of the body, "" where none is said."""
        return self.request.content_type.casefold() if "Content-Type" in self.request.headers else ""

    @property
    def charset(self) -> str | None:
        """The character set of the body where it is said."""
        return self.request.charset


_Handler: TypeAlias = Callable[[HttpDoor, _Asked, bytes], Awaitable[Answer]]
_READS: Final = ("GET", "HEAD")
_ROUTES: Final[Mapping[str, tuple[tuple[str, ...], _Handler | None]]] = {
    "/": (_READS, None),
    **{f"/{name}.xml": (_READS, HttpDoor._status) for name in ("status", "configuration", "command", "valuespace")},
    "/getxml": (_READS, HttpDoor._getxml),
    "/putxml": (("POST",), HttpDoor._putxml),
    "/bookingsputxml": (("POST",), HttpDoor._bookings),
    "/xmlapi/session/begin": (("POST",), HttpDoor._begin),
    "/xmlapi/session/end": (("POST",), HttpDoor._end),
}
