"""Answers of the HTTP door, before they have headers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from endpoint.wire.xapi import xmlform

XML: Final = "text/xml"
PLAIN: Final = "text/plain"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; an empty media type goes with an empty body."""

    status: int
    body: str = ""
    media: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


def plain(status: int, why: str = "", headers: Mapping[str, str] | None = None) -> Answer:
    """Refuse, in a plain text that begins with the status and its phrase."""
    text = f"{status} {HTTPStatus(status).phrase}\n" + (f"{why}\n" if why else "")
    return Answer(status, text, PLAIN, headers or {})


def xml(lines: Iterable[str]) -> Answer:
    """Answer with a document."""
    return Answer(200, xmlform.document(lines), XML)
