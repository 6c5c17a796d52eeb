"""Work that is done once for everybody who asks for it at the same time: a token refresh, a registration, a catch-up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from endpoint.runtime.errors import EndpointError
from endpoint.runtime.tasks import Tasks

T = TypeVar("T")


class Dropped(EndpointError):
    """The work was given up: the account is gone, or the device is off."""


class Shared(Generic[T]):
    """One piece of work of a kind; it goes on when somebody who waits for it does not wait any longer."""

    __slots__ = ("_name", "_task", "_tasks")

    def __init__(self, tasks: Tasks, name: str) -> None:
        self._tasks = tasks
        self._name = name
        self._task: asyncio.Task[T | EndpointError] | None = None

    @property
    def is_running(self) -> bool:
        """Say whether it is being done."""
        return self._task is not None and not self._task.done()

    async def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Do the work, or wait for the end of what is under way.

        Raises:
            Dropped: it was given up meanwhile.
            EndpointError: what `work` raises.
        """
        task = self.begin(work)
        try:
            outcome = await asyncio.shield(task)
        except asyncio.CancelledError:
            me = asyncio.current_task()
            if task.cancelled() and me is not None and not me.cancelling():
                raise Dropped(f"{self._name} was given up") from None
            raise
        if isinstance(outcome, EndpointError):
            raise outcome.with_traceback(None)
        return outcome

    def begin(self, work: Callable[[], Coroutine[Any, Any, T]]) -> asyncio.Task[T | EndpointError]:
        """Do the work in the background unless it is being done; whoever wants to know how it ends calls `run`."""
        if self._task is None or self._task.done():
            self._task = self._tasks.start(_outcome(work), self._name)
        return self._task

    def drop(self) -> None:
        """Give up what is under way; the next to ask begins anew."""
        task, self._task = self._task, None
        if task is not None and task is not asyncio.current_task():
            task.cancel()


async def _outcome(work: Callable[[], Coroutine[Any, Any, T]]) -> T | EndpointError:
    """Turn a failure into a value: it belongs to those who wait, and is no defect if nobody does any more."""
    try:
        return await work()
    except EndpointError as error:
        return error
