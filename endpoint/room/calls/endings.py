"""How calls end: the event, the entry of the history, the lines of the log, and what the screen says.

Source: protocol/xapi.md 8.3 to 8.5, activation-and-media.md 9.3 (T05 to T07); the sentences are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from endpoint.room.callentry import Entry, Occurrence
from endpoint.room.calls.call import RoomCall
from endpoint.runtime.devicelog import DeviceLog
from endpoint.wire.callcontrol import End, Leads

LOCAL: Final = frozenset({"LocalDisconnect", "LocalReject", "LocalBusy"})
"""Causes that somebody in the room, or the device, has set."""
HUNG_UP: Final = End(cause_type="LocalDisconnect", cause_value=1)
REJECTED: Final = End(cause_type="LocalReject", cause_value=21)
SENTENCES: Final[Mapping[str, str]] = {
    "RemoteBusy": "The other side is busy.",
    "RemoteRejected": "The call was declined.",
    "RemoteNoAnswer": "No answer.",
    "UnknownRemoteSite": "The address was not found.",
    "InsufficientSecurity": "The call could not be made secure.",
    "NetworkRejected": "The network refused the call.",
    "OtherLocal": "Unable to connect.",
    "OtherRemote": "Unable to connect.",
    "SslRejected": "The call failed.",
}
FAILED: Final = "The call failed."


def disconnected(call: RoomCall, end: End, duration_s: int, people: int) -> dict[str, Any]:
    """Return the fields of CallDisconnect."""
    return {
        "CallId": call.id,
        "CallRate": call.call_rate,
        "CallType": call.call_type,
        "CauseCode": end.cause_code,
        "CauseOrigin": end.cause_origin,
        "CauseString": end.cause_string,
        "CauseType": end.cause_type,
        "CauseValue": end.cause_value,
        "DisplayName": call.display_name,
        "Duration": duration_s,
        "Encryption": call.encryption,
        "OrigCallDirection": call.direction,
        "PeopleCountAverage": people,
        "Protocol": call.protocol,
        "RemoteURI": call.callback,
        "RequestedURI": call.requested,
    }


def entry_of(call: RoomCall, end: End, now: datetime, duration_s: int) -> Entry:
    """Return what the history keeps of a call."""
    return Entry(
        call_id=call.id,
        callback_number=call.callback,
        remote_number=call.remote_number,
        display_name=call.display_name,
        direction=call.direction,
        protocol=call.protocol,
        call_rate=call.call_rate,
        call_type=call.call_type,
        encryption_type=call.encryption,
        booking_id=call.booking_id,
        start=call.began,
        end=now,
        duration_s=duration_s,
        occurrence=occurrence(call, end),
        is_personal_room=call.leads is Leads.PERSONAL_ROOM,
        disconnect_cause=end.cause_string,
        disconnect_cause_code=end.cause_code,
        disconnect_cause_type=end.cause_type,
        disconnect_cause_origin=end.cause_origin,
        correlation_id=call.correlation_id,
    )


def occurrence(call: RoomCall, end: End) -> Occurrence:
    """Return what kind of call it was."""
    if call.direction == "Outgoing":
        return "NoAnswer" if end.cause_type == "RemoteNoAnswer" and not call.was_connected else "Placed"
    if call.was_connected:
        return "Received"
    if end.elsewhere:
        return "AnsweredElsewhere"
    return "Rejected" if call.was_rejected or end.cause_type == "LocalReject" else "Missed"


def sentence(call: RoomCall, end: End) -> str:
    """Return what the screen says of a call that has failed; empty where nothing is said."""
    if end.screen:
        return end.screen
    if call.was_connected or call.direction == "Incoming" or end.cause_type in LOCAL or call.merged_into:
        return ""
    return SENTENCES.get(end.cause_type, FAILED)


def log_end(log: DeviceLog, call: RoomCall, end: End) -> None:
    """Write the lines of the end of a call."""
    number, uri = call.id, call.callback
    if end.cause_type in LOCAL:
        local, remote = "normal('') 'LocalDisconnect'", f"normal('') '{end.cause_type}'"
    else:
        kind = "normal" if end.cause_type == "RemoteDisconnect" else "error"
        local, remote = f"{kind}('{end.cause_string}') '{end.cause_type}'", "normal('') 'LocalDisconnect'"
        log.line("MainEvents", "I", f"CallDisconnectIndicated(p={number}) remoteURI={uri} cause=[{local}]")
    log.line("MainEvents", "I", f"ParticipantLeftConference(c={call.conference_id},p={number})")
    causes = f"causeToLocal=[{local}] causeToRemote=[{remote}]"
    log.line("MainEvents", "I", f"CallDisconnected(p={number}) remoteURI={uri} {causes}")
