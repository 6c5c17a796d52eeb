"""Tasks that belong to somebody."""

from __future__ import annotations

import asyncio

import pytest

from endpoint.runtime.errors import LimitExceeded
from endpoint.runtime.tasks import RUNNING_MAX, Tasks
from endpoint.runtime.virtual import run
from tests.endpoint.runtime.ground import Ground


async def _fail() -> None:
    raise ZeroDivisionError("a defect")


def test_a_task_runs_to_its_end_under_its_name() -> None:
    async def main() -> None:
        clock = Ground().clock
        task = Tasks().start(clock.sleep(5), "nap")
        assert task.get_name() == "nap"
        await task
        assert clock.time() == 5

    run(main)


def test_a_defect_is_shown_to_the_owner() -> None:
    async def main() -> None:
        shown: list[BaseException] = []
        Tasks(shown.append).start(_fail(), "failing")
        await asyncio.sleep(0.1)
        assert [str(error) for error in shown] == ["a defect"]

    run(main)


def test_a_defect_without_an_owner_to_show_it_to_goes_to_the_loop() -> None:
    async def main() -> None:
        ground = Ground()
        Tasks().start(_fail(), "failing")
        await asyncio.sleep(0.1)
        assert [failure["message"] for failure in ground.failures] == ["task failing failed"]

    run(main)


def test_the_error_of_an_awaited_task_is_its_callers() -> None:
    async def main() -> None:
        shown: list[BaseException] = []
        task = Tasks(shown.append).start(_fail(), "failing", awaited=True)
        with pytest.raises(ZeroDivisionError):
            await task
        assert shown == []

    run(main)


def test_cancelling_ends_all_in_the_order_of_their_start_but_the_caller() -> None:
    async def main() -> None:
        clock, ended, tasks = Ground().clock, list[str](), Tasks()

        async def work(name: str) -> None:
            try:
                await clock.sleep(1000)
            finally:
                await clock.sleep(1)  # tidying up takes time, and is waited for
                ended.append(name)

        async def leave() -> None:
            await tasks.cancel()
            ended.append("leaver")

        names = [f"task {number}" for number in range(20)]
        for name in names:
            tasks.start(work(name), name)
        await clock.sleep(10)
        await tasks.start(leave(), "leaver")
        assert ended == [*names, "leaver"]
        assert clock.time() == 11
        await tasks.cancel()  # nobody is left

    run(main)


def test_tasks_are_bounded_and_the_one_too_many_is_not_started() -> None:
    async def main() -> None:
        clock, tasks = Ground().clock, Tasks()
        for _ in range(RUNNING_MAX):
            tasks.start(clock.sleep(60), "sleeper")
        with pytest.raises(LimitExceeded, match="tasks of one owner is limited to 1000"):
            tasks.start(clock.sleep(60), "one too many")
        await clock.sleep(61)
        tasks.start(clock.sleep(60), "there is room again")
        await tasks.cancel()

    run(main)
