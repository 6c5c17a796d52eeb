"""Which bookings a list asks for: against a naive model, in zones whose days are not all of 24 hours."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from endpoint.room.bookings.booking import Booking, Source
from endpoint.room.bookings.listing import Asked, page, select
from endpoint.room.bookings.marks import Rules, midnight
from endpoint.room.bookings.store import BookingStore

OSLO = ZoneInfo("Europe/Oslo")
ZONES = (
    "Etc/UTC",
    "Europe/Oslo",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Asia/Beirut",
    "America/Havana",
    "Pacific/Apia",
)
SPRING = datetime(2026, 3, 29, 10, 0, tzinfo=UTC)
"""Sunday on which clocks go forward in Europe."""


def booking(starts: datetime, minutes: float) -> Booking:
    return Booking(source=Source.CLOUD, starts=starts, ends=starts + timedelta(minutes=minutes))


def days_of(one: Booking, zone: ZoneInfo) -> set[date]:
    """Return the days of a room that a booking touches: looked at minute by minute, without any midnight."""
    instant, found = one.starts, {one.starts.astimezone(zone).date()}
    while instant < one.ends:
        found.add(instant.astimezone(zone).date())
        instant += timedelta(minutes=1)
    return found


INSTANTS = st.integers(-2 * 24 * 60, 4 * 24 * 60).map(lambda minutes: SPRING + timedelta(minutes=minutes))
BOOKINGS = st.lists(st.builds(booking, INSTANTS, st.integers(0, 26 * 60)), max_size=8)
ASKED = st.builds(
    Asked,
    day_offset=st.none() | st.integers(0, 4),
    days=st.none() | st.integers(1, 4),
    schedule=st.sampled_from(["", "Current", "Upcoming"]),
    account=st.sampled_from(["", "Shared", "Personal", "SharedAndPersonal"]),
)


@given(BOOKINGS, ASKED, INSTANTS, st.sampled_from(ZONES).map(ZoneInfo))
@example([booking(SPRING - timedelta(hours=11, minutes=5), 1)], Asked(days=1), SPRING, OSLO)  # 23:55 of the day before
def test_a_list_has_what_a_naive_model_finds(
    bookings: list[Booking], asked: Asked, now: datetime, zone: ZoneInfo
) -> None:
    store = BookingStore()
    for one in bookings:
        store.add(one)
    today = now.astimezone(zone).date()
    first = today + timedelta(days=asked.day_offset or 0)
    expected = []
    for one in sorted(store, key=lambda one: (one.starts, one.number)):
        touched = days_of(one, zone)
        if asked.day_offset is not None or asked.days is not None:
            last = date.max if asked.days is None else first + timedelta(days=asked.days - 1)
            if not any(first <= day <= last for day in touched):
                continue
        is_running, is_ahead = one.starts <= now < one.ends, one.starts > now
        if asked.account == "Personal":
            continue
        if (asked.schedule == "Current" and not is_running) or (asked.schedule == "Upcoming" and not is_ahead):
            continue
        expected.append(one)
    assert select(store, asked, now, zone) == expected


@given(
    st.lists(st.integers(), max_size=6).map(lambda rows: [booking(SPRING, 1) for _ in rows]),
    st.integers(0, 8),
    st.none() | st.integers(1, 8),
)
def test_pages_put_together_are_the_list(found: list[Booking], offset: int, limit: int | None) -> None:
    if limit is None:
        assert page(found, offset, None) == found[offset:]
        return
    joined: list[Booking] = []
    for begin in range(0, 10 * limit, limit):
        joined += page(found, begin, limit)
    assert joined == found


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Oslo", "2026-03-29", 23),
        ("Europe/Oslo", "2026-10-25", 25),
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
        ("Asia/Beirut", "2026-03-29", 23),
        ("America/Havana", "2026-11-01", 25),
        ("Etc/UTC", "2026-03-29", 24),
    ],
)
def test_days_on_which_the_clock_is_set_are_longer_or_shorter(zone: str, day: str, hours: float) -> None:
    place = ZoneInfo(zone)
    noon = datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=place).astimezone(UTC)
    assert midnight(noon, place, 1) - midnight(noon, place, 0) == timedelta(hours=hours)
    assert midnight(noon, place, 0).astimezone(place).date() == noon.astimezone(place).date()


def test_the_last_day_of_the_calendar_is_no_error() -> None:
    late = datetime(9999, 12, 31, 12, 0, tzinfo=UTC)
    ending = Booking(source=Source.CLOUD, starts=late, ends=late + timedelta(hours=1))
    assert select([ending], Asked(day_offset=0, days=365), late, OSLO) == [ending]


def test_there_is_no_day_behind_the_last_one() -> None:
    last = datetime(9999, 12, 31, 12, tzinfo=UTC)
    assert Rules(zone=OSLO).next_midnight(last) == midnight(last, OSLO, 1) == datetime.max.replace(tzinfo=UTC)
