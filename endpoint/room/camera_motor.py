"""What moves a camera: positions are computed from the clock, so that a move needs one timer, for its end.

Ranges are those of Camera PositionSet (protocol/xapi-nodes.md 6.5). Speeds, and that a smaller zoom is a closer picture (a resting camera
is seen at 11800 of 12000), are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Final

from endpoint.room.ports import RoomWorld
from endpoint.runtime.clock import Timer
from endpoint.wire.xapi.paths import Path

_EARLY_S: Final = 1e-3  # a timer may fire this much before its instant: clocks round


@dataclass(frozen=True, slots=True)
class Axis:
    """One way in which a camera moves.

    Attributes:
        rate: units per second for each step of speed.
        speed: the speed of a Ramp that names none.
        ways: words of Camera Ramp and their direction.
    """

    path: Path
    low: int
    high: int
    rate: int
    speed: int
    ways: Mapping[str, int]

    def bounded(self, value: int) -> int:
        """Return the nearest position that the camera can take."""
        return min(max(value, self.low), self.high)


def _position(leaf: str) -> Path:
    return ("Cameras", "Camera", 1, "Position", leaf)


AXES: Final[Mapping[str, Axis]] = MappingProxyType(
    {
        "Pan": Axis(_position("Pan"), -17_000, 17_000, 300, 12, MappingProxyType({"Left": -1, "Right": 1})),
        "Tilt": Axis(_position("Tilt"), -9_000, 9_000, 300, 12, MappingProxyType({"Down": -1, "Up": 1})),
        "Zoom": Axis(_position("Zoom"), 0, 12_000, 200, 8, MappingProxyType({"In": -1, "Out": 1})),
    }
)


@dataclass(frozen=True, slots=True)
class _Move:
    """One axis on its way: units at second `began_s`, units per second."""

    axis: Axis
    began: int
    began_s: float
    rate: int

    @property
    def end(self) -> int:
        return self.axis.high if self.rate > 0 else self.axis.low

    @property
    def ends_s(self) -> float:
        return self.began_s + (self.end - self.began) / self.rate

    def at(self, now_s: float) -> int:
        return self.axis.bounded(self.began + round(self.rate * (now_s - self.began_s)))


class Motor:
    """The motors of the one camera. At most one timer, while something moves.

    Attributes:
        still: ends the computing of a leaf that `Screen.live` began, without telling; None where the screen cannot: a position that is
            read during a move is then the one where the move began.
    """

    __slots__ = ("_moves", "_room", "_timer", "still")

    def __init__(self, room: RoomWorld) -> None:
        self._room = room
        self._moves: dict[str, _Move] = {}
        self._timer: Timer | None = None
        self.still: Callable[[Path], object] | None = None

    @property
    def is_moving(self) -> bool:
        """Say whether an axis is on its way."""
        return bool(self._moves)

    def position(self, name: str) -> int:
        """Return where an axis is now."""
        move = self._moves.get(name)
        if move is not None:
            return move.at(self._now())
        return int(self._room.status.get(AXES[name].path) or 0)

    def go(self, name: str, way: str, speed: int | None) -> None:
        """Move an axis until it is halted or at its end; what it did before ends first."""
        self.halt(name)
        axis = AXES[name]
        rate = axis.ways[way] * axis.rate * (axis.speed if speed is None else speed)
        move = _Move(axis, self.position(name), self._now(), rate)
        if move.began == move.end:
            return
        self._moves[name] = move
        if self.still is not None:
            self._room.status.live(axis.path, partial(self.position, name))
        self._arm()

    def halt(self, *names: str) -> None:
        """Stop axes where they are, all of them when none is named, and tell their positions in one group."""
        with self._room.status.group():
            for name in names or tuple(AXES):
                if name in self._moves:
                    self._settle(name, self.position(name))
        self._arm()

    def place(self, positions: Mapping[str, int]) -> None:
        """Put axes to positions at once, and tell them in one group; what moved on these axes ends."""
        with self._room.status.group():
            for name, value in positions.items():
                self._settle(name, AXES[name].bounded(value))
        self._arm()

    def stop(self) -> None:
        """Forget every move: the device goes down."""
        self._moves.clear()
        self._arm()

    def _now(self) -> float:
        return self._room.world.clock.time()

    def _settle(self, name: str, value: int) -> None:
        axis = AXES[name]
        if self._moves.pop(name, None) is not None and self.still is not None:
            self.still(axis.path)
        self._room.status.put(axis.path, value)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._moves:
            first_s = min(move.ends_s for move in self._moves.values())
            self._timer = self._room.world.clock.call_later(first_s - self._now(), self._ended)

    def _ended(self) -> None:
        self._timer = None
        now_s = self._now()
        self.place({name: move.end for name, move in self._moves.items() if move.ends_s <= now_s + _EARLY_S})
