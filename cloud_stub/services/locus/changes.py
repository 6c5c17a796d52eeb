"""How participants come and go, and when a locus is over: the lifecycle as a table, and what follows from each step. Pure.

Source: protocol/cloud-services.md 9.2, 9.3, activation-and-media.md 11; server timing and what is refused are ours.
"""

from __future__ import annotations

from typing import Final

import msgspec

from cloud_stub.platform.errors import CloudError, Conflict
from cloud_stub.services.locus.state import Cause, Leg, Locus, Participant, with_leg, without_legs
from endpoint.runtime.statetable import Next, Table
from endpoint.wire.locus import errors
from endpoint.wire.locus.dto import WAIT, LocusState, Reason, State

PARTICIPANTS_MAX: Final = 1_000
"""Participants of a locus, those who have left included; beyond it those who left first are forgotten."""


class Invited:
    """Somebody is called."""


class Alerted:
    """It rings at one of the devices."""


class Entered:
    """A device is in."""


class Waits:
    """A device is in the lobby."""


class Refused:
    """The call is not taken."""


class Gone:
    """Nobody is left of it, or it was taken out."""


TABLE: Final = Table(
    "participant",
    State.IDLE,
    {
        (State.IDLE, Invited): Next(State.IDLE),
        (State.IDLE, Alerted): Next(State.NOTIFIED),
        (State.IDLE, Entered): Next(State.JOINED),
        (State.IDLE, Waits): Next(State.IDLE),
        (State.IDLE, Refused): Next(State.DECLINED),
        (State.IDLE, Gone): Next(State.LEFT),
        (State.NOTIFIED, Invited): Next(State.NOTIFIED),
        (State.NOTIFIED, Alerted): Next(State.NOTIFIED),
        (State.NOTIFIED, Entered): Next(State.JOINED),
        (State.NOTIFIED, Waits): Next(State.IDLE),
        (State.NOTIFIED, Refused): Next(State.DECLINED),
        (State.NOTIFIED, Gone): Next(State.LEFT),
        (State.JOINED, Entered): Next(State.JOINED),
        (State.JOINED, Waits): Next(State.IDLE),
        (State.JOINED, Gone): Next(State.LEFT),
        (State.LEFT, Invited): Next(State.IDLE),
        (State.LEFT, Entered): Next(State.JOINED),
        (State.LEFT, Waits): Next(State.IDLE),
        (State.DECLINED, Invited): Next(State.IDLE),
        (State.DECLINED, Entered): Next(State.JOINED),
        (State.DECLINED, Waits): Next(State.IDLE),
    },
)
"""A pair that is not here is refused with 409."""


def conflict(text: str) -> Conflict:
    """Return the refusal of what does not fit the present state."""
    return Conflict(text, "2409005")


def step(participant: Participant, event: type) -> State:
    """Return the state that a participant has after an event.

    Raises:
        CloudError: 409, the event does not fit the state.
    """
    row = TABLE.rows.get((participant.state, event))
    if not isinstance(row, Next):
        raise conflict(
            f"{participant.name or participant.id} is {participant.state.value}, and so cannot be {event.__name__.lower()}"
        )
    return row.state


def invited(locus: Locus, participant: Participant) -> Locus:
    """Return a locus that somebody is called into; its devices are to ring."""
    known = locus.of_user(participant.user_id) or participant
    state = step(known, Invited)
    return _put(locus, msgspec.structs.replace(known, state=state, reason="", is_alerted=True, cause=None))


def alerted(locus: Locus, participant: Participant, leg: Leg | None = None) -> Locus:
    """Return a locus after it rings at a device, or at a far end."""
    state = step(participant, Alerted)
    if not participant.is_alerted:
        raise conflict(f"nobody calls {participant.name or participant.id}")
    one = msgspec.structs.replace(participant, state=state)
    return _put(locus, one if leg is None else with_leg(one, msgspec.structs.replace(leg, state=State.NOTIFIED)))


def entered(locus: Locus, participant: Participant, leg: Leg, *, alone: bool = False) -> Locus:
    """Return a locus with a device in it; it rings at the others of the participant no more.

    Args:
        alone: the call is for one device: it has been answered, and is over for those that might have rung as well.
    """
    state = step(participant, Entered)
    over = (State.IDLE, State.NOTIFIED) if alone else (State.NOTIFIED,)
    legs = tuple(
        _answered_elsewhere(one) if one.id != leg.id and one.state in over else one for one in participant.legs
    )
    one = msgspec.structs.replace(_silenced(locus, participant), state=state, reason="", is_alerted=False, legs=legs)
    return _put(locus, with_leg(one, msgspec.structs.replace(leg, state=State.JOINED, reason="", intent="")))


def _silenced(locus: Locus, participant: Participant) -> Participant:
    """Return who comes in as the meeting wants him: muted, unless he is a host or in already."""
    is_muted = locus.mute_on_entry or locus.unmute_disallowed
    if not is_muted or participant.is_host or participant.state is State.JOINED:
        return participant
    return msgspec.structs.replace(participant, audio_muted=True, may_not_unmute=locus.unmute_disallowed)


def _answered_elsewhere(leg: Leg) -> Leg:
    return msgspec.structs.replace(leg, state=State.LEFT, reason=Reason.ANSWERED_ELSEWHERE)


def waits(locus: Locus, participant: Participant, leg: Leg | None = None) -> Locus:
    """Return a locus with a device in its lobby, or with all devices of a participant moved there."""
    state = step(participant, Waits)
    if not locus.is_meeting:
        raise conflict("a call has no lobby")
    legs = participant.legs if leg is None else with_leg(participant, leg).legs
    legs = tuple(_waiting(one) if leg is None or one.id == leg.id else one for one in legs)
    return _put(
        locus, msgspec.structs.replace(participant, state=state, reason="", is_alerted=False, hand=False, legs=legs)
    )


def _waiting(leg: Leg) -> Leg:
    if leg.state in (State.LEFT, State.DECLINED) and leg.intent != WAIT and leg.reason:
        return leg
    return msgspec.structs.replace(leg, state=State.IDLE, reason="", intent=WAIT)


def admitted(locus: Locus, participant: Participant) -> Locus:
    """Return a locus with somebody let in from its lobby; as it is, if it does not wait there."""
    if not participant.is_waiting:
        return locus
    legs = tuple(
        msgspec.structs.replace(leg, state=State.JOINED, intent="") if leg.intent == WAIT else leg
        for leg in participant.legs
    )
    one = msgspec.structs.replace(_silenced(locus, participant), state=step(participant, Entered), legs=legs)
    return _put(locus, one)


def refused(locus: Locus, participant: Participant, reason: str, cause: Cause | None = None) -> Locus:
    """Return a locus whose call somebody has not taken."""
    state = step(participant, Refused)
    legs = tuple(msgspec.structs.replace(leg, state=State.DECLINED) for leg in participant.legs)
    one = msgspec.structs.replace(participant, state=state, reason=reason, is_alerted=False, legs=legs, cause=cause)
    return concluded(_put(locus, one))


def gone(locus: Locus, participant: Participant, reason: str = "", cause: Cause | None = None) -> Locus:
    """Return a locus that somebody is out of, with all devices."""
    state = step(participant, Gone)
    one = msgspec.structs.replace(
        participant, state=state, reason=reason, is_alerted=False, hand=False, legs=without_legs(participant, reason), cause=cause
    )  # fmt: skip
    return concluded(_unshared(_put(locus, one), one.id))


def without_leg(locus: Locus, participant: Participant, leg_id: str, reason: str = "") -> Locus:
    """Return a locus that a device is out of; with its last device the participant has left, too."""
    leg = participant.leg(leg_id)
    if leg is None or leg.state not in (State.JOINED, State.IDLE, State.NOTIFIED):
        return locus
    left = with_leg(participant, msgspec.structs.replace(leg, state=State.LEFT, reason=reason, intent=""))
    is_in = any(one.state in (State.JOINED, State.NOTIFIED) or one.intent for one in left.legs)
    if is_in or (participant.state is not State.JOINED and not participant.is_waiting):
        return _put(locus, left)
    return gone(_put(locus, left), left, reason)


def _unshared(locus: Locus, participant_id: str) -> Locus:
    return locus.changed(shared_by="") if locus.shared_by == participant_id else locus


def concluded(locus: Locus) -> Locus:
    """Return a locus as over when nobody is left of a meeting, or one of two of a call."""
    if not locus.is_active:
        return locus
    if locus.is_meeting:
        goes_on = any(one.state is State.JOINED or one.is_waiting for one in locus.participants)
    else:
        is_in = (State.IDLE, State.NOTIFIED, State.JOINED)
        goes_on = bool(locus.joined) and sum(one.state in is_in for one in locus.participants) > 1
    return locus if goes_on else ended(locus)


def ended(locus: Locus, reason: str = "") -> Locus:
    """Return a locus that is over: who was in it has left, who was called is called no more."""
    people = []
    for one in locus.participants:
        if one.state is State.JOINED or one.is_waiting:
            one = msgspec.structs.replace(one, state=State.LEFT, reason=reason, hand=False, legs=without_legs(one))
        people.append(msgspec.structs.replace(one, is_alerted=False))
    return locus.changed(state=LocusState.INACTIVE, participants=tuple(people), shared_by="", recording="")


def _put(locus: Locus, participant: Participant) -> Locus:
    """Put a participant in.

    Raises:
        CloudError: 403, the locus is full of people who are there.
    """
    if locus.participant(participant.id) is not None or len(locus.participants) < PARTICIPANTS_MAX:
        return locus.with_participant(participant)
    leaver = next((one for one in locus.participants if one.state in (State.LEFT, State.DECLINED)), None)
    if leaver is None:
        raise CloudError(403, f"a locus has at most {PARTICIPANTS_MAX} participants", str(errors.MEETING_FULL))
    kept = tuple(one for one in locus.participants if one.id != leaver.id)
    return locus.changed(participants=kept).with_participant(participant)
