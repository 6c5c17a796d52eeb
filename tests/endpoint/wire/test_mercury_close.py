from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.mercury_close import (
    BEFORE_OPEN,
    BROWSER,
    DEVICE,
    DONE,
    PONG_MISMATCH,
    PONG_NOT_RECEIVED,
    AfterOpen,
    BeforeOpen,
    ClosePolicy,
    before_open,
    effective_code,
)

TIMEOUT_TEXT = "Authentication did not happen within the timeout window of 30000 seconds."

# protocol/cloud-services.md 5.6, every row
BEFORE = [
    (4400, "", BeforeOpen.ABORT),
    (4403, "", BeforeOpen.ABORT),
    (4401, "", BeforeOpen.REAUTHORIZE),
    (1005, "", BeforeOpen.REREGISTER),
    (1008, "", BeforeOpen.BACK_OFF),
    (1011, "", BeforeOpen.BACK_OFF),
    (4404, "", BeforeOpen.BACK_OFF),
    (401, "", BeforeOpen.BACK_OFF),
    (404, "", BeforeOpen.BACK_OFF),
    (503, "", BeforeOpen.BACK_OFF),
    (1006, "", BeforeOpen.BACK_OFF),
    (4001, "", BeforeOpen.BACK_OFF),
    (1005, "replaced", BeforeOpen.BACK_OFF),
    (1005, "Authentication failed", BeforeOpen.BACK_OFF),
    (1005, TIMEOUT_TEXT, BeforeOpen.BACK_OFF),
]

# 5.7, every row
AFTER_BROWSER = [
    (1001, "", AfterOpen.RECONNECT),
    (1011, "", AfterOpen.RECONNECT),
    (1005, "", AfterOpen.RECONNECT),
    (1006, "", AfterOpen.RECONNECT),
    *(
        (code, reason, AfterOpen.RECONNECT)
        for code in (1000, 3050)
        for reason in ("idle", "IDLE", "done (forced)", "Done (forced)")
    ),
    *((code, reason, AfterOpen.RECONNECT) for code in (1000, 3050) for reason in (PONG_NOT_RECEIVED, PONG_MISMATCH)),
    *((code, reason, AfterOpen.STAY_OFF) for code in (1000, 3050) for reason in ("", "bye", DONE)),
    (1003, "", AfterOpen.STAY_OFF),
    (4000, "", AfterOpen.REPLACED),
    (1005, "Replaced", AfterOpen.REPLACED),
    (1005, "authentication failed", AfterOpen.STAY_OFF),
    (4001, "", AfterOpen.STAY_OFF),
    *((code, "", AfterOpen.STAY_OFF) for code in (1002, 1008, 1012, 4400, 4401, 4403, 4404, 1050)),
    (1008, "idle", AfterOpen.STAY_OFF),  # reasons count with 1000 and the logout code alone
]

AFTER_DEVICE = [
    (4000, "", AfterOpen.REPLACED),
    (1005, "replaced", AfterOpen.REPLACED),
    *(
        (code, "", AfterOpen.RECONNECT)
        for code in (1000, 1001, 1002, 1003, 1005, 1006, 1008, 1011, 3050, 4001, 4400, 4401, 4403)
    ),
    (1000, "bye", AfterOpen.RECONNECT),
]


@pytest.mark.parametrize(("code", "reason", "decision"), BEFORE)
def test_before_open(code: int, reason: str, decision: BeforeOpen) -> None:
    assert before_open(code, reason) is decision


def test_every_row_before_open_is_listed_here() -> None:
    assert set(BEFORE_OPEN) <= {code for code, _, _ in BEFORE}


@given(st.integers(0, 5000).filter(lambda code: code not in BEFORE_OPEN), st.text())
def test_all_other_codes_before_open_back_off(code: int, reason: str) -> None:
    assert before_open(code, reason) is BeforeOpen.BACK_OFF


@pytest.mark.parametrize(("code", "reason", "decision"), AFTER_BROWSER)
def test_after_open_in_a_browser(code: int, reason: str, decision: AfterOpen) -> None:
    assert BROWSER.decide(code, reason) is decision


@pytest.mark.parametrize(("code", "reason", "decision"), AFTER_DEVICE)
def test_after_open_in_a_device(code: int, reason: str, decision: AfterOpen) -> None:
    assert DEVICE.decide(code, reason) is decision


def test_every_row_after_open_is_listed_here() -> None:
    listed = {code for code, _, _ in AFTER_BROWSER} | {(code, reason.lower()) for code, reason, _ in AFTER_BROWSER}
    assert set(BROWSER.by_code) <= listed
    assert set(BROWSER.by_reason) <= listed
    assert set(DEVICE.by_code) <= {code for code, _, _ in AFTER_DEVICE}


@given(st.integers(0, 5000), st.text())
def test_a_device_stays_off_for_its_replacement_alone(code: int, reason: str) -> None:
    replaced = effective_code(code, reason) == 4000
    assert DEVICE.decide(code, reason) is (AfterOpen.REPLACED if replaced else AfterOpen.RECONNECT)


@pytest.mark.parametrize("policy", [BROWSER, DEVICE])
@pytest.mark.parametrize("code", [4001, 1000, 1006, 4000])
def test_nothing_follows_the_close_of_an_old_socket(policy: ClosePolicy, code: int) -> None:
    assert policy.decide(code, "", is_old_socket=True) is AfterOpen.NOTHING


def test_only_a_lost_code_is_taken_from_the_reason() -> None:
    assert effective_code(1005, "REPLACED") == 4000
    assert effective_code(1005, TIMEOUT_TEXT) == 1008
    assert effective_code(1005, "bye") == 1005
    assert effective_code(1006, "replaced") == 1006
