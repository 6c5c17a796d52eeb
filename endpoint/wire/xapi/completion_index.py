"""The node table arranged for people who type: which paths are lists, which are leaves, who may see what is below a word."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from endpoint.wire.xapi.nodes import Branch, Node, Nodes
from endpoint.wire.xapi.paths import Path

TABLES_MAX: Final = 8
"""Node tables whose index is kept; a process has one for each product and imported schema."""


class Index:
    """An index of one node table. Element numbers in paths are passed over."""

    def __init__(self, table: Nodes) -> None:
        self._rows: dict[tuple[Branch, str], Node] = {}
        self._lists: dict[tuple[Branch, str], frozenset[int]] = {}
        self._roles: dict[tuple[Branch, str], frozenset[str]] = {}
        self._words: dict[Branch, dict[str, str]] = {}
        self._spelt: dict[tuple[Branch, str], str] = {}
        for branch in ("Status", "Configuration"):
            for node in table.leaves(branch):
                self._add_leaf(node)
        for command in table.commands:
            self._add("Command", command.path.split(" "), command.roles)
        for event in table.events:
            self._add("Event", event.path.split(" "), event.read)

    def _add_leaf(self, node: Node) -> None:
        numbers = iter(node.elements)
        names: list[str] = []
        for word in node.path.split(" "):
            name, bracket, _ = word.partition("[")
            names.append(name)
            if bracket:
                place = (node.branch, _key(names))
                self._lists[place] = self._lists.get(place, frozenset()) | frozenset(next(numbers, None) or ())
        self._rows.setdefault((node.branch, _key(names)), node)
        self._add(node.branch, names, node.read)

    def _add(self, branch: Branch, names: Sequence[str], roles: str) -> None:
        words = self._words.setdefault(branch, {})
        for depth, name in enumerate(names, start=1):
            place = (branch, _key(names[:depth]))
            self._roles[place] = self._roles.get(place, frozenset()) | frozenset(roles)
            self._spelt.setdefault(place, " ".join(names[:depth]))
            words.setdefault(name.casefold(), name)

    def row(self, branch: Branch, path: Path) -> Node | None:
        """Return the leaf at a path of Status or Configuration, whatever its element numbers, or None."""
        return self._rows.get((branch, _key(path)))

    def spelt(self, branch: Branch, path: Path) -> Path:
        """Return a path that is known in canonical spelling, element numbers where they were."""
        found: list[str | int] = []
        for part in path:
            key = (branch, _key([*found, part]))
            found.append(part if isinstance(part, int) else self._spelt.get(key, part).rpartition(" ")[2])
        return tuple(found)

    def is_list(self, branch: Branch, path: Path) -> bool:
        """Say whether what is at a path has elements."""
        return (branch, _key(path)) in self._lists

    def known_numbers(self, branch: Branch, path: Path) -> Sequence[int]:
        """Return the element numbers that the table itself names; none where any number can be."""
        return sorted(self._lists.get((branch, _key(path)), ()))

    def roles(self, branch: Branch, path: Path) -> str:
        """Return the letters of all roles that may see something at or below a path."""
        return "".join(self._roles.get((branch, _key(path)), ()))

    def ending(self, branch: Branch, path: Path) -> Sequence[str]:
        """Return the paths, elements left out, that end in these words; the shortest first."""
        end = " " + _key(path)
        found = [spelt for (known, key), spelt in self._spelt.items() if known == branch and key.endswith(end)]
        return sorted(found, key=len)

    def words(self, branch: Branch) -> Sequence[str]:
        """Return every word of the paths of a branch, sorted."""
        return sorted(self._words.get(branch, {}).values(), key=str.casefold)


@lru_cache(maxsize=TABLES_MAX)
def index_of(table: Nodes) -> Index:
    """Return the index of a node table, made once."""
    return Index(table)


def _key(path: Iterable[str | int]) -> str:
    return " ".join(part for part in path if isinstance(part, str)).casefold()
