"""The certificate authorities that an administrator lets the device trust, besides those it came with and those of the cloud.

Source: protocol/xapi-nodes.md 6.17; that the fingerprint is SHA-256 in hexadecimal digits, and the bounds, are ours.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import ClassVar, Final, NamedTuple

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from endpoint.room.keeping import content, keep
from endpoint.wire.trust import parse_trust_list
from endpoint.wire.xapi.calls import Invocation, Method
from endpoint.wire.xapi.errors import CommandFailed
from endpoint.wire.xapi.leaves import Fields

CERTIFICATES_MAX: Final = 32
BODY_BYTES_MAX: Final = 128 * 1024
CERTIFICATE_BYTES_MAX: Final = 16 * 1024
CERTIFICATES_READ_MAX: Final = 64
"""Certificates whose name and fingerprint are remembered, over all devices of a process."""

_BLOCK: Final = re.compile(r"-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----")


class SavedCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate as it is kept. A ValueError when it cannot be read."""

    pem: str

    def __post_init__(self) -> None:
        try:
            _read(self.pem)
        except x509.InvalidVersion as error:
            raise ValueError(str(error)) from None


class Authority(NamedTuple):
    """One certificate: fingerprint in lower-case hexadecimal digits, and the name of its subject (RFC 4514)."""

    fingerprint: str
    name: str
    pem: str


class Certificates:
    """Keeps the certificates that were added.

    Args:
        store: puts them into the device's trust store and keeps them over a restart; StorageError when it cannot.
        saved: what it was given last.
    """

    __slots__ = ("_pems", "_store")

    def __init__(
        self, store: Callable[[tuple[SavedCertificate, ...]], object], saved: Sequence[SavedCertificate] = ()
    ) -> None:
        self._store = store
        self._pems = tuple(kept.pem for kept in saved)

    @property
    def pems(self) -> tuple[str, ...]:
        """The certificates, each one PEM block."""
        return self._pems

    def add(self, call: Invocation) -> Fields:
        """Trust the certificates of a PEM text, all or none; one that is there already is no second one."""
        blocks = _BLOCK.findall(content(call, BODY_BYTES_MAX))
        if not blocks:
            raise CommandFailed("No certificate in the content; PEM is expected: -----BEGIN CERTIFICATE-----")
        found = [_authority(number, block) for number, block in enumerate(blocks, start=1)]
        pems = tuple(dict.fromkeys((*self._pems, *(authority.pem for authority in found))))
        if len(pems) > CERTIFICATES_MAX:
            raise CommandFailed(f"At most {CERTIFICATES_MAX} certificates can be added")
        self._keep(pems)
        fingerprints = [authority.fingerprint for authority in found]
        return {"Fingerprint": fingerprints[0] if len(fingerprints) == 1 else fingerprints}

    def show(self, call: Invocation) -> Fields:
        """Return the certificates; as PEM if that is asked for."""
        is_pem = call.text("Format") == "PEM"
        return {
            "Details": [
                {
                    "Fingerprint": authority.fingerprint,
                    "Name": authority.name,
                    "Certificate": authority.pem if is_pem else None,
                }
                for authority in map(_read, self._pems)
            ]
        }

    def delete(self, call: Invocation) -> None:
        """Trust a certificate no more; its fingerprint in any case, with or without colons."""
        wanted = call.text("Fingerprint").replace(":", "").lower()
        left = tuple(pem for pem in self._pems if _read(pem).fingerprint != wanted)
        if len(left) == len(self._pems):
            raise CommandFailed("No certificate with this fingerprint; Security Certificates CA Show lists them")
        self._keep(left)

    def _keep(self, pems: tuple[str, ...]) -> None:
        keep(self._store, tuple(SavedCertificate(pem=pem) for pem in pems))
        self._pems = pems

    COMMANDS: ClassVar[Mapping[str, Method]] = {
        "Security Certificates CA Add": add,
        "Security Certificates CA Delete": delete,
        "Security Certificates CA Show": show,
    }


def _authority(number: int, block: str) -> Authority:
    try:
        parsed = parse_trust_list([block])
    except x509.InvalidVersion:
        raise CommandFailed(f"Certificate {number}: not of version 1 or 3") from None
    for _, reason in parsed.rejected:
        raise CommandFailed(f"Certificate {number}: {reason}")
    pem = parsed.certificates[0]
    if len(pem) > CERTIFICATE_BYTES_MAX:
        raise CommandFailed(f"Certificate {number}: {len(pem)} bytes; at most {CERTIFICATE_BYTES_MAX} are taken")
    return _read(pem)


@lru_cache(maxsize=CERTIFICATES_READ_MAX)
def _read(pem: str) -> Authority:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as in wire.trust: what RFC 5280 frowns upon works all the same
        certificate = x509.load_pem_x509_certificate(pem.encode())
        try:
            name = certificate.subject.rfc4514_string()
        except ValueError:
            name = ""  # a subject that cannot be read; the key counts
        return Authority(certificate.fingerprint(SHA256()).hex(), name, pem)
