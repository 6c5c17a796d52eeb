"""What became of each meeting on its way out: pushes, who heard them, and the hops of the chain. Read off the trace as it is written."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cloud_stub.platform.context import Platform
from cloud_stub.platform.records import Meeting, Registration
from cloud_stub.services.mercury import Mercury
from endpoint.runtime.clock import parse_iso
from endpoint.runtime.trace import Event as TraceEvent
from endpoint.wire import mercury as frames
from endpoint.wire.calendar import MEETING_EVENTS, MEETING_MEMBER
from endpoint.wire.why_evidence import Hop, Push

STORIES_MAX: Final = 6_000
"""Meetings, invitations and their copies that are remembered; the oldest are forgotten, and counted in `Witness.forgotten`."""
PUSHES_MAX: Final = 10
HOPS_MAX: Final = 20
WAITING_MAX: Final = 5_000
"""Frames whose ack may still come."""
TOLD: Final = ("mailbox", "notice", "found", "action", "reason", "dial", "reach", "diagnostics")
"""What is told of a hop."""
HOP_KINDS: Final = ("cal.", "mailbox.decision", "cc.", "tms.")
"""How the kinds of hops begin (7.1)."""


@dataclass(slots=True)
class _Sent:
    user_id: str
    event_type: str
    at: datetime
    heard: int
    acknowledged: bool | None = None


@dataclass(slots=True)
class _Story:
    sent: deque[_Sent] = field(default_factory=lambda: deque(maxlen=PUSHES_MAX))
    hops: deque[Hop] = field(default_factory=lambda: deque(maxlen=HOPS_MAX))
    fresh: set[str] = field(default_factory=set)
    """Who was sent something since the last push was over."""


class Witness:
    """Remembers how meetings went out."""

    def __init__(self, platform: Platform, mercury: Mercury) -> None:
        self._platform = platform
        self._stories: OrderedDict[str, _Story] = OrderedDict()
        self._waiting: OrderedDict[str, _Sent] = OrderedDict()
        self.forgotten = 0
        mercury.on_pushed = self._pushed
        platform.trace.subscribe(self._take)

    def pushes(self, meeting_id: str, user_id: str) -> tuple[Push, ...]:
        """Return what was pushed about a meeting to a user, in its order."""
        story = self._stories.get(meeting_id)
        return tuple(
            Push(event_type=one.event_type, at=one.at, heard=one.heard, acknowledged=one.acknowledged)
            for one in (story.sent if story is not None else ())
            if one.user_id == user_id
        )

    def hops(self, *names: str) -> tuple[Hop, ...]:
        """Return the hops of a meeting in their order, by what the trace calls it: ids of meeting, invitation, events."""
        stories = [self._stories[name] for name in dict.fromkeys(names) if name in self._stories]
        found = {hop.n: hop for story in stories for hop in story.hops}
        return tuple(found[n] for n in sorted(found, key=lambda n: n or 0))[-HOPS_MAX:]

    def _story(self, meeting_id: str) -> _Story:
        story = self._stories.setdefault(meeting_id, _Story())
        self._stories.move_to_end(meeting_id)
        if len(self._stories) > STORIES_MAX:
            self._stories.popitem(last=False)
            self.forgotten += 1
        return story

    def _pushed(self, record: Registration, event: frames.Event) -> None:
        meeting = event.data.get(MEETING_MEMBER)
        meeting_id = meeting.get("id") if isinstance(meeting, dict) else None
        if event.event_type not in MEETING_EVENTS or not isinstance(meeting_id, str):
            return
        sent = _Sent(record.user_id, str(event.event_type), self._platform.now(), 1, acknowledged=False)
        story = self._story(meeting_id)
        story.sent.append(sent)
        story.fresh.add(record.user_id)
        self._waiting[event.id] = sent
        if len(self._waiting) > WAITING_MAX:
            self._waiting.popitem(last=False)

    def _take(self, event: TraceEvent) -> None:
        if (
            event.kind == "ws.recv"
            and event.id is not None
            and event.id in self._waiting
            and event.data.get("type") == "ack"
        ):
            self._waiting.pop(event.id).acknowledged = True
        elif event.kind == "calendar.push":
            self._went_out(event)
        elif event.kind.startswith(HOP_KINDS):
            self._hop(event)

    def _went_out(self, event: TraceEvent) -> None:
        """Note who heard nothing of a push that is over: of the users that it was for, of all invited where it names none."""
        meeting_id = str(event.data.get("meeting", ""))
        meeting = self._platform.store[Meeting].get(meeting_id)
        now = self._platform.now()
        story = self._story(meeting_id)
        story.hops.append(Hop(name=event.kind, at=now, n=event.n, text=str(event.data.get("eventType", ""))))
        heard, story.fresh = story.fresh if event.data.get("heard") else set(), set()
        invited = meeting.user_ids if meeting is not None else ()
        for user_id in event.data.get("users", invited):
            if user_id not in heard:
                story.sent.append(_Sent(user_id, str(event.data.get("eventType", "")), now, 0))

    def _hop(self, event: TraceEvent) -> None:
        told = [f"{name} {event.data[name]}" for name in TOLD if event.data.get(name) not in (None, "", [])]
        hop = Hop(name=event.kind, at=parse_iso(event.at), n=event.n, text=", ".join(told) or None)
        for name in (event.id, event.data.get("meeting"), event.data.get("event")):
            if isinstance(name, str):
                self._story(name).hops.append(hop)
