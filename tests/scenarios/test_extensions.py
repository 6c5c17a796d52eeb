"""Words of another package: found by entry point, and like those that are here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools.generated import ROOT

EXAMPLE = ROOT / "docs" / "examples" / "extension"
ENTRY = "[roomsim.scenarios]\nbadges = badges\n"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with a package as pip leaves it behind, and the example that uses it."""
    about = tmp_path / "room_badges-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: room-badges\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(ENTRY)
    for file in ("badges.py", "badges.yaml"):
        shutil.copy(EXAMPLE / file, tmp_path)
    return tmp_path


def roomsim(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Call the command in a process that finds the package."""
    paths = os.pathsep.join([str(site), str(ROOT)])
    return subprocess.run(
        [sys.executable, "-m", "scenarios.runner.cli", *arguments],
        cwd=site, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_verb_subject_and_check_of_a_package_are_like_ours(site: Path) -> None:
    again = (site / "badges.yaml").read_text().replace("name: Ana", "name: Twice").replace("Ben Jones", "Ana Smith")
    (site / "twice.yaml").write_text(again.replace('number: { not: "${saved.number}" }', "who: Ana Smith"))
    done = roomsim(site, "run", "badges.yaml", "twice.yaml", "-j", "2")
    assert done.returncode == 1, done.stderr
    assert "PASS  badges.yaml  Ana comes in with her badge" in done.stdout
    assert "FAIL twice.yaml:8:5  step 2  badge" in done.stdout
    assert "each badge once" in done.stdout
    assert "Ana Smith again" in done.stdout
    assert 'badge.seen {"who": "Ana Smith"' in done.stdout


def test_mistakes_with_words_of_a_package_are_placed(site: Path) -> None:
    text = (site / "badges.yaml").read_text()
    (site / "wrong.yaml").write_text(
        text.replace("- badge: Ana Smith", "- bage: Ana")
        .replace("one_badge", "one_bagde")
        .replace("at_door: true", "door: 1")
    )
    done = roomsim(site, "check", "wrong.yaml")
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert "wrong.yaml:5:5: unknown verb or key `bage`; nearest: `badge`" in lines
    assert any("`one_bagde` is none of strict, secrets" in line and line.endswith("`one_badge`") for line in lines), (
        lines
    )
    assert any("unknown key `door`; nearest: `at_door`" in line for line in lines)


def test_schema_has_the_words_of_a_package(site: Path) -> None:
    done = roomsim(site, "schema")
    assert done.returncode == 0
    assert all(word in done.stdout for word in ('"at_door"', '"badge_seen"', '"one_badge"'))


def test_package_that_cannot_be_imported_is_one_line(site: Path) -> None:
    (site / "badges.py").write_text("import nowhere_to_be_found\n")
    done = roomsim(site, "check", "badges.yaml")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "badges:1:1: the entry point badges of room-badges cannot be loaded: ModuleNotFoundError: No module named 'nowhere_to_be_found'"
    ]
    assert roomsim(site, "schema").returncode == 2


def test_word_that_is_there_already_cannot_be_taken(site: Path) -> None:
    (site / "badges.py").write_text((site / "badges.py").read_text().replace('verb = "badge"', 'verb = "volume"'))
    done = roomsim(site, "check", "badges.yaml")
    assert done.returncode == 2
    assert "volume is declared twice" in done.stderr
