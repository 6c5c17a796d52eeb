"""What a run has left behind: tasks, sockets and timers that nobody took down, on either side and in the runner."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from endpoint.runtime import shaping
from endpoint.runtime.virtual import VirtualLoop

ON_ITS_WAY: Final = frozenset({shaping.__name__})
"""Modules whose timers belong to nobody: a datagram that is late is on its way."""


def leftovers() -> list[str]:
    """Return the tasks, sockets and timers that a run has left behind; to be asked when everything has been taken down."""
    mine = asyncio.current_task()
    left = [task.get_coro() for task in asyncio.all_tasks() if task is not mine and not task.done()]
    return sorted(_named(work) for work in left) + list(_open_sockets()) + list(_planned())


def _open_sockets() -> Iterator[str]:
    loop = asyncio.get_running_loop()
    if not isinstance(loop, VirtualLoop):
        return
    network = loop.network
    yield from (f"a listener on {host}:{port}" for host, port in network.listeners)
    yield from (f"a datagram socket on {host}:{port}" for host, port in network.bound)
    for end in network.streams:
        if not end.is_closing():
            yield f"a stream of {_named(type(end.get_protocol()))}"


def _planned() -> Iterator[str]:
    loop = asyncio.get_running_loop()
    for timer in loop.timers() if isinstance(loop, VirtualLoop) else ():
        callback = _called(timer._callback)  # type: ignore[attr-defined]  # told nowhere else
        if str(getattr(callback, "__module__", "")) not in ON_ITS_WAY:
            yield f"a timer of {_named(_owner(callback, tuple(timer._args or ())))}"


def _called(callback: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function behind what has been given some of its arguments."""
    while isinstance(callback, partial):
        callback = callback.func
    return callback


def _owner(callback: Callable[..., Any], arguments: tuple[Any, ...]) -> object:
    """Return whose timer it is: of one that a keeper of timers has set, what it would call."""
    inner = next((_called(one) for one in arguments if callable(one)), None)
    return callback if inner is None else inner


def _named(what: object) -> str:
    return str(getattr(what, "__qualname__", what))
