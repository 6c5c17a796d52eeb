"""Running many scenarios: which, with which seeds, in how many processes."""

from __future__ import annotations

import multiprocessing
import signal
import traceback
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from endpoint.runtime.clock import iso_ms
from endpoint.runtime.trace import Trace, header
from endpoint.wire.xapi.nodes import nodes
from scenarios.runner.commands import Exit, refused
from scenarios.runner.loader import load
from scenarios.runner.model import Scenario
from scenarios.runner.player import Failure
from scenarios.runner.problems import Place
from scenarios.runner.recording.recorder import Recorder
from scenarios.runner.recording.write import SecretsFound, write_recording
from scenarios.runner.run import MAX_REAL_S, MAX_WAIT_S, Outcome, Result, run_scenario

if TYPE_CHECKING:
    from scenarios.runner.report import Reporter

GOOD: Final[frozenset[Result]] = frozenset({"passed", "skipped", "xfailed"})
INTERNAL: Final = "internal"
LIBRARIES: Final = ("aiohttp", "websockets", "cryptography", "srp")
"""Distributions whose versions a trace names beside our own: they speak the protocols."""


@dataclass(frozen=True, slots=True)
class Play:
    """One run to do: a scenario of a file, with a seed."""

    file: str
    case: str | None
    name: str
    seed: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one run, without what only its process can hold."""

    play: Play
    mode: str
    result: Result
    reason: str = ""
    failures: tuple[Failure, ...] = ()
    hash: str = ""
    trace_file: str = ""
    took_s: float = 0.0
    scenario_s: float = 0.0
    skipped_steps: tuple[tuple[str, str], ...] = ()
    labels: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        """Say whether this run lets the whole pass."""
        return self.result in GOOD

    @property
    def is_internal(self) -> bool:
        """Say whether it failed by a defect of ours."""
        return any(failure.kind == INTERNAL for failure in self.failures)

    @property
    def reports(self) -> tuple[str, ...]:
        """The failure reports."""
        return tuple(failure.report for failure in self.failures)


def select(scenarios: Iterable[Scenario], *, tags: list[str]) -> list[Scenario]:
    """Return the scenarios that have one of the tags; all of them without tags."""
    return [scenario for scenario in scenarios if not tags or set(tags) & set(scenario.head.tags)]


def take(scenarios: Iterable[Scenario], *, seed: int | None, seeds: int) -> list[Play]:
    """Return the runs: each scenario with its seed, or with so many counting up from it."""
    plays = []
    for scenario in scenarios:
        first = scenario.head.seed if seed is None else seed
        plays += [Play(scenario.file, scenario.case, scenario.name, first + more) for more in range(seeds)]
    return plays


@dataclass(frozen=True, slots=True)
class Suite:
    """How runs are done."""

    mode: str = "virtual"
    until_step: int | None = None
    max_wait_s: float = MAX_WAIT_S
    max_real_s: float = MAX_REAL_S
    trace_file: Path | None = None
    ready_file: Path | None = None
    record: Path | None = None

    def run(self, plays: list[Play], *, jobs: int, reporter: Reporter) -> list[Verdict]:
        """Do the runs, in order or in processes; verdicts come in order either way.

        Raises:
            OSError: the trace cannot be written.
        """
        verdicts = []
        for verdict in self._each(plays, jobs, reporter):
            verdicts.append(verdict)
            reporter.verdict(verdict)
        return verdicts

    def _each(self, plays: list[Play], jobs: int, reporter: Reporter) -> Iterator[Verdict]:
        if jobs == 1 or len(plays) == 1:
            for play in plays:
                reporter.begin(play)
                yield self.one(play, reporter)
            return
        context = multiprocessing.get_context(
            "forkserver"
        )  # a process with threads must not fork; whoever calls may have some
        context.set_forkserver_preload([__name__])
        workers = min(jobs, len(plays))
        pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_leave_signals_to_the_parent)
        try:
            yield from pool.map(partial(_one, self), plays)
        except BaseException:  # an interruption above all: what runs may run for long
            for child in multiprocessing.active_children():
                child.terminate()
            raise
        finally:
            pool.shutdown(cancel_futures=True)

    def one(self, play: Play, reporter: Reporter | None = None) -> Verdict:
        """Do one run; a defect of ours is a verdict too, so that it does not hide those of the others."""
        trace_file = "" if self.trace_file is None else str(self.trace_file)
        scenario = next(found for found in load(Path(play.file), table=nodes()) if found.case == play.case)
        try:
            outcome = run_scenario(
                scenario,
                seed=play.seed,
                mode=self.mode,
                until_step=self.until_step,
                max_wait_s=self.max_wait_s,
                max_real_s=self.max_real_s,
                trace_file=trace_file,
                ready_file=self.ready_file,
                records=self.record is not None,
                watch=reporter.watch if reporter is not None else None,
            )
        except Exception as error:
            failure = Failure(INTERNAL, Place(play.file, 1, 1), "", traceback.format_exc())
            reason = f"a defect of roomsim, please report it: {error!r}"
            return Verdict(play, self.mode, "error", reason=reason, failures=(failure,))
        if self.trace_file is not None and outcome.trace is not None:
            write_trace(self.trace_file, outcome, outcome.trace)
        if self.record is not None and outcome.recorder is not None:
            self._keep(self.record, outcome, outcome.recorder)
        return verdict_of(play, outcome, trace_file)

    def _keep(self, folder: Path, outcome: Outcome, recorder: Recorder) -> None:
        """Write what was recorded, and say so; what holds a secret is not written, and that is a defect."""
        assert outcome.trace is not None, "who was recorded has a history"
        about = {
            "name": outcome.scenario.name,
            "start": iso_ms(outcome.trace.start),
            "seed": outcome.seed,
            "mode": outcome.mode,
        }
        recording = recorder.recording(about)
        first = _header(outcome, outcome.trace)
        try:
            print(write_recording(folder, first, outcome.trace.events, recording, recorder.known))
        except SecretsFound as error:
            raise refused(f"nothing was recorded, a defect of roomsim: {error}", Exit.INTERNAL) from None


def _header(outcome: Outcome, trace: Trace) -> str:
    scenario = outcome.scenario
    return header(
        scenario=scenario.name,
        sha256=scenario.sha256,
        seed=outcome.seed,
        mode=outcome.mode,
        start=trace.start,
        versions=versions(),
    )


def _leave_signals_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _one(suite: Suite, play: Play) -> Verdict:
    return suite.one(play)


def verdict_of(play: Play, outcome: Outcome, trace_file: str = "") -> Verdict:
    """Take from an outcome what can leave its process."""
    return Verdict(
        play,
        outcome.mode,
        outcome.result,
        outcome.reason,
        tuple(outcome.failures),
        outcome.hash,
        trace_file,
        outcome.took_s,
        outcome.scenario_s,
        tuple(outcome.skipped_steps),
        outcome.labels,
    )


def write_trace(file: Path, outcome: Outcome, trace: Trace) -> None:
    """Write a trace as JSON Lines, the header first."""
    first = _header(outcome, trace)
    with file.open("w", encoding="utf-8") as stream:
        stream.write(first + "\n")
        for event in trace.events:
            stream.write(event.as_json() + "\n")


def versions() -> dict[str, str]:
    """Return the versions that a trace depends on."""
    return {name: version(name) for name in ("roomsim", *LIBRARIES)}
