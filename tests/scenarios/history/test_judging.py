"""Judging histories again: what a run of now wrote, what its scenario expects later, and what no history tells."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scenarios.runner.commands import run_app
from scenarios.runner.history.judging import Judgement, judge
from scenarios.runner.history.reader import History, read_trace
from scenarios.runner.loader import load
from scenarios.runner.run import run_scenario
from scenarios.runner.suite import write_trace

STORY = """\
name: A restart in the morning
device: { at: online }
steps:
  - name: Asked for
    xcommand: { path: Audio Volume Set, args: { Level: 70 } }
    expect: { xstatus: { Audio Volume: 70 }, result: { status: OK } }
  - name: It goes off and comes back
    restart: device
    expect:
      - trace: { kind: device.booted }
        within: 1m
      - mercury: open
        within: 1m
  - name: Nothing happens
    advance: 30s
    never: { log: "closed code=1006" }
    expect: { xstatus: { Webex Status: Registered }, frame: { type: pong, times: { ge: 1 } } }
"""


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    folder = tmp_path_factory.mktemp("history")
    (folder / "story.yaml").write_text(STORY)
    (scenario,) = load(folder / "story.yaml")
    outcome = run_scenario(scenario)
    assert outcome.result == "passed", outcome.reports
    assert outcome.trace is not None
    write_trace(folder / "story.jsonl", outcome, outcome.trace)
    return read_trace(folder / "story.jsonl")


def judged(history: History, tmp_path: Path, old: str = "", new: str = "") -> Judgement:
    """Judge the history by the story, with one thing changed in it."""
    assert old in STORY
    file = tmp_path / "changed.yaml"
    file.write_text(STORY.replace(old, new, 1) if old else STORY)
    (scenario,) = load(file)
    return judge(scenario, history)


def test_what_passed_passes_again(history: History, tmp_path: Path) -> None:
    judgement = judged(history, tmp_path)
    assert judgement.failures == []
    assert judgement.unjudged == []
    assert judgement.judged == 7 + 3  # conditions, and the checks of every scenario


@pytest.mark.parametrize(
    ("old", "new", "step", "told"),
    [
        ("Audio Volume: 70", "Audio Volume: 71", "1", "expected  Audio Volume = 71"),
        ("result: { status: OK }", "result: { status: Error }", "1", 'status: got "OK", expected is "Error"'),
        ("kind: device.booted", "kind: device.booted, data.boots: 3", "2", "device.booted of device:room"),
        (
            "mercury: open",
            "machine: { registration: refreshing }",
            "2",
            "expected  registration = refreshing",
        ),
        ('log: "closed code=1006"', "frame: { type: pong }", "3", "never frame from cloud {type: pong}"),
        ("times: { ge: 1 }", "times: { ge: 9 }", "3", "it happened"),
    ],
)
def test_a_changed_expectation_fails_where_it_stands(
    history: History, tmp_path: Path, old: str, new: str, step: str, told: str
) -> None:
    judgement = judged(history, tmp_path, old, new)
    assert [failure.step for failure in judgement.failures] == [step]
    assert told in judgement.failures[0].report


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("result: { status: OK }", "bookings: { count: 0 }", "bookings: what bookings hold is not in a history"),
        ("result: { status: OK }", "xconfig: { SystemUnit Name: x }", "SystemUnit Name: configurations are not in a history"),
        ("log: \"closed code=1006\"", "log: \"id ${device.id}\"", "log id ${device.id}: what id ${device.id} stood for, only the run knew"),
        ("xstatus: { Webex Status: Registered }", "xstatus: { Audio Volume: 50 }", "xStatus Audio Volume had not changed by then"),
        ("name: Nothing happens", "name: Nothing happens\n    modes: [wire]", ""),
    ],
)  # fmt: skip
def test_what_a_history_does_not_tell_is_named(
    history: History, tmp_path: Path, old: str, new: str, reason: str
) -> None:
    judgement = judged(history, tmp_path, old, new)
    assert judgement.failures == []
    assert [why for _, why in judgement.unjudged] == ([reason] if reason else [])


def test_steps_that_are_only_on_one_side_are_named(history: History, tmp_path: Path) -> None:
    more = judged(history, tmp_path, "  - name: Nothing happens", "  - note: first\n  - name: Nothing happens")
    assert ("4", "that run did not come to it") in more.unjudged
    file = tmp_path / "short.yaml"
    file.write_text(STORY[: STORY.index("  - name: Nothing happens")])
    (scenario,) = load(file)
    assert judge(scenario, history).unjudged == [("3", "the scenario has no such step now")]


FAILING = """\
name: It fails
device: { at: online }
steps:
  - name: Louder
    xcommand: { path: Audio Volume Set, args: { Level: 70 } }
    expect: { result: { status: OK } }
  - name: Nothing comes
    advance: 30s
    expect: { xstatus: { Audio Volume: 71 }, frame: { type: pong } }
"""


@pytest.mark.parametrize(
    ("new", "code", "told"),
    [
        ("xstatus: { Audio Volume: 71 }", 1, "FAIL "),
        ("xstatus: { Audio Volume: 70 }", 0, "PASS "),
        ("bookings: { count: 0 }", 4, "what failed in that run could not be judged: step 2 (expectation)"),
    ],
)
def test_what_failed_and_cannot_be_judged_does_not_pass(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], new: str, code: int, told: str
) -> None:
    file, trace, out = tmp_path / "story.yaml", tmp_path / "story.jsonl", tmp_path / "verdict.json"
    file.write_text(FAILING)
    assert run_app(["run", str(file), "--trace", str(trace)]) == 1
    file.write_text(FAILING.replace("xstatus: { Audio Volume: 71 }", new))
    capsys.readouterr()
    assert run_app(["trace", "check", str(file), str(trace), "--json", str(out)]) == code
    first = capsys.readouterr().out.splitlines()[0]
    assert told in first
    (run,) = json.loads(out.read_text())["runs"]
    assert (run["result"], first[:4]) == {0: ("passed", "PASS"), 1: ("failed", "FAIL"), 4: ("skipped", "SKIP")}[code]


def test_what_did_not_fail_may_stay_unjudged(history: History, tmp_path: Path) -> None:
    judgement = judged(history, tmp_path, "result: { status: OK }", "bookings: { count: 0 }")
    assert (bool(judgement.unjudged), judgement.open, judgement.is_open) == (True, [], False)
