"""The JSON renderings, typed and as strings."""

from __future__ import annotations

import pytest
from hypothesis import given

from endpoint.wire.xapi.jsonform import at, strings, typed
from endpoint.wire.xapi.leaves import Leaf, Mark, flatten
from tests.endpoint.wire.xapi.trees import leaf_lists

CALL: list[Leaf] = [
    (("Status", "Audio", "Volume"), 50),
    (("Status", "Call", 3, "Status"), "Connected"),
    (("Status", "Call", 10, "Duration"), 7),
]


def test_the_typed_form_has_numbers_and_ids() -> None:
    assert typed(CALL) == {
        "Status": {"Audio": {"Volume": 50}, "Call": [{"Status": "Connected", "id": 3}, {"Duration": 7, "id": 10}]}
    }


def test_the_string_form_has_only_strings() -> None:
    assert strings(CALL) == {
        "Status": {
            "Audio": {"Volume": {"Value": "50"}},
            "Call": [{"Status": {"Value": "Connected"}, "id": "3"}, {"Duration": {"Value": "7"}, "id": "10"}],
        }
    }


def test_ghosts_are_the_word_true_and_their_id() -> None:
    ghost: list[Leaf] = [(("Status", "Call", 3), Mark.GHOST)]
    assert typed(ghost) == {"Status": {"Call": [{"ghost": "True", "id": 3}]}}
    assert strings(ghost) == {"Status": {"Call": [{"ghost": "True", "id": "3"}]}}


def test_members_are_in_order_capitals_first() -> None:
    shown = typed([(("a", "b"), 1), (("a", "Z"), 2), (("B", 1, "x"), 3), (("B", 1, "Y"), 4)])
    assert list(shown) == ["B", "a"]
    assert list(shown["B"][0]) == ["Y", "x", "id"]
    assert list(shown["a"]) == ["Z", "b"]


def test_an_event_has_an_id_also_without_fields() -> None:
    path = ("Event", "Bookings", "Updated")
    assert typed([(path, Mark.NODE)], event=path) == {"Event": {"Bookings": {"Updated": {"id": 1}}}}
    assert typed([((*path, "Id"), "webex-1")], event=path) == {
        "Event": {"Bookings": {"Updated": {"Id": "webex-1", "id": 1}}}
    }


def test_elements_that_are_values_have_a_value() -> None:
    leaves = flatten({"Expression": ["/Status", "/Event"]})
    assert typed(leaves) == {"Expression": [{"Value": "/Status", "id": 1}, {"Value": "/Event", "id": 2}]}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (("Status", "Audio"), {"Volume": 50}),
        (("Status", "Audio", "Volume"), 50),
        (("Status", "Call", 3), {"Status": "Connected", "id": 3}),
        (("Status", "Call", 3, "Status"), "Connected"),
    ],
)
def test_what_stands_at_a_path_is_found(path: tuple[str | int, ...], found: object) -> None:
    assert at(typed(CALL), path) == found


def test_an_array_stands_where_a_name_follows_it() -> None:
    assert at(typed(CALL), ("Status", "Call", "Status")) == [
        {"Status": "Connected", "id": 3},
        {"Duration": 7, "id": 10},
    ]


@pytest.mark.parametrize("path", [("Status", "Nope"), ("Status", "Call", 4), ("Nope",)])
def test_what_does_not_stand_there_is_told(path: tuple[str | int, ...]) -> None:
    with pytest.raises(KeyError):
        at(typed(CALL), path)


def _untyped(shown: object) -> object:
    """Take the types out of the typed form: what must be left is the string form without its value objects."""
    if isinstance(shown, dict):
        return {key: _untyped(value) for key, value in shown.items()}
    if isinstance(shown, list):
        return [_untyped(value) for value in shown]
    return str(shown)


def _values(shown: object) -> object:
    if isinstance(shown, dict):
        if set(shown) == {"Value"}:
            return shown["Value"]
        return {key: _values(value) for key, value in shown.items()}
    if isinstance(shown, list):
        return [_values(value) for value in shown]
    return shown


@given(leaf_lists())
def test_both_forms_say_the_same(leaves: list[Leaf]) -> None:
    assert _untyped(typed(leaves)) == _values(strings(leaves))


@given(leaf_lists())
def test_every_leaf_is_found_again_with_its_value(leaves: list[Leaf]) -> None:
    shown = typed(leaves)
    for path, value in leaves:
        assert at(shown, path) == value


def test_fields_are_flattened() -> None:
    fields = {
        "A": 1, "B": None, "C": True, "D": {"E": "x", "F": {}}, "G": [{"id": 7, "H": 1}, {"H": 2}], "I": [], "J": ("x",),
    }  # fmt: skip
    assert flatten(fields, ("R",)) == [
        (("R", "A"), 1),
        (("R", "C"), "True"),
        (("R", "D", "E"), "x"),
        (("R", "D", "F"), Mark.NODE),
        (("R", "G", 7, "H"), 1),
        (("R", "G", 2, "H"), 2),
        (("R", "J", 1), "x"),
    ]


def test_a_field_that_no_leaf_can_hold_is_a_defect() -> None:
    with pytest.raises(TypeError, match="float"):
        flatten({"A": 1.5})
