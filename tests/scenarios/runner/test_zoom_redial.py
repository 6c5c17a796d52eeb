"""What the listener of the Zoom case decides. Source: protocol/calendar-and-obtp.md 9.4, 9.6."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.runner.zoom_redial import FORGETS_S, MEETINGS_MAX, ZoomRedial, zoom_address

FAILED: dict[str, Any] = {
    "CauseOrigin": "Internal",
    "CauseType": "SslRejected",
    "CauseString": "SSL connection rejected",
    "CauseValue": 38,
    "Duration": 0,
    "OrigCallDirection": "Outgoing",
    "Protocol": "SIP",
    "RemoteURI": "sip:81234567890.112233@zoomcrc.com",
    "RequestedURI": "sip:81234567890.112233@zoomcrc.com;transport=tls",
}
RIGHT = "81234567890.112233@zoomcrc.com"


def test_call_to_zoom_that_ssl_ended_is_dialled_once() -> None:
    listener = ZoomRedial()
    assert listener.number(FAILED, 0.0) == RIGHT
    assert listener.number(FAILED, 2.0) is None
    assert listener.number({**FAILED, "Protocol": "Spark", "RequestedURI": RIGHT}, 4.0) is None


@pytest.mark.parametrize(
    "other",
    [
        {"RequestedURI": "sip:81234567890@site.webex.test;transport=tls"},
        {"RequestedURI": "sip:ana@zoomcrc.com;transport=tls"},
        {"RequestedURI": "sip:81234567890@zoomcrc.com.evil.example"},
        {"RequestedURI": "sip:81234567890@notzoomcrc.com"},
        {"RequestedURI": "", "RemoteURI": ""},
        {"CauseType": "RemoteBusy", "CauseString": "Busy here"},
        {
            "CauseType": "OtherRemote",
            "CauseString": "CallError (startOutgoing, unexpected, LocusNotFound, response 404)",
        },
        {"CauseType": "LocalDisconnect", "CauseString": ""},
        {"CauseType": "LocalDisconnect", "CauseString": "given up during SSL handshake"},
        {"OrigCallDirection": "Incoming"},
        {"Duration": 61},
    ],
)
def test_other_hosts_other_causes_and_people_are_left_alone(other: dict[str, Any]) -> None:
    assert ZoomRedial().number({**FAILED, **other}, 0.0) is None


@pytest.mark.parametrize(
    ("uri", "number"),
    [
        ("81234567890@zoomcrc.com", "81234567890@zoomcrc.com"),
        ("sips:812 3456-7890..504@ZoomCRC.com;transport=tls", "81234567890..504@zoomcrc.com"),
        ("spark:81234567890.112233.504.654321..77@zoomcrc.com", "81234567890.112233.504.654321..77@zoomcrc.com"),
        ("81234567890...@eu.zmau.us?x=1", "81234567890@eu.zmau.us"),
    ],
)
def test_number_is_rebuilt_from_meeting_and_passcode(uri: str, number: str) -> None:
    found = zoom_address(uri)
    assert found is not None
    assert found[1] == number


def test_other_meetings_and_later_days_are_dialled_again() -> None:
    listener = ZoomRedial()
    listener.number(FAILED, 0.0)
    assert listener.number({**FAILED, "RequestedURI": "sip:5.1@zoomcrc.com"}, 1.0) == "5.1@zoomcrc.com"
    assert listener.number(FAILED, FORGETS_S - 1) is None
    assert listener.number(FAILED, FORGETS_S) == RIGHT


def test_meetings_that_are_remembered_are_bounded() -> None:
    listener = ZoomRedial()
    for number in range(MEETINGS_MAX + 1):
        listener.number({**FAILED, "RequestedURI": f"sip:{number}@zoomcrc.com"}, 0.0)
    assert listener.number({**FAILED, "RequestedURI": "sip:0@zoomcrc.com"}, 1.0) == "0@zoomcrc.com"
    assert listener.number({**FAILED, "RequestedURI": f"sip:{MEETINGS_MAX}@zoomcrc.com"}, 1.0) is None


@given(st.text(max_size=80), st.text(max_size=40))
def test_any_event_is_judged(uri: str, cause: str) -> None:
    number = ZoomRedial().number({**FAILED, "RequestedURI": uri, "CauseString": cause}, 0.0)
    assert number is None or zoom_address(number) is not None
