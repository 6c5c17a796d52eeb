"""The camera: positions, moves on the clock, presets; and the tracking that moves it by itself."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endpoint.room.camera_motor import AXES
from endpoint.room.cameras import PRESETS_MAX, Preset
from endpoint.runtime.errors import StorageError
from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.xapi.errors import BadArguments
from endpoint.wire.xapi.nodes import Value
from tests.endpoint.room.room_ground import Room, Told, play, refused

LIST_UPDATED: Told = ("CameraPresetListUpdated", {})


def _leaf(name: str) -> str:
    return f"Cameras Camera 1 Position {name}"


def _position(room: Room) -> tuple[Value | None, ...]:
    return tuple(room.get(_leaf(name)) for name in AXES)


def _told(**leaves: int) -> list[Told]:
    return [("status", {_leaf(name): value for name, value in leaves.items()})]


# -- positions --


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"Pan": -17_000}, _told(Pan=-17_000)),
        ({"Pan": 17_000, "Tilt": 9_000, "Zoom": 0}, _told(Pan=17_000, Tilt=9_000, Zoom=0)),
        ({"CameraId": 1, "Zoom": 12_000}, _told(Zoom=12_000)),
        ({"Pan": 0, "Tilt": 0}, []),
        ({"Focus": 4_000}, []),
        ({"Lens": "Wide"}, []),
    ],
)
def test_position_set_tells_one_block(arguments: dict[str, Any], expected: list[Told]) -> None:
    def story(room: Room) -> None:
        assert room.do("Camera PositionSet", **arguments) is None
        assert room.tell() == expected

    play(story)


@pytest.mark.parametrize(
    ("command", "arguments", "reason"),
    [
        ("Camera PositionSet", {}, "No position given: Pan, Tilt, Zoom, Focus or Lens"),
        ("Camera Ramp", {}, "No movement given: Pan, Tilt, Zoom or Focus"),
        ("Camera Preset Activate", {"PresetId": 7}, "Camera preset 7 does not exist"),
        ("Camera Preset Edit", {"PresetId": 7, "Name": "x"}, "Camera preset 7 does not exist"),
        ("Camera Preset Remove", {"PresetId": 7}, "Camera preset 7 does not exist"),
    ],
)
def test_what_refuses_a_command(command: str, arguments: dict[str, Any], reason: str) -> None:
    def story(room: Room) -> None:
        assert refused(room, command, **arguments) == reason

    play(story)


def test_without_a_camera_nothing_moves() -> None:
    async def story(room: Room) -> None:
        room.do("Camera Preset Store", CameraId=1)
        room.do("Camera Ramp", Pan="Left")
        await room.clock.sleep(0.5)
        room.senses.camera(1, False)
        assert room.timers == []
        assert room.get(_leaf("Pan")) == -1_800
        for command, arguments in (
            ("Camera PositionSet", {"Pan": 1}),
            ("Camera Ramp", {"Pan": "Left"}),
            ("Camera Preset Activate", {"PresetId": 1}),
            ("Camera Preset Store", {"CameraId": 1}),
            ("Cameras SpeakerTrack Activate", {}),
        ):
            assert "amera" in refused(room, command, **arguments)

    play(story)


@pytest.mark.parametrize(("name", "value"), [("Pan", 17_001), ("Tilt", -9_001), ("Zoom", -1), ("CameraId", 2)])
def test_positions_outside_the_space_are_refused(name: str, value: int) -> None:
    def story(room: Room) -> None:
        with pytest.raises(BadArguments, match=name):
            room.do("Camera PositionSet", **{name: value})

    play(story)


# -- moves --


def test_a_ramp_moves_until_stop_and_tells_where_it_ended() -> None:
    async def story(room: Room) -> None:
        room.do("Camera Ramp", Pan="Right", PanSpeed=10)
        assert room.tell() == []
        await room.clock.sleep(1.0)
        assert room.get(_leaf("Pan")) == 3_000
        await room.clock.sleep(1.0)
        assert room.get(_leaf("Pan")) == 6_000
        assert room.tell() == []
        room.do("Camera Ramp", Pan="Stop")
        assert room.tell() == _told(Pan=6_000)
        assert room.timers == []
        await room.clock.sleep(10.0)
        assert room.get(_leaf("Pan")) == 6_000
        room.do("Camera Ramp", Pan="Stop", Tilt="Stop", Zoom="Stop", Focus="Stop")
        assert room.tell() == []

    play(story)


def test_a_ramp_ends_at_the_bound_by_itself() -> None:
    async def story(room: Room) -> None:
        room.do("Camera Ramp", Pan="Left", PanSpeed=24, Tilt="Up", TiltSpeed=1, Zoom="In", ZoomSpeed=15)
        assert len(room.timers) == 1
        await room.clock.sleep(60.0)
        assert room.tell() == [*_told(Pan=-17_000), *_told(Zoom=0), *_told(Tilt=9_000)]
        assert _position(room) == (-17_000, 9_000, 0)
        assert room.timers == []
        room.do("Camera Ramp", Pan="Left")
        assert room.timers == []
        assert room.time.made < 10

    play(story)


def test_a_camera_is_not_seen_beyond_its_bound_when_the_timer_is_late() -> None:
    def story(room: Room) -> None:
        room.do("Camera Ramp", Pan="Left", Zoom="Out")
        room.time.late_s = 1_000.0
        assert (room.get(_leaf("Pan")), room.get(_leaf("Zoom"))) == (-17_000, 12_000)
        room.do("Camera Ramp", Pan="Stop", Zoom="Stop")
        assert room.tell() == _told(Pan=-17_000, Zoom=12_000)

    play(story)


def test_another_way_and_a_position_end_a_move() -> None:
    async def story(room: Room) -> None:
        room.do("Camera Ramp", Tilt="Up", TiltSpeed=1)
        await room.clock.sleep(2.0)
        room.tell()
        room.do("Camera Ramp", Tilt="Down", TiltSpeed=2)
        assert room.tell() == _told(Tilt=600)
        await room.clock.sleep(1.0)
        assert room.get(_leaf("Tilt")) == 0
        room.do("Camera PositionSet", Tilt=77)
        assert room.tell() == _told(Tilt=77)
        assert room.timers == []
        await room.clock.sleep(1.0)
        assert room.get(_leaf("Tilt")) == 77

    play(story)


def test_a_screen_that_cannot_compute_shows_where_the_move_began_and_tells_the_end() -> None:
    async def story(room: Room) -> None:
        room.do("Camera Ramp", Pan="Right", PanSpeed=1)
        await room.clock.sleep(2.0)
        assert room.get(_leaf("Pan")) == 0
        room.do("Camera Ramp", Pan="Stop")
        assert room.tell() == _told(Pan=600)

    play(story, moving=False)


MOVES = st.lists(
    st.tuples(
        st.floats(0.0, 20.0),
        st.sampled_from([(name, way) for name, axis in AXES.items() for way in (*axis.ways, "Stop")]),
        st.integers(1, 15),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60)
@given(MOVES)
def test_a_camera_stays_in_its_bounds_and_where_it_was_seen_last_is_told(
    moves: list[tuple[float, tuple[str, str], int]],
) -> None:
    async def story(room: Room) -> None:
        last: dict[str, Any] = {}
        room.status.listen(
            ("Cameras", "Camera", 1, "Position"),
            lambda told: last.update({str(path[-1]): v for path, v in told.items()}),
        )
        before = _position(room)
        for wait_s, (name, way), speed in moves:
            room.do("Camera Ramp", **{name: way}, **({} if way == "Stop" else {f"{name}Speed": speed}))
            await room.clock.sleep(wait_s)
            for axis, value in zip(AXES.values(), _position(room), strict=True):
                assert isinstance(value, int)
                assert axis.low <= value <= axis.high
            assert len(room.timers) == int(room.senses.cameras.motor.is_moving)
        room.do("Camera Ramp", Pan="Stop", Tilt="Stop", Zoom="Stop")
        assert tuple(last.get(name, was) for name, was in zip(AXES, before, strict=True)) == _position(room)
        assert room.timers == []
        assert room.status._live == {}

    play(story)


# -- presets --


def test_a_preset_is_stored_listed_activated_and_removed() -> None:
    def story(room: Room) -> None:
        kept: list[Any] = []
        room.senses.cameras.on_presets = kept.append
        room.do("Camera PositionSet", Pan=100, Tilt=200, Zoom=300)
        room.tell()
        assert room.do("Camera Preset Store", CameraId=1, Name="Board") == {"PresetId": 1, "Name": "Board"}
        assert room.tell() == [LIST_UPDATED]
        assert kept == [(Preset(1, "Board", 100, 200, 300),)]
        room.do("Camera PositionSet", Pan=0, Tilt=0, Zoom=0)
        room.tell()
        room.do("Camera Preset Activate", PresetId=1)
        assert room.tell() == [
            *_told(Pan=100, Tilt=200, Zoom=300),
            ("CameraPresetActivated", {"CameraId": 1, "PresetId": 1}),
        ]
        assert room.do("Camera Preset List") == {
            "Preset": [{"CameraId": 1, "DefaultPosition": False, "Name": "Board", "PresetId": 1}]
        }
        room.do("Camera Preset Remove", PresetId=1)
        assert room.tell() == [LIST_UPDATED]
        assert room.do("Camera Preset List") == {"Preset": []}
        assert kept[-1] == ()

    play(story)


def _listed(room: Room, **arguments: Any) -> list[tuple[int, str, bool]]:
    found = room.do("Camera Preset List", **arguments)["Preset"]
    return [(one["PresetId"], one["Name"], one["DefaultPosition"]) for one in found]


def test_presets_have_an_order_one_default_and_numbers_that_are_used_again() -> None:
    def story(room: Room) -> None:
        for name in ("a", "b", "c"):
            room.do("Camera Preset Store", CameraId=1, Name=name)
        room.do("Camera Preset Store", CameraId=1, ListPosition=1, DefaultPosition="True", PresetId=9)
        assert _listed(room) == [(9, "Preset 9", True), (1, "a", False), (2, "b", False), (3, "c", False)]
        room.do("Camera Preset Edit", PresetId=2, DefaultPosition="True", ListPosition=4, Name="bb")
        assert _listed(room) == [(9, "Preset 9", False), (1, "a", False), (3, "c", False), (2, "bb", True)]
        assert _listed(room, DefaultPosition="True") == [(2, "bb", True)]
        assert len(_listed(room, DefaultPosition="False")) == 3
        room.do("Camera Preset Remove", PresetId=1)
        room.do("Camera PositionSet", Pan=5)
        assert room.do("Camera Preset Store", CameraId=1)["PresetId"] == 1
        room.do("Camera Preset Store", CameraId=1, PresetId=3)
        assert _listed(room)[1] == (3, "c", False)  # stored again: its name and place stay
        room.do("Camera PositionSet", Pan=0)
        room.do("Camera Preset Activate", PresetId=3)
        assert room.get(_leaf("Pan")) == 5

    play(story)


def test_there_are_only_so_many_presets() -> None:
    def story(room: Room) -> None:
        for _ in range(PRESETS_MAX):
            room.do("Camera Preset Store", CameraId=1)
        assert "All 35" in refused(room, "Camera Preset Store", CameraId=1)
        room.do("Camera Preset Store", CameraId=1, PresetId=35, Name="again")
        assert len(_listed(room)) == PRESETS_MAX

    play(story)


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("Store", {"CameraId": 1}),
        ("Store", {"CameraId": 1, "PresetId": 4, "Name": "again"}),
        ("Edit", {"PresetId": 4, "Name": "Window", "ListPosition": 2, "DefaultPosition": "False"}),
        ("Remove", {"PresetId": 4}),
    ],
)
def test_no_preset_changes_that_cannot_be_kept(command: str, arguments: dict[str, Any]) -> None:
    def full(presets: object) -> None:
        raise StorageError("the disk is full")

    def story(room: Room) -> None:
        room.senses.cameras.on_presets = full
        room.tell()
        assert refused(room, f"Camera Preset {command}", **arguments) == "the disk is full"
        assert _listed(room) == [(4, "Door", True), (5, "Board", False)]
        assert room.tell() == []

    play(story, presets=[Preset(4, "Door", 1, 2, 3, is_default=True), Preset(5, "Board", 0, 0, 0)])


def test_presets_of_an_earlier_boot_are_there() -> None:
    def story(room: Room) -> None:
        assert _listed(room) == [(4, "Door", True)]
        room.do("Camera Preset Activate", PresetId=4)
        assert _position(room) == (1, 2, 3)

    play(story, presets=[Preset(4, "Door", 1, 2, 3, is_default=True)])


# -- SpeakerTrack --

TRACK = "Cameras SpeakerTrack "
SHOWN = ("Status", "Behavior Active", "Closeup Status", "Frames Status", "State")
OFF = ("Inactive", "Manual", "Inactive", "Inactive", "Off")
OVERVIEW = ("Active", "BestOverview", "Inactive", "Inactive", "BestOverview")
CLOSEUP = ("Active", "Closeup", "Active", "Inactive", "Closeup")
FRAMES = ("Active", "Frames", "Inactive", "Active", "Frames")


def _tracking(room: Room) -> tuple[Value | None, ...]:
    return tuple(room.get(TRACK + leaf) for leaf in SHOWN)


@pytest.mark.parametrize(
    ("before", "command", "expected"),
    [
        ([], "Activate", OVERVIEW),
        (["Activate"], "Deactivate", OFF),
        ([], "Deactivate", OFF),
        ([], "Closeup Activate", CLOSEUP),
        (["Closeup Activate"], "Activate", CLOSEUP),
        (["Closeup Activate"], "Closeup Deactivate", OVERVIEW),
        (["Frames Activate"], "Closeup Deactivate", FRAMES),
        (["Frames Activate"], "Closeup Activate", CLOSEUP),
        (["Frames Activate"], "Frames Deactivate", OVERVIEW),
        (["Frames Activate"], "Deactivate", OFF),
        ([], "Frames Deactivate", OFF),
    ],
)
def test_tracking_commands_show_one_consistent_picture(
    before: list[str], command: str, expected: tuple[str, ...]
) -> None:
    def story(room: Room) -> None:
        for name in before:
            room.do(TRACK + name)
        was = _tracking(room)
        room.tell()
        room.do(TRACK + command)
        assert _tracking(room) == expected
        assert len(room.tell()) == (was != expected)

    play(story)


@pytest.mark.parametrize(
    ("behavior", "expected"),
    [
        ("Manual", OFF),
        ("BestOverview", OVERVIEW),
        ("Closeup", CLOSEUP),
        ("Frames", FRAMES),
        ("Dynamic", ("Active", "Dynamic", "Inactive", "Inactive", "BestOverview")),
    ],
)
def test_a_behaviour_is_set(behavior: str, expected: tuple[str, ...]) -> None:
    def story(room: Room) -> None:
        room.do(TRACK + "Set", Behavior=behavior)
        assert _tracking(room) == expected

    play(story)


def test_background_mode_goes_on_and_off() -> None:
    def story(room: Room) -> None:
        room.do(TRACK + "BackgroundMode Activate")
        assert room.tell() == [("status", {TRACK + "BackgroundMode": "Active"})]
        room.do(TRACK + "BackgroundMode Deactivate")
        assert room.get(TRACK + "BackgroundMode") == "Inactive"

    play(story)


def test_sending_video_frames_the_room_until_somebody_ends_it() -> None:
    def story(room: Room) -> None:
        room.senses.sending(True)
        assert room.tell() == [
            ("status", {TRACK + "State": "BestOverview"}),
            ("status", {"Cameras Camera 1 LightingConditions": "Good"}),
        ]
        room.do(TRACK + "Deactivate")
        assert _tracking(room) == OFF
        room.senses.sending(True)
        room.do("Camera Ramp", Pan="Left")
        assert room.get(TRACK + "State") == "Off"
        room.do(TRACK + "Closeup Activate")
        room.senses.sending(False)
        assert _tracking(room) == CLOSEUP
        assert room.get("Cameras Camera 1 LightingConditions") == "Unknown"

    play(story)


@pytest.mark.parametrize(
    ("command", "arguments"),
    [("Camera PositionSet", {"Pan": 5}), ("Camera Ramp", {"Zoom": "In"}), ("Camera Preset Activate", {"PresetId": 1})],
)
def test_a_hand_on_the_camera_ends_tracking(command: str, arguments: dict[str, Any]) -> None:
    def story(room: Room) -> None:
        room.do("Camera Preset Store", CameraId=1)
        room.do(TRACK + "Activate")
        room.do(command, **arguments)
        assert _tracking(room) == OFF

    play(story)


def test_an_imported_mode_switches_tracking_off() -> None:
    def story(room: Room) -> None:
        room.do(TRACK + "Activate")
        room.set("Cameras SpeakerTrack Mode", "Off")  # no row of the table: as if a schema had brought it
        assert room.get(TRACK + "Availability") == "Off"
        assert room.get(TRACK + "Frames Availability") == "Off"
        assert _tracking(room) == OFF
        room.senses.sending(True)
        assert _tracking(room) == OFF
        assert "by configuration" in refused(room, TRACK + "Activate")
        assert "by configuration" in refused(room, TRACK + "BackgroundMode Activate")
        room.set("Cameras SpeakerTrack Mode", "Auto")
        assert room.get(TRACK + "Availability") == "Available"

    play(story)


def test_the_bar_has_one_camera() -> None:
    def story(room: Room) -> None:
        with pytest.raises(LocalProtocolError, match="there is 1"):
            room.senses.cameras.connect(2, True)

    play(story)
