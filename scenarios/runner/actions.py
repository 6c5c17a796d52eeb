"""What the verbs do: device, world and flow. Those of the cloud are in `cloud_actions`, faults in `fault_actions`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from endpoint.cloud.activation import ActivationRefused
from endpoint.runtime.errors import EndpointError
from endpoint.wire.activation.code import MalformedCode
from scenarios.runner import device_verbs as d
from scenarios.runner import world_verbs as w
from scenarios.runner.stage import Stage
from scenarios.runner.verbs import implements

# the device


@implements(d.Boot)
async def boot(stage: Stage, args: d.Boot) -> object:
    """Switch the device on; `from: crash` cuts the power first."""
    device = stage.device(stage.acting)
    if device.is_up and args.from_ == "crash":
        await device.crash()
    if device.is_up:
        raise ValueError("the device is on already")
    await device.boot()
    return {}


@implements(d.Restart)
async def restart(stage: Stage, args: d.Restart) -> object:
    """Restart it cleanly or by a loss of power, or shut it down."""
    device = stage.device(stage.acting)
    if args.from_ == "crash":
        await device.crash()
    elif args.action == "shutdown":
        await device.shut_down()
    else:
        await device.restart()
        return {}
    if args.action == "restart":
        await device.boot()
    return {}


@implements(d.Activate)
async def activate(stage: Stage, args: d.Activate) -> object:
    """Enter the code; a refusal is a result, and fails the step when nothing is expected of it."""
    activation = _activated(stage, stage.acting, str(args.code), hardens=args.security == "harden")
    if args.link == "async":
        stage.background(activation, "activation")
        return {"status": "accepted"}
    result = await activation
    if result["status"] == "refused" and not stage.has_expectation:
        raise ValueError(f"the activation was refused ({result['code']}), and the step expects nothing")
    return result


async def _activated(stage: Stage, name: str, code: str, *, hardens: bool) -> dict[str, str]:
    try:
        await stage.activate(name, code, hardens=hardens)
    except ActivationRefused as error:
        return {"status": "refused", "code": error.code, "text": error.text}
    except MalformedCode as error:
        return {"status": "refused", "code": "code.malformed", "text": str(error)}
    return {"status": "linked"}


@implements(d.Register)
async def register(stage: Stage, args: d.Register) -> object:
    """Register, or join what is under way or done."""
    device = stage.device(stage.acting)
    if device.registration.device is not None:
        return {"status": "registered"}
    return await _outcome(stage, device.join_registration(), "registered")


@implements(d.Connect)
async def connect(stage: Stage, args: d.Connect) -> object:
    """Open Mercury."""
    await stage.device(stage.acting).connect()
    return {}


@implements(d.Disconnect)
async def disconnect(stage: Stage, args: d.Disconnect) -> object:
    """Close Mercury and leave it closed."""
    stage.device(stage.acting).mercury.disconnect()
    return {}


@implements(d.Refresh)
async def refresh(stage: Stage, args: d.Refresh) -> object:
    """Renew something now."""
    device = stage.device(stage.acting)
    renew: dict[str, Callable[[], Coroutine[Any, Any, object]]] = {
        "wdm": device.register,
        "token": device.identity.refresh,
        "catalog": partial(device.catalog.fetch, forced=True),
        "trust": device.trust.refresh,
        "reachability": device.discover,
    }
    return await _outcome(stage, renew[args.service](), "refreshed")


async def _outcome(stage: Stage, work: Coroutine[Any, Any, object], done: str) -> dict[str, object]:
    """Wait for something that the cloud may refuse; a refusal is a result where the step says what must follow, else it fails it."""
    judged = stage.has_expectation
    try:
        await work
    except EndpointError as error:
        if not judged:
            raise
        return {"status": "failed", "why": str(error)}
    return {"status": done}


@implements(d.Discover)
async def discover(stage: Stage, args: d.Discover) -> object:
    """Measure the media clusters."""
    await stage.device(stage.acting).discover("fast" if args.schedule == "rfc" else args.schedule)
    return {}


@implements(d.Sync)
async def sync(stage: Stage, args: d.Sync) -> object:
    """Catch up the calendar."""
    return await _outcome(stage, stage.device(stage.acting).sync(), "caught up")


@implements(d.XConfig)
async def xconfig(stage: Stage, args: d.XConfig) -> object:
    """Set configurations."""
    stage.device(stage.acting).set_configurations(args.values)
    return {}


@implements(d.XCommand)
async def xcommand(stage: Stage, args: d.XCommand) -> object:
    """Give one of the two commands that the device answers by now."""
    device = stage.device(stage.acting)
    if str(args.path).casefold().endswith("cancel"):
        return {"status": "OK" if device.activation.cancel() else "Error"}
    hardens = str(args.args.get("SecurityAction", "NoAction")) == "Harden"
    result = await _activated(stage, stage.acting, str(args.args.get("ActivationCode", "")), hardens=hardens)
    return {"status": "OK"} if result["status"] == "linked" else {"status": "Error", "Reason": result["text"]}


# the world


@implements(w.Advance)
async def advance(stage: Stage, args: w.Advance) -> object:
    """Let exactly so much time pass."""
    await stage.clock.sleep(args.by)
    return {}


@implements(w.Wait)
async def wait(stage: Stage, args: w.Wait) -> object:
    """Wait for an expectation; the result is the data of the event that matched last."""
    return await stage.until(args.until)


@implements(w.Repeat)
async def repeat(stage: Stage, args: w.Repeat) -> object:
    """Play steps several times."""
    for turn in range(args.times):
        began_s = stage.clock.time()
        await stage.play(args.steps)
        if args.every is not None and turn + 1 < args.times:
            await stage.clock.sleep(max(0.0, began_s + args.every - stage.clock.time()))
    return {}


@implements(w.Note)
async def note(stage: Stage, args: w.Note) -> object:
    """Write a line into the trace."""
    stage.trace.event("runner", "note", data={"text": args.text})
    return {}
