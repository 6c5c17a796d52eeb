"""A device in a process of its own follows the stub it belongs to: its clock, and the names of its media nodes.

The stub publishes both to loopback: `/roomsim/clock`, which can be waited on, and `/roomsim/names`. Another cloud publishes neither;
then time is real and names are what they are.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import aiohttp

from endpoint.runtime.clock import LoopTime, ScaledTime, SteppedTime, TimeSource, parse_iso
from endpoint.runtime.net import NameTable

CLOCK_PATH: Final = "/roomsim/clock"
NAMES_PATH: Final = "/roomsim/names"
TIMEOUT_S: Final = 3.0
WAIT_S: Final = 25
"""How long the stub is asked to hold an answer until its clock jumps."""
RETRY_S: Final = 1.0


class Follower:
    """What a device process takes over from the stub at a base URL."""

    def __init__(self, cloud: str) -> None:
        self._cloud = cloud.rstrip("/")
        self._task: asyncio.Task[None] | None = None

    async def time_source(self) -> TimeSource:
        """Return the time source that the stub's published clock asks for, and follow its jumps from here on."""
        published = await self._get(CLOCK_PATH, TIMEOUT_S)
        loop = asyncio.get_running_loop()
        mode = published.get("mode")
        if mode == "accelerated":
            return ScaledTime(loop, float(published["factor"]), parse_iso(published["now"]))
        if mode in ("stepped", "frozen"):
            source = SteppedTime(loop, frozen=mode == "frozen", start=parse_iso(published["now"]))
            self._task = loop.create_task(self._follow(source, float(published["jumped"])))
            return source
        return LoopTime(loop)

    async def _follow(self, source: SteppedTime, jumped_s: float) -> None:
        """Jump whenever the stub has jumped."""
        while True:
            published = await self._get(f"{CLOCK_PATH}?after={jumped_s}&wait={WAIT_S}", WAIT_S + TIMEOUT_S)
            if not published:
                await asyncio.sleep(RETRY_S)  # the stub is away; real time, as only it can say how time passes
            elif float(published["jumped"]) > jumped_s:
                await source.advance(float(published["jumped"]) - jumped_s, settle=_settle)
                jumped_s = float(published["jumped"])

    async def names(self, table: NameTable) -> None:
        """Let the logical addresses of the stub's media nodes lead to their real ones."""
        published = await self._get(NAMES_PATH, TIMEOUT_S)
        for row in published.get("names", []):
            table.publish(row["host"], row["port"], row["actualHost"], row["actualPort"], row["transport"])

    async def _get(self, path: str, timeout_s: float) -> dict[str, Any]:
        """Ask the stub; nothing when it does not answer so, and is somebody else's cloud."""
        timeout = aiohttp.ClientTimeout(total=timeout_s)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(self._cloud + path, ssl=False, allow_redirects=False) as answer,
            ):
                found = await answer.json() if answer.status == 200 else {}
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    async def close(self) -> None:
        """Stop following."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


def _settle() -> asyncio.Future[None]:
    """Let what a timer has started get as far as it can on real sockets before the next one fires."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()
    loop.call_later(SETTLE_S, lambda: None if done.done() else done.set_result(None))
    return done


SETTLE_S: Final = 0.02
"""Real time given to each timer of a jump: an exchange on loopback takes about a millisecond."""
