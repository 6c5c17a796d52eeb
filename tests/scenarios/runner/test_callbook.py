from __future__ import annotations

import pytest

from scenarios.runner.callbook import CALLS_MAX, CallBook
from tests.scenarios.runner.histories import History


def rings(history: History, call_id: int, uri: str = "spark:ada@acme.example", who: str = "device:room") -> object:
    fields = {"CallId": call_id, "RemoteURI": uri, "DisplayNameValue": "Ada"}
    return history.event(0, "xapi.event", {"event": "IncomingCallIndication", "fields": fields}, who=who)


def dials(history: History, call_id: int, who: str = "device:room") -> object:
    data = {"event": "OutgoingCallIndication", "fields": {"CallId": call_id}}
    return history.event(0, "xapi.event", data, who=who)


@pytest.fixture
def book() -> CallBook:
    return CallBook()


def test_ordinals_count_the_calls_of_each_device_over_restarts(book: CallBook) -> None:
    history = History()
    for event in (dials(history, 2), dials(history, 2, "device:desk"), dials(history, 3), dials(history, 2)):
        book.take(event)  # type: ignore[arg-type]  # an event
    assert [book.call_id("room", ordinal) for ordinal in (1, 2, 3)] == [2, 3, 2]
    assert (book.count("room"), book.count("desk"), book.count("kiosk")) == (3, 1, 0)
    assert (book.ordinal("room", 2), book.ordinal("room", 3), book.ordinal("room", 9)) == (3, 2, None)


def test_call_that_has_not_been_is_no_call(book: CallBook) -> None:
    with pytest.raises(ValueError, match="room has no call 1: it has had 0"):
        book.call_id("room", 1)
    with pytest.raises(ValueError, match="there is no call lunch; named calls: none"):
        book.call_id("room", "lunch")


def test_dialled_call_has_its_name_at_once(book: CallBook) -> None:
    book.take(dials(History(), 7))  # type: ignore[arg-type]  # an event
    book.dialled("lunch", "room", "ana@acme.example", 7)
    assert book.call_id("room", "lunch") == 7
    assert (book.named("lunch").far, book.named_at("room", 1)) == ("ana@acme.example", book.named("lunch"))
    with pytest.raises(ValueError, match="call lunch has not rung on desk"):
        book.call_id("desk", "lunch")


def test_call_that_rings_takes_the_name_of_its_caller(book: CallBook) -> None:
    history = History()
    book.called("first", "room", "locus-1", "ben@acme.example")
    book.called("second", "room", "locus-2", "ada@acme.example")
    with pytest.raises(ValueError, match="call second has not rung on room"):
        book.call_id("room", "second")
    book.take(rings(history, 2))  # type: ignore[arg-type]  # an event
    book.take(rings(history, 3, "spark:somebody-else"))  # type: ignore[arg-type]  # an event
    assert (book.call_id("room", "second"), book.call_id("room", "first")) == (2, 3)


def test_first_calls_are_forgotten_and_ordinals_stay(book: CallBook) -> None:
    history = History()
    for number in range(CALLS_MAX + 2):
        book.take(dials(history, 2 + number))  # type: ignore[arg-type]  # an event
    assert book.call_id("room", CALLS_MAX + 2) == CALLS_MAX + 3
    with pytest.raises(ValueError, match="room has no call 2"):
        book.call_id("room", 2)
