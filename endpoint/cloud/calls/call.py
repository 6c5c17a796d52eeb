"""One call of the device: its table, its copy of the locus, its media, and what the room is told of it.

Lines T02 to T04; order of the diagnostics as in protocol/activation-and-media.md section 12.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from endpoint.cloud.calls import asking, conference, endings, joining, silence, verdict, wishes
from endpoint.cloud.calls.around import Around
from endpoint.cloud.calls.asking import Asking
from endpoint.cloud.calls.client import CallRefused
from endpoint.cloud.calls.deeds import Deeds
from endpoint.cloud.calls.following import Following
from endpoint.cloud.calls.joining import Granted, Wanted
from endpoint.cloud.calls.leg import MediaLeg
from endpoint.cloud.calls.lobby import Lobby
from endpoint.cloud.calls.question import Question
from endpoint.cloud.calls.table import (
    IN,
    TABLE,
    Admitted,
    Answered,
    Declined,
    Effect,
    FarEndJoined,
    HungUp,
    Left,
    MediaReady,
    Over,
    PinAsked,
    PinGiven,
    Placed,
    Rang,
    Refused,
    SentToLobby,
    State,
)
from endpoint.cloud.calls.table import Granted as Taken
from endpoint.runtime.clock import Timer
from endpoint.runtime.errors import EndpointError
from endpoint.runtime.statetable import Machine
from endpoint.wire.callcontrol import Conference, End, Leads, Media, Outgoing, Refusal, Role, Step
from endpoint.wire.client_metrics import ClientError, Trigger, error_of_answer
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.locus import errors
from endpoint.wire.locus.dto import Device, Locus
from endpoint.wire.locus.events import LocusEvent
from endpoint.wire.secret import Secret

RATE: Final = 6000  # kbit/s, of a call that was not dialled
RINGING_S_MAX: Final = 120.0
"""A call that nobody takes, and of whose end nobody tells, rings no longer."""
ASKED_S_MAX: Final = 300.0
"""How long people may take for a PIN."""
LEAVE_TOLD_S: Final = 2.0
"""The people wait no longer for the cloud to take a leave."""
MOVED_S: Final = 5.0
"""How long the news of where a meeting has moved to may take, before the cloud is asked."""
SHUT_OUT: Final = frozenset({403, 404, 410})
"""Answers to the question for a locus that say that it is over for the device."""
_ASKING: Final = (State.NEW, State.JOINING, State.ASKED)


class LiveCall:
    """A call from its first request, or its first ring, to its end."""

    def __init__(self, around: Around, call_id: int, correlation_id: str, *, outgoing: Outgoing | None = None) -> None:
        self._around = around
        self.id = call_id
        self.correlation_id = correlation_id
        self.outgoing = outgoing
        self.url = ""
        """Of its locus, "" while there is none."""
        self.is_preserved = False
        self.is_joining = False
        """It is becoming part of another call, which tells how it ends."""
        self.events = around.analyzer.begin(correlation_id, call_id)
        self._operation = endings.OPERATIONS[outgoing.leads] if outgoing is not None else endings.ANSWERING
        self._refusal = Refusal.UNKNOWN
        self._machine = Machine(TABLE, self._on_change)
        self._copy = Following(
            around, correlation_id, changed=self._look, refused=self._shut_out, renamed=self._renamed
        )
        self.leg = MediaLeg(
            around, call_id, self.events,
            has_video=outgoing is None or outgoing.call_type == "Video",
            rate=outgoing.call_rate if outgoing is not None else RATE,
            on_change=self._media_changed,
        )  # fmt: skip
        self.asking = Asking(around, self._copy, self.leg, correlation_id)
        self.deeds = Deeds(self, around.world.chance)
        self.media_lock = asyncio.Lock()
        """Requests about media; protocol/cloud-services.md 9.7."""
        self._question = Question(
            around.room, call_id, self.events, outgoing.role if outgoing is not None else "",
            outgoing.pin if outgoing is not None else None,
        )  # fmt: skip
        self._lobby = Lobby(around, self._in_lobby)
        self._code = 0
        self._is_told = self._is_requesting = self._is_dropped = False
        self._end: End | None = None
        self._timer: Timer | None = None
        self._told_timer: Timer | None = None
        self._shown: Conference | None = None
        self._step: Step | None = None

    # what control asks

    @property
    def state(self) -> State:
        """How far it is."""
        return self._machine.state

    def _is(self, *states: State) -> bool:
        return self._machine.state in states

    @property
    def locus(self) -> Locus | None:
        """The locus as far as it is known here."""
        return self._copy.locus

    @property
    def is_connected(self) -> bool:
        """Say whether people talk in it, or it is held."""
        return self._is(*IN)

    @property
    def is_held(self) -> bool:
        """Say whether the device holds it."""
        return self._is(State.HELD)

    @property
    def is_followed(self) -> bool:
        """Say whether the cloud holds it and it is not being left."""
        return self.url != "" and not self._is_requesting and not self._is(*_ASKING, State.LEAVING, State.ENDED)

    def place(self) -> None:
        """Set it up."""
        self.events.tell("client.call.initiated", trigger="user-interaction")
        self._around.room.stepped(self.id, Step.CONNECTING)
        self.feed(Placed())

    def ring(self, raw: dict[str, Any]) -> None:
        """Begin as a call that rings."""
        self._copy.take(raw)
        locus = self.locus
        assert locus is not None
        self._found(locus)
        self.events.tell("client.call.remote-started", trigger="mercury-event")
        self.feed(Rang())
        self._look()  # what was kept of it because it came too early may have ended it already

    def answer(self) -> None:
        """Take it; nothing happens unless it rings."""
        if self._is(State.RINGING):
            self.feed(Answered())

    def decline(self, reason: Refusal) -> None:
        """Refuse it; nothing happens unless it rings."""
        if self._is(State.RINGING):
            self._refusal = reason
            self._end = endings.BUSY if reason is Refusal.BUSY else endings.REJECTED
            self.feed(Declined())

    def hang_up(self, end: End = endings.LOCAL) -> None:
        """Leave, or give up what is being set up; twice is once."""
        if self._is(State.LEAVING, State.ENDED):
            return
        if self._end is None:
            self._end = endings.REJECTED if self._is(State.RINGING) and end is endings.LOCAL else end
        if not self._is(State.RINGING):
            self.events.tell("client.call.leave", trigger="user-interaction")
        self.feed(HungUp())

    def will_end(self, end: End | None) -> None:
        """Take note how it ends if it ends now; None takes that back while it goes on."""
        if not self._is(State.LEAVING, State.ENDED):
            self._end = end

    @property
    def is_ending(self) -> bool:
        """Say whether it is being left, or is over."""
        return self._is(State.LEAVING, State.ENDED)

    def over(self, end: End, *, trigger: Trigger = "mercury-event", leaves: bool = True) -> None:
        """End it here: the cloud says that it is over, or nothing is heard of it any more."""
        if self._is(State.NEW, State.JOINING, State.ENDED):
            return
        if self._end is None:
            self._end = end
        if self._is(*IN):
            self.events.tell("client.call.remote-ended", trigger=trigger)
        locus = self.locus
        is_in = locus is not None and verdict.is_in(locus, self._around.device_url())
        leaves = leaves and is_in and not self._is(State.LEAVING)
        self.feed(Over())
        if leaves:
            self._around.tasks.start(self.asking.leave(), "leave of a call that is over")

    def drop(self, end: End) -> None:
        """End it at once and ask nobody: the account is gone, or the device is off."""
        if self._end is None:
            self._end = end
        self._is_dropped = True
        self.leg.close()
        self._finish()

    def supersede(self) -> None:
        """End it here: the device has joined the same meeting once more, and is in it only once."""
        self.asking.close()
        self.drop(endings.REPLACED)

    def cut(self) -> None:
        """Let it go without a word."""
        self._is_dropped = self._is_told = True
        self.events.end()
        self.leg.close()
        self._finish()

    def take(self, event: LocusEvent) -> None:
        """Take an event about its locus.

        Raises:
            RemoteProtocolError: it breaks a rule; nothing is changed.
        """
        if event.tones:
            self._around.room.dtmf_received(self.id, event.tones)
        elif event.roap is not None:
            self.leg.roap(event)
        elif event.raw_locus is not None:
            self._copy.take(event.raw_locus)

    def take_full(self, raw: dict[str, Any]) -> None:
        """Take the whole locus, or the one that it has become; errors as in `take`."""
        if raw.get("url") == self.url:
            self._copy.take(raw)
        else:
            if not self._is(State.RINGING):
                self._cancel_timer()
            self._copy.move(raw)
            self._lobby.keep()

    def vanished(self) -> None:
        """Take note that the cloud does not list it, and has told nothing else when it was asked."""
        locus, device_url = self.locus, self._around.device_url()
        if locus is None or not (verdict.is_in(locus, device_url) or verdict.rings(locus, device_url)):
            self.over(endings.UNANSWERED if self._is(State.RINGING) else endings.REMOTE, leaves=False)

    def look(self) -> None:
        """Compare what the locus says with where the call is."""
        self._look()

    async def refresh(self) -> bool:
        """Ask once for what has changed; returns whether anybody answered."""
        return await self._copy.refresh(())

    def preserve(self, lost: bool) -> None:
        """Take note that the cloud cannot be asked about it, or can again."""
        if self.is_preserved is not lost and self._is(*IN):
            self.is_preserved = lost
            self._around.room.preserved(self.id, lost)

    # the table

    def feed(self, event: object) -> None:
        """Go on in the table."""
        if self._is_dropped:
            return
        for effect in self._machine.feed(event):
            assert isinstance(effect, Effect)
            self._do(effect)
        if self._is(State.ENDED):
            self._finish()

    def _do(self, effect: Effect) -> None:
        start = self._around.tasks.start
        match effect:
            case Effect.REQUEST:
                self._cancel_timer()
                self._is_requesting = True
                start(self._request(), "call")
            case Effect.ALERT:
                self._wait(RINGING_S_MAX, lambda: self.over(endings.UNANSWERED, leaves=False))
                start(self._alert(), "alert")
            case Effect.DECLINE:
                start(self._decline(), "decline")
            case Effect.ASK:
                self._ask()
            case Effect.WAIT_IN_LOBBY:
                self._question.take_back()
                self._step_to(Step.LOBBY)
                self.events.tell("client.lobby.entered")
                self._lobby.keep()
            case Effect.SET_UP_MEDIA:
                self._question.take_back()
                self._cancel_timer()
                start(self._connect(), "media")
            case Effect.CLOSE_MEDIA:
                self.leg.close()
            case Effect.ESTABLISH:
                self._establish()
            case Effect.LEAVE:
                self._tell_later()
                start(self._leave_and_end(), "leave")
            case Effect.END:
                self._tell_end()

    def _on_change(self, machine: str, before: State, event: object, after: State) -> None:
        world = self._around.world
        data = {
            "machine": machine,
            "call": self.id,
            "from": before.value,
            "event": type(event).__name__,
            "to": after.value,
        }
        world.trace.event(world.who, "machine", data=data)

    def _wait(self, seconds: float, then: Callable[[], object]) -> None:
        self._cancel_timer()
        self._timer = self._around.world.clock.call_later(seconds, then)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # setting up

    async def _request(self) -> None:
        around = self._around
        try:
            wanted = self._wanted()
            self.events.tell("client.locus.join.request")
            granted = await joining.begin(around.client, wanted, self._copy.sequence)
            self._is_requesting = False
            if self._is_dropped:
                around.stray()
            else:
                self._granted(granted)
        except CallRefused as error:
            self._refused(error)
        except (EndpointError, RemoteProtocolError) as error:
            unreadable = isinstance(error, RemoteProtocolError)
            word = endings.NOT_UNDERSTOOD if unreadable else joining.code_word(error)
            if unreadable:
                around.world.log.line("Wx2", "W", f"locus not understood: {error}")
            around.stray()
            self._failed(*endings.failed(self._operation, word), error_of_answer(0))

    def _wanted(self) -> Wanted:
        around, outgoing = self._around, self.outgoing
        if not around.device_url():
            raise NotRegistered("the device is not registered")
        self.leg.open()
        return Wanted(
            device_url=around.device_url(),
            correlation_id=self.correlation_id,
            offer=self.leg.offer,
            address=outgoing.address if outgoing is not None else "",
            shown=outgoing.shown if outgoing is not None else "",
            locus_url=self.url,
            role=self._question.role,
            pin=self._question.pin,
            report=around.report(),
        )

    def _granted(self, granted: Granted) -> None:
        other = self._around.call_of(granted.locus.url)
        if other is not None and other is not self and not other.is_ending:
            self._end = self._end or endings.IN_IT_ALREADY  # the locus stays with the call that has it, and is not left
            self.feed(Refused())
            return
        self._copy.take(granted.raw)
        self._found(granted.locus)
        self.leg.granted(granted.remote_sdp, granted.media_id)
        started = granted.locus.full_state.last_active
        self.events.locus(granted.locus.url, granted.locus.id, started)
        self.events.tell("client.locus.join.response", trigger="loci-update", tracking_id=granted.tracking_id)
        place = verdict.place(granted.locus, self._around.device_url())
        end = verdict.end_of_call(granted.locus, self._around.device_url())
        self.feed(Taken("lobby" if place == "lobby" else "inside"))
        if end is not None:
            self.over(end, trigger="loci-update")
        self._look()

    def _found(self, locus: Locus) -> None:
        before, self.url = self.url, locus.url
        if before != self.url:
            self._around.moved(self, before)

    def _renamed(self, url: str) -> None:
        before, self.url = self.url, url
        self._around.moved(self, before)

    def _refused(self, error: CallRefused) -> None:
        self._is_requesting = False
        problem = error_of_answer(error.status, error.code)
        if errors.wants_pin(error.status, error.code) and self._question.may_be_asked:
            self.events.tell("client.locus.join.response", error=problem)
            self._code = error.code
            self.feed(PinAsked())
            return
        if self.outgoing is None and error.code in (errors.INACTIVE, errors.TERMINATING):
            self.events.tell("client.locus.join.response", error=problem)
            self._end = self._end or endings.REMOTE  # the caller was faster
            self.feed(Refused())
            return
        self._failed(*endings.refused(self._operation, error.status, error.code), problem)

    def _failed(self, end: End, told: str, problem: ClientError) -> None:
        self._is_requesting = False
        log = self._around.world.log
        self.events.tell("client.locus.join.response", error=problem)
        if self._end is None:
            self._end = end
            log.line("Wx2", "ERROR", f"CallImpl::verror: '{told}'")
            log.line("Wx2", "3", "CallServiceImpl::onCallError: locusId='', lastActive=''")
        self.feed(Refused())

    # PIN

    def _ask(self) -> None:
        self._question.ask(self._code)
        self._wait(ASKED_S_MAX, lambda: self.hang_up(endings.NO_PIN))

    async def authenticate(self, role: Role, pin: Secret | None) -> str:
        """Answer the question for a PIN; returns once the cloud has said what it makes of it."""
        if not self._is(State.ASKED):
            return "The call does not ask for a PIN"
        answered = self._question.answer(role, pin)
        self.feed(PinGiven())
        return await answered

    # ringing and lobby

    async def _alert(self) -> None:
        self.events.tell("client.alert.displayed")
        await self.asking.wish(asking.alert)  # it rings all the same

    async def _decline(self) -> None:
        locus = self.locus
        assert locus is not None
        await asking.decline(self._around, locus, self.correlation_id, self._refusal)

    def _in_lobby(self) -> Device | None:
        locus = self.locus
        return locus.own_device(self._around.device_url()) if locus is not None and self._is(State.LOBBY) else None

    # what the locus says

    def _look(self) -> None:
        """Compare what the locus says with where the call is."""
        locus, device_url = self.locus, self._around.device_url()
        if locus is None or self._is_requesting or self.is_joining or self._is(*_ASKING, State.ENDED):
            return
        end = (
            verdict.end_of_ringing(locus, device_url)
            if self._is(State.RINGING)
            else verdict.end_of_call(locus, device_url)
        )
        if end is not None:
            self.over(end)
        elif verdict.has_moved(locus):
            if self._timer is None:  # where it has gone to is told in a moment, or found
                self._wait(MOVED_S, self._around.stray)
        elif not self._is(State.LEAVING, State.RINGING):
            self._follow(locus, verdict.place(locus, device_url))

    def _follow(self, locus: Locus, place: verdict.Place) -> None:
        if self._is(State.LOBBY):
            if place == "inside":
                self.events.tell("client.lobby.exited")
                self.feed(Admitted())
            return
        if place == "lobby":
            self.feed(SentToLobby())
            return
        far_end = verdict.far_end(locus)
        if far_end == "alerting" and self._is(State.CONNECTING, State.WAITING):
            self._step_to(Step.ALERTING)
        if far_end == "joined" and self._is(State.CONNECTING, State.WAITING):
            self.feed(FarEndJoined())
        if self._is(*IN):
            self._show(locus)

    def _step_to(self, step: Step) -> None:
        if self._step is not step:
            self._step = step
            self._around.room.stepped(self.id, step)

    def _show(self, locus: Locus) -> None:
        shown = conference.conference(locus, self._around.device_url(), is_syncing=self._copy.is_syncing)
        if shown != self._shown:
            self._shown = shown
            self._around.room.changed(self.id, shown)

    def _shut_out(self, error: CallRefused) -> None:
        """Take note that the locus was not to be had; one that is refused for good is over."""
        if error.status in SHUT_OUT:
            self.over(endings.by_reason("INACTIVE"), leaves=False)

    # media

    async def _connect(self) -> None:
        """Set media up: with what the join has brought, or anew after the lobby."""
        leg = self.leg
        leg.open()
        if not leg.has_remote:
            await self.ask_media()
        outcome = await leg.connect()
        if outcome is None or not self._is(State.CONNECTING):
            return
        locus = self.locus
        self.feed(MediaReady(is_taken=locus is not None and verdict.far_end(locus) == "joined"))
        if outcome[1] is not None:
            self.hang_up(endings.ICE_FAILED)  # shown as connected, and dropped at once

    def _establish(self) -> None:
        locus, media = self.locus, self.leg.info
        assert locus is not None
        assert media is not None
        is_instant = self.outgoing is not None and self.outgoing.leads is Leads.INSTANT
        room = self._around.room
        room.established(self.id, conference.established(locus, media, self.correlation_id, is_instant=is_instant))
        self._shown = self._step = None
        self._show(locus)

    def _media_changed(self, media: Media) -> None:
        """Take note of another path, of media that is back, or that will not come back."""
        if media.ice != "Failed":
            if self._is(*IN):
                self._around.room.media_changed(self.id, media)
        elif self._is(*IN):
            self._around.tasks.start(silence.outlast(self, self._around.world.clock), "media that is gone")

    @property
    def is_without_media(self) -> bool:
        """Say whether people would talk in it, were there media."""
        return self.leg.is_failed and self._is(*IN)

    async def ask_media(self) -> str:
        """Send the media description as it is now; returns why it was refused."""
        async with self.media_lock:
            return await self.asking.wish(lambda asker: wishes.media(asker, self.leg.local()))

    # the end

    async def _leave_and_end(self) -> None:
        await self.asking.leave()
        self.feed(Left())

    def _tell_later(self) -> None:
        """Tell the room at the latest in a moment, at once when nobody can be asked."""
        if self._around.can_be_told():
            self._told_timer = self._around.world.clock.call_later(LEAVE_TOLD_S, self._tell_end)
        else:
            self._tell_end()

    def _tell_end(self) -> None:
        """Tell the room that it is over, once."""
        if self._is_told:
            return
        self._is_told = True
        self._question.close()
        self.events.end()
        self._around.world.log.line(
            "Wx2", "3", f"CallServiceImpl: Removing Call with correlationId='{self.correlation_id}'"
        )
        end = replace(self._end or endings.REMOTE, correlation_id=self.correlation_id)
        self._around.room.ended(self.id, end)

    def _finish(self) -> None:
        self._cancel_timer()
        self._lobby.stop()
        if self._told_timer is not None:
            self._told_timer.cancel()
        self._copy.close()
        self._tell_end()
        self._around.gone(self)


class NotRegistered(EndpointError):
    """The cloud does not know the device."""
