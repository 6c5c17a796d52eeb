"""One session: lines in, answers out. It knows neither where the lines come from nor where the device is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeAlias

from endpoint.wire.errors import WireError
from endpoint.wire.xapi.calls import INTERNAL
from endpoint.wire.xapi.errors import BadArguments, BadValue, NoMatch, UnknownCommand, XapiError
from endpoint.wire.xapi.leaves import Leaf
from endpoint.wire.xapi.nodes import Command, Nodes
from endpoint.wire.xapi.paths import Path, parse_path, words
from endpoint.wire.xapi.query import Query
from endpoint.wire.xapi.terminal import END, lines
from endpoint.xapi.commands import Commands
from scenarios.runner.shell import lines as ask
from scenarios.runner.shell.backend import Backend, Lost
from scenarios.runner.shell.colon import Row, Simulation, known_name, run_colon
from scenarios.runner.shell.describe import describe, overview
from scenarios.runner.shell.doors import DoorRefused
from scenarios.runner.shell.printing import Printer, done_lines, read_lines, refusal_lines, result_lines
from scenarios.runner.shell.spelling import branch_of, unknown_word

BODY_LINES_MAX: Final = 100_000
BODY_END: Final = "."
REGISTERED_MAX: Final = 500
"""Expressions of one session; a device takes 50."""

NextLine: TypeAlias = Callable[[], Awaitable[str | None]]
"""Brings the next line of a body; None when there are no more lines at all."""


class Leaving(Exception):
    """The session is over."""


class Session:
    """What one prompt has going with one device."""

    def __init__(self, backend: Backend, simulation: Simulation, table: Nodes, printer: Printer) -> None:
        self._backend = backend
        self._simulation = simulation
        self._table = table
        self._printer = printer
        self._checks = Commands(table)
        self._registered: dict[str, int] = {}
        backend.gate.sink = self._told

    @property
    def registered(self) -> Sequence[str]:
        """The feedback expressions that are registered, as `xFeedback List` shows them."""
        return tuple(self._registered)

    @property
    def rows(self) -> Mapping[str, Row]:
        """The `:` commands that there are."""
        return self._simulation.rows

    async def line(self, text: str, more: NextLine) -> bool:
        """Do what a line asks for; says whether it went well. What was wrong has been printed.

        Raises:
            Leaving: it asked for the end.
        """
        try:
            parsed = ask.parse_line(text)
            return True if parsed is None else await self._do(*parsed, more)
        except (ask.LineError, Lost) as error:
            self._printer.advise(str(error))
        except DoorRefused as error:
            expected = f"; there are {', '.join(error.expected)}" if error.expected else ""
            self._printer.advise(f"{error}{expected}")
        finally:
            self._backend.gate.open()
        return False

    async def settle(self) -> None:
        """Return when what the device has said so far is printed."""
        await self._backend.settle()

    def _told(self, leaves: Sequence[Leaf]) -> None:
        self._printer.answer([*lines(leaves, self._table), END])

    async def _do(self, asked: ask.Statement, result_id: str, more: NextLine) -> bool:
        match asked:
            case ask.Read():
                return await self._read(asked, result_id)
            case ask.Set():
                return await self._set(asked, result_id)
            case ask.Call():
                return await self._call(asked, result_id, more)
            case ask.Register():
                await self._register(asked)
            case ask.Deregister():
                await self._deregister(asked.expression)
            case ask.ListRegistered():
                self._printer.answer([*self._registered, END])
            case ask.Help():
                self._help(asked)
            case ask.Colon():
                if known_name(asked.name, self._simulation.rows) == "quit":
                    raise Leaving
                self._printer.say(await run_colon(self._simulation, asked.name, asked.rest))
            case ask.Leave():
                raise Leaving
        return True

    def _help(self, asked: ask.Help) -> None:
        if asked.branch is None:
            self._printer.say(overview())
            return
        self._printer.say(describe(self._table, asked.branch, asked.path, is_deep=asked.is_deep))

    # xAPI

    async def _read(self, asked: ask.Read, result_id: str) -> bool:
        if asked.branch == "Event" or asked.branch == "Command":
            self._printer.say(describe(self._table, asked.branch, _names(asked.query.parts[1:]), is_deep=False))
            return True
        try:
            found = await self._backend.get(asked.query)
        except XapiError as error:
            self._printer.answer(refusal_lines(error, asked.branch, None, asked.query.text, result_id))
            self._advise_path(asked.query, error)
            return False
        self._printer.answer(read_lines(found, self._table, result_id))
        return True

    async def _set(self, asked: ask.Set, result_id: str) -> bool:
        path = asked.query.text.removeprefix("Configuration").strip()
        try:
            await self._backend.set(asked.query, asked.value)
        except XapiError as error:
            self._printer.answer(refusal_lines(error, "Configuration", None, path, result_id))
            self._advise_path(asked.query, error)
            if isinstance(error, BadValue):
                self._printer.advise(self._allowed(asked.query.plain) or str(error))
            return False
        self._printer.answer(done_lines(result_id))
        return True

    def _allowed(self, path: Path | None) -> str:
        """Say what a configuration can be, as far as the table knows."""
        node = self._table.find("Configuration", path[1:]) if path is not None else None
        return f"{node.path} takes {node.space.describe()}" if node is not None else ""

    async def _call(self, asked: ask.Call, result_id: str, more: NextLine) -> bool:
        command = self._table.command(asked.words)
        path = words(asked.words)
        body = await _body(more) if command is not None and command.multiline else None
        try:
            found = await self._backend.call(asked.words, asked.arguments, body)
        except XapiError as error:
            self._printer.answer(refusal_lines(error, "Result", command, path, result_id))
            self._advise_call(asked, command, body, error)
            return False
        self._printer.answer(result_lines(command, path, found, self._table, result_id))
        return True

    # feedback

    async def _register(self, asked: ask.Register) -> None:
        expression = _expression(asked.query.text)
        if expression not in self._registered:
            if len(self._registered) >= REGISTERED_MAX:
                raise ask.LineError(f"at most {REGISTERED_MAX} expressions; xFeedback DeregisterAll ends all")
            try:
                self._registered[expression] = await self._backend.subscribe(asked.query)
            except XapiError as error:
                raise ask.LineError(str(error)) from None
        self._printer.answer(done_lines())
        wrong = self._unknown(asked.query) if asked.query.plain is not None else None
        if wrong is not None:
            self._printer.advise(f"registered, but it may never be heard: {wrong}")

    async def _deregister(self, expression: str | None) -> None:
        doomed = list(self._registered) if expression is None else [_expression(expression)]
        for one in doomed:
            number = self._registered.pop(_known(one, self._registered), None)
            if number is None:
                raise ask.LineError(f"{one} is not registered; xFeedback List shows what is")
            try:
                await self._backend.unsubscribe(number)
            except XapiError as error:
                raise ask.LineError(str(error)) from None
        self._printer.answer(done_lines())

    # advice

    def _advise_path(self, query: Query, error: XapiError) -> None:
        """Say why a path met nothing."""
        if isinstance(error, NoMatch) and query.plain is not None:
            self._printer.advise(self._unknown(query) or "it is known, and there is none at present")

    def _unknown(self, query: Query) -> str | None:
        """Say which word of a plain query the table does not know; None when it knows them all."""
        try:
            path = parse_path(query.text)  # as it was typed; the query itself is folded
        except WireError:  # `Call[@item='3']`
            path = query.plain or ()
        branch = branch_of(path[0]) if path else None
        return unknown_word(self._table, branch, path[1:]) if branch is not None else None

    def _advise_call(self, asked: ask.Call, command: Command | None, body: str | None, error: XapiError) -> None:
        """Say why a call was refused, and what would be right."""
        if isinstance(error, UnknownCommand):
            if command is not None:
                self._printer.advise("this prompt knows that command; the device does not")
                return
            wrong = unknown_word(self._table, "Command", asked.words)
            ask_more = f"words go on; xCommand {words(asked.words)} ? lists them"
            self._printer.advise(wrong or ask_more)
        elif isinstance(error, BadArguments):
            for name, why in (error.wrong or self._wrong(asked, body)).items():
                self._printer.advise(f"{name}: {why}")

    def _wrong(self, asked: ask.Call, body: str | None) -> dict[str, str]:
        """Find out what a device did not tell: which arguments are wrong, by the table."""
        try:
            self._checks.prepare(asked.words, asked.arguments, body, INTERNAL)
        except BadArguments as error:
            return error.wrong
        except XapiError:
            pass
        return {"arguments": f"the device takes others; xCommand {words(asked.words)} ? says which are documented"}


async def _body(more: NextLine) -> str:
    """Collect the lines of a body, up to one that is a single dot.

    Raises:
        LineError: the lines end before that, or there are too many.
    """
    collected: list[str] = []
    while (line := await more()) is not None:
        if line == BODY_END:
            return "".join(f"{one}\n" for one in collected)
        if len(collected) >= BODY_LINES_MAX:
            raise ask.LineError(f"a body has at most {BODY_LINES_MAX} lines")
        collected.append(line)
    raise ask.LineError("this command takes lines, and they ended without a line that is a single dot")


def _expression(text: str) -> str:
    return "/" + "/".join(text.strip("/ ").replace("/", " ").split())


def _known(expression: str, registered: Sequence[str] | dict[str, int]) -> str:
    folded = expression.casefold()
    return next((one for one in registered if one.casefold() == folded), expression)


def _names(parts: Sequence[object]) -> Path:
    return tuple(part for part in parts if isinstance(part, (str, int)))
