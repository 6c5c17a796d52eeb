"""What is connected, and for how long. Source: protocol/xapi-nodes.md 4.17, 5.11, 6.13, 7.8."""

from __future__ import annotations

from typing import Any

import pytest
from touching import Touched, ghosts

from endpoint.room.peripherals import PERIPHERALS_MAX, START, Peripherals
from endpoint.wire.xapi.errors import BadArguments, CommandFailed

CONNECT, BEAT, PURGE = "Peripherals Connect", "Peripherals HeartBeat", "Peripherals Purge"
NAVIGATOR = "00:00:5E:00:53:01"
REMOVED = "Peripherals PeripheralRemoved"


class Wall(Touched):
    def __init__(self, profile: str = "Auto") -> None:
        super().__init__(START)
        self.set("Peripherals Profile TouchPanels", profile)
        self.complaints: list[tuple[str, bool]] = []
        self.peripherals = Peripherals(self.room, lambda kind, holds: self.complaints.append((kind, holds)))
        self.own(self.peripherals)

    def device(self, number: int) -> dict[str, Any]:
        return self.below(f"Peripherals ConnectedDevice {number}")

    def state(self, number: int) -> Any:
        return self.device(number).get("Status")


def test_the_touch_panel_of_the_room_is_there_at_boot() -> None:
    wall = Wall()
    assert (wall.changes, wall.peripherals.ids, wall.state(1)) == ([], [NAVIGATOR], "Connected")
    wall.call(BEAT, ID=NAVIGATOR)
    assert wall.time.waiting == 1


def test_a_peripheral_connects_in_one_group_with_everything_in_it() -> None:
    wall = Wall()
    wall.call(CONNECT, ID="crestron", Type="controlsystem", Name="Panel 7", SerialNumber="S1")
    assert len(wall.changes) == 1
    assert wall.device(2) == {
        "HardwareInfo": "",
        "ID": "crestron",
        "Location": "NotSet",
        "Name": "Panel 7",
        "NetworkAddress": "",
        "Role": "NotSet",
        "SerialNumber": "S1",
        "SoftwareInfo": "",
        "Status": "Connected",
        "Type": "ControlSystem",
        "UpgradeFailureReason": "",
        "UpgradeStatus": "None",
    }
    assert wall.time.waiting == 0


@pytest.mark.parametrize(
    ("kind", "role", "location"),
    [
        ("TouchPanel", "Controller", "InsideRoom"),
        ("RoomScheduler", "Scheduler", "OutsideRoom"),
        ("Byod", "NotSet", "NotSet"),
    ],
)
def test_role_and_place_of_a_type(kind: str, role: str, location: str) -> None:
    wall = Wall()
    wall.call(CONNECT, ID="x", Type=kind)
    assert (wall.device(2)["Role"], wall.device(2)["Location"]) == (role, location)


def test_connecting_again_changes_what_is_said_and_keeps_the_number() -> None:
    wall = Wall()
    wall.call(CONNECT, ID="x", Type="Other", Name="One", SerialNumber="S1")
    wall.call(BEAT, ID="x", Timeout=5)
    wall.time.pass_by(5)
    wall.changes.clear()
    wall.call(CONNECT, ID="x", Type="Other", Name="Two")
    device = ("Peripherals", "ConnectedDevice", 2)
    assert wall.changes == [{(*device, "Name"): "Two", (*device, "Status"): "Connected"}]
    assert wall.device(2)["SerialNumber"] == "S1"


def test_a_heartbeat_that_does_not_come_in_time_is_a_lost_connection() -> None:
    wall = Wall()
    wall.call(CONNECT, ID="x", Type="ControlSystem")
    wall.time.pass_by(100_000)
    assert wall.state(2) == "Connected", "who never sent a heartbeat need not send one"
    wall.call(BEAT, ID="x")
    for _ in range(3):
        wall.time.pass_by(59)
        wall.call(BEAT, ID="x")
    assert (wall.state(2), wall.time.waiting) == ("Connected", 1)
    wall.time.pass_by(60)
    assert (wall.state(2), wall.time.waiting) == ("LostConnection", 0)
    wall.call(BEAT, ID="x", Timeout=1)
    assert wall.state(2) == "Connected"
    wall.time.pass_by(1)
    assert wall.state(2) == "LostConnection"


def test_purging_forgets_with_a_ghost_and_an_event() -> None:
    wall = Wall()
    wall.call(CONNECT, ID="x", Type="Byod", SerialNumber="S1")
    wall.call(BEAT, ID="x")
    wall.call(PURGE, ID="x")
    assert {path[2] for path in ghosts(wall.changes[-1])} == {2}
    assert wall.told() == [(REMOVED, {"ID": "x", "SerialNumber": "S1", "Type": "BYOD"})]
    assert (wall.device(2), wall.time.waiting, wall.peripherals.ids) == ({}, 0, [NAVIGATOR])
    wall.call(CONNECT, ID="x", Type="Byod")
    assert wall.state(3) == "Connected"
    wall.call(PURGE, ID=NAVIGATOR)
    assert wall.device(1) == {}
    assert wall.told() == [(REMOVED, {"ID": NAVIGATOR, "SerialNumber": "SIM00000002", "Type": "TouchPanel"})]


@pytest.mark.parametrize("command", [BEAT, PURGE])
def test_nobody_knows_what_never_connected(command: str) -> None:
    reason = Wall().refused(command, ID="x")
    assert reason == "No peripheral x is connected; Peripherals Connect takes it into the list"


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (CONNECT, {"ID": "", "Type": "Other"}),
        (CONNECT, {"ID": "x", "Type": "Toaster"}),
        (CONNECT, {"ID": "x"}),
        (BEAT, {"ID": "x", "Timeout": 0}),
    ],
)
def test_arguments_outside_their_space_never_get_here(command: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(BadArguments):
        Wall().call(command, **arguments)


def test_the_list_is_bounded() -> None:
    wall = Wall()
    for number in range(PERIPHERALS_MAX - 1):
        wall.call(CONNECT, ID=f"x{number}", Type="Other")
    assert wall.refused(CONNECT, ID="one more", Type="Other").startswith("At most 100 peripherals")
    wall.call(CONNECT, ID="x5", Type="Other", Name="again")


@pytest.mark.parametrize(
    ("profile", "missing"), [("Auto", False), ("NotSet", False), ("0", False), ("Minimum1", True), ("1", True)]
)
def test_a_touch_panel_that_is_gone_is_missed_as_the_profile_says(profile: str, missing: bool) -> None:
    wall = Wall(profile)
    assert wall.complaints[-1] == ("TouchPanelConnection", False)
    wall.peripherals.set_connected(NAVIGATOR, False)
    assert (wall.state(1), wall.complaints[-1]) == ("LostConnection", ("TouchPanelConnection", missing))
    wall.peripherals.set_connected(NAVIGATOR, True)
    assert wall.complaints[-1] == ("TouchPanelConnection", False)


def test_the_profile_can_change() -> None:
    wall = Wall()
    wall.set("Peripherals Profile TouchPanels", "2")
    assert wall.complaints[-1] == ("TouchPanelConnection", True)
    wall.call(CONNECT, ID="x", Type="TouchPanel")
    assert wall.complaints[-1] == ("TouchPanelConnection", False)


def test_a_peripheral_measures_the_room() -> None:
    wall = Wall()
    wall.peripherals.measure(NAVIGATOR, temperature="21.3", air_quality="2.3", humidity=40)
    measured = {name: value for name, value in wall.device(1).items() if name.startswith("RoomAnalytics")}
    assert measured == {
        "RoomAnalytics AmbientTemperature": "21.3",
        "RoomAnalytics AirQuality Index": "2.3",
        "RoomAnalytics RelativeHumidity": 40,
    }
    with pytest.raises(CommandFailed, match="No peripheral x"):
        wall.peripherals.measure("x", humidity=1)


def test_a_device_that_goes_down_leaves_no_timer() -> None:
    wall = Wall()
    wall.call(BEAT, ID=NAVIGATOR)
    wall.peripherals.stop()
    assert wall.time.waiting == 0
