"""From an invitation to the meeting of a room: protocol 7, 8.4, 8.5."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta

import pytest
from cloud_world import World, in_cloud
from hybrid_world import SITE, Room, at, flags, quiet

from cloud_stub.hybrid_calendar import service
from cloud_stub.hybrid_calendar.join_details import FIRST_LINE, read_block
from cloud_stub.hybrid_calendar.mapping import series_id
from cloud_stub.hybrid_calendar.platforms.platform import Notice, Notification
from cloud_stub.platform.mailbox_records import Answer
from cloud_stub.platform.records import HybridEvent, KmsKey, Meeting


def test_hops_come_in_the_order_of_the_deployment_guide() -> None:
    """Protocol 7.1."""

    async def story(world: World) -> None:
        room = Room(world)
        await room.invite(location="@meet")
        hops = room.hops()
        order = [
            "cal.notify",
            "cal.fetch",
            "kms.key",
            "cal.encrypt",
            "cal.validate",
            "cal.space",
            "cal.map",
            "cal.join",
            "cal.patch",
            "cal.own_edit",
            "cal.dto",
        ]
        places = [hops.index(kind) for kind in order]
        assert places == sorted(places), hops
        assert "cal.notify" in hops[hops.index("cal.patch") : hops.index("cal.own_edit")], (
            "the patch is a change itself"
        )
        assert room.pushed == ["calendar.meeting.create"]

    in_cloud(story)


@pytest.mark.parametrize(
    ("location", "join_type", "expected"),
    [
        ("@webex", "WEBEX", [True, True, True, False, True]),
        ("@webex:myroom", "WEBEX", [True, True, True, False, True]),
        ("@meet:myroom", "WEBEX", [True, True, True, False, True]),
        ("@webex:onetime", "WEBEX", [True, True, True, False, True]),
        ("@meet:onetime", "WEBEX", [True, True, True, False, True]),
        ("@meet", "TEAMS", [True, True, False, True, True]),
        ("@meet:space", "TEAMS", [True, True, False, True, True]),
        ("@webex:space", "TEAMS", [True, True, False, True, True]),
        ("Room 5; @meet @webex", "TEAMS", [True, True, False, True, True]),
    ],
)
def test_flags_by_keyword(location: str, join_type: str, expected: list[bool]) -> None:
    """The table of protocol 4.2."""

    async def story(world: World) -> None:
        room = Room(world)
        event = await room.invite(location=location)
        meeting = room.meeting(event)
        assert meeting is not None
        assert (meeting.meeting_join_type, flags(meeting)) == (join_type, expected)
        own = room.event(event)
        assert own.location == f"{location}; {meeting.join['meetingJoinURL']}"
        block = read_block(own.body, is_html=False)
        assert block is not None
        assert f"Video address: {meeting.join['meetingJoinURI']}" in block

    in_cloud(story)


def test_own_edit_makes_no_loop_and_html_keeps_its_form() -> None:
    async def story(world: World) -> None:
        room = Room(world)
        event = await room.invite(body="<html><body><p>Agenda</p></body></html>", is_html=True)
        assert room.hops("cal.patch") == ["cal.patch"]
        assert "cal.own_edit" in room.hops()
        body = room.event(event).body
        assert body.startswith("<html><body><p>Agenda</p><div>")
        assert body.count(FIRST_LINE) == 1
        here = len(world.trace.events)
        await world.clock.sleep(3600)
        assert not [one for one in list(world.trace.events)[here:] if one.kind.startswith("cal.")]

    in_cloud(story)


def test_a_block_that_somebody_removes_comes_back_and_one_without_keyword_goes() -> None:
    async def story(world: World) -> None:
        room = Room(world)
        event = await room.invite(body="Agenda")
        number = room.meeting(event).meeting_number  # type: ignore[union-attr]  # it is there
        room.do.invitation_update(event.uid, body="Other agenda")
        await quiet()
        assert FIRST_LINE in room.event(event).body
        assert "Other agenda" in room.event(event).body
        assert room.meeting(event).meeting_number == number  # type: ignore[union-attr]  # the same meeting as before
        link = room.event(event).location.removeprefix("@webex:onetime")
        room.do.invitation_update(event.uid, location="Room 5" + link)
        await quiet()
        assert FIRST_LINE not in room.event(event).body
        assert room.event(event).location == "Room 5"
        meeting = room.meeting(event)
        assert meeting is not None
        assert meeting.join == {}

    in_cloud(story)


def test_update_move_and_cancel_reach_the_room() -> None:
    async def story(world: World) -> None:
        room = Room(world)
        event = await room.invite()
        room.do.invitation_update(event.uid, subject="Design review")
        await quiet()
        room.do.invitation_update(event.uid, start=at(3), minutes=60)
        await quiet()
        meeting = room.meeting(event)
        assert meeting is not None
        assert (meeting.title, meeting.start, meeting.duration_minutes) == ("Design review", at(3), 60)
        room.do.invitation_cancel(event.uid)
        await quiet()
        assert room.meetings == []
        assert room.pushed == [
            "calendar.meeting.create",
            "calendar.meeting.update",
            "calendar.meeting.update",
            "calendar.meeting.delete",
        ]

    in_cloud(story)


def test_a_room_that_is_taken_out_loses_the_meeting_and_one_that_comes_gets_it() -> None:
    async def story(world: World) -> None:
        lab, hall = Room(world), Room(world, "Hall")
        event = await lab.invite()
        assert (len(lab.meetings), len(hall.meetings)) == (1, 0)
        lab.do.invitation_update(event.uid, rooms=[hall.workspace.id])
        await quiet()
        assert (len(lab.meetings), len(hall.meetings)) == (0, 1)
        assert {"calendar.meeting.create", "calendar.meeting.delete"} <= set(lab.pushed[1:])

    in_cloud(story)


def test_only_an_accepted_room_gets_the_meeting() -> None:
    """Rows O02, Z05, Z06 and H27."""

    async def story(world: World) -> None:
        room = Room(world)
        await room.invite()
        second = await room.invite(subject="Clash")
        assert [one.title for one in room.meetings] == ["Review"]
        assert room.event(second).attendees[0].answer is Answer.DECLINED
        room.do.mailbox(room.address, accept="never")
        third = await room.invite(hours=5)
        assert len(room.meetings) == 1
        room.do.settings(deliver_tentative=True)
        await quiet()
        assert room.world.cloud.mailboxes.occurrences(room.address, at(5), at(6))[0].answer is Answer.NOT_RESPONDED
        assert room.meeting(third) is None, "nobody has answered: that is not tentative"
        copy = room.world.cloud.mailboxes.occurrences(room.address, at(5), at(6))[0]
        room.world.cloud.mailboxes.respond(room.address, copy.id, Answer.TENTATIVE)
        await quiet()
        meeting = room.meeting(third)
        assert meeting is not None
        assert room.user is not None
        assert meeting.responses[room.user.id] == "TENTATIVE"
        room.do.settings(deliver_tentative=False)
        await quiet()
        assert room.meeting(third) is None
        room.do.mailbox(room.address, accept="decline")
        fourth = await room.invite(hours=7)
        assert room.event(fourth).attendees[0].answer is Answer.DECLINED
        room.do.mailbox(room.address, accept="auto")
        assert room.meeting(await room.invite(hours=9)) is not None

    in_cloud(story)


@pytest.mark.parametrize("delete_comments", [False, True])
@pytest.mark.parametrize("enabled", [False, True])
@pytest.mark.parametrize("where", ["body", "location"])
def test_delete_comments_2x2(delete_comments: bool, enabled: bool, where: str) -> None:
    """Row L20: only (true, not enabled) loses the button, and only when the address stands in the body (8.5)."""

    async def story(world: World) -> None:
        room = Room(world)
        room.do.mailbox(room.address, delete_comments=delete_comments)
        room.do.person("Ana Smith", enabled=enabled)
        text = {"location": "Room 5", "body": "", where: "Join 1234567@meet.example.com"}
        event = await room.invite(**text)
        meeting = room.meeting(event)
        assert meeting is not None
        assert bool(meeting.join) is not (delete_comments and not enabled and where == "body")
        assert room.known(event).copy_read == ("organizer" if enabled else "room")
        assert room.hops("cal.patch") == []

    in_cloud(story)


def test_a_keyword_acts_for_an_enabled_organizer_only() -> None:
    async def story(world: World) -> None:
        room = Room(world)
        room.do.person("Ana Smith", enabled=False)
        event = await room.invite()
        meeting = room.meeting(event)
        assert meeting is not None
        assert meeting.join == {}
        assert room.known(event).diagnostics == ("organizer_not_enabled",)
        room.do.person("Ana Smith", enabled=True)
        await quiet()
        assert flags(room.meeting(event)) == [True, True, True, False, True]
        assert FIRST_LINE in room.event(event).body

    in_cloud(story)


def test_without_a_personal_room_the_event_stays_untouched_until_one_is_tied() -> None:
    """Rows O10 and O12."""

    async def story(world: World) -> None:
        room = Room(world)
        room.do.settings(managed_site=False)
        event = await room.invite(location="@webex")
        meeting = room.meeting(event)
        assert meeting is not None
        assert meeting.join == {}
        assert room.event(event).location == "@webex"
        assert "no_personal_room" in room.known(event).diagnostics
        came = room.do.users_import(f"Email,preferredWebExSite\nana.smith@room.example,{SITE}\n")
        await quiet()
        assert came.changed == 1
        meeting = room.meeting(event)
        assert meeting is not None
        assert meeting.join["webexURI"] == f"ana.smith@{SITE}"
        assert room.pushed == ["calendar.meeting.create", "calendar.meeting.update"]

    in_cloud(story)


def test_a_room_that_accepts_first_is_told_without_join_fields_and_then_with_them() -> None:
    """Protocol 7.2, order of room decision and service."""

    async def story(world: World) -> None:
        room = Room(world)
        room.do.settings(join_delay_s=3.0)
        event = await room.invite()
        assert flags(room.meeting(event)) == [False] * 5
        await world.clock.sleep(3.1)
        assert flags(room.meeting(event)) == [True, True, True, False, True]
        assert room.pushed == ["calendar.meeting.create", "calendar.meeting.update"]

    in_cloud(story)


@pytest.mark.parametrize(
    ("address", "delivered"),
    [
        ("lab@room.example", True),
        ("LAB@Room.Example", True),
        ("lab2@room.example", False),
        ("lab@room.example.test", False),
    ],
)
def test_the_address_of_the_workspace_is_the_invited_one(address: str, delivered: bool) -> None:
    """Rows O07 and O09."""

    async def story(world: World) -> None:
        room = Room(world)
        event = await room.invite()
        room.do.workspace_calendar(room.workspace.id, "microsoft", address)
        await quiet()
        assert (room.meeting(event) is not None) is delivered
        room.do.workspace_calendar(room.workspace.id, "microsoft", "lab@room.example")
        await quiet()
        assert room.meeting(event) is not None
        room.do.workspace_calendar(room.workspace.id, "none")
        await quiet()
        assert room.meetings == []

    in_cloud(story)


def test_a_calendar_on_another_platform_gets_nothing_and_says_why() -> None:
    async def story(world: World) -> None:
        room = Room(world)
        event = await room.invite()
        room.do.workspace_calendar(room.workspace.id, "google", room.address)
        await quiet()
        assert room.meetings == []
        assert room.address not in room.do.service.watched
        later = await room.invite(3)
        assert room.meetings == []
        why = (await world.admin("GET", f"/roomsim/control/v1/why?meeting={later.uid}")).json["items"][0]["report"]
        first = why["findings"][0]
        assert (first["key"], "is google" in first["because"]) == ("workspace_no_calendar", True), why
        room.do.workspace_calendar(room.workspace.id, "microsoft", room.address)
        await quiet()
        assert [one.series_id for one in room.meetings] == [series_id(event.uid), series_id(later.uid)]

    in_cloud(story)


def test_a_device_that_comes_later_has_the_meetings_of_its_room() -> None:
    async def story(world: World) -> None:
        room = Room(world, device=False)
        event = await room.invite()
        pushes = len(room.pushed)
        room.user = world.cloud.directory.create_machine(room.workspace)
        assert room.meeting(event) is not None
        assert len(room.pushed) == pushes, "it catches up"

    in_cloud(story)


def test_a_meeting_that_is_too_long_is_announced_only() -> None:
    async def story(world: World) -> None:
        room = Room(world)
        await room.invite(body="x" * 20_000)
        await room.invite(hours=3)
        assert room.pushed == ["calendar.meeting.create.minimal", "calendar.meeting.create"]
        room.do.settings(minimal="always")
        event = await room.invite(hours=5)
        room.do.invitation_update(event.uid, subject="Other")
        await quiet()
        assert room.pushed[2:] == ["calendar.meeting.create.minimal", "calendar.meeting.update.minimal"]
        room.do.settings(minimal="never")
        await room.invite(hours=7, body="x" * 20_000)
        assert room.pushed[4:] == ["calendar.meeting.create"]

    in_cloud(story)


def test_instances_enter_the_window_day_by_day() -> None:
    async def story(world: World) -> None:
        room = Room(world)
        event = await room.invite(hours=1, recurrence="FREQ=DAILY;COUNT=60")
        days = [one.start.date() for one in room.meetings]
        assert days == [date(2026, 3, 2) + timedelta(days=n) for n in range(31)]
        assert len({one.id for one in room.meetings}) == 31
        assert {one.series_id for one in room.meetings} == {room.meetings[0].series_id}
        assert all(one.is_recurring and flags(one) == [True, True, True, False, True] for one in room.meetings)
        await world.clock.sleep(86_400)
        assert room.meetings[-1].start.date() == date(2026, 4, 2)
        await world.clock.sleep(9 * 86_400)
        assert room.meetings[0].start.date() == date(2026, 3, 5), "what ended more than 7 days ago is gone"
        room.do.invitation_cancel(event.uid)
        await quiet()
        assert room.meetings == []

    in_cloud(story)


def test_each_key_of_a_series_is_that_of_an_instance() -> None:
    async def story(world: World) -> None:
        room = Room(world)
        await room.invite(recurrence="FREQ=DAILY;COUNT=3")
        keys = [key.meeting_id for key in world.cloud.platform.store[KmsKey] if key.meeting_id]
        assert keys[0] == room.meetings[0].id
        assert {*keys} <= {meeting.id for meeting in room.meetings}

    in_cloud(story)


def test_moved_and_cancelled_instances() -> None:
    async def story(world: World) -> None:
        room = Room(world)
        event = await room.invite(hours=1, recurrence="daily;COUNT=5".replace("daily", "FREQ=DAILY"))
        before = {one.start.date(): one.id for one in room.meetings}
        room.do.invitation_update(event.uid, instance=date(2026, 3, 4), start=at(48 + 5))
        room.do.invitation_cancel(event.uid, instance=date(2026, 3, 5))
        await quiet()
        now = {one.start: one.id for one in room.meetings}
        assert now[at(48 + 5)] == before[date(2026, 3, 4)], "a moved instance keeps its id"
        assert before[date(2026, 3, 5)] not in now.values()
        assert len(now) == 4
        assert room.pushed[5:].count("calendar.meeting.delete") == 1
        assert room.pushed[5:].count("calendar.meeting.update") == 1

    in_cloud(story)


def test_an_instance_that_is_moved_in_another_zone_stays_itself() -> None:
    """08:00 in Tokyo is the day before in UTC, which is the zone that most programs move an instance in."""

    async def story(world: World) -> None:
        room = Room(world)
        event = await room.invite(hours=15, recurrence="FREQ=DAILY;COUNT=4", zone="Asia/Tokyo")
        ids = [meeting.id for meeting in room.meetings]
        instances = room.do.mailboxes.instances(event.mailbox, event.id, at(0), at(200))
        moved = instances[2].start.replace(tzinfo=None) + timedelta(hours=1)
        room.do.mailboxes.update(
            event.mailbox, instances[2].id, start=moved, end=moved + timedelta(minutes=30), zone="UTC", end_zone="UTC"
        )
        await quiet()
        assert [meeting.id for meeting in room.meetings] == ids
        assert [meeting.start for meeting in room.meetings] == [at(15), at(39), at(64), at(87)]
        assert room.pushed == ["calendar.meeting.create"] * 4 + ["calendar.meeting.update"]

    in_cloud(story)


def test_a_change_of_a_series_reaches_the_running_instance_too() -> None:
    """Row O61, the platform's half: Office 365 changes the running instance as well."""

    async def story(world: World) -> None:
        room = Room(world)
        event = await room.invite(hours=1, minutes=60, recurrence="FREQ=DAILY;COUNT=3")
        running = room.meetings[0]
        await world.clock.sleep(1.5 * 3600)
        room.do.invitation_update(event.uid, subject="Moved", start=at(1.25), minutes=60)
        await quiet()
        changed = room.meetings[0]
        assert (changed.id, changed.title, changed.start) == (running.id, "Moved", at(1.25))
        assert [one.start for one in room.meetings] == [at(1.25 + 24 * n) for n in range(3)]

    in_cloud(story)


def test_far_meetings_wait_for_the_daily_job() -> None:
    """Row O62: +7 months, with a booking window that lets it in."""

    async def story(world: World) -> None:
        room = Room(world)
        room.do.mailbox(room.address, booking_window_in_days=400)
        near = await room.invite(hours=24 * 20)
        far = await room.invite(hours=24 * 214)
        assert FIRST_LINE in room.event(near).body
        assert FIRST_LINE not in room.event(far).body
        assert room.known(far).reach == "later"
        await world.clock.sleep(86_400 * 28)
        assert room.known(far).reach == "later"
        await world.clock.sleep(86_400 * 5)
        assert room.known(far).reach == "now"
        assert FIRST_LINE in room.event(far).body
        assert room.meeting(far) is None, "the store reaches 31 days ahead"
        await world.clock.sleep(86_400 * 151)
        assert room.meeting(far) is not None

    in_cloud(story)


def test_a_deaf_subscription_loses_changes_until_it_is_renewed() -> None:
    """Protocol 7.4."""

    async def story(world: World) -> None:
        room = Room(world)
        event = await room.invite()
        world.cloud.use_cases.fault("deaf", "hybrid", "subscription_expired")
        room.do.invitation_cancel(event.uid)
        other = await room.invite(hours=3)
        assert room.meeting(event) is not None
        assert room.meeting(other) is None
        assert room.address in room.do.service.unheard
        await world.clock.sleep(86_400)
        assert room.meeting(event) is not None
        world.cloud.use_cases.heal("deaf")
        await world.clock.sleep(86_400)
        assert room.meeting(event) is None
        assert room.meeting(other) is not None
        assert room.do.service.unheard == {}

    in_cloud(story)


def test_a_subscription_that_the_platform_takes_away_is_made_anew() -> None:
    """Protocol 13.2, life cycle notifications."""

    async def story(world: World) -> None:
        room = Room(world)
        assert world.cloud.graph.subscriptions.take_away(room.address) == 1
        event = await room.invite()
        assert room.meeting(event) is not None

    in_cloud(story)


def test_what_was_missed_is_read() -> None:
    async def story(world: World) -> None:
        room = Room(world)
        world.cloud.use_cases.fault("lost", "hybrid", "notification_lost")
        event = await room.invite()
        world.cloud.use_cases.heal("lost")
        assert room.meetings == []
        one = next(one for one in world.cloud.graph.subscriptions.known(room.address))
        told = Notification("microsoft", one.id, room.address, "", Notice.MISSED)
        room.do.service._on_notification(told)
        await quiet()
        assert room.meeting(event) is not None

    in_cloud(story)


@pytest.mark.parametrize("recurrence", ["", "FREQ=WEEKLY;COUNT=3"])
def test_a_calendar_that_comes_late_has_far_meetings_too(recurrence: str) -> None:
    """A meeting that is beyond the store's window when the mailbox is first read comes when its day has come."""

    async def story(world: World) -> None:
        do, workspace = world.cloud.hybrid, world.cloud.use_cases.workspace_create("Lab")
        user = world.cloud.directory.create_machine(workspace)
        world.cloud.mailboxes.create_mailbox("lab@room.example", "Lab")
        do.person("Ana Smith", enabled=False)
        do.invite(
            "Ana Smith",
            at(24 * 40),
            30,
            rooms=["lab@room.example"],
            location="1@meet.example.com",
            recurrence=recurrence,
        )
        do.workspace_calendar(workspace.id, "microsoft", "lab@room.example")
        await quiet()
        assert len(do.invitations()) == 1
        assert world.cloud.platform.store[Meeting].where("user_ids", user.id) == []
        await world.clock.sleep(10 * 86_400)
        assert [one.start for one in world.cloud.platform.store[Meeting].where("user_ids", user.id)] == [at(24 * 40)]

    in_cloud(story)


def test_a_series_that_is_over_is_forgotten() -> None:
    async def story(world: World) -> None:
        room = Room(world)
        await room.invite(recurrence="FREQ=DAILY;COUNT=3")
        await room.invite(hours=2, recurrence="FREQ=DAILY;UNTIL=20260304T235959Z")
        endless = await room.invite(hours=3, recurrence="daily")
        await world.clock.sleep(9 * 86_400)
        assert len(room.do.invitations()) == 3
        await world.clock.sleep(3 * 86_400)
        assert [one.id for one in room.do.invitations()] == [endless.uid]

    in_cloud(story)


def test_what_does_not_fit_into_an_invitation_is_no_affair_of_its_writer() -> None:
    async def story(world: World) -> None:
        room = Room(world)
        event = await room.invite(body="x" * 999_990)
        assert flags(room.meeting(event)) == [True, True, True, False, True]
        assert room.known(event).diagnostics[-1] == "block_refused"
        assert room.hops("cal.patch") == ["cal.patch"]

    in_cloud(story)


def test_an_invitation_that_cannot_be_kept_is_taken_up_by_the_daily_job() -> None:
    async def story(world: World) -> None:
        room = Room(world)
        world.cloud.platform.store[HybridEvent].limit = 0
        event = await room.invite(hours=48)
        assert next(one.data["why"] for one in world.trace.events if one.kind == "cal.failed").startswith(
            "hybrid_events"
        )
        assert room.meetings == []
        world.cloud.platform.store[HybridEvent].limit = 10
        await world.clock.sleep(86_400)
        assert room.meeting(event) is not None

    in_cloud(story)


def test_the_daily_job_gives_others_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(world: World) -> None:
        room = Room(world)
        room.do.mailbox(room.address, allow_conflicts=True)
        for _ in range(5):
            room.do.invite("Ana Smith", at(1), 30, rooms=[room.workspace.id])
        monkeypatch.setattr(service, "DELIVERED_AT_ONCE", 2)
        seen: list[int] = []
        for _ in range(30):
            await asyncio.sleep(0)
            seen.append(len(room.meetings))
        assert sorted(set(seen)) in ([0, 2, 4, 5], [2, 4, 5])

    in_cloud(story)


def test_a_meeting_of_the_site_needs_no_mailbox() -> None:
    """Protocol 6.8."""

    async def story(world: World) -> None:
        room = Room(world)
        scheduled = room.do.webex_meeting("Town hall", at(1), 30, workspace_ids=[room.workspace.id])
        space = room.do.webex_meeting("Stand-up", at(2), 15, workspace_ids=[room.workspace.id], kind="space")
        assert (scheduled.meeting_join_type, flags(scheduled)) == ("WEBEX", [True, True, True, False, True])
        assert (space.meeting_join_type, flags(space)) == ("TEAMS", [True, True, False, True, True])
        assert [one.id for one in room.meetings] == [scheduled.id, space.id]
        assert room.pushed == ["calendar.meeting.create"] * 2
        assert room.do.site.by_number(scheduled.meeting_number) is not None

    in_cloud(story)


def test_the_service_comes_back_with_the_cloud(tmp_path: object) -> None:
    uids: list[str] = []

    async def before(world: World) -> None:
        room = Room(world)
        uids.append((await room.invite()).uid)

    async def after(world: World) -> None:
        await quiet()
        do = world.cloud.hybrid
        assert "lab@room.example" in do.service.watched
        assert world.trace.events
        assert not [one for one in world.trace.events if one.kind == "cal.patch"]
        do.invitation_update(uids[0], subject="After the restart")
        await quiet()
        assert [one.title for one in do.meetings_of(uids[0])] == ["After the restart"]
        do.invitation_cancel(uids[0])
        await quiet()
        assert do.meetings_of(uids[0]) == []
        assert do.invitations() == []

    in_cloud(before, state_dir=tmp_path)
    in_cloud(after, state_dir=tmp_path)


def test_a_room_that_declines_everything_does_so_after_a_restart_too(tmp_path: object) -> None:
    async def before(world: World) -> None:
        room = Room(world)
        room.do.mailbox(room.address, accept="decline")
        assert not world.cloud.platform.faults.armed

    async def after(world: World) -> None:
        do = world.cloud.hybrid
        made = do.invite("Ana Smith", at(1), 30, rooms=["lab@room.example"])
        assert [one.reason for one in do.decisions("lab@room.example", made.uid)] == ["policy"]
        do.mailbox("lab@room.example", accept="auto")
        made = do.invite("Ana Smith", at(1), 30, rooms=["lab@room.example"])
        assert [one.action for one in do.decisions("lab@room.example", made.uid)] == ["accept"]

    in_cloud(before, state_dir=tmp_path)
    in_cloud(after, state_dir=tmp_path)


def test_faults_of_the_hybrid_calendar() -> None:
    async def story(world: World) -> None:
        room, fault, heal = Room(world), world.cloud.use_cases.fault, world.cloud.use_cases.heal
        room.do.mailbox(room.address, delete_comments=False, booking_window_in_days=400)
        fault("f", "hybrid", "declined", target={"mailbox": room.address})
        event = await room.invite()
        assert room.meetings == []
        assert room.event(event).attendees[0].answer is Answer.DECLINED
        heal()
        fault("f", "hybrid", "keyword_unknown")
        event = await room.invite(hours=2)
        assert flags(room.meeting(event)) == [False] * 5
        assert "keyword_unknown" in room.known(event).diagnostics
        heal()
        fault("f", "hybrid", "beyond_window")
        event = await room.invite(hours=3)
        assert room.meeting(event) is None
        assert room.known(event).reach == "later"
        heal()
        await world.clock.sleep(86_400)
        assert room.meeting(event) is not None
        room.do.person("Ana Smith", enabled=False)
        fault("f", "hybrid", "delete_comments")
        event = await room.invite(hours=28, location="", body="1234567@meet.example.com")
        assert flags(room.meeting(event)) == [False] * 5

    in_cloud(story)
