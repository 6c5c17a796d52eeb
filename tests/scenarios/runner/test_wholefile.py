from __future__ import annotations

from pathlib import Path

import pytest

from scenarios.runner.wholefile import PRIVATE, is_free, write_whole


def test_files_are_written_together_or_not_at_all(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    write_whole({one: "1", two: "half a pair: \ud800"})
    assert (one.read_text(), two.read_text()) == ("1", "half a pair: \\ud800")
    (tmp_path / "two.new").mkdir()  # as good as a full disk
    with pytest.raises(OSError, match="directory") as refused:
        write_whole({one: "other", two: "other"})
    assert refused.value.filename == str(two)
    assert (one.read_text(), two.read_text()) == ("1", "half a pair: \\ud800")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["one", "two", "two.new"]


def test_what_is_private_was_never_readable_to_others(tmp_path: Path) -> None:
    file = tmp_path / "ready.json"
    file.with_name("ready.json.new").write_text("left behind by a crash")  # readable to all
    write_whole({file: "{}"}, PRIVATE)
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_directory_is_free_until_something_is_in_it(tmp_path: Path) -> None:
    assert is_free(tmp_path)
    assert is_free(tmp_path / "not" / "there")
    (tmp_path / "file").touch()
    assert not is_free(tmp_path)
    with pytest.raises(NotADirectoryError):
        is_free(tmp_path / "file")
