"""Power, heat, clock and disk of a device. Source: protocol/activation-and-media.md section 16, rows 54 and 55."""

from __future__ import annotations

from pathlib import Path

import pytest

from endpoint.device.hardware import SHUTDOWN_AFTER_S, TEMPERATURE
from endpoint.runtime.errors import StorageError
from endpoint.runtime.faults import Fault
from endpoint.wire.xapi.paths import parse_path
from tests.endpoint.cloud.stubbed import Stubbed, play

NAME = parse_path("SystemUnit Name")


def strike(stage: Stubbed, on: str, do: str, **params: object) -> bool:
    return stage.faults.strike(Fault("it", on, do, {"device": stage.device.who}, params))


def test_a_device_that_is_too_hot_goes_off_after_twenty_seconds() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        device = stage.device
        assert strike(stage, "power", "thermal")
        assert device.status.get(TEMPERATURE) == "Critical"
        await stage.clock.sleep(SHUTDOWN_AFTER_S - 0.1)
        assert device.is_up
        await stage.clock.sleep(1.0)
        assert not device.is_up
        assert not strike(stage, "power", "thermal")
        lines = [line.partition(" ")[2] for line in device.world.log.lines]
        assert any(line.startswith("thermal_control[") and line.endswith("]: shutdown in 20000 ms") for line in lines)
        await device.boot()
        assert device.status.get(parse_path("SystemUnit LastShutdownReason")) == "Shutdown"
        assert device.status.get(TEMPERATURE) == "Normal"

    play(story)


def test_a_lost_power_says_and_writes_nothing() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        device = stage.device
        kept, said = device.state, len(device.world.log.lines)
        assert strike(stage, "power", "cut")
        await stage.clock.sleep(1.0)
        assert not device.is_up
        assert (device.state, len(device.world.log.lines)) == (kept, said)
        assert not strike(stage, "power", "cut")
        await device.boot()
        assert device.status.get(parse_path("SystemUnit LastShutdownReason")) == "Unknown"

    play(story)


def test_only_the_clock_of_the_device_that_is_meant_jumps() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        before = stage.device.world.clock.now()
        assert not stage.faults.strike(Fault("it", "clock", "jump", {"device": "device:other"}, {"by": 60.0}))
        assert stage.device.world.clock.now() == before
        assert strike(stage, "clock", "jump", by=-3600.0)
        assert (before - stage.device.world.clock.now()).total_seconds() == 3600.0

    play(story)


@pytest.mark.parametrize(("do", "why"), [("full", "No space left on device"), ("read_only", "Read-only file system")])
def test_what_cannot_be_written_is_refused_and_the_state_before_is_kept(do: str, why: str) -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        stage.device.set_configuration(NAME, "before")
        stage.faults.arm(Fault("disk", "storage", do))
        with pytest.raises(StorageError, match=why):
            stage.device.set_configuration(NAME, "after")
        assert stage.device.configuration.get(NAME) == "before"
        stage.faults.heal("disk")
        stage.device.set_configuration(NAME, "after")
        assert stage.device.state.configuration["SystemUnit Name"] == "after"

    play(story)


def test_a_restart_without_power_is_a_boot() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        device = stage.device
        await device.crash()
        await device.restart()
        await device.until_online()
        assert device.status.get(("SystemUnit", "LastShutdownReason")) == "Unknown"
        await device.shut_down()
        await device.restart()
        await device.until_online()
        assert device.status.get(("SystemUnit", "LastShutdownReason")) == "Shutdown"

    play(story)


def test_a_damaged_file_is_set_aside_at_the_next_boot(tmp_path: Path) -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        device, serial = stage.device, stage.device.profile.serial
        assert strike(stage, "storage", "corrupt")
        assert device.is_activated
        await device.crash()
        await device.boot()
        assert (device.is_activated, device.profile.serial) == (False, serial)
        assert (tmp_path / "device.json.damaged").stat().st_size > 0
        assert any("starting with factory settings" in line for line in device.world.log.lines)
        assert device.diagnostics.types["WebexActivationRequired"] == "Warning"

    play(story, state_dir=tmp_path)


@pytest.mark.parametrize("disk", ["", "read_only"])
def test_a_lost_state_is_that_of_a_new_device_whether_it_can_be_written_or_not(disk: str) -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        device, serial = stage.device, stage.device.profile.serial
        assert strike(stage, "storage", "corrupt")
        if disk:
            stage.faults.arm(Fault("disk", "storage", disk))
        await device.crash()
        await device.boot()
        assert (device.is_activated, device.profile.serial) == (False, serial)
        assert any("starting with factory settings" in line for line in device.world.log.lines)

    play(story)
