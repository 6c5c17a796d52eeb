"""The key service's messages: the published vectors, a library for JOSE as oracle, and bytes of every kind."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwe, jws
from joserfc.jwk import OctKey, RSAKey

from endpoint.wire import codec, jose, kms, kms_cluster
from endpoint.wire.errors import LocalProtocolError, RemoteProtocolError
from endpoint.wire.jose import SharedKey, b64url, unb64url
from endpoint.wire.secret import AccessToken
from tests.endpoint.wire.nearly import json_values, nearly

HOST = "kms.stub.test"
KID = f"kms://{HOST}/keys/5d7d0000-0000-4000-8000-000000000000"
CHANNEL = f"kms://{HOST}/ecdhe/39d60000-0000-4000-8000-000000000000"
URL = f"kms://{HOST}/keys/35990000-0000-4000-8000-000000000000"
TEXT_KEY = bytes(range(32))
VECTOR = "eyJlbmMiOiJBMjU2R0NNIiwiYWxnIjoiZGlyIn0..xhd0NbjiSFxmYb72.4M7eDeuSCCTAG4g.bVWofLdbSINswVcZdbYVCw"
CLIENT = {"clientId": "https://wdm-a.wbx2.test/wdm/api/v1/devices/5d2a", "credential": {"userId": "u", "bearer": "tok"}}
SECRET = b64url(bytes(32))


@lru_cache(maxsize=2)
def _rsa(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def _details(host: str = HOST, key: rsa.RSAPrivateKey | None = None, **jwk: Any) -> bytes:
    key = key or _rsa()
    dates = {"not_before": datetime(2000, 1, 1, tzinfo=UTC), "not_after": datetime(2099, 1, 1, tzinfo=UTC)}
    certificate = kms_cluster.self_made_certificate(key, host, serial=1, **dates)
    details = kms_cluster.cluster_details(f"kms://{HOST}", KID, key.public_key(), certificate)
    if jwk:
        details["rsaPublicKey"] = json.dumps({**json.loads(details["rsaPublicKey"]), **jwk})
    return codec.encode(details)


# ---- the vectors of protocol/cloud-services.md 18.8 ---------------------------------------------------------------------


def test_the_published_agreement_comes_out_on_both_sides() -> None:
    client, server = (kms.Ephemeral(int.from_bytes(bytes([byte]) * 32, "big")) for byte in (1, 2))
    assert client.jwk.x == "b_A7lJJBzh2t1DUZ5pYOCoW0GmmgXDKBA6orzhWUyhY"
    assert client.jwk.y == "PE91OlW_AdxT9sCwx-7ni0DG_30lqW4igrmJzvccFEo"
    assert server.jwk.x == "VQ9HEAPz35fD31Bqx5f2ch-xoft7j2-D0iRJimXIjiQ"
    assert server.jwk.y == "E2CT1wEuUJpzcVy9CwCjzA_0tcAbP_oZarH7MnA2uOY"
    key = unb64url("jOCVaI2WJwATBSXfwo29b-4EQc3cBh_mLiPHP8oVBT0", "key")
    assert client.agree(server.jwk) == server.agree(client.jwk) == key
    assert kms.derive(unb64url("60WaazDXDrTA3c006pbtWej40YQ8It2JWrYDqhPZqB0", "x")) == key


def test_the_published_text_is_read_and_written() -> None:
    key = SharedKey(TEXT_KEY)
    assert key.open_text(VECTOR) == "Weekly sync"
    assert key.seal_text("Weekly sync", unb64url(VECTOR.split(".")[2], "iv")) == VECTOR


# ---- against a library -------------------------------------------------------------------------------------------------


@given(text=st.text(max_size=300), iv=st.binary(min_size=12, max_size=12), kid=st.sampled_from(["", CHANNEL]))
def test_a_library_opens_what_is_sealed_and_the_other_way_round(text: str, iv: bytes, kid: str) -> None:
    theirs, ours = OctKey.import_key(TEXT_KEY), SharedKey(TEXT_KEY, kid)
    sealed = ours.seal_text(text, iv)
    opened = jwe.decrypt_compact(sealed, theirs, algorithms=["dir", "A256GCM"])
    assert (opened.plaintext or b"").decode() == text
    assert opened.protected == {"enc": "A256GCM", "alg": "dir", **({"kid": kid} if kid else {})}
    header = {"alg": "dir", "enc": "A256GCM", "kid": "kms://elsewhere.test/keys/1"}
    assert ours.open_text(jwe.encrypt_compact(header, text.encode() or b" ", theirs)) == (text or " ")


@given(plain=st.binary(min_size=1, max_size=300), entropy=st.binary(min_size=64, max_size=64))
def test_a_library_opens_what_is_sealed_for_an_rsa_key_and_the_other_way_round(plain: bytes, entropy: bytes) -> None:
    key, theirs = _rsa(), _theirs()
    allowed = ["RSA-OAEP", "A256GCM"]
    sealed = jose.seal_to(key.public_key(), KID, plain, entropy)
    assert sealed == jose.seal_to(key.public_key(), KID, plain, entropy)
    assert jwe.decrypt_compact(sealed, theirs, algorithms=allowed).plaintext == plain == jose.open_from(key, sealed)
    header = {"alg": "RSA-OAEP", "enc": "A256GCM", "kid": KID}
    assert jose.open_from(key, jwe.encrypt_compact(header, plain, theirs, algorithms=allowed)) == plain


@given(plain=st.binary(min_size=1, max_size=300))
def test_a_library_verifies_what_is_signed_and_the_other_way_round(plain: bytes) -> None:
    key, theirs = _rsa(), _theirs()
    signed = jose.sign(key, KID, plain)
    assert kms.is_signed(signed)
    assert jws.deserialize_compact(signed, theirs).payload == plain == jose.verified(key.public_key(), signed)
    assert jose.verified(key.public_key(), jws.serialize_compact({"alg": "RS256"}, plain, theirs)) == plain


@lru_cache(maxsize=1)
def _theirs() -> RSAKey:
    from cryptography.hazmat.primitives import serialization

    form = serialization.PrivateFormat.PKCS8
    pem = _rsa().private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    return RSAKey.import_key(pem)  # checks the key, which takes long


# ---- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "members", [{"crit": ["exp"], "exp": 1}, {"zip": "DEF"}, {"alg": "A256KW"}, {"enc": "A128GCM"}, {"enc": None}]
)
def test_a_header_that_asks_for_something_else_is_refused_though_the_text_is_sealed_with_it(
    members: dict[str, Any],
) -> None:
    header, iv = _header(**members), bytes(12)
    sealed = AESGCM(TEXT_KEY).encrypt(iv, b"text", header.encode())
    with pytest.raises(RemoteProtocolError, match="neither zip nor crit"):
        SharedKey(TEXT_KEY).open_text(f"{header}..{b64url(iv)}.{b64url(sealed[:-16])}.{b64url(sealed[-16:])}")


def test_a_signature_is_not_taken_whose_header_says_that_more_must_be_understood() -> None:
    text = f"{_header(alg='RS256', crit=['exp'], exp=1)}.{b64url(b'{}')}"
    signature = _rsa().sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    with pytest.raises(RemoteProtocolError, match="no crit"):
        jose.verified(_rsa().public_key(), f"{text}.{b64url(signature)}")


def test_another_key_a_changed_part_and_another_form_are_refused_without_a_word_of_the_text() -> None:
    key, signer = SharedKey(TEXT_KEY), _rsa()
    other = _header(alg="A256KW"), _header(enc="A128GCM"), _header(alg="dir", enc="A256GCM", zip="DEF")
    bad = [
        VECTOR[:-1] + "Q",
        VECTOR.replace("..", ".AA."),
        VECTOR + ".",
        "a.b",
        "",
        "é....",
        *(f"{h}....." for h in other),
    ]
    bad += [VECTOR.replace(VECTOR.partition(".")[0], header) for header in other]
    for text in bad:
        with pytest.raises(RemoteProtocolError) as caught:
            key.open_text(text)
        assert "Weekly" not in str(caught.value)
    with pytest.raises(RemoteProtocolError, match="sealed with this key"):
        SharedKey(bytes(32)).open_text(VECTOR)
    with pytest.raises(RemoteProtocolError, match="UTF-8"):
        key.open_text(key.seal(b"\xff", bytes(12)))
    with pytest.raises(RemoteProtocolError, match="signed by the key service"):
        jose.verified(_rsa().public_key(), jose.sign(signer, KID, b"{}")[:-8] + "AAAAAAAA")
    with pytest.raises(RemoteProtocolError, match="alg RS256"):
        jose.verified(_rsa().public_key(), f"{b64url(b'{}')}.e30.AA")
    for wrong in (
        lambda: SharedKey(b"short"),
        lambda: key.seal(b"", b"short"),
        lambda: jose.seal_to(signer.public_key(), KID, b"", b""),
    ):
        with pytest.raises(LocalProtocolError):
            wrong()
    assert TEXT_KEY.hex() not in repr(key)


def _header(**members: Any) -> str:
    return b64url(json.dumps({"alg": "dir", "enc": "A256GCM", **members}).encode())


# ---- the cluster and its certificate ------------------------------------------------------------------------------------


def test_a_cluster_with_a_certificate_of_its_own_is_believed_and_shared() -> None:
    cluster = kms_cluster.parse_cluster(_details())
    assert (cluster.uri, cluster.kid) == (f"kms://{HOST}", KID)
    assert cluster.key.public_numbers() == _rsa().public_key().public_numbers()
    body = _details()
    assert kms_cluster.parse_cluster(body) is kms_cluster.parse_cluster(body)


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (lambda: _details(host="kms.elsewhere.test"), "host name of the first certificate"),
        (lambda: _details(kty="EC"), "kty is RSA"),
        (lambda: _details(kid=f"https://{HOST}/keys/1"), "kid is a kms: URI"),
        (lambda: _details(x5c=[]), "x5c has 1 to 10"),
        (lambda: _details(x5c=["%%%"]), "DER certificates"),
        (lambda: _details(x5c=[base64.b64encode(b"no").decode()]), "DER certificates"),
        (lambda: _details(n="AQAB"), "n and e"),
        (lambda: _details(key=_rsa(1024)), "2048 to 4096 bits"),
    ],
)
def test_a_certificate_that_does_not_vouch_for_the_key_is_refused(body: Callable[[], bytes], rule: str) -> None:
    with pytest.raises(kms_cluster.BadCertificate, match=rule):
        kms_cluster.parse_cluster(body())


# ---- messages ----------------------------------------------------------------------------------------------------------

KEY = {
    "uri": URL,
    "jwk": {"kty": "oct", "kid": URL, "k": SECRET},
    "userId": "u",
    "expirationDate": "2026-11-20T19:14:24.5Z",
}
EC = codec.decode(codec.encode(kms.Ephemeral(2).jwk), dict)
HALF = {"uri": CHANNEL, "jwk": EC, "expirationDate": "2026-11-20T19:14:24.5Z"}


def test_requests_are_those_of_the_worked_example() -> None:
    client = kms.Client(client_id=CLIENT["clientId"], credential=kms.Credential(bearer=AccessToken("tok"), user_id="u"))
    request = kms.Request(method=kms.CREATE, uri="/keys", request_id="c38f", client=client, count=2)
    plain = codec.encode(request)
    assert json.loads(plain) == {"method": "create", "uri": "/keys", "count": 2, "requestId": "c38f", "client": CLIENT}
    assert kms.parse_request(plain) == request
    assert "'tok'" not in repr(request)


def test_a_key_is_taken_only_as_the_one_that_was_asked_for() -> None:
    answer = kms.parse_answer(codec.encode({"status": 200, "requestId": "1", "key": KEY}))
    assert kms.read_key(answer.key, URL).open_text(SharedKey(bytes(32)).seal_text("x", bytes(12))) == "x"
    assert SECRET not in repr(answer)
    for key, url in ((answer.key, URL + "0"), (None, URL), (_key(HALF), CHANNEL)):
        with pytest.raises(RemoteProtocolError):
            kms.read_key(key, url)
    with pytest.raises(RemoteProtocolError, match="32 bytes"):
        kms.read_key(_key({**KEY, "jwk": {"kty": "oct", "k": "AAAA"}}), URL)
    moved = kms.parse_answer(codec.encode({"status": 301, "requestId": "1", "errorCode": 301002, "redirectUri": URL}))
    assert moved.moved_to == URL
    assert not moved.is_refusal
    assert kms.Answer(status=403, request_id="1").is_refusal


def _key(key: dict[str, Any]) -> kms.KeyObject:
    return codec.decode(codec.encode(key), kms.KeyObject)


def test_a_channel_is_opened_by_the_answer_and_names_itself_in_what_is_sealed() -> None:
    mine, theirs = kms.Ephemeral(bytes(range(40))), kms.Ephemeral(2)
    answer = kms.parse_answer(codec.encode({"status": 201, "requestId": "1", "key": HALF}))
    channel = kms.open_channel(answer, mine)
    assert channel.expires == datetime(2026, 11, 20, 19, 14, 24, 500_000, tzinfo=UTC)
    sealed = channel.key.seal(b"{}", bytes(12))
    assert kms.channel_of(sealed) == CHANNEL
    assert SharedKey(theirs.agree(mine.jwk)).open(sealed) == b"{}"
    off = kms.EcJwk(crv="P-256", x=mine.jwk.x, y=mine.jwk.x)
    for wrong in (off, kms.EcJwk(crv="P-384", x=mine.jwk.x, y=mine.jwk.y), kms.EcJwk(crv="P-256", x="AA" * 40, y="")):
        with pytest.raises(RemoteProtocolError, match=r"point of P-256|base64url"):
            mine.agree(wrong)


# ---- foreign bytes: a documented error or success, nothing else -----------------------------------------------------------


def _tolerates(parse: Callable[[], object]) -> None:
    with suppress(RemoteProtocolError):
        parse()


ANSWER = {
    "status": 201,
    "requestId": "1",
    "reason": "r",
    "errorCode": 1,
    "key": HALF,
    "keys": [KEY],
    "redirectUri": URL,
}
REQUEST = {
    "method": "create",
    "uri": "/keys",
    "requestId": "1",
    "client": CLIENT,
    "jwk": HALF["jwk"],
    "count": 1,
    "keyUris": [URL],
}
EVENT = {"eventType": kms.KMS_MESSAGE, "encryption": {"kmsMessages": [VECTOR, VECTOR]}}


@given(nearly(ANSWER) | json_values)
def test_answers_that_are_nearly_right(value: Any) -> None:
    def take() -> None:
        answer = kms.parse_answer(codec.encode(value))
        _tolerates(lambda: kms.read_key(answer.key, URL))
        _tolerates(lambda: kms.open_channel(answer, kms.Ephemeral(1)))

    _tolerates(take)


@given(nearly(REQUEST) | json_values)
def test_requests_that_are_nearly_right(value: Any) -> None:
    _tolerates(lambda: kms.parse_request(codec.encode(value)))


@given(nearly(EVENT))
def test_events_that_are_nearly_right(value: Any) -> None:
    if isinstance(value, dict):
        _tolerates(lambda: kms.parse_event(value))


def test_an_event_has_at_least_one_message_and_not_too_many() -> None:
    assert kms.parse_event(kms.event_data([VECTOR])) == (VECTOR,)
    for count in (0, kms.EVENT_MESSAGES_MAX + 1):
        with pytest.raises(RemoteProtocolError):
            kms.parse_event(kms.event_data(["a"] * count))


@given(nearly(json.loads(_details())) | json_values)
def test_details_that_are_nearly_right(value: Any) -> None:
    _tolerates(lambda: kms_cluster.parse_cluster(codec.encode(value)))


@given(nearly(json.loads(json.loads(_details())["rsaPublicKey"])) | json_values)
def test_keys_of_clusters_that_are_nearly_right(value: Any) -> None:
    body = {"kmsCluster": f"kms://{HOST}", "rsaPublicKey": codec.encode(value).decode()}
    _tolerates(lambda: kms_cluster.parse_cluster(codec.encode(body)))


@given(st.binary(max_size=400))
def test_certificates_of_any_bytes(data: bytes) -> None:
    _tolerates(lambda: kms_cluster.parse_cluster(_details(x5c=[base64.b64encode(data).decode()])))


@given(
    st.text(max_size=200)
    | nearly(VECTOR)
    | st.lists(st.text("eyJ_-A.", max_size=30), min_size=5, max_size=5).map(".".join)
)
def test_compact_texts_of_any_kind(text: Any) -> None:
    if isinstance(text, str):
        for parse in (
            lambda: SharedKey(TEXT_KEY).open_text(text),
            lambda: jose.open_from(_rsa(), text),
            lambda: jose.verified(_rsa().public_key(), text),
            lambda: kms.channel_of(text),
        ):
            _tolerates(parse)
