"""What a locus says about the device's own place in it: in, in the lobby, rung for, or out, and why.

Source: protocol/cloud-services.md 9.2, 9.3; activation-and-media.md section 11.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from endpoint.cloud.calls import endings
from endpoint.wire.callcontrol import End
from endpoint.wire.locus.dto import ALERT_FULL, Device, Locus, Participant, Reason, State

Place: TypeAlias = Literal["inside", "lobby", "outside"]
FarEnd: TypeAlias = Literal["nobody", "alerting", "joined"]
_GONE: Final = (State.LEFT, State.DECLINED)
_SAYS_NOTHING: Final = frozenset({"", Reason.MOVED, Reason.REMOTE})


def place(locus: Locus, device_url: str) -> Place:
    """Tell where the device is."""
    me, device = locus.me, locus.own_device(device_url)
    if me is None or device is None:
        return "outside"
    if me.state is State.JOINED and device.state is State.JOINED:
        return "lobby" if device.is_waiting else "inside"
    if me.state is State.IDLE and device.is_waiting:
        return "lobby"
    return "outside"


def far_end(locus: Locus) -> FarEnd:
    """Tell how far the others are; a meeting has taken whoever is in it."""
    states = {other.state for other in locus.others}
    if locus.is_meeting or State.JOINED in states:
        return "joined"
    return "alerting" if State.NOTIFIED in states else "nobody"


def rings(locus: Locus, device_url: str) -> bool:
    """Tell whether somebody calls, and nobody of the account has taken or refused the call."""
    me = locus.me
    if me is None or me.removed or locus.full_state.is_over or place(locus, device_url) != "outside":
        return False
    is_alerted = ALERT_FULL in (me.alert_type.action, me.alert_hint.action)
    return me.state in (State.IDLE, State.NOTIFIED) and is_alerted and not me.is_in_lobby


def end_of_ringing(locus: Locus, device_url: str) -> End | None:
    """Tell why a call does not ring any more that the device has neither taken nor refused; None while it does."""
    me = locus.me
    if me is None:
        return None
    if me.state is State.JOINED and place(locus, device_url) == "outside":
        return endings.ELSEWHERE
    if me.state is State.DECLINED:
        return endings.REJECTED_ELSEWHERE
    if has_moved(locus):
        return None
    if me.state is State.LEFT:
        return {Reason.ANSWERED_ELSEWHERE: endings.ELSEWHERE, Reason.UNANSWERED: endings.UNANSWERED}.get(
            me.reason, endings.REMOTE
        )
    if locus.full_state.is_over or me.removed or (not locus.is_meeting and _all_gone(locus)):
        return endings.UNANSWERED if me.reason == Reason.UNANSWERED else endings.REMOTE
    return None


def end_of_call(locus: Locus, device_url: str) -> End | None:
    """Tell why a call is over in which the device was; None while it goes on.

    A reason of the device's own comes first, then what became of the far end.
    """
    me = locus.me
    if me is None:
        return None
    device = locus.own_device(device_url)
    is_out = me.removed or me.state in _GONE or (device is not None and device.state in _GONE)
    reason = _reason(me, device) if is_out else ""
    if reason not in _SAYS_NOTHING:
        return endings.by_reason(reason)
    if has_moved(locus):
        return None
    if not locus.is_meeting and _all_gone(locus):
        return _end_of_far_end(locus)
    if is_out:
        return endings.by_reason(reason)
    if locus.full_state.is_over:
        return endings.by_reason(Reason.MEETING_ENDED if locus.is_meeting else "")
    return None


def has_moved(locus: Locus) -> bool:
    """Tell whether the device was taken to another locus."""
    me = locus.me
    return me is not None and me.state is State.LEFT and me.reason == Reason.MOVED


def is_in(locus: Locus, device_url: str) -> bool:
    """Tell whether the cloud counts the device as in the call or in its lobby, so that leaving it means something."""
    return not locus.full_state.is_over and place(locus, device_url) != "outside"


def caller(locus: Locus) -> Participant | None:
    """Return who calls: who has made the call, else who is in it; None if nobody can be told."""
    others = locus.others
    for fits in (
        lambda one: one.is_creator,
        lambda one: one.state is State.JOINED,
        lambda one: one.state not in _GONE,
    ):
        found = next((one for one in others if fits(one)), None)
        if found is not None:
            return found
    return None


def _reason(me: Participant, device: Device | None) -> str:
    return me.reason or (device.reason if device is not None else "")


def _all_gone(locus: Locus) -> bool:
    return bool(locus.others) and all(other.state in _GONE for other in locus.others)


def _end_of_far_end(locus: Locus) -> End:
    other = locus.others[-1]
    if other.gateway_cause is not None:
        return endings.by_gateway(other.gateway_cause)
    return endings.by_reason(other.reason, is_declined=other.state is State.DECLINED)
