from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.locus.sequence import (
    NONE,
    Advice,
    Order,
    Sequence,
    advise_delta,
    advise_full,
    compare,
    parse_sequence,
)
from tests.endpoint.wire.nearly import json_values, nearly


def seen(text: str) -> Sequence:
    """Read the notation of the vectors: entries, then the range in brackets."""
    numbers, _, bounds = text.replace("none", "").partition("(")
    start, _, end = bounds.rstrip(")").partition("–")
    return Sequence(tuple(map(int, numbers.split())), int(start or 0), int(end or 0))


# protocol/cloud-services.md 18.12
VECTORS = """
10 | 20 | LESS_THAN
20 | 10 | GREATER_THAN
10 20 | 10 20 | EQUAL
10 | 10 20 | LESS_THAN
10 20 | 10 | GREATER_THAN
10 20 | 10 30 | DESYNC
10 30 (1–5) | 10 20 (1–5) | DESYNC
20 (1–10) | 10 20 | GREATER_THAN
10 20 | 20 (1–10) | LESS_THAN
20 30 (1–10) | 20 (1–15) | GREATER_THAN
none (1–10) | none (1–10) | EQUAL
none (1–10) | none (1–12) | LESS_THAN
none (1–10) | none (2–10) | GREATER_THAN
30 (1–10) | 40 (1–20) | DESYNC
30 (1–20) | 40 (25–30) | LESS_THAN
"""
DELTA_VECTORS = """
10 20 | 10 20 | 10 20 30 | USE_INCOMING
10 20 30 | 10 20 | 10 20 40 | FETCH
10 20 40 | 10 20 | 10 20 40 | USE_CURRENT
10 20 30 | 10 20 | 10 20 | USE_CURRENT
10 20 | 10 20 30 | 10 20 30 40 | WAIT
10 20 | 10 20 30 | 10 20 30 | FETCH
none | 10 | 10 20 | USE_INCOMING
10 20 | 10 40 | 10 20 30 40 50 | FETCH
10 | 10 | none | USE_INCOMING
"""


def rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]


@pytest.mark.parametrize(("current", "incoming", "expected"), rows(VECTORS))
def test_the_vectors(current: str, incoming: str, expected: str) -> None:
    assert compare(seen(current), seen(incoming)) is Order[expected]


@pytest.mark.parametrize(("current", "base", "incoming", "expected"), rows(DELTA_VECTORS))
def test_the_vectors_of_deltas(current: str, base: str, incoming: str, expected: str) -> None:
    assert advise_delta(seen(current), seen(base), seen(incoming)) is Advice[expected]


@pytest.mark.parametrize(
    ("current", "base", "incoming", "expected"),
    [
        ("10 20", "10 20", "10 20 30", Advice.URL_CHANGED),
        ("10 20", "10 20 30", "10 20 30 40", Advice.URL_CHANGED),
        ("10 20 30", "10 20", "10 20", Advice.USE_CURRENT),  # what is old is old, wherever it is from
        ("none", "10", "10 20", Advice.USE_INCOMING),
    ],
)
def test_another_url_counts_only_for_what_is_new(current: str, base: str, incoming: str, expected: Advice) -> None:
    assert advise_delta(seen(current), seen(base), seen(incoming), same_url=False) is expected


@pytest.mark.parametrize(
    ("current", "incoming", "expected"),
    [
        ("none", "10", Advice.USE_INCOMING),
        ("10", "none", Advice.USE_INCOMING),
        ("none", "none", Advice.USE_INCOMING),
        ("10", "10", Advice.USE_CURRENT),
        ("10 20", "10", Advice.USE_CURRENT),
        ("10", "10 20", Advice.USE_INCOMING),
        ("10 20", "10 30", Advice.FETCH),
    ],
)
def test_what_to_do_with_a_whole_locus(current: str, incoming: str, expected: Advice) -> None:
    assert advise_full(seen(current), seen(incoming)) is expected


# ---- properties ----


@st.composite
def sequences(draw: st.DrawFn, number_max: int = 30) -> Sequence:
    """Draw a sequence that keeps the rules; small numbers, so that two of them have something in common."""
    entries = tuple(sorted(draw(st.sets(st.integers(1, number_max), max_size=6))))
    if not draw(st.booleans()):
        return Sequence(entries)
    end = draw(st.integers(1, draw(st.sampled_from(entries)) if entries else number_max))
    return Sequence(entries, draw(st.integers(1, end)), end)


FLIPPED = {
    Order.EQUAL: Order.EQUAL,
    Order.DESYNC: Order.DESYNC,
    Order.LESS_THAN: Order.GREATER_THAN,
    Order.GREATER_THAN: Order.LESS_THAN,
}


@given(sequences(), sequences())
def test_the_other_way_round_is_the_opposite(one: Sequence, other: Sequence) -> None:
    assert compare(one, other) is FLIPPED[compare(other, one)]


@given(sequences())
def test_nothing_is_newer_than_itself(one: Sequence) -> None:
    assert compare(one, Sequence(one.entries, one.range_start, one.range_end)) is Order.EQUAL
    assert advise_delta(one, one, one) in (Advice.USE_CURRENT, Advice.USE_INCOMING)


@given(sequences(), sequences())
def test_what_has_seen_all_of_the_other_is_not_older(one: Sequence, other: Sequence) -> None:
    """Without ranges, newer means: has seen more."""
    one, other = Sequence(one.entries), Sequence(other.entries)
    order, mine, theirs = compare(one, other), set(one.entries), set(other.entries)
    if mine and theirs and mine < theirs:
        assert order is Order.LESS_THAN
    if order is Order.DESYNC:
        assert mine - theirs
        assert theirs - mine


@given(sequences(), sequences(), sequences())
def test_a_delta_is_taken_only_on_what_it_is_for_or_on_later(
    current: Sequence, base: Sequence, incoming: Sequence
) -> None:
    if advise_delta(current, base, incoming) is Advice.USE_INCOMING and not current.is_empty and not incoming.is_empty:
        assert compare(current, incoming) is Order.LESS_THAN
        assert compare(current, base) in (Order.EQUAL, Order.GREATER_THAN)


@given(st.lists(st.integers(1, 2**53 - 1), min_size=1, max_size=40), st.integers(1, 8))
def test_advancing_makes_it_newer_and_keeps_the_rules(numbers: list[int], entries_max: int) -> None:
    sequence, before = NONE, [NONE]
    for number in numbers:
        sequence = sequence.advanced(number, entries_max)
        assert parse_sequence(sequence.as_wire()) == sequence
        assert len(sequence.entries) <= entries_max
        for older in before[1:]:
            assert compare(older, sequence) is Order.LESS_THAN
        assert sequence.last >= number
        before.append(sequence)


# ---- reading ----

GOOD = {"entries": [1795199210021001, 1795199210021002], "rangeStart": 5, "rangeEnd": 1795199210021000}


def test_the_wire_form_is_read_and_rebuilt() -> None:
    sequence = parse_sequence(GOOD)
    assert sequence == Sequence((1795199210021001, 1795199210021002), 5, 1795199210021000)
    assert sequence.as_wire() == GOOD
    assert (sequence.first, sequence.last) == (5, 1795199210021002)


def test_absent_and_empty_are_the_same() -> None:
    assert parse_sequence(None) == parse_sequence({"entries": [], "rangeStart": 0, "rangeEnd": 0}) == NONE
    assert NONE.is_empty
    assert (NONE.first, NONE.last) == (0, 0)
    assert not Sequence((), 1, 2).is_empty
    assert (Sequence((), 1, 2).first, Sequence((), 1, 2).last) == (1, 2)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"entries": None}, "sequence.entries"),
        ({"entries": "1"}, "sequence.entries"),
        ({"entries": [1.5]}, "sequence.entries"),
        ({"entries": [True]}, "sequence.entries"),
        ({"entries": [-1]}, "sequence.entries"),
        ({"entries": [2, 1]}, "sequence.entries"),
        ({"entries": [2, 2]}, "sequence.entries"),
        ({"rangeStart": None}, "sequence.rangeStart"),
        ({"rangeStart": -1}, "sequence.rangeStart"),
        ({"rangeEnd": None}, "sequence.rangeEnd"),
        ({"rangeEnd": 4}, "sequence.rangeEnd"),
        ({"rangeEnd": 1795199210021003}, "sequence.rangeEnd"),
    ],
)
def test_what_breaks_a_rule_is_named(change: dict[str, Any], where: str) -> None:
    with pytest.raises(RemoteProtocolError, match=f"^{re.escape(where)}: ") as caught:
        parse_sequence({**GOOD, **change})
    assert caught.value.rule


@given(nearly(GOOD) | json_values)
def test_anything_is_a_sequence_or_refused(raw: Any) -> None:
    try:
        sequence = parse_sequence(raw)
    except RemoteProtocolError:
        return
    assert parse_sequence(sequence.as_wire()) == sequence
    assert compare(sequence, NONE) in (Order.EQUAL, Order.GREATER_THAN)
