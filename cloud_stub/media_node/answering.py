"""The cloud's answer to an offer: which media node takes the call, and what it says.

The nearest cluster of the client's reachability report takes it; without a report, or when the report names none that can be reached, the
first node of the list. Source: protocol/activation-and-media.md sections 10.6 and 13; the choice is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cloud_stub.media_node.fleet import Fleet
from cloud_stub.media_node.node import MediaNode
from endpoint.runtime.chance import Stream
from endpoint.wire.calliope import Transport
from endpoint.wire.sdp import (
    FINGERPRINT_BYTES,
    ICE_BYTES,
    Description,
    answer,
    candidate,
    fingerprint_of,
    ice_of,
)

NO_NODE: Final = "192.0.2.250"
"""Where media goes in a cloud without media nodes; it answers without ICE, so nobody checks."""
LATENCY_MAX: Final = 1_000_000


def nearest(fleet: Fleet, reachability: object) -> MediaNode:
    """Choose the node for a call.

    Args:
        reachability: the report of the join as it came: cluster to transport to its findings, or its version 1, which wraps them; what is
            no report counts as none.
    """
    found = {name: latency for name, tests in _items(_tests(reachability)) if (latency := _latency(tests)) is not None}
    order = {node.spec.cluster: place for place, node in reversed(list(enumerate(fleet.nodes)))}
    reached = [name for name in found if name in order]
    cluster = min(reached, key=lambda name: (found[name], order[name]), default=fleet.nodes[0].spec.cluster)
    return next(node for node in fleet.nodes if node.spec.cluster == cluster)


def answer_offer(
    fleet: Fleet | None,
    offer: Description,
    draws: Stream,
    *,
    reachability: object = None,
    real: bool = False,
    rate: int = 0,
    has_video: bool = True,
) -> Description:
    """Answer an offer on behalf of a media node.

    Args:
        real: name the loopback ports, for clients that know no logical addresses.
        rate: kbit/s that the call may have; 0 for what is offered.
    """
    session_id = draws.below(2**62)
    if fleet is None or not fleet.nodes:
        return answer(offer, session_id=session_id, address=NO_NODE, rate=rate, has_video=has_video)
    node = nearest(fleet, reachability)
    where = {
        transport: door.actual if real else (door.server.host, door.server.port)
        for transport, door in node.doors.items()
    }
    return answer(
        offer,
        session_id=session_id,
        address=node.spec.host,
        candidates=[candidate(transport, *where[transport]) for transport in Transport if transport in where],
        ice=ice_of(draws.bytes(ICE_BYTES), lite=True),
        fingerprint=fingerprint_of(draws.bytes(FINGERPRINT_BYTES)),
        rate=rate,
        has_video=has_video,
    )


def _tests(report: object) -> object:
    """Return the findings of a report of either version (cloud-services.md 10.5)."""
    result = report.get("result") if isinstance(report, Mapping) else None
    return result["tests"] if isinstance(result, Mapping) and "tests" in result else report


def _items(value: object) -> list[tuple[str, Any]]:
    return [(name, part) for name, part in value.items() if isinstance(name, str)] if isinstance(value, Mapping) else []


def _latency(tests: object) -> int | None:
    """Return the least latency over any transport of a cluster, in milliseconds; None when it was not reached."""
    found = []
    for _, test in _items(tests):
        if isinstance(test, Mapping) and test.get("reachable") == "true":
            text = test.get("latencyInMilliseconds")
            usable = isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= 6
            found.append(int(str(text)) if usable else LATENCY_MAX)
    return min(found, default=None)
