"""What makes and changes calls: one place for requests of clients, for far ends that are scripted, and for time.

Requests come from `service`, scripts from `calls_use_cases`. Nothing here knows HTTP.

Source: protocol/activation-and-media.md 11, cloud-services.md 9; how long things take is ours.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

import msgspec

from cloud_stub.platform.context import Platform
from cloud_stub.platform.errors import CloudError
from cloud_stub.platform.records import Registration, User, UserKind, Workspace
from cloud_stub.services.locus import changes
from cloud_stub.services.locus.addresses import (
    Addresses,
    GatewayTarget,
    MeetingTarget,
    Nobody,
    Target,
    UserTarget,
    bare,
)
from cloud_stub.services.locus.admission import DEFAULTS, MeetingSettings, admission
from cloud_stub.services.locus.book import Book
from cloud_stub.services.locus.peers import (
    ANSWER,
    BUSY,
    CAUSES,
    NO_ANSWER,
    PROMPT,
    REJECT,
    RINGS_AFTER_S,
    Peer,
    Peers,
    Script,
    begin_prompt,
    dialled,
    planned,
)
from cloud_stub.services.locus.render import KEEP_ALIVE_S
from cloud_stub.services.locus.state import (
    BRIDGE,
    MODERATOR,
    PRESENT,
    ROOM,
    SIP,
    USER,
    Leg,
    Locus,
    Participant,
)
from cloud_stub.services.mercury import Mercury
from cloud_stub.services.wdm import Wdm
from endpoint.wire.conventions import room_address
from endpoint.wire.locus import errors, events
from endpoint.wire.locus.dto import Reason, State
from endpoint.wire.locus.requests import JoinRequest
from endpoint.wire.secret import Pin
from endpoint.wire.zoom import ZoomAddress

SETTINGS_MAX: Final = 10_000
"""Meetings whose settings are kept; those that were set longest ago are forgotten first."""
ALONE_S: Final = 10.0
"""How long a call between scripted far ends only goes on."""
FAULTY: Final = {"busy": BUSY, "rejected": REJECT, "no_answer": NO_ANSWER}
"""What a fault makes of the far end of a call."""


def with_key(locus: Locus) -> Locus:
    """Return a locus as a meeting; one of no calendar and no site is known by its session."""
    return locus.changed(is_meeting=True, key=locus.key or f"session {locus.session_id}")


class Switchboard:
    """All calls and meetings."""

    def __init__(self, platform: Platform, mercury: Mercury, wdm: Wdm) -> None:
        self.platform = platform
        self.wdm = wdm
        self.book = Book(platform, mercury, wdm)
        self.addresses = Addresses(platform)
        self.peers = Peers()
        self._mercury = mercury
        self._settings: OrderedDict[str, MeetingSettings] = OrderedDict()
        self._scripts: dict[str, dict[str, tuple[Script, Peer | None]]] = {}
        """What far ends do, by the session of their locus, which stays when its address does not, and by participant."""

    # -- making ---------------------------------------------------------------------------------------------------------------------

    def new_locus(self, **fields: Any) -> Locus:
        """Return a locus that nobody is in yet, with ids of its own."""
        platform = self.platform
        now = platform.now()
        locus_id = platform.new_id("locus", *filter(None, [fields.pop("name", "")]))
        sip = fields.pop("sip", "") or f"{locus_id}@{platform.hosts.host('locus')}"
        session = platform.uuid("locus session", locus_id)
        made = Locus(
            id=locus_id, created=now, last_active=now, session_id=session, sip=sip, org_id=platform.org_id(), **fields
        )
        return with_key(made) if made.is_meeting else made

    def resolve(self, asked: str) -> Target:
        """Return what an address leads to: a meeting that goes on and has no other address than its own, or what the directory has."""
        name, _, host = bare(asked).partition("@")
        if host != self.platform.hosts.host("locus"):
            return self.addresses.resolve(asked)
        locus = self.book.find(name)
        if locus is None or not locus.is_active or not locus.key:
            return Nobody()
        return MeetingTarget(key=locus.key, title=locus.title, sip=locus.sip, owner_id=locus.owner_id)

    def person(self, locus: Locus, user: User, **fields: Any) -> Participant:
        """Return the participant that somebody with an account is in a locus: the one that there is, or a new one."""
        known = locus.of_user(user.id)
        if known is not None:
            return msgspec.structs.replace(known, **fields)
        is_room = user.kind is UserKind.MACHINE
        return Participant(
            id=self.book.draw("participant", locus.id),
            name=user.name,
            type=ROOM if is_room else USER,
            user_id=user.id,
            email=user.email,
            address=self.address_of(user),
            org_id=user.org_id,
            **fields,
        )

    def stranger(self, locus: Locus, name: str, address: str, *, is_bridge: bool = False, **fields: Any) -> Participant:
        """Return a participant who has no account here."""
        return Participant(
            id=self.book.draw("participant", locus.id),
            name=name or address,
            type=BRIDGE if is_bridge else USER,
            address=address,
            is_external=True,
            **fields,
        )

    def far_leg(self, participant: Participant) -> Leg:
        """Return the device of a far end."""
        has_account = bool(participant.user_id)
        return Leg(
            id=self.platform.uuid("far device", participant.id),
            device_type="WEB" if has_account else SIP,
            correlation_id=self.platform.uuid("far call", participant.id),
            is_far=True,
        )

    def address_of(self, user: User) -> str:
        """Return what somebody with an account is called by."""
        workspace = self.platform.store[Workspace].get(user.workspace_id) if user.workspace_id else None
        if user.email or workspace is None:
            return user.email
        return room_address(workspace.name, workspace.org_id)

    def commit(self, locus: Locus, event: str) -> Locus:
        """Let a change become the present state; a far end of a call that is over is no longer in it."""
        done = self.book.commit(locus, event)
        if not done.is_active:
            self._over(done)
        return done

    def _over(self, locus: Locus) -> None:
        for _, peer in self._scripts.pop(locus.session_id, {}).values():
            if peer is not None:
                peer.state, peer.asks = "ended" if peer.state != "refused" else peer.state, ""

    # -- calls ------------------------------------------------------------------------------------------------------------------------

    def call_user(self, caller: Participant, locus: Locus, target: UserTarget, behaves: str = "") -> Locus:
        """Call somebody with an account: it rings at every registration."""
        callee = self.person(locus, target.user)
        locus = changes.invited(locus.with_participant(caller), callee)
        callee = locus.of_user(target.user.id) or callee
        script = Script(behaves) if behaves else self.peers.script_of(target.address)
        locus = self.book.open(locus, events.PARTICIPANT_JOINED)
        self.await_answer(locus, callee)
        if script is not None:
            self._begin(locus, callee, script, None)
        return locus

    def call_gateway(self, caller: Participant, locus: Locus, target: GatewayTarget, behaves: str = "") -> Locus:
        """Let the gateway call somebody elsewhere."""
        peer = self.peers.of(target.address)
        fault = None
        if target.is_zoom:
            fault = self.platform.faults.hit("locus", step="passcode", address=peer.address, call=locus.id)
        known = self.known_passcode(target) if target.is_zoom else ""
        script = planned(target, self.peers.script_of(target.address), known, is_stripped=fault is not None)
        if behaves:
            script = Script(behaves, script.after_s)
        callee = self.stranger(locus, "", target.shown, is_bridge=target.is_zoom)
        locus = self.book.open(changes.invited(locus.with_participant(caller), callee), events.PARTICIPANT_JOINED)
        peer.calls += 1
        peer.state, peer.asks = "calling", ""
        self.await_answer(locus, callee)
        self._begin(locus, callee, script, peer)
        return locus

    def call_in(self, locus: Locus, target: UserTarget | GatewayTarget) -> Locus:
        """Call somebody into a locus that goes on."""
        if isinstance(target, UserTarget):
            callee = self.person(locus, target.user)
            locus = self.commit(changes.invited(locus, callee), events.PARTICIPANT_UPDATED)
            self.await_answer(locus, callee)
            return locus
        peer = self.peers.of(target.address)
        known = self.known_passcode(target) if target.is_zoom else ""
        script = planned(target, self.peers.script_of(target.address), known)
        callee = self.stranger(locus, "", target.shown, is_bridge=target.is_zoom)
        locus = self.commit(changes.invited(locus, callee), events.PARTICIPANT_UPDATED)
        peer.calls, peer.state, peer.asks = peer.calls + 1, "calling", ""
        self.await_answer(locus, callee)
        self._begin(locus, callee, script, peer)
        return locus

    def known_passcode(self, target: GatewayTarget) -> str:
        """Return the passcode that an invitation in some calendar has for a meeting at Zoom; empty if none has."""
        wanted = ZoomAddress.parse(target.address)
        for join in self.addresses.joins_at(wanted.domain):
            known = ZoomAddress.parse(join)
            if known.meeting_id == wanted.meeting_id and known.passcode:
                return known.passcode
        return ""

    def await_answer(self, locus: Locus, callee: Participant) -> None:
        """Let somebody's devices ring, and stop when the time for it is over."""
        ring_s = self.platform.settings.locus_ring_s
        self.book.timers.set((locus.id, "ring", callee.id), ring_s, lambda: self._unanswered(locus.id, callee.id))

    def _unanswered(self, locus_id: str, participant_id: str) -> None:
        locus, one = self._at(locus_id, participant_id)
        if locus is None or one is None or one.state not in (State.IDLE, State.NOTIFIED) or one.is_waiting:
            return
        kept = self._script_of(locus, participant_id)
        reason, cause = CAUSES[NO_ANSWER]
        if kept is not None and kept[1] is not None:
            kept[1].state = "refused"
        self.commit(changes.gone(locus, one, reason, None if one.user_id else cause), events.PARTICIPANT_LEFT)

    def _at(self, locus_id: str, participant_id: str) -> tuple[Locus | None, Participant | None]:
        locus = self.book.find(locus_id)
        if locus is None or not locus.is_active:
            return None, None
        return locus, locus.participant(participant_id)

    def _script_of(self, locus: Locus, participant_id: str) -> tuple[Script, Peer | None] | None:
        return self._scripts.get(locus.session_id, {}).get(participant_id)

    # -- far ends ---------------------------------------------------------------------------------------------------------------------

    def _begin(self, locus: Locus, callee: Participant, script: Script, peer: Peer | None) -> None:
        self._scripts.setdefault(locus.session_id, {})[callee.id] = (script, peer)
        rings_s = min(RINGS_AFTER_S, script.after_s / 2)
        if script.behaves in (ANSWER, PROMPT, NO_ANSWER, BUSY, REJECT):
            self.book.timers.set((locus.id, "rings", callee.id), rings_s, lambda: self._rings(locus.id, callee.id))
        if script.behaves != NO_ANSWER:
            self.far_end_later(locus, callee.id, script.behaves, script.after_s)

    def far_end_later(self, locus: Locus, participant_id: str, behaves: str, after_s: float) -> None:
        """Let a far end that is called do something, instead of what it was going to do."""
        act = self._answers if behaves in (ANSWER, PROMPT) else self._refuses
        self.book.timers.set(
            (locus.id, "far", participant_id), after_s, lambda: act(locus.id, participant_id, behaves)
        )  # fmt: skip

    def far_end_now(self, locus: Locus, participant_id: str, behaves: str) -> None:
        """Let a far end that is called do something at once."""
        self.book.timers.cancel((locus.id, "far", participant_id))
        act = self._answers if behaves in (ANSWER, PROMPT) else self._refuses
        act(locus.id, participant_id, behaves)

    def _rings(self, locus_id: str, participant_id: str) -> None:
        locus, one = self._at(locus_id, participant_id)
        if locus is None or one is None or one.state is not State.IDLE:
            return
        kept = self._script_of(locus, participant_id)
        if kept is not None and kept[0].behaves == BUSY:
            return
        if kept is not None and kept[1] is not None:
            kept[1].state = "ringing"
        self.commit(changes.alerted(locus, one), events.PARTICIPANT_ALERTED)

    def _answers(self, locus_id: str, participant_id: str, behaves: str) -> None:
        locus, one = self._at(locus_id, participant_id)
        if locus is None or one is None or one.state not in (State.IDLE, State.NOTIFIED):
            return
        self.book.timers.cancel((locus_id, "ring", participant_id))
        script, peer = self._script_of(locus, participant_id) or (Script(), None)
        if peer is not None:
            peer.state = "in_meeting"
            if behaves == PROMPT:
                begin_prompt(peer, script)
        self.commit(changes.entered(locus, one, self.far_leg(one), alone=True), events.PARTICIPANT_JOINED)

    def _refuses(self, locus_id: str, participant_id: str, behaves: str) -> None:
        locus, one = self._at(locus_id, participant_id)
        if locus is None or one is None or one.state not in (State.IDLE, State.NOTIFIED):
            return
        self.book.timers.cancel((locus_id, "ring", participant_id))
        kept = self._script_of(locus, participant_id)
        if kept is not None and kept[1] is not None:
            kept[1].state = "refused"
        reason, cause = CAUSES.get(behaves, (behaves, None))
        self.commit(
            changes.refused(locus, one, reason, None if one.user_id else cause), events.PARTICIPANT_DECLINED
        )  # fmt: skip

    def dtmf(self, locus: Locus, sender: Participant, tones: Pin) -> None:
        """Let everybody else hear tones: a prompt takes them as digits, devices are sent them."""
        for one in locus.joined:
            if one.id == sender.id:
                continue
            kept = self._script_of(locus, one.id)
            if kept is not None and kept[1] is not None:
                dialled(kept[1], kept[0], tones.reveal())
            elif one.user_id:
                self.book.message(locus, one.user_id, events.DTMF, {"tones": tones})

    # -- meetings ---------------------------------------------------------------------------------------------------------------------

    def settings_of(self, key: str) -> MeetingSettings:
        """Return what a meeting has set."""
        return self._settings.get(key, DEFAULTS)

    def set_settings(self, key: str, settings: MeetingSettings) -> None:
        """Keep what a meeting has set."""
        self._settings.pop(key, None)
        self._settings[key] = settings
        while len(self._settings) > SETTINGS_MAX:
            self._settings.popitem(last=False)

    def meeting_locus(self, target: MeetingTarget) -> tuple[Locus, bool]:
        """Return the locus of a meeting, and whether it is new: nobody has come yet, and it is not taken in."""
        known = self.book.of_meeting(target.key)
        if known is not None:
            return known, False
        settings = self.settings_of(target.key)
        locus = self.new_locus(
            is_meeting=True, key=target.key, title=target.title, number=target.number, sip=target.sip, link=target.link,
            site=target.site, owner_id=target.owner_id, is_pmr=target.is_pmr, platform="Webex", capacity=settings.capacity,
            locked=settings.locked, mute_on_entry=settings.mute_on_entry, meeting_id=target.meeting_id,
        )  # fmt: skip
        return locus, True

    def enter(
        self, locus: Locus, user: User, leg: Leg, request: JoinRequest, *, is_new: bool, host_key: str = ""
    ) -> Locus:
        """Let a device into a meeting, or into its lobby.

        Raises:
            CloudError: 423 or 403, with the code of what is in the way.
        """
        settings, forced = self.settings_of(locus.key), self._fault_of(locus, user)
        if "pin" in forced and settings.pin is None:
            settings = replace(settings, pin=Pin(str(forced["pin"])))
        if "locked" in forced:
            raise CloudError(423, "the meeting is locked", str(errors.LOCKED))
        if "full" in forced:
            raise CloudError(403, "the meeting is full", str(errors.MEETING_FULL))
        known = locus.of_user(user.id)
        is_back = known is not None and known.is_host
        is_first = is_new and not locus.owner_id
        is_owner = is_back or is_first or (bool(locus.owner_id) and locus.owner_id == user.id)
        is_in = known is not None and known.state is State.JOINED
        allowed = admission(settings, locus, request, is_owner=is_owner, is_in=is_in, host_key=host_key)
        is_host = MODERATOR in allowed.roles
        roles = tuple(dict.fromkeys((*(known.roles if known is not None else ()), *allowed.roles)))
        one = self.person(locus, user, roles=roles, is_guest=False)
        if is_new:
            one = msgspec.structs.replace(one, is_creator=True)
        if (allowed.waits or "lobby" in forced) and not is_in:
            locus = self._enter(changes.waits(locus, one, leg), is_new, events.PARTICIPANT_UPDATED)
            self.keep_waiting(locus, one, leg.id)
            return locus
        locus = changes.entered(locus, one, leg)
        if is_host and not settings.open_for_guests and not settings.lobby:
            for waiting in [other for other in locus.participants if other.is_waiting]:
                locus = changes.admitted(locus, waiting)
        return self._enter(locus, is_new, events.PARTICIPANT_JOINED)

    def _enter(self, locus: Locus, is_new: bool, event: str) -> Locus:
        return self.book.open(locus, event) if is_new else self.commit(locus, event)

    def _fault_of(self, locus: Locus, user: User) -> dict[str, Any]:
        fault = self.platform.faults.hit(
            "locus", step="join", call=locus.id, meeting=locus.meeting_id, device=self.platform.nicknames.get(user.id)
        )
        return {} if fault is None else {fault.do: fault.params.get("pin", "1234")}

    def merge(self, into: Locus, others: Iterable[Locus]) -> Locus:
        """Make one of several: whoever is in the others is moved."""
        gone = list(others)
        moved: list[Locus] = []
        for other in gone:
            for one in other.joined:
                known = into.of_user(one.user_id)
                moved_id = known.id if known is not None else one.id
                if known is None or known.state not in PRESENT:
                    into = into.with_participant(msgspec.structs.replace(one, id=moved_id, is_creator=False))
                kept = self._scripts.get(other.session_id, {}).pop(one.id, None)
                if kept is not None:
                    self._scripts.setdefault(into.session_id, {})[moved_id] = kept
            left = changes.ended(other, Reason.MOVED)
            moved.append(left)
        into = with_key(into).changed(replaces=(*into.replaces, *(other.id for other in gone)))
        into = self.commit(into, events.PARTICIPANT_JOINED)
        for left in moved:
            self.commit(left, events.PARTICIPANT_LEFT)
        return into

    # -- devices that come and go -----------------------------------------------------------------------------------------------------

    def device_left(self, locus: Locus, participant: Participant, leg_id: str, reason: str = "") -> Locus:
        """Take a device out of a locus."""
        return self.commit(changes.without_leg(locus, participant, leg_id, reason), events.PARTICIPANT_LEFT)

    def connected(self, record: Registration, is_open: bool) -> None:
        """Take note that the websocket of a registration is there, or gone: without one for too long, a device is out of its calls."""
        key = ("gone", record.id)
        if is_open:
            self.book.timers.cancel(key)
        elif self.wdm.find(record.id) is None:
            self.unregistered(record)
        elif self._places(record):
            self.book.timers.set(key, self.platform.settings.locus_gone_s, lambda: self.unregistered(record))

    def watch(self, registration_id: str) -> None:
        """Begin to wait for the websocket of a device that has come in without one."""
        record = self.wdm.find(registration_id)
        if record is None or ("gone", registration_id) in self.book.timers:
            return
        if not self._mercury.open_sockets(registration_id=registration_id):
            self.connected(record, False)

    def unregistered(self, record: Registration) -> None:
        """Take a device that is gone out of all its calls."""
        self.book.timers.cancel(("gone", record.id))
        for locus, one in self._places(record):
            self.device_left(locus, one, record.id, Reason.INACTIVE)
        self.book.forget_client(record)

    def _places(self, record: Registration) -> list[tuple[Locus, Participant]]:
        """Return the calls that a device is in, rings in or waits for, and whose device it is there."""
        found = [(locus, locus.having(record.id)) for locus in self.book.of_user(record.user_id)]
        return [
            (locus, one)
            for locus, one in found
            if one is not None and (leg := one.leg(record.id)) is not None and leg.state in PRESENT
        ]

    def keep_waiting(self, locus: Locus, participant: Participant, leg_id: str) -> None:
        """Let a device wait in the lobby; one that does not ask for so long is out of it."""
        self.book.timers.set(
            (locus.id, "lobby", leg_id), KEEP_ALIVE_S, lambda: self._waited(locus.id, participant.id, leg_id)
        )

    def _waited(self, locus_id: str, participant_id: str, leg_id: str) -> None:
        locus, one = self._at(locus_id, participant_id)
        leg = one.leg(leg_id) if one is not None else None
        if locus is not None and one is not None and leg is not None and leg.intent:
            self.device_left(locus, one, leg_id, Reason.LOBBY_EXPIRED)

    def stop(self) -> None:
        """Forget every timer."""
        self.book.stop()
