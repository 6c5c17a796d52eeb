from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.codec import decode, encode
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.health import (
    DEFAULT_REGION,
    FAULT,
    GDS_UPSTREAMS,
    ONLINE,
    OPTIONAL,
    REQUIRED,
    UNREACHABLE,
    Health,
    Region,
    evaluate,
)
from tests.endpoint.wire.nearly import nearly

SLIDE = (
    b'{"lastUpdated":"2022-04-22T15:38:10.322Z","message":"Healthy","serviceName":"GDS","serviceState":"online",'
    b'"serviceType":"REQUIRED","upstreamServices":['
    b'{"lastUpdated":"2022-04-22T15:38:09.506Z","message":"Healthy","serviceName":"FederationLookupService",'
    b'"serviceState":"online","serviceType":"REQUIRED","upstreamServices":[]},'
    b'{"lastUpdated":"2022-04-22T15:38:09.407Z","message":"Healthy","serviceName":"Cassandra",'
    b'"serviceState":"online","serviceType":"REQUIRED","upstreamServices":[]},'
    b'{"lastUpdated":"2022-04-22T15:38:09.376Z","message":"Healthy","serviceName":"CommonIdentity",'
    b'"serviceState":"online","serviceType":"REQUIRED","upstreamServices":[]}]}'
)


def _upstreams(**states: str) -> list[Health]:
    return [evaluate(name, "2022-04-22T15:38:09.506Z", state=states.get(name, ONLINE)) for name in GDS_UPSTREAMS]


def test_the_record_of_the_slides_is_read_and_rebuilt_byte_for_byte() -> None:
    record = decode(SLIDE, Health, "ping")
    assert record.is_healthy
    assert [upstream.service_name for upstream in record.upstream_services] == list(GDS_UPSTREAMS)
    times = ("2022-04-22T15:38:09.506Z", "2022-04-22T15:38:09.407Z", "2022-04-22T15:38:09.376Z")
    children = [evaluate(name, time) for name, time in zip(GDS_UPSTREAMS, times, strict=True)]
    assert encode(evaluate("GDS", "2022-04-22T15:38:10.322Z", children)) == SLIDE


@pytest.mark.parametrize("state", [FAULT, UNREACHABLE])
@pytest.mark.parametrize("name", GDS_UPSTREAMS)
def test_a_broken_required_upstream_makes_a_fault_that_names_it(name: str, state: str) -> None:
    record = evaluate("GDS", "t", _upstreams(**{name: state}))
    assert (record.service_state, record.message) == (FAULT, f"{name} is {state}")
    assert not record.is_healthy


def test_a_broken_upstream_that_is_not_required_does_not() -> None:
    cache = evaluate("Cache", "t", state=FAULT, service_type=OPTIONAL)
    record = evaluate("GDS", "t", [cache, *_upstreams()])
    assert (record.service_state, record.message) == (ONLINE, "Healthy")
    assert not cache.is_required


def test_the_first_broken_upstream_is_named_and_an_own_state_wins() -> None:
    broken = _upstreams(Cassandra=FAULT, CommonIdentity=UNREACHABLE)
    assert evaluate("GDS", "t", broken).message == "Cassandra is fault"
    assert evaluate("GDS", "t", broken, state=UNREACHABLE).message == "GDS is unreachable"


def test_a_reader_lives_with_unknown_members_and_states() -> None:
    record = decode(b'{"serviceName":"wdm","serviceState":"degraded","serviceInstance":"i-1","zone":1}', Health, "ping")
    assert (record.is_healthy, record.service_type, record.service_instance) == (False, REQUIRED, "i-1")


def test_the_default_region() -> None:
    assert encode(DEFAULT_REGION) == (
        b'{"countryCode":"US","regionCode":"US-EAST","clientRegion":"us-east-2","clientAddress":"192.0.2.10",'
        b'"timezone":"Etc/UTC"}'
    )
    assert decode(b'{"countryCode":"NO","timezone":"Europe/Oslo"}', Region, "region").country_code == "NO"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"serviceName":1}', b'{"upstreamServices":' * 2000])
def test_no_health_record(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        decode(body, Health, "ping")


def _records(upstream: st.SearchStrategy[list[Health]]) -> st.SearchStrategy[Health]:
    return st.builds(
        evaluate,
        st.text(),
        st.text(),
        upstream,
        state=st.sampled_from([ONLINE, FAULT, UNREACHABLE]),
        service_type=st.sampled_from([REQUIRED, OPTIONAL]),
    )


records = st.recursive(
    _records(st.just([])), lambda inner: _records(st.lists(inner, min_size=1, max_size=3)), max_leaves=6
)


@given(records)
def test_records_round_trip(record: Health) -> None:
    assert decode(encode(record), Health, "ping") == record


@given(
    st.binary()
    | st.builds(lambda cut, junk: SLIDE[:cut] + junk + SLIDE[cut:], st.integers(0, len(SLIDE)), st.binary(max_size=4))
    | nearly(json.loads(SLIDE)).map(encode)
)
def test_any_body_is_a_health_record_or_refused(body: bytes) -> None:
    try:
        record = decode(body, Health, "ping")
    except RemoteProtocolError:
        return
    assert decode(encode(record), Health, "ping") == record
    members = json.loads(body.decode(errors="replace"))  # what is skipped unread may be no UTF-8
    assert record.is_healthy is (members["serviceState"] == "online")
    assert [upstream.service_name for upstream in record.upstream_services] == [
        upstream["serviceName"] for upstream in members.get("upstreamServices", [])
    ]
    assert decode(encode({"zone": members, **members}), Health, "ping") == record


@given(st.binary() | nearly(json.loads(encode(DEFAULT_REGION))).map(encode))
def test_any_body_is_a_region_or_refused(body: bytes) -> None:
    try:
        region = decode(body, Region, "region")
    except RemoteProtocolError:
        return
    members = json.loads(body)
    assert (region.country_code, region.timezone) == (members.get("countryCode", ""), members.get("timezone", ""))
    assert decode(encode(region), Region, "region") == region
    assert decode(encode({**members, "zone": 1}), Region, "region") == region
