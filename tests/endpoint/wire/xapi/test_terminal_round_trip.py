"""What the terminal prints can be read back, and says the same as the JSON forms. Source: protocol/xapi.md 4.4, 4.5."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.xapi.jsonform import at, strings, typed
from endpoint.wire.xapi.leaves import Leaf, Mark
from endpoint.wire.xapi.nodes import Branch, Node, Value, nodes
from endpoint.wire.xapi.paths import Path
from endpoint.wire.xapi.spaces import ValueSpace
from endpoint.wire.xapi.terminal import lines, quoted, read_lines, unescaped

LEAVES = [*nodes().leaves("Status"), *nodes().leaves("Configuration")]


def values(space: ValueSpace) -> st.SearchStrategy[Value]:
    if space.kind == "literal":
        return st.sampled_from(space.literals)
    if space.kind == "integer":
        return st.integers(-(10**12), 10**12)
    return st.text(st.characters(exclude_categories=["Cs"]))


def path_of(branch: Branch, node: Node, number: int) -> Path:
    parts: list[str | int] = [branch]
    elements = iter(node.elements)
    for word in node.path.split(" "):
        name, bracket, _ = word.partition("[")
        parts.append(name)
        if bracket:
            known = next(elements)
            parts.append(number if known is None else known[number % len(known)])
    return tuple(parts)


@st.composite
def leaves(draw: st.DrawFn) -> list[Leaf]:
    rows = draw(st.lists(st.sampled_from(LEAVES), max_size=8))
    found: dict[Path, Value] = {}
    for row in rows:
        found[path_of(row.branch, row, draw(st.integers(1, 60)))] = draw(values(row.space))
    return list(found.items())


@given(leaves())
def test_leaves_of_the_table_come_back_as_they_were(given: list[Leaf]) -> None:
    printed = lines(given)
    assert all("\n" not in line and "\r" not in line for line in printed)
    assert read_lines(printed) == given
    assert strings(read_lines(printed)) == strings(given)
    assert typed(read_lines(printed)) == typed(given)
    for path, value in given:
        assert at(strings(given), path)["Value"] == str(value)


@st.composite
def events(draw: st.DrawFn) -> list[Leaf]:
    event = draw(st.sampled_from(nodes().events))
    root: Path = ("Event", *event.path.split(" "))
    found: dict[Path, Value | Mark] = {}
    for field in event.fields:
        parts = [part for word in field.name.split(" ") for part in _numbered(word)]
        found[*root, *parts] = draw(values(field.space))
    return list(found.items()) or [(root, Mark.NODE)]


def _numbered(word: str) -> list[str | int]:
    return [word.removesuffix("[n]"), 1] if word.endswith("[n]") else [word]


@given(events())
def test_events_come_back_as_they_were(given: list[Leaf]) -> None:
    assert read_lines(lines(given)) == given


NAMES = st.from_regex(r"[A-Z][A-Za-z]{0,9}", fullmatch=True)
ANY = st.one_of(
    st.integers(-(10**12), 10**12), st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from(list(Mark))
)


@given(st.dictionaries(st.tuples(NAMES, NAMES, st.integers(1, 99)), ANY, max_size=5))
def test_results_come_back_as_they_were(given: dict[Path, Value | Mark]) -> None:
    shown: list[Leaf] = [(("Result", *path), value) for path, value in given.items()]
    assert read_lines(lines(shown)) == shown


@pytest.mark.parametrize(
    ("leaf", "line"),
    [
        ((("Status", "Call", 3), Mark.GHOST), "*s Call 3 (ghost=True):"),
        ((("Configuration", "Macros", "Macro", 3), Mark.GHOST), "*c xConfiguration Macros Macro 3 (ghost=True):"),
        ((("Event", "Bookings", "Updated"), Mark.NODE), "*e Bookings Updated:"),
        ((("Event", "Audio", "MicrophonesMuteStatus", "Mute"), "Off"), '*e Audio MicrophonesMuteStatus Mute: "Off"'),
        ((("Event", "BootEvent", "Action"), "Restart"), "*e BootEvent Action: Restart"),
        ((("Event", "CallDisconnect", "CauseType"), "LocalDisconnect"), '*e CallDisconnect CauseType: "LocalDisconnect"'),
        ((("Event", "CallDisconnect", "CallId"), 3), "*e CallDisconnect CallId: 3"),
        ((("Result", "DialResult", "CallId"), 3), "*r DialResult CallId: 3"),
        ((("Result", "DialResult", "Info"), "a"), '*r DialResult Info: "a"'),
        ((("Status", "Audio", "Microphones", "Mute"), "two words\n"), '*s Audio Microphones Mute: "two words\\n"'),
    ],
)  # fmt: skip
def test_marks_events_and_results(leaf: Leaf, line: str) -> None:
    assert lines([leaf]) == [line]
    assert read_lines([line]) == [leaf]


def test_what_is_no_leaf_is_passed_over() -> None:
    answer = ["xStatus Audio Volume", "*s Audio Volume: 50", '** resultId: "7"', "** end", "", "OK", ""]
    assert read_lines(answer) == [(("Status", "Audio", "Volume"), 50)]
    assert read_lines(["*r DialResult (status=OK):"]) == [(("Result", "DialResult", "status"), "OK")]


@pytest.mark.parametrize(
    "line", ["*s ", "*s Audio Volume", "*s : 5", '*s Audio Volume: "', '*s Audio Volume: "\\ud800"']
)
def test_half_a_leaf_is_refused(line: str) -> None:
    with pytest.raises(RemoteProtocolError):
        read_lines([line])


@given(st.lists(st.text(), max_size=5))
def test_any_lines_are_read_or_refused(text: list[str]) -> None:
    given = [prefix + line for line in text for prefix in ("*s ", "*e ", "")]
    try:
        found = read_lines(given)
    except RemoteProtocolError:
        return
    assert all(path[0] in ("Status", "Event", "Configuration", "Result") for path, _ in found)
    assert len(found) <= len(given)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_quoted_text_is_one_line_and_reads_as_it_was(text: str) -> None:
    shown = quoted(text)
    assert len(shown.splitlines()) == 1
    assert unescaped(shown[1:-1]) == text
