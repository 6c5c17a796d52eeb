"""From bytes to requests: lines, counted frames, and bodies that end with a dot.

    xStatus Audio Volume                        a line; LF, CR and CR LF end it
    {137}                                       then 137 bytes: a line with its end, and the content
    xCommand Macros Macro Save Name: "x"        lines of content, until one with a single dot

Source: protocol/xapi.md 4.2, 4.3.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from endpoint.wire.xapi.shell import LINE_BYTES_MAX

BODY_BYTES_MAX: Final = 8 * 1024 * 1024
"""Longest content of one command, and longest line in it."""
FRAME_BYTES_MAX: Final = BODY_BYTES_MAX + LINE_BYTES_MAX

_FRAME: Final = re.compile(rb"\{([0-9]{1,10})\}[ \t]*")
_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_DOT: Final = b"."


@dataclass(frozen=True, slots=True)
class Request:
    """A command line, the content that came with it, and all of its lines as they were sent, to be echoed."""

    text: str
    body: str | None = None
    shown: str = ""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Bytes that are no request; `why` says what would have been one."""

    why: str
    shown: str = ""


Incoming: TypeAlias = Request | Unreadable


class Framer:
    """Cuts what a client sends into requests. It keeps at most one frame or body, and what `feed` was given beyond it.

    Args:
        takes_body: says of a command line whether lines of content follow it.
    """

    def __init__(self, takes_body: Callable[[str], bool]) -> None:
        self._takes_body = takes_body
        self._buffer = bytearray()
        self._searched = 0
        self._skips_line_feed = False
        self._is_overlong = False  # in a line that is too long: dropped up to its end
        self._frame = 0  # bytes of a counted frame that are still to come
        self._dropped = 0  # bytes of a frame that is too long
        self._head: str | None = None  # the command line whose content is being read
        self._body: list[bytes] = []
        self._body_bytes = 0

    @property
    def waiting(self) -> int:
        """Bytes that were fed and not yet looked at, or not yet enough."""
        return len(self._buffer)

    @property
    def is_inside(self) -> bool:
        """Say whether what comes next belongs to a request that has begun."""
        return bool(self._frame or self._dropped or self._head is not None)

    @property
    def counted(self) -> int:
        """Bytes that a counted frame still lacks."""
        return max(0, self._frame - len(self._buffer)) + self._dropped

    def feed(self, data: bytes) -> None:
        """Take bytes from the client; call `next` until it returns None."""
        self._buffer += data

    def next(self) -> Incoming | None:
        """Return the next request; None when more bytes are needed."""
        while True:
            if self._dropped:
                taken = min(self._dropped, len(self._buffer))
                del self._buffer[:taken]
                self._dropped -= taken
                if self._dropped:
                    return None
            if self._frame:
                return self._next_frame()
            found = self._next_line()
            if found is None:
                return None
            incoming = found if isinstance(found, Unreadable) else self._take(found)
            if incoming is not None:
                return incoming

    def end(self, *, closes_body: bool = False) -> Incoming | None:
        """Return what the end of input makes a request: a last line without an end, and a body if `closes_body`.

        Half a frame, and a body without its dot, are dropped.
        """
        if self._frame or self._dropped or self._is_overlong:
            self._reset()
            return None
        if self._head is not None and closes_body:
            if self._buffer:
                self._add_to_body(bytes(self._buffer))
            self._buffer.clear()
            return self._end_of_body()
        rest, inside = bytes(self._buffer), self.is_inside
        self._reset()
        return None if inside or not rest.strip() else _request(rest)

    def _reset(self) -> None:
        self._buffer.clear()
        self._searched = self._frame = self._dropped = 0
        self._head, self._body, self._body_bytes = None, [], 0
        self._is_overlong = False

    # lines

    def _next_line(self) -> bytes | Unreadable | None:
        """Return a line without its end; None when there is no whole one."""
        if self._skips_line_feed and self._buffer:
            self._skips_line_feed = False
            if self._buffer[0] == 10:
                del self._buffer[:1]
        found = _LINE_END.search(self._buffer, self._searched)
        limit = LINE_BYTES_MAX if self._head is None else BODY_BYTES_MAX
        if found is None:
            self._searched = len(self._buffer)
            return self._too_long(limit) if len(self._buffer) > limit else None
        line = bytes(self._buffer[: found.start()])
        self._skips_line_feed = found[0] == b"\r" and found.end() == len(self._buffer)
        del self._buffer[: found.end()]
        self._searched = 0
        if self._is_overlong:
            self._is_overlong = False
            return self._next_line()
        if len(line) > limit and self._head is None:
            return Unreadable(_at_most("a line", limit))
        return line

    def _too_long(self, limit: int) -> Unreadable | None:
        was, self._is_overlong = self._is_overlong, True
        self._buffer.clear()
        self._searched = 0
        if self._head is not None:
            self._body_bytes = BODY_BYTES_MAX + 1  # told when the body ends
            return None
        return None if was else Unreadable(_at_most("a line", limit))

    def _take(self, line: bytes) -> Incoming | None:
        if self._head is not None:
            if line != _DOT:
                self._add_to_body(line)
                return None
            return self._end_of_body()
        found = _FRAME.fullmatch(line)
        if found is not None:
            return self._begin_frame(int(found[1]), line)
        incoming = _request(line) if line.strip() else None
        if isinstance(incoming, Request) and self._takes_body(incoming.text):
            self._head = incoming.text
            return None
        return incoming if incoming is not None else Request("", None, _shown(line))

    # bodies

    def _add_to_body(self, line: bytes) -> None:
        self._body_bytes += len(line) + 1
        if self._body_bytes > BODY_BYTES_MAX:
            self._body = []
        else:
            self._body.append(line)

    def _end_of_body(self) -> Incoming:
        head, body, is_too_long = self._head or "", b"\n".join(self._body), self._body_bytes > BODY_BYTES_MAX
        self._head, self._body, self._body_bytes = None, [], 0
        if is_too_long:
            return Unreadable(_at_most("a body", BODY_BYTES_MAX), head)
        try:
            text = body.decode()
        except UnicodeDecodeError:
            return Unreadable(_NO_TEXT, head)
        return Request(head, text, "\n".join((head, text, ".") if body else (head, ".")))

    # frames

    def _begin_frame(self, size: int, line: bytes) -> Incoming | None:
        if size > FRAME_BYTES_MAX:
            self._dropped = size
            return Unreadable(_at_most("a frame", FRAME_BYTES_MAX), _shown(line))
        self._frame = size
        return self.next() if size else Request("", None, _shown(line))

    def _next_frame(self) -> Incoming | None:
        if self._skips_line_feed and self._buffer:
            self._skips_line_feed = False
            if self._buffer[0] == 10:
                del self._buffer[:1]
        if len(self._buffer) < self._frame:
            return None
        data = bytes(self._buffer[: self._frame])
        del self._buffer[: self._frame]
        self._frame = self._searched = 0
        try:
            data.decode()
        except UnicodeDecodeError:
            return Unreadable(_NO_TEXT)
        found = _LINE_END.search(data)
        if found is None:
            return _request(data)
        line, body = data[: found.start()].decode(), _without_last_end(data[found.end() :].decode())
        if found.start() > LINE_BYTES_MAX:
            return Unreadable(_at_most("a line", LINE_BYTES_MAX))
        if len(data) - found.end() > BODY_BYTES_MAX + 2:  # and the last end of a line
            return Unreadable(_at_most("a body", BODY_BYTES_MAX), line)
        return Request(line, body or None, f"{line}\n{body}" if body else line)


_NO_TEXT: Final = "what is sent is UTF-8"


def _at_most(what: str, limit: int) -> str:
    return f"{what} has at most {limit} bytes"


def _request(line: bytes) -> Incoming:
    try:
        text = line.decode()
    except UnicodeDecodeError:
        return Unreadable(_NO_TEXT, _shown(line))
    return Request(text, None, text)


def _shown(line: bytes) -> str:
    return line.decode(errors="replace")


def _without_last_end(text: str) -> str:
    for end in ("\r\n", "\n", "\r"):
        if text.endswith(end):
            return text[: -len(end)]
    return text
