"""Provisioning CompleteUpgrade and PostponeUpgrade. Source: protocol/xapi-nodes.md 6.16; what they do in which phase is ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from endpoint.cloud.software import NotPossible
from endpoint.wire.xapi.calls import Invocation, Method
from endpoint.wire.xapi.errors import CommandFailed

if TYPE_CHECKING:
    from endpoint.device.device import Device


class Provisioning:
    """Let people choose the moment of an upgrade."""

    __slots__ = ("_device",)

    def __init__(self, device: Device) -> None:
        self._device = device

    def _complete(self, call: Invocation) -> None:
        try:
            self._device.software.complete()
        except NotPossible as error:
            raise CommandFailed(str(error)) from None

    def _postpone(self, call: Invocation) -> None:
        try:
            self._device.software.postpone(call.number("SecondsToPostpone") or 0, call.text("Reason"))
        except NotPossible as error:
            raise CommandFailed(str(error)) from None

    COMMANDS: ClassVar[Mapping[str, Method]] = {
        "Provisioning CompleteUpgrade": _complete,
        "Provisioning PostponeUpgrade": _postpone,
    }
