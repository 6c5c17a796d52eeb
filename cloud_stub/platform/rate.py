"""Rates and counts per key, with a bound on the keys."""

from __future__ import annotations

from collections import OrderedDict, deque

KEYS_MAX = 10_000
"""Keys that are counted at once; the one asked longest ago is forgotten first."""


class RateLimit:
    """At most `limit` events in any `window_s` seconds, counted per key."""

    def __init__(self, limit: int, window_s: float, keys_max: int = KEYS_MAX) -> None:
        self.limit = limit
        self.window_s = window_s
        self._keys_max = keys_max
        self._seen: OrderedDict[str, deque[float]] = OrderedDict()

    def take(self, key: str, now_s: float) -> float:
        """Count an event and return 0; or, if there were too many, count nothing and return the seconds to wait."""
        seen = self._seen.setdefault(key, deque())
        self._seen.move_to_end(key)
        while seen and now_s - seen[0] >= self.window_s:
            seen.popleft()
        if len(seen) >= self.limit:
            return seen[0] + self.window_s - now_s
        seen.append(now_s)
        while len(self._seen) > self._keys_max:
            self._seen.popitem(last=False)
        return 0.0


class Counter:
    """How often each key was asked for, from 0."""

    def __init__(self, keys_max: int = KEYS_MAX) -> None:
        self._keys_max = keys_max
        self._counts: OrderedDict[str, int] = OrderedDict()

    def next(self, key: str) -> int:
        """Return how often the key was asked for before."""
        count = self._counts.pop(key, 0)
        self._counts[key] = count + 1
        while len(self._counts) > self._keys_max:
            self._counts.popitem(last=False)
        return count
