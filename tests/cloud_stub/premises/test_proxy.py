"""The proxy as its clients see it: bytes over a connection."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from cloud_stub.cloud import Cloud
from cloud_stub.platform.context import CloudSettings
from cloud_stub.platform.proxy_settings import ProxySettings
from cloud_stub.premises.proxy import PATIENCE_S
from endpoint.runtime import virtual
from endpoint.runtime.chance import Chance
from endpoint.runtime.clock import Clock, LoopTime
from endpoint.runtime.fault_params import Scheme
from endpoint.runtime.faults import Fault, Faults
from endpoint.runtime.net import NameTable
from endpoint.runtime.trace import Trace
from endpoint.wire.proxyauth import ProxyPassword, authorize, choose, parse_challenges

PASSWORD = ProxyPassword("open sesame")


class Site:
    """A cloud with a proxy, and a client in front of it."""

    def __init__(self, *schemes: Scheme) -> None:
        clock = Clock(LoopTime(asyncio.get_running_loop(), datetime(2026, 3, 2, tzinfo=UTC)))
        self.trace = Trace(clock)
        self.faults = Faults(clock, self.trace)
        proxy = ProxySettings(schemes=schemes, login="Aladdin", password=PASSWORD)
        self.names = NameTable()
        self.cloud = Cloud(clock, Chance(7), self.trace, self.faults, self.names, CloudSettings(proxy=proxy))

    async def say(self, data: bytes, *, host: str = "proxy.example.test", port: int = 8080) -> bytes:
        """Return the whole answer to some bytes."""
        address = self.names.resolve(host, port)
        assert address is not None
        reader, writer = await asyncio.open_connection(*address)
        writer.write(data)
        answer = await reader.read() if b"200 Conn" not in (first := await reader.read(500)) else b""
        writer.close()
        return first + answer

    async def connect(self, target: str = "u2c-a.wbx2.test:443", authorization: str = "") -> bytes:
        """Ask for a tunnel."""
        header = f"Proxy-Authorization: {authorization}\r\n" if authorization else ""
        return await self.say(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{header}\r\n".encode())

    def break_(self, do: str, **params: Any) -> None:
        """Arm a fault of the proxy."""
        self.faults.arm(Fault(do, "proxy", do, {"step": do}, params))


def play(story: Callable[[Site], Awaitable[None]], *schemes: Scheme) -> Site:
    async def main() -> Site:
        site = Site(*schemes)
        await site.cloud.start(http=("127.0.0.1", 0))
        try:
            await story(site)
        finally:
            await site.cloud.stop()
        return site

    return virtual.run(main)


def status(answer: bytes) -> int:
    found = re.match(rb"HTTP/1\.1 (\d+) ", answer)
    assert found, answer
    return int(found[1])


def offers(answer: bytes) -> list[str]:
    return [line.decode() for line in re.findall(rb"Proxy-Authenticate: ([^\r]+)", answer)]


def test_basic() -> None:
    async def story(site: Site) -> None:
        refused = await site.connect()
        assert (status(refused), offers(refused)) == (407, ['Basic realm="premises", charset="UTF-8"'])
        assert status(await site.connect(authorization="Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")) == 200  # RFC 7617
        wrong = base64.b64encode(b"Aladdin:closed").decode()
        for header in (f"Basic {wrong}", "Basic ???", "Basic", "Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ=="):
            assert status(await site.connect(authorization=header)) == 407

    assert "open sesame" not in "".join(event.as_json() for event in play(story, "basic").trace.events)


@pytest.mark.parametrize(("scheme", "algorithm"), [("digest", "MD5"), ("digest-sha-256", "SHA-256")])
def test_digest_is_good_once_and_stale_when_it_comes_again(scheme: Scheme, algorithm: str) -> None:
    async def story(site: Site) -> None:
        (challenge,) = parse_challenges(offers(await site.connect()))
        assert challenge.algorithm == algorithm

        def answer(count: int, password: ProxyPassword = PASSWORD) -> str:
            return authorize(
                challenge, "Aladdin", password, method="CONNECT", uri="u2c-a.wbx2.test:443", cnonce="c", count=count
            ).reveal()

        assert status(await site.connect(authorization=answer(1))) == 200
        assert status(await site.connect(authorization=answer(2))) == 200
        replayed = await site.connect(authorization=answer(2))
        assert status(replayed) == 407
        assert parse_challenges(offers(replayed))[0].is_stale
        refused = await site.connect(authorization=answer(3, ProxyPassword("x")))
        assert status(refused) == 407
        assert not parse_challenges(offers(refused))[0].is_stale

    play(story, scheme)


def test_a_digest_of_another_method_or_without_its_fields_is_wrong() -> None:
    async def story(site: Site) -> None:
        (challenge,) = parse_challenges(offers(await site.connect()))
        got = authorize(challenge, "Aladdin", PASSWORD, method="GET", uri="/", cnonce="c", count=1).reveal()
        for header in (got, "Digest", 'Digest username="Aladdin"', re.sub("nc=[0-9]+", "nc=zz", got)):
            assert status(await site.connect(authorization=header)) == 407

    play(story, "digest")


def test_offers_that_nobody_can_take_up() -> None:
    async def story(site: Site) -> None:
        assert offers(await site.connect()) == ["NTLM", "Negotiate"]
        assert choose(parse_challenges(offers(await site.connect()))) is None

    play(story, "ntlm", "negotiate")


@pytest.mark.parametrize(
    ("target", "wanted"),
    [
        ("u2c-a.wbx2.test:443", 200),
        ("U2C-A.wbx2.test:443", 200),
        ("nobody.test:443", 502),
        ("u2c-a.wbx2.test:1", 502),
        ("u2c-a.wbx2.test", 400),
        ("u2c-a.wbx2.test:99999", 400),
        ("u2c-a.wbx2.test:" + "4" * 5000, 400),
        (":443", 400),
    ],
)
def test_where_tunnels_lead(target: str, wanted: int) -> None:
    async def story(site: Site) -> None:
        assert status(await site.connect(target)) == wanted

    play(story)


def test_faults_of_the_way_out_are_those_of_a_gateway() -> None:
    async def story(site: Site) -> None:
        site.faults.arm(Fault("f", "tcp", "silent", {"service": "u2c"}))
        assert status(await site.connect()) == 504
        site.break_("block", status=451)
        assert status(await site.connect()) == 451

    play(story)


def test_the_script() -> None:
    async def story(site: Site) -> None:
        async def script(path: str, host: str) -> bytes:
            return await site.say(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode(), host=host, port=80)

        for path, host in (("/proxy.pac", "pac.example.test"), ("/wpad.dat", "wpad.example.test")):
            answer = await script(path, host)
            assert status(answer) == 200
            assert b"application/x-ns-proxy-autoconfig" in answer
            assert b"PROXY proxy.example.test:8080" in answer
        site.break_("pac_missing")
        assert status(await script("/proxy.pac", "pac.example.test")) == 404

    play(story)


@pytest.mark.parametrize(
    "data", [b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n", b"CONNECT\r\n\r\n", b"x" * 70_000, b"\r\n\r\n"]
)
def test_anything_else_is_answered_or_cut_off(data: bytes) -> None:
    async def story(site: Site) -> None:
        address = site.names.resolve("proxy.example.test", 8080)
        assert address is not None
        reader, writer = await asyncio.open_connection(*address)
        writer.write(data)
        writer.write_eof()
        assert (await reader.read())[:12] in (b"", b"HTTP/1.1 405", b"HTTP/1.1 400")
        writer.close()
        assert status(await site.connect()) == 200

    play(story)


@pytest.mark.parametrize("half", [b"", b"CONNECT u2c-a.wbx2.test:443 HTTP/1.1\r\n"])
def test_who_does_not_go_on_asking_is_cut_off(half: bytes) -> None:
    async def story(site: Site) -> None:
        address = site.names.resolve("proxy.example.test", 8080)
        assert address is not None
        reader, writer = await asyncio.open_connection(*address)
        writer.write(half)
        began_s = asyncio.get_running_loop().time()
        assert await reader.read() == b""
        assert asyncio.get_running_loop().time() - began_s == pytest.approx(PATIENCE_S, abs=0.1)
        writer.close()

    play(story)
