"""Whether a path in use still holds. This is modelled: nothing is sent, the network is asked what would arrive.

A fault that takes everything makes a path silent; one that takes a share of the packets makes media worse. Label: ours.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from endpoint.media.checks import SERVICE
from endpoint.media.quality import GOOD, Conditions
from endpoint.runtime.net import LINK_LOST, PATIENCE
from endpoint.runtime.quality import Quality, quality
from endpoint.runtime.world import World
from endpoint.wire.calliope import Transport
from endpoint.wire.sdp import Candidate

JITTER_S: Final = 0.08
"""Jitter of a fault that does not say how much."""
KIND: Final = "rtp"
"""What faults of datagrams know media as, beside `stun`."""


def is_silent(world: World, candidate: Candidate | None) -> bool:
    """Say whether nothing arrives on a path now: something that takes everything is in the way, or nobody is there.

    What takes a share of the packets makes media worse, not silent: see `conditions`.
    """
    if candidate is not None:
        carrier = "udp" if candidate.transport is Transport.UDP else "tcp"
        if world.net.names.resolve(candidate.host, candidate.port, carrier) is None:
            return True
    if not world.faults.armed:
        return False
    return any(
        any(
            fault.on == on and fault.percent >= 100 and fault.do in does and fault.aims_at(about)
            for fault in world.faults.armed
        )
        and world.faults.hit(on, does, **about) is not None
        for on, does, about in _obstacles(world, candidate)
    ) or any(_shaped(world, candidate, direction).loss >= 1 for direction in ("up", "down"))


def is_link_down(world: World) -> bool:
    """Say whether the device's own link is down, which it sees without sending anything."""
    now_s = world.clock.time()
    return any(
        fault.on == "link" and fault.do in LINK_LOST and fault.percent >= 100 and fault.holds_at(now_s)
        and fault.aims_at({"device": world.who})
        for fault in world.faults.armed
    )  # fmt: skip


def conditions(world: World, candidate: Candidate | None) -> Conditions:
    """Return what faults do to media on a path: the share of the packets that they take, and the jitter that they add.

    Over TCP and TLS a fault of datagrams takes nothing; one of media is felt over every transport.
    """
    if not world.faults.armed:
        return GOOD
    passing, jitter_s, now_s = 1.0, 0.0, world.clock.time()
    about = _about(world, candidate) | {"direction": "down", "kind": KIND}
    is_udp = candidate is not None and candidate.transport is Transport.UDP
    for fault in world.faults.armed:
        is_loss = (fault.on, fault.do) == ("media", "loss") or (is_udp and (fault.on, fault.do) == ("udp", "drop"))
        is_jitter = (fault.on, fault.do) == ("media", "jitter")
        if not (is_loss or is_jitter) or not fault.holds_at(now_s) or not fault.aims_at(about):
            continue
        if is_jitter:
            jitter_s += float(fault.drawn().params.get("by", JITTER_S))
        elif fault.percent < 100:
            passing *= 1 - fault.percent / 100
        else:
            continue  # it takes everything: see `is_silent`
        world.faults.felt(fault)
    shaped = _shaped(world, candidate, "down")
    jitter_s += shaped.jitter_s
    return Conditions(100 * (1 - passing * (1 - shaped.loss)), round(jitter_s * 1000))


def _shaped(world: World, candidate: Candidate | None, direction: str) -> Quality:
    """Return what the conditions of the network make of a path in one direction."""
    if candidate is None:
        return Quality()
    carrier = "udp" if candidate.transport is Transport.UDP else "tcp"
    about = _about(world, candidate) | {"kind": KIND, "direction": direction}
    return quality(world.faults, world.clock.time(), carrier, about) or Quality()


def _about(world: World, candidate: Candidate | None) -> dict[str, Any]:
    where = {"host": candidate.host, "port": candidate.port} if candidate is not None else {}
    return {**where, "service": SERVICE, "device": world.who}


def _obstacles(world: World, candidate: Candidate | None) -> list[tuple[str, Collection[str], dict[str, Any]]]:
    """List what may be in the way: the layer, what does it there, and what the fault has to be aimed at."""
    about = _about(world, candidate)
    ways = [about | {"direction": direction, "kind": KIND} for direction in ("up", "down")]
    found: list[tuple[str, Collection[str], dict[str, Any]]] = [("link", LINK_LOST, way) for way in ways]
    found += [("media", ("loss",), way) for way in ways]
    if candidate is not None and candidate.transport is Transport.UDP:
        found += [("udp", ("drop",), way) for way in ways]
    elif candidate is not None:
        found.append(("tcp", PATIENCE, about))
    return found
