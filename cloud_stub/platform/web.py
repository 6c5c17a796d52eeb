"""The web door: one HTTP server for all services.

Every request takes the same way: find the route, let faults bite, check the token, read the body, ask the service, answer. Both ends of
it go into the trace, and the journal remembers it. Nothing secret is shown: no headers, and bodies only of routes that say they may be.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import msgspec
from aiohttp import web

from cloud_stub.platform.context import Platform
from cloud_stub.platform.errors import CloudError, NotFound, Unauthorized
from cloud_stub.platform.fault_points import Cut, after_answer, before_answer, dribble
from cloud_stub.platform.hosts import Origin, host_of
from cloud_stub.platform.journal import nearest, shown_query
from cloud_stub.platform.rate import Counter
from cloud_stub.platform.records import UserKind
from cloud_stub.platform.routes import Answer, Call, Label, Match, Router, Service, common_headers, wx2_error
from endpoint.runtime.clock import iso_ms
from endpoint.runtime.faults import Fault
from endpoint.wire import codec, identity
from endpoint.wire.conventions import is_url
from endpoint.wire.errors import RemoteProtocolError

TRACKING_ID_CHARS_MAX = 256
KEEP_ALIVE_S = 75.0
JSON = "application/json"
SEGMENT_CHARS_MAX = 64
"""Path segments longer than this are not shown where no route met them: they may be somebody's token."""
OWN_IDS = frozenset({"hydra"})
"""Services whose answers have a tracking id of their own, whatever id the request had (protocol/xapi.md 12.2)."""
CONTROL = "control"
CONTROL_PREFIX = "/roomsim"


class WebDoor:
    """The HTTP server of the cloud, to be put behind any number of listeners."""

    def __init__(self, platform: Platform, services: Iterable[Service]) -> None:
        self._platform = platform
        self._unnamed = Counter()
        self._answering: dict[asyncio.Task[Any], None] = {}
        self.router = Router(services, {CONTROL: CONTROL_PREFIX})
        self.server = web.Server(self._serve, access_log=None, keepalive_timeout=KEEP_ALIVE_S)

    async def close(self) -> None:
        """Close every connection, and end what is still being answered: a client may have hung up long ago."""
        await self.server.shutdown(timeout=1.0)
        left = list(self._answering)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None, "aiohttp answers in tasks"
        self._answering[task] = None
        try:
            return await self._respond(request)
        finally:
            del self._answering[task]

    async def _respond(self, request: web.BaseRequest) -> web.StreamResponse:
        tracking_id = self._tracking_id(request)
        origin = self._platform.hosts.origin("https" if request.secure else "http", _authority(request))
        at = self._platform.hosts.services_at(host_of(origin.authority)) if origin.is_named else None
        matches = self.router.find(request.rel_url.raw_path, at)
        match = next((match for match in matches if match.route.method == request.method), None)
        if match is None:
            return self._stranger(request, origin, tracking_id, matches, at)
        call = self._call(request, match, origin, tracking_id)
        refusal = await self._read(call, request)
        self._note_request(call, request)
        is_cloud = call.service != CONTROL  # whoever disturbs the cloud must be able to end it
        fault = self._platform.faults.hit("http", **self._about(call)) if is_cloud and refusal is None else None
        try:
            answer = await self._answer(call, request, match, refusal, fault)
        except Cut:
            self._note_answer(call, request, Answer(status=0))
            return web.Response(status=500)  # to nobody: the connection is gone
        if isinstance(answer, web.StreamResponse):
            return answer
        self._note_answer(call, request, answer)
        response = self._response(answer, call.answer_id)
        if fault is not None and fault.do == "dribble":
            return await dribble(fault, request, self._platform.clock, response)
        return response

    async def _answer(
        self, call: Call, request: web.BaseRequest, match: Match, refusal: CloudError | None, fault: Fault | None
    ) -> Answer | web.StreamResponse:
        try:
            if refusal is not None:
                raise refusal
            if fault is not None:
                await before_answer(fault, request, self._platform.clock)
            if fault is not None and fault.do == "duplicate" and call.route.upgrade is None:
                await self._ask(
                    call, request
                )  # the network delivered the request twice; the second answer is the one that arrives
            answer = await self._ask(call, request)
        except CloudError as error:
            answer = error_answer(match.service, error, call.answer_id)
            if refusal is not None or (fault is not None and fault.do == "error"):
                return answer
        return after_answer(fault, request, answer) if fault is not None and isinstance(answer, Answer) else answer

    async def _read(self, call: Call, request: web.BaseRequest) -> CloudError | None:
        chunks = []
        size = 0
        while chunk := await request.content.readany():
            size += len(chunk)
            limit = call.route.body_bytes_max
            if size > limit:
                return CloudError(413, f"The body is over {limit // 1024} KiB.", "http.too_large")
            chunks.append(chunk)
        call.body = b"".join(chunks)
        if call.route.media and not (request.content_type == call.route.media and _is_object(call.body)):
            return CloudError(415, f"The body has to be {call.route.media}.", "http.media_type")
        return None

    async def _ask(self, call: Call, request: web.BaseRequest) -> Answer | web.StreamResponse:
        if call.route.auth:
            self._admit(call)
        if call.route.upgrade is not None:
            call.upgraded = lambda: self._note_answer(call, request, Answer(status=101))
            return await call.route.upgrade(call, request)
        assert call.route.handler is not None, "a route has a handler or an upgrade"
        outcome = call.route.handler(call)
        return outcome if isinstance(outcome, Answer) else await outcome

    def _admit(self, call: Call) -> None:
        tokens = self._platform.tokens
        try:
            token = tokens.verify(identity.parse_bearer(call.headers.get("Authorization", "")))
        except RemoteProtocolError:
            raise Unauthorized from None
        call.token, call.user = token, tokens.owner(token)
        is_required = self._platform.settings.requires_tracking_id and call.user.kind is UserKind.MACHINE
        if is_required and not call.headers.get("TrackingID"):
            raise Unauthorized("The request has no TrackingID.")
        tokens.require(token, call.route.scopes)

    def _about(self, call: Call) -> dict[str, Any]:
        return {
            "service": call.service,
            "method": call.route.method,
            "path": call.path,
            "host": host_of(call.origin.authority),
            "scheme": call.origin.scheme,
            "device": call.peer,
        }

    def _stranger(
        self,
        request: web.BaseRequest,
        origin: Origin,
        tracking_id: str,
        matches: list[Match],
        at: frozenset[str] | None,
    ) -> web.Response:
        """Answer a request that no route meets as the cloud would, and explain it in journal and trace."""
        methods = ", ".join(sorted({match.route.method for match in matches}))
        service = matches[0].service if matches else None
        refused = CloudError(405, f"Only {methods} is answered here.", "http.method") if matches else NotFound()
        owner = service or self.router.owner(request.rel_url.raw_path, at)
        answer = error_answer(owner, refused, tracking_id)
        name = service.name if service else "web"
        path = "/".join("<long>" if len(part) > SEGMENT_CHARS_MAX else part for part in request.path.split("/"))
        explanation = nearest(request.method, path, ((method, known) for method, known, _, _ in self.router.known))
        about: dict[str, Any] = {"method": request.method, "path": path, "service": name}
        query = shown_query(request.query)
        self._platform.journal.add(
            at=iso_ms(self._platform.now()), host=origin.authority, query=query, status=answer.status, tracking_id=tracking_id,
            explanation=explanation, **about,
        )  # fmt: skip
        trace, who, about["host"] = self._platform.trace, f"cloud:{name}", host_of(origin.authority)
        data = {"side": "received", **about, "query": query, "unexpected": explanation}
        n = trace.event(who, "http.request", id=tracking_id, data=data, label=Label.OURS)
        data = {"side": "sent", **about, "status": answer.status}
        trace.event(who, "http.response", id=tracking_id, cause=n, data=data, label=Label.OURS)
        response = self._response(answer, tracking_id)
        if methods:
            response.headers["Allow"] = methods
        return response

    # -- what is written down ---------------------------------------------------------------------------------------------------------

    def _note_request(self, call: Call, request: web.BaseRequest) -> None:
        data = {"side": "received", **self._shown(call, request)}
        if call.route.shows_body and call.body:
            with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                data["body"] = msgspec.json.decode(call.body)
        n = self._event(call, "http.request", data)
        self._platform.trace.led_to_by(n)

    def _note_answer(self, call: Call, request: web.BaseRequest, answer: Answer) -> None:
        shown = self._shown(call, request)
        data = {"side": "sent", **shown, "status": answer.status}
        if call.answer_id != call.tracking_id:
            data["trackingId"] = call.answer_id
        if call.route.shows_body and answer.body is not None and not isinstance(answer.body, bytes):
            data["body"] = msgspec.to_builtins(answer.body)
        self._event(call, "http.response", data)
        if call.service == CONTROL:
            return
        self._platform.journal.add(
            at=iso_ms(self._platform.now()), method=call.route.method, host=call.origin.authority, path=call.path,
            query=shown.get("query", {}), service=call.service, status=answer.status, tracking_id=call.tracking_id,
            label=call.route.label,
        )  # fmt: skip

    def _event(self, call: Call, kind: str, data: dict[str, Any]) -> int:
        who = f"cloud:{call.service}"
        return self._platform.trace.event(
            who, kind, peer=call.peer, id=call.tracking_id, data=data, label=call.route.label
        )

    def _shown(self, call: Call, request: web.BaseRequest) -> dict[str, Any]:
        data: dict[str, Any] = {"method": call.route.method, "path": call.path}
        if request.query:
            data["query"] = shown_query(request.query)
        data |= {"service": call.service, "host": host_of(call.origin.authority)}
        return data

    # -- small things -----------------------------------------------------------------------------------------------------------------

    def _call(self, request: web.BaseRequest, match: Match, origin: Origin, tracking_id: str) -> Call:
        return Call(
            route=match.route,
            service=match.service.name,
            path=request.path,
            params=match.params,
            query=request.query,
            headers=request.headers,
            body=b"",
            origin=origin,
            remote=request.remote or "",
            tracking_id=tracking_id,
            answer_id=self._own_id(request) if match.service.name in OWN_IDS else tracking_id,
            peer=self._peer(request),
        )

    def _peer(self, request: web.BaseRequest) -> str | None:
        """Name who asks, without judging the token: trace and faults want to know it even of requests that are refused."""
        if not self._platform.nicknames:
            return None
        try:
            token = self._platform.tokens.peek(identity.parse_bearer(request.headers.get("Authorization", "")))
        except RemoteProtocolError:
            return None
        return self._platform.nicknames.get(token.user_id) if token else None

    def _tracking_id(self, request: web.BaseRequest) -> str:
        given = request.headers.get("trackingid", "")
        if given and given.isascii() and given.isprintable() and len(given) <= TRACKING_ID_CHARS_MAX:
            return given
        return self._own_id(request)

    def _own_id(self, request: web.BaseRequest) -> str:
        nth = self._unnamed.next(request.path)
        return f"ROUTERGW_{self._platform.uuid('tracking id', request.path, self._platform.boot, nth)}"

    def _response(self, answer: Answer, tracking_id: str) -> web.Response:
        headers = common_headers(self._platform.now(), tracking_id)
        body = b""
        if isinstance(answer.body, bytes):
            body = answer.body
            headers["Content-Type"] = JSON
        elif answer.body is not None:
            body = codec.encode(answer.body)
            headers["Content-Type"] = JSON
        headers.update(answer.headers)
        return web.Response(status=answer.status, body=body, headers=headers)


def _authority(request: web.BaseRequest) -> str:
    """Return the Host header; where there is no usable one, the address of the door (aiohttp would ask the resolver)."""
    given = request.headers.get("Host", "")
    if is_url(f"http://{given}"):
        return given
    host, port = (request.get_extra_info("sockname") or ("127.0.0.1", 80))[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def error_answer(service: Service | None, error: CloudError, tracking_id: str) -> Answer:
    """Write an error as the service that it concerns does."""
    body = service.error_body(error, tracking_id) if service else wx2_error(error, tracking_id)
    headers = {} if error.retry_after_s is None else {"Retry-After": str(error.retry_after_s)}
    return Answer(body, error.status, headers)


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(msgspec.json.decode(body), dict)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
