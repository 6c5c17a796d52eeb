"""The pages on the shell, typed in line by line: what they show is what comes out."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator

import pytest

from endpoint.wire.xapi.nodes import nodes
from scenarios.runner.shell.colon import Simulation
from scenarios.runner.shell.embedded import embedded
from scenarios.runner.shell.printing import Printer
from scenarios.runner.shell.session import Session
from tests.tools.generated import ROOT

PAGES = ("use-the-shell", "use-the-fault-table")
BLOCK = re.compile(r"```text\n(.*?)```", re.DOTALL)
PROMPT = "room> "


def exchanges(page: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the lines that a page types, and what it shows for each; `...` stands for any text."""
    for block in BLOCK.findall((ROOT / f"docs/how-to/{page}.md").read_text(encoding="utf-8")):
        for exchange in block.removeprefix(PROMPT).split(f"\n{PROMPT}"):
            line, *shown = exchange.rstrip("\n").split("\n")
            yield line, shown


@pytest.mark.parametrize("page", PAGES)
def test_page_shows_what_comes_out(page: str) -> None:
    async def no_more() -> str | None:
        return None

    async def main() -> None:
        async with embedded("frozen") as (device, device_door, cloud_door):
            printed: list[str] = []
            simulation = Simulation(device_door, cloud_door, is_one_process=True)
            session = Session(device, simulation, nodes(), Printer(printed.append, printed.append))
            for line, shown in exchanges(page):
                printed.clear()
                await session.line(line, no_more)
                wanted = ".*".join(map(re.escape, "\n".join(shown).split("...")))
                assert re.fullmatch(wanted, "".join(printed).rstrip("\n")), (line, printed)

    assert len(list(exchanges(page))) > 10
    asyncio.run(main())
