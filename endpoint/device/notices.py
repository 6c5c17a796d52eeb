"""What people see of the device itself: a banner when something is wrong, the page that activates it, and whether bookings are up to date.

An alert that somebody put up (`UserInterface Message Alert`) stands in the place of the banner.

That there is something to see is in the fault table (protocol/activation-and-media.md section 16, column `User`), the texts of activation
are those of 2.9; all other words, and what goes before what, are ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from endpoint.cloud.activation import ActivationRefused
from endpoint.cloud.status import Status
from endpoint.device.link import Condition
from endpoint.wire.activation.rules import device_text

if TYPE_CHECKING:
    from endpoint.device.device import Device

BANNERS: Final = {
    "TemperatureCheck": ("Too hot", "The device is too hot and switches itself off."),
    "NetLinkStatus": ("No network", "The network cable is not connected."),
    "IPv4Assignment": ("No network", "The network gives the device no address."),
    "CaptivePortalDetected": ("Sign in to the network", "Sign in at {} to go on."),
    "LockDown": ("Offline", "The device is locked down and offline. Ask your administrator."),
    "HttpProxyStatus": ("Cannot connect", "The HTTP proxy does not work as configured."),
    "NetworkConnectivity": ("Offline", "The network has no working connection."),
    "WebexConnectivity": ("Offline", "The device cannot reach Webex."),
    "WebexOffline": ("Offline", "The device cannot reach Webex."),
    "WebexMustUpgradeCeSoftware": ("Upgrade needed", "The software is too old for Webex."),
    "CurrentNetworkQuality": ("Poor network", "The network quality is low."),
    "WebexShouldUpgradeCeSoftware": ("Upgrade recommended", "A newer software version is recommended."),
    "CertificateRenewedRebootRequired": ("Restart needed", "A certificate was renewed. Restart the device to use it."),
}
"""Title and text of the banner by the message that it stands for, the most urgent one first; `{}` is its one reference."""
ENTER: Final = "Enter the activation code."
NO_NETWORK: Final = "Connect the device to a network."
NO_WAY: Final = "Cannot connect to Webex."
FIRST: Final = "activation page"


class Notices:
    """The notices of one device, for one boot."""

    __slots__ = ("_activation", "_device", "_since", "_written")

    def __init__(self, device: Device) -> None:
        self._device = device
        self._activation = ""
        self._since = ""
        self._written: object = None

    def screen(self) -> dict[str, dict[str, Any]]:
        """Return the elements by name: `banner`, `booking list`, `activation page`."""
        alert = self._device.local.messages.shown.get("Alert")
        title, text = (alert.title, alert.text) if alert is not None else self._banner()
        is_there = self._device.is_activated
        asks = self._device.is_up and not is_there
        page = self._page() if asks else ""
        return {
            "banner": {"visible": bool(title or text), "enabled": alert is not None, "title": title, "text": text},
            "booking list": {"visible": is_there, "enabled": is_there, "title": "", "text": self._stale()},
            FIRST: {
                "visible": asks,
                "enabled": asks and not self._device.linking.is_running and page != NO_NETWORK,
                "title": "Activate the device" if asks else "",
                "text": page,
            },
        }

    def _banner(self) -> tuple[str, str]:
        messages = {str(one["Type"]): str(one["References"]) for one in self._device.diagnostics.messages}
        for kind, (title, text) in BANNERS.items():
            if kind in messages:
                return title, text.format(messages[kind].partition("=")[2])
        return "", ""

    def _page(self) -> str:
        if not self._device.link.is_up:
            return NO_NETWORK
        if self._activation:
            return self._activation
        return NO_WAY if "HttpProxyStatus" in self._device.diagnostics.types else ENTER

    def _stale(self) -> str:
        """Say since when the bookings may be others than those on the screen: as long as nobody can tell the device."""
        device = self._device
        is_cut_off = device.link.condition is not Condition.UP or device.webex.status is Status.ERROR
        if not (is_cut_off and device.is_activated):
            self._since = ""
        elif not self._since:
            self._since = device.world.clock.now().astimezone(device.zone).strftime("%H:%M")
        return f"Not updated since {self._since}" if self._since else ""

    # what happens

    def activating(self, waits: str = "") -> None:
        """Take note that an activation is under way, or that the cloud asks for patience: an error code of 2.9."""
        self._activation = device_text(waits) if waits else ""
        self.refresh()

    def failed(self, error: BaseException) -> None:
        """Take note of why an activation has failed."""
        text = error.text if isinstance(error, ActivationRefused) else device_text("")
        left = error.attempts_left if isinstance(error, ActivationRefused) else None
        self._activation = text if left is None else f"{text} Attempts left: {left}."
        self.refresh()

    def refresh(self) -> None:
        """Look what there is to see, and tell the history when it is something else and worth a look."""
        device = self._device
        shown = self.screen()
        is_dull = (
            not shown["banner"]["visible"] and not shown["booking list"]["text"] and shown[FIRST]["text"] in ("", ENTER)
        )
        if device.is_up and shown != self._written and not (self._written is None and is_dull):
            self._written = shown
            device.world.trace.event(device.who, "device.screen", data=shown)
