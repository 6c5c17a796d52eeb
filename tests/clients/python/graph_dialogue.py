"""msgraph-sdk against the stub's mailboxes. Argument: http or https.

Every call of protocol/calendar-and-obtp.md 13.2, and the web hook that the client opens for notifications.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import httpx
from kiota_abstractions.api_error import APIError
from kiota_abstractions.authentication import AnonymousAuthenticationProvider
from kiota_abstractions.base_request_configuration import RequestConfiguration
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.models.attendee import Attendee
from msgraph.generated.models.attendee_type import AttendeeType
from msgraph.generated.models.body_type import BodyType
from msgraph.generated.models.date_time_time_zone import DateTimeTimeZone
from msgraph.generated.models.email_address import EmailAddress
from msgraph.generated.models.event import Event
from msgraph.generated.models.event_type import EventType
from msgraph.generated.models.item_body import ItemBody
from msgraph.generated.models.location import Location
from msgraph.generated.models.patterned_recurrence import PatternedRecurrence
from msgraph.generated.models.recurrence_pattern import RecurrencePattern
from msgraph.generated.models.recurrence_pattern_type import RecurrencePatternType
from msgraph.generated.models.recurrence_range import RecurrenceRange
from msgraph.generated.models.recurrence_range_type import RecurrenceRangeType
from msgraph.generated.models.response_type import ResponseType
from msgraph.generated.models.single_value_legacy_extended_property import SingleValueLegacyExtendedProperty
from msgraph.generated.models.subscription import Subscription
from msgraph.generated.users.item.calendar.get_schedule.get_schedule_post_request_body import GetSchedulePostRequestBody
from msgraph.generated.users.item.calendar_view.calendar_view_request_builder import CalendarViewRequestBuilder
from msgraph.generated.users.item.events.events_request_builder import EventsRequestBuilder
from msgraph.generated.users.item.events.item.accept.accept_post_request_body import AcceptPostRequestBody
from msgraph.generated.users.item.events.item.cancel.cancel_post_request_body import CancelPostRequestBody
from msgraph.generated.users.item.events.item.decline.decline_post_request_body import DeclinePostRequestBody
from msgraph.generated.users.item.events.item.event_item_request_builder import EventItemRequestBuilder
from msgraph.generated.users.item.events.item.instances.instances_request_builder import InstancesRequestBuilder
from msgraph.generated.users.item.events.item.tentatively_accept.tentatively_accept_post_request_body import (
    TentativelyAcceptPostRequestBody,
)
from msgraph_core import GraphClientFactory
from steps import PATIENCE_S, end, equal, ready, step

CLOUD = ready("CLOUD")
ROOM, ANNA, BO = "room@contoso.test", "anna@contoso.test", "bo@contoso.test"
OBTP = "String {00020329-0000-0000-C000-000000000046} Name TMS:ExternalConferenceData"
SECRET = "known to the client"
NOW = dt.datetime.now(dt.UTC)  # noqa: TID251  the client's own clock
DAY = (NOW + dt.timedelta(days=7)).date()


class Hook(BaseHTTPRequestHandler):
    """Repeats validation tokens and keeps notifications."""

    told: list[dict] = []  # noqa: RUF012  one hook a process

    def do_POST(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer = query["validationToken"][0].encode() if "validationToken" in query else b""
        if not answer:
            self.told.extend(json.loads(body)["value"])
        self.send_response(200 if answer else 202)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


def at(hour: int, day: int = 0, zone: str = "UTC") -> DateTimeTimeZone:
    return DateTimeTimeZone(date_time=f"{DAY + dt.timedelta(days=day)}T{hour:02}:00:00", time_zone=zone)


def invited(address: str, kind: AttendeeType = AttendeeType.Required) -> Attendee:
    return Attendee(email_address=EmailAddress(address=address), type=kind)


async def refused(call) -> APIError:
    try:
        result = await call
    except APIError as error:
        return error
    raise AssertionError(f"no error: {result!r}")


async def told(kind: str, event_id: str = "") -> dict:
    """Wait until the hook has heard of a change."""
    for _ in range(int(PATIENCE_S * 20)):
        for one in Hook.told:
            if one["changeType"] == kind and event_id in ("", one["resourceData"]["id"]):
                return one
        await asyncio.sleep(0.05)
    raise AssertionError(f"nothing {kind}: {Hook.told}")


def client() -> GraphServiceClient:
    verify = CLOUD["ca"] if sys.argv[1] == "https" else True
    http = GraphClientFactory.create_with_default_middleware(
        client=httpx.AsyncClient(verify=verify, timeout=PATIENCE_S)
    )
    adapter = GraphRequestAdapter(AnonymousAuthenticationProvider(), client=http)
    adapter.base_url = f"{CLOUD[sys.argv[1]]}/v1.0"
    return GraphServiceClient(request_adapter=adapter)


async def main() -> None:
    graph = client()
    room, anna, bo = (graph.users.by_user_id(address) for address in (ROOM, ANNA, BO))
    hook = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=hook.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{hook.server_port}/hook"
    soon = NOW + dt.timedelta(hours=1)
    with step("subscribe"):
        wanted = Subscription(
            change_type="created,updated,deleted", notification_url=url, resource=f"/users/{ROOM}/events", client_state=SECRET,
            expiration_date_time=soon, lifecycle_notification_url=url,
        )  # fmt: skip
        subscription = await graph.subscriptions.post(wanted)
        equal((subscription.resource, bool(subscription.id)), (f"/users/{ROOM}/events", True))
    with step("renew"):
        later = soon + dt.timedelta(hours=1)
        renewed = await graph.subscriptions.by_subscription_id(subscription.id).patch(
            Subscription(expiration_date_time=later)
        )
        equal(abs((renewed.expiration_date_time - later).total_seconds()) < 1, True)
    with step("a hook beyond this machine"):
        wanted.notification_url = "https://hook.example/notify"
        error = await refused(graph.subscriptions.post(wanted))
        equal((error.response_status_code, error.error.code), (400, "ValidationError"))
    with step("create, and the room accepts"):
        made = await anna.calendar.events.post(
            Event(
                subject="Review", start=at(9), end=at(10), body=ItemBody(content_type=BodyType.Html, content="<p>@webex</p>"),
                location=Location(display_name="@webex"), attendees=[invited(ROOM, AttendeeType.Resource), invited(BO)],
            )
        )  # fmt: skip
        equal((bool(made.id), bool(made.i_cal_u_id), made.type), (True, True, EventType.SingleInstance))
        answers = {one.email_address.address: one.status.response for one in made.attendees}
        equal(answers, {ROOM: ResponseType.Accepted, BO: ResponseType.None_})
        note = await told("created")
        equal((note["clientState"], note["subscriptionId"]), (SECRET, subscription.id))
        copy = await room.events.by_event_id(note["resourceData"]["id"]).get()
        equal((copy.i_cal_u_id, copy.response_status.response), (made.i_cal_u_id, ResponseType.Accepted))
    with step("get, patch text and extended property"):
        prop = SingleValueLegacyExtendedProperty(id=OBTP, value="1234@site.webex.test")
        text = ItemBody(content_type=BodyType.Html, content="<p>join here</p>")
        patched = await anna.events.by_event_id(made.id).patch(
            Event(body=text, single_value_extended_properties=[prop])
        )
        equal((patched.body.content, patched.subject), ("<p>join here</p>", "Review"))
        asked = EventItemRequestBuilder.EventItemRequestBuilderGetQueryParameters(
            expand=[f"singleValueExtendedProperties($filter=id eq '{OBTP}')"]
        )
        seen = await anna.events.by_event_id(made.id).get(RequestConfiguration(query_parameters=asked))
        equal([(one.id, one.value) for one in seen.single_value_extended_properties], [(OBTP, prop.value)])
        equal((await told("updated"))["resourceData"]["id"], copy.id)
    with step("move"):
        moved = await anna.calendar.events.by_event_id(made.id).patch(Event(start=at(11), end=at(12)))
        equal(moved.start.date_time[11:16], "11:00")
        answers = {one.email_address.address: one.status.response for one in moved.attendees}
        equal(answers[ROOM], ResponseType.Accepted)
    with step("conflict is declined"):
        other = await bo.events.post(Event(subject="Other", start=at(11), end=at(13), attendees=[invited(ROOM)]))
        equal(other.attendees[0].status.response, ResponseType.Declined)
        await bo.events.by_event_id(other.id).delete()
        error = await refused(bo.events.by_event_id(other.id).get())
        equal((error.response_status_code, error.error.code), (404, "ErrorItemNotFound"))
    with step("answers of a person"):
        copy_of_bo = (await bo.events.get()).value[0].id
        mine = bo.events.by_event_id(copy_of_bo)
        await mine.tentatively_accept.post(TentativelyAcceptPostRequestBody(comment="maybe", send_response=True))
        equal(
            [one.status.response for one in (await anna.events.by_event_id(made.id).get()).attendees][1],
            ResponseType.TentativelyAccepted,
        )
        await mine.accept.post(AcceptPostRequestBody(comment="", send_response=True))
        equal(
            [one.status.response for one in (await anna.events.by_event_id(made.id).get()).attendees][1],
            ResponseType.Accepted,
        )
        await mine.decline.post(DeclinePostRequestBody(comment="no", send_response=True))
        equal(
            [one.status.response for one in (await anna.events.by_event_id(made.id).get()).attendees][1],
            ResponseType.Declined,
        )
    with step("series, instances, one moved"):
        pattern = RecurrencePattern(type=RecurrencePatternType.Daily, interval=1)
        limits = RecurrenceRange(
            type=RecurrenceRangeType.Numbered, start_date=DAY + dt.timedelta(days=10), number_of_occurrences=3,
            recurrence_time_zone="W. Europe Standard Time",
        )  # fmt: skip
        zone = "W. Europe Standard Time"
        master = await anna.events.post(
            Event(
                subject="Daily", start=at(9, 10, zone), end=at(10, 10, zone), attendees=[invited(ROOM)],
                recurrence=PatternedRecurrence(pattern=pattern, range=limits),
            )
        )  # fmt: skip
        equal((master.type, master.recurrence.pattern.type), (EventType.SeriesMaster, RecurrencePatternType.Daily))
        window = {"start_date_time": f"{DAY}T00:00:00Z", "end_date_time": f"{DAY + dt.timedelta(days=20)}T00:00:00Z"}
        asked = InstancesRequestBuilder.InstancesRequestBuilderGetQueryParameters(**window)
        listed = (
            await anna.events.by_event_id(master.id).instances.get(RequestConfiguration(query_parameters=asked))
        ).value
        equal([(one.type, one.series_master_id) for one in listed], [(EventType.Occurrence, master.id)] * 3)
        shifted = await anna.events.by_event_id(listed[1].id).patch(Event(start=at(15, 11, zone), end=at(16, 11, zone)))
        equal(
            (shifted.type, shifted.id, shifted.original_start.tzinfo is not None),
            (EventType.Exception, listed[1].id, True),
        )
        await anna.events.by_event_id(listed[2].id).cancel.post(CancelPostRequestBody(comment="not this one"))
        listed = (
            await anna.events.by_event_id(master.id).instances.get(RequestConfiguration(query_parameters=asked))
        ).value
        equal([one.type for one in listed], [EventType.Occurrence, EventType.Exception])
    with step("calendar view in a zone"):
        asked = CalendarViewRequestBuilder.CalendarViewRequestBuilderGetQueryParameters(top=50, **window)
        config = RequestConfiguration(query_parameters=asked)
        config.headers.add("Prefer", 'outlook.timezone="W. Europe Standard Time"')
        view = (await room.calendar_view.get(config)).value
        equal(
            [(one.start.date_time[11:16], one.is_cancelled) for one in view][1:],
            [("09:00", False), ("15:00", False), ("09:00", True)],
        )
        equal({one.start.time_zone for one in view}, {"W. Europe Standard Time"})
    with step("pages, filter, order, selection"):
        for hour in (9, 10, 11):
            await bo.events.post(Event(subject=f"at {hour}", start=at(hour, 3), end=at(hour + 1, 3)))
        asked = EventsRequestBuilder.EventsRequestBuilderGetQueryParameters(
            top=2, orderby=["start/dateTime desc"], select=["subject", "start"], filter="startswith(subject,'at ')"
        )
        page = await bo.events.get(RequestConfiguration(query_parameters=asked))
        equal(([one.subject for one in page.value], bool(page.odata_next_link)), (["at 11", "at 10"], True))
        rest = await bo.events.with_url(page.odata_next_link).get()
        equal(([one.subject for one in rest.value], rest.odata_next_link), (["at 9"], None))
    with step("mailbox settings and free and busy"):
        settings = await room.mailbox_settings.get()
        equal((settings.time_zone, settings.language.locale), ("W. Europe Standard Time", "en-US"))
        asked = GetSchedulePostRequestBody(
            schedules=[ROOM], start_time=at(10), end_time=at(13), availability_view_interval=60
        )
        (found,) = (await anna.calendar.get_schedule.post(asked)).value
        equal((found.schedule_id, found.availability_view, len(found.schedule_items)), (ROOM, "020", 1))
    with step("cancel and delete"):
        await anna.events.by_event_id(made.id).cancel.post(CancelPostRequestBody(comment="off"))
        equal((await refused(anna.events.by_event_id(made.id).get())).response_status_code, 404)
        equal((await room.events.by_event_id(copy.id).get()).is_cancelled, True)
        await room.events.by_event_id(copy.id).delete()
        await told("deleted", copy.id)
    with step("unknown user, unknown zone"):
        error = await refused(graph.users.by_user_id("nobody@contoso.test").events.get())
        equal((error.response_status_code, error.error.code), (404, "ErrorInvalidUser"))
        error = await refused(anna.events.post(Event(subject="x", start=at(9, 0, "Mars Standard Time"), end=at(10))))
        equal((error.response_status_code, "unknown_time_zone" in error.error.message), (400, True))
    with step("unsubscribe"):
        await graph.subscriptions.by_subscription_id(subscription.id).delete()
        error = await refused(graph.subscriptions.by_subscription_id(subscription.id).delete())
        equal(error.response_status_code, 404)
    hook.shutdown()


asyncio.run(main())
end()
