"""Queries: paths with wildcards, in the spellings of all doors, and what they match.

An expression covers the whole subtree below it; a name without a number stands for all elements.
Source: protocol/xapi.md 2.2, 2.5, 4.8, 12.3.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any, Final, TypeAlias

from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.xapi.paths import INDEX_MAX, PARTS_MAX, Path

QUERY_CHARS_MAX: Final = 1_024
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
_STEP: Final = re.compile(r"([ /.\t]*)([^ /.\t\[]+(?:\[[^\]]*\])?|\[[^\]]*\])")
_WORD: Final = re.compile(
    r"(?P<name>\*\*|\*|[A-Za-z_][A-Za-z0-9_+-]*)?"
    r"(?:\[\s*(?:@item\s*=\s*)?(?P<quote>['\"]?)(?:(?P<any>\*)|(?P<low>[0-9]{1,10})(?:\.\.(?P<high>[0-9]{1,10}))?)(?P=quote)\s*\])?"
)


class Wild(Enum):
    """Parts that stand for several."""

    ONE = "*"
    """One name, or any element."""
    DEEP = "**"
    """Any number of parts, also none."""


@dataclass(frozen=True, slots=True)
class Span:
    """Elements low..high, both included."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Begins:
    """Every name that begins so, in folded case."""

    text: str


Part: TypeAlias = str | int | Wild | Span | Begins


@dataclass(frozen=True)
class Query:
    """An expression: parts in folded case, from the branch on (`status`, `audio`, `volume`), and how it was written."""

    parts: tuple[Part, ...]
    text: str

    @cached_property
    def plain(self) -> Path | None:
        """The path itself, folded, when nothing in it is wild."""
        return self.parts if all(isinstance(part, (str, int)) for part in self.parts) else None  # type: ignore[return-value]  # just checked

    def covers(self, path: Path) -> bool:
        """Say whether a folded path is matched, or stands below what is matched."""
        return _match(self.parts, path, 0, 0, reaching=False)

    def reaches(self, path: Path) -> bool:
        """Say whether a folded path is covered, or something below it could be."""
        return _match(self.parts, path, 0, 0, reaching=True)


def _match(
    parts: tuple[Part, ...],
    path: Path,
    i: int,
    j: int,
    *,
    reaching: bool,
    vain: set[tuple[int, int]] | None = None,
) -> bool:
    """Say whether the parts from `i` on match a path from `j` on; `vain` is what `**` has tried in vain, or several would multiply."""
    while i < len(parts):
        part = parts[i]
        if part is Wild.DEEP:
            vain = set() if vain is None else vain
            if (i, j) in vain:
                return False
            if any(_match(parts, path, i + 1, k, reaching=reaching, vain=vain) for k in range(j, len(path) + 1)):
                return True
            vain.add((i, j))
            return False
        if j == len(path):
            return reaching
        token = path[j]
        if isinstance(token, int):
            if part is Wild.ONE:
                if _match(parts, path, i + 1, j + 1, reaching=reaching, vain=vain):
                    return True
                j += 1  # the asterisk may stand for the name after the number as well
                continue
            if isinstance(part, (str, Begins)):
                j += 1
                continue
            fits = part.low <= token <= part.high if isinstance(part, Span) else part == token
        else:
            fits = _fits_name(part, token)
        if not fits:
            return False
        i, j = i + 1, j + 1
    return True


def _fits_name(part: Part, token: str) -> bool:
    if isinstance(part, str):
        return part == token
    if isinstance(part, Begins):
        return token.startswith(part.text)
    return part is Wild.ONE


def query_of_list(given: Sequence[Any]) -> Query:
    """Read the list form of the websocket: `["Status", "Call", "*", "Status"]`; numbers may be written as text.

    Raises:
        RemoteProtocolError: no part can look like that, there are too many, or there is nothing but `**`.
    """
    parts: list[Part] = []
    for part in given:
        if isinstance(part, bool) or not isinstance(part, (str, int)):
            raise _bad("a path holds names and numbers", part)
        parts.append(_index(str(part)) if str(part).isdecimal() and str(part).isascii() else _word(str(part)))
    return _made(parts, "/".join(map(str, given)))


def query_of_text(text: str) -> Query:
    """Read the forms of shell, XML and REST: `/Status/Call[3]`, `Status Call 3`, `Call[@item='3']`, `Call[*].Status`, `//Volume`.

    Raises:
        RemoteProtocolError: no part can look like that, there are too many, or there is none.
    """
    if len(text) > QUERY_CHARS_MAX:
        raise _bad(f"an expression has at most {QUERY_CHARS_MAX} characters", text)
    parts: list[Part] = []
    stripped = text.strip().rstrip("/")
    read = 0
    for found in _STEP.finditer(stripped):
        if found.start() != read:
            break
        read = found.end()
        separator, word = found[1], found[2]
        deep = "//" in separator
        if deep:
            parts.append(Wild.DEEP)
        if word.isdecimal() and word.isascii():
            if deep:
                raise _bad("a name follows //", word)
            parts.append(_index(word))
            continue
        parts.extend(_parts_of_word(word, begins=deep))
    if read != len(stripped):
        raise _bad("a part of a path is a name, a number, or * and **", stripped[read:])
    return _made(parts, text.strip())


def _parts_of_word(word: str, *, begins: bool) -> list[Part]:
    found = _WORD.fullmatch(word)
    if found is None or (found["name"] is None and not word.startswith("[")):
        raise _bad("a part of a path is a name, a number, or * and **", word)
    parts: list[Part] = []
    if found["name"] is not None:
        name = _word(found["name"])
        parts.append(Begins(name) if begins and isinstance(name, str) else name)
    if found["any"]:
        parts.append(Wild.ONE)
    elif found["high"]:
        parts.append(Span(_index(found["low"]), _index(found["high"])))
    elif found["low"]:
        parts.append(_index(found["low"]))
    return parts


def _word(text: str) -> Part:
    if text == "*":
        return Wild.ONE
    if text == "**":
        return Wild.DEEP
    if not _NAME.fullmatch(text):
        raise _bad("a part of a path is a name, a number, or * and **", text)
    return text.casefold()


def _index(text: str) -> int:
    if len(text) > 10 or int(text) > INDEX_MAX:
        raise _bad(f"an element number is at most {INDEX_MAX}", text)
    return int(text)


def _made(parts: list[Part], text: str) -> Query:
    if not parts or isinstance(parts[0], int):
        raise _bad("a path begins with a name", text)
    if all(part is Wild.DEEP for part in parts):
        raise _bad("** cannot stand alone", text)
    if len(parts) > PARTS_MAX or parts.count(Wild.DEEP) > 4:
        raise _bad(f"a path has at most {PARTS_MAX} parts, and at most 4 times **", text)
    return Query(tuple(parts), text)


def _bad(rule: str, got: object) -> RemoteProtocolError:
    return RemoteProtocolError("path", rule, repr(got)[:60])
