"""xAPI paths as people write them, checked against the device's node table.

A path is words as on the command line, any case, with list elements as a word or in brackets: `Call 1 Status`, `Call[1] Status`,
`Call[*] Status`. The node table names the same path `Call[n] Status`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.xapi.nodes import Branch, Nodes
from endpoint.wire.xapi.paths import Path as TreePath
from endpoint.wire.xapi.paths import parse_path
from scenarios.runner.problems import nearest
from scenarios.runner.values import Template

PREFIX = {"Status": "xStatus", "Configuration": "xConfiguration", "Command": "xCommand", "Event": "xEvent"}

_PART = re.compile(r"([A-Za-z][A-Za-z0-9]*)(?:\[([0-9]{1,9}|\*|n)\])?")
_INDEX = re.compile(r"[0-9]{1,9}|\*")


class Part(NamedTuple):
    """One word of a path, and the element it names: a number, `*` for all, `n` in a node table, or none."""

    name: str
    element: str | None = None


Path = tuple[Part, ...]


def read_path(text: str) -> Path:
    """Split a path into words and elements.

    Raises:
        ValueError: something that cannot be part of a path.
    """
    parts: list[Part] = []
    for word in text.replace("/", " ").split():
        found = _PART.fullmatch(word)
        if found is not None:
            parts.append(Part(found[1], found[2]))
        elif parts and parts[-1].element is None and _INDEX.fullmatch(word):
            parts[-1] = Part(parts[-1].name, word)
        else:
            raise ValueError(f"`{word[:40]}` cannot be a word of an xAPI path")
    if not parts:
        raise ValueError("the path is empty")
    return tuple(parts)


def show_path(path: Path) -> str:
    """Print a path as on the command line: `Call 1 Status`, all elements as `Call[*] Status`."""
    return " ".join(
        part.name
        if part.element is None
        else f"{part.name} {part.element}"
        if part.element.isdigit()
        else f"{part.name}[{part.element}]"
        for part in path
    )


def fold(path: Path) -> str:
    """Return the form under which paths are compared: lower case, one spelling of elements."""
    return show_path(path).casefold()


def has_wildcard(path: Path) -> bool:
    """Say whether a path names all elements of a list."""
    return any(part.element == "*" for part in path)


def stem(path: Path) -> TreePath:
    """Return the words before the first wildcard, as the trees of a device take them: all that the path names is at or below."""
    found: list[str | int] = []
    for part in path:
        found.append(part.name)
        if part.element is not None and not part.element.isdigit():
            break
        found += [] if part.element is None else [int(part.element)]
    return tuple(found)


def values_at(tree: Mapping[str, object], path: Path) -> list[object]:
    """Return the values of the leaves that a path names, from a flat tree with canonical paths as keys."""
    if not has_wildcard(path):
        direct = show_path(path)
        if direct in tree:
            return [tree[direct]]
        wanted = direct.casefold()
        return [value for key, value in tree.items() if key.casefold() == wanted]
    return [*_leaves(tree, path).values()]


def _leaves(tree: Mapping[str, object], path: Path) -> dict[str, object]:
    pattern = re.compile(
        " ".join(
            re.escape(part.name) + {None: "", "*": " [0-9]+"}.get(part.element, f" {part.element}") for part in path
        ),
        re.IGNORECASE,
    )
    return {key: value for key, value in tree.items() if pattern.fullmatch(key)}


def elsewhere(tree: Mapping[str, object], path: Path) -> dict[str, object]:
    """Return the leaves that differ from a path only in its elements: `Call 2 Status` for `Call 1 Status`; none if that is there."""
    if all(part.element is None for part in path) or values_at(tree, path):
        return {}
    return _leaves(tree, tuple(Part(part.name, part.element and "*") for part in path))


def node_name(path: Path) -> str:
    """Print a path as the node table names it: `Call[n] Status`."""
    return " ".join(part.name if part.element is None else f"{part.name}[n]" for part in path)


def check_path(branch: Branch, path: Path, table: Nodes) -> tuple[str, str | None] | None:
    """Return what is wrong with a path and the nearest right one, or None when the device has it."""
    known = table.paths(branch)
    wanted = node_name(path).casefold()
    if any(candidate.casefold() == wanted for candidate in known):
        return None
    near = nearest(node_name(path), known)
    if near is not None:
        near = _with_elements(near, [part.element for part in path if part.element is not None])
    return f"`{show_path(path)}` is no {PREFIX[branch]} path of {table.title}", near


def _with_elements(node: str, indices: list[str]) -> str:
    """Put the elements that the author wrote into a path of the node table."""
    parts = []
    for part in read_path(node):
        index = (indices.pop(0) if indices else "*") if part.element == "n" else None
        parts.append(Part(part.name, index))
    return show_path(tuple(parts))


def check_word(branch: Branch, path: Path, word: object, table: Nodes) -> tuple[str, str | None] | None:
    """Return what is wrong with a literal that a leaf is compared with, or None when the leaf can have it."""
    node = table.find(branch, parse_path(re.sub(r"\[n\]|\[\*\]", " 1", show_path(path))))
    words = table.words(branch, node_name(path))
    shown = str(word).lower() if isinstance(word, bool) else str(word)
    if words is not None:
        if word in words or word is None or isinstance(word, Template):
            return None
        return f"`{show_path(path)}` is never `{shown}`; it is one of {', '.join(words)}", nearest(shown, words)
    if node is not None and node.space.kind == "integer" and isinstance(word, (str, int)) and word != "":
        try:
            node.space.accept(shown)
        except LocalProtocolError as error:
            return f"`{show_path(path)}` is a number: {error}", None
    return None


def check_setting(path: Path, value: object, table: Nodes) -> str | None:
    """Return why a configuration cannot be set to a value, or None when it can."""
    node = table.find("Configuration", parse_path(show_path(path)))
    if node is None or not isinstance(value, (str, int)) or isinstance(value, bool):
        return None
    try:
        node.space.accept(value)
    except LocalProtocolError as error:
        return f"`{show_path(path)}`: {error}"
    return None
