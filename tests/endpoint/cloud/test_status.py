"""Webex Status: each value and the way between them (protocol/activation-and-media.md 15.1)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from endpoint.cloud.status import TABLE, Answered, GivenUp, Registered, Removed, Silence, Started, Status, Unregistered
from endpoint.runtime.faults import Fault
from tests.endpoint.cloud.scripted import CODE, CUT, Reply, Scripted, play
from tests.endpoint.cloud.tables import Row, walk

STOPPED, REGISTERING, REGISTERED, ERROR = Status

ROWS: list[Row[Status]] = [
    (STOPPED, Started, REGISTERING, ()),
    *[(STOPPED, event, STOPPED, ()) for event in (GivenUp, Unregistered, Answered, Silence, Removed)],
    (REGISTERING, Started, REGISTERING, ()),
    (REGISTERING, GivenUp, STOPPED, ()),
    (REGISTERING, Registered, REGISTERED, ()),
    (REGISTERING, Unregistered, REGISTERING, ()),
    (REGISTERING, Answered, REGISTERING, ()),
    (REGISTERING, Silence, ERROR, ()),
    (REGISTERING, Removed, STOPPED, ()),
    (REGISTERED, Started, REGISTERED, ()),
    (REGISTERED, Registered, REGISTERED, ()),
    (REGISTERED, Unregistered, REGISTERING, ()),
    (REGISTERED, Answered, REGISTERED, ()),
    (REGISTERED, Silence, ERROR, ()),
    (REGISTERED, Removed, STOPPED, ()),
    (ERROR, Started, REGISTERING, ()),
    (ERROR, Registered, REGISTERED, ()),
    (ERROR, Unregistered, ERROR, ()),
    (ERROR, Answered, REGISTERING, ()),
    (ERROR, Silence, ERROR, ()),
    (ERROR, Removed, STOPPED, ()),
]


def test_every_row_and_every_pair_without_one() -> None:
    walk(TABLE, ROWS)


def _changes(cloud: Scripted) -> list[str]:
    return [line.removeprefix("Wx2 I: Webex status ") for line in cloud.lines("Wx2 I: Webex status")]


def test_the_good_way_and_what_xstatus_shows_of_it() -> None:
    async def story(cloud: Scripted) -> None:
        seen: list[object] = []
        cloud.device.status.listen(("Webex", "Status"), lambda changes: seen.extend(changes.values()))
        await cloud.online()
        await cloud.peer.close(1001)
        await cloud.device.until_online()
        assert _changes(cloud) == ["Stopped -> Registering", "Registering -> Registered"]
        assert seen == ["Registering", "Registered"]

    play(story)


def _cut_off(cloud: Scripted) -> Callable[[], None]:
    """Let nobody answer any more, and cut the socket off; returns what heals it."""
    cloud.faults.arm(Fault("down", "tcp", "refuse"))
    cloud.device.mercury.reset()
    return lambda: cloud.faults.heal("down")


def test_a_minute_of_silence_is_an_error_and_the_next_answer_ends_it() -> None:
    async def story(cloud: Scripted) -> None:
        await cloud.online()
        await cloud.clock.sleep(1_000.0)
        cloud.log.clear()
        heal = _cut_off(cloud)
        began_s = cloud.clock.time()
        await cloud.clock.sleep(59.0)
        assert not _changes(cloud)
        await cloud.clock.sleep(1.5)
        assert _changes(cloud) == ["Registered -> Error"]
        assert "WebexConnectivity" in cloud.device.diagnostics.types
        await cloud.clock.sleep(600.0)
        heal()
        await cloud.device.until_online()
        assert _changes(cloud)[1:] == ["Error -> Registering", "Registering -> Registered"]
        assert "WebexConnectivity" not in cloud.device.diagnostics.types
        assert cloud.clock.time() - began_s < 700

    play(story)


def test_a_ping_without_a_pong_begins_the_silence() -> None:
    async def story(cloud: Scripted) -> None:
        await cloud.online()
        await cloud.clock.sleep(7.0)
        cloud.pongs = cloud.greets = False
        cloud.on("GET", "/registrations/", CUT)
        cloud.on("GET", "/u2c/", CUT)  # a silence of the websocket alone is none
        await cloud.clock.sleep(8.0 + 59.0)
        assert _changes(cloud)[-1] == "Registering -> Registered"
        await cloud.clock.sleep(2.0)
        assert _changes(cloud)[-1] == "Registered -> Error"

    play(story)


def test_what_nobody_asks_for_is_no_silence() -> None:
    async def story(cloud: Scripted) -> None:
        await cloud.online()
        cloud.device.mercury.disconnect()
        await cloud.clock.sleep(800.0)
        assert _changes(cloud)[-1] == "Registering -> Registered"

    play(story)


@pytest.mark.parametrize("status", [200, 404, 503])
def test_any_answer_of_any_service_ends_the_silence(status: int) -> None:
    async def story(cloud: Scripted) -> None:
        await cloud.online()
        cloud.on("GET", "/registrations/", CUT)
        cloud.pongs = False
        cloud.on("GET", "/calendarEvents", Reply(status, {"items": []}))
        for _ in range(10):
            await cloud.clock.sleep(30.0)
            cloud.device.calendar.catch_up_soon()
        assert _changes(cloud)[-1] == "Registering -> Registered"

    play(story)


def test_an_activation_that_meets_nobody_is_no_error() -> None:
    async def story(cloud: Scripted) -> None:
        await cloud.device.boot()
        cloud.on("POST", "/challenges", CUT)
        with pytest.raises(Exception, match="unreachable"):
            await cloud.device.activate(CODE)
        assert _changes(cloud) == ["Stopped -> Registering", "Registering -> Stopped"]

    play(story)


def test_a_boot_into_silence_is_an_error_after_a_minute() -> None:
    async def story(cloud: Scripted) -> None:
        await cloud.online()
        await cloud.device.shut_down()
        heal = _cut_off(cloud)
        cloud.log.clear()
        await cloud.device.boot()
        await cloud.clock.sleep(61.0)
        assert _changes(cloud) == ["Stopped -> Registering", "Registering -> Error"]
        heal()
        await cloud.device.until_online()
        assert _changes(cloud)[2:] == ["Error -> Registering", "Registering -> Registered"]

    play(story)
