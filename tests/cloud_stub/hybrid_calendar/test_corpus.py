"""What is read in each invitation of the corpus."""

from __future__ import annotations

import pytest

from cloud_stub.hybrid_calendar.reading import read_invitation
from tests.cloud_stub.hybrid_calendar.corpus import Case, cases

CASES = cases()


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{file}: {case.name}") for file, case in CASES])
def test_what_is_read(case: Case) -> None:
    reading = read_invitation(case.invitation)
    assert {
        name: getattr(reading, name) or (None if name != "service" else "") for name in case.expected
    } == case.expected
    assert set(case.diagnostics) <= set(reading.diagnostics)
    if case.keyword is not None:
        assert reading.keyword is not None
        assert (reading.keyword.shown, reading.keyword.action) == (case.keyword, case.action)
    assert reading.why.endswith(".")
    assert bool(reading.join) == (reading.dial is not None)


def test_the_corpus_is_large_and_its_names_are_different() -> None:
    assert len(CASES) >= 150
    assert len({(file, case.name) for file, case in CASES}) == len(CASES)
