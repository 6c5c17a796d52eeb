"""One HTTP port of the device: the xAPI websocket at `/ws`, the XML API, and HTTP sessions.

The headers are those that devices send. Source: protocol/xapi.md 3.1, 3.2, 5.1.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import format_datetime
from functools import partial
from typing import Final

from aiohttp import WSCloseCode, web

from endpoint.runtime.net import Listener
from endpoint.runtime.tasks import Tasks
from endpoint.runtime.world import World
from endpoint.xapi.access import Xapi
from endpoint.xapi.http import login
from endpoint.xapi.http.answers import Answer, plain
from endpoint.xapi.http.cookies import Cookies
from endpoint.xapi.http.line import CONNECTIONS_MAX, Busy, Line
from endpoint.xapi.http.ports import Facts, Schema, Sessions, Users
from endpoint.xapi.http.requests import Requests
from endpoint.xapi.http.rpc import RpcSession
from endpoint.xapi.http.websocket import CLOSING_S_MAX, READ_BYTES_MAX, Conversation, Outbox
from endpoint.xapi.http.xmlapi import XmlApi
from endpoint.xapi.sessions import Session, TooManySessions

STOPPING_S_MAX: Final = 0.3
"""How long plain requests may go on when the door is shut; with `CLOSING_S_MAX` before it, a device is down within two seconds."""
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
        self._commands = Tasks()
        self._senders = Tasks()
        self._cookies = Cookies(sessions, world.chance.stream("http session", "https" if tls else "http"))
        xml = XmlApi(xapi, facts, schema, self._defect)
        self._requests = Requests(xml, users, self._cookies, facts, world.clock, is_secure=tls is not None)
        self._conversations: dict[Conversation, str] = {}  # and their users, in the order of their begin
        self._server: web.Server | None = None
        self._listener: Listener | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Open the door; port 0 takes a free one.

        Raises:
            OSError: the address is in use or not ours.
        """
        assert self._server is None, "the door is shut"
        server = web.Server(self._serve)

        def connect() -> asyncio.Protocol:
            is_full = len(server.connections) >= CONNECTIONS_MAX
            return Busy() if is_full else Line(server, self._response)

        self._listener = await self._world.net.listen(connect, host, port, tls=self._tls)
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
        talks = tuple(self._conversations)
        await asyncio.gather(*(talk.hang_up(WSCloseCode.GOING_AWAY, "Service stopped") for talk in talks))
        await server.shutdown(timeout=STOPPING_S_MAX)
        self._cookies.end_all()  # now that no request can begin another
        await self._commands.cancel()
        await self._senders.cancel()
        await listener.wait_closed()

    def cut(self, fits: Callable[[Mapping[str, str]], bool]) -> int:
        """Break the websockets that `fits` accepts, by `over` and `user`; return how many."""
        hit = [talk for talk, user in self._conversations.items() if fits({"over": "websocket", "user": user})]
        for talk in hit:
            talk.reset()
        return len(hit)

    # requests

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            if request.path in WEBSOCKET_PATHS:
                answer = await self._upgrade(request)
            else:
                answer = await self._requests.answer(request)
        except ConnectionError:  # the client went away in the middle of its request: nobody reads this
            answer = Answer(400)
        except Exception as error:
            self._defect(f"{request.method} of an HTTP client", error)
            answer = plain(500)
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

    # the websocket

    async def _upgrade(self, request: web.BaseRequest) -> web.StreamResponse | Answer:
        """Open a websocket and serve it to its end; every refusal comes before the first frame."""
        if request.method != "GET":
            return plain(405, "Only GET", {"Allow": "GET"})
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
            max_msg_size=READ_BYTES_MAX,
            decode_text=False,
        )
        ws.headers.update(self._headers())
        if not ws.can_prepare(request):
            return plain(400, "A websocket is opened here: GET with Upgrade: websocket")
        talk = Conversation(ws, request)
        try:
            session = self._sessions.open(caller, partial(self._hang_up, talk))
        except TooManySessions as error:
            self._world.log.line("Xapi", "W", f"websocket of {caller.user} from {caller.origin} refused: {error}")
            return plain(503, "Too many sessions")
        self._conversations[talk] = caller.user
        try:
            await ws.prepare(request)
            await self._converse(ws, talk, session)
        finally:
            del self._conversations[talk]
            session.end()
        return ws

    async def _converse(self, ws: web.WebSocketResponse[bool], talk: Conversation, session: Session) -> None:
        caller, clock = session.caller, self._world.clock

        def overflow(waiting: int) -> None:
            why = f"{waiting} messages wait for it"
            self._world.log.line("Xapi", "W", f"websocket of {caller.user} from {caller.origin} dropped: {why}")
            talk.cut()

        outbox = Outbox(ws, self._senders, overflow)
        rpc = RpcSession(
            self._xapi, self._schema, caller, send=outbox.put, start=self._commands.start, defect=self._defect
        )
        untouched_until = clock.time() + TOUCH_EVERY_S

        def receive(message: bytes) -> None:
            nonlocal untouched_until
            if clock.time() > untouched_until:
                untouched_until = clock.time() + TOUCH_EVERY_S
                session.touch(clock.now())
            rpc.receive(message)

        try:
            await talk.run(outbox, receive)
        finally:
            rpc.close()

    def _hang_up(self, talk: Conversation, why: str) -> None:
        if talk in self._conversations:
            self._senders.start(talk.hang_up(WSCloseCode.OK, why), "websocket close")

    def _defect(self, what: str, error: BaseException) -> None:
        """Tell of a defect of ours that a client has been told of as an internal error."""
        self._world.log.line("Xapi", "E", f"{what} failed: {type(error).__name__}")
        context = {"message": f"{what} failed", "exception": error}
        asyncio.get_running_loop().call_exception_handler(context)
