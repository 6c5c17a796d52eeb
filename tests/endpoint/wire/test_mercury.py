from __future__ import annotations

import itertools
import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.errors import LocalProtocolError, RemoteProtocolError
from endpoint.wire.mercury import (
    SEALED,
    Ack,
    Authorization,
    Event,
    Frame,
    Gap,
    Ping,
    Pong,
    Sequence,
    ServerFrame,
    Shutdown,
    Unknown,
    backoff_s,
    buffer_state_data,
    encode_frame,
    parse_frame,
    registration_status_data,
    socket_url,
)
from endpoint.wire.secret import AccessToken
from tests.endpoint.wire.nearly import nearly

# protocol/cloud-services.md 18.6, ids filled up
EXAMPLES: list[tuple[dict[str, Any], Frame]] = [
    (
        {
            "id": "ddd9",
            "type": "authorization",
            "data": {"token": "Bearer tok_P0A1_0a0b"},
            "trackingId": "webex-js-sdk_481a_1795198460844",
        },
        Authorization(id="ddd9", token=AccessToken("tok_P0A1_0a0b"), tracking_id="webex-js-sdk_481a_1795198460844"),
    ),
    (
        {
            "id": "15aa",
            "data": {"eventType": "mercury.buffer_state", "bufferState": {}},
            "timestamp": 1795198460846,
            "trackingId": "stub_1",
            "alertType": "none",
            "headers": {},
            "filterMessage": False,
            "sequenceNumber": 1,
            "wsWriteTimestamp": 1795198460846,
        },
        Event(
            id="15aa",
            data=buffer_state_data(),
            timestamp=1795198460846,
            tracking_id="stub_1",
            alert_type="none",
            headers={},
            filter_message=False,
            sequence_number=1,
            ws_write_timestamp=1795198460846,
        ),
    ),
    ({"messageId": "15aa", "type": "ack"}, Ack(message_id="15aa")),
    ({"id": "30de", "type": "ping"}, Ping(id="30de")),
    (
        {"type": "pong", "id": "30de", "sequenceNumber": 2, "wsWriteTimestamp": 1795198460850},
        Pong(id="30de", sequence_number=2, ws_write_timestamp=1795198460850),
    ),
    (
        {
            "id": "77ab",
            "data": {
                "eventType": "featureToggle_update",
                "featureToggle": {"key": "x", "type": "DEVELOPER", "val": "true"},
            },
            "timestamp": 1795198460900,
            "trackingId": "stub_2",
            "sequenceNumber": 3,
        },
        Event(
            id="77ab",
            data={
                "eventType": "featureToggle_update",
                "featureToggle": {"key": "x", "type": "DEVELOPER", "val": "true"},
            },
            timestamp=1795198460900,
            tracking_id="stub_2",
            sequence_number=3,
        ),
    ),
    ({"id": "88cc", "type": "shutdown"}, Shutdown(id="88cc")),
    (
        {
            "id": "15aa",
            "data": {
                "eventType": "mercury.registration_status",
                "bufferState": {},
                "registrationStatus": {},
                "localClusterServiceUrls": {
                    "mercuryApiServiceClusterUrl": "http://127.0.0.1:8080/v1",
                    "mercuryConnectionServiceClusterUrl": "ws://127.0.0.1:8080/v1",
                },
            },
        },
        Event(id="15aa", data=registration_status_data("http://127.0.0.1:8080/v1", "ws://127.0.0.1:8080/v1")),
    ),
]


@pytest.mark.parametrize(("members", "frame"), EXAMPLES, ids=[type(frame).__name__ for _, frame in EXAMPLES])
def test_the_first_seconds_are_read_and_rebuilt(members: dict[str, Any], frame: Frame) -> None:
    assert parse_frame(json.dumps(members)) == frame
    assert json.loads(encode_frame(frame)) == members


def test_a_printed_authorization_hides_its_token() -> None:
    assert "tok_" not in repr(EXAMPLES[0][1])


# ---- opening ----


@pytest.mark.parametrize("event_type", ["mercury.buffer_state", "mercury.registration_status"])
def test_two_events_open_the_socket(event_type: str) -> None:
    assert Event(id="1", data={"eventType": event_type}).is_opening


def test_a_typed_or_other_event_does_not_open_it() -> None:
    typed = parse_frame('{"id":"1","type":"event","data":{"eventType":"mercury.buffer_state"}}')
    assert isinstance(typed, Event)
    assert not typed.is_opening
    assert not Event(id="1", data={"eventType": "status.start_typing"}).is_opening


# ---- what servers send wrong ----


@pytest.mark.parametrize(
    "text",
    [
        '{"id":"1"}',
        '{"id":"1","type":"hello"}',
        '{"id":"1","data":null}',
        '{"id":"1","data":{}}',
        '{"id":"1","data":{"eventType":5}}',
        '{"id":"1","data":{"eventType":""}}',
        '{"id":"1","data":[]}',
    ],
)
def test_frames_without_an_event_are_kept_for_ack_and_count(text: str) -> None:
    frame = parse_frame(text[:-1] + ',"sequenceNumber":7}')
    assert isinstance(frame, Unknown)
    assert (frame.id, frame.sequence_number) == ("1", 7)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "frame"),
        ("pong", "frame"),
        ("[]", "frame"),
        ('{"type":5}', "frame.type"),
        ('{"type":"pong"}', "frame"),
        ('{"type":"pong","id":""}', "frame.id"),
        ('{"type":"ack","id":"1"}', "frame"),
        ('{"data":{"eventType":"a.b"}}', "frame"),
        ('{"id":"1","data":{"eventType":"a.b"},"sequenceNumber":"7"}', "frame.sequenceNumber"),
        ('{"id":"1","type":"authorization","data":{"token":"tok"}}', "frame.data.token"),
        ('{"id":"1","type":"authorization","data":{}}', "frame.data"),
    ],
)
def test_junk_is_the_peers_fault(text: str, where: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse_frame(text)
    assert caught.value.where == where


def test_an_error_about_a_token_does_not_repeat_it() -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse_frame('{"id":"1","type":"authorization","data":{"token":"Basic s3cr3t"}}')
    assert "s3cr3t" not in str(caught.value)


def test_members_that_are_null_are_absent() -> None:
    text = '{"id":"1","data":{"eventType":"a.b"},"headers":null,"trackingId":null,"sequenceNumber":null}'
    assert parse_frame(text) == Event(id="1", data={"eventType": "a.b"})


def test_an_event_without_a_type_of_event_is_our_own_fault() -> None:
    with pytest.raises(LocalProtocolError):
        encode_frame(Event(id="1", data={}))


# ---- properties ----

ids = st.text(min_size=1)
numbers = st.none() | st.integers(0, 2**53)
tokens = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1).map(AccessToken)
numbered = {"id": ids, "sequence_number": numbers, "ws_write_timestamp": numbers}
frames = st.one_of(
    st.builds(Authorization, id=ids, token=tokens, tracking_id=st.text()),
    st.builds(Ack, message_id=ids),
    st.builds(Ping, id=ids),
    st.builds(Pong, **numbered),
    st.builds(Shutdown, **numbered),
    st.builds(
        Event,
        **numbered,
        data=st.builds(lambda kind, extra: {**extra, "eventType": kind}, ids, st.dictionaries(st.text(), st.text())),
        tracking_id=st.none() | st.text(),
        headers=st.none() | st.dictionaries(st.text(), st.text()),
        filter_message=st.none() | st.booleans(),
    ),
)


@given(frames)
def test_frames_round_trip(frame: Frame) -> None:
    assert parse_frame(encode_frame(frame)) == frame


members = st.dictionaries(
    st.sampled_from(["id", "type", "data", "messageId", "sequenceNumber", "headers", "timestamp", "trackingId"]),
    st.none()
    | st.integers()
    | st.sampled_from(["ack", "ping", "pong", "shutdown", "authorization", "1"])
    | st.dictionaries(st.sampled_from(["eventType", "token"]), st.text() | st.integers()),
)


sealed = {"id": "1", "data": {"eventType": "xapi.request", SEALED: "{}"}, "sequenceNumber": 1}
good = st.sampled_from([*(members for members, _ in EXAMPLES), sealed])


@given(st.text() | st.binary() | members.map(json.dumps) | good.flatmap(nearly).map(json.dumps))
def test_any_text_is_a_frame_or_refused(text: str | bytes) -> None:
    try:
        frame = parse_frame(text)
    except RemoteProtocolError:
        return
    came = json.loads(text)
    assert parse_frame(encode_frame(frame)) == frame
    assert parse_frame(json.dumps({"zone": 1, **came})) == frame
    if isinstance(frame, Ack):
        assert frame.message_id == came["messageId"] != ""
    else:
        assert frame.id == came["id"] != ""
    if not isinstance(frame, Authorization | Ack | Ping):
        assert frame.sequence_number == came.get("sequenceNumber")
    if isinstance(frame, Event):
        assert frame.event_type == came["data"]["eventType"] != ""
        assert not isinstance(frame.data.get(SEALED), str)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"data":' * 100_000, '{"id":"1","data":{"eventType":"a","x":' + "[" * 100_000]
)
def test_deep_nesting_is_the_peers_fault(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_frame(text)


# ---- numbering ----


def _event(number: int | None) -> ServerFrame:
    return Event(id="1", data={"eventType": "a.b"}, sequence_number=number)


def test_numbers_run_over_events_and_pongs_alike() -> None:
    watch = Sequence()
    frames = [
        _event(4),
        Pong(id="1", sequence_number=5),
        _event(6),
        Shutdown(id="1", sequence_number=7),
        Unknown(id="1", sequence_number=8),
    ]
    assert [watch.receive(frame) for frame in frames] == [None] * 5


@pytest.mark.parametrize("got", [1, 2, 4, 9])
def test_a_number_that_is_not_the_next_is_a_gap_and_counting_goes_on_from_it(got: int) -> None:
    watch = Sequence()
    assert [watch.receive(_event(n)) for n in (1, 2, got, got + 1)] == [
        None,
        None,
        None if got == 3 else Gap(3, got),
        None,
    ]


def test_absent_numbers_are_accepted() -> None:
    watch = Sequence()
    assert [watch.receive(_event(n)) for n in (None, 1, None, 2)] == [None] * 4


@given(st.lists(st.none() | st.integers(0, 9)))
def test_gaps_are_exactly_the_steps_other_than_one(numbers: list[int | None]) -> None:
    watch = Sequence()
    gaps = [gap for gap in (watch.receive(_event(n)) for n in numbers) if gap]
    sent = [n for n in numbers if n is not None]
    assert gaps == [Gap(a + 1, b) for a, b in itertools.pairwise(sent) if b != a + 1]


# ---- URL and backoff ----

BASE = "wss://mercury-connection-a.wbx2.test/v1/apps/wx2/registrations/5d2a/messages"


def test_the_url_of_the_worked_example() -> None:
    assert socket_url(BASE, 1795198460840) == (
        f"{BASE}?outboundWireFormat=text&bufferStates=true&aliasHttpStatus=true&clientTimestamp=1795198460840"
    )


def test_a_reconnect_overwrites_the_query_and_keeps_foreign_members() -> None:
    first = socket_url(f"{BASE}?shard=7", 1)
    assert socket_url(first, 2) == first.replace("clientTimestamp=1", "clientTimestamp=2")
    assert dict(parse_qsl(urlsplit(first).query))["shard"] == "7"


def test_the_other_registrations() -> None:
    shared = dict(parse_qsl(urlsplit(socket_url(BASE, 1, shared=True)).query))
    assert (shared["mercuryRegistrationStatus"], shared["isRegistrationRefreshEnabled"]) == ("true", "true")
    assert "bufferStates" not in shared
    mobile = dict(parse_qsl(urlsplit(socket_url(BASE, 1, registration_status=True)).query))
    assert (mobile["mercuryRegistrationStatus"], mobile["bufferStates"]) == ("true", "true")
    assert "multipleConnections=true" in socket_url(BASE, 1, multiple=True)


@pytest.mark.parametrize(
    ("attempt", "wait"), [(0, 1.0), (1, 2.0), (2, 4.0), (3, 8.0), (4, 16.0), (5, 32.0), (6, 32.0), (10_000_000, 32.0)]
)
def test_backoff_doubles_to_its_maximum(attempt: int, wait: float) -> None:
    assert backoff_s(attempt) == wait
