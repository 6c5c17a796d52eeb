"""What the room and call control tell each other about calls: values only.

The room numbers its calls and knows no network; call control speaks Locus and knows no screen. Call control implements `Line`, the room
implements `Calls`; who puts the device together plugs them into each other.

Source: protocol/xapi.md section 8, activation-and-media.md section 11; the cut between the two is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal, Protocol, TypeAlias

from endpoint.wire.secret import Secret

Role: TypeAlias = Literal["", "Host", "Panelist", "Guest"]
"""As whom somebody joins; "" leaves it to the meeting."""
CallProtocol: TypeAlias = Literal["Spark", "SIP"]


class Leads(Enum):
    """What an address leads to, as far as it can be told from the address."""

    MEETING = "meeting"
    """A Webex meeting: by number, address on a site, or link."""
    PERSONAL_ROOM = "personal_room"
    PERSON = "person"
    """Somebody, or a device, of the organization or of another one in the same cloud."""
    SIP = "sip"
    """Anything else: the cloud's gateway calls it."""
    INSTANT = "instant"
    """A new meeting without an address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A call to be made.

    Attributes:
        address: what the cloud is asked for; "" for an instant meeting. It can hold the key of a host: `shown` goes into histories.
        requested: what was asked for at the device.
        protocol: SIP in the Zoom fault mode only.
        booking_id, meeting_id: of the booking that is joined; "" for none.
        platform: of the booking or of the address, as in `Conference Call[n] MeetingPlatform`.
        pin: what is sent with the join, when it was given beforehand.
        without_key: the address without the key of a host, "" where it has none.
    """

    address: str = field(repr=False)
    requested: str
    leads: Leads
    protocol: CallProtocol = "Spark"
    display_name: str = ""
    booking_id: str = ""
    meeting_id: str = ""
    platform: str = "Unknown"
    call_type: Literal["Video", "Audio"] = "Video"
    call_rate: int = 6000
    role: Role = ""
    pin: Secret | None = None
    without_key: str = ""

    @property
    def shown(self) -> str:
        """The address without what nobody else may know."""
        return self.without_key or self.address


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """Somebody calls.

    Attributes:
        remote_uri: address to call back, with scheme: `spark:ada@room.example`.
        remote_number: as `Call[n] RemoteNumber`: a UUID for a call inside the cloud, the address for one through the gateway.
        is_meeting: a meeting calls, not a person.
    """

    remote_uri: str
    remote_number: str
    display_name: str
    correlation_id: str
    is_meeting: bool = False
    has_video: bool = True


class Refusal(Enum):
    """Why the room does not let a call ring; the words of Locus."""

    BUSY = "BUSY"
    DND = "DND"
    UNKNOWN = "UNKNOWN"


class Step(Enum):
    """How far a call is that is being set up."""

    CONNECTING = "connecting"
    ALERTING = "alerting"
    """It rings at the far end."""
    LOBBY = "lobby"
    """Somebody has to let the device in."""


AuthenticationRequest: TypeAlias = Literal[
    "None", "HostPinOrGuest", "HostPinOrGuestPin", "AnyHostPinOrGuestPin", "PanelistPin", "PanelistPinOrAttendeePin",
    "PanelistPinOrAttendee", "GuestPin",
]  # fmt: skip
"""Values of `Conference Call[n] AuthenticationRequest`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """What was agreed on for the media of a call; rates in kbit/s, durations in milliseconds.

    Attributes:
        ice: as `Call[n] Ice`.
        path: udp, tcp or xTls; "" without one.
        local_ip, remote_ip: the ends of the path with their ports, as `ICE Call[n] MediaLine[n]`; "" without one.
        xtls_host: name of the media node when the path is xTls.
    """

    ice: Literal["Passed", "Failed", "Disabled"] = "Passed"
    path: str = ""
    has_video: bool = True
    encryption: str = "AES-256-GCM"
    receive_rate: int = 6000
    transmit_rate: int = 6000
    negotiation_ms: int = 0
    local_ip: str = ""
    remote_ip: str = ""
    xtls_host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Established:
    """A call is connected.

    Attributes:
        title: of the meeting, or the name of the far end; "" leaves what was shown before.
        remote_number: "" leaves what was shown before.
        invite_link: of a meeting.
    """

    is_meeting: bool
    correlation_id: str
    media: Media
    title: str = ""
    remote_number: str = ""
    invite_link: str = ""
    is_instant: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One participant of a call, as the cloud tells it; everybody but those who have left or declined.

    Attributes:
        status: connected, waiting (in the lobby), alerting, idle.
        kind: person, room, sip, bridge.
        hand: whether it is raised.
    """

    id: str
    name: str
    uri: str = ""
    user_id: str = ""
    status: Literal["connected", "waiting", "alerting", "idle"] = "connected"
    kind: Literal["person", "room", "sip", "bridge"] = "person"
    is_self: bool = False
    audio_muted: bool = False
    video_muted: bool = False
    is_host: bool = False
    is_cohost: bool = False
    is_presenter: bool = False
    is_panelist: bool = False
    hand: bool = False
    is_sharing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Conference:
    """What holds in a call, whole: each one replaces the one before it.

    Attributes:
        is_moderator: the device is host or cohost.
        is_muted: the device's microphones, as the cloud sees them.
        hard_muted: the device may not unmute itself.
        all_hard_muted: nobody but hosts may unmute.
        shared_by: participant that shares; "" for nobody.
        held: the far end holds the call.
        is_syncing: the roster is being fetched anew.
    """

    members: tuple[Member, ...] = ()
    is_moderator: bool = False
    locked: bool = False
    recording: Literal["None", "Recording", "Paused"] = "None"
    is_muted: bool = False
    hard_muted: bool = False
    all_hard_muted: bool = False
    hand: bool = False
    shared_by: str = ""
    held: bool = False
    is_streamed: bool = False
    is_transcoded: bool = False
    layouts: tuple[str, ...] = ()
    is_syncing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How a call ended; the fields of the event CallDisconnect.

    Attributes:
        cause_type: LocalDisconnect, RemoteDisconnect, RemoteBusy, RemoteRejected, RemoteNoAnswer, UnknownRemoteSite, OtherRemote ...
        cause_string: such as `CallError (startOutgoingForWebexMeeting, unexpected, MeetingNotFound, response 404/404006)`.
        elsewhere: somebody has answered the call on another device.
        screen: sentence for the people in the room; "" for none.
        correlation_id: of the call; a call that never came about has told it nowhere else.
    """

    cause_type: str
    cause_origin: Literal["Internal", "SIP", "Q850", "Spark", "WebRTC"] = "Spark"
    cause_value: int = 0
    cause_code: int = 0
    cause_string: str = ""
    elsewhere: bool = False
    screen: str = ""
    correlation_id: str = ""


class Action(Enum):
    """What can be asked of a conference."""

    LOCK = "lock"
    MUTE_ALL = "mute_all"
    HARD_MUTE = "hard_mute"
    MUTE = "mute"
    """Of somebody else; `on` False asks to unmute."""
    ADMIT = "admit"
    ADMIT_ALL = "admit_all"
    EXPEL = "expel"
    TO_LOBBY = "to_lobby"
    HAND = "hand"
    """The device's own, or that of a participant, to be lowered."""
    ROLE = "role"
    RECORD = "record"
    """`on`; `value` is start, stop, pause or resume."""
    ADD = "add"
    """`value` is an address."""
    END = "end"
    """For all."""
    HAND_OVER = "hand_over"
    """Make somebody else the host, and leave."""
    LAYOUT = "layout"
    """`value` is the name of the layout."""


@dataclass(frozen=True, slots=True)
class Control:
    """A wish about a conference."""

    action: Action
    on: bool = True
    participant_id: str = ""
    value: str = ""


class Line(Protocol):
    """Call control as the room sees it. Nothing here raises; a wish that is awaited returns "" when it is granted, else why it is not."""

    def place(self, call_id: int, call: Outgoing) -> None:
        """Begin to set a call up; what becomes of it is told to `Calls`."""

    def answer(self, call_id: int) -> None:
        """Take a ringing call."""

    def decline(self, call_id: int, reason: Refusal) -> None:
        """Refuse a ringing call, on every device of the account."""

    def leave(self, call_id: int) -> None:
        """Hang up, or give up what is being set up; `Calls.ended` follows, at once when the cloud cannot be reached."""

    async def hold(self, call_id: int, held: bool) -> str:
        """Hold a call, or take it back."""

    async def join(self, call_ids: Sequence[int]) -> str:
        """Make one call of several: the first stays."""

    async def dtmf(self, call_id: int, tones: str) -> str:
        """Send tones: 0 to 9, *, #, A to D."""

    async def mute(self, call_id: int, muted: bool) -> str:
        """Tell the call that the microphones were muted here, or not."""

    async def share(self, call_id: int, on: bool) -> str:
        """Ask for the floor, or give it back."""

    async def control(self, call_id: int, control: Control) -> str:
        """Change something of the conference."""

    async def authenticate(self, call_id: int, role: Role, pin: Secret | None) -> str:
        """Answer an authentication request."""


class Calls(Protocol):
    """The room as call control sees it. Nothing here raises; a call that the room does not know (any more) is ignored."""

    def ring(self, call: Incoming) -> int | Refusal:
        """Let a call ring; returns the id that it has from now on, or why it does not ring."""

    def stepped(self, call_id: int, step: Step) -> None:
        """Take note of how far the setting up is."""

    def asked(self, call_id: int, request: AuthenticationRequest, *, is_wrong: bool = False) -> None:
        """Ask the people for a PIN or whether they are host or guest; `None` takes the question back. `is_wrong`: the last PIN was."""

    def established(self, call_id: int, what: Established) -> None:
        """Take note that a call is connected, or connected again with other media."""

    def changed(self, call_id: int, conference: Conference) -> None:
        """Take the state of the conference."""

    def media_changed(self, call_id: int, media: Media) -> None:
        """Take note of another media path."""

    def preserved(self, call_id: int, lost: bool) -> None:
        """Take note that the cloud cannot be asked about a call that goes on, or can again."""

    def dtmf_received(self, call_id: int, tones: str) -> None:
        """Take tones from the far end."""

    def joined(self, call_id: int, gone: Sequence[int]) -> None:
        """Take note that calls have become part of another one; `ended` follows for each."""

    def ended(self, call_id: int, end: End) -> None:
        """Forget a call: it is over."""
