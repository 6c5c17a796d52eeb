"""The calls of one device: which there are, what is shown of them, and what follows from them in the room.

Source: protocol/xapi.md 2.4, 8.2 to 8.5, section 9; xapi-nodes.md 3.3.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any, Final, NoReturn

from endpoint.room.calls import endings, roster, screen, tree
from endpoint.room.calls.call import Direction, RoomCall
from endpoint.room.calls.floor import Floor
from endpoint.room.calls.microphones import Microphones
from endpoint.room.calls.ports import CallsAround
from endpoint.room.calls.table import TABLE, HungUp, Over, State
from endpoint.room.ports import RoomWorld
from endpoint.runtime.clock import Timer
from endpoint.wire.callcontrol import AuthenticationRequest, End, Line
from endpoint.wire.xapi.errors import CommandFailed
from endpoint.wire.xapi.paths import Path

FIRST_ID: Final = 2
"""Of the first call after a start (protocol/xapi.md 2.4)."""
CALLS_MAX: Final = 5
"""Calls at once, where `Capabilities Conference MaxCalls` does not say."""
MAX_CALLS: Final[Path] = ("Capabilities", "Conference", "MaxCalls")
PRESENCE: Final[Path] = ("Webex", "Services", "UserPresence", "Status")
NOT_REGISTERED: Final = "The device is not registered: it can make no calls"


class Failure(IntEnum):
    """Codes of CallFailed; the numbers are ours."""

    NOT_REGISTERED = 1
    TOO_MANY = 2
    NOT_DIALABLE = 3


class CallBook:
    """The calls of one boot, and all that is seen of them."""

    __slots__ = (
        "_calls", "_is_sending", "_last", "_popup", "_popup_timer", "_was_in_call", "_written", "around", "floor", "line", "microphones",
        "room",
    )  # fmt: skip

    def __init__(self, room: RoomWorld, around: CallsAround) -> None:
        self.room = room
        self.around = around
        self._calls: dict[int, RoomCall] = {}
        self._last = FIRST_ID - 1
        self.line: Line | None = None
        self._was_in_call = False
        self._is_sending = False
        self._popup = ""
        self._popup_timer: Timer | None = None
        self._written: object = None
        senses, line = around.senses, lambda: self.line
        senses.use_calls(self.in_call)
        senses.standby.in_call = lambda: bool(self._calls)
        senses.do_not_disturb.on_change = self._show_presence
        senses.analytics.on_people = self._people_changed
        self.microphones = Microphones(room.world, senses.audio, self._hearing, line, around.start)
        self.floor = Floor(room, senses.presentation, self.active, line, around.start, self._show_presence)

    # which calls there are

    @property
    def calls(self) -> tuple[RoomCall, ...]:
        """The calls, oldest first."""
        return tuple(self._calls.values())

    def find(self, call_id: int) -> RoomCall | None:
        """Return a call that is not over."""
        return self._calls.get(call_id)

    def active(self) -> RoomCall | None:
        """Return the call that is connected and not held: the last one, should there be several."""
        return next((call for call in reversed(self.calls) if call.is_active), None)

    def in_call(self) -> bool:
        """Say whether a call is connected, be it held."""
        return any(call.was_connected for call in self._calls.values())

    def is_engaged(self) -> bool:
        """Say whether somebody here is in a call or makes one; a call that only rings does not count."""
        return any(not call.is_ringing for call in self._calls.values())

    @property
    def is_full(self) -> bool:
        """Say whether there can be no more calls."""
        return len(self._calls) >= int(self.room.status.get(MAX_CALLS) or CALLS_MAX)

    def _hearing(self) -> list[RoomCall]:
        return [call for call in self._calls.values() if call.is_active]

    def stop(self) -> None:
        """Wait for nothing any more: the device goes down."""
        for call in self._calls.values():
            cancel(call.auto_answer)
        cancel(self._popup_timer)

    # what becomes of them

    def new(self, direction: Direction, callback: str, remote_number: str) -> RoomCall:
        """Give a call its number; nothing is shown of it before `begun`."""
        self._last += 1
        call = RoomCall(
            id=self._last,
            conference_id=self._last - FIRST_ID + 1,
            direction=direction,
            callback=callback,
            remote_number=remote_number,
            began=self.room.world.clock.now(),
        )
        self._calls[call.id] = call
        return call

    def begun(self, call: RoomCall, event: object) -> None:
        """Begin the life of a call and show it: all its leaves in one block, then the counters."""
        call.begin(event, self._written_by(call))
        with self.room.status.group():
            tree.show_call(self.room.status, call)
            tree.count(self.room.status, call, self.room.world.clock.time)
        self.settle()

    def feed(self, call: RoomCall, event: object) -> bool:
        """Feed an event, if it means something for the state of the call; what comes too late does not."""
        if (call.state, type(event)) not in TABLE.rows:
            return False
        call.machine.feed(event)
        return True

    def finish(self, call: RoomCall, end: End) -> None:
        """Forget a call: it is over. Harmless when it is forgotten already."""
        if call.id not in self._calls:
            return
        world, now_s = self.room.world, self.room.world.clock.time()
        cancel(call.auto_answer)
        if call.state is not State.DISCONNECTING:
            call.was_held = call.is_held
            self.feed(call, HungUp())
            tree.show_call(self.room.status, call)
        duration_s = call.duration_s(now_s)
        people = call.people.value(now_s) if call.people is not None else 0
        endings.log_end(world.log, call, end)
        self.room.raise_event("CallDisconnect", endings.disconnected(call, end, duration_s, people))
        self.floor.call_gone(call)
        roster.clear(self.room, call)
        self.feed(call, Over())
        del self._calls[call.id]
        tree.forget(self.room.status, call)
        self.settle()
        try:
            self.around.keep(endings.entry_of(call, end, world.clock.now(), duration_s))
        except CommandFailed as error:
            world.log.line("MainEvents", "W", f"call {call.id} is not in the history: {error}")
        if text := endings.sentence(call, end):
            self.tell(text)

    def refuse(self, failure: Failure, why: str) -> NoReturn:
        """Say on the screen and in CallFailed that there is no call.

        Raises:
            CommandFailed: always, with the same reason.
        """
        self.room.world.log.line("MainEvents", "W", f"no call: {why}")
        self.room.raise_event("CallFailed", {"Code": int(failure), "Message": why})
        self.tell(why)
        raise CommandFailed(why)

    def need_line(self) -> Line:
        """Return call control.

        Raises:
            CommandFailed: the device is not registered.
        """
        if self.line is None or not self.around.is_registered():
            raise CommandFailed(NOT_REGISTERED)
        return self.line

    def line_or_refuse(self) -> Line:
        """Return call control for a new call.

        Raises:
            as `refuse`: the device is not registered.
        """
        if self.line is None or not self.around.is_registered():
            self.refuse(Failure.NOT_REGISTERED, NOT_REGISTERED)
        return self.line

    def rate(self, asked: int | None = None, *, is_sip: bool = False) -> int:
        """Return the rate of a call in kbit/s: what is asked for, within what is configured."""
        path: Path = ("Conference", "DefaultCall", "Rate") if is_sip else ("Conference", "DefaultCall", "Webex", "Rate")
        configured = int(self.room.settings.get(path) or 0)
        return configured if asked is None else min(asked, configured) if configured else asked

    def _written_by(self, call: RoomCall) -> Callable[[str, State, object, State], object]:
        def write(machine: str, before: State, event: object, after: State) -> None:
            world = self.room.world
            data = {
                "machine": machine, "call": call.id, "from": before.value, "event": type(event).__name__, "to": after.value,
            }  # fmt: skip
            world.trace.event(world.who, "machine", data=data)

        return write

    # what is shown, and what follows

    def asked(self, call: RoomCall, request: AuthenticationRequest, *, is_wrong: bool = False) -> None:
        """Ask the people for a PIN or a role, or take the question back."""
        call.authentication, call.wrong_pin, call.has_conference = request, is_wrong, True
        if is_wrong:
            self.room.raise_event("Conference Call AuthenticationResponse PinError", {"CallId": call.id})
        self.show(call)
        self.write_screen()

    def show(self, call: RoomCall) -> None:
        """Show a call as it is."""
        tree.show_call(self.room.status, call)
        if call.has_conference:
            tree.show_conference(self.room.status, call)

    def settle(self, connected: RoomCall | None = None) -> None:
        """Show what follows from the calls that there are: counters, `connected`, then the room around them."""
        senses, calls = self.around.senses, self.calls
        tree.show_counters(self.room.status, calls)
        if connected is not None:
            tree.show_conference(self.room.status, connected)
        in_call = self.in_call()
        if in_call != self._was_in_call:
            self._was_in_call = in_call
            if in_call:
                senses.call_began()
            else:
                senses.call_ended()
        is_sending = any(call.is_active and call.call_type == "Video" for call in calls)
        if is_sending != self._is_sending:
            self._is_sending = is_sending
            senses.sending(is_sending)
        self._show_presence()

    def _show_presence(self) -> None:
        connected = [call for call in self._calls.values() if call.was_connected]
        if self.around.senses.do_not_disturb.is_active:
            word = "DoNotDisturb"
        elif not connected:
            word = "Unknown"
        elif self.floor.is_sending:
            word = "Presenting"
        else:
            word = "Meeting" if any(call.is_meeting for call in connected) else "Call"
        self.room.status.put(PRESENCE, word)
        self.write_screen()

    def _people_changed(self) -> None:
        now_s, people = self.room.world.clock.time(), self.around.senses.analytics.headcount
        for call in self._calls.values():
            if call.people is not None:
                call.people.change(now_s, people)

    # the screen

    def screen(self) -> dict[str, dict[str, Any]]:
        """Return the elements of the screen that calls have: `call bar`, `incoming`, `prompt`."""
        is_muted = self.around.senses.audio.is_muted
        return screen.shown(self._calls.values(), self._popup, is_muted=is_muted, is_sharing=self.floor.is_sending)

    def write_screen(self) -> None:
        """Tell the history what is on the screen, when it is something else."""
        shown = self.screen()
        if shown != self._written and (self._written is not None or any(one["visible"] for one in shown.values())):
            self._written = shown
            self.room.world.trace.event(self.room.world.who, "room.screen", data=shown)

    def tell(self, text: str) -> None:
        """Say something on the screen, for a moment."""
        cancel(self._popup_timer)
        self._popup = text
        self._popup_timer = self.room.world.clock.call_later(screen.POPUP_S, self._tell_no_more)
        self.write_screen()

    def _tell_no_more(self) -> None:
        self._popup = ""
        self.write_screen()


def cancel(timer: Timer | None) -> None:
    """Cancel a timer, if there is one."""
    if timer is not None:
        timer.cancel()
