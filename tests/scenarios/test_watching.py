"""`roomsim run --watch`: what changes is run again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scenarios.runner.commands import run_app

GOOD = "name: {name}\nsteps: [{{ note: hello }}]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(GOOD.format(name=name))
    return tmp_path


class Watching:
    """A process that watches, line by line."""

    def __init__(self, *arguments: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "scenarios.runner.cli", "run", *map(str, arguments), "--watch"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )

    def round(self) -> list[str]:
        """Return the lines of a round, without the last one, which says that it waits."""
        assert self.process.stdout is not None
        lines: list[str] = []
        for line in self.process.stdout:
            if line.startswith("-- waiting for changes"):
                return lines
            lines.append(line.rstrip("\n"))
        raise AssertionError(f"it has ended: {lines}")

    def kill(self) -> None:
        """End it, whatever it does."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=60)
        return self.process.returncode


@pytest.fixture
def watching(folder: Path) -> Iterator[Watching]:
    process = Watching(folder, "--json", folder / "verdicts.json", "--junit", folder / "junit.xml")
    yield process
    process.kill()


def test_what_changes_runs_again_and_mistakes_do_not_end_it(folder: Path, watching: Watching) -> None:
    assert watching.round()[-1] == "2 passed, 0 failed"
    (folder / "one.yaml").write_text("name: one\nsteps: [{ wait: { mercury: open, within: 1s } }]\n")
    again = watching.round()
    assert again[0] == "-- changed: one.yaml"
    assert again[-1] == "0 passed, 1 failed", "the other one has not changed, and the reports do not count"
    (folder / "one.yaml").write_text("name: one\nsteps: [{ not: hello }]\n")
    again = watching.round()
    assert again[1:] == [f"{folder}/one.yaml:2:11: unknown verb or key `not`; nearest: `note`"]
    new = folder / "one.new"
    new.write_text(GOOD.format(name="one"))
    new.replace(folder / "one.yaml")  # as editors do
    assert watching.round()[-1] == "1 passed, 0 failed"
    (folder / "three.yaml").write_text(GOOD.format(name="three"))
    assert watching.round()[-1] == "1 passed, 0 failed", "a new one runs as well"
    assert watching.end() == 130


def test_a_part_that_changes_runs_what_may_use_it(folder: Path) -> None:
    stories, part = folder / "stories", folder / "parts" / "hello.yaml"
    stories.mkdir()
    part.parent.mkdir()
    part.write_text("part: it says hello\nsteps: [{ note: hello }]\n")
    for name in ("one", "two"):
        (stories / f"{name}.yaml").write_text(f"name: {name}\nsteps: [{{ use: ../parts/hello.yaml }}]\n")
    process = Watching(stories)
    try:
        assert process.round()[-1] == "2 passed, 0 failed"
        part.write_text("part: it waits\nsteps: [{ wait: { mercury: open, within: 1s } }]\n")
        again = process.round()
        assert (again[0], again[-1]) == ("-- changed: hello.yaml", "0 passed, 2 failed")
        assert process.end() == 130
    finally:
        process.kill()


def test_nothing_to_watch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(["run", str(tmp_path / "none.yaml"), "--watch"]) == 2
    assert capsys.readouterr().err == f"{tmp_path}/none.yaml:1:1: there is no such file\n"
