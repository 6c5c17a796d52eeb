"""The trace of format 1.0 that is kept, its scenario, and histories made by hand."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any, Final

from scenarios.runner.history.reader import History, read_stream

DATA: Final = Path(__file__).parents[2] / "data" / "traces"
TRACE: Final = DATA / "format-1.0.jsonl"
SCENARIO: Final = DATA / "format-1.0.yaml"
HEADER: Final = {
    "roomsim_trace": "1.0", "scenario": "A story", "sha256": "ab", "seed": 7, "mode": "virtual", "network": "memory",
    "start": "2026-03-02T08:50:00.000Z", "versions": {"roomsim": "0.1.0"},
}  # fmt: skip


def history(*events: dict[str, Any], **header: Any) -> History:
    """Make a history; `n`, `at` and `who` have defaults, `t` is in microseconds."""
    lines = [{**HEADER, **header}]
    for n, event in enumerate(events, 1):
        lines.append({"n": n, "t": 0, "at": "2026-03-02T08:50:00.000Z", "who": "device:room", **event})
    return read_stream(io.BytesIO("\n".join(map(json.dumps, lines)).encode()), "made.jsonl")
