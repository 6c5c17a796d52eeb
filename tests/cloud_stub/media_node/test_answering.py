"""Which media node takes a call, and what it answers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_stub.media_node.answering import NO_NODE, answer_offer, nearest
from cloud_stub.media_node.fleet import Fleet, MediaPlan
from cloud_stub.media_node.node import NodeSeams, NodeSpec
from cloud_stub.media_node.responder import Conduct
from endpoint.runtime.chance import Chance, Stream
from endpoint.runtime.clock import Clock, LoopTime
from endpoint.runtime.faults import Faults
from endpoint.runtime.net import NameTable, Net
from endpoint.runtime.trace import Trace
from endpoint.runtime.virtual import run
from endpoint.wire import sdp
from endpoint.wire.calliope import Transport

ALL = dict.fromkeys(Transport, Conduct())
CLUSTERS = ("a.a.*", "b.b.*", "c.c.*")
OFFER = sdp.make_offer(
    session_id=1, version=1, address="192.0.2.10", port=52050, ice=sdp.ice_of(bytes(21)), fingerprint=sdp.fingerprint_of(bytes(32))
)  # fmt: skip


def _draws() -> Stream:
    return Chance(1).actor("cloud").stream("answer")


def _fleet(*specs: NodeSpec) -> Fleet:
    async def make() -> Fleet:
        clock = Clock(LoopTime(asyncio.get_running_loop()))
        trace = Trace(clock)
        faults = Faults(clock, trace)
        return Fleet(MediaPlan(specs), NodeSeams(Net("cloud", clock, NameTable(), faults), clock, faults, trace))

    return run(make)


def _three() -> Fleet:
    return _fleet(*(NodeSpec(name, f"192.0.2.{number}", ALL) for number, name in enumerate(CLUSTERS, 1)))


FLEET = _three()


def _reached(latency: str) -> dict[str, str]:
    return {"reachable": "true", "latencyInMilliseconds": latency}


@pytest.mark.parametrize(
    ("report", "cluster"),
    [
        (None, "a.a.*"),
        ({}, "a.a.*"),
        ({"b.b.*": {"udp": _reached("30")}, "c.c.*": {"udp": _reached("25")}}, "c.c.*"),
        ({"b.b.*": {"udp": {"reachable": "false"}, "xtls": _reached("90")}}, "b.b.*"),
        ({"b.b.*": {"udp": {"untested": "true"}}}, "a.a.*"),
        ({"b.b.*": {"udp": _reached("x")}, "c.c.*": {"udp": _reached("999")}}, "c.c.*"),
        ({"c.c.*": {"udp": _reached("25")}, "b.b.*": {"udp": _reached("25")}}, "b.b.*"),
        ({"elsewhere": {"udp": _reached("1")}, "b.b.*": {"udp": _reached("30")}}, "b.b.*"),
        ("junk", "a.a.*"),
        ({"version": 1, "result": {"tests": {"c.c.*": {"udp": _reached("25")}}}}, "c.c.*"),
        ({"version": 1, "result": {}}, "a.a.*"),
    ],
)
def test_the_nearest_cluster_that_was_reached_takes_the_call(report: Any, cluster: str) -> None:
    assert nearest(FLEET, report).spec.cluster == cluster


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.sampled_from(["true", "25", "²"]),
    lambda inner: st.dictionaries(
        st.sampled_from([*CLUSTERS, "udp", "reachable", "latencyInMilliseconds", "result", "tests"])
        | st.text(max_size=3),
        inner,
        max_size=3,
    ),
)


@given(json_values)
def test_any_report_leads_to_a_node(report: Any) -> None:
    assert nearest(FLEET, report) in FLEET.nodes


def test_a_node_offers_one_candidate_for_each_transport_and_only_answers_checks() -> None:
    made = answer_offer(FLEET, OFFER, _draws(), reachability={"b.b.*": {"udp": _reached("1")}}, rate=4000)
    assert made.ice is not None
    assert made.ice.lite
    assert [(one.transport.value, one.host, one.port) for one in made.media[0].candidates] == [
        ("udp", "192.0.2.2", 5004), ("tcp", "192.0.2.2", 5004), ("xtls", "192.0.2.2", 443)
    ]  # fmt: skip
    assert (made.address, made.rate) == ("192.0.2.2", 4000)
    assert sdp.parse(made.text()) == made


def test_what_a_node_does_not_speak_is_no_candidate() -> None:
    fleet = _fleet(NodeSpec("a.a.*", "192.0.2.1", {Transport.XTLS: Conduct()}))
    [only] = answer_offer(fleet, OFFER, _draws()).media[0].candidates
    assert (only.transport, only.port) == (Transport.XTLS, 443)


def test_who_knows_no_logical_addresses_is_told_the_real_ones() -> None:
    fleet = _three()
    fleet.nodes[0].doors[Transport.UDP].actual = ("127.0.0.1", 40001)
    first = answer_offer(fleet, OFFER, _draws(), real=True).media[0].candidates[0]
    assert (first.host, first.port) == ("127.0.0.1", 40001)


def test_a_cloud_without_nodes_answers_without_ice() -> None:
    made = answer_offer(None, OFFER, _draws())
    assert (made.ice, made.address, [line.port for line in made.media]) == (None, NO_NODE, [5004, 5004, 5004])
