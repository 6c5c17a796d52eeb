"""Paths in the spelling of the node table, and what to say about one that is not in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from endpoint.wire.xapi.completion_index import index_of
from endpoint.wire.xapi.nodes import Branch, Nodes
from endpoint.wire.xapi.paths import Path, words
from scenarios.runner.problems import nearest

SHOWN_MAX: Final = 12
"""How many right words are listed."""
BRANCHES: Final[tuple[Branch, ...]] = ("Status", "Configuration", "Command", "Event")
Parts: TypeAlias = Sequence[object]


def branch_of(word: object) -> Branch | None:
    """Return the branch that a word names, in any case."""
    return next((branch for branch in BRANCHES if branch.casefold() == str(word).casefold()), None)


def spelt(table: Nodes, parts: Parts) -> list[str | int]:
    """Return the parts of a path, its branch first, as the table spells them; what it does not know stays as it is."""
    branch = branch_of(parts[0]) if parts else None
    found: list[str | int] = [branch] if branch is not None else []
    for part in parts[len(found) :]:
        if isinstance(part, int):
            found.append(part)
            continue
        above = tuple(name for name in found[1:] if name != "*")  # any element
        known = table.children(branch, above) if branch is not None else []
        found.append(next((word for word in known if word.casefold() == str(part).casefold()), str(part)))
    return found


def unknown_word(table: Nodes, branch: Branch, path: Path) -> str | None:
    """Say which word of a path the table does not know, and which would be right; None when it knows them all."""
    above: list[str | int] = []
    for at, part in enumerate(path):
        if isinstance(part, int):
            above.append(part)
            continue
        known = table.children(branch, tuple(above))
        word = next((word for word in known if word.casefold() == part.casefold()), None)
        if word is None:
            return _about(table, branch, tuple(above), part, path[at:], known)
        above.append(word)
    return None


def _about(table: Nodes, branch: Branch, above: Path, word: str, rest: Path, known: Sequence[str]) -> str:
    where = " ".join([branch, words(above)]).strip()
    near = nearest(word, known)
    if near is not None:
        return f"{where} has no {word[:40]!r}; nearest: {near}"
    elsewhere = index_of(table).ending(branch, rest)
    if elsewhere:
        return f"{where} has no {word[:40]!r}; did you mean {' or '.join(elsewhere[:3])}?"
    if not known:
        return f"there is nothing below {where}"
    more = f" and {len(known) - SHOWN_MAX} more" if len(known) > SHOWN_MAX else ""
    return f"{where} has no {word[:40]!r}; it has {', '.join(known[:SHOWN_MAX])}{more}"
