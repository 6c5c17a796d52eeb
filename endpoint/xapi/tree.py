"""The status and configuration trees of one device.

A device stores only what differs from the shared defaults. Changes come in groups: whoever listens is told once per group, after all of it
holds. Source: protocol/xapi.md 2.1 to 2.5.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from types import MappingProxyType
from typing import Final, TypeAlias

from endpoint.runtime.errors import LimitExceeded
from endpoint.wire.xapi.nodes import Value
from endpoint.wire.xapi.paths import Path, folded

LISTENERS_MAX: Final = 1_000
PATHS_KNOWN_MAX: Final = 100_000
"""Paths whose folded form and place in the order are kept; all devices share them."""

Changes: TypeAlias = Mapping[Path, Value | None]
"""New values by path; None for a leaf that is gone."""
Listener: TypeAlias = Callable[[Changes], object]
Order: TypeAlias = tuple[tuple[int, str | int], ...]


@lru_cache(maxsize=PATHS_KNOWN_MAX)
def known(path: Path) -> tuple[Path, Path, Order]:
    """Return a path, its folded form and what it is sorted by: the same objects for every device."""
    order = tuple((0, part) if isinstance(part, int) else (1, part) for part in path)
    return path, folded(path), order


class Defaults:
    """Start values that many trees share, with an index of every subtree."""

    def __init__(self, values: Mapping[Path, Value]) -> None:
        self.values = MappingProxyType(dict(values))
        self._spelling: dict[Path, Path] = {}
        below: dict[Path, list[Path]] = {(): []}
        for path in sorted(values, key=lambda path: known(path)[2]):
            name = known(path)[1]
            self._spelling[name] = path
            for depth in range(len(name) + 1):
                below.setdefault(name[:depth], []).append(path)
        self._below = {name: tuple(paths) for name, paths in below.items()}

    def spelt(self, name: Path) -> Path | None:
        """Return the leaf of a folded path."""
        return self._spelling.get(name)

    def below(self, name: Path) -> tuple[Path, ...]:
        """Return the leaves at or below a folded path, in order."""
        return self._below.get(name, ())


class Tree:
    """A tree of leaves. Names match in any case; the spelling under which a leaf came first stays.

    Args:
        missing: folded paths of leaves that the device's software has not: what is put there is not kept.
    """

    def __init__(
        self,
        defaults: Defaults | Mapping[Path, Value] = MappingProxyType({}),
        missing: frozenset[Path] = frozenset(),
    ) -> None:
        self._missing = missing
        self.defaults = defaults if isinstance(defaults, Defaults) else Defaults(defaults)
        self._own: dict[Path, Value | None] = {}
        self._live: dict[Path, Callable[[], Value]] = {}
        self._listeners: dict[int, tuple[Path, Listener]] = {}
        self._numbers = itertools.count()
        self._group: dict[Path, Value | None] | None = None
        self._untold: deque[dict[Path, Value | None]] = deque()

    def get(self, path: Path) -> Value | None:
        """Return a leaf's value; None if there is no such leaf at present."""
        return self._value(self._spelt(path))

    def __iter__(self) -> Iterator[tuple[Path, Value]]:
        """Yield every leaf, sorted by path."""
        return iter(self.below(()))

    def below(self, prefix: Path) -> list[tuple[Path, Value]]:
        """Return the leaves at or below a path, sorted by path."""
        wanted = known(prefix)[1]
        shared, values = self.defaults.below(wanted), self.defaults.values
        depth = len(wanted)
        own = [
            path
            for path in itertools.chain(self._own, self._live)
            if path not in values and (not depth or known(path)[1][:depth] == wanted)
        ]
        paths = sorted({*shared, *own}, key=lambda path: known(path)[2]) if own else shared
        found = ((path, self._value(path)) for path in paths)
        return [(path, value) for path, value in found if value is not None]

    def put(self, path: Path, value: Value) -> None:
        """Set a leaf."""
        self._change(self._spelt(path), value)

    def live(self, path: Path, read: Callable[[], Value]) -> None:
        """Let a leaf be computed whenever it is read, until `still`; it does not notify, and can be neither set nor removed."""
        self._live[known(path)[0]] = read

    def still(self, path: Path) -> None:
        """Compute a leaf no more: from now on it has the value that was put last."""
        self._live.pop(known(path)[0], None)

    def remove(self, prefix: Path) -> None:
        """Remove every leaf at or below a path."""
        with self.group():
            for path, _ in self.below(prefix):
                self._change(path, None)

    @contextmanager
    def group(self) -> Iterator[None]:
        """Make what is changed in the block one group; blocks inside it join it. What ends as it began is no change."""
        if self._group is not None:
            yield
            return
        before: dict[Path, Value | None] = {}
        self._group = before
        try:
            yield
        finally:
            self._group = None
            changes = {path: self._value(path) for path, was in before.items() if self._value(path) != was}
            if changes:
                self._tell(changes)

    def listen(self, prefix: Path, listener: Listener) -> Callable[[], None]:
        """Tell `listener` of every group that touches the subtree; returns what ends that.

        Raises:
            LimitExceeded: LISTENERS_MAX are told already.
        """
        if len(self._listeners) >= LISTENERS_MAX:
            raise LimitExceeded("listeners of one tree", LISTENERS_MAX)
        number = next(self._numbers)
        self._listeners[number] = (known(prefix)[1], listener)

        def end() -> None:
            self._listeners.pop(number, None)

        return end

    # inside

    def _value(self, path: Path) -> Value | None:
        if path in self._live:
            return self._live[path]()
        if path in self._own:
            return self._own[path]
        return self.defaults.values.get(path)

    def _spelt(self, path: Path) -> Path:
        if path in self._own or path in self.defaults.values or path in self._live:
            return path
        path, wanted, _ = known(path)
        spelling = self.defaults.spelt(wanted)
        if spelling is not None:
            return spelling
        return next((own for own in itertools.chain(self._own, self._live) if known(own)[1] == wanted), path)

    def _change(self, path: Path, value: Value | None) -> None:
        if path in self._live or (self._missing and known(path)[1] in self._missing):
            return
        before = self._value(path)
        if before == value:
            return
        if value == self.defaults.values.get(path):
            self._own.pop(path, None)
        else:
            self._own[path] = value
        if self._group is None:
            self._tell({path: value})
        else:
            self._group.setdefault(path, before)

    def _tell(self, changes: dict[Path, Value | None]) -> None:
        """Tell every listener; what a listener changes is told after it, so that all hear one order."""
        self._untold.append(changes)
        if len(self._untold) > 1:
            return
        try:
            while self._untold:
                told = self._untold[0]
                for number, (prefix, listener) in tuple(self._listeners.items()):
                    mine = _at(told, prefix)
                    if mine and number in self._listeners:
                        listener(mine)
                self._untold.popleft()
        finally:
            self._untold.clear()


def _at(changes: dict[Path, Value | None], prefix: Path) -> dict[Path, Value | None]:
    if not prefix:
        return changes
    depth = len(prefix)
    return {path: value for path, value in changes.items() if known(path)[1][:depth] == prefix}
