"""Bookings List and Get: which meetings are listed, in which order, under which numbers, and with what."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from endpoint.wire.xapi.errors import BadArguments, CommandFailed
from endpoint.wire.xapi.leaves import flatten
from tests.endpoint.cloud.stubbed import START, Stubbed, play
from tests.endpoint.device.commands.commanding import command

HOUR = timedelta(hours=1)
SIP = {"meetingJoinURI": "1234@meet.test"}


async def listed(stage: Stubbed, **arguments: Any) -> list[dict[str, Any]]:
    """Return the bookings that `Bookings List` answers."""
    found: list[dict[str, Any]] = (await command(stage.device, "Bookings List", arguments))["Booking"]
    return found


async def titles(stage: Stubbed, **arguments: Any) -> list[str]:
    """Return their titles."""
    return [booking["Title"] for booking in await listed(stage, **arguments)]


async def _with(stage: Stubbed, **meetings: float) -> None:
    """Go online and have meetings: hours from now by title, half an hour each."""
    await stage.online()
    for title, hours in meetings.items():
        stage.use.meeting_create(title, START + hours * HOUR, 30, join=SIP, location="Lab", name=title)
    await stage.clock.sleep(1.0)


def test_nothing_is_listed_where_there_is_nothing() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        answer = await command(stage.device, "Bookings List")
        assert answer["ResultInfo"] == {"TotalRows": 0, "LastUpdated": "2026-03-02T08:00:00Z"}
        assert answer["Booking"] == []
        assert [path for path, _ in flatten(answer)] == [("ResultInfo", "TotalRows"), ("ResultInfo", "LastUpdated")]

    play(story)


def test_the_fields_of_a_booking() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        meeting = stage.use.meeting_create(
            "Stand-up",
            START + HOUR,
            30,
            join=SIP,
            organizer_name="Ann Example",
            organizer_email="ann@room.test",
            is_private=True,
        )
        await stage.clock.sleep(1.0)
        [booking] = await listed(stage)
        assert booking == {
            "Id": "webex-1",
            "MeetingId": meeting.id,
            "Title": "Scheduled meeting",
            "Agenda": "",
            "Privacy": "Private",
            "Organizer": {
                "FirstName": "Ann",
                "LastName": "Example",
                "Email": "ann@room.test",
                "Id": booking["Organizer"]["Id"],
            },
            "Time": {
                "StartTime": "2026-03-02T09:00:00Z",
                "StartTimeBuffer": 300,
                "EndTime": "2026-03-02T09:30:00Z",
                "EndTimeBuffer": 0,
                "IsAllDay": "False",
            },
            "MaximumMeetingExtension": 30,
            "MeetingExtensionAvailability": "",
            "BookingStatus": "OK",
            "BookingStatusMessage": "",
            "MeetingPlatform": "Webex",
            "Cancellable": "False",
            "BookedFromDevice": "False",
            "Webex": {"Enabled": "True", "Url": "", "MeetingNumber": "", "Password": "", "HostKey": ""},
            "Encryption": "BestEffort",
            "Role": "Master",
            "Recording": "Disabled",
            "DialInfo": {
                "Calls": {
                    "Call": [{"Number": "1234@meet.test", "Protocol": "Spark", "CallRate": 6000, "CallType": "Video"}]
                },
                "ConnectMode": "OBTP",
            },
        }

    play(story)


@pytest.mark.parametrize(
    ("join_type", "join", "platform", "calls", "mode"),
    [
        ("MSTEAMS", SIP, "MicrosoftTeams", 1, "OBTP"),
        ("OTHER", {"meetingJoinURL": "https://teams.microsoft.com/l/meetup-join/1"}, "MicrosoftTeams", 1, "OBTP"),
        ("OTHER", {"meetingJoinURL": "https://meet.google.com/abc-defg-hij"}, "GoogleMeet", 1, "OBTP"),
        ("OTHER", {"callURI": "81234567890.112233@zoomcrc.com"}, "Zoom", 1, "OBTP"),
        ("ZOOM", {"callURI": "1@zoom.test"}, "Zoom", 1, "OBTP"),
        ("GOOGLE", {"spaceURI": "x"}, "GoogleMeet", 1, "OBTP"),
        ("OTHER", SIP, "Other", 1, "OBTP"),
        ("", {}, "None", 0, "Manual"),
    ],
)
def test_platform_and_dial_info_follow_the_join_fields(
    join_type: str, join: dict[str, str], platform: str, calls: int, mode: str
) -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        stage.use.meeting_create("M", START + HOUR, 30, meeting_join_type=join_type, join=join)
        await stage.clock.sleep(1.0)
        [booking] = await listed(stage)
        assert booking["MeetingPlatform"] == platform
        assert len(booking["DialInfo"]["Calls"]["Call"]) == calls
        assert booking["DialInfo"]["ConnectMode"] == mode
        assert booking["Webex"]["Enabled"] == "False"

    play(story)


def test_they_are_sorted_by_start_and_keep_their_numbers() -> None:
    async def story(stage: Stubbed) -> None:
        await _with(stage, later=3, sooner=1)
        assert [(b["Title"], b["Id"]) for b in await listed(stage)] == [("sooner", "webex-2"), ("later", "webex-1")]
        stage.use.meeting_create("first", START + HOUR / 2, 15)
        await stage.clock.sleep(1.0)
        found = {b["Title"]: b["Id"] for b in await listed(stage)}
        assert found == {"first": "webex-3", "sooner": "webex-2", "later": "webex-1"}
        gone = next(b["MeetingId"] for b in await listed(stage) if b["Title"] == "sooner")
        stage.use.meeting_delete(gone)
        await stage.clock.sleep(1.0)
        stage.use.meeting_create("new", START + 2 * HOUR, 15)
        await stage.clock.sleep(1.0)
        found = {b["Title"]: b["Id"] for b in await listed(stage)}
        assert found == {"first": "webex-3", "new": "webex-4", "later": "webex-1"}, "a number is not used again"

    play(story)


def test_without_arguments_past_present_and_future_are_listed() -> None:
    async def story(stage: Stubbed) -> None:
        await _with(stage, past=-2, present=-0.25, future=5, tomorrow=23)
        assert await titles(stage) == ["past", "present", "future", "tomorrow"]
        assert await titles(stage, ScheduleType="Current") == ["present"]
        assert await titles(stage, ScheduleType="Upcoming") == ["future", "tomorrow"]

    play(story)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"Days": 1}, ["early", "late"]),
        ({"Days": 2}, ["early", "late", "tomorrow"]),
        ({"Days": 1, "DayOffset": 1}, ["tomorrow"]),
        ({"DayOffset": 1}, ["tomorrow"]),
        ({"DayOffset": 2}, []),
        ({"DayOffset": 0}, ["early", "late", "tomorrow"]),
        ({"Days": 1, "DayOffset": 0}, ["early", "late"]),
        ({"Limit": 2}, ["yesterday", "early"]),
        ({"Offset": 1, "Limit": 2}, ["early", "late"]),
        ({"Offset": 9}, []),
        ({"Days": 1, "ScheduleType": "Upcoming"}, ["late"]),
    ],
)
def test_days_offset_and_limit(arguments: dict[str, Any], expected: list[str]) -> None:
    async def story(stage: Stubbed) -> None:
        await _with(stage, yesterday=-11, early=-7.75, late=15, tomorrow=17)
        answer = await command(stage.device, "Bookings List", arguments)
        assert [booking["Title"] for booking in answer["Booking"]] == expected
        if "Limit" in arguments or "Offset" in arguments:
            assert answer["ResultInfo"]["TotalRows"] == 4

    play(story)


def test_days_are_those_of_the_room() -> None:
    async def story(stage: Stubbed) -> None:
        await _with(stage, evening=15)  # 23:00 UTC
        assert await titles(stage, Days=1) == ["evening"]
        stage.device.set_configurations({"Time Zone": "Europe/Oslo"})  # midnight is at 23:00 UTC
        assert await titles(stage, Days=1) == []
        assert await titles(stage, Days=1, DayOffset=1) == ["evening"]

    play(story)


def test_get_finds_one_by_either_id_and_answers_a_single_object() -> None:
    async def story(stage: Stubbed) -> None:
        await _with(stage, one=1, two=2)
        by_id = (await command(stage.device, "Bookings Get", {"Id": "webex-2"}))["Booking"]
        assert by_id["Title"] == "two"
        by_meeting = (await command(stage.device, "Bookings Get", {"MeetingId": by_id["MeetingId"]}))["Booking"]
        assert by_meeting == by_id

    play(story)


@pytest.mark.parametrize("arguments", [{"Id": "webex-7"}, {"MeetingId": "nothing"}, {"Id": "1"}])
def test_get_of_what_is_not_there_fails(arguments: dict[str, str]) -> None:
    async def story(stage: Stubbed) -> None:
        await _with(stage, one=1)
        with pytest.raises(CommandFailed, match="Booking not found"):
            await command(stage.device, "Bookings Get", arguments)

    play(story)


@pytest.mark.parametrize("arguments", [{}, {"Id": "webex-1", "MeetingId": "x"}])
def test_get_takes_one_id(arguments: dict[str, str]) -> None:
    async def story(stage: Stubbed) -> None:
        await _with(stage, one=1)
        with pytest.raises(BadArguments, match="either Id or MeetingId"):
            await command(stage.device, "Bookings Get", arguments)

    play(story)


def test_a_removed_account_takes_the_bookings_with_it() -> None:
    async def story(stage: Stubbed) -> None:
        await _with(stage, one=1)
        stage.device.remove_account("test")
        assert await titles(stage) == []

    play(story)
