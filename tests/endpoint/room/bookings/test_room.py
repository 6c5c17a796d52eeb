"""Who brings bookings and what is told of them: numbers, ids, log lines, events by version, pushed lists, bounds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from endpoint.room.bookings import store
from endpoint.room.bookings.booking import Booking, Source
from endpoint.runtime.errors import LimitExceeded
from tests.endpoint.room.bookings.diary import HOUR, MINUTE, NOW, Diary, pushed


def lines(diary: Diary) -> list[str]:
    """Return the log without times and processes."""
    return [line.split("]: ", 1)[1] for line in diary.log.lines]


def test_numbers_are_never_used_again() -> None:
    diary = Diary()
    diary.create("a")
    diary.create("b")
    diary.bookings.meeting_deleted("b")
    diary.bookings.meeting_deleted("a")
    assert diary.create("a").id == "webex-3"
    diary.bookings.meetings_forgotten()
    assert diary.create("a").number == 4
    assert diary.update("a", 90).number == 4


def test_the_lines_of_create_update_and_delete() -> None:
    diary = Diary()
    diary.create("a")
    diary.create("b")
    diary.update("a", 90)
    diary.bookings.meeting_deleted("a")
    diary.bookings.meeting_deleted("a")
    assert lines(diary) == [
        "Wx2[5]: MeetingsControl::on_calendar_event_created",
        "Wx2[5]: Creating new Meeting (id=1)",
        "Wx2[5]: Attaching CalendarEvent (id=a) to Meeting (id=1)",
        "Wx2[5]: MeetingsControl::on_calendar_event_created",
        "Wx2[5]: Creating new Meeting (id=2)",
        "Wx2[5]: Attaching CalendarEvent (id=b) to Meeting (id=2)",
        "Wx2[5]: MeetingsControl::on_calendar_event_deleted",
        "Wx2[5]: Detaching CalendarEvent (id=a) from Meeting (id=1)",
        "Wx2[5]: Removing Meeting (id=1)",
        "Wx2 I: Wx2MeetingsHandlerImpl::meetings_updated: num meetings=1",
    ]


def test_what_is_long_over_leaves_the_list_and_was_not_deleted() -> None:
    diary = Diary()
    diary.create("a")
    diary.tell()
    diary.bookings.meeting_over("a")
    diary.bookings.meeting_over("unknown")
    assert (diary.events(), len(diary.bookings.store)) == (["Updated"], 0)
    assert lines(diary)[-1].endswith("num meetings=0")
    assert not any("on_calendar_event_deleted" in line for line in lines(diary))


def test_what_is_declined_is_not_taken_for_what_was_asked_for() -> None:
    diary = Diary()
    asked = diary.bookings.add(Booking(source=Source.ADHOC, starts=NOW, ends=NOW + HOUR, booked_from_device=True))
    diary.bookings.awaited = lambda meeting: asked
    diary.bookings.meeting_created(diary.meeting("a", 0, 60, response="DECLINED"))
    assert [booking.meeting_id for booking in diary.bookings.store] == [""]


def test_an_unknown_update_inserts_and_a_known_create_updates() -> None:
    diary = Diary()
    assert diary.update("a").number == 1
    diary.create("a", 90)
    assert len(diary.bookings.store) == 1
    assert diary.booking().starts == NOW + 90 * MINUTE


def test_what_is_told_of_a_change() -> None:
    diary = Diary()
    diary.create("a", organizer_id="o", organizer_name="Ann Example")
    assert diary.tell() == [
        ("Updated", {}),
        (
            "BookingCreated",
            {
                "Id": "webex-1",
                "MeetingId": "a",
                "Title": "A",
                "StartTime": "2026-03-02T09:00:00Z",
                "Duration": 30,
                "OrganizerId": "o",
                "OrganizerName": "Ann Example",
            },
        ),
    ]
    diary.update("a", organizer_id="o", organizer_name="Ann Example")
    assert diary.tell() == [], "nothing has changed"
    diary.update("a", title="B")
    assert diary.events() == ["Updated"]
    diary.update("a", 60, 45, title="B", organizer_id="o")
    moved = {"Id": "webex-1", "MeetingId": "a", "StartTime": "2026-03-02T09:00:00Z", "Duration": 45}
    assert diary.tell() == [("Updated", {}), ("BookingMoved", moved)]
    diary.advance(minutes=70)
    diary.bookings.meeting_deleted("a")
    assert diary.tell() == [
        ("Updated", {}),
        (
            "Deleted",
            {
                "Id": "webex-1",
                "MeetingId": "a",
                "Cause": "Deleted",
                "StartTime": "2026-03-02T09:00:00Z",
                "EndTime": "2026-03-02T09:45:00Z",
                "ScheduledDuration": 45,
                "MinutesFreed": 35,
                "OrganizerId": "o",
                "TimeStamp": "2026-03-02T09:10:00Z",
            },
        ),
    ]


def test_meetings_of_the_first_catch_up_were_not_made_just_now() -> None:
    diary = Diary()
    diary.caught_up = False
    diary.create("a")
    assert diary.events() == ["Updated"]


def test_availability() -> None:
    diary = Diary()

    def shown() -> tuple[str, str]:
        return (
            diary.get("Availability Status"),
            diary.get("Availability TimeStamp"),
        )

    assert shown() == ("Free", "")
    diary.create("a", 60, 30)
    diary.create("b", 75, 60)
    assert shown() == ("FreeUntil", "2026-03-02T09:00:00Z")
    diary.advance(minutes=60)
    assert (diary.get("Current Id"), *shown()) == ("webex-1", "BookedUntil", "2026-03-02T09:30:00Z")
    diary.advance(minutes=20)
    assert (diary.get("Current Id"), *shown()) == ("webex-1", "BookedUntil", "2026-03-02T09:30:00Z")
    diary.advance(minutes=10)
    assert (diary.get("Current Id"), *shown()) == ("webex-2", "BookedUntil", "2026-03-02T10:15:00Z")
    diary.advance(minutes=45)
    assert (diary.get("Current Id"), *shown()) == ("", "Free", "")
    assert len(diary.bookings.store) == 2, "what is over stays in the list"


def test_a_pushed_list_replaces_the_one_before() -> None:
    diary = Diary()
    diary.create("a")
    first, _ = diary.bookings.replace_pushed([pushed("x", 30), pushed("y", 40)])
    diary.tell()
    kept, _ = diary.bookings.replace_pushed([pushed("x", 50), pushed("z", 45)])
    assert diary.events() == ["Updated"]
    assert (kept.number, kept.starts) == (first.number, NOW + 50 * MINUTE)
    assert [booking.id for booking in diary.bookings.store] == ["z", "x", "webex-1"]
    diary.bookings.meetings_forgotten()
    assert [booking.id for booking in diary.bookings.store] == ["z", "x"]


def test_meetings_change_hands_within_a_pushed_list() -> None:
    diary = Diary()

    def found() -> dict[str, str]:
        bookings = {name: diary.bookings.store.find(meeting_id=name) for name in ("m1", "m2", "m3")}
        return {name: booking.id for name, booking in bookings.items() if booking is not None}

    diary.bookings.replace_pushed([pushed("x", meeting_id="m1"), pushed("y", meeting_id="m2")])
    diary.bookings.replace_pushed([pushed("x", meeting_id="m2"), pushed("y", meeting_id="m1")])
    assert found() == {"m1": "y", "m2": "x"}
    stored = diary.bookings.replace_pushed([pushed("new", meeting_id="m1"), pushed("y", meeting_id="m3")])
    assert [booking.id for booking in stored] == ["new", "y"]
    assert found() == {"m1": "new", "m3": "y"}
    diary.bookings.replace_pushed([])
    assert (found(), len(diary.bookings.store)) == ({}, 0)


def test_a_list_that_replaces_another_is_shown_once() -> None:
    diary = Diary()
    diary.bookings.replace_pushed([pushed(f"old {number}", -5, 30) for number in range(5)])
    shown: list[dict[str, object]] = []
    diary.status.listen(
        ("Bookings",), lambda changes: shown.append({path[-1]: value for path, value in changes.items()})
    )
    diary.bookings.replace_pushed([pushed(f"new {number}", -5, 30) for number in range(5)])
    assert shown == [{"Id": "new 0"}]


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        ([pushed("x"), pushed("x")], ValueError),
        ([pushed("webex-1")], ValueError),
        ([pushed("")], ValueError),
        ([pushed("x", meeting_id="a")], ValueError),
        ([pushed(f"x{number}") for number in range(store.PUSHED_MAX + 1)], LimitExceeded),
    ],
)
def test_a_list_that_cannot_be_changes_nothing(wanted: list[Booking], error: type[Exception]) -> None:
    diary = Diary()
    diary.create("a")
    diary.bookings.replace_pushed([pushed("old")])
    diary.tell()
    with pytest.raises(error):
        diary.bookings.replace_pushed(wanted)
    assert [booking.id for booking in diary.bookings.store] == ["webex-1", "old"]
    assert diary.events() == []


def test_the_bound_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "BOOKINGS_MAX", 2)
    diary = Diary()
    diary.create("a")
    diary.create("b")
    diary.bookings.meeting_created(diary.meeting("c"))
    assert len(diary.bookings.store) == 2
    assert [event.data for event in diary.trace.events if event.kind == "drop"] == [{"what": "booking", "bound": 2}]


def test_a_booking_asked_for_here_becomes_the_meeting_that_the_calendar_brings() -> None:
    diary = Diary()
    asked = diary.bookings.add(
        Booking(source=Source.ADHOC, starts=NOW, ends=NOW + 30 * MINUTE, meeting_id="a", booked_from_device=True)
    )
    diary.create("a", 0, 30)
    booking = diary.booking("a")
    assert (booking.number, booking.source, booking.booked_from_device) == (asked.number, Source.CLOUD, True)
    [fields] = diary.bookings.fields_of([booking])
    assert (fields["BookedFromDevice"], fields["Cancellable"]) == ("True", "True")


def test_extensions_need_half_an_hour() -> None:
    diary = Diary()
    a, b, c = diary.create("a", 0, 30), diary.create("b", 59, 10), diary.create("c", 99, 10)
    told = [fields["MaximumMeetingExtension"] for fields in diary.bookings.fields_of([a, b, c])]
    assert told == [0, 30, 30]


def test_organizer_and_webex_block() -> None:
    diary = Diary()
    booking = diary.create(
        organizer_name="Ann Mary Example", organizer_email="ann@a.test", organizer_id="o",
        webex_url="https://site.webex.test/m/1", meeting_number="2512", password="pw", host_key="9",
    )  # fmt: skip
    [fields] = diary.bookings.fields_of([booking])
    assert fields["Organizer"] == {"FirstName": "Ann Mary", "LastName": "Example", "Email": "ann@a.test", "Id": "o"}
    assert fields["Webex"] == {
        "Enabled": "True", "Url": "https://site.webex.test/m/1", "MeetingNumber": "2512", "Password": "pw", "HostKey": "9",
    }  # fmt: skip
    [other] = diary.bookings.fields_of([replace(booking, platform="Zoom")])
    assert other["Webex"]["Enabled"] == "False"
    assert not any(value for name, value in other["Webex"].items() if name != "Enabled")


def test_what_a_push_does_is_in_the_history() -> None:
    diary = Diary()
    diary.bookings.replace_pushed([pushed("a"), pushed("b"), pushed("c")])
    diary.bookings.replace_pushed([pushed("a"), pushed("b", at=90), pushed("d")])
    kinds = ("booking.added", "booking.changed", "booking.removed")
    told = [
        (event.kind.partition(".")[2], event.data["booking"]) for event in diary.trace.events if event.kind in kinds
    ]
    first = [("added", "a"), ("added", "b"), ("added", "c")]
    assert told == [*first, ("removed", "c"), ("changed", "b"), ("added", "d")]
