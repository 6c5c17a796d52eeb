"""Call control: the calls of one device, by the numbers of the room and by the URLs of their loci.

What Mercury brings goes to the call that it is about. A locus that belongs to no call rings, is left again if the device is in it, or is no
business of the device. Source: protocol/cloud-services.md 9.3, 9.8; activation-and-media.md section 11.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from endpoint.cloud.calls import asking, conference, endings, verdict, wishes
from endpoint.cloud.calls.around import Around
from endpoint.cloud.calls.asking import NOT_CONNECTED
from endpoint.cloud.calls.call import LiveCall
from endpoint.cloud.calls.past import Past
from endpoint.cloud.calls.table import State
from endpoint.cloud.calls.watch import Watch
from endpoint.cloud.calls.wishes import Asker
from endpoint.runtime.errors import EndpointError
from endpoint.wire.callcontrol import Control, Outgoing, Refusal, Role
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.locus.dto import Locus, parse_locus
from endpoint.wire.locus.events import LocusEvent, parse_locus_event
from endpoint.wire.secret import Secret

CALLS_MAX: Final = 20
"""Calls that are held at once, with those that are being left; one more does not ring, and is not placed."""
EARLY_MAX: Final = 50
"""Events about loci that are not known yet, kept while an answer is on its way that may name them."""
FETCHES_MAX: Final = 5
"""Loci at once that are asked for because a part of them came first; more are left to the next look at all of them."""
STOP_S_MAX: Final = 2.0
"""How long a device that goes off waits for its calls to be left."""
NO_SUCH_CALL: Final = "No such call"


class CallControl:
    """Make, take and follow the calls of one device; the `Line` of its room.

    Attributes:
        calls: by the room's number.
    """

    __slots__ = ("_all_gone", "_by_url", "_early", "_fetching", "_past", "_rung", "_watch", "around", "calls")

    def __init__(self, around: Around) -> None:
        self.around = around
        around.moved, around.gone, around.stray, around.call_of = self._moved, self._gone, self._stray, self.by_url
        self.calls: dict[int, LiveCall] = {}
        self._by_url: dict[str, LiveCall] = {}
        self._early: list[LocusEvent] = []
        self._past = Past()
        self._fetching: set[str] = set()
        self._rung = 0
        self._all_gone: asyncio.Future[None] | None = None
        self._watch = Watch(around, self)

    # the room's side

    def place(self, call_id: int, call: Outgoing) -> None:
        """Begin to set a call up; what becomes of it is told to the room."""
        drawn = self.around.world.chance.stream("call", call_id).uuid()
        live = LiveCall(self.around, call_id, drawn, outgoing=call)
        if len(self.calls) >= CALLS_MAX:
            self.around.world.trace.event(
                self.around.world.who, "drop", data={"what": "call to be made", "bound": CALLS_MAX}
            )
            live.drop(endings.TOO_MANY)
            return
        self.calls[call_id] = live
        live.place()
        if not self.around.can_be_told():
            self._watch.closed()

    def answer(self, call_id: int) -> None:
        """Take a ringing call."""
        if (call := self.calls.get(call_id)) is not None:
            call.answer()

    def decline(self, call_id: int, reason: Refusal) -> None:
        """Refuse a ringing call, on every device of the account."""
        if (call := self.calls.get(call_id)) is not None:
            call.decline(reason)

    def leave(self, call_id: int) -> None:
        """Hang up, or give up what is being set up."""
        if (call := self.calls.get(call_id)) is not None:
            call.hang_up()

    async def hold(self, call_id: int, held: bool) -> str:
        """Hold a call, or take it back."""
        call = self.calls.get(call_id)
        return await call.deeds.hold(held) if call is not None else NO_SUCH_CALL

    async def join(self, call_ids: Sequence[int]) -> str:
        """Make one call of several: the first stays."""
        calls = [self.calls.get(call_id) for call_id in dict.fromkeys(call_ids)]
        known = [call for call in calls if call is not None]
        if len(known) < len(calls):
            return NO_SUCH_CALL
        if len(known) < 2:
            return "Joining takes two calls or more"
        if not all(call.is_connected for call in known):
            return NOT_CONNECTED
        first, *others = known
        for call in others:
            call.is_joining = True  # what the cloud tells of it until then is no end of its own
        why = "given up"
        try:
            why = await first.deeds.merge(tuple(call.url for call in others))
            gone = [call for call in others if call.state is not State.ENDED] if not why else []
            if gone:
                self.around.room.joined(first.id, [call.id for call in gone])
        finally:  # whoever has asked may have gone: a door that is shut gives up its commands
            for call in others:
                call.is_joining = False
                if why:
                    call.look()
                else:
                    call.over(endings.JOINED, leaves=False)
        return why

    async def dtmf(self, call_id: int, tones: str) -> str:
        """Send tones."""
        call = self.calls.get(call_id)
        return await call.deeds.dtmf(tones) if call is not None else NO_SUCH_CALL

    async def mute(self, call_id: int, muted: bool) -> str:
        """Tell the call that the microphones were muted here, or not."""
        call = self.calls.get(call_id)
        return await call.deeds.mute(muted) if call is not None else NO_SUCH_CALL

    async def share(self, call_id: int, on: bool) -> str:
        """Ask for the floor, or give it back."""
        call = self.calls.get(call_id)
        return await call.deeds.share(on) if call is not None else NO_SUCH_CALL

    async def control(self, call_id: int, control: Control) -> str:
        """Change something of the conference."""
        call = self.calls.get(call_id)
        return await call.deeds.control(control) if call is not None else NO_SUCH_CALL

    async def authenticate(self, call_id: int, role: Role, pin: Secret | None) -> str:
        """Answer an authentication request."""
        call = self.calls.get(call_id)
        return await call.authenticate(role, pin) if call is not None else NO_SUCH_CALL

    # the cloud's side

    def on_event(self, data: Mapping[str, Any]) -> None:
        """Take a `locus.*` event.

        Raises:
            RemoteProtocolError: it breaks a rule; nothing is changed.
        """
        event = parse_locus_event(data)
        call = self._by_url.get(event.locus_url)
        if call is not None:
            call.take(event)
        elif event.raw_locus is None or event.is_delta:
            self._take_part(event)
        else:
            self.consider(event.raw_locus, event=event)

    def _take_part(self, event: LocusEvent) -> None:
        """Take a part of a locus that is not known, or a message about it."""
        if self._keep_early(event) or event.raw_locus is None:
            return
        if self._past.is_stale(event.locus_url, event.raw_locus) or event.locus_url in self._fetching:
            return
        if len(self._fetching) >= FETCHES_MAX:
            data = {"what": "locus to fetch", "bound": FETCHES_MAX}
            self.around.world.trace.event(self.around.world.who, "drop", peer="cloud:locus", data=data)
            self._watch.look_soon()
            return
        self._fetching.add(event.locus_url)
        self.around.tasks.start(self._fetch(event.locus_url), "unknown locus")

    async def _fetch(self, url: str) -> None:
        try:
            body = (await self.around.client.get(url)).body
            call = self._by_url.get(url)
            if call is not None:
                call.take_full(dict(body))
            else:
                self.consider(body)
        except EndpointError:
            pass  # logged; the device is not in it, or will hear more of it
        except RemoteProtocolError as error:
            self._not_understood(error)
        finally:
            self._fetching.discard(url)

    def _not_understood(self, error: RemoteProtocolError) -> None:
        self.around.world.log.line("Wx2", "W", f"locus not understood: {error}")

    def _keep_early(self, event: LocusEvent) -> bool:
        """Keep an event that may be about the call that is being set up; returns whether it was kept."""
        if not any(call.url == "" for call in self.calls.values()):
            return False
        if len(self._early) >= EARLY_MAX:
            data = {"what": "early event of a locus", "bound": EARLY_MAX}
            self.around.world.trace.event(self.around.world.who, "drop", peer="cloud:locus", data=data)
            return False
        self._early.append(event)
        return True

    def consider(self, raw: Mapping[str, Any], *, event: LocusEvent | None = None) -> None:
        """Take a whole locus that no call of the device is known for.

        Raises:
            RemoteProtocolError: it breaks a rule.
        """
        locus = parse_locus(raw)
        device_url = self.around.device_url()
        known = self._known(locus)
        if known is not None:
            known.take_full(dict(raw))
        elif locus.base_sequence is not None:
            raise RemoteProtocolError("locus.baseSequence", "absent in a whole locus")
        elif verdict.is_in(locus, device_url):
            if event is None or not self._keep_early(event):
                self._leave_stray(locus)
        elif self._past.is_news(locus) and verdict.rings(locus, device_url):
            self._ring(locus, raw)

    def _known(self, locus: Locus) -> LiveCall | None:
        """Find the call that a locus is another address of."""
        for url in (locus.url, *(one.locus_url for one in reversed(locus.replaces))):
            if (call := self._by_url.get(url)) is not None:
                return call
        return None

    def _ring(self, locus: Locus, raw: Mapping[str, Any]) -> None:
        around = self.around
        self._rung += 1
        correlation_id = around.world.chance.stream("incoming call", self._rung).uuid()
        told = conference.incoming(locus, verdict.caller(locus), correlation_id)
        outcome = around.room.ring(told) if len(self.calls) < CALLS_MAX else Refusal.BUSY
        if isinstance(outcome, Refusal):
            self._past.rang(locus.url)
            around.tasks.start(asking.decline(around, locus, correlation_id, outcome), "decline")
            return
        call = self.calls[outcome] = LiveCall(around, outcome, correlation_id)
        call.ring(dict(raw))

    def _leave_stray(self, locus: Locus) -> None:
        """Leave a call that the device does not know of (any more): nobody could ever hang it up."""
        around = self.around
        asker = Asker(locus, around.device_url(), "")
        if not self._past.leaves(locus):
            return
        around.world.log.line("Wx2", "W", f"leaving a call that was left behind: {locus.url}")
        wanted = wishes.leave(asker)
        around.tasks.start(self._send_leave(wanted), "leave of a stray call")

    async def _send_leave(self, wanted: wishes.Wish) -> None:
        try:
            await self.around.client.send(wanted.method, wanted.url, wanted.body, schedule=asking.LEAVE_RETRIES_S)
        except (EndpointError, RemoteProtocolError):
            return  # logged; the next look at all loci finds it again

    # what calls tell

    def _moved(self, call: LiveCall, before: str) -> None:
        """Take note of the URL of a call's locus."""
        if before and self._by_url.get(before) is call:
            del self._by_url[before]
        known = self._by_url.get(call.url)
        self._by_url[call.url] = call
        if known is not None and known is not call:
            known.supersede()
        self._past.forget(call.url)
        early, self._early = self._early, []
        for event in early:
            self._again(event)

    def _again(self, event: LocusEvent) -> None:
        """Take an event that came too early."""
        call = self._by_url.get(event.locus_url)
        try:
            if call is not None:
                call.take(event)
            elif event.raw_locus is None or event.is_delta:
                self._take_part(event)
            else:
                self.consider(event.raw_locus, event=event)
        except RemoteProtocolError as error:
            self._not_understood(error)

    def _gone(self, call: LiveCall) -> None:
        if self.calls.get(call.id) is call:
            del self.calls[call.id]
        if not self.calls and self._all_gone is not None and not self._all_gone.done():
            self._all_gone.set_result(None)
        if self._by_url.get(call.url) is call:
            del self._by_url[call.url]
            self._past.add(call.url, call.locus)
        early, self._early = self._early, []
        for event in early:
            self._again(event)

    def _stray(self) -> None:
        """Take note that something may have been left behind."""
        self._watch.look_soon()

    def by_url(self, url: str) -> LiveCall | None:
        """Return the call of a locus."""
        return self._by_url.get(url)

    # the way to the cloud

    def on_mercury_open(self) -> None:
        """Look at all loci: events may have been missed."""
        self._watch.opened()

    def on_mercury_closed(self) -> None:
        """Ask for what is not pushed any more."""
        self._watch.closed()

    async def stop(self) -> None:
        """Leave all calls, as far as the cloud takes it within a moment: the device goes off in good order.

        What rings goes on ringing on the other devices of the account.
        """
        self._watch.stop()
        calls = list(self.calls.values())
        for call in calls:
            if call.state is State.RINGING:
                call.drop(endings.GONE)
            else:
                call.hang_up()
        if self.calls:
            self._all_gone = asyncio.get_running_loop().create_future()
            with suppress(TimeoutError):
                async with self.around.world.clock.timeout(STOP_S_MAX):
                    await self._all_gone
        self.forget()

    def cut(self) -> None:
        """Let all calls go without a word: the power is gone."""
        self._watch.stop()
        for call in list(self.calls.values()):
            call.cut()

    def forget(self) -> None:
        """End all calls here and ask nobody: the account is gone, or the device has lost its power."""
        self._watch.stop()
        for call in list(self.calls.values()):
            call.drop(endings.GONE)
        self.around.analyzer.stop()
        self._early.clear()
        self._past.clear()
