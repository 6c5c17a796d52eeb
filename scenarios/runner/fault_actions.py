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
from endpoint.runtime.clock import Clock
from endpoint.runtime.faults import Fault
from endpoint.runtime.trace import Event
from endpoint.wire.xapi.nodes import nodes
from scenarios.runner import fault_verbs as f
from scenarios.runner import world_verbs as w
from scenarios.runner.call_parts import far
from scenarios.runner.chaos.plan import Trouble, draw_plan
from scenarios.runner.conditions import Anchor
from scenarios.runner.event_subjects import read_anchor
from scenarios.runner.problems import Place, Problems
from scenarios.runner.stage import Stage
from scenarios.runner.subjects import Context
from scenarios.runner.validation import check
from scenarios.runner.verbs import implements
from scenarios.runner.yamltree import Scalar, graft

OUTSIDE_THE_CLOUD: Final = frozenset({"link", "dns", "tcp", "tls", "udp", "stun", "clock"})
"""Layers whose faults are asked for under their own names; the cloud's have to be aimed at its injection points."""
PASSED: Final = ("start", "label")
"""Anchors that lie behind every step that can name them."""
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
    plan = draw_plan(stream, args.on, length_s=args.for_, troubles=args.troubles)
    specs = [spec_of(trouble, f"{args.id}.{number}") for number, trouble in enumerate(plan, 1)]
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
    if spec.action is not None and spec.action.happens_now:
        return stage.faults.strike(made)
    if made.on == "link":
        take_link_down(stage, made)
    else:
        stage.faults.arm(made)
    if made.on == "clock":
        _skew(stage, made)
    if spec.for_ is not None:
        stage.pending[made.id] = [stage.clock.call_later(spec.for_, end_fault, stage, made.id).cancel]
    elif spec.until is not None:
        stage.pending[made.id] = [at_anchor(stage, _anchor(spec.until), device, partial(end_fault, stage, made.id))]
    return True


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
    if spec.on == "clock" and target["of"] == "device":
        target.setdefault("device", stage.acting)
    if spec.on == "tls" and spec.do in DOES:
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
    known = [*stage.pending, *(one.id for one in stage.faults.armed)]
    parts = [one for one in known if one.startswith(f"{args.fault}.")]  # of a row that is made of several
    for fault_id in dict.fromkeys(known) if args.fault == "all" else (args.fault, *parts):
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
    """Take the link of a device down, or bring it up."""
    device = stage.device(stage.acting)
    fault_id = f"link of {stage.acting}"
    end_fault(stage, fault_id)
    if args.link == "down":
        take_link_down(stage, Fault(fault_id, "link", "down", {"device": device.who}, optional=True))
        if args.for_ is not None:
            stage.pending[fault_id] = [stage.clock.call_later(args.for_, end_fault, stage, fault_id).cancel]
    return {}


def take_link_down(stage: Stage, fault: Fault) -> None:
    """Arm a fault of the link: what is connected breaks; devices notice when it is up again."""
    stage.faults.arm(fault)
    who = fault.target.get("device")
    cut = Fault(f"{fault.id} cuts", "tcp", "reset", {} if who is None else {"device": who}, optional=True)
    fault.used += stage.faults.strike(cut)

    def up() -> None:
        for device in stage.devices.values():
            if who in (None, device.who) and device.is_up:
                device.network_changed()

    stage.on_over[fault.id] = up


# clocks


@implements(w.SetClock)
async def set_clock(stage: Stage, args: w.SetClock) -> object:
    """Put a wall clock wrong."""
    clock = stage.device(stage.acting).world.clock if args.of == "device" else stage.cloud.platform.clock
    if args.jump is not None:
        _jump(stage, clock, args.of, args.jump)
    else:
        _set(stage, clock, args.of, args.skew or 0.0)
    return {}


def install(stage: Stage) -> None:
    """Let the runner carry out what happens to clocks once, now."""

    def strike(fault: Fault) -> bool:
        if (fault.on, fault.do) != ("clock", "jump"):
            return False
        clock, whose = _clock(stage, fault)
        _jump(stage, clock, whose, float(fault.params["by"]))
        return True

    stage.faults.on_momentary(strike)


def _skew(stage: Stage, fault: Fault) -> None:
    """Put a clock wrong by so much as long as the fault holds, and right again afterwards."""
    clock, whose = _clock(stage, fault)
    fault.used += 1
    _set(stage, clock, whose, float(fault.params["by"]))
    stage.on_over[fault.id] = partial(_set, stage, clock, whose, 0.0)


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
