"""How commands end: exit codes are a contract, design.md section 6."""

from __future__ import annotations

import sys
from enum import IntEnum

import typer


class Exit(IntEnum):
    """Exit codes, the same everywhere."""

    OK = 0
    NO = 1
    USAGE = 2
    INTERNAL = 3
    NOTHING = 4
    INTERRUPTED = 130


def refused(text: str, code: Exit = Exit.USAGE) -> typer.Exit:
    """Say in one line why nothing is done, and return what ends the command."""
    print(text, file=sys.stderr)
    return typer.Exit(code)
