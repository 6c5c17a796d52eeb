"""What people in a call change: mute, lock, record, roles, hands, the lobby, the floor, the end.

In a meeting hosts may; everybody may lower his own hand, unmute himself unless that was forbidden, and share.

Source: protocol/cloud-services.md 9.6, 9.9; which wishes beyond lock, layout and floor are taken, and who may, is ours.
"""

from __future__ import annotations

from typing import Final

import msgspec

from cloud_stub.platform.errors import BadRequest, CloudError, NotFound
from cloud_stub.services.locus import changes
from cloud_stub.services.locus.addresses import GatewayTarget, UserTarget
from cloud_stub.services.locus.state import COHOST, MODERATOR, PRESENTER, ROLES, Locus, Participant
from cloud_stub.services.locus.switchboard import Switchboard, with_key
from endpoint.wire.locus import errors, events, requests
from endpoint.wire.locus.dto import ACCEPTED, GRANTED, RELEASED, Reason, State

INVITED_MAX: Final = 20
"""Addresses of one request that are called in; the others are passed over."""


class Controls:
    """Changes that somebody in a locus asks for; `me` is who asks, None is the cloud itself, which may everything."""

    def __init__(self, board: Switchboard) -> None:
        self._board = board

    # -- the whole locus --------------------------------------------------------------------------------------------------------------

    def of_locus(self, locus: Locus, me: Participant | None, wish: requests.ControlsRequest) -> Locus:
        """Change controls of the locus; a wish that is not known is passed over.

        Raises:
            CloudError: 423, that is for hosts.
            BadRequest: a layout for nobody.
        """
        if wish.layout is not None:
            if me is None:
                raise BadRequest("a layout is that of somebody in the call")
            locus = self._layout(locus, me, wish.layout)
        if wish.lock is not None:
            locus = self.lock(locus, me, wish.lock.locked)
        if wish.record is not None:
            locus = self.record(
                locus, me, "" if not wish.record.recording else "paused" if wish.record.paused else "on"
            )
        if wish.audio is not None:
            locus = self.mute_all(locus, me, wish.audio.muted)
        if wish.disallow_unmute is not None:
            locus = self.hard_mute(locus, me, wish.disallow_unmute.enabled)
        if wish.mute_on_entry is not None:
            require_host(locus, me)
            locus = self._board.commit(locus.changed(mute_on_entry=wish.mute_on_entry.enabled), events.CONTROLS_UPDATED)
        if wish.admit is not None:
            require_host(locus, me)
            ids = wish.admit.participant_ids
            for one in [one for one in locus.participants if one.is_waiting and (ids == "all" or one.id in ids)]:
                locus = self.admit(locus, me, one.id)
        return locus

    def lock(self, locus: Locus, me: Participant | None, locked: bool) -> Locus:
        """Lock a meeting, or open it."""
        require_host(locus, me)
        if locus.locked is locked:
            return locus
        return self._board.commit(locus.changed(locked=locked), events.CONTROLS_UPDATED)

    def record(self, locus: Locus, me: Participant | None, recording: str) -> Locus:
        """Begin to record (`on`), pause (`paused`), or end it (empty)."""
        require_host(locus, me)
        if recording == locus.recording:
            return locus
        if recording == "paused" and not locus.recording:
            raise changes.conflict("nothing is recorded")
        event = events.RECORDING_STARTED if recording and not locus.recording else events.CONTROLS_UPDATED
        return self._board.commit(
            locus.changed(recording=recording), event if recording else events.RECORDING_STOPPED
        )  # fmt: skip

    def mute_all(self, locus: Locus, me: Participant | None, muted: bool) -> Locus:
        """Mute everybody but who asks and the hosts, or ask them to unmute."""
        require_host(locus, me)
        changed = locus
        for one in locus.joined:
            if one.is_host or (me is not None and one.id == me.id):
                continue
            changed = _muted(changed, one, muted, me)
        if changed is locus:
            return locus
        return self._board.commit(changed, events.PARTICIPANT_AUDIO_MUTED if muted else events.PARTICIPANT_UPDATED)

    def hard_mute(self, locus: Locus, me: Participant | None, on: bool) -> Locus:
        """Forbid everybody but hosts to unmute, and mute them; or allow it again."""
        require_host(locus, me)
        changed = locus.changed(unmute_disallowed=on)
        for one in locus.joined:
            if one.is_host:
                continue
            muted = {"audio_muted": True, "muted_by": me.id if me is not None else ""} if on else {}
            changed = changed.with_change(one.id, may_not_unmute=on, **muted)
        return self._board.commit(changed, events.CONTROLS_UPDATED)

    def _layout(self, locus: Locus, me: Participant, wish: requests.LayoutWish) -> Locus:
        leg_id = wish.device_url.rstrip("/").rpartition("/")[2]
        leg = me.leg(leg_id) or next(iter(me.joined_legs), None)
        if leg is None:
            raise NotFound("there is no such device in the call")
        legs = tuple(
            msgspec.structs.replace(one, layout=wish.type[:64]) if one.id == leg.id else one for one in me.legs
        )
        return self._board.commit(locus.with_change(me.id, legs=legs), events.PARTICIPANT_UPDATED)

    def end(self, locus: Locus, me: Participant | None) -> Locus:
        """End it for all."""
        require_host(locus, me)
        return self._board.commit(changes.ended(locus, Reason.MEETING_ENDED), events.PARTICIPANT_LEFT)

    # -- somebody in it ---------------------------------------------------------------------------------------------------------------

    def of_participant(
        self, locus: Locus, me: Participant | None, participant_id: str, wish: requests.ParticipantControls
    ) -> Locus:
        """Change controls of a participant; errors as in `of_locus`, and NotFound if there is none."""
        if wish.audio is not None:
            locus = self.mute(locus, me, participant_id, wish.audio.muted)
        if wish.video is not None:
            one = _there(locus, participant_id)
            _require_self_or_host(locus, me, one)
            event = events.PARTICIPANT_VIDEO_MUTED if wish.video.muted else events.PARTICIPANT_VIDEO_UNMUTED
            locus = self._board.commit(locus.with_change(one.id, video_muted=wish.video.muted), event)
        if wish.hand is not None:
            locus = self.hand(locus, me, participant_id, wish.hand.raised)
        for role in wish.role.roles if wish.role is not None else ():
            locus = self.role(locus, me, participant_id, role.type, role.has_role)
        if wish.lobby is not None:
            act = self.admit if wish.lobby.admit else self.to_lobby
            locus = act(locus, me, participant_id)
        return locus

    def mute(self, locus: Locus, me: Participant | None, participant_id: str, muted: bool) -> Locus:
        """Mute somebody, or ask to unmute; oneself is unmuted unless that is forbidden."""
        one = _there(locus, participant_id)
        _require_self_or_host(locus, me, one)
        is_own = me is not None and me.id == one.id
        if is_own and not muted and one.may_not_unmute and not one.is_host:
            raise CloudError(403, "the host has muted everybody")
        if is_own:
            changed = locus.with_change(one.id, audio_muted=muted, asked_to_unmute=False, muted_by="")
        else:
            changed = _muted(locus, one, muted, me)
        if changed == locus:
            return locus
        return self._board.commit(
            changed, events.PARTICIPANT_AUDIO_MUTED if muted else events.PARTICIPANT_AUDIO_UNMUTED
        )  # fmt: skip

    def hand(self, locus: Locus, me: Participant | None, participant_id: str, raised: bool) -> Locus:
        """Raise one's hand, or lower a hand."""
        one = _there(locus, participant_id)
        _require_self_or_host(locus, me, one)
        if one.hand is raised:
            return locus
        return self._board.commit(locus.with_change(one.id, hand=raised), events.PARTICIPANT_CONTROLS_UPDATED)

    def role(self, locus: Locus, me: Participant | None, participant_id: str, kind: str, has_role: bool) -> Locus:
        """Give somebody a role, or take it away; there is one host, and one presenter."""
        one, kind = _there(locus, participant_id), role_kind(kind)
        require_host(locus, me)
        if kind in (MODERATOR, PRESENTER) and has_role:
            for other in locus.participants:
                if other.id != one.id and kind in other.roles:
                    locus = locus.with_change(other.id, roles=tuple(role for role in other.roles if role != kind))
        kept = tuple(role for role in one.roles if role != kind)
        roles = (*kept, kind) if has_role else kept
        frees = {"may_not_unmute": False} if has_role and kind in (MODERATOR, COHOST) else {}
        return self._board.commit(
            locus.with_change(one.id, roles=roles, **frees), events.PARTICIPANT_ROLES_UPDATED
        )  # fmt: skip

    def admit(self, locus: Locus, me: Participant | None, participant_id: str) -> Locus:
        """Let somebody in from the lobby."""
        require_host(locus, me)
        changed = changes.admitted(locus, _there(locus, participant_id))
        return locus if changed is locus else self._board.commit(changed, events.PARTICIPANT_JOINED)

    def to_lobby(self, locus: Locus, me: Participant | None, participant_id: str) -> Locus:
        """Put somebody back into the lobby."""
        require_host(locus, me)
        one = _there(locus, participant_id)
        if one.is_waiting:
            return locus
        changed = changes.waits(locus, one)
        changed = changed.changed(shared_by="") if changed.shared_by == one.id else changed
        changed = self._board.commit(changed, events.PARTICIPANT_UPDATED)
        for leg in one.joined_legs:
            if not leg.is_far:
                self._board.keep_waiting(changed, one, leg.id)
        return changed

    def expel(self, locus: Locus, me: Participant | None, participant_id: str, reason: str = Reason.FORCED) -> Locus:
        """Take somebody out."""
        require_host(locus, me)
        one = _there(locus, participant_id)
        return self._board.commit(changes.gone(locus, one, reason), events.PARTICIPANT_LEFT)

    # -- the floor, and others --------------------------------------------------------------------------------------------------------

    def floor(self, locus: Locus, me: Participant, wish: requests.FloorWish) -> Locus:
        """Give the floor to who asks, or take it back; a new share ends the one before.

        Raises:
            BadRequest: no disposition of a floor.
        """
        if wish.disposition in (GRANTED, ACCEPTED):
            return self.share(locus, me.id, True)
        if wish.disposition != RELEASED:
            raise BadRequest(f"a floor is {GRANTED} or {RELEASED}")
        named = wish.beneficiary.url.rstrip("/").rpartition("/")[2] or wish.beneficiary.id or me.id
        if named != me.id:
            require_host(locus, me)
        return self.share(locus, named, False)

    def share(self, locus: Locus, participant_id: str, on: bool) -> Locus:
        """Let somebody share, or not any more."""
        now = self._board.platform.now()
        if not on:
            if locus.shared_by != participant_id:
                return locus
            return self._board.commit(locus.changed(shared_by="", share_released=now), events.FLOOR_RELEASED)
        if locus.shared_by == participant_id:
            return locus
        share_id = self._board.book.draw("share", locus.id)
        changed = locus.changed(shared_by=participant_id, share_id=share_id, share_granted=now)
        return self._board.commit(changed, events.FLOOR_GRANTED)

    def invite(self, locus: Locus, me: Participant | None, wish: requests.InviteRequest) -> Locus:
        """Call somebody into a locus, which is a meeting from then on.

        Raises:
            CloudError: 404006, nobody has one of the addresses; 409, one of them is in already. Nobody is called then.
        """
        require_host(locus, me)
        targets = []
        for invitee in wish.invitees[:INVITED_MAX]:
            target = self._board.resolve(invitee.target)
            if not isinstance(target, (UserTarget, GatewayTarget)):
                raise CloudError(404, "Cannot find the data", str(errors.MEETING_NOT_FOUND))
            if isinstance(target, UserTarget) and (known := locus.of_user(target.user.id)) is not None:
                changes.step(known, changes.Invited)
            targets.append(target)
        for target in targets:
            locus = self._board.call_in(with_key(locus), target)
        return locus


def _muted(locus: Locus, one: Participant, muted: bool, by: Participant | None) -> Locus:
    if not muted:
        return locus.with_change(one.id, asked_to_unmute=one.audio_muted)
    if one.audio_muted:
        return locus
    return locus.with_change(
        one.id, audio_muted=True, asked_to_unmute=False, muted_by=by.id if by is not None else "cloud"
    )


def role_kind(role: str) -> str:
    """Return the name on the wire of a role; `host` is a word of ours for the moderator.

    Raises:
        BadRequest: there is no such role.
    """
    kind = MODERATOR if role.casefold() == "host" else role.upper()
    if kind not in ROLES:
        raise BadRequest(f"there is no role {role!r}; there are host, cohost, presenter, panelist, attendee")
    return kind


def _there(locus: Locus, participant_id: str) -> Participant:
    one = locus.participant(participant_id)
    if one is None or one.state in (State.LEFT, State.DECLINED):
        raise NotFound("there is no such participant in the call", "2404001")
    return one


def require_host(locus: Locus, me: Participant | None) -> None:
    """Raise CloudError 423 if somebody asks who is no host of the meeting; in a call everybody may."""
    if me is not None and locus.is_meeting and not me.is_host:
        raise CloudError(423, "that is for the host", str(errors.MODERATOR_NEEDED))


def _require_self_or_host(locus: Locus, me: Participant | None, one: Participant) -> None:
    if me is None or me.id != one.id:
        require_host(locus, me)
