"""The subjects of the xAPI on hand-made histories: what meets them, and what their reports say."""

from __future__ import annotations

from typing import Any

import pytest

from scenarios.runner.checks import StepChecks
from scenarios.runner.conditions import MICROSECONDS

from .histories import History, checks_of


def expecting(expect: str, verb: str = "note: second") -> StepChecks:
    return checks_of(
        f"  - subscribe: [Status Call, 'Status Call[*] Status', Event Bookings]\n  - {verb}\n    expect: {expect}\n"
    )


def event(history: History, name: str, fields: dict[str, Any] | None = None) -> None:
    history.event(0.2, "xapi.event", {"event": name, "fields": fields or {}})


def result(history: History, **answer: Any) -> None:
    who, data = "client:admin", {"command": "Dial", "result": {"status": "OK", **answer}}
    history.event(0.2, "xapi.result", data, who=who, peer="device:room")


def told(history: History, subscription: str, notice: Any) -> None:
    data = {"subscription": subscription, "told": notice}
    history.event(0.2, "xapi.feedback", data, who="client:admin", peer="device:room")


CALLS = {"Status": {"Call": [{"id": 3, "Status": "Ringing"}, {"id": 4, "Status": "Connected"}]}}


def hang_up(history: History) -> None:
    event(history, "CallDisconnect", {"CallId": 3, "CauseType": "NetworkRejected", "Encryption": None})


def booked(history: History) -> None:
    event(history, "Bookings Updated")


def listed(history: History) -> None:
    result(history, Booking=[{"id": 1, "Title": "Review"}])


def refused(history: History) -> None:
    result(history, status="Error", Reason="Access denied")


def ringing(history: History) -> None:
    told(history, "status call", CALLS)
    told(history, "Status Call[*] Status", CALLS)


def updated(history: History) -> None:
    told(history, "Event Bookings", {"Event": {"Bookings": {"Updated": {"id": 1}}}})


@pytest.mark.parametrize(
    ("expect", "make", "state"),
    [
        ("{ xevent: { CallDisconnect: {} } }", hang_up, "met"),
        ("{ xevent: { callDISCONNECT: { CauseType: NetworkRejected, CallId: 3 } } }", hang_up, "met"),
        ("{ xevent: { CallDisconnect: { CauseType: { starts: Net }, times: 1 } } }", hang_up, "met"),
        ("{ xevent: { CallDisconnect: { times: 2 } } }", hang_up, "pending"),
        ("{ xevent: { CallDisconnect: { CallId: 4 } } }", hang_up, "pending"),
        ("{ xevent: { CallDisconnect: { Encryption: { exists: false } } } }", hang_up, "met"),
        ("{ xevent: { CallDisconnect: {} } }", booked, "pending"),
        ("{ xevent: { Bookings Updated: {}, CallDisconnect: {} } }", booked, "pending"),
        ("{ xevent: { Bookings Updated: {} } }", booked, "met"),
        ("{ result: { status: OK } }", listed, "met"),
        ("{ result: { Booking: { has: { Title: Review } } } }", listed, "met"),
        ("{ result: { Booking.0.Title: Review, command: Dial } }", listed, "met"),
        ("{ result: { Booking: { count: 2 } } }", listed, "pending"),
        ("{ result: { not: { status: Error } } }", listed, "met"),
        ("{ result: { not: { status: Error } } }", refused, "pending"),
        ("{ result: { status: Error, Reason: { contains: denied }, times: 1 } }", refused, "met"),
        ("{ client: { Status Call: { has: { Status: Ringing, id: 3 } } } }", ringing, "met"),
        ("{ client: { 'Status Call[*] Status': Connected } }", ringing, "met"),
        ("{ client: { 'Status Call[*] Status': [Ringing, Connected] } }", ringing, "met"),
        ("{ client: { 'Status Call[*] Status': { each: Connected } } }", ringing, "pending"),
        ("{ client: { 'Status Call[*] Status': Dialling } }", ringing, "pending"),
        ("{ client: { Status Call: {} } }", updated, "pending"),
        ("{ client: { Event Bookings: {} } }", updated, "met"),
        ("{ client: { Event Bookings: { Updated: { exists: true }, times: 1 } } }", updated, "met"),
    ],
)
def test_subject_meets_what_happened(expect: str, make: Any, state: str) -> None:
    history = History()
    checks = expecting(expect)
    make(history)
    for one in history.events:
        verdict = checks.feed(one)
    assert verdict.state == "pending"  # the verb is not done
    assert checks.verb_done(round(0.3 * MICROSECONDS)).state == state


@pytest.mark.parametrize(
    ("expect", "make", "expected", "nearest"),
    [
        (
            "{ xevent: { CallDisconnect: { CauseType: Busy } } }", hang_up, "xevent CallDisconnect {CauseType: Busy}",
            'CallDisconnect {"CallId": 3, "CauseType": "NetworkRejected"}',
        ),
        ("{ xevent: { CallDisconnect: {} } }", booked, "xevent CallDisconnect", "no event CallDisconnect at all"),
        ("{ result: { status: OK } }", refused, "result {status: OK}", "Dial -> Error: Access denied"),
        ("{ result: { status: OK } }", booked, "result {status: OK}", "no answer of a command at all"),
        ("{ client: { Event Bookings: {} } }", ringing, "client Event Bookings", "the client was told nothing of Event Bookings"),
    ],
)  # fmt: skip
def test_report_names_what_came_nearest(expect: str, make: Any, expected: str, nearest: str) -> None:
    history = History()
    checks = expecting(expect)
    make(history)
    for one in history.events:
        checks.feed(one)
    checks.verb_done(round(0.3 * MICROSECONDS))
    verdict = checks.poll(round(5.0 * MICROSECONDS))
    assert verdict.finding is not None
    (unmet,) = verdict.finding.unmet
    assert unmet.text.startswith(expected)
    assert unmet.nearest.startswith(nearest)


def test_what_another_device_did_meets_nothing() -> None:
    history = History()
    checks = expecting("{ xevent: { Bookings Updated: {} } }")
    checks.feed(history.event(0.2, "xapi.event", {"event": "Bookings Updated", "fields": {}}, who="device:desk"))
    assert checks.verb_done(round(0.3 * MICROSECONDS)).state == "pending"
