"""What people see of the calls: the bar of the call, the call that rings, the prompt. The sentences are ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from endpoint.room.calls.call import RoomCall
from endpoint.room.calls.table import State

POPUP_S: Final = 3.0
"""How long the screen says why a call has failed."""
QUESTIONS: Final[Mapping[str, str]] = {
    "HostPinOrGuest": "Enter the host PIN, or join as guest",
    "HostPinOrGuestPin": "Enter the host PIN or the guest PIN",
    "AnyHostPinOrGuestPin": "Enter a host PIN or the guest PIN",
    "PanelistPin": "Enter the panelist PIN",
    "PanelistPinOrAttendeePin": "Enter the panelist PIN or the attendee PIN",
    "PanelistPinOrAttendee": "Enter the panelist PIN, or join as attendee",
    "GuestPin": "Enter the meeting PIN",
}
LOBBY: Final = "Waiting for the host to let you in"
UNMUTE: Final = "The host would like you to unmute"
WRONG: Final = "The PIN is not right. "
_STATES: Final[Mapping[State, str]] = {
    State.DIALLING: "Calling",
    State.CONNECTING: "Calling",
    State.CONNECTED: "In call",
    State.ON_HOLD: "On hold",
    State.PRESERVED: "Reconnecting",
    State.DISCONNECTING: "Ending call",
}


def shown(calls: Iterable[RoomCall], popup: str, *, is_muted: bool, is_sharing: bool) -> dict[str, dict[str, Any]]:
    """Return the elements by name: `call bar`, `incoming`, `prompt`."""
    known = list(calls)
    ringing = next((call for call in known if call.is_ringing and call.answer_state != "Ignored"), None)
    rows = [call for call in known if call.state in _STATES]
    first = next((call for call in rows if call.is_active), rows[-1] if rows else None)
    text = _prompt(rows, popup)
    return {
        "call bar": {
            "visible": first is not None,
            "enabled": first is not None and first.state is not State.DISCONNECTING,
            "title": _title(first) if first else "",
            "text": _STATES[first.state] if first else "",
            "call": first.id if first else 0,
            "muted": is_muted and first is not None,
            "sharing": is_sharing and first is not None,
            "recording": first is not None and first.conference.recording == "Recording",
            "locked": first is not None and first.conference.locked,
        },
        "incoming": {
            "visible": ringing is not None,
            "enabled": ringing is not None,
            "title": _title(ringing) if ringing else "",
            "text": "Incoming call" if ringing else "",
            "call": ringing.id if ringing else 0,
        },
        "prompt": {"visible": bool(text), "enabled": bool(text), "title": "", "text": text},
    }


def _title(call: RoomCall) -> str:
    return call.display_name or call.requested or call.callback


def _prompt(calls: Iterable[RoomCall], popup: str) -> str:
    """Return the one sentence that is asked or told: why a call failed goes before what a call wants."""
    if popup:
        return popup
    for call in calls:
        if call.authentication != "None":
            return (WRONG if call.wrong_pin else "") + QUESTIONS[call.authentication]
        if call.in_lobby:
            return LOBBY
        if call.asked_to_unmute:
            return UNMUTE
    return ""
