"""Who watches mailboxes, and how each is told: services of this process, or web hooks by HTTP POST.

A notification names the event and nothing of what is in it. A web hook that does not answer 2xx is asked again after 10, 30 and 60 s, then
the notification is dropped and counted, and the life cycle URL hears `missed`. A subscription that has expired is told nothing.
`clientState` is a secret between the client and us: it is sent to the client's own URL and nowhere else.
Source: protocol/calendar-and-obtp.md 7.4, 13.2.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from cloud_stub.hybrid_calendar.mailboxes.errors import CalendarError
from cloud_stub.hybrid_calendar.mailboxes.feed import Change
from cloud_stub.hybrid_calendar.platforms.hooks import HookFailed, Hooks
from cloud_stub.hybrid_calendar.platforms.platform import Notice, Notification, Watcher
from cloud_stub.platform.context import Platform
from cloud_stub.platform.errors import BoundHit
from cloud_stub.platform.mailbox_records import CalendarSubscription
from endpoint.runtime.clock import Timer, iso_seconds
from endpoint.runtime.errors import LimitExceeded

RETRIES_S: Final = (10.0, 30.0, 60.0)
WAITING_MAX: Final = 1_000
"""Notifications of one subscription that wait for its web hook; the oldest are dropped and counted."""
AGAIN_MAX: Final = 1_000
"""Notifications of one subscription that wait to be tried again; further ones that fail are dropped and counted."""
LIFE_MAX: Final = timedelta(minutes=10_080)
"""The longest life of a subscription to events."""
REAUTHORIZE_S: Final = 900.0
"""How long before its end a subscription with a life cycle URL hears reauthorizationRequired; ours."""
KEPT_AFTER_END: Final = timedelta(days=1)
"""Expired subscriptions are remembered so long, for whoever asks why nothing came."""
LATE_S: Final = 30.0
WHO: Final = "cloud:graph"


class UnknownSubscription(CalendarError):
    """404: there is no such subscription, or not any more."""

    def __init__(self) -> None:
        super().__init__(404, "The object was not found.", "ResourceNotFound")


@dataclass(slots=True, eq=False)
class _Item:
    url: str
    body: Mapping[str, Any]
    about: Mapping[str, Any]
    is_lifecycle: bool = False
    tries: int = 0


@dataclass(slots=True)
class _Outbox:
    waiting: deque[_Item] = field(default_factory=deque)
    again: int = 0
    is_busy: bool = False


_NOTHING: Final = _Outbox()


class Subscriptions:
    """The subscriptions of one platform."""

    def __init__(self, platform: Platform, name: str, hooks: Hooks) -> None:
        self._platform = platform
        self._name = name
        self._hooks = hooks
        self._table = platform.store[CalendarSubscription]
        self._watchers: list[Watcher] = []
        self._outboxes: dict[str, _Outbox] = {}
        self._lifecycle: dict[str, Timer] = {}
        self._later: set[Timer] = set()
        self.dropped = 0
        """Notifications that no web hook took, in all."""
        for one in tuple(self._table):
            if not one.url:  # of a service of an earlier start, which subscribes anew
                self._table.drop(one.id)

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Tell every notification of subscriptions of this process; returns what ends that."""
        self._watchers.append(watcher)

        def end() -> None:
            if watcher in self._watchers:
                self._watchers.remove(watcher)

        return end

    def start(self) -> None:
        """Plan what subscriptions of an earlier start still have to hear."""
        for one in self._table:
            self._plan_lifecycle(one)

    def stop(self) -> None:
        """Send nothing any more."""
        for timer in (*self._lifecycle.values(), *self._later):
            timer.cancel()
        self._lifecycle.clear()
        self._later.clear()
        self._outboxes.clear()

    # -- life -------------------------------------------------------------------------------------------------------------------------

    def add(self, record: CalendarSubscription) -> CalendarSubscription:
        """Keep a subscription; its hook has been validated.

        Raises:
            BoundHit: there are too many.
        """
        now = self._platform.now()
        for old in tuple(self._table):
            if old.expires + KEPT_AFTER_END <= now:
                self._forget(old.id)
                self._table.drop(old.id)
        self._table.put(record)
        self._plan_lifecycle(record)
        data = {"subscription": record.id, "mailbox": record.mailbox, "expires": iso_seconds(record.expires)}
        self._platform.trace.event(WHO, "graph.subscribe", data=data)
        return record

    def new_id(self, mailbox: str) -> str:
        """Draw the id of the next subscription to a mailbox."""
        return self._platform.new_id("calendar subscription", mailbox)

    def life(self, expires: datetime | None) -> datetime:
        """Return the end of a life that is asked for, None for the longest.

        Raises:
            CalendarError: it is over already, or too long.
        """
        now = self._platform.now()
        if expires is None:
            return now + LIFE_MAX
        if expires <= now:
            raise CalendarError(400, "expirationDateTime has to lie in the future.", "InvalidRequest")
        if expires > now + LIFE_MAX + timedelta(minutes=1):
            minutes = LIFE_MAX // timedelta(minutes=1)
            raise CalendarError(
                400, f"Subscription expiration can only be {minutes} minutes in the future.", "InvalidRequest"
            )
        return expires

    def get(self, subscription_id: str) -> CalendarSubscription:
        """Return a subscription that lives; UnknownSubscription otherwise."""
        found = self._table.get(subscription_id)
        if found is None or not self.is_live(found):
            raise UnknownSubscription
        return found

    def is_live(self, one: CalendarSubscription) -> bool:
        """Say whether a subscription is told of changes now."""
        return not one.is_removed and self._platform.now() < one.expires

    def known(self, mailbox: str) -> list[CalendarSubscription]:
        """Return subscriptions to a mailbox, also those that ended not long ago."""
        return self._table.where("mailbox", mailbox)

    def renew(self, subscription_id: str, expires: datetime | None) -> CalendarSubscription:
        """Let a subscription live until another instant."""
        renewed = self._table.change(self.get(subscription_id).id, expires=self.life(expires))
        self._plan_lifecycle(renewed)
        data = {"subscription": renewed.id, "mailbox": renewed.mailbox, "expires": iso_seconds(renewed.expires)}
        self._platform.trace.event(WHO, "graph.renew", data=data)
        return renewed

    def remove(self, subscription_id: str) -> None:
        """End a subscription as its client."""
        self.get(subscription_id)
        self._forget(subscription_id)
        self._table.drop(subscription_id)
        self._platform.trace.event(WHO, "graph.unsubscribe", data={"subscription": subscription_id})

    def expire(self, mailbox: str = "") -> int:
        """Let subscriptions, of one mailbox or all, run out now; returns how many did."""
        now, ended = self._platform.now(), 0
        for one in tuple(self._table):
            if self.is_live(one) and mailbox in ("", one.mailbox):
                self._table.change(one.id, expires=now)
                self._forget(one.id)
                self._platform.trace.event(WHO, "graph.expired", data={"subscription": one.id, "mailbox": one.mailbox})
                ended += 1
        return ended

    def take_away(self, mailbox: str = "") -> int:
        """Remove subscriptions as the platform itself does at times; the life cycle URL hears so. Returns how many there were."""
        ended = 0
        for one in tuple(self._table):
            if self.is_live(one) and mailbox in ("", one.mailbox):
                self._forget(one.id)
                self._tell_lifecycle(self._table.change(one.id, is_removed=True), Notice.REMOVED)
                ended += 1
        return ended

    def _forget(self, subscription_id: str) -> None:
        timer = self._lifecycle.pop(subscription_id, None)
        if timer is not None:
            timer.cancel()
        outbox = self._outboxes.pop(subscription_id, None)
        if outbox is not None:
            outbox.waiting.clear()

    # -- telling ----------------------------------------------------------------------------------------------------------------------

    def tell(self, change: Change) -> None:
        """Tell a change to every subscription to its mailbox."""
        for one in self._table.where("mailbox", change.mailbox):
            if change.kind.value in one.changes and not one.is_removed:
                self._tell(one, change)

    def _tell(self, one: CalendarSubscription, change: Change) -> None:
        about = {"subscription": one.id, "mailbox": one.mailbox, "event": change.event_id, "change": change.kind.value}
        if not self.is_live(one):
            self._platform.trace.event(
                WHO, "graph.notify", id=change.uid or None, data={**about, "lost": "subscription expired"}
            )
            return
        fault = self._platform.faults.hit(
            "hybrid", step="notify", mailbox=one.mailbox, change=change.kind.value, subscription=one.id
        )
        does = fault.do if fault is not None else ""
        if does == "notification_lost":
            self._platform.trace.event(WHO, "graph.notify", id=change.uid or None, data={**about, "lost": "fault"})
            return
        if does == "notification_late" and fault is not None:
            self._after(float(fault.params.get("by", LATE_S)), self._send, one.id, change, about)
            return
        for _ in range(2 if does == "notification_twice" else 1):
            self._send(one.id, change, about)

    def _send(self, subscription_id: str, change: Change, about: Mapping[str, Any]) -> None:
        one = self._table.get(subscription_id)
        if one is None or not self.is_live(one):
            return
        n = self._platform.trace.event(WHO, "graph.notify", id=change.uid or None, data=about)
        if not one.url:
            note = Notification(self._name, one.id, one.mailbox, change.event_id, Notice(change.kind.value), n)
            for watcher in tuple(self._watchers):
                watcher(note)
            return
        resource = f"users/{one.mailbox}/events/{change.event_id}"
        value = {
            "subscriptionId": one.id, "subscriptionExpirationDateTime": iso_seconds(one.expires), "changeType": change.kind.value,
            "resource": resource, "tenantId": self._platform.org_id(),
            "resourceData": {
                "@odata.type": "#Microsoft.Graph.Event", "@odata.id": resource, "id": change.event_id,
            },
        }  # fmt: skip
        self._queue(one, _Item(one.url, self._body(one, value), about))

    @staticmethod
    def _body(one: CalendarSubscription, value: dict[str, Any]) -> dict[str, Any]:
        secret = {"clientState": one.client_state} if one.client_state else {}
        return {"value": [{**value, **secret}]}

    def _tell_lifecycle(self, one: CalendarSubscription, notice: Notice) -> None:
        about = {"subscription": one.id, "mailbox": one.mailbox, "lifecycle": notice.value}
        n = self._platform.trace.event(WHO, "graph.notify", data=about)
        if not one.url:
            for watcher in tuple(self._watchers):
                watcher(Notification(self._name, one.id, one.mailbox, "", notice, n))
        elif one.lifecycle_url:
            value = {
                "subscriptionId": one.id, "subscriptionExpirationDateTime": iso_seconds(one.expires), "lifecycleEvent": notice.value,
                "resource": one.resource, "tenantId": self._platform.org_id(),
            }  # fmt: skip
            self._queue(one, _Item(one.lifecycle_url, self._body(one, value), about, is_lifecycle=True))

    def _plan_lifecycle(self, one: CalendarSubscription) -> None:
        timer = self._lifecycle.pop(one.id, None)
        if timer is not None:
            timer.cancel()
        if not one.lifecycle_url or not self.is_live(one):
            return
        wait_s = (one.expires - self._platform.now()).total_seconds() - REAUTHORIZE_S
        self._lifecycle[one.id] = self._platform.clock.call_later(max(0.0, wait_s), self._reauthorize, one.id)

    def _reauthorize(self, subscription_id: str) -> None:
        self._lifecycle.pop(subscription_id, None)
        one = self._table.get(subscription_id)
        if one is not None and self.is_live(one):
            self._tell_lifecycle(one, Notice.REAUTHORIZE)

    # -- the way out ------------------------------------------------------------------------------------------------------------------

    def _queue(self, one: CalendarSubscription, item: _Item) -> None:
        outbox = self._outboxes.setdefault(one.id, _Outbox())
        outbox.waiting.append(item)
        if len(outbox.waiting) > WAITING_MAX:
            oldest = next((waits for waits in outbox.waiting if not waits.is_lifecycle), item)
            outbox.waiting.remove(oldest)
            self._drop(one.id, oldest, BoundHit("waiting notifications", WAITING_MAX).text)
        if outbox.is_busy:
            return
        outbox.is_busy = True
        try:
            self._hooks.start(self._empty(one.id, outbox), f"web hook of {one.id}")
        except LimitExceeded as error:
            outbox.is_busy = False
            outbox.waiting.remove(item)
            self._try_again(one.id, outbox, item, str(error))

    async def _empty(self, subscription_id: str, outbox: _Outbox) -> None:
        """Send what waits, one after the other, so that a hook hears things in their order."""
        try:
            while outbox.waiting:
                item = outbox.waiting.popleft()
                try:
                    status = await self._hooks.post(item.url, item.body)
                except HookFailed as error:
                    self._try_again(subscription_id, outbox, item, error.reason)
                    continue
                data = {**item.about, "to": "web hook", "status": status}
                self._platform.trace.event(WHO, "graph.delivered", data=data)
        finally:
            outbox.is_busy = False

    def _try_again(self, subscription_id: str, outbox: _Outbox, item: _Item, reason: str) -> None:
        data = {**item.about, "try": item.tries + 1, "reason": reason}
        self._platform.trace.event(WHO, "graph.undelivered", data=data)
        if item.tries >= len(RETRIES_S):
            self._drop(subscription_id, item, reason)
            return
        if outbox.again >= AGAIN_MAX:
            self._drop(subscription_id, item, BoundHit("notifications to be tried again", AGAIN_MAX).text)
            return
        wait_s = RETRIES_S[item.tries]
        item.tries += 1
        outbox.again += 1
        self._after(wait_s, self._requeue, subscription_id, outbox, item)

    def _requeue(self, subscription_id: str, outbox: _Outbox, item: _Item) -> None:
        outbox.again -= 1
        one = self._table.get(subscription_id)
        if one is not None and (self.is_live(one) or item.is_lifecycle):
            self._queue(one, item)

    def _drop(self, subscription_id: str, item: _Item, reason: str) -> None:
        self.dropped += 1
        self._platform.trace.event(WHO, "drop", data={**item.about, "what": "notification", "reason": reason})
        one = self._table.get(subscription_id)
        if one is not None and not item.is_lifecycle:
            one = self._table.change(one.id, missed=one.missed + 1)
            outbox = self._outboxes.get(one.id, _NOTHING)
            if not any(waits.about.get("lifecycle") == Notice.MISSED for waits in outbox.waiting):  # one says it of all
                self._tell_lifecycle(one, Notice.MISSED)

    def _after(self, delay_s: float, callback: Callable[..., object], *args: object) -> None:
        def fire() -> None:
            self._later.discard(timer)
            callback(*args)

        timer = self._platform.clock.call_later(delay_s, fire)
        self._later.add(timer)
