"""Lifecycles as tables: (state, event) -> next state and effects.

A table is data and a machine only looks up; it does no I/O and knows no time. Timers are effects and come back as events. A pair that is
not in the table is a `StateError` and changes nothing, so an event that shall be ignored has a row that says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Generic, TypeVar

from endpoint.runtime.errors import StateError

S = TypeVar("S", bound=Enum)


class Next(Generic[S]):
    """Where a row leads, and what has to be done on the way."""

    __slots__ = ("effects", "state")

    def __init__(self, state: S, *effects: object) -> None:
        self.state = state
        self.effects = effects

    def __repr__(self) -> str:
        return f"Next({self.state.name}" + "".join(f", {effect!r}" for effect in self.effects) + ")"


Row = Next[S] | Callable[[object], Next[S]]
"""A row is a fixed answer, or a function of the event for decisions that depend on what it carries."""


class Table(Generic[S]):
    """All rows of one lifecycle."""

    def __init__(self, name: str, start: S, rows: Mapping[tuple[S, type], Row[S]]) -> None:
        self.name = name
        self.start = start
        self.rows = rows

    @property
    def states(self) -> list[S]:
        """Every state of the lifecycle."""
        return list(type(self.start))

    @property
    def events(self) -> list[type]:
        """Every event type that some state knows, sorted by name."""
        return sorted({event for _, event in self.rows}, key=lambda event: event.__name__)


class Machine(Generic[S]):
    """One run through a table."""

    __slots__ = ("_on_change", "state", "table")

    def __init__(self, table: Table[S], on_change: Callable[[str, S, object, S], object] | None = None) -> None:
        self.table = table
        self.state = table.start
        self._on_change = on_change

    def feed(self, event: object) -> tuple[object, ...]:
        """Take the row of the present state and this event; return its effects.

        Raises:
            StateError: the table has no such row; the state stays.
        """
        row = self.table.rows.get((self.state, type(event)))
        if row is None:
            raise StateError(self.table.name, self.state.name, event)
        step = row if isinstance(row, Next) else row(event)
        before, self.state = self.state, step.state
        if before is not step.state and self._on_change is not None:
            self._on_change(self.table.name, before, event, step.state)
        return step.effects
