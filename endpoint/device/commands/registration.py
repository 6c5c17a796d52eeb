"""Webex Registration Start, Cancel and Logout. Source: protocol/xapi.md 10.1; Reason texts ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Final

from endpoint.cloud.activation import ActivationRefused
from endpoint.runtime.errors import EndpointError
from endpoint.wire.activation.code import MalformedCode, parse_code
from endpoint.wire.errors import WireError
from endpoint.wire.xapi.calls import Invocation, Method
from endpoint.wire.xapi.errors import CommandFailed
from endpoint.wire.xapi.leaves import Fields

if TYPE_CHECKING:
    from endpoint.device.device import Device

REASONS: Final[Mapping[str, str]] = {
    "code.unknown": "Activation code not found",
    "code.expired": "Activation code expired",
    "code.used": "Activation code already used",
    "code.locked": "Activation code rejected",
    "srp.proof_failed": "Activation code rejected",
    "unreachable": "Cannot connect to the activation service",
    "cancelled": "Activation cancelled",
}
"""Reason of a failed Start by error code of protocol/activation-and-media.md 2.9; others say their own text."""


class CloudLink:
    """Link one device to the cloud, and unlink it."""

    __slots__ = ("_device",)

    def __init__(self, device: Device) -> None:
        self._device = device

    async def _start(self, call: Invocation) -> Fields | None:
        device = self._device
        if device.is_activated or device.linking.is_running:
            raise CommandFailed("The device is registered already, or about to be")
        code, hardens = call.text("ActivationCode"), call.text("SecurityAction") == "Harden"
        try:
            parse_code(code)
        except MalformedCode as error:
            raise CommandFailed(str(error)) from None
        if call.text("AccountLinkMode") == "Asynchronous":
            device.linking.activate_soon(code, hardens=hardens)
            return None
        try:
            await device.activate(code, hardens=hardens)
        except ActivationRefused as error:
            raise CommandFailed(REASONS.get(error.code, error.text)) from None
        except (EndpointError, WireError) as error:
            raise CommandFailed(str(error)) from None
        return None

    def _cancel(self, call: Invocation) -> None:
        if not self._device.linking.cancel():
            raise CommandFailed("No registration is in progress, or it can be cancelled no more")

    async def _logout(self, call: Invocation) -> None:
        device = self._device
        if not device.is_activated:
            raise CommandFailed("The device is not registered")
        await device.linking.log_out()

    COMMANDS: ClassVar[Mapping[str, Method]] = {
        "Webex Registration Start": _start,
        "Webex Registration Cancel": _cancel,
        "Webex Registration Logout": _logout,
    }
