"""A stage for tests in Python: a cloud and devices on virtual time, which stands still whenever the test itself is at work.

A test is a plain function. Each call that it makes here runs the loop until what was asked for is done and everything has happened that
happens at that instant; then time stands still again, and the test can look. Only `advance`, and what takes time by itself, let time pass.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import shlex
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar, cast

import pytest

from cloud_stub.platform.errors import CloudError
from endpoint.device.device import Device
from endpoint.runtime.errors import EndpointError
from endpoint.runtime.trace import Event
from endpoint.wire.errors import WireError
from endpoint.wire.xapi.leaves import Leaf
from endpoint.wire.xapi.nodes import Branch, nodes
from endpoint.wire.xapi.paths import parse_path, words
from endpoint.wire.xapi.query import query_of_text
from scenarios.runner import fault_actions
from scenarios.runner.ladder import picture
from scenarios.runner.loader import load_bytes
from scenarios.runner.model import Scenario
from scenarios.runner.player import Player, Stop
from scenarios.runner.problems import ScenarioError
from scenarios.runner.pytest_items import shown
from scenarios.runner.pytest_plugin import MARK
from scenarios.runner.run import looked_after
from scenarios.runner.shell.embedded import Embedded
from scenarios.runner.shell.on_stage import settled
from scenarios.runner.shell.spelling import branch_of, unknown_word
from scenarios.runner.stage import Stage, close_stage, make_stage, open_stage
from scenarios.runner.storyloop import StoryLoop
from scenarios.runner.values import read_duration

T = TypeVar("T")
Value = str | int
_STAGE: Final = pytest.StashKey["PythonStage"]()
_HAS_FAILED: Final = pytest.StashKey[bool]()


class Stuck(Exception):
    """What was asked for is not done, and nothing is left to happen."""


class _Player(Player):
    """Plays steps of a Python test."""

    nodeid = ""

    def _replay(self, until_step: int) -> str:
        return replay_of(self.nodeid, self._stage.seed)


def replay_of(nodeid: str, seed: int) -> str:
    """Return the command that runs a Python test again with the seed that it had."""
    return f"pytest {shlex.quote(nodeid)} --roomsim-seed {seed}"


class ClockHandle:
    """The clock of a stage. It moves only when it is told to, or when something that was asked for takes time."""

    def __init__(self, stage: PythonStage) -> None:
        self._stage = stage

    def now(self) -> datetime:
        """Return the wall time of the run."""
        return self._stage.raw.clock.now()

    def seconds(self) -> float:
        """Return the seconds since the start of the run."""
        return self._stage.raw.clock.time()

    def advance(self, by: str | float | timedelta) -> None:
        """Let time pass, and everything happen that falls due: `5m`, seconds, or a timedelta."""
        seconds = by.total_seconds() if isinstance(by, timedelta) else read_duration(by) if isinstance(by, str) else by
        if seconds < 0:
            raise ValueError("time only passes forwards")
        self._stage.run(self._stage.raw.clock.sleep(seconds))

    def advance_to(self, instant: datetime) -> None:
        """Let time pass until an instant (aware); as `advance`."""
        self.advance(instant - self.now())


class TraceHandle:
    """The history of both sides so far."""

    def __init__(self, stage: PythonStage) -> None:
        self._stage = stage

    @property
    def events(self) -> tuple[Event, ...]:
        """All events, in their order."""
        return tuple(self._stage.raw.trace.events)

    def find(self, kind: str, who: str = "", **data: object) -> list[Event]:
        """Return the events whose kind and actor begin like this and whose data has these members."""
        return [
            event
            for event in self._stage.raw.trace.events
            if event.kind.startswith(kind)
            and event.who.startswith(who)
            and all(event.data.get(name) == value for name, value in data.items())
        ]


class DeviceHandle:
    """One device of a stage, through its xAPI.

    Attributes:
        raw: the device itself.
    """

    def __init__(self, stage: PythonStage, device: Device) -> None:
        self._stage = stage
        self.raw = device
        self._xapi = Embedded(device)

    def xstatus(self, path: str) -> Value | None:
        """Return the value of one status, such as `Webex Status`; None when there is none at present.

        Raises:
            ValueError: no status is named so (the nearest is told), or it is a branch; `leaves` returns those.
            XapiError: the device is not up.
        """
        return self._one(path, self.leaves(path))

    def leaves(self, path: str) -> dict[str, Value]:
        """Return the statuses at or below a path, by their paths; errors as for `xstatus`."""
        return self._get("Status", path)

    def xconfig(self, path: str, value: object = None) -> Value | None:
        """Return the value of a configuration, or set it.

        Raises:
            ValueError: no configuration is named so.
            XapiError: it cannot be so; the text says what it can be.
        """
        if value is None:
            return self._one(path, self._get("Configuration", path))
        self._check("Configuration", path)
        self._stage.run(self._xapi.set(query_of_text(f"Configuration {path}"), str(value)))
        return self._one(path, self._get("Configuration", path))

    def xcommand(self, path: str, body: str | None = None, **arguments: object) -> dict[str, Value]:
        """Give a command, such as `Audio Volume Set`, and return the fields of its result.

        Raises:
            ValueError: no command is named so (the nearest is told).
            XapiError: it was refused; the text says why.
        """
        self._check("Command", path)
        asked = tuple(str(word) for word in parse_path(path))
        found = self._stage.run(self._xapi.call(asked, arguments, body))
        return _by_path(found, skips=0)

    def feedback(self, path: str) -> list[tuple[str, Value]]:
        """Register for changes and events at or below a path, such as `Status/Call`; what is told from now on is added to the list.

        Raises:
            ValueError: there is nothing at or below it.
        """
        asked = path.strip("/").replace("/", " ")
        first, _, below = asked.partition(" ")
        branch = branch_of(first)
        if branch is None or branch == "Command":
            raise ValueError(
                f"feedback begins with Status, Configuration or Event, as in Status/Call, not with {first!r}"
            )
        if below:
            self._check(branch, below)
        told: list[tuple[str, Value]] = []
        listener = Embedded(self.raw)
        listener.gate.sink = lambda leaves: told.extend(_by_path(leaves, skips=0).items())
        self._stage.run(listener.subscribe(query_of_text(asked)))
        return told

    def _get(self, branch: Branch, path: str) -> dict[str, Value]:
        self._check(branch, path)
        return _by_path(self._stage.run(self._xapi.get(query_of_text(f"{branch} {path}"))), skips=1)

    def _check(self, branch: Branch, path: str) -> None:
        __tracebackhide__ = True
        wrong = unknown_word(nodes(), branch, parse_path(path))
        if wrong is not None:
            raise ValueError(wrong)

    def _one(self, path: str, found: Mapping[str, Value]) -> Value | None:
        if len(found) > 1:
            raise ValueError(
                f"{path} covers {len(found)} values, such as {next(iter(found))}; leaves() returns them all"
            )
        return next(iter(found.values()), None)


def _by_path(leaves: Sequence[Leaf], *, skips: int) -> dict[str, Value]:
    return {words(path[skips:]): cast(Value, value) for path, value in leaves}


class OnLoop:
    """Something that lives on the loop of a stage: its methods are called there, and what they await is awaited."""

    def __init__(self, stage: PythonStage, inner: object) -> None:
        self._stage = stage
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found):
            return found
        return lambda *arguments, **named: self._stage.do(found, *arguments, **named)


class Cloud(OnLoop):
    """The cloud of a stage: its use cases as methods (`code_create`, `feature_set`, `token_revoke`, `query`, ...).

    Attributes:
        calls: use cases of calls and meetings: `ring`, `peer`, `lobby`, `admit`, ...
        hybrid: those of mailboxes and invitations: `room`, `invite`, ...
    """

    def __init__(self, stage: PythonStage) -> None:
        super().__init__(stage, stage.raw.cloud.use_cases)
        self.calls = OnLoop(stage, stage.raw.cloud.calls)
        self.hybrid = OnLoop(stage, stage.raw.cloud.hybrid)


class PythonStage:
    """One test's cloud and devices.

    Attributes:
        raw: the stage as the runner knows it.
    """

    def __init__(self, node: pytest.Item, scenario: Scenario, head: Mapping[str, object], seed: int) -> None:
        self._node = node
        self._head = head
        self._runner = asyncio.Runner(loop_factory=StoryLoop)
        self.raw: Stage = self._runner.run(_made(scenario, seed))
        self._player = self._play_with(scenario)
        self._care = looked_after(self.raw)
        self._devices: dict[str, DeviceHandle] = {}

    @property
    def clock(self) -> ClockHandle:
        """The clock."""
        return ClockHandle(self)

    @property
    def trace(self) -> TraceHandle:
        """The history of both sides."""
        return TraceHandle(self)

    @property
    def cloud(self) -> Cloud:
        """The cloud."""
        return Cloud(self)

    @property
    def saved(self) -> dict[str, object]:
        """What steps have saved."""
        return self.raw.saved

    def device(self, name: str = "") -> DeviceHandle:
        """Return a device by its name; the first one without.

        Raises:
            ValueError: none is named so.
        """
        wanted = name or next(iter(self.raw.devices))
        if wanted not in self._devices:
            self._devices[wanted] = DeviceHandle(self, self.raw.device(wanted))
        return self._devices[wanted]

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop of the stage until it is done, and return its result; as much time passes as it takes.

        Raises:
            Stuck: it waits for something, and nothing is left to happen.
        """
        __tracebackhide__ = True
        task = self._runner.run(self._finish(work))
        if task is None:
            raise Stuck("it is not done, and nothing is left to happen")
        return task.result()

    def do(self, act: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Call a function on the loop of the stage, await what it returns if that can be awaited, and return its result."""
        __tracebackhide__ = True

        async def body() -> Any:
            result = act(*arguments, **named)
            return await result if inspect.isawaitable(result) else result

        return self.run(body())

    def advance(self, by: str | float | timedelta) -> None:
        """Let time pass; as `clock.advance`."""
        __tracebackhide__ = True
        self.clock.advance(by)

    def play(self, steps: str | Sequence[Mapping[str, object]], **values: object) -> None:
        """Play steps of the scenario language with their expectations: YAML text, or lists and maps of the same form.

        Args:
            values: what `${vars.x}` stands for in the text, beside the `vars` of the head.

        A step that fails fails the test, with the report that `roomsim run` would print; its places are lines of the test.
        """
        __tracebackhide__ = True
        caller = sys._getframe(1)
        scenario = self._scenario(steps, values, caller.f_lineno)
        self.raw.scenario = scenario
        self._player = player = self._play_with(scenario)
        with suppress(Stop):
            self.run(player.play("steps"))
        if player.failures:
            pytest.fail("\n\n".join(failure.report for failure in player.failures))

    def _play_with(self, scenario: Scenario) -> _Player:
        player = _Player(self.raw)
        player.nodeid = self._node.nodeid
        return player

    def _scenario(
        self, steps: str | Sequence[Mapping[str, object]], values: Mapping[str, object], line: int
    ) -> Scenario:
        """Read steps with the head of the stage around them, so that the place of a step in the text is its place in the test."""
        __tracebackhide__ = True
        text = steps if isinstance(steps, str) else json.dumps(list(steps), default=str)
        if isinstance(steps, str) and not text.startswith("\n"):
            text, line = f"\n{text}", line - 1
        head = {**self._head, "vars": {**cast(Mapping[str, object], self._head.get("vars", {})), **values}}
        below = "".join(f"\n{json.dumps(name)}: {json.dumps(value, default=str)}" for name, value in head.items())
        return read(f"{chr(10) * (line - 1)}steps: {text.rstrip()}{below}\n", self._node)

    async def _finish(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T] | None:
        """Wait until a task is done; returns it as it is then, None where nothing is left to happen."""
        task = asyncio.get_running_loop().create_task(work)
        stuck: list[bool] = []

        def dead_end() -> bool:
            if task.done():
                return False
            stuck.append(True)
            return task.cancel()

        self.raw.waiting.append(dead_end)
        try:
            await asyncio.wait({task})
            await settled()
        finally:
            self.raw.waiting.remove(dead_end)
            task.cancel()
        return None if stuck else task

    # from an empty stage to an empty stage

    def open(self) -> None:
        """Bring cloud and devices to where the head wants them."""

        async def body() -> None:
            self._care.__enter__()
            fault_actions.install(self.raw)
            await open_stage(self.raw)

        wrong = ""
        try:
            self._runner.run(body())
        except (EndpointError, WireError, CloudError, OSError, ValueError) as error:
            wrong = f"the stage could not be set: {error}"
        if wrong:
            pytest.fail(wrong, pytrace=False)

    def check(self) -> None:
        """Judge what only the whole run can tell: traffic that nobody expected, secrets, faults that never bit."""

        async def body() -> None:
            self._player.conclude()

        known = len(self._player.failures)  # a test may expect a step to fail
        with suppress(Stop):
            self._runner.run(body())
        if found := self._player.failures[known:]:
            pytest.fail("\n\n".join(failure.report for failure in found), pytrace=False)

    def close(self) -> None:
        """Take everything down."""

        async def body() -> None:
            try:
                await close_stage(self.raw)
            finally:
                self._care.__exit__(None, None, None)

        self._runner.run(body())
        self._runner.close()
        if self.raw.defects:
            told = "\n".join(map(repr, self.raw.defects))
            pytest.fail(f"a defect of roomsim, please report it: {told}", pytrace=False)

    def picture(self) -> str:
        """Draw what both sides have done since the devices were where the head wants them."""
        leading = self.raw.scenario.head.clock.start - self.raw.clock.source.start
        start = round(leading.total_seconds() * 1e6)
        events = [event for event in self.raw.trace.events if event.t >= start]
        return "\n".join(picture(events, start))


async def _made(scenario: Scenario, seed: int) -> Stage:
    return make_stage(scenario, seed=seed, mode="virtual")


def read(text: str, node: pytest.Item) -> Scenario:
    """Read a scenario that is written in a test.

    Fails the test where something is wrong in it.
    """
    __tracebackhide__ = True
    try:
        (scenario,) = load_bytes(text.encode(), shown(node.path), table=nodes())
    except ScenarioError as error:
        wrong = str(error)
    else:
        return scenario
    pytest.fail(wrong, pytrace=False)


@contextmanager
def opened(node: pytest.Item) -> Iterator[PythonStage]:
    """Make the stage of a test: the head is what its marks `roomsim` say, those nearer to the test last."""
    if node.config.getoption("--roomsim-mode") != "virtual":
        pytest.skip("the stage of a Python test stands on virtual time")
    head: dict[str, object] = {"name": node.name[:100]}
    for mark in reversed(list(node.iter_markers(MARK))):
        head |= mark.kwargs
    told = "".join(f"{json.dumps(name)}: {json.dumps(value, default=str)}\n" for name, value in head.items())
    line = (node.reportinfo()[1] or 0) + 1
    scenario = read("\n" * (line - 1) + f"{told}steps: [{{ note: the test begins }}]\n", node)
    asked = getattr(getattr(node, "callspec", None), "params", {}).get("stage", node.config.getoption("--roomsim-seed"))
    made = PythonStage(node, scenario, head, scenario.head.seed if asked is None else int(asked))
    node.stash[_STAGE] = made
    try:
        made.open()
        yield made
        if not node.stash.get(_HAS_FAILED, False):
            made.check()
    finally:
        del node.stash[_STAGE]
        made.close()


def tell(item: pytest.Item, report: pytest.TestReport) -> None:
    """Add to the report of a test that failed what both sides did, and how to see it again."""
    item.stash[_HAS_FAILED] = True
    made = item.stash.get(_STAGE, None)
    if made is None:
        return
    replay = replay_of(item.nodeid, made.raw.seed)
    if replay not in str(report.longrepr):
        report.sections.append(("roomsim: both sides", f"{made.picture()}\n  replay    {replay}"))
