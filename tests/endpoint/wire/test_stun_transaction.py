"""Schedules as the RFC prints them, and the transaction walked row by row."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.stun import Binding, Request, binding_error, binding_request, binding_success
from endpoint.wire.stun_transaction import (
    FAITHFUL,
    RC3_RM16,
    RC4_RM4,
    RFC_DEFAULT,
    Answered,
    BindingTransaction,
    Outcome,
    Redirected,
    Schedule,
    Unanswered,
    schedule,
    whole_ms,
)

ID = bytes(range(12))
HERE, OTHER = ("203.0.113.7", 50000), ("192.0.2.9", 5004)
GOOD = binding_success(Request(ID), HERE)
REDIRECT = binding_error(Request(ID), 300, alternate=OTHER)
ERROR = binding_error(Request(ID), 500)
UNRELATED = binding_success(Request(bytes(12)), HERE)
BARE = binding_success(Request(ID), HERE, mapped=False)
SEEN = Binding(*HERE)


@pytest.mark.parametrize(
    ("found", "sends_s", "give_up_s"),
    [
        (RFC_DEFAULT, (0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5), 39.5),
        (RC3_RM16, (0, 0.5, 1.5), 9.5),
        (RC4_RM4, (0, 0.5, 1.5, 3.5), 5.5),
        (FAITHFUL, (0, 0.5, 1.5), 3.5),
        (schedule(rc=2, rm=1, rto_s=1.0), (0, 1.0), 2.0),
    ],
    ids=["default", "Rc 3 Rm 16", "Rc 4 Rm 4", "faithful", "RTO 1 s"],
)
def test_schedules_are_those_of_the_table(found: Schedule, sends_s: tuple[float, ...], give_up_s: float) -> None:
    assert Schedule(sends_s, give_up_s) == found


@pytest.mark.parametrize("arguments", [{"rc": 0, "rm": 1}, {"rc": 17, "rm": 1}, {"rc": 1, "rm": 0}])
def test_a_schedule_that_the_rfc_forbids_is_refused(arguments: dict[str, int]) -> None:
    with pytest.raises(LocalProtocolError):
        schedule(**arguments)
    with pytest.raises(LocalProtocolError):
        schedule(rc=7, rm=16, rto_s=0.499)


@pytest.mark.parametrize(
    ("seconds", "sends_s", "give_up_s"), [(9.0, (0, 0.5, 1.5), 9.0), (1.5, (0, 0.5, 1.5), 1.5), (0.2, (0,), 0.2)]
)
def test_a_schedule_is_cut_to_what_is_left(seconds: float, sends_s: tuple[float, ...], give_up_s: float) -> None:
    assert RC3_RM16.within(seconds) == Schedule(sends_s, give_up_s)


def _waiting(at: float = 100.0) -> BindingTransaction:
    transaction = BindingTransaction(ID, RC3_RM16)
    assert transaction.start(at) == binding_request(ID)
    return transaction


def test_sends_and_the_end_come_at_their_seconds() -> None:
    transaction = _waiting()
    history = []
    while (due := transaction.wake_at) is not None:
        history.append((due, transaction.wake(due)))
    request = binding_request(ID)
    assert [(100.5, request), (101.5, request), (109.5, None)] == history
    assert transaction.outcome == Unanswered("timeout")


def test_waking_early_does_nothing() -> None:
    transaction = _waiting()
    assert transaction.wake(100.499) is None
    assert transaction.wake_at == 100.5


@pytest.mark.parametrize(
    ("data", "outcome"),
    [
        (GOOD, Answered(SEEN, 25)),
        (REDIRECT, Redirected(OTHER)),
        (ERROR, Unanswered("error 500")),
        (UNRELATED, None),
        (BARE, None),
        (b"", None),
        (GOOD[:-1], None),
        (binding_request(ID), None),
    ],
    ids=["answer", "alternate", "error", "unrelated", "no address", "empty", "cut", "our own"],
)
def test_a_waiting_transaction_meets_every_kind_of_message(data: bytes, outcome: Outcome | None) -> None:
    transaction = _waiting()
    transaction.receive(data, 100.025)
    assert transaction.outcome == outcome
    assert transaction.dropped == (outcome is None)
    assert (transaction.wake_at is None) is (outcome is not None)


def test_before_the_start_everything_is_ignored() -> None:
    transaction = BindingTransaction(ID, RC3_RM16)
    transaction.receive(GOOD, 1.0)
    assert (transaction.wake(1.0), transaction.wake_at, transaction.outcome) == (None, None, None)


@pytest.mark.parametrize("end", [GOOD, REDIRECT, ERROR])
def test_after_the_end_everything_is_ignored(end: bytes) -> None:
    transaction = _waiting()
    transaction.receive(end, 100.025)
    before = transaction.outcome
    transaction.receive(GOOD, 101.0)
    assert (transaction.wake(110.0), transaction.outcome, transaction.dropped) == (None, before, 0)


def test_a_transaction_starts_once() -> None:
    with pytest.raises(LocalProtocolError):
        _waiting().start(101.0)


def test_a_round_trip_counts_from_the_first_send() -> None:
    transaction = _waiting()
    transaction.wake(100.5)
    transaction.receive(GOOD, 100.6)
    assert transaction.outcome == Answered(SEEN, 600)


def test_dropped_messages_do_not_end_the_schedule() -> None:
    transaction = _waiting()
    transaction.receive(UNRELATED, 100.1)
    assert transaction.wake(100.5) is not None
    transaction.receive(GOOD, 100.7)
    assert transaction.outcome == Answered(SEEN, 700)


@pytest.mark.parametrize(
    ("seconds", "ms"), [(0.0, 1), (0.0004, 1), (0.001999, 1), (0.025, 25), (0.02599, 25), (100.057 - 100.0, 57)]
)
def test_round_trips_are_whole_milliseconds(seconds: float, ms: int) -> None:
    assert whole_ms(seconds) == ms


@given(st.lists(st.tuples(st.sampled_from(["wake", "receive"]), st.floats(0, 20), st.sampled_from([GOOD, BARE, b""]))))
def test_any_order_of_events_ends_at_most_once(events: list[tuple[str, float, bytes]]) -> None:
    transaction = BindingTransaction(ID, RC3_RM16)
    sent = 1
    transaction.start(0.0)
    first: Outcome | None = None
    for what, at, data in sorted(events, key=lambda event: event[1]):
        if what == "wake":
            sent += transaction.wake(at) is not None
        else:
            transaction.receive(data, at)
        first = first or transaction.outcome
        assert transaction.outcome == first
    assert sent <= 3
