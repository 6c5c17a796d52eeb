"""`roomsim trace check`: the scenario of a history, its verdict, and how that is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.text import Text

from endpoint.runtime.clock import real_seconds
from endpoint.runtime.trace import trace_hash
from endpoint.wire.xapi.nodes import nodes
from scenarios.runner.conditions import MICROSECONDS
from scenarios.runner.exits import Exit, refused
from scenarios.runner.history.drawing import clean
from scenarios.runner.history.judging import Judgement, judge
from scenarios.runner.history.reader import History
from scenarios.runner.loader import load
from scenarios.runner.model import Scenario
from scenarios.runner.problems import ScenarioError
from scenarios.runner.report import Reporter
from scenarios.runner.suite import Play, Verdict
from scenarios.runner.verdict_files import as_json


class CheckCommand:
    """Judges one history by one scenario file."""

    def __init__(self, file: Path, history: History, out: TextIO) -> None:
        self._file = file
        self._history = history
        self._out = out

    def run(self, json_file: Path | None = None) -> int:
        """Judge, print, and return the exit code.

        Raises:
            OSError: the JSON file cannot be written.
        """
        scenario = self._scenario()
        began_s = real_seconds()
        judgement = judge(scenario, self._history)
        verdict = self._verdict(scenario, judgement, real_seconds() - began_s)
        reporter = Reporter(self._out)
        reporter.verdict(replace(verdict, skipped_steps=()))
        self._tell(scenario, judgement)
        if json_file is not None:
            json_file.write_bytes(as_json([verdict]))
        if judgement.failures:
            return Exit.NO
        return Exit.NOTHING if judgement.is_open else Exit.OK

    def _scenario(self) -> Scenario:
        """Return the scenario, and the case, that the history is of; the only one of the file if its name is another now."""
        try:
            found = load(self._file, table=nodes())
        except ScenarioError as error:
            raise refused("\n".join(map(str, error.problems))) from None
        wanted = self._history.header.scenario
        named = [scenario for scenario in found if scenario.name == wanted]
        if not named and len(found) != 1:
            known = "; ".join(scenario.name for scenario in found)
            raise refused(f"{self._file}: {clean(wanted)!r}, which the history is of, is not among its cases: {known}")
        return (named or found)[0]

    def _verdict(self, scenario: Scenario, judgement: Judgement, took_s: float) -> Verdict:
        history = self._history
        return Verdict(
            Play(scenario.file, scenario.case, scenario.name, history.header.seed),
            history.header.mode,
            "failed" if judgement.failures else "skipped" if judgement.is_open else "passed",
            reason=_open(judgement) if judgement.is_open else "",
            failures=tuple(judgement.failures),
            hash=trace_hash(history.events),
            trace_file=history.file,
            took_s=took_s,
            scenario_s=max((event.t for event in history.events), default=0) / MICROSECONDS,
            skipped_steps=tuple((step, f"not judged: {reason}") for step, reason in judgement.unjudged),
        )

    def _tell(self, scenario: Scenario, judgement: Judgement) -> None:
        console = Console(file=self._out, highlight=False, soft_wrap=True)
        header = self._history.header
        if header.sha256 != scenario.sha256:
            note = "note  the file was changed after this history was written; it is judged as the file stands now"
            console.print(Text(note, style="yellow"))
        for step, reason in judgement.unjudged:
            console.print(Text(f"      step {step} not judged: {clean(reason)}", style="yellow"))
        left = len(judgement.unjudged)
        console.print(f"{judgement.judged} judged, {len(judgement.failures)} failed, {left} not judged")


def _open(judgement: Judgement) -> str:
    """Say what failed in that run and is not known now."""
    if not judgement.open:
        return "nothing of it could be judged"
    failed = ", ".join(f"step {name} ({kind})" for name, kind in judgement.open)
    return f"what failed in that run could not be judged: {failed}"
