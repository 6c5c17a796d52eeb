"""Passphrases: how they are kept, drawn, and what a new one has to be.

Rules and their defaults are documented (`UserManagement PasswordPolicy`), what a passphrase is hashed with is ours.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from endpoint.runtime.chance import Actor
from endpoint.wire.secret import Secret
from endpoint.xapi.saved import SavedPassphrase
from endpoint.xapi.tree import Tree

COST: Final = 12
"""Binary logarithm of scrypt's N: about ten milliseconds."""
BLOCK: Final = 8
MEMORY_BYTES_MAX: Final = 128 * 1024 * 1024
SALT_BYTES: Final = 16
DIGEST_BYTES: Final = 32
PASSPHRASE_BYTES_MAX: Final = 255
EARLIER_MAX: Final = 24
DRAWN_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"
DRAWN_CHARS: Final = 20
DAY_S: Final = 86_400
_POLICY: Final = ("UserManagement", "PasswordPolicy")
_NOBODY: Final = SavedPassphrase(cost=COST, salt=bytes(SALT_BYTES), digest=bytes(DIGEST_BYTES))

Kept: TypeAlias = SavedPassphrase | Secret | None
"""What a passphrase is compared with: its hash, a drawn one, or nothing that could match."""


def make(passphrase: str, salt: bytes) -> SavedPassphrase:
    """Hash a passphrase with a salt that was just drawn; takes about ten milliseconds."""
    return SavedPassphrase(cost=COST, salt=salt, digest=_digest(passphrase, COST, salt))


def matches(kept: Kept, passphrase: str) -> bool:
    """Say whether a passphrase is the one that is kept; takes as long where none is."""
    against = kept if isinstance(kept, SavedPassphrase) else _NOBODY
    digest = _digest(passphrase, against.cost, against.salt)
    if isinstance(kept, Secret):
        return bool(passphrase) and hmac.compare_digest(_bytes(kept.reveal()), _bytes(passphrase))
    return hmac.compare_digest(digest, against.digest) and kept is not None and bool(passphrase)


def is_among(kept: Iterable[Kept], passphrase: str) -> bool:
    """Say whether a passphrase is one of several."""
    return any(matches(one, passphrase) for one in kept)


def mark(key: bytes, passphrase: str) -> bytes:
    """Return what a passphrase that was right is remembered by; without the key nothing can be told from it."""
    return hmac.digest(key, _bytes(passphrase), "sha256")


def _digest(passphrase: str, cost: int, salt: bytes) -> bytes:
    given = _bytes(passphrase)[: PASSPHRASE_BYTES_MAX + 1]  # a longer one is nobody's
    return hashlib.scrypt(given, salt=salt, n=1 << cost, r=BLOCK, p=1, maxmem=MEMORY_BYTES_MAX, dklen=DIGEST_BYTES)


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


class Drawn:
    """The passphrase of the built-in user while nobody has set one: drawn once for a start, when it is first asked for."""

    __slots__ = ("_chance", "_value")

    def __init__(self, chance: Actor) -> None:
        self._chance = chance
        self._value: Secret | None = None

    @property
    def value(self) -> Secret:
        """The passphrase."""
        if self._value is None:
            stream = self._chance.stream("admin passphrase")
            self._value = Secret("passphrase", "".join(stream.choice(DRAWN_LETTERS) for _ in range(DRAWN_CHARS)))
        return self._value


@dataclass(frozen=True, slots=True)
class Policy:
    """What a new passphrase has to be; 0 = no such rule.

    Attributes:
        reuse: how many of those before may not come back.
    """

    length: int
    digits: int
    lowercase: int
    uppercase: int
    special: int
    reuse: int

    @classmethod
    def of(cls, configuration: Tree) -> Policy:
        """Read the rules that hold now."""

        def number(*path: str) -> int:
            return int(configuration.get((*_POLICY, *path)) or 0)

        return cls(
            length=number("Complexity", "MinimumLength"),
            digits=number("Complexity", "MinimumDigits"),
            lowercase=number("Complexity", "MinimumLowercase"),
            uppercase=number("Complexity", "MinimumUppercase"),
            special=number("Complexity", "MinimumSpecial"),
            reuse=number("ReuseLimit"),
        )

    def problem(self, passphrase: str) -> str:
        """Say what a new passphrase lacks; `""` when it is good."""
        has = {
            "characters": (len(passphrase), self.length),
            "digits": (sum(c.isdecimal() for c in passphrase), self.digits),
            "lower-case letters": (sum(c.islower() for c in passphrase), self.lowercase),
            "upper-case letters": (sum(c.isupper() for c in passphrase), self.uppercase),
            "special characters": (sum(not c.isalnum() for c in passphrase), self.special),
        }
        lacking = [f"{least} {what}" for what, (there, least) in has.items() if there < least]
        return f"A passphrase has at least {', '.join(lacking)}" if lacking else ""


def is_too_old(configuration: Tree, changed_s: int, now_s: float) -> bool:
    """Say whether a passphrase that was set then has outlived `MaxLifetime`."""
    days = int(configuration.get((*_POLICY, "MaxLifetime")) or 0)
    return days > 0 and now_s - changed_s >= days * DAY_S
