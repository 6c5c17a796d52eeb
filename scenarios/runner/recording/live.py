"""Recording a device that does nothing but live: with a stub of our own in virtual time, or with somebody's cloud in real time."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cloud_stub.cloud import Cloud
from cloud_stub.media_node.fleet import build_media
from endpoint.cloud.activation import ActivationRefused
from endpoint.device.device import Device
from endpoint.device.settings import DeviceSettings
from endpoint.runtime import virtual
from endpoint.runtime.chance import Chance
from endpoint.runtime.clock import Clock, LoopTime, iso_ms
from endpoint.runtime.errors import EndpointError
from endpoint.runtime.faults import Faults
from endpoint.runtime.net import NameTable
from endpoint.runtime.trace import Trace, header
from endpoint.wire.errors import WireError
from scenarios.runner.device_process import make_device
from scenarios.runner.exits import Exit, refused
from scenarios.runner.recording.raw import RawBytes
from scenarios.runner.recording.recorder import Recorder
from scenarios.runner.recording.rules import instant_of
from scenarios.runner.recording.write import Written, write_recording
from scenarios.runner.serving import Ground, lead_names, serve
from scenarios.runner.suite import versions
from scenarios.runner.values import show_duration

START: Final = "2026-01-05T08:00:00Z"
NO_SCENARIO: Final = "a device that was recorded"


@dataclass(frozen=True, slots=True)
class Told:
    """What was written, what is said of bytes that were kept, and why the device got no account, empty if it has one."""

    written: Written
    kept: str = ""
    refusal: str = ""


def record_stub(folder: Path, *, lasts_s: float, seed: int, raw: Path | None = None) -> Told:
    """Record a device of a fresh stub: it is activated, comes online, and stays for a while of virtual time.

    Raises:
        SecretsFound: something secret-shaped would have been written.
        OSError: it cannot be written.
    """

    async def main() -> Told:
        source = LoopTime(asyncio.get_running_loop(), instant_of(START))
        clock, chance, names = Clock(source), Chance(seed), NameTable()
        trace = Trace(clock)
        faults = Faults(clock, trace)
        media = build_media(chance.actor("media").stream("plan"))
        cloud = Cloud(clock, chance, trace, faults, names, media=media)
        await cloud.start(https=("127.0.0.1", 0), http=("127.0.0.1", 0))
        settings = DeviceSettings(anchors=(cloud.root_pem,))
        device = Device(settings, source=source, chance=chance, trace=trace, faults=faults, names=names)
        code = cloud.use_cases.code_create(workspace="Room")[1].reveal()
        try:
            return await _record(device, clock, trace, code, lasts_s, folder, seed, "virtual", raw)
        finally:
            await device.close()
            await cloud.stop()

    return virtual.run(main)


def record_cloud(
    folder: Path, cloud: str, anchors: tuple[str, ...], *, code: str, lasts_s: float, raw: Path | None = None
) -> Told:
    """Record a device of ours with the cloud at a base URL, in real time; a signal ends it early. Errors as in `record_stub`."""
    told: list[Told] = []

    async def main() -> int:
        ground = Ground.real(LoopTime(asyncio.get_running_loop()))
        lead_names(ground.names, cloud, [])
        settings = DeviceSettings(anchors=anchors, secure=urlsplit(cloud).scheme == "https")
        device = make_device(settings, ground)
        try:
            clock = Clock(ground.source)
            told.append(await _record(device, clock, ground.trace, code, lasts_s, folder, None, "wire", raw))
        finally:
            await device.close()
        return Exit.OK

    ended = serve(main)
    if not told:
        raise refused("nothing was recorded: it ended before the device had an answer", Exit(ended or Exit.NO))
    return told[0]


async def _record(
    device: Device,
    clock: Clock,
    trace: Trace,
    code: str,
    lasts_s: float,
    folder: Path,
    seed: int | None,
    mode: str,
    raw: Path | None,
) -> Told:
    recorder, kept = Recorder(clock, trace), RawBytes(clock)
    device.world.tap = recorder.tap(device.who, device.world.clock)
    device.world.net.wiretap = kept if raw is not None else None
    refusal, over_us = "", 0
    await device.boot()
    try:
        await device.activate(code)
        if mode == "wire":
            print(f"activated; recording for {show_duration(lasts_s)}, Ctrl-C ends it earlier", flush=True)
        with suppress(asyncio.CancelledError):  # a signal ends the recording, and it is written
            await clock.sleep(lasts_s)
        over_us = round(clock.time() * 1e6)
    except ActivationRefused as error:
        refusal = f"{error.code}: {error.text}"
    except (EndpointError, WireError) as error:
        refusal = str(error)
    about = {"name": NO_SCENARIO, "start": iso_ms(trace.start), "seed": seed, "mode": mode}
    first = header(scenario=NO_SCENARIO, sha256="", seed=seed or 0, mode=mode, start=trace.start, versions=versions())
    recording = recorder.recording(about)
    written = write_recording(folder, first, list(trace.events), recording, recorder.known, over_us)
    return Told(written, kept.write(raw) if raw is not None else "", refusal)
