"""One websocket connection of Mercury, from the attempt to its end: what belongs to it and not to its successor.

It reads frames, acknowledges and numbers them; what they mean is its owner's to say. Source: protocol/cloud-services.md 5.3, 5.4.
"""

from __future__ import annotations

from typing import Any, Protocol

from endpoint.runtime.clock import Timer
from endpoint.runtime.websocket import WebSocket
from endpoint.runtime.world import World
from endpoint.wire import mercury
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.mercury import Ack, Authorization, Event, Ping, Sequence

PEER = "cloud:mercury"


class Owner(Protocol):
    """Who is told what happens on a line."""

    def line_opened(self, line: Line) -> None:
        """The websocket handshake is done."""

    def line_received(self, line: Line, frame: mercury.ServerFrame) -> None:
        """A frame came, and is acknowledged."""

    def line_closed(self, line: Line, code: int, reason: str) -> None:
        """The line is gone; see `websocket.Listener.socket_closed` for the code."""


class Line:
    """A connection attempt and what becomes of it.

    Attributes:
        asked_s: second of the clock at which it was begun.
        greeting: runs while the opening event is waited for.
        is_open: the handshake is done.
        is_greeted: the opening event came.
        is_proven: a pong came that answers a ping of ours.
    """

    __slots__ = (
        "_owner",
        "_sequence",
        "_world",
        "asked_s",
        "greeting",
        "is_greeted",
        "is_open",
        "is_proven",
        "socket",
        "tapped",
    )

    def __init__(self, owner: Owner, world: World) -> None:
        self._owner: Owner | None = owner
        self._world = world
        self._sequence = Sequence()
        self.asked_s = world.clock.time()
        self.socket: WebSocket | None = None
        self.tapped = 0
        self.greeting: Timer | None = None
        self.is_open = self.is_greeted = self.is_proven = False

    # what the socket tells

    def socket_opened(self, socket: WebSocket) -> None:
        """Take note of the handshake."""
        self.socket, self.is_open = socket, True
        self.tapped = self._world.tap.socket_opened(socket.url)
        if self._owner is not None:
            data = {"service": "mercury", "status": 101}
            self._world.trace.event(self._world.who, "ws.open", peer=PEER, data=data)
            self._owner.line_opened(self)

    def socket_received(self, socket: WebSocket, text: str) -> None:
        """Read a message; acknowledge what has an id, whatever it is."""
        if self._owner is None:
            return
        world = self._world
        world.tap.message(self.tapped, text, is_sent=False)
        try:
            frame = mercury.parse_frame(text)
        except RemoteProtocolError as error:
            self.ignore(str(error))
            return
        if isinstance(frame, (Authorization, Ack, Ping)):
            self.ignore(f"{type(frame).__name__} comes from clients only")
            return
        world.trace.led_to_by(world.trace.event(world.who, "ws.recv", peer=PEER, id=frame.id, data=_shown(frame)))
        gap = self._sequence.receive(frame)
        if gap is not None:
            world.log.line("Wx2WebSocket", "W", f"sequence gap: expected {gap.expected}, got {gap.got}")
        self.send(Ack(message_id=frame.id), frame.id, {"type": "ack"})
        self._owner.line_received(self, frame)

    def socket_closed(self, socket: WebSocket, code: int, reason: str) -> None:
        """Hand on the end."""
        self.stop_waiting()
        self._world.tap.socket_closed(self.tapped, code, reason)
        if self._owner is not None:
            self._owner.line_closed(self, code, reason)

    # what the owner calls

    def send(self, frame: mercury.Frame, frame_id: str, shown: dict[str, Any]) -> None:
        """Send a frame; `shown` is what the trace shows of it."""
        self._world.trace.event(self._world.who, "ws.send", peer=PEER, id=frame_id, data=shown)
        if self.socket is not None:
            text = mercury.encode_frame(frame)
            self._world.tap.message(self.tapped, text, is_sent=True)
            self.socket.send(text)

    def ignore(self, why: str) -> None:
        """Say that a frame is not taken."""
        self._world.log.line("Wx2WebSocket", "W", f"frame ignored: {why}")
        self._world.trace.event(self._world.who, "drop", peer=PEER, data={"what": "frame", "why": why})

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


def _shown(frame: mercury.ServerFrame) -> dict[str, Any]:
    """Return what the trace shows of a frame. Event data holds no secret: what is secret in it is sealed."""
    if isinstance(frame, Event):
        return {
            "eventType": frame.event_type,
            "data": mercury.shown_data(frame.data),
            "sequenceNumber": frame.sequence_number,
        }
    return {
        "type": getattr(frame, "type", None) or type(frame).__name__.lower(),
        "sequenceNumber": frame.sequence_number,
    }
