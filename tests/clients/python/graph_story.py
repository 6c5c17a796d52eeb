"""msgraph-sdk 1.65.0 plays the organizer of scenarios/calendar/graph_client.yaml: `graph_story.py READY_FILE [http|https]`.

It knows nothing of the scenario but its ready file, which says where Graph is and which step is played.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import sys
from pathlib import Path

import httpx
from kiota_abstractions.authentication.anonymous_authentication_provider import AnonymousAuthenticationProvider
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.models.attendee import Attendee
from msgraph.generated.models.attendee_type import AttendeeType
from msgraph.generated.models.date_time_time_zone import DateTimeTimeZone
from msgraph.generated.models.email_address import EmailAddress
from msgraph.generated.models.event import Event
from msgraph.generated.models.location import Location
from msgraph.generated.models.response_type import ResponseType
from msgraph.generated.users.item.events.item.cancel.cancel_post_request_body import CancelPostRequestBody
from msgraph_core import GraphClientFactory

FILE = Path(sys.argv[1])
SCHEME = sys.argv[2] if len(sys.argv) > 2 else "https"
ORGANIZER, ROOM = "ana.smith@room.example", "room@room.example"


async def step(number: int) -> dict:
    """Wait until the scenario plays a step; return what the ready file says."""
    for _ in range(600):
        if FILE.exists() and (ready := json.loads(FILE.read_text()))["step"] >= number:
            return ready
        await asyncio.sleep(0.05)
    sys.exit(f"step {number} is not played")


def graph(ready: dict) -> GraphServiceClient:
    """Point the client at the stub."""
    http = httpx.AsyncClient(verify=ready["ca"] if SCHEME == "https" else True, timeout=20)
    client = GraphClientFactory.create_with_default_middleware(client=http)
    adapter = GraphRequestAdapter(AnonymousAuthenticationProvider(), client=client)
    adapter.base_url = f"{ready[SCHEME]}/v1.0"
    return GraphServiceClient(request_adapter=adapter)


def ahead(minutes: int) -> DateTimeTimeZone:
    """Name an instant so many minutes from now."""
    at = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=minutes)  # noqa: TID251  the client's own clock
    return DateTimeTimeZone(date_time=f"{at:%Y-%m-%dT%H:%M:%S}", time_zone="UTC")


async def main() -> None:
    events = graph(await step(2)).users.by_user_id(ORGANIZER).events
    made = await events.post(
        Event(
            subject="Design review", start=ahead(4), end=ahead(34), location=Location(display_name="@webex"),
            attendees=[Attendee(email_address=EmailAddress(address=ROOM), type=AttendeeType.Resource)],
        )
    )  # fmt: skip
    assert made.attendees[0].status.response is ResponseType.Accepted
    meeting = events.by_event_id(made.id)

    await step(4)
    assert "ana.smith@roomsim.webex.test" in (await meeting.get()).body.content, "the service has filled the body"
    await meeting.patch(Event(start=ahead(64), end=ahead(94)))

    await step(5)
    await meeting.cancel.post(CancelPostRequestBody(comment="Not needed any more"))
    sys.stdout.write("created, moved, cancelled\n")


asyncio.run(main())
