"""What a locus is: values that never change. A change makes a new one, and the last few are kept for deltas.

Source: protocol/cloud-services.md 9.1, 9.2.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec

from endpoint.wire.locus.dto import LocusState, State
from endpoint.wire.locus.sequence import NONE, Sequence

MODERATOR: Final = "MODERATOR"
COHOST: Final = "COHOST"
PRESENTER: Final = "PRESENTER"
PANELIST: Final = "PANELIST"
ATTENDEE: Final = "ATTENDEE"
ROLES: Final = (MODERATOR, COHOST, PRESENTER, PANELIST, ATTENDEE)
USER: Final = "USER"
ROOM: Final = "RESOURCE_ROOM"
BRIDGE: Final = "MEETING_BRIDGE"
SIP: Final = "SIP"
WEB: Final = "WEB"
LEGS_MAX: Final = 20
"""Devices of a participant that are shown, those included that have left."""
PRESENT: Final = frozenset({State.IDLE, State.NOTIFIED, State.JOINED})
"""States of somebody for whom the locus goes on."""


class _Value(msgspec.Struct, kw_only=True, frozen=True):
    """Base of the values."""


class Cause(_Value, kw_only=True, frozen=True):
    """Why a far end behind the gateway went; members as in `gatewayCause`."""

    code: int
    text: str
    type: str
    origin: str = "SIP"
    value: int = 0


class Leg(_Value, kw_only=True, frozen=True):
    """A device of a participant.

    Attributes:
        id: of its registration; of a far end that is scripted, drawn.
        intent: WAIT in the lobby.
        is_far: it has no registration here.
        origin: the address under which its client knows the cloud.
        is_plain: its client sends the requests of the small plugin, and gets whole states only.
    """

    id: str
    device_type: str = WEB
    state: State = State.JOINED
    reason: str = ""
    intent: str = ""
    correlation_id: str = ""
    media_id: str = ""
    is_far: bool = False
    is_plain: bool = False
    layout: str = ""


class Participant(_Value, kw_only=True, frozen=True):
    """Somebody in the locus.

    Attributes:
        user_id: of whoever has an account here; empty for a far end.
        is_alerted: its devices shall ring.
        audio_muted: by itself or by others; `may_not_unmute` after a hard mute.
        asked_to_unmute: somebody who muted it wants to hear it again.
    """

    id: str
    name: str
    state: State = State.IDLE
    reason: str = ""
    type: str = USER
    user_id: str = ""
    email: str = ""
    address: str = ""
    org_id: str = ""
    is_external: bool = False
    is_creator: bool = False
    is_guest: bool = False
    is_alerted: bool = False
    roles: tuple[str, ...] = ()
    legs: tuple[Leg, ...] = ()
    audio_muted: bool = False
    video_muted: bool = False
    muted_by: str = ""
    may_not_unmute: bool = False
    asked_to_unmute: bool = False
    hand: bool = False
    held: bool = False
    cause: Cause | None = None

    @property
    def is_host(self) -> bool:
        """Tell whether it may do what hosts may."""
        return MODERATOR in self.roles or COHOST in self.roles

    @property
    def is_waiting(self) -> bool:
        """Tell whether it is in the lobby."""
        return self.state is State.IDLE and any(leg.intent for leg in self.legs)

    def leg(self, leg_id: str) -> Leg | None:
        """Return a device of it; None without one."""
        return next((leg for leg in self.legs if leg.id == leg_id), None)

    @property
    def joined_legs(self) -> tuple[Leg, ...]:
        """Return the devices that are in the call."""
        return tuple(leg for leg in self.legs if leg.state is State.JOINED)


class Locus(_Value, kw_only=True, frozen=True):
    """A call or a meeting.

    Attributes:
        key: what it is a meeting of; empty for a call. `meeting_id`: the meeting in a calendar, if there is one.
        recording: empty, `on` or `paused`.
        shared_by: id of the participant who shares; `share_id` tells one share from the next.
        replaces: loci that have become part of this one.
    """

    id: str
    created: datetime
    is_meeting: bool = False
    key: str = ""
    meeting_id: str = ""
    state: LocusState = LocusState.ACTIVE
    sequence: Sequence = NONE
    last_active: datetime
    session_id: str = ""
    title: str = ""
    number: str = ""
    sip: str = ""
    link: str = ""
    site: str = ""
    owner_id: str = ""
    is_pmr: bool = False
    platform: str = ""
    org_id: str = ""
    capacity: int = 0
    participants: tuple[Participant, ...] = ()
    locked: bool = False
    recording: str = ""
    mute_on_entry: bool = False
    unmute_disallowed: bool = False
    shared_by: str = ""
    share_id: str = ""
    share_granted: datetime | None = None
    share_released: datetime | None = None
    replaces: tuple[str, ...] = ()

    @property
    def is_active(self) -> bool:
        """Tell whether it goes on."""
        return self.state in (LocusState.ACTIVE, LocusState.INITIALIZING)

    @property
    def joined(self) -> tuple[Participant, ...]:
        """Return everybody who is in."""
        return tuple(one for one in self.participants if one.state is State.JOINED)

    def participant(self, participant_id: str) -> Participant | None:
        """Return a participant by its id; None without one."""
        return next((one for one in self.participants if one.id == participant_id), None)

    def of_user(self, user_id: str) -> Participant | None:
        """Return the participant that a user is; None without one."""
        if not user_id:
            return None
        return next((one for one in self.participants if one.user_id == user_id), None)

    def having(self, leg_id: str) -> Participant | None:
        """Return the participant that has a device; None without one."""
        return next((one for one in self.participants if one.leg(leg_id) is not None), None)

    def named(self, who: str) -> Participant | None:
        """Return a participant by id, user, name or address, in any case; who is there now wins."""
        wanted = who.casefold().removeprefix("sip:").removeprefix("spark:")
        fitting = [
            one
            for one in self.participants
            if wanted in (one.id, one.user_id.casefold(), one.name.casefold(), one.email.casefold(), one.address.casefold())
        ]  # fmt: skip
        return next((one for one in fitting if one.state in PRESENT), fitting[0] if fitting else None)

    def changed(self, **fields: Any) -> Locus:
        """Return it with other fields."""
        return msgspec.structs.replace(self, **fields)

    def with_participant(self, participant: Participant) -> Locus:
        """Return it with a participant put in, or in the place of the one with its id."""
        others = {one.id: one for one in self.participants}
        others[participant.id] = participant
        return self.changed(participants=tuple(others.values()))

    def with_change(self, participant_id: str, **fields: Any) -> Locus:
        """Return it with fields of a participant changed; as it is, if there is none of that id."""
        known = self.participant(participant_id)
        return self if known is None else self.with_participant(msgspec.structs.replace(known, **fields))


def with_leg(participant: Participant, leg: Leg) -> Participant:
    """Return a participant with a device put in, or in the place of the one with its id; beyond LEGS_MAX those go that left first."""
    legs = {one.id: one for one in participant.legs}
    legs[leg.id] = leg
    over = [one.id for one in legs.values() if one.id != leg.id and one.state in (State.LEFT, State.DECLINED)]
    for gone in over[: max(0, len(legs) - LEGS_MAX)]:
        del legs[gone]
    return msgspec.structs.replace(participant, legs=tuple(legs.values()))


def without_legs(participant: Participant, reason: str = "") -> tuple[Leg, ...]:
    """Return the devices of a participant as they are when all of them have left."""
    return tuple(
        leg
        if leg.state in (State.LEFT, State.DECLINED)
        else msgspec.structs.replace(leg, state=State.LEFT, reason=reason, intent="")
        for leg in participant.legs
    )
