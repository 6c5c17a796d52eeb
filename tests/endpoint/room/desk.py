"""A device with a touch panel, and XML for it."""

from __future__ import annotations

from typing import Any

from touching import Touched

from endpoint.room.extensions import Extensions, SavedPanel

ROOT = "UserInterface Extensions"
SAVE, REMOVE, SET = f"{ROOT} Panel Save", f"{ROOT} Panel Remove", f"{ROOT} Set"
VALUE = f"{ROOT} Widget SetValue"
LAYOUT = (f"{ROOT} Widget LayoutUpdated", {})


def widget(widget_id: str, kind: str = "ToggleButton", *keys: str) -> str:
    values = "".join(f"<Value><Key>{key}</Key></Value>" for key in keys)
    return f"<Widget><WidgetId>{widget_id}</WidgetId><Type>{kind}</Type><ValueSpace>{values}</ValueSpace></Widget>"


def panel(*widgets: str, panel_id: str = "", more: str = "", page: str = "page_1") -> str:
    named = f"<PanelId>{panel_id}</PanelId>" if panel_id else ""
    pages = f"<Page><PageId>{page}</PageId><Row>{''.join(widgets)}</Row></Page>" if page else ""
    return f"<Panel>{named}<Name>Blåbær</Name>{more}{pages}</Panel>"


def document(*panels: str) -> str:
    return "<Extensions>\n<Version>1.8</Version>\n" + "\n".join(panels) + "\n</Extensions>"


class Desk(Touched):
    def __init__(self, *saved: SavedPanel) -> None:
        super().__init__()
        self.redrawn = 0
        self.extensions = Extensions(self.room, self.store, saved, self._redraw)
        self.own(self.extensions)

    def _redraw(self) -> None:
        self.redrawn += 1

    def save(self, panel_id: str, *widgets: str, more: str = "", page: str = "page_1") -> None:
        self.call(SAVE, document(panel(*widgets, more=more, page=page)), PanelId=panel_id)

    @property
    def widgets(self) -> dict[str, Any]:
        return self.below(f"{ROOT} Widget")
