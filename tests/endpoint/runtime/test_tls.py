"""Certificates and contexts. Handshakes run between two objects of OpenSSL, without a network."""

from __future__ import annotations

import os
import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from endpoint.runtime import tls
from endpoint.runtime.tls import (
    CONTEXTS_MAX,
    UNVERIFIED,
    Authority,
    TlsClient,
    date_problem,
    failure,
    server_context,
    shake_hands,
)
from tests.endpoint.runtime.ground import AUTHORITY

HOST = "u2c.wbx2.test"
TRUSTING = TlsClient((AUTHORITY.pem,))
LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC), datetime(2001, 12, 31, tzinfo=UTC)


def _handshake(client: ssl.SSLContext, server: ssl.SSLContext, host: str = HOST) -> ssl.SSLObject:
    return shake_hands(client, server, host)[0]


def _refusal(client: TlsClient, server: ssl.SSLContext, host: str = HOST) -> str:
    with pytest.raises(ssl.SSLCertVerificationError) as refused:
        _handshake(client.context(), server, host)
    return failure(refused.value)


def _self_signed(name: str) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(
        subject, subject, key.public_key(), x509.random_serial_number(), tls.VALID_FROM, tls.VALID_UNTIL
    ).add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    own = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return server_context(pem, key.private_bytes(serialization.Encoding.PEM, *own).decode())


@pytest.mark.parametrize(
    ("names", "host"),
    [
        ([HOST], HOST),
        (["a.test", HOST], HOST),
        (["*.wbx2.test"], HOST),
        (["127.0.0.1", "::1", "localhost"], "127.0.0.1"),
        (["127.0.0.1", "::1", "localhost"], "::1"),
        (["127.0.0.1", "::1", "localhost"], "localhost"),
        (["x" * 63 + ".a-very-long-name.wbx2.test"], "x" * 63 + ".a-very-long-name.wbx2.test"),
    ],
)
def test_a_certificate_is_good_for_its_names_and_addresses(names: list[str], host: str) -> None:
    connection = _handshake(TRUSTING.context(), AUTHORITY.server_context(names), host)
    assert connection.version() in ("TLSv1.2", "TLSv1.3")


@pytest.mark.parametrize("host", ["wdm.wbx2.test", "wbx2.test", "a.u2c.wbx2.test", "127.0.0.1"])
def test_a_certificate_is_bad_for_other_names(host: str) -> None:
    assert _refusal(TRUSTING, AUTHORITY.server_context([HOST]), host) == "host name mismatch"


def test_who_signed_decides() -> None:
    server = AUTHORITY.server_context([HOST])
    assert _refusal(TlsClient((Authority("another").pem,)), server) == "unknown issuer"
    assert _refusal(TlsClient(), server) == "unknown issuer"
    assert _refusal(TRUSTING, _self_signed(HOST)) == "self-signed"
    _handshake(TlsClient((Authority("another").pem, AUTHORITY.pem)).context(), server)


@pytest.mark.parametrize(
    ("code", "reason"),
    [(2, "unknown issuer"), (9, "not yet valid"), (10, "expired"), (18, "self-signed"), (19, "unknown issuer"),
     (20, "unknown issuer"), (21, "unknown issuer"), (23, "revoked"), (3, "revocation unknown"),
     (62, "host name mismatch"), (64, "host name mismatch"), (26, "unknown issuer"), (None, "unknown issuer")],
)  # fmt: skip
def test_reasons_are_of_the_closed_set(code: int | None, reason: str) -> None:
    error = ssl.SSLCertVerificationError("x")
    if code is not None:
        error.verify_code = code
    assert failure(error) == reason


def test_openssl_does_not_judge_dates_and_we_do_by_the_clock_we_are_given() -> None:
    begins, ends = LONG_AGO
    server = server_context(*AUTHORITY.issue([HOST], not_before=begins, not_after=ends))
    connection = _handshake(TRUSTING.context(), server)
    second = timedelta(seconds=1)
    for now, problem in (
        (begins - second, "not yet valid"),
        (begins, None),
        (datetime(2001, 6, 1, tzinfo=UTC), None),
        (ends, None),
        (ends + second, "expired"),
    ):
        assert date_problem(connection, now) == problem


def test_certificates_last_decades() -> None:
    connection = _handshake(TRUSTING.context(), AUTHORITY.server_context([HOST]))
    for year in (2000, 2022, 2026, 2099):
        assert date_problem(connection, datetime(year, 6, 1, tzinfo=UTC)) is None
    assert date_problem(connection, datetime(1999, 6, 1, tzinfo=UTC)) == "not yet valid"
    assert date_problem(connection, datetime(2100, 6, 1, tzinfo=UTC)) == "expired"


def test_unverified_takes_any_certificate_under_any_name() -> None:
    for server in (_self_signed("other.test"), server_context(*AUTHORITY.issue(["x.test"], not_after=LONG_AGO[1]))):
        connection = _handshake(UNVERIFIED.context(), server)
        assert date_problem(connection, datetime(2026, 1, 1, tzinfo=UTC)) is None  # nothing was verified


def test_the_strict_check_of_foreign_clients_is_passed() -> None:
    client = ssl.create_default_context(cadata=AUTHORITY.pem)
    client.verify_flags |= ssl.VERIFY_X509_STRICT  # the default from Python 3.13 on
    assert _handshake(client, AUTHORITY.server_context([HOST])).getpeercert()["subjectAltName"] == (("DNS", HOST),)


def test_nothing_older_than_tls_1_2_is_spoken() -> None:
    assert TRUSTING.context().minimum_version == UNVERIFIED.context().minimum_version == ssl.TLSVersion.TLSv1_2
    assert AUTHORITY.server_context([HOST]).minimum_version == ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_two_parties_of_this_process_agree_on_a_version_or_fail(version: ssl.TLSVersion) -> None:
    server = server_context(*AUTHORITY.issue([HOST]))
    server.minimum_version = server.maximum_version = version
    near, far, flights = shake_hands(TRUSTING.context(), server, HOST)
    assert near.version() == far.version() == version.name.replace("_", ".")
    assert len(flights) == (3 if version is ssl.TLSVersion.TLSv1_3 else 4)
    assert flights[1] > 500  # a certificate
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    other = {ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3} - {version}
    client.minimum_version = client.maximum_version = other.pop()
    with pytest.raises(ssl.SSLError):
        shake_hands(client, server, HOST)


def test_contexts_are_shared() -> None:
    assert TlsClient((AUTHORITY.pem,)).context() is TRUSTING.context()
    assert TlsClient(verify=False).context() is UNVERIFIED.context()
    assert AUTHORITY.server_context(["a.test", "b.test"]) is AUTHORITY.server_context(["a.test", "b.test", "a.test"])
    assert AUTHORITY.server_context(["a.test"]) is not AUTHORITY.server_context(["b.test"])


def test_kept_server_contexts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "CONTEXTS_MAX", 2)
    authority = Authority()
    first = authority.server_context(["1.test"])
    second = authority.server_context(["2.test"])
    authority.server_context(["3.test"])
    assert authority.server_context(["2.test"]) is second
    assert authority.server_context(["1.test"]) is not first
    assert CONTEXTS_MAX == 64


def test_an_authority_comes_back_from_disk() -> None:
    again = Authority(key_pem=AUTHORITY.key_pem, cert_pem=AUTHORITY.pem)
    assert again.pem == AUTHORITY.pem
    _handshake(TRUSTING.context(), again.server_context([HOST]))


def test_a_root_may_sign_and_a_leaf_may_not() -> None:
    root = x509.load_pem_x509_certificate(AUTHORITY.pem.encode())
    leaf = x509.load_pem_x509_certificate(AUTHORITY.issue([HOST])[0].encode())
    assert [part.extensions.get_extension_for_class(x509.BasicConstraints).value.ca for part in (root, leaf)] == [1, 0]
    assert leaf.issuer == root.subject
    assert leaf.serial_number != root.serial_number


def test_no_key_is_left_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    server_context(*AUTHORITY.issue([HOST]))
    assert os.listdir(tmp_path) == []
