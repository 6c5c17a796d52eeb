"""What a run says to people, while it goes on and afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from rich.console import Console
from rich.text import Text

from endpoint.runtime.trace import Event
from scenarios.runner.bar import Bar
from scenarios.runner.failure import highlight
from scenarios.runner.ladder import Ladder, heading
from scenarios.runner.suite import Play, Verdict, shaky
from scenarios.runner.verdict_files import times_text

WORDS = {
    "passed": ("PASS", "green"),
    "failed": ("FAIL", "bold red"),
    "error": ("ERROR", "bold red"),
    "skipped": ("SKIP", "yellow"),
    "xfailed": ("XFAIL", "yellow"),
    "xpassed": ("XPASS", "bold red"),
}
STYLES = {"message": "", "state": "cyan", "fault": "red", "warning": "yellow", "step": "bold", "dull": "dim"}


class Reporter:
    """Prints verdicts as they come.

    Args:
        ladder: draw both sides of what happens, too.
        labels: print below each verdict what the answers of the cloud rest on.
        times: print below each verdict how long each step took.
    """

    def __init__(self, stream: TextIO, *, ladder: bool = False, labels: bool = False, times: bool = False) -> None:
        self._console = Console(file=stream, highlight=False, soft_wrap=True)
        self._ladder: Ladder | None = Ladder() if ladder else None
        self._draws = ladder
        self._labels = labels
        self._times = times
        self._told: set[str] = set()
        self._bar: Bar | None = None

    def expect(self, runs: int) -> None:
        """Show how many of so many runs are done, where the stream is a terminal that nothing else is drawn on."""
        if not self._draws:
            self._bar = Bar(self._console, runs, bad="failed")

    def done(self, verdict: Verdict) -> None:
        """A run is done; its verdict is told when it is its turn."""
        if self._bar is not None:
            self._bar.done(is_good=verdict.is_good)

    def over(self) -> None:
        """Nothing more is done: take the progress away."""
        if self._bar is not None:
            self._bar.over()
            self._bar = None

    def begin(self, play: Play) -> None:
        """A run begins."""
        if self._draws:
            self._ladder = Ladder()
            self._console.print(Text(f"== {play.name}  (seed {play.seed})", style="bold"))
            self._console.print(Text(heading(), style="dim"))

    def watch(self, event: Event) -> None:
        """Draw an event."""
        if self._ladder is None:
            return
        for line in self._ladder.feed(event):
            self._console.print(Text(line.text(0), style=STYLES[line.style]))

    def note(self, text: str) -> None:
        """Print a line about the run that has just been done."""
        self._console.print(Text(text))

    def report(self, text: str) -> None:
        """Print a failure report, once."""
        if text not in self._told:
            self._told.add(text)
            self._console.print(highlight(text))

    def verdict(self, verdict: Verdict) -> None:
        """A run is over."""
        word, style = WORDS[verdict.result]
        line = Text(f"{word:<5} ", style=style)
        line.append(f"{verdict.play.file}  {verdict.play.name}", style="")
        seed = f"seed {verdict.play.seed}  " if verdict.result != "skipped" else ""
        line.append(f"  ({seed}{verdict.scenario_s:.1f}s in {verdict.took_s:.2f}s)", style="dim")
        if verdict.reason:
            line.append(f"  {verdict.reason}")
        self._console.print(line)
        for report in verdict.reports:
            self.report(report)
        self._told.clear()
        for step, reason in verdict.skipped_steps:
            self._console.print(Text(f"      step {step} skipped: {reason}", style="yellow"))
        if self._times and verdict.timings:
            self._console.print(Text(times_text(verdict), style="dim"))
        if self._labels:
            for label in verdict.labels:
                self._console.print(Text(f"  label     {label}", style="dim"))

    def summary(self, verdicts: Sequence[Verdict]) -> None:
        """All runs are over: print `N passed, N failed` and what else there was; of several seeds, the smallest that fails."""
        for row in shaky(verdicts):
            seed = row.smallest.play.seed
            told = f"{row.smallest.play.name}: {row.failed} of {row.runs} seeds fail, the smallest is {seed}"
            self._console.print(Text(told, style="bold red"))
            self._console.print(Text(f"  replay    {row.command}"))
        counts = {name: sum(verdict.result == name for verdict in verdicts) for name in WORDS}
        bad = counts["failed"] + counts["error"] + counts["xpassed"]
        good = counts["passed"] + counts["xfailed"]
        skipped = f", {counts['skipped']} skipped" if counts["skipped"] else ""
        self._console.print(f"{good} passed, {bad} failed{skipped}")
