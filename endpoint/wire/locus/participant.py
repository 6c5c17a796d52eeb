"""A participant of a locus, with its devices: what `dto` tells of each one.

Source: protocol/cloud-services.md 9.2; reasons from protocol/activation-and-media.md 11.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final, TypeAlias, TypeVar

import msgspec

from endpoint.wire.secret import Sdp


class State(StrEnum):
    """How a participant, or one of its devices, stands to the locus."""

    IDLE = "IDLE"
    """Invited, or in the lobby."""
    NOTIFIED = "NOTIFIED"
    """It rings there."""
    JOINED = "JOINED"
    LEFT = "LEFT"
    DECLINED = "DECLINED"


class Reason:
    """Why somebody LEFT or DECLINED; activation-and-media.md 11, D. A reason beyond these is a text like any other."""

    ANSWERED_ELSEWHERE: Final = "ANSWERED_ELSEWHERE"
    BUSY: Final = "BUSY"
    CALL_MAX_DURATION: Final = "CALL_MAX_DURATION"
    DND: Final = "DND"
    FORCED: Final = "FORCED"
    GARBAGE_COLLECTED: Final = "GARBAGE_COLLECTED"
    INACTIVE: Final = "INACTIVE"
    INTENT_CANCELED: Final = "INTENT_CANCELED"
    INTENT_EXPIRED: Final = "INTENT_EXPIRED"
    INVALID_JOIN_TIME: Final = "INVALID_JOIN_TIME"
    INVALID_PIN: Final = "INVALID_PIN"
    JOURNAL_TOO_LARGE: Final = "JOURNAL_TOO_LARGE"
    LOBBY_EXPIRED: Final = "LOBBY_EXPIRED"
    LOGIN_REQUIRED: Final = "LOGIN_REQUIRED"
    MEDIA_RELEASED: Final = "MEDIA_RELEASED"  # of a device; cloud-services.md 9.2
    MEDIA_RESOURCE_RECONNECT: Final = "MEDIA_RESOURCE_RECONNECT"
    MEETING_ENDED: Final = "MEETING_ENDED"
    MEETING_FULL: Final = "MEETING_FULL"
    MEETING_LOCKED: Final = "MEETING_LOCKED"
    MOVED: Final = "MOVED"
    NOT_ACCEPTABLE: Final = "NOT_ACCEPTABLE"
    NOT_FOUND: Final = "NOT_FOUND"
    REMOTE: Final = "REMOTE"
    REPLACED: Final = "REPLACED"
    RESOURCE_BUSY: Final = "RESOURCE_BUSY"
    RESOURCE_DECLINED: Final = "RESOURCE_DECLINED"
    RESOURCE_ERROR: Final = "RESOURCE_ERROR"
    RESOURCE_TIMED_OUT: Final = "RESOURCE_TIMED_OUT"
    UNANSWERED: Final = "UNANSWERED"
    UNKNOWN: Final = "UNKNOWN"
    UNREACHABLE: Final = "UNREACHABLE"


WAIT: Final = "WAIT"  # intent of a device that is in the lobby
OBSERVE: Final = "OBSERVE"
ALERT_FULL: Final = "FULL"  # alertType.action of who shall ring
ALERT_NONE: Final = "NONE"
INACTIVE: Final = "INACTIVE"  # of audioStatus and videoStatus; protocol/cloud-services.md 9.2

T = TypeVar("T")
Text: TypeAlias = Annotated[str, msgspec.Meta(min_length=1)]
"""A text that is not empty."""


class Part(msgspec.Struct, kw_only=True, frozen=True, rename="camel", omit_defaults=True):
    """A part of a locus: what is not told has its default, and is not sent."""


def sent(value: T) -> T:
    """Declare a member that is sent even where it has its default: clients tell false from nothing."""
    return msgspec.field(default_factory=lambda: value)


class Person(Part, kw_only=True, frozen=True):
    """Who a participant, or the host, is."""

    id: str = ""
    name: str = ""
    email: str = ""
    sip_url: str = ""
    org_id: str = ""
    is_external: bool = False
    incoming_call_protocols: tuple[str, ...] = ()


class Intent(Part, kw_only=True, frozen=True):
    """What a device waits for: WAIT is the lobby, OBSERVE a paired room."""

    type: str = ""
    id: str = ""
    associated_with: str = ""


class MediaConnection(Part, kw_only=True, frozen=True):
    """One media connection of a device; `remote_sdp` is JSON text, `requests.parse_sdp` reads it."""

    media_id: str = ""
    type: str = "SDP"
    actions_url: str = ""
    local_sdp: Sdp | None = None
    remote_sdp: Sdp | None = None
    media_agent_alias: str = ""
    media_agent_group_id: str = ""


class MediaSession(Part, kw_only=True, frozen=True):
    """What a device sends and receives of one kind of media."""

    media_type: str = ""
    media_content: str = ""
    direction: str = ""
    state: str = ""


class Replaced(Part, kw_only=True, frozen=True):
    """A locus that this one, or a device's place in it, comes after."""

    locus_url: str = ""
    session_id: str = ""
    breakout_move_id: str = ""
    last_active: str = ""
    replaced_at: str = ""


class Device(Part, kw_only=True, frozen=True):
    """A device of a participant; `url` is its registration. `intents` may have empty places."""

    url: str = ""
    device_type: str = ""
    state: State = sent(State.IDLE)
    reason: str = ""
    intent: Intent | None = None
    intents: tuple[Intent | None, ...] = ()
    correlation_id: str = ""
    call_leg_id: str = ""
    keep_alive_url: str = ""
    keep_alive_secs: int | float = 0
    media_connections: tuple[MediaConnection, ...] = ()
    media_sessions: tuple[MediaSession, ...] = ()
    csis: tuple[int, ...] = ()
    server_transcoded: bool = False
    server_composed: bool = False
    available_layouts: tuple[str, ...] = ()
    layout: str = ""
    replaces: tuple[Replaced, ...] = ()

    @property
    def is_waiting(self) -> bool:
        """Tell whether the device is in the lobby."""
        if self.intent is not None:
            return self.intent.type == WAIT
        return any(intent is not None and intent.type == WAIT for intent in self.intents)


class Status(Part, kw_only=True, frozen=True):
    """The media of a participant: SENDRECV, RECVONLY, SENDONLY, INACTIVE, UNKNOWN."""

    audio_status: str = ""
    video_status: str = ""
    audio_slides_status: str = ""
    video_slides_status: str = ""
    csis: tuple[int, ...] = ()


class AudioControl(Part, kw_only=True, frozen=True):
    """`controls.audio` of a participant; `meta.modifiedBy` is who muted it."""

    muted: bool = sent(False)
    requested_to_unmute: bool = False
    disallow_unmute: bool = False
    local_audio_unmute_required: bool = False
    meta: dict[str, Any] = msgspec.field(default_factory=dict)


class VideoControl(Part, kw_only=True, frozen=True):
    """`controls.video` of a participant."""

    muted: bool = sent(False)


class Role(Part, kw_only=True, frozen=True):
    """COHOST, MODERATOR, ATTENDEE, PRESENTER or PANELIST, and whether somebody has that role."""

    type: str = ""
    has_role: bool = sent(False)


class Roles(Part, kw_only=True, frozen=True):
    """`controls.role` of a participant."""

    roles: tuple[Role, ...] = ()


class Hand(Part, kw_only=True, frozen=True):
    """`controls.hand` of a participant."""

    raised: bool = sent(False)


class LocalRecord(Part, kw_only=True, frozen=True):
    """`controls.localRecord` of a participant."""

    recording: bool = False


class Layout(Part, kw_only=True, frozen=True):
    """A layout of a participant's device: Single, ActivePresence, Prominent, Equal, OnePlusN."""

    type: str = ""
    device_url: str = ""


class Controls(Part, kw_only=True, frozen=True):
    """What can be changed of a participant."""

    audio: AudioControl = AudioControl()
    video: VideoControl = VideoControl()
    role: Roles = Roles()
    hand: Hand = Hand()
    local_record: LocalRecord = LocalRecord()
    layouts: tuple[Layout, ...] = ()


class Alert(Part, kw_only=True, frozen=True):
    """`alertType` and `alertHint` of self: FULL rings, NONE does not."""

    action: str = sent(ALERT_NONE)


class GatewayCause(Part, kw_only=True, frozen=True):
    """Why a peer behind the gateway went; ours. `type` and `origin` are those of CallDisconnect, `value` the cause value there."""

    code: int = 0
    text: str = ""
    type: str = ""
    origin: str = ""
    value: int = 0


class Participant(Part, kw_only=True, frozen=True):
    """Somebody in the locus: a person, a room, a far end. `held` and `gateway_cause` are ours; `alert_type` is self's only."""

    url: Text
    id: str = ""
    state: State = sent(State.IDLE)
    type: str = sent("USER")
    identity: str = ""
    reason: str = ""
    is_creator: bool = False
    person: Person = Person()
    devices: tuple[Device, ...] = ()
    status: Status = Status()
    controls: Controls = Controls()
    guest: bool = False
    resource_guest: bool = False
    moderator: bool = False
    panelist: bool = False
    cmr_host: bool = False
    move_to_lobby_not_allowed: bool = False
    moderator_assignment_not_allowed: bool = False
    can_reclaim_host_role: bool = False
    device_url: str = ""
    removed: bool = False
    held: bool = False
    gateway_cause: GatewayCause | None = None
    alert_type: Alert = Alert()
    alert_hint: Alert = Alert()
    enable_dtmf: bool = msgspec.field(default=False, name="enableDTMF")
    is_sharing_blocked: bool = False

    def device(self, device_url: str) -> Device | None:
        """Return the participant's device with that registration, None without one."""
        return next((device for device in self.devices if device.url == device_url), None)

    def has_role(self, kind: str) -> bool:
        """Tell whether the participant has a role: COHOST, MODERATOR, PRESENTER ..."""
        return any(role.has_role and role.type == kind for role in self.controls.role.roles)

    @property
    def is_in_lobby(self) -> bool:
        """Tell whether the participant waits to be let in."""
        return self.state is State.IDLE and any(device.is_waiting for device in self.devices)
