"""The table of trace events and the code agree, both ways."""

from __future__ import annotations

import re

from endpoint.runtime.trace import TRACE_VERSION
from tests.tools.generated import ROOT
from tests.tools.page_trace import HISTORY
from tests.tools.trace_kinds import KINDS, untold
from tests.tools.trace_source import kinds


def test_every_kind_of_the_code_is_listed() -> None:
    missing = {kind: place for kind, place in kinds(ROOT).items() if kind not in KINDS}
    assert not missing, f"tests/tools/trace_kinds.py has no row for {missing}"


def test_every_listed_kind_is_in_the_code() -> None:
    files = [file for package in ("endpoint", "cloud_stub", "scenarios") for file in (ROOT / package).rglob("*.py")]
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    families = ("stun", "cal", "booking", "kms")  # their last word is joined to them as they are written
    for kind in KINDS:
        family, _, word = kind.partition(".")
        assert f'"{kind}"' in text or (family in families and re.search(rf'"{word}"', text)), f"nothing writes {kind}"


def test_the_version_that_is_written_has_its_row() -> None:
    assert list(HISTORY)[-1] == TRACE_VERSION


def test_what_is_not_in_the_table_is_found() -> None:
    assert untold("fault.bit", {"id": "f", "on": "http", "do": "error", "nth": 1, "of": 2}) == ["fault.bit: of"]
    assert untold("fault.armed", {"status": 503}) == []
    assert untold("hologram.beam", {}) == ["hologram.beam"]
