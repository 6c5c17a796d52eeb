"""RoomAnalytics: who is in the room, and how loud it is.

Scenarios say what is so; configurations and calls say what of it the device finds out. Source: protocol/xapi-nodes.md 4.21, 5.17; bounds,
and what a device that sleeps notices, are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, Final

from endpoint.room.ports import RoomWorld
from endpoint.room.quiet import never, nothing
from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.xapi.calls import Method
from endpoint.wire.xapi.nodes import Value
from endpoint.wire.xapi.paths import Path

PEOPLE_MAX: Final = 1_000
SOUND_DB_MAX: Final = 140
NOT_COUNTING: Final = -1

START: Final[Mapping[str, Value]] = {
    "RoomAnalytics AmbientNoise Level A": 38,
    "RoomAnalytics Engagement CloseProximity": "False",
    "RoomAnalytics PeopleCount Capacity": 0,
    "RoomAnalytics PeopleCount Current": NOT_COUNTING,
    "RoomAnalytics PeoplePresence": "Unknown",
    "RoomAnalytics ReverberationTime LastRun": "",
    "RoomAnalytics ReverberationTime MeasurementState": "Empty",
    "RoomAnalytics RoomInUse": "False",
    "RoomAnalytics Sound Level A": 39,
    "RoomAnalytics T3Alarm Detected": "False",
    "RoomAnalytics UltrasoundPresence": "No",
}

_ROOT: Final = "RoomAnalytics"
AMBIENT: Final[Path] = (_ROOT, "AmbientNoise", "Level", "A")
CLOSE: Final[Path] = (_ROOT, "Engagement", "CloseProximity")
COUNT: Final[Path] = (_ROOT, "PeopleCount", "Current")
PRESENCE: Final[Path] = (_ROOT, "PeoplePresence")
IN_USE: Final[Path] = (_ROOT, "RoomInUse")
SOUND: Final[Path] = (_ROOT, "Sound", "Level", "A")
ALARM: Final[Path] = (_ROOT, "T3Alarm", "Detected")
ULTRASOUND: Final[Path] = (_ROOT, "UltrasoundPresence")

AMBIENT_MODE: Final[Path] = (_ROOT, "AmbientNoiseEstimation", "Mode")
OUT_OF_CALL: Final[Path] = (_ROOT, "PeopleCountOutOfCall")
DETECTOR: Final[Path] = (_ROOT, "PeoplePresenceDetector")


class RoomAnalytics:
    """The senses of the device for people and sound."""

    __slots__ = (
        "_ambient", "_count", "_is_busy", "_is_present", "_room", "in_call", "is_asleep", "is_sharing", "on_busy", "on_motion",
        "on_people",
    )  # fmt: skip

    COMMANDS: ClassVar[Mapping[str, Method]] = {}

    def __init__(self, room: RoomWorld) -> None:
        self._room = room
        self._count = 0
        self._is_present: bool | None = None
        """None as long as no scenario has said anything of people."""
        self._ambient: int | None = None
        self.in_call: Callable[[], bool] = never
        """Says whether there is a call."""
        self.is_sharing: Callable[[], bool] = never
        """Says whether something is shared from the room."""
        self.is_asleep: Callable[[], bool] = never
        """Says whether the device is in standby, where its camera counts nobody."""
        self._is_busy = False
        self.on_busy: Callable[[bool], object] = nothing
        """Told whether the device is at work, in a call or sharing, whenever that changes: its light shows it."""
        self.on_motion: Callable[[], object] = nothing
        """Told when somebody comes, or is heard of again."""
        self.on_people: Callable[[], object] = nothing
        """Told when another number of persons is in the room."""
        room.settings.listen((_ROOT,), self._configured)

    # what scenarios do

    def people(self, count: int) -> None:
        """Let this many persons be in the room.

        Raises:
            LocalProtocolError: below 0 or above PEOPLE_MAX.
        """
        self._count = _bounded("people", count, PEOPLE_MAX)
        self._present(count > 0)

    def presence(self, yes: bool) -> None:
        """Let somebody be noticed in the room, or nobody any more; how many they are does not change unless nobody is left."""
        if not yes:
            self._count = 0
        self._present(yes)

    def close(self, yes: bool) -> None:
        """Let somebody stand close to the device, or step back."""
        if yes:
            self._present(True)
        self._room.status.put(CLOSE, str(yes))

    def sound(self, level_db: int) -> None:
        """Let it be this loud, in dB(A).

        Raises:
            LocalProtocolError: below 0 or above SOUND_DB_MAX.
        """
        self._room.status.put(SOUND, _bounded("sound level", level_db, SOUND_DB_MAX))

    def noise(self, level_db: int) -> None:
        """Let the noise behind everything be this loud; it is seen while AmbientNoiseEstimation is On.

        Raises:
            LocalProtocolError: below 0 or above SOUND_DB_MAX.
        """
        self._ambient = _bounded("noise level", level_db, SOUND_DB_MAX)
        self._show_noise()

    def alarm(self, yes: bool) -> None:
        """Let a smoke alarm sound, or fall silent."""
        self._room.status.put(ALARM, str(yes))

    # what others tell

    @property
    def headcount(self) -> int:
        """How many persons are in the room, whether the device counts them or not."""
        return self._count

    def refresh(self) -> None:
        """Look again: a call, a share or a sleep began or ended.

        RoomInUse is told last, after the light, by itself (protocol/xapi-nodes.md 3.3).
        """
        status, present = self._room.status, self._is_present
        with status.group():
            status.put(COUNT, self._count if self._counts() else NOT_COUNTING)
            if present is not None:
                status.put(ULTRASOUND, _yes(present))
            detects = self._room.settings.get(DETECTOR) != "Off"
            status.put(PRESENCE, _yes(present) if detects and present is not None else "Unknown")
            if present is False:
                status.put(CLOSE, "False")
        is_busy = self.in_call() or self.is_sharing()
        if is_busy != self._is_busy:
            self._is_busy = is_busy
            self.on_busy(is_busy)
        status.put(IN_USE, str(bool(present) or is_busy))

    # inside

    def _present(self, yes: bool) -> None:
        self._is_present = yes
        self.refresh()
        self.on_people()
        if yes:
            self.on_motion()

    def _counts(self) -> bool:
        if self.in_call():
            return True
        return self._room.settings.get(OUT_OF_CALL) == "On" and not self.is_asleep()

    def _configured(self, changes: object) -> None:
        self.refresh()
        self._show_noise()

    def _show_noise(self) -> None:
        if self._ambient is not None and self._room.settings.get(AMBIENT_MODE) == "On":
            self._room.status.put(AMBIENT, self._ambient)


def _bounded(what: str, value: int, limit: int) -> int:
    if not 0 <= value <= limit:
        raise LocalProtocolError(f"a {what} of {value}; 0 to {limit} are possible")
    return value


def _yes(value: bool) -> str:
    return "Yes" if value else "No"
