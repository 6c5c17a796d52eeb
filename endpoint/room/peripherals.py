"""Peripherals: touch panels, control systems and whatever else says that it is connected.

A peripheral that has sent a heartbeat must send the next one in time, or it has lost its connection. Source: protocol/xapi-nodes.md 4.17,
5.11, 6.13, 7.8; which role and place a type has is ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, Final

from endpoint.room.ports import RoomWorld
from endpoint.runtime.clock import Timer
from endpoint.wire.xapi.calls import Invocation, Method
from endpoint.wire.xapi.errors import CommandFailed
from endpoint.wire.xapi.nodes import Value
from endpoint.wire.xapi.paths import Path

PERIPHERALS_MAX: Final = 100

_DEVICE: Final = ("Peripherals", "ConnectedDevice")
_PROFILE: Final = ("Peripherals", "Profile", "TouchPanels")
_NAVIGATOR: Final = "00:00:5E:00:53:01"
_DETAILS: Final = ("HardwareInfo", "Name", "NetworkAddress", "SerialNumber", "SoftwareInfo")
_PLACES: Final = {
    "TouchPanel": ("Controller", "InsideRoom"),
    "RoomScheduler": ("Scheduler", "OutsideRoom"),
    "PersistentWebApp": ("PersistentWebApp", "InsideRoom"),
}
"""Role and location of a type; others have neither set."""
_EVENT_TYPES: Final = {"Byod": "BYOD"}
"""Types that PeripheralRemoved spells in its own way."""

START: Final[Mapping[str, Value]] = {
    "Peripherals ConnectedDevice 1 HardwareInfo": "SIM-NAVIGATOR",
    "Peripherals ConnectedDevice 1 ID": _NAVIGATOR,
    "Peripherals ConnectedDevice 1 Location": "InsideRoom",
    "Peripherals ConnectedDevice 1 Name": "Navigator",
    "Peripherals ConnectedDevice 1 NetworkAddress": "192.0.2.30",
    "Peripherals ConnectedDevice 1 Role": "Controller",
    "Peripherals ConnectedDevice 1 SerialNumber": "SIM00000002",
    "Peripherals ConnectedDevice 1 SoftwareInfo": "",
    "Peripherals ConnectedDevice 1 Status": "Connected",
    "Peripherals ConnectedDevice 1 Type": "TouchPanel",
    "Peripherals ConnectedDevice 1 UpgradeFailureReason": "",
    "Peripherals ConnectedDevice 1 UpgradeStatus": "None",
    "Peripherals PinPairing PinVisibleOnScreen": "False",
    "Peripherals PinPairing RetriesRemaining": 0,
    "Peripherals PinPairing TimeRemaining": 0,
}


class Peripherals:
    """Keeps the list of what is connected.

    Args:
        complain: raises or clears a diagnostics message: its type, and whether it holds.
    """

    __slots__ = ("_complain", "_next", "_numbers", "_room", "_timers")

    def __init__(self, room: RoomWorld, complain: Callable[[str, bool], object] = lambda kind, holds: None) -> None:
        self._room = room
        self._complain = complain
        self._numbers = {_NAVIGATOR: 1}
        self._next = 2
        self._timers: dict[str, Timer] = {}
        room.settings.listen(_PROFILE, self._profile_changed)
        self._judge()

    @property
    def ids(self) -> list[str]:
        """Everything that has ever connected in this boot and was not purged, by its ID."""
        return list(self._numbers)

    def stop(self) -> None:
        """Stop waiting for heartbeats: the device goes down."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    # people

    def set_connected(self, identifier: str, is_connected: bool) -> None:
        """Pull out a peripheral, or plug it in again.

        Raises:
            CommandFailed: nothing with this ID was ever connected.
        """
        self._number(identifier)
        self._forget_heartbeat(identifier)
        self._set_status(identifier, "Connected" if is_connected else "LostConnection")

    def measure(
        self, identifier: str, *, temperature: str = "", air_quality: str = "", humidity: int | None = None
    ) -> None:
        """Let a peripheral measure the room: degrees Celsius, index and percent; what is left out stays.

        Raises:
            CommandFailed: nothing with this ID was ever connected.
        """
        place = (*_DEVICE, self._number(identifier), "RoomAnalytics")
        with self._room.status.group():
            if temperature:
                self._room.status.put((*place, "AmbientTemperature"), temperature)
            if air_quality:
                self._room.status.put((*place, "AirQuality", "Index"), air_quality)
            if humidity is not None:
                self._room.status.put((*place, "RelativeHumidity"), humidity)

    # commands

    def connect(self, call: Invocation) -> None:
        """Take a peripheral into the list; one that is there already says what is new about it."""
        identifier, kind = call.text("ID"), call.text("Type")
        number = self._numbers.get(identifier)
        is_new = number is None
        if number is None:
            if len(self._numbers) >= PERIPHERALS_MAX:
                raise CommandFailed(f"At most {PERIPHERALS_MAX} peripherals can be connected; purge one")
            number, self._next = self._next, self._next + 1
            self._numbers[identifier] = number
        role, location = _PLACES.get(kind, ("NotSet", "NotSet"))
        leaves: dict[str, Value] = {"ID": identifier, "Type": kind, "Role": role, "Location": location}
        leaves.update({name: call.text(name) for name in _DETAILS if is_new or call.has(name)})
        if is_new:
            leaves.update({"UpgradeFailureReason": "", "UpgradeStatus": "None"})
        screen = self._room.status
        with screen.group():
            for name, value in leaves.items():
                screen.put((*_DEVICE, number, name), value)
            self._set_status(identifier, "Connected")

    def heartbeat(self, call: Invocation) -> None:
        """Take a sign of life, and wait for the next one for Timeout seconds."""
        identifier = call.text("ID")
        self._number(identifier)
        self._forget_heartbeat(identifier)
        self._timers[identifier] = self._room.world.clock.call_later(
            call.number("Timeout") or 0, self._missed, identifier
        )
        self._set_status(identifier, "Connected")

    def purge(self, call: Invocation) -> None:
        """Forget a peripheral."""
        identifier = call.text("ID")
        number = self._number(identifier)
        serial, kind = (str(self._get(number, name) or "") for name in ("SerialNumber", "Type"))
        self._forget_heartbeat(identifier)
        del self._numbers[identifier]
        self._room.status.remove((*_DEVICE, number))
        fields = {"ID": identifier, "SerialNumber": serial, "Type": _EVENT_TYPES.get(kind, kind)}
        self._room.raise_event("Peripherals PeripheralRemoved", fields)
        self._judge()

    # inside

    def _number(self, identifier: str) -> int:
        number = self._numbers.get(identifier)
        if number is None:
            raise CommandFailed(f"No peripheral {identifier} is connected; Peripherals Connect takes it into the list")
        return number

    def _get(self, number: int, name: str) -> Value | None:
        return self._room.status.get((*_DEVICE, number, name))

    def _set_status(self, identifier: str, status: str) -> None:
        self._room.status.put((*_DEVICE, self._numbers[identifier], "Status"), status)
        self._judge()

    def _missed(self, identifier: str) -> None:
        del self._timers[identifier]
        self._set_status(identifier, "LostConnection")

    def _forget_heartbeat(self, identifier: str) -> None:
        timer = self._timers.pop(identifier, None)
        if timer is not None:
            timer.cancel()

    def _profile_changed(self, changes: Mapping[Path, Value | None]) -> None:
        self._judge()

    def _judge(self) -> None:
        """Complain when fewer touch panels are connected than the profile of the room says."""
        profile = str(self._room.settings.get(_PROFILE) or "Auto").removeprefix("Minimum")
        wanted = int(profile) if profile.isdigit() else 0
        there = sum(
            self._get(number, "Type") == "TouchPanel" and self._get(number, "Status") == "Connected"
            for number in self._numbers.values()
        )
        self._complain("TouchPanelConnection", there < wanted)

    COMMANDS: ClassVar[Mapping[str, Method]] = {
        "Peripherals Connect": connect,
        "Peripherals HeartBeat": heartbeat,
        "Peripherals Purge": purge,
    }
