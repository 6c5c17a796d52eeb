"""What may stand for a value, in a few words, from the JSON Schema of the language."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from scenarios.runner.values import BITS_PATTERN, DURATION_PATTERN, show_duration
from tests.tools.markdown import code

Schema = Mapping[str, Any]


def shape(schema: Schema) -> str:
    """Say what a schema allows: `text`, `duration`, the words themselves."""
    if "$ref" in schema and "type" not in schema:
        return str(schema["$ref"]).rpartition("/")[2].lower()
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(filter(None, map(shape, _choices(schema)))))
    if "const" in schema:
        return code(str(schema["const"]))
    if "enum" in schema:
        return code(*map(str, schema["enum"]))
    kind = schema.get("type")
    if isinstance(kind, list):
        return " or ".join(shape({"type": one}) for one in kind)
    if kind == "array":
        inner = shape(schema.get("items", {}))
        return f"list of {inner}" if inner else "list"
    return _plain(str(kind), schema)


def _choices(schema: Schema) -> Iterator[Schema]:
    """Yield the choices but a reference: `${...}` may stand for nearly everything, which is said once."""
    return (choice for choice in schema["anyOf"] if choice.get("$ref") != "#/$defs/Reference")


def _plain(kind: str, schema: Schema) -> str:
    if kind == "integer" and "maximum" in schema and schema["maximum"] < 1e9:
        return f"{schema.get('minimum', 0)} to {schema['maximum']}"
    if kind == "string":
        pattern = str(schema.get("pattern", ""))
        if pattern == DURATION_PATTERN:
            return "duration"
        if pattern.startswith("^[+-]?"):
            return "duration, with a sign"
        if "%" in pattern:
            return "percentage"
        if pattern == BITS_PATTERN:
            return "bits per second, such as `2000kbit`"
        if "KiB" in pattern:
            return "size, such as `1300B`"
        return {"date-time": "instant"}.get(str(schema.get("format")), "text")
    names = {"integer": "whole number", "number": "number", "boolean": "`true`, `false`", "object": "map"}
    return names.get(kind, "")


def default(schema: Schema) -> str:
    """Return the default of a value as it would be written; empty where there is none."""
    value = schema.get("default")
    if value is None or value in ("", []):
        return ""
    if isinstance(value, list):
        return f"`[{', '.join(map(str, value))}]`"
    if isinstance(value, float) and shape(schema).startswith("duration"):
        return code(show_duration(value))
    return code(json.dumps(value) if isinstance(value, bool) else str(value))
