"""What befalls a device as a thing: its power, its heat, its clock, its disk, the cables of its clients.

Source: protocol/activation-and-media.md section 16, rows 22, 54 and 55; T13.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from endpoint.runtime.errors import StorageError
from endpoint.runtime.faults import Fault

if TYPE_CHECKING:
    from endpoint.device.device import Device
    from endpoint.device.keeping import Keeper

SHUTDOWN_AFTER_S: Final = 20.0
"""Between the alarm of the thermal control and the end; documented as 20000 ms."""
CRITICAL_CELSIUS: Final = 105
"""What an overheated device reports; ours."""
TEMPERATURE: Final = ("SystemUnit", "Hardware", "Monitoring", "Temperature", "Status")
DISK: Final = {"full": "No space left on device", "read_only": "Read-only file system"}
"""What a disk with a fault says, in the words of the operating system."""


class Hardware:
    """The hardware of one device, over all its boots."""

    __slots__ = ("_device", "_keeper")

    def __init__(self, device: Device, keeper: Keeper) -> None:
        self._device = device
        self._keeper = keeper
        keeper.before_write = self._check_disk
        device.world.faults.on_momentary(self._strike)

    def _strike(self, fault: Fault) -> bool:
        if fault.on != "client" and not fault.aims_at({"device": self._device.who, "of": "device"}):
            return False
        match fault.on, fault.do:
            case "power", "cut":
                return self._cut()
            case "power", "thermal":
                return self._overheat()
            case "clock", "jump":
                return self._jump(float(fault.params["by"]))
            case "storage", "corrupt":
                self._keeper.corrupt()
                return True
            case "client", "drop":
                return self._cut_clients(fault)
        return False

    def _cut(self) -> bool:
        device = self._device
        if device.is_up:
            device.go_down(device.crash())
        return device.is_up

    def _cut_clients(self, fault: Fault) -> bool:
        doors, here = self._device.doors, {"device": self._device.who}
        return doors is not None and doors.cut(lambda about: fault.aims_at({**here, **about})) > 0

    def _overheat(self) -> bool:
        device = self._device
        if not device.is_up or device.is_going_down:
            return False
        device.status.put(TEMPERATURE, "Critical")
        device.diagnostics.put("TemperatureCheck", True, {"temperature": str(CRITICAL_CELSIUS)})
        log, wait_ms = device.world.log, round(SHUTDOWN_AFTER_S * 1000)
        log.line("thermal_control", "E", f"temperature critical: {CRITICAL_CELSIUS} C", of="thermal_control")
        log.line("thermal_control", "E", f"shutdown in {wait_ms} ms", of="thermal_control")
        device.go_down(self._shut_down())
        return True

    async def _shut_down(self) -> None:
        device = self._device
        await device.world.clock.sleep(SHUTDOWN_AFTER_S)
        log = device.world.log
        log.line("thermal_control", "E", "thermal shutdown", of="thermal_control")
        log.line("bootnotifier", "I", "shutdown due to notification from main", of="bootnotifier")
        await device.shut_down()

    def _jump(self, by_s: float) -> bool:
        device = self._device
        device.world.clock.jump_wall(timedelta(seconds=by_s))
        device.world.trace.event("world", "clock.set", data={"of": device.who, "jump": by_s})
        return True

    def _check_disk(self, file: str) -> None:
        """Refuse to write a file as a disk that is full, or read only."""
        fault = self._device.world.faults.hit("storage", DISK, device=self._device.who, file=file)
        if fault is not None:
            raise StorageError(f"{file}: cannot be written: {DISK[fault.do]}; the state before is kept")
