"""What `fault`, `heal`, `network` and `clock` do: faults begin, bite and end where the file says.

Faults of the network and of media nodes are armed as they are written, those of the cloud in the form that its injection points ask for,
and those of clocks are carried out here.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, Final

from cloud_stub.platform.certificates import DOES
from cloud_stub.platform.fault_points import aimed
from endpoint.runtime.clock import STANDS_STILL_PPM, Clock
from endpoint.runtime.fault_params import problem
from endpoint.runtime.faults import Fault
from endpoint.runtime.field_faults.parts import of_row
from endpoint.runtime.quality import CONDITIONS
from endpoint.runtime.shaping import DIRECTIONS
from endpoint.runtime.trace import Event
from endpoint.wire.xapi.nodes import nodes
from scenarios.runner import fault_verbs as f
from scenarios.runner import world_verbs as w
from scenarios.runner.call_parts import far
from scenarios.runner.chaos.menu import MENU, served
from scenarios.runner.chaos.plan import Trouble, draw_plan
from scenarios.runner.clients import troubles
from scenarios.runner.conditions import Anchor
from scenarios.runner.event_subjects import read_anchor
from scenarios.runner.problems import Place, Problems
from scenarios.runner.stage import Stage, trusts_inspector
from scenarios.runner.subjects import Context
from scenarios.runner.validation import check
from scenarios.runner.verbs import implements
from scenarios.runner.yamltree import Scalar, graft

OUTSIDE_THE_CLOUD: Final = frozenset({
    "link", "dns", "tcp", "tls", "udp", "stun", "media", "client", "clock", "storage", "power",
})  # fmt: skip
"""Layers whose faults are asked for under their own names; the cloud's have to be aimed at its injection points."""
FLAP_EVERY_S: Final = 30.0
FLAP_LASTS_S: Final = 2.0
"""How often a link flaps, and how long it is down each time, where the file does not say."""
PASSED: Final = ("start", "label")
"""Anchors that lie behind every step that can name them."""
_THINGS: Final = frozenset({"link", "client", "clock", "storage", "power"})
"""Layers of one device, the step's, where no other is named."""
_NOWHERE: Final = Place("", 0, 0)


@implements(f.Fault)
async def fault(stage: Stage, args: f.Fault) -> object:
    """Arm faults; those that happen once, now, happen."""
    for spec in args.plan:
        _inject(stage, spec)
    return {}


def _inject(stage: Stage, spec: f.FaultSpec) -> None:
    made = make_fault(stage, spec)
    if made.id in stage.pending or any(one.id == made.id for one in stage.faults.armed):
        raise ValueError(f"fault {made.id} holds already; heal it first or give another id")
    stage.injected.append(made)
    _plan(stage, spec, made)


@implements(f.Chaos)
async def chaos(stage: Stage, args: f.Chaos) -> object:
    """Draw a plan, let its faults begin when it says, and heal what is left of them when the time is over."""
    stream = stage.chance.actor("world").stream("chaos", args.id, args.seed)
    menu = served(MENU, has_proxy=True, has_inspector=trusts_inspector(stage.scenario.head.cloud))
    plan = draw_plan(stream, menu, args.on, length_s=args.for_, troubles=args.troubles)
    specs = [spec_of(trouble, f"{args.id}.{number}") for number, trouble in enumerate(plan, 1)]
    if args.id in stage.pending:
        raise ValueError(f"{args.id} holds already; heal it first or give another id")
    for spec in specs:
        _inject(stage, spec)

    def end() -> None:
        stage.pending.pop(args.id, None)
        for spec in specs:
            assert spec.id is not None, "it was given one"
            end_fault(stage, spec.id)

    stage.pending[args.id] = [stage.clock.call_later(args.for_, end).cancel]
    return {"faults": [str(trouble) for trouble in plan]}


def spec_of(trouble: Trouble, fault_id: str) -> f.FaultSpec:
    """Return a fault that was drawn, as if a scenario had asked for it."""
    problems = Problems()
    spec = check(f.FaultSpec, graft({**trouble.words, "id": fault_id}, _NOWHERE), problems)
    problems.raise_if_any()
    assert spec is not None, "there was no problem"
    return spec


def _plan(stage: Stage, spec: f.FaultSpec, made: Fault) -> None:
    """Let a fault begin now, after a while, or at its anchor."""
    delay_s = (spec.after.delay_s or 0.0) if spec.after is not None else 0.0
    anchor = _anchor(spec.after.anchor) if spec.after is not None and spec.after.anchor is not None else None
    begin = partial(_begin, stage, spec, made, stage.acting)
    if anchor is not None and anchor.kind not in PASSED:
        stage.pending[made.id] = [at_anchor(stage, anchor, stage.acting, begin)]
    elif delay_s:
        stage.pending[made.id] = [stage.clock.call_later(delay_s, begin).cancel]
    elif not begin() and not spec.optional:
        raise ValueError(f"{spec.on} {spec.do}: there is nothing that it could hit")


def _begin(stage: Stage, spec: f.FaultSpec, made: Fault, device: str) -> bool:
    """Let a fault happen, or hold until its limit; says whether it met something."""
    stage.pending.pop(made.id, None)
    if spec.action is not None and spec.action.momentary and spec.every is not None:
        waits = spec.action.waits and not _is_mid_connection(spec)
        strike = partial(_await_occasion, stage, made) if waits else partial(stage.faults.strike, made)
        again_and_again(stage, made.id, strike, spec.every, spec.count, _ends(stage, spec, made, device))
        return True
    if (spec.action is not None and spec.action.happens_now) or _is_mid_connection(spec):
        return stage.faults.strike(made)
    if (made.on, made.do) == ("link", "flap"):
        flap(stage, made, spec.every or FLAP_EVERY_S)
    else:
        stage.faults.arm(made)
    if made.on == "clock":
        _put_wrong(stage, made)
    elif made.on == troubles.ON:
        stage.on_over[made.id] = troubles.begin(stage, made)
    ends = _ends(stage, spec, made, device)
    if ends:
        stage.pending[made.id] = ends
    return True


def _is_mid_connection(spec: f.FaultSpec) -> bool:
    """Say whether TLS is broken off on connections that are open, not at the next handshake."""
    is_timed = spec.after is not None and spec.after.count is None
    return (spec.on, spec.do) == ("tls", "abort") and is_timed


def _ends(stage: Stage, spec: f.FaultSpec, made: Fault, device: str) -> list[Callable[[], object]]:
    """Plan the end of a fault, if it has a limit; returns what takes that back."""
    if spec.for_ is not None:
        return [stage.clock.call_later(spec.for_, end_fault, stage, made.id).cancel]
    if spec.until is not None:
        return [at_anchor(stage, _anchor(spec.until), device, partial(end_fault, stage, made.id))]
    return []


def _anchor(text: str) -> Anchor:
    anchor = read_anchor(Context(Problems(), nodes()), Scalar(text, _NOWHERE))
    assert anchor is not None, "the loader has refused other texts"
    return anchor


def at_anchor(stage: Stage, anchor: Anchor, device: str, callback: Callable[[], object]) -> Callable[[], object]:
    """Call back when the history passes an anchor of a device; returns what takes that back."""

    def look(event: Event) -> None:
        if anchor.is_at(event, device, partial(stage.calls.machine, device)):
            stop()
            callback()

    stop = stage.trace.subscribe(look)
    return stop


def make_fault(stage: Stage, spec: f.FaultSpec) -> Fault:
    """Turn what the file says into a fault of the runtime.

    Raises:
        ValueError: it names something that is not there.
    """
    wrong = problem(spec.on, spec.do, spec.params)  # the loader did not know what references stand for
    if wrong is not None:
        raise ValueError(f"{spec.on} {spec.do}: {wrong.text}")
    fault_id = spec.id or f"fault {len(stage.injected) + 1}"
    on, do, target, params = spec.on, spec.do, _target(stage, spec), spec.params
    if on not in OUTSIDE_THE_CLOUD and not (spec.action is not None and spec.action.happens_now):
        aim = aimed(on, do, target, params)
        if aim is None:
            raise ValueError(f"the cloud does not carry out {do} on {on}")
        on, do, target, params = aim
    return Fault(
        id=fault_id,
        on=on,
        do=do,
        target=target,
        params=params,
        count=1 if spec.action is not None and spec.action.waits else spec.count,
        skip=(spec.after.count or 0) if spec.after is not None else 0,
        percent=100.0 if spec.percent is None else spec.percent * 100,
        optional=spec.optional,
        draws=stage.chance.actor("world").stream("fault", fault_id, spec.seed or 0),
    )


def _target(stage: Stage, spec: f.FaultSpec) -> dict[str, Any]:
    """Put what trace and cloud call things in the place of the scenario's own names."""
    target: dict[str, Any] = dict(spec.target)
    if spec.direction != "both":
        target["direction"] = spec.direction
    if spec.on == "stun" and "servers" in target:
        count, of, pick = int(target.pop("servers")), target.pop("of", None), str(target.pop("pick", "seeded"))
        target["server"] = stage.pick_servers(count, of, pick, target.pop("transport", None))
    if spec.on == "clock" and target.setdefault("of", "device") not in ("device", "cloud"):
        raise ValueError(f"a clock is that of a device or of the cloud, not of {target['of']}")
    if spec.on in _THINGS and target.get("of") != "cloud":
        target.setdefault("device", stage.acting)
    if spec.on == "tls" and spec.do in DOES and not _is_mid_connection(spec):
        target["at"] = "door"  # the cloud has both sides' certificates: it shows a real bad one
    if spec.ca == "trusted" and stage.cloud.platform.settings.inspector is None:
        raise ValueError("devices trust nobody who inspects TLS; write cloud: { tls: { trust_list: 1 } }")
    if spec.on == "proxy" and stage.cloud.proxy is None:
        raise ValueError("there is no proxy; write cloud: { proxy: {} }, and tell devices of it")
    if "device" in target:
        target["device"] = stage.device(str(target["device"])).who
    if "mailbox" in target and "@" not in str(target["mailbox"]):
        target["mailbox"] = stage.cloud.hybrid.room_address(stage.room(str(target["mailbox"]))).lower()
    if "call" in target:
        target["call"] = far(stage, target["call"])
    for name in ("meeting", "code"):
        if name in target:
            given = str(target[name])
            target[name] = stage.ids.get(given, given[:8] if name == "code" else given)
    return target


# the end of faults


@implements(f.Heal)
async def heal(stage: Stage, args: f.Heal) -> object:
    """End faults; one that is over already is over."""
    for fault_id in dict.fromkeys([*stage.pending, *(one.id for one in stage.faults.armed)]):
        if args.fault == "all" or of_row(fault_id, args.fault):
            end_fault(stage, fault_id)
    return {}


def end_fault(stage: Stage, fault_id: str) -> None:
    """End a fault: it heals, or does not begin; nothing happens if it is over already."""
    for take_back in stage.pending.pop(fault_id, ()):
        take_back()
    if any(one.id == fault_id for one in stage.faults.armed):
        stage.faults.heal(fault_id)
    over = stage.on_over.pop(fault_id, None)
    if over is not None:
        over()


# the link


@implements(w.Network)
async def network(stage: Stage, args: w.Network) -> object:
    """Take the link of a device down, bring it up, or say what its network is like."""
    device = stage.device(stage.acting)
    if args.link is not None:
        fault_id = f"link of {stage.acting}"
        end_fault(stage, fault_id)
        if args.link == "down":
            stage.faults.arm(Fault(fault_id, "link", "down", {"device": device.who}, optional=True))
            _limit(stage, fault_id, args.for_)
    if args.conditions:
        _set_conditions(stage, args, device.who)
    return {}


def _set_conditions(stage: Stage, args: w.Network, who: str) -> None:
    """Let conditions hold in a direction, in the place of those that held there."""
    for way in DIRECTIONS if args.direction == "both" else (args.direction,):
        fault_id = f"network of {stage.acting} {way}"
        end_fault(stage, fault_id)
        if any(args.conditions.values()):
            draws = stage.chance.actor("world").stream("network", stage.acting, way)
            target = {"device": who, "direction": way}
            stage.faults.arm(Fault(fault_id, "link", CONDITIONS, target, args.conditions, optional=True, draws=draws))
            _limit(stage, fault_id, args.for_)


def _limit(stage: Stage, fault_id: str, for_s: float | None) -> None:
    if for_s is not None:
        stage.pending[fault_id] = [stage.clock.call_later(for_s, end_fault, stage, fault_id).cancel]


def flap(stage: Stage, fault: Fault, every_s: float) -> None:
    """Let a link go down for `by`, again and again, until the fault ends."""
    stage.faults.arm(fault)
    down = f"{fault.id} down"
    lasts_s = float(fault.params.get("by", min(FLAP_LASTS_S, every_s / 2)))
    timers: list[Callable[[], object]] = []

    def fall() -> None:
        stage.faults.bite(fault)
        stage.faults.arm(Fault(down, "link", "down", fault.target, optional=True))
        timers[:] = [
            stage.clock.call_later(lasts_s, end_fault, stage, down).cancel,
            stage.clock.call_later(every_s, fall).cancel,
        ]

    def over() -> None:
        for cancel in timers:
            cancel()
        end_fault(stage, down)

    stage.on_over[fault.id] = over
    fall()


def again_and_again(
    stage: Stage,
    fault_id: str,
    strike: Callable[[], object],
    every_s: float,
    times: int | None,
    ends: list[Callable[[], object]],
) -> None:
    """Let what happens once happen every so often: so many times, or until it ends."""

    def happen(left: int | None) -> None:
        rest = None if left is None else left - 1
        stage.pending.pop(fault_id, None)
        if rest != 0:
            stage.pending[fault_id] = [*ends, stage.clock.call_later(every_s, happen, rest).cancel]
        strike()

    happen(times)


def _await_occasion(stage: Stage, fault: Fault) -> None:
    """Let a fault wait for its next occasion, unless it waits still for the last one."""
    if all(one.id != fault.id for one in stage.faults.armed):
        stage.faults.arm(fault)


# clocks


@implements(w.SetClock)
async def set_clock(stage: Stage, args: w.SetClock) -> object:
    """Put a wall clock wrong."""
    clock = stage.device(stage.acting).world.clock if args.of == "device" else stage.cloud.platform.clock
    if args.jump is not None:
        _jump(stage, clock, args.of, args.jump)
    elif args.drift is not None:
        _run_at(stage, clock, args.of, ppm_of(args.drift))
    else:
        _set(stage, clock, args.of, args.skew or 0.0)
    return {}


def install(stage: Stage) -> None:
    """Let the runner carry out what happens once, now, to the cloud's clock and to clients; devices see to what is theirs."""
    stage.faults.on_momentary(partial(troubles.drop, stage))

    def strike(fault: Fault) -> bool:
        if (fault.on, fault.do) != ("clock", "jump") or fault.target["of"] != "cloud":
            return False
        _jump(stage, stage.cloud.platform.clock, "cloud", float(fault.params["by"]))
        return True

    stage.faults.on_momentary(strike)


def _put_wrong(stage: Stage, fault: Fault) -> None:
    """Put a clock wrong as long as a fault holds, and right again afterwards."""
    clock, whose = _clock(stage, fault)
    fault.used += 1
    if fault.do == "skew":
        _set(stage, clock, whose, float(fault.params["by"]))
    else:
        ppm = STANDS_STILL_PPM if fault.do == "freeze" else ppm_of(float(fault.params["by"]))
        _run_at(stage, clock, whose, ppm)
    stage.on_over[fault.id] = partial(_put_right, stage, clock, whose)


def ppm_of(gain_s: float) -> int:
    """Return the rate of a clock that gains so many seconds in an hour."""
    return round(gain_s * 1_000_000 / 3600)


def _run_at(stage: Stage, clock: Clock, whose: str, ppm: int) -> None:
    clock.run_at(ppm)
    stage.trace.event("world", "clock.set", data={"of": whose, "ppm": ppm})


def _put_right(stage: Stage, clock: Clock, whose: str) -> None:
    clock.run_at(0)
    _set(stage, clock, whose, 0.0)


def _clock(stage: Stage, fault: Fault) -> tuple[Clock, str]:
    if fault.target["of"] == "cloud":
        return stage.cloud.platform.clock, "cloud"
    device = next(one for one in stage.devices.values() if one.who == fault.target["device"])
    return device.world.clock, device.who


def _jump(stage: Stage, clock: Clock, whose: str, by_s: float) -> None:
    clock.jump_wall(timedelta(seconds=by_s))
    stage.trace.event("world", "clock.set", data={"of": whose, "jump": by_s})


def _set(stage: Stage, clock: Clock, whose: str, skew_s: float) -> None:
    clock.set_wall(stage.clock.now() + timedelta(seconds=skew_s))
    stage.trace.event("world", "clock.set", data={"of": whose, "skew": skew_s})
