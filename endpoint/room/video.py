"""Video: inputs, outputs, self-view, layouts.

Source: protocol/xapi-nodes.md 4.28, 5.24, 6.21 and the rows of the table (words and value spaces documented); what follows from what, and
the size of what can be plugged in, are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar, Final

from endpoint.room.ports import RoomWorld
from endpoint.room.quiet import never, nothing
from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.xapi.calls import Invocation, Method
from endpoint.wire.xapi.errors import BadArguments, CommandFailed
from endpoint.wire.xapi.nodes import Value
from endpoint.wire.xapi.paths import Path

INPUTS: Final[Mapping[int, str]] = MappingProxyType({1: "Camera", 2: "USBC-DP", 3: "HDMI", 4: "USB", 5: "USB"})
"""Input connectors by number; source n is what comes in at connector n. Connector 1 is the built-in camera."""
OUTPUTS: Final = (1, 2)
USBC: Final = 2
WIDTH_MAX: Final = 7_680
HEIGHT_MAX: Final = 4_320
REFRESH_RATE_MAX: Final = 240
LAYOUTS: Final = ("Grid", "Overlay", "Stack", "Focus", "Prominent")
"""Layouts of a call; the first is the default."""
LAYOUTS_MAX: Final = 10
"""Layouts that a call can offer."""
ROLES: Final = ("First", "Second", "Third")
_SCREENS: Final[Mapping[str, int]] = MappingProxyType(
    {"Single": 1, "Dual": 2, "DualPresentationOnly": 2, "Triple": 3, "TriplePresentationOnly": 3}
)


def _start() -> dict[str, Value]:
    found: dict[str, Value] = {
        "Video ActiveSpeaker PIPPosition": "LowerRight",
        "Video Input AirPlay Status": "Off",
        "Video Input MainVideoMute": "Off",
        "Video Input MainVideoSource": "1",
        "Video Input Miracast Status": "Stopped",
        "Video Layout ActiveSpeakerOnStage": "True",
        "Video Layout CurrentLayouts ActiveLayout": "",
        "Video Layout CurrentLayouts DefaultLayout": "",
        "Video Layout LayoutFamily Local": "auto",
        "Video Layout LayoutFamily Remote": "auto",
        "Video Monitors": "Single",
        "Video Output Webcam Mode": "Disconnected",
        "Video Output Webcam Status": "Inactive",
        "Video Presentation PIPPosition": "LowerRight",
        "Video Selfview FullscreenMode": "Off",
        "Video Selfview Mode": "Off",
        "Video Selfview OnMonitorRole": "First",
        "Video Selfview PIPPosition": "UpperRight",
    }
    for number, kind in INPUTS.items():
        is_camera = number == 1
        found |= {
            f"Video Input Connector {number} Connected": str(is_camera),
            f"Video Input Connector {number} SignalState": "OK" if is_camera else "NotFound",
            f"Video Input Connector {number} SourceId": number,
            f"Video Input Connector {number} Type": kind,
            f"Video Input Source {number} Availability": "Idle",
            f"Video Input Source {number} ConnectorId": number,
            f"Video Input Source {number} FormatStatus": "Ok" if is_camera else "NotFound",
            f"Video Input Source {number} MediaChannelId": 0,
            f"Video Input Source {number} Resolution Height": 1_080 if is_camera else 0,
            f"Video Input Source {number} Resolution RefreshRate": 60 if is_camera else 0,
            f"Video Input Source {number} Resolution Width": 1_920 if is_camera else 0,
        }
    for number in OUTPUTS:
        found |= {
            f"Video Output Connector {number} {leaf}": value for leaf, value in _output(number, number == 1).items()
        }
        found[f"Video Output Connector {number} MonitorRole"] = ROLES[number - 1]
        found[f"Video Output Connector {number} Type"] = "HDMI"
    return found


def _output(number: int, connected: bool) -> dict[str, Value]:
    return {
        "Connected": str(connected),
        "ConnectedDevice Name": f"Display {number}" if connected else "",
        "ConnectedDevice PreferredFormat": "3840x2160@60Hz" if connected else "",
        "ConnectedDevice ScreenSize": 55 if connected else 0,
        "Resolution Height": 2_160 if connected else 0,
        "Resolution RefreshRate": 60 if connected else 0,
        "Resolution Width": 3_840 if connected else 0,
    }


START: Final[Mapping[str, Value]] = MappingProxyType(_start())

MAIN_SOURCE: Final[Path] = ("Video", "Input", "MainVideoSource")
MAIN_MUTE: Final[Path] = ("Video", "Input", "MainVideoMute")
ACTIVE_LAYOUT: Final[Path] = ("Video", "Layout", "CurrentLayouts", "ActiveLayout")
DEFAULT_LAYOUT: Final[Path] = ("Video", "Layout", "CurrentLayouts", "DefaultLayout")
AVAILABLE_LAYOUTS: Final[Path] = ("Video", "Layout", "CurrentLayouts", "AvailableLayouts")
MONITORS: Final[Path] = ("Video", "Monitors")
SELFVIEW: Final[Mapping[str, Path]] = MappingProxyType(
    {name: ("Video", "Selfview", name) for name in ("FullscreenMode", "Mode", "OnMonitorRole", "PIPPosition")}
)
WEBCAM: Final[Path] = ("Video", "Output", "Webcam", "Mode")

DEFAULT_SOURCE: Final[Path] = ("Video", "DefaultMainSource")
SELFVIEW_DEFAULT: Final[Path] = ("Video", "Selfview", "Default", "Mode")


class Video:
    """What goes in and out as a picture."""

    __slots__ = ("_room", "in_call", "on_layout", "on_plugged", "on_unplugged")

    def __init__(self, room: RoomWorld) -> None:
        self._room = room
        self.in_call: Callable[[], bool] = never
        """Says whether there is a call."""
        self.on_layout: Callable[[str], object] = nothing
        """Told the layout that somebody has chosen."""
        self.on_plugged: Callable[[int], object] = nothing
        """Told of a connector that has a signal now."""
        self.on_unplugged: Callable[[int], object] = nothing
        """Told of a connector that has none any more."""
        with room.status.group():
            self._default_source()
            self._default_selfview()
            self._count_monitors()
        room.settings.listen(("Video",), self._configured)

    # what others tell

    def call_began(self) -> None:
        """Take note that a call became active: it has layouts, and begins with the default source."""
        status = self._room.status
        with status.group():
            self._default_source()
            for number, name in enumerate(LAYOUTS, start=1):
                status.put((*AVAILABLE_LAYOUTS, number, "LayoutName"), name)
            status.put(DEFAULT_LAYOUT, LAYOUTS[0])
            status.put(ACTIVE_LAYOUT, LAYOUTS[0])

    def call_ended(self) -> None:
        """Take note that the last call is over."""
        status = self._room.status
        with status.group():
            status.remove(AVAILABLE_LAYOUTS)
            status.put(DEFAULT_LAYOUT, "")
            status.put(ACTIVE_LAYOUT, "")
            self._default_selfview()

    def offer_layouts(self, names: Sequence[str]) -> None:
        """Offer the layouts of a call, at most LAYOUTS_MAX; the one in use stays if it is among them, else it is the first."""
        status, offered = self._room.status, tuple(names)[:LAYOUTS_MAX]
        with status.group():
            for number in _LAYOUT_NUMBERS:
                if number > len(offered):
                    status.remove((*AVAILABLE_LAYOUTS, number))
            for number, name in enumerate(offered, start=1):
                status.put((*AVAILABLE_LAYOUTS, number, "LayoutName"), name)
            if offered and status.get(ACTIVE_LAYOUT) not in offered:
                status.put(DEFAULT_LAYOUT, offered[0])
                status.put(ACTIVE_LAYOUT, offered[0])

    def has_signal(self, connector: int) -> bool:
        """Say whether something comes in at a connector."""
        return self._room.status.get(("Video", "Input", "Connector", connector, "Connected")) == "True"

    # what scenarios do

    def plug(self, connector: int, width: int, height: int, refresh_rate: int = 60) -> None:
        """Plug a source into a connector, or let the one that is there change its format.

        Raises:
            LocalProtocolError: not a connector that something can be plugged into, or no such picture.
        """
        self._must_be_socket(connector)
        bounds = {"width": (width, WIDTH_MAX), "height": (height, HEIGHT_MAX), "rate": (refresh_rate, REFRESH_RATE_MAX)}
        for name, (value, limit) in bounds.items():
            if not 1 <= value <= limit:
                raise LocalProtocolError(f"a {name} of {value}; 1 to {limit} are possible")
        self._signal(connector, width, height, refresh_rate)
        self.on_plugged(connector)

    def unplug(self, connector: int) -> None:
        """Pull a source out.

        Raises:
            LocalProtocolError: not a connector that something can be plugged into, or nothing is there.
        """
        self._must_be_socket(connector)
        if not self.has_signal(connector):
            raise LocalProtocolError(f"nothing is plugged into connector {connector}")
        self._signal(connector, 0, 0, 0)
        self.on_unplugged(connector)

    def display(self, connector: int, connected: bool) -> None:
        """Plug a screen into an output, or pull it out.

        Raises:
            LocalProtocolError: no such output.
        """
        if connector not in OUTPUTS:
            raise LocalProtocolError(f"there is no output {connector}; there are {', '.join(map(str, OUTPUTS))}")
        with self._room.status.group():
            for leaf, value in _output(connector, connected).items():
                self._room.status.put(("Video", "Output", "Connector", connector, *leaf.split(" ")), value)
            self._count_monitors()

    # commands

    def _speaker_pip(self, call: Invocation) -> None:
        self._room.status.put(("Video", "ActiveSpeaker", "PIPPosition"), call.text("Position"))

    def _presentation_pip(self, call: Invocation) -> None:
        self._room.status.put(("Video", "Presentation", "PIPPosition"), call.text("Position"))

    def _mute(self, call: Invocation) -> None:
        self._room.status.put(MAIN_MUTE, "On")

    def _unmute(self, call: Invocation) -> None:
        self._room.status.put(MAIN_MUTE, "Off")

    def _set_source(self, call: Invocation) -> None:
        connectors, sources = call.many("ConnectorId"), call.many("SourceId")
        if bool(connectors) == bool(sources):
            raise BadArguments({"ConnectorId": "give either ConnectorId or SourceId"})
        for source in sources:
            if source in ("AirPlay", "Miracast"):
                raise CommandFailed(f"{source} is not active")
        chosen = dict.fromkeys(map(str, connectors or sources))
        self._room.status.put(MAIN_SOURCE, next(iter(chosen)) if len(chosen) == 1 else "Composed")

    def _set_layout(self, call: Invocation) -> None:
        wanted = call.text("LayoutName")
        available = [str(self._room.status.get((*AVAILABLE_LAYOUTS, n, "LayoutName")) or "") for n in _LAYOUT_NUMBERS]
        if not any(available):
            raise CommandFailed("There is no call to choose a layout for")
        for name in available:
            if name and name.casefold() == wanted.casefold():
                self._room.status.put(ACTIVE_LAYOUT, name)
                self.on_layout(name)
                return
        raise CommandFailed(f"There is no layout {wanted!r}; there are {', '.join(filter(None, available))}")

    def _set_family(self, call: Invocation) -> None:
        family = call.text("LayoutFamily") or "auto"
        if family == "custom" and not call.text("CustomLayoutName"):
            raise BadArguments({"CustomLayoutName": "a custom layout needs its name"})
        leaf = "Remote" if call.text("Target") == "Remote" else "Local"
        self._room.status.put(("Video", "Layout", "LayoutFamily", leaf), family)

    def _set_selfview(self, call: Invocation) -> None:
        role = call.text("OnMonitorRole")
        if role and ROLES.index(role) >= self._screens():
            raise CommandFailed(f"There is no monitor {role}: Video Monitors is {self._room.status.get(MONITORS)}")
        with self._room.status.group():
            for name, path in SELFVIEW.items():
                if call.has(name):
                    self._room.status.put(path, call.text(name))

    # inside

    def _configured(self, changes: Mapping[Path, Value | None]) -> None:
        if MONITORS in changes:
            with self._room.status.group():
                self._count_monitors()
        if self.in_call():
            return
        if DEFAULT_SOURCE in changes:
            self._default_source()
        if SELFVIEW_DEFAULT in changes and changes[SELFVIEW_DEFAULT] in ("On", "Off"):
            self._default_selfview()

    def _default_source(self) -> None:
        """Show the default source; one that this product lacks, or that has no number, is the camera."""
        wanted = str(self._room.settings.get(DEFAULT_SOURCE))
        self._room.status.put(MAIN_SOURCE, wanted if wanted.isdigit() and int(wanted) in INPUTS else "1")

    def _default_selfview(self) -> None:
        mode = self._room.settings.get(SELFVIEW_DEFAULT)
        if mode != "Current":
            self._room.status.put(SELFVIEW["Mode"], "On" if mode == "On" else "Off")

    def _count_monitors(self) -> None:
        word = str(self._room.settings.get(MONITORS))
        if word not in _SCREENS:
            connected = [self._room.status.get(("Video", "Output", "Connector", n, "Connected")) for n in OUTPUTS]
            word = "Dual" if connected.count("True") > 1 else "Single"
        self._room.status.put(MONITORS, word)
        if ROLES.index(str(self._room.status.get(SELFVIEW["OnMonitorRole"]))) >= self._screens():
            self._room.status.put(SELFVIEW["OnMonitorRole"], ROLES[0])

    def _screens(self) -> int:
        return _SCREENS[str(self._room.status.get(MONITORS))]

    def _must_be_socket(self, connector: int) -> None:
        if connector not in INPUTS or connector == 1:
            sockets = ", ".join(str(number) for number in INPUTS if number != 1)
            raise LocalProtocolError(f"nothing can be plugged into connector {connector}; there are {sockets}")

    def _signal(self, connector: int, width: int, height: int, refresh_rate: int) -> None:
        status, has_signal = self._room.status, width > 0
        source: Path = ("Video", "Input", "Source", connector)
        with status.group():
            status.put(("Video", "Input", "Connector", connector, "Connected"), str(has_signal))
            state: Path = ("Video", "Input", "Connector", connector, "SignalState")
            status.put(state, "OK" if has_signal else "NotFound")
            status.put((*source, "FormatStatus"), "Ok" if has_signal else "NotFound")
            status.put((*source, "Resolution", "Height"), height)
            status.put((*source, "Resolution", "RefreshRate"), refresh_rate)
            status.put((*source, "Resolution", "Width"), width)
            if connector == USBC:
                status.put(WEBCAM, "Connected" if has_signal else "Disconnected")

    COMMANDS: ClassVar[Mapping[str, Method]] = {
        "Video ActiveSpeakerPIP Set": _speaker_pip,
        "Video Input MainVideo Mute": _mute,
        "Video Input MainVideo Unmute": _unmute,
        "Video Input SetMainVideoSource": _set_source,
        "Video Layout LayoutFamily Set": _set_family,
        "Video Layout SetLayout": _set_layout,
        "Video PresentationPIP Set": _presentation_pip,
        "Video Selfview Set": _set_selfview,
    }


_LAYOUT_NUMBERS: Final = range(1, LAYOUTS_MAX + 1)
