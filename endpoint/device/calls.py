"""Call control of a device joined to its other parts: media, discovery, diagnostics, and the room that shows calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from endpoint.cloud.call_analyzer import CallAnalyzer
from endpoint.cloud.calls.around import Around
from endpoint.cloud.calls.client import LocusClient
from endpoint.cloud.calls.control import CallControl
from endpoint.media.engine import Engine

if TYPE_CHECKING:
    from endpoint.device.device import Device


def make(device: Device) -> CallControl:
    """Make call control for one boot of a device, and plug it into the room."""
    world, identity, catalog, tasks = device.world, device.identity, device.catalog, device.tasks
    analyzer = CallAnalyzer(
        world, identity, catalog, tasks, device.profile,
        registration=lambda: device.registration.device, address=lambda: address(device),
    )  # fmt: skip
    engine = Engine(
        world, tasks, address=lambda: address(device), tls=lambda: device.trust.tls,
        discovered=lambda: device.reachability.result.best if device.reachability.result is not None else None,
    )  # fmt: skip
    control = CallControl(
        Around(
            world=world,
            client=LocusClient(world, identity, catalog),
            tasks=tasks,
            room=device.local.calls,
            engine=engine,
            analyzer=analyzer,
            device_url=lambda: device.registration.device.url if device.registration.device is not None else "",
            report=lambda: device.reachability.report_v1(),  # noqa: PLW0108  discovery can begin anew
            is_reachable=lambda: device.reachability.result is None or bool(device.reachability.view.best),
            can_be_told=lambda: device.mercury.is_open,
        )
    )
    device.local.calls.line = control
    return control


def address(device: Device) -> str:
    """Return the address of the device's interface; "" while it has none."""
    return str(device.status.get(("Network", 1, "IPv4", "Address")) or "")
