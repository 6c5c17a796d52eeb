"""Time sources, wall clocks and instants. No test waits: every loop here is virtual."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.runtime.clock import (
    CANCELLED_MAX,
    LOOK_AGAIN_S,
    STANDS_STILL_PPM,
    Clock,
    LoopTime,
    ScaledTime,
    SteppedTime,
    cpu_seconds,
    iso_ms,
    machine_now,
    parse_iso,
    real_seconds,
)
from endpoint.runtime.virtual import run
from tests.endpoint.runtime.ground import START, Ground

HOUR = timedelta(hours=1)


def _stepped(**how: bool) -> tuple[SteppedTime, Clock]:
    source = SteppedTime(asyncio.get_running_loop(), start=START, **how)
    return source, Clock(source)


# -- sources --


def test_loop_time_counts_from_its_own_start() -> None:
    async def main() -> None:
        await asyncio.sleep(100)
        clock = Clock(LoopTime(asyncio.get_running_loop(), START))
        assert clock.time() == 0
        await clock.sleep(2.5)
        assert clock.time() == 2.5
        assert clock.now() == START + timedelta(seconds=2.5)

    run(main)


def test_a_source_without_a_start_begins_now() -> None:
    async def main() -> None:
        loop, before = asyncio.get_running_loop(), machine_now()
        for source in (LoopTime(loop), ScaledTime(loop, 2), SteppedTime(loop)):
            assert before <= source.start <= machine_now()
            assert source.start.tzinfo is UTC

    run(main)


@pytest.mark.parametrize("delay_s", [0.0, -5.0, -1e9])
def test_what_is_due_fires_at_once(delay_s: float) -> None:
    async def main() -> None:
        clock = Ground().clock
        await clock.sleep(10)
        await clock.sleep(delay_s)
        assert clock.time() == 10

    run(main)


@pytest.mark.parametrize("factor", [0, -1, 1000.5, float("inf"), float("nan")])
def test_accelerated_time_has_a_factor_within_bounds(factor: float) -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match="above 0 and at most 1000"):
            ScaledTime(asyncio.get_running_loop(), factor)

    run(main)


def test_accelerated_seconds_pass_faster_than_those_of_the_loop() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(7)
        clock = Clock(ScaledTime(loop, 60, START))
        await clock.sleep(3600)
        assert loop.time() == 7 + 60
        assert clock.time() == 3600
        assert clock.now() == START + HOUR

    run(main)


# -- stepped time --


def test_frozen_time_stands_still_and_holds_its_timers() -> None:
    async def main() -> None:
        _, clock = _stepped()
        fired: list[str] = []
        clock.call_later(1, fired.append, "later")
        clock.call_later(0, fired.append, "now")
        await asyncio.sleep(1000)
        assert clock.time() == 0
        assert clock.now() == START
        assert fired == ["now"]

    run(main)


def test_a_jump_fires_timers_in_order_each_at_its_own_second() -> None:
    async def main() -> None:
        source, clock = _stepped()
        fired: list[tuple[str, float]] = []

        def note(name: str) -> None:
            fired.append((name, clock.time()))

        for delay_s, name in ((30, "c"), (10, "a"), (30, "d"), (20, "b"), (31, "too late")):
            clock.call_later(delay_s, note, name)
        await source.advance(30)
        assert fired == [("a", 10), ("b", 20), ("c", 30), ("d", 30)]
        assert clock.time() == 30
        await source.advance(0)
        assert clock.time() == 30
        await source.advance(0.5)
        assert (clock.time(), len(fired)) == (30.5, 4)
        await source.advance(0.5)
        assert fired[-1] == ("too late", 31)

    run(main)


def test_timers_made_by_timers_fire_within_the_same_jump() -> None:
    async def main() -> None:
        source, clock = _stepped()
        beats: list[float] = []

        def beat() -> None:
            beats.append(clock.time())
            clock.call_later(15, beat)

        clock.call_later(15, beat)
        await source.advance(100)
        assert beats == [15, 30, 45, 60, 75, 90]
        assert clock.time() == 100

    run(main)


def test_what_a_timer_wakes_goes_on_at_that_second() -> None:
    async def main() -> None:
        source, clock = _stepped()
        woken: list[float] = []

        async def sleeper() -> None:
            for _ in range(3):
                await asyncio.wait_for(asyncio.shield(asyncio.ensure_future(clock.sleep(0.1))), None)
                woken.append(clock.time())

        task = asyncio.ensure_future(sleeper())
        await asyncio.sleep(0)
        await source.advance(0.3)  # 0.1 three times is more than 0.3 in floats; on the microsecond grid it is not
        assert woken == [0.1, 0.2, 0.3]
        await task

    run(main)


def test_a_jump_waits_until_all_is_settled() -> None:
    async def main() -> None:
        source, clock = _stepped()
        told: list[Any] = []

        async def settle() -> None:
            told.append(clock.time())
            await asyncio.sleep(3)  # of the loop, not of this clock

        clock.call_later(1, told.append, "one")
        clock.call_later(2, told.append, "two")
        await source.advance(5, settle)
        assert told == [0, "one", 1, "two", 2]

    run(main)


def test_time_never_goes_back() -> None:
    async def main() -> None:
        source, clock = _stepped()
        with pytest.raises(ValueError, match="never goes back"):
            await source.advance(-1)
        assert clock.time() == 0

    run(main)


def test_a_cancelled_timer_never_fires_and_is_not_carried_along() -> None:
    async def main() -> None:
        source, clock = _stepped()
        fired: list[int] = []
        kept = [clock.call_later(5, fired.append, number) for number in range(10)]
        for number in range(20 * CANCELLED_MAX):
            clock.call_later(3600, fired.append, number).cancel()
        assert len(source._heap) <= 3 * CANCELLED_MAX
        kept[3].cancel()
        kept[3].cancel()
        await source.advance(7200)
        assert fired == [0, 1, 2, 4, 5, 6, 7, 8, 9]
        kept[0].cancel()  # harmless after it has fired

    run(main)


def test_a_timer_that_fails_is_reported_and_stops_no_other() -> None:
    async def main() -> None:
        ground = Ground()
        source, clock = _stepped()
        fired: list[str] = []
        clock.call_later(0, lambda: 1 / 0)
        clock.call_later(0, fired.append, "by itself")
        clock.call_later(1, lambda: 1 / 0)
        clock.call_later(2, fired.append, "by a jump")
        await asyncio.sleep(1)
        await source.advance(2)
        assert fired == ["by itself", "by a jump"]
        assert [type(failure["exception"]) for failure in ground.failures] == [ZeroDivisionError, ZeroDivisionError]

    run(main)


def test_a_stepped_timer_runs_in_the_context_that_planned_it() -> None:
    async def main() -> None:
        source, clock = _stepped()
        cause: ContextVar[str] = ContextVar("cause", default="none")
        seen: list[str] = []
        cause.set("planner")
        clock.call_later(1, lambda: seen.append(cause.get()))
        cause.set("whoever jumps")
        await source.advance(1)
        assert seen == ["planner"]

    run(main)


def test_running_stepped_time_passes_at_the_rate_of_the_loop_and_jumps_besides() -> None:
    async def main() -> None:
        source, clock = _stepped(frozen=False)
        fired: list[float] = []
        for delay_s in (5, 10, 3600, 3610):
            clock.call_later(delay_s, lambda: fired.append(clock.time()))
        await asyncio.sleep(10)
        assert fired == [5, 10]
        await source.advance(3595)
        assert clock.time() == 3605
        assert fired == [5, 10, 3600]
        await asyncio.sleep(5)
        assert fired == [5, 10, 3600, 3610]

    run(main)


def test_a_jump_past_a_timer_that_the_loop_waits_for_fires_it_once() -> None:
    async def main() -> None:
        source, clock = _stepped(frozen=False)
        fired: list[float] = []
        clock.call_later(5, lambda: fired.append(clock.time()))
        await source.advance(20)
        await asyncio.sleep(100)
        assert fired == [5]

    run(main)


# -- wall clocks --


def test_putting_the_wall_clock_wrong_moves_neither_durations_nor_timers() -> None:
    async def main() -> None:
        ground = Ground()
        other = Clock(ground.clock.source, skew=-HOUR)
        sleeping = asyncio.ensure_future(ground.clock.sleep(10))
        await asyncio.sleep(0)
        assert other.now() == START - HOUR
        ground.clock.set_wall(datetime(1999, 1, 1, tzinfo=UTC))
        other.jump_wall(2 * HOUR)
        assert (ground.clock.now().year, ground.clock.time()) == (1999, 0)
        await sleeping
        assert ground.clock.time() == 10
        assert ground.clock.now() == datetime(1999, 1, 1, 0, 0, 10, tzinfo=UTC)
        assert other.now() == START + HOUR + timedelta(seconds=10)

    run(main)


def test_a_clock_that_drifts_gains_or_loses_from_then_on_and_keeps_what_it_gained() -> None:
    async def main() -> list[float]:
        ground = Ground()
        clock, told = ground.clock, list[str]()
        clock.watch(lambda: told.append("told"))
        offsets = []
        for ppm in (10_000, 0, STANDS_STILL_PPM, 0):
            clock.run_at(ppm)
            await asyncio.sleep(100)
            offsets.append((clock.now() - START).total_seconds() - clock.time())
        assert told == ["told"] * 4
        with pytest.raises(ValueError, match="stands still at most"):
            clock.run_at(STANDS_STILL_PPM - 1)
        return offsets

    assert run(main) == [1, 1, -99, -99]


@given(st.integers(-999_000, 1_000_000), st.integers(1, 3_000))
def test_an_instant_of_a_clock_that_drifts_is_waited_for_exactly(ppm: int, ahead_s: int) -> None:
    async def main() -> None:
        clock = Ground().clock
        clock.run_at(ppm)
        instant = clock.now() + timedelta(seconds=ahead_s)
        wait_s = clock.until_s(instant)
        assert wait_s <= LOOK_AGAIN_S
        await asyncio.sleep(wait_s)
        if wait_s < LOOK_AGAIN_S:
            assert timedelta(0) <= clock.now() - instant < timedelta(microseconds=10)

    run(main)


def test_the_trace_is_stamped_by_a_clock_that_stands_still() -> None:
    async def main() -> list[str]:
        ground = Ground()
        ground.clock.run_at(STANDS_STILL_PPM)
        ground.trace.event("device:room", "note")
        await asyncio.sleep(90)
        ground.trace.event("device:room", "note")
        return [event.at for event in ground.trace.events]

    first, second = run(main)
    assert first == second


def test_the_wall_is_set_to_an_instant_in_any_zone() -> None:
    async def main() -> None:
        clock = Ground().clock
        instant = datetime(2022, 4, 24, 13, 58, 15, 538000, timezone(timedelta(hours=-5)))
        clock.set_wall(instant)
        assert clock.now() == instant
        assert clock.now().tzinfo is UTC

    run(main)


@given(st.lists(st.floats(0, 1e5), min_size=1, max_size=20))
def test_wall_time_is_on_the_microsecond_grid(delays_s: list[float]) -> None:
    async def main() -> None:
        clock = Ground().clock
        expected_us = 0
        for delay_s in delays_s:
            expected_us = round(clock.time() * 1e6 + delay_s * 1e6)
            await clock.sleep(delay_s)
            assert abs((clock.now() - START) // timedelta(microseconds=1) - expected_us) <= 1
            assert round(clock.time() * 1e6) == (clock.now() - START) // timedelta(microseconds=1)

    run(main)


# -- deadlines --


def test_a_timeout_ends_the_block_at_its_second() -> None:
    async def main() -> None:
        clock = Ground().clock
        with pytest.raises(TimeoutError):
            async with clock.timeout(2.5):
                await clock.sleep(60)
        assert clock.time() == 2.5
        async with clock.timeout(2.5):
            await clock.sleep(1)
        await clock.sleep(60)  # nothing of the timeouts is left over
        assert clock.time() == 63.5

    run(main)


def test_a_timeout_of_none_never_ends_the_block() -> None:
    async def main() -> float:
        clock = Ground().clock
        async with clock.timeout(None):
            await clock.sleep(1e6)
        return clock.time()

    assert run(main) == 1e6


@pytest.mark.parametrize(("outer_s", "inner_s", "ended"), [(1, 5, "outer"), (5, 1, "inner"), (3, 3, "outer")])
def test_the_shorter_of_two_timeouts_wins(outer_s: float, inner_s: float, ended: str) -> None:
    async def main() -> str:
        clock = Ground().clock
        try:
            async with clock.timeout(outer_s):
                try:
                    async with clock.timeout(inner_s):
                        await clock.sleep(60)
                except TimeoutError:
                    return "inner"
        except TimeoutError:
            return "outer"
        return "none"

    assert run(main) == ended


def test_an_error_of_the_block_passes_through_a_timeout() -> None:
    async def main() -> None:
        clock = Ground().clock
        with pytest.raises(ZeroDivisionError):
            async with clock.timeout(5):
                _ = 1 / 0
        task = asyncio.ensure_future(_wait_within(clock, 5))
        await clock.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert clock.time() == 1

    run(main)


async def _wait_within(clock: Clock, delay_s: float) -> None:
    async with clock.timeout(delay_s):
        await asyncio.get_running_loop().create_future()


def test_a_timeout_follows_stepped_time() -> None:
    async def main() -> None:
        source, clock = _stepped()
        task = asyncio.ensure_future(_wait_within(clock, 30))
        await asyncio.sleep(100)
        assert not task.done()
        await source.advance(30)
        with pytest.raises(TimeoutError):
            await task
        assert clock.time() == 30

    run(main)


def test_a_cancelled_sleep_leaves_no_timer() -> None:
    async def main() -> None:
        source, clock = _stepped()
        task = asyncio.ensure_future(clock.sleep(5))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await source.advance(5)
        assert task.cancelled()

    run(main)


# -- instants as text --


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (datetime(2022, 4, 26, 13, 15, tzinfo=UTC), "2022-04-26T13:15:00.000Z"),
        (datetime(2022, 4, 26, 13, 15, 0, 999_999, tzinfo=UTC), "2022-04-26T13:15:00.999Z"),
        (datetime(2022, 4, 24, 13, 58, 15, 538_000, timezone(timedelta(hours=-5))), "2022-04-24T18:58:15.538Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00.000Z"),
    ],
)
def test_instants_print_as_the_cloud_does(instant: datetime, text: str) -> None:
    assert iso_ms(instant) == text


@pytest.mark.parametrize(
    "text",
    ["2022-04-24T18:58:15.538Z", "2022-04-24T13:58:15.538-05:00", "2022-04-24T18:58:15.538000+00:00", "20220424T185815.538Z"],
)  # fmt: skip
def test_an_instant_reads_in_every_zone(text: str) -> None:
    assert parse_iso(text) == datetime(2022, 4, 24, 18, 58, 15, 538_000, UTC)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2022-04-24T18:58:15", "no zone"),
        ("2022-04-24", "no zone"),
        ("tomorrow", "Invalid isoformat"),
        ("", "Invalid isoformat"),
        ("0001-01-01T00:00:00+23:59", "outside the years"),
        ("9999-12-31T23:59:59-01:00", "outside the years"),
    ],
)
def test_what_is_no_instant_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_iso(text)


@given(st.datetimes(timezones=st.just(UTC)))
def test_printing_and_reading_an_instant_loses_less_than_a_millisecond(instant: datetime) -> None:
    assert timedelta(0) <= instant - parse_iso(iso_ms(instant)) < timedelta(milliseconds=1)


@given(st.text() | st.from_regex(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?(Z|[+-]\d\d:\d\d)?", fullmatch=True))
def test_any_text_is_an_aware_instant_or_a_value_error(text: str) -> None:
    try:
        instant = parse_iso(text)
    except ValueError:
        return
    assert instant.tzinfo is UTC


def test_the_machine_is_asked_for_benchmarks_only() -> None:
    assert cpu_seconds() <= cpu_seconds()
    assert real_seconds() <= real_seconds()
