"""Where the lines of a session without a prompt come from."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, TextIO

from scenarios.runner.shell.session import NextLine

LINE_BYTES_MAX: Final = 8 * 1024 * 1024
"""Longest line of standard input: a body may be one line."""


def given_lines(commands: Sequence[str]) -> NextLine:
    """Bring the lines of texts, one text after the other; a text may have several lines."""
    waiting = iter([line for command in commands for line in command.split("\n")])

    async def more() -> str | None:
        return next(waiting, None)

    return more


@asynccontextmanager
async def lines_of(stream: TextIO) -> AsyncIterator[NextLine]:
    """Bring the lines of a stream as they come, without holding up what else there is to do."""
    if _can_wait(stream):
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=LINE_BYTES_MAX)
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), stream)
        try:
            yield lambda: _next_of(reader)
        finally:
            transport.close()
        return

    async def more() -> str | None:
        line = stream.readline()  # a file is there at once
        return line.rstrip("\r\n") if line else None

    yield more


async def _next_of(reader: asyncio.StreamReader) -> str | None:
    line = await reader.readline()
    return line.decode(errors="replace").rstrip("\r\n") if line else None


def _can_wait(stream: TextIO) -> bool:
    """Say whether a stream is one that brings bytes when it pleases: a pipe, a socket, a terminal."""
    mode = os.fstat(stream.fileno()).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stream.isatty()
