"""A locus as one of its participants sees it: the DTO, with URLs for the client that it goes to.

Every member is always there, so that a delta can tell each change; self comes first among the participants, and its own device first among
its devices, which clients pair with media connections by their places. Who waits in the lobby, or has left a meeting that goes on, sees
nobody else.

Source: protocol/cloud-services.md 9.1, 9.2, 18.10; `held`, `gatewayCause`, `platform` and `meetingLink` are ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cloud_stub.services.locus.state import MODERATOR, ROLES, SIP, Leg, Locus, Participant
from endpoint.runtime.clock import iso_ms
from endpoint.wire.locus.dto import ALERT_FULL, ALERT_NONE, CONTENT, GRANTED, RELEASED, WAIT, State
from endpoint.wire.locus.sequence import Sequence

KEEP_ALIVE_S: Final = 300
"""How long a device in the lobby stays without asking."""
MEDIA: Final = (("audio", "main"), ("video", "main"), ("video", "slides"))
LAYOUTS: Final = ("Single", "ActivePresence", "Prominent", "Equal", "OnePlusN")
_SENDRECV, _RECVONLY, _INACTIVE = "SENDRECV", "RECVONLY", "INACTIVE"


@dataclass(frozen=True, slots=True)
class View:
    """Who looks, and under which addresses it knows the cloud.

    Attributes:
        locus: base URL of the service.
        devices: URL below which registrations are.
        registration_id: of the client; empty if it is not told.
    """

    user_id: str
    registration_id: str
    locus: str
    devices: str

    def url(self, locus_id: str) -> str:
        """Return the URL of a locus."""
        return f"{self.locus}/loci/{locus_id}"

    def device(self, leg_id: str) -> str:
        """Return the URL of a device."""
        return f"{self.devices}/{leg_id}"


class Drawn:
    """Participants as others see them, drawn once for everybody who is told the same: most of a locus does not change with a change."""

    def __init__(self) -> None:
        self._drawn: dict[tuple[int, str, str, str], tuple[Participant, dict[str, Any]]] = {}

    def participant(self, locus: Locus, one: Participant, view: View) -> dict[str, Any]:
        """Return the DTO of a participant; nobody may change it."""
        if one.user_id == view.user_id:
            return _participant(locus, one, view)  # its devices have an order of their own
        key = (id(one), locus.id, view.locus, view.devices)
        known = self._drawn.get(key)
        if known is None:
            known = self._drawn[key] = (one, _participant(locus, one, view))
        return known[1]


def locus_dto(locus: Locus, view: View, drawn: Drawn | None = None) -> dict[str, Any]:
    """Return the whole DTO; with `drawn`, participants that are the same for several who look are drawn once."""
    drawn = drawn or Drawn()
    url = view.url(locus.id)
    me = locus.of_user(view.user_id)
    seen = _seen(locus, me)
    shown = {one.id: drawn.participant(locus, one, view) for one in seen}
    return {
        "url": url,
        "created": iso_ms(locus.created),
        "fullState": _full_state(locus),
        "info": _info(locus),
        "host": _host(locus),
        "self": None if me is None else {**shown[me.id], **_of_self(locus, me, view)},
        "participants": list(shown.values()),
        "controls": _controls(locus),
        "mediaShares": [_share(locus, view)],
        "sequence": locus.sequence.as_wire(),
        "syncUrl": sync_url(url, locus.sequence),
        "links": {"services": {}, "resources": {}},
        "participantsUrl": f"{url}/participants",
        "conversationUrl": "",
        "replaces": [{"locusUrl": view.url(one)} for one in locus.replaces],
    }


def sync_url(url: str, sequence: Sequence) -> str:
    """Return where a client asks for what it has missed."""
    return f"{url}/sync?since={sequence.last}"


def _seen(locus: Locus, me: Participant | None) -> Iterable[Participant]:
    if me is None:
        return locus.participants
    is_out = locus.is_meeting and locus.is_active and me.state in (State.LEFT, State.DECLINED)
    if me.is_waiting or is_out:
        return (me,)
    return (me, *(one for one in locus.participants if one.id != me.id))


def _full_state(locus: Locus) -> dict[str, Any]:
    return {
        "active": locus.is_active,
        "count": len(locus.joined),
        "locked": locus.locked,
        "state": locus.state.value,
        "type": "MEETING" if locus.is_meeting else "CALL",
        "lastActive": iso_ms(locus.last_active),
        "startTime": iso_ms(locus.created),
        "sessionId": locus.session_id,
        "sessionIds": [],
    }


def _info(locus: Locus) -> dict[str, Any]:
    return {
        "topic": locus.title,
        "sipUri": locus.sip,
        "maxParticipants": locus.capacity,
        "webExMeetingId": locus.number,
        "webExMeetingName": locus.title,
        "webExSite": locus.site,
        "isPmr": locus.is_pmr,
        "webexServiceType": "MEETING_CENTER" if locus.is_meeting else "",
        "owner": locus.owner_id,
        "siteOrgId": locus.org_id,
        "meetingLink": locus.link,
        "platform": locus.platform,
        "callInNumbers": [],
        "displayHints": {"joined": [], "moderator": [], "coHost": []},
    }


def _host(locus: Locus) -> dict[str, Any]:
    """Return who leads it: the host, else who made it."""
    there = locus.participants
    host = next((one for one in there if MODERATOR in one.roles), None) or next(
        (one for one in there if one.is_creator), None
    )
    return {} if host is None else _person(host)


def _person(one: Participant) -> dict[str, Any]:
    return {
        "id": one.user_id or one.id,
        "name": one.name,
        "email": one.email,
        "sipUrl": f"sip:{one.address}" if one.address else "",
        "orgId": one.org_id,
        "isExternal": one.is_external,
        "incomingCallProtocols": [],
    }


def _participant(locus: Locus, one: Participant, view: View) -> dict[str, Any]:
    own = [leg for leg in one.legs if leg.id == view.registration_id]
    legs = [*own, *(leg for leg in one.legs if leg.id != view.registration_id)]
    dto: dict[str, Any] = {
        "id": one.id,
        "url": f"{view.url(locus.id)}/participant/{one.id}",
        "state": one.state.value,
        "type": one.type,
        "identity": one.user_id or one.id,
        "isCreator": one.is_creator,
        "person": _person(one),
        "devices": [_device(locus, one, leg, view) for leg in legs],
        "status": _status(one),
        "controls": _own_controls(one, view),
        "guest": one.is_guest,
        "resourceGuest": False,
        "moderator": MODERATOR in one.roles,
        "panelist": "PANELIST" in one.roles,
        "held": one.held,
    }
    if one.reason:
        dto["reason"] = one.reason
    if one.cause is not None:
        dto["gatewayCause"] = {
            "code": one.cause.code, "text": one.cause.text, "type": one.cause.type, "origin": one.cause.origin, "value": one.cause.value,
        }  # fmt: skip
    return dto


def _status(one: Participant) -> dict[str, Any]:
    is_in = one.state is State.JOINED and bool(one.joined_legs)
    silent = _RECVONLY if is_in else _INACTIVE
    audio = _INACTIVE if one.held or not is_in else silent if one.audio_muted else _SENDRECV
    video = _INACTIVE if one.held or not is_in else silent if one.video_muted else _SENDRECV
    return {"audioStatus": audio, "videoStatus": video, "csis": []}


def _own_controls(one: Participant, view: View) -> dict[str, Any]:
    roles = [
        {"type": role, "hasRole": role in one.roles}
        for role in ROLES
        if role in one.roles or role in ("MODERATOR", "COHOST")
    ]
    return {
        "audio": {
            "muted": one.audio_muted,
            "requestedToUnmute": one.asked_to_unmute,
            "disallowUnmute": one.may_not_unmute,
            "meta": {"modifiedBy": one.muted_by} if one.muted_by else {},
        },
        "video": {"muted": one.video_muted, "meta": {}},
        "role": {"roles": roles},
        "hand": {"raised": one.hand},
        "layouts": [{"type": leg.layout, "deviceUrl": view.device(leg.id)} for leg in one.legs if leg.layout],
    }


def _device(locus: Locus, one: Participant, leg: Leg, view: View) -> dict[str, Any]:
    dto: dict[str, Any] = {
        "url": view.device(leg.id),
        "deviceType": leg.device_type,
        "state": leg.state.value,
        "intents": [{"type": leg.intent} if leg.intent else None],
        "csis": [],
        "correlationId": leg.correlation_id,
        "keepAliveSecs": KEEP_ALIVE_S,
        "mediaSessions": _sessions(one, leg),
        "serverComposed": leg.device_type == SIP,
        "serverTranscoded": leg.device_type == SIP,
        "availableLayouts": list(LAYOUTS),
    }
    if leg.reason:
        dto["reason"] = leg.reason
    if leg.intent:
        dto["intent"] = {"type": leg.intent}
    if leg.intent == WAIT:
        dto["keepAliveUrl"] = f"{view.url(locus.id)}/participant/{one.id}/device/{leg.id}/keepalive"
    return dto


def _sessions(one: Participant, leg: Leg) -> list[dict[str, Any]]:
    if leg.state is not State.JOINED:
        return []
    found = []
    for kind, content in MEDIA:
        is_muted = one.audio_muted if kind == "audio" else one.video_muted
        direction = "inactive" if one.held else "recvonly" if is_muted or content == "slides" else "sendrecv"
        state = "inactive" if one.held else "active"
        found.append({"mediaType": kind, "mediaContent": content, "direction": direction, "state": state})
    return found


def _of_self(locus: Locus, me: Participant, view: View) -> dict[str, Any]:
    action = ALERT_FULL if me.is_alerted and me.state in (State.IDLE, State.NOTIFIED) else ALERT_NONE
    return {
        "deviceUrl": view.device(view.registration_id) if view.registration_id else "",
        "alertType": {"action": action},
        "alertHint": {"action": ALERT_NONE},
        "enableDTMF": True,
        "callbackInfo": {"callbackAddress": _callback(locus, me), "callbackType": "SIPURI"},
        "isSharingBlocked": False,
        "canNotViewTheParticipantList": me.is_waiting,
    }


def _callback(locus: Locus, me: Participant) -> str:
    """Return what is dialled to get in again: the meeting, or the other one of a call."""
    if locus.is_meeting:
        return locus.sip or locus.link
    other = next((one for one in locus.participants if one.id != me.id), None)
    return "" if other is None else other.address or other.email or other.user_id


def _controls(locus: Locus) -> dict[str, Any]:
    return {
        "lock": {"locked": locus.locked, "meta": {}},
        "record": {"recording": bool(locus.recording), "paused": locus.recording == "paused", "meta": {}},
        "meetingFull": {"meetingFull": bool(locus.capacity) and len(locus.joined) >= locus.capacity},
        "muteOnEntry": {"enabled": locus.mute_on_entry},
        "shareControl": {"control": "ANYONE"},
        "disallowUnmute": {"enabled": locus.unmute_disallowed},
        "viewTheParticipantList": {"enabled": True},
        "raiseHand": {"enabled": True},
    }


def _share(locus: Locus, view: View) -> dict[str, Any]:
    share: dict[str, Any] = {"name": CONTENT, "url": f"{view.url(locus.id)}/mediashares/0"}
    holder = locus.participant(locus.shared_by)
    if holder is None and not locus.share_id:
        return share
    floor: dict[str, Any] = {
        "disposition": GRANTED if holder is not None else RELEASED,
        "granted": _instant(locus.share_granted),
        "released": _instant(locus.share_released),
        "shareInstanceId": locus.share_id,
    }
    if holder is not None:
        devices = [{"url": view.device(leg.id), "deviceType": leg.device_type} for leg in holder.joined_legs]
        floor["beneficiary"] = {
            "id": holder.id,
            "url": f"{view.url(locus.id)}/participant/{holder.id}",
            "devices": devices,
        }
    return {**share, "floor": floor}


def _instant(instant: datetime | None) -> str:
    return "" if instant is None else iso_ms(instant)
