"""The push channel at the device: what follows when Mercury opens, closes, or is in another state.

Source: protocol/cloud-services.md 5 and 6; activation-and-media.md 15.4.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from endpoint.cloud.mercury_table import State
from endpoint.device import bindings, cloud_events
from endpoint.device.cloud_xapi import issues

if TYPE_CHECKING:
    from collections.abc import Callable

    from endpoint.device.device import Device


class Push:
    """The push channel of one boot."""

    __slots__ = ("_device", "_progress", "_was_lost")

    def __init__(self, device: Device, progress: Callable[[], object]) -> None:
        self._device = device
        self._progress = progress
        self._was_lost = False
        mercury = device.mercury
        mercury.on_event = lambda event: cloud_events.take(device, event)
        mercury.on_open = self._opened
        mercury.on_close = self._closed
        mercury.on_state = self._changed
        mercury.on_reached = partial(device.webex.reached, is_push=True)
        device.calendar.push_is_up = device.keys.push_is_up = lambda: mercury.is_open

    def report(self, *, anew: bool = False) -> None:
        """Tell the cloud what the device finds wrong with itself, while it can be told."""
        device = self._device
        if device.mercury.is_open:
            device.xapi_relay.report(issues(device.diagnostics), anew=anew)

    def _opened(self) -> None:
        device = self._device
        was_lost, self._was_lost = self._was_lost, False
        if was_lost:
            device.local.bookings.sync_required()
        self.report(anew=True)
        device.calls.on_mercury_open()
        if device.settings.bring_up == "manual" and not device.calendar.caught_up and not was_lost:
            return  # each stage waits for its verb; a reconnection is none, and is followed by a catch-up as always
        device.calendar.push_came_up()
        device.offers.push_came_up()
        if device.settings.bring_up == "auto" and device.reachability.view.status == "NotStarted":
            device.reachability.trigger("boot")

    def _closed(self) -> None:
        self._was_lost = True
        self._device.calendar.push_went_down()
        self._device.calls.on_mercury_closed()

    def _changed(self, now: State) -> None:
        self._progress()
        is_down = bindings.show_mercury(self._device, now)
        if is_down and self._device.settings.bring_up == "auto":
            self._device.calendar.catch_up_at_least_once()
