"""The lifecycles that scenarios look at by name, and the states that each can be in."""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

import endpoint.media.table as media
from cloud_stub.state_query import KINDS
from endpoint.cloud import activation_table as activation
from endpoint.cloud import mercury_table as mercury
from endpoint.cloud import reachability, registration, status
from endpoint.cloud import software_table as software
from endpoint.cloud.calls import replica_table as locus
from endpoint.cloud.calls import table as call
from endpoint.room import standby
from endpoint.room.bookings import timeline_table as bookings
from endpoint.room.calls import table as calls
from endpoint.runtime.statetable import Table
from scenarios.runner.cloud_paths import field_space
from scenarios.runner.conditions import MERCURY_WORDS, state_word
from scenarios.runner.problems import Place, Problems, nearest

TABLES: Final[tuple[Table[Any], ...]] = (
    activation.TABLE,
    registration.TABLE,
    mercury.TABLE,
    reachability.TABLE,
    media.TABLE,
    status.TABLE,
    locus.TABLE,
    software.TABLE,
    call.TABLE,
    standby.TABLE,
    bookings.TABLE,
    calls.TABLE,
)
"""The lifecycles of the device."""
CLOUD: Final = {f"cloud {kind}": space.words for kind in KINDS if (space := field_space(kind, "state")) is not None}
"""Those of records of the cloud, which have a state."""


def _states(lifecycle: Table[Any]) -> tuple[str, ...]:
    states: list[Enum] = lifecycle.states
    return tuple(state_word("", state.value) for state in states)


STATES: Final = {one.name: _states(one) for one in TABLES} | CLOUD | {"mercury": tuple(MERCURY_WORDS)}
"""Every lifecycle and its states as scenarios write them."""
_NUMBERED: Final = "call"


def machine_name(written: str) -> str:
    """Return a lifecycle as it is known by: small letters, `_` as a blank."""
    return written.casefold().replace("_", " ")


def check_machine(problems: Problems, written: str, at: Place, calls_made: set[str]) -> tuple[str, ...]:
    """Return the states of a lifecycle; none, and a problem, where there is no such lifecycle."""
    name = machine_name(written)
    head, _, ref = written.partition(" ")
    if head.casefold() == _NUMBERED and ref:
        if not ref.isdigit() and ref not in calls_made:
            problems.unknown(at, f"no call before this is named `{ref}`", ref, calls_made)
        return STATES[_NUMBERED]
    if name not in STATES or name == _NUMBERED:
        known = [*STATES, "call 1"]
        near = "call 1" if name == _NUMBERED else nearest(name, known)
        listed = "" if near else f"; there are {', '.join(sorted(known))}"
        problems.add(at, f"there is no lifecycle `{written}`{listed}", near)
        return ()
    return STATES[name]


def check_state(problems: Problems, written: str, state: str, at: Place, states: tuple[str, ...]) -> None:
    """Note a state that a lifecycle is never in."""
    if not states or state_word(written, state) in {word.casefold() for word in states}:
        return
    if machine_name(written) == "mercury":
        problems.unknown(at, f"Mercury is never `{state}`", state, MERCURY_WORDS)
    else:
        shown = ", ".join(states)
        problems.add(at, f"`{written}` is never `{state}`; it is one of {shown}", nearest(state, states))
