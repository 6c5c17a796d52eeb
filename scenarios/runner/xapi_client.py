"""An xAPI client as scenarios have it: it calls inside the process or at a door, and the trace has what it asked and was told.

xapi.call       what was asked: the command and the names of its arguments, whose values may be secrets
xapi.result     the answer, typed as on the websocket
xapi.feedback   what a subscription was told, typed
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

from cloud_stub.platform.errors import CloudError
from endpoint.device.device import Device
from endpoint.runtime.errors import DeadlineMissed
from endpoint.wire.xapi.calls import Caller
from endpoint.wire.xapi.errors import BadArguments, CommandFailed, XapiError
from endpoint.wire.xapi.jsonform import typed
from endpoint.wire.xapi.leaves import flatten
from endpoint.wire.xapi.paths import parse_path, words
from endpoint.wire.xapi.query import query_of_text
from endpoint.xapi.feedback import Notice
from scenarios.runner import xapi_door
from scenarios.runner.clients import shelltext
from scenarios.runner.stage import Stage
from scenarios.runner.whole_run import SECRET
from scenarios.runner.xapi_verbs import Over, Role
from scenarios.runner.xapi_xml import answer_of, command_document, configuration_document

ROLES: Final[Mapping[Role, str]] = {"admin": "A", "integrator": "I", "user": "U"}
"""Letters of the node table."""
CLOUD: Final = "client:cloud"
"""Who calls by way of the cloud."""
PANEL: Final = "panel"
"""The door of who touches the panel."""
CONFIGURATION: Final = "xConfiguration"
"""What a change of configurations is called in the trace."""
LOOKS_EVERY_S: Final = 0.1

Ask = Callable[[], Awaitable[Mapping[str, Any]]]


def caller(role: Role, door: str = "scenario") -> Caller:
    """Return an account with one role; it has the name of the role."""
    return Caller(role, frozenset(ROLES[role]), "scenario", door)


def up(stage: Stage) -> Device:
    """Return the acting device; ValueError when it is off."""
    device = stage.device(stage.acting)
    if not device.is_up:
        raise ValueError(f"{stage.acting} is off; boot it first")
    return device


async def command(
    stage: Stage,
    path: str,
    arguments: Mapping[str, Any],
    *,
    body: str = "",
    role: Role = "admin",
    over: Over | None = None,
    door: str = "scenario",
) -> dict[str, Any]:
    """Give a command and return the answer.

    Args:
        door: where the caller stands; PANEL is in the room.

    Raises:
        ValueError: it failed, and the step says nothing of its result; or the device is off.
    """
    device, name = up(stage), parse_path(path)

    async def ask() -> Mapping[str, Any]:
        commands = device.xapi.commands
        if over == "http":
            document = command_document(name, arguments, body)
            return answer_of(await xapi_door.put(stage, device, role, document))
        if over == "ssh":
            return await xapi_door.shell(stage, device, role, [partial(shelltext.command, name, arguments, body)])
        if over is not None:
            given = {**arguments, **({"body": body} if body else {})}
            return await xapi_door.ask(stage, device, role, f"xCommand/{'/'.join(map(str, name))}", given)
        outcome = commands.call(commands.prepare(name, arguments, body or None, caller(role, door)))
        fields = await outcome if isinstance(outcome, Awaitable) else outcome
        return typed(flatten(fields or {}))

    return await asked(stage, f"client:{role}", words(name), ask, arguments)


async def configure(stage: Stage, values: Mapping[str, Any], role: Role, over: Over | None = None) -> dict[str, Any]:
    """Set configurations, all or none; one after the other over websocket and ssh, which set one at a time. Errors as in `command`."""
    device = up(stage)

    async def ask() -> Mapping[str, Any]:
        if over is None:
            changes = [(query_of_text(f"Configuration {path}"), value) for path, value in values.items()]
            device.xapi.set_all(changes, caller(role))
        if over == "http":
            document = configuration_document({parse_path(path): value for path, value in values.items()})
            return answer_of(await xapi_door.put(stage, device, role, document))
        if over == "ssh":
            lines = [partial(shelltext.setting, parse_path(path), value) for path, value in values.items()]
            return await xapi_door.shell(stage, device, role, lines)
        for path, value in values.items() if over == "websocket" else ():
            params = {"Path": ["Configuration", *parse_path(path)], "Value": value}
            await xapi_door.ask(stage, device, role, "xSet", params)
        return {}

    return await asked(stage, f"client:{role}", CONFIGURATION, ask, values)


async def asked(
    stage: Stage, who: str, what: str, ask: Ask, arguments: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Ask, and let the trace have question and answer; a refusal is an answer.

    Raises:
        ValueError: it was refused, and the step says nothing of the result.
    """
    peer = stage.device(stage.acting).who
    stage.trace.event(who, "xapi.call", peer=peer, data={"command": what, "arguments": sorted(arguments or {})})
    try:
        answer = {"status": "OK", **await ask()}
    except CommandFailed as error:
        cause = {} if error.cause is None else {"Cause": error.cause}
        answer = {"status": "Error", "Reason": str(error), **cause, **typed(flatten(error.fields))}
    except BadArguments as error:
        answer = {"status": "ParameterError", "Reason": str(error)}
    except XapiError as error:
        answer = {"status": "Error", "Reason": str(error)}
    except CloudError as error:
        answer = {"status": "Error", "Reason": error.text or error.code, "Code": error.status}
    if "Reason" in answer:  # it may repeat a value that was given
        answer["Reason"] = SECRET.sub("<secret>", str(answer["Reason"]))
    stage.trace.event(who, "xapi.result", peer=peer, data={"command": what, "result": answer})
    if answer["status"] != "OK" and not stage.expects_result:
        raise ValueError(f"{what}: {answer['status']}: {answer['Reason']}; the step expects no result")
    return answer


def listen(stage: Stage, path: str, role: Role) -> None:
    """Subscribe to a path; what comes is in the trace. It ends when the device goes down."""
    device = up(stage)

    def told(notice: Notice) -> None:
        data = {"subscription": path, "told": typed(notice.leaves, event=notice.event)}
        stage.trace.event(f"client:{role}", "xapi.feedback", peer=device.who, data=data)

    device.xapi.subscribe(query_of_text(path), caller(role), told)


async def until(stage: Stage, holds: Callable[[], bool], what: str, limit_s: float) -> None:
    """Wait until something holds, looking now and then.

    Raises:
        DeadlineMissed: it did not within `limit_s` of scenario time.
    """
    try:
        async with stage.clock.timeout(limit_s):
            while not holds():
                await stage.clock.sleep(LOOKS_EVERY_S)
    except TimeoutError:
        raise DeadlineMissed(what, limit_s) from None
