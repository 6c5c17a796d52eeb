from __future__ import annotations

import json
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.catalog import Catalog, Service, ServiceUrl
from endpoint.wire.catalog_formats import (
    parse_catalog,
    parse_hostmap,
    parse_records,
    parse_u2cv2,
    render_hostmap,
    render_records,
    render_u2cv2,
)
from endpoint.wire.codec import encode
from endpoint.wire.conventions import authority, is_url
from endpoint.wire.errors import RemoteProtocolError
from tests.endpoint.wire.nearly import nearly

BASE = "http://127.0.0.1:8080"
WDM = "urn:TEAM:us-east-2_a:wdm"

# protocol/cloud-services.md 18.1, 18.2, 18.3 and the slide's record
LIMITED: dict[str, Any] = {
    "serviceLinks": {
        "metrics": f"{BASE}/metrics/api/v1",
        "idbroker": f"{BASE}/idbroker",
        "identity": f"{BASE}/identity-root",
        "hydra": f"{BASE}/v1",
    },
    "hostCatalog": {},
}
FULL: dict[str, Any] = {
    "serviceLinks": {
        "wdm": f"{BASE}/wdm/api/v1",
        "encryption": f"{BASE}/encryption/api/v1",
        "calendar": f"{BASE}/calendar/api/v1",
        "idbroker": f"{BASE}/idbroker",
        "calliopeDiscovery": f"{BASE}/calliope/api/discovery/v1",
        "mercuryConnectionPartition0": "ws://127.0.0.1:8080/v1",
    },
    "hostCatalog": {"127.0.0.1:8080": [{"host": "127.0.0.1", "ttl": -1, "priority": 5, "id": WDM}]},
}
NEWER: dict[str, Any] = {
    "orgId": "0a0b0c0d-1111-4222-8333-444455556666",
    "format": "U2CV2",
    "timestamp": "1795198460000",
    "activeServices": {"wdm": WDM},
    "services": [
        {
            "id": WDM,
            "serviceName": "wdm",
            "serviceUrls": [
                {"baseUrl": "http://127.0.0.1:8080/wdm/api/v1", "priority": 1},
                {"baseUrl": "http://127.0.0.1:8081/wdm/api/v1", "priority": 2},
                {"baseUrl": "http://127.0.0.1:8082/wdm/api/v1", "priority": -1},
            ],
        }
    ],
}
SLIDE = (
    b'{"id":"urn:TEAM:us-east-2_a:wdm","serviceUrls":[{"priority":5,"baseUrl":"https://wdm.a7.wbx2.test/wdm/api/v1"}],"ttl":-1,'
    b'"internalServiceUrls":[],"serviceName":"wdm","logicalNames":["https://wdm-a.wbx2.test/wdm/api/v1"]}'
)


def _bytes(message: object) -> bytes:
    return json.dumps(message).encode()


def _hostmap(links: dict[str, str], hosts: dict[str, list[tuple[str, int, str]]]) -> Catalog:
    catalog = {
        key: [{"host": host, "ttl": -1, "priority": priority, "id": cluster} for host, priority, cluster in entries]
        for key, entries in hosts.items()
    }
    return parse_hostmap(_bytes({"serviceLinks": links, "hostCatalog": catalog}))


# ---- the worked examples ----


def test_the_limited_catalogue_keeps_every_url_as_it_is() -> None:
    catalog = parse_catalog(_bytes(LIMITED))
    assert {name: catalog.url(name) for name in catalog.services} == LIMITED["serviceLinks"]
    assert json.loads(encode(render_hostmap(catalog))) == LIMITED


def test_the_full_catalogue_on_a_port_of_its_own_is_read_and_rebuilt() -> None:
    catalog = parse_catalog(_bytes(FULL))
    assert {name: catalog.url(name) for name in catalog.services} == FULL["serviceLinks"]
    assert catalog.services["wdm"].cluster_id == WDM
    assert json.loads(encode(render_hostmap(catalog))) == FULL


def test_the_newer_format_is_read_and_rebuilt() -> None:
    catalog = parse_catalog(_bytes(NEWER))
    assert catalog.timestamp == 1_795_198_460_000
    assert [url.base_url for url in catalog.services["wdm"].ordered()] == [
        f"http://127.0.0.1:808{i}/wdm/api/v1" for i in (0, 1)
    ]
    rebuilt = json.loads(encode(render_u2cv2(catalog)))
    extras = {"ttl": -1, "internalServiceUrls": [], "logicalNames": []}
    assert rebuilt == {**NEWER, "services": [{**NEWER["services"][0], **extras}]}


def test_the_record_of_the_slides_is_read_and_rebuilt_byte_for_byte() -> None:
    catalog = parse_catalog(b"[" + SLIDE + b"]")
    assert catalog.url("wdm") == "https://wdm.a7.wbx2.test/wdm/api/v1"
    assert catalog.hosts() == {"wdm.a7.wbx2.test:443", "wdm-a.wbx2.test:443"}
    assert encode(render_records(catalog)) == b"[" + SLIDE + b"]"
    assert parse_catalog(b'{"services":[' + SLIDE + b"]}") == catalog


# ---- host map: how links get their hosts ----


def test_hosts_of_a_key_are_alternatives_at_the_port_of_the_link() -> None:
    catalog = _hostmap(
        {"wdm": "http://a.test:8080/wdm/api/v1/"},
        {"a.test:8080": [("b.test", 2, WDM), ("a.test", 1, WDM), ("n.test", 0, WDM)]},
    )
    assert [url.base_url for url in catalog.services["wdm"].ordered()] == [
        "http://a.test:8080/wdm/api/v1",
        "http://b.test:8080/wdm/api/v1",
    ]
    assert "n.test:8080" in catalog.hosts()


def test_a_port_written_into_the_host_is_not_doubled() -> None:
    catalog = _hostmap({"wdm": "http://a.test:8080/wdm"}, {"a.test:8080": [("a.test:8080", 1, WDM)]})
    assert catalog.url("wdm") == "http://a.test:8080/wdm"


@pytest.mark.parametrize("link", ["https://a.test/wdm", "https://a.test:443/wdm"])
def test_the_key_of_a_default_port_has_none(link: str) -> None:
    assert _hostmap({"wdm": link}, {"a.test": [("b.test", 1, WDM)]}).url("wdm") in (
        "https://b.test/wdm",
        "https://b.test:443/wdm",
    )


def test_a_key_without_the_links_port_is_another_key() -> None:
    catalog = _hostmap({"wdm": "http://a.test:8080/wdm"}, {"a.test": [("b.test", 1, WDM)]})
    assert catalog.url("wdm") == "http://a.test:8080/wdm"


def test_entries_of_the_same_service_under_other_keys_are_known_but_not_chosen() -> None:
    catalog = _hostmap(
        {"wdm": "https://a.test/wdm"},
        {
            "a.test": [("a.test", 5, WDM), ("m.test", 1, "urn:TEAM:us-east-2_a:metrics")],
            "k.test": [("k.test", 1, "urn:TEAM:eu-central-1_k:wdm"), ("x.test", 1, "urn:TEAM:eu-central-1_k:locus")],
        },
    )
    assert catalog.url("wdm") == "https://a.test/wdm"
    assert catalog.hosts() == {"a.test:443", "k.test:443"}


def test_ids_without_a_service_group_only_under_their_own_key() -> None:
    catalog = _hostmap({"wdm": "https://a.test/wdm"}, {"a.test": [("a.test", 5, "x")], "b.test": [("b.test", 1, "y")]})
    assert catalog.hosts() == {"a.test:443"}


def test_links_and_hosts_that_are_none_are_skipped() -> None:
    catalog = _hostmap(
        {"wdm": "https://a.test/wdm", "bad": "not a url"}, {"a.test": [("evil.test/x?", 1, WDM), ("b.test", 2, WDM)]}
    )
    assert set(catalog.services) == {"wdm"}
    assert catalog.url("wdm") == "https://b.test/wdm"


def test_a_missing_host_catalogue_is_refused_an_empty_one_is_not() -> None:
    with pytest.raises(RemoteProtocolError):
        parse_hostmap(b'{"serviceLinks":{}}')
    assert parse_hostmap(b'{"serviceLinks":{},"hostCatalog":{}}') == Catalog()


# ---- host map: what the stub writes ----


def test_the_key_has_the_port_and_the_entries_have_not() -> None:
    urls = (
        ServiceUrl("http://b.test:8080/w", 2),
        ServiceUrl("http://n.test:8080/w", -1),
        ServiceUrl("http://a.test:8080/w", 1),
    )
    answer = render_hostmap(Catalog.of([Service("wdm", urls, WDM)]))
    assert answer.service_links == {"wdm": "http://a.test:8080/w"}
    entries = answer.host_catalog["a.test:8080"]
    assert [(entry.host, entry.priority) for entry in entries] == [("a.test", 1), ("b.test", 2), ("n.test", -1)]


def test_alternatives_that_differ_by_more_than_the_host_cannot_be_said() -> None:
    urls = (ServiceUrl("http://a.test:1/w", 1), ServiceUrl("http://a.test:2/w", 2), ServiceUrl("http://b.test:1/v", 3))
    answer = render_hostmap(Catalog.of([Service("wdm", urls, WDM)]))
    assert [entry.host for entry in answer.host_catalog["a.test:1"]] == ["a.test"]


@pytest.mark.parametrize("first", ["http://A.test:1/w", "http://user@a.test:1/w", "HTTP://a.test:1/w"])
def test_a_first_choice_in_another_spelling_stays_the_first_choice(first: str) -> None:
    catalog = Catalog.of([Service("wdm", (ServiceUrl(first, 1), ServiceUrl("http://b.test:1/w", 2)), WDM)])
    assert parse_hostmap(encode(render_hostmap(catalog))).url("wdm") == first


def test_services_of_different_ids_behind_one_host_get_no_entries() -> None:
    one = Service("wdm", (ServiceUrl(f"{BASE}/wdm", 1), ServiceUrl("http://other.test:8080/wdm", 2)), WDM)
    two = Service("locus", (ServiceUrl(f"{BASE}/locus"),), "urn:TEAM:us-east-2_a:locus")
    answer = render_hostmap(Catalog.of([one, two]))
    assert answer.host_catalog == {}
    assert answer.service_links == {"wdm": f"{BASE}/wdm", "locus": f"{BASE}/locus"}


def test_a_service_without_a_choosable_url_has_no_link() -> None:
    assert render_hostmap(Catalog.of([Service("x", (ServiceUrl("http://a.test", 0),))])).service_links == {}


# ---- the newer format ----


def test_an_active_cluster_without_a_record_leaves_the_service_out() -> None:
    catalog = parse_u2cv2(_bytes({**NEWER, "activeServices": {"wdm": WDM, "locus": "urn:TEAM:x:locus"}}))
    assert set(catalog.services) == {"wdm"}


@pytest.mark.parametrize("timestamp", ["soon", "-1", "9" * 17, -1, 10**16, 1.5, None])
def test_a_timestamp_that_is_no_number_is_refused(timestamp: object) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse_u2cv2(_bytes({**NEWER, "timestamp": timestamp}))
    assert caught.value.where == "catalog.timestamp"


def test_the_record_of_an_active_cluster_serves_whatever_name_it_gives_itself() -> None:
    record = {**NEWER["services"][0], "serviceName": "other"}
    catalog = parse_u2cv2(_bytes({**NEWER, "services": [record]}))
    assert catalog.url("wdm") == f"{BASE}/wdm/api/v1"
    assert catalog.mark_failed(f"{BASE}/wdm/api/v1/devices").url("wdm") == "http://127.0.0.1:8081/wdm/api/v1"


def test_a_record_without_an_id_is_no_cluster() -> None:
    record = {**NEWER["services"][0], "id": ""}
    catalog = parse_u2cv2(_bytes({**NEWER, "activeServices": {"wdm": ""}, "services": [record]}))
    assert (catalog.services, catalog.clusters) == ({}, {})


def test_bases_that_are_no_urls_are_skipped() -> None:
    record = {
        **json.loads(SLIDE),
        "serviceUrls": [{"priority": 1, "baseUrl": "wdm"}, {"priority": 2, "baseUrl": "http://a.test/"}],
    }
    assert parse_records(_bytes([record])).services["wdm"].urls == (ServiceUrl("http://a.test", 2),)


# ---- properties ----

hosts = st.sampled_from(["a.test", "b.test", "c.test", "[::1]"])
names = st.sampled_from(["wdm", "locus", "calendar", "u2c", "metrics"])


@st.composite
def services(draw: st.DrawFn) -> Service:
    """A service whose alternatives differ by the host alone and whose key it shares with no other service."""
    name = draw(names)
    scheme, port = draw(st.sampled_from([("http", ":8080"), ("https", ""), ("wss", ""), ("https", ":8443")]))
    some = draw(st.lists(hosts, min_size=1, unique=True))
    numbers = sorted(draw(st.lists(st.integers(1, 9), min_size=len(some), max_size=len(some))))
    urls = tuple(
        ServiceUrl(
            f"{scheme}://{name}.{host}{port}/{name}" if host[0] != "[" else f"{scheme}://{name}.d.test{port}/{name}", n
        )
        for host, n in zip(some, numbers, strict=True)
    )
    return Service(name, urls, f"urn:TEAM:us-east-2_a:{name}")


catalogs = st.lists(services(), max_size=5, unique_by=lambda service: service.name).map(Catalog.of)


@given(catalogs)
def test_every_format_says_the_same(catalog: Catalog) -> None:
    assert parse_catalog(encode(render_hostmap(catalog))).services == catalog.services
    assert parse_catalog(encode(render_records(catalog))) == catalog
    newer = Catalog(catalog.services, catalog.clusters, 5, "org")
    assert parse_catalog(encode(render_u2cv2(newer))) == newer


def _check(catalog: Catalog) -> None:
    """See to what every catalogue promises, whatever it was read from."""
    urls = {name: url for name in catalog.services if (url := catalog.url(name)) is not None}
    assert {authority(url) for url in urls.values()} <= catalog.hosts()
    assert all(is_url(prefix) and not prefix.endswith("/") for prefix in catalog.prefixes())
    assert all(record.cluster_id == key != "" for key, record in catalog.clusters.items())
    for name, url in urls.items():
        assert catalog.service_of(url) is not None
        others = [other for other in catalog.services[name].ordered() if other.base_url != url]
        assert catalog.mark_failed(url).url(name) == (others[0].base_url if others else url)
    again = parse_hostmap(encode(render_hostmap(catalog)))
    assert {name: _plain(again.url(name)) for name in again.services} == {
        name: _plain(url) for name, url in urls.items()
    }


def _plain(url: str | None) -> str:
    """Return a URL in one spelling: `HTTP://x@A.test/w?` has capitals, a user, and a mark with nothing behind it."""
    parts = urlsplit(url or "")
    return parts._replace(netloc=parts.netloc.rpartition("@")[2].lower()).geturl()


def _says(entry: dict[str, Any], record: Service) -> bool:
    """Tell whether a record of the wire is that service's, whatever its name."""
    lists = [
        [(url["baseUrl"].rstrip("/"), url["priority"]) for url in entry.get(member, []) if is_url(url["baseUrl"])]
        for member in ("serviceUrls", "internalServiceUrls")
    ]
    found = [[(url.base_url, url.priority) for url in urls] for urls in (record.urls, record.internal_urls)]
    return (entry["id"], entry.get("ttl", -1), lists) == (record.cluster_id, record.ttl, found)


@given(st.sampled_from([LIMITED, FULL]).flatmap(nearly).map(_bytes) | st.binary())
def test_any_body_is_a_host_map_or_refused(body: bytes) -> None:
    try:
        catalog = parse_hostmap(body)
    except RemoteProtocolError:
        return
    _check(catalog)
    links = json.loads(body)["serviceLinks"]
    assert set(catalog.services) == {name for name, link in links.items() if is_url(link)}


@given(nearly(NEWER).map(_bytes) | st.binary())
def test_any_body_is_in_the_newer_format_or_refused(body: bytes) -> None:
    try:
        catalog = parse_u2cv2(body)
    except RemoteProtocolError:
        return
    _check(catalog)
    told = json.loads(body)
    assert all(any(_says(entry, record) for entry in told["services"]) for record in catalog.records())
    assert {name: record.cluster_id for name, record in catalog.services.items()}.items() <= told[
        "activeServices"
    ].items()
    assert parse_u2cv2(encode(render_u2cv2(catalog))) == catalog


@given(nearly([json.loads(SLIDE), *NEWER["services"]]).map(_bytes) | st.binary())
def test_any_body_is_a_list_of_records_or_refused(body: bytes) -> None:
    try:
        catalog = parse_records(body)
    except RemoteProtocolError:
        return
    _check(catalog)
    told = json.loads(body)
    assert set(catalog.services) == {entry["serviceName"] for entry in told}
    assert all(any(_says(entry, record) for entry in told) for record in catalog.records())
    assert parse_records(encode(render_records(catalog))).services == catalog.services


@given(st.binary() | st.sampled_from([LIMITED, FULL, NEWER, [json.loads(SLIDE)]]).flatmap(nearly).map(_bytes))
def test_the_format_is_told_by_the_body(body: bytes) -> None:
    try:
        catalog = parse_catalog(body)
    except RemoteProtocolError:
        return
    _check(catalog)
    for read in (parse_hostmap, parse_u2cv2, parse_records):
        with suppress(RemoteProtocolError):
            assert read(body) == catalog


some_hosts = hosts | st.sampled_from(["A.test", "a.test:1", "a.test:8080", "::1"])
some_ids = st.sampled_from([WDM, "urn:TEAM:us-east-2_a:locus", "urn:TEAM:eu-central-1_k:wdm", "x"])
some_entries = st.tuples(
    some_hosts | st.text(max_size=5), st.integers(-1, 3) | st.integers(), some_ids | st.text(max_size=5)
)


@given(
    links=st.dictionaries(
        names,
        st.text()
        | st.from_regex(r"(https?|wss?)://[a-z.:0-9@\[\]]{0,12}(/.*)?", fullmatch=True)
        | st.builds(
            "{}://{}{}".format, st.sampled_from(["http", "https"]), some_hosts, st.sampled_from(["", "/", "/w", "/w?"])
        ),
    ),
    hosts=st.dictionaries(some_hosts | st.text(max_size=5), st.lists(some_entries, max_size=3), max_size=3),
)
def test_any_host_map_is_a_catalogue(links: dict[str, str], hosts: dict[str, list[tuple[str, int, str]]]) -> None:
    _check(_hostmap(links, hosts))
