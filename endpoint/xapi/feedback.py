"""Feedback: who is told of which changes and events.

A group of changes is one notice; an expression covers the subtree below it; an element that is gone is told once, as a ghost. Nothing
here knows how a notice is printed. A device without subscribers pays nothing for its changes. Source: protocol/xapi.md 2.4, 3.5, 4.8.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from endpoint.runtime.errors import LimitExceeded
from endpoint.wire.xapi.calls import ADMIN, Caller
from endpoint.wire.xapi.leaves import Fields, Leaf, Mark, flatten
from endpoint.wire.xapi.nodes import Branch, Nodes, Value
from endpoint.wire.xapi.paths import Path, parse_path, shape
from endpoint.wire.xapi.query import Query
from endpoint.xapi.tree import Changes, Tree, known

SUBSCRIPTIONS_MAX: Final = 2_000
"""Subscriptions of one device over all its sessions: 30 sessions of 50, and what the device itself listens for."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One change, one atomic group, or one event; leaf paths begin with the branch.

    Attributes:
        event: path of the event, None for a change of status or configuration.
    """

    branch: Branch
    leaves: tuple[Leaf, ...]
    event: Path | None = None


Sink: TypeAlias = Callable[[Notice], object]


class Subscription:
    """One expression of one listener."""

    __slots__ = ("_end", "caller", "query", "sink")

    def __init__(self, query: Query, caller: Caller, sink: Sink, end: Callable[[Subscription], None]) -> None:
        self.query = query
        self.caller = caller
        self.sink = sink
        self._end = end

    def close(self) -> None:
        """End it; harmless when that was done before."""
        self._end(self)


class Feedback:
    """The subscriptions of one device."""

    def __init__(self, status: Tree, configuration: Tree, nodes: Nodes) -> None:
        self._trees: Mapping[Branch, Tree] = {"Status": status, "Configuration": configuration}
        self._nodes = nodes
        self._subscriptions: dict[Branch, dict[int, Subscription]] = {"Status": {}, "Configuration": {}, "Event": {}}
        self._numbers = itertools.count()
        self._listening: dict[Branch, Callable[[], None]] = {}

    def subscribe(self, query: Query, caller: Caller, sink: Sink) -> Subscription:
        """Tell `sink` of everything that the query covers and the caller may see, until the subscription is closed.

        Raises:
            LimitExceeded: the device has SUBSCRIPTIONS_MAX already.
        """
        number = next(self._numbers)
        branches = [branch for branch in self._subscriptions if _may_match(query, branch)]

        def end(subscription: Subscription) -> None:
            for branch in branches:
                if self._subscriptions[branch].pop(number, None) is not None and not self._subscriptions[branch]:
                    self._deaf(branch)

        subscription = Subscription(query, caller, sink, end)
        if sum(len(held) for held in self._subscriptions.values()) >= SUBSCRIPTIONS_MAX:
            raise LimitExceeded("feedback subscriptions of one device", SUBSCRIPTIONS_MAX)
        for branch in branches:
            self._subscriptions[branch][number] = subscription
            if branch in self._trees and branch not in self._listening:
                listener = _Listener(self, branch)
                self._listening[branch] = self._trees[branch].listen((), listener)
        return subscription

    def _deaf(self, branch: Branch) -> None:
        end = self._listening.pop(branch, None)
        if end is not None:
            end()

    def raise_event(self, event: str, fields: Fields) -> None:
        """Tell of an event: its path as words, and its fields."""
        held = self._subscriptions["Event"]
        if not held:
            return
        path: Path = ("Event", *parse_path(event))
        node = self._nodes.event(path[1:])
        leaves = tuple(flatten(fields, path)) or ((path, Mark.NODE),)
        for number, subscription in tuple(held.items()):
            if number not in held or (node is not None and not subscription.caller.may(node.read)):
                continue
            covered = tuple(leaf for leaf in leaves if subscription.query.covers(known(leaf[0])[1]))
            if covered:
                subscription.sink(Notice("Event", covered, path))

    def changed(self, branch: Branch, changes: Changes) -> None:
        """Tell of a group of changes of a tree."""
        leaves = self._leaves(branch, changes)
        if not leaves:
            return
        held = self._subscriptions[branch]
        for number, subscription in tuple(held.items()):
            if number not in held:
                continue
            query = subscription.query
            mine = tuple(
                leaf
                for leaf in leaves
                if (query.reaches if leaf[1] is Mark.GHOST else query.covers)(known(leaf[0])[1])
                and self._may_see(subscription.caller, branch, leaf)
            )
            if mine:
                subscription.sink(Notice(branch, mine))

    def _leaves(self, branch: Branch, changes: Changes) -> list[Leaf]:
        """Return changes as leaves in order; elements of which nothing is left are ghosts, once each."""
        tree = self._trees[branch]
        found: dict[Path, Value | Mark] = {}
        for path, value in changes.items():
            if value is not None:
                found[branch, *path] = "" if self._is_hidden(branch, path) else value
                continue
            gone = _gone_element(tree, path)
            if gone is not None:
                found[branch, *gone] = Mark.GHOST
        return sorted(found.items(), key=lambda leaf: known(leaf[0])[2])

    def _is_hidden(self, branch: Branch, path: Path) -> bool:
        if branch != "Configuration":
            return False
        node = self._nodes.find(branch, path)
        return node is not None and node.is_hidden

    def _may_see(self, caller: Caller, branch: Branch, leaf: Leaf) -> bool:
        if ADMIN in caller.roles:
            return True
        path, value = leaf[0][1:], leaf[1]
        if value is Mark.GHOST:
            above = shape(path).casefold()
            return any(
                caller.may(node.read) for node in self._nodes.leaves(branch) if node.path.casefold().startswith(above)
            )
        node = self._nodes.find(branch, path)
        return node is None or caller.may(node.read)


class _Listener:
    """Tells the feedback of the changes of one tree."""

    __slots__ = ("_branch", "_feedback")

    def __init__(self, feedback: Feedback, branch: Branch) -> None:
        self._feedback = feedback
        self._branch = branch

    def __call__(self, changes: Changes) -> None:
        self._feedback.changed(self._branch, changes)


def _may_match(query: Query, branch: Branch) -> bool:
    return query.reaches((branch.casefold(),))


def _gone_element(tree: Tree, path: Path) -> Path | None:
    """Return the outermost element on the way to a path of which nothing is left; None when there is none."""
    for depth, part in enumerate(path, start=1):
        if isinstance(part, int) and not tree.below(path[:depth]):
            return path[:depth]
    return None
