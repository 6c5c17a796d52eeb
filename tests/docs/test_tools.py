"""The tools that keep the pages true."""

from __future__ import annotations

from pathlib import Path

import pytest

from endpoint.cloud import mercury_table
from tests.tools import generated, links
from tests.tools.blocks import filled
from tests.tools.markdown import anchor, table
from tests.tools.page_calendar_rows import Row, rows
from tests.tools.page_language import Stale, known
from tests.tools.page_lifecycles import moves


def test_generated_files_are_written_once_and_then_fresh(tmp_path: Path) -> None:
    assert set(generated.write(tmp_path)) == set(generated.FILES)
    assert generated.stale(tmp_path) == {}
    (tmp_path / "docs/reference/faults.md").write_text("something else")
    assert list(generated.stale(tmp_path)) == ["docs/reference/faults.md"]


def test_what_shows_a_calendar_row_is_there() -> None:
    found = rows()
    assert [place for row in found for place in row.missing()] == []
    assert [row.id for row in found if not row.shown_by and not row.waits_for.strip()] == []
    nobody = ("tests/docs/test_tools.py::test_" + "nobody", "nowhere.yaml")
    assert tuple(Row("Z00", "C", "", nobody, "").missing()) == nobody


def test_wrong_usage_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert generated.main(["--chek"]) == 2
    assert "usage" in capsys.readouterr().err


def test_stale_files_are_named_with_what_mends_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generated, "stale", lambda: {"docs/x.md": ""})
    assert generated.main(["--check"]) == 1
    assert capsys.readouterr().err == "docs/x.md: stale; run `make update`\n"


def test_blocks_are_filled_and_everything_else_stays() -> None:
    text = "before\n<!-- block: file docs/examples/first.yaml -->\n```yaml\nold\n```\nafter\n"
    found = filled(text)
    assert found.startswith("before\n<!-- block: file docs/examples/first.yaml -->\n```yaml\nname: ")
    assert found.endswith("\n```\nafter\n")
    assert filled(found) == found
    assert filled(text.replace("old\n", "")) == found


@pytest.mark.parametrize(
    ("link", "problem"),
    [
        ("[x](other.md)", ""),
        ("[x](other.md#a-heading-2)", ""),
        ("[x](#here--there)", ""),
        ("[x](https://roomsim.example/)", ""),
        ("`[x](nowhere.md)`", ""),
        ("```\n[x](nowhere.md)\n```", ""),
        ("[x](nowhere.md)", "page.md:3: nowhere.md: no such file"),
        ("[x](other.md#b)", "page.md:3: other.md#b: no such heading"),
        ("[x](../page.md)", "page.md:3: ../page.md: outside the repository"),
    ],
)
def test_links(tmp_path: Path, link: str, problem: str) -> None:
    (tmp_path / "other.md").write_text("# A heading\n## `A heading`\n### A heading\n")
    page = tmp_path / "page.md"
    page.write_text(f"# Here & there\n\n{link}\n")
    assert list(links.broken(page, tmp_path)) == ([problem] if problem else [])


def test_links_of_the_repository_lead_somewhere() -> None:
    assert [problem for page in links.pages() for problem in links.broken(page)] == []


def test_anchors_are_those_of_code_hosts() -> None:
    assert anchor("2. Let it `fail`: now") == "2-let-it-fail-now"


def test_tables_leave_out_empty_columns() -> None:
    assert table(("a", "b"), [("x|y", ""), ("z", "")]) == "| a |\n| --- |\n| x\\|y |\n| z |"


def test_words_of_the_language_and_their_sentences_have_to_agree() -> None:
    known("WORDS", ("a", "b"), {"a": "", "b": ""})
    with pytest.raises(Stale, match=r"missing .*'b'.* too many .*'c'"):
        known("WORDS", ("a", "b"), {"a": "", "c": ""})


def test_rows_that_depend_on_their_event_are_shown_once_for_each_way() -> None:
    ways = [move for move in moves(mercury_table.TABLE) if move.event is mercury_table.SocketFailed]
    assert len({(move.state, move.case) for move in ways}) == len(ways) > 2
