"""The certificates of TLS-inspecting proxies, as they come in `configData.trustList`.

Source: protocol/activation-and-media.md section 3; that they come this way is observed, the rest is ours.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding


class Rejected(NamedTuple):
    """A member of a trust list that is no usable certificate: its number, counted from 1, and the reason in a few words."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class TrustList:
    """What a trust list holds.

    Attributes:
        certificates: the good ones in their order, each one PEM block and nothing else, ready to be written to a CA directory.
        rejected: the others.
    """

    certificates: tuple[str, ...]
    rejected: tuple[Rejected, ...]


def parse_trust_list(items: Sequence[object]) -> TrustList:
    """Read the members of a trust list; a bad one is set aside and spoils no other.

    Expiry, names and basic constraints are not looked at: they are checked when a connection is made.
    """
    certificates: list[str] = []
    rejected: list[Rejected] = []
    for number, item in enumerate(items, start=1):
        try:
            certificates.append(_normal_pem(item))
        except _Unusable as error:
            rejected.append(Rejected(number, str(error)))
    return TrustList(tuple(certificates), tuple(rejected))


class _Unusable(ValueError):
    """Why one member is set aside."""


def _normal_pem(item: object) -> str:
    if not isinstance(item, str):
        raise _Unusable("not a string")
    try:
        with warnings.catch_warnings():
            # Home-made CAs of proxies have serial numbers that RFC 5280 frowns upon; they work all the same.
            warnings.simplefilter("ignore")
            found = x509.load_pem_x509_certificates(item.encode())
            found[0].public_key()
    except UnsupportedAlgorithm:
        raise _Unusable("unsupported key") from None
    except x509.InvalidVersion:
        raise _Unusable("not of version 1 or 3") from None
    except ValueError:
        raise _Unusable("not a PEM certificate") from None
    if len(found) != 1:
        raise _Unusable("more than one certificate")
    return found[0].public_bytes(Encoding.PEM).decode()
