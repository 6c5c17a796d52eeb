"""Panels, pages and widgets: what people and integrations add to the user interface.

Panels survive a restart, values of widgets do not. A widget keeps its element number as long as some panel has it; its value stays over
a change of its panel while it still fits (R). Source: protocol/xapi.md 10.3, xapi-nodes.md 4.27, 6.20, 7.12.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import ClassVar, Final

import msgspec

from endpoint.room import panelxml
from endpoint.room.keeping import keep, weight
from endpoint.room.panelxml import BLANKS, Element, Panel, Widget, panels_in, read_panel, write
from endpoint.room.ports import RoomWorld
from endpoint.room.widgets import accepted_value, holds, is_action
from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.xapi.calls import Invocation, Method
from endpoint.wire.xapi.errors import CommandFailed
from endpoint.wire.xapi.leaves import Fields

PANELS_MAX: Final = 100
WIDGETS_MAX: Final = 1_000
PANELS_BYTES_MAX: Final = 1024 * 1024
"""All panels together, as they are in the state file."""
VERSION: Final = "1.11"
"""The version of the XML that the vendor's editor writes, as List shows it (R)."""
BROKEN: Final = "Failed to parse xml"

_WIDGETS: Final = ("UserInterface", "Extensions", "Widget")
_UPDATES: Final = ("Color", "Icon", "Name", "Visibility")


class SavedPanel(msgspec.Struct, frozen=True, kw_only=True):
    """A panel as it is kept: its XML element, PanelId included. A ValueError when it cannot be read."""

    xml: str

    def __post_init__(self) -> None:
        try:
            read_panel(self.xml)
        except LocalProtocolError as error:
            raise ValueError(f"a panel: {error}") from None


class Extensions:
    """Keeps the panels, shows their widgets, and tells what people do with them.

    Args:
        store: keeps the panels over a restart; StorageError when it cannot.
        saved: what it was given last.
        on_change: told when panels, values, or what is open have changed.
    """

    __slots__ = ("_next", "_numbers", "_on_change", "_opened", "_panels", "_room", "_store")

    def __init__(
        self,
        room: RoomWorld,
        store: Callable[[tuple[SavedPanel, ...]], object],
        saved: Sequence[SavedPanel] = (),
        on_change: Callable[[], object] = lambda: None,
    ) -> None:
        self._room = room
        self._store = store
        self._on_change = on_change
        self._panels: dict[str, Panel] = {panel.panel_id: panel for panel in (read_panel(kept.xml) for kept in saved)}
        self._numbers: dict[str, int] = {}
        self._next = 1
        self._opened: tuple[str, str] | None = None
        self._show_widgets()

    @property
    def panels(self) -> Mapping[str, Panel]:
        """The panels by their id, in the order in which they came."""
        return self._panels

    @property
    def opened(self) -> tuple[str, str] | None:
        """The panel and the page that is open; the page is `""` if it has no id."""
        return self._opened

    def value(self, widget_id: str) -> str:
        """Return the value of a widget; `""` for one that has none, or is not there."""
        number = self._numbers.get(widget_id)
        value = None if number is None else self._room.status.get((*_WIDGETS, number, "Value"))
        return "" if value is None else str(value)

    # people

    def click_panel(self, panel_id: str, origin: str = "Controller") -> None:
        """Touch the button of a panel, which opens its first page if it has one.

        Raises:
            CommandFailed: there is no such panel, or its button is hidden.
        """
        if self._panel(panel_id).is_hidden:
            raise CommandFailed(f"The panel {panel_id} is hidden")
        self._click(panel_id, origin, "")

    def turn_page(self, page_id: str) -> None:
        """Turn to another page of the panel that is open.

        Raises:
            CommandFailed: no panel is open, or it has no such page.
        """
        panel = self._panels[self._opened[0]] if self._opened is not None else None
        if panel is None or page_id not in panel.pages:
            raise CommandFailed(f"No panel with a page {page_id} is open")
        self._open(panel.panel_id, page_id)

    def leave_panel(self) -> None:
        """Close the panel that is open, if one is."""
        self._close()
        self._on_change()

    def widget_action(self, widget_id: str, kind: str, value: str = "", origin: str = "Controller") -> None:
        """Use a widget: `Pressed`, `Changed`, `Released` or `Clicked`, with what it says to listeners.

        Raises:
            CommandFailed: there is no such widget, no such action, or the widget cannot have that value.
        """
        self._act(widget_id, kind, value, origin, "")

    # commands: panels

    def save(self, call: Invocation) -> None:
        """Take one panel; its PanelId is the argument's, whatever the XML says."""
        found = self._read(call)
        if len(found) != 1:
            raise CommandFailed(f"Panel Save takes one Panel element, and got {len(found)}")
        panel = _panel(found[0].put("PanelId", call.text("PanelId")))
        self._replace({**self._panels, panel.panel_id: panel})

    def remove(self, call: Invocation) -> None:
        """Forget a panel."""
        gone = self._panel(call.text("PanelId"))
        self._replace({name: panel for name, panel in self._panels.items() if panel is not gone})

    def update(self, call: Invocation) -> None:
        """Change how the button of a panel looks; its pages stay."""
        panel = self._panel(call.text("PanelId"))
        element = panel.element
        for name in _UPDATES:
            if call.has(name):
                element = element.put(name, call.text(name))
        if call.has("IconId"):
            element = element.put("CustomIcon", Element("Id", call.text("IconId")))
        self._keep({**self._panels, panel.panel_id: _panel(element)})
        self._on_change()

    def set_all(self, call: Invocation) -> None:
        """Take the panels of a document in place of all others. ConfigId names the document for its sender alone."""
        panels = [_panel(element) for element in self._read(call)]
        replaced = {panel.panel_id: panel for panel in panels}
        if len(replaced) != len(panels):
            raise CommandFailed("Two panels have the same PanelId")
        self._replace(replaced)

    def clear(self, call: Invocation) -> None:
        """Forget all panels, or those of one activity type."""
        gone = {panel.panel_id for panel in self._of_activity(call)}
        if gone:
            self._replace({name: panel for name, panel in self._panels.items() if name not in gone})

    def list_panels(self, call: Invocation) -> Fields:
        """Return the panels as they were saved."""
        panels = [panelxml.shown(panel.element) for panel in self._of_activity(call)]
        return {"Extensions": {"Version": VERSION, "Panel": panels}}

    def open_panel(self, call: Invocation) -> None:
        """Open a page of a panel, its first one if none is named."""
        panel = self._panel(call.text("PanelId"))
        if not panel.pages:
            raise CommandFailed(f"The panel {panel.panel_id} has no page to open")
        page = call.text("PageId") or panel.pages[0]
        if page not in panel.pages:
            known = ", ".join(filter(None, panel.pages)) or "none with an id"
            raise CommandFailed(f"The panel {panel.panel_id} has no page {page}; it has: {known}")
        self._open(panel.panel_id, page)

    def close_panel(self, call: Invocation) -> None:
        """Close the panel that is open, wherever it is."""
        self.leave_panel()

    def clicked(self, call: Invocation) -> None:
        """Touch the button of a panel as somebody in the room would."""
        self._click(call.text("PanelId"), call.text("Origin"), call.text("PeripheralId"))

    # commands: widgets

    def set_value(self, call: Invocation) -> None:
        """Set what a widget shows. No Widget Action is raised: those tell what people do, and who sets a value on each would never end."""
        widget = self._widget(call.text("WidgetId"))
        self._put(widget, _accepted(widget, call.text("Value")))

    def unset_value(self, call: Invocation) -> None:
        """Let a widget show no value."""
        self._put(self._widget(call.text("WidgetId")), "")

    def action(self, call: Invocation) -> None:
        """Use a widget as somebody in the room would."""
        where = call.text("Origin"), call.text("PeripheralId")
        self._act(call.text("WidgetId"), call.text("Type").capitalize(), call.text("Value"), *where)

    # inside

    def _panel(self, panel_id: str) -> Panel:
        panel = self._panels.get(panel_id.strip(BLANKS))
        if panel is None:
            raise CommandFailed(f"No panel {panel_id}")
        return panel

    def _widget(self, widget_id: str) -> Widget:
        for panel in self._panels.values():
            if widget_id in panel.widgets:
                return panel.widgets[widget_id]
        raise CommandFailed(f"No widget {widget_id}")

    def _of_activity(self, call: Invocation) -> Iterable[Panel]:
        asked = call.text("ActivityType")
        return [panel for panel in self._panels.values() if not asked or panel.activity == asked]

    def _read(self, call: Invocation) -> tuple[Element, ...]:
        try:
            return panels_in(call.body)
        except LocalProtocolError as error:
            self._room.world.log.line("UserInterface", "W", f"extensions not saved: {error}")
            raise CommandFailed(BROKEN) from None

    def _click(self, panel_id: str, origin: str, peripheral: str) -> None:
        panel = self._panel(panel_id)
        fields = {"PanelId": panel_id, "Origin": origin or None, "PeripheralId": peripheral or None}
        self._room.raise_event("UserInterface Extensions Panel Clicked", fields)
        if panel.pages:
            self._open(panel_id, panel.pages[0])

    def _act(self, widget_id: str, kind: str, value: str, origin: str, peripheral: str) -> None:
        widget = self._widget(widget_id)
        if not is_action(kind):
            raise CommandFailed(f"No action {kind}; a widget is Pressed, Changed, Released or Clicked")
        shows = _accepted(widget, value) if holds(widget, kind) else None
        fields = {
            "WidgetId": widget_id,
            "Type": kind.lower(),
            "Value": value,
            "Origin": origin or None,
            "PeripheralId": peripheral or None,
        }
        self._room.raise_event("UserInterface Extensions Widget Action", fields)
        if shows is not None:
            self._put(widget, shows)

    def _put(self, widget: Widget, value: str) -> None:
        self._room.status.put((*_WIDGETS, self._numbers[widget.widget_id], "Value"), value)
        self._on_change()

    def _open(self, panel_id: str, page: str) -> None:
        if self._opened != (panel_id, page):
            self._close()
            self._opened = panel_id, page
            self._tell_page(page, "Opened")
        self._on_change()

    def _close(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            self._tell_page(opened[1], "Closed")

    def _tell_page(self, page: str, what: str) -> None:
        if page:
            self._room.raise_event("UserInterface Extensions Page Action", {"PageId": page, "Type": what})

    def _replace(self, panels: dict[str, Panel]) -> None:
        """Take other panels: keep them, show their widgets, close what is gone, tell."""
        self._keep(panels)
        self._show_widgets()
        if self._opened is not None:
            panel = self._panels.get(self._opened[0])
            if panel is None or self._opened[1] not in panel.pages:
                self._close()
        self._room.raise_event("UserInterface Extensions Widget LayoutUpdated", {})
        self._on_change()

    def _keep(self, panels: dict[str, Panel]) -> None:
        if len(panels) > PANELS_MAX:
            raise CommandFailed(f"At most {PANELS_MAX} panels can be saved")
        if len(set(chain.from_iterable(panel.widgets for panel in panels.values()))) > WIDGETS_MAX:
            raise CommandFailed(f"At most {WIDGETS_MAX} widgets can be saved")
        if sum(weight(panel.xml) for panel in panels.values()) > PANELS_BYTES_MAX:
            raise CommandFailed(f"All panels together take at most {PANELS_BYTES_MAX} bytes")
        keep(self._store, tuple(SavedPanel(xml=panel.xml) for panel in panels.values()))
        self._panels = panels

    def _show_widgets(self) -> None:
        widgets: dict[str, Widget] = {}
        for panel in self._panels.values():
            for widget in panel.widgets.values():
                widgets.setdefault(widget.widget_id, widget)
        screen = self._room.status
        with screen.group():
            for widget_id in [known for known in self._numbers if known not in widgets]:
                screen.remove((*_WIDGETS, self._numbers.pop(widget_id)))
            for widget in widgets.values():
                if widget.widget_id not in self._numbers:
                    self._numbers[widget.widget_id] = self._next
                    screen.put((*_WIDGETS, self._next, "WidgetId"), widget.widget_id)
                    screen.put((*_WIDGETS, self._next, "Value"), "")
                    self._next += 1
                elif accepted_value(widget, self.value(widget.widget_id)) is None:
                    screen.put((*_WIDGETS, self._numbers[widget.widget_id], "Value"), "")

    COMMANDS: ClassVar[Mapping[str, Method]] = {
        "UserInterface Extensions Clear": clear,
        "UserInterface Extensions List": list_panels,
        "UserInterface Extensions Panel Clicked": clicked,
        "UserInterface Extensions Panel Close": close_panel,
        "UserInterface Extensions Panel Open": open_panel,
        "UserInterface Extensions Panel Remove": remove,
        "UserInterface Extensions Panel Save": save,
        "UserInterface Extensions Panel Update": update,
        "UserInterface Extensions Set": set_all,
        "UserInterface Extensions Widget Action": action,
        "UserInterface Extensions Widget SetValue": set_value,
        "UserInterface Extensions Widget UnsetValue": unset_value,
    }


def _panel(element: Element) -> Panel:
    try:
        return read_panel(write(element))  # an argument can hold what XML cannot: a control character
    except LocalProtocolError as error:
        raise CommandFailed(f"Not saved: {error}") from None


def _accepted(widget: Widget, value: str) -> str:
    taken = accepted_value(widget, value)
    if taken is None:
        raise CommandFailed(f"{value!r} is no value of the {widget.kind} {widget.widget_id}")
    return taken
