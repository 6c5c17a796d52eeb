"""The subjects of expectations that are about calls: those of a device, its history, and what it tells the metrics service.

Source: scenario-style.md section 6, protocol/xapi.md 8.5, activation-and-media.md 12.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, get_args

from endpoint.room.callentry import Entry, Occurrence, details
from endpoint.room.calls.call import AnswerState
from endpoint.room.calls.table import State
from endpoint.wire.callcontrol import AuthenticationRequest, CallProtocol
from endpoint.wire.client_metrics import EventName
from scenarios.runner import matchers as m
from scenarios.runner.booking_keys import check_members
from scenarios.runner.conditions import Condition, StateCondition, View
from scenarios.runner.matchers import Matcher, Mismatch, Mismatches, Subject, show
from scenarios.runner.spaces import FLAG, NUMBER, TEXT, Shape, check_literal, shape_of, words
from scenarios.runner.subjects import Compile, Context, literals_of
from scenarios.runner.yamltree import Entry as Written
from scenarios.runner.yamltree import Mapping, Scalar, Sequence, kind_of

CALL: Final[Shape] = {
    "call": NUMBER,
    "id": NUMBER,
    "status": words(*(state.value for state in State)),
    "direction": words("Incoming", "Outgoing"),
    "protocol": words(*get_args(CallProtocol)),
    "number": TEXT,
    "callback": TEXT,
    "display_name": TEXT,
    "requested": TEXT,
    "answer_state": words(*get_args(AnswerState)),
    "booking": TEXT,
    "meeting": FLAG,
    "platform": TEXT,
    "muted": FLAG,
    "held": FLAG,
    "locked": FLAG,
    "recording": words("None", "Recording", "Paused"),
    "hand": FLAG,
    "lobby": FLAG,
    "authentication": words(*get_args(AuthenticationRequest)),
    "duration_s": NUMBER,
    "roster": [
        {
            "id": TEXT,
            "name": TEXT,
            "status": words("connected", "waiting", "alerting", "idle"),
            "role": words("host", "cohost", "presenter", "panelist", "attendee"),
            "muted": FLAG,
            "sharing": FLAG,
            "hand": FLAG,
        }
    ],
}
"""What a call tells; `call` is its ordinal among the calls of the device, `id` is that of the device."""
_ENTRY_WORDS: Final = {
    "Direction": words("Incoming", "Outgoing"),
    "CallType": words("Video", "Audio"),
    "OccurrenceType": words(*get_args(Occurrence)),
    "IsAcknowledged": words("Acknowledged", "Unacknowledged"),
}


def _entry() -> Shape:
    """Return what an entry of the history has: every member that one can have."""
    instant = datetime(2026, 1, 5, tzinfo=UTC)
    call = Entry(
        call_id=2,
        callback_number="",
        remote_number="",
        display_name="",
        direction="Outgoing",
        start=instant,
        end=instant,
        occurrence="Placed",
    )
    return shape_of(details(call, instant, UTC, is_full=False), _ENTRY_WORDS)


ENTRY: Final = _entry()


def _list(shape: Shape, of: str, read: Callable[[View, str], object]) -> Compile:
    def compile_list(context: Context, entry: Written) -> list[Condition]:
        check_members(context.problems, entry.node, [shape], entry.key, of)
        return [StateCondition(entry.at, entry.key, read, context.states.compile(entry.node))]

    return compile_list


@dataclass(frozen=True, slots=True)
class InOrder:
    """Match a list that has certain elements in this order, others between them; what was there before the step does not count."""

    items: tuple[Matcher, ...]

    def check(self, subject: Subject) -> Mismatches:
        """Name the first element that did not follow."""
        value, before = subject.value, subject.before
        there = value if isinstance(value, list) else []
        new = there[len(before) if isinstance(before, list) else 0 :]
        at = 0
        for matcher in self.items:
            while at < len(new) and matcher.check(Subject(new[at], "", subject.resolve)):
                at += 1
            if at == len(new):
                names = [one["name"] for one in new]
                return (Mismatch(subject.path, names, "in this order", f"{self}", f"{matcher} did not follow"),)
            at += 1
        return ()

    def __str__(self) -> str:
        return f"[{', '.join(str(item) for item in self.items)}]"


def _metrics(context: Context, entry: Written) -> list[Condition]:
    node = entry.node
    if not isinstance(node, Sequence) or not node.items:
        found = "an empty one" if isinstance(node, Sequence) else kind_of(node)
        context.problems.add(node.at, f"`metrics` takes a list of events in their order, not {found}")
        return []
    items: list[Matcher] = []
    for item in node.items:
        if isinstance(item, Scalar):
            _check_name(context, item)
            items.append(m.MapOf((("name", m.Literal(item.value)),)))
        elif isinstance(item, Mapping) and (name := item.get("name")) is not None:
            for scalar in literals_of(name.node):
                _check_name(context, scalar)
            items.append(context.events.compile(item))
        else:
            message = (
                "an event is its name, or a map of its `name` and more: { name: client.ice.end, errors: { count: 0 } }"
            )
            context.problems.add(item.at, message)
    return [StateCondition(entry.at, "metrics", lambda view, device: view.metrics(device), InOrder(tuple(items)))]


def _check_name(context: Context, item: Scalar) -> None:
    if not (isinstance(item.value, str) and item.value.startswith("client.")):
        context.problems.add(item.at, f"an event is named as in client.call.initiated, not {show(item.value)}")
    else:
        check_literal(context.problems, item, words(*get_args(EventName)), "an event of the metrics service")


CALL_SUBJECTS: Final[dict[str, Compile]] = {
    "calls": _list(CALL, "a call", lambda view, device: view.calls(device)),
    "history": _list(ENTRY, "an entry of the history", lambda view, device: view.history(device)),
    "metrics": _metrics,
}
"""Subjects of calls; all are states."""
