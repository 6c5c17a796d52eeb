"""Sessions: who is connected through which door, and how many may be.

Source: protocol/xapi.md 4.9.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import datetime

from endpoint.runtime.clock import Clock
from endpoint.wire.xapi.calls import Caller
from endpoint.xapi.tree import Tree


class TooManySessions(Exception):
    """The user, or all users together, have as many sessions as they may have."""


class Session:
    """One client: a shell, a websocket, or an HTTP session."""

    def __init__(
        self, number: int, caller: Caller, now: datetime, end: Callable[[Session], None], close: Callable[[str], object]
    ) -> None:
        self.id = number
        self.caller = caller
        self.last_activity = now
        self._end = end
        self._close = close

    def touch(self, now: datetime) -> None:
        """Take note that the client said something."""
        self.last_activity = now

    def end(self) -> None:
        """Take note that the client is gone; harmless when that was done before."""
        self._end(self)

    def close(self, why: str) -> None:
        """Hang up on the client."""
        self._close(why)


class Sessions:
    """The sessions of one device."""

    def __init__(self, clock: Clock, configuration: Tree) -> None:
        self._clock = clock
        self._configuration = configuration
        self._open: dict[int, Session] = {}
        self._numbers = itertools.count(1)

    def open(self, caller: Caller, close: Callable[[str], object]) -> Session:
        """Begin a session; `close` is called with a reason when the device ends it.

        Raises:
            TooManySessions: a limit is reached.
        """
        session = Session(next(self._numbers), caller, self._clock.now(), self._ended, close)
        self._open[session.id] = session
        return session

    def _ended(self, session: Session) -> None:
        self._open.pop(session.id, None)
