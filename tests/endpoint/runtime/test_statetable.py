"""The engine of the lifecycles: rows, refusals, who is told."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import pytest

from endpoint.runtime.errors import StateError
from endpoint.runtime.statetable import Machine, Next, Table


class Door(Enum):
    """States of a door."""

    OPEN = "open"
    SHUT = "shut"
    LOCKED = "locked"


@dataclass(frozen=True)
class Pushed:
    """Somebody pushed with a force."""

    force: int = 1


class Locked:
    """Somebody turned the key."""


class Burned:
    """No row knows this."""


def _pushed(event: object) -> Next[Door]:
    assert isinstance(event, Pushed)
    if event.force < 0:
        raise ValueError("nobody pushes with less than nothing")
    return Next(Door.OPEN, "creak") if event.force > 5 else Next(Door.SHUT)


TABLE = Table(
    "door",
    Door.SHUT,
    {
        (Door.SHUT, Pushed): _pushed,
        (Door.SHUT, Locked): Next(Door.LOCKED, "click", 2),
        (Door.OPEN, Pushed): Next(Door.SHUT),
        (Door.OPEN, Locked): Next(Door.OPEN),
    },
)


def _machine() -> tuple[Machine[Door], list[tuple[str, Door, object, Door]]]:
    told: list[tuple[str, Door, object, Door]] = []
    return Machine(TABLE, lambda *change: told.append(change)), told


def test_a_row_leads_to_its_state_and_gives_its_effects() -> None:
    machine, told = _machine()
    event = Locked()
    assert machine.feed(event) == ("click", 2)
    assert machine.state is Door.LOCKED
    assert told == [("door", Door.SHUT, event, Door.LOCKED)]


@pytest.mark.parametrize(("force", "state", "effects"), [(9, Door.OPEN, ("creak",)), (1, Door.SHUT, ())])
def test_a_row_may_decide_by_what_the_event_carries(force: int, state: Door, effects: tuple[object, ...]) -> None:
    machine, _ = _machine()
    assert machine.feed(Pushed(force)) == effects
    assert machine.state is state


def test_staying_is_told_to_nobody() -> None:
    machine, told = _machine()
    machine.feed(Pushed())
    machine.feed(Pushed(9))
    machine.feed(Locked())
    assert [change[3] for change in told] == [Door.OPEN]


def test_a_machine_needs_nobody_to_tell() -> None:
    machine = Machine(TABLE)
    machine.feed(Pushed(9))
    assert machine.state is Door.OPEN


@pytest.mark.parametrize("event", [Burned(), "a text", None])
def test_an_event_without_a_row_is_refused_and_changes_nothing(event: object) -> None:
    machine, told = _machine()
    with pytest.raises(StateError, match=f"door: no row for {type(event).__name__} in state SHUT") as refused:
        machine.feed(event)
    assert (refused.value.machine, refused.value.state, refused.value.event) == ("door", "SHUT", event)
    assert (machine.state, told) == (Door.SHUT, [])


def test_a_row_that_fails_changes_nothing() -> None:
    machine, told = _machine()
    with pytest.raises(ValueError, match="less than nothing"):
        machine.feed(Pushed(-1))
    assert (machine.state, told) == (Door.SHUT, [])


def test_a_table_lists_its_states_and_events() -> None:
    assert TABLE.states == [Door.OPEN, Door.SHUT, Door.LOCKED]
    assert TABLE.events == [Locked, Pushed]


def test_a_row_prints_as_it_is_written() -> None:
    assert repr(Next(Door.OPEN, "creak", 2)) == "Next(OPEN, 'creak', 2)"
