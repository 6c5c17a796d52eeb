"""The stub cloud on real time and real sockets, in a thread of its own, for clients that are not ours."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from cloud_stub.cloud import Cloud
from endpoint.runtime.chance import Chance
from endpoint.runtime.clock import Clock, LoopTime
from endpoint.runtime.faults import Faults
from endpoint.runtime.net import NameTable
from endpoint.runtime.trace import Trace

START_S = 20.0


@contextmanager
def running_cloud(furnish: Callable[[Cloud], object] = lambda _: None) -> Iterator[dict[str, Any]]:
    """Run a cloud with both doors open; gives what its ready file would say. `furnish` puts into it what the clients will find."""
    ready: dict[str, Any] = {}
    is_up, stop = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loops.append(loop)
        clock = Clock(LoopTime(loop))
        trace = Trace(clock)
        cloud = Cloud(clock, Chance(None), trace, Faults(clock, trace), NameTable())
        furnish(cloud)
        await cloud.start(http=("127.0.0.1", 0), https=("127.0.0.1", 0))
        try:
            ready.update(cloud.ready())
            is_up.set()
            await stop.wait()
        finally:
            await cloud.stop()

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    assert is_up.wait(START_S), "the cloud did not start"
    try:
        yield ready
    finally:
        loops[0].call_soon_threadsafe(stop.set)
        thread.join(START_S)
