"""Recordings of shipped scenarios, made once for all tests that read them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from scenarios.runner.commands import run_app

SHIPPED = Path(__file__).parents[3] / "scenarios"


@cache
def recorded(name: str) -> Path:
    """Record a shipped scenario as the command does, and return the directory."""
    folder = Path(mkdtemp(prefix="roomsim-test-"))
    assert run_app(["run", str(SHIPPED / f"{name}.yaml"), "--record", str(folder)]) == 0
    return folder


def har_of(folder: Path) -> dict[str, Any]:
    """Return the HAR file of a recording, decoded."""
    found: dict[str, Any] = json.loads((folder / "session.har").read_text(encoding="utf-8"))
    return found
