"""Whatever a client sends, Graph does it or refuses it in its own words; and queries select what a naive reader would."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mailbox_world import ANNA, BO, ROOM, START, Office

from cloud_stub.hybrid_calendar.mailboxes.drafts import Draft, invited
from cloud_stub.hybrid_calendar.mailboxes.errors import CalendarError
from cloud_stub.hybrid_calendar.platforms.graph_json import EventIn, event_json, preview, read_fields, recurrence_json
from cloud_stub.hybrid_calendar.platforms.graph_query import BadQuery, parse_query
from cloud_stub.hybrid_calendar.platforms.graph_schedule import availability, schedule_json
from cloud_stub.hybrid_calendar.platforms.hooks import check_url
from cloud_stub.platform.errors import BoundHit
from cloud_stub.platform.mailbox_records import EventKind
from endpoint.wire import codec
from endpoint.wire.errors import RemoteProtocolError

texts = st.one_of(st.text(max_size=8), st.sampled_from(["", "UTC", "Europe/Oslo", "W. Europe Standard Time", "Mars"]))
INSTANTS = (
    "2026-03-03T09:00:00", "2026-03-29T02:30:00.0000000", "2026-10-25T00:00:00", "2026-03-03T09:00:00+02:00", "0001-01-01T00:00:00",
    "9999-12-31T23:59:59", "9999-12-31T23:59:59-12:00", "2026-03-03", "noon",
)  # fmt: skip
times = st.one_of(st.sampled_from(INSTANTS), st.text(max_size=6))
points = st.fixed_dictionaries({"dateTime": times}, optional={"timeZone": st.one_of(st.none(), texts)})
numbers = st.one_of(st.integers(-2, 32), st.just(10**6))
patterns = st.fixed_dictionaries(
    {"type": st.sampled_from(["daily", "weekly", "absoluteMonthly", "relativeMonthly", "absoluteYearly", "relativeYearly", "hourly"])},
    optional={
        "interval": numbers, "daysOfWeek": st.lists(st.sampled_from(["monday", "Friday", "noday"]), max_size=3), "dayOfMonth": numbers,
        "month": numbers, "index": st.sampled_from(["first", "last", "fifth"]), "firstDayOfWeek": st.sampled_from(["monday", "x"]),
    },
)  # fmt: skip
ranges = st.fixed_dictionaries(
    {"type": st.sampled_from(["noEnd", "endDate", "numbered", "ever"])},
    optional={"endDate": st.sampled_from(["2026-03-31", "9999-12-31", "0001-01-01", "x"]), "numberOfOccurrences": numbers},
)  # fmt: skip
bodies = st.fixed_dictionaries({"contentType": st.sampled_from(["html", "HTML", "text", "rtf"]), "content": texts})
addresses = st.fixed_dictionaries({"address": st.sampled_from([ROOM, BO, "x", "é@x"])})
recurrences = st.fixed_dictionaries({"pattern": patterns, "range": ranges})
events = st.fixed_dictionaries(
    {"start": points, "end": points},
    optional={
        "subject": st.one_of(st.none(), st.text(max_size=300)), "isAllDay": st.booleans(), "sensitivity": texts, "showAs": texts,
        "body": st.one_of(st.none(), bodies), "attendees": st.lists(st.fixed_dictionaries({"emailAddress": addresses}), max_size=3),
        "recurrence": st.one_of(st.none(), recurrences), "categories": st.lists(texts, max_size=2),
    },
)  # fmt: skip
MEMBERS = ("start", "end", "subject", "body", "recurrence", "attendees", "x")
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), texts),
    lambda one: st.one_of(st.lists(one, max_size=3), st.dictionaries(st.sampled_from(MEMBERS), one, max_size=4)),
    max_leaves=6,
)


def attempt(office: Office, sent: Any) -> None:
    """Book and change what was sent; only documented refusals may leave."""
    try:
        fields = read_fields(codec.decode(json.dumps(sent).encode(), EventIn))
        if "start" not in fields or "end" not in fields:
            return
        made = office.store.create(ANNA, Draft(**fields))
        office.store.update(ANNA, made.id, **fields)
        shown = event_json(office.store.event(ANNA, made.id), "Europe/Oslo")
        assert codec.encode(shown)
        if made.kind is EventKind.MASTER:
            assert recurrence_json(made) is not None
            office.store.instances(ANNA, made.id, START, START + timedelta(days=400))
    except (CalendarError, RemoteProtocolError, BoundHit):
        return


@settings(max_examples=300, deadline=None)
@given(sent=st.one_of(events, anything))
def test_any_event_is_booked_or_refused(sent: Any) -> None:
    office = Office()
    attempt(office, sent)
    assert all(event.end >= event.start for address in (ANNA, ROOM, BO) for event in office.on(address))


@settings(max_examples=200)
@given(
    name=st.sampled_from(["$filter", "$orderby", "$select", "$top", "$skip", "$expand", "$count", "$search", "x"]),
    text=st.one_of(st.text(max_size=40), st.lists(st.sampled_from(
        ["start/dateTime", "subject", "eq", "ge", "'a'", "'", "and", "or", "true", "(", ")", "contains(subject,'a')", "isCancelled",
         "2026-03-02",
         "singleValueExtendedProperties($filter=id eq 'a')", "singleValueExtendedProperties/any(x:x/id eq 'a' and x/value eq 'b')"]
    ), max_size=7).map(" ".join)),
)  # fmt: skip
def test_any_query_is_understood_or_refused(name: str, text: str) -> None:
    office = Office()
    made = office.store.create(ANNA, Draft(start=START, end=START, subject="a"))
    try:
        query = parse_query({name: text})
    except BadQuery:
        return
    assert query.apply([made]) in ([], [made])
    query.cut(event_json(made, show=query.shows_property))


questions = st.fixed_dictionaries(
    {
        "schedules": st.lists(st.sampled_from([ROOM, ANNA, "x"]), min_size=1, max_size=3),
        "starttime": st.fixed_dictionaries({"dateTime": st.sampled_from(["2026-03-03T09:00:00", "2026-03-29T02:30:00"])}),
        "endtime": st.fixed_dictionaries({"dateTime": st.sampled_from(["2026-03-03T09:00:01", "2026-03-29T10:00:00"])}),
    },
    optional={"availabilityviewinterval": st.integers(1, 2000)},
)  # fmt: skip
spoiled = st.dictionaries(
    st.sampled_from(["schedules", "starttime", "endtime", "availabilityviewinterval"]),
    st.one_of(anything, points, st.just([ROOM]), st.integers(-1, 2000)),
    max_size=2,
)


@settings(max_examples=200)
@given(asked=st.builds(lambda sound, changed: {**sound, **changed}, questions, spoiled))
def test_any_question_for_free_and_busy_is_answered_or_refused(asked: dict[str, Any]) -> None:
    try:
        answer = schedule_json(Office().store, asked, "UTC")
    except CalendarError:
        return
    assert [one["scheduleId"] for one in answer] == asked["schedules"]
    assert all(("error" in one) != (set(one["availabilityView"]) == {"0"}) for one in answer), "the office is empty"


@given(
    url=st.one_of(
        st.text(max_size=30),
        st.sampled_from(["http://[", "http://x:99999/", "http://127.0.0.1:0/", "https://a.test@evil.example/"]),
    )
)
def test_any_url_is_near_or_refused(url: str) -> None:
    try:
        check_url(url)
    except CalendarError:
        return
    host = url.split("//", 1)[1]
    assert host.startswith(("127.", "localhost", "[::1]")) or ".test" in host


@given(page=st.text(alphabet="<>/abp&;!-= ", max_size=60))
def test_any_page_has_a_preview(page: str) -> None:
    assert len(preview(page, "html")) <= 255


def test_query_conditions_hold_together() -> None:
    office = Office()
    made = [
        office.store.create(
            ANNA, Draft(start=START + timedelta(days=n), end=START + timedelta(days=n, hours=1), subject=f"It's {n}")
        )
        for n in range(5)
    ]
    office.store.update(ANNA, made[2].id, properties={"key": "it's"})
    listed = office.store.events(ANNA)
    for text, numbers_ in (
        ("start/dateTime ge '2026-03-04T08:00:00Z' and end/dateTime lt '2026-03-06T00:00:00'", [2, 3]),
        ("startswith(subject,'it''s') and subject ne 'it''s 0'", [1, 2, 3, 4]),
        ("singleValueExtendedProperties/Any(ep: ep/id eq 'key' and ep/value eq 'it''s')", [2]),
        (f"iCalUId eq '{made[4].uid}'", [4]),
        ("type eq 'seriesMaster'", []),
    ):
        assert [one.subject[-1] for one in parse_query({"$filter": text}).apply(listed)] == [
            str(n) for n in numbers_
        ], text


@pytest.mark.parametrize(("minutes", "view"), [(30, "0022000"), (60, "0200"), (15, "00000222000000"), (1440, "2")])
def test_availability_counts_every_step_that_is_touched(minutes: int, view: str) -> None:
    office = Office()
    start = datetime(2026, 3, 3, 8, tzinfo=UTC)
    office.store.create(
        ANNA, Draft(start=start + timedelta(minutes=75), end=start + timedelta(minutes=120), attendees=invited(ROOM))
    )
    events_ = office.store.occurrences(ROOM, start, start + timedelta(hours=3.5))
    assert availability(events_, start, start + timedelta(hours=3.5), timedelta(minutes=minutes)) == view


def test_reading_of_a_whole_event_loses_nothing() -> None:
    office = Office()
    sent = {
        "subject": "a", "start": {"dateTime": "2026-03-03T09:00:00", "timeZone": "Europe/Oslo"}, "importance": "high",
        "end": {"dateTime": "2026-03-03T10:00:00", "timeZone": "Europe/Oslo"}, "categories": ["x"], "isReminderOn": False,
        "@odata.type": "#microsoft.graph.event", "onlineMeeting": {"unknown": 1},
    }  # fmt: skip
    made = office.store.create(ANNA, Draft(**read_fields(msgspec.convert(sent, EventIn))))
    shown = event_json(made, "Europe/Oslo")
    assert {name: shown[name] for name in ("subject", "importance", "categories", "isReminderOn")} == {
        "subject": "a", "importance": "high", "categories": ["x"], "isReminderOn": False,
    }  # fmt: skip
    again = read_fields(msgspec.convert(shown, EventIn))
    assert (again["subject"], again["extra"]["importance"], again["start"]) == ("a", "high", datetime(2026, 3, 3, 9))  # noqa: DTZ001
