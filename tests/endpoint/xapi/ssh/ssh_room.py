"""A small device behind an SSH door: a few parts that own commands, one user, and clients that read exact bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, ClassVar

import asyncssh

from endpoint.runtime.chance import Chance
from endpoint.runtime.clock import Clock, LoopTime
from endpoint.runtime.devicelog import DeviceLog
from endpoint.runtime.faults import Faults
from endpoint.runtime.net import NameTable, Net
from endpoint.runtime.trace import Trace
from endpoint.runtime.world import World
from endpoint.wire.xapi.calls import Caller, Invocation, Method
from endpoint.wire.xapi.errors import CommandFailed
from endpoint.wire.xapi.leaves import Fields
from endpoint.wire.xapi.nodes import Value, nodes
from endpoint.wire.xapi.paths import Path, parse_path
from endpoint.wire.xapi.shell_answers import Choices
from endpoint.xapi.access import Xapi
from endpoint.xapi.commands import Commands
from endpoint.xapi.feedback import Feedback
from endpoint.xapi.saved import SavedLogin
from endpoint.xapi.sessions import Sessions
from endpoint.xapi.ssh.greeting import Facts
from endpoint.xapi.ssh.hostkey import make_host_key
from endpoint.xapi.ssh.server import SshDoor
from endpoint.xapi.tree import Tree
from endpoint.xapi.users import LoginRefused

START = datetime(2026, 3, 2, 8, 50, tzinfo=UTC)
USER, PASSPHRASE = "admin", "correct horse æ"
GREETING = """\
Welcome to Huddle 1
Cisco Codec Release RoomOS 26.4.1 3963b07b5c5
SW Release Date: 2026-02-12
*r Login successful
OK

"""


@lru_cache(maxsize=8)
def host_key(algorithm: str = "ed25519") -> str:
    return make_host_key(algorithm)


class Audio:
    """Sets the volume at once."""

    def __init__(self, status: Tree, feedback: Feedback) -> None:
        self.status, self.feedback = status, feedback
        self.bodies: list[str] = []

    def volume_set(self, call: Invocation) -> Fields | None:
        self.status.put(("Audio", "Volume"), call.number("Level") or 0)
        return None

    def extra(self, call: Invocation) -> Fields | None:
        raise ZeroDivisionError("a defect")

    def save(self, call: Invocation) -> Fields | None:
        self.bodies.append(call.body)
        if not call.body.startswith("<Extensions>"):
            raise CommandFailed("Failed to parse xml")
        return None

    COMMANDS: ClassVar[Mapping[str, Method]] = {
        "Audio Volume Set": volume_set,
        "Audio Volume Mute": extra,
        "UserInterface Extensions Panel Save": save,
    }


class Calls:
    """Dials, which takes until `answer` is set."""

    def __init__(self, status: Tree, feedback: Feedback) -> None:
        self.status, self.feedback = status, feedback
        self.answer = asyncio.Event()
        self.answer.set()
        self.dialled: list[Mapping[str, Any]] = []

    async def dial(self, call: Invocation) -> Fields | None:
        self.dialled.append(call.arguments)
        if call.text("Number") == "nobody":
            raise CommandFailed("No such number")
        with self.status.group():
            self.status.put(parse_path("Call 3 Status"), "Dialling")
            self.status.put(parse_path("SystemUnit State NumberOfInProgressCalls"), 1)
        await self.answer.wait()
        self.status.put(parse_path("Call 3 Status"), "Connected")
        return {"CallId": 3, "ConferenceId": 1}

    def disconnect(self, call: Invocation) -> Fields | None:
        with self.status.group():
            self.status.remove(("Call", 3))
            self.status.put(parse_path("SystemUnit State NumberOfInProgressCalls"), 0)
        self.feedback.raise_event("CallDisconnect", {"CallId": 3, "CauseType": "LocalDisconnect", "CauseValue": 1})
        return {}

    def alert(self, call: Invocation) -> Fields | None:
        self.dialled.append(call.arguments)
        return {}

    COMMANDS: ClassVar[Mapping[str, Method]] = {
        "Dial": dial,
        "Call Disconnect": disconnect,
        "UserInterface Message Alert Display": alert,
    }


class OneUser:
    """Lets one user in, with a passphrase or a key."""

    def __init__(self, roles: str = "A") -> None:
        self.roles = frozenset(roles)
        self.keys: list[bytes] = []
        self.is_locked = False

    async def authenticate(self, name: str, passphrase: str, *, origin: str, door: str) -> Caller:
        if (name, passphrase) != (USER, PASSPHRASE):
            raise LoginRefused
        return Caller(name, self.roles, origin, door)

    def owns_key(self, name: str, key: bytes) -> bool:
        return name == USER and key in self.keys

    def authenticate_key(self, name: str, key: bytes, *, origin: str, door: str) -> Caller:
        if self.is_locked:
            raise LoginRefused
        return Caller(name, self.roles, origin, door)


class Room:
    """The device. Made inside the running loop."""

    def __init__(self, *, algorithm: str = "ed25519", roles: str = "A", choices: Choices | None = None) -> None:
        loop = asyncio.get_running_loop()
        clock = Clock(LoopTime(loop, START))
        trace = Trace(clock)
        faults = Faults(clock, trace)
        names = NameTable()
        self.world = World(
            "device:room", clock, Chance(1).actor("device:room"), Net("device:room", clock, names, faults), trace,
            faults, DeviceLog("device:room", clock, trace, pid=1),
        )  # fmt: skip
        self.status = Tree(
            {
                ("Audio", "Volume"): 50,
                ("SystemUnit", "Software", "DisplayName"): "RoomOS 26.4.1 3963b07b5c5",
                ("SystemUnit", "Software", "ReleaseDate"): "2026-02-12",
                ("SystemUnit", "State", "NumberOfInProgressCalls"): 0,
            }
        )
        self.configuration = Tree(
            {
                ("SystemUnit", "Name"): "Huddle 1",
                ("Audio", "DefaultVolume"): 50,
                ("NetworkServices", "WelcomeText"): "On",
                ("Security", "Session", "ShowLastLogon"): "Off",
            }
        )
        self.feedback = Feedback(self.status, self.configuration, nodes())
        commands = Commands(nodes())
        self.audio, self.calls = Audio(self.status, self.feedback), Calls(self.status, self.feedback)
        commands.provide([self.audio, self.calls])
        self.xapi = Xapi(nodes(), self.status, self.configuration, commands, self.feedback, self._configure)
        self.users = OneUser(roles)
        self.sessions = Sessions(clock, self.configuration)
        self.logins: dict[str, SavedLogin] = {}
        facts = Facts(lambda: UTC, self.logins.get)
        self.door = SshDoor(self.world, self.xapi, self.users, self.sessions, facts, host_key(algorithm), choices)
        self.failures: list[dict[str, Any]] = []
        loop.set_exception_handler(lambda _, context: self.failures.append(context))

    def _configure(self, values: Mapping[Path, Value], caller: Caller) -> None:
        if "unkept" in values.values():
            raise CommandFailed("the disk is full")
        with self.configuration.group():
            for path, value in values.items():
                self.configuration.put(path, value)

    @property
    def log(self) -> str:
        return "\n".join(self.world.log.lines)

    async def connect(self, **options: Any) -> asyncssh.SSHClientConnection:
        given = {"username": USER, "password": PASSPHRASE, "client_keys": None, "agent_path": None} | options
        return await asyncssh.connect(self.door.host, self.door.port, known_hosts=None, config=None, **given)

    @asynccontextmanager
    async def shell(self, *, command: str | None = None, terminal: bool = False) -> AsyncIterator[Shell]:
        connection = await self.connect()
        process: Any = await connection.create_process(
            command, encoding=None, term_type="vt100" if terminal else None, term_size=(80, 24) if terminal else None
        )
        shell = Shell(process)
        try:
            yield shell
        finally:
            process.close()
            connection.close()
            await connection.wait_closed()


class Shell:
    """A client that waits for the bytes it expects."""

    def __init__(self, process: Any) -> None:
        self.process = process

    def send(self, text: str | bytes) -> None:
        self.process.stdin.write(text.encode() if isinstance(text, str) else text)

    async def expect(self, text: str) -> None:
        """Read as many bytes as expected, and compare."""
        wanted = text.encode()
        got = b""
        with suppress(TimeoutError):
            async with asyncio.timeout(10):
                while len(got) < len(wanted) and (data := await self.process.stdout.read(len(wanted) - len(got))):
                    got += data
        assert got == wanted, f"\ngot  {got!r}\nwant {wanted!r}"

    async def until(self, text: str) -> str:
        """Read up to and with a text."""
        async with asyncio.timeout(10):
            got: bytes = await self.process.stdout.readuntil(text.encode())
        return got.decode()

    async def ask(self, line: str, text: str) -> None:
        """Send a line and expect the answer."""
        self.send(f"{line}\n")
        await self.expect(text)

    async def rest(self) -> str:
        """Read until the device closes."""
        async with asyncio.timeout(10):
            got: bytes = await self.process.stdout.read()
        return got.decode()


async def until(holds: Callable[[], bool]) -> None:
    """Give the loop turns until something holds that nobody tells of."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110  # there is no event to wait for, and the test is about that
            await asyncio.sleep(0)


@asynccontextmanager
async def room(**options: Any) -> AsyncIterator[Room]:
    """A device with its door open."""
    made = Room(**options)
    await made.door.start()
    try:
        yield made
    finally:
        await made.door.stop()
        assert made.door.connections == 0
        assert not len(made.sessions)
