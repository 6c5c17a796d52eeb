"""What can be done to calls from outside: who calls, answers, joins, mutes and shares by script. `cloud.calls` in Python.

A call is named by the id of its locus, or by an address that a device has dialled; a meeting by number, address, link, id, or the id of its
locus. Participants are named by id, user, name or address. Durations are seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, TypeAlias

import msgspec

from cloud_stub.hybrid_calendar.use_cases import address_of
from cloud_stub.platform.directory import Directory
from cloud_stub.platform.errors import BadRequest, Conflict, NotFound
from cloud_stub.platform.records import User
from cloud_stub.services.locus import changes
from cloud_stub.services.locus.addresses import MeetingTarget, bare
from cloud_stub.services.locus.admission import MeetingSettings
from cloud_stub.services.locus.controls import Controls, role_kind
from cloud_stub.services.locus.peers import ANSWER, BUSY, NO_ANSWER, REJECT, Peer, peer_key, tones_of
from cloud_stub.services.locus.state import MODERATOR, Locus, Participant, with_leg
from cloud_stub.services.locus.switchboard import ALONE_S, Switchboard, with_key
from endpoint.runtime.clock import iso_ms
from endpoint.runtime.faults import Fault
from endpoint.wire.locus import events
from endpoint.wire.locus.dto import Reason, State
from endpoint.wire.secret import Pin

REASONS: Final = {
    "busy": BUSY,
    "reject": REJECT,
    "rejected": REJECT,
    "no_answer": NO_ANSWER,
    "dnd": Reason.DND,
    "unknown": Reason.UNKNOWN,
}
"""How a far end declines: words of scripts, and what becomes of the call."""
RECORDING: Final = {"start": "on", "resume": "on", "pause": "paused", "stop": ""}
DOES: Final = (
    "join", "leave", "mute", "unmute", "share", "stop_share", "raise_hand", "lower_hand", "hold", "resume", "dtmf", "role",
)  # fmt: skip
"""What a person can do."""
NAMED_MAX: Final = 9
"""Participants that an error names."""
NAME_CHARS_MAX: Final = 256
NO_TONES: Final = Pin("")
IN_CALL: Final = ("share", "hold", "resume", "dtmf")
"""What only somebody who is in can do; the other words say so themselves."""
TAKEN_AFTER_S: Final = 1.0
WAIT_MAX_S: Final = 604_800
"""The longest wait of a script, a week; it is no number of seconds that a clock cannot count."""
Rows: TypeAlias = list[dict[str, Any]]
Words: TypeAlias = list[str]


class CallUseCases:
    """The verbs of calls."""

    def __init__(self, board: Switchboard, directory: Directory) -> None:
        self._board = board
        self._book = board.book
        self._directory = directory
        self._controls = Controls(board)
        board.platform.faults.on_momentary(self._strike)

    # -- somebody calls ---------------------------------------------------------------------------------------------------------------

    def ring(
        self,
        caller: str,
        user_id: str,
        *,
        name: str = "",
        display_name: str = "",
        cancel_after_s: float | None = None,
        elsewhere_after_s: float | None = None,
        is_meeting: bool = False,
    ) -> str:
        """Let somebody call a user; returns the id of the call.

        Args:
            caller: an address, or the id of somebody with an account.
            user_id: who is called, by id or address.
            name: the caller's own name for the call; `call` takes it from now on, as it takes the id.
            display_name: shown as the caller's name; by default that of the account, or the address.
            cancel_after_s: when the caller gives up.
            elsewhere_after_s: when the call is answered on another device of the account.
            is_meeting: a meeting calls, not a person.

        Raises:
            NotFound: there is no such user.
        """
        for wait_s in (cancel_after_s, elsewhere_after_s):
            _require_wait(wait_s)
        callee = self._user(user_id)
        board = self._board
        locus = board.new_locus(is_meeting=is_meeting, title=(display_name or caller) if is_meeting else "", name=name)
        known = board.addresses.user(bare(caller if "@" in caller else address_of(caller))) or board.addresses.user(
            caller
        )
        if known is not None and known.id == callee.id:
            raise BadRequest("nobody calls himself")
        if known is not None:
            one = board.person(locus, known, is_creator=True, roles=(MODERATOR,))
            one = msgspec.structs.replace(one, name=display_name or one.name)
        else:
            address = bare(caller) if "@" in caller or caller.isdigit() else address_of(caller)
            one = board.stranger(locus, display_name or caller, address, is_creator=True, roles=(MODERATOR,))
        one = with_leg(msgspec.structs.replace(one, state=State.JOINED), board.far_leg(one))
        called = board.person(locus, callee)
        locus = self._book.open(changes.invited(locus.with_participant(one), called), events.PARTICIPANT_JOINED)
        board.await_answer(locus, called)
        fault = board.platform.faults.hit(
            "locus", step="ring", call=locus.id, device=board.platform.nicknames.get(callee.id)
        )
        if fault is not None and fault.do == "cancelled" and cancel_after_s is None:
            cancel_after_s = TAKEN_AFTER_S
        elif fault is not None and fault.do == "elsewhere" and elsewhere_after_s is None:
            elsewhere_after_s = TAKEN_AFTER_S
        self._later(locus, "cancel", cancel_after_s, lambda: self._cancel(locus.id, one.id))
        self._later(locus, "elsewhere", elsewhere_after_s, lambda: self._elsewhere(locus.id, called.id))
        return locus.id

    def _later(self, locus: Locus, what: str, after_s: float | None, act: Callable[[], object]) -> None:
        if after_s is not None:
            self._book.timers.set((locus.id, what), after_s, act)

    def _cancel(self, locus_id: str, participant_id: str) -> None:
        locus, one = self._there(locus_id, participant_id)
        if locus is not None and one is not None and len(locus.joined) == 1:
            self._board.commit(changes.gone(locus, one), events.PARTICIPANT_LEFT)

    def _elsewhere(self, locus_id: str, participant_id: str) -> None:
        locus, one = self._there(locus_id, participant_id)
        if locus is None or one is None or one.state not in (State.IDLE, State.NOTIFIED):
            return
        self._book.timers.cancel((locus_id, "ring", participant_id))
        locus = self._board.commit(
            changes.entered(locus, one, self._board.far_leg(one), alone=True), events.PARTICIPANT_JOINED
        )
        self._book.timers.set((locus.id, "alone"), ALONE_S, lambda: self._end_quietly(locus_id))

    def _end_quietly(self, locus_id: str) -> None:
        locus = self._book.find(locus_id)
        if locus is not None and locus.is_active and all(leg.is_far for one in locus.joined for leg in one.joined_legs):
            self._board.commit(changes.ended(locus), events.PARTICIPANT_LEFT)

    def _there(self, locus_id: str, participant_id: str) -> tuple[Locus | None, Participant | None]:
        locus = self._book.find(locus_id)
        if locus is None or not locus.is_active:
            return None, None
        return locus, locus.participant(participant_id)

    # -- the far end of a call --------------------------------------------------------------------------------------------------------

    def answer(self, call: str, after_s: float = 0.0) -> None:
        """Let the far end of a call answer; of an address that nobody has dialled yet, let it answer from now on."""
        self._far_end(call, ANSWER, after_s)

    def decline(self, call: str, reason: str = "busy", after_s: float = 0.0) -> None:
        """Let the far end of a call decline it: busy, reject, dnd, unknown; or no_answer. See `answer`.

        Raises:
            BadRequest: another reason.
        """
        if reason not in REASONS:
            raise BadRequest(f"a call is declined as {', '.join(REASONS)}")
        self._far_end(call, REASONS[reason], after_s)

    def _far_end(self, call: str, behaves: str, after_s: float) -> None:
        _require_wait(after_s)
        locus = self._find(call)
        called = (State.IDLE, State.NOTIFIED)
        one = (
            next((one for one in locus.participants if one.state in called and not one.is_waiting), None)
            if locus
            else None
        )
        if locus is not None and one is not None:
            if behaves == NO_ANSWER:
                self._book.timers.cancel((locus.id, "far", one.id))
            elif after_s == 0:
                self._board.far_end_now(locus, one.id, behaves)
            else:
                self._board.far_end_later(locus, one.id, behaves, after_s)
        elif "@" in call:
            self._board.peers.script(call, {Reason.DND: BUSY, Reason.UNKNOWN: REJECT}.get(behaves, behaves), after_s)
        elif locus is None:
            raise NotFound(f"there is no call {call!r}; an address lays down what its far end will do")
        else:
            raise Conflict("nobody is called there any more")

    def peer(
        self, address: str, behaviour: str, after_s: float | None = None, meeting_id: str = "", passcode: str = ""
    ) -> str:
        """Lay down what a far end behind the gateway does from now on: answer, busy, reject, no_answer, not_found, prompt, ssl.

        Args:
            after_s: how long it takes; 1 s, for `ssl` 2 s.
            meeting_id, passcode: what a prompt asks for; of a meeting at Zoom, what its address has to say.

        Returns:
            The address that it is known by.
        """
        return self._board.peers.script(address, behaviour, after_s, meeting_id, passcode)

    # -- meetings ---------------------------------------------------------------------------------------------------------------------

    def meeting_set(
        self,
        meeting: str,
        *,
        locked: bool | None = None,
        lobby: bool | None = None,
        pin: str | None = None,
        guest_pin: str | None = None,
        capacity: int | None = None,
        moved_to: str | None = None,
        open_for_guests: bool | None = None,
        mute_on_entry: bool | None = None,
    ) -> None:
        """Change what a meeting has set, for now and for whoever joins later; empty texts and 0 take a setting back.

        Raises:
            NotFound: there is no such meeting.
            BadRequest: a capacity below 0.
        """
        key, locus = self._meeting(meeting)
        if capacity is not None and capacity < 0:
            raise BadRequest("a meeting has room for 0 (any number) or more")
        other = self._target(moved_to) if moved_to else None
        if other is not None and other.key == key:
            raise BadRequest("a meeting moves to another one")
        now = self._board.settings_of(key)
        given: dict[str, Any] = {
            "locked": locked,
            "lobby": lobby,
            "capacity": capacity,
            "open_for_guests": open_for_guests,
        }
        given |= {"mute_on_entry": mute_on_entry, "moved_to": moved_to}
        changed: MeetingSettings = replace(now, **{name: value for name, value in given.items() if value is not None})
        if pin is not None:
            changed = replace(changed, pin=Pin(pin) if pin else None)
        if guest_pin is not None:
            changed = replace(changed, guest_pin=Pin(guest_pin) if guest_pin else None)
        self._board.set_settings(key, changed)
        if locus is None:
            return
        told = {"locked": locked, "capacity": capacity, "mute_on_entry": mute_on_entry}
        fields = {name: value for name, value in told.items() if value is not None and getattr(locus, name) != value}
        if fields:
            locus = self._board.commit(locus.changed(**fields), events.CONTROLS_UPDATED)
        if other is not None:
            self._move(locus, other)

    def _move(self, locus: Locus, other: MeetingTarget) -> None:
        """Move everybody who is in a meeting to another one."""
        there, is_new = self._board.meeting_locus(other)
        if is_new:
            there = self._book.open(there, events.PARTICIPANT_UPDATED)
        self._board.merge(there, [locus])

    def person(self, call: str, who: str, do: str, *, name: str = "", role: str = "", value: str = "") -> str:
        """Let somebody do something in a call or meeting; returns the id of the participant.

        Args:
            call: a meeting that nobody is in begins with `join`.
            who: a participant; with `join` an address, a name, or the id of an account.
            do: join, leave, mute, unmute, share, stop_share, raise_hand, lower_hand, hold, resume, dtmf (`value` has the tones), role.
            name: shown as the name of who joins.
            role: host, cohost, presenter, panelist.

        Raises:
            BadRequest: nobody can do that.
            NotFound: there is no such call, or nobody of that name in it.
        """
        if do not in DOES:
            raise BadRequest(f"a person can {', '.join(DOES)}")
        tones = tones_of(Pin(value)) if do == "dtmf" else NO_TONES
        if do == "join":
            return self._person_joins(call, who, name, role_kind(role) if role else "")
        locus = self._call(call)
        one = self._participant(locus, who)
        if do == "role":
            self._controls.role(locus, None, one.id, role or value, value != "off")
        elif do == "leave":
            self._board.commit(changes.gone(locus, one), events.PARTICIPANT_LEFT)
        elif do in ("mute", "unmute"):
            self._controls.mute(locus, one, one.id, do == "mute")
        elif do in IN_CALL and one.state is not State.JOINED:
            raise Conflict(f"{one.name or one.id} is {one.state.value}, and only who is in can {do}")
        elif do in ("share", "stop_share"):
            self._controls.share(locus, one.id, do == "share")
        elif do in ("raise_hand", "lower_hand"):
            self._controls.hand(locus, None, one.id, do == "raise_hand")
        elif do in ("hold", "resume"):
            self._board.commit(locus.with_change(one.id, held=do == "hold"), events.PARTICIPANT_UPDATED)
        else:
            self._board.dtmf(locus, one, tones)
        return one.id

    def _person_joins(self, call: str, who: str, name: str, role: str) -> str:
        if not who.strip() or len(who) > NAME_CHARS_MAX or len(name) > NAME_CHARS_MAX:
            raise BadRequest(f"who joins has an address, a name or an account, of 1 to {NAME_CHARS_MAX} characters")
        board = self._board
        known = self._find(call)
        if known is None:
            target = self._target(call)
            locus, is_new = board.meeting_locus(target)
        else:
            locus, is_new = self._call(call), False
        one = locus.named(who)
        if one is None:
            user = board.addresses.user(bare(who))
            one = (
                board.person(locus, user)
                if user is not None
                else board.stranger(locus, name or who, bare(who) if "@" in who else "")
            )
        if name:
            one = msgspec.structs.replace(one, name=name)
        if role:
            one = msgspec.structs.replace(one, roles=tuple(dict.fromkeys((*one.roles, role))))
        locus = changes.entered(locus, one, board.far_leg(one), alone=not locus.is_meeting)
        if not locus.is_meeting and len(locus.joined) > 2:
            locus = with_key(locus)
        if is_new:
            self._book.open(locus, events.PARTICIPANT_JOINED)
        else:
            board.commit(locus, events.PARTICIPANT_JOINED)
        return one.id

    # -- what hosts do ----------------------------------------------------------------------------------------------------------------

    def lobby(self, call: str, participant: str) -> None:
        """Put somebody back into the lobby; where he is not in the meeting yet, let it have a lobby for whoever comes."""
        locus = self._find(call)
        one = locus.named(participant) if locus is not None and locus.is_active else None
        if locus is None or one is None or one.state is not State.JOINED:
            self.meeting_set(call, lobby=True)
        else:
            self._controls.to_lobby(locus, None, one.id)

    def admit(self, call: str, participant: str | None = None) -> int:
        """Let somebody in from the lobby, or all who wait there; returns how many."""
        locus = self._call(call)
        chosen = [one for one in locus.participants if one.is_waiting]
        if participant:
            chosen = [self._participant(locus, participant)]
            if not chosen[0].is_waiting:
                raise Conflict(f"{chosen[0].name} does not wait in the lobby")
        for one in chosen:
            locus = self._controls.admit(locus, None, one.id)
        return len(chosen)

    def drop(self, call: str, participant: str | None = None, reason: str = "") -> None:
        """Take somebody out of a call; without a name the devices that are registered here."""
        locus = self._call(call)
        if participant:
            chosen = [self._participant(locus, participant)]
        else:
            chosen = [one for one in locus.joined if any(not leg.is_far for leg in one.joined_legs)]
        for one in chosen:
            if locus.is_active:
                locus = self._controls.expel(locus, None, one.id, reason or Reason.FORCED)

    def end(self, call: str) -> None:
        """End a call for all."""
        self._controls.end(self._call(call), None)

    def mute(self, call: str, participant: str, muted: bool = True) -> None:
        """Mute somebody as the host does, or ask to unmute; `all` is everybody but hosts."""
        locus = self._call(call)
        if participant == "all":
            self._controls.mute_all(locus, None, muted)
        else:
            self._controls.mute(locus, None, self._participant(locus, participant).id, muted)

    def hard_mute(self, call: str, on: bool = True) -> None:
        """Forbid everybody but hosts to unmute, or allow it again."""
        self._controls.hard_mute(self._call(call), None, on)

    def lock(self, call: str, on: bool = True) -> None:
        """Lock a meeting, or open it."""
        self._controls.lock(self._call(call), None, on)

    def record(self, call: str, what: str) -> None:
        """Record: start, stop, pause, resume.

        Raises:
            BadRequest: another word.
        """
        if what not in RECORDING:
            raise BadRequest(f"a recording can {', '.join(RECORDING)}")
        self._controls.record(self._call(call), None, RECORDING[what])

    # -- looking ----------------------------------------------------------------------------------------------------------------------

    def list(self) -> Rows:
        """Return every call that can still be asked for, oldest first."""
        return [self.shown(locus) for locus in self._book.all()]

    def get(self, call: str) -> dict[str, Any]:
        """Return what may be shown of a call.

        Raises:
            NotFound: there is no such call.
        """
        locus = self._find(call)
        if locus is None:
            raise NotFound(f"there is no call {call!r}")
        return self.shown(locus)

    def shown(self, locus: Locus) -> dict[str, Any]:
        """Return what may be shown of a call; `clients` are the registered devices that are in it."""
        roster = [
            {
                "id": one.id, "name": one.name, "userId": one.user_id, "state": one.state.value, "reason": one.reason,
                "waiting": one.is_waiting, "muted": one.audio_muted, "held": one.held, "hand": one.hand, "roles": list(one.roles),
                "sharing": one.id == locus.shared_by, "devices": [leg.id for leg in one.joined_legs],
            }
            for one in locus.participants
        ]  # fmt: skip
        return {
            "id": locus.id, "type": "MEETING" if locus.is_meeting else "CALL", "state": locus.state.value, "title": locus.title,
            "meeting": locus.meeting_id, "number": locus.number, "address": locus.sip, "locked": locus.locked,
            "recording": locus.recording, "hardMuted": locus.unmute_disallowed, "created": iso_ms(locus.created),
            "sequence": locus.sequence.last, "clients": sum(not leg.is_far for one in locus.joined for leg in one.joined_legs),
            "roster": roster,
        }  # fmt: skip

    def peers(self) -> Rows:
        """Return every far end that was called, or that something is laid down for."""
        return [dict(peer.shown()) for peer in self._board.peers.all()]

    def query(self, subject: str, rest: Words) -> Any:
        """Return something of the state of calls, for `state_query`: `calls.count`, `call.<id>.roster`, `peer.<address>.prompts`.

        Raises:
            NotFound: there is none, or it has no such thing.
        """
        if subject == "calls":
            active = self._book.active()
            values: dict[str, Any] = {"count": len(active), "ids": [locus.id for locus in active]}
            return values if not rest else _member(subject, values, rest[-1])
        if subject == "peer":
            whole = self._board.peers.known(".".join(rest))
            if whole is not None:
                return dict(whole.shown())
            return _member(subject, dict(self._peer(".".join(rest[:-1])).shown()), rest[-1] if rest else "")
        if not rest or (len(rest) == 1 and self._find(rest[0]) is None):
            loci = self._book.all()
            if not loci:
                raise NotFound("there is no call yet")
            shown = self.shown(loci[-1])
            return shown if not rest else _member(subject, shown, rest[0])
        locus = self._find(".".join(rest))
        if locus is not None:
            return self.shown(locus)
        locus = self._find(".".join(rest[:-1]))
        if locus is None:
            raise NotFound(f"there is no call {'.'.join(rest[:-1])!r}")
        return _member(subject, self.shown(locus), rest[-1])

    # -- names ------------------------------------------------------------------------------------------------------------------------

    def _find(self, call: str) -> Locus | None:
        """Return the call of an id, the newest one to an address, or that of a meeting; without a name the only one there is; else None."""
        locus = self._book.find(call)
        if locus is not None:
            return locus
        if not call:
            active = self._book.active()
            return active[0] if len(active) == 1 else None
        wanted = peer_key(call)
        for locus in reversed(self._book.active()):
            addresses = {peer_key(one.address) for one in locus.participants if one.address}
            addresses |= {one.email.casefold() for one in locus.participants if one.email}
            if wanted in addresses:
                return locus
        target = self._board.addresses.meeting(call)
        return self._book.of_meeting(target.key) if target is not None else None

    def _call(self, call: str) -> Locus:
        locus = self._find(call)
        if locus is None:
            raise NotFound(f"there is no call {call!r}")
        if not locus.is_active:
            raise Conflict("that call is over")
        return locus

    def _participant(self, locus: Locus, who: str) -> Participant:
        one = locus.named(who)
        if one is None:
            names = [one.name or one.id for one in locus.participants]
            more = ", ..." if len(names) > NAMED_MAX else ""
            raise NotFound(f"there is no {who!r} in the call; there are {', '.join(names[:NAMED_MAX])}{more}")
        return one

    def _target(self, meeting: str) -> MeetingTarget:
        target = self._board.addresses.meeting(meeting)
        if target is None:
            raise NotFound(f"there is no meeting {meeting!r}: give its number, address, link or id")
        return target

    def _meeting(self, meeting: str) -> tuple[str, Locus | None]:
        locus = self._book.find(meeting)
        if locus is not None and locus.is_meeting:
            return locus.key, locus if locus.is_active else None
        target = self._target(meeting)
        return target.key, self._book.of_meeting(target.key)

    def _user(self, user_id: str) -> User:
        user = self._board.addresses.user(bare(user_id))
        return user if user is not None else self._directory.user(user_id)

    def _peer(self, address: str) -> Peer:
        peer = self._board.peers.known(address)
        if peer is None:
            raise NotFound(f"there is no far end {address!r}")
        return peer

    # -- faults that happen once, now -------------------------------------------------------------------------------------------------

    def _strike(self, fault: Fault) -> bool:
        """End calls: all of them, or that of a call, a meeting or an address that the fault is aimed at."""
        if fault.on != "locus" or fault.do != "ended":
            return False
        wanted = fault.target.get("call") or fault.target.get("meeting") or fault.target.get("address")
        locus = self._find(str(wanted)) if wanted else None
        hit = [locus] if locus is not None and locus.is_active else [] if wanted else self._book.active()
        for one in hit:
            self._controls.end(one, None)
        return bool(hit)


def _require_wait(after_s: float | None) -> None:
    if after_s is not None and not 0 <= after_s <= WAIT_MAX_S:
        raise BadRequest(f"a wait is 0 to {WAIT_MAX_S} seconds")


def _member(subject: str, values: dict[str, Any], name: str) -> Any:
    if name not in values:
        raise NotFound(f"{subject} has no {name!r}; it has {', '.join(sorted(values))}")
    return values[name]
