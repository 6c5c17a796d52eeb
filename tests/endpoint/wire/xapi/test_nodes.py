"""The node table and its value spaces. Source: protocol/xapi.md 2.3, xapi-nodes.md."""

from __future__ import annotations

import re
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.xapi.nodes import LABELS, Branch, Node, Value, ValueSpace, nodes
from endpoint.wire.xapi.paths import parse_path, shape
from endpoint.wire.xapi.releases import ALWAYS, NEWEST, Releases, written

ROWS = [
    line.split("\t")
    for line in resources.files("endpoint.wire.xapi").joinpath("nodes.tsv").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]
ROLES = set("AIURTP")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0][0]} {row[1]}")
def test_every_row_reads(row: list[str]) -> None:
    branch, path, space, read, settable, label, default, driver, *more = row
    assert branch in ("Status", "Configuration")
    releases = Releases.read(more[1]) if more else ALWAYS
    table = nodes().of(f"ce{written(releases.last or NEWEST)}")
    node = table.find(branch, parse_path(re.sub(r"\[.*?\]", "[1]", path)))  # type: ignore[arg-type]  # asserted above
    assert isinstance(node, Node)
    assert (node.branch, node.read, node.set, node.default) == (branch, read, settable, default)
    assert node.driver == driver != ""
    assert node.path == re.sub(r"\[.*?\]", "[n]", path)
    assert len(node.elements) == path.count("[")
    assert (node.label, node.releases) == (LABELS[label], releases)
    assert node.space == ValueSpace.read(space)
    assert set(read) <= ROLES
    assert set(settable) <= set(read) | {"A"}
    assert bool(settable) == (branch == "Configuration")
    if node.space.kind == "literal":
        assert len(node.space.literals) > 1
        assert len({literal.casefold() for literal in node.space.literals}) == len(node.space.literals)
        assert all(literal and literal.isprintable() and " " not in literal for literal in node.space.literals)
    if default:
        assert str(node.space.accept(default)) == default


def test_the_table_has_the_size_of_its_source_and_no_leaf_twice() -> None:
    leaves = [(branch, path.casefold()) for branch, path, *_ in ROWS]
    assert len(leaves) == len(set(leaves)) == 533
    counts = [len(nodes().paths(branch)) for branch in ("Status", "Configuration", "Command", "Event")]  # type: ignore[arg-type]  # the branches
    assert counts == [397, 135, 190, 66]


def test_the_table_is_read_once() -> None:
    assert nodes() is nodes()


@pytest.mark.parametrize(
    ("text", "space"),
    [
        ("int", ValueSpace("integer")),
        ("0..100", ValueSpace("integer", low=0, high=100)),
        ("-70..-1", ValueSpace("integer", low=-70, high=-1)),
        ("S", ValueSpace("string")),
        ("S(0..255)", ValueSpace("string", low=0, high=255)),
        ("On/Off", ValueSpace("literal", ("On", "Off"))),
        ("TLSv1.1/TLSv1.2", ValueSpace("literal", ("TLSv1.1", "TLSv1.2"))),
        ("5/10/15", ValueSpace("literal", ("5", "10", "15"))),
        ("SIP/Webex", ValueSpace("literal", ("SIP", "Webex"))),
    ],
)
def test_the_notation_of_the_table(text: str, space: ValueSpace) -> None:
    assert ValueSpace.read(text) == space


@pytest.mark.parametrize(
    ("space", "value", "stored"),
    [
        ("On/Off", "On", "On"),
        ("On/Off", "oFF", "Off"),
        ("True/False", True, "True"),
        ("True/False", False, "False"),
        ("5/10/15", 10, "10"),
        ("0..100", 0, 0),
        ("0..100", "100", 100),
        ("0..100", "007", 7),
        ("-70..-1", "-70", -70),
        ("int", 999_999_999_999_999, 999_999_999_999_999),
        ("int", "-1", -1),
        ("S", "", ""),
        ("S", "x" * 100_000, "x" * 100_000),
        ("S", 50, "50"),
        ("S(0..4)", "", ""),
        ("S(1..4)", "a", "a"),
        ("S(0..4)", "abcd", "abcd"),
        ("S(0..4)", "öö", "öö"),
        ("S(0..4)", "\U0001f600", "\U0001f600"),
    ],
)
def test_what_is_inside_is_stored_in_its_canonical_form(space: str, value: Value, stored: Value) -> None:
    accepted = ValueSpace.read(space).accept(value)
    assert accepted == stored
    assert type(accepted) is type(stored)


@pytest.mark.parametrize(
    ("space", "value", "why"),
    [
        ("On/Off", "", "'' is none of On, Off"),
        ("On/Off", "Of", "'Of' is none of On, Off"),
        ("On/Off", " On", "' On' is none of On, Off"),
        ("On/Off", "O\ufb00", "is none of On, Off"),
        ("On/Off", 1, "'1' is none of On, Off"),
        ("0..100", -1, "-1 is outside 0..100"),
        ("0..100", "101", "101 is outside 0..100"),
        ("0..100", "5.0", "'5.0' is no whole number"),
        ("0..100", "+5", "'\\+5' is no whole number"),
        ("0..100", " 5", "' 5' is no whole number"),
        ("0..100", "5\n", "no whole number"),
        ("0..100", "\u0665", "no whole number"),
        ("0..100", "", "'' is no whole number"),
        ("0..100", True, "'True' is no whole number"),
        ("int", "9" * 16, "no whole number"),
        ("S(1..4)", "", "a text of 0 bytes; 1 to 4 are allowed"),
        ("S(0..4)", "abcde", "a text of 5 bytes; 0 to 4 are allowed"),
        ("S(0..4)", "ööö", "a text of 6 bytes; 0 to 4 are allowed"),
        ("S", "\ud800", "half a character"),
    ],
)
def test_what_is_outside_is_refused_with_what_would_be_inside(space: str, value: Value, why: str) -> None:
    with pytest.raises(LocalProtocolError, match=why):
        ValueSpace.read(space).accept(value)


def test_a_refusal_shows_little_of_a_word_and_nothing_of_a_text() -> None:
    with pytest.raises(LocalProtocolError) as word:
        ValueSpace.read("On/Off").accept("x" * 1000)
    assert "x" * 40 in str(word.value)
    assert "x" * 41 not in str(word.value)
    with pytest.raises(LocalProtocolError) as text:
        ValueSpace.read("S(0..4)").accept("a password")
    assert "password" not in str(text.value)


@given(st.sampled_from([ValueSpace.read(row[2]) for row in ROWS]), st.text() | st.integers())
def test_any_value_is_stored_or_refused_and_what_was_stored_is_stored_again(space: ValueSpace, value: Value) -> None:
    try:
        stored = space.accept(value)
    except LocalProtocolError:
        return
    assert space.accept(stored) == stored
    assert space.kind != "literal" or stored in space.literals
    assert (space.kind == "integer") == isinstance(stored, int)


@pytest.mark.parametrize(
    ("branch", "path", "known"),
    [
        ("Status", "Audio Volume", True),
        ("Status", "AUDIO volume", True),
        ("Status", "Call 3 Status", True),
        ("Status", "Call 42 Status", True),
        ("Status", "Call Status", False),
        ("Status", "Audio", False),
        ("Configuration", "Audio Volume", False),
        ("Configuration", "Audio DefaultVolume", True),
        ("Command", "Audio Volume Set", False),
        ("Configuration", "Network 1 IPv4 Assignment", True),
        ("Configuration", "Network 2 IPv4 Assignment", False),
        ("Configuration", "Network 0 IPv4 Assignment", False),
        ("Configuration", "SIP Proxy 4 Address", True),
        ("Configuration", "SIP Proxy 5 Address", False),
        ("Configuration", "Network 1 DNS Server 3 Address", True),
        ("Configuration", "Network 2 DNS Server 3 Address", False),
        ("Configuration", "Network 1 DNS Server 4 Address", False),
    ],
)
def test_leaves_are_found_in_any_case_with_any_number(branch: Branch, path: str, known: bool) -> None:
    found = nodes().find(branch, parse_path(path))
    assert (found is not None) == known
    if found is not None:
        assert found.path.casefold() == shape(parse_path(path)).casefold()


@pytest.mark.parametrize(
    ("branch", "path", "literals"),
    [
        ("Status", "webex status", ("Disabled", "Error", "Registered", "Registering", "Stopped")),
        ("Configuration", "Network[n] IPv4 Assignment", ("DHCP", "Static")),
        ("Configuration", "CallHistory Mode", ("Off", "On")),
        ("Status", "Audio Volume", None),
        ("Status", "No Such Leaf", None),
    ],
)
def test_the_words_of_a_leaf(branch: Branch, path: str, literals: tuple[str, ...] | None) -> None:
    assert nodes().words(branch, path) == literals
