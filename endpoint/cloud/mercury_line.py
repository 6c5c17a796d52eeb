"""One websocket connection of Mercury, from the attempt to its end: what belongs to it and not to its successor."""

from __future__ import annotations

from typing import Protocol

from endpoint.runtime.clock import Timer
from endpoint.runtime.websocket import WebSocket
from endpoint.wire.mercury import Sequence


class Owner(Protocol):
    """Who is told what happens on a line."""

    def line_opened(self, line: Line) -> None:
        """The websocket handshake is done."""

    def line_received(self, line: Line, text: str) -> None:
        """A text message came."""

    def line_closed(self, line: Line, code: int, reason: str) -> None:
        """The line is gone; see `websocket.Listener.socket_closed` for the code."""


class Line:
    """A connection attempt and what becomes of it.

    Attributes:
        asked_s: second of the clock at which it was begun.
        is_open: the handshake is done.
        is_greeted: the opening event came.
        is_proven: a pong came that answers a ping of ours.
    """

    __slots__ = ("_owner", "asked_s", "greeting", "is_greeted", "is_open", "is_proven", "sequence", "socket")

    def __init__(self, owner: Owner, asked_s: float) -> None:
        self._owner: Owner | None = owner
        self.asked_s = asked_s
        self.socket: WebSocket | None = None
        self.sequence = Sequence()
        self.greeting: Timer | None = None
        self.is_open = self.is_greeted = self.is_proven = False

    def socket_opened(self, socket: WebSocket) -> None:
        """Take note of the handshake."""
        self.socket, self.is_open = socket, True
        if self._owner is not None:
            self._owner.line_opened(self)

    def socket_received(self, socket: WebSocket, text: str) -> None:
        """Hand on a message."""
        if self._owner is not None:
            self._owner.line_received(self, text)

    def socket_closed(self, socket: WebSocket, code: int, reason: str) -> None:
        """Hand on the end."""
        self.stop_waiting()
        if self._owner is not None:
            self._owner.line_closed(self, code, reason)

    def stop_waiting(self) -> None:
        """Wait for the opening event no longer."""
        if self.greeting is not None:
            self.greeting.cancel()
            self.greeting = None

    def close(self, code: int, reason: str) -> None:
        """Close from our side; the owner hears nothing any more."""
        self._owner = None
        self.stop_waiting()
        if self.socket is not None:
            self.socket.close(code, reason)

    def cut(self) -> None:
        """Break the connection as a loss of power does; the owner hears nothing any more."""
        self._owner = None
        self.stop_waiting()
        if self.socket is not None:
            self.socket.reset()
