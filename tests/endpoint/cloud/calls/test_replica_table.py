"""How a view of a locus is kept up to date: every row."""

from __future__ import annotations

from endpoint.cloud.calls import replica_table as t
from endpoint.cloud.calls.replica_table import TABLE, State
from tests.endpoint.cloud.tables import Row, walk

FOLLOWING, WAITING, SYNCING, FETCHING, LOST = State
SYNC, FETCH = (t.AskSync,), (t.AskFetch,)

ROWS: list[Row[State]] = [
    (FOLLOWING, t.Blocked, WAITING, (t.StartWait,)),
    (FOLLOWING, t.Unblocked, FOLLOWING, ()),
    (FOLLOWING, t.WaitOver, FOLLOWING, ()),
    (FOLLOWING, t.Behind, SYNCING, SYNC),
    (FOLLOWING, t.OutOfStep, FETCHING, FETCH),
    (WAITING, t.Blocked, WAITING, ()),
    (WAITING, t.Unblocked, FOLLOWING, (t.StopWait,)),
    (WAITING, t.WaitOver, SYNCING, SYNC),
    (WAITING, t.Behind, SYNCING, (t.StopWait, t.AskSync)),
    (WAITING, t.OutOfStep, FETCHING, (t.StopWait, t.AskFetch)),
    (SYNCING, t.WaitOver, SYNCING, ()),
    (SYNCING, t.Behind, SYNCING, ()),
    (SYNCING, t.OutOfStep, SYNCING, ()),
    (SYNCING, t.Answered, FOLLOWING, ()),
    (SYNCING, t.Incomplete, FETCHING, FETCH),
    (SYNCING, t.Failed, FETCHING, FETCH),
    (FETCHING, t.WaitOver, FETCHING, ()),
    (FETCHING, t.Behind, FETCHING, ()),
    (FETCHING, t.OutOfStep, FETCHING, ()),
    (FETCHING, t.Answered, FOLLOWING, ()),
    (FETCHING, t.Failed, LOST, (t.GiveUp,)),
    (LOST, t.Answered, FOLLOWING, ()),
    (LOST, t.WaitOver, LOST, ()),
    (LOST, t.Behind, FETCHING, FETCH),
    (LOST, t.OutOfStep, FETCHING, FETCH),
]


def test_every_row_and_no_other() -> None:
    walk(TABLE, ROWS)
