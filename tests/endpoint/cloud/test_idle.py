"""What a device costs that has nothing to do, and what is left of one that goes."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from endpoint.runtime.clock import LoopTime, Timer
from tests.endpoint.cloud.scripted import CODE, Scripted, play


class Counting(LoopTime):
    """Knows which timers of the device have not fired."""

    def __init__(self, inner: LoopTime) -> None:
        self._inner = inner
        self.start = inner.start
        self.waiting: set[Counted] = set()

    def time(self) -> float:
        return self._inner.time()

    def call_at(self, when_s: float, callback: Callable[..., object], *args: object) -> Timer:
        timer = Counted(self, callback)
        timer.timer = self._inner.call_at(when_s, timer.fire, *args)
        self.waiting.add(timer)
        return timer

    def names(self) -> list[str]:
        """Return who waits, by the name of what would be called."""
        return sorted(str(getattr(timer.callback, "__qualname__", timer.callback)) for timer in self.waiting)


class Counted:
    """A timer that says when it is no longer one."""

    timer: Timer

    def __init__(self, source: Counting, callback: Callable[..., object]) -> None:
        self.source = source
        self.callback = callback

    def cancel(self) -> None:
        self.source.waiting.discard(self)
        self.timer.cancel()

    def fire(self, *args: object) -> None:
        self.source.waiting.discard(self)
        self.callback(*args)


def _count(cloud: Scripted) -> Counting:
    clock = cloud.device.world.clock
    counting = Counting(clock.source)  # type: ignore[arg-type]  # the loop's time, as on every virtual loop
    clock.source = counting
    return counting


def _tasks(cloud: Scripted) -> list[str]:
    """Return the device's tasks; those of the servers of the stage have names of asyncio's."""
    return [name for task in asyncio.all_tasks() if not (name := task.get_name()).startswith("Task-")]


WITHOUT_ACCOUNT = ["Standby._fired"]
IDLE = sorted(
    [
        "Mercury._fired",
        "Identity._due",
        "TrustStore._due",
        "Calendar.catch_up_soon",
        "Reachability.trigger",
        "SideServices.ask",
    ]
)


def test_an_idle_device_has_six_timers_one_connection_and_no_task() -> None:
    async def story(cloud: Scripted) -> None:
        counting = _count(cloud)
        await cloud.online()
        await cloud.clock.sleep(3_600.0)  # it fell asleep, and waits for nobody any more
        for _ in range(3):
            assert counting.names() == IDLE
            assert _tasks(cloud) == []
            assert cloud.connections == 1
            await cloud.clock.sleep(7_321.0)

    play(story)


def test_a_device_without_an_account_has_none_of_them() -> None:
    async def story(cloud: Scripted) -> None:
        counting = _count(cloud)
        await cloud.device.boot()
        await cloud.clock.sleep(20.0)
        assert (counting.names(), _tasks(cloud), cloud.connections) == (WITHOUT_ACCOUNT, [], 0)
        await cloud.device.activate(CODE)
        await cloud.device.until_online()
        cloud.device.remove_account("event")
        await cloud.clock.sleep(70.0)
        assert (counting.names(), _tasks(cloud), cloud.connections) == (WITHOUT_ACCOUNT, [], 0)

    play(story)


@pytest.mark.parametrize("how", ["shut_down", "crash"])
@pytest.mark.parametrize("after_s", [0.0, 0.000_02, 5.0, 40.0])
def test_a_device_that_is_off_has_none_of_them_whenever_it_went(how: str, after_s: float) -> None:
    async def story(cloud: Scripted) -> None:
        counting = _count(cloud)
        await cloud.device.boot()
        await cloud.device.activate(CODE)
        await cloud.clock.sleep(after_s)
        await getattr(cloud.device, how)()
        lines = len(cloud.log)
        await cloud.clock.sleep(3.0)
        assert (counting.names(), _tasks(cloud), cloud.connections) == ([], [], 0)
        await cloud.clock.sleep(100_000.0)
        assert len(cloud.log) == lines
        await cloud.device.boot()
        await cloud.device.until_online()

    play(story)


def _parts() -> list[object]:
    gc.collect()
    return [
        thing
        for thing in gc.get_objects()
        if str(type(thing).__module__).startswith(("endpoint.cloud", "endpoint.device"))
    ]


def test_nothing_is_left_of_the_parts_of_the_boots_before() -> None:
    async def story(cloud: Scripted) -> None:
        others = _parts()  # of devices of other tests, which a cache of a library may still hold
        known = set(map(id, others))
        await cloud.online()
        for _ in range(3):
            await cloud.device.restart()
            await cloud.device.until_online()
            await cloud.device.crash()
            await cloud.device.boot()
            await cloud.device.until_online()
        await cloud.clock.sleep(100.0)
        alive = Counter(type(thing).__name__ for thing in _parts() if id(thing) not in known)
        many: dict[str, Any] = {
            name: alive.get(name) for name in ("Http", "Identity", "Mercury", "Calendar", "Registration", "Reachability", "Line")
        }  # fmt: skip
        assert set(many.values()) == {1}, many

    play(story)
