"""docs/reference/lifecycles.md: the lifecycles of the device, from their tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, Final, NamedTuple, cast

import endpoint.media.table as media
from endpoint.cloud import activation_table as activation
from endpoint.cloud import mercury_table as mercury
from endpoint.cloud import software_table as software
from endpoint.cloud.calls import table as call
from endpoint.room.bookings import timeline_table as bookings
from endpoint.room.calls import table as calls
from endpoint.runtime.statetable import Next, Table
from endpoint.wire.activation.rules import REGISTER_BAD_MAX, START_OVER_MAX, START_OVER_UNKNOWN_MAX
from endpoint.wire.mercury_close import AfterOpen, BeforeOpen
from scenarios.runner.lifecycles import TABLES
from tests.tools.markdown import code, first_sentences, page, table

INTRODUCTION: Final = """
Each lifecycle is a table: a state and an event lead to a state and to what has to be done. A pair that is not in the table is an error and
changes nothing. Every transition is an event of the history (kind `machine`), and scenarios can look at it: `mercury: open`,
`machine: { activation: [challenging, proving, failed] }`. Rows that change nothing and do nothing are left out here.
"""


def spelt(member: Enum) -> str:
    """Write the name of a member as words."""
    return member.name.lower().replace("_", " ")


CASES: Final[Mapping[type, tuple[tuple[str, object], ...]]] = {
    activation.ReplyRejected: (("", activation.ReplyRejected("…", "…")),),
    activation.RefusedByCloud: (("", activation.RefusedByCloud("…")),),
    activation.NoAnswer: (
        ("", activation.NoAnswer(1, is_late=False)),
        (f"nth > {START_OVER_MAX}", activation.NoAnswer(START_OVER_MAX + 1, is_late=False)),
        ("patience used up", activation.NoAnswer(1, is_late=True)),
    ),
    activation.Busy: (("", activation.Busy(is_late=False)), ("patience used up", activation.Busy(is_late=True))),
    activation.SessionUnknown: (
        ("", activation.SessionUnknown(START_OVER_UNKNOWN_MAX)),
        (f"nth > {START_OVER_UNKNOWN_MAX}", activation.SessionUnknown(START_OVER_UNKNOWN_MAX + 1)),
    ),
    activation.ConfigUnproven: (
        ("", activation.ConfigUnproven(REGISTER_BAD_MAX)),
        (f"nth > {REGISTER_BAD_MAX}", activation.ConfigUnproven(REGISTER_BAD_MAX + 1)),
    ),
    mercury.SocketFailed: tuple((spelt(one), mercury.SocketFailed(one)) for one in BeforeOpen),
    mercury.SocketClosed: tuple((spelt(one), mercury.SocketClosed(one)) for one in AfterOpen),
    media.NoPath: (
        ("attempts left", media.NoPath(media.ATTEMPTS_MAX - 1)),
        ("the last attempt", media.NoPath(media.ATTEMPTS_MAX)),
    ),
    software.Downloaded: (
        ("no call", software.Downloaded(in_call=False, hurries=False)),
        ("no call, hurries", software.Downloaded(in_call=False, hurries=True)),
        ("in a call", software.Downloaded(in_call=True, hurries=False)),
    ),
    software.DownloadFailed: (
        ("", software.DownloadFailed(is_final=False)),
        ("the last try", software.DownloadFailed(is_final=True)),
    ),
    software.CallEnded: (
        ("", software.CallEnded(hurries=False)),
        ("hurries", software.CallEnded(hurries=True)),
    ),
    software.PostponementOver: (
        ("no call", software.PostponementOver(in_call=False)),
        ("in a call", software.PostponementOver(in_call=True)),
    ),
    software.Completed: (
        ("no call", software.Completed(in_call=False)),
        ("in a call", software.Completed(in_call=True)),
    ),
    bookings.Left: (("", bookings.Left(60)),),
    call.Granted: (("inside", call.Granted()), ("in the lobby", call.Granted("lobby"))),
    call.MediaReady: (("far end there", call.MediaReady()), ("far end not there", call.MediaReady(is_taken=False))),
    calls.Found: (("", calls.Found()), ("was on hold", calls.Found(held=True))),
    mercury.PongReceived: (("matches", mercury.PongReceived(True)), ("does not match", mercury.PongReceived(False))),
}
"""Events whose row depends on what they carry: an example for each way it can go."""


class Move(NamedTuple):
    """One way out of a state."""

    state: Enum
    event: type
    case: str
    to: Enum
    effects: tuple[object, ...]

    @property
    def is_idle(self) -> bool:
        """Say whether nothing changes and nothing is done."""
        return self.state is self.to and not self.effects


def lifecycles() -> str:
    """Return the page."""
    return page("Lifecycles of the device", INTRODUCTION, *(part for one in TABLES for part in _section(one)))


def moves(lifecycle: Table[Any]) -> Iterator[Move]:
    """Yield every row; rows that depend on their event once for each case that differs."""
    for (state, event), row in lifecycle.rows.items():
        if isinstance(row, Next):
            yield Move(state, event, "", row.state, row.effects)
            continue
        answers: dict[tuple[Enum, str], tuple[list[str], Next[Any]]] = {}
        for case, example in CASES[event]:
            answer = row(example)
            answers.setdefault((answer.state, repr(answer.effects)), ([], answer))[0].append(case)
        for cases, answer in answers.values():
            yield Move(state, event, "" if "" in cases else ", ".join(cases), answer.state, answer.effects)


def _section(lifecycle: Table[Any]) -> list[str]:
    found = [move for move in moves(lifecycle) if not move.is_idle]
    rows = [
        (code(move.state.value), _event(move), code(move.to.value), ", ".join(map(_effect, move.effects)))
        for move in found
    ]
    named = lifecycle.name[0].upper() + lifecycle.name[1:]
    return [
        f"## {named}",
        _diagram(lifecycle, found),
        table(("state", "event", "next state", "to do"), rows),
        table(("event", "meaning"), [(code(one.__name__), first_sentences(one.__doc__)) for one in lifecycle.events]),
        _effects(found),
    ]


def _event(move: Move) -> str:
    case = f" ({move.case})" if move.case else ""
    return f"{code(move.event.__name__)}{case}"


def _effect(effect: object) -> str:
    """Name an effect with what it carries: `Close(1000, Done)`, `SendProof(waits)`."""
    if isinstance(effect, Enum):
        return spelt(effect)
    name = type(effect).__name__
    if not is_dataclass(effect):
        return code(name)
    held = [(one.name, getattr(effect, one.name)) for one in fields(effect)]
    words = [
        field if value is True else str(value) for field, value in held if value is not None and value is not False
    ]
    return code(f"{name}({', '.join(words)})" if words else name)


def _effects(found: list[Move]) -> str:
    kinds = {type(effect) for move in found for effect in move.effects if not isinstance(effect, Enum)}
    rows = [
        (code(kind.__name__), first_sentences(kind.__doc__)) for kind in sorted(kinds, key=lambda one: one.__name__)
    ]
    return table(("to do", "meaning"), rows) if rows else ""


def _diagram(lifecycle: Table[Any], found: list[Move]) -> str:
    """Draw the ways between states; what happens within one is in the table."""
    arrows: dict[tuple[Enum, Enum], list[str]] = {}
    for move in found:
        if move.state is not move.to:
            events = arrows.setdefault((move.state, move.to), [])
            if move.event.__name__ not in events:
                events.append(move.event.__name__)
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {cast(Enum, lifecycle.start).value}"]
    lines += [f"    {state.value} --> {to.value} : {', '.join(events)}" for (state, to), events in arrows.items()]
    return "\n".join([*lines, "```"])
