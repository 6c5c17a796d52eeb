"""The XML rendering of leaves, results and errors: HTTP, HttpFeedback, and the shell's XML mode.

Renderings are lists of lines, so that a wrapper can go around them. Source: protocol/xapi.md 4.7, 5.2, 5.3, 6.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from endpoint.wire.xapi.errors import (
    ILLEGAL_VALUE,
    UNKNOWN_COMMAND,
    AccessDenied,
    BadArguments,
    BadValue,
    NoMatch,
    UnknownCommand,
    XapiError,
)
from endpoint.wire.xapi.jsonform import nest
from endpoint.wire.xapi.leaves import Fields, Leaf, Mark, flatten
from endpoint.wire.xapi.nodes import Command, Nodes, ValueSpace
from endpoint.wire.xapi.paths import Path

PROLOG: Final = '<?xml version="1.0"?>'
EMPTY: Final = ("<EmptyResult/>",)
"""What stands where nothing was found."""
NO_ACTION: Final = ("<ActionError>", "  <Reason>No action detected in document</Reason>", "</ActionError>")
SUCCESS: Final = ("<Configuration>", "  <Success/>", "</Configuration>")
API_VERSION: Final = "4"
FREE: Final = "n"
"""`maxOccurrence` of an array that can have any number of elements."""
_TABLES_KEPT_MAX: Final = 8

Spaces = Callable[[ValueSpace], str]
Attributes = Mapping[str, str]

_UNPRINTABLE: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TEXT: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_QUOTED: Final = _TEXT | str.maketrans({'"': "&quot;", "\n": "&#10;", "\t": "&#9;"})


@dataclass(frozen=True, slots=True)
class Look:
    """What a rendering says besides names and values.

    Attributes:
        product: product type of the device, for the root of a document: `Cisco Codec`. Without one the root has no attributes.
        table: says how many elements an array of configurations can have, and what value space a configuration has.
        spaces: names a value space; without it leaves carry no `valueSpaceRef`.
    """

    product: str = ""
    software: str = ""
    table: Nodes | None = None
    spaces: Spaces | None = None

    @property
    def root(self) -> Attributes:
        """Return the attributes of a document's root."""
        if not self.product:
            return {}
        return {"product": self.product, "version": self.software, "apiVersion": API_VERSION}

    def occurrence(self, path: Path) -> str:
        """Return `maxOccurrence` of the array whose name ends a path."""
        if self.table is None or path[0] != "Configuration":
            return FREE
        return _maxima(self.table).get(_above(path), FREE)

    def reference(self, path: Path) -> str:
        """Return `valueSpaceRef` of a leaf, "" for none."""
        if self.table is None or self.spaces is None or path[0] != "Configuration":
            return ""
        node = self.table.find("Configuration", path[1:])
        return "" if node is None else f"/Valuespace/{self.spaces(node.space)}"


PLAIN: Final = Look()


@lru_cache(maxsize=_TABLES_KEPT_MAX)
def _maxima(table: Nodes) -> Mapping[tuple[str, ...], str]:
    """Return the greatest element of every array of configurations whose numbers are known."""
    found: dict[tuple[str, ...], int] = {}
    for node in table.leaves("Configuration"):
        numbers = iter(node.elements)
        above: tuple[str, ...] = ("configuration",)
        for word in node.path.casefold().split(" "):
            above = (*above, word.removesuffix("[n]"))
            known = next(numbers, None) if word.endswith("[n]") else None
            if known:
                found[above] = max(found.get(above, 0), known[-1])
    return {above: str(greatest) for above, greatest in found.items()}


def _above(path: Path) -> tuple[str, ...]:
    return tuple(part.casefold() for part in path if isinstance(part, str))


# ---- documents -----------------------------------------------------------------------------------------------------


def document(lines: Iterable[str]) -> str:
    """Make a document of lines: prolog before, an empty line behind."""
    return "\n".join((PROLOG, *lines, "", ""))


def xmldoc(lines: Iterable[str], result_id: str | None = None) -> list[str]:
    """Wrap lines as the shell does: `<XmlDoc resultId="7">`."""
    attributes = {} if result_id is None else {"resultId": result_id}
    return [f"<XmlDoc{_shown(attributes)}>", *indented(lines), "</XmlDoc>"]


def indented(lines: Iterable[str], depth: int = 1) -> list[str]:
    """Return lines two blanks further in, once per depth. A line break inside a value stays where it is."""
    return ["  " * depth + line for line in lines]


def tree(leaves: Iterable[Leaf], look: Look = PLAIN) -> list[str]:
    """Render leaves whose paths begin with their branch; one root for each branch.

    Arrays carry `item` and `maxOccurrence`, ghosts `ghost="True"`, the leaves of events `item="1"`.
    """
    lines: list[str] = []
    for branch, node in nest(leaves).items():
        attributes = look.root if branch != "Event" else {}
        _render(_Place((branch,), attributes), node, look, lines)
    return lines


@dataclass(frozen=True, slots=True)
class _Place:
    path: Path
    attributes: Attributes = field(default_factory=dict)
    depth: int = 0

    @property
    def name(self) -> str:
        return str(next(part for part in reversed(self.path) if isinstance(part, str)))


def _render(place: _Place, node: Any, look: Look, lines: list[str]) -> None:
    if isinstance(node, dict) and node and all(isinstance(key, int) for key in node):
        greatest = look.occurrence(place.path)
        for number in sorted(node):
            attributes = {**place.attributes, "item": str(number), "maxOccurrence": greatest}
            _render(_Place((*place.path, number), attributes, place.depth), node[number], look, lines)
        return
    margin = "  " * place.depth
    if isinstance(node, dict):
        lines.append(f"{margin}<{place.name}{_shown(place.attributes)}>")
        for key in sorted(node, key=str):
            _render(_Place((*place.path, key), {}, place.depth + 1), node[key], look, lines)
        lines.append(f"{margin}</{place.name}>")
        return
    attributes = dict(place.attributes)
    if place.path[0] == "Event":
        attributes.setdefault("item", "1")
    if isinstance(node, Mark):
        ghost = {"ghost": "True"} if node is Mark.GHOST else {}
        lines.append(f"{margin}<{place.name}{_shown({**attributes, **ghost})}/>")
        return
    if reference := look.reference(place.path):
        attributes["valueSpaceRef"] = reference
    lines.append(f"{margin}<{place.name}{_shown(attributes)}>{text(node)}</{place.name}>")


def text(value: object) -> str:
    """Print a value as character data. What XML cannot hold is shown as U+FFFD."""
    return _UNPRINTABLE.sub("�", str(value)).translate(_TEXT)


def _shown(attributes: Attributes) -> str:
    return "".join(f' {name}="{_UNPRINTABLE.sub("�", value).translate(_QUOTED)}"' for name, value in attributes.items())


# ---- results and errors --------------------------------------------------------------------------------------------


def result(name: str, fields: Fields | None, status: str = "OK") -> list[str]:
    """Render what a command answers: `<DialResult status="OK"><CallId>3</CallId>...`."""
    leaves = flatten(fields, (name,)) if fields else []
    if not leaves:
        return [f"<{name}{_shown({'status': status})}/>"]
    lines: list[str] = []
    _render(_Place((name,), {"status": status}), nest(leaves)[name], PLAIN, lines)
    return lines


def failure(error: XapiError, command: Command | None = None) -> list[str]:
    """Render why a command failed; `command` is None when it is not known."""
    name = "Result" if command is None else command.result_name
    match error:
        case UnknownCommand():
            where = "/" + error.path.replace(" ", "/")
            return result("Result", {"Reason": UNKNOWN_COMMAND, "XPath": where}, "Error")
        case BadArguments():
            return result(name, None, "ParameterError")
        case _:
            fields = getattr(error, "fields", {})  # what a failed command answers besides its reason
            return result(name, {**fields, "Reason": str(error)}, "Error")


def refused_set(error: XapiError) -> list[str]:
    """Render why configurations were not set, `<Configuration>` and all: the leaf with `error="True"`, or a Reason."""
    match error:
        case BadValue():
            return _marked(("Configuration", *error.path.split(" ")))
        case NoMatch():
            fields = {"Reason": str(error), "XPath": error.path}
        case AccessDenied():
            fields = {"Reason": str(error)}
        case _:
            fields = {"Reason": str(error)}
    return result("Configuration", fields, "Error")


def _marked(words: tuple[str, ...]) -> list[str]:
    """Render the way to a leaf whose value was no good; a number belongs to the word before it."""
    steps: list[tuple[str, Attributes]] = []
    for word in words:
        if word.isdecimal():
            steps[-1] = (steps[-1][0], {"item": word})
        else:
            steps.append((word, {}))
    *above, (leaf, item) = steps
    lines = ["  " * depth + f"<{name}{_shown(given)}>" for depth, (name, given) in enumerate(above)]
    lines.append("  " * len(above) + f"<{leaf}{_shown({**item, 'error': 'True'})}>{ILLEGAL_VALUE}</{leaf}>")
    lines += ["  " * depth + f"</{name}>" for depth, (name, _) in reversed(list(enumerate(above)))]
    return lines


# ---- schema documents ----------------------------------------------------------------------------------------------


def valuespaces(named: Mapping[str, ValueSpace], look: Look = PLAIN) -> list[str]:
    """Render `/valuespace.xml`: `<INT_0_100 type="Integer"><Min>0</Min><Max>100</Max><Step>1</Step></INT_0_100>`."""
    lines = [f"<Valuespace{_shown(look.root)}>"]
    for name in sorted(named):
        lines += indented(_space(name, named[name]))
    return [*lines, "</Valuespace>"]


def commands(rows: Iterable[Command], look: Look = PLAIN) -> list[str]:
    """Render `/command.xml`: commands with `command="True"`, below them their arguments with their value spaces."""
    root: dict[str, Any] = {}
    for row in rows:
        node = root
        for word in row.path.split(" "):
            node = node.setdefault(word, {})
        node[_COMMAND] = row
    lines = [f"<Command{_shown(look.root)}>"]
    _render_commands(root, 1, lines)
    return [*lines, "</Command>"]


_COMMAND: Final = ""
"""The key of a command among the words that follow it: no word is empty."""


def _render_commands(node: dict[str, Any], depth: int, lines: list[str]) -> None:
    margin = "  " * depth
    for word in sorted(node, key=str.casefold):
        if word == _COMMAND:
            continue
        below: dict[str, Any] = node[word]
        row: Command | None = below.get(_COMMAND)
        attributes = {} if row is None else {"command": "True", **({"multiline": "True"} if row.multiline else {})}
        inside: list[str] = [] if row is None else _arguments(row, depth + 1)
        _render_commands(below, depth + 1, inside)
        opening = f"{margin}<{word}{_shown(attributes)}"
        lines += [f"{opening}>", *inside, f"{margin}</{word}>"] if inside else [f"{opening}/>"]


def _arguments(row: Command, depth: int) -> list[str]:
    lines: list[str] = []
    for argument in row.arguments:
        attributes = {
            "item": "1",
            "required": str(argument.required),
            "type": _KINDS[argument.space.kind],
            **({"maxOccurrence": str(argument.many)} if argument.many > 1 else {}),
            **({} if argument.default is None else {"default": argument.default}),
        }
        space = indented(_space("ValueSpace", argument.space))
        lines += [f"<{argument.name}{_shown(attributes)}>", *space, f"</{argument.name}>"]
    return indented(lines, depth)


_KINDS: Final[Mapping[str, str]] = {"literal": "Literal", "integer": "Integer", "string": "String"}


def _space(name: str, space: ValueSpace) -> list[str]:
    values = [("Value", literal) for literal in space.literals]
    ends = ("Min", "Max") if space.kind == "integer" else ("MinLength", "MaxLength")
    bounds = [(end, str(bound)) for end, bound in zip(ends, (space.low, space.high), strict=True) if bound is not None]
    if space.kind == "integer" and bounds:
        bounds.append(("Step", "1"))
    inside = [f"  <{tag}>{text(value)}</{tag}>" for tag, value in (*values, *bounds)]
    opening = f'<{name} type="{_KINDS[space.kind]}"'
    return [f"{opening}>", *inside, f"</{name}>"] if inside else [f"{opening}/>"]
