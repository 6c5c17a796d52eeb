"""HTTP sessions: a cookie that stands for a login until the client ends it.

They do not expire by themselves; a client that forgets to end them locks itself out. Source: protocol/xapi.md 5.1.
"""

from __future__ import annotations

from datetime import datetime
from http.cookies import CookieError, SimpleCookie
from typing import Final

from endpoint.runtime.chance import Stream
from endpoint.wire.xapi.calls import Caller
from endpoint.xapi.http.ports import Sessions
from endpoint.xapi.sessions import Session

NAME: Final = "SessionId"
TOKEN_BYTES: Final = 32
HEADER_CHARS_MAX: Final = 4_096


class Cookies:
    """The HTTP sessions of one door."""

    def __init__(self, sessions: Sessions, chance: Stream) -> None:
        self._sessions = sessions
        self._chance = chance
        self._open: dict[str, Session] = {}

    def begin(self, caller: Caller) -> str:
        """Begin a session and return its token.

        Raises:
            TooManySessions: a limit is reached.
        """
        token = self._chance.bytes(TOKEN_BYTES).hex()
        self._open[token] = self._sessions.open(caller, lambda _why: self.end(token))
        return token

    def is_open(self, token: str) -> bool:
        """Say whether a token is that of a session."""
        return token in self._open

    def end(self, token: str) -> bool:
        """End a session; False when there is none."""
        session = self._open.pop(token, None)
        if session is not None:
            session.end()
        return session is not None

    def end_all(self) -> None:
        """End every session."""
        for token in tuple(self._open):
            self.end(token)

    def caller(self, token: str, now: datetime) -> Caller | None:
        """Return whose session it is, and take note that they use it; None when there is none."""
        session = self._open.get(token)
        if session is None:
            return None
        session.touch(now)
        return session.caller


def token_of(header: str) -> str:
    """Return the token of a `Cookie` header; "" when it has none."""
    if len(header) > HEADER_CHARS_MAX:
        return ""
    try:
        found = SimpleCookie(header).get(NAME)
    except CookieError:
        return ""
    return found.value if found is not None else ""


def set_cookie(token: str, *, secure: bool) -> str:
    """Print the `Set-Cookie` header of a new session."""
    return f"{NAME}={token}; Path=/; HttpOnly" + ("; Secure" if secure else "")
