"""The node table: which status and configuration leaves there are, and what values they take.

The rows are data, in `nodes.tsv` beside this module; all devices of a process share them. Source: protocol/xapi-nodes.md.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Final, Literal

from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.xapi.paths import Path, shape

Branch = Literal["Status", "Configuration", "Command", "Event"]
Value = str | int

_RANGE: Final = re.compile(r"(-?\d+)\.\.(-?\d+)")
_ELEMENTS: Final = re.compile(r"\[(?:n|(\d+)(?:\.\.(\d+))?)\]")
_TEXT: Final = re.compile(r"S(?:\((\d+)\.\.(\d+)\))?")
LABELS: Final = {"D": "documented", "O": "observed", "I": "inferred", "R": "ours"}


@dataclass(frozen=True, slots=True)
class ValueSpace:
    """What a leaf can hold: `literal`, `integer` or `string`, with its bounds (lengths in UTF-8 bytes)."""

    kind: Literal["literal", "integer", "string"]
    literals: tuple[str, ...] = ()
    low: int | None = None
    high: int | None = None

    @classmethod
    def read(cls, text: str) -> ValueSpace:
        """Read the notation of the table: `A/B/C`, `a..b`, `int`, `S`, `S(a..b)`."""
        if text == "int":
            return cls("integer")
        if found := _RANGE.fullmatch(text):
            return cls("integer", low=int(found[1]), high=int(found[2]))
        if found := _TEXT.fullmatch(text):
            bounds = (int(found[1]), int(found[2])) if found[1] else (None, None)
            return cls("string", low=bounds[0], high=bounds[1])
        return cls("literal", tuple(text.split("/")))

    def accept(self, value: Value) -> Value:
        """Return a value as it is stored: literals in canonical spelling, integers as numbers.

        Raises:
            LocalProtocolError: the value is outside; the text says what would be inside.
        """
        if self.kind == "integer":
            return self._integer(value)
        text = str(value)
        if self.kind == "literal":
            for literal in self.literals:
                if literal.casefold() == text.casefold():
                    return literal
            raise LocalProtocolError(f"{text[:40]!r} is none of {', '.join(self.literals)}")
        try:
            size = len(text.encode())
        except UnicodeEncodeError:
            raise LocalProtocolError("a text with half a character, a lone surrogate") from None
        if (self.low is not None and size < self.low) or (self.high is not None and size > self.high):
            raise LocalProtocolError(f"a text of {size} bytes; {self.low} to {self.high} are allowed")
        return text

    def _integer(self, value: Value) -> int:
        if not re.fullmatch(r"-?[0-9]{1,15}", str(value)):
            raise LocalProtocolError(f"{str(value)[:40]!r} is no whole number")
        number = int(value)
        if (self.low is not None and number < self.low) or (self.high is not None and number > self.high):
            raise LocalProtocolError(f"{number} is outside {self.low}..{self.high}")
        return number


@dataclass(frozen=True, slots=True)
class Node:
    """One leaf: path in canonical spelling with elements as `[n]`, value space, roles by first letter, label, default.

    `elements` says which numbers each `[n]` can be; None = any.
    """

    branch: Branch
    path: str
    space: ValueSpace
    read: str
    set: str
    label: str
    default: str
    elements: tuple[range | None, ...] = ()


class Nodes:
    """The node table of the simulated product."""

    title = "Room Bar ce26.4"

    def __init__(self, rows: Sequence[Node]) -> None:
        self._rows = {(row.branch, row.path.casefold()): row for row in rows}

    def find(self, branch: Branch, path: Path) -> Node | None:
        """Return the leaf at a path, or None."""
        row = self._rows.get((branch, shape(path).casefold()))
        if row is None:
            return None
        numbers = [part for part in path if isinstance(part, int)]
        fits = (known is None or number in known for number, known in zip(numbers, row.elements, strict=False))
        return row if len(numbers) == len(row.elements) and all(fits) else None

    def paths(self, branch: Branch) -> list[str]:
        """Return the leaves of a branch in canonical spelling, elements as `[n]`."""
        return [row.path for row in self._rows.values() if row.branch == branch]

    def words(self, branch: Branch, path: str) -> tuple[str, ...] | None:
        """Return the literals that a leaf can have, None when its values are free."""
        row = self._rows.get((branch, path.casefold()))
        return row.space.literals if row is not None and row.space.kind == "literal" else None


@lru_cache(maxsize=1)
def nodes() -> Nodes:
    """Return the node table, read once per process."""
    text = resources.files("endpoint.wire.xapi").joinpath("nodes.tsv").read_text(encoding="utf-8")
    return Nodes([_row(line) for line in text.splitlines() if not line.startswith("#")])


def _row(line: str) -> Node:
    branch, path, values, read, settable, label, default = line.split("\t")
    if branch not in ("Status", "Configuration"):
        raise ValueError(f"nodes.tsv: no branch {branch!r}")
    elements = tuple(
        range(int(found[1]), int(found[2] or found[1]) + 1) if found[1] else None for found in _ELEMENTS.finditer(path)
    )
    space = ValueSpace.read(values)
    return Node(branch, _ELEMENTS.sub("[n]", path), space, read, settable, LABELS[label], default, elements)  # type: ignore[arg-type]  # checked above
