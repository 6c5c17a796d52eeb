from __future__ import annotations

from datetime import UTC, datetime

from scenarios.runner.checks import Finding
from scenarios.runner.failure import FailureReport, highlight, render, summary
from scenarios.runner.ladder import picture
from scenarios.runner.problems import Place
from scenarios.runner.watches import Unmet

from .histories import History

FILE = "scenarios/calendar/morning.yaml"


def report(finding: Finding, *, ladder: tuple[str, ...] = ()) -> FailureReport:
    return FailureReport(
        place=Place(FILE, 34, 5),
        step="8",
        title="The socket dies while the cloud keeps talking",
        finding=finding,
        start=datetime(2026, 3, 2, 8, 50, tzinfo=UTC),
        began=82_400_000,
        ended=127_400_000,
        seed=7,
        mode="virtual/memory",
        trace_file="out/morning-7.jsonl",
        states="device: Mercury=open Webex=Registered",
        next_timer="ping in 2.100s",
        ladder=ladder,
        labels=("calendarEvents: observed (seed 003)", "mercury buffer_state: documented"),
        replay=f"roomsim run {FILE} --seed 7 --until-step 8 --repl",
    )


def test_report_of_a_failed_expectation() -> None:
    history = History()
    history.event(82.4, "fault.struck", {"id": "f1", "on": "mercury", "do": "reset"}, who="world")
    history.answer(83.7, history.request(83.6, "GET", "/calendar/api/v1/calendarEvents"), 200)
    unmet = Unmet(
        "request GET /calendar/api/v1/calendarEvents  after mercury open",
        Place(FILE, 40, 7),
        "GET /calendar/api/v1/calendarEvents at +1.200s: 0.900s BEFORE mercury open (+2.100s)",
        "order",
        407,
    )
    met = ("mercury closed, connecting, open (+2.100s)", "Webex Status = Registered")
    finding = Finding("expectation", Place(FILE, 38, 5), 127_400_000, (unmet,), met, 45_000_000, 45.0)
    assert render(report(finding, ladder=tuple(picture(history.events, 82_400_000)))).splitlines() == [
        "FAIL scenarios/calendar/morning.yaml:34:5  step 8  The socket dies while the cloud keeps talking",
        "  08:51:22.400 -> 08:52:07.400   seed 7   virtual/memory   trace out/morning-7.jsonl",
        "  expected  request GET /calendar/api/v1/calendarEvents  after mercury open  within 45s      morning.yaml:40:7",
        "  nearest   GET /calendar/api/v1/calendarEvents at +1.200s: 0.900s BEFORE mercury open (+2.100s)     <<< order",
        "  met       mercury closed, connecting, open (+2.100s); Webex Status = Registered",
        "  waiting   45.000s of 45s; device: Mercury=open Webex=Registered; next timer: ping in 2.100s",
        "            device                                      cloud",
        "   +0.000s                              <-- reset ---   fault mercury reset                               #101",
        "   +1.200s  GET calendarEvents          ----------->    200                                               #102",
        "  labels    calendarEvents: observed (seed 003); mercury buffer_state: documented",
        "  replay    roomsim run scenarios/calendar/morning.yaml --seed 7 --until-step 8 --repl",
    ]


def test_report_of_something_forbidden() -> None:
    unmet = Unmet("never Webex Status = Error", Place(FILE, 45, 5), "Webex Status = Error")
    lines = render(report(Finding("never", Place(FILE, 45, 5), 90_000_000, (unmet,), waited_us=7_600_000))).splitlines()
    assert lines[2:5] == [
        "  kind      never",
        "  expected  never Webex Status = Error                                                       morning.yaml:45:5",
        "  found     Webex Status = Error",
    ]


def test_report_says_why_when_time_was_the_trouble() -> None:
    unmet = Unmet("mercury = open", Place(FILE, 40, 7), "mercury = open")
    early = Finding("early", Place(FILE, 38, 5), 1, (unmet,), note="it came true after 2s, not before 30s was right")
    assert "  kind      early: it came true after 2s, not before 30s was right" in render(report(early))
    held = Finding("expectation", Place(FILE, 38, 5), 1, (unmet,), note="it held for 4s of 10s")
    assert "  why       it held for 4s of 10s" in render(report(held))


def test_colour_changes_no_character() -> None:
    text = render(report(Finding("deadlock", Place(FILE, 1, 1), 1, note="nothing left to happen")))
    assert text == highlight(text).plain


def test_findings_are_counted_by_kind() -> None:
    found = [Finding(kind, Place(FILE, 1, 1), 0) for kind in ("never", "expectation", "expectation")]  # type: ignore[arg-type]  # literals
    assert summary(found) == "2 expectation, 1 never"
