"""One call of the room: what is known of it. Whoever changes it shows it as well."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from endpoint.room.calls.average import Average
from endpoint.room.calls.table import ACTIVE, TABLE, State
from endpoint.runtime.clock import Timer
from endpoint.runtime.statetable import Machine
from endpoint.wire.callcontrol import AuthenticationRequest, CallProtocol, Conference, Leads, Media

Direction = Literal["Incoming", "Outgoing"]
AnswerState = Literal["Unanswered", "Answered", "Autoanswered", "Ignored"]
Counter = Literal["Active", "InProgress", "Suspended"]
HoldReason = Literal["None", "Conference", "Transfer"]


@dataclass(slots=True, kw_only=True, eq=False)
class RoomCall:
    """A call, from its number to its end. Seconds are those of the device's clock, rates are in kbit/s.

    Attributes:
        conference_id: number that Dial answers besides that of the call.
        callback: address to call back, with scheme.
        remote_number: as `Call[n] RemoteNumber`.
        requested: what was asked for; empty for an incoming call.
        connected_s: when it was connected; None before that.
        has_conference: `Conference Call[n]` is shown.
        is_listed: the list of participants has been told.
        in_lobby: somebody has to let the device in.
        was_rejected: somebody here did not want it.
        was_held: it was on hold when it was lost, or hung up.
        is_switching: the cloud has been asked to hold it, or to take it back.
        people: how many were in the room since it was connected.
        merged_into: call that it has become part of.
        asked_to_unmute: the host wishes to hear the room, which only people in it can do.
        mutes_pending: wishes about the microphones that the cloud has not answered yet.
    """

    id: int
    conference_id: int
    direction: Direction
    callback: str
    remote_number: str
    began: datetime
    machine: Machine[State] = field(default_factory=lambda: Machine(TABLE))
    display_name: str = ""
    requested: str = ""
    protocol: CallProtocol = "Spark"
    leads: Leads = Leads.PERSON
    booking_id: str = ""
    meeting_id: str = ""
    platform: str = "Unknown"
    call_type: Literal["Video", "Audio"] = "Video"
    call_rate: int = 0
    answer_state: AnswerState = "Unanswered"
    is_meeting: bool = False
    is_instant: bool = False
    connected_s: float | None = None
    people: Average | None = None
    media: Media | None = None
    conference: Conference = field(default_factory=Conference)
    has_conference: bool = False
    is_listed: bool = False
    authentication: AuthenticationRequest = "None"
    wrong_pin: bool = False
    hold_reason: HoldReason = "None"
    in_lobby: bool = False
    invite_link: str = ""
    session_id: str = ""
    correlation_id: str = ""
    was_rejected: bool = False
    was_held: bool = False
    is_switching: bool = False
    hand_was_raised: bool = False
    merged_into: int = 0
    asked_to_unmute: bool = False
    mutes_pending: int = 0
    auto_answer: Timer | None = None

    @property
    def state(self) -> State:
        """Where the call is."""
        return self.machine.state

    @property
    def is_ringing(self) -> bool:
        """Say whether somebody here could take it."""
        return self.state is State.RINGING

    @property
    def is_active(self) -> bool:
        """Say whether it is connected and not held here."""
        return self.state in ACTIVE

    @property
    def counter(self) -> Counter:
        """As what `SystemUnit State` counts it; one that is being hung up counts as before."""
        if not self.was_connected:
            return "InProgress"
        is_over = self.state is State.DISCONNECTING
        return "Suspended" if self.is_held or (is_over and self.was_held) else "Active"

    @property
    def is_asked(self) -> bool:
        """Say whether the meeting waits for a PIN or a role."""
        return self.authentication != "None"

    @property
    def is_held(self) -> bool:
        """Say whether it was put on hold here."""
        return self.state is State.ON_HOLD

    @property
    def was_connected(self) -> bool:
        """Say whether it has been connected, be it over or not."""
        return self.connected_s is not None

    @property
    def encryption(self) -> str:
        """The cipher in use; `None` without media, and in the SIP fault mode."""
        return self.media.encryption if self.media is not None and self.protocol == "Spark" else "None"

    def duration_s(self, now_s: float) -> int:
        """Return the whole seconds since it was connected; 0 before that."""
        return 0 if self.connected_s is None else int(now_s - self.connected_s + 1e-6)

    def begin(self, event: object, on_change: Callable[[str, State, object, State], object]) -> None:
        """Begin its life; `on_change` is told of every step."""
        self.machine = Machine(TABLE, on_change)
        self.machine.feed(event)
