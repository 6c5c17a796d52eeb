"""The sealed envelopes of the activation: four blobs, encrypted and authenticated under keys that grow from SRP's K.

    th   = SHA-256("roomsim-srp-v1" | I | s | PAD(A) | PAD(B))
    okm  = HKDF-SHA256(ikm = K, salt = th, info = "roomsim-srp-v1", 128 bytes): encryption and MAC key to the cloud, the same to the device
    blob = IV | AES-256-CBC(PKCS#7(plaintext))
    mac  = HMAC-SHA256(MAC key, label | 0x00 | th | blob)

The MAC is the proof that the other side knows the code: it is compared, in constant time, before anything is decrypted. Direction
keys and labels keep a blob from being sent back or moved to another field.

Source: protocol/activation-and-media.md 2.5. Label: ours.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.padding import PKCS7

from endpoint.wire.errors import LocalProtocolError, RemoteProtocolError

INFO: Final = b"roomsim-srp-v1"
IV_BYTES: Final = 16
BLOCK_BYTES: Final = 16
KEY_BYTES: Final = 32
MAC_BYTES: Final = 32
SEALED_BYTES_MAX: Final = 48 * 1024  # protocol/activation-and-media.md 2.8; 64 KiB of base64


class BadMac(RemoteProtocolError):
    """The MAC does not fit: the other side does not know the code, or the blob was changed on its way."""


class BadEnvelope(RemoteProtocolError):
    """The envelope cannot be what its field holds: wrong lengths, or after a good MAC wrong padding or content."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What distinguishes one sealed field from the others.

    Attributes:
        name: the JSON member; its MAC is the member `<name>HMAC`.
        label: what the MAC covers before the blob.
        is_to_cloud: sealed by the device, else by the cloud.
        blob_bytes_min, blob_bytes_max: allowed length of the blob, IV included.
        padded_bytes: length up to which the plaintext is filled with spaces, so that its length tells nothing.
    """

    name: str
    label: bytes
    is_to_cloud: bool
    blob_bytes_min: int = IV_BYTES + BLOCK_BYTES
    blob_bytes_max: int = SEALED_BYTES_MAX
    padded_bytes: int = 0


OAUTH_DATA: Final = Kind(
    "oauthData", b"oauthData", is_to_cloud=True, blob_bytes_min=256, blob_bytes_max=4096, padded_bytes=239
)
SERVICE_DATA: Final = Kind("serviceData", b"serviceData", is_to_cloud=False)
REGISTER_DATA: Final = Kind("registerData", b"register", is_to_cloud=True)
CONFIG_DATA: Final = Kind("configData", b"configData", is_to_cloud=False)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed field: the blob (IV and ciphertext) and its MAC of 32 bytes."""

    blob: bytes
    mac: bytes


def transcript_hash(identity: bytes, salt: bytes, client_public: bytes, server_public: bytes) -> bytes:
    """Hash what both sides have seen of an exchange: th, 32 bytes. A and B are given padded."""
    return hashlib.sha256(INFO + identity + salt + client_public + server_public).digest()


@dataclass(frozen=True, slots=True, repr=False)
class SessionKeys:
    """The four keys of one exchange, bound to its transcript; d2c is from the device to the cloud."""

    transcript: bytes
    d2c_enc: bytes
    d2c_mac: bytes
    c2d_enc: bytes
    c2d_mac: bytes

    @classmethod
    def derive(cls, key: bytes, transcript: bytes) -> SessionKeys:
        """Derive the keys from SRP's K and the transcript hash."""
        okm = HKDF(algorithm=SHA256(), length=4 * KEY_BYTES, salt=transcript, info=INFO).derive(key)
        return cls(transcript, *(okm[at : at + KEY_BYTES] for at in range(0, len(okm), KEY_BYTES)))

    def seal(self, kind: Kind, plaintext: bytes, iv: bytes) -> Sealed:
        """Encrypt and authenticate a plaintext under an IV of 16 random bytes, never used before.

        Raises:
            LocalProtocolError: the IV has another length, or the blob would be longer than its field may be.
        """
        if len(iv) != IV_BYTES:
            raise LocalProtocolError(f"an IV has {IV_BYTES} bytes, not {len(iv)}")
        padder = PKCS7(BLOCK_BYTES * 8).padder()
        padded = padder.update(plaintext.ljust(kind.padded_bytes, b" ")) + padder.finalize()
        if IV_BYTES + len(padded) > kind.blob_bytes_max:
            raise LocalProtocolError(f"{kind.name} has at most {kind.blob_bytes_max} bytes")
        encryptor = Cipher(AES(self._enc(kind)), CBC(iv)).encryptor()
        blob = iv + encryptor.update(padded) + encryptor.finalize()
        return Sealed(blob, self._mac(kind, blob))

    def open(self, kind: Kind, sealed: Sealed) -> bytes:
        """Authenticate, then decrypt. The plaintext still has the spaces it was filled with.

        Raises:
            BadEnvelope: lengths that the field cannot have (nothing is computed), or wrong padding after a good MAC.
            BadMac: the MAC does not fit; nothing was decrypted.
        """
        size = len(sealed.blob)
        if not kind.blob_bytes_min <= size <= kind.blob_bytes_max or size % BLOCK_BYTES:
            rule = f"{kind.blob_bytes_min} to {kind.blob_bytes_max} bytes, a multiple of {BLOCK_BYTES}"
            raise BadEnvelope(kind.name, rule, f"{size} bytes")
        if len(sealed.mac) != MAC_BYTES:
            raise BadEnvelope(f"{kind.name}HMAC", f"{MAC_BYTES} bytes", f"{len(sealed.mac)} bytes")
        if not hmac.compare_digest(self._mac(kind, sealed.blob), sealed.mac):
            raise BadMac(f"{kind.name}HMAC", "the HMAC-SHA-256 of the envelope")
        decryptor = Cipher(AES(self._enc(kind)), CBC(sealed.blob[:IV_BYTES])).decryptor()
        padded = decryptor.update(sealed.blob[IV_BYTES:]) + decryptor.finalize()
        unpadder = PKCS7(BLOCK_BYTES * 8).unpadder()
        try:
            return unpadder.update(padded) + unpadder.finalize()
        except ValueError:
            raise BadEnvelope(kind.name, "a well-formed message") from None

    def _enc(self, kind: Kind) -> bytes:
        return self.d2c_enc if kind.is_to_cloud else self.c2d_enc

    def _mac(self, kind: Kind, blob: bytes) -> bytes:
        key = self.d2c_mac if kind.is_to_cloud else self.c2d_mac
        return hmac.digest(key, kind.label + b"\x00" + self.transcript + blob, "sha256")
