"""The trees of a device that has just booted: what the product profile says, start values, documented defaults.

All devices of a profile share them; a device keeps only what differs. Source: protocol/xapi-nodes.md sections 4 and 5.
"""

from __future__ import annotations

import uuid
from functools import lru_cache
from typing import Final

from endpoint.cloud.profile import Product, Profile
from endpoint.device import start
from endpoint.room import features, peripherals, senses
from endpoint.room.bookings import room
from endpoint.wire.swupgrade import version_id
from endpoint.wire.xapi.nodes import Nodes, Value, nodes
from endpoint.wire.xapi.paths import Path, folded, parse_path
from endpoint.xapi.tree import Defaults, Tree

STARTS: Final = (start.START, room.START, senses.START, features.START, peripherals.START)
"""Start values, by the part that owns them."""
ETHERNET_SPEED: Final = "1000full"
_DEVICE_IDS: Final = uuid.UUID("6ba7b812-9dad-11d1-80b4-00c04fd430c8")


@lru_cache(maxsize=64)
def _shared(
    product: Product, software: str, software_date: str, display_version: str, missing: frozenset[Path]
) -> Defaults:
    values: dict[str, Value] = {path: value for part in STARTS for path, value in part.items()}
    values |= {
        "SystemUnit ProductId": product.name,
        "SystemUnit ProductPlatform": product.model,
        "SystemUnit ProductType": product.product_type,
        "SystemUnit Software DisplayName": display_version,
        "SystemUnit Software Name": product.system_name,
        "SystemUnit Software ReleaseDate": software_date,
        "SystemUnit Software Version": software,
        "Peripherals ConnectedDevice 1 SoftwareInfo": software,
        "Network 1 Ethernet Speed": ETHERNET_SPEED,
        "Provisioning Software Current CompletedAt": "",
        "Provisioning Software Current URL": "",
        "Provisioning Software Current VersionId": version_id(software, software_date),
    }
    found = {parse_path(path): value for path, value in values.items()}
    return Defaults({path: value for path, value in found.items() if folded(path) not in missing})


def status_tree(profile: Profile, table: Nodes | None = None) -> Tree:
    """Return the status tree of a device at boot, without what the table of its software has not."""
    missing = (table or nodes()).missing("Status")
    shared = _shared(profile.product, profile.software, profile.software_date, profile.display_version, missing)
    tree = Tree(shared, missing)
    module = ("SystemUnit", "Hardware", "Module")
    tree.put((*module, "SerialNumber"), profile.serial)
    tree.put((*module, "DeviceId"), str(uuid.uuid5(_DEVICE_IDS, profile.device_identifier)))
    tree.put(("SystemUnit", "Hardware", "UDI"), f"{profile.product.product_id} V01 {profile.serial}")
    mac = mac_address(profile)
    tree.put(("Network", 1, "Ethernet", "MacAddress"), mac)
    tree.put(("Network", 1, "IPv4", "Address"), ipv4_address(mac))
    tree.put(("Network", 1, "IPv6", "LinkLocalAddress"), f"fe80::200:5eff:fe00:{mac[-5:].replace(':', '').lower()}")
    return tree


def mac_address(profile: Profile) -> str:
    """Return the MAC address of a device, in the block for documentation (RFC 7042 section 2.1.2): `00:00:5E:00:53:01`."""
    return f"00:00:5E:00:53:{int(profile.serial[-2:], 10) if profile.serial[-2:].isdecimal() else 1:02X}"


def ipv4_address(mac: str) -> str:
    """Return the address that a device is given, in the block for documentation (RFC 5737), by the end of its MAC address."""
    return f"192.0.2.{int(mac[-2:], 16) % 254 + 1}"


@lru_cache(maxsize=32)
def configuration_defaults(table: Nodes | None = None) -> Defaults:
    """Return the documented default of every configuration of a table, of each element of a list."""
    return Defaults(
        {
            path: int(node.default) if node.space.kind == "integer" and node.default else node.default
            for node in (table or nodes()).leaves("Configuration")
            for path in node.instances()
        }
    )
