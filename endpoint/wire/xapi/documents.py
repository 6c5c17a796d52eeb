"""Schema documents, the answers of `xDoc` and `xDocument`, and the names of value spaces.

A document is a tree of the node table: attributes in lower case and as text, below them the value space and the nodes.
A list has one element without id where numbers are free, one for each number where they are known.
Source: protocol/xapi.md 2.8, 5.2; the shape that jsxapi 6.0.0 generates its types from.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from endpoint.wire.xapi.nodes import BRANCHES, ROLES, Branch, Command, EventNode, Node, Nodes, ValueSpace
from endpoint.wire.xapi.paths import Path

Document: TypeAlias = dict[str, Any]

NAME_CHARS_MAX: Final = 48
_NAMED_FIRST: Final = ("on", "off")
_ROOTS: Final = {"Status": "StatusSchema", "Configuration": "Configuration", "Command": "Command", "Event": "Event"}
_ELEMENT: Final = "[n]"


def document(table: Nodes, path: Path, roles: str | None = None) -> Document | list[Document]:
    """Return the schema of what is at a path, as the websocket answers it; empty where there is nothing.

    Args:
        path: begins with a branch, `("Status", "Audio")`; `StatusSchema` will do for Status. A list that is named without
            a number is a list.
        roles: letters; only what one of them may read (or call) is shown. None = all.
    """
    found: Any = document_from_root(table, path, roles)
    for part in (next(iter(found), ""), *path[1:]):
        if isinstance(found, list):
            found = _element(found, part) if isinstance(part, int) else found[0] if found else {}
            if isinstance(part, int):
                continue
        key = next((key for key in found if key.casefold() == str(part).casefold()), None)
        found = {} if key is None else found[key]
    return found  # type: ignore[no-any-return]  # built below: dictionaries and lists of them


def document_from_root(table: Nodes, path: Path, roles: str | None = None) -> Document:
    """Return the same with everything above it, as the shell prints it: `{"StatusSchema": {"Audio": ...}}`."""
    branch = next((known for known in BRANCHES if str(path[0]).casefold() in _names(known)), None) if path else None
    tree: Document = {}
    if branch is not None:
        for text, leaf, ids in _leaves(table, branch, roles):
            parts = _restricted(_parts(text, ids), path[1:])
            if parts is not None:
                _place(tree, parts, leaf)
    return {_ROOTS[branch]: tree} if branch is not None and tree else {}


def space_document(space: ValueSpace, many: int = 1) -> Document:
    """Return a value space as an object: `{"type": "Integer", "Min": "0", "Max": "100", "Step": "1"}`."""
    array = "Array" if many > 1 else ""
    if space.kind == "literal":
        return {"type": f"Literal{array}", "Value": list(space.literals)}
    ends = ("Min", "Max") if space.kind == "integer" else ("MinLength", "MaxLength")
    bounds = {end: str(bound) for end, bound in zip(ends, (space.low, space.high), strict=True) if bound is not None}
    if space.kind == "integer":
        return {"type": f"Integer{array}", **bounds, **({"Step": "1"} if bounds else {})}
    return {"type": f"String{array}", **bounds}


def valuespace_name(space: ValueSpace) -> str:
    """Name a value space for `valueSpaceRef="/Valuespace/..."`: `INT_0_100`, `TTPAR_OnOff`, `STR_0_128_NoFilt`.

    Literals give the same name in any order, On and Off first; a name that is long, lost a sign or has a number in it
    ends in a digest.
    """
    if space.kind != "literal":
        bounds = "".join(f"_{bound}" for bound in (space.low, space.high) if bound is not None)
        return f"INT{bounds}" if space.kind == "integer" else f"STR{bounds}_NoFilt"
    words = sorted(space.literals, key=lambda word: (_first(word), word.casefold()))
    joined = "".join(word[:1].upper() + word[1:] for word in words)
    plain = re.sub(r"[^A-Za-z0-9]", "", joined)
    is_clear = plain == joined and all(word[0].isalpha() for word in words)
    if is_clear and len(plain) <= NAME_CHARS_MAX:
        return f"TTPAR_{plain}"
    digest = hashlib.sha256("/".join(words).encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"TTPAR_{plain[: NAME_CHARS_MAX - 9]}_{digest}"


def value_spaces(table: Nodes) -> dict[str, ValueSpace]:
    """Return every value space of a table by its name, sorted, as `/valuespace.xml` lists them."""
    spaces = [leaf.space for branch in BRANCHES for leaf in table.leaves(branch)]
    spaces += [argument.space for command in table.commands for argument in command.arguments]
    named = {valuespace_name(space): space for space in spaces}
    return {name: named[name] for name in sorted(named)}


def _first(word: str) -> int:
    return _NAMED_FIRST.index(word.casefold()) if word.casefold() in _NAMED_FIRST else len(_NAMED_FIRST)


def _names(branch: Branch) -> tuple[str, ...]:
    return branch.casefold(), _ROOTS[branch].casefold()


def _element(elements: list[Document], number: int) -> Document:
    """Return the element of a number; where numbers are free there is one for all."""
    return next((found for found in elements if found.get("id", str(number)) == str(number)), {})


def _leaves(table: Nodes, branch: Branch, roles: str | None) -> Iterator[tuple[str, Document, Sequence[range | None]]]:
    if branch == "Command":
        for command in table.commands:
            if _may(command.roles, roles):
                yield command.path, _of_command(command), ()
    elif branch == "Event":
        for event in table.events:
            if _may(event.read, roles):
                yield event.path, _of_event(event), ()
    else:
        for leaf in table.leaves(branch):
            if _may(leaf.read, roles):
                yield leaf.path, _of_leaf(leaf), leaf.elements


def _may(letters: str, roles: str | None) -> bool:
    return roles is None or not set(roles).isdisjoint(letters)


def _shown(letters: str) -> str:
    return ";".join(ROLES[letter] for letter in letters)


def _of_leaf(leaf: Node) -> Document:
    attributes = {"access": "public-api", "role": _shown(leaf.read)}
    if leaf.branch == "Configuration":
        attributes |= {"role": _shown(leaf.set), "read": _shown(leaf.read), "default": leaf.default}
    return {**attributes, "ValueSpace": space_document(leaf.space)}


def _of_command(command: Command) -> Document:
    found: Document = {"access": "public-api", "command": "True", "role": _shown(command.roles)}
    if command.multiline:
        found["multiline"] = "True"
    for argument in command.arguments:
        default = {} if argument.default is None else {"default": argument.default}
        space = space_document(argument.space, argument.many)
        found[argument.name] = {"required": str(argument.required), **default, "ValueSpace": space}
    return found


def _of_event(event: EventNode) -> Document:
    found: Document = {"access": "public-api", "read": _shown(event.read)}
    kinds = {"integer": "int", "literal": "literal", "string": "string"}
    for field in event.fields:
        leaf: Document = {"type": kinds[field.space.kind], "required": str(not field.optional)}
        if field.space.literals:
            leaf["Value"] = list(field.space.literals)
        _place(found, _parts(field.name, ()), leaf)
    return found


@dataclass(frozen=True, slots=True)
class _Part:
    """A word of a path; `ids` are the numbers of a list's elements, None for any number, empty for no list."""

    word: str
    ids: Sequence[int] | None = ()


def _parts(text: str, elements: Sequence[range | None]) -> list[_Part]:
    known = iter(elements)
    words = text.split(" ")
    return [_Part(word.removesuffix(_ELEMENT), next(known, None) if word.endswith(_ELEMENT) else ()) for word in words]


def _restricted(parts: list[_Part], path: Path) -> list[_Part] | None:
    """Return the parts with only those elements that a path names; None if they are not below it."""
    left, found = list(path), []
    for part in parts:
        if left and str(left.pop(0)).casefold() != part.word.casefold():
            return None
        if left and isinstance(left[0], int):
            number = left.pop(0)
            if part.ids is not None:
                if number not in part.ids:
                    return None
                part = _Part(part.word, (int(number),))
        found.append(part)
    return None if left else found


def _place(above: Document, parts: Sequence[_Part], leaf: Document) -> None:
    """Put a leaf below a node, making what is between."""
    part, *below = parts
    for target in _targets(above, part):
        if below:
            _place(target, below, leaf)
        else:
            target.update(leaf)


def _targets(above: Document, part: _Part) -> list[Document]:
    """Return the nodes of a name: one, or the elements of a list that are meant."""
    if part.ids is not None and not part.ids:
        node = above.setdefault(part.word, {})
        return node if isinstance(node, list) else [node]
    elements = above.setdefault(part.word, [])
    if isinstance(elements, dict):
        return [elements]
    found = []
    for number in ("",) if part.ids is None else part.ids:
        element = next((one for one in elements if one.get("id", "") == str(number)), None)
        if element is None:
            element = {"id": str(number)} if number != "" else {}
            elements.append(element)
        found.append(element)
    return found
