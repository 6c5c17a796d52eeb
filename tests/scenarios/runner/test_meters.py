"""`quiet` and `load`: what is measured on the history, and when a step notices it."""

from __future__ import annotations

import pytest

from scenarios.runner.meters import OpenAtOnce, Quiet, Rate
from scenarios.runner.run import Outcome
from tests.scenarios.runner.histories import History
from tests.scenarios.stories import play

ONLINE = "device: { at: online }\nsteps:\n"


def steps(text: str) -> Outcome:
    return play(f"{ONLINE}{text}")


def test_quiet_counts_from_the_last_noise_whenever_that_was() -> None:
    history = History()
    meter = Quiet(lambda event: event.kind == "log", 5_000_000)
    meter.look_back(history.log(2, "Wx2", "3", "a"))
    assert (meter.value(4_000_000), meter.changes_at(4_000_000), meter.changes_at(7_000_000)) == (2.0, 7_000_000, None)
    meter.take(history.mercury(6, "open"))
    assert meter.value(8_000_000) == 6.0
    meter.take(history.log(8, "Wx2", "3", "b"))
    assert (meter.value(8_000_000), meter.changes_at(8_000_000)) == (0.0, 13_000_000)


def test_rate_is_the_fullest_second_of_the_step() -> None:
    history, meter = History(), Rate("wdm")
    meter.look_back(history.event(0.9, "http.request", {}, who="cloud:wdm"))
    values = []
    for at_s in (1.0, 1.5, 1.999, 2.0, 5.0):
        meter.take(history.event(at_s, "http.request", {}, who="cloud:wdm"))
        meter.take(history.event(at_s, "http.request", {}, who="cloud:calendar"))
        values.append(meter.value(0))
    assert values == [1, 2, 3, 3, 3]  # what came at 1.0 is a second away from what came at 2.0


def test_open_at_once_knows_what_was_open_before() -> None:
    history, meter = History(), OpenAtOnce("mercury")
    meter.look_back(history.event(0, "ws.open", {}, who="cloud:mercury"))
    assert meter.value(0) == 1
    for kind in ("http.request", "http.response", "ws.open", "ws.close", "ws.close"):
        meter.take(history.event(1, kind, {}, who="cloud:mercury"))
    assert meter.value(0) == 2


def test_step_waits_until_it_has_been_quiet() -> None:
    outcome = steps("  - refresh: wdm\n    expect: { quiet: { request: 30s }, within: 2m }\n  - note: then\n")
    assert outcome.result == "passed", outcome.reports
    assert outcome.trace is not None
    last = max(event.t for event in outcome.trace.events if event.kind == "http.request" and event.who == "device:room")
    (note,) = [event.t for event in outcome.trace.events if event.kind == "note"]
    assert note == last + 30_000_000


def test_quiet_of_some_requests_only() -> None:
    narrow = "{ request: { PUT: /wdm/**, for: 10s } }"
    assert steps(f"  - sync: calendar\n    expect: {{ quiet: {narrow}, within: 0s }}\n").result == "passed"
    outcome = steps(f"  - refresh: wdm\n    expect: {{ quiet: {narrow}, within: 5s }}\n")
    assert outcome.kinds == ["expectation"]
    assert "expected  quiet of request PUT /wdm/** {ge: 10s}  within 5s" in outcome.reports[0]
    assert "got 5.0, expected ge 10s" in outcome.reports[0]


@pytest.mark.parametrize(("limit", "result"), [("10s", "failed"), ("5m", "passed")])
def test_quiet_can_be_forbidden(limit: str, result: str) -> None:
    assert steps(f"  - advance: 1m\n    never: {{ quiet: {{ frame: {limit} }} }}\n").result == result


def test_load_is_that_of_the_step() -> None:
    good = "load: { wdm: { rate_max: { le: 1/s }, open_max: 1 }, mercury: { open_max: { le: 2 } } }"
    assert steps(f"  - refresh: wdm\n    expect: {{ {good} }}\n").result == "passed"
    outcome = steps("  - refresh: wdm\n    expect: { load: { wdm: { rate_max: { lt: 1/s } } } }\n")
    assert outcome.kinds == ["expectation"]
    assert "load wdm rate_max: got 1, expected lt 1/s" in outcome.reports[0]


def test_load_of_a_later_item_counts_from_the_start_of_the_step_too() -> None:
    items = "[{ request: { PUT: /wdm/**, status: 200 } }, { load: { wdm: { rate_max: %s, open_max: 1 } } }]"
    assert steps(f"  - refresh: wdm\n    expect: {items % '1/s'}\n").result == "passed"
    assert steps(f"  - refresh: wdm\n    expect: {items % '0/s'}\n").kinds == ["expectation"]


def test_load_can_be_forbidden() -> None:
    many = "  - repeat: { times: 2, steps: [ { refresh: wdm } ] }\n    never: { load: { wdm: { rate_max: { gt: 1/s } } } }\n"
    outcome = steps(many)
    assert outcome.kinds == ["never"]
    assert "expected  never load wdm rate_max {gt: 1/s}" in outcome.reports[0]
