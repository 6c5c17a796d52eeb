from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.runner import values
from scenarios.runner.values import Ref, Template, When, read_when, split_references

NOW = datetime(2026, 3, 2, 8, 50, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("250ms", 0.25), ("30s", 30.0), ("1h30m", 5400.0), ("7d", 604_800.0), ("1d2h3m4s5ms", 93_784.005), ("0s", 0.0)],
)
def test_duration_is_read(text: str, seconds: float) -> None:
    assert seconds == values.read_duration(text)


@pytest.mark.parametrize("text", ["", "5", "1.5s", "s", "5 s", "30s1h", "1h1h", "-3s", "999d", "1e3s", "\u0663s"])
def test_duration_in_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|longer"):
        values.read_duration(text)


@pytest.mark.parametrize("value", [30, 1.5, True, None, [], {}])
def test_duration_without_unit_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        values.read_duration(value)


@given(st.integers(0, 366 * 86_400_000))
def test_duration_survives_printing(milliseconds: int) -> None:
    seconds = milliseconds / 1000
    assert seconds == values.read_duration(values.show_duration(seconds))


def test_signed_duration() -> None:
    assert [values.read_signed_duration(text) for text in ("-3s", "+6m", "2s")] == [-3.0, 360.0, 2.0]
    assert values.show_duration(-3.0) == "-3s"


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-03-02T09:00:00Z", datetime(2026, 3, 2, 9, tzinfo=UTC)),
        ("2026-03-02T09:00Z", datetime(2026, 3, 2, 9, tzinfo=UTC)),
        ("+6m", datetime(2026, 3, 2, 8, 56, tzinfo=UTC)),
        ("-1h", datetime(2026, 3, 2, 7, 50, tzinfo=UTC)),
        ("08:55", datetime(2026, 3, 2, 8, 55, tzinfo=UTC)),
        ("08:50", NOW),
        ("08:45", datetime(2026, 3, 3, 8, 45, tzinfo=UTC)),
    ],
)
def test_instant_is_resolved(text: str, instant: datetime) -> None:
    assert instant == read_when(text).resolve(NOW)


def test_time_of_day_is_the_device_s() -> None:
    oslo = ZoneInfo("Europe/Oslo")
    assert read_when("10:00").resolve(NOW, oslo) == datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert read_when("09:00").resolve(NOW, oslo) == datetime(2026, 3, 3, 8, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "noon", "24:00", "8:55", "2026-03-02", "2026-02-30T00:00:00Z", "+6", 5, None])
def test_instant_in_another_form_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"instant|exist|duration"):
        read_when(text)


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (values.read_percent, "30%", 0.3),
        (values.read_percent, "100%", 1.0),
        (values.read_rate, "200/s", 200.0),
        (values.read_rate, "30/m", 0.5),
        (values.read_size, "64KiB", 65_536),
        (values.read_size, "1300B", 1300),
    ],
)
def test_other_quantities(read: Callable[[object], object], text: str, value: object) -> None:
    assert value == read(text)


@pytest.mark.parametrize("read", [values.read_percent, values.read_rate, values.read_size, values.read_instant])
@pytest.mark.parametrize("text", ["", "30", "101%", "5/x", "5kb", 30, None])
def test_other_quantities_in_another_form_are_refused(read: Callable[[object], object], text: object) -> None:
    with pytest.raises(ValueError, match="write"):
        read(text)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("plain", ("plain",)),
        ("", ("",)),
        ("${cloud.code}", (Ref("cloud.code"),)),
        ("a ${vars.x} b", ("a ", Ref("vars.x"), " b")),
        ("$${vars.x}", ("${vars.x}",)),
        ("$$${vars.x}", ("$${vars.x}",)),
        ("5$ and ${saved.a-b}", ("5$ and ", Ref("saved.a-b"))),
    ],
)
def test_references_are_split(text: str, parts: tuple[object, ...]) -> None:
    assert parts == split_references(text)


@pytest.mark.parametrize("text", ["${", "${cloud.code", "${}", "${code}", "${a b.c}", "${vars.}"])
def test_malformed_reference_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"reference|name"):
        split_references(text)


def test_reference_that_stands_alone_keeps_its_type() -> None:
    assert Template("${saved.n}", (Ref("saved.n"),)).resolve({"saved.n": 5}.__getitem__) == 5
    assert Template("n=${saved.n}", ("n=", Ref("saved.n"))).resolve({"saved.n": 5}.__getitem__) == "n=5"


@given(st.text(max_size=60))
def test_any_text_splits_or_is_refused(text: str) -> None:
    try:
        parts = split_references(text)
    except ValueError:
        return
    assert parts


@given(st.text(max_size=30) | st.integers() | st.none())
def test_any_value_is_an_instant_or_is_refused(value: object) -> None:
    with suppress(ValueError):
        assert isinstance(read_when(value), When)
