"""Leaves: the one form in which status, configuration, results and events travel inside the device.

A leaf is a path and a value. Arrays are numbers in the path: `("Call", 3, "Status")`. All renderings (`jsonform`, `terminal`,
`xmlform`) begin here, so that they agree. Source: protocol/xapi.md 2.1, 2.4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, TypeAlias

from endpoint.wire.xapi.nodes import Value
from endpoint.wire.xapi.paths import Path


class Mark(Enum):
    """What stands at a path in place of a value."""

    GHOST = "ghost"
    """An element of an array that is gone."""
    NODE = "node"
    """A node that is there and has nothing below it, such as an event without fields."""


LeafValue: TypeAlias = Value | Mark
Leaf: TypeAlias = tuple[Path, LeafValue]
Fields: TypeAlias = Mapping[str, Any]
"""Names to values, further fields, or sequences of either: what a command answers and an event says. None is left out."""


def flatten(fields: Fields, root: Path = ()) -> list[Leaf]:
    """Return fields as leaves below `root`.

    A sequence is an array, numbered from 1; an element that is a mapping may say its own number as `id`. Booleans are the words True
    and False.
    """
    found: list[Leaf] = []
    for name, value in fields.items():
        _add(found, (*root, name), value)
    return found


def _add(found: list[Leaf], path: Path, value: Any) -> None:
    match value:
        case None:
            return
        case bool():
            found.append((path, str(value)))
        case str() | int() | Mark():
            found.append((path, value))
        case Mapping():
            if value:
                found.extend(flatten(value, path))
            else:
                found.append((path, Mark.NODE))
        case Sequence():
            for number, element in enumerate(value, start=1):
                _add_element(found, path, number, element)
        case _:
            raise TypeError(f"{path}: no leaf can hold a {type(value).__name__}")


def _add_element(found: list[Leaf], path: Path, number: int, element: Any) -> None:
    if isinstance(element, Mapping) and "id" in element:
        number = int(element["id"])
        element = {name: value for name, value in element.items() if name != "id"}
    _add(found, (*path, number), element)
