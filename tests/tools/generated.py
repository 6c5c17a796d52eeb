"""The files that are made from code: `python -m tests.tools.generated` writes them, `--check` says which are stale.

Whole files are in `FILES`; pages written by hand have blocks that are filled, see `blocks`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from scenarios.runner.schema import print_schema
from tests.tools.blocks import filled, has_blocks
from tests.tools.links import pages
from tests.tools.page_activation import activation_errors
from tests.tools.page_answers import stub_answers
from tests.tools.page_calendar_rows import calendar_rows
from tests.tools.page_commands import command_line
from tests.tools.page_faults import faults
from tests.tools.page_invitations import invitations
from tests.tools.page_language import scenario_language
from tests.tools.page_lifecycles import lifecycles
from tests.tools.page_log import device_log
from tests.tools.page_nodes import xapi_nodes
from tests.tools.page_trace import trace
from tests.tools.page_why import why

ROOT: Final = Path(__file__).resolve().parents[2]
FILES: Final[Mapping[str, Callable[[], str]]] = {
    "docs/reference/activation-errors.md": activation_errors,
    "docs/reference/calendar-rows.md": calendar_rows,
    "docs/reference/command-line.md": command_line,
    "docs/reference/device-log.md": device_log,
    "docs/reference/faults.md": faults,
    "docs/reference/invitations.md": invitations,
    "docs/reference/lifecycles.md": lifecycles,
    "docs/reference/scenario-language.md": scenario_language,
    "docs/reference/stub-answers.md": stub_answers,
    "docs/reference/trace.md": trace,
    "docs/reference/why.md": why,
    "docs/reference/xapi-nodes.md": xapi_nodes,
    "scenarios/scenario.v1.schema.json": print_schema,
}
"""Every generated file, and what makes its text. Equal on every machine."""


def texts(root: Path = ROOT) -> Iterator[tuple[str, str]]:
    """Yield every generated file with the text that it should have."""
    for name, make in FILES.items():
        yield name, make()
    for file in pages(root):
        text = file.read_text(encoding="utf-8")
        if has_blocks(text):
            yield str(file.relative_to(root)), filled(text)


def stale(root: Path = ROOT) -> dict[str, str]:
    """Return the files that differ from what they should be, with the text that they should have."""
    return {name: text for name, text in texts(root) if _read(root / name) != text}


def write(root: Path = ROOT) -> list[str]:
    """Write the files that are stale; return their names."""
    found = stale(root)
    for name, text in found.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return list(found)


def _read(file: Path) -> str | None:
    return file.read_text(encoding="utf-8") if file.is_file() else None


def main(arguments: list[str]) -> int:
    """Write or check; return the exit code."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: python -m tests.tools.generated [--check]\n")
        return 2
    if not arguments:
        for name in write():
            sys.stdout.write(f"written: {name}\n")
        return 0
    names = stale()
    for name in names:
        sys.stderr.write(f"{name}: stale; run `make update`\n")
    return 1 if names else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
