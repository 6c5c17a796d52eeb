"""The formats in which a service catalogue crosses the network.

Three formats say the same: the host map of older clients, U2CV2, and the list of records that devices ask for. The host map can say least:
its alternatives differ from a service's link by the host alone, and services behind one host share their alternatives.

Source: protocol/cloud-services.md 3.2, 3.3, 3.6, protocol/activation-and-media.md 1.6.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from endpoint.wire.catalog import Catalog, Service, ServiceUrl, parse_milliseconds
from endpoint.wire.codec import decode
from endpoint.wire.conventions import DEFAULT_PORTS, authority, is_url

FORMAT_HOSTMAP: Final = "hostmap"
FORMAT_U2CV2: Final = "U2CV2"


# ---- records and U2CV2 ---------------------------------------------------------------------------------------------


class UrlEntry(msgspec.Struct, kw_only=True, frozen=True, rename="camel"):
    """One member of `serviceUrls`; a `host` beside the base URL is ignored."""

    priority: int
    base_url: str


class RecordEntry(msgspec.Struct, kw_only=True, frozen=True, rename="camel"):
    """One service as devices see it, members in the order of the slides."""

    id: str
    service_urls: tuple[UrlEntry, ...]
    ttl: int = -1
    internal_service_urls: tuple[UrlEntry, ...] = ()
    service_name: str
    logical_names: tuple[str, ...] = ()


class U2cv2Answer(msgspec.Struct, kw_only=True, frozen=True, rename="camel"):
    """The answer with `format=U2CV2`; `timestamp` is a string with numeric content."""

    org_id: str = ""
    format: str = FORMAT_U2CV2
    timestamp: str | int = ""
    active_services: dict[str, str]
    services: tuple[RecordEntry, ...]


def parse_records(body: bytes) -> Catalog:
    """Read a plain list of records; the first record of each name is the active one.

    Raises:
        RemoteProtocolError: not such a list.
    """
    return Catalog.of(_service(entry) for entry in decode(body, tuple[RecordEntry, ...], "catalog"))


def parse_u2cv2(body: bytes) -> Catalog:
    """Read an answer with `format=U2CV2`. A service whose active cluster has no record is left out.

    The record that a name points to is that service's, whatever name it gives itself: clients look it up by its id alone.

    Raises:
        RemoteProtocolError: another shape, or a timestamp that is no number.
    """
    answer = decode(body, U2cv2Answer, "catalog")
    records = [_service(entry) for entry in answer.services]
    clusters = {record.cluster_id: record for record in records if record.cluster_id}
    active = {
        name: replace(clusters[key], name=name) for name, key in answer.active_services.items() if key in clusters
    }
    timestamp = None if answer.timestamp == "" else parse_milliseconds(answer.timestamp, "catalog.timestamp")
    return Catalog(active, clusters, timestamp, answer.org_id)


def _service(entry: RecordEntry) -> Service:
    return Service(
        name=entry.service_name,
        urls=_urls(entry.service_urls),
        cluster_id=entry.id,
        logical_names=tuple(name.rstrip("/") for name in entry.logical_names if is_url(name)),
        ttl=entry.ttl,
        internal_urls=_urls(entry.internal_service_urls),
    )


def _urls(entries: tuple[UrlEntry, ...]) -> tuple[ServiceUrl, ...]:
    return tuple(ServiceUrl(entry.base_url.rstrip("/"), entry.priority) for entry in entries if is_url(entry.base_url))


def render_records(catalog: Catalog) -> tuple[RecordEntry, ...]:
    """Build the list of records that devices ask for, active records first."""
    records = {(record.name, record.cluster_id): record for record in catalog.records()}
    return tuple(_entry(record) for record in records.values())


def render_u2cv2(catalog: Catalog) -> U2cv2Answer:
    """Build the answer with `format=U2CV2`; only records with a cluster id can be said in it."""
    return U2cv2Answer(
        org_id=catalog.org_id,
        timestamp="" if catalog.timestamp is None else str(catalog.timestamp),
        active_services={name: service.cluster_id for name, service in catalog.services.items() if service.cluster_id},
        services=tuple(_entry(service) for service in catalog.clusters.values()),
    )


def _entry(service: Service) -> RecordEntry:
    return RecordEntry(
        id=service.cluster_id,
        service_urls=tuple(UrlEntry(priority=url.priority, base_url=url.base_url) for url in service.urls),
        ttl=service.ttl,
        internal_service_urls=tuple(
            UrlEntry(priority=url.priority, base_url=url.base_url) for url in service.internal_urls
        ),
        service_name=service.name,
        logical_names=service.logical_names,
    )


# ---- host map ------------------------------------------------------------------------------------------------------


class HostEntry(msgspec.Struct, kw_only=True, frozen=True, rename="camel"):
    """One alternative host. The fourth field of `id` groups hosts; `host` has no port of its own."""

    host: str
    ttl: int = -1
    priority: int
    id: str


class HostmapAnswer(msgspec.Struct, kw_only=True, frozen=True, rename="camel"):
    """The answer with `format=hostmap`. An empty `hostCatalog` is sufficient, a missing one is not."""

    service_links: dict[str, str]
    host_catalog: dict[str, tuple[HostEntry, ...]]


def parse_hostmap(body: bytes) -> Catalog:
    """Read an answer with `format=hostmap`.

    Links that are no URLs are skipped. A link whose host, with a non-default port, is a key of the host catalogue gets the alternatives of
    that key; others are used unchanged.

    Raises:
        RemoteProtocolError: another shape.
    """
    answer = decode(body, HostmapAnswer, "catalog")
    groups: defaultdict[str, list[tuple[str, HostEntry]]] = defaultdict(list)
    for key, entries in answer.host_catalog.items():
        for entry in entries:
            groups[_group(entry.id)].append((key, entry))
    links = {name: link.rstrip("/") for name, link in answer.service_links.items() if is_url(link)}
    return Catalog({name: _linked(name, link, answer.host_catalog, groups) for name, link in links.items()})


def _linked(
    name: str,
    link: str,
    hosts: Mapping[str, tuple[HostEntry, ...]],
    groups: Mapping[str, list[tuple[str, HostEntry]]],
) -> Service:
    key = _host_key(link)
    own = hosts.get(key, ())
    if not own:
        return Service(name, (ServiceUrl(link),))
    group = _group(own[0].id)
    home = [(entry, True) for entry in own if _group(entry.id) == group]
    foreign = [(entry, False) for other, entry in groups[group] if other != key and group]
    urls = [(_at_host(link, entry.host), entry.priority, is_home) for entry, is_home in (*home, *foreign)]
    return Service(
        name,
        tuple(ServiceUrl(url, priority, is_home) for url, priority, is_home in urls if url),
        cluster_id=own[0].id,
        ttl=own[0].ttl,
    )


def _group(cluster_id: str) -> str:
    fields = cluster_id.split(":")
    return fields[3] if len(fields) == 4 else ""


def _host_key(url: str) -> str:
    """Return the host of a URL as JavaScript's `URL.host` gives it: with a port only where it is not the scheme's own."""
    return authority(url).removesuffix(f":{DEFAULT_PORTS[urlsplit(url).scheme]}")


_HOST: Final = re.compile(r"(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?P<port>:\d{1,5})?", re.ASCII)


def _at_host(link: str, host: str) -> str:
    """Return a link at another host, empty if that is no host.

    The port stays the link's own. The sender's error of writing one into `host` as well does not harm us: it is then the one that counts.
    """
    found = _HOST.fullmatch(host)
    if found is None:
        return ""
    parts = urlsplit(link)
    port = "" if found["port"] or parts.port is None else f":{parts.port}"
    moved = parts._replace(netloc=host + port).geturl()
    return moved if is_url(moved) else ""


def _host(url: str) -> str:
    """Return the host of a URL as it is written there, capitals kept and without the port."""
    return re.sub(r":[0-9]+$", "", urlsplit(url).netloc.rpartition("@")[2])


def render_hostmap(catalog: Catalog) -> HostmapAnswer:
    """Build the answer with `format=hostmap`: each service's first choice is its link.

    The port trap is honoured: the key has the port, the entries have not. Left out, because the format cannot say them: alternatives with
    another port or path than the link, all those of a link with userinfo, and the hosts of a key that services of different ids share.
    """
    links: dict[str, str] = {}
    entries: defaultdict[str, list[HostEntry]] = defaultdict(list)
    ids: defaultdict[str, set[str]] = defaultdict(set)
    for service in catalog.services.values():
        first = catalog.url(service.name)
        if first is None:
            continue
        links[service.name] = first
        if not service.cluster_id:
            continue
        key = _host_key(first)
        ids[key].add(service.cluster_id)
        if _at_host(first, _host(first)) != first:
            continue  # with other hosts listed and not its own, the link would lose its place to them
        # Clients may replace a key's host by its first entry without a look at the priority: the link's own host leads.
        for url in (*service.ordered(), *(url for url in service.urls if url.is_home and not url.is_choosable)):
            host = _host(url.base_url)
            entry = HostEntry(host=host, ttl=service.ttl, priority=url.priority, id=service.cluster_id)
            if _at_host(first, host) == url.base_url and entry not in entries[key]:
                entries[key].append(entry)
    return HostmapAnswer(
        service_links=links, host_catalog={key: tuple(hosts) for key, hosts in entries.items() if len(ids[key]) == 1}
    )


# ---- any format ----------------------------------------------------------------------------------------------------


def parse_catalog(body: bytes) -> Catalog:
    """Read a catalogue in whichever format it comes.

    Raises:
        RemoteProtocolError: none of the formats.
    """
    shape = decode(body, Any, "catalog")
    if isinstance(shape, dict) and "serviceLinks" in shape:
        return parse_hostmap(body)
    if isinstance(shape, dict) and "activeServices" in shape:
        return parse_u2cv2(body)
    if isinstance(shape, dict) and "services" in shape:
        return Catalog.of(_service(entry) for entry in decode(body, _Records, "catalog").services)
    return parse_records(body)


class _Records(msgspec.Struct):
    services: tuple[RecordEntry, ...]
