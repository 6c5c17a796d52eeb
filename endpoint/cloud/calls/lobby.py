"""The place of a call in the lobby, which is lost where nobody asks for it. Source: protocol/cloud-services.md 9.6."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from endpoint.cloud.calls.around import Around
from endpoint.runtime.clock import Timer
from endpoint.runtime.errors import EndpointError
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.locus.dto import Device

KEEP_ALIVE_MIN_S: Final = 1.0


class Lobby:
    """Keeps the place.

    Args:
        place: gives the own device as the cloud has it in the lobby; None once it is not there (any more).
    """

    __slots__ = ("_around", "_place", "_timer")

    def __init__(self, around: Around, place: Callable[[], Device | None]) -> None:
        self._around = around
        self._place = place
        self._timer: Timer | None = None

    def keep(self) -> None:
        """Ask for the place in time, from now on."""
        self.stop()
        device = self._place()
        if device is not None and device.keep_alive_url and device.keep_alive_secs > 0:
            wait_s = max(KEEP_ALIVE_MIN_S, (device.keep_alive_secs - 1) * 0.75)
            self._timer = self._around.world.clock.call_later(wait_s, self._due, device.keep_alive_url)

    def stop(self) -> None:
        """Ask no longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _due(self, url: str) -> None:
        self._timer = None
        self._around.tasks.start(self._ask(url), "lobby")

    async def _ask(self, url: str) -> None:
        with suppress(EndpointError, RemoteProtocolError):  # the next one may do; the cloud says when the place is lost
            await self._around.client.get(url)
        if self._timer is None:
            self.keep()
