"""What a mailbox does with a request: every setting of protocol/calendar-and-obtp.md 8.2, every step of 8.3."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_stub.hybrid_calendar.mailboxes.errors import InvalidEvent
from cloud_stub.hybrid_calendar.mailboxes.processing import (
    Action,
    Decision,
    Request,
    content_for,
    process_request,
    window_end,
)
from cloud_stub.hybrid_calendar.mailboxes.series import overlaps
from cloud_stub.hybrid_calendar.mailboxes.store import changed_processing
from cloud_stub.platform.mailbox_records import Automation, EventKind, MailboxEvent, Person, Processing

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
AUTO = Automation.AUTO_ACCEPT


def single(start: datetime, length: timedelta = HOUR, **more: Any) -> Request:
    return Request([(start, start + length)], start, length, **more)


def series(count: int, step: timedelta = DAY, *, endless: bool = False, first: datetime = NOW + HOUR) -> Request:
    slots = [(first + n * step, first + n * step + HOUR) for n in range(count)]
    return Request(slots, None if endless else slots[-1][0], HOUR, is_series=True)


def decide(
    request: Request, automation: Automation = AUTO, busy: Any = (), zone: str = "Etc/UTC", **settings: Any
) -> Decision:
    def is_busy(start: datetime, _: datetime) -> bool:
        return busy is True or start in busy

    return process_request(request, Processing(**settings), automation, is_busy, NOW, zone)


@pytest.mark.parametrize(
    ("request_", "settings", "action", "reason"),
    [
        (single(NOW + HOUR), {}, "accept", ""),
        (single(NOW + HOUR, is_external=True), {}, "ignore", "external"),
        (single(NOW + HOUR, is_external=True), {"process_external_meeting_messages": True}, "accept", ""),
        (single(NOW + HOUR), {"all_book_in_policy": False}, "decline", "policy"),
        (series(5), {"all_book_in_policy": False, "allow_conflicts": True}, "decline", "policy"),
        (single(NOW + HOUR, is_external=True), {"all_book_in_policy": False}, "ignore", "external"),
        (single(datetime(2026, 8, 29, 23, 59, tzinfo=UTC)), {}, "accept", ""),
        (single(datetime(2026, 8, 30, tzinfo=UTC)), {}, "decline", "window"),
        (single(datetime(2026, 8, 30, tzinfo=UTC)), {"booking_window_in_days": 181}, "accept", ""),
        (single(datetime(2026, 3, 2, 23, 0, tzinfo=UTC)), {"booking_window_in_days": 0}, "accept", ""),
        (single(datetime(2026, 3, 3, tzinfo=UTC)), {"booking_window_in_days": 0}, "decline", "window"),
        (single(NOW + HOUR, timedelta(minutes=1440)), {}, "accept", ""),
        (single(NOW + HOUR, timedelta(minutes=1441)), {}, "decline", "duration"),
        (single(NOW + HOUR, timedelta(minutes=61)), {"maximum_duration_in_minutes": 60}, "decline", "duration"),
        (single(NOW + HOUR, timedelta(days=9)), {"maximum_duration_in_minutes": 0}, "accept", ""),
        (series(5), {}, "accept", ""),
        (series(200), {}, "decline", "horizon"),
        (series(180, endless=True), {}, "decline", "horizon"),
        (series(200), {"enforce_scheduling_horizon": False}, "accept", "horizon"),
        (series(180, endless=True), {"enforce_scheduling_horizon": False}, "accept", "horizon"),
        (series(0, endless=True, first=NOW), {"enforce_scheduling_horizon": False}, "decline", "window"),
    ],
)  # fmt: skip
def test_window_horizon_and_duration(request_: Request, settings: dict[str, Any], action: str, reason: str) -> None:
    decision = decide(request_, **settings)
    assert (decision.action, decision.reason) == (action, reason)
    assert bool(decision.detail) == bool(reason)


@pytest.mark.parametrize(
    ("automation", "action"),
    [(Automation.NONE, Action.NONE), (Automation.AUTO_UPDATE, Action.TENTATIVE), (AUTO, Action.ACCEPT)],
)
def test_automation(automation: Automation, action: Action) -> None:
    assert decide(single(NOW + HOUR), automation).action is action
    assert decide(single(NOW + HOUR, is_external=True), automation).action is Action.IGNORE


@pytest.mark.parametrize(
    ("count", "clashes", "settings", "action", "declined"),
    [
        (1, 1, {}, "decline", 0),
        (1, 1, {"allow_conflicts": True}, "accept", 0),
        (1, 1, {"maximum_conflict_instances": 5, "conflict_percentage_allowed": 100}, "decline", 0),
        (10, 1, {}, "decline", 0),
        (10, 1, {"maximum_conflict_instances": 1}, "accept", 1),
        (10, 2, {"maximum_conflict_instances": 1}, "decline", 0),
        (10, 2, {"conflict_percentage_allowed": 20}, "accept", 2),
        (10, 3, {"conflict_percentage_allowed": 20}, "decline", 0),
        (10, 3, {"conflict_percentage_allowed": 20, "maximum_conflict_instances": 3}, "accept", 3),
        (10, 10, {"allow_conflicts": True}, "accept", 0),
    ],
)  # fmt: skip
def test_conflicts(count: int, clashes: int, settings: dict[str, Any], action: str, declined: int) -> None:
    request = series(count) if count > 1 else single(NOW + HOUR)
    busy = [start for start, _ in request.slots[:clashes]]
    decision = decide(request, busy=busy, **settings)
    assert (decision.action, len(decision.declined)) == (action, declined)
    if action == "decline" or declined:
        assert decision.reason == "conflict"


def test_first_no_decides() -> None:
    far = single(NOW + timedelta(days=400), timedelta(days=3))
    assert decide(far, busy=True).reason == "window"
    assert decide(far, busy=True, booking_window_in_days=500).reason == "duration"
    assert decide(far, busy=True, booking_window_in_days=500, maximum_duration_in_minutes=0).reason == "conflict"


def test_a_series_is_accepted_up_to_the_window_and_clashes_beyond_it_do_not_count() -> None:
    request = series(200)
    beyond = [start for start, _ in request.slots[182:]]
    decision = decide(request, busy=beyond, enforce_scheduling_horizon=False)
    assert (decision.action, decision.declined) == ("accept", ())
    assert decision.until == datetime(2026, 8, 30, tzinfo=UTC) - timedelta(microseconds=1)


def test_days_of_the_window_are_those_of_the_mailbox() -> None:
    assert window_end(Processing(booking_window_in_days=0), NOW, "Pacific/Auckland") == datetime(
        2026, 3, 2, 11, tzinfo=UTC
    )
    assert window_end(Processing(booking_window_in_days=30), NOW, "Europe/Oslo") == datetime(2026, 4, 1, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("settings", "changed"),
    [
        ({}, {"body": "", "subject": "Anna", "has_attachments": False, "sensitivity": "normal"}),
        ({"delete_comments": False}, {"subject": "Anna", "has_attachments": False, "sensitivity": "normal"}),
        ({"delete_subject": False}, {"body": "", "subject": "Anna Review", "has_attachments": False, "sensitivity": "normal"}),
        ({"add_organizer_to_subject": False}, {"body": "", "subject": "", "has_attachments": False, "sensitivity": "normal"}),
        ({"delete_subject": False, "add_organizer_to_subject": False}, {"body": "", "has_attachments": False, "sensitivity": "normal"}),
        ({"delete_attachments": False}, {"body": "", "subject": "Anna", "sensitivity": "normal"}),
        ({"remove_private_property": False}, {"body": "", "subject": "Anna", "has_attachments": False}),
    ],
)  # fmt: skip
def test_what_a_room_writes_differently(settings: dict[str, Any], changed: dict[str, Any]) -> None:
    event = MailboxEvent(
        id="1", mailbox="a@x.test", uid="u", kind=EventKind.SINGLE, organizer=Person("a@x.test", "Anna"), start=NOW, end=NOW + HOUR,
        created=NOW, modified=NOW, subject="Review", body="join", sensitivity="private", has_attachments=True,
    )  # fmt: skip
    assert content_for(event, Processing(**settings)) == changed


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"delete_everything": True}, "is no setting"),
        ({"delete_comments": "maybe"}, "DeleteComments"),
        ({"booking_window_in_days": 1081}, "0 to 1080"),
        ({"booking_window_in_days": -1}, "0 to 1080"),
        ({"conflict_percentage_allowed": 101}, "0 to 100"),
        ({"maximum_duration_in_minutes": -1}, "not below 0"),
        ({"automate_processing": "Sometimes"}, "AutomateProcessing"),
    ],
)
def test_settings_that_there_are_not(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidEvent, match=said):
        changed_processing(Processing(), changes)
    assert (
        changed_processing(Processing(), {"automate_processing": Automation.NONE}).automate_processing
        is Automation.NONE
    )


minutes = st.integers(0, 200).map(lambda n: NOW + timedelta(minutes=n))


@given(a=minutes, b=minutes, c=minutes, d=minutes)
def test_busy_is_half_open(a: datetime, b: datetime, c: datetime, d: datetime) -> None:
    (a, b), (c, d) = sorted((a, b)), sorted((c, d))
    shared = {a + timedelta(minutes=n) for n in range((b - a) // timedelta(minutes=1))} & {
        c + timedelta(minutes=n) for n in range((d - c) // timedelta(minutes=1))
    }
    if a < b and c < d:
        assert overlaps(a, b, c, d) == bool(shared)
    assert not overlaps(a, b, b, d) or a == b
