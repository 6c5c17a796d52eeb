from __future__ import annotations

import re
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.runner import pattern
from scenarios.runner.pattern import Pattern, PatternError


@pytest.mark.parametrize(
    ("source", "text", "fits"),
    [
        ("abc", "abc", True),
        ("abc", "xabcx", False),
        ("^abc$", "abc", True),
        ("a.c", "a\nc", False),
        ("a|bc|", "", True),
        ("a|bc|", "bc", True),
        ("(?:ab)*", "ababab", True),
        ("(ab){2}", "abab", True),
        ("(ab){2}", "ab", False),
        ("a{2,}", "aaaa", True),
        ("a{1,2}", "aaa", False),
        ("a{0}", "", True),
        (r"\d{2}:\d{2}", "08:50", True),
        (r"\D\S\W", "a-!", True),
        ("[a-c]+", "abcabc", True),
        ("[^a-c]", "b", False),
        ("[]a]", "]", True),
        ("[a-]", "-", True),
        (r"[\d.]+", "26.4", True),
        (r"\(x\)\{\.\*", "(x){.*", True),
        (r"\t", "\t", True),
        ("()*", "", True),
        ("æ+", "ææ", True),
    ],
)
def test_pattern_covers_the_whole_text(source: str, text: str, fits: bool) -> None:
    assert fits == Pattern(source).matches(text)


@pytest.mark.parametrize(
    "source",
    ["(", ")", "a)", "[", "[]", "a{", "a{2,1}", "a{999}", "*a", "a**", "a+?", "\\", "\\1", "\\b", "(?=a)", "(?i)a",
     "a^", "$a", "[b-a]", "(?P<x>a)", "(" * 40 + ")" * 40, "a" * 501, "((a{100}){100}){2}"],
)  # fmt: skip
def test_pattern_that_cannot_be_used_is_refused(source: str) -> None:
    with pytest.raises(PatternError):
        Pattern(source)


def test_pattern_that_would_backtrack_for_ever_is_quick() -> None:
    text = "a" * 5_000
    assert not Pattern("(a+)+b").matches(text)
    assert not Pattern("(a|a)*(a|a)*(a|a)*b").matches(text)
    assert not Pattern("(a?){50}a{50}b").matches(text[:200])


def test_longer_text_than_the_bound_matches_nothing() -> None:
    assert not Pattern("a*").matches("a" * (pattern.TEXT_CHARACTERS_MAX + 1))


atoms = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\d", "c"])
patterns = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda two: f"(?:{two[0]}|{two[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}"])).map(lambda two: f"(?:{two[0]}){two[1]}"),
    ),
    max_leaves=6,
)


@given(patterns, st.text("abc1", max_size=8))
def test_pattern_agrees_with_python(source: str, text: str) -> None:
    assert (re.fullmatch(source, text) is not None) == Pattern(source).matches(text)


SIGNS = "ab()[]{}|*+?^$\\.,-012:="
spoiled = st.builds(
    lambda source, at, junk, cut: source[:at] + junk + source[at + cut :],
    patterns, st.integers(0, 20), st.text(SIGNS, max_size=3), st.integers(0, 1),
)  # fmt: skip


@given(st.text(SIGNS, max_size=40) | spoiled, st.text("ab(", max_size=8))
def test_any_pattern_is_refused_or_means_what_it_means_in_python(source: str, text: str) -> None:
    try:
        fits = Pattern(source).matches(text)
    except PatternError:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # set operations that Python may get one day
        assert fits is (re.fullmatch(source, text) is not None)
