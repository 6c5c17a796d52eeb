"""What the answer of a command has, as far as the node table tells: names of its fields, read out of what the command returns."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.xapi.nodes import Nodes
from endpoint.wire.xapi.paths import parse_path
from scenarios.runner.problems import Problems
from scenarios.runner.yamltree import Entry

EVERY: Final = ("status", "command", "Reason", "Cause", "Code", "Error")
"""Fields that any answer can have: what the trace tells of it, and what a refusal says."""
_NAME: Final = re.compile(r"\b[A-Z][A-Za-z]+")
_LIKE: Final = re.compile(r"as (Dial|Get)\b")
_LIKE_WHOM: Final = {"Dial": "Dial", "Get": "UserManagement User Get"}
"""Commands to whose answer the table refers for another one."""


def fields_of(commands: Iterable[str], table: Nodes) -> frozenset[str] | None:
    """Return the names of the fields that answers of some commands have; None where one of them is not known well enough."""
    found: set[str] = set()
    for text in commands:
        try:
            command = table.command(parse_path(text))
        except LocalProtocolError:
            command = None
        if command is None or command.is_imported:
            return None
        found.update(_NAME.findall(command.result))
        like = _LIKE.search(command.result)
        if like is not None and _LIKE_WHOM[like[1]] != command.path:
            found |= fields_of([_LIKE_WHOM[like[1]]], table) or frozenset()
    return frozenset(found)


def check_field(problems: Problems, entry: Entry, fields: frozenset[str] | None, commands: Iterable[str]) -> None:
    """Object to a field that no answer of these commands has."""
    head = re.split(r"[.\[]", entry.key, maxsplit=1)[0]
    if fields is None or head in fields or head in EVERY:
        return
    known = [*sorted(fields), *EVERY]
    whose = " or ".join(f"`{one}`" for one in dict.fromkeys(commands))
    problems.unknown(entry.at, f"the answer of {whose} has no `{head}`", head, known)
