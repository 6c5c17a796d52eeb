"""The feedback expressions of one shell. They are one subscription, so that a change is told once however many cover it.

Source: protocol/xapi.md 4.8.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from endpoint.wire.xapi.calls import Caller
from endpoint.wire.xapi.errors import SubscriptionLimit
from endpoint.wire.xapi.paths import Path
from endpoint.wire.xapi.query import Part, Query
from endpoint.xapi.access import Xapi
from endpoint.xapi.feedback import Sink, Subscription

EXPRESSIONS_MAX: Final = 50
"""Expressions of one session on RoomOS 11."""
_NUMBER: Final = re.compile(
    r"(?<![ /.])[ /.]+([0-9]+)(?=[ /.]|$)"
)  # from the first separator only: a long row is looked at once
_SEPARATOR: Final = re.compile(r"[ /.]+")


@dataclass(frozen=True)
class AnyOf(Query):
    """What at least one of several queries covers."""

    members: tuple[Query, ...] = ()

    def covers(self, path: Path) -> bool:
        """Say whether one of them covers a folded path."""
        return any(member.covers(path) for member in self.members)

    def reaches(self, path: Path) -> bool:
        """Say whether one of them covers a folded path, or something below it could be covered."""
        return any(member.reaches(path) for member in self.members)


class Expressions:
    """What one shell has registered for."""

    __slots__ = ("_caller", "_held", "_sink", "_subscription", "_xapi")

    def __init__(self, xapi: Xapi, caller: Caller, sink: Sink) -> None:
        self._xapi = xapi
        self._caller = caller
        self._sink = sink
        self._held: dict[tuple[Part, ...], Query] = {}
        self._subscription: Subscription | None = None

    def register(self, query: Query) -> None:
        """Add an expression; one that is there already stays as it is.

        Raises:
            SubscriptionLimit: there are EXPRESSIONS_MAX.
            LimitExceeded: the device has as many subscriptions as it may have.
        """
        if query.parts in self._held:
            return
        if len(self._held) >= EXPRESSIONS_MAX:
            raise SubscriptionLimit(EXPRESSIONS_MAX)
        self._listen({**self._held, query.parts: query})

    def deregister(self, query: Query) -> None:
        """Remove an expression; harmless when it is not there."""
        if query.parts in self._held:
            self._listen({parts: held for parts, held in self._held.items() if parts != query.parts})

    def clear(self) -> None:
        """Remove all of them."""
        self._listen({})

    @property
    def listed(self) -> list[str]:
        """The expressions in the order in which they came, each with a slash in front."""
        return [in_slashes(query.text) for query in self._held.values()]

    def _listen(self, held: dict[tuple[Part, ...], Query]) -> None:
        before = self._subscription
        if before is not None and len(held) < len(self._held):
            before.close()  # first, so that there is room for fewer even where there is no room for more
        after = None
        if held:
            after = self._xapi.subscribe(AnyOf((), "", tuple(held.values())), self._caller, self._sink)
        if before is not None:
            before.close()
        self._held, self._subscription = held, after


def in_slashes(text: str) -> str:
    """Print an expression with slashes and numbers in brackets: `/Status/Call[3]/Status`; `//` stays."""
    text = _NUMBER.sub(r"[\1]", text.strip())
    return _SEPARATOR.sub(lambda found: "//" if "//" in found[0] else "/", text if text.startswith("/") else f"/{text}")
