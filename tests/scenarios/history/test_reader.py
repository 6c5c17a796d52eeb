"""Trace files that are read, and those that are refused with the line and what would have been right."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.runtime.trace import TRACE_VERSION, trace_hash
from scenarios.runner.history import reader
from scenarios.runner.history.reader import RIGHT, TraceError, read_stream, read_trace
from scenarios.runner.loader import load
from scenarios.runner.run import run_scenario
from scenarios.runner.suite import write_trace

HEADER = {
    "roomsim_trace": "1.0", "scenario": "A story", "sha256": "ab", "seed": 7, "mode": "virtual", "network": "memory",
    "start": "2026-03-02T08:50:00.000Z", "versions": {"roomsim": "0.1.0"},
}  # fmt: skip
EVENT = {"n": 1, "t": 0, "at": "2026-03-02T08:50:00.000Z", "who": "device:room", "kind": "ws.open"}


def read(*lines: Any) -> reader.History:
    """Read lines: objects as JSON, bytes as they are."""
    raw = b"".join(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines)
    return read_stream(io.BytesIO(raw), "x.jsonl")


def test_what_a_run_wrote_is_read_without_loss(tmp_path: Path) -> None:
    (scenario,) = load(Path("scenarios/mercury/mercury_reset_catch_up.yaml"))
    outcome = run_scenario(scenario, seed=3)
    assert outcome.trace is not None
    write_trace(tmp_path / "t.jsonl", outcome, outcome.trace)
    history = read_trace(tmp_path / "t.jsonl")
    assert history.events == tuple(outcome.trace.events)
    assert trace_hash(history.events) == outcome.hash
    header = history.header
    assert (header.version, header.scenario, header.seed, header.mode) == (TRACE_VERSION, scenario.name, 3, "virtual")
    assert header.sha256 == scenario.sha256
    assert header.start == outcome.trace.start
    assert header.versions["roomsim"]
    assert not header.unknown


def test_a_newer_minor_version_is_read_and_what_is_unknown_left_alone() -> None:
    newer = {**HEADER, "roomsim_trace": "1.12", "recorder": {"by": "hand"}, "versions": {"roomsim": "9.0"}}
    history = read(newer, {**EVENT, "kind": "hologram.beam", "meta": {"x": 1}, "weight": 1.5, "data": {"depth": 3}})
    assert history.header.version == "1.12"
    assert history.header.unknown == {"recorder": {"by": "hand"}}
    assert history.header.start == datetime(2026, 3, 2, 8, 50, tzinfo=UTC)
    assert [(event.kind, event.data) for event in history.events] == [("hologram.beam", {"depth": 3})]


def test_causes_are_followed_to_where_the_file_ends() -> None:
    events = [{**EVENT, "n": 5, "cause": 2}, {**EVENT, "n": 6, "cause": 5}, {**EVENT, "n": 9, "cause": 6}]
    history = read(HEADER, *events)
    assert [event.n for event in history.causes(9)] == [6, 5]
    assert list(history.causes(7)) == []


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], f"x.jsonl: no trace: it is empty; {RIGHT}"),
        ([EVENT], f'x.jsonl:1: no trace: the first line has no "roomsim_trace"; {RIGHT}'),
        ([b'{"log": {\n'], f"x.jsonl: no trace: it seems to be a HAR file, which `roomsim replay` reads; {RIGHT}"),
        ([b"\n<!doctype html>\n"], f"x.jsonl: no trace: it seems to be a page; {RIGHT}"),
        ([b"\x1f\x8b\x08\x00"], f"x.jsonl: no trace: it seems to be compressed; {RIGHT}"),
        ([b"\xef\xbb\xbfname: A story\n"], f"x.jsonl: no trace: it seems to be a scenario; {RIGHT}"),
        ([b"plain\n"], f"x.jsonl:1: no trace, by its first line: no JSON (Expecting value: line 1 column 1 (char 0)); {RIGHT}"),
        ([{**HEADER, "roomsim_trace": "2.0"}], "x.jsonl:1: format 2.0 is not read here, only 1.x"),
        ([{**HEADER, "roomsim_trace": 1}], 'x.jsonl:1: "roomsim_trace" is a version such as "1.2", not 1'),
        ([{**HEADER, "start": "today"}], 'x.jsonl:1: "start" is an instant such as 2026-03-02T08:50:00.000Z, not "today"'),
        ([{**HEADER, "seed": True}], 'x.jsonl:1: "seed" is a whole number from 0 on, not true'),
        (
            [HEADER, b"\n", b'{"n":1,'],
            ("x.jsonl:3: no JSON (Expecting property name enclosed in double quotes: line 1 column 8 (char 7))"
            "; the file ends here, was it cut short?"),
        ),
        ([HEADER, b"\xff\n"], "x.jsonl:2: not UTF-8"),
        ([HEADER, b"[1]\n"], "x.jsonl:2: a line of a trace is a JSON object, not [1]"),
        ([HEADER, b'{"n": NaN}\n'], "x.jsonl:2: no JSON (NaN is no JSON)"),
        ([HEADER, b"[" * 100_000 + b"\n"], "x.jsonl:2: JSON that is nested too deep"),
        ([HEADER, {**EVENT, "n": 0}], 'x.jsonl:2: "n" is a whole number from 1 on, not 0'),
        ([HEADER, {**EVENT, "t": 1.5}], 'x.jsonl:2: "t" is a whole number from 0 on, not 1.5'),
        ([HEADER, {**EVENT, "t": 2**63}], 'x.jsonl:2: "t" is a whole number from 0 on, not 9223372036854775808'),
        ([HEADER, {key: EVENT[key] for key in ("n", "t", "at", "who")}], 'x.jsonl:2: "kind" is missing; it is text'),
        ([HEADER, {**EVENT, "peer": 3}], 'x.jsonl:2: "peer" is text, not 3'),
        ([HEADER, {**EVENT, "data": ["a" * 80]}], f'x.jsonl:2: "data" is an object, not ["{"a" * 58}...'),
        ([HEADER, EVENT, EVENT], 'x.jsonl:3: "n" counts up: 1 cannot follow 1'),
        ([HEADER, {**EVENT, "cause": 1}], 'x.jsonl:2: "cause" is an earlier "n": 1 cannot lead to 1'),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line(lines: list[Any], message: str) -> None:
    with pytest.raises(TraceError) as refused:
        read(*lines)
    assert str(refused.value) == message


def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "LINE_MAX", 400)
    with pytest.raises(TraceError, match=r"x\.jsonl:2: longer than 400 bytes"):
        read(HEADER, {**EVENT, "data": {"x": "y" * 400}})
    monkeypatch.setattr(reader, "EVENTS_MAX", 2)
    with pytest.raises(TraceError, match=r"x\.jsonl:4: more than 2 events"):
        read(HEADER, *({**EVENT, "n": n} for n in (1, 2, 3)))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="cannot be read: No such file"):
        read_trace(tmp_path / "none.jsonl")
    with pytest.raises(TraceError, match="no trace: it is a directory; `roomsim run"):
        read_trace(tmp_path)
    (tmp_path / "trace.jsonl").touch()
    with pytest.raises(TraceError, match=r"it is a directory; there is one in it, .*/trace\.jsonl$"):
        read_trace(tmp_path)


def test_half_a_surrogate_pair_of_a_broken_peer_is_read() -> None:
    history = read(HEADER, json.dumps({**EVENT, "data": {"header": "x\udcff"}}).encode() + b"\n")
    assert history.events[0].data == {"header": "x\udcff"}
    assert "\\udcff" in history.events[0].as_json()


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
_lines = st.dictionaries(st.sampled_from([*EVENT, *HEADER, "cause", "step", "peer", "data", "label"]), _values)


def outcome(content: bytes) -> reader.History | TraceError:
    try:
        return read_stream(io.BytesIO(content), "x.jsonl")
    except TraceError as error:
        return error


@given(
    st.lists(
        st.binary(max_size=40)
        | _lines.map(lambda some: json.dumps({**EVENT, **some}).encode())
        | _lines.map(lambda some: json.dumps({**HEADER, **some}).encode()),
        max_size=5,
    )
)
def test_any_bytes_make_a_history_or_a_placed_refusal(lines: list[bytes]) -> None:
    raw = b"\n".join([json.dumps(HEADER).encode(), *lines])
    for content in (raw, b"\n".join(lines)):
        found = outcome(content)
        if isinstance(found, TraceError):
            assert found.line <= content.count(b"\n") + 1
            continue
        for event in found.events:
            event.as_json()
        trace_hash(found.events)


@given(st.integers(0, 600), st.binary(max_size=3))
def test_a_damaged_trace_is_read_or_refused(at: int, other: bytes) -> None:
    raw = b"".join(json.dumps(line).encode() + b"\n" for line in (HEADER, EVENT, {**EVENT, "n": 2, "cause": 1}))
    found = outcome(raw[:at] + other + raw[at + len(other) :])
    assert found.file == "x.jsonl"
