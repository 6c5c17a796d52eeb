"""The script of a proxy auto-configuration: fetched, kept, fetched again, asked. Line R09 of protocol/activation-and-media.md 9.4."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import tzinfo
from typing import Final

from endpoint.cloud.http import Call, Http
from endpoint.runtime.clock import Timer
from endpoint.runtime.errors import EndpointError, Unreachable
from endpoint.runtime.tasks import Tasks
from endpoint.runtime.world import World
from endpoint.wire import conventions, pac
from endpoint.wire.tunnel import ProxyAddress

LIFE_S: Final = 600.0
"""How long a script is used before it is fetched again (ours)."""
RETRY_S: Final = 60.0
"""Wait after a script that could not be used (ours)."""
ANSWERS_MAX: Final = 256
"""Places whose ways are kept; the oldest leave first."""
ADDRESS: Final = "192.0.2.10"
"""What a script hears as the device's own address, one of the range for examples."""
SERVICE: Final = "pac"


class Script:
    """The script of one URL, for one boot.

    Args:
        on_change: told when `problem` may be another.
    """

    def __init__(
        self,
        world: World,
        http: Http,
        tasks: Tasks,
        url: str,
        zone: Callable[[], tzinfo],
        on_change: Callable[[], object],
    ) -> None:
        self._world = world
        self._http = http
        self._tasks = tasks
        self._on_change = on_change
        self._again: Timer | None = None
        self._zone = zone
        self._turn = asyncio.Lock()
        self._until_s = float("-inf")
        self._text: str | None = None
        self._answers: dict[str, tuple[ProxyAddress | None, ...]] = {}
        """What the script said of each URL that it can see, until it is fetched again; as in browsers, whatever the hour."""
        self._chance = world.chance.stream("pac").uniform(0.0, 1.0)
        self.url = url
        self.problem = ""
        """Why there is no script, or not the one of now; empty when all is well."""

    async def ways(self, host: str, port: int, *, secure: bool) -> tuple[ProxyAddress | None, ...]:
        """Return the ways to a host in the order of trying, None for the direct one; without a script that is all there is."""
        await self._refresh()
        if self._text is None:
            return (None,)
        scheme, usual = ("https", 443) if secure else ("http", 80)
        url = f"{scheme}://{host}" + (f":{port}" if port != usual else "") + "/"
        known = self._answers.get(url)
        if known is not None:
            return known
        try:
            ways = pac.find_proxies(self._text, url, self._surroundings(), self._resolve)
        except pac.PacError as error:
            self._fail(str(error))
            return (None,)
        if len(self._answers) >= ANSWERS_MAX:
            del self._answers[next(iter(self._answers))]
        self._answers[url] = ways
        return ways

    def stop(self) -> None:
        """Fetch it no more."""
        if self._again is not None:
            self._again.cancel()
            self._again = None

    async def _refresh(self) -> None:
        async with self._turn:
            if self._world.clock.time() >= self._until_s:
                self.stop()
                await self._load()

    def _due(self) -> None:
        self._again = None
        self._tasks.start(self._refresh(), "proxy script is due")

    def _surroundings(self) -> pac.Surroundings:
        now = self._world.clock.now()
        offset = self._zone().utcoffset(now.replace(tzinfo=None))
        minutes = round(offset.total_seconds() / 60) if offset is not None else 0
        return pac.Surroundings(round(now.timestamp() * 1000), minutes, ADDRESS, self._chance)

    def _resolve(self, name: str) -> str | None:
        names = self._world.net.names
        found = names.resolve(name, 443) or names.resolve(name, 80)
        return found[0] if found else None

    async def _load(self) -> None:
        clock = self._world.clock
        self._until_s = clock.time() + RETRY_S
        self._answers.clear()
        try:
            text = await self._fetch()
            pac.check_script(text)
        except (EndpointError, pac.PacError) as error:
            self._fail(error.reason if isinstance(error, Unreachable) else str(error))
            return
        self._text, self.problem, self._until_s = text, "", clock.time() + LIFE_S
        self._on_change()

    async def _fetch(self) -> str:
        answer = await self._http.send(Call("GET", self.url, SERVICE, headers={"Accept": "*/*"}, is_direct=True))
        if not answer.ok:
            raise pac.PacError(str(answer.status))
        return pac.decode_script(answer.body)

    def _fail(self, reason: str) -> None:
        self.problem = reason
        url = conventions.redact_url(self.url)
        self._world.log.line("Network", "W", f"PAC load failed {url}: {reason}")
        clock = self._world.clock
        self._until_s = min(self._until_s, clock.time() + RETRY_S)
        if self._again is None:
            self._again = clock.call_later(self._until_s - clock.time(), self._due)
        self._on_change()
