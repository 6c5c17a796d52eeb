"""Work in several processes at once; answers come in the order of the work."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


def in_processes(
    work: Callable[[A], B], items: Iterable[A], jobs: int, *, done: Callable[[B], object] | None = None
) -> Iterator[B]:
    """Do the work of each item, in so many processes; in this one when one is enough.

    Args:
        work: a function of a module, or a method of a value: it has to travel.
        done: told each answer as soon as it is there, whatever its turn.
    """
    items = list(items)
    tell = done or (lambda answer: None)
    if jobs == 1 or len(items) <= 1:
        for item in items:
            answer = work(item)
            tell(answer)
            yield answer
        return
    context = multiprocessing.get_context(
        "forkserver"
    )  # a process with threads must not fork; whoever calls may have some
    context.set_forkserver_preload([work.__module__])
    pool = ProcessPoolExecutor(min(jobs, len(items)), mp_context=context, initializer=_leave_signals_to_the_parent)
    try:
        waiting = [pool.submit(work, item) for item in items]
        for run in waiting:
            run.add_done_callback(partial(_tell_done, tell))
        for run in waiting:
            yield run.result()
    except BaseException:  # an interruption above all: what runs may run for long
        for child in multiprocessing.active_children():
            child.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _tell_done(tell: Callable[[B], object], run: Future[B]) -> None:
    if not run.cancelled() and run.exception() is None:
        tell(run.result())


def _leave_signals_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
