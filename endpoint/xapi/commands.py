"""Commands: arguments are checked here, once for all doors; carried out by the part that owns the command.

Source: protocol/xapi.md 2.3, 2.6, 3.4, 3.7; xapi-nodes.md section 6.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.xapi.calls import Argument, Caller, Invocation, Method, Outcome, Owner
from endpoint.wire.xapi.errors import AccessDenied, BadArguments, CommandFailed, UnknownCommand
from endpoint.wire.xapi.nodes import Argument as Parameter
from endpoint.wire.xapi.nodes import Command, Nodes, Value
from endpoint.wire.xapi.paths import Path, words

BODY_BYTES_MAX: Final = 8 * 1024 * 1024
HANDLERS_KNOWN_MAX: Final = 32
NOT_SIMULATED: Final = "Not simulated yet"
NO_EFFECT: Final = "Imported command: roomsim knows its arguments, and nothing carries it out"
SHOWN_CHARS_MAX: Final = 40


class Commands:
    """The commands of one device.

    Args:
        imported_succeed: commands of an imported schema answer OK, without effect, instead of an error that says so.
    """

    def __init__(self, nodes: Nodes, *, imported_succeed: bool = False) -> None:
        self._nodes = nodes
        self._imported_succeed = imported_succeed
        self._owners: dict[type, Owner] = {}
        self._handlers: Mapping[str, tuple[type, Method]] = {}
        self.on_call: Callable[[Invocation], object] = lambda invocation: None
        """Told of each command that is about to be carried out."""

    def provide(self, owners: Iterable[Owner]) -> None:
        """Let the owners carry their commands out; each command has one owner."""
        self._owners.update({type(owner): owner for owner in owners})
        self._handlers = _handlers(tuple(self._owners))

    @property
    def unowned(self) -> list[str]:
        """Commands of the table that nobody carries out."""
        return [
            command.path
            for command in self._nodes.commands
            if command.path not in self._handlers and not command.is_imported
        ]

    def prepare(self, path: Path, arguments: Mapping[str, Any], body: str | None, caller: Caller) -> Invocation:
        """Check a call: names in any case, values as text or of their own type, one value or several where an argument may repeat.

        Raises:
            UnknownCommand: no such command.
            AccessDenied: the caller may not call it.
            BadArguments: something is missing, unknown or outside its value space, or there is a body where none can be.
        """
        command = self._nodes.command(path)
        if command is None:
            raise UnknownCommand(words(path))
        if not caller.may(command.roles):
            raise AccessDenied
        accepted, given, wrong = _checked(command, arguments)
        if body and not command.multiline:
            wrong["body"] = "this command takes no multi-line content"
        if body and (problem := _body_problem(body)):
            wrong["body"] = problem
        if wrong:
            raise BadArguments(wrong)
        return Invocation(command, caller, accepted, body or "", given)

    def call(self, invocation: Invocation) -> Outcome:
        """Carry a command out; what takes time is returned as an awaitable.

        Raises:
            CommandFailed: it failed.
            BadArguments: arguments that exclude each other.
        """
        self.on_call(invocation)
        found = self._handlers.get(invocation.command.path)
        if found is None:
            if invocation.command.is_imported and self._imported_succeed:
                return {}
            raise CommandFailed(NO_EFFECT if invocation.command.is_imported else NOT_SIMULATED)
        owner, method = found
        return method(self._owners[owner], invocation)


@lru_cache(maxsize=HANDLERS_KNOWN_MAX)
def _handlers(owners: tuple[type, ...]) -> Mapping[str, tuple[type, Method]]:
    """Return who carries out which command; devices with the same parts share it."""
    found: dict[str, tuple[type, Method]] = {}
    for owner in owners:
        for path, method in owner.COMMANDS.items():  # type: ignore[attr-defined]  # all are Owners
            assert path not in found, f"{path} has an owner"
            found[path] = owner, method
    return MappingProxyType(found)


def _checked(
    command: Command, arguments: Mapping[str, Any]
) -> tuple[dict[str, Argument], frozenset[str], dict[str, str]]:
    """Return the arguments with defaults filled in, the names of those that were given, and what is wrong."""
    accepted: dict[str, Argument] = {}
    wrong: dict[str, str] = {}
    for name, value in arguments.items():
        parameter = command.argument(name)
        if parameter is None:
            known = ", ".join(known.name for known in command.arguments) or "none"
            wrong[name[:SHOWN_CHARS_MAX]] = f"no such argument; there are: {known}"
        elif parameter.name in accepted:
            wrong[parameter.name] = "given twice"
        else:
            try:
                accepted[parameter.name] = _accepted(parameter, value)
            except LocalProtocolError as error:
                wrong[parameter.name] = str(error)
    given = frozenset(accepted)
    for parameter in command.arguments:
        if parameter.name in accepted or parameter.name in wrong:
            continue
        if parameter.required:
            wrong[parameter.name] = f"missing; one of {parameter.space.describe()}"
        elif parameter.default is not None:
            accepted[parameter.name] = _default(parameter, parameter.default)
    return accepted, given, wrong


def _body_problem(body: str) -> str:
    try:
        size = len(body.encode())
    except UnicodeEncodeError:
        return "half a character, a lone surrogate"
    return f"at most {BODY_BYTES_MAX} bytes" if size > BODY_BYTES_MAX else ""


def _default(parameter: Parameter, default: str) -> Value:
    return int(default) if parameter.space.kind == "integer" else default


def _accepted(parameter: Parameter, value: Any) -> Argument:
    values = list(value) if isinstance(value, (list, tuple)) else [value]
    if len(values) > parameter.many:
        raise LocalProtocolError(f"at most {parameter.many} value(s)")
    if not values:
        raise LocalProtocolError("an empty list")
    for one in values:
        if not isinstance(one, (str, int)):
            raise LocalProtocolError("text, or a whole number")
    taken = tuple(parameter.space.accept(one) for one in values)
    return taken if parameter.many > 1 else taken[0]
