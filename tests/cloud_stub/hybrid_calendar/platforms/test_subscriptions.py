"""Subscriptions: the handshake, what web hooks and services of the process hear, retries, ends, faults."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cloud_world import World, in_cloud
from graph_hook import Hook, hooked

from cloud_stub.hybrid_calendar.mailboxes.drafts import Draft, invited
from cloud_stub.hybrid_calendar.platforms import subscriptions
from cloud_stub.hybrid_calendar.platforms.platform import Notice, Notification
from cloud_stub.hybrid_calendar.platforms.subscriptions import UnknownSubscription
from cloud_stub.platform.fault_points import aimed
from cloud_stub.platform.mailbox_records import MailboxEvent, MailboxKind
from endpoint.runtime import tasks
from endpoint.runtime.clock import iso_seconds
from endpoint.runtime.faults import Fault

ROOM, ANNA = "room@contoso.test", "anna@contoso.test"
SECRET = "only we two know"


class Stage:
    """A cloud with a room, a person, and a hook."""

    def __init__(self, world: World, hook: Hook) -> None:
        self.world, self.hook = world, hook
        self.invited = 0
        self.graph, self.store = world.cloud.graph, world.cloud.mailboxes

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        reply = await self.world.ask(method, f"/v1.0{path}", body)
        return reply.status, reply.json if reply.raw else None

    async def subscribe(self, status: int = 201, life_s: float = 3600, **members: Any) -> Any:
        wanted = {
            "changeType": "created,updated,deleted", "notificationUrl": self.hook.url, "resource": f"/users/{ROOM}/events",
            "clientState": SECRET, "expirationDateTime": iso_seconds(self.world.clock.now() + timedelta(seconds=life_s)), **members,
        }  # fmt: skip
        got, answer = await self.ask("POST", "/subscriptions", wanted)
        assert got == status, answer
        return answer

    def invite(self, **fields: Any) -> MailboxEvent:
        self.invited += 1
        start = self.world.clock.now() + timedelta(days=self.invited)
        draft = {"start": start, "end": start + timedelta(hours=1), "attendees": invited(ROOM), **fields}
        return self.store.create(ANNA, Draft(**draft))

    async def wait(self, seconds: float) -> None:
        await self.world.clock.sleep(seconds)

    def kinds(self, kind: str) -> list[Any]:
        return [event.data for event in self.world.trace.events if event.kind == kind]

    def fault(self, do: str, **params: Any) -> None:
        as_asked = aimed("hybrid", do, {"mailbox": ROOM}, params)
        assert as_asked is not None
        on, do, target, params = as_asked
        self.world.faults.arm(Fault(id="it", on=on, do=do, target=target, params=params))


def story(tell: Callable[[Stage], Awaitable[None]]) -> None:
    async def main(world: World) -> None:
        world.cloud.mailboxes.create_mailbox(ROOM, "Oslo")
        world.cloud.mailboxes.create_mailbox(ANNA, "Anna", kind=MailboxKind.USER)
        async with hooked(world) as hook:
            await tell(Stage(world, hook))

    in_cloud(main)


def test_hook_is_validated_and_then_told() -> None:
    async def tell(stage: Stage) -> None:
        made = await stage.subscribe()
        assert (made["clientState"], made["changeType"], made["resource"]) == (
            SECRET,
            "created,updated,deleted",
            f"/users/{ROOM}/events",
        )
        meeting = stage.invite()
        await stage.wait(1)
        ((_, told),) = stage.hook.told
        (copy,) = stage.store.events(ROOM)
        assert (told["subscriptionId"], told["changeType"], told["clientState"]) == (made["id"], "created", SECRET)
        assert told["resource"] == f"users/{ROOM}/events/{copy.id}"
        assert told["resourceData"]["@odata.type"] == "#Microsoft.Graph.Event"
        assert told["resourceData"]["id"] == copy.id
        stage.store.update(ANNA, meeting.id, location="elsewhere")
        stage.store.cancel(ANNA, meeting.id)
        stage.store.delete(ROOM, copy.id)
        await stage.wait(1)
        assert stage.hook.changes == ["created", "updated", "updated", "deleted"]
        shown = [event.as_json() for event in stage.world.trace.events]
        assert not [line for line in shown if SECRET in line]

    story(tell)


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ({"repeats": False}, "did not answer with the validation token"),
        ({"kind": "text/html"}, "has to be text/plain"),
        ({"delay_s": 11.0}, "no answer within 10 s"),
        ({"url": "http://127.0.0.1:1/hook"}, "connection refused"),
        ({"url": "http://nobody.example/hook"}, "nobody.example is not on this machine"),
        ({"url": "https://hook.microsoft.com/"}, "is not on this machine"),
        ({"url": "http://192.0.2.1/hook"}, "is not on this machine"),
        ({"url": "http://test.example/hook"}, "is not on this machine"),
        ({"url": "http://unpublished.test/hook"}, "could not resolve"),
        ({"url": "hook"}, "notificationUrl is a URL"),
        ({"url": "http://[::1/hook"}, "notificationUrl is a URL"),
    ],
)
def test_hook_that_does_not_validate_is_refused(answers: dict[str, Any], why: str) -> None:
    async def tell(stage: Stage) -> None:
        for name, value in answers.items():
            setattr(stage.hook, name, value)
        began = stage.world.clock.time()
        refused = await stage.subscribe(400)
        assert refused["error"]["code"] == "ValidationError"
        assert why in refused["error"]["message"]
        assert stage.world.clock.time() - began <= 10.1
        assert stage.graph.subscriptions.known(ROOM) == []

    story(tell)


@pytest.mark.parametrize(
    ("members", "status", "code"),
    [
        ({"changeType": "created,moved"}, 400, "InvalidRequest"),
        ({"resource": "/me/events"}, 400, "InvalidRequest"),
        ({"resource": "/users/nobody@contoso.test/events"}, 404, "ErrorInvalidUser"),
        ({"expirationDateTime": "2020-01-01T00:00:00Z"}, 400, "InvalidRequest"),
        ({"expirationDateTime": "2036-01-01T00:00:00Z"}, 400, "InvalidRequest"),
        ({"expirationDateTime": "soon"}, 400, "InvalidRequest"),
        ({"clientState": "x" * 129}, 400, "InvalidRequest"),
        ({"lifecycleNotificationUrl": "http://example.com"}, 400, "ValidationError"),
        ({"notificationUrl": None}, 400, "RequestBodyRead"),
    ],
)
def test_subscription_that_is_none(members: dict[str, Any], status: int, code: str) -> None:
    async def tell(stage: Stage) -> None:
        refused = await stage.subscribe(status, **members)
        assert refused["error"]["code"] == code

    story(tell)


def test_retries_after_10_30_and_60_seconds_then_dropped() -> None:
    async def tell(stage: Stage) -> None:
        await stage.subscribe(lifecycleNotificationUrl=stage.hook.url, life_s=36_000)
        began = stage.world.clock.time()
        stage.hook.statuses = [500, 503, 404, 500]
        stage.invite()
        await stage.wait(300)
        assert [round(at - began) for at, _ in stage.hook.told] == [0, 10, 40, 100, 100]
        assert stage.hook.changes == ["created"] * 4 + ["missed"]
        assert stage.graph.subscriptions.dropped == 1
        assert [one["try"] for one in stage.kinds("graph.undelivered")] == [1, 2, 3, 4]
        assert [one.missed for one in stage.graph.subscriptions.known(ROOM)] == [1]

    story(tell)


def test_a_retry_that_succeeds_ends_them() -> None:
    async def tell(stage: Stage) -> None:
        await stage.subscribe()
        stage.hook.statuses = [500]
        stage.invite()
        await stage.wait(300)
        assert stage.hook.changes == ["created", "created"]
        assert stage.graph.subscriptions.dropped == 0

    story(tell)


def test_life_renewal_and_end() -> None:
    async def tell(stage: Stage) -> None:
        made = await stage.subscribe(life_s=1000, lifecycleNotificationUrl=stage.hook.url)
        await stage.wait(200)
        assert stage.hook.changes == ["reauthorizationRequired"]  # 900 s before the end
        later = iso_seconds(stage.world.clock.now() + timedelta(seconds=2000))
        status, renewed = await stage.ask("PATCH", f"/subscriptions/{made['id']}", {"expirationDateTime": later})
        assert (status, renewed["expirationDateTime"]) == (200, later)
        await stage.wait(1500)
        stage.invite()
        await stage.wait(501)
        assert stage.hook.changes == ["reauthorizationRequired", "reauthorizationRequired", "created"]
        stage.invite(subject="after the end")
        await stage.wait(10)
        assert len(stage.hook.told) == 3
        assert stage.kinds("graph.notify")[-1]["lost"] == "subscription expired"
        status, refused = await stage.ask("PATCH", f"/subscriptions/{made['id']}", {"expirationDateTime": later})
        assert (status, refused["error"]["code"]) == (404, "ResourceNotFound")
        made = await stage.subscribe()
        assert (await stage.ask("DELETE", f"/subscriptions/{made['id']}"))[0] == 204
        stage.invite(subject="nobody is told")
        await stage.wait(10)
        assert len(stage.hook.told) == 3

    story(tell)


def test_a_subscription_is_told_only_what_it_asked_for() -> None:
    async def tell(stage: Stage) -> None:
        await stage.subscribe(changeType="deleted")
        meeting = stage.invite()
        stage.store.update(ANNA, meeting.id, subject="new")
        stage.store.delete(ROOM, stage.store.events(ROOM)[0].id)
        await stage.wait(1)
        assert stage.hook.changes == ["deleted"]

    story(tell)


def test_a_service_of_the_process_watches_without_a_hook() -> None:
    async def tell(stage: Stage) -> None:
        platform, told = stage.graph.office365, list[Notification]()
        end = platform.watch(told.append)
        stage.invite(subject="before anybody subscribed")
        mine = platform.subscribe(ROOM, stage.world.clock.now() + timedelta(hours=1))
        theirs = platform.subscribe(ANNA)
        meeting = stage.invite()
        assert [(one.mailbox, one.notice) for one in told] == [(ANNA, "created"), (ROOM, "created"), (ANNA, "updated")]
        assert platform.event(told[1].mailbox, told[1].event_id).uid == meeting.uid
        assert {one.subscription_id for one in told} == {mine.id, theirs.id}
        told.clear()
        await stage.wait(3601)
        stage.store.update(ANNA, meeting.id, subject="new")
        assert [one.mailbox for one in told] == [ANNA]
        with pytest.raises(UnknownSubscription):
            platform.renew(mine.id)
        platform.unsubscribe(theirs.id)
        end()
        platform.patch(ANNA, meeting.id, body="join here", properties={"a": "b"})
        assert len(told) == 1
        assert platform.event(ANNA, meeting.id).properties == {"a": "b"}

    story(tell)


@pytest.mark.parametrize(
    ("do", "params", "heard_at"),
    [("notification_lost", {}, []), ("notification_late", {"by": 7}, [7]), ("notification_twice", {}, [0, 0])],
)
def test_notifications_are_lost_late_and_told_twice(do: str, params: dict[str, Any], heard_at: list[int]) -> None:
    async def tell(stage: Stage) -> None:
        await stage.subscribe()
        stage.fault(do, **params)
        began = stage.world.clock.time()
        stage.invite()
        await stage.wait(60)
        assert [round(at - began) for at, _ in stage.hook.told] == heard_at

    story(tell)


def test_subscriptions_that_are_ended_from_outside() -> None:
    async def tell(stage: Stage) -> None:
        told: list[Notification] = []
        stage.graph.office365.watch(told.append)
        mine = stage.graph.office365.subscribe(ROOM)
        assert stage.graph.subscriptions.expire(ROOM) == 1
        stage.invite()
        assert told == []
        with pytest.raises(UnknownSubscription):
            stage.graph.office365.renew(mine.id)
        await stage.subscribe(lifecycleNotificationUrl=stage.hook.url)
        stage.graph.office365.subscribe(ROOM)
        assert stage.graph.subscriptions.take_away() == 2
        await stage.wait(1)
        assert [one.notice for one in told] == [Notice.REMOVED]
        assert stage.hook.changes == ["subscriptionRemoved"]

    story(tell)


def test_what_fails_while_much_waits_to_be_tried_again_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "AGAIN_MAX", 2)

    async def tell(stage: Stage) -> None:
        await stage.subscribe()
        stage.hook.status = 500
        for _ in range(5):
            stage.invite()
        await stage.wait(1)
        assert [drop["reason"] for drop in stage.kinds("drop")] == [
            "notifications to be tried again is limited to 2"
        ] * 3
        assert stage.graph.subscriptions.dropped == 3
        stage.hook.status = 202
        await stage.wait(30)
        assert len(stage.kinds("graph.delivered")) == 2
        stage.invite()
        await stage.wait(1)
        assert len(stage.kinds("graph.delivered")) == 3

    story(tell)


def test_a_slow_hook_has_no_more_waiting_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "WAITING_MAX", 3)

    async def tell(stage: Stage) -> None:
        mine = await stage.subscribe(lifecycleNotificationUrl=stage.hook.url)
        stage.hook.delay_s = 5
        for _ in range(20):
            stage.invite()
            await stage.wait(0.01)
        await stage.wait(100)
        assert len(stage.hook.told) == 4
        assert stage.hook.changes.count("missed") == 1
        [kept] = stage.graph.subscriptions.known(ROOM)
        assert (kept.id, kept.missed) == (mine["id"], 17)

    story(tell)


def test_a_hook_is_told_later_when_too_much_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def tell(stage: Stage) -> None:
        await stage.subscribe()
        monkeypatch.setattr(tasks, "RUNNING_MAX", 0)
        stage.invite()
        await stage.wait(1)
        assert [one["reason"] for one in stage.kinds("graph.undelivered")] == ["tasks of one owner is limited to 0"]
        monkeypatch.undo()
        await stage.wait(10)
        assert stage.hook.changes == ["created"]

    story(tell)


def test_nothing_is_sent_any_more_after_an_end() -> None:
    async def tell(stage: Stage) -> None:
        mine = await stage.subscribe()
        stage.hook.delay_s = 5
        for _ in range(3):
            stage.invite()
        await stage.wait(1)
        await stage.ask("DELETE", f"/subscriptions/{mine['id']}")
        await stage.wait(60)
        assert len(stage.hook.told) == 1

    story(tell)


def test_subscriptions_of_services_do_not_pile_up_over_restarts(tmp_path: Path) -> None:
    async def start(world: World) -> None:
        if not world.cloud.mailboxes.mailboxes():
            world.cloud.mailboxes.create_mailbox(ROOM, "Oslo")
        world.cloud.graph.office365.subscribe(ROOM)
        assert len(world.cloud.graph.subscriptions.known(ROOM)) == 1

    for _ in range(3):
        in_cloud(start, state_dir=tmp_path)
