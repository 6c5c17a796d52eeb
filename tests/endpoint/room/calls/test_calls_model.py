"""Whatever people wish and call control tells, in any order: what is shown fits the calls, and every call ends exactly once."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import Any, ClassVar

from calling import ADA, REMOTE, SELF, Calling
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from endpoint.room.calls.book import CALLS_MAX, FIRST_ID
from endpoint.wire.callcontrol import Conference, End, Media, Refusal, Step
from endpoint.wire.xapi.errors import CommandFailed
from endpoint.xapi.tree import Changes

IDS = st.integers(FIRST_ID - 1, FIRST_ID + 8)
"""Calls that there are, were, will be, or never are."""
ENDS = st.sampled_from([
    REMOTE, End(cause_type="LocalDisconnect", cause_value=1), End(cause_type="OtherRemote", elsewhere=True), End(cause_type="RemoteBusy"),
])  # fmt: skip
CONFERENCES = st.builds(
    Conference,
    members=st.sampled_from([(), (SELF,), (SELF, ADA)]),
    is_muted=st.booleans(),
    hard_muted=st.booleans(),
    is_moderator=st.booleans(),
    hand=st.booleans(),
    held=st.booleans(),
    shared_by=st.sampled_from(["", "me", "ada"]),
    recording=st.sampled_from(["None", "Recording", "Paused"]),
)
COMMANDS = st.sampled_from([
    ("Call Accept", True), ("Call Reject", True), ("Call Ignore", True), ("Call Disconnect", True), ("Call Hold", True),
    ("Call Resume", True), ("Call Join", False), ("Conference Hand Raise", True), ("Presentation Start", False),
    ("Presentation Stop", False), ("Audio Microphones Mute", False), ("Audio Microphones Unmute", False),
    ("Conference DoNotDisturb Activate", False), ("Conference DoNotDisturb Deactivate", False),
])  # fmt: skip


class CallsMachine(RuleBasedStateMachine):
    """People, the cloud and time, against one room."""

    begun: ClassVar[tuple[str, ...]] = ("OutgoingCallIndication", "IncomingCallIndication")

    def __init__(self) -> None:
        super().__init__()
        self.room = Calling({"Conference AutoAnswer Mode": "On", "Conference AutoAnswer Delay": 7})
        self.room.senses.video.plug(2, 1920, 1080)
        self.room.line.at_once = None
        self.ghosts: Counter[int] = Counter()
        self.room.status.listen(("Call",), self._changed)

    def _changed(self, changes: Changes) -> None:
        gone = {path[1] for path, value in changes.items() if value is None and path[2] == "Status"}
        self.ghosts.update(int(number) for number in gone)

    # people

    @rule(number=st.sampled_from(["ada@example.com", "1234@site.webex.test", "https://meet.google.com/a", "123456789"]))
    def dial(self, number: str) -> None:
        self._call("Dial", Number=number)

    @rule(command=COMMANDS, call_id=IDS, named=st.booleans())
    def command(self, command: tuple[str, bool], call_id: int, named: bool) -> None:
        name, takes_id = command
        self._call(name, **({"CallId": call_id} if takes_id and (named or name == "Call Ignore") else {}))

    def _call(self, command: str, **arguments: Any) -> None:
        with suppress(CommandFailed):
            self.room.call(command, **arguments)

    # the cloud

    @rule()
    def ring(self) -> None:
        found = self.room.ring()
        assert isinstance(found, Refusal) or found in {call.id for call in self.room.calls.calls}

    @rule(call_id=IDS, step=st.sampled_from(Step))
    def step(self, call_id: int, step: Step) -> None:
        self.room.calls.stepped(call_id, step)

    @rule(call_id=IDS, request=st.sampled_from(["None", "HostPinOrGuest", "GuestPin"]), is_wrong=st.booleans())
    def ask(self, call_id: int, request: Any, is_wrong: bool) -> None:
        self.room.calls.asked(call_id, request, is_wrong=is_wrong)

    @rule(call_id=IDS, meeting=st.booleans(), video=st.booleans())
    def connect(self, call_id: int, meeting: bool, video: bool) -> None:
        self.room.connect(call_id, meeting=meeting, media=Media(path="udp", has_video=video))

    @rule(call_id=IDS, conference=CONFERENCES)
    def change(self, call_id: int, conference: Conference) -> None:
        self.room.calls.changed(call_id, conference)

    @rule(call_id=IDS, lost=st.booleans())
    def lose(self, call_id: int, lost: bool) -> None:
        self.room.calls.preserved(call_id, lost)

    @rule(call_id=IDS, gone=st.lists(IDS, max_size=3))
    def join(self, call_id: int, gone: list[int]) -> None:
        self.room.calls.joined(call_id, gone)

    @rule(call_id=IDS, end=ENDS)
    def end(self, call_id: int, end: End) -> None:
        self.room.calls.ended(call_id, end)

    @precondition(lambda self: self.room.line.waiting)
    @rule(why=st.sampled_from(["", "not now"]))
    def reply(self, why: str) -> None:
        self.room.reply(why)

    @rule(seconds=st.sampled_from([0.5, 5.0, 700.0]))
    def wait(self, seconds: float) -> None:
        self.room.time.pass_by(seconds)

    # what holds

    @invariant()
    def the_tree_has_the_calls(self) -> None:
        shown = {int(path[1]) for path, _ in self.room.status.below(("Call",))}
        live = {call.id for call in self.room.calls.calls}
        assert shown == live
        assert {int(path[2]) for path, _ in self.room.status.below(("Conference", "Call"))} <= live
        assert len(live) <= CALLS_MAX
        for call in self.room.calls.calls:
            assert self.room.status_of(call.id) == call.state.value

    @invariant()
    def the_counters_equal_the_calls(self) -> None:
        counted = Counter(call.counter for call in self.room.calls.calls)
        assert self.room.counters() == (counted["Active"], counted["InProgress"], counted["Suspended"])
        in_call = bool(counted["Active"] or counted["Suspended"])
        system = self.room.status.get(("SystemUnit", "State", "System"))
        assert (system == "InCall") == in_call
        assert not (self.room.calls.calls and system == "Sleeping")
        assert (self.room.status.get(("RemoteAccess", "Availability", "Reason")) == "InCall") == in_call
        is_busy = in_call or self.room.senses.presentation.is_sharing()
        assert self.room.status.get(("UserInterface", "LedControl", "Color")) == ("Red" if is_busy else "Green")

    @invariant()
    def every_call_begins_and_ends_once(self) -> None:
        begun = [fields["CallId"] for name, fields in self.room.events if name in self.begun]
        ended = [fields["CallId"] for name, fields in self.room.events if name == "CallDisconnect"]
        live = [call.id for call in self.room.calls.calls]
        assert begun == sorted(set(begun))
        assert begun[:1] in ([], [FIRST_ID])
        assert sorted(ended + live) == begun
        assert Counter(entry.call_id for entry in self.room.history.entries) == Counter(ended) == self.ghosts
        answered = [fields["CallId"] for name, fields in self.room.events if name == "CallSuccessful"]
        assert len(answered) == len(set(answered))

    @invariant()
    def the_floor_is_that_of_a_call(self) -> None:
        mode = self.room.status.get(("Conference", "Presentation", "Mode"))
        call_id = self.room.status.get(("Conference", "Presentation", "CallId"))
        assert (call_id is None) == (mode == "Off")
        assert call_id is None or call_id in {call.id for call in self.room.calls.calls}
        waits = any(wish.what == "share" for wish in self.room.line.waiting)
        assert mode == "Sending" or waits or not self.room.senses.presentation.is_shared()
        told = [(name, fields["LocalInstance"]) for name, fields in self.room.events if fields.get("Mode") == "Sending"]
        for number in {number for _, number in told}:
            mine = [name for name, one in told if one == number]
            assert mine.count("PresentationStarted") <= mine.count("PresentationStopped") + 1

    def teardown(self) -> None:
        for call in self.room.calls.calls:
            self.room.calls.ended(call.id, REMOTE)
        while self.room.line.waiting:
            self.reply("")
        self.every_call_begins_and_ends_once()
        assert self.room.counters() == (0, 0, 0)
        assert self.room.below("Call") == self.room.below("Conference Call") == self.room.below("ICE Call") == {}
        assert self.room.status.get(("Conference", "Presentation", "Mode")) == "Off"
        elements = self.room.calls.screen()
        assert not elements["call bar"]["visible"]
        assert not elements["incoming"]["visible"]


TestCalls = CallsMachine.TestCase
TestCalls.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
