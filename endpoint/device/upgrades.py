"""Software upgrades as the device has them: statuses, diagnostics, what is kept on disk, and the restart.

Source: protocol/xapi-nodes.md 3.2, 4.1, 4.18, 7.3; activation-and-media.md 15.2, 15.4. Which status follows which step is ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from endpoint.cloud.software import FAILURES_MAX, Minimum, Software, View
from endpoint.cloud.software_offers import Offers
from endpoint.device.commands import power
from endpoint.device.storage import SavedUpgrade
from endpoint.runtime.clock import iso_seconds
from endpoint.wire.swupgrade import Offer, version_id

if TYPE_CHECKING:
    from endpoint.device.device import Device

ACTION: Final = "Upgrade"
"""Action of the event, and reason of the shutdown."""
_UPGRADE: Final = ("Provisioning", "Software", "UpgradeStatus")
_CURRENT: Final = ("Provisioning", "Software", "Current")
_NOTIFICATION: Final = ("SystemUnit", "Notifications", "Notification", 1)
_STATE: Final = ("SystemUnit", "State")
_CALLS: Final = (
    (*_STATE, "NumberOfActiveCalls"),
    (*_STATE, "NumberOfInProgressCalls"),
    (*_STATE, "NumberOfSuspendedCalls"),
)
"""Calls that an upgrade would end: those that are held, made, or ring as well."""
_CHANNEL: Final = ("Webex", "UpgradeChannel")


def plug(device: Device) -> tuple[Software, Offers]:
    """Make the parts of a boot, and join them to the device."""
    world, status, configuration = device.world, device.status, device.configuration
    software = Software(
        world, device.identity, device.profile, device.tasks,
        in_call=lambda: any(status.get(path) for path in _CALLS),
        keep=lambda offer: _keep(device, offer), restart=lambda: _restart(device),
        on_change=lambda view: _show(device, view), on_minimum=lambda minimum: _show_minimum(device, minimum),
    )  # fmt: skip
    offers = Offers(
        world, device.identity, device.catalog, device.profile, device.tasks,
        channel=lambda: str(configuration.get(_CHANNEL) or "Stable"), take=software.take,
    )  # fmt: skip
    for path in _CALLS:
        status.listen(path, lambda _: software.calls_changed())
    configuration.listen(_CHANNEL, lambda _: offers.check_soon())
    return software, offers


def show_boot(device: Device, reason: str) -> None:
    """Show which upgrade the software in use came with, and whether this boot is the one that ended it."""
    upgrade, status = device.state.upgrade, device.status
    if upgrade is None:
        return
    with status.group():
        status.put((*_CURRENT, "CompletedAt"), upgrade.completed_at)
        status.put((*_CURRENT, "URL"), upgrade.url)
        status.put((*_UPGRADE, "LastChange"), upgrade.completed_at)
        if reason == ACTION:
            status.put((*_UPGRADE, "Status"), "Succeeded")
            status.put((*_UPGRADE, "SessionId"), upgrade.session_id)
            status.put((*_UPGRADE, "URL"), upgrade.url)
            status.put((*_UPGRADE, "Urgency"), upgrade.urgency)
            status.put((*_UPGRADE, "VersionId"), upgrade.version_id)
            _notify(device, "SoftwareUpgradeOK", "OK")


def _show(device: Device, view: View) -> None:
    status, offer = device.status, view.offer
    with status.group():
        status.put((*_UPGRADE, "Phase"), view.phase)
        status.put((*_UPGRADE, "Status"), view.status)
        status.put((*_UPGRADE, "Message"), view.message)
        status.put((*_UPGRADE, "LastChange"), iso_seconds(view.changed))
        status.put((*_UPGRADE, "SessionId"), offer.id if offer else "")
        status.put((*_UPGRADE, "URL"), offer.url if offer else "")
        status.put((*_UPGRADE, "Urgency"), offer.urgency if offer else "Medium")
        status.put((*_UPGRADE, "VersionId"), version_id(offer.version, offer.date) if offer else "")
        if view.status in ("Failed", "InstallationFailed"):
            _notify(device, "SoftwareUpgradeFailed", view.message)
        elif not view.failures:
            status.remove(_NOTIFICATION)
    references = {"phase": view.failed_in, "count": str(view.failures)}
    device.diagnostics.put("SoftwareUpgrade", view.failures > 0, references)
    device.diagnostics.put("SoftwareUpgradeKeepsFailing", view.failures >= FAILURES_MAX, references)


def _notify(device: Device, kind: str, text: str) -> None:
    device.status.put((*_NOTIFICATION, "Type"), kind)
    device.status.put((*_NOTIFICATION, "Text"), text)


def _show_minimum(device: Device, minimum: Minimum | None) -> None:
    word = minimum.word if minimum is not None else ""
    references = {"version": device.profile.software, "min": minimum.version if minimum is not None else ""}
    device.diagnostics.put("WebexShouldUpgradeCeSoftware", word == "should", references)
    device.diagnostics.put("WebexMustUpgradeCeSoftware", word == "must", references)


def _keep(device: Device, offer: Offer) -> None:
    """Write the new version to disk, in one piece with where it came from; StorageError if that fails."""
    state = device.state
    profile = msgspec.structs.replace(state.profile, software=offer.version, software_date=offer.date)
    upgrade = SavedUpgrade(
        version_id=version_id(offer.version, offer.date),
        url=offer.url,
        session_id=offer.id,
        urgency=offer.urgency,
        completed_at=iso_seconds(device.world.clock.now()),
    )
    device.save(msgspec.structs.replace(state, profile=profile, upgrade=upgrade))


def _restart(device: Device) -> None:
    """Boot into the version that was written; if the device is going down already, it does so by itself."""
    if not device.is_going_down:
        device.local.room.raise_event("BootEvent", {"Action": ACTION})
        power.go_down(device, ACTION, lambda: device.restart(ACTION))
