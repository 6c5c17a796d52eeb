"""Mercury: the event websocket.

Upgrade, authorization within 30 s, the opening event first, then events, pongs and acks until somebody closes. What happens while a
device is not connected is not kept: devices catch up over HTTP.

Source: protocol/cloud-services.md 5; opening, acks, ping and pong observed, most close codes documented from the client's side.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aiohttp import WSMsgType, web

from cloud_stub.platform.context import Platform
from cloud_stub.platform.errors import CloudError, NotFound, Unauthorized
from cloud_stub.platform.rate import Counter
from cloud_stub.platform.records import Device, Registration
from cloud_stub.platform.routes import Call, Label, Route, common_headers, wx2_error
from cloud_stub.services.health import ping_route
from cloud_stub.services.mercury_socket import Socket
from cloud_stub.services.wdm import Wdm
from endpoint.runtime.faults import Fault
from endpoint.wire import mercury
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.mercury import FORCED_CLOSE_S, Ack, Authorization, Event, Ping, Pong, Shutdown
from endpoint.wire.mercury_close import (
    BAD_REQUEST,
    FORBIDDEN,
    GOING_AWAY,
    NOT_AUTHORIZED,
    NOT_FOUND,
    POLICY,
    REPLACED_CODE,
    SWITCHED_OVER,
)

AUTHORIZATION_TIMEOUT = (
    "Authentication did not happen within the timeout window of 30000 seconds."  # sic; clients compare it
)
FRAME_BYTES_MAX = 64 * 1024
SOCKETS_PER_REGISTRATION = 4
SWITCH_OVER_S = 0.2
FOREIGN_EVENT = "conversation.activity"
SCOPE = "spark:all"


class Mercury:
    """All websockets of all registrations."""

    name = "mercury"

    def __init__(self, platform: Platform, wdm: Wdm) -> None:
        self._platform = platform
        self._wdm = wdm
        self._frames = Counter(keys_max=100_000)
        self.sockets: dict[str, list[Socket]] = {}
        """Open sockets by registration, oldest first."""
        self.on_pushed: Callable[[Registration, Event], object] = lambda record, event: None
        """Told each event that was written to a socket of a registration."""
        self.on_presence: Callable[[Registration, bool], object] = lambda record, is_open: None
        """Told when a registration has its first socket, and when it has none any more."""
        self.routes = (
            Route(
                "GET", "/apps/wx2/registrations/{id}/messages", None, Label.OBSERVED, auth=False, upgrade=self._serve
            ),
            ping_route(platform, self.name),
        )
        platform.faults.on_momentary(self._strike)

    def error_body(self, error: CloudError, tracking_id: str) -> Any:
        """Write an error as most services do."""
        return wx2_error(error, tracking_id)

    # -- what others ask --------------------------------------------------------------------------------------------------------------

    def open_sockets(self, user_id: str | None = None, registration_id: str | None = None) -> list[Socket]:
        """Return the open sockets of a user, of a registration, or all."""
        return [
            socket
            for key, sockets in self.sockets.items()
            if registration_id in (None, key)
            for socket in sockets
            if user_id in (None, socket.registration.user_id)
        ]

    def push(
        self,
        data: Mapping[str, Any] | Callable[[Registration], Mapping[str, Any]],
        *,
        user_id: str | None = None,
        registration_id: str | None = None,
        tracking_id: str = "",
        alert_type: str | None = "none",
    ) -> int:
        """Send an event to the sockets of a user, of one registration, or to all; returns to how many.

        Args:
            data: the event's `data` with its `eventType`, or what makes it for a registration (URLs differ by origin).
        """
        sockets = self.open_sockets(user_id, registration_id)
        for socket in sockets:
            content = data(socket.registration) if callable(data) else data
            event = self._event(socket.registration, content, tracking_id, alert_type)
            socket.send(event)
            self.on_pushed(socket.registration, event)
        if not sockets:
            about = {"why": "no socket", "user": user_id, "registration": registration_id}
            self._platform.trace.event("cloud:mercury", "drop", data=about, label=Label.OURS)
        return len(sockets)

    def tell(self, socket: Socket, data: Mapping[str, Any]) -> None:
        """Send an event over one socket."""
        socket.send(self._event(socket.registration, data))

    def close(self, sockets: Iterable[Socket], code: int, reason: str = "") -> int:
        """Close sockets with a code and a reason; returns how many."""
        closed = list(sockets)
        for socket in closed:
            socket.close(code, reason)
        return len(closed)

    def shutdown(self, sockets: Iterable[Socket], after_s: float = SWITCH_OVER_S) -> int:
        """Ask clients to switch over: a shutdown frame now, 4001 on the old socket `after_s` later. Returns how many."""
        leaving = [socket for socket in sockets if not socket.is_switching]
        for socket in leaving:
            socket.is_switching = True
            socket.send(Shutdown(id=self._frame_id(socket.registration)))
            self._platform.later.call(after_s, socket.close, SWITCHED_OVER, "")
        return len(leaving)

    async def stop(self) -> None:
        """Close every socket because the service goes away."""
        sockets = self.open_sockets()
        self.close(sockets, GOING_AWAY, "going away")
        if sockets:
            await asyncio.wait([socket.task for socket in sockets])

    # -- one socket -------------------------------------------------------------------------------------------------------------------

    async def _serve(self, call: Call, request: web.BaseRequest) -> web.StreamResponse:
        fault = self._platform.faults.hit("mercury", step="upgrade", device=call.peer)
        if fault is not None:
            raise CloudError(int(fault.params.get("status", 503)), "The upgrade is refused.")
        record = self._wdm.find(call.params["id"])
        if record is None and call.query.get("aliasHttpStatus") != "true":
            raise NotFound
        ws = web.WebSocketResponse(compress=False, max_msg_size=FRAME_BYTES_MAX, timeout=FORCED_CLOSE_S)
        ws.headers.update(common_headers(self._platform.now(), call.tracking_id))
        await ws.prepare(request)
        assert call.upgraded is not None, "the door tells how to note an upgrade"
        call.upgraded()
        if record is None:
            await ws.close(code=NOT_FOUND, message=b"no such registration")
            return ws
        task = asyncio.current_task()
        assert task is not None, "handlers run in tasks"
        await self._live(Socket(record, ws, self._platform, task, request.transport), call.query)
        return ws

    async def _live(self, socket: Socket, query: Mapping[str, str]) -> None:
        try:
            refused = await self._authorize(socket)
            if refused is None:
                self._open(socket, query)
                refused = await self._listen(socket)
            if refused is not None:
                socket.closing = socket.closing or refused
        except asyncio.CancelledError:
            if socket.closing is None:
                raise
            socket.task.uncancel()
        finally:
            self._gone(socket)
        if socket.closing is not None:
            code, reason = socket.closing
            await socket.flush()
            self._note(socket, "ws.close", {"code": code, "reason": reason, "by": "cloud"})
            await socket.ws.close(code=code, message=reason.encode())
        else:
            self._note(socket, "ws.close", {"code": socket.ws.close_code, "by": "device"})

    async def _authorize(self, socket: Socket) -> tuple[int, str] | None:
        """Wait for the first frame and judge it; returns what to close with, None if all is well."""
        try:
            async with self._platform.clock.timeout(mercury.AUTHORIZATION_LIMIT_S):
                message = await socket.ws.receive()
        except TimeoutError:
            return POLICY, AUTHORIZATION_TIMEOUT
        if message.type is not WSMsgType.TEXT:
            return None if socket.ws.closed else (BAD_REQUEST, "the first frame is text")
        fault = self._platform.faults.hit("mercury", step="authorization", device=socket.peer)
        if fault is not None:
            return int(fault.params.get("code", NOT_AUTHORIZED)), str(fault.params.get("reason", ""))
        try:
            frame = mercury.parse_frame(message.data)
        except RemoteProtocolError as error:
            return BAD_REQUEST, error.where
        if not isinstance(frame, Authorization):
            return BAD_REQUEST, "the first frame is the authorization"
        self._note(socket, "ws.recv", {"type": "authorization", "token": frame.token}, frame.id)
        try:
            token = self._platform.tokens.verify(frame.token)
        except Unauthorized as error:
            return NOT_AUTHORIZED, error.text
        if token.user_id != socket.registration.user_id or SCOPE not in token.scopes:
            return FORBIDDEN, "the token is not for this registration"
        return None

    def _open(self, socket: Socket, query: Mapping[str, str]) -> None:
        if socket.ws.closed:
            return
        record = socket.registration
        others = self.sockets.setdefault(record.id, [])
        is_multiple = query.get("multipleConnections") == "true" and len(others) < SOCKETS_PER_REGISTRATION
        for other in tuple(others):
            if not other.is_switching and not is_multiple:
                other.close(REPLACED_CODE, "replaced")
        others.append(socket)
        socket.opened = self._platform.now()
        self._online(record, True)
        self.on_presence(record, True)
        self._note(socket, "ws.open", {"service": self.name, "status": 101}, record.id)
        fault = self._platform.faults.hit("mercury", step="opening", device=socket.peer)
        if fault is not None and fault.do == "no_first_frame":
            return
        if fault is not None:
            foreign = {"eventType": str(fault.params.get("event_type", FOREIGN_EVENT))}
            socket.send(self._event(record, foreign))
        socket.send(self._event(record, self._opening(record, query)))

    def _opening(self, record: Registration, query: Mapping[str, str]) -> dict[str, Any]:
        if query.get("bufferStates") == "true" or query.get("mercuryRegistrationStatus") != "true":
            return mercury.buffer_state_data()
        origin, hosts = self._wdm.origin(record), self._platform.hosts
        return mercury.registration_status_data(hosts.base("hydra", origin), hosts.base("mercury", origin))

    async def _listen(self, socket: Socket) -> tuple[int, str] | None:
        """Take frames until the socket closes; returns what to close with if a frame breaks the rules."""
        async for message in socket.ws:
            if message.type is not WSMsgType.TEXT:
                return None if socket.ws.closed else (BAD_REQUEST, "frames are text")
            try:
                frame = mercury.parse_frame(message.data)
            except RemoteProtocolError as error:
                return BAD_REQUEST, error.where
            if isinstance(frame, Ping):
                self._note(socket, "ws.recv", {"type": "ping"}, frame.id)
                socket.send(Pong(id=frame.id))
            elif isinstance(frame, Ack):
                is_awaited = socket.acknowledge(frame.message_id)
                about = (
                    {"type": "ack"} if is_awaited else {"type": "ack", "unexpected": "nothing with this id was sent"}
                )
                self._note(socket, "ws.recv", about, frame.message_id)
            else:
                about = {"type": type(frame).__name__, "unexpected": "clients send authorization, ack and ping"}
                self._note(socket, "ws.recv", about, frame.id)
        return None

    def _gone(self, socket: Socket) -> None:
        others = self.sockets.get(socket.registration.id, [])
        if socket in others:
            others.remove(socket)
            if not others:
                del self.sockets[socket.registration.id]
                self._online(socket.registration, False)
                self.on_presence(socket.registration, False)

    def _online(self, record: Registration, is_online: bool) -> None:
        devices = self._platform.store[Device]
        for device in devices.where("user_id", record.user_id):
            if device.device_identifier in ("", record.device_identifier):
                now = self._platform.now()
                fields: dict[str, Any] = {"deep_sleep": False, "reported_codes": ()} if is_online else {}
                devices.change(
                    device.id, online=is_online, first_seen=device.first_seen or now, last_seen=now, **fields
                )

    # -- faults that happen once, now -------------------------------------------------------------------------------------------------

    def _strike(self, fault: Fault) -> bool:
        if fault.on not in ("mercury", "websocket") or fault.do not in ("close", "reset", "replaced"):
            return False
        name = fault.target.get("device")
        hit = [socket for socket in self.open_sockets() if name in (None, socket.peer)]
        for socket in hit:
            if fault.do == "reset":
                socket.reset()
            else:
                code = REPLACED_CODE if fault.do == "replaced" else int(fault.params.get("code", GOING_AWAY))
                socket.close(code, str(fault.params.get("reason", "replaced" if fault.do == "replaced" else "")))
        return bool(hit)

    # -- small things -----------------------------------------------------------------------------------------------------------------

    def _event(
        self, record: Registration, data: Mapping[str, Any], tracking_id: str = "", alert_type: str | None = "none"
    ) -> Event:
        frame_id = self._frame_id(record)
        return Event(
            id=frame_id,
            data=dict(data),
            timestamp=self._platform.now_ms(),
            tracking_id=tracking_id or f"stub_{frame_id}",
            alert_type=alert_type,
            headers={},
            filter_message=False,
        )

    def _frame_id(self, record: Registration) -> str:
        return self._platform.uuid("mercury frame", record.id, self._platform.boot, self._frames.next(record.id))

    def _note(self, socket: Socket, kind: str, data: dict[str, Any], frame_id: str | None = None) -> None:
        self._platform.trace.event(
            "cloud:mercury", kind, peer=socket.peer, id=frame_id, data=data, label=Label.OBSERVED
        )
