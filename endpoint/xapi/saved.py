"""What of users and HTTP feedback survives a restart; the device's storage keeps it."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

ROLE_LETTERS: Final = "AIURTPY"
"""The letters of the node table, in the order in which roles are listed."""


class SavedPassphrase(msgspec.Struct, kw_only=True, frozen=True, rename="camel"):
    """A passphrase as scrypt leaves it: `cost` is the binary logarithm of its N."""

    cost: Annotated[int, msgspec.Meta(ge=1, le=16)]
    salt: bytes
    digest: bytes


class SavedKey(msgspec.Struct, kw_only=True, frozen=True, rename="camel"):
    """A public key that a user logs in with over ssh; `blob` is its wire format."""

    algorithm: str
    blob: bytes
    comment: str = ""


class SavedLogin(msgspec.Struct, kw_only=True, frozen=True, rename="camel"):
    """A login: from where, and when in seconds since 1970."""

    origin: str
    at_s: int


class SavedUser(msgspec.Struct, kw_only=True, frozen=True, rename="camel"):
    """One account.

    Attributes:
        roles: letters of the node table.
        draws_passphrase: the built-in user, until somebody sets its passphrase: it is drawn anew at each start.
        changed_s: when the passphrase was set, in seconds since 1970.
        earlier: passphrases before this one, the latest first.
        is_locked_down: switched off by lock-down, for good.
    """

    name: str
    roles: str
    is_active: bool = True
    has_shell: bool = True
    must_change: bool = False
    certificate_dn: str = ""
    passphrase: SavedPassphrase | None = None
    draws_passphrase: bool = False
    changed_s: int = 0
    earlier: tuple[SavedPassphrase, ...] = ()
    keys: tuple[SavedKey, ...] = ()
    last_login: SavedLogin | None = None
    is_locked_down: bool = False


class SavedFeedback(msgspec.Struct, kw_only=True, frozen=True, rename="camel"):
    """One registration of HTTP feedback."""

    slot: Annotated[int, msgspec.Meta(ge=1, le=4)]
    url: str
    format: Literal["XML", "JSON"] = "XML"
    expressions: tuple[str, ...] = ()
    has_failed: bool = False
