"""A store of mailboxes by itself: no cloud around it, no loop under it, a clock that is set by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from cloud_stub.hybrid_calendar.mailboxes.feed import Change
from cloud_stub.hybrid_calendar.mailboxes.store import MailboxStore
from cloud_stub.platform.context import CloudSettings, Platform
from cloud_stub.platform.hosts import Hosts
from cloud_stub.platform.journal import Journal
from cloud_stub.platform.mailbox_records import MailboxEvent, MailboxKind, Processing
from cloud_stub.platform.store import Store
from cloud_stub.platform.tokens import Tokens
from endpoint.runtime.chance import Chance
from endpoint.runtime.clock import Clock, Timer
from endpoint.runtime.faults import Faults
from endpoint.runtime.trace import Trace

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
ROOM, ANNA, BO, EVE = "room@contoso.test", "anna@contoso.test", "bo@contoso.test", "eve@fabrikam.test"
FAITHFUL = Processing(delete_comments=False, delete_subject=False, add_organizer_to_subject=False)
"""A room that writes down what it is sent."""


class ByHand:
    """Time that passes when it is told to; nothing waits for it."""

    def __init__(self, start: datetime) -> None:
        self.start = start
        self.passed_s = 0.0

    def time(self) -> float:
        return self.passed_s

    def call_at(self, when_s: float, callback: Callable[..., object], *args: object) -> Timer:
        raise AssertionError("nothing here waits")


class Office:
    """A room, two people of the organization, one of another."""

    def __init__(
        self, zone: str = "Europe/Oslo", processing: Processing = FAITHFUL, folder: Path | None = None
    ) -> None:
        self.time = ByHand(START)
        clock = Clock(self.time)
        self.trace = Trace(clock)
        self.faults = Faults(clock, self.trace)
        actor = Chance(1).actor("cloud")
        self.tables = Store(folder)
        self.platform = Platform(
            clock=clock, chance=actor, trace=self.trace, faults=self.faults, store=self.tables, tokens=Tokens(self.tables, clock, actor),
            hosts=Hosts(), journal=Journal(), settings=CloudSettings(),
        )  # fmt: skip
        self.store = MailboxStore(self.platform)
        self.changes: list[Change] = []
        self.store.watch(self.changes.append)
        if not self.store.mailboxes():
            self.store.create_mailbox(ROOM, "Oslo", zone=zone, processing=processing)
            for address in (ANNA, BO):
                self.store.create_mailbox(address, address.partition("@")[0].title(), kind=MailboxKind.USER, zone=zone)
            self.store.create_mailbox(EVE, "Eve", kind=MailboxKind.EXTERNAL)

    def on(
        self, address: str, start: datetime = START, end: datetime = datetime(2027, 3, 2, tzinfo=UTC)
    ) -> list[MailboxEvent]:
        """Return what is on a calendar and not cancelled."""
        return [event for event in self.store.occurrences(address, start, end) if not event.is_cancelled]

    def told(self) -> list[tuple[str, str, str]]:
        """Return what changed since it was asked last: who, what, and which part of its series."""
        told = [(one.mailbox.partition("@")[0], one.kind.value, one.event_id.partition(".")[2]) for one in self.changes]
        self.changes.clear()
        return told
