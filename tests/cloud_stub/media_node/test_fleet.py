"""How many media nodes a cloud has, and which of them keep silent."""

from __future__ import annotations

import ipaddress
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_stub.media_node.fleet import HOME, MediaPlan, build_media, field_media
from cloud_stub.media_node.responder import Behaviour
from endpoint.runtime.chance import Chance, Stream
from endpoint.wire.calliope import Transport

UDP, TCP, XTLS = Transport.UDP, Transport.TCP, Transport.XTLS


def _stream(seed: int = 1) -> Stream:
    return Chance(seed).actor("cloud").stream("media")


def _counts(plan: MediaPlan, behaviour: Behaviour) -> dict[str, int]:
    found = Counter(
        transport.value
        for node in plan.nodes
        for transport, conduct in node.conduct.items()
        if conduct.behaviour is behaviour
    )
    return {transport.value: found[transport.value] for transport in Transport}


@pytest.mark.parametrize("seed", range(20))
def test_the_field_profile_has_the_figures_of_the_slides(seed: int) -> None:
    plan = field_media(_stream(seed))
    assert (len(plan.servers), len({node.cluster for node in plan.nodes})) == (210, 70)
    assert _counts(plan, Behaviour.HEALTHY) == {"udp": 76, "tcp": 68, "xtls": 22}
    assert _counts(plan, Behaviour.SILENT) == {"udp": 8, "tcp": 16, "xtls": 20}


def test_210_servers_with_44_silent_are_the_field_profile() -> None:
    assert build_media(_stream(), servers=210, silent=44) == field_media(_stream())


def test_the_nearest_cluster_is_that_of_the_slides() -> None:
    plan = field_media(_stream())
    fastest = min(
        (conduct.rtt_s, node.cluster, transport)
        for node in plan.nodes
        for transport, conduct in node.conduct.items()
        if conduct.behaviour is Behaviour.HEALTHY
    )
    assert fastest == (0.025, HOME, UDP)


def test_the_default_has_three_clusters_of_one_to_three_nodes_that_speak_everything() -> None:
    for seed in range(20):
        plan = build_media(_stream(seed))
        sizes = Counter(node.cluster for node in plan.nodes)
        assert len(sizes) == 3
        assert set(sizes.values()) <= {1, 2, 3}
        assert all(set(node.conduct) == set(Transport) for node in plan.nodes)


def test_one_seed_is_one_plan_and_another_seed_another() -> None:
    assert field_media(_stream(7)) == field_media(_stream(7))
    assert field_media(_stream(7)) != field_media(_stream(8))


def test_transports_can_be_left_out() -> None:
    plan = build_media(_stream(), servers=210, silent=44, transports=[TCP])
    assert _counts(plan, Behaviour.HEALTHY) == {"udp": 0, "tcp": 166, "xtls": 0}


def test_a_certificate_carries_every_tls_node_and_loopback() -> None:
    plan = field_media(_stream())
    names = plan.tls_names
    assert {node.host for node in plan.nodes if XTLS in node.conduct} | {"127.0.0.1", "localhost"} == set(names)
    assert len(names) == 42 + 2


@given(
    st.integers(0, 50),
    st.integers(1, 12),
    st.integers(1, 120),
    st.integers(0, 120),
    st.sets(st.sampled_from(Transport), min_size=1),
)
def test_any_figures_that_fit_are_met(
    seed: int, clusters: int, servers: int, silent: int, transports: set[Transport]
) -> None:
    silent = min(silent, servers)
    plan = build_media(_stream(seed), clusters=clusters, servers=servers, silent=silent, transports=sorted(transports))
    assert len(plan.servers) == servers == len(set(plan.servers))
    assert sum(_counts(plan, Behaviour.SILENT).values()) == silent
    assert len({node.cluster for node in plan.nodes}) <= clusters
    assert len({node.host for node in plan.nodes}) == len(plan.nodes)
    assert {server.transport for server in plan.servers} <= transports
    assert all(not ipaddress.ip_address(node.host).is_global for node in plan.nodes)


@pytest.mark.parametrize(
    "figures",
    [
        {"servers": 0},
        {"servers": 5, "silent": 6},
        {"clusters": 0},
        {"transports": []},
        {"servers": 4097},
        {"silent": -1},
    ],
)
def test_figures_that_do_not_fit_are_refused(figures: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="media"):
        build_media(_stream(), **figures)
