"""Schema files that a user brings: the public list of all nodes of a release, read for one product.

Such a file widens the table: what the simulator does not act on becomes at least readable. No such file is shipped.
Source: protocol/xapi.md 2.7.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from endpoint.wire.codec import decode
from endpoint.wire.errors import LocalProtocolError, RemoteProtocolError
from endpoint.wire.xapi.paths import parse_path
from endpoint.wire.xapi.rows import Argument, Command, EventNode, Field, Imported, Node, read_path
from endpoint.wire.xapi.schema_values import (
    ARGUMENTS_MAX,
    NotUnderstoodError,
    field_space,
    is_true,
    read_default,
    read_members,
    read_name,
    read_roles,
    read_space,
)

SCHEMA_BYTES_MAX: Final = 16 * 1024 * 1024
OBJECTS_MAX: Final = 20_000
ELEMENTS_MAX: Final = 1_000
"""Concrete paths of one leaf, over all its lists."""
FIELD_DEPTH_MAX: Final = 8
LABEL: Final = "documented"
DRIVER: Final = "nothing: imported"

PRODUCTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "bandai": "Desk Mini",
        "barents": "Codec Pro",
        "barents_70d": "Room 70 Dual G2",
        "barents_70i": "Room 70 Panorama",
        "barents_70s": "Room 70 Single G2",
        "barents_82i": "Room Panorama",
        "brooklyn": "Room Bar Pro",
        "davinci": "Room Bar",
        "felix_55": "Board Pro 55 G2",
        "felix_75": "Board Pro 75 G2",
        "havella": "Room Kit Mini",
        "helix_55": "Board Pro 55",
        "helix_75": "Board Pro 75",
        "hopen": "Room Kit",
        "millennium": "Codec EQ",
        "octavio": "Desk",
        "pictoris": "Desk Pro G2",
        "polaris": "Desk Pro",
        "spitsbergen": "Room 55",
        "tyne": "Codec Pro G2",
        "vecchio": "Navigator",
    }
)
"""Code names of products, as schema files have them, and what they are sold as. A file may have others."""


def read_schema(data: bytes, product: str) -> Imported:
    """Read a schema file for a product, named by its code (`davinci`) or by its model (`Room Bar`).

    Objects of other products and those that only a device on premises has are left out. Of several objects for one path
    the first counts. What is not understood is counted under its reason, not fatal.

    Raises:
        RemoteProtocolError: no schema file at all, or one without a node for that product; says what would be right.
    """
    objects = _objects(data)
    code = _code(objects, product)
    reader = _Reader()
    for number, found in enumerate(objects):
        reader.add(number, found, code)
    return reader.imported()


class _Reader:
    """What was read so far."""

    def __init__(self) -> None:
        self._leaves: dict[tuple[str, str, tuple[range | None, ...]], Node] = {}
        self._commands: dict[str, Command] = {}
        self._events: dict[str, EventNode] = {}
        self._skipped: Counter[str] = Counter()

    def add(self, number: int, found: Mapping[str, object], code: str) -> None:
        """Read one object, or count why not."""
        attributes = found.get("attributes", {})
        if not isinstance(attributes, dict):
            raise RemoteProtocolError(f"objects[{number}].attributes", "an object", type(attributes).__name__)
        if code not in _products(found):
            self._skipped["for other products"] += 1
        elif str(attributes.get("backend", "any")).casefold() == "onprem":
            self._skipped["only on premises"] += 1
        else:
            try:
                known = self._keep(str(found["type"]), str(found["path"]), attributes)
            except NotUnderstoodError as error:
                self._skipped[f"not understood: {error}"] += 1
            else:
                self._skipped["the same path again"] += known

    def _keep(self, kind: str, path: str, attributes: Mapping[str, object]) -> bool:
        """Keep an object unless its path is there already; say whether it was."""
        shape, elements = _path(path)
        if kind in ("Status", "Configuration"):
            leaf = _leaf(kind, shape, elements, attributes)
            return self._leaves.setdefault((kind, shape.casefold(), elements), leaf) is not leaf
        if elements:
            raise NotUnderstoodError(f"a path of type {kind} with elements")
        if kind == "Command":
            command = _command(shape, attributes)
            return self._commands.setdefault(shape.casefold(), command) is not command
        if kind == "Event":
            fields = tuple(_fields(read_members(attributes, "children"), "", FIELD_DEPTH_MAX))
            event = EventNode(shape, fields, read_roles(attributes, "read"), LABEL, DRIVER, is_imported=True)
            return self._events.setdefault(shape.casefold(), event) is not event
        raise NotUnderstoodError("a type other than Status, Configuration, Command, Event")

    def imported(self) -> Imported:
        """Return all of it."""
        return Imported(
            tuple(self._leaves.values()),
            tuple(self._commands.values()),
            tuple(self._events.values()),
            MappingProxyType({reason: count for reason, count in sorted(self._skipped.items()) if count}),
        )


def _objects(data: bytes) -> list[dict[str, object]]:
    if len(data) > SCHEMA_BYTES_MAX:
        raise RemoteProtocolError("schema file", f"at most {SCHEMA_BYTES_MAX} bytes", f"{len(data)}")
    file: object = decode(data, Any, "schema file")
    if not isinstance(file, dict) or not isinstance(file.get("objects"), list):
        got = "only `false`" if file is False else type(file).__name__
        raise RemoteProtocolError("schema file", 'an object with a list of nodes, {"objects": [...]}', got)
    objects: list[dict[str, object]] = file["objects"]
    if len(objects) > OBJECTS_MAX:
        raise RemoteProtocolError("objects", f"at most {OBJECTS_MAX} nodes", f"{len(objects)}")
    for number, found in enumerate(objects):
        if not isinstance(found, dict):
            raise RemoteProtocolError(
                f"objects[{number}]", "an object with type, path, products, attributes", type(found).__name__
            )
        for member in ("type", "path"):
            if not isinstance(found.get(member), str):
                raise RemoteProtocolError(f"objects[{number}].{member}", "a text", type(found.get(member)).__name__)
    return objects


def _code(objects: list[dict[str, object]], product: str) -> str:
    """Return the code name of a product that the file has nodes for."""
    models = {model.casefold(): code for code, model in PRODUCTS.items()}
    wanted = models.get(product.casefold(), product.casefold())
    known = {name for found in objects for name in _products(found)}
    if wanted not in known:
        shown = ", ".join(sorted(name[:40] for name in known)[:60]) or "none"
        raise RemoteProtocolError("products", f"nodes for the product {product[:40]!r}; the file has: {shown}")
    return wanted


def _products(found: Mapping[str, object]) -> list[str]:
    listed = found.get("products", [])
    return [name.casefold() for name in listed if isinstance(name, str)] if isinstance(listed, list) else []


def _path(text: str) -> tuple[str, tuple[range | None, ...]]:
    shape, elements = read_path(text)
    try:
        parts = parse_path(shape.replace("[n]", "[1]"))
    except LocalProtocolError:
        raise NotUnderstoodError("a path with a word that no path can have") from None
    plain = " ".join(shape.replace("[n]", "").split())
    if "." in plain or "/" in plain or " ".join(part for part in parts if isinstance(part, str)) != plain:
        raise NotUnderstoodError("a path in another spelling")
    counts = [len(known) for known in elements if known is not None]
    if not all(counts) or math.prod(counts) > ELEMENTS_MAX:
        raise NotUnderstoodError("a path with elements that cannot be")
    return " ".join(shape.split()), elements


def _leaf(kind: str, shape: str, elements: tuple[range | None, ...], attributes: Mapping[str, object]) -> Node:
    space, _ = read_space(attributes.get("valuespace"))
    if kind == "Status":
        return Node(
            "Status", shape, space, read_roles(attributes, "role"), "", LABEL, "", elements, DRIVER, is_imported=True
        )
    return Node(
        "Configuration",
        shape,
        space,
        read_roles(attributes, "read"),
        read_roles(attributes, "role"),
        LABEL,
        read_default(attributes, space) or "",
        elements,
        DRIVER,
        is_imported=True,
        has_secret=is_true(attributes.get("hide_value")),
    )


def _command(path: str, attributes: Mapping[str, object]) -> Command:
    params = attributes.get("params") or []
    if not isinstance(params, list) or len(params) > ARGUMENTS_MAX:
        raise NotUnderstoodError("params that are no list")
    return Command(
        path,
        read_roles(attributes, "role"),
        tuple(_argument(param) for param in params),
        is_true(attributes.get("multiline")),
        LABEL,
        DRIVER,
        "",
        is_imported=True,
    )


def _argument(param: object) -> Argument:
    if not isinstance(param, dict):
        raise NotUnderstoodError("a parameter that is no object")
    space, many = read_space(param.get("valuespace"))
    return Argument(
        read_name(param.get("name")), space, is_true(param.get("required")), read_default(param, space), many
    )


def _fields(children: Mapping[str, object], above: str, depth: int) -> Iterator[Field]:
    """Yield the leaves below an event; what is below a list has the list's name with `[n]` before it."""
    if depth == 0 or len(children) > ARGUMENTS_MAX:
        raise NotUnderstoodError("an event with too many fields")
    for key, child in children.items():
        if not isinstance(child, dict):
            raise NotUnderstoodError("a field that is no object")
        name = above + read_name(key)
        below = read_members(child, "children")
        if below:
            yield from _fields(below, f"{name}[n] " if is_true(child.get("multiple")) else f"{name} ", depth - 1)
        else:
            yield Field(name, field_space(child), optional=not is_true(child.get("required")))
