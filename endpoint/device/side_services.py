"""Services beside the way to the cloud, without which a device is online and lacks something: pairing, proximity, monitoring.

Nobody needs them to register, so nobody would notice that they are blocked: the device asks each of them for its ping, some minutes after
it went online, then once a day, whenever the diagnostics are run, and every minute while one is missing. What they are called in the
catalogue and how often they are asked is ours. Source: protocol/activation-and-media.md 15.4, 16 (rows 11, 30, 58), line R94.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from endpoint.cloud.http import Call
from endpoint.cloud.status import Status
from endpoint.runtime.clock import Timer
from endpoint.runtime.errors import EndpointError, Unreachable
from endpoint.wire.health import PING_PATH

if TYPE_CHECKING:
    from endpoint.device.device import Device

KINDS: Final = {
    "lyra": ("WebexLyraConnectivity",),
    "proximity": (
        "WebexAudioProximityConnectivity", "WebexUsbcProximityConnectivity", "WebexQRCodeProximityConnectivity",
    ),
    "thousandEyes": ("ThousandEyesStatus",),
}  # fmt: skip
"""The messages of each service, by its name in the catalogue."""
FIRST_S: Final = (300, 900)
"""Wait after going online, drawn."""
EVERY_S: Final = 86_400.0
AGAIN_S: Final = 60.0
"""Wait while a service is missing."""
NOT_NAMED: Final = "not in the catalogue"
TIMEOUT_S: Final = 10.0


class SideServices:
    """Ask after the side services of one device, for one boot."""

    __slots__ = ("_asking", "_device", "_first_s", "_missing", "_timer")

    def __init__(self, device: Device) -> None:
        self._device = device
        self._missing: dict[str, str] = {}
        self._timer: Timer | None = None
        self._asking = False
        self._first_s = device.world.chance.stream("side services").randint(*FIRST_S)

    def webex(self, now: Status) -> None:
        """Take the state of the relation to the cloud: without one nothing is said of single services."""
        if now is Status.REGISTERED:
            self._look_at_catalog()
            self._plan(self._first_s)
        else:
            self.stop()
            for service in tuple(self._missing):
                self._tell(service, "")

    def catalog(self) -> None:
        """Take note of another catalogue: a service that it does not name cannot be asked."""
        if self._is_on:
            self._look_at_catalog()
            if self._missing:
                self._plan(AGAIN_S)

    @property
    def _is_on(self) -> bool:
        return self._device.is_activated and self._device.webex.status is Status.REGISTERED

    def _url(self, service: str) -> str | None:
        return self._device.catalog.catalog.url(service)

    def _look_at_catalog(self) -> None:
        for service in KINDS:
            if self._url(service) is None:
                self._tell(service, NOT_NAMED)
            elif self._missing.get(service) == NOT_NAMED:
                self._tell(service, "")

    def ask(self) -> None:
        """Ask now, unless that is under way or the device is not registered."""
        if self._is_on and not self._asking:
            self.stop()
            self._asking = True
            self._device.tasks.start(self._ask(), "side services")

    async def _ask(self) -> None:
        try:
            for service in KINDS:
                await self._ask_one(service)
        finally:
            self._asking = False
        if self._is_on:
            self._plan(AGAIN_S if self._missing else EVERY_S)

    async def _ask_one(self, service: str) -> None:
        url, reason = self._url(service), ""
        if url is None:
            return
        call = Call("GET", url + PING_PATH, service, timeout_s=TIMEOUT_S, is_aside=True)
        try:
            answer = await self._device.http.send(call)
        except Unreachable as error:
            reason = error.reason
        except EndpointError:
            return  # the device went off
        else:
            reason = "" if answer.ok else f"answered {answer.status}"
        if self._is_on and self._url(service) is not None:
            self._tell(service, reason)

    def _tell(self, service: str, reason: str) -> None:
        """Raise or clear the messages of a service, and write down what is new."""
        device, host = self._device, urlsplit(self._url(service) or "").hostname or ""
        if reason == self._missing.get(service, ""):
            return
        if reason:
            self._missing[service] = reason
        else:
            del self._missing[service]
        if reason and host:
            device.world.log.line("Wx2", "W", f"{service} unreachable: {reason}")
        elif reason:
            device.world.log.line("Wx2", "W", f"Service catalogue has no url for {service}")
        for kind in KINDS[service]:
            device.diagnostics.put(kind, bool(reason), {"host": host, "reason": reason})

    def _plan(self, wait_s: float) -> None:
        self.stop()
        self._timer = self._device.world.clock.call_later(wait_s, self.ask)

    def stop(self) -> None:
        """Ask no more: the device goes off, or is not registered."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
