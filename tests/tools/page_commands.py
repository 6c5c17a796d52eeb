"""docs/reference/command-line.md: commands, options and exit codes, from the command line itself."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import Any, Final

import typer.main

from scenarios.runner.commands import Exit, app
from tests.tools.markdown import code, page, table

MEANINGS: Final[dict[IntEnum, str]] = {
    Exit.OK: "success; a serving process that was ended with SIGTERM",
    Exit.NO: "a verdict of no: an expectation failed, a code was refused, an invitation has nothing to dial",
    Exit.USAGE: "wrong usage, or a file that cannot be used; one line on standard error for each mistake",
    Exit.INTERNAL: "a defect of roomsim; a traceback on standard error",
    Exit.NOTHING: "nothing was selected: no scenario there, or none with the tag; of a history, what matters could not be judged",
    Exit.INTERRUPTED: "interrupted with Ctrl-C",
}
INTRODUCTION: Final = """
Every command knows `--help`. Verdicts and reports go to standard output, complaints to standard error. A complaint about a file says
`file:line:column`, what is wrong, and the nearest right word.
"""


def command_line() -> str:
    """Return the page."""
    codes = table(("code", "meaning"), [(str(int(exit_code)), meaning) for exit_code, meaning in MEANINGS.items()])
    parts = [part for words, command in commands() for part in _section(words, command)]
    return page("Command line", INTRODUCTION, "## Exit codes", codes, *parts)


def commands() -> Iterator[tuple[str, Any]]:
    """Return the program itself and every command that does something, with the words that call it."""
    program = typer.main.get_command(app)
    yield "roomsim", program
    yield from _below("roomsim", program)


def _below(words: str, command: Any) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield words, command
        return
    for name, child in inner.items():
        yield from _below(f"{words} {name}", child)


def _section(words: str, command: Any) -> list[str]:
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    options = [param for param in command.params if param.param_type_name == "option"]
    usage = " ".join([words, "[OPTIONS]" if options else "", *(str(one.metavar) for one in arguments)])
    rows = [(code(str(one.metavar)), one.help or "", "required" if one.required else "") for one in arguments]
    rows += [(_spelling(one), one.help or "", _default(one)) for one in options]
    parts = [f"## {words}", (command.help or "").strip(), f"```\n{' '.join(usage.split())}\n```"]
    if rows:
        parts.append(table(("option", "meaning", "default"), rows))
    if command.epilog:
        parts.append(f"Example: `{command.epilog.removeprefix('Example: ')}`")
    return parts


def _spelling(option: Any) -> str:
    value = "" if option.is_flag else f" {option.metavar or _value(option)}"
    return ", ".join(f"`{spelling}{value}`" for spelling in option.opts)


def _value(option: Any) -> str:
    kind = option.type_descriptor.annotation
    return "N" if kind is int else "NUMBER" if kind is float else "TEXT"


def _default(option: Any) -> str:
    if option.required:
        return "required"
    if option.is_flag or option.default is None or callable(option.default):
        return ""
    return code(str(option.default))
