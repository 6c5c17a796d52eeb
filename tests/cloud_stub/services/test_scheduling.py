"""Meetings that clients make, change, delete and answer, and who is free."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from cloud_world import START, Reply, World, in_cloud

from cloud_stub.platform.records import KmsKey, Meeting
from endpoint.runtime.clock import iso_ms

BASE = "/calendar/api/v1"
EVENTS = f"{BASE}/calendarEvents"


def at(minutes: float) -> str:
    return iso_ms(START + timedelta(minutes=minutes))


class Desk:
    """A person with a token and a key."""

    def __init__(self, world: World, name: str = "Jo") -> None:
        use = world.cloud.use_cases
        self.world = world
        self.user = use.user_create(name, f"{name.lower()}@room.example")
        self.token = use.token_create(self.user.id).access.reveal()
        self.key: KmsKey = world.cloud.kms.vault.new_key(self.user.id)

    def seal(self, text: str) -> str:
        return self.world.cloud.kms.vault.cipher(self.key).seal_text(text, bytes(12))

    async def make(self, **body: Any) -> Reply:
        whole = {
            "encryptionKeyUrl": self.key.id,
            "subject": self.seal("Review"),
            "start": at(60),
            "end": at(90),
            **body,
        }
        return await self.world.ask("POST", f"{EVENTS}/sync", whole, token=self.token)

    async def on(self, method: str, meeting_id: str, body: Any = None, what: str = "sync") -> Reply:
        name = base64.urlsafe_b64encode(meeting_id.encode()).decode().rstrip("=")
        return await self.world.ask(method, f"{EVENTS}/{name}/{what}", body, token=self.token)

    def meeting(self, meeting_id: str) -> Meeting | None:
        return self.world.cloud.platform.store[Meeting].get(meeting_id)


def told(story: Callable[[World, Desk], Awaitable[None]]) -> None:
    async def main(world: World) -> None:
        await story(world, Desk(world))

    in_cloud(main)


def test_a_meeting_is_made_changed_answered_and_deleted() -> None:
    async def story(world: World, desk: Desk) -> None:
        other = Desk(world, "Sam")
        people = [
            {"displayName": desk.seal("Sam"), "email": desk.seal("SAM@room.example")},
            {"email": "who@nowhere.example"},
        ]
        made = await desk.make(attendees=people, notes="clear is fine", webexOptions=desk.seal("{}"))
        assert made.status == 201
        found = desk.meeting(made.json["meetingId"])
        assert found is not None
        assert (found.title, found.notes, found.duration_minutes, found.organizer_name) == (
            "Review",
            "clear is fine",
            30,
            "Jo",
        )
        assert found.user_ids == (desk.user.id, other.user.id)
        changed = await desk.on("PATCH", found.id, {"durationMinutes": 45, "attendees": []})
        assert (changed.status, changed.json["meetingId"]) == (200, found.id)
        now = desk.meeting(found.id)
        assert now is not None
        assert (now.duration_minutes, now.start, now.user_ids) == (45, found.start, (desk.user.id,))
        assert (await desk.on("POST", found.id, {"response": "TENTATIVE"}, "respond")).status == 200
        answered = desk.meeting(found.id)
        assert answered is not None
        assert answered.responses == {desk.user.id: "TENTATIVE"}
        assert (await desk.on("DELETE", found.id)).status == 204
        assert desk.meeting(found.id) is None
        assert (await desk.on("DELETE", found.id)).status == 404

    told(story)


def test_who_is_invited_answers_and_only_the_organizer_changes() -> None:
    async def story(world: World, desk: Desk) -> None:
        other = Desk(world, "Sam")
        meeting = world.cloud.use_cases.meeting_create(
            "x", START + timedelta(hours=1), 5, user_ids=[desk.user.id, other.user.id], organizer_id=other.user.id
        )
        assert (await desk.on("PATCH", meeting.id, {"durationMinutes": 1})).status == 403
        assert (await desk.on("DELETE", meeting.id)).status == 403
        assert (await desk.on("POST", meeting.id, {"response": "DECLINED"}, "respond")).status == 200
        assert (await desk.on("POST", meeting.id, {"response": "PERHAPS"}, "respond")).status == 400

    told(story)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"start": None}, "start"),
        ({"start": "noon"}, "start"),
        ({"end": at(0)}, "lasts"),
        ({"encryptionKeyUrl": None}, "encryptionKeyUrl"),
        ({"encryptionKeyUrl": "kms://kms.wbx2.test/keys/none"}, "encryptionKeyUrl"),
        ({"durationMinutes": -1}, "durationMinutes"),
        (
            {
                "subject": "eyJlbmMiOiJBMjU2R0NNIiwiYWxnIjoiZGlyIn0..xhd0NbjiSFxmYb72.4M7eDeuSCCTAG4g.bVWofLdbSINswVcZdbYVCw"
            },
            "key",
        ),
        ({"attendees": [{}] * 201}, "attendees"),
    ],
)
def test_requests_that_break_a_rule_change_nothing(body: dict[str, Any], text: str) -> None:
    async def story(world: World, desk: Desk) -> None:
        reply = await desk.make(**body)
        assert (reply.status, text in reply.json["message"]) == (400, True), reply.json
        assert len(world.cloud.platform.store[Meeting]) == 0

    told(story)


def test_a_key_of_somebody_else_opens_nothing() -> None:
    async def story(world: World, desk: Desk) -> None:
        assert (await desk.make(encryptionKeyUrl=Desk(world, "Sam").key.id)).status == 403

    told(story)


@pytest.mark.parametrize(
    "body",
    [
        {"emails": ["x"]},
        {"userIds": ["x"], "encryptionKeyUrl": "kms://kms.wbx2.test/keys/1"},
        {},
        {"userIds": []},
        {"userIds": ["x"], "end": at(0)},
        {"userIds": ["x"], "start": "noon"},
        {"userIds": ["x"], "end": at(100 * 24 * 60)},
    ],
)
def test_questions_for_free_time_that_break_a_rule_are_refused(body: dict[str, Any]) -> None:
    async def story(world: World, desk: Desk) -> None:
        whole = {"requestId": "1", "start": at(0), "end": at(60), **body}
        assert (await world.ask("POST", f"{BASE}/freebusy", whole, token=desk.token)).status == 400

    told(story)


def test_a_scheduler_sees_its_meeting_or_what_it_begins_with() -> None:
    async def story(world: World, desk: Desk) -> None:
        meeting_id = (await desk.make()).json["meetingId"]
        one = (await world.ask("GET", f"{BASE}/schedulerData?id={meeting_id}", token=desk.token)).json
        none = (await world.ask("GET", f"{BASE}/schedulerData?siteName=a.example", token=desk.token)).json
        assert one["id"] == meeting_id
        assert none["schedulerPreferences"]["siteName"] == "a.example"
        assert {*one["encryptedScheduleFor"]} == {"jo@room.example"} == {*none["encryptedScheduleFor"]}
        assert (await world.ask("GET", f"{BASE}/schedulerData?id=none", token=desk.token)).status == 404

    told(story)
