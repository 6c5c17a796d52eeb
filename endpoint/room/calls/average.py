"""How many people were in the room, on average over a call."""

from __future__ import annotations


class Average:
    """The mean of a number that changes in steps; seconds are those of a clock."""

    __slots__ = ("_began_s", "_now", "_since_s", "_sum")

    def __init__(self, now_s: float, value: int) -> None:
        self._began_s = self._since_s = now_s
        self._now = value
        self._sum = 0.0

    def change(self, now_s: float, value: int) -> None:
        """Take another value, which holds from now on."""
        self._sum += (now_s - self._since_s) * self._now
        self._since_s, self._now = now_s, value

    def value(self, now_s: float) -> int:
        """Return the mean so far, rounded; what holds now when no time has passed."""
        passed_s = now_s - self._began_s
        if passed_s <= 0.0:
            return self._now
        return round((self._sum + (now_s - self._since_s) * self._now) / passed_s)
