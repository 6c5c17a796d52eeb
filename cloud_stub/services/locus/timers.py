"""Timers with names: each can be set anew, and all of them end with the service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cloud_stub.platform.errors import BoundHit
from endpoint.runtime.clock import Clock, Timer

TIMERS_MAX: Final = 20_000
"""Timers that run at once: some for each call, one for each device that has gone."""
Key = tuple[str, ...]


class Timers:
    """What is still to happen, by name; the first part of a name says what it belongs to."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._running: dict[Key, Timer] = {}
        self._is_over = False

    def __len__(self) -> int:
        return len(self._running)

    def __contains__(self, key: Key) -> bool:
        return key in self._running

    def set(self, key: Key, delay_s: float, act: Callable[[], object]) -> None:
        """Let something happen later, instead of what was to happen under the same name.

        Raises:
            BoundHit: TIMERS_MAX timers run.
        """
        if self._is_over:
            return
        self.cancel(key)
        if len(self._running) >= TIMERS_MAX:
            raise BoundHit("timers of calls", TIMERS_MAX)
        self._running[key] = self._clock.call_later(delay_s, self._fire, key, act)

    def cancel(self, key: Key) -> None:
        """Forget what was to happen, if anything was."""
        timer = self._running.pop(key, None)
        if timer is not None:
            timer.cancel()

    def cancel_of(self, owner: str) -> None:
        """Forget everything that belongs to an owner."""
        for key in [key for key in self._running if key[0] == owner]:
            self.cancel(key)

    def stop(self) -> None:
        """Forget everything, for good."""
        self._is_over = True
        for key in list(self._running):
            self.cancel(key)

    def _fire(self, key: Key, act: Callable[[], object]) -> None:
        self._running.pop(key, None)
        act()
