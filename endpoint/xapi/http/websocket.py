"""The websocket of one client: frames between aiohttp and its conversation, and a bounded queue on the way out.

Source: protocol/xapi.md 3.1, 3.5.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from aiohttp import WSCloseCode, WSMsgType, web

from endpoint.runtime.net import reset
from endpoint.runtime.tasks import Tasks

MESSAGE_BYTES_MAX: Final = 10 * 1024 * 1024
"""Largest message of a client: a body of 8 MiB (`BODY_BYTES_MAX` of the commands) and what is around it."""
READ_BYTES_MAX: Final = 16 * 1024 * 1024
"""What is read of a message that is too large, so that its sender can read why it is closed. Beyond it aiohttp cuts the line."""
CLOSE_REASON_BYTES_MAX: Final = 120
QUEUE_MESSAGES_MAX: Final = 2_000
QUEUE_BYTES_MAX: Final = 16 * 1024 * 1024
"""What may wait for a client that does not read; more, and it is dropped. A single message may be larger."""
CLOSING_S_MAX: Final = 0.7
"""How long a client may take to answer a close."""

TURN_S: Final = 0.005
LOOKS_EVERY: Final = 8
"""How long one client may be served before all others of the process have their turn, and after how many messages that is looked at."""

_TOO_BIG: Final = b"At most %d bytes" % MESSAGE_BYTES_MAX
_ENDS: Final = frozenset({WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR})


class Outbox:
    """Messages on their way to one client, in order.

    Args:
        overflow: is told how many messages wait for a client that is too slow; nothing is taken after that.
    """

    __slots__ = ("_bytes", "_is_over", "_overflow", "_reading", "_sender", "_tasks", "_waiting", "_ws")

    def __init__(self, ws: web.WebSocketResponse[bool], tasks: Tasks, overflow: Callable[[int], object]) -> None:
        self._ws = ws
        self._tasks = tasks
        self._overflow = overflow
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._reading = False
        self._sender: asyncio.Task[None] | None = None
        self._is_over = False

    def put(self, message: bytes) -> None:
        """Take a message; it leaves as soon as the client reads."""
        if self._is_over:
            return
        waiting = self._waiting
        if waiting and (len(waiting) >= QUEUE_MESSAGES_MAX or self._bytes + len(message) > QUEUE_BYTES_MAX):
            self._overflow(len(waiting))
            self._end()
            return
        waiting.append(message)
        self._bytes += len(message)
        if self._sender is None and not self._reading:
            self._sender = self._tasks.start(self._send_alone(), "websocket outbox")

    async def take(self, receive: Callable[[bytes], object], message: bytes) -> None:
        """Let a message of the client be received, and send what waits, at the client's pace."""
        self._reading = True
        try:
            receive(message)
            if self._sender is not None:
                await asyncio.wait((self._sender,))
            elif len(self._waiting) == 1:  # the usual answer, on the shortest way
                await self._ws.send_frame(self._taken(), WSMsgType.TEXT)
            if self._waiting:
                await self._send()
        except ConnectionError:  # the client is gone; the reader hears of it as well
            self._end()
        finally:
            self._reading = False

    async def _send_alone(self) -> None:
        try:
            await self._send()
        finally:
            self._sender = None

    async def _send(self) -> None:
        try:
            while self._waiting:
                await self._ws.send_frame(self._taken(), WSMsgType.TEXT)
        except ConnectionError:
            self._end()

    def _taken(self) -> bytes:
        message = self._waiting.popleft()
        self._bytes -= len(message)
        return message

    def _end(self) -> None:
        self._is_over = True
        self._waiting.clear()


class Conversation:
    """The frames of one client, from the upgrade to the end."""

    def __init__(self, ws: web.WebSocketResponse[bool], request: web.BaseRequest) -> None:
        self._ws = ws
        self._request = request
        self._ended = asyncio.get_running_loop().create_future()

    async def run(self, outbox: Outbox, receive: Callable[[bytes], object]) -> None:
        """Carry messages until one side closes. A binary message is against the rules (1003), an endless one too large (1009)."""
        try:
            await self._carry(outbox, receive)
        except ConnectionError:  # the client is gone, and aiohttp was about to answer its ping
            return
        finally:
            self._ended.set_result(None)

    async def _carry(self, outbox: Outbox, receive: Callable[[bytes], object]) -> None:
        ws, time, served = self._ws, asyncio.get_running_loop().time, 0
        until_s = time() + TURN_S
        while self._request.transport is not None:  # what a client asked before it went has no answer any more
            message = await ws.receive()
            if message.type is WSMsgType.TEXT:
                if len(message.data) > MESSAGE_BYTES_MAX:
                    await ws.close(code=WSCloseCode.MESSAGE_TOO_BIG, message=_TOO_BIG)
                    return
                await outbox.take(receive, message.data)
                served += 1
                if not served % LOOKS_EVERY and time() >= until_s:
                    await asyncio.sleep(0)
                    until_s = time() + TURN_S
            elif message.type is WSMsgType.BINARY:
                await ws.close(code=WSCloseCode.UNSUPPORTED_DATA, message=b"Text messages only")
                return
            elif message.type in _ENDS:
                return

    async def hang_up(self, code: int, why: str) -> None:
        """Close, and cut off a client that does not answer in time.

        The frame is sent beside aiohttp's own close, which would not wait for the answer of a client that is being read from.
        """
        if not self._ws.prepared:
            self.cut()
            return
        try:
            async with asyncio.timeout(CLOSING_S_MAX):
                reason = why.encode()[:CLOSE_REASON_BYTES_MAX].decode(errors="ignore")  # half a character is no UTF-8
                frame = code.to_bytes(2, "big") + reason.encode()
                await self._ws.send_frame(frame, WSMsgType.CLOSE)
                await asyncio.shield(self._ended)
        except (TimeoutError, ConnectionError):
            self.cut()

    def cut(self) -> None:
        """Break the connection: who does not read would not read a close either."""
        if self._request.transport is not None:
            self._request.transport.abort()

    def reset(self) -> None:
        """Break the connection as a network does."""
        if self._request.transport is not None:
            reset(self._request.transport)
