"""TLS: contexts that are shared, a private certificate authority, and what a failed handshake means.

OpenSSL compares certificate dates with the machine's clock and Python offers no other. Here its date check is off and ours runs instead,
against the clock of whoever connects, so that a device with a wrong clock, or a run in another year, sees what it should see.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
import tempfile
from asyncio import sslproto
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME of OpenSSL; Python has no name for it
CONTEXTS_MAX = 64
"""Contexts kept, of clients by their anchors and of one authority by the names."""
FLIGHTS_MAX = 10
"""Turns that the parties of a handshake may take; TLS 1.2 needs three."""
HELLO_BYTES = 517
CERTIFICATE_BYTES = 1000
REST_BYTES = (93, 242)
"""Flights of a handshake: OpenSSL's hello, a server's answer but for the names of its certificate, and what TLS 1.2 adds."""
VALID_FROM = datetime(2000, 1, 1, tzinfo=UTC)
VALID_UNTIL = datetime(2099, 12, 31, tzinfo=UTC)

TLS_BUFFER_BYTES = 16 * 1024
"""Read buffer of a TLS connection: one record. asyncio takes 256 KiB, which costs more than the handshake and is most of an idle device."""
sslproto.SSLProtocol.max_size = TLS_BUFFER_BYTES  # process-wide; there is no other way to say it


def _is_closing(transport: Any) -> bool:
    if transport._closed:
        return True
    below = transport._ssl_protocol._transport
    return below is not None and bool(below.is_closing())


if not hasattr(sslproto.SSLProtocol, "_is_transport_closing"):
    # Before 3.12.8 and 3.13.1 asyncio says of a TLS stream that broke under a write that it is open, until the loop has turned, and
    # complains of the writes that follow. This is what it says since.
    sslproto._SSLProtocolTransport.is_closing = _is_closing  # type: ignore[method-assign, assignment]  # as said above

REASONS = {  # X509_V_ERR_* of OpenSSL -> the closed set of protocol/activation-and-media.md 9.4
    2: "unknown issuer", 9: "not yet valid", 10: "expired", 18: "self-signed", 19: "unknown issuer", 20: "unknown issuer",
    21: "unknown issuer", 23: "revoked", 3: "revocation unknown", 62: "host name mismatch", 64: "host name mismatch",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TlsClient:
    """How a connection is secured: the anchors (PEM) that a chain may end in, or no verification at all.

    `insists`: a certificate whose status nobody tells is refused (hard fail); otherwise it is taken for good (soft fail).
    """

    anchors: tuple[str, ...] = ()
    verify: bool = True
    insists: bool = False

    def context(self) -> ssl.SSLContext:
        """Return the context, shared by everyone with the same anchors."""
        return _client_context(self.anchors, self.verify)


UNVERIFIED = TlsClient(verify=False)
"""As during activation: certificates are neither verified nor validated."""


_keylog: list[Path] = []


def log_keys(file: Path) -> None:
    """Let every client context that is made from now on write the keys of its sessions to a file that only its owner reads (NSS format).

    Who has the file and the packets reads everything. For whoever asks for it on the command line, and nobody else.

    Raises:
        OSError: the file cannot be written.
    """
    number = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.fchmod(number, 0o600)  # a file that was there may be open to others
    finally:
        os.close(number)
    _keylog[:] = [file]
    _client_context.cache_clear()


@lru_cache(maxsize=CONTEXTS_MAX)
def _client_context(anchors: tuple[str, ...], verify: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if _keylog:
        context.keylog_filename = str(_keylog[0])
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    context.verify_flags |= NO_CHECK_TIME
    for pem in anchors:
        context.load_verify_locations(cadata=pem)
    return context


def failure(error: ssl.SSLError) -> str:
    """Name the reason of a failed verification, in the words of the device log."""
    return REASONS.get(getattr(error, "verify_code", 0), "unknown issuer")


def date_problem(connection: ssl.SSLObject | ssl.SSLSocket, now: datetime) -> str | None:
    """Say what is wrong with the dates of the peer's certificate at `now`, or None.

    Only its own: Python does not show the others of the chain before 3.13.
    """
    certificate = connection.getpeercert() or {}
    begins, ends = certificate.get("notBefore"), certificate.get("notAfter")
    if isinstance(begins, str) and now.timestamp() < ssl.cert_time_to_seconds(begins):
        return "not yet valid"
    if isinstance(ends, str) and now.timestamp() > ssl.cert_time_to_seconds(ends):
        return "expired"
    return None


def shake_hands(
    client: ssl.SSLContext, server: ssl.SSLContext, host: str | None
) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """Let two parties of this process agree, without a network between them; return what each has of it.

    Raises:
        ssl.SSLError: one of them refuses.
    """
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(to_client, to_server, server_hostname=host)
    far = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(FLIGHTS_MAX):
        waiting = 0
        for side in (near, far):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                waiting += 1
        if not waiting:
            return near, far
    raise ssl.SSLError("the parties do not come to an end")


def flights(client: ssl.SSLObject) -> tuple[int, ...]:
    """Return how many bytes each flight of a handshake has that the client waits for: its own first, then in turn.

    They follow from the names of the server's certificate alone: what was really sent varies, as signatures do, from run to run.
    """
    names, der = b"", client.getpeercert(binary_form=True)
    if der is not None:
        with suppress(x509.ExtensionNotFound):
            found = x509.load_der_x509_certificate(der).extensions.get_extension_for_class(x509.SubjectAlternativeName)
            names = found.value.public_bytes()
    first = (HELLO_BYTES, CERTIFICATE_BYTES + len(names))
    return first if client.version() == "TLSv1.3" else (*first, *REST_BYTES)


class Authority:
    """A private certificate authority for the stub and for tests."""

    def __init__(
        self, name: str = "roomsim test root", *, key_pem: str | None = None, cert_pem: str | None = None
    ) -> None:
        if key_pem is not None and cert_pem is not None:
            key = serialization.load_pem_private_key(key_pem.encode(), None)
            assert isinstance(key, ec.EllipticCurvePrivateKey)
            self._key = key
            self._cert = x509.load_pem_x509_certificate(cert_pem.encode())
        else:
            self._key = ec.generate_private_key(ec.SECP256R1())
            self._cert = self._make_root(name)
        self._cache: dict[tuple[str, ...], ssl.SSLContext] = {}

    def _make_root(self, name: str) -> x509.Certificate:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        usage = x509.KeyUsage(
            digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
            key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        return (
            x509.CertificateBuilder(
                subject, subject, self._key.public_key(), x509.random_serial_number(), VALID_FROM, VALID_UNTIL
            )
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    @property
    def pem(self) -> str:
        """The root certificate, PEM."""
        return self._cert.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        """The root's private key, PEM; for the state directory of the stub."""
        return _key_pem(self._key)

    def issue(
        self, names: Sequence[str], *, not_before: datetime = VALID_FROM, not_after: datetime = VALID_UNTIL
    ) -> tuple[str, str]:
        """Issue a server certificate for host names and addresses; returns (certificate PEM, key PEM)."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])]))
            .issuer_name(self._cert.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(not_before)
            .not_valid_after(not_after)
            .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        certificate = builder.sign(self._key, hashes.SHA256())
        return certificate.public_bytes(serialization.Encoding.PEM).decode(), _key_pem(key)

    def server_context(self, names: Iterable[str]) -> ssl.SSLContext:
        """Return a server context with a certificate for these names; the same one for the same names."""
        wanted = tuple(dict.fromkeys(names))
        context = self._cache.get(wanted)
        if context is None:
            if len(self._cache) >= CONTEXTS_MAX:
                del self._cache[next(iter(self._cache))]
            context = self._cache[wanted] = server_context(*self.issue(wanted))
        return context


def self_signed(names: Sequence[str]) -> tuple[str, str]:
    """Make a certificate that nobody vouches for, as a device out of the box has it; returns (certificate PEM, key PEM)."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    builder = (
        x509.CertificateBuilder(
            subject, subject, key.public_key(), x509.random_serial_number(), VALID_FROM, VALID_UNTIL
        )
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    certificate = builder.sign(key, hashes.SHA256())
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), _key_pem(key)


def server_context(cert_pem: str, key_pem: str) -> ssl.SSLContext:
    """Make a server context of a certificate (chain) and its key, both PEM."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.num_tickets = 0  # nobody here resumes: with Python's session objects that costs what it saves
    with tempfile.NamedTemporaryFile("w", prefix="roomsim-") as file:  # OpenSSL reads keys from files only
        file.write(cert_pem + key_pem)
        file.flush()
        context.load_cert_chain(file.name)
    return context


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
