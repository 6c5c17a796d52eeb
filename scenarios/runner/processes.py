"""Runs in several processes at once; answers come in the order of the work."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


def in_processes(work: Callable[[A], B], items: Iterable[A], jobs: int) -> Iterator[B]:
    """Do the work of each item, in so many processes; in this one when one is enough.

    Args:
        work: a function of a module, or a `partial` of one: it has to travel.
    """
    items = list(items)
    if jobs == 1 or len(items) <= 1:
        yield from map(work, items)
        return
    context = multiprocessing.get_context(
        "forkserver"
    )  # a process with threads must not fork; whoever calls may have some
    context.set_forkserver_preload([work.__module__ if hasattr(work, "__module__") else __name__])
    pool = ProcessPoolExecutor(min(jobs, len(items)), mp_context=context, initializer=_leave_signals_to_the_parent)
    try:
        yield from pool.map(work, items)
    except BaseException:  # an interruption above all: what runs may run for long
        for child in multiprocessing.active_children():
            child.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _leave_signals_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
