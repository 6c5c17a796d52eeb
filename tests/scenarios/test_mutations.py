"""A scenario notices when it is not true any more."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.scenarios.command_line import Ran
from tests.scenarios.mutations import FILES, mutation
from tests.scenarios.stories import SCENARIOS


@pytest.mark.parametrize("file", FILES)
def test_changing_one_expected_value_makes_a_scenario_fail(
    file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    right, wrong, told = mutation(file)
    text = (SCENARIOS / file).read_text()
    assert right in text
    shutil.copytree(SCENARIOS / "parts", tmp_path / "parts")
    mutant = tmp_path / "mutants" / "mutant.yaml"
    mutant.parent.mkdir()
    mutant.write_text(text.replace(right, wrong, 1))
    ran = Ran(capsys, "run", mutant)
    assert ran.code == 1
    assert told in ran.out
