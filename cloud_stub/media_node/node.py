"""A media node: UDP sockets, one TCP and one TLS listener behind a logical address.

The real doors are free loopback ports; `Net.publish` lets the logical address lead to them. Each transport of a node is a *server* in the
sense of discovery and has a conduct of its own, which may change while it runs.
"""

from __future__ import annotations

import asyncio
import itertools
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cloud_stub.media_node.responder import Behaviour, Conduct, respond
from endpoint.runtime.clock import Clock, Timer
from endpoint.runtime.faults import Faults
from endpoint.runtime.net import Listener, Net, reset
from endpoint.runtime.trace import Trace
from endpoint.wire.calliope import Server, Transport
from endpoint.wire.stun import Address, Framer, transaction_id_of

UDP_PORTS: Final = (5004, 9000)
"""A node answers over UDP at both; the cluster list names one (section 10.1)."""
PORTS: Final[Mapping[Transport, int]] = {
    Transport.UDP: UDP_PORTS[0],
    Transport.TCP: 5004,
    Transport.XTLS: 443,
}  # section 10.1
STREAM_IDLE_S: Final = 60.0
"""A stream on which nothing was asked for so long is closed."""
REPLIES_PENDING_MAX: Final = 10_000
"""Answers of one server that may wait for their round trip; more requests are dropped and counted."""


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """A node before it runs: its cluster, its logical address, and how each of its transports behaves."""

    cluster: str
    host: str
    conduct: Mapping[Transport, Conduct]
    udp_port: int = PORTS[Transport.UDP]
    """The one of UDP_PORTS that the cluster list and answers to offers name."""

    @property
    def servers(self) -> tuple[Server, ...]:
        """What discovery asks of this node."""
        ports = {**PORTS, Transport.UDP: self.udp_port}
        return tuple(Server(self.cluster, transport, self.host, ports[transport]) for transport in self.conduct)


@dataclass(frozen=True, slots=True)
class NodeSeams:
    """What a node needs of the runtime; `tls` holds a certificate for its logical address."""

    net: Net
    clock: Clock
    faults: Faults
    trace: Trace
    tls: ssl.SSLContext | None = None
    replies_pending_max: int = REPLIES_PENDING_MAX


class ServerDoor:
    """One transport of one node: decides how to treat each message, and keeps its answers until they are due."""

    def __init__(self, server: Server, conduct: Conduct, seams: NodeSeams) -> None:
        self.server = server
        self.conduct = conduct
        self.actual: Address = ("", 0)
        """Where it really listens."""
        self.dropped = 0
        """Requests beyond `replies_pending_max`."""
        self._seams = seams
        self._who = f"node:{server.address}"
        self._due: dict[int, Timer] = {}
        self._ordinal = itertools.count()

    @property
    def id(self) -> str:
        """Name of the server for faults and scenarios: `192.0.2.1:5004/udp`."""
        return f"{self.server.address}/{self.server.transport}"

    @property
    def clock(self) -> Clock:
        """The cloud's clock."""
        return self._seams.clock

    def conduct_now(self, port: int | None = None) -> Conduct:
        """Return the conduct, overridden by a fault that bites here and now; `port` is the one that was asked, if not the listed one."""
        faults, server = self._seams.faults, self.server
        if not faults.armed:
            return self.conduct
        about = {"server": self.id, "cluster": server.cluster, "transport": server.transport.value}
        fault = faults.hit("stun", **about, host=server.host, port=port or server.port)
        if fault is None:
            return self.conduct
        return Conduct(
            Behaviour(fault.do),
            self.conduct.rtt_s,
            slow_s=float(fault.params.get("by", self.conduct.slow_s)),
            code=int(fault.params.get("code", self.conduct.code)),
        )

    def receive(self, data: bytes, source: Address, send: Callable[[bytes], None], port: int | None = None) -> None:
        """Take one message, which came to `port`; `send` is called once for each answer, when it is due."""
        conduct = self.conduct_now(port)
        self._tell("stun.recv", data, conduct)
        for reply in respond(data, source, conduct, (self.server.host, port or self.server.port)):
            if len(self._due) >= self._seams.replies_pending_max:
                self.dropped += 1
                continue
            number = next(self._ordinal)
            self._due[number] = self._seams.clock.call_later(
                reply.delay_s, self._send, number, reply.data, conduct, send
            )

    def stop(self) -> None:
        """Leave the answers that are not due yet."""
        due, self._due = self._due, {}
        for timer in due.values():
            timer.cancel()

    def _send(self, number: int, data: bytes, conduct: Conduct, send: Callable[[bytes], None]) -> None:
        del self._due[number]
        self._tell("stun.send", data, conduct)
        send(data)

    def _tell(self, kind: str, data: bytes, conduct: Conduct) -> None:
        name = (transaction_id_of(data) or b"").hex()
        label = "documented" if conduct.behaviour is Behaviour.HEALTHY else "ours"
        what = {"transport": self.server.transport.value, "behaviour": conduct.behaviour.value}
        self._seams.trace.event(self._who, kind, id=name or None, data=what, label=label)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, door: ServerDoor, port: int) -> None:
        self._door = door
        self._port = port
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._door.receive(data, addr[:2], lambda answer: self._send(answer, addr), self._port)

    def _send(self, answer: bytes, addr: Any) -> None:
        if not self._transport.is_closing():
            self._transport.sendto(answer, addr)


class _Stream(asyncio.Protocol):
    def __init__(self, door: ServerDoor, open_streams: dict[Any, None]) -> None:
        self._door = door
        self._open = open_streams
        self._framer = Framer()
        self._transport: Any = None
        self._idle: Timer | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._open[transport] = None
        if self._door.conduct_now().behaviour is Behaviour.REFUSE:
            reset(transport)
        else:
            self._watch()

    def data_received(self, data: bytes) -> None:
        self._watch()
        source = self._transport.get_extra_info("peername")[:2]
        for message in self._framer.feed(data):
            self._door.receive(message, source, self._send)
        if self._framer.error is not None:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._open.pop(self._transport, None)
        if self._idle is not None:
            self._idle.cancel()

    def _send(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)

    def _watch(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = self._door.clock.call_later(STREAM_IDLE_S, self._transport.abort)


class MediaNode:
    """A node that runs."""

    def __init__(self, spec: NodeSpec, seams: NodeSeams) -> None:
        self.spec = spec
        self.doors: dict[Transport, ServerDoor] = {
            server.transport: ServerDoor(server, spec.conduct[server.transport], seams) for server in spec.servers
        }
        self._seams = seams
        self._datagrams: list[Any] = []
        self.where: dict[tuple[int, str], Address] = {}
        """Where each port of the logical address really is, by port and carrier."""
        self._listeners: list[Listener] = []
        self._open: dict[Any, None] = {}  # in the order in which they were opened, which a set would lose

    async def start(self, host: str = "127.0.0.1") -> None:
        """Open the doors on free ports of `host` and publish the logical addresses.

        Raises:
            OSError: no port, or no descriptor, is left.
            ValueError: a TLS server without a certificate.
        """
        try:
            for transport, door in self.doors.items():
                if transport is Transport.UDP:
                    for port in UDP_PORTS:
                        self._publish(port, "udp", await self._datagram(door, port, host))
                    door.actual = self.where[door.server.port, "udp"]
                else:
                    door.actual = await self._listen(door, host)
                    self._publish(door.server.port, "tcp", door.actual)
        except BaseException:
            await self.stop()
            raise

    def _publish(self, port: int, carrier: str, actual: Address) -> None:
        self.where[port, carrier] = actual
        self._seams.net.publish(self.spec.host, port, *actual, carrier)

    async def _datagram(self, door: ServerDoor, port: int, host: str) -> Address:
        transport, _ = await self._seams.net.datagram(lambda: _Datagrams(door, port), local=(host, 0))
        self._datagrams.append(transport)
        actual: Address = transport.get_extra_info("sockname")[:2]
        return actual

    async def _listen(self, door: ServerDoor, host: str) -> Address:
        tls = self._seams.tls if door.server.transport is Transport.XTLS else None
        if door.server.transport is Transport.XTLS and tls is None:
            raise ValueError(f"{door.id} needs a TLS certificate")
        listener = await self._seams.net.listen(lambda: _Stream(door, self._open), host, tls=tls)
        self._listeners.append(listener)
        return listener.host, listener.port

    async def stop(self) -> None:
        """Close the doors and every open stream, and withdraw the logical addresses."""
        for port, carrier in self.where:
            self._seams.net.names.withdraw(self.spec.host, port, carrier)
        for door in self.doors.values():
            door.stop()
        for datagrams in self._datagrams:
            datagrams.close()
        for listener in self._listeners:
            listener.close()
        for stream in tuple(self._open):
            stream.abort()
        for listener in self._listeners:
            await listener.wait_closed()
