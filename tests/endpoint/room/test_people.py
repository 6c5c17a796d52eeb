"""Who is in the room, who may disturb it, who is paired with it, and what it keeps: the smaller parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.room.analytics import PEOPLE_MAX, SOUND_DB_MAX
from endpoint.room.proximity import PAIRED_MAX
from endpoint.room.room_presets import RoomPreset
from endpoint.runtime.errors import StorageError
from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.xapi.nodes import Value
from tests.endpoint.room.room_ground import Room, Told, play, refused

ROOM = "RoomAnalytics "


# -- RoomAnalytics --


def _seen(room: Room) -> tuple[Value | None, ...]:
    return tuple(
        room.get(ROOM + leaf) for leaf in ("PeopleCount Current", "PeoplePresence", "UltrasoundPresence", "RoomInUse")
    )


@pytest.mark.parametrize(
    ("configuration", "in_call", "asleep", "expected"),
    [
        ({}, False, False, (-1, "Yes", "Yes", "True")),
        ({}, True, False, (3, "Yes", "Yes", "True")),
        ({"RoomAnalytics PeopleCountOutOfCall": "On"}, False, False, (3, "Yes", "Yes", "True")),
        ({"RoomAnalytics PeopleCountOutOfCall": "On"}, False, True, (-1, "Yes", "Yes", "True")),
        ({"RoomAnalytics PeoplePresenceDetector": "Off"}, False, False, (-1, "Unknown", "Yes", "True")),
    ],
)
def test_what_is_seen_of_three_people(
    configuration: dict[str, Value], in_call: bool, asleep: bool, expected: tuple[Value, ...]
) -> None:
    def story(room: Room) -> None:
        room.set("Standby WakeupOnMotionDetection", "Off")
        if asleep:
            room.do("Standby Activate")
        if in_call:
            room.calls.add(2)
        room.senses.analytics.people(3)
        assert _seen(room) == expected
        room.senses.analytics.people(0)
        assert _seen(room) == (
            0 if expected[0] == 3 else -1,
            "No" if expected[1] == "Yes" else "Unknown",
            "No",
            str(in_call),
        )

    play(story, configuration)


def test_nothing_is_known_of_people_before_somebody_says_so() -> None:
    def story(room: Room) -> None:
        room.set("RoomAnalytics PeoplePresenceDetector", "Off")
        room.set("RoomAnalytics PeoplePresenceDetector", "On")
        assert _seen(room) == (-1, "Unknown", "No", "False")
        room.set("RoomAnalytics PeopleCountOutOfCall", "On")
        assert _seen(room) == (0, "Unknown", "No", "False")

    play(story)


def test_people_are_told_in_one_block_and_room_in_use_in_its_own() -> None:
    def story(room: Room) -> None:
        room.senses.analytics.people(2)
        assert room.tell() == [
            (
                "status",
                {ROOM + "PeopleCount Current": 2, ROOM + "PeoplePresence": "Yes", ROOM + "UltrasoundPresence": "Yes"},
            ),
            ("status", {ROOM + "RoomInUse": "True"}),
        ]
        room.senses.analytics.people(2)
        assert room.tell() == []

    play(story, {"RoomAnalytics PeopleCountOutOfCall": "On"})


def test_presence_close_sound_noise_and_alarm() -> None:
    def story(room: Room) -> None:
        analytics = room.senses.analytics
        analytics.people(4)
        analytics.close(True)
        assert room.get(ROOM + "Engagement CloseProximity") == "True"
        analytics.presence(False)
        assert room.get(ROOM + "Engagement CloseProximity") == "False"
        assert _seen(room) == (0, "No", "No", "False")
        analytics.presence(True)
        assert _seen(room) == (0, "Yes", "Yes", "True")
        room.tell()
        analytics.sound(64)
        analytics.noise(41)
        analytics.alarm(True)
        assert room.tell() == [
            ("status", {ROOM + "Sound Level A": 64}),
            ("status", {ROOM + "T3Alarm Detected": "True"}),
        ]
        room.set("RoomAnalytics AmbientNoiseEstimation Mode", "On")
        assert room.tell() == [("status", {ROOM + "AmbientNoise Level A": 41})]
        analytics.close(False)
        analytics.alarm(False)

    play(story, {"RoomAnalytics PeopleCountOutOfCall": "On"})


STIMULI: list[tuple[Callable[[Room], Callable[[int], None]], int]] = [
    (lambda room: room.senses.analytics.people, PEOPLE_MAX),
    (lambda room: room.senses.analytics.sound, SOUND_DB_MAX),
    (lambda room: room.senses.analytics.noise, SOUND_DB_MAX),
    (lambda room: room.senses.proximity.paired, PAIRED_MAX),
]


@pytest.mark.parametrize(("stimulus", "limit"), STIMULI)
def test_stimuli_have_bounds(stimulus: Callable[[Room], Callable[[int], None]], limit: int) -> None:
    def story(room: Room) -> None:
        act = stimulus(room)
        act(0)
        act(limit)
        room.tell()
        for value in (-1, limit + 1):
            with pytest.raises(LocalProtocolError, match=str(limit)):
                act(value)
        assert room.tell() == []

    play(story)


# -- DoNotDisturb --

DND = "Conference DoNotDisturb"


@pytest.mark.parametrize(("arguments", "minutes"), [({}, 60), ({"Timeout": 1}, 1), ({"Timeout": 20_160}, 20_160)])
def test_do_not_disturb_ends_by_itself(arguments: dict[str, Any], minutes: int) -> None:
    async def story(room: Room) -> None:
        assert not room.senses.do_not_disturb.is_active
        room.do(f"{DND} Activate", **arguments)
        assert room.tell() == [("status", {DND: "Active"})]
        assert room.senses.do_not_disturb.is_active
        await room.clock.sleep(minutes * 60.0 - 1.0)
        assert room.tell() == []
        await room.clock.sleep(2.0)
        assert room.tell() == [("status", {DND: "Inactive"})]
        assert room.timers == []

    play(story)


def test_do_not_disturb_again_begins_anew_and_ends_when_told() -> None:
    async def story(room: Room) -> None:
        room.do(f"{DND} Activate")
        await room.clock.sleep(8 * 60.0)
        room.do(f"{DND} Activate", Timeout=5)
        assert len(room.timers) == 1
        await room.clock.sleep(4 * 60.0)
        assert room.get(DND) == "Active"
        room.do(f"{DND} Deactivate")
        assert room.get(DND) == "Inactive"
        assert room.timers == []
        room.tell()
        room.do(f"{DND} Deactivate")
        assert room.tell() == []

    play(story, {"Conference DoNotDisturb DefaultTimeout": 10})


# -- Proximity --

AVAILABILITY = "Proximity Services Availability"


def test_proximity_services_go_on_and_off_and_pairings_with_them() -> None:
    def story(room: Room) -> None:
        room.senses.proximity.paired(3)
        room.tell()
        room.do("Proximity Services Deactivate")
        assert room.tell() == [("status", {AVAILABILITY: "Deactivated", "Proximity PairingCount": 0})]
        with pytest.raises(LocalProtocolError, match="Deactivated"):
            room.senses.proximity.paired(1)
        room.do("Proximity Services Deactivate")
        assert room.tell() == []
        room.do("Proximity Services Activate")
        assert room.tell() == [("status", {AVAILABILITY: "Available"})]

    play(story)


def test_proximity_follows_its_mode() -> None:
    def story(room: Room) -> None:
        assert room.get(AVAILABILITY) == "Disabled"
        for command in ("Activate", "Deactivate"):
            assert "Mode is Off" in refused(room, f"Proximity Services {command}")
        room.set("Webex Proximity Mode", "On")
        assert room.get(AVAILABILITY) == "Available"
        room.do("Proximity Services Deactivate")
        room.set("Webex Proximity Mode", "Off")
        room.set("Webex Proximity Mode", "On")
        assert room.get(AVAILABILITY) == "Deactivated"

    play(story, {"Webex Proximity Mode": "Off"})


def test_nobody_pairs_in_silence() -> None:
    def story(room: Room) -> None:
        with pytest.raises(LocalProtocolError, match="MaxVolume is 0"):
            room.senses.proximity.paired(1)
        room.senses.proximity.paired(0)

    play(story, {"Audio Ultrasound MaxVolume": 0})


# -- RoomPreset --


def _stored(number: int, kind: str, text: str) -> list[Told]:
    leaves: dict[str, Value] = {f"RoomPreset {number} Defined": "True", f"RoomPreset {number} Description": text}
    if kind != "Camera":
        leaves[f"RoomPreset {number} Type"] = kind
    return [("status", {path: value for path, value in leaves.items() if value})]


def test_no_room_preset_changes_that_cannot_be_kept() -> None:
    def full(presets: object) -> None:
        raise StorageError("the disk is full")

    def story(room: Room) -> None:
        room.do("RoomPreset Store", PresetId=3, Type="All")
        room.senses.room_presets.on_presets = full
        room.tell()
        assert refused(room, "RoomPreset Store", PresetId=4, Type="All") == "the disk is full"
        assert refused(room, "RoomPreset Clear", PresetId=3) == "the disk is full"
        assert room.tell() == []
        room.do("RoomPreset Activate", PresetId=3)
        assert refused(room, "RoomPreset Activate", PresetId=4) == "Room preset 4 is not defined"

    play(story)


@pytest.mark.parametrize(("kind", "text"), [("Camera", ""), ("All", "Lecture"), ("All", "")])
def test_a_room_preset_is_stored_called_back_and_cleared(kind: str, text: str) -> None:
    def story(room: Room) -> None:
        kept: list[Any] = []
        room.senses.room_presets.on_presets = kept.append
        room.do("Camera PositionSet", Pan=1, Tilt=2, Zoom=3)
        room.do("Video Selfview Set", Mode="On")
        room.do("Video Input SetMainVideoSource", ConnectorId=2)
        room.tell()
        room.do("RoomPreset Store", PresetId=15, Type=kind, Description=text)
        assert room.tell() == _stored(15, kind, text)
        room.do("Camera PositionSet", Pan=0, Tilt=0, Zoom=0)
        room.do("Video Selfview Set", Mode="Off")
        room.do("Video Input SetMainVideoSource", ConnectorId=1)
        room.do("Cameras SpeakerTrack Activate")
        room.tell()
        room.do("RoomPreset Activate", PresetId=15)
        assert len(room.tell()) == 2  # tracking ends, then everything else in one block
        assert room.get("Cameras Camera 1 Position Tilt") == 2
        is_all = kind == "All"
        assert room.get("Video Selfview Mode") == ("On" if is_all else "Off")
        assert room.get("Video Input MainVideoSource") == ("2" if is_all else "1")
        [[preset]] = kept
        assert (preset.number, preset.kind, preset.axes, bool(preset.video)) == (15, kind, (1, 2, 3), is_all)
        room.do("RoomPreset Clear", PresetId=15)
        assert room.get("RoomPreset 15 Defined") == "False"
        assert (room.get("RoomPreset 15 Description"), room.get("RoomPreset 15 Type")) == ("", "Camera")
        assert kept[-1] == ()
        for command in ("Activate", "Clear"):
            assert refused(room, f"RoomPreset {command}", PresetId=15) == "Room preset 15 is not defined"

    play(story)


def test_a_room_preset_needs_the_camera_it_moves() -> None:
    def story(room: Room) -> None:
        assert room.get("RoomPreset 3 Defined") == "True"
        room.senses.camera(1, False)
        assert "not connected" in refused(room, "RoomPreset Activate", PresetId=3)

    play(story, kept_presets=[RoomPreset(3, "Camera", "", (1, 2, 3))])


@given(st.lists(st.tuples(st.sampled_from(["Store", "Clear", "Activate"]), st.integers(1, 15)), max_size=20))
def test_what_is_defined_can_be_activated_and_nothing_else(steps: list[tuple[str, int]]) -> None:
    def story(room: Room) -> None:
        defined: set[int] = set()
        for what, number in steps:
            if what == "Store":
                room.do("RoomPreset Store", PresetId=number, Type="All")
                defined.add(number)
            elif number not in defined:
                refused(room, f"RoomPreset {what}", PresetId=number)
            else:
                room.do(f"RoomPreset {what}", PresetId=number)
                if what == "Clear":
                    defined.discard(number)
            assert {n for n in range(1, 16) if room.get(f"RoomPreset {n} Defined") == "True"} == defined

    play(story)
