"""One Mercury websocket, from the cloud's side: what is numbered, waits to be written, and waits to be acknowledged."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from aiohttp import WSMsgType, web

from cloud_stub.platform.context import Platform
from cloud_stub.platform.records import Registration
from endpoint.runtime.net import reset
from endpoint.wire.mercury import Event, Pong, ServerFrame, Shutdown, encode_frame, shown_data

QUEUE_FRAMES_MAX = 500
"""Frames that may wait for a reader who does not read; one more, and the socket is closed with 1011."""
UNACKED_MAX = 1_000
"""Frames that may wait for their ack; the oldest are forgotten, and counted in `Socket.forgotten`."""
OVERSIZE_BYTES = 5 * 1024 * 1024  # beyond what clients take: websockets 1 MiB, aiohttp 4 MiB
HELD_S = 1.0
"""How long a frame that is to arrive after its successor waits for one."""
OVERFLOW = (1011, "too slow")


@dataclass(slots=True, eq=False)
class Socket:
    """An open websocket of a registration.

    Attributes:
        closing: code and reason that the cloud closes it with, once that is decided.
        is_switching: a shutdown frame was sent; its successor may connect beside it.
        opened: when the device was let in.
    """

    registration: Registration
    ws: web.WebSocketResponse
    platform: Platform
    task: asyncio.Task[Any]
    transport: asyncio.Transport | None
    sequence: int = 0
    acks: int = 0
    forgotten: int = 0
    closing: tuple[int, str] | None = None
    is_switching: bool = False
    opened: datetime | None = None
    unacked: OrderedDict[str, None] = field(default_factory=OrderedDict)
    _queue: deque[bytes] = field(default_factory=deque)
    _raw: dict[str, None] = field(default_factory=dict)
    _writer: asyncio.Task[None] | None = None
    _held: bytes | None = None

    def send(self, frame: ServerFrame) -> None:
        """Number a frame and let it be written; faults may do something else with it."""
        self.sequence += 1
        fault = self.platform.faults.hit(
            "mercury", step="frame", device=self.peer, type=_kind(frame), eventType=_event_type(frame)
        )
        if fault is not None and fault.do == "gap":
            self.sequence += 1
        frame = msgspec.structs.replace(frame, sequence_number=self.sequence, ws_write_timestamp=self.platform.now_ms())
        self._note(frame)
        self._expect_ack(frame.id)
        text = encode_frame(frame).encode()
        if fault is None or fault.do == "gap":
            self._put(text)
            return
        self._spoil(text, fault.do, fault.params)

    def send_raw(self, text: str) -> None:
        """Let any text be written as a frame: it has no number, and no ack is waited for; one may come if it has an id."""
        with suppress(msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            frame = msgspec.json.decode(text)
            if isinstance(frame, dict) and isinstance(frame.get("id"), str):
                self._raw[frame["id"]] = None
                if len(self._raw) > UNACKED_MAX:
                    del self._raw[next(iter(self._raw))]
        self.platform.trace.event("cloud:mercury", "ws.send", peer=self.peer, data={"type": "raw"}, label="ours")
        self._put(text.encode())

    def _spoil(self, text: bytes, do: str, params: Any) -> None:
        if do in ("drop", "silent"):
            return
        if do == "delay":
            self.platform.later.call(float(params.get("by", 1.0)), self._put, text)
        elif do == "reorder" and self._held is None:
            self._held = text
            self.platform.later.call(float(params.get("by", HELD_S)), self._release)
        elif do == "duplicate":
            self._put(text)
            self._put(text)
        elif do == "malformed":
            self._put(_malformed(text, str(params.get("what", "json"))))
        else:
            self._put(text)

    def _put(self, text: bytes) -> None:
        if self.ws.closed or self.closing is not None:
            return
        if len(self._queue) >= QUEUE_FRAMES_MAX:
            self.platform.trace.event("cloud:mercury", "drop", peer=self.peer, data={"why": "queue full"})
            self.close(*OVERFLOW)
            return
        self._queue.append(text)
        self._release()
        if self._writer is None:
            self._writer = asyncio.get_running_loop().create_task(self._drain())

    def _release(self) -> None:
        """Let a frame go that was held back to arrive after its successor."""
        held, self._held = self._held, None
        if held is not None:
            self._put(held)

    async def _drain(self) -> None:
        try:
            while self._queue:
                await self.ws.send_frame(self._queue.popleft(), WSMsgType.TEXT)
        except ConnectionError:
            self._queue.clear()  # the reader is gone; whoever reads the socket sees it close
        finally:
            self._writer = None

    async def flush(self) -> None:
        """Wait until what was sent so far is written."""
        if self._writer is not None:
            await asyncio.wait([self._writer])

    def close(self, code: int, reason: str) -> None:
        """Let the socket be closed by its own handler; the first to decide wins."""
        if self.closing is None:
            self.closing = (code, reason)
            self.task.cancel()

    def acknowledge(self, message_id: str) -> bool:
        """Note an ack; returns whether one was waited for."""
        self.acks += 1
        return self.unacked.pop(message_id, self) is None or self._raw.pop(message_id, self) is None

    def _expect_ack(self, frame_id: str) -> None:
        self.unacked[frame_id] = None
        if len(self.unacked) > UNACKED_MAX:
            self.unacked.popitem(last=False)
            self.forgotten += 1

    def _note(self, frame: ServerFrame) -> None:
        data: dict[str, Any] = {"sequenceNumber": frame.sequence_number}
        if isinstance(frame, Event):
            data |= {"eventType": frame.event_type, "data": shown_data(frame.data)}
        else:
            data["type"] = _kind(frame)
        label = "documented" if isinstance(frame, Shutdown) else "observed"
        self.platform.trace.event("cloud:mercury", "ws.send", peer=self.peer, id=frame.id, data=data, label=label)

    @property
    def peer(self) -> str | None:
        """The client's name in trace and faults, `device:room`; None if nobody gave it one."""
        return self.platform.nicknames.get(self.registration.user_id)

    def reset(self) -> None:
        """Break the connection as a RST does."""
        if self.transport is not None:
            reset(self.transport)


def _kind(frame: ServerFrame) -> str:
    return {Pong: "pong", Shutdown: "shutdown"}.get(type(frame), "event")


def _event_type(frame: ServerFrame) -> str | None:
    return frame.event_type if isinstance(frame, Event) else None


def _malformed(text: bytes, what: str) -> bytes:
    """Break a frame: its JSON (the default), its UTF-8, its size, or a member that every frame has."""
    if what == "utf8":
        return b"\xff\xfe" + text
    if what == "oversize":
        return text.ljust(OVERSIZE_BYTES)
    members = msgspec.json.decode(text)
    if what == "no_id":
        members.pop("id", None)
    elif what == "no_event_type" and isinstance(members.get("data"), dict):
        members["data"].pop("eventType", None)
    else:
        return text[: len(text) // 2]
    return msgspec.json.encode(members)
