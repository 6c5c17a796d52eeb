"""The network interface: what the device notices of it, says and does. Source: protocol/activation-and-media.md 16, rows 1, 2."""

from __future__ import annotations

from typing import Any

import pytest

from endpoint.runtime.faults import Fault
from tests.endpoint.cloud.stubbed import Stubbed, play


def leaf(stage: Stubbed, *path: str | int) -> object:
    return stage.device.status.get(("Network", 1, *path))


def test_a_cable_that_is_out_hides_everything_above_it() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        address = leaf(stage, "IPv4", "Address")
        stage.faults.arm(Fault("out", "link", "down", {"device": stage.device.who}))
        await stage.clock.sleep(29.0)
        assert (leaf(stage, "Ethernet", "Speed"), leaf(stage, "IPv4", "Address")) == ("", "")
        assert stage.device.diagnostics.types == {"NetLinkStatus": "Error"}
        await stage.clock.sleep(2.0)
        assert stage.device.status.get(("Webex", "Status")) == "Error"
        assert stage.device.diagnostics.types == {"NetLinkStatus": "Error", "WebexOffline": "Error"}
        stage.faults.heal("out")
        await stage.device.until_online()
        await stage.clock.sleep(60.0)  # it measures the media servers anew
        assert (leaf(stage, "Ethernet", "Speed"), leaf(stage, "IPv4", "Address")) == ("1000full", address)
        assert not stage.device.diagnostics.types

    play(story)


def test_a_fault_on_the_way_is_none_of_the_interface() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        stage.faults.arm(Fault("far", "link", "down", {"host": "u2c*"}))
        stage.faults.arm(Fault("other", "link", "down", {"device": "device:other"}))
        await stage.clock.sleep(120.0)
        assert leaf(stage, "Ethernet", "Speed") == "1000full"
        assert stage.device.mercury.is_open

    play(story)


@pytest.mark.parametrize("limit", [{"percent": 50.0}, {"count": 1_000}, {"skip": 3}])
def test_a_fault_that_takes_a_share_of_what_passes_leaves_the_cable_in(limit: dict[str, Any]) -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        draws = stage.device.world.chance.stream("test")
        fault = stage.faults.arm(Fault("some", "link", "down", {"device": stage.device.who}, draws=draws, **limit))
        assert leaf(stage, "Ethernet", "Speed") == "1000full"
        assert stage.device.mercury.is_open
        for _ in range(10):
            stage.device.world.net.loses("up", "media.test", 5004)
        assert 0 < fault.used <= 10

    play(story)


@pytest.mark.parametrize("ends", ["time", "healed early"])
def test_a_fault_with_a_time_of_its_own_begins_and_ends_by_itself(ends: str) -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        now_s = stage.clock.time()
        stage.faults.arm(Fault("later", "link", "down", from_s=now_s + 10.0, until_s=now_s + 20.0))
        await stage.clock.sleep(9.0)
        assert stage.device.link.is_up
        if ends == "healed early":
            stage.faults.heal("later")
        await stage.clock.sleep(2.0)
        assert stage.device.link.is_up is (ends == "healed early")
        await stage.clock.sleep(10.0)
        assert stage.device.link.is_up
        await stage.device.until_online()

    play(story)


def test_the_upper_of_two_conditions_shows_when_the_lower_one_is_over() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        stage.faults.arm(Fault("out", "link", "down"))
        stage.faults.arm(Fault("no lease", "link", "no_address"))
        await stage.clock.sleep(5.0)
        assert stage.device.diagnostics.types == {"NetLinkStatus": "Error"}
        stage.faults.heal("out")
        await stage.clock.sleep(1.0)
        assert stage.device.diagnostics.types == {"IPv4Assignment": "Error", "NetworkConnectivity": "Error"}

    play(story)
