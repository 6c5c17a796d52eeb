"""The lock files and `pyproject.toml` say the same."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def _locked(name: str) -> dict[str, str]:
    lines = (ROOT / "requirements" / name).read_text().splitlines()
    return {line.partition("==")[0].lower().replace("_", "-"): line.partition("==")[2] for line in lines}


def test_the_runtime_lock_is_part_of_the_development_lock() -> None:
    assert _locked("runtime.txt").items() <= _locked("dev.txt").items()


def test_every_dependency_is_locked_at_or_above_its_lower_bound() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    locked = _locked("runtime.txt")
    for dependency in project["dependencies"]:
        name, _, bound = dependency.partition(">=")
        version = locked[name.lower()]
        assert _key(version) >= _key(bound), f"{name} {version} is below {bound}"


def test_every_dependency_has_a_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    listed = re.findall(r'^    "[A-Za-z0-9-]+>=[^"]+",(.*)$', text, re.M)
    assert listed
    assert all(re.search(r"# \w", reason) for reason in listed)


def _key(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))
