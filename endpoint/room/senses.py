"""The parts of the room that hear and see, joined to one another. What joins them to calls and to the device is plugged in from outside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from endpoint.room import (
    analytics,
    audio,
    cameras,
    conference,
    presentation,
    proximity,
    remote_access,
    room_presets,
    speakertrack,
    standby,
    video,
)
from endpoint.room.ports import RoomWorld
from endpoint.wire.xapi.calls import Owner
from endpoint.wire.xapi.nodes import Value

_MODULES: Final = (
    analytics, audio, cameras, conference, presentation, proximity, remote_access, room_presets, speakertrack, standby, video,
)  # fmt: skip

START: Final[Mapping[str, Value]] = MappingProxyType(
    {path: value for module in _MODULES for path, value in module.START.items()}
)
"""The start values of all of them."""


class Senses:
    """What the device hears and sees, for one boot.

    Args:
        presets: camera presets of earlier boots.
        kept_presets: room presets of earlier boots.
    """

    __slots__ = (
        "analytics", "audio", "cameras", "do_not_disturb", "presentation", "proximity", "remote_access", "room_presets",
        "speaker_track", "standby", "video",
    )  # fmt: skip

    def __init__(
        self,
        room: RoomWorld,
        presets: Iterable[cameras.Preset] = (),
        kept_presets: Iterable[room_presets.RoomPreset] = (),
    ) -> None:
        self.analytics = analytics.RoomAnalytics(room)
        self.audio = audio.Audio(room)
        self.cameras = cameras.Cameras(room, presets)
        self.do_not_disturb = conference.DoNotDisturb(room)
        self.presentation = presentation.Presentation(room)
        self.proximity = proximity.Proximity(room)
        self.remote_access = remote_access.RemoteAccess(room)
        self.room_presets = room_presets.RoomPresets(room, self.cameras, kept_presets)
        self.speaker_track = speakertrack.SpeakerTrack(room)
        self.standby = standby.Standby(room)
        self.video = video.Video(room)
        self._join()

    def _join(self) -> None:
        self.analytics.is_asleep = self.standby.is_asleep
        self.analytics.is_sharing = self.presentation.is_sharing
        self.analytics.on_motion = self.standby.motion
        self.cameras.by_hand = self.speaker_track.by_hand
        self.presentation.on_change = self._share_changed
        self.standby.before_sleep = self._falls_asleep
        self.standby.in_use = self.presentation.is_sharing
        self.standby.on_change = self.analytics.refresh
        self.video.on_plugged = self._plugged
        self.video.on_unplugged = self.presentation.source_gone

    @property
    def owners(self) -> tuple[Owner, ...]:
        """Those that carry commands out."""
        return (
            self.audio, self.cameras, self.do_not_disturb, self.presentation, self.proximity, self.room_presets, self.speaker_track,
            self.standby, self.video,
        )  # fmt: skip

    # power

    def start(self) -> None:
        """Begin to wait for nobody: the device is up."""
        self.standby.start()

    def stop(self) -> None:
        """Wait for nothing any more: the device goes down."""
        self.standby.stop()
        self.do_not_disturb.stop()
        self.cameras.motor.stop()

    # calls

    def use_calls(self, in_call: Callable[[], bool]) -> None:
        """Take the port to the calls: whether there is an active one."""
        for part in (self.analytics, self.audio, self.presentation, self.remote_access, self.standby, self.video):
            part.in_call = in_call

    def call_began(self) -> None:
        """Take note that a call became active; `in_call` says yes by now. Order of the blocks: protocol/xapi-nodes.md 3.3."""
        self.standby.wake("call")
        self.remote_access.refresh()
        self.audio.call_began()
        self.video.call_began()
        self.analytics.refresh()

    def call_ended(self) -> None:
        """Take note that the last call is over; `in_call` says no by now."""
        self.remote_access.refresh()
        self.presentation.call_ended()
        self.audio.call_ended()
        self.video.call_ended()
        self.analytics.refresh()
        self.standby.activity()

    def sending(self, yes: bool) -> None:
        """Take note that video is sent, or no longer."""
        self.speaker_track.sending(yes)
        self.cameras.sending(yes)

    # scenarios

    def camera(self, number: int, connected: bool) -> None:
        """Plug a camera in or out; raises as `Cameras.connect`."""
        self.cameras.connect(number, connected)
        self.speaker_track.connect(connected)

    # inside

    def _share_changed(self, is_sharing: bool) -> None:
        if is_sharing:
            self.standby.wake("share")
        self.analytics.refresh()

    def _falls_asleep(self) -> None:
        self.presentation.stop_all("enteringStandby")

    def _plugged(self, connector: int) -> None:
        self.standby.wake("cable")
