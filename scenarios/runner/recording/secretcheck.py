"""The last look before a file is kept: does anything in it look like a secret, or is it one that was met?

It takes nothing out. A file that fails is not kept, and a file from elsewhere is not taken; the finding says where, and not a word of what.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from scenarios.runner.recording.model import read_json
from scenarios.runner.recording.redact import MEMBERS, is_placeholder
from scenarios.runner.whole_run import HARMLESS, SECRET

FINDINGS_MAX: Final = 100
KNOWN_CHARS_MIN: Final = 8
_PLACEHOLDER: Final = re.compile(r"<[a-z_]+#\d+>")
_MORE: Final = re.compile(
    r"(?i:\bbasic )[A-Za-z0-9+/=]{8,}"
    r"|(?<![\w.-])[A-Za-z0-9+/=-]{20,}_[A-Za-z0-9]{2,8}_[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"  # <opaque>_<cluster>_<org>
    r"|a=ice-pwd:\S|a=crypto:\S"
    r"|(?:gh[pousr]|glpat|xox[abprs])[-_][A-Za-z0-9-]{16,}|\bAKIA[0-9A-Z]{16}\b"
)
"""Shapes of secrets beside those of the check `secrets`; the last row is of what strays into recordings of browsers."""
_SHORT: Final = frozenset({"pin", "token", "secret", "signature", "tones"})
"""Members whose values are secret or not by where they stand; only the shape judges them."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something secret-shaped: where it stands, and what it looks like."""

    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}"


def find_secrets(value: Any, known: frozenset[str] = frozenset(), place: str = "") -> list[Finding]:
    """Return what looks like a secret in JSON, bodies that are JSON themselves included.

    Args:
        known: values that must not be there.
    """
    findings: list[Finding] = []
    for finding in _walk(value, frozenset(one for one in known if len(one) >= KNOWN_CHARS_MIN), place):
        findings.append(finding)
        if len(findings) == FINDINGS_MAX:
            break
    return findings


def _walk(value: Any, known: frozenset[str], place: str, name: str = "") -> Iterator[Finding]:
    if isinstance(value, dict):
        pair = value.get("name") if set(value) >= {"name", "value"} else None  # a header, a cookie, a member of a query
        for key, item in value.items():
            what = str(pair) if pair is not None and key == "value" else str(key)
            if what.lower() not in HARMLESS:
                yield from _walk(item, known, f"{place}.{key}" if place else str(key), what)
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from _walk(item, known, f"{place}[{at}]", name)
    elif isinstance(value, str):
        yield from _judge(value, known, place, name)


def _judge(text: str, known: frozenset[str], place: str, name: str) -> Iterator[Finding]:
    inner = read_json(text) if text[:1] in ("{", "[") else None
    if isinstance(inner, (dict, list)):
        yield from _walk(inner, known, place)
        return
    kind = MEMBERS.get(name.lower())
    if kind is not None and name.lower() not in _SHORT and text and not is_placeholder(text):
        yield Finding(place, f"`{name}` holds a {kind.replace('_', ' ')} in clear")
        return
    rest = _PLACEHOLDER.sub("", text)
    if any(one in rest for one in known):
        yield Finding(place, "a secret that was met in this run")
    elif SECRET.search(rest) or _MORE.search(rest):
        yield Finding(place, "it looks like a code, a token, a key or a password")
