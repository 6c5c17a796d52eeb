"""Proximity: whether people's own devices find this one, and how many have.

Source: protocol/xapi-nodes.md 4.19, 5.14, 5.25; the bound, and what ends a pairing, are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from endpoint.room.ports import RoomWorld
from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.xapi.calls import Invocation, Method
from endpoint.wire.xapi.errors import CommandFailed
from endpoint.wire.xapi.nodes import Value
from endpoint.wire.xapi.paths import Path

PAIRED_MAX: Final = 30

START: Final[Mapping[str, Value]] = {
    "Proximity PairingCount": 0,
    "Proximity Services Availability": "Available",
}

PAIRED: Final[Path] = ("Proximity", "PairingCount")
AVAILABILITY: Final[Path] = ("Proximity", "Services", "Availability")
MODE: Final[Path] = ("Webex", "Proximity", "Mode")
ULTRASOUND_MAX: Final[Path] = ("Audio", "Ultrasound", "MaxVolume")


class Proximity:
    """The services for people's own devices."""

    __slots__ = ("_is_wanted", "_room")

    def __init__(self, room: RoomWorld) -> None:
        self._room = room
        self._is_wanted = True
        """Deactivate ends it, until Activate or the next boot."""
        self._show()
        room.settings.listen(MODE, self._configured)

    def paired(self, count: int) -> None:
        """Let this many clients be paired.

        Raises:
            LocalProtocolError: below 0, above PAIRED_MAX, or nobody can pair now.
        """
        if not 0 <= count <= PAIRED_MAX:
            raise LocalProtocolError(f"{count} paired clients; 0 to {PAIRED_MAX} are possible")
        if count and not self._is_available():
            raise LocalProtocolError(f"nobody can pair: Proximity Services is {self._room.status.get(AVAILABILITY)}")
        if count and self._room.settings.get(ULTRASOUND_MAX) == 0:
            raise LocalProtocolError("nobody can pair: Audio Ultrasound MaxVolume is 0")
        self._room.status.put(PAIRED, count)

    def _activate(self, call: Invocation) -> None:
        self._must_be_enabled()
        self._is_wanted = True
        self._show()

    def _deactivate(self, call: Invocation) -> None:
        self._must_be_enabled()
        self._is_wanted = False
        self._show()

    def _is_available(self) -> bool:
        return self._room.status.get(AVAILABILITY) == "Available"

    def _must_be_enabled(self) -> None:
        if self._room.settings.get(MODE) == "Off":
            raise CommandFailed("Proximity is disabled: Webex Proximity Mode is Off")

    def _configured(self, changes: object) -> None:
        self._show()

    def _show(self) -> None:
        word = "Disabled"
        if self._room.settings.get(MODE) != "Off":
            word = "Available" if self._is_wanted else "Deactivated"
        with self._room.status.group():
            self._room.status.put(AVAILABILITY, word)
            if word != "Available":
                self._room.status.put(PAIRED, 0)

    COMMANDS: ClassVar[Mapping[str, Method]] = {
        "Proximity Services Activate": _activate,
        "Proximity Services Deactivate": _deactivate,
    }
