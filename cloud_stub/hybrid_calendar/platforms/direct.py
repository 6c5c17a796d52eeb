"""Mailboxes of this process as a calendar platform, without any HTTP between."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from cloud_stub.hybrid_calendar.mailboxes.errors import UnknownEvent
from cloud_stub.hybrid_calendar.mailboxes.feed import Change
from cloud_stub.hybrid_calendar.mailboxes.store import MailboxStore
from cloud_stub.hybrid_calendar.platforms.platform import Notice, Notification, Watcher
from cloud_stub.platform.context import Platform
from cloud_stub.platform.mailbox_records import Answer, CalendarSubscription, Mailbox, MailboxEvent


class DirectPlatform:
    """The platform."""

    name = "microsoft"
    has_pickup_window = True

    def __init__(self, platform: Platform, mailboxes: MailboxStore) -> None:
        self._platform = platform
        self._mailboxes = mailboxes
        self._table = platform.store[CalendarSubscription]
        self._watchers: list[Watcher] = []
        mailboxes.watch(self._changed)

    def mailbox(self, address: str) -> Mailbox:
        return self._mailboxes.mailbox(address)

    def event(self, mailbox: str, event_id: str) -> MailboxEvent:
        return self._mailboxes.event(mailbox, event_id)

    def occurrences(self, mailbox: str, start: datetime, end: datetime) -> list[MailboxEvent]:
        return self._mailboxes.occurrences(mailbox, start, end)

    def patch(
        self,
        mailbox: str,
        event_id: str,
        *,
        body: str | None = None,
        body_type: str | None = None,
        location: str | None = None,
        properties: Mapping[str, str] | None = None,
    ) -> MailboxEvent:
        given: dict[str, Any] = {"body": body, "body_type": body_type, "location": location, "properties": properties}
        return self._mailboxes.update(mailbox, event_id, **{k: v for k, v in given.items() if v is not None})

    def respond(self, mailbox: str, event_id: str, answer: Answer, comment: str = "") -> None:
        self._mailboxes.respond(mailbox, event_id, answer, comment)

    def cancel(self, mailbox: str, event_id: str, comment: str = "") -> None:
        self._mailboxes.cancel(mailbox, event_id, comment)

    def subscribe(self, mailbox: str, expires: datetime | None = None) -> CalendarSubscription:
        now = self._platform.now()
        return self._table.put(
            CalendarSubscription(
                id=self._platform.new_id("subscription", mailbox),
                mailbox=mailbox,
                created=now,
                expires=expires or now + timedelta(days=2),
            )
        )

    def renew(self, subscription_id: str, expires: datetime | None = None) -> CalendarSubscription:
        now = self._platform.now()
        known = self._table.get(subscription_id)
        if known is None or known.expires <= now:
            raise UnknownEvent("no such subscription")
        return self._table.change(subscription_id, expires=expires or now + timedelta(days=2))

    def unsubscribe(self, subscription_id: str) -> None:
        self._table.drop(subscription_id)

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    def _changed(self, change: Change) -> None:
        for one in self._table.where("mailbox", change.mailbox):
            if one.expires > self._platform.now() and not one.url:
                for watcher in list(self._watchers):
                    watcher(Notification(self.name, one.id, change.mailbox, change.event_id, Notice(change.kind.value)))
