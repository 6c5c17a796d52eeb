"""Lines split into words, names and values. Source: protocol/xapi.md 4.3."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.xapi.terminal import quoted
from endpoint.wire.xapi.tokens import tokens


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("Audio Volume", [("word", "Audio"), ("word", "Volume")]),
        ("Audio Volume Set Level: 30", [("word", "Audio"), ("word", "Volume"), ("word", "Set"), ("name", "Level"), ("value", "30")]),
        ("Dial Number:sip:a@b.test", [("word", "Dial"), ("name", "Number"), ("value", "sip:a@b.test")]),
        ('Text: "a \\"b\\" c" Duration: 3', [("name", "Text"), ("value", 'a "b" c'), ("name", "Duration"), ("value", "3")]),
        ('Name:"Huddle 1"', [("name", "Name"), ("value", "Huddle 1")]),
        ("DefaultVolume : 50", [("name", "DefaultVolume"), ("value", "50")]),
        ('X: "\\ud800"', [("name", "X"), ("value", "\\ud800")]),
        ('X: "half', [("name", "X"), ("value", "half")]),
        ('X: "half\\', [("name", "X"), ("value", "half")]),
        ("X: Y: 3", [("name", "X"), ("value", "Y:"), ("word", "3")]),
        ('Audio | resultId="a b"', [("word", "Audio"), ("tag", '| resultId="a b"')]),
        ("X: a|b", [("name", "X"), ("value", "a|b")]),
        ("/Status/Call[@item='3']", [("word", "/Status/Call[@item='3']")]),
        ("", []),
        (" \t ", []),
        (":", [("name", "")]),
    ],
)  # fmt: skip
def test_pieces_of_a_line(line: str, found: list[tuple[str, str]]) -> None:
    assert [(token.kind, token.text) for token in tokens(line)] == found


def test_open_quote_is_seen() -> None:
    assert [(token.is_quoted, token.is_open) for token in tokens('A: "b" C: "d')] == [
        (False, False),
        (True, False),
        (False, False),
        (True, True),
    ]


@given(st.text(alphabet=st.sampled_from("ab:\"\\| \t\n'é/")))
def test_every_line_splits_into_pieces_in_their_order(line: str) -> None:
    found = tokens(line)
    ends = [0, *(token.end for token in found)]
    for token, before in zip(found, ends, strict=False):
        assert before <= token.start < token.end <= len(line)
    covered = {at for token in found for at in range(token.start, token.end)}
    assert all(line[at] in " \t" for at in range(len(line)) if at not in covered)


@given(st.text())
def test_what_is_quoted_comes_back(text: str) -> None:
    (name, value) = tokens(f"Text: {quoted(text)}")
    assert (name.text, value.text, value.is_open) == ("Text", text, False)
