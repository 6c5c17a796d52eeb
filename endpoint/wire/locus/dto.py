"""The locus: a call or meeting as its service tells it to one participant.

Unknown members are ignored here and kept in the raw form, on which `merge` works; null reads as absent. States are the five of the
protocol: a locus with another one is refused as a whole, because what the call is could not be told.

Source: protocol/cloud-services.md 9.1 to 9.3, worked example 18.10; reasons from protocol/activation-and-media.md 11.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Final, TypeAlias, TypeVar

import msgspec

from endpoint.wire import codec
from endpoint.wire.conventions import is_url
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.locus.sequence import NONE, Sequence, parse_sequence
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


class LocusState(StrEnum):
    """How far the locus itself is."""

    INITIALIZING = "INITIALIZING"
    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"
    TERMINATING = "TERMINATING"


class LocusType(StrEnum):
    """What kind of call a locus is; a type that is not known reads as UNKNOWN."""

    CALL = "CALL"
    MEETING = "MEETING"
    SIP_BRIDGE = "SIP_BRIDGE"
    IVR = "IVR"
    UNKNOWN = "UNKNOWN"

    @classmethod
    def _missing_(cls, value: object) -> LocusType:
        return cls.UNKNOWN


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
GRANTED: Final = "GRANTED"
ACCEPTED: Final = "ACCEPTED"
RELEASED: Final = "RELEASED"
CONTENT: Final = "content"  # name of the media share of a screen

_Text: TypeAlias = Annotated[str, msgspec.Meta(min_length=1)]


class _Part(msgspec.Struct, kw_only=True, frozen=True, rename="camel", omit_defaults=True):
    """A part of a locus: what is not told has its default, and is not sent."""


T = TypeVar("T")


def _sent(value: T) -> T:
    """Declare a member that is sent even where it has its default: clients tell false from nothing."""
    return msgspec.field(default_factory=lambda: value)


class FullState(_Part, kw_only=True, frozen=True):
    """The state of the locus as a whole; `last_active` and `start_time` are ISO instants."""

    active: bool = _sent(False)
    count: int = _sent(0)
    locked: bool = _sent(False)
    state: LocusState = _sent(LocusState.ACTIVE)
    type: LocusType = _sent(LocusType.UNKNOWN)
    last_active: str = ""
    session_id: str = ""
    session_ids: tuple[str, ...] = ()
    start_time: str = ""
    removed: bool = False

    @property
    def is_over(self) -> bool:
        """Tell whether nobody is in the call any more, or it is being taken down."""
        if self.removed or self.state is LocusState.INACTIVE:
            return True
        return self.type is LocusType.MEETING and self.state is LocusState.TERMINATING


class CallInNumber(_Part, kw_only=True, frozen=True):
    """A telephone number of a meeting."""

    number: str = ""
    tollfree: bool = False
    label: str = ""


class DisplayHints(_Part, kw_only=True, frozen=True):
    """What a participant may do, by role, as words of the service: `MUTE_ALL`, `LOCK_CONTROL_LOCK` ..."""

    joined: tuple[str, ...] = ()
    moderator: tuple[str, ...] = ()
    co_host: tuple[str, ...] = ()


class Info(_Part, kw_only=True, frozen=True):
    """What does not change: the meeting's name and addresses. `platform` and `meeting_link` are ours."""

    topic: str = ""
    sip_uri: str = ""
    max_participants: int = 0
    web_ex_meeting_id: str = ""
    global_meeting_id: str = ""
    web_ex_site: str = ""
    web_ex_meeting_name: str = ""
    is_pmr: bool = False
    webex_service_type: str = ""
    owner: str = ""
    site_org_id: str = ""
    meeting_id: str = ""
    meeting_instance_id: str = ""
    meeting_link: str = ""
    call_in_numbers: tuple[CallInNumber, ...] = ()
    display_hints: DisplayHints = DisplayHints()


class Person(_Part, kw_only=True, frozen=True):
    """Who a participant, or the host, is."""

    id: str = ""
    name: str = ""
    email: str = ""
    sip_url: str = ""
    org_id: str = ""
    is_external: bool = False
    incoming_call_protocols: tuple[str, ...] = ()


class Intent(_Part, kw_only=True, frozen=True):
    """What a device waits for: WAIT is the lobby, OBSERVE a paired room."""

    type: str = ""
    id: str = ""
    associated_with: str = ""


class MediaConnection(_Part, kw_only=True, frozen=True):
    """One media connection of a device; `remote_sdp` is JSON text, `requests.parse_sdp` reads it."""

    media_id: str = ""
    type: str = "SDP"
    actions_url: str = ""
    local_sdp: Sdp | None = None
    remote_sdp: Sdp | None = None
    media_agent_alias: str = ""
    media_agent_group_id: str = ""


class MediaSession(_Part, kw_only=True, frozen=True):
    """What a device sends and receives of one kind of media."""

    media_type: str = ""
    media_content: str = ""
    direction: str = ""
    state: str = ""


class Replaced(_Part, kw_only=True, frozen=True):
    """A locus that this one, or a device's place in it, comes after."""

    locus_url: str = ""
    session_id: str = ""
    breakout_move_id: str = ""
    last_active: str = ""
    replaced_at: str = ""


class Device(_Part, kw_only=True, frozen=True):
    """A device of a participant; `url` is its registration. `intents` may have empty places."""

    url: str = ""
    device_type: str = ""
    state: State = _sent(State.IDLE)
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


class Status(_Part, kw_only=True, frozen=True):
    """The media of a participant: SENDRECV, RECVONLY, SENDONLY, INACTIVE, UNKNOWN."""

    audio_status: str = ""
    video_status: str = ""
    audio_slides_status: str = ""
    video_slides_status: str = ""
    csis: tuple[int, ...] = ()


class AudioControl(_Part, kw_only=True, frozen=True):
    """`controls.audio` of a participant; `meta.modifiedBy` is who muted it."""

    muted: bool = _sent(False)
    requested_to_unmute: bool = False
    disallow_unmute: bool = False
    local_audio_unmute_required: bool = False
    meta: dict[str, Any] = msgspec.field(default_factory=dict)


class VideoControl(_Part, kw_only=True, frozen=True):
    """`controls.video` of a participant."""

    muted: bool = _sent(False)


class Role(_Part, kw_only=True, frozen=True):
    """COHOST, MODERATOR, ATTENDEE, PRESENTER or PANELIST, and whether somebody has that role."""

    type: str = ""
    has_role: bool = _sent(False)


class Roles(_Part, kw_only=True, frozen=True):
    """`controls.role` of a participant."""

    roles: tuple[Role, ...] = ()


class Hand(_Part, kw_only=True, frozen=True):
    """`controls.hand` of a participant."""

    raised: bool = _sent(False)


class LocalRecord(_Part, kw_only=True, frozen=True):
    """`controls.localRecord` of a participant."""

    recording: bool = False


class Layout(_Part, kw_only=True, frozen=True):
    """A layout of a participant's device: Single, ActivePresence, Prominent, Equal, OnePlusN."""

    type: str = ""
    device_url: str = ""


class Controls(_Part, kw_only=True, frozen=True):
    """What can be changed of a participant."""

    audio: AudioControl = AudioControl()
    video: VideoControl = VideoControl()
    role: Roles = Roles()
    hand: Hand = Hand()
    local_record: LocalRecord = LocalRecord()
    layouts: tuple[Layout, ...] = ()


class Alert(_Part, kw_only=True, frozen=True):
    """`alertType` and `alertHint` of self: FULL rings, NONE does not."""

    action: str = _sent(ALERT_NONE)


class GatewayCause(_Part, kw_only=True, frozen=True):
    """Why a peer behind the gateway went; ours. `type` and `origin` are those of CallDisconnect, `value` the cause value there."""

    code: int = 0
    text: str = ""
    type: str = ""
    origin: str = ""
    value: int = 0


class Participant(_Part, kw_only=True, frozen=True):
    """Somebody in the locus: a person, a room, a far end. `held` and `gateway_cause` are ours; `alert_type` is self's only."""

    url: _Text
    id: str = ""
    state: State = _sent(State.IDLE)
    type: str = _sent("USER")
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


class Lock(_Part, kw_only=True, frozen=True):
    """`controls.lock`."""

    locked: bool = _sent(False)


class Record(_Part, kw_only=True, frozen=True):
    """`controls.record`."""

    recording: bool = _sent(False)
    paused: bool = False


class Enabled(_Part, kw_only=True, frozen=True):
    """A control that is on or off."""

    enabled: bool = _sent(False)


class ShareControl(_Part, kw_only=True, frozen=True):
    """`controls.shareControl`: who may share."""

    control: str = "ANYONE"


class MeetingControls(_Part, kw_only=True, frozen=True):
    """What can be changed of the locus."""

    lock: Lock = Lock()
    record: Record = Record()
    transcribe: dict[str, Any] = msgspec.field(default_factory=dict)
    meeting_full: dict[str, Any] = msgspec.field(default_factory=dict)
    mute_on_entry: Enabled = Enabled()
    share_control: ShareControl = ShareControl()
    disallow_unmute: Enabled = Enabled()
    raise_hand: Enabled = Enabled()
    reactions: Enabled = Enabled()


class FloorDevice(_Part, kw_only=True, frozen=True):
    """A device of whom the floor is for."""

    url: str = ""
    device_type: str = ""


class Beneficiary(_Part, kw_only=True, frozen=True):
    """Whom the floor is for: a participant."""

    id: str = ""
    url: str = ""
    devices: tuple[FloorDevice, ...] = ()


class Floor(_Part, kw_only=True, frozen=True):
    """Who shares: `disposition` GRANTED, RELEASED or ACCEPTED; `granted`, `released` and `requested` are ISO instants."""

    disposition: str = _sent(RELEASED)
    granted: str = ""
    released: str = ""
    requested: str = ""
    beneficiary: Beneficiary = Beneficiary()
    requester: Beneficiary = Beneficiary()
    share_instance_id: str = ""


class MediaShare(_Part, kw_only=True, frozen=True):
    """Something that can be shared: `content`, `whiteboard`, `whiteboardview`."""

    name: str = ""
    url: str = ""
    floor: Floor | None = None
    resource_url: str = ""
    resource_type: str = ""

    @property
    def holder(self) -> Beneficiary | None:
        """Return who has the floor; None when nobody has."""
        floor = self.floor
        return floor.beneficiary if floor is not None and floor.disposition in (GRANTED, ACCEPTED) else None


class Link(_Part, kw_only=True, frozen=True):
    """An address of a service or a resource of the locus."""

    url: str = ""


class Links(_Part, kw_only=True, frozen=True):
    """Addresses that belong to the locus, by name."""

    services: dict[str, Link] = msgspec.field(default_factory=dict)
    resources: dict[str, Link] = msgspec.field(default_factory=dict)


class _Members(_Part, kw_only=True, frozen=True):
    """A locus, whole or in part, as it comes."""

    url: _Text | None = None
    created: str = ""
    full_state: FullState = FullState()
    info: Info = Info()
    host: Person = Person()
    self_: Participant | None = msgspec.field(default=None, name="self")
    participants: tuple[Participant, ...] = ()
    controls: MeetingControls = MeetingControls()
    media_shares: tuple[MediaShare, ...] = ()
    sync_url: str = ""
    links: Links = Links()
    conversation_url: str = ""
    replaces: tuple[Replaced, ...] = ()


_MEMBERS: Final = {one.encode_name: one.name for one in msgspec.structs.fields(_Members)}


class Locus(_Members, kw_only=True, frozen=True):
    """A call or meeting as one participant sees it; `base_sequence` is there in a delta only."""

    url: _Text
    sequence: Sequence = NONE
    base_sequence: Sequence | None = None

    @property
    def id(self) -> str:
        """Return the last segment of the URL."""
        return locus_id(self.url)

    @property
    def me(self) -> Participant | None:
        """Return the participant that this locus was sent to (`self` on the wire)."""
        return self.self_

    @property
    def is_meeting(self) -> bool:
        """Tell whether it is a meeting, not a call of two."""
        return self.full_state.type is LocusType.MEETING

    def own_device(self, device_url: str) -> Device | None:
        """Return the device of self with that registration ("joined with"); None without one."""
        return self.self_.device(device_url) if self.self_ is not None else None

    def participant(self, participant_id: str) -> Participant | None:
        """Return a participant by id; None without one."""
        return next((one for one in self.participants if one.id == participant_id), None)

    @property
    def others(self) -> tuple[Participant, ...]:
        """Return everybody but self."""
        mine = self.self_.url if self.self_ is not None else ""
        return tuple(one for one in self.participants if one.url != mine)

    def share(self, name: str = CONTENT) -> MediaShare | None:
        """Return a media share by name; None without one."""
        return next((one for one in self.media_shares if one.name == name), None)

    def merged(self, delta: Delta) -> Locus:
        """Return this locus after a delta: what `parse_locus` reads from the merged raw forms, at the cost of the delta only."""
        changes = delta.changes
        if "participants" in changes:
            changes = {**changes, "participants": _upserted(self.participants, changes["participants"])}
        return msgspec.structs.replace(self, **changes, base_sequence=None)

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON form; participants and sequence are always there."""
        wire: dict[str, Any] = codec.builtins(self)
        wire.setdefault("participants", [])
        wire["sequence"] = self.sequence.as_wire()
        if self.base_sequence is not None:
            wire["baseSequence"] = self.base_sequence.as_wire()
        return wire


@dataclass(frozen=True, slots=True)
class Delta:
    """What changed of a locus.

    Attributes:
        url: of the locus; empty if it is not told.
        base: sequence of the view that the delta is for.
        sequence: of the view that it leads to.
        raw: as it came.
        changes: fields of `Locus` that it replaces; of the participants only those that changed.
    """

    url: str
    base: Sequence
    sequence: Sequence
    raw: Mapping[str, Any] = field(repr=False)
    changes: Mapping[str, Any] = field(repr=False)


def _upserted(current: tuple[Participant, ...], changed: tuple[Participant, ...]) -> tuple[Participant, ...]:
    if not changed:
        return current
    by_url = {one.url: one for one in current}
    for one in changed:
        if one.removed:
            by_url.pop(one.url, None)
        else:
            by_url[one.url] = one
    return tuple(by_url.values())


def locus_id(url: str) -> str:
    """Return the id of a locus: the last segment of its URL."""
    return url.rstrip("/").rpartition("/")[2]


def parse_locus(raw: object, where: str = "locus") -> Locus:
    """Read a whole locus; a `baseSequence` in it is read and kept.

    Raises:
        RemoteProtocolError: not an object, no http(s) URL, a member of a wrong type, a state that does not exist, or a sequence that
            breaks its rules; `.where` names the member.
    """
    if not isinstance(raw, Mapping):
        raise RemoteProtocolError(where, "an object with url, self, participants and sequence")
    part = _convert(raw, where)
    if part.url is None:
        raise RemoteProtocolError(f"{where}.url", "an http(s) URL")
    base = raw.get("baseSequence")
    return Locus(
        **{name: getattr(part, name) for name in _MEMBERS.values()},
        sequence=parse_sequence(raw.get("sequence"), f"{where}.sequence"),
        base_sequence=None if base is None else parse_sequence(base, f"{where}.baseSequence"),
    )


def parse_delta(raw: object, where: str = "locus") -> Delta:
    """Read what changed of a locus.

    Raises:
        RemoteProtocolError: no `baseSequence`, or as `parse_locus`; only the URL may be missing.
    """
    if not isinstance(raw, Mapping) or raw.get("baseSequence") is None:
        raise RemoteProtocolError(f"{where}.baseSequence", "present in a delta")
    part = _convert(raw, where)
    changes = {
        _MEMBERS[name]: getattr(part, _MEMBERS[name]) for name in _MEMBERS.keys() & raw.keys() if raw[name] is not None
    }
    base = parse_sequence(raw["baseSequence"], f"{where}.baseSequence")
    sequence = parse_sequence(raw.get("sequence"), f"{where}.sequence")
    if raw.get("sequence") is not None:
        changes["sequence"] = sequence
    return Delta(part.url or "", base, sequence, raw, changes)


def _convert(raw: Mapping[str, Any], where: str) -> _Members:
    """Read the members; nulls are rare, so they are taken out only where they are in the way."""
    try:
        part = codec.convert(raw, _Members, where)
    except RemoteProtocolError:
        part = codec.convert(without_nulls(raw), _Members, where)
    if part.url is not None and not (part.url.startswith("http") and is_url(part.url)):
        raise RemoteProtocolError(f"{where}.url", "an http(s) URL")
    return part


def without_nulls(value: Any) -> Any:
    """Return decoded JSON without the members that are null; places of a list that are null stay."""
    if isinstance(value, Mapping):
        return {name: without_nulls(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [without_nulls(inner) for inner in value]
    return value
