"""Virtual time with alarms: instants that somebody watches for, without being anything that happens.

A step waits for its deadline by an alarm. When alarms are all that is left, nothing can happen any more, and whoever waits is told so at
once instead of at the deadline (scenario-style.md section 4).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

from endpoint.runtime.virtual import VirtualLoop


class Alarm:
    """A callback at an instant of virtual time."""

    def __init__(self, loop: StoryLoop, when_us: int, order: int, callback: Callable[[], object]) -> None:
        self._loop = loop
        self.at = (when_us, order)
        self.callback = callback

    def cancel(self) -> None:
        """Forget it; harmless after it has rung."""
        self._loop.alarms.discard(self)


class StoryLoop(VirtualLoop):
    """The loop that scenarios run on."""

    def __init__(self) -> None:
        super().__init__()
        self.alarms: set[Alarm] = set()
        self._alarm_order = itertools.count()

    def set_alarm(self, delay_s: float, callback: Callable[[], object]) -> Alarm:
        """Call back once everything has happened that happens until then; few are set at a time."""
        alarm = Alarm(self, self._now_us + max(0, round(delay_s * 1e6)), next(self._alarm_order), callback)
        self.alarms.add(alarm)
        return alarm

    def jump(self, seconds: float) -> None:
        """Let time pass up to the next timer, or to an alarm before it; at one instant timers come first."""
        alarm = self._first()
        if alarm is None or alarm.at[0] >= self._now_us + round(seconds * 1e6):
            super().jump(seconds)
        else:
            self._ring(alarm)

    def nothing_left(self) -> None:
        """Tell whoever waits that nothing can happen any more; what only waits for time to pass goes on waiting."""
        alarm = self._first()
        is_due = alarm is not None and alarm.at[0] <= self._now_us
        if not is_due and self.on_idle is not None and self.on_idle():
            return
        if alarm is None:
            super().nothing_left()
        else:
            self._ring(alarm)

    def _first(self) -> Alarm | None:
        return min(self.alarms, key=lambda alarm: alarm.at, default=None)

    def _ring(self, alarm: Alarm) -> None:
        self._now_us = max(self._now_us, alarm.at[0])
        self.alarms.remove(alarm)
        self.call_soon(alarm.callback)
