"""Certificate authorities that an administrator adds. Source: protocol/xapi-nodes.md 6.17."""

from __future__ import annotations

import hashlib
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from touching import Touched

from endpoint.room import certificates
from endpoint.room.certificates import Certificates, SavedCertificate
from endpoint.runtime.tls import Authority
from endpoint.wire import codec
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.xapi.calls import Caller
from endpoint.wire.xapi.errors import AccessDenied, CommandFailed

ADD, SHOW, DELETE = (f"Security Certificates CA {verb}" for verb in ("Add", "Show", "Delete"))
ONE, TWO = Authority("Root of Blåbær AS"), Authority("Second root")
DER = ssl.PEM_cert_to_DER_cert(ONE.pem)


def fingerprint(pem: str) -> str:
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


class Safe(Touched):
    def __init__(self, *saved: SavedCertificate) -> None:
        super().__init__()
        self.certificates = Certificates(self.store, saved)
        self.own(self.certificates)


def test_a_certificate_is_added_shown_and_deleted() -> None:
    safe = Safe()
    assert safe.call(SHOW) == {}
    assert safe.call(ADD, ONE.pem) == {"Fingerprint": fingerprint(ONE.pem)}
    assert safe.call(SHOW) == {
        "Details": [{"Fingerprint": fingerprint(ONE.pem), "Name": "CN=Root of Blåbær AS", "id": 1}]
    }
    assert safe.call(SHOW, Format="PEM")["Details"][0]["Certificate"] == ONE.pem
    assert safe.kept == [(SavedCertificate(pem=ONE.pem),)]
    colons = ":".join(fingerprint(ONE.pem)[at : at + 2] for at in range(0, 64, 2)).upper()
    safe.call(DELETE, Fingerprint=colons)
    assert (safe.call(SHOW), safe.kept[-1], safe.certificates.pems) == ({}, (), ())


def test_a_bundle_with_words_around_it() -> None:
    safe = Safe()
    bundle = f"subject=one\r\n{ONE.pem}\r\n# two\n{TWO.pem.replace(chr(10), chr(13) + chr(10))}"
    added = safe.call(ADD, bundle)["Fingerprint"]
    assert [found["Value"] for found in added] == [fingerprint(ONE.pem), fingerprint(TWO.pem)]
    assert safe.certificates.pems == (ONE.pem, TWO.pem)


def test_a_certificate_that_is_there_is_no_second_one() -> None:
    safe = Safe()
    safe.call(ADD, ONE.pem)
    assert safe.call(ADD, ONE.pem) == {"Fingerprint": fingerprint(ONE.pem)}
    assert len(safe.call(SHOW)["Details"]) == 1


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (None, "No certificate in the content; PEM is expected: -----BEGIN CERTIFICATE-----"),
        ("hello", "No certificate in the content; PEM is expected: -----BEGIN CERTIFICATE-----"),
        (ONE.key_pem, "No certificate in the content; PEM is expected: -----BEGIN CERTIFICATE-----"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "Certificate 1: not a PEM certificate"),
        (f"{TWO.pem}{ssl.DER_cert_to_PEM_cert(DER[:-9])}", "Certificate 2: not a PEM certificate"),
        (
            ssl.DER_cert_to_PEM_cert(DER.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x07", 1)),
            "Certificate 1: not of version 1 or 3",
        ),
        ("x" * 200_000, "The content has 200000 bytes; at most 131072 are taken"),
    ],
)
def test_what_is_no_certificate(body: str | None, reason: str) -> None:
    safe = Safe(SavedCertificate(pem=ONE.pem))
    assert safe.refused(ADD, body) == reason


def test_only_what_is_there_can_be_deleted() -> None:
    reason = Safe().refused(DELETE, Fingerprint="00")
    assert reason == "No certificate with this fingerprint; Security Certificates CA Show lists them"


def test_number_and_size_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "CERTIFICATES_MAX", 1)
    safe = Safe(SavedCertificate(pem=ONE.pem))
    assert safe.refused(ADD, TWO.pem) == "At most 1 certificates can be added"
    monkeypatch.setattr(certificates, "CERTIFICATE_BYTES_MAX", 99)
    assert "at most 99 are taken" in safe.refused(ADD, TWO.pem)


def test_certificates_survive_a_restart_and_a_full_disk_changes_nothing() -> None:
    safe = Safe()
    safe.call(ADD, ONE.pem)
    again = Safe(*codec.decode(codec.encode(safe.kept[-1]), tuple[SavedCertificate, ...]))
    assert again.call(SHOW) == safe.call(SHOW)
    safe.is_disk_full = True
    assert "No space left" in safe.refused(ADD, TWO.pem)
    assert "No space left" in safe.refused(DELETE, Fingerprint=fingerprint(ONE.pem))
    assert safe.certificates.pems == (ONE.pem,)


@pytest.mark.parametrize(
    "pem", ["", "x", ssl.DER_cert_to_PEM_cert(DER.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x07", 1))]
)
def test_a_damaged_certificate_in_the_state_file_is_refused(pem: str) -> None:
    with pytest.raises(RemoteProtocolError):
        codec.decode(codec.encode({"pem": pem}), SavedCertificate)


def test_only_administrators_change_trust() -> None:
    for command, arguments in ((ADD, {}), (DELETE, {"Fingerprint": "00"})):
        with pytest.raises(AccessDenied):
            Safe().call(command, None, Caller("u", frozenset("IUR")), **arguments)


@given(st.integers(0, len(DER) - 1), st.binary(min_size=1, max_size=3))
def test_a_damaged_certificate_is_refused_or_can_be_shown_and_deleted(at: int, new: bytes) -> None:
    safe = Safe()
    try:
        added = safe.call(ADD, ssl.DER_cert_to_PEM_cert(DER[:at] + new + DER[at + len(new) :]))
    except CommandFailed:
        assert safe.certificates.pems == ()
        return
    assert safe.call(SHOW, Format="PEM")["Details"][0]["Fingerprint"] == added["Fingerprint"]
    safe.call(DELETE, Fingerprint=added["Fingerprint"])
    assert safe.call(SHOW) == {}


@given(st.text(max_size=80) | st.text("-BEGINCRTFAD \n=", max_size=120))
def test_any_content_is_taken_or_refused(body: str) -> None:
    safe = Safe()
    with pytest.raises(CommandFailed):
        safe.call(ADD, f"-----BEGIN CERTIFICATE-----{body}-----END CERTIFICATE-----")
