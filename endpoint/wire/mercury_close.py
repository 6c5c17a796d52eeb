"""What a client does when Mercury closes, as data.

Two questions, because the same code means other things before and after the opening event: `before_open` for an attempt that failed,
`ClosePolicy.decide` for a socket that was open. Browsers and devices differ in the second.

Source: protocol/cloud-services.md 5.6 and 5.7, protocol/activation-and-media.md 8.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Final

NORMAL: Final = 1000
GOING_AWAY: Final = 1001
UNSUPPORTED: Final = 1003
NO_CODE: Final = 1005
ABNORMAL: Final = 1006
POLICY: Final = 1008
INTERNAL_ERROR: Final = 1011
LOGOUT: Final = 3050  # 1050 until 2024
REPLACED_CODE: Final = 4000  # the same registration connected again
SWITCHED_OVER: Final = 4001  # the old socket of a shutdown
BAD_REQUEST: Final = 4400
NOT_AUTHORIZED: Final = 4401
FORBIDDEN: Final = 4403
NOT_FOUND: Final = 4404

DONE: Final = "Done"  # a client's own closes are 1000 with one of these reasons
PONG_NOT_RECEIVED: Final = "Pong not received"
PONG_MISMATCH: Final = "Pong mismatch"

_REASONS_OF_NO_CODE: Final = {
    "replaced": REPLACED_CODE,
    "authentication failed": POLICY,
    "authentication did not happen within the timeout window of 30000 seconds.": POLICY,  # sic
}


def effective_code(code: int, reason: str) -> int:
    """Return the code that a close stands for: some stacks lose the code and keep the reason, compared in any case."""
    return _REASONS_OF_NO_CODE.get(reason.lower(), code) if code == NO_CODE else code


class BeforeOpen(Enum):
    """What follows a failed attempt to open."""

    ABORT = "abort"  # permanent: no further attempt
    REAUTHORIZE = (
        "reauthorize"  # refresh the token, then the next attempt after the backoff, also if that was impossible
    )
    REREGISTER = "reregister"  # refresh the registration, then the next attempt
    BACK_OFF = "back off"  # the next attempt, nothing else


BEFORE_OPEN: Final[Mapping[int, BeforeOpen]] = MappingProxyType(
    {
        BAD_REQUEST: BeforeOpen.ABORT,
        FORBIDDEN: BeforeOpen.ABORT,
        NOT_AUTHORIZED: BeforeOpen.REAUTHORIZE,
        NO_CODE: BeforeOpen.REREGISTER,
        POLICY: BeforeOpen.BACK_OFF,
        INTERNAL_ERROR: BeforeOpen.BACK_OFF,
        NOT_FOUND: BeforeOpen.BACK_OFF,  # not special: a deleted device learns of it at its next refresh
        401: BeforeOpen.BACK_OFF,  # HTTP statuses on the upgrade: no token refresh, no registration refresh
        404: BeforeOpen.BACK_OFF,
        503: BeforeOpen.BACK_OFF,
    }
)
BEFORE_OPEN_DEFAULT: Final = BeforeOpen.BACK_OFF


def before_open(code: int, reason: str = "") -> BeforeOpen:
    """Return what follows a close code, or an HTTP status on the upgrade, before the opening event."""
    return BEFORE_OPEN.get(effective_code(code, reason), BEFORE_OPEN_DEFAULT)


class AfterOpen(Enum):
    """What follows the close of an open socket."""

    RECONNECT = "reconnect"  # the first attempt at once, then with backoff
    STAY_OFF = "stay off"
    REPLACED = "replaced"  # stay off: another socket has the registration
    NOTHING = "nothing"  # another socket is open already


@dataclass(frozen=True, slots=True)
class ClosePolicy:
    """One kind of client's reactions: by code and reason (lower case) first, then by code, then the default."""

    name: str
    default: AfterOpen
    by_code: Mapping[int, AfterOpen]
    by_reason: Mapping[tuple[int, str], AfterOpen] = field(default_factory=lambda: MappingProxyType({}))

    def decide(self, code: int, reason: str = "", *, is_old_socket: bool = False) -> AfterOpen:
        """Return what follows a close. A socket is old once a switchover has opened its successor: nothing follows then."""
        if is_old_socket:
            return AfterOpen.NOTHING
        code = effective_code(code, reason)
        return self.by_reason.get((code, reason.lower()), self.by_code.get(code, self.default))


BROWSER: Final = ClosePolicy(
    name="browser",
    default=AfterOpen.STAY_OFF,
    by_code=MappingProxyType(
        {
            NORMAL: AfterOpen.STAY_OFF,
            GOING_AWAY: AfterOpen.RECONNECT,
            UNSUPPORTED: AfterOpen.STAY_OFF,
            NO_CODE: AfterOpen.RECONNECT,
            ABNORMAL: AfterOpen.RECONNECT,
            INTERNAL_ERROR: AfterOpen.RECONNECT,
            LOGOUT: AfterOpen.STAY_OFF,
            REPLACED_CODE: AfterOpen.REPLACED,
            SWITCHED_OVER: AfterOpen.STAY_OFF,
        }
    ),
    by_reason=MappingProxyType(
        {
            (code, reason): AfterOpen.RECONNECT
            for code in (NORMAL, LOGOUT)
            for reason in ("idle", "done (forced)", PONG_NOT_RECEIVED.lower(), PONG_MISMATCH.lower())
        }
    ),
)

DEVICE: Final = ClosePolicy(
    name="device", default=AfterOpen.RECONNECT, by_code=MappingProxyType({REPLACED_CODE: AfterOpen.REPLACED})
)
