"""XML that clients send: read with limits, and what a putxml document asks for.

Python's own expat with handlers of ours, and not defusedxml: that refuses the same declarations but has had no release since 2021, and
limits neither depth nor elements. A document type is refused where it begins, so that no entity is ever declared.
Source: protocol/xapi.md 5.1, 5.3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from xml.parsers import expat

from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.xapi.leaves import Leaf, Mark
from endpoint.wire.xapi.nodes import Nodes
from endpoint.wire.xapi.paths import INDEX_MAX, Path

DOCUMENT_BYTES_MAX: Final = 10 * 1024 * 1024
"""A body of 8 MiB (`BODY_BYTES_MAX` of the commands) and what is around it."""
DEPTH_MAX: Final = 32
ELEMENTS_MAX: Final = 20_000
ATTRIBUTES_MAX: Final = 16
NAME_CHARS_MAX: Final = 128

BODY: Final = "body"
_NESTED: Final[Mapping[str, str]] = {}
"""The value of an argument that holds elements: no value space takes it."""


@dataclass(slots=True)
class Element:
    """One element; `text` is all character data directly in it."""

    name: str
    attributes: dict[str, str]
    children: list[Element] = field(default_factory=list)
    text: str = ""

    def child(self, name: str) -> Element | None:
        """Return the first child of a name."""
        return next((child for child in self.children if child.name == name), None)


class _Reader:
    """Builds elements from expat's events, within the limits."""

    def __init__(self, charset: str | None) -> None:
        parser = expat.ParserCreate(charset)
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._doctype
        self.parser = parser
        self.root: Element | None = None
        self._open: list[tuple[Element, list[str]]] = []
        self._count = 0

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > ELEMENTS_MAX:
            raise self._refused(f"at most {ELEMENTS_MAX} elements")
        if len(self._open) >= DEPTH_MAX:
            raise self._refused(f"elements nest at most {DEPTH_MAX} deep")
        if len(name) > NAME_CHARS_MAX or len(attributes) > ATTRIBUTES_MAX:
            raise self._refused(
                f"a name has at most {NAME_CHARS_MAX} characters, an element {ATTRIBUTES_MAX} attributes"
            )
        element = Element(name, attributes)
        if self._open:
            self._open[-1][0].children.append(element)
        else:
            self.root = element
        self._open.append((element, []))

    def _end(self, name: str) -> None:
        element, chunks = self._open.pop()
        element.text = "".join(chunks)

    def _text(self, data: str) -> None:
        self._open[-1][1].append(data)

    def _doctype(self, *_: object) -> None:
        raise self._refused("no document type, so no entities either")

    def _refused(self, rule: str) -> RemoteProtocolError:
        return RemoteProtocolError(self.where, rule)

    @property
    def where(self) -> str:
        """Where the parser is."""
        return f"line {self.parser.CurrentLineNumber}, column {self.parser.CurrentColumnNumber}"


def read(data: bytes, charset: str | None = None) -> Element:
    """Read a document and return its root.

    Args:
        charset: of the HTTP header, where it says one; it counts more than what the document says (RFC 7303 3.2).

    Raises:
        RemoteProtocolError: it is not well-formed, has a document type, or breaks a limit.
    """
    if len(data) > DOCUMENT_BYTES_MAX:
        raise RemoteProtocolError("document", f"at most {DOCUMENT_BYTES_MAX} bytes", str(len(data)))
    try:
        reader = _Reader(charset)
        reader.parser.Parse(data, True)
    except expat.ExpatError as error:
        why = expat.errors.messages.get(error.code, "not well-formed")
        raise RemoteProtocolError(f"line {error.lineno}, column {error.offset}", "well-formed XML", why) from None
    except (LookupError, ValueError, TypeError):  # UnicodeError is a ValueError
        raise RemoteProtocolError("encoding", "an encoding that is known, best UTF-8") from None
    if reader.root is None:
        raise RemoteProtocolError("document", "an element")
    return reader.root


# ---- putxml --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """A configuration to set: its path below the branch, as it was written."""

    path: Path
    value: str


@dataclass(frozen=True, slots=True)
class Call:
    """A command to call: a list for an argument that came several times, `body` None when there was none."""

    path: Path
    arguments: Mapping[str, Any]
    body: str | None
    is_known: bool = True


@dataclass(frozen=True, slots=True)
class Put:
    """What a putxml document asks for, in its order."""

    changes: tuple[Change, ...] = ()
    calls: tuple[Call, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Say whether there is nothing to do: no configuration, and no command that is known."""
        return not self.changes and not any(call.is_known for call in self.calls)


def put(root: Element, table: Nodes) -> Put:
    """Return what a document asks for. A document with another root than Configuration and Command asks for nothing.

    The deepest path that is a command is the command, with `command="True"` or without it.

    Raises:
        RemoteProtocolError: an `item` is no number, or a body holds elements.
    """
    match root.name.casefold():
        case "configuration":
            return Put(changes=tuple(_changes(root, ())))
        case "command":
            calls: list[Call] = []
            for child in root.children:
                found = _calls(child, (child.name,), table)
                calls += found or [Call(_single(child), {}, None, is_known=False)]
            return Put(calls=tuple(calls))
        case _:
            return Put()


def _changes(element: Element, path: Path) -> Iterator[Change]:
    for child in element.children:
        below = (*path, child.name, *_item(child))
        if child.children:
            yield from _changes(child, below)
        else:
            yield Change(below, child.text.strip())


def _item(element: Element) -> tuple[int, ...]:
    given = element.attributes.get("item")
    if given is None:
        return ()
    if not (given.isascii() and given.isdecimal() and len(given) <= 10 and int(given) <= INDEX_MAX):
        raise RemoteProtocolError(f"item of {element.name}", f"a number up to {INDEX_MAX}", repr(given)[:20])
    return (int(given),)


def _calls(element: Element, path: Path, table: Nodes) -> list[Call]:
    is_marked = element.attributes.get("command", "").casefold() == "true"
    if not is_marked:
        below = [call for child in element.children for call in _calls(child, (*path, child.name), table)]
        if below:
            return below
    is_known = table.command(path) is not None
    return [_call(element, path, is_known)] if is_marked or is_known else []


def _call(element: Element, path: Path, is_known: bool) -> Call:
    arguments: dict[str, Any] = {}
    spelling: dict[str, str] = {}
    body: str | None = None
    for child in element.children:
        if child.name.casefold() == BODY:
            if child.children:
                raise RemoteProtocolError("body", "escaped text, or CDATA")
            body = child.text
            continue
        name = spelling.setdefault(child.name.casefold(), child.name)
        value: Any = _NESTED if child.children else child.text.strip()
        known = arguments.get(name)
        if known is None:
            arguments[name] = value
        elif isinstance(known, list):
            known.append(value)
        else:
            arguments[name] = [known, value]
    return Call(path, arguments, body, is_known)


def _single(element: Element) -> Path:
    """Return the way down as long as there is only one."""
    path = [element.name]
    while len(element.children) == 1:
        element = element.children[0]
        path.append(element.name)
    return tuple(path)


# ---- documents of devices ------------------------------------------------------------------------------------------


def leaves(root: Element) -> list[Leaf]:
    """Return what a status, configuration, event or result document says; every value is text, a node without value is `""`.

    `item` is a number of an array where `maxOccurrence` stands beside it; the leaves of events have one too, and are no array.
    """
    return list(_leaves(root, (root.name,)))


def _leaves(element: Element, path: Path) -> Iterator[Leaf]:
    if element.attributes.get("ghost") == "True":
        yield path, Mark.GHOST
        return
    if not element.children:
        yield path, element.text
        return
    for child in element.children:
        number = _item(child) if "maxOccurrence" in child.attributes else ()
        yield from _leaves(child, (*path, child.name, *number))
