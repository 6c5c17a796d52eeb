"""The error codes of Locus, and the words that they get in the text of a failed call.

Source: protocol/cloud-services.md 9.9; 404006 from the log of a real device (protocol/activation-and-media.md 11).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class LocusError:
    """A row of the table.

    Attributes:
        status: of the HTTP answer.
        name: as it stands in a CallError.
        is_expected: something that happens to people; everything else is printed as `unexpected`.
    """

    status: int
    name: str
    is_expected: bool = False


REDIRECT: Final = 2000002
"""In a 2xx answer: repeat at `location`; 2.4."""
MEETING_NOT_FOUND: Final = 404006
LOCKED: Final = 2423003
TERMINATING: Final = 2423004
PIN_NEEDED: Final = 2423005
GUEST_PIN_NEEDED: Final = 2423006
MODERATOR_NEEDED: Final = 2423007
ROOM_SUSPENDED: Final = 2423008
ROOM_LOCKED_OUT: Final = 2423009
TOO_EARLY: Final = 2423010
CONCURRENT_LIMIT: Final = 2423012
PIN_OR_GUEST_NEEDED: Final = 2423016
PANELIST_PIN_NEEDED: Final = 2423017
PANELIST_PIN_OR_GUEST_NEEDED: Final = 2423018
LOBBY_FULL: Final = 2423021
NOT_INVITED: Final = 2423025
EXCEEDED: Final = (2403001, 2403002, 2403003, 2403018, 2403019)
MEETING_FULL: Final = 2403018
INACTIVE: Final = 2403004
ONE_ON_ONE_TO_SELF: Final = 2403007
NO_SUCH_MEETING: Final = 2403014
GUEST_FORBIDDEN: Final = 2403022
REMOVED: Final = 2401002
BAD_INVITEE: Final = 2400025
BAD_SINCE: Final = 2400014
INVALID_KEY: Final = 2400011

INTENT_TO_JOIN: Final = frozenset(
    {PIN_NEEDED, GUEST_PIN_NEEDED, PIN_OR_GUEST_NEEDED, PANELIST_PIN_NEEDED, PANELIST_PIN_OR_GUEST_NEEDED}
)
"""The client asks for a PIN, or whether somebody is host or guest, and joins again."""

ERRORS: Final[dict[int, LocusError]] = {
    2400006: LocusError(400, "EmptyPhoneNumber"),
    2400008: LocusError(400, "InvalidPhoneNumber"),
    2400009: LocusError(400, "InvalidPhoneNumberFormat"),
    INVALID_KEY: LocusError(400, "InvalidKey"),
    2400012: LocusError(400, "InvalidKeyFormat"),
    BAD_SINCE: LocusError(400, "InvalidSinceOrHash"),
    BAD_INVITEE: LocusError(400, "InvalidInviteeAddress", is_expected=True),
    2400127: LocusError(400, "ReclaimHostKeyInvalid"),
    REMOVED: LocusError(401, "ParticipantRemoved"),
    2403001: LocusError(403, "ParticipantsExceededFree", is_expected=True),
    2403002: LocusError(403, "ParticipantsExceededPaid", is_expected=True),
    2403003: LocusError(403, "ParticipantsExceededService", is_expected=True),
    INACTIVE: LocusError(403, "LocusInactive"),
    ONE_ON_ONE_TO_SELF: LocusError(403, "OneOnOneToSelf"),
    2403010: LocusError(403, "NotInRoom"),
    NO_SUCH_MEETING: LocusError(403, "MeetingNotFound"),
    2403015: LocusError(403, "NotAWebexSite"),
    MEETING_FULL: LocusError(403, "JoinedParticipantsExceeded", is_expected=True),
    2403019: LocusError(403, "JoinedParticipantsExceededPaid", is_expected=True),
    GUEST_FORBIDDEN: LocusError(403, "GuestForbidden", is_expected=True),
    2403025: LocusError(403, "RecordingUnsupported"),
    2403135: LocusError(403, "ReclaimHostForbidden"),
    2403136: LocusError(403, "ReclaimHostNotAllowed"),
    MEETING_NOT_FOUND: LocusError(404, "MeetingNotFound"),
    2404001: LocusError(404, "ConversationNotFound"),
    2404002: LocusError(404, "LinkNotFound"),
    2405001: LocusError(405, "MethodNotAllowed"),
    2409005: LocusError(409, "Conflict"),
    2409062: LocusError(409, "EndToEndEncryptionRequired"),
    2409150: LocusError(409, "ReclaimHostConflict"),
    LOCKED: LocusError(423, "MeetingLocked", is_expected=True),
    TERMINATING: LocusError(423, "LocusTerminating"),
    PIN_NEEDED: LocusError(423, "HostPinRequired", is_expected=True),
    GUEST_PIN_NEEDED: LocusError(423, "GuestPinRequired", is_expected=True),
    MODERATOR_NEEDED: LocusError(423, "ModeratorRoleRequired", is_expected=True),
    ROOM_SUSPENDED: LocusError(423, "PersonalRoomSuspended", is_expected=True),
    ROOM_LOCKED_OUT: LocusError(423, "PersonalRoomLockedOut", is_expected=True),
    TOO_EARLY: LocusError(423, "JoinTimeNotReached", is_expected=True),
    CONCURRENT_LIMIT: LocusError(423, "ConcurrentMeetingsExceeded", is_expected=True),
    PIN_OR_GUEST_NEEDED: LocusError(423, "HostPinOrGuestRequired", is_expected=True),
    PANELIST_PIN_NEEDED: LocusError(423, "PanelistPinRequired", is_expected=True),
    PANELIST_PIN_OR_GUEST_NEEDED: LocusError(423, "PanelistPinOrGuestRequired", is_expected=True),
    LOBBY_FULL: LocusError(423, "LobbyFull", is_expected=True),
    NOT_INVITED: LocusError(423, "NotInvited", is_expected=True),
}
"""Code -> row. The names are ours, but MeetingNotFound, which a device printed; so is what counts as expected."""

_BY_STATUS: Final = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    410: "Gone",
    423: "Locked",
    429: "TooManyRequests",
    503: "ServiceUnavailable",
}


def reason_of(status: int, code: int | None) -> tuple[str, bool]:
    """Return the word of a failure and whether it is expected, for the text of a CallError.

    Args:
        status: of the HTTP answer; 0 when none came.
        code: `errorCode` of its body; None when it has none.
    """
    if code is not None and (known := ERRORS.get(code)) is not None:
        return known.name, known.is_expected
    if not status:
        return "NoResponse", False
    return _BY_STATUS.get(status, "ServerError" if status >= 500 else "UnexpectedStatus"), False


def wants_pin(status: int, code: int | None) -> bool:
    """Tell whether a refused join asks for a PIN or a role instead of ending."""
    return status == 423 and code in INTENT_TO_JOIN
