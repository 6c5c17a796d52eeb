"""Calliope discovery: the cluster list, its age, the best server of each transport, and the report that goes back.

Source: protocol/activation-and-media.md section 10; protocol/cloud-services.md sections 10 and 18.13.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

import msgspec

from endpoint.wire.errors import RemoteProtocolError

MAX_AGE_DEFAULT_S: Final = 7200  # section 10.3: missing or unusable
MAX_AGE_FLOOR_S: Final = 60
MAX_AGE_CEILING_S: Final = 2**31 - 1  # RFC 9111 section 1.2.2
SERVERS_MAX: Final = 4096
"""Servers that one list may name; the largest observed is 210."""
DEFAULT_PORTS: Final[Mapping[str, int]] = {"stun": 3478, "stuns": 5349}  # RFC 7064 section 3.2


class Transport(StrEnum):
    """How a media node is reached, in fall-back order; the value is the xStatus and DTO spelling."""

    UDP = "udp"
    TCP = "tcp"
    XTLS = "xtls"

    @property
    def log_name(self) -> str:
        """The spelling of the device log, which writes `xTls`."""
        return "xTls" if self is Transport.XTLS else self.value

    @property
    def number(self) -> int:
        """The n of `Best n` in xStatus: 1 udp, 2 tcp, 3 xtls."""
        return tuple(Transport).index(self) + 1


# -- messages ---------------------------------------------------------------------------------------------------------------------------


class ClusterUrls(msgspec.Struct, kw_only=True, frozen=True):
    """The servers of one cluster, as `stun:host:port`. The stub always sends all three lists; browsers need them."""

    udp: tuple[str, ...] = ()
    tcp: tuple[str, ...] = ()
    xtls: tuple[str, ...] = ()


class ClusterClasses(msgspec.Struct, kw_only=True, frozen=True, rename="camel"):
    """Names of clusters that are private nodes (video mesh)."""

    hybrid_media: tuple[str, ...] = ()


class DiscoveryOptions(msgspec.Struct, kw_only=True, frozen=True, rename="kebab", omit_defaults=True):
    """What the service asks of clients of 3.12 and later."""

    early_call_min_clusters: int | None = None
    report_version: int | None = None


class ClusterList(msgspec.Struct, kw_only=True, frozen=True, rename="camel", omit_defaults=True):
    """Answer of `GET` and `POST <calliopeDiscovery>/clusters`. `join_cookie` is opaque and goes back with the join."""

    status_code: int | None = None
    clusters: dict[str, ClusterUrls]
    cluster_classes: ClusterClasses = ClusterClasses()
    join_cookie: Any = None
    discovery_options: DiscoveryOptions | None = None


class SupportedOptions(msgspec.Struct, kw_only=True, frozen=True, rename="kebab"):
    """What a client of 3.12 can do."""

    report_version: int = 0
    early_call_min_clusters: bool = False


class ClusterQuery(msgspec.Struct, kw_only=True, frozen=True, rename="kebab", omit_defaults=True):
    """Body of `POST <calliopeDiscovery>/clusters` (browsers, 3.12). `ipver`: 0 unknown, 4, 6, 1 both."""

    ipver: int = 0
    supported_options: SupportedOptions = SupportedOptions()
    previous_report: Any = None
    client_environment: Any = None
    trigger: str = ""


# -- servers ----------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Server:
    """One thing to measure: a transport of a node of a cluster. Host and port are the logical ones, as asked and as printed."""

    cluster: str
    transport: Transport
    host: str
    port: int

    @property
    def address(self) -> str:
        """Host and port as log and xStatus print them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


_URL = re.compile(
    r"(?P<scheme>stuns?):(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9._-]+))(?::(?P<port>[0-9]{1,5}))?"
)


def parse_stun_url(url: str) -> tuple[str, int]:
    """Read `stun:host:port`; without a port the scheme's default holds (RFC 7064).

    Raises:
        RemoteProtocolError: anything else.
    """
    found = _URL.fullmatch(url)
    if found is not None:
        host, port = found["v6"] or found["host"], int(found["port"] or DEFAULT_PORTS[found["scheme"]])
        if 1 <= port <= 65535 and (not found["v6"] or _rank(host)[0] == 6):
            return host, port
    raise RemoteProtocolError("url", "stun:host:port, RFC 7064", url[:80])


def servers_of(answer: ClusterList) -> tuple[list[Server], list[str]]:
    """Return what a cluster list asks to be measured, in its own order, and the urls that cannot be used.

    A url that comes twice in one cluster and transport is measured once.

    Raises:
        RemoteProtocolError: more servers than SERVERS_MAX.
    """
    servers: dict[Server, None] = {}
    unusable: list[str] = []
    for cluster, urls in answer.clusters.items():
        for transport, listed in ((Transport.UDP, urls.udp), (Transport.TCP, urls.tcp), (Transport.XTLS, urls.xtls)):
            for url in listed:
                try:
                    servers[_server(cluster, transport, url)] = None
                except RemoteProtocolError:
                    unusable.append(url)
    if len(servers) > SERVERS_MAX:
        raise RemoteProtocolError("clusters", f"at most {SERVERS_MAX} servers", str(len(servers)))
    return list(servers), unusable


@lru_cache(maxsize=SERVERS_MAX)
def _server(cluster: str, transport: Transport, url: str) -> Server:
    """Return the one object for a server: ten thousand devices in a process are given the same list."""
    return Server(cluster, transport, *parse_stun_url(url))


def _rank(host: str) -> tuple[int, bytes]:
    """Return what hosts are ordered by: IPv4, IPv6, names."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return 9, host.encode()
    return address.version, address.packed


# -- age --------------------------------------------------------------------------------------------------------------------------------

_MAX_AGE = re.compile(r'max-age\s*=\s*(?:"([0-9]{1,18})"|([0-9]{1,18}))', re.IGNORECASE)


def max_age_s(cache_control: str | None) -> int:
    """Read the age of a Cache-Control header in seconds: 7200 when missing or unusable, at least 60 (section 10.3)."""
    for directive in (cache_control or "").split(","):
        found = _MAX_AGE.fullmatch(directive.strip())
        if found:
            return min(max(int(found[1] or found[2]), MAX_AGE_FLOOR_S), MAX_AGE_CEILING_S)
    return MAX_AGE_DEFAULT_S


def refresh_bounds(age_s: int) -> tuple[int, int]:
    """Return the least and the greatest number of seconds after which the next run starts; the caller draws between them."""
    return -(-age_s * 3 // 4), age_s


# -- results ----------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """What one server answered: the round trip in whole ms, and our address as seen from there."""

    server: Server
    rtt_ms: int
    seen_as: str

    @property
    def order(self) -> tuple[object, ...]:
        """What Best compares, less is better: RTT, then cluster, ip and port (section 10.5). Addresses compare as numbers."""
        server = self.server
        return (self.rtt_ms, server.cluster, _rank(server.host), server.port)


Best = Mapping[Transport, Answer]
"""The best answer of each transport that has any, in fall-back order."""


def best_of(answers: Iterable[Answer]) -> Best:
    """Pick the lowest round trip of each transport."""
    found: dict[Transport, Answer] = {}
    for answer in answers:
        kept = found.get(answer.server.transport)
        if kept is None or answer.order < kept.order:
            found[answer.server.transport] = answer
    return {transport: found[transport] for transport in Transport if transport in found}


def best_nodes(best: Best) -> dict[int, dict[str, str | int]]:
    """Return the `Best n` list of `xStatus Experimental CalliopeDiscovery`: n to its four values (section 10.7)."""
    return {
        transport.number: {
            "Cluster": answer.server.cluster,
            "Ip": answer.server.address,
            "RTT": answer.rtt_ms,
            "Transport": transport.value,
        }
        for transport, answer in best.items()
    }


class TransportReport(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """One transport of one cluster in the report. Every value is text, numbers and booleans too."""

    reachable: str = ""
    latency: str = msgspec.field(default="", name="latencyInMilliseconds")
    client_media_ips: tuple[str, ...] = msgspec.field(default=(), name="clientMediaIPs")
    untested: str = ""


UNTESTED: Final = TransportReport(untested="true")
Report = dict[str, dict[Transport, TransportReport]]
"""Cluster, then transport, to what was found."""


def report(
    clusters: Iterable[str], asked: Iterable[Server], answers: Iterable[Answer], *, is_stale: bool = False
) -> Report:
    """Build the report that is sent with a join (section 10.6).

    Args:
        clusters: every cluster of the list, in its order; a transport without a server is untested.
        asked: every server of the last complete run; the fastest of a cluster speaks for it.
        answers: those that answered.
        is_stale: the answers are older than their age; everything is sent as untested then.
    """
    tests: Report = {cluster: dict.fromkeys(tuple(Transport), UNTESTED) for cluster in clusters}
    if is_stale:
        return tests
    groups: dict[tuple[str, Transport], list[Answer]] = {(server.cluster, server.transport): [] for server in asked}
    for answer in answers:
        groups[answer.server.cluster, answer.server.transport].append(answer)
    for (cluster, transport), group in groups.items():
        tests[cluster][transport] = _transport_report(transport, group)
    return tests


def _transport_report(transport: Transport, group: list[Answer]) -> TransportReport:
    if not group:
        return TransportReport(reachable="false")
    seen = dict.fromkeys(answer.seen_as for answer in group)
    return TransportReport(
        reachable="true",
        latency=str(best_of(group)[transport].rtt_ms),
        client_media_ips=tuple(seen) if transport is Transport.UDP else (),  # cloud-services.md 10.5: udp only
    )


class UsedReport(msgspec.Struct, kw_only=True, frozen=True):
    """The result member of the version 1 report."""

    used_discovery_options: DiscoveryOptions = msgspec.field(default=DiscoveryOptions(), name="usedDiscoveryOptions")
    metrics: dict[str, int]
    tests: Report


class VersionedReport(msgspec.Struct, kw_only=True, frozen=True):
    """`clientMediaPreferences.reachability` in the form of version 1 (3.12)."""

    version: int = 1
    result: UsedReport


def report_v1(tests: Report, duration_ms: int, options: DiscoveryOptions | None = None) -> VersionedReport:
    """Wrap a report in its version 1 form; `duration_ms` is the length of the run, `options` what the list told us to use."""
    used = DiscoveryOptions(early_call_min_clusters=options.early_call_min_clusters) if options else DiscoveryOptions()
    return VersionedReport(
        result=UsedReport(used_discovery_options=used, metrics={"total-duration-ms": duration_ms}, tests=tests)
    )
