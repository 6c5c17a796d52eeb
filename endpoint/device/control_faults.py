"""The faults that the control door can arm: those that bite in the device itself. The cloud's own door arms the others.

A fault that would do something else than it says is not offered. Vocabulary: scenario-style.md section 7.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import structs

from endpoint.device.control_messages import SHOWN_CHARS_MAX, ControlError, read_duration, read_members
from endpoint.device.control_views import fault_view
from endpoint.runtime.fault_params import problem, read_spread
from endpoint.runtime.faults import Between, Fault, Faults
from endpoint.runtime.field_faults.parts import NOT_DEVICE, Part, UnknownRow, of_row, side_of, split
from endpoint.runtime.vocabulary import FAULTS, PARAMETERS
from endpoint.runtime.world import World


def _offered(*, now: bool) -> dict[str, tuple[str, ...]]:
    """Return layers and the actions of them that bite in the device, of the one vocabulary."""
    found = {
        on: tuple(do for do, action in actions.items() if side_of(on, do) == "device" and action.momentary is now)
        for on, actions in FAULTS.items()
    }
    return {on: known for on, known in found.items() if known}


LASTING: Final[Mapping[str, tuple[str, ...]]] = _offered(now=False)
"""Layer to actions that hold until they are healed or reach their limit; the clock is put wrong by `/clock`."""
MOMENTARY: Final[Mapping[str, tuple[str, ...]]] = _offered(now=True)
"""Layer to actions that happen once, now."""
_NOT_AIMED: Final = frozenset({"device", "of"})
"""Targets that go without saying: the device whose door it is."""
TARGETS: Final[Mapping[str, tuple[str, ...]]] = {
    on: tuple(
        name
        for name in dict.fromkeys(name for do in known for name in FAULTS[on][do].targets)
        if name not in _NOT_AIMED
    )
    for on in FAULTS
    if (known := (*LASTING.get(on, ()), *MOMENTARY.get(on, ())))
} | {"link": ("host", "port", "service", "direction", "kind"), "mercury": ("host", "port"), "client": ("over", "user")}
"""What the faults of a layer may be aimed at. A link that is aimed at something is the way to it, not the interface; only a scenario
has names for clients."""
NEEDS_BY: Final = frozenset({"delay", "jump"})
"""Actions that say how long, or how far."""
STEPS: Final[Mapping[tuple[str, str], str]] = {("calendar", "sip_button"): "press"}
"""At which step of its layer a fault bites, for layers whose other faults are the cloud's."""


class FaultRequest(msgspec.Struct, kw_only=True, frozen=True):
    """A fault as it is asked for: a row of the fault table, or its own words; `for` and `after` are durations, `percent` is 0..100.

    The parameters of the action stand beside these members, as in a scenario.
    """

    row: str = ""
    on: str = ""
    do: str = ""
    id: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]{1,64}\Z")] | None = None
    target: dict[str, str | int] = {}
    count: Annotated[int, msgspec.Meta(ge=1, le=10_000)] | None = None
    skip: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 0
    percent: Annotated[float, msgspec.Meta(gt=0, le=100)] | None = None
    after: str | float | None = None
    for_: str | float | None = msgspec.field(default=None, name="for")


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
        """Arm a lasting fault (201) or carry out a momentary one (200); of a row, all that bites in the device (201).

        Raises:
            ControlError: no such fault, one that makes no sense, or an id that is armed already.
        """
        own = {name: value for name, value in body.items() if name in PARAMETERS}
        asked = read_members({name: value for name, value in body.items() if name not in own}, FaultRequest)
        if asked.row:
            return self._start_row(asked, own)
        if not (asked.on and asked.do):
            known = ("row", "on", "do")
            raise ControlError(400, "bad_field", "the body has to have `row`, or `on` and `do`", known)
        params = _check(asked, own)
        return self._carry_out(self._fault(asked, asked.id or self._new_id(), params))

    def _start_row(self, asked: FaultRequest, own: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        if asked.on or asked.do or own:
            raise ControlError(422, "bad_fault", "a row has its own on, do and parameters; give either it or them")
        try:
            row, mine, others = split(asked.row, asked.id or "", "device")
        except UnknownRow as error:
            raise ControlError(422, "unknown_fault", str(error), error.expected) from None
        armed = {fault.id for fault in self._faults.armed} & {part.id for part in mine}
        if armed:
            raise ControlError(409, "fault_refused", f"fault {min(armed)!r} is armed already; heal it first")
        faults = [self._fault_of(part, asked) for part in mine]  # all of them make sense before the first one bites
        made = [self._carry_out(fault)[1] for fault in faults]
        return 201, {"id": mine[0].id, "row": row.id, "items": made, "elsewhere": [part.told for part in others]}

    def _fault_of(self, part: Part, asked: FaultRequest) -> Fault:
        target = {name: value for name, value in {**part.target, **asked.target}.items() if name not in _NOT_AIMED}
        one = structs.replace(asked, on=part.on, do=part.do, target=target, count=asked.count or part.bites)
        return self._fault(one, part.id, _check(one, part.params, of_row=True))

    def _carry_out(self, fault: Fault) -> tuple[int, dict[str, Any]]:
        if fault.do in MOMENTARY.get(fault.on, ()):
            return 200, {"id": fault.id, "on": fault.on, "do": fault.do, "hit": self._faults.strike(fault)}
        try:
            self._faults.arm(fault)
        except ValueError as error:
            raise ControlError(409, "fault_refused", str(error)) from None
        return 201, fault_view(fault)

    def _fault(self, asked: FaultRequest, fault_id: str, params: Mapping[str, Any]) -> Fault:
        from_s = self._world.clock.time() + read_duration(asked.after, "after") if asked.after is not None else 0.0
        until_s = None
        if asked.for_ is not None:
            until_s = (from_s or self._world.clock.time()) + read_duration(asked.for_, "for")
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
        """End a fault, and with the first one of a row all others of it.

        Raises:
            ControlError: no such fault is armed.
        """
        armed = {fault.id: fault for fault in self._faults.armed if of_row(fault.id, fault_id)}
        if not armed:
            name, known = fault_id[:SHOWN_CHARS_MAX], [fault.id for fault in self._faults.armed]
            raise ControlError(404, "not_armed", f"no fault {name!r} is armed; it may be used up", known)
        for one in armed:
            self._faults.heal(one)
        return fault_view(armed.get(fault_id) or next(iter(armed.values())))


def _check(asked: FaultRequest, own: Mapping[str, Any], *, of_row: bool = False) -> dict[str, Any]:
    """Refuse what the device cannot do, and members that would have no effect; returns the parameters as they are carried out."""
    actions = LASTING.get(asked.on, ()) + MOMENTARY.get(asked.on, ())
    if not actions:
        layers, name = sorted({*LASTING, *MOMENTARY}), asked.on[:SHOWN_CHARS_MAX]
        where = f"; the cloud's control API has faults on {name}" if asked.on in FAULTS else ""
        raise ControlError(422, "unknown_fault", f"no fault of the device acts on {name!r}{where}", layers)
    if (asked.on, asked.do) in NOT_DEVICE:
        what = f"{asked.on} {asked.do} is nothing of the device alone: {NOT_DEVICE[asked.on, asked.do]}"
        raise ControlError(422, "unknown_fault", what, actions)
    if asked.do not in actions:
        raise ControlError(422, "unknown_fault", f"{asked.on} cannot {asked.do[:SHOWN_CHARS_MAX]!r}", actions)
    for name in asked.target:
        if name not in TARGETS[asked.on]:
            what = f"a fault on {asked.on} cannot be aimed at {name[:SHOWN_CHARS_MAX]!r}"
            raise ControlError(422, "bad_target", what, TARGETS[asked.on])
    limits = (asked.count, asked.percent, asked.after, asked.for_)
    is_limited = any(limit is not None for limit in limits) or asked.skip
    if asked.do in MOMENTARY.get(asked.on, ()) and is_limited and not of_row:
        raise ControlError(422, "bad_fault", f"{asked.do} happens once, now; limits are for faults that last")
    return dict(own) if of_row else _params(asked, own)


def _params(asked: FaultRequest, own: Mapping[str, Any]) -> dict[str, Any]:
    known = FAULTS[asked.on][asked.do].params
    for name in own:
        if name not in known:
            raise ControlError(422, "bad_fault", f"{asked.on} {asked.do} takes no `{name}`", known)
    if asked.do in NEEDS_BY and "by" not in own:
        raise ControlError(422, "bad_fault", f"{asked.on} {asked.do} needs `by`")
    found = {name: _read(asked, name, value) for name, value in own.items()}
    wrong = problem(asked.on, asked.do, found)
    if wrong is not None:
        raise ControlError(422, "bad_fault", wrong.text, wrong.known)
    return found


def _read(asked: FaultRequest, name: str, value: Any) -> Any:
    """Read a duration, or the two that one is drawn between; other values are as they are."""
    bounds = read_spread(value) if name == "by" else None
    if bounds is not None:
        return Between(*(_read(asked, name, one) for one in bounds))
    if not isinstance(value, (str, int, float)) or isinstance(value, bool):
        raise ControlError(422, "bad_fault", f"{name} is a text or a number")
    return read_duration(value, name, signed=asked.on == "clock") if name in ("by", "idle") else value
