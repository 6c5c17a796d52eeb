"""The rows of the node table: leaves, commands and events as data, and how they are read from the files beside this module.

The notation of a file is in the comments at its head. Source: protocol/xapi-nodes.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from importlib import resources
from itertools import product
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from endpoint.wire.xapi.paths import Path, parse_path
from endpoint.wire.xapi.releases import ALWAYS, Release, Releases
from endpoint.wire.xapi.spaces import ValueSpace

Branch: TypeAlias = Literal["Status", "Configuration", "Command", "Event"]

LABELS: Final = MappingProxyType({"D": "documented", "O": "observed", "I": "inferred", "R": "ours"})
ROLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "A": "Admin",
        "I": "Integrator",
        "U": "User",
        "R": "RoomControl",
        "T": "TouchUser",
        "P": "PairedUser",
        "Y": "Audit",
    }
)
"""What the letters of `read`, `set` and `roles` stand for."""

_INSTANCES_KEPT_MAX: Final = 4_096
_ELEMENTS: Final = re.compile(r"\[(?:n|([0-9]{1,9})(?:\.\.([0-9]{1,9}))?)\]")
_ARGUMENT: Final = re.compile(
    r"(?P<name>[\w.]+)(?P<required>\*?) (?P<space>[^ =]+)(?:=(?P<default>\S*))?(?: x(?P<many>\d+))?"
    r"(?: @(?P<releases>\S+))?"
)
_FIELD: Final = re.compile(r"(?P<name>[\w\[\] ]+?)(?P<optional>\??) (?P<space>\S+)")


@dataclass(frozen=True, slots=True)
class Node:
    """One leaf: path in canonical spelling with elements as `[n]`, value space, role letters, label, default.

    `elements` says which numbers each `[n]` can be; None = any. `driver` names what sets a status, what a configuration
    acts on. `products` names the only products that have the leaf; empty = all. `has_secret` is what an imported schema
    says about values that are not to be shown. `releases` are those that have the leaf.
    """

    branch: Branch
    path: str
    space: ValueSpace
    read: str
    set: str
    label: str
    default: str
    elements: tuple[range | None, ...] = ()
    driver: str = ""
    products: tuple[str, ...] = ()
    is_imported: bool = False
    has_secret: bool = False
    releases: Releases = ALWAYS

    @property
    def is_hidden(self) -> bool:
        """Say whether the value is a secret that reads as an empty text."""
        named = self.branch == "Configuration" and self.path.endswith(("Password", "Passphrase"))
        return named or self.has_secret

    def instances(self) -> list[Path]:
        """Return the concrete paths, every element number filled in; none where one can be any number."""
        return list(_instances(self.path, self.elements))


@dataclass(frozen=True, slots=True)
class Argument:
    """One named argument of a command; `many` is how often it may be given, `releases` are those that have it in this form."""

    name: str
    space: ValueSpace
    required: bool
    default: str | None
    many: int = 1
    releases: Releases = ALWAYS


@dataclass(frozen=True)
class Command:
    """One command: words in canonical spelling, role letters of its callers, arguments, what it acts on and returns.

    `multiline` says that it takes a body of lines. `releases` are those that have the command.
    """

    path: str
    roles: str
    arguments: tuple[Argument, ...]
    multiline: bool
    label: str
    driver: str
    result: str
    is_imported: bool = False
    releases: Releases = ALWAYS

    def of(self, release: Release) -> Command:
        """Return the command with the arguments that a release has."""
        found = tuple(argument for argument in self.arguments if argument.releases.has(release))
        return self if found == self.arguments else replace(self, arguments=found)

    def argument(self, name: str) -> Argument | None:
        """Return the argument of a name in any case, or None."""
        return self._named.get(name.casefold())

    @cached_property
    def _named(self) -> Mapping[str, Argument]:
        return {argument.name.casefold(): argument for argument in self.arguments}

    @property
    def result_name(self) -> str:
        """Return the name of the result object: `VolumeSetResult`, `DialResult`. Source: protocol/xapi.md 4.5."""
        return "".join(self.path.split(" ")[-2:]) + "Result"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an event; below a list its name has several words, `Device[n] Id`."""

    name: str
    space: ValueSpace
    optional: bool


@dataclass(frozen=True, slots=True)
class EventNode:
    """One event: words in canonical spelling, fields, role letters of its receivers, who raises it, the releases that have it."""

    path: str
    fields: tuple[Field, ...]
    read: str
    label: str
    driver: str
    is_imported: bool = False
    releases: Releases = ALWAYS


@dataclass(frozen=True, slots=True)
class Imported:
    """The rows of a schema file for one product; `skipped` counts the objects that were left out, by reason."""

    leaves: tuple[Node, ...]
    commands: tuple[Command, ...]
    events: tuple[EventNode, ...]
    skipped: Mapping[str, int]


def read_leaves() -> list[Node]:
    """Read the status and configuration leaves of `nodes.tsv`."""
    return [_leaf(line) for line in _lines("nodes.tsv")]


def read_commands() -> list[Command]:
    """Read the commands of `commands.tsv`."""
    return [_command(line) for line in _lines("commands.tsv")]


def read_events() -> list[EventNode]:
    """Read the events of `events.tsv`."""
    return [_event(line) for line in _lines("events.tsv")]


def read_path(text: str) -> tuple[str, tuple[range | None, ...]]:
    """Split `Network[1] DNS Server[1..3] Address` into its shape with `[n]` and the numbers that there are; None = any."""
    elements = tuple(
        range(int(found[1]), int(found[2] or found[1]) + 1) if found[1] else None for found in _ELEMENTS.finditer(text)
    )
    return _ELEMENTS.sub("[n]", text), elements


@lru_cache(maxsize=_INSTANCES_KEPT_MAX)
def _instances(path: str, elements: tuple[range | None, ...]) -> tuple[Path, ...]:
    known = [numbers for numbers in elements if numbers is not None]
    if len(known) < len(elements):
        return ()
    return tuple(parse_path(path.replace("[n]", "[%d]") % chosen) for chosen in product(*known))


def _lines(name: str) -> Iterator[str]:
    text = resources.files("endpoint.wire.xapi").joinpath(name).read_text(encoding="utf-8")
    return (line for line in text.splitlines() if not line.startswith("#"))


def _leaf(line: str) -> Node:
    branch, text, values, read, settable, label, default, driver, *more = line.split("\t")
    if branch not in ("Status", "Configuration"):
        raise ValueError(f"nodes.tsv: no branch {branch!r}")
    path, elements = read_path(text)
    return Node(
        branch,  # type: ignore[arg-type]  # checked above
        path,
        ValueSpace.read(values),
        read,
        settable,
        LABELS[label],
        default,
        elements,
        driver,
        tuple(more[0].split(",")) if more and more[0] != "-" else (),
        releases=_releases(more[1:]),
    )


def _command(line: str) -> Command:
    path, arguments, body, roles, label, driver, *more = line.split("\t")
    read = tuple(_argument(text) for text in arguments.split("; ") if text != "-")
    result = more[0] if more and more[0] != "-" else ""
    return Command(path, roles, read, body == "body", LABELS[label], driver, result, releases=_releases(more[1:]))


def _argument(text: str) -> Argument:
    found = _ARGUMENT.fullmatch(text)
    if found is None:
        raise ValueError(f"commands.tsv: no argument {text!r}")
    space = ValueSpace.read(found["space"])
    releases = Releases.read(found["releases"]) if found["releases"] else ALWAYS
    return Argument(found["name"], space, bool(found["required"]), found["default"], int(found["many"] or 1), releases)


def _releases(column: list[str]) -> Releases:
    return Releases.read(column[0]) if column else ALWAYS


def _event(line: str) -> EventNode:
    path, fields, read, label, driver, *more = line.split("\t")
    shown = tuple(_field(text) for text in fields.split("; ") if text != "-")
    return EventNode(path, shown, read, LABELS[label], driver, releases=_releases(more))


def _field(text: str) -> Field:
    found = _FIELD.fullmatch(text)
    if found is None:
        raise ValueError(f"events.tsv: no field {text!r}")
    return Field(found["name"], ValueSpace.read(found["space"]), bool(found["optional"]))
