"""Whatever organizers and invitees do, all calendars agree with a model that knows only days and sets."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from mailbox_world import ANNA, BO, FAITHFUL, ROOM, Office

from cloud_stub.hybrid_calendar.mailboxes.drafts import Draft, invited
from cloud_stub.platform.mailbox_records import Answer, MailboxEvent, Recurrence

ZONE = ZoneInfo("Europe/Oslo")
FIRST = date(2026, 3, 23)  # a Monday; the clock is set forward on Sunday 29
INVITEES = (ROOM, BO)
Row = tuple[datetime, datetime, str]


@dataclass(frozen=True)
class Instance:
    """One instance, naively: where its day is, what it is called, who is invited, who is not coming."""

    start: datetime
    minutes: int
    subject: str
    attendees: frozenset[str]
    own: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()

    def row(self) -> Row:
        begin = self.start.replace(tzinfo=ZONE)
        end = (self.start + timedelta(minutes=self.minutes)).replace(tzinfo=ZONE)
        return begin, end, self.subject


@dataclass
class Meeting:
    """A meeting, naively: its instances by day."""

    made: MailboxEvent
    step: int
    count: int
    day: date
    at: time
    minutes: int
    subject: str
    attendees: frozenset[str]
    days: dict[date, Instance] = field(default_factory=dict)

    def lay(self) -> None:
        days = [self.day + timedelta(days=n * self.step) for n in range(self.count)]
        self.days = {
            day: Instance(datetime.combine(day, self.at), self.minutes, self.subject, self.attendees) for day in days
        }

    def change(self, day: date, own: str, **fields: Any) -> None:
        self.days[day] = replace(self.days[day], own=self.days[day].own | {own}, **fields)


class Both:
    """The store and the model, side by side."""

    def __init__(self, **processing: Any) -> None:
        self.office = Office(processing=msgspec.structs.replace(FAITHFUL, **processing))
        self.meetings: list[Meeting] = []

    def create(self, offset: int, hour: int, minutes: int, shape: tuple[int, int], who: frozenset[str]) -> None:
        step, count = shape
        day, at = FIRST + timedelta(days=offset), time(hour)
        rule = Recurrence(type="daily", interval=step, count=count) if step else None
        start = datetime.combine(day, at)
        draft = Draft(
            start=start, end=start + timedelta(minutes=minutes), zone="Europe/Oslo", subject=f"m{len(self.meetings)}",
            attendees=invited(*sorted(who)), recurrence=rule,
        )  # fmt: skip
        made = self.office.store.create(ANNA, draft)
        meeting = Meeting(made, max(1, step), count, day, at, minutes, draft.subject, who)
        meeting.lay()
        self.meetings.append(meeting)

    def instance_id(self, meeting: Meeting, day: date, address: str = ANNA) -> str | None:
        """Return the id of what a calendar has for a day of the rule."""
        if meeting.made.recurrence is None and address == ANNA:
            return meeting.made.id
        original = datetime.combine(day, meeting.at).replace(tzinfo=ZONE)
        for event in self.office.on(address):
            if event.uid == meeting.made.uid and (event.original_start in (original, None)):
                return event.id
        return None

    def act(self, what: str, which: int, nth: int, number: int, who: frozenset[str]) -> None:
        if not self.meetings:
            return
        meeting = self.meetings[which % len(self.meetings)]
        if not meeting.days:
            return
        day = sorted(meeting.days)[nth % len(meeting.days)]
        getattr(self, what)(meeting, day, number, who)

    def rename(self, meeting: Meeting, day: date, number: int, who: frozenset[str]) -> None:
        subject = f"r{number}"
        self.office.store.update(ANNA, meeting.made.id, subject=subject)
        meeting.subject = subject
        for one, instance in meeting.days.items():
            if "subject" not in instance.own:
                meeting.days[one] = replace(instance, subject=subject)

    def rename_one(self, meeting: Meeting, day: date, number: int, who: frozenset[str]) -> None:
        self.office.store.update(ANNA, self.instance_id(meeting, day), subject=f"i{number}")
        meeting.change(day, "subject" if meeting.made.recurrence else "", subject=f"i{number}")

    def move_one(self, meeting: Meeting, day: date, number: int, who: frozenset[str]) -> None:
        start = datetime.combine(day + timedelta(days=number % 5 - 2), time(7 + number % 9))
        self.office.store.update(ANNA, self.instance_id(meeting, day), start=start, zone="Europe/Oslo")
        again = {} if start == meeting.days[day].start else {"gone": frozenset[str]()}
        meeting.change(day, "start", start=start, **again)

    def move_all(self, meeting: Meeting, day: date, number: int, who: frozenset[str]) -> None:
        at = time(6 + number % 12)
        if meeting.made.recurrence is None or at == meeting.at:
            return
        start = datetime.combine(meeting.day, at)
        self.office.store.update(ANNA, meeting.made.id, start=start)
        meeting.at = at
        meeting.lay()

    def cancel_one(self, meeting: Meeting, day: date, number: int, who: frozenset[str]) -> None:
        self.office.store.cancel(ANNA, self.instance_id(meeting, day))
        del meeting.days[day]

    def cancel_all(self, meeting: Meeting, day: date, number: int, who: frozenset[str]) -> None:
        self.office.store.cancel(ANNA, meeting.made.id)
        meeting.days.clear()

    def invite_all(self, meeting: Meeting, day: date, number: int, who: frozenset[str]) -> None:
        self.office.store.update(ANNA, meeting.made.id, attendees=invited(*sorted(who)))
        for one, instance in meeting.days.items():
            if "attendees" not in instance.own:
                back = who - meeting.attendees if BO not in meeting.attendees else frozenset[str]()
                meeting.days[one] = replace(instance, attendees=who, gone=(instance.gone & who) - back)
        meeting.attendees = who

    def invite_one(self, meeting: Meeting, day: date, number: int, who: frozenset[str]) -> None:
        if not meeting.made.recurrence:
            self.invite_all(meeting, day, number, who)
            return
        self.office.store.update(ANNA, self.instance_id(meeting, day), attendees=invited(*sorted(who)))
        instance = meeting.days[day]
        meeting.change(day, "attendees", attendees=who, gone=instance.gone & who & instance.attendees)

    def accept(self, meeting: Meeting, day: date, number: int, who: frozenset[str]) -> None:
        event_id = self.instance_id(meeting, day, BO)
        if event_id is not None:
            self.office.store.respond(BO, event_id, Answer.ACCEPTED)

    # -- what has to agree ------------------------------------------------------------------------------------------------------------

    def seen(self, address: str) -> list[Row]:
        return sorted((event.start, event.end, event.subject) for event in self.office.on(address))

    def expected(self, address: str) -> list[Row]:
        instances = [one for meeting in self.meetings for one in meeting.days.values()]
        return sorted(
            one.row() for one in instances if address == ANNA or (address in one.attendees and address not in one.gone)
        )


who = st.frozensets(st.sampled_from(INVITEES))
creating = st.tuples(
    st.integers(0, 9), st.integers(6, 17), st.sampled_from([30, 60, 150]), st.sampled_from([(0, 1), (1, 5), (7, 3), (2, 4)]), who
)  # fmt: skip
WORDS = (
    "rename",
    "rename_one",
    "move_one",
    "move_all",
    "cancel_one",
    "cancel_all",
    "invite_all",
    "invite_one",
    "accept",
)
acting = st.tuples(st.sampled_from(WORDS), st.integers(0, 3), st.integers(0, 4), st.integers(0, 30), who)
stories = st.lists(st.one_of(creating, acting, acting, acting), max_size=12)


@settings(max_examples=150, deadline=None)
@given(story=stories)
def test_every_calendar_agrees_with_the_model(story: list[Any]) -> None:
    both = Both(allow_conflicts=True)
    for step in story:
        if isinstance(step[0], str):
            both.act(*step)
        else:
            both.create(*step)
        for address in (ANNA, ROOM, BO):
            assert both.seen(address) == both.expected(address), (address, step)


@settings(max_examples=100, deadline=None)
@given(story=stories, share=st.sampled_from([0, 60]))
def test_a_room_is_never_taken_twice_and_says_what_it_does(story: list[Any], share: int) -> None:
    both = Both(conflict_percentage_allowed=share)
    for step in story:
        if isinstance(step[0], str):
            both.act(*step)
        else:
            both.create(*step)
        taken = sorted((event.start, event.end) for event in both.office.on(ROOM))
        assert all(end <= start for (_, end), (start, _) in pairwise(taken)), taken
        held = {(event.uid, event.original_start) for event in both.office.on(ROOM)}
        for event in both.office.on(ANNA):
            room = event.attendee(ROOM)
            if room is not None:
                assert (room.answer is Answer.ACCEPTED) == ((event.uid, event.original_start) in held), (event, room)
        assert len(held) == len(taken)


@settings(max_examples=60, deadline=None)
@given(story=stories)
def test_what_was_kept_on_disk_is_what_was_seen(story: list[Any], tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.mktemp("office")
    both = Both()
    both.office = Office(folder=folder)
    for step in story:
        both.act(*step) if isinstance(step[0], str) else both.create(*step)
    before = [both.office.on(address) for address in (ANNA, ROOM, BO)]
    both.office.tables.close()
    again = Office(folder=folder)
    assert [again.on(address) for address in (ANNA, ROOM, BO)] == before
    again.tables.close()
