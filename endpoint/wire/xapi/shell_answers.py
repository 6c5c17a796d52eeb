"""What the shell answers, and how it is written in each output mode.

An answer knows nothing of modes; `Writer` writes it as terminal lines, JSON or XML. Source: protocol/xapi.md 4.4 to 4.8, 17.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, TypeAlias

from endpoint.wire.xapi import terminal, xmlform
from endpoint.wire.xapi.documents import valuespace_name
from endpoint.wire.xapi.errors import ILLEGAL_VALUE, BadValue
from endpoint.wire.xapi.jsonform import at, strings
from endpoint.wire.xapi.leaves import Fields, Leaf, LeafValue, Mark, flatten
from endpoint.wire.xapi.nodes import Branch, Nodes
from endpoint.wire.xapi.paths import Path, words

NOT_RECOGNIZED: Final = "Command not recognized."


class Mode(Enum):
    """The output modes of `xPreferences outputmode`."""

    TERMINAL = "terminal"
    JSON = "json"
    XML = "xml"


@dataclass(frozen=True, slots=True)
class Got:
    """Leaves that were asked for; there may be none."""

    branch: Branch
    leaves: Sequence[Leaf]


@dataclass(frozen=True, slots=True)
class Done:
    """It is done, and there is nothing to tell. `is_set` when a configuration was set."""

    is_set: bool = False


@dataclass(frozen=True, slots=True)
class Accepted:
    """An acknowledgement that has no content at all: `echo off`."""


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing is written."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a command that was begun came to: the name of its result, what it holds, `OK` or `Error`."""

    name: str
    fields: Fields | None = None
    status: str = "OK"
    reason: str = ""

    @property
    def said(self) -> dict[str, Any]:
        """What the result holds, the reason first."""
        return {**({"Reason": self.reason} if self.reason else {}), **(self.fields or {})}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something was not done.

    Attributes:
        name: `Status`, `Configuration`, `Result`, or the result of a command: `DialResult`.
        wrong: which arguments are wrong, and what would be right.
    """

    name: str
    reason: str = ""
    xpath: str = ""
    status: str = "Error"
    wrong: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Illegal:
    """A value that a configuration cannot have; the path begins with the branch."""

    path: Path


@dataclass(frozen=True, slots=True)
class Unknown:
    """The first word is no verb."""


@dataclass(frozen=True, slots=True)
class Printed:
    """Lines for people: help. `expressions` if they are a list that programs read in every mode."""

    lines: Sequence[str]
    is_list: bool = False


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question; the next line answers it. Asked in terminal mode only."""

    text: str


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema document, from its root on."""

    tree: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Xml:
    """Leaves that are shown as XML in every mode."""

    leaves: Sequence[Leaf]


Answer: TypeAlias = (
    Got | Done | Accepted | Silence | Result | Refusal | Illegal | Unknown | Printed | Prompt | Schema | Xml
)


def is_failure(answer: Answer) -> bool:
    """Say whether something was refused, or went wrong."""
    return isinstance(answer, (Refusal, Illegal, Unknown)) or (isinstance(answer, Result) and answer.status != "OK")


@dataclass(frozen=True, slots=True)
class Choices:
    """Where no source says how it is, what this device does (protocol/xapi.md 17).

    Attributes:
        path_error_word: closes a refusal in terminal mode: `ERROR` or `OK`.
        names_wrong_arguments: a ParameterError lists the arguments, as newer firmware may.
    """

    path_error_word: str = "ERROR"
    names_wrong_arguments: bool = False


class Writer:
    """Writes answers and notices for one session. Lines end with LF."""

    def __init__(self, table: Nodes, choices: Choices | None = None) -> None:
        self._table = table
        self._choices = choices or Choices()
        self._look = xmlform.Look(table=table, spaces=valuespace_name)
        self.mode = Mode.TERMINAL

    def begun(self) -> str:
        """Acknowledge a command that is being carried out; only terminal mode does."""
        return "OK\n\n" if self.mode is Mode.TERMINAL else ""

    def write(self, answer: Answer, tag: str | None = None) -> str:
        """Write an answer; `tag` is the resultId of the request."""
        if isinstance(answer, Silence):
            return ""
        if isinstance(answer, Prompt):
            return answer.text
        if isinstance(answer, Accepted) and tag is None and self.mode is not Mode.TERMINAL:
            return ""
        if isinstance(answer, Xml):
            return self._xml(answer, tag)
        if isinstance(answer, Printed) and answer.is_list and tag is None:
            return self._terminal(answer, tag)  # read by programs that are in JSON mode and expect lines
        if self.mode is Mode.TERMINAL:
            return self._terminal(answer, tag)
        return self._json(answer, tag) if self.mode is Mode.JSON else self._xml(answer, tag)

    def notice(self, leaves: Sequence[Leaf], event: Path | None = None) -> str:
        """Write a change, a group of changes or an event. `event` is the event's path with its branch."""
        if self.mode is Mode.TERMINAL:
            return _lines([*terminal.lines(leaves, self._table), terminal.END])
        if self.mode is Mode.XML:
            return _lines(xmlform.xmldoc(xmlform.tree(leaves, self._look)))
        tree = strings(leaves, self._decorate)
        if event is not None:
            at(tree, event).setdefault("id", "1")
        return _pretty(tree)

    # terminal

    def _terminal(self, answer: Answer, tag: str | None) -> str:
        end = [*([f"** resultId: {terminal.quoted(tag)}"] if tag is not None else []), terminal.END]
        close = _lines([*end, "", "OK", ""])
        match answer:
            case Got():
                return _lines(terminal.lines(answer.leaves, self._table)) + close
            case Done():
                return close
            case Accepted():
                return _lines(["", "OK", ""])
            case Unknown():
                return _lines([NOT_RECOGNIZED, ""])
            case Printed():
                return _lines(answer.lines) + close if answer.is_list else _lines([*answer.lines, "", "OK", ""])
            case Schema():
                return _pretty(answer.tree) + _lines(["", "OK", ""])
            case Result():
                return _lines([*self._result_lines(answer), *end, ""])
            case _:
                return _lines([*self._refusal_lines(answer), *end, "", self._choices.path_error_word, ""])

    def _result_lines(self, answer: Result) -> list[str]:
        head = terminal.mark_line("Result", answer.name, "status", answer.status)
        return [head, *terminal.lines(flatten(answer.said, ("Result", answer.name)), self._table)]

    def _refusal_lines(self, answer: Answer) -> list[str]:
        if isinstance(answer, Illegal):
            name = f"xConfiguration {words(answer.path[1:])}"
            return [f"{terminal.mark_line('Configuration', name, 'error', 'True')} {terminal.quoted(ILLEGAL_VALUE)}"]
        assert isinstance(answer, Refusal), "all others are written above"
        root = _ROOTS.get(answer.name, "Result")
        begin = {"Status": "*s", "Configuration": "*c"}.get(root, "*r")
        said = [f"{begin} {answer.name} {name}: {terminal.quoted(text)}" for name, text in self._said(answer).items()]
        return [terminal.mark_line(root, answer.name, "status", answer.status), *said]

    def _said(self, answer: Refusal) -> dict[str, str]:
        said = {"Reason": answer.reason, "XPath": answer.xpath}
        wrong = answer.wrong if self._choices.names_wrong_arguments else {}
        return {name: text for name, text in {**said, **wrong}.items() if text}

    # JSON

    def _json(self, answer: Answer, tag: str | None) -> str:
        tree = self._tree(answer)
        return _pretty(tree if tag is None else {**tree, "ResultId": tag})

    def _tree(self, answer: Answer) -> Mapping[str, Any]:
        match answer:
            case Got():
                return strings(answer.leaves, self._decorate)
            case Schema():
                return answer.tree
            case Illegal():
                return strings([(answer.path, ILLEGAL_VALUE)], _error)
            case Result():
                fields = strings(flatten(answer.said))
                return {"CommandResponse": {answer.name: {"status": answer.status, **fields}}}
            case Refusal():
                said = {name: {"Value": text} for name, text in self._said(answer).items()}
                return {"CommandResponse": {answer.name: {"status": answer.status, **said}}}
            case Printed() if answer.is_list:
                listed = [{"Value": line, "id": str(number)} for number, line in enumerate(answer.lines, start=1)]
                return {"CommandResponse": {"FeedbackListResult": {"status": "OK", "Expression": listed}}}
            case Printed() | Unknown():
                return self._tree(_said_to_programs(answer))
            case _:
                return {}

    def _decorate(self, path: Path, value: LeafValue) -> dict[str, Any]:
        if path[0] != "Configuration" or isinstance(value, Mark):
            return {}
        reference = self._look.reference(path)
        return {"valueSpaceRef": reference} if reference else {}

    # XML

    def _xml(self, answer: Answer, tag: str | None) -> str:
        return _lines(xmlform.xmldoc(self._content(answer), tag))

    def _content(self, answer: Answer) -> Sequence[str]:
        match answer:
            case Got():
                return xmlform.tree(answer.leaves, self._look)
            case Xml():
                return xmlform.tree(answer.leaves, self._look) if answer.leaves else xmlform.EMPTY
            case Done(is_set=True):
                return xmlform.SUCCESS
            case Result():
                return _command(xmlform.result(answer.name, answer.said, answer.status))
            case Refusal() if answer.name in ("Status", "Configuration"):
                return xmlform.result(answer.name, self._said(answer), answer.status)
            case Refusal():
                return _command(xmlform.result(answer.name, self._said(answer), answer.status))
            case Illegal():
                return xmlform.refused_set(BadValue(words(answer.path[1:]), ILLEGAL_VALUE))
            case Printed() if answer.is_list:
                return xmlform.result("FeedbackListResult", {"Expression": answer.lines})
            case Printed() | Unknown():
                return self._content(_said_to_programs(answer))
            case Schema():
                return _pretty(answer.tree).splitlines()
            case _:
                return ()


_ROOTS: Final[Mapping[str, terminal.Root]] = {"Status": "Status", "Configuration": "Configuration", "Result": "Result"}


def _said_to_programs(answer: Printed | Unknown) -> Refusal:
    is_help = isinstance(answer, Printed)
    return Refusal(
        "Result", "Help is for people: xPreferences outputmode terminal shows it" if is_help else NOT_RECOGNIZED
    )


def _command(lines: Sequence[str]) -> list[str]:
    return ["<Command>", *xmlform.indented(lines), "</Command>"]


def _error(path: Path, value: LeafValue) -> dict[str, Any]:
    return {"error": "True"}


def _lines(text: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in text)


def _pretty(tree: Mapping[str, Any]) -> str:
    """Write JSON so that the outer braces stand alone on their lines, also when nothing is between them."""
    return f"{json.dumps(tree, indent=2, ensure_ascii=False)}\n" if tree else "{\n}\n"
