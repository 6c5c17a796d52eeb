"""Queries: the spellings of the doors, and what they match."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.xapi import query as query_module
from endpoint.wire.xapi.paths import PARTS_MAX, Path
from endpoint.wire.xapi.query import QUERY_CHARS_MAX, Begins, Query, Span, Wild, query_of_list, query_of_text

VOLUME: Path = ("status", "audio", "volume")
CALL: Path = ("status", "call", 3, "status")
WIDTH: Path = ("status", "video", "input", "source", 2, "resolution", "width")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("/Status/Audio/Volume", ("status", "audio", "volume")),
        ("Status/Audio/", ("status", "audio")),
        ("Status Call 3 Status", ("status", "call", 3, "status")),
        ("/Status/Video/Input/Connector[@item='3']/Connected", ("status", "video", "input", "connector", 3, "connected")),
        ('/Status/Call[@item="3"]', ("status", "call", 3)),
        ("Status/Call[3]", ("status", "call", 3)),
        ("Status.Call[*].Status", ("status", "call", Wild.ONE, "status")),
        ("Configuration.FacilityService.Service[1..3].Name", ("configuration", "facilityservice", "service", Span(1, 3), "name")),
        ("RoomAnalytics.*", ("roomanalytics", Wild.ONE)),
        ("Status/**/DisplayName", ("status", Wild.DEEP, "displayname")),
        ("Status//vid//res//wid", ("status", Wild.DEEP, Begins("vid"), Wild.DEEP, Begins("res"), Wild.DEEP, Begins("wid"))),
        ("//Volume", (Wild.DEEP, Begins("volume"))),
        ("Event", ("event",)),
    ],
)  # fmt: skip
def test_every_spelling_is_read(text: str, parts: tuple[object, ...]) -> None:
    assert query_of_text(text).parts == parts


@pytest.mark.parametrize(
    ("given_list", "parts"),
    [
        (["Status", "Audio", "Volume"], ("status", "audio", "volume")),
        (["Status", "Call", 3], ("status", "call", 3)),
        (["Status", "Call", "3"], ("status", "call", 3)),
        (["Status", "**", "DisplayName"], ("status", Wild.DEEP, "displayname")),
        (["status", "*"], ("status", Wild.ONE)),
    ],
)
def test_the_list_of_the_websocket_is_read(given_list: list[object], parts: tuple[object, ...]) -> None:
    assert query_of_list(given_list).parts == parts


@pytest.mark.parametrize(
    "text",
    ["", "/", "3", "//3", "Status//3",
     "/3/Status", "**", "//", "Call[", "Call]", "Call[a]", "Call[3", "a" * (QUERY_CHARS_MAX + 1), "Call[99999999999]",
     "Sta tus[@item='3\"]", "é", " ".join(["A"] * (PARTS_MAX + 1)), "**/**", "A/**/b/**/c/**/d/**/e/**/f"],
)  # fmt: skip
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        query_of_text(text)


@pytest.mark.parametrize(
    "given_list", [[], [3], ["Status", True], ["Status", None], ["Status", ["x"]], ["Sta tus"], ["**"], [""]]
)
def test_what_is_no_list_of_parts_is_refused(given_list: list[object]) -> None:
    with pytest.raises(RemoteProtocolError):
        query_of_list(given_list)


@pytest.mark.parametrize(
    ("text", "path", "covers"),
    [
        ("Status", VOLUME, True),
        ("Status/Audio", VOLUME, True),
        ("Status/Audio/Volume", VOLUME, True),
        ("Status/Audio/VolumeMute", VOLUME, False),
        ("Status/Aud", VOLUME, False),
        ("Configuration", VOLUME, False),
        ("Status/Call", CALL, True),
        ("Status/Call/Status", CALL, True),
        ("Status/Call 3 Status", CALL, True),
        ("Status/Call 4 Status", CALL, False),
        ("Status/Call[*]/Status", CALL, True),
        ("Status/Call[2..3]", CALL, True),
        ("Status/Call[4..9]", CALL, False),
        ("Status/*/Status", CALL, True),
        ("Status/*/*/Status", CALL, True),
        ("Status/**/Status", CALL, True),
        ("**/Width", WIDTH, True),
        ("Status//vid//res//wid", WIDTH, True),
        ("Status//vid//hei", WIDTH, False),
        ("//Volume", VOLUME, True),
        ("Status/**/Volume", CALL, False),
    ],
)
def test_an_expression_covers_the_subtree_below_it(text: str, path: Path, covers: bool) -> None:
    assert query_of_text(text).covers(path) is covers


@pytest.mark.parametrize(
    ("text", "element", "reaches"),
    [
        ("Status/Call", ("status", "call", 3), True),
        ("Status/Call/Status", ("status", "call", 3), True),
        ("Status/Call 3 Status", ("status", "call", 3), True),
        ("Status/Call 4 Status", ("status", "call", 3), False),
        ("Status/Audio", ("status", "call", 3), False),
        ("Status", ("status", "call", 3), True),
    ],
)
def test_an_expression_reaches_the_elements_on_its_way(text: str, element: Path, reaches: bool) -> None:
    assert query_of_text(text).reaches(element) is reaches


def test_only_expressions_without_wildcards_are_plain() -> None:
    assert query_of_text("/Status/Call[3]/Status").plain == CALL
    assert query_of_text("Status/*").plain is None
    assert query_of_text("Status//vol").plain is None


_words = st.sampled_from(["a", "b", "status", "call"])
_paths = st.lists(st.one_of(_words, st.integers(1, 9)), min_size=1, max_size=6).map(lambda parts: ("status", *parts))


@given(_paths)
def test_a_path_covers_itself_and_what_is_below_and_nothing_else(path: Path) -> None:
    query = Query(path, "")
    assert query.covers(path)
    assert query.covers((*path, "z"))
    assert not query.covers(("configuration", *path[1:]))


@given(_paths, st.data())
def test_a_name_without_a_number_stands_for_all_elements(path: Path, data: st.DataObject) -> None:
    keep = data.draw(st.lists(st.booleans(), min_size=len(path), max_size=len(path)))
    parts = tuple(part for part, kept in zip(path, keep, strict=True) if isinstance(part, str) or kept)
    if any(isinstance(a, int) and isinstance(b, int) for a, b in itertools.pairwise(path)):
        return  # no tree has two numbers in a row
    assert Query(parts, "").covers(path)


@given(st.one_of(st.text(max_size=80), st.text("aA1/ .[]*@='\"..", max_size=40)))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        query = query_of_text(text)
    except RemoteProtocolError:
        return
    assert 0 < len(query.parts) <= PARTS_MAX
    assert not isinstance(query.parts[0], int)
    query.covers(CALL)
    query.reaches(WIDTH)


_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8)),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@given(st.lists(_json, max_size=30))
def test_any_list_is_read_or_refused(given_list: list[object]) -> None:
    try:
        query = query_of_list(given_list)
    except RemoteProtocolError:
        return
    assert len(query.parts) == len(given_list)


def test_several_double_asterisks_do_not_multiply(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = 0
    match = query_module._match

    def counting(*asked: Any, **how: Any) -> bool:
        nonlocal tried
        tried += 1
        return match(*asked, **how)

    monkeypatch.setattr(query_module, "_match", counting)
    query = query_of_list(["Status", "**", "*", "**", "*", "**", "*", "**", "zz"])
    path: Path = ("status", *(f"word{number}" for number in range(PARTS_MAX)))
    assert not query.covers(path)
    assert tried < 4 * (PARTS_MAX + 2) ** 2
    assert query.covers((*path, "zz"))
    assert not query.covers(("status", "a", "b", "zz"))
    assert query.covers(("status", "a", "b", "c", "zz"))
