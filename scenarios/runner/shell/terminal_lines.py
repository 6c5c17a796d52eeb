"""Leaves of every kind as terminal lines: status and configuration by the wire's own renderer, results and events here.

Source: protocol/xapi.md 4.4.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from endpoint.wire.xapi.leaves import Leaf, Mark
from endpoint.wire.xapi.nodes import Nodes, Value
from endpoint.wire.xapi.paths import Path, words
from endpoint.wire.xapi.terminal import configuration_lines, status_lines
from endpoint.wire.xapi.tokens import quoted

END: Final = "** end"
_BEGIN: Final = {"Status": "*s ", "Configuration": "*c xConfiguration ", "Event": "*e ", "Result": "*r "}


def lines(leaves: Iterable[Leaf], table: Nodes) -> list[str]:
    """Print leaves whose paths begin with `Status`, `Configuration`, `Event` or `Result`."""
    return [_line(path, value, table) for path, value in leaves]


def mark_line(root: str, name: str, mark: str, value: str) -> str:
    """Print what is said of a node as a whole: `*r DialResult (status=OK):`."""
    return f"{'*c ' if root == 'Configuration' else _BEGIN[root]}{name} ({mark}={value}):"


def _line(path: Path, value: Value | Mark, table: Nodes) -> str:
    root, *below = path
    begin = _BEGIN[str(root)] + words(tuple(below))
    if isinstance(value, Mark):
        return f"{begin} (ghost=True):" if value is Mark.GHOST else f"{begin}:"
    if root == "Status":
        return status_lines([(tuple(below), value)])[0]
    if root == "Configuration":
        return configuration_lines([(tuple(below), value)])[0]
    is_bare = isinstance(value, int) or (root == "Event" and _is_literal(tuple(below), table))
    return f"{begin}: {value if is_bare else quoted(str(value))}"


def _is_literal(path: Path, table: Nodes) -> bool:
    """Say whether the field of an event has a set of words."""
    for length in range(len(path) - 1, 0, -1):
        event = table.event(path[:length])
        if event is not None:
            name = words(tuple(part for part in path[length:] if isinstance(part, str))).casefold()
            return any(
                field.space.kind == "literal" and field.name.replace("[n]", "").casefold() == name
                for field in event.fields
            )
    return False
