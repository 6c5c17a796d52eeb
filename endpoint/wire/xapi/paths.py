"""xAPI paths: one internal form, and the spellings of the transports.

A path is a tuple of words and element numbers, `("Call", 3, "Status")`. Source: protocol/xapi.md 2.1, 2.2.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from endpoint.wire.errors import LocalProtocolError

Path: TypeAlias = tuple[str | int, ...]

PARTS_MAX: Final = 24
INDEX_MAX: Final = 2**31 - 1
_PART: Final = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9_-]*)(?:\[(?P<index>[0-9]{1,10})\])?|(?P<number>[0-9]{1,10})")


def parse_path(text: str) -> Path:
    """Read a path in any spelling: `Call 3 Status`, `Call[3]/Status`, `Call.3.Status`, with or without a leading slash.

    Raises:
        LocalProtocolError: no words, a number before the first, a word that no path can have, or too many of them.
    """
    parts: list[str | int] = []
    for word in re.split(r"[ /.]+", text.strip(" /")):
        found = _PART.fullmatch(word)
        if found is None:
            raise LocalProtocolError(f"{word[:40]!r} is no part of an xAPI path")
        if found["number"] is not None:
            parts.append(_index(found["number"]))
            continue
        parts.append(found["name"])
        if found["index"] is not None:
            parts.append(_index(found["index"]))
    if isinstance(parts[0], int):
        raise LocalProtocolError("an xAPI path begins with a word")
    if len(parts) > PARTS_MAX:
        raise LocalProtocolError(f"an xAPI path has at most {PARTS_MAX} parts")
    return tuple(parts)


def _index(text: str) -> int:
    number = int(text)
    if number > INDEX_MAX:
        raise LocalProtocolError(f"an element number is at most {INDEX_MAX}")
    return number


def words(path: Path) -> str:
    """Print a path as on the command line: `Call 3 Status`."""
    return " ".join(map(str, path))


def shape(path: Path) -> str:
    """Print a path as the node table has it, elements as `[n]`: `Call[n] Status`."""
    shown: list[str] = []
    for part in path:
        if isinstance(part, int) and shown:
            shown[-1] += "[n]"
        else:
            shown.append(str(part))
    return " ".join(shown)


def folded(path: Path) -> Path:
    """Return the form under which paths are compared: names match without regard to case."""
    return tuple(part.casefold() if isinstance(part, str) else part for part in path)
