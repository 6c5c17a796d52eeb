"""`roomsim demo`: a whole morning on a live ladder, and the xStatus that a tester would look at."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Final, TextIO

from rich.console import Console
from rich.text import Text

from endpoint.wire.xapi.nodes import nodes
from endpoint.wire.xapi.terminal import status_lines
from scenarios.runner.failure import highlight
from scenarios.runner.ladder import heading
from scenarios.runner.loader import load
from scenarios.runner.report import Reporter
from scenarios.runner.run import RunOptions, run_scenario
from scenarios.runner.stage import Stage
from scenarios.runner.suite import Play

SHOWN: Final = (
    ("SystemUnit", "Software"),
    ("SystemUnit", "State"),
    ("Webex",),
    ("Provisioning",),
    ("UserInterface", "ContactInfo"),
    ("Conference",),
    ("Experimental", "CalliopeDiscovery"),
    ("Bookings",),
    ("Diagnostics",),
)


def play_demo(stream: TextIO) -> bool:
    """Play `morning.yaml`; returns whether it passed."""
    with resources.as_file(resources.files("scenarios").joinpath("morning.yaml")) as file:
        scenario = load(Path(file), table=nodes())[0]
    reporter = Reporter(stream, ladder=True)
    console = Console(file=stream, highlight=False, soft_wrap=True)
    console.print(Text(scenario.name, style="bold"))
    console.print(Text("left: the device, right: the cloud; one seed, one clock, which jumps when nothing happens"))
    console.print(Text(heading(), style="dim"))
    shown: list[str] = []

    def keep(stage: Stage) -> None:
        tree = stage.devices["room"].status
        for prefix in SHOWN:
            shown.extend(status_lines(tree.below(prefix)))

    outcome = run_scenario(scenario, RunOptions(watch=reporter.watch, after=keep))
    for report in outcome.reports:
        console.print(highlight(report))
    console.print()
    console.print(Text("xStatus", style="bold"))
    for line in shown:
        console.print(Text(line))
    console.print()
    passed = outcome.result == "passed"
    verdict = f"{'PASS' if passed else 'FAIL'}  {outcome.steps_done} steps, {outcome.scenario_s / 60:.1f} minutes of a morning"
    console.print(
        Text(
            f"{verdict} in {outcome.took_s:.2f} s   trace {outcome.hash[:16]}",
            style="bold green" if passed else "bold red",
        )
    )
    play = Play(scenario.file, None, scenario.name, outcome.seed)
    console.print(Text(f"next: roomsim run scenarios, roomsim cloud serve --help   (seed {play.seed})", style="dim"))
    return passed
