"""Faults: one vocabulary, and the points where they bite.

A fault says on which layer or service it acts (`on`), what it does (`do`) and what it is aimed at (`target`). The code that it disturbs
asks at an injection point, `faults.hit("http", service="wdm", method="POST")`, and carries out the answer itself.
Vocabulary: scenario-style.md section 7.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from endpoint.runtime.chance import Stream
from endpoint.runtime.clock import Clock
from endpoint.runtime.trace import Trace

ACTIVE_MAX = 200
"""Faults that may be armed at once."""
HISTORY_MAX = 10_000
"""Faults that `Faults.history` remembers; the oldest leave first."""


@dataclass(frozen=True, slots=True)
class Between:
    """A parameter that is drawn anew at each bite, both bounds included."""

    low: float
    high: float


@dataclass(slots=True)
class Fault:
    """One fault that is armed.

    `count` limits how often it bites, `until_s` (clock seconds) how long, `skip` how many matches pass before the first bite, `percent`
    (0..100) how many of them it takes, drawn from its own stream.
    """

    id: str
    on: str
    do: str
    target: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    count: int | None = None
    skip: int = 0
    percent: float = 100.0
    from_s: float = 0.0
    until_s: float | None = None
    used: int = 0
    optional: bool = False
    draws: Stream | None = None

    def aims_at(self, attributes: Mapping[str, Any]) -> bool:
        """Say whether everything the target names is so at this point."""
        return all(_matches(wanted, attributes.get(name)) for name, wanted in self.target.items())

    def is_over(self, now_s: float) -> bool:
        """Say whether its time has passed."""
        return self.until_s is not None and now_s >= self.until_s

    def holds_at(self, now_s: float) -> bool:
        """Say whether its time has come and has not passed."""
        return self.from_s <= now_s and not self.is_over(now_s)

    @property
    def is_limited(self) -> bool:
        """Say whether it takes only a share of its occasions."""
        return self.percent < 100 or self.count is not None or self.skip > 0

    @property
    def told_params(self) -> dict[str, Any]:
        """Return its parameters as trace and doors tell them: what is drawn anew is `{"from": ..., "to": ...}`."""
        return {
            name: {"from": value.low, "to": value.high} if isinstance(value, Between) else value
            for name, value in self.params.items()
        }

    def drawn(self) -> Fault:
        """Return this fault with its drawn parameters as they are this time."""
        spread = {name: value for name, value in self.params.items() if isinstance(value, Between)}
        if not spread or self.draws is None:
            return self
        drawn = {name: self.draws.uniform(value.low, value.high) for name, value in spread.items()}
        return replace(self, params={**self.params, **drawn})


def _matches(wanted: Any, got: Any) -> bool:
    """Compare without regard to case; `*` stands for any text, a list for any of its items."""
    if isinstance(wanted, (list, tuple)):
        return any(_matches(one, got) for one in wanted)
    if isinstance(wanted, str) and isinstance(got, str):
        pattern = ".*".join(map(re.escape, wanted.split("*")))
        return re.fullmatch(pattern, got, re.IGNORECASE | re.DOTALL) is not None
    return bool(wanted == got)


class Faults:
    """The faults of one run; shared by device, cloud and network."""

    def __init__(self, clock: Clock, trace: Trace) -> None:
        self._clock = clock
        self._trace = trace
        self._armed: dict[str, Fault] = {}
        self._momentary: list[Callable[[Fault], bool]] = []
        self._watchers: list[Callable[[Fault], object]] = []
        self.version = 0
        """Another number whenever a fault was armed or has ended."""
        self.history: deque[Fault] = deque(maxlen=HISTORY_MAX)

    @property
    def armed(self) -> tuple[Fault, ...]:
        """The faults that are armed, in the order of it; one whose time is over leaves when it is next asked for."""
        return tuple(self._armed.values())

    def arm(self, fault: Fault) -> Fault:
        """Let a fault hold until it is healed or used up.

        Raises:
            ValueError: its id is armed already, there are too many, or it takes a share without a stream to draw from.
        """
        is_drawn = fault.percent < 100 or any(isinstance(value, Between) for value in fault.params.values())
        if is_drawn and fault.draws is None:
            raise ValueError(f"fault {fault.id!r} takes {fault.percent:g} percent and has no stream to draw from")
        if fault.id in self._armed:
            raise ValueError(f"fault {fault.id!r} is armed already; heal it first or give another id")
        if len(self._armed) >= ACTIVE_MAX:
            raise ValueError(f"at most {ACTIVE_MAX} faults may be armed at once")
        self._armed[fault.id] = fault
        self.history.append(fault)
        data = {"id": fault.id, "on": fault.on, "do": fault.do, "target": dict(fault.target), **fault.told_params}
        self._trace.event("world", "fault.armed", data=data)
        self._changed(fault)
        return fault

    def on_change(self, watcher: Callable[[Fault], object]) -> None:
        """Register who wants to know of every fault that is armed or ends."""
        self._watchers.append(watcher)

    def _changed(self, fault: Fault) -> None:
        self.version += 1
        for watcher in self._watchers:
            watcher(fault)

    def holding(self, on: str, among: Collection[str], **attributes: Any) -> Fault | None:
        """Return the first fault that holds here and now on every occasion and does one of some things, without letting it bite."""
        now_s = self._clock.time()
        for fault in self._armed.values():
            is_meant = fault.on == on and fault.do in among and not fault.is_limited
            if is_meant and fault.holds_at(now_s) and fault.aims_at(attributes):
                return fault
        return None

    def on_momentary(self, actor: Callable[[Fault], bool]) -> None:
        """Register who can carry out faults that happen once, now; it returns whether it did something."""
        self._momentary.append(actor)

    def strike(self, fault: Fault) -> bool:
        """Carry out a momentary fault (a reset, a close); returns whether anything was hit."""
        self.history.append(fault)
        hit = [actor(fault) for actor in self._momentary]
        fault.used += sum(hit)
        self._trace.event(
            "world", "fault.struck", data={"id": fault.id, "on": fault.on, "do": fault.do, "hit": any(hit)}
        )
        return any(hit)

    def heal(self, fault_id: str) -> None:
        """End a fault.

        Raises:
            KeyError: no such fault is armed.
        """
        fault = self._armed.pop(fault_id)
        self._trace.event("world", "fault.healed", data={"id": fault.id, "used": fault.used})
        self._changed(fault)

    def heal_all(self) -> None:
        """End every fault."""
        for fault_id in list(self._armed):
            self.heal(fault_id)

    def hit(self, on: str, among: Collection[str] | None = None, **attributes: Any) -> Fault | None:
        """Ask at an injection point whether a fault bites here and now; the first one armed wins.

        Args:
            among: the actions that the injection point carries out, where others of the layer are asked for elsewhere.
        """
        if not self._armed:
            return None
        now_s = self._clock.time()
        for fault in tuple(self._armed.values()):
            if fault.is_over(now_s):
                self.heal(fault.id)
            elif (
                fault.on == on
                and (among is None or fault.do in among)
                and now_s >= fault.from_s
                and fault.aims_at(attributes)
                and self._bites(fault)
            ):
                self._tell_bite(fault)
                return fault.drawn()
        return None

    def bite(self, fault: Fault) -> None:
        """Count a bite of a fault that its injection point has found itself, among what is armed."""
        fault.used += 1
        self._tell_bite(fault)

    def _tell_bite(self, fault: Fault) -> None:
        data = {"id": fault.id, "on": fault.on, "do": fault.do, "nth": fault.used}
        self._trace.event("world", "fault.bit", data=data)

    def felt(self, fault: Fault) -> None:
        """Take note that a fault was felt that is no question of yes or no, such as a share of packets; the trace tells it once."""
        fault.used += 1
        if fault.used == 1:
            self._tell_bite(fault)

    def _bites(self, fault: Fault) -> bool:
        if fault.skip > 0:
            fault.skip -= 1
            return False
        if fault.percent < 100 and fault.draws is not None and fault.draws.uniform(0, 100) >= fault.percent:
            return False
        fault.used += 1
        if fault.count is not None and fault.used >= fault.count and self._armed.pop(fault.id, None) is not None:
            self._changed(fault)
        return True
