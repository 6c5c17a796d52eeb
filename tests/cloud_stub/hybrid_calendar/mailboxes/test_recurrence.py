"""Rules and zones: patterns of Graph, RRULE, and the pitfalls of protocol/calendar-and-obtp.md 12.3."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given
from hypothesis import strategies as st

from cloud_stub.hybrid_calendar.mailboxes.errors import InvalidEvent, UnknownTimeZone
from cloud_stub.hybrid_calendar.mailboxes.recurrence import DAYS, INDEXES, check, from_rrule, to_rrule, walls
from cloud_stub.hybrid_calendar.mailboxes.zones import WINDOWS, iana, span, to_utc, to_wall, windows
from cloud_stub.platform.mailbox_records import Recurrence

NINE = datetime(2026, 1, 31, 9)


def first(recurrence: Recurrence, start: datetime, count: int) -> list[str]:
    return [f"{one:%m-%d}" for one in islice(walls(recurrence, start), count)]


@pytest.mark.parametrize(
    ("recurrence", "start", "days", "rule"),
    [
        (Recurrence(type="daily", interval=3), NINE, ["01-31", "02-03", "02-06"], "FREQ=DAILY;INTERVAL=3;WKST=SU"),
        (Recurrence(type="daily", count=2), NINE, ["01-31", "02-01"], "FREQ=DAILY;WKST=SU;COUNT=2"),
        (Recurrence(type="weekly", days=("monday", "friday"), first_day="monday", interval=2), NINE, ["02-09", "02-13", "02-23"],
         "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR;WKST=MO"),
        (Recurrence(type="absoluteMonthly", day_of_month=15), NINE, ["02-15", "03-15"], "FREQ=MONTHLY;BYMONTHDAY=15;WKST=SU"),
        (Recurrence(type="absoluteMonthly", day_of_month=31), NINE, ["01-31", "02-28", "03-31", "04-30"],
         "FREQ=MONTHLY;BYMONTHDAY=28,29,30,31;BYSETPOS=-1;WKST=SU"),
        (Recurrence(type="absoluteMonthly", day_of_month=29), NINE, ["02-28", "03-29"],
         "FREQ=MONTHLY;BYMONTHDAY=28,29;BYSETPOS=-1;WKST=SU"),
        (Recurrence(type="relativeMonthly", days=("tuesday",), index="second"), NINE, ["02-10", "03-10"],
         "FREQ=MONTHLY;BYDAY=2TU;WKST=SU"),
        (Recurrence(type="relativeMonthly", days=("friday",), index="last"), NINE, ["02-27", "03-27"], "FREQ=MONTHLY;BYDAY=-1FR;WKST=SU"),
        (Recurrence(type="relativeMonthly", days=tuple(DAYS)[:5], index="first"), NINE, ["02-02", "03-02", "04-01"],
         "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1;WKST=SU"),
        (Recurrence(type="absoluteYearly", month=2, day_of_month=29), NINE, ["02-28", "02-28", "02-29"],
         "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=28,29;BYSETPOS=-1;WKST=SU"),
        (Recurrence(type="relativeYearly", month=11, days=("thursday",), index="fourth"), NINE, ["11-26", "11-25"],
         "FREQ=YEARLY;BYMONTH=11;BYDAY=4TH;WKST=SU"),
        (Recurrence(type="daily", ends=date(2026, 2, 1)), NINE, ["01-31", "02-01"], "FREQ=DAILY;WKST=SU;UNTIL=20260201T225959Z"),
    ],
)  # fmt: skip
def test_patterns_and_their_rules(recurrence: Recurrence, start: datetime, days: list[str], rule: str) -> None:
    got = first(recurrence, start, len(days) + (recurrence.count == 2 or recurrence.ends is not None))
    assert got == days
    assert to_rrule(recurrence, "Europe/Oslo") == rule
    assert from_rrule(rule, start, "Europe/Oslo") == recurrence


rules = st.one_of(
    st.builds(Recurrence, type=st.just("daily")),
    st.builds(Recurrence, type=st.just("weekly"), days=st.lists(st.sampled_from(list(DAYS)), min_size=1, unique=True).map(tuple)),
    st.builds(Recurrence, type=st.just("absoluteMonthly"), day_of_month=st.integers(1, 31)),
    st.builds(
        Recurrence, type=st.just("relativeMonthly"), index=st.sampled_from(list(INDEXES)),
        days=st.lists(st.sampled_from(list(DAYS)), min_size=1, unique=True).map(tuple),
    ),
    st.builds(Recurrence, type=st.just("absoluteYearly"), day_of_month=st.integers(1, 31), month=st.integers(1, 12)),
    st.builds(
        Recurrence, type=st.just("relativeYearly"), index=st.sampled_from(list(INDEXES)), month=st.integers(1, 12),
        days=st.lists(st.sampled_from(list(DAYS)), min_size=1, unique=True).map(tuple),
    ),
)  # fmt: skip
limits = st.one_of(
    st.just({}), st.builds(lambda n: {"count": n}, st.integers(1, 999)),
    st.builds(lambda n: {"ends": date(2060, 1, 1) + timedelta(days=n)}, st.integers(0, 3000)),
)  # fmt: skip


@given(
    rule=rules, limit=limits, interval=st.integers(1, 12), first_day=st.sampled_from(list(DAYS)),
    zone=st.sampled_from(["Europe/Oslo", "America/New_York", "Australia/Lord_Howe", "Etc/UTC", "Pacific/Kiritimati"]),
    start=st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)),
)  # fmt: skip
def test_rules_survive_the_way_there_and_back(
    rule: Recurrence, limit: dict[str, Any], interval: int, first_day: str, zone: str, start: datetime
) -> None:
    recurrence = Recurrence(
        type=rule.type, days=rule.days, day_of_month=rule.day_of_month, index=rule.index, month=rule.month, interval=interval,
        first_day=first_day, **limit,
    )  # fmt: skip
    text = to_rrule(recurrence, zone)
    assert from_rrule(text, start, zone) == recurrence
    naive = ";".join(part for part in text.split(";") if not part.startswith("UNTIL"))
    start = start.replace(microsecond=0)
    wanted = [
        one
        for one in islice(rrulestr(naive, dtstart=start), 12)
        if recurrence.ends is None or one.date() <= recurrence.ends
    ]
    assert list(islice(walls(recurrence, start), 12)) == wanted


@given(text=st.one_of(st.text(max_size=60), st.lists(st.sampled_from(
    ["FREQ=DAILY", "FREQ=MONTHLY", "FREQ=YEARLY", "FREQ=WEEKLY", "BYDAY=MO", "BYDAY=2TU", "BYDAY=XX", "BYMONTHDAY=31", "BYMONTHDAY=-1",
     "BYSETPOS=-1", "BYSETPOS=9", "COUNT=3", "COUNT=x", "UNTIL=20270101", "UNTIL=99999999", "UNTIL=00010101T000000Z", "INTERVAL=0",
     "BYHOUR=3", "WKST=MO", "WKST=", "BYMONTH=13", "BYMONTH=²"]
), max_size=5).map(";".join)))  # fmt: skip
def test_any_text_is_a_rule_or_refused(text: str) -> None:
    try:
        recurrence = from_rrule(text, NINE, "Europe/Oslo")
    except InvalidEvent:
        return
    assert from_rrule(to_rrule(recurrence, "Europe/Oslo"), NINE, "Europe/Oslo") == recurrence


@pytest.mark.parametrize(
    "text",
    ["", "FREQ=HOURLY", "FREQ=MONTHLY;BYMONTHDAY=31", "FREQ=DAILY;BYHOUR=3", "FREQ=DAILY;COUNT=1;UNTIL=20270101", "FREQ=MONTHLY;BYDAY=MO",
     "FREQ=DAILY;FREQ=DAILY", "FREQ=DAILY;COUNT=1000", "FREQ=DAILY;UNTIL=20260101", "FREQ=DAILY;INTERVAL=-1"],
)  # fmt: skip
def test_rules_that_graph_has_no_pattern_for(text: str) -> None:
    with pytest.raises(InvalidEvent):
        from_rrule(text, NINE, "Europe/Oslo")


@pytest.mark.parametrize(
    "recurrence",
    [
        Recurrence(type="hourly"), Recurrence(type="daily", interval=0), Recurrence(type="weekly"),
        Recurrence(type="weekly", days=("mon",)),
        Recurrence(type="absoluteMonthly"), Recurrence(type="absoluteYearly", day_of_month=1), Recurrence(type="daily", count=1000),
        Recurrence(type="relativeMonthly", days=("monday",), index="fifth"), Recurrence(type="daily", ends=date(2026, 1, 1)),
        Recurrence(type="weekly", days=("monday",), ends=date(2026, 2, 1)),
    ],
)  # fmt: skip
def test_patterns_that_are_none(recurrence: Recurrence) -> None:
    with pytest.raises(InvalidEvent):
        check(recurrence, NINE)


# -- pitfalls of 12.3 ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["Mars Standard Time", "", "Europe/Atlantis", "../etc/passwd", "tzone://Microsoft/Custom", "W. Europe"]
)
def test_pitfall_1_unknown_zone_is_never_taken_for_utc(name: str) -> None:
    with pytest.raises(UnknownTimeZone, match="unknown_time_zone"):
        iana(name)


def test_every_windows_zone_has_an_iana_one_and_a_way_back() -> None:
    assert len(WINDOWS) >= 139
    for name, zone in WINDOWS.items():
        assert iana(name) == zone
        ZoneInfo(zone)
        assert iana(windows(zone)) == iana(windows(iana(windows(zone))))
    assert (iana("w. europe standard time"), windows("Europe/Oslo"), iana("UTC")) == (
        "Europe/Berlin",
        "W. Europe Standard Time",
        "Etc/UTC",
    )


def weekly(zone: str, start: datetime) -> list[str]:
    days = (tuple(DAYS)[start.weekday()],)
    return [f"{to_utc(wall, zone):%H:%M}" for wall in walls(Recurrence(type="weekly", days=days, count=3), start)]


@pytest.mark.parametrize(
    ("zone", "start", "utc"),
    [
        ("Europe/Oslo", datetime(2026, 3, 23, 9), ["08:00", "07:00", "07:00"]),  # pitfall 2
        ("Europe/Oslo", datetime(2026, 10, 19, 9), ["07:00", "08:00", "08:00"]),
        (
            "America/New_York",
            datetime(2026, 3, 2, 9),
            ["14:00", "13:00", "13:00"],
        ),  # pitfall 3: three weeks before Europe
        (
            "Australia/Lord_Howe",
            datetime(2026, 3, 30, 9),
            ["22:00", "22:30", "22:30"],
        ),  # pitfall 4: a step of 30 minutes
    ],
)
def test_pitfalls_2_to_4_a_series_keeps_its_wall_time(zone: str, start: datetime, utc: list[str]) -> None:
    assert weekly(zone, start) == utc


@pytest.mark.parametrize(
    ("zone", "wall", "utc"),
    [
        ("Europe/Oslo", datetime(2026, 10, 25, 2, 30), datetime(2026, 10, 25, 0, 30)),  # twice: the first
        ("Europe/Oslo", datetime(2026, 3, 29, 2, 30), datetime(2026, 3, 29, 1, 30)),  # never: 03:30
        ("Australia/Lord_Howe", datetime(2026, 10, 4, 2, 15), datetime(2026, 10, 3, 15, 45)),  # never: 02:45
        ("America/New_York", datetime(2026, 11, 1, 1, 30), datetime(2026, 11, 1, 5, 30)),
    ],
)
def test_pitfall_5_ambiguous_and_nonexistent_times(zone: str, wall: datetime, utc: datetime) -> None:
    assert to_utc(wall, zone) == utc.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("wall", "minutes", "lasts"),
    [
        (datetime(2026, 3, 29, 1, 30), 60, 60),  # into the gap
        (datetime(2026, 3, 29, 2, 45), 30, 30),  # its end would come before its start
        (datetime(2026, 3, 28, 23), 480, 420),
        (datetime(2026, 10, 24, 23), 480, 540),
        (datetime(2026, 3, 29), 1440, 1380),  # all-day, 23 hours
        (datetime(2026, 3, 30), 1440, 1440),
        (datetime(2026, 10, 25), 1440, 1500),
        (datetime(2026, 3, 29, 2, 30), 0, 0),
    ],
)
def test_what_lasts_on_the_wall_clock(wall: datetime, minutes: int, lasts: int) -> None:
    start, end = span(wall, timedelta(minutes=minutes), "Europe/Oslo")
    assert (end - start) // timedelta(minutes=1) == lasts


@given(
    wall=st.datetimes(datetime(1980, 1, 1), datetime(2060, 1, 1)), zone=st.sampled_from(sorted(set(WINDOWS.values())))
)
def test_wall_times_come_back_unless_a_gap_moved_them(wall: datetime, zone: str) -> None:
    back = to_wall(to_utc(wall, zone), zone)
    assert back == wall or timedelta(0) < back - wall <= timedelta(hours=24)
