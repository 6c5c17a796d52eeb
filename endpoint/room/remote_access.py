"""RemoteAccess: whether an administrator may look at the device from afar.

Source: protocol/xapi-nodes.md 3.3, 4.20, 5.16; xapi.md section 9 (a device whose configuration says Off shows Unavailable, Configured).
That a call outdoes the configuration is ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, Final

from endpoint.room.ports import RoomWorld
from endpoint.room.quiet import never
from endpoint.wire.xapi.calls import Method
from endpoint.wire.xapi.nodes import Value
from endpoint.wire.xapi.paths import Path

START: Final[Mapping[str, Value]] = {
    "RemoteAccess Availability Reason": "Configured",
    "RemoteAccess Availability State": "Unavailable",
}

REASON: Final[Path] = ("RemoteAccess", "Availability", "Reason")
STATE: Final[Path] = ("RemoteAccess", "Availability", "State")
MODE: Final[Path] = ("RemoteAccess", "Mode")


class RemoteAccess:
    """Who may look at the room from outside."""

    __slots__ = ("_room", "in_call")

    COMMANDS: ClassVar[Mapping[str, Method]] = {}

    def __init__(self, room: RoomWorld) -> None:
        self._room = room
        self.in_call: Callable[[], bool] = never
        """Says whether there is a call."""
        self.refresh()
        room.settings.listen(MODE, self._configured)

    def refresh(self) -> None:
        """Look again: a call began or ended. Both leaves are one notification."""
        reason = "Available" if self._room.settings.get(MODE) == "On" else "Configured"
        if self.in_call():
            reason = "InCall"
        with self._room.status.group():
            self._room.status.put(REASON, reason)
            self._room.status.put(STATE, "Available" if reason == "Available" else "Unavailable")

    def _configured(self, changes: object) -> None:
        self.refresh()
