"""The xAPI of one device as every door uses it: read, set, call, listen, describe. Roles are enforced here.

Paths and leaves at this boundary begin with the branch: `("Status", "Audio", "Volume")`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.xapi.calls import Caller
from endpoint.wire.xapi.errors import AccessDenied, BadValue, NoMatch
from endpoint.wire.xapi.leaves import Leaf
from endpoint.wire.xapi.nodes import Branch, Node, Nodes, Value
from endpoint.wire.xapi.paths import Path, words
from endpoint.wire.xapi.query import Part, Query
from endpoint.xapi.commands import Commands
from endpoint.xapi.feedback import Feedback, Sink, Subscription
from endpoint.xapi.tree import Tree, known

SPELLINGS_KEPT_MAX: Final = 8_192
READABLE: Final[Mapping[str, Branch]] = {"status": "Status", "configuration": "Configuration"}


class Xapi:
    """Everything that a door can ask of one device.

    Args:
        configure: stores checked configurations, all or none, with side effects; raises BadValue for what a value space cannot say, and
            CommandFailed for what cannot be kept.
    """

    def __init__(
        self,
        nodes: Nodes,
        status: Tree,
        configuration: Tree,
        commands: Commands,
        feedback: Feedback,
        configure: Callable[[Mapping[Path, Value], Caller], None],
    ) -> None:
        self.nodes = nodes
        self.commands = commands
        self.feedback = feedback
        self._trees: Mapping[Branch, Tree] = {"Status": status, "Configuration": configuration}
        self._configure = configure

    # reading

    def get(self, query: Query, caller: Caller) -> list[Leaf]:
        """Return the leaves that a query covers, in order; an empty list when there are none at present.

        Raises:
            NoMatch: no node is there, or none that the caller may see. What exists and is empty now (`Status Call`) is no such case.
        """
        found = self.find(query, caller)
        if not found and not self.is_known(query, caller):
            raise NoMatch(query.text)
        return found

    def find(self, query: Query, caller: Caller) -> list[Leaf]:
        """Return the leaves that a query covers, in order; an empty list when there are none, whatever the reason."""
        leaf = self._leaf(query, caller)
        if leaf is not None:
            return [leaf]
        found: list[Leaf] = []
        for branch, tree in self._trees.items():
            if not query.reaches((branch.casefold(),)):
                continue
            for path, value in tree.below(_certain(query)):
                whole = (branch, *path)
                if not query.covers(known(whole)[1]):
                    continue
                shown = self._shown(branch, path, value, caller)
                if shown is not None:
                    found.append((whole, shown))
        return found

    def _leaf(self, query: Query, caller: Caller) -> Leaf | None:
        """Find a single leaf without a search."""
        path = query.plain
        branch = READABLE.get(str(path[0])) if path is not None and len(path) > 1 else None
        if path is None or branch is None:
            return None
        node = self.nodes.find(branch, path[1:])
        if node is None:
            return None
        place = spelt(node, path[1:])
        value = self._trees[branch].get(place)
        if value is None or not caller.may(node.read):
            return None
        return (branch, *place), "" if node.is_hidden else value

    def _shown(self, branch: Branch, path: Path, value: Value, caller: Caller) -> Value | None:
        node = self.nodes.find(branch, path)
        if node is None:
            return value
        if not caller.may(node.read):
            return None
        return "" if node.is_hidden else value

    def is_known(self, query: Query, caller: Caller) -> bool:
        """Say whether the node table has something that a query covers and the caller may see."""
        for branch in self._trees:
            if not query.reaches((branch.casefold(),)):
                continue
            for node in self.nodes.leaves(branch):
                example = _example(branch, node, query)
                if caller.may(node.read) and query.covers(example):
                    return True
        return False

    # setting

    def set(self, query: Query, value: Any, caller: Caller) -> None:
        """Set a configuration; a name without a number sets all elements.

        Raises:
            NoMatch: no configuration is there.
            AccessDenied: the caller may not set it.
            BadValue: it cannot have that value.
            CommandFailed: it cannot be kept.
        """
        self.set_all([(query, value)], caller)

    def set_all(self, changes: list[tuple[Query, Any]], caller: Caller) -> None:
        """Set several configurations, all or none; raises as `set` does."""
        accepted: dict[Path, Value] = {}
        settable: dict[
            tuple[Part, ...], list[tuple[Node, Path]]
        ] = {}  # one name in thousands of changes is looked up once
        for query, value in changes:
            nodes = settable.get(query.parts)
            if nodes is None:
                nodes = settable[query.parts] = self._settable(query)
            if not nodes:
                raise NoMatch(query.text)
            for node, path in nodes:
                if not caller.may(node.set):
                    raise AccessDenied
                if not isinstance(value, (str, int)):
                    raise BadValue(words(path), "text, or a whole number")
                try:
                    accepted[path] = node.space.accept(value)
                except LocalProtocolError as error:
                    raise BadValue(words(path), str(error)) from None
        self._configure(accepted, caller)

    def _settable(self, query: Query) -> list[tuple[Node, Path]]:
        path = query.plain
        if path is not None and path[0] == "configuration":
            node = self.nodes.find("Configuration", path[1:])
            if node is not None:
                return [(node, spelt(node, path[1:]))]
        return [
            (node, instance)
            for node in self.nodes.leaves("Configuration")
            for instance in node.instances()
            if _is_whole(query, ("configuration", *known(instance)[1]))
        ]

    # listening

    def subscribe(self, query: Query, caller: Caller, sink: Sink) -> Subscription:
        """Tell `sink` of changes and events that a query covers; see `Feedback.subscribe`."""
        return self.feedback.subscribe(query, caller, sink)


def _certain(query: Query) -> Path:
    """Return the names after the branch that every match begins with, to search a subtree only."""
    certain: list[str] = []
    for part in query.parts[1:] if isinstance(query.parts[0], str) else ():
        if not isinstance(part, str):
            break
        certain.append(part)
        break  # an array may follow the first name, with or without a number
    return tuple(certain)


def _example(branch: Branch, node: Node, query: Query) -> Path:
    """Return a folded path of a node, with element numbers that the query would take."""
    asked = [part for part in query.parts if isinstance(part, int)]
    numbers = iter(asked)
    parts: list[str | int] = [branch.casefold()]
    for word in node.path.split(" "):
        name, bracket, _ = word.partition("[")
        parts.append(name.casefold())
        if bracket:
            parts.append(next(numbers, 1))
    return tuple(parts)


def _is_whole(query: Query, path: Path) -> bool:
    """Say whether a query names a leaf itself, not a subtree above it."""
    return query.covers(path) and str(query.parts[-1]) == str(path[-1])


def spelt(node: Node, path: Path) -> Path:
    """Return a path in the spelling of its node, with its own element numbers."""
    return _spelt(node.path, tuple(part for part in path if isinstance(part, int)))


@lru_cache(maxsize=SPELLINGS_KEPT_MAX)
def _spelt(shape: str, numbers: tuple[int, ...]) -> Path:
    found = iter(numbers)
    parts: list[str | int] = []
    for word in shape.split(" "):
        name, bracket, _ = word.partition("[")
        parts.append(name)
        if bracket:
            parts.append(next(found))
    return tuple(parts)
