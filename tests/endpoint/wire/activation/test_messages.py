"""Messages on the wire: member names, order and sizes; plaintexts in both directions."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from endpoint.wire import codec
from endpoint.wire.activation import (
    ChallengeReply,
    ChallengeRequest,
    ConfigData,
    ConfigReply,
    InvokeRequest,
    OauthData,
    RefusalBody,
    RegisterData,
    RegisterRequest,
    ServiceData,
    ServiceReply,
    open_message,
)
from endpoint.wire.envelope import CONFIG_DATA, OAUTH_DATA, SERVICE_DATA, BadEnvelope, BadMac, Sealed, SessionKeys
from endpoint.wire.identity import Token
from endpoint.wire.secret import AccessToken, RefreshToken

DEVICE = "00000000-abcd-0000-abcd-000000000000"
ORG, USER = "11111111-2222-4333-8444-555555555555", "66666666-7777-4888-9999-000000000000"
SEALED = Sealed(b"\x01" * 256, b"\x02" * 32)
URL = "https://idbroker.webex.test/idb/token/v1/actions/srp/"

OAUTH = OauthData(
    client_id="roomsim-device",
    scope="spark:all spark:kms",
    device_identifier=DEVICE,
    model="Desk Pro",
    serial="TEST00000001",
    software_version="ce10.12.1.6.cd735cb1ea2",
)
TOKEN = Token(
    access_token=AccessToken("TEST_P0A1_00000000-0000-4000-8000-000000000001"),
    token_type="Bearer",
    expires_in=64799,
    refresh_token=RefreshToken("TEST-R"),
    refresh_token_expires_in=5183999,
    scope="spark:all spark:kms",
)
SERVICES = {"u2c": "https://u2c-a.wbx2.test/u2c/api/v1"}


# ---- what is sent --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "members"),
    [
        (ChallengeRequest(activation_id="43534500"), ["activationId"]),
        (ChallengeReply.of(b"B", b"s", URL), ["srpB", "url", "version", "srpGroup", "srpS"]),
        (InvokeRequest.of(b"A", b"B", SEALED), ["srpA", "oauthDataHMAC", "srpB", "oauthData"]),
        (ServiceReply.of(SEALED, URL), ["serviceData", "serviceDataHMAC", "url"]),
        (RegisterRequest.of(b"B", SEALED), ["srpB", "registerData", "registerDataHMAC"]),
        (ConfigReply.of(SEALED), ["configData", "configDataHMAC"]),
    ],
)
def test_a_message_has_its_members_in_the_order_of_the_slides(message: object, members: list[str]) -> None:
    assert list(msgspec.json.decode(codec.encode(message))) == members


def test_messages_carry_their_values_in_their_members() -> None:
    assert codec.encode(ChallengeReply.of(b"B", b"s", "https://x.test/")) == (
        b'{"srpB":"Qg==","url":"https://x.test/","version":"v1.0","srpGroup":"3072","srpS":"cw=="}'
    )
    small = Sealed(b"blob", b"mac")
    assert codec.encode(InvokeRequest.of(b"A", b"B", small)) == (
        b'{"srpA":"QQ==","oauthDataHMAC":"bWFj","srpB":"Qg==","oauthData":"YmxvYg=="}'
    )
    assert codec.encode(ServiceReply.of(small, "https://x.test/")) == (
        b'{"serviceData":"YmxvYg==","serviceDataHMAC":"bWFj","url":"https://x.test/"}'
    )
    assert codec.encode(RegisterRequest.of(b"B", small)) == (
        b'{"srpB":"Qg==","registerData":"YmxvYg==","registerDataHMAC":"bWFj"}'
    )
    assert codec.encode(ConfigReply.of(small)) == b'{"configData":"YmxvYg==","configDataHMAC":"bWFj"}'


def test_messages_of_full_size_have_the_published_lengths() -> None:
    """The invoke body does not fit one packet of 1300 bytes, which is what makes a broken path MTU visible."""
    assert len(codec.encode(ChallengeReply.of(bytes(384), bytes(256), URL + "invoke"))) == 980
    assert len(codec.encode(InvokeRequest.of(bytes(384), bytes(384), SEALED))) == 1467


def test_plaintexts_are_written_as_in_the_vectors() -> None:
    assert codec.encode(OAUTH) == (
        b'{"client_id":"roomsim-device","scope":"spark:all spark:kms",'
        b'"deviceIdentifier":"00000000-abcd-0000-abcd-000000000000","model":"Desk Pro","serial":"TEST00000001",'
        b'"softwareVersion":"ce10.12.1.6.cd735cb1ea2"}'
    )
    service = ServiceData(token=TOKEN, services=SERVICES, certificates=(), org_id=ORG, user_id=USER)
    assert codec.encode(service) == (
        b'{"token":{"access_token":"TEST_P0A1_00000000-0000-4000-8000-000000000001","token_type":"Bearer","expires_in":64799,'
        b'"refresh_token":"TEST-R","refresh_token_expires_in":5183999,"scope":"spark:all spark:kms"},'
        b'"services":{"u2c":"https://u2c-a.wbx2.test/u2c/api/v1"},"certificates":[],'
        b'"orgId":"11111111-2222-4333-8444-555555555555","userId":"66666666-7777-4888-9999-000000000000"}'
    )
    register = RegisterData(device_identifier=DEVICE, model="Desk Pro", serial="TEST00000001")
    assert codec.encode(register) == (
        b'{"deviceIdentifier":"00000000-abcd-0000-abcd-000000000000","model":"Desk Pro","serial":"TEST00000001"}'
    )
    assert codec.encode(ConfigData(trust_list=[])) == b'{"trustList":[]}'
    assert codec.encode(ConfigData()) == b"{}"


def test_a_refusal_has_the_text_of_the_table_and_attempts_only_where_given() -> None:
    assert codec.encode(RefusalBody.of("srp.proof_failed", "T_1", attempts_left=0)) == (
        b'{"error":"srp.proof_failed","error_description":"the proof is wrong","trackingId":"T_1","attemptsLeft":0}'
    )
    assert codec.encode(RefusalBody.of("org.suspended", "T_1")) == (
        b'{"error":"org.suspended","error_description":"the organization is suspended","trackingId":"T_1"}'
    )


# ---- what is read --------------------------------------------------------------------------------------------------


def test_unknown_members_are_ignored_and_order_is_free() -> None:
    text = b'{"new":1,"serial":"S","model":"M","deviceIdentifier":"00000000-abcd-0000-abcd-000000000000"}'
    assert codec.decode(text, RegisterData) == RegisterData(device_identifier=DEVICE, model="M", serial="S")


@pytest.mark.parametrize(
    ("text", "has", "items"),
    [
        (b"{}", False, None),
        (b'{"trustList":[]}', True, []),
        (b'{"trustList":["a",5]}', True, ["a", 5]),
        (b'{"trustList":null}', True, None),
        (b'{"trustList":"PEM"}', True, None),
        (b'{"trustList":{}}', True, None),
    ],
)
def test_a_missing_an_empty_and_a_wrong_trust_list_are_told_apart(text: bytes, has: bool, items: Any) -> None:
    data = codec.decode(text, ConfigData)
    assert (data.has_trust_list, data.trust_items) == (has, items)


def test_registering_as_another_device_shows() -> None:
    mine = RegisterData(device_identifier=DEVICE, model="Desk Pro", serial="TEST00000001", name="Aurora")
    assert mine.is_same_device(OAUTH)
    for change in ({"device_identifier": ORG}, {"model": "Board Pro"}, {"serial": "TEST00000002"}):
        assert not msgspec.structs.replace(mine, **change).is_same_device(OAUTH)


def test_a_sealed_message_is_opened(keys: SessionKeys) -> None:
    sealed = keys.seal(OAUTH_DATA, codec.encode(OAUTH), bytes(16))
    assert open_message(keys, OAUTH_DATA, sealed, OauthData) == OAUTH


@pytest.mark.parametrize(
    ("plaintext", "where"),
    [
        (b"", "configData"),
        (b"not json", "configData"),
        (b"\xff", "configData"),
        (b"[]", "configData"),
        (b"[" * 5000, "configData"),
        (b'{"workspaceId":5}', "configData.workspaceId"),
    ],
)
def test_a_wrong_message_after_a_good_mac_is_a_bad_envelope(keys: SessionKeys, plaintext: bytes, where: str) -> None:
    with pytest.raises(BadEnvelope) as caught:
        open_message(keys, CONFIG_DATA, keys.seal(CONFIG_DATA, plaintext, bytes(16)), ConfigData)
    assert caught.value.where == where


def test_a_bad_mac_stays_a_bad_mac(keys: SessionKeys) -> None:
    with pytest.raises(BadMac):
        open_message(keys, SERVICE_DATA, Sealed(bytes(32), bytes(32)), ServiceData)


@pytest.mark.parametrize(
    "value", ["", "00000000abcd0000abcd000000000000", DEVICE + "\n", DEVICE[:-1], "g" + DEVICE[1:], "{" + DEVICE + "}"]
)
def test_a_device_identifier_is_a_uuid(keys: SessionKeys, value: str) -> None:
    plaintext = codec.encode(msgspec.structs.replace(OAUTH, device_identifier=value))
    with pytest.raises(BadEnvelope) as caught:
        open_message(keys, OAUTH_DATA, keys.seal(OAUTH_DATA, plaintext, bytes(16)), OauthData)
    assert caught.value.where == "oauthData.deviceIdentifier"
