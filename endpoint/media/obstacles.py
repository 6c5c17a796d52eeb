"""Whether a path in use still holds. This is modelled: nothing is sent, the network is asked what would arrive.

A fault that takes everything makes a path silent; one that takes a share of the packets makes media worse. Label: ours.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from endpoint.media.checks import SERVICE
from endpoint.runtime.faults import Fault
from endpoint.runtime.net import LINK_LOST, PATIENCE
from endpoint.runtime.quality import quality
from endpoint.runtime.world import World
from endpoint.wire.calliope import Transport
from endpoint.wire.sdp import Candidate

KIND: Final = "rtp"
"""What faults of datagrams know media as, beside `stun`."""


def is_silent(world: World, candidate: Candidate | None) -> bool:
    """Say whether nothing arrives on a path now: something that takes everything is in the way, or nobody is there.

    What takes a share of the packets makes media worse, not silent: see `loss_percent`.
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
    ) or any(_loss(world, candidate, direction) >= 1 for direction in ("up", "down"))


def is_link_down(world: World) -> bool:
    """Say whether the device's own link is down, which it sees without sending anything."""
    now_s = world.clock.time()
    return any(
        fault.on == "link" and fault.do in LINK_LOST and fault.percent >= 100 and _holds(fault, now_s)
        and fault.aims_at({"device": world.who})
        for fault in world.faults.armed
    )  # fmt: skip


def _holds(fault: Fault, now_s: float) -> bool:
    return fault.from_s <= now_s and (fault.until_s is None or now_s < fault.until_s)


def loss_percent(world: World, candidate: Candidate | None) -> float:
    """Return which share of the packets faults take, 0..100."""
    if candidate is None or candidate.transport is not Transport.UDP:
        return 0.0
    passing = 1.0
    now_s = world.clock.time()
    for fault in world.faults.armed:
        about = _about(world, candidate) | {"direction": "down", "kind": KIND}
        if (
            _holds(fault, now_s)
            and (fault.on, fault.do) == ("udp", "drop")
            and fault.percent < 100
            and fault.aims_at(about)
        ):
            passing *= 1 - fault.percent / 100
    return 100 * (1 - passing * (1 - _loss(world, candidate, "down")))


def _loss(world: World, candidate: Candidate | None, direction: str) -> float:
    """Return which share of the packets the conditions of a path take in one direction, 0..1."""
    if candidate is None:
        return 0.0
    carrier = "udp" if candidate.transport is Transport.UDP else "tcp"
    about = _about(world, candidate) | {"kind": KIND, "direction": direction}
    found = quality(world.faults, world.clock.time(), carrier, about)
    return 0.0 if found is None else found.loss


def _about(world: World, candidate: Candidate | None) -> dict[str, Any]:
    where = {"host": candidate.host, "port": candidate.port} if candidate is not None else {}
    return {**where, "service": SERVICE, "device": world.who}


def _obstacles(world: World, candidate: Candidate | None) -> list[tuple[str, Collection[str], dict[str, Any]]]:
    """List what may be in the way: the layer, what does it there, and what the fault has to be aimed at."""
    about = _about(world, candidate)
    ways = [about | {"direction": direction, "kind": KIND} for direction in ("up", "down")]
    found: list[tuple[str, Collection[str], dict[str, Any]]] = [("link", LINK_LOST, way) for way in ways]
    if candidate is not None and candidate.transport is Transport.UDP:
        found += [("udp", ("drop",), way) for way in ways]
    elif candidate is not None:
        found.append(("tcp", PATIENCE, about))
    return found
