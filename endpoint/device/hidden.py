"""Values that are never shown outside the xAPI itself."""

from __future__ import annotations

from typing import Final

HIDDEN: Final = ("password", "passphrase", "token")
"""Endings of leaves whose value is never shown: they read as empty, as on a device. Source: protocol/xapi.md, `hide_value`."""


def is_hidden(path: str) -> bool:
    """Say whether the value at a path, words with blanks, is never shown."""
    return path.casefold().endswith(HIDDEN)
