"""Office 365 as the Hybrid Calendar service sees it: the mailboxes, and notifications of its subscriptions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from cloud_stub.hybrid_calendar.mailboxes.errors import UnknownMailbox
from cloud_stub.hybrid_calendar.mailboxes.store import MailboxStore
from cloud_stub.hybrid_calendar.platforms.platform import Watcher
from cloud_stub.hybrid_calendar.platforms.subscriptions import Subscriptions
from cloud_stub.platform.context import Platform
from cloud_stub.platform.mailbox_records import Answer, CalendarSubscription, Mailbox, MailboxEvent, MailboxKind


class Office365:
    """The platform of Microsoft: implements `CalendarPlatform` without going over the wire."""

    name = "microsoft"
    has_pickup_window = True

    def __init__(self, platform: Platform, mailboxes: MailboxStore, subscriptions: Subscriptions) -> None:
        self._platform = platform
        self._mailboxes = mailboxes
        self.subscriptions = subscriptions

    def mailbox(self, address: str) -> Mailbox:
        """Return a mailbox of the organization; UnknownMailbox for any other address."""
        found = self._mailboxes.mailbox(address)
        if found.kind is MailboxKind.EXTERNAL:
            raise UnknownMailbox(address)
        return found

    def event(self, mailbox: str, event_id: str) -> MailboxEvent:
        """Return an event, also a master or one instance of a series."""
        return self._mailboxes.event(self.mailbox(mailbox).address, event_id)

    def events(self, mailbox: str) -> list[MailboxEvent]:
        """Return all single events and masters."""
        return self._mailboxes.events(self.mailbox(mailbox).address)

    def occurrences(self, mailbox: str, start: datetime, end: datetime) -> list[MailboxEvent]:
        """Return what is on the calendar in `[start, end)`."""
        return self._mailboxes.occurrences(self.mailbox(mailbox).address, start, end)

    def instances(self, mailbox: str, event_id: str, start: datetime, end: datetime) -> list[MailboxEvent]:
        """Return the instances of a series that overlap `[start, end)`."""
        return self._mailboxes.instances(self.mailbox(mailbox).address, event_id, start, end)

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
        """Change texts and extended properties of an event; further properties stay."""
        before = self.event(mailbox, event_id)
        given: dict[str, Any] = {"body": body, "body_type": body_type, "location": location}
        changes = {name: value for name, value in given.items() if value is not None}
        if properties is not None:
            changes["properties"] = {**before.properties, **properties}
        return self._mailboxes.update(mailbox, event_id, **changes) if changes else before

    def respond(self, mailbox: str, event_id: str, answer: Answer, comment: str = "") -> None:
        """Answer an invitation."""
        self._mailboxes.respond(self.mailbox(mailbox).address, event_id, answer, comment)

    def cancel(self, mailbox: str, event_id: str, comment: str = "") -> None:
        """Cancel a meeting, or one instance, as its organizer."""
        self._mailboxes.cancel(self.mailbox(mailbox).address, event_id, comment)

    def subscribe(self, mailbox: str, expires: datetime | None = None) -> CalendarSubscription:
        """Watch a mailbox from this process, until `expires`, None for the longest life."""
        address = self.mailbox(mailbox).address
        record = CalendarSubscription(
            id=self.subscriptions.new_id(address), mailbox=address, resource=f"/users/{address}/events",
            expires=self.subscriptions.life(expires), created=self._platform.now(),
        )  # fmt: skip
        return self.subscriptions.add(record)

    def renew(self, subscription_id: str, expires: datetime | None = None) -> CalendarSubscription:
        """Let a subscription live longer; UnknownSubscription when it has expired or was removed."""
        return self.subscriptions.renew(subscription_id, expires)

    def unsubscribe(self, subscription_id: str) -> None:
        """End a subscription."""
        self.subscriptions.remove(subscription_id)

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Tell every notification of subscriptions made by `subscribe`; returns what ends that."""
        return self.subscriptions.watch(watcher)
