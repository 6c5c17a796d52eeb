"""What values widgets can have, and which actions change them.

The types and their values are documented; that a slip is refused too, the texts and what happens to types that are not known here is ours.
Source: the vendor's customization guide, as in protocol/xapi-nodes.md 4.27, 7.12.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from endpoint.room.panelxml import Widget

ACTIONS: Final = ("Pressed", "Changed", "Released", "Clicked")
SLIDER_MAX: Final = 255

_HELD: Final[Mapping[str, tuple[str, ...]]] = {
    "GroupButton": ("Pressed", "Released"),
    "Slider": ("Changed", "Released"),
    "ToggleButton": ("Changed",),
}
"""Actions after which a widget shows the value that came with them. Of the others the value is an impulse (`increment`, `up`) or empty."""
_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "Button": ("active", "inactive"),
    "IconButton": ("active", "inactive"),
    "ToggleButton": ("on", "off"),
}


def is_action(kind: str) -> bool:
    """Say whether a word is one of the four actions, as the command spells it."""
    return kind in ACTIONS


def holds(widget: Widget, action: str) -> bool:
    """Say whether an action leaves its value in the widget."""
    return action in _HELD.get(widget.kind, ())


def accepted_value(widget: Widget, value: str) -> str | None:
    """Return a value as the widget shows it, None for one that it cannot have; every widget can be empty."""
    if not value:
        return value
    if widget.kind in _WORDS:
        return value.lower() if value.lower() in _WORDS[widget.kind] else None
    if widget.kind == "Slider":
        is_number = re.fullmatch(r"[0-9]{1,3}", value) is not None
        return str(int(value)) if is_number and int(value) <= SLIDER_MAX else None
    if widget.kind == "GroupButton":
        return value if value in widget.keys else None
    return value
