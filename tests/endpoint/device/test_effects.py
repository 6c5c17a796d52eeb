"""What settings do to statuses of the device as a whole, and the statuses that are computed when they are read."""

from __future__ import annotations

from datetime import timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from endpoint.device import effects
from endpoint.wire.xapi.nodes import nodes
from endpoint.wire.xapi.paths import parse_path
from tests.endpoint.cloud.stubbed import Stubbed, play
from tests.endpoint.device.commands.commanding import at, setting

INDIA = timezone(timedelta(hours=5, minutes=30))


@pytest.mark.parametrize(
    ("configuration", "value", "status", "shown", "usual"),
    [
        ("SystemUnit Name", "Fjord", "SystemUnit BroadcastName", "Fjord", "Cisco Room Bar"),
        ("Network 1 DNS Domain Name", "room.test", "Network 1 DNS Domain Name", "room.test", "example.test"),
        ("Network 1 DNS Server 1 Address", "192.0.2.1", "Network 1 DNS Server 1 Address", "192.0.2.1", "192.0.2.53"),
        ("MicrosoftTeams CVI CrossTenant", "Enabled", "MicrosoftTeams CVI CrossTenant", "Enabled", "Disabled"),
        ("WebEngine Mode", "On", "WebEngine Features WebEngine", "On", "Off"),
        ("Zoom AppExperience Mode", "Auto", "Zoom AppExperience State", "Inactive", None),
    ],
)
def test_a_status_follows_its_setting_now_and_after_a_restart(
    configuration: str, value: str, status: str, shown: str, usual: str | None
) -> None:
    async def story(stage: Stubbed) -> None:
        device = stage.device
        await device.boot()
        if usual is not None:
            assert at(device, status) == usual
        device.set_configurations({configuration: value})
        assert at(device, status) == shown
        await device.restart()
        assert at(device, status) == shown
        device.set_configurations({configuration: None})
        if usual is not None:
            assert at(device, status) == usual

    play(story)


@pytest.mark.parametrize("name", effects.FOLLOWED)
def test_every_value_of_a_setting_leads_to_a_value_of_the_status(name: str) -> None:
    async def story(stage: Stubbed) -> None:
        node = nodes().find("Configuration", parse_path(name))
        assert node is not None
        for value in node.space.literals or ("", "x"):
            for status, shown in effects.FOLLOWED[name](stage.device, value).items():
                target = nodes().find("Status", parse_path(status))
                assert target is not None, status
                assert target.space.accept(shown) == shown

    play(story)


def test_time_is_that_of_the_zone() -> None:
    async def story(stage: Stubbed) -> None:
        device = stage.device
        await device.boot()
        assert at(device, "Time SystemTime") == "2026-03-02T13:30:00+0530"
        device.set_configurations({"Time Zone": "Europe/Oslo"})
        assert at(device, "Time SystemTime") == "2026-03-02T09:00:00+0100"
        await stage.clock.sleep(61.0)
        assert at(device, "Time SystemTime") == "2026-03-02T09:01:01+0100"
        await device.restart()
        assert str(at(device, "Time SystemTime")).endswith("+0100")

    play(story, zone=INDIA)


def test_a_zone_that_the_machine_lacks_leaves_what_was_set_up() -> None:
    assert effects.zone("Etc/UTC", INDIA) is INDIA
    assert effects.zone("Nowhere/Atlantis", INDIA) is INDIA
    assert effects.zone("../etc/passwd", INDIA) is INDIA
    assert effects.zone("", INDIA) is INDIA
    assert effects.zone("Europe/Oslo", INDIA) == ZoneInfo("Europe/Oslo")


def test_every_zone_of_the_value_space_is_one_that_the_device_can_be_in() -> None:
    node = nodes().find("Configuration", ("Time", "Zone"))
    assert node is not None
    assert len(node.space.literals) > 500
    missing = [name for name in node.space.literals if name != "Etc/UTC" and effects.zone(name, INDIA) is INDIA]
    assert missing == []


def test_time_and_uptime_notify_nobody() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.device.boot()
        seen: list[object] = []
        stage.device.status.listen(("SystemUnit", "Uptime"), seen.append)
        stage.device.status.listen(("Time",), seen.append)
        await stage.clock.sleep(3_600.0)
        assert not seen

    play(story)


def test_activation_sets_what_cloud_devices_are_set_to_and_removal_takes_it_back() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        for path, value in effects.CLOUD_SETTINGS.items():
            assert setting(stage.device, path) == value
        await stage.device.restart()
        for path, value in effects.CLOUD_SETTINGS.items():
            assert setting(stage.device, path) == value
        stage.device.remove_account("test")
        for path in effects.CLOUD_SETTINGS:
            assert setting(stage.device, path) == stage.device.configuration.defaults.values[parse_path(path)]
        await stage.device.restart()
        assert not set(effects.CLOUD_SETTINGS) & set(stage.device.state.configuration)

    play(story)


def test_the_name_in_the_network_is_made_of_name_and_domain() -> None:
    async def story(stage: Stubbed) -> None:
        device = stage.device
        await device.boot()
        assert at(device, "Network 1 FQDN") == f"{device.profile.serial.lower()}.example.test"
        device.set_configurations({"SystemUnit Name": "Fjord, 2nd floor"})
        assert at(device, "Network 1 FQDN") == "fjord-2nd-floor.example.test"
        device.set_configurations({"Network 1 DNS Domain Name": "room.test"})
        assert at(device, "Network 1 FQDN") == "fjord-2nd-floor.room.test"

    play(story)
