"""A websocket client on our network: the sans-I/O protocol of `websockets`, carried by one transport and no task.

Ten thousand idle connections cost ten thousand small objects; nothing here wakes up by itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final, Protocol

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus, InvalidURI, WebSocketException
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from endpoint.runtime.clock import Clock, Timer
from endpoint.runtime.errors import Unreachable
from endpoint.runtime.net import Net
from endpoint.runtime.net import reset as reset_transport
from endpoint.runtime.tls import TlsClient

MESSAGE_BYTES_MAX: Final = 1024 * 1024
CLOSE_PATIENCE_S: Final = 2.0  # forced local close; protocol/cloud-services.md 5.5
HANDSHAKE_TIMEOUT_S: Final = 30.0

_SILENT = logging.getLogger("roomsim.websocket")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False
_SILENT.setLevel(logging.CRITICAL)


class Listener(Protocol):
    """Who is told what happens on a socket."""

    def socket_opened(self, socket: WebSocket) -> None:
        """The handshake is done."""

    def socket_received(self, socket: WebSocket, text: str) -> None:
        """A text message came; what is not UTF-8 in it stands as U+FFFD. Binary messages are not shown: Mercury has none."""

    def socket_closed(self, socket: WebSocket, code: int, reason: str) -> None:
        """The socket is gone; called once. Before the handshake was done, `code` is the HTTP status of a refusal, or 1006."""


class WebSocket(asyncio.Protocol):
    """One client connection."""

    __slots__ = (
        "_clock", "_closed", "_ending", "_fragments", "_is_text", "_listener", "_opened", "_timer", "_transport", "_ws", "url",
    )  # fmt: skip

    def __init__(self, url: str, clock: Clock, listener: Listener) -> None:
        self.url = url
        self._clock = clock
        self._listener: Listener | None = listener
        self._ws = ClientProtocol(parse_uri(url), max_size=MESSAGE_BYTES_MAX, logger=_SILENT)
        self._transport: Any = None
        self._timer: Timer | None = None
        self._fragments: list[bytes] = []
        self._is_text = True
        self._opened = False
        self._ending = False
        self._closed = False

    @property
    def is_open(self) -> bool:
        """Say whether messages can be sent."""
        return self._ws.state is State.OPEN and not self._closed

    # what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._ws.send_request(self._ws.connect())
        self._flush()
        self._abort_in(HANDSHAKE_TIMEOUT_S)

    def data_received(self, data: bytes) -> None:
        self._ws.receive_data(data)
        self._digest()

    def eof_received(self) -> bool:
        self._ws.receive_eof()
        self._digest()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if self._ws.state is not State.CLOSED:
            self._ws.receive_eof()
        self._end()

    # what the owner calls

    def send(self, text: str) -> None:
        """Send a text message; a socket that is closing swallows it."""
        if self.is_open:
            self._ws.send_text(text.encode())
            self._flush()

    def close(self, code: int, reason: str) -> None:
        """Close with a code; a peer that does not answer is cut off after two seconds."""
        if self._ws.state is State.OPEN:
            self._ws.send_close(code, reason)
            self._flush()
            self._end_soon()
        elif not self._closed:
            self._abort()

    def let_go(self) -> None:
        """Tell the listener nothing any more, and close."""
        self._listener = None
        self.close(1000, "Done")

    def reset(self) -> None:
        """Break the connection as a RST does."""
        if self._transport is not None:
            reset_transport(self._transport)

    # inside

    def _digest(self) -> None:
        for event in self._ws.events_received():
            if isinstance(event, Frame):
                self._take(event)
            elif self._ws.handshake_exc is None and not self._opened:
                self._open()
        self._flush()
        if self._ws.close_expected():
            self._end_soon()

    def _open(self) -> None:
        self._opened = True
        self._cancel_timer()
        if self._listener is not None:
            self._listener.socket_opened(self)

    def _take(self, frame: Frame) -> None:
        if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            return
        if frame.opcode is not Opcode.CONT:
            self._is_text = frame.opcode is Opcode.TEXT
        self._fragments.append(bytes(frame.data))
        if frame.fin:
            message = b"".join(self._fragments)
            self._fragments.clear()
            if self._is_text and self._listener is not None:
                self._listener.socket_received(self, message.decode("utf-8", "replace"))

    def _flush(self) -> None:
        if self._transport is None:
            return
        for data in self._ws.data_to_send():
            if self._transport.is_closing():
                return  # lost, perhaps under the write before this one
            if data:
                self._transport.write(data)
            elif self._transport.can_write_eof():
                self._transport.write_eof()
            else:
                self._transport.close()

    def _end_soon(self) -> None:
        if not self._ending and not self._closed:
            self._ending = True
            self._abort_in(CLOSE_PATIENCE_S)

    def _abort_in(self, delay_s: float) -> None:
        self._cancel_timer()
        self._timer = self._clock.call_later(delay_s, self._abort)

    def _abort(self) -> None:
        self._cancel_timer()
        if self._transport is not None:
            self._transport.abort()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._cancel_timer()
        listener, self._listener = self._listener, None
        if listener is None:
            return
        refusal = self._ws.handshake_exc
        if isinstance(refusal, InvalidStatus):
            listener.socket_closed(self, refusal.response.status_code, "upgrade refused")
        elif isinstance(refusal, WebSocketException):
            listener.socket_closed(self, 1006, "upgrade failed")
        else:
            code = self._ws.close_code if self._opened else 1006
            listener.socket_closed(self, int(code or 1006), self._ws.close_reason or "")


async def connect(
    net: Net,
    url: str,
    listener: Listener,
    *,
    tls: Callable[[], TlsClient],
    service: str,
    timeout_s: float = HANDSHAKE_TIMEOUT_S,
) -> WebSocket:
    """Connect and start the handshake; the listener hears of its end.

    Raises:
        Unreachable: there is no connection, or the URL is none; the listener hears nothing.
    """
    try:
        target = parse_uri(url)
    except (InvalidURI, ValueError):
        raise Unreachable("websocket", "", "unexpected content") from None
    socket = WebSocket(url, net.clock, listener)
    await net.connect(
        lambda: socket,
        target.host,
        target.port,
        tls=tls() if target.secure else None,
        timeout_s=timeout_s,
        service=service,
        proxied=True,
    )
    return socket


__all__ = ["Listener", "Unreachable", "WebSocket", "connect"]
