"""The list of device log lines and the code agree, both ways."""

from __future__ import annotations

import re

import pytest

from tests.tools.generated import ROOT
from tests.tools.log_lines import OBSERVED, OURS, Row
from tests.tools.log_source import Written, written

ROWS = (*OBSERVED, *OURS)
WRITTEN = written(ROOT)


def fits(row: Row, line: Written) -> bool:
    """Say whether a row tells of a line: the slots of one may stand for text of the other."""
    code = re.compile(".*".join(map(re.escape, line.text.split("{}"))), re.DOTALL)
    return (row.module, row.level) == (line.module, line.level) and bool(
        row.pattern.fullmatch(line.text) or code.fullmatch(row.text)
    )


@pytest.mark.parametrize("line", WRITTEN, ids=lambda line: f"{line.file}:{line.line}")
def test_every_line_of_the_code_is_listed(line: Written) -> None:
    assert any(fits(row, line) for row in ROWS), f"no row of tests/tools/log_lines.py tells of {line}"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.shown[:40])
def test_every_listed_line_is_in_the_code(row: Row) -> None:
    assert any(fits(row, line) for line in WRITTEN), f"nothing writes {row.shown}"


def test_marks_are_unique() -> None:
    marks = [row.mark for row in ROWS if row.mark]
    assert len(marks) == len(set(marks))
