"""What `${...}` may name, and filling in what is known before the run.

`vars.x` and `case.name` are values of the file: they are filled in while it is read and keep their type when they stand alone.
`cloud.code`, `cloud.url.<service>`, `device.id` and `saved.x` exist only during the run: they stay as a `Template`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Final

from scenarios.runner.problems import Place, Problems
from scenarios.runner.values import Ref, Template, split_references
from scenarios.runner.yamltree import Entry, Node, Scalar, Sequence, graft
from scenarios.runner.yamltree import Mapping as MapNode

SERVICES = (
    "activation", "calendar", "calliope", "encryption", "feature", "gds", "hydra", "idbroker", "identity", "locus", "mercury",
    "metrics", "region", "swupgrade", "u2c", "wdm", "xapi",
)  # fmt: skip
"""Services with an address of their own (protocol/cloud-services.md section 1)."""

_UNKNOWN: Final = Template("", ())
"""Stands for the value of a name that there is not."""
_OF_THE_RUN = ("cloud.code", "device.id", "device.name", *(f"cloud.url.{service}" for service in SERVICES))


class Scope:
    """The names that a file may refer to at the place that is being read."""

    def __init__(self, values: Mapping[str, object], case: str | None = None, saved: set[str] | None = None) -> None:
        self._values = {f"vars.{name}": value for name, value in values.items()}
        if case is not None:
            self._values["case.name"] = case
        self._case = case
        self._saved: set[str] = set() if saved is None else saved

    def inside(self, values: Mapping[str, object]) -> Scope:
        """Return the scope of a part: values of its own, and all that is known during the run."""
        return Scope(values, self._case, self._saved)

    def aside(self) -> Scope:
        """Return a scope in which what is saved from here on stays unknown to this one."""
        values = {name.removeprefix("vars."): value for name, value in self._values.items() if name != "case.name"}
        return Scope(values, self._case, set(self._saved))

    def join(self, other: Scope) -> None:
        """Make known what was saved in a scope aside."""
        self._saved |= other._saved

    def save(self, name: str) -> None:
        """Make `${saved.<name>}` known from here on."""
        self._saved.add(f"saved.{name}")

    @property
    def names(self) -> Iterable[str]:
        """Every name that is known now."""
        return (*self._values, *_OF_THE_RUN, *sorted(self._saved))

    def fill(self, node: Node, problems: Problems) -> Node:
        """Return the tree with the file's own values filled in; unknown names are problems at their places."""
        if isinstance(node, Scalar):
            return self._scalar(node, problems)
        if isinstance(node, Sequence):
            return Sequence(tuple(self.fill(item, problems) for item in node.items), node.at)
        entries = (
            Entry(self._key(entry, problems), entry.at, self.fill(entry.node, problems)) for entry in node.entries
        )
        return MapNode(tuple(entries), node.at)

    def _key(self, entry: Entry, problems: Problems) -> str:
        if "${" not in entry.key:
            return entry.key
        value = self._text(entry.key, entry.at, problems)
        if isinstance(value, str):
            return value
        problems.add(entry.at, "a key can only hold references to text of vars or case")
        return entry.key

    def _scalar(self, node: Scalar, problems: Problems) -> Node:
        if not isinstance(node.value, str) or "${" not in node.value:
            return node
        return graft(self._text(node.value, node.at, problems), node.at)

    def _text(self, text: str, at: Place, problems: Problems) -> object:
        try:
            parts = split_references(text)
        except ValueError as error:
            problems.add(at, str(error))
            return text
        known = [self._known(part, at, problems) for part in parts]
        if _UNKNOWN in known:
            return Template(text, ())
        if len(known) == 1 and not isinstance(known[0], Ref):
            return known[0]
        words: list[str | Ref] = []
        for part in known:
            if isinstance(part, Template):  # a value of a part that only the run knows
                words += part.parts
            else:
                words.append(part if isinstance(part, (Ref, str)) else json.dumps(part))
        if any(isinstance(word, Ref) for word in words):
            return Template(text, tuple(words))
        return "".join(str(word) for word in words)

    def _known(self, part: str | Ref, at: Place, problems: Problems) -> object:
        """Return a part's value, the reference itself when only the run knows it, or `_UNKNOWN` when nobody does."""
        if isinstance(part, str):
            return part
        if part.name in self._values:
            return self._values[part.name]
        if part.name not in _OF_THE_RUN and part.name not in self._saved:
            late = " (nothing before this place saves it)" if part.name.startswith("saved.") else ""
            problems.unknown(at, f"nothing is named `{part.name}`{late}", part.name, self.names)
            return _UNKNOWN
        return part
