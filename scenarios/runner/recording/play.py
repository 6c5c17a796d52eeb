"""A recorded cloud played to a device: to one of ours in virtual time, or over real sockets to any.

The device of ours is activated with a code, comes online, and stays as long as the recording lasts.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from endpoint.cloud.activation import ActivationRefused
from endpoint.device.device import Device
from endpoint.device.settings import DeviceSettings
from endpoint.runtime import virtual
from endpoint.runtime.chance import Actor, Chance
from endpoint.runtime.clock import Clock, LoopTime
from endpoint.runtime.errors import EndpointError
from endpoint.runtime.faults import Faults
from endpoint.runtime.net import NameTable, Net
from endpoint.runtime.tls import Authority
from endpoint.runtime.trace import Event, Trace
from endpoint.wire.activation.code import CODE_DIGITS, ID_DIGITS, parse_code
from endpoint.wire.errors import WireError
from scenarios.runner.recording.cloud import RecordedCloud
from scenarios.runner.recording.deeds import do_again
from scenarios.runner.recording.media import fleet_of
from scenarios.runner.recording.model import Recording
from scenarios.runner.recording.rules import Rules, instant_of
from scenarios.runner.recording.serve import Doors

WHO: Final = "replay"
ONLINE_MAX_S: Final = 120.0
LASTS_MAX_S: Final = 30 * 86_400.0
LAST_S: Final = 0.01
"""So much longer a replay lasts: what was said last is to be heard."""


@dataclass
class Played:
    """What came of a replay to a device of ours.

    Attributes:
        problems: what went otherwise than it should, in lines.
        near_misses: requests that are not in the recording, each explained in lines.
        missed: what was done to the recorded device and could not be done again.
        left: recorded requests that nobody made.
        log: the device log.
    """

    recording: Recording
    is_online: bool = False
    requests: int = 0
    unmatched: int = 0
    problems: list[str] = field(default_factory=list)
    near_misses: list[list[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    left: int = 0
    status: dict[str, Any] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    trace: Trace | None = None

    @property
    def is_good(self) -> bool:
        """Say whether the device came online and asked for nothing that is not in the recording."""
        return self.is_online and not self.unmatched and not self.problems


def draw_code(recording: Recording, chance: Actor) -> str:
    """Return a code that the recording can be played with: the public half as recorded, the secret half drawn."""
    draws = chance.stream("replayed code")
    return (recording.activation_id or draws.digits(ID_DIGITS)) + draws.digits(CODE_DIGITS - ID_DIGITS)


def play(recording: Recording, *, rules: Rules, is_strict: bool, seed: int | None = None, code: str = "") -> Played:
    """Play a recording to a device of ours, in virtual time.

    Args:
        seed: of what is drawn anew; another one than the recording's gives the device other ids.
        code: what the device is activated with; drawn where it is empty.

    Raises:
        MalformedCode: `code` is no code.
    """
    recorded_seed = recording.about.get("seed")
    chosen = seed if seed is not None else recorded_seed if isinstance(recorded_seed, int) else 0
    return virtual.run(lambda: _play(recording, rules, is_strict, chosen, code))


async def _play(recording: Recording, rules: Rules, is_strict: bool, seed: int, code: str) -> Played:
    loop = asyncio.get_running_loop()
    source = LoopTime(loop, instant_of(str(recording.about.get("start", ""))))
    clock, chance, names = Clock(source), Chance(seed), NameTable()
    trace = Trace(clock)
    faults = Faults(clock, trace)
    authority, actor = Authority(), chance.actor(WHO)
    code = code or draw_code(recording, actor)
    name, net = device_name(recording), Net(WHO, clock, names, faults)
    fleet = fleet_of(recording, net, clock, faults, trace, authority)
    cloud = RecordedCloud(
        recording,
        code=parse_code(code),
        clock=clock,
        chance=actor,
        rules=rules,
        is_strict=is_strict,
        root_pem=authority.pem,
        fleet=fleet,
    )
    doors = Doors(cloud, clock, authority)
    await fleet.start()
    await doors.open(net, names, https=("127.0.0.1", 0), http=("127.0.0.1", 0))
    settings = DeviceSettings(name=name, anchors=(authority.pem,))
    device = Device(settings, source=source, chance=chance, trace=trace, faults=faults, names=names)
    played = Played(recording, trace=trace)
    device.on_log = played.log.append
    try:
        await _live(device, clock, recording, code, played)
    finally:
        played.requests, played.unmatched = cloud.requests, cloud.unmatched_count
        played.near_misses = list(cloud.unmatched)  # what follows is taking down
        played.notes = [
            *cloud.notes,
            *(f"{count} x {kind} could not be made anew" for kind, count in cloud.remade.lost.items()),
        ]
        played.left = len(recording.exchanges) - len(cloud.matcher.used)
        await device.close()
        await doors.close()
        await fleet.stop()
    return played


async def _live(device: Device, clock: Clock, recording: Recording, code: str, played: Played) -> None:
    """Boot, activate, come online, and stay as long as the recording lasts."""
    await device.boot()
    try:
        await device.activate(code)
    except ActivationRefused as error:
        played.problems.append(f"the activation was refused: {error.code}: {error.text}")
    except (EndpointError, WireError) as error:
        played.problems.append(f"the activation failed: {error}")
    if played.problems:
        return
    with suppress(TimeoutError):
        async with clock.timeout(ONLINE_MAX_S):
            await device.until_online()
            played.is_online = True
    if not played.is_online:
        played.problems.append(f"the device is not online after {ONLINE_MAX_S:g} s")
    played.missed = await do_again(device, clock, recording)
    left_s = min(LASTS_MAX_S, lasts_s(recording)) + LAST_S - clock.time()
    if left_s > 0:
        await clock.sleep(left_s)
    played.status = {
        "Webex Status": device.status.get(("Webex", "Status")),
        "Bookings": [booking.title for booking in device.local.bookings.store],
        "Calls": sum(_connects(event) for event in played.trace.events) if played.trace is not None else 0,
    }


def _connects(event: Event) -> bool:
    return event.kind == "machine" and event.data.get("machine") == "call" and event.data.get("to") == "connected"


def lasts_s(recording: Recording) -> float:
    """Return how long a recording lasts, in seconds from its start."""
    ends = [one.t_us + one.took_us for one in recording.exchanges]
    ends += [message.t_us for message in recording.messages]
    return max(ends, default=0) / 1e6


def device_name(recording: Recording) -> str:
    """Return the name of the recorded device, `room` where it has none."""
    found = next((one.device for one in recording.exchanges if one.device), "device:room")
    return found.removeprefix("device:") or "room"


def har_file(path: Path) -> Path:
    """Return the HAR file of a recording: the file itself, or the one in the directory."""
    return path / "session.har" if path.is_dir() else path
