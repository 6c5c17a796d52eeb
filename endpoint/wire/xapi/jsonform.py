"""The two JSON renderings of leaves: typed for the websocket and REST, strings for the shell and HttpFeedback.

Members stand in alphabetical order with capitals first, so that `id` and `status` come last, as devices write them.
Source: protocol/xapi.md 2.4, 3.3 to 3.6, 4.5, 6.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias

from endpoint.wire.xapi.leaves import Leaf, LeafValue, Mark
from endpoint.wire.xapi.paths import Path

GHOST: Final = {"ghost": "True"}
Nested: TypeAlias = dict[str | int, Any]


def nest(leaves: Iterable[Leaf]) -> Nested:
    """Return leaves as dictionaries in dictionaries; numbers are the keys of arrays, marks and values the innermost."""
    root: Nested = {}
    for path, value in leaves:
        node = root
        for part in path[:-1]:
            below = node.get(part)
            if not isinstance(below, dict):
                below = node[part] = {}
            node = below
        if not isinstance(node.get(path[-1]), dict):
            node[path[-1]] = value
    return root


def typed(leaves: Iterable[Leaf], *, event: Path | None = None) -> dict[str, Any]:
    """Render with native types: integers as numbers, element ids as numbers.

    Args:
        event: where the event is; its object has an `id` as well, always 1 (protocol 3.5).
    """
    root = nest(leaves)
    if event is not None:
        _event_node(root, event).setdefault("id", 1)
    shown: dict[str, Any] = _typed(root)
    return shown


def _event_node(root: Nested, event: Path) -> Nested:
    node = root
    for part in event:
        below = node.get(part)
        if not isinstance(below, dict):
            below = node[part] = {}
        node = below
    return node


def _typed(node: Any) -> Any:
    if isinstance(node, Mark):
        return dict(GHOST) if node is Mark.GHOST else {}
    if not isinstance(node, dict):
        return node
    if node and all(isinstance(key, int) for key in node):
        return [_with_id(_typed(node[number]), number) for number in sorted(node)]
    return {str(key): _typed(node[key]) for key in sorted(node, key=str)}


def _with_id(element: Any, number: int | str) -> dict[str, Any]:
    shown = element if isinstance(element, dict) else {"Value": element}
    shown.setdefault("id", number)
    return shown


Decorate: TypeAlias = Callable[[Path, LeafValue], dict[str, Any]]


def _plain(path: Path, value: LeafValue) -> dict[str, Any]:
    return {}


def strings(leaves: Iterable[Leaf], decorate: Decorate = _plain) -> dict[str, Any]:
    """Render as the shell does: every leaf an object with its value as a string, element ids as strings.

    Args:
        decorate: what else a leaf's object has, such as `valueSpaceRef`.
    """
    shown: dict[str, Any] = _strings(nest(leaves), (), decorate)
    return shown


def _strings(node: Any, path: Path, decorate: Decorate) -> Any:
    if isinstance(node, Mark):
        return dict(GHOST) if node is Mark.GHOST else {}
    if not isinstance(node, dict):
        return {"Value": str(node), **decorate(path, node)}
    if node and all(isinstance(key, int) for key in node):
        return [_with_id(_strings(node[number], (*path, number), decorate), str(number)) for number in sorted(node)]
    return {str(key): _strings(node[key], (*path, key), decorate) for key in sorted(node, key=str)}


def at(shown: Any, path: Path) -> Any:
    """Return what stands at a path of a rendering; KeyError when nothing does. Element numbers find their `id`.

    Where a name follows an array without a number, the array itself is what stands there.
    """
    node = shown
    for part in path:
        if isinstance(node, list):
            if not isinstance(part, int):
                return node
            node = next((element for element in node if str(element.get("id")) == str(part)), None)
            if node is None:
                raise KeyError(part)
        else:
            node = node[part]
    return node
