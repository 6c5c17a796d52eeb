"""The life of the Mercury connection, as a table.

Source: protocol/cloud-services.md 5.2 to 5.8; what a close means is data of its own, in `wire.mercury_close`. What browsers do not do is
ours: a connection that no pong has proven yet is not followed by the next one at once, and a socket that closes while its successor is
on the way hands over to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal

from endpoint.runtime.statetable import Next, Table
from endpoint.wire.mercury_close import DONE, PONG_MISMATCH, PONG_NOT_RECEIVED, AfterOpen, BeforeOpen


class State(Enum):
    """Where the connection stands; the values are the words of scenarios and reports."""

    OFF = "off"
    OPENING = "connecting"
    AUTHORISING = "authorising"
    OPEN = "open"
    SWITCHING = "switching"  # open, and a second socket on its way
    WAITING = "waiting"
    REFUSED = "refused"
    REPLACED = "replaced"


# What happened


class Wanted:
    """The device wants to be connected."""


class Unwanted:
    """The device wants to be disconnected."""


class SocketOpened:
    """The websocket handshake is done."""


@dataclass(frozen=True, slots=True)
class SocketFailed:
    """There is no usable socket: it did not open, or closed before the opening event."""

    reaction: BeforeOpen


class Greeted:
    """The opening event came as the first message."""


@dataclass(frozen=True, slots=True)
class SocketClosed:
    """The socket that was open is closed.

    Attributes:
        is_proven: a pong had come over it.
        spare: how far the second socket is, None without one.
    """

    reaction: AfterOpen
    is_proven: bool = True
    spare: Literal["opening", "authorising"] | None = None


class PingDue:
    """It is time for a ping."""


@dataclass(frozen=True, slots=True)
class PongReceived:
    """A pong came; `matches` our ping or does not; `is_proven` if one that did came before."""

    matches: bool
    is_proven: bool = True


class PongOverdue:
    """The pong did not come in time."""


class BackoffOver:
    """The wait before the next attempt is over."""


class ShutdownAnnounced:
    """The server drains: a second socket is to be opened."""


class SpareGreeted:
    """The second socket is open."""


class SpareFailed:
    """The second socket did not open."""


class Moved:
    """The registration has another websocket URL."""


# What has to be done


class OpenSocket:
    """Connect and shake hands."""


class Authorise:
    """Send the authorization frame and wait for the opening event."""


class Announce:
    """Tell everybody that the connection is open."""


class AnnounceClosed:
    """Tell everybody that the connection is closed."""


class Ping:
    """Send a ping and wait for its pong."""


class PlanPing:
    """The pong is there: the connection is proven. Stop waiting, ping again in a while."""


@dataclass(frozen=True, slots=True)
class Close:
    """Close the socket from our side."""

    code: int
    reason: str


class BackOff:
    """Wait before the next attempt."""


class RetryAtOnce:
    """Make the first attempt after a loss without a wait."""


class BackOffLong:
    """The server refused for good: try again much later."""


class RefreshToken:
    """Get a new token, then wait for the next attempt."""


class RefreshTokenFirst:
    """Get a new token, for the old one may be what was refused, then make the attempt."""


class RefreshRegistration:
    """Refresh the registration, then wait for the next attempt."""


class OpenSpare:
    """Open a second socket beside the first."""


class Swap:
    """Use the second socket from now on; the server closes the first."""


class Promote:
    """The first socket is gone before the second was open: the second one is the first from now on."""


class DropSpare:
    """Forget the second socket."""


class StopTimers:
    """No ping, no pong, no back-off."""


def _failed(event: object) -> Next[State]:
    assert isinstance(event, SocketFailed)
    return {
        BeforeOpen.ABORT: Next(State.REFUSED, BackOffLong()),
        BeforeOpen.REAUTHORIZE: Next(State.WAITING, RefreshToken()),
        BeforeOpen.REREGISTER: Next(State.WAITING, RefreshRegistration()),
        BeforeOpen.BACK_OFF: Next(State.WAITING, BackOff()),
    }[event.reaction]


def _closed(event: object) -> Next[State]:
    assert isinstance(event, SocketClosed)
    if event.reaction is AfterOpen.RECONNECT:
        return _AT_ONCE if event.is_proven else _AFTER_A_WHILE
    return Next(State.REPLACED if event.reaction is AfterOpen.REPLACED else State.OFF, StopTimers(), AnnounceClosed())


def _closed_switching(event: object) -> Next[State]:
    # Whatever the reason: the successor is on its way already, and may itself be what replaced this one.
    assert isinstance(event, SocketClosed)
    state = State.AUTHORISING if event.spare == "authorising" else State.OPENING
    return Next(state, StopTimers(), Promote(), AnnounceClosed())


def _pong(event: object) -> Next[State]:
    assert isinstance(event, PongReceived)
    return Next(State.OPEN, PlanPing()) if event.matches else _mismatch(event)


def _pong_switching(event: object) -> Next[State]:
    assert isinstance(event, PongReceived)
    return Next(State.SWITCHING, PlanPing()) if event.matches else _mismatch(event, DropSpare())


def _mismatch(event: PongReceived, *first: object) -> Next[State]:
    step = _AT_ONCE if event.is_proven else _AFTER_A_WHILE
    return Next(step.state, *first, Close(1000, PONG_MISMATCH), *step.effects)


_AT_ONCE: Final = Next(State.WAITING, StopTimers(), AnnounceClosed(), RetryAtOnce())
_AFTER_A_WHILE: Final = Next(State.WAITING, StopTimers(), AnnounceClosed(), BackOff())
_LOST: Final = (Close(1000, PONG_NOT_RECEIVED), *_AT_ONCE.effects)
_NOW: Final = Next(State.OPENING, StopTimers(), OpenSocket())
_DONE: Final = (StopTimers(), Close(1000, DONE))
_LATE: Final = {state: Next(state) for state in State}
"""Rows for what arrives late, from a socket or timer that is not the present one any more."""

TABLE: Final = Table(
    "mercury",
    State.OFF,
    {
        (State.OFF, Wanted): Next(State.OPENING, OpenSocket()),
        (State.OFF, Unwanted): _LATE[State.OFF],
        (State.OFF, Moved): _LATE[State.OFF],
        (State.OPENING, Wanted): _LATE[State.OPENING],
        (State.OPENING, SocketOpened): Next(State.AUTHORISING, Authorise()),
        (State.OPENING, SocketFailed): _failed,
        (State.OPENING, Unwanted): Next(State.OFF, *_DONE),
        (State.OPENING, Moved): _LATE[State.OPENING],
        (State.AUTHORISING, Wanted): _LATE[State.AUTHORISING],
        (State.AUTHORISING, Greeted): Next(State.OPEN, Announce(), Ping()),
        (State.AUTHORISING, SocketFailed): _failed,
        (State.AUTHORISING, PongReceived): _LATE[State.AUTHORISING],
        (State.AUTHORISING, ShutdownAnnounced): _LATE[State.AUTHORISING],
        (State.AUTHORISING, Unwanted): Next(State.OFF, *_DONE),
        (State.AUTHORISING, Moved): _LATE[State.AUTHORISING],
        (State.OPEN, Wanted): _LATE[State.OPEN],
        (State.OPEN, PingDue): Next(State.OPEN, Ping()),
        (State.OPEN, PongReceived): _pong,
        (State.OPEN, PongOverdue): Next(State.WAITING, *_LOST),
        (State.OPEN, SocketClosed): _closed,
        (State.OPEN, ShutdownAnnounced): Next(State.SWITCHING, OpenSpare()),
        (State.OPEN, Moved): Next(State.SWITCHING, OpenSpare()),
        (State.OPEN, Unwanted): Next(State.OFF, *_DONE, AnnounceClosed()),
        (State.SWITCHING, Wanted): _LATE[State.SWITCHING],
        (State.SWITCHING, PingDue): Next(State.SWITCHING, Ping()),
        (State.SWITCHING, PongReceived): _pong_switching,
        (State.SWITCHING, PongOverdue): Next(State.WAITING, DropSpare(), *_LOST),
        (State.SWITCHING, ShutdownAnnounced): _LATE[State.SWITCHING],  # ignored while one is running, 5.8
        (State.SWITCHING, SpareGreeted): Next(State.OPEN, StopTimers(), Swap(), Announce(), Ping()),
        (State.SWITCHING, SpareFailed): Next(State.OPEN, DropSpare()),
        (State.SWITCHING, SocketClosed): _closed_switching,
        (State.SWITCHING, Moved): _LATE[State.SWITCHING],
        (State.SWITCHING, Unwanted): Next(State.OFF, DropSpare(), *_DONE, AnnounceClosed()),
        (State.WAITING, Wanted): _NOW,
        (State.WAITING, BackoffOver): Next(State.OPENING, OpenSocket()),
        (State.WAITING, Unwanted): Next(State.OFF, StopTimers()),
        (State.WAITING, Moved): _LATE[State.WAITING],  # the next attempt takes the new address
        (State.REFUSED, Wanted): _NOW,
        (State.REFUSED, BackoffOver): Next(State.WAITING, RefreshTokenFirst()),
        (State.REFUSED, Unwanted): Next(State.OFF, StopTimers()),
        (State.REFUSED, Moved): _NOW,
        (State.REPLACED, Wanted): Next(State.OPENING, OpenSocket()),
        (State.REPLACED, Unwanted): Next(State.OFF),
        (State.REPLACED, Moved): Next(State.REPLACED),
    },
)
