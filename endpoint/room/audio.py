"""Audio: microphones, volumes, the device in use.

Source: protocol/xapi-nodes.md 3.3, 4.2, 5.1, 5.4, 6.1, 7.1. Reasons of failures, and what a headset does that comes or goes, are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, Final

from endpoint.room.ports import RoomWorld
from endpoint.room.quiet import never, nothing
from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.xapi.calls import Invocation, Method
from endpoint.wire.xapi.errors import CommandFailed
from endpoint.wire.xapi.nodes import Value
from endpoint.wire.xapi.paths import Path, parse_path

MICROPHONES: Final = (1,)
"""Sockets for an external microphone; those in the bar are always there and have no connector."""
VOLUME_MAX: Final = 100

START: Final[Mapping[str, Value]] = {
    "Audio Devices Bluetooth ActiveProfile": "None",
    "Audio Devices HandsetUSB ConnectionStatus": "NotConnected",
    "Audio Devices HeadsetUSB ConnectionStatus": "NotConnected",
    "Audio Input Connectors HDMI 1 Mute": "Off",
    "Audio Input Connectors Microphone 1 ConnectionStatus": "Connected",
    "Audio Input Connectors Microphone 1 Mute": "Off",
    "Audio Input Connectors USBC 1 Mute": "Off",
    "Audio Microphones MusicMode": "Off",
    "Audio Microphones Mute": "Off",
    "Audio Microphones NoiseRemoval": "Off",
    "Audio Microphones VoiceActivityDetector Activity": "False",
    "Audio Output Connectors HDMI 1 DelayMs": 0,
    "Audio Output Connectors HDMI 1 Mode": "On",
    "Audio Output Connectors HDMI 2 DelayMs": 0,
    "Audio Output Connectors HDMI 2 Mode": "On",
    "Audio Output Connectors InternalSpeaker 1 DelayMs": 0,
    "Audio SelectedDevice": "Internal",
    "Audio USB ConnectionStatus Capture": "NotConnected",
    "Audio USB ConnectionStatus Playback": "NotConnected",
    "Audio Ultrasound Volume": 70,
    "Audio Volume": 50,
    "Audio VolumeHeadsetUsb": 50,
    "Audio VolumeInternal": 50,
    "Audio VolumeMute": "Off",
}

MUTE: Final[Path] = ("Audio", "Microphones", "Mute")
CONNECTOR_MUTES: Final = tuple(
    parse_path(path) for path in START if path.startswith("Audio Input Connectors ") and path.endswith(" Mute")
)
MUSIC: Final[Path] = ("Audio", "Microphones", "MusicMode")
NOISE_REMOVAL: Final[Path] = ("Audio", "Microphones", "NoiseRemoval")
VOICE: Final[Path] = ("Audio", "Microphones", "VoiceActivityDetector", "Activity")
SELECTED: Final[Path] = ("Audio", "SelectedDevice")
VOLUME: Final[Path] = ("Audio", "Volume")
VOLUME_MUTE: Final[Path] = ("Audio", "VolumeMute")
ULTRASOUND: Final[Path] = ("Audio", "Ultrasound", "Volume")

DEFAULT_VOLUME: Final[Path] = ("Audio", "DefaultVolume")
MUTE_ENABLED: Final[Path] = ("Audio", "Microphones", "Mute", "Enabled")
NOISE_REMOVAL_MODE: Final[Path] = ("Audio", "Microphones", "NoiseRemoval", "Mode")
ULTRASOUND_MAX: Final[Path] = ("Audio", "Ultrasound", "MaxVolume")
UNMUTE_ON_DISCONNECT: Final[Path] = ("Conference", "MicUnmuteOnDisconnect", "Mode")

_OWN_VOLUME: Final[Mapping[str, Path]] = {
    "Internal": ("Audio", "VolumeInternal"),
    "HeadsetUSB": ("Audio", "VolumeHeadsetUsb"),
}
"""Where the volume of a device is shown while another one is in use."""
_PLUGGED: Final[Mapping[str, tuple[Path, str, str]]] = {
    "HandsetUSB": (("Audio", "Devices", "HandsetUSB", "ConnectionStatus"), "Connected", "NotConnected"),
    "HeadsetUSB": (("Audio", "Devices", "HeadsetUSB", "ConnectionStatus"), "Connected", "NotConnected"),
    "HeadsetBluetooth": (("Audio", "Devices", "Bluetooth", "ActiveProfile"), "HFP", "None"),
}
"""Where it is shown whether a device is there, and the words for yes and no."""


class Audio:
    """What is heard in the room, and what of the room is heard."""

    __slots__ = ("_hidden", "_room", "in_call", "is_locked", "on_mute")

    def __init__(self, room: RoomWorld) -> None:
        self._room = room
        self._hidden: dict[str, int] = {}
        """Volumes of devices that have no leaf for it, by name; at most the two of them."""
        self.in_call: Callable[[], bool] = never
        """Says whether there is a call."""
        self.is_locked: Callable[[], bool] = never
        """Says whether a host keeps the microphones muted: nobody in the room can end that."""
        self.on_mute: Callable[[bool], object] = nothing
        """Told when the microphones were muted, or are open again."""
        default = self._default()
        with room.status.group():
            for path in (VOLUME, *_OWN_VOLUME.values()):
                room.status.put(path, default)
            room.status.put(ULTRASOUND, room.settings.get(ULTRASOUND_MAX) or 0)
        room.settings.listen(("Audio",), self._configured)

    # what others tell

    @property
    def is_muted(self) -> bool:
        """Say whether the microphones are muted."""
        return self._room.status.get(MUTE) == "On"

    def mute(self, on: bool) -> None:
        """Mute the microphones or end that, whatever the configuration says: for call control and keys.

        Tells in the observed order: the event, the microphones, each connector (protocol/xapi-nodes.md 3.3).
        """
        if self.is_muted == on:
            return
        word = _word(on)
        self._room.raise_event("Audio MicrophonesMuteStatus", {"Mute": word})
        for path in (MUTE, *CONNECTOR_MUTES):
            self._room.status.put(path, word)
        self.on_mute(on)

    def call_began(self) -> None:
        """Take note that a call became active."""
        self._tell_mute()
        if self._noise_mode() == "Enabled":
            self._room.status.put(NOISE_REMOVAL, "On")

    def call_ended(self) -> None:
        """Take note that the last call is over."""
        unmutes = self._room.settings.get(UNMUTE_ON_DISCONNECT) != "Off" or self._mutes_in_calls_only()
        if self.is_muted and unmutes:
            self.mute(False)
        else:
            self._tell_mute()
        self._room.status.put(NOISE_REMOVAL, "Off")

    # what scenarios do

    def microphone(self, number: int, connected: bool) -> None:
        """Plug an external microphone in or out.

        Raises:
            LocalProtocolError: the bar has no such socket.
        """
        if number not in MICROPHONES:
            raise LocalProtocolError(f"there is no microphone {number}; there is {', '.join(map(str, MICROPHONES))}")
        path: Path = ("Audio", "Input", "Connectors", "Microphone", number, "ConnectionStatus")
        self._room.status.put(path, "Connected" if connected else "NotConnected")

    def device(self, name: str, connected: bool) -> None:
        """Plug a headset or handset in or out: HeadsetUSB, HeadsetBluetooth, HandsetUSB. One that goes while in use leaves to Internal.

        Raises:
            LocalProtocolError: no such device.
        """
        if name not in _PLUGGED:
            raise LocalProtocolError(f"there is no audio device {name[:40]!r}; there are {', '.join(_PLUGGED)}")
        path, yes, no = _PLUGGED[name]
        with self._room.status.group():
            self._room.status.put(path, yes if connected else no)
            if not connected and self._selected() == name:
                self._use("Internal")

    def voice(self, active: bool) -> None:
        """Let somebody speak, or stop."""
        self._room.status.put(VOICE, str(active))

    # commands

    def _mute(self, call: Invocation) -> None:
        if self._mutes_in_calls_only() and not self.in_call():
            raise CommandFailed("Microphones can be muted in a call only: Audio Microphones Mute Enabled is InCallOnly")
        self.mute(True)

    def _unmute(self, call: Invocation) -> None:
        if self.is_muted and self.is_locked():
            raise CommandFailed("Only the host of the meeting can unmute the microphones")
        self.mute(False)

    def _toggle_mute(self, call: Invocation) -> None:
        if self.is_muted:
            self._unmute(call)
        else:
            self._mute(call)

    def _music_start(self, call: Invocation) -> None:
        self._room.status.put(MUSIC, "On")

    def _music_stop(self, call: Invocation) -> None:
        self._room.status.put(MUSIC, "Off")

    def _remove_noise(self, call: Invocation) -> None:
        if self._noise_mode() == "Disabled":
            raise CommandFailed("Noise removal is off: Audio Microphones NoiseRemoval Mode is Disabled")
        self._room.status.put(NOISE_REMOVAL, "On")

    def _keep_noise(self, call: Invocation) -> None:
        self._room.status.put(NOISE_REMOVAL, "Off")

    def _select(self, call: Invocation) -> None:
        name = call.text("Device")
        self._must_be_there(name)
        with self._room.status.group():
            self._use(name)

    def _set(self, call: Invocation) -> None:
        self._turn(self._meant(call), call.number("Level") or 0)

    def _set_to_default(self, call: Invocation) -> None:
        self._turn(self._meant(call), self._default())

    def _increase(self, call: Invocation) -> None:
        self._step(call, call.number("Steps") or 0)

    def _decrease(self, call: Invocation) -> None:
        self._step(call, -(call.number("Steps") or 0))

    def _volume_mute(self, call: Invocation) -> None:
        self._room.status.put(VOLUME_MUTE, "On")

    def _volume_unmute(self, call: Invocation) -> None:
        self._room.status.put(VOLUME_MUTE, "Off")

    def _volume_toggle_mute(self, call: Invocation) -> None:
        self._room.status.put(VOLUME_MUTE, _word(self._room.status.get(VOLUME_MUTE) != "On"))

    # inside

    def _configured(self, changes: Mapping[Path, Value | None]) -> None:
        if ULTRASOUND_MAX in changes:
            self._room.status.put(ULTRASOUND, changes[ULTRASOUND_MAX] or 0)
        if NOISE_REMOVAL_MODE in changes:
            mode = self._noise_mode()
            if mode == "Disabled" or (mode == "Enabled" and self.in_call()):
                self._room.status.put(NOISE_REMOVAL, _word(mode == "Enabled"))
        if MUTE_ENABLED in changes and self._mutes_in_calls_only() and not self.in_call():
            self.mute(False)

    def _tell_mute(self) -> None:
        self._room.raise_event("Audio MicrophonesMuteStatus", {"Mute": _word(self.is_muted)})

    def _mutes_in_calls_only(self) -> bool:
        return self._room.settings.get(MUTE_ENABLED) == "InCallOnly"

    def _noise_mode(self) -> str:
        return str(self._room.settings.get(NOISE_REMOVAL_MODE))

    def _default(self) -> int:
        return int(self._room.settings.get(DEFAULT_VOLUME) or 0)

    def _selected(self) -> str:
        return str(self._room.status.get(SELECTED))

    def _must_be_there(self, name: str) -> None:
        if name in _PLUGGED and self._room.status.get(_PLUGGED[name][0]) in (_PLUGGED[name][2], None):
            raise CommandFailed(f"{name} is not connected")

    def _meant(self, call: Invocation) -> str:
        """Return the device that a volume command is for; the volume of the USB headset is kept while that is out."""
        name = call.text("Device") or self._selected()
        if name not in _OWN_VOLUME:
            self._must_be_there(name)
        return name

    def _level(self, name: str) -> int:
        if name == self._selected():
            return int(self._room.status.get(VOLUME) or 0)
        if name in _OWN_VOLUME:
            return int(self._room.status.get(_OWN_VOLUME[name]) or 0)
        return self._hidden.get(name, self._default())

    def _turn(self, name: str, level: int) -> None:
        with self._room.status.group():
            if name in _OWN_VOLUME:
                self._room.status.put(_OWN_VOLUME[name], level)
            else:
                self._hidden[name] = level
            if name == self._selected():
                self._room.status.put(VOLUME, level)

    def _step(self, call: Invocation, by: int) -> None:
        name = self._meant(call)
        before = self._level(name)
        after = min(max(before + by, 0), VOLUME_MAX)
        if after == before:
            self._room.raise_event("Audio Volume AlreadyAtLimit", {})
        self._turn(name, after)

    def _use(self, name: str) -> None:
        level = self._level(name)
        self._room.status.put(SELECTED, name)
        self._room.status.put(VOLUME, level)

    COMMANDS: ClassVar[Mapping[str, Method]] = {
        "Audio Microphones MusicMode Start": _music_start,
        "Audio Microphones MusicMode Stop": _music_stop,
        "Audio Microphones Mute": _mute,
        "Audio Microphones NoiseRemoval Activate": _remove_noise,
        "Audio Microphones NoiseRemoval Deactivate": _keep_noise,
        "Audio Microphones ToggleMute": _toggle_mute,
        "Audio Microphones Unmute": _unmute,
        "Audio Select": _select,
        "Audio Volume Decrease": _decrease,
        "Audio Volume Increase": _increase,
        "Audio Volume Mute": _volume_mute,
        "Audio Volume Set": _set,
        "Audio Volume SetToDefault": _set_to_default,
        "Audio Volume ToggleMute": _volume_toggle_mute,
        "Audio Volume Unmute": _volume_unmute,
    }


def _word(on: bool) -> str:
    return "On" if on else "Off"
