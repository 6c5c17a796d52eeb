"""What the cloud does later, without being asked again: none of it outlives the cloud."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Final

from cloud_stub.platform.errors import BoundHit
from endpoint.runtime.clock import Clock, Timer

PLANNED_MAX: Final = 10_000
"""Answers, frames and closes that may wait for their time."""


class Later:
    """Timers that nobody asks about any more once they are set; they end with the cloud."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._planned: dict[int, Timer] = {}
        self._numbers = itertools.count()
        self._is_over = False

    def call(self, delay_s: float, callback: Callable[..., object], *args: object) -> None:
        """Call back after a while, unless the cloud has stopped by then.

        Raises:
            BoundHit: PLANNED_MAX timers wait already.
        """
        if self._is_over:
            return
        if len(self._planned) >= PLANNED_MAX:
            raise BoundHit("timers of the cloud", PLANNED_MAX)
        number = next(self._numbers)
        self._planned[number] = self._clock.call_later(delay_s, self._fire, number, callback, args)

    def _fire(self, number: int, callback: Callable[..., object], args: tuple[object, ...]) -> None:
        del self._planned[number]
        callback(*args)

    def start(self) -> None:
        """Take what comes from here on."""
        self._is_over = False

    def stop(self) -> None:
        """Forget all that is planned, and whatever else is asked for."""
        self._is_over = True
        for timer in self._planned.values():
            timer.cancel()
        self._planned.clear()
