"""Golden texts: the answer to "why is there no Join button?" as people read it, for a sound chain and for each cause.

`tests/data/why/answers.txt` holds them; `python -m tests.scenarios.runner.test_why_text` writes it anew.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from endpoint.wire.why import judge
from endpoint.wire.why_report import Report
from scenarios.runner.why_text import ASCII, UNICODE, explain, marks_for, plain, table
from tests.endpoint.wire.why_world import BREAKABLE, END, NOW, START, both

GOLDEN = Path(__file__).parents[2] / "data" / "why" / "answers.txt"
RULE = "=" * 80 + "\n"


def answers() -> dict[str, Report]:
    """Every answer that is kept, by its title."""
    found = {"a sound chain, early": judge(*both(), NOW), "a sound chain, late": judge(*both(at=END), END)}
    found["only the cloud was asked"] = judge(both()[0], None, START)
    found["only the device was asked"] = judge(None, both(at=START)[1], START)
    found["three at once"] = judge(*both(["kms_down", "room_declined", "device_not_registered"], at=START), START)
    return found | {key: judge(*both([key], at=START), START) for key in BREAKABLE}


def printed(title: str, report: Report) -> str:
    return f"{title}\n{RULE}" + "".join(f"{line}\n" for line in plain(report))


def kept() -> dict[str, str]:
    found = {}
    for block in GOLDEN.read_text(encoding="utf-8").removeprefix("# ").split("\n# "):
        found[block.partition("\n")[0]] = block.rstrip("\n") + "\n"
    return found


@pytest.mark.parametrize("title", answers())
def test_answer_reads_as_agreed(title: str) -> None:
    assert printed(title, answers()[title]) == kept()[title]


@pytest.mark.parametrize("width", [60, 80, 100])
def test_lines_keep_the_width_and_colours_add_no_characters(width: int) -> None:
    for report in answers().values():
        for line in explain(report, UNICODE, width):
            assert len(line.plain) <= width
        assert [line.plain for line in explain(report, ASCII, width)] == [
            line.plain.translate(str.maketrans("✓✗◷·│┆┌└", "+x~.|:||")) for line in explain(report, UNICODE, width)
        ]


def test_marks_follow_the_encoding() -> None:
    assert marks_for("utf-8") is UNICODE
    assert marks_for("latin-1") is marks_for(None) is marks_for("no such one") is ASCII


def test_several_meetings_are_a_table() -> None:
    reports = [judge(*both(), NOW), judge(*both(["room_declined", "kms_down"]), NOW)]
    assert [line.plain.rstrip() for line in table(reports, UNICODE)] == [
        "  start      button     meeting                     answer",
        "✓ 09:00:00Z  08:55:00Z  Review                      comes",
        "✗ 09:00:00Z  -          Review                      room_declined, kms_down",
    ]


if __name__ == "__main__":
    GOLDEN.parent.mkdir(parents=True, exist_ok=True)
    GOLDEN.write_text("\n".join(f"# {printed(title, report)}" for title, report in answers().items()), encoding="utf-8")
