"""Bookings of a device without a calendar behind it: made, changed and given up at once, with the events of each."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from endpoint.device.device import Device
from endpoint.room.bookings import store
from endpoint.runtime.clock import iso_seconds
from endpoint.wire.clear_meeting import ClearMeeting
from endpoint.wire.xapi.calls import Caller
from endpoint.wire.xapi.errors import AccessDenied, BadArguments, CommandFailed
from tests.endpoint.device.commands.commanding import command, events
from tests.endpoint.device.device_room import START, Room, play

MINUTE = timedelta(minutes=1)
AHEAD = "Bookings AdhocBooking BookAhead Enabled"
ON = {"Bookings AdhocBooking Enabled": "True", AHEAD: "True"}
USER = Caller("uma", frozenset("U"), "192.0.2.7", "ssh")
BOOKED = {"Id": "webex-1"}


async def book(device: Device, at: float = 0, minutes: int = 30, **more: Any) -> None:
    """Book the room so many minutes from now on."""
    start = {"StartTime": iso_seconds(device.world.clock.now() + at * MINUTE)} if at else {}
    await command(device, "Bookings Book", {"Duration": minutes, **start, **more})


async def listed(device: Device, **arguments: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await command(device, "Bookings List", arguments))["Booking"]
    return found


async def push(device: Device, *bookings: dict[str, Any], caller: Caller | None = None) -> None:
    more = {} if caller is None else {"caller": caller}
    await command(device, "Bookings Put", body=json.dumps({"Bookings": bookings}), **more)


def pushed(number: int, at: float = 60, minutes: int = 30, **more: Any) -> dict[str, Any]:
    """Return a booking to be pushed, so many minutes after the start of the story."""
    time = {"StartTime": iso_seconds(START + at * MINUTE), "Duration": minutes, "StartTimeBuffer": 120}
    return {
        "Id": f"p-{number}", "Title": f"Pushed {number}", "Number": f"{number}@meet.test", "Protocol": "SIP",
        "Organizer": {"Name": "Ann Example"}, "Time": time, **more,
    }  # fmt: skip


def test_a_booking_is_requested_and_created_at_once() -> None:
    async def scene(room: Room) -> None:
        told = events(room.device)
        await book(
            room.device, minutes=45, Title="Chat", BookingRequestUUID="u-1", OrganizerName="Ann", Number="1@meet.test"
        )
        [shown] = await listed(room.device)
        ids = {"Id": "webex-1", "MeetingId": shown["MeetingId"]}
        what = {"BookingRequestUUID": "u-1", "Title": "Chat", "StartTime": "2026-03-02T08:50:00Z", "Duration": 45}
        assert told == [
            {"event": "Bookings BookingRequested", **what},
            {"event": "Bookings Updated"},
            {"event": "Bookings BookingCreated", **what, **ids, "OrganizerName": "Ann"},
            {"event": "Bookings Start", **ids},
        ]
        assert (shown["Title"], shown["BookedFromDevice"], shown["Cancellable"]) == ("Chat", "True", "True")
        assert shown["DialInfo"]["Calls"]["Call"][0]["Number"] == "1@meet.test"

    play(scene, configuration=ON)


@pytest.mark.parametrize(
    ("given", "settings", "title"),
    [
        ({}, {}, "Ad hoc meeting"),
        ({"Title": "Chat"}, {}, "Chat"),
        ({"Title": "Chat"}, {"UserInterface Bookings AdhocBooking UseDefaultTitle": "True"}, "Ad hoc meeting"),
        ({}, {"UserInterface Bookings AdhocBooking DefaultTitle": "Occupied"}, "Occupied"),
    ],
)
def test_the_title_of_a_booking(given: dict[str, str], settings: dict[str, str], title: str) -> None:
    async def scene(room: Room) -> None:
        await book(room.device, **given)
        assert [one["Title"] for one in await listed(room.device)] == [title]

    play(scene, configuration={**ON, **settings})


@pytest.mark.parametrize(
    ("settings", "arguments", "error", "why"),
    [
        ({"Bookings AdhocBooking Enabled": "False"}, {}, CommandFailed, "AdhocBooking Enabled is False"),
        ({AHEAD: "False"}, {"StartTime": "2026-03-02T10:00:00Z"}, CommandFailed, "BookAhead Enabled is False"),
        ({"Bookings MaxDuration": 2}, {"Duration": 121}, CommandFailed, "at most 2 hours: Bookings MaxDuration"),
        ({}, {"StartTime": "2026-03-02T08:00:00Z"}, CommandFailed, "over already"),
        ({}, {"StartTime": "10:00"}, BadArguments, "StartTime: an ISO 8601 instant with a zone, such as"),
        ({}, {"Duration": 0}, BadArguments, "Duration"),
        ({}, {"MeetingPlatform": "Skype"}, BadArguments, "MeetingPlatform"),
        ({}, {"Title": "x" * 129}, BadArguments, "Title"),
    ],
)  # fmt: skip
def test_what_cannot_be_booked(
    settings: dict[str, Any], arguments: dict[str, Any], error: type[Exception], why: str
) -> None:
    async def scene(room: Room) -> None:
        told = events(room.device)
        with pytest.raises(error, match=why):
            await command(room.device, "Bookings Book", arguments)
        assert (told, await listed(room.device)) == ([], [])

    play(scene, configuration={**ON, **settings})


def test_one_booking_too_many_is_refused_and_nothing_is_told_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(room: Room) -> None:
        await book(room.device)
        monkeypatch.setattr(store, "BOOKINGS_MAX", 1)
        told = events(room.device)
        with pytest.raises(CommandFailed, match="bookings of one device is limited to 1"):
            await book(room.device, at=60)
        assert told == [], "no request that is never answered"

    play(scene, configuration=ON)


def test_limits_let_what_is_just_allowed() -> None:
    async def scene(room: Room) -> None:
        await book(room.device, minutes=120)
        await command(room.device, "Bookings Book", {"StartTime": "2026-03-02T10:50:50Z"})
        assert len(await listed(room.device)) == 2

    play(scene, configuration={**ON, "Bookings MaxDuration": 2})


def test_software_without_those_settings_books_all_the_same() -> None:
    async def scene(room: Room) -> None:
        await command(room.device, "Bookings Book", {"StartTime": "2026-03-02T12:00:00Z"})
        assert [one["Title"] for one in await listed(room.device)] == ["Ad hoc meeting"]

    play(scene, software="ce9.15")


RELEASES = {
    "ce9.15.17.4": (),
    "ce10.19.4.2": ("Updated", "Start", "End", "TimeRemaining", "Status"),
    "ce11.14.4.1": ("Deleted", "MeetingPlatform", "Cancellable", "BookedFromDevice"),
    "ce11.22.1.1": (),
    "ce11.23.1.8": ("BookingCreated", "IsAllDay"),
    "ce26.4.1.1": ("BookingMoved", "SyncRequired"),
}
"""What each release tells besides what the ones before it told: events, members of a booking, the status of availability."""


@pytest.mark.parametrize("software", RELEASES)
def test_what_is_told_by_release(software: str) -> None:
    async def scene(room: Room) -> None:
        await room.device.restart()
        bookings = room.device.local.bookings
        bookings.around.is_caught_up = lambda: True
        made = ClearMeeting("m", "m", START + 30 * MINUTE, START + 60 * MINUTE, title="Review")
        bookings.meeting_created(made)
        bookings.meeting_updated(replace(made, ends=made.ends + 5 * MINUTE))
        [shown] = await listed(room.device)
        told.update(shown, shown["Time"])
        await room.device.world.clock.sleep(4_800)
        bookings.meeting_deleted("m")
        raised = [event.data["event"] for event in room.trace.events if event.kind == "xapi.event"]
        told.update(name.removeprefix("Bookings ") for name in raised)
        told.update(str(path[-1]) for path, _ in room.device.status.below(("Bookings", "Availability")))
        assert room.device.status.get(("Bookings", "Current", "Id")) == ""

    told: set[str] = set()
    play(scene, software=software)
    releases = list(RELEASES)
    so_far = releases[: releases.index(software) + 1]
    every = {word for words in RELEASES.values() for word in words}
    assert told & every == {word for release in so_far for word in RELEASES[release]}


def test_a_conflict_is_declined() -> None:
    async def scene(room: Room) -> None:
        await push(room.device, pushed(1, at=20))
        told = events(room.device)
        await book(room.device, minutes=30, BookingRequestUUID="u-1")
        assert [one["event"] for one in told] == ["Bookings BookingRequested", "Bookings BookingFailed"]
        assert (told[1]["BookingRequestUUID"], told[1]["FailureCause"]) == ("u-1", "Decline")
        await book(room.device, minutes=20)
        assert [one["Id"] for one in await listed(room.device)] == ["webex-2", "p-1"]

    play(scene, configuration=ON)


def test_an_edit_moves_a_booking_and_says_so() -> None:
    async def scene(room: Room) -> None:
        device = room.device
        await book(device, at=60, Title="Chat", Number="1@meet.test")
        meeting = (await listed(device))[0]["MeetingId"]
        told = events(device)
        await command(device, "Bookings Edit", {**BOOKED, "StartTime": "2026-03-02T12:00:00Z", "Duration": 15})
        assert told == [
            {"event": "Bookings EditRequested", "MeetingId": meeting},
            {"event": "Bookings Updated"},
            {"event": "Bookings BookingMoved", "Id": "webex-1", "MeetingId": meeting, "StartTime": "2026-03-02T12:00:00Z", "Duration": 15},
        ]  # fmt: skip
        told.clear()
        await command(
            device, "Bookings Edit", {"MeetingId": meeting, "Title": "Talk", "Number": "2@zoom.us", "Protocol": "Spark"}
        )
        assert [one["event"] for one in told] == ["Bookings EditRequested", "Bookings Updated"]
        [shown] = await listed(device)
        assert (shown["Title"], shown["MeetingPlatform"]) == ("Talk", "Zoom")
        assert shown["DialInfo"]["Calls"]["Call"][0]["Number"] == "2@zoom.us"
        assert shown["Time"]["EndTime"] == "2026-03-02T12:15:00Z"

    play(scene, configuration=ON)


def test_an_edit_can_take_the_organizer_away() -> None:
    async def scene(room: Room) -> None:
        ann = {"OrganizerName": "Ann", "OrganizerEmail": "ann@x.test", "OrganizerId": "o-1"}
        await book(room.device, **ann)
        await command(room.device, "Bookings Edit", {**BOOKED, **dict.fromkeys(ann, "")})
        [shown] = await listed(room.device)
        assert shown["Organizer"] == {"FirstName": "", "LastName": "", "Email": "", "Id": ""}

    play(scene, configuration=ON)


@pytest.mark.parametrize(
    ("arguments", "error", "why"),
    [
        ({}, BadArguments, "nothing to change"),
        (BOOKED, BadArguments, "nothing to change"),
        ({"Title": "x"}, BadArguments, "either Id or MeetingId"),
        ({"Id": "webex-9", "Title": "x"}, CommandFailed, "Booking not found"),
        ({**BOOKED, "StartTime": "2026-03-01T12:00:00Z"}, CommandFailed, "over already"),
        ({**BOOKED, "Duration": 1000}, CommandFailed, "at most 8 hours"),
    ],
)
def test_what_cannot_be_edited(arguments: dict[str, Any], error: type[Exception], why: str) -> None:
    async def scene(room: Room) -> None:
        await book(room.device, at=60)
        told = events(room.device)
        with pytest.raises(error, match=why):
            await command(room.device, "Bookings Edit", arguments)
        assert told == []

    play(scene, configuration={**ON, "Bookings MaxDuration": 8})


def test_an_edit_into_another_booking_is_declined() -> None:
    async def scene(room: Room) -> None:
        await book(room.device, at=60)
        await book(room.device, at=90)
        told = events(room.device)
        await command(room.device, "Bookings Edit", {**BOOKED, "Duration": 31})
        assert [(one["event"], one.get("FailureCause")) for one in told] == [
            ("Bookings EditRequested", None),
            ("Bookings EditFailed", "Decline"),
        ]
        assert (await listed(room.device))[0]["Time"]["EndTime"] == "2026-03-02T10:20:00Z"

    play(scene, configuration=ON)


def test_a_booking_is_extended() -> None:
    async def scene(room: Room) -> None:
        device = room.device
        await book(device)
        [shown] = await listed(device)
        assert shown["MaximumMeetingExtension"] == 30
        told = events(device)
        await command(device, "Bookings Extend", {**BOOKED, "Duration": 30})
        asked = {"Id": "webex-1", "MeetingId": shown["MeetingId"], "OriginalMeetingId": shown["MeetingId"]}
        assert told[0] == {
            "event": "Bookings ExtensionRequested",
            **asked,
            "NewEndTime": "2026-03-02T09:50:00Z",
            "Duration": 30,
        }
        assert [one["event"] for one in told[1:]] == ["Bookings Updated", "Bookings BookingMoved"]
        assert device.status.get(("Bookings", "Availability", "TimeStamp")) == "2026-03-02T09:50:00Z"

    play(scene, configuration=ON)


@pytest.mark.parametrize("follows", [30, 45])
def test_an_extension_into_the_next_booking_is_declined(follows: float) -> None:
    async def scene(room: Room) -> None:
        device = room.device
        await book(device)
        await book(device, at=follows)
        first = (await listed(device))[0]
        assert first["MaximumMeetingExtension"] == 0
        told = events(device)
        await command(device, "Bookings Extend", {**BOOKED, "Duration": 30})
        assert told[-1] == {
            "event": "Bookings ExtensionFailed", "OriginalMeetingId": first["MeetingId"], "ExtensionStart": "2026-03-02T09:20:00Z",
            "FailureCause": "Decline",
        }  # fmt: skip
        assert (await listed(device))[0]["Time"] == first["Time"]

    play(scene, configuration=ON)


def test_what_cannot_be_extended() -> None:
    async def scene(room: Room) -> None:
        await book(room.device, minutes=100)
        with pytest.raises(CommandFailed, match="at most 2 hours"):
            await command(room.device, "Bookings Extend", {**BOOKED, "Duration": 30})
        with pytest.raises(BadArguments, match="Duration"):
            await command(room.device, "Bookings Extend", BOOKED)
        await room.device.world.clock.sleep(6000)
        with pytest.raises(CommandFailed, match="The booking is over"):
            await command(room.device, "Bookings Extend", {**BOOKED, "Duration": 10})

    play(scene, configuration={**ON, "Bookings MaxDuration": 2})


def test_a_deleted_booking_tells_what_it_frees() -> None:
    async def scene(room: Room) -> None:
        await book(room.device, minutes=60, OrganizerId="o-1")
        await room.device.world.clock.sleep(600)
        told = events(room.device)
        await command(room.device, "Bookings Delete", BOOKED)
        assert told[0] == {"event": "Bookings Updated"}
        assert {**told[1], "MeetingId": ""} == {
            "event": "Bookings Deleted", "Id": "webex-1", "MeetingId": "", "Cause": "Deleted", "StartTime": "2026-03-02T08:50:00Z",
            "EndTime": "2026-03-02T09:50:00Z", "ScheduledDuration": 60, "MinutesFreed": 50, "OrganizerId": "o-1",
            "TimeStamp": "2026-03-02T09:00:00Z",
        }  # fmt: skip
        assert room.device.status.get(("Bookings", "Availability", "Status")) == "Free"
        with pytest.raises(CommandFailed, match="Booking not found"):
            await command(room.device, "Bookings Delete", BOOKED)

    play(scene, configuration=ON)


def test_the_answer_to_an_ad_hoc_booking_is_its_end() -> None:
    async def scene(room: Room) -> None:
        await book(room.device, at=60)
        meeting = (await listed(room.device))[0]["MeetingId"]
        await command(room.device, "Bookings Respond", {"MeetingId": meeting, "Type": "Accept"})
        assert len(await listed(room.device)) == 1
        await command(room.device, "Bookings Respond", {"MeetingId": meeting, "Type": "Decline", "Comment": "no time"})
        assert await listed(room.device) == []
        with pytest.raises(CommandFailed, match="Booking not found"):
            await command(room.device, "Bookings Respond", {"MeetingId": meeting, "Type": "Decline"})

    play(scene, configuration=ON)


@pytest.mark.parametrize(
    ("settings", "door", "meeting", "why"),
    [
        ({"Bookings AllowDecline": "None"}, "panel", "m-1", "AllowDecline is None"),
        ({"Bookings AllowDecline": "InsideOnly", "Bookings DeclinableBookingType": "All"}, "ssh", "m-1", "AllowDecline is InsideOnly"),
        ({"Bookings AllowDecline": "InsideOnly", "Bookings DeclinableBookingType": "All"}, "panel", "m-1", ""),
        ({}, "ssh", "m-1", "DeclinableBookingType is AdhocOnly"),
        ({"Bookings DeclinableBookingType": "All"}, "ssh", "m-1", ""),
    ],
)  # fmt: skip
def test_who_may_decline_what(settings: dict[str, str], door: str, meeting: str, why: str) -> None:
    async def scene(room: Room) -> None:
        await push(room.device, pushed(1, MeetingId=meeting))
        caller = Caller("uma", frozenset("U"), "192.0.2.7", door)
        answer = command(room.device, "Bookings Respond", {"MeetingId": meeting, "Type": "Decline"}, caller=caller)
        if why:
            with pytest.raises(CommandFailed, match=why):
                await answer
        else:
            await answer
        assert len(await listed(room.device)) == bool(why)

    play(scene, configuration=settings)


def test_a_list_that_is_pushed_replaces_the_one_before_and_no_other_bookings() -> None:
    async def scene(room: Room) -> None:
        device = room.device
        await book(device, at=200)
        await push(device, pushed(1), pushed(2, at=120))
        assert [one["Id"] for one in await listed(device)] == ["p-1", "p-2", "webex-1"]
        told = events(device)
        await push(device, pushed(2, at=130, Title="Moved", CallRate=1920), pushed(3, at=20))
        assert [one["event"] for one in told].count("Bookings Updated") == 1
        shown = await listed(device)
        assert [(one["Id"], one["Title"]) for one in shown] == [
            ("p-3", "Pushed 3"), ("p-2", "Moved"), ("webex-1", "Ad hoc meeting")
        ]  # fmt: skip
        assert shown[0]["Time"]["StartTimeBuffer"] == 120
        assert shown[0]["DialInfo"]["Calls"]["Call"][0] == {
            "Number": "3@meet.test", "Protocol": "SIP", "CallRate": 6000, "CallType": "Video"
        }  # fmt: skip
        assert shown[1]["DialInfo"]["Calls"]["Call"][0]["CallRate"] == 1920
        await push(device)
        assert [one["Id"] for one in await listed(device)] == ["webex-1"]

    play(scene, configuration=ON)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("", "body: lines of JSON"),
        ("{}", "missing required field `Bookings`"),
        (json.dumps({"Bookings": [{**pushed(1), "Protocol": "Skype"}]}), r"Bookings\[0\].Protocol: one of SIP"),
        (json.dumps({"Bookings": [pushed(1), pushed(1)]}), "another id for each booking"),
        (json.dumps({"Bookings": [{**pushed(1), "Id": "webex-1"}]}), "webex-1"),
    ],
)  # fmt: skip
def test_a_push_that_is_wrong_changes_nothing(body: str, why: str) -> None:
    async def scene(room: Room) -> None:
        await book(room.device, at=300)
        await push(room.device, pushed(7))
        with pytest.raises(CommandFailed, match=why):
            await command(room.device, "Bookings Put", body=body)
        assert [one["Id"] for one in await listed(room.device)] == ["p-7", "webex-1"]

    play(scene, configuration=ON)


def test_only_an_administrator_pushes() -> None:
    async def scene(room: Room) -> None:
        with pytest.raises(AccessDenied):
            await push(room.device, pushed(1), caller=USER)
        await command(room.device, "Bookings Book", {"Duration": 15}, caller=USER)
        await command(room.device, "Bookings Clear", caller=USER)

    play(scene, configuration=ON)


def test_clear_empties_the_list_of_the_device() -> None:
    async def scene(room: Room) -> None:
        await book(room.device)
        await push(room.device, pushed(1), pushed(2, at=120))
        told = events(room.device)
        await command(room.device, "Bookings Clear")
        assert [one["event"] for one in told] == ["Bookings Updated"]
        assert await listed(room.device) == []
        assert room.device.status.get(("Bookings", "Current", "Id")) == ""
        told.clear()
        await command(room.device, "Bookings Clear")
        assert told == []

    play(scene, configuration=ON)


def test_a_reminder_is_snoozed_and_comes_again() -> None:
    async def scene(room: Room) -> None:
        device, clock = room.device, room.device.world.clock
        await push(device, pushed(1, at=60))
        with pytest.raises(CommandFailed, match="The reminder of this booking is not shown"):
            await command(device, "Bookings NotificationSnooze", {"Id": "p-1"})
        with pytest.raises(CommandFailed, match="No reminder is shown"):
            await command(device, "Bookings NotificationSnooze")
        await clock.sleep(58 * 60)
        told = events(device)
        await command(device, "Bookings NotificationSnooze", {"Id": "p-1", "SecondsToSnooze": 90})
        assert told == [{"event": "Bookings NotificationSnoozed", "Id": "p-1"}]
        shown = device.local.bookings.screen
        assert (shown()["reminder"]["visible"], shown()["join button"]["visible"]) == (False, True)
        await clock.sleep(91)
        assert shown()["reminder"]["visible"]
        await command(device, "Bookings NotificationSnooze")
        assert not shown()["reminder"]["visible"]

    play(scene)
