"""The calls of one device as the other parts know them: what call control tells, what testers look at, and what can be wished.

Source: protocol/xapi.md section 8. The end of a booking ends no call (calendar-and-obtp.md 10.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from endpoint.room.calls import roster, tree
from endpoint.room.calls.average import Average
from endpoint.room.calls.book import CallBook
from endpoint.room.calls.call import RoomCall
from endpoint.room.calls.ports import CallsAround
from endpoint.room.calls.table import Established, Found, Lost, Rang, State, Stepped
from endpoint.room.calls.wishes import AUTO_ANSWER, Wishes
from endpoint.room.ports import RoomWorld
from endpoint.wire import callcontrol
from endpoint.wire.callcontrol import AuthenticationRequest, Conference, End, Incoming, Line, Media, Refusal, Step


class RoomCalls:
    """All calls of one device, for one boot. Implements `Calls`.

    Attributes:
        wishes: what can be done with them.
    """

    __slots__ = ("_around", "_book", "_room", "wishes")

    def __init__(self, room: RoomWorld, around: CallsAround) -> None:
        self._room = room
        self._around = around
        self._book = CallBook(room, around)
        self.wishes = Wishes(room, self._book)

    @property
    def line(self) -> Line | None:
        """Call control; whoever puts the device together plugs it in."""
        return self._book.line

    @line.setter
    def line(self, line: Line | None) -> None:
        self._book.line = line

    @property
    def book(self) -> CallBook:
        """Which calls there are."""
        return self._book

    @property
    def calls(self) -> tuple[RoomCall, ...]:
        """The calls, oldest first."""
        return self._book.calls

    def find(self, call_id: int) -> RoomCall | None:
        """Return a call that is not over."""
        return self._book.find(call_id)

    def active(self) -> RoomCall | None:
        """Return the call that is connected and not held."""
        return self._book.active()

    def in_call(self) -> bool:
        """Say whether a call is connected, be it held."""
        return self._book.in_call()

    def is_engaged(self) -> bool:
        """Say whether somebody here is in a call or makes one; a call that only rings does not count."""
        return self._book.is_engaged()

    def stop(self) -> None:
        """Wait for nothing any more: the device goes down."""
        self._book.stop()

    # what call control tells

    def ring(self, call: Incoming) -> int | Refusal:
        """Let a call ring."""
        if self._around.senses.do_not_disturb.is_active:
            return Refusal.DND
        if self._book.is_full:
            return Refusal.BUSY
        mine = self._book.new("Incoming", call.remote_uri, call.remote_number)
        mine.display_name, mine.correlation_id, mine.is_meeting = (
            call.display_name,
            call.correlation_id,
            call.is_meeting,
        )
        mine.call_type = "Video" if call.has_video else "Audio"
        mine.call_rate = self._book.rate()
        mine.platform = "Webex" if call.is_meeting else "Unknown"
        self._around.senses.standby.wake("call")
        told = {"CallId": mine.id, "RemoteURI": mine.callback, "DisplayNameValue": mine.display_name}
        self._room.raise_event("IncomingCallIndication", told)
        self._book.begun(mine, Rang())
        if self._room.settings.get((*AUTO_ANSWER, "Mode")) == "On" and len(self._book.calls) == 1:
            delay_s = float(self._room.settings.get((*AUTO_ANSWER, "Delay")) or 0)
            mine.auto_answer = self._room.world.clock.call_later(delay_s, self.wishes.answer_by_itself, mine)
        return mine.id

    def stepped(self, call_id: int, step: Step) -> None:
        """Take note of how far the setting up is."""
        call = self.find(call_id)
        if call is None or call.state is State.DISCONNECTING:
            return
        self._book.feed(call, Stepped())
        call.in_lobby = step is Step.LOBBY
        call.has_conference |= call.in_lobby
        self._book.show(call)
        self._book.settle()

    def asked(self, call_id: int, request: AuthenticationRequest, *, is_wrong: bool = False) -> None:
        """Ask the people for a PIN or a role, or take the question back."""
        call = self.find(call_id)
        if call is not None:
            self._book.asked(call, request, is_wrong=is_wrong)

    def established(self, call_id: int, what: callcontrol.Established) -> None:
        """Take note that a call is connected, or connected again with other media."""
        call = self.find(call_id)
        if call is None or not self._book.feed(call, Established()):
            return
        is_new, now_s = not call.was_connected, self._room.world.clock.time()
        call.is_meeting, call.is_instant = what.is_meeting, what.is_instant
        call.media, call.correlation_id = what.media, what.correlation_id or call.correlation_id
        call.display_name = what.title or call.display_name
        call.remote_number = what.remote_number or call.remote_number
        call.invite_link = what.invite_link or call.invite_link
        call.call_type = "Video" if what.media.has_video and call.call_type == "Video" else "Audio"
        call.in_lobby, call.authentication, call.wrong_pin, call.has_conference = False, "None", False, True
        if call.answer_state == "Unanswered" or call.answer_state == "Ignored":
            call.answer_state = "Answered"
        if is_new:
            call.connected_s = now_s
            call.people = Average(now_s, self._around.senses.analytics.headcount)
        tree.show_call(self._room.status, call)
        if is_new:
            self._room.raise_event("CallSuccessful", _successful(call))
        self._book.settle(call)
        tree.show_media(self._room.status, call.id, what.media)
        if is_new:
            self._book.microphones.began(call)
            self._book.floor.call_back(call)
            if call.booking_id:
                self._around.joined(call.booking_id)

    def changed(self, call_id: int, conference: Conference) -> None:
        """Take the state of the conference."""
        call = self.find(call_id)
        if call is None or call.conference == conference:
            return
        before, call.conference = call.conference, conference
        call.hand_was_raised |= conference.hand
        roster.tell(self._room, call, before)
        self._book.show(call)
        if call.is_active:
            self._book.microphones.conference_changed(call, before)
            self._book.floor.conference_changed(call, before)
            if conference.layouts and conference.layouts != before.layouts:
                self._around.senses.video.offer_layouts(conference.layouts)
        self._book.write_screen()

    def media_changed(self, call_id: int, media: Media) -> None:
        """Take note of another media path."""
        call = self.find(call_id)
        if call is None or call.media is None:
            return
        call.media = media
        self._book.show(call)
        tree.show_media(self._room.status, call.id, media)

    def preserved(self, call_id: int, lost: bool) -> None:
        """Take note that the cloud cannot be asked about a call, or can again."""
        call = self.find(call_id)
        if call is None:
            return
        if lost and call.state is not State.PRESERVED:
            call.was_held = call.is_held
        if self._book.feed(call, Lost() if lost else Found(call.was_held)):
            self._book.show(call)
            self._book.settle()

    def dtmf_received(self, call_id: int, tones: str) -> None:
        """Take tones from the far end."""
        if self.find(call_id) is not None:
            self._room.raise_event("DTMFReceive", {"CallId": call_id, "DTMFString": tones})

    def joined(self, call_id: int, gone: Sequence[int]) -> None:
        """Take note that calls have become part of another one."""
        for other in map(self.find, gone):
            if other is not None and other.id != call_id:
                other.merged_into = call_id

    def ended(self, call_id: int, end: End) -> None:
        """Forget a call: it is over."""
        call = self.find(call_id)
        if call is not None:
            call.correlation_id = call.correlation_id or end.correlation_id
            self._book.finish(call, end)

    # views

    def shown(self) -> list[dict[str, Any]]:
        """Return the calls as testers look at them."""
        now_s = self._room.world.clock.time()
        return [
            {
                "id": call.id,
                "status": call.state.value,
                "direction": call.direction,
                "protocol": call.protocol,
                "number": call.remote_number,
                "callback": call.callback,
                "display_name": call.display_name,
                "requested": call.requested,
                "answer_state": call.answer_state,
                "booking": call.booking_id,
                "meeting": call.is_meeting,
                "platform": call.platform,
                "muted": call.conference.is_muted,
                "held": call.is_held,
                "locked": call.conference.locked,
                "recording": call.conference.recording,
                "hand": call.conference.hand,
                "lobby": call.in_lobby,
                "authentication": call.authentication,
                "duration_s": call.duration_s(now_s),
                "roster": roster.shown(call.conference.members),
            }
            for call in self.calls
        ]

    def screen(self) -> dict[str, dict[str, Any]]:
        """Return the elements of the screen that calls have: `call bar`, `incoming`, `prompt`."""
        return self._book.screen()


def _successful(call: RoomCall) -> dict[str, Any]:
    return {
        "CallId": call.id,
        "CallRate": call.call_rate,
        "Direction": call.direction,
        "EncryptionIn": call.encryption,
        "EncryptionOut": call.encryption,
        "Protocol": call.protocol,
        "RemoteURI": call.callback,
    }
