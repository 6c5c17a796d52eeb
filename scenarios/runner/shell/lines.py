"""What a line of the prompt asks for: pure, from text to a statement, with every mistake told in words.

Source: protocol/xapi.md 4.3; the shell adds paths that begin with their branch (`Status Audio`) and `:` commands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from endpoint.wire.errors import WireError
from endpoint.wire.xapi.completion import FEEDBACK_BRANCHES, FEEDBACK_WORDS, Verb, verb_of
from endpoint.wire.xapi.nodes import Branch
from endpoint.wire.xapi.paths import Path, parse_path
from endpoint.wire.xapi.query import Query, query_of_text
from endpoint.wire.xapi.tokens import Token, tokens
from scenarios.runner.problems import nearest

LINE_CHARS_MAX: Final = 64 * 1024
VERBS: Final = (
    Verb("xStatus", "read the state", "path", "Status"),
    Verb("xConfiguration", "read and set configurations", "path", "Configuration"),
    Verb("xCommand", "call a command", "call", "Command"),
    Verb("xFeedback", "be told of changes and events", "feedback"),
    Verb("xEvent", "list the events", "path", "Event"),
    Verb("help", "what there is"),
    Verb("bye", "leave"),
)
"""The verbs of this prompt, as they are completed."""
_BARE: Final = (
    Verb("Status", "", "path", "Status"),
    Verb("Configuration", "", "path", "Configuration"),
    Verb("Command", "", "call", "Command"),
    Verb("Event", "", "path", "Event"),
)
ALL_VERBS: Final = (*VERBS, *_BARE)
_ELSEWHERE: Final[Mapping[str, str]] = {
    "xpreferences": "answers have one form here; output modes are for ssh",
    "xdocument": "a line that ends in ? describes what there is, such as: xCommand Dial ?",
    "xgetxml": "documents are for ssh and http; here: xStatus Audio",
    "echo": "nothing is echoed here; that is for ssh",
    "systemtools": "systemtools are for ssh",
}
_RESULT_ID: Final = re.compile(r'\|\s*resultId\s*=\s*("?)(?P<id>[^"]*)\1\s*', re.IGNORECASE)


class LineError(Exception):
    """A line that cannot be understood; the text says what would have been right."""


@dataclass(frozen=True, slots=True)
class Read:
    """Show what a query covers."""

    branch: Branch
    query: Query


@dataclass(frozen=True, slots=True)
class Set:
    """Set a configuration; the query has its branch."""

    query: Query
    value: str


@dataclass(frozen=True, slots=True)
class Call:
    """Call a command, its words as they were typed; what was given once is a text, what was given several times a list."""

    words: Path
    arguments: Mapping[str, str | list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Register:
    """Be told of what an expression covers."""

    query: Query


@dataclass(frozen=True, slots=True)
class Deregister:
    """Be told of it no longer; None ends everything."""

    expression: str | None


@dataclass(frozen=True, slots=True)
class ListRegistered:
    """Show what was registered."""


@dataclass(frozen=True, slots=True)
class Help:
    """Say what there is: at a path of a branch, or in general."""

    branch: Branch | None = None
    path: Path = ()
    is_deep: bool = False


@dataclass(frozen=True, slots=True)
class Colon:
    """A command to the simulation: its name and the rest of the line."""

    name: str
    rest: str


@dataclass(frozen=True, slots=True)
class Leave:
    """End the session."""


Statement: TypeAlias = Read | Set | Call | Register | Deregister | ListRegistered | Help | Colon | Leave


def parse_line(line: str) -> tuple[Statement, str] | None:
    """Read a line; returns what it asks for and its resultId (`""` without one), None for a line without anything.

    Raises:
        LineError: it asks for nothing that there is.
    """
    if len(line) > LINE_CHARS_MAX:
        raise LineError(f"a line has at most {LINE_CHARS_MAX} characters")
    text = line.strip()
    if not text or text.startswith("#"):
        return None
    if text.startswith(":"):
        name, _, rest = text[1:].lstrip().partition(" ")
        return Colon(name, rest.strip()), ""
    if text in ("?", "??"):
        return Help(), ""
    word, *more = text.split(None, 1)
    rest = more[0] if more else ""
    verb = _verb(word)
    read = tokens(rest)
    result_id = ""
    if read and read[-1].kind == "tag":
        result_id = _result_id(read.pop().text)
    end = read[-1].end if read else 0
    return _statement(verb, rest[:end], read), result_id


def _verb(word: str) -> Verb:
    verb = verb_of(word, ALL_VERBS)
    if verb is not None:
        return verb
    why = _ELSEWHERE.get(word.casefold())
    if why is not None:
        raise LineError(why)
    begun = [verb.name for verb in ALL_VERBS if verb.name.casefold().startswith(word.casefold())]
    if len(begun) > 1:
        raise LineError(f"{word!r} is short for {' and '.join(begun)}; write one more letter")
    near = nearest(word, [verb.name for verb in ALL_VERBS])
    hint = f"nearest: {near}" if near else "a line begins with xStatus, xConfiguration, xCommand, xFeedback, or :help"
    raise LineError(f"Command not recognized: {word[:40]!r}; {hint}")


def _result_id(tag: str) -> str:
    found = _RESULT_ID.fullmatch(tag)
    if found is None:
        raise LineError('after a vertical bar comes resultId="..."')
    return found["id"]


def _statement(verb: Verb, rest: str, read: list[Token]) -> Statement:
    if verb.name == "help":
        return Help()
    if verb.name == "bye":
        return Leave()
    if read and _asks_for_help(read[-1]):
        return _help(verb, read)
    match verb.reads:
        case "feedback":
            return _feedback(rest)
        case "call":
            return _call(rest, read)
    if any(token.kind in ("name", "value") for token in read):
        return _set(verb, rest, read)
    return Read(verb.branch, _query(f"{verb.branch} {rest}"))


def _asks_for_help(last: Token) -> bool:
    """Say whether a line ends in a question: after a word, or in place of a value."""
    if last.kind == "word":
        return last.text.endswith("?")
    return last.kind == "value" and not last.is_quoted and last.text in ("?", "??")


def _help(verb: Verb, read: list[Token]) -> Help:
    is_deep = read[-1].text.endswith("??")
    if verb.reads == "feedback":
        return Help("Event", is_deep=is_deep)
    kinds = ("word", "name") if verb.branch == "Configuration" else ("word",)
    path = " ".join(token.text for token in read if token.kind in kinds).rstrip("?").strip()
    return Help(verb.branch, _path(path) if path else (), is_deep=is_deep)


def _path(text: str) -> Path:
    try:
        return parse_path(text)
    except WireError as error:
        raise LineError(str(error)) from None


def _query(text: str) -> Query:
    try:
        return query_of_text(text)
    except WireError as error:
        raise LineError(str(error)) from None


def _set(verb: Verb, rest: str, read: list[Token]) -> Set:
    name = next((number for number, token in enumerate(read) if token.kind == "name"), None)
    if verb.branch != "Configuration":
        raise LineError("only configurations can be set: xConfiguration SystemUnit Name: Huddle")
    if name is None:
        raise LineError("a colon stands between a configuration and its value: xConfiguration SystemUnit Name: Huddle")
    values = read[name + 1 :]
    if not values:
        raise LineError("the value is missing after the colon; an empty text is written with two quotes")
    _check_quotes(read)
    if len(values) > 1:
        raise LineError(f"one value, please; blanks need quotes: {_requoted(rest, values)}")
    return Set(_query("Configuration " + rest[: read[name].end].rstrip().removesuffix(":")), values[0].text)


def _call(rest: str, read: list[Token]) -> Call:
    first = next((number for number, token in enumerate(read) if token.kind != "word"), len(read))
    if first == 0:
        raise LineError("which command? such as: xCommand Audio Volume Set Level: 30")
    _check_quotes(read)
    arguments: dict[str, list[str]] = {}
    spelling: dict[str, str] = {}
    pairs = read[first:]
    at = 0
    while at < len(pairs):
        name = pairs[at]
        if name.kind != "name":
            before = pairs[at - 1] if at else None
            what = _requoted(rest, [before, name]) if before is not None else 'Name: "with blanks"'
            raise LineError(f"{name.text[:40]!r} belongs to no argument; a value with blanks needs quotes: {what}")
        if at + 1 == len(pairs) or pairs[at + 1].kind != "value":
            raise LineError(f"the value of {name.text} is missing; an empty text is written with two quotes")
        known = spelling.setdefault(name.text.casefold(), name.text)
        arguments.setdefault(known, []).append(pairs[at + 1].text)
        at += 2
    words = _path(rest[: read[first].start] if first < len(read) else rest)
    return Call(words, {name: values if len(values) > 1 else values[0] for name, values in arguments.items()})


def _check_quotes(read: Sequence[Token]) -> None:
    if read and read[-1].is_open:
        raise LineError('a quote is not closed; inside quotes write \\" for one')


def _requoted(rest: str, pieces: Sequence[Token]) -> str:
    return '"' + " ".join(piece.text for piece in pieces)[:60] + '"'


def _feedback(rest: str) -> Register | Deregister | ListRegistered:
    word, _, expression = rest.partition(" ")
    expression = expression.strip()
    match word.casefold():
        case "list":
            return ListRegistered()
        case "deregisterall":
            return Deregister(None)
        case "register" | "deregister" if not expression:
            raise LineError(f"{word} what? such as: xFeedback {word} /Status/Audio")
        case "register":
            return Register(expression_of(expression))
        case "deregister":
            expression_of(expression)
            return Deregister(expression)
    near = nearest(word, FEEDBACK_WORDS) if word else None
    raise LineError(f"nearest: xFeedback {near}" if near else f"xFeedback goes on with {', '.join(FEEDBACK_WORDS)}")


def expression_of(text: str) -> Query:
    """Read a feedback expression: `/Status/Call`, `Event`, `Status/Video/Input/Connector[3]`.

    Raises:
        LineError: it is none.
    """
    query = _query(text)
    first = query.parts[0]
    if first not in {branch.casefold() for branch in FEEDBACK_BRANCHES}:
        raise LineError("an expression begins with Status, Configuration or Event, such as /Status/Audio/Volume")
    return query
