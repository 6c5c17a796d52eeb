"""What the prompt wants of a device, wherever that is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from endpoint.wire.xapi.leaves import Leaf
from endpoint.wire.xapi.paths import Path
from endpoint.wire.xapi.query import Query

HELD_MAX: Final = 10_000
"""Notices that wait for an answer to be printed; the next one lets all of them go."""


class Unusable(Exception):
    """The target cannot be used at all; the text is one line and says why."""


class Lost(Exception):
    """The device does not answer any more; the text says what became of it."""


class Backend(Protocol):
    """One device. Paths and leaves begin with the branch; methods raise XapiError where the device says no, Lost where it is gone."""

    name: str
    gate: Gate
    tell: Callable[[str], object]
    """Told in words of what becomes of the connection."""

    async def get(self, query: Query) -> list[Leaf]:
        """Return the leaves that a query covers; none when there are none at present."""

    async def set(self, query: Query, value: str) -> None:
        """Set a configuration."""

    async def call(self, words: Path, arguments: Mapping[str, Any], body: str | None) -> list[Leaf]:
        """Call a command and return the fields of its result."""

    async def subscribe(self, query: Query) -> int:
        """Be told of what a query covers; returns a number to end it by."""

    async def unsubscribe(self, number: int) -> None:
        """End a subscription."""

    async def elements(self, path: Path) -> Sequence[int]:
        """Return the numbers of the elements that a list has now."""

    async def settle(self) -> None:
        """Return when everything that the device has said so far is here."""

    async def close(self) -> None:
        """Let the device go."""


class Gate:
    """Lets notices through to whoever prints them, and keeps them back between an answer and its printing.

    So the answer stands before what it caused. Source: protocol/xapi.md 3.5.
    """

    def __init__(self) -> None:
        self.sink: Callable[[Sequence[Leaf]], object] = lambda leaves: None
        self._held: list[Sequence[Leaf]] | None = None

    def notice(self, leaves: Sequence[Leaf]) -> None:
        """Pass a notice on, now or later."""
        if self._held is None:
            self.sink(leaves)
            return
        self._held.append(leaves)
        if len(self._held) >= HELD_MAX:
            self.open()

    def close(self) -> None:
        """Keep back what comes."""
        if self._held is None:
            self._held = []

    def open(self) -> None:
        """Let it go."""
        held, self._held = self._held, None
        for leaves in held or ():
            self.sink(leaves)
