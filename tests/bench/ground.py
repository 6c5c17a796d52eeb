"""A cloud and devices for benchmarks, without a trace."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from cloud_stub.cloud import Cloud
from cloud_stub.media_node.fleet import MediaPlan, build_media
from endpoint.device.device import Device
from endpoint.device.settings import DeviceSettings
from endpoint.runtime.chance import Chance
from endpoint.runtime.clock import Clock, LoopTime, TimeSource
from endpoint.runtime.faults import Faults
from endpoint.runtime.net import NameTable
from endpoint.runtime.trace import NullTrace, Trace


@dataclass
class Ground:
    """What cloud and devices of one benchmark share."""

    source: TimeSource
    clock: Clock
    chance: Chance
    trace: Trace
    faults: Faults
    names: NameTable
    cloud: Cloud

    def device(self, number: int, anchors: tuple[str, ...] | None = None) -> Device:
        """Make a device."""
        settings = DeviceSettings(
            name=f"room{number}", anchors=(self.cloud.root_pem,) if anchors is None else anchors, log_lines=0
        )
        return Device(
            settings,
            source=self.source,
            chance=self.chance,
            trace=self.trace,
            faults=self.faults,
            names=self.names,
        )

    def code(self, number: int) -> str:
        """Issue an activation code for a workspace of its own."""
        return self.cloud.use_cases.code_create(workspace=f"Room {number}")[1].reveal()


async def ground(
    *, seed: int | None = 1, servers: int | None = None, silent: int = 0, trace: type[Trace] = NullTrace
) -> Ground:
    """Start a cloud on the running loop; without another `trace` nothing is kept of what happens."""
    source = LoopTime(asyncio.get_running_loop())
    clock = Clock(source)
    chance = Chance(seed)
    history = trace(clock)
    faults = Faults(clock, history)
    names = NameTable()
    plan: MediaPlan = build_media(chance.actor("media").stream("plan"), servers=servers, silent=silent)
    cloud = Cloud(Clock(source), chance, history, faults, names, media=plan)
    await cloud.start()
    return Ground(source, clock, chance, history, faults, names, cloud)
