"""What the status tree shows of a call: `Call[n]`, `Conference Call[n]`, `ICE Call[n]`.

Each function puts every leaf; the tree tells only those that are new. Source: protocol/xapi-nodes.md 3.3, 4.4, 4.7, 4.11. What
hosts, guests, and people in a call of two can do is inferred from the words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from endpoint.room.calls.call import RoomCall
from endpoint.room.ports import Screen
from endpoint.wire.callcontrol import Media
from endpoint.wire.xapi.nodes import Value
from endpoint.wire.xapi.paths import Path, parse_path

STATE: Final[Path] = ("SystemUnit", "State")
SYSTEM: Final[Path] = (*STATE, "System")
_TRANSPORTS: Final[Mapping[str, str]] = {"udp": "UDP", "tcp": "TCP", "xtls": "TLS"}
_ROOTS: Final[tuple[Path, ...]] = (("Call",), ("Conference", "Call"), ("ICE", "Call"))


def show_call(status: Screen, call: RoomCall) -> None:
    """Show `Call[n]` in one block; how long it lasts is told when somebody asks (see `count`)."""
    media = call.media
    ice = "Disabled" if media is None or call.protocol == "SIP" else media.ice
    leaves: dict[str, Value] = {
        "AnswerState": call.answer_state,
        "CallType": call.call_type,
        "CallbackNumber": call.callback,
        "DeviceType": "MCU" if call.is_meeting else "Endpoint",
        "Direction": call.direction,
        "DisplayName": call.display_name,
        "Encryption Type": call.encryption,
        "HoldReason": call.hold_reason,
        "Ice": ice,
        "PlacedOnHold": str(call.is_held or call.conference.held),
        "Protocol": call.protocol,
        "ReceiveCallRate": media.receive_rate if media is not None else 0,
        "RemoteNumber": call.remote_number,
        "Status": call.state.value,
        "TransmitCallRate": media.transmit_rate if media is not None else 0,
    }
    _put(status, ("Call", call.id), leaves)


def count(status: Screen, call: RoomCall, now_s: Callable[[], float]) -> None:
    """Let the duration of a call count."""
    path = ("Call", call.id, "Duration")
    status.put(path, 0)
    status.live(path, lambda: call.duration_s(now_s()))


def show_conference(status: Screen, call: RoomCall) -> None:
    """Show `Conference Call[n]` in one block."""
    now = call.conference
    hand = "Raised" if now.hand else "Lowered" if call.hand_was_raised else "Inactive"
    leaves: dict[str, Value] = {
        "AuthenticationRequest": call.authentication,
        "BookingId": call.booking_id,
        "HardMuted": str(now.hard_muted),
        "Locked": _on(now.locked),
        "Manufacturer": "Cisco",
        "Meeting": str(call.is_meeting),
        "MeetingPlatform": call.platform,
        "MicrophonesMuted": str(now.is_muted),
        "RaiseHand": hand,
        "Recording": now.recording,
        "SessionType": "InstantMeeting" if call.is_instant else "Call",
        "Sip SessionId": call.session_id,
        "SoftwareID": "roomsim far end",
        "Streamed": str(now.is_streamed),
        "Transcoded": str(now.is_transcoded),
        "Webex MeetingInviteLink": call.invite_link,
        **{f"Capabilities {name}": value for name, value in capabilities(call).items()},
    }
    _put(status, ("Conference", "Call", call.id), leaves)


def capabilities(call: RoomCall) -> dict[str, Value]:
    """Return what can be done in a call: hosts have more than guests, meetings more than calls with one person."""
    now, meeting = call.conference, call.is_meeting
    host = meeting and now.is_moderator
    muting = "NotApplicable" if not meeting else "Enabled" if host else "Disabled"
    listed = "Syncing" if now.is_syncing else "Available" if call.was_connected else "Unavailable"
    return {
        "AdmitFromLobby": _available(host),
        "DTMF": str(call.was_connected),
        "EndMeeting": _available(host),
        "FECC Mode": "Off",
        "HardMute": muting,
        "Hold": str(call.was_connected),
        "IsModerator": str(host),
        "LockControl": ("Unlock" if now.locked else "Lock") if host else "Unavailable",
        "MoveToLobby": _available(host),
        "MuteAll": muting,
        "ParticipantAdd": _available(call.was_connected),
        "ParticipantDisconnect": _available(host),
        "ParticipantList": listed,
        "ParticipantMute": _available(host),
        "Presentation": str(call.was_connected and call.call_type == "Video"),
        "RaiseHand": _available(meeting and call.was_connected),
        "Reactions": _available(meeting and call.was_connected),
        "Recording Start": _available(host and now.recording == "None"),
        "Recording Stop": _available(host and now.recording != "None"),
        "SelfMute": _available(not now.hard_muted),
    }


def show_media(status: Screen, call_id: int, media: Media) -> None:
    """Show how the media of a call found their way: one line, for audio and video go together (BUNDLE)."""
    root = ("ICE", "Call", call_id)
    leaves: dict[str, Value] = {
        "MediaPath": media.remote_ip,
        "NegotiationTime": media.negotiation_ms,
        "Result": media.ice,
    }
    transport = _TRANSPORTS.get(media.path.casefold())
    if transport is not None:
        leaves |= {
            "MediaLine 1 Local Candidate": "host",
            "MediaLine 1 Local IP": media.local_ip,
            "MediaLine 1 Local Transport": transport,
            "MediaLine 1 Remote Candidate": "host",
            "MediaLine 1 Remote IP": media.remote_ip,
            "MediaLine 1 Remote XtlsFqdnHost": media.xtls_host,
        }
    with status.group():
        if transport is None:
            status.remove((*root, "MediaLine"))
        _put(status, root, leaves)


def forget(status: Screen, call: RoomCall) -> None:
    """Take a call off the tree: one ghost for each list that it was in."""
    status.still(("Call", call.id, "Duration"))
    for root in _ROOTS:
        status.remove((*root, call.id))


def show_counters(status: Screen, calls: Iterable[RoomCall]) -> None:
    """Show how many calls there are, and whether the device is in one, in one block."""
    counted = [call.counter for call in calls]
    in_call = "Active" in counted or "Suspended" in counted
    with status.group():
        for counter in ("Active", "InProgress", "Suspended"):
            status.put((*STATE, f"NumberOf{counter}Calls"), counted.count(counter))
        system = status.get(SYSTEM)
        if in_call and system == "Initialized":
            status.put(SYSTEM, "InCall")
        elif not in_call and system == "InCall":
            status.put(SYSTEM, "Initialized")


def _put(status: Screen, root: Path, leaves: Mapping[str, Value]) -> None:
    with status.group():
        for name, value in leaves.items():
            status.put((*root, *parse_path(name)), value)


def _on(yes: bool) -> str:
    return "On" if yes else "Off"


def _available(yes: bool) -> str:
    return "Available" if yes else "Unavailable"
