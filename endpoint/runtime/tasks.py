"""Tasks that belong to somebody: none is lost, none fails unseen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from endpoint.runtime.errors import LimitExceeded

RUNNING_MAX = 1_000


class Tasks:
    """The running tasks of one owner."""

    def __init__(self, on_defect: Callable[[BaseException], object] | None = None) -> None:
        self._running: dict[asyncio.Task[Any], None] = {}  # in the order of their start, which a set would lose
        self._on_defect = on_defect

    @property
    def running(self) -> list[str]:
        """Return the names of the tasks that run, the oldest first."""
        return [task.get_name() for task in self._running]

    def start(self, work: Coroutine[Any, Any, Any], name: str, *, awaited: bool = False) -> asyncio.Task[Any]:
        """Run a coroutine to its end; an exception that it leaves behind is a defect and is shown as one.

        Args:
            awaited: callers wait for the task, so its exception is theirs.

        Raises:
            LimitExceeded: RUNNING_MAX tasks run already; this one was not started.
        """
        if len(self._running) >= RUNNING_MAX:
            work.close()
            raise LimitExceeded("tasks of one owner", RUNNING_MAX)
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running[task] = None
        task.add_done_callback(self._awaited_ended if awaited else self._ended)
        return task

    def _awaited_ended(self, task: asyncio.Task[Any]) -> None:
        self._running.pop(task, None)
        if not task.cancelled():
            task.exception()  # taken note of, should nobody wait any more

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.pop(task, None)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if self._on_defect is not None:
            self._on_defect(error)
        else:
            context = {"message": f"task {task.get_name()} failed", "exception": error, "task": task}
            task.get_loop().call_exception_handler(context)

    async def cancel(self) -> None:
        """Cancel every task but the calling one, and wait until they are gone."""
        mine = asyncio.current_task()
        doomed = [task for task in self._running if task is not mine]
        for task in doomed:
            task.cancel()
        await asyncio.gather(*doomed, return_exceptions=True)
