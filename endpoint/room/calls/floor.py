"""Presentations in calls: who shares, as the cloud grants it.

Source: protocol/xapi-nodes.md 3.3, 4.7, 6.15, 7.9. That a share which somebody else takes over ends as `remoteNormal` is ours.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

from endpoint.room.calls.call import RoomCall
from endpoint.room.ports import RoomWorld
from endpoint.room.presentation import Presentation
from endpoint.wire.callcontrol import Conference, Line
from endpoint.wire.xapi.paths import Path

MODE: Final[Path] = ("Conference", "Presentation", "Mode")
CALL: Final[Path] = ("Conference", "Presentation", "CallId")


class Floor:
    """The floor of the calls of one device: one share at a time, sent or received.

    Args:
        active: returns the call that a share goes into; None when there is none.
        line: returns call control, None while there is none.
        on_change: told when the mode is another one.
    """

    __slots__ = (
        "_active", "_is_granted", "_line", "_on_change", "_pending", "_presentation", "_receiving", "_room", "_sending", "_start",
        "_wanted",
    )  # fmt: skip

    def __init__(
        self,
        room: RoomWorld,
        presentation: Presentation,
        active: Callable[[], RoomCall | None],
        line: Callable[[], Line | None],
        start: Callable[[Coroutine[Any, Any, None], str], object],
        on_change: Callable[[], object],
    ) -> None:
        self._room = room
        self._presentation = presentation
        self._active = active
        self._line = line
        self._start = start
        self._on_change = on_change
        self._sending: RoomCall | None = None
        """The call that the room shares into, or wants to."""
        self._is_granted = False
        self._wanted: dict[int, dict[str, Any]] = {}
        """What has not been told of shares that wait for the floor, by instance."""
        self._receiving: RoomCall | None = None
        """The call in which somebody else shares."""
        self._pending = 0
        """Wishes for the floor that the cloud has not answered yet."""
        presentation.on_shared = self._shared
        presentation.on_unshared = self._unshared

    @property
    def is_sending(self) -> bool:
        """Say whether the room shares into a call."""
        return self._is_granted

    def conference_changed(self, call: RoomCall, before: Conference) -> None:
        """Take who shares in a call."""
        now = call.conference.shared_by
        if now == before.shared_by:
            return
        own = next((member.id for member in call.conference.members if member.is_self), "")
        if now and now != own:
            if self._sending is call and not self._pending:
                self._presentation.stop_shared("remoteNormal")
            self._receive(call, "startReceiving")
        elif self._receiving is call:
            self._receive(None, "remoteNormal")

    def call_gone(self, call: RoomCall) -> None:
        """Take note that a call is over, or held: nothing is shared in it."""
        if self._receiving is call:
            self._receive(None, "disconnect")
        if self._sending is call:
            self._presentation.stop_shared("disconnect")

    def call_back(self, call: RoomCall) -> None:
        """Take note that a call is back from hold: somebody may share in it."""
        self.conference_changed(call, Conference())

    # what the room shares

    def _shared(self, instance: int, source: int, cause: str) -> None:
        call, line = self._sending or self._active(), self._line()
        if call is None or line is None:
            self._presentation.stop_shared("floorDenied")
            return
        self._wanted[instance] = {"LocalInstance": instance, "LocalSource": source, "Mode": "Sending", "Cause": cause}
        if self._sending is None:
            self._sending = call
            self._pending += 1
            self._start(self._ask(line, call), "floor")
        elif self._is_granted:
            self._tell_started(call)

    async def _ask(self, line: Line, call: RoomCall) -> None:
        try:
            why = await line.share(call.id, True)
        finally:
            self._pending -= 1
        if self._sending is not call or self._pending:  # given up, or asked for anew, while it was asked for
            if not why and self._sending is not call:
                await self._give_back(line, call)
        elif why:
            self._room.world.log.line("MainEvents", "W", f"call {call.id}: no floor: {why}")
            self._presentation.stop_shared("floorDenied")
        else:
            self._is_granted = True
            self._show()
            self._tell_started(call)

    def _tell_started(self, call: RoomCall) -> None:
        """Tell of the shares that the far end sees from now on."""
        wanted, self._wanted = self._wanted, {}
        for fields in wanted.values():
            self._room.raise_event("PresentationStarted", {**_names(call), **fields})

    def _unshared(self, instance: int, source: int, cause: str) -> None:
        call = self._sending
        was_seen = self._wanted.pop(instance, None) is None
        if call is None:
            return
        if was_seen or cause == "floorDenied":
            fields = {"LocalInstance": instance, "Mode": "Sending", "Cause": cause}
            self._room.raise_event("PresentationStopped", {**_names(call), **fields})
        if self._presentation.is_shared():
            return
        was_taken = cause == "remoteNormal" or (cause == "disconnect" and not call.is_held)  # a call on hold goes on
        gives_back = self._is_granted and not was_taken
        self._sending, self._is_granted = None, False
        self._show()
        line = self._line()
        if line is not None and gives_back:
            self._start(self._give_back(line, call), "floor")

    async def _give_back(self, line: Line, call: RoomCall) -> None:
        why = await line.share(call.id, False)
        if why:
            self._room.world.log.line("MainEvents", "W", f"call {call.id}: floor not given back: {why}")

    # what comes from the far end

    def _receive(self, call: RoomCall | None, cause: str) -> None:
        before, self._receiving = self._receiving, call
        if before is call:
            return
        self._show()
        about = before or call
        assert about is not None
        fields = {**_names(about), "LocalInstance": 0, "Mode": "Receiving", "Cause": cause}
        if call is None:
            self._room.raise_event("PresentationStopped", fields)
        else:
            self._room.raise_event("PresentationStarted", {**fields, **_names(call), "LocalSource": 0})

    def _show(self) -> None:
        sent = self._sending if self._is_granted else None
        status, call = self._room.status, sent or self._receiving
        with status.group():
            status.put(MODE, "Sending" if sent else "Receiving" if self._receiving else "Off")
            if call is None:
                status.remove(CALL)
            else:
                status.put(CALL, call.id)
        self._on_change()


def _names(call: RoomCall) -> dict[str, Any]:
    return {"CallId": call.id, "ConferenceId": call.conference_id}
