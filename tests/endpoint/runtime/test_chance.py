"""Streams: the same name gives the same sequence, another name another, and none is skewed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.runtime.chance import Chance, Stream

PROGRAM = """
from endpoint.runtime.chance import Chance
room = Chance(7).actor("device:room")
stream = room.stream("mercury ids")
print(stream.uuid(), stream.randint(1, 10**9), stream.uniform(0, 1), stream.digits(16), stream.bytes(5).hex())
print(stream.choice("abcdef"), stream.sample(range(100), 5), room.stream("backoff", "u2c", 3).uuid())
"""
# Whoever changes these changes every run that was ever recorded.
DRAWN = (
    "bb54e031-e9f7-4470-920f-fbece29f74ba 520105494 0.6691838628628428 3378530648768774 c5afbbe4d9",
    "d [77, 92, 74, 22, 42] c987e83d-0f48-400c-ad17-4188e02f9e1c",
)


def _chance(seed: int | None = 7) -> Stream:
    return Chance(seed).actor("device:room").stream("test")


def _run_program(hash_seed: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
    ).stdout


def test_draws_are_the_same_in_every_process_and_release() -> None:
    expected = "".join(f"{line}\n" for line in DRAWN)
    assert [_run_program("1"), _run_program("4242")] == [expected, expected]


def test_the_name_of_a_stream_is_who_and_what_for_never_when() -> None:
    first, second = Chance(7).actor("cloud").stream("codes"), Chance(7).actor("cloud").stream("codes")
    disturbance = Chance(7).actor("cloud").stream("tokens")
    drawn = []
    for _ in range(50):
        drawn.append(first.uuid())
        disturbance.bytes(13)
    assert drawn == [second.uuid() for _ in range(50)]


def test_every_part_of_the_name_tells_streams_apart() -> None:
    streams = [
        Chance(seed).actor(who).stream(purpose, *key)
        for seed in (1, 2)
        for who in ("device:a", "device:b")
        for purpose in ("ids", "backoff")
        for key in ((), ("x",), (1,), ("x", 1))
    ]
    assert len({stream.bytes(8) for stream in streams}) == len(streams) == 32


def test_names_cannot_run_into_each_other() -> None:
    actor = Chance(7).actor("device:a")
    assert actor.stream("ab", "c").uuid() != actor.stream("a", "bc").uuid()
    assert actor.stream("a", "b", "c").uuid() != actor.stream("a", "b c").uuid()


def test_a_seed_makes_a_run_repeat_and_none_does_not() -> None:
    assert [Chance(7).seeded, Chance(7).actor("a").seeded] == [True, True]
    assert [Chance(None).seeded, Chance(None).actor("a").seeded] == [False, False]
    assert Chance(0).seeded
    assert _chance(None).uuid() != _chance(None).uuid()
    assert len(_chance(None).bytes(33)) == 33


@given(st.integers(0, 100), st.integers(0, 100))
def test_bytes_come_in_one_sequence_however_they_are_asked_for(first: int, second: int) -> None:
    apart, at_once = _chance(), _chance()
    assert apart.bytes(first) + apart.bytes(second) == at_once.bytes(first + second)


def _skew(counts: Counter[int], cells: int) -> float:
    """Return chi-square over the degrees of freedom: about 1 for fair draws."""
    expected = counts.total() / cells
    return sum((counts[cell] - expected) ** 2 / expected for cell in range(cells)) / (cells - 1)


@pytest.mark.parametrize("limit", [2, 6, 10, 100, 256, 257])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_integers_are_fair(limit: int, seed: int) -> None:
    stream = _chance(seed)
    counts = Counter(stream.below(limit) for _ in range(40 * limit))
    assert _skew(counts, limit) < 3 if limit < 10 else _skew(counts, limit) < 2


def _first_draws(name: Callable[[int], Stream]) -> Iterable[float]:
    return (name(number).uniform(0, 1) for number in range(4_000))


@pytest.mark.parametrize(
    "name",
    [
        lambda n: Chance(n).actor("a").stream("b"),
        lambda n: Chance(7).actor(f"device:{n}").stream("b"),
        lambda n: Chance(7).actor("a").stream("b", n),
    ],
    ids=["seeds", "actors", "keys"],
)
def test_first_draws_of_neighbours_are_independent(name: Callable[[int], Stream]) -> None:
    draws = list(_first_draws(name))
    assert _skew(Counter(int(draw * 20) for draw in draws), 20) < 2
    pairs = Counter(int(a * 5) * 5 + int(b * 5) for a, b in pairwise(draws))
    assert _skew(pairs, 25) < 2


@given(st.integers(-(10**9), 10**9), st.integers(0, 10**12))
def test_integers_stay_within_their_bounds(low: int, span: int) -> None:
    stream = _chance()
    assert all(low <= stream.randint(low, low + span) <= low + span for _ in range(20))


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_floats_stay_within_their_bounds(low: float, span: float) -> None:
    stream = _chance()
    assert all(low <= stream.uniform(low, low + span) <= low + span for _ in range(20))


@given(st.lists(st.integers(), unique=True, max_size=30), st.data())
def test_a_sample_has_different_items_of_what_there_is(items: list[int], data: st.DataObject) -> None:
    count = data.draw(st.integers(0, len(items)))
    drawn = _chance().sample(items, count)
    assert len(drawn) == len(set(drawn)) == count
    assert set(drawn) <= set(items)


def test_draws_have_the_shape_that_their_name_says() -> None:
    stream = _chance()
    assert UUID(stream.uuid()).version == 4
    assert {len(stream.digits(16)) for _ in range(200)} == {16}
    assert {stream.choice("ab") for _ in range(50)} == {"a", "b"}
    assert {stream.randint(3, 5) for _ in range(100)} == {3, 4, 5}


def test_what_cannot_be_drawn_is_refused() -> None:
    stream = _chance()
    with pytest.raises(ValueError, match="nothing below 1"):
        stream.below(0)
    with pytest.raises(ValueError, match="nothing below 1"):
        stream.choice([])
    with pytest.raises(ValueError, match="cannot draw 3 of 2"):
        stream.sample("ab", 3)
