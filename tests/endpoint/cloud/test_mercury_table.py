"""The life of the Mercury connection, without a loop: every row, and what each close means in each state."""

from __future__ import annotations

from endpoint.cloud.mercury_table import (
    TABLE,
    Announce,
    AnnounceClosed,
    Authorise,
    BackOff,
    BackOffLong,
    BackoffOver,
    Close,
    DropSpare,
    Greeted,
    Moved,
    OpenSocket,
    OpenSpare,
    Ping,
    PingDue,
    PlanPing,
    PongOverdue,
    PongReceived,
    Promote,
    RefreshRegistration,
    RefreshToken,
    RefreshTokenFirst,
    RetryAtOnce,
    ShutdownAnnounced,
    SocketClosed,
    SocketFailed,
    SocketOpened,
    SpareFailed,
    SpareGreeted,
    State,
    StopTimers,
    Swap,
    Unwanted,
    Wanted,
)
from endpoint.wire.mercury_close import AfterOpen, BeforeOpen
from tests.endpoint.cloud.tables import Row, walk

OFF, OPENING, AUTHORISING, OPEN, SWITCHING, WAITING, REFUSED, REPLACED = State
AGAIN, LATER = (StopTimers, AnnounceClosed, RetryAtOnce), (StopTimers, AnnounceClosed, BackOff)
DONE, NO_PONG, MISMATCH = Close(1000, "Done"), Close(1000, "Pong not received"), Close(1000, "Pong mismatch")


def _failures(state: State) -> list[Row[State]]:
    return [
        (state, SocketFailed(BeforeOpen.ABORT), REFUSED, (BackOffLong,)),
        (state, SocketFailed(BeforeOpen.REAUTHORIZE), WAITING, (RefreshToken,)),
        (state, SocketFailed(BeforeOpen.REREGISTER), WAITING, (RefreshRegistration,)),
        (state, SocketFailed(BeforeOpen.BACK_OFF), WAITING, (BackOff,)),
    ]


ROWS: list[Row[State]] = [
    (OFF, Wanted, OPENING, (OpenSocket,)),
    (OFF, Unwanted, OFF, ()),
    (OFF, Moved, OFF, ()),
    (OPENING, Wanted, OPENING, ()),
    (OPENING, SocketOpened, AUTHORISING, (Authorise,)),
    *_failures(OPENING),
    (OPENING, Unwanted, OFF, (StopTimers, DONE)),
    (OPENING, Moved, OPENING, ()),
    (AUTHORISING, Wanted, AUTHORISING, ()),
    (AUTHORISING, Greeted, OPEN, (Announce, Ping)),
    *_failures(AUTHORISING),
    (AUTHORISING, PongReceived(matches=False), AUTHORISING, ()),
    (AUTHORISING, ShutdownAnnounced, AUTHORISING, ()),
    (AUTHORISING, Unwanted, OFF, (StopTimers, DONE)),
    (AUTHORISING, Moved, AUTHORISING, ()),
    (OPEN, Wanted, OPEN, ()),
    (OPEN, PingDue, OPEN, (Ping,)),
    (OPEN, PongReceived(matches=True), OPEN, (PlanPing,)),
    (OPEN, PongReceived(matches=False), WAITING, (MISMATCH, *AGAIN)),
    (OPEN, PongReceived(matches=False, is_proven=False), WAITING, (MISMATCH, *LATER)),
    (OPEN, PongOverdue, WAITING, (NO_PONG, *AGAIN)),
    (OPEN, SocketClosed(AfterOpen.RECONNECT), WAITING, AGAIN),
    (OPEN, SocketClosed(AfterOpen.RECONNECT, is_proven=False), WAITING, LATER),
    (OPEN, SocketClosed(AfterOpen.STAY_OFF), OFF, (StopTimers, AnnounceClosed)),
    (OPEN, SocketClosed(AfterOpen.REPLACED), REPLACED, (StopTimers, AnnounceClosed)),
    (OPEN, ShutdownAnnounced, SWITCHING, (OpenSpare,)),
    (OPEN, Moved, SWITCHING, (OpenSpare,)),
    (OPEN, Unwanted, OFF, (StopTimers, DONE, AnnounceClosed)),
    (SWITCHING, Wanted, SWITCHING, ()),
    (SWITCHING, PingDue, SWITCHING, (Ping,)),
    (SWITCHING, PongReceived(matches=True), SWITCHING, (PlanPing,)),
    (SWITCHING, PongReceived(matches=False), WAITING, (DropSpare, MISMATCH, *AGAIN)),
    (SWITCHING, PongReceived(matches=False, is_proven=False), WAITING, (DropSpare, MISMATCH, *LATER)),
    (SWITCHING, PongOverdue, WAITING, (DropSpare, NO_PONG, *AGAIN)),
    (SWITCHING, ShutdownAnnounced, SWITCHING, ()),
    (SWITCHING, SpareGreeted, OPEN, (StopTimers, Swap, Announce, Ping)),
    (SWITCHING, SpareFailed, OPEN, (DropSpare,)),
    (SWITCHING, SocketClosed(AfterOpen.RECONNECT, spare="opening"), OPENING, (StopTimers, Promote, AnnounceClosed)),
    (
        SWITCHING,
        SocketClosed(AfterOpen.REPLACED, spare="authorising"),
        AUTHORISING,
        (StopTimers, Promote, AnnounceClosed),
    ),
    (SWITCHING, Moved, SWITCHING, ()),
    (SWITCHING, Unwanted, OFF, (DropSpare, StopTimers, DONE, AnnounceClosed)),
    (WAITING, Wanted, OPENING, (StopTimers, OpenSocket)),
    (WAITING, BackoffOver, OPENING, (OpenSocket,)),
    (WAITING, Unwanted, OFF, (StopTimers,)),
    (WAITING, Moved, WAITING, ()),
    (REFUSED, Wanted, OPENING, (StopTimers, OpenSocket)),
    (REFUSED, BackoffOver, WAITING, (RefreshTokenFirst,)),
    (REFUSED, Unwanted, OFF, (StopTimers,)),
    (REFUSED, Moved, OPENING, (StopTimers, OpenSocket)),
    (REPLACED, Wanted, OPENING, (OpenSocket,)),
    (REPLACED, Unwanted, OFF, ()),
    (REPLACED, Moved, REPLACED, ()),
]


def test_every_row_and_every_pair_without_one() -> None:
    walk(TABLE, ROWS)
