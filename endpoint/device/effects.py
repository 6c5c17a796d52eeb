"""What settings do to statuses of the device as a whole, and the statuses that are computed whenever they are read.

Settings of the room act in its parts, those of doors in `doors`. Source: protocol/xapi-nodes.md sections 4 and 5.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from endpoint.wire.xapi.nodes import Value
from endpoint.wire.xapi.paths import parse_path, words
from endpoint.xapi.tree import Changes

if TYPE_CHECKING:
    from datetime import tzinfo

    from endpoint.device.device import Device

Follow = Callable[["Device", str], Mapping[str, Value]]

CLOUD_SETTINGS: Final[Mapping[str, str]] = {
    "Provisioning Mode": "Webex",
    "Conference DefaultCall Protocol": "Spark",
    "NetworkServices SIP Mode": "Off",
    "Phonebook Server 1 Type": "Spark",
}
"""What a device sets when it is activated; observed as configured values of cloud devices (protocol/xapi-nodes.md 3.1)."""


def zone(name: str, otherwise: tzinfo) -> tzinfo:
    """Return the zone of `Time Zone`; `Etc/UTC`, its default, leaves what the device was set up with."""
    if name == "Etc/UTC":
        return otherwise
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):  # a zone that the machine's database has not
        return otherwise


def plug(device: Device) -> None:
    """Let statuses follow the settings and the clock of a device that is about to boot."""
    device.status.live(("SystemUnit", "Uptime"), lambda: int(device.world.clock.time() - device.booted_s))
    device.status.live(("Time", "SystemTime"), lambda: system_time(device))
    for setting in FOLLOWED:
        _follow(device, setting)
    device.configuration.listen((), lambda changes: _changed(device, changes))


def _changed(device: Device, changes: Changes) -> None:
    for path in changes:
        if (setting := words(path)) in FOLLOWED:
            _follow(device, setting)


def _follow(device: Device, setting: str) -> None:
    with device.status.group():
        for status, value in FOLLOWED[setting](device, str(device.configuration.get(parse_path(setting)))).items():
            device.status.put(parse_path(status), value)


def system_time(device: Device) -> str:
    """Return the local time as `Time SystemTime` has it: `2024-09-02T18:12:29+0530`."""
    return device.world.clock.now().astimezone(device.zone).strftime("%Y-%m-%dT%H:%M:%S%z")


def _name(device: Device, name: str) -> Mapping[str, Value]:
    label = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or device.profile.serial.lower()
    return {
        "SystemUnit BroadcastName": name or device.profile.product.name,
        "Network 1 FQDN": f"{label}.{domain_of(device)}",
    }


def domain_of(device: Device) -> str:
    """Return the domain that a device is in: that of its settings, or the one that it has without."""
    return str(device.configuration.get(("Network", 1, "DNS", "Domain", "Name")) or "example.test")


FOLLOWED: Final[Mapping[str, Follow]] = {
    "SystemUnit Name": _name,
    "Network 1 DNS Domain Name": lambda device, name: {
        "Network 1 DNS Domain Name": domain_of(device),
        **_name(device, str(device.configuration.get(("SystemUnit", "Name")))),
    },
    "Network 1 DNS Server 1 Address": lambda device, given: {"Network 1 DNS Server 1 Address": given or "192.0.2.53"},
    "MicrosoftTeams CVI CrossTenant": lambda device, mode: {
        "MicrosoftTeams CVI CrossTenant": "Enabled" if mode == "Enabled" else "Disabled"
    },
    "WebEngine Mode": lambda device, mode: {"WebEngine Features WebEngine": mode},
    "Zoom AppExperience Mode": lambda device, mode: {
        "Zoom AppExperience State": "Inactive" if mode == "Auto" else "NotApplicable"
    },
}
"""Setting -> the statuses that it leads to."""
