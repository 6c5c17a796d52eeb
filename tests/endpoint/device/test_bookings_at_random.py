"""Random commands, calendar traffic, faults, clock jumps and restarts: no defect, and once it is quiet the list is the calendar."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from cloud_stub.platform.records import Meeting
from endpoint.room.bookings.booking import Booking, Source
from endpoint.runtime.chance import Chance
from endpoint.runtime.clock import iso_seconds
from endpoint.wire.xapi.errors import XapiError
from tests.endpoint.cloud.stubbed import Stubbed, play
from tests.endpoint.device.commands.commanding import command

STEPS = 40
ON = {f"Bookings {name} Enabled": "True" for name in ("AdhocBooking", "AdhocBooking BookAhead", "CheckIn")}
JOINS: list[dict[str, str]] = [{"meetingJoinURI": "sip:1@meet.test;x=y"}, {"callURI": "9@zoomcrc.com"}, {}]
TROUBLE = [
    ("kms", "silent"), ("kms", "lost_answer"), ("kms", "wrong_key"), ("mercury", "drop"), ("mercury", "duplicate"),
    ("mercury", "reorder"), ("mercury", "close"), ("calendar", "push_lost"), ("calendar", "out_of_order"),
]  # fmt: skip
COMMANDS: dict[str, list[dict[str, Any]]] = {
    "Book": [{}, {"Duration": 5}, {"StartTime": "9999-12-31T23:00:00Z"}],
    "Edit": [{"Duration": 45}, {"Title": "T"}, {"Number": "2@x.test"}],
    "Extend": [{"Duration": 10}],
    "Delete": [{}],
    "CheckIn": [{}],
    "CheckOut": [{}],
    "NotificationSnooze": [{}, {"SecondsToSnooze": 900}],
    "Clear": [{}],
    "Respond": [{"Type": "Accept"}, {"Type": "Decline"}],
}


class Player:
    """Does something at random to one device and its cloud."""

    def __init__(self, stage: Stubbed, seed: int) -> None:
        self.stage = stage
        self.draws = Chance(seed).actor("player").stream("draws")
        self.asked: list[asyncio.Task[None]] = []

    @property
    def bookings(self) -> list[Booking]:
        return list(self.stage.device.local.bookings.store)

    async def step(self, number: int) -> None:
        draws, use, device = self.draws, self.stage.use, self.stage.device
        meetings = [meeting.id for meeting in self.stage.cloud.platform.store[Meeting]]
        start = device.world.clock.now().replace(microsecond=0) + timedelta(minutes=draws.randint(-40, 120))
        push = draws.choice(["full", "minimal", "none"])
        match draws.randint(0, 11):
            case 0 | 1:
                use.meeting_create(f"T{number}", start, draws.choice([0, 5, 30]), join=draws.choice(JOINS), push=push)
            case 2 if meetings:
                use.meeting_update(draws.choice(meetings), start=start, push=push)
            case 3 if meetings:
                use.meeting_delete(draws.choice(meetings), push=draws.choice(["full", "none"]))
            case 4:
                use.fault(f"f{number}", *draws.choice(TROUBLE), for_s=60.0)
            case 5:
                device.world.clock.jump_wall(timedelta(seconds=draws.choice([-3_600, -1, 300, 86_400])))
            case 6:
                await self.stage.clock.sleep(draws.choice([1, 60, 1_800]))
            case 7:
                await self._command("Put", {}, json.dumps({"Bookings": self._pushed()}))
            case 8 if draws.below(5) == 0:
                await device.restart()
            case _:
                name = draws.choice(list(COMMANDS))
                order = {**self._names(name), **draws.choice(COMMANDS[name])}
                self.asked.append(asyncio.ensure_future(self._command(name, order)))

    def _names(self, name: str) -> dict[str, str]:
        if name in ("Book", "Clear") or not self.bookings:
            return {}
        booking = self.draws.choice(self.bookings)
        return {"MeetingId": booking.meeting_id or "none"} if name == "Respond" else {"Id": booking.id}

    def _pushed(self) -> list[dict[str, Any]]:
        """Return two bookings whose meetings go round from list to list."""
        start = self.stage.clock.now() + timedelta(minutes=self.draws.randint(-10, 60))
        time = {"StartTime": iso_seconds(start), "Duration": 30, "StartTimeBuffer": 300}
        what = {"Title": "T", "Number": "1@m.test", "Protocol": "SIP", "Organizer": {"Name": "A"}, "Time": time}
        turn = self.draws.randint(0, 2)
        return [{**what, "Id": f"p{at}", "MeetingId": f"m{(at + turn) % 3}"} for at in range(2)]

    async def _command(self, name: str, order: dict[str, Any], body: str | None = None) -> None:
        with suppress(XapiError):
            await command(self.stage.device, f"Bookings {name}", order, body=body)

    def check(self) -> None:
        bookings = self.stage.device.local.bookings
        assert set(bookings.timeline._entries) == {booking.number for booking in self.bookings}
        for booking in self.bookings:
            assert bookings.store.find(booking.id) is booking
            assert not booking.meeting_id or bookings.store.find(meeting_id=booking.meeting_id) is booking
        self.stage.complain()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("software", ["ce11.23.1", "ce26.4.1"])
def test_the_list_is_the_calendar_whatever_happened(seed: int, software: str) -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        player, device = Player(stage, seed), stage.device
        for number in range(STEPS):
            await player.step(number)
            await stage.clock.sleep(player.draws.choice([0, 0.1, 3]))
            player.check()
        stage.use.heal()
        device.world.clock.set_wall(stage.clock.now())
        await stage.clock.sleep(300)
        await asyncio.gather(*player.asked)
        await device.sync()
        player.check()
        assert stage.stored() == stage.window()
        mine = {booking.meeting_id for booking in player.bookings if booking.source is Source.CLOUD}
        declined = {one.id for one in device.calendar.meetings.values() if one.response_type == "DECLINED"}
        assert mine == set(device.calendar.meetings) - declined
        timeline = device.local.bookings.timeline
        await device.shut_down()
        assert timeline.waits_until is None

    play(story, software=software, configuration=ON, seed=seed)
