from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from endpoint.runtime.errors import Deadlock
from scenarios.runner.storyloop import StoryLoop


def run(main: Callable[[StoryLoop], Awaitable[None]]) -> None:
    async def body() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, StoryLoop)
        await main(loop)

    with asyncio.Runner(loop_factory=StoryLoop) as runner:
        runner.run(body())


def test_alarms_ring_in_order_between_the_timers_and_after_those_of_their_instant() -> None:
    seen: list[str] = []

    async def main(loop: StoryLoop) -> None:
        for delay_s, name in ((2.0, "b"), (1.5, "a"), (2.0, "c"), (9.0, "never")):
            loop.set_alarm(delay_s, lambda name=name: seen.append(f"{name} {loop.time()}"))  # type: ignore[misc]  # the default binds it
        loop.call_later(2.0, lambda: seen.append(f"timer {loop.time()}"))
        await asyncio.sleep(3)

    run(main)
    assert seen == ["a 1.5", "timer 2.0", "b 2.0", "c 2.0"]


def test_alarm_that_was_cancelled_does_not_ring() -> None:
    seen: list[float] = []

    async def main(loop: StoryLoop) -> None:
        alarm = loop.set_alarm(1, lambda: seen.append(loop.time()))
        alarm.cancel()
        alarm.cancel()
        await asyncio.sleep(2)

    run(main)
    assert seen == []


def test_alarm_rings_when_nothing_else_is_left() -> None:
    async def main(loop: StoryLoop) -> None:
        waiter = loop.create_future()
        loop.set_alarm(60, lambda: waiter.set_result(None))
        await waiter
        assert loop.time() == 60.0

    run(main)


def test_whoever_waits_is_asked_before_time_is_spent_on_an_alarm() -> None:
    async def main(loop: StoryLoop) -> None:
        waiter = loop.create_future()
        loop.set_alarm(60, lambda: waiter.set_result("alarm"))

        def idle() -> bool:
            waiter.set_result("idle")
            return True

        loop.on_idle = idle
        assert await waiter == "idle"
        assert loop.time() == 0.0

    run(main)


def test_without_alarms_nothing_left_is_a_deadlock() -> None:
    async def main(loop: StoryLoop) -> None:
        await loop.create_future()

    with pytest.raises(Deadlock):
        run(main)
