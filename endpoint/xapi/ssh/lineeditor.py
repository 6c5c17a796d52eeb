"""The keyboard of a terminal: what is typed becomes lines, and is echoed. Source: protocol/xapi.md 4.2, 4.3.

There is one line and a cursor that stays at its end: erase a character, a word or the line; earlier lines come back with the arrow keys;
the tabulator completes.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os.path import commonprefix
from typing import Final, TypeAlias

from endpoint.wire.xapi.shell import LINE_BYTES_MAX

HISTORY_MAX: Final = 30
HISTORY_BYTES_MAX: Final = 4 * 1024
"""Longer lines are not remembered."""
KEY_BYTES_MAX: Final = 32
"""Longest sequence of one key; what is longer is no key."""

PROPOSALS_SHOWN_MAX: Final = 100

Complete: TypeAlias = Callable[[str], Sequence[tuple[int, str]]]
"""What the end of a line can become: how many of its last characters go, and what comes in their place."""

_ERASE: Final = b"\b \b"
_BELL: Final = b"\a"
_NEW_LINE: Final = b"\r\n"
_KEY: Final = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|[^\[O])", re.DOTALL)
_UP: Final = (b"\x1b[A", b"\x1bOA")
_DOWN: Final = (b"\x1b[B", b"\x1bOB")


@dataclass(frozen=True, slots=True)
class Typed:
    """What to write back, and a line with its LF once there is one; `hangs_up` for CTRL-C, or CTRL-D on an empty line."""

    echo: bytes
    line: bytes = b""
    hangs_up: bool = False


class LineEditor:
    """The input side of one terminal."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._key = bytearray()  # the beginning of an escape sequence
        self._was_return = False
        self._is_full = False
        self._history: deque[bytes] = deque(maxlen=HISTORY_MAX)
        self._at = 0  # how far back in the history the line is from; 0 = typed

    def take(self, data: bytes, *, is_secret: bool = False, complete: Complete | None = None) -> tuple[Typed, bytes]:
        """Read up to the end of a line, or of the data; return what came of it, and the data behind it.

        Args:
            complete: what the tabulator does; None where it is a character as any other.
        """
        echo = bytearray()
        for position, code in enumerate(data):
            was_return, self._was_return = self._was_return, code == 13
            if code == 10 and was_return:
                continue
            if self._key or code == 27:
                self._on_key(code, echo)
            elif code in (10, 13):
                return self._on_end(echo, is_secret), data[position + 1 :]
            elif code == 3 or (code == 4 and not self._line):
                return Typed(b"" if is_secret else bytes(echo), hangs_up=True), b""
            elif code in (8, 127):
                self._erase(1, echo)
            elif code == 21:
                self._erase(len(self._line), echo)
            elif code == 23:
                self._erase(_last_word(self._line), echo)
            elif code == 9 and complete is not None:
                self._complete(complete, echo)
            elif (code >= 32 or code == 9) and not self._is_full:
                self._line.append(code)
                echo.append(code)
                self._is_full = len(self._line) > LINE_BYTES_MAX
        return Typed(b"" if is_secret else bytes(echo)), b""

    def raw(self, data: bytes) -> bytes:
        """Return data that is not typed, such as a counted frame, without the LF of a CR LF that ended the line before it."""
        if data and self._was_return:
            self._was_return = False
            return data.removeprefix(b"\n")
        return data

    def _on_end(self, echo: bytearray, is_secret: bool) -> Typed:
        line = bytes(self._line)
        self._line.clear()
        self._is_full, self._at = False, 0
        if line.strip() and not is_secret and len(line) <= HISTORY_BYTES_MAX:
            self._history.append(line)
        return Typed((b"" if is_secret else bytes(echo)) + _NEW_LINE, line + b"\n")

    def _erase(self, count: int, echo: bytearray) -> None:
        """Erase bytes from the end, and the rest of the character that they were of."""
        for _ in range(count):
            while self._line and self._line[-1] & 0xC0 == 0x80:
                self._line.pop()
            if self._line:
                self._line.pop()
                echo += _ERASE
        self._is_full = False

    def _complete(self, complete: Complete, echo: bytearray) -> None:
        """Complete what is clear; where nothing can be added, list what there is to choose from."""
        found = complete(self._line.decode(errors="replace"))
        if not found:
            echo += _BELL
            return
        replaced = found[0][0]
        prefix = commonprefix([text for _, text in found])  # noqa: RUF071  # characters are what is wanted, these are no paths
        if len(found) > 1 and len(prefix) <= replaced:
            shown = "  ".join(text.strip() for _, text in found[:PROPOSALS_SHOWN_MAX])
            echo += _NEW_LINE + shown.encode(errors="replace") + _NEW_LINE + self._line
            return
        self._erase(replaced, echo)
        added = prefix.encode(errors="replace") + (b" " if len(found) == 1 and not prefix.endswith(" ") else b"")
        self._line += added
        echo += added

    def _on_key(self, code: int, echo: bytearray) -> None:
        self._key.append(code)
        found = _KEY.fullmatch(self._key)
        if found is None and len(self._key) <= KEY_BYTES_MAX:
            return
        key = bytes(self._key)
        self._key.clear()
        if key in _UP:
            self._recall(self._at + 1, echo)
        elif key in _DOWN:
            self._recall(self._at - 1, echo)

    def _recall(self, back: int, echo: bytearray) -> None:
        if not 0 <= back <= len(self._history):
            echo += _BELL
            return
        self._erase(len(self._line), echo)
        self._at = back
        self._line += self._history[-back] if back else b""
        echo += self._line


def _last_word(line: bytearray) -> int:
    text = line.decode(errors="replace")
    return len(text) - len(text.rstrip(" ").rpartition(" ")[0]) - (1 if " " in text.rstrip(" ") else 0)
