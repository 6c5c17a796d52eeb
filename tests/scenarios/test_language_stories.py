"""Keys of the language in runs: what a step asks for is what the other side sees."""

from __future__ import annotations

from tests.scenarios.stories import passes, play


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
