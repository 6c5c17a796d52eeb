"""Media nodes for a replay: STUN is in no HAR file, so nodes of our own answer at the addresses of the recorded cluster list."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from cloud_stub.media_node.fleet import SERVERS_MAX, Fleet, MediaPlan
from cloud_stub.media_node.node import PORTS, NodeSeams, NodeSpec
from cloud_stub.media_node.responder import Conduct
from endpoint.runtime.clock import Clock
from endpoint.runtime.faults import Faults
from endpoint.runtime.net import Net
from endpoint.runtime.tls import Authority
from endpoint.runtime.trace import Trace
from endpoint.wire.calliope import Transport, parse_stun_url
from endpoint.wire.errors import RemoteProtocolError
from scenarios.runner.recording.model import Recording

NEAREST_S: Final = 0.025
FARTHER_S: Final = 0.020
"""How much farther each cluster is than the one before it in the list: the recorded round trips are not known."""


def plan_of(recording: Recording) -> MediaPlan:
    """Plan the nodes of the first recorded cluster list; none where there is no list, or its ports are others than the usual ones."""
    lists = (one.answer_json for one in recording.exchanges if one.path.endswith("/clusters") and one.status == 200)
    found: dict[str, Any] = next(
        (told["clusters"] for told in lists if isinstance(told, dict) and isinstance(told.get("clusters"), dict)), {}
    )
    nodes: list[NodeSpec] = []
    for far, (name, urls) in enumerate(found.items()):
        conduct = Conduct(rtt_s=NEAREST_S + far * FARTHER_S)
        hosts: dict[str, dict[Transport, Conduct]] = {}
        for transport in Transport:
            for host in _hosts(urls, transport):
                hosts.setdefault(host, {})[transport] = conduct
        nodes += [NodeSpec(str(name), host, spoken) for host, spoken in hosts.items()]
    return MediaPlan(tuple(nodes[:SERVERS_MAX]))


def _hosts(urls: Any, transport: Transport) -> list[str]:
    told = urls.get(transport.value) if isinstance(urls, dict) else None
    hosts = []
    for url in told if isinstance(told, list) else ():
        with suppress(RemoteProtocolError):
            host, port = parse_stun_url(str(url))
            if port == PORTS[transport]:
                hosts.append(host)
    return hosts


def fleet_of(recording: Recording, net: Net, clock: Clock, faults: Faults, trace: Trace, authority: Authority) -> Fleet:
    """Make the nodes; they have to be started and stopped."""
    plan = plan_of(recording)
    return Fleet(plan, NodeSeams(net, clock, faults, trace, authority.server_context(plan.tls_names)))
