"""Graph over HTTP: every row of protocol/calendar-and-obtp.md 13.2, and what is refused."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from cloud_world import Reply, World, in_cloud

from cloud_stub.platform.context import CloudSettings
from cloud_stub.platform.mailbox_records import MailboxKind, Processing

ROOM, ANNA, BO = "room@contoso.test", "anna@contoso.test", "bo@contoso.test"
UTC_9 = {"dateTime": "2026-03-03T09:00:00", "timeZone": "UTC"}
UTC_10 = {"dateTime": "2026-03-03T10:00:00", "timeZone": "UTC"}
BACKWARDS = "ErrorCalendarEndDateIsEarlierThanStartDate"
OBTP = "String {00020329-0000-0000-C000-000000000046} Name TMS:ExternalConferenceData"
WEEKLY = {
    "pattern": {"type": "weekly", "interval": 1, "daysOfWeek": ["monday"], "firstDayOfWeek": "monday"},
    "range": {
        "type": "numbered",
        "startDate": "2026-03-23",
        "numberOfOccurrences": 3,
        "recurrenceTimeZone": "Europe/Oslo",
    },
}


def invite(*addresses: str) -> list[dict[str, Any]]:
    return [{"type": "required", "emailAddress": {"address": address}} for address in addresses]


def body(**members: Any) -> dict[str, Any]:
    return {"subject": "Review", "start": UTC_9, "end": UTC_10, **members}


def series(**members: Any) -> dict[str, Any]:
    start = {"dateTime": "2026-03-23T09:00:00", "timeZone": "Europe/Oslo"}
    end = {"dateTime": "2026-03-23T10:00:00", "timeZone": "W. Europe Standard Time"}
    return body(start=start, end=end, recurrence=WEEKLY, **members)


class Client:
    """Requests of one person, as a client would send them."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def ask(self, method: str, path: str, sent: Any = None, status: int = 200, **headers: str) -> Any:
        reply = await self.reply(method, path, sent, **headers)
        assert reply.status == status, reply.raw
        return reply.json if reply.raw else None

    async def reply(self, method: str, path: str, sent: Any = None, **headers: str) -> Reply:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.world.ask(method, f"/v1.0{path}", sent, headers=named)

    async def create(self, **members: Any) -> dict[str, Any]:
        made: dict[str, Any] = await self.ask("POST", f"/users/{ANNA}/events", body(**members), 201)
        return made

    async def view(
        self, user: str, start: str = "2026-03-01T00:00:00", end: str = "2026-06-01T00:00:00", **headers: str
    ) -> Any:
        path = f"/users/{user}/calendarView?startDateTime={start}&endDateTime={end}&$top=50"
        return (await self.ask("GET", path, **headers))["value"]


def story(tell: Callable[[Client], Awaitable[None]], **options: Any) -> None:
    """Let somebody tell a story in a cloud that has a room and two people."""

    async def main(world: World) -> None:
        store = world.cloud.mailboxes
        store.create_mailbox(ROOM, "Oslo", zone="W. Europe Standard Time", processing=Processing(delete_comments=False))
        for address in (ANNA, BO):
            store.create_mailbox(
                address, address.partition("@")[0].title(), kind=MailboxKind.USER, locale="nb-NO", zone="Europe/Oslo"
            )
        await tell(Client(world))

    in_cloud(main, **options)


def test_room_accepts_and_the_organizer_sees_it() -> None:
    async def tell(graph: Client) -> None:
        sent = body(
            attendees=invite(ROOM),
            body={"contentType": "html", "content": "<p>join <b>us</b></p>"},
            location={"displayName": "x"},
        )
        made = await graph.ask("POST", f"/users/{ANNA.replace('@', '%40')}/calendar/events", sent, 201)
        assert made["iCalUId"]
        assert (made["type"], made["isOrganizer"], made["bodyPreview"]) == ("singleInstance", True, "join us")
        assert made["attendees"][0]["status"]["response"] == "accepted"
        assert made["start"] == {"dateTime": "2026-03-03T09:00:00.0000000", "timeZone": "UTC"}
        (copy,) = await graph.view(ROOM)
        assert (copy["iCalUId"], copy["subject"], copy["responseStatus"]["response"]) == (
            made["iCalUId"],
            "Anna",
            "accepted",
        )
        assert copy["body"] == {"contentType": "html", "content": "<p>join <b>us</b></p>"}
        assert copy["id"] != made["id"]

    story(tell)


def test_change_move_and_cancel_reach_the_room() -> None:
    async def tell(graph: Client) -> None:
        made = await graph.create(attendees=invite(ROOM))
        at = f"/users/{ANNA}/events/{made['id']}"
        later = {
            "start": {**UTC_9, "dateTime": "2026-03-04T09:00:00"},
            "end": {**UTC_10, "dateTime": "2026-03-04T10:00:00"},
        }
        moved = await graph.ask("PATCH", at, later)
        assert moved["changeKey"] != made["changeKey"]
        assert moved["attendees"][0]["status"]["response"] == "accepted"
        texts = {
            "body": {"contentType": "text", "content": "new"},
            "singleValueExtendedProperties": [{"id": OBTP, "value": "x@y"}],
        }
        await graph.ask("PATCH", at.replace("/events", "/calendar/events"), texts)
        expand = f"?$expand=singleValueExtendedProperties($filter=id eq '{OBTP}')"
        assert (await graph.ask("GET", at + expand))["singleValueExtendedProperties"] == [{"id": OBTP, "value": "x@y"}]
        assert "singleValueExtendedProperties" not in await graph.ask("GET", at)
        (copy,) = await graph.view(ROOM)
        assert (copy["start"]["dateTime"][:10], copy["body"]["content"]) == ("2026-03-04", "new")
        assert await graph.ask("POST", f"{at}/cancel", {"Comment": "no"}, 202) is None
        assert (await graph.reply("GET", at)).status == 404
        (copy,) = await graph.view(ROOM)
        assert (copy["isCancelled"], copy["showAs"], copy["subject"]) == (True, "free", "Canceled: Anna")

    story(tell)


def test_series_with_a_moved_and_a_cancelled_instance() -> None:
    async def tell(graph: Client) -> None:
        made = await graph.ask("POST", f"/users/{ANNA}/events", series(attendees=invite(ROOM)), 201)
        assert made["type"] == "seriesMaster"
        assert made["recurrence"]["pattern"]["daysOfWeek"] == ["monday"]
        assert made["recurrence"]["range"]["startDate"] == "2026-03-23"
        window = "startDateTime=2026-03-01T00:00:00Z&endDateTime=2026-06-01T00:00:00%2B02:00"
        path = f"/users/{ANNA}/events/{made['id']}/instances?{window}"
        instances = (await graph.ask("GET", path))["value"]
        assert [one["start"]["dateTime"][:16] for one in instances] == [
            "2026-03-23T08:00",
            "2026-03-30T07:00",
            "2026-04-06T07:00",
        ]
        assert {one["seriesMasterId"] for one in instances} == {made["id"]}
        second = f"/users/{ANNA}/events/{instances[1]['id']}"
        moved = await graph.ask(
            "PATCH", second, {"start": {"dateTime": "2026-03-31T10:00:00", "timeZone": "Europe/Oslo"}}
        )
        assert (moved["type"], moved["id"], moved["originalStart"]) == (
            "exception",
            instances[1]["id"],
            "2026-03-30T07:00:00Z",
        )
        assert moved["end"]["dateTime"] == "2026-03-31T09:00:00.0000000"
        await graph.ask("DELETE", f"/users/{ANNA}/events/{instances[0]['id']}", status=204)
        seen = [(one["start"]["dateTime"][:16], one["isCancelled"]) for one in await graph.view(ROOM)]
        assert seen == [("2026-03-23T08:00", True), ("2026-03-31T08:00", False), ("2026-04-06T07:00", False)]
        assert len(await graph.view(ANNA)) == 2

    story(tell)


def test_answers_of_people_reach_the_organizer() -> None:
    async def tell(graph: Client) -> None:
        made = await graph.create(attendees=invite(BO))
        (copy,) = await graph.view(BO)
        assert (copy["responseStatus"]["response"], copy["showAs"]) == ("notResponded", "tentative")
        for action, answer in (
            ("tentativelyAccept", "tentativelyAccepted"),
            ("accept", "accepted"),
            ("decline", "declined"),
        ):
            path = f"/users/{BO}/events/{copy['id']}/{action}"
            assert await graph.ask("POST", path, {"Comment": "", "SendResponse": True}, 202) is None
            mine = await graph.ask("GET", f"/users/{ANNA}/events/{made['id']}")
            assert mine["attendees"][0]["status"]["response"] == answer
        assert await graph.view(BO) == []
        silent = await graph.create(attendees=invite(BO))
        (copy,) = await graph.view(BO)
        await graph.ask("POST", f"/users/{BO}/events/{copy['id']}/accept", {"SendResponse": False}, 202)
        mine = await graph.ask("GET", f"/users/{ANNA}/events/{silent['id']}")
        assert mine["attendees"][0]["status"]["response"] == "none"

    story(tell)


def test_mailbox_settings_and_free_and_busy() -> None:
    async def tell(graph: Client) -> None:
        settings = await graph.ask("GET", f"/users/{BO}/mailboxSettings")
        assert settings == {"timeZone": "W. Europe Standard Time", "language": {"locale": "nb-NO"}}
        await graph.create(attendees=invite(ROOM, BO))
        asked = {
            "Schedules": [ROOM, BO, "nobody@contoso.test"], "AvailabilityViewInterval": 60,
            "StartTime": {"dateTime": "2026-03-03T09:00:00", "timeZone": "Europe/Oslo"},
            "EndTime": {"dateTime": "2026-03-03T13:00:00", "timeZone": "Europe/Oslo"},
        }  # fmt: skip
        room, bo, nobody = (await graph.ask("POST", f"/users/{ANNA}/calendar/getSchedule", asked))["value"]
        assert (room["scheduleId"], room["availabilityView"], room["scheduleItems"][0]["status"]) == (
            ROOM,
            "0200",
            "busy",
        )
        assert bo["availabilityView"] == "0100"
        assert nobody["error"]["responseCode"] == "ErrorMailRecipientNotFound"

    story(tell)


def test_pages_filters_order_and_selection() -> None:
    async def tell(graph: Client) -> None:
        for day in range(3, 8):
            start, end = ({"dateTime": f"2026-03-0{day}T{hour}:00:00", "timeZone": "UTC"} for hour in ("09", "10"))
            await graph.create(subject=f"Day {day}", start=start, end=end, categories=["x"])
        query = "$top=2&$select=subject,start&$orderby=start/dateTime desc&$count=true"
        page = await graph.ask("GET", f"/users/{ANNA}/events?{query}&$filter=start/dateTime ge '2026-03-04T00:00:00'")
        assert [one["subject"] for one in page["value"]] == ["Day 7", "Day 6"]
        assert page["@odata.count"] == 4
        assert set(page["value"][0]) == {"@odata.etag", "id", "subject", "start"}
        assert page["@odata.nextLink"].startswith(f"{graph.world.base}/v1.0/users/anna%40contoso.test/events?")
        reply = await graph.world.ask("GET", page["@odata.nextLink"])
        assert [one["subject"] for one in reply.json["value"]] == ["Day 5", "Day 4"]
        assert "@odata.nextLink" not in reply.json
        found = await graph.ask(
            "GET", f"/users/{ANNA}/events?$filter=contains(subject,'day 5') and isCancelled eq false"
        )
        assert [one["categories"] for one in found["value"]] == [["x"]]

    story(tell)


def test_times_leave_in_the_zone_that_is_preferred() -> None:
    async def tell(graph: Client) -> None:
        await graph.create()
        day = body(
            isAllDay=True,
            start={**UTC_9, "dateTime": "2026-03-05T00:00:00"},
            end={**UTC_9, "dateTime": "2026-03-06T00:00:00"},
        )
        await graph.ask("POST", f"/users/{ANNA}/events", day, 201)
        for zone, nine in (("W. Europe Standard Time", "10:00"), ("Europe/Oslo", "10:00"), ("UTC", "09:00")):
            seen = await graph.view(ANNA, Prefer=f'outlook.timezone="{zone}"')
            assert seen[0]["start"] == {"dateTime": f"2026-03-03T{nine}:00.0000000", "timeZone": zone}
            assert seen[1]["start"] == {"dateTime": "2026-03-05T00:00:00.0000000", "timeZone": zone}
        reply = await graph.reply("GET", f"/users/{ANNA}/events", Prefer='outlook.timezone="Oslo Standard Time"')
        assert (reply.status, "unknown_time_zone" in reply.json["error"]["message"]) == (400, True)

    story(tell)


@pytest.mark.parametrize(
    ("method", "path", "sent", "status", "code"),
    [
        ("GET", "/users/nobody@contoso.test/events", None, 404, "ErrorInvalidUser"),
        ("POST", "/users/nobody@contoso.test/events", body(), 404, "ErrorInvalidUser"),
        ("GET", f"/users/{ANNA}/events/none", None, 404, "ErrorItemNotFound"),
        ("GET", f"/users/{ANNA}/events/none.20260323T080000Z", None, 404, "ErrorItemNotFound"),
        ("PATCH", f"/users/{ANNA}/events/none", {}, 404, "ErrorItemNotFound"),
        ("POST", f"/users/{ANNA}/events", b"{", 400, "RequestBodyRead"),
        ("POST", f"/users/{ANNA}/events", {"start": 1}, 400, "RequestBodyRead"),
        ("POST", f"/users/{ANNA}/events", {"subject": "no times"}, 400, "ErrorPropertyValidationFailure"),
        ("POST", f"/users/{ANNA}/events", body(start={**UTC_9, "timeZone": "Mars"}), 400, "TimeZoneNotSupportedException"),
        ("POST", f"/users/{ANNA}/events", body(start={"dateTime": "noon", "timeZone": "UTC"}), 400, "ErrorInvalidParameter"),
        ("POST", f"/users/{ANNA}/events", body(end={**UTC_9, "dateTime": "2026-03-02T09:00:00"}), 400, BACKWARDS),
        ("POST", f"/users/{ANNA}/events", body(isAllDay=True), 400, "ErrorInvalidPropertyAllDay"),
        ("POST", f"/users/{ANNA}/events", body(attendees=invite("nobody")), 400, "ErrorInvalidRecipients"),
        ("POST", f"/users/{ANNA}/events", body(showAs="away"), 400, "ErrorInvalidRequest"),
        ("GET", f"/users/{ANNA}/calendarView", None, 400, "ErrorInvalidParameter"),
        ("GET", f"/users/{ANNA}/calendarView?startDateTime=2026-01-01&endDateTime=2036-01-01", None, 400, "ErrorInvalidParameter"),
        ("GET", f"/users/{ANNA}/calendarView?startDateTime=2079-01-01&endDateTime=2079-01-02", None, 400, "ErrorInvalidParameter"),
        ("POST", f"/users/{ANNA}/calendar/getSchedule", {"Schedules": [ANNA], "StartTime": {"dateTime": "2079-01-01T00:00:00"},
         "EndTime": {"dateTime": "2079-01-02T00:00:00"}}, 400, "ErrorInvalidParameter"),
        ("GET", f"/users/{ANNA}/events?$search=x", None, 400, "ErrorInvalidUrlQuery"),
        ("GET", f"/users/{ANNA}/events?$filter=subject eq 'a' or subject eq 'b'", None, 400, "ErrorInvalidUrlQuery"),
        ("GET", f"/users/{ANNA}/events?$select=colour", None, 400, "RequestBroker--ParseUri"),
        ("GET", f"/users/{ANNA}/events?$top=0", None, 400, "ErrorInvalidUrlQuery"),
        ("POST", f"/users/{ANNA}/calendar/getSchedule", {}, 400, "ErrorInvalidParameter"),
        ("PATCH", "/subscriptions/none", {"expirationDateTime": "2026-03-05T00:00:00Z"}, 404, "ResourceNotFound"),
        ("DELETE", "/subscriptions/none", None, 404, "ResourceNotFound"),
        ("GET", "/me/drive/root", None, 404, "ResourceNotFound"),
        ("PUT", f"/users/{ANNA}/events", {}, 405, "UnsupportedHttpMethod"),
    ],
)  # fmt: skip
def test_refusals_have_the_shape_of_graph(method: str, path: str, sent: Any, status: int, code: str) -> None:
    async def tell(graph: Client) -> None:
        reply = await graph.reply(method, path, sent)
        assert (reply.status, reply.json["error"]["code"]) == (status, code)
        assert reply.json["error"]["innerError"]["request-id"]
        assert await graph.view(ANNA) == []

    story(tell)


def test_a_zone_that_there_is_not_is_refused_before_anything_is_changed() -> None:
    async def tell(graph: Client) -> None:
        made = await graph.create()
        for method, path, sent in (
            ("POST", f"/users/{ANNA}/events", body()),
            ("DELETE", f"/users/{ANNA}/events/{made['id']}", None),
            ("PATCH", f"/users/{ANNA}/events/{made['id']}", {"subject": "changed"}),
        ):
            reply = await graph.reply(method, path, sent, Prefer='outlook.timezone="Mars"')
            assert (reply.status, reply.json["error"]["code"]) == (400, "TimeZoneNotSupportedException")
        assert [one["subject"] for one in await graph.view(ANNA)] == [made["subject"]]

    story(tell)


def test_etag_guards_a_change() -> None:
    async def tell(graph: Client) -> None:
        made = await graph.create()
        at = f"/users/{ANNA}/events/{made['id']}"
        await graph.ask("PATCH", at, {"subject": "one"}, If_Match=made["@odata.etag"])
        refused = await graph.ask("PATCH", at, {"subject": "two"}, 412, If_Match=made["@odata.etag"])
        assert refused["error"]["code"] == "ErrorIrresolvableConflict"
        assert (await graph.ask("GET", at))["subject"] == "one"

    story(tell)


def test_a_token_is_asked_for_only_on_wish() -> None:
    async def tell(graph: Client) -> None:
        refused = await graph.ask("GET", f"/users/{ANNA}/events", status=401)
        assert refused["error"]["code"] == "InvalidAuthenticationToken"
        await graph.ask("POST", "/subscriptions", {}, status=401)
        await graph.ask("GET", f"/users/{ANNA}/events", Authorization="Bearer anything")

    story(tell, settings=CloudSettings(graph_needs_token=True))


def test_an_organizer_from_outside_has_no_mailbox_here() -> None:
    async def tell(graph: Client) -> None:
        graph.world.cloud.mailboxes.create_mailbox("eve@fabrikam.test", kind=MailboxKind.EXTERNAL)
        refused = await graph.ask("GET", "/users/eve@fabrikam.test/events", status=404)
        assert refused["error"]["code"] == "ErrorInvalidUser"

    story(tell)


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
def test_body_over_four_mebibytes_is_refused() -> None:
    async def tell(graph: Client) -> None:
        reply = await graph.reply("POST", f"/users/{ANNA}/events", b" " * (4 * 1024 * 1024 + 1))
        assert (reply.status, reply.json["error"]["code"]) == (413, "RequestEntityTooLarge")

    story(tell)


def test_own_host_serves_the_same() -> None:
    async def tell(graph: Client) -> None:
        reply = await graph.world.ask("GET", f"/v1.0/users/{ANNA}/events", host="graph.microsoft.test")
        assert reply.json == {"value": []}

    story(tell)


def test_events_outlive_a_restart(tmp_path: Any) -> None:
    made: list[Any] = []

    async def tell(graph: Client) -> None:
        made.append(await graph.ask("POST", f"/users/{ANNA}/events", series(attendees=invite(ROOM)), 201))
        made.append(await graph.view(ROOM))

    async def again(world: World) -> None:
        assert await Client(world).view(ROOM) == made[1]

    story(tell, state_dir=tmp_path)
    in_cloud(again, state_dir=tmp_path)


def test_mailboxes_are_made_and_deleted_over_the_control_api() -> None:
    async def main(world: World) -> None:
        path, settings = "/roomsim/control/v1/mailboxes", {"DeleteComments": False, "BookingWindowInDays": 1}
        made = await world.admin("POST", path, {"address": "Lab@Contoso.test", "zone": "UTC", "processing": settings})
        assert (made.json["id"], made.json["kind"], made.json["processing"]) == ("lab@contoso.test", "room", settings)
        await world.admin("POST", path, {"address": ANNA, "kind": "user"})
        far = {"dateTime": "2026-03-20T09:00:00", "timeZone": "UTC"}
        booked = await Client(world).create(
            start=far, end={**far, "dateTime": "2026-03-20T10:00:00"}, attendees=invite("lab@contoso.test")
        )
        assert booked["attendees"][0]["status"]["response"] == "declined"  # the window is a day
        refused = await world.admin("POST", path, {"address": "b@contoso.test", "processing": {"DeleteAll": True}})
        assert (refused.status, "DeleteAll is no setting" in refused.json["message"]) == (400, True)
        assert (await world.admin("POST", path, {"address": ANNA})).status == 400
        assert (await world.ask("POST", path, {"address": "b@contoso.test"})).status == 401
        assert (await world.admin("DELETE", f"{path}/lab@contoso.test")).status == 204
        assert (await world.admin("DELETE", f"{path}/lab@contoso.test")).status == 404

    in_cloud(main)
