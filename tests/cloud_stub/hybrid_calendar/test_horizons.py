"""How far ahead meetings are seen: rows O62 and L15's neighbours of protocol 7.3."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_stub.hybrid_calendar.horizons import Reach, add_months, is_stored, next_job, reach, store_window

INSTANTS = st.integers(0, 36_500 * 86_400).map(lambda n: datetime(2000, 1, 1, tzinfo=UTC) + timedelta(seconds=n))


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "months", "then"),
    [
        ("2026-01-31", 1, "2026-02-28"),
        ("2028-01-31", 1, "2028-02-29"),
        ("2026-08-31", 6, "2027-02-28"),
        ("2026-11-21T16:00", 5, "2027-04-21T16:00"),
        ("2026-12-01", 12, "2027-12-01"),
    ],
)
def test_months_are_calendar_months(at: str, months: int, then: str) -> None:
    assert add_months(day(at), months) == day(then)


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("2026-08-01T08:59:59", Reach.NOW),
        ("2026-08-01T09:00", Reach.DAILY),
        ("2026-09-01T08:59:59", Reach.DAILY),
        ("2026-09-01T09:00", Reach.LATER),
        ("2025-01-01", Reach.NOW),
    ],
)
def test_office_365_makes_far_meetings_wait(start: str, expected: Reach) -> None:
    now = day("2026-03-01T09:00")
    assert reach(day(start), now, has_window=True) is expected
    assert reach(day(start), now, has_window=False) is Reach.NOW


@pytest.mark.parametrize(
    ("starts_in", "lasts", "holds"),
    [
        (timedelta(days=31), timedelta(hours=1), True),
        (timedelta(days=31, seconds=1), timedelta(hours=1), False),
        (timedelta(days=-7, hours=-1), timedelta(hours=1), False),
        (timedelta(days=-7, hours=-1), timedelta(hours=1, seconds=1), True),
    ],
)
def test_the_store_spans_7_days_back_to_31_ahead(starts_in: timedelta, lasts: timedelta, holds: bool) -> None:
    now = day("2026-03-01T09:00")
    assert is_stored(now + starts_in, now + starts_in + lasts, now) is holds


@given(INSTANTS)
def test_the_daily_job_is_at_midnight_utc_within_a_day(now: datetime) -> None:
    job = next_job(now)
    assert timedelta(0) < job - now <= timedelta(days=1)
    assert (job.hour, job.minute, job.second, job.microsecond) == (0, 0, 0, 0)


@given(INSTANTS, st.integers(0, 500))
def test_what_the_store_holds_was_picked_up(now: datetime, hours: int) -> None:
    first, last = store_window(now)
    start = min(first + timedelta(hours=hours), last)
    assert reach(start, now, has_window=True) is Reach.NOW
