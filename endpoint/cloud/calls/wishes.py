"""What can be asked of a locus, as requests: pure.

Source: protocol/cloud-services.md 9.6, 9.7; those that no client of the published ones sends are ours (see `wire.locus.requests`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from endpoint.wire.callcontrol import Action, Control
from endpoint.wire.locus import requests
from endpoint.wire.locus.dto import GRANTED, RELEASED, Locus
from endpoint.wire.locus.requests import ControlsRequest, ParticipantControls, RequestDevice
from endpoint.wire.secret import Pin
from endpoint.wire.wdm import ROOM_DEVICE

ROLES: Final = {"Host": "MODERATOR", "Cohost": "COHOST", "Presenter": "PRESENTER", "Panelist": "PANELIST"}
"""Role of `Conference Participant TransferRole` -> role of Locus."""
RECORDING: Final = {
    "start": requests.RecordWish(recording=True),
    "stop": requests.RecordWish(recording=False),
    "pause": requests.RecordWish(recording=True, paused=True),
    "resume": requests.RecordWish(recording=True, paused=False),
}
_LOBBY: Final = {Action.ADMIT: True, Action.TO_LOBBY: False}


class NotPossible(Exception):
    """The wish makes no sense in this call; the text says why."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A request; what the trace shows of it is safe."""

    method: str
    url: str
    body: object
    shown: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and what of the locus was seen; goes into every body."""

    locus: Locus
    device_url: str
    correlation_id: str

    @property
    def members(self) -> dict[str, Any]:
        """Return the members that every request has."""
        return {
            "device": RequestDevice(url=self.device_url, device_type=ROOM_DEVICE),
            "device_url": self.device_url,
            "correlation_id": self.correlation_id,
            "raw_sequence": self.locus.sequence.as_wire(),
        }

    @property
    def self_url(self) -> str:
        """Return the URL of the own participant."""
        if self.locus.me is None:
            raise NotPossible("The device has no place in this call")
        return self.locus.me.url


def leave(asker: Asker) -> Wish:
    """Leave."""
    return Wish("PUT", requests.leave_url(asker.self_url), requests.LeaveRequest(**asker.members), {})


def hold(asker: Asker, held: bool) -> Wish:
    """Hold, or take back."""
    body = requests.HoldRequest(held=held, **asker.members)
    return Wish("PUT", requests.hold_url(asker.self_url), body, {"held": held})


def merge(asker: Asker, locus_urls: tuple[str, ...]) -> Wish:
    """Take other calls into this one."""
    body = requests.MergeRequest(locus_urls=locus_urls, **asker.members)
    return Wish("PUT", requests.merge_url(asker.locus.url), body, {"locusUrls": list(locus_urls)})


def dtmf(asker: Asker, tones: str, correlation_id: str) -> Wish:
    """Send tones."""
    body = requests.DtmfRequest(dtmf=requests.Tones(tones=Pin(tones), correlation_id=correlation_id), **asker.members)
    return Wish("POST", requests.dtmf_url(asker.self_url), body, {"tones": len(tones)})


def floor(asker: Asker, on: bool) -> Wish:
    """Take the floor, or give it back."""
    share, me = asker.locus.share(), asker.locus.me
    if share is None or not share.url or me is None:
        raise NotPossible("Nothing can be shared in this call")
    party = requests.Party(
        id=me.id, url=me.url, devices=(RequestDevice(url=asker.device_url, device_type=ROOM_DEVICE),)
    )
    wish = requests.FloorWish(disposition=GRANTED if on else RELEASED, beneficiary=party, requester=party)
    body = requests.FloorRequest(floor=wish, raw_sequence=asker.locus.sequence.as_wire())
    return Wish("PUT", share.url, body, {"disposition": wish.disposition})


def media(asker: Asker, local: requests.LocalMedia, *, answers: bool = True) -> Wish:
    """Change the media; `answers` False only tells what is muted."""
    body = requests.MediaRequest(local_medias=(local,), resp_only_sdp=None if answers else True, **asker.members)
    return Wish("PUT", requests.media_url(asker.self_url), body, {"answers": answers})


def control(asker: Asker, wish: Control) -> Wish:
    """Change something of the conference.

    Raises:
        NotPossible: nobody with that id is in it, or no such value.
    """
    url, members = asker.locus.url, asker.members
    shown = {"action": wish.action.value, "on": wish.on, "participant": wish.participant_id}
    match wish.action:
        case Action.LOCK:
            body: object = ControlsRequest(lock=requests.LockWish(locked=wish.on), **members)
        case Action.MUTE_ALL:
            body = ControlsRequest(audio=requests.MuteWish(muted=wish.on), **members)
        case Action.HARD_MUTE:
            body = ControlsRequest(disallow_unmute=requests.EnabledWish(enabled=wish.on), **members)
        case Action.RECORD:
            if wish.value not in RECORDING:
                raise NotPossible("Recording can be started, stopped, paused and resumed")
            shown["value"] = wish.value
            body = ControlsRequest(record=RECORDING[wish.value], **members)
        case Action.ADMIT_ALL:
            body = ControlsRequest(admit=requests.AdmitWish(participant_ids="all"), **members)
            return Wish("PUT", requests.controls_url(url), body, shown)
        case Action.LAYOUT:
            layout = requests.LayoutWish(type=wish.value, device_url=asker.device_url)
            shown["value"] = wish.value
            return Wish("PUT", requests.controls_url(url), ControlsRequest(layout=layout, **members), shown)
        case Action.ADD:
            body = requests.InviteRequest(invitees=(requests.Invitee(address=wish.value),), **members)
            return Wish("POST", requests.add_url(url), body, {**shown, "address": wish.value})
        case Action.END:
            return Wish("POST", requests.end_url(url), requests.LeaveRequest(**members), shown)
        case _:
            return _of_participant(asker, wish, shown)
    return Wish("PATCH", requests.controls_url(url), body, shown)


def _of_participant(asker: Asker, wish: Control, shown: dict[str, Any]) -> Wish:
    url, members = _participant_url(asker, wish), asker.members
    match wish.action:
        case Action.EXPEL:
            return Wish("PUT", requests.leave_url(url), requests.LeaveRequest(**members), shown)
        case Action.MUTE:
            body = ParticipantControls(audio=requests.MuteWish(muted=wish.on), **members)
        case Action.ADMIT | Action.TO_LOBBY:
            body = ParticipantControls(lobby=requests.LobbyWish(admit=_LOBBY[wish.action]), **members)
        case Action.HAND:
            body = ParticipantControls(hand=requests.HandWish(raised=wish.on), **members)
        case _:
            kind = "MODERATOR" if wish.action is Action.HAND_OVER else ROLES.get(wish.value)
            if kind is None:
                raise NotPossible("Roles are " + ", ".join(ROLES))
            role = requests.RoleWish(type=kind, has_role=wish.on)
            body = ParticipantControls(role=requests.RolesWish(roles=(role,)), **members)
            shown["value"] = kind
    return Wish("PATCH", requests.controls_url(url), body, shown)


def _participant_url(asker: Asker, wish: Control) -> str:
    if not wish.participant_id and wish.action is Action.HAND:
        return asker.self_url
    found = asker.locus.participant(wish.participant_id)
    if found is None:
        raise NotPossible("No such participant")
    return found.url
