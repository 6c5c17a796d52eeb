"""The XML of user interface extensions: panels, their pages and widgets.

Read with bounds and without document types, so that no entity can be declared. What is not known here is kept as it came.
Source: protocol/xapi.md 10.3; the names of the elements are those of the vendor's editor.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple
from xml.parsers import expat
from xml.sax.saxutils import escape

from endpoint.wire.errors import LocalProtocolError

XML_BYTES_MAX: Final = 256 * 1024
DEPTH_MAX: Final = 16
ELEMENTS_MAX: Final = 5_000
NAME_BYTES_MAX: Final = 255
"""Of a PanelId, PageId or WidgetId: what the commands take."""
PANELS_READ_MAX: Final = 128
"""Panels that are kept read, over all devices of a process."""

BLANKS: Final = " \t\r\n"
ROOT: Final = "Extensions"
CUSTOM: Final = "Custom"
"""The activity type of a panel that names none."""
_ARRAYS: Final = frozenset(("Panel", "Page", "Row", "Widget", "Value"))
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_ESCAPES: Final = {"\r": "&#13;"}  # else a reader takes it for the end of a line


class Element(NamedTuple):
    """An element: a text, or further elements. Attributes, comments and blanks around texts are not kept."""

    name: str
    text: str = ""
    children: tuple[Element, ...] = ()

    def child(self, name: str) -> str:
        """Return the text of the first child of a name, `""` without one."""
        return next((child.text for child in self.children if child.name == name), "")

    def all(self, name: str) -> list[Element]:
        """Return every element of a name at any depth below, in their order."""
        found: list[Element] = []
        for child in self.children:
            if child.name == name:
                found.append(child)
            found += child.all(name)
        return found

    def put(self, name: str, *content: str | Element) -> Element:
        """Return the element with a child set: in the place of the first of its name, else before all others."""
        text = "".join(part for part in content if isinstance(part, str))
        new = Element(name, text, tuple(part for part in content if isinstance(part, Element)))
        at = next((at for at, child in enumerate(self.children) if child.name == name), None)
        if at is None:
            return self._replace(text="", children=(new, *self.children))
        return self._replace(children=(*self.children[:at], new, *self.children[at + 1 :]))


class Widget(NamedTuple):
    """A widget: its id, its type as in the XML, and the keys of its value space."""

    widget_id: str
    kind: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """What the device looks at in a panel.

    Attributes:
        xml: the panel as it is kept; `read_panel` reads it again.
        pages: ids of its pages, `""` for a page without one.
        widgets: by their id; of two with one id the first counts.
    """

    xml: str
    element: Element
    panel_id: str
    pages: tuple[str, ...]
    widgets: Mapping[str, Widget]

    @property
    def activity(self) -> str:
        """The activity type: `Custom`, `WebWidget`, ..."""
        return self.element.child("ActivityType") or CUSTOM

    @property
    def is_hidden(self) -> bool:
        """Say whether nobody sees its button."""
        return self.element.child("Visibility") == "Hidden"


def parse(text: str) -> Element:
    """Read one document.

    Raises:
        LocalProtocolError: not well-formed, a document type, too large or too deep, or a name that no xAPI node could have.
    """
    try:
        data = text.lstrip("\ufeff" + BLANKS).encode()
    except UnicodeEncodeError:
        raise LocalProtocolError("half a character, a lone surrogate") from None
    if len(data) > XML_BYTES_MAX:
        raise LocalProtocolError(f"{len(data)} bytes of XML; at most {XML_BYTES_MAX}")
    reader = _Reader()
    parser = expat.ParserCreate("UTF-8")  # whatever the declaration says: it came as text
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = reader.doctype
    parser.StartElementHandler = reader.start
    parser.CharacterDataHandler = reader.characters
    parser.EndElementHandler = reader.end
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        why = expat.ErrorString(error.code)
        raise LocalProtocolError(f"line {error.lineno}, column {error.offset + 1}: {why}") from None
    return reader.root


class _Reader:
    """Builds the tree from what the parser meets."""

    def __init__(self) -> None:
        self.root = Element("")
        self._open: list[tuple[str, list[str], list[Element]]] = []
        self._count = 0

    def doctype(self, *_: object) -> None:
        raise LocalProtocolError("a document type; send the elements alone")

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        self._count += 1
        if self._count > ELEMENTS_MAX:
            raise LocalProtocolError(f"more than {ELEMENTS_MAX} elements")
        if len(self._open) >= DEPTH_MAX:
            raise LocalProtocolError(f"elements nested more than {DEPTH_MAX} deep")
        if not _NAME.fullmatch(name):
            raise LocalProtocolError(
                f"{name[:40]!r}; a name is up to 64 ASCII letters, digits, hyphens and underscores"
            )
        self._open.append((name, [], []))

    def characters(self, text: str) -> None:
        self._open[-1][1].append(text)

    def end(self, name: str) -> None:
        name, texts, children = self._open.pop()
        element = Element(name, "" if children else "".join(texts).strip(BLANKS), tuple(children))
        if self._open:
            self._open[-1][2].append(element)
        else:
            self.root = element


def write(element: Element) -> str:
    """Write an element, without white space between its children; `parse` reads it again."""
    inside = "".join(write(child) for child in element.children) or escape(element.text, _ESCAPES)
    return f"<{element.name}>{inside}</{element.name}>"


def panel_of(element: Element) -> Panel:
    """Look at a `Panel` element.

    Raises:
        LocalProtocolError: it is none, has no PanelId, or an id is too long.
    """
    if element.name != "Panel":
        raise LocalProtocolError(f"an element {element.name}; Panel is expected")
    panel_id = element.child("PanelId")
    if not panel_id:
        raise LocalProtocolError("a Panel without PanelId")
    widgets: dict[str, Widget] = {}
    for found in element.all("Widget"):
        widget_id = found.child("WidgetId")
        if widget_id:
            keys = tuple(value.child("Key") for value in found.all("Value"))
            widgets.setdefault(widget_id, Widget(widget_id, found.child("Type"), keys))
    pages = tuple(page.child("PageId") for page in element.all("Page"))
    for name in (panel_id, *pages, *widgets):
        if len(name.encode()) > NAME_BYTES_MAX:
            raise LocalProtocolError(f"an id of more than {NAME_BYTES_MAX} bytes: {name[:40]!r}")
    return Panel(write(element), element, panel_id, pages, widgets)


@lru_cache(maxsize=PANELS_READ_MAX)
def read_panel(xml: str) -> Panel:
    """Read a panel as it is kept; devices with the same panel share what was read. Errors as in `parse` and `panel_of`."""
    return panel_of(parse(xml))


def panels_in(body: str) -> tuple[Element, ...]:
    """Return the `Panel` elements of an `Extensions` document.

    Raises:
        LocalProtocolError: as in `parse`, or it is another document.
    """
    root = parse(body)
    if root.name != ROOT:
        raise LocalProtocolError(f"the outermost element is {root.name}; {ROOT} is expected")
    return tuple(child for child in root.children if child.name == "Panel")


def shown(element: Element) -> dict[str, Any]:
    """Return an element as fields of a command's result; panels, pages, rows, widgets and values are arrays, whatever their number."""
    found: dict[str, list[Any]] = {}
    for child in element.children:
        if child.name != "id":  # the number of an element of an array, in every rendering
            is_branch = child.children or (child.name in _ARRAYS and not child.text)
            found.setdefault(child.name, []).append(shown(child) if is_branch else child.text)
    return {name: some if name in _ARRAYS or len(some) > 1 else some[0] for name, some in found.items()}
