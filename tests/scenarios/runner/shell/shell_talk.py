"""A session whose lines and answers are lists of text."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from endpoint.wire.xapi.nodes import nodes
from scenarios.runner.shell.backend import Backend
from scenarios.runner.shell.colon import Simulation
from scenarios.runner.shell.doors import Door
from scenarios.runner.shell.printing import Printer
from scenarios.runner.shell.ready import read_device
from scenarios.runner.shell.remote import Remote
from scenarios.runner.shell.session import Session
from scenarios.runner.shell.sources import given_lines


@dataclass
class Said:
    """Everything that was printed so far, answers and advice apart."""

    out: list[str] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)

    def printer(self) -> Printer:
        return Printer(
            lambda text: self.out.extend(text.splitlines()), lambda text: self.advice.extend(text.splitlines())
        )


class Talk:
    """A session to talk to."""

    def __init__(self, backend: Backend, simulation: Simulation) -> None:
        self.said = Said()
        self.backend = backend
        backend.tell = self.said.advice.append
        self.session = Session(backend, simulation, nodes(), self.said.printer())

    async def __call__(self, *lines: str) -> tuple[bool, list[str], list[str]]:
        """Say lines, those of a body among them; return whether all went well, what was printed, and the advice."""
        self.said.out.clear()
        self.said.advice.clear()
        more = given_lines(lines)
        is_good = True
        while (line := await more()) is not None:
            is_good = await self.session.line(line, more) and is_good
        return is_good, list(self.said.out), list(self.said.advice)

    async def good(self, *lines: str) -> list[str]:
        """Say lines that go well and need no advice; return what was printed."""
        is_good, out, advice = await self(*lines)
        assert (is_good, advice) == (True, []), (out, advice)
        return out

    async def bad(self, line: str) -> tuple[list[str], str]:
        """Say a line that goes wrong; return what was printed, and the advice."""
        is_good, out, advice = await self(line)
        assert not is_good
        return out, "\n".join(advice)


@asynccontextmanager
async def talk_to(ready: Path, cloud: Sequence[str] = ()) -> AsyncIterator[Talk]:
    """Connect to the device of a ready file; `cloud` is the URL and token of its cloud."""
    found = read_device(ready)
    remote = Remote(lambda: read_device(ready), nodes())
    async with Door(found.control, found.control_token) as device_door, Door(*(cloud or ("", ""))) as cloud_door:
        talk = Talk(remote, Simulation(device_door if found.control else None, cloud_door if cloud else None))
        try:
            await remote.open()
            yield talk
        finally:
            await remote.close()
