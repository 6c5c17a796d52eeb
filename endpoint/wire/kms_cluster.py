"""Who the key service is: cluster address, RSA key and its certificate, as `GET <encryption>/kms/<userId>` tells them.

Source: protocol/cloud-services.md 7.1.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from endpoint.wire import codec
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.jose import RSA_BITS, b64url, unb64url

SCHEME: Final = "kms"
CLUSTERS_KEPT: Final = 16
CERTIFICATES_MAX: Final = 10


class BadCertificate(RemoteProtocolError):
    """The key service is not who it says it is: it is told nothing."""

    def __init__(self, rule: str) -> None:
        super().__init__("kms certificate", rule)


class _Details(msgspec.Struct, kw_only=True, rename="camel"):
    kms_cluster: str
    rsa_public_key: str


class _RsaJwk(msgspec.Struct, kw_only=True):
    kty: str
    kid: str
    n: str
    e: str
    x5c: list[str] = []


@dataclass(frozen=True, slots=True)
class Cluster:
    """The key service that a user's keys are with: `kms://<host>`, its RSA key and the key's own URI."""

    uri: str
    kid: str
    key: rsa.RSAPublicKey


def host_of(uri: str) -> str:
    """Return the host of a `kms:` URI, empty if it is none."""
    try:
        parts = urlsplit(uri)
        return (parts.hostname or "") if parts.scheme == SCHEME else ""
    except ValueError:
        return ""


@lru_cache(maxsize=CLUSTERS_KEPT)
def parse_cluster(body: bytes) -> Cluster:
    """Read and check the details of a cluster; one object for all devices that were told the same.

    Raises:
        BadCertificate: the certificate does not vouch for the key, or is for another host.
        RemoteProtocolError: another shape.
    """
    details = codec.decode(body, _Details, "kms")
    if not host_of(details.kms_cluster):
        raise RemoteProtocolError("kms.kmsCluster", "a kms: URI")
    jwk = codec.decode(details.rsa_public_key, _RsaJwk, "kms.rsaPublicKey")
    return Cluster(details.kms_cluster.rstrip("/"), jwk.kid, _checked_key(jwk))


def _checked_key(jwk: _RsaJwk) -> rsa.RSAPublicKey:
    """Check the JWK by the rules of the table, in its order."""
    if jwk.kty != "RSA":
        raise BadCertificate("kty is RSA")
    host = host_of(jwk.kid)
    if not host:
        raise BadCertificate("kid is a kms: URI")
    if not 1 <= len(jwk.x5c) <= CERTIFICATES_MAX:
        raise BadCertificate(f"x5c has 1 to {CERTIFICATES_MAX} certificates")
    certificate = _certificate(jwk.x5c[0])
    if host not in _names(certificate):
        raise BadCertificate("the host name of the first certificate is that of kid")
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise BadCertificate("a key that can be read") from None
    if not isinstance(key, rsa.RSAPublicKey) or not RSA_BITS[0] <= key.key_size <= RSA_BITS[1]:
        raise BadCertificate(f"an RSA key of {RSA_BITS[0]} to {RSA_BITS[1]} bits")
    numbers = key.public_numbers()
    if (numbers.n, numbers.e) != (_number(jwk.n), _number(jwk.e)):
        raise BadCertificate("n and e are those of the first certificate")
    return key


def _certificate(text: str) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(base64.b64decode(text, validate=True))
    except (ValueError, binascii.Error):
        raise BadCertificate("x5c holds DER certificates in base64") from None


def _names(certificate: x509.Certificate) -> set[str]:
    try:
        common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        names = {str(name.value).lower() for name in common}
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return names | {name.lower() for name in alternative.get_values_for_type(x509.DNSName)}
    except x509.ExtensionNotFound:
        return names
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        raise BadCertificate("names that can be read") from None


def _number(text: str) -> int:
    return int.from_bytes(unb64url(text, "kms.rsaPublicKey"), "big")


def _b64_number(number: int) -> str:
    return b64url(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def self_made_certificate(
    key: rsa.RSAPrivateKey, host: str, *, serial: int, not_before: datetime, not_after: datetime
) -> str:
    """Make a certificate for the host of a key service, signed with its own key; returns base64 DER."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64])])
    builder = (
        x509.CertificateBuilder(name, name, key.public_key(), serial, not_before, not_after)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    )
    return base64.b64encode(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)).decode()


def cluster_details(uri: str, kid: str, key: rsa.RSAPublicKey, certificate: str) -> dict[str, Any]:
    """Build the details of a cluster; `rsaPublicKey` is a text."""
    numbers = key.public_numbers()
    jwk = {
        "kty": "RSA",
        "kid": kid,
        "n": _b64_number(numbers.n),
        "e": _b64_number(numbers.e),
        "x5c": [certificate],
    }
    return {"kmsCluster": uri, "rsaPublicKey": codec.encode(jwk).decode()}
