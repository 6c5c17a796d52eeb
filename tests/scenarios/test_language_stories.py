"""Keys of the language in runs: what a step asks for is what the other side sees."""

from __future__ import annotations

import pytest

from scenarios.runner.problems import ScenarioError
from tests.scenarios.stories import passes, play, story


def test_discovery_asks_servers_of_some_transports_only() -> None:
    passes(
        """
        cloud: { media: { servers: 30 } }
        device: { at: online }
        steps:
          - discover: { transports: [tcp] }
            expect: { discovery: { udp: 0, xtls: 0, tcp: { gt: 0 }, asked: { lt: 30 } }, within: 20s }
          - discover: clusters
            expect: { discovery: { asked: 30, udp: { gt: 0 } }, within: 20s }
        """
    )


def test_catch_up_asks_for_the_window_that_is_written() -> None:
    passes(
        """
        device: { at: online }
        clock: { start: "2026-03-02T08:00:00Z" }
        steps:
          - cloud.meeting.create: { id: far, title: Far, starts: +49h, lasts: 30m, push: none }
          - sync: calendar
            expect: { bookings: { count: 0 } }
          - sync: { from: -1h, to: "2026-03-05T08:00:00Z" }
            expect:
              request:
                GET: /calendar/api/v1/calendarEvents
                query: { fromDate: { starts: "2026-03-02T07:00" }, toDate: { starts: "2026-03-05T08:00" } }
              bookings: [{ Title: Far }]
        """
    )


def test_window_that_ends_before_it_begins_is_refused() -> None:
    outcome = play("device: { at: online }\nsteps: [ { sync: { from: +1h, to: -1h } } ]")
    assert outcome.kinds == ["verb"]
    assert "`from` is not before `to`" in outcome.reports[0]


@pytest.mark.parametrize(("style", "level", "process"), [("2022", "E", "appl"), ("2026", "ERROR", "main")])
def test_a_log_is_written_in_the_style_of_its_year(style: str, level: str, process: str) -> None:
    lines: list[str] = []
    outcome = play(
        f"""
        device: {{ at: online, log_style: {style} }}
        steps:
          - fault: {{ on: storage, do: full }}
          - refresh: token
            expect: {{ log: {{ module: Wx2, level: {level}, text: {{ starts: "state not written" }} }}, within: 1m }}
        """,
        after=lambda stage: lines.extend(stage.device("room").world.log.lines),
    )
    assert outcome.result == "passed", "\n\n".join([outcome.reason, *outcome.reports])
    assert f" {process}[" in lines[0]


def test_another_log_style_is_refused() -> None:
    with pytest.raises(ScenarioError, match="a log style is 2022 or 2026"):
        story("device: { log_style: 2021 }\nsteps: [ { note: x } ]")
