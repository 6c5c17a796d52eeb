"""Running many scenarios: which, with which seeds, in how many processes."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from endpoint.runtime.clock import iso_ms
from endpoint.runtime.trace import Trace, header
from scenarios.runner.loader import load_case
from scenarios.runner.model import Scenario
from scenarios.runner.player import Failure, Timing, replay_command
from scenarios.runner.problems import Place, Problem, ScenarioError, nearest
from scenarios.runner.processes import in_processes
from scenarios.runner.recording.recorder import Recorder
from scenarios.runner.recording.write import Written, write_recording
from scenarios.runner.run import Outcome, Result, RunOptions, run_scenario

if TYPE_CHECKING:
    from scenarios.runner.report import Reporter

GOOD: Final[frozenset[Result]] = frozenset({"passed", "skipped", "xfailed"})
INTERNAL: Final = "internal"
LOAD: Final = "load"
"""The kind of a failure of a file that cannot be used."""
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
    timings: tuple[Timing, ...] = ()
    coverage: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

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


@dataclass(frozen=True, slots=True)
class Shaky:
    """A scenario of which some seeds fail.

    Attributes:
        failed: how many of the `runs` do.
        smallest: the verdict of the smallest seed that fails.
        command: does that run again.
    """

    runs: int
    failed: int
    smallest: Verdict
    command: str


def select(scenarios: Iterable[Scenario], *, tags: list[str], cases: Iterable[str] = ()) -> list[Scenario]:
    """Return the scenarios that have one of the tags, and are one of the cases; all of them without any."""
    wanted = set(cases)
    tagged = [scenario for scenario in scenarios if not tags or set(tags) & set(scenario.head.tags)]
    return [scenario for scenario in tagged if not wanted or scenario.case in wanted]


def missed(scenarios: Sequence[Scenario], *, tags: Sequence[str], cases: Sequence[str]) -> str:
    """Say what was asked for that no scenario has, and what comes near."""
    known_tags = {tag for one in scenarios for tag in one.head.tags}
    known_cases = {one.case for one in scenarios if one.case is not None}
    groups, near = [], None
    for what, words, known in (("tag", tags, known_tags), ("case", cases, known_cases)):
        if words:
            groups.append(" or ".join(f"the {what} {word}" for word in words))
            near = near or next((nearest(word, sorted(known)) for word in words if word not in known), None)
    if not groups:
        return "no scenario is there"
    return f"no scenario has {' and '.join(groups)}" + (f"; nearest: {near}" if near else "")


def shaky(verdicts: Iterable[Verdict]) -> list[Shaky]:
    """Find the scenarios that ran with several seeds and failed with one, and the smallest seed of each that fails."""
    found: dict[tuple[str, str | None], list[Verdict]] = {}
    for verdict in verdicts:
        found.setdefault((verdict.play.file, verdict.play.case), []).append(verdict)
    rows = []
    for (file, case), runs in found.items():
        bad = [verdict for verdict in runs if not verdict.is_good]
        if len(runs) > 1 and bad:
            smallest = min(bad, key=lambda verdict: verdict.play.seed)
            mode = "" if smallest.mode == "virtual" else f" --mode {smallest.mode}"
            rows.append(Shaky(len(runs), len(bad), smallest, replay_command(file, case, smallest.play.seed, mode)))
    return rows


def not_loaded(error: ScenarioError, mode: str) -> list[Verdict]:
    """Return what reports say of files that cannot be used: one verdict for each file, with all that is wrong in it."""
    by_file: dict[str, list[Problem]] = {}
    for problem in error.problems:
        by_file.setdefault(problem.file, []).append(problem)
    verdicts = []
    for file, problems in by_file.items():
        failures = tuple(Failure(LOAD, problem.place, "", str(problem)) for problem in problems)
        play = Play(file, None, Path(file).name, 0)
        reason = f"{len(problems)} mistakes in the file" if len(problems) > 1 else "a mistake in the file"
        verdicts.append(Verdict(play, mode, "error", reason, failures))
    return verdicts


def take(scenarios: Iterable[Scenario], *, seed: int | None, seeds: int) -> list[Play]:
    """Return the runs: each scenario with its seed, or with so many counting up from it."""
    plays = []
    for scenario in scenarios:
        first = scenario.head.seed if seed is None else seed
        plays += [Play(scenario.file, scenario.case, scenario.name, first + more) for more in range(seeds)]
    return plays


@dataclass(frozen=True, slots=True)
class Suite:
    """How runs are done.

    Attributes:
        options: of each run; with calls in them the runs stay in this process.
        trace_file: where the trace of a single run goes.
        record: the directory of the recording of a single run.
        raw: the directory of the bytes of a single run.
    """

    mode: str = "virtual"
    options: RunOptions = field(default_factory=RunOptions)
    trace_file: Path | None = None
    record: Path | None = None
    raw: Path | None = None

    def run(self, plays: list[Play], *, jobs: int, reporter: Reporter) -> list[Verdict]:
        """Do the runs, in order or in processes; verdicts come in order either way.

        Raises:
            OSError: the trace or the recording cannot be written.
            SecretsFound: what would have been recorded looks secret; that is a defect.
        """
        verdicts = []
        for verdict in self._each(plays, jobs, reporter):
            verdicts.append(verdict)
            reporter.verdict(verdict)
        return verdicts

    def _each(self, plays: list[Play], jobs: int, reporter: Reporter) -> Iterator[Verdict]:
        if jobs > 1 and len(plays) > 1:
            yield from in_processes(self.one, plays, jobs, done=reporter.done)
            return
        for play in plays:
            reporter.begin(play)
            verdict = self.one(play, reporter)
            reporter.done(verdict)
            yield verdict

    def one(self, play: Play, reporter: Reporter | None = None) -> Verdict:
        """Do one run; a defect of ours is a verdict too, so that it does not hide those of the others. Errors as in `run`."""
        trace_file = "" if self.trace_file is None else str(self.trace_file)
        scenario = load_case(play.file, play.case)
        options = replace(
            self.options,
            trace_file=trace_file,
            records=self.record is not None,
            keeps_raw=self.raw is not None,
            watch=reporter.watch if reporter is not None else None,
        )
        try:
            outcome = run_scenario(scenario, options, seed=play.seed, mode=self.mode)
        except Exception as error:
            failure = Failure(INTERNAL, Place(play.file, 1, 1), "", traceback.format_exc())
            reason = f"a defect of roomsim, please report it: {error!r}"
            return Verdict(play, self.mode, "error", reason=reason, failures=(failure,))
        if self.trace_file is not None and outcome.trace is not None:
            write_trace(self.trace_file, outcome, outcome.trace)
        if self.record is not None and outcome.recorder is not None:
            written = self._keep(self.record, outcome, outcome.recorder)
            if reporter is not None:
                reporter.note(str(written))
        if self.raw is not None and outcome.raw is not None:
            kept = outcome.raw.write(self.raw)
            if reporter is not None:
                reporter.note(kept)
        return verdict_of(play, outcome, trace_file)

    def _keep(self, folder: Path, outcome: Outcome, recorder: Recorder) -> Written:
        """Write what was recorded."""
        assert outcome.trace is not None, "who was recorded has a history"
        about = {
            "name": outcome.scenario.name,
            "start": iso_ms(outcome.trace.start),
            "seed": outcome.seed,
            "mode": outcome.mode,
        }
        recording = recorder.recording(about)
        first = _header(outcome, outcome.trace)
        return write_recording(folder, first, outcome.trace.events, recording, recorder.known)


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
        tuple(outcome.timings),
        coverage_of(outcome),
    )


def coverage_of(outcome: Outcome) -> dict[str, dict[str, object]]:
    """Say what a run touched: `services` of the cloud and how many requests each had, `lifecycles` and the states that each was in."""
    services: Counter[str] = Counter()
    states: dict[str, dict[str, None]] = {}
    for event in outcome.trace.events if outcome.trace is not None else ():
        if event.kind == "http.request" and event.who.startswith("cloud:"):
            services[event.who.removeprefix("cloud:")] += 1
        elif event.kind == "machine":
            reached = states.setdefault(str(event.data.get("machine")), {})
            reached.update(dict.fromkeys((str(event.data.get("from")), str(event.data.get("to")))))
    return {
        "services": dict(sorted(services.items())),
        "lifecycles": {name: sorted(found) for name, found in sorted(states.items())},
    }


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
