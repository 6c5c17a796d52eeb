"""The xAPI at its doors: gets beside a bare echo, feedback, and what a change of the tree costs."""

from __future__ import annotations

import asyncio
import base64
import gc
import statistics
import tracemalloc
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from aiohttp import web

from endpoint.cloud.profile import make_profile
from endpoint.device.defaults import configuration_defaults, status_tree
from endpoint.device.device import Device
from endpoint.device.settings import DeviceSettings
from endpoint.runtime.chance import Chance
from endpoint.runtime.clock import Clock, LoopTime, cpu_seconds, real_seconds
from endpoint.runtime.faults import Faults
from endpoint.runtime.net import NameTable
from endpoint.runtime.trace import NullTrace
from endpoint.wire.xapi import documents
from endpoint.wire.xapi.calls import ADMIN, Caller
from endpoint.xapi.http.rpc import RpcSession
from endpoint.xapi.http.server import HttpDoor
from endpoint.xapi.sessions import Sessions
from endpoint.xapi.tree import Tree

MESSAGES: Final = 20_000
WINDOW: Final = 50
"""Requests on the way at once."""
ROUNDS: Final = 5
VOLUME: Final = ("Audio", "Volume")
REQUEST: Final = (
    b'{"jsonrpc":"2.0","method":"xGet","id":"1","params":{"Path":["Status","SystemUnit","State","System"]}}'
)
SUBSCRIBE: Final = (
    b'{"jsonrpc":"2.0","method":"xFeedback/Subscribe","id":"1","params":{"Query":["Status","Audio","Volume"]}}'
)
CHANGES: Final = 2_000
TREES: Final = 200
LATENCIES: Final = 2_000


def measure() -> list[str]:
    """Measure one device behind its plain door, client and server in one process."""
    return asyncio.run(_measure())


async def _measure() -> list[str]:
    return [*await _gets(), await _latency(), await _changes(), _memory()]


async def _gets() -> list[str]:
    """Compare a get with an echo that decodes and encodes JSON; the client sends ready-made frames and counts bytes."""
    stand = await Stand.open()
    echo, door = await stand.echo(), await stand.door()
    gets: list[float] = []
    echoes: list[float] = []
    for _ in range(ROUNDS):
        echoes.append(await _rate(echo, "/", WINDOW))
        gets.append(await _rate(door, "/ws", WINDOW))
    one_echo, one_get = await _rate(echo, "/", 1), await _rate(door, "/ws", 1)
    await stand.close()
    get, bare = statistics.median(gets), statistics.median(echoes)
    return [
        f"xGet {get:,.0f}/s, bare JSON echo {bare:,.0f}/s with {WINDOW} on the way: {get / bare:.0%}   (goal: at least 70 %)",
        f"one at a time: xGet {one_get:,.0f}/s, echo {one_echo:,.0f}/s: {one_get / one_echo:.0%}",
    ]


async def _rate(port: int, path: str, window: int) -> float:
    """Return requests per second of processor time, both sides in this process."""
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(lambda: Flood(path, window), "127.0.0.1", port)
    await client.ready
    gc.collect()
    began = cpu_seconds()
    client.go()
    await client.done
    took = cpu_seconds() - began
    client.transport.abort()
    return MESSAGES / took


class Flood(asyncio.Protocol):
    """A websocket client that costs next to nothing: ready-made frames out, answers of one size counted in."""

    transport: Any

    def __init__(self, path: str, window: int) -> None:
        loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = loop.create_future()
        self.done: asyncio.Future[None] = loop.create_future()
        self._path = path
        self._window = window
        self._frame = bytes((0x81, 0x80 | len(REQUEST), 0, 0, 0, 0)) + REQUEST
        self._upgrade = b""
        self._size = 0
        self._sent = self._got = self._rest = 0
        self._arrived: asyncio.Queue[float] | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        login = base64.b64encode(b"admin:secret").decode()
        transport.write(
            f"GET {self._path} HTTP/1.1\r\nHost: bench.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
            f"Authorization: Basic {login}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        if not self.ready.done():
            self._upgrade += data
            if self._upgrade.endswith(b"\r\n\r\n"):
                assert b" 101 " in self._upgrade, self._upgrade
                self.ready.set_result(None)
            return
        if self._arrived is not None:
            self._arrived.put_nowait(real_seconds())
            return
        if not self._size:
            self._size = 2 + data[1]
        self._rest += len(data)
        count, self._rest = divmod(self._rest, self._size)
        self._got += count
        if self._got >= MESSAGES:
            self.done.set_result(None)
        else:
            self._send(min(count, MESSAGES - self._sent))

    def listen(self, request: bytes) -> asyncio.Queue[float]:
        """Send one request; return when anything arrives from now on."""
        self._arrived = asyncio.Queue()
        self.transport.write(bytes((0x81, 0x80 | len(request), 0, 0, 0, 0)) + request)
        return self._arrived

    def go(self) -> None:
        """Send the first requests."""
        self._send(self._window)

    def _send(self, count: int) -> None:
        self._sent += count
        self.transport.write(self._frame * count)


async def _latency() -> str:
    """Measure from a change of the tree to its bytes at a client, one after the other."""
    stand = await Stand.open()
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(lambda: Flood("/ws", 1), "127.0.0.1", await stand.door())
    await client.ready
    arrived = client.listen(SUBSCRIBE)
    await arrived.get()
    took: list[float] = []
    for number in range(LATENCIES):
        began = real_seconds()
        stand.device.status.put(VOLUME, number % 100)
        took.append(await arrived.get() - began)
    client.transport.abort()
    await stand.close()
    took.sort()
    median, high = took[len(took) // 2], took[len(took) * 99 // 100]
    return f"tree change to bytes at a client: median {median * 1e3:.3f} ms, p99 {high * 1e3:.3f} ms   (goal: p99 below 5 ms)"


async def _changes() -> str:
    """Measure one change of a leaf with subscribers that print it as JSON-RPC, without their sockets."""
    stand = await Stand.open()
    device, shown = stand.device, []
    sessions: list[RpcSession] = []
    for wanted in (0, 1, 100):
        while len(sessions) < wanted:
            caller = Caller("admin", frozenset(ADMIN))
            session = RpcSession(device.xapi, documents, caller, send=_nobody, start=_nobody, defect=_nobody)
            session.receive(SUBSCRIBE)
            sessions.append(session)
        gc.collect()
        began = cpu_seconds()
        for number in range(CHANGES):
            device.status.put(VOLUME, number % 100)
        shown.append(f"{(cpu_seconds() - began) / CHANGES * 1e6:.1f} us with {wanted}")
    await stand.close()
    return f"one tree change: {', '.join(shown)} subscriber(s)"


def _nobody(*_: object) -> None:
    """Take what nobody reads."""


def _memory() -> str:
    """Measure what the trees of one more device take, just booted."""
    chance = Chance(1)

    def grown(number: int) -> tuple[Tree, Tree]:
        return status_tree(make_profile(chance.actor(f"device:room{number}"))), Tree(configuration_defaults())

    kept = [grown(number) for number in range(TREES)]
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    kept += [grown(number) for number in range(TREES, 2 * TREES)]
    each = (tracemalloc.get_traced_memory()[0] - before) / TREES
    tracemalloc.stop()
    leaves = sum(1 for tree in kept[0] for _ in tree)
    return f"status and configuration trees of one device: {each / 1024:.1f} KiB ({leaves} leaves)"


@dataclass
class Stand:
    """A device that has booted, and doors of it."""

    device: Device
    _ends: list[Any] = field(default_factory=list)

    @classmethod
    async def open(cls) -> Stand:
        """Boot a device without a cloud."""
        source = LoopTime(asyncio.get_running_loop())
        clock = Clock(source)
        trace = NullTrace(clock)
        settings = DeviceSettings(log_lines=0, bring_up="manual")
        faults = Faults(clock, trace)
        device = Device(settings, source=source, chance=Chance(1), trace=trace, faults=faults, names=NameTable())
        await device.boot()
        return cls(device, [device.close])

    async def door(self) -> int:
        """Open the plain door; return its port."""
        sessions = Sessions(self.device.world.clock, self.device.configuration)
        door = HttpDoor(self.device.world, self.device.xapi, _Users(), sessions, _Facts(), documents)
        await door.start()
        self._ends.insert(0, door.stop)
        return door.port

    async def echo(self) -> int:
        """Open a websocket server that decodes and encodes JSON, and nothing else; return its port."""

        async def serve(request: web.BaseRequest) -> web.StreamResponse:
            ws = web.WebSocketResponse(compress=False)
            await ws.prepare(request)
            async for message in ws:
                await ws.send_str(msgspec.json.encode(msgspec.json.decode(message.data)).decode())
            return ws

        server = web.Server(serve, access_log=None)
        listener = await self.device.world.net.listen(server)
        self._ends.insert(0, server.shutdown)
        return int(listener.port)

    async def close(self) -> None:
        """Close everything."""
        for end in self._ends:
            await end()


class _Users:
    async def authenticate(self, name: str, passphrase: str, *, origin: str, door: str) -> Caller:
        return Caller(name, frozenset(ADMIN), origin, door)


class _Facts:
    product_type = "Cisco Codec"
    software = "ce26.4.1.12.67c6e508983"
    is_ready = True

    def serves(self, *, secure: bool, websocket: bool) -> bool:
        return True
