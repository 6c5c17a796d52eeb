"""A locus as the room sees it.

Source: protocol/cloud-services.md 9.1, 9.2, activation-and-media.md section 11.
"""

from __future__ import annotations

from typing import Final, Literal

from endpoint.wire.callcontrol import Conference, Established, Incoming, Media, Member
from endpoint.wire.locus.dto import INACTIVE, Locus, Participant, State

_STATUS: Final[dict[State, Literal["connected", "alerting", "idle"]]] = {
    State.JOINED: "connected",
    State.NOTIFIED: "alerting",
    State.IDLE: "idle",
}
_KINDS: Final[dict[str, Literal["room", "bridge"]]] = {"RESOURCE_ROOM": "room", "MEETING_BRIDGE": "bridge"}
SIP: Final = "SIP"
_HOSTS: Final = ("MODERATOR", "COHOST")


def conference(locus: Locus, device_url: str, *, is_syncing: bool) -> Conference:
    """Return what holds in a call."""
    me, device = locus.me, locus.own_device(device_url)
    holder, record, others = _holder(locus), locus.controls.record, locus.others
    recording: Literal["None", "Recording", "Paused"] = "None"
    if record.recording:
        recording = "Paused" if record.paused else "Recording"
    return Conference(
        members=tuple(_member(one, locus, holder) for one in locus.participants if one.state in _STATUS),
        is_moderator=me is not None and _is_host(me),
        locked=locus.controls.lock.locked or locus.full_state.locked,
        recording=recording,
        is_muted=me is not None and me.controls.audio.muted,
        hard_muted=me is not None and me.controls.audio.disallow_unmute,
        all_hard_muted=locus.controls.disallow_unmute.enabled,
        hand=me is not None and me.controls.hand.raised,
        shared_by=holder,
        held=not locus.is_meeting and any(one.held for one in others if one.state is State.JOINED),
        is_transcoded=device is not None and (device.server_transcoded or device.server_composed),
        layouts=device.available_layouts if device is not None else (),
        is_syncing=is_syncing,
    )


def established(locus: Locus, media: Media, correlation_id: str, *, is_instant: bool) -> Established:
    """Return what a call is that is connected."""
    other = next((one for one in locus.others if one.state is State.JOINED), None)
    if locus.is_meeting:
        info = locus.info
        title = info.web_ex_meeting_name or info.topic
        number, link = info.sip_uri, info.meeting_link
    else:
        title = other.person.name if other is not None else ""
        number, link = (remote_number(other) if other is not None else ""), ""
    return Established(
        is_meeting=locus.is_meeting,
        correlation_id=correlation_id,
        media=media,
        title=title,
        remote_number=number,
        invite_link=link,
        is_instant=is_instant,
    )


def incoming(locus: Locus, caller: Participant | None, correlation_id: str) -> Incoming:
    """Return what is told of a call that rings."""
    info, uri = locus.info, address(caller) if caller is not None else locus.info.sip_uri
    name = caller.person.name if caller is not None else ""
    if locus.is_meeting:
        uri, name = info.sip_uri or uri, info.web_ex_meeting_name or info.topic or name
    scheme = "sip" if caller is not None and is_sip(caller) else "spark"
    return Incoming(
        remote_uri=f"{scheme}:{uri}",
        remote_number=(remote_number(caller) if caller is not None else "") or uri,
        display_name=name or uri,
        correlation_id=correlation_id,
        is_meeting=locus.is_meeting,
        has_video=caller is None or caller.status.video_status != INACTIVE,
    )


def address(one: Participant) -> str:
    """Return where somebody is called, without a scheme."""
    return one.person.sip_url.removeprefix("sip:") or one.person.email or one.person.id or one.identity


def remote_number(one: Participant) -> str:
    """Return `Call[n] RemoteNumber`: the address for a call through the gateway, else the id of the person."""
    return address(one) if is_sip(one) else one.person.id or one.identity or address(one)


def is_sip(one: Participant) -> bool:
    """Tell whether somebody is behind the gateway."""
    return one.type == SIP or any(device.device_type == SIP for device in one.devices)


def _member(one: Participant, locus: Locus, holder: str) -> Member:
    me = locus.me
    return Member(
        id=one.id,
        name=one.person.name or address(one),
        uri=address(one),
        user_id=one.person.id or one.identity,
        status="waiting" if one.is_in_lobby else _STATUS[one.state],
        kind="sip" if is_sip(one) else _KINDS.get(one.type, "person"),
        is_self=me is not None and one.url == me.url,
        audio_muted=one.controls.audio.muted,
        video_muted=one.controls.video.muted,
        is_host=one.moderator or one.has_role("MODERATOR"),
        is_cohost=one.has_role("COHOST"),
        is_presenter=one.has_role("PRESENTER"),
        is_panelist=one.panelist or one.has_role("PANELIST"),
        hand=one.controls.hand.raised,
        is_sharing=one.id == holder != "",
    )


def _is_host(one: Participant) -> bool:
    return one.moderator or any(one.has_role(role) for role in _HOSTS)


def _holder(locus: Locus) -> str:
    """Return the id of the participant who shares; "" if nobody does."""
    share = locus.share()
    holder = share.holder if share is not None else None
    if holder is None:
        return ""
    found = next((one for one in locus.participants if one.url == holder.url or one.id == holder.id != ""), None)
    return found.id if found is not None else holder.id
