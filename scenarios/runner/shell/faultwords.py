"""`:fault`: what is typed, in the vocabulary of docs/reference/faults.md, as the doors take it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType
from typing import Any, Final, Literal

from endpoint.runtime.field_faults import SWITCHES
from endpoint.runtime.field_faults.parts import NOT_DEVICE, UnknownRow, find_row, parts
from endpoint.runtime.vocabulary import FAULTS
from scenarios.runner.problems import nearest
from scenarios.runner.shell.lines import LineError
from scenarios.runner.values import read_duration

LIMITS: Final = ("id", "count", "skip", "percent", "after", "for")
"""What any fault can have besides its target and its own parameters."""
_NOT_HERE: Final = {
    "clock": "the clock is put wrong with :skew, and moved with :advance",
    "stun": "a scenario does that",
}
USAGE: Final = ":fault ROW, or :fault ON DO [name=value ...], such as: :fault dns nxdomain host=u2c* for=5min"


@dataclass(frozen=True, slots=True)
class FaultCall:
    """A fault for one of the doors, with the body that this door takes."""

    door: Literal["device", "cloud"]
    body: Mapping[str, Any]


@lru_cache(maxsize=1)
def _door() -> ModuleType:
    """Return the words of the device's door; a prompt at another device need not wait for all of ours."""
    from endpoint.device import control_faults

    return control_faults


def layers() -> list[str]:
    """Return what a fault can be on."""
    return [layer for layer in FAULTS if layer not in _NOT_HERE]


def actions(layer: str) -> list[str]:
    """Return what a fault on a layer can do, at either door."""
    known = [*(do for do in FAULTS.get(layer, {}) if (layer, do) not in NOT_DEVICE), *_at_device(layer)]
    return list(dict.fromkeys(known))


def names(layer: str, do: str) -> list[str]:
    """Return which names a fault may be given: its parameters, its targets, its limits."""
    if do in _at_device(layer):
        own = FAULTS[layer][do].params
        limits = ("id",) if do in _door().MOMENTARY.get(layer, ()) else LIMITS
        return [*own, *_door().TARGETS[layer], *limits]
    action = FAULTS[layer][do]
    return list(dict.fromkeys([*action.params, *action.targets, *LIMITS]))


def _at_device(layer: str) -> tuple[str, ...]:
    found: tuple[str, ...] = _door().LASTING.get(layer, ()) + _door().MOMENTARY.get(layer, ())
    return found


def rows() -> list[str]:
    """Return the rows of the fault table that a prompt can switch on."""
    built = [row for row in SWITCHES.values() if row.is_built]
    return [row.id for row in built if all(part.side != "scenario" for part in parts(row))]


def read_calls(words: Sequence[str]) -> tuple[FaultCall, ...]:
    """Read what follows `:fault`: a row of the fault table, for each door that has a part in it, or one fault.

    Raises:
        LineError: as `read_fault`.
    """
    if not words or (words[0] not in SWITCHES and "." not in words[0]):
        return (read_fault(words),)
    try:
        row = find_row(words[0])
    except UnknownRow as error:
        raise LineError(error.advice) from None
    if row.id not in rows():
        raise LineError(f"{row.id}: a scenario does that")
    given = _pairs(words[1:], LIMITS, row.id)
    doors: dict[Literal["device", "cloud"], dict[str, Any]] = {}
    for part in parts(row):
        if part.side == "device":
            doors["device"] = {"row": row.id, **_limits(given, "after", "for")}
        elif part.side == "cloud":
            doors["cloud"] = {"row": row.id, **_limits(given, "afterSeconds", "forSeconds")}
    return tuple(FaultCall(door, body) for door, body in doors.items())


def read_fault(words: Sequence[str]) -> FaultCall:
    """Read what follows `:fault`.

    Raises:
        LineError: there is no such fault, or it cannot have what it is given.
    """
    if not words:
        raise LineError(f"{USAGE}; on: {', '.join(layers())}")
    layer, *rest = words
    if layer in _NOT_HERE:
        raise LineError(_NOT_HERE[layer])
    if layer not in FAULTS:
        raise LineError(_wrong(f"no fault is on {layer[:40]!r}", layer, layers()))
    if not rest:
        raise LineError(f"a fault on {layer} does one of {', '.join(actions(layer))}")
    do, *pairs = rest
    if (layer, do) in NOT_DEVICE:
        raise LineError(f"{layer} {do}: {NOT_DEVICE[layer, do]}")
    if do not in actions(layer):
        raise LineError(_wrong(f"a fault on {layer} cannot {do[:40]!r}", do, actions(layer)))
    given = _pairs(pairs, names(layer, do), f"{layer} {do}")
    return _for_device(layer, do, given) if do in _at_device(layer) else _for_cloud(layer, do, given)


def _wrong(what: str, word: str, known: Sequence[str]) -> str:
    near = nearest(word, known)
    return f"{what}; " + (f"nearest: {near}" if near else f"there are {', '.join(known)}")


def _pairs(pairs: Sequence[str], known: Sequence[str], what: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not value:
            raise LineError(f"{pair[:40]!r}: write name=value; {what} takes {', '.join(known)}")
        if name not in known:
            raise LineError(_wrong(f"{what} takes no {name[:40]!r}", name, known))
        if name in given:
            raise LineError(f"{name} is given twice")
        given[name] = value
    return given


def _for_device(layer: str, do: str, given: Mapping[str, str]) -> FaultCall:
    body: dict[str, Any] = {"on": layer, "do": do, **_limits(given, "after", "for")}
    for name in FAULTS[layer][do].params:
        if name in given:
            body[name] = seconds(given[name]) if name == "by" else _plain(given[name])
    target = {name: _plain(value) for name, value in given.items() if name in _door().TARGETS[layer]}
    return FaultCall("device", {**body, "target": target} if target else body)


def _for_cloud(layer: str, do: str, given: Mapping[str, str]) -> FaultCall:
    body: dict[str, Any] = {"on": layer, "do": do, **_limits(given, "afterSeconds", "forSeconds")}
    body.setdefault("id", f"{layer}-{do}")
    own = FAULTS[layer][do].params
    params = {name: seconds(value) if name == "by" else _plain(value) for name, value in given.items() if name in own}
    if "retry_after" in given and "retry_after" in own and not given["retry_after"].isdecimal():
        params["retry_after"] = int(seconds(given["retry_after"]))
    target = {
        name: f"device:{value}" if name == "device" and ":" not in value else _plain(value)
        for name, value in given.items()
        if name not in own and name not in LIMITS
    }
    return FaultCall("cloud", {**body, "params": params, "target": target})


def _limits(given: Mapping[str, str], after: str, until: str) -> dict[str, Any]:
    limits: dict[str, Any] = {"id": given["id"]} if "id" in given else {}
    for name in ("count", "skip"):
        if name in given:
            limits[name] = _whole(name, given[name])
    if "percent" in given:
        limits["percent"] = _percent(given["percent"])
    for name, member in (("after", after), ("for", until)):
        if name in given:
            limits[member] = seconds(given[name])
    return limits


def _whole(name: str, text: str) -> int:
    if not (text.isdecimal() and text.isascii() and len(text) < 6):
        raise LineError(f"{name} is a whole number, such as {name}=3")
    return int(text)


def _percent(text: str) -> float:
    try:
        share = float(text.removesuffix("%"))
    except ValueError:
        share = 0.0
    if not 0 < share <= 100:
        raise LineError("percent is above 0 and at most 100, such as percent=30")
    return share


def _plain(text: str) -> str | int:
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 10 else text


def seconds(text: str) -> float:
    """Read a duration as people write it: `5min`, `1h30m`, `250ms`, `90s`; a sign in front where it means something.

    Raises:
        LineError: it is none.
    """
    try:
        return read_duration(text.replace("min", "m").replace("sec", "s"))
    except ValueError as error:
        raise LineError(str(error)) from None
