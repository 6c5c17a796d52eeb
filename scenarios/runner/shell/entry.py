"""`roomsim shell`: where lines come from, and which device they go to."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from endpoint.wire.xapi.errors import XapiError
from endpoint.wire.xapi.nodes import nodes
from endpoint.wire.xapi.query import query_of_text
from scenarios.runner.exits import Exit, refused
from scenarios.runner.serving import serve
from scenarios.runner.shell.backend import Backend, Lost, Unusable
from scenarios.runner.shell.colon import Simulation
from scenarios.runner.shell.doors import Door
from scenarios.runner.shell.printing import Printer
from scenarios.runner.shell.ready import read_cloud, read_device
from scenarios.runner.shell.remote import Remote
from scenarios.runner.shell.session import Leaving, NextLine, Session
from scenarios.runner.shell.sources import given_lines, lines_of

WELCOME: Final = "Tab completes, ? describes, :help lists what the simulation can do, Ctrl-D leaves."
_TITLE: Final = (
    "Status SystemUnit ProductPlatform",
    "Status SystemUnit Software DisplayName",
    "Status Webex Status",
)


@dataclass(frozen=True, slots=True)
class Shell:
    """A prompt as the command line asks for it.

    Attributes:
        target: ready file of a device; None makes one.
        commands: lines to carry out instead of asking for them.
        cloud: ready file of the device's cloud, for its faults and its clock.
        clock: how time passes for a device that is made.
    """

    target: Path | None
    commands: Sequence[str]
    cloud: Path | None
    clock: str

    def run(self) -> int:
        """Take lines until they end; return the exit code."""
        is_talk = not self.commands and sys.stdin.isatty() and sys.stdout.isatty()

        async def main() -> int:
            try:
                if is_talk and self.target is None:
                    print("starting a cloud and a device ...", flush=True)
                async with self._device() as (backend, simulation):
                    if is_talk:
                        return await _talk(backend, simulation)
                    if self.commands:
                        return await _play(backend, simulation, given_lines(self.commands))
                    async with lines_of(sys.stdin) as source:
                        return await _play(backend, simulation, source)
            except Unusable as error:
                raise refused(str(error)) from None

        return serve(main)

    @asynccontextmanager
    async def _device(self) -> AsyncIterator[tuple[Backend, Simulation]]:
        if self.target is None:
            from scenarios.runner.shell.embedded import embedded

            async with embedded(self.clock) as (made, device_door, cloud_door):
                yield made, Simulation(device_door, cloud_door, is_one_process=True)
            return
        target = self.target
        ready = read_device(target)
        remote = Remote(lambda: read_device(target), nodes())
        cloud = read_cloud(self.cloud) if self.cloud is not None else None
        async with (
            Door(ready.control, ready.control_token) as device_door,
            Door(cloud.control if cloud else "", cloud.admin_token if cloud else "") as cloud_door,
        ):
            try:
                await remote.open()
                yield remote, Simulation(device_door if ready.control else None, cloud_door if cloud else None)
            finally:
                await remote.close()


async def _play(backend: Backend, simulation: Simulation, more: NextLine) -> int:
    """Carry lines out one after the other; what is wrong with one does not keep the next ones."""
    printer = Printer(_stdout, _stderr)
    backend.tell = printer.advise
    session = Session(backend, simulation, nodes(), printer)
    is_good = True
    with suppress(Leaving):
        while (line := await more()) is not None:
            is_good = await session.line(line, more) and is_good
    with suppress(Lost):
        await session.settle()
    return Exit.OK if is_good else Exit.NO


async def _talk(backend: Backend, simulation: Simulation) -> int:
    """Ask for lines until somebody leaves."""
    from scenarios.runner.shell.prompt import Prompt, ShellCompleter, open_history
    from scenarios.runner.shell.screen import Screen

    has_colours = "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    screen = Screen(_stdout)
    printer = Printer(screen.write, screen.write, colours=has_colours)
    backend.tell = printer.advise
    session = Session(backend, simulation, nodes(), printer)
    printer.say([f"{backend.name}: {await _title(backend)}", WELCOME])
    completer = ShellCompleter(backend, session, nodes())
    await Prompt(session, completer, screen, backend.name, open_history()).run()
    return Exit.OK


async def _title(backend: Backend) -> str:
    """Say what kind of device it is, as far as it tells."""
    found: list[str] = []
    for path in _TITLE:
        with suppress(XapiError, Lost):
            found += [str(value) for _, value in await backend.get(query_of_text(path)) if value != ""]
    return ", ".join(found) or "it says nothing of itself"


def _stdout(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _stderr(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
