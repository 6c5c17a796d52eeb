"""The activation code as a person types it. Source: protocol/activation-and-media.md 2.2; its 16 digits are documented."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeGuard

from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.secret import Secret

ID_DIGITS: Final = 8
CODE_DIGITS: Final = 16
_DIGITS: Final = frozenset("0123456789")


class MalformedCode(LocalProtocolError):
    """What a person typed is no activation code; the text says what one looks like and repeats nothing of it."""


@dataclass(frozen=True, slots=True)
class Code:
    """An activation code: digits 1-8 travel in clear as `activation_id`, digits 9-16 are the password and never travel."""

    activation_id: str
    secret: Secret


def parse_code(text: str) -> Code:
    """Read a 16-digit activation code as a person types it; spaces and hyphens may stand anywhere.

    Raises:
        MalformedCode: anything but 16 ASCII digits is left without them (error code `code.malformed`, no request is made).
    """
    digits = text.replace(" ", "").replace("-", "")
    right = "an activation code has 16 digits, like 1234-5678-9012-3456; spaces and hyphens do not count"
    if not _DIGITS.issuperset(digits):
        raise MalformedCode(f"{right}; this one has other characters")
    if len(digits) != CODE_DIGITS:
        raise MalformedCode(f"{right}; this one has {len(digits)} digits")
    return Code(digits[:ID_DIGITS], Secret("activation_secret", digits[ID_DIGITS:]))


def is_activation_id(value: object) -> TypeGuard[str]:
    """Tell whether a value is the public half of a code: 8 ASCII digits."""
    return isinstance(value, str) and len(value) == ID_DIGITS and _DIGITS.issuperset(value)
