"""Public keys of users, as OpenSSH writes them: `ssh-ed25519 AAAAC3... somebody@desk`.

Source: RFC 4253 section 6.6 (wire format); fingerprints as `ssh-keygen -l` prints them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from endpoint.wire.errors import LocalProtocolError
from endpoint.xapi.saved import SavedKey

ALGORITHMS: Final = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
)
RSA_BITS_MIN: Final = 2_048
RSA_BITS_MAX: Final = 16_384


def parse_key(text: str, comment: str = "") -> SavedKey:
    """Read a public key from its line.

    Args:
        comment: in place of the one in the line.

    Raises:
        LocalProtocolError: no key of a kind that the device knows; the text says what would be one.
    """
    parts = text.split(maxsplit=2)
    if len(parts) < 2 or parts[0] not in ALGORITHMS:
        raise LocalProtocolError(
            f"a public key is a line such as `ssh-ed25519 AAAA... name`, of {', '.join(ALGORITHMS)}"
        )
    try:
        blob = base64.b64decode(parts[1], validate=True)
        key = load_ssh_public_key(f"{parts[0]} {parts[1]}".encode())
    except (
        binascii.Error,
        ValueError,
        UnsupportedAlgorithm,
        NotImplementedError,
    ):  # the last one for compressed points
        raise LocalProtocolError(f"what follows {parts[0]} is no key of that kind") from None
    if isinstance(key, rsa.RSAPublicKey) and not RSA_BITS_MIN <= key.key_size <= RSA_BITS_MAX:
        raise LocalProtocolError(f"an RSA key has {RSA_BITS_MIN} to {RSA_BITS_MAX} bits, not {key.key_size}")
    return SavedKey(algorithm=parts[0], blob=blob, comment=comment or (parts[2].strip() if len(parts) > 2 else ""))


def fingerprint(key: SavedKey) -> str:
    """Return the fingerprint of a key: `SHA256:` and base64 without padding."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key.blob).digest()).decode().rstrip("=")
