"""The network in memory: order, flow control, ends of a connection, TLS, datagrams."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.runtime.memory import DATAGRAM_MAX, FREE_PORTS, HIGH_WATER, MemoryNetwork
from endpoint.runtime.tls import TlsClient
from endpoint.runtime.virtual import VirtualLoop, run
from tests.endpoint.runtime.ground import AUTHORITY, Ear, Echo, Ground

CLIENT_TLS = TlsClient((AUTHORITY.pem,))


async def _pair(near: Ear | None = None, far: Ear | None = None, *, tls: bool = False) -> tuple[Any, Any]:
    """Connect two protocols over the bare network, and let both hear of it."""
    network = _network()
    accepted: list[Ear] = []

    def accept() -> Ear:
        accepted.append(far or Ear())
        return accepted[0]

    server = network.listen(accept, "127.0.0.1", 0, AUTHORITY.server_context(["localhost"]) if tls else None)
    host, port = server.address
    context = CLIENT_TLS.context() if tls else None
    _, protocol = await network.connect(lambda: near or Ear(), host, port, context, "localhost" if tls else None)
    server.close()
    await asyncio.sleep(0.1)
    return protocol, accepted[0]


def _network() -> MemoryNetwork:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop.network


async def _settled() -> None:
    await asyncio.sleep(1)


# -- carrying --


def test_what_is_open_is_counted() -> None:
    async def main() -> None:
        network = _network()
        near, far = await _pair(tls=True)
        bound, _ = network.bind(Ear, None, None)
        assert list(network.streams) == [near.transport, far.transport]
        assert list(network.bound.values()) == [bound]
        near.transport.close()
        bound.close()
        await _settled()
        assert not network.streams
        assert not network.bound
        assert not network.listeners

    run(main)


def test_both_ends_hear_of_the_connection_and_know_the_addresses() -> None:
    async def main() -> None:
        near, far = await _pair()
        assert near.heard == far.heard == ["made"]
        for one, other in ((near, far), (far, near)):
            assert one.transport.get_extra_info("sockname") == other.transport.get_extra_info("peername")
            assert one.transport.get_extra_info("stream") is one.transport
            assert one.transport.get_extra_info("socket", "none") == "none"
            assert one.transport.get_protocol() is one

    run(main)


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=50)), max_size=40))
def test_what_is_written_arrives_in_order(writes: list[tuple[bool, bytes]]) -> None:
    async def main() -> None:
        ends = await _pair()
        for is_near, data in writes:
            ends[not is_near].transport.write(data)
            if len(data) > 40:
                await asyncio.sleep(0)
        await _settled()
        for side in (True, False):
            assert ends[side].data == b"".join(data for is_near, data in writes if is_near == side)

    run(main)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_every_kind_of_buffer_is_copied(kind: Any) -> None:
    async def main() -> None:
        near, far = await _pair()
        buffer = bytearray(b"abc")
        data = kind(buffer)
        near.transport.write(data)
        near.transport.writelines([b"d", b"e"])
        buffer[:] = b"xyz"
        await _settled()
        assert far.data == b"abcde"

    run(main)


def test_a_buffered_protocol_is_fed_through_its_own_buffer() -> None:
    class Buffered(asyncio.BufferedProtocol):
        def __init__(self) -> None:
            self.buffer, self.data = bytearray(7), b""

        def get_buffer(self, sizehint: int) -> bytearray:
            return self.buffer

        def buffer_updated(self, nbytes: int) -> None:
            self.data += self.buffer[:nbytes]

    async def main() -> None:
        near, far = await _pair()
        buffered = Buffered()
        far.transport.set_protocol(buffered)
        near.transport.write(bytes(range(100)))
        await _settled()
        assert buffered.data == bytes(range(100))

    run(main)


def test_a_protocol_that_fails_loses_its_connection_and_the_loop_is_told() -> None:
    class Failing(Ear):
        def data_received(self, data: bytes) -> None:
            raise ZeroDivisionError

    async def main() -> None:
        ground = Ground()
        near, far = await _pair(far=Failing())
        near.transport.write(b"x")
        await _settled()
        assert isinstance(far.lost_with, ZeroDivisionError)
        assert near.notes == ["made", "eof", "lost"]
        assert [type(failure["exception"]) for failure in ground.failures] == [ZeroDivisionError]

    run(main)


# -- flow control --


def test_a_full_receiver_pauses_the_sender_and_an_empty_one_lets_it_go_on() -> None:
    async def main() -> None:
        near, far = await _pair()
        far.transport.pause_reading()
        assert not far.transport.is_reading()
        near.transport.write(b"x" * HIGH_WATER)
        assert near.notes == ["made"]
        near.transport.write(b"y")
        near.transport.write(b"z")
        assert near.notes == ["made", "paused"]
        assert near.transport.get_write_buffer_size() == HIGH_WATER + 2
        assert near.transport.get_write_buffer_limits() == (0, HIGH_WATER)
        await _settled()
        assert far.data == b""
        far.transport.resume_reading()
        await _settled()
        assert near.notes == ["made", "paused", "resumed"]
        assert far.data == b"x" * HIGH_WATER + b"yz"
        assert near.transport.get_write_buffer_size() == 0

    run(main)


def test_a_receiver_may_pause_between_two_pieces() -> None:
    class Sips(Ear):
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self.transport.pause_reading()

    async def main() -> None:
        near, far = await _pair(far=Sips())
        for data in (b"a", b"b", b"c"):
            near.transport.write(data)
            await _settled()
        near.transport.close()
        assert far.heard == ["made", b"a"]
        far.transport.resume_reading()
        await _settled()
        assert far.heard == ["made", b"a", b"bc"]
        far.transport.resume_reading()
        await _settled()
        assert far.heard == ["made", b"a", b"bc", "eof", "lost"]

    run(main)


def test_a_sender_that_waits_for_room_is_freed_when_the_receiver_goes() -> None:
    async def main() -> None:
        near, far = await _pair(near=Ear(keeps_open=True))
        far.transport.pause_reading()
        near.transport.write(b"x" * (HIGH_WATER + 1))
        far.transport.close()
        await _settled()
        assert near.notes == ["made", "paused", "eof", "lost"]
        assert isinstance(near.lost_with, ConnectionResetError)

    run(main)


def test_a_slow_stream_of_the_standard_library_is_drained() -> None:
    async def main() -> None:
        received = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal received
            while data := await reader.read(100_000):
                received += len(data)
                await asyncio.sleep(0.01)
            writer.close()

        await asyncio.start_server(serve, "127.0.0.1", 7)
        _, writer = await asyncio.open_connection("127.0.0.1", 7)
        for _ in range(100):
            writer.write(b"x" * 50_000)
            await writer.drain()
        writer.close()
        await writer.wait_closed()
        await asyncio.sleep(60)
        assert received == 5_000_000

    run(main)


# -- ends --


def test_closing_delivers_what_was_written_and_ends_both() -> None:
    async def main() -> None:
        near, far = await _pair()
        near.transport.write(b"last words")
        near.transport.close()
        assert near.transport.is_closing()
        near.transport.write(b"too late")
        near.transport.close()
        await _settled()
        assert far.heard == ["made", b"last words", "eof", "lost"]
        assert near.heard == ["made", "lost"]
        assert near.lost_with is far.lost_with is None

    run(main)


def test_aborting_ends_both() -> None:
    async def main() -> None:
        near, far = await _pair()
        near.transport.abort()
        await _settled()
        assert (near.notes, far.notes) == (["made", "lost"], ["made", "eof", "lost"])

    run(main)


def test_a_half_closed_stream_still_carries_the_other_way() -> None:
    async def main() -> None:
        near, far = await _pair(far=Ear(keeps_open=True))
        assert near.transport.can_write_eof()
        near.transport.write(b"question")
        near.transport.write_eof()
        near.transport.write_eof()
        with pytest.raises(RuntimeError, match="after write_eof"):
            near.transport.write(b"more")
        await _settled()
        assert far.heard == ["made", b"question", "eof"]
        far.transport.write(b"answer")
        await _settled()
        far.transport.close()
        await _settled()
        assert near.heard == ["made", b"answer", "eof", "lost"]

    run(main)


def test_data_in_flight_comes_before_the_end() -> None:
    async def main() -> None:
        near, far = await _pair(far=Ear(keeps_open=True))
        far.transport.pause_reading()
        near.transport.write(b"abc")
        near.transport.close()
        await _settled()
        assert far.heard == ["made"]
        far.transport.resume_reading()
        await _settled()
        assert far.heard == ["made", b"abc", "eof"]

    run(main)


def test_whoever_keeps_writing_to_nobody_finds_a_broken_pipe() -> None:
    async def main() -> None:
        near, far = await _pair(far=Ear(keeps_open=True))
        near.transport.close()
        far.transport.write(b"crossed with the close")
        await _settled()
        assert far.notes == ["made", "eof"]
        far.transport.write(b"is anybody there?")
        await _settled()
        assert far.notes == ["made", "eof", "lost"]
        assert isinstance(far.lost_with, BrokenPipeError)

    run(main)


def test_a_reset_takes_what_is_in_flight_and_shows_on_both_ends() -> None:
    async def main() -> None:
        near, far = await _pair()
        far.transport.pause_reading()
        near.transport.write(b"lost")
        await _settled()
        near.transport.reset()
        near.transport.reset()
        near.transport.write(b"too late")
        await _settled()
        far.transport.resume_reading()
        await _settled()
        for end in (near, far):
            assert end.heard == ["made", "lost"]
            assert isinstance(end.lost_with, ConnectionResetError)
            assert end.transport.is_closing()
            assert end.transport.get_write_buffer_size() == 0

    run(main)


def test_a_reset_after_a_close_changes_nothing_that_was_told() -> None:
    async def main() -> None:
        near, far = await _pair()
        near.transport.close()
        await _settled()
        near.transport.reset()
        far.transport.reset()
        await _settled()
        assert (near.notes, far.notes) == (["made", "lost"], ["made", "eof", "lost"])

    run(main)


def test_a_dead_connection_is_held_by_nobody() -> None:
    async def main() -> list[Any]:
        near, far = await _pair(near=Echo(), far=Echo())
        held = [weakref.ref(item) for item in (near, far, near.transport, far.transport)]
        near.transport.close()
        await _settled()
        return held

    held = run(main)
    gc.collect()
    assert [item() for item in held] == [None] * 4


# -- addresses --


def test_nobody_listens_where_nobody_listens() -> None:
    async def main() -> None:
        network = _network()
        server = network.listen(Ear, "127.0.0.1", 443, None)
        with pytest.raises(OSError, match="in use"):
            network.listen(Ear, "127.0.0.1", 443, None)
        network.listen(Ear, "127.0.0.2", 443, None)
        assert server.is_serving()
        assert server.sockets[0].getsockname() == ("127.0.0.1", 443)
        server.close()
        server.close()
        assert (server.is_serving(), server.sockets) == (False, ())
        with pytest.raises(ConnectionRefusedError):
            await network.connect(Ear, "127.0.0.1", 443, None, None)
        network.listen(Ear, "127.0.0.1", 443, None)

    run(main)


def test_closing_a_listener_leaves_its_connections() -> None:
    async def main() -> None:
        near, far = await _pair()  # its listener is closed by now
        near.transport.write(b"still here")
        await _settled()
        assert far.data == b"still here"

    run(main)


def test_free_ports_come_round_again_and_step_over_taken_ones() -> None:
    async def main() -> None:
        network = _network()
        first = network.listen(Ear, "127.0.0.1", 0, None).address[1]
        taken = network.listen(Ear, "127.0.0.1", first + 2, None).address[1]
        ports = [network.bind(asyncio.DatagramProtocol, None, None)[0] for _ in range(3)]
        for transport in ports:
            transport.close()
        seen = set()
        for _ in range(len(FREE_PORTS) + 10):
            server = network.listen(Ear, "127.0.0.1", 0, None)
            seen.add(server.address[1])
            server.close()
        assert seen == set(FREE_PORTS) - {first, taken}
        assert max(seen) == 65_535

    run(main)


# -- TLS --


@pytest.mark.parametrize("size", [1, 16_384, 16_385, 3_000_000])
def test_tls_carries_big_payloads_both_ways_at_once(size: int) -> None:
    async def main() -> None:
        near, far = await _pair(tls=True)
        there, back = bytes(size), b"\xff" * size
        near.transport.write(there)
        far.transport.write(back)
        await _settled()
        assert far.data == there
        assert near.data == back
        near.transport.close()
        await _settled()
        assert near.notes[-1] == "lost"
        assert far.notes[-2:] == ["eof", "lost"]

    run(main)


def test_tls_pauses_a_sender_too() -> None:
    async def main() -> None:
        near, far = await _pair(tls=True)
        far.transport.pause_reading()
        for _ in range(4):
            near.transport.write(b"x" * 500_000)
        await _settled()
        assert near.notes == ["made", "paused"]
        far.transport.resume_reading()
        await _settled()
        assert near.notes == ["made", "paused", "resumed"]
        assert len(far.data) == 2_000_000
        near.transport.close()
        await _settled()

    run(main)


def test_a_secured_end_is_like_one_of_asyncio_s_own() -> None:
    async def main() -> None:
        near, far = await _pair(far=Ear(keeps_open=True), tls=True)
        for end in (near, far):
            assert end.transport.get_extra_info("ssl_object").version() == "TLSv1.3"
            assert end.transport.get_extra_info("sslcontext") is not None
            assert not end.transport.can_write_eof()
            with pytest.raises(NotImplementedError):
                end.transport.write_eof()
        assert near.transport.get_extra_info("peercert")["subject"] == ((("commonName", "localhost"),),)
        near.transport.close()
        await _settled()
        assert far.notes == ["made", "eof", "lost"]  # no TLS connection is half-closed, whatever the protocol says

    run(main)


def test_whoever_speaks_no_tls_to_a_server_that_does_is_cut_off() -> None:
    async def main() -> None:
        network = _network()
        server = network.listen(Ear, "127.0.0.1", 443, AUTHORITY.server_context(["localhost"]))
        _, ear = await network.connect(Ear, *server.address, None, None)
        assert isinstance(ear, Ear)
        ear.transport.write(b"GET / HTTP/1.1\r\n\r\n")
        await ear.closed
        assert ear.notes == ["made", "eof", "lost"]

    run(main)


def test_a_reset_goes_through_tls() -> None:
    async def main() -> None:
        near, far = await _pair(tls=True)
        far.transport.get_extra_info("stream").reset()
        await _settled()
        assert isinstance(near.lost_with, ConnectionResetError)
        assert isinstance(far.lost_with, ConnectionResetError)

    run(main)


def test_a_connection_can_be_secured_later() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        near, far = await _pair()
        server, client = AUTHORITY.server_context(["localhost"]), CLIENT_TLS.context()
        secured = await asyncio.gather(
            loop.start_tls(far.transport, far, server, server_side=True),
            loop.start_tls(near.transport, near, client, server_hostname="localhost"),
        )
        assert secured[1] is not None
        secured[1].write(b"sealed")
        await _settled()
        assert far.data == b"sealed"
        secured[1].close()
        await _settled()

    run(main)


def test_a_silent_peer_of_a_handshake_is_given_up() -> None:
    async def main() -> None:
        network, loop = _network(), asyncio.get_running_loop()
        network.listen(Ear, "127.0.0.1", 443, None)  # speaks no TLS, and nothing else either
        with pytest.raises(ConnectionAbortedError, match="handshake is taking longer than 60"):
            await network.connect(Ear, "127.0.0.1", 443, CLIENT_TLS.context(), "localhost")
        assert loop.time() == 60

    run(main)


# -- datagrams --


class Post(asyncio.DatagramProtocol):
    """Keeps datagrams, and whether it is open."""

    def __init__(self) -> None:
        self.received: list[tuple[bytes, Any]] = []
        self.open: list[str] = []

    def connection_made(self, transport: Any) -> None:
        self.open.append("made")

    def connection_lost(self, exc: Exception | None) -> None:
        self.open.append("lost")

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.received.append((data, addr))


def test_datagrams_find_their_address_or_nobody() -> None:
    async def main() -> None:
        network = _network()
        (a, _), (b, at_b) = network.bind(Post, None, None), network.bind(Post, ("127.0.0.1", 5004), None)
        a.sendto(b"one", ("127.0.0.1", 5004))
        a.sendto(bytearray(b"two"), b.local)
        a.sendto(b"nobody", ("127.0.0.1", 9))
        a.sendto(b"no address")
        a.sendto(b"")
        a.sendto(b"x" * DATAGRAM_MAX, b.local)
        a.sendto(b"x" * (DATAGRAM_MAX + 1), b.local)
        await _settled()
        assert [(data[:3], source) for data, source in at_b.received] == [
            (data, a.local) for data in (b"one", b"two", b"xxx")
        ]

    run(main)


def test_a_connected_endpoint_hears_its_peer_only() -> None:
    async def main() -> None:
        network = _network()
        (a, at_a), (b, at_b), (c, _) = (network.bind(Post, None, None) for _ in range(3))
        connected, at_connected = network.bind(Post, None, a.local)
        connected.sendto(b"hello")
        a.sendto(b"from a", connected.local)
        c.sendto(b"from c", connected.local)
        await _settled()
        assert at_a.received == [(b"hello", connected.local)]
        assert at_connected.received == [(b"from a", a.local)]
        assert at_b.received == []
        assert connected.get_extra_info("peername") == a.local
        assert b.get_extra_info("sockname") == b.local

    run(main)


def test_a_closed_endpoint_sends_and_hears_nothing_and_frees_its_address() -> None:
    async def main() -> None:
        network = _network()
        (a, at_a), (b, at_b) = (network.bind(Post, None, None) for _ in range(2))
        a.sendto(b"in flight", b.local)
        b.close()
        b.abort()
        assert b.is_closing()
        b.sendto(b"too late", a.local)
        await _settled()
        assert (at_a.received, at_b.received, at_b.open) == ([], [], ["made", "lost"])
        again, _ = network.bind(Post, b.local, None)
        assert again.local == b.local
        with pytest.raises(OSError, match="in use"):
            network.bind(Post, b.local, None)

    run(main)
