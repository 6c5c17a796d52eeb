"""The locus: a call or meeting as its service tells it to one participant.

Its participants are in `participant`, and can be had from here. Members that are not known are ignored and kept in the raw form, on which
`merge` works; null reads as absent. States are the five of the protocol: a locus with another one is refused as a whole, because what the
call is could not be told.

Source: protocol/cloud-services.md 9.1, 9.3, worked example 18.10.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import msgspec

from endpoint.wire import codec
from endpoint.wire.conventions import is_url
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.locus.participant import (
    ALERT_FULL,
    ALERT_NONE,
    INACTIVE,
    OBSERVE,
    WAIT,
    Alert,
    AudioControl,
    Controls,
    Device,
    GatewayCause,
    Hand,
    Intent,
    Layout,
    LocalRecord,
    MediaConnection,
    MediaSession,
    Part,
    Participant,
    Person,
    Reason,
    Replaced,
    Role,
    Roles,
    State,
    Status,
    Text,
    VideoControl,
    sent,
)
from endpoint.wire.locus.sequence import NONE, Sequence, parse_sequence

__all__ = [
    "ACCEPTED",
    "ALERT_FULL",
    "ALERT_NONE",
    "CONTENT",
    "GRANTED",
    "INACTIVE",
    "OBSERVE",
    "RELEASED",
    "WAIT",
    "Alert",
    "AudioControl",
    "Beneficiary",
    "CallInNumber",
    "Controls",
    "Delta",
    "Device",
    "DisplayHints",
    "Enabled",
    "Floor",
    "FloorDevice",
    "FullState",
    "GatewayCause",
    "Hand",
    "Info",
    "Intent",
    "Layout",
    "Link",
    "Links",
    "LocalRecord",
    "Lock",
    "Locus",
    "LocusState",
    "LocusType",
    "MediaConnection",
    "MediaSession",
    "MediaShare",
    "MeetingControls",
    "Participant",
    "Person",
    "Reason",
    "Record",
    "Replaced",
    "Role",
    "Roles",
    "ShareControl",
    "State",
    "Status",
    "VideoControl",
    "locus_id",
    "parse_delta",
    "parse_locus",
    "without_nulls",
]


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


GRANTED: Final = "GRANTED"
ACCEPTED: Final = "ACCEPTED"
RELEASED: Final = "RELEASED"
CONTENT: Final = "content"  # name of the media share of a screen
LEVELS_MAX: Final = 64
"""How deep objects and lists may be in each other; a locus needs nine."""


class FullState(Part, kw_only=True, frozen=True):
    """The state of the locus as a whole; `last_active` and `start_time` are ISO instants."""

    active: bool = sent(False)
    count: int = sent(0)
    locked: bool = sent(False)
    state: LocusState = sent(LocusState.ACTIVE)
    type: LocusType = sent(LocusType.UNKNOWN)
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


class CallInNumber(Part, kw_only=True, frozen=True):
    """A telephone number of a meeting."""

    number: str = ""
    tollfree: bool = False
    label: str = ""


class DisplayHints(Part, kw_only=True, frozen=True):
    """What a participant may do, by role, as words of the service: `MUTE_ALL`, `LOCK_CONTROL_LOCK` ..."""

    joined: tuple[str, ...] = ()
    moderator: tuple[str, ...] = ()
    co_host: tuple[str, ...] = ()


class Info(Part, kw_only=True, frozen=True):
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


class Lock(Part, kw_only=True, frozen=True):
    """`controls.lock`."""

    locked: bool = sent(False)


class Record(Part, kw_only=True, frozen=True):
    """`controls.record`."""

    recording: bool = sent(False)
    paused: bool = False


class Enabled(Part, kw_only=True, frozen=True):
    """A control that is on or off."""

    enabled: bool = sent(False)


class ShareControl(Part, kw_only=True, frozen=True):
    """`controls.shareControl`: who may share."""

    control: str = "ANYONE"


class MeetingControls(Part, kw_only=True, frozen=True):
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


class FloorDevice(Part, kw_only=True, frozen=True):
    """A device of whom the floor is for."""

    url: str = ""
    device_type: str = ""


class Beneficiary(Part, kw_only=True, frozen=True):
    """Whom the floor is for: a participant."""

    id: str = ""
    url: str = ""
    devices: tuple[FloorDevice, ...] = ()


class Floor(Part, kw_only=True, frozen=True):
    """Who shares: `disposition` GRANTED, RELEASED or ACCEPTED; `granted`, `released` and `requested` are ISO instants."""

    disposition: str = sent(RELEASED)
    granted: str = ""
    released: str = ""
    requested: str = ""
    beneficiary: Beneficiary = Beneficiary()
    requester: Beneficiary = Beneficiary()
    share_instance_id: str = ""


class MediaShare(Part, kw_only=True, frozen=True):
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


class Link(Part, kw_only=True, frozen=True):
    """An address of a service or a resource of the locus."""

    url: str = ""


class Links(Part, kw_only=True, frozen=True):
    """Addresses that belong to the locus, by name."""

    services: dict[str, Link] = msgspec.field(default_factory=dict)
    resources: dict[str, Link] = msgspec.field(default_factory=dict)


class _Members(Part, kw_only=True, frozen=True):
    """A locus, whole or in part, as it comes."""

    url: Text | None = None
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

    url: Text
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
        part = codec.convert(without_nulls(raw, where), _Members, where)
    if part.url is not None and not (part.url.startswith("http") and is_url(part.url)):
        raise RemoteProtocolError(f"{where}.url", "an http(s) URL")
    return part


def without_nulls(value: Any, where: str = "locus", levels: int = LEVELS_MAX) -> Any:
    """Return decoded JSON without the members that are null; places of a list that are null stay.

    Raises:
        RemoteProtocolError: objects and lists in each other, deeper than `levels`.
    """
    if not isinstance(value, (Mapping, list)):
        return value
    if not levels:
        raise RemoteProtocolError(where, f"at most {LEVELS_MAX} objects and lists in each other")
    if isinstance(value, list):
        return [without_nulls(inner, where, levels - 1) for inner in value]
    return {name: without_nulls(inner, where, levels - 1) for name, inner in value.items() if inner is not None}
