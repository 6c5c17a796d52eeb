"""The list of participants: its events, and what a search finds in it.

Source: protocol/xapi.md 8.4, xapi-nodes.md 6.6, 7.6. The words of Status and Type, and what the fields of a search are, are inferred.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from endpoint.room.calls.call import RoomCall
from endpoint.room.ports import RoomWorld
from endpoint.wire.callcontrol import Conference, Member

ROOT: Final = "Conference ParticipantList"
_TYPES: Final = {"person": "User", "room": "Endpoint", "sip": "SIP", "bridge": "MeetingBridge"}


def tell(room: RoomWorld, call: RoomCall, before: Conference) -> None:
    """Raise what has become of the list since `before`: the whole list when it is the first one."""
    now = call.conference
    if not call.is_listed:
        if not now.members:
            return
        call.is_listed = True
        room.raise_event(f"{ROOT} NewList", {"CallId": call.id})
        known: dict[str, Member] = {}
    else:
        known = {member.id: member for member in before.members}
    present = {member.id for member in now.members}
    for index, member in enumerate(before.members, start=1):
        if member.id in known and member.id not in present:
            _raise(room, call, "Deleted", index, member)
    for index, member in enumerate(now.members, start=1):
        was = known.get(member.id)
        if was is None:
            _raise(room, call, "Added", index, member)
        elif was != member or _hard_muted(before, was) != _hard_muted(now, member):
            _raise(room, call, "Updated", index, member)


def clear(room: RoomWorld, call: RoomCall) -> None:
    """Tell that the list is gone, if there was one."""
    if call.is_listed:
        call.is_listed = False
        room.raise_event(f"{ROOT} ListCleared", {"CallId": call.id})


def search(call: RoomCall, text: str, offset: int, limit: int) -> dict[str, Any]:
    """Return the participants whose name or address contains a text, in any case."""
    wanted, now = text.casefold(), call.conference
    found = [member for member in now.members if any(wanted in shown.casefold() for shown in (member.name, member.uri))]
    own = next((member for member in now.members if member.is_self), None)
    return {
        "Participant": [_fields(now, member) for member in found[offset : offset + limit]],
        "ParticipantSelf": own.id if own is not None else None,
        "Provider": "Spark",
        "ResultInfo": {"Limit": limit, "Offset": offset, "TotalRows": len(found)},
    }


def shown(members: Sequence[Member]) -> list[dict[str, Any]]:
    """Return the list as testers look at it."""
    return [
        {
            "id": member.id,
            "name": member.name,
            "status": member.status,
            "role": role(member),
            "muted": member.audio_muted,
            "sharing": member.is_sharing,
            "hand": member.hand,
        }
        for member in members
    ]


def role(member: Member) -> str:
    """Name the role of somebody: host, cohost, presenter, panelist or attendee."""
    if member.is_host:
        return "host"
    if member.is_cohost:
        return "cohost"
    if member.is_presenter:
        return "presenter"
    return "panelist" if member.is_panelist else "attendee"


def _hard_muted(conference: Conference, member: Member) -> bool:
    if member.is_self:
        return conference.hard_muted
    return conference.all_hard_muted and not (member.is_host or member.is_cohost)


def _raise(room: RoomWorld, call: RoomCall, what: str, index: int, member: Member) -> None:
    fields = {"CallId": call.id, "Index": index, **_fields(call.conference, member)}
    room.raise_event(f"{ROOT} Participant{what}", fields)


def _fields(conference: Conference, member: Member) -> dict[str, Any]:
    return {
        "ParticipantId": member.id,
        "DisplayName": member.name,
        "Uri": member.uri,
        "SparkUserId": member.user_id,
        "Status": member.status,
        "Type": _TYPES[member.kind],
        "AudioMute": "On" if member.audio_muted else "Off",
        "VideoMute": "On" if member.video_muted else "Off",
        "IsHost": str(member.is_host),
        "CoHost": str(member.is_cohost),
        "IsPresenter": str(member.is_presenter),
        "IsPanelist": str(member.is_panelist),
        "IsAttendee": str(role(member) == "attendee"),
        "IsSharing": str(member.is_sharing),
        "IsPairedToHostUser": "False",
        "HandRaised": str(member.hand),
        "HardMuted": str(_hard_muted(conference, member)),
        "BeRightBack": "False",
        "NoAudioConnected": "False",
        "MoveToLobbyNotAllowed": str(member.is_host or member.is_self),
        "HasMainVideoCsi": str(not member.video_muted and member.status == "connected"),
    }
