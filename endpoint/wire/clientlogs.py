"""Messages of the client logs service: where to put a bundle, and what it was.

The three steps (ask for a place, put, say what it was) and their members are those of the public SDK's support plugin; that a room device
uses the same service is our assumption.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

NAME_CHARS_MAX: Final = 256
ENTRIES_MAX: Final = 64
BUNDLE_BYTES_MAX: Final = 16 * 1024 * 1024

FileName = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_CHARS_MAX, pattern=r"^[A-Za-z0-9._-]+$")]


class UrlRequest(msgspec.Struct, kw_only=True, frozen=True):
    """Body of `POST /logs/url`."""

    file: FileName


class UrlReply(msgspec.Struct, kw_only=True, frozen=True):
    """Answer of `POST /logs/url`: where to put the bundle, and what it is called from now on."""

    temp_url: str = msgspec.field(name="tempURL")
    log_filename: FileName = msgspec.field(name="logFilename")


class Entry(msgspec.Struct, kw_only=True, frozen=True):
    """One thing said of a bundle."""

    key: Annotated[str, msgspec.Meta(max_length=NAME_CHARS_MAX)]
    value: Annotated[str, msgspec.Meta(max_length=NAME_CHARS_MAX)]


class MetaRequest(msgspec.Struct, kw_only=True, frozen=True):
    """Body of `POST /logs/meta`."""

    filename: FileName
    data: Annotated[tuple[Entry, ...], msgspec.Meta(max_length=ENTRIES_MAX)] = ()
