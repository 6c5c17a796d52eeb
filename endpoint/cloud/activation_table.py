"""The life of an activation, as a table.

Source: protocol/activation-and-media.md 2.7 (ours). The table decides; `activation.py` carries bytes and waits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from endpoint.runtime.statetable import Next, Table
from endpoint.wire.activation.rules import REGISTER_BAD_MAX, START_OVER_MAX, START_OVER_UNKNOWN_MAX


class State(Enum):
    """Where an activation stands."""

    IDLE = "Idle"
    CHALLENGING = "Challenging"
    PROVING = "Proving"
    REGISTERING = "Registering"
    TRUSTING = "Trusting"
    LOCKING = "Locking"
    DONE = "Done"
    FAILED = "Failed"


# What happened


@dataclass(frozen=True, slots=True)
class CodeEntered:
    """A well-formed code was entered."""


@dataclass(frozen=True, slots=True)
class ChallengeAccepted:
    """Reply 1 came and passed all checks."""


@dataclass(frozen=True, slots=True)
class ProofAccepted:
    """Reply 2 came and its MAC is good: the cloud knows the code too."""


@dataclass(frozen=True, slots=True)
class ConfigReceived:
    """Reply 3 came and its MAC is good."""


@dataclass(frozen=True, slots=True)
class ReplyRejected:
    """A reply broke a rule; `code` is what the user is told, `line` what the log says of it."""

    code: str
    line: str


@dataclass(frozen=True, slots=True)
class ConfigUnproven:
    """The MAC of reply 3 was bad, for the `nth` time."""

    nth: int


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The request was lost, or timed out; `is_late` once the patience is used up.

    `nth` counts in the present state only, and for a proof over all starts.
    """

    nth: int
    is_late: bool


@dataclass(frozen=True, slots=True)
class Busy:
    """The cloud asked us to wait (429, 503, or a 5xx in answer to register)."""

    is_late: bool


@dataclass(frozen=True, slots=True)
class SessionUnknown:
    """400 srp.session_unknown, for the `nth` time."""

    nth: int


@dataclass(frozen=True, slots=True)
class RefusedByCloud:
    """Any other refusal, with its error code; `attempts_left` where the cloud told."""

    code: str
    attempts_left: int | None = None


@dataclass(frozen=True, slots=True)
class TrustProcessed:
    """The trust list was worked through."""


@dataclass(frozen=True, slots=True)
class LockDownApplied:
    """Local access is as SecurityAction asked."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """`xCommand Webex Registration Cancel`, or the device goes off."""


# What has to be done


@dataclass(frozen=True, slots=True)
class AskChallenge:
    """POST the activation id; after a back-off when `waits`."""

    waits: bool = False


@dataclass(frozen=True, slots=True)
class SendProof:
    """POST the invoke; the same one again, after a back-off, when `waits`."""

    waits: bool = False


@dataclass(frozen=True, slots=True)
class SendRegister:
    """POST the register body; the very same bytes, after a back-off, when `waits`."""

    waits: bool = False


@dataclass(frozen=True, slots=True)
class Persist:
    """Write the identity to disk, in one piece."""


@dataclass(frozen=True, slots=True)
class ProcessTrust:
    """Work through the trust list."""


@dataclass(frozen=True, slots=True)
class LockDown:
    """Apply SecurityAction."""


@dataclass(frozen=True, slots=True)
class Warn:
    """Write a line of level W: R24 to R26."""

    line: str


@dataclass(frozen=True, slots=True)
class Fail:
    """Drop what was learnt and report the error code."""

    code: str
    attempts_left: int | None = None


UNREACHABLE: Final = "unreachable"
"""Our own code, beside those of protocol 2.9: nobody answered for as long as we ask."""


def _rejected(event: object) -> Next[State]:
    assert isinstance(event, ReplyRejected)
    return Next(State.FAILED, Warn(event.line), Fail(event.code))


def _refused(event: object) -> Next[State]:
    assert isinstance(event, RefusedByCloud)
    left = "" if event.attempts_left is None else f" (attempts left: {event.attempts_left})"
    return Next(State.FAILED, Warn(f"failed: {event.code}{left}"), Fail(event.code, event.attempts_left))


def _challenge_lost(event: object) -> Next[State]:
    assert isinstance(event, NoAnswer)
    return _GIVEN_UP if event.is_late else _ASK_AGAIN


def _proof_lost(event: object) -> Next[State]:
    # The challenge is spent whether or not the cloud saw the proof: start over with a new one.
    assert isinstance(event, NoAnswer)
    return _GIVEN_UP if event.is_late or event.nth > START_OVER_MAX else _ASK_AGAIN


def _register_lost(event: object) -> Next[State]:
    assert isinstance(event, NoAnswer)
    return _GIVEN_UP if event.is_late else _REGISTER_AGAIN


def _busy(again: Next[State]) -> Callable[[object], Next[State]]:
    def busy(event: object) -> Next[State]:
        assert isinstance(event, Busy)
        return _STILL_BUSY if event.is_late else again

    return busy


def _session_unknown(event: object) -> Next[State]:
    assert isinstance(event, SessionUnknown)
    line = Warn("failed: srp.session_unknown")
    if event.nth > START_OVER_UNKNOWN_MAX:
        return Next(State.FAILED, line, Fail("srp.session_unknown"))
    return Next(State.CHALLENGING, line, AskChallenge())


def _config_unproven(event: object) -> Next[State]:
    assert isinstance(event, ConfigUnproven)
    line = Warn("configData authentication failed")
    if event.nth > REGISTER_BAD_MAX:
        return Next(State.FAILED, line, Fail("srp.bad_envelope"))
    return Next(State.REGISTERING, line, SendRegister(waits=True))


_IDLE: Final = Next(State.IDLE)
_GIVEN_UP: Final = Next(State.FAILED, Warn(f"failed: {UNREACHABLE}"), Fail(UNREACHABLE))
_STILL_BUSY: Final = Next(State.FAILED, Warn("failed: maintenance"), Fail("maintenance"))
_ASK_AGAIN: Final = Next(State.CHALLENGING, AskChallenge(waits=True))
_PROVE_AGAIN: Final = Next(State.PROVING, SendProof(waits=True))
_REGISTER_AGAIN: Final = Next(State.REGISTERING, SendRegister(waits=True))

TABLE: Final = Table(
    "activation",
    State.IDLE,
    {
        (State.IDLE, CodeEntered): Next(State.CHALLENGING, AskChallenge()),
        (State.IDLE, Cancelled): _IDLE,
        (State.CHALLENGING, ChallengeAccepted): Next(State.PROVING, SendProof()),
        (State.CHALLENGING, ReplyRejected): _rejected,
        (State.CHALLENGING, NoAnswer): _challenge_lost,
        (State.CHALLENGING, Busy): _busy(_ASK_AGAIN),
        (State.CHALLENGING, RefusedByCloud): _refused,
        (State.CHALLENGING, Cancelled): _IDLE,
        (State.PROVING, ProofAccepted): Next(State.REGISTERING, SendRegister()),
        (State.PROVING, ReplyRejected): _rejected,
        (State.PROVING, NoAnswer): _proof_lost,
        (State.PROVING, Busy): _busy(_PROVE_AGAIN),
        (State.PROVING, SessionUnknown): _session_unknown,
        (State.PROVING, RefusedByCloud): _refused,
        (State.PROVING, Cancelled): _IDLE,
        (State.REGISTERING, ConfigReceived): Next(State.TRUSTING, Persist(), ProcessTrust()),
        (State.REGISTERING, ConfigUnproven): _config_unproven,
        (State.REGISTERING, NoAnswer): _register_lost,
        (State.REGISTERING, Busy): _busy(_REGISTER_AGAIN),
        (State.REGISTERING, SessionUnknown): _session_unknown,
        (State.REGISTERING, RefusedByCloud): _refused,
        (State.REGISTERING, Cancelled): _IDLE,
        (State.TRUSTING, TrustProcessed): Next(State.LOCKING, LockDown()),
        (State.TRUSTING, Cancelled): Next(State.TRUSTING),  # too late: the identity is on disk
        (State.LOCKING, LockDownApplied): Next(State.DONE),
        (State.LOCKING, Cancelled): Next(State.LOCKING),
        (State.DONE, Cancelled): Next(State.DONE),
        (State.FAILED, CodeEntered): Next(State.CHALLENGING, AskChallenge()),
        (State.FAILED, Cancelled): _IDLE,
    },
)
