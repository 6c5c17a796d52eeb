"""What a media node says, behaviour by behaviour."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_stub.media_node.responder import SOFTWARE, Behaviour, Conduct, respond
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.stun import (
    Binding,
    BindingError,
    UnrelatedAnswer,
    binding_request,
    parse_binding_response,
    transaction_id_of,
)

ID = bytes(range(12))
ASKED = binding_request(ID)
DEVICE, NODE = ("203.0.113.7", 50000), ("192.0.2.1", 5004)


def _only(conduct: Conduct, data: bytes = ASKED) -> tuple[float, bytes]:
    (reply,) = respond(data, DEVICE, conduct, NODE)
    return reply.delay_s, reply.data


def test_a_healthy_node_answers_after_its_round_trip() -> None:
    delay_s, data = _only(Conduct(rtt_s=0.025))
    assert delay_s == 0.025
    assert parse_binding_response(data, ID) == Binding(*DEVICE, SOFTWARE)


def test_a_slow_node_answers_later() -> None:
    delay_s, data = _only(Conduct(Behaviour.SLOW, rtt_s=0.025, slow_s=3.0))
    assert delay_s == 3.025
    assert parse_binding_response(data, ID) == Binding(*DEVICE, SOFTWARE)


@pytest.mark.parametrize("behaviour", [Behaviour.SILENT, Behaviour.REFUSE])
def test_a_silent_or_refusing_node_says_nothing(behaviour: Behaviour) -> None:
    assert respond(ASKED, DEVICE, Conduct(behaviour)) == []


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        (Behaviour.MALFORMED, RemoteProtocolError),
        (Behaviour.NO_MAPPED_ADDRESS, RemoteProtocolError),
        (Behaviour.WRONG_TRANSACTION, UnrelatedAnswer),
    ],
)
def test_a_broken_node_sends_what_no_client_may_accept(behaviour: Behaviour, error: type[Exception]) -> None:
    with pytest.raises(error):
        parse_binding_response(_only(Conduct(behaviour))[1], ID)


def test_a_wrong_transaction_is_otherwise_well_formed() -> None:
    data = _only(Conduct(Behaviour.WRONG_TRANSACTION))[1]
    assert parse_binding_response(data, transaction_id_of(data) or b"") == Binding(*DEVICE, SOFTWARE)


def test_an_error_has_the_code_that_is_asked_for() -> None:
    data = _only(Conduct(Behaviour.ERROR, code=400))[1]
    assert parse_binding_response(data, ID) == BindingError(400, "Bad Request")


def test_a_node_can_send_its_clients_elsewhere() -> None:
    data = _only(Conduct(Behaviour.ERROR, code=300, alternate=("192.0.2.2", 5004)))[1]
    assert parse_binding_response(data, ID) == BindingError(300, "Try Alternate", ("192.0.2.2", 5004))


def test_an_attribute_that_must_be_understood_is_refused_with_420() -> None:
    changes_port = ASKED[:2] + b"\0\x08" + ASKED[4:20] + b"\0\3\0\4\0\0\0\2"
    assert parse_binding_response(_only(Conduct(), changes_port)[1], ID) == BindingError(420, "Unknown Attribute")


@pytest.mark.parametrize("behaviour", Behaviour)
@given(data=st.binary(max_size=60))
def test_what_is_no_request_is_dropped(behaviour: Behaviour, data: bytes) -> None:
    assert respond(data, DEVICE, Conduct(behaviour)) == []
