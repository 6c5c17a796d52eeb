"""What the Hybrid Calendar service asks of a calendar platform, whoever sells it.

Mailboxes are named by address, events by id. An id of an instance of a series (kind `occurrence` or `exception`) names that instance
only; it stays the same when the instance is moved or edited. Source: protocol/calendar-and-obtp.md 13.1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeAlias

from cloud_stub.platform.mailbox_records import Answer, CalendarSubscription, Mailbox, MailboxEvent


class Notice(StrEnum):
    """What a platform tells a subscriber: what happened to an event, or to the subscription itself."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"
    MISSED = "missed"
    REMOVED = "subscriptionRemoved"
    REAUTHORIZE = "reauthorizationRequired"


LIFECYCLE = frozenset({Notice.MISSED, Notice.REMOVED, Notice.REAUTHORIZE})
"""Notices about the subscription itself: they name no event."""


@dataclass(frozen=True, slots=True)
class Notification:
    """What a watcher is told.

    Attributes:
        event_id: empty in notices about the subscription itself.
        cause: ordinal of the trace event that led here.
    """

    platform: str
    subscription_id: str
    mailbox: str
    event_id: str
    notice: Notice
    cause: int | None = None


Watcher: TypeAlias = Callable[[Notification], object]


class CalendarPlatform(Protocol):
    """A calendar platform, seen from the Hybrid Calendar service. Refusals are `CalendarError`s."""

    @property
    def name(self) -> str:
        """`microsoft` or `google`, as in a workspace's calendar type."""
        ...

    @property
    def has_pickup_window(self) -> bool:
        """Say whether meetings five months ahead wait for the daily job. Source: 7.3."""
        ...

    def mailbox(self, address: str) -> Mailbox:
        """Return a mailbox."""
        ...

    def event(self, mailbox: str, event_id: str) -> MailboxEvent:
        """Return an event, also a master or one instance of a series."""
        ...

    def events(self, mailbox: str) -> list[MailboxEvent]:
        """Return all single events and masters, in order of start."""
        ...

    def occurrences(self, mailbox: str, start: datetime, end: datetime) -> list[MailboxEvent]:
        """Return what is on the calendar in `[start, end)`, series as their instances, in order of start."""
        ...

    def instances(self, mailbox: str, event_id: str, start: datetime, end: datetime) -> list[MailboxEvent]:
        """Return the instances of a series that overlap `[start, end)`, in order of start."""
        ...

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
        """Change texts and extended properties of an event; invitees see what the organizer's copy says."""
        ...

    def respond(self, mailbox: str, event_id: str, answer: Answer, comment: str = "") -> None:
        """Answer an invitation."""
        ...

    def cancel(self, mailbox: str, event_id: str, comment: str = "") -> None:
        """Cancel a meeting, or one instance, as its organizer."""
        ...

    def subscribe(self, mailbox: str, expires: datetime | None = None) -> CalendarSubscription:
        """Watch a mailbox; what happens in it is told to those who `watch`, until the subscription expires."""
        ...

    def renew(self, subscription_id: str, expires: datetime | None = None) -> CalendarSubscription:
        """Let a subscription live longer; UnknownSubscription when it has expired or was removed."""
        ...

    def unsubscribe(self, subscription_id: str) -> None:
        """End a subscription."""
        ...

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Tell every notification of subscriptions made by `subscribe`; returns what ends that."""
        ...
