"""Requests of the XML API and of HTTP sessions: which there are, who may ask, and what is refused.

Source: protocol/xapi.md 5.1.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from endpoint.runtime.clock import Clock
from endpoint.wire.xapi.calls import Caller
from endpoint.xapi.http import login
from endpoint.xapi.http.answers import Answer, plain
from endpoint.xapi.http.bodies import Bodies, Body
from endpoint.xapi.http.cookies import Cookies, set_cookie, token_of
from endpoint.xapi.http.ports import Facts, Users
from endpoint.xapi.http.xmlapi import XmlApi
from endpoint.xapi.sessions import TooManySessions

DOCUMENTS: Final = ("status", "configuration", "command", "valuespace")
CHALLENGE: Final = 'Basic realm="CISCO-Endpoint"'
NOBODY: Final = Caller("", frozenset())


class Requests:
    """What one port answers to plain requests.

    Args:
        is_secure: it is the HTTPS port.
    """

    def __init__(
        self, xml: XmlApi, users: Users, cookies: Cookies, facts: Facts, clock: Clock, *, is_secure: bool
    ) -> None:
        self._xml = xml
        self._users = users
        self._cookies = cookies
        self._facts = facts
        self._clock = clock
        self._is_secure = is_secure
        self._bodies = Bodies()

    async def answer(self, request: web.BaseRequest) -> Answer:
        """Answer a request; what is no part of the API does not exist."""
        route = _ROUTES.get(request.path)
        if route is None:
            return plain(404)
        if request.method not in route.methods:
            return plain(405, f"Only {' and '.join(route.methods)}", {"Allow": ", ".join(route.methods)})
        if not self._facts.is_ready:
            return plain(502, "The device is starting")
        if not self._facts.serves(secure=self._is_secure, websocket=False):
            return plain(403, "NetworkServices HTTP Mode does not let this scheme be used")
        token = token_of(request.headers.get("Cookie", ""))
        caller = NOBODY if route.is_open else await self._caller(request, token)
        if caller is None:
            return plain(401, "Wrong user name or passphrase", {"WWW-Authenticate": CHALLENGE})
        if route.is_open:  # to whoever comes; a body is not even read
            return await route.handle(self, _Asked(request, caller, token, b""))
        body = Body(self._bodies)
        try:
            why = await body.read(request, self._clock)
            return why or await route.handle(self, _Asked(request, caller, token, b"".join(body.chunks)))
        finally:
            body.drop()

    async def _caller(self, request: web.BaseRequest, token: str) -> Caller | None:
        caller = self._cookies.caller(token, self._clock.now())
        if caller is not None:
            return caller
        given = login.basic(request.headers.get("Authorization", ""))
        return await login.caller_of(self._users, [given], origin=request.remote or "", door="http")

    async def _index(self, asked: _Asked) -> Answer:
        return plain(200, "The xAPI of this device: /ws, /getxml, /putxml, /status.xml")

    async def _document(self, asked: _Asked) -> Answer:
        return self._xml.document(asked.request.path.strip("/").removesuffix(".xml"), asked.caller)

    async def _getxml(self, asked: _Asked) -> Answer:
        return self._xml.location(asked.request.query.get("location"), asked.caller)

    async def _putxml(self, asked: _Asked) -> Answer:
        return await self._xml.put(asked.body, asked.media, asked.charset, asked.caller)

    async def _bookings(self, asked: _Asked) -> Answer:
        return await self._xml.put_bookings(asked.body, asked.media, asked.charset, asked.caller)

    async def _begin(self, asked: _Asked) -> Answer:
        if self._cookies.is_open(asked.token):
            return Answer(204)
        try:
            token = self._cookies.begin(asked.caller)
        except TooManySessions:
            return plain(503, "Too many sessions; end one with /xmlapi/session/end")
        return Answer(204, headers={"Set-Cookie": set_cookie(token, secure=self._is_secure)})

    async def _end(self, asked: _Asked) -> Answer:
        return Answer(204 if self._cookies.end(asked.token) else 200)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request with its body, who asks, and the token of a session, "" for none."""

    request: web.BaseRequest
    caller: Caller
    token: str
    body: bytes

    @property
    def media(self) -> str:
        """The media type of the body, "" where none is said."""
        return self.request.content_type.casefold() if "Content-Type" in self.request.headers else ""

    @property
    def charset(self) -> str | None:
        """The character set of the body where it is said."""
        return self.request.charset


@dataclass(frozen=True, slots=True)
class _Route:
    """What answers a path; `is_open` to whom did not log in."""

    methods: tuple[str, ...]
    handle: Callable[[Requests, _Asked], Awaitable[Answer]]
    is_open: bool = False


_READS: Final = ("GET", "HEAD")
_WRITES: Final = ("POST",)
_ROUTES: Final[Mapping[str, _Route]] = {
    "/": _Route(_READS, Requests._index, is_open=True),
    **{f"/{name}.xml": _Route(_READS, Requests._document) for name in DOCUMENTS},
    "/getxml": _Route(_READS, Requests._getxml),
    "/putxml": _Route(_WRITES, Requests._putxml),
    "/bookingsputxml": _Route(_WRITES, Requests._bookings),
    "/xmlapi/session/begin": _Route(_WRITES, Requests._begin),
    "/xmlapi/session/end": _Route(_WRITES, Requests._end, is_open=True),
}
