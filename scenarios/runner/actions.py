"""What the verbs do: device, world and flow. Others are in `xapi_actions`, `cloud_actions` and `fault_actions`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final

from endpoint.cloud.activation import ActivationRefused
from endpoint.cloud.software_table import State as Upgrading
from endpoint.runtime.errors import EndpointError
from endpoint.wire.activation.code import MalformedCode
from scenarios.runner import device_verbs as d
from scenarios.runner import world_verbs as w
from scenarios.runner import xapi_client as client
from scenarios.runner.stage import Stage
from scenarios.runner.verbs import implements

GOING_DOWN_MAX_S: Final = 120.0
"""Scenario time in which a device that was reset has booted."""
UPGRADE_MAX_S: Final = 3_600.0
"""Scenario time in which an upgrade is installed, or given up after its last try."""

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


@implements(d.FactoryReset)
async def factory_reset(stage: Stage, args: d.FactoryReset) -> object:
    """Reset it as the command does, and wait until it has booted or is off."""
    arguments = {"Confirm": "Yes", "TrailingAction": args.then.capitalize()}
    keep = {"Keep": list(args.keep)} if args.keep else {}
    await client.command(stage, "SystemUnit FactoryReset", {**arguments, **keep})
    device = stage.device(stage.acting)
    await client.until(stage, lambda: not device.is_going_down, "the factory reset", GOING_DOWN_MAX_S)
    return {}


@implements(d.Upgrade)
async def upgrade(stage: Stage, args: d.Upgrade) -> object:
    """Let the cloud offer a critical upgrade, and wait until it is installed or has failed."""
    device = stage.device(stage.acting)
    if not device.mercury.is_open:
        raise ValueError(f"{stage.acting} is not connected to the cloud, so it would hear of no upgrade")
    cloud_device = stage.cloud_device(stage.acting)
    offer = stage.cloud.use_cases.upgrade_offer(
        str(args.to), urgency="Critical", device_id=cloud_device.id, fails=args.fails or ""
    )

    def is_over() -> bool:
        if device.software.state is Upgrading.FAILED:
            return True
        return device.profile.software == offer.version and device.is_up and not device.is_going_down

    await client.until(stage, is_over, f"the upgrade to {args.to}", UPGRADE_MAX_S)
    has_failed = device.software.state is Upgrading.FAILED
    if has_failed and args.fails is None and not stage.has_expectation:
        raise ValueError(f"the upgrade failed ({device.software.view.message}), and the step expects nothing")
    return {"status": "failed" if has_failed else "installed", "version": offer.version}


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


@implements(w.Use)
async def use(stage: Stage, args: w.Use) -> object:
    """Play the steps of a part."""
    await stage.play(args.steps)
    return {}


@implements(w.Together)
async def together(stage: Stage, args: w.Together) -> object:
    """Play steps side by side."""
    await stage.play_together(args.steps)
    return {}


@implements(w.Note)
async def note(stage: Stage, args: w.Note) -> object:
    """Write a line into the trace."""
    stage.trace.event("runner", "note", data={"text": args.text})
    return {}
