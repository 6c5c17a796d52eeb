"""What the answer of a command has, as far as the node table tells: names of its fields, read out of what the command returns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TypeAlias

from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.xapi.nodes import Nodes
from endpoint.wire.xapi.paths import parse_path
from scenarios.runner import yamltree
from scenarios.runner.matcher_compiler import OPERATORS
from scenarios.runner.problems import Problems
from scenarios.runner.yamltree import Entry, Node

EVERY: Final = ("status", "command", "Reason", "Cause", "Code", "Error")
"""Fields that any answer can have: what the trace tells of it, and what a refusal says."""
ITEM: Final = ("id",)
"""Fields that any item of a list has."""
_WORD: Final = re.compile(r"\b[A-Z][A-Za-z]+|[{}]")
_LIKE: Final = re.compile(r"as (Dial|Get)\b")
_LIKE_WHOM: Final = {"Dial": "Dial", "Get": "UserManagement User Get"}
"""Commands to whose answer the table refers for another one."""


Answer: TypeAlias = "Mapping[str, Answer | None]"
"""The names of fields, each with those of the fields inside it; None where the table does not tell them."""


def fields_of(commands: Iterable[str], table: Nodes) -> Answer | None:
    """Return the fields that answers of some commands have; None where one of the commands is not known well enough."""
    found: Answer = {}
    for text in commands:
        try:
            command = table.command(parse_path(text))
        except LocalProtocolError:
            command = None
        if command is None or command.is_imported:
            return None
        told = _read(iter(_WORD.findall(command.result)))
        like = _LIKE.search(command.result)
        if like is not None and _LIKE_WHOM[like[1]] != command.path:
            told = {**told, **(fields_of([_LIKE_WHOM[like[1]]], table) or {})}
        found = _either(found, told)
    return found


def _read(words: Iterator[str]) -> dict[str, Answer | None]:
    """Read names up to the brace that ends them."""
    found: dict[str, Answer | None] = {}
    last = ""
    for word in words:
        if word == "}":
            break
        if word == "{":
            found[last] = _read(words)
        else:
            last = word
            found.setdefault(word, None)
    return found


def _either(one: Answer, other: Answer) -> Answer:
    """Return what one or the other answer may have."""
    both: dict[str, Answer | None] = {**one, **other}
    for name in set(one) & set(other):
        left, right = one[name], other[name]
        both[name] = None if left is None or right is None else _either(left, right)
    return both


def check_field(problems: Problems, entry: Entry, fields: Answer | None, commands: Iterable[str]) -> None:
    """Object to a field that no answer of these commands has, and to such fields inside it."""
    if fields is not None:
        whose = " or ".join(f"`{one}`" for one in dict.fromkeys(commands))
        known = {name: fields[name] for name in sorted(fields)}
        _check(problems, entry, {**known, **dict.fromkeys(EVERY)}, f"the answer of {whose}")


def _check(problems: Problems, entry: Entry, fields: Answer, whose: str) -> None:
    at: Answer | None = fields
    for name in re.split(r"[.\[\]]+", entry.key):
        if at is None:
            return
        if not name[:1].isalpha() or name in ITEM:
            continue  # a place in a list
        if name not in at:
            problems.unknown(entry.at, f"{whose} has no `{name}`", name, [*at])
            return
        at, whose = at[name], f"`{name}` of an answer"
    if at is not None:
        _inside(problems, entry.node, at, whose)


def _inside(problems: Problems, node: Node, fields: Answer, whose: str) -> None:
    """Check what is expected of a field that has fields; an operator, and a list, pass it on."""
    if isinstance(node, yamltree.Sequence):
        for item in node.items:
            _inside(problems, item, fields, whose)
    elif isinstance(node, yamltree.Mapping):
        for entry in node.entries:
            if entry.key in OPERATORS:
                _inside(problems, entry.node, fields, whose)
            else:
                _check(problems, entry, fields, whose)
