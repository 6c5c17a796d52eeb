from __future__ import annotations

import copy
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.locus.merge import difference, merge
from tests.endpoint.wire.locus.samples import DELTA, DTO, LOCUS, SELF
from tests.endpoint.wire.nearly import json_values

PEOPLE = [f"{LOCUS}/participant/{name}" for name in "abcd"]


@st.composite
def loci(draw: st.DrawFn, after: dict[str, Any] | None = None) -> dict[str, Any]:
    """Draw a locus with its members, or a later state of one: it keeps what it had, changed or not, and newcomers come last."""
    names = st.sampled_from(["controls", "fullState", "info", "x-new", "created"])
    before = after or {}
    members = {
        **before,
        **draw(st.dictionaries(names, json_values.filter(lambda value: value is not None), max_size=4)),
    }
    before_people = {one["url"]: one for one in before.get("participants", [])}
    kept = [url for url in before_people if draw(st.booleans())]
    people = []
    for url in kept + draw(
        st.lists(st.sampled_from(PEOPLE), unique=True).map(lambda urls: [u for u in urls if u not in before_people])
    ):
        one = before_people.get(url, {"url": url})
        people.append({**one, "state": draw(st.sampled_from(["IDLE", "JOINED"]))} if draw(st.booleans()) else one)
    number = members.get("sequence", {"entries": [0]})["entries"][-1] + 1
    return {
        **members,
        "url": LOCUS,
        "participants": people,
        "sequence": {"entries": [number], "rangeStart": 0, "rangeEnd": 0},
    }


@st.composite
def histories(draw: st.DrawFn, length: int = 4) -> list[dict[str, Any]]:
    """Draw some states of one locus, in their order."""
    states = [draw(loci())]
    for _ in range(draw(st.integers(1, length))):
        states.append(draw(loci(states[-1])))
    return states


def test_the_worked_example() -> None:
    aa = {"url": f"{LOCUS}/participant/aa", "id": "aa", "state": "JOINED"}
    before = {**DTO, "participants": [SELF, aa]}
    after = merge(before, DELTA)
    assert after["participants"] == [SELF, {"url": f"{LOCUS}/participant/bb", "id": "bb", "state": "JOINED"}]
    assert (after["sequence"], after["syncUrl"], after["info"]) == (DELTA["sequence"], DELTA["syncUrl"], DTO["info"])
    assert "baseSequence" not in after
    assert before["participants"] == [SELF, aa]  # nothing was changed in place


@pytest.mark.parametrize("value", [0, False, "", [], {}])
def test_a_value_that_is_false_replaces_and_null_does_not(value: object) -> None:
    before = {"url": LOCUS, "x": 1, "participants": []}
    assert merge(before, {"baseSequence": {}, "x": value})["x"] == value
    assert merge(before, {"baseSequence": {}, "x": None})["x"] == 1


def test_a_participant_is_replaced_whole_and_its_place_is_kept() -> None:
    one, two = {"url": "1", "state": "JOINED", "held": True}, {"url": "2", "state": "JOINED"}
    merged = merge({"participants": [one, two]}, {"participants": [{"url": "1", "state": "LEFT"}, {"url": "3"}]})
    assert merged["participants"] == [{"url": "1", "state": "LEFT"}, two, {"url": "3"}]


def test_removing_somebody_who_is_not_there_changes_nothing() -> None:
    merged = merge(
        {"participants": [{"url": "1"}]}, {"participants": [{"url": "9", "removed": True}, {"id": "no url"}, 5]}
    )
    assert merged["participants"] == [{"url": "1"}]


def test_a_delta_has_its_bases_and_participants_even_when_nothing_changed() -> None:
    delta = difference(DTO, DTO)
    assert delta == {"url": LOCUS, "baseSequence": DTO["sequence"], "sequence": DTO["sequence"], "participants": []}


def test_a_delta_names_only_what_changed() -> None:
    other = {"url": f"{LOCUS}/participant/bb", "state": "JOINED"}
    after = {
        **DTO,
        "sequence": {"entries": [1, 2], "rangeStart": 0, "rangeEnd": 0},
        "participants": [other],
        "syncUrl": "s",
    }
    assert difference(DTO, after) == {
        "url": LOCUS,
        "baseSequence": DTO["sequence"],
        "sequence": after["sequence"],
        "syncUrl": "s",
        "participants": [{"url": SELF["url"], "removed": True}, other],
    }


@given(histories())
def test_a_delta_leads_from_any_state_to_any_later_one(states: list[dict[str, Any]]) -> None:
    before, following, last = states[0], states[1], states[-1]
    kept = copy.deepcopy(states)
    assert merge(before, difference(before, following)) == following
    assert _unordered(merge(before, difference(before, last))) == _unordered(last)
    assert states == kept


@given(histories())
def test_deltas_one_after_the_other_are_the_one_over_all(states: list[dict[str, Any]]) -> None:
    merged: dict[str, Any] = states[0]
    for before, after in pairwise(states):
        merged = merge(merged, difference(before, after))
        assert merged == after
    assert _unordered(merged) == _unordered(merge(states[0], difference(states[0], states[-1])))


def _unordered(locus: dict[str, Any]) -> dict[str, Any]:
    """Leave out the order of the participants: who went and came again has another place."""
    return {**locus, "participants": {one["url"]: one for one in locus["participants"]}}


@given(histories())
def test_a_delta_over_several_states_may_be_taken_on_each_of_them(states: list[dict[str, Any]]) -> None:
    delta = difference(states[0], states[-1], states[1:-1])
    for current in states:
        merged = merge(current, delta)
        assert _unordered(merged) == _unordered(states[-1])
        assert merge(merged, delta) == merged


def test_what_was_changed_back_is_told_only_with_the_states_between() -> None:
    states = [{"url": LOCUS, "x": x, "participants": [{"url": "1", "x": x}]} for x in (1, 2, 1)]
    assert "x" not in difference(states[0], states[2])
    delta = difference(states[0], states[2], states[1:2])
    assert (delta["x"], delta["participants"]) == (1, [{"url": "1", "x": 1}])
