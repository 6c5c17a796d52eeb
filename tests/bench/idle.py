"""Memory of one idle online device, device side, over TLS: many devices in one process, the stub in another."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import json
import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from endpoint.device.device import Device
from endpoint.device.settings import DeviceSettings
from endpoint.runtime.chance import Chance
from endpoint.runtime.clock import Clock, LoopTime
from endpoint.runtime.faults import Faults
from endpoint.runtime.net import NameTable, raise_open_file_limit
from endpoint.runtime.trace import NullTrace
from scenarios.runner.serving import lead_names

DEVICES = 150
SETTLE_S = 20.0
"""Until HTTP connections of the bring-up are closed."""
READY_S = 20.0


def measure() -> list[str]:
    """Measure with asyncio's loop and, where it is installed, with uvloop's."""
    lines = []
    for loop in ("asyncio", "uvloop"):
        answer = subprocess.run(
            [sys.executable, "-m", "tests.bench.idle", loop], capture_output=True, text=True, check=False
        )
        text = answer.stdout.strip() or answer.stderr.strip()[-200:]
        lines.append(f"{loop:<8} {text}")
    return [*lines, "(goal: at most 100 KiB; a TLS websocket alone takes 62 KiB on uvloop, 316 KiB on asyncio)"]


def resident_kib() -> int:
    """Return the resident memory of this process, without what the allocator keeps of connections that are closed."""
    gc.collect()
    with suppress(AttributeError, OSError):  # another libc
        ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


async def _fleet(ready: dict[str, str]) -> str:
    raise_open_file_limit()
    source = LoopTime(asyncio.get_running_loop())
    clock = Clock(source)
    trace = NullTrace(clock)
    faults, names, chance = Faults(clock, trace), NameTable(), Chance(None)
    lead_names(names, ready["https"], [])
    anchors = (Path(ready["ca"]).read_text(),)

    async def online(number: int) -> Device:
        settings = DeviceSettings(name=f"room{number}", anchors=anchors, log_lines=0)
        device = Device(settings, source=source, chance=chance, trace=trace, faults=faults, names=names)
        await device.boot()
        await device.activate(await _code(ready, number))
        await device.until_online(discovered=True)
        return device

    warm = [await online(number) for number in range(10)]
    await clock.sleep(SETTLE_S)
    before = resident_kib()
    devices = [await online(number) for number in range(10, 10 + DEVICES)]
    await clock.sleep(SETTLE_S)
    each = (resident_kib() - before) / DEVICES
    assert all(device.is_online for device in devices)
    for device in [*warm, *devices]:
        await device.close()
    return f"{each:.0f} KiB per idle online device ({DEVICES} devices)"


async def _code(ready: dict[str, str], number: int) -> str:
    import aiohttp

    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {ready['admin_token']}"}) as session,
        session.post(f"{ready['http']}/v1/workspaces", json={"displayName": f"Room {number}"}) as made,
    ):
        workspace = (await made.json())["id"]
        async with session.post(
            f"{ready['http']}/v1/devices/activationCode", json={"workspaceId": workspace}
        ) as issued:
            return str((await issued.json())["code"])


def _main(loop: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "cloud.json")
        cloud = subprocess.Popen(
            [sys.executable, "-m", "scenarios.runner.cli", "cloud", "serve", "--ready-file", str(file)],
            stdout=subprocess.DEVNULL,
        )
        try:
            while not file.exists():
                assert cloud.poll() is None, "the cloud did not start"
            ready = json.loads(file.read_text())
            if loop == "uvloop":
                import uvloop

                print(uvloop.run(_fleet(ready)))
            else:
                print(asyncio.run(_fleet(ready)))
        finally:
            cloud.terminate()
            cloud.wait()


if __name__ == "__main__":
    _main(sys.argv[1])
