"""The local side of a whole device: what is kept, what acts on what, and what stays hidden."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from endpoint.device.device import Device
from endpoint.wire.xapi.calls import INTERNAL, Caller
from endpoint.wire.xapi.errors import CommandFailed
from endpoint.wire.xapi.nodes import nodes
from endpoint.wire.xapi.paths import words
from endpoint.wire.xapi.query import query_of_text
from endpoint.xapi.feedback import Notice
from tests.endpoint.device.device_room import Room, play

PANEL = (
    "<Extensions><Panel><PanelId>p</PanelId><Name>Light</Name><Page><Name>Main</Name><Row><Name>r</Name>"
    "<Widget><WidgetId>lamp</WidgetId><Type>ToggleButton</Type></Widget></Row></Page></Panel></Extensions>"
)


async def call(device: Device, path: str, body: str = "", **arguments: Any) -> Any:
    """Give a command as an administrator."""
    commands = device.xapi.commands
    given = {name.replace("_", "."): value for name, value in arguments.items()}
    outcome = commands.call(commands.prepare(tuple(path.split(" ")), given, body, INTERNAL))
    return await outcome if hasattr(outcome, "__await__") else outcome


def value(device: Device, path: str) -> object:
    found = device.xapi.find(query_of_text(path), INTERNAL)
    return found[0][1] if found else None


def test_every_command_of_the_table_has_an_owner() -> None:
    async def scene(room: Room) -> None:
        assert room.device.local.commands.unowned == []

    play(scene)


def test_a_device_that_is_not_registered_makes_no_calls_and_says_so() -> None:
    async def scene(room: Room) -> None:
        heard: list[Notice] = []
        room.device.xapi.subscribe(query_of_text("Event"), INTERNAL, heard.append)
        with pytest.raises(CommandFailed, match="The device is not registered"):
            await call(room.device, "Dial", Number="ada@room.example")
        assert [notice.event for notice in heard] == [("Event", "CallFailed")]
        assert room.device.local.calls.screen()["prompt"]["text"].startswith("The device is not registered")
        await room.device.world.clock.sleep(4)
        assert not room.device.local.calls.screen()["prompt"]["visible"]

    play(scene)


def test_every_status_of_a_booted_device_is_of_the_table_and_in_its_space() -> None:
    async def scene(room: Room) -> None:
        for path, shown in room.device.status:
            node = nodes().find("Status", path)
            assert node is not None, words(path)
            assert node.space.accept(shown) == shown, words(path)

    play(scene)


def test_events_are_in_the_history_but_for_what_was_typed_as_a_secret() -> None:
    async def scene(room: Room) -> None:
        heard: list[Notice] = []
        room.device.xapi.subscribe(query_of_text("Event"), INTERNAL, heard.append)
        for kind, typed in (("SingleLine", "hello"), ("PIN", "4711")):
            await call(room.device, "UserInterface Message TextInput Display", Text="?", FeedbackId="f", InputType=kind)
            await call(room.device, "UserInterface Message TextInput Response", Text=typed, FeedbackId="f")
        texts = [dict(notice.leaves)[(*notice.event, "Text")] for notice in heard if notice.event is not None]
        assert texts == ["hello", "4711"]
        history = "".join(event.as_json() for event in room.trace.events)
        assert "hello" in history
        assert "4711" not in history

    play(scene)


def test_the_history_has_no_secret_of_a_feedback_url() -> None:
    async def scene(room: Room) -> None:
        url = "http://user:s3cret@receiver.test/in?token=s3cret"
        await call(room.device, "HttpFeedback Register", FeedbackSlot=1, ServerUrl=url, Expression="/Event")
        assert value(room.device, "Status HttpFeedback 1 URL") == url
        history = "".join(event.as_json() for event in room.trace.events)
        assert "http://receiver.test/in?token=***" in history
        assert "s3cret" not in history + "".join(room.device.world.log.lines)

    play(scene)


def test_what_people_set_up_outlives_a_restart(tmp_path: Path) -> None:
    async def scene(room: Room) -> None:
        device = room.device
        await call(device, "UserInterface Extensions Panel Save", PANEL, PanelId="p")
        await call(device, "Macros Macro Save", "console.log(1)", Name="hello")
        await call(device, "UserManagement User Add", Username="uma", Passphrase="long enough 1", Role="User")
        await call(
            device, "HttpFeedback Register", FeedbackSlot=2, ServerUrl="http://127.0.0.1:9/", Expression=["/Event"]
        )
        await call(device, "Camera Preset Store", CameraId=1, Name="Door")
        await call(device, "SystemUnit WelcomeBanner Set", "Be nice")
        device.xapi.set(query_of_text("Configuration Audio DefaultVolume"), 70, INTERNAL)
        await device.restart()
        assert value(device, "Status UserInterface Extensions Widget 1 WidgetId") == "lamp"
        assert (await call(device, "Macros Macro Get"))["Macro"][0]["Name"] == "hello"
        assert [user.name for user in device.local.users.accounts] == ["admin", "uma"]
        assert value(device, "Status HttpFeedback 2 URL") == "http://127.0.0.1:9/"
        assert (await call(device, "Camera Preset List"))["Preset"][0]["Name"] == "Door"
        assert await call(device, "SystemUnit WelcomeBanner Get")
        assert (value(device, "Configuration Audio DefaultVolume"), value(device, "Status Audio Volume")) == (70, 70)

    play(scene, state_dir=tmp_path)


def test_a_full_disk_refuses_and_changes_nothing(tmp_path: Path) -> None:
    async def scene(room: Room) -> None:
        device = room.device
        (tmp_path / "device.json.new").mkdir()  # in the way of every write
        with pytest.raises(CommandFailed, match="cannot be written"):
            await call(device, "Macros Macro Save", "1", Name="a")
        with pytest.raises(CommandFailed, match="cannot be written"):
            await call(device, "UserManagement User Add", Username="uma", Passphrase="long enough 1", Role="User")
        assert not (await call(device, "Macros Macro Get")).get("Macro")
        for preset in (("Camera Preset Store", {"CameraId": 1}), ("RoomPreset Store", {"PresetId": 1, "Type": "All"})):
            with pytest.raises(CommandFailed, match="cannot be written"):
                await call(device, preset[0], **preset[1])
        with pytest.raises(CommandFailed, match="cannot be written"):  # the value is no bad one
            device.xapi.set(query_of_text("Configuration/SystemUnit/Name"), "Board room", INTERNAL)
        assert value(device, "Configuration SystemUnit Name") != "Board room"
        (tmp_path / "device.json.new").rmdir()
        await call(device, "Macros Macro Save", "1", Name="a")

    play(scene, state_dir=tmp_path)


def test_a_full_disk_does_not_keep_a_device_from_restarting(tmp_path: Path) -> None:
    async def scene(room: Room) -> None:
        device, told = room.device, list[str]()
        device.on_log = told.append
        await call(device, "Macros Macro Save", "1", Name="a")
        (tmp_path / "device.json.new").mkdir()
        await call(device, "SystemUnit Boot")
        await device.world.clock.sleep(60)
        assert device.is_up
        assert any("state not written: " in line for line in told)
        assert value(device, "Status SystemUnit LastShutdownReason") == "Restart"
        assert [macro["Name"] for macro in (await call(device, "Macros Macro Get"))["Macro"]] == ["a"]
        (tmp_path / "device.json.new").rmdir()
        await call(device, "Macros Macro Save", "2", Name="b")

    play(scene, state_dir=tmp_path)


def test_the_time_of_the_room_follows_its_zone() -> None:
    async def scene(room: Room) -> None:
        assert str(value(room.device, "Status Time SystemTime")).endswith("+0000")
        room.device.xapi.set(query_of_text("Configuration Time Zone"), "asia/kolkata", INTERNAL)
        assert value(room.device, "Configuration Time Zone") == "Asia/Kolkata"
        assert value(room.device, "Status Time SystemTime") == "2026-03-02T14:20:00+0530"
        await room.device.world.clock.sleep(90)
        assert value(room.device, "Status Time SystemTime") == "2026-03-02T14:21:30+0530"
        assert value(room.device, "Status SystemUnit Uptime") == 90

    play(scene)


def test_the_name_of_the_device_shows_everywhere() -> None:
    async def scene(room: Room) -> None:
        heard: list[Notice] = []
        room.device.xapi.subscribe(query_of_text("Status"), INTERNAL, heard.append)
        room.device.xapi.set(query_of_text("Configuration SystemUnit Name"), "Huddle 1", INTERNAL)
        changed = {words(path[1:]): shown for path, shown in heard[0].leaves}
        assert changed == {"SystemUnit BroadcastName": "Huddle 1", "Network 1 FQDN": "huddle-1.example.test"}

    play(scene)


def test_who_sets_a_configuration_is_in_the_log() -> None:
    async def scene(room: Room) -> None:
        caller = Caller("uma", frozenset("A"), "192.0.2.7", "ssh")
        room.device.xapi.set(query_of_text("Configuration NetworkServices HTTP Proxy Password"), "s3cret", caller)
        line = room.device.world.log.lines[-1]
        assert "NetworkServices HTTP Proxy Password set by uma from 192.0.2.7" in line
        assert "s3cret" not in "".join(room.device.world.log.lines) + "".join(
            event.as_json() for event in room.trace.events
        )

    play(scene)
