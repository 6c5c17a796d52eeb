"""Call control of a device joined to its other parts: media, discovery, diagnostics, and the room that shows calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from endpoint.cloud.call_analyzer import CallAnalyzer
from endpoint.cloud.calls.around import Around
from endpoint.cloud.calls.client import LocusClient
from endpoint.cloud.calls.control import CallControl
from endpoint.media.engine import Engine
from endpoint.media.quality import Conditions
from endpoint.runtime.tls import TlsClient
from endpoint.wire.calliope import Best, VersionedReport
from endpoint.wire.swupgrade import is_below
from endpoint.wire.wdm import Device as Registered

if TYPE_CHECKING:
    from endpoint.device.device import Device

NO_SECOND_MESSAGE: Final = "ce26.0"
"""The software from which on there is no message NetworkQuality (protocol/activation-and-media.md 15.4)."""


class _Ports:
    """What calls ask the device for. One object with methods: a closure for each question costs every idle device three times that."""

    __slots__ = ("_device",)

    def __init__(self, device: Device) -> None:
        self._device = device

    def registration(self) -> Registered | None:
        """Give the registration of the moment."""
        return self._device.registration.device

    def device_url(self) -> str:
        """Give its URL, "" without one."""
        registered = self._device.registration.device
        return registered.url if registered is not None else ""

    def address(self) -> str:
        """Give the address of the device's interface; "" while it has none."""
        return str(self._device.status.get(("Network", 1, "IPv4", "Address")) or "")

    def tls(self) -> TlsClient:
        """Give what media nodes are verified against."""
        return self._device.trust.tls

    def discovered(self) -> Best | None:
        """Give the best answer of each transport; None before discovery was complete."""
        result = self._device.reachability.result
        return result.best if result is not None else None

    def report(self) -> VersionedReport | None:
        """Give what media discovery has found, for the join."""
        return self._device.reachability.report_v1()

    def is_reachable(self) -> bool:
        """Say whether media discovery has reached any server, or has not been made."""
        reachability = self._device.reachability
        return reachability.result is None or bool(reachability.view.best)

    def judged(self, now: Conditions | None) -> None:
        """Complain while the path of a call is poor; software before 26 does so twice."""
        device = self._device
        references = {} if now is None else {"loss": f"{now.loss:.0f}", "jitter": str(now.jitter_ms)}
        kinds = ["CurrentNetworkQuality"]
        if is_below(device.profile.software, NO_SECOND_MESSAGE):
            kinds.append("NetworkQuality")
        for kind in kinds:
            device.diagnostics.put(kind, now is not None, references)

    def can_be_told(self) -> bool:
        """Say whether Mercury is open."""
        return self._device.mercury.is_open


def make(device: Device) -> CallControl:
    """Make call control for one boot of a device, and plug it into the room."""
    world, identity, catalog, tasks, ports = device.world, device.identity, device.catalog, device.tasks, _Ports(device)
    address = ports.address
    control = CallControl(
        Around(
            world=world,
            client=LocusClient(world, identity, catalog),
            tasks=tasks,
            room=device.local.calls,
            engine=Engine(
                world, tasks, address=address, tls=ports.tls, discovered=ports.discovered, on_quality=ports.judged
            ),
            analyzer=CallAnalyzer(
                world, identity, catalog, tasks, device.profile, registration=ports.registration, address=address
            ),
            device_url=ports.device_url,
            report=ports.report,
            is_reachable=ports.is_reachable,
            can_be_told=ports.can_be_told,
        )
    )
    device.local.calls.line = control
    return control
