"""The life of media, row by row."""

from __future__ import annotations

from endpoint.media.table import (
    ATTEMPTS_MAX,
    TABLE,
    Begun,
    Closed,
    Effect,
    Heard,
    Lost,
    Missed,
    NoPath,
    PathFound,
    State,
)
from tests.endpoint.cloud.tables import Row, walk

IDLE, CHECKING, FAILED, FLOWING, SILENT, RECONNECTING, GONE, CLOSED = State
ANEW = (Effect.STOP_WATCHING, Effect.GIVE_UP_RECONNECTING)

ROWS: list[Row[State]] = [
    (IDLE, Begun, CHECKING, ()),
    (CHECKING, Begun, CHECKING, ()),
    (CHECKING, PathFound, FLOWING, (Effect.WATCH,)),
    (CHECKING, NoPath(0), FAILED, ()),
    (FAILED, Begun, CHECKING, ()),
    (FLOWING, Heard, FLOWING, ()),
    (FLOWING, Missed, SILENT, ()),
    (SILENT, Heard, FLOWING, ()),
    (SILENT, Missed, SILENT, ()),
    (SILENT, Lost, RECONNECTING, (Effect.STOP_WATCHING, Effect.RECONNECT, Effect.TELL_LOST)),
    (RECONNECTING, PathFound, FLOWING, (Effect.WATCH, Effect.TELL_BACK)),
    (RECONNECTING, NoPath(1), RECONNECTING, (Effect.RECONNECT,)),
    (RECONNECTING, NoPath(ATTEMPTS_MAX - 1), RECONNECTING, (Effect.RECONNECT,)),
    (RECONNECTING, NoPath(ATTEMPTS_MAX), GONE, (Effect.WATCH, Effect.TELL_GONE)),
    (GONE, Heard, RECONNECTING, (Effect.STOP_WATCHING, Effect.RECONNECT)),
    (GONE, Missed, GONE, ()),
    *[(state, Begun, CHECKING, ANEW) for state in (FLOWING, SILENT, RECONNECTING, GONE)],
    *[(state, Closed, CLOSED, ANEW) for state in State if state is not CLOSED],
    (CLOSED, Closed, CLOSED, ()),
]


def test_every_row_and_every_pair_without_one() -> None:
    walk(TABLE, ROWS, ends=(CLOSED,))
