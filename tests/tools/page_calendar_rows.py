"""docs/reference/calendar-rows.md: which test or scenario shows each row of the calendar inventory (protocol/calendar-and-obtp.md 3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.tools.markdown import code, page, table

ROOT: Final = Path(__file__).resolve().parents[2]
ROWS: Final = Path(__file__).with_name("calendar_rows.tsv")
INTRODUCTION: Final = """
What is known of the way from an invitation to the Join button was written down row by row before anything was built. `C` is the core, `V`
what is valuable beside it. A row is shown by the scenarios and tests beside it; one that waits for a part that is not there yet says so.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A row: its id, its class, what it says in short, and what shows it.

    Attributes:
        shown_by: `scenarios/x.yaml` or `tests/x.py::test_name`; empty while the row waits.
        waits_for: the part that it waits for; empty when it is shown.
    """

    id: str
    rank: str
    says: str
    shown_by: tuple[str, ...]
    waits_for: str

    def missing(self, root: Path = ROOT) -> Iterator[str]:
        """Yield what the row names and nobody has."""
        for place in self.shown_by:
            file, _, name = place.partition("::")
            if not (root / file).is_file() or (name and f"def {name}(" not in (root / file).read_text("utf-8")):
                yield place


def rows() -> list[Row]:
    """Read the rows."""
    found = []
    for line in ROWS.read_text("utf-8").splitlines():
        row_id, rank, says, shown = line.split("\t")
        places = tuple(shown.split()) if shown.startswith(("scenarios/", "tests/")) else ()
        found.append(Row(row_id, rank, says, places, "" if places else shown))
    return found


def calendar_rows() -> str:
    """Return the page."""
    return page(
        "Calendar rows",
        INTRODUCTION,
        table(
            ("row", "class", "what it says", "shown by"),
            [(row.id, row.rank, row.says, code(*row.shown_by) or f"waits for {row.waits_for}") for row in rows()],
        ),
    )
