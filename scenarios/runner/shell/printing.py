"""How the prompt prints: answers in the terminal form, advice in words; colours only where somebody looks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from endpoint.wire.xapi.errors import (
    BadArguments,
    BadValue,
    CommandFailed,
    NoMatch,
    UnknownCommand,
    XapiError,
)
from endpoint.wire.xapi.leaves import Leaf
from endpoint.wire.xapi.nodes import Command, Nodes
from endpoint.wire.xapi.terminal import END, Root, lines, mark_line, quoted

_RESET: Final = "\x1b[0m"
_DIM, _RED, _GREEN, _YELLOW, _CYAN = "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[36m"
_LEAF: Final = re.compile(r"(\*[scre]) (.*?)((?: \((?:status|ghost|error)=\w+\))?:)( .*)?", re.DOTALL)
_UNPRINTABLE: Final = {code: f"\\x{code:02x}" for code in (*range(9), *range(11, 32), *range(127, 160))}
"""Signs that would steer the terminal; whatever a device says, it cannot."""

Write = Callable[[str], object]


class Printer:
    """Prints answers to one stream and advice to another.

    Args:
        colours: whether they are used.
    """

    def __init__(self, out: Write, advice: Write, *, colours: bool = False) -> None:
        self._out = out
        self._advice = advice
        self._colours = colours

    def answer(self, text: Iterable[str]) -> None:
        """Print lines of an answer, or of feedback."""
        self._print(self._out, [self._coloured(line) for line in text])

    def say(self, text: Iterable[str]) -> None:
        """Print plain lines: help, or what the simulation answers."""
        self._print(self._out, [line.translate(_UNPRINTABLE) for line in text])

    def advise(self, text: str) -> None:
        """Print what would have been right, or what has happened."""
        self._print(self._advice, [self._painted(_YELLOW, line) for line in text.splitlines() or [""]])

    def _print(self, write: Write, text: Sequence[str]) -> None:
        if text:
            write("".join(f"{line}\n" for line in text))

    def _painted(self, colour: str, text: str) -> str:
        text = text.translate(_UNPRINTABLE)
        return f"{colour}{text}{_RESET}" if self._colours else text

    def _coloured(self, line: str) -> str:
        line = line.translate(_UNPRINTABLE)
        if not self._colours:
            return line
        if line in (END, "OK"):
            return self._painted(_DIM, line)
        found = _LEAF.fullmatch(line)
        if found is None:
            return line
        mark = found[3]
        bad = "Error" in mark or "error" in mark
        mark = self._painted(_RED if bad else _GREEN if "OK" in mark else _DIM, mark)
        value = f"{_CYAN}{found[4]}{_RESET}" if found[4] else ""
        return f"{_DIM}{found[1]}{_RESET} {found[2]}{mark}{value}"


def read_lines(leaves: Sequence[Leaf], table: Nodes, result_id: str) -> list[str]:
    """Print what was read."""
    return [*lines(leaves, table), *_end(result_id)]


def done_lines(result_id: str = "") -> list[str]:
    """Print that it is done, where there is nothing else to tell."""
    return [*_end(result_id)[:-1], "OK"]


def result_lines(
    command: Command | None, words: str, leaves: Sequence[Leaf], table: Nodes, result_id: str
) -> list[str]:
    """Print the result of a command."""
    name = result_name(command, words)
    below = lines([(("Result", name, *path), value) for path, value in leaves], table)
    return [mark_line("Result", name, "status", "OK"), *below, *_end(result_id)]


def result_name(command: Command | None, words: str) -> str:
    """Return the name of a command's result: `VolumeSetResult`."""
    return command.result_name if command is not None else "".join(words.split(" ")[-2:]) + "Result"


def refusal_lines(error: XapiError, root: Root, command: Command | None, words: str, result_id: str) -> list[str]:
    """Print that the device said no; `root` is Status, Configuration or Result."""
    name: str = root
    status = "Error"
    said = {"Reason": str(error)}
    match error:
        case UnknownCommand():
            said["XPath"] = "/" + error.path.replace(" ", "/")
        case NoMatch():
            said["XPath"] = error.path
        case BadArguments():
            name, status, said = result_name(command, words), "ParameterError", {}
        case BadValue():
            return [f'{mark_line("Configuration", f"xConfiguration {words}", "error", "True")} "Illegal value"', END]
        case CommandFailed():
            name = result_name(command, words)
    begin = {"Status": "*s", "Configuration": "*c"}.get(root, "*r")
    told = [f"{begin} {name} {key}: {quoted(text)}" for key, text in said.items()]
    return [mark_line(root, name, "status", status), *told, *_end(result_id)]


def _end(result_id: str) -> list[str]:
    return [f"** resultId: {quoted(result_id)}", END] if result_id else [END]
