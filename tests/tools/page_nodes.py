"""docs/reference/xapi-nodes.md: the node table, from its rows."""

from __future__ import annotations

from typing import Final

from endpoint.wire.xapi.nodes import (
    BRANCHES,
    ROLES,
    Argument,
    Command,
    EventNode,
    Field,
    Node,
    Nodes,
    ValueSpace,
    nodes,
)
from endpoint.wire.xapi.spaces import zones
from tests.tools.markdown import anchor, code, page, table

LITERALS_MAX: Final = 16
INTRODUCTION: Final = """
Every status, configuration, command and event that a device knows, by the first word of its path. What is not here is answered like a node
that the product has not. A schema file of your own can add the others: they become readable, nothing acts on them.

Values: `A/B` one of these words, `0..100` a whole number, `S(0..50)` text with its length in bytes, `int` and `S` without bounds. `[n]` is
an element of a list, `[1..4]` those that there are. Of arguments `*` is required, `= 5` is the default, x4 may be given up to four times;
of fields `?` may be absent. A status has its values while it exists: without a call there is no `Call` at all.

A device of older software (`--software ce11.19`) has the rows and the arguments of its release: what came later is answered like a node
that there is not, and its events are not raised. Rows that say nothing of releases are there in all of them.
"""
DRIVERS: Final = {
    "profile": "constants of the product and the identity of the device",
    "cfg X": "follows configuration X",
    "boot": "start, restart, shutdown, factory reset",
    "reg": "activation, tokens, registration, workspace",
    "prov": "software provisioning and upgrade",
    "net, proxy": "network and HTTP proxy",
    "clock": "the clock of the scenario",
    "cal": "bookings and calendar",
    "call": "calls",
    "media": "media and ICE",
    "reach": "media reachability",
    "audio, video, camera, periph": "models of the hardware",
    "people": "persons, sound and temperature of the scenario",
    "ui": "screen and touch panel: messages, panels, web views",
    "standby": "standby",
    "diag": "diagnostics",
    "feedback": "HttpFeedback",
    "macro": "macros",
    "users": "local accounts and sessions",
}
EMPTY: Final = '""'
HEAD: Final = ("node", "values", "default", "roles", "driven by, acts on", "label")
KINDS: Final = {"Status": "status", "Configuration": "configuration", "Command": "command", "Event": "event"}


def xapi_nodes() -> str:
    """Return the page."""
    table_of = nodes()
    words = sorted(
        {path.partition(" ")[0].partition("[")[0] for branch in BRANCHES for path in table_of.paths(branch)},
        key=str.casefold,
    )
    return page(
        "xAPI nodes",
        INTRODUCTION,
        f"The table is that of the {table_of.title}: {_counts(table_of)}.",
        " · ".join(f"[{word}](#{anchor(word)})" for word in words),
        "## Letters and words",
        table(("role", "who"), [(code(letter), name) for letter, name in ROLES.items()]),
        "A configuration has two groups: who reads it / who sets it.",
        table(("driver", "part of the simulator"), [(code(word), meaning) for word, meaning in DRIVERS.items()]),
        "Labels: what a row rests on, as in [what is observed and what is invented](../explanation/observed-and-invented.md).",
        *(part for word in words for part in (f"## {word}", table(("kind", *HEAD), _rows(table_of, word)))),
        "## What only older software has",
        *_older(table_of),
        "## Long value spaces",
        *_long_spaces(table_of),
    )


def _counts(known: Nodes) -> str:
    numbers = [len(known.paths(branch)) for branch in BRANCHES]
    status, configuration, commands, events = numbers
    return f"{status} status leaves, {configuration} configurations, {commands} commands, {events} events"


def _rows(known: Nodes, word: str) -> list[tuple[str, ...]]:
    rows = [(leaf.path, leaf.branch, _leaf(leaf)) for branch in BRANCHES[:2] for leaf in known.leaves(branch)]
    rows += [(command.path, "Command", _command(command)) for command in known.commands]
    rows += [(event.path, "Event", _event(event)) for event in known.events]
    here = [row for row in rows if row[0].partition(" ")[0].partition("[")[0] == word]
    return [
        (KINDS[branch], *cells)
        for _, branch, cells in sorted(here, key=lambda row: (list(KINDS).index(row[1]), row[0].casefold()))
    ]


def _leaf(leaf: Node) -> tuple[str, ...]:
    default = code('""' if leaf.default == "" else leaf.default) if leaf.branch == "Configuration" else ""
    roles = " / ".join(filter(None, (leaf.read, leaf.set)))
    return code(_numbered(leaf)), _values(leaf.space, leaf.path), default, roles, _driver(leaf), leaf.label


def _command(command: Command) -> tuple[str, ...]:
    shown = [_argument(argument, command.path) for argument in command.arguments] + [
        "lines of text"
    ] * command.multiline
    answer = f"; answers {command.result}" if command.result else ""
    return code(command.path), "; ".join(shown), "", command.roles, _driver(command) + answer, command.label


def _event(event: EventNode) -> tuple[str, ...]:
    shown = "; ".join(_field(field, event.path) for field in event.fields)
    return code(event.path), shown, "", event.read, _driver(event), event.label


def _driver(row: Node | Command | EventNode) -> str:
    when = row.releases.describe()
    return f"{row.driver}; {when}" if when else row.driver


def _older(known: Nodes) -> list[str]:
    """Return what only older software has: arguments in another form, leaves that are elsewhere now."""
    rows, commands, _ = known.every
    found = [
        (code(command.path), _argument(argument, command.path))
        for command in commands
        for argument in command.arguments
        if argument.releases.last is not None
    ]
    found += [
        (code(leaf.path), f"{_values(leaf.space, leaf.path)} ({leaf.releases.describe()})")
        for leaf in rows
        if leaf.releases.last is not None
    ]
    return [table(("node", "argument or values"), found)]


def _argument(argument: Argument, path: str) -> str:
    default = "" if argument.default is None else f" = {code(argument.default or EMPTY)}"
    many = f" x{argument.many}" if argument.many > 1 else ""
    when = f" ({argument.releases.describe()})" if argument.releases.describe() else ""
    return f"{code(argument.name + '*' * argument.required)} {_values(argument.space, path)}{default}{many}{when}"


def _field(field: Field, path: str) -> str:
    space = "" if field.space == ValueSpace("string") else f" {_values(field.space, path)}"
    return f"{code(field.name + '?' * field.optional)}{space}"


def _numbered(leaf: Node) -> str:
    path = leaf.path
    for numbers in leaf.elements:
        shown = (
            "[ n]" if numbers is None else f"[{numbers[0]}]" if len(numbers) == 1 else f"[{numbers[0]}..{numbers[-1]}]"
        )
        path = path.replace("[n]", shown, 1)
    return path.replace("[ n]", "[n]")


def _values(space: ValueSpace, path: str) -> str:
    if space.literals == zones():
        return f"one of {len(space.literals)} time zones"
    if len(space.literals) > LITERALS_MAX:
        return f"[{len(space.literals)} words](#{anchor(_long_name(path))})"
    return code(notation(space))


def notation(space: ValueSpace) -> str:
    """Return a value space as the rows of the table have it."""
    if space.kind == "literal":
        return "/".join(space.literals)
    if space.kind == "integer":
        return "int" if space.low is None else f"{space.low}..{space.high}"
    return "S" if space.high is None else f"S({space.low}..{space.high})"


def _long_name(path: str) -> str:
    return f"Values of {path.replace('[n]', '')}"


def _long_spaces(known: Nodes) -> list[str]:
    spaces = [(leaf.path, leaf.space) for branch in BRANCHES[:2] for leaf in known.leaves(branch)]
    spaces += [(command.path, argument.space) for command in known.commands for argument in command.arguments]
    long = {path: space for path, space in spaces if len(space.literals) > LITERALS_MAX and space.literals != zones()}
    return [part for path in sorted(long) for part in (f"### {_long_name(path)}", code(*long[path].literals))]
