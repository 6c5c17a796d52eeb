"""Strangers check our STUN: coturn's server answers our prober, coturn's client is answered by our media nodes.

These runs use real sockets and the real clock, because the other side is another process. coturn comes with Debian (`coturn`); it is
bound to 127.0.0.1, started by the test and ended by it, never as a service.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cloud_stub.media_node.node import MediaNode, NodeSeams, NodeSpec
from cloud_stub.media_node.responder import Behaviour, Conduct
from endpoint.cloud.reachability import FAST
from endpoint.cloud.reachability_probes import Probes
from endpoint.runtime.chance import Chance
from endpoint.runtime.clock import Clock, LoopTime
from endpoint.runtime.devicelog import DeviceLog
from endpoint.runtime.faults import Faults
from endpoint.runtime.net import NameTable, Net
from endpoint.runtime.tls import Authority, TlsClient
from endpoint.runtime.trace import Trace
from endpoint.runtime.world import World
from endpoint.wire.calliope import Answer, Server, Transport

pytestmark = pytest.mark.client

HERE = "127.0.0.1"
READY = b"SQLite DB connection success"
START_TIMEOUT_S = 10.0


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"NOT CHECKED: {name} IS NOT INSTALLED; run `make ci-deps` or `apt-get install coturn`")
    return path


def _world() -> World:
    clock = Clock(LoopTime(asyncio.get_running_loop()))
    trace = Trace(clock)
    faults, who = Faults(clock, trace), "device:room"
    net = Net(who, clock, NameTable(), faults)
    return World(who, clock, Chance(None).actor(who), net, trace, faults, DeviceLog(who, clock, trace, pid=3899))


def _free_ports() -> tuple[int, int]:
    """Find two ports that are free for UDP and TCP alike."""
    found: list[int] = []
    while len(found) < 2:
        with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagram:
            stream.bind((HERE, 0))
            port = stream.getsockname()[1]
            try:
                datagram.bind((HERE, port))
            except OSError:
                continue
        found.append(port)
    return found[0], found[1]


def _write_certificate(folder: Path, authority: Authority) -> None:
    certificate, key = authority.issue([HERE])
    Path(folder, "cert.pem").write_text(certificate)
    Path(folder, "key.pem").write_text(key)


@asynccontextmanager
async def _coturn(program: str, folder: Path, authority: Authority) -> AsyncIterator[dict[Transport, int]]:
    plain, secured = _free_ports()
    _write_certificate(folder, authority)
    arguments = ["-n", "-L", HERE, "-p", str(plain), "--tls-listening-port", str(secured), "--stun-only", "--no-cli"]
    arguments += ["--cert", "cert.pem", "--pkey", "key.pem", "--pidfile", "turn.pid", "--userdb", "turn.db"]
    arguments += ["--log-file", "stdout", "--simple-log"]
    process = await asyncio.create_subprocess_exec(
        program, *arguments, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    assert process.stdout is not None
    output = process.stdout
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            while READY not in (line := await output.readline()):
                assert line, "turnserver ended before it was ready"
        rest = asyncio.create_task(output.read())  # or the pipe fills up and it stops
        yield {Transport.UDP: plain, Transport.TCP: plain, Transport.XTLS: secured}
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
    await rest


async def _measure(servers: list[Server], tls: TlsClient) -> list[Answer]:
    answers: list[Answer] = []
    await Probes(servers, FAST, answers.append, world=_world(), run=1, tls=tls).run()
    return answers


def test_coturn_answers_our_prober_over_udp_tcp_and_tls(tmp_path: Path) -> None:
    program, authority = _program("turnserver"), Authority()

    async def main() -> list[Answer]:
        async with _coturn(program, tmp_path, authority) as ports:
            servers = [Server("coturn", transport, HERE, port) for transport, port in ports.items()]
            return await _measure(servers, TlsClient((authority.pem,)))

    answers = asyncio.run(main())
    assert {answer.server.transport for answer in answers} == set(Transport)
    assert {answer.seen_as for answer in answers} == {HERE}
    assert all(1 <= answer.rtt_ms < 500 for answer in answers)


def test_coturn_with_a_foreign_certificate_is_not_believed(tmp_path: Path) -> None:
    program = _program("turnserver")

    async def main() -> list[Answer]:
        async with _coturn(program, tmp_path, Authority()) as ports:
            server = Server("coturn", Transport.XTLS, HERE, ports[Transport.XTLS])
            return await _measure([server], TlsClient((Authority("another").pem,)))

    assert asyncio.run(main()) == []


@pytest.mark.parametrize(
    ("conduct", "is_answered"),
    [
        (Conduct(), True),
        (Conduct(rtt_s=0.02), True),
        (Conduct(Behaviour.ERROR), False),
        (Conduct(Behaviour.MALFORMED), False),
    ],
    ids=["healthy", "20 ms away", "error 500", "malformed"],
)
def test_the_client_of_coturn_understands_our_media_node(conduct: Conduct, is_answered: bool) -> None:
    program = _program("turnutils_stunclient")

    async def main() -> str:
        world = _world()
        node = MediaNode(
            NodeSpec("a", "192.0.2.1", {Transport.UDP: conduct}),
            NodeSeams(world.net, world.clock, world.faults, world.trace),
        )
        await node.start()
        port = node.doors[Transport.UDP].actual[1]
        process = await asyncio.create_subprocess_exec(
            program, "-p", str(port), HERE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        try:
            async with asyncio.timeout(5.0):
                output, _ = await process.communicate()
        except TimeoutError:
            process.kill()
            output = await process.stdout.read() if process.stdout else b""
            await process.wait()
        await node.stop()
        return output.decode()

    assert (f"UDP reflexive addr: {HERE}:" in asyncio.run(main())) is is_answered
