"""xAPI paths in all their spellings. Source: protocol/xapi.md 2.1, 2.2."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.xapi.nodes import nodes
from endpoint.wire.xapi.paths import INDEX_MAX, PARTS_MAX, Path, folded, parse_path, shape, words

CONNECTED = ("Video", "Input", "Connector", 2, "Connected")


@pytest.mark.parametrize(
    "text",
    [
        "Video Input Connector 2 Connected",
        "Video/Input/Connector/2/Connected",
        "/Video/Input/Connector[2]/Connected",
        "/Video/Input/Connector[2]/Connected/",
        "Video.Input.Connector[2].Connected",
        "Video.Input.Connector.2.Connected",
        "Video Input Connector[2] Connected",
        "  Video   Input  Connector 2   Connected ",
        "Video / Input / Connector 2 / Connected",
    ],
)
def test_one_path_has_many_spellings(text: str) -> None:
    assert parse_path(text) == CONNECTED


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("Call 3 Status", ("Call", 3, "Status")),
        ("call[3]/status", ("call", 3, "status")),
        ("Audio", ("Audio",)),
        ("Network 1 IEEE8021X Identity", ("Network", 1, "IEEE8021X", "Identity")),
        ("H323_x A-b", ("H323_x", "A-b")),
        ("Call 0", ("Call", 0)),
        ("Call 007", ("Call", 7)),
        (f"Call {INDEX_MAX}", ("Call", INDEX_MAX)),
    ],
)
def test_words_and_element_numbers(text: str, path: Path) -> None:
    assert parse_path(text) == path


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "'' is no part"),
        (" / ", "'' is no part"),
        ("..", "'' is no part"),
        ("Call[3", "'Call\\[3' is no part"),
        ("Call[]", "'Call\\[\\]' is no part"),
        ("Call[x]", "is no part"),
        ("Call[-1]", "is no part"),
        ("Call -1", "'-1' is no part"),
        ("Call[3][4]", "is no part"),
        ("[3]", "is no part"),
        ("Call[@item='3']", "is no part"),
        ("Call *", "'\\*' is no part"),
        ("Call: 3", "is no part"),
        ('Call "3"', "is no part"),
        ("Call\t3", "is no part"),
        ("Call\n3", "is no part"),
        ("Größe", "is no part"),
        ("Call \u0663", "is no part"),
        ("3", "begins with a word"),
        ("3 Call", "begins with a word"),
        (f"Call {INDEX_MAX + 1}", f"at most {INDEX_MAX}"),
        ("Call 99999999999", "is no part"),
        (" ".join("A" * (PARTS_MAX + 1)), f"at most {PARTS_MAX} parts"),
    ],
)
def test_what_is_no_path_is_refused_with_its_wrong_word(text: str, why: str) -> None:
    with pytest.raises(LocalProtocolError, match=why):
        parse_path(text)


def test_a_long_wrong_word_is_not_shown_whole() -> None:
    with pytest.raises(LocalProtocolError) as refused:
        parse_path("x" * 1000 + "!")
    assert len(str(refused.value)) < 100


def test_the_deepest_path_passes() -> None:
    assert len(parse_path(" ".join("A" * PARTS_MAX))) == PARTS_MAX


@pytest.mark.parametrize(
    ("path", "shown", "in_table"),
    [
        (CONNECTED, "Video Input Connector 2 Connected", "Video Input Connector[n] Connected"),
        (("Audio", "Volume"), "Audio Volume", "Audio Volume"),
        (("Call", 3), "Call 3", "Call[n]"),
        ((), "", ""),
    ],
)
def test_a_path_prints_for_the_command_line_and_for_the_table(path: Path, shown: str, in_table: str) -> None:
    assert words(path) == shown
    assert shape(path) == in_table


def test_names_compare_without_case_and_numbers_as_numbers() -> None:
    assert folded(("AirPlay", 2, "STATUS")) == folded(("airplay", 2, "Status"))
    assert folded(("Call", 2)) != folded(("Call", 3))


word = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,12}", fullmatch=True)
paths = st.lists(st.tuples(word, st.none() | st.integers(0, INDEX_MAX)), min_size=1, max_size=PARTS_MAX // 2).map(
    lambda pairs: tuple(part for pair in pairs for part in pair if part is not None)
)


@given(paths)
def test_printing_and_reading_a_path_loses_nothing(path: Path) -> None:
    assert parse_path(words(path)) == path
    assert parse_path("/" + "/".join(map(str, path))) == path
    assert parse_path(".".join(map(str, path))) == path


@given(st.text() | st.text(alphabet="Call3[]/. -*'@=\"", max_size=60))
def test_any_text_is_a_path_or_refused(text: str) -> None:
    try:
        path = parse_path(text)
    except LocalProtocolError:
        return
    assert isinstance(path[0], str)
    assert parse_path(words(path)) == path


def test_every_leaf_of_the_table_is_a_path() -> None:
    for text in nodes().paths("Status") + nodes().paths("Configuration"):
        assert shape(parse_path(text.replace("[n]", "[1]"))) == text
