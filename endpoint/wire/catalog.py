"""The service catalogue (U2C): which service lives where, in which order to try, and which hosts may see a token.

The formats it comes in are in `catalog_formats`. Source: protocol/cloud-services.md 3, protocol/activation-and-media.md 1.6.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgspec

from endpoint.wire.codec import convert
from endpoint.wire.conventions import authority
from endpoint.wire.errors import RemoteProtocolError

LIMITED_PATH: Final = "/limited/catalog"  # before login, without a token
FULL_PATH: Final = "/catalog"
DEVICE_PATH: Final = "/user/catalog"  # ?types=TEAM,IDENTITY
LIMITED_SERVICES: Final = ("idbroker", "identity", "hydra", "metrics")  # what the accepted limited catalogue listed, O

CACHE_INVALIDATION: Final = "u2c.cache-invalidation"
ACTIVE_CLUSTERS: Final = "ActiveClusterStatusEvent"


@dataclass(frozen=True, slots=True)
class ServiceUrl:
    """One address of a service: base URL without a slash at its end; the lowest positive priority is tried first.

    A priority of 0 or below means known, never chosen. So does `is_home` false: an address in a foreign cluster.
    """

    base_url: str
    priority: int = 5
    is_home: bool = True

    @property
    def is_choosable(self) -> bool:
        """Tell whether requests may be sent there."""
        return self.priority > 0 and self.is_home


@dataclass(frozen=True, slots=True)
class Service:
    """One service in one cluster. `cluster_id` is a whole `urn:TEAM:us-east-2_a:wdm`; empty where a host map has no entry."""

    name: str
    urls: tuple[ServiceUrl, ...]
    cluster_id: str = ""
    logical_names: tuple[str, ...] = ()
    ttl: int = -1
    internal_urls: tuple[ServiceUrl, ...] = ()

    def ordered(self) -> list[ServiceUrl]:
        """Return the choosable URLs, first choice first; equal priorities keep the order of the list."""
        return sorted((url for url in self.urls if url.is_choosable), key=lambda url: url.priority)


@dataclass(frozen=True, slots=True)
class Catalog:
    """What a client knows of the cloud's services; a change makes a new value.

    Attributes:
        services: the active record of each name.
        clusters: every record that has a cluster id, by that id; empty for a host map.
        timestamp: epoch milliseconds of the cloud's own version; None where the format has none.
        failed: pairs of service name and base URL that are passed over for now.
    """

    services: Mapping[str, Service] = field(default_factory=dict)
    clusters: Mapping[str, Service] = field(default_factory=dict)
    timestamp: int | None = None
    org_id: str = ""
    failed: frozenset[tuple[str, str]] = frozenset()

    @classmethod
    def of(cls, records: Iterable[Service], timestamp: int | None = None, org_id: str = "") -> Catalog:
        """Build a catalogue in which the first record of each name is the active one."""
        services: dict[str, Service] = {}
        clusters: dict[str, Service] = {}
        for record in records:
            services.setdefault(record.name, record)
            if record.cluster_id:
                clusters.setdefault(record.cluster_id, record)
        return cls(services, clusters, timestamp, org_id)

    def only(self, names: Iterable[str]) -> Catalog:
        """Return the catalogue of these services alone: what the limited request answers."""
        wanted = frozenset(names)
        return replace(
            self,
            services={name: service for name, service in self.services.items() if name in wanted},
            clusters={key: service for key, service in self.clusters.items() if service.name in wanted},
        )

    def url(self, name: str) -> str | None:
        """Return the base URL to use for a service now; None if the catalogue has none that may be chosen."""
        service = self.services.get(name)
        urls = service.ordered() if service else []
        return next((url.base_url for url in urls if (name, url.base_url) not in self.failed), None)

    def mark_failed(self, url: str) -> Catalog:
        """Return the catalogue after a failure at a URL, or anywhere below it: its service moves on to the next address.

        When every address of the service has failed, its flags are cleared and it starts over. A URL of no service changes nothing.
        """
        hits = [
            (len(candidate.base_url), service, candidate.base_url)
            for service in self.services.values()
            for candidate in service.ordered()
            if is_below(url, candidate.base_url)
        ]
        longest = max((length for length, _, _ in hits), default=0)
        failed = self.failed
        for length, service, base in hits:
            if length == longest:
                flags = {(service.name, candidate.base_url) for candidate in service.ordered()}
                failed |= {(service.name, base)}
                failed = failed - flags if flags <= failed else failed
        return replace(self, failed=failed)

    def activate(self, active_clusters: Mapping[str, str]) -> Catalog | None:
        """Return the catalogue after `ActiveClusterStatusEvent`; None if it names an unknown cluster: fetch anew then."""
        services = dict(self.services)
        for name, cluster_id in active_clusters.items():
            record = self.clusters.get(cluster_id)
            if record is None or record.name != name:
                return None
            services[name] = record
        return replace(self, services=services)

    def is_outdated(self, timestamp: int) -> bool:
        """Tell whether a `u2c.cache-invalidation` of that time calls for a new catalogue."""
        return self.timestamp is None or timestamp > self.timestamp

    def prefixes(self) -> frozenset[str]:
        """Return every base URL and logical name in the catalogue, choosable or not."""
        return frozenset(
            prefix
            for service in self.records()
            for prefix in (*(url.base_url for url in service.urls), *service.logical_names)
        )

    def hosts(self) -> frozenset[str]:
        """Return the hosts that may be sent a token, as `host:port` with the port written out (`conventions.authority`)."""
        return frozenset(authority(prefix) for prefix in self.prefixes())

    def service_of(self, url: str) -> str | None:
        """Return the name of the service that a URL belongs to: the longest base or logical name above it wins."""
        above = [
            (len(prefix), service.name)
            for service in self.records()
            for prefix in (*(candidate.base_url for candidate in service.urls), *service.logical_names)
            if is_below(url, prefix)
        ]
        return max(above, key=lambda found: found[0])[1] if above else None

    def records(self) -> Iterator[Service]:
        """Yield every record, the active ones first; an active record with a cluster id comes twice."""
        yield from self.services.values()
        yield from self.clusters.values()


def is_below(url: str, base: str) -> bool:
    """Tell whether a URL is a base URL or lies under it: `.../v1` is not above `.../v11`."""
    return url.startswith(base) and url[len(base) : len(base) + 1] in ("", "/", "?", "#")


def parse_milliseconds(value: str | int, where: str) -> int:
    """Read epoch milliseconds of up to 16 digits, a number or in a string; RemoteProtocolError otherwise."""
    digits = str(value) if isinstance(value, int) else value
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 16):
        raise RemoteProtocolError(where, "epoch milliseconds, up to 16 digits")
    return int(digits)


class _CacheInvalidation(msgspec.Struct):
    timestamp: str | int


class _ActiveClusters(msgspec.Struct, rename="camel"):
    active_clusters: dict[str, str]


def parse_cache_invalidation(data: Mapping[str, Any]) -> int:
    """Read the timestamp, epoch milliseconds, out of the `data` of a `u2c.cache-invalidation`; RemoteProtocolError if none."""
    return parse_milliseconds(convert(data, _CacheInvalidation, "data").timestamp, "data.timestamp")


def parse_active_clusters(data: Mapping[str, Any]) -> dict[str, str]:
    """Read name to cluster id out of the `data` of an `ActiveClusterStatusEvent`; RemoteProtocolError if none."""
    return convert(data, _ActiveClusters, "data").active_clusters


def cache_invalidation_data(timestamp: int) -> dict[str, Any]:
    """Build the `data` of a `u2c.cache-invalidation`."""
    return {"eventType": CACHE_INVALIDATION, "timestamp": timestamp}


def active_clusters_data(active_clusters: Mapping[str, str]) -> dict[str, Any]:
    """Build the `data` of an `ActiveClusterStatusEvent`."""
    return {"eventType": ACTIVE_CLUSTERS, "activeClusters": dict(active_clusters)}
