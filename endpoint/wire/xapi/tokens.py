"""The pieces of a line that somebody types: words, names of arguments, values, the tag at its end. Half a line has pieces too.

Source: protocol/xapi.md 4.3.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.xapi.terminal import unescaped

Kind: TypeAlias = Literal["word", "name", "value", "tag"]

_BLANKS: Final = " \t"
_WORD: Final = re.compile(r'[^ \t:"|]+')
_BARE: Final = re.compile(r"[^ \t]+")
_QUOTED: Final = re.compile(r'"(?P<text>(?:[^"\\]|\\.)*)(?P<end>"?)', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Token:
    """One piece of a line.

    Attributes:
        kind: `word` of a path; `name` of an argument, its colon left out; `value`; `tag`, all from a vertical bar on.
        text: what is meant, without quotes and escapes.
        start, end: where it stands in the line.
        is_quoted: it is written between quotes.
        is_open: its closing quote has not come yet.
    """

    kind: Kind
    text: str
    start: int
    end: int
    is_quoted: bool = False
    is_open: bool = False


def tokens(line: str) -> list[Token]:
    """Split a line into its pieces; every line can be split. What follows a name is its value, whatever it looks like."""
    found: list[Token] = []
    at = 0
    while at < len(line):
        if line[at] in _BLANKS:
            at += 1
            continue
        token = _next(line, at, found[-1] if found else None)
        if token.kind == "name" and not token.text and found and found[-1].kind == "word":
            before = found.pop()  # a colon on its own belongs to the word before it
            token = Token("name", before.text, before.start, token.end)
        found.append(token)
        at = token.end
    return found


def _next(line: str, at: int, before: Token | None) -> Token:
    if line[at] == '"':
        return _quoted(line, at)
    if before is not None and before.kind == "name":
        bare = _BARE.match(line, at)
        assert bare is not None, "no blank is here"
        return Token("value", bare[0], at, bare.end())
    if line[at] == "|":
        return Token("tag", line[at:], at, len(line))
    word = _WORD.match(line, at)
    end = at if word is None else word.end()
    if line[end : end + 1] == ":":
        return Token("name", line[at:end], at, end + 1)
    return Token("word", line[at:end], at, end)


def _quoted(line: str, at: int) -> Token:
    found = _QUOTED.match(line, at)
    assert found is not None, "a quote is here"
    is_open = not found["end"]
    # a lone backslash at the very end escapes what has not been typed yet
    end = len(line) if is_open else found.end()
    return Token("value", _unescaped(found["text"]), at, end, is_quoted=True, is_open=is_open)


def _unescaped(text: str) -> str:
    try:
        return unescaped(text)
    except RemoteProtocolError:  # half a character; the other half may follow
        return text
