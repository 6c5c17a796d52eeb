"""SpeakerTrack: whom the camera follows.

One word says it all, the behaviour; the other leaves follow from it. Source: protocol/xapi-nodes.md 4.5, 6.5 (words documented); how they
hang together is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from endpoint.room.ports import RoomWorld
from endpoint.wire.xapi.calls import Invocation, Method
from endpoint.wire.xapi.errors import CommandFailed
from endpoint.wire.xapi.nodes import Value
from endpoint.wire.xapi.paths import Path

START: Final[Mapping[str, Value]] = {
    "Cameras SpeakerTrack ActiveConnector": 1,
    "Cameras SpeakerTrack Availability": "Available",
    "Cameras SpeakerTrack BackgroundMode": "Inactive",
    "Cameras SpeakerTrack Behavior Active": "Manual",
    "Cameras SpeakerTrack Closeup Status": "Inactive",
    "Cameras SpeakerTrack Frames Availability": "Available",
    "Cameras SpeakerTrack Frames Status": "Inactive",
    "Cameras SpeakerTrack State": "Off",
    "Cameras SpeakerTrack Status": "Inactive",
}

_ROOT: Final[Path] = ("Cameras", "SpeakerTrack")
AVAILABILITY: Final[Path] = (*_ROOT, "Availability")
BACKGROUND: Final[Path] = (*_ROOT, "BackgroundMode")
BEHAVIOR: Final[Path] = (*_ROOT, "Behavior", "Active")
CLOSEUP: Final[Path] = (*_ROOT, "Closeup", "Status")
FRAMES_AVAILABILITY: Final[Path] = (*_ROOT, "Frames", "Availability")
FRAMES: Final[Path] = (*_ROOT, "Frames", "Status")
STATE: Final[Path] = (*_ROOT, "State")
STATUS: Final[Path] = (*_ROOT, "Status")

MODE: Final[Path] = ("Cameras", "SpeakerTrack", "Mode")
"""No row of the table has it; an imported schema may."""
_SHOWN: Final = frozenset({"BestOverview", "Closeup", "Frames"})
"""Behaviours that State has a word for; it shows the others as BestOverview."""


class SpeakerTrack:
    """The tracking of the one camera."""

    __slots__ = ("_frames_itself", "_is_connected", "_room")

    def __init__(self, room: RoomWorld) -> None:
        self._room = room
        self._is_connected = True
        self._frames_itself = False
        """Video is sent, and nobody has switched tracking off since that began."""
        self._available()
        room.settings.listen(_ROOT, self._configured)

    def sending(self, yes: bool) -> None:
        """Take note that video is sent in a call, or no longer: the camera then shows everybody, unless it follows somebody already."""
        self._frames_itself = yes and self._room.status.get(AVAILABILITY) == "Available"
        self._show(self._behavior())

    def connect(self, connected: bool) -> None:
        """Take note that the camera came or went."""
        self._is_connected = connected
        self._available()

    def by_hand(self) -> None:
        """Stop following: somebody moves the camera."""
        self._frames_itself = False
        self._show("Manual")

    # commands

    def _activate(self, call: Invocation) -> None:
        behavior = self._behavior()
        self._follow("BestOverview" if behavior == "Manual" else behavior)

    def _deactivate(self, call: Invocation) -> None:
        self.by_hand()

    def _background_activate(self, call: Invocation) -> None:
        self._must_be_available()
        self._room.status.put(BACKGROUND, "Active")

    def _background_deactivate(self, call: Invocation) -> None:
        self._room.status.put(BACKGROUND, "Inactive")

    def _closeup_activate(self, call: Invocation) -> None:
        self._follow("Closeup")

    def _closeup_deactivate(self, call: Invocation) -> None:
        self._leave("Closeup")

    def _frames_activate(self, call: Invocation) -> None:
        self._follow("Frames")

    def _frames_deactivate(self, call: Invocation) -> None:
        self._leave("Frames")

    def _set(self, call: Invocation) -> None:
        behavior = call.text("Behavior")
        if behavior == "Manual":
            self.by_hand()
        else:
            self._follow(behavior)

    # inside

    def _configured(self, changes: object) -> None:
        self._available()

    def _available(self) -> None:
        word = "Off"
        if self._room.settings.get(MODE) != "Off":
            word = "Available" if self._is_connected else "Unavailable"
        with self._room.status.group():
            self._room.status.put(AVAILABILITY, word)
            self._room.status.put(FRAMES_AVAILABILITY, word)
            if word != "Available":
                self._room.status.put(BACKGROUND, "Inactive")
                self.by_hand()

    def _must_be_available(self) -> None:
        word = self._room.status.get(AVAILABILITY)
        if word != "Available":
            raise CommandFailed(
                "SpeakerTrack is off by configuration" if word == "Off" else "No camera for SpeakerTrack"
            )

    def _behavior(self) -> str:
        return str(self._room.status.get(BEHAVIOR))

    def _follow(self, behavior: str) -> None:
        self._must_be_available()
        self._show(behavior)

    def _leave(self, behavior: str) -> None:
        if self._behavior() == behavior:
            self._show("BestOverview")

    def _show(self, behavior: str) -> None:
        follows = behavior != "Manual"
        state = "Off"
        if follows or self._frames_itself:
            state = behavior if behavior in _SHOWN else "BestOverview"
        status = self._room.status
        with status.group():
            status.put(BEHAVIOR, behavior)
            status.put(STATUS, _word(follows))
            status.put(CLOSEUP, _word(behavior == "Closeup"))
            status.put(FRAMES, _word(behavior == "Frames"))
            status.put(STATE, state)

    COMMANDS: ClassVar[Mapping[str, Method]] = {
        "Cameras SpeakerTrack Activate": _activate,
        "Cameras SpeakerTrack BackgroundMode Activate": _background_activate,
        "Cameras SpeakerTrack BackgroundMode Deactivate": _background_deactivate,
        "Cameras SpeakerTrack Closeup Activate": _closeup_activate,
        "Cameras SpeakerTrack Closeup Deactivate": _closeup_deactivate,
        "Cameras SpeakerTrack Deactivate": _deactivate,
        "Cameras SpeakerTrack Frames Activate": _frames_activate,
        "Cameras SpeakerTrack Frames Deactivate": _frames_deactivate,
        "Cameras SpeakerTrack Set": _set,
    }


def _word(active: bool) -> str:
    return "Active" if active else "Inactive"
