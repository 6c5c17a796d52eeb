"""A web hook of a client: repeats validation tokens, and keeps what it is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from cloud_world import World

from endpoint.runtime.clock import Clock


class Hook:
    """What it answers can be set: `statuses` are used up one by one, then `status` holds; `delay_s` comes before each answer."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.url = ""
        self.told: list[tuple[float, dict[str, Any]]] = []
        self.statuses: list[int] = []
        self.status = 202
        self.delay_s = 0.0
        self.kind = "text/plain"
        self.repeats = True

    async def serve(self, request: web.BaseRequest) -> web.Response:
        token = request.query.get("validationToken")
        if self.delay_s:
            await self._clock.sleep(self.delay_s)
        if token is not None:
            return web.Response(text=token if self.repeats else "something else", content_type=self.kind)
        value = (await request.json())["value"]
        assert len(value) == 1
        self.told.append((self._clock.time(), value[0]))
        return web.Response(status=self.statuses.pop(0) if self.statuses else self.status)

    @property
    def changes(self) -> list[str]:
        """What happened, in the order it was told."""
        return [one.get("changeType") or one["lifecycleEvent"] for _, one in self.told]


@asynccontextmanager
async def hooked(world: World) -> AsyncIterator[Hook]:
    """Open a hook on a free port of loopback."""
    hook = Hook(world.clock)
    server = web.Server(hook.serve, access_log=None)
    listener = await world.cloud.net.listen(server)
    hook.url = f"http://127.0.0.1:{listener.port}/hook?room=1"
    try:
        yield hook
    finally:
        listener.close()
        await server.shutdown(1.0)
        await listener.wait_closed()
