"""Scenario files as pytest sees them: a collector for each file, a test for each case and seed.

Source: scenario-style.md section 11.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pytest
from _pytest._code.code import ExceptionInfo, ReprFileLocation, TerminalRepr
from _pytest._io import TerminalWriter

from endpoint.wire.xapi.nodes import nodes
from scenarios.runner.loader import load_bytes
from scenarios.runner.model import Scenario
from scenarios.runner.player import Failure
from scenarios.runner.problems import Place, ScenarioError
from scenarios.runner.pytest_plugin import MARK, OWN
from scenarios.runner.run import Outcome, RunOptions, run_scenario
from scenarios.runner.suite import write_trace
from scenarios.runner.verdict_files import short_of

FAILED: Final = "failed"


class Unmet(Exception):
    """A scenario did not pass; what to show is the report, not where this was raised.

    Attributes:
        is_broken: the stage could not be set, or a step of `setup` failed.
    """

    def __init__(self, text: str, place: Place, short: str, *, is_broken: bool = False) -> None:
        self.text = text
        self.place = place
        self.short = short
        self.is_broken = is_broken
        super().__init__(text)


class Report(TerminalRepr):
    """A failure report as pytest prints it, with the place that its summary and editors show."""

    def __init__(self, unmet: Unmet) -> None:
        self.text = unmet.text
        self.reprcrash = ReprFileLocation(unmet.place.file, unmet.place.line, unmet.short)

    def toterminal(self, tw: TerminalWriter) -> None:
        """Print it; the first word and the line that was expected stand out."""
        for line in self.text.splitlines():
            marks = {"red": True, "bold": True} if line.startswith(("FAIL", "ERROR", "XPASS")) else {}
            marks |= {"bold": True} if line.startswith(("  expected", "  nearest", "  kind", "  why")) else {}
            tw.line(line, **marks)


class ScenarioFile(pytest.File):
    """A scenario file; a part of scenarios has no tests."""

    def collect(self) -> Iterable[ScenarioItem]:
        """Return a test for each case and seed."""
        config = self.config
        seed, seeds = config.getoption("--roomsim-seed"), config.getoption("--roomsim-seeds")
        for scenario in load_bytes(self.path.read_bytes(), shown(self.path), table=nodes()):
            first = scenario.head.seed if seed is None else seed
            for more in range(seeds):
                yield ScenarioItem.of(self, scenario, first + more, names_seed=seeds > 1)

    def repr_failure(self, excinfo: ExceptionInfo[BaseException], style: Any = None) -> str | TerminalRepr:
        """Print what is wrong in the file, as `roomsim check` does."""
        if isinstance(excinfo.value, ScenarioError):
            return str(excinfo.value)
        return super().repr_failure(excinfo)


class ScenarioItem(pytest.Item):
    """One run of one scenario."""

    scenario: Scenario
    seed: int

    @classmethod
    def of(cls, parent: ScenarioFile, scenario: Scenario, seed: int, *, names_seed: bool) -> ScenarioItem:
        """Make the test of a scenario and a seed."""
        name = re.sub(r"\s+|::", lambda found: " " if found[0].isspace() else ":", scenario.head.name)
        name += f"[{scenario.case}]" if scenario.case is not None else ""
        item = cls.from_parent(parent, name=f"{name}[seed {seed}]" if names_seed else name)
        item.scenario, item.seed = scenario, seed
        for tag in (MARK, *scenario.head.tags):
            if tag not in OWN:
                item.config.addinivalue_line("markers", f"{tag}: scenarios with this tag")
                item.add_marker(tag)
        return item

    def runtest(self) -> None:
        """Run it, and raise what pytest makes its verdict of."""
        mode, folder = self.config.getoption("--roomsim-mode"), self.config.getoption("--roomsim-traces")
        file = trace_file(folder, self) if folder is not None else None
        options = RunOptions(trace_file="" if file is None else shown(file))
        outcome = run_scenario(self.scenario, options, seed=self.seed, mode=mode)
        self.user_properties += [("seed", self.seed), ("mode", mode), ("trace_hash", outcome.hash)]
        self.user_properties.append(("scenario_s", round(outcome.scenario_s, 6)))
        if file is not None and outcome.trace is not None and outcome.result in ("failed", "error", "xpassed"):
            file.parent.mkdir(parents=True, exist_ok=True)
            write_trace(file, outcome, outcome.trace)
            self.user_properties.append(("trace_file", str(file)))
        judge(outcome)

    def repr_failure(self, excinfo: ExceptionInfo[BaseException], style: Any = None) -> str | TerminalRepr:
        """Print the report of a scenario that failed; a traceback only of a defect of ours."""
        if isinstance(excinfo.value, Unmet):
            return Report(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        """Say where it is: at the first step."""
        return self.path, self.scenario.steps[0].place.line - 1, self.name


def judge(outcome: Outcome) -> None:
    """Turn an outcome into what pytest knows; returns when it passed.

    Raises:
        Unmet: it failed, or passed though it should not.
    """
    first = outcome.scenario.steps[0].place
    match outcome.result:
        case "skipped":
            pytest.skip(outcome.reason)
        case "xfailed":
            pytest.xfail(outcome.reason)
        case "xpassed":
            text = f"XPASS {first}  it passed, and `xfail` says that it would not: {outcome.reason}"
            raise Unmet(text, first, f"xpass: {outcome.reason}")
        case "failed" | "error":
            raise unmet(outcome.failures, outcome.reason, first, is_broken=outcome.result == "error")
        case "passed":
            pass


def unmet(failures: list[Failure], reason: str, first: Place, *, is_broken: bool = False) -> Unmet:
    """Return what shows the reports of a run."""
    reports = [failure.report for failure in failures]
    if not reports or reason:
        reports.insert(0, f"ERROR {first}  {reason}")
    place = failures[0].place if failures else first
    short = short_of(failures[0]) if failures else reason
    return Unmet("\n\n".join(reports), place, short, is_broken=is_broken)


def finish(report: pytest.TestReport, call: pytest.CallInfo[None]) -> None:
    """Count a run whose stage could not be set as an error, not as a failure."""
    if call.excinfo is not None and isinstance(call.excinfo.value, Unmet) and call.excinfo.value.is_broken:
        report.when = "setup"


def shown(path: Path) -> str:
    """Return how a file is named in reports: relative to where pytest was called, so that the replay command can be copied."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def trace_file(folder: Path, item: ScenarioItem) -> Path:
    """Name the file for the trace of a test; different tests have different files, in any order and process."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", item.name).strip("-")[:80]
    return folder / f"{item.path.stem}-{plain}-{sha256(item.nodeid.encode()).hexdigest()[:8]}.jsonl"
