"""The tutorial from nothing to CI, followed by the letter with the wheel; and the tests in Python that pages show."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.tools.generated import ROOT

PAGE = ROOT / "docs" / "tutorial" / "from-nothing-to-ci.md"
BLOCK = re.compile(r"^```(sh)?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
TIMES = re.compile(r"\bin \d+\.\d\ds")
PROGRAMS = {"roomsim": "scenarios.runner.cli", "pytest": "pytest"}


@pytest.fixture
def shell(wheel: Path, tmp_path: Path) -> dict[str, str]:
    """An environment in which the commands of the package are those of the wheel."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, module in PROGRAMS.items():
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m {module} "$@"\n')
        program.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV"))}
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    return {
        **kept,
        "PATH": path,
        "PYTHONPATH": str(wheel),
        "NO_COLOR": "1",
        "COLUMNS": "80",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def blocks() -> Iterator[tuple[str, list[str]]]:
    """Yield each block of commands with the lines of output that the page shows after it."""
    commands, shown = "", list[str]()
    for kind, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if kind == "sh":
            if commands:
                yield commands, shown
            commands, shown = text, []
        else:
            shown += text.splitlines()
    yield commands, shown


@pytest.mark.skipif(shutil.which("bash") is None, reason="NOT TESTED: bash is not installed")
def test_every_command_does_what_the_page_shows(shell: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (install, _), *rest = blocks()
    assert install.startswith("python3 -m venv"), "what is unpacked here stands for what is installed there"
    assert len(rest) >= 7
    for commands, shown in rest:
        done = subprocess.run(
            ["bash", "-c", commands], cwd=folder, env=shell, capture_output=True, text=True, timeout=200, check=False
        )
        told = TIMES.sub("in ?s", done.stdout + done.stderr)
        missing = [line for line in shown if TIMES.sub("in ?s", line) not in told]
        assert not missing, f"{commands}\n{told}"
    workflow = yaml.safe_load((folder / ".github/workflows/room.yml").read_text())
    runs = [step["run"] for step in workflow["jobs"]["room"]["steps"] if "run" in step]
    assert [run.split()[0] for run in runs] == ["pip", "roomsim", "pytest"]
    assert (folder / "room.xml").read_text().startswith("<?xml")


def test_python_tests_of_the_pages_pass(shell: dict[str, str]) -> None:
    folder = ROOT / "docs" / "examples"
    done = subprocess.run(
        ["pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), "-c", os.devnull, *map(str, folder.glob("test_*.py"))],
        env=shell, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^6 passed", done.stdout, re.MULTILINE), done.stdout
