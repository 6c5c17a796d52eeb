"""What the shell answers, and how it is written in each output mode.

An answer knows nothing of modes; `Writer` writes it as terminal lines, JSON or XML. Source: protocol/xapi.md 4.4 to 4.8, 17.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, TypeAlias

from endpoint.wire.xapi import terminal
from endpoint.wire.xapi.jsonform import at, strings
from endpoint.wire.xapi.leaves import Leaf, LeafValue, Mark
from endpoint.wire.xapi.nodes import Branch, Nodes
from endpoint.wire.xapi.paths import Path, words
from endpoint.wire.xapi.shell_seams import value_space_name, xml_of

NOT_RECOGNIZED: Final = "Command not recognized."
ILLEGAL_VALUE: Final = "Illegal value"


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
    """It is done, and there is nothing to tell."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """An acknowledgement that has no content at all: `echo off`."""


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing is written."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a command that was begun came to: its name, `OK` or `Error`, and leaves below the result."""

    name: str
    leaves: Sequence[Leaf] = ()
    status: str = "OK"
    reason: str = ""


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
            return xml_of(answer.leaves, tag)
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
            return xml_of(leaves, None)
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
        leaves: list[Leaf] = [(("Result", answer.name, *path), value) for path, value in answer.leaves]
        if answer.reason:
            leaves.insert(0, (("Result", answer.name, "Reason"), answer.reason))
        head = terminal.mark_line("Result", answer.name, "status", answer.status)
        return [head, *terminal.lines(leaves, self._table)]

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
                said = {"Reason": {"Value": answer.reason}} if answer.reason else {}
                fields = {"status": answer.status, **said, **strings(answer.leaves)}
                return {"CommandResponse": {answer.name: fields}}
            case Refusal():
                said = {name: {"Value": text} for name, text in self._said(answer).items()}
                return {"CommandResponse": {answer.name: {"status": answer.status, **said}}}
            case Printed() if answer.is_list:
                listed = [{"Value": line, "id": str(number)} for number, line in enumerate(answer.lines, start=1)]
                return {"CommandResponse": {"FeedbackListResult": {"status": "OK", "Expression": listed}}}
            case Printed():
                return self._tree(Refusal("Result", "Help is for people: xPreferences outputmode terminal shows it"))
            case Unknown():
                return self._tree(Refusal("Result", NOT_RECOGNIZED))
            case _:
                return {}

    def _decorate(self, path: Path, value: LeafValue) -> dict[str, Any]:
        if path[0] != "Configuration" or isinstance(value, Mark):
            return {}
        space = terminal.space_of(path, self._table)
        name = value_space_name(space) if space is not None else ""
        return {"valueSpaceRef": f"/Valuespace/{name}"} if name else {}

    # XML

    def _xml(self, answer: Answer, tag: str | None) -> str:
        match answer:
            case Got():
                return xml_of(answer.leaves, tag)
            case Result() | Refusal():
                said: list[Leaf] = []
                reason = {"Reason": answer.reason} if isinstance(answer, Result) else self._said(answer)
                said += [((name,), text) for name, text in reason.items() if text]
                below = [*said, *(answer.leaves if isinstance(answer, Result) else ())]
                root: Path = ("Command", answer.name) if answer.name not in _ROOTS else (answer.name,)
                leaves: list[Leaf] = [((*root, *path), value) for path, value in below]
                return xml_of(leaves or [(root, Mark.NODE)], tag, {root: {"status": answer.status}})
            case Illegal():
                return xml_of([(answer.path, ILLEGAL_VALUE)], tag, {answer.path: {"error": "True"}})
            case Printed() if answer.is_list:
                listed: list[Leaf] = [
                    (("FeedbackList", "Expression", n), line) for n, line in enumerate(answer.lines, 1)
                ]
                return xml_of(listed, tag)
            case Printed() | Unknown():
                reason_of_it = str(self._tree(answer)["CommandResponse"]["Result"]["Reason"]["Value"])
                return self._xml(Refusal("Result", reason_of_it), tag)
            case Schema():
                return _pretty(answer.tree)
            case _:
                return xml_of([], tag)


_ROOTS: Final[Mapping[str, terminal.Root]] = {"Status": "Status", "Configuration": "Configuration", "Result": "Result"}


def _error(path: Path, value: LeafValue) -> dict[str, Any]:
    return {"error": "True"}


def _lines(text: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in text)


def _pretty(tree: Mapping[str, Any]) -> str:
    """Write JSON so that the outer braces stand alone on their lines, also when nothing is between them."""
    return f"{json.dumps(tree, indent=2, ensure_ascii=False)}\n" if tree else "{\n}\n"
