"""Presentation: shares outside and inside a call, instances, sources that come and go."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.endpoint.room.room_ground import Room, Told, play, refused

INSTANCE = "Conference Presentation LocalInstance"


def _started(instance: int, source: int, mode: str = "LocalOnly") -> Told:
    return ("status", {f"{INSTANCE} {instance} SendingMode": mode, f"{INSTANCE} {instance} Source": source})


def _stopped(instance: int) -> Told:
    return ("status", {f"{INSTANCE} {instance} SendingMode": None, f"{INSTANCE} {instance} Source": None})


def _event(what: str, instance: int, source: int, cause: str = "userRequested") -> Told:
    return (f"PresentationPreview{what}", {"Instance": instance, "LocalSource": source, "Cause": cause})


def _in_use(yes: bool) -> Told:
    return ("status", {"RoomAnalytics RoomInUse": str(yes)})


Do = tuple[str, dict[str, Any]]
ONE: Do = ("Start", {"PresentationSource": 3})
TWO: Do = ("Start", {"PresentationSource": 2, "Instance": "New"})

ROWS: list[tuple[list[Do], Do, list[Told]]] = [
    ([], ONE, [_started(1, 3), _event("Started", 1, 3), _in_use(True)]),
    ([], ("Start", {"ConnectorId": 2, "SendingMode": "LocalOnly"}), [_started(1, 2), _event("Started", 1, 2), _in_use(True)]),
    ([], ("Start", {"ConnectorId": [3, 2], "Layout": "Prominent"}), [_started(1, 3), _event("Started", 1, 3), _in_use(True)]),
    ([], ("Start", {"ConnectorId": 3, "Instance": 4}), [_started(4, 3), _event("Started", 4, 3), _in_use(True)]),
    ([ONE], TWO, [_started(2, 2), _event("Started", 2, 2)]),
    (
        [ONE],
        ("Start", {"PresentationSource": 2}),
        [_stopped(1), _event("Stopped", 1, 3), _started(1, 2), _event("Started", 1, 2)],
    ),
    ([ONE], ("Stop", {}), [_stopped(1), _event("Stopped", 1, 3), _in_use(False)]),
    ([], ("Stop", {}), []),
    ([ONE, TWO], ("Stop", {"Instance": 1}), [_stopped(1), _event("Stopped", 1, 3)]),
    ([ONE, TWO], ("Stop", {"PresentationSource": 2}), [_stopped(2), _event("Stopped", 2, 2)]),
    (
        [ONE, TWO],
        ("Stop", {}),
        [_stopped(1), _event("Stopped", 1, 3), _stopped(2), _event("Stopped", 2, 2), _in_use(False)],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("before", "command", "expected"), ROWS)
def test_what_a_command_tells_outside_a_call(before: list[Do], command: Do, expected: list[Told]) -> None:
    def story(room: Room) -> None:
        for name, arguments in before:
            room.do(f"Presentation {name}", **arguments)
        room.tell()
        assert room.do(f"Presentation {command[0]}", **command[1]) is None
        assert room.tell() == expected

    play(story)


@pytest.mark.parametrize(
    ("before", "command", "arguments", "reason"),
    [
        ([], "Start", {}, "No presentation source is connected"),
        ([], "Start", {"ConnectorId": 6}, "There is no connector 6; there are 1, 2, 3, 4, 5"),
        ([], "Start", {"PresentationSource": "AirPlay"}, "AirPlay is not active"),
        ([], "Start", {"PresentationSource": [1, "Remote"]}, "Remote is not active"),
        ([], "Start", {"PresentationSource": "None"}, "No source"),
        ([], "Start", {"PresentationSource": "WebView", "WebViewId": 3}, "There is no web view 3"),
        ([], "Start", {"PresentationSource": 1, "ConnectorId": 1}, "either ConnectorId or PresentationSource"),
        (
            [("Start", {"ConnectorId": 2, "Instance": "New"})] * 6,
            "Start",
            {"ConnectorId": 2, "Instance": "New"},
            "All 6",
        ),
        ([], "Stop", {"Instance": 2}, "There is no presentation instance 2"),
        ([ONE], "Stop", {"PresentationSource": 2}, "Source 2 is not shared"),
        ([ONE], "Stop", {"WebViewId": 2}, "Web view 2 is not shared"),
    ],
)
def test_what_refuses_a_command(before: list[Do], command: str, arguments: dict[str, Any], reason: str) -> None:
    def story(room: Room) -> None:
        for name, given_ in before:
            room.do(f"Presentation {name}", **given_)
        assert reason in refused(room, f"Presentation {command}", **arguments)

    play(story)


def test_without_a_name_the_first_plugged_source_is_taken() -> None:
    def story(room: Room) -> None:
        room.senses.video.plug(4, 1_920, 1_080)
        room.senses.video.plug(3, 1_920, 1_080)
        room.do("Presentation Start")
        assert room.get(f"{INSTANCE} 1 Source") == 3

    play(story)


def test_a_source_that_is_pulled_out_ends_its_shares_only() -> None:
    def story(room: Room) -> None:
        room.senses.video.plug(3, 1_920, 1_080)
        room.do("Presentation Start", ConnectorId=3)
        room.do("Presentation Start", ConnectorId=2, Instance="New")
        room.tell()
        room.senses.video.unplug(3)
        assert room.tell()[1:] == [_stopped(1), _event("Stopped", 1, 3, "noSignal")]
        assert room.senses.presentation.is_sharing()

    play(story)


def test_a_share_into_a_call_is_told_to_whoever_owns_the_call() -> None:
    def story(room: Room) -> None:
        heard: list[Any] = []
        room.senses.presentation.on_shared = lambda *what: heard.append(("shared", *what))
        room.senses.presentation.on_unshared = lambda *what: heard.append(("unshared", *what))
        room.calls.add(2)
        room.do("Presentation Start", ConnectorId=3)
        assert room.get(f"{INSTANCE} 1 SendingMode") == "LocalRemote"
        room.do("Presentation Start", ConnectorId=2, SendingMode="LocalOnly", Instance="New")
        room.calls.clear()
        room.senses.call_ended()
        assert room.senses.presentation.is_sharing()
        room.do("Presentation Stop")
        assert not room.senses.presentation.is_sharing()
        assert heard == [("shared", 1, 3, "userRequested"), ("unshared", 1, 3, "disconnect")]
        assert [name for name, _ in room.tell() if name.startswith("Pres")] == [
            "PresentationPreviewStarted",
            "PresentationPreviewStopped",
        ]

    play(story)


def test_only_a_share_that_begins_or_ends_is_a_change() -> None:
    def story(room: Room) -> None:
        heard: list[bool] = []
        room.senses.presentation.on_change = heard.append
        room.do("Presentation Stop")
        room.do("Presentation Start", ConnectorId=3)
        room.do("Presentation Start", ConnectorId=2, Instance="New")
        room.senses.presentation.source_gone(4)
        room.do("Presentation Stop", Instance=1)
        room.do("Presentation Stop")
        assert heard == [True, True, True, False]

    play(story)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("Start"), st.sampled_from(["", "New", "1", "2", "6"]), st.integers(1, 5)),
        st.tuples(st.just("Stop"), st.sampled_from(["", "1", "2", "3"]), st.none()),
    ),
    max_size=20,
)


@given(STEPS)
def test_every_share_that_starts_is_one_that_stops(steps: list[tuple[str, str, int | None]]) -> None:
    def story(room: Room) -> None:
        running: dict[int, int] = {}
        for what, instance, source in steps:
            arguments: dict[str, Any] = {"Instance": instance} if instance else {}
            if source is not None:
                arguments["ConnectorId"] = source
            is_full = instance == "New" and len(running) == 6
            is_missing = what == "Stop" and instance and int(instance) not in running
            if is_full or is_missing:
                refused(room, f"Presentation {what}", **arguments)
                continue
            room.tell()
            room.do(f"Presentation {what}", **arguments)
            for name, fields in room.tell():
                if name == "PresentationPreviewStarted":
                    assert fields["Instance"] not in running
                    running[fields["Instance"]] = fields["LocalSource"]
                elif name == "PresentationPreviewStopped":
                    assert running.pop(fields["Instance"]) == fields["LocalSource"]
            shown = {
                n: room.get(f"{INSTANCE} {n} Source")
                for n in range(1, 7)
                if room.get(f"{INSTANCE} {n} Source") is not None
            }
            assert shown == running
            assert room.get("RoomAnalytics RoomInUse") == str(bool(running))

    play(story)
