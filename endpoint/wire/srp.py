"""SRP-6a as the activation speaks it: the group of 3072 bits, SHA-256, the arithmetic of RFC 5054, K = SHA-256 of S.

This is the only module that imports the package `srp`, and it stands between it and everybody else because the package

- lacks the group, and pads as RFC 5054 asks only behind a switch, one for each of its two backends;
- has a compiled backend (OpenSSL through ctypes, ten times faster) that accepts B = N and that loses leading zero bytes of the salt;
- gives A and B without leading zero bytes, and K, unless its own proofs (unused here) were exchanged, only as an attribute.

Exponents are arguments: nothing here draws randomness. Source: RFC 5054 section 2.5; protocol/activation-and-media.md 2.4 and 2.10.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType, ModuleType
from typing import Any, Final

import srp._pysrp as _pure

from endpoint.wire.errors import LocalProtocolError, RemoteProtocolError

EXPONENT_BYTES: Final = 32  # a and b; RFC 5054 2.5.3: at least 256 bits
_PURE_EXPONENT_BYTES: Final = 256  # what the pure backend insists on


def _import_compiled() -> ModuleType | None:
    """Import the compiled backend also where OpenSSL is installed without its development package.

    It asks for `libssl.so`, a name that only development packages install, and is given up silently without it. The library that
    Python itself runs on has a versioned name, so that name is lent for the moment of the import.
    """
    load = ctypes.cdll.LoadLibrary

    def load_as(name: str) -> Callable[[str], ctypes.CDLL]:
        return lambda asked: load(name if asked == "libssl.so" else asked)

    for name in ("libssl.so", "libssl.so.3", "libssl.so.1.1"):
        ctypes.cdll.LoadLibrary = load_as(name)  # type: ignore[method-assign, assignment]  # for this import only
        try:
            return importlib.import_module("srp._ctsrp")
        except (ImportError, OSError):
            continue
        finally:
            ctypes.cdll.LoadLibrary = load  # type: ignore[method-assign]  # as it was
    return None


_compiled = _import_compiled()
BACKENDS: Final = MappingProxyType({"compiled": _compiled, "pure": _pure} if _compiled else {"pure": _pure})
BACKEND: Final = next(iter(BACKENDS))
"""Name of the backend in normal use: `compiled` wherever OpenSSL can be loaded, else `pure`."""

for _module in BACKENDS.values():
    _module.rfc5054_enable()


@dataclass(frozen=True)
class Group:
    """A prime group with its hash; public values are elements of it, written big-endian in exactly `width` bytes."""

    modulus: int
    generator: int
    hash_name: str = "sha256"

    @property
    def width(self) -> int:
        """Return the number of bytes of the modulus."""
        return (self.modulus.bit_length() + 7) // 8

    def pad(self, number: int) -> bytes:
        """Write a number below the modulus in `width` bytes: PAD() of RFC 5054."""
        return number.to_bytes(self.width, "big")

    def digest(self, data: bytes) -> bytes:
        """Hash with the group's hash: H() of RFC 5054."""
        return hashlib.new(self.hash_name, data).digest()

    def check_public(self, value: bytes, where: str) -> None:
        """Reject a received A or B unless it is the one encoding of a number between 0 and N.

        This is stricter than `A mod N != 0` of RFC 5054 2.5.3 and 2.5.4 and keeps 0, N and 2N from the package, whose compiled
        client lets N through.

        Raises:
            RemoteProtocolError: wrong length, 0, or not below N.
        """
        if len(value) != self.width:
            raise RemoteProtocolError(where, f"{self.width} bytes", f"{len(value)} bytes")
        if not 0 < int.from_bytes(value, "big") < self.modulus:
            raise RemoteProtocolError(where, "a number above 0 and below the modulus (RFC 5054 2.5.3, 2.5.4)")

    def scrambler(self, client_public: bytes, server_public: bytes, where: str) -> int:
        """Compute u = H(PAD(A) | PAD(B)).

        Raises:
            RemoteProtocolError: u is 0, with which the password would not matter; the exchange must be aborted.
        """
        u = int.from_bytes(self.digest(client_public + server_public), "big")
        if u == 0:
            raise RemoteProtocolError(where, "a value whose scrambling parameter u is not 0 (SRP-6a)")
        return u


N: Final = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F"
    "83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B"
    "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510"
    "15728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7"
    "ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200C"
    "BBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF",
    16,
)
"""Modulus of the 3072-bit group of RFC 5054 appendix A, which is group 15 of RFC 3526."""
G: Final = 5
GROUP: Final = Group(N, G)


def verifier(identity: bytes, password: bytes, salt: bytes, *, group: Group = GROUP) -> int:
    """Compute v = g^x mod N, x = H(s | H(I | ":" | P)): all that the cloud keeps of a code's secret half.

    Computed here and not by the package, which draws a salt of its own and may shorten it.
    """
    x = group.digest(salt + group.digest(identity + b":" + password))
    return pow(group.generator, int.from_bytes(x, "big"), group.modulus)


def client_public(a: bytes, *, group: Group = GROUP, backend: str = BACKEND) -> bytes:
    """Compute the device's A = g^a mod N, padded, from a secret exponent of 32 random bytes."""
    user = BACKENDS[backend].User(b"", b"", bytes_a=_exponent(a, backend), **_settings(group))
    return group.pad(int.from_bytes(user.start_authentication()[1], "big"))


def client_backend(salt: bytes, backend: str = BACKEND) -> str:
    """Name the backend that `client_key` takes for a salt: the compiled one turns it into a number and drops leading zero bytes."""
    return "pure" if salt.startswith(b"\x00") else backend


def client_key(
    identity: bytes,
    password: bytes,
    salt: bytes,
    *,
    a: bytes,
    client_public: bytes,
    server_public: bytes,
    group: Group = GROUP,
    backend: str = BACKEND,
) -> bytes:
    """Compute the device's K from its exponent, its own A and the B that came.

    Raises:
        RemoteProtocolError: B is not acceptable, or u is 0.
    """
    group.check_public(server_public, "srpB")
    group.scrambler(client_public, server_public, "srpB")
    backend = client_backend(salt, backend)
    user = BACKENDS[backend].User(
        identity, password, bytes_a=_exponent(a, backend), bytes_A=client_public, **_settings(group)
    )
    user.process_challenge(salt, server_public)
    return _key(user)


def server_public(verifier: int, b: bytes, *, group: Group = GROUP, backend: str = BACKEND) -> bytes:
    """Compute the cloud's B = (k v + g^b) mod N, padded, from a secret exponent of 32 random bytes."""
    # The compiled Verifier frees its numbers (6 KiB) only once it has an A, and no A has come yet: 1 stands in for it.
    side = _verifier(verifier, b, b"\x01", group, backend)
    return group.pad(int.from_bytes(side.get_challenge()[1], "big"))


def server_key(verifier: int, b: bytes, client_public: bytes, *, group: Group = GROUP, backend: str = BACKEND) -> bytes:
    """Compute the cloud's K from the exponent behind its B and the A that came. The exponent must not be used again.

    Raises:
        RemoteProtocolError: A is not acceptable, or u is 0.
    """
    group.check_public(client_public, "srpA")
    side = _verifier(verifier, b, client_public, group, backend)
    group.scrambler(client_public, group.pad(int.from_bytes(side.get_challenge()[1], "big")), "srpA")
    side.verify_session(b"")
    return _key(side)


def _verifier(verifier: int, b: bytes, client_public: bytes, group: Group, backend: str) -> Any:
    # Name and salt go only into the package's own proofs, which nobody reads: K depends on neither once v is made.
    return BACKENDS[backend].Verifier(
        b"", b"\x01", group.pad(verifier), bytes_A=client_public, bytes_b=_exponent(b, backend), **_settings(group)
    )


def _settings(group: Group) -> dict[str, Any]:
    # Hexadecimal as bytes: given text, the compiled backend fails in ctypes.
    return {
        "hash_alg": {"sha1": _pure.SHA1, "sha256": _pure.SHA256}[group.hash_name],
        "ng_type": _pure.NG_CUSTOM,
        "n_hex": b"%X" % group.modulus,
        "g_hex": b"%X" % group.generator,
    }


def _exponent(exponent: bytes, backend: str) -> bytes:
    if len(exponent) != EXPONENT_BYTES:
        raise LocalProtocolError(f"an exponent has {EXPONENT_BYTES} bytes, not {len(exponent)}")
    return exponent.rjust(_PURE_EXPONENT_BYTES, b"\x00") if backend == "pure" else exponent


def _key(side: Any) -> bytes:
    # get_session_key() answers only after the package's own proofs were exchanged; the attribute is there before.
    key = side.K
    assert isinstance(key, bytes), "the checks above leave the package no reason to refuse"
    return key
