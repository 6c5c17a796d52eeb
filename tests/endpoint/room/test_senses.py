"""What the parts have in common: start values, owners, timers, memory; and how they act on one another."""

from __future__ import annotations

import tracemalloc

import pytest

from endpoint.room.senses import START, Senses
from endpoint.room.standby import State
from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.xapi.nodes import nodes
from endpoint.wire.xapi.paths import parse_path
from tests.endpoint.room.room_ground import Room, fits, play

FAMILIES = ("Audio", "Camera", "Cameras", "Presentation", "Proximity", "RoomPreset", "Standby", "Video")
STATUS_FAMILIES = ("Audio", "Cameras", "Proximity", "RemoteAccess", "RoomAnalytics", "RoomPreset", "Standby", "Video")
IN_CALLS_ONLY = ("Audio Input RemoteInput", "Video Layout CurrentLayouts AvailableLayouts")


@pytest.mark.parametrize("path", START)
def test_every_start_value_fits_the_table(path: str) -> None:
    fits(parse_path(path), START[path])


def test_every_leaf_of_the_families_has_a_start_value() -> None:
    shapes = {" ".join(word for word in path.split(" ") if not word.isdigit()) for path in START}
    missing = [
        node.path
        for node in nodes().leaves("Status")
        if node.path.split(" ")[0].partition("[")[0] in STATUS_FAMILIES
        and not node.path.replace("[n]", "").startswith(IN_CALLS_ONLY)
        and node.path.replace("[n]", "") not in shapes
    ]
    assert missing == []


def test_every_command_of_the_families_is_owned_and_no_other() -> None:
    def story(room: Room) -> None:
        owned = {path for owner in room.senses.owners for path in owner.COMMANDS}
        expected = {
            command.path
            for command in nodes().commands
            if command.path.split(" ")[0] in FAMILIES or command.path.startswith("Conference DoNotDisturb")
        }
        assert owned == expected
        assert not owned & set(room.commands.unowned)

    play(story)


def test_no_start_value_is_told_and_none_is_stored_by_a_device() -> None:
    def story(room: Room) -> None:
        assert room.tell() == []
        assert room.status._own == {}

    play(story)


def test_an_idle_device_has_one_timer_and_a_sleeping_one_none() -> None:
    async def story(room: Room) -> None:
        assert room.timers == []
        room.senses.start()
        assert room.timers == ["Standby._fired"]
        await room.clock.sleep(300.0)
        assert room.timers == ["Standby._fired"]
        await room.clock.sleep(301.0)
        assert room.senses.standby.state is State.STANDBY
        assert room.timers == []
        await room.clock.sleep(86_400.0)
        assert room.time.made < 25

    play(story)


def test_a_device_that_goes_down_leaves_no_timer() -> None:
    def story(room: Room) -> None:
        room.senses.start()
        room.do("Camera Ramp", Pan="Left", Tilt="Up", Zoom="In")
        room.do("Conference DoNotDisturb Activate")
        assert len(room.timers) == 3
        room.senses.stop()
        assert room.timers == []
        room.senses.standby.activity()
        assert room.timers == []

    play(story)


def test_a_room_costs_a_device_little_memory() -> None:
    def story(room: Room) -> None:
        world = room.senses.audio._room
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        kept = [Senses(world) for _ in range(20)]
        used = (tracemalloc.get_traced_memory()[0] - before) / len(kept)
        tracemalloc.stop()
        assert used < 6_000, used

    play(story)


def test_a_call_acts_on_all_of_them_in_the_observed_order() -> None:
    def story(room: Room) -> None:
        room.set("RemoteAccess Mode", "On")
        light: list[bool] = []
        room.senses.analytics.on_busy = light.append
        room.senses.start()
        room.tell()
        room.calls.add(2)
        room.senses.call_began()
        room.senses.sending(True)
        blocks = [sorted(what) if name == "status" else name for name, what in room.tell()]
        assert blocks == [
            ["RemoteAccess Availability Reason", "RemoteAccess Availability State"],
            "Audio MicrophonesMuteStatus",
            ["Audio Microphones NoiseRemoval"],
            [
                "Video Layout CurrentLayouts ActiveLayout",
                *(f"Video Layout CurrentLayouts AvailableLayouts {n} LayoutName" for n in range(1, 6)),
                "Video Layout CurrentLayouts DefaultLayout",
            ],
            ["RoomAnalytics PeopleCount Current"],
            ["RoomAnalytics RoomInUse"],
            ["Cameras SpeakerTrack State"],
            ["Cameras Camera 1 LightingConditions"],
        ]
        assert light == [True]
        before = {path: room.get(path) for path in START}
        assert before["RoomAnalytics PeopleCount Current"] == 0
        room.calls.clear()
        room.senses.sending(False)
        room.senses.call_ended()
        assert light == [True, False]
        changed = {path: room.get(path) for path in START if room.get(path) != START[path]}
        assert changed == {
            "RemoteAccess Availability Reason": "Available",
            "RemoteAccess Availability State": "Available",
        }

    play(story)


def test_a_cable_a_share_and_a_call_wake_the_device() -> None:
    def story(room: Room) -> None:
        room.senses.start()
        for wake in (
            lambda: room.senses.video.plug(3, 1920, 1080),
            lambda: room.do("Presentation Start"),
            room.senses.call_began,
        ):
            room.do("Standby Activate")
            assert room.get("Standby State") == "Standby"
            wake()
            assert room.get("Standby State") == "Off"

    play(story)


def test_a_share_keeps_the_device_awake_and_standby_ends_a_share() -> None:
    async def story(room: Room) -> None:
        room.senses.start()
        room.do("Presentation Start", ConnectorId=3)
        await room.clock.sleep(3_600.0)
        assert room.get("Standby State") == "Off"
        room.tell()
        room.do("Standby Activate")
        told = room.tell()
        assert told[0] == (
            "status",
            {f"Conference Presentation LocalInstance 1 {leaf}": None for leaf in ("SendingMode", "Source")},
        )
        assert told[1] == ("PresentationPreviewStopped", {"Instance": 1, "LocalSource": 3, "Cause": "enteringStandby"})
        assert told[2] == ("status", {"RoomAnalytics RoomInUse": "False"})
        assert told[3][1]["Standby State"] == "Standby"

    play(story)


def test_the_light_is_told_of_work_only_not_of_people() -> None:
    def story(room: Room) -> None:
        light: list[bool] = []
        room.senses.analytics.on_busy = lambda busy: light.append(busy) or room.told.append(("light", {}))
        room.senses.analytics.people(2)
        room.senses.analytics.people(0)
        assert light == []
        room.tell()
        room.do("Presentation Start", ConnectorId=3)
        assert [name for name, _ in room.tell()] == ["status", "PresentationPreviewStarted", "light", "status"]
        room.senses.analytics.people(2)
        room.do("Presentation Stop")
        assert light == [True, False]

    play(story)


def test_a_device_that_sleeps_counts_nobody() -> None:
    def story(room: Room) -> None:
        room.senses.analytics.people(3)
        assert room.get("RoomAnalytics PeopleCount Current") == 3
        room.do("Standby Activate")
        assert room.get("RoomAnalytics PeopleCount Current") == -1
        room.do("Standby Halfwake")
        assert room.get("RoomAnalytics PeopleCount Current") == 3

    play(story, {"RoomAnalytics PeopleCountOutOfCall": "On"})


def test_a_camera_that_is_pulled_out_takes_speaker_track_along() -> None:
    def story(room: Room) -> None:
        room.do("Cameras SpeakerTrack Activate")
        room.senses.camera(1, False)
        assert room.get("Cameras SpeakerTrack Availability") == "Unavailable"
        assert room.get("Cameras SpeakerTrack Status") == "Inactive"
        room.senses.camera(1, True)
        assert room.get("Cameras SpeakerTrack Availability") == "Available"
        with pytest.raises(LocalProtocolError, match="there is 1"):
            room.senses.camera(2, True)

    play(story)


def test_remote_access_follows_its_configuration_and_the_call() -> None:
    def story(room: Room) -> None:
        def shown() -> tuple[object, object]:
            return room.get("RemoteAccess Availability State"), room.get("RemoteAccess Availability Reason")

        assert shown() == ("Unavailable", "Configured")
        room.set("RemoteAccess Mode", "On")
        assert shown() == ("Available", "Available")
        assert len(room.tell()) == 1
        room.calls.add(2)
        room.senses.remote_access.refresh()
        assert shown() == ("Unavailable", "InCall")
        room.set("RemoteAccess Mode", "Off")
        assert shown() == ("Unavailable", "InCall")
        room.calls.clear()
        room.senses.remote_access.refresh()
        assert shown() == ("Unavailable", "Configured")

    play(story)
