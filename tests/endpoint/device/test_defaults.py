"""The trees of a device that has just booted, against the node table."""

from __future__ import annotations

import pytest

from endpoint.cloud.profile import PRODUCTS, SOFTWARE, Profile, make_profile
from endpoint.device.defaults import configuration_defaults, status_tree
from endpoint.runtime.chance import Chance
from endpoint.wire.xapi.nodes import Branch, Value, nodes
from endpoint.wire.xapi.paths import Path, parse_path, shape, words

PROFILE = make_profile(Chance(3).actor("device:room"))
EVERY_PROFILE = [
    make_profile(Chance(3).actor("device:room"), model, software)
    for model in PRODUCTS
    for software in (*SOFTWARE, "ce9.15")
]


def _problem(branch: Branch, path: Path, value: Value) -> str:
    """Say what is wrong with a leaf: not in the table, not in its spelling, or a value that it cannot have."""
    node = nodes().find(branch, path)
    if node is None:
        return f"{words(path)}: not in the node table"
    if shape(path) != node.path:
        return f"{words(path)}: spelled {node.path}"
    accepted = node.space.accept(value)
    if accepted != value or type(accepted) is not type(value):
        return f"{words(path)}: {value!r} is stored as {accepted!r}"
    return ""


@pytest.mark.parametrize("profile", EVERY_PROFILE, ids=lambda profile: f"{profile.product.model} {profile.software}")
def test_every_status_at_boot_is_a_node_with_a_value_that_it_can_have(profile: Profile) -> None:
    assert [problem for path, value in status_tree(profile) if (problem := _problem("Status", path, value))] == []


def test_every_default_of_a_configuration_is_a_value_that_it_can_have() -> None:
    defaults = configuration_defaults().values
    assert [problem for path, value in defaults.items() if (problem := _problem("Configuration", path, value))] == []


def test_every_configuration_has_a_default_in_each_element() -> None:
    known = {path for node in nodes().leaves("Configuration") for path in node.instances()}
    assert ("Network", 1, "DNS", "Server", 3, "Address") in known
    assert set(configuration_defaults().values) == known
    assert len(known) > 100


@pytest.mark.parametrize("text", [text for text in nodes().paths("Configuration") if "[" not in text])
def test_each_default_is_the_one_of_the_table(text: str) -> None:
    node = nodes().find("Configuration", parse_path(text))
    assert node is not None
    assert str(configuration_defaults().values[parse_path(text)]) == node.default


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("Audio DefaultVolume", 50),
        ("Bookings CheckIn WindowDuration", "10"),
        ("Standby Delay", 10),
        ("SystemUnit Name", ""),
        ("Spark ServiceOverrides GdsBaseUrl", ""),
        ("Time Zone", "Etc/UTC"),
        ("UserInterface Bookings Visibility Title", "Auto"),
    ],
)
def test_documented_defaults(path: str, value: Value) -> None:
    assert configuration_defaults().values[parse_path(path)] == value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("Webex Status", "Stopped"),
        ("Provisioning Status", "NeedConfig"),
        ("Bookings Availability Status", "Free"),
        ("Experimental CalliopeDiscovery Status", "NotStarted"),
        ("SystemUnit State System", "Initializing"),
        ("SystemUnit ProductPlatform", "Room Bar"),
        ("SystemUnit ProductId", "Cisco Room Bar"),
        ("SystemUnit Software Version", "ce26.4.1.12.67c6e508983"),
        ("SystemUnit Software DisplayName", "RoomOS 26.4.1.12 67c6e508983"),
    ],
)
def test_status_at_boot(path: str, value: Value) -> None:
    assert status_tree(PROFILE).get(parse_path(path)) == value


def test_serial_number_and_udi_are_the_devices_own() -> None:
    tree = status_tree(PROFILE)
    assert tree.get(("SystemUnit", "Hardware", "Module", "SerialNumber")) == PROFILE.serial
    assert tree.get(("SystemUnit", "Hardware", "UDI")) == f"CS-BAR-K9 V01 {PROFILE.serial}"


def test_devices_of_a_kind_share_their_defaults_and_nothing_else() -> None:
    one = status_tree(PROFILE)
    other = status_tree(make_profile(Chance(4).actor("device:room")))
    one.put(("Webex", "Status"), "Registered")
    assert other.get(("Webex", "Status")) == "Stopped"
    assert status_tree(PROFILE).get(("Webex", "Status")) == "Stopped"
    different = {words(path) for path, value in other if status_tree(PROFILE).get(path) != value}
    assert different == {
        "Network 1 Ethernet MacAddress",
        "Network 1 IPv6 LinkLocalAddress",
        "SystemUnit Hardware Module DeviceId",
        "SystemUnit Hardware Module SerialNumber",
        "SystemUnit Hardware UDI",
    }


def test_a_device_at_boot_has_no_account_in_its_status() -> None:
    tree = status_tree(PROFILE)
    assert tree.get(("Webex", "DeveloperId")) is None
    assert tree.below(("Diagnostics",)) == []
    assert tree.get(("UserInterface", "ContactInfo", "Name")) == ""
