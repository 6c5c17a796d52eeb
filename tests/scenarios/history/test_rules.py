"""What a comparison passes over: ids that are paired, times, and members that are named."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.runner.history.comparing import compare
from scenarios.runner.history.rules import Ignoring, ignoring

from .old import history

ONE, TWO, THREE = (f"{digit * 8}-0000-4000-8000-000000000000" for digit in "123")


def differ(left: Any, right: Any, *rules: str) -> list[str]:
    """Return the paths in which two values differ."""
    return [difference.path for difference in ignoring(rules).differences(left, right)]


def test_ids_are_paired_and_not_cut_out() -> None:
    assert differ({"a": ONE}, {"a": TWO}) == ["a"]
    assert differ({"a": ONE, "b": f"x/{ONE}?y"}, {"a": TWO, "b": f"x/{TWO}?y"}, "ids") == []
    assert differ({"a": ONE, "b": ONE}, {"a": TWO, "b": THREE}, "ids") == ["b"]
    assert differ({"a": ONE, "b": TWO}, {"a": THREE, "b": THREE}, "ids") == ["b"]
    assert differ({"a": f"x/{ONE}"}, {"a": f"y/{TWO}"}, "ids") == ["a"]
    assert differ({"a": "Registered"}, {"a": "Registering"}, "ids") == ["a"]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("at 2026-03-02T08:50:00.000Z", "at 2027-01-01T00:00:00Z"),
        ("Mon, 02 Mar 2026 08:50:00 GMT", "Tue, 03 Mar 2026 08:50:00 GMT"),
        ({"took_ms": 3, "rtt_us": 4}, {"took_ms": 5, "rtt_us": 6}),
        (1_772_441_400_000, 1_772_441_400_001),
    ],
)
def test_times(left: Any, right: Any) -> None:
    assert differ({"x": left}, {"x": right}) != []
    assert differ({"x": left}, {"x": right}, "times") == []
    assert differ({"x": 3}, {"x": 4}, "times") == ["x"]


def test_a_member_by_its_path_and_what_is_missing() -> None:
    left, right = {"data": {"etag": 1, "n": 1}}, {"data": {"etag": 2}}
    assert differ(left, right, "data.etag") == ["data.n"]
    assert differ({"x": True}, {"x": 1}) == ["x"]
    assert differ({"x": [1, 2]}, {"x": [1]}) == ["x.1"]


def test_without_times_each_actor_is_compared_by_itself() -> None:
    def made(shift: int, *order: str, text: str = "x") -> Any:
        return history(*({"who": who, "kind": "note", "t": shift, "data": {"text": text}} for who in order))

    one, other = made(0, "device:a", "device:b", "device:a"), made(7, "device:b", "device:a", "device:a")
    assert compare(one, other, ignoring(())) is not None
    assert compare(one, other, ignoring(["times"])) is None
    found = compare(one, made(7, "device:b", "device:a"), ignoring(["times"]))
    assert found is not None
    assert (found.left is not None, found.right, found.equal) == (True, None, 1)
    assert found.note == "only the left side goes on, with one event"


def test_a_cause_at_another_place_is_a_difference_of_its_own() -> None:
    def made(cause: int) -> Any:
        return history(*({"kind": "note"} for _ in range(2)), {"kind": "note", "cause": cause})

    assert compare(made(1), made(1), ignoring(())) is None
    found = compare(made(1), made(2), ignoring(()))
    assert found is not None
    assert [difference.path for difference in found.differences] == ["cause"]


_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(_values, st.sampled_from([(), ("ids",), ("ids", "times")]))
def test_a_value_is_equal_to_itself(value: Any, rules: tuple[str, ...]) -> None:
    assert list(Ignoring(frozenset(rules)).differences(value, value)) == []


@given(_values, _values)
def test_differing_does_not_depend_on_the_side(left: Any, right: Any) -> None:
    there, back = ([d.path for d in Ignoring().differences(*pair)] for pair in ((left, right), (right, left)))
    assert sorted(there) == sorted(back)
    assert bool(there) == (repr(left) != repr(right)) or left == right
