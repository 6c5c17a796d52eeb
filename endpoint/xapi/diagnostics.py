"""Diagnostics messages: what the device finds wrong with itself, as `xStatus Diagnostics Message`.

Type names are documented, levels and texts ours. Source: protocol/activation-and-media.md 15.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from endpoint.wire.xapi.nodes import Value
from endpoint.xapi.tree import Tree

Level = Literal["Critical", "Error", "Warning", "Info"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of message."""

    level: Level
    text: str


_PROXIMITY: Final = Kind("Warning", "Proximity service is not available.")
_PROVISIONING: Final = Kind("Warning", "Provisioning of a cloud service failed.")
_INCOMPLETE: Final = Kind("Warning", "Provisioning is not complete.")
_WRITEBACK: Final = Kind("Warning", "A setting could not be written back to the cloud.")
_CONTRADICTION: Final = Kind("Warning", "Provisioning settings contradict each other.")
_UPGRADE: Final = Kind("Warning", "The software upgrade failed.")
_HOT: Final = Kind("Critical", "The device is too hot.")

KINDS: Final[Mapping[str, Kind]] = {
    # link and addresses
    "NetLinkStatus": Kind("Error", "The network cable is not connected."),
    "IPv4Assignment": Kind("Error", "No IPv4 address was assigned."),
    "DuplicateAddressDetection": Kind("Error", "Another device uses the same address."),
    "NetworkConnectivity": Kind("Error", "The network has no working connection."),
    "CaptivePortalDetected": Kind("Warning", "The network asks for a sign-in."),
    "HttpProxyStatus": Kind("Error", "The HTTP proxy does not work as configured."),
    "NTPStatus": Kind("Warning", "The clock is not synchronized."),
    # the cloud
    "WebexConnectivity": Kind("Error", "The device cannot reach the Webex cloud."),
    "WebexOffline": Kind("Error", "The device is offline."),
    "WebexNotificationConnectivity": Kind("Error", "Notifications from the cloud cannot be received."),
    "WebexActivationRequired": Kind("Warning", "The device must be activated."),
    "WebexAccountLinking": Kind("Info", "Account linking is in progress."),
    "WebexLyraConnectivity": Kind("Warning", "Pairing through the cloud is not available."),
    "WebexAudioProximityConnectivity": _PROXIMITY,
    "WebexUsbcProximityConnectivity": _PROXIMITY,
    "WebexQRCodeProximityConnectivity": _PROXIMITY,
    "WebexShouldUpgradeCeSoftware": Kind("Warning", "A newer software version is recommended."),
    "WebexMustUpgradeCeSoftware": Kind("Critical", "The software is too old for the Webex cloud."),
    "WebexProvisionalAccountStatus": _PROVISIONING,
    "WebexCallingProvisioning": _PROVISIONING,
    "ThousandEyesStatus": Kind("Warning", "The ThousandEyes agent is not connected."),
    "FirstTimeWizardNotCompleted": Kind("Info", "The setup assistant is not finished."),
    "CertificateExpiry": Kind("Warning", "A certificate is about to expire or has expired."),
    "CertificateRenewedRebootRequired": Kind("Info", "A certificate was renewed. Restart to use it."),
    # provisioning
    "ProvisioningStatus": _INCOMPLETE,
    "ProvisioningModeAndStatus": _INCOMPLETE,
    "CloudConfigurationWriteback": _WRITEBACK,
    "CloudConfigurationBulkWriteback": _WRITEBACK,
    "CloudAwareConfigInvalid": Kind("Warning", "The Webex Edge configuration is not valid."),
    "WebexEdgeAccountPendingCloudRegistration": _CONTRADICTION,
    "WebexEdgeAccountPlusProvModeWebex": _CONTRADICTION,
    "WebexAccountPlusWebexEdgeEnabled": _CONTRADICTION,
    "ProvModeWebexAndWebexEdgeEnabled": _CONTRADICTION,
    "CUCMAndCloudConfigurability": _CONTRADICTION,
    # media
    "MediaBlockingDetected": Kind("Error", "Media is blocked by the network."),
    "TCPMediaFallback": Kind("Warning", "Media uses TCP instead of UDP."),
    "NetworkQuality": Kind("Warning", "The network quality was low."),
    "CurrentNetworkQuality": Kind("Warning", "The network quality is low."),
    # the device and its room
    "HTTPSModeSecurity": Kind("Warning", "The device answers unencrypted HTTP."),
    "HTTPFeedbackFailed": Kind("Warning", "A feedback server does not take what it is sent."),
    "ValidPasswords": Kind("Warning", "A local user has no passphrase."),
    "LockDown": Kind("Warning", "The device is locked down and offline."),
    "SoftwareUpgrade": _UPGRADE,
    "SoftwareUpgradeKeepsFailing": _UPGRADE,
    "SoftwareUpgradeProvider": _UPGRADE,
    "PlatformSanity": _HOT,
    "TemperatureCheck": _HOT,
    "MacrosRuntimeStopped": Kind("Warning", "Macros are switched on, and nothing runs them."),
    "TouchPanelConnection": Kind("Warning", "A touch panel is missing."),
    "RoomSchedulingConfiguration": Kind("Warning", "Room scheduling is not configured."),
    "AutoJoinSkipped": Kind("Info", "A meeting was not joined automatically."),
    "join_fields_unreadable": Kind("Error", "The meeting cannot be joined: its join information cannot be read."),
}

_NO_LINK: Final = ("NetLinkStatus",)
_NO_ADDRESS: Final = (*_NO_LINK, "IPv4Assignment")
_NO_NETWORK: Final = (*_NO_ADDRESS, "NetworkConnectivity", "CaptivePortalDetected")
_NO_CLOUD: Final = (*_NO_NETWORK, "HttpProxyStatus", "WebexConnectivity", "WebexOffline")

HIDDEN_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "IPv4Assignment": _NO_LINK,
    "DuplicateAddressDetection": _NO_ADDRESS,
    "NetworkConnectivity": _NO_LINK,
    "CaptivePortalDetected": _NO_ADDRESS,
    "HttpProxyStatus": _NO_ADDRESS,
    "WebexConnectivity": (*_NO_ADDRESS, "CaptivePortalDetected"),
    "WebexNotificationConnectivity": _NO_CLOUD,
    "WebexLyraConnectivity": _NO_CLOUD,
    "WebexAudioProximityConnectivity": _NO_CLOUD,
    "WebexUsbcProximityConnectivity": _NO_CLOUD,
    "WebexQRCodeProximityConnectivity": _NO_CLOUD,
    "ThousandEyesStatus": _NO_CLOUD,
    "TCPMediaFallback": _NO_ADDRESS,
    "MediaBlockingDetected": _NO_ADDRESS,
}
"""The lower layer wins: while one of these holds, the check behind a message cannot run, so the message is not shown."""


@dataclass(frozen=True, slots=True)
class _Condition:
    level: Level
    text: str
    references: str


class Diagnostics:
    """The conditions that hold, and the messages of those whose checks can run. Ids are not reused within a boot."""

    def __init__(self, status: Tree) -> None:
        self._status = status
        self._conditions: dict[str, _Condition] = {}
        self._ids: dict[str, int] = {}
        self._next = 1

    @property
    def types(self) -> dict[str, str]:
        """The types that hold, with their levels."""
        levels = {
            kind: self._status.get(("Diagnostics", "Message", number, "Level")) for kind, number in self._ids.items()
        }
        return {kind: str(level) for kind, level in levels.items()}

    @property
    def messages(self) -> list[dict[str, Value]]:
        """The messages that hold, in the order of their numbers."""
        found = []
        for number in sorted(self._ids.values()):
            leaves = self._status.below(("Diagnostics", "Message", number))
            found.append({str(path[-1]): value for path, value in leaves})
        return found

    def put(
        self, kind: str, holds: bool, references: Mapping[str, str] | None = None, level: Level | None = None
    ) -> None:
        """Take note that a condition holds, or does not any more: its message comes and goes with it, and with `HIDDEN_BY`.

        Args:
            references: printed as `k=v&k=v`.
            level: where it is not the usual one.
        """
        if holds:
            usual = KINDS[kind]
            told = "&".join(f"{key}={value}" for key, value in (references or {}).items())
            self._conditions[kind] = _Condition(level or usual.level, usual.text, told)
        elif self._conditions.pop(kind, None) is None:
            return
        with self._status.group():
            for known in list(self._ids):
                if not self._is_shown(known):
                    self._status.remove(("Diagnostics", "Message", self._ids.pop(known)))
            for known in self._conditions:
                if self._is_shown(known):
                    self._show(known)

    def _is_shown(self, kind: str) -> bool:
        return kind in self._conditions and not any(lower in self._conditions for lower in HIDDEN_BY.get(kind, ()))

    def _show(self, kind: str) -> None:
        condition, number = self._conditions[kind], self._ids.setdefault(kind, self._next)
        self._next = max(self._next, number + 1)
        node = ("Diagnostics", "Message", number)
        self._status.put((*node, "Type"), kind)
        self._status.put((*node, "Level"), condition.level)
        self._status.put((*node, "Description"), condition.text)
        self._status.put((*node, "References"), condition.references)
