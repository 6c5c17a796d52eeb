"""A cloud that says what a test tells it to, and one device in front of it, on a virtual loop.

Without a word from the test it plays the whole way: first contact, activation over SRP, catalogue, registration, Mercury, calendar. A test
puts an answer of its own in front of one of these (`cloud.on`), reads what was asked (`cloud.asked`), and drives the websockets by hand.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qs

from aiohttp import WSMsgType, web

from endpoint.device.device import Device
from endpoint.device.settings import DeviceSettings
from endpoint.runtime.chance import Chance
from endpoint.runtime.clock import Clock, LoopTime
from endpoint.runtime.faults import Faults
from endpoint.runtime.net import NameTable, Net, reset
from endpoint.runtime.tls import Authority
from endpoint.runtime.trace import Trace
from endpoint.runtime.virtual import run
from endpoint.wire import codec, conventions, srp
from endpoint.wire.activation.messages import ChallengeReply, ConfigReply, ServiceReply
from endpoint.wire.envelope import CONFIG_DATA, SERVICE_DATA, SessionKeys, transcript_hash

START = datetime(2026, 3, 2, 8, 50, tzinfo=UTC)
CODE, IDENTITY, PASSWORD = "4353-4500-1234-5678", b"43534500", b"12345678"
ORG, USER = "11111111-0000-4000-8000-000000000001", "22222222-0000-4000-8000-000000000002"
DEVICE_ID = "33333333-0000-4000-8000-000000000003"
ACCESS, REFRESH = f"{'ab' * 16}_P0A1_{ORG}", f"{'cd' * 16}_P0A1_{ORG}"
SALT, B_EXPONENT = bytes(range(1, 256)) + b"\x01", bytes([2]) * 32
DOMAINS = ("wbx2.test", "webex.test")
NAMES = ("127.0.0.1", *(f"*.{domain}" for domain in DOMAINS))
SERVICES = {
    "u2c": "https://u2c-a.wbx2.test/u2c/api/v1",
    "idbroker": "https://idbroker.webex.test",
    "wdm": "https://wdm-a.wbx2.test/wdm/api/v1",
    "mercuryConnectionPartition0": "wss://mercury-connection-a.wbx2.test/v1",
    "calendar": "https://calendar-a.wbx2.test/calendar/api/v1",
    "calliopeDiscovery": "https://calliope-a.wbx2.test/calliope/api/discovery/v1",
    "lyra": "https://lyra-a.wbx2.test/lyra/api/v1",
    "proximity": "https://proximity-a.wbx2.test/proximity/api/v1",
    "thousandEyes": "https://thousandeyes-a.wbx2.test/thousandeyes/api/v1",
}
SOCKET_PATH = "/v1/apps/wx2/registrations/r1/messages"


@cache
def authority() -> Authority:
    """Return the authority of the cloud's certificates: one for all tests, keys take their time."""
    return Authority("scripted cloud")


@cache
def _verifier() -> int:
    return srp.verifier(IDENTITY, PASSWORD, SALT)


@dataclass
class Asked:
    """A request as it arrived."""

    method: str
    host: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    raw: bytes
    at_s: float

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.raw)

    @property
    def form(self) -> dict[str, str]:
        """The body of a form."""
        return {name: values[0] for name, values in parse_qs(self.raw.decode()).items()}


@dataclass
class Reply:
    """What is answered: JSON, or bytes as they are. `cut` breaks the connection instead, `late_s` waits before."""

    status: int = 200
    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    late_s: float = 0.0


CUT = Reply(cut=True)
SILENCE = Reply(late_s=100_000.0)
Script = Reply | Callable[[Asked], Reply]


class Peer:
    """The cloud's end of one websocket."""

    def __init__(self, cloud: Scripted, ws: web.WebSocketResponse, request: web.BaseRequest) -> None:
        self.cloud = cloud
        self.ws = ws
        self.request = request
        self.frames: list[dict[str, Any]] = []
        """What the device has sent."""
        self.numbers = 0
        self.closed_with: tuple[int | None, str] = (None, "")
        self.task = asyncio.current_task()
        self._closing: tuple[int, str] | None = None

    async def send(self, frame: dict[str, Any] | str | bytes) -> None:
        """Send a frame, or any text or bytes."""
        await self.send_at_once(frame)
        await self.cloud.settle()

    async def send_at_once(self, frame: dict[str, Any] | str | bytes) -> None:
        """Send as `send`, and let nothing happen yet."""
        if isinstance(frame, bytes):
            await self.ws.send_bytes(frame)
        else:
            await self.ws.send_str(frame if isinstance(frame, str) else json.dumps(frame))

    async def event(self, kind: str, frame_id: str = "", **data: Any) -> None:
        """Send an event."""
        self.numbers += 1
        frame_id = frame_id or f"event-{self.numbers}"
        await self.send({"id": frame_id, "data": {"eventType": kind, **data}, "trackingId": f"ccc_{frame_id}"})

    async def close(self, code: int, reason: str = "") -> None:
        """Close with a code."""
        self._closing = (code, reason)
        assert self.task is not None
        self.task.cancel()
        await self.cloud.settle()

    async def cut(self) -> None:
        """Break the connection, if there is one."""
        if self.request.transport is not None:
            reset(self.request.transport)
        await self.cloud.settle()

    def sent(self, kind: str) -> list[dict[str, Any]]:
        """Return the frames of a type that the device has sent."""
        return [frame for frame in self.frames if frame["type"] == kind]

    async def live(self) -> None:
        """Take frames until somebody closes."""
        try:
            async for message in self.ws:
                if message.type is WSMsgType.TEXT:
                    frame = json.loads(message.data)
                    self.frames.append(frame)
                    await self.cloud.on_frame(self, frame)
        except asyncio.CancelledError:
            if self._closing is None:
                raise
            assert self.task is not None
            self.task.uncancel()
            await self.ws.close(code=self._closing[0], message=self._closing[1].encode())
        self.closed_with = (self.ws.close_code, "")


class Scripted:
    """The cloud and its one device.

    Attributes:
        scripts: answers in front of the usual ones, by method and a part of `host/path`; each is used once but the last.
        meetings: what the calendar lists.
        greets, pongs: whether websockets get their opening event, and pings their pong.
    """

    def __init__(self, **settings: Any) -> None:
        self.loop = asyncio.get_running_loop()
        source = LoopTime(self.loop, START)
        self.clock = Clock(source)
        self.trace = Trace(self.clock)
        self.faults = Faults(self.clock, self.trace)
        self.names = NameTable()
        self.net = Net("cloud", self.clock, self.names, self.faults)
        self.is_secure: bool = settings.setdefault("secure", False)
        settings.setdefault("anchors", (authority().pem,))
        self.defects: list[BaseException] = []
        self.chance = Chance(settings.pop("seed", 7))
        store = settings.pop("store", None)
        self.device = Device(
            DeviceSettings(**settings), source=source, chance=self.chance, trace=self.trace, faults=self.faults,
            names=self.names, on_defect=self.defects.append, store=store,
        )  # fmt: skip
        self.log: list[str] = []
        self.device.on_log = lambda line: self.log.append(line.split("]: ", 1)[1])
        self.scripts: list[tuple[str, str, list[Script]]] = []
        self.asked: list[Asked] = []
        self.peers: list[Peer] = []
        self.meetings: list[dict[str, Any]] = []
        self.greets = self.pongs = True
        self.upgrade: Callable[[], Awaitable[web.StreamResponse] | None] = lambda: None
        self.tokens = 0
        self.service_data: dict[str, Any] = {}
        self.config_data: dict[str, Any] = {"trustList": []}
        self.services = dict(SERVICES)
        self.keys: SessionKeys | None = None
        self._server = web.Server(self._serve, access_log=None)
        self._listeners: list[Any] = []
        self.loop.set_exception_handler(lambda _, context: self.defects.append(_error(context)))

    # -- the stage --

    async def open(self) -> None:
        """Open the doors under both domains, http and https."""
        for port, tls in ((80, None), (443, authority().server_context(NAMES))):
            listener = await self.net.listen(self._server, tls=tls)
            self._listeners.append(listener)
            for domain in DOMAINS:
                self.names.publish_domain(domain, port, listener.host, listener.port)

    async def close(self) -> None:
        """Close everything, and complain of what went wrong unseen."""
        await self.device.close()
        await self._server.shutdown(1.0)
        for listener in self._listeners:
            listener.close()
        await self.settle()
        if self.defects:
            raise self.defects[0]

    async def settle(self) -> None:
        """Let everything happen that can happen now."""
        await self.clock.sleep(0.000_05)

    async def online(self) -> Peer:
        """Boot, activate, and go online."""
        await self.device.boot()
        await self.device.activate(CODE)
        await self.device.until_online()
        await self.settle()
        return self.peers[-1]

    def lines(self, *starts: str) -> list[str]:
        """Return the log lines that begin with one of these."""
        return [line for line in self.log if line.startswith(starts)]

    # -- what a test says --

    def on(self, method: str, where: str, *replies: Script) -> None:
        """Answer requests whose `host/path` contains `where` with these, one after the other; the last one stays."""
        self.scripts.insert(0, (method, where, list(replies)))

    def slow(self, method: str, where: str, late_s: float) -> None:
        """Answer requests of a kind as usual, but late."""
        self.on(method, where, lambda asked: replace(self.usual_reply(asked), late_s=late_s))

    def usual(self, method: str, where: str) -> None:
        """Forget what was said about these requests."""
        self.scripts = [script for script in self.scripts if script[:2] != (method, where)]

    def to(self, method: str, where: str) -> list[Asked]:
        """Return the requests of a kind."""
        return [asked for asked in self.asked if asked.method == method and where in asked.host + asked.path]

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._server.connections)

    @property
    def peer(self) -> Peer:
        """The youngest websocket."""
        return self.peers[-1]

    def url(self, url: str) -> str:
        """Return a URL as this cloud is reached: in clear unless it is secure."""
        return url if self.is_secure else url.replace("https:", "http:").replace("wss:", "ws:")

    # -- what it answers --

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await self._handle(request)
        except ConnectionError:
            raise
        except Exception as error:  # a mistake of the test, which aiohttp would turn into a 500
            self.defects.append(error)
            raise

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        host = request.host.partition(":")[0]
        query = dict(request.query)
        asked = Asked(
            request.method, host, request.path, query, dict(request.headers), await request.read(), self.clock.time()
        )
        self.asked.append(asked)
        reply = self._reply(asked)
        if reply.late_s:
            await self.clock.sleep(reply.late_s)
        if reply.cut:
            reset(request.transport)
            return web.Response(status=500)
        if request.headers.get("Upgrade", "").lower() == "websocket" and reply.status == 200:
            return await self._live(request)
        body = reply.body if isinstance(reply.body, bytes) else codec.encode(reply.body)
        headers = {"Date": conventions.format_http_date(self.clock.now()), **reply.headers}
        return web.Response(status=reply.status, body=body, headers=headers)

    def _reply(self, asked: Asked) -> Reply:
        for method, where, replies in self.scripts:
            if method == asked.method and where in asked.host + asked.path:
                script = replies.pop(0) if len(replies) > 1 else replies[0]
                return script(asked) if callable(script) else script
        return self.usual_reply(asked)

    def usual_reply(self, asked: Asked) -> Reply:
        """Return what a cloud that is well answers."""
        for method, where, usual in self._usual():
            if method == asked.method and where in asked.path:
                return usual(asked)
        return Reply(404, {"message": "nothing here"})

    def _usual(self) -> Iterator[tuple[str, str, Callable[[Asked], Reply]]]:
        yield "GET", "/v1/region", lambda _: Reply(body={"countryCode": "US", "regionCode": "US-EAST"})
        yield "GET", "/ping", lambda _: Reply(body={"serviceName": "GDS", "serviceState": "online"})
        yield "POST", "/challenges", self.challenge
        yield "POST", "/srp/invoke", self.invoke
        yield "POST", "/srp/register", self.register
        yield "POST", "/idb/oauth2/v1/access_token", self.token
        yield "GET", "/config", lambda _: Reply(body=self.config_data)
        yield "GET", "/limited/catalog", lambda _: Reply(body=self.hostmap("idbroker"))
        yield "GET", "/catalog", lambda _: Reply(body=self.hostmap(*self.services))
        yield "POST", "/devices", lambda _: Reply(body=self.dto(), headers={"ETag": 'W/"1"'})
        yield "PUT", "/devices/", lambda _: Reply(body=self.dto(), headers={"ETag": 'W/"2"'})
        yield "DELETE", "/devices/", lambda _: Reply(204)
        yield "GET", SOCKET_PATH, lambda _: Reply()
        yield "GET", "/calendarEvents/", lambda _: Reply(404)
        yield "GET", "/calendarEvents", self.events
        yield "GET", "/clusters", lambda _: Reply(body={"clusters": {}})
        yield "POST", "/clusters", lambda _: Reply(body={"clusters": {}})

    def challenge(self, _: Asked) -> Reply:
        """Answer step 1."""
        public = srp.server_public(_verifier(), B_EXPONENT)
        url = self.url("https://idbroker.webex.test/idb/token/v1/actions/srp/invoke")
        return Reply(body=ChallengeReply.of(public, SALT, url))

    def invoke(self, asked: Asked) -> Reply:
        """Answer step 2."""
        client = codec.b64decode_strict(asked.json["srpA"], "srpA")
        server = codec.b64decode_strict(asked.json["srpB"], "srpB")
        key = srp.server_key(_verifier(), B_EXPONENT, client)
        self.keys = SessionKeys.derive(key, transcript_hash(IDENTITY, SALT, client, server))
        sealed = self.keys.seal(SERVICE_DATA, codec.encode({**self.granted(), **self.service_data}), bytes(16))
        url = self.url("https://idbroker.webex.test/idb/token/v1/actions/srp/register")
        return Reply(body=ServiceReply.of(sealed, url))

    def granted(self) -> dict[str, Any]:
        """Return the plain serviceData."""
        token = {
            "access_token": ACCESS, "token_type": "Bearer", "expires_in": 64_799,
            "refresh_token": REFRESH, "refresh_token_expires_in": 5_183_999,
        }  # fmt: skip
        services = {name: self.url(SERVICES[name]) for name in ("u2c", "idbroker")}
        return {"token": token, "services": services, "certificates": [], "orgId": ORG, "userId": USER}

    def register(self, _: Asked) -> Reply:
        """Answer step 3."""
        assert self.keys is not None
        return Reply(body=ConfigReply.of(self.keys.seal(CONFIG_DATA, codec.encode(self.config_data), bytes(16))))

    def token(self, _: Asked) -> Reply:
        """Grant another access token."""
        self.tokens += 1
        return Reply(body={"access_token": f"{self.tokens:032x}_P0A1_{ORG}", "expires_in": 64_799})

    def hostmap(self, *names: str) -> dict[str, Any]:
        """Return a catalogue of these services."""
        return {"serviceLinks": {name: self.url(self.services[name]) for name in names}, "hostCatalog": {}}

    def dto(self, **members: Any) -> dict[str, Any]:
        """Return a registration."""
        features: dict[str, Any] = {"developer": [], "entitlement": [], "user": []}
        device = {
            "url": self.url(f"{SERVICES['wdm']}/devices/{DEVICE_ID}"),
            "webSocketUrl": self.url(f"wss://mercury-connection-a.wbx2.test{SOCKET_PATH}"),
            "userId": USER, "orgId": ORG, "deviceType": "TP_ENDPOINT", "features": features,
        }  # fmt: skip
        return {**device, **members}

    def events(self, asked: Asked) -> Reply:
        """List the meetings, page by page."""
        at, limit = int(asked.query["offset"]), int(asked.query["max"])
        return Reply(body={"items": self.meetings[at : at + limit]})

    # -- websockets --

    async def _live(self, request: web.BaseRequest) -> web.StreamResponse:
        ws = web.WebSocketResponse(compress=False)
        await ws.prepare(request)
        peer = Peer(self, ws, request)
        self.peers.append(peer)
        await peer.live()
        return ws

    async def on_frame(self, peer: Peer, frame: dict[str, Any]) -> None:
        """Answer what a device sends, as the cloud does."""
        if frame["type"] == "authorization" and self.greets:
            data = {"eventType": "mercury.buffer_state", "bufferState": {}}
            await peer.ws.send_str(json.dumps({"id": f"hello-{len(self.peers)}", "data": data}))
        elif frame["type"] == "ping" and self.pongs:
            await peer.ws.send_str(json.dumps({"id": frame["id"], "type": "pong"}))


def meeting(number: int | str, start: str = "2026-03-02T10:00:00.000Z", **members: Any) -> dict[str, Any]:
    """Return a meeting as the calendar lists it."""
    return {"id": f"meeting-{number}", "start": start, "durationMinutes": 30, "organizer": USER, **members}


def _error(context: dict[str, Any]) -> BaseException:
    return context.get("exception") or AssertionError(context["message"])


def play(story: Callable[[Scripted], Awaitable[None]], **settings: Any) -> Scripted:
    """Play a story on a stage of its own, in virtual time; a defect that nobody saw fails it."""

    async def main() -> Scripted:
        cloud = Scripted(**settings)
        await cloud.open()
        try:
            await story(cloud)
        finally:
            await cloud.close()
        return cloud

    return run(main)
