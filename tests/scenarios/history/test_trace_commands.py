"""`roomsim trace`: what it prints and how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scenarios.runner.commands import run_app
from scenarios.runner.history.reader import RIGHT

from .old import HEADER, SCENARIO, TRACE


class Ran:
    """What one call of `roomsim trace` did."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *arguments: object) -> None:
        self.code = run_app(["trace", *map(str, arguments)])
        captured = capsys.readouterr()
        self.out, self.err = captured.out, captured.err
        self.lines = self.out.splitlines()


def changed(tmp_path: Path, change: dict[int, dict[str, Any] | None]) -> Path:
    """Copy the kept trace with some events changed; None takes one out."""
    header, *events = TRACE.read_text(encoding="utf-8").splitlines()
    out = [header]
    for line in events:
        event = json.loads(line)
        other = change.get(event["n"], {})
        if other is not None:
            out.append(json.dumps({**event, **other}))
    file = tmp_path / "changed.jsonl"
    file.write_text("\n".join(out) + "\n", encoding="utf-8")
    return file


# show


def test_a_step_is_drawn_with_both_sides(capsys: pytest.CaptureFixture[str]) -> None:
    ran = Ran(capsys, "show", TRACE, "--step", 1)
    assert ran.code == 0
    assert ran.lines[0].startswith("The websocket dies, and no meeting is lost   seed 0   virtual/memory")
    assert ran.lines[1].split() == ["device", "cloud"]
    assert ran.lines[2] == "-- step 1  The socket dies while somebody books the room"
    assert (
        "  +60.000s                              <-- reset ---   fault mercury reset                               #281"
        in ran.lines
    )
    assert (
        "  +60.000s  ws closed 1006              -----x                                                            #287"
        in ran.lines
    )
    assert ran.lines[-1].startswith("  +60.000s  GET kms/\N{HORIZONTAL ELLIPSIS}                   ----------->    200")
    assert "no answer" not in ran.out  # it comes in the next step


def test_kinds_actors_and_texts_select_single_events(capsys: pytest.CaptureFixture[str]) -> None:
    ran = Ran(capsys, "show", TRACE, "--kind", "ws", "--who", "device:room", "--grep", "BUFFER_state", "--from", "10s")
    assert [line.rpartition("#")[2] for line in ran.lines[2:]] == ["303", "304"]  # the peer counts too
    dull = Ran(capsys, "show", TRACE, "--kind", "stun.send", "--to", "10s")
    assert len(dull.lines) > 10
    assert "STUN messages" not in dull.out


@pytest.mark.parametrize(
    ("options", "ordinals"),
    [
        (("--from", "60s", "--to", "60s", "--kind", "fault"), ["281", "341", "385"]),
        (("--from", "08:00:00", "--to", "2026-01-05T08:00:00Z", "--kind", "fault"), ["281", "341", "385"]),
        (("--from", "+60001ms", "--kind", "fault"), ["393"]),
        (("--step", "1..2", "--kind", "step.end"), ["339", "344"]),
    ],
)
def test_spans(capsys: pytest.CaptureFixture[str], options: tuple[str, ...], ordinals: list[str]) -> None:
    ran = Ran(capsys, "show", TRACE, *options)
    assert [line.rpartition("#")[2] for line in ran.lines[2:]] == ordinals


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--from", "soon"), 2, "--from: `soon` is no instant; write 10s (since the start), 08:51:22.4 (UTC) or 2026-03-02T08:51:22Z"),
        (("--step", "one"), 2, "--step: `one` is no step; write 3, or 3..5"),
        (("--grep", "("), 2, "--grep: `(` is no regular expression: missing ), unterminated subpattern at position 0"),
        (("--kind", "htp"), 4, f"{TRACE}: no event of its 413 is of the kind `htp`; nearest: http"),
        (("--kind", "ws.opn"), 4, f"{TRACE}: no event of its 413 is of the kind `ws.opn`; nearest: ws.open"),
        (("--who", "clod"), 4, f"{TRACE}: no event of its 413 is of or to `clod`; nearest: cloud"),
        (("--kind", "http", "--who", "world"), 4, f"{TRACE}: no event of its 413 is what was asked for"),
        (("--why", "9999"), 4, f"{TRACE}: has no event #9999"),
        (("--html", "/nowhere/page.html"), 2, "/nowhere/page.html: cannot be written: No such file or directory"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_a_line(
    capsys: pytest.CaptureFixture[str], options: tuple[str, ...], code: int, message: str
) -> None:
    ran = Ran(capsys, "show", TRACE, *options)
    assert (ran.code, ran.err) == (code, f"{message}\n")


def test_why_follows_a_message_to_the_other_side(capsys: pytest.CaptureFixture[str]) -> None:
    ran = Ran(capsys, "show", TRACE, "--why", 333)
    ordinals = [line.split("#")[1].split()[0] for line in ran.lines if "#" in line.split("{")[0]]
    assert ordinals[:4] == ["296", "303", "304", "317"]
    assert '"n":333' in ran.out
    assert any("cloud:calendar: GET calendarEvents: 200" in line for line in ran.lines)


def test_a_file_that_is_no_trace(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "no.jsonl").write_text('{"n":1}\n')
    for command in (
        ("show", tmp_path / "no.jsonl"),
        ("stats", tmp_path / "no.jsonl"),
        ("check", SCENARIO, tmp_path / "no.jsonl"),
    ):
        ran = Ran(capsys, *command)
        assert (ran.code, ran.out) == (2, "")
        assert ran.err == f'{tmp_path / "no.jsonl"}:1: no trace: the first line has no "roomsim_trace"; {RIGHT}\n'


def test_what_a_peer_sent_does_not_steer_the_terminal(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    event = {
        "n": 1,
        "t": 0,
        "at": "x",
        "who": "cloud:evil\x1b[2J",
        "kind": "beam\x1b]0;x\x07",
        "data": {"a\x1b": "\u202e"},
    }
    file = tmp_path / "evil.jsonl"
    file.write_text("\n".join(json.dumps(line) for line in (HEADER, event)))
    for command in (("show", file), ("show", file, "--why", 1), ("stats", file), ("diff", file, TRACE)):
        assert "\x1b" not in Ran(capsys, *command).out


# diff


def test_equal_histories(capsys: pytest.CaptureFixture[str]) -> None:
    ran = Ran(capsys, "diff", TRACE, TRACE)
    assert (ran.code, ran.out) == (0, "equal: 413 events\n")


def test_the_first_divergence_is_shown_with_its_causes(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    event = json.loads(TRACE.read_text().splitlines()[315])
    assert (event["n"], event["kind"]) == (315, "http.request")
    other = changed(tmp_path, {315: {"data": {**event["data"], "path": "/elsewhere"}}, 400: None})
    ran = Ran(capsys, "diff", TRACE, other)
    assert ran.code == 1
    assert "  left   #315 +60.000s device:room: GET loci" in ran.lines
    assert "  right  #315 +60.000s device:room: GET elsewhere" in ran.lines
    assert '    data.path: "/locus/api/v1/loci" | "/elsewhere"' in ran.lines
    assert ran.lines[-4:] == [
        "  what led there, right:",
        "    #296 +60.000s cloud:mercury: GET messages",
        "    #303 +60.000s cloud:mercury: ws.send mercury.buffer_state",
        "    #304 +60.000s device:room: mercury.buffer_state",
    ]


def test_a_missing_event_is_told_from_a_changed_one(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    other = changed(tmp_path, {287: None})
    ran = Ran(capsys, "diff", TRACE, other)
    assert ran.code == 1
    assert "  the left side has one event more here: #288 of the right is #288 there" in ran.lines


def test_rules_are_printed_and_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert [line.split()[0] for line in Ran(capsys, "diff", "--rules").lines] == [
        "ids",
        "times",
        "steps",
        "labels",
        "logs",
    ]
    ran = Ran(capsys, "diff", TRACE, TRACE, "--ignore", "ids,tmes")
    assert ran.code == 2
    assert ran.err.startswith("--ignore: no rule is named `tmes`; there are ids, times, steps, labels, logs")
    assert Ran(capsys, "diff", TRACE).code == 2


# stats


def test_stats_as_json_and_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(Ran(capsys, "stats", TRACE, "--json").out)
    assert found["roomsim_stats"] == "1.0"
    assert sum(found["kinds"].values()) == sum(found["actors"].values()) == found["events"] == 413
    assert found["services"]["calendar"] == {
        "requests": 5, "answers": {"200": 3, "503": 2}, "failed": {}, "unanswered": 0,
        "took_us": {"p50": 0, "p95": 0, "p99": 0, "max": 0},
    }  # fmt: skip
    assert [(fault["do"], fault["bites"]) for fault in found["faults"]] == [("reset", 1), ("error", 2)]
    assert [step["result"] for step in found["steps"]] == ["done", "done", "done"]
    assert found["gaps"][0]["took_us"] == 15_000_000
    ran = Ran(capsys, "stats", TRACE)
    assert any(line.split()[:2] == ["calendar", "5"] and line.endswith("200 x3, 503 x2") for line in ran.lines)
    assert "  fault 2                  http error: bit 2 times, 60.000s to the end   #341" in ran.lines


# check


def test_an_old_history_is_judged_again(capsys: pytest.CaptureFixture[str]) -> None:
    ran = Ran(capsys, "check", SCENARIO, TRACE)
    assert ran.code == 0
    assert ran.lines[0].startswith(f"PASS  {SCENARIO}  The websocket dies, and no meeting is lost")
    assert ran.lines[-1] == "8 judged, 0 failed, 0 not judged"


def test_a_changed_expectation_fails_with_a_report(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    stricter = tmp_path / "stricter.yaml"
    stricter.write_text(SCENARIO.read_text().replace("status: 503, times: 2", "status: 503, times: 3"))
    report = tmp_path / "verdict.json"
    ran = Ran(capsys, "check", stricter, TRACE, "--json", report)
    assert ran.code == 1
    assert f"FAIL {stricter}:17:5  step 3  sync: calendar" in ran.lines
    assert any("nearest" in line and "it happened 2 times" in line and line.endswith("<<< times") for line in ran.lines)
    assert f"  replay    roomsim trace show {TRACE} --step 3" in ran.lines
    assert any(line.startswith("note  the file was changed") for line in ran.lines)
    (run,) = json.loads(report.read_text())["runs"]
    assert (run["result"], run["failures"][0]["kind"], run["trace_file"]) == ("failed", "deadlock", str(TRACE))


def test_a_scenario_that_is_not_that_of_the_history(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("name: Other\ncases: [{ name: a }, { name: b }]\nsteps: [{ note: x }]\n")
    ran = Ran(capsys, "check", other, TRACE)
    assert ran.code == 2
    assert "is not among its cases: Other [a]; Other [b]" in ran.err
