"""Standby: the table, the delay and its count-down, what wakes, what keeps awake."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from endpoint.room.standby import (
    COUNT_DOWN_S,
    HALFWAKE_S,
    TABLE,
    CountDown,
    Doze,
    Ended,
    Idle,
    Moved,
    Postponed,
    Rest,
    Roused,
    Slept,
    State,
    Wait,
    Woken,
)
from endpoint.wire.xapi.nodes import Value
from tests.endpoint.cloud.tables import Row, walk
from tests.endpoint.room.room_ground import Room, play, refused

OFF, ENTERING, STANDBY, HALFWAKE = State

ROWS: list[Row[State]] = [
    (OFF, Idle, ENTERING, (CountDown,)),
    (OFF, Slept, STANDBY, (Rest,)),
    (OFF, Roused, HALFWAKE, (Doze,)),
    *[(OFF, event, OFF, (Wait,)) for event in (Woken, Moved, Postponed)],
    (ENTERING, Ended, STANDBY, (Rest,)),
    (ENTERING, Slept, STANDBY, (Rest,)),
    (ENTERING, Roused, HALFWAKE, (Doze,)),
    *[(ENTERING, event, OFF, (Wait,)) for event in (Woken, Moved, Postponed)],
    (STANDBY, Slept, STANDBY, ()),
    (STANDBY, Roused, HALFWAKE, (Doze,)),
    (STANDBY, Woken, OFF, (Wait,)),
    (STANDBY, Moved, HALFWAKE, (Doze,)),
    (STANDBY, Postponed, STANDBY, ()),
    (HALFWAKE, Ended, STANDBY, (Rest,)),
    (HALFWAKE, Slept, STANDBY, (Rest,)),
    (HALFWAKE, Roused, HALFWAKE, (Doze,)),
    (HALFWAKE, Woken, OFF, (Wait,)),
    (HALFWAKE, Moved, HALFWAKE, (Doze,)),
    (HALFWAKE, Postponed, HALFWAKE, (Doze,)),
]


def test_every_row_and_every_pair_without_one() -> None:
    for state, event, following, effects in ROWS:  # `walk` compares the effects' types
        assert all(isinstance(effect, type) for effect in effects), (state, event, following)
    walk(TABLE, ROWS)


def _shown(room: Room) -> tuple[Value | None, ...]:
    return tuple(room.get(path) for path in ("Standby State", "Standby Level", "SystemUnit State System"))


AWAKE = ("Off", "None", "Initialized")
ASLEEP = ("Standby", "Networked", "Sleeping")
HALF = ("Halfwake", "None", "Initialized")


def _begun(story: Callable[[Room], Awaitable[None] | None], configuration: dict[str, Value] | None = None) -> None:
    def begun(room: Room) -> Awaitable[None] | None:
        room.senses.start()
        return story(room)

    play(begun, configuration)


def _counted(room: Room) -> list[int]:
    return [fields["NameNotUsed"] for name, fields in room.told if name == "Standby SecondsToStandby"]


COMMANDS: list[tuple[list[str], str, tuple[str, ...], int]] = [
    ([], "Activate", ASLEEP, 1),
    (["Activate"], "Activate", ASLEEP, 0),
    (["Activate"], "Deactivate", AWAKE, 1),
    ([], "Deactivate", AWAKE, 0),
    ([], "Halfwake", HALF, 1),
    (["Activate"], "Halfwake", HALF, 1),
    (["Halfwake"], "Activate", ASLEEP, 1),
    (["Halfwake"], "Deactivate", AWAKE, 1),
    ([], "ResetTimer", AWAKE, 0),
    (["Activate"], "ResetTimer", ASLEEP, 0),
    (["Halfwake"], "ResetTimer", HALF, 0),
]


@pytest.mark.parametrize(("before", "command", "expected", "blocks"), COMMANDS)
def test_what_a_command_shows_in_one_block(
    before: list[str], command: str, expected: tuple[str, ...], blocks: int
) -> None:
    def story(room: Room) -> None:
        for name in before:
            room.do(f"Standby {name}")
        room.tell()
        assert room.do(f"Standby {command}") is None
        assert _shown(room) == expected
        assert len(room.tell()) == blocks

    _begun(story)


@pytest.mark.parametrize("minutes", [1, 10, 480])
def test_nobody_for_the_delay_and_the_device_counts_down_and_sleeps(minutes: int) -> None:
    async def story(room: Room) -> None:
        await room.clock.sleep(minutes * 60.0 - 31.0)
        assert _shown(room) == AWAKE
        await room.clock.sleep(1.5)
        assert _shown(room) == ("EnteringStandby", "None", "Initialized")
        assert _counted(room) == [30]
        await room.clock.sleep(29.0)
        assert _shown(room)[0] == "EnteringStandby"
        assert _counted(room) == list(COUNT_DOWN_S)
        await room.clock.sleep(1.0)
        assert _shown(room) == ASLEEP
        assert room.timers == []
        states = [event.data["to"] for event in room.trace.events if event.kind == "machine"]
        assert states == ["EnteringStandby", "Standby"]

    _begun(story, {"Standby Delay": minutes})


def test_the_count_down_is_told_at_its_seconds() -> None:
    async def story(room: Room) -> None:
        at: list[tuple[int, float]] = []
        room.told = _Clocked(room, at)
        await room.clock.sleep(61.0)
        assert [seconds for seconds, _ in at] == list(COUNT_DOWN_S)
        assert all(abs(60.0 - seconds - when_s) < 0.01 for seconds, when_s in at)

    _begun(story, {"Standby Delay": 1})


class _Clocked(list[Any]):
    """Notes when a second of the count-down is told."""

    def __init__(self, room: Room, at: list[tuple[int, float]]) -> None:
        super().__init__()
        self._room, self._at = room, at

    def append(self, told: Any) -> None:
        if told[0] == "Standby SecondsToStandby":
            self._at.append((told[1]["NameNotUsed"], self._room.clock.time()))
        super().append(told)


def test_a_touch_begins_the_delay_anew_without_a_timer_of_its_own() -> None:
    async def story(room: Room) -> None:
        made = room.time.made
        for _ in range(100):
            await room.clock.sleep(30.0)
            room.senses.standby.activity()
        assert room.time.made - made < 100 + 10  # the sleeps of this test, and a timer every ten minutes or so
        await room.clock.sleep(569.0)
        assert _shown(room) == AWAKE
        await room.clock.sleep(2.0)
        assert _shown(room)[0] == "EnteringStandby"
        room.senses.standby.activity()
        assert _shown(room) == AWAKE
        await room.clock.sleep(569.0)
        assert _shown(room) == AWAKE
        await room.clock.sleep(32.0)
        assert _shown(room) == ASLEEP
        room.senses.standby.activity()
        assert _shown(room) == AWAKE

    _begun(story)


def test_reset_timer_sets_the_delay_once_and_a_touch_never_shortens_it() -> None:
    async def story(room: Room) -> None:
        room.do("Standby ResetTimer", Delay=60)
        await room.clock.sleep(1_800.0)
        room.senses.standby.activity()
        await room.clock.sleep(1_799.0)
        assert _shown(room)[0] == "EnteringStandby"
        await room.clock.sleep(2.0)
        assert _shown(room) == ASLEEP
        room.do("Standby Deactivate")
        room.do("Standby ResetTimer", Delay=1)
        await room.clock.sleep(61.0)
        assert _shown(room) == ASLEEP
        room.do("Standby Deactivate")
        room.do("Standby ResetTimer")
        await room.clock.sleep(599.0)
        assert _shown(room)[0] == "EnteringStandby"
        room.do("Standby ResetTimer")
        assert _shown(room) == AWAKE

    _begun(story)


def test_control_off_keeps_awake_and_a_half_wake_half_awake() -> None:
    async def story(room: Room) -> None:
        assert room.timers == []
        await room.clock.sleep(86_400.0)
        assert _shown(room) == AWAKE
        room.do("Standby Halfwake")
        await room.clock.sleep(86_400.0)
        assert _shown(room) == HALF
        room.do("Standby Activate")
        assert _shown(room) == ASLEEP
        room.do("Standby Deactivate")
        room.set("Standby Control", "On")
        await room.clock.sleep(601.0)
        assert _shown(room) == ASLEEP
        room.do("Standby Deactivate")
        await room.clock.sleep(580.0)
        assert _shown(room)[0] == "EnteringStandby"
        room.set("Standby Control", "Off")
        assert _shown(room) == AWAKE
        assert room.timers == []

    _begun(story, {"Standby Control": "Off"})


def test_a_new_delay_counts_from_now() -> None:
    async def story(room: Room) -> None:
        await room.clock.sleep(500.0)
        room.set("Standby Delay", 2)
        await room.clock.sleep(119.0)
        assert _shown(room)[0] == "EnteringStandby"
        room.set("Standby Delay", 30)
        await room.clock.sleep(1_799.0)
        assert _shown(room)[0] == "EnteringStandby"
        await room.clock.sleep(2.0)
        assert _shown(room) == ASLEEP

    _begun(story)


def test_the_level_follows_its_configuration_also_while_asleep() -> None:
    def story(room: Room) -> None:
        room.do("Standby Activate")
        assert room.get("Standby Level") == "DisplayOff"
        room.set("Standby Level Networked Mode", "On")
        assert room.get("Standby Level") == "Networked"
        room.do("Standby Deactivate")
        room.tell()
        room.set("Standby Level Networked Mode", "Off")
        assert room.tell() == []

    _begun(story, {"Standby Level Networked Mode": "Off"})


def test_motion_wakes_by_half_and_nobody_puts_it_to_sleep_again() -> None:
    async def story(room: Room) -> None:
        room.do("Standby Activate")
        room.senses.analytics.people(2)
        assert _shown(room) == HALF
        await room.clock.sleep(HALFWAKE_S - 1.0)
        room.senses.standby.motion()
        await room.clock.sleep(HALFWAKE_S - 1.0)
        assert _shown(room) == HALF
        await room.clock.sleep(2.0)
        assert _shown(room) == ASLEEP
        room.senses.standby.motion()
        room.senses.standby.activity()
        assert _shown(room) == AWAKE

    _begun(story)


def test_motion_is_activity_too() -> None:
    async def story(room: Room) -> None:
        for _ in range(10):
            await room.clock.sleep(500.0)
            room.senses.analytics.presence(True)
        assert _shown(room) == AWAKE

    _begun(story)


@pytest.mark.parametrize(
    ("configuration", "wake"),
    [
        ({"Standby WakeupOnMotionDetection": "Off"}, lambda room: room.senses.analytics.people(2)),
        ({"Standby WakeupAtMeetingStart": "Off"}, lambda room: room.senses.standby.meeting_starts()),
    ],
)
def test_what_is_configured_not_to_wake_does_not(configuration: dict[str, Value], wake: Callable[[Room], None]) -> None:
    def story(room: Room) -> None:
        room.do("Standby Activate")
        wake(room)
        assert _shown(room) == ASLEEP

    _begun(story, configuration)


@pytest.mark.parametrize("why", ["meeting", "call"])
def test_a_meeting_and_a_call_wake_and_the_trace_says_which(why: str) -> None:
    def story(room: Room) -> None:
        room.do("Standby Activate")
        if why == "meeting":
            room.senses.standby.meeting_starts()
        else:
            room.senses.standby.wake(why)
        assert _shown(room) == AWAKE
        assert room.trace.events[-1].data == {
            "machine": "standby",
            "from": "Standby",
            "event": "Woken",
            "to": "Off",
            "why": why,
        }

    _begun(story)


def test_there_is_no_standby_in_a_call() -> None:
    async def story(room: Room) -> None:
        room.calls.add(2)
        assert refused(room, "Standby Activate") == "No standby in a call"
        assert refused(room, "Standby Halfwake") == "No standby in a call"
        await room.clock.sleep(7_200.0)
        assert _shown(room) == AWAKE
        assert _counted(room) == []
        room.calls.clear()
        room.senses.call_ended()
        await room.clock.sleep(601.0)
        assert _shown(room) == ASLEEP

    _begun(story)


def test_a_call_in_the_count_down_ends_it() -> None:
    async def story(room: Room) -> None:
        await room.clock.sleep(575.0)
        room.calls.add(2)
        room.senses.call_began()
        assert _shown(room) == AWAKE
        await room.clock.sleep(600.0)
        assert _shown(room) == AWAKE

    _begun(story)


def test_a_device_that_starts_is_not_called_sleeping() -> None:
    def story(room: Room) -> None:
        room.status.put(("SystemUnit", "State", "System"), "Initializing")
        room.do("Standby Activate")
        assert _shown(room) == ("Standby", "Networked", "Initializing")
        room.do("Standby Deactivate")
        assert _shown(room) == ("Off", "None", "Initializing")

    _begun(story)


def test_a_device_that_is_not_up_waits_for_nobody() -> None:
    async def story(room: Room) -> None:
        room.senses.standby.activity()
        room.set("Standby Delay", 1)
        await room.clock.sleep(7_200.0)
        assert _shown(room) == AWAKE
        assert room.timers == []

    play(story)


ACTS = st.sampled_from(
    [
        "Activate",
        "Deactivate",
        "Halfwake",
        "ResetTimer",
        "activity",
        "motion",
        "call",
        "no call",
        "Control On",
        "Control Off",
        "share",
    ]
)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.floats(0.0, 700.0), ACTS), max_size=15))
def test_whatever_happens_there_is_one_timer_and_it_sleeps_in_the_end(story_of: list[tuple[float, str]]) -> None:
    async def story(room: Room) -> None:
        for wait_s, act in story_of:
            await room.clock.sleep(wait_s)
            _act(room, act)
            assert len(room.timers) <= 1
            assert (_shown(room)[0] == "Standby") == (_shown(room)[2] == "Sleeping")
            if room.calls:
                assert _shown(room)[0] != "Standby"
        room.calls.clear()
        room.do("Presentation Stop")
        room.set("Standby Control", "On")
        room.senses.standby.activity()
        await room.clock.sleep(601.0)
        assert _shown(room) == ASLEEP
        assert room.timers == []

    _begun(story)


def _act(room: Room, act: str) -> None:
    match act:
        case "activity":
            room.senses.standby.activity()
        case "motion":
            room.senses.standby.motion()
        case "call":
            room.calls.add(2)
            room.senses.call_began()
        case "no call" if room.calls:
            room.calls.clear()
            room.senses.call_ended()
        case "share":
            room.do("Presentation Start", ConnectorId=3)
        case "Control On" | "Control Off":
            room.set("Standby Control", act.split(" ")[1])
        case "Activate" | "Halfwake" if room.calls:
            assert "call" in refused(room, f"Standby {act}")
        case "no call":
            pass
        case _:
            room.do(f"Standby {act}")
