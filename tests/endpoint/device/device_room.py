"""A device with its control door, and somebody who knows the token; a stub cloud where one is wanted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp

from cloud_stub.cloud import Cloud
from endpoint.device.control import ControlDoor
from endpoint.device.device import Device
from endpoint.device.settings import DeviceSettings
from endpoint.runtime import virtual
from endpoint.runtime.chance import Chance
from endpoint.runtime.clock import Clock, LoopTime, SteppedTime, TimeSource
from endpoint.runtime.faults import Faults
from endpoint.runtime.httpnet import NetConnector, no_timeout
from endpoint.runtime.net import NameTable, Net
from endpoint.runtime.tls import TlsClient
from endpoint.runtime.trace import Trace
from endpoint.wire.secret import Secret

START = datetime(2026, 3, 2, 8, 50, tzinfo=UTC)


@dataclass
class Reply:
    """One answer of the door."""

    status: int
    text: str
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.text)

    @property
    def code(self) -> str:
        """The code of an error."""
        return str(self.json["code"])


@dataclass
class Room:
    """A device with its control door, somebody who knows its token, and a cloud if one is wanted."""

    device: Device
    door: ControlDoor
    names: NameTable
    trace: Trace
    session: aiohttp.ClientSession
    cloud: Cloud | None = None
    heard: list[str] = field(default_factory=list)

    async def ask(
        self, method: str, path: str, body: object = None, *, data: bytes | None = None, **headers: str
    ) -> Reply:
        """Ask the door; `body` is sent as JSON, `data` as it is, headers replace the usual ones."""
        given = {"Authorization": f"Bearer {self.door.token.reveal()}", **headers}
        sent = data if body is None else json.dumps(body).encode()
        url = path if path.startswith("http") else self.door.url + path
        async with self.session.request(method, url, data=sent, headers=given) as response:
            reply = Reply(response.status, await response.text(), dict(response.headers))
        self.heard.append(reply.text)
        return reply

    async def get(self, path: str) -> Any:
        """Return what a GET brings."""
        reply = await self.ask("GET", path)
        assert reply.status == 200, reply.text
        return reply.json

    async def act(self, action: str, **members: object) -> Reply:
        """Ask for an action."""
        return await self.ask("POST", "/actions", {"action": action, **members})

    def new_code(self) -> Secret:
        """Make an activation code for a new workspace."""
        assert self.cloud is not None
        return self.cloud.use_cases.code_create(workspace="Huddle 1")[1]

    async def online(self) -> Secret:
        """Activate through the door and wait until the device is online; return the code."""
        code = self.new_code()
        assert (await self.act("activate", code=code.reveal())).status == 200
        async with self.device.world.clock.timeout(60):
            await self.device.until_online(discovered=True)
        return code


@asynccontextmanager
async def opened(*, cloud: bool = False, boots: bool = True, stepped: bool = False, **more: Any) -> AsyncIterator[Room]:
    """Open the door of a device, and a cloud if one is wanted; further settings are the device's."""
    loop = asyncio.get_running_loop()
    source: TimeSource = SteppedTime(loop, start=START) if stepped else LoopTime(loop, START)
    clock, chance, names = Clock(source), Chance(11), NameTable()
    trace = Trace(clock)
    faults = Faults(clock, trace)
    stub = Cloud(Clock(source), chance, trace, faults, names) if cloud else None
    if stub is not None:
        await stub.start()
        more.setdefault("anchors", (stub.root_pem,))
    device = Device(DeviceSettings(**more), source=source, chance=chance, trace=trace, faults=faults, names=names)
    door = ControlDoor(device, faults, source)
    await door.start()
    if boots:
        await device.boot()
    connector = NetConnector(Net("client:test", clock, names, Faults(clock, trace)), TlsClient)
    async with aiohttp.ClientSession(connector=connector, timeout=no_timeout()) as session:
        yield Room(device, door, names, trace, session, stub)
    await door.stop()
    await device.close()
    if stub is not None:
        await stub.stop()


def play(scene: Callable[[Room], Awaitable[None]], **how: Any) -> None:
    """Play a scene with a device and its door, on a virtual loop."""

    async def main() -> None:
        async with opened(**how) as room:
            await scene(room)

    virtual.run(main)
