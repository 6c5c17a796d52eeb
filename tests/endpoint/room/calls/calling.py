"""A room that makes calls: real tree, real commands, and a call control that answers when it is told to."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from touching import Touched

from endpoint.room import features, senses
from endpoint.room.bookings.booking import Booking
from endpoint.room.callhistory import CallHistory
from endpoint.room.calls.commands import CallCommands
from endpoint.room.calls.joining import Joining
from endpoint.room.calls.ports import CallsAround
from endpoint.room.calls.room import RoomCalls
from endpoint.room.features import Features
from endpoint.room.senses import Senses
from endpoint.wire.callcontrol import (
    Conference,
    Control,
    End,
    Established,
    Incoming,
    Media,
    Member,
    Outgoing,
    Refusal,
    Role,
    Step,
)
from endpoint.wire.secret import Secret
from endpoint.wire.xapi.calls import INTERNAL
from endpoint.wire.xapi.errors import CommandFailed
from endpoint.wire.xapi.jsonform import typed
from endpoint.wire.xapi.leaves import flatten
from endpoint.wire.xapi.nodes import Value
from endpoint.wire.xapi.paths import parse_path

BOOTED: Mapping[str, Value] = {
    "SystemUnit State System": "Initialized",
    "SystemUnit State NumberOfActiveCalls": 0,
    "SystemUnit State NumberOfInProgressCalls": 0,
    "SystemUnit State NumberOfSuspendedCalls": 0,
    "Webex Services UserPresence Status": "Unknown",
    "Webex Meetings InstantMeeting Availability": "Available",
}
UUID = "3f2b9a52-0d3c-4b61-9d5c-0a4f5d8c1e77"
REMOTE = End(cause_type="RemoteDisconnect")


@dataclass(eq=False)
class Wish:
    """Something that was asked of call control, and its answer; None while it is awaited."""

    what: str
    args: tuple[Any, ...]
    answer: str | None = None

    def __await__(self) -> Generator[None, None, str]:
        while self.answer is None:
            yield
        return self.answer


@dataclass
class FakeLine:
    """Call control that records, and answers wishes with `at_once`; None lets them wait."""

    said: list[tuple[Any, ...]] = field(default_factory=list)
    waiting: list[Wish] = field(default_factory=list)
    at_once: str | None = ""

    def place(self, call_id: int, call: Outgoing) -> None:
        self.said.append(("place", call_id, call))

    def answer(self, call_id: int) -> None:
        self.said.append(("answer", call_id))

    def decline(self, call_id: int, reason: Refusal) -> None:
        self.said.append(("decline", call_id, reason))

    def leave(self, call_id: int) -> None:
        self.said.append(("leave", call_id))

    async def hold(self, call_id: int, held: bool) -> str:
        return await self._wish("hold", call_id, held)

    async def join(self, call_ids: Sequence[int]) -> str:
        return await self._wish("join", *call_ids)

    async def dtmf(self, call_id: int, tones: str) -> str:
        return await self._wish("dtmf", call_id, tones)

    async def mute(self, call_id: int, muted: bool) -> str:
        return await self._wish("mute", call_id, muted)

    async def share(self, call_id: int, on: bool) -> str:
        return await self._wish("share", call_id, on)

    async def control(self, call_id: int, control: Control) -> str:
        return await self._wish("control", call_id, control)

    async def authenticate(self, call_id: int, role: Role, pin: Secret | None) -> str:
        return await self._wish("authenticate", call_id, role, pin)

    async def _wish(self, what: str, *args: Any) -> str:
        self.said.append((what, *args))
        wish = Wish(what, args, self.at_once)
        if wish.answer is None:
            self.waiting.append(wish)
        return await wish


class Calling(Touched):
    """One room with its calls, and the cloud's side of them in the hands of the test."""

    def __init__(self, configuration: Mapping[str, Value] | None = None, *, registered: bool = True) -> None:
        super().__init__({**senses.START, **features.START, **BOOTED})
        for path, value in (configuration or {}).items():
            self.set(path, value)
        self.is_registered = registered
        self.running: list[Coroutine[Any, Any, Any]] = []
        self.bookings: dict[str, Booking] = {}
        self.joined: list[str] = []
        self.failures: list[str] = []
        """Reasons of commands that failed after they had waited."""
        self.senses = Senses(self.room)
        self.features = Features(self.room)
        self.senses.analytics.on_busy = self.features.in_use
        self.history = CallHistory(self.room, self.store)
        around = CallsAround(
            self.senses,
            self._start,
            is_registered=lambda: self.is_registered,
            keep=self.history.add,
            find_booking=self.bookings.get,
            joined=self.joined.append,
        )
        self.line = FakeLine()
        self.calls = RoomCalls(self.room, around)
        self.calls.line = self.line
        self.joining = Joining(self.room, around, self.calls)
        self.own(*self.senses.owners, CallCommands(self.calls), self.joining, self.history)
        self.senses.start()

    # running

    def _start(self, work: Coroutine[Any, Any, Any], name: str) -> None:
        self.running.append(work)
        self._go_on(work)

    def run(self) -> None:
        """Let what runs in the background go on until it waits for call control."""
        for work in tuple(self.running):
            self._go_on(work)

    def _go_on(self, work: Coroutine[Any, Any, Any]) -> None:
        try:
            work.send(None)
        except StopIteration:
            self.running.remove(work)
        except CommandFailed as error:  # of a command: told to whoever gave it
            self.running.remove(work)
            self.failures.append(str(error))

    def call(self, command: str, body: str | None = None, caller: Any = INTERNAL, /, **arguments: Any) -> Any:
        """Call a command; one that waits for call control goes on in the background and returns None."""
        outcome = self._commands.call(self._commands.prepare(parse_path(command), arguments, body, caller))
        if not isinstance(outcome, Awaitable):
            return typed(flatten(outcome or {}))
        assert isinstance(outcome, Coroutine)
        try:
            outcome.send(None)
        except StopIteration as end:
            return typed(flatten(end.value or {}))
        self.running.append(outcome)
        return None

    def reply(self, answer: str = "", what: str = "") -> None:
        """Answer the oldest wish that waits, of one kind if it is named."""
        wish = next(wish for wish in self.line.waiting if what in ("", wish.what))
        self.line.waiting.remove(wish)
        wish.answer = answer
        self.run()

    # the cloud

    def connect(self, call_id: int, *, meeting: bool = True, **more: Any) -> None:
        """Let a call be connected."""
        fields: dict[str, Any] = {"correlation_id": UUID, "media": Media(path="udp"), "remote_number": UUID, **more}
        self.calls.established(call_id, Established(is_meeting=meeting, **fields))

    def dialled(self, number: str = "1234@site.webex.test", *, meeting: bool = True, **arguments: Any) -> int:
        """Dial, and be connected; returns the number of the call."""
        call_id = int(self.call("Dial", Number=number, **arguments)["CallId"])
        self.calls.stepped(call_id, Step.CONNECTING)
        self.connect(call_id, meeting=meeting)
        return call_id

    def ring(self, uri: str = "spark:ada@room.example", name: str = "Ada", **more: Any) -> int | Refusal:
        """Let somebody call."""
        return self.calls.ring(
            Incoming(remote_uri=uri, remote_number=UUID, display_name=name, correlation_id=UUID, **more)
        )

    def rung(self) -> int:
        """Let somebody call, and the call ring; returns its number."""
        found = self.ring()
        assert isinstance(found, int)
        return found

    def conference(self, call_id: int, **fields: Any) -> None:
        """Let the conference be so."""
        self.calls.changed(call_id, Conference(**fields))

    # views

    def status_of(self, call_id: int) -> Value | None:
        """Return the state of a call."""
        return self.status.get(("Call", call_id, "Status"))

    def counters(self) -> tuple[Any, Any, Any]:
        """Return how many calls are active, in progress, on hold."""
        root = ("SystemUnit", "State")
        names = ("NumberOfActiveCalls", "NumberOfInProgressCalls", "NumberOfSuspendedCalls")
        active, progress, suspended = (self.status.get((*root, name)) for name in names)
        return active, progress, suspended

    def lines(self) -> list[str]:
        """Return the lines of the log, without their times."""
        return [line.partition("]: ")[2] for line in self.room.world.log.lines]


SELF = Member(id="me", name="Huddle", kind="room", is_self=True)
ADA = Member(id="ada", name="Ada", uri="ada@room.example", is_host=True)
