"""Golden texts: what an author sees for every kind of mistake.

`tests/data/scenarios/load_errors.txt` holds sections of a title, a file, `~~~`, and what is printed for it.
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
def test_load_error_is_printed_as_agreed(source: str, printed: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load_bytes(source.encode() + b"\n" if source else b"", "x.yaml")
    assert printed == str(caught.value)


def test_style_example_is_refused_only_for_what_is_not_built() -> None:
    source = (GOLDEN.parent / "style_example.yaml").read_bytes()
    with pytest.raises(ScenarioError) as caught:
        load_bytes(source, "morning.yaml")
    assert str(caught.value).splitlines() == [
        "morning.yaml:26:7: not built yet: `screen`: it comes with the panel",
        "morning.yaml:29:12: not built yet: `join button`: it comes with bookings and the Join button",
    ]


def test_style_fault_plan_is_refused_only_for_what_is_not_built() -> None:
    with pytest.raises(ScenarioError) as caught:
        load_bytes((GOLDEN.parent / "style_faults.yaml").read_bytes(), "faults.yaml")
    assert (
        str(caught.value) == "faults.yaml:12:15: not built yet: `bookings`: it comes with bookings and the Join button"
    )


def test_style_herd_is_refused_only_for_what_is_not_built() -> None:
    with pytest.raises(ScenarioError) as caught:
        load_bytes((GOLDEN.parent / "style_herd.yaml").read_bytes(), "herd.yaml")
    assert all(": not built yet: `" in line for line in str(caught.value).splitlines())
