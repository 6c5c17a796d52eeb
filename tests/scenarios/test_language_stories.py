"""Keys of the language in runs: what a step asks for is what the other side sees."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenarios.runner.problems import ScenarioError
from tests.scenarios.stories import ONLINE, fails, passes, play, story


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


def test_states_that_are_one_word_of_the_language_come_as_one() -> None:
    passes(
        ONLINE
        + """
  - fault: { on: mercury, do: reset }
    expect: { machine: { mercury: [waiting, connecting, authorising, open] }, within: 10s }
"""
    )


def test_headers_of_requests_are_seen_and_hold_no_token() -> None:
    outcome = passes(
        ONLINE
        + """
  - refresh: wdm
    expect:
      request:
        PUT: /wdm/api/v1/devices/*
        headers:
          Authorization: { matches: "<access_token#[0-9]+>" }
          TrackingID: { starts: roomsim_ }
          content-type: { starts: application/json }
        status: 200
"""
    )
    assert outcome.trace is not None
    sent = [event.data for event in outcome.trace.events if event.kind == "http.request"]
    assert all("Bearer" not in str(data) for data in sent)


def test_screen_has_alerts_and_the_page_that_asks_for_a_code() -> None:
    passes(
        """
        steps:
          - note: out of the box
            expect: { screen: { activation page: { visible: true }, banner: { visible: false } } }
          - activate: ${cloud.code}
            expect: { screen: { activation page: { visible: false } }, within: 30s }
          - xcommand: { path: UserInterface Message Alert Display, args: { Text: Fire drill, Title: Now, Duration: 10 } }
            expect: { screen: { banner: { visible: true, title: Now, text: Fire drill } } }
          - advance: 11s
            expect: { screen: { banner: { visible: false } } }
        """
    )


def test_screen_can_be_watched_while_a_call_begins_to_ring() -> None:
    passes(
        ONLINE
        + """
  - cloud.call: ring
    expect: { screen: { incoming: { visible: true }, call bar: { visible: false } } }
"""
    )


def test_mailbox_of_a_room_tells_what_it_answered() -> None:
    passes(
        ONLINE
        + """
  - cloud.invite: { id: m, starts: +1h, lasts: 15m, location: "@webex" }
    expect: { cloud: { mailbox.responses: [accept], mailbox.room.responses: [accept], mailbox.count: 1 }, within: 5s }
"""
    )


def test_change_of_a_meeting_that_nobody_knows_puts_it_in() -> None:
    passes(
        ONLINE
        + """
  - cloud.meeting.update: { id: ghost, title: Ghost, starts: +1h, lasts: 30m }
    expect: { frame: { data.eventType: calendar.meeting.update }, bookings: [{ Title: Ghost }], within: 3s }
"""
    )
    fails(ONLINE + "  - cloud.meeting.update: { id: ghost, title: Ghost }\n", "verb", "there is no meeting ghost")


def test_frame_of_ones_own_may_be_acknowledged() -> None:
    passes(
        ONLINE + "  - cloud.mercury.send: { frame: { id: x1, data: { eventType: hello.world } } }\n  - advance: 1s\n"
    )


def test_failure_of_the_whole_run_shows_the_step_in_which_it_happened() -> None:
    url = "https://wdm-a.wbx2.test/nothing"
    outcome = fails(
        ONLINE
        + f"""
  - xconfig: {{ HttpClient Mode: "On", HttpClient AllowInsecureHTTPS: "True" }}
  - xcommand: {{ path: HttpClient Get, args: {{ Url: "{url}", AllowInsecureHTTPS: "True" }} }}
    expect: {{ result: {{ status: {{ exists: true }} }}, within: 30s }}
  - advance: 1h
""",
        "unexpected",
        "step 2  xcommand: HttpClient Get",
        "x.yaml:6:5",
        "GET nothing                 ----------->    nearest route",
        "--until-step 2",
    )
    assert "+3600" not in outcome.reports[0]


def test_report_says_what_the_device_would_do_next() -> None:
    fails(ONLINE + "  - wait: { mercury: closed, within: 3s }\n", "expectation", "; next timer: Mercury ping due in ")
    fails(
        ONLINE + "  - dial: ada@sip.example\n    expect: { mercury: closed, within: 3s }\n",
        "expectation",
        "Call[2]=Connected",
    )


def test_report_names_the_element_that_is_there() -> None:
    fails(
        ONLINE + "  - dial: ada@sip.example\n    expect: { xstatus: { Call 1 Status: Connected }, within: 3s }\n",
        "expectation",
        "there is Call 2 Status = ",
    )


DATA = Path(__file__).parents[1] / "data" / "scenarios"


def test_first_example_of_the_style_page_runs() -> None:
    """A meeting that nobody can join has no button, and the first call of a device is its second: both had to be written."""
    text = (DATA / "style_example.yaml").read_text(encoding="utf-8")
    passes(
        text.replace("lasts: 30m }", "lasts: 30m, join: { meetingJoinURI: 1234@site.webex.test } }", 1).replace(
            "Call 1 Status", "Call 2 Status"
        )
    )


def test_faults_of_the_style_page_run() -> None:
    """The page speaks of 210 media servers; the file has to ask for them."""
    passes("cloud: { media: { servers: 210 } }\n" + (DATA / "style_faults.yaml").read_text(encoding="utf-8"))


def test_expected_failure_names_its_issue() -> None:
    xfail = 'xfail: { reason: the cloud forgets it, issue: "ROOM-12" }\n'
    outcome = play(xfail + ONLINE + "  - wait: { mercury: closed, within: 3s }\n")
    assert (outcome.result, outcome.reason) == ("xfailed", "the cloud forgets it (ROOM-12)")
