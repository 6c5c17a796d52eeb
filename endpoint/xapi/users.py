"""Local users: who may log in, with which passphrase or key, and as what.

Source: protocol/xapi.md 2.6, 4.1, 4.9.
"""

from __future__ import annotations

from endpoint.wire.xapi.calls import Caller


class LoginRefused(Exception):
    """Nobody of that name with that passphrase or key may log in now."""


class Users:
    """The local users of one device."""

    async def authenticate(self, name: str, passphrase: str, *, origin: str, door: str) -> Caller:
        """Check a passphrase.

        Raises:
            LoginRefused: the name or the passphrase is wrong, or the user is inactive or locked out.
        """
        raise LoginRefused

    def authenticate_key(self, name: str, key: bytes, *, origin: str, door: str) -> Caller:
        """Accept the owner of a public key (SSH wire format) whose possession was proven.

        Raises:
            LoginRefused: the key is not one of the user's, or the user is inactive or locked out.
        """
        raise LoginRefused
