"""Sessions: their limits, their list, and how they end."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from endpoint.runtime.clock import iso_ms
from endpoint.wire.xapi.calls import Caller
from endpoint.wire.xapi.errors import CommandFailed
from endpoint.xapi.accounts import BUILT_IN
from endpoint.xapi.saved import SavedUser
from endpoint.xapi.sessions import TooManySessions
from tests.endpoint.xapi.ground import ADMIN, CLOUD, XapiGround, play

BOB = Caller("bob", frozenset("U"), "192.0.2.8", "websocket")
WEB = Caller("bob", frozenset("U"), "192.0.2.8", "http")
PEOPLE = (BUILT_IN, SavedUser(name="bob", roles="U"))


def test_limits_hold_for_one_user_and_for_all_and_are_read_at_each_opening() -> None:
    async def story(ground: XapiGround) -> None:
        ground.configure("Security Session MaxSessionsPerUser", 2)
        ground.configure("Security Session MaxTotalSessions", 4)
        first = ground.open(BOB)
        ground.open(Caller("BOB", frozenset("U"), "", "http"))
        with pytest.raises(TooManySessions, match="at most 2 sessions of one user"):
            ground.open(BOB)
        ground.open(ADMIN)
        ground.open(CLOUD)
        with pytest.raises(TooManySessions, match="at most 4 sessions"):
            ground.open(CLOUD)
        ground.configure("Security Session MaxTotalSessions", 5)
        ground.open(CLOUD)  # who is no local user has no limit of his own
        first.end()
        first.end()
        ground.open(BOB)
        assert len(ground.sessions) == 5

    play(story, saved=PEOPLE)


def test_the_list_tells_who_is_there_since_when_whatever_the_wall_clock_did() -> None:
    async def story(ground: XapiGround) -> None:
        ground.open(BOB)
        busy = ground.open(ADMIN)
        await ground.clock.sleep(100)
        busy.touch()
        ground.clock.jump_wall(timedelta(days=1))
        now = ground.clock.now()
        listed = dict(await ground.call("Security Session List"))
        assert listed == {
            ("Session", 1, "SessionId"): "1",
            ("Session", 1, "UserName"): "bob",
            ("Session", 1, "Origin"): "192.0.2.8",
            ("Session", 1, "LastActivity"): iso_ms(now - timedelta(seconds=100)),
            ("Session", 2, "SessionId"): "2",
            ("Session", 2, "UserName"): "admin",
            ("Session", 2, "Origin"): "192.0.2.7",
            ("Session", 2, "LastActivity"): iso_ms(now),
        }

    play(story, saved=PEOPLE)


def test_a_session_is_terminated_after_the_answer_has_left() -> None:
    async def story(ground: XapiGround) -> None:
        own = ground.open(ADMIN)
        await ground.call("Security Session Terminate", SessionId=str(own.id))
        assert not ground.hung_up
        await asyncio.sleep(0)
        assert ground.hung_up == [(own.id, "terminated by 'admin'")]
        assert len(ground.sessions) == 0
        for unknown in ("1", "x", "٣", "-1"):
            with pytest.raises(CommandFailed, match="No such session"):
                await ground.call("Security Session Terminate", SessionId=unknown)

    play(story, saved=PEOPLE)


def test_a_session_that_says_nothing_ends_after_the_inactivity_time() -> None:
    async def story(ground: XapiGround) -> None:
        ground.configure("Security Session InactivityTimeout", 2)
        ground.open(BOB)
        busy, web = ground.open(ADMIN), ground.open(WEB)
        for _ in range(5):
            await ground.clock.sleep(50)
            busy.touch(ground.clock.now())
        assert ground.hung_up == [(1, "idle for 2 minute(s)")]
        await ground.clock.sleep(119)
        assert len(ground.hung_up) == 1
        await ground.clock.sleep(1)
        assert ground.hung_up[1:] == [(busy.id, "idle for 2 minute(s)")]
        await ground.clock.sleep(86_400)
        assert list(ground.sessions) == [web]  # documented: it ends when its client says so

    play(story, saved=PEOPLE)


def test_the_inactivity_time_can_be_set_while_sessions_are_open() -> None:
    async def story(ground: XapiGround) -> None:
        ground.open(BOB)
        await ground.clock.sleep(600)
        ground.configure("Security Session InactivityTimeout", 20)
        await ground.clock.sleep(599)
        assert not ground.hung_up
        ground.configure("Security Session InactivityTimeout", 0)
        await ground.clock.sleep(86_400)
        ground.configure("Security Session InactivityTimeout", 1)
        await ground.clock.sleep(0)
        assert ground.hung_up == [(1, "idle for 1 minute(s)")]

    play(story, saved=PEOPLE)


def test_no_timer_runs_and_nobody_listens_while_nothing_can_become_idle() -> None:
    async def story(ground: XapiGround) -> None:
        def scheduled() -> int:
            return sum(not handle.cancelled() for handle in ground.loop._scheduled)  # type: ignore[attr-defined]  # asyncio's heap

        session = ground.open(BOB)
        assert scheduled() == 0
        ground.configure("Security Session InactivityTimeout", 1)
        assert scheduled() == 1
        others = [ground.open(BOB) for _ in range(5)]
        assert scheduled() == 1
        for open_one in (session, *others):
            open_one.end()
        assert scheduled() == 0
        assert not ground.configuration._listeners

    play(story, saved=PEOPLE)


def test_all_sessions_end_at_once_when_the_device_goes_down() -> None:
    async def story(ground: XapiGround) -> None:
        for caller in (BOB, ADMIN, CLOUD):
            ground.open(caller)
        ground.sessions.close_all("Restart")
        await asyncio.sleep(0)
        assert ground.hung_up == [(1, "Restart"), (2, "Restart"), (3, "Restart")]
        assert len(ground.sessions) == 0

    play(story, saved=PEOPLE)
