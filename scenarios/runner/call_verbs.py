"""Verbs of calls: what people at the device do, what the far end and the meeting do (scenario-style.md section 5).

A call is named by its ordinal among the calls of the device, from 1, or by what the scenario calls it: `id` of `dial` and `cloud.call`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, PlainValidator, WithJsonSchema

from scenarios.runner.fields import Duration, Flag, Name, Text, no_text, wrong
from scenarios.runner.validation import Objection
from scenarios.runner.values import Template
from scenarios.runner.verbs import Capability, Defined, Used, Verb, declare
from scenarios.runner.yamltree import kind_of_value

_STUB: frozenset[Capability] = frozenset({"stub"})
ORDINAL_MAX = 1_000
JOINED_MAX = 10
"""Calls that one command joins (protocol/xapi.md 8.1)."""
TONES_MAX = 32
ONE = "call"
"""Stands for the only call that can be meant."""
TONES = "0123456789*#ABCDabcd,"


def _call_ref(value: object) -> int | str:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        found = str(value) if isinstance(value, Template) else kind_of_value(value)
        raise wrong(f"write a call: its ordinal from 1, or its name; not {found}")
    if isinstance(value, int) and not 1 <= value <= ORDINAL_MAX:
        raise wrong(f"calls of a device are counted from 1 to {ORDINAL_MAX}; {value} is none")
    if not value:
        raise wrong("the name of the call is empty")
    return value


CallRef: TypeAlias = Annotated[
    int | str,
    PlainValidator(_call_ref),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string"}]}),
]
"""A call: its ordinal among the device's calls, its own name in the scenario, or `call` for the only one that can be meant."""


def _tones(value: object) -> str | Template:
    if isinstance(value, Template):
        return value
    if not isinstance(value, str):
        raise wrong(no_text(value))
    strange = sorted({tone for tone in value if tone not in TONES})
    if strange or not value or len(value) > TONES_MAX:
        raise wrong(f"tones are 1 to {TONES_MAX} of 0 to 9, *, #, A to D and the comma for a pause; found {value!r}")
    return value


Tones: TypeAlias = Annotated[str | Template, PlainValidator(_tones), WithJsonSchema({"type": "string"})]


def call_used(ref: int | str | None, key: str = "call") -> Iterable[Used]:
    """Name a call that an earlier step has made; ordinals and addresses are known only during the run."""
    if isinstance(ref, str) and ref not in (ONE, "all") and "@" not in ref and not ref.isdigit():
        yield Used("call", ref, (key,))


# at the device


@declare
class Dial(Verb):
    """Dial a number, an address or a link. `id` is the call's name from here on.

    `booking` says that it is that of a booking: a meeting's own name in the scenario, or an id such as `webex-1`.
    """

    verb = "dial"
    short = "number"
    done = "the command is answered; the call may fail later"
    number: Text
    id: Name | None = None
    protocol: Literal["auto", "spark", "sip"] = "auto"
    type: Literal["auto", "audio", "video"] = "auto"
    booking: Text | None = None
    display_name: Text | None = None

    def defines(self) -> Iterable[Defined]:
        """Make the call known."""
        if self.id is not None:
            yield Defined("call", self.id, ("id",))


class PerhapsOfACall(Verb):
    """Has a call, or none."""

    call: CallRef | None = None

    def uses(self) -> Iterable[Used]:
        """Refer to the call."""
        yield from call_used(self.call)


class _OfACall(Verb):
    """What the verbs about one call have in common."""

    short = "call"
    done = "the command is answered"
    call: CallRef = ONE

    def uses(self) -> Iterable[Used]:
        """Refer to the call."""
        yield from call_used(self.call)


@declare
class AnswerCall(_OfACall):
    """Take a call that rings."""

    verb = "answer"


@declare
class RejectCall(_OfACall):
    """Refuse a call that rings, on every device of the account."""

    verb = "reject"


@declare
class IgnoreCall(_OfACall):
    """Silence a call that rings; it goes on ringing for its caller."""

    verb = "ignore"


@declare
class HoldCall(_OfACall):
    """Put a call on hold."""

    verb = "hold"


@declare
class ResumeCall(_OfACall):
    """Take a call back from hold."""

    verb = "resume"


@declare
class HangUp(_OfACall):
    """Hang up, or give up what is being set up: the active call, one that is named, or `all`."""

    verb = "hang_up"


@declare
class JoinCalls(Verb):
    """Make one call of several: a list of them; the first stays."""

    verb = "join"
    short = "calls"
    done = "the command is answered"
    calls: Annotated[tuple[CallRef, ...], Field(max_length=JOINED_MAX, strict=False)]

    def objections(self) -> Iterable[Objection]:
        """Object to fewer than two."""
        if len(self.calls) < 2:
            yield Objection(("calls",), "write at least two calls, such as [1, 2]")

    def uses(self) -> Iterable[Used]:
        """Refer to the calls."""
        for index, ref in enumerate(self.calls):
            for used in call_used(ref, "calls"):
                yield used._replace(path=("calls", index))


@declare
class Dtmf(_OfACall):
    """Send tones into a call; a comma is a pause."""

    verb = "dtmf"
    short = "tones"
    done = "the command is answered"
    tones: Tones


@declare
class Share(PerhapsOfACall):
    """Share what is connected to the device, or stop that. In a call it takes the floor; without one it is shown in the room."""

    verb = "share"
    short = "state"
    done = "the command is answered"
    state: Literal["start", "stop"]
    connector: Annotated[int, Field(ge=1, le=15)] | None = None
    """What is shared; by default the first input that something is connected to."""

    def objections(self) -> Iterable[Objection]:
        """Object to a connector where nothing is begun."""
        if self.connector is not None and self.state == "stop":
            yield Objection(("connector",), "only `start` takes a connector", at_key=True)


@declare
class Authenticate(_OfACall):
    """Answer the question whether the people are host or guest, with the PIN if there is one."""

    verb = "authenticate"
    short = "role"
    done = "the command is answered"
    role: Literal["host", "panelist", "guest"]
    pin: Text | None = None


@declare
class Listener(Verb):
    """Let an integration listen to the device from here on, until it is told `state: off` or the device goes down.

    `zoom_redial` hears of calls that end: an outgoing one to Zoom whose cause names SSL is dialled once again, by meeting and passcode.
    """

    verb = "listener"
    short = "what"
    done = "it listens"
    what: Literal["zoom_redial"]
    state: Literal["on", "off"] = "on"


# in the cloud


@declare
class CloudCall(Verb):
    """Let somebody call the account of the step's device: every device of the account rings. `id` is the call's name from here on.

    The caller gives up after `cancel_after`; somebody answers on another device after `elsewhere_after`.
    """

    verb = "cloud.call"
    short = "id"
    needs = _STUB
    done = "the account is called"
    id: Name
    from_: Annotated[Text, Field(alias="from")] = "ada.adams@acme.example"
    name: Text = ""
    cancel_after: Duration | None = None
    elsewhere_after: Duration | None = None
    meeting: Flag = False
    """A meeting calls, not a person."""

    def defines(self) -> Iterable[Defined]:
        """Make the call known."""
        yield Defined("call", self.id, ("id",))


class _FarEnd(Verb):
    """What the far end's verbs have in common."""

    short = "call"
    needs = _STUB
    call: CallRef
    """A call of the device, or an address: how it answers from here on."""
    after: Duration = 0.0

    def uses(self) -> Iterable[Used]:
        """Refer to the call."""
        yield from call_used(self.call)


@declare
class CloudAnswer(_FarEnd):
    """Let the far end answer a call of the device."""

    verb = "cloud.answer"
    done = "answered, or to be answered `after` a while"


@declare
class CloudDecline(_FarEnd):
    """Let the far end refuse a call of the device."""

    verb = "cloud.decline"
    done = "declined, or to be declined `after` a while"
    reason: Literal["busy", "dnd", "unknown"] = "busy"


class _InAConference(Verb):
    """What the verbs about a conference have in common."""

    needs = _STUB
    meeting: Text | None = None
    """A meeting's own name in the scenario, its number or its address."""
    call: CallRef | None = None

    def objections(self) -> Iterable[Objection]:
        """Object to no conference, and to two."""
        if (self.meeting is None) == (self.call is None):
            yield Objection((), "write which: either meeting or call")

    def uses(self) -> Iterable[Used]:
        """Refer to the call."""
        yield from call_used(self.call)


class _OfAParticipant(_InAConference):
    """What the verbs about a participant have in common."""

    participant: Text | None = None
    """By name or address; without it, the step's device."""


@declare
class CloudLobby(_OfAParticipant):
    """Put a participant back into the lobby; `cloud.conference` with `lobby: true` holds those who come."""

    verb = "cloud.lobby"
    done = "the participant waits"


@declare
class CloudAdmit(_OfAParticipant):
    """Let a participant in from the lobby, or `participant: all`."""

    verb = "cloud.admit"
    done = "let in"


@declare
class CloudDrop(_OfAParticipant):
    """Remove a participant from a call or meeting."""

    verb = "cloud.drop"
    done = "removed"
    reason: Text = ""


@declare
class CloudEnd(_InAConference):
    """End a call or meeting for all."""

    verb = "cloud.end"
    done = "ended"


PeerBehaviour: TypeAlias = Literal["answer", "busy", "reject", "no_answer", "not_found", "prompt", "ssl"]


@declare
class CloudPeer(Verb):
    """Say how an address behind the SIP gateway behaves when it is called from here on.

    `prompt` asks for a meeting and its passcode by tones; `ssl` refuses the connection as in the Zoom case.
    """

    verb = "cloud.peer"
    acts_on_device = False
    needs = _STUB
    done = "it holds for the next call"
    address: Text
    behaves: PeerBehaviour
    after: Duration | None = None
    """How long it takes; by default 1s, for `ssl` 2s."""
    meeting: Text = ""
    passcode: Text = ""

    def objections(self) -> Iterable[Objection]:
        """Object to a meeting where nobody asks for one, and to what is no address."""
        if (self.meeting or self.passcode) and self.behaves not in ("prompt", "answer"):
            yield Objection((), f"a peer that behaves as `{self.behaves}` asks for no meeting and no passcode")
        if isinstance(self.address, str) and "@" not in self.address:
            yield Objection(("address",), f"`{self.address}` is no address; write one such as bridge@sip.example")


ParticipantDoes: TypeAlias = Literal[
    "join",
    "leave",
    "mute",
    "unmute",
    "share",
    "stop_share",
    "raise_hand",
    "lower_hand",
    "hold",
    "resume",
    "dtmf",
    "role",
]


@declare
class CloudParticipant(_InAConference):
    """Let a person in a call or meeting do something: join, leave, mute, share, raise a hand, send tones (`value`) ..."""

    verb = "cloud.participant"
    done = "done"
    who: Text
    do: ParticipantDoes
    name: Text = ""
    role: Literal["", "host", "cohost", "presenter", "panelist"] = ""
    value: Text = ""

    def objections(self) -> Iterable[Objection]:
        """Object to what does not go with what is done."""
        yield from super().objections()
        if self.do == "dtmf" and not self.value:
            yield Objection((), 'write the tones: value: "1#"')
        if self.do != "dtmf" and self.value:
            yield Objection(("value",), "only `dtmf` takes a value", at_key=True)
        if self.do == "role" and not self.role:
            yield Objection((), "write which: role: host, cohost, presenter or panelist")
        if self.do != "join" and self.name:
            yield Objection(("name",), "only `join` takes a name", at_key=True)
        if self.do not in ("join", "role") and self.role:
            yield Objection(("role",), "only `join` and `role` take a role", at_key=True)


_SETTINGS = ("locked", "lobby", "pin", "guest_pin", "capacity", "moved_to", "open_for_guests", "mute_on_entry")
_IN_CALL = ("recording", "hard_mute", "mute")
CAPACITY_MAX = 1_000


@declare
class CloudConference(_OfAParticipant):
    """Change a meeting, before or while it runs, as its host does.

    `recording`, `hard_mute` and `mute` need one that runs; `mute` is about the step's device unless `participant` says whom.
    """

    verb = "cloud.conference"
    done = "it holds"
    locked: Flag | None = None
    lobby: Flag | None = None
    pin: Text | None = None
    """Of the host."""
    guest_pin: Text | None = None
    capacity: Annotated[int, Field(ge=1, le=CAPACITY_MAX)] | None = None
    moved_to: Text | None = None
    """The meeting in whose place it takes place."""
    open_for_guests: Flag | None = None
    mute_on_entry: Flag | None = None
    recording: Literal["start", "stop", "pause", "resume"] | None = None
    hard_mute: Flag | None = None
    mute: Flag | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """Return what changes of the meeting as such."""
        return {name: getattr(self, name) for name in _SETTINGS if getattr(self, name) is not None}

    def objections(self) -> Iterable[Objection]:
        """Object to a change of nothing, and to a participant of whom nothing is said."""
        yield from super().objections()
        if all(getattr(self, name) is None for name in (*_SETTINGS, *_IN_CALL)):
            yield Objection((), f"write what changes: {', '.join((*_SETTINGS, *_IN_CALL))}")
        if self.participant is not None and self.mute is None:
            yield Objection(("participant",), "only `mute` is about a participant", at_key=True)
        for key in ("pin", "guest_pin"):
            digits = getattr(self, key)
            if isinstance(digits, str) and digits and not digits.isdigit():
                yield Objection((key,), f"a PIN is made of digits, not `{digits}`")
