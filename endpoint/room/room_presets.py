"""RoomPreset: a state of camera and video that can be called back.

Source: protocol/xapi-nodes.md 4.22 and the rows of the table; which leaves Type All holds is ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from endpoint.room.camera_motor import AXES
from endpoint.room.cameras import Cameras
from endpoint.room.keeping import keep
from endpoint.room.ports import RoomWorld
from endpoint.room.quiet import nothing
from endpoint.room.video import MAIN_SOURCE, SELFVIEW
from endpoint.wire.xapi.calls import Invocation, Method
from endpoint.wire.xapi.errors import CommandFailed
from endpoint.wire.xapi.nodes import Value
from endpoint.wire.xapi.paths import Path

PRESETS_MAX: Final = 15
_VIDEO: Final[tuple[Path, ...]] = (MAIN_SOURCE, *SELFVIEW.values())

START: Final[Mapping[str, Value]] = {
    f"RoomPreset {number} {leaf}": value
    for number in range(1, PRESETS_MAX + 1)
    for leaf, value in (("Defined", "False"), ("Description", ""), ("Type", "Camera"))
}


@dataclass(frozen=True, slots=True)
class RoomPreset:
    """What somebody kept.

    Attributes:
        axes: pan, tilt, zoom.
        video: values of MainVideoSource and of the Selfview leaves; empty for the type Camera.
    """

    number: int
    kind: str
    description: str
    axes: tuple[int, ...]
    video: tuple[str, ...] = ()


class RoomPresets:
    """The room presets.

    Args:
        presets: those of earlier boots.
    """

    __slots__ = ("_cameras", "_presets", "_room", "on_presets")

    def __init__(self, room: RoomWorld, cameras: Cameras, presets: Iterable[RoomPreset] = ()) -> None:
        self._room = room
        self._cameras = cameras
        self._presets: dict[int, RoomPreset] = {preset.number: preset for preset in presets}
        self.on_presets: Callable[[Sequence[RoomPreset]], object] = nothing
        """Told of the presets before they change, to keep them; StorageError when that cannot be."""
        for preset in self._presets.values():
            self._show(preset.number, preset)

    def _store(self, call: Invocation) -> None:
        number = call.number("PresetId") or 0
        preset = RoomPreset(
            number,
            call.text("Type"),
            call.text("Description"),
            tuple(self._cameras.motor.position(name) for name in AXES),
            tuple(str(self._room.status.get(path)) for path in _VIDEO) if call.text("Type") == "All" else (),
        )
        self._update({**self._presets, number: preset})
        self._show(number, preset)

    def _clear(self, call: Invocation) -> None:
        number = self._find(call).number
        self._update({known: preset for known, preset in self._presets.items() if known != number})
        self._show(number, None)

    def _activate(self, call: Invocation) -> None:
        preset = self._find(call)
        self._cameras.require()
        self._cameras.by_hand()
        with self._room.status.group():
            self._cameras.motor.place(dict(zip(AXES, preset.axes, strict=True)))
            if preset.video:
                for path, value in zip(_VIDEO, preset.video, strict=True):
                    self._room.status.put(path, value)

    def _find(self, call: Invocation) -> RoomPreset:
        number = call.number("PresetId") or 0
        if number not in self._presets:
            raise CommandFailed(f"Room preset {number} is not defined")
        return self._presets[number]

    def _show(self, number: int, preset: RoomPreset | None) -> None:
        status = self._room.status
        with status.group():
            status.put(("RoomPreset", number, "Defined"), str(preset is not None))
            status.put(("RoomPreset", number, "Description"), preset.description if preset else "")
            status.put(("RoomPreset", number, "Type"), preset.kind if preset else "Camera")

    def _update(self, presets: dict[int, RoomPreset]) -> None:
        keep(self.on_presets, tuple(presets.values()))
        self._presets = presets

    COMMANDS: ClassVar[Mapping[str, Method]] = {
        "RoomPreset Activate": _activate,
        "RoomPreset Clear": _clear,
        "RoomPreset Store": _store,
    }
