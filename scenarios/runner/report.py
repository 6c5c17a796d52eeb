"""What a run says while it goes on and afterwards: lines for people, JUnit XML and JSON for programs."""

from __future__ import annotations

import json
import re
from pathlib import PurePath
from typing import Any, TextIO
from xml.etree import ElementTree as ET

from rich.console import Console
from rich.text import Text

from endpoint.runtime.trace import Event
from scenarios.runner.failure import highlight
from scenarios.runner.ladder import Ladder, heading
from scenarios.runner.suite import Play, Verdict

WORDS = {
    "passed": ("PASS", "green"),
    "failed": ("FAIL", "bold red"),
    "error": ("ERROR", "bold red"),
    "skipped": ("SKIP", "yellow"),
    "xfailed": ("XFAIL", "yellow"),
    "xpassed": ("XPASS", "bold red"),
}
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
STYLES = {"message": "", "state": "cyan", "fault": "red", "warning": "yellow", "step": "bold", "dull": "dim"}


class Reporter:
    """Prints verdicts as they come; with `ladder` also both sides of what happens."""

    def __init__(self, stream: TextIO, *, ladder: bool = False) -> None:
        self._console = Console(file=stream, highlight=False, soft_wrap=True)
        self._ladder: Ladder | None = Ladder() if ladder else None
        self._draws = ladder

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
            self._console.print(highlight(report))
        for step, reason in verdict.skipped_steps:
            self._console.print(Text(f"      step {step} skipped: {reason}", style="yellow"))

    def summary(self, verdicts: list[Verdict]) -> None:
        """All runs are over: print `N passed, N failed` and what else there was."""
        counts = {name: sum(verdict.result == name for verdict in verdicts) for name in WORDS}
        bad = counts["failed"] + counts["error"] + counts["xpassed"]
        good = counts["passed"] + counts["xfailed"]
        skipped = f", {counts['skipped']} skipped" if counts["skipped"] else ""
        self._console.print(f"{good} passed, {bad} failed{skipped}")

    def json(self, verdicts: list[Verdict]) -> bytes:
        """Return the verdicts as one JSON object: `roomsim_verdicts` (version of this form), `counts` by result, and `runs`.

        A run has `file`, `name`, `case` (or null), `seed`, `mode`, `result` (passed, failed, error, skipped, xfailed, xpassed), `reason`,
        `failures` (each `kind`, `step`, `file`, `line`, `column`, `report`), `trace_hash`, `trace_file`, `took_s` (real), `scenario_s`,
        `skipped_steps` (each `step`, `reason`) and `labels` (a line per service: what its answers rest on). Members are only added.
        """
        counts = {name: sum(verdict.result == name for verdict in verdicts) for name in WORDS}
        runs = [_run_as_json(verdict) for verdict in verdicts]
        return json.dumps({"roomsim_verdicts": "1.0", "counts": counts, "runs": runs}, indent=2).encode() + b"\n"

    def junit(self, verdicts: list[Verdict]) -> bytes:
        """Return the verdicts as JUnit XML: a suite per directory, a case per run."""
        root = ET.Element("testsuites", name="roomsim")
        for folder in sorted({str(PurePath(verdict.play.file).parent) for verdict in verdicts}):
            mine = [verdict for verdict in verdicts if str(PurePath(verdict.play.file).parent) == folder]
            suite = ET.SubElement(
                root, "testsuite", name=folder, tests=str(len(mine)),
                failures=str(sum(one.result in ("failed", "xpassed") for one in mine)),
                errors=str(sum(one.result == "error" for one in mine)),
                skipped=str(sum(one.result in ("skipped", "xfailed") for one in mine)),
            )  # fmt: skip
            for verdict in mine:
                _case(suite, folder, verdict)
        ET.indent(root)
        return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _run_as_json(verdict: Verdict) -> dict[str, Any]:
    play = verdict.play
    return {
        "file": play.file, "name": play.name, "case": play.case, "seed": play.seed, "mode": verdict.mode,
        "result": verdict.result, "reason": verdict.reason,
        "failures": [
            {
                "kind": one.kind, "step": one.step, "file": one.place.file, "line": one.place.line, "column": one.place.column,
                "report": one.report,
            }
            for one in verdict.failures
        ],
        "trace_hash": verdict.hash, "trace_file": verdict.trace_file,
        "took_s": round(verdict.took_s, 6), "scenario_s": round(verdict.scenario_s, 6),
        "skipped_steps": [{"step": step, "reason": reason} for step, reason in verdict.skipped_steps],
        "labels": list(verdict.labels),
    }  # fmt: skip


def _case(suite: Any, folder: str, verdict: Verdict) -> None:
    name = f"{PurePath(verdict.play.file).name}::{_clean(verdict.play.name)}"
    case = ET.SubElement(suite, "testcase", classname=folder, name=name, time=f"{verdict.took_s:.3f}")
    properties = ET.SubElement(case, "properties")
    values = {
        "seed": verdict.play.seed,
        "mode": verdict.mode,
        "trace_hash": verdict.hash,
        "trace_file": verdict.trace_file,
    }
    for key, value in values.items():
        ET.SubElement(properties, "property", name=key, value=str(value))
    text = _clean("\n\n".join(verdict.reports))
    kind = verdict.failures[0].kind if verdict.failures else {"xpassed": "xpass"}.get(verdict.result, verdict.result)
    if verdict.result in ("failed", "xpassed"):
        ET.SubElement(case, "failure", type=kind, message=_clean(verdict.reason) or kind).text = text
    elif verdict.result == "error":
        ET.SubElement(case, "error", type=kind, message=_clean(verdict.reason) or kind).text = text
    elif verdict.result in ("skipped", "xfailed"):
        ET.SubElement(case, "skipped", message=_clean(verdict.reason))
    if text:
        ET.SubElement(case, "system-out").text = text


def _clean(text: str) -> str:
    """Write characters that XML cannot hold as escapes: texts of the other side are in reports."""
    return _NOT_XML.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
