"""Verdicts for programs: one JSON object, JUnit XML, annotations of GitHub.

Source: scenario-style.md section 11; the page that describes them is docs/reference/reports.md.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePath
from typing import Any, Final, get_args
from xml.etree import ElementTree as ET

from scenarios.runner.problems import Place
from scenarios.runner.run import Result
from scenarios.runner.suite import Verdict, shaky

VERDICTS_VERSION: Final = "1.1"
RESULTS: Final[tuple[Result, ...]] = get_args(Result)
ANNOTATION_CHARS_MAX: Final = 4_000
"""Of one annotation: GitHub cuts longer ones off."""
_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_json(verdicts: Sequence[Verdict]) -> bytes:
    """Return the verdicts as one JSON object; its members are only added to, and are listed in docs/reference/reports.md."""
    content = {
        "roomsim_verdicts": VERDICTS_VERSION,
        "counts": {name: sum(verdict.result == name for verdict in verdicts) for name in RESULTS},
        "smallest_failing_seeds": [
            {
                "file": row.smallest.play.file, "case": row.smallest.play.case, "name": row.smallest.play.name, "runs": row.runs,
                "failed": row.failed, "seed": row.smallest.play.seed, "command": row.command,
            }
            for row in shaky(verdicts)
        ],
        "runs": [_run(verdict) for verdict in verdicts],
    }  # fmt: skip
    return json.dumps(content, indent=2).encode() + b"\n"


def _run(verdict: Verdict) -> dict[str, Any]:
    play = verdict.play
    return {
        "file": play.file, "name": play.name, "case": play.case, "seed": play.seed, "mode": verdict.mode,
        "result": verdict.result, "reason": verdict.reason,
        "failures": [
            {"kind": one.kind, "step": one.step, **_place(one.place), "report": one.report} for one in verdict.failures
        ],
        "trace_hash": verdict.hash, "trace_file": verdict.trace_file,
        "took_s": round(verdict.took_s, 6), "scenario_s": round(verdict.scenario_s, 6),
        "steps": [
            {
                "step": one.step, "title": one.title, **_place(one.place), "result": one.result, "began_s": round(one.began_s, 6),
                "scenario_s": round(one.scenario_s, 6), "took_s": round(one.took_s, 6),
            }
            for one in verdict.timings
        ],
        "skipped_steps": [{"step": step, "reason": reason} for step, reason in verdict.skipped_steps],
        "labels": list(verdict.labels),
        "coverage": verdict.coverage,
    }  # fmt: skip


def _place(place: Place) -> dict[str, Any]:
    return {"file": place.file, "line": place.line, "column": place.column}


# JUnit


def as_junit(verdicts: Sequence[Verdict]) -> bytes:
    """Return the verdicts as JUnit XML: a suite for each directory, a case for each run."""
    times = Counter((verdict.play.file, verdict.play.name) for verdict in verdicts)
    root = ET.Element("testsuites", {"name": "roomsim", **_sums(verdicts)})
    for folder in sorted({str(PurePath(verdict.play.file).parent) for verdict in verdicts}):
        mine = [verdict for verdict in verdicts if str(PurePath(verdict.play.file).parent) == folder]
        suite = ET.SubElement(root, "testsuite", {"name": folder, **_sums(mine)})
        for verdict in mine:
            has_twins = times[verdict.play.file, verdict.play.name] > 1
            _case(suite, folder, verdict, f"[seed {verdict.play.seed}]" if has_twins else "")
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _sums(verdicts: Sequence[Verdict]) -> dict[str, str]:
    return {
        "tests": str(len(verdicts)),
        "failures": str(sum(one.result in ("failed", "xpassed") for one in verdicts)),
        "errors": str(sum(one.result == "error" for one in verdicts)),
        "skipped": str(sum(one.result in ("skipped", "xfailed") for one in verdicts)),
        "time": f"{sum(one.took_s for one in verdicts):.3f}",
    }


def _case(suite: Any, folder: str, verdict: Verdict, seed: str) -> None:
    name = f"{PurePath(verdict.play.file).name}::{_clean(verdict.play.name)}{seed}"
    case = ET.SubElement(suite, "testcase", classname=folder, name=name, time=f"{verdict.took_s:.3f}")
    case.attrib["file"] = verdict.play.file
    properties = ET.SubElement(case, "properties")
    values = {
        "seed": verdict.play.seed,
        "mode": verdict.mode,
        "trace_hash": verdict.hash,
        "trace_file": verdict.trace_file,
        "scenario_s": f"{verdict.scenario_s:.3f}",
    }
    for key, value in values.items():
        ET.SubElement(properties, "property", name=key, value=str(value))
    text = _clean("\n\n".join(verdict.reports))
    kind = verdict.failures[0].kind if verdict.failures else {"xpassed": "xpass"}.get(verdict.result, verdict.result)
    message = _clean(verdict.reason) or _clean("; ".join(in_short(verdict))) or kind
    if verdict.result in ("failed", "xpassed"):
        ET.SubElement(case, "failure", type=kind, message=message).text = text
    elif verdict.result == "error":
        ET.SubElement(case, "error", type=kind, message=message).text = text
    elif verdict.result in ("skipped", "xfailed"):
        ET.SubElement(case, "skipped", message=_clean(verdict.reason))
    shown = "\n".join(filter(None, (text, _clean(times_text(verdict)))))
    if shown:
        ET.SubElement(case, "system-out").text = shown


def _clean(text: str) -> str:
    """Write characters that XML cannot hold as escapes: texts of the other side are in reports."""
    return _NOT_XML.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def times_text(verdict: Verdict) -> str:
    """Write how long each step took, one line each: on the scenario's clock, and in real milliseconds."""
    lines = [f"  {'step':<10}{'at':>12}{'lasted':>12}{'really':>12}" if verdict.timings else ""]
    for one in verdict.timings:
        really = f"{one.took_s * 1000:.1f}ms"
        sign = "" if one.result == "passed" else f"  {one.result}"
        lines.append(f"  {one.step:<10}{one.began_s:>11.3f}s{one.scenario_s:>11.3f}s{really:>12}  {one.title}{sign}")
    return "\n".join(filter(None, lines))


def in_short(verdict: Verdict) -> Iterator[str]:
    """Say of each failure in one line what was expected, or what went wrong."""
    for failure in verdict.failures:
        lines = [line.strip() for line in failure.report.splitlines()]
        told = next(
            (line for line in lines if line.startswith(("expected ", "why ", "kind "))), lines[-1] if lines else ""
        )
        yield " ".join(told.split())


# GitHub


def as_github(verdicts: Iterable[Verdict]) -> Iterator[str]:
    """Write workflow commands that show each failure at its line of the file; a run that was skipped is a notice.

    Source: GitHub's "Workflow commands for GitHub Actions": `::error file=,line=,col=,title=::message`, with %, CR and LF escaped, and in
    properties colon and comma as well.
    """
    for verdict in verdicts:
        play = verdict.play
        title = f"{play.name} (seed {play.seed})"
        if verdict.result in ("skipped", "xfailed"):
            yield _command("notice", Place(play.file, 1, 1), f"{play.name}: {verdict.result}", verdict.reason)
            continue
        for failure in verdict.failures:
            yield _command("error", failure.place, f"{failure.kind}: {title}", failure.report)
        if not verdict.is_good and not verdict.failures:
            yield _command("error", Place(play.file, 1, 1), f"{verdict.result}: {title}", verdict.reason)


def _command(word: str, place: Place, title: str, message: str) -> str:
    properties = {"file": place.file, "line": str(place.line), "col": str(place.column), "title": title}
    told = ",".join(f"{name}={_escaped(value, is_property=True)}" for name, value in properties.items())
    return f"::{word} {told}::{_escaped(message[:ANNOTATION_CHARS_MAX])}"


def _escaped(text: str, *, is_property: bool = False) -> str:
    for sign, code in (("%", "%25"), ("\r", "%0D"), ("\n", "%0A"), *((":", "%3A"), (",", "%2C")) * is_property):
        text = text.replace(sign, code)
    return text
