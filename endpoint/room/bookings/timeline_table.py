"""The life of one booking as a table: where the clock says that it is -> what is told.

A booking is placed anew whenever something of it is due, when it comes or moves, and when the clock jumps; so each state knows every place.
Source: protocol/calendar-and-obtp.md 10.1, 10.2. What is told of a booking that jumps over its start or its end is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from endpoint.room.bookings.booking import Booking
from endpoint.room.bookings.marks import after, before
from endpoint.runtime.statetable import Next, Table


class State(Enum):
    """Where a booking stands."""

    AHEAD = "Ahead"
    NEAR = "Near"
    RUNNING = "Running"
    OVER = "Over"
    PAST = "Past"


class Early:
    """The clock is before the start buffer."""


class Near:
    """The clock is in the start buffer."""


class During:
    """The clock is between start and end."""


class After:
    """The clock is in the end buffer."""


class Done:
    """The clock is behind all of it."""


@dataclass(frozen=True, slots=True)
class Left:
    """This many seconds are left to the end."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Tell:
    """Raise an event."""

    event: str


@dataclass(frozen=True, slots=True)
class TellRemaining:
    """Raise TimeRemaining."""

    seconds: int


_BUFFER, _START, _END, _END_BUFFER = Tell("StartTimeBuffer"), Tell("Start"), Tell("End"), Tell("EndTimeBuffer")


def _remaining(event: object) -> Next[State]:
    assert isinstance(event, Left)
    return Next(State.RUNNING, TellRemaining(event.seconds))


TABLE: Final = Table(
    "booking",
    State.AHEAD,
    {
        (State.AHEAD, Early): Next(State.AHEAD),
        (State.AHEAD, Near): Next(State.NEAR, _BUFFER),
        (State.AHEAD, During): Next(State.RUNNING, _START),
        (State.AHEAD, After): Next(State.OVER),
        (State.AHEAD, Done): Next(State.PAST),
        (State.AHEAD, Left): Next(State.AHEAD),
        (State.NEAR, Early): Next(State.AHEAD),
        (State.NEAR, Near): Next(State.NEAR),
        (State.NEAR, During): Next(State.RUNNING, _START),
        (State.NEAR, After): Next(State.OVER),
        (State.NEAR, Done): Next(State.PAST),
        (State.NEAR, Left): Next(State.NEAR),
        (State.RUNNING, Early): Next(State.AHEAD),  # moved to a later time: it has not ended
        (State.RUNNING, Near): Next(State.NEAR, _BUFFER),
        (State.RUNNING, During): Next(State.RUNNING),
        (State.RUNNING, After): Next(State.OVER, _END),
        (State.RUNNING, Done): Next(State.PAST, _END),
        (State.RUNNING, Left): _remaining,
        (State.OVER, Early): Next(State.AHEAD),
        (State.OVER, Near): Next(State.NEAR, _BUFFER),
        (State.OVER, During): Next(State.RUNNING, _START),
        (State.OVER, After): Next(State.OVER),
        (State.OVER, Done): Next(State.PAST, _END_BUFFER),
        (State.OVER, Left): Next(State.OVER),
        (State.PAST, Early): Next(State.AHEAD),
        (State.PAST, Near): Next(State.NEAR, _BUFFER),
        (State.PAST, During): Next(State.RUNNING, _START),
        (State.PAST, After): Next(State.OVER),
        (State.PAST, Done): Next(State.PAST),
        (State.PAST, Left): Next(State.PAST),
    },
)

Place = Early | Near | During | After | Done
EARLY, NEAR, DURING, AFTER, DONE = Early(), Near(), During(), After(), Done()


def place(booking: Booking, now: datetime) -> Place:
    """Return where the clock is in the life of a booking."""
    if now < booking.starts:
        is_near = now >= before(booking.starts, timedelta(seconds=booking.start_buffer_s))
        return NEAR if is_near else EARLY
    if now < booking.ends:
        return DURING
    return AFTER if now < after(booking.ends, timedelta(seconds=booking.end_buffer_s)) else DONE
