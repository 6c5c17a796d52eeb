"""Meetings from organizer to invitees: copies, answers, instances, cancellations, and what mailboxes keep of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from mailbox_world import ANNA, BO, EVE, FAITHFUL, ROOM, START, Office

from cloud_stub.hybrid_calendar.mailboxes.drafts import Draft, invited
from cloud_stub.hybrid_calendar.mailboxes.errors import InvalidEvent, UnknownEvent, UnknownMailbox
from cloud_stub.hybrid_calendar.mailboxes.feed import Change
from cloud_stub.hybrid_calendar.mailboxes.recurrence import from_rrule
from cloud_stub.platform.errors import BoundHit
from cloud_stub.platform.mailbox_records import Answer, Attendee, EventKind, MailboxEvent, Processing, Recurrence
from endpoint.runtime.clock import cpu_seconds
from endpoint.runtime.faults import Fault

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DAILY = Recurrence(type="daily", count=3)
NINE = datetime(2026, 3, 10, 9)
MANY = invited(*(f"{n}@x.test" for n in range(501)))


def meet(
    office: Office, start: datetime = NINE, *who: str, by: str = ANNA, length: timedelta = HOUR, **fields: Any
) -> MailboxEvent:
    draft = {
        "start": start,
        "end": start + length,
        "zone": "Europe/Oslo",
        "subject": "Review",
        "attendees": invited(*(who or (ROOM,))),
    }
    return office.store.create(by, Draft(**{**draft, **fields}))


def answer(office: Office, event: MailboxEvent, address: str = ROOM) -> str:
    attendee = office.store.event(ANNA, event.id).attendee(address)
    assert attendee is not None
    return attendee.answer.value


def days(office: Office, address: str = ROOM) -> list[str]:
    return [f"{one.start:%d %H}" for one in office.on(address)]


def instance(office: Office, master: MailboxEvent, nth: int, address: str = ANNA) -> MailboxEvent:
    (own,) = (one for one in office.store.copies(master.uid) if one.mailbox == address and one.kind is EventKind.MASTER)
    return office.store.instances(address, own.id, START, START + 90 * DAY)[nth]


def test_flow_of_an_invitation_is_told_in_order() -> None:
    office = Office()
    made = meet(office, NINE, ROOM, BO)
    assert office.told() == [
        ("anna", "created", ""), ("room", "created", ""), ("anna", "updated", ""), ("bo", "created", ""),
    ]  # fmt: skip
    hops = [event.kind for event in office.trace.events if event.kind.startswith("mailbox.")]
    assert hops == ["mailbox.request", "mailbox.decision", "mailbox.answer", "mailbox.request", "mailbox.decision"]
    assert (answer(office, made), answer(office, made, BO)) == ("accepted", "none")
    (copy,) = office.on(BO)
    assert (copy.answer, copy.show_as, copy.uid) == (Answer.NOT_RESPONDED, "tentative", made.uid)
    assert [one.name for one in made.attendees] == ["Oslo", "Bo"]


@pytest.mark.parametrize(
    ("processing", "told", "left"),
    [
        (FAITHFUL, [("anna", "deleted", ""), ("room", "updated", "")], ["Canceled: Review"]),
        (Processing(remove_canceled_meetings=True), [("anna", "deleted", ""), ("room", "deleted", "")], []),
    ],
)
def test_cancelled_items_stay_marked_or_go(processing: Processing, told: list[Any], left: list[str]) -> None:
    office = Office(processing=processing)
    made = meet(office)
    office.told()
    office.store.cancel(ANNA, made.id, "sorry")
    assert office.told() == told
    assert [one.subject for one in office.store.events(ROOM)] == left
    assert office.on(ROOM) == []
    meet(office)  # the time is free again
    assert days(office) == ["10 08"]


def test_an_organizer_from_outside() -> None:
    office = Office()
    meet(office, by=EVE)
    assert office.on(ROOM) == []
    assert [(one.action, one.reason) for one in office.store.decisions(ROOM)] == [("ignore", "external")]
    office.store.configure(ROOM, process_external_meeting_messages=True)
    made = meet(office, NINE + DAY, by=EVE)
    assert days(office) == ["11 08"]
    copy = office.store.organizers_copy(made.uid)
    assert copy is not None
    assert copy.attendees[0].answer is Answer.ACCEPTED


def test_reasons_are_kept_for_whoever_asks_why() -> None:
    office = Office()
    for start, length in ((NINE, HOUR), (NINE, HOUR), (NINE + 200 * DAY, HOUR), (NINE + 3 * DAY, 25 * HOUR)):
        meet(office, start, length=length)
    meet(office, NINE + DAY, recurrence=Recurrence(type="daily"))
    found = [(one.action, one.reason) for one in office.store.decisions(ROOM)]
    assert found == [
        ("accept", ""), ("decline", "conflict"), ("decline", "window"), ("decline", "duration"), ("decline", "horizon"),
    ]  # fmt: skip
    declined = office.store.decisions(ROOM)[1]
    assert office.store.decisions(ROOM, declined.uid) == [declined]
    assert declined.detail == "It overlaps another meeting."


def test_back_to_back_and_free_items_do_not_clash() -> None:
    office = Office()
    for hour in range(3):
        assert answer(office, meet(office, NINE + hour * HOUR)) == "accepted"
    assert answer(office, meet(office, NINE + HOUR / 2)) == "declined"
    office.store.create(ROOM, Draft(start=NINE + 5 * HOUR, end=NINE + 6 * HOUR, zone="Europe/Oslo", show_as="free"))
    assert answer(office, meet(office, NINE + 5 * HOUR)) == "accepted"


def test_a_move_is_a_new_question() -> None:
    office = Office()
    blocker, made = meet(office, NINE), meet(office, NINE + HOUR)
    office.store.update(ANNA, made.id, start=NINE + HOUR / 2)
    assert (answer(office, made), days(office)) == ("declined", ["10 08"])
    office.store.cancel(ANNA, blocker.id)
    office.store.update(ANNA, made.id, location="the same time, said again")
    assert (answer(office, made), days(office)) == ("accepted", ["10 08"])


def test_texts_keep_the_answers() -> None:
    office = Office()
    made = meet(office, NINE, ROOM, BO)
    office.store.respond(BO, office.on(BO)[0].id, Answer.ACCEPTED)
    office.told()
    office.store.update(ANNA, made.id, body="join here", properties={"a": "b"})
    assert (answer(office, made), answer(office, made, BO)) == ("accepted", "accepted")
    assert [(one.body, one.properties) for address in (ROOM, BO) for one in office.on(address)] == [
        ("join here", {"a": "b"})
    ] * 2
    assert office.told() == [("anna", "updated", ""), ("room", "updated", ""), ("bo", "updated", "")]


def test_the_running_instance_changes_with_its_series() -> None:
    office = Office()
    master = meet(office, recurrence=DAILY)
    office.time.passed_s = (datetime(2026, 3, 11, 8, 30, tzinfo=UTC) - START).total_seconds()
    office.store.update(ANNA, master.id, location="elsewhere", start=NINE + 2 * HOUR)
    assert days(office) == ["10 10", "11 10", "12 10"]
    assert {one.location for one in office.on(ROOM)} == {"elsewhere"}
    assert instance(office, master, 1).kind is EventKind.OCCURRENCE


def test_an_instance_keeps_its_identity() -> None:
    office = Office()
    master = meet(office, recurrence=DAILY)
    second = instance(office, master, 1)
    moved = office.store.update(ANNA, second.id, start=NINE + 5 * DAY)
    assert (moved.id, moved.original_start, moved.kind) == (second.id, second.start, EventKind.EXCEPTION)
    theirs = instance(office, master, 2, ROOM)
    assert (theirs.original_start, theirs.start) == (second.start, moved.start)
    assert days(office) == ["10 08", "12 08", "15 08"]
    office.told()
    office.store.cancel(ANNA, second.id)
    stamp = f"{second.start:%Y%m%dT%H%M%SZ}"
    assert office.told() == [("anna", "deleted", stamp), ("room", "updated", stamp)]  # it stays there, marked
    with pytest.raises(UnknownEvent):
        office.store.event(ANNA, second.id)
    assert days(office) == days(office, ANNA) == ["10 08", "12 08"]


def test_a_clashing_instance_is_declined_by_itself() -> None:
    office = Office()
    office.store.configure(ROOM, maximum_conflict_instances=1)
    meet(office, NINE + DAY)
    master = meet(office, recurrence=DAILY, by=BO)
    assert days(office) == ["10 08", "11 08", "12 08"]
    answers = [one.attendee(ROOM).answer for one in office.store.instances(BO, master.id, START, START + 90 * DAY)]  # type: ignore[union-attr]
    assert answers == [Answer.ACCEPTED, Answer.DECLINED, Answer.ACCEPTED]
    assert [len(one.instances) for one in office.store.decisions(ROOM, master.uid)] == [1]


def test_a_series_is_accepted_as_far_as_the_window_goes() -> None:
    office = Office()
    office.store.configure(ROOM, enforce_scheduling_horizon=False, booking_window_in_days=10)
    meet(office, recurrence=Recurrence(type="daily"))
    assert days(office) == ["10 08", "11 08", "12 08"]
    assert office.store.decisions(ROOM)[0].reason == "horizon"


def test_invited_to_one_instance_only() -> None:
    office = Office()
    master = meet(office, NINE, BO, recurrence=DAILY)
    second = instance(office, master, 1)
    office.store.update(ANNA, second.id, attendees=(*invited(BO), Attendee(address=ROOM, type="resource")))
    (lone,) = office.on(ROOM)
    assert (lone.kind, lone.original_start, lone.start) == (EventKind.SINGLE, second.start, second.start)
    assert office.store.event(ANNA, second.id).attendee(ROOM).answer is Answer.ACCEPTED  # type: ignore[union-attr]
    office.store.update(ANNA, second.id, attendees=invited(BO))
    assert office.on(ROOM) == []


@pytest.mark.parametrize("zone", ["Europe/Oslo", "America/New_York", "Asia/Kolkata"])
@pytest.mark.parametrize(("day", "hours"), [(28, 24), (29, 23)])
def test_all_day_lasts_from_midnight_to_midnight_of_each_mailbox(zone: str, day: int, hours: int) -> None:
    office = Office()
    office.store.configure(ROOM, zone=zone)
    start = datetime(2026, 3, day)
    made = meet(office, start, is_all_day=True, length=DAY)
    assert made.length == timedelta(hours=hours)
    (copy,) = office.on(ROOM)
    assert (copy.wall_start, copy.zone) == (start, zone)
    assert copy.length == timedelta(hours=hours if zone == "Europe/Oslo" else 24)


def test_the_longest_day_is_no_longer_than_a_day() -> None:
    office = Office()
    office.store.configure(ROOM, booking_window_in_days=300)
    made = meet(office, datetime(2026, 10, 25), is_all_day=True, length=DAY)
    assert (made.length, answer(office, made)) == (timedelta(hours=25), "accepted")


@pytest.mark.parametrize(("does", "left"), [("never", "none"), ("decline", "declined")])
def test_forced_decisions(does: str, left: str) -> None:
    office = Office()
    office.faults.arm(Fault("it", "mailbox", does, {"step": "decision", "mailbox": ROOM}))
    made = meet(office)
    assert (answer(office, made), office.on(ROOM), office.store.decisions(ROOM)[0].reason) == (left, [], "forced")


def test_what_an_invitee_declines_or_deletes_leaves_the_own_calendar_only() -> None:
    office = Office()
    master = meet(office, NINE, BO, recurrence=DAILY)
    office.store.respond(BO, instance(office, master, 0, BO).id, Answer.DECLINED)
    office.store.delete(BO, instance(office, master, 1, BO).id)
    assert (days(office, BO), days(office, ANNA)) == (["11 08"], ["10 08", "11 08", "12 08"])
    answers = [instance(office, master, nth).attendee(BO).answer for nth in range(3)]  # type: ignore[union-attr]
    assert answers == [Answer.DECLINED, Answer.NONE, Answer.NONE]


@pytest.mark.parametrize(
    ("act", "error", "said"),
    [
        (lambda store, event, copy: store.cancel(BO, copy), InvalidEvent, "organizer to cancel"),
        (lambda store, event, copy: store.respond(ANNA, event, Answer.ACCEPTED), InvalidEvent, "meeting organizer"),
        (lambda store, event, copy: store.respond(BO, copy, Answer.NONE), InvalidEvent, "an answer is"),
        (lambda store, event, copy: store.update(BO, copy, attendees=()), InvalidEvent, "only the organizer"),
        (lambda store, event, copy: store.update(ANNA, event, colour="red"), InvalidEvent, "colour cannot be changed"),
        (lambda store, event, copy: store.update(ANNA, event, subject="x" * 256), InvalidEvent, "at most 255"),
        (lambda store, event, copy: store.update(ANNA, event, attendees=MANY), InvalidEvent, "500"),
        (lambda store, event, copy: store.instances(ANNA, event, START, START), InvalidEvent, "seriesMaster"),
        (lambda store, event, copy: store.event(BO, event), UnknownEvent, "not found"),
        (lambda store, event, copy: store.events("x@y.test"), UnknownMailbox, "invalid"),
        (lambda store, event, copy: store.create_mailbox(ROOM), InvalidEvent, "already"),
        (lambda store, event, copy: store.create_mailbox("room"), InvalidEvent, "no address"),
        (lambda store, event, copy: store.configure(ROOM, zone="Mars"), InvalidEvent, "unknown_time_zone"),
    ],
)  # fmt: skip
def test_refusals_change_nothing(act: Any, error: type[Exception], said: str) -> None:
    office = Office()
    made = meet(office, NINE, BO)
    copy = office.on(BO)[0].id
    office.told()
    with pytest.raises(error, match=said):
        act(office.store, made.id, copy)
    assert office.told() == []
    assert (office.store.event(ANNA, made.id), office.on(BO)[0].id) == (made, copy)


def test_a_failed_change_is_undone_everywhere() -> None:
    office = Office()
    for n in range(5_000):
        office.store.create(BO, Draft(start=NINE + n * HOUR, end=NINE + n * HOUR))
    with pytest.raises(BoundHit):
        office.store.create(BO, Draft(start=NINE, end=NINE))
    start = datetime(2026, 3, 10, 8, tzinfo=UTC)
    assert len(office.store.occurrences(BO, start, start + DAY)) == 23


def test_watchers_may_change_what_they_are_told_of() -> None:
    office = Office()

    def edit(change: Change) -> None:
        if change.mailbox == ANNA and not office.store.event(ANNA, change.event_id).body:
            office.store.update(ANNA, change.event_id, body="join here")

    office.store.watch(edit)
    meet(office)
    assert [one.body for one in office.on(ROOM)] == ["join here"]
    assert [kind for _, kind, _ in office.told()] == ["created", "created", "updated", "updated", "updated"]


def test_nothing_is_left_of_a_mailbox_that_is_deleted() -> None:
    office = Office()
    made = meet(office)
    office.store.delete_mailbox(ROOM)
    with pytest.raises(UnknownMailbox):
        office.store.events(ROOM)
    office.store.update(ANNA, made.id, start=NINE + DAY)
    assert [one.mailbox for one in office.store.copies(made.uid)] == [ANNA]


def test_no_series_spoils_the_view_of_its_calendar() -> None:
    office = Office()
    with pytest.raises(InvalidEvent, match="2000 or later"):
        meet(office, datetime(1, 1, 2), recurrence=Recurrence(type="daily"))
    meet(office, datetime(2000, 1, 3, 9), BO, recurrence=Recurrence(type="daily"))
    for year, seen in ((2026, 1), (2054, 1), (2056, 0)):
        start = datetime(year, 3, 2, tzinfo=UTC)
        assert len(office.store.occurrences(BO, start, start + DAY)) == seen, year


def test_a_request_costs_what_the_booking_window_holds() -> None:
    """Each room looks at the instances in its window, not at those of fifty years."""
    office = Office()
    rooms = [office.store.create_mailbox(f"room{n}@contoso.test").address for n in range(30)]
    first = START.replace(tzinfo=None)
    draft = Draft(
        start=first,
        end=first + timedelta(hours=1),
        attendees=invited(*rooms),
        recurrence=from_rrule("FREQ=DAILY;UNTIL=20790101", first, "UTC"),
    )
    began = cpu_seconds()
    made = office.store.create(ANNA, draft)
    assert cpu_seconds() - began < 2.0
    assert {one.answer for one in office.store.event(ANNA, made.id).attendees} == {Answer.DECLINED}
    assert {office.store.decisions(room)[0].reason for room in rooms} == {"horizon"}
