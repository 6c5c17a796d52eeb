"""The xAPI in the JSON Schema: paths of the node table, and the words that leaves, arguments and fields can be.

Editors complete from it. Elements of lists are written as the first one, `Call 1 Status`; others are paths as well, which the schema leaves
to the loader. Words are exact where the loader is: in expectations. Where a device takes any spelling they are examples only.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from endpoint.wire.xapi.nodes import Branch, Nodes, ValueSpace
from scenarios.runner.xpaths import Part, read_path, show_path

Schema = dict[str, Any]

WORDS_MAX: Final = 60
"""Longer lists of words, such as that of time zones, are left to the loader."""
_ANY: Final[Schema] = {"$ref": "#/$defs/Matcher"}
_BESIDE_WORDS: Final[list[Schema]] = [{"type": ["object", "array", "null"]}, {"type": "string", "pattern": r"\$\{"}]
"""What may stand in the place of a word: operators, a list, a value that is filled in."""


def written(path: str) -> str:
    """Write a path of the node table as people do: `Call[n] Status` is `Call 1 Status`."""
    parts = (part if part.element is None else Part(part.name, "1") for part in read_path(path))
    return show_path(tuple(parts))


class XapiSchema:
    """Makes the parts of the schema that a node table tells; `defs` fills up with lists of words, each once."""

    def __init__(self, table: Nodes) -> None:
        self._table = table
        self._names: dict[tuple[str, ...], str] = {}

    @property
    def defs(self) -> Schema:
        """The lists of words, by the names that the other parts refer to."""
        return {
            name: {"anyOf": [{"enum": list(words)}, *_BESIDE_WORDS], "description": "A word, or a map of operators."}
            for words, name in self._names.items()
        }

    def matchers(self, branch: Branch) -> Schema:
        """Return the properties of a map of paths and matchers."""
        return {written(node.path): self._matcher(node.space) for node in self._table.leaves(branch)}

    def settings(self) -> Schema:
        """Return the properties of a map of configurations and values."""
        return {written(node.path): _examples([node.space]) for node in self._table.leaves("Configuration")}

    def events(self, limits: Schema) -> Schema:
        """Return the properties of a map of events and their fields."""
        return {
            event.path: {
                "type": "object",
                "properties": {
                    field.name: self._matcher(field.space)
                    for field in event.fields
                    if " " not in field.name and "[" not in field.name
                }
                | limits,
                "additionalProperties": _ANY,
            }
            for event in self._table.events
        }

    def commands(self) -> list[str]:
        """Return the paths of commands."""
        return self._table.paths("Command")

    def arguments(self) -> Schema:
        """Return the arguments of all commands, and words that one of these takes."""
        spaces: dict[str, list[ValueSpace]] = {}
        for command in self._table.commands:
            for argument in command.arguments:
                spaces.setdefault(argument.name, []).append(argument.space)
        return {name: _examples(found) for name, found in spaces.items()}

    def subscriptions(self) -> list[str]:
        """Return what can be listened to: leaves of status, and events."""
        leaves = [f"Status {written(node.path)}" for node in self._table.leaves("Status")]
        return leaves + [f"Event {event.path}" for event in self._table.events]

    def _matcher(self, space: ValueSpace) -> Schema:
        if space.kind != "literal" or len(space.literals) > WORDS_MAX:
            return _ANY
        name = self._names.setdefault(space.literals, f"Words{len(self._names) + 1}")
        return {"$ref": f"#/$defs/{name}"}


def _examples(spaces: Iterable[ValueSpace]) -> Schema:
    words = list(dict.fromkeys(word for space in spaces if space.kind == "literal" for word in space.literals))
    return {"examples": words} if 0 < len(words) <= WORDS_MAX else {}
