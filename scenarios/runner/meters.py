"""What is measured on the history while a step runs: how long it has been quiet, how much a service of the cloud had to do.

A meter is shown what happened before the step, then each event of it. Its value is a state: it is there at any moment.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from endpoint.runtime.trace import Event
from scenarios.runner.conditions import MICROSECONDS

WINDOW_US: Final = MICROSECONDS
"""A rate counts what came within one second."""
SAME_INSTANT_MAX: Final = 1_000_000
"""Requests of one second that are counted; beyond that a rate is that many at least."""


class Meter(Protocol):
    """Something that is measured; instants are microseconds."""

    def look_back(self, event: Event) -> None:
        """Take an event from before the step."""
        ...

    def take(self, event: Event) -> None:
        """Take an event of the step."""
        ...

    def value(self, now: int) -> object:
        """Return what it stands at."""
        ...

    def changes_at(self, now: int) -> int | None:
        """Return when the value comes to matter without an event; None when it does not."""
        ...


class Quiet:
    """Measures the seconds since something last happened, or since the run began.

    Args:
        is_noise: says whether an event is what shall not happen.
        wanted_us: how long it shall not.
    """

    def __init__(self, is_noise: Callable[[Event], bool], wanted_us: int) -> None:
        self._is_noise = is_noise
        self._wanted_us = wanted_us
        self._last = 0

    def look_back(self, event: Event) -> None:
        """Take an event from before the step."""
        self.take(event)

    def take(self, event: Event) -> None:
        """Take an event."""
        if self._is_noise(event):
            self._last = event.t

    def value(self, now: int) -> object:
        """Return the seconds of quiet, whole milliseconds."""
        return (now - self._last) // 1000 / 1000

    def changes_at(self, now: int) -> int | None:
        """Return when it has been quiet for long enough."""
        ripe = self._last + self._wanted_us
        return ripe if ripe > now else None


class Rate:
    """Measures the most requests that a service took within one second, since the step began."""

    def __init__(self, service: str) -> None:
        self._who = f"cloud:{service}"
        self._recent: deque[int] = deque(maxlen=SAME_INSTANT_MAX)
        self._most = 0

    def look_back(self, event: Event) -> None:
        """Pass over what was before."""

    def take(self, event: Event) -> None:
        """Count a request."""
        if event.who != self._who or event.kind != "http.request":
            return
        self._recent.append(event.t)
        while self._recent[0] <= event.t - WINDOW_US:
            self._recent.popleft()
        self._most = max(self._most, len(self._recent))

    def value(self, now: int) -> object:
        """Return the most so far."""
        return self._most

    def changes_at(self, now: int) -> int | None:
        """Wait for events only."""
        return None


class OpenAtOnce:
    """Measures the most that a service had open at once since the step began: requests not yet answered, and websockets."""

    _CHANGES: Final = {"http.request": 1, "http.response": -1, "ws.open": 1, "ws.close": -1}

    def __init__(self, service: str) -> None:
        self._who = f"cloud:{service}"
        self._open = 0
        self._most: int | None = None

    def look_back(self, event: Event) -> None:
        """Take an event from before the step: what is open then counts."""
        if event.who == self._who:
            self._open = max(0, self._open + self._CHANGES.get(event.kind, 0))

    def take(self, event: Event) -> None:
        """Count what is opened and closed."""
        before = self._open
        self.look_back(event)
        self._most = max(before, self._open, self._most or 0)

    def value(self, now: int) -> object:
        """Return the most so far."""
        return self._open if self._most is None else self._most

    def changes_at(self, now: int) -> int | None:
        """Wait for events only."""
        return None
