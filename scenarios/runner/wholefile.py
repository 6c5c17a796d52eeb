"""Writing files that are whole or not there at all, and folders that are for one thing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

PRIVATE: Final = 0o600
"""Only the owner may read it."""
USUAL: Final = 0o666
"""Whatever the process lets others do."""


def write_whole(texts: Mapping[Path, str], mode: int = USUAL) -> None:
    """Write files, all or none: each is written aside first, and takes its place when all of them are.

    Raises:
        OSError: one cannot be written; `filename` says which, and what was there before still is.
    """
    new = {file: new_name(file) for file in texts}
    try:
        for file, text in texts.items():
            try:
                write_new(new[file], text.encode("utf-8", "backslashreplace"), mode)
            except OSError as error:
                raise OSError(error.errno, error.strerror, str(file)) from None  # a full disk names no file
        for file, written in new.items():
            written.replace(file)
    finally:
        for written in new.values():
            with suppress(OSError):
                written.unlink()


def write_new(file: Path, data: bytes, mode: int) -> None:
    """Write a file that was not there, or was left behind; OSError if it cannot be written."""
    file.unlink(missing_ok=True)  # what was left may be readable to others
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as stream:
        stream.write(data)


def new_name(file: Path) -> Path:
    """Name what a file is before it is whole."""
    return file.with_name(file.name + ".new")


def is_free(folder: Path) -> bool:
    """Say whether a directory is empty, or not there yet.

    Raises:
        OSError: it is no directory, or nobody may look into it.
    """
    try:
        return next(folder.iterdir(), None) is None
    except FileNotFoundError:
        return True
