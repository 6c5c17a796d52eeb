"""What `?` answers: words below a path, leaves with their value spaces, commands with their arguments, and who may.

Source: protocol/xapi.md 4.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from endpoint.wire.xapi.completion_index import index_of
from endpoint.wire.xapi.nodes import ROLES, Argument, Branch, Command, EventNode, Nodes
from endpoint.wire.xapi.paths import Path, words
from endpoint.wire.xapi.rows import Node
from scenarios.runner.shell.lines import VERBS, LineError
from scenarios.runner.shell.spelling import spelt, unknown_word

SPACE_CHARS_MAX: Final = 100
_VERB: Final = {"Status": "xStatus", "Configuration": "xConfiguration", "Command": "xCommand", "Event": "xEvent"}


def overview() -> list[str]:
    """Say what a line can begin with."""
    width = max(len(verb.name) for verb in VERBS)
    return [
        *(f"  {verb.name:<{width}}  {verb.note}" for verb in VERBS),
        "",
        "  ? after a path says what is below it: xStatus Audio ?   xCommand Dial ?   ?? goes all the way down",
        "  :help tells the commands to the simulation: its clock, its faults, its history",
    ]


def describe(table: Nodes, branch: Branch, path: Path, *, is_deep: bool = False) -> list[str]:
    """Say what is at a path of a branch.

    Raises:
        LineError: the table has nothing there.
    """
    wrong = unknown_word(table, branch, path)
    if wrong is not None:
        raise LineError(wrong)
    known = tuple(spelt(table, [branch, *path])[1:])
    index = index_of(table)
    row = index.row(branch, known)
    if row is not None:
        return _leaf(row, known)
    command = table.command(known) if branch == "Command" else None
    event = table.event(known) if branch == "Event" else None
    if command is not None:
        return _command(command)
    if event is not None:
        return _event(event)
    return _all_below(table, branch, known) if is_deep else _below(table, branch, known)


def _below(table: Nodes, branch: Branch, path: Path) -> list[str]:
    """List the words below a path."""
    index = index_of(table)
    found: list[tuple[str, str]] = []
    if path and not isinstance(path[-1], int) and index.is_list(branch, path):
        numbers = index.known_numbers(branch, path)
        found.append(("[n]", "an element: " + (_span(numbers) if numbers else "any number")))
    found.extend((word, _note(table, branch, (*path, word))) for word in table.children(branch, path))
    width = max((len(word) for word, _ in found), default=0)
    head = " ".join([_VERB[branch], words(path)]).strip()
    return [f"*h {head}", *(f"  {word:<{width}}  {note}".rstrip() for word, note in found)]


def _span(numbers: Sequence[int]) -> str:
    return f"{numbers[0]}..{numbers[-1]}" if len(numbers) > 1 else str(numbers[0])


def _note(table: Nodes, branch: Branch, path: Path) -> str:
    index = index_of(table)
    row = index.row(branch, path)
    if row is not None:
        return _short(row.space.describe())
    command = table.command(path) if branch == "Command" else None
    event = table.event(path) if branch == "Event" else None
    if command is not None:
        return _short(" ".join(_name(argument) for argument in command.arguments))
    if event is not None:
        return _short(" ".join(field.name for field in event.fields))
    count = len(table.children(branch, path))
    return "list" if index.is_list(branch, path) else f"{count} below" if count > 1 else "..."


def _all_below(table: Nodes, branch: Branch, path: Path) -> list[str]:
    """List everything below a path in full."""
    names = [part.casefold() for part in path if isinstance(part, str)]
    rows: list[str] = []
    if branch == "Command":
        rows = [line for command in table.commands if _is_below(command.path, names) for line in _command(command)[:-1]]
    elif branch == "Event":
        rows = [line for event in table.events if _is_below(event.path, names) for line in _event(event)[:-1]]
    else:
        rows = [
            f"*h {_VERB[branch]} {node.path}: {_short(node.space.describe())}"
            for node in table.leaves(branch)
            if _is_below(node.path, names)
        ]
    return rows


def _is_below(path: str, names: Sequence[str]) -> bool:
    have = path.replace("[n]", "").casefold().split(" ")
    return have[: len(names)] == list(names)


def _leaf(row: Node, path: Path) -> list[str]:
    facts = [f"read by {_people(row.read)}"]
    if row.branch == "Configuration":
        facts.append(f"set by {_people(row.set)}")
        facts.append(f"default {row.default!r}" if row.space.kind == "string" else f"default {row.default}")
    named = row.path.replace("[n]", "").split(" ")
    text = words(path) if any(isinstance(part, int) for part in path) else " ".join(named)
    return [
        f"*h {_VERB[row.branch]} {text}: {row.space.describe()}",
        f"  {'; '.join(facts)}",
        *([f"  {'set by' if row.branch == 'Status' else 'acts on'}: {row.driver}"] if row.driver else []),
        f"  {row.label}",
    ]


def _command(command: Command) -> list[str]:
    rows = [(f"{_name(argument)}:", _about(argument)) for argument in command.arguments]
    width = max((len(name) for name, _ in rows), default=0)
    body = ["  then the lines of its body, up to a line with a single ."] if command.multiline else []
    return [
        f"*h xCommand {command.path}",
        *(f"  {name:<{width}} {about}" for name, about in rows),
        *body,
        f"  for {_people(command.roles)}; {command.label}",
    ]


def _name(argument: Argument) -> str:
    return f"{argument.name}(r)" if argument.required else argument.name


def _about(argument: Argument) -> str:
    facts = [argument.space.describe()]
    if argument.default is not None:
        facts.append(f"default {argument.default}")
    if argument.many > 1:
        facts.append(f"up to {argument.many} times")
    return ", ".join(facts)


def _event(event: EventNode) -> list[str]:
    width = max((len(field.name) for field in event.fields), default=0)
    return [
        f"*h xEvent {event.path}",
        *(f"  {field.name + ':':<{width + 1}} {_short(field.space.describe())}" for field in event.fields),
        f"  for {_people(event.read)}; to be told: xFeedback Register /Event/{event.path.replace(' ', '/')}",
    ]


def _people(letters: str) -> str:
    return ", ".join(ROLES.get(letter, letter) for letter in letters) or "nobody"


def _short(text: str) -> str:
    return text if len(text) <= SPACE_CHARS_MAX else text[: SPACE_CHARS_MAX - 1] + "…"
