"""What can come next on a line of the xAPI shell: verbs, path words, element numbers, arguments, values.

Pure: the line up to the cursor in, proposals out, so that every prompt can use it. Which elements a list has at present only the
device knows; a callback says it. Source: protocol/xapi.md 2.5, 4.3, 4.8.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from endpoint.wire.xapi.calls import INTERNAL, Caller
from endpoint.wire.xapi.completion_index import Index, index_of
from endpoint.wire.xapi.leaves import Leaf
from endpoint.wire.xapi.nodes import Branch, Command, Nodes
from endpoint.wire.xapi.paths import INDEX_MAX, Path
from endpoint.wire.xapi.proposals import Completion, after_command, arguments_left, begins, short, values_of
from endpoint.wire.xapi.tokens import tokens

__all__ = [
    "COMPLETIONS_MAX",
    "FEEDBACK_BRANCHES",
    "FEEDBACK_WORDS",
    "LINE_CHARS_MAX",
    "VERBS",
    "Completion",
    "Numbers",
    "Verb",
    "complete",
    "elements",
    "list_at",
    "unambiguous",
    "verb_of",
]

LINE_CHARS_MAX: Final = 4_096
"""Longer lines are not completed."""
COMPLETIONS_MAX: Final = 500
_SEPARATORS: Final = re.compile(r"[ \t/.]+")
_PIECE: Final = re.compile(
    r"(?P<name>[A-Za-z][\w+-]*)?(?:\[(?:@item=)?(?P<quote>['\"]?)(?P<number>\d{1,10}|\*)(?P=quote)\])?"
)
_HALF_ELEMENT: Final = re.compile(r"(?P<name>[A-Za-z][\w+-]*)\[(?P<number>\d*)")


@dataclass(frozen=True, slots=True)
class Verb:
    """The first word of a line.

    Attributes:
        reads: what follows it: a `path` below `branch`, a `call`, a `feedback` expression, or one of the `words`.
    """

    name: str
    note: str
    reads: Literal["path", "call", "feedback", "words"] = "words"
    branch: Branch = "Status"
    words: tuple[str, ...] = ()


VERBS: Final = (
    Verb("xStatus", "read the state", "path", "Status"),
    Verb("xConfiguration", "read and set configurations", "path", "Configuration"),
    Verb("xCommand", "call a command", "call", "Command"),
    Verb("xFeedback", "be told of changes and events", "feedback"),
    Verb("xEvent", "list the events", "path", "Event"),
    Verb("xDocument", "describe a part of the tree", "path", "Status"),
    Verb("xPreferences", "how answers are printed", words=("OutputMode terminal", "OutputMode json", "OutputMode xml")),
    Verb("echo", "what you type comes back, or not", words=("on", "off")),
    Verb("help", "list the verbs"),
    Verb("bye", "end the session"),
)
"""The verbs of the shell behind the ssh door."""

FEEDBACK_WORDS: Final = {
    "Register": "begin to be told",
    "Deregister": "end it",
    "DeregisterAll": "end all",
    "List": "what was registered",
}
FEEDBACK_BRANCHES: Final[tuple[Branch, ...]] = ("Status", "Configuration", "Event")

Numbers: TypeAlias = Callable[[Path], Iterable[int]]
"""Which elements the list at a path has now; the path begins with the branch."""


def _none(path: Path) -> Iterable[int]:
    return ()


def complete(
    line: str,
    table: Nodes,
    *,
    verbs: Sequence[Verb] = VERBS,
    caller: Caller = INTERNAL,
    numbers: Numbers = _none,
    registered: Sequence[str] = (),
) -> list[Completion]:
    """Return what the end of a line can become, in the order in which a list should show it; at most COMPLETIONS_MAX.

    Args:
        line: what stands before the cursor.
        caller: what its roles do not allow is left out.
        registered: feedback expressions that could be deregistered.
    """
    if len(line) > LINE_CHARS_MAX or (not line.isprintable() and "\t" not in line):
        return []
    typed = line.lstrip()
    word = re.match(r"\S*", typed)
    assert word is not None, "it matches nothing as well"
    if word.end() == len(typed):
        found = [Completion(verb.name, len(typed), verb.name, verb.note) for verb in verbs if begins(verb.name, typed)]
        return found[:COMPLETIONS_MAX]
    verb = verb_of(word[0], verbs)
    if verb is None or typed.endswith("?"):
        return []
    work = _Completer(table, index_of(table), caller, numbers, registered)
    return work.after(verb, typed[word.end() :].lstrip())[:COMPLETIONS_MAX]


def unambiguous(line: str, found: Sequence[Completion]) -> Completion | None:
    """Return what the Tab key can do without a choice: the longest beginning that all proposals share; None when that adds nothing.

    A single proposal that is complete brings the blank behind it along.
    """
    offered = [one for one in found if not one.is_hint]
    if not offered or len({one.replaced for one in offered}) > 1:
        return None
    first = offered[0]
    text = first.text if first.text.endswith((" ", "=")) else f"{first.text} "
    if len(offered) > 1:
        folded = [one.text.casefold() for one in offered]
        size = next(
            (at for at, signs in enumerate(zip(*folded, strict=False)) if len(set(signs)) > 1), min(map(len, folded))
        )
        text = first.text[:size]
    before = line[len(line) - first.replaced :]
    is_more = len(text) > len(before) or (len(text) == len(before) and text != before)
    return Completion(text, first.replaced, text) if is_more else None


def list_at(line: str, table: Nodes, *, verbs: Sequence[Verb] = VERBS) -> Path | None:
    """Return the list whose element numbers could come next, for callers that must ask for them first; None when none can.

    The path is in canonical spelling and begins with the branch, as the callback of `complete` gets it.
    """
    asked: list[Path] = []

    def numbers(path: Path) -> Iterable[int]:
        asked.append(path)
        return ()

    complete(line, table, verbs=verbs, numbers=numbers)
    return asked[0] if asked else None


def elements(leaves: Iterable[Leaf], path: Path) -> list[int]:
    """Return the numbers of the elements that a list has in these leaves; a name without a number in `path` is any element."""
    found: set[int] = set()
    for leaf, _ in leaves:
        at = 0
        for part in path:
            while isinstance(part, str) and at < len(leaf) and isinstance(leaf[at], int):
                at += 1
            if at >= len(leaf) or str(leaf[at]).casefold() != str(part).casefold():
                break
            at += 1
        else:
            if at < len(leaf) and isinstance(number := leaf[at], int):
                found.add(number)
    return sorted(found)


def verb_of(word: str, verbs: Sequence[Verb]) -> Verb | None:
    """Return the verb that a word names: in any case, and shortened while only one begins so (`xstat`)."""
    folded = word.casefold()
    exact = next((verb for verb in verbs if verb.name.casefold() == folded), None)
    if exact is not None:
        return exact
    begun = [verb for verb in verbs if len(folded) > 1 and begins(verb.name, word)]
    return begun[0] if len(begun) == 1 else None


class _Completer:
    """One completion under way."""

    def __init__(self, table: Nodes, index: Index, caller: Caller, numbers: Numbers, registered: Sequence[str]) -> None:
        self._table = table
        self._index = index
        self._caller = caller
        self._numbers = numbers
        self._registered = registered

    def after(self, verb: Verb, rest: str) -> list[Completion]:
        match verb.reads:
            case "path":
                return self._path_line(verb.branch, rest)
            case "call":
                return self._call(rest)
            case "feedback":
                return self._feedback(rest)
        return _one_of(verb.words, rest)

    # paths, and configurations that are set

    def _path_line(self, branch: Branch, rest: str) -> list[Completion]:
        read = tokens(rest)
        name = next((number for number, token in enumerate(read) if token.kind == "name"), None)
        if name is None:
            return self._path(branch, rest)
        parts = _parts(rest[: read[name].end - 1] + " ")
        row = self._index.row(branch, parts[0]) if parts is not None else None
        if branch != "Configuration" or row is None or not self._caller.may(row.set):
            return []
        return values_of(row.space, row.default, read[name + 1 :], rest)

    def _path(self, branch: Branch, text: str) -> list[Completion]:
        read = _parts(text)
        if read is None:
            return []
        parts, partial = read
        if "//" in text:
            return self._anywhere(branch, partial)
        half = _HALF_ELEMENT.fullmatch(partial)
        if half is not None:
            return self._half_element(branch, (*parts, half["name"]), half["number"], len(partial))
        return [
            *self._element_numbers(branch, parts, partial),
            *self._words(branch, parts, partial),
            *self._colon(branch, parts, partial, text),
        ]

    def _words(self, branch: Branch, parts: Path, partial: str) -> list[Completion]:
        found = []
        for word in self._table.children(branch, parts):
            below = (*parts, word)
            if begins(word, partial) and self._caller.may(self._index.roles(branch, below)):
                found.append(Completion(word, len(partial), word, self._note(branch, below)))
        return found

    def _note(self, branch: Branch, parts: Path) -> str:
        row = self._index.row(branch, parts)
        if row is not None:
            return short(row.space.describe())
        if branch == "Command" and (command := self._table.command(parts)) is not None:
            needed = " ".join(argument.name for argument in command.arguments if argument.required)
            return short(needed and f"{needed}: ")
        return "list" if self._index.is_list(branch, parts) else ""

    def _anywhere(self, branch: Branch, partial: str) -> list[Completion]:
        words = self._index.words(branch) if partial else ()
        return [Completion(word, len(partial), word) for word in words if begins(word, partial)]

    def _elements(self, branch: Branch, parts: Path) -> list[int]:
        """Return the element numbers that there are: now, if the device says so, else those that the table knows."""
        if not parts or isinstance(parts[-1], int) or not self._index.is_list(branch, parts):
            return []
        place = (branch, *self._index.spelt(branch, parts))
        now = sorted({number for number in self._numbers(place) if 0 <= number <= INDEX_MAX})
        return now or list(self._index.known_numbers(branch, parts))

    def _element_numbers(self, branch: Branch, parts: Path, partial: str) -> list[Completion]:
        if partial and not partial.isdecimal():
            return []
        numbers = map(str, self._elements(branch, parts))
        return [Completion(text, len(partial), text, "element") for text in numbers if text.startswith(partial)]

    def _half_element(self, branch: Branch, parts: Path, begun: str, replaced: int) -> list[Completion]:
        word = next(
            (word for word in self._table.children(branch, parts[:-1]) if word.casefold() == str(parts[-1]).casefold()),
            None,
        )
        if word is None:
            return []
        numbers = [str(number) for number in self._elements(branch, parts) if str(number).startswith(begun)]
        return [Completion(f"{word}[{number}]", replaced, f"{word}[{number}]", "element") for number in numbers]

    def _colon(self, branch: Branch, parts: Path, partial: str, text: str) -> list[Completion]:
        """Propose to set the configuration that has just been named."""
        row = self._index.row(branch, (*parts, partial) if partial else parts)
        if branch != "Configuration" or row is None or not self._caller.may(row.set) or not text.strip():
            return []
        blanks = len(text) - len(text.rstrip())
        note = f"set it; default {row.default}" if row.default else "set it"
        return [Completion(": ", blanks, f": {short(row.space.describe())}", note)]

    # commands

    def _call(self, rest: str) -> list[Completion]:
        read = tokens(rest)
        first = next((number for number, token in enumerate(read) if token.kind != "word"), len(read))
        if first == len(read):
            found = _parts(rest)
            if found is None:
                return []
            parts, partial = found
            command = self._known_command(parts)
            proposals = self._words("Command", parts, partial)
            return proposals + (arguments_left(command, [], partial) if command is not None else [])
        if read[first].kind != "name" or read[-1].kind == "tag":
            return []
        words = _parts(rest[: read[first].start] + " ")
        command = self._known_command(words[0]) if words is not None else None
        return after_command(command, read[first:], rest) if command is not None else []

    def _known_command(self, parts: Path) -> Command | None:
        command = self._table.command(parts)
        return command if command is not None and self._caller.may(command.roles) else None

    # feedback

    def _feedback(self, rest: str) -> list[Completion]:
        word = re.match(r"\S*", rest)
        assert word is not None, "it matches nothing as well"
        if word.end() == len(rest):
            return [
                Completion(name, len(rest), name, note) for name, note in FEEDBACK_WORDS.items() if begins(name, rest)
            ]
        expression = rest[word.end() :].lstrip()
        match word[0].casefold():
            case "register":
                return self._expression(expression)
            case "deregister":
                mine = [one for one in self._registered if begins(one, expression)]
                return [Completion(one, len(expression), one, "registered") for one in mine] or self._expression(
                    expression
                )
        return []

    def _expression(self, text: str) -> list[Completion]:
        begun = text.removeprefix("/")
        branch_word = re.match(r"[^ \t/.\[]*", begun)
        assert branch_word is not None, "it matches nothing as well"
        if branch_word.end() == len(begun):
            slash = "" if text else "/"
            return [
                Completion(slash + branch, len(begun), slash + branch)
                for branch in FEEDBACK_BRANCHES
                if begins(branch, begun)
            ]
        branch = next((one for one in FEEDBACK_BRANCHES if one.casefold() == branch_word[0].casefold()), None)
        found = self._path(branch, begun[branch_word.end() :]) if branch is not None else []
        return [one for one in found if one.text != ": "]


def _parts(text: str) -> tuple[Path, str] | None:
    """Split a path into what is complete and what is being typed; None where no word of the table can come."""
    *whole, partial = _SEPARATORS.split(text)
    parts: list[str | int] = []
    for piece in whole:
        if piece.isdecimal() and piece.isascii() and len(piece) <= 10:
            parts.append(int(piece))
            continue
        found = _PIECE.fullmatch(piece)
        if piece == "*" and parts:
            continue  # any element: as if no number had been given
        if found is None:
            return None
        if found["name"]:
            parts.append(found["name"])
        if found["number"] and found["number"].isascii() and found["number"] != "*":
            parts.append(int(found["number"]))
    if parts and isinstance(parts[0], int):
        return None
    return tuple(parts), partial


def _one_of(choices: Sequence[str], rest: str) -> list[Completion]:
    """Propose the next word of choices of several words."""
    *done, partial = re.split(r"[ \t]+", rest)
    found: dict[str, Completion] = {}
    for choice in choices:
        words = choice.split(" ")
        if len(words) > len(done) and [w.casefold() for w in words[: len(done)]] == [w.casefold() for w in done]:
            word = words[len(done)]
            if begins(word, partial):
                found[word] = Completion(word, len(partial), word)
    return list(found.values())
