"""SystemUnit Boot and FactoryReset: what goes down, what is said before, and what is left."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from endpoint.device.commands.power import GOES_DOWN_AFTER_S, KEPT
from endpoint.device.doors import Doors
from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.xapi.errors import BadArguments, CommandFailed
from endpoint.wire.xapi.nodes import nodes
from tests.endpoint.cloud.stubbed import Stubbed, play
from tests.endpoint.device.commands.commanding import at, command, events, setting

RESET = "SystemUnit FactoryReset"


async def _down(stage: Stubbed) -> None:
    await stage.clock.sleep(GOES_DOWN_AFTER_S + 0.5)


class SlowDoors(Doors):
    """Doors that shut when they are let."""

    def __init__(self) -> None:
        super().__init__({})
        self.may_shut = asyncio.Event()
        self.shut = 0

    async def close(self) -> None:
        await self.may_shut.wait()
        await super().close()
        self.shut += 1


def test_a_restart_answers_first_says_so_and_comes_back() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        told = events(stage.device)
        assert await command(stage.device, "SystemUnit Boot") is None
        assert stage.device.is_up
        assert told == [{"event": "BootEvent", "Action": "Restart"}]
        await _down(stage)
        await stage.device.until_online()
        assert at(stage.device, "SystemUnit LastShutdownReason") == "Restart"
        assert stage.device.state.boots == 2

    play(story)


def test_a_shutdown_stays_down_and_is_known_at_the_next_boot() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        told = events(stage.device)
        await command(stage.device, "SystemUnit Boot", {"Action": "Shutdown"})
        assert told == [{"event": "BootEvent", "Action": "Shutdown"}, {"event": "Shutdown"}]
        await stage.clock.sleep(3_600.0)
        assert not stage.device.is_up
        await stage.device.boot()
        assert at(stage.device, "SystemUnit LastShutdownReason") == "Shutdown"
        assert at(stage.device, "SystemUnit LastShutdownTime") == "2026-03-02T08:00:01Z"

    play(story)


def test_without_force_a_call_is_in_the_way() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.device.boot()
        stage.device.status.put(("SystemUnit", "State", "NumberOfActiveCalls"), 1)
        told = events(stage.device)
        with pytest.raises(CommandFailed, match="A call is active"):
            await command(stage.device, "SystemUnit Boot", {"Force": "False"})
        assert not told
        await command(stage.device, "SystemUnit Boot")
        assert told

    play(story)


@pytest.mark.parametrize("second", [("SystemUnit Boot", {}), (RESET, {"Confirm": "Yes"})])
def test_whatever_goes_down_already_goes_down_once_and_says_it_once(second: tuple[str, dict[str, str]]) -> None:
    async def story(stage: Stubbed) -> None:
        await stage.device.boot()
        told = events(stage.device)
        await command(stage.device, "SystemUnit Boot")
        with pytest.raises(CommandFailed, match="going down already"):
            await command(stage.device, *second)
        assert [event["event"] for event in told] == ["BootEvent"]
        assert not stage.lines("MainEvents I: factory reset")
        await _down(stage)
        assert stage.device.is_up
        assert stage.device.state.boots == 2
        await command(stage.device, "SystemUnit Boot")
        await _down(stage)
        assert stage.device.state.boots == 3

    play(story)


@pytest.mark.parametrize("asked", [("SystemUnit Boot", {}), (RESET, {"Confirm": "Yes"})])
@pytest.mark.parametrize("how", ["crash", "shut_down"])
def test_power_that_is_gone_meanwhile_calls_a_restart_off(how: str, asked: tuple[str, dict[str, str]]) -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        await command(stage.device, *asked)
        await getattr(stage.device, how)()
        await stage.clock.sleep(60.0)
        assert not stage.device.is_up
        await stage.device.boot()
        await stage.clock.sleep(60.0)
        assert stage.device.is_activated
        assert stage.device.state.boots == 2

    play(story)


def test_a_device_that_goes_down_boots_once_and_by_itself() -> None:
    async def story(stage: Stubbed) -> None:
        doors = stage.device.doors = SlowDoors()
        await stage.device.boot()
        await command(stage.device, "SystemUnit Boot")
        await _down(stage)
        assert not stage.device.is_up
        with pytest.raises(LocalProtocolError, match="going down"):
            await stage.device.boot()
        doors.may_shut.set()
        await _down(stage)
        assert stage.device.is_up
        assert stage.device.state.boots == 2

    play(story)


def test_a_device_that_is_closed_while_it_goes_down_goes_down_to_the_end() -> None:
    async def story(stage: Stubbed) -> None:
        doors = stage.device.doors = SlowDoors()
        await stage.device.boot()
        await command(stage.device, "SystemUnit Boot")
        await _down(stage)
        stage.clock.call_later(1.0, doors.may_shut.set)
        await stage.device.close()
        assert doors.shut == 1
        assert not stage.device.is_up

    play(story)


def test_a_reset_must_be_confirmed() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.device.boot()
        for arguments in ({}, {"Confirm": "No"}):
            with pytest.raises(BadArguments, match="Confirm"):
                await command(stage.device, RESET, arguments)

    play(story)


SETTINGS = {
    "Audio DefaultVolume": 30, "Audio SoundsAndAlerts RingVolume": 60, "Time Zone": "Europe/Oslo", "UserInterface Language": "Norwegian",
    "Network 1 DNS Domain Name": "room.test", "Spark ServiceOverrides GdsBaseUrl": "https://gds.test",
    "Spark ServiceOverrides U2CBaseUrl": "https://u2c.test", "NetworkServices HTTP Mode": "HTTP+HTTPS",
    "NetworkServices HTTPS Server MinimumTLSVersion": "TLSv1.3", "SystemUnit Name": "Fjord", "Standby Delay": 20,
}  # fmt: skip
"""Settings of every group that keeps some, and of none."""
GROUPS = {
    "LocalSetup": ("Audio DefaultVolume", "Audio SoundsAndAlerts RingVolume", "Time Zone", "UserInterface Language"),
    "Network": ("Network 1 DNS Domain Name",),
    "Webex": ("Spark ServiceOverrides GdsBaseUrl", "Spark ServiceOverrides U2CBaseUrl"),
    "Provisioning": ("Provisioning Mode",),
    "SerialPort": (),
    "Certificates": (),
    "HTTP": ("NetworkServices HTTP Mode", "NetworkServices HTTPS Server MinimumTLSVersion"),
    "RemoteSupportUser": (),
}


@pytest.mark.parametrize("keep", [(), *[(group,) for group in GROUPS], ("Network", "HTTP"), tuple(GROUPS)[:7]])
def test_a_reset_keeps_exactly_what_its_groups_name(keep: tuple[str, ...], tmp_path: Path) -> None:
    async def story(stage: Stubbed) -> None:
        device = stage.device
        await stage.online()
        device.set_configurations({path: value for path, value in SETTINGS.items() if "BaseUrl" not in path})
        serial, software, urls = device.profile.serial, device.profile.software, device.profile.device_identifier
        device.set_configurations({path: value for path, value in SETTINGS.items() if "BaseUrl" in path})
        before = {path: setting(device, path) for path in (*SETTINGS, "Provisioning Mode")}
        assert before["Provisioning Mode"] == "Webex"
        told = events(device)
        await command(device, RESET, {"Confirm": "Yes", **({"Keep": list(keep)} if keep else {})})
        assert told == [{"event": "SystemUnit FactoryResetInitiated", **({"Keep": ",".join(keep)} if keep else {})}]
        await _down(stage)
        await stage.clock.sleep(10.0)
        kept = {path for group in keep for path in GROUPS[group]}
        assert {path for path, value in before.items() if setting(device, path) == value} == kept
        assert device.is_up
        assert not device.is_activated
        assert at(device, "SystemUnit LastShutdownReason") == "FactoryReset"
        assert (device.profile.serial, device.profile.software, device.profile.device_identifier) == (
            serial,
            software,
            urls,
        )
        assert "WebexActivationRequired" in device.diagnostics.types
        assert set(device.state.configuration) == kept
        assert device.state.account is None

    play(story, state_dir=tmp_path)


def test_the_groups_are_those_of_the_command_and_what_they_keep_exists() -> None:
    found = nodes().command(("SystemUnit", "FactoryReset"))
    assert found is not None
    keep = found.argument("Keep")
    assert keep is not None
    assert set(keep.space.describe().strip("<>").split("/")) == set(KEPT) == set(GROUPS)
    known = nodes().paths("Configuration")
    for prefix in (prefix for prefixes in KEPT.values() for prefix in prefixes):
        shape = prefix.replace(" 1", "[n]")
        assert [path for path in known if path == shape or path.startswith(shape + " ")], prefix


def test_the_spelling_of_a_setting_does_not_decide_about_it() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.device.boot()
        stage.device.set_configurations({"audio defaultvolume": 30})
        stage.device.set_configurations({"Audio DefaultVolume": 40})
        stage.device.set_configurations({"AUDIO DEFAULTVOLUME": 45})
        await stage.device.restart()
        assert setting(stage.device, "Audio DefaultVolume") == 45
        await command(stage.device, RESET, {"Confirm": "Yes", "Keep": "LocalSetup"})
        await _down(stage)
        assert setting(stage.device, "Audio DefaultVolume") == 45

    play(story)


@pytest.mark.parametrize(
    ("trailing", "is_up"), [("Restart", True), ("Shutdown", False), ("NoAction", False), ("WaitForUpgrade", True)]
)
def test_what_follows_a_reset(trailing: str, is_up: bool) -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        told = events(stage.device)
        await command(stage.device, RESET, {"Confirm": "Yes", "TrailingAction": trailing})
        waits = {"WaitForUpgrade": "True"} if trailing == "WaitForUpgrade" else {}
        assert told == [{"event": "SystemUnit FactoryResetInitiated", **waits}]
        await stage.clock.sleep(60.0)
        assert stage.device.is_up is is_up
        if not is_up:
            await stage.device.boot()
        assert at(stage.device, "SystemUnit LastShutdownReason") == "FactoryReset"

    play(story)


def test_a_device_that_was_reset_can_be_activated_anew_and_stays_unlocked() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.device.boot()
        await stage.device.activate(stage.code(), hardens=True)
        await stage.device.until_online()
        await command(stage.device, RESET, {"Confirm": "Yes"})
        await _down(stage)
        assert not stage.device.is_hardened
        stage.use.device_delete(stage.use.devices()[0].id)
        await stage.online()
        assert stage.device.is_online

    play(story)


@pytest.mark.parametrize("trailing", ["Restart", "NoAction"])
def test_a_reset_that_cannot_be_written_forgets_nothing_and_says_why(tmp_path: Path, trailing: str) -> None:
    async def story(stage: Stubbed) -> None:
        await stage.online()
        (tmp_path / "device.json.new").mkdir()
        await command(stage.device, RESET, {"Confirm": "Yes", "TrailingAction": trailing})
        await _down(stage)
        assert stage.device.is_up == (trailing == "Restart")
        assert stage.lines("MainEvents E: FactoryReset failed: ")
        (tmp_path / "device.json.new").rmdir()
        if trailing == "NoAction":
            await stage.device.boot()
        assert stage.device.is_activated, "nothing was forgotten"

    play(story, state_dir=tmp_path)


def test_uptime_counts_from_the_boot() -> None:
    async def story(stage: Stubbed) -> None:
        await stage.clock.sleep(500.0)
        await stage.device.boot()
        assert at(stage.device, "SystemUnit Uptime") == 0
        await stage.clock.sleep(100.0)
        assert at(stage.device, "SystemUnit Uptime") == 100
        await stage.device.crash()
        await stage.clock.sleep(700.0)
        await stage.device.boot()
        assert at(stage.device, "SystemUnit Uptime") == 0

    play(story)
