"""What one actor has of the outside world."""

from __future__ import annotations

from dataclasses import dataclass

from endpoint.runtime.chance import Actor
from endpoint.runtime.clock import Clock
from endpoint.runtime.devicelog import DeviceLog
from endpoint.runtime.faults import Faults
from endpoint.runtime.net import Net
from endpoint.runtime.tap import CLOSED, Tap
from endpoint.runtime.trace import Trace


@dataclass(slots=True)
class World:
    """The doors of one device: its clock, chance and network, and the histories it writes to.

    `log` is replaced at each boot: a process start has its own pid and HTTP counter. `tap` is for who records the device.
    """

    who: str
    clock: Clock
    chance: Actor
    net: Net
    trace: Trace
    faults: Faults
    log: DeviceLog
    tap: Tap = CLOSED
