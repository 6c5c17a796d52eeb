"""Rates and counts per key."""

from __future__ import annotations

from cloud_stub.platform.rate import Counter, RateLimit


def test_window_slides() -> None:
    rate = RateLimit(2, 60)
    assert [rate.take("a", now) for now in (0, 10, 20)] == [0, 0, 40]
    assert rate.take("b", 20) == 0
    assert [rate.take("a", now) for now in (59.5, 60, 61, 70)] == [0.5, 0, 9, 0]


def test_key_asked_longest_ago_is_forgotten_first() -> None:
    rate = RateLimit(1, 60, keys_max=2)
    for key in ("a", "b", "a", "c"):
        rate.take(key, 0)
    assert rate.take("a", 1) > 0
    assert rate.take("b", 1) == 0


def test_counter_counts_per_key_and_is_bounded() -> None:
    counter = Counter(keys_max=2)
    assert [counter.next(key) for key in ("a", "a", "b", "a", "c", "b", "a")] == [0, 1, 0, 2, 0, 0, 0]
