"""One device and the stub cloud under one clock, over TLS, on a virtual loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from cloud_stub.cloud import Cloud
from cloud_stub.media_node.fleet import build_media
from cloud_stub.platform.context import CloudSettings
from cloud_stub.platform.records import Meeting
from endpoint.device.device import Device
from endpoint.device.settings import DeviceSettings
from endpoint.runtime.chance import Chance
from endpoint.runtime.clock import Clock, LoopTime
from endpoint.runtime.faults import Faults
from endpoint.runtime.net import NameTable
from endpoint.runtime.trace import Trace
from endpoint.runtime.virtual import run
from endpoint.wire.calendar import Window

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


class Stubbed:
    """The two sides; must be made inside the running loop."""

    def __init__(self, cloud_settings: CloudSettings | None = None, seed: int = 7, **settings: Any) -> None:
        loop = asyncio.get_running_loop()
        source = LoopTime(loop, START)
        self.clock = Clock(source)
        self.chance = Chance(seed)
        self.trace = Trace(self.clock)
        self.faults = Faults(self.clock, self.trace)
        names = NameTable()
        media = build_media(self.chance.actor("media").stream("plan"), clusters=1, servers=3)
        self.cloud = Cloud(
            Clock(source), self.chance, self.trace, self.faults, names, cloud_settings or CloudSettings(), media=media
        )
        self.use = self.cloud.use_cases
        self.defects: list[BaseException] = []
        settings.setdefault("anchors", (self.cloud.root_pem,))
        self.device = Device(
            DeviceSettings(**settings), source=source, chance=self.chance, trace=self.trace, faults=self.faults,
            names=names, on_defect=self.defects.append,
        )  # fmt: skip
        self.log: list[str] = []
        self.device.on_log = lambda line: self.log.append(line.split("]: ", 1)[1])
        loop.set_exception_handler(lambda _, context: self.defects.append(_error(context)))

    async def open(self) -> None:
        """Open the cloud's doors."""
        await self.cloud.start(http=("127.0.0.1", 0), https=("127.0.0.1", 0))

    async def close(self) -> None:
        """Close both, and complain of what went wrong unseen."""
        await self.device.close()
        await self.cloud.stop()
        self.complain()

    def complain(self) -> None:
        """Raise the first defect that nobody saw."""
        if self.defects:
            raise self.defects[0]

    def code(self, **fields: Any) -> str:
        """Return the 16 digits of a new code for the device's workspace."""
        return self.use.code_create(workspace="Lab", **fields)[1].reveal()

    async def online(self) -> None:
        """Activate with a new code, and go online."""
        if not self.device.is_up:
            await self.device.boot()
        await self.device.activate(self.code())
        await self.device.until_online()

    def lines(self, *starts: str) -> list[str]:
        """Return the log lines that begin with one of these."""
        return [line for line in self.log if line.startswith(starts)]

    def window(self) -> dict[str, str]:
        """Return the ids of what the cloud's calendar has for this device a day to either side of now, with their starts."""
        account = self.device.identity.account
        assert account is not None
        window = Window.around(self.clock.now())
        mine = self.cloud.platform.store[Meeting].where("user_ids", account.user_id)
        origin = self.cloud.platform.hosts.origin("https", "")
        dtos = [self.cloud.calendar.dto(meeting, origin, account.user_id) for meeting in mine]
        return {dto.id: dto.start or "" for dto in dtos if dto.is_within(window.start, window.end)}

    def stored(self) -> dict[str, str]:
        """Return the same of the device's store."""
        window = Window.around(self.clock.now())
        meetings = self.device.calendar.meetings.values()
        return {m.id: m.start or "" for m in meetings if m.is_within(window.start, window.end)}

    def titles(self) -> dict[str, str | None]:
        """Return the titles of what the device's store has a day to either side of now, as far as it can read them."""
        calendar = self.device.calendar
        return {meeting_id: calendar.read(calendar.meetings[meeting_id]).title for meeting_id in self.stored()}


def _error(context: dict[str, Any]) -> BaseException:
    return context.get("exception") or AssertionError(context["message"])


def play(story: Callable[[Stubbed], Awaitable[None]], **settings: Any) -> Stubbed:
    """Play a story on a stage of its own, in virtual time."""

    async def main() -> Stubbed:
        stage = Stubbed(**settings)
        await stage.open()
        try:
            await story(stage)
        finally:
            await stage.close()
        return stage

    return run(main)
