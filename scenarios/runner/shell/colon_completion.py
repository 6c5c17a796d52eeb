"""Completion of `:` lines. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from endpoint.wire.xapi.completion import Completion
from scenarios.runner.shell import faultwords
from scenarios.runner.shell.colon import COLON, Row, kinds, members_of


def complete_colon(line: str, rows: Mapping[str, Row] | None = None) -> list[Completion]:
    """Return what the end of a `:` line can become, where there are these commands."""
    name, blank, rest = line.lstrip()[1:].partition(" ")
    if not blank:
        return [
            Completion(f":{known}", len(name) + 1, row.usage, row.text)
            for known, row in (COLON if rows is None else rows).items()
            if known.startswith(name)
        ]
    *done, partial = rest.split(" ")
    done = [word for word in done if word]
    known: Sequence[str] = ()
    match name, done:
        case "fault", []:
            known = [*faultwords.layers(), *faultwords.rows()]
        case "fault", [layer]:
            known = faultwords.actions(layer)
        case "fault", [layer, do, *pairs] if do in faultwords.actions(layer):
            given = {pair.partition("=")[0] for pair in pairs}
            known = [f"{one}=" for one in faultwords.names(layer, do) if one not in given]
        case "do", []:
            known = list(kinds())
        case "do", [action, *_] if action in kinds():
            known = _member_words(action)
        case "heal", []:
            known = ["all"]
    return [Completion(one, len(partial), one) for one in known if one.startswith(partial)]


def _member_words(action: str) -> list[str]:
    found: list[str] = []
    for member in members_of(action).replace("[", "").replace("]", "").split():
        name, _, values = member.partition("=")
        found += [f"{name}={value}" if value != "..." else f"{name}=" for value in values.split("|")]
    return found
