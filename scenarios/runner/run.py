"""Running one scenario from an empty stage to its verdict."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from cloud_stub.platform.errors import CloudError
from endpoint.runtime.clock import real_seconds
from endpoint.runtime.errors import EndpointError
from endpoint.runtime.trace import Event, Trace, trace_hash
from endpoint.wire.errors import WireError
from scenarios.runner import fault_actions
from scenarios.runner.extensions import load_extensions
from scenarios.runner.model import Scenario
from scenarios.runner.player import Failure, Player, Stop, Timing, labels_of
from scenarios.runner.publish import published
from scenarios.runner.recording.raw import RawBytes
from scenarios.runner.recording.recorder import Recorder
from scenarios.runner.stage import Stage, close_stage, make_stage, open_stage
from scenarios.runner.storyloop import StoryLoop
from scenarios.runner.values import show_duration

Result = Literal["passed", "failed", "error", "skipped", "xfailed", "xpassed"]
MAX_WAIT_S: Final = 60.0
MAX_REAL_S: Final = 60.0
MISSING: Final = ("raw", "panel", "media")
"""Capabilities that no mode of this version has."""
Pause = Callable[[Stage, Player], Awaitable[None]]
_SERVER_LOG: Final = "aiohttp.server"


@dataclass
class Outcome:
    """What came of one run.

    Attributes:
        reason: of a run that was skipped, was expected to fail, or could not be set up.
        took_s: real seconds.
        skipped_steps: (step, reason).
        story_s: virtual seconds until the last step was done.
        labels: what the answers of the cloud rest on, service by service.
        recorder: who listened at the devices, if that was wanted.
        raw: the bytes of their connections, if that was wanted.
    """

    scenario: Scenario
    seed: int
    mode: str
    result: Result = "passed"
    failures: list[Failure] = field(default_factory=list)
    reason: str = ""
    skipped_steps: list[tuple[str, str]] = field(default_factory=list)
    trace: Trace | None = None
    hash: str = ""
    took_s: float = 0.0
    scenario_s: float = 0.0
    story_s: float = 0.0
    steps_done: int = 0
    labels: tuple[str, ...] = ()
    timings: list[Timing] = field(default_factory=list)
    recorder: Recorder | None = None
    raw: RawBytes | None = None

    @property
    def reports(self) -> list[str]:
        """The failure reports, as text."""
        return [failure.report for failure in self.failures]

    @property
    def kinds(self) -> list[str]:
        """The kinds of the failures, in their order."""
        return [failure.kind for failure in self.failures]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How a run is done, and who looks on.

    Attributes:
        until_step: the last step that is run, counted from 1; 0 sets up only.
        max_wait_s: longest real wait of one step, in modes on real time.
        max_real_s: longest real time of the run, in modes on real time.
        trace_file: where the caller will write the trace; reports name it.
        ready_file: says from the first step on where clients find cloud and devices, in mode wire.
        records: listen at the devices, for `Outcome.recorder`.
        keeps_raw: keep the bytes of their connections, for `Outcome.raw`.
        watch: shown every trace event as it happens.
        after: called with the stage before it is taken down.
        pause: awaited when the story is told or has failed, before `finally`: whoever wants to look round on the frozen stage.
        player: plays the steps.
        at_the_end: called on the loop when everything has been taken down.
    """

    until_step: int | None = None
    max_wait_s: float = MAX_WAIT_S
    max_real_s: float = MAX_REAL_S
    trace_file: str = ""
    ready_file: Path | None = None
    records: bool = False
    keeps_raw: bool = False
    watch: Callable[[Event], object] | None = None
    after: Callable[[Stage], object] | None = None
    pause: Pause | None = None
    player: Callable[..., Player] = Player
    at_the_end: Callable[[], object] | None = None


def run_scenario(
    scenario: Scenario, options: RunOptions | None = None, *, seed: int | None = None, mode: str = "virtual"
) -> Outcome:
    """Run one scenario.

    Args:
        seed: instead of the file's.
    """
    load_extensions()  # in a process of its own the scenario was not read
    options = options or RunOptions()
    outcome = Outcome(scenario, scenario.head.seed if seed is None else seed, mode)
    outcome.reason = _why_not(scenario, mode, options.ready_file)
    if outcome.reason:
        outcome.result = "skipped"
        return outcome
    began_s = real_seconds()
    with asyncio.Runner(loop_factory=StoryLoop if mode == "virtual" else None) as runner:
        runner.run(_Run(outcome, options).run())
    outcome.took_s = real_seconds() - began_s
    if scenario.head.xfail is not None and outcome.result in ("passed", "failed"):
        outcome.result = "xfailed" if outcome.result == "failed" else "xpassed"
        outcome.reason = scenario.head.xfail.shown
    return outcome


def _why_not(scenario: Scenario, mode: str, ready_file: Path | None) -> str:
    if scenario.head.modes and mode not in scenario.head.modes:
        return f"only for {', '.join(scenario.head.modes)}"
    missing = [name for name in MISSING if name in scenario.needs]
    if missing:
        return f"needs {', '.join(missing)}, which this version does not have"
    if "client" in scenario.needs and ready_file is None:
        return "needs client, a program from outside that --ready-file tells where to go, in mode wire"
    real = [name for name in ("exact", "time") if name in scenario.head.needs and mode != "virtual"]
    if real:
        return f"needs {', '.join(real)}, which mode {mode} does not have"
    return ""


@dataclass
class _Run:
    """One run on its loop."""

    outcome: Outcome
    options: RunOptions

    async def run(self) -> None:
        """Set the stage, play, take it down."""
        outcome, options = self.outcome, self.options
        try:
            stage = make_stage(outcome.scenario, seed=outcome.seed, mode=outcome.mode)
        except ValueError as error:
            self._not_set(error)
            return
        stage.max_wait_s, stage.ready_file = options.max_wait_s, options.ready_file
        outcome.trace = stage.trace
        if options.records:
            outcome.recorder = stage.recorder = Recorder(stage.clock, stage.trace)
        if options.keeps_raw:
            outcome.raw = stage.raw = RawBytes(stage.clock)
        unwatch = stage.trace.subscribe(options.watch) if options.watch is not None else None
        fault_actions.install(stage)
        player = options.player(stage, until_step=options.until_step, trace_file=options.trace_file)
        with looked_after(stage):
            try:
                await self._play(stage, player)
                if options.after is not None:
                    options.after(stage)
            finally:
                outcome.scenario_s = stage.clock.time()
                if unwatch is not None:  # the story is told; what follows is taking down
                    unwatch()
                await close_stage(stage)
                if options.at_the_end is not None:
                    options.at_the_end()
        if stage.defects:
            outcome.result = "error"
            player.defects()
        outcome.failures, outcome.skipped_steps, outcome.steps_done = (
            player.failures, player.skipped, player.steps_done
        )  # fmt: skip
        outcome.timings = player.timings
        outcome.hash = trace_hash(stage.trace.events)
        outcome.labels = labels_of(list(stage.trace.events))

    def _not_set(self, error: Exception) -> None:
        self.outcome.result = "error"
        self.outcome.reason = f"the stage could not be set: {error}"

    async def _play(self, stage: Stage, player: Player) -> None:
        """Set up, play, tidy up: a failing set-up is an error, `finally` always runs."""
        outcome = self.outcome
        try:
            await open_stage(stage)
        except (EndpointError, WireError, CloudError, OSError, ValueError) as error:
            self._not_set(error)
            return
        outcome.result = "error"
        if await self._bounded(stage, player, player.play("setup")):
            try:
                async with published(stage):
                    is_good = await self._bounded(stage, player, self._story(player))
            except OSError as error:
                self._not_set(error)
                return
            outcome.result = "passed" if is_good else "failed"
        if self.options.pause is not None:
            await self.options.pause(stage, player)
        if not await self._bounded(stage, player, player.play("finally")) and outcome.result == "passed":
            outcome.result = "failed"

    async def _story(self, player: Player) -> None:
        await player.play("steps")
        self.outcome.story_s = player.story_s
        player.conclude()

    async def _bounded(self, stage: Stage, player: Player, part: Coroutine[Any, Any, None]) -> bool:
        """Play a part within the bound of scenario time, and of real time where that passes; says whether all is well."""
        limit_s, what = stage.scenario.head.timeout, "its timeout of scenario time"
        if stage.mode != "virtual" and self.options.max_real_s < limit_s:
            limit_s, what = self.options.max_real_s, "--max-real"
        scope = asyncio.timeout(None)
        alarm = stage.alarm(limit_s, lambda: scope.reschedule(0))
        try:
            async with scope:
                await part
            return True
        except Stop:
            return False
        except TimeoutError:
            if not scope.expired():
                raise
            player.out_of_time(f"not done within {what}, {show_duration(limit_s)}")
            return False
        finally:
            alarm.cancel()


@contextmanager
def looked_after(stage: Stage) -> Iterator[None]:
    """Let no exception get lost: what a task, a timer or a handler of the stub leaves behind is a defect of the run."""
    loop = asyncio.get_running_loop()

    def keep(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        stage.defects.append(context.get("exception") or RuntimeError(str(context.get("message"))))

    def idle() -> bool:
        return bool(stage.waiting) and stage.waiting[-1]()

    handler = _Defects(stage)
    loop.set_exception_handler(keep)
    server_log = logging.getLogger(_SERVER_LOG)
    server_log.addHandler(handler)
    was_passed_on = server_log.propagate
    server_log.propagate = False  # else pytest shows tracebacks of clients that hung up
    if isinstance(loop, StoryLoop):
        loop.on_idle = idle
    try:
        yield
    finally:
        server_log.propagate = was_passed_on
        server_log.removeHandler(handler)
        if isinstance(loop, StoryLoop):
            loop.on_idle = None


class _Defects(logging.Handler):
    """Keeps exceptions that the stub's HTTP server met in a handler, but for clients that hung up."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(logging.ERROR)
        self._stage = stage

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, ConnectionError):
            self._stage.defects.append(error or RuntimeError(record.getMessage()))
