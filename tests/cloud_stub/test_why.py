"""The control API answers why there is no Join button, from the cloud's side."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from cloud_world import START, World, in_cloud

from tests.endpoint.wire.why_world import both

BASE = "/roomsim/control/v1/why"


async def ask(world: World, query: str = "", body: Any = None, status: int = 200) -> Any:
    reply = await world.admin("POST" if body is not None else "GET", BASE + query, body)
    assert reply.status == status, reply.raw
    return reply.json


def test_evidence_and_report_of_the_clouds_side() -> None:
    async def story(world: World) -> None:
        await world.machine("Huddle")
        do = world.cloud.use_cases
        meeting = do.meeting_create("Review", START, 30, join={"webexURI": "1@site.example"})
        for query in (f"?meeting={meeting.id}", "?meeting=REVIEW", f"?device=huddle&at={START:%Y-%m-%dT%H:%M:%SZ}"):
            answer = await ask(world, query)
            (item,) = answer["items"]
            assert item["evidence"]["dto"]["joinFields"] == ["webexURI"]
            assert item["evidence"]["pushes"][-1]["heard"] == 0
            assert item["report"]["notAsked"] == ["device"]
        assert item["report"]["cause"] == "device_not_registered"  # activated, and never registered
        assert "1@site.example" not in msgspec.json.encode(answer).decode()

    in_cloud(story)


def test_a_push_counts_for_those_only_whom_it_was_for() -> None:
    async def story(world: World) -> None:
        await world.machine("Huddle")
        await world.machine("Lab")
        do, calendar = world.cloud.use_cases, world.cloud.calendar
        huddle, lab = (world.cloud.why.device(name) for name in ("huddle", "lab"))
        made = do.meeting_create("Review", START, 30, user_ids=(huddle.id,))
        calendar.publish(msgspec.structs.replace(made, user_ids=(huddle.id, lab.id)))
        calendar.publish(msgspec.structs.replace(made, user_ids=(lab.id,)))
        told = {
            user.name: [one.event_type for one in world.cloud.why.evidence(made.id, user).pushes or ()]
            for user in (huddle, lab)
        }
        assert told == {
            "Huddle": ["calendar.meeting.create", "calendar.meeting.update", "calendar.meeting.delete"],
            "Lab": ["calendar.meeting.create", "calendar.meeting.update"],
        }

    in_cloud(story)


def test_both_sides() -> None:
    async def story(world: World) -> None:
        await world.machine("Huddle")
        user = world.cloud.why.device()
        meeting = world.cloud.use_cases.meeting_create("Review", START, 30, join={"webexURI": "1@site.example"})
        device = msgspec.structs.replace(both(["clock_wrong"])[1], user_id=user.id, meeting_id=meeting.id)
        answer = await ask(world, body={"evidence": msgspec.to_builtins(device)})
        report = answer["items"][0]["report"]
        assert report["notAsked"] == []
        assert "clock_wrong" in [finding["key"] for finding in report["findings"]]

    in_cloud(story)


@pytest.mark.parametrize(
    ("query", "body", "status", "words"),
    [
        ("?meeting=x", None, 404, "there is no device yet"),
        ("?meting=x", None, 400, "the query has no meting; it has meeting, device, at"),
        ("", {"evidence": {}}, 400, "no meeting is named"),
        ("", {"evidence": {"at": "yesterday"}}, 400, "at"),
        ("", {"meeting": "x"}, 400, "evidence"),
        ("", {"evidence": {}, "meeting": "x", "att": 1}, 400, "att"),
    ],
)
def test_refusals(query: str, body: Any, status: int, words: str) -> None:
    async def story(world: World) -> None:
        assert words in (await ask(world, query, body, status))["message"]

    in_cloud(story)


def test_a_device_has_to_be_named_where_there_are_several() -> None:
    async def story(world: World) -> None:
        await world.machine("Huddle")
        await world.machine("Lab")
        assert "name one device: Huddle, Lab" in (await ask(world, status=400))["message"]
        assert (await ask(world, "?device=Lab"))["items"] == []
        await world.machine("Lab")
        twice = (await ask(world, "?device=Lab", status=400))["message"]
        assert twice.startswith("several devices are called Lab; name one by its id: ")
        named = twice.rpartition(": ")[2].split(", ")
        assert len(named) == 2
        assert [(await ask(world, f"?device={one}"))["items"] for one in named] == [[], []]
        assert (
            "there is no device Attic; there are Huddle, Lab"
            in (await ask(world, "?device=Attic", status=404))["message"]
        )
        assert "at is ISO 8601" in (await ask(world, "?device=Lab&at=9", status=400))["message"]

    in_cloud(story)
