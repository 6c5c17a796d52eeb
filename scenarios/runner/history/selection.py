"""Which events of a history are wanted: a span of time, steps, kinds, actors, a text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from endpoint.runtime.clock import MICROSECOND, parse_iso
from endpoint.runtime.trace import Event
from scenarios.runner.conditions import MICROSECONDS
from scenarios.runner.history.reader import Header, History
from scenarios.runner.problems import nearest
from scenarios.runner.values import read_duration

_OF_DAY: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9])(?:\.([0-9]{1,6}))?)?Z?")
_STEPS: Final = re.compile(r"([0-9]{1,6})(?:(\.\.|-)([0-9]{1,6}))?")


@dataclass(frozen=True, slots=True)
class Selection:
    """What has to be true of an event that is wanted; what is empty asks for nothing.

    Attributes:
        from_us, to_us: microseconds since the start, both included.
        steps: first and last step, both included.
        kinds: a kind (`http.request`) or a family (`http`).
        who: an actor (`cloud:mercury`) or a side (`device`), as doer or as peer.
        grep: found in the line that the event has in the file.
    """

    from_us: int | None = None
    to_us: int | None = None
    steps: tuple[int, int] | None = None
    kinds: tuple[str, ...] = ()
    who: tuple[str, ...] = ()
    grep: re.Pattern[str] | None = None

    @property
    def is_about_events(self) -> bool:
        """Say whether single events are asked for, not a span of the history."""
        return bool(self.kinds or self.who or self.grep)

    def takes(self, event: Event) -> bool:
        """Say whether an event is wanted."""
        if self.from_us is not None and event.t < self.from_us:
            return False
        if self.to_us is not None and event.t > self.to_us:
            return False
        if self.steps is not None and not (event.step is not None and self.steps[0] <= event.step <= self.steps[1]):
            return False
        if self.kinds and not any(_is_below(event.kind, kind, ".") for kind in self.kinds):
            return False
        if self.who and not any(
            _is_below(name, who, ":") for who in self.who for name in (event.who, event.peer or "")
        ):
            return False
        return self.grep is None or self.grep.search(event.as_json()) is not None

    def of(self, history: History) -> Iterator[Event]:
        """Yield the events that are wanted."""
        return (event for event in history.events if self.takes(event))

    def missed(self, history: History) -> str:
        """Say which of the wanted kinds and actors no event of a history has, and what comes near; empty if each is there."""
        kinds = dict.fromkeys(event.kind for event in history.events)
        actors = dict.fromkeys(name for event in history.events for name in (event.who, event.peer or ""))
        for wanted, known, joint, what in (
            (self.kinds, kinds, ".", "is of the kind"),
            (self.who, actors, ":", "is of or to"),
        ):
            for word in wanted:
                if any(_is_below(name, word, joint) for name in known):
                    continue
                families = sorted({name.partition(joint)[0] for name in known if name})
                near = nearest(word, [*families, *sorted(known)])
                more = f"nearest: {near}" if near else f"there are {', '.join(families)}"
                return f"no event of its {len(history.events)} {what} `{word}`; {more}"
        return ""


def _is_below(name: str, wanted: str, joint: str) -> bool:
    return name == wanted or name.startswith(wanted + joint)


def select(
    header: Header,
    *,
    from_: str = "",
    to: str = "",
    step: str = "",
    kinds: Sequence[str] = (),
    who: Sequence[str] = (),
    grep: str = "",
) -> Selection:
    """Read a selection as the command line has it.

    Raises:
        ValueError: with what would have been right.
    """
    try:
        pattern = re.compile(grep, re.IGNORECASE) if grep else None
    except re.error as error:
        raise ValueError(f"--grep: `{grep}` is no regular expression: {error}") from None
    return Selection(
        from_us=_instant("--from", from_, header.start),
        to_us=_instant("--to", to, header.start),
        steps=_steps(step),
        kinds=tuple(kinds),
        who=tuple(who),
        grep=pattern,
    )


def _instant(option: str, text: str, start: datetime) -> int | None:
    """Read `10s` after the start, `08:51:22.4` (UTC, at the start or later), or an instant with a date, as microseconds."""
    if not text:
        return None
    of_day = _OF_DAY.fullmatch(text)
    try:
        if of_day is not None:
            hour, minute, second = (int(part or 0) for part in of_day.groups()[:3])
            wall = start.replace(
                hour=hour, minute=minute, second=second, microsecond=int((of_day[4] or "").ljust(6, "0"))
            )
            return (wall - start if wall >= start else wall + timedelta(days=1) - start) // MICROSECOND
        if "T" in text:
            return (parse_iso(text) - start) // MICROSECOND
        return round(read_duration(text.removeprefix("+")) * MICROSECONDS)
    except ValueError:
        right = "10s (since the start), 08:51:22.4 (UTC) or 2026-03-02T08:51:22Z"
        raise ValueError(f"{option}: `{text}` is no instant; write {right}") from None


def _steps(text: str) -> tuple[int, int] | None:
    if not text:
        return None
    found = _STEPS.fullmatch(text)
    if found is None:
        raise ValueError(f"--step: `{text}` is no step; write 3, or 3..5")
    return int(found[1]), int(found[3] or found[1])
