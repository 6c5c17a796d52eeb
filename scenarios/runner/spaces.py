"""What the members of lists and maps can be, for the literals that scenarios compare them with.

A shape is a map of members, a list of one element, or a `Space` at the end. Where a literal can never be the value it is a mistake of the
author, and found before anything runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from types import UnionType
from typing import Any, Final, Literal, TypeAlias, Union, get_args, get_origin

from scenarios.runner.problems import Problems, nearest
from scenarios.runner.values import Template
from scenarios.runner.yamltree import Scalar, kind_of

WORDS_SHOWN_MAX: Final = 12


@dataclass(frozen=True, slots=True)
class Space:
    """The values that a member can have: one of `words`, or anything of a kind."""

    kind: Literal["words", "text", "number", "flag", "any"]
    words: tuple[str, ...] = ()


Shape: TypeAlias = Any
"""`Space`, or a map or list of shapes; recursive, which mypy need not follow."""

TEXT: Final = Space("text")
NUMBER: Final = Space("number")
FLAG: Final = Space("flag")
ANY: Final = Space("any")
TRUTH: Final = Space("words", ("True", "False"))
"""The xAPI's own true and false, which are text."""


def words(*of: str) -> Space:
    """Return the space of so many words."""
    return Space("words", of)


def shape_of(example: object, known: Mapping[str, Space] | None = None, path: str = "") -> Shape:
    """Return the shape that an example has.

    Args:
        known: spaces of members that the example does not tell, by dotted path; elements of lists add nothing to it.
    """
    if known and path in known:
        return known[path]
    if isinstance(example, Mapping):
        return {key: shape_of(value, known, f"{path}.{key}".lstrip(".")) for key, value in example.items()}
    if isinstance(example, list) and example:
        return [shape_of(example[0], known, path)]
    if isinstance(example, bool):
        return FLAG
    if isinstance(example, (int, float)):
        return NUMBER
    return TEXT if isinstance(example, str) else ANY


def space_of(annotation: Any) -> Space:
    """Return the space that a type stands for."""
    if get_origin(annotation) is Literal:
        return Space("words", tuple(str(word) for word in get_args(annotation)))
    if get_origin(annotation) in (Union, UnionType):
        return ANY
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return Space("words", tuple(str(one.value) for one in annotation))
    if annotation is bool:
        return FLAG
    if annotation in (int, float):
        return NUMBER
    return TEXT if annotation in (str, datetime) else ANY


def check_literal(problems: Problems, scalar: Scalar, space: Space, name: str) -> None:
    """Note a literal that a member of this name never is."""
    value = scalar.value
    if value is None or isinstance(value, Template) or space.kind == "any":
        return
    if space.kind == "words" and value not in space.words:
        shown = ", ".join(space.words[:WORDS_SHOWN_MAX]) + (", ..." if len(space.words) > WORDS_SHOWN_MAX else "")
        near = nearest(str(value), space.words)
        problems.add(scalar.at, f"{name} is never `{_written(value)}`; it is one of {shown}", near)
    elif space.kind == "text" and not isinstance(value, str):
        problems.add(scalar.at, f"{name} is text, not {kind_of(scalar)}; put it in quotes")
    elif space.kind == "number" and (isinstance(value, bool) or not isinstance(value, (int, float))):
        problems.add(scalar.at, f"{name} is a number, not {kind_of(scalar)}")
    elif space.kind == "flag" and not isinstance(value, bool):
        problems.add(scalar.at, f"{name} is true or false, not {kind_of(scalar)}")


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)[:80]
