"""Whatever is done in mailboxes: once it is quiet, the room's meetings are what its mailbox has accepted in the store's window."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

from cloud_world import START, World, in_cloud
from hybrid_world import Room, at, quiet
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_stub.hybrid_calendar.horizons import is_stored, next_job, store_window
from cloud_stub.hybrid_calendar.mapping import instance_key, meeting_id
from cloud_stub.platform.errors import CloudError
from cloud_stub.platform.mailbox_records import Answer

HOURS = st.integers(-200, 900)
RULES = st.sampled_from(["", "", "FREQ=DAILY;COUNT=5", "FREQ=DAILY;INTERVAL=3", "FREQ=WEEKLY;COUNT=4"])
LOCATIONS = st.sampled_from(["", "@webex", "@meet", "@webex:onetime", "1234567@meet.example.com"])
WHICH = st.integers(0, 4)
DAY = st.integers(0, 40).map(lambda n: date(2026, 3, 2) + timedelta(days=n))
EDITS = st.one_of(
    st.tuples(st.just("invite"), HOURS, st.integers(5, 180), RULES, LOCATIONS),
    st.tuples(st.just("move"), WHICH, HOURS),
    st.tuples(st.just("move instance"), WHICH, DAY, HOURS),
    st.tuples(st.just("cancel"), WHICH),
    st.tuples(st.just("cancel instance"), WHICH, DAY),
    st.tuples(st.just("retitle"), WHICH, st.text(max_size=9)),
    st.tuples(st.just("place"), WHICH, LOCATIONS),
    st.tuples(st.just("rooms"), WHICH, st.booleans()),
    st.tuples(st.just("answer"), WHICH, st.sampled_from([Answer.ACCEPTED, Answer.DECLINED, Answer.TENTATIVE])),
    st.tuples(st.just("enable"), st.booleans()),
    st.tuples(st.just("deaf"), st.booleans()),
    st.tuples(st.just("wait"), st.integers(1, 60)),
)


async def edit(room: Room, uids: list[str], what: tuple[Any, ...]) -> None:
    """Do one edit; what the mailboxes refuse changes nothing."""
    verb, *rest = what
    do, use = room.do, room.world.cloud.use_cases
    if verb == "invite":
        hours, minutes, rule, place = rest
        event = do.invite(
            "Ana Smith",
            at(hours),
            minutes,
            recurrence=rule,
            location=place,
            rooms=[room.workspace.id],
            attendees=["Ben Bo"],
        )
        uids.append(event.uid)
    elif verb == "enable":
        do.person("Ana Smith", enabled=rest[0])
    elif verb == "deaf":
        use.heal()
        if rest[0]:
            use.fault("deaf", "hybrid", "subscription_expired")
    elif verb == "wait":
        await room.world.clock.sleep(rest[0] * 3600)
    elif uids:
        uid = uids[rest[0] % len(uids)]
        change_one(room, uid, verb, rest[1:])


def change_one(room: Room, uid: str, verb: str, rest: list[Any]) -> None:
    """Change an invitation."""
    do = room.do
    if verb == "move":
        do.invitation_update(uid, start=at(rest[0]))
    elif verb == "move instance":
        do.invitation_update(uid, instance=rest[0], start=at(rest[1]))
    elif verb == "cancel":
        do.invitation_cancel(uid)
    elif verb == "cancel instance":
        do.invitation_cancel(uid, instance=rest[0])
    elif verb == "retitle":
        do.invitation_update(uid, subject=rest[0])
    elif verb == "place":
        do.invitation_update(uid, location=rest[0])
    elif verb == "rooms":
        do.invitation_update(uid, rooms=[room.workspace.id] if rest[0] else [])
    else:
        mailboxes = room.world.cloud.mailboxes
        copy = next((one for one in mailboxes.copies(uid) if one.mailbox == room.address), None)
        if copy is not None:
            mailboxes.respond(room.address, copy.id, rest[0])


def accepted(room: Room) -> dict[str, tuple[datetime, int]]:
    """What the mailbox of the room has accepted within the store's window: id, start, minutes."""
    now = room.world.clock.now()
    first, last = store_window(now)
    return {
        meeting_id(one.uid, instance_key(one)): (one.start, (one.end - one.start) // timedelta(minutes=1))
        for one in room.world.cloud.mailboxes.occurrences(room.address, first, last + timedelta(microseconds=1))
        if one.answer is Answer.ACCEPTED and not one.is_cancelled and is_stored(one.start, one.end, now)
    }


@settings(max_examples=60, deadline=None)
@given(st.lists(EDITS, max_size=14))
def test_the_room_has_what_its_mailbox_accepted(edits: list[tuple[Any, ...]]) -> None:
    async def story(world: World) -> None:
        room, uids = Room(world), list[str]()
        for one in edits:
            with suppress(CloudError):
                await edit(room, uids, one)
            await quiet()
        world.cloud.use_cases.heal()
        now = world.clock.now()
        await world.clock.sleep((next_job(now) - now).total_seconds())
        await quiet()
        assert {one.id: (one.start, one.duration_minutes) for one in room.meetings} == accepted(room)
        patches = sum(one.kind == "cal.patch" for one in world.trace.events)
        assert patches <= 3 * len(edits), "the service does not talk to itself"

    in_cloud(story)
    assert START.tzinfo is UTC
