from __future__ import annotations

from scenarios.runner import ladder
from scenarios.runner.ladder import Ladder, picture

from .histories import History


def test_ladder_shows_both_sides() -> None:
    history = History()
    history.event(10.0, "fault.struck", {"id": "f1", "on": "mercury", "do": "reset"}, who="world")
    history.event(10.0, "ws.close", {"code": 1006, "reason": ""})
    history.event(10.0, "machine", {"machine": "mercury", "from": "open", "to": "waiting"})
    history.event(10.0, "calendar.push", {"eventType": "calendar.meeting.update", "heard": 0}, who="cloud:calendar")
    asked = history.request(11.2, "GET", "/calendar/api/v1/calendarEvents")
    history.event(11.25, "http.request", dict(asked.data), who="cloud:calendar")
    history.answer(11.3, asked, 200)
    history.event(12.1, "ws.open", {"status": 101})
    history.event(12.2, "ws.recv", {"data": {"eventType": "mercury.buffer_state"}})
    assert picture(history.events, 10_000_000) == [
        "            device                                      cloud",
        "   +0.000s                              <-- reset ---   fault mercury reset                               #101",
        "   +0.000s  ws closed 1006              -----x                                                            #102",
        "   +0.000s  mercury: open -> waiting                                                                      #103",
        '   +0.000s                                              calendar.push {"eventType": "calendar.meeting.…   #104',
        "   +1.200s  GET calendarEvents          ----------->    200                                               #105",
        "   +2.100s  ws open                     ----------->    101                                               #108",
        "   +2.200s                              <-----------    mercury.buffer_state                              #109",
    ]


def test_an_invitation_is_followed_to_the_press() -> None:
    history = History()
    for kind, data in (
        ("mailbox.request", {"mailbox": "room@room.example", "request": "create"}),
        ("mailbox.decision", {"mailbox": "room@room.example", "action": "decline", "reason": "conflict"}),
        ("cal.fetch", {"mailbox": "room@room.example"}),
        ("cal.validate", {"action": None, "dial": "1@meet.example", "diagnostics": []}),
        ("cal.validate", {"action": None, "dial": None, "diagnostics": ["organizer_not_enabled"]}),
        ("cal.join", {"sip": "ana@site.webex.test", "url": "https://site.webex.test/meet/ana"}),
        ("cal.patch", {}),
        ("cal.wait", {"reach": "daily"}),
    ):
        history.event(1.0, kind, data, who="cloud:hybrid")
    history.event(2.0, "screen", {"join button": {"visible": True, "title": "Review"}, "reminder": {"visible": False}})
    history.event(
        2.5,
        "device.screen",
        {"banner": {"text": "No network."}, "booking list": {"text": ""}, "activation page": {"text": ""}},
    )
    history.event(2.6, "device.screen", {"banner": {"text": ""}})
    history.event(3.0, "call.dial", {"number": "ana@site.webex.test", "protocol": "Spark", "by": "button"})
    assert [line.rpartition("#")[0][11:].strip() for line in picture(history.events, 0)[1:]] == [
        "room@room.example: request (create)",
        "room@room.example: decline, conflict",
        "invitation asks for 1@meet.example",
        "nothing to join in the invitation; organizer_n…",
        "join details: ana@site.webex.test",
        "join details are written into the invitation",
        "invitation waits: daily",
        "screen join button: Review",
        "screen banner: No network.",
        "screen without notices",
        "dials ana@site.webex.test (Spark, by button)",
    ]


def test_dull_events_are_counted_and_folded() -> None:
    history = History()
    history.event(1, "ws.open", {"status": 101})
    for at in range(3):
        history.event(2 + at, "ws.send", {"type": "ping"})
        history.event(2 + at, "ws.recv", {"type": "pong"})
        history.event(2 + at, "ws.send", {"type": "ack"})
        history.event(2 + at, "stun.send", {"transport": "udp"})
    history.event(9, "ws.close", {"code": 1000, "reason": "Done"})
    history.event(9, "tcp.close", {})
    assert [line.strip() for line in picture(history.events, 0)[2::2]] == [
        "... 3 STUN messages, 3 acks, 6 pings ...",
        "... 1 TCP events ...",
    ]


def test_long_pictures_keep_their_start_and_their_end() -> None:
    history = History()
    for number in range(100):
        history.answer(number, history.request(number, "GET", f"/a/{number}"), 200)
    lines = picture(history.events, 0)
    assert len(lines) == 1 + ladder.LINES_MAX
    assert lines[1 + ladder.HEAD_LINES].strip() == "... 61 lines ..."
    assert "GET 99" in lines[-1]


def test_requests_without_an_answer_are_shown() -> None:
    history = History()
    history.request(1, "GET", "/wdm/api/v1/devices/7d8f1f7e-0d3a-4c55-9a3f-6f8f6d2f9b10")
    failed = history.request(2, "POST", "/a")
    history.event(3, "http.failed", {**failed.data, "failed": "connection refused wdm:443"}, id=failed.id)
    lines = picture(history.events, 0)
    assert "GET devices/…" in lines[1]
    assert "no answer" in lines[1]
    assert "POST a" in lines[2]
    assert "connection refused wdm:443" in lines[2]


def test_live_ladder_gives_lines_as_they_are_complete() -> None:
    history, live = History(), Ladder()
    start = history.event(0, "step.start", {"step": "3", "title": "register: wdm"}, who="runner")
    assert [line.text(0) for line in live.feed(start)] == ["-- step 3  register: wdm"]
    asked = history.request(1, "POST", "/wdm/api/v1/devices")
    assert live.feed(asked) == []
    (line,) = live.feed(history.answer(2, asked, 200))
    assert (line.left, line.right, line.t) == ("POST devices", "200", 1_000_000)
    assert live.feed(history.log(3, "Wx2", "I", "nothing special")) == []
    assert [line.style for line in live.feed(history.log(3, "Wx2", "W", "Account removed"))] == ["warning"]


def test_open_requests_are_bounded() -> None:
    history, live = History(), Ladder()
    lines = [line for number in range(ladder.OPEN_MAX + 5) for line in live.feed(history.request(number, "GET", "/a"))]
    assert [line.right for line in lines] == ["no answer"] * 5


def test_call_is_drawn_by_its_status_and_its_roster() -> None:
    history = History()
    for path in (
        "Call 2 Status",
        "Call 2 Ice",
        "Conference Call 2 Recording",
        "Conference Call 2 Streamed",
        "ICE Call 2 Result",
    ):
        history.event(1.0, "xapi.status", {"path": path, "value": "x"})
    history.event(
        1.0, "xapi.status", {"path": "Video Layout CurrentLayouts AvailableLayouts 1 LayoutName", "value": "x"}
    )
    data = {"event": "locus.participant_joined", "roster": {"Room": "JOINED", "Ana": "IDLE"}}
    history.event(2.0, "locus.change", data, who="cloud:locus")
    lines = [line.split("#")[0].strip() for line in picture(history.events, 0)[1:]]
    assert lines == [
        "+1.000s  Call 2 Status = x",
        "+1.000s  Conference Call 2 Recording = x",
        "+2.000s                                              participant_joined: Room JOINED, Ana IDLE",
    ]
