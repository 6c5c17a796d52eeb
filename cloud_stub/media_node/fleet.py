"""The media nodes of a cloud: how many, where, how far away, and which of them keep silent.

The cluster name and round trip of the nearest cluster, and the figures of the `field` profile, are those of the seed slides; other names
are invented. Nodes live in address blocks reserved for documentation and benchmarks, where no packet can reach anybody.

Source: protocol/activation-and-media.md sections 10.1 and 10.2. Label: ours, unless said otherwise.
"""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from cloud_stub.media_node.node import PORTS, MediaNode, NodeSeams, NodeSpec, ServerDoor
from cloud_stub.media_node.responder import Behaviour, Conduct
from endpoint.runtime.chance import Stream
from endpoint.wire.calliope import ClusterUrls, Server, Transport

CLUSTERS_DEFAULT: Final = 3
NODES_PER_CLUSTER_MAX: Final = 3
SERVERS_MAX: Final = 4096
ALL_TRANSPORTS: Final = tuple(Transport)

ASKED_SHARE: Final[Mapping[Transport, int]] = {Transport.UDP: 2, Transport.TCP: 2, Transport.XTLS: 1}
SILENT_SHARE: Final[Mapping[Transport, int]] = {Transport.UDP: 2, Transport.TCP: 4, Transport.XTLS: 5}
"""Shares of the transports among servers asked and silent: 84, 84, 42 of 210 and 8, 16, 20 of 44 leave the slides' 76, 68 and 22."""

HOME: Final = "wdfw2.wdfw2.*"  # O slides
HOME_RTT_MS: Final[Mapping[Transport, int]] = {Transport.UDP: 25, Transport.TCP: 29, Transport.XTLS: 32}  # O slides
FAR_RTT_MS: Final = (55, 420)  # with these the profile `faithful` takes the 194 s of the slides
SITES: Final = ("wdfw", "wams", "wlhr", "wfra", "wnrt", "wsin", "wsyd", "wbom", "wgru", "wyyz", "wiad", "wsjc")
BLOCKS: Final = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15")  # RFC 5737, RFC 2544


@dataclass(frozen=True, slots=True)
class MediaPlan:
    """The nodes of a cloud before they run, in the order of the cluster list."""

    nodes: tuple[NodeSpec, ...]

    @property
    def servers(self) -> tuple[Server, ...]:
        """Every server that a device will ask."""
        return tuple(server for node in self.nodes for server in node.servers)

    @property
    def tls_names(self) -> tuple[str, ...]:
        """What a certificate for all TLS servers has to carry; loopback for clients that get the real ports."""
        return (*(node.host for node in self.nodes if Transport.XTLS in node.conduct), "127.0.0.1", "localhost")


def build_media(
    stream: Stream,
    *,
    clusters: int | None = None,
    servers: int | Mapping[Transport, int] | None = None,
    silent: int | Mapping[Transport, int] = 0,
    transports: Sequence[Transport] = ALL_TRANSPORTS,
    udp_port: int = PORTS[Transport.UDP],
) -> MediaPlan:
    """Plan the media nodes of a cloud.

    Args:
        stream: draws sizes of clusters, round trips and who is silent.
        clusters: how many; by default 3, or a third of `servers`.
        servers: pairs of node and transport, in all or by transport; by default one to three nodes in each cluster, with every
            transport.
        silent: how many of the servers never answer, in all or by transport; the home cluster is spared as long as others are left.
        transports: which ones exist at all, where `servers` does not say.
        udp_port: the one that the cluster list names of those at which nodes answer over UDP.

    Raises:
        ValueError: figures that do not fit together.
    """
    total = sum(servers.values()) if isinstance(servers, Mapping) else servers
    if clusters is None:
        clusters = CLUSTERS_DEFAULT if total is None else max(1, total // len(ALL_TRANSPORTS))
    spoken = tuple(name for name in Transport if name in (servers if isinstance(servers, Mapping) else transports))
    if clusters < 1 or not spoken or (total is not None and not 1 <= total <= SERVERS_MAX):
        raise ValueError(f"media has at least one cluster and one transport, and 1 to {SERVERS_MAX} servers")
    if servers is None:
        sizes = [stream.randint(1, NODES_PER_CLUSTER_MAX) for _ in range(clusters)]
        asked = dict.fromkeys(spoken, sum(sizes))
    else:
        asked = _by_transport(servers, ASKED_SHARE, spoken)
        sizes = _sizes(stream, clusters, max(asked.values()))
    muted = sum(silent.values()) if isinstance(silent, Mapping) else silent
    if not 0 <= muted <= sum(asked.values()):
        raise ValueError(f"media has {sum(asked.values())} servers, {muted} of them cannot be silent")
    quiet = _by_transport(silent, SILENT_SHARE, spoken, asked)
    if any(quiet[name] > asked[name] for name in spoken):
        raise ValueError("more servers are silent on a transport than it has")
    return MediaPlan(tuple(replace(node, udp_port=udp_port) for node in _nodes(stream, sizes, asked, quiet)))


def _by_transport(
    wanted: int | Mapping[Transport, int],
    shares: Mapping[Transport, int],
    spoken: Sequence[Transport],
    most: Mapping[Transport, int] | None = None,
) -> dict[Transport, int]:
    """Return figures by transport: those that are given, or one figure divided by shares."""
    if isinstance(wanted, Mapping):
        return {name: wanted.get(name, 0) for name in spoken}
    return _apportion(wanted, {name: shares[name] for name in spoken}, most)


def field_media(stream: Stream) -> MediaPlan:
    """Plan the profile `field`: 70 clusters, 210 servers, 44 silent; 76 answer over UDP, 68 over TCP, 22 over TLS (O slides)."""
    return build_media(stream, clusters=70, servers=210, silent=44)


def _apportion(
    total: int, shares: Mapping[Transport, int], most: Mapping[Transport, int] | None = None
) -> dict[Transport, int]:
    """Divide a number by shares, seat by seat to the highest quotient (Sainte-Laguë); what exceeds `most` goes to the others."""
    given = dict.fromkeys(shares, 0)
    for _ in range(total):
        open_to = [transport for transport in shares if most is None or given[transport] < most[transport]]
        given[max(open_to, key=lambda transport: shares[transport] / (2 * given[transport] + 1))] += 1
    return given


def _sizes(stream: Stream, clusters: int, nodes: int) -> list[int]:
    """Spread nodes over clusters, at least one in each; three at most as long as that is room enough."""
    sizes = [1] * min(clusters, nodes)
    most = max(NODES_PER_CLUSTER_MAX, -(-nodes // len(sizes)))
    for _ in range(nodes - len(sizes)):
        sizes[stream.choice([number for number, size in enumerate(sizes) if size < most])] += 1
    return sizes


def _nodes(
    stream: Stream, sizes: Sequence[int], asked: Mapping[Transport, int], quiet: Mapping[Transport, int]
) -> tuple[NodeSpec, ...]:
    roles = _roles(stream, sum(sizes), asked, quiet)
    hosts = _hosts()
    first = 0
    clusters: list[list[NodeSpec]] = []
    for name, size in zip(_names(), sizes, strict=False):
        away_ms = dict(HOME_RTT_MS) if name == HOME else dict.fromkeys(Transport, stream.randint(*FAR_RTT_MS))
        nodes = []
        for number in range(first, first + size):
            conduct = {
                transport: Conduct(role[number], (away_ms[transport] + _detour_ms(stream, number)) / 1000)
                for transport, role in roles.items()
                if number in role
            }
            nodes.append(NodeSpec(name, next(hosts), conduct))
        clusters.append(nodes)
        first += size
    return tuple(node for nodes in stream.sample(clusters, len(clusters)) for node in nodes)


def _roles(
    stream: Stream, nodes: int, asked: Mapping[Transport, int], quiet: Mapping[Transport, int]
) -> dict[Transport, dict[int, Behaviour]]:
    """Draw which nodes speak a transport, and which of them are silent. Node 0, at home, comes first and falls silent last."""
    roles: dict[Transport, dict[int, Behaviour]] = {}
    for transport, count in asked.items():
        speakers = [0, *stream.sample(range(1, nodes), nodes - 1)][:count]
        healthy = count - quiet[transport]
        roles[transport] = {
            number: Behaviour.HEALTHY if place < healthy else Behaviour.SILENT for place, number in enumerate(speakers)
        }
    return roles


def _detour_ms(stream: Stream, number: int) -> int:
    return stream.randint(1, 6) if number else 0


def _names() -> Iterator[str]:
    yield HOME
    for number in itertools.count(1):
        for site in SITES:
            name = f"{site}{number}.{site}{number}.*"
            if name != HOME:
                yield name


def _hosts() -> Iterator[str]:
    return (str(host) for block in BLOCKS for host in ipaddress.ip_network(block).hosts())


class Fleet:
    """All media nodes of a cloud, running."""

    def __init__(self, plan: MediaPlan, seams: NodeSeams) -> None:
        self.plan = plan
        self.nodes = [MediaNode(spec, seams) for spec in plan.nodes]
        self.doors: dict[str, ServerDoor] = {door.id: door for node in self.nodes for door in node.doors.values()}
        """Every server by its id (`192.0.2.1:5004/udp`), in the order of the cluster list."""

    async def start(self) -> None:
        """Open every node; none stays open when one fails.

        Raises:
            OSError: no port, or no descriptor, is left.
            ValueError: TLS servers without a certificate.
        """
        try:
            for node in self.nodes:
                await node.start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Close every node."""
        for node in self.nodes:
            await node.stop()

    def clusters(self, *, real: bool = False) -> dict[str, ClusterUrls]:
        """Return the clusters of the cluster list; `real` names the loopback ports, for clients that know no logical addresses."""
        urls: dict[str, dict[str, list[str]]] = {}
        for door in self.doors.values():
            host, port = door.actual if real else (door.server.host, door.server.port)
            cluster = urls.setdefault(door.server.cluster, {})
            cluster.setdefault(door.server.transport.value, []).append(f"stun:{host}:{port}")
        return {
            name: ClusterUrls(**{transport: tuple(listed) for transport, listed in cluster.items()})
            for name, cluster in urls.items()
        }

    def names(self) -> list[dict[str, str | int]]:
        """Return where the logical addresses really are, for devices in processes of their own."""
        return [
            {
                "host": node.spec.host,
                "port": port,
                "transport": carrier,
                "actualHost": actual[0],
                "actualPort": actual[1],
            }
            for node in self.nodes
            for (port, carrier), actual in node.where.items()
        ]

    def set_conduct(self, server_id: str, conduct: Conduct) -> None:
        """Let one server behave differently from now on.

        Raises:
            KeyError: no such server.
        """
        self.doors[server_id].conduct = conduct

    def pick(self, count: int, *, transport: Transport | None = None, stream: Stream | None = None) -> list[str]:
        """Choose servers for a fault, as ids: drawn from `stream`, or the first ones without it.

        Raises:
            ValueError: there are not so many.
        """
        found = [door.id for door in self.doors.values() if transport in (None, door.server.transport)]
        if count > len(found):
            raise ValueError(f"there are {len(found)} such servers, not {count}")
        return stream.sample(found, count) if stream is not None else found[:count]
