"""What a device says no to, and in which words.

    XapiError
    ├── NoMatch              no such node, or none at present
    ├── UnknownCommand       no such command
    ├── BadArguments         an argument is missing, unknown, or outside its value space
    ├── BadValue             a configuration's value is outside its value space
    ├── CommandFailed        the command ran and failed
    ├── AccessDenied         the caller's roles do not suffice
    ├── NotReady             the device starts, or goes down
    └── SubscriptionLimit    the session has as many subscriptions as it may have

Each door has its own rendering of them: protocol/xapi.md 3.7, 4.4, 4.5, 5.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from endpoint.wire.errors import WireError

UNKNOWN_COMMAND: Final = "Unknown command"
NO_MATCH: Final = "No match on address expression"
ACCESS_DENIED: Final = "Access denied"
ILLEGAL_VALUE: Final = "Illegal value"


class XapiError(WireError):
    """The device said no; its text is the Reason that a client is shown."""


class NoMatch(XapiError):
    """No node is at the path, or none that the caller may see. `path` is as it was asked."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(NO_MATCH)


class UnknownCommand(XapiError):
    """There is no such command. `path` is as it was asked, words with blanks."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(UNKNOWN_COMMAND)


class BadArguments(XapiError):
    """Arguments of a command are wrong: `wrong` has for each name what would be right."""

    def __init__(self, wrong: Mapping[str, str]) -> None:
        self.wrong = dict(wrong)
        super().__init__("; ".join(f"{name}: {why}" for name, why in self.wrong.items()))


class BadValue(XapiError):
    """A configuration cannot have that value; the text says what it can have. `path` is canonical, words with blanks."""

    def __init__(self, path: str, why: str) -> None:
        self.path = path
        super().__init__(why)


class CommandFailed(XapiError):
    """A command ran and failed.

    Attributes:
        cause: number that some failures have (protocol/xapi.md 3.7).
        fields: what the result holds besides the reason.
    """

    def __init__(self, reason: str, *, cause: int | None = None, fields: Mapping[str, Any] | None = None) -> None:
        self.cause = cause
        self.fields = dict(fields or {})
        super().__init__(reason)


class AccessDenied(XapiError):
    """The caller may not do that."""

    def __init__(self) -> None:
        super().__init__(ACCESS_DENIED)


class NotReady(XapiError):
    """The device cannot answer now."""

    def __init__(self) -> None:
        super().__init__("Not ready")


class SubscriptionLimit(XapiError):
    """A session has `limit` subscriptions already."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"At most {limit} feedback expressions per session")
