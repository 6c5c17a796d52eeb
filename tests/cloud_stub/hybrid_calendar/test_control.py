"""Calendars over the control API, and edits that devices make."""

from __future__ import annotations

import base64
from datetime import date, timedelta

import pytest
from cloud_world import World, in_cloud
from hybrid_world import Room, at, flags, quiet
from msgspec.structs import replace

from cloud_stub.platform.errors import Conflict
from cloud_stub.platform.mailbox_records import Answer
from cloud_stub.platform.records import Meeting
from endpoint.runtime.clock import iso_ms

CONTROL = "/roomsim/control/v1"


def test_the_recipe_over_http() -> None:
    """Row O13, by hand."""

    async def story(world: World) -> None:
        admin = world.admin
        lab = (await admin("POST", f"{CONTROL}/workspaces", {"name": "Lab"})).json
        steps = (await admin("GET", f"{CONTROL}/workspaces/{lab['id']}/setup")).json["items"]
        assert [(one["step"], one["isDone"]) for one in steps] == [
            ("hybrid_calendar", True), ("workspace_calendar", False), ("workspace_address", False),
        ]  # fmt: skip
        made = await admin("PUT", f"{CONTROL}/workspaces/{lab['id']}/mailbox", {})
        assert made.json["calendar_email"] == "lab@room.example"
        machine = world.cloud.directory.create_machine(world.cloud.directory.workspace(lab["id"]))
        body = {
            "organizer": "Ana Smith",
            "start": iso_ms(at(1)),
            "minutes": 30,
            "location": "@webex",
            "rooms": [lab["id"]],
        }
        sent = (await admin("POST", f"{CONTROL}/invitations", body)).json
        await quiet()
        known = (await admin("GET", f"{CONTROL}/invitations")).json["items"][0]
        meeting = world.cloud.platform.store[Meeting].get(known["meetings"][0])
        assert meeting is not None
        assert machine.id in meeting.user_ids
        assert meeting.join["webexURI"] == "ana.smith@roomsim.webex.test"
        decisions = (await admin("GET", f"{CONTROL}/mailboxes/lab@room.example/decisions?uid={sent['uid']}")).json[
            "items"
        ]
        assert [one["action"] for one in decisions] == ["accept"]
        changed = await admin(
            "PATCH", f"{CONTROL}/invitations/{sent['uid']}", {"subject": "Other", "start": iso_ms(at(2))}
        )
        assert changed.status == 200
        await quiet()
        assert world.cloud.hybrid.meetings_of(sent["uid"])[0].start == at(2)
        assert (await admin("DELETE", f"{CONTROL}/invitations/{sent['uid']}")).status == 204
        await quiet()
        assert world.cloud.hybrid.meetings_of(sent["uid"]) == []

    in_cloud(story)


def test_settings_people_mailboxes_and_meetings_of_the_site_over_http() -> None:
    async def story(world: World) -> None:
        admin, room = world.admin, Room(world)
        assert (await admin("PATCH", f"{CONTROL}/hybrid/settings", {"meet": "onetime"})).json["meet"] == "onetime"
        assert (await admin("GET", f"{CONTROL}/hybrid/settings")).json["meet"] == "onetime"
        ben = (await admin("POST", f"{CONTROL}/people", {"who": "Ben Bo", "enabled": False})).json
        assert ben["id"] == "ben.bo@room.example"
        csv = "Email,preferredWebExSite\nben.bo@room.example,roomsim.webex.test\nbroken,\n"
        came = (await admin("POST", f"{CONTROL}/people/import", {"csv": csv})).json
        assert (came["changed"], came["refused"][0]["row"]) == (1, 3)
        changed = await admin("PUT", f"{CONTROL}/workspaces/{room.workspace.id}/mailbox", {"accept": "decline"})
        assert changed.json["calendar_email"] == room.address
        processing = {"DeleteComments": False, "booking_window_in_days": 9}
        changed = await admin("PATCH", f"{CONTROL}/mailboxes/{room.address}", {"processing": processing})
        assert changed.json["processing"]["DeleteComments"] is False
        assert changed.json["processing"]["BookingWindowInDays"] == 9
        refused = await room.invite()
        assert room.event(refused).attendees[0].answer is Answer.DECLINED
        body = {"title": "Hall", "start": iso_ms(at(1)), "minutes": 30, "workspaceIds": [room.workspace.id]}
        assert (await admin("POST", f"{CONTROL}/webex-meetings", body)).status == 200
        assert [one.title for one in room.meetings] == ["Hall"]
        items = (await admin("GET", f"{CONTROL}/mailboxes")).json["items"]
        assert {one["id"] for one in items} == {room.address, "ben.bo@room.example", "ana.smith@room.example"}

    in_cloud(story)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "says"),
    [
        ("PATCH", "/hybrid/settings", {"meet": "lunch"}, 400, "@meet cannot be set to lunch"),
        ("PATCH", "/hybrid/settings", {"lunch": 1}, 400, "there is no setting lunch"),
        ("PUT", "/workspaces/nowhere/mailbox", {}, 404, "workspace"),
        ("POST", "/invitations", {"organizer": "Ana", "start": "soon", "minutes": 5}, 400, "ISO 8601"),
        ("POST", "/invitations", {"organizer": "!", "start": "2026-03-02T09:00:00Z", "minutes": 5}, 404, "nobody"),
        (
            "POST",
            "/invitations",
            {"organizer": "Ana", "start": "2026-03-02T09:00:00Z", "minutes": 5, "rooms": ["x"]},
            404,
            "workspace",
        ),
        (
            "POST",
            "/invitations",
            {"organizer": "Ana", "start": "2026-03-02T09:00:00Z", "minutes": 5, "recurrence": "often"},
            400,
            "FREQ",
        ),
        (
            "POST",
            "/invitations",
            {"organizer": "Ana", "start": "0001-01-01T00:00:00Z", "minutes": 5, "zone": "America/New_York"},
            400,
            "a meeting starts from",
        ),
        ("PATCH", "/hybrid/settings", {"sites": 5}, 400, "not iterable"),
        ("PATCH", "/invitations/none", {"subject": "x"}, 404, "invitation"),
        ("PATCH", "/mailboxes/none@room.example", {"accept": "auto"}, 404, "none@room.example"),
        ("PATCH", "/mailboxes/none@room.example", {"accept": "often"}, 400, "auto, decline, never"),
        ("POST", "/people/import", {"csv": "a,b"}, 400, "User ID/Email"),
        (
            "POST",
            "/webex-meetings",
            {"title": "x", "start": "2026-03-02T09:00:00Z", "minutes": 5, "workspaceIds": [], "kind": "x"},
            400,
            "scheduled",
        ),
        (
            "POST",
            "/webex-meetings",
            {"title": "x", "start": "2026-03-02T09:00:00Z", "minutes": 5, "workspaceIds": [], "push": "x"},
            400,
            "push is full, minimal or none",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    method: str, path: str, body: dict[str, object], status: int, says: str
) -> None:
    async def story(world: World) -> None:
        reply = await world.admin(method, CONTROL + path, body)
        assert (reply.status, says in reply.json["message"]) == (status, True), reply.json

    in_cloud(story)


@pytest.mark.parametrize("body", [{"calendar": "paper"}, {"accept": "often"}])
def test_a_room_that_is_refused_gets_no_mailbox(body: dict[str, object]) -> None:
    async def story(world: World) -> None:
        workspace = world.cloud.use_cases.workspace_create("Lab")
        reply = await world.admin("PUT", f"{CONTROL}/workspaces/{workspace.id}/mailbox", body)
        assert reply.status == 400
        assert world.cloud.mailboxes.mailboxes() == []
        assert world.cloud.directory.workspace(workspace.id).calendar == "none"

    in_cloud(story)


@pytest.mark.parametrize("day", ["0001-01-01", "2026-03-01", "9999-12-31"])
def test_a_day_without_an_instance_is_refused(day: str) -> None:
    async def story(world: World) -> None:
        event = await Room(world).invite(recurrence="daily")
        reply = await world.admin("PATCH", f"{CONTROL}/invitations/{event.uid}", {"instance": day, "subject": "x"})
        assert (reply.status, reply.json["message"]) == (404, f"the series has no instance on {day}")

    in_cloud(story)


def test_a_mailbox_that_is_made_or_made_anew_is_watched() -> None:
    async def story(world: World) -> None:
        room = Room(world)
        event = await room.invite()
        assert len(room.meetings) == 1
        assert (await world.admin("DELETE", f"{CONTROL}/mailboxes/{room.address}")).status == 204
        await quiet()
        assert (room.meetings, room.address in room.do.service.watched) == ([], False)
        assert (await world.admin("POST", f"{CONTROL}/mailboxes", {"address": room.address})).status == 200
        other = await room.invite(hours=3)
        assert [one.start for one in room.meetings] == [other.start]
        assert event.uid != other.uid

    in_cloud(story)


def test_a_booking_is_made_once_and_changed_by_any_device_of_the_room() -> None:
    async def story(world: World) -> None:
        room, calendar = Room(world), "/calendar/api/v1/calendarEvents"
        assert room.user is not None
        users = [room.user, world.cloud.directory.create_machine(room.workspace)]
        first, second = (world.cloud.use_cases.token_create(user.id).access.reveal() for user in users)
        body = {"requestId": "r-1", "start": "2026-03-02T09:00:00Z", "durationMinutes": 30, "subject": "Quick talk"}
        made = await world.ask("POST", f"{calendar}/sync", body, token=first)
        again = await world.ask("POST", f"{calendar}/sync", body, token=first)
        assert (made.status, again.json) == (201, made.json)
        assert len(world.cloud.mailboxes.events(room.address)) == 1
        one = f"{calendar}/{base64.urlsafe_b64encode(made.json['meetingId'].encode()).decode().rstrip('=')}/sync"
        for minutes, token in ((45, first), (60, second)):
            assert (await world.ask("PATCH", one, {"durationMinutes": minutes}, token=token)).status == 200
            assert [meeting.duration_minutes for meeting in room.meetings] == [minutes]
        other = Room(world, "Elsewhere")
        room.do.invitation_update(room.do.invitations()[0].id, rooms=[other.workspace.id])
        await quiet()
        assert other.user is not None
        stranger = world.cloud.use_cases.token_create(other.user.id).access.reveal()
        assert (await world.ask("PATCH", one, {"durationMinutes": 5}, token=stranger)).status == 403
        assert (await world.ask("DELETE", one, token=second)).status == 204
        assert room.meetings == []

    in_cloud(story)


def booked(room: Room, hours: float, minutes: int = 30) -> Meeting:
    assert room.user is not None
    return Meeting(
        id=f"draft {hours}", series_id=f"draft {hours}", title="Quick talk", start=at(hours), duration_minutes=minutes,
        organizer_id=room.user.id, modified=room.world.clock.now(), user_ids=(room.user.id,),
    )  # fmt: skip


def test_what_the_room_books_stands_in_its_mailbox() -> None:
    async def story(world: World) -> None:
        room, editor = Room(world), world.cloud.scheduling.editor
        meeting = editor.create(booked(room, 1))
        events = world.cloud.mailboxes.occurrences(room.address, at(0), at(9))
        assert [(one.subject, one.is_organizer) for one in events] == [("Quick talk", True)]
        assert [one.id for one in room.meetings] == [meeting.id]
        longer = editor.change(meeting, {"duration_minutes": 45, "title": "Long talk"})
        assert (longer.id, longer.duration_minutes, longer.title) == (meeting.id, 45, "Long talk")
        with pytest.raises(Conflict):
            editor.create(booked(room, 1.5))
        next_one = editor.create(booked(room, 2))
        with pytest.raises(Conflict):
            editor.change(longer, {"duration_minutes": 90})
        editor.delete(next_one)
        editor.delete(longer)
        await quiet()
        assert room.meetings == []
        assert world.cloud.mailboxes.occurrences(room.address, at(0), at(9)) == []

    in_cloud(story)


def test_a_room_that_declines_loses_the_meeting_and_the_organizer_hears_it() -> None:
    async def story(world: World) -> None:
        room, editor = Room(world), world.cloud.scheduling.editor
        assert room.user is not None
        event = await room.invite()
        editor.respond(room.meetings[0], room.user.id, "DECLINED", "no chairs")
        assert room.meetings == []
        assert room.event(event).attendees[0].answer is Answer.DECLINED
        series = await room.invite(hours=3, recurrence="FREQ=DAILY;COUNT=3")
        second = room.meetings[1]
        editor.respond(second, room.user.id, "DECLINED", "")
        assert [one.start for one in room.meetings] == [at(3), at(3 + 48)]
        assert room.do.meeting_id(series.uid, date(2026, 3, 3)) == second.id

    in_cloud(story)


def test_a_room_without_a_mailbox_is_edited_where_it_is() -> None:
    async def story(world: World) -> None:
        room, editor = Room(world), world.cloud.scheduling.editor
        room.do.workspace_calendar(room.workspace.id, "none")
        meeting = replace(booked(room, 1), id="m1", series_id="m1")
        assert editor.create(meeting).id == "m1"
        assert editor.change(meeting, {"title": "Other"}).title == "Other"
        editor.delete(meeting)
        assert room.meetings == []
        assert flags(meeting) == [False] * 5
        assert at(1) - at(0) == timedelta(hours=1)

    in_cloud(story)


def test_the_lead_of_the_button_reaches_devices_as_a_toggle() -> None:
    """4.1.6 and 4.1.7; the form is ours."""

    async def story(world: World) -> None:
        room = Room(world)
        assert room.user is not None
        room.do.settings(lead_minutes=10)
        later = world.cloud.directory.create_machine(room.workspace)
        for user in (room.user, later):
            toggles = {one.key: one.val for one in world.cloud.features.sets(user.id).developer}
            assert toggles["roomsim-obtp-lead-minutes"] == "10"

    in_cloud(story)


def test_the_recipe_of_a_graph_client() -> None:
    """Rows O01 and O07: the room's address stands at the workspace, the organizer has a mailbox, and Graph does the rest."""

    async def story(world: World) -> None:
        admin = world.admin
        lab = (await admin("POST", "/v1/workspaces", {"displayName": "Lab"})).json
        calendar = {"type": "microsoft", "emailAddress": "Lab@acme.example"}
        await admin("PUT", f"/v1/workspaces/{lab['id']}", {"displayName": "Lab", "calendar": calendar})
        await admin("POST", f"{CONTROL}/mailboxes", {"address": "ann@acme.example", "kind": "user"})
        times = {
            name: {"dateTime": iso_ms(at(hours))[:-1], "timeZone": "UTC"} for name, hours in (("start", 1), ("end", 2))
        }
        resource = {"type": "resource", "emailAddress": {"address": "lab@acme.example"}}
        event = {"subject": "Sync", "location": {"displayName": "@webex"}, "attendees": [resource], **times}
        assert (await admin("POST", "/v1.0/users/ann@acme.example/events", event)).status == 201
        await quiet()
        known = (await admin("GET", f"{CONTROL}/invitations")).json["items"][0]
        assert (known["copy_read"], known["diagnostics"]) == ("organizer", [])
        meeting = world.cloud.platform.store[Meeting].get(known["meetings"][0])
        assert meeting is not None
        assert meeting.join["webexURI"] == "ann@roomsim.webex.test"

    in_cloud(story)
