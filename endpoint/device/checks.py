"""When the device looks at itself.

A real device runs its checks several times a minute (protocol/activation-and-media.md 15.3). Nothing that is checked here changes without
a cause that is known, so the checks run at boot, when one of these causes happens (a setting, other certificates, the cloud's silence),
and at the next instant at which time alone can change an answer: ten thousand idle devices have no timers of 20 seconds. As wall clocks
may be set, a device with certificates looks once a day at the least. `Diagnostics Run` runs them too.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from endpoint.cloud.status import SILENCE_S, Status
from endpoint.device import health
from endpoint.device.link import Condition
from endpoint.device.portal import Portal
from endpoint.device.side_services import SideServices
from endpoint.runtime.clock import Timer, iso_seconds

if TYPE_CHECKING:
    from endpoint.device.device import Device

EVERY_S: Final = 86_400.0
OFFLINE_S: Final = 600.0
"""Silence of every cloud service that makes a device offline; the admin site calls it so after the same time (fault table row 1)."""
WATCHED: Final = (("NetworkServices", "HTTP", "Mode"),)
"""Settings whose change is a cause."""


class Checks:
    """The checks of one device, for one boot."""

    __slots__ = ("_device", "_next", "_offline", "portal", "side_services")

    def __init__(self, device: Device) -> None:
        self._device = device
        self._next: Timer | None = None
        self._offline: Timer | None = None
        self.side_services = SideServices(device)
        self.portal = Portal(device)
        for path in WATCHED:
            device.configuration.listen(path, lambda _: self.run())

    def run(self) -> None:
        """Run the checks, and plan the next time."""
        device = self._device
        for kind, (holds, references) in health.check(device).items():
            device.diagnostics.put(kind, holds, references)
        if self._next is not None:
            self._next.cancel()
            self._next = None
        due = health.next_change(device)
        if due is not None and device.is_up:
            clock = device.world.clock
            wait_s = min(max(clock.until_s(due), 0.0), EVERY_S)
            self._next = clock.call_later(wait_s, self._due)

    def _due(self) -> None:
        self._next = None
        self.run()

    def certificates(self) -> health.Finding:
        """Look at the certificates of the device and of the servers that it has met."""
        return health.certificates(self._device)

    def webex(self, now: Status) -> None:
        """Take the state of the relation to the cloud: silence that lasts is being offline."""
        device = self._device
        self.side_services.webex(now)
        self.portal.webex(now)
        if now is not Status.ERROR:
            self._cancel_offline()
            device.diagnostics.put("WebexOffline", False)
        elif device.link.condition is Condition.DOWN:
            self._is_offline(device.link.since)
        elif self._offline is None:
            device.online.silent()
            clock = device.world.clock
            since = clock.now() - timedelta(seconds=SILENCE_S)
            self._offline = clock.call_later(OFFLINE_S - SILENCE_S, self._is_offline, since)

    def _is_offline(self, since: datetime) -> None:
        self._device.diagnostics.put("WebexOffline", True, {"since": iso_seconds(since)})

    def _cancel_offline(self) -> None:
        if self._offline is not None:
            self._offline.cancel()
            self._offline = None

    def stop(self) -> None:
        """Look no more: the device goes off."""
        self.side_services.stop()
        self.portal.stop()
        self._cancel_offline()
        if self._next is not None:
            self._next.cancel()
            self._next = None
