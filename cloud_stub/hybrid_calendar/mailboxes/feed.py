"""What happened in mailboxes, told to whoever listens, in one order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from cloud_stub.platform.errors import BoundHit

WAITING_MAX: Final = 10_000
"""Changes that wait until the one before has been told to everybody: listeners may change mailboxes themselves."""


class ChangeKind(StrEnum):
    """What happened to an event, in the words of Graph."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Change:
    """One event in one mailbox changed. `event_id` of an instance of a series is the instance's own, `series_id` then its master's."""

    mailbox: str
    event_id: str
    kind: ChangeKind
    uid: str = ""
    series_id: str = ""


Listener: TypeAlias = Callable[[Change], object]


class Feed:
    """Listeners, and the changes that wait to be told."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._waiting: deque[Change] = deque()
        self._is_telling = False

    def watch(self, listener: Listener) -> Callable[[], None]:
        """Tell every later change to `listener`; returns what ends that."""
        self._listeners.append(listener)

        def end() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return end

    def tell(self, changes: list[Change]) -> None:
        """Tell changes to everybody. What a listener changes meanwhile is told after them.

        Raises:
            BoundHit: listeners keep changing what they are told of.
        """
        if len(self._waiting) + len(changes) > WAITING_MAX:
            self._waiting.clear()
            raise BoundHit("mailbox changes that wait", WAITING_MAX)
        self._waiting.extend(changes)
        if self._is_telling:
            return
        self._is_telling = True
        try:
            while self._waiting:
                change = self._waiting.popleft()
                for listener in tuple(self._listeners):
                    listener(change)
        finally:
            self._is_telling = False
