"""Walk a lifecycle table: every row once, every pair that has none, every state."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import is_dataclass
from enum import Enum
from typing import TypeVar

import pytest

from endpoint.runtime.errors import StateError
from endpoint.runtime.statetable import Machine, Table

S = TypeVar("S", bound=Enum)
Row = tuple[S, object, S, tuple[object, ...]]
"""State, event, next state, effects; an effect or event without fields stands for its type."""


def _shape(effect: object) -> object:
    if isinstance(effect, type):
        return effect
    return effect if is_dataclass(effect) else type(effect)


def walk(table: Table[S], rows: Sequence[Row[S]], *, ends: Collection[S] = ()) -> None:
    """Check a table against what a test says of it.

    Args:
        rows: all of it; a row that decides by what an event carries comes once for each decision.
        ends: states that nothing has to lead out of.
    """
    for state, event, following, effects in rows:
        fed = event() if isinstance(event, type) else event
        machine = Machine(table)
        machine.state = state
        got = tuple(map(_shape, machine.feed(fed)))
        assert (machine.state, got) == (following, tuple(map(_shape, effects))), (state, fed)
    said = {(state, event if isinstance(event, type) else type(event)) for state, event, _, _ in rows}
    assert said == set(table.rows), "the test names every row"
    _absent(table, rows)
    _reachable(table, rows)
    for state in set(table.states) - set(ends):
        assert any(row[0] is state and row[2] is not state for row in rows), f"nothing leads out of {state}"


def _absent(table: Table[S], rows: Sequence[Row[S]]) -> None:
    examples = {event if isinstance(event, type) else type(event): event for _, event, _, _ in rows}
    for state in table.states:
        for kind in table.events:
            if (state, kind) not in table.rows:
                example = examples[kind]
                machine = Machine(table)
                machine.state = state
                with pytest.raises(StateError):
                    machine.feed(example() if isinstance(example, type) else example)
                assert machine.state is state


def _reachable(table: Table[S], rows: Sequence[Row[S]]) -> None:
    known = {table.start}
    while more := {row[2] for row in rows if row[0] in known} - known:
        known |= more
    assert known == set(table.states), "every state is reachable"
