"""SystemUnit Boot and FactoryReset. Source: protocol/xapi.md 10.2, activation-and-media.md section 6."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from endpoint.device.storage import SavedRoom, State
from endpoint.runtime.errors import EndpointError
from endpoint.wire.xapi.calls import Invocation, Method
from endpoint.wire.xapi.errors import CommandFailed

if TYPE_CHECKING:
    from endpoint.device.device import Device

GOES_DOWN_AFTER_S: Final = 1.0
"""Between the answer and the end of every session, so that the answer arrives."""
KEPT: Final[Mapping[str, tuple[str, ...]]] = {
    "LocalSetup": ("Audio DefaultVolume", "Audio SoundsAndAlerts RingVolume", "Time Zone", "UserInterface Language"),
    "Network": ("Network 1",),
    "Webex": ("Spark ServiceOverrides GdsBaseUrl", "Spark ServiceOverrides U2CBaseUrl"),
    "Provisioning": ("Provisioning Mode",),
    "HTTP": ("NetworkServices HTTP Mode", "NetworkServices HTTPS"),
    "Certificates": (),
    "SerialPort": (),
    "RemoteSupportUser": (),
}
"""Configurations that each group of FactoryReset keeps; Certificates keeps no configuration but the certificates."""


def reset_state(state: State, keep: Sequence[str]) -> State:
    """Return what is left of a state after a factory reset: the device itself, and what the groups keep."""
    kept = tuple(prefix for group in keep for prefix in KEPT[group])
    configuration = {
        path: value
        for path, value in state.configuration.items()
        if any(path == prefix or path.startswith(prefix + " ") for prefix in kept)
    }
    room = SavedRoom(
        certificates=state.room.certificates if "Certificates" in keep else (),
        camera_presets=state.room.camera_presets if "LocalSetup" in keep else (),
    )
    return State(
        profile=state.profile,
        configuration=configuration,
        room=room,
        boots=state.boots,
        last_shutdown_reason=state.last_shutdown_reason,
        last_shutdown_time=state.last_shutdown_time,
    )


def go_down(device: Device, action: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Let a device go down in a moment; what goes wrong then is logged."""

    async def go() -> None:
        try:
            await device.world.clock.sleep(GOES_DOWN_AFTER_S)
            await work()
        except EndpointError as error:  # such as a full disk
            device.world.log.line("MainEvents", "E", f"{action} failed: {error}")

    device.go_down(go())


class Power:
    """Restart, shut down and reset one device."""

    __slots__ = ("_device",)

    def __init__(self, device: Device) -> None:
        self._device = device

    def _boot(self, call: Invocation) -> None:
        device = self._device
        action = call.text("Action")
        self._require_up()
        if call.text("Force") == "False" and device.status.get(("SystemUnit", "State", "NumberOfActiveCalls")):
            raise CommandFailed("A call is active; end it, or use Force: True")
        device.local.room.raise_event("BootEvent", {"Action": action})
        if action == "Shutdown":
            device.local.room.raise_event("Shutdown", {})
        self._soon(action)

    def _factory_reset(self, call: Invocation) -> None:
        device = self._device
        keep = tuple(map(str, call.many("Keep")))
        trailing = call.text("TrailingAction")
        self._require_up()
        waits = {"WaitForUpgrade": "True"} if trailing == "WaitForUpgrade" else {}
        kept = {"Keep": ",".join(keep)} if keep else {}
        device.local.room.raise_event("SystemUnit FactoryResetInitiated", {**kept, **waits})
        device.world.log.line("MainEvents", "I", f"factory reset, keeping {','.join(keep) or 'nothing'}")
        self._soon("FactoryReset", keep, trailing)

    def _require_up(self) -> None:
        if self._device.is_going_down:
            raise CommandFailed("The device is going down already")

    def _soon(self, action: str, keep: tuple[str, ...] = (), trailing: str = "Restart") -> None:
        device = self._device
        if action == "FactoryReset":
            go_down(device, action, lambda: device.reset(keep, boots=trailing in ("Restart", "WaitForUpgrade")))
        else:
            go_down(device, action, device.restart if action == "Restart" else device.shut_down)

    COMMANDS: ClassVar[Mapping[str, Method]] = {
        "SystemUnit Boot": _boot,
        "SystemUnit FactoryReset": _factory_reset,
    }
