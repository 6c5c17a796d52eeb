"""Compact JWE and JWS as the key service and the calendar use them; who calls gives the entropy.

Three forms and no others: text and messages under a shared key (`dir`, A256GCM), the first message to the key service (RSA-OAEP,
A256GCM), its answer (RS256). Libraries for JOSE draw keys and IVs themselves; here a run has to repeat byte for byte, so the forms are
written out over `cryptography`, and the tests hold them against a library.

Source: RFC 7515, 7516, 7518; protocol/cloud-services.md 7.3, 7.6.
"""

from __future__ import annotations

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import lru_cache
from hashlib import sha1
from typing import Any, Final

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from endpoint.wire import codec
from endpoint.wire.errors import LocalProtocolError, RemoteProtocolError

KEY_BYTES: Final = 32
IV_BYTES: Final = 12
TAG_BYTES: Final = 16
SEED_BYTES: Final = 20
"""Of RSA-OAEP with SHA-1."""
ENTROPY_BYTES: Final = KEY_BYTES + IV_BYTES + SEED_BYTES
"""What sealing for an RSA key takes."""
COMPACT_CHARS_MAX: Final = 512 * 1024
RSA_BITS: Final = (2048, 4096)
_B64: Final = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)
_OAEP: Final = padding.OAEP(mgf=padding.MGF1(algorithm=hashes.SHA1()), algorithm=hashes.SHA1(), label=None)  # noqa: S303  RFC 7518, 4.3


def b64url(data: bytes) -> str:
    """Encode as base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64url(text: str, where: str) -> bytes:
    """Decode base64url without padding.

    Raises:
        RemoteProtocolError: anything else.
    """
    if len(text) % 4 != 1 and _B64.fullmatch(text):
        try:
            return urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except binascii.Error:
            pass
    raise RemoteProtocolError(where, "base64url without padding")


def parts_of(compact: str, count: int, where: str) -> list[str]:
    """Split a compact text at its dots; RemoteProtocolError where there are not `count` parts, or too many characters."""
    if len(compact) > COMPACT_CHARS_MAX:
        raise RemoteProtocolError(where, f"at most {COMPACT_CHARS_MAX} characters")
    parts = compact.split(".")
    if len(parts) != count:
        raise RemoteProtocolError(where, f"{count} parts at dots")
    return parts


def header_of(compact: str, where: str = "jwe") -> dict[str, Any]:
    """Read the protected header of any compact text; RemoteProtocolError if it is none."""
    return codec.decode(unb64url(compact.partition(".")[0], f"{where} header"), dict[str, Any], f"{where} header")


@lru_cache(maxsize=256)
def _check_header(segment: str, alg: str, where: str) -> None:
    header = header_of(segment, where)
    if header.get("alg") != alg or header.get("enc") != "A256GCM" or {"zip", "crit"} & header.keys():
        raise RemoteProtocolError(f"{where} header", f"alg {alg}, enc A256GCM, neither zip nor crit")


class SharedKey:
    """A key that both sides have: of texts, or of the channel to the key service.

    Args:
        secret: 32 bytes; kept only inside the cipher.
        kid: named in the header of what is sealed; texts carry none.
    """

    __slots__ = ("_cipher", "_header")

    def __init__(self, secret: bytes, kid: str = "") -> None:
        if len(secret) != KEY_BYTES:
            raise LocalProtocolError(f"a key has {KEY_BYTES} bytes")
        self._cipher = AESGCM(secret)
        self._header = _direct_header(kid)

    def __repr__(self) -> str:
        return "<key>"

    def seal(self, plain: bytes, iv: bytes) -> str:
        """Seal bytes; `iv` has 12 bytes and is never used twice with one key."""
        if len(iv) != IV_BYTES:
            raise LocalProtocolError(f"an IV has {IV_BYTES} bytes")
        sealed = self._cipher.encrypt(iv, plain, self._header.encode())
        return f"{self._header}..{b64url(iv)}.{b64url(sealed[:-TAG_BYTES])}.{b64url(sealed[-TAG_BYTES:])}"

    def open(self, compact: str, where: str = "jwe") -> bytes:
        """Open what was sealed with this key; a `kid`, also a foreign one, is not looked at.

        Raises:
            RemoteProtocolError: no such form, or another key.
        """
        header, wrapped, iv, sealed, tag = parts_of(compact, 5, where)
        if wrapped:
            raise RemoteProtocolError(where, "an empty second part")
        _check_header(header, "dir", where)
        return _decrypt(self._cipher, header, iv, sealed, tag, where)

    def seal_text(self, text: str, iv: bytes) -> str:
        """Seal a text in UTF-8."""
        return self.seal(text.encode(), iv)

    def open_text(self, compact: str, where: str = "jwe") -> str:
        """Open a text; RemoteProtocolError as in `open`, or it is not UTF-8."""
        try:
            return self.open(compact, where).decode()
        except UnicodeDecodeError:
            raise RemoteProtocolError(where, "a text in UTF-8") from None


@lru_cache(maxsize=256)
def _direct_header(kid: str) -> str:
    members = {"enc": "A256GCM", "alg": "dir", **({"kid": kid} if kid else {})}
    return b64url(codec.encode(members))


def _decrypt(cipher: AESGCM, header: str, iv: str, sealed: str, tag: str, where: str) -> bytes:
    nonce, mark = unb64url(iv, where), unb64url(tag, where)
    if len(nonce) != IV_BYTES or len(mark) != TAG_BYTES:
        raise RemoteProtocolError(where, f"an IV of {IV_BYTES} bytes and a tag of {TAG_BYTES}")
    try:
        return cipher.decrypt(nonce, unb64url(sealed, where) + mark, header.encode())
    except InvalidTag:
        raise RemoteProtocolError(where, "sealed with this key, and unchanged") from None


# ---- RSA: the first message to the key service, and its answer -----------------------------------------------------------


def _sha1(data: bytes) -> bytes:
    return sha1(data, usedforsecurity=False).digest()  # as RSA-OAEP of RFC 7518, 4.3, has it


def _mask(seed: bytes, length: int) -> bytes:
    blocks = (_sha1(seed + n.to_bytes(4, "big")) for n in range(-(-length // SEED_BYTES)))
    return b"".join(blocks)[:length]


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def _oaep(key: rsa.RSAPublicKey, message: bytes, seed: bytes) -> bytes:
    """Encrypt with RSA-OAEP and a given seed. Source: RFC 8017, 7.1.1."""
    size = key.key_size // 8
    block = _sha1(b"").ljust(size - len(message) - 22, b"\0") + b"\1" + message
    masked = _xor(block, _mask(seed, len(block)))
    padded = b"\0" + _xor(seed, _mask(masked, SEED_BYTES)) + masked
    numbers = key.public_numbers()
    return pow(int.from_bytes(padded, "big"), numbers.e, numbers.n).to_bytes(size, "big")


def seal_to(key: rsa.RSAPublicKey, kid: str, plain: bytes, entropy: bytes) -> str:
    """Seal bytes for the owner of an RSA key (RSA-OAEP, A256GCM); of `entropy` 64 bytes are used, and only once."""
    if len(entropy) < ENTROPY_BYTES:
        raise LocalProtocolError(f"sealing takes {ENTROPY_BYTES} bytes of entropy")
    secret, rest = entropy[:KEY_BYTES], entropy[KEY_BYTES:]
    iv, seed = rest[:IV_BYTES], rest[IV_BYTES : IV_BYTES + SEED_BYTES]
    header = b64url(codec.encode({"enc": "A256GCM", "alg": "RSA-OAEP", "kid": kid}))
    sealed = AESGCM(secret).encrypt(iv, plain, header.encode())
    wrapped = _oaep(key, secret, seed)
    return ".".join((header, *map(b64url, (wrapped, iv, sealed[:-TAG_BYTES], sealed[-TAG_BYTES:]))))


def open_from(key: rsa.RSAPrivateKey, compact: str, where: str = "jwe") -> bytes:
    """Open what was sealed for the owner of an RSA key; RemoteProtocolError: another form, or for another key."""
    header, wrapped, iv, sealed, tag = parts_of(compact, 5, where)
    _check_header(header, "RSA-OAEP", where)
    try:
        secret = key.decrypt(unb64url(wrapped, where), _OAEP)
    except ValueError:
        secret = b""
    if len(secret) != KEY_BYTES:
        raise RemoteProtocolError(where, "sealed for this key")
    return _decrypt(AESGCM(secret), header, iv, sealed, tag, where)


def sign(key: rsa.RSAPrivateKey, kid: str, plain: bytes) -> str:
    """Sign bytes (RS256)."""
    text = f"{b64url(codec.encode({'alg': 'RS256', 'kid': kid}))}.{b64url(plain)}"
    return f"{text}.{b64url(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def verified(key: rsa.RSAPublicKey, compact: str, where: str = "jws") -> bytes:
    """Return what was signed by the owner of an RSA key; RemoteProtocolError: another form, or not by that one."""
    header, payload, signature = parts_of(compact, 3, where)
    members = header_of(header, where)
    if members.get("alg") != "RS256" or "crit" in members:  # what must be understood is not: RFC 7515, 4.1.11
        raise RemoteProtocolError(f"{where} header", "alg RS256, no crit")
    try:
        key.verify(unb64url(signature, where), f"{header}.{payload}".encode(), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        raise RemoteProtocolError(where, "signed by the key service") from None
    return unb64url(payload, where)
