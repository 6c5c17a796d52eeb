"""Trust lists: good, bad and foreign members side by side."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.trust import Rejected, TrustList, parse_trust_list


def _certificate(name: str, not_after: datetime = datetime(2100, 1, 1, tzinfo=UTC)) -> x509.Certificate:
    key = ec.derive_private_key(sum(name.encode()), ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(
        subject, subject, key.public_key(), 1, datetime(2000, 1, 1, tzinfo=UTC), not_after
    )
    return builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, SHA256())


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


PROXY, OTHER = _pem(_certificate("proxy")), _pem(_certificate("other"))
EXPIRED = _pem(_certificate("expired", datetime(2001, 1, 1, tzinfo=UTC)))
DER = ssl.PEM_cert_to_DER_cert(PROXY)
EC_KEY = bytes.fromhex("06072a8648ce3d0201")  # 1.2.840.10045.2.1

BAD = {
    "a number": (5, "not a string"),
    "null": (None, "not a string"),
    "a list": ([PROXY], "not a string"),
    "an empty text": ("", "not a PEM certificate"),
    "prose": ("trust me", "not a PEM certificate"),
    "a cut certificate": (PROXY[:200], "not a PEM certificate"),
    "a certificate of another thing": (PROXY.replace("CERTIFICATE", "PUBLIC KEY"), "not a PEM certificate"),
    "broken base64": (PROXY.replace("M", "*"), "not a PEM certificate"),
    "a broken certificate": (ssl.DER_cert_to_PEM_cert(DER[:100] + bytes(20) + DER[120:]), "not a PEM certificate"),
    "a key of an unknown kind": (
        ssl.DER_cert_to_PEM_cert(DER.replace(EC_KEY, EC_KEY[:-1] + b"\x09")),
        "unsupported key",
    ),
    "two certificates": (PROXY + OTHER, "more than one certificate"),
    "a lone surrogate": ("\ud800", "not a PEM certificate"),
}


def test_an_empty_list_holds_nothing() -> None:
    assert parse_trust_list([]) == TrustList(certificates=(), rejected=())


def test_good_certificates_are_kept_in_their_order() -> None:
    assert parse_trust_list([PROXY, OTHER, PROXY]).certificates == (PROXY, OTHER, PROXY)


def test_an_expired_certificate_is_not_rejected() -> None:
    assert parse_trust_list([EXPIRED]).certificates == (EXPIRED,)


def test_a_serial_number_that_rfc_5280_forbids_is_not_rejected_and_warns_nobody() -> None:
    version_and_serial = b"\xa0\x03\x02\x01\x02\x02\x01"
    assert version_and_serial + b"\x01" in DER
    for serial in (b"\x00", b"\xff"):
        pem = ssl.DER_cert_to_PEM_cert(DER.replace(version_and_serial + b"\x01", version_and_serial + serial))
        assert parse_trust_list([pem]).certificates == (pem,)


@pytest.mark.parametrize("what", BAD)
def test_a_bad_member_is_rejected_with_its_number_and_spoils_no_other(what: str) -> None:
    item, reason = BAD[what]
    found = parse_trust_list([PROXY, item, OTHER])
    assert found.certificates == (PROXY, OTHER)
    assert found.rejected == (Rejected(2, reason),)


def test_everything_around_the_certificate_is_dropped() -> None:
    dressed = "subject=proxy\r\n" + PROXY.replace("\n", "\r\n") + "the end\n"
    assert parse_trust_list([dressed]).certificates == (PROXY,)


def test_what_is_kept_can_be_loaded_as_trust_anchors() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata="".join(parse_trust_list([PROXY, OTHER, "x"]).certificates))
    assert context.cert_store_stats()["x509_ca"] == 2


_JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3))
_BROKEN = st.builds(
    lambda at, new: ssl.DER_cert_to_PEM_cert(DER[:at] + new + DER[at + len(new) :]),
    st.integers(0, len(DER)),
    st.binary(min_size=1, max_size=4),
)


@given(st.lists(st.sampled_from([PROXY, OTHER]) | _JSON | _BROKEN, max_size=6))
def test_every_member_is_kept_or_rejected(items: list[object]) -> None:
    found = parse_trust_list(items)
    assert len(found.certificates) + len(found.rejected) == len(items)
    assert [number for number, _ in found.rejected] == sorted({number for number, _ in found.rejected})
