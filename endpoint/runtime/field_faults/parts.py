"""What a row of the fault table asks of each side: every door carries out what bites on its side, and says who takes the rest."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final, Literal, NamedTuple

from endpoint.runtime.field_faults import SWITCHES
from endpoint.runtime.field_faults.row import Row
from endpoint.runtime.quality import SHAPES
from endpoint.runtime.vocabulary import FAULTS

Side = Literal["device", "cloud", "scenario"]

DEVICE: Final = frozenset({"link", "dns", "tcp", "tls", "udp", "storage", "power", "clock"})
"""Layers that a device carries out for itself."""
SCENARIO: Final = frozenset({"stun", "media", "proxy"})
"""Layers that only somebody who runs all of it can reach."""
_PACKETS: Final = "it bites on packets, which only the network of a virtual run has; a scenario does it"
_CERTIFICATES: Final = "the cloud has to show another TLS for it; a scenario does it"
_CLOCK: Final = (
    "a scenario does it; `skew` at /clock of the device's control door (`:skew` in the shell) puts its clock wrong"
)
_CLIENT: Final = "it is what a client does; a scenario has one (`subscribe` with `over`) that does it"
NOT_DEVICE: Final[Mapping[tuple[str, str], str]] = {
    **dict.fromkeys(SHAPES, _PACKETS),
    ("tls", "intercept"): _CERTIFICATES,
    ("link", "flap"): "a scenario does it; `down` with `for` takes the link away once",
    ("clock", "skew"): _CLOCK,
    ("clock", "drift"): _CLOCK,
    ("clock", "freeze"): _CLOCK,
    ("client", "flood"): _CLIENT,
    ("client", "half_open"): _CLIENT,
    ("client", "slow_reader"): _CLIENT,
}
"""What of its layers takes somebody who runs all of it, or a network in memory, and why."""
ALSO_DEVICE: Final = frozenset({("mercury", "reset"), ("calendar", "sip_button"), ("client", "drop")})
"""What a device carries out of the layers of the cloud."""
OWN: Final = frozenset({"on", "do", "target", "direction", "optional", "count", "after", "for"})
"""Members of a plan that are no parameters of the action."""
_DURATIONS: Final = frozenset({"by", "idle", "retry_after"})
_UNITS_S: Final = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_DURATION: Final = re.compile(r"([+-]?)((?:[0-9]{1,9}(?:d|h|ms|m|s))+)")


class Part(NamedTuple):
    """One fault of a row: its id, who carries it out, and what."""

    id: str
    side: Side
    on: str
    do: str
    target: Mapping[str, Any]
    params: Mapping[str, Any]
    bites: int | None = None

    @property
    def told(self) -> dict[str, str]:
        """What a door says of a part that is another's."""
        return {"on": self.on, "do": self.do, "door": self.side}


class UnknownRow(ValueError):
    """There is no such row, or it cannot be switched on; `expected` are the names that are near, or all, and `advice` has them too."""

    def __init__(self, text: str, near: tuple[str, ...] = (), known: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.expected = near or known
        self.advice = text
        if self.expected:
            self.advice += f"; nearest: {near[0]}" if near else f"; there are: {', '.join(known)}"


def find_row(name: str) -> Row:
    """Return a row, or a variant of one, that can be switched on.

    Raises:
        UnknownRow: there is none, or it is pending.
    """
    row = SWITCHES.get(name)
    if row is None:
        built = [known for known, one in SWITCHES.items() if one.is_built]
        raise UnknownRow(
            f"the fault table has no row {name[:40]!r}", tuple(get_close_matches(name, built)), tuple(built)
        )
    if not row.is_built:
        raise UnknownRow(f"row {row.number} of the fault table, {row.id}, cannot be switched on yet: {row.pending}")
    return row


def side_of(on: str, do: str) -> Side:
    """Say who carries out a fault."""
    if (on in DEVICE and (on, do) not in NOT_DEVICE) or (on, do) in ALSO_DEVICE:
        return "device"
    return "scenario" if on in SCENARIO or (on, do) in NOT_DEVICE else "cloud"


def parts(row: Row, fault_id: str = "") -> tuple[Part, ...]:
    """Return the faults of a row, those after the first one with a number behind the id: `dns.nxdomain`, `dns.nxdomain.2`."""
    found = []
    for number, spec in enumerate(row.plan, start=1):
        on, do = spec["on"], spec["do"]
        params = {
            name: seconds(value) if name in _DURATIONS else value for name, value in spec.items() if name not in OWN
        }
        target = {**spec.get("target", {}), **({"direction": spec["direction"]} if "direction" in spec else {})}
        part_id = fault_id or row.id
        waits = FAULTS[on][do].waits
        found.append(
            Part(
                part_id if number == 1 else f"{part_id}.{number}",
                side_of(on, do),
                on,
                do,
                target,
                params,
                spec.get("count", 1 if waits else None),
            )
        )
    return tuple(found)


def split(name: str, fault_id: str, side: Literal["device", "cloud"]) -> tuple[Row, list[Part], list[Part]]:
    """Return a row, its parts that a side carries out, at least one, and those of the others.

    Raises:
        UnknownRow: as in `find_row`, or none of it is this side's.
    """
    row = find_row(name)
    wanted = parts(row, fault_id)
    mine, others = [part for part in wanted if part.side == side], [part for part in wanted if part.side != side]
    if not mine:
        doors = {"device": "a device's control door", "cloud": "the cloud's control API", "scenario": "a scenario"}
        raise UnknownRow(f"{row.id} is nothing of the {side}; {doors[others[0].side]} does it")
    return row, mine, others


def of_row(fault_id: str, name: str) -> bool:
    """Say whether a fault is the one of this name, or another part of the same row."""
    return fault_id == name or re.fullmatch(re.escape(name) + r"\.[0-9]{1,3}", fault_id) is not None


def seconds(value: str | float) -> float:
    """Read a duration of a plan, `-20000d` or `5s`, or seconds as they are.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(value, str):
        return float(value)
    found = _DURATION.fullmatch(value)
    if found is None:
        raise ValueError(f"{value[:40]!r} is no duration")
    sign, text = found.groups()
    total_s = sum(int(count) * _UNITS_S[unit] for count, unit in re.findall(r"([0-9]+)(d|h|ms|m|s)", text))
    return -total_s if sign == "-" else total_s
