"""The node table: which leaves, commands and events there are, and what values they take.

The rows are data, in the files beside this module; all devices of a process share them, and all of a release the table of that release.
Source: protocol/xapi-nodes.md, protocol/calendar-and-obtp.md 11.1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Final, TypeAlias

from endpoint.wire.xapi.paths import Path, folded, parse_path, shape
from endpoint.wire.xapi.releases import NEWEST, Release, release_of, written
from endpoint.wire.xapi.rows import (
    LABELS,
    ROLES,
    Argument,
    Branch,
    Command,
    EventNode,
    Field,
    Imported,
    Node,
    read_commands,
    read_events,
    read_leaves,
)
from endpoint.wire.xapi.spaces import Value, ValueSpace

__all__ = [
    "BRANCHES",
    "LABELS",
    "ROLES",
    "Argument",
    "Branch",
    "Command",
    "EventNode",
    "Field",
    "Imported",
    "Node",
    "Nodes",
    "Value",
    "ValueSpace",
    "nodes",
]

BRANCHES: Final[tuple[Branch, ...]] = ("Status", "Configuration", "Command", "Event")
FOUND_MAX: Final = 8_192
"""Paths whose leaf is remembered, over all devices of a process."""
TABLES_KEPT_MAX: Final = 64
"""Tables of older releases that are kept; a process has one for each release that one of its devices runs."""
Rows: TypeAlias = tuple[tuple[Node, ...], tuple[Command, ...], tuple[EventNode, ...]]
NOTHING: Final = Imported((), (), (), {})


class Nodes:
    """The node table of one product and one release.

    Args:
        rows, commands, events: of every release; what the release has not is left out.
        release: which software; without one the newest.
        imported: rows of a schema file, which come on top, whatever the release.
    """

    def __init__(
        self,
        rows: Sequence[Node],
        commands: Sequence[Command] = (),
        events: Sequence[EventNode] = (),
        *,
        release: Release = NEWEST,
        imported: Imported = NOTHING,
    ) -> None:
        self.every: Rows = (tuple(rows), tuple(commands), tuple(events))
        self.release = release
        self.imported = imported
        own = {(row.branch, row.path.casefold()) for row in rows if row.releases.has(release)}
        rows = [row for row in rows if row.releases.has(release)]
        rows += [row for row in imported.leaves if (row.branch, row.path.casefold()) not in own]
        commands = [row.of(release) for row in commands if row.releases.has(release)]
        events = [row for row in events if row.releases.has(release)]
        self._rows: dict[tuple[Branch, str], tuple[Node, ...]] = {}
        for row in rows:
            # a leaf can differ between the elements of a list: `Connector[1] X` and `Connector[2..5] X`
            key = (row.branch, row.path.casefold())
            self._rows[key] = (*self._rows.get(key, ()), row)
        self._leaves: Mapping[Branch, Sequence[Node]] = {
            branch: tuple(row for alike in self._rows.values() for row in alike if row.branch == branch)
            for branch in BRANCHES
        }
        # a row of the table's own counts more than one that was imported
        self._commands = {row.path.casefold(): row for row in (*commands, *imported.commands)}
        self._commands |= {row.path.casefold(): row for row in commands}
        self._events = {row.path.casefold(): row for row in (*events, *imported.events)}
        self._events |= {row.path.casefold(): row for row in events}
        self.commands: Sequence[Command] = tuple(self._commands.values())
        self.events: Sequence[EventNode] = tuple(self._events.values())
        self._found: dict[tuple[Branch, Path], Node] = {}
        self._children: dict[tuple[Branch, str], dict[str, str]] = {}
        for branch in BRANCHES:
            for path in self.paths(branch):
                self._add_words(branch, path)

    def widened(self, imported: Imported) -> Nodes:
        """Return this table with the rows of an imported schema that it has not; rows that it has stay as they are."""
        before = self.imported
        joined = Imported(
            (*before.leaves, *imported.leaves),
            (*before.commands, *imported.commands),
            (*before.events, *imported.events),
            imported.skipped,
        )
        return Nodes(*self.every, release=self.release, imported=joined)

    def of(self, software: str) -> Nodes:
        """Return the table of a software version such as `ce11.19.1.7.3055d561c16`; what was imported stays in it."""
        release = release_of(software)
        # releases with the same rows share a table: that of the last release that something changed in
        standing = NEWEST if release >= self._changes[-1] else max(one for one in self._changes if one <= release)
        return self if standing == self.release else _narrowed(self, standing)

    @cached_property
    def _changes(self) -> list[Release]:
        rows, commands, events = self.every
        stretches = (
            [row.releases for row in rows] + [row.releases for row in commands] + [row.releases for row in events]
        )
        stretches += [argument.releases for row in commands for argument in row.arguments]
        after = {(last[0], last[1] + 1) for stretch in stretches if (last := stretch.last) is not None}
        return sorted({(0, 0)} | {stretch.first for stretch in stretches} | after)

    @property
    def title(self) -> str:
        """Say whose table it is."""
        return f"Room Bar ce{'26.4' if self.release == NEWEST else written(self.release)}"

    def when(self, branch: Branch, path: Path) -> str:
        """Say which releases have a node that this table leaves out: `from 11.15 on`; nothing where no release has it."""
        wanted = shape(path).casefold()
        rows, commands, events = self.every
        known = {row.path.casefold(): row.releases for row in rows if row.branch == branch}
        if branch == "Command":
            known = {row.path.casefold(): row.releases for row in commands}
        elif branch == "Event":
            known = {row.path.casefold(): row.releases for row in events}
        return known[wanted].describe() if wanted in known else ""

    def lacks(self, branch: Branch, path: Path) -> bool:
        """Say whether another release has a node, and this one has not."""
        return folded(path) in self._missing.get(branch, frozenset())

    def missing(self, branch: Branch) -> frozenset[Path]:
        """Return the folded paths of the nodes that other releases have and this one has not."""
        return self._missing.get(branch, frozenset())

    @cached_property
    def _missing(self) -> Mapping[Branch, frozenset[Path]]:
        rows, commands, events = self.every
        every: list[tuple[Branch, str]] = [(row.branch, row.path) for row in rows]
        every += [("Command", row.path) for row in commands] + [("Event", row.path) for row in events]
        gone: dict[Branch, set[Path]] = {}
        here = {branch: {path.casefold() for path in self.paths(branch)} for branch in BRANCHES}
        for branch, path in every:
            if path.casefold() not in here[branch]:
                gone.setdefault(branch, set()).add(folded(parse_path(path)))
        return {branch: frozenset(paths) for branch, paths in gone.items()}

    def find(self, branch: Branch, path: Path) -> Node | None:
        """Return the leaf at a path, or None."""
        known = self._found.get((branch, path))
        if known is not None:
            return known
        rows = self._rows.get((branch, shape(path).casefold()), ())
        numbers = [part for part in path if isinstance(part, int)]
        row = next((row for row in rows if _has(row, numbers)), None)
        if row is not None:
            if len(self._found) >= FOUND_MAX:
                self._found.clear()
            self._found[branch, path] = row
        return row

    def command(self, path: Path) -> Command | None:
        """Return the command of these words, or None."""
        row = self._commands.get(_key(path))
        if (
            row is None or len(path) != row.path.count(" ") + 1
        ):  # two words of a path are no one word with a blank in it
            return None
        return row if all(str(word).isascii() for word in path) else None  # a long s folds to an s, and is none

    def deepest_command(self, path: Path) -> Command | None:
        """Return the command that the longest prefix of a path names, or None."""
        for length in range(len(path), 0, -1):
            if (command := self.command(path[:length])) is not None:
                return command
        return None

    def event(self, path: Path) -> EventNode | None:
        """Return the event of these words, or None."""
        return self._events.get(_key(path))

    def leaves(self, branch: Branch) -> Sequence[Node]:
        """Return the leaves of Status or Configuration, in the order of the table; the other branches have none."""
        return self._leaves[branch]

    def paths(self, branch: Branch) -> list[str]:
        """Return the leaves, commands or events of a branch in canonical spelling, elements as `[n]`."""
        if branch == "Command":
            return [row.path for row in self.commands]
        if branch == "Event":
            return [row.path for row in self.events]
        return [row.path for row in self.leaves(branch)]

    def words(self, branch: Branch, path: str) -> tuple[str, ...] | None:
        """Return the literals that a leaf can have, None when its values are free."""
        rows = self._rows.get((branch, path.casefold()))
        return rows[0].space.literals if rows and rows[0].space.kind == "literal" else None

    def children(self, branch: Branch, prefix: Path) -> list[str]:
        """Return the words that can follow a prefix, in canonical spelling and order; element numbers are passed over."""
        named = tuple(part for part in prefix if isinstance(part, str))
        return sorted(self._children.get((branch, _key(named)), {}).values(), key=str.casefold)

    def _add_words(self, branch: Branch, path: str) -> None:
        above = ""
        for word in path.replace("[n]", "").split(" "):
            below = word.casefold()
            self._children.setdefault((branch, above), {}).setdefault(below, word)
            above = f"{above} {below}" if above else below


def _has(row: Node, numbers: Sequence[int]) -> bool:
    fits = (known is None or number in known for number, known in zip(numbers, row.elements, strict=False))
    return len(numbers) == len(row.elements) and all(fits)


def _key(path: Path) -> str:
    return " ".join(map(str, path)).casefold()


@lru_cache(maxsize=TABLES_KEPT_MAX)
def _narrowed(table: Nodes, release: Release) -> Nodes:
    return Nodes(*table.every, release=release, imported=table.imported)


@lru_cache(maxsize=1)
def nodes() -> Nodes:
    """Return the node table, read once per process."""
    return Nodes(read_leaves(), read_commands(), read_events())
