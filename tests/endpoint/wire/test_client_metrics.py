"""Call diagnostics: error codes by the rules, the envelope, and what a service reads of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.client_metrics import (
    SERVICE_CODES,
    ClientError,
    MediaStats,
    StreamStats,
    Told,
    body,
    client_error,
    diagnostic_of,
    error_of_answer,
    error_of_ice,
    names,
    network_prefix,
    origin,
    parse_metrics,
    pruned,
)
from endpoint.wire.codec import encode
from endpoint.wire.errors import RemoteProtocolError
from tests.endpoint.wire.nearly import nearly

CORRELATION = "482e7108-1525-47d4-996e-4d42263e754c"
SENT = "2026-03-02T09:00:01.000Z"


def told(**options: Any) -> Told:
    """An event."""
    made: dict[str, Any] = {
        "event_id": "e1", "name": "client.call.initiated", "triggered": "2026-03-02T09:00:00.000Z",
        "identifiers": {"correlationId": CORRELATION, "locusId": "", "deviceId": "https://wdm-a.wbx2.test/d/1"},
    }  # fmt: skip
    return Told(**{**made, **options})


# -- errors -----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "service_code", "code", "category"),
    [
        (423, 2423003, 4002, "expected"),  # locked
        (423, 2423005, 4005, "expected"),  # a PIN is asked for
        (403, 2403014, 4011, "expected"),  # no such meeting, says Locus
        (404, 404006, 4100, "signaling"),  # no such meeting, says the meeting service
        (404, 2404999, 4008, "signaling"),  # of Locus, and in no table
        (409, 2409062, 4008, "signaling"),
        (401, 2401002, 4020, "expected"),  # the table comes before the status
        (401, 0, 1010, "network"),
        (0, 0, 1026, "network"),
        (500, 0, 9999, "other"),
        (404, 240, 9999, "other"),  # not seven digits
        (404, 3404001, 9999, "other"),  # not of Locus
    ],
)
def test_the_code_of_a_request_that_failed(status: int, service_code: int, code: int, category: str) -> None:
    error = error_of_answer(status, service_code)
    assert (error.code, error.category, error.name) == (code, category, "locus.response")
    assert (error.service_code, error.http_status) == (service_code, status)


def test_a_pin_that_is_asked_for_is_not_the_end() -> None:
    assert not error_of_answer(423, 2423005).fatal
    assert error_of_answer(423, 2423003).fatal


@pytest.mark.parametrize("service_code", SERVICE_CODES)
def test_every_code_of_a_service_leads_to_one_that_is_described(service_code: int) -> None:
    assert error_of_answer(400, service_code).code == SERVICE_CODES[service_code]


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"has_answer": False}, 2007),
        ({"ice_connected": True}, 2008),
        ({"with_turn": False}, 2009),
        ({"with_turn": False, "reachable": False}, 2009),
        ({"with_turn": True}, 2010),
        ({"with_turn": True, "reachable": False}, 2011),
        ({}, 2004),
        ({"reachable": False}, 2011),
    ],
)
def test_the_code_of_media_that_failed(facts: dict[str, Any], code: int) -> None:
    error = error_of_ice(**facts)
    assert (error.code, error.name, error.fatal) == (code, "ice.failed", True)


def test_what_is_not_known_is_9999() -> None:
    assert client_error(1).code == 9999


# -- envelope ---------------------------------------------------------------------------------------------------------------------------


def test_the_envelope_has_what_the_service_wants_and_nothing_empty() -> None:
    error = client_error(4002, "locus.response", service_code=2423003, http_status=423)
    made = told(trigger="user-interaction", error=error, join_times={"joinReqResp": 12})
    [metric] = body([made], origin(software="ce26.4", model="Room Bar", address="192.0.2.77"), SENT)["metrics"]
    payload = metric["eventPayload"]
    assert metric["type"] == ["diagnostic-event"]
    assert payload["originTime"] == {"triggered": "2026-03-02T09:00:00.000Z", "sent": SENT}
    assert payload["origin"]["clientInfo"]["localNetworkPrefix"] == "192.0.2.64"
    assert payload["event"] == {
        "name": "client.call.initiated",
        "canProceed": False,
        "identifiers": {"correlationId": CORRELATION, "deviceId": "https://wdm-a.wbx2.test/d/1"},
        "trigger": "user-interaction",
        "joinTimes": {"joinReqResp": 12},
        "errors": [
            {
                "errorCode": 4002, "errorDescription": "MeetingLocked", "category": "expected", "fatal": True, "shownToUser": False,
                "name": "locus.response", "serviceErrorCode": 2423003, "httpStatusCode": 423,
            }
        ],
    }  # fmt: skip


def test_figures_of_media_keep_their_zeros() -> None:
    stats = MediaStats("udp", 25, (StreamStats("audio", "receive", 0, 0, 2, 64),))
    event = told(name="client.mediaquality.event", quality=stats).as_wire({}, SENT)["eventPayload"]["event"]
    assert event["intervals"] == [
        {
            "transportType": "udp", "roundTripTime": 25, "modelled": True,
            "audioReceive": [{"rtpPackets": 0, "rtpLost": 0, "rtpJitter": 2, "bitrate": 64000}],
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("address", "prefix"),
    [("192.0.2.77", "192.0.2.64"), ("2001:db8::1:2:3", "2001:db8::1:0:0"), ("", ""), ("room", "")],
)
def test_addresses_lose_their_last_part(address: str, prefix: str) -> None:
    assert network_prefix(address) == prefix


json_objects = st.dictionaries(
    st.text(max_size=3),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    ),
    max_size=4,
)


@given(json_objects)
def test_pruning_leaves_nothing_empty_and_is_done_once(value: dict[str, Any]) -> None:
    once = pruned(value)
    assert pruned(once) == once
    assert all(part not in ("", {}, [], None) for part in once.values())


# -- reading ----------------------------------------------------------------------------------------------------------------------------


def test_a_service_reads_what_a_device_writes() -> None:
    made = [told(), told(name="client.ice.end", error=client_error(2004))]
    read = [diagnostic_of(metric) for metric in parse_metrics(encode(body(made, {}, SENT)))]
    found = [one for one in read if one is not None]
    assert names(found) == ["client.call.initiated", "client.ice.end"]
    assert [one.error_codes for one in found] == [(), (2004,)]
    assert {(one.correlation_id, one.device_url) for one in found} == {(CORRELATION, "https://wdm-a.wbx2.test/d/1")}


def test_other_metrics_are_no_diagnostics() -> None:
    assert diagnostic_of({"metricName": "X", "type": ["behavioral", "operational"]}) is None
    assert diagnostic_of({}) is None


def test_what_says_it_is_one_needs_a_name_and_a_call() -> None:
    good = told().as_wire({}, SENT)
    for broken, where in (
        ({**good, "eventPayload": 7}, "eventPayload.event"),
        ({**good, "eventPayload": {"event": {"name": ""}}}, "eventPayload.event.name"),
        ({**good, "eventPayload": {"event": {"name": "x"}}}, "eventPayload.event.identifiers.correlationId"),
    ):
        with pytest.raises(RemoteProtocolError) as caught:
            diagnostic_of(broken)
        assert caught.value.where == where


SAMPLE = json.loads(encode(body([told(error=client_error(2004))], origin(software="x", model="y"), SENT)))


@given(nearly(SAMPLE).map(json.dumps).map(str.encode) | st.binary(max_size=50))
def test_any_body_is_read_or_refused(data: bytes) -> None:
    try:
        for metric in parse_metrics(data):
            found = diagnostic_of(metric)
            assert found is None or (found.name and found.correlation_id)
            assert found is None or all(isinstance(code, int) for code in found.error_codes)
    except RemoteProtocolError:
        pass


def test_errors_are_values() -> None:
    assert client_error(2004) == ClientError(2004, "IceFailure", "media")
