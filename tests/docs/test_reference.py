"""Reference pages written by hand name everything that there is to name."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path
from typing import Any, get_args

import pytest

from cloud_stub.cloud import Cloud
from endpoint.runtime.chance import Chance
from endpoint.runtime.clock import Clock, LoopTime
from endpoint.runtime.faults import Faults
from endpoint.runtime.net import NameTable
from endpoint.runtime.trace import Event, Trace
from endpoint.runtime.virtual import run
from scenarios.runner import checks
from scenarios.runner.report import WORDS, Reporter
from scenarios.runner.suite import Play, Suite
from scenarios.runner.verdict_files import as_json
from tests.tools.generated import ROOT

REPORTS = (ROOT / "docs/reference/reports.md").read_text(encoding="utf-8")
TRACES = (ROOT / "docs/reference/trace.md").read_text(encoding="utf-8")
READY = (ROOT / "docs/reference/ready-files.md").read_text(encoding="utf-8")
FAILING = ROOT / "docs/examples/failing/wrong-code.yaml"


def keys(value: Any) -> set[str]:
    """Return the keys of a JSON value at every depth."""
    if isinstance(value, dict):
        return set(value).union(*map(keys, value.values()))
    return set().union(*map(keys, value)) if isinstance(value, list) else set()


def test_json_report(tmp_path: Path) -> None:
    trace = tmp_path / "run.jsonl"
    reporter = Reporter(io.StringIO())
    verdicts = Suite(trace_file=trace).run([Play(str(FAILING), None, "name", 0)], jobs=1, reporter=reporter)
    report = json.loads(as_json(verdicts))
    for service in report["runs"][0]:
        assert f"`{service}`" in REPORTS
    for one in report["runs"]:
        assert list(one.pop("coverage")) == ["services", "lifecycles"]  # what is below are names of the run's own
    assert {key for key in keys(report) if f"`{key}`" not in REPORTS} <= set(WORDS)
    header = json.loads(trace.read_text().splitlines()[0])
    assert [key for key in header if f"`{key}`" not in TRACES] == []


@pytest.mark.parametrize("word", [*get_args(checks.Kind), *(shown for shown, _ in WORDS.values())])
def test_words_of_reports(word: str) -> None:
    assert f"`{word}`" in REPORTS


@pytest.mark.parametrize("word", Event.__struct_fields__)
def test_members_of_trace_events(word: str) -> None:
    assert f"`{word}`" in TRACES


def test_ready_file_of_the_cloud(tmp_path: Path) -> None:
    async def main() -> dict[str, Any]:
        clock = Clock(LoopTime(asyncio.get_running_loop()))
        trace = Trace(clock)
        cloud = Cloud(clock, Chance(1), trace, Faults(clock, trace), NameTable(), state_dir=tmp_path)
        await cloud.start(http=("127.0.0.1", 0), https=("127.0.0.1", 0))
        ready = cloud.ready()
        await cloud.stop()
        return ready

    assert [key for key in run(main) if f"`{key}`" not in READY] == []
