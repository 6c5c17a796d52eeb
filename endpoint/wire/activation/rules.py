"""Limits of the activation and the cloud's refusals, as data. Label: ours, but for the life of a code, which is documented.

Source: protocol/activation-and-media.md 2.7 to 2.9.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

# Sizes; those of the sealed fields are in `envelope.Kind`
BODY_BYTES_MAX: Final = 64 * 1024
PUBLIC_BYTES: Final = 384  # srpA, srpB
SALT_BYTES: Final = 256  # srpS; the first byte is not 0 where we issue it
FOREIGN_SALT_BYTES_MIN: Final = 16
FOREIGN_SALT_BYTES_MAX: Final = 512

# The cloud's counters and lifetimes
CODE_LIFE_S: Final = 7 * 86400.0
CODE_KEPT_S: Final = 30 * 86400.0  # after its end, so that errors stay specific
PROOF_FAILURES_MAX: Final = 5
CHALLENGE_LIFE_S: Final = 300.0
CHALLENGES_PER_CODE: Final = 20
CHALLENGES_PER_CODE_WINDOW_S: Final = 3600.0
CHALLENGES_PER_SOURCE: Final = 10
CHALLENGES_PER_SOURCE_WINDOW_S: Final = 60.0
PENDING_LIFE_S: Final = 300.0
REGISTER_RETRY_S: Final = 300.0  # the same body gets the same reply

# The device's patience
REQUEST_TIMEOUT_S: Final = 30.0
BACKOFF_S: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)  # the last one repeats
BACKOFF_JITTER: Final = (0.75, 1.0)
RETRY_AFTER_MAX_S: Final = 60.0
RETRYING_MAX_S: Final = 300.0
START_OVER_MAX: Final = 3  # after a lost invoke
START_OVER_UNKNOWN_MAX: Final = 1  # after srp.session_unknown
REGISTER_BAD_MAX: Final = 3  # configData that does not authenticate
START_COMMAND_MAX_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """One refusal.

    Attributes:
        status: HTTP status.
        steps: 1 challenge, 2 invoke, 3 register.
        when: what is wrong; goes out as `error_description`.
        device_text: what the person at the device reads.
        counts_as_failure: whether it uses up one of the code's five attempts.
    """

    status: int
    steps: tuple[int, ...]
    when: str
    device_text: str
    counts_as_failure: bool = False


_AGAIN: Final = "Something went wrong. Try again."
_FAILED: Final = "Activation failed."
_NOT_VALID: Final = "This code is not valid. Check it and try again."

ERRORS: Final[Mapping[str, ErrorRow]] = MappingProxyType(
    {
        "http.method": ErrorRow(405, (1, 2, 3), "only POST is answered here", _AGAIN),
        "http.media_type": ErrorRow(415, (1, 2, 3), "the body is not a JSON object", _AGAIN),
        "http.too_large": ErrorRow(413, (1, 2, 3), "the body is over 64 KiB", _AGAIN),
        "maintenance": ErrorRow(503, (1, 2, 3), "under maintenance", "Webex is busy. Waiting ..."),
        "code.malformed": ErrorRow(400, (1,), "activationId is not 8 digits", "Check the code: it has 16 digits."),
        "rate.limited": ErrorRow(429, (1,), "too many challenges", "Too many attempts. Waiting ..."),
        "code.unknown": ErrorRow(404, (1,), "no such code", _NOT_VALID),
        "code.expired": ErrorRow(410, (1,), "the code has expired", "This code has expired. Ask for a new one."),
        "code.used": ErrorRow(
            409, (1,), "the code has been used", "This code has already been used. Ask for a new one."
        ),
        "code.locked": ErrorRow(
            403, (1, 2), "the code is locked after five failures", "This code is locked. Ask for a new one."
        ),
        "srp.bad_parameter": ErrorRow(
            400, (2,), "srpA or srpB is not base64 of 384 bytes, or A is not between 0 and N", _FAILED
        ),
        "srp.session_unknown": ErrorRow(400, (2, 3), "srpB names no open exchange", "Activation failed. Try again."),
        "srp.bad_envelope": ErrorRow(400, (2, 3), "the sealed field is malformed", _FAILED),
        "srp.proof_failed": ErrorRow(401, (2,), "the proof is wrong", _NOT_VALID, counts_as_failure=True),
        "register.proof_failed": ErrorRow(401, (3,), "the proof is wrong", _FAILED),
        "register.mismatch": ErrorRow(400, (3,), "registerData is of another device than oauthData", _FAILED),
        "workspace.occupied": ErrorRow(
            409, (3,), "the workspace already has this kind of device", "This workspace already has a device."
        ),
        "org.suspended": ErrorRow(403, (3,), "the organization is suspended", "Ask your administrator."),
    }
)
"""Refusals by code, in the order in which the cloud checks."""


def device_text(code: str) -> str:
    """Return what the person at the device reads; a code that is not ours reads like a general failure."""
    row = ERRORS.get(code)
    return row.device_text if row else _FAILED
