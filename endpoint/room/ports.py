"""What the parts of the room need of the device around them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from endpoint.runtime.world import World
from endpoint.wire.xapi.leaves import Fields
from endpoint.wire.xapi.nodes import Value
from endpoint.wire.xapi.paths import Path


class Screen(Protocol):
    """The status tree, to be written."""

    def get(self, path: Path) -> Value | None:
        """Return a leaf's value; None if there is none at present."""

    def put(self, path: Path, value: Value) -> None:
        """Set a leaf; subscribers are told when the group around it ends, at once without one."""

    def remove(self, prefix: Path) -> None:
        """Remove every leaf at or below a path; an array element that goes is told as a ghost."""

    def group(self) -> AbstractContextManager[None]:
        """Make what is changed in the block one notification."""

    def live(self, path: Path, read: Callable[[], Value]) -> None:
        """Let a leaf be computed whenever it is read; it does not notify."""

    def still(self, path: Path) -> None:
        """Compute a leaf no more."""


class Settings(Protocol):
    """The configuration tree, to be read."""

    def get(self, path: Path) -> Value | None:
        """Return a configuration's value."""

    def listen(self, prefix: Path, listener: Callable[[Mapping[Path, Value | None]], object]) -> Callable[[], None]:
        """Tell `listener` of every change at or below a path."""


@dataclass(frozen=True, slots=True)
class RoomWorld:
    """What every part of the room stands on.

    Attributes:
        raise_event: tells subscribers of an event: path with blanks and fields, `raise_event("CallDisconnect", {"CallId": 3})`.
            A field that is a `Secret` is told to subscribers and hidden in the history.
    """

    world: World
    status: Screen
    settings: Settings
    raise_event: Callable[[str, Fields], None]
