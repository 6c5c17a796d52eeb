"""The comparator of the unmodified client package against ours: its own vectors, and drawn sequences."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from endpoint.runtime.chance import Chance, Stream
from endpoint.wire.locus.sequence import Advice, Sequence, advise_delta, advise_full, compare, parse_sequence

SDK = Path(os.environ.get("ROOMSIM_SDK", Path(__file__).parent / "sdk"))
SCRIPT = Path(__file__).parent / "sdk" / "sequences.js"
PACKAGE = SDK / "node_modules" / "@webex" / "internal-plugin-locus"
PAIRS = 20_000
RUN_S = 120
OURS = {"ACCEPT_NEW": "USE_INCOMING", "KEEP_CURRENT": "USE_CURRENT", "DESYNC": "FETCH"}

pytestmark = pytest.mark.client


@pytest.fixture(scope="module", autouse=True)
def _installed() -> None:
    if shutil.which("node") is None:
        pytest.skip("NOT TESTED: node is not installed; the client packages need it")
    if not PACKAGE.is_dir():
        pytest.skip(
            f"NOT TESTED: the client packages are not installed: run `make test-clients`, or `npm ci --ignore-scripts` in {SDK}"
        )


def _theirs(cases: list[dict[str, Any]]) -> list[dict[str, str]]:
    done = subprocess.run(
        ["node", str(SCRIPT)],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        timeout=RUN_S,
        env={**os.environ, "NODE_PATH": str(SDK / "node_modules")},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: list[dict[str, str]] = json.loads(done.stdout)
    return answer


def _drawn(draws: Stream) -> Sequence:
    top = draws.choice([6, 12, 30])
    entries = tuple(sorted(draws.sample(range(1, top + 1), draws.randint(0, 5))))
    if draws.below(2):
        return Sequence(entries)
    end = draws.randint(1, draws.choice(entries) if entries else top)
    return Sequence(entries, draws.randint(1, end), end)


def test_both_compare_alike_and_advise_alike() -> None:
    draws = Chance(1).actor("test").stream("sequences")
    drawn = [(_drawn(draws), _drawn(draws), _drawn(draws)) for _ in range(PAIRS)]
    cases = [
        {
            "current": current.as_wire(),
            "incoming": incoming.as_wire(),
            "baseSequence": base.as_wire() if n % 2 else None,
        }
        for n, (current, base, incoming) in enumerate(drawn)
    ]
    for n, ((current, base, incoming), theirs) in enumerate(zip(drawn, _theirs(cases), strict=True)):
        assert compare(current, incoming).value == theirs["order"], (current, incoming)
        advice = advise_delta(current, base, incoming) if n % 2 else advise_full(current, incoming)
        ours = Advice.FETCH if advice is Advice.WAIT else advice  # the package knows no waiting
        assert ours.name == theirs["action"], (current, base, incoming)


@pytest.mark.parametrize("name", ["SeqCmp.json", "BasicSeqCmp.json"])
def test_the_vectors_of_the_package(name: str) -> None:
    vectors = json.loads((PACKAGE / "test" / "unit" / "lib" / name).read_text())
    known = {key: parse_sequence(raw) for key, raw in vectors["sequences"].items()}
    assert len(vectors["comparisons"]) > 20
    for case in vectors["comparisons"].values():
        assert compare(known[case["current"]], known[case["new"]]).value == case["result"], case
    for case in vectors.get("update_actions", {}).values():
        current, incoming = known[case["current"]], known[case["new"]]
        full = "newbase" not in case
        advice = advise_full(current, incoming) if full else advise_delta(current, known[case["newbase"]], incoming)
        assert advice.name == OURS[case["result"]], case
