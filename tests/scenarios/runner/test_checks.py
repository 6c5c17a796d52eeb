from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from scenarios.runner.checks import Finding, StepChecks
from scenarios.runner.conditions import MICROSECONDS
from scenarios.runner.watches import Moment

from .histories import FakeView, History, checks_of


def seconds(value: float) -> int:
    return round(value * MICROSECONDS)


def expecting(expect: str, view: FakeView | None = None, verb: str = "note: second", **more: Any) -> StepChecks:
    return checks_of(f"  - {verb}\n    expect: {expect}\n", view, **more)


def finding(checks: StepChecks, now_s: float) -> Finding:
    verdict = checks.poll(seconds(now_s))
    assert verdict.state == "failed"
    assert verdict.finding is not None
    return verdict.finding


# events


def answered(history: History) -> None:
    history.answer(0.2, history.request(0.1, "POST", "/wdm/api/v1/devices", service="wdm"), 200)


def logged(history: History) -> None:
    history.log(0.5, "Wx2", "3", "Activation: registered")


def received(history: History) -> None:
    history.event(0.5, "ws.recv", {"data": {"eventType": "locus.difference"}})


@pytest.mark.parametrize(
    ("expect", "make", "state"),
    [
        ("{ request: { POST: /wdm/api/v1/devices } }", answered, "met"),
        ("{ request: { POST: /wdm/api/v1/devices, status: 200 } }", answered, "met"),
        ("{ request: { POST: /wdm/api/v1/devices, status: { ge: 400 } } }", answered, "pending"),
        ("{ request: { POST: /wdm/*/v1/devices } }", answered, "met"),
        ("{ request: { POST: /wdm/*/devices } }", answered, "pending"),
        ("{ request: { POST: '/wdm/**' } }", answered, "met"),
        ("{ request: { POST: '**/devices' } }", answered, "met"),
        ("{ request: { service: wdm } }", answered, "met"),
        ("{ request: { service: u2c } }", answered, "pending"),
        ("{ request: { GET: /wdm/api/v1/devices } }", answered, "pending"),
        ("{ log: 'Wx2[3]: Activation: reg' }", logged, "met"),
        ("{ log: 'Wx2[1]: Activation: reg' }", logged, "pending"),
        ("{ log: { module: Wx2, level: 3, text: { starts: Activation } } }", logged, "met"),
        ("{ log: { text: Activation } }", logged, "pending"),
        ("{ frame: { data.eventType: locus.difference } }", received, "met"),
        ("{ frame: { from: device, data.eventType: locus.difference } }", received, "pending"),
        ("{ trace: { kind: log, data.module: Wx2, who: 'device:room' } }", logged, "met"),
    ],
)
def test_event_subject(expect: str, make: Callable[[History], None], state: str) -> None:
    history = History()
    checks = expecting(expect)
    checks.verb_done(0)
    make(history)
    for event in history.events:
        verdict = checks.feed(event)
    assert state == verdict.state


def test_only_the_device_s_own_events_count() -> None:
    checks, history = expecting("{ request: { POST: /a, times: 1 } }"), History()
    checks.verb_done(0)
    other = history.event(0.1, "http.request", {"method": "POST", "path": "/a"}, who="cloud:wdm")
    assert checks.feed(other).state == "pending"
    assert (
        checks.feed(history.event(0.1, "http.request", {"method": "POST", "path": "/a"}, who="device:desk")).state
        == "pending"
    )
    assert checks.feed(history.request(0.2, "POST", "/a")).state == "met"


def test_event_after_the_deadline_does_not_count() -> None:
    checks, history = expecting("{ log: hello, within: 2s }"), History()
    checks.verb_done(0)
    assert checks.feed(history.log(2.000001, "Wx2", "I", "hello")).state == "failed"


def test_event_at_the_deadline_counts() -> None:
    checks, history = expecting("{ log: hello, within: 2s }"), History()
    checks.verb_done(0)
    assert checks.poll(seconds(2)).state == "pending"
    assert checks.feed(history.log(2, "Wx2", "I", "hello")).state == "met"


def test_deadline_by_default_is_one_second_after_the_verb() -> None:
    checks, history = expecting("{ log: hello }", verb="activate: '1'"), History()
    assert checks.wake_at() is None
    assert checks.poll(seconds(30)).state == "pending"
    checks.verb_done(seconds(30))
    assert checks.wake_at() == seconds(31) + 1
    assert checks.feed(history.log(31, "Wx2", "I", "hello")).state == "met"


def test_explicit_deadline_counts_from_the_start_of_the_step() -> None:
    checks = expecting("{ log: hello, within: 5s }", verb="activate: '1'")
    assert checks.wake_at() == seconds(5) + 1
    assert checks.poll(seconds(5) + 1).state == "failed"


def test_deadline_of_advance_counts_from_its_end() -> None:
    checks, history = expecting("{ log: hello, within: 5s }", verb="advance: 1m"), History()
    checks.feed(history.log(30, "Wx2", "I", "other"))
    checks.verb_done(seconds(60))
    assert checks.wake_at() == seconds(65) + 1


def test_verb_has_to_be_done_too() -> None:
    checks, history = expecting("{ log: hello }"), History()
    assert checks.feed(history.log(0.1, "Wx2", "I", "hello")).state == "pending"
    assert checks.verb_done(seconds(0.2)).state == "met"


@pytest.mark.parametrize(
    ("times", "count", "during", "end"),
    [
        ("1", 1, "met", "met"),
        ("2", 1, "pending", "failed"),
        ("2", 2, "met", "met"),
        ("0", 0, "pending", "met"),
        ("0", 1, "failed", "failed"),
        ("{ le: 1 }", 0, "pending", "met"),
        ("{ le: 1 }", 1, "pending", "met"),
        ("{ le: 1 }", 2, "failed", "failed"),
        ("{ ge: 2 }", 3, "met", "met"),
    ],
)
def test_times(times: str, count: int, during: str, end: str) -> None:
    checks, history = expecting(f"{{ log: {{ text: hello, times: {times} }}, within: 5s }}"), History()
    verdict = checks.verb_done(0)
    for _ in range(count):
        verdict = checks.feed(history.log(1, "Wx2", "I", "hello"))
    assert during == verdict.state
    assert end == checks.poll(seconds(5) + 1).state


def test_too_many_while_waiting_for_something_else() -> None:
    checks, history = expecting("{ log: { text: hello, times: 1 }, mercury: open, within: 5s }"), History()
    checks.verb_done(0)
    checks.feed(history.log(1, "Wx2", "I", "hello"))
    verdict = checks.feed(history.log(2, "Wx2", "I", "hello"))
    assert verdict.finding is not None
    assert verdict.finding.unmet[0].nearest == "it happened 2 times, last at +2.000s"


# anchors


def test_after_an_anchor() -> None:
    checks, history = expecting("{ request: { GET: /a, after: mercury open }, within: 45s }"), History()
    checks.verb_done(0)
    checks.feed(history.request(1.2, "GET", "/a"))
    checks.feed(history.mercury(2.1, "open"))
    found = finding(checks, 46)
    assert found.unmet[0].text == "request GET /a  after mercury open"
    assert found.unmet[0].nearest == "GET /a at +1.200s: 0.900s BEFORE mercury open (+2.100s)"
    assert found.unmet[0].mark == "order"


def test_after_an_anchor_that_never_came() -> None:
    checks, history = expecting("{ request: { GET: /a, after: mercury open } }"), History()
    checks.verb_done(0)
    checks.feed(history.request(0.2, "GET", "/a"))
    assert finding(checks, 2).unmet[0].nearest == "GET /a at +0.200s: mercury open never came"


def test_before_an_anchor() -> None:
    checks, history = expecting("{ log: { text: hello, before: fault outage } }"), History()
    checks.verb_done(0)
    checks.feed(history.event(0.1, "fault.armed", {"id": "outage"}, who="world"))
    checks.feed(history.log(0.3, "Wx2", "I", "hello"))
    assert finding(checks, 2).unmet[0].nearest == "Wx2 I: hello at +0.300s: 0.200s AFTER fault outage (+0.100s)"


@pytest.mark.parametrize(("anchor", "state"), [("step start", "met"), ("earlier", "met"), ("fault outage", "pending")])
def test_anchors(anchor: str, state: str) -> None:
    checks = expecting(f"{{ log: {{ text: hello, after: {anchor} }} }}", labels={"earlier": Moment(50, 0)})
    checks.verb_done(0)
    assert state == checks.feed(History().log(0.1, "Wx2", "I", "hello")).state


# states


def test_state_counts_from_when_the_verb_is_done() -> None:
    view = FakeView(status={"Webex Status": "Registered"})
    checks = expecting("{ xstatus: { Webex Status: Registered } }", view, verb="restart: device")
    assert checks.poll(0).state == "pending"
    view.status["Webex Status"] = "Registering"
    assert checks.verb_done(seconds(4)).state == "pending"
    view.status["Webex Status"] = "Registered"
    assert checks.poll(seconds(4.5)).state == "met"


def test_true_already() -> None:
    view = FakeView(machines={"mercury": "open"})
    assert expecting("{ mercury: open, within: 0s }", view).verb_done(0).state == "met"
    checks = expecting("{ mercury: closed, within: 0s }", view)
    assert checks.verb_done(0).state == "pending"
    assert checks.poll(1).state == "failed"


def test_states_have_to_be_true_together() -> None:
    view = FakeView(status={"Webex Status": "Registered"}, machines={"mercury": "off"})
    checks = expecting("{ xstatus: { Webex Status: Registered }, mercury: open, within: 5s }", view)
    checks.verb_done(0)
    view.status["Webex Status"], view.machines["mercury"] = "Error", "open"
    assert checks.poll(1).state == "pending"
    view.status["Webex Status"] = "Registered"
    assert checks.poll(2).state == "met"


STATES = FakeView(
    status={
        "Webex Status": "Registered",
        "Diagnostics Message 2 Type": "TCPMediaFallback",
        "Diagnostics Message 2 Level": "Warning",
        "Experimental CalliopeDiscovery Best 1 RTT": 32,
        "Experimental CalliopeDiscovery Best 2 RTT": 29,
    },
    configuration={"Macros Mode": "Off"},
    machines={"mercury": "authorising", "registration": "Registered", "cloud code": "CONSUMED"},
    numbers={"asked": 210, "answered": 166, "took": 9.5},
    stub={"code": {"state": "CONSUMED"}},
)


@pytest.mark.parametrize(
    ("expect", "holds"),
    [
        ("{ xstatus: { webex status: Registered } }", True),
        ("{ xstatus: { Call 1 Status: { exists: false } } }", True),
        ("{ xstatus: { 'Experimental CalliopeDiscovery Best[*] RTT': 29 } }", True),
        ("{ xstatus: { 'Experimental CalliopeDiscovery Best[*] RTT': { count: 2 } } }", True),
        ("{ xstatus: { 'Experimental CalliopeDiscovery Best[*] RTT': { each: { lt: 30 } } } }", False),
        ("{ xconfig: { Macros Mode: 'Off' } }", True),
        ("{ mercury: connecting }", True),
        ("{ mercury: { any: [open, connecting] } }", True),
        ("{ mercury: open }", False),
        ("{ machine: { registration: registered } }", True),
        ("{ machine: { cloud code: CONSUMED } }", True),
        ("{ machine: { registration: { not: Registered } } }", False),
        ("{ machine: { standby: halfwake } }", False),
        ("{ discovery: { asked: 210, answered: 166, took: { ge: 9s, le: 10s } } }", True),
        ("{ discovery: { silent: 44 } }", False),
        ("{ diagnostics: { TCPMediaFallback: Warning } }", True),
        ("{ diagnostics: { TCPMediaFallback: Error } }", False),
        ("{ diagnostics: { WebexOffline: { exists: false } } }", True),
        ("{ diagnostics: { count: 1 } }", True),
        ("{ diagnostics: { has: { Type: TCPMediaFallback, Level: Warning } } }", True),
        ("{ cloud: { code.state: CONSUMED } }", True),
        ("{ cloud: { code.state: NEW } }", False),
    ],
)
def test_state_subject(expect: str, holds: bool) -> None:
    assert ("met" if holds else "pending") == expecting(expect, STATES).verb_done(0).state


def test_changed_compares_with_the_start() -> None:
    view = FakeView(status={"Webex Status": "Registered"})
    checks = expecting("{ xstatus: { Webex Status: { from: Registered, to: Error } } }", view)
    assert checks.verb_done(0).state == "pending"
    view.status["Webex Status"] = "Error"
    assert checks.poll(1).state == "met"


def test_state_that_is_wrong_is_explained() -> None:
    checks = expecting("{ xstatus: { Webex Status: Registered } }", FakeView(status={"Webex Status": "Registering"}))
    checks.verb_done(0)
    found = finding(checks, 2)
    assert found.unmet[0].text == "Webex Status = Registered"
    assert found.unmet[0].nearest == (
        'Webex Status: got "Registering", expected is "Registered"; first difference at character 9: "i" for "e"'
    )


# states in order


@pytest.mark.parametrize(
    ("states", "came", "state"),
    [
        ("[closed, connecting, open]", ["waiting", "connecting", "authorising", "open"], "met"),
        ("[closed, open]", ["waiting", "connecting", "open"], "met"),
        ("[connecting, closed]", ["waiting", "connecting"], "pending"),
        ("{ exactly: [closed, connecting, open] }", ["waiting", "connecting", "authorising", "open"], "met"),
        ("{ exactly: [closed, open] }", ["waiting", "connecting", "open"], "failed"),
    ],
)
def test_states_come_in_order(states: str, came: list[str], state: str) -> None:
    checks, history = expecting(f"{{ mercury: {states} }}"), History()
    verdict = checks.verb_done(0)
    for name in came:
        verdict = checks.feed(history.mercury(0.5, name))
    assert state == verdict.state


def test_states_that_did_not_come_are_named() -> None:
    checks, history = expecting("{ mercury: [closed, connecting, open] }"), History()
    checks.verb_done(0)
    checks.feed(history.mercury(0.1, "waiting"))
    checks.feed(history.mercury(0.2, "connecting"))
    assert finding(checks, 2).unmet[0].nearest == "closed (+0.100s), connecting (+0.200s); then open did not come"


# when


def test_too_early_is_a_failure() -> None:
    checks, history = expecting("{ log: hello, not_before: 30s, within: 2m }"), History()
    checks.verb_done(0)
    verdict = checks.feed(history.log(12, "Wx2", "I", "hello"))
    assert verdict.finding is not None
    assert verdict.finding.kind == "early"
    assert verdict.finding.note == "it came true after 12s, not before 30s was right"


def test_for_demands_that_it_stays() -> None:
    view = FakeView(machines={"mercury": "open"})
    checks = expecting("{ mercury: open, within: 5s, for: 10s }", view)
    assert checks.verb_done(0).state == "pending"
    assert checks.wake_at() == seconds(10)
    assert checks.poll(seconds(10)).state == "met"
    checks = expecting("{ mercury: open, within: 5s, for: 10s }", view)
    checks.verb_done(0)
    view.machines["mercury"] = "off"
    found = finding(checks, 4)
    assert found.note == "it held for 4s of 10s"


def test_optional_is_met_at_its_deadline() -> None:
    checks = expecting("{ log: hello, optional: true }")
    checks.verb_done(0)
    assert checks.poll(seconds(2)).state == "met"


def test_list_demands_one_after_the_other() -> None:
    expect = "[ { log: one }, { log: two }, { log: { text: one, times: 1 }, within: 3s } ]"
    checks, history = expecting(expect), History()
    checks.verb_done(0)
    for at, text in ((0.1, "two"), (0.2, "one"), (0.9, "two"), (2.0, "one")):
        verdict = checks.feed(history.log(at, "Wx2", "I", text))
    assert verdict.state == "met"
    assert [event.t for event in checks.matched] == [seconds(0.2), seconds(0.9), seconds(2.0)]


def test_an_item_whose_time_was_over_before_its_turn_says_so() -> None:
    checks, history = expecting("[ { log: one, within: 1m }, { log: two } ]"), History()
    checks.verb_done(0)
    verdict = checks.feed(history.log(30, "Wx2", "I", "one"))
    assert verdict.finding is not None
    assert verdict.finding.note == (
        "its time was over before its turn came: without `within` that is 1s after the verb; "
        "write `within`, which counts from the item before"
    )
    assert (verdict.at, verdict.finding.waited_us, verdict.finding.allowed_s) == (seconds(30), 0, None)


def test_nothing_left_to_happen() -> None:
    checks = expecting("{ log: hello, within: 1h }")
    checks.verb_done(0)
    verdict = checks.deadlock(seconds(3))
    assert verdict.finding is not None
    assert (verdict.finding.kind, verdict.finding.note) == ("deadlock", "nothing left to happen")


def test_nothing_left_to_happen_is_what_never_more_wants() -> None:
    checks = expecting("{ log: { text: hello, times: 0 }, within: 1h }")
    checks.verb_done(0)
    assert checks.deadlock(seconds(3)).state == "pending"
    assert checks.wake_at() == seconds(3600) + 1
    assert checks.poll(seconds(3600) + 1).state == "met"


# never


def test_never_is_watched_while_the_step_runs() -> None:
    checks, history = checks_of("  - restart: device\n    never: { log: '401' }\n"), History()
    checks.feed(history.log(0.1, "Wx2", "I", "all well"))
    verdict = checks.feed(history.log(0.2, "Wx2Http", "1", "HTTP(3) <= 401"))
    assert verdict.finding is not None
    assert verdict.finding.kind == "never"
    assert verdict.finding.unmet[0].text == 'never log "401"'
    assert verdict.finding.unmet[0].nearest == 'log "401" (+0.200s)'


def test_a_never_wakes_nobody_while_the_verb_runs() -> None:
    text = "  - advance: 60s\n    expect: { log: 'one' }\n    never: { log: '401' }\n"
    checks, history = checks_of(text), History()
    assert checks.feed(history.log(1, "Wx2", "3", "one")).state == "pending"
    assert checks.wake_at() is None, "an instant that has passed would be asked for for ever"
    assert checks.verb_done(seconds(60)).state == "met"


def test_never_can_be_watched_longer() -> None:
    view = FakeView(status={"Webex Status": "Registered"})
    checks = checks_of("  - note: hello\n    never: { xstatus: { Webex Status: Error }, for: 10s }\n", view)
    assert checks.verb_done(0).state == "pending"
    assert checks.wake_at() == seconds(10)
    assert checks.poll(seconds(10)).state == "met"


def test_step_without_expectations_ends_with_its_verb() -> None:
    assert checks_of("  - note: hello\n").verb_done(seconds(1)).state == "met"


# what came nearest


def test_nearest_request_has_the_fewest_differences() -> None:
    checks, history = expecting("{ request: { POST: /wdm/api/v1/devices, status: 200 } }"), History()
    checks.verb_done(0)
    history.answer(0.1, history.request(0.1, "GET", "/wdm/api/v1/devices"), 404)
    history.answer(0.2, history.request(0.2, "POST", "/wdm/api/v1/devices"), 403)
    history.answer(0.3, history.request(0.3, "GET", "/u2c/api/v1/catalog"), 200)
    for event in history.events:
        checks.feed(event)
    found = finding(checks, 2).unmet[0]
    assert found.nearest == "POST /wdm/api/v1/devices -> 403 at +0.200s: status: got 403, expected is 200"
    assert found.mark == "status"


def test_request_to_nobody() -> None:
    checks, history = expecting("{ request: { GET: /calendar/api/v1/calendarEvents } }"), History()
    checks.verb_done(0)
    checks.feed(history.request(0.1, "GET", "/wdm/api/v1/devices"))
    assert finding(checks, 2).unmet[0].nearest == "no request to calendar at all"


def test_request_without_an_answer_is_not_there() -> None:
    checks, history = expecting("{ request: { GET: /a, status: 200 } }"), History()
    checks.verb_done(0)
    checks.feed(history.request(0.1, "GET", "/a"))
    assert finding(checks, 2).unmet[0].nearest == "no request to a at all"


def test_nearest_log_line_shares_most_with_what_was_wanted() -> None:
    checks, history = expecting("{ log: response from 166 out of 210 servers }"), History()
    checks.verb_done(0)
    for text in ("Starting calliope discovery", "response from 165 out of 210 servers", "calendar catch-up"):
        checks.feed(history.log(0.5, "Wx2", "I", text))
    assert finding(checks, 2).unmet[0].nearest.startswith("Wx2 I: response from 165 out of 210 servers at +0.500s")


def test_what_was_met_is_named() -> None:
    view = FakeView(status={"Webex Status": "Registered"})
    checks, history = (
        expecting("{ log: hello, xstatus: { Webex Status: Registered }, mercury: [open] }", view),
        History(),
    )
    checks.verb_done(0)
    checks.feed(history.mercury(0.25, "open"))
    found = finding(checks, 2)
    assert found.met == ("Webex Status = Registered", "mercury open (+0.250s)")
    assert (found.waited_us, found.allowed_s) == (seconds(1), 1.0)


def test_references_of_the_run_are_filled_in() -> None:
    checks, history = expecting('{ log: "code ${cloud.code}" }'), History()
    checks.verb_done(0)
    assert checks.feed(history.log(0.1, "Wx2", "I", "code 999")).state == "pending"
    assert checks.feed(history.log(0.2, "Wx2", "I", "code 1234")).state == "met"
