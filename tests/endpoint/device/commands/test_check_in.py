"""Check-in: who shows that somebody came, when it is too late, and what becomes of the room then."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from endpoint.runtime.clock import iso_seconds
from endpoint.wire.xapi.errors import BadArguments, CommandFailed, UnknownCommand
from tests.endpoint.device.commands.commanding import command, events
from tests.endpoint.device.device_room import START, Room, play

ON = {
    "Bookings CheckIn Enabled": "True",
    "Bookings AdhocBooking Enabled": "True",
    "RoomAnalytics PeopleCountOutOfCall": "On",
}
ID = {"Id": "p-1"}


async def push(room: Room, at: float = 20, minutes: int = 30) -> None:
    """Push one booking, so many minutes after the start of the story."""
    time = {"StartTime": iso_seconds(START + timedelta(minutes=at)), "Duration": minutes, "StartTimeBuffer": 300}
    booking = {**ID, "Title": "T", "Number": "1@meet.test", "Protocol": "SIP", "Organizer": {"Name": "A"}, "Time": time}
    await command(room.device, "Bookings Put", body=json.dumps({"Bookings": [booking]}))


async def until(room: Room, minute: float) -> None:
    """Wait for a minute of the story."""
    clock = room.device.world.clock
    await clock.sleep((START + timedelta(minutes=minute) - clock.now()).total_seconds())


def seen(told: list[dict[str, object]]) -> list[tuple[object, object]]:
    """Return what check-in has told: offsets of check-ins, causes of releases."""
    names = {"Bookings CheckedIn": "MinuteOffset", "Bookings Deleted": "Cause"}
    return [(one["event"], one[names[str(one["event"])]]) for one in told if one["event"] in names]


def test_nobody_comes_and_the_room_is_free() -> None:
    async def scene(room: Room) -> None:
        await push(room)
        told = events(room.device)
        await until(room, 29.9)
        assert seen(told) == []
        await until(room, 30.1)
        assert seen(told) == [("Bookings Deleted", "NoShow")]
        deleted = next(one for one in told if one["event"] == "Bookings Deleted")
        assert (deleted["MinutesFreed"], deleted["TimeStamp"]) == (20, "2026-03-02T09:20:00Z")
        assert room.device.status.get(("Bookings", "Availability", "Status")) == "Free"

    play(scene, configuration=ON)


@pytest.mark.parametrize(("window", "released"), [(5, 25), (15, 35), (20, 40)])
def test_the_window_is_a_setting(window: int, released: float) -> None:
    async def scene(room: Room) -> None:
        await push(room)
        told = events(room.device)
        await until(room, released - 0.1)
        assert seen(told) == []
        await until(room, released + 0.1)
        assert seen(told) == [("Bookings Deleted", "NoShow")]

    play(scene, configuration={**ON, "Bookings CheckIn WindowDuration": str(window)})


@pytest.mark.parametrize("settings", [{}, {"Bookings CheckIn Enabled": "False"}])
def test_without_check_in_nothing_is_released(settings: dict[str, str]) -> None:
    async def scene(room: Room) -> None:
        await push(room)
        told = events(room.device)
        with pytest.raises(CommandFailed, match="Bookings CheckIn Enabled is False"):
            await command(room.device, "Bookings CheckIn", ID)
        await until(room, 60)
        assert seen(told) == []

    play(scene, configuration=settings)


@pytest.mark.parametrize(("minute", "offset"), [(15, -5), (15.5, -4), (20, 0), (26.5, 6)])
def test_somebody_checks_in(minute: float, offset: int) -> None:
    async def scene(room: Room) -> None:
        await push(room)
        told = events(room.device)
        await until(room, minute)
        await command(room.device, "Bookings CheckIn", ID)
        with pytest.raises(CommandFailed, match="checked in already"):
            await command(room.device, "Bookings CheckIn", ID)
        await until(room, 45)
        assert seen(told) == [("Bookings CheckedIn", offset)]
        checked = next(one for one in told if one["event"] == "Bookings CheckedIn")
        assert (checked["StartTime"], checked["EndTime"]) == ("2026-03-02T09:10:00Z", "2026-03-02T09:40:00Z")

    play(scene, configuration=ON)


def test_it_is_open_from_the_lead_to_the_end_of_the_window() -> None:
    async def scene(room: Room) -> None:
        await push(room)
        await until(room, 14.9)
        with pytest.raises(CommandFailed, match="open from 2026-03-02T09:05:00Z to 2026-03-02T09:20:00Z"):
            await command(room.device, "Bookings CheckIn", ID)
        with pytest.raises(BadArguments, match="either Id or MeetingId"):
            await command(room.device, "Bookings CheckIn")
        await push(room, minutes=5)
        await until(room, 26)
        with pytest.raises(CommandFailed, match="open from 2026-03-02T09:05:00Z to 2026-03-02T09:15:00Z"):
            await command(room.device, "Bookings CheckIn", ID)

    play(scene, configuration=ON)


@pytest.mark.parametrize(
    ("came", "offset"),
    [
        (lambda room: room.device.local.senses.analytics.people(1), 4),
        (lambda room: room.device.local.bookings.button.press(), 4),
    ],
    ids=["people", "join"],
)
def test_who_comes_is_seen(came: Any, offset: int) -> None:
    async def scene(room: Room) -> None:
        await push(room)
        told = events(room.device)
        await until(room, 24)
        came(room)
        await until(room, 45)
        assert seen(told) == [("Bookings CheckedIn", offset)]

    play(scene, configuration=ON)


def test_who_shares_is_seen() -> None:
    async def scene(room: Room) -> None:
        await push(room)
        told = events(room.device)
        await until(room, 23)
        await command(room.device, "Presentation Start", {"PresentationSource": 2})
        assert seen(told) == [("Bookings CheckedIn", 3)]

    play(scene, configuration=ON)


def test_people_of_the_meeting_before_do_not_count_until_it_begins() -> None:
    async def scene(room: Room) -> None:
        await push(room)
        told = events(room.device)
        room.device.local.senses.analytics.people(4)
        await until(room, 19)
        assert seen(told) == []
        await until(room, 20.1)
        assert seen(told) == [("Bookings CheckedIn", 0)]

    play(scene, configuration=ON)


def test_joining_early_is_checking_in_early() -> None:
    async def scene(room: Room) -> None:
        await push(room)
        told = events(room.device)
        await until(room, 17)
        room.device.local.bookings.button.press()
        assert seen(told) == [("Bookings CheckedIn", -3)]
        await until(room, 45)
        assert len(seen(told)) == 1

    play(scene, configuration=ON)


@pytest.mark.parametrize(
    ("hours", "settings", "expected"),
    [
        (8, {}, [("Bookings CheckedIn", 0)]),
        (7, {}, [("Bookings Deleted", "NoShow")]),
        (8, {"Bookings CheckIn AutoCheckInDuration": 12}, [("Bookings Deleted", "NoShow")]),
    ],
)
def test_long_bookings_check_in_by_themselves(
    hours: int, settings: dict[str, int], expected: list[tuple[str, object]]
) -> None:
    async def scene(room: Room) -> None:
        await push(room, minutes=60 * hours)
        told = events(room.device)
        await until(room, 60)
        assert seen(told) == expected

    play(scene, configuration={**ON, **settings})


def test_an_ad_hoc_booking_is_checked_in() -> None:
    async def scene(room: Room) -> None:
        told = events(room.device)
        await command(room.device, "Bookings Book", {"Duration": 30})
        assert seen(told) == [("Bookings CheckedIn", 0)]

    play(scene, configuration=ON)


def test_a_booking_that_moves_has_to_be_checked_in_again() -> None:
    async def scene(room: Room) -> None:
        await push(room)
        told = events(room.device)
        await until(room, 20)
        await command(room.device, "Bookings CheckIn", ID)
        await push(room, at=40)
        await until(room, 51)
        assert seen(told) == [("Bookings CheckedIn", 0), ("Bookings Deleted", "NoShow")]

    play(scene, configuration=ON)


def test_what_began_unseen_is_not_released() -> None:
    async def scene(room: Room) -> None:
        await push(room, at=-40, minutes=120)
        told = events(room.device)
        await until(room, 60)
        assert seen(told) == []

    play(scene, configuration=ON)


def test_check_in_can_be_switched_on_while_a_booking_runs() -> None:
    async def scene(room: Room) -> None:
        await push(room)
        told = events(room.device)
        await until(room, 25)
        room.device.set_configurations({"Bookings CheckIn Enabled": "True"})
        await until(room, 31)
        assert seen(told) == [("Bookings Deleted", "NoShow")]

    play(scene)


def test_what_was_not_looked_at_when_its_window_ended_is_not_released() -> None:
    async def scene(room: Room) -> None:
        await push(room)
        told = events(room.device)
        await until(room, 22)
        room.device.set_configurations({"Bookings CheckIn Enabled": "False"})
        await until(room, 40)
        room.device.set_configurations({"Bookings CheckIn Enabled": "True"})
        await until(room, 45)
        assert seen(told) == []

    play(scene, configuration=ON)


def test_who_checks_out_frees_the_room() -> None:
    async def scene(room: Room) -> None:
        await push(room)
        told = events(room.device)
        with pytest.raises(CommandFailed, match="does not run now"):
            await command(room.device, "Bookings CheckOut", ID)
        await until(room, 40)
        await command(room.device, "Bookings CheckOut", ID)
        assert seen(told) == [("Bookings Deleted", "ManualCheckOut")]
        assert told[-1]["MinutesFreed"] == 10

    play(scene)


def test_software_before_26_has_no_check_in_by_hand_and_no_long_bookings_of_its_own_measure() -> None:
    async def scene(room: Room) -> None:
        await push(room, minutes=9 * 60)
        told = events(room.device)
        with pytest.raises(UnknownCommand):
            await command(room.device, "Bookings CheckIn", ID)
        await until(room, 60)
        assert seen(told) == [("Bookings CheckedIn", 0)]

    play(scene, software="ce11.20", configuration=ON)
