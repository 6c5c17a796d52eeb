"""What runs cost: scenarios in a second, the history that they write, and a network that is not perfect."""

from __future__ import annotations

from io import StringIO
from itertools import cycle, islice
from typing import Any

from endpoint.runtime import virtual
from endpoint.runtime.clock import cpu_seconds
from endpoint.runtime.faults import Fault
from endpoint.runtime.quality import CONDITIONS
from endpoint.runtime.trace import NullTrace, Trace
from scenarios.runner.loader import load
from scenarios.runner.model import Scenario
from scenarios.runner.run import run_scenario
from tests.bench.ground import ground
from tests.scenarios.stories import SCENARIOS

FILES = (
    "morning.yaml", "activation/activation.yaml", "calendar/join_button.yaml", "calls/two_calls.yaml",
    "mercury/mercury_reset_catch_up.yaml",
)  # fmt: skip
RUNS = 15
HOURS = 6.0
POOR = {"latency": 0.08, "jitter": 0.02, "loss": 0.01, "rate": 2_000_000}


def measure() -> list[str]:
    """Measure runs of shipped scenarios, and a quarter of a device-day with and without a history and network conditions."""
    stories = [load(SCENARIOS / file)[0] for file in FILES]
    run_scenario(stories[0])  # what is done once in a process is no cost of a run
    runs_s, events, writing_s = _runs(list(islice(cycle(stories), RUNS)))
    bare_s, traced_s, poor_s = (
        min(virtual.run(lambda made=made, poor=poor: _hours(made, poor=poor)) for _ in range(2))
        for made, poor in ((NullTrace, False), (Trace, False), (NullTrace, True))
    )
    return [
        f"{RUNS} runs of {len(FILES)} scenarios: {RUNS / runs_s:.1f} a second and core, {events / RUNS:.0f} events each",
        f"writing their traces: {writing_s / runs_s:.1%} on top",
        f"a history costs {traced_s / bare_s - 1:.0%} of {HOURS:g} device-hours ({bare_s:.2f} s of processor time without one)",
        f"a perfect network: {HOURS / bare_s:.0f} device-hours per second; one with latency, jitter, loss, a rate: {HOURS / poor_s:.0f}",
    ]  # fmt: skip


def _runs(scenarios: list[Scenario]) -> tuple[float, int, float]:
    """Return the processor time of runs, their events, and the time that writing those takes."""
    running_s, writing_s, events = 0.0, 0.0, 0
    for scenario in scenarios:
        began = cpu_seconds()
        outcome = run_scenario(scenario)
        ended = cpu_seconds()
        assert outcome.result == "passed"
        assert outcome.trace is not None
        stream = StringIO()
        for event in outcome.trace.events:
            stream.write(event.as_json() + "\n")
        running_s, writing_s, events = (
            running_s + ended - began, writing_s + cpu_seconds() - ended, events + len(outcome.trace.events)
        )  # fmt: skip
    return running_s, events, writing_s


async def _hours(kind: Any, *, poor: bool) -> float:
    """Live for some hours, registered, with keep-alives, discoveries and catch-ups."""
    stage = await ground(trace=kind)
    device = stage.device(0)
    await device.boot()
    await device.activate(stage.code(0))
    await device.until_online(discovered=True)
    if poor:
        draws = stage.chance.actor("world").stream("network")
        stage.faults.arm(Fault("poor", "link", CONDITIONS, {}, POOR, draws=draws))
    began = cpu_seconds()
    await stage.clock.sleep(HOURS * 3600)
    used = cpu_seconds() - began
    assert device.is_online
    await device.close()
    await stage.cloud.stop()
    return used
