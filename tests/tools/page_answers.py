"""docs/reference/stub-answers.md: what the cloud answers, and what each answer rests on, from its routes."""

from __future__ import annotations

import asyncio
from typing import Final

from cloud_stub.cloud import Cloud
from cloud_stub.platform.routes import Label, Router
from endpoint.runtime.chance import Chance
from endpoint.runtime.clock import Clock, LoopTime
from endpoint.runtime.faults import Faults
from endpoint.runtime.net import NameTable
from endpoint.runtime.trace import Trace
from endpoint.runtime.virtual import run
from tests.tools.markdown import code, page, table

INTRODUCTION: Final = """
Paths are those under a single origin (`http://127.0.0.1:PORT`); under the names of the services some are shorter. Each answer has a label
that says what it rests on; failure reports print the labels of the answers in their picture.
"""
LABELS: Final = {
    Label.OBSERVED: "seen in recordings or on slides of the real thing",
    Label.DOCUMENTED: "public documentation, public schemas, RFCs, public client source",
    Label.INFERRED: "follows from what was observed or documented",
    Label.OURS: "our own design: the real thing may differ",
}


def stub_answers() -> str:
    """Return the page."""
    return page(
        "What the cloud answers",
        INTRODUCTION,
        table(("label", "meaning"), [(label.value, LABELS[label]) for label in Label]),
        table(
            ("service", "method", "path", "label"),
            [(service, method, code(path), label.value) for method, path, label, service in _routes()],
        ),
    )


def _routes() -> list[tuple[str, str, Label, str]]:
    """Ask a cloud that serves nobody for its routes; the control API has a page of its own."""
    found: list[tuple[str, str, Label, str]] = []

    async def main() -> None:
        clock = Clock(LoopTime(asyncio.get_running_loop()))
        trace = Trace(clock)
        cloud = Cloud(clock, Chance(1), trace, Faults(clock, trace), NameTable())
        found.extend(Router(service for service in cloud.services if service.name != "control").known)
        await cloud.stop()

    run(main)
    return sorted(found, key=lambda route: (route[3], route[1], route[0]))
