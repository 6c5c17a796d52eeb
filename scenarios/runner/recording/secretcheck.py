"""The last look before a file is kept: does anything in it look like a secret, or is it one that was met?

It takes nothing out. A file that fails is not kept, and a file from elsewhere is not taken; the finding says where, and not a word of what.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from endpoint.wire.meeting import is_cipher_text
from scenarios.runner.recording.model import read_json
from scenarios.runner.recording.redact import MEMBERS, NUMBERS, is_placeholder
from scenarios.runner.whole_run import HARMLESS, SECRET

FINDINGS_MAX: Final = 100
KNOWN_CHARS_MIN: Final = 8
WHOLE_CHARS_MIN: Final = 6
"""A secret that is shorter than `KNOWN_CHARS_MIN` is found where it is all of a value: a PIN is part of many a number."""
_PLACEHOLDER: Final = re.compile(r"<[a-z_]+#\d+>")
_MORE: Final = re.compile(
    r"(?<![\w.+/-])[A-Za-z0-9+/-]{20,}={0,2}_[A-Za-z0-9]{2,8}_[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"  # <opaque>_<cluster>_<org>
    r"|a=ice-pwd:\S|a=crypto:\S"
    r"|(?:gh[pousr]|glpat|xox[abprs])[-_][A-Za-z0-9-]{16,}|\bAKIA[0-9A-Z]{16}\b"
)
"""Shapes of secrets beside those of the check `secrets`; the last row is of what strays into recordings of browsers."""
_BASIC: Final = re.compile(r"(?i:\bbasic )([A-Za-z0-9+/]{4,}={0,2})")
_FORM: Final = re.compile(r"[\w.%+-]+=\S*", re.ASCII)
_USERINFO: Final = re.compile(r"(?i:https?|wss?)://[^/?#\s@:]*:[^/?#\s@]+@")
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
    met = frozenset(one for one in known if len(one) >= WHOLE_CHARS_MIN)
    for finding in _walk(value, met, place):
        findings.append(finding)
        if len(findings) == FINDINGS_MAX:
            break
    return findings


def _walk(value: Any, known: frozenset[str], place: str, name: str = "") -> Iterator[Finding]:
    if isinstance(value, dict):
        pair = value.get("name") if set(value) >= {"name", "value"} else None  # a header, a cookie, a member of a query
        for key, item in value.items():
            what = str(pair) if pair is not None and key == "value" else str(key)
            inner = f"{place}.{key}" if place else str(key)
            if _is_shaped(str(key)):
                inner = f"{place}.<a name>"
                yield Finding(inner, "the name of a member looks like a code, a token, a key or a password")
            if what.lower() not in HARMLESS:
                yield from _walk(item, known, inner, what)
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from _walk(item, known, f"{place}[{at}]", name)
    elif isinstance(value, str):
        yield from _judge(value, known, place, name)
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and value:
        kind = MEMBERS.get(name.lower())
        if kind in NUMBERS and name.lower() not in _SHORT:
            yield _in_clear(place, name, str(kind))


def _judge(text: str, known: frozenset[str], place: str, name: str) -> Iterator[Finding]:
    bare = text.lstrip("\ufeff \t\r\n")
    inner = read_json(bare) if bare[:1] in ("{", "[") else None
    if isinstance(inner, (dict, list)):
        yield from _walk(inner, known, place)
        return
    kind = MEMBERS.get(name.lower())
    is_clear = bool(text) and not is_placeholder(text) and not is_cipher_text(text)
    if kind is not None and name.lower() not in _SHORT and is_clear:
        yield _in_clear(place, name, kind)
        return
    rest = _PLACEHOLDER.sub("", text)
    if rest in known or any(one in rest for one in known if len(one) >= KNOWN_CHARS_MIN):
        yield Finding(place, "a secret that was met in this run")
    elif _is_shaped(rest):
        yield Finding(place, "it looks like a code, a token, a key or a password")
    elif _USERINFO.search(text):
        yield Finding(place, "the address has a name and a password in it")
    else:
        yield from _members(text, known, place)


def _members(text: str, known: frozenset[str], place: str) -> Iterator[Finding]:
    """Look at the members of a form, or of the query of an address."""
    form = text if _FORM.fullmatch(text) else text.partition("?")[2] if "://" in text[:8] else ""
    for name, value in parse_qsl(form) if form else ():
        if name.lower() in MEMBERS:
            yield from _judge(value, known, f"{place}.{name}", name)


def _in_clear(place: str, name: str, kind: str) -> Finding:
    return Finding(place, f"`{name}` holds a {kind.replace('_', ' ')} in clear")


def _is_shaped(text: str) -> bool:
    return (
        SECRET.search(text) is not None or _MORE.search(text) is not None or any(map(_is_basic, _BASIC.findall(text)))
    )


def _is_basic(text: str) -> bool:
    """Say whether a text is name and password as RFC 7617 writes them; an English word is none."""
    try:
        return b":" in base64.b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        return False
