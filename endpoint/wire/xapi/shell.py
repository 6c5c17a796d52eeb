r"""The command line of the shell: verbs, path words, arguments, the tag of the answer.

    xCommand UserInterface Message Alert Display Duration: 3 Text: "a \"b\"" | resultId="15"

Source: protocol/xapi.md 4.3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.xapi.nodes import Nodes
from endpoint.wire.xapi.terminal import unescaped

LINE_BYTES_MAX: Final = 64 * 1024
"""Longest command line; lines of a body are bounded by the body alone."""
ABBREVIATION_CHARS_MIN: Final = 3

VERBS: Final = (
    "xStatus",
    "xConfiguration",
    "xCommand",
    "xFeedback",
    "xPreferences",
    "xDocument",
    "xEvent",
    "xGetxml",
    "xTransaction",
    "echo",
    "bye",
    "log",
    "systemtools",
    "help",
    "?",
)
_WITH_ARGUMENTS: Final = frozenset({"xConfiguration", "xCommand", "xDocument"})
_BLANKS: Final = re.compile(r"[ \t]*")
_BARE: Final = re.compile(r"[^ \t]+")
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ARGUMENT: Final = re.compile(r'([^ \t:"|]+):')
_TAG: Final = re.compile(r'\|[ \t]*resultid[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^ \t"|]+))[ \t]*', re.IGNORECASE)
_LAST_TAG: Final = re.compile(_TAG.pattern + r"\Z", re.IGNORECASE)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_HELP: Final = ("?", "??")


@dataclass(frozen=True, slots=True)
class Line:
    """A command line, read.

    Attributes:
        verb: in canonical spelling; `""` when the first word is none.
        words: the words after it, up to the first argument.
        arguments: by name as it was written; several values where one was repeated. A word where a name should be is a name
            with no value, and no command knows it.
        help: 1 for `?` at the end, 2 for `??`.
        rest: everything after the verb, without the tag.
    """

    verb: str
    words: tuple[str, ...] = ()
    arguments: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    result_id: str | None = None
    help: int = 0
    rest: str = ""


def read_line(text: str) -> Line:
    """Read a command line.

    Raises:
        RemoteProtocolError: control characters, a quote that is not closed, a tag in another form than `| resultId="x"`.
    """
    if found := _CONTROL.search(text):
        raise _bad("a command line holds no control characters", f"{found[0]!r} at {found.start() + 1}")
    begin = _skip(text, 0)
    first = _BARE.match(text, begin)
    if first is None:
        return Line("")
    name = first[0]
    return _Reader(text, first.end(), verb_of(name)).read()


def tag_of(text: str) -> str | None:
    """Return the tag at the end of a line that could not be read otherwise, so that its refusal can be told apart."""
    found = _LAST_TAG.search(text[-LINE_BYTES_MAX:])
    return None if found is None else found[1] if found[1] is not None else found[2]


def verb_of(word: str) -> str:
    """Return the verb that a word is, or is the beginning of; `""` when there is none or there are several.

    Verbs match in any case and may be shortened to no less than three letters; `bye` may not.
    """
    wanted = word.casefold()
    if wanted == "??":
        return "?"
    exact = [verb for verb in VERBS if verb.casefold() == wanted]
    if exact or len(wanted) < ABBREVIATION_CHARS_MIN:
        return exact[0] if exact else ""
    found = [verb for verb in VERBS if verb.casefold().startswith(wanted)]
    return found[0] if len(found) == 1 else ""


def takes_body(text: str, table: Nodes) -> bool:
    """Say whether lines of content follow a command line, up to a line with a single dot."""
    try:
        line = read_line(text)
    except RemoteProtocolError:
        return False
    command = table.command(command_words(line)) if line.verb == "xCommand" and not line.help else None
    return command is not None and command.multiline


def command_words(line: Line) -> tuple[str, ...]:
    """Return the words of a command's path; slashes between them will do as well as blanks."""
    return tuple(word for words in line.words for word in words.split("/") if word)


class _Reader:
    """Walks once over a line, from its second word on."""

    def __init__(self, text: str, at: int, verb: str) -> None:
        self._text = text
        self._begin = at
        self._at = at
        self._verb = verb
        self._words: list[str] = []
        self._arguments: dict[str, list[str]] = {}
        self._spellings: dict[str, str] = {}
        self._tag: str | None = None
        self._end = len(text)
        self._help = 0

    def read(self) -> Line:
        takes_arguments = self._verb in _WITH_ARGUMENTS
        while (word := self._next(takes_arguments)) is not None:
            text, is_quoted = word
            if not is_quoted and text in _HELP and self._is_last():
                self._help = _HELP.index(text) + 1
            elif self._arguments:
                self._add(text, "")
            else:
                self._words.append(text)
        arguments = {name: tuple(v) if len(v) > 1 else v[0] for name, v in self._arguments.items()}
        rest = self._text[self._begin : self._end].strip(" \t")
        return Line(self._verb, tuple(self._words), arguments, self._tag, self._help, rest)

    def _next(self, takes_arguments: bool) -> tuple[str, bool] | None:
        """Return the next word that is no argument and whether it was quoted; None at the end."""
        while True:
            self._at = _skip(self._text, self._at)
            if self._at >= len(self._text):
                return None
            if self._text[self._at] == "|":
                self._read_tag()
                return None
            found = _ARGUMENT.match(self._text, self._at) if takes_arguments else None
            if found is None:
                return self._word()
            self._at = found.end()
            self._add(found[1], self._value())

    def _add(self, name: str, value: str) -> None:
        spelling = self._spellings.setdefault(name.casefold(), name)
        self._arguments.setdefault(spelling, []).append(value)

    def _value(self) -> str:
        self._at = _skip(self._text, self._at)
        if self._at >= len(self._text) or self._text[self._at] == "|":
            return ""
        return self._word()[0]

    def _word(self) -> tuple[str, bool]:
        if self._text[self._at] == '"':
            found = _QUOTED.match(self._text, self._at)
            if found is None:
                raise _bad("a quote is closed", self._text[self._at : self._at + 40])
            self._at = found.end()
            if self._at < len(self._text) and self._text[self._at] not in " \t|":
                raise _bad("a blank follows a closing quote", self._text[self._at : self._at + 40])
            return unescaped(found[1]), True
        found = _BARE.match(self._text, self._at)
        assert found is not None, "not at a blank, and not at the end"
        self._at = found.end()
        return found[0], False

    def _is_last(self) -> bool:
        after = _skip(self._text, self._at)
        return after >= len(self._text) or self._text[after] == "|"

    def _read_tag(self) -> None:
        found = _TAG.match(self._text, self._at)
        if found is None or found.end() != len(self._text):
            raise _bad('a line ends with | resultId="x" or without it', self._text[self._at : self._at + 40])
        self._end = self._at
        self._at = len(self._text)
        self._tag = unescaped(found[1]) if found[1] is not None else found[2]


def _skip(text: str, at: int) -> int:
    found = _BLANKS.match(text, at)
    return found.end() if found is not None else at


def _bad(rule: str, got: str) -> RemoteProtocolError:
    return RemoteProtocolError("shell", rule, got)
