from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.locus import events
from endpoint.wire.locus.events import locus_event_data, parse_locus_event, roap_event_data
from endpoint.wire.locus.requests import RoapMessage
from endpoint.wire.mercury import Event, encode_frame, parse_frame
from endpoint.wire.secret import Sdp
from tests.endpoint.wire.locus.samples import CORRELATION, DELTA, DTO, LOCUS
from tests.endpoint.wire.nearly import json_values, nearly

ROAP = RoapMessage(seq=1, message_type="ANSWER", sdps=(Sdp("v=0"),))
SAMPLES: list[dict[str, Any]] = [
    locus_event_data(events.PARTICIPANT_JOINED, LOCUS, DTO),
    locus_event_data(events.DIFFERENCE, LOCUS, DELTA),
    locus_event_data("locus.quite_new", LOCUS, DELTA),
    roap_event_data(LOCUS, CORRELATION, ROAP),
    {"eventType": events.DTMF, "locusUrl": LOCUS, "message": {"tones": "1"}},
    {"eventType": events.STATE_MESSAGE, "locusUrl": LOCUS, "stateElementsMessage": {}},
]


def test_an_event_with_a_whole_locus() -> None:
    event = parse_locus_event(SAMPLES[0])
    assert (event.kind, event.locus_url, event.raw_locus, event.is_delta, event.is_known) == (
        "locus.participant_joined", LOCUS, DTO, False, True,
    )  # fmt: skip


@pytest.mark.parametrize(("data", "is_known"), [(SAMPLES[1], True), (SAMPLES[2], False)])
def test_a_delta_is_one_by_what_it_carries(data: dict[str, Any], is_known: bool) -> None:
    event = parse_locus_event(data)
    assert (event.raw_locus, event.is_delta, event.is_known) == (DELTA, True, is_known)


def test_a_difference_without_a_base_is_whole() -> None:
    assert not parse_locus_event(locus_event_data(events.DIFFERENCE, LOCUS, DTO)).is_delta


def test_messages_carry_no_locus() -> None:
    event = parse_locus_event(SAMPLES[3])
    assert (event.roap, event.correlation_id, event.raw_locus, event.tones) == (ROAP, CORRELATION, None, "")
    assert "v=0" not in repr(event)
    assert parse_locus_event(SAMPLES[4]).tones == "1"
    assert parse_locus_event(SAMPLES[5]).raw_locus is None


@pytest.mark.parametrize(
    "data", [SAMPLES[3], {"eventType": events.DTMF, "locusUrl": LOCUS, "message": {"tones": "4711#"}}]
)
def test_what_came_over_mercury_shows_no_description_and_no_tones(data: dict[str, Any]) -> None:
    frame = parse_frame(encode_frame(Event(id="1", data=data)))
    assert isinstance(frame, Event)
    assert "v=0" not in repr(frame)
    assert "4711" not in repr(frame)
    event = parse_locus_event(frame.data)
    assert "4711" not in repr(event)
    assert event == parse_locus_event(data)
    assert parse_frame(encode_frame(frame)) == frame


def test_the_url_may_stand_in_the_locus_only() -> None:
    assert parse_locus_event({"eventType": events.SELF_CHANGED, "locus": DTO}).locus_url == LOCUS


@pytest.mark.parametrize(
    ("data", "where"),
    [
        ({}, "data.eventType"),
        ({"eventType": "calendar.meeting.create", "locusUrl": LOCUS}, "data.eventType"),
        ({"eventType": events.SUMMARY}, "data.locusUrl"),
        ({"eventType": events.SUMMARY, "locusUrl": "x"}, "data.locusUrl"),
        ({"eventType": events.SUMMARY, "locusUrl": LOCUS, "locus": "x"}, "data.locus"),
        ({"eventType": events.ROAP, "locusUrl": LOCUS}, "data.message"),
        ({"eventType": events.DTMF, "locusUrl": LOCUS, "message": {}}, "data.message.tones"),
    ],
)
def test_what_breaks_a_rule_is_named(data: dict[str, Any], where: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse_locus_event(data)
    assert caught.value.where == where


@given(
    st.sampled_from(SAMPLES).flatmap(nearly)
    | st.dictionaries(st.sampled_from(["eventType", "locusUrl", "locus", "message"]), json_values)
)
def test_anything_is_an_event_or_refused(data: Any) -> None:
    if not isinstance(data, dict):
        return
    try:
        event = parse_locus_event(data)
    except RemoteProtocolError:
        return
    assert event.kind.startswith("locus.")
    assert event.raw_locus is None or event.raw_locus == data["locus"]
