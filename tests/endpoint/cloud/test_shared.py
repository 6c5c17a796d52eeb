"""Work that is shared: done once, told to everybody, given up without harm."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from endpoint.cloud.shared import Dropped, Shared
from endpoint.runtime.errors import EndpointError
from endpoint.runtime.tasks import Tasks
from endpoint.runtime.virtual import run


class Work:
    """Counts how often it is done; ends with its number, or fails."""

    def __init__(self) -> None:
        self.done = 0
        self.failure: Exception | None = None
        self.defects: list[BaseException] = []
        self.tasks = Tasks(self.defects.append)
        self.shared: Shared[int] = Shared(self.tasks, "work")

    async def __call__(self) -> int:
        self.done += 1
        number = self.done
        await asyncio.sleep(1.0)
        if self.failure is not None:
            raise self.failure
        return number


def _play(story: Callable[[Work], Awaitable[None]]) -> Work:
    async def main() -> Work:
        work = Work()
        await story(work)
        await work.tasks.cancel()
        return work

    return run(main)


def test_everybody_who_asks_meanwhile_gets_the_same_and_the_next_begins_anew() -> None:
    async def story(work: Work) -> None:
        assert await asyncio.gather(*(work.shared.run(work) for _ in range(4))) == [1, 1, 1, 1]
        assert await work.shared.run(work) == 2

    _play(story)


def test_a_failure_belongs_to_all_who_wait_and_is_no_defect_if_nobody_does() -> None:
    async def story(work: Work) -> None:
        work.failure = EndpointError("no")
        failures = await asyncio.gather(*(work.shared.run(work) for _ in range(2)), return_exceptions=True)
        assert [str(failure) for failure in failures] == ["no", "no"]
        work.shared.begin(work)
        await asyncio.sleep(2.0)

    assert not _play(story).defects


def test_a_mistake_of_ours_is_a_defect() -> None:
    async def story(work: Work) -> None:
        work.failure = ZeroDivisionError()
        with pytest.raises(ZeroDivisionError):
            await work.shared.run(work)

    assert len(_play(story).defects) == 1


def test_one_who_does_not_wait_any_longer_takes_nothing_from_the_others() -> None:
    async def story(work: Work) -> None:
        impatient = asyncio.create_task(work.shared.run(work))
        patient = asyncio.create_task(work.shared.run(work))
        await asyncio.sleep(0.5)
        impatient.cancel()
        assert await patient == 1
        with pytest.raises(asyncio.CancelledError):
            await impatient

    _play(story)


def test_work_that_is_given_up_is_told_as_that_and_does_not_look_like_a_cancellation() -> None:
    async def story(work: Work) -> None:
        waiting = asyncio.create_task(work.shared.run(work))
        await asyncio.sleep(0.5)
        was_running = work.shared.is_running
        work.shared.drop()
        assert (was_running, work.shared.is_running) == (True, False)
        with pytest.raises(Dropped, match="work was given up"):
            await waiting
        assert await work.shared.run(work) == 2

    _play(story)


def test_work_may_give_itself_up_and_still_say_how_it_ended() -> None:
    async def story(work: Work) -> None:
        async def ending() -> int:
            work.shared.drop()
            raise EndpointError("the end")

        with pytest.raises(EndpointError, match="the end"):
            await work.shared.run(ending)

    _play(story)
