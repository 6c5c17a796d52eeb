"""Values that must never be printed: tokens, codes' secret halves, keys."""

from __future__ import annotations

import hmac
from typing import Any


class Secret:
    """Hold a secret string so that only `reveal()` can show it.

    `str()`, `repr()` and formatting print `<kind>`; the trace prints `<kind#n>`, equal numbers for equal values within
    a run.
    Comparison is constant-time in the length of the value.
    """

    __slots__ = ("_value", "secret_kind")

    def __init__(self, kind: str, value: str) -> None:
        self.secret_kind = kind
        self._value = value

    def reveal(self) -> str:
        """Return the value itself. Only code that puts it on the wire or on disk calls this."""
        return self._value

    def __str__(self) -> str:
        return f"<{self.secret_kind}>"

    __repr__ = __str__

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(("Secret", self._value))

    def __reduce__(self) -> Any:
        raise TypeError("a Secret is not pickled: write it to disk on purpose, with reveal()")


class AccessToken(Secret):
    """An OAuth access token."""

    __slots__ = ()

    def __init__(self, value: str) -> None:
        super().__init__("access_token", value)


class RefreshToken(Secret):
    """An OAuth refresh token."""

    __slots__ = ()

    def __init__(self, value: str) -> None:
        super().__init__("refresh_token", value)


class KeyMaterial(Secret):
    """The secret part of a key."""

    __slots__ = ()

    def __init__(self, value: str) -> None:
        super().__init__("key", value)


class Pin(Secret):
    """A PIN or passcode of a meeting."""

    __slots__ = ()

    def __init__(self, value: str) -> None:
        super().__init__("pin", value)


class Sdp(Secret):
    """A session description, or a text that holds one: it has the passwords of the media's connections."""

    __slots__ = ()

    def __init__(self, value: str) -> None:
        super().__init__("sdp", value)
