"""The life of a call as the room shows it: a state table. What call control does meanwhile is its own lifecycle.

Source: protocol/xapi.md 8.2 (the words and the way between them); what happens to a call that is lost while it is held is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from endpoint.runtime.statetable import Next, Table


class State(Enum):
    """The literals of `Call[n] Status` that come up; Idle is never shown."""

    IDLE = "Idle"
    DIALLING = "Dialling"
    RINGING = "Ringing"
    CONNECTING = "Connecting"
    CONNECTED = "Connected"
    ON_HOLD = "OnHold"
    PRESERVED = "Preserved"
    DISCONNECTING = "Disconnecting"


ACTIVE: Final = frozenset({State.CONNECTED, State.PRESERVED})
"""Sound and pictures go both ways, or would."""


class Dialled:
    """Somebody calls from here."""


class Rang:
    """Somebody calls this device."""


class Stepped:
    """The far end has been reached, or a lobby."""


class Answered:
    """Somebody, or the device by itself, took the call."""


class Established:
    """The call is connected, or connected anew."""


class Held:
    """The call was put on hold here."""


class Resumed:
    """The call was taken back."""


class Lost:
    """The cloud cannot be asked about the call."""


@dataclass(frozen=True, slots=True)
class Found:
    """The cloud can be asked again; `held`: the call was on hold before."""

    held: bool = False


class HungUp:
    """Somebody here ends the call."""


class Over:
    """The call has ended."""


def _found(event: object) -> Next[State]:
    assert isinstance(event, Found)
    return Next(State.ON_HOLD if event.held else State.CONNECTED)


_LIVE: Final = tuple(state for state in State if state is not State.IDLE)

TABLE: Final = Table(
    "room call",
    State.IDLE,
    {
        (State.IDLE, Dialled): Next(State.DIALLING),
        (State.IDLE, Rang): Next(State.RINGING),
        (State.DIALLING, Stepped): Next(State.CONNECTING),
        (State.CONNECTING, Stepped): Next(State.CONNECTING),
        (State.RINGING, Answered): Next(State.CONNECTING),
        (State.DIALLING, Established): Next(State.CONNECTED),
        (State.RINGING, Established): Next(State.CONNECTED),
        (State.CONNECTING, Established): Next(State.CONNECTED),
        (State.CONNECTED, Established): Next(State.CONNECTED),
        (State.ON_HOLD, Established): Next(State.ON_HOLD),
        (State.PRESERVED, Established): Next(State.CONNECTED),
        (State.CONNECTED, Held): Next(State.ON_HOLD),
        (State.ON_HOLD, Held): Next(State.ON_HOLD),
        (State.ON_HOLD, Resumed): Next(State.CONNECTED),
        (State.CONNECTED, Resumed): Next(State.CONNECTED),
        (State.CONNECTED, Lost): Next(State.PRESERVED),
        (State.ON_HOLD, Lost): Next(State.PRESERVED),
        (State.PRESERVED, Found): _found,
        **{(state, HungUp): Next(State.DISCONNECTING) for state in _LIVE},
        **{(state, Over): Next(State.IDLE) for state in _LIVE},
    },
)
"""What call control tells too late has no row: a call that is being hung up is not connected any more."""
