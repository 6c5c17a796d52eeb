"""Waiting for something to hold of a device, looked at whenever something has changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Waiting:
    """Those who wait for a condition."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until a condition holds."""
        if not holds():
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((holds, waiter))
            await waiter

    def progress(self, *_: object) -> None:
        """Wake whoever waits for something that holds now."""
        for entry in tuple(self._waiting):
            holds, waiter = entry
            if waiter.done() or holds():
                self._waiting.remove(entry)
                if not waiter.done():
                    waiter.set_result(None)
