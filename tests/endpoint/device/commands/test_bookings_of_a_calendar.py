"""Bookings of a device with a calendar behind it: what is asked for, and what is told when the calendar has answered, or has not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from endpoint.room.bookings.edits import CAUSES, EditRefused
from endpoint.runtime.clock import iso_seconds
from endpoint.wire.xapi.errors import CommandFailed
from tests.endpoint.cloud.stubbed import START, Stubbed
from tests.endpoint.cloud.stubbed import play as play_stubbed
from tests.endpoint.device.commands.commanding import command, events

ON = {"Bookings AdhocBooking Enabled": "True", "Bookings AdhocBooking BookAhead Enabled": "True"}
HOUR = timedelta(hours=1)
SIP = {"meetingJoinURI": "1234@meet.test"}


class Calendar:
    """A calendar that does what it is asked after a while, or refuses; its changes are pushed by the stub cloud."""

    def __init__(self, stage: Stubbed) -> None:
        self.stage = stage
        self.asked: list[tuple[Any, ...]] = []
        self.refuses = ""
        self.waits_s = 1.0
        self.pushes_s = 0.0
        """How long before its answer the change is pushed; after it, if negative."""

    async def _do(self, asked: tuple[Any, ...], act: Callable[[], Any]) -> Any:
        self.asked.append(asked)
        clock = self.stage.clock
        await clock.sleep(self.waits_s)
        if self.refuses:
            raise EditRefused(self.refuses)
        if self.pushes_s < 0:
            clock.call_later(-self.pushes_s, act)
            return None
        made = act()
        await clock.sleep(self.pushes_s)
        return made

    async def create(self, title: str, starts: datetime, minutes: int, request_id: str) -> str:
        use = self.stage.use

        def act() -> Any:
            return use.meeting_create(title, starts, minutes, meeting_id=f"meeting-{request_id}", join=SIP)

        await self._do(("create", title, starts, minutes, request_id), act)
        return f"meeting-{request_id}"

    async def change(self, meeting_id: str, **fields: Any) -> None:
        names = {"title": "title", "starts": "start", "minutes": "duration_minutes"}
        changes = {names[name]: value for name, value in fields.items() if value is not None}
        await self._do(("change", meeting_id, changes), lambda: self.stage.use.meeting_update(meeting_id, **changes))

    async def delete(self, meeting_id: str) -> None:
        await self._do(("delete", meeting_id), lambda: self.stage.use.meeting_delete(meeting_id))

    async def respond(self, meeting_id: str, answer: str, comment: str) -> None:
        user = self.stage.device.identity.account
        assert user is not None
        said = {user.user_id: {"Accept": "ACCEPTED", "Decline": "DECLINED"}[answer]}
        await self._do(
            ("respond", meeting_id, answer, comment),
            lambda: self.stage.use.meeting_update(meeting_id, responses=said),
        )


def play(story: Callable[[Stubbed, Calendar], Awaitable[None]], configuration: dict[str, Any] = ON, **how: Any) -> None:
    async def whole(stage: Stubbed) -> None:
        await stage.online()
        calendar = Calendar(stage)
        stage.device.room_calendar = calendar
        await story(stage, calendar)

    play_stubbed(whole, configuration=configuration, **how)


async def listed(stage: Stubbed) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await command(stage.device, "Bookings List"))["Booking"]
    return found


async def meeting(stage: Stubbed, hours: float = 1, minutes: int = 30, **fields: Any) -> dict[str, str]:
    """Have a meeting in the calendar, and return how commands name it."""
    made = stage.use.meeting_create("Review", START + hours * HOUR, minutes, join=SIP, name=f"m{hours}", **fields)
    await stage.clock.sleep(0.5)
    return {"MeetingId": made.id}


def names(told: list[dict[str, object]]) -> list[str]:
    return [str(one["event"]).removeprefix("Bookings ") for one in told]


@pytest.mark.parametrize("pushes_s", [-2.0, 0.0, 5.0], ids=["answer first", "together", "push first"])
def test_a_booking_is_created_when_the_calendar_has_agreed(pushes_s: float) -> None:
    async def story(stage: Stubbed, calendar: Calendar) -> None:
        calendar.pushes_s = pushes_s
        told = events(stage.device)
        await command(
            stage.device,
            "Bookings Book",
            {"BookingRequestUUID": "u-1", "Title": "Chat", "Duration": 15, "Number": "9@x.test"},
        )
        assert names(told) == ["BookingRequested", "Updated", "Start"]
        [provisional] = await listed(stage)
        assert (provisional["Id"], provisional["MeetingId"], provisional["Title"]) == ("webex-1", "", "Chat")
        with pytest.raises(CommandFailed, match="has not answered yet"):
            await command(stage.device, "Bookings Edit", {"Id": "webex-1", "Duration": 30})
        with pytest.raises(CommandFailed, match="has not answered yet"):
            await command(stage.device, "Bookings Extend", {"Id": "webex-1", "Duration": 30})
        with pytest.raises(CommandFailed, match="BookingRequestUUID is under way"):
            await command(
                stage.device, "Bookings Book", {"BookingRequestUUID": "u-1", "StartTime": "2026-03-02T20:00:00Z"}
            )
        await stage.clock.sleep(10)
        [(what, title, starts, minutes, uuid)] = calendar.asked
        assert (what, title, minutes, uuid) == ("create", "Chat", 15, "u-1")
        assert iso_seconds(starts) == provisional["Time"]["StartTime"]
        created = [one for one in told if one["event"] == "Bookings BookingCreated"]
        assert len(created) == 1
        assert (created[0]["BookingRequestUUID"], created[0]["MeetingId"]) == ("u-1", "meeting-u-1")
        [shown] = await listed(stage)
        assert (shown["Id"], shown["MeetingId"], shown["BookedFromDevice"]) == ("webex-1", "meeting-u-1", "True")
        assert shown["DialInfo"]["Calls"]["Call"][0]["Number"] == "1234@meet.test"
        assert "Deleted" not in names(told)

    play(story)


@pytest.mark.parametrize("cause", CAUSES)
def test_a_refused_booking_vanishes_with_the_cause(cause: str) -> None:
    async def story(stage: Stubbed, calendar: Calendar) -> None:
        calendar.refuses = cause
        told = events(stage.device)
        await command(stage.device, "Bookings Book", {"BookingRequestUUID": "u-1"})
        await stage.clock.sleep(2)
        assert told[-1] == {"event": "Bookings BookingFailed", "BookingRequestUUID": "u-1", "FailureCause": cause}
        assert "Deleted" not in names(told)
        assert await listed(stage) == []
        assert stage.device.status.get(("Bookings", "Availability", "Status")) == "Free"
        assert any(f"Bookings BookingFailed: {cause}" in line for line in stage.log)

    play(story)


@pytest.mark.parametrize(("settings", "timeout_s"), [({}, 60), ({"Bookings AdhocBooking BookingTimeout": 120}, 120)])
def test_a_calendar_that_is_silent_is_waited_for_so_long(settings: dict[str, int], timeout_s: float) -> None:
    async def story(stage: Stubbed, calendar: Calendar) -> None:
        calendar.waits_s = 1000
        told = events(stage.device)
        await command(stage.device, "Bookings Book", {"BookingRequestUUID": "u-1", "Duration": 90})
        await stage.clock.sleep(timeout_s - 0.1)
        assert (len(await listed(stage)), "BookingFailed" in names(told)) == (1, False)
        await stage.clock.sleep(0.2)
        assert told[-1]["FailureCause"] == "Timeout"
        assert await listed(stage) == []

    play(story, {**ON, **settings})


def test_a_request_without_an_id_gets_one() -> None:
    async def story(stage: Stubbed, calendar: Calendar) -> None:
        told = events(stage.device)
        await command(stage.device, "Bookings Book")
        await command(stage.device, "Bookings Book", {"StartTime": "2026-03-02T20:00:00Z"})
        await stage.clock.sleep(2)
        ids = {name: [one["BookingRequestUUID"] for one in told if one["event"] == f"Bookings {name}"] for name in
               ("BookingRequested", "BookingCreated")}  # fmt: skip
        assert len(set(ids["BookingRequested"])) == 2
        assert ids["BookingCreated"] == ids["BookingRequested"] == [asked[4] for asked in calendar.asked]

    play(story)


def test_a_conflict_is_not_even_asked_for() -> None:
    async def story(stage: Stubbed, calendar: Calendar) -> None:
        await meeting(stage, 0.25)
        told = events(stage.device)
        await command(stage.device, "Bookings Book", {"BookingRequestUUID": "u-1"})
        assert told[-1] == {"event": "Bookings BookingFailed", "BookingRequestUUID": "u-1", "FailureCause": "Decline"}
        assert calendar.asked == []

    play(story)


def test_what_is_given_up_before_it_was_made_is_given_up_in_the_calendar() -> None:
    async def story(stage: Stubbed, calendar: Calendar) -> None:
        calendar.pushes_s = 0.0
        told = events(stage.device)
        await command(stage.device, "Bookings Book", {"BookingRequestUUID": "u-1", "StartTime": "2026-03-02T20:00:00Z"})
        await command(stage.device, "Bookings Delete", {"Id": "webex-1"})
        await stage.clock.sleep(5)
        assert [asked[0] for asked in calendar.asked] == ["create", "delete"]
        assert await listed(stage) == []
        assert names(told).count("Deleted") == 2, "what was provisional, and the meeting that had come of it"

    play(story)


@pytest.mark.parametrize("refuses", ["Decline", "Timeout", ""])
@pytest.mark.parametrize("pushes_s", [-2.0, 0.0])
def test_a_meeting_of_somebody_else_at_the_same_time_is_not_lost(refuses: str, pushes_s: float) -> None:
    async def story(stage: Stubbed, calendar: Calendar) -> None:
        calendar.refuses, calendar.waits_s, calendar.pushes_s = refuses, 5.0, pushes_s
        told = events(stage.device)
        order = {"BookingRequestUUID": "u-1", "StartTime": "2026-03-02T20:00:00Z", "Title": "Mine"}
        await command(stage.device, "Bookings Book", order)
        start = datetime.fromisoformat("2026-03-02T20:00:00Z")
        stage.use.meeting_create("Theirs", start, 30, join=SIP, meeting_id="theirs")
        await stage.clock.sleep(20)
        shown = {one["MeetingId"]: (one["Title"], one["BookedFromDevice"]) for one in await listed(stage)}
        mine = {} if refuses else {"meeting-u-1": ("Mine", "True")}
        assert shown == {"theirs": ("Theirs", "False"), **mine}
        created = {one["MeetingId"]: one.get("BookingRequestUUID") for one in told if "BookingCreated" in str(one)}
        assert created == {"theirs": None, **({} if refuses else {"meeting-u-1": "u-1"})}
        assert ("BookingFailed" in names(told)) is bool(refuses)

    play(story)


def test_a_booking_whose_meeting_is_gone_before_its_texts_were_read_is_gone() -> None:
    async def story(stage: Stubbed, calendar: Calendar) -> None:
        stage.use.fault("down", "kms", "silent")
        await command(stage.device, "Bookings Book", {"BookingRequestUUID": "u-1", "StartTime": "2026-03-02T20:00:00Z"})
        await stage.clock.sleep(1.5)
        assert [one["MeetingId"] for one in await listed(stage)] == ["meeting-u-1"]
        stage.use.meeting_delete("meeting-u-1")
        await stage.clock.sleep(5)
        assert await listed(stage) == []

    play(story)


def test_a_booking_whose_meeting_was_never_pushed_is_looked_for() -> None:
    async def whole(stage: Stubbed) -> None:
        await stage.online()
        stage.use.fault("lost", "calendar", "push_lost")
        for hour in ("18", "20"):
            await command(stage.device, "Bookings Book", {"StartTime": f"2026-03-02T{hour}:00:00Z"})
            await stage.clock.sleep(2)
        stays, gone = [one["MeetingId"] for one in await listed(stage)]
        stage.use.meeting_delete(gone)
        await stage.clock.sleep(20)
        assert [one["MeetingId"] for one in await listed(stage)] == [stays] == list(stage.device.calendar.meetings)

    play_stubbed(whole, configuration=ON)


def test_only_so_many_requests_are_under_way() -> None:
    async def story(stage: Stubbed, calendar: Calendar) -> None:
        for hour in range(16):
            start = (START + (hour + 1) * HOUR).isoformat()
            await command(stage.device, "Bookings Book", {"StartTime": start})
        with pytest.raises(CommandFailed, match="16 requests are under way"):
            await command(stage.device, "Bookings Book", {"StartTime": "2026-03-03T20:00:00Z"})
        await stage.clock.sleep(3)
        await command(stage.device, "Bookings Book", {"StartTime": "2026-03-03T20:00:00Z"})

    play(story)


def test_an_edit_is_told_when_the_meeting_has_moved() -> None:
    async def story(stage: Stubbed, calendar: Calendar) -> None:
        which = await meeting(stage)
        told = events(stage.device)
        await command(stage.device, "Bookings Edit", {**which, "StartTime": "2026-03-02T11:00:00Z", "Duration": 45})
        assert told == [{"event": "Bookings EditRequested", **which}]
        assert (await listed(stage))[0]["Time"]["StartTime"] == "2026-03-02T09:00:00Z"
        await stage.clock.sleep(2)
        assert names(told) == ["EditRequested", "Updated", "BookingMoved"]
        assert (told[-1]["StartTime"], told[-1]["Duration"], told[-1]["Id"]) == ("2026-03-02T11:00:00Z", 45, "webex-1")

    play(story)


@pytest.mark.parametrize("cause", CAUSES)
@pytest.mark.parametrize(
    ("edit", "failed", "told_of"),
    [
        (("Edit", {"Title": "Other"}), "EditFailed", {}),
        (("Extend", {"Duration": 30}), "ExtensionFailed", {"ExtensionStart": "2026-03-02T09:30:00Z"}),
    ],
)
def test_a_refused_change_is_told_with_its_cause(
    cause: str, edit: tuple[str, dict[str, Any]], failed: str, told_of: dict[str, str]
) -> None:
    async def story(stage: Stubbed, calendar: Calendar) -> None:
        which = await meeting(stage)
        before = await listed(stage)
        calendar.refuses = cause
        told = events(stage.device)
        await command(stage.device, f"Bookings {edit[0]}", {**which, **edit[1]})
        await stage.clock.sleep(2)
        name = "MeetingId" if failed == "EditFailed" else "OriginalMeetingId"
        assert told[-1] == {"event": f"Bookings {failed}", name: which["MeetingId"], "FailureCause": cause, **told_of}
        assert [one["Title"] for one in await listed(stage)] == [one["Title"] for one in before]

    play(story)


@pytest.mark.parametrize("argument", ["Number", "Protocol", "MeetingPlatform", "OrganizerName"])
def test_what_a_meeting_of_the_calendar_dials_cannot_be_changed(argument: str) -> None:  # Z19
    async def story(stage: Stubbed, calendar: Calendar) -> None:
        which = await meeting(stage)
        before = await listed(stage)
        value = {"Protocol": "SIP", "MeetingPlatform": "Zoom"}.get(argument, "666@evil.test")
        with pytest.raises(CommandFailed, match="of a booking of the calendar cannot be changed"):
            await command(stage.device, "Bookings Edit", {**which, "Title": "x", argument: value})
        assert (calendar.asked, await listed(stage)) == ([], before)

    play(story)


def test_an_extension_goes_to_the_calendar() -> None:
    async def story(stage: Stubbed, calendar: Calendar) -> None:
        which = await meeting(stage)
        told = events(stage.device)
        await command(stage.device, "Bookings Extend", {**which, "Duration": 15})
        await stage.clock.sleep(2)
        assert calendar.asked == [("change", which["MeetingId"], {"duration_minutes": 45})]
        assert names(told) == ["ExtensionRequested", "Updated", "BookingMoved"]
        assert told[0]["NewEndTime"] == "2026-03-02T09:45:00Z"

    play(story)


def test_a_deletion_is_told_when_the_calendar_has_agreed() -> None:
    async def story(stage: Stubbed, calendar: Calendar) -> None:
        which = await meeting(stage)
        told = events(stage.device)
        asking = asyncio.create_task(command(stage.device, "Bookings Delete", which))
        await stage.clock.sleep(0.5)
        assert (names(told), len(await listed(stage))) == ([], 1)
        await asking
        await stage.clock.sleep(1)
        assert names(told) == ["Updated", "Deleted"]
        assert (told[-1]["Cause"], told[-1]["MinutesFreed"]) == ("Deleted", 30)

    play(story)


@pytest.mark.parametrize(
    ("word", "more"), [("Delete", {}), ("Respond", {"Type": "Decline"}), ("Respond", {"Type": "Accept"})]
)
def test_what_the_calendar_refuses_is_an_error_and_changes_nothing(word: str, more: dict[str, str]) -> None:
    async def story(stage: Stubbed, calendar: Calendar) -> None:
        which = await meeting(stage)
        calendar.refuses = "HttpError"
        told = events(stage.device)
        with pytest.raises(CommandFailed, match=r"The booking was not (deleted|answered): HttpError"):
            await command(stage.device, f"Bookings {word}", {**which, **more})
        assert (told, len(await listed(stage))) == ([], 1)
        calendar.refuses = ""
        stage.use.meeting_delete(which["MeetingId"])
        await stage.clock.sleep(1)
        assert told[-1]["Cause"] == "Deleted"

    play(story, {**ON, "Bookings DeclinableBookingType": "All"})


def test_a_declined_meeting_is_no_booking_of_the_room_any_more() -> None:
    async def story(stage: Stubbed, calendar: Calendar) -> None:
        which = await meeting(stage)
        told = events(stage.device)
        await command(stage.device, "Bookings Respond", {**which, "Type": "Accept", "Comment": "welcome"})
        assert len(await listed(stage)) == 1
        await command(stage.device, "Bookings Respond", {**which, "Type": "Decline", "Comment": "broken lamp"})
        await stage.clock.sleep(1)
        assert await listed(stage) == []
        assert told[-1]["event"] == "Bookings Deleted"
        assert [asked[2:] for asked in calendar.asked] == [("Accept", "welcome"), ("Decline", "broken lamp")]
        stage.use.meeting_update(which["MeetingId"], title="Again")
        await stage.clock.sleep(1)
        await stage.device.sync()
        assert await listed(stage) == []

    play(story, {"Bookings DeclinableBookingType": "All"})


def test_a_no_show_gives_the_room_back_to_the_calendar() -> None:
    async def story(stage: Stubbed, calendar: Calendar) -> None:
        which = await meeting(stage)
        told = events(stage.device)
        await stage.clock.sleep(3600 + 601)
        await stage.clock.sleep(2)
        assert calendar.asked == [("respond", which["MeetingId"], "Decline", "The room was released: NoShow")]
        deleted = [one for one in told if one["event"] == "Bookings Deleted"]
        assert [(one["Cause"], one["MinutesFreed"]) for one in deleted] == [("NoShow", 19)]
        assert stage.device.status.get(("Bookings", "Availability", "Status")) == "Free"

    play(story, {"Bookings CheckIn Enabled": "True"})


def test_a_room_that_cannot_be_given_back_stays_booked() -> None:
    async def story(stage: Stubbed, calendar: Calendar) -> None:
        await meeting(stage)
        calendar.refuses = "KmsError"
        told = events(stage.device)
        await stage.clock.sleep(3600 + 700)
        assert (len(calendar.asked), "Deleted" in names(told), len(await listed(stage))) == (1, False, 1)
        assert any(
            "Room not released from webex-1: The booking was not released: KmsError" in line for line in stage.log
        )

    play(story, {"Bookings CheckIn Enabled": "True"})


def test_who_checks_out_of_a_booking_made_at_the_device_deletes_its_meeting() -> None:
    async def story(stage: Stubbed, calendar: Calendar) -> None:
        await command(stage.device, "Bookings Book", {"BookingRequestUUID": "u-1"})
        await stage.clock.sleep(60)
        told = events(stage.device)
        await command(stage.device, "Bookings CheckOut", {"Id": "webex-1"})
        await stage.clock.sleep(1)
        assert calendar.asked[-1] == ("delete", "meeting-u-1")
        assert [one["Cause"] for one in told if one["event"] == "Bookings Deleted"] == ["ManualCheckOut"]

    play(story)


def test_what_is_booked_at_the_device_is_checked_in_once_the_calendar_has_it() -> None:
    async def story(stage: Stubbed, calendar: Calendar) -> None:
        told = events(stage.device)
        await command(stage.device, "Bookings Book", {"BookingRequestUUID": "u-1"})
        assert names(told)[-1] == "Start"
        await stage.clock.sleep(3)
        after = names(told)
        assert after.index("BookingCreated") < after.index("CheckedIn")
        assert told[after.index("CheckedIn")]["MeetingId"] == "meeting-u-1"

    play(story, {**ON, "Bookings CheckIn Enabled": "True"})


def test_pushed_bookings_come_and_go_beside_those_of_the_calendar() -> None:
    async def story(stage: Stubbed, calendar: Calendar) -> None:
        await meeting(stage)
        body = (
            '{"Bookings": [{"Id": "p", "Title": "P", "Number": "1@x.test", "Protocol": "SIP", "Organizer": {"Name": "A"}, "Time": \
{"StartTime": "2026-03-02T10:00:00Z", "Duration": 30}}]}'
        )
        await command(stage.device, "Bookings Put", body=body)
        assert [one["Id"] for one in await listed(stage)] == ["webex-1", "p"]
        await command(stage.device, "Bookings Put", body='{"Bookings": []}')
        assert [one["Id"] for one in await listed(stage)] == ["webex-1"]
        await command(stage.device, "Bookings Put", body=body)
        await command(stage.device, "Bookings Clear")
        assert [one["Id"] for one in await listed(stage)] == ["webex-1"]

    play(story)


def test_another_zone_moves_days_and_no_instants() -> None:  # 12.3 pitfall 8
    async def story(stage: Stubbed, calendar: Calendar) -> None:
        await meeting(stage, 15.5)  # 23:30 UTC
        before, told = await listed(stage), events(stage.device)
        assert len((await command(stage.device, "Bookings List", {"Days": 1}))["Booking"]) == 1
        for zone, days in (("Europe/Oslo", (0, 1)), ("America/New_York", (1, 0)), ("Etc/UTC", (1, 0))):
            stage.device.set_configurations({"Time Zone": zone})
            found = [
                len((await command(stage.device, "Bookings List", {"Days": 1, "DayOffset": day}))["Booking"])
                for day in (0, 1)
            ]
            assert tuple(found) == days or zone == "Etc/UTC"
        assert await listed(stage) == before
        assert told == []

    play(story)
