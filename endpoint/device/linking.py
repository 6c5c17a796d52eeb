"""Linking a device to the cloud and unlinking it: what surrounds an activation."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from endpoint.cloud import status
from endpoint.cloud.activation import ActivationRefused
from endpoint.runtime.errors import EndpointError, StorageError
from endpoint.wire.activation.code import parse_code
from endpoint.wire.errors import LocalProtocolError, WireError

if TYPE_CHECKING:
    from endpoint.device.device import Device


class Linking:
    """Link one device, for one boot."""

    __slots__ = ("_device", "_soon")

    def __init__(self, device: Device) -> None:
        self._device = device
        self._soon: asyncio.Task[None] | None = None

    @property
    def _is_planned(self) -> bool:
        """Say whether an activation in the background has not begun yet."""
        return self._soon is not None and not self._soon.done() and not self._device.activation.is_running

    @property
    def is_running(self) -> bool:
        """Say whether the device is being activated, or about to be."""
        return self._device.activation.is_running or self._is_planned

    async def activate(self, code: str, *, hardens: bool) -> None:
        """Activate with a code; errors as in `Device.activate`."""
        device = self._device
        activation = device.activation
        if not device.is_up:
            raise LocalProtocolError("the device is off; boot it first")
        if device.is_activated or activation.is_running:
            raise LocalProtocolError("the device is activated already, or about to be; reset it first")
        parse_code(code)
        device.webex.feed(status.Started())
        device.status.put(("Provisioning", "Status"), "Provisioning")
        device.bootstrap.trust_dates()
        device.notices.activating()
        try:
            account = await activation.run(code, hardens=hardens)
        except BaseException as error:
            if activation is device.activation and device.is_up:  # else it went off, and that was said
                self._failed(error)
            raise
        device.diagnostics.put("WebexActivationRequired", False)
        device.identity.start(account)
        if device.settings.bring_up == "auto":
            device.online.start()

    def activate_soon(self, code: str, *, hardens: bool) -> None:
        """Activate in the background; a refusal is in the log, the diagnostics and the trace."""

        async def activate() -> None:
            with suppress(EndpointError, WireError):
                await self.activate(code, hardens=hardens)

        self._soon = self._device.tasks.start(activate(), "activation")

    def cancel(self) -> bool:
        """Stop before an identity is kept; returns whether there was something to stop."""
        if self._is_planned:
            assert self._soon is not None
            self._soon.cancel()
            self._soon = None
            return True
        return self._device.activation.cancel()

    async def log_out(self) -> None:
        """Delete the registration in the cloud, as far as it answers, and fall back to the setup state."""
        await self._device.registration.unregister()
        self._device.remove_account("logout")

    def _failed(self, error: BaseException) -> None:
        device = self._device
        device.webex.feed(status.GivenUp())
        device.status.put(("Provisioning", "Status"), "NeedConfig")
        other = "storage" if isinstance(error, StorageError) else "cancelled"
        reason = error.code if isinstance(error, ActivationRefused) else other
        device.diagnostics.put("WebexActivationRequired", True, {"reason": reason})
        device.notices.failed(error)
        device.checks.portal.ask()
