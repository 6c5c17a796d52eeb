"""The journal: bounded, without secrets, and helpful about strangers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_stub.platform.journal import Journal, nearest, shown_query

KNOWN = [
    ("GET", "/wdm/api/v1/devices"),
    ("POST", "/wdm/api/v1/devices"),
    ("PUT", "/wdm/api/v1/devices/{id}"),
    ("GET", "/calendar/api/v1/calendarEvents/{event}"),
]


@pytest.mark.parametrize(
    ("method", "path", "words"),
    [
        ("GET", "/wdm/api/v1/devizes", "GET /wdm/api/v1/devices; differs at 'devizes', which is 'devices' there"),
        ("PATCH", "/wdm/api/v1/devices/1", "/wdm/api/v1/devices/1 answers PUT, not PATCH"),
        ("GET", "/calendar/api/v1/events/abc", "'events', which is 'calendarEvents' there"),
        ("PUT", "/wdm/api/v1/devices/1/2", "differs at the end: 6 segments instead of 5"),
    ],
)
def test_stranger_is_explained_by_its_nearest_route(method: str, path: str, words: str) -> None:
    assert words in nearest(method, path, KNOWN)


def test_nothing_is_near_where_there_is_nothing() -> None:
    assert nearest("GET", "/", []) == "there are no routes"


@given(st.text(), st.text())
def test_any_request_is_explained(method: str, path: str) -> None:
    assert nearest(method, path, KNOWN)


def test_old_entries_are_dropped_and_counted() -> None:
    journal = Journal(entries_max=3)
    for n in range(5):
        journal.add(
            at="", method="GET", host="", path=f"/{n}", query={}, service="wdm" if n % 2 else "u2c", status=200,
            tracking_id="", explanation="nearest" if n == 4 else "",
        )  # fmt: skip
    assert [entry.path for entry in journal.entries()] == ["/2", "/3", "/4"]
    assert (journal.count, journal.dropped) == (5, 2)
    assert [entry.path for entry in journal.entries(unmatched=True)] == ["/4"]
    assert [entry.path for entry in journal.entries(service="wdm")] == ["/3"]
    assert [entry.path for entry in journal.entries(limit=1)] == ["/4"]
    assert journal.entries(limit=0) == []
    journal.clear()
    assert journal.entries() == []


def test_only_values_of_known_names_are_shown() -> None:
    assert shown_query({"max": "50", "access_token": "abc", "code": "1"}) == {
        "max": "50",
        "access_token": "<hidden>",
        "code": "<hidden>",
    }
