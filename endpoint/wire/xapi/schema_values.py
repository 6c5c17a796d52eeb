"""Attributes of the objects of a schema file: value spaces, roles, defaults, names. Source: protocol/xapi.md 2.7."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.xapi.rows import ROLES
from endpoint.wire.xapi.spaces import ValueSpace

LITERALS_MAX: Final = 2_000
ARGUMENTS_MAX: Final = 200
NAME_CHARS_MAX: Final = 200

_LETTERS: Final = MappingProxyType({name.casefold(): letter for letter, name in ROLES.items()})
_KINDS: Final = MappingProxyType({"literal": "literal", "integer": "integer", "int": "integer", "string": "string"})


class NotUnderstoodError(Exception):
    """An object whose content has another shape than the documented one; its text is the reason."""


def read_space(stated: object) -> tuple[ValueSpace, int]:
    """Read a value space, and how often an argument of it may be given."""
    if stated is None or stated == {}:
        return ValueSpace("string"), 1
    if not isinstance(stated, dict):
        raise NotUnderstoodError("a value space that is no object")
    word = str(stated.get("type", "")).casefold()
    kind = _KINDS.get(word.removesuffix("array"))
    many = min(_number(stated.get("multiple")) or (ARGUMENTS_MAX if word.endswith("array") else 1), ARGUMENTS_MAX)
    if kind == "literal":
        return ValueSpace("literal", _literals(stated.get("Values"))), max(1, many)
    if kind is None:
        raise NotUnderstoodError("a value space other than Literal, Integer, String")
    ends = ("Min", "Max") if kind == "integer" else ("MinLength", "MaxLength")
    low, high = (_number(stated.get(end)) for end in ends)
    if (low is not None and high is not None and low > high) or (kind == "string" and min(low or 0, high or 0) < 0):
        raise NotUnderstoodError("a value space whose bounds are the wrong way round")
    return ValueSpace("integer" if kind == "integer" else "string", low=low, high=high), max(1, many)


def _literals(listed: object) -> tuple[str, ...]:
    if not isinstance(listed, list) or not 0 < len(listed) <= LITERALS_MAX:
        raise NotUnderstoodError("a literal value space without values")
    found: dict[str, str] = {}
    for value in listed:
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            raise NotUnderstoodError("a literal that is no word")
        word = str(value)
        if not word.isprintable() or not 0 < len(word) <= NAME_CHARS_MAX:
            raise NotUnderstoodError("a literal that is no word")
        found.setdefault(word.casefold(), word)
    return tuple(found.values())


def read_default(attributes: Mapping[str, object], space: ValueSpace) -> str | None:
    """Return a default as text, None without one or when the value space refuses it."""
    value = attributes.get("default")
    if not isinstance(value, (str, int)) or value == "":
        return None
    try:
        return str(space.accept(value))
    except LocalProtocolError:
        return None


def read_roles(attributes: Mapping[str, object], member: str) -> str:
    """Return the letters of the roles that a member lists."""
    listed = attributes.get(member) or []
    names = listed if isinstance(listed, list) else [listed]
    found = {_LETTERS[name.casefold()] for name in names if isinstance(name, str) and name.casefold() in _LETTERS}
    return "".join(letter for letter in ROLES if letter in found)


def read_members(attributes: Mapping[str, object], member: str) -> Mapping[str, object]:
    """Return named children; a list of objects that have a `name` will do."""
    found = attributes.get(member) or {}
    if isinstance(found, list):
        found = {str(child.get("name")): child for child in found if isinstance(child, dict)}
    if not isinstance(found, dict):
        raise NotUnderstoodError("children that are no object")
    return found


def read_name(value: object) -> str:
    """Return the name of an argument or a field."""
    if not isinstance(value, str) or not value.isprintable() or " " in value or not 0 < len(value) <= NAME_CHARS_MAX:
        raise NotUnderstoodError("a name that is no word")
    return value


def _number(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    try:
        number = int(value)
    except ValueError:
        return None
    return number if abs(number) < 10**15 else None


def is_true(value: object) -> bool:
    """Read a flag: true, or the word for it."""
    return value is True or (isinstance(value, str) and value.casefold() == "true")


def field_space(child: Mapping[str, object]) -> ValueSpace:
    """Read what the field of an event can hold."""
    stated = child.get("valuespace")
    if isinstance(stated, dict):
        return read_space(stated)[0]
    if stated == "int":
        return ValueSpace("integer")
    listed = child.get("values")
    return ValueSpace("literal", _literals(listed)) if stated == "literal" and listed else ValueSpace("string")
