"""The device's requests as the cloud reads them, and whole exchanges between both sides without a network."""

from __future__ import annotations

import contextlib
import hashlib
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire import codec, srp
from endpoint.wire.activation import (
    ERRORS,
    Challenge,
    ChallengeReply,
    ChallengeRequest,
    ConfigData,
    InvokeRequest,
    OauthData,
    RegisterData,
    RegisterRequest,
    RequestRefused,
    UrlRule,
    challenge_key,
    open_config_data,
    parse_code,
    read_challenge_reply,
    read_challenge_request,
    read_invoke_request,
    read_register_request,
)
from endpoint.wire.envelope import (
    CONFIG_DATA,
    OAUTH_DATA,
    REGISTER_DATA,
    BadMac,
    Sealed,
    SessionKeys,
    transcript_hash,
)

KEYS = SessionKeys.derive(b"K" * 32, b"t" * 32)
A, B = srp.GROUP.pad(6), srp.GROUP.pad(7)
DEVICE = "00000000-abcd-0000-abcd-000000000000"
OAUTH = OauthData(
    client_id="roomsim-device",
    scope="spark:all",
    device_identifier=DEVICE,
    model="Desk Pro",
    serial="TEST00000001",
    software_version="ce10.12.1.6",
)
REGISTER = RegisterData(device_identifier=DEVICE, model="Desk Pro", serial="TEST00000001")
OAUTH_SEALED = KEYS.seal(OAUTH_DATA, codec.encode(OAUTH), bytes(16))
REGISTER_SEALED = KEYS.seal(REGISTER_DATA, codec.encode(REGISTER), bytes(16))


def _text(data: bytes) -> str:
    return b64encode(data).decode()


def _invoke(**changes: Any) -> bytes:
    return _body(InvokeRequest.of(A, B, OAUTH_SEALED), changes)


def _register(**changes: Any) -> bytes:
    return _body(RegisterRequest.of(B, REGISTER_SEALED), changes)


def _body(message: object, changes: dict[str, Any]) -> bytes:
    members = codec.decode(codec.encode(message), dict[str, Any]) | changes
    return codec.encode({name: value for name, value in members.items() if value is not ...})


# ---- bodies --------------------------------------------------------------------------------------------------------

READERS = (read_challenge_request, read_invoke_request, read_register_request)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("data", [b"", b"null", b"[]", b"5", b'"x"', b"{", b'{"a":1}x', b"\xff", b"[" * 50_000])
def test_a_body_that_is_no_json_object_is_refused(read: Any, data: bytes) -> None:
    with pytest.raises(RequestRefused) as caught:
        read(data)
    assert caught.value.code == "http.media_type"


@pytest.mark.parametrize("read", READERS)
def test_a_body_over_64_kib_is_refused_unread(read: Any) -> None:
    limit = 64 * 1024
    with pytest.raises(RequestRefused) as caught:
        read(b"{" * (limit + 1))
    assert caught.value.code == "http.too_large"
    with pytest.raises(RequestRefused) as caught:
        read(b"{" * limit)
    assert caught.value.code == "http.media_type"


def test_an_activation_id_is_read() -> None:
    assert read_challenge_request(codec.encode(ChallengeRequest(activation_id="00534500"))) == "00534500"


@pytest.mark.parametrize(
    "value", [..., None, 43534500, "", "4353450", "435345001", "4353 450", "4353450\u0660", ["43534500"]]
)
def test_anything_but_eight_ascii_digits_is_a_malformed_code(value: object) -> None:
    with pytest.raises(RequestRefused) as caught:
        read_challenge_request(codec.encode({} if value is ... else {"activationId": value}))
    assert caught.value.code == "code.malformed"


# ---- invoke --------------------------------------------------------------------------------------------------------


def test_a_good_invoke_is_read() -> None:
    request = read_invoke_request(_invoke())
    assert request.session == challenge_key(B) == hashlib.sha256(B).digest()
    assert request.client_public() == A
    assert request.open(KEYS, OauthData) == OAUTH


BAD_ELEMENTS = (..., None, 5, "", "?", _text(A)[:-1], _text(A) + "\n", _text(A[:-1]), _text(b"\x00" + A))


@pytest.mark.parametrize("value", BAD_ELEMENTS)
def test_an_a_that_is_not_384_bytes_is_a_bad_parameter(value: object) -> None:
    request = read_invoke_request(_invoke(srpA=value))
    with pytest.raises(RequestRefused) as caught:
        request.client_public()
    assert (caught.value.code, caught.value.where) == ("srp.bad_parameter", "srpA")


@pytest.mark.parametrize("value", BAD_ELEMENTS)
def test_a_b_that_is_not_384_bytes_is_a_bad_parameter_and_names_no_session(value: object) -> None:
    request = read_invoke_request(_invoke(srpB=value))
    assert request.session is None
    with pytest.raises(RequestRefused) as caught:
        request.client_public()
    assert (caught.value.code, caught.value.where) == ("srp.bad_parameter", "srpB")


@pytest.mark.parametrize("value", [0, srp.N, srp.N + 1, 2**3072 - 1])
def test_an_a_out_of_range_is_a_bad_parameter(value: int) -> None:
    request = read_invoke_request(_invoke(srpA=_text(value.to_bytes(384, "big"))))
    with pytest.raises(RequestRefused) as caught:
        request.client_public()
    assert caught.value.code == "srp.bad_parameter"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"oauthData": ...}, "srp.bad_envelope"),
        ({"oauthData": 5}, "srp.bad_envelope"),
        ({"oauthData": "?"}, "srp.bad_envelope"),
        ({"oauthData": _text(OAUTH_SEALED.blob[:-1])}, "srp.bad_envelope"),
        ({"oauthData": _text(OAUTH_SEALED.blob[:240])}, "srp.bad_envelope"),
        ({"oauthData": _text(bytes(4112))}, "srp.bad_envelope"),
        ({"oauthDataHMAC": ...}, "srp.bad_envelope"),
        ({"oauthDataHMAC": _text(OAUTH_SEALED.mac[:-1])}, "srp.bad_envelope"),
        ({"oauthDataHMAC": _text(bytes(32))}, "srp.proof_failed"),
        ({"oauthData": _text(OAUTH_SEALED.blob[:-1] + b"\x00")}, "srp.proof_failed"),
        ({"oauthData": _text(bytes(4096))}, "srp.proof_failed"),
    ],
)
def test_only_a_wrong_mac_is_a_failed_proof(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(RequestRefused) as caught:
        read_invoke_request(_invoke(**changes)).open(KEYS, OauthData)
    assert caught.value.code == code
    assert ERRORS[code].counts_as_failure is (code == "srp.proof_failed")


@pytest.mark.parametrize("plaintext", [b"x" * 239, b"[]", b"{}", b'{"deviceIdentifier":5}'])
def test_a_wrong_message_under_a_good_mac_is_a_bad_envelope(plaintext: bytes) -> None:
    sealed = KEYS.seal(OAUTH_DATA, plaintext, bytes(16))
    with pytest.raises(RequestRefused) as caught:
        read_invoke_request(_invoke(oauthData=_text(sealed.blob), oauthDataHMAC=_text(sealed.mac))).open(
            KEYS, OauthData
        )
    assert caught.value.code == "srp.bad_envelope"


def test_every_cause_of_one_code_reads_the_same_on_the_wire() -> None:
    with pytest.raises(RequestRefused) as caught:
        read_invoke_request(_invoke(oauthData="?")).open(KEYS, OauthData)
    assert caught.value.rule == ERRORS["srp.bad_envelope"].when


# ---- register ------------------------------------------------------------------------------------------------------


def test_a_good_register_is_read() -> None:
    request = read_register_request(_register())
    assert request.session == challenge_key(B)
    assert request.open(KEYS, RegisterData) == REGISTER


@pytest.mark.parametrize("value", BAD_ELEMENTS)
def test_a_register_with_an_unusable_b_names_no_session(value: object) -> None:
    assert read_register_request(_register(srpB=value)).session is None


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"registerDataHMAC": _text(bytes(32))}, "register.proof_failed"),
        ({"registerDataHMAC": ...}, "srp.bad_envelope"),
        ({"registerData": _text(bytes(16))}, "srp.bad_envelope"),
        (
            {"registerData": _text(OAUTH_SEALED.blob), "registerDataHMAC": _text(OAUTH_SEALED.mac)},
            "register.proof_failed",
        ),
    ],
)
def test_a_bad_register_has_its_own_code(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(RequestRefused) as caught:
        read_register_request(_register(**changes)).open(KEYS, RegisterData)
    assert caught.value.code == code


# ---- any bytes -----------------------------------------------------------------------------------------------------

_VALUES = st.none() | st.integers() | st.text() | st.sampled_from([_text(A), _text(OAUTH_SEALED.blob), "43534500"])
_NAMES = ("activationId", "srpA", "srpB", "oauthData", "oauthDataHMAC", "registerData", "registerDataHMAC")
_BODIES = st.binary() | st.dictionaries(st.sampled_from(_NAMES), _VALUES).map(codec.encode)


@given(_BODIES | st.dictionaries(st.sampled_from(_NAMES), _VALUES, max_size=2).map(lambda some: _invoke(**some)))
def test_any_request_is_read_or_refused_with_a_code_of_the_table(data: bytes) -> None:
    with contextlib.suppress(RequestRefused):
        assert len(read_challenge_request(data)) == 8
    with contextlib.suppress(RequestRefused):
        assert read_invoke_request(data).client_public() == A
    with contextlib.suppress(RequestRefused):
        assert read_invoke_request(data).open(KEYS, OauthData) == OAUTH
    with contextlib.suppress(RequestRefused):
        read_register_request(data).open(KEYS, RegisterData)


# ---- both sides ----------------------------------------------------------------------------------------------------


class Cloud:
    """What the cloud keeps of a code and one challenge."""

    def __init__(self, code: str, first_salt_byte: bytes = b"\x01") -> None:
        parsed = parse_code(code)
        self.identity = parsed.activation_id.encode()
        self.salt = first_salt_byte + bytes(range(255))
        self.verifier = srp.verifier(self.identity, parsed.secret.reveal().encode(), self.salt)
        self.b = b"\x02" * 32
        self.server_public = srp.server_public(self.verifier, self.b)

    def challenge(self) -> bytes:
        url = "https://idbroker.webex.test/idb/token/v1/actions/srp/invoke"
        return codec.encode(ChallengeReply.of(self.server_public, self.salt, url))

    def keys(self, client_public: bytes) -> SessionKeys:
        key = srp.server_key(self.verifier, self.b, client_public)
        return SessionKeys.derive(key, transcript_hash(self.identity, self.salt, client_public, self.server_public))


class Device:
    """What the device keeps while it activates."""

    def __init__(self, code: str) -> None:
        parsed = parse_code(code)
        self.identity, self.password = parsed.activation_id.encode(), parsed.secret.reveal().encode()
        self.a = b"\x01" * 32
        self.client_public = srp.client_public(self.a)

    def keys(self, challenge: Challenge) -> SessionKeys:
        key = srp.client_key(
            self.identity,
            self.password,
            challenge.salt,
            a=self.a,
            client_public=self.client_public,
            server_public=challenge.server_public,
        )
        seen = transcript_hash(self.identity, challenge.salt, self.client_public, challenge.server_public)
        return SessionKeys.derive(key, seen)


URLS = UrlRule(is_secure=True, domains=("webex.test",))


def _proof(device: Device, reply: bytes) -> bytes:
    challenge = read_challenge_reply(reply, URLS)
    sealed = device.keys(challenge).seal(OAUTH_DATA, codec.encode(OAUTH), bytes(16))
    return codec.encode(InvokeRequest.of(device.client_public, challenge.server_public, sealed))


@pytest.mark.parametrize("first_salt_byte", [b"\x01", b"\x00"])
def test_both_sides_with_one_code_understand_each_other(first_salt_byte: bytes) -> None:
    cloud, device = Cloud("4353450012345678", first_salt_byte), Device("4353 4500 1234 5678")
    request = read_invoke_request(_proof(device, cloud.challenge()))
    keys = cloud.keys(request.client_public())
    assert request.open(keys, OauthData) == OAUTH
    sealed = keys.seal(CONFIG_DATA, codec.encode(ConfigData(trust_list=[])), bytes(16))
    theirs = device.keys(read_challenge_reply(cloud.challenge(), URLS))
    assert open_config_data(theirs, sealed).trust_items == []


@pytest.mark.parametrize("code", ["4353450012345679", "4353450112345678"])
def test_one_wrong_digit_in_either_half_is_a_failed_proof(code: str) -> None:
    cloud = Cloud("4353450012345678")
    request = read_invoke_request(_proof(Device(code), cloud.challenge()))
    with pytest.raises(RequestRefused) as caught:
        request.open(cloud.keys(request.client_public()), OauthData)
    assert caught.value.code == "srp.proof_failed"


def test_the_b_of_one_code_with_the_proof_of_another_is_a_failed_proof() -> None:
    one, two = Cloud("4353450012345678"), Cloud("4353450187654321")
    body = _proof(Device("4353450187654321"), two.challenge())
    swapped = codec.decode(body, dict[str, Any]) | {"srpB": _text(one.server_public)}
    request = read_invoke_request(codec.encode(swapped))
    assert request.session == challenge_key(one.server_public)
    with pytest.raises(RequestRefused) as caught:
        request.open(one.keys(request.client_public()), OauthData)
    assert caught.value.code == "srp.proof_failed"


@pytest.mark.parametrize("part", ["srpB", "srpS"])
def test_a_challenge_changed_on_its_way_is_a_failed_proof(part: str) -> None:
    cloud, device = Cloud("4353450012345678"), Device("4353450012345678")
    members = codec.decode(cloud.challenge(), dict[str, Any])
    value = bytearray(cloud.server_public if part == "srpB" else cloud.salt)
    value[-1] ^= 1
    request = read_invoke_request(_proof(device, codec.encode(members | {part: _text(bytes(value))})))
    with pytest.raises(RequestRefused) as caught:
        request.open(cloud.keys(request.client_public()), OauthData)
    assert caught.value.code == "srp.proof_failed"


def test_a_man_in_the_middle_can_check_one_guess_of_the_password_an_exchange() -> None:
    """With a B of its own it gets a proof that fits the verifier behind that B, which is one guess, and no other."""
    device = Device("4353450012345678")
    for guess, is_right in (("4353450012345678", True), ("4353450000000000", False)):
        middle = Cloud(guess)
        request = read_invoke_request(_proof(device, middle.challenge()))
        for retry in ("4353450012345678", "4353450011111111"):
            other = Cloud(retry)
            other.b, other.server_public = middle.b, middle.server_public
            fits = _opens(other.keys(request.client_public()), request)
            assert fits is (is_right and retry == guess)


def _opens(keys: SessionKeys, request: Any) -> bool:
    try:
        request.open(keys, OauthData)
    except RequestRefused:
        return False
    return True


def test_the_clouds_proof_must_come_from_the_same_code() -> None:
    cloud, device = Cloud("4353450000000000"), Device("4353450012345678")
    sealed = cloud.keys(device.client_public).seal(CONFIG_DATA, b"{}", bytes(16))
    with pytest.raises(BadMac):
        open_config_data(device.keys(read_challenge_reply(cloud.challenge(), URLS)), sealed)


def test_no_refusal_shows_the_secrets_of_the_exchange() -> None:
    cloud, device = Cloud("4353450012345678"), Device("4353450098765432")
    request = read_invoke_request(_proof(device, cloud.challenge()))
    keys = cloud.keys(request.client_public())
    with pytest.raises(RequestRefused) as caught:
        request.open(keys, OauthData)
    text = f"{caught.value} {caught.value!r} {caught.value.__dict__} {keys!r}"
    secrets = [keys.d2c_enc, keys.d2c_mac, keys.c2d_enc, keys.c2d_mac, cloud.b, device.a, device.password]
    assert not any(secret.hex() in text or str(secret)[2:-1] in text for secret in secrets)


def test_an_empty_envelope_is_refused_without_keys_being_tried() -> None:
    with pytest.raises(RequestRefused) as caught:
        read_invoke_request(_body(InvokeRequest.of(A, B, Sealed(b"", b"")), {})).open(KEYS, OauthData)
    assert caught.value.code == "srp.bad_envelope"
