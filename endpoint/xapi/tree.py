"""The status and configuration trees of one device.

A device stores only what differs from the shared defaults. Changes come in groups: whoever listens is told once per group, after all of it
holds. Source: protocol/xapi.md 2.1 to 2.5.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final, TypeAlias

from endpoint.runtime.errors import LimitExceeded
from endpoint.wire.xapi.nodes import Value
from endpoint.wire.xapi.paths import Path, folded

LISTENERS_MAX: Final = 1_000

Changes: TypeAlias = Mapping[Path, Value | None]
"""New values by path; None for a leaf that is gone."""
Listener: TypeAlias = Callable[[Changes], object]


class Tree:
    """A tree of leaves. Names match in any case; the spelling under which a leaf came first stays."""

    def __init__(self, defaults: Mapping[Path, Value] = MappingProxyType({})) -> None:
        self._defaults = defaults
        self._own: dict[Path, Value | None] = {}
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
        wanted = folded(prefix)
        found = (path for path in self._paths() if folded(path[: len(wanted)]) == wanted)
        values = ((path, self._value(path)) for path in sorted(found, key=_order))
        return [(path, value) for path, value in values if value is not None]

    def put(self, path: Path, value: Value) -> None:
        """Set a leaf."""
        self._change(self._spelt(path), value)

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
        self._listeners[number] = (folded(prefix), listener)

        def end() -> None:
            self._listeners.pop(number, None)

        return end

    # inside

    def _value(self, path: Path) -> Value | None:
        return self._own[path] if path in self._own else self._defaults.get(path)

    def _paths(self) -> Iterator[Path]:
        yield from self._defaults
        yield from (path for path in self._own if path not in self._defaults)

    def _spelt(self, path: Path) -> Path:
        if path in self._own or path in self._defaults:
            return path
        wanted = folded(path)
        return next((known for known in self._paths() if len(known) == len(wanted) and folded(known) == wanted), path)

    def _change(self, path: Path, value: Value | None) -> None:
        before = self._value(path)
        if before == value:
            return
        if value == self._defaults.get(path):
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
                told = [(folded(path), path, value) for path, value in self._untold[0].items()]
                for number, (prefix, listener) in tuple(self._listeners.items()):
                    mine = {path: value for name, path, value in told if name[: len(prefix)] == prefix}
                    if mine and number in self._listeners:
                        listener(mine)
                self._untold.popleft()
        finally:
            self._untold.clear()


def _order(path: Path) -> tuple[tuple[int, str | int], ...]:
    return tuple((0, part) if isinstance(part, int) else (1, part) for part in path)
