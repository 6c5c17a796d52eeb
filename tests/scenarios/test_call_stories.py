"""Verbs of calls in stories: what they refuse during the run, and what ends with them."""

from __future__ import annotations

import pytest

from tests.scenarios.stories import play

ONLINE = "device: { at: online }\nsteps:\n"
CONNECTED = "expect: { calls: [{ status: Connected }], within: 5s }"
TWO_CALLS = (
    f"  - dial: a@sip.example\n    {CONNECTED}\n  - dial: b@sip.example\n    expect: {{ calls: {{ count: 2 }} }}\n"
)
SSL = """\
  - cloud.peer: { address: 81234567890.112233@zoomcrc.com, behaves: ssl }
  - dial: 81234567890.112233@zoomcrc.com
    expect: { xevent: { CallDisconnect: { CauseType: SslRejected } }, within: 5s }
  - advance: 10s
"""


@pytest.mark.parametrize(
    ("steps", "complaint"),
    [
        ("  - answer: 3\n", "room has no call 3: it has had 0"),
        ("  - ignore: call\n", "room has no call that is Ringing"),
        ("  - mute: { state: 'on', call: 1 }\n", "room has no call 1: it has had 0"),
        ("  - volume: { level: 30, call: 1 }\n", "room has no call 1: it has had 0"),
        ("  - cloud.answer: call\n", "room has no call"),
        ('  - listener: { what: zoom_redial, state: "off" }\n', "no zoom_redial listens to room"),
        (
            f"{TWO_CALLS}  - cloud.end: {{ call: call }}\n",
            "room has 2 calls; write which: 1, 2",
        ),
    ],
)
def test_call_that_cannot_be_meant_fails_the_step(steps: str, complaint: str) -> None:
    outcome = play(ONLINE + steps)
    assert outcome.result == "failed"
    assert complaint in outcome.reports[0]


def test_all_calls_are_hung_up() -> None:
    outcome = play(
        f"{ONLINE}{TWO_CALLS}"
        "  - hang_up: all\n    expect: { calls: { count: 0 }, history: { count: 2 }, within: 5s }\n"
    )
    assert outcome.result == "passed", outcome.reports


@pytest.mark.parametrize(
    ("listener", "dialled"),
    [("", 0), ("  - listener: zoom_redial\n", 1), ('  - listener: zoom_redial\n  - listener: { what: zoom_redial, state: "off" }\n', 0)],
)  # fmt: skip
def test_listener_dials_as_long_as_it_listens(listener: str, dialled: int) -> None:
    outcome = play(ONLINE + listener + SSL)
    assert outcome.result == "passed", outcome.reports
    assert outcome.trace is not None
    calls = [event for event in outcome.trace.events if event.data.get("event") == "OutgoingCallIndication"]
    assert len(calls) == 1 + dialled


def test_call_left_behind_is_out_of_balance() -> None:
    outcome = play(f"checks: [calls_balanced]\n{ONLINE}  - dial: a@sip.example\n    {CONNECTED}\n")
    assert outcome.result == "failed"
    assert "device:room: call 2 never ended" in "\n".join(outcome.reports)
    assert "no call left at the end" in "\n".join(outcome.reports)
