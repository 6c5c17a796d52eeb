"""Media nodes on the network in memory: doors, logical addresses, streams, faults, bounds."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from cloud_stub.media_node.fleet import Fleet, build_media
from cloud_stub.media_node.node import STREAM_IDLE_S, UDP_PORTS, MediaNode, NodeSeams, NodeSpec
from cloud_stub.media_node.responder import SOFTWARE, Behaviour, Conduct
from endpoint.runtime import virtual
from endpoint.runtime.chance import Chance
from endpoint.runtime.clock import Clock, LoopTime
from endpoint.runtime.errors import Unreachable
from endpoint.runtime.faults import Fault, Faults
from endpoint.runtime.net import NameTable, Net
from endpoint.runtime.tls import Authority, TlsClient
from endpoint.runtime.trace import Trace
from endpoint.wire.calliope import ClusterUrls, Transport
from endpoint.wire.stun import Binding, binding_request, parse_binding_response

UDP, TCP, XTLS = Transport.UDP, Transport.TCP, Transport.XTLS
HOST = "192.0.2.1"
ID = bytes(range(12))
ASKED = binding_request(ID)
AUTHORITY = Authority()
HEALTHY = NodeSpec("wdfw2.wdfw2.*", HOST, dict.fromkeys(Transport, Conduct(rtt_s=0.025)))


@dataclass
class Stage:
    """One network with a cloud and a client on it."""

    clock: Clock
    trace: Trace
    faults: Faults
    client: Net
    seams: NodeSeams


def _stage() -> Stage:
    clock = Clock(LoopTime(asyncio.get_running_loop(), datetime(2026, 1, 5, tzinfo=UTC)))
    trace = Trace(clock)
    faults, names = Faults(clock, trace), NameTable()
    seams = NodeSeams(Net("cloud", clock, names, faults), clock, faults, trace, AUTHORITY.server_context([HOST]))
    return Stage(clock, trace, faults, Net("client", clock, names, faults), seams)


class Client(asyncio.Protocol, asyncio.DatagramProtocol):
    """Keeps what it receives, with the second it came at."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.received: list[tuple[float, bytes]] = []
        self.lost_at: float | None = None

    def data_received(self, data: bytes) -> None:
        self.received.append((self._clock.time(), data))

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost_at = self._clock.time()


async def _open(stage: Stage, transport: Transport) -> tuple[Callable[[bytes], None], Client]:
    """Return a way to send to the node's logical address, and what comes back."""
    if transport is UDP:
        carrier, client = await stage.client.datagram(lambda: Client(stage.clock))
        target = stage.client.resolve_datagram(HOST, 5004)
        return lambda data: carrier.sendto(data, target), client
    tls = TlsClient((AUTHORITY.pem,)) if transport is XTLS else None
    port = 443 if transport is XTLS else 5004
    carrier, client = await stage.client.connect(lambda: Client(stage.clock), HOST, port, tls=tls)
    return carrier.write, client


def _with_node(spec: NodeSpec, play: Callable[[Stage, MediaNode], Awaitable[None]]) -> Stage:
    async def main() -> Stage:
        stage = _stage()
        node = MediaNode(spec, stage.seams)
        await node.start()
        await play(stage, node)
        await node.stop()
        return stage

    return virtual.run(main)


@pytest.mark.parametrize("transport", Transport)
def test_a_node_answers_at_its_logical_address_after_its_round_trip(transport: Transport) -> None:
    async def play(stage: Stage, node: MediaNode) -> None:
        send, client = await _open(stage, transport)
        send(ASKED)
        await stage.clock.sleep(1.0)
        ((at, data),) = client.received
        assert at == 0.025
        answer = parse_binding_response(data, ID)
        assert isinstance(answer, Binding)
        assert (answer.address, answer.software) == ("127.0.0.1", SOFTWARE)

    _with_node(HEALTHY, play)


@pytest.mark.parametrize("listed", UDP_PORTS)
@pytest.mark.parametrize("port", UDP_PORTS)
def test_a_node_answers_over_udp_at_both_ports_whichever_is_listed(listed: int, port: int) -> None:
    async def play(stage: Stage, node: MediaNode) -> None:
        assert node.doors[UDP].id == f"{HOST}:{listed}/udp"
        carrier, client = await stage.client.datagram(lambda: Client(stage.clock))
        carrier.sendto(ASKED, stage.client.resolve_datagram(HOST, port))
        await stage.clock.sleep(1.0)
        ((_, data),) = client.received
        assert struct.pack("!HHBBH4B", 0x802B, 8, 0, 1, port, 192, 0, 2, 1) in data  # RESPONSE-ORIGIN
        await node.stop()
        assert stage.client.resolve_datagram(HOST, port) is None

    _with_node(replace(HEALTHY, udp_port=listed), play)


def test_a_request_and_its_answer_share_an_id_in_the_trace() -> None:
    async def play(stage: Stage, node: MediaNode) -> None:
        send, _ = await _open(stage, UDP)
        send(ASKED)
        await stage.clock.sleep(1.0)

    events = [event for event in _with_node(HEALTHY, play).trace.events if event.kind.startswith("stun")]
    assert [(event.kind, event.who, event.id, event.label) for event in events] == [
        ("stun.recv", f"node:{HOST}:5004", ID.hex(), "documented"),
        ("stun.send", f"node:{HOST}:5004", ID.hex(), "documented"),
    ]


def test_a_node_that_has_stopped_answers_nothing_any_more() -> None:
    async def play(stage: Stage, node: MediaNode) -> None:
        send, client = await _open(stage, UDP)
        send(ASKED)
        await stage.clock.sleep(0.01)
        await node.stop()
        await stage.clock.sleep(1.0)
        assert client.received == []

    events = _with_node(HEALTHY, play).trace.events
    assert [event.kind for event in events if event.kind.startswith("stun")] == ["stun.recv"]


def test_requests_on_one_stream_are_answered_one_by_one() -> None:
    async def play(stage: Stage, node: MediaNode) -> None:
        send, client = await _open(stage, TCP)
        both = ASKED + binding_request(bytes(12))
        send(both[:30])
        send(both[30:])
        await stage.clock.sleep(1.0)
        stream = b"".join(data for _, data in client.received)
        assert len(stream) == 2 * len(stream[: len(stream) // 2])
        assert (stream[8:20], stream[len(stream) // 2 :][8:20]) == (ID, bytes(12))

    _with_node(HEALTHY, play)


def test_a_stream_that_is_no_stun_is_closed() -> None:
    async def play(stage: Stage, node: MediaNode) -> None:
        send, client = await _open(stage, TCP)
        send(b"GET / HTTP/1.1\r\n\r\n")
        await stage.clock.sleep(1.0)
        assert client.lost_at == 0.0

    _with_node(HEALTHY, play)


def test_an_idle_stream_is_closed_after_a_minute() -> None:
    async def play(stage: Stage, node: MediaNode) -> None:
        send, client = await _open(stage, TCP)
        await stage.clock.sleep(30.0)
        send(ASKED)
        await stage.clock.sleep(STREAM_IDLE_S + 1.0)
        assert client.lost_at == 30.0 + STREAM_IDLE_S

    _with_node(HEALTHY, play)


@pytest.mark.parametrize("transport", [TCP, XTLS])
def test_a_refusing_node_resets_streams(transport: Transport) -> None:
    async def play(stage: Stage, node: MediaNode) -> None:
        send, client = await _open(stage, transport)
        send(ASKED)
        await stage.clock.sleep(1.0)
        assert (client.received, client.lost_at) == ([], 0.0)

    _with_node(NodeSpec("a", HOST, {transport: Conduct(Behaviour.REFUSE)}), play)


def test_a_conduct_can_change_while_the_node_runs() -> None:
    async def play(stage: Stage, node: MediaNode) -> None:
        send, client = await _open(stage, UDP)
        node.doors[UDP].conduct = Conduct(Behaviour.SILENT)
        send(ASKED)
        await stage.clock.sleep(1.0)
        node.doors[UDP].conduct = Conduct()
        send(ASKED)
        await stage.clock.sleep(1.0)
        assert [at for at, _ in client.received] == [1.0]

    _with_node(HEALTHY, play)


@pytest.mark.parametrize(
    ("target", "bites"),
    [
        ({}, True),
        ({"server": [f"{HOST}:5004/udp"]}, True),
        ({"transport": "udp", "cluster": "wdfw2*"}, True),
        ({"transport": "tcp"}, False),
        ({"server": ["192.0.2.2:5004/udp"]}, False),
    ],
)
def test_a_stun_fault_bites_where_it_is_aimed(target: dict[str, Any], bites: bool) -> None:
    async def play(stage: Stage, node: MediaNode) -> None:
        stage.faults.arm(Fault("f", "stun", "silent", target, count=1))
        send, client = await _open(stage, UDP)
        send(ASKED)
        await stage.clock.sleep(1.0)
        assert (client.received == []) is bites

    _with_node(HEALTHY, play)


def test_a_slow_fault_brings_its_own_delay() -> None:
    async def play(stage: Stage, node: MediaNode) -> None:
        stage.faults.arm(Fault("f", "stun", "slow", params={"by": 4.0}))
        send, client = await _open(stage, UDP)
        send(ASKED)
        await stage.clock.sleep(10.0)
        assert [at for at, _ in client.received] == [4.025]

    _with_node(HEALTHY, play)


def test_answers_that_wait_have_a_limit() -> None:
    async def main() -> None:
        stage = _stage()
        node = MediaNode(HEALTHY, replace(stage.seams, replies_pending_max=2))
        await node.start()
        send, client = await _open(stage, UDP)
        for _ in range(5):
            send(ASKED)
        await stage.clock.sleep(1.0)
        send(ASKED)
        await stage.clock.sleep(1.0)
        assert (len(client.received), node.doors[UDP].dropped) == (3, 3)
        await node.stop()

    virtual.run(main)


def test_answers_due_after_the_end_go_nowhere() -> None:
    async def play(stage: Stage, node: MediaNode) -> None:
        for transport in (UDP, TCP):
            send, client = await _open(stage, transport)
            send(ASKED)
        await stage.clock.sleep(0.01)
        await node.stop()
        await stage.clock.sleep(1.0)
        assert client.received == []

    _with_node(HEALTHY, play)


def test_a_stopped_node_is_gone_from_the_network() -> None:
    async def play(stage: Stage, node: MediaNode) -> None:
        await node.stop()
        assert stage.client.resolve_datagram(HOST, 5004) is None
        with pytest.raises(Unreachable, match="could not resolve"):
            await _open(stage, TCP)

    _with_node(HEALTHY, play)


def test_a_tls_node_needs_a_certificate_and_leaves_no_door_open() -> None:
    async def main() -> None:
        stage = _stage()
        seams = NodeSeams(stage.seams.net, stage.clock, stage.faults, stage.trace)
        with pytest.raises(ValueError, match="needs a TLS certificate"):
            await MediaNode(HEALTHY, seams).start()
        assert stage.client.resolve_datagram(HOST, 5004) is None

    virtual.run(main)


# -- the fleet --------------------------------------------------------------------------------------------------------------------------


def _with_fleet(play: Callable[[Fleet], Awaitable[None]]) -> None:
    async def main() -> None:
        plan = build_media(Chance(1).actor("cloud").stream("media"), clusters=2, servers=8)
        fleet = Fleet(plan, _stage().seams)
        await fleet.start()
        await play(fleet)
        await fleet.stop()

    virtual.run(main)


def test_a_cluster_list_names_logical_addresses_or_the_real_ports() -> None:
    async def play(fleet: Fleet) -> None:
        logical, real = fleet.clusters(), fleet.clusters(real=True)
        home = fleet.nodes[[node.spec.cluster for node in fleet.nodes].index("wdfw2.wdfw2.*")]
        listed = logical["wdfw2.wdfw2.*"]
        assert f"stun:{home.spec.host}:5004" in listed.udp
        assert f"stun:{home.spec.host}:443" in listed.xtls
        assert f"stun:127.0.0.1:{home.doors[UDP].actual[1]}" in real["wdfw2.wdfw2.*"].udp
        assert [len(urls.udp + urls.tcp + urls.xtls) for urls in logical.values()] == [
            len(urls.udp + urls.tcp + urls.xtls) for urls in real.values()
        ]
        assert all(isinstance(urls, ClusterUrls) for urls in real.values())

    _with_fleet(play)


def test_servers_are_picked_first_or_by_the_seed() -> None:
    async def play(fleet: Fleet) -> None:
        tcp = [server_id for server_id in fleet.doors if server_id.endswith("/tcp")]
        assert fleet.pick(2, transport=TCP) == tcp[:2]
        drawn = [fleet.pick(2, stream=Chance(seed).actor("world").stream("pick")) for seed in (1, 1)]
        assert drawn[0] == drawn[1]
        with pytest.raises(ValueError, match="there are 8 such servers, not 9"):
            fleet.pick(9)

    _with_fleet(play)


def test_one_server_is_told_how_to_behave() -> None:
    async def play(fleet: Fleet) -> None:
        (server_id,) = fleet.pick(1)
        fleet.set_conduct(server_id, Conduct(Behaviour.SILENT))
        assert [door.id for door in fleet.doors.values() if door.conduct.behaviour is Behaviour.SILENT] == [server_id]
        with pytest.raises(KeyError):
            fleet.set_conduct("nobody", Conduct())

    _with_fleet(play)


def test_a_fleet_that_cannot_start_leaves_no_door_open() -> None:
    async def main() -> None:
        stage = _stage()
        plan = build_media(Chance(1).actor("cloud").stream("media"), clusters=2, servers=8)
        fleet = Fleet(plan, replace(stage.seams, tls=None))
        with pytest.raises(ValueError, match="needs a TLS certificate"):
            await fleet.start()
        assert [stage.client.resolve_datagram(node.host, 5004) for node in plan.nodes] == [None] * len(plan.nodes)

    virtual.run(main)
