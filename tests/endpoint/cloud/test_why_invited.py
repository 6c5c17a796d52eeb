"""Why is there no Join button: invitations through mailboxes and the Hybrid Calendar, broken in one place at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from cloud_stub.platform.context import CloudSettings
from endpoint.device import why as device_why
from endpoint.runtime.faults import Fault
from endpoint.wire.why import judge
from endpoint.wire.why_causes import CAUSE, Severity
from endpoint.wire.why_report import Report, State, Verdict
from tests.endpoint.cloud.stubbed import START, Stubbed, play

SOON = timedelta(hours=1)
ADDRESS = "1234567@site.webex.test"


class Office:
    """A device whose workspace has a room mailbox, and an organizer whom the service works for."""

    def __init__(self, stage: Stubbed) -> None:
        self.stage = stage
        self.hybrid = stage.cloud.hybrid
        self.workspace = ""
        self.room = ""

    async def open(self, *, calendar: bool = True) -> None:
        await self.stage.online()
        self.workspace = self.stage.cloud.why.device().workspace_id
        if calendar:
            self.room = self.hybrid.room(self.workspace).address
        self.hybrid.person("Ann", enabled=True)
        await self.stage.clock.sleep(1)

    async def invite(
        self, subject: str = "Review", *, organizer: str = "Ann", after: timedelta = SOON, **more: Any
    ) -> str:
        """Invite the room, and let everything happen that follows; returns the iCalUId."""
        more.setdefault("location", ADDRESS)
        more.setdefault("rooms", [self.room])
        minutes = more.pop("minutes", 30)
        event = self.hybrid.invite(organizer, self.stage.clock.now() + after, minutes, subject=subject, **more)
        await self.stage.clock.sleep(10)
        return event.uid

    def why(self, wanted: str) -> Report:
        stage = self.stage
        user = stage.cloud.why.device()
        (meeting, *_) = stage.cloud.why.find(wanted, user)
        report = judge(stage.cloud.why.evidence(meeting, user), device_why.evidence(stage.device, meeting))
        for finding in report.findings:
            assert {one.side for one in finding.proof} >= {"cloud", "device"}
        return report


def broken(report: Report) -> tuple[str, ...]:
    """Return what breaks or delays."""
    return tuple(key for key in report.keys if CAUSE[key].severity is not Severity.SPOILS)


def state(report: Report, link: str) -> State:
    return next(one.state for one in report.links if one.id == link)


def in_office(story: Callable[[Office], Awaitable[None]], **how: Any) -> None:
    async def main(stage: Stubbed) -> None:
        office = Office(stage)
        await office.open(**how)
        await story(office)

    play(main)


@pytest.mark.parametrize("more", [{}, {"location": "", "body": f"Join: {ADDRESS}"}])
def test_an_invitation_that_comes_through(more: dict[str, str]) -> None:
    async def story(office: Office) -> None:
        uid = await office.invite(**more)
        for wanted in (uid, "review", office.hybrid.meeting_id(uid)):
            report = office.why(wanted)
            assert (broken(report), report.verdict) == ((), Verdict.COMES)
        assert {one.id for one in report.links if one.state in (State.UNKNOWN, State.NOT_REACHED)} == set()
        assert report.links[0].text == f"ann@room.example invited {office.room}"

    in_office(story)


@pytest.mark.parametrize(
    ("settings", "minutes", "after", "reason"),
    [
        ({"booking_window_in_days": 7}, 30, timedelta(days=20), "window"),
        ({"maximum_duration_in_minutes": 60}, 90, SOON, "duration"),
        ({"accept": "decline"}, 30, SOON, "policy"),
    ],
)
def test_a_room_that_declines(settings: dict[str, Any], minutes: int, after: timedelta, reason: str) -> None:
    async def story(office: Office) -> None:
        office.hybrid.mailbox(office.room, **settings)
        report = office.why(await office.invite(minutes=minutes, after=after))
        assert broken(report) == ("room_declined",)
        assert f"reason {reason}" in report.findings[0].proof[0].text
        assert report.verdict is Verdict.MISSING

    in_office(story)


def test_two_layers_that_both_hold_a_far_meeting_back() -> None:
    async def story(office: Office) -> None:
        report = office.why(await office.invite(after=timedelta(days=200)))
        assert broken(report) == ("room_declined", "beyond_window")  # the mailbox first (17, row 11)

    in_office(story)


def test_a_room_that_is_busy_says_with_what() -> None:
    async def story(office: Office) -> None:
        await office.invite("Standup")
        report = office.why(await office.invite("Review"))
        assert broken(report) == ("room_declined",)
        assert "Standup" in report.findings[0].because

    in_office(story)


def test_a_room_that_leaves_it_to_a_person_and_is_healed() -> None:
    async def story(office: Office) -> None:
        office.hybrid.mailbox(office.room, accept="never")
        uid = await office.invite()
        assert broken(office.why(uid)) == ("mailbox_not_auto_accept",)
        office.hybrid.mailbox(office.room, accept="auto")
        office.hybrid.invitation_update(uid, start=START + timedelta(hours=2))
        await office.stage.clock.sleep(10)
        assert broken(office.why(uid)) == ()

    in_office(story)


def test_an_organizer_from_outside() -> None:
    async def story(office: Office) -> None:
        report = office.why(await office.invite(organizer="eve@elsewhere.example"))
        assert broken(report) == ("external_sender",)

    in_office(story)


def test_another_address_at_the_workspace() -> None:
    async def story(office: Office) -> None:
        uid = await office.invite()
        office.hybrid.workspace_calendar(office.workspace, "microsoft", "other@room.example")
        await office.stage.clock.sleep(10)
        report = office.why(uid)
        assert broken(report) == ("workspace_address_mismatch",)
        office.hybrid.workspace_calendar(office.workspace, "microsoft", office.room)
        await office.stage.clock.sleep(10)
        assert broken(office.why(uid)) == ()

    in_office(story)


def test_a_room_that_nobody_invited() -> None:
    async def story(office: Office) -> None:
        await office.invite("Forgotten", rooms=[])
        report = office.why("Forgotten")
        assert broken(report) == ("workspace_address_mismatch",)
        assert "but no room was invited" in report.findings[0].because
        assert office.stage.cloud.why.ahead(office.stage.cloud.why.device(), START) == []

    in_office(story)


def test_join_fields_that_need_a_key_while_there_is_none() -> None:
    async def story(stage: Stubbed) -> None:
        office = Office(stage)
        await office.open()
        stage.faults.arm(Fault("keys", "kms", "silent", {"step": "answer"}))
        report = office.why(await office.invite())
        assert (report.keys, report.verdict) == (("kms_down",), Verdict.COMES)
        assert "pressing it fails as well" in report.findings[0].because

    play(story, cloud_settings=CloudSettings(kms_join_fields="strict"))


@pytest.mark.parametrize("step", ["none", "organization"])
def test_a_step_of_the_setup_that_is_missing(step: str) -> None:
    async def story(office: Office) -> None:
        if step == "none":
            office.hybrid.workspace_calendar(office.workspace, "none")
        else:
            office.hybrid.settings(provisioned=False)
        report = office.why(await office.invite())
        assert broken(report) == ("workspace_no_calendar",)
        text = next(one.text for one in report.links if one.id == "workspace")
        assert ("switch the calendar of Lab on" if step == "none" else "set up Hybrid Calendar") in text

    in_office(story)


@pytest.mark.parametrize("deletes", [True, False])
@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("place", ["location", "body"])
def test_delete_comments(deletes: bool, enabled: bool, place: str) -> None:
    async def story(office: Office) -> None:
        office.hybrid.mailbox(office.room, delete_comments=deletes)
        office.hybrid.person("Ann", enabled=enabled)
        where = {"location": "", "body": ""} | {place: f"Please join {ADDRESS}"}
        report = office.why(await office.invite(**where))
        is_lost = deletes and not enabled and place == "body"
        assert broken(report) == (("delete_comments",) if is_lost else ())

    in_office(story)


def test_nothing_to_join() -> None:
    async def story(office: Office) -> None:
        report = office.why(await office.invite(location="Room 12", body="Bring cake"))
        assert broken(report) == ("no_join_field",)

    in_office(story)


@pytest.mark.parametrize(("tied", "keys"), [(True, ()), (False, ("no_personal_room",))])
def test_a_keyword_and_a_personal_room(tied: bool, keys: tuple[str, ...]) -> None:
    async def story(office: Office) -> None:
        site = office.hybrid.settings().sites[0]
        office.hybrid.person("Ann", personal_room=tied, preferred_site=site if tied else "")
        report = office.why(await office.invite(location="@webex"))
        assert broken(report) == keys

    in_office(story)


def test_a_meeting_beyond_the_store() -> None:
    async def story(office: Office) -> None:
        report = office.why(await office.invite(after=timedelta(days=33)))
        assert (broken(report), report.verdict, report.is_good) == (("beyond_window",), Verdict.COMES, True)
        comes = report.findings[0].proof[0].at
        assert comes is not None
        await office.stage.clock.sleep((comes - office.stage.clock.now()).total_seconds() + 60)
        assert broken(office.why("Review")) == ()

    in_office(story)


def test_a_meeting_beyond_what_is_picked_up() -> None:
    async def story(office: Office) -> None:
        office.hybrid.mailbox(office.room, booking_window_in_days=400)
        report = office.why(await office.invite(after=timedelta(days=210)))
        assert broken(report) == ("beyond_window",)
        assert "5 to 6 months" in report.findings[0].because

    in_office(story)


def test_a_subscription_that_has_expired() -> None:
    async def story(office: Office) -> None:
        before = await office.invite("Before", after=timedelta(hours=3))
        office.stage.faults.arm(Fault("f", "hybrid", "subscription_expired", {"step": "subscription"}))
        report = office.why(await office.invite())
        assert broken(report) == ("subscription_expired",)
        report = office.why(before)
        assert (broken(report), state(report, "notification")) == ((), State.FLAWED)
        office.stage.faults.heal("f")
        office.hybrid.service.renew(office.room)
        office.hybrid.service.renew("ann@room.example")
        await office.stage.clock.sleep(10)
        assert broken(office.why("Review")) == ()

    in_office(story)


def test_several_at_once_stand_in_the_order_of_the_chain() -> None:
    async def story(office: Office) -> None:
        office.hybrid.mailbox(office.room, accept="decline")
        await office.stage.device.mercury.stop()
        report = office.why(await office.invite(location="nowhere"))
        assert broken(report) == ("room_declined", "no_join_field", "websocket_down")

    in_office(story)


def test_meetings_that_never_came_are_listed_too() -> None:
    async def story(office: Office) -> None:
        office.hybrid.mailbox(office.room, accept="decline")
        await office.invite()
        user = office.stage.cloud.why.device()
        assert len(office.stage.cloud.why.ahead(user, START)) == 1

    in_office(story)


def test_a_series_is_asked_about_by_its_next_instance() -> None:
    async def story(office: Office) -> None:
        await office.invite("Daily", recurrence="FREQ=DAILY;COUNT=5")
        report = office.why("Daily")
        assert (broken(report), report.verdict) == ((), Verdict.COMES)
        await office.stage.clock.sleep(24 * 3600)
        later = office.why("Daily")
        assert later.meeting.start == report.meeting.start + timedelta(days=1)  # type: ignore[operator]
        assert later.meeting.id != report.meeting.id
        assert broken(later) == ()

    in_office(story)


def test_a_cancelled_meeting() -> None:
    async def story(office: Office) -> None:
        uid = await office.invite()
        office.hybrid.invitation_cancel(uid)
        await office.stage.clock.sleep(10)
        report = office.why(uid)
        assert report.headline in ("The meeting was cancelled.", "No Join button: neither side knows such a meeting.")

    in_office(story)


def test_looking_changes_nothing() -> None:
    async def story(office: Office) -> None:
        office.stage.faults.arm(Fault("f", "hybrid", "keyword_unknown", {"step": "keyword"}, count=1))
        office.stage.faults.arm(Fault("g", "calendar", "no_join_fields", {"step": "dto"}, count=1))
        uid = await office.invite("Far", after=timedelta(days=2))
        used, events = [fault.used for fault in office.stage.faults.armed], len(office.stage.trace.events)
        office.why(uid)
        assert [fault.used for fault in office.stage.faults.armed] == used
        assert len(office.stage.trace.events) == events

    in_office(story)
