"""The network as one actor sees it: names, reasons of failures, faults, resets. Most on the virtual loop, the seams also on a real one."""

from __future__ import annotations

import asyncio
import errno
import gc
import resource
import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from weakref import ref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.runtime.errors import Unreachable
from endpoint.runtime.faults import Fault
from endpoint.runtime.memory import StreamTransport
from endpoint.runtime.net import (
    BACKLOG,
    CONNECT_TIMEOUT_S,
    DNS_TIMEOUT_S,
    FAILURES,
    NameTable,
    Net,
    raise_open_file_limit,
    reset,
)
from endpoint.runtime.tls import UNVERIFIED, Authority, TlsClient, server_context
from endpoint.runtime.virtual import run
from tests.endpoint.runtime.ground import AUTHORITY, Ear, Echo, Ground, until

HOST = "u2c.wbx2.test"
TRUSTING = TlsClient((AUTHORITY.pem,))


Main = Callable[[Ground], Awaitable[Any]]
On = Callable[[Main], Any]


async def _on_ground(main: Main) -> Any:
    ground = Ground()
    try:
        return await main(ground)
    finally:
        for listener in ground.listeners:
            listener.close()


def _virtual(main: Main) -> Any:
    return run(lambda: _on_ground(main))


def _real(main: Main) -> Any:
    """Run on a real loop, over loopback: what happens there takes no time worth speaking of."""
    return asyncio.run(_on_ground(main))


def _uv(main: Main) -> Any:
    uvloop = pytest.importorskip("uvloop", reason="extra `fleet`")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_on_ground(main))


LOOPS = pytest.mark.parametrize("on", [_virtual, _real, _uv], ids=["virtual", "real", "uvloop"])
CARRIERS = pytest.mark.parametrize("secure", [False, True], ids=["tcp", "tls"])


async def _served(
    ground: Ground, factory: Callable[[], Ear] = Echo, *, secure: bool = True, tls: Any = None
) -> list[Ear]:
    """Let a server answer for HOST:443; returns the list that will hold its protocols."""
    accepted: list[Ear] = []

    def accept() -> Ear:
        accepted.append(factory())
        return accepted[-1]

    context = tls or (AUTHORITY.server_context([HOST]) if secure else None)
    listener = await ground.net.listen(accept, tls=context)
    ground.listeners.append(listener)
    ground.net.publish(HOST, 443, listener.host, listener.port)
    return accepted


async def _refused(net: Net, host: str = HOST, port: int = 443, **how: Any) -> tuple[str, str]:
    """Connect in vain; return layer and reason."""
    with pytest.raises(Unreachable) as refused:
        await net.connect(Ear, host, port, **how)
    assert refused.value.host == host
    return refused.value.layer, refused.value.reason


# -- names --


def _table() -> NameTable:
    names = NameTable()
    names.publish("U2C.wbx2.test", 443, "127.0.0.1", 40001)
    names.publish("media.wbx2.test", 5004, "127.0.0.2", 40002, "udp")
    names.publish_domain("wbx2.test", 443, "127.0.0.1", 40003)
    names.publish_domain("wbx2.test", 80, "127.0.0.1", 40004)
    names.publish_domain("a.wbx2.test", 443, "127.0.0.1", 40005)
    names.publish("192.0.2.1", 5004, "127.0.0.1", 40006)
    names.allow("Partner.example")
    return names


@pytest.mark.parametrize(
    ("name", "port", "transport", "address"),
    [
        ("u2c.wbx2.test", 443, "tcp", ("127.0.0.1", 40001)),
        ("U2C.WBX2.TEST", 443, "tcp", ("127.0.0.1", 40001)),
        ("u2c.wbx2.test", 80, "tcp", ("127.0.0.1", 40004)),
        ("u2c.wbx2.test", 8443, "tcp", None),
        ("u2c.wbx2.test", 443, "udp", None),
        ("wdm.wbx2.test", 443, "tcp", ("127.0.0.1", 40003)),
        ("wbx2.test", 443, "tcp", ("127.0.0.1", 40003)),
        ("x.y.wbx2.test", 443, "tcp", ("127.0.0.1", 40003)),
        ("x.a.wbx2.test", 443, "tcp", ("127.0.0.1", 40005)),
        ("x.a.wbx2.test", 80, "tcp", ("127.0.0.1", 40004)),
        ("notwbx2.test", 443, "tcp", None),
        ("wbx2.test.evil.test", 443, "tcp", None),
        ("media.wbx2.test", 5004, "udp", ("127.0.0.2", 40002)),
        ("media.wbx2.test", 5004, "tcp", None),
        ("192.0.2.1", 5004, "tcp", ("127.0.0.1", 40006)),
        ("192.0.2.1", 443, "tcp", None),
        ("localhost", 8080, "tcp", ("127.0.0.1", 8080)),
        ("127.0.0.1", 8080, "tcp", ("127.0.0.1", 8080)),
        ("127.9.9.9", 8080, "udp", ("127.9.9.9", 8080)),
        ("::1", 8080, "tcp", ("::1", 8080)),
        ("[::1]", 8080, "tcp", ("::1", 8080)),
        ("partner.EXAMPLE", 443, "tcp", ("partner.example", 443)),
        ("sub.partner.example", 443, "tcp", None),
        ("0.0.0.0", 443, "tcp", None),
        ("10.0.0.1", 443, "tcp", None),
        ("", 443, "tcp", None),
        (".", 443, "tcp", None),
        ("example.com", 443, "tcp", None),
    ],
)
def test_names_resolve_to_what_was_published_and_nothing_else(
    name: str, port: int, transport: str, address: tuple[str, int] | None
) -> None:
    assert _table().resolve(name, port, transport) == address


@given(
    st.from_regex(r"[a-z0-9-]{1,20}(\.[a-z0-9-]{1,20}){0,3}\.(com|net|io|org|example)", fullmatch=True),
    st.integers(1, 65535),
)
def test_no_name_beyond_the_reserved_ones_resolves_unless_allowed(name: str, port: int) -> None:
    if name != "partner.example":
        assert _table().resolve(name, port) is None


def test_a_name_that_is_withdrawn_falls_back_to_its_domain() -> None:
    names = _table()
    names.withdraw("u2c.WBX2.test", 443)
    names.withdraw("u2c.wbx2.test", 443)
    assert names.resolve("u2c.wbx2.test", 443) == ("127.0.0.1", 40003)


# -- connecting --


@LOOPS
@CARRIERS
def test_a_connection_carries_both_ways(on: On, secure: bool) -> None:
    async def main(ground: Ground) -> None:
        accepted = await _served(ground, secure=secure)
        transport, ear = await ground.net.connect(Ear, HOST, 443, tls=TRUSTING if secure else None)
        assert ear.heard == ["made"]
        assert ear.transport is transport
        payload = b"x" * 300_000
        transport.write(payload)
        await _until(lambda: len(ear.data) == len(payload))
        transport.close()
        await ear.closed
        await accepted[0].closed

    on(main)


async def _until(holds: Callable[[], bool]) -> None:
    await until(holds, turns=20_000)


def test_whoever_speaks_first_is_heard_after_the_certificate_was_looked_at() -> None:
    class Greeter(Ear):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            transport.write(b"welcome")

    async def main(ground: Ground) -> None:
        accepted = await _served(ground, Greeter)
        _, greeter = await ground.net.connect(Greeter, HOST, 443, tls=TRUSTING)
        await ground.clock.sleep(1)
        assert greeter.heard == ["made", b"welcome"]
        assert accepted[0].heard == ["made", b"welcome"]
        greeter.transport.close()
        await ground.clock.sleep(1)

    _virtual(main)


@LOOPS
def test_a_peer_with_a_bad_certificate_hears_nothing_from_us(on: On) -> None:
    made: list[Ear] = []

    def make() -> Ear:
        made.append(Ear())
        return made[-1]

    async def main(ground: Ground) -> tuple[str, str]:
        accepted = await _served(ground)
        ground.clock.set_wall(datetime(2150, 1, 1, tzinfo=UTC))
        with pytest.raises(Unreachable) as refused:
            await ground.net.connect(make, HOST, 443, tls=TRUSTING)
        for _ in range(50):
            await asyncio.sleep(0)
        assert accepted[0].data == b""
        return refused.value.layer, refused.value.reason

    assert on(main) == ("tls", f"certificate verify failed for {HOST}: expired")
    assert made == []


@LOOPS
@pytest.mark.parametrize(
    ("server", "client", "problem"),
    [
        (AUTHORITY, TlsClient((Authority("another").pem,)), "unknown issuer"),
        (AUTHORITY, TlsClient(), "unknown issuer"),
        ("other.test", TRUSTING, "host name mismatch"),
    ],
    ids=["other root", "no root", "other name"],
)
def test_a_certificate_that_does_not_verify(on: On, server: Any, client: TlsClient, problem: str) -> None:
    async def main(ground: Ground) -> tuple[str, str]:
        name = server if isinstance(server, str) else HOST
        await _served(ground, tls=AUTHORITY.server_context([name]))
        return await _refused(ground.net, tls=client)

    assert on(main) == ("tls", f"certificate verify failed for {HOST}: {problem}")


@pytest.mark.parametrize(
    ("now", "problem"),
    [(datetime(1999, 1, 1, tzinfo=UTC), "not yet valid"), (datetime(2001, 6, 1, tzinfo=UTC), None), (None, "expired")],
)
def test_the_dates_of_a_certificate_are_judged_by_the_wall_clock_of_whoever_connects(
    now: datetime | None, problem: str | None
) -> None:
    async def main(ground: Ground) -> None:
        dates = {"not_before": datetime(2001, 1, 1, tzinfo=UTC), "not_after": datetime(2001, 12, 31, tzinfo=UTC)}
        await _served(ground, tls=server_context(*AUTHORITY.issue([HOST], **dates)))
        if now is not None:
            ground.clock.set_wall(now)
        if problem is not None:
            reason = f"certificate verify failed for {HOST}: {problem}"
            assert await _refused(ground.net, tls=TRUSTING) == ("tls", reason)
        for client in (TRUSTING, UNVERIFIED) if problem is None else (UNVERIFIED,):
            transport, _ = await ground.net.connect(Ear, HOST, 443, tls=client)
            transport.close()
        await ground.clock.sleep(1)

    _virtual(main)


@LOOPS
def test_nobody_listens(on: On) -> None:
    async def main(ground: Ground) -> tuple[str, str]:
        listener = await ground.net.listen(Ear)
        ground.net.publish(HOST, 443, listener.host, listener.port)
        listener.close()
        await listener.wait_closed()
        return await _refused(ground.net)

    assert on(main) == ("tcp", f"connection refused {HOST}:443")


@LOOPS
def test_a_name_that_nobody_published_does_not_resolve(on: On) -> None:
    async def main(ground: Ground) -> tuple[str, str]:
        return await _refused(ground.net)

    assert on(main) == ("dns", f"could not resolve {HOST}")


@LOOPS
@pytest.mark.parametrize("host", ["a..wbx2.test", "x" * 64 + ".wbx2.test"])
def test_a_name_that_dns_cannot_have_does_not_resolve(on: On, host: str) -> None:
    async def main(ground: Ground) -> tuple[str, str]:
        await _served(ground)
        ground.names.publish_domain("wbx2.test", 443, *(ground.names.resolve(HOST, 443) or ("", 0)))
        return await _refused(ground.net, host, tls=TRUSTING)

    assert on(main) == ("dns", f"could not resolve {host}")


@LOOPS
def test_a_peer_that_speaks_no_tls(on: On) -> None:
    class Plain(Ear):
        def data_received(self, data: bytes) -> None:
            self.transport.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async def main(ground: Ground) -> tuple[str, str]:
        await _served(ground, Plain, secure=False)
        return await _refused(ground.net, tls=TRUSTING)

    assert on(main) == ("tls", f"connection reset {HOST}:443")


@LOOPS
def test_a_peer_that_resets_during_the_handshake(on: On) -> None:
    class Rude(Ear):
        def data_received(self, data: bytes) -> None:
            reset(self.transport)

    async def main(ground: Ground) -> str:
        await _served(ground, Rude, secure=False)
        return (await _refused(ground.net, tls=TRUSTING))[1]

    assert on(main) == f"connection reset {HOST}:443"


@pytest.mark.parametrize(("timeout_s", "waited_s"), [(3.0, 3.0), (10.0, 10.0)])
def test_a_peer_that_never_answers_the_handshake(timeout_s: float, waited_s: float) -> None:
    async def main(ground: Ground) -> None:
        accepted = await _served(ground, Ear, secure=False)
        assert await _refused(ground.net, tls=TRUSTING, timeout_s=timeout_s) == ("tls", f"TLS handshake timeout {HOST}")
        assert ground.clock.time() == waited_s
        await accepted[0].closed

    _virtual(main)


def test_a_caller_that_goes_leaves_no_connection() -> None:
    async def main(ground: Ground) -> None:
        accepted = await _served(ground, Ear, secure=False)
        task = asyncio.ensure_future(ground.net.connect(Ear, HOST, 443, tls=TRUSTING))
        await ground.clock.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await accepted[0].closed

    _virtual(main)


# -- faults --


WAITS_S = {"silent": CONNECT_TIMEOUT_S, "block": CONNECT_TIMEOUT_S, "tcp_only": DNS_TIMEOUT_S}


def test_only_who_insists_minds_that_nobody_tells_a_certificate_s_status() -> None:
    async def main(ground: Ground) -> None:
        await _served(ground)
        fault = ground.faults.arm(Fault("f", "tls", "revocation_unknown"))
        transport, _ = await ground.net.connect(Ear, HOST, 443, tls=TRUSTING)
        transport.close()
        await ground.clock.sleep(1)
        assert fault.used == 1

    _virtual(main)


@pytest.mark.parametrize(("on", "do"), [(on, do) for on, does in FAILURES.items() for do in does])
def test_every_fault_has_its_reason(on: str, do: str) -> None:
    async def main(ground: Ground) -> None:
        await _served(ground)
        fault = ground.faults.arm(
            Fault("f", on, do, {"host": "*.wbx2.test", "service": "u2c", "device": "device:room"})
        )
        layer, reason = FAILURES[on][do]
        expected = layer, reason.format(host=HOST, port=443)
        insisting = replace(TRUSTING, insists=True)
        assert await _refused(ground.net, tls=insisting, service="u2c") == expected
        assert ground.clock.time() == WAITS_S.get(do, 0)
        assert fault.used == 1
        ground.faults.heal("f")
        transport, _ = await ground.net.connect(Ear, HOST, 443, tls=TRUSTING, service="u2c")
        transport.close()
        await ground.clock.sleep(1)

    _virtual(main)


@pytest.mark.parametrize("target", [{"service": "wdm"}, {"host": "wdm*"}, {"port": 80}, {"device": "device:other"}])
def test_a_fault_that_aims_elsewhere_does_not_bite(target: dict[str, Any]) -> None:
    async def main(ground: Ground) -> None:
        await _served(ground, secure=False)
        fault = ground.faults.arm(Fault("f", "tcp", "refuse", target))
        transport, _ = await ground.net.connect(Ear, HOST, 443, service="u2c")
        assert fault.used == 0
        transport.close()
        await ground.clock.sleep(1)

    _virtual(main)


def test_an_old_version_of_tls_is_in_the_way_of_all_who_speak_it() -> None:
    async def main(ground: Ground) -> None:
        await _served(ground)
        ground.faults.arm(Fault("f", "tls", "old_version"))
        assert await _refused(ground.net, tls=UNVERIFIED) == ("tls", f"connection reset {HOST}:443")

    _virtual(main)


@pytest.mark.parametrize("client", [None, UNVERIFIED], ids=["plain", "unverified"])
def test_faults_of_certificates_leave_alone_who_does_not_verify(client: TlsClient | None) -> None:
    async def main(ground: Ground) -> None:
        await _served(ground, secure=client is not None)
        fault = ground.faults.arm(Fault("f", "tls", "unknown_ca"))
        transport, _ = await ground.net.connect(Ear, HOST, 443, tls=client)
        assert fault.used == 0
        transport.close()
        await ground.clock.sleep(1)

    _virtual(main)


def test_the_lowest_layer_wins() -> None:
    async def main(ground: Ground) -> None:
        await _served(ground)
        reasons = []
        for on, do in (("tls", "expired"), ("tcp", "refuse"), ("dns", "nxdomain"), ("link", "down")):
            ground.faults.arm(Fault(on, on, do))
            reasons.append((await _refused(ground.net, tls=TRUSTING))[1])
        assert [reason.split(" ")[0:2] for reason in reasons] == [
            ["certificate", "verify"], ["connection", "refused"], ["could", "not"], ["connect", "timeout"]
        ]  # fmt: skip

    _virtual(main)


@pytest.mark.parametrize(("timeout_s", "waited_s"), [(2.5, 2.5), (None, CONNECT_TIMEOUT_S), (60.0, 60.0)])
def test_silence_lasts_as_long_as_the_caller_waits(timeout_s: float | None, waited_s: float) -> None:
    async def main(ground: Ground) -> None:
        ground.faults.arm(Fault("f", "tcp", "silent"))
        await _refused(ground.net, timeout_s=timeout_s)
        assert ground.clock.time() == waited_s

    _virtual(main)


def test_a_delay_delays_and_one_that_is_too_long_is_a_timeout() -> None:
    async def main(ground: Ground) -> None:
        await _served(ground, secure=False)
        ground.faults.arm(Fault("f", "tcp", "delay", params={"by": 4.5}, count=1))
        transport, _ = await ground.net.connect(Ear, HOST, 443)
        assert ground.clock.time() == 4.5
        transport.close()
        ground.faults.arm(Fault("f", "tcp", "delay", params={"by": 4.5}))
        assert await _refused(ground.net, timeout_s=2) == ("tcp", f"connect timeout {HOST}:443")
        assert ground.clock.time() == 6.5

    _virtual(main)


@pytest.mark.parametrize(
    ("fault", "lost"),
    [
        (None, [False, False, False]),
        (Fault("f", "udp", "drop"), [True, True, True]),
        (Fault("f", "udp", "drop", {"port": 5004, "direction": "up"}), [True, False, False]),
        (Fault("f", "udp", "drop", {"direction": "down"}), [False, True, False]),
        (Fault("f", "udp", "drop", {"kind": "rtp"}), [False, False, True]),
        (Fault("f", "link", "down", {"device": "device:room"}), [True, True, True]),
        (Fault("f", "link", "down", {"device": "device:other"}), [False, False, False]),
        (Fault("f", "tcp", "refuse"), [False, False, False]),
    ],
)
def test_datagrams_are_lost_to_faults(fault: Fault | None, lost: list[bool]) -> None:
    async def main(ground: Ground) -> None:
        if fault is not None:
            ground.faults.arm(fault)
        net = ground.net
        took = [net.loses("up", HOST, 5004), net.loses("down", HOST, 5004), net.loses("up", HOST, 9000, kind="rtp")]
        assert took == lost

    _virtual(main)


# -- resets --


@LOOPS
@CARRIERS
def test_a_reset_breaks_both_ends(on: On, secure: bool) -> None:
    async def main(ground: Ground) -> None:
        accepted = await _served(ground, secure=secure)
        client = TRUSTING if secure else None
        for from_server in (False, True):
            transport, ear = await ground.net.connect(Ear, HOST, 443, tls=client)
            transport.write(b"hello")
            await _until(lambda ear=ear: ear.data == b"hello")  # type: ignore[misc]  # mypy does not infer such a default
            reset(accepted[-1].transport if from_server else transport)
            await ear.closed
            await accepted[-1].closed
            assert "eof" not in (accepted[-1] if not from_server else ear).notes
            assert ear.transport.is_closing()
            reset(ear.transport)  # harmless

    on(main)


@CARRIERS
def test_a_stream_that_breaks_under_a_write_says_so_at_once(secure: bool) -> None:
    async def main(ground: Ground) -> None:
        await _served(ground, secure=secure)
        transport, ear = await ground.net.connect(Ear, HOST, 443, tls=TRUSTING if secure else None)
        transport.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        assert not transport.is_closing()
        transport.write(b"lost")
        assert transport.is_closing()
        await ear.closed
        for _ in range(2):
            assert transport.is_closing()
            transport.close()
        assert transport.is_closing()

    _real(main)


@pytest.mark.parametrize(
    ("fault", "broken"),
    [
        (Fault("f", "tcp", "reset"), ["mercury", "wdm"]),
        (Fault("f", "tcp", "reset", {"service": "wdm"}), ["wdm"]),
        (Fault("f", "mercury", "reset"), ["mercury"]),
        (Fault("f", "websocket", "reset"), ["mercury"]),
        (Fault("f", "wdm", "reset"), ["wdm"]),
        (Fault("f", "tcp", "reset", {"host": "u2c*", "port": 443}), ["mercury", "wdm"]),
        (Fault("f", "tcp", "reset", {"host": "calendar*"}), []),
        (Fault("f", "tcp", "reset", {"device": "device:room"}), ["mercury", "wdm"]),
        (Fault("f", "tcp", "reset", {"device": "device:other"}), []),
        (Fault("f", "websocket", "reset", {"type": "ack"}), []),
        (Fault("f", "tls", "abort"), ["mercury", "wdm"]),
        (Fault("f", "tls", "abort", {"service": "wdm"}), ["wdm"]),
        (Fault("f", "mercury", "close"), []),
        (Fault("f", "calendar", "reset"), []),
    ],
)
def test_a_struck_reset_breaks_what_it_aims_at(fault: Fault, broken: list[str]) -> None:
    async def main(ground: Ground) -> None:
        await _served(ground)
        ears = {
            service: (await ground.net.connect(Ear, HOST, 443, tls=TRUSTING, service=service))[1]
            for service in ("mercury", "wdm")
        }
        assert ground.faults.strike(fault) is bool(broken)
        await ground.clock.sleep(1)
        assert [service for service, ear in ears.items() if ear.closed.done()] == broken
        assert ground.faults.strike(Fault("again", fault.on, "reset", {**fault.target, "service": "none"})) is False
        for ear in ears.values():
            ear.transport.close()
        await ground.clock.sleep(1)

    _virtual(main)


def test_tls_is_not_broken_off_where_there_is_none() -> None:
    async def main(ground: Ground) -> None:
        await _served(ground, secure=False)
        transport, ear = await ground.net.connect(Ear, HOST, 443)
        assert ground.faults.strike(Fault("f", "tls", "abort")) is False
        assert not ear.closed.done()
        transport.close()
        await ground.clock.sleep(1)

    _virtual(main)


async def _hears(ground: Ground, ear: Ear, data: bytes) -> None:
    for _ in range(200):
        if ear.data == data:
            return
        await ground.clock.sleep(0.05)
    raise AssertionError(f"heard {ear.data!r}, not {data!r}")


@LOOPS
@CARRIERS
def test_on_a_stream_that_fell_silent_nothing_is_heard_until_it_heals(on: On, secure: bool) -> None:
    async def main(ground: Ground) -> None:
        await _served(ground, secure=secure)
        client = TRUSTING if secure else None
        transport, ear = await ground.net.connect(Ear, HOST, 443, tls=client, service="mercury")
        _, other = await ground.net.connect(Ear, HOST, 443, tls=client, service="wdm")
        fault = ground.faults.arm(Fault("f", "tcp", "silent", {"service": "mercury"}))
        transport.write(b"hello")
        other.transport.write(b"hello")
        await _hears(ground, other, b"hello")
        await ground.clock.sleep(0.1)
        assert (ear.data, fault.used > 0, ear.closed.done()) == (b"", True, False)
        ground.faults.heal("f")
        await _hears(ground, ear, b"hello")
        for one in (ear, other):
            one.transport.close()
        await ground.clock.sleep(0.1)

    on(main)


@LOOPS
def test_a_silence_begins_and_ends_in_its_time(on: On) -> None:
    async def main(ground: Ground) -> None:
        await _served(ground)
        transport, ear = await ground.net.connect(Ear, HOST, 443, tls=TRUSTING)
        now_s = ground.clock.time()
        ground.faults.arm(Fault("f", "tcp", "silent", from_s=now_s + 0.2, until_s=now_s + 0.6))
        transport.write(b"a")
        await _hears(ground, ear, b"a")
        await ground.clock.sleep(0.3)
        transport.write(b"b")
        await _hears(ground, ear, b"ab")
        assert ground.clock.time() >= now_s + 0.59  # uvloop counts whole milliseconds
        transport.close()
        await ground.clock.sleep(0.1)

    on(main)


@pytest.mark.parametrize("limit", [{"count": 3}, {"skip": 1}])
def test_a_silence_that_is_counted_is_one_of_new_connections(limit: dict[str, int]) -> None:
    async def main(ground: Ground) -> None:
        await _served(ground)
        transport, ear = await ground.net.connect(Ear, HOST, 443, tls=TRUSTING)
        ground.faults.arm(Fault("f", "tcp", "silent", **limit))
        transport.write(b"hello")
        await _until(lambda: ear.data == b"hello")
        transport.close()
        await ground.clock.sleep(1)

    _virtual(main)


def test_a_closed_stream_is_not_held() -> None:
    async def main(ground: Ground) -> None:
        await _served(ground)
        held = []
        for _ in range(5):
            transport, ear = await ground.net.connect(Ear, HOST, 443, tls=TRUSTING)
            held.append(ref(transport))
            transport.close()
            await ear.closed
        del transport, ear
        await ground.clock.sleep(1)
        gc.collect()
        assert [transport() for transport in held] == [None] * 5

    _virtual(main)


def _looks(streams: int) -> int:
    """Count how often a network looks whether streams are open while so many are made and stay."""
    looks, is_closing = 0, StreamTransport.is_closing

    def counted(transport: StreamTransport) -> bool:
        nonlocal looks
        looks += 1
        return is_closing(transport)

    async def main(ground: Ground) -> None:
        await _served(ground, secure=False)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(StreamTransport, "is_closing", counted)
            held = [await ground.net.connect(Ear, HOST, 443) for _ in range(streams)]
        assert len(ground.net.open_streams) == streams
        for transport, _ in held[1:]:
            transport.close()
        await ground.clock.sleep(1)
        assert len(ground.net.open_streams) == 1

    _virtual(main)
    return looks


def test_a_new_stream_costs_no_look_at_each_that_is_open() -> None:
    assert _looks(800) < 3 * _looks(400)


# -- doors and datagrams --


@LOOPS
def test_a_door_is_on_loopback_and_on_a_port_of_its_own(on: On) -> None:
    async def main(ground: Ground) -> None:
        net = ground.net
        listener = await net.listen(Ear)
        assert listener.host == "127.0.0.1"
        assert 1024 <= listener.port <= 65535
        with pytest.raises(OSError) as refused:
            await net.listen(Ear, port=listener.port)
        assert refused.value.errno == errno.EADDRINUSE
        listener.close()
        await listener.wait_closed()
        again = await net.listen(Ear, port=listener.port)
        again.close()

    on(main)


@LOOPS
def test_datagrams_go_to_the_published_address(on: On) -> None:
    class Post(asyncio.DatagramProtocol):
        def __init__(self) -> None:
            self.received: list[tuple[bytes, Any]] = []

        def datagram_received(self, data: bytes, addr: Any) -> None:
            self.received.append((data, addr))

    async def main(ground: Ground) -> None:
        net = ground.net
        door, post = await net.datagram(Post, local=("127.0.0.1", 0))
        host, port = door.get_extra_info("sockname")[:2]
        net.publish(HOST, 5004, host, port, "udp")
        assert net.resolve_datagram(HOST, 5004) == door.get_extra_info("sockname")
        assert net.resolve_datagram(HOST, 9000) is None
        loose, _ = await net.datagram(Post)
        assert loose.get_extra_info("sockname")[0] == "127.0.0.1"
        tied, heard = await net.datagram(Post, remote=net.resolve_datagram(HOST, 5004))
        loose.sendto(b"one", net.resolve_datagram(HOST, 5004))
        tied.sendto(b"two")
        await _until(lambda: len(post.received) == 2)
        door.sendto(b"answer", post.received[1][1])
        await _until(lambda: len(heard.received) == 1)
        for transport in (door, loose, tied):
            transport.close()
        await asyncio.sleep(0)

    on(main)


def test_a_crowd_that_comes_at_once_meets_no_full_backlog() -> None:
    crowd = 300
    if int(Path("/proc/sys/net/core/somaxconn").read_text()) < crowd:
        pytest.skip("the kernel of this machine keeps the backlog below 300")

    async def main(ground: Ground) -> None:
        accepted = await _served(ground, Ear, secure=False)
        address = ground.names.resolve(HOST, 443)
        assert address is not None
        callers = [socket.socket() for _ in range(crowd)]
        for caller in callers:  # all of them before the server has a turn: the kernel has to hold them
            caller.connect(address)
        await _until(lambda: len(accepted) == crowd)
        for caller in callers:
            caller.close()
        await _until(lambda: all(ear.closed.done() for ear in accepted))

    assert BACKLOG == 4096
    _real(main)


def test_the_limit_of_open_files_goes_up_to_the_hard_one() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
        assert raise_open_file_limit() == hard
        assert raise_open_file_limit() == hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
