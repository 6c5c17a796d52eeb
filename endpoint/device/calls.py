"""Call control of a device joined to its other parts: media, discovery, diagnostics, and the room that shows calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from endpoint.cloud.call_analyzer import CallAnalyzer
from endpoint.cloud.calls.around import Around
from endpoint.cloud.calls.client import LocusClient
from endpoint.cloud.calls.control import CallControl
from endpoint.media.engine import Engine
from endpoint.wire.callcontrol import (
    AuthenticationRequest,
    Conference,
    End,
    Established,
    Incoming,
    Media,
    Refusal,
    Step,
)

if TYPE_CHECKING:
    from endpoint.device.device import Device


class Nobody:
    """A room without calls."""

    def ring(self, call: Incoming) -> int | Refusal:
        """Take no call."""
        return Refusal.BUSY

    def stepped(self, call_id: int, step: Step) -> None:
        """Do nothing."""

    def asked(self, call_id: int, request: AuthenticationRequest, *, is_wrong: bool = False) -> None:
        """Do nothing."""

    def established(self, call_id: int, what: Established) -> None:
        """Do nothing."""

    def changed(self, call_id: int, conference: Conference) -> None:
        """Do nothing."""

    def media_changed(self, call_id: int, media: Media) -> None:
        """Do nothing."""

    def preserved(self, call_id: int, lost: bool) -> None:
        """Do nothing."""

    def dtmf_received(self, call_id: int, tones: str) -> None:
        """Do nothing."""

    def joined(self, call_id: int, gone: Sequence[int]) -> None:
        """Do nothing."""

    def ended(self, call_id: int, end: End) -> None:
        """Do nothing."""


def make(device: Device) -> CallControl:
    """Make call control for one boot of a device."""
    world, identity, catalog, tasks = device.world, device.identity, device.catalog, device.tasks
    analyzer = CallAnalyzer(
        world, identity, catalog, tasks, device.profile,
        registration=lambda: device.registration.device, address=lambda: address(device),
    )  # fmt: skip
    engine = Engine(
        world, tasks, address=lambda: address(device), tls=lambda: device.trust.tls,
        discovered=lambda: device.reachability.result.best if device.reachability.result is not None else None,
    )  # fmt: skip
    return CallControl(
        Around(
            world=world,
            client=LocusClient(world, identity, catalog),
            tasks=tasks,
            room=Nobody(),
            engine=engine,
            analyzer=analyzer,
            device_url=lambda: device.registration.device.url if device.registration.device is not None else "",
            report=lambda: device.reachability.report_v1(),  # noqa: PLW0108  discovery can begin anew
            is_reachable=lambda: device.reachability.result is None or bool(device.reachability.view.best),
            can_be_told=lambda: device.mercury.is_open,
        )
    )


def address(device: Device) -> str:
    """Return the address of the device's interface; "" while it has none."""
    return str(device.status.get(("Network", 1, "IPv4", "Address")) or "")
