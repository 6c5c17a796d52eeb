"""Who asks: credentials of a request, in the forms in which clients send them.

Source: protocol/xapi.md 3.2, 5.1; RFC 7617.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final, NamedTuple

from endpoint.wire.secret import Secret
from endpoint.wire.xapi.calls import Caller
from endpoint.xapi.http.ports import Users
from endpoint.xapi.users import LoginRefused

SUBPROTOCOL: Final = "auth-"
CREDENTIALS_CHARS_MAX: Final = 1_024


class Login(NamedTuple):
    """A user's name and passphrase."""

    name: str
    passphrase: Secret


def basic(header: str) -> Login | None:
    """Read an `Authorization` header; None when it is no Basic one."""
    scheme, _, text = header.partition(" ")
    return _decoded(text.strip()) if scheme.casefold() == "basic" else None


def offered(header: str) -> str:
    """Return the sub-protocol that the handshake echoes: the one with the credentials, else the first; "" for none."""
    names = [name.strip() for name in header.split(",")]
    return next((name for name in names if name.startswith(SUBPROTOCOL)), names[0])


def subprotocol(name: str) -> Login | None:
    """Read `auth-<base64>`, in either alphabet, with or without padding; None when it is none."""
    return _decoded(name.removeprefix(SUBPROTOCOL)) if name.startswith(SUBPROTOCOL) else None


def _decoded(text: str) -> Login | None:
    if len(text) > CREDENTIALS_CHARS_MAX:
        return None
    plain = text.translate(str.maketrans("-_", "+/")).rstrip("=")
    try:
        raw = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    try:
        pair = raw.decode()
    except UnicodeDecodeError:
        pair = raw.decode("latin-1")  # what clients did before RFC 7617
    name, colon, passphrase = pair.partition(":")
    return Login(name, Secret("passphrase", passphrase)) if colon else None


async def caller_of(users: Users, logins: list[Login | None], *, origin: str, door: str) -> Caller | None:
    """Return who the first login that is right stands for; None when none is."""
    for login in logins:
        if login is None:
            continue
        try:
            return await users.authenticate(login.name, login.passphrase.reveal(), origin=origin, door=door)
        except LoginRefused:
            continue
    return None
