"""Whom a door's client sends its token to."""

from __future__ import annotations

import asyncio

import pytest

from cloud_stub.cloud import Cloud
from endpoint.runtime.chance import Chance
from endpoint.runtime.clock import Clock, LoopTime
from endpoint.runtime.faults import Faults
from endpoint.runtime.net import NameTable
from endpoint.runtime.trace import Trace
from scenarios.runner.shell.doors import Door, DoorRefused, is_loopback


@pytest.mark.parametrize(
    ("url", "is_ours"),
    [
        ("http://127.0.0.1:9", True),
        ("https://127.9.9.9", True),
        ("https://[::1]:9", True),
        ("http://localhost:9", True),
        ("https://127.1:9", False),
        ("https://localhost.example", False),
        ("https://127.0.0.1@rooms.example", False),
        ("http://192.0.2.1", False),
        ("http://[::1", False),
        ("", False),
    ],
)
def test_this_machine(url: str, is_ours: bool) -> None:
    assert is_loopback(url) is is_ours


def test_a_certificate_is_verified_unless_it_is_on_this_machine() -> None:
    async def main() -> None:
        clock = Clock(LoopTime(asyncio.get_running_loop()))
        trace = Trace(clock)
        cloud = Cloud(clock, Chance(7), trace, Faults(clock, trace), NameTable())
        await cloud.start(https=("127.0.0.1", 0))
        try:
            here, token = str(cloud.ready()["control"]), cloud.admin_token.reveal()
            async with Door(here, token) as door:
                assert await door.ask("GET", "/clock")
            # 127.1 is the same machine by a name that says nothing of it, as any other host's name would
            async with Door(here.replace("127.0.0.1", "127.1"), token) as door:
                with pytest.raises(DoorRefused, match="does not answer") as caught:
                    await door.ask("GET", "/clock")
                assert caught.value.status == 0
        finally:
            await cloud.stop()

    asyncio.run(main())
