"""The time line: the table, what is told when, moves, jumps, one timer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from endpoint.room.bookings.booking import Booking, Source
from endpoint.room.bookings.marks import Rank, Rules, marks
from endpoint.room.bookings.timeline_table import (
    TABLE,
    After,
    Done,
    During,
    Early,
    Left,
    Near,
    State,
    Tell,
    TellRemaining,
)
from tests.endpoint.cloud.tables import Row, walk
from tests.endpoint.room.bookings.diary import HOUR, MINUTE, NOW, Diary, pushed

AHEAD, NEAR, RUNNING, OVER, PAST = State
BUFFER, START, END, END_BUFFER = Tell("StartTimeBuffer"), Tell("Start"), Tell("End"), Tell("EndTimeBuffer")

ROWS: list[Row[State]] = [
    *[(state, Early, AHEAD, ()) for state in State],
    *[(state, Near, NEAR, () if state is NEAR else (BUFFER,)) for state in State],
    *[(state, During, RUNNING, () if state is RUNNING else (START,)) for state in State],
    *[(state, After, OVER, (END,) if state is RUNNING else ()) for state in State],
    *[(state, Done, PAST, ()) for state in (AHEAD, NEAR, PAST)],
    (RUNNING, Done, PAST, (END,)),
    (OVER, Done, PAST, (END_BUFFER,)),
    *[(state, Left(60), state, (TellRemaining(60),) if state is RUNNING else ()) for state in State],
]


def test_the_table() -> None:
    walk(TABLE, ROWS)


def told(diary: Diary, until_minutes: int) -> list[tuple[float, str]]:
    """Return minutes after eight and names of what is told until then."""
    found: list[tuple[float, str]] = []
    while (diary.now - NOW) < until_minutes * MINUTE:
        for event, fields in diary.advance(seconds=30):
            found.append(((diary.now - NOW) / MINUTE, f"{event} {fields.get('Seconds', fields.get('Id'))}"))
    return found


def test_the_life_of_a_booking() -> None:
    diary = Diary()
    diary.create("a", 60, 30)
    diary.tell()
    assert told(diary, 120) == [
        (55.0, "StartTimeBuffer webex-1"),
        (60.0, "Start webex-1"),
        *[(90.0 - left, f"TimeRemaining {left * 60}") for left in (5, 4, 3, 2, 1)],
        (90.0, "End webex-1"),
    ]


def test_the_end_says_when_it_was() -> None:
    diary = Diary()
    diary.create("a", 1, 30)
    [(_, fields)] = [one for one in diary.advance(minutes=31) if one[0] == "End"]
    assert fields == {
        "Id": "webex-1",
        "MeetingId": "a",
        "StartTime": "2026-03-02T08:01:00Z",
        "EndTime": "2026-03-02T08:31:00Z",
        "ScheduledDuration": 30,
    }


def test_what_falls_on_one_instant_has_an_order() -> None:
    diary = Diary(auto_lead_s=300)
    diary.bookings.replace_pushed([pushed("old", -20, 25, end_buffer_s=300)])  # its end buffer ends at 8:10
    diary.create("ends", -20, 30)  # ends at 8:10
    diary.create("starts", 10, 5)  # starts at 8:10 with five minutes left
    diary.create("next", 15, 30)  # its buffer begins at 8:10, as do button and automatic join
    diary.dialled.clear()
    diary.advance(minutes=9, seconds=59)
    names = [event for event, _ in diary.advance(seconds=1)]
    assert names == ["End", "EndTimeBuffer", "StartTimeBuffer", "Start", "TimeRemaining"]
    assert [dial.meeting_id for dial, _ in diary.dialled] == ["starts", "next"]


def test_short_meetings_have_no_more_minutes_left_than_they_last() -> None:
    diary = Diary()
    diary.create("a", 1, 2)
    seconds = [fields["Seconds"] for event, fields in diary.advance(minutes=10) if event == "TimeRemaining"]
    assert seconds == [120, 60]


@pytest.mark.parametrize(
    ("at", "length", "events", "state"),
    [
        (60, 30, [], AHEAD),
        (3, 30, ["StartTimeBuffer"], NEAR),
        (0, 30, ["Start"], RUNNING),
        (-10, 30, ["Start"], RUNNING),
        (-60, 30, [], PAST),
    ],
)
def test_a_booking_that_comes_late_is_put_where_the_clock_is(
    at: int, length: int, events: list[str], state: State
) -> None:
    diary = Diary()
    booking = diary.create("a", at, length)
    assert diary.bookings.timeline.state(booking.number) is state
    assert [event for event in diary.events() if event not in ("Updated", "BookingCreated")] == events


@pytest.mark.parametrize(
    ("change", "events", "current"),
    [
        ((0, 60), [], "webex-1"),  # extended
        ((-10, 30), [], "webex-1"),  # moved, and still running
        ((30, 30), [], ""),  # moved to later: it has not ended
        ((3, 30), ["StartTimeBuffer"], ""),
        ((-30, 30), ["End"], ""),  # over by now
    ],
)
def test_a_running_booking_is_moved(change: tuple[int, int], events: list[str], current: str) -> None:
    diary = Diary()
    diary.create("a", 0, 30)
    diary.tell()
    diary.update("a", *change)
    assert [event for event in diary.events() if event not in ("Updated", "BookingMoved")] == events
    assert diary.get("Current Id") == current


def test_minutes_left_follow_an_extension() -> None:
    diary = Diary()
    diary.create("a", 0, 10)
    diary.advance(minutes=6)  # 300 and 240 are told
    diary.update("a", 0, 20)
    told_ = [fields["Seconds"] for event, fields in diary.advance(minutes=20) if event == "TimeRemaining"]
    assert told_ == [300, 240, 180, 120, 60]


def test_a_booking_over_which_the_clock_jumps_is_not_told_of() -> None:
    diary = Diary()
    diary.create("a", 60, 30)
    diary.tell()
    diary.clock.jump_wall(3 * HOUR)
    assert diary.events() == []
    assert diary.get("Availability Status") == "Free"
    diary.clock.jump_wall(-2 * HOUR)
    assert diary.events() == ["Start"]
    assert diary.get("Current Id") == "webex-1"
    diary.clock.jump_wall(2 * HOUR)
    assert diary.events() == ["End"]


def test_the_button_is_right_after_a_jump_and_at_its_second_from_then_on() -> None:
    diary = Diary()
    diary.create("a", 60, 30)
    diary.clock.jump_wall(50 * MINUTE)
    assert diary.joinable == []
    diary.advance(minutes=4, seconds=59.999)
    assert diary.joinable == []
    diary.advance(seconds=0.001)
    assert diary.joinable == ["a"]
    diary.clock.set_wall(NOW)
    assert diary.joinable == []


def test_one_timer_for_a_thousand_bookings_and_none_for_none() -> None:
    diary = Diary()
    assert diary.time.waiting == 0
    for number in range(1_000):
        diary.create(f"m{number}", 60 + number, 30)
    assert diary.time.waiting == 1
    for number in range(1_000):
        diary.bookings.meeting_deleted(f"m{number}")
    assert diary.time.waiting == 0
    assert len(diary.bookings.timeline._heap) == 0


def test_what_comes_at_the_instant_of_a_start_finds_it_begun() -> None:
    diary = Diary()
    diary.create("a", 60, 30)
    diary.advance(minutes=59)
    shown: list[dict[str, object]] = []
    diary.status.listen(
        ("Bookings",), lambda changes: shown.append({path[-1]: value for path, value in changes.items()})
    )
    diary.time.now_s = 3600.0  # and its timer has not fired yet
    diary.create("b", 200, 30)
    assert (diary.joinable, diary.events()) == (["a"], ["Updated", "BookingCreated", "Start"])
    assert shown == [{"Id": "webex-1", "Status": "BookedUntil", "TimeStamp": "2026-03-02T09:30:00Z"}]
    assert diary.advance(seconds=1) == [], "nothing is told twice"


def test_a_change_at_the_instant_of_minutes_left_does_not_swallow_them() -> None:
    diary = Diary()
    diary.create("a", 60, 30)
    diary.advance(minutes=84)
    diary.time.now_s = 85 * 60.0  # and the timer has not fired yet
    diary.update("a", 60, 30, title="Other")
    diary.update("a", 60, 30, title="Another")
    diary.time.advance(timedelta(0))
    assert diary.events() == ["Updated", "TimeRemaining", "Updated"]


def test_what_moves_again_and_again_leaves_nothing_behind() -> None:
    diary = Diary()
    for number in range(2_000):
        diary.update("a", 60 + number % 7, 30)
    assert len(diary.bookings.timeline._heap) < 100


def test_a_work_day_of_forty_meetings() -> None:
    diary = Diary(auto_lead_s=60)
    for number in range(40):
        diary.create(f"m{number}", number * 15, 15)
    events = diary.events() + [event for event, _ in diary.advance(hours=11)]
    assert (events.count("Start"), events.count("End"), events.count("TimeRemaining")) == (40, 40, 200)
    assert len(diary.dialled) == 39, "the first one had begun"


def test_it_stops_with_the_device() -> None:
    diary = Diary()
    diary.create("a", 60, 30)
    diary.bookings.stop()
    assert diary.time.waiting == 0
    diary.tell()
    diary.clock.jump_wall(HOUR)
    assert diary.advance(hours=3) == []


def test_midnight_of_the_mailbox_is_the_start_of_an_all_day_meeting() -> None:
    oslo = ZoneInfo("Europe/Oslo")
    starts, ends = datetime(2026, 3, 29, tzinfo=oslo), datetime(2026, 3, 30, tzinfo=oslo)
    booking = Booking(source=Source.CLOUD, starts=starts.astimezone(UTC), ends=ends.astimezone(UTC), is_all_day=True)
    assert booking.minutes == 23 * 60, "the day on which the clocks go forward"
    found = {mark.rank: mark.at for mark in marks(booking, Rules()) if mark.rank in (Rank.START, Rank.END)}
    assert found[Rank.END] - found[Rank.START] == timedelta(hours=23)


@pytest.mark.parametrize("year", [1, 9999])
def test_the_ends_of_the_calendar_are_no_trouble(year: int) -> None:
    instant = datetime(year, 1, 1, tzinfo=UTC) if year == 1 else datetime(9999, 12, 31, 23, 59, tzinfo=UTC)
    diary = Diary(auto_lead_s=60, settings={"UserInterface Bookings Visibility EarlyJoin": "Auto"})
    diary.bookings.add(Booking(source=Source.ADHOC, starts=instant, ends=instant, end_buffer_s=300))
    diary.advance(hours=1)
    assert diary.joinable == []
    for zone in ("Pacific/Auckland", "America/Los_Angeles"):
        diary.zone = ZoneInfo(zone)
        diary.bookings.rules_changed()
        assert len(diary.bookings.rows()) == (year == 9999)
