"""What the shell takes from the schema documents and from the XML rendering."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from typing import Any, Final
from xml.sax.saxutils import escape, quoteattr

from endpoint.wire.xapi.jsonform import nest
from endpoint.wire.xapi.leaves import Leaf, Mark
from endpoint.wire.xapi.nodes import Nodes
from endpoint.wire.xapi.paths import Path
from endpoint.wire.xapi.spaces import ValueSpace

SPACES_KEPT_MAX: Final = 1_024
Attributes = Mapping[Path, Mapping[str, str]]


@lru_cache(maxsize=SPACES_KEPT_MAX)
def value_space_name(space: ValueSpace) -> str:
    """Name a value space for `valueSpaceRef`; `""` where the names are not to be had."""
    documents = _documents()
    return str(documents.valuespace_name(space)) if documents is not None else ""


def schema_of(table: Nodes, path: Path, roles: str | None) -> Mapping[str, Any]:
    """Return the schema below a path, from the root on; `roles` are letters, None = all."""
    documents = _documents()
    found: Mapping[str, Any] = documents.document_from_root(table, path, roles) if documents is not None else {}
    return found


@lru_cache(maxsize=1)
def _documents() -> Any:
    try:
        return import_module("endpoint.wire.xapi.documents")
    except ImportError:
        return None


def xml_of(leaves: Sequence[Leaf], tag: str | None, attributes: Attributes | None = None) -> str:
    """Wrap leaves into `<XmlDoc resultId="...">`; `attributes` are those of elements, by path."""
    name = "" if tag is None else f" resultId={quoteattr(_fit(tag))}"
    inner = "".join(_element(nest(leaves), (), attributes or {}))
    return f"<XmlDoc{name}>\n{inner}</XmlDoc>\n"


def _element(node: Mapping[str | int, Any], path: Path, attributes: Attributes) -> list[str]:
    found: list[str] = []
    for name, value in node.items():
        if isinstance(value, dict) and value and all(isinstance(key, int) for key in value):
            for number in sorted(value):
                item = {"item": str(number), "maxOccurrence": "n"}
                found += _one(str(name), value[number], (*path, name, number), attributes, item)
        else:
            found += _one(str(name), value, (*path, name), attributes, {})
    return found


def _one(name: str, value: Any, path: Path, attributes: Attributes, item: Mapping[str, str]) -> list[str]:
    shown = {**item, **attributes.get(path, {})}
    if value is Mark.GHOST:
        shown["ghost"] = "True"
    begin = "  " * len([part for part in path if isinstance(part, str)]) + f"<{name}"
    begin += "".join(f" {key}={quoteattr(_fit(text))}" for key, text in shown.items())
    if isinstance(value, Mark):
        return [f"{begin}/>\n"]
    if isinstance(value, dict):
        indent = begin[: begin.index("<")]
        return [f"{begin}>\n", *_element(value, path, attributes), f"{indent}</{name}>\n"]
    return [f"{begin}>{escape(_fit(str(value)))}</{name}>\n"]


_UNFIT: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _fit(text: str) -> str:
    """Replace what no XML document can hold."""
    return _UNFIT.sub("\ufffd", text)
