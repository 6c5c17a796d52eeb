"""What the network between a device and its peers does to what is carried: latency, jitter, loss, rate, size of packets.

Base conditions (the verb `network`) and faults that shape a path are one thing here: armed faults whose action is one of SHAPES. Whoever
carries something asks for the quality of its path; without such a fault there is none, and nothing is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from endpoint.runtime.faults import Fault, Faults

CONDITIONS: Final = "conditions"
"""Action of the base conditions of a link, which are no fault that a person writes."""
SHAPES: Final = frozenset({
    ("link", CONDITIONS), ("link", "lossy"), ("link", "throttle"), ("link", "mtu"), ("tcp", "throttle"), ("tcp", "idle_cut"),
})  # fmt: skip
"""Layer and action of what changes a path without breaking it."""
SILENCE: Final = ("tcp", "silent")
"""Layer and action of what keeps new connections from coming about, and lets nothing pass on open ones, as long as it is not counted."""
MTU: Final = 1500
"""Bytes of the largest packet where nothing says otherwise (protocol/activation-and-media.md section 16)."""
TCP_HEADERS: Final = 40
UDP_HEADERS: Final = 28
"""Bytes of the headers of a packet, with those of IPv4 and without options (RFC 791, 768, 9293)."""
TLS_OVERHEAD: Final = 22
"""Bytes that a TLS 1.3 record adds (RFC 8446 5.2: header, type, tag)."""
THROTTLED_BPS: Final = 64_000.0
BLACK_HOLE_BYTES: Final = 1200
IDLE_S: Final = 60.0
"""What `throttle`, `mtu` and `idle_cut` are taken for without a figure."""


@dataclass(frozen=True, slots=True)
class Quality:
    """One direction of one path now.

    Attributes:
        jitter_s: a packet takes up to so much more or less than `latency_s`.
        loss: share of the packets that is lost, 0..1.
        rates: what is in the way with a rate in bit/s; whatever has the same name shares it.
        mtu: bytes of the largest packet, which both ends know.
        hole: packets of more bytes than this vanish, and nobody is told; None: all pass.
        idle_s: a stream that was idle for longer is forgotten by something on the way.
        sources: the faults that make it so.
    """

    latency_s: float = 0.0
    jitter_s: float = 0.0
    loss: float = 0.0
    rates: tuple[tuple[str, float], ...] = ()
    mtu: int = MTU
    hole: int | None = None
    idle_s: float | None = None
    sources: tuple[Fault, ...] = ()

    def swallows(self, packet_bytes: int) -> bool:
        """Say whether a packet of this size never arrives."""
        return self.loss >= 1 or (self.hole is not None and packet_bytes > self.hole)


def shapes(fault: Fault) -> bool:
    """Say whether a fault shapes paths."""
    return (fault.on, fault.do) in SHAPES or silences(fault)


def silences(fault: Fault) -> bool:
    """Say whether a fault lets nothing pass on streams that are open."""
    is_whole = fault.count is None and not fault.skip and fault.percent >= 100
    return (fault.on, fault.do) == SILENCE and is_whole


def shaping(faults: Faults, carrier: str, about: Mapping[str, Any]) -> tuple[Fault, ...]:
    """Return what is armed and shapes a path, in either direction and whether it has begun or not.

    Args:
        carrier: tcp or udp.
        about: the path, as injection points tell it: device, host, port, service or kind.
    """
    return tuple(
        fault
        for fault in faults.armed
        if shapes(fault) and fault.on in ("link", carrier) and fault.aims_at({**about, **_direction_of(fault)})
    )


def _direction_of(fault: Fault) -> dict[str, Any]:
    return {"direction": fault.target["direction"]} if "direction" in fault.target else {}


def quality(faults: Faults, now_s: float, carrier: str, about: Mapping[str, Any]) -> Quality | None:
    """Return what a path is like at `now_s` in the direction that `about` names; None: as good as can be."""
    sources = tuple(
        fault for fault in shaping(faults, carrier, about) if fault.aims_at(about) and fault.holds_at(now_s)
    )
    if not sources:
        return None
    found = Quality(sources=sources)
    for fault in sources:
        found = _worse(found, fault, about)
    return found


def _worse(before: Quality, fault: Fault, about: Mapping[str, Any]) -> Quality:
    """Add what one fault does to a path."""
    params = fault.params
    loss, rates, mtu, hole, idle_s = before.loss, before.rates, before.mtu, before.hole, before.idle_s
    rate = params.get("rate")
    match fault.do:
        case "lossy":
            loss = 1 - (1 - loss) * (1 - fault.percent / 100)
        case "throttle":
            rate = THROTTLED_BPS if rate is None else rate
        case "mtu":
            hole = min(int(params.get("bytes", BLACK_HOLE_BYTES)), MTU if hole is None else hole)
        case "silent":
            loss = 1.0
        case "idle_cut":
            own_s = float(params.get("idle", IDLE_S))
            idle_s = own_s if idle_s is None else min(idle_s, own_s)
        case _:
            loss = 1 - (1 - loss) * (1 - float(params.get("loss", 0.0)))
            mtu = min(mtu, int(params.get("mtu", MTU)))
    if rate is not None:
        own = "" if fault.on == "link" else f" {about.get('stream', '')}"
        rates = (*rates, (f"{fault.id} {about.get('direction', '')}{own}", float(rate)))
    return Quality(
        before.latency_s + float(params.get("latency", 0.0)),
        before.jitter_s + float(params.get("jitter", 0.0)),
        loss,
        rates,
        mtu,
        hole,
        idle_s,
        before.sources,
    )
