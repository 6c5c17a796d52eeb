"""The life of one call at the device, as a table.

A call that is hung up while it is set up is told as ended at once; it stays in `leaving` until the cloud has answered, because what
the cloud grants then has to be left again.

Source: protocol/activation-and-media.md section 11, cloud-services.md 9.2, 9.3; the cut is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal

from endpoint.runtime.statetable import Next, Table


class State(Enum):
    """How far a call is; the values are the words of scenarios and reports."""

    NEW = "new"
    JOINING = "joining"
    """The request to call, to join or to answer is on its way."""
    ASKED = "asked"
    """The meeting wants a PIN, or to know whether host or guest joins."""
    LOBBY = "lobby"
    RINGING = "ringing"
    """Somebody calls."""
    CONNECTING = "connecting"
    """The cloud has let the device in; media is being set up."""
    WAITING = "waiting"
    """Media is there, and the far end is not yet."""
    CONNECTED = "connected"
    HELD = "held"
    LEAVING = "leaving"
    ENDED = "ended"


IN: Final = (State.CONNECTED, State.HELD)
"""People talk in it, or could."""


# What happened


class Placed:
    """Somebody calls from the device, or joins."""


class Rang:
    """Somebody calls, and the room lets it ring."""


class Answered:
    """The people take the call."""


class Declined:
    """The people, or the room, do not take the call."""


@dataclass(frozen=True, slots=True)
class Granted:
    """The cloud has taken the request: the device is in, or in the lobby."""

    place: Literal["inside", "lobby"] = "inside"


class PinAsked:
    """The cloud wants a PIN, or to know whether host or guest joins."""


class PinGiven:
    """The people have answered that."""


class Refused:
    """The cloud does not take the request, or cannot be reached."""


class Admitted:
    """Somebody has let the device in."""


class SentToLobby:
    """Somebody has sent the device back to the lobby."""


@dataclass(frozen=True, slots=True)
class MediaReady:
    """Media was negotiated; `is_taken` says that the far end is there, as in a meeting it always is."""

    is_taken: bool = True


class FarEndJoined:
    """The far end has taken the call."""


class Held:
    """The device holds the call."""


class Resumed:
    """The device has taken the call back."""


class HungUp:
    """The people hang up, or the device gives up."""


class Over:
    """The cloud says that it is over, or nothing has been heard of it for too long."""


class Left:
    """The cloud has taken the leave, or will not be told any more."""


# What has to be done


class Effect(Enum):
    """What has to be done."""

    REQUEST = "ask the cloud to call, to join or to answer"
    ALERT = "tell the cloud that it rings"
    DECLINE = "tell the cloud that the call is not taken"
    ASK = "ask the people for the PIN"
    WAIT_IN_LOBBY = "tell the room, and keep the place alive"
    SET_UP_MEDIA = "connect media"
    CLOSE_MEDIA = "close media"
    ESTABLISH = "tell the room that it is connected"
    LEAVE = "tell the cloud that the device leaves"
    END = "tell the room that it is over"


def _granted(event: object) -> Next[State]:
    assert isinstance(event, Granted)
    if event.place == "lobby":
        return Next(State.LOBBY, Effect.WAIT_IN_LOBBY)
    return Next(State.CONNECTING, Effect.SET_UP_MEDIA)


def _ready(event: object) -> Next[State]:
    assert isinstance(event, MediaReady)
    return Next(State.CONNECTED, Effect.ESTABLISH) if event.is_taken else Next(State.WAITING)


_OVER: Final = Next(State.ENDED, Effect.CLOSE_MEDIA, Effect.END)
_HUNG_UP: Final = Next(State.LEAVING, Effect.CLOSE_MEDIA, Effect.LEAVE)
_GIVEN_UP: Final = Next(State.LEAVING, Effect.CLOSE_MEDIA, Effect.END)
_NOT_IN: Final = Next(State.ENDED, Effect.CLOSE_MEDIA, Effect.END)
_BACK_TO_LOBBY: Final = Next(State.LOBBY, Effect.CLOSE_MEDIA, Effect.WAIT_IN_LOBBY)

TABLE: Final = Table(
    "call",
    State.NEW,
    {
        (State.NEW, Placed): Next(State.JOINING, Effect.REQUEST),
        (State.NEW, Rang): Next(State.RINGING, Effect.ALERT),
        (State.JOINING, Granted): _granted,
        (State.JOINING, PinAsked): Next(State.ASKED, Effect.ASK),
        (State.JOINING, Refused): _NOT_IN,
        (State.JOINING, HungUp): _GIVEN_UP,
        (State.ASKED, PinGiven): Next(State.JOINING, Effect.REQUEST),
        (State.ASKED, HungUp): _NOT_IN,
        (State.ASKED, Over): _OVER,
        (State.LOBBY, Admitted): Next(State.CONNECTING, Effect.SET_UP_MEDIA),
        (State.LOBBY, HungUp): _HUNG_UP,
        (State.LOBBY, Over): _OVER,
        (State.RINGING, Answered): Next(State.JOINING, Effect.REQUEST),
        (State.RINGING, Declined): Next(State.ENDED, Effect.DECLINE, Effect.END),
        (State.RINGING, HungUp): Next(State.ENDED, Effect.DECLINE, Effect.END),
        (State.RINGING, Over): _OVER,
        (State.CONNECTING, MediaReady): _ready,
        (State.CONNECTING, FarEndJoined): Next(State.CONNECTING),  # is looked at again when media is ready
        (State.CONNECTING, SentToLobby): _BACK_TO_LOBBY,
        (State.CONNECTING, HungUp): _HUNG_UP,
        (State.CONNECTING, Over): _OVER,
        (State.WAITING, FarEndJoined): Next(State.CONNECTED, Effect.ESTABLISH),
        (State.WAITING, SentToLobby): _BACK_TO_LOBBY,
        (State.WAITING, HungUp): _HUNG_UP,
        (State.WAITING, Over): _OVER,
        (State.CONNECTED, Held): Next(State.HELD),
        (State.CONNECTED, SentToLobby): _BACK_TO_LOBBY,
        (State.CONNECTED, HungUp): _HUNG_UP,
        (State.CONNECTED, Over): _OVER,
        (State.HELD, Resumed): Next(State.CONNECTED),
        (State.HELD, SentToLobby): _BACK_TO_LOBBY,
        (State.HELD, HungUp): _HUNG_UP,
        (State.HELD, Over): _OVER,
        (State.LEAVING, Granted): Next(State.LEAVING, Effect.LEAVE),  # was hung up while the request was on its way
        (State.LEAVING, PinAsked): Next(State.ENDED, Effect.END),
        (State.LEAVING, Refused): Next(State.ENDED, Effect.END),
        (State.LEAVING, HungUp): Next(State.LEAVING),
        (State.LEAVING, Over): Next(State.ENDED, Effect.END),
        (State.LEAVING, Left): Next(State.ENDED, Effect.END),
        (State.ENDED, Granted): Next(State.ENDED, Effect.LEAVE),  # was given up before the answer came
        (State.ENDED, PinAsked): Next(State.ENDED),
        (State.ENDED, Refused): Next(State.ENDED),
        (State.ENDED, HungUp): Next(State.ENDED),
        (State.ENDED, Over): Next(State.ENDED),
        (State.ENDED, Left): Next(State.ENDED),
    },
)
