"""What each error says, and that all are of one tree."""

from __future__ import annotations

import pytest

from endpoint.runtime import errors
from endpoint.runtime.errors import (
    DeadlineMissed,
    Deadlock,
    EndpointError,
    LimitExceeded,
    NotSimulated,
    Refused,
    StateError,
    StorageError,
    Unreachable,
)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (Refused(404), "404"),
        (Refused(404, "404006"), "404 404006"),
        (Refused(503, "", "come back later", 30.0), "503: come back later"),
        (Refused(400, "code.unknown", "no such code"), "400 code.unknown: no such code"),
        (Unreachable("dns", "u2c.wbx2.test", "could not resolve u2c.wbx2.test"), "could not resolve u2c.wbx2.test"),
        (DeadlineMissed("pong", 14.0), "pong: no answer within 14 s"),
        (StateError("mercury", "OPEN", Refused(1)), "mercury: no row for Refused in state OPEN"),
        (LimitExceeded("booking list", 500), "booking list is limited to 500"),
        (StorageError("state.json: not JSON"), "state.json: not JSON"),
        (NotSimulated("a fax", "nobody asked"), "a fax is not simulated: nobody asked"),
        (Deadlock("nothing is left"), "nothing is left"),
    ],
)
def test_an_error_says_what_is_wrong(error: EndpointError, text: str) -> None:
    assert str(error) == text


def test_all_errors_are_of_one_tree() -> None:
    found = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    assert Refused in found
    assert all(issubclass(kind, EndpointError) for kind in found)


@pytest.mark.parametrize(
    ("error", "carried"),
    [
        (Refused(429, "rate", "slow", 12.5), {"status": 429, "code": "rate", "message": "slow", "retry_after_s": 12.5}),
        (Unreachable("tls", "h.test", "why"), {"layer": "tls", "host": "h.test", "reason": "why"}),
        (DeadlineMissed("pong", 14), {"what": "pong", "waited_s": 14}),
        (StateError("mercury", "OPEN", "x"), {"machine": "mercury", "state": "OPEN", "event": "x"}),
        (LimitExceeded("tasks", 3), {"bound": "tasks", "limit": 3}),
        (NotSimulated("a fax", "nobody asked"), {"what": "a fax", "why": "nobody asked"}),
    ],
)
def test_errors_carry_what_callers_decide_by(error: EndpointError, carried: dict[str, object]) -> None:
    assert vars(error) == carried
