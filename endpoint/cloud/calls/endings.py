"""How calls end, as the event CallDisconnect tells it: from answers of Locus, from its states, and from the device itself.

Source: protocol/xapi.md 8.3, activation-and-media.md section 11 and 16.5, cloud-services.md 9.9; which reason is which cause, and the
sentences on the screen, are ours where no source tells.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, cast

from endpoint.wire.callcontrol import End, Leads
from endpoint.wire.locus import errors
from endpoint.wire.locus.dto import GatewayCause

OPERATIONS: Final = {
    Leads.MEETING: "startOutgoingForWebexMeeting",
    Leads.PERSONAL_ROOM: "startOutgoingForWebexMeeting",
    Leads.PERSON: "startOutgoing",
    Leads.SIP: "startOutgoing",
    Leads.INSTANT: "startInstantMeeting",
}
"""What a failed attempt calls itself in its cause."""
ANSWERING: Final = "joinExisting"

LOCAL: Final = End(cause_type="LocalDisconnect", cause_value=1)
REJECTED: Final = End(cause_type="LocalReject", cause_value=21)
BUSY: Final = End(cause_type="LocalBusy", cause_value=17)
REMOTE: Final = End(cause_type="RemoteDisconnect", cause_value=1)
ELSEWHERE: Final = End(cause_type="OtherRemote", cause_string="Answered elsewhere", elsewhere=True)
REJECTED_ELSEWHERE: Final = End(cause_type="LocalReject", cause_string="Rejected elsewhere")
NETWORK_LOST: Final = End(
    cause_type="OtherLocal", cause_origin="Internal", cause_string="Network lost", screen="The connection was lost."
)
MEDIA_LOST: Final = End(
    cause_type="OtherLocal",
    cause_origin="Internal",
    cause_string="Media connection lost",
    screen="The media connection was lost.",
)
ICE_FAILED: Final = End(
    cause_type="OtherLocal",
    cause_origin="Internal",
    cause_string="ICE failed",
    screen="Sound and picture could not be connected.",
)
GONE: Final = End(cause_type="OtherLocal", cause_origin="Internal", cause_string="Device not registered")
IN_IT_ALREADY: Final = End(
    cause_type="OtherLocal",
    cause_origin="Internal",
    cause_string="In the meeting already",
    screen="The room is in this meeting already.",
)
JOINED: Final = End(cause_type="LocalDisconnect", cause_value=1, cause_string="Joined")
REPLACED: Final = End(cause_type="LocalDisconnect", cause_value=1, cause_string="Joined again")
TOO_MANY: Final = End(cause_type="OtherLocal", cause_origin="Internal", cause_string="Too many calls")
UNANSWERED: Final = End(cause_type="OtherRemote", cause_string="Unanswered")
NO_PIN: Final = End(cause_type="OtherLocal", cause_origin="Internal", cause_string="No PIN was given")
NO_ANSWER: Final = End(cause_type="RemoteNoAnswer", cause_string="Unanswered", screen="Nobody answered.")

_SCREENS: Final = {
    "MeetingNotFound": "The meeting number is not valid.",
    "InvalidInviteeAddress": "The address is not valid.",
    "MeetingLocked": "The meeting is locked.",
    "MeetingFull": "The meeting is full.",
    "LobbyFull": "The lobby is full.",
    "Busy": "The other side is busy.",
}
_SCREENS_BY_CODE: Final = {
    2423003: "The meeting is locked.",
    2423004: "The meeting has ended.",
    2423009: "Too many wrong PINs. The meeting is locked for this device.",
    2423010: "The meeting has not started yet.",
    2423012: "There are too many meetings at the same time.",
    2423021: "The lobby is full.",
    2423025: "This device is not invited to the meeting.",
    2403001: "The meeting is full.",
    2403002: "The meeting is full.",
    2403003: "The meeting is full.",
    2403004: "The meeting has ended.",
    2403018: "The meeting is full.",
    2403019: "The meeting is full.",
    2403022: "Guests may not join this meeting.",
}
_ON_FAILURE: Final = "The call could not be made."
UNREACHABLE: Final = "Unreachable"
NOT_UNDERSTOOD: Final = "UnexpectedAnswer"


def refused(operation: str, status: int, code: int) -> tuple[End, str]:
    """Return how a call ends that Locus refuses, and what comes of it in the log (T02)."""
    word, is_expected = errors.reason_of(status, code)
    told = f"{operation}, {'expected' if is_expected else 'unexpected'}, {word}, response {status}/{code}"
    screen = _SCREENS_BY_CODE.get(code) or _SCREENS.get(word) or _ON_FAILURE
    kind = "RemoteRejected" if status in (403, 423) else "OtherRemote"
    return End(cause_type=kind, cause_string=f"CallError ({told})", screen=screen), told


def failed(operation: str, word: str) -> tuple[End, str]:
    """Return how a call ends for which there is no answer, or none that can be read, and what comes of it in the log (T02)."""
    told = f"{operation}, unexpected, {word}, response 0/0"
    end = End(
        cause_type="OtherLocal", cause_origin="Internal", cause_string=f"CallError ({told})", screen="The cloud cannot be reached."
    )  # fmt: skip
    return end, told


_BY_REASON: Final = {
    "BUSY": End(cause_type="RemoteBusy", cause_value=17, screen="The other side is busy."),
    "RESOURCE_BUSY": End(cause_type="RemoteBusy", cause_value=17, screen="The other side is busy."),
    "DND": End(cause_type="RemoteRejected", cause_value=21, cause_string="DND", screen="The other side does not want to be disturbed."),
    "UNANSWERED": NO_ANSWER,
    "RESOURCE_TIMED_OUT": NO_ANSWER,
    "NOT_FOUND": End(cause_type="UnknownRemoteSite", cause_string="NOT_FOUND", screen="The address was not found."),
    "UNREACHABLE": End(cause_type="UnknownRemoteSite", cause_string="UNREACHABLE", screen="The other side cannot be reached."),
    "INACTIVE": End(cause_type="OtherRemote", cause_string="INACTIVE", screen="The call was dropped."),
    "MEDIA_RELEASED": End(cause_type="OtherRemote", cause_string="MEDIA_RELEASED", screen="The call was dropped."),
    "FORCED": End(cause_type="RemoteDisconnect", cause_string="FORCED", screen="You were removed from the meeting."),
    "MEETING_ENDED": End(cause_type="RemoteDisconnect", cause_string="MEETING_ENDED", screen="The meeting has ended."),
    "MEETING_LOCKED": End(cause_type="RemoteRejected", cause_string="MEETING_LOCKED", screen="The meeting is locked."),
    "MEETING_FULL": End(cause_type="RemoteRejected", cause_string="MEETING_FULL", screen="The meeting is full."),
    "INVALID_PIN": End(cause_type="RemoteRejected", cause_string="INVALID_PIN", screen="The PIN was wrong."),
    "LOBBY_EXPIRED": End(cause_type="RemoteNoAnswer", cause_string="LOBBY_EXPIRED", screen="Nobody let this device in."),
    "INTENT_EXPIRED": End(cause_type="RemoteNoAnswer", cause_string="INTENT_EXPIRED", screen="Nobody let this device in."),
    "ANSWERED_ELSEWHERE": ELSEWHERE,
    "REMOTE": REMOTE,
    "": REMOTE,
}  # fmt: skip


def by_reason(reason: str, *, is_declined: bool = False) -> End:
    """Return how a call ends by a reason of Locus; `is_declined`: by that of somebody who did not take the call."""
    if is_declined and reason in ("", "REMOTE", "UNKNOWN", "RESOURCE_DECLINED"):
        return End(
            cause_type="RemoteRejected", cause_value=21, cause_string=reason, screen="The other side rejected the call."
        )
    known = _BY_REASON.get(reason)
    return known if known is not None else End(cause_type="OtherRemote", cause_string=reason)


_TYPES: Final = frozenset(
    {
        "OtherLocal", "LocalDisconnect", "UnknownRemoteSite", "LocalBusy", "LocalReject", "InsufficientSecurity", "OtherRemote",
        "RemoteDisconnect", "RemoteBusy", "RemoteRejected", "RemoteNoAnswer", "CallForwarded", "NetworkRejected", "SslRejected",
    }
)  # fmt: skip
Origin: TypeAlias = Literal["Internal", "SIP", "Q850", "Spark", "WebRTC"]
_ORIGINS: Final = frozenset({"Internal", "SIP", "Q850", "Spark", "WebRTC"})


def by_gateway(cause: GatewayCause) -> End:
    """Return how a call ends that the gateway could not bring to its goal, or that was ended beyond it."""
    kind = cause.type if cause.type in _TYPES else "OtherRemote"
    origin = cast(Origin, cause.origin) if cause.origin in _ORIGINS else "SIP"
    return End(
        cause_type=kind, cause_origin=origin, cause_value=cause.value, cause_code=cause.code, cause_string=cause.text,
        screen="" if kind == "RemoteDisconnect" else _BY_CODE.get(cause.code, _ON_FAILURE),
    )  # fmt: skip


_BY_CODE: Final = {
    404: "The address was not found.",
    408: "Nobody answered.",
    480: "Nobody answered.",
    486: "The other side is busy.",
    603: "The other side rejected the call.",
}
