"""How a view of a locus is kept up to date, as a table.

Source: protocol/cloud-services.md 9.5 (actions, queue, sync). That a sync which does not bring what was missed is followed by a fetch is
ours.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from endpoint.runtime.statetable import Next, Table


class State(Enum):
    """Where the view stands."""

    FOLLOWING = "following"
    WAITING = "waiting"  # for what comes between the view and the first delta of the queue
    SYNCING = "syncing"  # for the answer of `syncUrl`
    FETCHING = "fetching"  # for the whole locus
    LOST = "lost"


# What happened


class Blocked:
    """The first delta of the queue came too early."""


class Unblocked:
    """The queue does not wait for anything any more."""


class WaitOver:
    """What is between did not come in time."""


class Behind:
    """The view misses something that the service can tell it."""


class OutOfStep:
    """The view and what came each have something that the other one lacks; or there is no view yet."""


class Answered:
    """The service has told what was missed."""


class Incomplete:
    """It told less than is known to have happened."""


class Failed:
    """It did not answer."""


# What has to be done


class StartWait:
    """Wait for what is between."""


class StopWait:
    """It has come, or is asked for."""


class AskSync:
    """Ask for what was missed."""


class AskFetch:
    """Ask for the whole locus."""


class GiveUp:
    """Nothing is known of the locus any more."""


_STAY: Final = {state: Next(state) for state in State}
_SYNC: Final = Next(State.SYNCING, AskSync())
_FETCH: Final = Next(State.FETCHING, AskFetch())

TABLE: Final = Table(
    "locus",
    State.FOLLOWING,
    {
        (State.FOLLOWING, Blocked): Next(State.WAITING, StartWait()),
        (State.FOLLOWING, Unblocked): _STAY[State.FOLLOWING],
        (State.FOLLOWING, WaitOver): _STAY[State.FOLLOWING],  # the timer was too late to be stopped
        (State.FOLLOWING, Behind): _SYNC,
        (State.FOLLOWING, OutOfStep): _FETCH,
        (State.WAITING, Blocked): _STAY[State.WAITING],
        (State.WAITING, Unblocked): Next(State.FOLLOWING, StopWait()),
        (State.WAITING, WaitOver): _SYNC,
        (State.WAITING, Behind): Next(State.SYNCING, StopWait(), AskSync()),
        (State.WAITING, OutOfStep): Next(State.FETCHING, StopWait(), AskFetch()),
        (State.SYNCING, WaitOver): _STAY[State.SYNCING],
        (State.SYNCING, Behind): _STAY[State.SYNCING],
        (State.SYNCING, OutOfStep): _STAY[State.SYNCING],  # the answer shows whether that is still so
        (State.SYNCING, Answered): Next(State.FOLLOWING),
        (State.SYNCING, Incomplete): _FETCH,
        (State.SYNCING, Failed): _FETCH,
        (State.FETCHING, WaitOver): _STAY[State.FETCHING],
        (State.FETCHING, Behind): _STAY[State.FETCHING],
        (State.FETCHING, OutOfStep): _STAY[State.FETCHING],
        (State.FETCHING, Answered): Next(State.FOLLOWING),
        (State.FETCHING, Failed): Next(State.LOST, GiveUp()),
        (State.LOST, Answered): Next(State.FOLLOWING),  # a whole locus came unasked
        (State.LOST, WaitOver): _STAY[State.LOST],
        (State.LOST, Behind): _FETCH,
        (State.LOST, OutOfStep): _FETCH,
    },
)
