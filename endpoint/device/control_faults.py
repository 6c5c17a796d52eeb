"""The faults that the control door can arm: those that bite in the device itself. The cloud's own door arms the others.

A fault that would do something else than it says is not offered. Vocabulary: scenario-style.md section 7.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec

from endpoint.device.control_messages import SHOWN_CHARS_MAX, ControlError, read_duration, read_members
from endpoint.device.control_views import fault_view
from endpoint.runtime.faults import Fault, Faults
from endpoint.runtime.world import World

LASTING: Final[Mapping[str, tuple[str, ...]]] = {
    "link": ("down", "no_address"),
    "dns": ("nxdomain", "servfail", "silent", "delay"),
    "tcp": ("refuse", "silent", "block", "delay"),
    "tls": ("unknown_ca", "expired", "not_yet_valid", "wrong_name", "revoked", "revocation_unknown"),
    "udp": ("drop",),
    "calendar": ("sip_button",),
}
"""Layer to actions that hold until they are healed or reach their limit."""
MOMENTARY: Final[Mapping[str, tuple[str, ...]]] = {"tcp": ("reset",), "mercury": ("reset",)}
"""Layer to actions that happen once, now."""
TARGETS: Final[Mapping[str, tuple[str, ...]]] = {
    "link": ("host", "port", "service", "direction", "kind"),
    "dns": ("host", "port", "service"),
    "tcp": ("host", "port", "service"),
    "tls": ("host", "port", "service"),
    "udp": ("host", "port", "direction", "kind"),
    "mercury": ("host", "port"),
    "calendar": ("meeting",),
}
"""What the faults of a layer may be aimed at."""
STEPS: Final[Mapping[tuple[str, str], str]] = {("calendar", "sip_button"): "press"}
"""At which step of its layer a fault bites, for layers whose other faults are the cloud's."""


class FaultRequest(msgspec.Struct, kw_only=True, frozen=True):
    """A fault as it is asked for; `for` and `after` are durations, `percent` is 0..100."""

    on: str
    do: str
    id: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None = None
    target: dict[str, str | int] = {}
    count: Annotated[int, msgspec.Meta(ge=1, le=10_000)] | None = None
    skip: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 0
    percent: Annotated[float, msgspec.Meta(gt=0, le=100)] | None = None
    after: str | float | None = None
    for_: str | float | None = msgspec.field(default=None, name="for")
    by: str | float | None = None


class DoorFaults:
    """The faults of one device, as its door arms and heals them; other devices of the run are not disturbed."""

    def __init__(self, faults: Faults, world: World) -> None:
        self._faults = faults
        self._world = world
        self._made = 0

    def shown(self) -> list[dict[str, Any]]:
        """Show what is armed, in the order it was armed."""
        return [fault_view(fault) for fault in self._faults.armed]

    def start(self, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """Arm a lasting fault (201) or carry out a momentary one (200).

        Raises:
            ControlError: no such fault, one that makes no sense, or an id that is armed already.
        """
        asked = read_members(body, FaultRequest)
        _check(asked)
        if asked.do in MOMENTARY.get(asked.on, ()):
            fault = Fault(id=asked.id or self._new_id(), on=asked.on, do=asked.do, target=self._target(asked))
            return 200, {"id": fault.id, "on": fault.on, "do": fault.do, "hit": self._faults.strike(fault)}
        fault = self._fault(asked)
        try:
            self._faults.arm(fault)
        except ValueError as error:
            raise ControlError(409, "fault_refused", str(error)) from None
        return 201, fault_view(fault)

    def _fault(self, asked: FaultRequest) -> Fault:
        fault_id = asked.id or self._new_id()
        from_s = self._world.clock.time() + read_duration(asked.after, "after") if asked.after is not None else 0.0
        until_s = None
        if asked.for_ is not None:
            until_s = (from_s or self._world.clock.time()) + read_duration(asked.for_, "for")
        params = {"by": read_duration(asked.by, "by")} if asked.by is not None else {}
        return Fault(
            id=fault_id,
            on=asked.on,
            do=asked.do,
            target=self._target(asked),
            params=params,
            count=asked.count,
            skip=asked.skip,
            percent=100.0 if asked.percent is None else asked.percent,
            from_s=from_s,
            until_s=until_s,
            draws=self._world.chance.stream("fault", fault_id),
        )

    def _target(self, asked: FaultRequest) -> dict[str, str | int]:
        step = STEPS.get((asked.on, asked.do))
        return {**asked.target, **({"step": step} if step else {}), "device": self._world.who}

    def _new_id(self) -> str:
        self._made += 1
        return f"fault-{self._made}"

    def heal(self, fault_id: str) -> dict[str, Any]:
        """End a fault.

        Raises:
            ControlError: no such fault is armed.
        """
        armed = {fault.id: fault for fault in self._faults.armed}
        fault = armed.get(fault_id)
        if fault is None:
            name = fault_id[:SHOWN_CHARS_MAX]
            raise ControlError(404, "not_armed", f"no fault {name!r} is armed; it may be used up", armed)
        self._faults.heal(fault_id)
        return fault_view(fault)


def _check(asked: FaultRequest) -> None:
    """Refuse what the device cannot do, and members that would have no effect."""
    actions = LASTING.get(asked.on, ()) + MOMENTARY.get(asked.on, ())
    if not actions:
        layers = sorted({*LASTING, *MOMENTARY})
        raise ControlError(
            422, "unknown_fault", f"no fault of the device acts on {asked.on[:SHOWN_CHARS_MAX]!r}", layers
        )
    if asked.do not in actions:
        raise ControlError(422, "unknown_fault", f"{asked.on} cannot {asked.do[:SHOWN_CHARS_MAX]!r}", actions)
    for name in asked.target:
        if name not in TARGETS[asked.on]:
            what = f"a fault on {asked.on} cannot be aimed at {name[:SHOWN_CHARS_MAX]!r}"
            raise ControlError(422, "bad_target", what, TARGETS[asked.on])
    if (asked.by is None) == (asked.do == "delay"):
        raise ControlError(422, "bad_fault", "`by` belongs to delay, and delay needs it")
    limits = (asked.count, asked.percent, asked.after, asked.for_)
    if asked.do in MOMENTARY.get(asked.on, ()) and (any(limit is not None for limit in limits) or asked.skip):
        raise ControlError(422, "bad_fault", f"{asked.do} happens once, now; limits are for faults that last")
