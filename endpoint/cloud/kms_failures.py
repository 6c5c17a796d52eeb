"""What can go wrong with the key service, and when to ask it again for a key that did not come."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from endpoint.runtime.clock import Clock
from endpoint.runtime.errors import EndpointError

AGAIN_S: Final = (30.0, 60.0, 120.0, 240.0, 480.0, 900.0)
"""Waits before a key is asked for again, unknown ones too; the last one is repeated."""
FAILURES_MAX: Final = 5_000
"""Keys whose failures are remembered; the oldest are forgotten first, and then asked for at once."""


class KmsError(EndpointError):
    """The key service did not give what it was asked for."""


class KmsUnavailable(KmsError):
    """It cannot be asked, or does not answer; the text says why."""


class KmsNotTrusted(KmsError):
    """It does not prove who it is."""


class KmsRefused(KmsError):
    """It said no; `status` is of the answer inside the channel."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(f"refused with {status}")


class Failures:
    """Keys that did not come, and when to ask for them again."""

    __slots__ = ("_clock", "_known")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[str, tuple[int, float]] = {}

    def note(self, urls: Iterable[str]) -> None:
        """Take note that keys did not come."""
        now_s = self._clock.time()
        for url in urls:
            tries = self._known.pop(url, (0, 0.0))[0]
            self._known[url] = (tries + 1, now_s + AGAIN_S[min(tries, len(AGAIN_S) - 1)])
        while len(self._known) > FAILURES_MAX:
            del self._known[next(iter(self._known))]

    def forget(self, url: str) -> None:
        """Take note that a key has come."""
        self._known.pop(url, None)

    def clear(self) -> None:
        """Forget all failures: everything may be asked for at once."""
        self._known.clear()

    def wait_s(self, url: str) -> float:
        """Return how long a key is not to be asked for, 0 if it may be now."""
        due_s = self._known[url][1] if url in self._known else 0.0
        return max(0.0, due_s - self._clock.time())
