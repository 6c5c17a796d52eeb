"""Calls of a device that is online, joined to its bookings, check-in, standby and restarts; call control is played by the test."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

from endpoint.device.device import Device
from endpoint.device.settings import AutoJoin
from endpoint.wire.callcontrol import End, Established, Incoming, Line, Media, Outgoing
from tests.endpoint.cloud.stubbed import Stubbed, play
from tests.endpoint.device.commands.commanding import at, command, events

REMOTE = End(cause_type="RemoteDisconnect")


class Quiet:
    """Call control that notes what is placed, and grants every wish."""

    def __init__(self) -> None:
        self.placed: list[Outgoing] = []

    def place(self, call_id: int, call: Outgoing) -> None:
        self.placed.append(call)

    def leave(self, call_id: int) -> None:
        """Let the call be left."""

    async def mute(self, call_id: int, muted: bool) -> str:
        return ""

    async def hold(self, call_id: int, held: bool) -> str:
        return ""


def lined(device: Device) -> Quiet:
    """Plug call control in."""
    quiet = Quiet()
    device.local.calls.line = cast(Line, quiet)
    return quiet


def connect(device: Device, call_id: int = 2) -> None:
    """Let a call be connected."""
    what = Established(is_meeting=True, correlation_id="c", media=Media(path="udp"))
    device.local.calls.established(call_id, what)


async def meet(stage: Stubbed, minutes: float, address: str = "1234@site.webex.test", **more: Any) -> str:
    """Let a meeting come that starts so many minutes from now."""
    start = stage.clock.now() + timedelta(minutes=minutes)
    meeting = stage.use.meeting_create("Review", start, 30, join={"meetingJoinURI": address}, **more)
    await stage.clock.sleep(1.0)
    return meeting.id


def test_join_makes_a_call_that_outlives_its_booking() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        device = stage.device
        line = lined(device)
        meeting_id = await meet(stage, 4)
        device.local.bookings.button.press()
        wish = line.placed[0]
        assert (wish.address, wish.booking_id, wish.meeting_id) == ("1234@site.webex.test", "webex-1", meeting_id)
        assert (wish.display_name, wish.platform) == (
            "Review",
            at(device, "Conference Call 2 MeetingPlatform") or "Webex",
        )
        connect(device)
        assert at(device, "Conference Call 2 BookingId") == "webex-1"
        await stage.clock.sleep(60 * 60)
        assert at(device, "Bookings Current Id") == ""
        assert at(device, "Call 2 Status") == "Connected"
        assert int(cast(int, at(device, "Call 2 Duration"))) == 60 * 60
        device.local.calls.ended(2, REMOTE)
        history = await command(device, "CallHistory Get")
        assert [(one["BookingId"], one["OccurrenceType"]) for one in history["Entry"]] == [("webex-1", "Placed")]

    play(story)


def test_nothing_is_joined_by_itself_while_there_is_a_call() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        device = stage.device
        line = lined(device)
        await command(device, "Dial", {"Number": "ada@example.com"})
        await meet(stage, 3)
        await stage.clock.sleep(180)
        assert len(line.placed) == 1
        assert "AutoJoinSkipped" in device.diagnostics.types
        device.local.calls.ended(2, REMOTE)
        await meet(stage, 3)
        device.local.calls.ring(
            Incoming(remote_uri="spark:a@b.test", remote_number="a", display_name="A", correlation_id="x")
        )
        await stage.clock.sleep(180)
        assert [wish.booking_id for wish in line.placed] == ["", "webex-2"]
        assert "AutoJoinSkipped" not in device.diagnostics.types

    play(story, auto_join=AutoJoin(enabled=True))


def test_a_call_checks_in() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        device = stage.device
        lined(device)
        device.set_configurations({"Bookings CheckIn Enabled": "True"})
        await meet(stage, 1)
        await stage.clock.sleep(120)
        told = events(device)
        await command(device, "Dial", {"Number": "1234@site.webex.test"})
        connect(device)
        assert "Bookings CheckedIn" in [one["event"] for one in told]

    play(story)


def test_a_teams_meeting_without_an_address_is_told_and_the_press_goes_on() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        device = stage.device
        line = lined(device)
        start = stage.clock.now() + timedelta(minutes=4)
        link = "https://teams.microsoft.com/l/meetup-join/19"
        stage.use.meeting_create("Teams", start, 30, join={"meetingJoinURL": link}, meeting_join_type="MSTEAMS")
        await stage.clock.sleep(1.0)
        told = events(device)
        device.local.bookings.button.press()
        assert [one["event"] for one in told] == ["CallFailed"]
        assert line.placed == []
        assert device.local.calls.screen()["prompt"]["text"].startswith("Microsoft Teams meetings over WebRTC")

    play(story)


def test_a_restart_ends_calls_and_counts_anew_and_keeps_the_history() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        device = stage.device
        lined(device)
        for call_id in (2, 3):
            await command(device, "Dial", {"Number": "ada@example.com"})
            if call_id == 2:
                device.local.calls.ended(call_id, REMOTE)
        await device.restart()
        await device.until_online()
        lined(device)
        assert device.local.calls.calls == ()
        assert at(device, "SystemUnit State NumberOfInProgressCalls") == 0
        assert await command(device, "Dial", {"Number": "ada@example.com"}) == {"CallId": 2, "ConferenceId": 1}
        assert (await command(device, "CallHistory Get"))["Entry"][-1]["CallbackNumber"] == "spark:ada@example.com"

    play(story)
