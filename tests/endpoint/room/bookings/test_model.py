"""Random bookings, changes and clock jumps against a model that computes everything from scratch at every instant."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from endpoint.room.bookings.booking import Booking, Source
from endpoint.runtime.clock import iso_seconds
from tests.endpoint.room.bookings.diary import NOW, Diary

MINUTE = timedelta(minutes=1)
AUTO_LEAD = timedelta(seconds=60)
RANKS = ("End", "EndTimeBuffer", "StartTimeBuffer", "dial", "Start", "TimeRemaining")

minutes = st.integers(-90, 240)
lengths = st.sampled_from([0, 1, 4, 5, 15, 30, 60, 1440])
drafts = st.builds(
    lambda at, length, source, buffers, joinable, response, all_day: Booking(
        source=source,
        starts=NOW + at * MINUTE,
        ends=NOW + (at + length) * MINUTE,
        start_buffer_s=buffers[0],
        end_buffer_s=buffers[1],
        addresses={"callURI": "1@a.test"} if joinable else {},
        response=response,
        is_all_day=all_day,
    ),
    minutes,
    lengths,
    st.sampled_from([Source.CLOUD, Source.CLOUD, Source.PUSHED, Source.ADHOC]),
    st.sampled_from([(300, 0), (0, 0), (900, 0), (600, 60), (3600, 300)]),
    st.booleans(),
    st.sampled_from(["ACCEPTED", "ACCEPTED", "", "TENTATIVE"]),
    st.booleans(),
)
numbers = st.integers(1, 12)
spans = st.sampled_from([0, 1, 59, 60, 61, 299, 300, 301, 600, 1800, 3600, 5 * 3600])
settings_ = st.sampled_from(
    [(name, value) for name in ("EarlyJoin", "TentativeMeetings", "AllDayMeetings") for value in ("Auto", "Hidden")]
)
operations = st.one_of(
    st.tuples(st.just("add"), drafts),
    st.tuples(st.just("add"), drafts),
    st.tuples(st.just("change"), st.tuples(numbers, drafts)),
    st.tuples(st.just("remove"), numbers),
    st.tuples(st.just("advance"), spans),
    st.tuples(st.just("advance"), spans),
    st.tuples(st.just("jump"), st.integers(-7200, 7200)),
    st.tuples(st.just("lead"), st.sampled_from([0, 300, 600, 900])),
    st.tuples(st.just("set"), settings_),
    st.tuples(st.just("zone"), st.sampled_from(["UTC", "Pacific/Auckland", "Australia/Lord_Howe"])),
    st.tuples(st.just("snooze"), st.tuples(numbers, st.integers(1, 900))),
)


class Naive:
    """What should be, computed from the list and the clock alone."""

    def __init__(self, diary: Diary) -> None:
        self.diary = diary
        self.bookings: dict[int, Booking] = {}
        self.visibility = {"EarlyJoin": "Hidden", "TentativeMeetings": "Auto", "AllDayMeetings": "Auto"}
        self.joined: dict[int, datetime] = {}
        self.snoozed: dict[int, float] = {}

    def ordered(self) -> list[Booking]:
        return sorted(self.bookings.values(), key=lambda booking: (booking.starts, booking.number))

    def current(self, now: datetime) -> Booking | None:
        return next((booking for booking in self.ordered() if booking.starts <= now < booking.ends), None)

    def availability(self, now: datetime) -> tuple[str, str]:
        current = self.current(now)
        if current is not None:
            return "BookedUntil", iso_seconds(current.ends)
        following = [booking.starts for booking in self.ordered() if booking.starts > now]
        return ("FreeUntil", iso_seconds(following[0])) if following else ("Free", "")

    def is_shown(self, booking: Booking) -> bool:
        return bool(booking.addresses) and not (
            (self.visibility["TentativeMeetings"] == "Hidden" and booking.response == "TENTATIVE")
            or (self.visibility["AllDayMeetings"] == "Hidden" and booking.is_all_day)
        )

    def reminds(self, booking: Booking, now: datetime) -> bool:
        lead = booking.start_buffer_s if booking.source is Source.PUSHED else self.diary.lead_s
        return self.is_shown(booking) and booking.starts - timedelta(seconds=lead) <= now < booking.ends

    def has_join(self, booking: Booking, now: datetime) -> bool:
        zone = self.diary.zone
        is_today = booking.starts.astimezone(zone).date() == now.astimezone(zone).date()
        is_early = self.visibility["EarlyJoin"] == "Auto" and is_today and now < booking.ends
        return self.reminds(booking, now) or (self.is_shown(booking) and is_early)

    def is_snoozed(self, booking: Booking) -> bool:
        return self.diary.time.time() < self.snoozed.get(booking.number, -1.0)

    def dials(self, booking: Booking) -> bool:
        """Say whether the room joins now, and take note of it."""
        if (
            not booking.addresses
            or booking.response == "TENTATIVE"
            or self.joined.get(booking.number) == booking.starts
        ):
            return False
        self.joined[booking.number] = booking.starts
        return True

    def at_once(self, now: datetime) -> list[int]:
        """Return what is dialled because the clock is in the minute before the start, wherever it came from."""
        due = [booking for booking in self.ordered() if booking.starts - AUTO_LEAD <= now < booking.starts]
        return [booking.number for booking in due if self.dials(booking)]

    def instants(self, since: datetime, until: datetime) -> list[datetime]:
        """Return the instants at which something may change, the last one included, and the microsecond before each."""
        found = {until}
        for b in self.bookings.values():
            leads = (b.start_buffer_s, self.diary.lead_s, 60, 0)
            found |= {b.starts - timedelta(seconds=lead) for lead in leads}
            found |= {b.ends + timedelta(seconds=s) for s in (b.end_buffer_s, 0, -60, -120, -180, -240, -300)}
        found |= {instant - timedelta(microseconds=1) for instant in found}
        return sorted(instant for instant in found if since < instant <= until)

    def told(self, since: datetime, until: datetime) -> list[tuple[str, int]]:
        """Return what is told while time passes and nothing else happens."""
        found: list[tuple[datetime, int, int, str]] = []

        def due(at: datetime, what: str, booking: Booking) -> None:
            if since < at <= until:
                found.append((at, RANKS.index(what.partition(" ")[0]), booking.number, what))

        for b in self.bookings.values():
            if b.start_buffer_s:
                due(b.starts - timedelta(seconds=b.start_buffer_s), "StartTimeBuffer", b)
            due(b.starts - AUTO_LEAD, "dial", b)
            if b.starts < b.ends:
                due(b.starts, "Start", b)
                due(b.ends, "End", b)
            if b.end_buffer_s:
                due(b.ends + timedelta(seconds=b.end_buffer_s), "EndTimeBuffer", b)
            for left in (300, 240, 180, 120, 60):
                if b.ends - timedelta(seconds=left) >= b.starts:
                    due(b.ends - timedelta(seconds=left), f"TimeRemaining {left}", b)
        return [
            (what, number)
            for _, _, number, what in sorted(found)
            if what != "dial" or self.dials(self.bookings[number])
        ]


class Pair:
    """The bookings and the model side by side."""

    def __init__(self) -> None:
        self.diary = Diary(auto_lead_s=60)
        self.naive = Naive(self.diary)
        self.sequence: list[tuple[str, int]] = []
        diary = self.diary
        diary.around.dial = lambda dial, by: self.sequence.append(("dial", self.number(dial.booking_id)))
        raise_event = diary._raise

        def take(event: str, fields: Any) -> None:
            raise_event(event, fields)
            name = event.removeprefix("Bookings ")
            if name in RANKS:
                seconds = f" {fields['Seconds']}" if "Seconds" in fields else ""
                self.sequence.append((name + seconds, self.number(fields["Id"])))

        diary.bookings._room = replace(diary.bookings._room, raise_event=take)

    @staticmethod
    def number(booking_id: str) -> int:
        return int(booking_id.removeprefix("webex-"))

    def do(self, what: str, given_: Any) -> None:
        diary, naive = self.diary, self.naive
        since = diary.now
        self.sequence.clear()
        match what:
            case "add":
                added = diary.bookings.add(given_)
                naive.bookings[added.number] = added
            case "change":
                number, draft = given_
                known = naive.bookings.get(number)
                if known is not None:
                    changed = replace(draft, number=number, id=known.id)
                    diary.bookings.change(changed)
                    naive.bookings[number] = changed
            case "remove":
                diary.bookings.remove(given_)
                naive.bookings.pop(given_, None)
                naive.joined.pop(given_, None)
                naive.snoozed.pop(given_, None)
            case "advance":
                for until in (*naive.instants(since, since + timedelta(seconds=given_)),):
                    at = diary.now
                    self.sequence.clear()
                    diary.time.advance(until - at)
                    assert self.sequence == naive.told(at, until)
                    self.compare()
            case "jump":
                diary.clock.jump_wall(timedelta(seconds=given_))
            case "lead":
                diary.lead_s = given_
                diary.bookings.rules_changed()
            case "set":
                name, value = given_
                diary.set(f"UserInterface Bookings Visibility {name}", value)
                naive.visibility[name] = value
            case "zone":
                diary.zone = ZoneInfo(given_)
                diary.bookings.rules_changed()
            case "snooze":
                number, seconds = given_
                if number in naive.bookings:
                    diary.bookings.button.snooze(naive.bookings[number], seconds)
                    naive.snoozed[number] = diary.time.time() + seconds
        if what != "advance":
            dialled = sorted(number for name, number in self.sequence if name == "dial")
            assert dialled == sorted(naive.at_once(diary.now))
        diary.time.advance(timedelta(0))  # what is due at this very instant

    def compare(self) -> None:
        diary, naive, now = self.diary, self.naive, self.diary.now
        current = naive.current(now)
        assert diary.get("Current Id") == (current.id if current else "")
        shown = (diary.get("Availability Status"), diary.get("Availability TimeStamp"))
        assert shown == naive.availability(now)
        screen = diary.bookings.button.screen
        assert [b.number for b in screen.joinable] == [b.number for b in naive.ordered() if naive.has_join(b, now)]
        reminded = [b.number for b in naive.ordered() if naive.reminds(b, now) and not naive.is_snoozed(b)]
        assert [b.number for b in screen.reminded] == reminded
        assert [b.number for b in diary.bookings.store] == [b.number for b in naive.ordered()]
        assert diary.time.waiting <= 1, "one timer per device"


@settings(deadline=None, max_examples=300)
@given(st.lists(operations, max_size=25))
def test_bookings_are_what_the_clock_says(story: list[tuple[str, Any]]) -> None:
    pair = Pair()
    for what, given_ in story:
        pair.do(what, given_)
        pair.compare()
