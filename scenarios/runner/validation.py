"""From a tree to a pydantic model, with every complaint at its place.

Pydantic checks the bare values and names each error by its path; the path is looked up in the tree, and the sentence is ours: what was
found, what would have been right, and the nearest known word.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from scenarios.runner.fields import no_text, wrong
from scenarios.runner.notyet import not_yet
from scenarios.runner.problems import Place, Problems, nearest
from scenarios.runner.values import Template
from scenarios.runner.yamltree import Mapping as MapNode
from scenarios.runner.yamltree import Node, Sequence, kind_of, kind_of_value, plain

Path = tuple[str | int, ...]
M = TypeVar("M", bound="Strict")

_SENTENCES = {
    "int_type": "write a whole number, not {kind}",
    "float_type": "write a number, not {kind}",
    "list_type": "write a list, not {kind}",
    "tuple_type": "write a list, not {kind}",
    "dict_type": "write a map, not {kind}",
    "model_type": "write a map, not {kind}",
    "greater_than_equal": "write at least {ge}",
    "less_than_equal": "write at most {le}",
    "too_short": "write at least {min_length}",
    "too_long": "write at most {max_length}",
    "string_too_short": "the text is empty",
    "string_too_long": "at most {max_length} characters are allowed",
}


class Objection(NamedTuple):
    """A complaint of a model about its own values: path, sentence, nearest word; `at_key` points at the key, not the value."""

    path: Path
    message: str
    suggestion: str | None = None
    at_key: bool = False

    def under(self, *path: str | int) -> Objection:
        """Return the complaint as one of the map that holds this one."""
        return self._replace(path=path + self.path)


class Strict(BaseModel):
    """A map of the language: unknown keys and other types are errors, values do not change.

    `area` names the map in the table of what is not built yet.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, arbitrary_types_allowed=True)
    area: ClassVar[str] = ""

    @model_validator(mode="before")
    @classmethod
    def _refuse_null(cls, values: Any) -> Any:
        nulls = [key for key, value in values.items() if value is None] if isinstance(values, dict) else []
        if nulls:
            raise wrong(f"`{nulls[0]}` is null; leave the key out")
        return values

    def objections(self) -> Iterable[Objection]:
        """Return what is wrong with values that are each of the right type."""
        return ()


def keys_of(model: type[BaseModel]) -> list[str]:
    """Return the keys of a model as they are written."""
    return [field.alias or name for name, field in model.model_fields.items()]


def check(model: type[M], node: Node, problems: Problems, built: Mapping[str, object] | None = None) -> M | None:
    """Read a node as a model; None when something was wrong, which is then among the problems.

    Args:
        built: values of keys that were read already and are taken as they are.
    """
    if not isinstance(node, MapNode):
        known = ", ".join(keys_of(model)) or "no keys"
        problems.add(node.at, f"write a map ({known}), not {kind_of(node)}")
        return None
    values = {entry.key: plain(entry.node) for entry in node.entries} | dict(built or {})
    try:
        made = model.model_validate(values)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            _report(model, node, detail, problems)
        return None
    before = len(problems)
    for path, message, suggestion, at_key in made.objections():
        place = key_place(node, path) if at_key else value_place(node, path)
        problems.add(place, message, suggestion)
    return made if len(problems) == before else None


def value_place(node: Node, path: Path) -> Place:
    """Return where the value at a path stands; parts of the path that the tree lacks are passed over."""
    return _walk(node, path)[0]


def key_place(node: Node, path: Path) -> Place:
    """Return where the key at the end of a path stands, or the value where it has no key."""
    return _walk(node, path)[1]


def _walk(node: Node, path: Path) -> tuple[Place, Place]:
    value_at = key_at = node.at
    for part in path:
        if isinstance(node, MapNode) and isinstance(part, str):
            entry = node.get(part)
            if entry is not None:
                node, value_at, key_at = entry.node, entry.node.at, entry.at
        elif isinstance(node, Sequence) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
            value_at = key_at = node.at
    return value_at, key_at


def _report(model: type[Strict], node: Node, detail: Any, problems: Problems) -> None:
    kind, path, found, context = detail["type"], detail["loc"], detail["input"], detail.get("ctx", {})
    if isinstance(found, Template) and not found.parts:
        return  # its unknown name is a problem already
    if kind == "extra_forbidden":
        report_unknown_key(_model_at(model, path[:-1]), key_place(node, path), str(path[-1]), problems)
    elif kind == "missing":
        problems.add(value_place(node, path[:-1]), f"`{path[-1]}` is missing")
    elif isinstance(found, Template):
        message = f"`{found}` is known only during the run, and this value is needed before it"
        problems.add(value_place(node, path), message)
    elif kind == "literal_error":
        words = re.findall(r"'([^']*)'", context["expected"]) or context["expected"].split(" or ")
        key = next((part for part in reversed(path) if isinstance(part, str)), "")
        later = not_yet(key, str(found))
        shown = f"`{found}` is none of" if isinstance(found, str) else f"not {kind_of_value(found)}, but one of"
        near = None if later else nearest(str(found), words)
        problems.add(value_place(node, path), later or f"{shown} {', '.join(words)}", near)
    elif kind == "string_type":
        problems.add(value_place(node, path), no_text(found))
    elif kind == "wrong":
        problems.add(value_place(node, path), detail["msg"], context.get("suggestion"))
    else:
        sentence = _SENTENCES.get(kind)
        text = detail["msg"] if sentence is None else sentence.format(kind=kind_of_value(found), **context)
        problems.add(value_place(node, path), text)


def report_unknown_key(
    model: type[Strict], at: Place, key: str, problems: Problems, known: Iterable[str] | None = None
) -> None:
    """Note a key that a map does not have: not built yet, or unknown with the nearest that it has."""
    later = not_yet(model.area, key)
    if later is not None:
        problems.add(at, later)
    else:
        problems.unknown(at, f"unknown key `{key}`", key, keys_of(model) if known is None else known)


def _model_at(model: type[Strict], path: Path) -> type[Strict]:
    for part in path:
        for name, field in model.model_fields.items():
            if part == (field.alias or name):
                model = _strict_in(field.annotation) or model
    return model


def _strict_in(annotation: Any) -> type[Strict] | None:
    if isinstance(annotation, type) and issubclass(annotation, Strict):
        return annotation
    for argument in typing.get_args(annotation):
        found = _strict_in(argument)
        if found is not None:
            return found
    return None
