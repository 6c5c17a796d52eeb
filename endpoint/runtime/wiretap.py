"""The wiretap: where somebody who keeps the bytes of connections hears them, as they are inside TLS.

Nothing of it enters trace or log. A network without a listener wraps nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast


class Ear(Protocol):
    """Hears one connection, or what is exchanged with one address."""

    def __call__(self, data: bytes, *, is_sent: bool) -> None:
        """Take bytes, or one datagram, in the order in which they pass."""
        ...


class Wiretap(Protocol):
    """Gives each connection an ear."""

    def opened(self, transport: str, about: Mapping[str, object]) -> Ear | None:
        """Return who hears a connection, None if nobody does.

        Args:
            transport: tcp, tls or udp.
            about: host, port, service and device, as faults are told.
        """
        ...


class TappedProtocol(asyncio.Protocol):
    """Stands before the protocol of a stream, which notices nothing."""

    def __init__(self, inner: Any, hear: Callable[[], Ear | None]) -> None:
        self.inner = inner
        self.transport: Any = None
        """The stream as the protocol sees it."""
        self._hear = hear
        self._ear: Ear | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._ear = self._hear()
        self.transport = transport if self._ear is None else TappedTransport(transport, self._ear)
        self.inner.connection_made(self.transport)

    def data_received(self, data: bytes) -> None:
        if self._ear is not None:
            self._ear(bytes(data), is_sent=False)
        self.inner.data_received(data)

    def eof_received(self) -> bool | None:
        return cast("bool | None", self.inner.eof_received())

    def connection_lost(self, exc: Exception | None) -> None:
        self.inner.connection_lost(exc)

    def pause_writing(self) -> None:
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        self.inner.resume_writing()


class TappedTransport:
    """A stream as its protocol sees it; all that it does, the bare one does."""

    def __init__(self, bare: Any, ear: Ear) -> None:
        self.bare = bare
        self._ear = ear

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bare, name)

    def write(self, data: Any) -> None:
        """Send bytes."""
        self._ear(bytes(data), is_sent=True)
        self.bare.write(data)

    def writelines(self, parts: Any) -> None:
        """Send bytes that are in parts."""
        self.write(b"".join(parts))


class TappedDatagrams(asyncio.DatagramProtocol):
    """Stands before the protocol of a datagram endpoint; each address has an ear of its own."""

    def __init__(self, inner: Any, hear: Callable[[Any], Ear | None]) -> None:
        self.inner = inner
        self._hear = hear
        self._ears: dict[Any, Ear | None] = {}

    def connection_made(self, transport: Any) -> None:
        self.inner.connection_made(TappedEndpoint(transport, self.heard))

    def heard(self, data: bytes, address: Any, *, is_sent: bool) -> None:
        """Pass a datagram on to the ear of its address."""
        if address not in self._ears:
            self._ears[address] = self._hear(address)
        ear = self._ears[address]
        if ear is not None:
            ear(data, is_sent=is_sent)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.heard(bytes(data), addr, is_sent=False)
        self.inner.datagram_received(data, addr)

    def error_received(self, exc: Exception) -> None:
        self.inner.error_received(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        self.inner.connection_lost(exc)


class TappedEndpoint:
    """A datagram endpoint as its protocol sees it."""

    def __init__(self, bare: Any, heard: Callable[..., None]) -> None:
        self.bare = bare
        self._heard = heard

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bare, name)

    def sendto(self, data: Any, addr: Any = None) -> None:
        """Send a datagram."""
        self._heard(bytes(data), addr or self.bare.get_extra_info("peername"), is_sent=True)
        self.bare.sendto(data, addr)


def bare(transport: Any) -> Any:
    """Return a stream as it is without a wiretap."""
    return transport.bare if isinstance(transport, TappedTransport) else transport


def ends(transport: Any, protocol: Any) -> tuple[Any, Any]:
    """Return a connection as whoever asked for it knows it: the stream that is heard, and the protocol that he made."""
    return (protocol.transport, protocol.inner) if isinstance(protocol, TappedProtocol) else (transport, protocol)
