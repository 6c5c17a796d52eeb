"""The shell on the stage of a scenario: time stands still while a line is awaited, and both sides can be looked at.

The loop of the run is held up by the prompt itself, so nothing happens between two lines; a line takes the time that it takes, and
`:advance` lets more of it pass. Source: scenario-style.md section 10.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Final, Protocol

from prompt_toolkit import PromptSession
from prompt_toolkit.formatted_text import FormattedText
from prompt_toolkit.history import InMemoryHistory

from cloud_stub.platform.errors import CloudError
from endpoint.device.control import ControlDoor
from endpoint.runtime.clock import iso_ms
from endpoint.runtime.faults import Faults
from endpoint.runtime.httpnet import NetConnector
from endpoint.runtime.net import NameTable, Net
from endpoint.runtime.tls import TlsClient
from endpoint.runtime.trace import Trace
from endpoint.wire.xapi.nodes import nodes
from scenarios.runner.ladder import picture
from scenarios.runner.player import Player
from scenarios.runner.shell.colon import Row, Simulation
from scenarios.runner.shell.doors import Door
from scenarios.runner.shell.embedded import Embedded
from scenarios.runner.shell.lines import LineError
from scenarios.runner.shell.printing import Printer
from scenarios.runner.shell.prompt import ShellCompleter, open_history
from scenarios.runner.shell.session import Leaving, Session
from scenarios.runner.stage import Stage
from scenarios.runner.storyloop import StoryLoop
from scenarios.runner.watches import Moment
from scenarios.runner.why_stage import why
from scenarios.runner.why_text import plain

LADDER_LINES_MAX: Final = 400
"""Lines that `:ladder` draws at most."""
HINT: Final = "xStatus Webex, :ladder, :why, :advance 5m, :trace 20, :cloud device; :help lists more, Ctrl-D goes on"


class Lines(Protocol):
    """Where lines come from; whoever asks is held up until there is one."""

    def next(self, name: str, session: Session | None) -> str | None:
        """Return the next line for a device, or of a body where there is no session; None when there are no more."""


class Given:
    """Lines of standard input where that is no terminal."""

    def next(self, name: str, session: Session | None) -> str | None:
        """See `Lines.next`; a standard input that cannot be read has no lines."""
        try:
            line = sys.stdin.readline()
        except (OSError, ValueError, AttributeError):
            return None
        return line.rstrip("\r\n") if line else None


class Typed:
    """Lines that somebody types, in a thread of its own: the loop of the run stands still meanwhile."""

    def __init__(self, backend_of: Callable[[str], Embedded]) -> None:
        self._backend_of = backend_of
        self._lines: PromptSession[str] = PromptSession(history=open_history(), complete_while_typing=True)
        self._body: PromptSession[str] = PromptSession(history=InMemoryHistory())

    def next(self, name: str, session: Session | None) -> str | None:
        """See `Lines.next`; Ctrl-C drops a line."""
        while True:
            try:
                if session is None:
                    return str(self._body.prompt("... ", in_thread=True))
                self._lines.completer = ShellCompleter(self._backend_of(name), session, nodes())
                return str(self._lines.prompt(FormattedText([("bold", f"{name}> ")]), in_thread=True))
            except KeyboardInterrupt:
                continue
            except EOFError:
                return None


class StageDoor(Door):
    """The control door of a device on a stage: it moves the clock of the whole run."""

    def __init__(self, url: str, token: str, stage: Stage) -> None:
        super().__init__(url, token, connector=lambda: on_network_of(stage))
        self._stage = stage

    async def ask(self, method: str, path: str, body: object = None, query: Mapping[str, str] | None = None) -> Any:
        """See `Door.ask`."""
        if path != "/clock":
            return await super().ask(method, path, body, query)
        if isinstance(body, Mapping) and "advance" in body:
            await self._stage.clock.sleep(float(body["advance"]))
            await settled()
            method, body = "GET", None
        told = await super().ask(method, path, body, query)
        return {**told, "mode": "frozen"}


def on_network_of(stage: Stage) -> NetConnector:
    """Return what connects within a stage, whatever is broken there, and leaves nothing in its history."""
    net = Net("client:shell", stage.clock, NameTable(), Faults(stage.clock, Trace(stage.clock)))
    return NetConnector(net, lambda: TlsClient(verify=False))


async def settled() -> None:
    """Return when everything has happened that happens at this instant."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, StoryLoop), "stages that stand still are virtual"
    quiet: asyncio.Future[None] = loop.create_future()
    loop.set_alarm(0, lambda: None if quiet.done() else quiet.set_result(None))
    await quiet


class StageShell:
    """One shell on one stage.

    Args:
        out: prints answers; advice goes to standard error where nobody types.
    """

    def __init__(self, stage: Stage, player: Player, out: Callable[[str], object]) -> None:
        self._stage = stage
        self._player = player
        self._out = out
        self._name = next(iter(stage.devices))
        self._backends: dict[str, Embedded] = {}
        self._sessions: dict[str, Session] = {}
        self._began = player.began
        self.is_talk = sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()
        self._lines: Lines = Typed(self._backends.__getitem__) if self.is_talk else Given()

    async def run(self) -> None:
        """Take lines until somebody leaves, or there are no more."""
        self._say([f"-- the stage stands still at {self._now()}", f"   {HINT}"])
        step, self._stage.trace.step = self._stage.trace.step, None
        try:
            async with self._doors():
                with suppress(Leaving):
                    while (line := self._lines.next(self._name, self._sessions[self._name])) is not None:
                        await self._carry_out(line)
        finally:
            self._stage.trace.step = step
        self._say([f"-- the run goes on at {self._now()}"])

    def _now(self) -> str:
        return f"{iso_ms(self._stage.clock.now())[11:23]}, {self._stage.now_us / 1e6:.3f} s of the run"

    def _say(self, lines: Sequence[str]) -> None:
        self._out("".join(f"{line}\n" for line in lines))

    @asynccontextmanager
    async def _doors(self) -> AsyncIterator[None]:
        """Open the simulation's doors, for as long as somebody looks."""
        ready = self._stage.cloud.ready()
        has_colours = self.is_talk and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        advise = self._out if self.is_talk else _stderr
        controls: list[ControlDoor] = []
        doors: list[Door] = []
        try:
            cloud = await StageDoor(str(ready["control"]), str(ready["admin_token"]), self._stage).__aenter__()
            doors.append(cloud)
            for name, device in self._stage.devices.items():
                control = ControlDoor(device, self._stage.faults, self._stage.clock.source)
                await control.start()
                controls.append(control)
                door = await StageDoor(control.url, control.token.reveal(), self._stage).__aenter__()
                doors.append(door)
                printer = Printer(self._out, advise, colours=has_colours)
                backend = Embedded(device)
                backend.tell = printer.advise
                self._backends[name] = backend
                simulation = Simulation(door, cloud, is_one_process=True, more=self._rows())
                self._sessions[name] = Session(backend, simulation, nodes(), printer)
            yield
        finally:
            for backend in self._backends.values():
                await backend.close()
            for one in doors:
                await one.__aexit__(None, None, None)
            for control in controls:
                await control.stop()

    async def _carry_out(self, line: str) -> None:
        """Do what a line asks for, until everything has happened that happens at once; Ctrl-C ends it, and so does a dead end."""
        work = asyncio.ensure_future(self._sessions[self._name].line(line, self._body))

        def dead_end() -> bool:
            if work.done():
                return False
            _stderr("nothing is left to happen, and this is not answered\n")
            return work.cancel()

        self._stage.waiting.append(dead_end)
        try:
            with _interrupted(work.cancel):
                await asyncio.wait({work})
                await settled()
        finally:
            self._stage.waiting.remove(dead_end)
        if not work.cancelled():
            work.result()

    async def _body(self) -> str | None:
        return self._lines.next(self._name, None)

    # what only a stage has

    def _rows(self) -> dict[str, Row]:
        rows = {
            "report": Row(":report", "why the run has failed", self._report),
            "ladder": Row(":ladder [STEP]", "what both sides did since the last step began, or since a step", self._ladder),
            "why": Row(":why [MEETING]", "why there is no Join button", self._why),
            "cloud": Row(":cloud PATH", "the state of the cloud, as the subject `cloud` sees it: :cloud device.online", self._cloud),
        }  # fmt: skip
        if len(self._stage.devices) > 1:
            rows["device"] = Row(":device [NAME]", "go on at another device", self._device)
        return rows

    async def _report(self, simulation: Simulation, words: list[str]) -> list[str]:
        return [line for one in self._player.failures for line in one.report.splitlines()] or ["nothing has failed"]

    async def _ladder(self, simulation: Simulation, words: list[str]) -> list[str]:
        start = self._began
        if words:
            begins = (event for event in self._stage.trace.events if event.kind == "step.start")
            found = next((Moment(event.n, event.t) for event in begins if event.data["step"] == words[0]), None)
            if found is None:
                raise LineError(f"no step {words[0][:20]!r} has begun")
            start = found
        events = [event for event in self._stage.trace.events if event.n >= start.n]
        return picture(events, start.t, lines_max=LADDER_LINES_MAX)

    async def _why(self, simulation: Simulation, words: list[str]) -> list[str]:
        stage = self._stage
        wanted = [" ".join(words)] if words else []
        try:
            if not wanted:
                user = stage.cloud.why.device(stage.account(self._name))
                wanted = stage.cloud.why.ahead(user, stage.cloud.why.now())
            told = [line for meeting in wanted for line in [*plain(why(stage, meeting, self._name)), ""]]
        except (ValueError, CloudError) as error:
            raise LineError(str(error)) from None
        return told or ["the cloud has no meeting for this device within a day"]

    async def _cloud(self, simulation: Simulation, words: list[str]) -> list[str]:
        if len(words) != 1:
            raise LineError("give a path, such as :cloud device.online")
        try:
            found = self._stage.cloud.use_cases.query(words[0])
        except CloudError as error:
            raise LineError(error.text) from None
        return json.dumps(found, indent=2, ensure_ascii=False, default=str).splitlines()

    async def _device(self, simulation: Simulation, words: list[str]) -> list[str]:
        if words and words[0] not in self._sessions:
            raise LineError(f"no device is named {words[0][:40]}; there are {', '.join(self._sessions)}")
        self._name = words[0] if words else self._name
        return [f"{name}{'  <--' if name == self._name else ''}" for name in self._sessions]


@contextmanager
def _interrupted(act: Callable[[], object]) -> Iterator[None]:
    """Let Ctrl-C do something else within a block."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, lambda number, frame: act() and None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _stderr(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def stdout(text: str) -> None:
    """Print on standard output, at once."""
    sys.stdout.write(text)
    sys.stdout.flush()
