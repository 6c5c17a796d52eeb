"""What the cloud does later: in its time, not beyond its bound, and not when it has stopped."""

from __future__ import annotations

import asyncio

import pytest

from cloud_stub.platform import later as later_module
from cloud_stub.platform.errors import BoundHit
from cloud_stub.platform.later import Later
from endpoint.runtime.clock import Clock, LoopTime
from endpoint.runtime.virtual import VirtualLoop, run


def _later() -> Later:
    return Later(Clock(LoopTime(asyncio.get_running_loop())))


def _timers() -> int:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return len(loop.timers())


def test_things_happen_in_their_time_and_leave_nothing() -> None:
    async def main() -> None:
        later, seen = _later(), list[str]()
        later.call(2.0, seen.append, "second")
        later.call(1.0, seen.append, "first")
        await asyncio.sleep(1.5)
        assert seen == ["first"]
        await asyncio.sleep(1.0)
        assert seen == ["first", "second"]
        assert _timers() == 0

    run(main)


def test_nothing_happens_after_the_end() -> None:
    async def main() -> None:
        later, seen = _later(), list[str]()
        later.call(1.0, seen.append, "planned before")
        later.stop()
        later.call(1.0, seen.append, "asked for afterwards")
        assert _timers() == 0
        later.start()
        later.call(1.0, seen.append, "after a new start")
        await asyncio.sleep(2.0)
        assert seen == ["after a new start"]

    run(main)


def test_more_than_the_bound_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(later_module, "PLANNED_MAX", 2)

    async def main() -> None:
        later, seen = _later(), list[int]()
        for number in range(2):
            later.call(1.0, seen.append, number)
        with pytest.raises(BoundHit, match="timers of the cloud is limited to 2"):
            later.call(1.0, seen.append, 2)
        await asyncio.sleep(1.5)
        later.call(1.0, seen.append, 3)
        await asyncio.sleep(1.5)
        assert seen == [0, 1, 3]

    run(main)
