"""The door in virtual time: the same code, no sockets, a clock that jumps."""

from __future__ import annotations

import aiohttp
from doors import Socket, basic, stage

from endpoint.runtime import virtual
from endpoint.runtime.clock import Clock
from endpoint.runtime.faults import Faults
from endpoint.runtime.httpnet import NetConnector, no_timeout
from endpoint.runtime.net import NameTable, Net
from endpoint.runtime.tls import Authority, TlsClient
from endpoint.runtime.trace import NullTrace


def test_requests_and_websockets_and_silent_clients() -> None:
    async def body() -> None:
        behind = stage()
        door = behind.door(Authority().server_context(["127.0.0.1"]))
        await door.start()
        clock: Clock = behind.world.clock
        trace = NullTrace(clock)
        connector = NetConnector(
            Net("client:test", clock, NameTable(), Faults(clock, trace)), lambda: TlsClient(verify=False)
        )
        url = f"https://127.0.0.1:{door.port}"
        headers = {"Authorization": basic("admin")}
        async with aiohttp.ClientSession(connector=connector, timeout=no_timeout(), headers=headers) as client:
            async with client.get(f"{url}/getxml?location=/Status/Audio/Volume") as response:
                assert "<Volume>50</Volume>" in await response.text()
                assert response.headers["Date"] == "Mon, 02 Mar 2026 08:50:00 GMT", "the device's own clock"
            socket = Socket(await client.ws_connect(f"{url}/ws"))
            await socket.ask("xFeedback/Subscribe", {"Query": ["Status", "Audio"]})
            await clock.sleep(86_400)
            behind.status.put(("Audio", "Volume"), 7)
            assert (await socket.next())["params"]["Status"] == {"Audio": {"Volume": 7}}
            assert behind.sessions.count == 1
            began = clock.time()
            await door.stop()  # the client does not read, and is cut off
            assert clock.time() - began < 5
            assert behind.sessions.count == 0

    virtual.run(body)
