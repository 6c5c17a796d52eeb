"""Presentation: what is shared from the room.

Outside a call a share is a preview on the room's own screens. Source: protocol/xapi-nodes.md 3.3, 4.7, 6.15, 7.9. Which source is taken
when none is named, and that a named one needs no signal, are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar, Final

from endpoint.room.ports import RoomWorld
from endpoint.room.quiet import never, nothing
from endpoint.room.video import INPUTS
from endpoint.wire.xapi.calls import Invocation, Method
from endpoint.wire.xapi.errors import BadArguments, CommandFailed
from endpoint.wire.xapi.nodes import Value
from endpoint.wire.xapi.paths import Path

INSTANCES_MAX: Final = 6

START: Final[Mapping[str, Value]] = {
    "Conference Presentation Mode": "Off",
    "Conference Presentation Whiteboard Mode": "Off",
}

INSTANCE: Final[Path] = ("Conference", "Presentation", "LocalInstance")


class Presentation:
    """The shares of the room, at most INSTANCES_MAX at once; the status tree is where they are kept."""

    __slots__ = ("_room", "in_call", "on_change", "on_shared", "on_unshared")

    def __init__(self, room: RoomWorld) -> None:
        self._room = room
        self.in_call: Callable[[], bool] = never
        """Says whether there is a call that a share can go into."""
        self.on_shared: Callable[[int, int, str], object] = nothing
        """Told of a share into a call: instance, source, cause. PresentationStarted is for whoever owns the call."""
        self.on_unshared: Callable[[int, int, str], object] = nothing
        """Told of its end: instance, source, cause."""
        self.on_change: Callable[[bool], object] = nothing
        """Told whether something is shared, whenever a share begins or ends."""

    def is_sharing(self) -> bool:
        """Say whether something is shared, into a call or in the room only."""
        return bool(self._running())

    def stop_all(self, cause: str) -> None:
        """End every share; `cause` is a word of PresentationStopped."""
        self._stop(self._running(), cause)

    def is_shared(self) -> bool:
        """Say whether something is shared into a call."""
        return bool(self._sent())

    def stop_shared(self, cause: str) -> None:
        """End the shares into a call; previews stay."""
        self._stop(self._sent(), cause)

    def call_ended(self) -> None:
        """End the shares into a call: the last one is over. Previews stay."""
        self.stop_shared("disconnect")

    def source_gone(self, source: int) -> None:
        """End the shares of a source that has lost its signal."""
        self._stop([number for number, shown in self._running().items() if shown == source], "noSignal")

    # commands

    def _start_command(self, call: Invocation) -> None:
        source = self._source(call)
        number = self._instance(call.text("Instance"))
        if number in self._running():
            self._end(number, "userRequested")
        mode = call.text("SendingMode") if self.in_call() else "LocalOnly"
        with self._room.status.group():
            self._room.status.put((*INSTANCE, number, "SendingMode"), mode)
            self._room.status.put((*INSTANCE, number, "Source"), source)
        if mode == "LocalOnly":
            self._preview("Started", number, source, "userRequested")
        else:
            self.on_shared(number, source, "userRequested")
        self.on_change(self.is_sharing())

    def _stop_command(self, call: Invocation) -> None:
        running = self._running()
        if call.has("WebViewId"):
            raise CommandFailed(f"Web view {call.number('WebViewId')} is not shared")
        if call.has("Instance"):
            number = int(call.text("Instance"))
            if number not in running:
                raise CommandFailed(f"There is no presentation instance {number}")
            running = {number: running[number]}
        if call.has("PresentationSource"):
            source = call.text("PresentationSource")
            running = {number: shown for number, shown in running.items() if str(shown) == source}
            if not running:
                raise CommandFailed(f"Source {source} is not shared")
        self._stop(running, "userRequested")

    # inside

    def _running(self) -> dict[int, int]:
        """Return the sources that are shared, by instance."""
        found: dict[int, int] = {}
        for number in range(1, INSTANCES_MAX + 1):
            source = self._room.status.get((*INSTANCE, number, "Source"))
            if source is not None:
                found[number] = int(source)
        return found

    def _sent(self) -> list[int]:
        """Return the instances that go into a call."""
        status = self._room.status
        return [number for number in self._running() if status.get((*INSTANCE, number, "SendingMode")) == "LocalRemote"]

    def _source(self, call: Invocation) -> int:
        """Return the source that is to be shared; of several, which are composed into one picture, the first."""
        if call.has("ConnectorId") and call.has("PresentationSource"):
            raise BadArguments({"ConnectorId": "give either ConnectorId or PresentationSource"})
        if call.has("WebViewId"):
            raise CommandFailed(f"There is no web view {call.number('WebViewId')}")
        for connector in call.many("ConnectorId"):
            if connector not in INPUTS:
                raise CommandFailed(f"There is no connector {connector}; there are {', '.join(map(str, INPUTS))}")
        for source in call.many("PresentationSource"):
            if not str(source).isdigit():
                raise CommandFailed("No source" if source == "None" else f"{source} is not active")
        named = call.many("ConnectorId") or call.many("PresentationSource")
        if named:
            return int(named[0])
        for number, kind in INPUTS.items():
            connected = self._room.status.get(("Video", "Input", "Connector", number, "Connected"))
            if kind != "Camera" and connected == "True":
                return number
        raise CommandFailed("No presentation source is connected")

    def _instance(self, wanted: str) -> int:
        if wanted != "New":
            return int(wanted or 1)
        running = self._running()
        for number in range(1, INSTANCES_MAX + 1):
            if number not in running:
                return number
        raise CommandFailed(f"All {INSTANCES_MAX} presentation instances are in use")

    def _stop(self, numbers: Iterable[int], cause: str) -> None:
        ended = tuple(numbers)
        for number in ended:
            self._end(number, cause)
        if ended:
            self.on_change(self.is_sharing())

    def _end(self, number: int, cause: str) -> None:
        mode = self._room.status.get((*INSTANCE, number, "SendingMode"))
        source = int(self._room.status.get((*INSTANCE, number, "Source")) or 0)
        self._room.status.remove((*INSTANCE, number))
        if mode == "LocalOnly":
            self._preview("Stopped", number, source, cause)
        else:
            self.on_unshared(number, source, cause)

    def _preview(self, what: str, number: int, source: int, cause: str) -> None:
        fields = {"Instance": number, "LocalSource": source, "Cause": cause}
        self._room.raise_event(f"PresentationPreview{what}", fields)

    COMMANDS: ClassVar[Mapping[str, Method]] = {
        "Presentation Start": _start_command,
        "Presentation Stop": _stop_command,
    }
