from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.runner import yamltree
from scenarios.runner.problems import Place, ScenarioError
from scenarios.runner.yamltree import Mapping, Scalar, Sequence, graft, kind_of, parse, plain


def read(text: str) -> Any:
    return plain(parse(text.encode(), "x.yaml"))


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("0", 0),
        ("-7", -7),
        ("1.5", 1.5),
        ("2e3", 2000.0),
        ("True", "True"),
        ("yes", "yes"),
        ("on", "on"),
        ("~", "~"),
        ("Null", "Null"),
        ("12:30", "12:30"),
        ("010", "010"),
        ("1_000", "1_000"),
        ("0x10", "0x10"),
        ("+5", "+5"),
        (".5", ".5"),
        ("5.", "5."),
        (".inf", ".inf"),
        ("2026-03-02", "2026-03-02"),
        ("'5'", "5"),
        ('"true"', "true"),
        ("'null'", "null"),
        ("|\n  5\n", "5\n"),
    ],
)
def test_scalar_is_read_like_json(written: str, value: object) -> None:
    found = read(f"a: {written}")
    assert found == {"a": value}
    assert type(found["a"]) is type(value)


def test_keys_are_text_as_written() -> None:
    assert read("{ on: 1, no: 2, 5: 3, 1e3: 4, null: 5, true: 6 }") == {
        "on": 1, "no": 2, "5": 3, "1e3": 4, "null": 5, "true": 6,
    }  # fmt: skip


def test_places_count_lines_and_columns_from_one() -> None:
    root = parse(b"a: 1\nb:\n  - x\n  - { c: d }\n", "x.yaml")
    assert isinstance(root, Mapping)
    second = root.get("b")
    assert second is not None
    assert isinstance(second.node, Sequence)
    inner = second.node.items[1]
    assert isinstance(inner, Mapping)
    assert second.at == Place("x.yaml", 2, 1)
    assert second.node.items[0].at == Place("x.yaml", 3, 5)
    assert inner.entries[0].at == Place("x.yaml", 4, 7)
    assert inner.entries[0].node.at == Place("x.yaml", 4, 10)


def test_byte_order_mark_is_passed_over() -> None:
    assert plain(parse("\ufeffa: 1".encode(), "x.yaml")) == {"a": 1}


def test_empty_text_in_quotes_is_a_value() -> None:
    assert read('{ a: "", b: [ "" ] }') == {"a": "", "b": [""]}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a: \xff", "x.yaml:1:4: byte 0xff is no UTF-8"),
        ("å: 1\nb: ø\x01".encode(), "x.yaml:2:5: character U+0001 is not allowed in YAML"),
        (b'a: "\\UFFFFFFFF"', "this is no YAML: an escape or a directive is impossible"),
        (b'a: "\\uD800"', "x.yaml:1:4: half of a surrogate pair is no character; write it directly"),
        (b"%YAML " + b"9" * 5000 + b".1\n---\na", "this is no YAML: an escape or a directive is impossible"),
        (b"a: 1e999", "x.yaml:1:4: the number 1e999 is too large; quote it if it is text"),
        (b"a: " + b"9" * 5000, "is too large; quote it if it is text"),
        (b"? [a]\n: b", "x.yaml:1:3: a key is text, not a list"),
        (b"? \n: b", "x.yaml:1:2: a key is empty"),
    ],
)
def test_foreign_bytes_are_refused_at_their_place(data: bytes, message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse(data, "x.yaml")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"#" * (yamltree.FILE_BYTES_MAX + 1), "more than the 262144 a scenario may have"),
        (b"[" * (yamltree.DEPTH_MAX + 1), f"nested deeper than {yamltree.DEPTH_MAX}"),
        (b"[" + b"1," * (yamltree.NODES_MAX + 1) + b"]", f"more than {yamltree.NODES_MAX} values"),
        (b"a: '" + b"x" * (yamltree.SCALAR_CHARACTERS_MAX + 1) + b"'", "65536 are allowed"),
    ],
)
def test_limits_have_names(data: bytes, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        parse(data, "x.yaml")


def test_deepest_tree_that_is_allowed() -> None:
    depth = yamltree.DEPTH_MAX
    assert parse(b"[" * depth + b"]" * depth, "x.yaml") is not None


def test_graft_puts_everything_at_one_place() -> None:
    here = Place("x.yaml", 2, 3)
    node = graft({"a": [1, "x"]}, here)
    assert plain(node) == {"a": [1, "x"]}
    assert isinstance(node, Mapping)
    assert node.entries[0].at == node.entries[0].node.at == here


def test_kinds_have_names() -> None:
    here = Place("x.yaml", 1, 1)
    names = [kind_of(graft(value, here)) for value in ({}, [], None, True, 1.5, "x")]
    assert names == ["a map", "a list", "null", "true or false", "a number", "text"]
    assert kind_of(Scalar(3, here)) == "a number"


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(min_codepoint=32, exclude_categories=("Cs", "Cc", "Cn"), max_codepoint=0xD7FF)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc xyz", min_size=1), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(json_values)
def test_json_is_read_as_json(value: Any) -> None:
    assert value == read(json.dumps(value))


@given(
    st.binary(max_size=300) | st.text("ab:-[]{}#&*!|>'\"%@`?, \n\t0123456789.eE$\\uU<", max_size=120).map(str.encode)
)
def test_any_bytes_give_a_tree_or_placed_problems(data: bytes) -> None:
    try:
        parse(data, "x.yaml")
    except ScenarioError as error:
        places = [problem.place for problem in error.problems]
    else:
        return
    assert places
    assert all(place.line >= 1 and place.column >= 1 for place in places)
