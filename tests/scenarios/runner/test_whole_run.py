from __future__ import annotations

from typing import get_args

import pytest

from endpoint.runtime.clock import cpu_seconds
from endpoint.runtime.faults import Fault
from scenarios.runner.model import Check
from scenarios.runner.problems import Place
from scenarios.runner.whole_run import CHECKS, SAME_REQUESTS_MAX, unused_faults

from .histories import History

PLACE = Place("x.yaml", 9, 3)
DEVICES = "/wdm/api/v1/devices"


def found(name: str, history: History) -> list[str]:
    """Return what a named check finds, as `kind: what there was instead`."""
    return [f"{one.kind}: {one.unmet[0].nearest}" for one in CHECKS[name](history.events, PLACE)]


def history(first: int = 1) -> History:
    """Return an empty history whose ordinals begin at 1."""
    made = History()
    made.first = first
    return made


def test_every_check_of_the_language_is_there() -> None:
    assert set(CHECKS) == set(get_args(Check))


def test_strict_objects_to_what_the_cloud_did_not_expect() -> None:
    made = history()
    made.event(
        1, "http.request", {"method": "GET", "path": "/x", "unexpected": "nearest route: GET /y"}, who="cloud:web"
    )
    made.event(
        2, "ws.recv", {"type": "ack", "unexpected": "nothing with this id was sent"}, who="cloud:mercury", id="f1"
    )
    made.event(3, "ws.recv", {"type": "ack", "unexpected": "no business of the device's own log"})
    assert found("strict", made) == ["unexpected: nearest route: GET /y", "unexpected: nothing with this id was sent"]


def test_strict_lets_a_fault_explain_strange_frames() -> None:
    made = history()
    made.event(1, "fault.bit", {"id": "f", "on": "mercury", "do": "duplicate"}, who="world")
    made.event(
        2, "ws.recv", {"type": "ack", "unexpected": "nothing with this id was sent"}, who="cloud:mercury", id="f1"
    )
    made.event(3, "http.request", {"method": "GET", "path": "/x", "unexpected": "no route"}, who="cloud:web")
    assert found("strict", made) == ["unexpected: no route"]


@pytest.mark.parametrize(("on", "count"), [(None, 1), ("udp", 1), ("tls", 0), ("tcp", 0)])
def test_strict_objects_to_tls_errors_that_no_fault_explains(on: str | None, count: int) -> None:
    made = history()
    if on is not None:
        made.event(1, "fault.bit", {"id": "f", "on": on, "do": "x"}, who="world")
    made.event(2, "http.failed", {"layer": "tls", "failed": "certificate verify failed for a.test: expired"})
    made.event(3, "http.failed", {"layer": "tcp", "failed": "connection refused a.test:443"})
    assert found("strict", made) == ["unexpected: device:room: certificate verify failed for a.test: expired"] * count


@pytest.mark.parametrize(
    "text",
    [
        "1234567812345678", "code 1234 5678 1234 5678.", "1234-5678-1234-5678", "a" * 64, "Authorization: Bearer abc", "bearer abc",
        "-----BEGIN EC PRIVATE KEY-----", "eyJhbGciOiJSU0EtT0FFUCJ9.x",
        "a-eyJ-eyJhbGciOiJSU0EtT0FFUCJ9.x", "eyJx eyJhbGciOiJSU0EtT0FFUCJ9.x", f"{'0f' * 32}_P0A1_org",
    ],
)  # fmt: skip
def test_secrets_finds_what_looks_like_one_wherever_it_is(text: str) -> None:
    for data in ({"body": {"list": [text]}}, {text: 1}, {"text": f"see {text}"}):
        made = history()
        made.event(1, "log", data)
        (finding,) = CHECKS["secrets"](made.events, PLACE)
        assert text not in str(finding)
        assert finding.unmet[0].nearest == "event #1, log of device:room"


def test_secrets_takes_time_in_proportion_to_the_text() -> None:
    def took_s(parts: int) -> float:
        made = history()
        made.event(1, "log", {"text": "eyJ-" * parts})
        tries = []
        for _ in range(5):
            began = cpu_seconds()
            assert found("secrets", made) == []
            tries.append(cpu_seconds() - began)
        return min(tries)

    assert (
        took_s(32_000) / took_s(2_000) < 64
    )  # 16 where each letter is looked at once, 256 where each part starts anew


@pytest.mark.parametrize(
    "text",
    [
        "<access_token#3>", "12345678-1234-5678-1234-567812345678", "1646210000000", "0f" * 16, "2026-03-02T08:50:00.000Z",
        "/devices/12345678-1234-5678-1234-123456781234", "12345678123456789",
    ],
)  # fmt: skip
def test_secrets_lets_ids_and_numbers_pass(text: str) -> None:
    made = history()
    made.event(1, "log", {"text": text}, id=text)
    assert found("secrets", made) == []


def test_bounds_objects_to_what_was_dropped() -> None:
    made = history(first=4)
    made.event(1, "drop", {"what": "meeting", "bound": 5000})
    made.event(2, "drop", {"why": "queue full"}, who="cloud:mercury")
    made.event(3, "drop", {"why": "no socket"}, who="cloud:mercury")
    assert found("bounds", made) == [
        "bound: its first 3 events were dropped",
        "bound: device:room: {'what': 'meeting', 'bound': 5000}",
        "bound: cloud:mercury: {'why': 'queue full'}",
    ]


def test_acks_objects_to_frames_acknowledged_too_rarely_or_too_often() -> None:
    made = history()
    for frame in ("good", "never", "twice"):
        made.event(1, "ws.recv", {"eventType": "x"}, id=frame)
    for frame in ("good", "twice", "twice", "unknown"):
        made.event(2, "ws.send", {"type": "ack"}, id=frame)
    made.event(3, "ws.send", {"type": "ping"}, id="ping")
    assert found("acks", made) == [
        "unexpected: frame never came 1 times and was acknowledged 0 times",
        "unexpected: frame twice came 1 times and was acknowledged 2 times",
        "unexpected: frame unknown came 0 times and was acknowledged 1 times",
    ]


def test_frame_that_came_twice_is_acknowledged_twice() -> None:
    made = history()
    for _ in range(2):
        made.event(1, "ws.recv", {"eventType": "x"}, id="f")
        made.event(1, "ws.send", {"type": "ack"}, id="f")
    assert found("acks", made) == []


def test_one_registration_objects_to_a_second_one() -> None:
    made = history()
    made.request(1, "POST", DEVICES)
    made.event(1, "machine", {"machine": "registration", "to": "Registered"})
    made.request(2, "POST", DEVICES)
    assert found("one_registration", made) == ["unexpected: device:room asks for a second one"]


@pytest.mark.parametrize(
    ("kind", "data"), [("device.booted", {}), ("machine", {"machine": "registration", "to": "Unregistered"})]
)
def test_device_that_has_lost_its_registration_may_ask_for_one(kind: str, data: dict[str, str]) -> None:
    made = history()
    made.event(1, "machine", {"machine": "registration", "to": "Registered"})
    made.event(2, kind, data)
    made.request(3, "POST", DEVICES)
    made.request(4, "PUT", f"{DEVICES}/1")
    assert found("one_registration", made) == []


def test_monotone_objects_to_instants_that_fall() -> None:
    made = history()
    for at_s in (1, 2, 2, 1, 3):
        made.event(at_s, "log", {})
    assert found("monotone", made) == ["unexpected: #4 at 1000000 after #3 at 2000000"]


def test_no_storm_objects_to_requests_without_pause() -> None:
    made = history()
    for number in range(SAME_REQUESTS_MAX + 1):
        made.request(number * 0.1, "GET", "/catalog")
        made.request(number * 5.1, "GET", "/slow")
        made.request(number * 0.1, "GET", "/pages", query={"offset": number})
        made.request(number * 0.1, "POST", "/encryption/api/v1/kms/messages")
    assert found("no_storm", made) == [
        f"unexpected: device:room: GET /catalog more than {SAME_REQUESTS_MAX} times in 5s"
    ]


def test_faults_that_never_bit_are_named_unless_they_may() -> None:
    faults = [
        Fault("used", "http", "error", used=1),
        Fault("idle", "http", "error"),
        Fault("spare", "http", "error", optional=True),
    ]
    assert [one.unmet[0].text for one in unused_faults(faults, PLACE, 5)] == ["fault idle to bite"]


# calls_balanced


def _call(history: History, at_s: float, event: str, call_id: int) -> None:
    history.event(at_s, "xapi.event", {"event": event, "fields": {"CallId": call_id}})


def test_calls_that_end_once_are_balanced() -> None:
    history = History()
    _call(history, 0, "OutgoingCallIndication", 2)
    _call(history, 1, "IncomingCallIndication", 3)
    _call(history, 2, "CallDisconnect", 3)
    _call(history, 3, "CallDisconnect", 2)
    history.event(4, "calls.holds", {"calls": []})
    assert list(CHECKS["calls_balanced"](history.events, PLACE)) == []


def test_restart_ends_what_the_device_had() -> None:
    history = History()
    _call(history, 0, "OutgoingCallIndication", 2)
    history.event(1, "device.booted", {})
    _call(history, 2, "OutgoingCallIndication", 2)
    _call(history, 3, "CallDisconnect", 2)
    assert list(CHECKS["calls_balanced"](history.events, PLACE)) == []


@pytest.mark.parametrize(
    ("ends", "held", "complaint"),
    [
        (0, [], "device:room: call 2 never ended"),
        (2, [], "device:room: call 2 ended, and had not begun"),
        (1, [2], "device:room: 2"),
    ],
)
def test_call_that_is_out_of_balance_is_told(ends: int, held: list[int], complaint: str) -> None:
    history = History()
    _call(history, 0, "OutgoingCallIndication", 2)
    for turn in range(ends):
        _call(history, 1 + turn, "CallDisconnect", 2)
    history.event(9, "calls.holds", {"calls": held})
    (finding,) = CHECKS["calls_balanced"](history.events, PLACE)
    assert finding.unmet[0].nearest == complaint
