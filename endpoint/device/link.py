"""The network interface of a device: whether a cable is in it, and whether it has an address.

Faults of the layer `link` that are aimed at the device as a whole are what happens to the interface; a fault aimed at a host or a service
is on the way to it, and the interface knows nothing of it, as of one that takes a share of what passes.
Source: protocol/activation-and-media.md section 16, rows 1 and 2; R05, R06.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from endpoint.runtime.clock import Timer
from endpoint.runtime.faults import Fault

if TYPE_CHECKING:
    from endpoint.device.device import Device

INTERFACE: Final = "eth0"
SPEED: Final = ("Network", 1, "Ethernet", "Speed")
ADDRESS: Final = ("Network", 1, "IPv4", "Address")
AT: Final = "interface"
"""What a fault that is asked for here is asked at."""


class Condition(Enum):
    """How the interface is."""

    UP = "up"
    NO_ADDRESS = "no address"
    DOWN = "down"


FOUND: Final = {"down": Condition.DOWN, "no_address": Condition.NO_ADDRESS}
"""What a fault makes of the interface."""


class Link:
    """The interface of one device, over all its boots."""

    __slots__ = ("_alarms", "_device", "condition", "since")

    def __init__(self, device: Device) -> None:
        self._device = device
        self._alarms: dict[str, list[Timer]] = {}
        self.condition = Condition.UP
        self.since = device.world.clock.now()
        """Since when it is as it is."""
        device.world.faults.on_change(self._heard)

    @property
    def is_up(self) -> bool:
        """Say whether the interface can be used."""
        return self.condition is Condition.UP

    def _heard(self, fault: Fault) -> None:
        if fault.on != "link" or fault.do not in FOUND or not fault.aims_at({"device": self._device.who, "at": AT}):
            return
        for alarm in self._alarms.pop(fault.id, ()):
            alarm.cancel()
        clock = self._device.world.clock
        if fault in self._device.world.faults.armed:
            times = (fault.from_s, fault.until_s)
            waits = [at_s - clock.time() for at_s in times if at_s is not None and at_s > clock.time()]
            if waits:
                self._alarms[fault.id] = [clock.call_later(wait_s, self.look) for wait_s in waits]
        self.look()

    def look(self) -> None:
        """Look at the interface; what has changed is said, and acted upon."""
        device = self._device
        fault = device.world.faults.holding("link", FOUND, device=device.who, at=AT)
        found = FOUND[fault.do] if fault is not None else Condition.UP
        if found is self.condition:
            return
        before, self.condition, self.since = self.condition, found, device.world.clock.now()
        if fault is not None:
            device.world.faults.bite(fault)
        if device.is_up:
            self._tell(before)
            if found is Condition.UP:
                device.network_changed()
            else:
                device.world.net.break_streams()

    def show(self) -> None:
        """Show the interface at a boot: the one before may have said it, this one has not."""
        if self.is_up:
            self._show()
        else:
            self._tell(Condition.UP)

    def _tell(self, before: Condition) -> None:
        log = self._device.world.log
        if self.condition is Condition.DOWN:
            log.line("Network", "W", f"link down on {INTERFACE}")
        elif before is Condition.DOWN:
            speed = str(self._device.status.defaults.values.get(SPEED, "")).removesuffix("full")
            log.line("Network", "I", f"link up on {INTERFACE}, {speed} Mbit/s")
        if self.condition is Condition.NO_ADDRESS:
            log.line("Network", "W", f"no IPv4 lease on {INTERFACE}")
        self._show()

    def _show(self) -> None:
        device, now = self._device, self.condition
        with device.status.group():
            for path, is_there in ((SPEED, now is not Condition.DOWN), (ADDRESS, now is Condition.UP)):
                device.status.put(path, device.status.defaults.values.get(path, "") if is_there else "")
            device.diagnostics.put("NetLinkStatus", now is Condition.DOWN, {"interface": INTERFACE})
            device.diagnostics.put("IPv4Assignment", now is Condition.NO_ADDRESS, {"interface": INTERFACE})
            device.reach.judge()
        if now is Condition.DOWN:
            device.webex.link_lost()
        elif self.is_up:
            device.webex.link_found()
