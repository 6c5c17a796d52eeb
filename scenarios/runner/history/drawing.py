"""A history on a terminal: the two-sided ladder of a piece of it, or what led to one event."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from endpoint.runtime.clock import iso_ms
from endpoint.runtime.trace import Event
from scenarios.runner.conditions import MICROSECONDS
from scenarios.runner.history.reader import Header, History
from scenarios.runner.history.selection import Selection
from scenarios.runner.ladder import Ladder, Line, alone, heading
from scenarios.runner.report import STYLES

FOLLOWERS_SHOWN_MAX: Final = 12
"""Events that an event led to, as far as they are shown."""


def title(header: Header) -> str:
    """Name a history on one line."""
    return (
        f"{header.scenario}   seed {header.seed}   {header.mode}/{header.network}   "
        f"{iso_ms(header.start)}   roomsim {header.versions.get('roomsim', '?')}, trace {header.version}"
    )


def lines(history: History, events: Sequence[Event], *, each: bool) -> list[Line]:
    """Draw a piece of a history: as a ladder, which folds what is dull, or each event on a line of its own."""
    if each:
        return [alone(event) for event in events]
    ladder = Ladder()
    drawn = [line for event in (*events, *_answers_after(history, events)) for line in ladder.feed(event)]
    drawn += ladder.folded() + ladder.unanswered()
    return sorted(drawn, key=lambda line: line.n)


def _answers_after(history: History, events: Sequence[Event]) -> list[Event]:
    """Return answers that come after a piece to requests in it: those were not left without one."""
    asked = {event.id or event.n for event in events if event.kind == "http.request"}
    return [
        event
        for event in history.events
        if events
        and event.n > events[-1].n
        and event.kind in ("http.response", "http.failed")
        and {event.id, event.cause} & asked
    ]


def draw(history: History, selection: Selection, console: Console, *, each: bool) -> int:
    """Print the wanted piece of a history; return how many events it has."""
    events = list(selection.of(history))
    console.print(Text(title(history.header), style="bold"))
    if events:
        console.print(Text(heading(), style="dim"))
    for line in lines(history, events, each=each or selection.is_about_events):
        console.print(Text(clean(line.text(0)), style=STYLES[line.style]))
    return len(events)


def clean(text: str) -> str:
    """Return text that a terminal shows as it is, on one line: texts of a peer may hold what steers terminals."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


def why(history: History, event: Event) -> Iterator[str]:
    """Yield lines that say what led to an event, what it is, and what it led to."""
    chain = [event, *history.causes(event.n)]
    for depth, one in enumerate(reversed(chain)):
        yield f"{'  ' * min(depth, 20)}{'' if depth == 0 else '-> '}{told(one)}"
    yield f"   {event.as_json()}"
    followers = [one for one in history.events if one.n > event.n and history.led_to(one) is event]
    for one in followers[:FOLLOWERS_SHOWN_MAX]:
        yield f"{'  ' * min(len(chain), 20)}-> {told(one)}"
    if len(followers) > FOLLOWERS_SHOWN_MAX:
        yield f"{'  ' * min(len(chain), 20)}-> and {len(followers) - FOLLOWERS_SHOWN_MAX} more"


def told(event: Event) -> str:
    """Say in a line what an event is: ordinal, instant since the start, actor, and what happened."""
    line = alone(event)
    text = " ".join(part for part in (line.left, line.right) if part)
    return f"#{event.n} {event.t / MICROSECONDS:+.3f}s {event.who}: {text}"
