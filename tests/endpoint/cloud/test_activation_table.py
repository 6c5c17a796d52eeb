"""The life of an activation, without a loop: every row of protocol/activation-and-media.md 2.7."""

from __future__ import annotations

from endpoint.cloud.activation_table import (
    TABLE,
    AskChallenge,
    Busy,
    Cancelled,
    ChallengeAccepted,
    CodeEntered,
    ConfigReceived,
    ConfigUnproven,
    Fail,
    LockDown,
    LockDownApplied,
    NoAnswer,
    Persist,
    ProcessTrust,
    ProofAccepted,
    RefusedByCloud,
    ReplyRejected,
    SendProof,
    SendRegister,
    SessionUnknown,
    State,
    TrustProcessed,
    Warn,
)
from tests.endpoint.cloud.tables import Row, walk

IDLE, CHALLENGING, PROVING, REGISTERING, TRUSTING, LOCKING, DONE, FAILED = State
REJECTED = ReplyRejected("srp.bad_reply", "challenge rejected: zero")
REJECTION = (Warn("challenge rejected: zero"), Fail("srp.bad_reply"))
REFUSED = RefusedByCloud("code.expired")
REFUSAL = (Warn("failed: code.expired"), Fail("code.expired"))
UNKNOWN = Warn("failed: srp.session_unknown")
UNPROVEN = Warn("configData authentication failed")

ROWS: list[Row[State]] = [
    (IDLE, CodeEntered, CHALLENGING, (AskChallenge(),)),
    (IDLE, Cancelled, IDLE, ()),
    (CHALLENGING, ChallengeAccepted, PROVING, (SendProof(),)),
    (CHALLENGING, REJECTED, FAILED, REJECTION),
    (CHALLENGING, NoAnswer(99, is_late=False), CHALLENGING, (AskChallenge(waits=True),)),
    (CHALLENGING, NoAnswer(0, is_late=True), FAILED, (Warn("failed: unreachable"), Fail("unreachable"))),
    (CHALLENGING, Busy(is_late=False), CHALLENGING, (AskChallenge(waits=True),)),
    (CHALLENGING, Busy(is_late=True), FAILED, (Warn("failed: maintenance"), Fail("maintenance"))),
    (CHALLENGING, REFUSED, FAILED, REFUSAL),
    (CHALLENGING, Cancelled, IDLE, ()),
    (PROVING, ProofAccepted, REGISTERING, (SendRegister(),)),
    (PROVING, REJECTED, FAILED, REJECTION),
    (PROVING, NoAnswer(1, is_late=False), CHALLENGING, (AskChallenge(waits=True),)),
    (PROVING, NoAnswer(3, is_late=False), CHALLENGING, (AskChallenge(waits=True),)),
    (PROVING, NoAnswer(4, is_late=False), FAILED, (Warn("failed: unreachable"), Fail("unreachable"))),
    (PROVING, NoAnswer(1, is_late=True), FAILED, (Warn("failed: unreachable"), Fail("unreachable"))),
    (PROVING, Busy(is_late=False), PROVING, (SendProof(waits=True),)),
    (PROVING, Busy(is_late=True), FAILED, (Warn("failed: maintenance"), Fail("maintenance"))),
    (PROVING, SessionUnknown(1), CHALLENGING, (UNKNOWN, AskChallenge())),
    (PROVING, SessionUnknown(2), FAILED, (UNKNOWN, Fail("srp.session_unknown"))),
    (PROVING, REFUSED, FAILED, REFUSAL),
    (
        PROVING,
        RefusedByCloud("srp.proof_failed", 4),
        FAILED,
        (Warn("failed: srp.proof_failed (attempts left: 4)"), Fail("srp.proof_failed", 4)),
    ),
    (PROVING, Cancelled, IDLE, ()),
    (REGISTERING, ConfigReceived, TRUSTING, (Persist(), ProcessTrust())),
    (REGISTERING, ConfigUnproven(1), REGISTERING, (UNPROVEN, SendRegister(waits=True))),
    (REGISTERING, ConfigUnproven(3), REGISTERING, (UNPROVEN, SendRegister(waits=True))),
    (REGISTERING, ConfigUnproven(4), FAILED, (UNPROVEN, Fail("srp.bad_envelope"))),
    (REGISTERING, NoAnswer(99, is_late=False), REGISTERING, (SendRegister(waits=True),)),
    (REGISTERING, NoAnswer(1, is_late=True), FAILED, (Warn("failed: unreachable"), Fail("unreachable"))),
    (REGISTERING, Busy(is_late=False), REGISTERING, (SendRegister(waits=True),)),
    (REGISTERING, Busy(is_late=True), FAILED, (Warn("failed: maintenance"), Fail("maintenance"))),
    (REGISTERING, SessionUnknown(1), CHALLENGING, (UNKNOWN, AskChallenge())),
    (REGISTERING, SessionUnknown(2), FAILED, (UNKNOWN, Fail("srp.session_unknown"))),
    (REGISTERING, REFUSED, FAILED, REFUSAL),
    (REGISTERING, Cancelled, IDLE, ()),
    (TRUSTING, TrustProcessed, LOCKING, (LockDown(),)),
    (TRUSTING, Cancelled, TRUSTING, ()),
    (LOCKING, LockDownApplied, DONE, ()),
    (LOCKING, Cancelled, LOCKING, ()),
    (DONE, Cancelled, DONE, ()),
    (FAILED, CodeEntered, CHALLENGING, (AskChallenge(),)),
    (FAILED, Cancelled, IDLE, ()),
]


def test_every_row_and_every_pair_without_one() -> None:
    walk(TABLE, ROWS, ends={DONE})


def test_nothing_is_persisted_but_on_the_way_to_trusting() -> None:
    persisting = [(state, following) for state, _, following, effects in ROWS if Persist() in effects]
    assert persisting == [(REGISTERING, TRUSTING)]
