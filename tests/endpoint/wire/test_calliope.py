"""The cluster list, its age, Best and the report."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.calliope import (
    SERVERS_MAX,
    Answer,
    ClusterList,
    ClusterQuery,
    ClusterUrls,
    DiscoveryOptions,
    Server,
    SupportedOptions,
    Transport,
    best_nodes,
    best_of,
    max_age_s,
    parse_stun_url,
    refresh_bounds,
    report,
    report_v1,
    servers_of,
)
from endpoint.wire.codec import decode, encode
from endpoint.wire.errors import RemoteProtocolError
from tests.endpoint.wire.nearly import nearly

UDP, TCP, XTLS = Transport.UDP, Transport.TCP, Transport.XTLS

# protocol/cloud-services.md 18.13
EXAMPLE = b"""{"clusters": {"stub-a": {"udp": ["stun:127.0.0.1:5004"], "tcp": ["stun:127.0.0.1:5004"],
 "xtls": ["stun:127.0.0.1:443"]}, "hybrid-vmn": {"udp": ["stun:127.0.0.1:5005"], "tcp": [], "xtls": []}},
 "clusterClasses": {"hybridMedia": ["hybrid-vmn"]}, "joinCookie": {"anycastEntryPoint": "stub"},
 "discoveryOptions": {"early-call-min-clusters": 1, "report-version": 1}}"""


def _answer(
    rtt_ms: int, cluster: str = "a", host: str = "192.0.2.1", port: int = 5004, transport: Transport = UDP
) -> Answer:
    return Answer(Server(cluster, transport, host, port), rtt_ms, "203.0.113.7")


# -- messages ---------------------------------------------------------------------------------------------------------------------------


def test_the_example_of_the_protocol_is_read_and_written_back() -> None:
    answer = decode(EXAMPLE, ClusterList)
    assert answer.cluster_classes.hybrid_media == ("hybrid-vmn",)
    assert answer.join_cookie == {"anycastEntryPoint": "stub"}
    assert answer.discovery_options == DiscoveryOptions(early_call_min_clusters=1, report_version=1)
    assert decode(encode(answer), dict) == decode(EXAMPLE, dict)


def test_the_query_of_the_sdk_is_read() -> None:
    body = b'{"ipver":4,"supported-options":{"report-version":1,"early-call-min-clusters":true},"trigger":"startup"}'
    options = SupportedOptions(report_version=1, early_call_min_clusters=True)
    assert decode(body, ClusterQuery) == ClusterQuery(ipver=4, supported_options=options, trigger="startup")
    assert encode(decode(body, ClusterQuery)) == body


def test_a_cluster_is_written_with_all_three_lists() -> None:
    assert encode(ClusterUrls(udp=("stun:a:1",))) == b'{"udp":["stun:a:1"],"tcp":[],"xtls":[]}'


def test_members_of_2017_are_no_obstacle() -> None:
    body = b'{"statusCode":200,"clusters":{"a":{"udp":["stun:h:5004"],"https":["https://h"]}}}'
    assert servers_of(decode(body, ClusterList)) == ([Server("a", UDP, "h", 5004)], [])


def test_servers_come_in_the_order_of_the_list() -> None:
    found, unusable = servers_of(decode(EXAMPLE, ClusterList))
    assert [f"{server.cluster} {server.transport} {server.address}" for server in found] == [
        "stub-a udp 127.0.0.1:5004",
        "stub-a tcp 127.0.0.1:5004",
        "stub-a xtls 127.0.0.1:443",
        "hybrid-vmn udp 127.0.0.1:5005",
    ]
    assert unusable == []


def test_unusable_urls_are_set_aside_and_copies_are_asked_once() -> None:
    urls = ClusterUrls(udp=("stun:h:1", "http://h", "stun:h:1", "stun:h:0"))
    assert servers_of(ClusterList(clusters={"a": urls})) == ([Server("a", UDP, "h", 1)], ["http://h", "stun:h:0"])


def test_a_list_may_name_so_many_servers_and_no_more() -> None:
    urls = tuple(f"stun:h{number}:1" for number in range(SERVERS_MAX + 1))
    assert len(servers_of(ClusterList(clusters={"a": ClusterUrls(udp=urls[1:])}))[0]) == SERVERS_MAX
    with pytest.raises(RemoteProtocolError, match="at most 4096"):
        servers_of(ClusterList(clusters={"a": ClusterUrls(udp=urls)}))


@given(
    st.binary(max_size=60)
    | st.sampled_from([EXAMPLE, EXAMPLE[:-2], EXAMPLE.replace(b"[]", b"null")])
    | nearly(json.loads(EXAMPLE)).map(encode)
)
def test_any_body_is_a_cluster_list_or_refused(body: bytes) -> None:
    try:
        answer = decode(body, ClusterList)
    except RemoteProtocolError:
        return
    assert decode(encode(answer), ClusterList) == answer
    members: dict[str, Any] = json.loads(body)
    assert decode(encode({**members, "zone": 1}), ClusterList) == answer
    servers, unusable = servers_of(answer)
    assert len(set(servers)) == len(servers)
    for server in servers:
        assert parse_stun_url(f"stun:{server.address}") == (server.host, server.port)
    named = {
        (cluster, transport, url)
        for cluster, lists in members["clusters"].items()
        for transport in Transport
        for url in lists.get(transport.value, [])
    }
    usable = {name for name in named if name[2] not in unusable}
    assert set(servers) == {Server(cluster, transport, *parse_stun_url(url)) for cluster, transport, url in usable}


@given(
    nearly(
        {"ipver": 4, "supported-options": {"report-version": 1, "early-call-min-clusters": True}, "trigger": "startup"}
    )
)
def test_any_query_is_read_or_refused(members: Any) -> None:
    try:
        query = decode(encode(members), ClusterQuery)
    except RemoteProtocolError:
        return
    assert (query.ipver, query.trigger) == (members.get("ipver", 0), members.get("trigger", ""))
    assert decode(encode(query), ClusterQuery) == query


# -- urls -------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("stun:192.0.2.1:5004", ("192.0.2.1", 5004)),
        ("stun:media1.public.a.wbx2.test:443", ("media1.public.a.wbx2.test", 443)),
        ("stun:[2001:db8::1]:5004", ("2001:db8::1", 5004)),
        ("stun:h", ("h", 3478)),
        ("stuns:h", ("h", 5349)),
        ("stun:h:65535", ("h", 65535)),
    ],
)
def test_urls_are_read(url: str, expected: tuple[str, int]) -> None:
    assert parse_stun_url(url) == expected


@pytest.mark.parametrize(
    "url",
    ["", "stun:", "stun:h:", "stun:h:0", "stun:h:65536", "stun:h:123456", "stun:h:-1", "stun:h:1:2", "turn:h:1",
     "stun://h:1", "stun:h:1?transport=tcp", "STUN:h:1", "stun:[h]:1", "stun:[1.2.3]:1", "stun:2001:db8::1", "stun:h h:1",
     "stun:h:\u0661", "stun:h:1\n"],
)  # fmt: skip
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(RemoteProtocolError, match="RFC 7064"):
        parse_stun_url(url)


@given(st.text(max_size=40) | st.from_regex(r"stuns?:[\[\]a-f0-9:.]{0,20}", fullmatch=True))
def test_any_url_is_read_or_refused(url: str) -> None:
    try:
        host, port = parse_stun_url(url)
    except RemoteProtocolError:
        return
    assert host in url
    assert 1 <= port <= 65535
    assert parse_stun_url(f"stun:{Server('a', UDP, host, port).address}") == (host, port)


def test_addresses_are_printed_as_asked() -> None:
    assert _answer(1, host="2001:db8::1").server.address == "[2001:db8::1]:5004"


# -- age --------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "age_s"),
    [
        ("max-age=7200", 7200),
        ("public, max-age=7200", 7200),
        ("Public,MAX-AGE=300", 300),
        ('max-age="600"', 600),
        ("max-age = 600", 600),
        ("max-age=60", 60),
        ("max-age=59", 60),
        ("max-age=0", 60),
        ("max-age=4294967296", 2**31 - 1),
        (None, 7200),
        ("", 7200),
        ("no-store", 7200),
        ("max-age", 7200),
        ("max-age=", 7200),
        ("max-age=-5", 7200),
        ("max-age=two", 7200),
        ("max-age=1.5", 7200),
        ("s-maxage=900", 7200),
        ("max-age=" + "9" * 5000, 7200),
    ],
)
def test_the_age_is_read_or_replaced(header: str | None, age_s: int) -> None:
    assert max_age_s(header) == age_s


@given(st.text(max_size=60))
def test_any_header_gives_an_age(header: str) -> None:
    assert 60 <= max_age_s(header) <= 2**31 - 1


@pytest.mark.parametrize(("age_s", "bounds"), [(7200, (5400, 7200)), (61, (46, 61)), (60, (45, 60))])
def test_the_next_run_is_drawn_between_three_quarters_and_all(age_s: int, bounds: tuple[int, int]) -> None:
    assert refresh_bounds(age_s) == bounds


def test_the_sample_of_the_slides_lies_within_the_bounds() -> None:
    low, high = refresh_bounds(7200)
    assert low <= 6962 <= high


# -- Best -------------------------------------------------------------------------------------------------------------------------------

IN_ORDER = [
    _answer(25, "a", "192.0.2.1", 5004),
    _answer(25, "a", "192.0.2.1", 5005),
    _answer(25, "a", "192.0.2.9", 5004),
    _answer(25, "a", "192.0.2.10", 443),
    _answer(25, "a", "2001:db8::1", 443),
    _answer(25, "a", "media.test", 443),
    _answer(25, "b", "192.0.2.1", 443),
    _answer(26, "a", "192.0.2.1", 443),
]
"""Ascending: round trip, cluster, ip as a number (names last), port."""


@given(st.permutations(IN_ORDER))
def test_ties_fall_the_same_way_whoever_answers_first(answers: list[Answer]) -> None:
    assert sorted(answers, key=lambda answer: answer.order) == IN_ORDER
    assert best_of(answers) == {UDP: IN_ORDER[0]}


def test_best_is_kept_for_each_transport_in_fall_back_order() -> None:
    slides = [
        _answer(32, "wdfw2.wdfw2.*", "207.182.171.212", 443, XTLS),
        _answer(29, "wdfw2.wdfw2.*", "207.182.188.205", 5004, TCP),
        _answer(32, "wdfw2.wdfw2.*", "207.182.171.212", 5004, UDP),
    ]
    assert list(best_of(slides)) == [UDP, TCP, XTLS]
    assert best_nodes(best_of(slides)) == {
        1: {"Cluster": "wdfw2.wdfw2.*", "Ip": "207.182.171.212:5004", "RTT": 32, "Transport": "udp"},
        2: {"Cluster": "wdfw2.wdfw2.*", "Ip": "207.182.188.205:5004", "RTT": 29, "Transport": "tcp"},
        3: {"Cluster": "wdfw2.wdfw2.*", "Ip": "207.182.171.212:443", "RTT": 32, "Transport": "xtls"},
    }


def test_without_udp_the_list_starts_at_2() -> None:
    assert list(best_nodes(best_of([_answer(1, transport=TCP), _answer(1, transport=XTLS)]))) == [2, 3]


def test_without_answers_there_is_no_best() -> None:
    assert best_nodes(best_of([])) == {}


def test_the_log_writes_xtls_its_own_way() -> None:
    assert [(transport.log_name, transport.value) for transport in Transport] == [
        ("udp", "udp"), ("tcp", "tcp"), ("xTls", "xtls")
    ]  # fmt: skip


# -- report -----------------------------------------------------------------------------------------------------------------------------

ASKED = [Server("a", UDP, "192.0.2.1", 5004), Server("a", UDP, "192.0.2.2", 5004), Server("a", TCP, "192.0.2.1", 5004)]
ANSWERS = [Answer(ASKED[0], 37, "203.0.113.7"), Answer(ASKED[1], 25, "203.0.113.7")]
REPORTED = (
    b'{"a":{"udp":{"reachable":"true","latencyInMilliseconds":"25","clientMediaIPs":["203.0.113.7"]},'
    b'"tcp":{"reachable":"false"},"xtls":{"untested":"true"}},'
    b'"b":{"udp":{"untested":"true"},"tcp":{"untested":"true"},"xtls":{"untested":"true"}}}'
)


def test_the_report_is_all_text_and_the_fastest_speaks_for_a_cluster() -> None:
    assert encode(report(["a", "b"], ASKED, ANSWERS)) == REPORTED


def test_our_address_is_reported_over_udp_only() -> None:
    answered = report(["a"], ASKED[2:], [Answer(ASKED[2], 29, "203.0.113.7")])
    assert encode(answered["a"][TCP]) == b'{"reachable":"true","latencyInMilliseconds":"29"}'


def test_a_stale_report_has_tested_nothing() -> None:
    assert all(test.untested == "true" for test in report(["a"], ASKED, ANSWERS, is_stale=True)["a"].values())


def test_version_1_wraps_the_report() -> None:
    wrapped = report_v1(report(["a", "b"], ASKED, ANSWERS), 9918, DiscoveryOptions(early_call_min_clusters=1))
    head = b'{"version":1,"result":{"usedDiscoveryOptions":{"early-call-min-clusters":1},"metrics":{"total-duration-ms":9918}'
    assert encode(wrapped) == head + b',"tests":' + REPORTED + b"}}"
