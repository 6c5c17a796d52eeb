"""The sealed envelopes: vectors, every way of tampering, and that nothing is decrypted before it is authenticated."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import tomllib
from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire import envelope, srp
from endpoint.wire.envelope import (
    CONFIG_DATA,
    OAUTH_DATA,
    REGISTER_DATA,
    SERVICE_DATA,
    BadEnvelope,
    BadMac,
    Kind,
    Sealed,
    SessionKeys,
)
from endpoint.wire.errors import LocalProtocolError, RemoteProtocolError

VECTORS: dict[str, Any] = tomllib.loads(Path(__file__).with_name("srp_vectors.toml").read_text())
KINDS = (OAUTH_DATA, SERVICE_DATA, REGISTER_DATA, CONFIG_DATA)
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)

OAUTH_JSON = (
    b'{"client_id":"roomsim-device","scope":"spark:all spark:kms","deviceIdentifier":"00000000-abcd-0000-abcd-000000000000",'
    b'"model":"Desk Pro","serial":"TEST00000001","softwareVersion":"ce10.12.1.6.cd735cb1ea2"}'
)
SERVICE_JSON = (
    b'{"token":{"access_token":"TEST_P0A1_00000000-0000-4000-8000-000000000001","token_type":"Bearer","expires_in":64799,'
    b'"refresh_token":"TEST-R","refresh_token_expires_in":5183999,"scope":"spark:all spark:kms"},'
    b'"services":{"u2c":"https://u2c-a.wbx2.test/u2c/api/v1"},"certificates":[]}'
)
REGISTER_JSON = (
    b'{"deviceIdentifier":"00000000-abcd-0000-abcd-000000000000","model":"Desk Pro","serial":"TEST00000001"}'
)
CONFIG_JSON = b'{"trustList":[]}'

V1_ENVELOPES = [
    (
        OAUTH_DATA,
        OAUTH_JSON,
        3,
        256,
        "6e8b41ab8bb939331721d2e053b0d3c77deb7ca5970b2f2b5826999e070163e6",
        "b702494cf1d55c86f685f94eccc33d33cfc6145efc9bbfcefa437f3fe0ed96fc",
    ),
    (
        SERVICE_DATA,
        SERVICE_JSON,
        4,
        304,
        "bccf12afd916adbb62e71a6beccf6880fb340564b409dc7b1daf4294df1155bd",
        "37d18ea1eb20497ddb13526ef1518972bfa5996d1640fb047e470f5f58859bc1",
    ),
    (
        REGISTER_DATA,
        REGISTER_JSON,
        5,
        128,
        "ae9144040cf5b0f547aa1dea9773541b5e390c1a39094a9b2b5e2e624ac10b37",
        "82557042eca97e2724e9e9d388604ce30002f2385b893b952dc780672a2a2d85",
    ),
    (
        CONFIG_DATA,
        CONFIG_JSON,
        6,
        48,
        "c4df85b68446c874f62d979f652d8dfd623db0f3a2acec795981f0a1ea7750b1",
        "a3e23f3903a935b67c5347449240ba9f0ea23acefa6c64922d9d9ae7e1ab3a3b",
    ),
]
V1_OAUTH_BASE64 = (
    "AwMDAwMDAwMDAwMDAwMDA17mr92dJZO7+Xy2NBkCE0M1Jg7O8iH/E4qj/EG8hccH1/3oOKDsDaB5l/DPMtedXBX/YFv/4WFOcQt+PVHuAxi6TnQj5Z8YMh3r"
    "f0Eujx3/0ZywZEkZ7cFpAe3WUQBb/TJTRpLx8WG4H3VwX9wCNdBvsqiqUMulMswKFQf+kbWuAnFWCJQzSJMxaACXmtP2lj6vS+/9l5iCzA/p02hTUu5aA0PYJ17f"
    "lJQDMNPgAi8GUhO45lT4XPawPC4VbDtkARAt/34zzxCziJh4vavqZYDhv+b5HElBEmXlpDY9KFYeiIdi8qVzTPBAJdkRSBcwww=="
)


def _keys(name: str) -> SessionKeys:
    vector = VECTORS[name]
    identity, password = vector["identity"].encode(), vector["password"].encode()
    salt, a, b = (bytes.fromhex(vector[part]) for part in ("salt", "a", "b"))
    verifier = srp.verifier(identity, password, salt)
    client_public, server_public = srp.client_public(a), srp.server_public(verifier, b)
    key = srp.server_key(verifier, b, client_public)
    return SessionKeys.derive(key, envelope.transcript_hash(identity, salt, client_public, server_public))


V1 = _keys("V1")
IV = bytes([3] * 16)


# ---- vectors -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["V1", "V2", "V3", "V3z", "V4", "V5"])
def test_the_keys_of_a_vector_are_reproduced(name: str) -> None:
    vector, keys = VECTORS[name], _keys(name)
    assert keys.transcript.hex() == vector["th"]
    for part in ("d2c_enc", "d2c_mac", "c2d_enc", "c2d_mac"):
        assert part not in vector or getattr(keys, part).hex() == vector[part]


def test_the_keys_of_v1_come_from_its_published_prk() -> None:
    key, salt = bytes.fromhex(VECTORS["V1"]["K"]), bytes.fromhex(VECTORS["V1"]["th"])
    assert hmac.digest(salt, key, "sha256").hex() == VECTORS["V1"]["prk"]


def test_the_wrong_key_of_v1_gives_its_published_wrong_mac_key() -> None:
    """Its transcript has the salt's 256 bytes: only the password's hash lost one."""
    keys = SessionKeys.derive(bytes.fromhex(VECTORS["V1"]["wrong_K"]), V1.transcript)
    assert keys.d2c_mac.hex() == VECTORS["V1"]["wrong_d2c_mac"]


@pytest.mark.parametrize(("kind", "plaintext", "iv", "size", "digest", "mac"), V1_ENVELOPES)
def test_an_envelope_of_v1_is_reproduced(
    kind: Kind, plaintext: bytes, iv: int, size: int, digest: str, mac: str
) -> None:
    sealed = V1.seal(kind, plaintext, bytes([iv] * 16))
    assert (len(sealed.blob), hashlib.sha256(sealed.blob).hexdigest(), sealed.mac.hex()) == (size, digest, mac)
    assert V1.open(kind, sealed) == plaintext.ljust(kind.padded_bytes, b" ")


def test_the_oauth_data_of_v1_is_reproduced_in_base64() -> None:
    sealed = V1.seal(OAUTH_DATA, OAUTH_JSON, IV)
    assert b64encode(sealed.blob).decode() == V1_OAUTH_BASE64
    assert b64encode(sealed.mac) == b"twJJTPHVXIb2hflOzMM9M8/GFF78m7/O+kN/P+Dtlvw="
    assert hashlib.sha256(V1.open(OAUTH_DATA, sealed)).hexdigest() == (
        "add15569b5f7029cfd434182f90babd311f2fa57cf53848d170b890d57bc3623"
    )


def test_the_oauth_data_of_v2_is_reproduced() -> None:
    sealed = _keys("V2").seal(OAUTH_DATA, OAUTH_JSON, IV)
    assert hashlib.sha256(sealed.blob).hexdigest() == "f7e6d671236f6a19015edb2475080c7d69f9dc46948269f305620471d472db3c"
    assert sealed.mac.hex() == "ee59a105a57c0a1b0bdeb7dc735d289aedf50a291c2a110b97999305bce4be34"


# ---- lengths -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plaintext_bytes", "blob_bytes"),
    [(0, 256), (238, 256), (239, 256), (240, 272), (255, 272), (256, 288), (271, 288)],
)
def test_oauth_data_is_filled_to_239_bytes_and_grows_by_blocks(plaintext_bytes: int, blob_bytes: int) -> None:
    assert len(V1.seal(OAUTH_DATA, b"x" * plaintext_bytes, IV).blob) == blob_bytes


@every_kind
def test_a_field_is_sealed_up_to_its_longest_and_no_further(kind: Kind) -> None:
    longest = kind.blob_bytes_max - 16 - 1
    sealed = V1.seal(kind, b"x" * longest, IV)
    assert len(sealed.blob) == kind.blob_bytes_max
    assert V1.open(kind, sealed) == b"x" * longest
    with pytest.raises(LocalProtocolError, match=f"{kind.name} has at most {kind.blob_bytes_max} bytes"):
        V1.seal(kind, b"x" * (longest + 1), IV)


@every_kind
def test_an_iv_of_another_length_is_our_own_mistake(kind: Kind) -> None:
    for size in (0, 15, 17):
        with pytest.raises(LocalProtocolError, match=f"16 bytes, not {size}"):
            V1.seal(kind, b"{}", bytes(size))


@every_kind
def test_a_blob_of_an_impossible_length_is_a_bad_envelope_before_its_mac_is_looked_at(kind: Kind) -> None:
    low, high = kind.blob_bytes_min, kind.blob_bytes_max
    for size in (0, 16, low - 16, low - 1, low + 1, low + 15, high - 1, high + 1, high + 16):
        blob = bytes(size)
        with pytest.raises(BadEnvelope, match=f"{low} to {high} bytes, a multiple of 16, got {size} bytes"):
            V1.open(kind, _resealed(kind, blob))


@every_kind
def test_a_mac_of_another_length_is_a_bad_envelope(kind: Kind) -> None:
    sealed = V1.seal(kind, b"{}", IV)
    for mac in (b"", sealed.mac[:-1], sealed.mac + b"\x00"):
        with pytest.raises(BadEnvelope, match=f"{kind.name}HMAC: 32 bytes, got {len(mac)} bytes"):
            V1.open(kind, replace(sealed, mac=mac))


# ---- tampering -----------------------------------------------------------------------------------------------------


@every_kind
@pytest.mark.parametrize("bit", [0, 127, 128, -128, -1])
def test_one_flipped_bit_in_iv_or_ciphertext_is_a_bad_mac(kind: Kind, bit: int) -> None:
    sealed = V1.seal(kind, b"{}", IV)
    with pytest.raises(BadMac, match=f"{kind.name}HMAC"):
        V1.open(kind, replace(sealed, blob=_flip(sealed.blob, bit % (8 * len(sealed.blob)))))


@every_kind
@given(bit=st.integers(0, 255))
def test_one_flipped_bit_in_the_mac_is_a_bad_mac(kind: Kind, bit: int) -> None:
    sealed = V1.seal(kind, b"{}", IV)
    with pytest.raises(BadMac):
        V1.open(kind, replace(sealed, mac=_flip(sealed.mac, bit)))


@every_kind
def test_a_truncated_blob_is_a_bad_mac_or_a_bad_envelope(kind: Kind) -> None:
    sealed = V1.seal(kind, b"x" * 300, IV)
    with pytest.raises(BadMac):
        V1.open(kind, replace(sealed, blob=sealed.blob[:-16]))
    with pytest.raises(BadEnvelope):
        V1.open(kind, replace(sealed, blob=sealed.blob[:-1]))


@pytest.mark.parametrize("part", ["identity", "salt", "client_public", "server_public"])
def test_one_flipped_bit_in_what_both_sides_saw_is_a_bad_mac(part: str) -> None:
    seen = {"identity": b"43534500", "salt": bytes(256), "client_public": bytes(384), "server_public": bytes(384)}
    changed = seen | {part: _flip(seen[part], 5)}
    here, there = (SessionKeys.derive(b"K" * 32, envelope.transcript_hash(**view)) for view in (seen, changed))
    with pytest.raises(BadMac):
        there.open(OAUTH_DATA, here.seal(OAUTH_DATA, OAUTH_JSON, IV))


@pytest.mark.parametrize("sent", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("read", KINDS, ids=lambda kind: kind.name)
def test_an_envelope_fits_no_other_field(sent: Kind, read: Kind) -> None:
    """Sent back in the other direction, or moved to another field of the same direction."""
    sealed = V1.seal(sent, b"x" * 250, IV)
    if sent is read:
        assert V1.open(read, sealed).rstrip() == b"x" * 250
    else:
        with pytest.raises(BadMac):
            V1.open(read, sealed)


def test_a_mac_of_oauth_data_under_the_label_of_register_is_a_bad_mac() -> None:
    sealed = V1.seal(replace(OAUTH_DATA, label=REGISTER_DATA.label), OAUTH_JSON, IV)
    with pytest.raises(BadMac):
        V1.open(OAUTH_DATA, sealed)


@every_kind
@pytest.mark.parametrize("last", [0, 17, 255])
def test_wrong_padding_after_a_good_mac_is_a_bad_envelope(kind: Kind, last: int) -> None:
    padded = b"x" * 239 + bytes([last])
    encryptor = Cipher(AES(V1.d2c_enc if kind.is_to_cloud else V1.c2d_enc), CBC(IV)).encryptor()
    with pytest.raises(BadEnvelope, match=f"{kind.name}: a well-formed message"):
        V1.open(kind, _resealed(kind, IV + encryptor.update(padded) + encryptor.finalize()))


def _resealed(kind: Kind, blob: bytes) -> Sealed:
    key = V1.d2c_mac if kind.is_to_cloud else V1.c2d_mac
    return Sealed(blob, hmac.digest(key, kind.label + b"\x00" + V1.transcript + blob, "sha256"))


def _flip(data: bytes, bit: int) -> bytes:
    return (int.from_bytes(data, "big") ^ 1 << bit).to_bytes(len(data), "big")


# ---- the MAC comes first -------------------------------------------------------------------------------------------


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Watch the doors of the libraries: what was compared and decrypted, in order."""
    seen: list[str] = []
    compare, decryptor = hmac.compare_digest, Cipher.decryptor

    def watched_compare(*values: bytes) -> bool:
        seen.append("compare")
        return compare(*values)

    def watched_decryptor(self: Cipher[Any]) -> Any:
        seen.append("decrypt")
        return decryptor(self)

    monkeypatch.setattr(hmac, "compare_digest", watched_compare)
    monkeypatch.setattr(Cipher, "decryptor", watched_decryptor)
    return seen


@every_kind
def test_a_good_envelope_is_compared_in_constant_time_and_then_decrypted(kind: Kind, calls: list[str]) -> None:
    V1.open(kind, V1.seal(kind, b"{}", IV))
    assert calls == ["compare", "decrypt"]


@every_kind
def test_an_envelope_with_a_bad_mac_is_not_decrypted(kind: Kind, calls: list[str]) -> None:
    sealed = V1.seal(kind, b"{}", IV)
    with pytest.raises(BadMac):
        V1.open(kind, replace(sealed, mac=bytes(32)))
    assert calls == ["compare"]


@every_kind
def test_an_envelope_of_an_impossible_length_is_neither_compared_nor_decrypted(kind: Kind, calls: list[str]) -> None:
    with pytest.raises(BadEnvelope):
        V1.open(kind, Sealed(bytes(17), bytes(32)))
    assert calls == []


# ---- properties ----------------------------------------------------------------------------------------------------


@given(st.sampled_from(KINDS), st.binary(max_size=1000), st.binary(min_size=16, max_size=16))
def test_what_is_sealed_can_be_opened(kind: Kind, plaintext: bytes, iv: bytes) -> None:
    opened = V1.open(kind, V1.seal(kind, plaintext, iv))
    assert opened == plaintext.ljust(kind.padded_bytes, b" ")


@given(st.sampled_from(KINDS), st.binary(max_size=600), st.binary(max_size=40))
def test_any_bytes_are_a_bad_mac_or_a_bad_envelope(kind: Kind, blob: bytes, mac: bytes) -> None:
    with pytest.raises((BadMac, BadEnvelope)):
        V1.open(kind, Sealed(blob, mac))


@given(st.sampled_from(KINDS), st.integers(0, 40), st.binary(min_size=16, max_size=16))
def test_any_authentic_blob_opens_or_is_a_bad_envelope(kind: Kind, blocks: int, block: bytes) -> None:
    with contextlib.suppress(BadEnvelope):
        assert isinstance(V1.open(kind, _resealed(kind, block * blocks)), bytes)


def test_neither_errors_nor_renderings_show_keys_or_plaintext() -> None:
    secrets = [V1.d2c_enc, V1.d2c_mac, V1.c2d_enc, V1.c2d_mac, bytes.fromhex(VECTORS["V1"]["K"])]
    sealed = V1.seal(OAUTH_DATA, OAUTH_JSON, IV)
    texts = [repr(V1), str(V1), f"{V1}"]
    for bad in (Sealed(sealed.blob, bytes(32)), Sealed(b"", sealed.mac), _resealed(OAUTH_DATA, bytes(256))):
        with pytest.raises(RemoteProtocolError) as caught:
            V1.open(OAUTH_DATA, bad)
        texts += [str(caught.value), repr(caught.value)]
        assert caught.value.__context__ is None or caught.value.__suppress_context__
    for text in texts:
        assert not any(secret.hex() in text or repr(secret)[2:-1] in text for secret in secrets)
        assert "Desk Pro" not in text
