from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.codec import encode
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.locus import requests as r
from endpoint.wire.locus.sequence import NONE, Sequence
from endpoint.wire.secret import Pin, Sdp
from tests.endpoint.wire.locus.samples import ANSWER, CALL, CORRELATION, DEVICE, DTO, LOCUS, J
from tests.endpoint.wire.nearly import json_values, nearly

SEQUENCE = DTO["sequence"]
WHO: dict[str, Any] = {
    "device": {"url": DEVICE, "deviceType": "WEB"},
    "correlationId": CORRELATION,
    "sequence": SEQUENCE,
}
SMALL: dict[str, Any] = {"deviceUrl": DEVICE, "sequence": SEQUENCE}
BODIES: list[tuple[type[Any], dict[str, Any]]] = [
    (r.CallRequest, CALL),
    (r.CallRequest, {**J, "invitee": {"address": "wbxmn:25000000000"}}),
    (r.JoinRequest, {name: value for name, value in CALL.items() if name != "invitee"}),
    (r.JoinRequest, J),
    (r.AlertRequest, SMALL),
    (r.AlertRequest, WHO),
    (r.DeclineRequest, SMALL),
    (r.DeclineRequest, {**WHO, "reason": "BUSY"}),
    (r.LeaveRequest, SMALL),
    (r.LeaveRequest, {**WHO, "usingResource": None}),
    (r.MediaRequest, {**SMALL, "localMedias": [{"localSdp": '{"type":"SDP","sdp":"v=0"}', "mediaId": "m"}]}),
    (
        r.MediaRequest,
        {
            **WHO,
            "localMedias": [{"localSdp": '{"audioMuted":true,"videoMuted":false}', "mediaId": "m"}],
            "respOnlySdp": True,
        },
    ),
    (r.HoldRequest, {**SMALL, "held": True}),
    (r.MergeRequest, {**SMALL, "locusUrls": [LOCUS]}),
    (r.FloorRequest, {"floor": {"disposition": "GRANTED", "beneficiary": {"url": "p", "devices": [{"url": DEVICE}]}}}),
    (
        r.FloorRequest,
        {
            "floor": {"disposition": "RELEASED", "beneficiary": {"id": "1"}, "requester": {"id": "1"}},
            "shareInstanceId": "s",
            "resourceToken": "t",
        },
    ),
    (r.DtmfRequest, {"deviceUrl": DEVICE, "dtmf": {"correlationId": CORRELATION, "tones": "12#"}}),
    (r.InviteRequest, {**SMALL, "invitees": [{"address": "ada@room.test"}]}),
    (r.ControlsRequest, {"lock": {"locked": True}}),
    (r.ControlsRequest, {"record": {"recording": True, "paused": True}}),
    (r.ControlsRequest, {"audio": {"muted": True}, "disallowUnmute": {"enabled": True}}),
    (r.ControlsRequest, {"layout": {"deviceUrl": DEVICE, "type": "Equal", "layoutParams": {"x": 1}}}),
    (r.ControlsRequest, {"admit": {"participantIds": "all"}}),
    (r.ControlsRequest, {"admit": {"participantIds": ["1", "2"]}}),
    (r.ParticipantControls, {"audio": {"muted": False}, "hand": {"raised": True}}),
    (r.ParticipantControls, {"role": {"roles": [{"type": "COHOST", "hasRole": True}]}, "lobby": {"admit": False}}),
]


@pytest.mark.parametrize(("kind", "body"), BODIES)
def test_both_forms_of_each_request_are_read_and_rebuilt(kind: type[Any], body: dict[str, Any]) -> None:
    request = r.parse_request(body, kind)
    sent = json.loads(encode(request))
    assert sent == request.to_wire()
    assert r.parse_request(sent, kind) == request
    assert {name: value for name, value in body.items() if name in sent} == sent


@pytest.mark.parametrize("body", [SMALL, WHO])
def test_who_asks_and_what_it_has_seen(body: dict[str, Any]) -> None:
    request = r.parse_request(body, r.AlertRequest)
    assert (request.own_url, request.sequence) == (DEVICE, Sequence((1795199210021001,)))
    assert (request.device_type, request.takes_deltas) == (("WEB", True) if body is WHO else ("", False))
    bare = r.parse_request({"deviceUrl": None, "sequence": None}, r.AlertRequest)
    assert (bare.own_url, bare.sequence, bare.correlation_id) == ("", NONE, "")


def test_null_reads_as_absent_at_any_depth() -> None:
    body = {
        **J,
        "device": {**J["device"], "countryCode": None},
        "alias": None,
        "clientMediaPreferences": {"ipver": None},
    }
    request = r.parse_request(body, r.JoinRequest)
    assert request.device is not None
    assert (request.device.url, request.device.country_code, request.alias) == (DEVICE, "", "")


def test_the_address_of_a_call_in_either_form() -> None:
    assert r.parse_request(CALL, r.CallRequest).target == "callee@example.com"
    assert r.parse_request({**J, "invitee": {"address": " ada@room.test "}}, r.CallRequest).target == "ada@room.test"
    assert r.parse_request(J, r.CallRequest).target == ""


def test_a_session_description_in_either_form() -> None:
    (small,) = r.parse_request(CALL, r.CallRequest).local_sdps()
    (large,) = r.parse_request(J, r.JoinRequest).local_sdps()
    assert small.description == large.description == Sdp("v=0")
    assert large.roap_message is not None
    assert (large.roap_message.seq, large.roap_message.message_type, large.roap_message.headers) == (
        1,
        r.OFFER,
        (r.IN_HTTP,),
    )
    assert r.plain_sdp("v=0") == small
    assert r.parse_sdp(large.text()) == large
    assert json.loads(large.text().reveal())["roapMessage"]["version"] == "2"
    assert r.SdpText(audio_muted=True).description is None


def test_the_reachability_report_in_either_place() -> None:
    beside = r.parse_request(J, r.JoinRequest)
    assert beside.reachability == {"cluster": {"udp": {"reachable": "true"}}}
    preferred = r.parse_request({**J, "clientMediaPreferences": {"reachability": {"a": {}}}}, r.JoinRequest)
    assert preferred.reachability == {"a": {}}
    assert r.parse_request(CALL, r.CallRequest).reachability is None


def test_no_pin_tone_or_session_description_can_be_printed() -> None:
    request = r.parse_request(J, r.JoinRequest)
    answer = r.parse_join_answer(ANSWER)
    tones = r.parse_request({"deviceUrl": DEVICE, "dtmf": {"tones": "4711#"}}, r.DtmfRequest)
    printed = f"{request!r} {request.local_sdps()!r} {answer.media_connections!r} {tones!r}"
    assert "1234" not in printed
    assert "v=0" not in printed
    assert "4711" not in printed
    assert request.pin == Pin("1234")


@pytest.mark.parametrize(
    ("kind", "body", "where"),
    [
        (r.AlertRequest, {"deviceUrl": "device"}, "body.deviceUrl"),
        (r.AlertRequest, {"deviceUrl": 5}, "body.deviceUrl"),
        (r.AlertRequest, {"device": {"url": "device"}}, "body.deviceUrl"),
        (r.AlertRequest, {"sequence": {"entries": [1]}}, "body.sequence.rangeStart"),
        (r.AlertRequest, [], "body"),
        (r.CallRequest, {"localMedias": [{"mediaId": "x"}]}, "body.localMedias[0]"),
        (r.HoldRequest, {}, "body"),
        (r.FloorRequest, {"floor": {}}, "body.floor"),
        (r.DtmfRequest, {"dtmf": {"tones": 1}}, "body.dtmf.tones"),
        (r.ControlsRequest, {"lock": {"locked": "yes"}}, "body.lock.locked"),
    ],
)
def test_what_breaks_a_rule_is_named(kind: type[Any], body: Any, where: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        r.parse_request(body, kind)
    assert caught.value.where == where


@pytest.mark.parametrize(
    "text", ["", "v=0", "[]", '{"roapMessage":{}}', '{"roapMessage":{"seq":1,"messageType":"SHOUT"}}', '{"sdp":1}']
)
def test_a_text_that_is_no_session_description(text: str) -> None:
    with pytest.raises(RemoteProtocolError, match="localSdp"):
        r.parse_sdp(text)


@pytest.mark.parametrize(
    "raw",
    [{}, None, {"seq": -1, "messageType": "OK"}, {"seq": 1, "messageType": "X"}, {"seq": "1", "messageType": "OK"}],
)
def test_a_message_that_is_no_roap(raw: object) -> None:
    with pytest.raises(RemoteProtocolError, match="roapMessage"):
        r.parse_roap(raw)


# ---- answers ----


def test_the_answer_of_the_worked_example() -> None:
    answer = r.parse_join_answer(ANSWER)
    assert answer.locus == DTO
    (connection,) = answer.media_connections
    assert connection.remote_sdp is not None
    assert r.parse_sdp(connection.remote_sdp).description == Sdp("v=0")
    assert answer.to_wire() == ANSWER
    assert r.parse_join_answer({"locus": DTO, "mediaConnections": None}).media_connections == ()


@pytest.mark.parametrize("raw", [{}, {"locus": None}, {"locus": []}, [], None, {"locus": {}, "mediaConnections": [{}]}])
def test_an_answer_without_a_locus_is_refused(raw: object) -> None:
    with pytest.raises(RemoteProtocolError, match="answer"):
        r.parse_join_answer(raw)


def test_the_list_of_loci() -> None:
    wire = r.loci_answer([DTO])
    assert wire == {"loci": [DTO], "locusUrls": [LOCUS], "remoteLocusClusterUrls": []}
    assert r.parse_loci_answer(wire) == r.LociAnswer(loci=(DTO,), locus_urls=(LOCUS,))
    assert r.parse_loci_answer({"loci": None}) == r.LociAnswer()


# ---- addresses ----


def test_the_addresses() -> None:
    me = f"{LOCUS}/participant/7c"
    built = [
        r.join_url(LOCUS),
        r.alert_url(LOCUS),
        r.decline_url(LOCUS),
        r.leave_url(me),
        r.media_url(me),
        r.dtmf_url(me),
    ]
    built += [
        r.hold_url(me),
        r.merge_url(LOCUS),
        r.controls_url(LOCUS),
        r.controls_url(me),
        r.end_url(LOCUS),
        r.add_url(LOCUS),
    ]
    assert [url.removeprefix(LOCUS) for url in built] == [
        "/participant", "/participant/alert", "/participant/decline", "/participant/7c/leave", "/participant/7c/media",
        "/participant/7c/sendDtmf", "/participant/7c/hold", "/merge", "/controls", "/participant/7c/controls", "/end", "/participants",
    ]  # fmt: skip


# ---- anything ----


@given(st.sampled_from(BODIES).flatmap(lambda row: st.tuples(st.just(row[0]), nearly(row[1]) | json_values)))
def test_anything_is_a_request_or_refused(row: tuple[type[Any], Any]) -> None:
    kind, raw = row
    try:
        request = r.parse_request(raw, kind)
    except RemoteProtocolError:
        return
    assert r.parse_request(request.to_wire(), kind) == request
    if isinstance(request, (r.JoinRequest, r.MediaRequest)):
        try:
            sdps = request.local_sdps()
        except RemoteProtocolError:
            return
        assert [r.parse_sdp(sdp.text()) for sdp in sdps] == list(sdps)


@given(nearly(ANSWER) | json_values)
def test_anything_is_an_answer_or_refused(raw: Any) -> None:
    try:
        read = r.parse_join_answer(raw)
        assert r.parse_join_answer(read.to_wire()) == read
    except RemoteProtocolError:
        pass
    try:
        listed = r.parse_loci_answer(raw)
        assert all(isinstance(one, dict) for one in listed.loci)
        assert all(isinstance(one, str) for one in (*listed.locus_urls, *listed.remote_locus_cluster_urls))
    except RemoteProtocolError:
        pass


@given(st.text() | json_values.map(json.dumps) | nearly(json.loads(J["localMedias"][0]["localSdp"])).map(json.dumps))
def test_any_text_is_a_session_description_or_refused(text: str) -> None:
    try:
        read = r.parse_sdp(text)
    except RemoteProtocolError:
        return
    assert r.parse_sdp(read.text()) == read
