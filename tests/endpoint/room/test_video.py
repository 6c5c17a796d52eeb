"""Video: each command, what scenarios plug in, what configurations and calls lead to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.room.video import HEIGHT_MAX, LAYOUTS, REFRESH_RATE_MAX, WIDTH_MAX
from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.xapi.errors import BadArguments
from endpoint.wire.xapi.nodes import Value
from tests.endpoint.room.room_ground import Room, Told, play, refused


def _told(**leaves: Value) -> list[Told]:
    return [("status", {"Video " + name.replace("_", " "): value for name, value in leaves.items()})]


COMMANDS: list[tuple[str, dict[str, Any], list[Told]]] = [
    ("Video ActiveSpeakerPIP Set", {"Position": "UpperLeft"}, _told(ActiveSpeaker_PIPPosition="UpperLeft")),
    ("Video ActiveSpeakerPIP Set", {"Position": "LowerRight"}, []),
    ("Video PresentationPIP Set", {"Position": "CenterLeft"}, _told(Presentation_PIPPosition="CenterLeft")),
    ("Video Input MainVideo Mute", {}, _told(Input_MainVideoMute="On")),
    ("Video Input MainVideo Unmute", {}, []),
    ("Video Input SetMainVideoSource", {"ConnectorId": 3}, _told(Input_MainVideoSource="3")),
    ("Video Input SetMainVideoSource", {"SourceId": "2"}, _told(Input_MainVideoSource="2")),
    ("Video Input SetMainVideoSource", {"SourceId": 1}, []),
    (
        "Video Input SetMainVideoSource",
        {"ConnectorId": [1, 3], "Layout": "PIP", "PIPSize": "Large"},
        _told(Input_MainVideoSource="Composed"),
    ),
    ("Video Input SetMainVideoSource", {"ConnectorId": [2, 2]}, _told(Input_MainVideoSource="2")),
    ("Video Layout LayoutFamily Set", {"LayoutFamily": "equal"}, _told(Layout_LayoutFamily_Local="equal")),
    ("Video Layout LayoutFamily Set", {"LayoutFamily": "single", "Target": "Remote"}, _told(Layout_LayoutFamily_Remote="single")),
    ("Video Layout LayoutFamily Set", {"LayoutFamily": "custom", "CustomLayoutName": "x"}, _told(Layout_LayoutFamily_Local="custom")),
    ("Video Selfview Set", {"Mode": "On"}, _told(Selfview_Mode="On")),
    ("Video Selfview Set", {}, []),
    (
        "Video Selfview Set",
        {"Mode": "on", "FullscreenMode": "On", "PIPPosition": "LowerLeft", "OnMonitorRole": "First"},
        _told(Selfview_FullscreenMode="On", Selfview_Mode="On", Selfview_PIPPosition="LowerLeft"),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("command", "arguments", "expected"), COMMANDS)
def test_what_a_command_tells(command: str, arguments: dict[str, Any], expected: list[Told]) -> None:
    def story(room: Room) -> None:
        assert room.do(command, **arguments) is None
        assert room.tell() == expected

    play(story)


def test_the_main_video_is_unmuted_again() -> None:
    def story(room: Room) -> None:
        room.do("Video Input MainVideo Mute")
        room.tell()
        room.do("Video Input MainVideo Unmute")
        assert room.tell() == _told(Input_MainVideoMute="Off")

    play(story)


@pytest.mark.parametrize(
    ("command", "arguments", "reason"),
    [
        ("Video Input SetMainVideoSource", {"SourceId": "AirPlay"}, "AirPlay is not active"),
        ("Video Input SetMainVideoSource", {"SourceId": [1, "Miracast"]}, "Miracast is not active"),
        ("Video Input SetMainVideoSource", {}, "either ConnectorId or SourceId"),
        ("Video Input SetMainVideoSource", {"SourceId": 1, "ConnectorId": 1}, "either ConnectorId or SourceId"),
        ("Video Layout SetLayout", {"LayoutName": "Grid"}, "There is no call"),
        ("Video Layout LayoutFamily Set", {"LayoutFamily": "custom"}, "needs its name"),
        ("Video Selfview Set", {"OnMonitorRole": "Second", "Mode": "On"}, "There is no monitor Second"),
    ],
)
def test_what_refuses_a_command(command: str, arguments: dict[str, Any], reason: str) -> None:
    def story(room: Room) -> None:
        assert reason in refused(room, command, **arguments)

    play(story)


def test_a_call_has_layouts_and_takes_them_along() -> None:
    def story(room: Room) -> None:
        names = [f"Video Layout CurrentLayouts AvailableLayouts {n} LayoutName" for n in range(1, len(LAYOUTS) + 1)]
        room.calls.add(2)
        room.senses.video.call_began()
        assert [room.get(name) for name in names] == list(LAYOUTS)
        assert room.get("Video Layout CurrentLayouts ActiveLayout") == "Grid"
        room.tell()
        room.do("Video Layout SetLayout", LayoutName="stack")
        assert room.tell() == _told(Layout_CurrentLayouts_ActiveLayout="Stack")
        assert "Grid, Overlay" in refused(room, "Video Layout SetLayout", LayoutName="Mosaic")
        assert "There is no layout" in refused(room, "Video Layout SetLayout", LayoutName="")
        room.do("Video Layout LayoutFamily Set", LayoutFamily="equal")
        room.calls.clear()
        room.tell()
        room.senses.video.call_ended()
        [(_, gone)] = room.tell()
        assert gone == {
            **dict.fromkeys(names),
            "Video Layout CurrentLayouts ActiveLayout": "",
            "Video Layout CurrentLayouts DefaultLayout": "",
        }

    play(story)


# -- configurations --


@pytest.mark.parametrize(
    ("default", "shown"),
    [
        ("1", "1"),
        ("3", "3"),
        ("5", "5"),
        ("6", "1"),
        ("15", "1"),
        ("None", "1"),
        ("AirPlay", "1"),
        ("SpeakerView", "1"),
    ],
)
def test_the_default_source_holds_at_boot_when_set_and_when_a_call_begins(default: str, shown: str) -> None:
    def at_boot(room: Room) -> None:
        assert room.get("Video Input MainVideoSource") == shown

    def later(room: Room) -> None:
        room.set("Video DefaultMainSource", default)
        assert room.get("Video Input MainVideoSource") == shown
        room.do("Video Input SetMainVideoSource", ConnectorId=4)
        room.calls.add(2)
        room.senses.video.call_began()
        assert room.get("Video Input MainVideoSource") == shown
        room.set("Video DefaultMainSource", "2")
        assert room.get("Video Input MainVideoSource") == shown

    play(at_boot, {"Video DefaultMainSource": default})
    play(later)


@pytest.mark.parametrize(
    ("mode", "boot", "off_then", "on_then"),
    [
        ("Off", "Off", "Off", "Off"),
        ("On", "On", "On", "On"),
        ("Auto", "Off", "Off", "Off"),
        ("Current", "Off", "Off", "On"),
    ],
)
def test_self_view_after_a_call_follows_its_configuration(mode: str, boot: str, off_then: str, on_then: str) -> None:
    def story(room: Room) -> None:
        assert room.get("Video Selfview Mode") == boot
        for was, after in (("Off", off_then), ("On", on_then)):
            room.do("Video Selfview Set", Mode=was)
            room.senses.video.call_ended()
            assert room.get("Video Selfview Mode") == after

    play(story, {"Video Selfview Default Mode": mode})


def test_self_view_follows_its_configuration_at_once_outside_a_call() -> None:
    def story(room: Room) -> None:
        room.set("Video Selfview Default Mode", "On")
        assert room.get("Video Selfview Mode") == "On"
        room.set("Video Selfview Default Mode", "Auto")
        assert room.get("Video Selfview Mode") == "On"
        room.calls.add(2)
        room.set("Video Selfview Default Mode", "Off")
        assert room.get("Video Selfview Mode") == "On"

    play(story)


def test_monitors_follow_the_configuration_or_the_screens() -> None:
    def story(room: Room) -> None:
        assert room.get("Video Monitors") == "Single"
        room.senses.video.display(2, True)
        assert room.get("Video Monitors") == "Dual"
        assert room.get("Video Output Connector 2 Resolution Width") == 3_840
        assert len(room.tell()) == 1
        room.do("Video Selfview Set", OnMonitorRole="Second")
        room.set("Video Monitors", "DualPresentationOnly")
        assert room.get("Video Monitors") == "DualPresentationOnly"
        room.set("Video Monitors", "Single")
        assert room.get("Video Selfview OnMonitorRole") == "First"
        room.set("Video Monitors", "Auto")
        assert room.get("Video Monitors") == "Dual"
        room.senses.video.display(2, False)
        assert room.get("Video Monitors") == "Single"
        with pytest.raises(LocalProtocolError, match="there are 1, 2"):
            room.senses.video.display(3, True)

    play(story)


def test_monitors_hold_at_boot() -> None:
    def story(room: Room) -> None:
        assert room.get("Video Monitors") == "Dual"

    play(story, {"Video Monitors": "Dual"})


# -- what is plugged in --


def test_a_laptop_is_seen_in_one_block_and_gone_in_one() -> None:
    def story(room: Room) -> None:
        room.senses.video.plug(2, 1_920, 1_080)
        [(_, seen)] = room.tell()
        assert seen == {
            "Video Input Connector 2 Connected": "True",
            "Video Input Connector 2 SignalState": "OK",
            "Video Input Source 2 FormatStatus": "Ok",
            "Video Input Source 2 Resolution Height": 1_080,
            "Video Input Source 2 Resolution RefreshRate": 60,
            "Video Input Source 2 Resolution Width": 1_920,
            "Video Output Webcam Mode": "Connected",
        }
        room.senses.video.plug(2, 3_840, 2_160, 30)
        [(_, other)] = room.tell()
        assert set(other.values()) == {2_160, 30, 3_840}
        room.senses.video.unplug(2)
        [(_, gone)] = room.tell()
        assert gone["Video Input Connector 2 Connected"] == "False"
        assert gone["Video Output Webcam Mode"] == "Disconnected"
        assert not room.senses.video.has_signal(2)

    play(story)


@given(st.integers(-1, 7), st.integers(-1, 9_000), st.integers(-1, 5_000), st.integers(-1, 300))
def test_only_pictures_that_fit_can_be_plugged_and_nothing_else_changes(
    connector: int, width: int, height: int, rate: int
) -> None:
    def story(room: Room) -> None:
        fits = (
            connector in (2, 3, 4, 5)
            and 1 <= width <= WIDTH_MAX
            and 1 <= height <= HEIGHT_MAX
            and 1 <= rate <= REFRESH_RATE_MAX
        )
        if fits:
            room.senses.video.plug(connector, width, height, rate)
            assert room.get(f"Video Input Source {connector} Resolution Width") == width
            room.senses.video.unplug(connector)
            room.tell()
        else:
            with pytest.raises(LocalProtocolError):
                room.senses.video.plug(connector, width, height, rate)
        with pytest.raises(LocalProtocolError):
            room.senses.video.unplug(connector)
        assert room.tell() == []

    play(story)


def test_a_missing_argument_is_refused() -> None:
    def story(room: Room) -> None:
        with pytest.raises(BadArguments, match="Position"):
            room.do("Video ActiveSpeakerPIP Set")

    play(story)
