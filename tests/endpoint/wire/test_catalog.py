from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.catalog import (
    Catalog,
    Service,
    ServiceUrl,
    active_clusters_data,
    cache_invalidation_data,
    parse_active_clusters,
    parse_cache_invalidation,
)
from endpoint.wire.errors import RemoteProtocolError
from tests.endpoint.wire.nearly import json_values, nearly

WDM_A = "urn:TEAM:us-east-2_a:wdm"
WDM_B = "urn:TEAM:eu-central-1_k:wdm"


def _wdm(*urls: tuple[str, int], cluster: str = WDM_A) -> Service:
    return Service("wdm", tuple(ServiceUrl(base, priority) for base, priority in urls), cluster)


THREE = Catalog.of(
    [
        _wdm(
            ("http://c.test/w", 9),
            ("http://a.test/w", 1),
            ("http://b.test/w", 1),
            ("http://n.test/w", -1),
            ("http://z.test/w", 0),
        )
    ]
)


# ---- choice and failover ----


def test_the_lowest_positive_priority_wins_then_the_order_of_the_list() -> None:
    assert [url.base_url for url in THREE.services["wdm"].ordered()] == [
        "http://a.test/w",
        "http://b.test/w",
        "http://c.test/w",
    ]
    assert THREE.url("wdm") == "http://a.test/w"


def test_a_service_without_choosable_urls_has_none() -> None:
    foreign = Service("x", (ServiceUrl("http://f.test", 1, is_home=False), ServiceUrl("http://n.test", -1)))
    assert Catalog.of([foreign]).url("x") is None
    assert Catalog().url("wdm") is None


def test_failures_walk_down_the_list_and_then_start_over() -> None:
    catalog, seen = THREE, []
    for _ in range(4):
        url = catalog.url("wdm")
        assert url is not None
        seen.append(url)
        catalog = catalog.mark_failed(url + "/devices/5?x=1")
    assert seen == ["http://a.test/w", "http://b.test/w", "http://c.test/w", "http://a.test/w"]
    assert THREE.url("wdm") == "http://a.test/w"  # the old value is untouched


def test_the_only_url_stays_chosen() -> None:
    catalog = Catalog.of([_wdm(("http://a.test/w", 1))])
    assert catalog.mark_failed("http://a.test/w").url("wdm") == "http://a.test/w"


@pytest.mark.parametrize("url", ["http://a.test/wdm", "http://else.test/w", "http://n.test/w/x", ""])
def test_a_failure_elsewhere_changes_nothing(url: str) -> None:
    assert THREE.mark_failed(url).failed == frozenset()


def test_a_failure_below_two_bases_counts_for_the_longer_one_alone() -> None:
    root = Service("idbroker", (ServiceUrl("http://h.test", 1), ServiceUrl("http://i.test", 2)))
    catalog = Catalog.of([root, _wdm(("http://h.test/wdm", 1), ("http://i.test/wdm", 2))]).mark_failed(
        "http://h.test/wdm/devices"
    )
    assert (catalog.url("idbroker"), catalog.url("wdm")) == ("http://h.test", "http://i.test/wdm")


priorities = st.lists(st.integers(-2, 4), min_size=1, max_size=6)


@given(priorities, st.lists(st.integers(0, 5), max_size=20))
def test_whatever_fails_a_choosable_url_remains_and_the_best_unfailed_one_is_chosen(
    numbers: list[int], failures: list[int]
) -> None:
    catalog = Catalog.of([_wdm(*((f"http://h{i}.test/w", priority) for i, priority in enumerate(numbers)))])
    for i in failures:
        catalog = catalog.mark_failed(f"http://h{i}.test/w/x")
        alive = [url for url in catalog.services["wdm"].ordered() if ("wdm", url.base_url) not in catalog.failed]
        assert catalog.url("wdm") == (alive[0].base_url if alive else None)
        assert bool(alive) == any(number > 0 for number in numbers)


# ---- tokens and URLs ----


def test_hosts_are_those_of_all_bases_and_logical_names() -> None:
    record = Service(
        "wdm",
        (ServiceUrl("https://wdm.a7.wbx2.test/wdm/api/v1"),),
        WDM_A,
        ("https://wdm-a.wbx2.test/wdm/api/v1",),
        internal_urls=(ServiceUrl("http://10.0.0.1/wdm"),),
    )
    standby = _wdm(("http://other.test:8080/wdm", -1), cluster=WDM_B)
    catalog = Catalog.of([record, standby])
    assert catalog.hosts() == {"wdm.a7.wbx2.test:443", "wdm-a.wbx2.test:443", "other.test:8080"}
    assert "http://10.0.0.1/wdm" not in catalog.prefixes()
    assert "wdm.a7.wbx2.test:80" not in catalog.hosts()  # not over plain http


def test_a_url_belongs_to_the_service_with_the_longest_prefix() -> None:
    catalog = Catalog.of([Service("idbroker", (ServiceUrl("http://h.test"),)), _wdm(("http://h.test/wdm", 1))])
    assert catalog.service_of("http://h.test/wdm/devices") == "wdm"
    assert catalog.service_of("http://h.test/wdmx") == "idbroker"
    assert catalog.service_of("http://else.test/") is None


def test_only_keeps_some_services() -> None:
    catalog = Catalog.of([*THREE.services.values(), Service("metrics", (ServiceUrl("http://m.test"),))], 5, "org").only(
        ["metrics"]
    )
    assert (set(catalog.services), set(catalog.clusters), catalog.timestamp) == ({"metrics"}, set(), 5)


# ---- events ----


def test_active_clusters_switch_and_an_unknown_one_asks_for_a_new_catalogue() -> None:
    catalog = Catalog.of([_wdm(("http://a.test", 1)), _wdm(("http://b.test", 1), cluster=WDM_B)])
    switched = catalog.activate(parse_active_clusters(active_clusters_data({"wdm": WDM_B})))
    assert switched is not None
    assert (catalog.url("wdm"), switched.url("wdm")) == ("http://a.test", "http://b.test")
    assert catalog.activate({"wdm": "urn:TEAM:mars:wdm"}) is None
    assert catalog.activate({"locus": WDM_B}) is None


@pytest.mark.parametrize(("known", "told", "outdated"), [(5, 6, True), (5, 5, False), (5, 4, False), (None, 1, True)])
def test_cache_invalidation(known: int | None, told: int, outdated: bool) -> None:
    assert Catalog(timestamp=known).is_outdated(parse_cache_invalidation(cache_invalidation_data(told))) is outdated


def test_a_timestamp_may_be_digits_in_a_string() -> None:
    assert parse_cache_invalidation({"timestamp": "1795198460000"}) == 1_795_198_460_000


@pytest.mark.parametrize("timestamp", [-1, 10**16, "-1", "9" * 17, "", "soon", True, 1.5, None])
def test_a_timestamp_that_no_clock_shows_is_refused(timestamp: object) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse_cache_invalidation({"timestamp": timestamp})
    assert caught.value.where == "data.timestamp"


@given(
    st.fixed_dictionaries(
        {"timestamp": st.integers() | st.integers(0, 10**17).map(str) | st.text("0123456789 -", max_size=18) | json_values}
    )
)  # fmt: skip
def test_any_invalidation_tells_a_time_or_is_refused(data: dict[str, Any]) -> None:
    try:
        timestamp = parse_cache_invalidation(data)
    except RemoteProtocolError:
        return
    assert timestamp == int(data["timestamp"])
    assert 0 <= timestamp < 10**16
    assert parse_cache_invalidation(cache_invalidation_data(timestamp)) == timestamp
    assert parse_cache_invalidation({**data, "zone": 1}) == timestamp


@given(nearly({"activeClusters": {"wdm": WDM_B, "locus": WDM_A}}))
def test_any_event_switches_to_known_clusters_or_is_refused(data: Any) -> None:
    try:
        told = parse_active_clusters(data)
    except RemoteProtocolError:
        return
    assert told == data["activeClusters"]
    assert parse_active_clusters(active_clusters_data(told)) == told
    catalog = Catalog.of([_wdm(("http://a.test", 1)), _wdm(("http://b.test", 1), cluster=WDM_B)])
    switched = catalog.activate(told)
    assert (switched is None) is any(name != "wdm" or cluster not in (WDM_A, WDM_B) for name, cluster in told.items())
    if switched is not None:
        assert switched.services["wdm"].cluster_id == told.get("wdm", WDM_A)
