"""Filling in `${...}` during the run, and picking what a step saves."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel

from endpoint.runtime.trace import Event
from scenarios.runner.matchers import MISSING
from scenarios.runner.matchers import lookup as value_at
from scenarios.runner.stage import Stage
from scenarios.runner.values import Template
from scenarios.runner.verbs import Verb

Lookup = Callable[[str], object]
ID_MIN: Final = 8
"""Characters of what is taken for an id in a text: shorter ones may be words."""


def lookup(stage: Stage, device: str) -> Lookup:
    """Return what looks up a reference for a step of a device."""

    def find(name: str) -> object:
        kind, _, rest = name.partition(".")
        if kind == "saved":
            return stage.saved[rest]
        if name == "cloud.code":
            return stage.code_for(device)
        if name.startswith("cloud.url."):
            hosts = stage.cloud.platform.hosts
            return hosts.base(rest.removeprefix("url."), hosts.origin("https", hosts.host("u2c")))
        if name == "device.id":
            return stage.device(device).profile.device_identifier
        if name == "device.name":
            return device
        raise KeyError(f"nothing is named {name}")

    return find


def resolved(args: Verb, find: Lookup) -> Verb:
    """Return a verb's arguments with every reference filled in."""
    return _resolved(args, find)  # type: ignore[no-any-return]  # a model stays the model it is


def _resolved(value: Any, find: Lookup) -> Any:
    if isinstance(value, Template):
        return value.resolve(find)
    if isinstance(value, BaseModel):
        fields = {name: getattr(value, name) for name in type(value).model_fields}
        changed = {name: _resolved(field, find) for name, field in fields.items()}
        different = {name: field for name, field in changed.items() if field is not fields[name]}
        return value.model_copy(update=different) if different else value
    if isinstance(value, dict):
        return {key: _resolved(item, find) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(_resolved(item, find) for item in value)
    if isinstance(value, list):
        return [_resolved(item, find) for item in value]
    return value


def pick(result: object, matched: Sequence[Event], path: str) -> object:
    """Return the value at a dotted path of the verb's result, else of the last event that an expectation matched.

    Raises:
        KeyError: neither has it.
    """
    for source in (result, *(event.data for event in reversed(matched))):
        value = value_at(source, path)
        if value is not MISSING and value is not None:
            return value
    raise KeyError(f"nothing at `{path}` in the result or in what matched")


def named(text: str, ids: Mapping[str, str]) -> str:
    """Put the scenario's own name before each real id in a text: `meeting standup (99203eb3-...) does not exist`."""
    names = {real: name for name, real in ids.items() if len(real) >= ID_MIN and real != name}
    if not names:
        return text
    longest_first = sorted(map(re.escape, names), key=len, reverse=True)
    known = re.compile(rf"(?<![\w-])(?P<quote>'?)(?P<real>{'|'.join(longest_first)})(?P=quote)(?![\w-])")
    return known.sub(lambda found: f"{names[found['real']]} ({found[0]})", text)
