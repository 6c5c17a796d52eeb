"""What a shell does with a request: from the command line to the answer. It knows no bytes and no sockets.

Source: protocol/xapi.md 4.3 to 4.8.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, ClassVar, Final, TypeAlias

from endpoint.runtime.errors import EndpointError
from endpoint.wire.errors import WireError
from endpoint.wire.xapi.calls import ADMIN, Caller
from endpoint.wire.xapi.completion import complete, elements
from endpoint.wire.xapi.documents import document_from_root
from endpoint.wire.xapi.errors import AccessDenied, BadArguments, BadValue, CommandFailed, NoMatch, UnknownCommand
from endpoint.wire.xapi.leaves import Fields
from endpoint.wire.xapi.nodes import Branch
from endpoint.wire.xapi.paths import Path, parse_path, words
from endpoint.wire.xapi.query import Query, query_of_text
from endpoint.wire.xapi.shell import Line, command_words, read_line, tag_of, takes_body
from endpoint.wire.xapi.shell_answers import (
    Accepted,
    Answer,
    Choices,
    Done,
    Got,
    Illegal,
    Mode,
    Printed,
    Refusal,
    Result,
    Schema,
    Silence,
    Unknown,
    Writer,
    Xml,
)
from endpoint.wire.xapi.shell_framing import Incoming, Request
from endpoint.wire.xapi.shell_help import command_help, event_help, leaf_help, verbs_help
from endpoint.xapi.access import Xapi
from endpoint.xapi.feedback import Sink
from endpoint.xapi.ssh.expressions import Expressions, in_slashes
from endpoint.xapi.ssh.tools import PassphraseDialogue, ping, refused

_PREFERENCES: Final = "xPreferences outputmode terminal, json or xml"
_FEEDBACK: Final = "xFeedback Register EXPRESSION, Deregister EXPRESSION, DeregisterAll or List"
_DOCUMENT: Final = 'xDocument Format: "JSON" Path: "Status/Audio" Schema: "True"'
_ASKS: Final = (
    "passwd asks questions: xPreferences outputmode terminal, or xCommand UserManagement User Passphrase Change"
)
_PASSPHRASE_CHANGE: Final = ("UserManagement", "User", "Passphrase", "Change")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, and the tag of its request."""

    answer: Answer
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """A command that takes time: what it will come to never fails, but for a defect."""

    name: str
    result: Coroutine[Any, Any, Answer]
    tag: str | None = None


Said: TypeAlias = Reply | Begun


class Interpreter:
    """One shell.

    Args:
        sink: is told of what the shell has registered for.
        resolve: the address of a host, None if nobody answers there; for `systemtools network ping`.
    """

    def __init__(
        self,
        xapi: Xapi,
        caller: Caller,
        sink: Sink,
        resolve: Callable[[str], str | None],
        choices: Choices | None = None,
    ) -> None:
        self._xapi = xapi
        self._caller = caller
        self._resolve = resolve
        self._dialogue: PassphraseDialogue | None = None
        self.expressions = Expressions(xapi, caller, sink)
        self.writer = Writer(xapi.nodes, choices)
        self.echoes = True
        self.is_over = False
        """Whether the client said bye."""

    @property
    def asks_secret(self) -> bool:
        """Say whether the next line is a secret, and not to be echoed."""
        return self._dialogue is not None

    def takes_body(self, text: str) -> bool:
        """Say whether lines of content follow this command line."""
        return self._dialogue is None and takes_body(text, self._xapi.nodes)

    def complete(self, text: str) -> list[tuple[int, str]]:
        """Return what the end of a line can become: how many of its characters go, and what comes in their place."""
        found = complete(
            text, self._xapi.nodes, caller=self._caller, numbers=self._numbers, registered=self.expressions.listed
        )
        return [(completion.replaced, completion.text) for completion in found if not completion.is_hint]

    def _numbers(self, path: Path) -> list[int]:
        try:
            return elements(self._xapi.find(query_of_text(in_slashes(words(path))), self._caller), path)
        except WireError:
            return []

    def run(self, incoming: Incoming) -> Said:
        """Carry a request out."""
        if not isinstance(incoming, Request):
            return Reply(Refusal("Result", incoming.why))
        if self._dialogue is not None:
            return self._answered(self._dialogue, incoming.text)
        if not incoming.text.strip():
            return Reply(Silence())
        try:
            line = read_line(incoming.text)
        except WireError as error:
            return Reply(Refusal("Result", str(error)), tag_of(incoming.text))
        if not line.verb:
            return Reply(Unknown(), line.result_id)
        try:
            found = self._VERBS[line.verb](self, line, incoming.body)
        except (WireError, EndpointError) as error:
            found = Refusal("Result", str(error))
        return found if isinstance(found, Begun) else Reply(found, line.result_id)

    def close(self) -> None:
        """End the shell: it is told of nothing any more."""
        self.expressions.clear()

    # reading and setting

    def _status(self, line: Line, body: str | None) -> Answer:
        return self._get("Status", line)

    def _configuration(self, line: Line, body: str | None) -> Answer:
        return self._set(line) if line.arguments and not line.help else self._get("Configuration", line)

    def _get(self, branch: Branch, line: Line) -> Answer:
        text = _absolute(branch, " ".join(line.words))
        try:
            query = query_of_text(text)
            if line.help:
                asked = None if query.parts == (branch.casefold(),) else query
                return Printed(leaf_help(self._xapi.nodes, branch, asked, self._caller, deep=line.help > 1))
            leaves = self._xapi.get(query, self._caller)
        except NoMatch as error:
            return Refusal(branch, str(error), _xpath(text))
        except WireError:
            return Refusal(branch, str(NoMatch(text)), _xpath(text))
        return Got(branch, leaves)

    def _set(self, line: Line) -> Answer:
        name, value = next(iter(line.arguments.items()))
        text = _absolute("Configuration", " ".join((*line.words, name)))
        try:
            query = query_of_text(text)
            if len(line.arguments) > 1 or not isinstance(value, str):
                return self._illegal(query, text)
            self._xapi.set(query, value, self._caller)
        except BadValue as error:
            return Illegal(("Configuration", *parse_path(error.path)))
        except (AccessDenied, CommandFailed) as error:
            return Refusal("Configuration", str(error))
        except WireError:
            return Refusal("Configuration", str(NoMatch(text)), _xpath(text))
        return Done(is_set=True)

    def _illegal(self, query: Query, text: str) -> Answer:
        """Refuse what is no single value, where there is a configuration."""
        if query.plain is None or not self._xapi.is_known(query, self._caller):
            return Refusal("Configuration", str(NoMatch(text)), _xpath(text))
        return Illegal(parse_path(text))

    def _getxml(self, line: Line, body: str | None) -> Answer:
        try:
            return Xml(self._xapi.get(query_of_text(line.rest), self._caller))
        except WireError:
            return Xml(())

    # commands

    def _command(self, line: Line, body: str | None) -> Answer | Begun:
        path = command_words(line)
        if line.help:
            query = query_of_text(_absolute("Command", " ".join(line.words))) if path else None
            return Printed(command_help(self._xapi.nodes, query, self._caller, deep=line.help > 1))
        return self._invoke(path, line.arguments, body, line.result_id)

    def _invoke(
        self, path: tuple[str, ...], arguments: Mapping[str, Any], body: str | None, tag: str | None
    ) -> Answer | Begun:
        known = self._xapi.nodes.command(path)
        name = known.result_name if known is not None else "Result"
        try:
            invocation = self._xapi.commands.prepare(path, arguments, body, self._caller)
        except UnknownCommand as error:
            return Refusal("Result", str(error), "/" + "/".join(path))
        except BadArguments as error:
            return _bad_arguments(name, error)
        except WireError as error:
            return Refusal(name, str(error))
        try:
            outcome = self._xapi.commands.call(invocation)
        except BadArguments as error:
            return _bad_arguments(name, error)
        except (WireError, EndpointError) as error:
            return _failed(name, error)
        if isawaitable(outcome):
            return Begun(name, _finished(name, outcome), tag)
        return Result(name, outcome)

    # feedback, events, documents

    def _feedback(self, line: Line, body: str | None) -> Answer:
        what, *rest = line.words or ("",)
        expression = " ".join(rest)
        match what.casefold():
            case "register" if expression:
                self.expressions.register(query_of_text(expression))
            case "deregister" if expression:
                self.expressions.deregister(query_of_text(expression))
            case "deregisterall":
                self.expressions.clear()
            case "list":
                return Printed(self.expressions.listed, is_list=True)
            case _:
                return Refusal("Result", _FEEDBACK)
        return Done()

    def _event(self, line: Line, body: str | None) -> Answer:
        asked = ("*",) if line.help > 1 and not line.words else line.words
        lines = event_help(self._xapi.nodes, asked, self._caller)
        if not lines:
            return Refusal("Result", str(NoMatch("")), _xpath("Event " + " ".join(asked)))
        return Printed([*lines, "** end"])

    def _document(self, line: Line, body: str | None) -> Answer:
        given = {name.casefold(): value for name, value in line.arguments.items()}
        path, form = given.get("path", ""), given.get("format", "JSON")
        if not isinstance(path, str) or not path or str(form).casefold() != "json":
            return Refusal("Result", _DOCUMENT)
        roles = None if ADMIN in self._caller.roles else "".join(sorted(self._caller.roles))
        return Schema(document_from_root(self._xapi.nodes, parse_path(path), roles))

    # the shell itself

    def _preferences(self, line: Line, body: str | None) -> Answer:
        modes = {mode.value: mode for mode in Mode}
        given = [word.casefold() for word in line.words]
        if len(given) != 2 or given[0] != "outputmode" or given[1] not in modes:
            return Refusal("Result", _PREFERENCES)
        self.writer.mode = modes[given[1]]
        if line.result_id is not None:
            return Done()
        return Accepted() if self.writer.mode is Mode.TERMINAL else Silence()

    def _echo(self, line: Line, body: str | None) -> Answer:
        wanted = line.rest.casefold()
        if wanted not in ("on", "off"):
            return Refusal("Result", "echo on, or echo off")
        self.echoes = wanted == "on"
        return Accepted()

    def _bye(self, line: Line, body: str | None) -> Answer:
        self.is_over = True
        return Silence()

    def _help(self, line: Line, body: str | None) -> Answer:
        return Printed(verbs_help())

    def _log(self, line: Line, body: str | None) -> Answer:
        return Refusal("Result", "log is not simulated; the simulation's control door has the device log")

    def _transaction(self, line: Line, body: str | None) -> Answer:
        return Refusal("Result", "xTransaction is not simulated; set the configurations one by one")

    def _systemtools(self, line: Line, body: str | None) -> Answer:
        given = [word.casefold() for word in line.words]
        if given[:1] == ["passwd"]:
            if self.writer.mode is not Mode.TERMINAL:
                return Refusal("Result", _ASKS)
            self._dialogue = PassphraseDialogue()
            return self._dialogue.first()
        if given[:2] == ["network", "ping"]:
            return ping(line.words[2:], self._resolve)
        return refused(line.words)

    def _answered(self, dialogue: PassphraseDialogue, text: str) -> Said:
        found = dialogue.take(text)
        if isinstance(found, tuple):
            self._dialogue = None
            old, new = found
            arguments = {"OldPassphrase": old.reveal(), "NewPassphrase": new.reveal()}
            said = self._invoke(_PASSPHRASE_CHANGE, arguments, None, None)
            return said if isinstance(said, Begun) else Reply(said)
        if isinstance(found, Refusal):
            self._dialogue = None
        return Reply(found)

    _VERBS: ClassVar[Mapping[str, Callable[[Interpreter, Line, str | None], Answer | Begun]]] = {
        "xStatus": _status,
        "xConfiguration": _configuration,
        "xCommand": _command,
        "xFeedback": _feedback,
        "xPreferences": _preferences,
        "xDocument": _document,
        "xEvent": _event,
        "xGetxml": _getxml,
        "xTransaction": _transaction,
        "echo": _echo,
        "bye": _bye,
        "log": _log,
        "systemtools": _systemtools,
        "help": _help,
        "?": _help,
    }


async def _finished(name: str, outcome: Awaitable[Fields | None]) -> Answer:
    """Wait for a command that takes time; its acknowledgement was written, so what goes wrong is a result."""
    try:
        return Result(name, await outcome)
    except BadArguments:
        return Result(name, status="ParameterError")
    except (WireError, EndpointError) as error:
        return _failed(name, error)


def _failed(name: str, error: Exception) -> Result:
    fields = error.fields if isinstance(error, CommandFailed) else {}
    return Result(name, fields, "Error", str(error))


def _bad_arguments(name: str, error: BadArguments) -> Refusal:
    return Refusal(name, status="ParameterError", wrong=error.wrong)


def _absolute(branch: str, text: str) -> str:
    """Put the branch before a path; one that begins with a slash and the branch itself has it."""
    stripped = text.strip(" ")
    if stripped.startswith("/") and not stripped.startswith("//"):
        stripped = stripped.lstrip("/")
        first = stripped.replace("/", " ").split(" ", 1)[0]
        if first.casefold() == branch.casefold():
            return stripped
    return f"{branch} {stripped}".strip()


def _xpath(text: str) -> str:
    return in_slashes(text).removeprefix("/")
