"""Processor time of one full bring-up, device and stub, against the bare SRP exchange.

Online = activated over SRP, registered, Mercury open, caught up; over TLS on loopback, both sides in this process. Media discovery is
counted apart: it is not in the figure.
"""

from __future__ import annotations

import asyncio

from endpoint.runtime.clock import cpu_seconds
from endpoint.wire import srp
from tests.bench.ground import ground

DEVICES = 60
EXCHANGES = 60


def measure() -> list[str]:
    """Measure both, in turns."""
    exchange_ms = _exchange_ms()
    online_ms = asyncio.run(_bring_up_ms())
    return [
        f"SRP-3072 exchange alone, both sides      {exchange_ms:7.2f} ms   (anchor: 4 to 6 ms)",
        f"full bring-up, device and stub           {online_ms:7.2f} ms   (goal: at most 3x the exchange)",
        f"ratio                                    {online_ms / exchange_ms:7.2f} x",
    ]


def _exchange_ms() -> float:
    salt = bytes(range(1, 256)) + b"\x00"
    verifier = srp.verifier(b"43534500", b"12345678", salt)
    began = cpu_seconds()
    for number in range(EXCHANGES):
        a, b = number.to_bytes(32, "big"), (number + 7).to_bytes(32, "big")
        a, b = b"\x01" + a[1:], b"\x02" + b[1:]
        server_public, client_public = srp.server_public(verifier, b), srp.client_public(a)
        client = srp.client_key(
            b"43534500", b"12345678", salt, a=a, client_public=client_public, server_public=server_public
        )
        assert client == srp.server_key(verifier, b, client_public)
    return (cpu_seconds() - began) / EXCHANGES * 1000


async def _bring_up_ms() -> float:
    stage = await ground()
    codes = [
        stage.code(number) for number in range(DEVICES + 1)
    ]  # a code is the administrator's work, not the device's
    devices = [stage.device(number) for number in range(DEVICES + 1)]
    for device in devices:
        device.reachability.trigger = lambda cause: None  # type: ignore[method-assign]  # counted apart
    await devices[0].boot()
    await devices[0].activate(codes[0])
    await devices[0].until_online()
    began = cpu_seconds()
    for device, code in zip(devices[1:], codes[1:], strict=True):
        await device.boot()
        await device.activate(code)
        await device.until_online()
    used = cpu_seconds() - began
    for device in devices:
        await device.close()
    await stage.cloud.stop()
    return used / DEVICES * 1000
