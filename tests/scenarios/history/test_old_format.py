"""A trace that an older version wrote stays readable: a published version of the format never changes."""

from __future__ import annotations

from collections import Counter

from endpoint.runtime.trace import trace_hash
from scenarios.runner.history.counting import stats
from scenarios.runner.history.judging import judge
from scenarios.runner.history.reader import read_trace
from scenarios.runner.history.selection import Selection
from scenarios.runner.loader import load

from .old import SCENARIO, TRACE

HASH = "a5cb99f63b73d3b5fd852cfce002e4ab1b639ea4b19d3e78bdf1aa0a941e25be"


def test_header_and_events_are_what_they_were() -> None:
    history = read_trace(TRACE)
    header = history.header
    assert (header.version, header.seed, header.mode, header.network) == ("1.0", 0, "virtual", "memory")
    assert header.scenario == "The websocket dies, and no meeting is lost"
    assert header.versions["websockets"] == "17.4"
    assert len(history.events) == 413
    assert Counter(event.kind.partition(".")[0] for event in history.events).most_common(3) == [
        ("stun", 85), ("log", 84), ("http", 80),
    ]  # fmt: skip
    assert [event.n for event in history.causes(317)] == [304, 303, 296]


def test_its_bytes_and_its_hash_are_what_they_were() -> None:
    history = read_trace(TRACE)
    assert [event.as_json() for event in history.events] == TRACE.read_text(encoding="utf-8").splitlines()[1:]
    assert trace_hash(history.events) == HASH


def test_everything_that_reads_traces_reads_it() -> None:
    history = read_trace(TRACE)
    assert stats(history)["services"]["calendar"]["answers"] == {"200": 3, "503": 2}
    assert sum(1 for _ in Selection(steps=(1, 1)).of(history)) == 60
    (scenario,) = load(SCENARIO)
    judgement = judge(scenario, history)
    assert (judgement.judged, judgement.failures) == (8, [])
