"""What the user interface offers: features, settings menu, screen lock, light bar, branding and web views.

Source: protocol/xapi-nodes.md 4.27, 5.23.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from endpoint.room.ports import RoomWorld
from endpoint.wire.xapi.calls import Invocation, Method
from endpoint.wire.xapi.nodes import Value
from endpoint.wire.xapi.paths import Path

FEATURES: Final = (
    ("Calendar", "Start"),
    ("Call", "AudioMute"),
    ("Call", "End"),
    ("Call", "JoinGoogleMeet"),
    ("Call", "JoinWebex"),
    ("Call", "JoinZoom"),
    ("Call", "Keypad"),
    ("Call", "MidCallControls"),
    ("Call", "Start"),
    ("Call", "VideoMute"),
    ("Share", "Start"),
    ("Whiteboard", "Start"),
)
"""Buttons that can be hidden; some have a configuration of the same name, Auto or Hidden."""

START: Final[Mapping[str, Value]] = {
    "UserInterface Branding CustomId Background": "",
    "UserInterface Branding CustomId Branding": "",
    **{f"UserInterface Features {' '.join(feature)}": "Visible" for feature in FEATURES},
    "UserInterface Features Call JoinZoom": "Hidden",
    "UserInterface LedControl Color": "Green",
    "UserInterface OSD Output": 1,
    "UserInterface ScreenLock Status": "Disabled",
    "UserInterface SettingsMenu Visibility": "Visible",
    "UserInterface WebView 1 Status": "NotVisible",
    "UserInterface WebView 1 Type": "None",
    "UserInterface WebView 1 URL": "",
}

_ROOT: Final = ("UserInterface", "Features")
_COLOR: Final = ("UserInterface", "LedControl", "Color")
_VIEW: Final = ("UserInterface", "WebView", 1)


class Features:
    """Shows what the configuration hides, and what colour the light bar has."""

    __slots__ = ("_room",)

    def __init__(self, room: RoomWorld) -> None:
        self._room = room
        room.settings.listen(_ROOT, self._changed)
        self._show()

    def in_use(self, now: bool) -> None:
        """Turn the light bar red while the room is in use, green when it is free again."""
        self._room.status.put(_COLOR, "Red" if now else "Green")

    def show_web_view(self, url: str, kind: str = "WebApp", status: str = "Visible") -> None:
        """Show a page on the screen.

        Args:
            kind: a literal of `WebView[n] Type`.
            status: `Visible`, or `Error` for a page that cannot be loaded.
        """
        self._view(status, kind, url)

    def clear_web_view(self) -> None:
        """Take the page off the screen."""
        self._view("NotVisible", "None", "")

    def set_color(self, call: Invocation) -> None:
        """Set the colour of the light bar."""
        self._room.status.put(_COLOR, call.text("Color"))

    def _view(self, status: str, kind: str, url: str) -> None:
        screen = self._room.status
        with screen.group():
            screen.put((*_VIEW, "Status"), status)
            screen.put((*_VIEW, "Type"), kind)
            screen.put((*_VIEW, "URL"), url)

    def _changed(self, changes: Mapping[Path, Value | None]) -> None:
        self._show()

    def _show(self) -> None:
        settings, status = self._room.settings, self._room.status
        hides_all = settings.get((*_ROOT, "HideAll")) == "True"
        with status.group():
            for feature in FEATURES:
                is_hidden = hides_all or settings.get((*_ROOT, *feature)) == "Hidden"
                status.put((*_ROOT, *feature), "Hidden" if is_hidden else "Visible")

    COMMANDS: ClassVar[Mapping[str, Method]] = {"UserInterface LedControl Color Set": set_color}
