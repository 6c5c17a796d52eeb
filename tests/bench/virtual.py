"""How much of a device's life passes in a second of processor time, under virtual time."""

from __future__ import annotations

from endpoint.runtime import virtual
from endpoint.runtime.clock import cpu_seconds
from tests.bench.ground import ground

DAY_S = 86_400.0


def measure() -> list[str]:
    """Measure one registered device through a day with keep-alives, discoveries and catch-ups, TLS and all."""
    used_s, frames = virtual.run(_day)
    return [
        f"one device-day: {used_s:.2f} s of processor time, {frames} trace events   = {24 / used_s:.0f} device-hours per second",
        "(goal: at least 100 device-hours per second and core)",
    ]


async def _day() -> tuple[float, int]:
    stage = await ground()
    device = stage.device(0)
    await device.boot()
    await device.activate(stage.code(0))
    await device.until_online(discovered=True)
    began, count = cpu_seconds(), stage.trace.dropped
    await stage.clock.sleep(DAY_S)
    used = cpu_seconds() - began
    events = stage.trace.dropped - count
    assert device.is_online
    await device.close()
    await stage.cloud.stop()
    return used, events
