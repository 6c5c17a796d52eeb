"""Do not disturb, and what the conference shows while there is no call.

Source: protocol/xapi-nodes.md 4.7, 5.4, 6.6.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, Final

from endpoint.room.ports import RoomWorld
from endpoint.room.quiet import nothing
from endpoint.runtime.clock import Timer
from endpoint.wire.xapi.calls import Invocation, Method
from endpoint.wire.xapi.nodes import Value
from endpoint.wire.xapi.paths import Path

START: Final[Mapping[str, Value]] = {
    "Conference DoNotDisturb": "Inactive",
    "Conference HideNonVideo Active": "False",
    "Conference HideNonVideo Available": "False",
    "Conference PeopleFocus Active": "False",
    "Conference PeopleFocus Available": "False",
    "Conference SpeakerLock Mode": "Auto",
}

DO_NOT_DISTURB: Final[Path] = ("Conference", "DoNotDisturb")
DEFAULT_TIMEOUT: Final[Path] = ("Conference", "DoNotDisturb", "DefaultTimeout")


class DoNotDisturb:
    """Whether calls are let in. One timer while they are not."""

    __slots__ = ("_room", "_timer", "on_change")

    def __init__(self, room: RoomWorld) -> None:
        self._room = room
        self._timer: Timer | None = None
        self.on_change: Callable[[], object] = nothing
        """Told when it begins or ends."""

    @property
    def is_active(self) -> bool:
        """Say whether incoming calls are to be refused."""
        return self._room.status.get(DO_NOT_DISTURB) == "Active"

    def stop(self) -> None:
        """Forget the time-out: the device goes down."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _activate(self, call: Invocation) -> None:
        minutes = call.number("Timeout") or int(self._room.settings.get(DEFAULT_TIMEOUT) or 1)
        self.stop()
        self._timer = self._room.world.clock.call_later(minutes * 60.0, self._over)
        self._room.status.put(DO_NOT_DISTURB, "Active")
        self.on_change()

    def _deactivate(self, call: Invocation) -> None:
        self._over()

    def _over(self) -> None:
        self.stop()
        self._room.status.put(DO_NOT_DISTURB, "Inactive")
        self.on_change()

    COMMANDS: ClassVar[Mapping[str, Method]] = {
        "Conference DoNotDisturb Activate": _activate,
        "Conference DoNotDisturb Deactivate": _deactivate,
    }
