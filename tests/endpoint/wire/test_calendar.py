from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from endpoint.wire.calendar import (
    CREATE,
    CREATE_MINIMAL,
    DELETE,
    EVER,
    FREE_BUSY,
    MAX_RANGE,
    MEETING_EVENTS,
    MEETING_MEMBER,
    MINIMAL_EVENTS,
    UPDATE,
    UPDATE_MINIMAL,
    ListQuery,
    Page,
    Window,
    catch_up_query,
    event_path,
    meeting_event_data,
    next_offset,
    parse_event_path,
    parse_list_query,
    parse_meeting,
    parse_meeting_event,
    parse_page,
)
from endpoint.wire.codec import encode
from endpoint.wire.conventions import format_instant
from endpoint.wire.errors import RemoteProtocolError
from endpoint.wire.meeting import JoinInfo, Link, Meeting
from tests.endpoint.wire.nearly import json_values, nearly

NOW = datetime(2022, 4, 24, 18, 58, 17, 284_000, tzinfo=UTC)
QUERY = "max=50&offset=0&fromDate=2022-04-23T18:58:17.284Z&toDate=2022-04-25T18:58:17.284Z&compact=true"


def _meeting(name: str, start: str = "2022-04-24T20:00:00.000Z", minutes: int = 30) -> Meeting:
    return Meeting(id=name, start=start, duration_minutes=minutes)


# ---- catch-up ----


def test_the_query_of_the_slides() -> None:
    assert catch_up_query(Window.around(NOW)) == QUERY
    assert catch_up_query(Window.around(NOW), 100) == QUERY.replace("offset=0", "offset=100")


@pytest.mark.parametrize(
    ("offset", "received", "following"),
    [(0, 0, None), (0, 49, None), (0, 50, 50), (50, 50, 100), (0, 51, 50), (1900, 50, 1950), (1950, 50, None)],
)
def test_a_full_page_asks_for_the_next_up_to_forty(offset: int, received: int, following: int | None) -> None:
    assert next_offset(offset, received) == following


def test_forty_pages_are_all() -> None:
    offset, pages = next_offset(0, 50), 1
    while offset is not None:
        offset, pages = next_offset(offset, 50), pages + 1
    assert pages == 40


# ---- the service's side of the list ----


def test_the_query_of_the_device_is_read() -> None:
    assert parse_list_query(dict(parse_qsl(QUERY))) == ListQuery(Window.around(NOW), 50, 0, compact=True)


def test_a_query_without_members_asks_for_everything() -> None:
    assert parse_list_query({}) == ListQuery(EVER)


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ({"max": "0"}, "max"),
        ({"max": "201"}, "max"),
        ({"max": "-1"}, "max"),
        ({"max": "many"}, "max"),
        ({"max": "9" * 5000}, "max"),
        ({"offset": "-1"}, "offset"),
        ({"fromDate": "yesterday"}, "fromDate"),
        ({"toDate": ""}, "toDate"),
        ({"compact": "maybe"}, "compact"),
    ],
)
def test_bad_queries_name_the_member(query: dict[str, str], where: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse_list_query(query)
    assert caught.value.where == where


instants = st.datetimes(timezones=st.just(UTC)).map(format_instant)
queries = st.fixed_dictionaries(
    {
        "max": st.integers(1, 200).map(str),
        "offset": st.integers(0, 5_000).map(str),
        "fromDate": instants,
        "toDate": instants,
        "compact": st.sampled_from(["", "true", "False", "TRUE"]),
    },
)


@st.composite
def _spoiled(draw: st.DrawFn) -> dict[str, str]:
    spoiled = draw(queries.flatmap(nearly))
    return {name: str(value) for name, value in spoiled.items()} if isinstance(spoiled, dict) else {}


def _printed(asked: ListQuery) -> dict[str, str]:
    members = {
        "offset": str(asked.offset),
        "fromDate": asked.window.start.isoformat(),
        "toDate": asked.window.end.isoformat(),
        "compact": str(asked.compact),
    }
    return members if asked.limit is None else {**members, "max": str(asked.limit)}


@given(
    queries
    | _spoiled()
    | st.dictionaries(st.sampled_from(["max", "offset", "fromDate", "toDate", "compact"]), st.text())
)
def test_any_query_is_read_or_refused(query: dict[str, str]) -> None:
    try:
        asked = parse_list_query(query)
    except RemoteProtocolError:
        return
    assert asked.offset == int(query.get("offset", 0))
    assert asked.limit == (int(query["max"]) if "max" in query else None)
    assert asked.limit is None or asked.limit in MAX_RANGE
    assert asked.window.start == (datetime.fromisoformat(query["fromDate"]) if "fromDate" in query else EVER.start)
    assert asked.window.end == (datetime.fromisoformat(query["toDate"]) if "toDate" in query else EVER.end)
    assert asked.compact is (query.get("compact", "").lower() == "true")
    assert parse_list_query(_printed(asked)) == asked
    assert parse_list_query({**query, "zone": "x"}) == asked


def test_a_page_is_cut_from_the_window_in_order_of_start_then_id() -> None:
    meetings = [
        _meeting("d", "2022-04-24T21:00:00Z"),
        _meeting("b"),
        _meeting("a"),
        _meeting("over", "2022-04-23T18:00:00Z", 58),
        _meeting("just in", "2022-04-23T18:00:00Z", 59),
        _meeting("too late", "2022-04-25T18:58:17.284Z"),
    ]
    window = Window.around(NOW)
    assert [m.id for m in ListQuery(window).page(meetings)] == ["just in", "a", "b", "d"]
    assert [m.id for m in ListQuery(window, 2, 1).page(meetings)] == ["a", "b"]
    assert ListQuery(window, 50, 50).page(meetings) == []
    assert len(ListQuery(EVER).page(meetings)) == 6


@given(st.lists(st.integers(-3000, 3000), max_size=250), st.integers(1, 200))
def test_paging_through_gives_each_meeting_of_the_window_once(minutes: list[int], size: int) -> None:
    meetings = [_meeting(f"{i}", (NOW + timedelta(minutes=m)).isoformat()) for i, m in enumerate(minutes)]
    window, seen, offset = Window.around(NOW), list[Meeting](), 0
    while page := ListQuery(window, size, offset).page(meetings):
        seen, offset = seen + page, offset + size
    assert seen == ListQuery(window).page(meetings)


# ---- ids in paths ----


def test_the_id_of_the_slides() -> None:
    path = "/calendarEvents/ZTAyYzZjNjYtNzBiYS02NWI1LThiMWYtYzY4YWZhZDc2OGI5"
    assert event_path("e02c6c66-70ba-65b5-8b1f-c68afad768b9") == path
    assert parse_event_path(path.rpartition("/")[2]) == "e02c6c66-70ba-65b5-8b1f-c68afad768b9"
    assert (
        parse_event_path("OTczNTkzZTctYjhjZS02MjVkLTljZTctOWJjNmJkZWRjMDNm") == "973593e7-b8ce-625d-9ce7-9bc6bdedc03f"
    )
    assert event_path("AAMk-1") == "/calendarEvents/QUFNay0x"


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_every_form_of_base64_is_accepted(meeting_id: str) -> None:
    standard = base64.b64encode(meeting_id.encode()).decode()
    urlsafe = base64.urlsafe_b64encode(meeting_id.encode()).decode()
    for text in (standard, urlsafe, standard.rstrip("="), urlsafe.rstrip("=")):
        assert parse_event_path(text) == meeting_id
    assert parse_event_path(event_path(meeting_id).rpartition("/")[2]) == meeting_id


@pytest.mark.parametrize("segment", ["", "=", "A", "AAAAA", "QQ=", "QQ===", "Q Q=", "+-AA", "/w==", "QQ==\n", "ü"])
def test_segments_that_are_no_base64_of_text(segment: str) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_event_path(segment)


segments = st.text(st.sampled_from("a~?>\xff") | st.characters(codec="utf-8"), min_size=1, max_size=20).map(
    lambda text: base64.b64encode(text.encode()).decode()
)


@given(
    st.text()
    | st.from_regex(r"[A-Za-z0-9+/_=-]{0,12}", fullmatch=True)
    | segments
    | segments.map(lambda text: text.replace("+", "-").replace("/", "_"))
    | st.builds(lambda text, at, junk: text[:at] + junk + text[at + 1 :], segments, st.integers(0, 30), st.text("Qx-/=", max_size=2))
)  # fmt: skip
def test_any_segment_names_an_event_or_is_refused(segment: str) -> None:
    try:
        meeting_id = parse_event_path(segment)
    except RemoteProtocolError:
        return
    canonical = event_path(meeting_id).rpartition("/")[2]
    plain = segment.rstrip("=").replace("+", "-").replace("/", "_")
    assert (len(plain), plain[:-1]) == (len(canonical), canonical[:-1])  # the last character may have bits to spare
    assert parse_event_path(canonical) == meeting_id


# ---- answers ----


def test_a_page_with_a_bad_item_keeps_the_good_ones() -> None:
    good = json.loads(encode(_meeting("a")))
    page = parse_page(json.dumps({"items": [good, {"id": "b"}, 5, {**good, "id": "c"}]}).encode())
    assert [received.meeting.id for received in page.meetings] == ["a", "c"]
    assert [error.where for error in page.rejected] == ["calendarEvents.items[1].start", "calendarEvents.items[2]"]
    assert page.count == 4


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"items":{}}', b'{"items":' + b"[" * 100_000])
def test_no_page(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_page(body)


def test_one_event_is_read() -> None:
    assert parse_meeting(encode(_meeting("a"))).meeting == _meeting("a")


FULL = Meeting(
    id="a",
    series_id="s",
    start="2022-04-24T20:00:00.000Z",
    duration_minutes=30,
    meeting_join_info=JoinInfo(meeting_join_uri="sip:a@webex.test"),
    links=(Link(href="https://a.test/a", rel="self"),),
)
DTO: dict[str, Any] = json.loads(encode(FULL))


@given(st.binary() | nearly({"items": [DTO, {"id": "b", "start": "2022-04-24T20:00:00+02:00"}]}).map(encode))
def test_any_page_is_read_item_by_item_or_refused(body: bytes) -> None:
    try:
        page = parse_page(body)
    except RemoteProtocolError:
        return
    items = json.loads(body)["items"]
    assert page.count == len(items) == len(page.meetings) + len(page.rejected)
    rejected = {error.where.partition("]")[0] for error in page.rejected}
    read = [item for i, item in enumerate(items) if f"calendarEvents.items[{i}" not in rejected]
    assert [received.members for received in page.meetings] == read
    assert parse_page(encode({"items": read})) == Page(page.meetings, len(page.meetings))


@given(st.binary() | nearly(DTO).map(encode))
def test_any_answer_is_a_meeting_or_refused(body: bytes) -> None:
    try:
        received = parse_meeting(body)
    except RemoteProtocolError:
        return
    assert received.members == json.loads(body)
    assert parse_meeting(encode(received.members)) == received
    assert parse_meeting(encode(received.meeting)).meeting == received.meeting


# ---- events ----


@pytest.mark.parametrize("event_type", [CREATE, UPDATE])
def test_full_events_carry_the_meeting(event_type: str) -> None:
    event = parse_meeting_event(meeting_event_data(event_type, _meeting("a")))
    assert (event.event_type, event.meeting_id, event.is_minimal) == (event_type, "a", False)
    assert event.received is not None
    assert event.received.meeting == _meeting("a")


@pytest.mark.parametrize("event_type", [CREATE_MINIMAL, UPDATE_MINIMAL])
def test_minimal_events_carry_little_and_ask_for_a_fetch(event_type: str) -> None:
    meeting = Meeting(id="a", series_id="s", start="2022-04-24T20:00:00.000Z", organizer="o")
    data = meeting_event_data(event_type, meeting)
    assert data["calendarMeetingExternal"] == {"id": "a", "seriesId": "s", "start": "2022-04-24T20:00:00.000Z"}
    event = parse_meeting_event(data)
    assert (event.meeting_id, event.is_minimal, event.received) == ("a", True, None)


def test_of_a_delete_only_the_id_is_used() -> None:
    event = parse_meeting_event({"eventType": DELETE, "calendarMeetingExternal": {"id": "a", "start": 5}})
    assert (event.meeting_id, event.is_minimal, event.received) == ("a", False, None)


@pytest.mark.parametrize(
    ("data", "where"),
    [
        ({"eventType": FREE_BUSY}, "data.eventType"),
        ({"eventType": []}, "data.eventType"),
        ({"eventType": CREATE}, "data.calendarMeetingExternal"),
        ({"eventType": DELETE, "calendarMeetingExternal": {"id": ""}}, "data.calendarMeetingExternal.id"),
        ({"eventType": CREATE, "calendarMeetingExternal": {"id": "a"}}, "data.calendarMeetingExternal.start"),
    ],
)
def test_bad_events_name_the_member(data: dict[str, Any], where: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse_meeting_event(data)
    assert caught.value.where == where


good_data = st.sampled_from([meeting_event_data(kind, FULL) for kind in sorted(MEETING_EVENTS)])


@given(
    good_data.flatmap(nearly).filter(lambda data: isinstance(data, dict))
    | st.fixed_dictionaries({"eventType": st.sampled_from(sorted(MEETING_EVENTS)), MEETING_MEMBER: json_values})
)
def test_any_event_tells_of_a_meeting_or_is_refused(data: dict[str, Any]) -> None:
    try:
        event = parse_meeting_event(data)
    except RemoteProtocolError:
        return
    assert (event.event_type, event.meeting_id) == (data["eventType"], data[MEETING_MEMBER]["id"])
    assert (event.received is None) is (event.event_type == DELETE or event.event_type in MINIMAL_EVENTS)
    if event.received is not None:
        assert event.received.meeting.id == event.meeting_id
        assert event.received.members == data[MEETING_MEMBER]
    assert parse_meeting_event({**data, "zone": 5}) == event
