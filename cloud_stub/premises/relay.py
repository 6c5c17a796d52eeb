"""Carrying bytes from one connection to another: blindly, or request by request (HTTP/1.1, RFC 9112) where TLS is opened up."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from endpoint.runtime.clock import Clock
from endpoint.runtime.net import reset

CHUNK_BYTES: Final = 64 * 1024
HEAD_BYTES_MAX: Final = 64 * 1024
IDLE_S: Final = 300.0
"""So long either side of a connection that is opened up may say nothing; one that became a websocket has no limit."""
_LENGTH: Final = re.compile(r"[0-9]{1,18}")
_CHUNK: Final = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r?\n")

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Alter = Callable[["Head"], bytes | None]


class Patient:
    """A reader that waits so long and no longer: TimeoutError."""

    def __init__(self, reader: asyncio.StreamReader, clock: Clock) -> None:
        self._reader = reader
        self._clock = clock

    async def read(self, count: int) -> bytes:
        """Read some bytes; none at the end."""
        async with self._clock.timeout(IDLE_S):
            return await self._reader.read(count)

    async def readuntil(self, separator: bytes) -> bytes:
        """Read up to and with a separator."""
        async with self._clock.timeout(IDLE_S):
            return await self._reader.readuntil(separator)

    async def readline(self) -> bytes:
        """Read a line."""
        async with self._clock.timeout(IDLE_S):
            return await self._reader.readline()


Reader = asyncio.StreamReader | Patient


class BadMessage(Exception):
    """Bytes that are no HTTP/1.1 message, or one with a head too long."""


@dataclass(slots=True)
class Head:
    """The head of a request or an answer: its first line, and its fields as they came."""

    first: str
    fields: list[tuple[str, str]] = field(default_factory=list)

    def get(self, name: str) -> str:
        """Return the value of a field, several joined by commas; empty when it is not there."""
        return ", ".join(value for known, value in self.fields if known.lower() == name)

    def drop(self, *names: str) -> None:
        """Take fields out."""
        self.fields = [(name, value) for name, value in self.fields if name.lower() not in names]

    @property
    def status(self) -> str:
        """The status of an answer."""
        return self.first.partition(" ")[2][:3]

    def encode(self) -> bytes:
        """Write it as it goes over the wire."""
        lines = [self.first, *(f"{name}: {value}" for name, value in self.fields)]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def parse_head(data: bytes) -> Head:
    """Read a head, with the empty line at its end.

    Raises:
        BadMessage: it is none.
    """
    first, *lines = data.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    if "HTTP/1." not in first:
        raise BadMessage("no HTTP/1.1")
    fields = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise BadMessage("a field without a name")
        fields.append((name, value.strip()))
    return Head(first, fields)


async def read_head(reader: Reader) -> Head | None:
    """Read the next head; None when the other side has nothing more to say.

    Raises:
        BadMessage: what came is none.
    """
    try:
        return parse_head(await reader.readuntil(b"\r\n\r\n"))
    except asyncio.LimitOverrunError:
        raise BadMessage("a head too long") from None
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise BadMessage("half a head") from None
        return None


async def pipe(near: Stream, far: Stream) -> None:
    """Carry bytes both ways until one side ends; a reset on one side is one on the other."""
    ways = [asyncio.ensure_future(_pump(near[0], far[1])), asyncio.ensure_future(_pump(far[0], near[1]))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        outcomes = await asyncio.gather(*ways, return_exceptions=True)
    was_reset = any(isinstance(outcome, ConnectionError) for outcome in outcomes)
    for _, writer in (near, far):
        if was_reset:
            reset(writer.transport)
        else:
            writer.close()


async def _pump(reader: Reader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK_BYTES):
        writer.write(data)
        await writer.drain()


async def exchange(near: Stream, far: Stream, alter: Alter, clock: Clock) -> None:
    """Carry requests and answers, one after the other, until one side ends or the connection becomes something else.

    Args:
        alter: may change the head of a request; bytes that it returns are answered in the place of the server, and are the last.

    Raises:
        TimeoutError: one side kept the other waiting for IDLE_S.
    """
    asks, answers = Patient(near[0], clock), Patient(far[0], clock)
    while (request := await read_head(asks)) is not None:
        length = _length(request, is_answer=False)
        own = alter(request)
        if own is not None:
            near[1].write(own)
            return
        far[1].write(request.encode())
        method = request.first.partition(" ")[0]
        if length and "100-continue" in request.get("expect").lower():  # the body comes when the server asks for it
            while (head := await _next_head(answers, near[1])) is not None and head.status in ("102", "103"):
                pass
            if head is None or head.status != "100":
                await _rest(answers, near[1], head, method)
                return
        await _body(asks, far[1], length)
        if not await _answer(near, far, answers, method):
            return


async def _next_head(answers: Reader, writer: asyncio.StreamWriter) -> Head | None:
    """Carry the next head of an answer, the final one or one before it."""
    head = await read_head(answers)
    if head is not None:
        writer.write(head.encode())
        await writer.drain()
    return head


async def _answer(near: Stream, far: Stream, answers: Reader, method: str) -> bool:
    """Carry one answer, with what comes before it; says whether another request may follow."""
    while (answer := await _next_head(answers, near[1])) is not None and answer.status.startswith("1"):
        if answer.status == "101":
            await pipe(near, far)
            return False
    return await _rest(answers, near[1], answer, method)


async def _rest(answers: Reader, writer: asyncio.StreamWriter, answer: Head | None, method: str) -> bool:
    """Carry the body of a final answer; says whether another request may follow."""
    if answer is None:
        return False
    has_body = method != "HEAD" and answer.status not in ("204", "304")
    length = _length(answer, is_answer=True) if has_body else 0
    await _body(answers, writer, length)
    return length is not None and "close" not in answer.get("connection").lower()


def _length(head: Head, *, is_answer: bool) -> int | None:
    """Return the length of a body, -1 for chunks, None for one that ends with the connection."""
    if "chunked" in head.get("transfer-encoding").lower():
        return -1
    length = head.get("content-length")
    if length and _LENGTH.fullmatch(length) is None:
        raise BadMessage("a length that is no number")
    if length:
        return int(length)
    return None if is_answer else 0


async def _body(reader: Reader, writer: asyncio.StreamWriter, length: int | None) -> None:
    if length is None:
        await _pump(reader, writer)
    elif length >= 0:
        await _copy(reader, writer, length)
    else:
        await _chunks(reader, writer)
    await writer.drain()


async def _copy(reader: Reader, writer: asyncio.StreamWriter, length: int) -> None:
    while length:
        data = await reader.read(min(length, CHUNK_BYTES))
        if not data:
            raise BadMessage("half a body")
        writer.write(data)
        await writer.drain()
        length -= len(data)


async def _chunks(reader: Reader, writer: asyncio.StreamWriter) -> None:
    while True:
        line = await _line(reader)
        writer.write(line)
        found = _CHUNK.fullmatch(line)
        if found is None:
            raise BadMessage("a chunk without a size")
        size = int(found[1], 16)
        if size == 0:
            break
        await _copy(reader, writer, size + 2)
    while (line := await _line(reader)) != b"\r\n":
        writer.write(line)
    writer.write(line)


async def _line(reader: Reader) -> bytes:
    try:
        line = await reader.readline()
    except ValueError:
        raise BadMessage("a line too long") from None
    if not line.endswith(b"\n"):
        raise BadMessage("half a line")
    return line


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Close a connection after what was written has gone."""
    with suppress(OSError):
        await writer.drain()
    writer.close()
