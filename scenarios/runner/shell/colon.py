"""`:` commands: what is said to the simulation, not to the device. A table; each row talks to a control door.

Reference: docs/reference/device-control.md, control-api.md, faults.md.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, get_args, get_type_hints
from urllib.parse import quote

import msgspec

from endpoint.runtime.field_faults.parts import of_row
from scenarios.runner.problems import nearest
from scenarios.runner.shell import faultwords
from scenarios.runner.shell.doors import Door, DoorRefused
from scenarios.runner.shell.faultwords import seconds
from scenarios.runner.shell.lines import LineError
from scenarios.runner.values import read_signed_duration, show_duration

if TYPE_CHECKING:
    from endpoint.device.control_actions import Kind

SHOWN: Final = 20
SHOWN_MAX: Final = 10_000


@lru_cache(maxsize=1)
def kinds() -> Mapping[str, Kind]:
    """Return what the device's door can do; a prompt at another device need not wait for all of ours."""
    from endpoint.device.control_actions import KINDS

    return KINDS


class Simulation:
    """The doors of the simulation that the prompt can reach.

    Args:
        device: the control door of the device; None where its ready file has none.
        cloud: the control API of its cloud, for the faults of services.
        is_one_process: device and cloud stand on one clock; else the cloud's clock is the one to move.
        more: commands that only this simulation has.
    """

    def __init__(
        self,
        device: Door | None,
        cloud: Door | None = None,
        *,
        is_one_process: bool = False,
        more: Mapping[str, Row] | None = None,
    ) -> None:
        self._device = device
        self._cloud = cloud
        self._more = dict(more or {})
        self.is_one_process = is_one_process

    @property
    def rows(self) -> Mapping[str, Row]:
        """All commands, by name."""
        return {**COLON, **self._more}

    @property
    def device(self) -> Door:
        """The device's door.

        Raises:
            DoorRefused: there is none.
        """
        if self._device is None:
            raise DoorRefused("the ready file has no `control`: this device has no control door")
        return self._device

    @property
    def cloud(self) -> Door:
        """The cloud's door.

        Raises:
            DoorRefused: it is not known.
        """
        if self._cloud is None:
            raise DoorRefused("that is done in the cloud; give its ready file: roomsim shell TARGET --cloud cloud.json")
        return self._cloud

    @property
    def knows_cloud(self) -> bool:
        """Say whether the cloud's door is known."""
        return self._cloud is not None


Doing: TypeAlias = Callable[[Simulation, list[str]], Awaitable[list[str]]]


@dataclass(frozen=True, slots=True)
class Row:
    """One command: how it is written, what it does, who does it."""

    usage: str
    text: str
    do: Doing


async def run_colon(simulation: Simulation, name: str, rest: str) -> list[str]:
    """Carry a `:` command out and return what is to be shown; `quit` is not among them.

    Raises:
        LineError: it is not understood.
        DoorRefused: the simulation says no.
    """
    return await simulation.rows[known_name(name, simulation.rows)].do(simulation, rest.split())


def known_name(name: str, rows: Mapping[str, Row] | None = None) -> str:
    """Return the command that a name is, or is the beginning of.

    Raises:
        LineError: there is none, or there are several.
    """
    rows = COLON if rows is None else rows
    found = [known for known in rows if known.startswith(name)]
    if name in rows or (name and len(found) == 1):
        return name if name in rows else found[0]
    if name and found:
        raise LineError(f":{name} is short for {' and '.join(f':{one}' for one in found)}; write one more letter")
    near = nearest(name, rows)
    raise LineError(f"there is no :{name[:40]}; " + (f"nearest: :{near}" if near else ":help lists what there is"))


# clock


async def _clock(simulation: Simulation, words: list[str]) -> list[str]:
    return [_clock_line(await simulation.device.ask("GET", "/clock"))]


async def _advance(simulation: Simulation, words: list[str]) -> list[str]:
    by = seconds(_only(words, "a duration, such as :advance 5min"))
    if simulation.knows_cloud and not simulation.is_one_process:
        told = await simulation.cloud.ask("POST", "/clock/advance", {"seconds": by})
        return [_clock_line(told, "the cloud") + "; its devices follow"]
    return [_clock_line(await simulation.device.ask("POST", "/clock", {"advance": by}))]


async def _skew(simulation: Simulation, words: list[str]) -> list[str]:
    try:
        by = read_signed_duration(_only(words, "a duration with a sign, such as :skew -3min").replace("min", "m"))
    except ValueError as error:
        raise LineError(str(error)) from None
    return [_clock_line(await simulation.device.ask("POST", "/clock", {"skew": by}))]


def _clock_line(clock: Mapping[str, Any], whose: str = "the device") -> str:
    skew = round(float(clock.get("skewSeconds", 0)), 3)
    wrong = f", which is {'+' if skew > 0 else ''}{show_duration(skew)} off" if skew else ""
    return f"{clock['mode']} time, {float(clock['seconds']):.3f} s of the run; {whose} has {clock['now']}{wrong}"


# faults


async def _fault(simulation: Simulation, words: list[str]) -> list[str]:
    calls = faultwords.read_calls(words)
    doors = [simulation.device if call.door == "device" else simulation.cloud for call in calls]
    lines = []
    for door, call in zip(doors, calls, strict=True):
        armed = await door.ask("POST", "/faults", call.body)
        lines += [_armed_line(one) for one in armed.get("items", [armed])]
    return lines


def _armed_line(armed: Mapping[str, Any]) -> str:
    if "hit" in armed:
        return f"{armed['id']}: it met {'something' if armed['hit'] else 'nothing'}"
    return _fault_line(armed)


async def _faults(simulation: Simulation, words: list[str]) -> list[str]:
    found = {fault["id"]: fault for door in _fault_doors(simulation) for fault in await _armed(door)}
    return [_fault_line(fault) for fault in found.values()] or ["no fault is armed"]


async def _heal(simulation: Simulation, words: list[str]) -> list[str]:
    wanted = _only(words, "the name of a fault, or all; :faults lists them")
    armed: set[str] = set()
    healed: list[str] = []
    for door in _fault_doors(simulation):
        names = sorted(str(fault["id"]) for fault in await _armed(door))
        armed.update(names)
        found = names if wanted == "all" else [name for name in names if of_row(name, wanted)]
        asked: list[str] = []
        for fault_id in found if wanted == "all" or not found else [wanted]:
            if not any(of_row(fault_id, one) for one in asked):  # a row ends whole
                await door.ask("DELETE", f"/faults/{quote(fault_id, safe='')}")
                asked.append(fault_id)
        healed += found
    if healed:
        return [f"healed: {', '.join(healed)}"]
    if wanted == "all":
        return ["no fault was armed"]
    near = nearest(wanted, armed)
    raise LineError(f"no fault {wanted[:40]!r} is armed" + (f"; nearest: {near}" if near else ""))


def _fault_doors(simulation: Simulation) -> list[Door]:
    """Return the doors behind which faults are kept; a process has one set of them."""
    apart = simulation.knows_cloud and not simulation.is_one_process
    return [simulation.device, simulation.cloud] if apart else [simulation.device]


async def _armed(door: Door) -> list[Mapping[str, Any]]:
    found = await door.ask("GET", "/faults")
    return list(found["items"])


_FAULT_PARTS: Final = ("id", "on", "do", "target", "params", "used", "fromSeconds", "untilSeconds")
"""What is told of a fault in words; everything else is told as it is."""


def _fault_line(fault: Mapping[str, Any]) -> str:
    about = {**fault.get("target", {}), **fault.get("params", {})}
    about.pop("device", None)
    about |= {name: value for name, value in fault.items() if name not in _FAULT_PARTS}
    told = " ".join(f"{name}={value}" for name, value in about.items() if value not in (None, 0, 100.0))
    until = f"; until second {fault['untilSeconds']:.3f}" if fault.get("untilSeconds") is not None else ""
    return f"{fault['id']}: {fault['on']} {fault['do']} {told}".rstrip() + f"; bit {fault.get('used', 0)} times{until}"


# history


async def _log(simulation: Simulation, words: list[str]) -> list[str]:
    found = await simulation.device.ask("GET", "/log", query={"lines": str(_count(words))})
    return [str(line) for line in found["lines"]]


async def _trace(simulation: Simulation, words: list[str]) -> list[str]:
    kind = next((word for word in words if not word.isdecimal()), "")
    numbers = [word for word in words if word.isdecimal()]
    text = await simulation.device.text("GET", "/trace", query={"limit": str(_count(numbers)), "kind": kind})
    return [_event_line(json.loads(line)) for line in text.splitlines()]


def _event_line(event: Mapping[str, Any]) -> str:
    data = json.dumps(event["data"], ensure_ascii=False, separators=(",", ":")) if event.get("data") else ""
    peer = f"-> {event['peer']} " if event.get("peer") else ""
    return f"{int(event['t']) / 1e6:12.3f}  {event['who']:<12}  {event['kind']:<20}  {peer}{data}".rstrip()


def _count(words: list[str]) -> int:
    text = words[0] if words else str(SHOWN)
    if len(words) > 1 or not (text.isdecimal() and text.isascii() and len(text) < 6 and 0 < int(text) <= SHOWN_MAX):
        raise LineError(f"how many: a number from 1 to {SHOWN_MAX}")
    return int(text)


async def _evidence(simulation: Simulation, words: list[str]) -> list[str]:
    file = _only(words, "a file, such as :save evidence.json")
    return [_write(file, await simulation.device.text("GET", "/evidence"))]


def _write(name: str, text: str) -> str:
    try:
        file = Path(name).expanduser()
        written = file.write_text(text, encoding="utf-8")
    except (OSError, RuntimeError) as error:  # the latter: ~ of somebody who is not known here
        raise LineError(f"{name}: cannot be written: {getattr(error, 'strerror', None) or error}") from None
    return f"{file}: {written} characters of evidence"


# the device

_STATUS: Final = ("isUp", "isActivated", "isOnline", "isHardened", "webexStatus", "registration", "mercury", "calendar")


async def _status(simulation: Simulation, words: list[str]) -> list[str]:
    found = await simulation.device.ask("GET", "/status")
    rows = [("device", _told(found["device"]))]
    rows += [(name, _told(found[name])) for name in _STATUS]
    rows.append(("diagnostics", _told(found["diagnostics"]) or "nothing is wrong"))
    return [f"{name:<14}{told}" for name, told in rows]


_CALL: Final = ("status", "direction", "protocol", "number", "displayName", "durationSeconds")


async def _calls(simulation: Simulation, words: list[str]) -> list[str]:
    lines: list[str] = []
    for call in (await simulation.device.ask("GET", "/calls"))["items"]:
        told = {name: call[name] for name in _CALL if call.get(name) not in ("", None)}
        lines.append(f"call {call['id']}: {_told(told)}")
        lines += [f"  {_told({name: one for name, one in member.items() if one})}" for member in call.get("roster", ())]
    return lines or ["no calls"]


async def _actions(simulation: Simulation, words: list[str]) -> list[str]:
    done = (await simulation.device.ask("GET", "/actions"))["items"]
    rows = [(f"{name} {members_of(name)}".strip(), kind.text) for name, kind in kinds().items()]
    width = max(len(usage) for usage, _ in rows)
    lines = [f"  {usage:<{width}}  {text}" for usage, text in rows]
    return ["what :do can do:", *lines, *(_run_line(run) for run in reversed(done[:SHOWN]))]


async def _do(simulation: Simulation, words: list[str]) -> list[str]:
    if not words:
        raise LineError(f":do ACTION [name=value ...]; actions: {', '.join(kinds())}")
    name, *pairs = words
    if name not in kinds():
        near = nearest(name, kinds())
        raise LineError(
            f"no action {name[:40]!r}; " + (f"nearest: {near}" if near else f"there are {', '.join(kinds())}")
        )
    body: dict[str, Any] = {"action": name}
    for pair in pairs:
        member, equals, value = pair.partition("=")
        if not equals:
            raise LineError(f"{pair[:40]!r}: write name=value; {name} takes {members_of(name) or 'nothing'}")
        body[member] = {"true": True, "false": False}.get(value, value) if member == "wait" else value
    return [_run_line(await simulation.device.ask("POST", "/actions", body))]


def members_of(name: str) -> str:
    """Write the members of an action as they are typed; what can be left out between brackets."""
    shown = []
    hints = get_type_hints(kinds()[name].body)
    for field in msgspec.structs.fields(kinds()[name].body):
        if field.name in ("action", "wait"):
            continue
        words = [word for part in (hints[field.name], *get_args(hints[field.name])) for word in get_args(part)]
        values = "|".join(dict.fromkeys(word for word in words if isinstance(word, str))) or "..."
        shown.append(f"{field.name}={values}" if field.required else f"[{field.name}={values}]")
    return " ".join(shown)


def _run_line(run: Mapping[str, Any]) -> str:
    if isinstance(run.get("error"), Mapping):
        return f"{run['action']}: {run['state']}: {run['error'].get('message', '')}"
    return f"{run['action']}: {run['state']} {_told(run.get('result') or {})}".rstrip()


def _told(value: object) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{name}={_told(one)}" for name, one in value.items())
    return (
        {True: "yes", False: "no", None: "-"}.get(value, str(value))
        if isinstance(value, (bool, type(None)))
        else str(value)
    )


async def _help(simulation: Simulation, words: list[str]) -> list[str]:
    width = max(len(row.usage) for row in simulation.rows.values())
    return [f"  {row.usage:<{width}}  {row.text}" for row in simulation.rows.values()]


async def _quit(simulation: Simulation, words: list[str]) -> list[str]:
    return []


def _only(words: list[str], what: str) -> str:
    if len(words) != 1:
        raise LineError(f"give {what}")
    return words[0]


COLON: Final[Mapping[str, Row]] = {
    "advance": Row(":advance DURATION", "let time jump ahead (stepped and frozen time only)", _advance),
    "clock": Row(":clock", "what time it is, and how it passes", _clock),
    "skew": Row(":skew DURATION", "put the device's wall clock wrong; 0s puts it right", _skew),
    "fault": Row(
        ":fault ROW | ON DO [NAME=VALUE ...]",
        "break something: :fault link.down, :fault dns nxdomain host=u2c*",
        _fault,
    ),
    "faults": Row(":faults", "what is broken", _faults),
    "heal": Row(":heal ID|all", "end a fault", _heal),
    "status": Row(":status", "how the device is, on one page", _status),
    "calls": Row(":calls", "the calls of the device, and who is in them", _calls),
    "log": Row(":log [N]", "the last lines of the device log", _log),
    "trace": Row(":trace [N] [KIND]", "the last events of the history, such as :trace 50 http.", _trace),
    "evidence": Row(":evidence FILE", "write all of it to a file, for a report", _evidence),
    "save": Row(":save FILE", "the same", _evidence),
    "actions": Row(":actions", "what can be done with the device, and what was", _actions),
    "do": Row(":do ACTION [NAME=VALUE ...]", "do it: :do restart, :do refresh service=token", _do),
    "help": Row(":help", "this list", _help),
    "quit": Row(":quit", "leave; so does Ctrl-D", _quit),
}
