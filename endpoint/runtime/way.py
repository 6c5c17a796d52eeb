"""One direction of one path: what it is like now, looked up again only when faults have changed, and what bites on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from endpoint.runtime.chance import Stream
from endpoint.runtime.clock import Clock
from endpoint.runtime.faults import Faults
from endpoint.runtime.quality import CONDITIONS, Quality, quality, shaping


class Pipes:
    """When whatever has a rate is free again, by its name."""

    def __init__(self) -> None:
        self._free_s: dict[str, float] = {}

    def through(self, rates: tuple[tuple[str, float], ...], size: int, now_s: float) -> float:
        """Return when so many bytes have passed everything that has a rate."""
        for name, rate in rates:
            now_s = self._free_s[name] = max(now_s, self._free_s.get(name, 0.0)) + size * 8 / rate
        return now_s

    def forget(self, fault_id: str) -> None:
        """Forget what a fault has held up."""
        for name in [name for name in self._free_s if name.startswith(f"{fault_id} ")]:
            del self._free_s[name]


@dataclass(slots=True)
class Activity:
    """When something last passed on a stream, in either direction; whether it is forgotten on the way, and whether that is told."""

    last_s: float
    is_cut: bool = False
    is_reset: bool = False


_BITES_WHEN_ASKED: Final = frozenset({CONDITIONS, "idle_cut"})


class Way:
    """One direction of one path.

    Args:
        about: the path as injection points tell it, with its direction.
        activity: shared by both directions of a stream; None for datagrams.
    """

    __slots__ = (
        "_about",
        "_activity",
        "_bitten",
        "_carrier",
        "_clock",
        "_draws",
        "_faults",
        "_found",
        "_is_steady",
        "_version",
    )

    def __init__(
        self, clock: Clock, faults: Faults, carrier: str, about: Mapping[str, Any], activity: Activity | None = None
    ) -> None:
        self._clock = clock
        self._faults = faults
        self._carrier = carrier
        self._about = about
        self._activity = activity
        self._bitten: set[str] = set()
        self._draws: Stream | None = None
        self._found: Quality | None = None
        self._is_steady = True
        self._version = -1

    def look(self) -> Quality | None:
        """Return what the path is like now; None: as good as can be."""
        if self._version != self._faults.version or not self._is_steady:
            self._version = self._faults.version
            sources = shaping(self._faults, self._carrier, self._about)
            self._is_steady = all(fault.from_s == 0 and fault.until_s is None for fault in sources)
            self._found = quality(self._faults, self._clock.time(), self._carrier, self._about) if sources else None
        return self._found

    @property
    def is_clear(self) -> bool:
        """Say whether whatever is sent now arrives at once."""
        return self.look() is None and not self._is_cut

    @property
    def _is_cut(self) -> bool:
        return self._activity is not None and self._activity.is_cut

    def touch(self) -> bool:
        """Take note that something is sent; whoever comes after too long a pause finds the stream forgotten; True if he is reset."""
        if self._activity is None:
            return False
        now_s, found = self._clock.time(), self.look()
        limit_s = found.idle_s if found is not None and not self._activity.is_cut else None
        if found is not None and limit_s is not None and now_s - self._activity.last_s > limit_s:
            fault = next(fault for fault in found.sources if fault.do == "idle_cut")
            self._activity.is_cut, self._activity.is_reset = True, fault.params.get("what") == "reset"
            self._faults.bite(fault)
        self._activity.last_s = now_s
        return self._activity.is_reset

    def swallows(self, packet_bytes: int) -> bool:
        """Say whether a packet of this size never arrives, and let the faults that are met bite."""
        found = self.look()
        never = found is not None and found.swallows(packet_bytes)
        for fault in found.sources if found is not None else ():
            does_something = fault.do != "mtu" or never
            if fault.do not in _BITES_WHEN_ASKED and does_something and fault.id not in self._bitten:
                self._bitten.add(fault.id)
                self._faults.bite(fault)
        return never or self._is_cut

    def travel_s(self, found: Quality) -> float:
        """Draw how long a packet is under way."""
        if not found.jitter_s:
            return found.latency_s
        return max(0.0, found.latency_s + self._stream(found).uniform(-found.jitter_s, found.jitter_s))

    def loses(self, found: Quality) -> bool:
        """Draw whether a packet is lost."""
        return found.loss >= 1 or (found.loss > 0 and self._stream(found).uniform(0, 1) < found.loss)

    def _stream(self, found: Quality) -> Stream:
        """Return this path's own draws, a branch of those of the first fault that has some."""
        if self._draws is None:
            draws = next(fault.draws for fault in found.sources if fault.draws is not None)
            self._draws = draws.branch(self._carrier, *(str(value) for value in self._about.values()))
        return self._draws
