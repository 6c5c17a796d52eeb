"""The parts of the room that people touch, against the node table."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import pytest
from touching import problems

from endpoint.room import (
    banners,
    callhistory,
    certificates,
    extensions,
    features,
    macros,
    messages,
    peripherals,
    phonebook,
)
from endpoint.wire.xapi.nodes import Value, nodes
from endpoint.wire.xapi.paths import parse_path, shape

OWNERS: tuple[Any, ...] = (
    banners.Banners,
    callhistory.CallHistory,
    certificates.Certificates,
    extensions.Extensions,
    features.Features,
    macros.Macros,
    messages.Messages,
    peripherals.Peripherals,
    phonebook.Phonebook,
)
FAMILIES = (
    "CallHistory ",
    "Macros ",
    "Peripherals ",
    "Phonebook ",
    "Security Certificates ",
    "SystemUnit SignInBanner ",
    "SystemUnit WelcomeBanner ",
    "UserInterface ",
)
STARTS: Mapping[str, Value] = {**features.START, **peripherals.START}
COMES_LATER = {
    "Peripherals ConnectedDevice[n] RoomAnalytics AirQuality Index",
    "Peripherals ConnectedDevice[n] RoomAnalytics AmbientTemperature",
    "Peripherals ConnectedDevice[n] RoomAnalytics RelativeHumidity",
    "UserInterface ContactInfo ContactMethod[n] Number",
    "UserInterface ContactInfo Name",
    "UserInterface Extensions Widget[n] Value",
    "UserInterface Extensions Widget[n] WidgetId",
}
"""Leaves that a device does not have at boot, or that its registration shows."""


def test_every_command_of_the_families_has_one_owner() -> None:
    owned = [path for owner in OWNERS for path in owner.COMMANDS]
    assert len(owned) == len(set(owned))
    assert set(owned) == {command.path for command in nodes().commands if command.path.startswith(FAMILIES)}


@pytest.mark.parametrize("owner", OWNERS)
def test_owners_have_no_dictionary_of_their_own(owner: Any) -> None:
    assert "__slots__" in vars(owner)
    assert all(vars(owner)[method.__name__] is method for method in owner.COMMANDS.values())


@pytest.mark.parametrize("module", [features, peripherals])
def test_every_start_value_fits_the_table(module: ModuleType) -> None:
    assert problems(module.START.items()) == []


def test_every_status_of_the_families_is_there_at_boot_or_comes_later() -> None:
    known = {path for path in nodes().paths("Status") if path.startswith(("Peripherals ", "UserInterface "))}
    assert {shape(parse_path(path)) for path in STARTS} == known - COMES_LATER
