"""A cloud and one device of it in this process, the device online: what the prompt stands on when it is given no target."""

from __future__ import annotations

import asyncio
import inspect
import itertools
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from cloud_stub.media_node.fleet import build_media
from endpoint.device.control import ControlDoor
from endpoint.device.device import Device
from endpoint.device.settings import DeviceSettings
from endpoint.runtime.clock import SteppedTime
from endpoint.runtime.trace import Event
from endpoint.wire.xapi.calls import ADMIN, Caller
from endpoint.wire.xapi.completion import elements
from endpoint.wire.xapi.errors import NotReady
from endpoint.wire.xapi.leaves import Leaf, flatten
from endpoint.wire.xapi.paths import Path, folded, words
from endpoint.wire.xapi.query import Query
from endpoint.xapi.access import Xapi
from endpoint.xapi.feedback import Notice, Subscription
from scenarios.runner.cloud_process import start_cloud
from scenarios.runner.device_process import make_device
from scenarios.runner.serving import Ground, time_source
from scenarios.runner.shell.backend import Gate
from scenarios.runner.shell.doors import Door

FREE: Final = ("127.0.0.1", 0)
CALLER: Final = Caller("admin", frozenset(ADMIN), "roomsim shell", "shell")
STEP_S: Final = 1.0
"""How far frozen time is moved at a time until the device is online."""


class Embedded:
    """A device in this process. What was registered stays registered when it boots again."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._subscribed: dict[int, tuple[Query, Subscription]] = {}
        self._numbers = itertools.count(1)
        self._end = device.world.trace.subscribe(self._on_event)
        self.gate = Gate()
        self.tell: Callable[[str], object] = lambda text: None
        self.name = device.settings.name

    @property
    def _xapi(self) -> Xapi:
        if not self._device.is_up:
            raise NotReady
        return self._device.xapi

    async def get(self, query: Query) -> list[Leaf]:
        """See `Backend.get`."""
        return self._xapi.get(query, CALLER)

    async def set(self, query: Query, value: str) -> None:
        """See `Backend.set`."""
        self.gate.close()
        self._xapi.set(query, value, CALLER)

    async def call(self, words: Path, arguments: Mapping[str, Any], body: str | None) -> list[Leaf]:
        """See `Backend.call`."""
        commands = self._xapi.commands
        invocation = commands.prepare(words, arguments, body, CALLER)
        self.gate.close()
        outcome = commands.call(invocation)
        if inspect.isawaitable(outcome):
            self.gate.open()  # it takes time; what it causes meanwhile is told meanwhile
            outcome = await outcome
            self.gate.close()
        return flatten(outcome or {})

    async def subscribe(self, query: Query) -> int:
        """See `Backend.subscribe`."""
        number = next(self._numbers)
        self._subscribed[number] = (query, self._xapi.subscribe(query, CALLER, self._notice))
        return number

    async def unsubscribe(self, number: int) -> None:
        """See `Backend.unsubscribe`."""
        self._subscribed.pop(number)[1].close()

    async def elements(self, path: Path) -> Sequence[int]:
        """See `Backend.elements`."""
        if not self._device.is_up:
            return ()
        return elements(self._device.xapi.find(Query(folded(path), words(path)), CALLER), path)

    async def settle(self) -> None:
        """See `Backend.settle`: changes are told as they happen."""

    async def close(self) -> None:
        """See `Backend.close`."""
        self._end()
        for _, subscription in self._subscribed.values():
            subscription.close()

    def _notice(self, notice: Notice) -> None:
        self.gate.notice(notice.leaves)

    def _on_event(self, event: Event) -> None:
        """Register again with the parts that a boot has made anew."""
        if event.kind != "device.booted" or event.who != self._device.who:
            return
        for number, (query, before) in tuple(self._subscribed.items()):
            before.close()
            self._subscribed[number] = (query, self._device.xapi.subscribe(query, CALLER, self._notice))


@asynccontextmanager
async def embedded(clock: str) -> AsyncIterator[tuple[Embedded, Door, Door]]:
    """Make a cloud and a device that is activated and online; yields the device, its control door and the cloud's.

    Args:
        clock: as `--clock` of `roomsim cloud serve`.
    """
    source = time_source(clock)
    ground = Ground.real(source)
    cloud = await start_cloud(
        ground, {"http": FREE, "https": FREE}, build_media(ground.chance.actor("media").stream("plan")), None
    )
    device = make_device(DeviceSettings(anchors=(cloud.root_pem,)), ground)
    door = ControlDoor(device, ground.faults, ground.source)
    backend = Embedded(device)
    try:
        await door.start(*FREE)
        await device.boot()
        await device.activate(cloud.use_cases.code_create(workspace="Shell")[1].reveal())
        online = asyncio.ensure_future(device.until_online())
        while isinstance(source, SteppedTime) and source.is_frozen and not online.done():
            await source.advance(STEP_S)
        await online
        ready = cloud.ready()
        device_door = Door(door.url, door.token.reveal())
        cloud_door = Door(str(ready["control"]), str(ready["admin_token"]))
        async with device_door, cloud_door:
            yield backend, device_door, cloud_door
    finally:
        await backend.close()
        await door.stop()
        await device.close()
        await cloud.stop()
