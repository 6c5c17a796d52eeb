"""Audio: each command from each state that matters, what it tells, what refuses it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.room.audio import CONNECTOR_MUTES
from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.xapi.errors import BadArguments
from endpoint.wire.xapi.nodes import Value
from endpoint.wire.xapi.paths import words
from tests.endpoint.room.room_ground import Room, Told, play, refused

ALL_MUTES = ["Audio Microphones Mute", *map(words, CONNECTOR_MUTES)]


def _muted(word: str) -> list[Told]:
    return [("Audio MicrophonesMuteStatus", {"Mute": word}), *(("status", {path: word}) for path in ALL_MUTES)]


def _volume(level: int) -> list[Told]:
    return [("status", {"Audio Volume": level, "Audio VolumeInternal": level})]


def _status(**leaves: Value) -> list[Told]:
    return [("status", {"Audio " + name.replace("_", " "): value for name, value in leaves.items()})]


LIMIT: list[Told] = [("Audio Volume AlreadyAtLimit", {})]
Do = tuple[str, dict[str, Any]]

ROWS: list[tuple[list[Do], Do, list[Told]]] = [
    ([], ("Audio Microphones Mute", {}), _muted("On")),
    ([("Audio Microphones Mute", {})], ("Audio Microphones Mute", {}), []),
    ([("Audio Microphones Mute", {})], ("Audio Microphones Unmute", {}), _muted("Off")),
    ([], ("Audio Microphones Unmute", {}), []),
    ([], ("Audio Microphones ToggleMute", {}), _muted("On")),
    ([("Audio Microphones ToggleMute", {})], ("Audio Microphones ToggleMute", {}), _muted("Off")),
    ([], ("Audio Microphones MusicMode Start", {}), _status(Microphones_MusicMode="On")),
    ([("Audio Microphones MusicMode Start", {})], ("Audio Microphones MusicMode Stop", {}), _status(Microphones_MusicMode="Off")),
    ([], ("Audio Microphones NoiseRemoval Activate", {}), _status(Microphones_NoiseRemoval="On")),
    ([], ("Audio Microphones NoiseRemoval Activate", {"BackgroundTalkers": "Suppress"}), _status(Microphones_NoiseRemoval="On")),
    (
        [("Audio Microphones NoiseRemoval Activate", {})],
        ("Audio Microphones NoiseRemoval Deactivate", {}),
        _status(Microphones_NoiseRemoval="Off"),
    ),
    ([], ("Audio Volume Set", {"Level": 0}), _volume(0)),
    ([], ("Audio Volume Set", {"Level": "100"}), _volume(100)),
    ([], ("Audio Volume Set", {"Level": 50}), []),
    ([], ("Audio Volume Set", {"Level": 20, "Device": "internal"}), _volume(20)),
    ([], ("Audio Volume Set", {"Level": 20, "Device": "HeadsetUSB"}), _status(VolumeHeadsetUsb=20)),
    ([], ("Audio Volume Increase", {}), _volume(55)),
    ([], ("Audio Volume Increase", {"Steps": 10}), _volume(60)),
    ([], ("Audio Volume Increase", {"Steps": 1, "Device": "HeadsetUSB"}), _status(VolumeHeadsetUsb=51)),
    ([("Audio Volume Set", {"Level": 98})], ("Audio Volume Increase", {}), _volume(100)),
    ([("Audio Volume Set", {"Level": 100})], ("Audio Volume Increase", {}), LIMIT),
    ([("Audio Volume Set", {"Level": 100, "Device": "HeadsetUSB"})], ("Audio Volume Increase", {"Device": "HeadsetUSB"}), LIMIT),
    ([], ("Audio Volume Decrease", {}), _volume(45)),
    ([("Audio Volume Set", {"Level": 3})], ("Audio Volume Decrease", {}), _volume(0)),
    ([("Audio Volume Set", {"Level": 0})], ("Audio Volume Decrease", {}), LIMIT),
    ([("Audio Volume Set", {"Level": 0})], ("Audio Volume SetToDefault", {}), _volume(50)),
    (
        [("Audio Volume Set", {"Level": 9, "Device": "HeadsetUSB"})],
        ("Audio Volume SetToDefault", {"Device": "HeadsetUSB"}),
        _status(VolumeHeadsetUsb=50),
    ),
    ([], ("Audio Volume Mute", {}), _status(VolumeMute="On")),
    ([("Audio Volume Mute", {})], ("Audio Volume Unmute", {}), _status(VolumeMute="Off")),
    ([], ("Audio Volume ToggleMute", {}), _status(VolumeMute="On")),
    ([("Audio Volume Mute", {})], ("Audio Volume ToggleMute", {}), _status(VolumeMute="Off")),
    ([], ("Audio Select", {"Device": "Internal"}), []),
]  # fmt: skip


@pytest.mark.parametrize(("before", "command", "expected"), ROWS)
def test_what_a_command_tells(before: list[Do], command: Do, expected: list[Told]) -> None:
    def story(room: Room) -> None:
        for name, arguments in before:
            room.do(name, **arguments)
        room.tell()
        assert room.do(command[0], **command[1]) is None
        assert room.tell() == expected

    play(story)


@pytest.mark.parametrize(
    ("configuration", "command", "arguments", "reason"),
    [
        ({"Audio Microphones Mute Enabled": "InCallOnly"}, "Audio Microphones Mute", {}, "in a call only"),
        ({"Audio Microphones Mute Enabled": "InCallOnly"}, "Audio Microphones ToggleMute", {}, "in a call only"),
        ({"Audio Microphones NoiseRemoval Mode": "Disabled"}, "Audio Microphones NoiseRemoval Activate", {}, "Mode is Disabled"),
        ({}, "Audio Select", {"Device": "HeadsetUSB"}, "HeadsetUSB is not connected"),
        ({}, "Audio Select", {"Device": "HandsetUSB"}, "HandsetUSB is not connected"),
        ({}, "Audio Select", {"Device": "HeadsetBluetooth"}, "HeadsetBluetooth is not connected"),
        ({}, "Audio Volume Set", {"Level": 5, "Device": "HandsetUSB"}, "HandsetUSB is not connected"),
        ({}, "Audio Volume Increase", {"Device": "HeadsetBluetooth"}, "HeadsetBluetooth is not connected"),
    ],
)  # fmt: skip
def test_what_refuses_a_command(
    configuration: dict[str, Value], command: str, arguments: dict[str, Any], reason: str
) -> None:
    play(lambda room: _assert_in(reason, refused(room, command, **arguments)), configuration)


def _assert_in(part: str, whole: str) -> None:
    assert part in whole


@pytest.mark.parametrize("level", [-1, 101, "loud", ""])
def test_a_level_outside_its_space_is_refused(level: Value) -> None:
    def story(room: Room) -> None:
        with pytest.raises(BadArguments, match="Level"):
            room.do("Audio Volume Set", Level=level)

    play(story)


def test_default_volume_holds_at_boot_and_for_set_to_default_only() -> None:
    def story(room: Room) -> None:
        names = ("Audio Volume", "Audio VolumeInternal", "Audio VolumeHeadsetUsb")
        assert [room.get(name) for name in names] == [30, 30, 30]
        room.set("Audio DefaultVolume", 80)
        assert room.tell() == []
        room.do("Audio Volume SetToDefault")
        assert [room.get(name) for name in names] == [80, 80, 30]

    play(story, {"Audio DefaultVolume": 30})


def test_a_default_volume_of_zero_is_a_volume() -> None:
    play(lambda room: _assert_in("0", str(room.get("Audio Volume"))), {"Audio DefaultVolume": 0})


def test_ultrasound_follows_its_limit_at_boot_and_later() -> None:
    def story(room: Room) -> None:
        assert room.get("Audio Ultrasound Volume") == 40
        room.set("Audio Ultrasound MaxVolume", 0)
        assert room.tell() == [("status", {"Audio Ultrasound Volume": 0})]

    play(story, {"Audio Ultrasound MaxVolume": 40})


def test_mute_in_calls_only_works_in_a_call_and_ends_with_it() -> None:
    def story(room: Room) -> None:
        room.calls.add(2)
        room.do("Audio Microphones Mute")
        assert room.senses.audio.is_muted
        room.calls.clear()
        room.tell()
        room.senses.audio.call_ended()
        assert room.tell() == _muted("Off")

    play(story, {"Audio Microphones Mute Enabled": "InCallOnly", "Conference MicUnmuteOnDisconnect Mode": "Off"})


def test_mute_in_calls_only_unmutes_a_device_outside_a_call() -> None:
    def story(room: Room) -> None:
        room.do("Audio Microphones Mute")
        room.tell()
        room.set("Audio Microphones Mute Enabled", "InCallOnly")
        assert room.tell() == _muted("Off")

    play(story)


@pytest.mark.parametrize(("mode", "muted"), [("On", False), ("Off", True)])
def test_the_end_of_a_call_unmutes_if_so_configured_and_tells_either_way(mode: str, muted: bool) -> None:
    def story(room: Room) -> None:
        room.senses.audio.mute(True)
        room.senses.audio.call_began()
        room.tell()
        room.senses.audio.call_ended()
        assert room.senses.audio.is_muted is muted
        events = [fields for name, fields in room.tell() if name == "Audio MicrophonesMuteStatus"]
        assert events == [{"Mute": "On" if muted else "Off"}]

    play(story, {"Conference MicUnmuteOnDisconnect Mode": mode})


@pytest.mark.parametrize(("mode", "in_call"), [("Enabled", "On"), ("Manual", "Off"), ("Disabled", "Off")])
def test_noise_removal_of_a_call_follows_its_mode(mode: str, in_call: str) -> None:
    def story(room: Room) -> None:
        leaf = "Audio Microphones NoiseRemoval"
        assert room.get(leaf) == "Off"
        room.calls.add(2)
        room.senses.audio.call_began()
        assert room.get(leaf) == in_call
        room.set("Audio Microphones NoiseRemoval Mode", "Disabled")
        assert room.get(leaf) == "Off"
        room.set("Audio Microphones NoiseRemoval Mode", "Enabled")
        assert room.get(leaf) == "On"
        room.do("Audio Microphones NoiseRemoval Deactivate")
        room.set("Audio SoundsAndAlerts RingVolume", 10)
        assert room.get(leaf) == "Off"
        room.senses.audio.call_ended()
        assert room.get(leaf) == "Off"

    play(story, {"Audio Microphones NoiseRemoval Mode": mode})


def test_each_device_has_a_volume_of_its_own() -> None:
    def story(room: Room) -> None:
        audio = room.senses.audio
        for name in ("HeadsetUSB", "HandsetUSB", "HeadsetBluetooth"):
            audio.device(name, True)
        assert room.get("Audio Devices Bluetooth ActiveProfile") == "HFP"
        room.do("Audio Volume Set", Level=10, Device="HeadsetUSB")
        room.do("Audio Volume Set", Level=20, Device="HandsetUSB")
        seen = {}
        for name in ("HeadsetUSB", "HandsetUSB", "HeadsetBluetooth", "Internal"):
            room.tell()
            room.do("Audio Select", Device=name)
            assert len(room.tell()) == 1
            seen[name] = room.get("Audio Volume")
        assert seen == {"HeadsetUSB": 10, "HandsetUSB": 20, "HeadsetBluetooth": 50, "Internal": 50}
        room.do("Audio Select", Device="HandsetUSB")
        room.do("Audio Volume Increase")
        room.do("Audio Volume Set", Level=70, Device="Internal")
        assert (room.get("Audio Volume"), room.get("Audio VolumeInternal")) == (25, 70)
        room.tell()
        audio.device("HandsetUSB", False)
        [(_, told)] = room.tell()
        assert told == {
            "Audio Devices HandsetUSB ConnectionStatus": "NotConnected",
            "Audio SelectedDevice": "Internal",
            "Audio Volume": 70,
        }

    play(story)


def test_what_scenarios_can_do_and_cannot() -> None:
    def story(room: Room) -> None:
        audio = room.senses.audio
        audio.microphone(1, False)
        assert room.tell() == [("status", {"Audio Input Connectors Microphone 1 ConnectionStatus": "NotConnected"})]
        audio.microphone(1, True)
        audio.voice(True)
        assert room.get("Audio Microphones VoiceActivityDetector Activity") == "True"
        with pytest.raises(LocalProtocolError, match="there is 1"):
            audio.microphone(2, True)
        with pytest.raises(LocalProtocolError, match="there are HandsetUSB"):
            audio.device("Gramophone", True)

    play(story)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["Set", "Increase", "Decrease", "SetToDefault"]),
        st.integers(0, 100),
        st.sampled_from(["", "Internal", "HeadsetUSB", "HandsetUSB"]),
    ),
    max_size=20,
)


@given(STEPS, st.integers(0, 100))
def test_volumes_stay_in_bounds_and_the_one_in_use_is_the_one_shown(
    steps: list[tuple[str, int, str]], default: int
) -> None:
    def story(room: Room) -> None:
        room.senses.audio.device("HandsetUSB", True)
        room.senses.audio.device("HeadsetUSB", True)
        for what, number, device in steps:
            arguments: dict[str, Any] = {"Device": device} if device else {}
            if what == "Set":
                arguments["Level"] = number
            elif what != "SetToDefault":
                arguments["Steps"] = number % 10 + 1
            before = room.get("Audio Volume")
            room.tell()
            room.do(f"Audio Volume {what}", **arguments)
            told = room.tell()
            levels = [room.get(f"Audio {leaf}") for leaf in ("Volume", "VolumeInternal", "VolumeHeadsetUsb")]
            assert all(isinstance(level, int) and 0 <= level <= 100 for level in levels)
            assert levels[0] == levels[1]  # Internal is in use throughout
            if ("Audio Volume AlreadyAtLimit", {}) in told:
                assert what in ("Increase", "Decrease")
                assert len(told) == 1
                assert room.get("Audio Volume") == before

    play(story, {"Audio DefaultVolume": default})
