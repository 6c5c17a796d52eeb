"""Calls in virtual time: how many are set up and ended again in a second of processor time."""

from __future__ import annotations

from endpoint.runtime import virtual
from endpoint.runtime.clock import cpu_seconds
from endpoint.wire.xapi.calls import INTERNAL
from tests.bench.ground import ground

CALLS = 100
ANSWERED_S, LASTS_S = 3.0, 10.0
PEER = "far@sip.example"


def measure() -> list[str]:
    """Measure calls through the gateway: dialled over the xAPI, answered, held for ten seconds, hung up; device and cloud, with TLS."""
    used_s = virtual.run(_calls)
    return [
        f"{CALLS} calls set up and ended: {CALLS / used_s:,.0f} a second and core, {used_s / CALLS * 1000:.1f} ms each"
    ]


async def _calls() -> float:
    stage = await ground()
    device = stage.device(0)
    await device.boot()
    await device.activate(stage.code(0))
    await device.until_online(discovered=True)
    stage.cloud.calls.peer(PEER, "answer", after_s=1.0)
    commands = device.xapi.commands
    dial = commands.prepare(("Dial",), {"Number": PEER}, "", INTERNAL)
    hang_up = commands.prepare(("Call", "Disconnect"), {}, "", INTERNAL)
    began = cpu_seconds()
    for _ in range(CALLS):
        commands.call(dial)
        await stage.clock.sleep(ANSWERED_S)
        assert [call["status"] for call in device.local.calls.shown()] == ["Connected"]
        await stage.clock.sleep(LASTS_S)
        commands.call(hang_up)
        await stage.clock.sleep(ANSWERED_S)
        assert device.local.calls.shown() == []
    used = cpu_seconds() - began
    await device.close()
    await stage.cloud.stop()
    return used
