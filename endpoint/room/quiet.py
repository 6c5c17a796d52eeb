"""Ports that nobody has plugged: they say no, and do nothing. All devices share them."""

from __future__ import annotations


def never(*_: object) -> bool:
    """Say no."""
    return False


def nothing(*_: object) -> None:
    """Do nothing."""
