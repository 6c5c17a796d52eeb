"""The life of the media of one call, as a table.

    IDLE -> CHECKING -> FLOWING <-> SILENT -> RECONNECTING <-> GONE
                     -> FAILED

Source: protocol/activation-and-media.md section 13, cloud-services.md 9.7 (limits of clients); when media counts as lost, and that what
was given up is tried again once the way is free, is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from endpoint.runtime.statetable import Next, Table

ATTEMPTS_MAX: Final = 3  # cloud-services.md 9.7
"""Reconnections that follow each other at once after a loss."""


class State(Enum):
    """Where the media of a call stands."""

    IDLE = "idle"
    CHECKING = "checking"
    FAILED = "failed"
    """There was never a path."""
    FLOWING = "flowing"
    SILENT = "silent"
    """Nothing has come of late, and it is too early to worry."""
    RECONNECTING = "reconnecting"
    GONE = "gone"
    """Every reconnection was in vain."""
    CLOSED = "closed"


class Begun:
    """The far side's description is here, and names other ends than before."""


class PathFound:
    """A connectivity check has passed."""


@dataclass(frozen=True, slots=True)
class NoPath:
    """No check has passed; `attempt` counts reconnections in a row from 1, 0 for the first time."""

    attempt: int


class Heard:
    """The far side can be heard, or the way to it is free."""


class Missed:
    """The far side cannot be heard."""


class Lost:
    """It has not been heard for too long."""


class Closed:
    """The call is over."""


class Effect(Enum):
    """What a row asks for. What is told comes last in a row: who is told may close the media."""

    WATCH = auto()
    STOP_WATCHING = auto()
    TELL_LOST = auto()
    TELL_BACK = auto()
    TELL_GONE = auto()
    RECONNECT = auto()
    GIVE_UP_RECONNECTING = auto()


def _in_vain(event: object) -> Next[State]:
    assert isinstance(event, NoPath)
    if event.attempt < ATTEMPTS_MAX:
        return Next(State.RECONNECTING, Effect.RECONNECT)
    return Next(State.GONE, Effect.WATCH, Effect.TELL_GONE)


_ANEW: Final = Next(State.CHECKING, Effect.STOP_WATCHING, Effect.GIVE_UP_RECONNECTING)

TABLE: Final = Table(
    "media",
    State.IDLE,
    {
        (State.IDLE, Begun): Next(State.CHECKING),
        (State.CHECKING, Begun): Next(State.CHECKING),
        (State.CHECKING, PathFound): Next(State.FLOWING, Effect.WATCH),
        (State.CHECKING, NoPath): Next(State.FAILED),
        (State.FAILED, Begun): Next(State.CHECKING),
        (State.FLOWING, Begun): _ANEW,
        (State.FLOWING, Heard): Next(State.FLOWING),
        (State.FLOWING, Missed): Next(State.SILENT),
        (State.SILENT, Begun): _ANEW,
        (State.SILENT, Heard): Next(State.FLOWING),
        (State.SILENT, Missed): Next(State.SILENT),
        (State.SILENT, Lost): Next(State.RECONNECTING, Effect.STOP_WATCHING, Effect.RECONNECT, Effect.TELL_LOST),
        (State.RECONNECTING, Begun): _ANEW,
        (State.RECONNECTING, PathFound): Next(State.FLOWING, Effect.WATCH, Effect.TELL_BACK),
        (State.RECONNECTING, NoPath): _in_vain,
        (State.GONE, Begun): _ANEW,
        (State.GONE, Heard): Next(State.RECONNECTING, Effect.STOP_WATCHING, Effect.RECONNECT),
        (State.GONE, Missed): Next(State.GONE),
        **{
            (state, Closed): Next(State.CLOSED, Effect.STOP_WATCHING, Effect.GIVE_UP_RECONNECTING)
            for state in State
            if state is not State.CLOSED
        },
        (State.CLOSED, Closed): Next(State.CLOSED),
    },
)
