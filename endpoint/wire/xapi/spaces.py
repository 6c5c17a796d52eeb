"""Value spaces: what a leaf, an argument or a field can hold. Source: protocol/xapi.md 2.3."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Final, Literal, TypeAlias

from endpoint.wire.errors import LocalProtocolError

Value: TypeAlias = str | int

LITERALS_SHOWN_MAX: Final = 40
_SPACES_KEPT_MAX: Final = 1_024
_RANGE: Final = re.compile(r"(-?\d+)\.\.(-?\d+)")
_TEXT: Final = re.compile(r"S(?:\((\d+)\.\.(\d+)\))?")


@dataclass(frozen=True, slots=True)
class ValueSpace:
    """What a leaf can hold: `literal`, `integer` or `string`, with its bounds (lengths in UTF-8 bytes)."""

    kind: Literal["literal", "integer", "string"]
    literals: tuple[str, ...] = ()
    low: int | None = None
    high: int | None = None

    @classmethod
    def read(cls, text: str) -> ValueSpace:
        """Read the notation of the table: `A/B/C`, `a..b`, `int`, `S`, `S(a..b)`, `zone`."""
        if text == "int":
            return cls("integer")
        if text == "zone":
            return cls("literal", zones())
        if found := _RANGE.fullmatch(text):
            return cls("integer", low=int(found[1]), high=int(found[2]))
        if found := _TEXT.fullmatch(text):
            bounds = (int(found[1]), int(found[2])) if found[1] else (None, None)
            return cls("string", low=bounds[0], high=bounds[1])
        return cls("literal", tuple(text.split("/")))

    def describe(self) -> str:
        """Print the space as the shell's help does: `<Off/On>`, `<0..100>`, `<S: 0, 50>`, `<Integer>`, `<String>`."""
        if self.kind == "literal":
            return f"<{'/'.join(self.literals)}>"
        if self.kind == "integer":
            return "<Integer>" if self.low is None and self.high is None else f"<{_or(self.low)}..{_or(self.high)}>"
        return "<String>" if self.high is None else f"<S: {self.low or 0}, {self.high}>"

    def accept(self, value: Value | bool) -> Value:
        """Return a value as it is stored: literals in canonical spelling, integers as numbers, true as `True`.

        Raises:
            LocalProtocolError: the value is outside; the text says what would be inside.
        """
        if self.kind == "integer":
            return self._integer(value)
        text = str(value)
        if self.kind == "literal":
            return self._literal(text)
        try:
            size = len(text.encode())
        except UnicodeEncodeError:
            raise LocalProtocolError("a text with half a character, a lone surrogate") from None
        if (self.low is not None and size < self.low) or (self.high is not None and size > self.high):
            raise LocalProtocolError(f"a text of {size} bytes; {_or(self.low)} to {_or(self.high)} are allowed")
        return text

    def _literal(self, text: str) -> str:
        known = _spellings(self.literals).get(text.casefold())
        if known is None or (known.isascii() and not text.isascii()):  # a ligature folds to `ff`, and is another word
            more = len(self.literals) - LITERALS_SHOWN_MAX
            shown = ", ".join(self.literals[:LITERALS_SHOWN_MAX]) + (f" and {more} more" if more > 0 else "")
            raise LocalProtocolError(f"{text[:40]!r} is none of {shown}")
        return known

    def _integer(self, value: Value | bool) -> int:
        if not re.fullmatch(r"-?[0-9]{1,15}", str(value)):
            raise LocalProtocolError(f"{str(value)[:40]!r} is no whole number")
        number = int(value)
        if (self.low is not None and number < self.low) or (self.high is not None and number > self.high):
            raise LocalProtocolError(f"{number} is outside {_or(self.low)}..{_or(self.high)}")
        return number


def _or(bound: int | None) -> str:
    return "" if bound is None else str(bound)


@lru_cache(maxsize=_SPACES_KEPT_MAX)
def _spellings(literals: tuple[str, ...]) -> Mapping[str, str]:
    # the first of two that differ only in case wins, as in a search from the left
    return {literal.casefold(): literal for literal in reversed(literals)}


@lru_cache(maxsize=1)
def zones() -> tuple[str, ...]:
    """Return the names of the time zones that a device knows, in order. Source: tzdata 2026.6, without `Factory`."""
    text = resources.files("endpoint.wire.xapi").joinpath("zones.txt").read_text(encoding="utf-8")
    return tuple(text.split())
