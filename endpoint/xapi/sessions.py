"""Sessions: who is connected through which door, and how many may be.

Limits are read when a session is opened. One timer watches over idle sessions, and only while `InactivityTimeout` is set and there are any.
Source: protocol/xapi.md 4.9, 5.1; which door is exempt from idling is documented, the rest of how it is carried out is ours.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

from endpoint.runtime.clock import Clock, Timer
from endpoint.wire.xapi.calls import Caller
from endpoint.xapi.tree import Tree

MINUTE_S: Final = 60.0
TIMELESS_DOORS: Final = frozenset({"http"})
"""Doors whose sessions end only when their client says so; they count all the same."""
_LIMITS: Final = ("Security", "Session")


class TooManySessions(Exception):
    """The user, or all users together, have as many sessions as they may have."""


class Session:
    """One client: a shell, a websocket, or an HTTP session."""

    __slots__ = ("_clock", "_close", "_end", "active_s", "caller", "id")

    def __init__(
        self, number: int, caller: Caller, clock: Clock, end: Callable[[Session], None], close: Callable[[str], object]
    ) -> None:
        self.id = number
        self.caller = caller
        self._clock = clock
        self.active_s = clock.time()
        self._end = end
        self._close = close

    @property
    def last_activity(self) -> datetime:
        """Wall time at which the client said something last."""
        return self._clock.now() - timedelta(seconds=self._clock.time() - self.active_s)

    def touch(self, now: datetime | None = None) -> None:
        """Take note that the client said something. Idleness is measured in seconds, so that no wall time, `now` or another, counts."""
        self.active_s = self._clock.time()

    def end(self) -> None:
        """Take note that the client is gone; harmless when that was done before."""
        self._end(self)

    def close(self, why: str) -> None:
        """Hang up on the client."""
        self._close(why)


class Sessions:
    """The sessions of one device."""

    __slots__ = ("_clock", "_configuration", "_deaf", "_numbers", "_open", "_timer", "on_closed", "refusal")

    def __init__(self, clock: Clock, configuration: Tree) -> None:
        self._clock = clock
        self._configuration = configuration
        self._open: dict[int, Session] = {}
        self._numbers = itertools.count(1)
        self._timer: Timer | None = None
        self._deaf: Callable[[], None] | None = None
        self.on_closed: Callable[[Session, str], object] = lambda session, why: None
        """Told of each session that the device itself ends."""
        self.refusal: Callable[[Caller], str] = lambda caller: ""
        """Says why a caller who has logged in may have no session any more; `""` when he may."""

    def open(self, caller: Caller, close: Callable[[str], object]) -> Session:
        """Begin a session; `close` is called with a reason when the device ends it, which can be at once.

        Raises:
            TooManySessions: a limit is reached.
        """
        self._check_limits(caller)
        session = Session(next(self._numbers), caller, self._clock, self._ended, close)
        self._open[session.id] = session
        if self._deaf is None:
            self._deaf = self._configuration.listen(_LIMITS, lambda changes: self._watch())
        self._watch()
        why = self.refusal(caller)
        if why:
            self.close(session, why)
        return session

    def _check_limits(self, caller: Caller) -> None:
        total = self._limit("MaxTotalSessions")
        if 0 < total <= len(self._open):
            raise TooManySessions(f"at most {total} sessions")
        own = self._limit("MaxSessionsPerUser")
        if caller.user and 0 < own <= sum(1 for _ in self._of(caller.user)):
            raise TooManySessions(f"at most {own} sessions of one user")

    def _limit(self, name: str) -> int:
        return int(self._configuration.get((*_LIMITS, name)) or 0)

    def _of(self, user: str) -> Iterator[Session]:
        wanted = user.casefold()
        return (session for session in self._open.values() if session.caller.user.casefold() == wanted)

    def __iter__(self) -> Iterator[Session]:
        """Yield the open sessions, the oldest first."""
        return iter(tuple(self._open.values()))

    def __len__(self) -> int:
        return len(self._open)

    def find(self, session_id: str) -> Session | None:
        """Return the open session of an id, or None."""
        return next((session for session in self._open.values() if str(session.id) == session_id), None)

    # endings

    def close(self, session: Session, why: str) -> None:
        """End a session. Its client is hung up on a moment later: an answer that is on its way goes first."""
        if self._open.get(session.id) is not session:
            return
        self._ended(session)
        self.on_closed(session, why)
        asyncio.get_running_loop().call_soon(session.close, why)

    def close_user(self, user: str, why: str) -> None:
        """End the sessions of a user."""
        for session in tuple(self._of(user)):
            self.close(session, why)

    def close_all(self, why: str) -> None:
        """End every session."""
        for session in self:
            self.close(session, why)

    def _ended(self, session: Session) -> None:
        self._open.pop(session.id, None)
        if self._open:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._deaf is not None:
            self._deaf()
            self._deaf = None

    # idleness

    def _watch(self) -> None:
        """Set the timer to the moment at which the next session would have been idle for too long."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        limit_s = self._limit("InactivityTimeout") * MINUTE_S
        idling = [session.active_s for session in self if session.caller.door not in TIMELESS_DOORS]
        if limit_s and idling:
            self._timer = self._clock.call_later(min(idling) + limit_s - self._clock.time(), self._look)

    def _look(self) -> None:
        self._timer = None
        limit_s = self._limit("InactivityTimeout") * MINUTE_S
        for session in self:
            if session.caller.door not in TIMELESS_DOORS and self._clock.time() - session.active_s >= limit_s - 1e-6:
                self.close(session, f"idle for {limit_s / MINUTE_S:g} minute(s)")
        self._watch()
