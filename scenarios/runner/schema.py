"""The JSON Schema of the language, made from the models and the registry of verbs, for editors and for the drift check.

It is looser than the loader where the loader knows more: matchers, names, combinations. What it refuses, the loader refuses too.
"""

from __future__ import annotations

import json
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema
from pydantic_core import core_schema

from endpoint.wire.why_causes import WORDS
from endpoint.wire.xapi.nodes import nodes
from scenarios.runner import matchers as m
from scenarios.runner.event_subjects import METHODS
from scenarios.runner.extensions import load_extensions
from scenarios.runner.field_docs import sentences_of
from scenarios.runner.matcher_compiler import OPERATORS
from scenarios.runner.meter_subjects import LOAD, QUIET
from scenarios.runner.model import LANGUAGE, Device, Head, StepFrame
from scenarios.runner.parts import PartHead
from scenarios.runner.references import SERVICES
from scenarios.runner.schema_xapi import XapiSchema
from scenarios.runner.steps import DECLARED, SUBJECTS
from scenarios.runner.subjects import DISCOVERY_KEYS, ELEMENT_KEYS, ELEMENTS
from scenarios.runner.values import DURATION_PATTERN, REFERENCE_PATTERN, show_duration
from scenarios.runner.verbs import VERBS

Schema = dict[str, Any]

FILE_NAME: Final = f"scenario.v{LANGUAGE}.schema.json"
LINE_MAX: Final = 140
"""Characters of a line of the file."""
_ANY_MATCHER: Final[Schema] = {"$ref": "#/$defs/Matcher"}
_DURATION: Final[Schema] = {"type": "string", "pattern": DURATION_PATTERN}


class _WithSentences(GenerateJsonSchema):
    """Describes each key by the sentence below its field."""

    def model_schema(self, schema: core_schema.ModelSchema) -> Schema:
        """Return the schema of a model."""
        made = super().model_schema(schema)
        model: type[BaseModel] = schema["cls"]
        sentences = sentences_of(model)
        for name in model.model_fields.keys() & sentences.keys():
            made["properties"][model.model_fields[name].alias or name]["description"] = sentences[name]
        return made


def scenario_schema() -> Schema:
    """Return the schema of a scenario file (JSON Schema 2020-12); equal on every call and machine."""
    assert DECLARED, "the verbs are declared"
    load_extensions()
    models: list[type[BaseModel]] = [Head, PartHead, Device, StepFrame, *VERBS.values()]
    refs, generated = models_json_schema(
        [(one, "validation") for one in models], ref_template="#/$defs/{model}", schema_generator=_WithSentences
    )
    defs: Schema = generated["$defs"]
    names = {model: refs[model, "validation"]["$ref"].rpartition("/")[2] for model in models}
    head, part, frame = (defs.pop(names[model]) for model in (Head, PartHead, StepFrame))
    verbs = {word: defs.pop(names[kind]) for word, kind in VERBS.items()}
    xapi = XapiSchema(nodes())
    steps = {"$ref": "#/$defs/Steps"}
    body = {
        "device": {"$ref": f"#/$defs/{names[Device]}"},
        "devices": {"type": "object", "additionalProperties": {"$ref": f"#/$defs/{names[Device]}"}},
        "setup": steps,
        "steps": steps,
        "finally": steps,
        "never": {"$ref": "#/$defs/Never"},
    }
    defs |= _language() | {
        "Steps": {"type": "array", "items": {"$ref": "#/$defs/Step"}},
        "Step": _step(frame, verbs),
    }
    _put_xapi(xapi, defs, names[Device])
    defs |= {
        "Scenario": {
            **head,
            "description": "A story: the world, and steps with what must follow from them.",
            "properties": head["properties"] | body,
            "required": ["name", "steps"],
        },
        "Part": {
            **part,
            "description": "Steps that scenarios `use`.",
            "properties": part["properties"] | {"steps": steps},
            "required": ["part", "steps"],
        },
    }
    for name in generated["$defs"].keys() - {names[kind] for kind in VERBS.values()} - {"Step", "Scenario", "Part"}:
        properties = defs[name].get("properties", {})
        properties |= {key: _or_reference(one) for key, one in properties.items() if one.get("type") == "array"}
    whole: Schema = {"if": {"required": ["part"]}, "then": _ref("Part"), "else": _ref("Scenario")}
    _tidy(defs)
    used = _references(whole, defs)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"https://roomsim.example/{FILE_NAME}",
        "title": "roomsim scenario",
        "description": "A scenario, or a part of scenarios: a part begins with `part`, a scenario has a `name`.",
        **whole,
        "$defs": {name: defs[name] for name in defs if name in used},
    }


def _put_xapi(xapi: XapiSchema, defs: Schema, device: str) -> None:
    """Put paths and words of the node table in: commands, arguments, configurations, subscriptions."""
    defs["Arguments"] = {"type": "object", "properties": xapi.arguments(), "additionalProperties": True}
    defs["Settings"] = {"type": "object", "properties": xapi.settings(), "additionalProperties": True}
    defs["Command"] = {"type": "string", "examples": xapi.commands()}
    defs["Subscription"] = {"type": "string", "examples": xapi.subscriptions()}
    defs[device]["properties"]["config"] |= _ref("Settings")
    verbs = defs["Step"]["properties"]
    for word in ("xcommand", "cloud.command"):
        short, whole = verbs[word]["anyOf"]
        short |= _ref("Command")
        whole["properties"]["path"] |= _ref("Command")
        whole["properties"]["args"] |= _ref("Arguments")
    verbs["subscribe"]["anyOf"][0]["items"] = _ref("Subscription")
    verbs["subscribe"]["anyOf"][1]["properties"]["paths"]["items"] = _ref("Subscription")
    for word in ("xconfig", "cloud.config.push"):
        verbs[word]["allOf"] = [_ref("Settings")]
    limits = defs["Expectation"]["properties"]["result"]["properties"]
    events = {"type": "object", "minProperties": 1, "properties": xapi.events(limits)}
    defs["Events"] = {**events, "additionalProperties": {"type": "object", "additionalProperties": _ANY_MATCHER}}
    defs["Status"] = _map(others=_ANY_MATCHER, **xapi.matchers("Status"))
    defs["Configuration"] = _map(others=_ANY_MATCHER, **xapi.matchers("Configuration"))
    defs |= xapi.defs


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _references(node: object, defs: Schema) -> set[str]:
    """Return the names of the definitions that a schema needs, and those that these need."""
    found: set[str] = set()
    todo = [node]
    while todo:
        part = todo.pop()
        if isinstance(part, list):
            todo += part
        elif isinstance(part, dict):
            todo += part.values()
            name = str(part.get("$ref", "")).rpartition("/")[2]
            if name in defs and name not in found:
                found.add(name)
                todo.append(defs[name])
    return found


def print_schema() -> str:
    """Return the text of the schema file."""
    return _printed(scenario_schema(), 0) + "\n"


def _printed(node: object, depth: int) -> str:
    """Write a part of the schema on one line where it fits, else one member a line."""
    line = json.dumps(node, sort_keys=True, ensure_ascii=False)
    if len(line) + depth <= LINE_MAX or not isinstance(node, (dict, list)):
        return line
    if isinstance(node, dict):
        parts = [f"{json.dumps(key, ensure_ascii=False)}: {_printed(node[key], depth + 1)}" for key in sorted(node)]
    else:
        parts = [_printed(item, depth + 1) for item in node]
    inner = ",\n".join(" " * (depth + 1) + part for part in parts)
    first, last = "{}" if isinstance(node, dict) else "[]"
    return f"{first}\n{inner}\n{' ' * depth}{last}"


def _step(frame: Schema, verbs: dict[str, Schema]) -> Schema:
    words: Schema = {}
    for word, kind in VERBS.items():
        _tidy(verbs[word])  # before its parts are used twice
        forms = kind.written_forms(verbs[word])
        description = f"{kind.__doc__}\n\nDone: {kind.done}."
        words[word] = {**(forms[0] if len(forms) == 1 else {"anyOf": forms}), "description": description}
    expectation = {"$ref": "#/$defs/Expectation"}
    return {
        "type": "object",
        "description": "Exactly one verb, and what must follow.",
        "properties": {
            **frame["properties"],
            "expect": {"anyOf": [expectation, {"type": "array", "items": expectation, "minItems": 1}]},
            "never": {"$ref": "#/$defs/Never"},
            "meanwhile": {"$ref": "#/$defs/Steps"},
            **words,
        },
        "additionalProperties": False,
        "oneOf": [{"required": [word]} for word in sorted(VERBS)],  # not in the order of imports
    }


def _language() -> Schema:
    subjects = _subjects()
    assert list(subjects) == list(SUBJECTS)[: len(subjects)], "every subject of ours has a schema"
    subjects |= {name: {"type": "object", "minProperties": 1} for name in SUBJECTS if name not in subjects}
    limits = {"within": _DURATION, "not_before": _DURATION, "for": _DURATION, "optional": {"type": "boolean"}}
    return {
        "Reference": {"type": "string", "pattern": REFERENCE_PATTERN},
        "Matcher": {
            "description": "A literal, or a map of operators.",
            "type": ["string", "number", "boolean", "null", "array", "object"],
            "properties": {operator: _operator(operator) for operator in OPERATORS},
        },
        "Expectation": {"type": "object", "properties": subjects | limits, "additionalProperties": False},
        "Never": {"type": "object", "properties": subjects | {"for": _DURATION}, "additionalProperties": False},
    }


def _operator(operator: str) -> Schema:
    if operator == "type":
        return {"anyOf": [{"enum": sorted(m.TYPES)}, {}]}
    return {}


def _map(*keys: str, others: Schema | bool = False, **named: Schema) -> Schema:
    properties = dict.fromkeys(keys, _ANY_MATCHER) | named
    return {"type": "object", "minProperties": 1, "properties": properties, "additionalProperties": others}


def _subjects() -> Schema:
    paths = _map(others=_ANY_MATCHER)
    states: Schema = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}, {"type": "object"}]}
    limits: Schema = {
        "times": {"type": ["integer", "object"]},
        "after": {"type": "string"},
        "before": {"type": "string"},
    }
    methods: Schema = {method: {"type": "string"} for method in METHODS}
    request = _map("service", "query", "headers", "body", "status", **methods, **limits)
    log = _map("module", "level", "text", **limits)
    return {
        "xstatus": _ref("Status"),
        "xconfig": _ref("Configuration"),
        "mercury": states,
        "machine": {"type": "object", "minProperties": 1, "additionalProperties": states},
        "discovery": _map(*DISCOVERY_KEYS),
        "diagnostics": {"type": ["object", "array"]},
        "screen": _map(**dict.fromkeys(ELEMENTS, _map(*ELEMENT_KEYS))),
        "bookings": {"type": ["object", "array"]},
        "cloud": paths,
        "calls": {"type": ["object", "array"]},
        "history": {"type": ["object", "array"]},
        "metrics": {"type": "array", "minItems": 1, "items": {"type": ["string", "object"]}},
        "why": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {"anyOf": [{"enum": list(WORDS)}, {"type": ["array", "object"]}]},
        },
        "well": {"type": "boolean"},
        "request": request,
        "log": {"anyOf": [{"type": "string"}, log]},
        "frame": _map(others=_ANY_MATCHER, **limits, **{"from": {"enum": ["cloud", "device"]}}),
        "trace": _map(others=_ANY_MATCHER, **limits),
        "xevent": _ref("Events"),
        "result": _map(others=_ANY_MATCHER, **limits),
        "client": paths,
        "quiet": {
            "type": "object",
            "minProperties": 1,
            "properties": {word: {"anyOf": [_DURATION, {"type": "object", "required": ["for"]}]} for word in QUIET},
            "additionalProperties": False,
        },
        "load": {
            "type": "object",
            "minProperties": 1,
            "properties": {service: _map(*LOAD) for service in SERVICES},
            "additionalProperties": False,
        },
    }


def _tidy(node: object, key: str = "") -> None:
    """Drop made-up titles, write defaults as people do, and allow a reference wherever a value is no text."""
    if isinstance(node, list):
        for item in node:
            _tidy(item)
        return
    if not isinstance(node, dict):
        return
    if "x-ref" in node:  # pydantic follows only references that it made
        node["$ref"] = f"#/$defs/{node.pop('x-ref')}"
    if key != "properties":
        node.pop("title", None)
        _drop_null(node)
        if node.get("pattern") == DURATION_PATTERN and isinstance(node.get("default"), float):
            node["default"] = show_duration(node["default"])
    for name, child in list(node.items()):
        _tidy(child, name)
    for name, child in node.get("properties", {}).items() if key != "properties" else ():
        if _takes_no_text(child):
            node["properties"][name] = _or_reference(child)


def _drop_null(node: Schema) -> None:
    """Leave out null: what is optional is left out of a file, not written as null."""
    if node.get("default", 0) is None:
        del node["default"]
    choices = [choice for choice in node.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1:
        del node["anyOf"]
        node |= choices[0]
    elif choices:
        node["anyOf"] = choices


def _takes_no_text(schema: Schema) -> bool:
    if "anyOf" in schema:
        return all(_takes_no_text(choice) for choice in schema["anyOf"])
    return schema.get("type") in ("integer", "number", "boolean") or bool({"const", "enum", "pattern"} & schema.keys())


def _or_reference(schema: Schema) -> Schema:
    outer: Schema = {key: schema.pop(key) for key in ("description", "default") if key in schema}
    return {**outer, "anyOf": [schema, {"$ref": "#/$defs/Reference"}]}


if __name__ == "__main__":
    print(print_schema(), end="")
