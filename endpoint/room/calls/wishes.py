"""What people, buttons and commands wish of calls. Each wish is checked here; call control tells the book what becomes of it.

Source: protocol/xapi.md 8.1, 8.2. That a second call holds the first, and that a wish about a call waits for the one before, is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from endpoint.room.calls import endings
from endpoint.room.calls.book import CallBook, Failure, cancel
from endpoint.room.calls.call import HoldReason, RoomCall
from endpoint.room.calls.table import Answered, Dialled, Held, HungUp, Resumed, State
from endpoint.room.ports import RoomWorld
from endpoint.wire.callcontrol import Action, AuthenticationRequest, Control, Leads, Outgoing, Refusal, Role
from endpoint.wire.secret import Secret
from endpoint.wire.xapi.errors import CommandFailed
from endpoint.wire.xapi.paths import Path

AUTO_ANSWER: Final[Path] = ("Conference", "AutoAnswer")


class Wishes:
    """What can be done with the calls of a device."""

    __slots__ = ("_around", "_book", "_room")

    def __init__(self, room: RoomWorld, book: CallBook) -> None:
        self._room = room
        self._book = book
        self._around = book.around
        book.around.senses.video.on_layout = self._layout_chosen

    # begin and end

    def dial(self, wish: Outgoing, *, callback: str = "", by: str = "xapi") -> RoomCall:
        """Make a call.

        Args:
            callback: address to call back, with scheme; by default that which is called.
            by: who asks: button, auto, xapi.

        Raises:
            CommandFailed: no call can be made; CallFailed has been raised, and the screen says so.
        """
        world = self._room.world
        data = {
            "number": wish.requested, "protocol": wish.protocol, "booking": wish.booking_id, "meeting": wish.meeting_id, "by": by,
        }  # fmt: skip
        world.trace.event(world.who, "call.dial", data=data)
        about = f" of booking {wish.booking_id}" if wish.booking_id else ""
        world.log.line("MainEvents", "I", f"Dialling {wish.requested} ({wish.protocol}){about} ({by})")
        line = self._book.line_or_refuse()
        if self._book.is_full:
            self._book.refuse(
                Failure.TOO_MANY, f"There are {len(self._book.calls)} calls already; the device can have no more"
            )
        call = self._book.new(
            "Outgoing", callback or f"spark:{wish.address}", remote_number=_bare(callback or wish.address)
        )
        call.display_name, call.requested, call.protocol = wish.display_name, wish.requested, wish.protocol
        call.leads, call.platform, call.call_type = wish.leads, wish.platform, wish.call_type
        call.booking_id, call.meeting_id, call.call_rate = wish.booking_id, wish.meeting_id, wish.call_rate
        call.is_meeting = wish.leads in (Leads.MEETING, Leads.PERSONAL_ROOM, Leads.INSTANT)
        call.is_instant = wish.leads is Leads.INSTANT
        if call.protocol == "SIP":
            call.session_id = world.chance.stream("sip session", call.id).bytes(16).hex()
        self._around.senses.standby.wake("call")
        self._room.raise_event("OutgoingCallIndication", {"CallId": call.id})
        self._book.begun(call, Dialled())
        self._make_way(call)
        line.place(call.id, wish)
        return call

    def accept(self, call: RoomCall, *, by_itself: bool = False) -> None:
        """Take a ringing call; one that is active is put on hold.

        Raises:
            CommandFailed: it does not ring.
        """
        if not call.is_ringing:
            raise CommandFailed(f"Call {call.id} does not ring: it is {call.state.value}")
        line = self._book.need_line()
        cancel(call.auto_answer)
        call.answer_state = "Autoanswered" if by_itself else "Answered"
        if by_itself and self._room.settings.get((*AUTO_ANSWER, "Mute")) == "On":
            self._around.senses.audio.mute(True)
        self._book.feed(call, Answered())
        self._book.show(call)
        self._book.settle()
        self._make_way(call)
        line.answer(call.id)

    def answer_by_itself(self, call: RoomCall) -> None:
        """Take a call that nobody has taken meanwhile."""
        if call.is_ringing and self._book.line is not None and self._around.is_registered():
            self.accept(call, by_itself=True)

    def reject(self, call: RoomCall) -> None:
        """Refuse a ringing call, on all devices of the account.

        Raises:
            CommandFailed: it does not ring.
        """
        if not call.is_ringing:
            raise CommandFailed(f"Call {call.id} does not ring: it is {call.state.value}")
        cancel(call.auto_answer)
        call.was_rejected = True
        self._book.feed(call, HungUp())
        self._book.show(call)
        self._book.finish(call, endings.REJECTED)  # first: to the cloud it is busy here, to the people it was rejected
        if self._book.line is not None:
            self._book.line.decline(call.id, Refusal.BUSY)

    def ignore(self, call: RoomCall) -> None:
        """Let a call ring on elsewhere, and be silent here.

        Raises:
            CommandFailed: it does not ring.
        """
        if not call.is_ringing:
            raise CommandFailed(f"Call {call.id} does not ring: it is {call.state.value}")
        cancel(call.auto_answer)
        call.answer_state = "Ignored"
        self._book.show(call)
        self._book.settle()

    def hang_up(self, call: RoomCall) -> None:
        """End a call, or refuse one that rings; harmless when it is ending."""
        if call.is_ringing:
            self.reject(call)
            return
        if call.state is State.DISCONNECTING:
            return
        call.was_held = call.is_held
        self._book.feed(call, HungUp())
        self._book.show(call)
        self._book.write_screen()
        if self._book.line is not None:
            self._book.line.leave(call.id)
        else:
            self._book.finish(call, endings.HUNG_UP)

    # hold and join

    async def hold(self, call: RoomCall, reason: HoldReason = "None") -> None:
        """Hold a call.

        Raises:
            CommandFailed: it is not connected, or the cloud does not hold it.
        """
        if call.is_held:
            return
        if call.state is not State.CONNECTED:
            raise CommandFailed(f"Call {call.id} is not connected: it is {call.state.value}")
        await self._switch(call, held=True)
        call.hold_reason = reason
        if self._book.feed(call, Held()):
            self._book.floor.call_gone(call)
            self._book.show(call)
            self._book.settle()

    async def resume(self, call: RoomCall) -> None:
        """Take a held call back; one that is active is put on hold first.

        Raises:
            CommandFailed: it is not on hold, or the cloud does not agree.
        """
        if not call.is_held:
            raise CommandFailed(f"Call {call.id} is not on hold: it is {call.state.value}")
        for other in self._book.calls:
            if other is not call and other.state is State.CONNECTED:
                await self.hold(other)
        await self._switch(call, held=False)
        call.hold_reason = "None"
        if self._book.feed(call, Resumed()):
            self._book.show(call)
            self._book.settle()
            self._book.microphones.back(call)
            self._book.floor.call_back(call)

    async def join_calls(self, calls: Sequence[RoomCall]) -> None:
        """Make one call of several.

        Raises:
            CommandFailed: fewer than two are connected, or the cloud does not agree.
        """
        for call in calls:
            if not (call.is_active or call.is_held):
                raise CommandFailed(f"Call {call.id} is not connected: it is {call.state.value}")
        if len(calls) < 2:
            raise CommandFailed("There is nothing to join: two calls have to be connected")
        why = await self._book.need_line().join([call.id for call in calls])
        if why:
            raise CommandFailed(why)

    def _make_way(self, call: RoomCall) -> None:
        """Put on hold what is active: one call at a time is heard."""
        for other in self._book.calls:
            if other is not call and other.state is State.CONNECTED and not other.is_switching:
                self._around.start(self._hold_quietly(other), "hold")

    async def _hold_quietly(self, call: RoomCall) -> None:
        try:
            await self.hold(call)
        except CommandFailed as error:
            self._room.world.log.line("MainEvents", "W", f"call {call.id} not put on hold: {error}")

    async def _switch(self, call: RoomCall, *, held: bool) -> None:
        if call.is_switching:
            raise CommandFailed(f"Call {call.id} is being put on hold, or taken back, already")
        line = self._book.need_line()
        call.is_switching = True
        try:
            why = await line.hold(call.id, held)
        finally:
            call.is_switching = False
        if why:
            raise CommandFailed(why)

    # in the call

    async def dtmf(self, call: RoomCall, tones: str) -> None:
        """Send tones.

        Raises:
            CommandFailed: the call is not connected, or they were not sent.
        """
        if not call.was_connected:
            raise CommandFailed(f"Call {call.id} is not connected: it is {call.state.value}")
        if why := await self._book.need_line().dtmf(call.id, tones):
            raise CommandFailed(why)

    async def control(self, call: RoomCall, control: Control) -> None:
        """Change something of the conference.

        Raises:
            CommandFailed: the cloud does not agree.
        """
        if not call.was_connected:
            raise CommandFailed(f"Call {call.id} is not connected: it is {call.state.value}")
        if why := await self._book.need_line().control(call.id, control):
            raise CommandFailed(why)

    async def authenticate(self, call: RoomCall, role: Role, pin: Secret | None) -> None:
        """Answer what the meeting asks.

        Raises:
            CommandFailed: nothing is asked, or the answer could not be given. A wrong PIN is told as PinError.
        """
        if not call.is_asked:
            raise CommandFailed(f"Call {call.id} does not ask for a PIN")
        line, asked = self._book.need_line(), call.authentication
        digits = len(pin.reveal()) if pin is not None else 0
        told = {"AuthenticatingPin": str(bool(digits)), "NumDigitsEntered": digits, "ParticipantRole": role}
        self._room.raise_event("Conference Call AuthenticationResponse PinEntered", {"CallId": call.id, **told})
        self._book.asked(call, "None")
        why = await line.authenticate(call.id, role, pin)
        if why and not call.wrong_pin:  # a wrong one has been told as PinError
            self._ask_again(call, asked)
            raise CommandFailed(why)

    def _ask_again(self, call: RoomCall, asked: AuthenticationRequest) -> None:
        """Put a question again whose answer did not reach the meeting, unless that has asked something else."""
        if call.state in (State.DIALLING, State.CONNECTING) and not call.is_asked:
            self._book.asked(call, asked)

    def _layout_chosen(self, name: str) -> None:
        call = self._book.active()
        if call is not None and self._book.line is not None:
            self._around.start(self._choose_layout(call, name), "layout")

    async def _choose_layout(self, call: RoomCall, name: str) -> None:
        try:
            await self.control(call, Control(Action.LAYOUT, value=name))
        except CommandFailed as error:
            self._room.world.log.line("MainEvents", "W", f"call {call.id}: layout {name} not taken: {error}")


def _bare(callback: str) -> str:
    scheme, colon, rest = callback.partition(":")
    return rest if colon and scheme in ("spark", "sip") else callback
