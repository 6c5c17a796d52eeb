"""Conditions of a network: what they do to connections, streams and datagrams, to the microsecond where nothing is drawn."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.runtime.chance import Chance, Stream
from endpoint.runtime.errors import Unreachable
from endpoint.runtime.faults import Between, Fault
from endpoint.runtime.line import GIVE_UP_S, RTO_MAX_S
from endpoint.runtime.memory import HIGH_WATER
from endpoint.runtime.net import DNS_TIMEOUT_S
from endpoint.runtime.quality import CONDITIONS
from endpoint.runtime.shaping import LATE_MAX
from endpoint.runtime.tls import TlsClient
from endpoint.runtime.virtual import VirtualLoop, run
from tests.endpoint.runtime.ground import AUTHORITY, Ear, Echo, Ground

HOST = "u2c-a.wbx2.test"
TRUSTING = TlsClient((AUTHORITY.pem,))
FLOW = ("up", "192.0.2.1", 5004)


def _draws(seed: int = 1) -> Stream:
    return Chance(seed).actor("world").stream("network")


def _play(main: Callable[[Ground], Awaitable[Any]]) -> Any:
    """Run a story on a ground of its own; nothing may be left behind as an unhandled error."""

    async def whole() -> Any:
        ground = Ground()
        result = await main(ground)
        assert ground.failures == []
        return result

    return run(whole)


def _like(ground: Ground, do: str = CONDITIONS, on: str = "link", *, percent: float = 100, **params: Any) -> Fault:
    """Let conditions hold, in both directions unless `direction` says which."""
    target = {"device": "device:room"} | ({"direction": params.pop("direction")} if "direction" in params else {})
    return ground.faults.arm(Fault("it", on, do, target, params, percent=percent, draws=_draws()))


async def _open(ground: Ground, *, far: Ear | None = None, tls: bool = False) -> tuple[Ear, Ear]:
    """Connect to a door of the ground; returns both protocols once both have heard of it."""
    accepted: list[Ear] = []

    def accept() -> Ear:
        accepted.append(far or Ear())
        return accepted[-1]

    context: ssl.SSLContext | None = AUTHORITY.server_context([HOST]) if tls else None
    door = await ground.net.listen(accept, tls=context)
    ground.names.publish(HOST, 443, door.host, door.port)
    _, near = await ground.net.connect(Ear, HOST, 443, tls=TRUSTING if tls else None)
    door.close()
    return near, accepted[0]


async def _reason(ground: Ground, **options: Any) -> str:
    with pytest.raises(Unreachable) as caught:
        await ground.net.connect(Ear, HOST, 443, **options)
    return caught.value.reason


# connections


def test_a_connection_takes_a_round_trip_and_tls_another() -> None:
    async def main(ground: Ground) -> None:
        _like(ground, latency=0.05)
        await _open(ground)
        assert ground.clock.time() == pytest.approx(0.1)
        await _open(ground, tls=True)
        assert ground.clock.time() == pytest.approx(0.3)

    _play(main)


def test_a_path_that_swallows_all_ends_in_a_timeout() -> None:
    async def main(ground: Ground) -> None:
        fault = _like(ground, "lossy")
        door = await ground.net.listen(Ear)
        ground.names.publish(HOST, 443, door.host, door.port)
        assert await _reason(ground, timeout_s=4.0) == f"connect timeout {HOST}:443"
        assert ground.clock.time() == 4.0
        assert fault.used == 1
        ground.faults.heal("it")
        await ground.net.connect(Ear, HOST, 443)
        assert ground.clock.time() == 4.0

    _play(main)


def test_whoever_is_called_off_in_a_handshake_leaves_no_stream() -> None:
    async def main(ground: Ground) -> None:
        _like(ground, latency=1.0)
        attempt = asyncio.ensure_future(_open(ground, tls=True))
        await asyncio.sleep(3)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        assert len(loop.network.streams) == 2
        attempt.cancel()
        await asyncio.sleep(0.1)
        assert len(loop.network.streams) == 1, "the far end does not know of it yet"
        loop.network.calm()
        await asyncio.sleep(0.1)
        assert not loop.network.streams

    _play(main)


def test_a_black_hole_for_large_packets_swallows_certificates_and_lets_small_ones_pass() -> None:
    async def main(ground: Ground) -> None:
        many = [HOST, *(f"host-{number}.wbx2.test" for number in range(80))]
        door = await ground.net.listen(Ear, tls=AUTHORITY.server_context(many))
        ground.names.publish(HOST, 443, door.host, door.port)
        fault = _like(ground, "mtu", bytes=1200)
        assert await _reason(ground, tls=TRUSTING, timeout_s=10.0) == f"TLS handshake timeout {HOST}"
        assert ground.clock.time() == 10.0
        assert fault.used == 1
        ground.faults.heal("it")
        await ground.net.connect(Ear, HOST, 443, tls=TRUSTING)

    _play(main)


# streams


def test_bytes_arrive_after_the_latency_of_their_direction() -> None:
    async def main(ground: Ground) -> None:
        near, far = await _open(ground, far=Echo())
        _like(ground, latency=0.2, direction="up")
        near.transport.write(b"over there")
        await asyncio.sleep(0.199)
        assert (far.data, near.data) == (b"", b"")
        await asyncio.sleep(0.002)
        assert (far.data, near.data) == (b"over there", b"over there")

    _play(main)


def test_a_slow_link_is_shared_and_a_slow_stream_is_not() -> None:
    async def main(ground: Ground, on: str) -> list[list[int]]:
        pairs = [await _open(ground) for _ in range(2)]
        _like(ground, "throttle", on, rate=80_000)
        for near, _ in pairs:
            near.transport.write(b"x" * 960)  # with its headers 1000 bytes, 0.1 s
        arrived = []
        for _ in range(2):
            await asyncio.sleep(0.105)
            arrived.append([len(far.data) for _, far in pairs])
        return arrived

    assert _play(lambda ground: main(ground, "link")) == [[960, 0], [960, 960]]
    assert _play(lambda ground: main(ground, "tcp")) == [[960, 960]] * 2


def test_a_sender_is_paused_while_too_much_is_under_way() -> None:
    async def main(ground: Ground) -> None:
        near, far = await _open(ground)
        _like(ground, rate=8_000_000)
        near.transport.write(b"x" * HIGH_WATER)
        assert near.notes == ["made"]
        near.transport.write(b"x" * HIGH_WATER)
        assert near.notes == ["made", "paused"]
        assert near.transport.get_write_buffer_size() == 2 * HIGH_WATER
        await asyncio.sleep(1)
        assert near.notes == ["made", "paused", "resumed"]
        assert len(far.data) == 2 * HIGH_WATER

    _play(main)


@given(
    st.lists(st.binary(min_size=1, max_size=4_000), min_size=1, max_size=30),
    st.floats(0, 0.5),
    st.integers(0, 1_000),
    st.sampled_from([None, 64_000]),
)
def test_whatever_is_lost_and_late_a_stream_keeps_its_bytes_and_their_order(
    writes: list[bytes], loss: float, jitter_ms: int, rate: int | None
) -> None:
    async def main(ground: Ground) -> None:
        near, far = await _open(ground)
        _like(ground, latency=0.05, jitter=jitter_ms / 1000, loss=loss, **({"rate": rate} if rate else {}))
        for data in writes:
            near.transport.write(data)
            await asyncio.sleep(0.01)
        near.transport.close()
        await asyncio.sleep(10_000)
        assert far.data == b"".join(writes)
        assert far.notes == ["made", "eof", "lost"]

    _play(main)


def test_a_stalled_stream_goes_on_after_the_path_has_healed() -> None:
    async def main(ground: Ground) -> None:
        near, far = await _open(ground)
        _like(ground, "lossy")
        near.transport.write(b"a")
        near.transport.write(b"b")
        await asyncio.sleep(300)
        assert far.data == b""
        ground.faults.heal("it")
        near.transport.write(b"c")
        await asyncio.sleep(RTO_MAX_S)
        assert far.data == b"abc"

    _play(main)


def test_a_sender_that_is_never_answered_gives_up_and_the_other_end_knows_nothing() -> None:
    async def main(ground: Ground) -> None:
        near, far = await _open(ground)
        _like(ground, "lossy")
        near.transport.write(b"is anybody there?")
        await asyncio.sleep(GIVE_UP_S)
        assert near.notes == ["made"]
        await asyncio.sleep(RTO_MAX_S + 1)
        assert isinstance(near.lost_with, TimeoutError)
        assert far.notes == ["made"]  # half open

    _play(main)


def test_an_end_and_a_reset_travel_as_far_as_bytes_do() -> None:
    async def main(ground: Ground) -> None:
        pairs = [await _open(ground) for _ in range(2)]
        _like(ground, latency=0.2)
        pairs[0][0].transport.close()
        pairs[1][0].transport.reset()
        await asyncio.sleep(0.1)
        assert [far.notes for _, far in pairs] == [["made"], ["made"]]
        assert [near.notes for near, _ in pairs] == [["made", "lost"], ["made", "lost"]]
        await asyncio.sleep(0.2)
        assert [far.notes for _, far in pairs] == [["made", "eof", "lost"], ["made", "lost"]]
        assert isinstance(pairs[1][1].lost_with, ConnectionResetError)

    _play(main)


def test_a_reset_takes_as_long_as_the_path_does_whatever_was_under_way_before() -> None:
    async def main(ground: Ground) -> None:
        near, far = await _open(ground)
        _like(ground, latency=0.2)
        near.transport.write(b"gone")
        await asyncio.sleep(0.15)
        near.transport.reset()
        await asyncio.sleep(0.1)  # the bytes would have been there by now
        assert far.notes == ["made"]
        await asyncio.sleep(0.15)
        assert (far.data, far.notes) == (b"", ["made", "lost"])
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        assert loop.timers() == []

    _play(main)


def test_a_stream_that_was_idle_too_long_is_forgotten_for_good() -> None:
    async def main(ground: Ground) -> None:
        near, far = await _open(ground)
        fault = _like(ground, "idle_cut", "tcp", idle=60.0)
        for _ in range(3):
            await asyncio.sleep(59)
            near.transport.write(b"x")
        await asyncio.sleep(1)
        assert (len(far.data), fault.used) == (3, 0)
        await asyncio.sleep(60)
        far.transport.write(b"y")
        ground.faults.heal("it")
        await asyncio.sleep(300)
        assert (near.data, fault.used) == (b"", 1)
        assert "lost" not in near.notes + far.notes

    _play(main)


def test_whoever_sends_after_too_long_a_pause_is_reset_where_the_fault_says_so() -> None:
    async def main(ground: Ground) -> None:
        near, far = await _open(ground)
        ground.faults.arm(Fault("it", "tcp", "idle_cut", params={"idle": 60.0, "what": "reset"}))
        await asyncio.sleep(61)
        near.transport.write(b"x")
        await near.closed
        assert isinstance(near.lost_with, ConnectionResetError)
        assert (far.data, "lost" in far.notes) == (b"", False)
        far.transport.write(b"y")
        await far.closed

    _play(main)


def test_a_half_close_ends_what_comes_and_the_far_end_knows_nothing() -> None:
    async def main(ground: Ground) -> None:
        near, far = await _open(ground, tls=True)
        assert ground.faults.strike(Fault("f", "tcp", "half_close", {"host": HOST}))
        far.transport.write(b"too late")
        await asyncio.sleep(1)
        assert near.notes == ["made", "eof", "lost"]
        assert near.data == b""
        assert far.notes == ["made", "eof", "lost"]  # as the near end closed

    _play(main)


def test_when_the_network_goes_away_what_is_under_way_arrives() -> None:
    async def main(ground: Ground) -> None:
        (near, far), (gone, left) = [await _open(ground) for _ in range(2)]
        _like(ground, "lossy")
        near.transport.write(b"late")
        gone.transport.abort()
        await asyncio.sleep(1)
        assert (far.data, left.notes) == (b"", ["made"])
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.network.calm()
        await asyncio.sleep(0.1)
        assert far.data == b"late"
        assert left.notes == ["made", "eof", "lost"]

    _play(main)


def test_without_conditions_nothing_is_in_the_way() -> None:
    async def main(ground: Ground) -> None:
        ground.faults.arm(Fault("other", "link", CONDITIONS, {"device": "device:other"}, {"latency": 1.0}))
        near, far = await _open(ground)
        assert near.transport.line is None
        assert far.transport.line is None
        assert ground.clock.time() == 0

    _play(main)


# datagrams


def _carried(ground: Ground, sent: list[bytes]) -> list[tuple[float, bytes]]:
    """Send datagrams, and note when which of them arrive."""
    arrived: list[tuple[float, bytes]] = []
    for data in sent:
        ground.net.carry(data, *FLOW, lambda got: arrived.append((round(ground.clock.time(), 3), got)))
    return arrived


@pytest.mark.parametrize(
    ("do", "params", "expected"),
    [
        ("delay", {"by": 0.25}, [(0.25, b"a"), (0.25, b"b")]),
        ("duplicate", {}, [(0, b"a"), (0, b"a"), (0, b"b"), (0, b"b")]),
        ("reorder", {}, [(0, b"b"), (0, b"a")]),
        ("corrupt", {}, None),
    ],
)
def test_faults_of_datagrams(do: str, params: dict[str, float], expected: list[tuple[float, bytes]] | None) -> None:
    async def main(ground: Ground) -> None:
        fault = _like(ground, do, "udp", **params)
        arrived = _carried(ground, [b"a", b"b"])
        await asyncio.sleep(1)
        if expected is not None:
            assert arrived == expected
        else:
            changed = [got[0] ^ want for (_, got), want in zip(arrived, b"ab", strict=True)]
            assert all(bits.bit_count() == 1 for bits in changed)
        assert fault.used > 0

    _play(main)


def test_a_path_holds_so_many_datagrams_and_loses_the_others() -> None:
    async def main(ground: Ground) -> None:
        _like(ground, "delay", "udp", by=3600.0)
        arrived = _carried(ground, [b"x"] * (LATE_MAX - 1))
        fates = [ground.net.carry(data, *FLOW, lambda got: arrived.append((0, got))) for data in (b"a", b"b")]
        await asyncio.sleep(3601)
        assert (len(arrived), fates) == (LATE_MAX, [True, False])
        assert ground.net.carry(b"z", *FLOW, lambda got: None), "there is room again"

    _play(main)


def test_the_last_datagram_of_a_flow_is_not_kept_for_ever() -> None:
    async def main(ground: Ground) -> None:
        _like(ground, "reorder", "udp", by=0.3)
        arrived = _carried(ground, [b"a"])
        await asyncio.sleep(1)
        assert arrived == [(0.3, b"a")]

    _play(main)


def test_an_address_that_stands_openly_in_a_datagram_is_rewritten() -> None:
    async def main(ground: Ground) -> None:
        fault = _like(ground, "rewrite", "udp", to="198.51.100.9")
        arrived = _carried(ground, [b"from \xc0\x00\x02\x01.", b"nothing"])
        assert [data for _, data in arrived] == [b"from \xc6\x33\x64\x09.", b"nothing"]
        assert fault.used == 1

    _play(main)


def test_datagrams_are_late_lost_or_too_large() -> None:
    async def main(ground: Ground) -> None:
        _like(ground, latency=0.1, jitter=0.05, loss=0.25, mtu=1300)
        arrived = _carried(ground, [bytes([number]) for number in range(200)])
        assert not ground.net.carry(b"x" * 1273, *FLOW, arrived.append)
        await asyncio.sleep(1)
        assert 120 < len(arrived) < 180
        assert all(0.05 <= at_s <= 0.15 for at_s, _ in arrived)
        order = [data for _, data in arrived]
        assert order != sorted(order)  # jitter lets them overtake each other

    _play(main)


def test_a_slow_link_drops_datagrams_that_would_wait_too_long() -> None:
    async def main(ground: Ground) -> None:
        _like(ground, rate=10_240)  # ten datagrams of 128 bytes a second
        arrived = _carried(ground, [b"x" * 100] * 30)
        await asyncio.sleep(5)
        assert [at_s for at_s, _ in arrived] == [pytest.approx(number / 10) for number in range(1, 11)]

    _play(main)


# names


def test_over_tcp_each_name_times_out_once() -> None:
    async def main(ground: Ground) -> None:
        door = await ground.net.listen(Ear)
        ground.names.publish(HOST, 443, door.host, door.port)
        fault = _like(ground, "tcp_only", "dns")
        assert await _reason(ground) == f"dns timeout {HOST}"
        assert ground.clock.time() == DNS_TIMEOUT_S
        await ground.net.connect(Ear, HOST, 443)
        assert (ground.clock.time(), fault.used) == (DNS_TIMEOUT_S, 1)

    _play(main)


def test_a_wrong_address_leads_to_nobody_or_to_somebody_else() -> None:
    async def main(ground: Ground) -> None:
        door = await ground.net.listen(Ear, tls=AUTHORITY.server_context(["elsewhere.example"]))
        ground.names.publish("elsewhere.example", 443, door.host, door.port)
        _like(ground, "wrong_address", "dns")
        assert await _reason(ground, timeout_s=3.0) == f"connect timeout {HOST}:443"
        assert ground.clock.time() == 3.0
        ground.faults.heal("it")
        _like(ground, "wrong_address", "dns", to="elsewhere.example")
        expected = f"certificate verify failed for {HOST}: host name mismatch"
        assert await _reason(ground, tls=TRUSTING) == expected

    _play(main)


def test_an_address_is_no_name_that_could_fail_to_resolve() -> None:
    async def main(ground: Ground) -> None:
        door = await ground.net.listen(Ear)
        ground.names.publish("192.0.2.1", 443, door.host, door.port)
        fault = _like(ground, "nxdomain", "dns")
        await ground.net.connect(Ear, "192.0.2.1", 443)
        assert fault.used == 0

    _play(main)


def test_a_drawn_delay_is_another_one_each_time_and_the_same_ones_again() -> None:
    async def main(ground: Ground) -> list[float]:
        door = await ground.net.listen(Ear)
        ground.names.publish(HOST, 443, door.host, door.port)
        _like(ground, "delay", "tcp", by=Between(0.5, 1.5))
        took, before_s = [], 0.0
        for _ in range(20):
            await ground.net.connect(Ear, HOST, 443)
            took.append(round(ground.clock.time() - before_s, 6))
            before_s = ground.clock.time()
        return took

    first, again = _play(main), _play(main)
    assert first == again
    assert len(set(first)) > 15
    assert all(0.5 <= took_s <= 1.5 for took_s in first)
