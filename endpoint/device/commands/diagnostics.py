"""Diagnostics Run. Source: protocol/xapi-nodes.md 6.7, activation-and-media.md 15.3; result fields ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from endpoint.wire.xapi.calls import Invocation, Method
from endpoint.wire.xapi.leaves import Fields

if TYPE_CHECKING:
    from endpoint.device.device import Device


class DiagnosticsRun:
    """Run the checks of one device."""

    __slots__ = ("_device",)

    def __init__(self, device: Device) -> None:
        self._device = device

    def _run(self, call: Invocation) -> Fields | None:
        self._device.check_health()
        self._device.checks.side_services.ask()
        self._device.checks.portal.ask()
        wanted = call.text("ResultSet")
        if wanted == "None":
            return None
        messages = [
            fields for fields in self._device.diagnostics.messages if wanted == "All" or fields["Level"] != "Info"
        ]
        return {"Message": messages}

    COMMANDS: ClassVar[Mapping[str, Method]] = {"Diagnostics Run": _run}
