"""Blocks of pages written by hand: examples and their real output.

    <!-- block: file docs/examples/first.yaml -->
    ```yaml
    ...
    ```

What stands between the fences is written by `make update`, so that no page shows what does not run.

    file FILE            the text of a file
    report FILE          the failure report of a scenario
    complaints FILE      what is wrong with a scenario that does not load
    ladder FILE N ...    the exchanges of these steps, without their numbers in the history
    xstatus FILE P, Q    the status leaves below these paths at the end
    bounds doors         the bounds of the local doors
    causes calls         why calls end
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from endpoint.wire.xapi.nodes import nodes
from endpoint.wire.xapi.paths import Path as XPath
from endpoint.wire.xapi.paths import parse_path
from endpoint.wire.xapi.terminal import status_lines
from scenarios.runner.ladder import Ladder, Line
from scenarios.runner.loader import load
from scenarios.runner.problems import ScenarioError
from scenarios.runner.run import RunOptions, run_scenario
from scenarios.runner.stage import Stage
from tests.tools.bounds import bounds
from tests.tools.page_calls import causes

ROOT: Final = Path(__file__).resolve().parents[2]
SHOWN: Final = ("step", "message", "fault", "dull")
"""Lines of the ladder that an excerpt keeps: exchanges, not the changes inside the device."""
_BLOCK = re.compile(r"(<!-- block: (?P<what>[^\n]+?) -->\n```[a-z]*\n).*?(?=^```$)", re.DOTALL | re.MULTILINE)
_ORDINAL = re.compile(r" +#[0-9]+$")


class Played(NamedTuple):
    """What a run leaves for the pages."""

    reports: tuple[str, ...]
    lines: tuple[Line, ...]
    status: tuple[tuple[XPath, str], ...]


def has_blocks(text: str) -> bool:
    """Say whether a page has blocks."""
    return _BLOCK.search(text) is not None


def filled(text: str) -> str:
    """Return a page with the present content of its blocks."""
    return _BLOCK.sub(lambda found: f"{found[1]}{content(found['what'])}\n", text)


def content(what: str) -> str:
    """Return what belongs into a block."""
    kind, file, *arguments = what.split()
    return MAKERS[kind](file, arguments)


def _file(file: str, arguments: list[str]) -> str:
    return (ROOT / file).read_text(encoding="utf-8").rstrip("\n")


def _report(file: str, arguments: list[str]) -> str:
    return "\n".join(_play(file).reports).replace(f"{ROOT}/", "")


def _complaints(file: str, arguments: list[str]) -> str:
    try:
        load(ROOT / file, table=nodes())
    except ScenarioError as error:
        return "\n".join(str(problem) for problem in error.problems).replace(f"{ROOT}/", "")
    raise ValueError(f"{file} is valid, and the page says that it is not")


def _ladder(file: str, arguments: list[str]) -> str:
    wanted, shown, is_in = {f"step {number} " for number in arguments}, [], False
    for line in _play(file).lines:
        if line.style == "step":
            is_in = any(line.left.startswith(step) for step in wanted)
        if is_in and line.style in SHOWN:
            shown.append(_ORDINAL.sub("", line.text(0)).rstrip())
    return "\n".join(shown)


def _xstatus(file: str, arguments: list[str]) -> str:
    wanted = [parse_path(text) for text in " ".join(arguments).split(", ")]
    shown = (text for path, text in _play(file).status if any(path[: len(one)] == one for one in wanted))
    return "\n".join(shown)


@lru_cache(maxsize=16)
def _play(file: str) -> Played:
    ladder = Ladder()
    lines: list[Line] = []
    status: list[tuple[XPath, str]] = []

    def look(stage: Stage) -> None:
        for leaf in next(iter(stage.devices.values())).status:
            status.extend((leaf[0], text) for text in status_lines([leaf]))

    scenario = load(ROOT / file, table=nodes())[0]
    outcome = run_scenario(scenario, RunOptions(watch=lambda event: lines.extend(ladder.feed(event)), after=look))
    return Played(tuple(outcome.reports), tuple(lines), tuple(status))


MAKERS: Final[Mapping[str, Callable[[str, list[str]], str]]] = {
    "file": _file,
    "report": _report,
    "complaints": _complaints,
    "ladder": _ladder,
    "xstatus": _xstatus,
    "bounds": lambda which, arguments: bounds(),
    "causes": lambda which, arguments: causes(),
}
"""What each kind of block is made by."""
