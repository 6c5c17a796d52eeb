"""The calendar: list, window, pages, single events, pushes."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest
from cloud_world import START, Exchange, World, in_cloud

from cloud_stub.platform.errors import BadRequest, Conflict, NotFound
from cloud_stub.platform.records import KmsKey, Meeting
from cloud_stub.services import calendar
from endpoint.wire.calendar import parse_meeting, parse_page
from endpoint.wire.conventions import format_instant

EVENTS = "/calendar/api/v1/calendarEvents"


def at(hours: float) -> str:
    return format_instant(START + timedelta(hours=hours))


def meet(world: World, hours: float = 1, **fields: Any) -> Meeting:
    title = fields.pop("title", "Review")
    return world.cloud.use_cases.meeting_create(
        title, START + timedelta(hours=hours), fields.pop("duration_minutes", 30), **fields
    )


async def listed(world: World, token: str, query: str = "") -> list[str]:
    reply = await world.ask("GET", f"{EVENTS}?{query}", token=token)
    meetings = [received.meeting for received in parse_page(reply.raw).meetings]
    return [opened(world, meeting.encryption_key_url, meeting.encrypted_subject) for meeting in meetings]


def opened(world: World, key_url: str | None, text: str | None) -> str:
    """Read a sealed text with the key that the cloud has."""
    vault = world.cloud.kms.vault
    key = world.cloud.platform.store[KmsKey].get(key_url or "")
    assert key is not None
    return vault.cipher(key).open_text(text or "")


def test_meeting_is_listed_as_the_device_reads_it() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        meeting = meet(
            world,
            join={"meetingJoinURI": "1@x.example", "webexURI": "2@x.example", "callURI": "3@x.example"},
            location="Room 1",
            notes="Agenda",
        )
        item = (await world.ask("GET", EVENTS, token=token)).json["items"][0]
        path = base64.urlsafe_b64encode(meeting.id.encode()).decode().rstrip("=")
        url = f"{world.base}{EVENTS}/{path}"
        assert item["links"] == [{"href": url, "rel": "self"}]
        assert (item["id"], item["seriesId"], item["start"]) == (meeting.id, meeting.id, "2026-03-02T09:00:00.000Z")
        assert (item["durationMinutes"], item["isRecurring"], item["meetingJoinType"]) == (30, False, "WEBEX")
        key = item["encryptionKeyUrl"]
        assert key.startswith("kms://kms.wbx2.test/keys/")
        texts = [opened(world, key, item[name]) for name in ("encryptedSubject", "encryptedNotes", "encryptedLocation")]
        assert texts == ["Review", "Agenda", "Room 1"]
        assert item["meetingJoinInfo"] == {"meetingJoinURI": "1@x.example"}
        assert (item["webexURI"], item["callURI"], "spaceURI" in item) == ("2@x.example", "3@x.example", False)
        assert [person["type"] for person in item["encryptedParticipants"]] == ["ROOM"]
        assert opened(world, key, item["encryptedOrganizer"]["encryptedName"]) == "Admin"

    in_cloud(story)


def test_compact_leaves_out_notes_and_participants() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        url = f"{EVENTS}/{base64.b64encode(meet(world, notes='x').id.encode()).decode()}"
        whole = (await world.ask("GET", url, token=token)).json
        compact = (await world.ask("GET", f"{url}?compact=true", token=token)).json
        assert set(whole) - set(compact) == {"encryptedNotes", "encryptedParticipants"}
        listed = (await world.ask("GET", f"{EVENTS}?compact=true", token=token)).json["items"][0]
        assert listed == compact

    in_cloud(story)


def test_window_holds_what_ends_after_its_start_and_starts_before_its_end() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        for hours, title in (
            (-1, "over"),
            (-0.5, "touches the start"),
            (-0.25, "runs"),
            (1, "touches the end"),
            (0.9, "in"),
        ):
            meet(world, hours, title=title)
        window = f"fromDate={at(0)}&toDate={at(1)}"
        assert await listed(world, token, window) == ["runs", "in"]
        assert len(await listed(world, token)) == 5

    in_cloud(story)


def test_pages_are_ordered_by_start_then_id() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        for n in range(7):
            meet(world, 7 - n, title=str(n))
        twins = sorted(meet(world, 9, title="twin", meeting_id=name).id for name in ("b", "a"))
        pages = [await listed(world, token, f"max=3&offset={offset}") for offset in (0, 3, 6, 9)]
        assert pages == [["6", "5", "4"], ["3", "2", "1"], ["0", "twin", "twin"], []]
        reply = await world.ask("GET", f"{EVENTS}?offset=7", token=token)
        assert [item["id"] for item in reply.json["items"]] == twins

    in_cloud(story)


@pytest.mark.parametrize(
    "query",
    ["max=0", "max=201", "max=x", "offset=-1", "fromDate=yesterday", "toDate=2026-03-02T08:00:00", "compact=maybe"],
)
def test_bad_query_is_refused(query: str) -> None:
    async def story(world: World) -> None:
        reply = await world.ask("GET", f"{EVENTS}?{query}", token=await world.machine())
        assert (reply.status, query.partition("=")[0] in reply.json["message"]) == (400, True)

    in_cloud(story)


def test_single_event_is_found_under_every_base64_of_its_id() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        name = "AAMk-ü>?1"
        meet(world, meeting_id=name)
        standard = base64.b64encode(name.encode()).decode()
        safe = base64.urlsafe_b64encode(name.encode()).decode()
        for form in {standard.replace("/", "%2F"), safe, safe.rstrip("=")}:
            reply = await world.ask("GET", f"{EVENTS}/{form}", token=token)
            assert parse_meeting(reply.raw).meeting.id == name
        for child, member in (("notes", "encryptedNotes"), ("participants", "encryptedParticipants")):
            assert member in (await world.ask("GET", f"{EVENTS}/{safe}/{child}", token=token)).json

    in_cloud(story)


def test_events_of_others_and_of_nobody_are_unknown() -> None:
    async def story(world: World) -> None:
        token, other = await world.machine("A"), await world.machine("B")
        rooms = [user["id"] for user in world.cloud.use_cases.export()["users"] if user["workspace_id"]]
        path = base64.b64encode(meet(world, user_ids=rooms[:1]).id.encode()).decode()
        assert (await world.ask("GET", f"{EVENTS}/{path}", token=token)).status == 200
        assert (await world.ask("GET", f"{EVENTS}/{path}", token=other)).status == 404
        assert (await world.ask("GET", f"{EVENTS}/eHg", token=token)).status == 404
        assert (await world.ask("GET", f"{EVENTS}/!!!", token=token)).status == 400
        assert (await world.ask("GET", EVENTS)).status == 401
        assert await listed(world, other) == []

    in_cloud(story)


def test_changes_are_pushed_full_minimal_or_not_at_all() -> None:
    async def story(world: World) -> None:
        ws = await world.socket(await world.machine())
        await ws.receive_json()
        cases = world.cloud.use_cases
        meeting = meet(world)
        cases.meeting_update(meeting.id, title="Other", push="minimal")
        cases.meeting_update(meeting.id, title="Silent", push="none")
        cases.meeting_update(meeting.id, duration_minutes=45)
        cases.meeting_delete(meeting.id)
        meet(world, push="minimal", name="second")
        frames = [await ws.receive_json() for _ in range(5)]
        assert [frame["data"]["eventType"].removeprefix("calendar.meeting.") for frame in frames] == [
            "create", "update.minimal", "update", "delete", "create.minimal",
        ]  # fmt: skip
        dtos = [frame["data"]["calendarMeetingExternal"] for frame in frames]
        assert set(dtos[1]) == {"id", "seriesId", "start", "links"}
        subject = opened(world, dtos[2]["encryptionKeyUrl"], dtos[2]["encryptedSubject"])
        assert (subject, dtos[2]["durationMinutes"]) == ("Silent", 45)
        assert all(frame["trackingId"].startswith("ccc_") for frame in frames)
        assert len({frame["trackingId"] for frame in frames}) == 5
        assert dtos[0]["links"][0]["href"].startswith(world.base)
        await ws.close()

    in_cloud(story)


def test_push_has_the_urls_of_the_registration_that_it_goes_to() -> None:
    async def story(world: World) -> None:
        exchange = await Exchange.run(world, world.code())
        dto = await world.ask("POST", "http://wdm-a.wbx2.test/wdm/api/v1/devices", {}, token=exchange.access_token)
        ws = await world.socket(exchange.access_token, dto.json["webSocketUrl"])
        await ws.receive_json()
        meet(world)
        link = (await ws.receive_json())["data"]["calendarMeetingExternal"]["links"][0]["href"]
        assert link.startswith("http://calendar-a.wbx2.test/calendar/api/v1/calendarEvents/")
        await ws.close()

    in_cloud(story)


def test_impossible_meetings_are_refused() -> None:
    async def story(world: World) -> None:
        cases = world.cloud.use_cases
        meeting = meet(world)
        with pytest.raises(Conflict):
            meet(world, meeting_id=meeting.id)
        with pytest.raises(BadRequest, match="zone"):
            cases.meeting_create("x", START.replace(tzinfo=None), 1)
        with pytest.raises(BadRequest, match="lasts"):
            cases.meeting_update(meeting.id, duration_minutes=-1)
        with pytest.raises(BadRequest, match="has no colour"):
            cases.meeting_update(meeting.id, colour="red")
        with pytest.raises(BadRequest, match="push is"):
            cases.meeting_update(meeting.id, push="twice")
        for act in (cases.meeting_update, cases.meeting_delete):
            with pytest.raises(NotFound):
                act("nobody")

    in_cloud(story)


def test_id_of_a_meeting_follows_its_name() -> None:
    kept = []

    async def story(world: World) -> None:
        kept.append((meet(world, name="review").id, meet(world, 2, name="other").id))

    async def reversed_order(world: World) -> None:
        other, review = meet(world, 2, name="other").id, meet(world, name="review").id
        kept.append((review, other))

    in_cloud(story)
    in_cloud(reversed_order)
    assert kept[0] == kept[1]


@pytest.mark.parametrize(
    ("do", "params", "heard_at"),
    [("push_lost", {}, []), ("push_late", {"by": 9}, [9]), ("push_twice", {}, [0, 0]), ("out_of_order", {}, [5])],
)
def test_push_is_disturbed(do: str, params: dict[str, Any], heard_at: list[float]) -> None:
    async def story(world: World) -> None:
        ws = await world.socket(await world.machine())
        await ws.receive_json()
        start = world.clock.time()
        world.cloud.use_cases.fault("f", "calendar", do, params=params, count=1)
        meet(world)
        for expected in heard_at:
            assert (await ws.receive_json())["data"]["eventType"] == "calendar.meeting.create"
            assert world.clock.time() - start == pytest.approx(expected, abs=0.01)
        await world.clock.sleep(60)
        await ws.send_json({"id": "p", "type": "ping"})
        assert (await ws.receive_json())["type"] == "pong"
        await ws.close()

    in_cloud(story)


def test_faults_of_the_rest_side() -> None:
    async def story(world: World) -> None:
        token = await world.machine()
        cases = world.cloud.use_cases
        path = base64.b64encode(meet(world, join={"webexURI": "x"}).id.encode()).decode()
        cases.fault("a", "calendar", "no_join_fields", count=1)
        assert "webexURI" not in (await world.ask("GET", f"{EVENTS}/{path}", token=token)).json
        cases.fault("b", "calendar", "minimal_not_found", count=1)
        assert (await world.ask("GET", f"{EVENTS}/{path}", token=token)).status == 404
        cases.fault("c", "calendar", "short_page", count=1)
        assert await listed(world, token) == []
        assert await listed(world, token) == ["Review"]

    in_cloud(story)


def test_what_was_sealed_is_kept_up_to_a_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calendar, "SEALED_CHARS_KEPT", 1_000)

    async def story(world: World) -> None:
        meeting = meet(world)
        sealed = {text: world.cloud.calendar.seal(text, meeting) for text in (f"{n} {'x' * 300}" for n in range(10))}
        assert sum(len(text) for _, text in world.cloud.calendar._sealed) <= 1_000
        assert {text: world.cloud.calendar.seal(text, meeting) for text in sealed} == sealed

    in_cloud(story)
