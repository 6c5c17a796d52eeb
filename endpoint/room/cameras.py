"""The camera: positions, moves and presets.

Source: protocol/xapi-nodes.md 4.5, 6.5, 7.5; Preset Store, Edit and Remove by the rows of the table. Names of presets that got none, and
that a camera moved by hand no longer follows speakers, are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from endpoint.room.camera_motor import AXES, Motor
from endpoint.room.keeping import keep
from endpoint.room.ports import RoomWorld
from endpoint.room.quiet import nothing
from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.xapi.calls import Invocation, Method
from endpoint.wire.xapi.errors import CommandFailed
from endpoint.wire.xapi.leaves import Fields
from endpoint.wire.xapi.nodes import Value
from endpoint.wire.xapi.paths import Path

PRESETS_MAX: Final = 35

START: Final[Mapping[str, Value]] = {
    "Cameras Camera 1 Capabilities Options": "ptzf",
    "Cameras Camera 1 Connected": "True",
    "Cameras Camera 1 Framerate": 30,
    "Cameras Camera 1 LightingConditions": "Unknown",
    "Cameras Camera 1 Manufacturer": "Cisco",
    "Cameras Camera 1 Model": "Room Bar camera",
    "Cameras Camera 1 Position Pan": 0,
    "Cameras Camera 1 Position Tilt": 0,
    "Cameras Camera 1 Position Zoom": 11_800,
}

CONNECTED: Final[Path] = ("Cameras", "Camera", 1, "Connected")
LIGHTING: Final[Path] = ("Cameras", "Camera", 1, "LightingConditions")


@dataclass(frozen=True, slots=True)
class Preset:
    """A camera position that somebody kept."""

    number: int
    name: str
    pan: int
    tilt: int
    zoom: int
    is_default: bool = False
    camera: int = 1


class Cameras:
    """The one camera of the bar.

    Args:
        presets: those of earlier boots, in the order of their list.
    """

    __slots__ = ("_presets", "_room", "by_hand", "motor", "on_presets")

    def __init__(self, room: RoomWorld, presets: Iterable[Preset] = ()) -> None:
        self._room = room
        self._presets: list[Preset] = list(presets)[:PRESETS_MAX]
        self.motor = Motor(room)
        self.by_hand: Callable[[], object] = nothing
        """Told that somebody moves the camera."""
        self.on_presets: Callable[[Sequence[Preset]], object] = nothing
        """Told of the presets before they change, to keep them; StorageError when that cannot be."""

    def connect(self, number: int, connected: bool) -> None:
        """Plug a camera in or out.

        Raises:
            LocalProtocolError: the bar has no such camera.
        """
        if number != 1:
            raise LocalProtocolError(f"there is no camera {number}; there is 1")
        self.motor.halt()
        with self._room.status.group():
            self._room.status.put(CONNECTED, str(connected))
            if not connected:
                self._room.status.put(LIGHTING, "Unknown")

    def require(self) -> None:
        """Do nothing.

        Raises:
            CommandFailed: there is no camera.
        """
        if not self._is_connected():
            raise CommandFailed("Camera 1 is not connected")

    def sending(self, yes: bool) -> None:
        """Take note that video is sent in a call, or no longer."""
        self._room.status.put(LIGHTING, "Good" if yes and self._is_connected() else "Unknown")

    # commands

    def _position_set(self, call: Invocation) -> None:
        self.require()
        wanted = {name: value for name in AXES if (value := call.number(name)) is not None}
        if not wanted and not call.has("Focus") and not call.has("Lens"):
            raise CommandFailed("No position given: Pan, Tilt, Zoom, Focus or Lens")
        if wanted:
            self.by_hand()
            self.motor.place(wanted)

    def _ramp(self, call: Invocation) -> None:
        self.require()
        ways = {name: call.text(name) for name in AXES if call.has(name)}
        if not ways and not call.has("Focus"):
            raise CommandFailed("No movement given: Pan, Tilt, Zoom or Focus")
        if any(way != "Stop" for way in ways.values()):
            self.by_hand()
        with self._room.status.group():
            for name, way in ways.items():
                if way == "Stop":
                    self.motor.halt(name)
                else:
                    self.motor.go(name, way, call.number(f"{name}Speed"))

    def _preset_activate(self, call: Invocation) -> None:
        preset = self._find(call)
        self.require()
        self.by_hand()
        self.motor.place({"Pan": preset.pan, "Tilt": preset.tilt, "Zoom": preset.zoom})
        self._room.raise_event("CameraPresetActivated", {"CameraId": preset.camera, "PresetId": preset.number})

    def _preset_store(self, call: Invocation) -> Fields:
        self.require()
        number = call.number("PresetId") or self._free()
        old = next((preset for preset in self._presets if preset.number == number), None)
        preset = Preset(
            number,
            call.text("Name") or (old.name if old is not None else f"Preset {number}"),
            pan=self.motor.position("Pan"),
            tilt=self.motor.position("Tilt"),
            zoom=self.motor.position("Zoom"),
            is_default=call.text("DefaultPosition") == "True",
        )
        presets = [*self._presets, preset] if old is None else [preset if one is old else one for one in self._presets]
        self._arrange(presets, preset, call.number("ListPosition"))
        return {"PresetId": preset.number, "Name": preset.name}

    def _preset_edit(self, call: Invocation) -> None:
        old = self._find(call)
        preset = old
        if call.has("Name"):
            preset = replace(preset, name=call.text("Name"))
        if call.has("DefaultPosition"):
            preset = replace(preset, is_default=call.text("DefaultPosition") == "True")
        presets = [preset if one is old else one for one in self._presets]
        self._arrange(presets, preset, call.number("ListPosition"))

    def _preset_remove(self, call: Invocation) -> None:
        gone = self._find(call)
        self._update([preset for preset in self._presets if preset is not gone])

    def _preset_list(self, call: Invocation) -> Fields:
        wanted = call.text("DefaultPosition")
        return {
            "Preset": [
                {
                    "CameraId": preset.camera,
                    "DefaultPosition": preset.is_default,
                    "Name": preset.name,
                    "PresetId": preset.number,
                }
                for preset in self._presets
                if not wanted or (wanted == "True") == preset.is_default
            ]
        }

    # inside

    def _is_connected(self) -> bool:
        return self._room.status.get(CONNECTED) == "True"

    def _find(self, call: Invocation) -> Preset:
        number = call.number("PresetId")
        for preset in self._presets:
            if preset.number == number:
                return preset
        raise CommandFailed(f"Camera preset {number} does not exist")

    def _free(self) -> int:
        taken = {preset.number for preset in self._presets}
        for number in range(1, PRESETS_MAX + 1):
            if number not in taken:
                return number
        raise CommandFailed(f"All {PRESETS_MAX} camera presets are in use; remove one, or name the one to replace")

    def _arrange(self, presets: list[Preset], changed: Preset, place: int | None) -> None:
        """Let the list have one default position at most, and a preset its place in it."""
        if changed.is_default:
            presets = [preset if preset is changed else replace(preset, is_default=False) for preset in presets]
        if place is not None:
            presets = [preset for preset in presets if preset is not changed]
            presets.insert(place - 1, changed)
        self._update(presets)

    def _update(self, presets: list[Preset]) -> None:
        keep(self.on_presets, tuple(presets))
        self._presets = presets
        self._room.raise_event("CameraPresetListUpdated", {})

    COMMANDS: ClassVar[Mapping[str, Method]] = {
        "Camera PositionSet": _position_set,
        "Camera Preset Activate": _preset_activate,
        "Camera Preset Edit": _preset_edit,
        "Camera Preset List": _preset_list,
        "Camera Preset Remove": _preset_remove,
        "Camera Preset Store": _preset_store,
        "Camera Ramp": _ramp,
    }
