"""The calendar: catch-up page by page, single events, pushes, and every way in which these get in each other's way."""

from __future__ import annotations

import asyncio
import base64
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from endpoint.cloud.calendar import FETCHES_MAX, MEETINGS_MAX, CalendarUnavailable
from endpoint.runtime.clock import iso_ms
from endpoint.runtime.errors import Unreachable
from endpoint.wire.clear_meeting import ClearMeeting
from tests.endpoint.cloud.scripted import CODE, CUT, SILENCE, START, Asked, Reply, Scripted, meeting, play

LIST, ONE = "/calendarEvents", "/calendarEvents/"


async def _online(cloud: Scripted, *meetings: dict[str, Any]) -> None:
    cloud.meetings = list(meetings)
    await cloud.online()
    cloud.asked.clear()
    cloud.log.clear()


def _attached(number: int) -> list[str]:
    """Return the lines of a meeting that becomes a booking."""
    return [
        "Wx2[5]: MeetingsControl::on_calendar_event_created",
        f"Wx2[5]: Creating new Meeting (id={number})",
        f"Wx2[5]: Attaching CalendarEvent (id=meeting-{number}) to Meeting (id={number})",
    ]


def _ids(cloud: Scripted) -> list[str]:
    return sorted(cloud.device.calendar.meetings)


def _lists(cloud: Scripted) -> list[Asked]:
    return [asked for asked in cloud.to("GET", LIST) if asked.path.endswith(LIST)]


def _path(meeting_id: str) -> str:
    return f"/calendar/api/v1/calendarEvents/{base64.urlsafe_b64encode(meeting_id.encode()).decode().rstrip('=')}"


async def _push(cloud: Scripted, kind: str, item: dict[str, Any]) -> None:
    await cloud.peer.event(f"calendar.meeting.{kind}", calendarMeetingExternal=item)


class Ear:
    """Hears what becomes of meetings."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str | None]] = []

    def meeting_created(self, meeting: ClearMeeting) -> None:
        self.heard.append((f"created {meeting.id}", meeting.title))

    def meeting_updated(self, meeting: ClearMeeting) -> None:
        self.heard.append((f"updated {meeting.id}", meeting.title))

    def meeting_deleted(self, meeting_id: str) -> None:
        self.heard.append((f"deleted {meeting_id}", None))

    def meeting_over(self, meeting_id: str) -> None:
        self.heard.append((f"over {meeting_id}", None))

    def meetings_forgotten(self) -> None:
        self.heard.append(("forgotten", None))


def test_who_makes_bookings_is_told_of_every_change_of_the_store() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud, meeting(1))
        ear = cloud.device.calendar.listener = Ear()
        await _push(cloud, "create", meeting(2, encryptedSubject="Review"))
        await _push(cloud, "update", meeting(2, encryptedSubject="eyJ.sealed.a.b.c"))
        await _push(cloud, "delete", meeting(2))
        await _push(cloud, "delete", meeting(2))
        cloud.meetings = []
        await cloud.device.sync()
        assert ear.heard == [
            ("created meeting-2", "Review"), ("updated meeting-2", None), ("deleted meeting-2", None), ("deleted meeting-2", None),
            ("deleted meeting-1", None),
        ]  # fmt: skip
        await cloud.device.shut_down()
        assert ear.heard[-1] == ("forgotten", None)

    play(story)


# -- catch-up ---------------------------------------------------------------------------------------------------------------------------


def test_the_query_and_the_lines_of_a_catch_up_are_those_of_the_slides() -> None:
    async def story(cloud: Scripted) -> None:
        item = meeting(
            1,
            meetingJoinType="WEBEX",
            meetingJoinInfo={"meetingJoinURI": "eyJ", "meetingJoinURL": "eyJ"},
            callURI="eyJ",
        )
        cloud.meetings = [item]
        await cloud.device.boot()
        await cloud.clock.sleep(0.284)
        await cloud.device.activate(CODE)
        await cloud.device.until_online()
        query = "max=50&offset=0&fromDate=2026-03-01T08:50:00.284Z&toDate=2026-03-03T08:50:00.284Z&compact=true"
        at = next(
            number for number, line in enumerate(cloud.log) if line.endswith(f"/calendar/api/v1/calendarEvents?{query}")
        )
        start = "start='2026-03-02T10:00:00.000Z'"
        values = (
            "meetingJoinType='WEBEX' meetingJoinURI=true meetingJoinURL=true webexURI=false spaceURI=false callURI=true"
        )
        lines = [line for line in cloud.log[at + 1 :] if "HTTP" not in line and "alliope" not in line]
        assert lines == [
            f"Wx2[1]: Inserting new meeting - organizer='{item['organizer']}' {start} id='meeting-1' {values}",
            "Wx2[3]: Decrypting title for calendar event with id='meeting-1'",
            *_attached(1),
            "Wx2[3]: calendar catch-up: 1 event(s)",
        ]

    play(story)


@pytest.mark.parametrize(("count", "pages"), [(0, 1), (49, 1), (50, 2), (51, 2), (100, 3), (130, 3)])
def test_pages_are_read_until_a_short_one(count: int, pages: int) -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud, *[meeting(f"{n:03d}") for n in range(count)])
        assert await cloud.device.sync() == count
        asked = _lists(cloud)
        assert [request.query["offset"] for request in asked] == [str(50 * page) for page in range(pages)]
        assert len({(request.query["fromDate"], request.query["toDate"]) for request in asked}) == 1
        assert len(_ids(cloud)) == count
        assert cloud.log[-1] == f"Wx2[3]: calendar catch-up: {count} event(s)"

    play(story)


def test_forty_full_pages_are_the_end_and_nothing_is_taken_for_gone_that_may_be_behind_them() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud, meeting("kept"))
        cloud.on(
            "GET",
            LIST,
            lambda asked: Reply(body={"items": [meeting(f"{asked.query['offset']}-{n}") for n in range(50)]}),
        )
        assert await cloud.device.sync() == 2_000
        assert len(_lists(cloud)) == 40
        assert "meeting-kept" in _ids(cloud)

    play(story)


def test_what_the_window_should_hold_and_does_not_is_removed_and_the_future_is_left_alone() -> None:
    async def story(cloud: Scripted) -> None:
        within, ahead = meeting("within"), meeting("ahead", iso_ms(START + timedelta(days=3)))
        await _online(cloud, within, meeting("stays"))
        await _push(cloud, "create", ahead)
        ear = cloud.device.calendar.listener = Ear()
        cloud.meetings.remove(within)
        await cloud.device.sync()
        assert _ids(cloud) == ["meeting-ahead", "meeting-stays"]
        await cloud.clock.sleep(4.1 * 86_400.0)
        cloud.meetings.clear()
        await cloud.device.sync()
        assert _ids(cloud) == [], "what is long over goes too"
        removed = [event.data["id"] for event in cloud.trace.events if event.kind == "calendar.removed"]
        assert sorted(removed) == ["meeting-ahead", "meeting-stays", "meeting-within"]
        told = sorted(what for what, _ in ear.heard if not what.startswith("updated"))
        assert told == ["deleted meeting-ahead", "deleted meeting-within", "over meeting-stays"]

    play(story)


def test_it_is_repeated_twice_a_day() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        await cloud.clock.sleep(1.5 * 86_400.0)
        at = [asked.at_s for asked in _lists(cloud)]
        assert len(at) == 3
        assert all(later - earlier == pytest.approx(43_200.0, abs=0.01) for earlier, later in pairwise(at))

    play(story)


def test_callers_share_a_run_and_a_reconnection_during_one_makes_one_more() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        cloud.slow("GET", LIST, 2.0)
        counts = await asyncio.gather(*(cloud.device.calendar.catch_up() for _ in range(5)))
        assert (counts, len(_lists(cloud))) == ([0] * 5, 1)
        running = asyncio.create_task(cloud.device.calendar.catch_up())
        await cloud.settle()
        for _ in range(7):
            cloud.device.calendar.catch_up_soon()
        await running
        assert len(_lists(cloud)) == 3

    play(story)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_trouble_of_the_moment_is_waited_out(status: int) -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud, meeting(1))
        cloud.on("GET", LIST, Reply(status, headers={"Retry-After": "9"}), CUT, cloud.events)
        assert await cloud.device.sync() == 1
        assert len({asked.query["fromDate"] for asked in _lists(cloud)}) == 1

    play(story)


@pytest.mark.parametrize(
    ("reply", "line"),
    [
        (Reply(403, {"error": "nope"}), "Wx2 W: calendar unreachable: 403 nope"),
        (Reply(200, b"nonsense"), "Wx2 W: calendar answer not understood: calendarEvents: JSON in UTF-8 (DecodeError)"),
        (
            Reply(200, {"items": 5}),
            "Wx2 W: calendar answer not understood: calendarEvents.items: Expected `array`, got `int`",
        ),
        (CUT, "Wx2 W: calendar unreachable: connection reset calendar-a.wbx2.test:80"),
    ],
)
def test_a_catch_up_that_fails_keeps_what_there_is_and_is_tried_again_in_a_quarter_of_an_hour(
    reply: Reply, line: str
) -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud, meeting(1))
        cloud.on("GET", LIST, reply)
        with pytest.raises((CalendarUnavailable, Unreachable)):
            await cloud.device.sync()
        assert cloud.lines("Wx2 W") == [line]
        assert _ids(cloud) == ["meeting-1"]
        cloud.usual("GET", LIST)
        cloud.asked.clear()
        await cloud.clock.sleep(900.1)
        assert len(_lists(cloud)) == 1

    play(story)


def test_an_item_that_cannot_be_read_does_not_take_the_others_with_it() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        cloud.on("GET", LIST, Reply(body={"items": [meeting(1), {"id": ""}, 5, meeting(2, "never"), meeting(3)]}))
        assert await cloud.device.sync() == 2
        assert _ids(cloud) == ["meeting-1", "meeting-3"]
        assert len(cloud.lines("Wx2 W: calendar event ignored: calendarEvents.items[")) == 3

    play(story)


# -- pushes -----------------------------------------------------------------------------------------------------------------------------


def test_pushes_insert_update_and_remove_in_the_words_of_the_slides() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        url = "http://calendar-a.wbx2.test/calendar/api/v1/calendarEvents/x"
        item = meeting(1, links=[{"href": url, "rel": "self"}])
        await _push(cloud, "create", item)
        await _push(cloud, "update", {**item, "start": "2026-03-02T11:00:00.000Z"})
        await _push(cloud, "delete", {"id": "meeting-1"})
        await _push(cloud, "delete", {"id": "meeting-1"})
        values = (
            "meetingJoinType='' meetingJoinURI=false meetingJoinURL=false webexURI=false spaceURI=false callURI=false"
        )
        about = f"organizer='{item['organizer']}' start='2026-03-02T1{{}}:00:00.000Z' id='meeting-1' {values}"
        title = "Wx2[3]: Decrypting title for calendar event with id='meeting-1'"
        event = "Wx2 I: NotificationChannel: calendar.meeting.{}, trackingid ccc_event-{}"
        assert cloud.log == [
            event.format("create", 1),
            "Wx2[3]: CalendarClientImpl::on_meeting_updated_event",
            f"Wx2[1]: Inserting new meeting - {about.format(0)}",
            title,
            *_attached(1),
            event.format("update", 2),
            f"Wx2[1]: updateMeetingFromCalendarEvent resourceUrl='{url}'",
            "Wx2[3]: CalendarClientImpl::on_meeting_updated_event",
            f"Wx2[1]: Updating meeting - {about.format(1)}",
            title,
            event.format("delete", 3),
            "Wx2[5]: MeetingsControl::on_calendar_event_deleted",
            "Wx2[5]: Detaching CalendarEvent (id=meeting-1) from Meeting (id=1)",
            "Wx2[5]: Removing Meeting (id=1)",
            "Wx2 I: Wx2MeetingsHandlerImpl::meetings_updated: num meetings=0",
            event.format("delete", 4),
        ]
        assert not cloud.asked
        assert _ids(cloud) == []

    play(story)


def test_an_update_of_an_unknown_event_inserts_and_a_create_of_a_known_one_updates() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        await _push(cloud, "update", meeting(1))
        await _push(cloud, "create", meeting(1))
        words = [line.split(" - ")[0] for line in cloud.log if " meeting - " in line]
        assert words == ["Wx2[1]: Inserting new meeting", "Wx2[1]: Updating meeting"]

    play(story)


def test_what_is_pushed_during_a_catch_up_wins_over_its_pages() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud, meeting("old"), meeting("gone"), meeting("moved"))
        cloud.slow("GET", LIST, 5.0)
        running = asyncio.create_task(cloud.device.sync())
        await cloud.clock.sleep(1.0)
        await _push(cloud, "create", meeting("new"))
        await _push(cloud, "delete", {"id": "meeting-gone"})
        await _push(cloud, "update", meeting("moved", "2026-03-02T15:00:00.000Z"))
        await running
        assert _ids(cloud) == ["meeting-moved", "meeting-new", "meeting-old"]
        assert cloud.device.calendar.meetings["meeting-moved"].start == "2026-03-02T15:00:00.000Z"

    play(story)


def test_a_meeting_that_slips_from_page_to_page_while_they_are_read_is_not_taken_for_gone() -> None:
    """A deletion moves the first item of page two to the end of page one, which was read already."""

    async def story(cloud: Scripted) -> None:
        await _online(cloud, *[meeting(f"{n:03d}") for n in range(60)])

        def read(asked: Asked) -> Reply:
            return Reply(body=cloud.events(asked).body, late_s=1.0 if asked.query["offset"] == "50" else 0.0)

        def first(asked: Asked) -> Reply:
            reply = cloud.events(asked)
            del cloud.meetings[0]
            return reply

        cloud.on("GET", LIST, first, read)
        running = asyncio.create_task(cloud.device.sync())
        await cloud.clock.sleep(0.5)
        await _push(cloud, "delete", {"id": "meeting-000"})
        await running
        assert _ids(cloud) == [item["id"] for item in cloud.meetings]
        assert "meeting-050" in _ids(cloud)
        assert len(cloud.lines("Wx2[3]: calendar catch-up")) == 2

    play(story)


def test_pushes_that_never_stop_do_not_keep_it_reading_for_ever() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud, *[meeting(f"{n:03d}") for n in range(60)])
        cloud.slow("GET", LIST, 1.0)
        running = asyncio.create_task(cloud.device.sync())
        for number in range(30):
            await cloud.clock.sleep(0.5)
            await _push(cloud, "create", meeting(f"x{number}"))
        await running
        assert len(cloud.lines("Wx2[3]: calendar catch-up")) == 4

    play(story)


# -- single events ----------------------------------------------------------------------------------------------------------------------


def test_a_minimal_event_makes_one_request_for_the_event_whether_it_is_known_or_not() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        meeting_id = "e02c6c66-70ba-65b5-8b1f-c68afad768b9"
        cloud.on("GET", ONE, Reply(body=meeting(1, id=meeting_id)))
        await _push(cloud, "update.minimal", {"id": meeting_id})
        [asked] = cloud.asked
        assert asked.path.endswith("/calendarEvents/ZTAyYzZjNjYtNzBiYS02NWI1LThiMWYtYzY4YWZhZDc2OGI5")
        assert asked.query == {"compact": "true"}
        lines = [line.split(" ")[0] + " " + line.split(" ")[1] for line in cloud.log]
        assert lines == [
            "Wx2 I:",
            "Wx2Http[1]: HTTP(11)",
            "Wx2Http[1]: HTTP(11)",
            "Wx2[1]: Inserting",
            "Wx2[3]: Decrypting",
            "Wx2[5]: MeetingsControl::on_calendar_event_created",
            "Wx2[5]: Creating",
            "Wx2[5]: Attaching",
        ]
        await _push(cloud, "create.minimal", {"id": meeting_id})
        assert len(cloud.asked) == 2
        assert "Updating meeting" in cloud.log[-2]

    play(story)


def test_an_event_that_is_not_found_counts_as_deleted() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud, meeting(1))
        await _push(cloud, "update.minimal", {"id": "meeting-1"})
        assert cloud.lines("Wx2 W") == ["Wx2 W: calendar event with id='meeting-1' not available: 404"]
        assert _ids(cloud) == []

    play(story)


@pytest.mark.parametrize("trouble", [Reply(500), Reply(503), CUT, SILENCE])
def test_an_event_is_asked_for_five_times_more_and_then_left_to_the_next_catch_up(trouble: Reply) -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        cloud.on("GET", ONE, trouble)
        await _push(cloud, "create.minimal", {"id": "meeting-1"})
        await cloud.clock.sleep(1_000.0)
        at = [asked.at_s for asked in cloud.asked if "/calendar/" in asked.path]  # services beside it are asked, too
        patience_s = 30.0 if trouble is SILENCE else 0.0
        waits = [later - earlier - patience_s for earlier, later in pairwise(at)]
        assert waits == pytest.approx([1.0, 2.0, 4.0, 8.0, 16.0], abs=0.01)
        assert cloud.lines("Wx2 W: calendar")[-1] in (
            f"Wx2 W: calendar event with id='meeting-1' not available: {trouble.status}",
            "Wx2 W: calendar unreachable: connection reset calendar-a.wbx2.test:80",
            "Wx2 W: calendar unreachable: timeout after 30 s",
        )
        assert _ids(cloud) == []

    play(story)


@pytest.mark.parametrize(
    "reply", [Reply(403), Reply(200, b"?"), Reply(200, {"id": "meeting-1"}), Reply(body=meeting(2))]
)
def test_an_answer_that_is_not_the_event_changes_nothing(reply: Reply) -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud, meeting(1))
        cloud.on("GET", ONE, reply)
        await _push(cloud, "update.minimal", {"id": "meeting-1"})
        assert _ids(cloud) == ["meeting-1"]
        assert len(cloud.lines("Wx2 W")) == 1
        with pytest.raises(CalendarUnavailable):
            await cloud.device.calendar.fetch("meeting-1")

    play(story)


@pytest.mark.parametrize(("kind", "left"), [("delete", []), ("update", ["meeting-1"])])
def test_a_message_that_overtakes_the_answer_wins(kind: str, left: list[str]) -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        cloud.on("GET", ONE, Reply(body=meeting(1), late_s=3.0))
        await _push(cloud, "create.minimal", {"id": "meeting-1"})
        await _push(cloud, kind, meeting(1, "2026-03-02T20:00:00.000Z"))
        await cloud.clock.sleep(5.0)
        assert _ids(cloud) == left
        assert all(item.start == "2026-03-02T20:00:00.000Z" for item in cloud.device.calendar.meetings.values())

    play(story)


def test_of_two_requests_for_an_event_the_younger_one_counts() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        older = Reply(body=meeting(1, "2026-03-02T11:00:00.000Z"), late_s=3.0)
        cloud.on("GET", ONE, older, Reply(body=meeting(1, "2026-03-02T12:00:00.000Z")))
        await _push(cloud, "create.minimal", {"id": "meeting-1"})
        await _push(cloud, "update.minimal", {"id": "meeting-1"})
        await cloud.clock.sleep(5.0)
        assert cloud.device.calendar.meetings["meeting-1"].start == "2026-03-02T12:00:00.000Z"

    play(story)


# -- bounds -----------------------------------------------------------------------------------------------------------------------------


def test_a_flood_of_minimal_events_becomes_one_catch_up() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        cloud.on("GET", ONE, SILENCE)
        for number in range(FETCHES_MAX + 100):
            await cloud.peer.send_at_once(
                {"id": f"e{number}", "data": {"eventType": "calendar.meeting.create.minimal", "calendarMeetingExternal": {"id": "same"}}}
            )  # fmt: skip
        await cloud.clock.sleep(0.1)
        assert len(cloud.to("GET", ONE)) == FETCHES_MAX
        assert 1 <= len(_lists(cloud)) <= 2
        drops = [event for event in cloud.trace.events if event.kind == "drop"]
        assert len(drops) == 100
        assert drops[0].data == {"what": "calendar event to fetch", "bound": FETCHES_MAX}

    play(story)


def test_a_calendar_without_end_is_cut_off_visibly() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud)
        for number in range(MEETINGS_MAX + 3):
            cloud.device.calendar.on_event(
                {"eventType": "calendar.meeting.create", "calendarMeetingExternal": meeting(number)}
            )
        assert len(_ids(cloud)) == MEETINGS_MAX
        drops = [event.data for event in cloud.trace.events if event.kind == "drop"]
        assert drops == [{"what": "meeting", "bound": MEETINGS_MAX}] * 3
        await _push(cloud, "update", meeting(0, "2026-03-02T23:00:00.000Z"))
        assert cloud.device.calendar.meetings["meeting-0"].start == "2026-03-02T23:00:00.000Z"

    play(story)


def test_a_restart_begins_with_an_empty_store_and_catches_up() -> None:
    async def story(cloud: Scripted) -> None:
        await _online(cloud, meeting(1))
        await cloud.device.shut_down()
        assert _ids(cloud) == []
        await cloud.clock.sleep(86_400.0)
        assert not cloud.asked
        await cloud.device.boot()
        await cloud.device.until_online()
        assert _ids(cloud) == ["meeting-1"]

    play(story)
