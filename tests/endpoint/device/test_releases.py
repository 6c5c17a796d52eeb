"""A device of older software: nodes that came later are not there, at any door, and their events are not raised."""

from __future__ import annotations

from pathlib import Path

import pytest

from endpoint.device.device import Device
from endpoint.device.settings import DeviceSettings
from endpoint.runtime.errors import StorageError
from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.xapi.calls import INTERNAL
from endpoint.wire.xapi.errors import BadArguments, NoMatch, UnknownCommand
from endpoint.wire.xapi.nodes import nodes
from endpoint.wire.xapi.query import query_of_text
from endpoint.wire.xapi.rows import EventNode, Imported
from endpoint.xapi.feedback import Notice
from tests.endpoint.device.commands.commanding import command, events
from tests.endpoint.device.device_room import Room, play

NEW = "Bookings CheckIn AutoCheckInDuration"


def get(device: Device, path: str) -> object:
    return device.xapi.get(query_of_text(path), INTERNAL)


def test_a_command_of_later_software_is_unknown_and_so_is_a_later_argument() -> None:
    async def scene(room: Room) -> None:
        with pytest.raises(UnknownCommand):
            await command(room.device, "Bookings CheckIn", {"Id": "webex-1"})
        with pytest.raises(BadArguments, match="ScheduleType: no such argument; there are: DayOffset"):
            await command(room.device, "Bookings List", {"ScheduleType": "Current"})
        assert (await command(room.device, "Bookings List"))["ResultInfo"]["TotalRows"] == 0

    play(scene, software="ce9.15")


def test_a_status_or_configuration_of_later_software_does_not_match() -> None:
    async def scene(room: Room) -> None:
        assert get(room.device, "Status Bookings Current Id")
        for path in ("Status Bookings Availability", f"Configuration {NEW}", "Configuration Bookings CheckIn"):
            with pytest.raises(NoMatch):
                get(room.device, path)
        with pytest.raises(NoMatch):
            room.device.xapi.set(query_of_text(f"Configuration {NEW}"), 9, INTERNAL)
        room.device.status.put(("Bookings", "Availability", "Status"), "BookedUntil")
        assert "Availability" not in str(get(room.device, "Status Bookings"))

    play(scene, software="ce9.15")


def test_an_event_of_later_software_reaches_nobody() -> None:
    async def scene(room: Room) -> None:
        heard: list[Notice] = []
        room.device.xapi.subscribe(query_of_text("Event"), INTERNAL, heard.append)
        told = events(room.device)
        raised = room.device.local.room.raise_event
        raised("Bookings Start", {"Id": "webex-1"})
        raised("Bookings BookingMoved", {"Id": "webex-1", "StartTime": "", "Duration": 30})
        assert [one["event"] for one in told] == ["Bookings Start"]
        assert len(heard) == 1
        assert "BookingMoved" not in "".join(event.as_json() for event in room.trace.events)

    play(scene, software="ce11.20")


def test_what_a_schema_adds_is_there_in_every_release() -> None:
    start = EventNode("Bookings BookingMoved", (), "AU", "documented", "nothing: imported", is_imported=True)

    async def scene(room: Room) -> None:
        told = events(room.device)
        room.device.local.room.raise_event("Bookings BookingMoved", {"Id": "webex-1"})
        assert [one["event"] for one in told] == ["Bookings BookingMoved"]

    play(scene, software="ce11.20", table=nodes().widened(Imported((), (), (start,), {})))


def test_a_setting_that_the_software_has_not_is_refused_with_the_release_that_has_it() -> None:
    async def scene(room: Room) -> None:
        raise AssertionError("the device is not made")

    with pytest.raises(LocalProtocolError, match=f"no configuration {NEW}; there is one from 26.1 on"):
        play(scene, software="ce11.20", configuration={NEW: 9})


def test_what_another_release_was_told_outlives_it(tmp_path: Path) -> None:
    moved = "UserInterface Bookings Visibility FullDayCalendar"

    async def scene(room: Room) -> None:
        room.device.set_configurations({moved: "Off"})
        state = (tmp_path / "device.json").read_text(encoding="utf-8")
        await room.device.close()
        (tmp_path / "device.json").write_text(state.replace("ce11.20", "ce26.4"), encoding="utf-8")
        again = _again(room, tmp_path)
        await again.boot()
        with pytest.raises(NoMatch):
            get(again, f"Configuration {moved}")
        assert get(again, "Configuration UserInterface Bookings Visibility Personal FullDayCalendar")
        await again.close()
        (tmp_path / "device.json").write_text(state.replace(moved, "No Such Thing"), encoding="utf-8")
        with pytest.raises(StorageError, match="the state is damaged: no configuration No Such Thing"):
            _again(room, tmp_path)

    play(scene, software="ce11.20", state_dir=tmp_path)


def _again(room: Room, directory: Path) -> Device:
    world = room.device.world
    return Device(
        DeviceSettings(state_dir=directory),
        source=room.device.world.clock.source,
        chance=room.device._chances,
        trace=room.trace,
        faults=world.faults,
        names=room.names,
    )
