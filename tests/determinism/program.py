"""A small run with everything that could make runs differ: TLS, HTTP, websockets, timers, jitter, faults, tasks that are cancelled.

Five clients connect at drawn seconds, talk for an hour and are cut off by faults. `python -m tests.determinism.program SEED` prints the
hash of the trace; without a seed the draws are the operating system's.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from typing import Any

import aiohttp
from aiohttp import web

from endpoint.runtime import websocket
from endpoint.runtime.chance import Chance
from endpoint.runtime.clock import Clock, LoopTime
from endpoint.runtime.errors import Unreachable
from endpoint.runtime.faults import Fault, Faults
from endpoint.runtime.httpnet import NetConnectionError, NetConnector, no_timeout
from endpoint.runtime.net import NameTable, Net
from endpoint.runtime.tasks import Tasks
from endpoint.runtime.tls import Authority, TlsClient
from endpoint.runtime.trace import Trace, trace_hash
from endpoint.runtime.virtual import run
from endpoint.runtime.websocket import WebSocket

HOST = "cloud.wbx2.test"
START = datetime(2026, 3, 2, 8, 50, tzinfo=UTC)
LASTS_S = 3600.0
CLIENTS = ("ada", "ben", "cleo", "dan", "eve")


class World:
    """What all of them share."""

    def __init__(self, seed: int | None) -> None:
        self.chance = Chance(seed)
        self.clock = Clock(LoopTime(asyncio.get_running_loop(), START))
        self.trace = Trace(self.clock)
        self.faults = Faults(self.clock, self.trace)
        self.names = NameTable()
        self.authority = Authority()

    def net(self, who: str) -> Net:
        """Return one actor's view of the network."""
        return Net(who, self.clock, self.names, self.faults)

    def tls(self) -> TlsClient:
        """Return how clients verify."""
        return TlsClient((self.authority.pem,))


class Cloud:
    """Answers requests after a drawn time, and pings with pongs."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._delays = world.chance.actor("cloud").stream("delay")

    async def serve(self) -> None:
        app = web.Application()
        app.add_routes([web.post("/devices", self._register), web.get("/socket", self._socket)])
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        tls = self._world.authority.server_context([HOST])
        self._listener = await self._world.net("cloud").listen(self._runner.server, tls=tls)
        self._world.names.publish(HOST, 443, self._listener.host, self._listener.port)

    async def close(self) -> None:
        self._listener.close()
        await self._runner.cleanup()

    async def _register(self, request: web.Request) -> web.Response:
        body = await request.json()
        self._world.trace.event("cloud:wdm", "http.request", id=body["id"], data=body)
        await self._world.clock.sleep(self._delays.uniform(0.01, 0.2))
        return web.json_response({"url": f"wss://{HOST}/socket"}, status=201 if body["n"] % 3 else 503)

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        async for message in ws:
            self._world.trace.event("cloud:mercury", "ws.recv", id=str(message.data))
            if self._world.faults.hit("mercury", step="frame") is None:
                await ws.send_str(f"pong {message.data}")
        return ws


class Client:
    """Registers until it is let in, connects, and pings."""

    def __init__(self, world: World, name: str) -> None:
        self._world = world
        self.who = f"client:{name}"
        self._net = world.net(self.who)
        chance = world.chance.actor(self.who)
        self._ids, self._jitter = chance.stream("ids"), chance.stream("jitter")
        self._closed = asyncio.Event()

    def tell(self, kind: str, message_id: str | None = None, **data: Any) -> None:
        self._world.trace.event(self.who, kind, id=message_id, data=data)

    async def live(self) -> None:
        clock = self._world.clock
        await clock.sleep(self._jitter.uniform(0, 5))
        attempt = 0
        while True:
            attempt += 1
            try:
                if await self._register(attempt):
                    await self._talk()
            except (Unreachable, NetConnectionError) as error:
                self.tell("failed", reason=str(error))
            await clock.sleep(self._jitter.uniform(1, 2) * min(attempt, 5))

    async def _register(self, attempt: int) -> bool:
        body: dict[str, Any] = {"id": self._ids.uuid(), "n": attempt, "who": self.who}
        connector = NetConnector(self._net, self._world.tls)
        async with (
            aiohttp.ClientSession(connector=connector, timeout=no_timeout()) as session,
            session.post(f"https://{HOST}/devices", json=body) as answer,
        ):
            self.tell("http.response", body["id"], status=answer.status)
            return answer.status == 201

    async def _talk(self) -> None:
        self._closed.clear()
        socket = await websocket.connect(
            self._net, f"wss://{HOST}/socket", self, tls=self._world.tls, service="mercury"
        )
        try:
            while not self._closed.is_set():
                await self._world.clock.sleep(15 * self._jitter.uniform(0.9, 1.1))
                ping = self._ids.uuid()
                self.tell("ws.send", ping)
                socket.send(ping)
        finally:
            socket.let_go()

    def socket_opened(self, socket: WebSocket) -> None:
        self.tell("ws.open")

    def socket_received(self, socket: WebSocket, text: str) -> None:
        self.tell("ws.recv", text)

    def socket_closed(self, socket: WebSocket, code: int, reason: str) -> None:
        self.tell("ws.close", code=code, reason=reason)
        self._closed.set()


async def _play(seed: int | None) -> Trace:
    world = World(seed)
    cloud = Cloud(world)
    await cloud.serve()
    draws = world.chance.actor("world").stream("faults")
    world.faults.arm(Fault("frames", "mercury", "drop", percent=10, draws=draws))
    world.faults.arm(Fault("nobody home", "tcp", "refuse", {"host": "cloud*"}, from_s=600, until_s=660))
    for minute in (10, 25, 40):
        world.clock.call_later(minute * 60, world.faults.strike, Fault(f"cut {minute}", "mercury", "reset"))
    tasks = Tasks()
    for name in CLIENTS:
        tasks.start(Client(world, name).live(), name)
    await world.clock.sleep(LASTS_S)
    await tasks.cancel()
    await world.clock.sleep(60)
    await cloud.close()
    return world.trace


def play(seed: int | None) -> Trace:
    """Run the program and return its history."""
    return run(lambda: _play(seed))


if __name__ == "__main__":
    print(trace_hash(play(int(sys.argv[1]) if len(sys.argv) > 1 else None).events))  # noqa: T201  it is a program
