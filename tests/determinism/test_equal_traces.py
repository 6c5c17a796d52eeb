"""A run repeats by its seed, byte for byte, in any process; and the check can fail."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from endpoint.runtime.trace import Trace, trace_hash
from tests.determinism.program import play

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def seven() -> Trace:
    return play(7)


def test_the_program_meets_what_could_make_runs_differ(seven: Trace) -> None:
    kinds = Counter(event.kind for event in seven.events)
    assert len(seven.events) > 3000
    assert all(kinds[kind] for kind in ("fault.bit", "fault.struck", "fault.healed", "ws.open", "ws.close", "failed"))
    assert kinds["ws.recv"] < 2 * kinds["ws.send"]  # some frames were lost


def test_a_seed_gives_the_same_run_again(seven: Trace) -> None:
    again = play(7)
    assert [event.as_json() for event in again.events] == [event.as_json() for event in seven.events]
    assert trace_hash(again.events) == trace_hash(seven.events)


def test_another_seed_gives_another_run(seven: Trace) -> None:
    assert trace_hash(play(8).events) != trace_hash(seven.events)


def test_without_a_seed_no_two_runs_are_equal() -> None:
    assert trace_hash(play(None).events) != trace_hash(play(None).events)


def test_processes_and_their_hash_seeds_make_no_difference(seven: Trace) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.determinism.program", "7"],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "TZ": zone, "LC_ALL": "C"},
            stdout=subprocess.PIPE,
            text=True,
        )
        for hash_seed, zone in (("0", "UTC"), ("4242", "Asia/Kolkata"))
    ]
    hashes = [process.communicate()[0].strip() for process in processes]
    assert hashes == [trace_hash(seven.events)] * 2
