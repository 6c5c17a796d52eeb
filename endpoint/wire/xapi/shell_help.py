"""Help of the shell: what there is, and what it takes. Source: protocol/xapi.md 4.3."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from endpoint.wire.xapi.calls import Caller
from endpoint.wire.xapi.nodes import Branch, Command, EventNode, Nodes
from endpoint.wire.xapi.query import Query
from endpoint.wire.xapi.shell import VERBS

LINES_MAX: Final = 20_000
"""Lines of one answer; an imported schema has a few thousand nodes."""
_USER_HEADING: Final = " - User Commands -"
_ADMIN_HEADING: Final = " - Admin Commands -"
_USER: Final = "U"


def verbs_help() -> list[str]:
    """List the verbs."""
    return [_USER_HEADING, "", *VERBS]


def command_help(table: Nodes, query: Query | None, caller: Caller, *, deep: bool) -> list[str]:
    """List the commands below a path, under headings; a command itself, and all of them if `deep`, with its arguments.

    Args:
        query: from the branch on; None = all.
    """
    found = [row for row in table.commands if caller.may(row.roles) and _covers(query, "command", row.path)]
    if len(found) == 1 and query is not None and _is_whole(query, found[0].path):
        return _explained(found[0])
    lines: list[str] = []
    for heading, is_for_users in ((_USER_HEADING, True), (_ADMIN_HEADING, False)):
        rows = [row for row in found if (_USER in row.roles) is is_for_users]
        if rows:
            lines += [heading, ""]
            for row in rows:
                lines += _explained(row) if deep else [f"xCommand {row.path}"]
            lines.append("")
    return lines[:-1][:LINES_MAX]


def leaf_help(table: Nodes, branch: Branch, query: Query | None, caller: Caller, *, deep: bool) -> list[str]:
    """List the leaves below a path with their value spaces: `*? xConfiguration SystemUnit Name: <S: 0, 50>`.

    A path above them shows the words that follow it instead, unless `deep` or the path has something wild.
    """
    rows = [row for row in table.leaves(branch) if caller.may(row.read) and _covers(query, branch.casefold(), row.path)]
    spelt = [(row.path.replace("[n]", " [n]"), row.space.describe()) for row in rows]
    if not deep and (query is None or query.plain is not None):
        depth = 0 if query is None else len([part for part in query.parts[1:] if isinstance(part, str)])
        return _next_words(f"*? x{branch}", spelt, depth)
    return [f"*? x{branch} {path}: {space}" for path, space in spelt][:LINES_MAX]


def event_help(table: Nodes, words: Sequence[str], caller: Caller) -> list[str]:
    """List events: the names at the top without words, everything for `*`, else what is below the words, with its fields."""
    rows = [row for row in table.events if caller.may(row.read)]
    if not words:
        return list(dict.fromkeys(f"*es Event {row.path.split(' ')[0]}" for row in rows))
    wanted = [] if list(words) == ["*"] else [word.casefold() for word in words]
    below = [row for row in rows if row.path.casefold().split(" ")[: len(wanted)] == wanted]
    return [line for row in below for line in _event_lines(row)][:LINES_MAX]


def _event_lines(row: EventNode) -> Iterator[str]:
    if not row.fields:
        yield f"*es Event {row.path}"
    for field in row.fields:
        yield f"*es Event {row.path} {field.name.replace('[n]', ' [n]')}"


def _explained(row: Command) -> list[str]:
    lines = [f"*h xCommand {row.path}"]
    for argument in row.arguments:
        required = "(r)" if argument.required else ""
        many = f" (at most {argument.many} times)" if argument.many > 1 else ""
        lines.append(f"    {argument.name}{required}: {argument.space.describe()}{many}")
    return lines


def _covers(query: Query | None, root: str, path: str) -> bool:
    return query is None or query.covers((root, *_example(path, query)))


def _example(path: str, query: Query) -> Iterable[str | int]:
    """Return a path of the table in folded case, with the element numbers that the query asks for."""
    numbers = iter([part for part in query.parts if isinstance(part, int)])
    for word in path.casefold().split(" "):
        name, bracket, _ = word.partition("[")
        yield name
        if bracket:
            yield next(numbers, 1)


def _is_whole(query: Query, path: str) -> bool:
    return query.parts[-1] == path.casefold().split(" ")[-1]


def _next_words(begin: str, spelt: Sequence[tuple[str, str]], depth: int) -> list[str]:
    """Return what follows the first `depth` names, each once; a leaf with its value space."""
    shown: dict[str, None] = {}
    for path, space in spelt:
        words = path.split(" ")
        names = [at for at, word in enumerate(words) if word != "[n]"]
        last = names[min(depth, len(names) - 1)]
        is_leaf = depth >= len(names) - 1
        shown[f"{begin} {' '.join(words[: last + 1])}" + (f": {space}" if is_leaf else "")] = None
    return list(shown)
