"""The Hybrid Calendar service: it watches mailboxes, and what changes there reaches the calendars of rooms and people.

It subscribes to the mailboxes of rooms whose workspace has a calendar and of people whom it works for; renews those subscriptions once a
day; takes what was too far away when its day has come; and lets the window of the calendar service's store slide. A mailbox that could
not be heard for a while, or of which something could not be kept, is read as a whole once its subscription is renewed.

Source: protocol/calendar-and-obtp.md 7 (order and horizons documented; when what is read as a whole is ours).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any, Final

from msgspec.structs import replace

from cloud_stub.hybrid_calendar.chain import WHO, Chain
from cloud_stub.hybrid_calendar.delivery import Delivery
from cloud_stub.hybrid_calendar.horizons import Reach, next_job, store_window
from cloud_stub.hybrid_calendar.mapping import series_id
from cloud_stub.hybrid_calendar.platforms.platform import LIFECYCLE, CalendarPlatform, Notice, Notification
from cloud_stub.hybrid_calendar.settings import Settings, is_served
from cloud_stub.hybrid_calendar.site import Site
from cloud_stub.platform.context import Platform
from cloud_stub.platform.errors import CloudError
from cloud_stub.platform.mailbox_records import MailboxEvent
from cloud_stub.platform.records import HybridEvent, Meeting, User, UserKind, Workspace
from cloud_stub.platform.routes import Label
from cloud_stub.services.calendar import Calendar
from endpoint.runtime.clock import Timer

SUBSCRIPTION_LIFE: Final = timedelta(days=2)
"""Life of a subscription: longer than the day after which it is renewed, shorter than what Graph allows."""

FOREVER: Final = datetime(9999, 1, 1, tzinfo=UTC)
DELIVERED_AT_ONCE: Final = 50
"""Invitations that are delivered before others have their turn: the daily job is about all of them."""


class HybridCalendar:
    """The service. `start` lets it watch; from then on it acts on notifications and at midnight."""

    def __init__(
        self, platform: Platform, calendars: CalendarPlatform, settings: Settings, site: Site, calendar: Calendar
    ) -> None:
        self._platform = platform
        self._calendars = calendars
        self._settings = settings
        self._events = platform.store[HybridEvent]
        self.chain = Chain(platform, calendars, settings, site, calendar, self._due)
        self._delivery = Delivery(platform, calendars, settings, calendar, self.chain.joins)
        self._waiting: dict[str, None] = {}
        self._flush: Timer | None = None
        self._job: Timer | None = None
        self._subscribed: dict[str, str] = {}
        self._unheard: dict[str, datetime] = {}
        self._unread: dict[str, None] = {}
        self._uids: dict[str, str] = {
            event_id: record.id for record in self._events for ids in record.copies.values() for event_id in ids
        }
        self._series: dict[str, str] = {series_id(record.id): record.id for record in self._events}
        calendars.watch(self._on_notification)

    # -- life -------------------------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Watch every mailbox that is to be watched; what happened while the service was away is caught up."""
        self.watch()
        for record in self._events:
            self._due(record.id)

    def stop(self) -> None:
        """Let nothing happen any more."""
        for timer in (self._flush, self._job):
            if timer is not None:
                timer.cancel()
        self._flush = self._job = None

    @property
    def unheard(self) -> dict[str, datetime]:
        """Mailboxes whose changes are lost at present, and since when."""
        return dict(self._unheard)

    @property
    def watched(self) -> tuple[str, ...]:
        """Addresses of the mailboxes that are watched."""
        return tuple(self._subscribed)

    # -- subscriptions ----------------------------------------------------------------------------------------------------------------

    def watch(self) -> None:
        """Subscribe to the mailboxes of rooms and people that have come, leave those that have gone."""
        wanted = self._wanted() if self._settings.now.provisioned else []
        for address in [address for address in self._subscribed if address not in wanted]:
            subscription = self._subscribed.pop(address)
            self._unheard.pop(address, None)
            self._unread.pop(address, None)
            with suppress(CloudError):  # it may be gone already
                self._calendars.unsubscribe(subscription)
            for record in self._events:
                if address in record.copies:
                    self._due(record.id)
        for address in wanted:
            if address not in self._subscribed:
                self._subscribe(address)
                self._attempt(address, self._read_all, address)
        if self._subscribed and self._job is None:
            self._plan_job()

    def _wanted(self) -> list[str]:
        """Return the addresses of mailboxes that are there and concern somebody, rooms first."""
        rooms = [
            room.calendar_key
            for room in self._platform.store[Workspace]
            if is_served(self._settings.now, room) and room.calendar_key
        ]
        people = [
            user.email.casefold()
            for user in self._platform.store[User]
            if user.kind is UserKind.PERSON and user.hybrid_calendar and user.email
        ]
        return [address for address in dict.fromkeys([*rooms, *people]) if self._has_mailbox(address)]

    def _has_mailbox(self, address: str) -> bool:
        try:
            self._calendars.mailbox(address)
        except CloudError:
            return False
        return True

    def _subscribe(self, address: str) -> None:
        expires = self._platform.now() + SUBSCRIPTION_LIFE
        self._subscribed[address] = self._calendars.subscribe(address, expires).id

    def renew(self, address: str, *, is_missed: bool = False) -> bool:
        """Renew the subscription of a mailbox; one that was deaf is followed by a reading of the whole mailbox.

        Args:
            is_missed: the platform says that it could not tell everything.

        Returns:
            Whether the mailbox is heard from here on.
        """
        if self._is_deaf(address):
            self._unheard.setdefault(address, self._platform.now())
            return False
        was_deaf = self._unheard.pop(address, None) is not None or address in self._unread or is_missed
        self._unread.pop(address, None)
        try:
            self._calendars.renew(self._subscribed[address], self._platform.now() + SUBSCRIPTION_LIFE)
        except (CloudError, KeyError):
            self._subscribe(address)
            was_deaf = True
        if was_deaf:
            self._hop("cal.renew", {"mailbox": address})
            self._read_all(address)
        return True

    def _is_deaf(self, address: str) -> bool:
        return self._platform.faults.hit("hybrid", step="subscription", mailbox=address) is not None

    # -- notifications ----------------------------------------------------------------------------------------------------------------

    def _on_notification(self, notification: Notification) -> None:
        address = notification.mailbox
        if self._subscribed.get(address) != notification.subscription_id:
            return  # one that was made before the cloud was started anew, and that nobody renews
        if notification.notice in LIFECYCLE:
            self.renew(address, is_missed=notification.notice is Notice.MISSED)
            return
        if self._is_deaf(address):
            self._unheard.setdefault(address, self._platform.now())
            return
        data = {
            "mailbox": address, "event": notification.event_id, "notice": notification.notice.value,
            "subscription": notification.subscription_id,
        }  # fmt: skip
        self._hop("cal.notify", data)
        self._attempt(address, self._take, address, notification)

    def _take(self, address: str, notification: Notification) -> None:
        uid = self._fetch(address, notification)
        if uid is not None:
            self.chain.walk(uid, notified=address)

    def _attempt(self, address: str, act: Callable[..., object], *args: object) -> None:
        """Do something for a mailbox. What it fails at is no affair of whoever changed the mailbox: it is read again with the daily job."""
        try:
            act(*args)
        except CloudError as error:
            self._unread[address] = None
            self._hop("cal.failed", {"mailbox": address, "why": error.text})

    def _fetch(self, address: str, notification: Notification) -> str | None:
        """Fetch what a notification is about and return the uid of its meeting; None if nothing is known of it."""
        event_id, event = notification.event_id, None
        if notification.notice is not Notice.DELETED:
            try:
                event = self._calendars.event(address, event_id)
            except CloudError:
                event = None
        self._hop("cal.fetch", {"mailbox": address, "event": event_id, "found": event is not None})
        if event is not None:
            self._note(address, event)
            return event.uid
        uid = self._uids.get(event_id) or self._uids.get(event_id.rpartition(".")[0])
        if uid is not None and event_id in self._uids:
            self._forget(uid, address, event_id)
        return uid

    def _note(self, address: str, event: MailboxEvent) -> None:
        """Remember under which id a mailbox has a meeting, and look for the organizer's copy when a room's comes first."""
        record = self._events.get(event.uid) or HybridEvent(id=event.uid, organizer=event.organizer.address)
        root = event.series_id or event.id
        known = record.copies.get(address, ())
        self._uids[root] = event.uid
        self._series[series_id(event.uid)] = event.uid
        if root not in known:
            record = replace(record, copies={**record.copies, address: (*known, root)})
            self._events.put(record)
        if record.organizer not in record.copies and self.chain.organizer(record) is not None:
            self._find_copy(record.organizer, event)

    def _find_copy(self, organizer: str, event: MailboxEvent) -> None:
        try:
            found = self._calendars.occurrences(organizer, event.start, event.end + timedelta(microseconds=1))
        except CloudError:
            return
        own = next((one for one in found if one.uid == event.uid), None)
        if own is not None:
            self._note(organizer, own)

    def _forget(self, uid: str, address: str, event_id: str) -> None:
        record = self._events.get(uid)
        self._uids.pop(event_id, None)
        if record is None:
            return
        left = tuple(one for one in record.copies.get(address, ()) if one != event_id)
        copies = {mailbox: ids for mailbox, ids in record.copies.items() if mailbox != address}
        self._events.put(replace(record, copies={**copies, address: left} if left else copies))

    def _read_all(self, address: str) -> None:
        """Read a mailbox as a whole: what is not over yet, however far ahead, and what is known of it."""
        known = [record.id for record in self._events if address in record.copies]
        found: dict[str, None] = {}
        for event in self._calendars.events(address):
            if not event.is_cancelled and not self._is_behind(event):
                self._note(address, event)
                found[event.uid] = None
        for uid in dict.fromkeys([*found, *known]):
            self.chain.walk(uid, notified=address)

    # -- what waits -------------------------------------------------------------------------------------------------------------------

    def _due(self, uid: str) -> None:
        """Deliver an invitation once everything that is happening now has happened."""
        self._waiting[uid] = None
        if self._flush is None:
            self._flush = self._platform.clock.call_later(0.0, self._deliver_waiting)

    def _deliver_waiting(self) -> None:
        self._flush = None
        for uid in tuple(islice(self._waiting, DELIVERED_AT_ONCE)):
            del self._waiting[uid]
            try:
                self._deliver(uid)
            except CloudError as error:  # the daily job delivers everything once more
                self._hop("cal.failed", {"invitation": uid, "why": error.text})
        if self._waiting and self._flush is None:
            self._flush = self._platform.clock.call_later(0.0, self._deliver_waiting)

    def deliver_now(self, uid: str) -> None:
        """Deliver an invitation without waiting for what else is happening."""
        self._waiting.pop(uid, None)
        self._deliver(uid)

    def invitation_of(self, series: str) -> HybridEvent | None:
        """Return the invitation that the meetings of a series came of; None if it was none."""
        uid = self._series.get(series)
        return self._events.get(uid) if uid is not None else None

    def _deliver(self, uid: str, *, push: bool = True) -> None:
        record = self._events.get(uid)
        if record is None or any(mailbox in self._unheard for mailbox in record.copies):
            return  # what changed in a mailbox that is not heard is not known; once it is heard, it is read as a whole
        if record.reach == Reach.NOW:
            self._delivery.deliver(record, push=push)
        if not self._platform.store[Meeting].where("series_id", series_id(uid)) and self._is_over(record):
            self._events.drop(uid)
            self._series.pop(series_id(uid), None)
            for event_id in (one for ids in record.copies.values() for one in ids):
                self._uids.pop(event_id, None)

    def _is_over(self, record: HybridEvent) -> bool:
        """Say whether nothing can come of an invitation any more: it is gone, cancelled, or lies behind the store's window."""
        event = self.chain.source(record)
        if event is None or event.is_cancelled:
            return True
        return self._is_behind(event)

    def _is_behind(self, event: MailboxEvent) -> bool:
        """Say whether a meeting, or all of a series, lies behind the store's window."""
        first, _ = store_window(self._platform.now())
        rule = event.recurrence
        if rule is None:
            return event.end <= first
        if not rule.count and (rule.ends is None or rule.ends >= first.date()):
            return False
        return not self._calendars.instances(event.mailbox, event.id, first, FOREVER)

    # -- the daily job ----------------------------------------------------------------------------------------------------------------

    def _plan_job(self) -> None:
        now = self._platform.now()
        self._job = self._platform.clock.call_later((next_job(now) - now).total_seconds(), self._daily)

    def _daily(self) -> None:
        """Renew subscriptions, take far meetings whose day has come, let the store's window slide."""
        self._plan_job()
        self.watch()
        self._hop("cal.daily", {"invitations": len(self._events)})
        for address in tuple(self._subscribed):
            self._attempt(address, self.renew, address)
        for record in self._events:
            if record.reach != Reach.NOW:
                self._attempt(record.organizer, partial(self.chain.walk, record.id, is_daily=True))
            self._due(record.id)

    # -- what others tell -------------------------------------------------------------------------------------------------------------

    def workspace_changed(self, workspace: Workspace) -> None:
        """Take over that a workspace has another calendar, another address, or none."""
        self.watch()
        address = workspace.calendar_key
        users = {user.id for user in self._platform.store[User].where("workspace_id", workspace.id)}
        for record in self._events:
            meetings = self._platform.store[Meeting].where("series_id", series_id(record.id))
            if address in record.copies or any(users & set(meeting.user_ids) for meeting in meetings):
                self._due(record.id)

    def people_changed(self, people: Iterable[User]) -> None:
        """Take over that the service works for people from now on, or no more, or that Personal Rooms were tied (O10)."""
        self.watch()
        addresses = {user.email.casefold() for user in people}
        for record in self._events:
            if record.organizer in addresses:
                self._events.change(record.id, seen="")
                self.chain.walk(record.id)

    def machine_created(self, user: User) -> None:
        """Let the account of a new device have the meetings of its room; it learns of them when it first catches up."""
        workspace = self._platform.store[Workspace].get(user.workspace_id)
        if workspace is None or not workspace.calendar_key:
            return
        for record in self._events:
            if workspace.calendar_key in record.copies:
                self._deliver(record.id, push=False)

    def settings_changed(self) -> None:
        """Take over that the service was set up or taken away."""
        self.watch()
        for record in self._events:
            self._due(record.id)

    def _hop(self, kind: str, data: dict[str, Any]) -> None:
        self._platform.trace.event(WHO, kind, data=data, label=Label.DOCUMENTED)
