"""The status tree of a device that has just booted: what the product profile says, and start values.

Shared by all devices of the same profile but for the serial number. Source: protocol/xapi-nodes.md section 4, activation-and-media.md 15.2.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from endpoint.cloud.profile import Product, Profile
from endpoint.wire.xapi.nodes import Value, nodes
from endpoint.wire.xapi.paths import parse_path
from endpoint.xapi.tree import Defaults, Tree

_START: Final[dict[str, Value]] = {
    "Bookings Availability Status": "Free",
    "Bookings Availability TimeStamp": "",
    "Bookings Current Id": "",
    "Conference Multipoint Mode": "Off",
    "Conference SelectedCallProtocol": "Auto",
    "Experimental CalliopeDiscovery DiscoveryTimeInSec": 0,
    "Experimental CalliopeDiscovery Status": "NotStarted",
    "Provisioning Reason": "",
    "Provisioning Server": "",
    "Provisioning Status": "NeedConfig",
    "SystemUnit State NumberOfActiveCalls": 0,
    "SystemUnit State NumberOfInProgressCalls": 0,
    "SystemUnit State NumberOfSuspendedCalls": 0,
    "SystemUnit State Subsystem Application": "Initializing",
    "SystemUnit State System": "Initializing",
    "UserInterface ContactInfo Name": "",
    "Webex Status": "Stopped",
}


@lru_cache(maxsize=64)
def _shared(product: Product, software: str, software_date: str, display_version: str) -> Defaults:
    product_values: dict[str, Value] = {
        "SystemUnit ProductId": product.name,
        "SystemUnit ProductPlatform": product.model,
        "SystemUnit ProductType": product.product_type,
        "SystemUnit Software DisplayName": display_version,
        "SystemUnit Software Name": product.system_name,
        "SystemUnit Software ReleaseDate": software_date,
        "SystemUnit Software Version": software,
    }
    return Defaults({parse_path(path): value for path, value in {**_START, **product_values}.items()})


def status_tree(profile: Profile) -> Tree:
    """Return the status tree of a device at boot."""
    tree = Tree(_shared(profile.product, profile.software, profile.software_date, profile.display_version))
    tree.put(("SystemUnit", "Hardware", "Module", "SerialNumber"), profile.serial)
    tree.put(("SystemUnit", "Hardware", "UDI"), f"{profile.product.product_id} V01 {profile.serial}")
    return tree


@lru_cache(maxsize=1)
def configuration_defaults() -> Defaults:
    """Return the documented default of every configuration, of each element of a list."""
    return Defaults(
        {
            path: int(node.default) if node.space.kind == "integer" and node.default else node.default
            for node in nodes().leaves("Configuration")
            for path in node.instances()
        }
    )
