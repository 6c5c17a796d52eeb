"""`roomsim run`: from what the command line asks for to verdicts, reports and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import typer

from endpoint.wire.xapi.nodes import nodes
from scenarios.runner.exits import Exit, refused
from scenarios.runner.loader import load_all
from scenarios.runner.model import Scenario
from scenarios.runner.player import Player
from scenarios.runner.problems import ScenarioError
from scenarios.runner.publish import make_room
from scenarios.runner.recording import raw
from scenarios.runner.recording.write import FolderTaken, SecretsFound, check_apart, check_folder
from scenarios.runner.report import Reporter
from scenarios.runner.stage import Stage
from scenarios.runner.suite import Play, Suite, Verdict, missed, not_loaded, select, take
from scenarios.runner.verdict_files import as_github, as_json, as_junit

MODES: Final = ("virtual", "wire")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which runs: files, tags and cases of them (any where there are none), the seed in place of theirs, and how many seeds."""

    paths: Sequence[Path]
    tags: Sequence[str] = ()
    cases: Sequence[str] = ()
    seed: int | None = None
    seeds: int = 1


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be written and printed beside the verdicts."""

    junit: Path | None = None
    json: Path | None = None
    github: bool = False
    labels: bool = False
    times: bool = False
    ladder: bool = False


@dataclass(frozen=True, slots=True)
class RunCommand:
    """One call of `roomsim run`.

    Attributes:
        shell: when a shell opens on the frozen stage: `always`, when the story is told or has failed, or `on failure`.
        watch: whether it all happens again whenever a file changes.
    """

    selection: Selection
    suite: Suite
    jobs: int = 1
    wanted: Wanted = field(default_factory=Wanted)
    shell: str = ""
    watch: bool = False

    def run(self) -> int:
        """Check what is asked for, do it, and return the exit code."""
        self._check()
        if self.watch:
            return self._watch()
        return self._round(self._plays())

    def _watch(self) -> int:
        """Run what is selected, and again what has changed, until somebody interrupts."""
        from scenarios.runner.watching import changes

        missing = next((path for path in self.selection.paths if not path.exists()), None)
        if missing is not None:
            raise refused(f"{missing}:1:1: there is no such file")
        code: int = Exit.OK
        for changed in changes(self._watched()):
            if changed:
                print(f"-- changed: {', '.join(sorted(file.name for file in changed))}")
            try:
                plays = self._plays()
                mine = [play for play in plays if Path(play.file).resolve() in changed]
                is_of_others = changed - {Path(play.file).resolve() for play in mine}  # a part, or what it was
                code = self._round(plays if is_of_others or not mine else mine)
            except typer.Exit as told:  # why has been printed; the next change may mend it
                code = told.exit_code
            print("-- waiting for changes; Ctrl-C ends", flush=True)
        return code

    def _watched(self) -> list[Path]:
        """Return what is selected, and the parts that it uses, as far as it can be read by now."""
        paths = list(self.selection.paths)
        try:
            found = load_all(paths, table=nodes())
        except ScenarioError:
            return paths
        return [*paths, *map(Path, frozenset[str]().union(*(scenario.files for scenario in found)))]

    def _plays(self) -> list[Play]:
        """Return the runs that are selected; at least one."""
        asked = self.selection
        try:
            found = load_all(list(asked.paths), table=nodes())
        except ScenarioError as error:
            verdicts = not_loaded(error, self.suite.mode)
            self._write(verdicts)
            raise refused("\n".join(map(str, error.problems))) from None
        chosen = select(found, tags=list(asked.tags), cases=asked.cases)
        plays = take(chosen, seed=asked.seed, seeds=asked.seeds)
        if not plays:
            raise refused(f"nothing selected: {missed(found, tags=asked.tags, cases=asked.cases)}", Exit.NOTHING)
        self._check_single(plays)
        self._check_last_step(chosen)
        return plays

    def _check(self) -> None:
        if self.suite.mode not in MODES:
            raise typer.BadParameter("mode is virtual or wire", param_hint="--mode")
        if self.suite.options.ready_file is not None and self.suite.mode != "wire":
            raise typer.BadParameter("clients come in over real sockets: --mode wire", param_hint="--ready-file")
        option = {"always": "--repl", "on failure": "--repl-on-failure"}.get(self.shell, "")
        if self.shell and self.suite.mode != "virtual":
            raise typer.BadParameter("only in mode virtual does time stand still", param_hint=option)
        if self.shell and self.watch:
            raise typer.BadParameter("a shell would wait, and so would the files: choose one", param_hint=option)
        if self.shell and self.jobs != 1:
            raise typer.BadParameter("a shell has one terminal: leave out -j", param_hint=option)
        self._check_recording()

    def _check_recording(self) -> None:
        """Refuse a directory that holds something, before anything is run."""
        folders = {"--record": self.suite.record, "--raw": self.suite.raw}
        for option, folder in folders.items():
            if folder is None:
                continue
            if self.watch:
                raise typer.BadParameter(
                    "it is of one run, and the next would replace it: leave out --watch", param_hint=option
                )
            try:
                check_folder(folder)
                check_apart(self.suite.record, self.suite.raw)
            except FolderTaken as error:
                raise typer.BadParameter(str(error), param_hint=option) from None
        if self.suite.raw is not None:
            print(raw.WARNING.format(folder=self.suite.raw), file=sys.stderr)

    def _check_single(self, plays: Sequence[Play]) -> None:
        """Refuse several runs where only one has a place."""
        single = {
            "--trace": ("trace", self.suite.trace_file is not None),
            "--record": ("recording", self.suite.record is not None),
            "--raw": ("directory", self.suite.raw is not None),
            "--ready-file": ("file", self.suite.options.ready_file is not None),
            "--repl": ("shell", self.shell == "always"),
        }
        for option, (what, is_given) in single.items():
            if is_given and len(plays) != 1:
                raise typer.BadParameter(f"one {what}, but {len(plays)} runs were selected", param_hint=option)

    def _check_last_step(self, chosen: Sequence[Scenario]) -> None:
        """Refuse a last step that no scenario comes to."""
        until, longest = self.suite.options.until_step, max(chosen, key=lambda one: len(one.steps))
        if until is not None and until > len(longest.steps):
            which = f"{longest.file} has" if len(chosen) == 1 else f"the longest, {longest.file}, has"
            steps = "1 step" if len(longest.steps) == 1 else f"{len(longest.steps)} steps"
            raise typer.BadParameter(f"{which} {steps}, not {until}", param_hint="--until-step")

    def _round(self, plays: list[Play]) -> int:
        """Do the runs once."""
        wanted = self.wanted
        reporter = Reporter(
            sys.stdout, ladder=wanted.ladder and self.jobs == 1, labels=wanted.labels, times=wanted.times
        )
        try:
            if self.suite.options.ready_file is not None:
                make_room(self.suite.options.ready_file)
            if not self.shell:
                reporter.expect(len(plays))
            suite = self._pausing(reporter) if self.shell else self.suite
            try:
                verdicts = suite.run(plays, jobs=self.jobs, reporter=reporter)
            finally:
                reporter.over()
        except SecretsFound as error:
            raise refused(str(error), Exit.INTERNAL) from None
        except OSError as error:
            raise _unwritable(error) from None
        reporter.summary(verdicts)
        self._write(verdicts)
        return exit_code(verdicts)

    def _pausing(self, reporter: Reporter) -> Suite:
        """Return the suite with what opens a shell when it is time for one, below the report of what has failed."""

        async def pause(stage: Stage, player: Player) -> None:
            if self.shell == "on failure" and not player.failures:
                return
            for failure in player.failures:
                reporter.report(failure.report)
            from scenarios.runner.shell.on_stage import StageShell, stdout

            await StageShell(stage, player, stdout).run()

        return replace(self.suite, options=replace(self.suite.options, pause=pause))

    def _write(self, verdicts: list[Verdict]) -> None:
        """Write the reports that are wanted."""
        try:
            if self.wanted.junit is not None:
                self.wanted.junit.write_bytes(as_junit(verdicts))
            if self.wanted.json is not None:
                self.wanted.json.write_bytes(as_json(verdicts))
        except OSError as error:
            raise _unwritable(error) from None
        if self.wanted.github:
            for line in as_github(verdicts):
                print(line)


def _unwritable(error: OSError) -> Exception:
    """Return what ends the command when a file cannot be written; anything else is a defect, and returned as it is."""
    return error if error.filename is None else refused(f"{error.filename}: cannot be written: {error.strerror}")


def exit_code(verdicts: Sequence[Verdict]) -> Exit:
    """Return the exit code of verdicts: a defect of ours above all, then whether all is well."""
    if any(verdict.is_internal for verdict in verdicts):
        return Exit.INTERNAL
    return Exit.OK if all(verdict.is_good for verdict in verdicts) else Exit.NO
