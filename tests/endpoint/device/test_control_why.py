"""The device's control door answers why there is no Join button."""

from __future__ import annotations

from datetime import timedelta

from device_room import START, Room, play

from endpoint.wire.why_report import Report, State
from tests.endpoint.wire.why_world import both

WORDS = {"join": {"webexURI": "1@site.example"}}


async def made(room: Room, title: str = "Review") -> str:
    assert room.cloud is not None
    meeting = room.cloud.use_cases.meeting_create(title, START + timedelta(hours=1), 30, **WORDS)
    await room.device.world.clock.sleep(1)
    return meeting.id


def test_one_side_by_id_by_title_and_all_of_a_day() -> None:
    async def scene(room: Room) -> None:
        await room.online()
        meeting = await made(room)
        for query in (f"?meeting={meeting}", "?meeting=review", ""):
            answer = await room.get(f"/why{query}")
            assert (answer["side"], answer["version"]) == ("device", 1)
            (item,) = answer["items"]
            assert (item["evidence"]["meetingId"], item["evidence"]["isStored"]) == (meeting, True)
            assert item["evidence"]["meeting"]["joinFields"] == ["webexURI"]
            assert (item["report"]["cause"], item["report"]["verdict"]) == ("ok", "comes")
            assert item["report"]["notAsked"] == ["cloud"]
        assert "1@site.example" not in "".join(room.heard)

    play(scene, cloud=True)


def test_another_moment() -> None:
    async def scene(room: Room) -> None:
        await room.online()
        await made(room)
        answer = await room.get("/why?meeting=Review&at=2026-03-02T09:46:00Z")
        assert answer["items"][0]["report"]["at"] == "2026-03-02T09:46:00Z"
        assert (await room.get("/why?at=2026-03-09T09:46:00Z"))["items"] == []
        assert (await room.ask("GET", "/why?at=soon")).code == "bad_instant"

    play(scene, cloud=True)


def test_both_sides() -> None:
    async def scene(room: Room) -> None:
        cloud, _ = both(["room_declined"])
        import msgspec

        reply = await room.ask("POST", "/why", {"evidence": msgspec.to_builtins(cloud), "at": "2026-03-02T08:57:00Z"})
        (item,) = reply.json["items"]
        report = msgspec.convert(item["report"], Report)
        assert report.keys == ("room_declined", "device_not_registered")  # a device out of the box
        assert {one.id: one.state for one in report.links}["room"] is State.BROKEN
        assert report.not_asked == ()

    play(scene)


def test_questions_that_are_none() -> None:
    async def scene(room: Room) -> None:
        assert (await room.ask("POST", "/why", {"evidence": {}})).code == "no_meeting"
        assert (await room.ask("POST", "/why", {"evidence": {"at": "2026-03-02T08:57:00"}})).code == "bad_field"
        assert (await room.ask("POST", "/why", {"evidenc": {}})).code == "unknown_field"
        assert (await room.ask("POST", "/why", {"meeting": "x"})).code == "bad_field"
        assert (await room.ask("GET", "/why?meting=x")).code == "unknown_field"
        assert (await room.ask("POST", "/why", {"evidence": {"room": 3}, "meeting": "x"})).code == "bad_field"

    play(scene)
