"""The report of a failed step, as plain text.

It says where in the file, what was expected and what nearly was, what both sides did, what was waited for, and how to see it again.
Source: scenario-style.md section 10.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import Final

from rich.text import Text

from scenarios.runner.checks import Finding
from scenarios.runner.conditions import MICROSECONDS
from scenarios.runner.problems import Place
from scenarios.runner.values import show_duration

WIDTH: Final = 110
"""Column in which places end."""
_MARK: Final = "<<<"


@dataclass(frozen=True, slots=True)
class FailureReport:
    """What a report shows beside the finding itself.

    `start` is the wall time at microsecond 0, `began` and `ended` are microseconds; `states` and `next_timer` are for the line "waiting",
    `why` says why there is no Join button where one was expected, `ladder` comes from `ladder.picture`; `uses` is where the part is used
    that the step stands in, the outermost first; empty texts are left out.
    """

    place: Place
    step: str
    title: str
    finding: Finding
    start: datetime
    began: int
    ended: int
    seed: int
    mode: str
    uses: tuple[Place, ...] = ()
    trace_file: str = ""
    states: str = ""
    next_timer: str = ""
    ladder: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    why: str = ""
    replay: str = ""


def render(report: FailureReport) -> str:
    """Print a report; the last line has no line end."""
    lines = [f"FAIL {report.place}  step {report.step}  {report.title}", _when(report)]
    if report.uses:
        lines.append(_row("used at", " -> ".join(map(str, report.uses))))
    finding = report.finding
    if finding.kind != "expectation":
        lines.append(_row("kind", f"{finding.kind}: {finding.note}" if finding.note else finding.kind))
    elif finding.note:
        lines.append(_row("why", finding.note))
    within = f"  within {show_duration(finding.allowed_s)}" if finding.allowed_s is not None else ""
    for unmet in finding.unmet:
        # `never` and a fault that was not used have no window
        lines.append(_placed(_row("expected", unmet.text + (within if finding.kind != "never" else "")), unmet.place))
        lines.append(_marked(_row("found" if finding.kind == "never" else "nearest", unmet.nearest), unmet.mark))
        lines += [f"    {line}".rstrip() for line in unmet.detail]
    if report.why:
        lines.append(_row("why", report.why))
    if finding.met:
        lines.append(_row("met", "; ".join(finding.met)))
    lines.append(_row("waiting", _waiting(report)))
    lines += report.ladder
    if report.labels:
        lines.append(_row("labels", "; ".join(report.labels)))
    if report.replay:
        lines.append(_row("replay", report.replay))
    return "\n".join(lines)


def _row(name: str, text: str) -> str:
    return f"  {name:<8}  {text}"


def _placed(row: str, place: Place) -> str:
    short = f"{PurePath(place.file).name}:{place.line}:{place.column}"
    return f"{row}  {short:>{max(0, WIDTH - len(row) - 2)}}"


def _marked(row: str, mark: str) -> str:
    if not mark:
        return row
    flag = f"{_MARK} {mark}"
    return f"{row}  {flag:>{max(0, WIDTH - len(row) - 2)}}"


def _when(report: FailureReport) -> str:
    began, ended = (_wall(report.start, at) for at in (report.began, report.ended))
    trace = f"   trace {report.trace_file}" if report.trace_file else ""
    return f"  {began} -> {ended}   seed {report.seed}   {report.mode}{trace}"


def _wall(start: datetime, at: int) -> str:
    return (start + timedelta(microseconds=at)).isoformat(timespec="milliseconds")[11:23]


def _waiting(report: FailureReport) -> str:
    finding = report.finding
    waited = f"{finding.waited_us / MICROSECONDS:.3f}s"
    if finding.allowed_s is not None:
        waited += f" of {show_duration(finding.allowed_s)}"
    timer = f"next timer: {report.next_timer}" if report.next_timer else ""
    return "; ".join(part for part in (waited, report.states, timer) if part)


def highlight(text: str) -> Text:
    """Colour a report for a terminal; the characters stay the same."""
    shown = Text(text)
    shown.highlight_regex(r"^FAIL", "bold red")
    shown.highlight_regex(rf"{_MARK} .*$", "yellow")
    shown.highlight_regex(r"(?m)^  (expected|nearest|found|kind|why)\b", "bold")
    shown.highlight_regex(r"(?m)^  (met)\b", "green")
    shown.highlight_regex(r"-{3,}>|<-{3,}|-+x", "cyan")
    return shown


def summary(findings: Iterable[Finding]) -> str:
    """Count findings by kind: `2 expectation, 1 unexpected`."""
    counts: dict[str, int] = {}
    for finding in findings:
        counts[finding.kind] = counts.get(finding.kind, 0) + 1
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
