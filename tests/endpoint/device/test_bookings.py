"""Bookings of a device that is online: from the cloud's push to events, button and what is dialled; over restarts and lost networks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from endpoint.device.room_bookings import LEAD_TOGGLE
from endpoint.device.settings import AutoJoin
from endpoint.runtime.faults import Fault
from tests.endpoint.cloud.stubbed import START, Stubbed, play
from tests.endpoint.device.commands.commanding import at, command, events

MINUTE = timedelta(minutes=1)
SIP = {"meetingJoinURI": "1234@meet.test"}
ZOOM = {"callURI": "81234567890.112233@zoomcrc.com"}


async def _meeting(stage: Stubbed, minutes: float = 60, **fields: Any) -> str:
    """Let a meeting come that starts so many minutes from now; returns its id."""
    start = stage.clock.now() + minutes * MINUTE
    meeting = stage.use.meeting_create("Review", start, 30, **{"join": SIP, **fields})
    await stage.clock.sleep(1.0)
    return meeting.id


def _dialled(stage: Stubbed) -> list[dict[str, Any]]:
    return [dict(event.data) for event in stage.trace.events if event.kind == "call.dial"]


def test_a_pushed_meeting_becomes_a_booking_that_clients_hear_of() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        told = events(stage.device)
        meeting_id = await _meeting(stage)
        assert [one["event"] for one in told] == ["Bookings Updated", "Bookings BookingCreated"]
        assert at(stage.device, "Bookings Availability Status") == "FreeUntil"
        stage.use.meeting_delete(meeting_id)
        await stage.clock.sleep(1.0)
        assert [one["event"] for one in told][2:] == ["Bookings Updated", "Bookings Deleted"]
        assert at(stage.device, "Bookings Availability Status") == "Free"

    play(story)


def test_a_press_is_logged_with_what_is_dialled() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        meeting_id = await _meeting(stage, 4)
        stage.device.local.bookings.button.press()
        about = {"number": "1234@meet.test", "protocol": "Spark", "booking": "webex-1", "meeting": meeting_id}
        assert _dialled(stage) == [{**about, "by": "button"}]
        assert "MainEvents I: Dialling 1234@meet.test (Spark) of booking webex-1 (button)" in stage.log

    play(story)


def test_the_zoom_fault_spoils_the_button_until_it_is_healed() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        await _meeting(stage, 4, join=ZOOM, meeting_join_type="OTHER")
        button = stage.device.local.bookings.button
        stage.faults.arm(Fault("sip", "calendar", "sip_button", target={"step": "press"}))
        button.press()
        stage.faults.heal("sip")
        button.press()
        assert [(dial["number"], dial["protocol"]) for dial in _dialled(stage)] == [
            ("sip:81234567890.112233@zoomcrc.com;transport=tls", "SIP"),
            ("81234567890.112233@zoomcrc.com", "Spark"),
        ]

    play(story)


@pytest.mark.parametrize(("told", "minutes"), [(0, 0), (10, 10), (15, 15), (7, 5), ("ten", 5), (True, 5)])
def test_the_lead_of_the_organization_holds_as_soon_as_it_is_pushed(told: Any, minutes: int) -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        await _meeting(stage, 60)
        stage.use.feature_set(LEAD_TOGGLE, told)
        await stage.clock.sleep(1.0)
        bookings = stage.device.local.bookings
        shows = stage.clock.now() + timedelta(minutes=60) - timedelta(seconds=2) - minutes * MINUTE
        await stage.clock.sleep((shows - stage.clock.now()).total_seconds() - 0.5)
        assert not bookings.screen()["join button"]["visible"]
        await stage.clock.sleep(1.0)
        assert bookings.screen()["join button"]["visible"]

    play(story)


def test_a_restart_brings_the_bookings_back_under_new_ids_and_says_so() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        gone = await _meeting(stage, 30)
        await _meeting(stage, -10)
        stage.use.meeting_delete(gone)
        await stage.clock.sleep(1.0)
        await stage.device.restart()
        await stage.device.until_online()
        assert [booking["Id"] for booking in (await command(stage.device, "Bookings List"))["Booking"]] == ["webex-1"]
        assert at(stage.device, "Bookings Current Id") == "webex-1"
        raised = [event.data["event"] for event in stage.trace.events if event.kind == "xapi.event"]
        assert raised.count("Bookings SyncRequired") == 1
        assert raised.count("Bookings Start") == 2
        assert raised.count("Bookings BookingCreated") == 2, "what a catch-up finds was not made just now"

    play(story)


def test_a_lost_network_asks_for_a_sync() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        told = events(stage.device)
        stage.use.mercury_close(1001, "")
        await stage.clock.sleep(60.0)
        assert stage.device.mercury.is_open
        assert [one["event"] for one in told] == ["Bookings SyncRequired"]

    play(story)


def test_without_account_the_bookings_of_the_calendar_are_gone() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        await _meeting(stage, 4)
        told = events(stage.device)
        stage.device.remove_account("test")
        assert [one["event"] for one in told if str(one["event"]).startswith("Bookings")] == ["Bookings Updated"]
        assert not stage.device.local.bookings.screen()["join button"]["visible"]
        assert at(stage.device, "Bookings Availability Status") == "Free"

    play(story)


def test_a_device_that_is_off_joins_nothing() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        await _meeting(stage, 10)
        await stage.device.shut_down()
        await stage.clock.sleep(1_000.0)
        assert _dialled(stage) == []

    play(story, auto_join=AutoJoin(enabled=True))


def test_automatic_join_wakes_the_device() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        await _meeting(stage, 10)
        await command(stage.device, "Standby Activate")
        await stage.clock.sleep(9 * 60.0)
        assert [dial["by"] for dial in _dialled(stage)] == ["auto"]
        assert at(stage.device, "Standby State") == "Off"

    play(story, auto_join=AutoJoin(enabled=True))


def test_a_meeting_that_starts_wakes_as_the_setting_says() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        await _meeting(stage, 10)
        await _meeting(stage, 30)
        await command(stage.device, "Standby Activate")
        await stage.clock.sleep(10 * 60.0)
        assert at(stage.device, "Standby State") == "Off"
        stage.device.set_configurations({"Standby WakeupAtMeetingStart": "Off"})
        await command(stage.device, "Standby Activate")
        await stage.clock.sleep(20 * 60.0)
        assert at(stage.device, "Standby State") == "Standby"

    play(story)


def test_a_wrong_clock_moves_the_button() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        await _meeting(stage, 60)
        button = stage.device.local.bookings.button
        stage.device.world.clock.jump_wall(56 * MINUTE)
        assert button.screen.joinable
        stage.device.world.clock.set_wall(START)
        assert not button.screen.joinable

    play(story)
