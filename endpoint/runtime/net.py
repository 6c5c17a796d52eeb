"""The network as one actor sees it: logical names and ports, sockets, TLS, faults.

A name such as `u2c-a.wbx2.test:443` means the same in every mode; a shared `NameTable` says which loopback address answers for it. The
seam below is the event loop: on a virtual loop the same calls stay in memory. A name that nobody published does not resolve, so that a
wrong setting can never send a packet out of the house; a host beyond loopback has to be allowed by name.
"""

from __future__ import annotations

import asyncio
import ipaddress
import resource
import socket
import ssl
import struct
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final, Protocol
from weakref import ref

from endpoint.runtime.clock import Clock
from endpoint.runtime.errors import Unreachable
from endpoint.runtime.faults import Fault, Faults
from endpoint.runtime.hush import Hush
from endpoint.runtime.quality import shapes, silences
from endpoint.runtime.shaping import Shaped, Shaper
from endpoint.runtime.tls import TlsClient, date_problem, failure
from endpoint.runtime.wiretap import Ear, TappedDatagrams, TappedEndpoint, TappedProtocol, Wiretap, bare, ends

BACKLOG = 4096
"""Listen backlog of every server; a fleet that wakes at once must not meet a full one."""
CONNECT_TIMEOUT_S = 10.0
ProtocolFactory = Callable[[], asyncio.BaseProtocol]

_NO_CONNECT: Final = ("tcp", "connect timeout {host}:{port}")
_NO_NAME: Final = ("dns", "could not resolve {host}")
_NO_ANSWER: Final = ("dns", "dns timeout {host}")
_NO_HANDSHAKE: Final = ("tls", "TLS handshake timeout {host}")
FAILURES: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "link": {"down": _NO_CONNECT, "no_address": _NO_CONNECT},
    "dns": {"nxdomain": _NO_NAME, "servfail": _NO_NAME, "silent": _NO_ANSWER, "tcp_only": _NO_ANSWER},
    "tcp": {"refuse": ("tcp", "connection refused {host}:{port}"), "silent": _NO_CONNECT, "block": _NO_CONNECT},
    "tls": {
        "unknown_ca": ("tls", "certificate verify failed for {host}: unknown issuer"),
        "expired": ("tls", "certificate verify failed for {host}: expired"),
        "not_yet_valid": ("tls", "certificate verify failed for {host}: not yet valid"),
        "wrong_name": ("tls", "certificate verify failed for {host}: host name mismatch"),
        "revoked": ("tls", "certificate verify failed for {host}: revoked"),
        "revocation_unknown": ("tls", "certificate verify failed for {host}: revocation unknown"),
        "old_version": ("tls", "connection reset {host}:{port}"),
    },
}
"""What a fault does to a new connection, from the lowest layer up: layer and reason of the failure."""
SOFT: Final = frozenset({"revocation_unknown"})
"""What only those mind who insist on an answer."""
OF_ALL: Final = frozenset({"old_version"})
"""What of TLS is in the way of those, too, who verify no certificate."""
PATIENCE: Final = frozenset({"silent", "block"})
"""Faults that show only when somebody has waited in vain."""
LINK_LOST: Final = frozenset(FAILURES["link"])
"""Faults of the link that let nothing pass."""
DNS_TIMEOUT_S: Final = 5.0
"""A resolver whose question over UDP was not answered for so long asks over TCP from then on."""
NAMES_MAX: Final = 1_000
"""Names that are known to be asked for over TCP; the oldest leave first."""
STREAMS_KEPT: Final = 16
"""Streams that are remembered before those that are closed are swept out for the first time."""
NOWHERE: Final = "192.0.2.200"
"""Where a wrong address leads without a figure: nobody is there (RFC 5737)."""


def raise_open_file_limit() -> int:
    """Raise the soft limit of open files to the hard one; return what holds now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


class NameTable:
    """Which loopback address answers for which logical name and port."""

    def __init__(self) -> None:
        self._exact: dict[tuple[str, int, str], tuple[str, int]] = {}
        self._domains: dict[str, dict[int, tuple[str, int]]] = {}
        self._allowed: set[str] = set()

    def publish(self, name: str, port: int, host: str, actual_port: int, transport: str = "tcp") -> None:
        """Let `host:actual_port` answer for a logical name and port."""
        self._exact[name.lower(), port, transport] = (host, actual_port)

    def withdraw(self, name: str, port: int, transport: str = "tcp") -> None:
        """Let nobody answer for a logical name and port any more."""
        self._exact.pop((name.lower(), port, transport), None)

    def publish_domain(self, domain: str, port: int, host: str, actual_port: int) -> None:
        """Let one address answer for every name at or below `domain` on a TCP port; exact names win."""
        self._domains.setdefault(domain.lower(), {})[port] = (host, actual_port)

    def allow(self, host: str) -> None:
        """Let a host beyond loopback be reached under its own name and ports."""
        self._allowed.add(host.lower())

    def resolve(self, name: str, port: int, transport: str = "tcp") -> tuple[str, int] | None:
        """Return the address that answers, or None: the name does not exist here."""
        name = name.lower().strip("[]")
        try:
            name.encode("idna")
        except UnicodeError:  # an empty or an endless label: OpenSSL would not take it as a server's name either
            return None
        found = self._exact.get((name, port, transport))
        if found is not None:
            return found
        labels = name.split(".")
        for start in range(len(labels)):
            ports = self._domains.get(".".join(labels[start:]))
            if transport == "tcp" and ports and port in ports:
                return ports[port]
        if name == "localhost":
            return "127.0.0.1", port
        if name in self._allowed:
            return name, port
        return (name, port) if is_loopback(name) else None


class Listener:
    """An open door: `host` and `port` are where it really listens."""

    def __init__(self, server: asyncio.AbstractServer) -> None:
        self._server = server
        self.host, self.port = server.sockets[0].getsockname()[:2]  # type: ignore[attr-defined]  # every real server has them

    def close(self) -> None:
        """Accept nobody any more."""
        self._server.close()

    async def wait_closed(self) -> None:
        """Wait until the door is shut."""
        await self._server.wait_closed()


class Way(Protocol):
    """How connections to the cloud leave the house."""

    async def tunnel(self, host: str, port: int, *, secure: bool, service: str) -> Any:
        """Return a paused stream that leads to a logical name through a proxy, or None: the direct way is the right one.

        Raises:
            Unreachable: the proxy is not there, or does not let it through.
        """


class Net:
    """One actor's view of the network."""

    def __init__(self, who: str, clock: Clock, names: NameTable, faults: Faults) -> None:
        self.who = who
        self.clock = clock
        self.names = names
        self.faults = faults
        self.way: Way | None = None
        """Asked by connections that may take a proxy."""
        self.wiretap: Wiretap | None = None
        """Hears what connections that this actor opens carry."""
        self._streams: list[tuple[Callable[[], Any], Mapping[str, object]]] = []
        self._sweep_at = STREAMS_KEPT
        self._shaper: Shaper | None = None
        self._over_tcp: dict[str, None] = {}
        self._hush = Hush(clock, faults, lambda: list(self._open_streams()))
        faults.on_momentary(self._strike)
        faults.on_change(self._changed)

    async def connect(
        self,
        factory: ProtocolFactory,
        host: str,
        port: int,
        *,
        tls: TlsClient | None = None,
        timeout_s: float | None = CONNECT_TIMEOUT_S,
        service: str = "",
        proxied: bool = False,
    ) -> tuple[Any, Any]:
        """Open a stream to a logical name, through TLS when `tls` is given.

        The protocol is made and told of the connection only after the peer's certificate has been verified, dates and all.

        Args:
            service: name of the cloud service, for faults aimed at it.
            proxied: it goes through a proxy where there is one; time then runs for each leg.

        Raises:
            Unreachable: with one of the closed set of reasons (protocol/activation-and-media.md 9.4).
        """
        about = {"host": host, "port": port, "service": service, "device": self.who}
        if proxied and self.way is not None:
            stream = await self.way.tunnel(host, port, secure=tls is not None, service=service)
            if stream is not None:
                return await self._through(stream, factory, tls, about, timeout_s)
        factory = self._heard(factory, tls, about)
        verifies = tls is not None and tls.verify
        patience_s = CONNECT_TIMEOUT_S if timeout_s is None else timeout_s
        shaped, ends_s = None, self.clock.time() + patience_s
        if self.faults.armed:
            await self._disturb(about, patience_s, tls)
            host = await self._misled(about, patience_s)
            shaped, ends_s = await self._reach(about, patience_s), self.clock.time() + patience_s
        address = self.names.resolve(host, port)
        if address is None:
            raise _unreachable(_NO_NAME, about)
        options: dict[str, Any] = {}
        if tls is not None:
            options = {"ssl": tls.context(), "server_hostname": about["host"]}
        loop = asyncio.get_running_loop()
        transport: Any
        protocol: Any
        try:
            async with self.clock.timeout(timeout_s):
                transport, protocol = await loop.create_connection(_Held if verifies else factory, *address, **options)
        except OSError as error:
            raise _unreachable(_failure(error, tls), about) from None
        if shaped is not None:
            await self._surround(transport, shaped, about, ends_s)
        if verifies:
            self._check(transport, protocol, about)
            protocol = _hand_over(transport, factory)
        self._keep(transport, about)
        return ends(transport, protocol)

    def _heard(self, factory: ProtocolFactory, tls: TlsClient | None, about: Mapping[str, object]) -> ProtocolFactory:
        wiretap = self.wiretap
        if wiretap is None:
            return factory
        return lambda: TappedProtocol(factory(), lambda: wiretap.opened("tcp" if tls is None else "tls", about))

    async def _through(
        self,
        stream: Any,
        factory: ProtocolFactory,
        tls: TlsClient | None,
        about: Mapping[str, object],
        timeout_s: float | None,
    ) -> tuple[Any, Any]:
        """Take over a tunnel; what is said in it is TLS with the host at its end when `tls` is given."""
        stream = bare(stream)
        transport: Any = stream
        if tls is not None:
            held = _Held()
            try:
                await self._disturb(about, CONNECT_TIMEOUT_S if timeout_s is None else timeout_s, tls, ("tls",))
                async with self.clock.timeout(timeout_s):
                    transport = await asyncio.get_running_loop().start_tls(
                        stream, held, tls.context(), server_hostname=str(about["host"])
                    )
                transport.pause_reading()
                self._check(transport, held, about, looks=tls.verify)
            except OSError as error:
                raise _unreachable(_failure(error, tls), about) from None
            finally:
                if transport is stream:
                    stream.abort()
        protocol = _hand_over(transport, self._heard(factory, tls, about))
        self._keep(transport, about)
        return ends(transport, protocol)

    @property
    def open_streams(self) -> list[str]:
        """Return where the streams lead that are open, `host:port`."""
        return [f"{about['host']}:{about['port']}" for _, about in self._open_streams()]

    def break_streams(self) -> None:
        """Break every stream: the interface is gone."""
        for held, _about in list(self._open_streams()):
            reset(held())

    def hold_streams(self, does: bool) -> None:
        """Let what arrives on every stream lie, as somebody does who stands still, or take it again."""
        for held, _about in list(self._open_streams()):
            transport = held()
            if does:
                transport.pause_reading()
            else:
                transport.resume_reading()

    def _keep(self, transport: Any, about: Mapping[str, object]) -> None:
        """Remember a new stream; those that are closed are swept out whenever there are twice as many as were open."""
        if len(self._streams) >= self._sweep_at:
            self._streams = list(self._open_streams())
            self._sweep_at = max(STREAMS_KEPT, 2 * len(self._streams))
        self._streams.append((_held_loosely(transport), about))

    def _open_streams(self) -> Iterator[tuple[Callable[[], Any], Mapping[str, object]]]:
        for held, about in self._streams:
            transport = held()
            if transport is not None and not transport.is_closing():
                yield held, about

    def _check(self, transport: Any, held: _Held, about: Mapping[str, object], *, looks: bool = True) -> None:
        if held.is_lost:
            transport.abort()
            raise _unreachable(("tls", "connection reset {host}:{port}"), about)
        problem = date_problem(transport.get_extra_info("ssl_object"), self.clock.now()) if looks else None
        if problem is not None:
            transport.abort()
            raise _unreachable(("tls", "certificate verify failed for {host}: " + problem), about)

    async def _disturb(
        self,
        about: Mapping[str, object],
        patience_s: float,
        tls: TlsClient | None,
        layers: Container[str] = FAILURES,
    ) -> None:
        """Let faults of the lower layers bite: the lowest wins. Whoever does not verify is not disturbed by certificates."""
        for layer, failures in FAILURES.items():
            if (
                layer not in layers
                or (layer == "tls" and tls is None)
                or (layer == "dns" and is_address(str(about["host"])))
            ):
                continue
            among = {*failures, "delay"} - ({"tcp_only"} if about["host"] in self._over_tcp else set())
            if layer == "tls" and tls is not None and not tls.verify:
                among &= OF_ALL
            fault = self.faults.hit(layer, among, at="client", **about)
            if fault is None:
                continue
            wait_s = patience_s if fault.do in PATIENCE else 0.0
            failure = None if fault.do in SOFT and tls is not None and not tls.insists else failures.get(fault.do)
            if fault.do == "delay":
                wait_s = min(float(fault.params.get("by", 1.0)), patience_s)
                failure = None if wait_s < patience_s else _NO_CONNECT if layer != "dns" else _NO_ANSWER
            elif fault.do == "tcp_only":
                wait_s = min(DNS_TIMEOUT_S, patience_s)
                self._ask_over_tcp(str(about["host"]))
            if wait_s:
                await self.clock.sleep(wait_s)
            if failure is not None:
                raise _unreachable(failure, about)

    def _ask_over_tcp(self, name: str) -> None:
        if len(self._over_tcp) >= NAMES_MAX:
            del self._over_tcp[next(iter(self._over_tcp))]
        self._over_tcp[name] = None

    async def _misled(self, about: Mapping[str, object], patience_s: float) -> str:
        """Return the host that a name leads to: its own, or where a fault says."""
        host = str(about["host"])
        fault = None if is_address(host) else self.faults.hit("dns", ("wrong_address",), at="client", **about)
        if fault is None:
            return host
        wrong = str(fault.params.get("to", NOWHERE))
        if self.names.resolve(wrong, int(str(about["port"]))) is None:  # packets go out, and nobody answers
            await self.clock.sleep(patience_s)
            raise _unreachable(_NO_CONNECT, about)
        return wrong

    async def _reach(self, about: Mapping[str, object], patience_s: float) -> Shaped | None:
        """Wait for as long as a connection takes to be made under the conditions of the network."""
        shaped = self._conditions().begin(about)
        if shaped is None:
            return None
        try:
            async with self.clock.timeout(patience_s):
                await shaped.connect()
        except TimeoutError:
            raise _unreachable(_NO_CONNECT, about) from None
        return shaped

    async def _surround(self, transport: Any, shaped: Shaped, about: Mapping[str, object], ends_s: float) -> None:
        """Put a new connection under the conditions of the network, and wait for its handshake."""
        stream = transport.get_extra_info("stream")
        if stream is None or stream.peer is None:
            return
        shaped.surround(stream)
        try:
            async with self.clock.timeout(ends_s - self.clock.time()):
                await shaped.secure(stream)
        except TimeoutError:
            transport.abort()
            raise _unreachable(_NO_HANDSHAKE, about) from None
        except BaseException:  # called off: nobody else knows of the stream yet
            transport.abort()
            raise

    def _conditions(self) -> Shaper:
        if self._shaper is None:
            self._shaper = Shaper(self.who, self.clock, self.faults)
        return self._shaper

    def _changed(self, fault: Fault) -> None:
        """Let open streams feel conditions that came, and forget what has ended."""
        if fault.do == "tcp_only":
            self._over_tcp.clear()
        if not shapes(fault):
            return
        self._conditions().changed(fault)
        if silences(fault):
            self._hush.changed()
        for held, about in self._open_streams():
            self._conditions().surround(held().get_extra_info("stream"), about)

    def _strike(self, fault: Fault) -> bool:
        carried_out = MOMENTARY.get(fault.do)
        if carried_out is None:
            return False
        is_tls = fault.on == "tls"
        wanted = {"tcp": None, "tls": None, "websocket": "mercury"}.get(fault.on, fault.on)
        hit = [
            held()
            for held, about in self._open_streams()
            if wanted in (None, about["service"]) and fault.aims_at(about) and (not is_tls or _speaks_tls(held()))
        ]
        for stream in hit:
            carried_out(stream)
        return bool(hit)

    async def listen(
        self, factory: Any, host: str = "127.0.0.1", port: int = 0, *, tls: ssl.SSLContext | None = None
    ) -> Listener:
        """Open a door on a loopback address (or the one given); port 0 takes a free one.

        Raises:
            OSError: the address is in use or not ours.
        """
        loop = asyncio.get_running_loop()
        return Listener(await loop.create_server(factory, host, port, ssl=tls, backlog=BACKLOG))

    async def datagram(
        self,
        factory: Any,
        *,
        remote: tuple[str, int] | None = None,
        local: tuple[str, int] | None = None,
    ) -> tuple[Any, Any]:
        """Open a datagram endpoint; `remote` is a real address, see `resolve_datagram` for logical ones."""
        loop = asyncio.get_running_loop()
        if local is None and remote is None:
            local = ("127.0.0.1", 0)
        wiretap = self.wiretap
        if wiretap is None:
            return await loop.create_datagram_endpoint(factory, local_addr=local, remote_addr=remote)

        def hear(address: Any) -> Ear | None:
            host, port = (address or remote or ("", 0))[:2]
            return wiretap.opened("udp", {"host": host, "port": port, "service": "media", "device": self.who})

        transport, protocol = await loop.create_datagram_endpoint(
            lambda: TappedDatagrams(factory(), hear), local_addr=local, remote_addr=remote
        )
        return TappedEndpoint(transport, protocol.heard), protocol.inner

    def resolve_datagram(self, host: str, port: int) -> tuple[str, int] | None:
        """Return the address that answers for a logical UDP name and port, or None."""
        return self.names.resolve(host, port, "udp")

    def loses(self, direction: str, host: str, port: int, kind: str = "stun") -> bool:
        """Ask whether a fault takes a datagram: `direction` up or down, `port` the logical one."""
        if not self.faults.armed:
            return False
        about = {"host": host, "port": port, "direction": direction, "kind": kind, "device": self.who}
        return (self.faults.hit("link", LINK_LOST, **about) or self.faults.hit("udp", ("drop",), **about)) is not None

    def carry(
        self, data: bytes, direction: str, host: str, port: int, deliver: Callable[[bytes], object], kind: str = "stun"
    ) -> bool:
        """Carry a datagram as far as the network is modelled; says whether it arrives.

        Args:
            direction: up or down.
            port: the logical one, as `host`.
            deliver: gets it now, later, twice, changed or never.
        """
        if not self.faults.armed:
            deliver(data)
            return True
        if self.loses(direction, host, port, kind):
            return False
        return self._conditions().carry(data, (direction, host, port, kind), deliver)

    def publish(self, name: str, port: int, host: str, actual_port: int, transport: str = "tcp") -> None:
        """Let a real address answer for a logical name; see `NameTable.publish`."""
        self.names.publish(name, port, host, actual_port, transport)


class _Held(asyncio.Protocol):
    """Stands in for a protocol until the peer's certificate has been looked at: it reads nothing and says nothing."""

    is_lost = False

    def connection_made(self, transport: Any) -> None:
        transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        self.is_lost = True  # in a tunnel: a server that speaks before it is asked is none of ours

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True


def _hand_over(transport: Any, factory: ProtocolFactory) -> Any:
    """Let a protocol have a connection that was held until now."""
    protocol: Any = factory()
    transport.set_protocol(protocol)
    protocol.connection_made(transport)
    transport.resume_reading()
    return protocol


def _held_loosely(transport: Any) -> Callable[[], Any]:
    try:
        return ref(transport)
    except TypeError:  # uvloop's under TLS: they stay until the next sweep
        return lambda: transport


def _failure(error: OSError, tls: TlsClient | None) -> tuple[str, str]:
    match error:
        case TimeoutError():
            return _NO_CONNECT if tls is None else _NO_HANDSHAKE
        case ssl.SSLCertVerificationError():
            return "tls", "certificate verify failed for {host}: " + failure(error)
        case ssl.SSLError():
            return "tls", "connection reset {host}:{port}"
        case ConnectionRefusedError():
            return FAILURES["tcp"]["refuse"]
        case socket.gaierror():
            return _NO_NAME
        case _:
            return "tcp", "connection reset {host}:{port}"


def _unreachable(failure: tuple[str, str], about: Mapping[str, object]) -> Unreachable:
    layer, reason = failure
    return Unreachable(layer, str(about["host"]), reason.format_map(about))


def is_loopback(host: str) -> bool:
    """Say whether a host is an address of this machine alone; a name is none."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_address(host: str) -> bool:
    """Tell whether a host is an address, which nobody has to resolve."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def half_close(transport: Any) -> None:
    """Let a stream end from the far side alone, also under TLS: nothing comes any more, what is written still goes."""
    stream = transport.get_extra_info("stream")
    if stream is not None:
        stream.half_close()
        return
    raw = transport.get_extra_info("socket")
    if raw is not None:
        with suppress(OSError):  # it may be closed already
            raw.shutdown(socket.SHUT_RD)


def reset(transport: Any) -> None:
    """Break a stream with a RST, also under TLS."""
    stream = transport.get_extra_info("stream")
    if stream is not None:
        stream.reset()
        return
    raw = transport.get_extra_info("socket")
    if raw is not None:
        with suppress(OSError, ValueError):  # it may be closed already
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def _speaks_tls(transport: Any) -> bool:
    return transport.get_extra_info("ssl_object") is not None


MOMENTARY: Final[Mapping[str, Callable[[Any], None]]] = {"reset": reset, "half_close": half_close, "abort": reset}
"""What is done to open streams, once."""
