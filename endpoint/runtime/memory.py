"""A network in memory: streams, datagrams and TLS between the parties of one event loop.

Bytes pass from transport to transport by `call_soon`, in the order they were written: no kernel, no ports of the machine, nothing in
flight that the loop does not know of. That is what makes a virtual run repeat by construction.

TLS is OpenSSL's as far as anybody can see: two parties that both speak it shake hands with their own contexts, certificates and names, or
fail at it. What they write afterwards is not encrypted, there is nobody in between to hide it from; that is a quarter of a device-day.
Where only one party speaks TLS, `asyncio.sslproto` runs on top of these transports as it does on sockets.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import ssl
import weakref
from asyncio import sslproto
from collections import deque
from collections.abc import Callable, Container, Iterator
from functools import partial
from typing import Any, cast

from endpoint.runtime.line import Line
from endpoint.runtime.tls import shake_hands

Address = tuple[str, int]
ProtocolFactory = Callable[[], asyncio.BaseProtocol]

HIGH_WATER = 256 * 1024
"""Bytes that may wait at a receiver, or be on their way to it, before the sender is told to pause."""
LOW_WATER = HIGH_WATER // 4
"""Bytes on their way at which a sender that was told to pause goes on."""
FREE_PORTS = range(32_768, 65_536)
"""Ports given to whoever asks for none; after the last one the first is next."""
DATAGRAM_MAX = 65_507
SHAPED_MAX = 1_000
"""Ends under conditions that are remembered before those are let go that nobody holds any more."""


class StreamTransport(asyncio.Transport):
    """One end of a stream in memory."""

    __slots__ = (
        "__weakref__", "_closing", "_eof_received", "_eof_sent", "_eof_shown", "_facts", "_inbox", "_inbox_bytes", "_is_secured", "_line",
        "_loop", "_lost", "_network", "_paused", "_peer", "_protocol", "_scheduled", "_sender_paused",
    )  # fmt: skip
    _start_tls_compatible = True  # asked by loop.start_tls

    def __init__(self, network: MemoryNetwork, local: Address, remote: Address) -> None:
        self._facts: dict[str, Any] = {"sockname": local, "peername": remote}
        super().__init__(self._facts)
        self._network = network
        self._loop = network.loop
        self._protocol: Any = None
        self._peer: StreamTransport | None = None
        self._inbox: deque[bytes] = deque()
        self._inbox_bytes = 0
        self._eof_received = False
        self._eof_shown = False
        self._eof_sent = False
        self._paused = False
        self._sender_paused = False
        self._scheduled = False
        self._closing = False
        self._lost = False
        self._is_secured = False
        self._line: Line | None = None

    def secure(self, context: ssl.SSLContext, agreed: ssl.SSLObject) -> None:
        """Be a TLS connection from here on, as far as anybody can see."""
        self._is_secured = True
        self._facts.update(sslcontext=context, ssl_object=agreed, peercert=agreed.getpeercert(), cipher=agreed.cipher())

    def join(self, peer: StreamTransport) -> None:
        """Make two ends one connection."""
        self._peer, peer._peer = peer, self

    @property
    def peer(self) -> StreamTransport | None:
        """The other end, None once this one is gone."""
        return self._peer

    @property
    def is_secured(self) -> bool:
        """Whether it is a TLS connection, as far as anybody can see."""
        return self._is_secured

    @property
    def waiting(self) -> int:
        """Bytes that have arrived at this end, or are on their way from it, and that nobody has read yet."""
        return self._inbox_bytes + (self._line.in_flight if self._line is not None else 0)

    @property
    def line(self) -> Line | None:
        """What this end sends through; None: nothing is in the way."""
        return self._line

    def send_through(self, line: Line | None) -> None:
        """Let a network be between this end and the other from here on."""
        self._line = line
        if line is not None:
            self._network.note(self)

    def calm(self) -> None:
        """Take the network away: what is under way arrives now, and the end of a peer that is gone shows."""
        line, self._line = self._line, None
        if line is not None:
            line.flush()
        if self._peer is not None and self._peer._lost:
            self._arrive_eof()

    def give_up(self, error: Exception) -> None:
        """Break this end alone, as a sender does who was never answered, or was reset on the way."""
        self._break(error)

    # what the protocol on this end calls

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what asyncio's transports tell, and under `stream` this end itself, which TLS hides."""
        return self if name == "stream" else super().get_extra_info(name, default)

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol  # type: ignore[no-any-return]  # set before the transport is handed out

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def is_closing(self) -> bool:
        return self._closing

    def is_reading(self) -> bool:
        return not self._paused and not self._closing

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        self._paused = False
        self._schedule()

    def get_write_buffer_size(self) -> int:
        under_way = self._line.in_flight if self._line is not None else 0
        return under_way + (self._peer._inbox_bytes if self._peer is not None else 0)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return 0, HIGH_WATER

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Ignored: the limit is the receiver's, HIGH_WATER."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes; they arrive in a later turn of the loop, and not at all once the peer is gone."""
        if self._closing or self._peer is None or not data:
            return
        if self._eof_sent:
            raise RuntimeError("Cannot call write() after write_eof()")
        if self._eof_shown and self._peer._lost:
            self._break(BrokenPipeError("Broken pipe"))  # nobody is there any more, and this end knows
        elif self._line is None:
            self._peer._arrive(bytes(data))
        else:
            self._send_late(self._line, bytes(data), self._peer)

    def _send_late(self, line: Line, data: bytes, peer: StreamTransport) -> None:
        line.push(len(data), partial(peer._arrive, data))
        if line.in_flight + peer._inbox_bytes > HIGH_WATER and not peer._sender_paused:
            peer._sender_paused = True
            self._protocol.pause_writing()

    def can_write_eof(self) -> bool:
        return not self._is_secured

    def write_eof(self) -> None:
        if self._is_secured:
            raise NotImplementedError("TLS has no half-closed connections")
        self._send_eof()

    def _send_eof(self) -> None:
        if not self._eof_sent and self._peer is not None:
            self._eof_sent = True
            if self._line is None:
                self._peer._arrive_eof()
            else:
                self._line.push(0, self._peer._arrive_eof)

    def half_close(self) -> None:
        """Let this end hear that the other one will send no more, whatever they speak; the other one knows nothing of it."""
        self._arrive_eof()

    def close(self) -> None:
        self._force_close(None)

    def abort(self) -> None:
        self._force_close(None)

    def _force_close(self, exc: Exception | None) -> None:  # asyncio.sslproto calls it by this name
        if not self._closing:
            self._send_eof()
            self._break(exc)

    def reset(self) -> None:
        """Break the connection as a RST does: what is in flight is gone, both ends get ConnectionResetError."""
        peer, line = self._peer, self._line
        self._reset()
        if peer is None:
            return
        if line is None:
            peer._reset()
        else:
            line.push(0, peer._reset)

    def _reset(self) -> None:
        self._inbox.clear()
        self._inbox_bytes = 0
        if self._line is not None:
            self._line.drop()
        self._break(ConnectionResetError("Connection reset by peer"))

    def _break(self, exc: Exception | None) -> None:
        self._closing = True
        self._loop.call_soon(self._lose, exc)

    # what the other end and the loop call

    def _arrive(self, data: bytes) -> None:
        if self._closing or self._eof_received:
            return
        self._inbox.append(data)
        self._inbox_bytes += len(data)
        if self._inbox_bytes > HIGH_WATER and not self._sender_paused and self._has_peer:
            self._sender_paused = True
            self._peer._protocol.pause_writing()  # type: ignore[union-attr]  # as just asked
        self._schedule()

    @property
    def _has_peer(self) -> bool:
        return self._peer is not None and not self._peer._lost

    def _arrive_eof(self) -> None:
        self._eof_received = True
        self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled and not self._lost and (self._inbox or (self._eof_received and not self._eof_shown)):
            self._scheduled = True
            self._loop.call_soon(self._deliver)

    def _deliver(self) -> None:
        self._scheduled = False
        try:
            self._hand_over_inbox()
            if self._eof_received and not (self._eof_shown or self._inbox or self._paused or self._closing):
                self._eof_shown = True
                if not self._protocol.eof_received() or self._is_secured:
                    self.close()
        except Exception as error:  # the protocol's defect ends its connection, as on asyncio's own transports
            context = {"message": f"{self._protocol!r} failed", "exception": error, "transport": self}
            self._loop.call_exception_handler(context)
            self._force_close(error)

    def _hand_over_inbox(self) -> None:
        while self._inbox and not self._paused and not self._closing:
            data = self._inbox.popleft() if len(self._inbox) == 1 else b"".join(self._inbox)
            self._inbox.clear()
            self._inbox_bytes = 0
            rest = self._hand_over(data)
            if rest:
                self._inbox.appendleft(rest)
                self._inbox_bytes += len(rest)
        if self._sender_paused and self._inbox_bytes == 0 and self._has_peer:
            line = self._peer._line  # type: ignore[union-attr]  # as just asked
            if line is None or line.in_flight <= LOW_WATER:
                self._sender_paused = False
                self._peer._protocol.resume_writing()  # type: ignore[union-attr]  # as above

    def _hand_over(self, data: bytes) -> bytes:
        """Return what the protocol did not take, because it paused or closed in between."""
        if not isinstance(self._protocol, asyncio.BufferedProtocol):
            self._protocol.data_received(data)
            return b""
        done, size = 0, len(data)
        while done < size and not self._paused and not self._closing:
            buffer: Any = self._protocol.get_buffer(size - done)
            count = min(len(buffer), size - done)
            buffer[:count] = data[done : done + count]
            self._protocol.buffer_updated(count)
            done += count
        return data[done:]

    def _lose(self, exc: Exception | None) -> None:
        if self._lost:
            return
        self._lost = True
        self._network.streams.pop(self, None)
        peer, self._peer = self._peer, None
        if peer is not None and self._sender_paused:
            peer._break(ConnectionResetError("Connection reset by peer"))  # it waits for room that will never be
        protocol, self._protocol = self._protocol, None
        protocol.connection_lost(exc)


class DatagramTransport(asyncio.DatagramTransport):
    """A bound UDP endpoint in memory."""

    def __init__(self, network: MemoryNetwork, protocol: Any, local: Address, remote: Address | None) -> None:
        super().__init__({"sockname": local, "peername": remote})
        self._network = network
        self._protocol = protocol
        self._closing = False
        self.local = local
        self.remote = remote

    def is_closing(self) -> bool:
        return self._closing

    def sendto(self, data: Any, addr: Any = None) -> None:
        target = addr or self.remote
        if not self._closing and target is not None and len(data) <= DATAGRAM_MAX:
            self._network.carry(bytes(data), self.local, target)

    def receive(self, data: bytes, source: Address) -> None:
        """Hand a datagram to the protocol, unless it is connected to somebody else."""
        if not self._closing and (self.remote is None or self.remote == source):
            self._protocol.datagram_received(data, source)

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._network.unbind(self)
            self._network.loop.call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        self.close()


class _Name:
    """Stands where asyncio's servers show their sockets."""

    def __init__(self, address: Address) -> None:
        self._address = address

    def getsockname(self) -> Address:
        return self._address


class MemoryServer(asyncio.AbstractServer):
    """A listening address in memory."""

    def __init__(
        self, network: MemoryNetwork, factory: ProtocolFactory, address: Address, tls: ssl.SSLContext | None
    ) -> None:
        self._network = network
        self.factory = factory
        self.address = address
        self.tls = tls
        self._serving = True

    @property
    def sockets(self) -> tuple[_Name, ...]:
        return (_Name(self.address),) if self._serving else ()

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._network.loop

    def is_serving(self) -> bool:
        return self._serving

    async def start_serving(self) -> None:
        """Nothing to start: an address listens as soon as it is made."""

    async def serve_forever(self) -> None:
        raise NotImplementedError("a listener in memory lives as long as its loop")

    def close(self) -> None:
        if self._serving:
            self._serving = False
            self._network.listeners.pop(self.address, None)

    async def wait_closed(self) -> None:
        """Return at once: connections that were accepted live on, as with real servers."""


class MemoryNetwork:
    """All listeners and bound datagram addresses of one loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.listeners: dict[Address, MemoryServer] = {}
        self.bound: dict[Address, DatagramTransport] = {}
        """Datagram addresses that are in use."""
        self.streams: dict[StreamTransport, None] = {}
        """Ends of streams that are open, in the order in which they were opened."""
        self._ports = itertools.cycle(FREE_PORTS)
        self._shaped: list[weakref.ref[StreamTransport]] = []

    def note(self, end: StreamTransport) -> None:
        """Remember an end that sends through a line, for as long as somebody holds it."""
        if len(self._shaped) >= SHAPED_MAX:
            self._shaped = [held for held in self._shaped if held() is not None]
        self._shaped.append(weakref.ref(end))

    def calm(self) -> None:
        """Let the network be as good as can be on every stream, so that all of them can be taken down."""
        shaped, self._shaped = self._shaped, []
        for held in shaped:
            end = held()
            if end is not None:
                end.calm()

    def listen(self, factory: ProtocolFactory, host: str, port: int, tls: ssl.SSLContext | None) -> MemoryServer:
        """Open a listener; port 0 takes a free one.

        Raises:
            OSError: the address is in use.
        """
        address = _free(host, port, self._ports, self.listeners)
        server = self.listeners[address] = MemoryServer(self, factory, address, tls)
        return server

    async def connect(
        self, factory: ProtocolFactory, host: str, port: int, tls: ssl.SSLContext | None, server_hostname: str | None
    ) -> tuple[asyncio.BaseTransport, asyncio.BaseProtocol]:
        """Connect to a listener.

        Raises:
            ConnectionRefusedError: nobody listens there.
            ssl.SSLError: the handshake failed.
        """
        server = self.listeners.get((host, port))
        if server is None:
            raise ConnectionRefusedError(errno.ECONNREFUSED, f"nobody listens on {host}:{port}")
        near, far = (host, next(self._ports)), server.address
        client_end, server_end = StreamTransport(self, near, far), StreamTransport(self, far, near)
        client_end.join(server_end)
        accepted, server_tls = server.factory(), server.tls
        if tls is not None and server_tls is not None:
            agreed, with_server = shake_hands(tls, server_tls, server_hostname)
            client_end.secure(tls, agreed)
            server_end.secure(server_tls, with_server)
            tls = server_tls = None
        self.streams[client_end] = self.streams[server_end] = None
        protocol = factory()
        waiter = self.loop.create_future()
        transport = self._attach(client_end, protocol, tls, waiter, server_side=False, server_hostname=server_hostname)
        self._attach(server_end, accepted, server_tls, None, server_side=True)  # the server is done last, as in TLS 1.3
        try:
            await waiter
        except BaseException:
            transport.close()
            raise
        return transport, protocol

    def _attach(
        self,
        end: StreamTransport,
        protocol: Any,
        tls: ssl.SSLContext | None,
        waiter: asyncio.Future[None] | None,
        *,
        server_side: bool,
        server_hostname: str | None = None,
    ) -> Any:
        if tls is None:
            end.set_protocol(protocol)
            self.loop.call_soon(protocol.connection_made, end)
            if waiter is not None:
                self.loop.call_soon(_done, waiter)
            return end
        handshake = cast("asyncio.Future[None]", waiter)  # None is allowed: a server waits for nobody
        secured = sslproto.SSLProtocol(self.loop, protocol, tls, handshake, server_side, server_hostname)
        end.set_protocol(secured)
        self.loop.call_soon(secured.connection_made, end)
        return secured._app_transport

    def bind(
        self, factory: ProtocolFactory, local: Address | None, remote: Address | None
    ) -> tuple[DatagramTransport, Any]:
        """Bind a datagram endpoint; without `local`, or with port 0, to a free port.

        Raises:
            OSError: the address is in use.
        """
        address = _free(*(local or ("127.0.0.1", 0)), self._ports, self.bound)
        protocol: Any = factory()
        transport = self.bound[address] = DatagramTransport(self, protocol, address, remote)
        self.loop.call_soon(protocol.connection_made, transport)
        return transport, protocol

    def unbind(self, transport: DatagramTransport) -> None:
        """Free a datagram address."""
        self.bound.pop(transport.local, None)

    def carry(self, data: bytes, source: Address, target: Address) -> None:
        """Carry a datagram; to nobody, if nobody is bound there."""
        receiver = self.bound.get(target)
        if receiver is not None:
            self.loop.call_soon(receiver.receive, data, source)


def _done(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _free(host: str, port: int, ports: Iterator[int], taken: Container[Address]) -> Address:
    wanted = [port] if port else itertools.islice(ports, len(FREE_PORTS))
    for candidate in wanted:
        if (host, candidate) not in taken:
            return host, candidate
    raise OSError(errno.EADDRINUSE, f"address {host}:{port or 'any'} is in use")
