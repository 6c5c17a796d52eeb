"""Recordings of shipped scenarios, made once for all tests that read them."""

from __future__ import annotations

import atexit
import json
from functools import cache
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

from endpoint.runtime.chance import Chance
from endpoint.runtime.clock import Clock
from endpoint.runtime.faults import Faults
from endpoint.runtime.net import NameTable, Net
from endpoint.runtime.tls import Authority
from endpoint.runtime.trace import Trace
from endpoint.wire.activation.code import parse_code
from scenarios.runner.commands import run_app
from scenarios.runner.recording.cloud import RecordedCloud
from scenarios.runner.recording.har_read import read_har
from scenarios.runner.recording.media import fleet_of
from scenarios.runner.recording.rules import Rules
from tests.endpoint.room.bookings.diary import ManualTime

SHIPPED = Path(__file__).parents[3] / "scenarios"


@cache
def recorded(name: str) -> Path:
    """Record a shipped scenario as the command does, and return the directory."""
    folder = Path(mkdtemp(prefix="roomsim-test-"))
    atexit.register(rmtree, folder, ignore_errors=True)
    assert run_app(["run", str(SHIPPED / f"{name}.yaml"), "--record", str(folder)]) == 0
    return folder


def har_of(folder: Path) -> dict[str, Any]:
    """Return the HAR file of a recording, decoded."""
    found: dict[str, Any] = json.loads((folder / "session.har").read_text(encoding="utf-8"))
    return found


def cloud_of(name: str, *, is_strict: bool = False) -> RecordedCloud:
    """Return the recorded cloud of a shipped scenario, without doors."""
    recording, _ = read_har(recorded(name) / "session.har")
    clock, authority, names = Clock(ManualTime()), Authority(), NameTable()
    trace = Trace(clock)
    faults = Faults(clock, trace)
    fleet = fleet_of(recording, Net("replay", clock, names, faults), clock, faults, trace, authority)
    code, chance = parse_code("1234567812345678"), Chance(3).actor("replay")
    return RecordedCloud(
        recording, code=code, clock=clock, chance=chance, rules=Rules(), is_strict=is_strict, root_pem=authority.pem, fleet=fleet
    )  # fmt: skip
