"""An xAPI with a few commands, users, and HTTP doors in front of it; and clients that know a passphrase."""

from __future__ import annotations

import asyncio
import base64
import io
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar

import aiohttp
import msgspec
from yarl import URL

from endpoint.device.defaults import configuration_defaults
from endpoint.runtime.chance import Chance
from endpoint.runtime.clock import Clock, LoopTime
from endpoint.runtime.devicelog import DeviceLog
from endpoint.runtime.faults import Faults
from endpoint.runtime.net import NameTable, Net
from endpoint.runtime.tls import Authority
from endpoint.runtime.trace import NullTrace
from endpoint.runtime.world import World
from endpoint.wire.xapi import documents
from endpoint.wire.xapi.calls import Caller, Invocation, Method
from endpoint.wire.xapi.errors import BadValue, CommandFailed
from endpoint.wire.xapi.leaves import Fields
from endpoint.wire.xapi.nodes import Value, nodes
from endpoint.wire.xapi.paths import Path, parse_path
from endpoint.xapi.access import Xapi
from endpoint.xapi.commands import Commands
from endpoint.xapi.feedback import Feedback
from endpoint.xapi.http.server import HttpDoor
from endpoint.xapi.sessions import Session, Sessions, TooManySessions
from endpoint.xapi.tree import Defaults, Tree
from endpoint.xapi.users import LoginRefused

PASSPHRASES = {"admin": "s3cret+/=", "ann": "ünï:cödé", "observer": "look"}
ROLES = {"admin": "A", "ann": "U", "observer": "Y"}
BEGIN = datetime(2026, 3, 2, 8, 50, tzinfo=UTC)
START: dict[str, Value] = {
    "Audio Volume": 50,
    "Audio Microphones Mute": "Off",
    "Network 1 IPv4 Address": "192.0.2.10",
    "SystemUnit Software Version": "ce26.7.1.12.67c6e508983",
    "SystemUnit Uptime": 12,
    "Video Input Connector 1 Connected": "True",
    "Video Input Connector 2 Connected": "False",
}


class Stand:
    """The owner of a few commands: volume, calls, a body, and some that fail."""

    def __init__(self, status: Tree, feedback: Feedback) -> None:
        self.status = status
        self.feedback = feedback
        self.bodies: list[str] = []
        self.gate = asyncio.Event()
        self.seen: list[Invocation] = []

    def volume_set(self, call: Invocation) -> None:
        level = call.number("Level")
        assert level is not None
        self.status.put(("Audio", "Volume"), level)

    def dial(self, call: Invocation) -> Fields:
        self.seen.append(call)
        if call.text("Number") == "defect":
            raise ZeroDivisionError("a defect")
        with self.status.group():
            self.status.put(("Call", 7, "Status"), "Connected")
            self.status.put(("Call", 7, "RemoteNumber"), call.text("Number"))
        return {"CallId": 7, "ConferenceId": 1}

    async def join(self, call: Invocation) -> Fields:
        self.status.put(("Audio", "Volume"), 77)
        await self.gate.wait()
        return {"CallId": 9}

    def disconnect(self, call: Invocation) -> None:
        if self.status.get(("Call", 7, "Status")) is None:
            raise CommandFailed("No active call", cause=21)
        self.status.remove(("Call", 7))
        self.feedback.raise_event("CallDisconnect", {"CallId": 7, "CauseType": "LocalDisconnect"})

    def panel_save(self, call: Invocation) -> None:
        self.bodies.append(call.body)
        if "<broken" in call.body:
            raise CommandFailed("Failed to parse xml")

    def bookings_put(self, call: Invocation) -> None:
        self.bodies.append(call.body)
        self.feedback.raise_event("Bookings Updated", {})

    def bookings_list(self, call: Invocation) -> Fields:
        return {
            "ResultInfo": {"TotalRows": 1},
            "Booking": [{"id": 1, "Id": "webex-1", "Time": {"StartTimeBuffer": 300}}],
        }

    def register(self, call: Invocation) -> None:
        self.seen.append(call)

    async def fails_late(self, call: Invocation) -> Fields:
        await asyncio.sleep(0)
        raise CommandFailed("", fields={"StatusCode": 404})

    COMMANDS: ClassVar[Mapping[str, Method]] = {
        "Audio Volume Set": volume_set,
        "Dial": dial,
        "Call Join": join,
        "Call Disconnect": disconnect,
        "UserInterface Extensions Panel Save": panel_save,
        "Bookings Put": bookings_put,
        "Bookings List": bookings_list,
        "HttpFeedback Register": register,
        "HttpClient Get": fails_late,
    }


@dataclass
class Facts:
    """A device that is there."""

    product_type: str = "Cisco Codec"
    software: str = "ce26.7.1.12.67c6e508983"
    is_ready: bool = True
    served: dict[tuple[bool, bool], bool] = field(default_factory=dict)

    def serves(self, *, secure: bool, websocket: bool) -> bool:
        """Say what NetworkServices lets be used; everything unless a test says otherwise."""
        return self.served.get((secure, websocket), True)


class Users:
    """Knows three users."""

    def __init__(self) -> None:
        self.asked = 0

    async def authenticate(self, name: str, passphrase: str, *, origin: str, door: str) -> Caller:
        """Check a passphrase."""
        self.asked += 1
        if PASSPHRASES.get(name) != passphrase:
            raise LoginRefused
        return Caller(name, frozenset(ROLES[name]), origin, door)


class FewSessions(Sessions):
    """Sessions with a limit."""

    limit = 30
    hangs_up = False
    """Every session is ended as soon as it has begun."""

    def __init__(self, clock: Clock, configuration: Tree) -> None:
        super().__init__(clock, configuration)
        self._empty = asyncio.Event()

    def open(self, caller: Caller, close: Any) -> Session:
        """Begin a session."""
        if len(self._open) >= self.limit:
            raise TooManySessions
        session = super().open(caller, close)
        if self.hangs_up:
            self.close(session, "Not now")
        return session

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._open)

    def _ended(self, session: Session) -> None:
        super()._ended(session)
        if not self._open:
            self._empty.set()

    async def emptied(self) -> None:
        """Wait until there are none."""
        self._empty.clear()
        if self._open:
            await asyncio.wait_for(self._empty.wait(), 5)

    def close_all(self, why: str) -> None:
        """Hang up on everybody."""
        for session in tuple(self._open.values()):
            session.close(why)


@dataclass
class Stage:
    """Everything behind the doors."""

    world: World
    xapi: Xapi
    status: Tree
    configuration: Tree
    feedback: Feedback
    owner: Stand
    users: Users
    sessions: FewSessions
    facts: Facts

    def door(self, tls: ssl.SSLContext | None = None) -> HttpDoor:
        """Make a door."""
        return HttpDoor(self.world, self.xapi, self.users, self.sessions, self.facts, documents, tls)


def stage(start: Mapping[str, Value] = START) -> Stage:
    """Make what is behind the doors, on the running loop."""
    clock = Clock(LoopTime(asyncio.get_running_loop(), BEGIN))
    trace = NullTrace(clock)
    faults, who = Faults(clock, trace), "device:test"
    log = DeviceLog(who, clock, trace, pid=3899)
    world = World(who, clock, Chance(1).actor(who), Net(who, clock, NameTable(), faults), trace, faults, log)
    status = Tree(Defaults({parse_path(path): value for path, value in start.items()}))
    configuration = Tree(configuration_defaults())
    table = nodes()
    feedback = Feedback(status, configuration, table)
    owner = Stand(status, feedback)
    commands = Commands(table)
    commands.provide([owner])

    def configure(values: Mapping[Path, Value], caller: Caller) -> None:
        if values.get(("SystemUnit", "Name")) == "refused":
            raise BadValue("SystemUnit Name", "not this one")
        with configuration.group():
            for path, value in values.items():
                configuration.put(path, value)

    xapi = Xapi(table, status, configuration, commands, feedback, configure)
    sessions = FewSessions(clock, configuration)
    return Stage(world, xapi, status, configuration, feedback, owner, Users(), sessions, Facts())


class Socket:
    """A websocket client that speaks JSON-RPC."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws
        self._next = 0

    async def send(self, method: str, params: Any = None, id_: Any = None) -> None:
        """Send a request."""
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "id": id_}
        if params is not None:
            message["params"] = params
        await self.ws.send_str(msgspec.json.encode(message).decode())

    async def next(self) -> Any:
        """Return the next message."""
        message = await asyncio.wait_for(self.ws.receive(), 5)
        assert message.type is aiohttp.WSMsgType.TEXT, message
        return msgspec.json.decode(message.data)

    async def ask(self, method: str, params: Any = None) -> Any:
        """Return the result of a request, or its error; nothing may come before it."""
        self._next += 1
        await self.send(method, params, self._next)
        answer = await self.next()
        assert answer["id"] == self._next, answer
        return answer["result"] if "result" in answer else answer["error"]


@dataclass
class Room:
    """An open door and a client of it."""

    stage: Stage
    door: HttpDoor
    client: aiohttp.ClientSession
    url: str

    async def socket(self, path: str = "/ws", user: str = "admin", **options: Any) -> Socket:
        """Open a websocket."""
        options.setdefault("headers", {"Authorization": basic(user)})
        return Socket(await self.client.ws_connect(self.url + path, max_msg_size=2**26, **options))

    async def ask(
        self, method: str, path: str, data: str | bytes | None = None, user: str | None = "admin", **headers: str
    ) -> tuple[int, str, Mapping[str, str]]:
        """Return status, text and headers of an answer."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if user is not None:
            given.setdefault("Authorization", basic(user))
        if data is not None:
            given.setdefault("Content-Type", "text/xml")
        sent = None if data is None else io.BytesIO(data.encode() if isinstance(data, str) else data)
        async with self.client.request(
            method, URL(self.url + path, encoded=True), data=sent, headers=given
        ) as response:
            return response.status, await response.text(), response.headers

    async def get(self, path: str, user: str = "admin") -> str:
        """Return what a GET brings."""
        status, text, _ = await self.ask("GET", path, user=user)
        assert status == 200, text
        return text

    async def put(self, document: str, user: str = "admin") -> str:
        """Return what a putxml brings."""
        status, text, _ = await self.ask("POST", "/putxml", document.encode(), user=user)
        assert status == 200, text
        return text


def basic(user: str, passphrase: str | None = None) -> str:
    """Print an Authorization header."""
    known = PASSPHRASES.get(user, "") if passphrase is None else passphrase
    return "Basic " + base64.b64encode(f"{user}:{known}".encode()).decode()


@asynccontextmanager
async def opened(*, secure: bool = False, start: Mapping[str, Value] = START) -> AsyncIterator[Room]:
    """Open a door."""
    behind = stage(start)
    tls = Authority().server_context(["127.0.0.1"]) if secure else None
    door = behind.door(tls)
    await door.start()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(door.stop)
        connector = aiohttp.TCPConnector(ssl=False)
        client = await stack.enter_async_context(
            aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        )
        yield Room(behind, door, client, f"http{'s' if secure else ''}://127.0.0.1:{door.port}")
