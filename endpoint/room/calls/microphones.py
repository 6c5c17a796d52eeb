"""The microphones in calls: what is muted here is told to the calls, what the cloud mutes is muted here.

Nobody but the people in the room opens a microphone: a host who unmutes the device only asks. Source: protocol/xapi-nodes.md 4.7
(MicrophonesMuted, SelfMute), 5.4; that rule, and what happens when the cloud does not take a wish, are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from endpoint.room.audio import Audio
from endpoint.room.calls.call import RoomCall
from endpoint.runtime.world import World
from endpoint.wire.callcontrol import Conference, Line


class Microphones:
    """Joins the microphones of the device to its calls.

    Args:
        calls: returns the calls that hear the room.
        line: returns call control, None while there is none.
    """

    __slots__ = ("_audio", "_calls", "_is_told", "_line", "_start", "_world")

    def __init__(
        self,
        world: World,
        audio: Audio,
        calls: Callable[[], Iterable[RoomCall]],
        line: Callable[[], Line | None],
        start: Callable[[Coroutine[Any, Any, None], str], object],
    ) -> None:
        self._world = world
        self._audio = audio
        self._calls = calls
        self._line = line
        self._start = start
        self._is_told = False
        """Who mutes at this moment is the cloud, which need not be told."""
        audio.on_mute = self._turned
        audio.is_locked = lambda: any(call.conference.hard_muted for call in calls())

    def began(self, call: RoomCall) -> None:
        """Take note that a call hears the room: one that begins with muted microphones is told so, and the other way round."""
        if self._audio.is_muted:
            self._wish(call, True)
        elif call.conference.is_muted:
            self._follow()

    def back(self, call: RoomCall) -> None:
        """Take note that a call hears the room again: what was turned here meanwhile holds, unless the host forbids it."""
        if self._audio.is_muted == call.conference.is_muted:
            return
        if call.conference.hard_muted:
            self._follow()
        else:
            self._wish(call, self._audio.is_muted)

    def conference_changed(self, call: RoomCall, before: Conference) -> None:
        """Take what the cloud says of the microphones; what it said before a wish was answered may be old."""
        now = call.conference
        if call.mutes_pending or now.is_muted == before.is_muted:
            return
        call.asked_to_unmute = not now.is_muted and self._audio.is_muted
        if now.is_muted:
            self._follow()

    def _turned(self, on: bool) -> None:
        for call in tuple(self._calls()):
            call.asked_to_unmute = False
            if not self._is_told:
                self._wish(call, on)

    def _wish(self, call: RoomCall, on: bool) -> None:
        line = self._line()
        if line is not None:
            call.mutes_pending += 1
            self._start(self._tell(line, call, on), "mute")

    async def _tell(self, line: Line, call: RoomCall, on: bool) -> None:
        try:
            why = await line.mute(call.id, on)
        finally:
            call.mutes_pending -= 1
        if not why:
            return
        self._world.log.line("MainEvents", "W", f"call {call.id} not {'muted' if on else 'unmuted'}: {why}")
        if not on and call in self._calls():  # the far end does not hear the room: show it
            self._follow()

    def _follow(self) -> None:
        """Mute the microphones as the cloud has done."""
        self._is_told = True
        try:
            self._audio.mute(True)
        finally:
            self._is_told = False
