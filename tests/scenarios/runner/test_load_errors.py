"""Golden texts: what an author sees for every kind of mistake.

`tests/data/scenarios/load_errors.txt` holds sections of a title, a file, `~~~`, and what is printed for it. Other files that it uses follow
it, each after a line `+++ <name>`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from scenarios.runner.loader import load_bytes
from scenarios.runner.problems import ScenarioError

GOLDEN = Path(__file__).parents[2] / "data" / "scenarios" / "load_errors.txt"


def sections() -> list[tuple[str, str, str]]:
    found = []
    for block in GOLDEN.read_text(encoding="utf-8").removeprefix("=== ").split("\n=== "):
        head, _, printed = block.partition("\n~~~\n")
        title, _, source = head.partition("\n")
        found.append((title, source, printed.rstrip("\n")))
    return found


@pytest.mark.parametrize(("source", "printed"), [section[1:] for section in sections()], ids=[s[0] for s in sections()])
def test_load_error_is_printed_as_agreed(
    source: str, printed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source, *others = source.split("\n+++ ")
    for other in others:
        name, _, text = other.partition("\n")
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text + "\n")
    with pytest.raises(ScenarioError) as caught:
        load_bytes(source.encode() + b"\n" if source else b"", "x.yaml")
    assert printed == str(caught.value)


@pytest.mark.parametrize("name", ["style_example.yaml", "style_faults.yaml"])
def test_style_examples_are_read(name: str) -> None:
    [scenario] = load_bytes((GOLDEN.parent / name).read_bytes(), name)
    assert scenario.steps


def test_style_herd_is_refused_only_for_what_is_not_built() -> None:
    with pytest.raises(ScenarioError) as caught:
        load_bytes((GOLDEN.parent / "style_herd.yaml").read_bytes(), "herd.yaml")
    assert all(": not built yet: `" in line for line in str(caught.value).splitlines())
