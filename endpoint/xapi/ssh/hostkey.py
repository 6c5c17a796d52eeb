"""Host keys of the SSH door. Source: protocol/xapi.md 4.1."""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

ALGORITHMS: Final = ("RSA", "ECDSA", "ed25519")
"""Values of `NetworkServices SSH HostKeyAlgorithm`."""
RSA_BITS: Final = 2048


def make_host_key(algorithm: str = "RSA") -> str:
    """Make a private key, PEM text: RSA with 2048 bits, ECDSA over P-384, or ed25519.

    Raises:
        ValueError: another algorithm.
    """
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
    match algorithm.casefold():
        case "rsa":
            key = rsa.generate_private_key(public_exponent=65_537, key_size=RSA_BITS)
        case "ecdsa":
            key = ec.generate_private_key(ec.SECP384R1())
        case "ed25519":
            key = ed25519.Ed25519PrivateKey.generate()
        case _:
            raise ValueError(f"a host key is one of {', '.join(ALGORITHMS)}; not {algorithm!r}")
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    ).decode()
