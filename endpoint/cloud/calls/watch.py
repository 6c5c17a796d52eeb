"""What keeps calls true while nothing is pushed: a look at all loci when Mercury opens, and questions while it is closed.

Source: protocol/cloud-services.md 9.8 (`online` -> GET /loci); how long a call outlives the way to the cloud is ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from endpoint.cloud.calls import endings
from endpoint.cloud.calls.around import Around
from endpoint.cloud.http import Backoff
from endpoint.runtime.errors import EndpointError
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.locus import requests
from endpoint.wire.locus.requests import parse_loci_answer

if TYPE_CHECKING:
    from endpoint.cloud.calls.call import LiveCall
    from endpoint.cloud.calls.control import CallControl

ASK_EVERY_S: Final = 10.0
"""While Mercury is closed."""
PRESERVED_S: Final = 20.0
"""So long after the last word of the cloud the room is told that it cannot be asked."""
GIVEN_UP_S: Final = 120.0
"""And so long after it calls are over."""
LOOK_TRIES_MAX: Final = 12
"""How often all loci are asked for, with longer and longer waits between, by a device without calls; then the next opening of Mercury does
it. One in a call goes on asking."""
CLUSTERS_MAX: Final = 5
"""Other clusters that are asked for their loci."""


class Watch:
    """Looks after the calls of one device."""

    __slots__ = ("_again", "_around", "_control", "_looking", "_watching")

    def __init__(self, around: Around, control: CallControl) -> None:
        self._around = around
        self._control = control
        self._looking: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._again = False

    def opened(self) -> None:
        """Take note that Mercury is open."""
        self._end_watch()
        self.look_soon()

    def closed(self) -> None:
        """Take note that Mercury is closed; while there is no call that costs nothing."""
        if not self._control.calls:
            return
        if self._watching is None or self._watching.done():
            self._watching = self._around.tasks.start(self._watch(), "calls without Mercury")

    def stop(self) -> None:
        """Look no longer."""
        self._end_watch()
        looking, self._looking = self._looking, None
        if looking is not None and looking is not asyncio.current_task():
            looking.cancel()

    def _end_watch(self) -> None:
        watching, self._watching = self._watching, None
        if watching is not None and watching is not asyncio.current_task():
            watching.cancel()

    # while Mercury is open

    def look_soon(self) -> None:
        """Look at all loci in the background; once more afterwards if that is being done."""
        if not self._around.client.is_served:
            return
        if self._looking is not None and not self._looking.done():
            self._again = True
        else:
            self._looking = self._around.tasks.start(self._look(), "look at all loci")

    async def _look(self) -> None:
        try:
            await self._look_until_told()
        finally:
            if self._looking is asyncio.current_task():
                self._looking = None  # a task that is over is kept by nobody

    async def _look_until_told(self) -> None:
        backoff = Backoff(self._around.world, "loci")
        tries = 0
        while tries < LOOK_TRIES_MAX or self._control.calls:
            tries += 1
            self._again = False
            try:
                await self._look_once()
            except EndpointError:
                if not self._around.device_url():
                    return
            except RemoteProtocolError as error:
                self._around.world.log.line("Wx2", "W", f"locus not understood: {error}")
                return
            else:
                if not self._again:
                    return
            await self._around.world.clock.sleep(backoff.next_s())

    async def _look_once(self) -> None:
        """Compare the calls with the loci that the cloud knows of this device.

        Raises:
            EndpointError: the cloud cannot be asked.
            RemoteProtocolError: it did not answer with a list of loci.
        """
        before = [call for call in self._control.calls.values() if call.url and call.is_followed]
        found = await self._all()
        for call in list(self._control.calls.values()):
            call.preserve(False)
        seen: set[str] = set()
        for raw in found:
            try:
                seen |= self._take(raw)
            except RemoteProtocolError as error:
                self._around.world.log.line("Wx2", "W", f"locus not understood: {error}")
        for call in before:
            if call.is_followed and call.url not in seen:
                await self._make_sure(call)

    async def _all(self) -> list[Mapping[str, Any]]:
        client = self._around.client
        first = parse_loci_answer((await client.get(client.url(requests.LOCI))).body)
        answers = [first]
        for url in first.remote_locus_cluster_urls[:CLUSTERS_MAX]:
            with suppress(EndpointError, RemoteProtocolError):  # a call there is asked for by its own URL
                answers.append(parse_loci_answer((await client.get(url + requests.LOCI)).body))
        found: list[Mapping[str, Any]] = [raw for answer in answers for raw in answer.loci]
        listed = {named for raw in found if isinstance(named := raw.get("url"), str)}
        for url in dict.fromkeys(url for answer in answers for url in answer.locus_urls):
            if url not in listed:
                try:
                    found.append((await client.get(url)).body)
                except (EndpointError, RemoteProtocolError):
                    continue  # it is gone meanwhile, or heard of when it changes
        return found

    def _take(self, raw: Mapping[str, Any]) -> set[str]:
        """Take one locus; returns the URLs by which it is known."""
        url = raw.get("url")
        call = self._control.by_url(url) if isinstance(url, str) else None
        if call is not None:
            call.take_full(dict(raw))
            return {call.url}
        self._control.consider(raw)
        return {url} if isinstance(url, str) else set()

    async def _make_sure(self, call: LiveCall) -> None:
        """Ask for a call that the cloud does not list: what became of it, or that it is over."""
        if await call.refresh() and call.is_followed:
            call.vanished()

    # while it is closed

    async def _watch(self) -> None:
        clock = self._around.world.clock
        heard_s = clock.time()
        while self._control.calls:
            await clock.sleep(ASK_EVERY_S)
            calls = [call for call in self._control.calls.values() if call.is_followed]
            answers = await asyncio.gather(*(call.refresh() for call in calls))
            if any(answers) or not calls:
                heard_s = clock.time()
            silent_s = clock.time() - heard_s
            for call in list(self._control.calls.values()):
                if silent_s >= GIVEN_UP_S:
                    call.over(endings.NETWORK_LOST, trigger="other", leaves=False)
                else:
                    call.preserve(silent_s >= PRESERVED_S)
