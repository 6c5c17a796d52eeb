"""The prompt with a cloud and a device of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from shell_talk import Talk

from endpoint.device.device import Device
from endpoint.wire.xapi.calls import Invocation
from endpoint.wire.xapi.errors import CommandFailed
from scenarios.runner.shell.colon import Simulation
from scenarios.runner.shell.embedded import Embedded, embedded


def play(scene: Callable[[Talk, Device], Awaitable[None]], clock: str = "frozen") -> None:
    async def main() -> None:
        async with embedded(clock) as (backend, device_door, cloud_door):
            talk = Talk(backend, Simulation(device_door, cloud_door, is_one_process=True))
            await scene(talk, backend._device)

    asyncio.run(main())


def test_reads_sets_and_hears() -> None:
    async def scene(talk: Talk, device: Device) -> None:
        assert await talk.good("xStatus Webex Status") == ["*s Webex Status: Registered", "** end"]
        assert await talk.good("xStatus Call") == ["** end"]
        assert await talk.good("xStatus //displayn")
        await talk.good("xFeedback Register /Configuration")
        assert await talk.good("xConfiguration audio defaultvolume: 33") == [
            "OK",
            "*c xConfiguration Audio DefaultVolume: 33",
            "** end",
        ], "the answer stands before what it caused"
        out, advice = await talk.bad("xConfiguration Audio DefaultVolume: 133")
        assert out == ['*c xConfiguration Audio DefaultVolume (error=True): "Illegal value"', "** end"]
        assert advice == "Audio DefaultVolume takes <0..100>"
        assert (await talk.bad("xConfiguration Audio DefaultVol: 3"))[1].endswith("nearest: DefaultVolume")

    play(scene)


def test_clock_faults_and_actions_of_the_simulation() -> None:
    async def scene(talk: Talk, device: Device) -> None:
        before = device.world.clock.time()
        (told,) = await talk.good(":advance 5min")
        assert told.startswith("stepped time")
        assert device.world.clock.time() == before + 300
        await talk.good(":fault dns nxdomain host=u2c* for=5min", ":fault http error service=wdm status=503")
        out = await talk.good(":faults")
        assert [line.partition(";")[0] for line in out] == [
            "fault-1: dns nxdomain host=u2c*",
            "http-error: http error service=wdm status=503",
        ]
        assert await talk.good(":heal all") == ["healed: fault-1, http-error"]
        assert (await talk.good(":log 1"))[0].startswith("20")
        assert len(await talk.good(":trace 7")) == 7

    play(scene)


def test_what_is_registered_outlives_a_restart() -> None:
    async def scene(talk: Talk, device: Device) -> None:
        await talk.good("xFeedback Register /Configuration/Audio")
        assert (await talk.good(":do restart"))[-1] == "restart: done boots=2"
        assert "*c xConfiguration Audio DefaultVolume: 34" in await talk.good("xConfiguration Audio DefaultVolume: 34")
        await talk.good(":do shutdown")
        assert (await talk.bad("xStatus Audio"))[0][1] == '*s Status Reason: "Not ready"'
        assert await talk.backend.elements(("Status", "Call")) == ()
        await talk.good(":do boot")
        assert await talk.good("xConfiguration Audio DefaultVolume") == [
            "*c xConfiguration Audio DefaultVolume: 34",
            "** end",
        ]

    play(scene)


class Phone:
    """Carries out a command at once, and one that takes time."""

    def __init__(self, device: Device, waits: asyncio.Event, goes_on: asyncio.Event) -> None:
        self._device = device
        self._waits = waits
        self._goes_on = goes_on

    def mute(self, call: Invocation) -> None:
        self._device.status.put(("Audio", "Microphones", "Mute"), "On")

    async def dial(self, call: Invocation) -> dict[str, object]:
        self._device.status.put(("Call", 3, "Status"), "Dialling")
        self._waits.set()
        await self._goes_on.wait()
        if call.text("Number") == "nobody":
            raise CommandFailed("Nobody is there")
        self._device.status.put(("Call", 3, "Status"), "Connected")
        return {"CallId": 3}

    COMMANDS = {"Audio Microphones Mute": mute, "Dial": dial}  # noqa: RUF012  as every owner has it


def test_commands_that_are_over_at_once_and_that_take_time() -> None:
    async def scene(talk: Talk, device: Device) -> None:
        waits, goes_on = asyncio.Event(), asyncio.Event()
        device.xapi.commands._owners.clear()
        device.xapi.commands.provide([Phone(device, waits, goes_on)])
        await talk.good("xFeedback Register /Status/Call", "xFeedback Register /Status/Audio")
        assert await talk.good("xCommand Audio Microphones Mute") == [
            "*r MicrophonesMuteResult (status=OK):",
            "** end",
            "*s Audio Microphones Mute: On",
            "** end",
        ]
        talk.said.out.clear()
        dialling = asyncio.ensure_future(talk("xCommand Dial Number: x"))
        await waits.wait()
        assert talk.said.out == ["*s Call 3 Status: Dialling", "** end"], "what happens meanwhile is told meanwhile"
        goes_on.set()
        _, out, _ = await dialling
        assert out[2:] == [
            "*s Call 3 Status: Connected",
            "** end",
            "*r DialResult (status=OK):",
            "*r DialResult CallId: 3",
            "** end",
        ]
        assert await talk.backend.elements(("Status", "call")) == [3]
        assert (await talk.bad("xCommand Dial Number: nobody"))[0][-2] == '*r DialResult Reason: "Nobody is there"'

    play(scene)


@pytest.mark.parametrize("clock", ["real", "stepped", "x60"])
def test_clocks(clock: str) -> None:
    async def scene(talk: Talk, device: Device) -> None:
        (told,) = await talk.good(":clock")
        assert told.split()[0] == {"x60": "accelerated"}.get(clock, clock)
        assert isinstance(talk.backend, Embedded)

    play(scene, clock)


def test_leaving_in_a_call_waits_for_no_time_to_pass() -> None:
    devices: list[Device] = []

    async def scene(talk: Talk, device: Device) -> None:
        devices.append(device)
        await talk.good("xCommand Dial Number: bob@partner.example", ":advance 3s")
        assert "status=Connected" in (await talk.good(":calls"))[0]

    play(scene)
    (device,) = devices
    assert not device.calls.calls
    (entry,) = device.local.call_history.entries
    assert entry.disconnect_cause_type == "LocalDisconnect", "the call was left, and not given up after a while"
