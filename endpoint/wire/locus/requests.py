"""What is asked of a locus over HTTP, and what is answered. Both ways: a client builds these, a service reads them.

Two clients send the same wish in two forms: the device's registration as `deviceUrl`, or as `device: {url, deviceType}`; the service
accepts both, and the structs have one `own_url` for it.

Source: protocol/cloud-services.md 9.6, 9.7, worked example 18.10. What is ours is named in the docstrings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, TypeVar

import msgspec

from endpoint.wire import codec
from endpoint.wire.conventions import is_url
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.locus.dto import without_nulls
from endpoint.wire.locus.sequence import NONE, Sequence, parse_sequence
from endpoint.wire.secret import Pin, Sdp

# ---- addresses -----------------------------------------------------------------------------------------------------

LOCI: Final = "/loci"  # GET, below the locus base
CALL: Final = "/loci/call"  # POST
REDIRECTABLE: Final = "alternateRedirect=true"  # query of call and join: the client follows redirects in the body; 2.4


def join_url(locus_url: str) -> str:
    """POST: join."""
    return f"{locus_url}/participant"


def alert_url(locus_url: str) -> str:
    """PUT: it rings here."""
    return f"{locus_url}/participant/alert"


def decline_url(locus_url: str) -> str:
    """PUT: the call is not taken."""
    return f"{locus_url}/participant/decline"


def leave_url(self_url: str) -> str:
    """PUT: leave, or with somebody else's URL take him out."""
    return f"{self_url}/leave"


def media_url(self_url: str) -> str:
    """PUT: change the media."""
    return f"{self_url}/media"


def dtmf_url(self_url: str) -> str:
    """POST: send tones."""
    return f"{self_url}/sendDtmf"


def hold_url(self_url: str) -> str:
    """PUT: hold, or take back; ours."""
    return f"{self_url}/hold"


def merge_url(locus_url: str) -> str:
    """PUT: take other calls into this one; ours."""
    return f"{locus_url}/merge"


def controls_url(locus_or_participant_url: str) -> str:
    """PATCH, PUT: change the controls of a locus or of a participant."""
    return f"{locus_or_participant_url}/controls"


def end_url(locus_url: str) -> str:
    """POST: end it for all."""
    return f"{locus_url}/end"


def add_url(locus_url: str) -> str:
    """POST: call somebody in; ours."""
    return f"{locus_url}/participants"


# ---- media ---------------------------------------------------------------------------------------------------------

OFFER: Final = "OFFER"
ANSWER: Final = "ANSWER"
OK: Final = "OK"
ERROR: Final = "ERROR"
OFFER_REQUEST: Final = "OFFER_REQUEST"
OFFER_RESPONSE: Final = "OFFER_RESPONSE"
TURN_DISCOVERY_REQUEST: Final = "TURN_DISCOVERY_REQUEST"
TURN_DISCOVERY_RESPONSE: Final = "TURN_DISCOVERY_RESPONSE"
ROAP_TYPES: Final = frozenset(
    {OFFER, ANSWER, OK, ERROR, OFFER_REQUEST, OFFER_RESPONSE, TURN_DISCOVERY_REQUEST, TURN_DISCOVERY_RESPONSE}
)
IN_HTTP: Final = "includeAnswerInHttpResponse"  # header of an offer
NO_OK: Final = "noOkInTransaction"
TIE_BREAKER: Final = 4294967294  # of the web client
ROAP_VERSION: Final = "2"

_Count = Annotated[int, msgspec.Meta(ge=0)]


class _Body(msgspec.Struct, kw_only=True, frozen=True, rename="camel", omit_defaults=True):
    """A body or a part of one: what is not told has its default, and is not sent."""

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON form; secrets are in clear."""
        wire: dict[str, Any] = codec.builtins(self)
        return wire


class RoapMessage(_Body, kw_only=True, frozen=True):
    """A step of the negotiation of media (ROAP)."""

    seq: _Count
    message_type: str
    version: str = ROAP_VERSION
    sdps: tuple[Sdp, ...] = ()
    tie_breaker: int | None = None
    error_type: str = ""
    headers: tuple[str, ...] = ()

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON form; the version is always there."""
        return {**super().to_wire(), "version": self.version}


def parse_roap(raw: object, where: str = "roapMessage") -> RoapMessage:
    """Read a ROAP message.

    Raises:
        RemoteProtocolError: a member is missing or of the wrong type, or a type of message that does not exist.
    """
    message = codec.convert(raw, RoapMessage, where)
    if message.message_type not in ROAP_TYPES:
        raise RemoteProtocolError(f"{where}.messageType", "one of " + ", ".join(sorted(ROAP_TYPES)))
    return message


class SdpText(_Body, kw_only=True, frozen=True):
    """What the JSON text in `localSdp` and `remoteSdp` says: a bare session description, or a ROAP message with what goes with it.

    `reachability` is as in protocol/cloud-services.md 10.5.
    """

    type: str = ""
    sdp: Sdp | None = None
    audio_muted: bool | None = None
    video_muted: bool | None = None
    roap_message: RoapMessage | None = None
    reachability: dict[str, Any] | None = None

    @property
    def description(self) -> Sdp | None:
        """Return the session description, whichever way it came; None if there is none."""
        if self.sdp is not None:
            return self.sdp
        message = self.roap_message
        return message.sdps[0] if message is not None and message.sdps else None

    def text(self) -> Sdp:
        """Return the JSON text."""
        wire = self.to_wire()
        if self.roap_message is not None:
            wire["roapMessage"] = self.roap_message.to_wire()
        return Sdp(codec.encode(wire).decode())


def plain_sdp(sdp: str) -> SdpText:
    """Build the form of the small plugin: `{type: SDP, sdp}`."""
    return SdpText(type="SDP", sdp=Sdp(sdp))


def parse_sdp(text: Sdp | str, where: str = "localSdp") -> SdpText:
    """Read the JSON text of a `localSdp` or `remoteSdp`.

    Raises:
        RemoteProtocolError: not a JSON object, or a member of a wrong type.
    """
    clear = text.reveal() if isinstance(text, Sdp) else text
    read = codec.decode(clear, SdpText, where)
    if read.roap_message is not None and read.roap_message.message_type not in ROAP_TYPES:
        raise RemoteProtocolError(f"{where}.roapMessage.messageType", "one of " + ", ".join(sorted(ROAP_TYPES)))
    return read


class LocalMedia(_Body, kw_only=True, frozen=True):
    """A member of `localMedias`; `local_sdp` is JSON text, see `SdpText`."""

    local_sdp: Sdp
    media_id: str = ""


class ConnectionAnswer(_Body, kw_only=True, frozen=True):
    """A member of `mediaConnections`, one for each device of self, in the same order."""

    media_id: str
    type: str = "SDP"
    remote_sdp: Sdp | None = None
    local_sdp: Sdp | None = None
    actions_url: str = ""
    media_agent_alias: str = ""
    media_agent_group_id: str = ""

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON form; the type is always there."""
        return {**super().to_wire(), "type": self.type}


# ---- bodies --------------------------------------------------------------------------------------------------------


class RequestDevice(_Body, kw_only=True, frozen=True):
    """The device that asks, as the larger plugin names it."""

    url: str = ""
    device_type: str = ""
    country_code: str = ""
    region_code: str = ""
    local_ip: str = ""
    installation_id: str = ""


class _Request(_Body, kw_only=True, frozen=True):
    """What all requests have: who asks, and what it has seen of the locus."""

    device_url: str = ""
    device: RequestDevice | None = None
    correlation_id: str = ""
    raw_sequence: dict[str, Any] | None = msgspec.field(default=None, name="sequence")

    @property
    def own_url(self) -> str:
        """Return the registration of the device that asks; empty if it is not told."""
        return self.device_url or (self.device.url if self.device is not None else "")

    @property
    def device_type(self) -> str:
        """Return the type of the device that asks; empty if it is not told."""
        return self.device.device_type if self.device is not None else ""

    @property
    def sequence(self) -> Sequence:
        """Return what the device has seen; empty if it is not told."""
        return parse_sequence(self.raw_sequence) if self.raw_sequence is not None else NONE

    @property
    def takes_deltas(self) -> bool:
        """Tell whether the client sent what only the larger plugin sends, and so understands deltas; I."""
        return self.device is not None


class MediaPreferences(_Body, kw_only=True, frozen=True):
    """`clientMediaPreferences`; `join_cookie` and `reachability` are passed through."""

    prefer_transcoding: bool | None = None
    join_cookie: Any = None
    ipver: int | None = None
    reachability: dict[str, Any] | None = None


class CallPreferences(_Body, kw_only=True, frozen=True):
    """`callPreferences`."""

    requested_media: tuple[str, ...] = ()


class JoinRequest(_Request, kw_only=True, frozen=True):
    """Join a locus. `role` and `intent_to_join`, the answer to a 423, are ours."""

    as_resource_occupant: bool | None = None
    using_resource: str | None = None
    move_media_to_resource: bool | None = None
    resp_only_sdp: bool | None = None
    allow_multi_device: bool | None = None
    ensure_conversation: bool | None = None
    supports_native_lobby: int | bool | None = None
    client_media_preferences: MediaPreferences | None = None
    alias: str = ""
    locale: str = ""
    device_capabilities: tuple[str, ...] = ()
    moderator: bool | None = None
    permission_token: Pin | None = None
    pin: Pin | None = None
    role: str = ""
    call_preferences: CallPreferences | None = None
    local_medias: tuple[LocalMedia, ...] = ()

    def local_sdps(self) -> tuple[SdpText, ...]:
        """Return what the local media say; RemoteProtocolError as `parse_sdp`."""
        return tuple(
            parse_sdp(media.local_sdp, f"localMedias[{n}].localSdp") for n, media in enumerate(self.local_medias)
        )

    @property
    def reachability(self) -> Mapping[str, Any] | None:
        """Return the reachability report, from the preferences or from beside the session description; None without one."""
        preferences = self.client_media_preferences
        if preferences is not None and preferences.reachability is not None:
            return preferences.reachability
        return next((sdp.reachability for sdp in self.local_sdps() if sdp.reachability is not None), None)


class Invitee(_Body, kw_only=True, frozen=True):
    """Who is called: one form has the address as `invitee`, the other as `address`."""

    invitee: str = ""
    address: str = ""

    @property
    def target(self) -> str:
        """Return the address, without white space around it."""
        return (self.address or self.invitee).strip()


class CallRequest(JoinRequest, kw_only=True, frozen=True):
    """Call somebody, or join a meeting by address; without an invitee a new meeting begins (ours)."""

    invitee: Invitee | None = None

    @property
    def target(self) -> str:
        """Return the address that is called; empty for an instant meeting."""
        return self.invitee.target if self.invitee is not None else ""


class AlertRequest(_Request, kw_only=True, frozen=True):
    """It rings at this device."""


class DeclineRequest(_Request, kw_only=True, frozen=True):
    """The call is not taken; `reason` is BUSY, DND or UNKNOWN."""

    reason: str = ""


class LeaveRequest(_Request, kw_only=True, frozen=True):
    """Leave, or take somebody out."""

    using_resource: str | None = None
    reason: str = ""


class MediaRequest(_Request, kw_only=True, frozen=True):
    """Change the media, or only whether they are muted."""

    client_media_preferences: MediaPreferences | None = None
    local_medias: tuple[LocalMedia, ...] = ()
    resp_only_sdp: bool | None = None
    using_resource: str | None = None

    def local_sdps(self) -> tuple[SdpText, ...]:
        """Return what the local media say; RemoteProtocolError as `parse_sdp`."""
        return tuple(
            parse_sdp(media.local_sdp, f"localMedias[{n}].localSdp") for n, media in enumerate(self.local_medias)
        )


class HoldRequest(_Request, kw_only=True, frozen=True):
    """Hold the call, or take it back; ours."""

    held: bool


class MergeRequest(_Request, kw_only=True, frozen=True):
    """Take the calls of other loci into this one; ours."""

    locus_urls: tuple[str, ...]


class Party(_Body, kw_only=True, frozen=True):
    """A participant in a request about the floor."""

    id: str = ""
    url: str = ""
    devices: tuple[RequestDevice, ...] = ()


class FloorWish(_Body, kw_only=True, frozen=True):
    """What shall become of the floor: GRANTED or RELEASED."""

    disposition: str
    beneficiary: Party = Party()
    requester: Party = Party()


class FloorRequest(_Body, kw_only=True, frozen=True):
    """Take the floor of a media share, or give it back; sent to `mediaShares[i].url`."""

    floor: FloorWish
    share_instance_id: str = ""
    resource_url: str = ""
    resource_token: Pin | None = None
    annotation: dict[str, Any] | None = None
    raw_sequence: dict[str, Any] | None = msgspec.field(default=None, name="sequence")


class Tones(_Body, kw_only=True, frozen=True):
    """`dtmf` of a request: 0 to 9, *, #, A to D. They may be a passcode."""

    tones: Pin
    correlation_id: str = ""


class DtmfRequest(_Request, kw_only=True, frozen=True):
    """Send tones."""

    dtmf: Tones


class InviteRequest(_Request, kw_only=True, frozen=True):
    """Call somebody in; ours."""

    invitees: tuple[Invitee, ...]


# ---- controls ------------------------------------------------------------------------------------------------------


class LockWish(_Body, kw_only=True, frozen=True):
    """`lock` of a request."""

    locked: bool


class RecordWish(_Body, kw_only=True, frozen=True):
    """`record` of a request."""

    recording: bool
    paused: bool = False


class MuteWish(_Body, kw_only=True, frozen=True):
    """`audio` of a request; False asks to unmute."""

    muted: bool


class EnabledWish(_Body, kw_only=True, frozen=True):
    """A control that is switched on or off."""

    enabled: bool


class LayoutWish(_Body, kw_only=True, frozen=True):
    """`layout` of a request."""

    type: str
    device_url: str = ""
    layout_params: dict[str, Any] | None = None


class AdmitWish(_Body, kw_only=True, frozen=True):
    """`admit` of a request: ids, or "all"; ours."""

    participant_ids: tuple[str, ...] | str


class ControlsRequest(_Request, kw_only=True, frozen=True):
    """Change the controls of a locus; `audio` mutes all. Which members the service honours beyond lock, layout and reactions is ours."""

    lock: LockWish | None = None
    record: RecordWish | None = None
    audio: MuteWish | None = None
    disallow_unmute: EnabledWish | None = None
    mute_on_entry: EnabledWish | None = None
    reactions: EnabledWish | None = None
    layout: LayoutWish | None = None
    admit: AdmitWish | None = None


class LobbyWish(_Body, kw_only=True, frozen=True):
    """`lobby` of a request: let in, or back to wait; ours."""

    admit: bool


class HandWish(_Body, kw_only=True, frozen=True):
    """`hand` of a request."""

    raised: bool


class RoleWish(_Body, kw_only=True, frozen=True):
    """A role to be given or taken."""

    type: str
    has_role: bool


class RolesWish(_Body, kw_only=True, frozen=True):
    """`role` of a request."""

    roles: tuple[RoleWish, ...]


class ParticipantControls(_Request, kw_only=True, frozen=True):
    """Change the controls of a participant."""

    audio: MuteWish | None = None
    video: MuteWish | None = None
    hand: HandWish | None = None
    role: RolesWish | None = None
    lobby: LobbyWish | None = None


# ---- reading and answering -----------------------------------------------------------------------------------------

B = TypeVar("B", bound=_Body)


def parse_request(raw: object, kind: type[B], where: str = "body") -> B:
    """Read the body of a request; null reads as absent, at any depth.

    Raises:
        RemoteProtocolError: a member is missing or of the wrong type, no registration where one has to be, a sequence that breaks
            its rules, or more levels than LEVELS_MAX.
    """
    request = codec.convert(without_nulls(raw, where), kind, where)
    if isinstance(request, _Request):
        if request.raw_sequence is not None:
            parse_sequence(request.raw_sequence, f"{where}.sequence")
        if request.own_url and not is_url(request.own_url):
            raise RemoteProtocolError(f"{where}.deviceUrl", "the URL of a registration")
    return request


def _without_nulls(raw: object) -> object:
    return {name: value for name, value in raw.items() if value is not None} if isinstance(raw, Mapping) else raw


class JoinAnswer(msgspec.Struct, kw_only=True, frozen=True, rename="camel"):
    """The answer to call and join, and to every other request that has a locus in it; `locus` is raw, whole or a delta."""

    locus: dict[str, Any]
    media_connections: tuple[ConnectionAnswer, ...] = ()

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON form; secrets are in clear."""
        return {"locus": self.locus, "mediaConnections": [one.to_wire() for one in self.media_connections]}


def parse_join_answer(raw: object, where: str = "answer") -> JoinAnswer:
    """Read the answer to a request.

    Raises:
        RemoteProtocolError: no locus in it, or a member of a wrong type.
    """
    return codec.convert(_without_nulls(raw), JoinAnswer, where)


class LociAnswer(msgspec.Struct, kw_only=True, frozen=True, rename="camel"):
    """The answer to `GET /loci`; loci that are named only by URL are to be fetched."""

    loci: tuple[dict[str, Any], ...] = ()
    locus_urls: tuple[str, ...] = ()
    remote_locus_cluster_urls: tuple[str, ...] = ()


def parse_loci_answer(raw: object, where: str = "answer") -> LociAnswer:
    """Read the answer to `GET /loci`.

    Raises:
        RemoteProtocolError: a member of a wrong type.
    """
    return codec.convert(_without_nulls(raw), LociAnswer, where)


def loci_answer(loci: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Build the answer to `GET /loci`."""
    listed = list(loci)
    return {"loci": listed, "locusUrls": [locus["url"] for locus in listed], "remoteLocusClusterUrls": []}
